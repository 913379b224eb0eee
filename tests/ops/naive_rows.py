"""Rows to codes, straight from the definition."""

import math


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
