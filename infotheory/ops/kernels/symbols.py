"""Symbols of entries: what makes two of them equal, as integers of 8 to 64 bits."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = ["Reading", "differ", "prepared", "read", "read_packed", "symbols_of", "with_more_bits"]

# How entries become symbols: as they are, without the sign of zero, by edges, by equal bins.
_BITS, _VALUES, _EDGES, _STEPS = range(4)
# Places of bins up to here are kept as 32-bit integers.
_FARTHEST = 2.0**30
# Fixed-point quotients have 31 bits with their sign: some for the bin, the others behind the point.
_QUOTIENT_BITS = 30
# Entries among which one near an edge calls for a division of all.
_PIECE = 128


class Reading(NamedTuple):
    """How entries are read."""

    kind: int
    bits: int
    """Of a symbol: 8 or 16, which are packed into words of 64, or 32 or 64."""
    smallest: int
    """The smallest symbol, where they have 8 or 16 bits."""
    low: float
    step: float
    top: float
    edges: np.ndarray
    """Sorted edges in the type of the entries."""
    bounds: np.ndarray
    """What `_places_by_factor` needs, in the type of the entries; empty if it may not be used."""
    point: int
    """How many bits of its quotients are behind the point."""
    margin: int
    """How far, in the last of these bits, such a quotient may be from the true one."""


def prepared(
    x: np.ndarray,
    edges: np.ndarray | None,
    low: float,
    step: float | None,
    bins: int | None,
) -> tuple[np.ndarray, Reading]:
    """Rows as float32 or float64 (two compilations, no more), and how to read them."""
    if x.dtype.kind in "biu" and edges is None and step is None:
        # Only their bits will be looked at. uint64 wraps around, which keeps values distinct.
        x = np.ascontiguousarray(x.astype(np.int64, copy=False)).view(np.float64)
        return x, _reading(_BITS, 64, x.dtype)
    if x.dtype != np.float32:
        x = x.astype(np.float32 if x.dtype == np.float16 else np.float64, copy=False)
    x = np.ascontiguousarray(x)
    if edges is not None:
        borders = _rounded_up(np.asarray(edges, np.float64), x.dtype)
        bits = 8 if len(borders) < 256 else 16 if len(borders) < 1 << 16 else 32
        return x, _reading(_EDGES, bits, x.dtype)._replace(smallest=0, edges=borders)
    if step is None:
        return x, _reading(_VALUES, 64 if x.dtype == np.float64 else 32, x.dtype)
    top = np.inf if bins is None else bins - 1.0
    reading = _reading(_STEPS, 8 if top < 256 or bins is None else 16, x.dtype)
    return x, _with_bounds(reading._replace(low=float(low), step=float(step), top=top))


def _reading(kind: int, bits: int, dtype: np.dtype) -> Reading:
    nothing = np.empty(0, dtype)
    return Reading(kind, bits, 0, 0.0, 1.0, np.inf, nothing, nothing, 0, 0)


def with_more_bits(reading: Reading, bits: int) -> Reading:
    """The same symbols in more room."""
    reading = reading._replace(bits=bits)
    return _with_bounds(reading) if reading.kind == _STEPS else reading


def _with_bounds(reading: Reading) -> Reading:
    """Equal bins with the numbers with which `_places_by_factor` is right or says it may not be."""
    low, step, top, dtype = reading.low, reading.step, reading.top, reading.bounds.dtype
    single = dtype == np.float32
    # Values below `low` have negative places: as many as there is room for.
    smallest = 0 if reading.bits == 8 and 127 < top < 256 else -(1 << min(reading.bits, 31) - 1)
    least, most = (2.0**-60, 2.0**60) if single else (2.0**-500, 2.0**500)
    if reading.bits == 64 or not least < step < most or not -most < low < most:
        return reading._replace(smallest=smallest, bounds=np.empty(0, dtype))
    # The smaller the places, the nearer to an edge a product decides: no more negative ones than
    # others, as far as is known.
    highest = min(top + 1.0, (256.0 if reading.bits == 8 else 32768.0 - smallest) + smallest)
    lowest = max(smallest, -highest)
    point = _QUOTIENT_BITS - math.ceil(math.log2(max(highest, -lowest)))
    # Roundings, in units in the last place of 1: three halves of the product, a whole one of `low`
    # where it is rounded, two halves of the true quotient, which are nothing beside float32.
    places = max(highest, -lowest)
    error = (1.6 * places + abs(low) / step) * 2.0**-23 if single else 2.6 * places * 2.0**-52
    margin = 2 + math.ceil(min(error, 1.0) * 2.0**point)
    if margin >= 1 << point - 2:
        return reading._replace(smallest=smallest, bounds=np.empty(0, dtype))
    offset = -dtype.type(low)
    if -offset < low:  # the smallest number of this type >= low splits its numbers like `low`
        offset = -np.nextafter(-offset, dtype.type(np.inf))
    scale = 2.0**point
    ceiling = top + 0.5 if top < highest else highest
    numbers = [offset, scale / step, lowest * scale, ceiling * scale, 0.5 * scale]
    bounds = np.array(numbers, dtype)
    return reading._replace(smallest=smallest, bounds=bounds, point=point, margin=margin)


def _rounded_up(edges: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The smallest numbers of this type that are >= each edge: they split its numbers alike."""
    with np.errstate(over="ignore"):
        borders = edges.astype(dtype)
        return np.where(borders < edges, np.nextafter(borders, dtype.type(np.inf)), borders)


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
def _places_by_factor(entries, reading, places):
    """Bins by one product in fixed point; false where an entry is too near to an edge for that.

    Farther than the margin from all edges, rounding cannot have moved a quotient over one, and no
    division is needed. The first edge is a matter of sign alone: an entry equal to `low`, such as
    the zeros of a layer, is as good as one in the middle of the first bin. What lies above the
    last bin goes to its middle; what has no bin is put on an edge, which calls for the division.
    """
    bounds = reading.bounds
    offset, factor, lowest, ceiling, middle = bounds[0], bounds[1], bounds[2], bounds[3], bounds[4]
    point, margin = np.int32(reading.point), np.int32(reading.margin)
    fraction = np.int32((1 << point) - 1)
    nearest = fraction
    for j in range(entries.size):
        difference = entries[j] + offset
        quotient = difference * factor
        quotient = quotient if quotient < ceiling else ceiling
        quotient = quotient if quotient > lowest else lowest
        quotient = quotient if difference != 0 else middle
        fixed = np.int32(quotient)
        behind = np.int32(np.int32(fixed + margin) & fraction)
        nearest = behind if behind < nearest else nearest
        places[j] = fixed >> point
    return nearest > 2 * margin


@njit(cache=True)
def _place(entry, reading):
    place = np.floor((np.float64(entry) - reading.low) / reading.step)
    return place if place < reading.top else reading.top


@njit(error_model="numpy", cache=True)
def _places_by_division(entries, reading, places):
    """Bins by the quotient in float64; false where one is too far off for 8 or 32 bits."""
    least, most = -_FARTHEST, _FARTHEST
    if reading.bits == 8:
        least, most = np.float64(reading.smallest), np.float64(reading.smallest + 255)
    far = 0
    for j in range(entries.size):
        place = _place(entries[j], reading)
        near = place if place < most else most
        near = near if near > least else least
        far |= np.int64(near != place)
        places[j] = np.int32(near)
    return far == 0


@njit(cache=True)
def _places(entries, reading, places):
    """Bins by products, and by division in the few short pieces of which these are not sure."""
    if reading.bounds.size == 0:
        return _places_by_division(entries, reading, places)
    if _places_by_factor(entries, reading, places):
        return True
    near = True
    for start in range(0, entries.size, _PIECE):
        piece, into = entries[start : start + _PIECE], places[start : start + _PIECE]
        if not _places_by_factor(piece, reading, into):
            near &= _places_by_division(piece, reading, into)
    return near


@njit(cache=True)
def differ(symbols, others):
    """Whether two rows of symbols differ anywhere: without an early end, so that it vectorises."""
    difference = 0
    for j in range(symbols.size):
        difference |= symbols[j] ^ others[j]
    return difference != 0


@njit(error_model="numpy", cache=True)
def read(entries, reading, narrow, wide):
    """Write the symbols of entries to `narrow` or `wide`; false if `narrow` cannot hold them."""
    narrow = narrow[: entries.size]
    bits = wide.view(np.float64)
    if reading.kind == _BITS:
        for j in range(entries.size):
            bits[j] = entries[j]
    elif reading.kind == _VALUES and reading.bits == 64:
        for j in range(entries.size):
            bits[j] = entries[j] + 0.0  # -0.0 becomes 0.0
    elif reading.kind == _VALUES:
        few_bits = narrow.view(np.float32)
        for j in range(entries.size):
            few_bits[j] = entries[j] + 0.0
    elif reading.kind == _EDGES:
        _places_by_edges(entries, reading.edges, narrow)
    elif reading.bits == 64:
        for j in range(entries.size):
            bits[j] = _place(entries[j], reading) + 0.0
    else:
        return _places(entries, reading, narrow)
    return True


@njit(cache=True)
def _cut(symbols, reading, places):
    """Write symbols with fewer bits; false if one has too many."""
    excess = 0
    for j in range(symbols.size):
        excess |= (symbols[j] - reading.smallest) >> reading.bits
        places[j] = symbols[j]
    return excess == 0


@njit(cache=True)
def read_packed(entries, d, reading, narrow, small, words):
    """Write rows of d symbols, 8 or 16 bits each, to as many rows of words; false as above."""
    n = entries.size // d
    width = words.size // n
    if reading.bits == 8 and reading.kind == _STEPS:
        if 8 * width == d:
            return _places(entries, reading, words.view(np.uint8)[: entries.size])
        if not _places(entries, reading, small):
            return False
        words[width - 1 :: width] = 0  # its last bytes stay so
        places = words.view(np.uint8)
        for i in range(n):
            places[8 * width * i : 8 * width * i + d] = small[d * i : d * i + d]
        return True
    if not read(entries, reading, narrow, words[:0]):
        return False
    words[width - 1 :: width] = 0
    fits = True
    for i in range(n):
        row = words[width * i : width * i + width]
        symbols = narrow[d * i : d * i + d]
        if reading.bits == 8:
            fits &= _cut(symbols, reading, row.view(np.uint8))
        else:
            fits &= _cut(symbols, reading, row.view(np.int16))
    return fits
