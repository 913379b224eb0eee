"""Products with a transport plan that is held: scalings of a kernel, and terms of its Hessian.

Each pass reads its matrix once: a row that is in the cache gives its own sum and adds to the sums
of columns. Those are kept for a fixed number of bands of rows and added in order, so that the bits
do not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numba import njit, prange

__all__ = [
    "SparsePlan",
    "plan_gram",
    "plan_product",
    "plan_squares",
    "scaling_step",
    "sparse_plan",
]

# Bands of rows; with the most threads that a machine is likely to have each still has one.
BANDS = 16
# Rows that share one reading of the vectors, while they are in the second cache.
ROWS = 4
# Entries that one thread reads, or exponentials that it takes, while others would wake up.
FEW, FEW_EXPONENTIALS = 1 << 18, 1 << 15
# Rows of a dense plan that are scaled at a time.
TALL = 4096


class SparsePlan(NamedTuple):
    """The large entries of a plan, row by row."""

    starts: np.ndarray
    """(n + 1,) where each row starts."""
    columns: np.ndarray
    values: np.ndarray
    shape: tuple[int, int]


def scaling_step(
    kernel: np.ndarray, v: np.ndarray, u: np.ndarray, weights: np.ndarray, relaxation: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """K v, then u^(1 - w) (weights / K v)^w, and K' times that, in one reading of K."""
    scaled, sums = np.empty(len(u)), np.empty(len(u))
    partial = np.zeros((min(BANDS, len(u)), len(v)))
    in_threads(
        kernel.size > FEW, _dense_step, kernel, v, u, weights, relaxation, sums, scaled, partial
    )
    return sums, scaled, partial.sum(axis=0)


def plan_product(plan: Any, vector: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """P' diag(weights) P vector, of a matrix or of a SparsePlan, in one reading."""
    n = len(weights)
    partial = np.zeros((min(BANDS, n), len(vector)))
    if isinstance(plan, SparsePlan):
        in_threads(
            plan.values.size > FEW // 4, _sparse_product, *plan[:3], vector, weights, partial
        )
    else:
        sums, none = np.empty(n), np.empty(0)
        in_threads(
            plan.size > FEW, _dense_step, plan, vector, none, weights, 0.0, sums, sums, partial
        )
    return partial.sum(axis=0)


def sparse_plan(
    plan: np.ndarray, rows: np.ndarray, columns: np.ndarray, share: float
) -> SparsePlan | None:
    """The entries at least the limit of their row or of their column, if not more than a share."""
    counts = np.empty(len(plan), dtype=np.int64)
    in_threads(plan.size > FEW, _count, plan, rows, columns, counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    if starts[-1] > share * plan.size:
        return None
    places = np.empty(starts[-1], dtype=np.int32)
    values = np.empty(starts[-1])
    in_threads(plan.size > FEW, _gather, plan, rows, columns, starts, places, values)
    return SparsePlan(starts, places, values, plan.shape)


def plan_squares(plan: Any, weights: np.ndarray) -> np.ndarray:
    """sum_i weights_i P_ij^2 of a matrix or of a SparsePlan: the diagonal of `plan_gram`."""
    partial = np.zeros((min(BANDS, len(weights)), plan.shape[1]))
    if isinstance(plan, SparsePlan):
        in_threads(plan.values.size > FEW // 4, _sparse_squares, *plan[:3], weights, partial)
    else:
        in_threads(plan.size > FEW, _squares, plan, weights, partial)
    return partial.sum(axis=0)


def plan_gram(plan: Any, weights: np.ndarray) -> np.ndarray:
    """(m, m) P' diag(weights) P; of a SparsePlan in no more memory than that."""
    m = plan.shape[1]
    if isinstance(plan, SparsePlan):
        out = np.zeros((m, m))
        in_threads(m * m > FEW, _sparse_gram, *plan[:3], weights, out)
        return out
    parts = range(0, len(plan), TALL)
    return sum(
        (plan[row : row + TALL] * weights[row : row + TALL, None]).T @ plan[row : row + TALL]
        for row in parts
    )


def in_threads(many: bool, loop: Any, *arguments: Any) -> None:
    """Run a parallel loop; on one thread where it is over before others have woken up.

    On a machine that is busy they wake up late, a thousand times the time of a small loop.
    """
    before = numba.get_num_threads()
    if many or before == 1:
        loop(*arguments)
        return
    numba.set_num_threads(1)
    try:
        loop(*arguments)
    finally:
        numba.set_num_threads(before)


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


@njit(parallel=True, cache=True)
def _sparse_squares(starts, columns, values, weights, partial):
    n, bands = len(weights), len(partial)
    for band in prange(bands):
        for i in range(band * n // bands, (band + 1) * n // bands):
            for p in range(starts[i], starts[i + 1]):
                partial[band, columns[p]] += weights[i] * values[p] * values[p]


@njit(parallel=True, cache=True)
def _sparse_gram(starts, columns, values, weights, out):
    """Each band of rows of the result sees all rows of the plan, in their order."""
    m = len(out)
    bands = min(BANDS, m)
    for band in prange(bands):
        low, high = band * m // bands, (band + 1) * m // bands
        for i in range(len(weights)):
            first, last = starts[i], starts[i + 1]
            start = first + np.searchsorted(columns[first:last], low)
            for p in range(start, last):
                if columns[p] >= high:
                    break
                value = weights[i] * values[p]
                for q in range(first, last):
                    out[columns[p], columns[q]] += value * values[q]
