"""How wide a Gaussian kernel is: the rules that all methods with kernels share.

A width is always sigma in exp(-|u|^2 / (2 sigma^2)).
"""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from infotheory import checks, label_checks, ops
from infotheory.ops.ranges import scaled, shrink_exponent

__all__ = [
    "RULES",
    "aligned_width",
    "as_double",
    "in_widths",
    "kernel_width",
    "kernel_widths",
    "pooled",
]

RULES = ("median", "sqrt_dim", "knn", "silverman")
#: Neighbours of a sample whose distances make the width by "knn".
_NEAREST = 5
#: Distances, in widths, whose squares are still numbers.
_FARTHEST = 1e150
#: Distances from the centre, in widths, up to which float32 keeps kernels to five digits.
_FARTHEST_SINGLE = 256.0


def kernel_width(width: Any, x: Any, name: str = "x", option: str = "width") -> float:
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
    name, option : str
        What messages call them, and the width.

    Returns
    -------
    float
        1 where all rows are the same (or there is only one) and a rule is asked for: kernels
        are then 1 for any width.

    Raises
    ------
    TypeError, ValueError
        For an unknown rule, a number that is not positive and finite, where "knn" is 0 because
        each row has 5 duplicates, and where distances are beyond the largest float64.

    Notes
    -----
    "sqrt_dim" alone does not follow the scale of x. Cost: O(n^2 d) time for "median", that of a
    neighbour search for "knn", O(n d) for the others; O(n d) memory.
    """
    if not isinstance(width, str):
        if isinstance(width, numbers.Real):
            return checks.number(width, option, above=0.0)
        raise TypeError(
            f"{option} must be a positive number or one of {', '.join(map(repr, RULES))}; "
            f"got {type(width).__name__} {width!r}."
        )
    checks.choice(width, option, RULES)
    n, d = x.shape
    engine = ops.of(x)
    _, log_deviations = engine.standardise(x)
    if not (log_deviations > -math.inf).any():
        return 1.0
    if width == "sqrt_dim":
        return math.sqrt(d)
    if width in ("median", "knn") and (log_deviations == -math.inf).any():
        # Columns of one value change no distance, but huge ones would hide the others.
        x = x[:, np.flatnonzero(log_deviations > -math.inf)]
        x = x.contiguous() if checks.is_tensor(x) else np.ascontiguousarray(x)
    if width == "median":
        with np.errstate(over="ignore"):
            return _finite(engine.distance_quantile(x, 0.5), width, name, option)
    if width == "silverman":
        largest = log_deviations.max()  # taken out, so that no square overflows
        spread = float(np.sqrt(np.exp(2 * (log_deviations - largest)).mean()))
        found = float((4 / (n * (d + 2))) ** (1 / (d + 4)) * spread * np.exp(largest))
        return _finite(found, width, name, option)
    with np.errstate(over="ignore"):
        near = engine.neighbours([x], min(_NEAREST, n - 1), "euclidean", counts=False, every=True)
    largest = near.radius.max()
    if largest == 0:
        raise ValueError(
            f"{option}='knn' must find distances that are not 0, but every row of {name} has "
            f"{_NEAREST} duplicates; give a number, or 'median'."
        )
    _finite(float(largest), width, name, option)
    return float(largest * np.sqrt(np.square(near.radius / largest).mean()))


def _finite(found: float, rule: str, name: str, option: str) -> float:
    """Kernels of an infinite width would be 1 for all pairs, which says nothing of the samples."""
    if math.isinf(found):
        raise ValueError(
            f"{option}={rule!r} must find distances that are numbers, but those of {name} are "
            f"beyond the largest float64; divide {name} by 2 ** 10."
        )
    return found


def kernel_widths(width: Any, arrays: Mapping[str, Any]) -> tuple[float, ...]:
    """The widths of several variables: one rule or number for all, or a sequence of one for each.

    Parameters
    ----------
    width : str, float, or sequence of these
        As `kernel_width` takes them.
    arrays : mapping of real arrays, each of shape (n, d)
        The variables by name.

    Returns
    -------
    tuple of float

    Raises
    ------
    TypeError, ValueError
        As `kernel_width`; and for a sequence of another length.
    """
    if not isinstance(width, (tuple, list)):
        width = [width] * len(arrays)
    if len(width) != len(arrays):
        raise ValueError(
            f"width must be one, or one for each of {', '.join(arrays)}; got {len(width)}."
        )
    return tuple(
        kernel_width(each, x, name) for each, (name, x) in zip(width, arrays.items(), strict=True)
    )


def aligned_width(x: Any, labels: Any, *, candidates: int = 75) -> float:
    r"""The width whose kernel looks most like that of a label.

    .. math:: \sigma^* = \arg\max_\sigma \frac{\sum_{ij} K_{ij} [y_i = y_j]}
        {\sqrt{\sum_{ij} K_{ij}^2} \sqrt{\sum_{ij} [y_i = y_j]}}, \qquad
        K_{ij} = e^{-|x_i - x_j|^2 / 2 \sigma^2}

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        Samples, for example a layer.
    labels : integers or strings, shape (n,)
        Their classes.
    candidates : int
        Widths that are tried, evenly on a logarithmic scale from 1/10 to 10 median distances.

    Returns
    -------
    float
        For ``width=``. 1 where all rows are the same.

    Raises
    ------
    TypeError, ValueError
        If x does not hold finite real numbers or labels no labels, or their lengths differ.

    Notes
    -----
    The width depends on the labels: an information about these same labels that is measured with
    it is partly imposed, and rises and falls with the search. Report the rule, or use one that
    knows no labels, "median" for example. Cost: O(n^2 d) time for each candidate, O(n d) memory.

    References
    ----------
    Wickstroem et al., Entropy 25 (2023) 899, doi:10.3390/e25060899; alignment: Cristianini et al.,
    NIPS 14 (2001), ISBN 0-262-04208-8.
    """
    x, codes = checks.real(x, "x"), label_checks.codes(labels, "labels")
    checks.same_length(x=x, labels=codes)
    checks.integer(candidates, "candidates", low=2)
    codes = ops.of(codes).row_codes(codes)
    typical = kernel_width("median", x)
    classes = [np.flatnonzero(codes == code) for code in range(int(codes.max()) + 1)]

    def alignment(sigma: float) -> float:
        (scaled,) = in_widths((x,), sigma, "double")
        within = np.concatenate([_row_sums(scaled[rows]) for rows in classes])
        squares = _row_sums(scaled * math.sqrt(2))
        return float(np.exp(within).sum() / math.sqrt(np.exp(squares).sum()))

    widths = typical * np.geomspace(0.1, 10, candidates)
    return float(max(widths, key=alignment))


def _row_sums(x: Any) -> np.ndarray:
    return ops.of(x).kernel_row_sums([x])[0]


def in_widths(arrays: Any, sigma: float, precision: str) -> list[Any]:
    """Samples of one space as distances in widths from a common centre, in double precision.

    For single precision numpy arrays are float32, which takes half the memory; those that reach so
    far that float32 would round distances of a width stay in double precision.
    """
    ends = [end for x in arrays for end in ops.of(x).value_range(x)]
    largest = max(map(abs, ends))
    refuse_narrow(sigma, largest)
    exponent = shrink_exponent(largest, "euclidean")
    small = float(scaled(np.float64(sigma), -exponent))
    centre = _mean(arrays[0], exponent)
    found = []
    for x in arrays:
        if exponent or checks.is_tensor(x):
            x = scaled(as_double(x), -exponent)
        if checks.is_tensor(x):
            found.append((x - centre) / small)
            continue
        part = _from_centre(x, centre, small, np.float32 if precision == "single" else np.float64)
        if part.dtype == np.float32 and not np.abs(part).max() <= _FARTHEST_SINGLE:
            part = _from_centre(x, centre, small, np.float64)
        found.append(part)
    return found


def _from_centre(x: np.ndarray, centre: np.ndarray, unit: float, dtype: Any) -> np.ndarray:
    """Rounded once, and without a copy of x in double precision."""
    part = np.empty(x.shape, dtype)
    with np.errstate(over="ignore"):  # of float32, which the caller finds out
        for start in range(0, len(x), 4096):
            rows = slice(start, start + 4096)
            part[rows] = (x[rows] - centre) / unit
    return part


def refuse_narrow(sigma: float, largest: float) -> None:
    """An error if squared distances, in widths, of values up to the largest are no numbers."""
    if not largest <= _FARTHEST * sigma:
        raise ValueError(
            f"width must not be so small that distances in units of it overflow; got {sigma:g} "
            f"for values up to {largest:g}. Choose a larger one, or 'median'."
        )


def _mean(x: Any, exponent: int) -> Any:
    """Of each column of x times 2 ** -exponent, in double precision but without a copy of x."""
    starts = range(0, len(x), 4096)
    return sum(scaled(as_double(x[i : i + 4096]), -exponent).sum(0) / len(x) for i in starts)


def as_double(x: Any) -> Any:
    """An array or tensor in float64; itself, if it is already."""
    return x.double() if checks.is_tensor(x) else np.asarray(x, dtype=np.float64)


def pooled(*arrays: Any) -> Any:
    """Rows of all arrays, in float64."""
    doubles = [as_double(x) for x in arrays]
    if checks.is_tensor(doubles[0]):
        return sys.modules["torch"].cat(doubles)
    return np.concatenate(doubles)
