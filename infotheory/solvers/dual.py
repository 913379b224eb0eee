"""The dual of entropic transport by L-BFGS: for dense plans, and to compare with."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from infotheory.solvers.sinkhorn import Problem, State, filled

__all__ = ["quasi_newton"]


def quasi_newton(problem: Problem, state: State, reg: float, tol: float, most: int) -> State:
    """L-BFGS on the columns' potential, in units of the regularisation, until within tol."""
    start = filled(problem, state, reg)
    best = state if start is state.potential else problem.state(start, reg)
    # Constants change nothing but their size, so the function is made of differences from here.
    before, done = best.dual(problem), 0

    class Enough(Exception):
        """The marginals are within the tolerance."""

    def falls(change: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal best
        trial = problem.state(start + reg * change, reg)
        if trial.error < best.error:
            best = trial
        if trial.error <= tol:
            raise Enough
        return (before - trial.dual(problem)) / reg, trial.columns - problem.b

    def count(_: np.ndarray) -> None:
        nonlocal done
        done += 1

    if best.error > tol:
        options = {"maxiter": most, "maxfun": 2 * most, "maxcor": 20, "ftol": 0.0, "gtol": 0.0}
        try:
            minimize(
                falls, np.zeros(len(start)), jac=True, method="L-BFGS-B", callback=count,
                options=options,
            )  # fmt: skip
        except Enough:
            done += 1
    problem.note("dual", done)
    return best
