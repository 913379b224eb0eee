"""Who lies in a ball of a given radius around each sample: counts, and reach within each part."""

import numpy as np
from numba import njit, prange

from infotheory.ops.kernels.lanes import DOUBLE_LANES as LANES
from infotheory.ops.kernels.lanes import (
    first_lane,
    lane_count,
    lanes_covering,
    lanes_reaching,
    near_lanes,
)
from infotheory.ops.kernels.tree import STACK, lanes_before


@njit(cache=True)
def leaf_counts(tree, starts, samples, euclidean, leaf, reach, counts, stack, seen):
    """Add to ``counts`` how many samples (itself too) are nearer than ``reach`` to each lane."""
    tiles, lower, upper = tree[0], tree[1], tree[2]
    parts = len(starts) - 1
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = 1, 0, len(tiles), lanes_before(LANES)
    waiting = 1
    while waiting:
        waiting -= 1
        node, first, last = stack[waiting, 0], stack[waiting, 1], stack[waiting, 2]
        active = stack[waiting, 3]
        for part in range(parts):
            active &= lanes_reaching(
                tiles, leaf, lower, upper, node, starts[part], starts[part + 1], euclidean, reach
            )
        if active == 0:
            continue
        inside = active
        for part in range(parts):
            inside &= lanes_covering(
                tiles, leaf, lower, upper, node, starts[part], starts[part + 1], euclidean, reach
            )
        active &= ~inside
        size = min(last * LANES, samples) - first * LANES
        while inside:
            counts[first_lane(inside)] += size
            inside &= inside - 1
        if active == 0:
            continue
        if last - first > 1:
            middle = (first + last + 1) // 2
            stack[waiting, 0], stack[waiting, 1], stack[waiting, 2] = 2 * node, first, middle
            stack[waiting, 3] = active
            waiting += 1
            stack[waiting, 0], stack[waiting, 1], stack[waiting, 2] = 2 * node + 1, middle, last
            stack[waiting, 3] = active
            waiting += 1
            continue
        while active:
            lane = first_lane(active)
            active &= active - 1
            found = np.int64(-1)
            for part in range(parts):
                begin, end = starts[part], starts[part + 1]
                found &= near_lanes(
                    tiles, first, leaf, lane, begin, end, euclidean, reach[lane], seen, 0
                )
                if found == 0:
                    break
            counts[lane] += lane_count(found)


@njit(parallel=True, cache=True)
def tree_counts(tree, starts, euclidean, radius, order, tasks, counts):
    """How many others are nearer than the radius in all parts, to ``counts`` by ``order``."""
    tiles, samples = tree[0], len(radius)
    for task in prange(tasks):
        reach = np.empty(LANES)
        found = np.empty(LANES, np.int64)
        stack = np.empty((STACK, 4), np.int64)
        seen = np.empty(LANES)
        for leaf in range(np.int64(task), len(tiles), tasks):
            here = min(LANES, samples - leaf * LANES)
            reach[:] = -1.0
            found[:] = 0
            for lane in range(here):
                reach[lane] = radius[order[leaf * LANES + lane]]
            leaf_counts(tree, starts, samples, euclidean, leaf, reach, found, stack, seen)
            for lane in range(here):
                # a positive radius holds the sample itself
                counts[order[leaf * LANES + lane]] = found[lane] - (reach[lane] > 0.0)


@njit(cache=True)
def leaf_extents(tree, starts, samples, euclidean, leaf, reach, extents, stack, seen):
    """Raise ``extents`` to the largest distance, part by part, of the others within ``reach``."""
    tiles, lower, upper = tree[0], tree[1], tree[2]
    parts = len(starts) - 1
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = 1, 0, len(tiles), lanes_before(LANES)
    waiting = 1
    while waiting:
        waiting -= 1
        node, first, last = stack[waiting, 0], stack[waiting, 1], stack[waiting, 2]
        active = stack[waiting, 3]
        for part in range(parts):
            active &= lanes_reaching(
                tiles, leaf, lower, upper, node, starts[part], starts[part + 1], euclidean, reach
            )
        if active == 0:
            continue
        if last - first > 1:
            middle = (first + last + 1) // 2
            stack[waiting, 0], stack[waiting, 1], stack[waiting, 2] = 2 * node, first, middle
            stack[waiting, 3] = active
            waiting += 1
            stack[waiting, 0], stack[waiting, 1], stack[waiting, 2] = 2 * node + 1, middle, last
            stack[waiting, 3] = active
            waiting += 1
            continue
        while active:
            lane = first_lane(active)
            active &= active - 1
            found = np.int64(-1)
            if first == leaf:
                found ^= np.int64(1) << lane  # its own distance of zero raises nothing
            for part in range(parts):
                begin, end, at = starts[part], starts[part + 1], part * LANES
                found &= near_lanes(
                    tiles, first, leaf, lane, begin, end, euclidean, reach[lane], seen, at
                )
                if found == 0:
                    break
            while found:
                other = first_lane(found)
                found &= found - 1
                for part in range(parts):
                    extents[part, lane] = max(extents[part, lane], seen[part * LANES + other])


@njit(parallel=True, cache=True)
def tree_extents(tree, starts, euclidean, limits, order, tasks, extents):
    """The largest distance in each part of the samples below the limit, to ``extents``."""
    tiles, samples, parts = tree[0], len(limits), len(starts) - 1
    for task in prange(tasks):
        reach = np.empty(LANES)
        found = np.empty((parts, LANES))
        stack = np.empty((STACK, 4), np.int64)
        seen = np.empty(parts * LANES)
        for leaf in range(np.int64(task), len(tiles), tasks):
            here = min(LANES, samples - leaf * LANES)
            reach[:] = -1.0
            found[:] = 0.0
            for lane in range(here):
                reach[lane] = limits[order[leaf * LANES + lane]]
            leaf_extents(tree, starts, samples, euclidean, leaf, reach, found, stack, seen)
            for lane in range(here):
                for part in range(parts):
                    extents[part, order[leaf * LANES + lane]] = found[part, lane]
