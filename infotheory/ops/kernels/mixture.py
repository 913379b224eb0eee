"""Log sums of the Gaussian mixture around the samples: every pair once, one exponential each."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numba import njit, prange

from infotheory.ops import MixtureLogSums
from infotheory.ops.kernels.exponential import as_float, as_integer, exp_negative

__all__ = ["kernel_log_sums", "mixture_density_log", "mixture_log_sums"]

# Partial sums are kept per block of samples and added in order at the end, so that no bit depends
# on the threads. 32 blocks are 528 pairs of blocks: work for many threads, 32 numbers per sample.
BLOCKS = 32
SMALLEST_BLOCK = 64
# Distances of 8 rows to 256 columns are 16 KiB: they stay in the first cache beside the samples.
ROWS = 8
COLUMNS = 256
# Dimensions are taken four at a time (d is padded with zeros): one load and store of a distance
# then serves four of them.
UNROLL = 4


def mixture_log_sums(
    x: np.ndarray, variance: float, classes: np.ndarray | None = None
) -> MixtureLogSums:
    r"""Log sums of Gaussians around each sample, over all samples and over its own class.

    .. math::
        u_i = \ln \sum_j \exp\Bigl(-\frac{|x_i - x_j|^2}{2 s}\Bigr), \qquad
        l_i = \ln \sum_j \exp\Bigl(-\frac{|x_i - x_j|^2}{8 s}\Bigr)

    Parameters
    ----------
    x : float64 array, shape (n, d)
    variance : float
        s, of the isotropic noise around each sample.
    classes : int64 array, shape (n,), optional
        Class of each sample; any labels.

    Returns
    -------
    MixtureLogSums
        Four float64 arrays of shape (n,), without a unit; j = i is included, so that each is at
        least 0. The two by class are None without `classes`.

    Notes
    -----
    Distances are differences squared (the product form cancels where s is small), pairs are taken
    once, and exp(-t)^4 = exp(-4 t) gives the second kernel. Cost: O(n^2 d) time; O(n (d + 64))
    memory, twice that with classes. The same bits whatever the number of threads.
    """
    n = len(x)
    order: Any = slice(None)
    if classes is None:
        first = last = np.zeros(n, np.int64)
    else:
        order, first, last = _by_class(classes)
    width = max(SMALLEST_BLOCK, -(-n // BLOCKS))
    borders = np.append(np.arange(0, n, width), n)
    pairs = np.column_stack(np.triu_indices(len(borders) - 1))
    parts = np.zeros((len(borders) - 1, 2 if classes is None else 4, n))
    _pair_sums(_coordinates(x[order]), _factor(8.0, variance), first, last, borders, pairs, parts)
    # The sample's own term is the 1 of log1p: small sums of the others keep their digits.
    logs = np.empty(parts.shape[1:])
    logs[:, order] = np.log1p(parts.sum(axis=0))
    by_class = (None, None) if classes is None else (logs[2], logs[3])
    return MixtureLogSums(logs[0], logs[1], *by_class)


def mixture_density_log(x: np.ndarray, points: np.ndarray, variance: float) -> np.ndarray:
    r"""Log density of the Gaussian mixture around the samples, up to its constant.

    .. math:: \ln \frac1n \sum_j \exp\Bigl(-\frac{|p - x_j|^2}{2 s}\Bigr)

    Parameters
    ----------
    x : float64 array, shape (n, d)
        The samples, centres of the mixture.
    points : float64 array, shape (m, d)
        Where to evaluate.
    variance : float
        s. The density itself needs -d/2 ln(2 pi s) added.

    Returns
    -------
    float64 array, shape (m,)
        Shifted by the nearest sample, so that it is finite wherever the distances are.

    Notes
    -----
    Cost: O(n m d) time, O(n d + m d) memory. The same bits whatever the number of threads.
    """
    logs = np.empty(len(points))
    factor = _factor(2.0, variance)
    _densities(_coordinates(x), _coordinates(points), factor, False, logs)
    return logs


def kernel_log_sums(x: np.ndarray, variance: float) -> np.ndarray:
    r"""Log sums of Gaussians around all samples but the one at which they are evaluated.

    .. math:: \ln \sum_{j \ne i} \exp\Bigl(-\frac{|x_i - x_j|^2}{2 s}\Bigr)

    Parameters
    ----------
    x : float64 array, shape (n, d)
    variance : float
        s.

    Returns
    -------
    float64 array, shape (n,)
        Shifted by the nearest other sample, so that one far from all others has its true value,
        however negative; minus infinity where there is no other, or its distance overflows.

    Notes
    -----
    The own term is left out, not added and taken away again. Cost: O(n^2 d) time, O(n d) memory.
    The same bits whatever the number of threads.
    """
    logs = np.empty(len(x))
    columns = _coordinates(x)
    _densities(columns, columns, _factor(2.0, variance), True, logs)
    return logs


def _coordinates(x: np.ndarray) -> np.ndarray:
    """(d, n) copy: neighbouring samples side by side, as vector loads like them."""
    n, d = x.shape
    columns = np.zeros((-(-d // UNROLL) * UNROLL, n))
    columns[:d] = x.T
    return columns


def _factor(multiple: float, variance: float) -> float:
    """-1 / (multiple variance), neither 0 nor infinite: times a distance it must not be NaN."""
    return max(-1.0 / multiple / variance, -sys.float_info.max)


def _by_class(classes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An order with classes side by side, and where the class of each sample starts and ends."""
    order = np.argsort(classes, kind="stable")
    starts = np.append(0, np.flatnonzero(np.diff(classes[order])) + 1)
    sizes = np.diff(np.append(starts, len(classes)))
    first = np.repeat(starts, sizes)
    return order, first, first + np.repeat(sizes, sizes)


@njit(fastmath={"contract"}, cache=True)  # contract: one rounding less per square
def _squared_distances(points, start, rows, samples, left, columns, out):
    """out[r, c] = squared distance of points[:, start + r] and samples[:, left + c]."""
    for r in range(rows):
        out[r, :columns] = 0.0
    for k in range(0, samples.shape[0], UNROLL):
        first = samples[k, left : left + columns]
        second = samples[k + 1, left : left + columns]
        third = samples[k + 2, left : left + columns]
        fourth = samples[k + 3, left : left + columns]
        for r in range(rows):
            line = out[r]
            i = start + r
            a, b, c, d = points[k, i], points[k + 1, i], points[k + 2, i], points[k + 3, i]
            for j in range(columns):
                e, f, g, h = a - first[j], b - second[j], c - third[j], d - fourth[j]
                line[j] = line[j] + e * e + f * f + g * g + h * h


# Without reassoc the sum of a row keeps LLVM from vectorising the loop: measured, 3 times slower.
# The terms are positive, so any order is as exact as any other, and the one taken is fixed when the
# kernel is compiled.
@njit(fastmath={"reassoc", "contract"}, cache=True)
def _add_kernels(line, factor, low_columns, high_columns):
    """Replace distances by their wider kernel; add both kernels to the columns, return row sums."""
    low_sum = 0.0
    high_sum = 0.0
    for j in range(line.size):
        low = exp_negative(factor * line[j])
        square = low * low
        high = square * square
        low_sum += low
        high_sum += high
        low_columns[j] += low
        high_columns[j] += high
        line[j] = low
    return low_sum, high_sum


@njit(fastmath={"reassoc", "contract"}, cache=True)
def _add_again(line, low_columns, high_columns):
    """The same from kernels that are there already."""
    low_sum = 0.0
    high_sum = 0.0
    for j in range(line.size):
        low = line[j]
        square = low * low
        high = square * square
        low_sum += low
        high_sum += high
        low_columns[j] += low
        high_columns[j] += high
    return low_sum, high_sum


@njit(cache=True)
def _tile(x, factor, first, last, top, bottom, left, right, above, beside):
    """Sums over the pairs i < j of rows top..bottom and columns left..right.

    What rows receive goes to `beside`, what columns receive to `above`, both (kinds, n): upper,
    lower, and by class where there are four. In a tile on the diagonal they are the same array.
    """
    distances = np.empty((ROWS, COLUMNS))
    for start in range(top, bottom, ROWS):
        rows = min(ROWS, bottom - start)
        for edge in range(left, right, COLUMNS):
            end = min(edge + COLUMNS, right)
            if end <= start + 1:
                continue
            _squared_distances(x, start, rows, x, edge, end - edge, distances)
            for r in range(rows):
                i = start + r
                near = max(edge, i + 1)
                if near >= end:
                    continue
                line = distances[r]
                low, high = _add_kernels(
                    line[near - edge : end - edge], factor, above[1, near:end], above[0, near:end]
                )
                beside[0, i] += high
                beside[1, i] += low
                near = max(near, first[i])
                far = min(end, last[i])
                if near < far:
                    low, high = _add_again(
                        line[near - edge : far - edge], above[3, near:far], above[2, near:far]
                    )
                    beside[2, i] += high
                    beside[3, i] += low


@njit(parallel=True, cache=True)
def _pair_sums(x, factor, first, last, borders, pairs, parts):
    for p in prange(len(pairs)):
        a = pairs[p, 0]
        b = pairs[p, 1]
        _tile(
            x,
            factor,
            first,
            last,
            borders[a],
            borders[a + 1],
            borders[b],
            borders[b + 1],
            parts[a],
            parts[b],
        )


@njit(fastmath={"reassoc", "contract"}, cache=True)
def _sum_exp(line, factor, nearest):
    total = 0.0
    for j in range(line.size):
        total += exp_negative(factor * (line[j] - nearest))
    return total


@njit(cache=True)
def _smallest(line):
    # Distances are not negative, and such doubles are ordered as their bits are. A minimum of
    # integers vectorises; one of floats would need a promise about NaN.
    smallest = as_integer(line[0])
    for j in range(line.size):
        smallest = min(smallest, as_integer(line[j]))
    return as_float(smallest)


@njit(cache=True)
def _density_rows(x, points, factor, others, start, logs):
    """Log of the mean kernel at ROWS points: a nearer sample, whenever one comes, rescales.

    With `others` the points are the samples, none counts for itself, and it is the sum.
    """
    n = x.shape[1]
    count = 1 if others else n
    rows = min(ROWS, len(logs) - start)
    distances = np.empty((ROWS, COLUMNS))
    nearest = np.full(rows, np.inf)
    totals = np.zeros(rows)
    for left in range(0, n, COLUMNS):
        columns = min(COLUMNS, n - left)
        _squared_distances(points, start, rows, x, left, columns, distances)
        for r in range(rows):
            line = distances[r, :columns]
            own = start + r - left
            if others and 0 <= own < columns:
                line[own] = np.inf
            smallest = _smallest(line)
            if smallest < nearest[r]:
                totals[r] *= exp_negative(factor * (nearest[r] - smallest))
                nearest[r] = smallest
            if nearest[r] < np.inf:
                totals[r] += _sum_exp(line, factor, nearest[r])
    for r in range(rows):
        if nearest[r] < np.inf:
            logs[start + r] = factor * nearest[r] + np.log(totals[r] / count)
        else:
            logs[start + r] = -np.inf


@njit(parallel=True, cache=True)
def _densities(x, points, factor, others, logs):
    for group in prange(-(-len(logs) // ROWS)):
        _density_rows(x, points, factor, others, group * ROWS, logs)
