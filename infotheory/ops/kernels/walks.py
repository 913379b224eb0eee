"""The nearest of each sample in a joint space, by a walk through its nearest in one variable.

The others come nearest first, and the walk ends where they are as far as the k nearest found in
both variables. How many were nearer is then known as well.
"""

import numpy as np
from numba import njit, prange

from infotheory.ops.kernels.gathers import named_lanes
from infotheory.ops.kernels.lanes import DOUBLE_LANES as LANES
from infotheory.ops.kernels.lanes import first_lane, lane_count, lanes_below
from infotheory.ops.kernels.nearest_lists import make_lists, rename
from infotheory.ops.kernels.tree import insert

EVERY_LANE = (1 << LANES) - 1
# Up to so many nearest, one more is put in its place without a branch that nobody can predict.
FEW = 8


@njit(cache=True)
def take(nearest, there):
    """Put a distance into the ascending list of the nearest, unless it is beyond the last."""
    if len(nearest) <= FEW:
        for rank in range(len(nearest)):
            here = nearest[rank]
            nearest[rank] = there if there < here else here
            there = here if there < here else there
    elif there < nearest[-1]:
        insert(nearest, there)


@njit(cache=True)
def choose(partners, first, last, reaches, strict, chosen):
    """Which samples reach at least as far as their partners (if strict: further), and how many.

    ``reaches`` are of this variable and of the other. Where both balls hold equally many samples,
    the wider is in the thinner region; the joint ball then holds fewer samples of that variable.
    """
    own, others = reaches
    many = 0
    for row in range(first, last):
        chosen[many] = row
        here, there = own[row], others[np.uint64(partners[row])]
        many += here > there if strict else here >= there
    return many


@njit(cache=True)
def bound_of(bounds, row, partner):
    """A distance below which, as a rule, the k nearest of a pair are; any number is right."""
    bound = bounds[0][row] * bounds[1][np.uint64(partner)]
    return bound if bound > 0.0 else np.inf


@njit(cache=True)
def bring(others, partners, which, mates):
    """Copy the partners of some samples."""
    columns = others.shape[1]
    for place in range(len(which)):
        row = np.uint64(partners[np.uint64(which[place])])
        if columns == 1:
            mates[place, 0] = others[row, 0]
        elif columns == 2:
            mates[place, 0], mates[place, 1] = others[row, 0], others[row, 1]
        else:
            for column in range(columns):
                mates[place, column] = others[row, column]


@njit(cache=True)
def walk_list(near, names, begin, end, mates, home, euclidean, bound, nearest, far):
    """The distance of the k-th nearest, and how many are nearer in the variable of the list.

    Looks for distances below the bound, and gives the bound if that are too few. The number is -1
    if the list ends too early.
    """
    nearest[:] = bound
    reach, at = bound, begin
    while at < end:
        found = named_lanes(mates, names, at, home, euclidean, reach, far)
        while found:
            lane = first_lane(found)
            found &= found - 1
            close = near[at + lane]
            take(nearest, far[lane] if far[lane] > close else close)
        reach = nearest[-1]
        within = lanes_below(near, at, reach)
        if within != EVERY_LANE:
            while within == 0 and at > begin:  # as far as the reach are some before, too
                at -= LANES
                within = lanes_below(near, at, reach)
            return reach, at - begin + lane_count(within)
        at += LANES
    return reach, -1


@njit(cache=True)
def walk_lists(lists, first, chosen, bounds, partners, mates, euclidean, work, radius, counts):
    """Walk through the lists of the chosen samples; what a list does not reach stays open: -1."""
    near, names, chunks, size, numbers = lists
    nearest, far = work
    for row in chosen:
        begin, home = (row - first) * size, numbers[row]
        end = begin + chunks[row - first] * LANES
        bound = bound_of(bounds, row, partners[row])
        reach, count = walk_list(
            near, names, begin, end, mates, home, euclidean, bound, nearest, far
        )
        if count >= 0 and reach == bound:
            reach, count = walk_list(
                near, names, begin, end, mates, home, euclidean, np.inf, nearest, far
            )
        radius[row] = reach if count >= 0 else -1.0
        counts[row] = count


@njit(parallel=True, cache=True)
def list_walks(
    tree, cuts, size, block, euclidean, k, strict, reaches, bounds, partners, others, radius, counts
):
    """Radii and counts (b, n) of those samples that reach furthest in this variable, else -1.

    The samples are in the order of the tree. ``reaches`` and ``bounds`` are of this and of the
    other variable; ``partners`` (b, n) are places in the other, whose samples are ``others``. A
    list holds ``size`` samples at most, and lists of ``block`` samples exist at a time.
    """
    n = len(cuts)
    for task in prange((n + block - 1) // block):
        first = np.int64(task) * block
        last = min(first + block, n)
        near, names = np.empty((last - first) * size), np.empty((last - first) * size, np.uint32)
        chunks = np.empty(last - first, np.int64)
        make_lists(tree, euclidean, first, last, cuts, size, near, names, chunks)
        which, numbers = rename(names, chunks, size, first, n, others.shape[1])
        lists = (near, names, chunks, size, numbers)
        mates, chosen = np.empty((len(which), others.shape[1])), np.empty(block, np.int64)
        work = (np.empty(k), np.empty(LANES))
        for b in range(len(partners)):
            radius[b, first:last] = -1.0
            counts[b, first:last] = -1
            many = choose(partners[b], first, last, reaches, strict, chosen)
            bring(others, partners[b], which, mates)
            walk_lists(
                lists,
                first,
                chosen[:many],
                bounds,
                partners[b],
                mates,
                euclidean,
                work,
                radius[b],
                counts[b],
            )
