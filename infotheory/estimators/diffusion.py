"""Entropy of the spectrum of a random walk over samples (DSE)."""

from __future__ import annotations

import math
import numbers
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, truth
from infotheory.digits import noting_lost_digits
from infotheory.estimate import AT_CEILING, Estimate
from infotheory.estimators.neighbours import is_constant
from infotheory.registry import estimator
from infotheory.solvers.spectral_entropy import renyi_of_logs, spectral_sums
from infotheory.solvers.walk import collision_entropy, walk_entropy, walk_spectrum
from infotheory.widths import in_widths, kernel_width

__all__ = [
    "ESTIMAND",
    "RESOLVED",
    "SOURCE",
    "Rule",
    "diffusion_entropy",
    "noting_width",
    "rule_of",
]

SOLVERS = ("auto", "exact", "lanczos")
#: Samples up to which "auto" decomposes the matrix.
LARGEST_EXACT = 2000

ESTIMAND = "diffusion_spectral"
SOURCE = "Liao et al. (2024), arXiv:2312.04823"
RESOLVED = {"width": "sigma"}
#: An entropy below this share of ln n is that of kernels which reach all samples.
_NEARLY_NONE = 0.01
#: A kernel matrix has no negative eigenvalues; what rounding makes stays far above this share.
_NEGATIVE = -1e-6
#: No entropy is above ln n by more than its error and this share of it.
_ROUNDING = 1e-9


@estimator(
    "entropy:diffusion",
    inputs=("real",),
    estimand=ESTIMAND,
    source=SOURCE,
    differentiable=True,
    resolved=RESOLVED,
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
        (ln n, of the rows taken), ``saturated``, ``path``; of "lanczos" also ``solver_error`` (a
        bound of its standard error), ``probes``, ``steps`` and ``converged``; of landmarks
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
    badly, and says so in ``solver_error``; "exact" is then better where it fits, and leaves out
    what is below n times the last place of 1, which is rounding as far as it can tell (4e-4 nats at
    t = order = 1/2 is the most that was seen). Cost: exact, O(n^2 d + n^3) time and n^2 numbers;
    "lanczos", O(n^2 d) time and n^2 numbers in float32, or where that is more than a tenth of the
    free memory O(n) numbers, and kernels anew in each of ten to forty passes, for small t eighty.

    References
    ----------
    Liao et al., CISS (2024), arXiv:2312.04823, eqs. 3 to 6; Coifman & Lafon, Appl. Comput. Harmon.
    Anal. 21 (2006) 5, doi:10.1016/j.acha.2006.04.006 (alpha).
    """
    rule = rule_of(t, alpha, order, solver, precision, tol)
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
    return noting_width(found, value, ceiling, sigma) if varies else found


class Rule(NamedTuple):
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
        if found.error > ceiling and not found.converged:
            raise ArithmeticError(
                f"the error of the solver must be below ln n = {ceiling:g}; got {found.error:.2g} "
                f"nats, from rounding. Use solver='exact', or a smaller width."
            )
        if found.value > ceiling + 6 * found.error + _ROUNDING * ceiling:
            raise ArithmeticError(f"an entropy of {found.value:g} is above ln n = {ceiling:g}.")
        return found.value, {
            "path": f"lanczos, {path}",
            "solver_error": found.error,
            "probes": found.probes,
            "steps": found.steps,
            "converged": found.converged,
        }


def rule_of(t: Any, alpha: Any, order: Any, solver: Any, precision: Any, tol: Any) -> Rule:
    """The checked options."""
    endless = isinstance(order, numbers.Real) and order == math.inf
    order = math.inf if endless else checks.number(order, "order", low=0.0)
    rule = Rule(
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


def _noting_tolerance(found: Estimate, tol: float) -> Estimate:
    if found.diagnostics.get("converged", True):
        return found
    error = found.diagnostics["solver_error"]
    return found.noting(
        f"the error of the solver is {error:.2g} nats after {found.diagnostics['probes']} probes, "
        f"above tol={tol:g}; allow a larger tol, or choose solver='exact'."
    )


def noting_width(found: Estimate, entropy: float, ceiling: float, sigma: float) -> Estimate:
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
