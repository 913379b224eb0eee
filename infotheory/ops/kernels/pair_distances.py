"""Quantiles of the distances between all pairs, counted by the bits of their squares."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numba
import numpy as np
from numba import njit, prange

from infotheory.ops import ranges
from infotheory.ops.kernels import mixture
from infotheory.ops.kernels.exponential import as_integer
from infotheory.ops.kernels.threads import in_turns

__all__ = ["distance_quantile"]

# In fewer dimensions than this, differences are no slower than a product.
FEW = 20
# Rows and columns of a tile of products, which stays in the second cache.
HEIGHT, WIDTH = 128, 256
# |a|^2 + |b|^2 - 2 a b has lost too many digits below this share of the lengths.
LOST = 1e-6
# Rows of a sample that foretells where the quantile is, which saves a pass; this many times as
# many make it worth while. The keys between the ends that it foretells must not be more than MOST.
SAMPLE, WORTH, MOST = 1024, 4, 1 << 20


class _Window(NamedTuple):
    """Keys `low` to `high`, those that share all but the last `shift` bits taken together."""

    low: int
    high: int
    shift: int
    least: float
    most: float
    """The squares between which keys are in the window."""

    @classmethod
    def of(cls, low: int, high: int, shift: int = 0) -> _Window:
        return cls(low, high, shift, ranges.least_of(low), ranges.least_of(high))

    @property
    def size(self) -> int:
        """Counts of a window: below it, in each of its places, and of all that are not 0."""
        return ((self.high - self.low) >> self.shift) + 2


Counts = Callable[[_Window], np.ndarray]


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
    half of these, the second by the rest within the half that matters. Of many rows a sample
    foretells a window, in which one pass counts by all bits; if the quantile turns out not to be
    there, two follow. Distances below 1e-160 of the largest coordinate count as 0. In few columns
    distances come from differences, else from products of matrices, and from differences where
    those leave too few digits. Cost: O(n^2 d) time; O(n d) memory.
    """
    exponent = math.frexp(float(np.abs(x).max()))[1]
    x = ranges.scaled(x, -exponent)
    counts = _counting(x)
    square = _foretold(x, quantile, counts)
    if square is not None:
        return float(ranges.scaled(np.float64(math.sqrt(square)), exponent))

    def halves(leading: int) -> np.ndarray:
        half = ranges.HALF_KEYS
        low = max(leading, 0) * half
        whole = _Window.of(0, half * half, half.bit_length() - 1)
        return counts(whole if leading < 0 else _Window.of(low, low + half))[1:-1]

    return ranges.quantile_by_bits(halves, quantile, exponent)


def _foretold(x: np.ndarray, quantile: float, counts: Counts) -> float | None:
    """The squared quantile, if it is near that of a sample of the rows."""
    n = len(x)
    if n < WORTH * SAMPLE:
        return None
    some = x[:: n // SAMPLE]
    # One deviation of a quantile of pairs at most, and several as a rule.
    margin = 1 / math.sqrt(len(some))
    ends = max(quantile - margin, 1e-9), min(quantile + margin, 1.0)
    low, high = (distance_quantile(some, end) for end in ends)
    if not low > 0:
        return None
    window = _Window.of(ranges.key(low * low) - 1, ranges.key(high * high) + 2)
    if window.size > MOST:
        return None
    found = counts(window)
    wanted = max(1, math.ceil(quantile * float(found[-1])))
    if not found[0] < wanted <= found[:-1].sum():
        return None
    place = int(np.searchsorted(found[:-1].cumsum(), wanted)) - 1
    return ranges.square_of(window.low + place)


def _counting(x: np.ndarray) -> Counts:
    """How squared distances of all pairs are counted in a window."""
    if x.shape[1] < FEW:
        return functools.partial(_by_differences, mixture._coordinates(x))
    # The middle of the range, unlike the mean, does not depend on the order of the rows.
    centred = x - (x.min(axis=0) / 2 + x.max(axis=0) / 2)
    return functools.partial(_by_products, x, centred, np.square(centred).sum(axis=1))


def _by_differences(columns: np.ndarray, window: _Window) -> np.ndarray:
    # Counts are kept per slot; whole numbers add up alike in any order.
    counts = np.zeros((numba.get_num_threads(), window.size), np.int64)
    _count_pairs(columns, window, counts)
    return counts.sum(axis=0)


def _by_products(
    x: np.ndarray, centred: np.ndarray, lengths: np.ndarray, window: _Window
) -> np.ndarray:
    slots, n = numba.get_num_threads(), len(x)
    counts = np.zeros((slots, window.size), np.int64)

    def work(slot: int) -> None:
        room = np.empty(HEIGHT * WIDTH)
        for top in range(slot * HEIGHT, n, slots * HEIGHT):
            rows = centred[top : top + HEIGHT]
            for left in range(top, n, WIDTH):
                columns = centred[left : left + WIDTH]
                tile = room[: len(rows) * len(columns)].reshape(len(rows), len(columns))
                np.matmul(rows, columns.T, out=tile)
                _count_tile(tile, x, lengths, top, left, window, counts[slot])

    in_turns(work, slots)
    return counts.sum(axis=0)


@njit(nogil=True, cache=True)
def _count_tile(products, x, lengths, top, left, window, counts):
    rows, columns = products.shape
    beside = lengths[left : left + columns]
    for r in range(rows):
        i, line, lost = top + r, products[r], 0
        own = lengths[i]
        for c in range(columns):
            both = own + beside[c]
            line[c] = both - 2 * line[c]
            lost += line[c] < LOST * both
        for c in range(columns if lost else 0):
            if line[c] < LOST * (own + beside[c]):
                line[c] = _squared_distance(x[i], x[left + c])
        _count(line[max(0, i + 1 - left) :], window, counts)


@njit(nogil=True, cache=True)
def _squared_distance(first, second):
    total = 0.0
    for k in range(first.size):
        total += (first[k] - second[k]) ** 2
    return total


@njit(parallel=True, cache=True)
def _count_pairs(x, window, counts):
    n = x.shape[1]
    groups = -(-n // mixture.ROWS)
    for slot in prange(len(counts)):
        distances = np.empty((mixture.ROWS, mixture.COLUMNS))
        own = counts[slot]
        for group in range(slot, groups, len(counts)):
            _count_rows(x, group * mixture.ROWS, window, distances, own)


@njit(cache=True)
def _count_rows(x, start, window, distances, counts):
    n = x.shape[1]
    rows = min(mixture.ROWS, n - start)
    for left in range(start - start % mixture.COLUMNS, n, mixture.COLUMNS):
        columns = min(mixture.COLUMNS, n - left)
        mixture._squared_distances(x, start, rows, x, left, columns, distances)
        for r in range(rows):
            line = distances[r]
            _count(line[max(0, start + r + 1 - left) : columns], window, counts)


@njit(nogil=True, cache=True)
def _count(squares, window, counts):
    low, _, shift, least, most = window
    positive, below = 0, 0
    for square in squares:  # without a branch, which would be taken at random
        positive += square > 0.0
        below += (square > 0.0) & (square < least)
    counts[0] += below
    counts[-1] += positive
    for square in squares:
        if (square >= least) & (square < most) & (square > 0.0):  # one branch, seldom taken
            key = (as_integer(square) + (1 << 28)) >> 29
            counts[1 + ((key - low) >> shift)] += 1
