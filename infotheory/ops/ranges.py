"""Powers of two that keep squared distances inside the range of float64, for both engines."""

import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def shrink_exponent(largest: float, metric: str) -> int:
    """Exponent e: distances of values times 2 ** -e neither overflow nor vanish when squared.

    Zero for all usual data. Scaling by a power of two is exact, so it changes no comparison.
    """
    exponent = math.frexp(largest)[1]
    usual = abs(exponent) <= 256 if metric == "euclidean" else exponent <= 1000
    return 0 if usual else exponent


#: Values below 2 to this power have squared distances, and Chebyshev ones, within float64.
_ROOM_FOR_SQUARES, _ROOM = 500, 1000


def is_euclidean(metric: str, columns: Sequence[int]) -> bool:
    """Whether a search needs squares: not where each part is one column.

    There both metrics are the absolute difference, to the bit: a square that neither vanishes nor
    overflows has that as its rounded root.
    """
    return metric == "euclidean" and max(columns) > 1


def room_exponent(largest: float, euclidean: bool) -> int:
    """Exponent e: values times 2 ** -e have distances, or squares of them, that do not overflow.

    Squares are put at the upper end of the range, so that even those of distances 1e-300 of the
    largest value keep their digits. Scaling by a power of two changes no comparison.
    """
    exponent = math.frexp(largest)[1]
    if euclidean:
        return exponent - _ROOM_FOR_SQUARES if largest > 0 else 0
    return max(exponent - _ROOM, 0)


def scaled(values: Any, exponent: int) -> Any:
    """An array or tensor times 2 ** exponent, in two steps, since 2 ** 1074 is not a float64."""
    half = exponent // 2
    return values * 2.0**half * 2.0 ** (exponent - half) if exponent else values


def limits(radius: np.ndarray, exponent: int, euclidean: bool) -> np.ndarray:
    """Radii for comparison with scaled distances, or with the squares of Euclidean ones."""
    with np.errstate(over="ignore"):  # what is beyond all numbers is infinitely far
        small = scaled(np.asarray(radius, dtype=np.float64), -exponent)
        # A positive radius holds coincident samples, however small it is.
        small = np.where(radius > 0, np.maximum(small, np.nextafter(0.0, 1.0)), 0.0)
        return _square_below(small) if euclidean else small


def _square_below(radius: np.ndarray) -> np.ndarray:
    """The limit for squares q such that q is below it exactly where sqrt(q) is below the radius.

    The square of a rounded root can lie on either side of what was rooted.
    """
    limit = radius * radius
    for _ in range(4):
        limit = np.where(np.sqrt(limit) < radius, np.nextafter(limit, np.inf), limit)
        below = np.nextafter(limit, 0.0)
        limit = np.where((limit > 0) & (np.sqrt(below) >= radius), below, limit)
    return limit


#: Squared distances are counted by keys: their bits, rounded to a significand of 24, in two halves.
HALF_KEYS = 1 << 17
_DROPPED_BITS = 29


def quantile_by_bits(counts: Callable[[int], np.ndarray], quantile: float, exponent: int) -> float:
    """The distance that a share of all distances but zeros do not exceed; NaN without any.

    `counts` counts squared distances, of values times 2 ** -exponent, by the leading half of their
    keys if given -1, and else by the other half within that leading one.
    """
    totals = counts(-1).cumsum()
    if totals[-1] == 0:
        return math.nan
    wanted = max(1, math.ceil(quantile * float(totals[-1])))
    leading = int(np.searchsorted(totals, wanted))
    wanted -= int(totals[leading - 1]) if leading else 0
    key = leading * HALF_KEYS + int(np.searchsorted(counts(leading).cumsum(), wanted))
    return float(scaled(np.float64(math.sqrt(square_of(key))), exponent))


def key(square: float) -> int:
    """The key of a squared distance."""
    bits = int(np.float64(square).view(np.int64))
    return (bits + (1 << (_DROPPED_BITS - 1))) >> _DROPPED_BITS


def square_of(key: int) -> float:
    """The squared distance of a key."""
    return float(np.array(key << _DROPPED_BITS, dtype=np.int64).view(np.float64))


def least_of(key: int) -> float:
    """The smallest squared distance of a key."""
    bits = max((key << _DROPPED_BITS) - (1 << (_DROPPED_BITS - 1)), 0)
    return float(np.array(bits, dtype=np.int64).view(np.float64)) if key < 1 << 34 else math.inf


def refuse_matrix(n: int, item: int, free: int) -> None:
    """A MemoryError where a square matrix would take more than nearly all memory that is free."""
    needed = item * n * n
    if needed > 0.9 * free:
        raise MemoryError(
            f"a matrix of {n} x {n} takes {needed / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free."
        )


def free_memory() -> int:
    """Bytes of main memory that can still be taken; without an answer, as many as an address."""
    try:
        with open("/proc/meminfo") as facts:
            for line in facts:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return sys.maxsize
