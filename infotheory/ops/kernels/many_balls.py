"""How many samples lie in balls of many radii around each sample, in one variable."""

import numpy as np
from numba import njit, prange

from infotheory.ops.kernels.lanes import DOUBLE_LANES as LANES
from infotheory.ops.kernels.lanes import all_lanes, first_lane, lane_count, lanes_below
from infotheory.ops.kernels.nearest_lists import class_of, power_of

# The distances of a sample are kept in so many classes, within which they have no order.
CLASSES = 256
# Kept are those below the largest of so many radii, with a margin; a ball beyond is counted from
# all distances.
TRIALS = 8
MARGIN = 1.25


@njit(cache=True)
def all_distances(tiles, row, euclidean, cut, away, below):
    """The distances of a sample to all others; how many, and which, are below the cut."""
    size, home = 0, row // LANES
    for tile in range(len(tiles)):
        start, columns = tile * LANES, tiles.shape[1]
        near = all_lanes(tiles, tile, home, row % LANES, 0, columns, euclidean, cut, away, start)
        if tile == home:
            near &= ~(np.int64(1) << (row % LANES))
            away[row] = np.inf
        while near:
            below[size] = away[start + first_lane(near)]
            near &= near - 1
            size += 1
    return size


@njit(cache=True)
def into_classes(below, size, cut, power, classes, firsts, sorted_below):
    """Sort the distances by classes, which begin at ``firsts``."""
    for place in range(size):
        classes[place] = class_of(below[place], cut, power, CLASSES)
    firsts[:] = 0
    for place in range(size):
        firsts[classes[place] + np.uint32(1)] += np.uint32(1)
    for c in range(CLASSES):
        firsts[c + 1] += firsts[c]
    for place in range(size):
        at = firsts[classes[place]]
        sorted_below[at] = below[place]
        firsts[classes[place]] = at + np.uint32(1)
    for c in range(CLASSES, 0, -1):
        firsts[c] = firsts[c - 1]
    firsts[0] = 0


@njit(cache=True)
def ball(sorted_below, firsts, power, away, cut, limit):
    """How many others are nearer than the limit."""
    if limit > cut:
        count = 0
        for start in range(0, len(away), LANES):
            count += lane_count(lanes_below(away, start, limit))
        return count
    if limit <= 0.0:
        return 0
    c = class_of(limit, cut, power, CLASSES)
    count = np.int64(firsts[c])
    for place in range(firsts[c], firsts[c + np.uint32(1)]):
        count += sorted_below[place] < limit
    return count


@njit(parallel=True, cache=True)
def tree_balls(tiles, euclidean, radius, tasks, counts):
    """Count the others nearer than each radius (b, n), where the counts (b, n) are negative.

    The samples are in the order of a tree's tiles. Costs n distances a sample.
    """
    pairings, n = radius.shape
    power = power_of(tiles.shape[1], euclidean)
    for task in prange(tasks):
        away = np.empty(len(tiles) * LANES)
        below, sorted_below, classes = np.empty(n), np.empty(n), np.empty(n, np.uint32)
        firsts = np.empty(CLASSES + 1, np.uint32)
        limits, which = np.empty(pairings), np.empty(pairings, np.int64)
        for row in range(np.int64(task) * n // tasks, (np.int64(task) + 1) * n // tasks):
            many = 0
            for b in range(pairings):
                limits[many], which[many] = radius[b, row], b
                many += counts[b, row] < 0
            if many == 0:
                continue
            cut = MARGIN * limits[: min(many, TRIALS)].max()
            size = all_distances(tiles, row, euclidean, cut, away, below)
            into_classes(below, size, cut, power, classes, firsts, sorted_below)
            for place in range(many):
                counts[which[place], row] = ball(
                    sorted_below, firsts, power, away, cut, limits[place]
                )
