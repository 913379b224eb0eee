"""Sums of the Gaussian mixture around samples, straight from the definition."""

import math


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
