"""Entropy and mutual information of normal variables, from their covariance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.linalg import block_diag

from infotheory import checks, ops, truth
from infotheory.estimate import Estimate
from infotheory.registry import estimator

__all__ = [
    "canonical_information",
    "gaussian_conditional_mutual_information",
    "gaussian_entropy",
    "gaussian_mutual_information",
    "gaussian_total_correlation",
]

SHRINKAGES = (None, "ledoit_wolf", "oas")
#: Below this a share of variance cannot be told from rounding.
_ROUNDING = 1e-12


@estimator(
    "entropy:gaussian",
    inputs=("real",),
    source="Cover & Thomas (2006), theorem 8.4.1",
    truth=(truth.normal(1), truth.normal(3, deviation=0.5)),
)
def gaussian_entropy(
    x: Any, *, shrinkage: str | float | None = None, pointwise: bool = False
) -> Estimate:
    r"""Differential entropy of a normal variable with the covariance of the samples.

    .. math:: \hat h = \tfrac{1}{2} \ln \left| 2 \pi e \, \hat\Sigma \right|

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        Samples.
    shrinkage : {None, "ledoit_wolf", "oas"} or float
        How far the correlations are drawn towards 0, between 0 and 1, against their noise where
        columns are many and samples few: not at all, by either rule, or by this share.
    pointwise : bool
        Whether to attach -ln p(x_i) of each sample as ``diagnostics["pointwise"]``.

    Returns
    -------
    Estimate
        In nats; minus infinity if the covariance is singular. Diagnostics: ``rank``, and
        ``shrinkage`` (the share taken) where one was asked for.

    Raises
    ------
    TypeError, ValueError
        For an unknown shrinkage or one beyond 0 and 1.

    Notes
    -----
    The largest entropy any variable of this covariance can have: for data that are not normal it
    is an upper bound. Bias: about -d (d + 3) / 4n, downwards; upwards with shrinkage, which
    forgets correlations; the terms of the samples then average to something else. Standard error:
    sqrt(d / 2n). Cost: O(n d^2) time, O(n d) memory.

    References
    ----------
    Cover & Thomas, Elements of Information Theory (2006), theorem 8.4.1,
    doi:10.1002/047174882X; Ledoit & Wolf, J. Multivar. Anal. 88 (2004) 365,
    doi:10.1016/S0047-259X(03)00096-4; Chen et al., IEEE Trans. Signal Process. 58 (2010) 5016,
    doi:10.1109/TSP.2010.2053029, eq. 23.
    """
    n, d = x.shape
    pointwise = checks.flag(pointwise, "pointwise")
    (standard,), log_deviations = _standardised([x])
    correlation, diagnostics = _correlation([standard], shrinkage)
    white = _whitening(correlation)
    rank = white.shape[1]
    diagnostics = {"rank": rank} | diagnostics
    if rank < d:
        message = (
            f"the covariance has rank {rank} of {d} (a constant or redundant column), so there "
            f"is no density and the entropy is minus infinity; drop such columns first."
        )
        found = Estimate(-math.inf, n=n, diagnostics=diagnostics).noting(message)
        return _attaching(found, np.full(n, -math.inf)) if pointwise else found
    _, log_determinant = np.linalg.slogdet(correlation)
    value = (
        d / 2 * math.log(2 * math.pi * math.e) + log_determinant / 2 + math.fsum(log_deviations[0])
    )
    found = Estimate(value, stderr=math.sqrt(d / (2 * n)), n=n, diagnostics=diagnostics)
    if not pointwise:
        return found
    lengths = np.square(_numpy(standard) @ white).sum(axis=1)
    return _attaching(found, value + (lengths - d) / 2)


@estimator(
    "mutual_information:gaussian",
    inputs=("real", "real"),
    source="Cover & Thomas (2006), example 8.5.1",
    truth=(truth.correlated_normals(0.6), truth.correlated_normals(0.6, d=3)),
)
def gaussian_mutual_information(
    x: Any, y: Any, *, shrinkage: str | float | None = None, pointwise: bool = False
) -> Estimate:
    r"""Mutual information of jointly normal variables, from their canonical correlations.

    .. math:: \hat I = -\tfrac{1}{2} \sum_i \ln (1 - \rho_i^2)
        = \tfrac{1}{2} \ln \frac{|\hat\Sigma_x| |\hat\Sigma_y|}{|\hat\Sigma_{xy}|}

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples.
    shrinkage : {None, "ledoit_wolf", "oas"} or float
        As for :func:`gaussian_entropy`, for the columns of x and y together.
    pointwise : bool
        Whether to attach ln p(x_i, y_i) / p(x_i) p(y_i) of each sample as
        ``diagnostics["pointwise"]``; with shrinkage these do not average to the value.

    Returns
    -------
    Estimate
        In nats; infinite if a combination of columns of x is one of y. Diagnostics:
        ``correlations`` (canonical, the largest first), ``rank`` (of x and of y), and
        ``shrinkage`` (the share taken) where one was asked for.

    Raises
    ------
    TypeError, ValueError
        For unequal lengths, an unknown shrinkage, or one beyond 0 and 1.

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
    pointwise = checks.flag(pointwise, "pointwise")
    parts, _ = _standardised([x, y])
    correlation, diagnostics = _correlation(parts, shrinkage)
    found = canonical_information(correlation, x.shape[1], parts, pointwise)
    return replace(found, diagnostics=dict(found.diagnostics) | diagnostics)


@estimator(
    "conditional_mutual_information:gaussian",
    inputs=("real", "real", "real"),
    source="Cover & Thomas (2006), theorem 8.4.1",
    truth=(
        truth.chain(0.5),
        truth.conditional_normals(
            [[2, 0.5, 0.3, 0], [0.5, 1, -0.2, 0.4], [0.3, -0.2, 0.5, 0], [0, 0.4, 0, 1]], (1, 1, 2)
        ),
    ),
)
def gaussian_conditional_mutual_information(
    x: Any, y: Any, z: Any, *, shrinkage: str | float | None = None, pointwise: bool = False
) -> Estimate:
    r"""Information between normal x and y given z, from their partial canonical correlations.

    .. math:: \hat I = -\tfrac{1}{2} \sum_i \ln (1 - \rho_i^2)
        = \tfrac{1}{2} \ln \frac{|\hat\Sigma_{xz}| |\hat\Sigma_{yz}|}
        {|\hat\Sigma_z| |\hat\Sigma_{xyz}|}

    where the correlations are those of what linear regression on z leaves of x and of y.

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples.
    z : real array, shape (n,) or (n, d)
        The condition.
    shrinkage : {None, "ledoit_wolf", "oas"} or float
        As for :func:`gaussian_entropy`, for all columns together.
    pointwise : bool
        As for :func:`gaussian_mutual_information`.

    Returns
    -------
    Estimate
        In nats; infinite if z leaves the same of a combination of columns of x and of y.
        Diagnostics: ``correlations`` (partial canonical, the largest first), ``rank`` (of what z
        leaves of x and of y), and ``shrinkage`` where one was asked for.

    Raises
    ------
    TypeError, ValueError
        As :func:`gaussian_mutual_information`.

    Notes
    -----
    Sees linear dependence alone. Constant and redundant columns change nothing, and columns that
    z explains hold nothing more. Bias: about d_x d_y / 2n, upwards. Standard error: as for
    :func:`gaussian_mutual_information`. Cost: O(n d^2) time, O(n d) memory.

    References
    ----------
    Cover & Thomas, Elements of Information Theory (2006), theorem 8.4.1,
    doi:10.1002/047174882X; Rao, Sankhya A 31 (1969) 319 (partial canonical correlations).
    """
    pointwise = checks.flag(pointwise, "pointwise")
    parts, _ = _standardised([x, y, z])
    correlation, diagnostics = _correlation(parts, shrinkage)
    known = x.shape[1] + y.shape[1]
    white = _whitening(correlation[known:, known:])
    loadings = correlation[:known, known:] @ white
    left = correlation[:known, :known] - loadings @ loadings.T
    if pointwise:
        explained = _numpy(parts[2]) @ white @ loadings.T
        parts = np.split(np.hstack(list(map(_numpy, parts[:2]))) - explained, [x.shape[1]], axis=1)
    found = canonical_information(left, x.shape[1], parts, pointwise)
    found = replace(found, diagnostics=dict(found.diagnostics) | diagnostics)
    if white.shape[1] < len(x) - 1 or len(x) == 1:
        return found
    return found.noting("z has as many columns as there are samples: it explains anything.")


@estimator(
    "total_correlation:gaussian",
    inputs=("real", "real", "..."),
    source="Watanabe (1960), doi:10.1147/rd.41.0066",
    truth=(
        truth.shared_normals([[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]], (1, 1, 1)),
        truth.shared_normals([[2, 0.5, 0.3], [0.5, 1, -0.2], [0.3, -0.2, 0.5]], (2, 1)),
    ),
)
def gaussian_total_correlation(*variables: Any, shrinkage: str | float | None = None) -> Estimate:
    r"""Total correlation of jointly normal variables, from their covariance.

    .. math:: \hat C = \tfrac{1}{2} \ln \frac{\prod_k |\hat\Sigma_k|}{|\hat\Sigma|}

    Parameters
    ----------
    variables : real arrays, shape (n,) or (n, d)
        Two or more variables, in paired samples.
    shrinkage : {None, "ledoit_wolf", "oas"} or float
        As for :func:`gaussian_entropy`, for all columns together.

    Returns
    -------
    Estimate
        In nats; infinite if columns of one variable determine one of another. Diagnostics:
        ``rank`` (of each variable), and ``shrinkage`` where one was asked for.

    Raises
    ------
    TypeError, ValueError
        For fewer than two variables, unequal lengths, and an unknown shrinkage.

    Notes
    -----
    Of two variables it is their mutual information. Sees linear dependence alone. Constant and
    redundant columns of one variable change nothing. Bias: about the number of pairs of columns
    of different variables over 2n, upwards. Standard error: the leading order, which vanishes at
    independence. Cost: O(n d^2) time, O(n d) memory.

    References
    ----------
    Watanabe, IBM J. Res. Dev. 4 (1960) 66, doi:10.1147/rd.41.0066.
    """
    n = len(variables[0])
    parts, _ = _standardised(variables)
    correlation, diagnostics = _correlation(parts, shrinkage)
    ends = np.cumsum([0, *(part.shape[1] for part in parts)])
    maps = [_whitening(correlation[a:b, a:b]) for a, b in pairwise(ends)]
    rank = tuple(white.shape[1] for white in maps)
    white = block_diag(*maps)
    spectrum = np.linalg.eigvalsh(white.T @ correlation @ white)
    singular = bool((spectrum < _ROUNDING * len(spectrum)).any())
    found = Estimate(
        math.inf if singular else -math.fsum(np.log(spectrum)) / 2 + 0.0,
        stderr=None if singular else math.sqrt(float(np.square(spectrum - 1).sum()) / (2 * n)),
        n=n,
        diagnostics={"rank": rank} | diagnostics,
    )
    if singular:
        return found.noting("columns of one variable determine one of another: it is infinite.")
    return found


def canonical_information(
    covariance: np.ndarray, split: int, parts: Sequence[Any], pointwise: bool
) -> Estimate:
    """Information of the first `split` columns and the others by their canonical correlations.

    `covariance` is that of columns of variance 1, or of what a condition leaves of them; `parts`
    are the centred samples, from which come the terms of each where they are asked for.
    """
    n = len(parts[0])
    x_white = _whitening(covariance[:split, :split])
    y_white = _whitening(covariance[split:, split:])
    rank = x_white.shape[1], y_white.shape[1]
    if 0 in rank:
        none = Estimate(0.0, stderr=0.0, n=n, diagnostics={"correlations": (), "rank": rank})
        return _attaching(none, np.zeros(n)) if pointwise else none
    across = x_white.T @ covariance[:split, split:] @ y_white
    x_turn, canonical, y_turn = np.linalg.svd(across, full_matrices=False)
    unexplained = 1 - canonical**2
    infinite = bool((unexplained < _ROUNDING).any())
    estimate = Estimate(
        math.inf if infinite else -math.fsum(np.log(unexplained)) / 2,
        stderr=None if infinite else math.sqrt(float(canonical @ canonical) / n),
        n=n,
        diagnostics={"correlations": tuple(map(float, canonical)), "rank": rank},
    )
    if infinite:
        estimate = estimate.noting("a combination of columns of x equals one of y: it is infinite.")
        return _attaching(estimate, np.full(n, math.inf)) if pointwise else estimate
    if not pointwise:
        return estimate
    u = _numpy(parts[0]) @ x_white @ x_turn
    v = _numpy(parts[1]) @ y_white @ y_turn.T
    gained = canonical * (u * v - canonical * (u * u + v * v) / 2) / unexplained
    return _attaching(estimate, estimate.value + gained.sum(axis=1))


def _standardised(parts: Sequence[Any]) -> tuple[list[Any], list[np.ndarray]]:
    """Columns of mean 0 and deviation 1, and the logarithms of their deviations."""
    engine = ops.of(*parts)
    standard, log_deviations = zip(*map(engine.standardise, parts), strict=True)
    return list(standard), list(log_deviations)


def _correlation(
    parts: Sequence[Any], shrinkage: str | float | None
) -> tuple[np.ndarray, dict[str, float]]:
    """Correlations of all columns, shrunk, and what to say about it; rows of 0 for constants."""
    share = shrinkage
    if share is None or isinstance(share, str):
        checks.choice(share, "shrinkage", SHRINKAGES)
    elif checks.number(share, "shrinkage", low=0.0) > 1:
        raise ValueError(f"shrinkage must be at most 1; got {share:g}.")
    correlation = ops.of(*parts).covariance(*parts)
    if share is None:
        return correlation, {}
    if isinstance(share, str):
        rule = _ledoit_wolf if share == "ledoit_wolf" else _oas
        share = rule(correlation, parts)
    diagonal = np.diag(np.diag(correlation))
    return diagonal + (1 - share) * (correlation - diagonal), {"shrinkage": float(share)}


def _ledoit_wolf(correlation: np.ndarray, parts: Sequence[Any]) -> float:
    """The share at which the expected squared error is least: noise over noise and signal."""
    lengths = sum(_numpy((part * part).sum(1)) for part in parts)
    size = float(np.square(correlation).sum())
    noise = (float(np.square(lengths).mean()) - size) / len(parts[0])
    signal = size - _variables(correlation)
    return min(1.0, noise / signal) if signal > 0 else 0.0


def _oas(correlation: np.ndarray, parts: Sequence[Any]) -> float:
    """The same where samples are normal: the oracle approximating shrinkage."""
    n, d = len(parts[0]), max(1, _variables(correlation))
    mean_square = float(np.square(correlation).sum()) / d**2
    signal = (n + 1) * (mean_square - 1 / d)
    return min(1.0, (mean_square + 1) / signal) if signal > 0 else 1.0


def _variables(correlation: np.ndarray) -> int:
    """How many columns are not constant: each of the others has variance 1."""
    return int((np.diag(correlation) > 0.5).sum())


def _whitening(correlation: np.ndarray) -> np.ndarray:
    """(d, rank) map to uncorrelated directions of variance 1, where there is any variance.

    Columns have variance 1, or 0 if they are constant, whatever their scale was.
    """
    spectrum, directions = np.linalg.eigh(correlation)
    kept = spectrum > _ROUNDING * len(spectrum)
    return directions[:, kept] / np.sqrt(spectrum[kept])


def _numpy(x: Any) -> np.ndarray:
    return np.asarray(x.cpu() if checks.is_tensor(x) else x)


def _attaching(estimate: Estimate, local: np.ndarray) -> Estimate:
    """The estimate with the terms of its samples among the diagnostics."""
    local.flags.writeable = False
    return replace(estimate, diagnostics=dict(estimate.diagnostics) | {"pointwise": local})
