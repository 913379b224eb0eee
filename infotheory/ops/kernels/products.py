"""Euclidean radii of one variable by products of matrices: float32 filters, float64 decides."""

import math

import numpy as np
from numba import njit

from infotheory.ops.kernels.brute import distance
from infotheory.ops.kernels.lanes import SINGLE_LANES, first_lane, lanes_below
from infotheory.ops.kernels.threads import blas_threads, in_turns
from infotheory.ops.kernels.tree import insert

# Rows and columns of a tile of products, which stays in the second cache; whole vectors of columns.
HEIGHT, WIDTH = 128, 1024
# So many ranks get a first limit from the least of each lane.
RANKS = 8
# So many rows show whether float32 will do: not if a second look at more than FEW_DOUBTS and one
# distance in DOUBTFUL is needed, which costs more than is saved.
PROBE = 16
FEW_DOUBTS, DOUBTFUL = 16, 32


def product_radii(points: np.ndarray, k: int, radii: np.ndarray) -> bool:
    """Fill in the squared distances to the last ranks up to the k-th; False if that does not pay.

    Then float32 can tell few distances apart, since some sample is far from most.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    half = (high - low) / 2
    exponent = math.frexp(float(half.max()))[1]
    scale = math.ldexp(1.0, min(-exponent, 500))
    if not 0.0 < scale * scale < math.inf:
        return False
    short = ((points - (low + half)) * scale).astype(np.float32)
    lengths = np.square(short, dtype=np.float64).sum(axis=1)
    n, columns = short.shape
    # Entries are rounded, which moves a squared distance by 4 units of the two squared lengths
    # together at most; the sum of products adds as many units as columns, and sums another 4. All
    # is doubled, which pays for rounding lengths and limits too.
    slack = 1e-37 + 2 * (columns + 8) * 2.0**-24 * (lengths + lengths.max())
    lengths = lengths.astype(np.float32)
    samples = points, np.array([0, columns]), lengths, slack, scale * scale

    def work(first: int, last: int) -> int:
        rows = short[first:last]
        nearest = np.full((len(rows), k), np.inf)
        room = np.empty((len(rows), min(WIDTH, -(-n // SINGLE_LANES) * SINGLE_LANES)), np.float32)
        # The own tile comes first: where near samples are neighbours in the data, limits fall.
        whole, doubts = -(-n // WIDTH), 0
        for turn in range(whole):
            left = (first // WIDTH + turn) % whole * WIDTH
            there = short[left : left + WIDTH]
            np.matmul(rows, there.T, out=room[:, : len(there)])
            doubts += offer_products(room, len(there), samples, first, left, nearest)
        radii[first:last] = nearest[:, k - radii.shape[1] :]
        return doubts

    probe = min(PROBE, n)
    with blas_threads(1):
        doubts = work(0, probe)
    if doubts > probe * (FEW_DOUBTS + n / DOUBTFUL):
        return False
    ends = [*range(probe, n, HEIGHT), n]
    in_turns(lambda block: work(ends[block], ends[block + 1]), len(ends) - 1)
    return True


@njit(nogil=True, cache=True)
def lane_minima(line, lows):
    """The least of each lane of whole vectors."""
    lows[:] = np.inf
    for at in range(0, len(line), SINGLE_LANES):
        for lane in range(SINGLE_LANES):
            # where an index could be below zero, the loop would not become SIMD
            value, low = line[np.uint64(at) + np.uint64(lane)], lows[lane]
            lows[lane] = value if value < low else low


@njit(nogil=True, cache=True)
def rough_limit(line, lows, rough):
    """A limit that as many values of the line as ``rough`` has ranks do not exceed, and few more.

    They are the least of lanes, each of another lane.
    """
    parts, vectors = -(-len(rough) // RANKS), len(line) // SINGLE_LANES
    rough[:] = np.inf
    for part in range(parts):
        first, last = vectors * part // parts, vectors * (part + 1) // parts
        lane_minima(line[first * SINGLE_LANES : last * SINGLE_LANES], lows)
        for low in lows:
            if low < rough[-1]:
                insert(rough, low)
    return rough[-1]


@njit(nogil=True, cache=True)
def offer_products(products, columns, samples, first, left, nearest):
    """Take the samples from ``left`` on into the nearest of some rows, if float64 agrees.

    ``products`` of the rows with those samples become squared distances. Returns how many looked
    near enough and were not.
    """
    points, starts, lengths, slack, scale = samples
    others = lengths[left : left + columns]
    doubts, k = 0, nearest.shape[1]
    rough, lows = np.empty(k), np.empty(SINGLE_LANES, np.float32)
    for r in range(len(products)):
        row, line = first + r, products[r]
        own, more = lengths[row], slack[row]
        for c in range(columns):
            line[c] = (own + others[c]) - np.float32(2.0) * line[c]
        line[columns:] = np.inf
        if left <= row < left + columns:
            line[row - left] = np.inf
        bound = np.inf
        if nearest[r, k - 1] == np.inf:  # or all of the first lanes would get a second look
            bound = rough_limit(line, lows, rough) + 2 * more
        limit = min(bound, nearest[r, k - 1] * scale + more)
        for at in range(0, len(line), SINGLE_LANES):
            found = lanes_below(line, at, limit)
            while found:
                other = left + at + first_lane(found)
                found &= found - 1
                there = distance(points, row, other, starts, 0, 1, True)
                if there < nearest[r, k - 1]:
                    insert(nearest[r], there)
                    limit = min(bound, nearest[r, k - 1] * scale + more)
                    found &= lanes_below(line, at, limit)
                else:
                    doubts += 1
    return doubts
