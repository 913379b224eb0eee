"""Powers of two that keep squared distances inside the range of float64, for both engines."""

import math
from typing import Any

import numpy as np


def shrink_exponent(largest: float, metric: str) -> int:
    """Exponent e: distances of values times 2 ** -e neither overflow nor vanish when squared.

    Zero for all usual data. Scaling by a power of two is exact, so it changes no comparison.
    """
    exponent = math.frexp(largest)[1]
    usual = abs(exponent) <= 256 if metric == "euclidean" else exponent <= 1000
    return 0 if usual else exponent


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
