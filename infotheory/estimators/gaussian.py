"""Entropy and mutual information of normal variables, from their covariance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.linalg import block_diag

from infotheory import checks, truth
from infotheory.directions import Whitening, canonical, shrunk_root, standardised, whitening
from infotheory.estimate import Estimate
from infotheory.registry import estimator

__all__ = [
    "canonical_information",
    "gaussian_conditional_mutual_information",
    "gaussian_entropy",
    "gaussian_mutual_information",
    "gaussian_total_correlation",
]


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
    sqrt(d / 2n), that of normal data: of others it can be far too small (exponential ones: a half,
    Student's with 3 degrees: a fourth) or too large (uniform ones: 1.6 times).
    Cost: O(n d^2) time, O(n d) memory.

    References
    ----------
    Cover & Thomas, Elements of Information Theory (2006), theorem 8.4.1,
    doi:10.1002/047174882X; Ledoit & Wolf, J. Multivar. Anal. 88 (2004) 365,
    doi:10.1016/S0047-259X(03)00096-4; Chen et al., IEEE Trans. Signal Process. 58 (2010) 5016,
    doi:10.1109/TSP.2010.2053029, eq. 23.
    """
    n, d = x.shape
    pointwise = checks.flag(pointwise, "pointwise")
    standard = standardised([x])
    shrunk, diagnostics = shrunk_root(standard, shrinkage)
    white = whitening(shrunk, standard.resolution[0])
    diagnostics = {"rank": white.rank} | diagnostics
    if white.rank < d:
        message = (
            f"the covariance has rank {white.rank} of {d} (a constant or redundant column), so "
            f"there is no density and the entropy is minus infinity; drop such columns first."
        )
        found = Estimate(-math.inf, n=n, diagnostics=diagnostics).noting(message)
        found = found.noting(_blurred("x", white, d)) if white.blurred else found
        return _attaching(found, np.full(n, -math.inf)) if pointwise else found
    value = d / 2 * math.log(2 * math.pi * math.e) + math.fsum(
        (*standard.log_deviations[0], *np.log(white.deviations))
    )
    found = Estimate(value, stderr=math.sqrt(d / (2 * n)), n=n, diagnostics=diagnostics)
    if not pointwise:
        return found
    lengths = np.square(_numpy(standard.parts[0]) @ white.into).sum(axis=1)
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
    leading order for normal data; 0 at independence. Cost: O(n d^2) time, O(n d) memory.

    References
    ----------
    Cover & Thomas, Elements of Information Theory (2006), example 8.5.1,
    doi:10.1002/047174882X; Hotelling, Biometrika 28 (1936), doi:10.1093/biomet/28.3-4.321.
    """
    pointwise = checks.flag(pointwise, "pointwise")
    standard = standardised([x, y])
    shrunk, diagnostics = shrunk_root(standard, shrinkage)
    found = canonical_information(shrunk, standard.resolution, standard.parts, pointwise)
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
    standard = standardised([x, y, z])
    parts, (x_resolution, y_resolution, z_resolution) = standard.parts, standard.resolution
    shrunk, diagnostics = shrunk_root(standard, shrinkage)
    split, known = x.shape[1], x.shape[1] + y.shape[1]
    white = whitening(shrunk[:, known:], z_resolution)
    loadings = white.basis.T @ shrunk[:, :known]
    left = shrunk[:, :known] - white.basis @ loadings
    weights = white.into @ loadings
    # What is left is as coarse as the column and all that was subtracted from it.
    coarse = np.split(np.abs(weights).T @ z_resolution, [split])
    resolution = [x_resolution + coarse[0], y_resolution + coarse[1]]
    if pointwise:
        explained = _numpy(parts[2]) @ weights
        parts = np.split(np.hstack(list(map(_numpy, parts[:2]))) - explained, [split], axis=1)
    names = "what z leaves of x", "what z leaves of y"
    found = canonical_information(left, resolution, parts[:2], pointwise, names)
    found = found.noting(_blurred("z", white, z.shape[1])) if white.blurred else found
    found = replace(found, diagnostics=dict(found.diagnostics) | diagnostics)
    if white.rank < len(x) - 1 or len(x) == 1:
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
def gaussian_total_correlation(
    *variables: Any, shrinkage: str | float | None = None, pointwise: bool = False
) -> Estimate:
    r"""Total correlation of jointly normal variables, from their covariance.

    .. math:: \hat C = \tfrac{1}{2} \ln \frac{\prod_k |\hat\Sigma_k|}{|\hat\Sigma|}

    Parameters
    ----------
    variables : real arrays, shape (n,) or (n, d)
        Two or more variables, in paired samples.
    shrinkage : {None, "ledoit_wolf", "oas"} or float
        As for :func:`gaussian_entropy`, for all columns together.
    pointwise : bool
        Whether to attach ln p(joint) / p(x_1) p(x_2) ... of each sample as
        ``diagnostics["pointwise"]``; with shrinkage these do not average to the value.

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
    pointwise = checks.flag(pointwise, "pointwise")
    standard = standardised(variables)
    parts, resolution = standard.parts, standard.resolution
    shrunk, diagnostics = shrunk_root(standard, shrinkage)
    ends = np.cumsum([0, *(part.shape[1] for part in parts)])
    maps = [
        whitening(shrunk[:, a:b], of_part)
        for (a, b), of_part in zip(pairwise(ends), resolution, strict=True)
    ]
    rank = tuple(white.rank for white in maps)
    noticed = {"rank": rank} | diagnostics
    named = list(zip(_places(parts), maps, parts, strict=True))
    if sum(map(bool, rank)) < 2:
        none = Estimate(0.0, stderr=0.0, n=n, diagnostics=noticed)
        return _naming_blurred(_attaching(none, np.zeros(n)) if pointwise else none, named)
    _, deviations, turn = np.linalg.svd(np.hstack([white.basis for white in maps]))
    into = block_diag(*(white.into for white in maps)) @ turn.T
    singular = bool((deviations <= _combined(into, resolution)).any())
    found = Estimate(
        math.inf if singular else 0.0 - math.fsum(np.log(deviations)),
        stderr=None if singular else _error(deviations, n),
        n=n,
        diagnostics=noticed,
    )
    if pointwise:
        along = np.square(np.hstack(list(map(_numpy, parts))) @ into)
        gained = 0.0 if singular else (along * (1 - 1 / deviations**2)).sum(axis=1) / 2
        found = _attaching(found, np.full(n, found.value) + gained)
    found = _naming_blurred(found, named)
    if singular:
        return found.noting("columns of one variable determine one of another: it is infinite.")
    return found


def _error(deviations: np.ndarray, n: int) -> float:
    """Standard error of a total correlation, from the deviations of the joint whitened columns."""
    return math.sqrt(float(np.square(deviations**2 - 1).sum()) / (2 * n))


def canonical_information(
    root: np.ndarray,
    resolution: Sequence[np.ndarray],
    parts: Sequence[Any],
    pointwise: bool,
    names: tuple[str, str] = ("x", "y"),
) -> Estimate:
    """Information of two parts by their canonical correlations.

    `root` is that of the correlations, or of what a condition leaves of them; `resolution` is
    that of the columns; `parts` are the centred samples, from which come the terms of each where
    they are asked for.
    """
    n, split = len(parts[0]), parts[0].shape[1]
    x, y = whitening(root[:, :split], resolution[0]), whitening(root[:, split:], resolution[1])
    rank = x.rank, y.rank
    named = list(zip(names, (x, y), parts, strict=True))
    if 0 in rank:
        none = Estimate(0.0, stderr=0.0, n=n, diagnostics={"correlations": (), "rank": rank})
        none = _naming_blurred(none, named)
        return _attaching(none, np.zeros(n)) if pointwise else none
    pairs = canonical(x, y)
    unexplained, correlations = pairs.unexplained, pairs.correlations
    least = _combined(pairs.x, resolution[:1]) + _combined(pairs.y, resolution[1:])
    infinite = bool((unexplained <= least**2).any())
    estimate = Estimate(
        math.inf if infinite else 0.0 - math.fsum(np.log(unexplained)) / 2,
        stderr=None if infinite else math.sqrt(float(correlations @ correlations) / n),
        n=n,
        diagnostics={"correlations": tuple(map(float, correlations)), "rank": rank},
    )
    estimate = _naming_blurred(estimate, named)
    if infinite:
        estimate = estimate.noting("a combination of columns of x equals one of y: it is infinite.")
        return _attaching(estimate, np.full(n, math.inf)) if pointwise else estimate
    if not pointwise:
        return estimate
    u, v = _numpy(parts[0]) @ pairs.x, _numpy(parts[1]) @ pairs.y
    # In the difference, since the squares of a close pair cancel.
    apart = correlations * np.square(u - v) / (2 * unexplained)
    gained = correlations * (u * v / (1 + correlations) - apart)
    return _attaching(estimate, estimate.value + gained.sum(axis=1))


def _combined(weights: np.ndarray, resolution: Sequence[np.ndarray]) -> np.ndarray:
    """The resolution of combinations of columns, one for each column of weights."""
    return np.sqrt(np.square(weights * np.concatenate(resolution)[:, None]).sum(axis=0))


def _places(parts: Sequence[Any]) -> list[str]:
    return [f"variables[{place}]" for place in range(len(parts))]


def _naming_blurred(found: Estimate, named: Iterable[tuple[str, Whitening, Any]]) -> Estimate:
    """The estimate, with a warning for each variable of which rounding has hidden something."""
    for name, white, part in named:
        if white.blurred:
            found = found.noting(_blurred(name, white, part.shape[1]))
    return found


def _blurred(name: str, white: Whitening, d: int) -> str:
    return (
        f"{name} has rank {white.rank} of {d}: another combination of its columns varies so "
        f"little that it cannot be told from rounding, and is left out."
    )


def _numpy(x: Any) -> np.ndarray:
    return np.asarray(x.cpu() if checks.is_tensor(x) else x)


def _attaching(estimate: Estimate, local: np.ndarray) -> Estimate:
    """The estimate with the terms of its samples among the diagnostics."""
    local.flags.writeable = False
    return replace(estimate, diagnostics=dict(estimate.diagnostics) | {"pointwise": local})
