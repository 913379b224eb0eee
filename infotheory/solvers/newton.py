"""Newton's method for entropic transport, on the columns' potential alone, made safe.

Rows are eliminated by an exact soft minimum. What is left is concave, and its Hessian is the Schur
complement diag(P' 1) - P' diag(1 / a) P of the usual one, here in units of the regularisation.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.linalg import blas, cho_solve, lapack

from infotheory.solvers.conjugate_gradient import conjugate_gradients
from infotheory.solvers.sinkhorn import Problem, State, held

__all__ = ["newton"]

#: What may be dropped from each row and column, as a share of its weight and of the error.
DROPPED = 0.01
#: Above this share of entries a matrix is faster than its list.
DENSE = 0.12
#: Up to so many columns a factorisation is faster than iterations.
SMALL = 100
#: Conjugate gradients before a factorisation is preferred, up to and beyond so many columns.
MEDIUM, MOST_PRODUCTS = 400, (60, 300)
STEPS = (1.0, 0.5, 0.25, 0.1)


def newton(
    problem: Problem,
    state: State,
    reg: float,
    tol: float,
    most: int,
    *,
    entries: float | None = None,
    name: str = "newton",
) -> State:
    """Newton steps until the error is within tol, or no step helps any more.

    With `entries` the Hessian keeps so many of the plan's largest entries for each row, and there
    is no shift: the sparse Newton method as it was published. Else entries are dropped while
    their mass is small beside the error, and a shift follows how well steps are predicted.
    """
    b = problem.b
    shift, done = (0.0 if entries else 0.1), 0
    while state.error > tol and done < most:
        state = held(problem, state, reg)
        gradient = b - state.columns
        damping = max(shift * state.error, 1e-15)
        hessian = _Hessian(problem, state, entries)
        step = hessian.solve(gradient, damping, forcing=min(0.1, math.sqrt(state.error)))
        predicted = float(gradient @ step)
        done += 1
        found = _search(problem, state, reg, step, predicted)
        if found is None:
            if shift > 1e4 or entries:
                # what is left is rounding, or a plan that no dropped Hessian can describe
                break
            shift = max(4 * shift, 1e-3)
            continue
        state, size = found
        if not entries:
            shift = max(shift / 4, 1e-6) if size == 1.0 else min(shift * 4, 1e4)
    problem.note(name, done)
    return state


def _search(
    problem: Problem, state: State, reg: float, step: np.ndarray, predicted: float
) -> tuple[State, float] | None:
    """The first length at which the dual rises as it should, or the error falls."""
    before = state.dual(problem)
    # Differences of the dual below this are rounding.
    scale = 1e-14 * (abs(before) + float(np.abs(state.potential) @ problem.b))
    # Along a direction whose largest entry is w this length rises for certain: third derivatives
    # are at most that entry times the second.
    widest = 2 * float(np.abs(step - step @ problem.b).max())
    certain = math.log1p(widest) / widest if widest > 0 else 1.0
    for size in (*(each for each in STEPS if each > certain), certain):
        trial = problem.state(state.potential + reg * size * step, reg, plan=True)
        rise = trial.dual(problem) - before
        enough = rise >= 1e-2 * size * reg * predicted and rise > scale
        if enough or (trial.error < 0.9 * state.error and rise >= -scale):
            return trial, size
    return None


class _Hessian:
    """The Schur complement at a state whose plan is in the room."""

    def __init__(self, problem: Problem, state: State, entries: float | None) -> None:
        self.problem, self.state = problem, state
        self.weights = 1.0 / problem.a
        engine, n, m = problem.engine, len(problem.a), len(problem.b)
        self.plan: Any = problem.room
        self.sparse = False
        if m > SMALL or entries:
            if entries:
                limit = engine.plan_quantile(problem.room, 1 - entries / m)
                rows, columns = np.full(n, limit), np.full(m, limit)
            else:
                dropped = DROPPED * min(state.error, 1.0)
                rows, columns = dropped * problem.a / m, dropped * problem.b / n
            thin = engine.sparse_plan(problem.room, rows, columns, DENSE)
            if thin is not None:
                self.plan, self.sparse = thin, True

    def solve(self, gradient: np.ndarray, damping: float, forcing: float) -> np.ndarray:
        m = len(gradient)
        if m <= SMALL:
            return self.factorised(gradient, damping)
        step = self.iterated(gradient, damping, forcing)
        return self.factorised(gradient, damping) if step is None else step

    def iterated(self, gradient: np.ndarray, damping: float, forcing: float) -> np.ndarray | None:
        """By conjugate gradients, with the diagonal to precondition; None if they are too slow."""
        problem, columns = self.problem, self.state.columns
        diagonal = columns + damping * np.maximum(columns, problem.b)
        squares = problem.engine.plan_squares(self.plan, self.weights)
        precondition = 1.0 / np.maximum(diagonal - squares, 1e-12 * diagonal)

        def product(p: np.ndarray) -> np.ndarray:
            image = problem.engine.plan_product(self.plan, p, self.weights)
            return np.asarray(diagonal * p - image)

        most = MOST_PRODUCTS[len(gradient) > MEDIUM]
        return conjugate_gradients(product, precondition, gradient, forcing, most)

    def factorised(self, gradient: np.ndarray, damping: float) -> np.ndarray:
        """By Cholesky; constants, which change nothing, are kept out by a matrix of rank one."""
        problem = self.problem
        if self.sparse:
            # Its matrix takes the place of the plan, of which the list is kept.
            problem.room = problem.held = None
        ridge, factor = 0.0, None
        while factor is None:
            factor = self._factor(damping + ridge)
            ridge = max(1e-14, 10 * ridge)
        if self.sparse:
            problem.room = problem.engine.matrix_room(problem.source)
        return cho_solve((factor, True), gradient, check_finite=False)

    def _factor(self, damping: float) -> np.ndarray | None:
        """The factor, in the memory of the one matrix that is made; None if there is none."""
        problem, b, columns = self.problem, self.problem.b, self.state.columns
        matrix = problem.engine.plan_gram(self.plan, self.weights)
        matrix *= -1.0
        matrix = blas.dsyr(1.0, b, lower=1, a=matrix.T, overwrite_a=1)
        matrix.T.flat[:: len(b) + 1] += columns + damping * np.maximum(columns, b)
        factor, failed = lapack.dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
        return None if failed else factor
