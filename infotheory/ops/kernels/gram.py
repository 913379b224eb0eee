"""Matrices of Gaussian kernels, their products with vectors, and their spectra."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload
from scipy.linalg import lapack

from infotheory.ops import ranges
from infotheory.ops.kernels import mixture
from infotheory.ops.kernels.exponential import exp_negative, exp_negative_single
from infotheory.ops.kernels.kernel_sums import (
    FEW,
    LONGEST_DOUBLE,
    LONGEST_SINGLE,
    _differences,
)
from infotheory.ops.kernels.threads import blas_threads, in_turns

__all__ = ["gram", "kernel_product", "matrix_product", "scale_matrix", "spectrum"]

# A tile of exponents is 256 KiB of float32: it stays in the second cache, and it is large enough
# for a product of matrices to be fast.
HEIGHT = 256
WIDTH = 512
# Sums of products with kernels are kept in so many parts, whatever the threads.
SLOTS = 8
# Rows of a matrix that one task multiplies; the bands do not depend on the threads.
BAND = 128
# Lines of those that are converted at a time: new memory costs more than a product with it.
FEW_LINES = 16
# Numbers for each column that LAPACK may use beside the matrix.
ROOM = 66
# Up to this n the spectrum is found in one thread, and no setting changes a bit.
ONE_THREAD = 3000


def gram(x: np.ndarray, *, precision: str = "double") -> np.ndarray:
    r"""The matrix of Gaussian kernels between rows.

    .. math:: G_{ij} = e^{-|x_i - x_j|^2 / 2}

    Parameters
    ----------
    x : float array, shape (n, d)
        Rows in units of the width.
    precision : {"double", "single"}
        Of the entries, and of the arithmetic where coordinates are short.

    Returns
    -------
    float64 or float32 array, shape (n, n)
        Exactly symmetric, with ones on the diagonal.

    Notes
    -----
    Distances as in `kernel_sums.kernel_row_sums`. Cost: O(n^2 d) time; the matrix and a tile for
    each thread. The same bits whatever the number of threads.
    """
    rows = _rows(x, precision)
    n = len(x)
    ranges.refuse_matrix(n, rows.dtype(0).nbytes, ranges.free_memory())
    matrix = np.empty((n, n), rows.dtype)

    def work(number: int) -> None:
        top = number * HEIGHT
        bottom = min(top + HEIGHT, n)
        room = np.empty(HEIGHT * WIDTH, rows.dtype)
        for left in range(top, n, WIDTH):
            right = min(left + WIDTH, n)
            tile = _tile(room, bottom - top, right - left)
            _kernels(rows, (top, bottom), (left, right), tile)
            _store(tile, matrix, top, left)

    in_turns(work, -(-n // HEIGHT))
    return matrix


def kernel_product(x: np.ndarray, vectors: np.ndarray, *, precision: str = "double") -> np.ndarray:
    r"""Sums of vectors weighted by kernels, which are made again in each call.

    .. math:: p_i = \sum_j e^{-|x_i - x_j|^2 / 2} v_j

    Parameters
    ----------
    x : float array, shape (n, d)
        Rows in units of the width.
    vectors : float64 array, shape (n, b)
    precision : {"double", "single"}
        Of the kernels, and of sums within a tile.

    Returns
    -------
    float64 array, shape (n, b)

    Notes
    -----
    Cost: O(n^2 (d + b)) time, half of it for the kernels, each of which is made once for both of
    its places; O(n b) memory and a tile for each thread. The same bits whatever the number of
    threads.
    """
    rows = _rows(x, precision)
    n = len(x)
    vectors = vectors.astype(rows.dtype)
    bands = -(-n // HEIGHT)
    partial = np.zeros((min(SLOTS, bands), *vectors.shape))

    def work(slot: int) -> None:
        room, mine = np.empty(HEIGHT * WIDTH, rows.dtype), partial[slot]
        for top in range(slot * HEIGHT, n, len(partial) * HEIGHT):
            bottom = min(top + HEIGHT, n)
            for left in range(top, n, WIDTH):
                right = min(left + WIDTH, n)
                tile = _tile(room, bottom - top, right - left)
                _kernels(rows, (top, bottom), (left, right), tile)
                _own_ones(tile, top, left)
                mine[top:bottom] += tile @ vectors[left:right]
                # The rows themselves meet both ways within the tile.
                others = max(left, bottom)
                mine[others:right] += tile[:, others - left :].T @ vectors[top:bottom]

    in_turns(work, len(partial))
    return partial.sum(axis=0)


def matrix_product(matrix: np.ndarray, vectors: np.ndarray, *, squared: bool = False) -> np.ndarray:
    """A matrix, or the squares of its entries, times vectors, in the precision of the vectors.

    Parameters
    ----------
    matrix : float array, shape (n, n)
    vectors : float array, shape (n, b)
    squared : bool
        Whether each entry is squared first.

    Returns
    -------
    float64 array, shape (n, b)

    Notes
    -----
    Cost: O(n^2 b) time; some lines of the matrix for each thread where it has to be converted.
    The same bits whatever the number of threads.
    """
    n = len(matrix)
    products = np.empty(vectors.shape)
    as_it_is = matrix.dtype == vectors.dtype and not squared

    def work(number: int) -> None:
        top, bottom = number * BAND, min((number + 1) * BAND, n)
        if as_it_is:
            products[top:bottom] = matrix[top:bottom] @ vectors
            return
        room = np.empty((FEW_LINES, n), vectors.dtype)
        for start in range(top, bottom, FEW_LINES):
            stop = min(start + FEW_LINES, bottom)
            lines = room[: stop - start]
            lines[...] = matrix[start:stop]
            if squared:
                lines *= lines
            products[start:stop] = lines @ vectors

    in_turns(work, -(-n // BAND))
    return products


def scale_matrix(matrix: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The matrix with entry (i, j) times scales_i scales_j; its memory is used for the answer."""
    n = len(matrix)

    def work(number: int) -> None:
        band = slice(number * BAND, min((number + 1) * BAND, n))
        _scale(matrix[band], scales[band], scales)

    in_turns(work, -(-n // BAND))
    return matrix


def spectrum(matrix: np.ndarray) -> np.ndarray:
    """All eigenvalues of a symmetric matrix, whose memory is overwritten.

    Parameters
    ----------
    matrix : float64 or float32 array, shape (n, n)
        Exactly symmetric.

    Returns
    -------
    float64 array, shape (n,)
        Ascending.

    Raises
    ------
    ArithmeticError
        If LAPACK finds no convergence.

    Notes
    -----
    Cost: 4/3 n^3 operations; no second matrix. Threads would change last bits, so there is one up
    to n = 3000, where two save little. Beyond that LAPACK's library takes its own number of
    threads: a setting of that library, not of the engine, then changes last bits.
    """
    n = len(matrix)
    double, alone = matrix.dtype == np.float64, n <= ONE_THREAD
    reduce = lapack.dsyevd if double else lapack.ssyevd
    # One thread takes a seventh less from the upper triangle of float32, a few hundredths more of
    # float64; more threads help with the lower one alone.
    lower = int(double or not alone)
    with blas_threads(1 if alone else None):
        # The transposed view of a symmetric matrix is the same matrix, in the order of LAPACK.
        # With less room for work LAPACK takes one column at a time, and twice the time.
        values, _, failed = reduce(
            matrix.T, compute_v=0, lower=lower, overwrite_a=1, lwork=max(1, n * ROOM)
        )
    if failed:
        raise ArithmeticError(f"LAPACK could not find the eigenvalues (info {failed}).")
    return values.astype(np.float64)


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


def _tile(room: np.ndarray, height: int, width: int) -> np.ndarray:
    """A matrix in memory that is used again: fresh pages cost more than what is put into them."""
    return room[: height * width].reshape(height, width)


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


def _rows(x: np.ndarray, precision: str) -> _Part:
    with np.errstate(over="ignore"):  # what is infinitely long in float32 is taken as it came
        return _Part(x, _centre(x, x), precision)


def _kernels(rows: Any, band: tuple[int, int], place: tuple[int, int], tile: np.ndarray) -> None:
    """Kernels between two stretches of rows."""
    longest = max(rows.longest(*band), rows.longest(*place))
    halves = np.zeros(len(tile), tile.dtype), np.zeros(tile.shape[1], tile.dtype)
    scale = tile.dtype.type(1.0)
    if rows.few or longest > LONGEST_DOUBLE:
        _differences(rows.coordinates(*band), rows.coordinates(*place), tile)
        scale = tile.dtype.type(-0.5)
    elif rows.single and longest > LONGEST_SINGLE:
        p, s = (rows.x[slice(*part)].astype(np.float64) for part in (band, place))
        exponents = p @ s.T
        exponents -= rows.halves[slice(*band), None]
        exponents -= rows.halves[slice(*place)]
        tile[...] = exponents
    else:
        np.matmul(rows.x[slice(*band)], rows.x[slice(*place)].T, out=tile)
        halves = tuple(
            rows.halves[slice(*part)].astype(tile.dtype, copy=False) for part in (band, place)
        )
    _exponentials(tile, scale, *halves)


def _exponential(x):
    """exp(x) for x <= 0, in the precision of x."""
    raise NotImplementedError


@overload(_exponential)
def _overloaded(x):
    if x == types.float32:
        return lambda x: exp_negative_single(x)
    return lambda x: exp_negative(x)


@njit(nogil=True, cache=True)
def _exponentials(tile, scale, halves_of_rows, halves_of_columns):
    """Replace exponents by their exponentials."""
    zero = scale - scale  # in the precision of the tile
    for r in range(len(tile)):
        line, half = tile[r], halves_of_rows[r]
        for j in range(line.size):
            exponent = scale * line[j] - half - halves_of_columns[j]
            line[j] = _exponential(exponent if exponent < zero else zero)


@njit(nogil=True, cache=True)
def _store(tile, matrix, top, left):
    """What is right of the diagonal, its mirror image, and ones between."""
    rows, columns = tile.shape
    for first in range(0, columns, 32):  # small squares, so that both sides stay in the cache
        last = min(first + 32, columns)
        for r in range(rows):
            i = top + r
            for c in range(first, last):
                j = left + c
                if j > i:
                    matrix[i, j] = tile[r, c]
                elif j == i:
                    matrix[i, i] = 1.0
    for first in range(0, rows, 32):
        last = min(first + 32, rows)
        for c in range(columns):
            j = left + c
            for r in range(first, min(last, j - top)):
                matrix[j, top + r] = tile[r, c]


@njit(nogil=True, cache=True)
def _own_ones(tile, top, left):
    """Exact ones where a row meets itself."""
    for r in range(max(0, left - top), min(tile.shape[0], left + tile.shape[1] - top)):
        tile[r, top + r - left] = 1.0


@njit(nogil=True, cache=True)
def _scale(lines, scales_of_rows, scales):
    for r in range(len(lines)):
        line = lines[r]
        for j in range(line.size):
            line[j] *= scales_of_rows[r] * scales[j]
