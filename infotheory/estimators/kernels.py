"""Divergences of two samples from sums of Gaussian kernels: Cauchy-Schwarz and mean embeddings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, ops, truth
from infotheory.digits import lost_digits
from infotheory.estimate import Estimate
from infotheory.registry import estimator
from infotheory.widths import in_widths, kernel_width, pooled

__all__ = [
    "PRECISIONS",
    "Pair",
    "cauchy_schwarz_divergence",
    "cauchy_schwarz_from",
    "cauchy_schwarz_of",
    "log_mean",
    "mmd_divergence",
    "mmd_from",
    "mmd_of",
    "noting_all",
    "noting_reach",
    "noting_sameness",
]

PRECISIONS = ("double", "single")
#: A typical sample that sees less than this of all others is alone.
_HARDLY_ANY = 0.1
#: Kernels whose mean is above this hardly tell samples apart.
_NEARLY_ALL = 0.99


@estimator(
    "divergence:cauchy_schwarz",
    inputs=("real", "real"),
    source="Principe (2010), doi:10.1007/978-1-4419-1570-2; Yu et al. (2024), arXiv:2404.17951",
    truth=(
        truth.divergent_normals_by_kernels("cauchy_schwarz", 0.0, 1.0, 1.3, 1.7**2, width=0.7),
        truth.divergent_normals_by_kernels(
            "cauchy_schwarz",
            [0, 0],
            [[1, 0.3], [0.3, 2]],
            [1, -1],
            [[1.5, -0.4], [-0.4, 1]],
            width=1.0,
        ),
    ),
    estimand="cauchy_schwarz",
    differentiable=True,
    paired=False,
    resolved={"width": "sigma"},
)
def cauchy_schwarz_divergence(
    x: Any,
    y: Any,
    *,
    width: str | float = "median",
    convention: str = "squared",
    precision: str = "double",
) -> Estimate:
    r"""Cauchy-Schwarz divergence of two densities, each a sum of Gaussian kernels.

    .. math:: \hat D = \ln \frac{\overline{\kappa(x_i - x_j)} \; \overline{\kappa(y_i - y_j)}}
        {\overline{\kappa(x_i - y_j)}^2}, \qquad \kappa(u) = e^{-|u|^2 / 2 \sigma^2}

    Parameters
    ----------
    x, y : real arrays, shape (n, d) and (m, d), or (n,) and (m,)
        Samples, not paired.
    width : {"median", "sqrt_dim", "knn", "silverman"} or float
        The width sigma; rules look at both samples together. Kernel densities of width h have
        sigma = sqrt(2) h between samples.
    convention : {"squared", "half"}
        "squared": the logarithm of the squared ratio, which for normals of equal covariance is
        their KL divergence. "half": half of it.
    precision : {"double", "single"}
        "single" takes products of matrices and exponentials in float32, on the CPU twice as fast.

    Returns
    -------
    Estimate
        In nats, at least 0 up to rounding. ``params["sigma"]`` is the width.

    Raises
    ------
    TypeError, ValueError
        For an unknown rule, convention or precision, a width that is not positive, or one in
        units of which distances overflow.

    Notes
    -----
    It estimates, with the diagonal included, the divergence of the two densities blurred by
    kernels of width sigma / sqrt(2), which is less than theirs. Bias of that: about
    (1 / a - 1) / n + (1 / b - 1) / m, with a and b the means under the logarithm; where kernels
    reach no other sample, a is 1 / n and the value says nothing, as a warning does. Standard
    error: the delta method from row sums; too small where the samples are alike, since the first
    order vanishes. Cost: O((n + m)^2 d) time, O((n + m) d) memory.

    References
    ----------
    Principe, Information Theoretic Learning (2010), doi:10.1007/978-1-4419-1570-2, chapter 2;
    Yu et al. (2024), arXiv:2404.17951; Jenssen et al. (2006),
    doi:10.1016/j.jfranklin.2006.03.018.
    """
    checks.choice(convention, "convention", ("squared", "half"))
    checks.choice(precision, "precision", PRECISIONS)
    return cauchy_schwarz_from(Pair.of(x, y, width, precision), convention)


def cauchy_schwarz_from(pair: Pair, convention: str) -> Estimate:
    """The divergence, of sums that are there."""
    factor = 1.0 if convention == "squared" else 0.5
    xx, yy, xy = pair.log_means
    slopes = (
        factor * 2 * (np.exp(pair.xx - xx) - np.exp(pair.xy - xy)),
        factor * 2 * (np.exp(pair.yy - yy) - np.exp(pair.yx - xy)),
    )
    return pair.estimate(factor * cauchy_schwarz_of(xx, yy, xy), slopes)


@estimator(
    "divergence:mmd",
    inputs=("real", "real"),
    source="Gretton et al. (2012), JMLR 13, 723, eq. 5",
    truth=(
        truth.divergent_normals_by_kernels("mmd", 0.0, 1.0, 1.0, 4.0, width=1.0),
        truth.divergent_normals_by_kernels(
            "mmd", [0, 0], [[1, 0.3], [0.3, 2]], [1, -1], [[1.5, -0.4], [-0.4, 1]], width=2.0
        ),
    ),
    unit="",
    estimand="mmd",
    paired=False,
    resolved={"width": "sigma"},
)
def mmd_divergence(
    x: Any, y: Any, *, width: str | float = "median", precision: str = "double"
) -> Estimate:
    r"""Squared maximum mean discrepancy of two samples, of a Gaussian kernel.

    .. math:: \hat D = \overline{\kappa(x_i - x_j)} + \overline{\kappa(y_i - y_j)}
        - 2 \, \overline{\kappa(x_i - y_j)}, \qquad \kappa(u) = e^{-|u|^2 / 2 \sigma^2}

    Parameters
    ----------
    x, y : real arrays, shape (n, d) and (m, d), or (n,) and (m,)
        Samples, not paired.
    width : {"median", "sqrt_dim", "knn", "silverman"} or float
        The width sigma; rules look at both samples together.
    precision : {"double", "single"}
        As for :func:`cauchy_schwarz_divergence`.

    Returns
    -------
    Estimate
        A pure number between 0 and 2, without unit. ``params["sigma"]`` is the width.

    Raises
    ------
    TypeError, ValueError
        As :func:`cauchy_schwarz_divergence`.

    Notes
    -----
    The V-statistic, with the diagonal. Bias: upwards by (1 - a) / n + (1 - b) / m, with a and b
    the first two means. Standard error: that of the first order of both samples; too small where
    they are alike, since that order vanishes. Cost: O((n + m)^2 d) time, O((n + m) d) memory.

    References
    ----------
    Gretton et al., JMLR 13 (2012) 723, eq. 5; the kernel and its width: Garreau et al. (2017),
    arXiv:1707.07269.
    """
    checks.choice(precision, "precision", PRECISIONS)
    return mmd_from(Pair.of(x, y, width, precision))


def mmd_from(pair: Pair) -> Estimate:
    """The discrepancy, of sums that are there."""
    means = [math.exp(log) for log in pair.log_means]
    slopes = (
        2 * (np.exp(pair.xx) - np.exp(pair.xy)),
        2 * (np.exp(pair.yy) - np.exp(pair.yx)),
    )
    return pair.estimate(mmd_of(*means), slopes)


def cauchy_schwarz_of(log_xx: Any, log_yy: Any, log_xy: Any) -> Any:
    """The squared convention, from logarithms of the three mean kernels."""
    return log_xx + log_yy - 2 * log_xy


def mmd_of(xx: Any, yy: Any, xy: Any) -> Any:
    """The squared discrepancy, from the three mean kernels."""
    return xx + yy - 2 * xy


class Pair(NamedTuple):
    """Logarithms of the mean kernel at each sample of two, over the samples of each."""

    xx: np.ndarray
    yy: np.ndarray
    xy: np.ndarray
    """(n,) at x, over y."""
    yx: np.ndarray
    """(m,) at y, over x."""
    sigma: float
    said: Sequence[str] = ()
    """Warnings about the samples themselves."""

    @classmethod
    def of(cls, x: Any, y: Any, width: Any, precision: str) -> Pair:
        """All sums, in three passes."""
        said = lost_digits({"x": x, "y": y})
        sigma = kernel_width(width, pooled(x, y) if isinstance(width, str) else x)
        p, q = in_widths((x, y), sigma, precision)
        engine = ops.of(x, y)
        n, m = len(x), len(y)
        xx, yy = (engine.kernel_row_sums([part], precision=precision)[0] for part in (p, q))
        xy = engine.kernel_row_sums([p], [q], precision=precision, mutual=True)[0]
        ln_n, ln_m = math.log(n), math.log(m)
        return cls(xx - ln_n, yy - ln_m, xy[:n] - ln_m, xy[n:] - ln_n, sigma, said)

    @property
    def log_means(self) -> tuple[float, float, float]:
        """Logarithms of the mean kernels within x, within y and between them."""
        return log_mean(self.xx), log_mean(self.yy), log_mean(self.xy)

    def estimate(self, value: float, slopes: tuple[np.ndarray, np.ndarray]) -> Estimate:
        """With the error that follows from what each sample adds to the value."""
        known = min(len(self.xx), len(self.yy)) > 1
        variance = sum(float(each.var()) / len(each) for each in slopes)
        found = Estimate(
            value,
            stderr=math.sqrt(variance) if known else None,
            n=len(self.xx),
            params={"sigma": self.sigma},
            diagnostics={"log_means": self.log_means},
        )
        found = noting_all(found, self.said)
        for name, within in (("x", self.xx), ("y", self.yy)):
            found = noting_reach(found, within, self.sigma, name)
        return noting_sameness(found, (self.xx, self.yy, self.xy), self.sigma, "x and y")


def log_mean(logs: np.ndarray) -> float:
    """The logarithm of the mean of numbers given by their logarithms."""
    top = float(logs.max())
    return top + math.log(float(np.exp(logs - top).mean()))


def noting_all(found: Estimate, said: Iterable[str]) -> Estimate:
    """With several warnings more."""
    for warning in said:
        found = found.noting(warning)
    return found


def noting_reach(
    found: Estimate,
    within: np.ndarray,
    sigma: float | Sequence[float],
    name: str,
    option: str = "width",
) -> Estimate:
    """With a warning where kernels reach hardly any other sample.

    `within` are the logarithms of the mean kernel at each sample, the own one of 1 included.
    """
    n = len(within)
    if n == 1:
        return found.noting(f"{name} has n=1 samples, whose kernel alone is no density.")
    typical = math.expm1(float(np.median(within)) + math.log(n))
    if typical < _HARDLY_ANY:
        widths = ", ".join(f"{width:.3g}" for width in np.atleast_1d(sigma))
        return found.noting(
            f"kernels of width {widths} see {typical:.2g} other samples of {name} at a typical "
            f"one, so the value is that of isolated points; choose a larger {option}."
        )
    return found


def noting_sameness(
    found: Estimate,
    everywhere: Sequence[np.ndarray],
    sigma: float,
    name: str,
    option: str = "width",
) -> Estimate:
    """With a warning where kernels, all of whose logarithms of means are given, are nearly 1."""
    means = [log_mean(logs) for logs in everywhere]
    # Samples that are all equal are no fault of the width.
    if min(means) > math.log(_NEARLY_ALL) and min(logs.min() for logs in everywhere) < -1e-14:
        return found.noting(
            f"kernels of width {sigma:.3g} see nearly all samples of {name} alike, so the value is "
            f"near that of a constant; choose a smaller {option}."
        )
    return found
