"""Neighbour radii in two columns: strips along the first, each sorted by the second.

Samples side by side in a strip look for their neighbours as one group. Its box of all they can
reach bounds, by the order within the strips, who is offered to them; what is outside is no nearer
than the neighbours that they have.
"""

import math

import numpy as np
from numba import njit, prange

from infotheory.ops.kernels.groups import GROUP, group_box, offer_to_group

# Samples offered between two looks at what is still within reach.
STEP = 4
# A strip holds as many samples as make it about as wide as two radii are; not fewer than these.
LEAST = 16
# Samples and strips looked at, a sample: beyond this many the data does not suit strips. A group
# of normal samples looks at 5.
MOST_WORK = 64
# Rows of a group after its two coordinates: its box, itself, and from here on its nearest.
BOX, NEAREST = 2, 4


@njit(cache=True)
def spread(line):
    """The range of the middle three quarters of a sorted line."""
    return line[len(line) - 1 - len(line) // 8] - line[len(line) // 8]


@njit(cache=True)
def tie_count(line):
    """How many values of a sorted line equal the one before."""
    ties = 0
    for place in range(1, len(line)):
        ties += line[place] == line[place - 1]
    return ties


@njit(cache=True)
def strip_size(across, along, k):
    """Samples of a strip if the middle of the data were a rectangle of even density."""
    n, width, height = len(across), spread(across), spread(along)
    if width <= 0.0 or height >= n * width:
        return n
    size = math.sqrt(k * n * (height / width))
    return max(LEAST, min(np.int64(size), n))


@njit(cache=True)
def deal(lines, orders, across, size, firsts, strip_of, samples, rows):
    """Deal the samples to strips of ``size`` along the first line, in order of the second.

    Equal values are not parted: they would have to look through all of their strips. Returns the
    number of strips.
    """
    line, n = lines[0], len(rows)
    count, stop = 0, 0
    while stop < n:
        start, stop = stop, min(stop + size, n)
        while stop < n and line[stop] == line[stop - 1]:
            stop += 1
        for place in range(start, stop):
            strip_of[orders[0, place]] = count
        firsts[count] = start
        count += 1
    firsts[count] = n
    free = firsts[:count].copy()
    for place in range(n):
        row = orders[1, place]
        strip = strip_of[row]
        there = free[strip]
        free[strip] = there + 1
        rows[there], samples[0, there], samples[1, there] = row, across[row], lines[1, place]
    return count


@njit(cache=True, forceinline=True)
def first_from(samples, value, start, stop):
    """The first place in [start, stop) of a value not below the given one: near the start."""
    low, step = start, 1
    while low < stop and samples[1, low] < value:
        start, low, step = low + 1, low + step, 2 * step
    low = min(low, stop)
    while start < low:
        middle = (start + low) >> 1
        if samples[1, middle] < value:
            start = middle + 1
        else:
            low = middle
    return start


@njit(cache=True, forceinline=True)
def own_strip(samples, firsts, strip, first, last, norm, group):
    """Offer the samples of a group to itself, then those of its strip on either side."""
    start, stop = firsts[strip], firsts[strip + 1]
    euclidean, joined = norm
    ranks = len(group) - NEAREST
    down, up = max(first - STEP, start), min(last + STEP, stop)
    # each is its own nearest, in a row that nobody else is offered for afterwards
    offer_to_group(group, samples, down, up, euclidean, joined, NEAREST - 1, ranks + 1)
    group_box(group, euclidean, len(group) - 1, BOX)
    while True:
        above = up < stop and samples[1, up] < group[BOX, 3]
        below = down > start and samples[1, down - 1] > group[BOX, 2]
        if not (above or below):
            return up - down
        if above:
            end = min(up + STEP, stop)
            offer_to_group(group, samples, up, end, euclidean, joined, NEAREST, ranks)
            up = end
        if below:
            end = max(down - STEP, start)
            offer_to_group(group, samples, end, down, euclidean, joined, NEAREST, ranks)
            down = end
        group_box(group, euclidean, len(group) - 1, BOX)


@njit(cache=True, forceinline=True)
def other_strip(samples, firsts, own, other, first, norm, group, places):
    """Offer those of another strip that the box holds.

    ``places`` remembers, for each strip, which one's groups last looked there, and where.
    """
    start, stop = firsts[other], firsts[other + 1]
    place = places[other, 1] if places[other, 0] == own else start
    place = first_from(samples, samples[1, first], place, stop)
    places[other, 0], places[other, 1] = own, place
    down = up = place
    while up < stop and samples[1, up] < group[BOX, 3]:
        up += 1
    while down > start and samples[1, down - 1] > group[BOX, 2]:
        down -= 1
    if up > down:
        ranks = len(group) - NEAREST
        offer_to_group(group, samples, down, up, norm[0], norm[1], NEAREST, ranks)
        group_box(group, norm[0], len(group) - 1, BOX)
    return 1 + up - down


@njit(cache=True, forceinline=True)
def group_radii(samples, line, firsts, strip, first, last, norm, group, places):
    """The nearest distances of the places first..last - 1 of a strip; returns the work."""
    work = own_strip(samples, firsts, strip, first, last, norm, group)
    left, right = strip - 1, strip + 1
    while True:
        to_left = left >= 0 and line[firsts[left + 1] - 1] > group[BOX, 0]
        to_right = right < len(places) and line[firsts[right]] < group[BOX, 1]
        if to_left:
            work += other_strip(samples, firsts, strip, left, first, norm, group, places)
            left -= 1
        if to_right:
            work += other_strip(samples, firsts, strip, right, first, norm, group, places)
            right += 1
        if not (to_left or to_right):
            return work


@njit(parallel=True, cache=True)
def all_radii(samples, line, firsts, count, rows, norm, k, most, tasks, radii, done):
    """The distances to the nearest, up to the k-th; False in ``done`` where it is too much work."""
    n, ranks = radii.shape
    for index in prange(tasks):
        task = np.int64(index)  # numba's parallel index is unsigned, and mixes into floats
        group = np.empty((NEAREST + k, GROUP))
        places = np.full((count, 2), -1)
        last, end = n * task // tasks, n * (task + 1) // tasks
        strip, work = np.searchsorted(firsts[:count], last, "right") - 1, 0
        limit = most * (end - last)
        while last < end and work <= limit:
            first = last
            strip += first == firsts[strip + 1]
            last = min(first + GROUP, firsts[strip + 1], end)
            for lane in range(GROUP):
                place = min(first + lane, last - 1)
                group[0, lane], group[1, lane] = samples[0, place], samples[1, place]
            group[NEAREST - 1 :] = np.inf
            work += group_radii(samples, line, firsts, strip, first, last, norm, group, places)
            for place in range(first, last):
                for rank in range(ranks):
                    radii[rows[place], rank] = group[NEAREST + k - ranks + rank, place - first]
        done[task] = last == end and work <= limit


def strip_radii(lines, orders, columns, spare, norm, k, patient, tasks, radii):
    """The distances to the nearest other samples, up to the k-th, in two columns.

    The last of them, as many as ``radii`` has columns, go there. ``lines``, ``orders`` and
    ``columns`` are as `sorted_lines` gives them, with its ``spare`` memory. ``norm`` is whether
    distances are Euclidean, and of one part. False if it was too much work, unless ``patient``.
    """
    if tie_count(lines[1]) > tie_count(lines[0]):  # strips suit the column of few values
        lines, orders, columns = lines[::-1], orders[::-1], columns[::-1]
    size = strip_size(lines[0], lines[1], k)
    firsts = np.empty(len(radii) // size + 2, np.int64)
    samples, (rows, strip_of) = spare[0].view(np.float64), spare[1].view(np.int64)
    count = deal(lines, orders, columns[0], size, firsts, strip_of, samples, rows)
    done = np.zeros(tasks, np.bool_)
    most = np.inf if patient else MOST_WORK
    all_radii(samples, lines[0], firsts, count, rows, norm, k, most, tasks, radii, done)
    return done.all()
