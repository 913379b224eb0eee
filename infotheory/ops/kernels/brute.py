"""Neighbour radii and range counts by all distances: float32 tiles filter, float64 decides."""

import math

import numpy as np
from numba import njit, prange

from infotheory.ops.kernels.lanes import (
    SINGLE_LANES,
    all_lanes,
    first_lane,
    lane_count,
    lanes_below,
    near_lanes,
)
from infotheory.ops.kernels.tree import insert

# Samples that brute force takes together past each tile, which is then read from the cache. It
# divides the lanes of a tile.
TOGETHER = 16


@njit(cache=True)
def distance(points, i, j, starts, first, last, euclidean):
    """The distance (Euclidean: its square) of two samples: the largest over parts first..last."""
    largest = 0.0
    for part in range(first, last):
        total = 0.0
        for column in range(starts[part], starts[part + 1]):
            step = abs(points[i, column] - points[j, column])
            if euclidean:
                total += step * step
            elif step > total:
                total = step
        if total > largest:
            largest = total
    return largest


@njit(cache=True)
def blurred(value, euclidean, blur, sign):
    """How a distance of ``value`` may appear in the tiles: at most (1) or at least (-1)."""
    if value == np.inf:
        return value
    scale, absolute, relative = blur
    if absolute == 0.0:  # tiles of float64 say it exactly
        return value
    if euclidean:
        root = math.sqrt(value) * scale
        root = max(root + sign * (absolute + relative * root), 0.0)
        return root * root
    return value * scale + sign * absolute


@njit(cache=True)
def offer(points, starts, euclidean, blur, row, first, found, nearest, seen, at, stride):
    """Take the samples of a mask, counted from ``first``, if float64 agrees.

    Returns the new limit for the tiles, and how many samples were turned down.
    """
    parts, k, doubts = len(starts) - 1, len(nearest), 0
    limit = blurred(nearest[k - 1], euclidean, blur, 1)
    while found:
        other = first + first_lane(found)
        found &= found - 1
        if other == row:
            continue
        there = distance(points, row, other, starts, 0, parts, euclidean)
        if there < nearest[k - 1]:
            insert(nearest, there)
            limit = blurred(nearest[k - 1], euclidean, blur, 1)
            for part in range(parts):
                found &= lanes_below(seen, at + part * stride, limit)
        else:
            doubts += 1
    return limit, doubts


@njit(cache=True)
def brute_radii(points, tiles, starts, euclidean, blur, first, here, nearest, seen, patient):
    """The nearest distances of a few rows of one tile, and their distances to all in ``seen``.

    Returns how many distances looked near enough and were not.
    """
    count, _, lanes = tiles.shape
    parts = len(starts) - 1
    stride = count * lanes if patient else lanes
    limits = np.full(here, np.inf)
    home, doubts = first // lanes, 0
    nearest[:] = np.inf
    for step in range(count):
        tile = (home + step) % count  # near rows first: the limits then fall at once
        for q in range(here):
            lane = (first + q) % lanes
            start = q * parts * stride + tile * lanes if patient else 0
            found = np.int64(-1)
            for part in range(parts):
                begin, end, at = starts[part], starts[part + 1], start + part * stride
                if patient:
                    found &= all_lanes(
                        tiles, tile, home, lane, begin, end, euclidean, limits[q], seen, at
                    )
                else:
                    found &= near_lanes(
                        tiles, tile, home, lane, begin, end, euclidean, limits[q], seen, at
                    )
                    if found == 0:
                        break
            if found:
                limits[q], doubt = offer(
                    points,
                    starts,
                    euclidean,
                    blur,
                    first + q,
                    tile * lanes,
                    found,
                    nearest[q],
                    seen,
                    start,
                    stride,
                )
                doubts += doubt
    return doubts


@njit(cache=True)
def brute_count(points, starts, euclidean, row, part, radius, blur, seen, begin, lanes):
    """How many distances of ``seen`` from ``begin`` on are below the radius, itself left out."""
    if radius == 0.0:
        return 0, 0
    surely, maybe = blurred(radius, euclidean, blur, -1), blurred(radius, euclidean, blur, 1)
    count, doubts, n = -1, 0, len(points)
    for first in range(0, n, lanes):
        near = lanes_below(seen, begin + first, maybe)
        if near == 0:
            continue
        sure = lanes_below(seen, begin + first, surely)
        count += lane_count(sure)
        near &= ~sure
        doubts += lane_count(near)
        while near:
            other = first + first_lane(near)
            near &= near - 1
            there = distance(points, row, other, starts, part, part + 1, euclidean)
            count += there < radius
    return count, doubts


@njit(parallel=True, cache=True)
def brute(points, tiles, starts, euclidean, k, blur, blocks, tasks, order, radii, counts, doubts):
    """Radii, and counts unless ``counts`` has no rows, of the rows of some blocks.

    The last ranks up to the k-th are kept, as many as ``radii`` has columns. Costs n distances a
    row and O(n) memory a thread. ``doubts`` counts, by block, the distances that the tiles could
    not tell from the radius.
    """
    n, parts, lanes = len(points), len(starts) - 1, tiles.shape[2]
    patient = len(counts) > 0
    width = len(tiles) * lanes
    for task in prange(tasks):
        seen = np.empty(parts * (TOGETHER * width if patient else lanes), tiles.dtype)
        nearest = np.empty((TOGETHER, k))
        for block in range(blocks[0] + np.int64(task), blocks[1], tasks):
            first = block * TOGETHER
            here = min(TOGETHER, n - first)
            doubts[block] = brute_radii(
                points, tiles, starts, euclidean, blur, first, here, nearest, seen, patient
            )
            for q in range(here):
                reach = nearest[q, k - 1]
                radii[order[first + q]] = nearest[q, k - radii.shape[1] :]
                for part in range(len(counts)):
                    begin = (q * parts + part) * width
                    count, doubt = brute_count(
                        points, starts, euclidean, first + q, part, reach, blur, seen, begin, lanes
                    )
                    counts[part, order[first + q]] = count
                    doubts[block] += doubt


def blurred_tiles(points, euclidean):
    """Float32 tiles of centred and scaled points, and the bounds on what that rounding hides."""
    low, high = points.min(0), points.max(0)
    centred = points - (low + (high - low) / 2)
    exponent = math.frexp(float(np.abs(centred).max()))[1]
    scale = math.ldexp(1.0, min(-exponent, 1000))  # subnormal data stays small: all is doubtful
    n, columns = points.shape
    padded = np.full((-(-n // SINGLE_LANES) * SINGLE_LANES, columns), np.inf, np.float32)
    padded[:n] = centred * scale
    tiles = padded.reshape(-1, SINGLE_LANES, columns).transpose(0, 2, 1)
    # Entries are at most 1, so each difference is off by at most 2 ** -22 (twice the rounding of
    # an entry, and its own); in the norm that grows by sqrt(columns). A sum of squares adds a
    # relative (columns + 2) 2 ** -25 to its root. Both bounds are doubled here, which also
    # pays for rounding the threshold.
    absolute = 2.0**-21 * (math.sqrt(columns) if euclidean else 1.0)
    relative = (columns + 4) * 2.0**-24
    return np.ascontiguousarray(tiles), (scale, absolute, relative)
