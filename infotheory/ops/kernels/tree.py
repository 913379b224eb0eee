"""Neighbour radii and range counts by a balanced kd-tree whose leaves are SIMD tiles."""

import numpy as np
from numba import njit, prange

from infotheory.ops.kernels.lanes import DOUBLE_LANES as LANES
from infotheory.ops.kernels.lanes import (
    first_lane,
    lane_count,
    lanes_below,
    lanes_reaching,
    near_lanes,
)

# Two branches wait at each level, and 2 ** 48 leaves are more than any memory holds.
STACK = 96
# Rows looked at to choose the column of a split.
SPREAD_ROWS = 128
# Levels split before the threads take the subtrees below: enough subtrees, little serial work.
SERIAL_LEVELS = 4


@njit(cache=True)
def lanes_before(count):
    """The mask of the first ``count`` lanes (one at least), or of all of them."""
    absent = 64 - min(count, LANES)
    return np.int64(np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(absent))


@njit(cache=True)
def insert(nearest, value):
    """Put a value that is below the last one into an ascending list, dropping that last one."""
    place = len(nearest) - 1
    while place > 0 and nearest[place - 1] > value:
        nearest[place] = nearest[place - 1]
        place -= 1
    nearest[place] = value


@njit(cache=True)
def node_range(level, place, leaves):
    """The leaves [first, last) below the node at a place of a level, counted from the left."""
    first, last = 0, leaves
    for up in range(level - 1, -1, -1):
        middle = (first + last + 1) // 2
        if (place >> up) & 1:
            first = middle
        else:
            last = middle
    return first, last


@njit(cache=True)
def widest_column(points, order, first, last):
    """The column in which a sample of a node's rows spreads most: it only guides the search."""
    stride = (last - first) // SPREAD_ROWS + 1
    widest, spread = 0, -1.0
    for column in range(points.shape[1]):
        low = high = points[order[first], column]
        for place in range(first + stride, last, stride):
            value = points[order[place], column]
            low = min(low, value)
            high = max(high, value)
        if high - low > spread:
            widest, spread = column, high - low
    return widest


@njit(cache=True)
def part_at(keys, order, first, last, middle):
    """Reorder [first, last) so that no key before ``middle`` exceeds one after (quickselect)."""
    last -= 1
    while first < last:
        one, two, three = keys[first], keys[(first + last) // 2], keys[last]
        pivot = max(min(one, two), min(max(one, two), three))
        left, right = first, last
        while left <= right:
            while keys[left] < pivot:
                left += 1
            while keys[right] > pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                order[left], order[right] = order[right], order[left]
                left += 1
                right -= 1
        if middle <= right:
            last = right
        elif middle >= left:
            first = left
        else:
            return


@njit(cache=True)
def split(points, order, keys, axes, level, place, leaves):
    """Split one node at the middle of its leaves, in its widest column."""
    first, last = node_range(level, place, leaves)
    if last - first < 2:
        return
    start, stop = first * LANES, min(last * LANES, len(order))
    axis = widest_column(points, order, start, stop)
    axes[(1 << level) + place] = axis
    for row in range(start, stop):
        keys[row] = points[order[row], axis]
    part_at(keys, order, start, stop, (first + last + 1) // 2 * LANES)


@njit(cache=True)
def fill_leaf(points, order, tiles, lower, upper, leaf, node):
    """Copy the samples of a leaf to its tile, and their bounds to its box."""
    for lane in range(LANES):
        place = leaf * LANES + lane
        for column in range(points.shape[1]):
            if place < len(points):
                value = points[order[place], column]
                tiles[leaf, column, lane] = value
                lower[node, column] = min(lower[node, column], value)
                upper[node, column] = max(upper[node, column], value)
            else:
                tiles[leaf, column, lane] = np.inf


@njit(parallel=True, cache=True)
def grow(points, order, tree, levels, serial):
    """Order the samples by recursive median splits and fill the tree; O(n log n).

    All leaves hold LANES samples but the last. Node i has the children 2i and 2i + 1; a node of
    one leaf is its own left child, down to the last level, which holds the boxes of the leaves.
    """
    tiles, lower, upper, axes, homes = tree
    leaves, bottom = len(tiles), 1 << levels
    keys = np.empty(len(points))
    for level in range(serial):
        for place in range(1 << level):
            split(points, order, keys, axes, level, place, leaves)
    # one parallel region: each costs milliseconds on a busy machine
    for index in prange(1 << serial):
        top = np.int64(index)  # numba's parallel index is unsigned, and mixes into floats
        for level in range(serial, levels):
            under = 1 << (level - serial)
            for place in range(top * under, (top + 1) * under):
                split(points, order, keys, axes, level, place, leaves)
        under = 1 << (levels - serial)
        for place in range(top * under, (top + 1) * under):
            first, last = node_range(levels, place, leaves)
            if last > first:
                homes[first] = bottom + place
                fill_leaf(points, order, tiles, lower, upper, first, bottom + place)
    for node in range(bottom - 1, 0, -1):
        for column in range(points.shape[1]):
            lower[node, column] = min(lower[2 * node, column], lower[2 * node + 1, column])
            upper[node, column] = max(upper[2 * node, column], upper[2 * node + 1, column])


@njit(cache=True)
def scan_leaf(tiles, starts, euclidean, leaf, other, active, nearest, reach, seen):
    """Offer every sample of one leaf to the active samples of another."""
    parts, k = len(starts) - 1, nearest.shape[1]
    while active:
        lane = first_lane(active)
        active &= active - 1
        found = np.int64(-1)
        if other == leaf:
            found ^= np.int64(1) << lane  # nobody is a neighbour of itself
        for part in range(parts):
            first, last = starts[part], starts[part + 1]
            found &= near_lanes(
                tiles, other, leaf, lane, first, last, euclidean, reach[lane], seen, part * LANES
            )
            if found == 0:
                break
        while found:
            there = 0.0
            for part in range(parts):
                there = max(there, seen[part * LANES + first_lane(found)])
            found &= found - 1
            insert(nearest[lane], there)
            reach[lane] = nearest[lane, k - 1]
            for part in range(parts):
                found &= lanes_below(seen, part * LANES, reach[lane])


@njit(cache=True)
def leaf_radii(samples, tree, starts, euclidean, leaf, nearest, reach, stack, seen):
    """The k-th nearest distances (``reach``) of the samples of one leaf.

    Returns how many leaves were scanned, once for each sample that did.
    """
    tiles, lower, upper, axes, homes = tree
    home = homes[leaf]
    parts, leaves = len(starts) - 1, len(tiles)
    everyone = lanes_before(LANES)
    here = samples - leaf * LANES
    nearest[:] = np.inf
    reach[:here] = np.inf
    reach[here:] = -1.0  # the padding of the last leaf looks for nothing
    scan_leaf(tiles, starts, euclidean, leaf, leaf, lanes_before(here), nearest, reach, seen)
    stack[0, 0], stack[0, 1], stack[0, 2] = 1, 0, leaves
    waiting, scans = 1, 0
    while waiting:
        waiting -= 1
        node, first, last = stack[waiting, 0], stack[waiting, 1], stack[waiting, 2]
        if last - first == 1 and first == leaf:
            continue
        active = everyone
        for part in range(parts):
            active &= lanes_reaching(
                tiles, leaf, lower, upper, node, starts[part], starts[part + 1], euclidean, reach
            )
            if active == 0:
                break
        if active == 0:
            continue
        if last - first == 1:
            scans += lane_count(active)
            scan_leaf(tiles, starts, euclidean, leaf, first, active, nearest, reach, seen)
            continue
        middle = (first + last + 1) // 2
        left, right, axis = 2 * node, 2 * node + 1, axes[node]
        # the nearer child last, so that it is taken first: twice the gap on either side
        to_left = lower[home, axis] + upper[home, axis] - 2.0 * upper[left, axis]
        to_right = 2.0 * lower[right, axis] - lower[home, axis] - upper[home, axis]
        near = 1 if to_left <= to_right else 0
        stack[waiting + near, 0] = left
        stack[waiting + near, 1], stack[waiting + near, 2] = first, middle
        stack[waiting + 1 - near, 0] = right
        stack[waiting + 1 - near, 1], stack[waiting + 1 - near, 2] = middle, last
        waiting += 2
    return scans


@njit(parallel=True, cache=True)
def tree_radii(tree, order, which, starts, euclidean, k, tasks, radii, scans):
    """For the samples of some leaves, the distances to the nearest other samples, up to the k-th.

    The last of them, as many as ``radii`` has columns, go there by ``order``, and each leaf's
    number of scans to ``scans``.
    """
    samples, ranks = len(order), radii.shape[1]
    for task in prange(tasks):
        nearest = np.empty((LANES, k))
        reach = np.empty(LANES)
        stack = np.empty((STACK, 3), np.int64)
        seen = np.empty((len(starts) - 1) * LANES)
        for place in range(np.int64(task), len(which), tasks):
            leaf = which[place]
            scans[place] = leaf_radii(
                samples, tree, starts, euclidean, leaf, nearest, reach, stack, seen
            )
            for row in range(leaf * LANES, min((leaf + 1) * LANES, samples)):
                radii[order[row]] = nearest[row - leaf * LANES, k - ranks :]


def plant(points):
    """A kd-tree of the rows: their order, and the arrays of the tree."""
    n, columns = points.shape
    leaves = (n + LANES - 1) // LANES
    levels = (leaves - 1).bit_length()
    order = np.arange(n)
    tree = (
        np.empty((leaves, columns, LANES)),
        np.full((2 << levels, columns), np.inf),
        np.full((2 << levels, columns), -np.inf),
        np.zeros(2 << levels, np.int64),
        np.empty(leaves, np.int64),
    )
    grow(points, order, tree, levels, min(levels, SERIAL_LEVELS))
    return order, tree
