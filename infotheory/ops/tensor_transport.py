"""Passes over a transport plan, for torch tensors on any device.

Vectors come and go as numpy arrays, as everywhere between an engine and a solver; matrices stay
where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infotheory.ops.tensor_mixture import squared_distances as distances
from infotheory.ops.tensor_mixture import stretches

__all__ = [
    "plan_gram",
    "plan_product",
    "plan_quantile",
    "plan_squares",
    "plan_sums",
    "rounded_value",
    "scaling_step",
    "soft_minimum",
    "squared_distances",
    "transport_batch",
]


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """(n, m) squared distances, from differences, in float64."""
    out = x.new_empty(len(x), len(y))
    for start, stop in stretches(len(x), len(y), x.device.type):
        out[start:stop] = distances(x[start:stop], y)
    return out


def soft_minimum(
    source: Any,
    potential: np.ndarray,
    reg: float,
    weights: np.ndarray | None,
    plan: Tensor | None,
    *,
    precision: str = "double",
) -> tuple[np.ndarray, np.ndarray]:
    """As `ops.kernels.transport.soft_minimum`."""
    device = _device(source)
    folded = _vector(potential, device)
    minima = []
    columns = torch.zeros_like(folded)
    if precision == "single" and isinstance(source, tuple) and plan is None:
        x, y = source
        source, folded = ((x - y.mean(dim=0)).float(), (y - y.mean(dim=0)).float()), folded.float()
    for band, costs in _tiles(source):
        terms = costs.sub(folded).mul_(-1 / reg)
        top = terms.amax(dim=1, keepdim=True)
        shift = torch.where(top.isfinite(), top, 0.0)
        terms.sub_(shift).exp_()
        total = terms.sum(dim=1, keepdim=True, dtype=torch.float64)
        minima.append((-reg * (shift + total.log())).squeeze(1))
        if weights is not None:
            share = _vector(weights[band], device)[:, None] / torch.where(total > 0, total, 1.0)
            terms.mul_(share)
            columns += terms.sum(dim=0, dtype=torch.float64)
        if plan is not None:
            plan[band] = terms
    found = torch.cat(minima).cpu().numpy()
    return found, columns.cpu().numpy() if weights is not None else np.empty(0)


def plan_sums(
    source: Any, rows: np.ndarray, columns: np.ndarray, reg: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """As `ops.kernels.transport.plan_sums`."""
    device = _device(source)
    above, beside = _vector(rows, device), _vector(columns, device)
    sums, costs = [], []
    totals = torch.zeros_like(beside)
    for band, lines in _tiles(source):
        plan = (above[band, None] + (beside - lines)).div_(reg).exp_()
        sums.append(plan.sum(dim=1))
        totals += plan.sum(dim=0)
        costs.append(torch.where(plan > 0, plan * lines, 0.0).sum(dim=1))
    return torch.cat(sums).cpu().numpy(), totals.cpu().numpy(), float(torch.cat(costs).sum())


def rounded_value(
    source: Any,
    rows: np.ndarray,
    columns: np.ndarray,
    reg: float,
    excess: tuple[np.ndarray, np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
) -> float:
    """As `ops.kernels.transport.rounded_value`."""
    device = _device(source)
    above, beside = _vector(rows, device), _vector(columns, device)
    more, added = (_vector(part, device) for part in excess)
    a, b = (_vector(part, device).log() for part in weights)
    values = []
    for band, lines in _tiles(source):
        plan = (above[band, None] + (beside - lines)).div_(reg).exp_()
        plan += more[band, None] * added
        value = plan * (lines + reg * (plan.log() - a[band, None] - b))
        values.append(torch.where(plan > 0, value, 0.0).sum(dim=1))
    return float(torch.cat(values).sum())


def scaling_step(
    kernel: Tensor, v: np.ndarray, u: np.ndarray, weights: np.ndarray, relaxation: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `ops.kernels.transport.scaling_step`."""
    device = kernel.device
    sums = kernel @ _vector(v, device)
    old = _vector(u, device)
    wanted = _vector(weights, device) / sums
    scaled = wanted if relaxation == 1.0 else old * (wanted / old) ** relaxation
    scaled = torch.where(sums > 0, scaled, 0.0)
    return sums.cpu().numpy(), scaled.cpu().numpy(), (scaled @ kernel).cpu().numpy()


def plan_product(plan: Tensor, vector: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """P' diag(weights) P vector."""
    sums = plan @ _vector(vector, plan.device)
    found: np.ndarray = (sums.mul_(_vector(weights, plan.device)) @ plan).cpu().numpy()
    return found


def plan_squares(plan: Tensor, weights: np.ndarray) -> np.ndarray:
    """sum_i weights_i P_ij^2."""
    total = plan.new_zeros(plan.shape[1])
    for start, stop in stretches(len(plan), plan.shape[1], plan.device.type):
        total += _vector(weights[start:stop], plan.device) @ plan[start:stop].square()
    found: np.ndarray = total.cpu().numpy()
    return found


def plan_gram(plan: Tensor, weights: np.ndarray) -> np.ndarray:
    """(m, m) P' diag(weights) P."""
    scaled = plan * _vector(weights, plan.device).sqrt()[:, None]
    found: np.ndarray = (scaled.T @ scaled).cpu().numpy()
    return found


def plan_quantile(plan: Tensor, quantile: float) -> float:
    """The entry that a share of all entries do not exceed."""
    place = min(max(int(quantile * plan.numel()), 0), plan.numel() - 1)
    return float(plan.flatten().kthvalue(place + 1).values)


def transport_batch(
    costs: Tensor,
    a: np.ndarray,
    b: np.ndarray,
    reg: np.ndarray,
    tol: float,
    most: int,
    start: np.ndarray | None = None,
) -> tuple[np.ndarray, ...]:
    """As `ops.kernels.transport_batch.batch`: log-domain sweeps of all problems together."""
    device = costs.device
    scaled = costs / _vector(reg, device)[:, None, None]
    rows, columns = _vector(a, device), _vector(b, device)
    potential = columns.log() if start is None else columns.log() + _vector(start, device)
    iterations = np.full(len(costs), most)
    for step in range(1, most + 1):
        terms = potential[:, None, :] - scaled
        minima = -terms.logsumexp(dim=2)
        sums = (rows.log()[:, :, None] + minima[:, :, None] + terms).logsumexp(dim=1)
        still = (sums.exp() - columns).abs().sum(dim=1, keepdim=True) > tol
        iterations[~still[:, 0].cpu().numpy()] = np.minimum(
            iterations[~still[:, 0].cpu().numpy()], step
        )
        if not bool(still.any()) or step == most:
            break
        potential = torch.where(still, potential + columns.log() - sums, potential)
    plans = (rows.log()[:, :, None] + minima[:, :, None] + terms).exp()
    found = (minima, potential - columns.log(), plans.sum(dim=2), plans.sum(dim=1))
    cost = (plans * costs).sum(dim=(1, 2))
    return *(part.cpu().numpy() for part in (*found, cost)), iterations


def _device(source: Any) -> torch.device:
    device: torch.device = (source[0] if isinstance(source, tuple) else source).device
    return device


def _vector(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


def _tiles(source: Any) -> Iterator[tuple[slice, Tensor]]:
    """Bands of rows with their costs."""
    cloud = isinstance(source, tuple)
    n, m = (len(source[0]), len(source[1])) if cloud else source.shape
    for start, stop in stretches(n, m, _device(source).type):
        band = slice(start, stop)
        yield band, distances(source[0][band], source[1]) if cloud else source[band]
