"""Mutual information of real variables from the ranks of their columns: the Gaussian copula."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import digamma, ndtri

from infotheory import checks, ops, truth
from infotheory.directions import standardised
from infotheory.estimate import Estimate
from infotheory.estimators.gaussian import canonical_information
from infotheory.registry import estimator

__all__ = ["gaussian_copula_mutual_information"]

#: Rounding to float32 alone gives large samples a few ties; a hundredth is no accident.
_MANY_TIES = 0.01


@estimator(
    "mutual_information:gaussian_copula",
    inputs=("real", "real"),
    bound="lower",
    source="Ince et al. (2017), doi:10.1002/hbm.23471",
    truth=(
        truth.correlated_normals(0.6),
        truth.correlated_normals(0.6, d=3),
        truth.mapped(truth.correlated_normals(0.75), by="cube"),
    ),
)
def gaussian_copula_mutual_information(
    x: Any, y: Any, *, corrected: bool = True, pointwise: bool = False
) -> Estimate:
    r"""Mutual information of normal variables that have the same ranks as the samples.

    .. math:: \hat I = -\tfrac{1}{2} \sum_i \ln (1 - \rho_i^2) - b, \quad
        u = \Phi^{-1} \Bigl( \frac{\mathrm{rank}(x)}{n + 1} \Bigr)

    with the canonical correlations of the normal scores u of the columns, and their bias for
    normal variables, where D is the sum over i of psi((n - i) / 2) / 2 for i = 1 to d:

    .. math:: b = D(d_x) + D(d_y) - D(d_x + d_y)

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples.
    corrected : bool
        Whether b is subtracted.
    pointwise : bool
        Whether to attach the term of each sample as ``diagnostics["pointwise"]``.

    Returns
    -------
    Estimate
        In nats; infinite if the scores of x determine a combination of those of y. Diagnostics:
        ``correlations`` (canonical, the largest first), ``rank`` (of x and of y), ``ties`` (of the
        column with most, the fraction of samples that have an exact duplicate there).

    Raises
    ------
    TypeError, ValueError
        For unequal lengths, and for a flag that is neither True nor False.

    Notes
    -----
    Increasing maps of single columns change nothing. In the population it is a lower bound of
    the Shannon information: the copula may hold dependence that correlations of scores do not see,
    and of all variables with these correlations normal ones share least. Ties get their average
    rank, which makes scores that are not normal; where many are, the bound need not hold. Bias:
    after the correction small; negative values are chance around 0. Standard error: as for
    :func:`infotheory.gaussian_mutual_information`. Cost: O(n d (ln n + d)) time, O(n d) memory.

    References
    ----------
    Ince et al., Human Brain Mapping 38 (2017) 1541, doi:10.1002/hbm.23471;
    the bias: Misra, Singh, Demchuk, J. Multivar. Anal. 92 (2005) 324,
    doi:10.1016/j.jmva.2003.10.003.
    """
    corrected = checks.flag(corrected, "corrected")
    pointwise = checks.flag(pointwise, "pointwise")
    n = len(x)
    ranks = [_ranks(part) for part in (x, y)]
    with ops.use("cpu"):
        scores = standardised([ndtri(each / (n + 1)) for each in ranks])
    found = canonical_information(scores.root, scores.resolution, scores.parts, pointwise)
    diagnostics = dict(found.diagnostics)
    shift = _bias(n, *diagnostics["rank"]) if corrected and math.isfinite(found.value) else 0.0
    if pointwise:
        diagnostics["pointwise"] = diagnostics["pointwise"] - shift
        diagnostics["pointwise"].flags.writeable = False
    diagnostics["ties"] = max(_tied(column) for each in ranks for column in each.T)
    found = replace(found, value=found.value - shift, diagnostics=diagnostics)
    if diagnostics["ties"] <= _MANY_TIES:
        return found
    return found.noting(
        f"{diagnostics['ties']:.1%} of the samples are tied in a column: their scores are not "
        f"normal, and the value is only a rough guide. A method for mixed or discrete data fits."
    )


def _ranks(x: Any) -> np.ndarray:
    ranks = ops.of(x).rank(x)
    return np.asarray(ranks.cpu() if checks.is_tensor(ranks) else ranks, dtype=np.float64)


def _bias(n: int, x_rank: int, y_rank: int) -> float:
    """What normal variables of these dimensions are estimated too high."""
    terms = digamma((n - np.arange(1, x_rank + y_rank + 1)) / 2) / 2
    return float(terms[:x_rank].sum() - terms[y_rank:].sum()) if x_rank and y_rank else 0.0


def _tied(ranks: np.ndarray) -> float:
    """Fraction of samples whose rank another has too; 0 for a constant, which tells nothing."""
    _, counts = np.unique(ranks, return_counts=True)
    return float(counts[counts > 1].sum() / len(ranks)) if len(counts) > 1 else 0.0
