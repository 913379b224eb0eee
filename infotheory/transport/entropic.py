"""Entropic optimal transport that says how well it was solved."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from infotheory import checks
from infotheory.estimate import InfotheoryWarning, outside
from infotheory.solvers.policy import ENTRIES, SOLVERS, WARM_UP
from infotheory.solvers.sources import checked, shape_of, weights_of
from infotheory.transport.batches import solved_batch
from infotheory.transport.plans import Transport
from infotheory.transport.problems import same_mass, solved
from infotheory.transport.starts import start_of

__all__ = ["sinkhorn", "uniform_transport"]


def sinkhorn(
    x: Any = None,
    y: Any = None,
    *,
    cost: Any = None,
    a: Any = None,
    b: Any = None,
    reg: float,
    reg_scale: str | None = None,
    tol: float = 1e-9,
    max_iterations: int = 10_000,
    solver: str = "auto",
    entries: float = ENTRIES,
    warm_up: int = WARM_UP,
    potentials: Any = None,
) -> Any:
    r"""Entropic optimal transport between two weighted sets of points.

    .. math:: \min_P \langle C, P \rangle + \epsilon \sum_{ij} P_{ij} \ln \frac{P_{ij}}{a_i b_j},
        \qquad P 1 = a, \; P^\top 1 = b

    Parameters
    ----------
    x, y : real arrays, shapes (n,) or (n, d) and (m,) or (m, d)
        Points; the cost between two is `|x - y|^2`.
    cost : real array, shape (n, m) or (B, n, m)
        Costs instead of points; plus infinity forbids a cell. With three axes, B problems.
    a, b : real arrays, shapes (n,) and (m,), or (B, n) and (B, m); optional
        Weights, not negative, of equal sums; uniform without them. A point of weight zero changes
        nothing.
    reg : float
        The regularisation, in units of the cost.
    reg_scale : {None, "mean"}
        "mean": reg is multiplied by the mean cost.
    tol : float
        The marginals' absolute differences from the weights, summed over both sides and relative
        to the mass, at most.
    max_iterations : int
        Scalings and Newton steps at most, all stages together.
    solver : {"auto", "sinkhorn", "newton", "newton_sparse", "dual"}
        "auto": scalings while they promise to be few, then safeguarded Newton steps. "sinkhorn":
        scalings alone, over-relaxed by the rate that is seen. "newton": the safeguarded steps
        alone, along falling regularisations where they do not arrive at once. "newton_sparse":
        `warm_up` sweeps, then the published Newton method whose Hessian keeps a fixed number of the
        plan's entries; where it stalls, the safeguarded one ends its work, and the path says so.
        "dual": L-BFGS.
    entries : float
        How many entries for each point of the larger side "newton_sparse" keeps. As published it
        is 2, which was found to be too few.
    warm_up : int
        How many sweeps "newton_sparse" makes first: 20 for problems as the published ones of
        assignment, up to 700 for the flattest ones.
    potentials : pair of arrays, shapes (n,) and (m,), or (B, n) and (B, m); optional
        Where to start, for example those of a similar problem; infinite at most where there is no
        weight.

    Returns
    -------
    Transport, or tuple of Transport
        In units of the cost; a tuple of B for costs of three axes.

    Raises
    ------
    TypeError, ValueError
        For points with cost, or neither; arrays of wrong shapes, NaN, minus infinity; negative
        weights, or sums that differ by more than 1e-6; forbidden cells that leave no plan; reg or
        tol not positive, and unknown options.
    MemoryError
        If a solver that was chosen by name needs more memory than there is.

    Notes
    -----
    `value` holds the relative entropy to the product of the weights, not the entropy of the plan;
    other packages return `cost` alone, or subtract reg times the entropy. A result that is not
    within tol comes with an `InfotheoryWarning` that says how far it is; the dual value is a lower
    bound whatever the error, and `upper` that of a feasible plan. Where a part that rows or columns
    of the costs have in common would drown the rest, as with clouds far apart, the problem is
    solved without it, on a copy. Cost: two matrices of memory and O(n m) for each iteration; where
    those would not fit, points are streamed in O(n + m) memory (solver "auto" or "sinkhorn").

    References
    ----------
    Cuturi, NeurIPS (2013), arXiv:1306.0895; Feydy et al. (2019), arXiv:1810.08278 (eq. 1);
    Lehmann et al., Optim. Lett. (2021), arXiv:2012.12562 (relaxation); Tang, Shavlovsky, et al.
    (2024), arXiv:2401.12253; Tang, Qiu, NeurIPS (2024) (safeguarded sparse Newton steps).
    """
    solver = checks.choice(solver, "solver", SOLVERS)
    reg = checks.number(reg, "reg", above=0.0)
    tol = checks.number(tol, "tol", above=0.0)
    most = checks.integer(max_iterations, "max_iterations", low=1)
    checks.choice(reg_scale, "reg_scale", (None, "mean"))
    params = {
        "reg_scale": reg_scale,
        "tol": tol,
        "max_iterations": most,
        "solver": solver,
        "entries": checks.number(entries, "entries", above=0.0),
        "warm_up": checks.integer(warm_up, "warm_up", low=0),
    }
    source = checked(x, y, cost)
    if not isinstance(source, tuple) and source.ndim == 3:
        many = solved_batch(source, a, b, reg, params, potentials)
        _say_what_is_open(many)
        return many
    n, m = shape_of(source)
    a, b = weights_of(a, n, "a"), weights_of(b, m, "b")
    b = same_mass(a, b)
    start = None if potentials is None else np.concatenate(start_of(potentials, a, b))
    found = solved(source, a, b, reg, params, start)
    _say_what_is_open((found,))
    return found


def uniform_transport(
    source: Any,
    *,
    reg: float,
    tol: float = 1e-9,
    max_iterations: int = 10_000,
    solver: str = "auto",
) -> Transport:
    """What `sinkhorn` finds for uniform weights, of checked points or costs, without a warning.

    For callers who say in their own result that it did not converge.
    """
    n, m = shape_of(source)
    params = {
        "reg_scale": None,
        "tol": tol,
        "max_iterations": max_iterations,
        "solver": solver,
        "entries": ENTRIES,
        "warm_up": WARM_UP,
    }
    return solved(source, np.full(n, 1 / n), np.full(m, 1 / m), reg, params, None)


def _say_what_is_open(found: tuple[Transport, ...]) -> None:
    """A warning with the gap of the problem that is farthest from its weights."""
    still = [i for i, each in enumerate(found) if not each.converged]
    if not still:
        return
    place = max(still, key=lambda i: found[i].marginal_error)
    worst, which = found[place], ""
    if len(found) > 1:
        others = f", the worst of {len(still)}," if len(still) > 1 else ""
        which = f"problem {place} of {len(found)}{others} "
    spent = worst.iterations >= worst.params["max_iterations"]
    cure = f"{'More max_iterations' if spent else 'A larger tol'}, or a larger reg"
    warnings.warn(
        f"sinkhorn: {which}not converged after {worst.iterations} iterations: the marginals are "
        f"{worst.marginal_error:.2g} from the weights, tol is {worst.params['tol']:.2g}; the best "
        f"value lies between {worst.lower:.8g} and {worst.upper:.8g}. {cure}, would help.",
        InfotheoryWarning,
        stacklevel=outside(),
    )
