"""Many small transport problems side by side, one for each thread at a time."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from infotheory.ops.kernels.plans import _dot, _scale_rest, _scaled
from infotheory.ops.kernels.transport import _exponentials, _exponents, _sum_and_cost

__all__ = ["batch"]

# A scaling beyond this, or below its inverse, is absorbed into the kernel.
FARTHEST = np.exp(50.0)


def batch(
    costs: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    reg: np.ndarray,
    tol: float,
    most: int,
    start: np.ndarray | None = None,
) -> tuple[np.ndarray, ...]:
    """Potentials of many small problems side by side, and what their plans are.

    Each is solved by scalings, relaxed by the rate seen, absorbed where they grow, from g in units
    of reg (B, m) or from zero.

    Returns
    -------
    potentials : two arrays, shapes (B, n) and (B, m)
        f and g in units of reg, without the weights.
    sums : two arrays, shapes (B, n) and (B, m)
        Of rows and columns of the plans.
    cost : array, shape (B,)
    iterations : integer array, shape (B,)
    """
    problems, n, m = costs.shape
    g = np.zeros((problems, m)) if start is None else start.astype(np.float64)
    potentials = np.empty((problems, n)), g
    sums = np.empty((problems, n)), np.empty((problems, m))
    cost, iterations = np.empty(problems), np.empty(problems, dtype=np.int64)
    _batch(costs, a, b, reg, tol, most, *potentials, *sums, cost, iterations)
    return *potentials, *sums, cost, iterations


@njit(cache=True)
def _absorbed(cost, potential, inverse, kernel, minima):
    """The kernel with each row summing to 1; False where a row is empty."""
    for i in range(len(kernel)):
        top = _exponents(cost[i], potential, inverse, kernel[i])
        if top == -np.inf:
            return False
        total = _exponentials(kernel[i], top)
        minima[i] = -(top + np.log(total))
        for j in range(kernel.shape[1]):
            kernel[i, j] /= total
    return True


@njit(cache=True)
def _one_of_batch(scaled, a, b, tol, most, kernel, potential, minima):
    """Leave in `potential` and `kernel` what solves one problem; the iterations."""
    n, m = kernel.shape
    v, u, out = np.ones(m), np.empty(n), np.empty(m)
    sound = _absorbed(scaled, potential, 1.0, kernel, minima)
    u[:] = a
    relaxation, before, start, step = 1.0, np.inf, np.inf, 0
    while sound and step < most:
        step += 1
        error = 0.0
        out[:] = 0.0
        for i in range(n):
            total = _dot(kernel[i], v)
            error += abs(u[i] * total - a[i])
            u[i] = _scaled(total, u[i], a[i], relaxation)
            _scale_rest(kernel[i], u[i], out)
        lacking = 0.0
        for j in range(m):
            lacking += abs(v[j] * out[j] - b[j])
            sound = sound and out[j] > 0.0
        # After a plain step the rows are exact: what the columns lack is the error.
        error = lacking if relaxation == 1.0 else error + lacking
        if not sound or (error <= tol and relaxation == 1.0):
            break
        if error <= tol:
            relaxation = 1.0
            continue
        if step % 10 == 0:
            rate = (error / before) ** 0.1
            if relaxation == 1.0:
                if 0.3 < rate < 1.0:
                    relaxation = min(2.0 / (1.0 + np.sqrt(1.0 - rate)), 1.9)
                    start = error
            elif error > 1e3 * start or (rate >= 1.0 and step > 60):
                relaxation = 1.0
            before = error
        low, high = np.inf, 0.0
        for j in range(m):
            v[j] = _scaled(out[j], v[j], b[j], relaxation)
            low, high = min(low, v[j]), max(high, v[j])
        if low < 1.0 / FARTHEST or high > FARTHEST:
            potential += np.log(v)
            v[:] = 1.0
            sound = _absorbed(scaled, potential, 1.0, kernel, minima)
            u[:] = a
    potential += np.log(v)
    if not sound:
        _absorbed(scaled, potential, 1.0, kernel, minima)
        return step
    for i in range(n):
        total = _dot(kernel[i], v)
        minima[i] -= np.log(total)
        for j in range(m):
            kernel[i, j] *= v[j] / total
    return step


@njit(parallel=True, cache=True)
def _batch(costs, a, b, reg, tol, most, f, g, row_sums, column_sums, cost, iterations):
    problems, n, m = costs.shape
    for p in prange(problems):
        kernel, minima, potential = np.empty((n, m)), np.empty(n), g[p] + np.log(b[p])
        iterations[p] = _one_of_batch(
            costs[p] / reg[p], a[p], b[p], tol, most, kernel, potential, minima
        )
        f[p] = minima
        g[p] = potential - np.log(b[p])
        cost[p], column_sums[p] = 0.0, 0.0
        for i in range(n):
            row_sums[p, i], more = _sum_and_cost(kernel[i], costs[p, i], a[p, i], column_sums[p])
            cost[p] += more
