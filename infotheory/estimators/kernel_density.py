"""Entropy and mutual information of real variables from Gaussian kernels around the samples."""

from __future__ import annotations

import math
import numbers
import sys
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, ops, truth
from infotheory.digits import lost_digits
from infotheory.estimate import Estimate
from infotheory.estimators.neighbours import doubts, tied
from infotheory.registry import estimator

__all__ = ["kde_entropy", "kde_mutual_information"]

WIDTHS = ("silverman", "scott", "likelihood")

#: The likelihood is searched between these multiples of Silverman's width.
_SEARCHED = (1 / 32, 4.0)
#: Of the logarithm of the width that is searched.
_PRECISION = 0.01
#: The smallest logarithm of a density whose square is still a number.
_FARTHEST = -1e150
#: Kernels that reach this share of all other samples hardly tell them apart.
_NEARLY_ALL = 0.9


@estimator(
    "entropy:kde",
    inputs=("real",),
    source="Ahmad & Lin (1976), doi:10.1109/TIT.1976.1055550",
    truth=(truth.normal(1), truth.density("logistic", scale=1.7)),
)
def kde_entropy(x: Any, *, width: str | float = "silverman", pointwise: bool = False) -> Estimate:
    r"""Differential entropy by a Gaussian kernel density that leaves out the sample it judges.

    .. math:: \hat h = -\frac1n \sum_i \ln \hat p_{-i}(x_i), \quad
        \hat p_{-i}(x) = \frac{1}{n - 1} \sum_{j \ne i}
        \frac{e^{-|x - x_j|^2 / 2 \sigma^2}}{(2 \pi \sigma^2)^{d/2}}

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        Samples.
    width : {"silverman", "scott", "likelihood"} or float
        How the width sigma is chosen. "silverman" and "scott": their rules,
        (4 / (n (d + 2)))^(1 / (d + 4)) and n^(-1 / (d + 4)) deviations of each column.
        "likelihood": as many deviations as make the samples most likely, between 1/32 and 4
        times the first rule. A number: sigma itself, in the units of x, for all columns.
    pointwise : bool
        Whether to attach the term of each sample, -ln p(x_i), as ``diagnostics["pointwise"]``.

    Returns
    -------
    Estimate
        In nats; minus infinity if a column is constant. ``params["sigma"]`` is the width:
        in the units of x if a number was given, else in deviations of each column. Diagnostics:
        ``ties`` (the fraction of samples that have an exact duplicate).

    Raises
    ------
    TypeError, ValueError
        For an unknown width or one that is not positive, fewer than two samples, and a width so
        small that distances in units of it overflow.

    Notes
    -----
    Bias: upwards, as the kernel widens the density by its own variance and each density is
    judged by samples that it was not made of; it grows with d, and warnings say where kernels see
    hardly any neighbour, or all samples alike. With a rule for the width the estimate follows the
    scale of each column. Exact duplicates lower it, and draw "likelihood" to the narrowest width.
    Standard error: that of a mean of independent terms; a half of the true spread or less where
    heavy tails leave single samples to decide. Cost: O(n^2 d) time, some fifteen times that for
    "likelihood"; O(n d) memory.

    References
    ----------
    Ahmad & Lin, IEEE Trans. Inf. Theory 22 (1976) 372, doi:10.1109/TIT.1976.1055550;
    Hall & Morton, Ann. Inst. Statist. Math. 45 (1993) 69, doi:10.1007/BF00773669;
    Silverman, Density Estimation (1986), doi:10.1201/9781315140919, eq. 4.14.
    """
    pointwise = checks.flag(pointwise, "pointwise")
    n, d = x.shape
    kernels = _kernels(width, x=x)
    if not kernels.varies[0].all():
        said = (
            "a column of x is constant, so there is no density and the entropy is minus infinity; "
            "drop such columns first."
        )
        return Estimate.average(
            np.full(n, -math.inf),
            pointwise=pointwise,
            params=kernels.params,
            diagnostics={"ties": tied(x), "warnings": (said,)},
        )
    (sums,) = kernels.log_sums([0])
    local = math.log(n - 1) + d / 2 * math.log(2 * math.pi) + kernels.log_volume - sums
    noted = doubts({"x": x}, lost_digits({"x": x}), dimensions=False)
    found = Estimate.average(local, pointwise=pointwise, params=kernels.params, diagnostics=noted)
    return _noting_reach(found, kernels, sums)


@estimator(
    "mutual_information:kde",
    inputs=("real", "real"),
    source="Moon, Rajagopalan, Lall (1995), doi:10.1103/PhysRevE.52.2318",
    truth=(truth.normal_pair_mixture([0.1, 0.9], [(0, 0), (8, 8)], [0.3, 0.0]),),
)
def kde_mutual_information(
    x: Any, y: Any, *, width: str | float = "silverman", pointwise: bool = False
) -> Estimate:
    r"""Mutual information by Gaussian kernel densities that leave out the sample they judge.

    .. math:: \hat I = \frac1n \sum_i
        \ln \frac{\hat p_{-i}(x_i, y_i)}{\hat p_{-i}(x_i) \, \hat p_{-i}(y_i)}

    with the densities of :func:`kde_entropy`, all three of the width that suits the joint one.

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples.
    width : {"silverman", "scott", "likelihood"} or float
        As for :func:`kde_entropy`, for the columns of x and y together.
    pointwise : bool
        Whether to attach the term of each sample as ``diagnostics["pointwise"]``.

    Returns
    -------
    Estimate
        In nats; 0 if x or y is constant. ``params["sigma"]`` as for :func:`kde_entropy`.
        Diagnostics: ``ties`` (the fraction of samples with an exact duplicate in x or in y).

    Raises
    ------
    TypeError, ValueError
        As :func:`kde_entropy`; and if the lengths differ.

    Notes
    -----
    One width for the three densities lets most of their biases cancel, and their constants do
    exactly. Bias: kernels blur dependence that is finer than their width, downwards; with few
    neighbours per kernel, as in many dimensions, it is of either sign, and a warning says so.
    Constant columns change nothing, nor does, with a rule for the width, the scale of a column.
    Standard error: that of a mean of independent terms. Cost: O(n^2 d) time, three passes;
    O(n d) memory.

    References
    ----------
    Moon, Rajagopalan, Lall, Phys. Rev. E 52 (1995) 2318, doi:10.1103/PhysRevE.52.2318;
    one width for all: Butakov et al. (2024), arXiv:2305.08013.
    """
    pointwise = checks.flag(pointwise, "pointwise")
    n = len(x)
    kernels = _kernels(width, x=x, y=y)
    if not all(varies.any() for varies in kernels.varies):
        nothing = {"ties": 1.0}
        return Estimate.average(
            np.zeros(n), pointwise=pointwise, params=kernels.params, diagnostics=nothing
        )
    joint, of_x, of_y = kernels.log_sums([0, 1], [0], [1])
    local = joint - of_x - of_y + math.log(n - 1)
    noted = doubts({"x": x, "y": y}, lost_digits({"x": x, "y": y}), dimensions=False)
    found = Estimate.average(local, pointwise=pointwise, params=kernels.params, diagnostics=noted)
    return _noting_reach(found, kernels, joint)


class _Kernels(NamedTuple):
    """Samples so scaled that one width fits all columns."""

    parts: list[Any]
    varies: list[np.ndarray]
    """For each part, which of its columns are not constant."""
    width: float
    """The width in the scale of `parts`."""
    log_volume: float
    """Sum over the columns that vary of the logarithm of the width, in the units of the data."""
    params: dict[str, float]
    narrowest: bool = False
    """Whether the search for the width ended at its lower end."""

    def log_sums(self, *chosen: list[int]) -> list[np.ndarray]:
        """Sums of kernels around the others, in the space of each choice of parts."""
        # Clipped so that a square neither vanishes nor overflows; what does so is told below.
        variance = min(max(self.width * self.width, 5e-324), sys.float_info.max)
        found = []
        for choice in chosen:
            parts = [self.parts[number] for number in choice]
            found.append(ops.of(*parts).kernel_log_sums(parts, variance))
        if min(float(sums.min()) for sums in found) < _FARTHEST:
            raise ValueError(
                f"width must not be so small that distances in units of it overflow; "
                f"got {self.params['sigma']:g}. Choose a larger one, or 'silverman'."
            )
        return found


def _kernels(width: Any, **arrays: Any) -> _Kernels:
    """The samples with the width of their kernels, which takes a search for "likelihood"."""
    parts = list(arrays.values())
    n = len(parts[0])
    if isinstance(width, str):
        checks.choice(width, "width", WIDTHS)
    else:
        width = _positive(width)
    if n < 2:
        raise ValueError(
            f"{' and '.join(arrays)} must have 2 rows or more, since each density leaves out "
            f"the sample it judges; got n={n} samples."
        )
    standard, log_deviations = zip(*(ops.of(*parts).standardise(x) for x in parts), strict=True)
    varies = [logs > -math.inf for logs in log_deviations]
    d = sum(int(each.sum()) for each in varies)
    if not isinstance(width, str):
        scaled, exponent = _within_one(parts)
        with np.errstate(over="ignore", under="ignore"):
            sigma = float(np.ldexp(width, -exponent))
        return _Kernels(scaled, varies, sigma, d * math.log(width), {"sigma": width})
    sigma = n ** (-1 / (d + 4))
    if width != "scott":
        sigma *= (4 / (d + 2)) ** (1 / (d + 4))
    units = math.fsum(logs[kept].sum() for logs, kept in zip(log_deviations, varies, strict=True))
    narrowest = False
    if width == "likelihood" and d > 0:
        least = sigma * _SEARCHED[0]
        sigma = _most_likely(list(standard), sigma, d)
        narrowest = sigma < least * (1 + 2 * _PRECISION)
    log_volume = d * math.log(sigma) + units
    return _Kernels(list(standard), varies, sigma, log_volume, {"sigma": sigma}, narrowest)


def _positive(width: Any) -> float:
    if isinstance(width, numbers.Real):
        return checks.number(width, "width", above=0.0)
    raise TypeError(
        f"width must be a positive number or one of {', '.join(map(repr, WIDTHS))}; "
        f"got {type(width).__name__} {width!r}."
    )


def _within_one(parts: list[Any]) -> tuple[list[Any], int]:
    """The parts over the power of two above their largest entry, which changes no digit."""
    largest = max(abs(end) for x in parts for end in ops.of(*parts).value_range(x))
    exponent = math.frexp(largest)[1]
    half = exponent // 2  # in two steps, since 2**1074 is no double
    return [x * 2.0**-half * 2.0 ** (half - exponent) for x in parts], exponent


def _most_likely(parts: list[Any], start: float, d: int) -> float:
    """The width at which the samples are most likely, each by the density of the others."""
    from scipy.optimize import minimize_scalar

    engine = ops.of(*parts)

    def surprise(log_width: float) -> float:
        sums = engine.kernel_log_sums(parts, math.exp(2 * log_width))
        return d * log_width - float(sums.mean())

    ends = tuple(math.log(start * multiple) for multiple in _SEARCHED)
    options = {"xatol": _PRECISION}
    found = minimize_scalar(surprise, bounds=ends, method="bounded", options=options)
    return math.exp(float(found.x))


def _noting_reach(found: Estimate, kernels: _Kernels, sums: np.ndarray) -> Estimate:
    """With a warning where kernels reach hardly any other sample, or hardly fewer than all."""
    sigma, typical = kernels.params["sigma"], float(np.median(sums))
    d = sum(map(len, kernels.varies))
    if kernels.narrowest:
        return found.noting(
            f"the likeliest width is the narrowest of the search, {sigma:.3g} deviations: samples "
            f"have exact duplicates or lie on few points, and there may be no density at all."
        )
    if typical < 0:
        return found.noting(
            f"kernels of width {sigma:.3g} in {d} dimensions see less than one neighbour of a "
            f"typical sample, so the value says more about the kernel than about the data; use "
            f"more samples, fewer dimensions or a larger width."
        )
    if len(sums) > 2 and typical > math.log(_NEARLY_ALL * (len(sums) - 1)):
        return found.noting(
            f"kernels of width {sigma:.3g} see nearly all other samples alike, so the value is "
            f"that of the kernel; choose a smaller width."
        )
    return found
