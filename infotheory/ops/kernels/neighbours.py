"""Radii and counts of nearest neighbours: sorted lines, and the choice between the paths."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import get_num_threads, set_num_threads

from infotheory.ops.kernels.balls import tree_counts, tree_extents
from infotheory.ops.kernels.brute import TOGETHER, blurred_tiles, brute
from infotheory.ops.kernels.lanes import DOUBLE_LANES
from infotheory.ops.kernels.lines import line_counts, line_radii, sorted_lines
from infotheory.ops.kernels.products import product_radii
from infotheory.ops.kernels.strips import strip_radii
from infotheory.ops.kernels.tree import plant, tree_radii
from infotheory.ops.ranges import is_euclidean, limits, room_exponent, scaled

# Blocks of samples tried in float32. When, by sample, more than FEW_DOUBTS and one distance in
# DOUBTFUL needed a second look (data on a grid, an outlier that coarsens the scale), float64 tiles
# are faster.
PROBE = 4
DOUBTFUL = 64
FEW_DOUBTS = 8
# A tree is taken up to FEW_COLUMNS: on normal samples, n = 300 to 30,000, it and brute force cross
# at 8 to 16 (benchmarks/paths.py). With more it still wins, by up to 14 times, where the samples
# fill fewer dimensions than they have columns, as activations do: some leaves scout, and where they
# look at less than TREE_SHARE of the samples (the times cross at .2 Euclidean, .3 Chebyshev), the
# tree is taken. Below MANY samples a scout costs more than it can save; there, where nothing is
# counted, the tree is as good as brute force on normal samples too up to FEW_SAMPLES.
FEW_COLUMNS = 8
SCOUTS = 8
TREE_SHARE = 0.25
FEW_SAMPLES, MANY = 1200, 2000
# Columns from which products of matrices are faster than differences.
MANY_COLUMNS = 32
# Entries below which one thread does all: starting a second costs more on a busy machine.
ALONE = 4096


def _brute(points, planted, starts, euclidean, k, radii, counts):
    if _by_products(points, starts, euclidean, k, radii, counts):
        return
    order, tree = planted  # an order that puts near samples together lets most tiles end early
    points = points[order]
    if not len(counts) and not euclidean:
        starts = starts[[0, -1]]  # the largest over parts is one norm of all columns
    blocks = -(-len(points) // TOGETHER)
    probe = min(PROBE, blocks)
    doubts = np.empty(blocks, np.int64)

    def run(tiles, blur, first, last):
        tasks = min(4 * get_num_threads(), last - first)
        answer = (order, radii, counts, doubts)
        brute(points, tiles, starts, euclidean, k, blur, (first, last), tasks, *answer)

    tiles, blur = blurred_tiles(points, euclidean)
    run(tiles, blur, 0, probe)
    if doubts[:probe].mean() / TOGETHER > FEW_DOUBTS + len(points) / DOUBTFUL:
        tiles, blur, probe = tree[0], (1.0, 0.0, 0.0), 0
    if probe < blocks:
        run(tiles, blur, probe, blocks)


def _by_products(points, starts, euclidean, k, radii, counts):
    """False if that does not pay, or is not what is asked for."""
    alone = euclidean and not len(counts) and len(starts) == 2
    return alone and points.shape[1] >= MANY_COLUMNS and product_radii(points, k, radii)


def _tree(points, planted, starts, euclidean, k, radii, counts):
    tasks = 8 * get_num_threads()
    order, tree = planted
    leaves = np.arange(len(tree[0]))
    joint = starts if euclidean else starts[[0, -1]]
    tree_radii(tree, order, leaves, joint, euclidean, k, tasks, radii, np.empty_like(leaves))
    if not len(counts):
        return
    radius = np.ascontiguousarray(radii[:, -1])
    widths = np.diff(starts)
    if (thin := np.flatnonzero(widths == 1)).size:
        lines, orders, *_ = sorted_lines(points, starts[thin])
        line_counts(lines, orders, thin, euclidean, radius, tasks, counts)
    for part in np.flatnonzero(widths > 1):
        own = np.ascontiguousarray(points[:, starts[part] : starts[part + 1]])
        order, tree = plant(own) if len(widths) > 1 else planted
        whole = np.array([0, widths[part]])
        tree_counts(tree, whole, euclidean, radius, order, tasks, counts[part])


def _sort(points, euclidean, k, radii, counts):
    lines, orders, *_ = sorted_lines(points, [0])
    line_radii(lines[0], orders[0], euclidean, k, radii)
    if len(counts):
        tasks, radius = 8 * get_num_threads(), np.ascontiguousarray(radii[:, -1])
        line_counts(lines, orders, np.array([0]), euclidean, radius, tasks, counts)


def _strips(points, starts, euclidean, k, radii, counts, patient):
    """False if that was too much work."""
    tasks = 8 * get_num_threads()
    lines, orders, *more = sorted_lines(points, [0, 1])
    norm = euclidean, len(starts) == 2
    if not strip_radii(lines, orders, *more, norm, k, patient, tasks, radii):
        return False
    if len(counts):
        radius = np.ascontiguousarray(radii[:, -1])
        line_counts(lines, orders, np.arange(2), euclidean, radius, tasks, counts)
    return True


def _choose(points, planted, starts, euclidean, k, counted):
    n, columns = points.shape
    if columns <= FEW_COLUMNS or (n < FEW_SAMPLES and not counted):
        return "tree"
    if n < MANY:
        return "brute"
    order, tree = planted
    which = np.linspace(0, len(tree[0]) - 1, SCOUTS).astype(np.int64)
    joint = starts if euclidean else starts[[0, -1]]
    scans = np.empty_like(which)
    tree_radii(tree, order, which, joint, euclidean, k, SCOUTS, np.empty((n, 1)), scans)
    everything = SCOUTS * DOUBLE_LANES * len(tree[0])
    return "tree" if scans.sum() < TREE_SHARE * everything else "brute"


def search(points, starts, euclidean, k, radii, counts, path=None):
    """Fill radii and, where they have rows, counts, in the units of the kernels."""
    if path == "sort" or (path is None and points.shape[1] == 1):
        _sort(points, euclidean, k, radii, counts)
        return "sort"
    flat = points.shape[1] == 2 and (len(counts) != 1 or len(starts) == 3)
    if (path == "strips" or (path is None and flat)) and _strips(
        points, starts, euclidean, k, radii, counts, path is not None
    ):
        return "strips"
    few = path is None and len(points) < MANY  # whom a tree would cost more than it can save
    if few and _by_products(points, starts, euclidean, k, radii, counts):
        return "brute"
    planted = plant(points)
    path = path or _choose(points, planted, starts, euclidean, k, bool(len(counts)))
    method = _tree if path == "tree" else _brute
    method(points, planted, starts, euclidean, k, radii, counts)
    return path


class Samples:
    """All columns side by side within the range of float64, and where each part starts."""

    def __init__(self, parts: Sequence[Any], metric: str) -> None:
        points = np.ascontiguousarray(np.concatenate(parts, axis=1), dtype=np.float64)
        self.euclidean = is_euclidean(metric, [part.shape[1] for part in parts])
        self.exponent = room_exponent(float(np.abs(points).max()), self.euclidean)
        self.points = scaled(points, -self.exponent)
        self.starts = np.cumsum([0] + [part.shape[1] for part in parts])

    def limits(self, radius: np.ndarray) -> np.ndarray:
        """The radii in the units of the kernels, whose Euclidean distances are squares."""
        return limits(radius, self.exponent, self.euclidean)

    def distances(self, found: np.ndarray) -> np.ndarray:
        """Distances from those of the kernels."""
        return scaled(np.sqrt(found) if self.euclidean else found, self.exponent)

    @contextmanager
    def threads(self) -> Iterator[int]:
        """As many threads as the work is worth; gives their number."""
        before = get_num_threads()
        try:
            if self.points.size < ALONE:
                set_num_threads(1)
            yield get_num_threads()
        finally:
            set_num_threads(before)


def neighbours(
    parts: Sequence[Any],
    k: int,
    metric: str,
    counts: bool = True,
    *,
    every: bool = False,
    _path: str | None = None,
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
    every : bool
        True gives the distances to the first, the second, ... and the k-th neighbour.

    Returns
    -------
    radius : float64 array, shape (n,), or (n, k) of every rank
    counts : int64 array, shape (parts, n), or None
    path : "sort", "strips", "tree" or "brute"
        The algorithm taken. They agree to the bit, ties and duplicates included: whoever is as
        far as the radius is not counted, so a radius of 0 counts nobody.

    Notes
    -----
    Cost: "sort" (one column) O(n log n); "tree" O(n log n) times a factor that grows fast with
    the columns; "brute" n^2 times the columns. Memory: O(n) times the columns and the threads.
    """
    samples = Samples(parts, metric)
    radii = np.empty((len(samples.points), k if every else 1))
    found = np.empty((len(parts) if counts else 0, len(samples.points)), np.int64)
    with samples.threads():
        path = search(samples.points, samples.starts, samples.euclidean, k, radii, found, _path)
    radii = samples.distances(radii if every else radii[:, 0])
    return radii, found if counts else None, path


def nearer(parts: Sequence[Any], radius: np.ndarray, metric: str) -> np.ndarray:
    r"""How many other samples are nearer than a radius of each sample's own.

    .. math:: c_i = \#\{j \ne i : \max_p d_p(i, j) < r_i\}

    Parameters
    ----------
    parts, metric
        As for `neighbours`.
    radius : float64 array, shape (n,)
        Not negative. The next float64 above a distance counts those at that distance too.

    Returns
    -------
    counts : int64 array, shape (n,)

    Notes
    -----
    Cost: O(n log n) for one column, else that times a factor that grows with the columns.
    """
    samples = Samples(parts, metric)
    counts = np.empty((1, len(radius)), np.int64)
    reach = samples.limits(radius)
    with samples.threads() as threads:
        if samples.points.shape[1] == 1:
            lines, orders, *_ = sorted_lines(samples.points, [0])
            which, tasks = np.array([0]), 8 * threads
            line_counts(lines, orders, which, samples.euclidean, reach, tasks, counts)
        else:
            order, tree = plant(samples.points)
            starts = samples.starts if samples.euclidean else samples.starts[[0, -1]]
            tree_counts(tree, starts, samples.euclidean, reach, order, 8 * threads, counts[0])
    return counts[0]


def extents(parts: Sequence[Any], radius: np.ndarray, metric: str) -> np.ndarray:
    r"""How far, in each part, the samples within a radius of each sample's own reach.

    .. math:: e_{p,i} = \max \{d_p(i, j) : j \ne i, \max_q d_q(i, j) \le r_i\}

    Parameters
    ----------
    parts, metric
        As for `neighbours`.
    radius : float64 array, shape (n,)
        Distances to neighbours, as `neighbours` gives them.

    Returns
    -------
    extents : float64 array, shape (parts, n)
        Zero where nobody is within the radius.

    Notes
    -----
    Cost: as one more search for neighbours. Samples at the radius are all taken, so that ties
    need no rule of their own.
    """
    samples = Samples(parts, metric)
    order, tree = plant(samples.points)
    found = np.empty((len(parts), len(radius)))
    reach = samples.limits(np.nextafter(radius, np.inf))
    with samples.threads() as threads:
        tree_extents(tree, samples.starts, samples.euclidean, reach, order, 8 * threads, found)
    return samples.distances(found)
