"""Dependence of two variables from sums of Gaussian kernels: quadratic informations and HSIC."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, ops, truth
from infotheory.digits import lost_digits
from infotheory.estimate import AT_CEILING, Estimate
from infotheory.estimators.kernels import (
    PRECISIONS,
    log_mean,
    noting_all,
    noting_reach,
    noting_sameness,
)
from infotheory.registry import estimator
from infotheory.widths import in_widths, kernel_widths

__all__ = [
    "Sums",
    "cauchy_schwarz_from",
    "cauchy_schwarz_mutual_information",
    "euclidean_from",
    "euclidean_mutual_information",
    "hsic_from",
    "hsic_mutual_information",
    "hsic_of",
    "quadratic_information_of",
]

#: Samples at which the part of the error is found that takes a second, weighted pass.
_PROBED = 512


@estimator(
    "mutual_information:cauchy_schwarz",
    inputs=("real", "real"),
    source="Principe (2010), doi:10.1007/978-1-4419-1570-2; Yu et al. (2024), arXiv:2404.17951",
    truth=(
        truth.dependent_normals_by_kernels("cauchy_schwarz", 0.8, width=0.7),
        truth.dependent_normals_by_kernels("cauchy_schwarz", -0.5, width=0.4),
    ),
    estimand="cauchy_schwarz",
    differentiable=True,
    resolved={"width": "sigma"},
)
def cauchy_schwarz_mutual_information(
    x: Any, y: Any, *, width: Any = "median", precision: str = "double"
) -> Estimate:
    r"""Cauchy-Schwarz quadratic information: the divergence of the joint from the product density.

    .. math:: \hat I = \ln \frac{T_1 T_2}{T_3^2}, \quad
        T_1 = \frac{1}{n^2} \sum_{ij} K_{ij} Q_{ij}, \;
        T_2 = \frac{1}{n^4} \sum_{ij} K_{ij} \sum_{ij} Q_{ij}, \;
        T_3 = \frac{1}{n^3} \sum_i \sum_j K_{ij} \sum_k Q_{ik}

    with Gaussian kernels K between the rows of x and Q between those of y.

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples.
    width : {"median", "sqrt_dim", "knn", "silverman"}, float, or a pair of them
        The widths sigma of K and of Q: one rule or number for each, or a pair, for x and for y.
    precision : {"double", "single"}
        "single" takes products of matrices and exponentials in float32, on the CPU twice as fast.

    Returns
    -------
    Estimate
        In nats, at most ln n; exactly 0 if x or y is constant. ``params["sigma"]`` is the pair
        of widths.

    Raises
    ------
    TypeError, ValueError
        For an unknown rule or precision, a width that is not positive, or one in units of which
        distances overflow; if the lengths differ.

    Notes
    -----
    It is no Shannon information: that of the densities blurred by kernels, in a distance of its
    own. Bias: with narrow kernels upwards, to ln n where all samples are isolated, whatever the
    dependence; a warning says so. Standard error: the delta method from row sums, at up to 512
    samples evenly spread over the order of their joint sums; too small for independent variables,
    where the first order vanishes. Cost: O(n^2 d) time, O(n d) memory.

    References
    ----------
    Principe, Information Theoretic Learning (2010), doi:10.1007/978-1-4419-1570-2, chapter 2;
    Yu et al. (2024), arXiv:2404.17951.
    """
    return cauchy_schwarz_from(Sums.of(x, y, width, precision))


def cauchy_schwarz_from(sums: Sums) -> Estimate:
    """The information, of sums that are there."""
    t, k, q = sums.log_means
    cross = log_mean(sums.x + sums.y)
    slope = sums.slope(1 / math.exp(t), 1 / math.exp(k + q), 1 / math.exp(cross))
    value = quadratic_information_of(t, k + q, cross)
    ceiling = math.log(len(sums.x))
    saturated = ceiling > 0 and value >= AT_CEILING * ceiling
    found = sums.estimate(value, slope, ceiling=ceiling, saturated=saturated)
    if saturated:
        return found.noting(
            f"the value is at the most it can be, ln n = {ceiling:.4g}: kernels see no other "
            f"sample, whatever the dependence; choose a larger width."
        )
    return sums.noting(found)


@estimator(
    "mutual_information:euclidean",
    inputs=("real", "real"),
    source="Principe (2010), doi:10.1007/978-1-4419-1570-2",
    truth=(truth.dependent_normals_by_kernels("euclidean", 0.8, width=0.7),),
    unit="",
    estimand="euclidean",
    resolved={"width": "sigma"},
)
def euclidean_mutual_information(
    x: Any, y: Any, *, width: Any = "median", precision: str = "double"
) -> Estimate:
    r"""Euclidean quadratic information: the integrated square of joint minus product density.

    .. math:: \hat I = \int (\hat p(x, y) - \hat p(x) \hat p(y))^2 \, dx \, dy
        = \frac{T_1 + T_2 - 2 T_3}{(2 \pi \sigma_x^2)^{d_x / 2} (2 \pi \sigma_y^2)^{d_y / 2}}

    with the terms of :func:`cauchy_schwarz_mutual_information`: HSIC over the volume of the
    kernels, since kernel densities of width sigma / sqrt(2) have kernels of width sigma between
    samples.

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples.
    width : {"median", "sqrt_dim", "knn", "silverman"}, float, or a pair of them
        As for :func:`cauchy_schwarz_mutual_information`.
    precision : {"double", "single"}
        As for :func:`cauchy_schwarz_mutual_information`.

    Returns
    -------
    Estimate
        A density, in units of one over those of all columns, so without a unit of its own;
        exactly 0 if x or y is constant. ``params["sigma"]`` is the pair of widths.

    Raises
    ------
    TypeError, ValueError
        As :func:`cauchy_schwarz_mutual_information`; and where the volume of the kernels is no
        number, in many columns of very small or large values.

    Notes
    -----
    It changes with the units of the data, as a density does; standardise them first to compare.
    Bias: upwards, about (1 - K) (1 - Q) / n over the volume, with the mean kernels K and Q.
    Standard error: as for :func:`cauchy_schwarz_mutual_information`. Cost: O(n^2 d) time, O(n d)
    memory.

    References
    ----------
    Principe, Information Theoretic Learning (2010), doi:10.1007/978-1-4419-1570-2, chapter 2.
    """
    return euclidean_from(Sums.of(x, y, width, precision))


def euclidean_from(sums: Sums) -> Estimate:
    """The information, of sums that are there."""
    pairs = zip(sums.sigma, sums.parts, strict=True)
    log_volume = sum(z.shape[1] * (math.log(2 * math.pi) / 2 + math.log(s)) for s, z in pairs)
    if not abs(log_volume) < 700:
        raise ValueError(
            f"x and y must have units in which the volume of their kernels is a number; got "
            f"e^{log_volume:.4g} for widths {sums.sigma}. Standardise their columns, or choose "
            f"method='hsic'."
        )
    found = _centred(sums, math.exp(-log_volume))
    return sums.noting(found)


@estimator(
    "mutual_information:hsic",
    inputs=("real", "real"),
    source="Gretton et al. (2005), doi:10.1007/11564089_7",
    truth=(
        truth.dependent_normals_by_kernels("hsic", 0.8, width=0.7),
        truth.dependent_normals_by_kernels("hsic", -0.5, width=1.5),
    ),
    unit="",
    estimand="hsic",
    differentiable=True,
    resolved={"width": "sigma"},
)
def hsic_mutual_information(
    x: Any, y: Any, *, width: Any = "median", precision: str = "double"
) -> Estimate:
    r"""Hilbert-Schmidt independence criterion of Gaussian kernels, the V-statistic.

    .. math:: \hat I = \frac{1}{n^2} \operatorname{tr} K H Q H = T_1 + T_2 - 2 T_3, \qquad
        H = 1 - \frac1n

    with the terms of :func:`cauchy_schwarz_mutual_information`.

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples.
    width : {"median", "sqrt_dim", "knn", "silverman"}, float, or a pair of them
        As for :func:`cauchy_schwarz_mutual_information`.
    precision : {"double", "single"}
        As for :func:`cauchy_schwarz_mutual_information`.

    Returns
    -------
    Estimate
        A pure number between 0 and 1, without unit; exactly 0 if x or y is constant.
        ``params["sigma"]`` is the pair of widths.

    Raises
    ------
    TypeError, ValueError
        As :func:`cauchy_schwarz_mutual_information`.

    Notes
    -----
    Another convention divides by (n - 1)^2. Bias: upwards, about (1 - K) (1 - Q) / n, with the
    mean kernels K and Q. Standard error: as for :func:`cauchy_schwarz_mutual_information`; for
    independent variables use a permutation test. Cost: O(n^2 d) time, O(n d) memory.

    References
    ----------
    Gretton, Bousquet, Smola, Scholkopf, ALT (2005) 63, doi:10.1007/11564089_7, definition 2;
    Gretton et al., NIPS 20 (2007), ISBN 978-1-60560-352-0.
    """
    return hsic_from(Sums.of(x, y, width, precision))


def hsic_from(sums: Sums) -> Estimate:
    """The criterion, of sums that are there."""
    return sums.noting(_centred(sums, 1.0))


def quadratic_information_of(log_joint: Any, log_product: Any, log_cross: Any) -> Any:
    """Of logarithms of T1, T2 and T3."""
    return log_joint + log_product - 2 * log_cross


def hsic_of(joint: Any, product: Any, cross: Any) -> Any:
    """Of T1, T2 and T3."""
    return joint + product - 2 * cross


def _centred(sums: Sums, scale: float) -> Estimate:
    t, k, q = (math.exp(log) for log in sums.log_means)
    cross = math.exp(log_mean(sums.x + sums.y))
    slope = sums.slope(scale, scale, scale)
    return sums.estimate(scale * hsic_of(t, k * q, cross), slope)


class Sums(NamedTuple):
    """Logarithms of the mean kernel at each sample, in x, in y and in both."""

    x: np.ndarray
    y: np.ndarray
    both: np.ndarray
    sigma: tuple[float, ...]
    parts: list[Any]
    precision: str
    said: Sequence[str] = ()
    """Warnings about the samples themselves."""

    @classmethod
    def of(cls, x: Any, y: Any, width: Any, precision: str) -> Sums:
        """All sums, in one pass."""
        checks.choice(precision, "precision", PRECISIONS)
        sigma = kernel_widths(width, {"x": x, "y": y})
        pairs = zip((x, y), sigma, strict=True)
        parts = [in_widths((z,), s, precision)[0] for z, s in pairs]
        rows = ops.of(x, y).kernel_row_sums(parts, precision=precision) - math.log(len(x))
        of_x, of_y, both = rows
        said = lost_digits({"x": x, "y": y})
        return cls(of_x, of_y, both, sigma, parts, precision, said)

    @property
    def log_means(self) -> tuple[float, float, float]:
        """Logarithms of the mean kernel of both together, of x and of y."""
        return log_mean(self.both), log_mean(self.x), log_mean(self.y)

    @property
    def constant(self) -> bool:
        """Whether a kernel is 1 for all pairs, so that there is nothing to depend on."""
        least = -4e-16 * (1 + math.log(len(self.x)))
        return bool(self.x.min() >= least or self.y.min() >= least)

    def slope(self, joint: float, product: float, cross: float) -> np.ndarray:
        """What samples add to the value, to first order, where its slopes in T1 to T3 are given.

        T3 is a mean over triples; in it a sample is at each of the three places in turn.
        """
        n = len(self.x)
        order = np.argsort(self.both, kind="stable")
        probed = min(n, _PROBED)
        chosen = order[((np.arange(probed) + 0.5) * n / probed).astype(np.intp)]
        k, q, t = (np.exp(logs[chosen]) for logs in (self.x, self.y, self.both))
        triples = k * q + self._weighted(0, self.y, chosen) + self._weighted(1, self.x, chosen)
        mean_k, mean_q = math.exp(log_mean(self.x)), math.exp(log_mean(self.y))
        return 2 * (joint * t + product * (k * mean_q + q * mean_k) - cross * triples)

    def _weighted(self, part: int, logs: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """The mean over samples of the kernel to the chosen ones, times exp(logs).

        A weight is a kernel in one more coordinate, which is 0 at the chosen samples.
        """
        top = logs.max()
        samples = self.parts[part]
        points = _beside(samples[chosen], np.zeros(len(chosen)))
        lifted = _beside(samples, np.sqrt(2 * (top - logs)))
        engine = ops.of(*self.parts)
        sums = engine.kernel_row_sums([points], [lifted], precision=self.precision)[0]
        return np.exp(sums + (top - math.log(len(logs))))

    def estimate(self, value: float, slope: np.ndarray, **diagnostics: Any) -> Estimate:
        """With the error that follows from what each sample adds to the value."""
        n = len(self.x)
        if self.constant:
            value, slope = 0.0, np.zeros(n)
        # What two samples add is the same by symmetry, which says nothing of its spread.
        found = Estimate(
            value,
            stderr=float(slope.std()) / math.sqrt(n) if n > 2 else None,
            n=n,
            params={"sigma": self.sigma},
            diagnostics={"log_means": self.log_means, **diagnostics},
        )
        return noting_all(found, self.said)

    def noting(self, found: Estimate) -> Estimate:
        """With warnings where the kernels see too little or too much."""
        before = found.diagnostics.get("warnings", ())
        for name, within, sigma in zip("xy", (self.x, self.y), self.sigma, strict=True):
            found = noting_reach(found, within, sigma, name)
            found = noting_sameness(found, [within], sigma, name)
        # Kernels that see others in x and in y may see none in both, and the value nears ln n.
        if found.diagnostics.get("warnings", ()) == before:
            found = noting_reach(found, self.both, self.sigma, "x and y together")
        return found


def _beside(x: Any, column: np.ndarray) -> Any:
    if checks.is_tensor(x):
        torch = sys.modules["torch"]
        return torch.cat([x, torch.as_tensor(column, device=x.device)[:, None]], dim=1)
    return np.concatenate([x, column[:, None].astype(x.dtype)], axis=1)
