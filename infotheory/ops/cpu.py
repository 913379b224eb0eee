"""The CPU engine: numba kernels where loops are needed, numpy where it is already fast."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

import numba
import numpy as np
from scipy.stats import rankdata

from infotheory.ops import MixtureLogSums, Neighbours, ranges
from infotheory.ops.kernels import (
    crossing,
    kernel_sums,
    mixture,
    pair_distances,
    permuted,
    rows,
    transport,
)
from infotheory.ops.kernels import gram as matrices
from infotheory.ops.kernels import neighbours as neighbour_kernels
from infotheory.ops.kernels import slices as on_lines
from infotheory.ops.kernels import transport_batch as transport_batches
from infotheory.ops.kernels.threads import blas_threads

#: Squares of numbers up to 2 to this power, and sums of them, are within the range of float64.
_SQUARES_FIT = 256
_SMALL_SQUARES, _LARGE_SQUARES = 2.0**-_SQUARES_FIT, 2.0**_SQUARES_FIT

Primitive = TypeVar("Primitive", bound=Callable[..., Any])


def _leaving_torch_its_threads(primitive: Primitive) -> Primitive:
    """A primitive after which torch computes with as many threads as before.

    A parallel loop of numba sets the number of OpenMP threads, which torch may share: a network
    would then train with more threads than it was told to, slower, and with other last bits.
    """

    @functools.wraps(primitive)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        torch = sys.modules.get("torch")
        if torch is None:
            return primitive(*arguments, **options)
        before = torch.get_num_threads()
        try:
            return primitive(*arguments, **options)
        finally:
            if torch.get_num_threads() != before:
                torch.set_num_threads(before)

    return cast(Primitive, wrapped)


@_leaving_torch_its_threads
def row_codes(
    x: Any,
    *,
    edges: np.ndarray | None = None,
    low: float = 0.0,
    step: float | None = None,
    bins: int | None = None,
) -> np.ndarray:
    codes, _ = rows.row_codes(_columns(x), edges=edges, low=low, step=step, bins=bins)
    return codes


def bincount(codes: Any) -> np.ndarray:
    return np.bincount(codes)


def unique_values(x: Any) -> np.ndarray:
    # For few values numpy's own takes four times as long.
    ordered = np.sort(x, axis=None)
    differs = ordered[1:] != ordered[:-1]
    return ordered if differs.all() else ordered[np.append(True, differs)]


def quantiles(x: Any, parts: int) -> np.ndarray:
    place = np.arange(1, parts) * x.size // parts
    return np.partition(x, place, axis=None)[place]


def value_range(x: Any) -> tuple[float, float]:
    return float(x.min()), float(x.max())


def column_ranges(x: Any) -> tuple[np.ndarray, np.ndarray]:
    return x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)


def standardise(x: Any) -> tuple[Any, np.ndarray]:
    x = np.asarray(x, dtype=np.float64)
    ordered = np.sort(x, axis=0)
    exponent = _exponent(np.maximum(-ordered[0], ordered[-1]))
    if exponent is not None:
        # A power of two for each column changes no digit.
        x, ordered = np.ldexp(x, -exponent), np.ldexp(ordered, -exponent)
    # Sums in sorted order do not depend on that of the rows, not in their last bit either; and
    # with each value goes its mirror image, so that a change of sign changes nothing else.
    twice = 2 * len(x)
    mean, varies = np.add.reduce(ordered + ordered[::-1]) / twice, ordered[-1] > ordered[0]
    ordered -= mean
    squares = np.square(ordered, out=ordered)
    deviation = np.sqrt(np.add.reduce(squares + squares[::-1]) / twice)
    centred = np.subtract(x, mean, out=squares)
    if not varies.all():
        # The mean of a constant column can differ from it by rounding, which is no deviation.
        centred[:, ~varies], deviation = 0.0, np.where(varies, deviation, 0.0)
    centred /= np.where(deviation > 0, deviation, 1.0)
    with np.errstate(divide="ignore"):
        logs = np.log(deviation)
    return centred, logs if exponent is None else logs + exponent * math.log(2.0)


def rank(x: Any) -> Any:
    return rankdata(x, axis=0)


def covariance(*parts: Any) -> np.ndarray:
    x = np.concatenate([np.asarray(part, dtype=np.float64) for part in parts], axis=1)
    centred = x - x.mean(axis=0)
    return centred.T @ centred / len(x)


def combined(parts: Sequence[Any], matrix: np.ndarray) -> Any:
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts], axis=1) @ matrix


@_leaving_torch_its_threads
def neighbours(
    parts: Sequence[Any], k: int, metric: str, *, counts: bool = True, every: bool = False
) -> Neighbours:
    return Neighbours(*neighbour_kernels.neighbours(parts, k, metric, counts, every=every))


@_leaving_torch_its_threads
def cross_neighbours(
    points: Any, samples: Any, k: int, metric: str, *, every: bool = False
) -> np.ndarray:
    return crossing.cross_neighbours(points, samples, k, metric, every=every)


@_leaving_torch_its_threads
def nearer(parts: Sequence[Any], radius: np.ndarray, metric: str) -> np.ndarray:
    return neighbour_kernels.nearer(parts, radius, metric)


@_leaving_torch_its_threads
def extents(parts: Sequence[Any], radius: np.ndarray, metric: str) -> np.ndarray:
    return neighbour_kernels.extents(parts, radius, metric)


@_leaving_torch_its_threads
def permuted_counts(parts: Sequence[Any], k: int, metric: str, orders: np.ndarray) -> np.ndarray:
    return permuted.permuted_counts(parts, k, metric, orders)


@_leaving_torch_its_threads
def mixture_log_sums(x: Any, variance: float, classes: Any | None = None) -> MixtureLogSums:
    x = np.require(x, np.float64, ["C", "W"])
    return MixtureLogSums(*mixture.mixture_log_sums(x, variance, classes))


@_leaving_torch_its_threads
def mixture_log_density(x: Any, points: Any, variance: float) -> np.ndarray:
    x = np.require(x, np.float64, ["C", "W"])
    points = np.require(points, np.float64, ["C", "W"])
    return mixture.mixture_density_log(x, points, variance)


@_leaving_torch_its_threads
def kernel_log_sums(parts: Sequence[Any], variance: float) -> np.ndarray:
    x = np.concatenate([np.asarray(part, dtype=np.float64) for part in parts], axis=1)
    return mixture.kernel_log_sums(x, variance)


@_leaving_torch_its_threads
def kernel_row_sums(
    points: Sequence[Any],
    samples: Sequence[Any] | None = None,
    *,
    precision: str = "double",
    mutual: bool = False,
) -> np.ndarray:
    return kernel_sums.kernel_row_sums(points, samples, precision=precision, mutual=mutual)


@_leaving_torch_its_threads
def distance_quantile(x: Any, quantile: float) -> float:
    return pair_distances.distance_quantile(np.asarray(x, dtype=np.float64), quantile)


def gram(x: Any, *, precision: str = "double") -> Any:
    return matrices.gram(x, precision=precision)


def spectrum(matrix: Any) -> np.ndarray:
    return matrices.spectrum(matrix)


def scale_matrix(matrix: Any, scales: np.ndarray) -> Any:
    return matrices.scale_matrix(matrix, scales)


def matrix_product(matrix: Any, vectors: np.ndarray, *, squared: bool = False) -> np.ndarray:
    return matrices.matrix_product(matrix, vectors, squared=squared)


def kernel_product(x: Any, vectors: np.ndarray, *, precision: str = "double") -> np.ndarray:
    return matrices.kernel_product(x, vectors, precision=precision)


def sliced_costs(x: Any, y: Any, directions: np.ndarray, order: float) -> np.ndarray:
    return on_lines.sliced_costs(x, y, directions, order)


def slice_slope(x: Any, y: Any, direction: np.ndarray, order: float) -> tuple[float, np.ndarray]:
    return on_lines.slice_slope(x, y, direction, order)


def free_memory(x: Any) -> int:
    return ranges.free_memory()


@_leaving_torch_its_threads
def squared_distances(x: Any, y: Any) -> Any:
    return transport.squared_distances(
        np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    )


def matrix_room(source: Any) -> Any:
    return np.empty_like(source)


@_leaving_torch_its_threads
def soft_minimum(
    source: Any,
    potential: np.ndarray,
    reg: float,
    weights: np.ndarray | None = None,
    plan: Any | None = None,
    *,
    precision: str = "double",
) -> tuple[np.ndarray, np.ndarray]:
    return transport.soft_minimum(source, potential, reg, weights, plan, precision=precision)


@_leaving_torch_its_threads
def plan_sums(
    source: Any, rows: np.ndarray, columns: np.ndarray, reg: float
) -> tuple[np.ndarray, np.ndarray, float]:
    return transport.plan_sums(source, rows, columns, reg)


@_leaving_torch_its_threads
def rounded_value(
    source: Any,
    rows: np.ndarray,
    columns: np.ndarray,
    reg: float,
    excess: tuple[np.ndarray, np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
) -> float:
    return transport.rounded_value(source, rows, columns, reg, excess, weights)


@_leaving_torch_its_threads
def scaling_step(
    kernel: Any, v: np.ndarray, u: np.ndarray, weights: np.ndarray, relaxation: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return transport.scaling_step(kernel, v, u, weights, relaxation)


@_leaving_torch_its_threads
def plan_product(plan: Any, vector: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return transport.plan_product(plan, vector, weights)


@_leaving_torch_its_threads
def plan_squares(plan: Any, weights: np.ndarray) -> np.ndarray:
    return transport.plan_squares(plan, weights)


@_leaving_torch_its_threads
def plan_gram(plan: Any, weights: np.ndarray) -> np.ndarray:
    return transport.plan_gram(plan, weights)


def plan_quantile(plan: Any, quantile: float) -> float:
    place = min(max(int(quantile * plan.size), 0), plan.size - 1)
    return float(np.partition(plan, place, axis=None)[place])


@_leaving_torch_its_threads
def sparse_plan(plan: Any, rows: np.ndarray, columns: np.ndarray, share: float) -> Any | None:
    return transport.sparse_plan(plan, rows, columns, share)


@_leaving_torch_its_threads
def transport_batch(
    costs: Any,
    a: np.ndarray,
    b: np.ndarray,
    reg: np.ndarray,
    tol: float,
    most: int,
    start: np.ndarray | None = None,
) -> tuple[np.ndarray, ...]:
    return transport_batches.batch(costs, a, b, reg, tol, most, start)


def threads() -> int:
    return numba.get_num_threads()


def set_threads(count: int) -> None:
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]


def one_thread_each() -> AbstractContextManager[None]:
    return blas_threads(1)


def _columns(x: Any) -> Any:
    return x[:, None] if x.ndim == 1 else x


def _exponent(largest: np.ndarray) -> np.ndarray | None:
    """Exponents of the powers of two next above, or None where all squares fit as they are."""
    if largest.min() > _SMALL_SQUARES and largest.max() < _LARGE_SQUARES:
        return None
    exponent = np.frexp(np.where(largest > 0, largest, 1.0))[1]
    return exponent if np.abs(exponent).max() > _SQUARES_FIT else None
