"""Symbols of entries: what makes two of them equal, as integers of 32 or 64 bits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = ["BINNED", "FAR_STEPS", "Reading", "differ", "prepared", "read", "symbols_of"]

# How entries become symbols: as they are, without the sign of zero, by bins in four ways.
_BITS, _VALUES, _EDGES, _STEPS, _STEPS_BY_FACTOR, FAR_STEPS = range(6)
# Kinds whose symbols are small integers.
BINNED = (_EDGES, _STEPS, _STEPS_BY_FACTOR)
# Places of bins up to here are kept as 32-bit integers.
_FARTHEST = 2.0**30


class Reading(NamedTuple):
    """How entries are read."""

    kind: int
    wide: bool
    """Whether symbols have 64 bits, not 32."""
    low: float
    step: float
    top: float
    edges: np.ndarray
    """Sorted edges in the type of the entries."""
    bounds: np.ndarray
    """What `_places_by_factor` needs, in the type of the entries."""


def prepared(
    x: np.ndarray,
    edges: np.ndarray | None,
    low: float,
    step: float | None,
    bins: int | None,
) -> tuple[np.ndarray, Reading]:
    """Rows as float32 or float64 (two compilations, no more), and how to read them."""
    top = np.inf if bins is None else bins - 1.0
    if x.dtype.kind in "biu" and edges is None and step is None:
        # Only their bits will be looked at. uint64 wraps around, which keeps values distinct.
        x = np.ascontiguousarray(x.astype(np.int64, copy=False)).view(np.float64)
        return x, _reading(_BITS, x.dtype, wide=True)
    if x.dtype != np.float32:
        x = x.astype(np.float32 if x.dtype == np.float16 else np.float64, copy=False)
    x = np.ascontiguousarray(x)
    if edges is not None:
        borders = _rounded_up(np.asarray(edges, np.float64), x.dtype)
        return x, _reading(_EDGES, x.dtype, edges=borders)
    if step is None:
        return x, _reading(_VALUES, x.dtype, wide=x.dtype == np.float64)
    bounds = _factor_bounds(low, step, top) if x.dtype == np.float32 else None
    kind = _STEPS if bounds is None else _STEPS_BY_FACTOR
    return x, _reading(kind, x.dtype, steps=(float(low), float(step), top), bounds=bounds)


def _reading(
    kind: int,
    dtype: np.dtype,
    *,
    wide: bool = False,
    steps: tuple[float, float, float] = (0.0, 1.0, np.inf),
    edges: np.ndarray | None = None,
    bounds: np.ndarray | None = None,
) -> Reading:
    nothing = np.empty(0, dtype)
    edges = nothing if edges is None else edges
    return Reading(kind, wide, *steps, edges, nothing if bounds is None else bounds)


def _rounded_up(edges: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The smallest numbers of this type that are >= each edge: they split its numbers alike."""
    with np.errstate(over="ignore"):
        borders = edges.astype(dtype)
        return np.where(borders < edges, np.nextafter(borders, dtype.type(np.inf)), borders)


def _factor_bounds(low: float, step: float, top: float) -> np.ndarray | None:
    """Numbers with which `_places_by_factor` is right or says that it may be wrong; None if not."""
    factor = 1.0 / step
    if np.float32(low) != low or not 2.0**-100 < factor < 2.0**100:
        return None
    # Where the factor is below 1, a negative number so small that its product vanishes would be
    # put into bin 0. The larger of two factors, here 1, keeps it apart: all that is below `low`
    # then disagrees, which is rare as long as there are bins.
    if factor < 1.0 and top == np.inf:
        return None
    if top < 2.0**20:
        highest = other_highest = top
    else:
        highest, other_highest = _FARTHEST, _FARTHEST - 64.0
    # Three roundings of 2^-24 each, and of 2^-53 in the quotient, are less than 2^-22 in all.
    below, above = factor * (1.0 - 2.0**-21), factor * (1.0 + 2.0**-21)
    steepest = max(1.0, above) if factor < 1.0 else above
    bounds = [0.0 - low, below, above, steepest, highest, other_highest]
    return np.array([*bounds, -_FARTHEST, -_FARTHEST + 64.0], np.float32)


def symbols_of(x: np.ndarray, reading: Reading) -> np.ndarray:
    """An array of integers or floats, equal where the symbols are."""
    if reading.kind == _BITS:
        return x.view(np.int64)
    if reading.kind == _VALUES:
        return x + x.dtype.type(0)  # -0.0 becomes 0.0
    if reading.kind == _EDGES:
        return np.searchsorted(reading.edges, x, side="right")
    with np.errstate(over="ignore"):
        places = np.floor((x.astype(np.float64) - reading.low) / reading.step)
    return np.minimum(places, reading.top) + 0.0


@njit(cache=True)
def _places_by_edges(entries, edges, places):
    """How many edges are <= each entry: all entries take each step of the bisection together.

    Entry by entry every step is a branch that is guessed wrong half the time: ten times slower.
    """
    places[:] = 0
    length = edges.size
    while length > 1:
        half = length // 2
        for j in range(entries.size):
            edge = edges[np.uint64(places[j] + half - 1)]
            places[j] += half * np.int32(edge <= entries[j])
        length -= half
    if length == 1:
        for j in range(entries.size):
            places[j] += np.int32(edges[np.uint64(places[j])] <= entries[j])


@njit(error_model="numpy", cache=True)
def _places_by_factor(entries, bounds, places, others):
    """Bins by products with factors just below and just above 1 / step.

    Wherever both agree, the quotient, which lies between, agrees with them, and no division is
    needed. Clamped ones disagree by design, unless the last bin takes them.
    """
    offset, below, above, steepest = bounds[0], bounds[1], bounds[2], bounds[3]
    highest, other_highest, lowest, other_lowest = bounds[4], bounds[5], bounds[6], bounds[7]
    for j in range(entries.size):
        difference = entries[j] + offset
        place = np.floor(difference * below)
        place = place if place < highest else highest
        places[j] = np.int32(place if place > lowest else lowest)
        product, steep = difference * above, difference * steepest
        other = np.floor(product if product < steep else steep)
        other = other if other < other_highest else other_highest
        others[j] = np.int32(other if other > other_lowest else other_lowest)


@njit(cache=True)
def _place(entry, reading):
    place = np.floor((np.float64(entry) - reading.low) / reading.step)
    return place if place < reading.top else reading.top


@njit(error_model="numpy", cache=True)
def _places_by_division(entries, reading, places):
    """Bins by the quotient in float64; false where one is too far off for 32 bits."""
    far = 0
    for j in range(entries.size):
        place = _place(entries[j], reading)
        near = place if place < _FARTHEST else _FARTHEST
        near = near if near > -_FARTHEST else -_FARTHEST
        far |= np.int64(near != place)
        places[j] = np.int32(near)
    return far == 0


@njit(cache=True)
def differ(symbols, others):
    """Whether two rows of symbols differ anywhere: without an early end, so that it vectorises."""
    difference = 0
    for j in range(symbols.size):
        difference |= symbols[j] ^ others[j]
    return difference != 0


@njit(error_model="numpy", cache=True)
def read(entries, reading, narrow, spare, wide):
    """Write the symbols of entries to `narrow` or `wide`; false if `narrow` cannot hold them."""
    narrow, spare = narrow[: entries.size], spare[: entries.size]
    bits = wide.view(np.float64)
    if reading.kind == _BITS:
        for j in range(entries.size):
            bits[j] = entries[j]
    elif reading.kind == _VALUES and reading.wide:
        for j in range(entries.size):
            bits[j] = entries[j] + 0.0  # -0.0 becomes 0.0
    elif reading.kind == _VALUES:
        few_bits = narrow.view(np.float32)
        for j in range(entries.size):
            few_bits[j] = entries[j] + 0.0
    elif reading.kind == _EDGES:
        _places_by_edges(entries, reading.edges, narrow)
    elif reading.kind == FAR_STEPS:
        for j in range(entries.size):
            bits[j] = _place(entries[j], reading) + 0.0
    else:
        if reading.kind == _STEPS_BY_FACTOR:
            _places_by_factor(entries, reading.bounds, narrow, spare)
            if not differ(narrow, spare):
                return True
        return _places_by_division(entries, reading, narrow)
    return True
