"""Passes over the costs of a transport problem: soft minima, and what a plan sums to.

Costs are a matrix, or made of points row by row. As with products (`plans`) sums of columns are
kept for a fixed number of bands of rows and added in order, whatever the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from infotheory.ops.kernels.exponential import exp_negative
from infotheory.ops.kernels.plans import (
    BANDS,
    FEW,
    FEW_EXPONENTIALS,
    in_threads,
    plan_gram,
    plan_product,
    plan_squares,
    scaling_step,
    sparse_plan,
)
from infotheory.ops.kernels.transport_single import single_minima

__all__ = [
    "plan_gram",
    "plan_product",
    "plan_squares",
    "plan_sums",
    "rounded_value",
    "scaling_step",
    "soft_minimum",
    "sparse_plan",
    "squared_distances",
]

# Rows of distances between points are made in tiles of so many columns.
WIDTH = 512
# Infinite costs are read as this where their share is 0.
LARGEST = np.finfo(np.float64).max

_NOTHING = np.empty((0, 0))


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n, m) squared distances, from differences, in float64."""
    out = np.empty((len(x), len(y)))
    in_threads(out.size > FEW, _distances, x, _coordinates(y), out)
    return out


def soft_minimum(
    source: Any,
    potential: np.ndarray,
    reg: float,
    weights: np.ndarray | None = None,
    plan: np.ndarray | None = None,
    *,
    precision: str = "double",
) -> tuple[np.ndarray, np.ndarray]:
    r"""The soft minimum of each row of costs, and the columns of the plan that it makes.

    .. math:: f_i = -\epsilon \ln \sum_j e^{(g_j - C_{ij}) / \epsilon}, \qquad
        \sum_i w_i e^{(f_i + g_j - C_{ij}) / \epsilon}

    Parameters
    ----------
    source : array, shape (n, m), or pair of arrays, shapes (n, d) and (m, d)
        Costs; or points whose squared distances are the costs, made row by row.
    potential : array, shape (m,)
        g, with the weights of the columns in it.
    reg : float
    weights : array, shape (n,), optional
        w; without them the sums of columns are empty.
    plan : array, shape (n, m), optional
        Room for the terms of those sums.
    precision : {"double", "single"}
        "single" takes distances of points and exponentials in float32, where no plan is wanted:
        rough, and faster.

    Returns
    -------
    minima : array, shape (n,)
        Infinite where all costs of a row are.
    columns : array, shape (m,) or (0,)

    Notes
    -----
    Cost: O(n m) exponentials, and O(n m d) for points; O(n + m) memory.
    """
    if precision == "single" and isinstance(source, tuple) and plan is None:
        x, y = source
        return single_minima(x, y, potential, reg, weights)
    cost, x, y = _parts(source)
    n = len(cost) if cost.size else len(x)
    m = len(potential)
    minima = np.empty(n)
    partial = np.zeros((min(BANDS, n), m))
    wanted = weights is not None
    in_threads(
        n * m > FEW_EXPONENTIALS, _soft_minimum, cost, x, y, potential, reg,
        weights if wanted else np.empty(0), _NOTHING if plan is None else plan, minima, partial,
    )  # fmt: skip
    return minima, partial.sum(axis=0) if wanted else np.empty(0)


def plan_sums(
    source: Any, rows: np.ndarray, columns: np.ndarray, reg: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Sums of rows and columns of exp((rows + columns - cost) / reg), and its total cost."""
    cost, x, y = _parts(source)
    sums, costs = np.empty(len(rows)), np.empty(len(rows))
    partial = np.zeros((min(BANDS, len(rows)), len(columns)))
    in_threads(
        len(rows) * len(columns) > FEW_EXPONENTIALS, _plan_sums, cost, x, y, rows, columns, reg,
        sums, costs, partial,
    )  # fmt: skip
    return sums, partial.sum(axis=0), float(costs.sum())


def rounded_value(
    source: Any,
    rows: np.ndarray,
    columns: np.ndarray,
    reg: float,
    excess: tuple[np.ndarray, np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
) -> float:
    """<C, P> + reg sum P ln(P / ab) of the plan exp(...) + excess excess'."""
    cost, x, y = _parts(source)
    values = np.empty(len(rows))
    logs = np.log(weights[0]), np.log(weights[1])
    _rounded(cost, x, y, rows, columns, reg, *excess, *logs, values)
    return float(values.sum())


def _parts(source: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if isinstance(source, tuple):
        return _NOTHING, source[0], _coordinates(source[1])
    return source, _NOTHING, _NOTHING


def _coordinates(points: np.ndarray) -> np.ndarray:
    """One row for each coordinate."""
    return np.ascontiguousarray(points.T)


@njit(cache=True)
def _row(cost, x, y, i, room):
    """Costs of row i."""
    if cost.size:
        return cost[i]
    for left in range(0, room.size, WIDTH):
        right = min(left + WIDTH, room.size)
        line = room[left:right]
        line[:] = 0.0
        for k in range(x.shape[1]):
            _add_squares(line, x[i, k], y[k, left:right])
    return room


@njit(parallel=True, cache=True)
def _distances(x, y, out):
    n, nothing = len(x), np.empty((0, 0))
    bands = min(BANDS, n)
    for band in prange(bands):
        for i in range(band * n // bands, (band + 1) * n // bands):
            _row(nothing, x, y, i, out[i])


@njit(fastmath={"contract"}, cache=True)
def _add_squares(line, value, others):
    for j in range(line.size):
        gap = value - others[j]
        line[j] += gap * gap


@njit(fastmath={"reassoc", "contract", "nsz"}, cache=True)
def _exponents(line, potential, inverse, out):
    """(potential - line) / reg, and the largest."""
    top = -np.inf
    for j in range(out.size):
        value = (potential[j] - line[j]) * inverse
        out[j] = value
        top = value if value > top else top
    return top


@njit(fastmath={"reassoc", "contract"}, cache=True)
def _exponentials(out, top):
    """exp(out - top) in place, and the sum."""
    total = 0.0
    for j in range(out.size):
        value = exp_negative(min(out[j] - top, 0.0))
        out[j] = value
        total += value
    return total


@njit(fastmath={"contract"}, cache=True)
def _scale_and_add(out, factor, sums):
    for j in range(out.size):
        out[j] *= factor
        sums[j] += out[j]


@njit(parallel=True, cache=True)
def _soft_minimum(cost, x, y, potential, reg, weights, plan, minima, partial):
    n, m, bands = len(minima), len(potential), len(partial)
    inverse = 1.0 / reg
    for band in prange(bands):
        room, line = np.empty(0 if cost.size else m), np.empty(m)
        for i in range(band * n // bands, (band + 1) * n // bands):
            out = plan[i] if plan.size else line
            top = _exponents(_row(cost, x, y, i, room), potential, inverse, out)
            if top == -np.inf:
                minima[i] = np.inf
                out[:] = 0.0
                continue
            total = _exponentials(out, top)
            minima[i] = -reg * (top + np.log(total))
            if weights.size:
                _scale_and_add(out, weights[i] / total, partial[band])


@njit(fastmath={"contract"}, cache=True)
def _shifted(line, columns, row, inverse, out):
    """(row + columns - line) / reg, and what is above 0 at most."""
    top = 0.0
    for j in range(out.size):
        value = (row + (columns[j] - line[j])) * inverse
        out[j] = value
        top = max(value, top)
    return top


@njit(fastmath={"reassoc", "contract"}, cache=True)
def _sum_and_cost(out, line, factor, sums):
    total = 0.0
    cost = 0.0
    for j in range(out.size):
        value = out[j] * factor
        total += value
        # Of an infinite cost the entry is 0.
        cost += value * min(line[j], LARGEST)
        sums[j] += value
    return total, cost


@njit(parallel=True, cache=True)
def _plan_sums(cost, x, y, rows, columns, reg, sums, costs, partial):
    n, m, bands = len(rows), len(columns), len(partial)
    inverse = 1.0 / reg
    for band in prange(bands):
        room, out = np.empty(0 if cost.size else m), np.empty(m)
        for i in range(band * n // bands, (band + 1) * n // bands):
            line = _row(cost, x, y, i, room)
            top = _shifted(line, columns, rows[i], inverse, out)
            _exponentials(out, top)
            sums[i], costs[i] = _sum_and_cost(out, line, np.exp(top), partial[band])


@njit(parallel=True, cache=True)
def _rounded(cost, x, y, rows, columns, reg, more, beside, log_a, log_b, values):
    n, m = len(rows), len(columns)
    bands = min(BANDS, n)
    for band in prange(bands):
        room = np.empty(0 if cost.size else m)
        for i in range(band * n // bands, (band + 1) * n // bands):
            line = _row(cost, x, y, i, room)
            total = 0.0
            for j in range(m):
                exponent = (rows[i] + (columns[j] - line[j])) / reg
                entry = np.exp(exponent)
                added = more[i] * beside[j]
                # Where nothing is added the logarithm is known, and an infinite cost has no part.
                if added > 0.0:
                    entry += added
                    exponent = np.log(entry)
                if entry > 0.0:
                    total += entry * (line[j] + reg * (exponent - log_a[i] - log_b[j]))
            values[i] = total
