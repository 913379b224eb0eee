"""Columns on a grid, as whole and decimal numbers are, and their exact steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory import checks, ops

__all__ = ["on_grid"]

#: A column is on a grid of at most so many steps, or of any number if of whole numbers. What is
#: off a grid must be rounding: so many units in the last place of the largest value, if those are
#: no more than this share of a step.
_MOST_STEPS, _UNITS_OFF, _OFF_GRID = 2.0**20, 8, 1e-3
#: The unit of a scale keeps so many digits; so many more are left for the steps.
_DIGITS = 26
#: So many levels are tried first, and the smallest gap is at most so many steps.
_GLANCE, _MOST_IN_GAP = 48, 64


def on_grid(column: Any, some: np.ndarray) -> tuple[Any, float] | None:
    """(n, 1) whole steps on the grid of a column that varies, and what makes their deviation 1.

    None where the column, of which there are some levels, is on no grid.
    """
    whole = some[0].is_integer() and bool((some == np.rint(some)).all())
    if not whole and len(some) > 8 and not len(_grids(some, _MOST_STEPS)):
        return None
    levels = ops.of(column).unique_values(column).astype(np.float64, copy=False)
    step = _step(levels, whole)
    if step is None:
        return None
    doubles = column.double() if checks.is_tensor(column) else np.asarray(column, np.float64)
    steps = ((doubles - float(levels[0])) / step).round()
    # Sums of whole numbers are exact, and so do not depend on the order of the rows. Halves of the
    # digits have squares that are exact too.
    high = steps // 2.0**13
    low, n = steps - high * 2.0**13, len(column)
    of_high, of_both, of_low = (int(x.sum()) for x in (high * high, high * low, low * low))
    squares = (of_high << 26) + (of_both << 14) + of_low
    total = (int(high.sum()) << 13) + int(low.sum())
    deviation = math.sqrt(n * squares - total * total) / n
    # So few digits that products with whole numbers are exact too.
    fraction, exponent = math.frexp(1 / deviation)
    return steps, math.ldexp(round(math.ldexp(fraction, _DIGITS)), exponent - _DIGITS)


def _step(levels: np.ndarray, whole: bool) -> float | None:
    """The largest step of a grid that all levels are on; None where there is no grid."""
    low, span = levels[0], float(levels[-1] / 2 - levels[0] / 2) * 2
    if not 0 < span < math.inf:
        return None
    if whole and span < 2.0**62 and bool((levels == np.rint(levels)).all()):
        step = float(np.gcd.reduce((levels - low).astype(np.int64)))
        return step if span / step < 2.0**_DIGITS else None
    # No grid of the levels is lost by looking at some of them first.
    glance = levels[np.linspace(0, len(levels) - 1, min(_GLANCE, len(levels))).astype(int)]
    gap = float(np.diff(levels).min(initial=span))
    apart = _last_places(levels)
    for count in _grids(glance, _MOST_IN_GAP, gap):
        places = (levels - low) / (span / count)
        off = float(np.abs(places - np.rint(places)).max())
        # The first is what the division of exact levels rounds.
        most = [count * 2.0**-51, *(_UNITS_OFF * unit / span * count for unit in apart)]
        if any(off <= each for each in most if each <= _OFF_GRID):
            return span / count
    return None


def _last_places(levels: np.ndarray) -> list[float]:
    """The last place of the largest level: of float64, and of float32 if that holds them all."""
    largest = np.abs(levels).max()
    with np.errstate(over="ignore"):
        singles = levels.astype(np.float32)
    units = [float(np.spacing(largest))]
    return units + [float(np.spacing(np.abs(singles).max()))] * bool((singles == levels).all())


def _grids(levels: np.ndarray, most_in_gap: float, gap: float | None = None) -> np.ndarray:
    """Into how many steps the span of the levels can be cut so that all lie about between two.

    The smallest gap is 1, 2, ... of them.
    """
    span = float(levels[-1] - levels[0])
    gap = float((levels[1:] - levels[:-1]).min(initial=span)) if gap is None else gap
    if span == 0 or gap * _MOST_STEPS <= span:
        return np.empty(0)
    in_gap = np.arange(1.0, min(most_in_gap, gap / span * _MOST_STEPS) + 1)
    counts = np.rint(span / gap * in_gap)
    counts = counts[counts <= _MOST_STEPS]
    for share in (levels[1:-1] - levels[0]) / span:  # each leaves few of those that do not fit
        places = share * counts
        counts = counts[np.abs(places - np.rint(places)) <= 2 * _OFF_GRID]
        if not len(counts):
            return counts
    return np.unique(counts)
