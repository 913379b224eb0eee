"""Columns of mean 0 and deviation 1, from sums that no order of the rows changes."""

import math

import numpy as np
from numba import njit

from infotheory.ops import ranges

cutters = njit(cache=True)(ranges.cutters)
far_exponent = njit(cache=True)(ranges.far_exponent)


@njit(cache=True)
def means(x, largest):
    """Means of columns whose entries are at most ``largest``, rounded only at the end."""
    n, columns = x.shape
    coarse, fine = np.empty(columns), np.empty(columns)
    sums, rests = np.zeros(columns), np.zeros(columns)
    for column in range(columns):
        coarse[column], fine[column] = cutters(largest[column], n)
    for row in range(n):
        for column in range(columns):
            value = x[row, column]
            leading = (value + coarse[column]) - coarse[column]
            sums[column] += leading
            rests[column] += ((value - leading) + fine[column]) - fine[column]
    return (sums + rests) / n


@njit(cache=True)
def extremes(x):
    """The smallest and the largest entry of each column."""
    lows, highs = x[0].copy(), x[0].copy()
    for row in range(1, len(x)):
        for column in range(x.shape[1]):
            lows[column] = min(lows[column], x[row, column])
            highs[column] = max(highs[column], x[row, column])
    return lows, highs


@njit(cache=True)
def standardise(x):
    """Each column with mean 0 and deviation 1, what it was, and times 2 to which power.

    A column of one value becomes 0, and has deviation 0.
    """
    n, columns = x.shape
    lows, highs = extremes(x)
    exponents, largest = np.empty(columns, np.int64), np.empty(columns)
    halves, rests = np.empty(columns), np.empty(columns)
    for column in range(columns):
        most = max(-lows[column], highs[column])
        exponent = far_exponent(most)
        # in two steps, since 2**1074 is no float64
        halves[column] = math.ldexp(1.0, -(exponent // 2))
        rests[column] = math.ldexp(1.0, exponent // 2 - exponent)
        exponents[column], largest[column] = exponent, most * halves[column] * rests[column]
    standard = x * halves * rests
    centres = means(standard, largest)
    for column in range(columns):
        if lows[column] == highs[column]:  # rounding of the mean is no deviation
            centres[column] = standard[0, column]
    squares = np.empty_like(x)
    for row in range(n):
        for column in range(columns):
            value = standard[row, column] - centres[column]
            standard[row, column], squares[row, column] = value, value * value
    deviations = np.sqrt(means(squares, 4 * largest * largest))
    standard /= np.where(deviations > 0, deviations, 1.0)
    return standard, deviations, exponents
