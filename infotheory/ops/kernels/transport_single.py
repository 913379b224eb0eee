"""Soft minima of distances between points in float32: rough, and twice as fast.

Potentials, and the sums of rows and columns, are float64; what is between is short.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from infotheory.ops.kernels.exponential import exp_negative_single
from infotheory.ops.kernels.plans import BANDS, FEW_EXPONENTIALS, in_threads

__all__ = ["single_minima"]

# Columns at a time: their exponents stay near while the coordinates pass, and float32 adds them up.
WIDTH = 512
# Rows that float32 adds up before float64 takes their sums.
ROWS = 64


def single_minima(
    x: np.ndarray, y: np.ndarray, potential: np.ndarray, reg: float, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """As `transport.soft_minimum` of points; an exponent is off by 1e-7 of the largest one."""
    n, m = len(x), len(y)
    # In units of the regularisation an exponent is a difference.
    centre, unit = y.mean(axis=0), math.sqrt(reg)
    rows, columns = ((each - centre) / unit for each in (x, y))
    highest = float(potential.max())
    minima = np.empty(n)
    partial = np.zeros((min(BANDS, n), m if weights is not None else 0))
    in_threads(
        n * m > FEW_EXPONENTIALS, _minima, rows.astype(np.float32),
        np.ascontiguousarray(columns.T, dtype=np.float32),
        ((potential - highest) / reg).astype(np.float32),
        np.empty(0) if weights is None else weights, minima, partial,
    )  # fmt: skip
    return -highest - reg * minima, partial.sum(axis=0)


@njit(parallel=True, cache=True)
def _minima(x, y, potential, weights, logs, partial):
    n, m, bands = len(x), len(potential), len(partial)
    for band in prange(bands):
        line, sums = np.empty(m, np.float32), np.zeros(partial.shape[1], np.float32)
        for i in range(band * n // bands, (band + 1) * n // bands):
            line[:] = potential
            for left in range(0, m, WIDTH):
                part = line[left : left + WIDTH]
                for k in range(x.shape[1]):
                    _less_squares(part, x[i, k], y[k, left : left + WIDTH])
            top = _largest(line)
            if top == -np.inf:
                logs[i] = top
                continue
            total = 0.0
            for left in range(0, m, WIDTH):
                total += _exponentials(line[left : left + WIDTH], top)
            logs[i] = top + math.log(total)
            if weights.size:
                _add(line, np.float32(weights[i] / total), sums)
                if i % ROWS == 0:
                    partial[band] += sums
                    sums[:] = 0.0
        partial[band] += sums


@njit(fastmath={"contract"}, cache=True)
def _less_squares(line, value, others):
    for j in range(line.size):
        gap = value - others[j]
        line[j] -= gap * gap


@njit(fastmath={"reassoc", "nsz"}, cache=True)
def _largest(line):
    top = line[0]
    for j in range(line.size):
        top = line[j] if line[j] > top else top
    return top


@njit(fastmath={"reassoc", "contract"}, cache=True)
def _exponentials(line, top):
    """exp(line - top) in place, and the sum."""
    total = np.float32(0.0)
    for j in range(line.size):
        value = exp_negative_single(line[j] - top)
        line[j] = value
        total += value
    return total


@njit(cache=True)
def _add(line, factor, sums):
    for j in range(line.size):
        sums[j] += line[j] * factor
