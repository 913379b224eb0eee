"""Information from the spectra of random walks over the samples of classes (DSMI)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, ops, truth
from infotheory.digits import noting_lost_digits
from infotheory.estimate import Estimate
from infotheory.estimators.diffusion import ESTIMAND, RESOLVED, SOURCE, noting_width, rule_of
from infotheory.estimators.neighbours import is_constant
from infotheory.registry import estimator
from infotheory.widths import in_widths, kernel_width

__all__ = ["diffusion_mutual_information"]


@estimator(
    "mutual_information:diffusion",
    inputs=("real", "codes"),
    estimand=ESTIMAND,
    source=SOURCE,
    resolved=RESOLVED,
    truth=(truth.labelled_clusters(4),),
)
def diffusion_mutual_information(
    x: Any,
    y: Any,
    *,
    width: str | float = "sqrt_dim",
    t: float = 1.0,
    alpha: float = 0.0,
    order: float = 1.0,
    solver: str = "auto",
    precision: str = "double",
    repetitions: int = 5,
    tol: float = 1e-3,
    rng: Any = 0,
) -> Estimate:
    r"""Diffusion spectral mutual information: how much less a class spreads than its like.

    .. math:: I = \sum_c \frac{n_c}{n} \bigl( \bar S(n_c) - S(X_c) \bigr)

    with the entropy of :func:`diffusion_entropy` of the samples of a class, and its mean over
    random subsets of X of the same size, since it grows with the number of samples.

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        Samples.
    y : discrete labels, shape (n,) or (n, d)
        The class of each sample. For continuous y see :func:`infotheory.clusters`.
    width, t, alpha, order, solver, precision, tol
        As for :func:`diffusion_entropy`. The width is resolved once, on all of x.
    repetitions : int
        Subsets for each class, drawn anew for each of them.
    rng : int or numpy.random.Generator
        For the subsets, and for the "lanczos" solver.

    Returns
    -------
    Estimate
        In nats; negative values are kept, and are exactly 0 if x is constant or y has one class.
        ``params["sigma"]`` is the width. Diagnostics: ``classes`` (their number), ``saturated``,
        ``solver_error`` (a standard error of the mean over subsets, if there are several, and
        of "lanczos"); of "lanczos" also ``converged`` (whether all spectra met `tol`).

    Raises
    ------
    MemoryError, TypeError, ValueError
        As :func:`diffusion_entropy`; and if the lengths differ.

    Notes
    -----
    Not bounded by the entropy of y, and no estimate of Shannon's information: it says how far the
    classes are single clusters at the scale of the width. Bias: towards 0 where the kernels reach
    no other sample, or all, which is warned of. Standard error: that of sampling is not known.
    The order of the samples does not matter but where rows coincide. Cost: 1 + `repetitions`
    spectra for each class, of its own size.

    References
    ----------
    Liao et al., CISS (2024), arXiv:2312.04823, eq. 7.
    """
    rule = rule_of(t, alpha, order, solver, precision, tol)
    checks.integer(repetitions, "repetitions", low=1)
    draw = checks.generator(rng)
    sigma = kernel_width(width, x)
    n = len(x)
    # Subsets are drawn, and classes numbered, in an order of the samples themselves.
    places = _own_order(x)
    classes = ops.of(x, y).row_codes(y)[places]
    names, first = np.unique(classes, return_index=True)
    params = {"sigma": sigma}
    told = {"classes": len(names), "saturated": False}
    if len(names) == 1 or is_constant(x):
        return Estimate(0.0, n=n, params=params, diagnostics=told)
    (scaled,) = in_widths((x,), sigma, "double")

    def entropy(rows: np.ndarray) -> _Spectrum:
        part = scaled[np.sort(rows)]
        if is_constant(part):
            return _Spectrum(0.0, 0.0, True)
        value, told = rule.entropy(part, draw)
        return _Spectrum(value, told.get("solver_error", 0.0), told.get("converged", True))

    terms = []
    for name in names[np.argsort(first)]:
        own = places[classes == name]
        subsets = [draw.choice(places, len(own), replace=False) for _ in range(repetitions)]
        alike = [entropy(rows) for rows in subsets]
        terms.append(_Class(len(own) / n, math.log(len(own)), entropy(own), alike))
    found = Estimate(
        math.fsum(term.share * (term.mean - term.own.value) for term in terms),
        n=n,
        params=params,
        diagnostics=told | _error_of_subsets(terms),
    )
    found = noting_lost_digits(found, {"x": x})
    found = _noting_spectra(found, [each for c in terms for each in (c.own, *c.alike)], tol)
    spread = math.fsum(term.share * term.mean for term in terms)
    return noting_width(found, spread, math.fsum(c.share * c.ceiling for c in terms), sigma)


class _Spectrum(NamedTuple):
    """An entropy, and what the solver knows of it."""

    value: float
    error: float
    converged: bool


class _Class(NamedTuple):
    share: float
    ceiling: float
    own: _Spectrum
    """Entropy of the class."""
    alike: list[_Spectrum]
    """Entropies of random subsets of its size."""

    @property
    def mean(self) -> float:
        """Of the subsets."""
        return float(np.mean([each.value for each in self.alike]))

    @property
    def variance(self) -> float:
        """Of the mean less the own entropy; how subsets differ includes what the solver adds."""
        count = len(self.alike)
        if count == 1:
            return self.own.error**2 + self.alike[0].error ** 2
        values = np.array([each.value for each in self.alike])
        return self.own.error**2 + float(values.var(ddof=1)) / count


def _own_order(x: Any) -> np.ndarray:
    """An order of the rows that follows from their values alone, by one column after another.

    Only equal rows share a place. Sums of columns would tie rows that differ, and would round
    otherwise in another precision or on another engine.
    """
    rows = x.cpu().numpy() if checks.is_tensor(x) else x
    rows = np.ascontiguousarray(rows, dtype=np.float64) + 0.0  # -0 and 0 are one value
    bits = rows.view(np.int64)
    # Bytes that compare as the numbers do, so that whole rows are compared at once.
    places = bits ^ ((bits >> 63) | np.int64(-(2**63)))
    whole = places.astype(">i8").view(np.dtype((np.void, 8 * rows.shape[1])))[:, 0]
    return np.argsort(whole, kind="stable")


def _error_of_subsets(terms: list[_Class]) -> dict[str, float]:
    """Standard error of the mean over subsets and of the solver, weighted by the classes."""
    error = math.sqrt(math.fsum(term.share**2 * term.variance for term in terms))
    # Of one exact subset nothing is known.
    return {"solver_error": error} if error or len(terms[0].alike) > 1 else {}


def _noting_spectra(found: Estimate, spectra: list[_Spectrum], tol: float) -> Estimate:
    """With a warning where the solver has missed its tolerance in some of the spectra."""
    if not any(each.error for each in spectra):
        return found
    missed = [each for each in spectra if not each.converged]
    told = {**found.diagnostics, "converged": not missed}
    found = replace(found, diagnostics=told)
    if not missed:
        return found
    return found.noting(
        f"the error of the solver is up to {max(each.error for each in missed):.2g} nats in "
        f"{len(missed)} of {len(spectra)} spectra, above tol={tol:g}; allow a larger tol, or "
        f"choose solver='exact'."
    )
