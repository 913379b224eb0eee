"""Radii and counts of nearest neighbours: sorted lines, brute force, and the choice of a path."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange

from infotheory.ops.kernels.lanes import (
    DOUBLE_LANES,
    SINGLE_LANES,
    all_lanes,
    first_lane,
    lane_count,
    lanes_below,
    near_lanes,
)
from infotheory.ops.kernels.tree import arrange, insert, plant, tree_counts, tree_radii
from infotheory.ops.ranges import scaled, shrink_exponent

# Samples that brute force takes together past each tile, which is then read from the cache. It
# divides the lanes of a tile.
TOGETHER = 16
# Blocks of samples tried in float32; when more than one distance in DOUBTFUL needed a second look
# (data on a grid, or an outlier that coarsens the scale), float64 tiles are faster.
PROBE = 4
DOUBTFUL = 64
FEW_DOUBTS = 8
# A tree is taken up to FEW_COLUMNS (on normal samples, n = 300 to 30,000, it and brute force cross
# at 8 to 16). With more it still wins, by up to 14 times, where the samples fill fewer dimensions
# than they have columns, as activations do: some leaves scout, and where they look at less than
# TREE_SHARE of the samples (the times cross at .2 Euclidean, .3 Chebyshev), the tree is taken.
# Below MANY samples a scout costs more than it can save.
FEW_COLUMNS = 8
SCOUTS = 8
TREE_SHARE = 0.25
MANY = 2000


@njit(cache=True)
def apart(here, there, euclidean):
    step = abs(here - there)
    return step * step if euclidean else step


@njit(cache=True)
def nearer_before(line, place, radius, euclidean):
    """How many samples before a place of a sorted line are nearer than the radius."""
    # rounding is monotone, so distances to the left grow and one binary search, by the test
    # itself, is exact; fl(x - r) <= x_j would be another test
    start, size = 0, place
    while size > 0:
        half = size >> 1
        far = apart(line[place], line[start + half], euclidean) >= radius
        start = start + half + 1 if far else start
        size = size - half - 1 if far else half
    return place - start


@njit(cache=True)
def nearer_after(line, place, radius, euclidean):
    start, size = place + 1, len(line) - place - 1
    while size > 0:
        half = size >> 1
        near = apart(line[place], line[start + half], euclidean) < radius
        start = start + half + 1 if near else start
        size = size - half - 1 if near else half
    return start - place - 1


@njit(parallel=True, cache=True)
def line_counts(line, order, euclidean, radius, counts):
    """How many other samples of a line are nearer than the radius; O(n log n)."""
    for index in prange(len(line)):
        place = np.int64(index)  # numba's parallel index is unsigned, and mixes into floats
        reach = radius[order[place]]
        found = nearer_before(line, place, reach, euclidean)
        counts[order[place]] = found + nearer_after(line, place, reach, euclidean)


@njit(parallel=True, cache=True)
def line_radii(line, order, euclidean, k, radius):
    """The k-th nearest on a line: a step to the nearer side, k times."""
    n = len(line)
    for index in prange(n):
        place = np.int64(index)
        left, right, reach = place - 1, place + 1, 0.0
        for _ in range(k):
            before = apart(line[place], line[left], euclidean) if left >= 0 else np.inf
            after = apart(line[place], line[right], euclidean) if right < n else np.inf
            if before <= after:
                left, reach = left - 1, before
            else:
                right, reach = right + 1, after
        radius[order[place]] = reach


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
    """Take the samples of a mask, counted from ``first``, in float64; returns the new limit."""
    parts, k = len(starts) - 1, len(nearest)
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
    return limit


@njit(cache=True)
def brute_radii(points, tiles, starts, euclidean, blur, first, here, nearest, seen, patient):
    """The nearest distances of a few rows of one tile, and their distances to all in ``seen``."""
    count, _, lanes = tiles.shape
    parts = len(starts) - 1
    stride = count * lanes if patient else lanes
    limits = np.full(here, np.inf)
    home = first // lanes
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
                limits[q] = offer(
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
def brute(points, tiles, starts, euclidean, k, blur, blocks, tasks, order, radius, counts, doubts):
    """Radii, and counts unless ``counts`` has no rows, of the rows of some blocks.

    Costs n distances a row and O(n) memory a thread. ``doubts`` counts the distances that the
    tiles could not tell from the radius.
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
            brute_radii(points, tiles, starts, euclidean, blur, first, here, nearest, seen, patient)
            for q in range(here):
                reach = nearest[q, k - 1]
                radius[order[first + q]] = reach
                doubts[first + q] = 0
                for part in range(len(counts)):
                    begin = (q * parts + part) * width
                    count, doubt = brute_count(
                        points, starts, euclidean, first + q, part, reach, blur, seen, begin, lanes
                    )
                    counts[part, order[first + q]] = count
                    doubts[first + q] += doubt


def _tiles(points, dtype, lanes):
    n, columns = points.shape
    padded = np.full((-(-n // lanes) * lanes, columns), np.inf, dtype)
    padded[:n] = points
    return np.ascontiguousarray(padded.reshape(-1, lanes, columns).transpose(0, 2, 1))


def _blurred(points, euclidean):
    """Float32 tiles of centred and scaled points, and the bounds on what that rounding hides."""
    low, high = points.min(0), points.max(0)
    centred = points - (low + (high - low) / 2)
    exponent = math.frexp(float(np.abs(centred).max()))[1]
    scale = math.ldexp(1.0, -exponent)
    columns = points.shape[1]
    # Entries are at most 1, so each difference is off by at most 2 ** -22 (twice the rounding of
    # an entry, and its own); in the norm that grows by sqrt(columns). A sum of squares adds a
    # relative (columns + 2) 2 ** -25 to its root. Both bounds are doubled here, which also
    # pays for rounding the threshold.
    absolute = 2.0**-21 * (math.sqrt(columns) if euclidean else 1.0)
    relative = (columns + 4) * 2.0**-24
    return _tiles(centred * scale, np.float32, SINGLE_LANES), (scale, absolute, relative)


def _line(points):
    order = np.argsort(points[:, 0])
    return points[order, 0], order


def _brute(points, starts, euclidean, k, radius, counts):
    order, _ = arrange(points)
    points = points[order]
    if not len(counts) and not euclidean:
        starts = starts[[0, -1]]  # the largest over parts is one norm of all columns
    blocks = -(-len(points) // TOGETHER)
    probe = min(PROBE, blocks)
    doubts = np.empty(len(points), np.int64)

    def run(tiles, blur, first, last):
        tasks = min(4 * get_num_threads(), last - first)
        answer = (order, radius, counts, doubts)
        brute(points, tiles, starts, euclidean, k, blur, (first, last), tasks, *answer)

    tiles, blur = _blurred(points, euclidean)
    run(tiles, blur, 0, probe)
    if doubts[: probe * TOGETHER].mean() > FEW_DOUBTS + len(points) / DOUBTFUL:
        tiles, blur = _tiles(points, np.float64, DOUBLE_LANES), (1.0, 0.0, 0.0)
        probe = 0
    run(tiles, blur, probe, blocks)


def _tree(points, starts, euclidean, k, radius, counts):
    tasks = 8 * get_num_threads()
    order, tree = plant(points)
    leaves = np.arange(len(tree[0]))
    joint = starts if euclidean else starts[[0, -1]]
    tree_radii(tree, order, leaves, joint, euclidean, k, tasks, radius, np.empty_like(leaves))
    for part, count in enumerate(counts):
        own = np.ascontiguousarray(points[:, starts[part] : starts[part + 1]])
        if own.shape[1] == 1:
            line, order = _line(own)
            line_counts(line, order, euclidean, radius, count)
        else:
            order, tree = plant(own)
            tree_counts(tree, euclidean, radius, order, tasks, count)


def _sort(points, starts, euclidean, k, radius, counts):
    line, order = _line(points)
    line_radii(line, order, euclidean, k, radius)
    for count in counts:
        line_counts(line, order, euclidean, radius, count)


_PATHS = {"sort": _sort, "tree": _tree, "brute": _brute}


def _scanned(points, starts, euclidean, k):
    """The share of all samples that a tree would look at, from a few of its leaves."""
    order, tree = plant(points)
    leaves = len(tree[0])
    which = np.linspace(0, leaves - 1, SCOUTS).astype(np.int64)
    joint = starts if euclidean else starts[[0, -1]]
    scans = np.empty_like(which)
    tree_radii(tree, order, which, joint, euclidean, k, SCOUTS, np.empty(len(points)), scans)
    return scans.sum() / (SCOUTS * DOUBLE_LANES * leaves)


def _choose(points, starts, euclidean, k):
    n, columns = points.shape
    if columns == 1:
        return "sort"
    if columns <= FEW_COLUMNS:
        return "tree"
    if n < MANY or _scanned(points, starts, euclidean, k) > TREE_SHARE:
        return "brute"
    return "tree"


def neighbours(
    parts: Sequence[Any], k: int, metric: str, counts: bool = True, *, _path: str | None = None
) -> tuple[np.ndarray, np.ndarray | None, str]:
    r"""Distance to the k-th nearest neighbour, and how many samples are nearer in each part.

    .. math:: r_i = \text{k-th smallest over } j \ne i \text{ of } \max_p d_p(i, j), \qquad
              c_{p,i} = \#\{j \ne i : d_p(i, j) < r_i\}

    The distance :math:`d_p` inside a part is the Chebyshev or the Euclidean norm.

    Parameters
    ----------
    parts : arrays, each of shape (n, d_p)
        Finite; taken as float64.
    k : int
        Below n.
    metric : "chebyshev" or "euclidean"
        Norm inside a part; between parts, always the largest.
    counts : bool
        False leaves the counts out, as entropies want it.

    Returns
    -------
    radius : float64 array, shape (n,)
    counts : int64 array, shape (parts, n), or None
    path : "sort", "tree" or "brute"
        The algorithm taken. They agree to the bit, ties and duplicates included: whoever is as
        far as the radius is not counted, so a radius of 0 counts nobody.

    Notes
    -----
    Cost: "sort" (one column) O(n log n); "tree" O(n log n) times a factor that grows fast with
    the columns; "brute" n^2 times the columns. Memory: O(n) times the columns and the threads.
    """
    points = np.ascontiguousarray(np.concatenate(parts, axis=1), dtype=np.float64)
    euclidean = metric == "euclidean"
    exponent = shrink_exponent(float(np.abs(points).max()), metric)
    points = scaled(points, -exponent)
    n = len(points)
    starts = np.cumsum([0] + [part.shape[1] for part in parts])
    path = _path or _choose(points, starts, euclidean, k)
    radius = np.empty(n)
    found = np.empty((len(parts) if counts else 0, n), np.int64)
    _PATHS[path](points, starts, euclidean, k, radius, found)
    if euclidean:
        radius = np.sqrt(radius)
    return scaled(radius, exponent), found if counts else None, path
