"""Entropy and mutual information of normal variables, from their covariance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory import ops, truth
from infotheory.estimate import Estimate
from infotheory.registry import estimator

__all__ = ["gaussian_entropy", "gaussian_mutual_information"]


@estimator(
    "entropy:gaussian",
    inputs=("real",),
    source="Cover & Thomas (2006), theorem 8.4.1",
    truth=(truth.normal(1), truth.normal(3, deviation=0.5)),
)
def gaussian_entropy(x: Any) -> Estimate:
    r"""Differential entropy of a normal variable with the covariance of the samples.

    .. math:: \hat h = \tfrac{1}{2} \ln \left| 2 \pi e \, \hat\Sigma \right|

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        Samples.

    Returns
    -------
    Estimate
        In nats; minus infinity if the covariance is singular. Diagnostics: ``rank``.

    Raises
    ------
    ValueError
        For an empty array, NaN or infinite values, or more than two dimensions.

    Notes
    -----
    The largest entropy any variable of this covariance can have: for data that are not normal it
    is an upper bound. Bias: about -d (d + 3) / 4n, downwards. Standard error: sqrt(d / 2n).
    Cost: O(n d^2) time, O(n d) memory.

    References
    ----------
    Cover & Thomas, Elements of Information Theory (2006), theorem 8.4.1,
    doi:10.1002/047174882X.
    """
    n, d = x.shape
    engine = ops.of(x)
    standard, log_deviations = engine.standardise(x)
    correlation = engine.covariance(standard)
    rank = _whitening(correlation).shape[1]
    if rank < d:
        message = (
            f"the covariance has rank {rank} of {d} (a constant or redundant column), so there "
            f"is no density and the entropy is minus infinity; drop such columns first."
        )
        return Estimate(-math.inf, n=n, diagnostics={"rank": rank}).noting(message)
    _, log_determinant = np.linalg.slogdet(correlation)
    return Estimate(
        d / 2 * math.log(2 * math.pi * math.e) + log_determinant / 2 + math.fsum(log_deviations),
        stderr=math.sqrt(d / (2 * n)),
        n=n,
        diagnostics={"rank": rank},
    )


@estimator(
    "mutual_information:gaussian",
    inputs=("real", "real"),
    source="Cover & Thomas (2006), example 8.5.1",
    truth=(truth.correlated_normals(0.6), truth.correlated_normals(0.6, d=3)),
)
def gaussian_mutual_information(x: Any, y: Any) -> Estimate:
    r"""Mutual information of jointly normal variables, from their canonical correlations.

    .. math:: \hat I = -\tfrac{1}{2} \sum_i \ln (1 - \rho_i^2)
        = \tfrac{1}{2} \ln \frac{|\hat\Sigma_x| |\hat\Sigma_y|}{|\hat\Sigma_{xy}|}

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples.

    Returns
    -------
    Estimate
        In nats; infinite if a combination of columns of x is one of y. Diagnostics:
        ``correlations`` (canonical, the largest first), ``rank`` (of x and of y).

    Raises
    ------
    ValueError
        For empty arrays, NaN or infinite values, more than two dimensions, unequal lengths.

    Notes
    -----
    Sees linear dependence alone: for variables that are not jointly normal it can be far too
    small or too large. Constant and redundant columns change nothing. Bias: about
    d_x d_y / 2n, upwards. Standard error: sqrt(sum of squared canonical correlations / n), the
    leading order, which vanishes at independence. Cost: O(n d^2) time, O(n d) memory.

    References
    ----------
    Cover & Thomas, Elements of Information Theory (2006), example 8.5.1,
    doi:10.1002/047174882X; Hotelling, Biometrika 28 (1936), doi:10.1093/biomet/28.3-4.321.
    """
    n, split = x.shape
    engine = ops.of(x, y)
    correlation = engine.covariance(engine.standardise(x)[0], engine.standardise(y)[0])
    x_white = _whitening(correlation[:split, :split])
    y_white = _whitening(correlation[split:, split:])
    rank = x_white.shape[1], y_white.shape[1]
    if 0 in rank:
        return Estimate(0.0, stderr=0.0, n=n, diagnostics={"correlations": (), "rank": rank})
    across = x_white.T @ correlation[:split, split:] @ y_white
    canonical = np.linalg.svd(across, compute_uv=False)
    unexplained = 1 - canonical**2
    estimate = Estimate(
        math.inf if (unexplained < _ROUNDING).any() else -math.fsum(np.log(unexplained)) / 2,
        stderr=math.sqrt(float(canonical @ canonical) / n),
        n=n,
        diagnostics={"correlations": tuple(map(float, canonical)), "rank": rank},
    )
    if math.isfinite(estimate.value):
        return estimate
    return estimate.noting("a combination of columns of x equals one of y: it is infinite.")


#: Below this a share of variance cannot be told from rounding.
_ROUNDING = 1e-12


def _whitening(correlation: np.ndarray) -> np.ndarray:
    """(d, rank) map to uncorrelated directions of variance 1, where there is any variance.

    Columns have variance 1, or 0 if they are constant, whatever their scale was.
    """
    spectrum, directions = np.linalg.eigh(correlation)
    kept = spectrum > _ROUNDING * len(spectrum)
    return directions[:, kept] / np.sqrt(spectrum[kept])
