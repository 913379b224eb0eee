"""The torch engine: the same primitives for tensors on any device, without TF32 in a distance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch

from infotheory.ops import (
    MixtureLogSums,
    Neighbours,
    tensor_gram,
    tensor_kernel_sums,
    tensor_mixture,
    tensor_rows,
    tensor_slices,
    tensor_transport,
)
from infotheory.ops import tensor_neighbours as neighbour_tiles


def row_codes(
    x: Any,
    *,
    edges: np.ndarray | None = None,
    low: float = 0.0,
    step: float | None = None,
    bins: int | None = None,
) -> np.ndarray:
    x = torch.as_tensor(x)
    x = x[:, None] if x.ndim == 1 else x
    codes, _ = tensor_rows.row_codes(x, edges=edges, low=low, step=step, bins=bins)
    return codes


def bincount(codes: Any) -> np.ndarray:
    return torch.bincount(torch.as_tensor(codes)).cpu().numpy()


def unique_values(x: Any) -> np.ndarray:
    return torch.unique(torch.as_tensor(x)).cpu().numpy()


def quantiles(x: Any, parts: int) -> np.ndarray:
    # By sorting, since torch.quantile refuses more than 2**24 entries.
    ordered = torch.sort(torch.as_tensor(x).flatten()).values
    place = torch.arange(1, parts, device=ordered.device) * len(ordered) // parts
    return ordered[place].cpu().numpy()


def value_range(x: Any) -> tuple[float, float]:
    low, high = torch.aminmax(torch.as_tensor(x))
    return float(low), float(high)


def column_ranges(x: Any) -> tuple[np.ndarray, np.ndarray]:
    x = torch.as_tensor(x)
    return x.amin(0).double().cpu().numpy(), x.amax(0).double().cpu().numpy()


def standardise(x: Any) -> tuple[Any, np.ndarray]:
    x = torch.as_tensor(x).double()
    scale = x.abs().amax(dim=0)
    _, exponent = torch.frexp(torch.where(scale > 0, scale, 1.0))
    half = exponent // 2  # in two steps, since 2**1074 is no double
    x = torch.ldexp(torch.ldexp(x, -half), half - exponent)
    # Sums in sorted order do not depend on that of the rows, not in their last bit either; and
    # with each value goes its mirror image, so that a change of sign changes nothing else.
    ordered = x.sort(dim=0).values
    mean, varies = (ordered + ordered.flip(0)).mean(dim=0) / 2, ordered[-1] > ordered[0]
    # The mean of a constant column can differ from it by rounding, which is no deviation.
    centred = torch.where(varies, x - mean, 0.0)
    squares = (ordered - mean).square()
    deviation = torch.where(varies, ((squares + squares.flip(0)).mean(dim=0) / 2).sqrt(), 0.0)
    logs = deviation.log() + exponent.double() * math.log(2.0)
    return centred / torch.where(deviation > 0, deviation, 1.0), logs.cpu().numpy()


def rank(x: Any) -> Any:
    columns = [_rank_of_column(column) for column in torch.as_tensor(x).T]
    return torch.stack(columns, dim=1)


def covariance(*parts: Any) -> np.ndarray:
    x = torch.cat([torch.as_tensor(part).double() for part in parts], dim=1)
    centred = x - x.mean(dim=0)
    if centred.device.type == "cpu":  # torch's product has other last bits for other threads
        columns = centred.numpy()
        return columns.T @ columns / len(x)
    return (centred.T @ centred / len(x)).cpu().numpy()


def combined(parts: Sequence[Any], matrix: np.ndarray) -> Any:
    x = torch.cat([torch.as_tensor(part).double() for part in parts], dim=1)
    if x.device.type == "cpu":  # as for the covariance
        return torch.from_numpy(x.numpy() @ matrix)
    return x @ torch.from_numpy(matrix).to(x.device)


def neighbours(
    parts: Sequence[Any], k: int, metric: str, *, counts: bool = True, every: bool = False
) -> Neighbours:
    found = neighbour_tiles.neighbours(_tensors(parts), k, metric, counts, every=every)
    return Neighbours(*found)


def cross_neighbours(
    points: Any, samples: Any, k: int, metric: str, *, every: bool = False
) -> np.ndarray:
    samples = torch.as_tensor(samples)
    points = torch.as_tensor(points, device=samples.device)
    return neighbour_tiles.cross_neighbours(points, samples, k, metric, every=every)


def nearer(parts: Sequence[Any], radius: np.ndarray, metric: str) -> np.ndarray:
    return neighbour_tiles.nearer(_tensors(parts), radius, metric)


def extents(parts: Sequence[Any], radius: np.ndarray, metric: str) -> np.ndarray:
    return neighbour_tiles.extents(_tensors(parts), radius, metric)


def permuted_counts(parts: Sequence[Any], k: int, metric: str, orders: np.ndarray) -> np.ndarray:
    x, y = _tensors(parts)
    index = torch.from_numpy(orders).to(y.device)
    found = [neighbour_tiles.neighbours([x, y[order]], k, metric)[1] for order in index]
    return np.stack(cast(list[np.ndarray], found), axis=1)


def mixture_log_sums(x: Any, variance: float, classes: Any | None = None) -> MixtureLogSums:
    x = torch.as_tensor(x).double()
    classes = None if classes is None else torch.as_tensor(classes, device=x.device)
    return MixtureLogSums(*tensor_mixture.mixture_log_sums(x, variance, classes))


def mixture_log_density(x: Any, points: Any, variance: float) -> np.ndarray:
    x = torch.as_tensor(x).double()
    points = torch.as_tensor(points, device=x.device).double()
    return tensor_mixture.mixture_density_log(x, points, variance)


def kernel_log_sums(parts: Sequence[Any], variance: float) -> np.ndarray:
    x = torch.cat([torch.as_tensor(part).double() for part in parts], dim=1)
    return tensor_mixture.kernel_log_sums(x, variance)


def kernel_row_sums(
    points: Sequence[Any],
    samples: Sequence[Any] | None = None,
    *,
    precision: str = "double",
    mutual: bool = False,
) -> np.ndarray:
    rows = _tensors(points)
    columns = None if samples is None else _tensors(samples)
    with torch.no_grad():
        sums = [tensor_kernel_sums.kernel_row_sums(rows, columns, precision=precision)]
        if columns is not None and mutual:
            sums.append(tensor_kernel_sums.kernel_row_sums(columns, rows, precision=precision))
    return torch.cat(sums, dim=1).cpu().numpy()


def distance_quantile(x: Any, quantile: float) -> float:
    return tensor_kernel_sums.distance_quantile(torch.as_tensor(x).double(), quantile)


def gram(x: Any, *, precision: str = "double") -> Any:
    return tensor_gram.gram(torch.as_tensor(x).double(), precision=precision)


def spectrum(matrix: Any) -> np.ndarray:
    return tensor_gram.spectrum(matrix)


def scale_matrix(matrix: Any, scales: np.ndarray) -> Any:
    return tensor_gram.scale_matrix(matrix, scales)


def matrix_product(matrix: Any, vectors: np.ndarray, *, squared: bool = False) -> np.ndarray:
    return tensor_gram.matrix_product(matrix, vectors, squared=squared)


def kernel_product(x: Any, vectors: np.ndarray, *, precision: str = "double") -> np.ndarray:
    x = torch.as_tensor(x).double()
    return tensor_gram.kernel_product(x, vectors, precision=precision)


def sliced_costs(x: Any, y: Any, directions: np.ndarray, order: float) -> np.ndarray:
    return tensor_slices.sliced_costs(_tensor(x), _tensor(y), directions, order)


def slice_slope(x: Any, y: Any, direction: np.ndarray, order: float) -> tuple[float, np.ndarray]:
    return tensor_slices.slice_slope(_tensor(x), _tensor(y), direction, order)


def free_memory(x: Any) -> int:
    return tensor_gram.free_memory(torch.as_tensor(x).device)


def squared_distances(x: Any, y: Any) -> Any:
    return tensor_transport.squared_distances(*_tensors([x, y]))


def matrix_room(source: Any) -> Any:
    return torch.empty_like(torch.as_tensor(source))


def soft_minimum(
    source: Any,
    potential: np.ndarray,
    reg: float,
    weights: np.ndarray | None = None,
    plan: Any | None = None,
    *,
    precision: str = "double",
) -> tuple[np.ndarray, np.ndarray]:
    source = _source(source)
    return tensor_transport.soft_minimum(source, potential, reg, weights, plan, precision=precision)


def plan_sums(
    source: Any, rows: np.ndarray, columns: np.ndarray, reg: float
) -> tuple[np.ndarray, np.ndarray, float]:
    return tensor_transport.plan_sums(_source(source), rows, columns, reg)


def rounded_value(
    source: Any,
    rows: np.ndarray,
    columns: np.ndarray,
    reg: float,
    excess: tuple[np.ndarray, np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
) -> float:
    return tensor_transport.rounded_value(_source(source), rows, columns, reg, excess, weights)


def scaling_step(
    kernel: Any, v: np.ndarray, u: np.ndarray, weights: np.ndarray, relaxation: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tensor_transport.scaling_step(torch.as_tensor(kernel), v, u, weights, relaxation)


def plan_product(plan: Any, vector: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return tensor_transport.plan_product(torch.as_tensor(plan), vector, weights)


def plan_squares(plan: Any, weights: np.ndarray) -> np.ndarray:
    return tensor_transport.plan_squares(torch.as_tensor(plan), weights)


def plan_gram(plan: Any, weights: np.ndarray) -> np.ndarray:
    return tensor_transport.plan_gram(torch.as_tensor(plan), weights)


def plan_quantile(plan: Any, quantile: float) -> float:
    return tensor_transport.plan_quantile(torch.as_tensor(plan), quantile)


def sparse_plan(plan: Any, rows: np.ndarray, columns: np.ndarray, share: float) -> Any | None:
    return None  # a matrix is faster than its list wherever torch is chosen for speed


def transport_batch(
    costs: Any,
    a: np.ndarray,
    b: np.ndarray,
    reg: np.ndarray,
    tol: float,
    most: int,
    start: np.ndarray | None = None,
) -> tuple[np.ndarray, ...]:
    return tensor_transport.transport_batch(torch.as_tensor(costs), a, b, reg, tol, most, start)


def threads() -> int:
    return torch.get_num_threads()


def set_threads(count: int) -> None:
    torch.set_num_threads(count)


def _rank_of_column(column: torch.Tensor) -> torch.Tensor:
    _, place, counts = torch.unique(column, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts - 1) / 2)[place]


def _tensor(x: Any) -> torch.Tensor:
    return torch.as_tensor(x).double()


def _tensors(parts: Sequence[Any]) -> list[torch.Tensor]:
    return [torch.as_tensor(part).double() for part in parts]


def _source(source: Any) -> Any:
    return tuple(_tensors(source)) if isinstance(source, tuple) else torch.as_tensor(source)
