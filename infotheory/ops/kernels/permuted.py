"""Neighbour counts of many pairings of the same two variables, for tests of independence.

What does not change with the pairing is found once: how far the others are from each sample within
x, and within y. A pairing then needs only its joint neighbours; the counts are looked up.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange

from infotheory.ops.kernels.neighbours import Samples, neighbours, search

# The largest radius of so many pairings, with a margin, is how far the list of a sample reaches;
# where it does not suffice, all distances are looked at.
TRIALS = 6
MARGIN = 1.5
# A list is kept in so many classes of distance, within which it has no order.
CLASSES = 32
# All distances within each variable take longer than the searches, once there are too many.
MANY = 10_000


@njit(cache=True)
def class_of(there, cut, power):
    """The class of a distance, which never falls as the distance grows.

    The power makes classes of about equally many samples.
    """
    share = there / cut
    raised = share
    for _ in range(1, power):
        raised *= share
    return min(np.int64(raised * CLASSES), CLASSES - 1)


@njit(cache=True)
def distances_to(columns, row, euclidean, away):
    """Distances (Euclidean: squares) of a row to all; infinite to itself, which is no neighbour."""
    away[:] = 0.0
    for c in range(len(columns)):
        column = columns[c]
        here = column[row]
        if euclidean:
            for j in range(len(away)):
                step = column[j] - here
                away[j] += step * step
        else:
            for j in range(len(away)):
                step = abs(column[j] - here)
                away[j] = step if step > away[j] else away[j]
    away[row] = np.inf


@njit(cache=True)
def make_list(columns, row, euclidean, cut, power, away, found, firsts, near):
    """The distances below the cut of a row to the others, by classes that begin at ``firsts``."""
    distances_to(columns, row, euclidean, away)
    size = 0
    for j in range(len(away)):
        found[size] = j
        size += away[j] < cut
    firsts[:] = 0
    for place in range(size):
        firsts[class_of(away[found[place]], cut, power) + 1] += 1
    for c in range(CLASSES):
        firsts[c + 1] += firsts[c]
    for place in range(size):
        c = class_of(away[found[place]], cut, power)
        near[firsts[c]] = away[found[place]]
        firsts[c] += 1
    firsts[1:] = firsts[:-1].copy()
    firsts[0] = 0


@njit(cache=True)
def count_below(firsts, near, cut, power, away, limit):
    """How many others are nearer than the limit, by the list of a row or its distances."""
    if limit > cut:
        count = 0
        for there in away:
            count += there < limit
        return count
    if limit <= 0.0:
        return 0
    c = class_of(limit, cut, power)
    count = firsts[c]
    for place in range(firsts[c], firsts[c + 1]):
        count += near[place] < limit
    return count


@njit(parallel=True, cache=True)
def list_counts(columns, euclidean, cuts, tasks, radius, counts):
    """How many others are nearer to each row than each of its radii, (n, radii)."""
    n = columns.shape[1]
    # A list grows with the distance like the power of its columns; a square is a power already.
    power = min(max(len(columns) // (2 if euclidean else 1), 1), 4)
    for task in prange(tasks):
        away, near, found = np.empty(n), np.empty(n), np.empty(n, np.uint32)
        firsts = np.empty(CLASSES + 1, np.int64)
        for row in range(np.int64(task), n, tasks):
            cut = cuts[row]
            make_list(columns, row, euclidean, cut, power, away, found, firsts, near)
            for place in range(radius.shape[1]):
                limit = radius[row, place]
                counts[row, place] = count_below(firsts, near, cut, power, away, limit)


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
    Cost: b searches for joint neighbours, and n^2 distances within x and within y, once. Memory:
    40 bytes for each of the b n counts.
    """
    x, y = parts
    if len(x) > MANY:
        return np.array([neighbours([x, y[order]], k, metric)[1] for order in orders]).swapaxes(
            0, 1
        )
    samples = Samples(parts, metric)
    columns = np.split(np.ascontiguousarray(samples.points.T), [x.shape[1]])
    radius = np.empty((*orders.shape, 1))
    nobody = np.empty((0, len(x)), np.int64)
    for order, radii in zip(orders, radius, strict=True):
        points = np.concatenate([columns[0], columns[1][:, order]]).T
        with samples.threads():
            search(
                np.ascontiguousarray(points), samples.starts, samples.euclidean, k, radii, nobody
            )
    radius = radius[:, :, 0]
    inverse = np.argsort(orders, axis=1)
    counts = [
        _counted(columns[0], radius, samples.euclidean),
        _counted(columns[1], np.take_along_axis(radius, inverse, axis=1), samples.euclidean),
    ]
    return np.stack([counts[0], np.take_along_axis(counts[1], orders, axis=1)])


def _counted(columns: np.ndarray, radius: np.ndarray, euclidean: bool) -> np.ndarray:
    """How many others are nearer to each row, in one variable, than its radius in each pairing."""
    by_row = np.ascontiguousarray(radius.T)  # the radii of a row side by side
    counts = np.empty(by_row.shape, np.int64)
    cuts = MARGIN * by_row[:, :TRIALS].max(axis=1)
    list_counts(columns, euclidean, cuts, 8 * get_num_threads(), by_row, counts)
    return counts.T
