"""Radii and counts of nearest neighbours: sorted lines, and the choice between the paths."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange, set_num_threads

from infotheory.ops.kernels.brute import TOGETHER, blurred_tiles, brute
from infotheory.ops.kernels.lanes import DOUBLE_LANES
from infotheory.ops.kernels.tree import plant, tree_counts, tree_radii
from infotheory.ops.ranges import scaled, shrink_exponent

# Blocks of samples tried in float32. When, by sample, more than FEW_DOUBTS and one distance in
# DOUBTFUL needed a second look (data on a grid, an outlier that coarsens the scale), float64 tiles
# are faster.
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
# Entries below which one thread does all: starting a second costs more on a busy machine.
ALONE = 4096


@njit(cache=True)
def apart(here, there, euclidean):
    """The distance (Euclidean: its square) of two points of a line."""
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
    """The same after the place."""
    start, size = place + 1, len(line) - place - 1
    while size > 0:
        half = size >> 1
        near = apart(line[place], line[start + half], euclidean) < radius
        start = start + half + 1 if near else start
        size = size - half - 1 if near else half
    return start - place - 1


@njit(parallel=True, cache=True)
def line_counts(lines, orders, which, euclidean, radius, counts):
    """How many other samples of each line are nearer than the radius; O(n log n)."""
    n = lines.shape[1]
    for index in prange(lines.size):
        place = np.int64(index)  # numba's parallel index is unsigned, and mixes into floats
        line, place = place // n, place % n
        row = orders[line, place]
        counts[which[line], row] = nearer_before(
            lines[line], place, radius[row], euclidean
        ) + nearer_after(lines[line], place, radius[row], euclidean)


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


def _lines(points, columns):
    orders = np.stack([np.argsort(points[:, column]) for column in columns])
    return np.stack([points[o, c] for o, c in zip(orders, columns, strict=True)]), orders


def _brute(points, planted, starts, euclidean, k, radius, counts):
    order, tree = planted  # an order that puts near samples together lets most tiles end early
    points = points[order]
    if not len(counts) and not euclidean:
        starts = starts[[0, -1]]  # the largest over parts is one norm of all columns
    blocks = -(-len(points) // TOGETHER)
    probe = min(PROBE, blocks)
    doubts = np.empty(blocks, np.int64)

    def run(tiles, blur, first, last):
        tasks = min(4 * get_num_threads(), last - first)
        answer = (order, radius, counts, doubts)
        brute(points, tiles, starts, euclidean, k, blur, (first, last), tasks, *answer)

    tiles, blur = blurred_tiles(points, euclidean)
    run(tiles, blur, 0, probe)
    if doubts[:probe].mean() / TOGETHER > FEW_DOUBTS + len(points) / DOUBTFUL:
        tiles, blur, probe = tree[0], (1.0, 0.0, 0.0), 0
    if probe < blocks:
        run(tiles, blur, probe, blocks)


def _tree(points, planted, starts, euclidean, k, radius, counts):
    tasks = 8 * get_num_threads()
    order, tree = planted
    leaves = np.arange(len(tree[0]))
    joint = starts if euclidean else starts[[0, -1]]
    tree_radii(tree, order, leaves, joint, euclidean, k, tasks, radius, np.empty_like(leaves))
    if not len(counts):
        return
    widths = np.diff(starts)
    if (thin := np.flatnonzero(widths == 1)).size:
        line_counts(*_lines(points, starts[thin]), thin, euclidean, radius, counts)
    for part in np.flatnonzero(widths > 1):
        own = np.ascontiguousarray(points[:, starts[part] : starts[part + 1]])
        order, tree = plant(own) if len(widths) > 1 else planted
        tree_counts(tree, euclidean, radius, order, tasks, counts[part])


def _sort(points, euclidean, k, radius, counts):
    lines, orders = _lines(points, [0])
    line_radii(lines[0], orders[0], euclidean, k, radius)
    if len(counts):
        line_counts(lines, orders, np.array([0]), euclidean, radius, counts)


def _choose(points, planted, starts, euclidean, k):
    n, columns = points.shape
    if columns <= FEW_COLUMNS:
        return "tree"
    if n < MANY:
        return "brute"
    order, tree = planted
    which = np.linspace(0, len(tree[0]) - 1, SCOUTS).astype(np.int64)
    joint = starts if euclidean else starts[[0, -1]]
    scans = np.empty_like(which)
    tree_radii(tree, order, which, joint, euclidean, k, SCOUTS, np.empty(n), scans)
    everything = SCOUTS * DOUBLE_LANES * len(tree[0])
    return "tree" if scans.sum() < TREE_SHARE * everything else "brute"


def _search(points, starts, euclidean, k, radius, counts, path):
    if path == "sort" or (path is None and points.shape[1] == 1):
        _sort(points, euclidean, k, radius, counts)
        return "sort"
    planted = plant(points)
    path = path or _choose(points, planted, starts, euclidean, k)
    method = _tree if path == "tree" else _brute
    method(points, planted, starts, euclidean, k, radius, counts)
    return path


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
    starts = np.cumsum([0] + [part.shape[1] for part in parts])
    radius = np.empty(len(points))
    found = np.empty((len(parts) if counts else 0, len(points)), np.int64)
    threads = get_num_threads()
    try:
        if points.size < ALONE:
            set_num_threads(1)
        path = _search(points, starts, euclidean, k, radius, found, _path)
    finally:
        set_num_threads(threads)
    if euclidean:
        radius = np.sqrt(radius)
    return scaled(radius, exponent), found if counts else None, path
