"""Codes of rows: each row is hashed, the hashes are numbered, and every row is then checked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from infotheory.ops.kernels.exponential import as_integer

__all__ = ["bincount", "row_codes", "unique_values", "value_range"]

# How an entry becomes a symbol, a 64-bit integer that is equal for equal entries only.
_INTEGERS, _FLOATS, _STEPS, _EDGES = range(4)
_ALL_BITS = (1 << 64) - 1
# Entries of a block of rows, about 30 microseconds of work; below _SERIAL entries in all, waking
# threads on a busy machine takes longer than the pass.
_BLOCK_ENTRIES = 1 << 15
_SERIAL = 1 << 19
_MOST_BLOCKS = 256
# A direct table of up to this many entries per sample is quicker than hashing and no larger.
_TABLE_PER_SAMPLE = 4
_NO_EDGES = np.empty(0)


class _Reading(NamedTuple):
    """How entries are read: the arguments which every kernel hands on to `_read`."""

    kind: int
    low: float
    step: float
    top: float
    edges: np.ndarray


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
    """Rows as int64, float32 or float64 (three compilations, no more), and how to read them."""
    top = np.inf if bins is None else bins - 1.0
    if edges is not None:
        reading = _Reading(_EDGES, 0.0, 1.0, np.inf, np.array(edges, np.float64))
    elif step is not None:
        reading = _Reading(_STEPS, float(low), float(step), top, _NO_EDGES)
    elif x.dtype.kind in "biu":
        reading = _Reading(_INTEGERS, 0.0, 1.0, np.inf, _NO_EDGES)
    else:
        reading = _Reading(_FLOATS, 0.0, 1.0, np.inf, _NO_EDGES)
    if reading.kind == _INTEGERS:
        x = x.astype(np.int64, copy=False)  # uint64 wraps around, which keeps values distinct
    elif x.dtype != np.float32:
        x = x.astype(np.float32 if x.dtype == np.float16 else np.float64, copy=False)
    return np.ascontiguousarray(x), reading


def _column_codes(x: np.ndarray, reading: _Reading) -> tuple[np.ndarray, int]:
    """Codes of a single column: a symbol is its own hash, and no two can collide."""
    column = x[:, 0]
    n = len(column)
    if reading.kind == _INTEGERS:
        symbols = column
        smallest = int(symbols.min())
        span = int(symbols.max()) - smallest + 1
        if span <= _TABLE_PER_SAMPLE * n + 1024:
            codes = np.empty(n, np.int64)
            return codes, _number_in_range(symbols, smallest, span, codes)
    else:
        symbols = np.empty(n, np.int64)
        for start in range(0, n, _BLOCK_ENTRIES):
            piece = slice(start, start + _BLOCK_ENTRIES)
            _read(column[piece], *reading, symbols[piece])
    codes = np.empty(n, np.int64)
    return codes, _number(symbols, codes, np.empty(n, np.int64))


def _hashed_codes(x: np.ndarray, reading: _Reading, mask: int) -> tuple[np.ndarray, int]:
    """Codes by hash. Tests pass a `mask` of few bits, under which unequal rows collide."""
    n, d = x.shape
    blocks = 1 if n * d < _SERIAL else min(n, _MOST_BLOCKS, -(-n * d // _BLOCK_ENTRIES))
    borders = np.linspace(0, n, blocks + 1).astype(np.int64)
    hashes = np.empty(n, np.int64)
    hashing = (x, *reading, _multipliers(d), np.uint64(mask), hashes)
    if blocks == 1:
        _hash_rows(*hashing, 0, n)
    else:
        _hash_blocks(*hashing, borders)
    codes = np.empty(n, np.int64)
    leaders = np.empty(n, np.int64)
    m = _number(hashes, codes, leaders)
    if m == n:  # unequal hashes cannot come from equal rows
        return codes, m
    checking = (x, *reading, codes, leaders, _order_by_code(codes, m))
    if blocks == 1:
        differences = _count_differing(*checking, 0, n)
    else:
        differences = _count_differing_in_blocks(*checking, borders)
    return (codes, m) if differences == 0 else _sorted_codes(x, reading)


def _sorted_codes(x: np.ndarray, reading: _Reading) -> tuple[np.ndarray, int]:
    """Codes by sorting a matrix of symbols: slow, without chance, taken when a hash deceived."""
    if reading.kind == _EDGES:
        symbols = np.searchsorted(reading.edges, x.astype(np.float64), side="right")
    elif reading.kind == _STEPS:
        symbols = np.floor((x.astype(np.float64) - reading.low) / reading.step)
        symbols = np.minimum(symbols, reading.top) + 0.0
    else:
        symbols = x + x.dtype.type(0)
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
def _float_symbol(value):
    """The bits of a float64, its high ones folded onto the low ones (one to one).

    A sum of products modulo 2^64 mixes upwards only, and short numbers have no low bits of their
    own: 17 bits hold the sign, the exponent and six binary digits; 35 a whole float32.
    """
    bits = as_integer(value + 0.0)  # -0.0 becomes 0.0
    return bits ^ (bits >> 29) ^ (bits >> 47)


@njit(cache=True)
def _count_edges(entries, edges, symbols):
    """How many edges are <= each entry: all entries take each step of the bisection together.

    Entry by entry every step is a branch that is guessed wrong half the time: ten times slower.
    """
    symbols[:] = 0
    length = edges.size
    while length > 1:
        half = length // 2
        for j in range(entries.size):
            edge = edges[np.uint64(symbols[j] + half - 1)]
            symbols[j] += half * np.int64(edge <= np.float64(entries[j]))
        length -= half
    if length == 1:
        for j in range(entries.size):
            edge = edges[np.uint64(symbols[j])]
            symbols[j] += np.int64(edge <= np.float64(entries[j]))


@njit(error_model="numpy", cache=True)
def _read(entries, kind, low, step, top, edges, symbols):
    """Symbols of a row. All comparisons are made in float64, as numpy would make them."""
    if kind == _STEPS:
        for j in range(entries.size):
            place = np.floor((np.float64(entries[j]) - low) / step)
            symbols[j] = _float_symbol(place if place < top else top)
    elif kind == _EDGES:
        _count_edges(entries, edges, symbols)
    elif kind == _FLOATS:
        for j in range(entries.size):
            symbols[j] = _float_symbol(np.float64(entries[j]))
    else:
        for j in range(entries.size):
            symbols[j] = np.int64(entries[j])


@njit(cache=True)
def _mixed(key):
    """All bits of a key spread over all bits (the finaliser of MurmurHash3, which is one to one)."""
    z = np.uint64(key)
    z = (z ^ (z >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    z = (z ^ (z >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return z ^ (z >> np.uint64(33))


@njit(nogil=True, cache=True)
def _hash_rows(x, kind, low, step, top, edges, multipliers, mask, hashes, first, last):
    d = x.shape[1]
    symbols = np.empty(d, np.int64)
    for i in range(first, last):
        _read(x[i], kind, low, step, top, edges, symbols)
        total = np.uint64(0)
        for j in range(d):
            total += np.uint64(symbols[j]) * multipliers[j]
        hashes[i] = np.int64(_mixed(total) & mask)


@njit(parallel=True, cache=True)
def _hash_blocks(x, kind, low, step, top, edges, multipliers, mask, hashes, borders):
    for b in prange(len(borders) - 1):
        _hash_rows(
            x,
            kind,
            low,
            step,
            top,
            edges,
            multipliers,
            mask,
            hashes,
            borders[b],
            borders[b + 1],
        )


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
    table = _empty_table(1024)
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
def _count_differing(x, kind, low, step, top, edges, codes, leaders, order, first, last):
    """Rows, among a stretch of `order`, that differ from the leader of their code."""
    d = x.shape[1]
    own = np.empty(d, np.int64)
    leading = np.empty(d, np.int64)
    held = -1  # whose symbols `leading` holds
    count = 0
    for place in range(first, last):
        i = order[place]
        leader = leaders[codes[i]]
        if i == leader:
            continue
        if leader != held:
            _read(x[leader], kind, low, step, top, edges, leading)
            held = leader
        _read(x[i], kind, low, step, top, edges, own)
        difference = 0
        for j in range(d):
            difference |= own[j] ^ leading[j]
        if difference != 0:
            count += 1
    return count


@njit(parallel=True, cache=True)
def _count_differing_in_blocks(x, kind, low, step, top, edges, codes, leaders, order, borders):
    count = 0
    for b in prange(len(borders) - 1):
        count += _count_differing(
            x, kind, low, step, top, edges, codes, leaders, order, borders[b], borders[b + 1]
        )
    return count
