"""Information of real variables from neighbour counts (Kraskov, Stögbauer, Grassberger)."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import digamma

from infotheory import checks, ops, truth
from infotheory.digits import lost_digits
from infotheory.estimate import Estimate
from infotheory.estimators.neighbours import (
    against_ceiling,
    check_neighbours,
    doubts,
    is_constant,
    rescaled,
    rescaled_by_name,
    vanished,
)
from infotheory.registry import estimator

__all__ = [
    "ksg_conditional_mutual_information",
    "ksg_mutual_information",
    "ksg_total_correlation",
]

VARIANTS = (1, 2)

#: So many values of psi are kept.
_KEPT_PSI = 4096

#: What to do about ties.
_OF_TIES = "use method='mixed', or 'plugin' where all are whole labels"


def _null(
    x: Any,
    y: Any,
    orders: np.ndarray,
    *,
    k: int,
    variant: int,
    metric: str,
    scale: str | None,
    pointwise: bool,
) -> np.ndarray | None:
    """The values with the rows of y in each order; all that does not change is done once."""
    x, y = rescaled([x, y], scale)
    if variant != 1 or is_constant(x) or is_constant(y):
        return None
    counts = ops.of(x, y).permuted_counts([x, y], k, metric, orders)
    psi = digamma(np.arange(1.0, len(x) + 1))
    local = [psi[k - 1] + psi[-1] - psi[pair].sum(axis=0) for pair in counts.swapaxes(0, 1)]
    return np.array([float(each.mean()) for each in local])


@estimator(
    "mutual_information:ksg",
    inputs=("real", "real"),
    source="Kraskov et al. (2004), arXiv:cond-mat/0305641, eqs. 8 and 9",
    truth=(truth.correlated_normals(0.6), truth.correlated_normals(0.6, d=2)),
    null=_null,
)
def ksg_mutual_information(
    x: Any,
    y: Any,
    *,
    k: int = 3,
    variant: int = 1,
    metric: str = "chebyshev",
    scale: str | None = "standardise",
    pointwise: bool = False,
) -> Estimate:
    r"""Mutual information from neighbour counts (Kraskov, Stögbauer and Grassberger).

    .. math:: \hat I_1 = \psi(k) + \psi(n) - \langle \psi(n_x + 1) + \psi(n_y + 1) \rangle

    where n_x counts the other samples strictly nearer in x than the k-th neighbour in the
    joint space is, whose distance is the larger of those in x and in y; and

    .. math:: \hat I_2 = \psi(k) - \tfrac1k + \psi(n) - \langle \psi(n_x) + \psi(n_y) \rangle

    where n_x counts those as near in x as the k neighbours reach in x, the furthest included.

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples.
    k : int
        Which neighbour; a larger k has less variance and more bias.
    variant : {1, 2}
        Which of the two algorithms of the article. The second takes rectangles for squares: it
        is less biased for strong dependence in few dimensions, more so in many.
    metric : {"chebyshev", "euclidean"}
        The norm within x and within y; across the two it is always the maximum.
    scale : {"standardise", "rank", None}
        Each column to deviation 1; to ranks, which makes the estimate blind to monotone maps
        of a column; or left alone. The true value does not depend on it.
    pointwise : bool
        Adds the term of each sample as ``diagnostics["pointwise"]``.

    Returns
    -------
    Estimate
        In nats; negative values near independence are kept. Diagnostics: ``ties`` (the fraction
        of samples with an exact duplicate in x or in y), ``ceiling`` (psi(n) - psi(k), in the
        second variant less 1 / k), ``saturated``, ``path``.

    Raises
    ------
    ValueError
        If k >= n, the lengths differ, or for an unknown variant, metric or scale.

    Notes
    -----
    Bias: towards zero where the dependence is strong or the dimension high (at n = 10,000 it
    finds less than half of 4.46 nats in 20 + 20 normal dimensions). Without ties no value can
    exceed the ceiling. Ties are counted by definition and never broken, neither by noise nor by
    the rounding of a scale; data with many of them is not continuous: see
    :func:`mixed_mutual_information`. Distances of ranks are whole numbers, many of them equal,
    which makes the first variant too high and the second too low (independent variables at
    n = 500: +.04 and -.06). A constant variable has information 0. Standard error: that of a
    mean of independent terms, which those of neighbours are not: the true spread is 1.1 to 1.8
    times as large, most for strong dependence in several dimensions.
    Cost: O(n log n) in few dimensions, O(n^2 d) in many; O(n d) memory.

    References
    ----------
    Kraskov, Stögbauer, Grassberger, Phys. Rev. E 69 (2004) 066138, doi:10.1103/PhysRevE.69.066138,
    eqs. 8 and 9.
    """
    return _shared({"x": x, "y": y}, k, variant, metric, scale, pointwise)


@estimator(
    "total_correlation:ksg",
    inputs=("real", "real", "..."),
    source="Kraskov et al. (2004), arXiv:cond-mat/0305641, eqs. 23 and 30",
    truth=(truth.shared_normals([[1, 0.5, 0.4], [0.5, 1, 0.3], [0.4, 0.3, 1]], (1, 1, 1)),),
)
def ksg_total_correlation(
    *variables: Any,
    k: int = 3,
    variant: int = 1,
    metric: str = "chebyshev",
    scale: str | None = "standardise",
    pointwise: bool = False,
) -> Estimate:
    r"""Total correlation (multi-information) of several variables from neighbour counts.

    .. math:: \hat C_1 = \psi(k) + (m - 1) \psi(n) - \Bigl\langle \sum_{v=1}^m
        \psi(n_v + 1) \Bigr\rangle, \quad
        \hat C_2 = \psi(k) - \tfrac{m - 1}{k} + (m - 1) \psi(n) - \Bigl\langle \sum_v
        \psi(n_v) \Bigr\rangle

    for m variables, with counts n_v as for :func:`ksg_mutual_information`, which this is for two.

    Parameters
    ----------
    variables : real arrays, each of shape (n,) or (n, d)
        Paired samples of two variables or more.
    k, variant, metric, scale, pointwise
        As for :func:`ksg_mutual_information`.

    Returns
    -------
    Estimate
        In nats. Diagnostics as for :func:`ksg_mutual_information`; the ceiling is m - 1 times
        its.

    Raises
    ------
    TypeError, ValueError
        For fewer than two variables, unequal lengths, or as :func:`ksg_mutual_information`.

    Notes
    -----
    Bias: towards zero, and growing with the dimensions of all variables together. Constant
    variables change nothing: they are left out. Cost: as :func:`ksg_mutual_information`.

    References
    ----------
    Kraskov, Stögbauer, Grassberger, Phys. Rev. E 69 (2004) 066138, doi:10.1103/PhysRevE.69.066138,
    eqs. 23 and 30; Watanabe (1960), doi:10.1147/rd.41.0066.
    """
    named = {f"variables[{place}]": part for place, part in enumerate(variables)}
    return _shared(named, k, variant, metric, scale, pointwise)


@estimator(
    "conditional_mutual_information:ksg",
    inputs=("real", "real", "real"),
    source="Frenzel & Pompe (2007), doi:10.1103/PhysRevLett.99.204101",
    truth=(truth.chain(0.5), truth.common_cause()),
)
def ksg_conditional_mutual_information(
    x: Any,
    y: Any,
    z: Any,
    *,
    k: int = 3,
    metric: str = "chebyshev",
    scale: str | None = "standardise",
    pointwise: bool = False,
) -> Estimate:
    r"""Conditional mutual information from neighbour counts (Frenzel and Pompe).

    .. math:: \hat I = \psi(k) - \langle \psi(n_{xz} + 1) + \psi(n_{yz} + 1)
        - \psi(n_z + 1) \rangle

    where n_xz, n_yz and n_z count the other samples strictly nearer in those variables than the
    k-th neighbour in all three is.

    Parameters
    ----------
    x, y, z : real arrays, shape (n,) or (n, d)
        Paired samples; z is the condition.
    k : int
        Which neighbour; a larger k has less variance and more bias.
    metric : {"chebyshev", "euclidean"}
        The norm within each variable; across them it is always the maximum.
    scale : {"standardise", "rank", None}
        As for :func:`ksg_mutual_information`.
    pointwise : bool
        Adds the term of each sample as ``diagnostics["pointwise"]``.

    Returns
    -------
    Estimate
        In nats; negative values are kept. Diagnostics: ``ties`` (the largest fraction, over the
        variables, of samples with an exact duplicate), ``ceiling`` (psi(n) - psi(k)),
        ``saturated``, ``path``.

    Raises
    ------
    ValueError
        If k >= n, the lengths differ, or for an unknown metric or scale.

    Notes
    -----
    Bias: towards zero, and it grows quickly with the dimension of z: with few samples a strong
    conditional dependence can look like none. A constant x or y has information 0; with a
    constant z the value is that of :func:`ksg_mutual_information`. Standard error: that of a
    mean of independent terms, which those of neighbours are not: the true spread is 1.1 to 1.8
    times as large, most for strong dependence in several dimensions.
    Cost: O(n log n) in few dimensions, O(n^2 d) in many; O(n d) memory.

    References
    ----------
    Frenzel & Pompe, Phys. Rev. Lett. 99 (2007) 204101, doi:10.1103/PhysRevLett.99.204101, eq. 8.
    """
    check_neighbours(len(x), k, metric, scale)
    checks.flag(pointwise, "pointwise")
    ceiling = float(digamma(len(x)) - digamma(k))
    lost = lost_digits({"x": x, "y": y, "z": z})
    (x, y, z), swallowed = rescaled_by_name({"x": x, "y": y, "z": z}, scale)
    lost += vanished([x, y, z], k, metric)
    constant = [name for name, part in (("x", x), ("y", y)) if is_constant(part)]
    if constant:
        return nothing(len(x), ceiling, constant, pointwise)
    engine = ops.of(x, y, z)
    found = engine.neighbours([x, y, z], k, metric, counts=False)
    with_x, with_y, alone = (
        digamma(engine.nearer(parts, found.radius, metric) + 1.0) for parts in ([x, z], [y, z], [z])
    )
    varying = {"x": x, "y": y} | ({} if is_constant(z) else {"z": z})
    noted = {"path": found.path} | doubts(varying, lost, swallowed)
    local = digamma(k) + alone - (with_x + with_y)
    judged = against_ceiling(float(local.mean()), ceiling, 1 / k, [x, y, z], _OF_TIES)
    return _noting(local, judged, noted, pointwise)


def _shared(
    named: Mapping[str, Any],
    k: int,
    variant: int,
    metric: str,
    scale: str | None,
    pointwise: bool,
) -> Estimate:
    """Information shared by variables, counted from their full independence."""
    n = len(next(iter(named.values())))
    check_neighbours(n, k, metric, scale)
    checks.choice(variant, "variant", VARIANTS)
    checks.flag(pointwise, "pointwise")
    lost = lost_digits(named)
    parts, swallowed = rescaled_by_name(named, scale)
    lost += vanished(parts, k, metric)
    named = dict(zip(named, parts, strict=True))
    varying = {name: part for name, part in named.items() if not is_constant(part)}
    others = max(len(varying), 2) - 1
    ceiling = others * float(digamma(n) - digamma(k) - (1 / k if variant == 2 else 0))
    if len(varying) < 2:
        constant = [name for name in named if name not in varying]
        return nothing(n, ceiling, constant, pointwise)
    psi_of_counts, path = _counted(list(varying.values()), k, variant, metric)
    whole = digamma(k) - (others / k if variant == 2 else 0)
    local = whole + others * digamma(n) - psi_of_counts.sum(axis=0)
    rounding = others / k if variant == 1 else 0.0
    judged = against_ceiling(
        float(local.mean()), ceiling, rounding, list(varying.values()), _OF_TIES
    )
    return _noting(local, judged, {"path": path} | doubts(varying, lost, swallowed), pointwise)


def _counted(parts: Sequence[Any], k: int, variant: int, metric: str) -> tuple[np.ndarray, str]:
    """(parts, n) psi of the counts as the variant wants them, and the algorithm taken."""
    engine = ops.of(*parts)
    found = engine.neighbours(parts, k, metric, counts=variant == 1)
    if found.counts is not None:
        return _psi_after(found.counts), found.path
    reach = np.nextafter(engine.extents(parts, found.radius, metric), np.inf)
    near = [engine.nearer([part], r, metric) for part, r in zip(parts, reach, strict=True)]
    # The k neighbours themselves are within reach, even where their squares vanish.
    return digamma(np.maximum(near, k).astype(float)), found.path


def _psi_after(counts: np.ndarray) -> np.ndarray:
    """psi(count + 1), taken once for each number: few counts differ."""
    most = int(counts.max()) + 1
    psi = _first_psi() if most <= _KEPT_PSI else digamma(np.arange(1.0, most + 1))
    return psi[counts]


@functools.cache
def _first_psi() -> np.ndarray:
    """Psi of 1, 2, ...: with few samples it would take as long as much of the rest."""
    return digamma(np.arange(1.0, _KEPT_PSI + 1))


def nothing(n: int, ceiling: float, constant: list[str], pointwise: bool) -> Estimate:
    """What constant variables tell."""
    noted = {"ties": 1.0, "ceiling": ceiling, "saturated": False, "constant": constant}
    return Estimate.average(np.zeros(n), pointwise=pointwise, diagnostics=noted)


def _noting(
    local: np.ndarray, judged: Mapping[str, Any], noted: Mapping[str, Any], pointwise: bool
) -> Estimate:
    """The mean of the local values, with all that was noticed."""
    said = (*noted.get("warnings", ()), *judged.get("warnings", ()))
    diagnostics = {**noted, **judged} | ({"warnings": said} if said else {})
    return Estimate.average(local, pointwise=pointwise, diagnostics=diagnostics)
