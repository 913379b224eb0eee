"""Quantiles of the distances between all pairs, counted by the bits of their squares."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from infotheory.ops import ranges
from infotheory.ops.kernels import mixture
from infotheory.ops.kernels.exponential import as_integer

__all__ = ["distance_quantile"]

# Counts are kept per slot, whatever the threads; whole numbers add up alike in any order.
SLOTS = 16


def distance_quantile(x: np.ndarray, quantile: float) -> float:
    """A quantile of the distances between different rows of x, those that coincide left out.

    Parameters
    ----------
    x : float64 array, shape (n, d)
    quantile : float
        Above 0, at most 1.

    Returns
    -------
    float
        The smallest distance that at least this share of all distances but zeros do not exceed,
        with its square rounded to 24 bits; NaN where all rows coincide.

    Notes
    -----
    Positive numbers are ordered as their bits are: the first pass counts squares by the leading
    half of these, the second by the rest within the half that matters. Distances below 1e-160 of
    the largest coordinate count as 0. Cost: O(n^2 d) time, two passes; O(n d) memory.
    """
    exponent = math.frexp(float(np.abs(x).max()))[1]
    columns = mixture._coordinates(ranges.scaled(x, -exponent))
    return ranges.quantile_by_bits(lambda leading: _counts(columns, leading), quantile, exponent)


def _counts(columns: np.ndarray, leading: int) -> np.ndarray:
    counts = np.zeros((SLOTS, ranges.HALF_KEYS), np.int64)
    _count_pairs(columns, leading, counts)
    return counts.sum(axis=0)


@njit(parallel=True, cache=True)
def _count_pairs(x, leading, counts):
    """Count squared distances by the leading half of their keys or, given one, by the rest."""
    n = x.shape[1]
    groups = -(-n // mixture.ROWS)
    for slot in prange(len(counts)):
        distances = np.empty((mixture.ROWS, mixture.COLUMNS))
        own = counts[slot]
        for group in range(slot, groups, len(counts)):
            _count_rows(x, group * mixture.ROWS, leading, distances, own)


@njit(cache=True)
def _count_rows(x, start, leading, distances, counts):
    n = x.shape[1]
    rows = min(mixture.ROWS, n - start)
    for left in range(start - start % mixture.COLUMNS, n, mixture.COLUMNS):
        columns = min(mixture.COLUMNS, n - left)
        mixture._squared_distances(x, start, rows, x, left, columns, distances)
        for r in range(rows):
            line = distances[r]
            for j in range(max(0, start + r + 1 - left), columns):
                if line[j] > 0.0:
                    # rounded to 24 bits: keys of 34 bits, in two halves
                    key = (as_integer(line[j]) + (1 << 28)) >> 29
                    if leading < 0:
                        counts[key >> 17] += 1
                    elif key >> 17 == leading:
                        counts[key & 131071] += 1
