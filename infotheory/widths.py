"""How wide a Gaussian kernel is: the rules that all methods with kernels share.

A width is always sigma in exp(-|u|^2 / (2 sigma^2)).
"""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from infotheory import checks, ops

__all__ = ["RULES", "kernel_width"]

RULES = ("median", "sqrt_dim", "knn", "silverman")
#: Neighbours of a sample whose distances make the width by "knn".
_NEAREST = 5


def kernel_width(width: Any, x: Any, name: str = "x") -> float:
    """The width of kernels around samples, in their units.

    Parameters
    ----------
    width : {"median", "sqrt_dim", "knn", "silverman"} or float
        "median": the median distance between rows, those that coincide left out. "sqrt_dim": the
        root of the number of columns. "knn": the root mean square distance to the 5 nearest
        neighbours. "silverman": (4 / (n (d + 2)))^(1 / (d + 4)) times the root mean variance of
        the columns. A number: the width itself.
    x : real array, shape (n, d)
        Samples that have been checked.
    name : str
        What messages call them.

    Returns
    -------
    float
        1 where all rows are the same (or there is only one) and a rule is asked for: kernels
        are then 1 for any width.

    Raises
    ------
    TypeError, ValueError
        For an unknown rule, a number that is not positive and finite, and where "knn" is 0
        because each row has 5 duplicates.

    Notes
    -----
    "sqrt_dim" alone does not follow the scale of x. Cost: O(n^2 d) time for "median", that of a
    neighbour search for "knn", O(n d) for the others; O(n d) memory.
    """
    if not isinstance(width, str):
        if isinstance(width, numbers.Real):
            return checks.number(width, "width", above=0.0)
        raise TypeError(
            f"width must be a positive number or one of {', '.join(map(repr, RULES))}; "
            f"got {type(width).__name__} {width!r}."
        )
    checks.choice(width, "width", RULES)
    n, d = x.shape
    engine = ops.of(x)
    _, log_deviations = engine.standardise(x)
    if not (log_deviations > -math.inf).any():
        return 1.0
    if width == "sqrt_dim":
        return math.sqrt(d)
    if width == "median":
        return engine.distance_quantile(x, 0.5)
    if width == "silverman":
        largest = log_deviations.max()  # taken out, so that no square overflows
        spread = float(np.sqrt(np.exp(2 * (log_deviations - largest)).mean()))
        return float((4 / (n * (d + 2))) ** (1 / (d + 4)) * spread * np.exp(largest))
    near = engine.neighbours([x], min(_NEAREST, n - 1), "euclidean", counts=False, every=True)
    largest = near.radius.max()
    if largest == 0:
        raise ValueError(
            f"width='knn' must find distances that are not 0, but every row of {name} has "
            f"{_NEAREST} duplicates; give a number, or width='median'."
        )
    return float(largest * np.sqrt(np.square(near.radius / largest).mean()))
