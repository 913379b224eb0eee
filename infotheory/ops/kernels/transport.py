"""Passes over a transport plan: soft minima of costs, scalings of a kernel, products with a plan.

Each pass reads its matrix once: a row that is in the cache gives its own sum and adds to the sums
of columns. Those are kept for a fixed number of bands of rows and added in order, so that the bits
do not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from scipy.sparse import csr_array

from infotheory.ops.kernels import kernel_sums, mixture
from infotheory.ops.kernels.exponential import exp_negative

__all__ = [
    "SparsePlan",
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

# Bands of rows; with the most threads that a machine is likely to have each still has one.
BANDS = 16
# Rows that share one reading of the vectors, while they are in the second cache.
ROWS = 4
# Rows of distances between points are made in tiles of so many columns.
WIDTH = 512

_NOTHING = np.empty((0, 0))


class SparsePlan(NamedTuple):
    """The large entries of a plan, row by row."""

    starts: np.ndarray
    """(n + 1,) where each row starts."""
    columns: np.ndarray
    values: np.ndarray
    shape: tuple[int, int]


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n, m) squared distances, from differences, in float64."""
    out = np.empty((len(x), len(y)))
    rows, columns = mixture._coordinates(x), mixture._coordinates(y)
    groups = min(BANDS, len(x))

    def work(group: int) -> None:
        band = slice(group * len(x) // groups, (group + 1) * len(x) // groups)
        kernel_sums._differences(rows[:, band], columns, out[band])

    kernel_sums._in_threads(work, groups)
    return out


def soft_minimum(
    source: Any,
    potential: np.ndarray,
    reg: float,
    weights: np.ndarray | None = None,
    plan: np.ndarray | None = None,
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

    Returns
    -------
    minima : array, shape (n,)
        Infinite where all costs of a row are.
    columns : array, shape (m,) or (0,)

    Notes
    -----
    Cost: O(n m) exponentials, and O(n m d) for points; O(n + m) memory.
    """
    cost, x, y = _parts(source)
    n = len(cost) if cost.size else len(x)
    m = len(potential)
    minima = np.empty(n)
    partial = np.zeros((min(BANDS, n), m))
    wanted = weights is not None
    _soft_minimum(
        cost, x, y, potential, reg, weights if wanted else np.empty(0),
        _NOTHING if plan is None else plan, minima, partial,
    )  # fmt: skip
    return minima, partial.sum(axis=0) if wanted else np.empty(0)


def plan_sums(
    source: Any, rows: np.ndarray, columns: np.ndarray, reg: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Sums of rows and columns of exp((rows + columns - cost) / reg), and its total cost."""
    cost, x, y = _parts(source)
    sums, costs = np.empty(len(rows)), np.empty(len(rows))
    partial = np.zeros((min(BANDS, len(rows)), len(columns)))
    _plan_sums(cost, x, y, rows, columns, reg, sums, costs, partial)
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


def scaling_step(
    kernel: np.ndarray, v: np.ndarray, u: np.ndarray, weights: np.ndarray, relaxation: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """K v, then u^(1 - w) (weights / K v)^w, and K' times that, in one reading of K."""
    scaled, sums = np.empty(len(u)), np.empty(len(u))
    partial = np.zeros((min(BANDS, len(u)), len(v)))
    _dense_step(kernel, v, u, weights, relaxation, sums, scaled, partial)
    return sums, scaled, partial.sum(axis=0)


def plan_product(plan: Any, vector: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """P' diag(weights) P vector, of a matrix or of a SparsePlan, in one reading."""
    n = len(weights)
    partial = np.zeros((min(BANDS, n), len(vector)))
    if isinstance(plan, SparsePlan):
        _sparse_product(plan.starts, plan.columns, plan.values, vector, weights, partial)
    else:
        sums = np.empty(n)
        _dense_step(plan, vector, np.empty(0), weights, 0.0, sums, sums, partial)
    return partial.sum(axis=0)


def sparse_plan(
    plan: np.ndarray, rows: np.ndarray, columns: np.ndarray, share: float
) -> SparsePlan | None:
    """The entries at least the limit of their row or of their column, if not more than a share."""
    counts = np.empty(len(plan), dtype=np.int64)
    _count(plan, rows, columns, counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    if starts[-1] > share * plan.size:
        return None
    places = np.empty(starts[-1], dtype=np.int32)
    values = np.empty(starts[-1])
    _gather(plan, rows, columns, starts, places, values)
    return SparsePlan(starts, places, values, plan.shape)


def plan_squares(plan: Any, weights: np.ndarray) -> np.ndarray:
    """sum_i weights_i P_ij^2 of a matrix or of a SparsePlan: the diagonal of `plan_gram`."""
    if isinstance(plan, SparsePlan):
        repeated = np.repeat(weights, np.diff(plan.starts))
        return np.bincount(plan.columns, repeated * plan.values**2, minlength=plan.shape[1])
    partial = np.zeros((min(BANDS, len(plan)), plan.shape[1]))
    _squares(plan, weights, partial)
    return partial.sum(axis=0)


def plan_gram(plan: Any, weights: np.ndarray) -> np.ndarray:
    """(m, m) P' diag(weights) P."""
    if isinstance(plan, SparsePlan):
        roots = np.repeat(np.sqrt(weights), np.diff(plan.starts))
        matrix = csr_array((plan.values * roots, plan.columns, plan.starts), shape=plan.shape)
        return (matrix.T @ matrix).toarray()
    scaled = plan * np.sqrt(weights)[:, None]
    return scaled.T @ scaled


def _parts(source: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if isinstance(source, tuple):
        return _NOTHING, source[0], mixture._coordinates(source[1])
    return source, _NOTHING, _NOTHING


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


@njit(fastmath={"reassoc", "contract"}, cache=True)
def _sum_and_cost(out, line, sums):
    total = 0.0
    cost = 0.0
    for j in range(out.size):
        value = np.exp(out[j])
        total += value
        cost += value * line[j] if value > 0.0 else 0.0
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
            for j in range(m):
                out[j] = (rows[i] + (columns[j] - line[j])) * inverse
            sums[i], costs[i] = _sum_and_cost(out, line, partial[band])


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


@njit(fastmath={"reassoc", "contract"}, cache=True)
def _dots(first, second, third, fourth, v):
    p = 0.0
    q = 0.0
    r = 0.0
    s = 0.0
    for j in range(v.size):
        w = v[j]
        p += first[j] * w
        q += second[j] * w
        r += third[j] * w
        s += fourth[j] * w
    return p, q, r, s


@njit(fastmath={"contract"}, cache=True)
def _add_rows(first, second, third, fourth, p, q, r, s, sums):
    for j in range(sums.size):
        sums[j] += (first[j] * p + second[j] * q) + (third[j] * r + fourth[j] * s)


@njit(fastmath={"reassoc", "contract"}, cache=True)
def _dot(row, v):
    total = 0.0
    for j in range(v.size):
        total += row[j] * v[j]
    return total


@njit(cache=True)
def _scaled(total, u, weight, relaxation):
    """A plain product where relaxation is 0, else the next scaling."""
    if relaxation == 0.0:
        return weight * total
    if total == 0.0:
        return 0.0
    if relaxation == 1.0:
        return weight / total
    return u * (weight / (total * u)) ** relaxation


@njit(parallel=True, cache=True)
def _dense_step(kernel, v, u, weights, relaxation, sums, scaled, partial):
    n, bands = len(kernel), len(partial)
    plain = u.size == 0
    for band in prange(bands):
        out = partial[band]
        stop = (band + 1) * n // bands
        i = band * n // bands
        while i + ROWS <= stop:
            k0, k1, k2, k3 = kernel[i], kernel[i + 1], kernel[i + 2], kernel[i + 3]
            sums[i], sums[i + 1], sums[i + 2], sums[i + 3] = _dots(k0, k1, k2, k3, v)
            for r in range(i, i + ROWS):
                old = 1.0 if plain else u[r]
                scaled[r] = _scaled(sums[r], old, weights[r], relaxation)
            _add_rows(k0, k1, k2, k3, scaled[i], scaled[i + 1], scaled[i + 2], scaled[i + 3], out)
            i += ROWS
        for r in range(i, stop):
            sums[r] = _dot(kernel[r], v)
            scaled[r] = _scaled(sums[r], 1.0 if plain else u[r], weights[r], relaxation)
            _scale_rest(kernel[r], scaled[r], out)


@njit(fastmath={"contract"}, cache=True)
def _scale_rest(row, factor, out):
    for j in range(out.size):
        out[j] += row[j] * factor


@njit(parallel=True, cache=True)
def _sparse_product(starts, columns, values, vector, weights, partial):
    n, bands = len(weights), len(partial)
    for band in prange(bands):
        out = partial[band]
        for i in range(band * n // bands, (band + 1) * n // bands):
            total = 0.0
            for p in range(starts[i], starts[i + 1]):
                total += values[p] * vector[columns[p]]
            total *= weights[i]
            for p in range(starts[i], starts[i + 1]):
                out[columns[p]] += values[p] * total


@njit(parallel=True, cache=True)
def _squares(plan, weights, partial):
    n, bands = len(plan), len(partial)
    for band in prange(bands):
        for i in range(band * n // bands, (band + 1) * n // bands):
            _add_weighted_squares(plan[i], weights[i], partial[band])


@njit(fastmath={"contract"}, cache=True)
def _add_weighted_squares(row, weight, out):
    for j in range(out.size):
        out[j] += weight * row[j] * row[j]


@njit(parallel=True, cache=True)
def _count(plan, rows, columns, counts):
    n, m = plan.shape
    for i in prange(n):
        count = 0
        for j in range(m):
            count += plan[i, j] >= min(rows[i], columns[j])
        counts[i] = count


@njit(parallel=True, cache=True)
def _gather(plan, rows, columns, starts, places, values):
    n, m = plan.shape
    for i in prange(n):
        p = starts[i]
        for j in range(m):
            if plan[i, j] >= min(rows[i], columns[j]):
                places[p] = j
                values[p] = plan[i, j]
                p += 1
