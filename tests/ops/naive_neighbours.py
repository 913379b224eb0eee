"""Radii and counts of nearest neighbours straight from the definition, in plain Python."""

import math


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
