"""Samples of one column in order: their sorting, neighbours on the line, and counts along it."""

import numpy as np
from numba import njit, prange

# A key holds the leading bits of a sample's place in the range of its column, as many as DIGITS
# digits have, sorted one digit at a time; below them in the same word fits its row. Few samples do
# not wait for the counts of as many values of a digit as more samples need.
DIGITS = 3
FEW, FEW_BITS, BITS = 4096, 8, 11
# Samples that share a key are put right one by one, up to so many steps a sample; a column that
# needs more (a small spread far from zero, beside an outlier) is sorted by comparisons instead.
STEPS = 8
# Samples whose searches along a line run side by side, without a branch.
BLOCK = 16


@njit(cache=True)
def rising(bits):
    """An unsigned number that grows with the float64 of these bits."""
    return np.uint64(bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF)) ^ (np.uint64(1) << np.uint64(63))


@njit(cache=True)
def digit_bits(n):
    """The bits of a digit, and those that a row may take."""
    bits = FEW_BITS if n < FEW else BITS
    return np.uint64(bits), np.uint64(64 - DIGITS * bits)


@njit(cache=True)
def fill_keys(values, keys, counts):
    """Key and row of each value in one word, and how often each digit occurs in each place."""
    digit, row_bits = digit_bits(len(values))
    bits = values.view(np.int64)
    low = high = rising(bits[0])
    for row in range(len(bits)):
        place = rising(bits[row])
        low, high = min(low, place), max(high, place)
    span, shift, mask = high - low, np.uint64(0), np.uint64(counts.shape[1] - 1)
    while (span >> shift) >> np.uint64(DIGITS) * digit:
        shift += np.uint64(1)
    counts[:] = 0
    for row in range(len(bits)):
        key = (rising(bits[row]) - low) >> shift
        counts[0, key & mask] += 1
        counts[1, (key >> digit) & mask] += 1
        counts[2, key >> np.uint64(2) * digit] += 1
        keys[row] = key << row_bits | np.uint64(row)


@njit(cache=True)
def settle(line, order):
    """Sort what shares a key by insertion; False if that is too much."""
    steps = 0
    for start in range(1, len(line)):
        value, row, place = line[start], order[start], start
        while place > 0 and line[place - 1] > value:
            line[place], order[place] = line[place - 1], order[place - 1]
            place -= 1
        line[place], order[place] = value, row
        steps += start - place
        if steps > STEPS * len(line):
            return False
    return True


@njit(cache=True)
def sort_line(values, keys, others, line, order):
    """Values in ascending order, and the row of each, by radix; False if they are not sorted."""
    n = len(values)
    digit, row_bits = digit_bits(n)
    counts = np.empty((DIGITS, 1 << digit), np.int64)
    mask, row_mask = np.uint64(counts.shape[1] - 1), (np.uint64(1) << row_bits) - np.uint64(1)
    fill_keys(values, keys, counts)
    for which in range(DIGITS):
        first = 0
        for value in range(counts.shape[1]):
            here = counts[which, value]
            counts[which, value] = first
            first += here
    for which in range(DIGITS - 1):
        shift, firsts = row_bits + np.uint64(which) * digit, counts[which]
        for place in range(n):
            value = (keys[place] >> shift) & mask
            others[firsts[value]] = keys[place]
            firsts[value] += 1
        keys, others = others, keys
    shift, firsts = row_bits + np.uint64(2) * digit, counts[2]
    for place in range(n):
        value, row = keys[place] >> shift, np.int64(keys[place] & row_mask)
        there = firsts[value]
        firsts[value] = there + 1
        line[there], order[there] = values[row], row
    return settle(line, order)


@njit(parallel=True, cache=True)
def sort_columns(columns, keys, lines, orders, done):
    """Several columns at once, a thread for each."""
    for index in prange(len(columns)):
        line = np.int64(index)
        done[line] = sort_line(
            columns[line], keys[0, line], keys[1, line], lines[line], orders[line]
        )


def sorted_lines(points, which):
    """Some columns of the points in ascending order, and the row of each place, both (m, n).

    Then the columns themselves, and spare words, (2, m, n). All are parts of one block: several
    would go back to the system after the call, and each page of theirs costs a fault the next time,
    together more than the sorting.
    """
    room = np.empty((5, len(which), len(points)))
    columns, lines = room[:2]
    orders, spare = room[2].view(np.int64), room[3:].view(np.uint64)
    for line, column in enumerate(which):
        columns[line] = points[:, column]
    done = np.zeros(len(which), np.bool_)
    if len(points) >> (64 - DIGITS * BITS) == 0:
        sort_columns(columns, spare, lines, orders, done)
    for line in np.flatnonzero(~done):
        orders[line] = np.argsort(columns[line])
        lines[line] = columns[line, orders[line]]
    return lines, orders, columns, spare


@njit(cache=True)
def apart(here, there, euclidean):
    """The distance (Euclidean: its square) of two points of a line."""
    step = abs(here - there)
    return step * step if euclidean else step


@njit(cache=True)
def far_before(line, values, radius, euclidean, low, high, places):
    """How many samples of a sorted line are below each value, and as far from it as its radius.

    The answers are in [low, high]. Rounding is monotone, so distances to the left grow, and a
    binary search by the test itself is exact; fl(x - r) <= x_j would be another test.
    """
    one, size = np.uint64(1), np.uint64(high - low)
    for lane in range(BLOCK):
        places[lane] = np.uint64(low)
    while size:
        half = (size + one) >> one
        for lane in range(BLOCK):
            step = max(values[lane] - line[places[lane] + half - one], 0.0)
            far = (step * step if euclidean else step) >= radius[lane]
            # a mask in place of a branch that nobody could predict
            places[lane] += half & (np.uint64(0) - np.uint64(far))
        size -= half


@njit(cache=True)
def near_after(line, values, radius, euclidean, low, high, places):
    """How many are below each value, or nearer to it than its radius."""
    one, size = np.uint64(1), np.uint64(high - low)
    for lane in range(BLOCK):
        places[lane] = np.uint64(low)
    while size:
        half = (size + one) >> one
        for lane in range(BLOCK):
            step = max(line[places[lane] + half - one] - values[lane], 0.0)
            near = (step * step if euclidean else step) < radius[lane]
            places[lane] += half & (np.uint64(0) - np.uint64(near))
        size -= half


@njit(cache=True)
def span_of(line, first, last, most, euclidean, reach):
    """A range [low, high) beyond which all are as far as ``most`` from places first..last.

    It is looked for in steps that double, from ``reach`` places away on.
    """
    low, step = max(first - reach, 0), BLOCK
    while low > 0 and apart(line[first], line[low], euclidean) < most:
        low, step = max(low - step, 0), 2 * step
    high, step = min(last + reach, len(line)), BLOCK
    while high < len(line) and apart(line[high], line[last], euclidean) < most:
        high, step = min(high + step, len(line)), 2 * step
    return low, high


@njit(parallel=True, cache=True)
def line_counts(lines, orders, which, euclidean, radius, tasks, counts):
    """How many other samples of each line are nearer than the radius; O(n log n)."""
    n = lines.shape[1]
    blocks = (n + BLOCK - 1) // BLOCK
    for index in prange(tasks):
        task = np.int64(index)  # numba's parallel index is unsigned, and mixes into floats
        before, after = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.uint64)
        values, limits = np.empty(BLOCK), np.empty(BLOCK)
        reach = BLOCK
        for block in range(
            len(lines) * blocks * task // tasks, len(lines) * blocks * (task + 1) // tasks
        ):
            line, order = lines[block // blocks], orders[block // blocks]
            first = block % blocks * BLOCK
            here = min(BLOCK, n - first)
            for lane in range(BLOCK):
                place = first + min(lane, here - 1)
                values[lane], limits[lane] = line[place], radius[order[place]]
            low, high = span_of(line, first, first + here - 1, limits.max(), euclidean, reach)
            reach = max((high - low) // 4, BLOCK)
            far_before(line, values, limits, euclidean, low, first + here, before)
            near_after(line, values, limits, euclidean, first, high, after)
            for lane in range(here):
                # a positive radius holds the sample itself
                found = np.int64(after[lane] - before[lane]) - 1 if limits[lane] > 0.0 else 0
                counts[which[block // blocks], order[first + lane]] = found


@njit(parallel=True, cache=True)
def line_radii(line, order, euclidean, k, radii):
    """The nearest on a line, up to the k-th: a step to the nearer side, k times."""
    n, ranks = len(line), radii.shape[1]
    for index in prange(n):
        place = np.int64(index)
        left, right = place - 1, place + 1
        for rank in range(ranks - k, ranks):
            before = apart(line[place], line[left], euclidean) if left >= 0 else np.inf
            after = apart(line[place], line[right], euclidean) if right < n else np.inf
            if before <= after:
                left, reach = left - 1, before
            else:
                right, reach = right + 1, after
            if rank >= 0:
                radii[order[place], rank] = reach
