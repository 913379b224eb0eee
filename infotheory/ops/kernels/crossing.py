"""Distances from points to their nearest samples of another set, by the tree of the samples."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit, prange

from infotheory.ops.kernels.lanes import DOUBLE_LANES as LANES
from infotheory.ops.kernels.neighbours import Samples
from infotheory.ops.kernels.tree import STACK, insert, plant


@njit(cache=True)
def gap(point, lower, upper, node, euclidean):
    """The distance (Euclidean: its square) from a point to a node's box.

    The same operations in the same order as for a sample, so that rounding cannot make it larger
    than the distance to a sample inside.
    """
    total = 0.0
    for column in range(len(point)):
        below, above = lower[node, column] - point[column], point[column] - upper[node, column]
        step = max(below, above, 0.0)
        if euclidean:
            total += step * step
        else:
            total = max(total, step)
    return total


@njit(cache=True)
def offer_leaf(point, tiles, leaf, euclidean, seen, nearest):
    """Put the samples of a leaf that are nearer than the last of the nearest into their list."""
    seen[:] = 0.0
    for column in range(len(point)):
        here = point[column]
        if euclidean:
            for lane in range(LANES):
                step = tiles[leaf, column, lane] - here
                seen[lane] += step * step
        else:
            for lane in range(LANES):
                seen[lane] = max(seen[lane], abs(tiles[leaf, column, lane] - here))
    last = len(nearest) - 1
    for lane in range(LANES):
        if seen[lane] < nearest[last]:  # never so for the padding, which is infinitely far
            insert(nearest, seen[lane])


@njit(cache=True)
def point_radii(point, tree, euclidean, nearest, stack, gaps, seen):
    """The distances from one point to its nearest samples, in order."""
    tiles, lower, upper, _, _ = tree
    nearest[:] = np.inf
    last = len(nearest) - 1
    stack[0, 0], stack[0, 1], stack[0, 2] = 1, 0, len(tiles)
    gaps[0] = 0.0
    waiting = 1
    while waiting:
        waiting -= 1
        node, begin, end = stack[waiting, 0], stack[waiting, 1], stack[waiting, 2]
        if gaps[waiting] >= nearest[last]:
            continue
        if end - begin == 1:
            offer_leaf(point, tiles, begin, euclidean, seen, nearest)
            continue
        middle = (begin + end + 1) // 2
        to_left = gap(point, lower, upper, 2 * node, euclidean)
        to_right = gap(point, lower, upper, 2 * node + 1, euclidean)
        # the nearer child last, so that it is taken first
        near = 1 if to_left <= to_right else 0
        left, right = waiting + near, waiting + 1 - near
        stack[left, 0], stack[left, 1], stack[left, 2] = 2 * node, begin, middle
        stack[right, 0], stack[right, 1], stack[right, 2] = 2 * node + 1, middle, end
        gaps[left], gaps[right] = to_left, to_right
        waiting += 2


@njit(parallel=True, cache=True)
def crossing_radii(points, order, tree, euclidean, k, tasks, radii):
    """For points in an order that keeps near ones together, the last ranks up to the k-th."""
    n, ranks = len(points), radii.shape[1]
    for task in prange(tasks):
        nearest = np.empty(k)
        stack = np.empty((STACK, 3), np.int64)
        gaps = np.empty(STACK)
        seen = np.empty(LANES)
        first, last = np.int64(task) * n // tasks, (np.int64(task) + 1) * n // tasks
        for place in range(first, last):
            row = order[place]
            point_radii(points[row], tree, euclidean, nearest, stack, gaps, seen)
            radii[row] = nearest[k - ranks :]


def cross_neighbours(
    points: Any, samples: Any, k: int, metric: str, *, every: bool = False
) -> np.ndarray:
    r"""Distance from each point to its k-th nearest sample; the points are no samples.

    .. math:: r_i = \text{k-th smallest over } j \text{ of } |x_i - y_j|

    Parameters
    ----------
    points, samples : arrays, shape (n, d) and (m, d)
        Finite; taken as float64.
    k : int
        At most m.
    metric : "chebyshev" or "euclidean"
    every : bool
        True gives the distances to the first, the second, ... and the k-th.

    Returns
    -------
    radius : float64 array, shape (n,), or (n, k) of every rank

    Notes
    -----
    Cost: O((n + m) log m) times a factor that grows fast with the columns, n m d at most. Memory:
    O((n + m) d).
    """
    both: Sequence[Any] = (points, samples)
    # Both in one array, since one power of two has to suit all.
    pooled = Samples([np.concatenate([np.asarray(x, dtype=np.float64) for x in both])], metric)
    n = len(points)
    own, others = pooled.points[:n], pooled.points[n:]
    radii = np.empty((n, k if every else 1))
    with pooled.threads() as threads:
        _, tree = plant(others)
        order, _ = plant(own)
        crossing_radii(own, order, tree, pooled.euclidean, k, 8 * threads, radii)
    return pooled.distances(radii if every else radii[:, 0])
