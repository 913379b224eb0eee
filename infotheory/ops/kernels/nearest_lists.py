"""Lists of the nearest samples of each sample in one variable, made once and walked often.

A list consists of chunks of LANES samples. Within a chunk they have no order; none is further than
one of a later chunk, or than a sample that the list leaves out.
"""

import numpy as np
from numba import njit

from infotheory.ops.kernels.lanes import DOUBLE_LANES as LANES
from infotheory.ops.kernels.lanes import first_lane, lanes_reaching, near_lanes
from infotheory.ops.kernels.tree import STACK, part_at

# Classes of distance by which a list is put in order.
CLASSES = 64


@njit(cache=True)
def power_of(columns, euclidean):
    """The power of a distance that grows about as the number of samples within it does.

    A Euclidean distance is a square already.
    """
    return min(max(columns // (2 if euclidean else 1), 1), 4)


@njit(cache=True)
def class_of(there, cut, power, classes):
    """The class of a distance up to a cut, which never falls as the distance grows.

    The power makes classes of about equally many samples.
    """
    share = there / cut
    raised = share
    for _ in range(1, power):
        raised *= share
    raised *= classes
    return np.uint32(raised if raised < classes - 1 else classes - 1)


@njit(cache=True)
def collect(tree, euclidean, leaf, size, reach, near, found, held, stack, seen):
    """For each sample of a leaf, those nearer than its ``reach``, which is not among them.

    Where they are too many, the reach falls, and at least ``size`` are kept.
    """
    tiles, lower, upper = tree[0], tree[1], tree[2]
    columns, room = tiles.shape[1], near.shape[1]
    held[:] = 0
    stack[0, 0], stack[0, 1], stack[0, 2] = 1, 0, len(tiles)
    waiting = 1
    while waiting:
        waiting -= 1
        node, first, last = stack[waiting, 0], stack[waiting, 1], stack[waiting, 2]
        active = lanes_reaching(tiles, leaf, lower, upper, node, 0, columns, euclidean, reach)
        if active == 0:
            continue
        if last - first > 1:
            middle = (first + last + 1) // 2
            stack[waiting, 0], stack[waiting, 1], stack[waiting, 2] = 2 * node, first, middle
            waiting += 1
            stack[waiting, 0], stack[waiting, 1], stack[waiting, 2] = 2 * node + 1, middle, last
            waiting += 1
            continue
        while active:
            lane = first_lane(active)
            active &= active - 1
            inside = near_lanes(
                tiles, first, leaf, lane, 0, columns, euclidean, reach[lane], seen, 0
            )
            if first == leaf:
                inside &= ~(np.int64(1) << lane)
            at = held[lane]
            while inside:
                other = first_lane(inside)
                inside &= inside - 1
                near[lane, at] = seen[other]
                found[lane, at] = first * LANES + other
                at += 1
            if at > room - LANES:
                part_at(near[lane], found[lane], 0, at, size)
                at = size
                reach[lane] = near[lane, :size].max()
            held[lane] = at


@njit(cache=True)
def put_in_chunks(near, found, have, power, classes, ends, new_near, new_found):
    """Copy a list so that its chunks ascend: by classes, and within one by selection."""
    largest = 0.0
    for place in range(have):
        largest = near[place] if near[place] > largest else largest
    ends[:] = 0
    for place in range(have):
        classes[place] = class_of(near[place], largest, power, CLASSES) if largest > 0.0 else 0
        ends[classes[place] + np.uint32(1)] += 1
    for c in range(CLASSES):
        ends[c + 1] += ends[c]
    for place in range(have):
        at = ends[classes[place]]
        ends[classes[place]] = at + 1
        new_near[at], new_found[at] = near[place], found[place]
    first = c = 0
    for middle in range(LANES, have, LANES):
        while ends[c] < middle:
            first = ends[c]
            c += 1
        if first < middle < ends[c]:
            part_at(new_near, new_found, first, ends[c], middle)
            first = middle


@njit(cache=True)
def make_lists(tree, euclidean, first, last, cuts, size, near, names, chunks):
    """The lists of the samples first..last - 1 of a tree: those nearer than their cuts.

    At most ``size`` are in one, and only as many as fill chunks.
    """
    room = size + max(size // 2, 4 * LANES)
    some_near, some_found = np.empty((LANES, room)), np.empty((LANES, room), np.uint32)
    new_near, new_found = np.empty(room), np.empty(room, np.uint32)
    classes, ends = np.empty(room, np.uint32), np.empty(CLASSES + 1, np.int64)
    held, reach, seen = np.empty(LANES, np.int64), np.empty(LANES), np.empty(LANES)
    stack = np.empty((STACK, 3), np.int64)
    power = power_of(tree[0].shape[1], euclidean)
    for leaf in range(first // LANES, -(-last // LANES)):
        start, here = leaf * LANES, min(LANES, last - leaf * LANES)
        reach[:] = -1.0
        reach[:here] = cuts[start : start + here]
        collect(tree, euclidean, leaf, size, reach, some_near, some_found, held, stack, seen)
        for lane in range(here):
            have = held[lane]
            put_in_chunks(
                some_near[lane], some_found[lane], have, power, classes, ends, new_near, new_found
            )
            whole = min(have, size) // LANES * LANES
            row = start + lane - first
            chunks[row] = whole // LANES
            for place in range(whole):
                near[row * size + place] = new_near[place]
                names[row * size + place] = new_found[place]


@njit(cache=True)
def rename(names, chunks, size, first, samples, columns):
    """Number anew, in their order, the samples that some lists name, and whose lists they are.

    Returns which they are, and the numbers of all. The lists then name the places of the samples
    in an array of so many columns, by row.
    """
    numbers = np.full(samples, -1, np.int64)
    for row in range(len(chunks)):
        numbers[first + row] = 0
        for place in range(row * size, row * size + chunks[row] * LANES):
            numbers[names[place]] = 0
    which = np.flatnonzero(numbers == 0)
    for number in range(len(which)):
        numbers[which[number]] = number
    for row in range(len(chunks)):
        for place in range(row * size, row * size + chunks[row] * LANES):
            names[place] = numbers[names[place]] * columns
    return which, numbers
