"""Sums of Gaussian kernels over all pairs, in tiles: products of matrices where they are exact."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import threadpoolctl
from numba import njit, types
from numba.extending import overload

from infotheory.ops.kernels import mixture
from infotheory.ops.kernels.exponential import exp_negative, exp_negative_single

__all__ = ["kernel_row_sums"]

# A tile of exponents is 256 KiB of float32: with that of a second part it stays in the second
# cache, and it is large enough for a product of matrices to be fast.
HEIGHT = 256
WIDTH = 512
# Partial sums are kept per group of bands of rows, whatever the threads, and added in order.
GROUPS = 16
# Terms whose sum may be taken in single precision; sums of more are taken in double.
SHORT = 128
# In fewer dimensions than this, differences are no slower than a product, and lose nothing.
FEW = 8
# |a|^2 + |b|^2 - 2 a b loses digits where a and b are long beside their difference. Up to these
# squared lengths (in widths) the exponent is right to about 1e-12 and 5e-5.
LONGEST_DOUBLE = 4096.0
LONGEST_SINGLE = 256.0
# A sum below this, times the number of its terms, may have lost terms that count: the exponentials
# are 0 below -708 and -87.
LEAST_DOUBLE = 1e-290
LEAST_SINGLE = 1e-29

#: Where no sums of columns are wanted.
NOWHERE = np.zeros((0, 0))

# The number of threads of BLAS belongs to the process: calls from several threads take turns.
_lock = threading.Lock()


def kernel_row_sums(
    points: Sequence[np.ndarray],
    samples: Sequence[np.ndarray] | None = None,
    *,
    precision: str = "double",
    mutual: bool = False,
) -> np.ndarray:
    r"""Logarithms of sums of Gaussian kernels at points, in each part and in all together.

    .. math::
        \ln \sum_j e^{-|p^k_i - s^k_j|^2 / 2} \quad (k = 1, 2, ...), \qquad
        \ln \sum_j \prod_k e^{-|p^k_i - s^k_j|^2 / 2}

    Parameters
    ----------
    points : sequence of arrays, shapes (m, d_1), (m, d_2), ...
        Where the sums are wanted, in units of the widths.
    samples : sequence of arrays, shapes (n, d_1), (n, d_2), ...; optional
        What is summed over. Without them the points themselves, each pair once; the term of a
        point with itself is exactly 1.
    precision : {"double", "single"}
        "single": products and exponentials in float32 where coordinates are short, and sums of
        up to 128 terms; longer sums are float64 always.
    mutual : bool
        Whether the sums at the samples over the points follow those at the points.

    Returns
    -------
    float64 array, shape (kinds, m) or, if mutual, (kinds, m + n)
        One row for a single part; for more, one for each part and a last one for all together.

    Notes
    -----
    Where a sum underflows it is taken again, shifted by the nearest sample. Columns are centred.
    Few dimensions, and tiles with rows farther from the centre than 64 widths (16 in single
    precision), use differences, exact to rounding, or in single precision double products. Cost:
    O(m n d) time, half without samples; O(m + n) memory beyond copies of the data. The same bits
    whatever the number of threads.
    """
    own = samples is None
    columns_of = points if samples is None else samples
    centres = [_centre(p, s) for p, s in zip(points, columns_of, strict=True)]
    pairs = list(zip(points, columns_of, centres, strict=True))
    rows = [_Part(p, centre, precision) for p, _, centre in pairs]
    columns = rows if own else [_Part(s, centre, precision) for _, s, centre in pairs]
    m, n = len(points[0]), len(columns_of[0])
    kinds = 1 if len(pairs) == 1 else len(pairs) + 1
    bands = [(start, min(start + HEIGHT, m)) for start in range(0, m, HEIGHT)]
    groups = min(GROUPS, len(bands))
    at_rows = np.zeros((kinds, m))
    at_columns = np.zeros((groups, kinds, n if own or mutual else 0))

    def work(group: int) -> None:
        tile = np.empty((len(pairs), HEIGHT, WIDTH), rows[0].dtype)
        for top, bottom in bands[group::groups]:
            above = at_rows[:, top:bottom]
            if own:
                _add(rows, columns, (top, bottom), (top, bottom), tile, above, NOWHERE, True)
            for left in range(bottom if own else 0, n, WIDTH):
                right = min(left + WIDTH, n)
                beside = at_columns[group, :, left:right]
                _add(rows, columns, (top, bottom), (left, right), tile, above, beside, False)

    _in_threads(work, groups)
    if own:
        # The own terms are the 1 of log1p: small sums of the others keep their digits.
        return np.log1p(at_rows + at_columns.sum(axis=0))
    logs = _logs(at_rows, points, columns_of, precision)
    if not mutual:
        return logs
    back = _logs(at_columns.sum(axis=0), columns_of, points, precision)
    return np.concatenate([logs, back], axis=1)


class _Part:
    """One part of points or samples: centred, with half the squared lengths, as a tile needs it."""

    def __init__(self, x: Any, centre: np.ndarray | None, precision: str) -> None:
        self.single = precision == "single"
        self.dtype = np.float32 if self.single else np.float64
        if centre is None:
            self.x = x.astype(self.dtype, copy=False)
        else:
            self.x = np.empty(x.shape, self.dtype)  # filled without a copy in double precision
            with np.errstate(over="ignore"):  # what overflows float32 is left to differences
                np.subtract(x, centre, out=self.x, casting="same_kind")
        self.halves = _halves(self.x)
        self.few = x.shape[1] <= FEW
        # Differences are taken of the data as they came.
        self.given = x
        self.columns = mixture._coordinates(x) if self.few else None

    def coordinates(self, start: int, stop: int) -> np.ndarray:
        """(d, stop - start) coordinates, side by side."""
        if self.columns is not None:
            return self.columns[:, start:stop]
        return mixture._coordinates(self.given[start:stop])

    def longest(self, start: int, stop: int) -> float:
        """The largest squared length."""
        return 2 * float(self.halves[start:stop].max())


def _centre(points: Any, samples: Any) -> np.ndarray | None:
    """What to subtract from both; nothing where both lie near the origin, which saves copies."""
    if max(2 * _halves(x).max() for x in (points, samples)) <= LONGEST_SINGLE:
        return None
    with np.errstate(over="ignore"):
        return samples.mean(axis=0, dtype=np.float64)


def _halves(x: np.ndarray) -> np.ndarray:
    """Half the squared length of each row, in double precision and without a copy of them all."""
    halves = np.empty(len(x))
    for start in range(0, len(x), HEIGHT):
        block = x[start : start + HEIGHT].astype(np.float64, copy=False)
        with np.errstate(over="ignore"):
            np.einsum("ij,ij->i", block, block, out=halves[start : start + HEIGHT])
    return halves / 2


def _add(
    rows: Sequence[_Part],
    columns: Sequence[_Part],
    band: tuple[int, int],
    place: tuple[int, int],
    room: np.ndarray,
    at_rows: np.ndarray,
    at_columns: np.ndarray,
    diagonal: bool,
) -> None:
    """Add the kernels of one tile to the sums of its rows and columns."""
    height, width = band[1] - band[0], place[1] - place[0]
    shape = (len(rows), height, width)
    tile = room.reshape(-1)[: math.prod(shape)].reshape(shape)
    halves_of_rows = np.zeros((len(rows), height), tile.dtype)
    halves_of_columns = np.zeros((len(rows), width), tile.dtype)
    scales = np.ones(len(rows), tile.dtype)
    for k, (row, column) in enumerate(zip(rows, columns, strict=True)):
        longest = max(row.longest(*band), column.longest(*place))
        if row.few or longest > LONGEST_DOUBLE:
            _differences(row.coordinates(*band), column.coordinates(*place), tile[k])
            scales[k] = -0.5
        else:
            p, s = row.x[slice(*band)], column.x[slice(*place)]
            if row.single and longest > LONGEST_SINGLE:
                p, s = p.astype(np.float64), s.astype(np.float64)
                exponents = p @ s.T
                exponents -= row.halves[slice(*band), None]
                exponents -= column.halves[slice(*place)]
                tile[k] = exponents
            else:
                np.matmul(p, s.T, out=tile[k])
                halves_of_rows[k] = row.halves[slice(*band)]
                halves_of_columns[k] = column.halves[slice(*place)]
        if diagonal:
            np.fill_diagonal(tile[k], -np.inf * scales[k])
    _sum_up(tile, scales, halves_of_rows, halves_of_columns, at_rows, at_columns)


def _logs(
    sums: np.ndarray, points: Sequence[Any], samples: Sequence[Any], precision: str
) -> np.ndarray:
    """Logarithms, those of sums that have lost terms from the nearest sample on."""
    n = len(samples[0])
    least = n * (LEAST_SINGLE if precision == "single" else LEAST_DOUBLE)
    with np.errstate(divide="ignore"):
        logs = np.log(sums)
    for kind, line in enumerate(sums):
        lost = np.flatnonzero(line < least)
        if not lost.size:
            continue
        parts = slice(None) if kind == len(points) else slice(kind, kind + 1)
        near = np.concatenate([part[lost] for part in points[parts]], axis=1, dtype=np.float64)
        around = np.concatenate(samples[parts], axis=1, dtype=np.float64)
        logs[kind, lost] = mixture.mixture_density_log(around, near, 1.0) + math.log(n)
    return logs


def _in_threads(work: Callable[[int], None], groups: int) -> None:
    """Each group once, in threads of our own, with one thread in each product of matrices."""
    workers = min(numba.get_num_threads(), groups)
    with _lock, _libraries().limit(limits=1, user_api="blas"):
        if workers == 1:
            for group in range(groups):
                work(group)
            return
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(work, range(groups)):
                pass


@functools.cache
def _libraries() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController()


def _exponential(x):
    """exp(x) for x <= 0, in the precision of x."""
    raise NotImplementedError


@overload(_exponential)
def _overloaded(x):
    if x == types.float32:
        return lambda x: exp_negative_single(x)
    return lambda x: exp_negative(x)


@njit(nogil=True, cache=True)
def _differences(points, samples, out):
    """Squared distances of the columns of two matrices."""
    rows, columns = out.shape
    for start in range(0, rows, mixture.ROWS):
        height = min(mixture.ROWS, rows - start)
        for left in range(0, columns, mixture.COLUMNS):
            width = min(mixture.COLUMNS, columns - left)
            lines = out[start : start + height, left : left + width]
            mixture._squared_distances(points, start, height, samples, left, width, lines)


# reassoc lets the sum of a row be taken in lanes; all terms are positive, so any order is as exact
# as any other, and the one taken is fixed when the kernel is compiled.
@njit(fastmath={"reassoc", "contract"}, cache=True)
def _exponentials(line, scale, half, halves):
    """Replace exponents by their exponentials; the sum of at most SHORT of them."""
    zero = scale - scale  # in the precision of the tile
    total = zero
    for j in range(line.size):
        exponent = scale * line[j] - half - halves[j]
        value = _exponential(exponent if exponent < zero else zero)
        line[j] = value
        total += value
    return total


@njit(nogil=True, cache=True)
def _sum_up(tile, scales, halves_of_rows, halves_of_columns, at_rows, at_columns):
    """Exponentials of a tile, and of all parts together, added to rows and, if any, columns."""
    parts, height, width = tile.shape
    for top in range(0, height, 4):
        bottom = min(top + 4, height)
        for left in range(0, width, SHORT):
            right = min(left + SHORT, width)
            for k in range(parts):
                halves = halves_of_columns[k, left:right]
                for r in range(top, bottom):
                    line = tile[k, r, left:right]
                    at_rows[k, r] += _exponentials(line, scales[k], halves_of_rows[k, r], halves)
                if at_columns.size:
                    _add_lines(tile[k, top:bottom, left:right], at_columns[k, left:right])
            if parts > 1:
                for r in range(top, bottom):
                    line = tile[0, r, left:right]
                    for k in range(1, parts):
                        total = _multiply(line, tile[k, r, left:right])
                    at_rows[parts, r] += total
                if at_columns.size:
                    _add_lines(tile[0, top:bottom, left:right], at_columns[parts, left:right])


@njit(fastmath={"reassoc", "contract"}, cache=True)
def _multiply(line, other):
    """Multiply in place; the sum of the products, at most SHORT of them."""
    total = line[0] * other[0]
    line[0] = total
    for j in range(1, line.size):
        product = line[j] * other[j]
        line[j] = product
        total += product
    return total


@njit(fastmath={"contract"}, cache=True)
def _add_lines(lines, sums):
    """Add up to four lines to sums in double precision."""
    if len(lines) == 4:
        first, second, third, fourth = lines[0], lines[1], lines[2], lines[3]
        for j in range(sums.size):
            sums[j] += (first[j] + second[j]) + (third[j] + fourth[j])
    else:
        for r in range(len(lines)):
            line = lines[r]
            for j in range(sums.size):
                sums[j] += line[j]
