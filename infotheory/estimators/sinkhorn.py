"""The Sinkhorn divergence: entropic transport without its bias."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, truth
from infotheory.estimate import Estimate
from infotheory.estimators.transport import in_common_units
from infotheory.registry import estimator
from infotheory.transport import SOLVERS, Transport, uniform_transport

__all__ = [
    "Terms",
    "debiased",
    "doubt",
    "gap",
    "mean_cost",
    "noting_convergence",
    "refuse_squares",
    "sinkhorn_divergence",
    "solved",
]


@estimator(
    "divergence:sinkhorn",
    inputs=("real", "real"),
    source="Feydy et al. (2019), arXiv:1810.08278, eq. 3",
    truth=(
        truth.transported_normals("sinkhorn", 0.0, 1.0, 1.0, 4.0, reg=1.0, n=500),
        truth.transported_normals(
            "sinkhorn",
            [0, 0],
            [[1, 0.3], [0.3, 2]],
            [1, -1],
            [[1.5, -0.4], [-0.4, 1]],
            reg=2.0,
            n=500,
        ),
    ),
    unit="cost",
    estimand="sinkhorn",
    differentiable=True,
    paired=False,
)
def sinkhorn_divergence(
    x: Any,
    y: Any,
    *,
    reg: float = 0.05,
    reg_scale: str | None = "mean",
    tol: float = 1e-9,
    max_iterations: int = 10_000,
    solver: str = "auto",
) -> Estimate:
    r"""Sinkhorn divergence: entropic transport cost of two samples, less that within each.

    .. math:: S = \mathrm{OT}(x, y) - \tfrac12 \mathrm{OT}(x, x) - \tfrac12 \mathrm{OT}(y, y),
        \qquad \mathrm{OT}(x, y) = \min_P \sum_{ij} P_{ij} |x_i - y_j|^2
        + \epsilon \sum_{ij} P_{ij} \ln (n m P_{ij})

    Parameters
    ----------
    x, y : real arrays, shape (n, d) and (m, d), or (n,) and (m,)
        Samples, not paired.
    reg : float
        The regularisation epsilon, in units of the cost; for all three terms the same.
    reg_scale : {"mean", None}
        "mean": reg is multiplied by the mean of `|x_i - y_j|^2`.
    tol, max_iterations, solver
        As for :func:`infotheory.sinkhorn`, for each term.

    Returns
    -------
    Estimate
        In squares of the unit of the data (unit "cost"). ``params["reg_value"]`` is epsilon.
        Diagnostics: ``error``, a bound on how far the value is from that of exact solutions;
        ``converged``.

    Raises
    ------
    TypeError, ValueError
        For a reg or tol that is not positive, an unknown reg_scale or solver, or columns that
        differ in number.
    MemoryError
        If a solver that was chosen by name needs more memory than there is.

    Notes
    -----
    The form with the relative entropy in each term, as in GeomLoss and OTT; it is at least 0, up to
    ``error``, and 0 for equal samples. POT's debiased form takes the cost alone, which can be
    negative. As epsilon shrinks it becomes W_2 squared; as it grows, the squared distance of the
    means. Bias: upwards, of the order of 1 / n, with a factor that grows as epsilon shrinks.
    Standard error: from the potentials, the first order of both samples; too small where the
    samples are alike, since that order vanishes. Cost: three transport problems of O(n m) time for
    each iteration; two matrices of memory, or none where they would not fit.

    References
    ----------
    Feydy et al. (2019), arXiv:1810.08278, eq. 3; standard error: Goldfeld et al. (2022),
    arXiv:2205.04283; bias: Genevay et al. (2019), arXiv:1810.02733.
    """
    terms = solved(x, y, reg, reg_scale, tol, max_iterations, solver)
    known = min(len(x), len(y)) > 1
    found = Estimate(
        terms.value,
        stderr=terms.stderr if known else None,
        params={"reg_value": math.ldexp(terms.reg, 2 * terms.exponent)},
        diagnostics={"error": terms.error, "converged": terms.worst.converged},
    )
    return noting_convergence(found, terms.worst, terms.error)


def solved(
    x: Any,
    y: Any,
    reg: Any,
    reg_scale: Any,
    tol: Any,
    max_iterations: Any,
    solver: Any,
) -> Terms:
    """The three problems of a divergence, after a look at the options."""
    reg = checks.number(reg, "reg", above=0.0)
    checks.choice(reg_scale, "reg_scale", ("mean", None))
    options = {
        "tol": checks.number(tol, "tol", above=0.0),
        "max_iterations": checks.integer(max_iterations, "max_iterations", low=1),
        "solver": checks.choice(solver, "solver", SOLVERS),
    }
    x, y, exponent = in_common_units(x, y)
    scale = mean_cost(x, y)
    refuse_squares(scale, 2 * exponent)
    if reg_scale == "mean":
        reg *= scale or 1.0  # of samples that all coincide any reg will do
    else:
        reg = _in_units(reg, -2 * exponent)
    problems = (uniform_transport(s, reg=reg, **options) for s in ((x, y), (x, x), (y, y)))
    return Terms(x, y, reg, exponent, *problems)


class Terms(NamedTuple):
    """The three problems of a divergence, solved for samples in units of 2**exponent."""

    x: Any
    y: Any
    reg: float
    exponent: int
    between: Transport
    within_x: Transport
    within_y: Transport

    @property
    def problems(self) -> tuple[Transport, Transport, Transport]:
        """Between the samples, within x and within y."""
        return self.between, self.within_x, self.within_y

    @property
    def worst(self) -> Transport:
        """The problem whose plan is farthest from its weights."""
        return max(self.problems, key=lambda problem: problem.marginal_error)

    @property
    def value(self) -> float:
        """The divergence, of dual values, whose errors are squares of those of the plans."""
        return math.ldexp(debiased(*(each.lower for each in self.problems)), 2 * self.exponent)

    @property
    def error(self) -> float:
        """The most that the value can be away from that of exact solutions, and rounding."""
        return math.ldexp(gap(*self.problems), 2 * self.exponent)

    @property
    def stderr(self) -> float:
        """By the first order of the potentials: what each sample adds to the value."""
        variance = 0.0
        for side, within in enumerate((self.within_x, self.within_y)):
            slopes = self.between.potentials[side] - sum(within.potentials) / 2
            variance += float(np.var(slopes)) / len(slopes)
        return math.ldexp(math.sqrt(variance), 2 * self.exponent)


def debiased(between: Any, within_x: Any, within_y: Any) -> Any:
    """The cost between two samples, less half of that within each."""
    return between - within_x / 2 - within_y / 2


def gap(*problems: Transport) -> float:
    """The most that a debiased cost can be away from that of exact solutions, and rounding."""
    open_parts = [max(each.upper - each.lower, 0.0) for each in problems]
    rounding = 1e-15 * sum(each.params["reg"] + abs(each.lower) for each in problems)
    return open_parts[0] + open_parts[1] / 2 + open_parts[2] / 2 + rounding


def mean_cost(x: Any, y: Any) -> float:
    """The mean squared distance between samples of x and of y, from their moments."""
    gap = x.mean(0) - y.mean(0)
    spread = ((x - x.mean(0)) ** 2).mean(0).sum() + ((y - y.mean(0)) ** 2).mean(0).sum()
    return float(spread + (gap * gap).sum())


def refuse_squares(cost: float, exponent: int) -> None:
    """An error where a typical cost, times that power of two, is no number of full precision."""
    if cost and not -960 < math.frexp(cost)[1] + exponent < 1000:
        raise ValueError(
            f"x and y must have distances whose squares are numbers; got distances of about "
            f"2**{exponent // 2}. Divide both by that, and multiply the result by its square."
        )


def noting_convergence(
    found: Estimate, worst: Transport, error: float, *, only_reg: bool = False
) -> Estimate:
    """With a warning where a transport problem was not solved to its tolerance."""
    return found if worst.converged else found.noting(doubt(worst, error, only_reg=only_reg))


def doubt(worst: Transport, error: float | None = None, *, only_reg: bool = False) -> str:
    """What to say of a transport problem that was not solved to its tolerance.

    With `error` also how far the value can be off; `only_reg` where the caller has no other option.
    """
    # Exponents of the plan are rounded by about this, which no iteration mends.
    largest = max(float(np.abs(part).max()) for part in worst.potentials)
    rounding = 1e-15 * (1 + largest / worst.params["reg"])
    spent = worst.iterations >= worst.params["max_iterations"]
    spent = spent and worst.marginal_error > 10 * rounding
    how_far = (
        "" if error is None else f" The value is within {error:.2g} of that of exact solutions."
    )
    others = "" if only_reg else ", or more max_iterations" if spent else ", or a larger tol"
    return (
        f"transport did not converge: marginals of a plan are {worst.marginal_error:.2g} from "
        f"their weights, where {worst.params['tol']:.2g} was asked for.{how_far} Choose a larger "
        f"reg{others}."
    )


def _in_units(reg: float, exponent: int) -> float:
    """The regularisation times a power of two, or an error where that is no number."""
    try:
        small = math.ldexp(reg, exponent)
    except OverflowError:
        small = math.inf
    if not 0 < small < math.inf:
        raise ValueError(
            f"reg must be comparable to squared distances; got {reg:g}, which in units of them "
            f"{'vanishes' if small == 0 else 'overflows'}. Choose reg_scale='mean'."
        )
    return small
