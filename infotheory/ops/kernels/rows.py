"""Codes of rows: each row is hashed, the hashes are numbered, and every row is then checked."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import get_num_threads, njit, prange

from infotheory.ops.kernels.symbols import (
    Reading,
    differ,
    prepared,
    read,
    read_packed,
    symbols_of,
    with_more_bits,
)

__all__ = ["row_codes"]

_ALL_BITS = (1 << 64) - 1
# Entries read at once: their symbols stay in the first cache.
_CHUNK = 2048
# Entries of a block of rows, about 20 microseconds of work, and the most blocks of a thread; below
# _SERIAL entries in all, threads save too little for what waking them costs on a busy machine.
_BLOCK_ENTRIES = 1 << 15
_BLOCKS_PER_THREAD = 4
_SERIAL = 1 << 18
# Symbols of 8 or 16 bits are kept, packed, from the first pass to the second if the whole takes
# no more bytes than this: repeated rows take less than half the time so.
_KEPT_BYTES = 1 << 26
# A direct table of up to this many entries per sample is quicker than hashing and no larger.
_TABLE_PER_SAMPLE = 4


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
    Rows are numbered by a 64-bit hash, and each is then compared with the one before it of the
    same number; if a hash ever deceives, all rows are sorted instead. A single column needs no
    hash. Cost: O(n d) time, O(n + d) memory beyond x. The same codes whatever the number of
    threads.
    """
    x, reading = prepared(x, edges, low, step, bins)
    if x.shape[1] == 1:
        return _column_codes(x, reading)
    return _hashed_codes(x, reading, _ALL_BITS)


def _column_codes(x: np.ndarray, reading: Reading) -> tuple[np.ndarray, int]:
    """Codes of a single column: a symbol of at most 64 bits is its own hash, none can collide."""
    symbols = symbols_of(x[:, 0], reading)
    n = len(symbols)
    codes = np.empty(n, np.int64)
    if symbols.dtype == np.int64:
        smallest = int(symbols.min())
        span = int(symbols.max()) - smallest + 1
        if span <= _TABLE_PER_SAMPLE * n + 1024:
            return codes, _number_in_range(symbols, smallest, span, codes)
    else:
        symbols = symbols.astype(np.float64, copy=False).view(np.int64)
    return codes, _number(symbols, False, codes, np.empty(n, np.int64))


def _hashed_codes(x: np.ndarray, reading: Reading, mask: int) -> tuple[np.ndarray, int]:
    """Codes by hash. Tests pass a `mask` of few bits, under which unequal rows collide."""
    n, d = x.shape
    words = -(-d * reading.bits // 64) if reading.bits < 32 else 0
    if 8 * n * words > _KEPT_BYTES:
        return _hashed_codes(x, with_more_bits(reading, 32), mask)
    most_blocks = min(n, _BLOCKS_PER_THREAD * get_num_threads())
    blocks = 1 if n * d < _SERIAL else min(most_blocks, -(-n * d // _BLOCK_ENTRIES))
    kept = np.empty((n, words), np.int64)
    hashes = np.empty(n, np.int64)
    hashing = (x, reading, _multipliers(d), np.uint64(mask), hashes, kept)
    fits = _hash_rows(*hashing, 0, n) if blocks == 1 else _hash_blocks(*hashing, blocks)
    if not fits:
        return _hashed_codes(x, with_more_bits(reading, 2 * reading.bits), mask)
    codes = np.empty(n, np.int64)
    leaders = np.empty(n, np.int64)
    m = _number(hashes, True, codes, leaders)
    if m == n:  # unequal hashes cannot come from equal rows
        return codes, m
    if words > 0:
        differences = _count_differing_kept(kept, codes, leaders)
    elif blocks == 1:
        differences = _count_differing(x, reading, codes, _order_by_code(codes, m), 0, n)
    else:
        order = _order_by_code(codes, m)
        differences = _count_differing_in_blocks(x, reading, codes, order, blocks)
    return (codes, m) if differences == 0 else _sorted_codes(x, reading)


def _sorted_codes(x: np.ndarray, reading: Reading) -> tuple[np.ndarray, int]:
    """Codes by sorting a matrix of symbols: slow, without chance, taken when a hash deceived."""
    symbols = symbols_of(x, reading)
    _, leaders, codes = np.unique(symbols, axis=0, return_index=True, return_inverse=True)
    rank = np.empty(len(leaders), np.int64)
    rank[np.argsort(leaders)] = np.arange(len(leaders))
    return rank[codes.ravel()], len(leaders)


@lru_cache(64)
def _multipliers(d: int) -> np.ndarray:
    """Odd 64-bit multipliers, one per column: the SplitMix64 sequence (Steele et al. 2014)."""
    z = np.arange(1, d + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))) | np.uint64(1)


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
def _buffers(entries, reading):
    """Room for their symbols: 32 bits, 64."""
    return np.empty(entries, np.int32), np.empty(entries if reading.bits == 64 else 0, np.int64)


@njit(nogil=True, cache=True)
def _hash_rows(x, reading, multipliers, mask, hashes, kept, first, last):
    """Hash the rows first..last - 1; false if some symbol has too many bits."""
    d, width = x.shape[1], kept.shape[1]
    entries, words = x.reshape(x.size), kept.reshape(kept.size)
    rows = max(1, _CHUNK // d)
    narrow, wide = _buffers(rows * d, reading)
    small = np.empty(rows * d, np.uint8)
    for start in range(first, last, rows):
        stop = min(start + rows, last)
        some = entries[start * d : stop * d]
        if width > 0:
            packed = words[start * width : stop * width]
            if not read_packed(some, d, reading, narrow, small, packed):
                return False
        elif not read(some, reading, narrow, wide):
            return False
        for i in range(start, stop):
            here = (i - start) * d
            if width > 0:
                total = _product(words[i * width : i * width + width], multipliers)
            elif reading.bits == 64:
                total = _product(wide[here : here + d], multipliers)
            else:
                total = _short_product(narrow[here : here + d], multipliers)
            hashes[i] = np.int64(_mixed(total) & mask)
    return True


@njit(parallel=True, cache=True)
def _hash_blocks(x, reading, multipliers, mask, hashes, kept, blocks):
    n = len(x)
    misfits = 0
    for b in prange(blocks):
        first, last = n * b // blocks, n * (b + 1) // blocks
        if not _hash_rows(x, reading, multipliers, mask, hashes, kept, first, last):
            misfits += 1
    return misfits == 0


@njit(cache=True)
def _slot(table, key, mixed):
    """Where a key is, or belongs, in an open-addressing table of (key, code); code -1 is free."""
    wrap = np.uint64(len(table) - 1)
    slot = (np.uint64(key) if mixed else _mixed(key)) & wrap
    while table[slot, 1] >= 0 and table[slot, 0] != key:
        slot = (slot + np.uint64(1)) & wrap
    return slot


@njit(cache=True)
def _empty_table(size):
    table = np.empty((size, 2), np.int64)
    table[:, 1] = -1
    return table


@njit(cache=True)
def _number(keys, mixed, codes, leaders):
    """Number equal keys in order of appearance; `leaders` gets where each appeared first.

    `mixed`: whether the keys are hashes, whose low bits are as good as any.
    """
    size = 256  # few keys shall not wait for a large table to be emptied
    while size < 2 * len(keys) and size < 8192:
        size *= 2
    table = _empty_table(size)
    done, m = _number_some(table, keys, mixed, codes, leaders, 0, 0)
    while done < len(keys):
        # Half full: twice as large, so that the table is as long as the answer needs.
        table = _empty_table(2 * len(table))
        for code in range(m):
            slot = _slot(table, keys[leaders[code]], mixed)
            table[slot, 0] = keys[leaders[code]]
            table[slot, 1] = code
        done, m = _number_some(table, keys, mixed, codes, leaders, done, m)
    return m


@njit(cache=True)
def _number_some(table, keys, mixed, codes, leaders, done, m):
    """Go on numbering until the table is half full: a function, as it is not counted in one."""
    most = len(table) // 2
    for i in range(done, len(keys)):
        key = keys[i]
        slot = _slot(table, key, mixed)
        code = table[slot, 1]
        if code < 0:
            if m == most:
                return i, m
            code = m
            table[slot, 0] = key
            table[slot, 1] = code
            leaders[code] = i
            m += 1
        codes[i] = code
    return len(keys), m


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
    rows = max(16, _CHUNK // d)  # one of them was read before
    entries = np.empty((rows, d), x.dtype)
    narrow, wide = _buffers(rows * d, reading)
    count = 0
    for start in range(max(first, 1), last, rows - 1):
        before = start - 1
        stop = min(before + rows, last)
        for place in range(before, stop):
            entries[place - before] = x[order[place]]
        read(entries.reshape(rows * d)[: (stop - before) * d], reading, narrow, wide)
        for place in range(start, stop):
            if codes[order[place]] != codes[order[place - 1]]:
                continue
            here = (place - before) * d
            if reading.bits == 64:
                count += differ(wide[here : here + d], wide[here - d : here])
            else:
                count += differ(narrow[here : here + d], narrow[here - d : here])
    return count


@njit(parallel=True, cache=True)
def _count_differing_in_blocks(x, reading, codes, order, blocks):
    n = len(x)
    count = 0
    for b in prange(blocks):
        first, last = n * b // blocks, n * (b + 1) // blocks
        count += _count_differing(x, reading, codes, order, first, last)
    return count


@njit(nogil=True, cache=True)
def _count_differing_kept(kept, codes, leaders):
    """Rows whose kept symbols differ from those of the first row of their code.

    So quick that threads would not help.
    """
    count = 0
    for i in range(len(codes)):
        leader = leaders[codes[i]]
        if leader != i:
            count += differ(kept[i], kept[leader])
    return count
