"""Neighbour counts of many pairings of the same two variables, for tests of independence.

What does not change with the pairing is found once: who is near whom within x, and within y. Of
independent variables the ball of the k-th joint neighbour holds about sqrt(k n) samples of each,
so each sample walks through so many of its nearest in one of the two, and looks at how far they
are in the other.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import get_num_threads, njit, prange, set_num_threads

from infotheory.ops.kernels.crossing import crossing_radii
from infotheory.ops.kernels.lanes import DOUBLE_LANES as LANES
from infotheory.ops.kernels.many_balls import tree_balls
from infotheory.ops.kernels.neighbours import Samples, neighbours
from infotheory.ops.kernels.tree import plant
from infotheory.ops.kernels.walks import list_walks, take

# How far around a sample sqrt(k n) others are is found from a part of the samples, in which it is
# the distance of about so manieth.
RANK = 8
# Lists aim at so many times sqrt(k n) samples, and have room for some more. Shorter ones end too
# early too often.
LENGTH = 2.75
ROOM = 1.3
# Samples whose lists are held together by a thread, and the entries of their lists.
BLOCK = 320
ENTRIES = 1 << 19
# Pairings taken together, which bounds the memory. Each time the lists and all distances within
# each variable are made anew, which pays from FEWEST pairings on, and one more for so many samples.
TOGETHER = 256
FEWEST = 16
PAYS = 400
# With more neighbours the walks take as long as the searches.
MOST = 64
# Entries of two columns up to which one thread searches: starting a second, again and again, costs
# more on a busy machine than it saves on a quiet one.
ALONE = 1 << 15
# Where more than one sample in so many is left by the walks, a search by tree is faster.
LEFT = 8


class Side(NamedTuple):
    """One variable: its samples in an order that keeps near ones together.

    `reaches` is about how far around each sample sqrt(k n) others are, `cuts` how far its list
    goes, and `growth` the power of the distance with which their number grows.
    """

    points: np.ndarray
    order: np.ndarray
    places: np.ndarray
    tree: tuple[np.ndarray, ...]
    reaches: np.ndarray
    cuts: np.ndarray
    growth: float


def one_side(points: np.ndarray, k: int, euclidean: bool) -> Side:
    """What is found once about one variable."""
    n, middle = len(points), math.sqrt(k * len(points))
    order, tree = plant(points)
    step = max(int(middle / RANK), 1)
    part = np.ascontiguousarray(points[order[::step]])
    near, far = (min(max(int(times * middle / step), 1), len(part)) for times in (1, LENGTH))
    ranks = np.empty((n, far))
    tasks = 8 * get_num_threads()
    crossing_radii(points, order, plant(part)[1], euclidean, far, tasks, ranks)
    reaches, cuts = ranks[order, near - 1], ranks[order, -1]
    sound = (reaches > 0.0) & (cuts > reaches)
    growth = math.nan
    if far > near and sound.any():
        logs = np.log(cuts[sound]) - np.log(reaches[sound])
        growth = float(math.log(far / near) / logs.mean())
    if not 0.1 < growth < 100.0:
        growth = float(points.shape[1])
    places = np.empty(n, np.int32)
    places[order] = np.arange(n, dtype=np.int32)
    ordered = np.ascontiguousarray(points[order])
    return Side(ordered, order, places, tree, reaches, np.nextafter(cuts, np.inf), growth)


@njit(parallel=True, cache=True)
def pair_up(orders, order, places, partners, inverse):
    """The place in y of the partner of each place in x, and the other way round."""
    for b in prange(len(orders)):
        for place in range(len(order)):
            partner = places[orders[b, order[place]]]
            partners[b, place] = partner
            inverse[b, partner] = place


@njit(parallel=True, cache=True)
def exchange(partners, radius, other_radius, left):
    """Give each pair the radius that one of its two samples found, and count those left."""
    for b in prange(len(partners)):
        for place in range(partners.shape[1]):
            partner = np.uint64(partners[b, place])
            here, there = radius[b, place], other_radius[b, partner]
            radius[b, place] = other_radius[b, partner] = max(here, there)
            left[b] += here < 0.0 and there < 0.0


@njit(cache=True)
def distance(points, one, other, euclidean):
    """The distance (Euclidean: its square) of two samples."""
    total = 0.0
    for column in range(points.shape[1]):
        step = abs(points[one, column] - points[other, column])
        total = total + step * step if euclidean else max(total, step)
    return total


@njit(parallel=True, cache=True)
def scan_left(points, others, partners, k, euclidean, radius, other_radius):
    """The radii that are still open, from the distances to all samples."""
    n = len(points)
    for b in prange(len(partners)):
        nearest = np.empty(k)
        for place in range(n):
            if radius[b, place] >= 0.0:
                continue
            nearest[:] = np.inf
            partner = partners[b, place]
            for other in range(n):
                there = distance(points, place, other, euclidean)
                if there < nearest[-1] and other != place:
                    far = distance(others, partner, partners[b, other], euclidean)
                    take(nearest, max(there, far))
            radius[b, place] = other_radius[b, partner] = nearest[-1]


@njit(parallel=True, cache=True)
def deliver(partners, order, counts, other_counts, answer):
    """The counts in the order of the rows of x."""
    for b in prange(len(partners)):
        for place in range(len(order)):
            answer[0, b, order[place]] = counts[b, place]
            answer[1, b, order[place]] = other_counts[b, np.uint64(partners[b, place])]


def permuted_counts(parts: Sequence[Any], k: int, metric: str, orders: np.ndarray) -> np.ndarray:
    r"""The counts of `neighbours` of x and y, with the rows of y in each of several orders.

    Parameters
    ----------
    parts : two arrays, of shapes (n, d_x) and (n, d_y)
    k : int
        Below n.
    metric : "chebyshev" or "euclidean"
    orders : int64 array, shape (b, n)
        Permutations of the rows of y.

    Returns
    -------
    counts : int64 array, shape (2, b, n)
        Equal to the bit to those of b calls of `neighbours`.

    Notes
    -----
    Cost: about b n sqrt(k n), and n^2 distances within x and within y for each 256 pairings; where
    b searches cost less (two columns, few pairings, large k), those. Memory, beside the counts: 32
    bytes for each sample and pairing, but for no more than 256 pairings, and for the lists of each
    thread some 10 MB.
    """
    answer = np.empty((2, *orders.shape), np.int64)
    alone = np.ones(len(orders), np.bool_)
    if _is_worth_lists(parts, k, len(orders)):
        samples = Samples(parts, metric)
        columns = np.split(samples.points, [samples.starts[1]], axis=1)
        sides = [one_side(np.ascontiguousarray(each), k, samples.euclidean) for each in columns]
        groups = -(-len(orders) // TOGETHER)
        for some in np.array_split(np.arange(len(orders)), groups):
            span = slice(some[0], some[-1] + 1)
            alone[span] = _together(sides, k, samples.euclidean, orders[span], answer[:, span])
    _search(parts, k, metric, orders, np.flatnonzero(alone), answer)
    return answer


def _is_worth_lists(parts: Sequence[Any], k: int, pairings: int) -> bool:
    """Whether a search for each pairing takes longer."""
    n = len(parts[0])
    flat = all(part.shape[1] == 1 for part in parts)  # searched in strips, faster than any list
    few = min(pairings, TOGETHER) < FEWEST + n // PAYS
    return not flat and not few and k <= MOST and LENGTH * math.sqrt(k * n) < n - 1


def _search(
    parts: Sequence[Any],
    k: int,
    metric: str,
    orders: np.ndarray,
    which: np.ndarray,
    answer: np.ndarray,
) -> None:
    """Fill in the counts of some pairings by a search for each."""
    x, y = parts
    before = get_num_threads()
    try:
        if x.shape[1] + y.shape[1] == 2 and x.size + y.size <= ALONE:
            set_num_threads(1)
        for b in which:
            answer[:, b] = neighbours([x, y[orders[b]]], k, metric)[1]
    finally:
        set_num_threads(before)


def _together(
    sides: list[Side], k: int, euclidean: bool, orders: np.ndarray, answer: np.ndarray
) -> np.ndarray:
    """Fill in the counts of several pairings, but for those that are better searched alone.

    Returns which those are.
    """
    x, y = sides
    partners = [np.empty(orders.shape, np.int32) for _ in sides]
    pair_up(orders, x.order, y.places, partners[0], partners[1])
    radius = [np.empty(orders.shape) for _ in sides]
    counts = [np.full(orders.shape, -1, np.int32) for _ in sides]
    for turn, (one, other) in enumerate(((x, y), (y, x))):
        _walk(one, other, turn == 1, k, euclidean, partners[turn], radius[turn], counts[turn])
    left = np.zeros(len(orders), np.int64)
    exchange(partners[0], radius[0], radius[1], left)
    alone = left > orders.shape[1] // LEFT
    for each in radius:
        each[alone] = 0.0
    if left.any():
        scan_left(x.points, y.points, partners[0], k, euclidean, radius[0], radius[1])
    for side, reach, count in zip(sides, radius, counts, strict=True):
        tree_balls(side.tree[0], euclidean, reach, 8 * get_num_threads(), count)
    deliver(partners[0], x.order, counts[0], counts[1], answer)
    return alone


def _walk(
    side: Side,
    other: Side,
    strict: bool,
    k: int,
    euclidean: bool,
    partners: np.ndarray,
    radius: np.ndarray,
    counts: np.ndarray,
) -> None:
    """The radii of those samples that reach furthest in one variable, and their counts in it."""
    n, middle = len(side.points), math.sqrt(k * len(side.points))
    # Numbers within a distance grow like the product of those in x and in y, and where that is
    # k the distance is the bound; k varies by its root, and the bound is to hold mostly.
    growth = side.growth + other.growth
    margin = 1.0 + 2.0 / k + 2.0 / math.sqrt(k)
    bounds = (
        side.reaches ** (side.growth / growth) * margin ** (1.0 / growth),
        other.reaches ** (other.growth / growth),
    )
    reaches = (side.reaches, other.reaches)
    size = LANES * math.ceil(min(ROOM * LENGTH * middle, n - 1) / LANES)
    block = min(BLOCK, n // (4 * get_num_threads()), ENTRIES // size)
    block = max(block // LANES, 1) * LANES
    list_walks(
        side.tree,
        side.cuts,
        size,
        block,
        euclidean,
        k,
        strict,
        reaches,
        bounds,
        partners,
        other.points,
        radius,
        counts,
    )
