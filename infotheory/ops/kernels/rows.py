"""Codes of rows: each row is hashed, the hashes are numbered, and every row is then checked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange

__all__ = ["bincount", "row_codes", "unique_values", "value_range"]

# How entries become symbols: as they are, without the sign of zero, by bins in four ways.
_BITS, _VALUES, _EDGES, _STEPS, _STEPS_BY_FACTOR, _FAR_STEPS = range(6)
_ALL_BITS = (1 << 64) - 1
# Entries read at once: their symbols stay in the first cache.
_CHUNK = 2048
# Entries of a block of rows, about 20 microseconds of work; below _SERIAL entries in all, waking
# threads on a busy machine takes longer than the pass.
_BLOCK_ENTRIES = 1 << 15
_SERIAL = 1 << 19
_MOST_BLOCKS = 256
# A direct table of up to this many entries per sample is quicker than hashing and no larger.
_TABLE_PER_SAMPLE = 4
# Places of bins up to here are kept as 32-bit integers.
_FARTHEST = 2.0**30


class _Reading(NamedTuple):
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


def row_codes(
    x: np.ndarray,
    *,
    edges: np.ndarray | None = None,
    low: float = 0.0,
    step: float | None = None,
    bins: int | None = None,
) -> tuple[np.ndarray, int]:
    r"""Number the distinct rows in order of first appearance.

    .. math:: \text{symbol}(v) = v, \quad \#\{e \le v\} \;\text{(edges)}, \quad
        \min\Bigl(\Bigl\lfloor \frac{v - \text{low}}{\text{step}} \Bigr\rfloor,
        \text{bins} - 1\Bigr) \;\text{(step)}

    Parameters
    ----------
    x : array of integers, bool or floats, shape (n, d)
        Finite. Values are compared in float64, where -0.0 equals 0.0; integers as they are.
    edges : sorted float64 array, shape (e,), optional
        A value that equals an edge belongs to the bin above it.
    low, step : float
        Equal bins; the division is a true one, so that it equals ``np.floor((x - low) / step)``.
    bins : int, optional
        With `step`: what lies above the last bin is counted in it.

    Returns
    -------
    codes : int64 array, shape (n,)
        0..m-1; rows share a code exactly if all their symbols are equal.
    m : int
        The number of distinct rows.

    Notes
    -----
    Rows are numbered by a 64-bit hash, and each row is then compared with the first of its number;
    if a hash ever deceives, all rows are sorted instead. A single column needs no hash. Cost:
    O(n d) time, O(n + d) memory beyond x. The same codes whatever the number of threads.
    """
    x, reading = _prepared(x, edges, low, step, bins)
    if x.shape[1] == 1:
        return _column_codes(x, reading)
    return _hashed_codes(x, reading, _ALL_BITS)


def bincount(codes: np.ndarray, m: int) -> np.ndarray:
    """How often each of the codes 0..m-1 occurs: int64, shape (m,). Cost: O(n + m)."""
    return np.bincount(codes, minlength=m)


def unique_values(x: np.ndarray) -> np.ndarray:
    """The sorted distinct values of all entries, 1-D. Cost: O(n d log(n d))."""
    return np.unique(x)


def value_range(x: np.ndarray) -> tuple[float, float]:
    """Smallest and largest of all entries. Cost: O(n d)."""
    return float(x.min()), float(x.max())


def _prepared(
    x: np.ndarray,
    edges: np.ndarray | None,
    low: float,
    step: float | None,
    bins: int | None,
) -> tuple[np.ndarray, _Reading]:
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
) -> _Reading:
    nothing = np.empty(0, dtype)
    edges = nothing if edges is None else edges
    return _Reading(kind, wide, *steps, edges, nothing if bounds is None else bounds)


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


def _symbols(x: np.ndarray, reading: _Reading) -> np.ndarray:
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


def _column_codes(x: np.ndarray, reading: _Reading) -> tuple[np.ndarray, int]:
    """Codes of a single column: a symbol of at most 64 bits is its own hash, none can collide."""
    symbols = _symbols(x[:, 0], reading)
    n = len(symbols)
    codes = np.empty(n, np.int64)
    if symbols.dtype == np.int64:
        smallest = int(symbols.min())
        span = int(symbols.max()) - smallest + 1
        if span <= _TABLE_PER_SAMPLE * n + 1024:
            return codes, _number_in_range(symbols, smallest, span, codes)
    else:
        symbols = symbols.astype(np.float64, copy=False).view(np.int64)
    return codes, _number(symbols, codes, np.empty(n, np.int64))


def _hashed_codes(x: np.ndarray, reading: _Reading, mask: int) -> tuple[np.ndarray, int]:
    """Codes by hash. Tests pass a `mask` of few bits, under which unequal rows collide."""
    n, d = x.shape
    blocks = 1 if n * d < _SERIAL else min(n, _MOST_BLOCKS, -(-n * d // _BLOCK_ENTRIES))
    borders = np.linspace(0, n, blocks + 1).astype(np.int64)
    hashes = np.empty(n, np.int64)
    hashing = (x, reading, _multipliers(d), np.uint64(mask), hashes)
    if blocks == 1:
        near = _hash_rows(*hashing, 0, n)
    else:
        near = _hash_blocks(*hashing, borders)
    if not near:
        return _hashed_codes(x, reading._replace(kind=_FAR_STEPS, wide=True), mask)
    codes = np.empty(n, np.int64)
    m = _number(hashes, codes, np.empty(n, np.int64))
    if m == n:  # unequal hashes cannot come from equal rows
        return codes, m
    checking = (x, reading, codes, _order_by_code(codes, m))
    if blocks == 1:
        differences = _count_differing(*checking, 0, n)
    else:
        differences = _count_differing_in_blocks(*checking, borders)
    return (codes, m) if differences == 0 else _sorted_codes(x, reading)


def _sorted_codes(x: np.ndarray, reading: _Reading) -> tuple[np.ndarray, int]:
    """Codes by sorting a matrix of symbols: slow, without chance, taken when a hash deceived."""
    symbols = _symbols(x, reading)
    _, leaders, codes = np.unique(symbols, axis=0, return_index=True, return_inverse=True)
    rank = np.empty(len(leaders), np.int64)
    rank[np.argsort(leaders)] = np.arange(len(leaders))
    return rank[codes.ravel()], len(leaders)


def _multipliers(d: int) -> np.ndarray:
    """Odd 64-bit multipliers, one per column: the SplitMix64 sequence (Steele et al. 2014)."""
    z = np.arange(1, d + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))) | np.uint64(1)


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
def _differ(symbols, others):
    difference = 0
    for j in range(symbols.size):
        difference |= symbols[j] ^ others[j]
    return difference != 0


@njit(error_model="numpy", cache=True)
def _read(entries, reading, narrow, spare, wide):
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
    elif reading.kind == _FAR_STEPS:
        for j in range(entries.size):
            bits[j] = _place(entries[j], reading) + 0.0
    else:
        if reading.kind == _STEPS_BY_FACTOR:
            _places_by_factor(entries, reading.bounds, narrow, spare)
            if not _differ(narrow, spare):
                return True
        return _places_by_division(entries, reading, narrow)
    return True


@njit(cache=True)
def _product(symbols, multipliers):
    """Sum of symbols times odd numbers, modulo 2^64.

    Such a sum mixes upwards only, and short floats differ in high bits alone. So high bits are
    folded onto low ones first, one to one: 17 hold the sign, the exponent and six binary digits
    of a double, 35 what a float32 has.
    """
    total = np.uint64(0)
    for j in range(symbols.size):
        symbol = np.int64(symbols[j])
        total += np.uint64(symbol ^ (symbol >> 29) ^ (symbol >> 47)) * multipliers[j]
    return total


@njit(cache=True)
def _short_product(symbols, multipliers):
    """The same for 32 bits, of which 9 hold the sign and the exponent."""
    total = np.uint64(0)
    for j in range(symbols.size):
        symbol = np.uint32(symbols[j])
        total += np.uint64(symbol ^ (symbol >> np.uint32(16))) * multipliers[j]
    return total


@njit(cache=True)
def _mixed(key):
    """Every bit of a key spread over all (the finaliser of MurmurHash3, which is one to one)."""
    z = np.uint64(key)
    z = (z ^ (z >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    z = (z ^ (z >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return z ^ (z >> np.uint64(33))


@njit(cache=True)
def _buffers(entries, wide):
    """Room for their symbols: 32 bits, 32 to compare with, 64."""
    narrow, spare = np.empty(entries, np.int32), np.empty(entries, np.int32)
    return narrow, spare, np.empty(entries if wide else 0, np.int64)


@njit(nogil=True, cache=True)
def _hash_rows(x, reading, multipliers, mask, hashes, first, last):
    """Hash the rows first..last - 1; false if some symbol needs more than 32 bits."""
    d = x.shape[1]
    entries = x.reshape(x.size)
    rows = max(1, _CHUNK // d)
    narrow, spare, wide = _buffers(rows * d, reading.wide)
    for start in range(first, last, rows):
        stop = min(start + rows, last)
        if not _read(entries[start * d : stop * d], reading, narrow, spare, wide):
            return False
        for i in range(start, stop):
            here = (i - start) * d
            if reading.wide:
                total = _product(wide[here : here + d], multipliers)
            else:
                total = _short_product(narrow[here : here + d], multipliers)
            hashes[i] = np.int64(_mixed(total) & mask)
    return True


@njit(parallel=True, cache=True)
def _hash_blocks(x, reading, multipliers, mask, hashes, borders):
    far = 0
    for b in prange(len(borders) - 1):
        if not _hash_rows(x, reading, multipliers, mask, hashes, borders[b], borders[b + 1]):
            far += 1
    return far == 0


@njit(cache=True)
def _slot(table, key):
    """Where a key is, or belongs, in an open-addressing table of (key, code); code -1 is free."""
    wrap = np.uint64(len(table) - 1)
    slot = _mixed(key) & wrap
    while table[slot, 1] >= 0 and table[slot, 0] != key:
        slot = (slot + np.uint64(1)) & wrap
    return slot


@njit(cache=True)
def _empty_table(size):
    table = np.empty((size, 2), np.int64)
    table[:, 1] = -1
    return table


@njit(cache=True)
def _number(keys, codes, leaders):
    """Number equal keys in order of appearance; `leaders` gets where each appeared first."""
    table = _empty_table(8192)
    m = 0
    for i in range(len(keys)):
        key = keys[i]
        slot = _slot(table, key)
        code = table[slot, 1]
        if code < 0:
            if 2 * m >= len(table):
                # Half full: twice as large, so that the table is as long as the answer needs.
                table = _empty_table(2 * len(table))
                for old in range(m):
                    slot = _slot(table, keys[leaders[old]])
                    table[slot, 0] = keys[leaders[old]]
                    table[slot, 1] = old
                slot = _slot(table, key)
            code = m
            table[slot, 0] = key
            table[slot, 1] = code
            leaders[code] = i
            m += 1
        codes[i] = code
    return m


@njit(cache=True)
def _number_in_range(keys, smallest, span, codes):
    """The same for integers of a small range, straight from a table."""
    table = np.full(span, -1, np.int64)
    m = 0
    for i in range(len(keys)):
        place = keys[i] - smallest
        if table[place] < 0:
            table[place] = m
            m += 1
        codes[i] = table[place]
    return m


@njit(cache=True)
def _order_by_code(codes, m):
    """Rows sorted by code (a counting sort)."""
    ends = np.zeros(m + 1, np.int64)
    for i in range(len(codes)):
        ends[codes[i] + 1] += 1
    for code in range(m):
        ends[code + 1] += ends[code]
    order = np.empty(len(codes), np.int64)
    for i in range(len(codes)):
        order[ends[codes[i]]] = i
        ends[codes[i]] += 1
    return order


@njit(nogil=True, cache=True)
def _count_differing(x, reading, codes, order, first, last):
    """Rows that differ from the row before them in `order`, where both have the same code."""
    d = x.shape[1]
    rows = max(2, _CHUNK // d)
    entries = np.empty((rows, d), x.dtype)
    narrow, spare, wide = _buffers(rows * d, reading.wide)
    count = 0
    for start in range(max(first, 1), last, rows - 1):
        before = start - 1
        stop = min(before + rows, last)
        for place in range(before, stop):
            entries[place - before] = x[order[place]]
        _read(entries.reshape(rows * d)[: (stop - before) * d], reading, narrow, spare, wide)
        for place in range(start, stop):
            if codes[order[place]] != codes[order[place - 1]]:
                continue
            here = (place - before) * d
            if reading.wide:
                count += _differ(wide[here : here + d], wide[here - d : here])
            else:
                count += _differ(narrow[here : here + d], narrow[here - d : here])
    return count


@njit(parallel=True, cache=True)
def _count_differing_in_blocks(x, reading, codes, order, borders):
    count = 0
    for b in prange(len(borders) - 1):
        count += _count_differing(x, reading, codes, order, borders[b], borders[b + 1])
    return count
