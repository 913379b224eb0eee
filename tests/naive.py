"""Each primitive once more, straight from its definition, in plain Python or numpy."""

import math
from fractions import Fraction

import numpy as np

# ---- Rows to codes.


def symbol(value, edges, low, step, bins):
    if edges is not None:
        return sum(edge <= float(value) for edge in edges)
    if step is not None:
        place = math.floor((float(value) - low) / step)
        return place if bins is None else min(place, bins - 1)
    return value


def row_codes(rows, edges=None, low=0.0, step=None, bins=None):
    """`rows` is a list of lists of Python numbers, for which -0.0 and 0.0 are the same key."""
    known = {}
    codes = []
    for row in rows:
        key = tuple(symbol(value, edges, low, step, bins) for value in row)
        codes.append(known.setdefault(key, len(known)))
    return codes, len(known)


# ---- Sums of the Gaussian mixture around samples.


def squared_distance(a, b):
    return math.fsum((s - t) ** 2 for s, t in zip(a, b, strict=True))


def log_sums(x, scale, classes=None):
    """ln sum_j exp(-|x_i - x_j|^2 / scale) for lists of lists; j of i's class if there are any.

    The own term is the 1 of log1p, so that small sums of the others keep their digits.
    """
    logs = []
    for i, a in enumerate(x):
        others = [
            math.exp(-squared_distance(a, b) / scale)
            for j, b in enumerate(x)
            if j != i and (classes is None or classes[i] == classes[j])
        ]
        logs.append(math.log1p(math.fsum(others)))
    return logs


def density_log(x, points, variance):
    logs = []
    for p in points:
        exponents = [-squared_distance(p, a) / (2 * variance) for a in x]
        top = max(exponents)
        logs.append(top + math.log(math.fsum(math.exp(e - top) for e in exponents) / len(x)))
    return logs


def kernel_log_sums(x, variance):
    """ln sum over the other j of exp(-|x_i - x_j|^2 / (2 variance)), shifted by the largest."""
    logs = []
    for i, a in enumerate(x):
        exponents = [-squared_distance(a, b) / (2 * variance) for j, b in enumerate(x) if j != i]
        top = max(exponents)
        logs.append(top + math.log(math.fsum(math.exp(e - top) for e in exponents)))
    return logs


# ---- Radii and counts of nearest neighbours.


def power_of_two(parts, metric):
    """Exponent by which to shrink so that no distance, squared or not, overflows or vanishes."""
    largest = max(abs(v) for part in parts for row in part for v in row)
    exponent = math.frexp(largest)[1]
    if metric == "euclidean":
        return exponent if abs(exponent) > 256 else 0
    return exponent if exponent > 1000 else 0


def distance(a, b, metric):
    if metric == "chebyshev":
        return max(abs(u - v) for u, v in zip(a, b, strict=True))
    total = 0.0
    for u, v in zip(a, b, strict=True):
        total += (u - v) * (u - v)
    return total  # squared: ties are ties of the squares


def neighbours(parts, k, metric):
    """Lists: the distance to the k-th nearest other row, and strictly nearer rows by part."""
    parts = [[[float(v) for v in row] for row in part] for part in parts]
    exponent = power_of_two(parts, metric)
    parts = [[[math.ldexp(v, -exponent) for v in row] for row in part] for part in parts]
    n = len(parts[0])
    radius, counts = [], [[] for _ in parts]
    for i in range(n):
        others = [j for j in range(n) if j != i]
        table = [{j: distance(part[i], part[j], metric) for j in others} for part in parts]
        reach = sorted(max(row[j] for row in table) for j in others)[k - 1]
        for found, row in zip(counts, table, strict=True):
            found.append(sum(row[j] < reach for j in others))
        radius.append(math.ldexp(math.sqrt(reach) if metric == "euclidean" else reach, exponent))
    return radius, counts


def distances(parts, metric):
    """(parts, n, n) all distances within each part, which neither overflow nor vanish."""
    exponent = power_of_two(parts, metric)
    tables = []
    for part in parts:
        table = np.zeros((len(part), len(part)))
        for column in np.ldexp(np.asarray(part, dtype=float), -exponent).T:
            gap = np.abs(column[:, None] - column[None, :])
            table = np.maximum(table, gap) if metric == "chebyshev" else table + gap * gap
        root = np.sqrt(table) if metric == "euclidean" else table
        tables.append(np.ldexp(root, exponent))
    return np.array(tables)


def to_others(parts, metric):
    """(n, n) the largest distance over parts; infinite from a sample to itself."""
    joint = distances(parts, metric).max(axis=0)
    np.fill_diagonal(joint, np.inf)
    return joint


def nearest(parts, k, metric):
    """(n, k) the distances to the first, ... and the k-th nearest other sample."""
    return np.sort(to_others(parts, metric), axis=1)[:, :k]


def nearer(parts, radius, metric):
    """(n,) how many others are nearer in all parts."""
    return (to_others(parts, metric) < radius[:, None]).sum(axis=1)


def extents(parts, radius, metric):
    """(parts, n) the largest distance within each part of those within the radius."""
    inside = to_others(parts, metric) <= radius[:, None]
    return np.where(inside, distances(parts, metric), 0.0).max(axis=2)


# ---- Sums of kernels, and distances, over all pairs.


def kernel_row_sums(points, samples):
    """ln sum_j exp(-|p - s_j|^2 / 2) in each part and, of several, in all together."""
    exponents = [
        np.array([[-squared_distance(p, s) / 2 for s in around] for p in near])
        for near, around in zip(points, samples, strict=True)
    ]
    if len(exponents) > 1:
        exponents.append(sum(exponents))
    return [[_log_of_sum(line) for line in part.tolist()] for part in exponents]


def _log_of_sum(exponents):
    top = max(exponents)
    return top + math.log(math.fsum(math.exp(e - top) for e in exponents))


def distance_quantile(rows, quantile):
    """Of all distances but zeros, to full precision."""
    found = sorted(
        math.dist(a, b) for i, a in enumerate(rows) for b in rows[:i] if math.dist(a, b) > 0
    )
    return found[max(1, math.ceil(quantile * len(found))) - 1]


def cost_on_a_line(x, y, order):
    """The mean of |difference|^order of quantiles: one sample fills the other in order."""
    x, y = sorted(map(float, x)), sorted(map(float, y))
    left, right = Fraction(1, len(x)), Fraction(1, len(y))
    i = j = 0
    total = 0.0
    while i < len(x) and j < len(y):
        moved = min(left, right)
        total += float(moved) * abs(x[i] - y[j]) ** order
        left, right = left - moved, right - moved
        if left == 0:
            i, left = i + 1, Fraction(1, len(x))
        if right == 0:
            j, right = j + 1, Fraction(1, len(y))
    return total


def combined(parts, matrix):
    rows = [[float(v) for part in parts for v in part[i]] for i in range(len(parts[0]))]
    columns = list(zip(*matrix.tolist(), strict=True))
    return [[math.fsum(map(float.__mul__, row, column)) for column in columns] for row in rows]
