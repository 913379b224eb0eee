"""Entropy of the spectrum of a random walk over samples, and information from it (DSE, DSMI)."""

from __future__ import annotations

import math
import numbers
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, ops, truth
from infotheory.digits import noting_lost_digits
from infotheory.estimate import AT_CEILING, Estimate
from infotheory.estimators.neighbours import is_constant
from infotheory.registry import estimator
from infotheory.solvers.spectral_entropy import renyi_of_logs, spectral_sums
from infotheory.solvers.walk import collision_entropy, walk_entropy, walk_spectrum
from infotheory.widths import in_widths, kernel_width

__all__ = ["diffusion_entropy", "diffusion_mutual_information"]

SOLVERS = ("auto", "exact", "lanczos")
#: Samples up to which "auto" decomposes the matrix.
LARGEST_EXACT = 2000

_ESTIMAND = "diffusion_spectral"
_SOURCE = "Liao et al. (2024), arXiv:2312.04823"
_RESOLVED = {"width": "sigma"}
#: An entropy below this share of ln n is that of kernels which reach all samples.
_NEARLY_NONE = 0.01
#: A kernel matrix has no negative eigenvalues; what rounding makes stays far above this share.
_NEGATIVE = -1e-6
#: No entropy is above ln n by more than its error and this share of it.
_ROUNDING = 1e-9


@estimator(
    "entropy:diffusion",
    inputs=("real",),
    estimand=_ESTIMAND,
    source=_SOURCE,
    differentiable=True,
    resolved=_RESOLVED,
    truth=(truth.clusters_of_one(4),),
)
def diffusion_entropy(
    x: Any,
    *,
    width: str | float = "sqrt_dim",
    t: float = 1.0,
    alpha: float = 0.0,
    order: float = 1.0,
    solver: str = "auto",
    precision: str = "double",
    tol: float = 1e-3,
    rng: Any = 0,
    landmarks: int | None = None,
) -> Estimate:
    r"""Diffusion spectral entropy: how many directions a random walk over the samples keeps.

    .. math:: S = -\sum_i a_i \ln a_i, \quad a_i = \frac{\lambda_i^t}{\sum_j \lambda_j^t}

    with the eigenvalues of the walk that steps from i to j in proportion to

    .. math:: K_{ij} = \frac{G_{ij}}{(d_i d_j)^\alpha}, \quad
        G_{ij} = e^{-|x_i - x_j|^2 / 2 \sigma^2}, \quad d_i = \sum_j G_{ij}

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        Samples.
    width : {"sqrt_dim", "median", "knn", "silverman"} or float
        sigma, as :func:`infotheory.widths.kernel_width` resolves it.
    t : float
        Steps of the walk, above 0: more of them leave the slowest directions alone.
    alpha : float
        How far the density of the samples is taken out, at least 0. With 0 the numbers are those
        of the published program, with 1/2 those of the article's text.
    order : float
        Order of the Renyi entropy of the spectrum; 1 is Shannon's, infinity the smallest.
    solver : {"auto", "exact", "lanczos"}
        "exact" decomposes the n x n matrix. "lanczos" is random: stochastic Lanczos quadrature,
        until its error is below `tol`. "auto" is exact up to n = 2000, and for order 2 with t = 1,
        where sums over pairs are enough.
    precision : {"double", "single"}
        Of an exact decomposition.
    tol : float
        The error wanted of "lanczos", in nats.
    rng : int or numpy.random.Generator
        For "lanczos" and for the choice of landmarks.
    landmarks : int, optional
        Take so many rows instead of all, chosen at random.

    Returns
    -------
    Estimate
        In nats, between 0 and ln n. ``params["sigma"]`` is the width. Diagnostics: ``ceiling``
        (ln n, of the rows taken), ``saturated``, ``path``; of "lanczos" also ``solver_error`` (one
        standard error of the solver), ``probes``, ``steps`` and ``converged``; of landmarks
        ``growth`` (the entropy less that of half of them).

    Raises
    ------
    ArithmeticError
        If rounding has spoilt a spectrum or its sums.
    MemoryError
        If an exact decomposition would need more memory than is free.
    TypeError, ValueError
        For an unknown width, solver or precision, numbers out of their range, and order 0 by
        "lanczos", which no quadrature can count.

    Notes
    -----
    A property of kernels at one scale, not an estimate of Shannon's entropy: it depends on the
    width more than on anything else, grows with n, and is compared only at equal n, width and t.
    Bias of landmarks, against the entropy of all rows: at t = 1 downwards, by up to ln (n /
    landmarks), since small eigenvalues are lost; at larger t also upwards, since among fewer
    samples a step that stays where it is weighs more. ``growth`` tells which: near 0 the number of
    rows no longer matters, and near ln 2 nothing else does. Standard error: that of sampling is
    not known, ``stderr`` is None. Eigenvalues below 0, which are rounding, count as 0. In single
    precision each eigenvalue is off by about 1e-7, which among thousands of nearly vanishing ones
    can add up to 1e-3 nats. For t or t * order below 1 "lanczos" sees nearly vanishing eigenvalues
    badly, and says so in ``solver_error``; "exact" is then better where it fits. Cost: exact,
    O(n^2 d + n^3) time and n^2 numbers; "lanczos", O(n^2 d) time and n^2 numbers in float32, or
    where that is more than a tenth of the free memory O(n) numbers, and kernels anew in each of
    ten to forty passes, for small t eighty.

    References
    ----------
    Liao et al., CISS (2024), arXiv:2312.04823, eqs. 3 to 6; Coifman & Lafon, Appl. Comput. Harmon.
    Anal. 21 (2006) 5, doi:10.1016/j.acha.2006.04.006 (alpha).
    """
    rule = _rule(t, alpha, order, solver, precision, tol)
    draw = checks.generator(rng)
    sigma = kernel_width(width, x)
    n = len(x)
    half = None
    if landmarks is not None:
        count = checks.integer(landmarks, "landmarks", low=1, high=n)
        rows = draw.choice(n, size=count, replace=False)
        x, half = x[np.sort(rows)], x[np.sort(rows[: count // 2])]
    varies = not is_constant(x)
    value, diagnostics = rule.entropy_of(x, sigma, draw)
    if half is not None and len(half):
        diagnostics |= {"growth": value - rule.entropy_of(half, sigma, draw)[0]}
    diagnostics = {"path": "constant", "saturated": False} | diagnostics
    ceiling = math.log(len(x))
    found = Estimate(
        value, n=n, params={"sigma": sigma}, diagnostics=diagnostics | {"ceiling": ceiling}
    )
    found = noting_lost_digits(_noting_tolerance(found, tol), {"x": x})
    return _noting_width(found, value, ceiling, sigma) if varies else found


@estimator(
    "mutual_information:diffusion",
    inputs=("real", "codes"),
    estimand=_ESTIMAND,
    source=_SOURCE,
    resolved=_RESOLVED,
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
        ``solver_error`` (one standard error of the mean over subsets, if there are several, and
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
    rule = _rule(t, alpha, order, solver, precision, tol)
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
    return _noting_width(found, spread, math.fsum(c.share * c.ceiling for c in terms), sigma)


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


class _Rule(NamedTuple):
    """How the entropy of samples in units of the width is found."""

    t: float
    alpha: float
    order: float
    solver: str
    precision: str
    tol: float

    def entropy_of(
        self, x: Any, sigma: float, rng: np.random.Generator
    ) -> tuple[float, dict[str, Any]]:
        """The entropy of samples, and what the solver says of it."""
        if is_constant(x):
            return 0.0, {}
        return self.entropy(in_widths((x,), sigma, "double")[0], rng)

    def entropy(self, x: Any, rng: np.random.Generator) -> tuple[float, dict[str, Any]]:
        """The entropy, and what the solver says of it."""
        if self.order == 2 and self.t == 1 and self.solver != "exact":
            value, path = collision_entropy(x, self.alpha)
            return value, {"path": f"sums, {path}"}
        if self.solver == "lanczos" or (self.solver == "auto" and len(x) > LARGEST_EXACT):
            return self._by_lanczos(x, rng)
        try:
            values = walk_spectrum(x, self.alpha, self.precision)
        except MemoryError as error:
            also = "" if self.order else ", and an order above 0"
            raise MemoryError(f"{error} Choose solver='lanczos'{also}.") from None
        if values[0] < _NEGATIVE * values.sum():
            raise ArithmeticError(f"a kernel matrix has an eigenvalue of {values[0]:g}.")
        # The largest is 1 but for rounding, which a large power would make much of, as a small one
        # would of what is 0 but for rounding.
        values = values[values > 0] / values[-1]
        if self.t < 1 or self.order < 1:
            kind = np.float32 if self.precision == "single" else np.float64
            values = values[values > len(x) * np.finfo(kind).eps]
        with np.errstate(over="ignore"):  # a power below all numbers is 0
            logs = self.t * np.log(values)
        return renyi_of_logs(logs, self.order), {"path": "exact"}

    def _by_lanczos(self, x: Any, rng: np.random.Generator) -> tuple[float, dict[str, Any]]:
        functions, combine = spectral_sums(self.t, self.order)
        found, path = walk_entropy(x, self.alpha, functions, combine, tol=self.tol, rng=rng)
        ceiling = math.log(len(x))
        if found.value > ceiling + 6 * found.error + _ROUNDING * ceiling:
            raise ArithmeticError(f"an entropy of {found.value:g} is above ln n = {ceiling:g}.")
        return found.value, {
            "path": f"lanczos, {path}",
            "solver_error": found.error,
            "probes": found.probes,
            "steps": found.steps,
            "converged": found.converged,
        }


def _rule(t: Any, alpha: Any, order: Any, solver: Any, precision: Any, tol: Any) -> _Rule:
    endless = isinstance(order, numbers.Real) and order == math.inf
    order = math.inf if endless else checks.number(order, "order", low=0.0)
    rule = _Rule(
        checks.number(t, "t", above=0.0),
        checks.number(alpha, "alpha", low=0.0),
        order,
        checks.choice(solver, "solver", SOLVERS),
        checks.choice(precision, "precision", ("double", "single")),
        checks.number(tol, "tol", above=0.0),
    )
    if order == 0 and solver == "lanczos":
        raise ValueError("order must be above 0 for solver='lanczos'; got 0. Use solver='exact'.")
    return rule


def _own_order(x: Any) -> np.ndarray:
    """An order of the rows that follows from their values alone."""
    with np.errstate(over="ignore", invalid="ignore"):
        keys = [x[:, -1], x[:, 0], x.sum(1)]
    return np.lexsort([key.cpu().numpy() if checks.is_tensor(key) else key for key in keys])


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


def _noting_tolerance(found: Estimate, tol: float) -> Estimate:
    if found.diagnostics.get("converged", True):
        return found
    error = found.diagnostics["solver_error"]
    return found.noting(
        f"the error of the solver is {error:.2g} nats after {found.diagnostics['probes']} probes, "
        f"above tol={tol:g}; allow a larger tol, or choose solver='exact'."
    )


def _noting_width(found: Estimate, entropy: float, ceiling: float, sigma: float) -> Estimate:
    """With a warning where the width alone decides the entropies."""
    if ceiling > 0 and entropy >= AT_CEILING * ceiling:
        saturated = replace(found, diagnostics={**found.diagnostics, "saturated": True})
        return saturated.noting(
            f"kernels of width {sigma:.3g} reach hardly any other sample (the entropy is at its "
            f"ceiling, ln n), so the value says more about n than about the data; choose a larger "
            f"width, or a larger t."
        )
    if entropy < _NEARLY_NONE * ceiling:
        return found.noting(
            f"kernels of width {sigma:.3g} see all samples alike, so the value is that of the "
            f"kernel; choose a smaller width, or a smaller t."
        )
    return found
