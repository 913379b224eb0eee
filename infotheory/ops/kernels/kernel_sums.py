"""Sums of Gaussian kernels over all pairs, in tiles that stay in the first cache."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from infotheory.ops.kernels import mixture, panels
from infotheory.ops.kernels.kernel_tiles import LOG2_E, NARROW, Block, add_bands
from infotheory.ops.kernels.threads import alone

__all__ = ["kernel_row_sums"]

# Samples are packed a block at a time: bytes of a block, and samples at least and at most.
BLOCK_BYTES = 1 << 21
LEAST = 256
MOST = 8192
# Rows beside one panel of columns, as many as leave each group two bands.
BANDS = (128, 64, 32)
# Partial sums of columns are kept per group of bands, whatever the threads, and added in order.
GROUPS = 32
# In fewer dimensions than this, differences are no slower than a product, and lose nothing.
FEW = 8
# |a|^2 + |b|^2 - 2 a b loses digits where a and b are long beside their difference. Up to these
# squared lengths (in widths) the exponent is right to about 1e-12 and 5e-5.
LONGEST_DOUBLE = 4096.0
LONGEST_SINGLE = 256.0
# A sum below this, times the number of its terms, may have lost terms that count: the exponentials
# are 0 below 2^-1022 and 2^-126.
LEAST_DOUBLE = 1e-290
LEAST_SINGLE = 1e-29
# Samples whose mean is the centre; any point among them would do.
CENTRED = 1024


class _Parts(NamedTuple):
    """What holds for all blocks of all parts."""

    centres: list[np.ndarray]
    depths: np.ndarray
    """(parts,) numbers of coordinates, padded."""
    few: np.ndarray
    """(parts,) whether differences are taken of all samples."""
    dtype: np.dtype
    limit: float
    """The largest squared length, in the units of the packed coordinates."""


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
        16 terms; longer sums are float64 always.
    mutual : bool
        Whether the sums at the samples over the points follow those at the points.

    Returns
    -------
    float64 array, shape (kinds, m) or, if mutual, (kinds, m + n)
        One row for a single part; for more, one for each part and a last one for all together.

    Notes
    -----
    Where a sum underflows it is taken again, shifted by the nearest sample. Columns are centred.
    Few dimensions use differences, and so do tiles with rows farther from the centre than 64
    widths (16 in single precision), then in double precision and of the samples as they came.
    Cost: O(m n d) time, half without samples; O(m + n) memory beyond blocks of a few MB. The same
    bits whatever the number of threads.
    """
    own = samples is None
    points = [_plain(x) for x in points]
    around = points if samples is None else [_plain(x) for x in samples]
    parts = _parts(around, precision)
    m, n = len(points[0]), len(around[0])
    kinds = 1 if len(points) == 1 else len(points) + 1
    at_rows, at_columns = np.zeros((kinds, m)), np.zeros((kinds, n))
    across = _stretches(n, parts)
    with alone:
        for number, (left, right) in enumerate(across):
            columns = _block(around, left, right, parts)
            for top, bottom in across[: number + 1] if own else _stretches(m, parts):
                diagonal = own and top == left
                rows = columns if diagonal else _block(points, top, bottom, parts)
                if max(rows.longest.max(), columns.longest.max()) > parts.limit:
                    columns = _with_given(columns, around, left, right, parts)
                    rows = columns if diagonal else _with_given(rows, points, top, bottom, parts)
                beside, below = _sums(rows, columns, parts, diagonal, own or mutual)
                at_rows[:, top:bottom] += beside[:, : bottom - top]
                at_columns[:, left:right] += below[:, : right - left]
    if own:
        # The own terms are the 1 of log1p: small sums of the others keep their digits.
        return np.log1p(at_rows + at_columns)
    logs = _logs(at_rows, points, around, precision)
    if not mutual:
        return logs
    return np.concatenate([logs, _logs(at_columns, around, points, precision)], axis=1)


def _plain(x: Any) -> np.ndarray:
    """Of one of two types, in one order and writable, so that loops are compiled but once."""
    return np.require(x, None if x.dtype == np.float32 else np.float64, ["C", "W"])


def _parts(samples: Sequence[np.ndarray], precision: str) -> _Parts:
    dtype = np.dtype(np.float32 if precision == "single" else np.float64)
    dimensions = np.array([x.shape[1] for x in samples])
    with np.errstate(over="ignore"):  # samples as far as that are not taken from the centre
        centres = [x[:: -(-len(x) // CENTRED)].mean(axis=0, dtype=np.float64) for x in samples]
    return _Parts(
        centres,
        -(-dimensions // panels.UNROLL) * panels.UNROLL,
        dimensions <= FEW,
        dtype,
        LOG2_E * (LONGEST_SINGLE if precision == "single" else LONGEST_DOUBLE),
    )


def _stretches(n: int, parts: _Parts) -> list[tuple[int, int]]:
    """Nearly equal stretches of samples, whole panels in each."""
    most = BLOCK_BYTES // (int(parts.depths.sum()) * parts.dtype.itemsize)
    count = -(-n // min(max(most, LEAST), MOST))
    size = -(-n // (count * LEAST)) * LEAST
    return [(start, min(start + size, n)) for start in range(0, n, size)]


def _block(samples: Sequence[np.ndarray], start: int, stop: int, parts: _Parts) -> Block:
    """Samples start..stop - 1, packed."""
    across = panels.width(parts.dtype)
    count = -(-(stop - start) // across)
    depths = parts.depths.tolist()
    packed = np.empty(count * across * sum(depths), parts.dtype)
    halves = np.zeros((2, len(samples), count * across), parts.dtype)
    halves[1, :, stop - start :] = np.inf
    longest = np.zeros((len(samples), count))
    root = math.sqrt(LOG2_E)
    at = 0
    for k, (x, depth) in enumerate(zip(samples, depths, strict=True)):
        places = packed[at : at + count * across * depth]
        at += places.size
        panels.pack(
            x[start:stop], parts.centres[k], root, depth, across, places, halves[0, k], longest[k]
        )
    halves[0, parts.few] = halves[1, parts.few]
    return Block(packed, halves.ravel(), longest, np.empty(0))


def _with_given(
    block: Block, samples: Sequence[np.ndarray], start: int, stop: int, parts: _Parts
) -> Block:
    """With coordinates as they came, in panels of as many as fit two vectors of float64."""
    if block.given.size:
        return block
    places = block.longest.shape[1] * panels.width(parts.dtype)
    given = np.empty(block.packed.size)
    unused = np.empty(places), np.zeros(places // NARROW)
    at = 0
    for x, depth in zip(samples, parts.depths.tolist(), strict=True):
        origin = np.zeros(x.shape[1])
        panels.pack(
            x[start:stop], origin, 1.0, depth, NARROW, given[at : at + places * depth], *unused
        )
        at += places * depth
    return block._replace(given=given)


def _sums(
    rows: Block, columns: Block, parts: _Parts, diagonal: bool, wanted: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of rows over columns and, if wanted, of columns over rows, of all kinds."""
    across = panels.width(parts.dtype)
    height, breadth = (block.longest.shape[1] * across for block in (rows, columns))
    kinds = 1 if len(parts.depths) == 1 else len(parts.depths) + 1
    band = next((band for band in BANDS if height >= 2 * GROUPS * band), BANDS[-1])
    groups = 1
    while groups < GROUPS and 4 * groups * band <= height:
        groups *= 2
    beside = np.zeros((kinds, height))
    below = np.zeros((groups, kinds, breadth if wanted else 0))
    add_bands(
        rows, columns, parts.depths, parts.few, parts.limit, band, _spread(groups), diagonal,
        beside, below,
    )  # fmt: skip
    return beside, below.sum(axis=0) if wanted else np.zeros((kinds, breadth))


@functools.cache
def _spread(groups: int) -> np.ndarray:
    """Each group's place among the groups, so that threads with a row of groups get equal work.

    Bands come in order of their work; the place is the number of the group with its bits turned.
    """
    bits = groups.bit_length() - 1
    return np.array([int(f"{g:0{bits}b}"[::-1], 2) if bits else 0 for g in range(groups)])


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
