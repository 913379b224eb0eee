"""Powers of two that keep squared distances inside the range of float64, for both engines."""

import math
from typing import Any


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
