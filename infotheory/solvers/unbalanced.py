"""Unbalanced entropic transport: scalings, then safeguarded Newton steps on its dual.

The potential of the rows is eliminated: it is the damped soft minimum of the other. So is the best
constant of what is left, which is the slow mode where the penalty is large. The remainder is
concave in the potential of the columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from infotheory.ops import Engine
from infotheory.solvers.conjugate_gradient import conjugate_gradients
from infotheory.solvers.sources import shape_of, transposed

__all__ = ["Penalised", "solve_penalised"]

#: Regularisations come down by this factor, with so many scalings at each.
STAGE, AT_STAGE = 0.25, 10
#: The relative error at which a stage has served, and Newton steps at it at most.
STAGE_ERROR, STAGE_STEPS = 0.1, 30
#: Scalings at the end before Newton steps are tried: they cost less while they are few.
AFFORDABLE = 60
#: Costs and a plan of more entries than this are not held; points are streamed instead.
LARGEST_DENSE = 50_000_000
#: Up to so many columns a factorisation is faster than conjugate gradients, of which there are
#: so many at most.
SMALL, MOST_PRODUCTS = 400, 300
#: Shifts of the Hessian beyond which only rounding is left.
MOST_SHIFTED = 1e4


@dataclass
class Penalised:
    """Costs of cells that can have mass, positive weights, and the price of changing them."""

    engine: Engine
    source: Any
    a: np.ndarray
    b: np.ndarray
    reg: float
    penalty: float
    most: int
    done: int = 0
    room: Any = None
    """Where the plan is kept, each row divided by its sum; None where costs are streamed."""
    across: Any = None

    @property
    def left(self) -> int:
        """Iterations that may still be done."""
        return max(self.most - self.done, 0)

    def state(self, potential: np.ndarray, reg: float) -> _State:
        """What a potential of the columns makes, with the best constant added to it."""
        a, b, rho = self.a, self.b, self.penalty
        folded = potential + reg * np.log(b)
        ones = np.ones(len(a))
        minima, _ = self.engine.soft_minimum(self.source, folded, reg, ones, plan=self.room)
        damping = rho / (rho + reg)
        # Rows follow a constant with the opposite sign, damped; both sides must keep one mass.
        masses = _log_mass(b, -potential / rho), _log_mass(a, -damping * minima / rho)
        constant = rho / (1 + damping) * (masses[0] - masses[1])
        potential, minima = potential + constant, minima - constant
        f = damping * minima
        # In units of the largest, or a small mass is left without digits, or none.
        logs = np.log(a) - f / rho
        unit = float(logs.max())
        rows, wanted = np.exp(logs - unit), np.exp(np.log(b) - potential / rho - unit)
        if self.room is None:
            if self.across is None:
                self.across = transposed(self.source)
            others, _ = self.engine.soft_minimum(self.across, f + reg * np.log(a), reg)
            columns = np.exp(np.log(b) + (potential - others) / reg - unit)
        else:
            columns = self.engine.plan_product(self.room, np.ones(len(b)), rows)
            with np.errstate(divide="ignore"):
                others = potential - reg * (np.log(columns / b) + unit)
        error = float(np.abs(columns - wanted).sum() / rows.sum())
        return _State(f, potential, others, rows, columns, wanted, error)

    def rise(self, before: _State, after: _State, reg: float) -> float:
        """By how much the dual value is larger after, in the units of what was before.

        Rows are best, so that their mass is the plan's. Differences are taken of every potential,
        since the dual itself is nearly a constant where little is moved or nothing left behind.
        """
        rho = self.penalty
        less = -float(before.rows @ np.expm1((before.f - after.f) / rho))
        lost = -float(before.wanted @ np.expm1((before.g - after.g) / rho))
        return rho * (less + lost) + reg * less


@dataclass
class _State:
    """Both potentials, f being the best for g, and the marginals that they make, but for a unit."""

    f: np.ndarray
    g: np.ndarray
    others: np.ndarray
    """(m,) the soft minima over rows, infinite where a column's sum vanishes."""
    rows: np.ndarray
    columns: np.ndarray
    wanted: np.ndarray
    """(m,) what the columns should sum to at this potential."""
    error: float


def solve_penalised(
    problem: Penalised, spread: float, tol: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """Potentials of rows and columns whose plan is within tol, if it can be had; and iterations.

    Parameters
    ----------
    problem : Penalised
        Its room is made here, and its points become costs where those fit.
    spread : float
        Between the smallest and the largest cost.
    tol : float
        The sum of absolute differences between the columns' sums and those that their potential
        asks for, relative to the mass.
    """
    _make_room(problem)
    state = None
    potential = np.zeros(len(problem.b))
    for reg in _stages(problem.reg, spread):
        if problem.left <= AT_STAGE:
            break
        state = _scaled(problem, problem.state(potential, reg), reg, STAGE_ERROR, AT_STAGE)
        if problem.room is not None:
            state = _newton(problem, state, reg, STAGE_ERROR, min(STAGE_STEPS, problem.left - 1))
        potential = state.g
    reg = problem.reg
    state = problem.state(potential, reg)
    if problem.room is not None:
        state = _scaled(problem, state, reg, tol, min(AFFORDABLE, problem.left))
        state = _newton(problem, state, reg, tol, problem.left)
    state = _scaled(problem, state, reg, tol, problem.left)
    return state.f, state.g, problem.done


def _make_room(problem: Penalised) -> None:
    """A second matrix, and the costs as the first, where both fit into memory."""
    if isinstance(problem.source, tuple):
        n, m = shape_of(problem.source)
        free = problem.engine.free_memory(problem.source[0])
        if n * m > LARGEST_DENSE or 16 * n * m > 0.8 * free:
            return
        problem.source = problem.engine.squared_distances(*problem.source)
    problem.room = problem.engine.matrix_room(problem.source)


def _stages(reg: float, spread: float) -> Iterator[float]:
    """Regularisations from one that is easy to the one before the last."""
    count = max(0, math.ceil(math.log(max(spread / (4 * reg), 1.0), 1 / STAGE)))
    for stage in range(count, 0, -1):
        yield reg / STAGE**stage


def _scaled(problem: Penalised, state: _State, reg: float, tol: float, most: int) -> _State:
    """Damped scalings until the error is within tol, or while they last or help."""
    stuck, best = 0, state.error
    for _ in range(most):
        # Rounding is reached where the error has long not fallen.
        if state.error <= tol or stuck >= 100:
            break
        state = problem.state(_followed(problem, state, reg), reg)
        problem.done += 1
        stuck = 0 if state.error < best else stuck + 1
        best = min(best, state.error)
    return state


def _followed(problem: Penalised, state: _State, reg: float) -> np.ndarray:
    """The potential of the columns that is best for that of the rows."""
    others = state.others
    if not np.isfinite(others).all():
        if problem.across is None:
            problem.across = transposed(problem.source)
        folded = state.f + reg * np.log(problem.a)
        others, _ = problem.engine.soft_minimum(problem.across, folded, reg)
    return problem.penalty / (problem.penalty + reg) * others


def _newton(problem: Penalised, state: _State, reg: float, tol: float, most: int) -> _State:
    """Newton steps until the error is within tol, or no step helps any more."""
    shift, last = 0.1, problem.done + most
    while state.error > tol and problem.done < last:
        if (state.columns <= 1e-200).any():
            # the Hessian does not see columns that no row reaches
            state = problem.state(_followed(problem, state, reg), reg)
            problem.done += 1
            continue
        step = _direction(problem, state, reg, max(shift * min(state.error, 1.0), 1e-15))
        problem.done += 1
        found = _search(problem, state, reg, step)
        if found is None:
            # the room has the plan of the last trial
            state = problem.state(state.g, reg)
            if shift >= MOST_SHIFTED:
                break
            shift = max(10 * shift, 1e-3)
            continue
        state, size = found
        shift = max(shift / 4, 1e-6) if size == 1.0 else min(4 * shift, MOST_SHIFTED)
    return state


def _search(
    problem: Penalised, state: _State, reg: float, step: np.ndarray
) -> tuple[_State, float] | None:
    """The first length at which the dual rises as it should, or the error falls."""
    rounding = 1e-14 * float(np.abs(state.f) @ state.rows + np.abs(state.g) @ state.wanted)
    predicted = reg * float((state.wanted - state.columns) @ step)
    size = 1.0
    # A rise is certain where no exponential changes by much.
    least = 0.1 / max(float(np.abs(step).max()), 1.0)
    while size >= least:
        with np.errstate(over="ignore", invalid="ignore"):  # too long a step is refused below
            trial = problem.state(state.g + reg * size * step, reg)
            rise = problem.rise(state, trial, reg)
        enough = rise >= 1e-2 * size * predicted and rise > rounding
        if enough or (trial.error < 0.9 * state.error and rise >= -rounding):
            return trial, size
        size /= 2
    return None


def _direction(problem: Penalised, state: _State, reg: float, shift: float) -> np.ndarray:
    """The Newton step in units of the regularisation, without a constant.

    The Hessian is D - s Q' R Q - u u' / sum(u), where Q is the plan with rows that sum to 1, R its
    row sums, s the damping, and the last term is what the best constant takes away.
    """
    rho = problem.penalty
    damping = rho / (rho + reg)
    extra = state.wanted * (reg / rho)
    taken = state.columns * (reg / (rho + reg)) + extra
    diagonal = state.columns + extra + shift * np.maximum(state.columns, state.wanted)
    gradient = state.wanted - state.columns
    weights = damping * state.rows
    if len(gradient) > SMALL:
        step = _iterated(problem, diagonal, weights, taken, gradient, min(0.1, state.error**0.5))
        if step is not None:
            return step
    hessian = -np.asarray(problem.engine.plan_gram(problem.room, weights))
    hessian -= np.outer(taken, taken / taken.sum())
    # Constants change nothing; a matrix of rank one keeps them out.
    hessian += np.outer(problem.b, problem.b * (state.rows.sum() / problem.b.sum() ** 2))
    ridge = 0.0
    while True:
        try:
            factor = cho_factor(hessian + np.diag(diagonal * (1 + ridge)), lower=True)
            return cho_solve(factor, gradient)
        except np.linalg.LinAlgError:
            ridge = max(1e-14, 10 * ridge)


def _iterated(
    problem: Penalised,
    diagonal: np.ndarray,
    weights: np.ndarray,
    taken: np.ndarray,
    gradient: np.ndarray,
    forcing: float,
) -> np.ndarray | None:
    """The step by conjugate gradients, with the diagonal to precondition; None if too slow."""
    engine, plan = problem.engine, problem.room
    main = diagonal - engine.plan_squares(plan, weights) - taken * taken / taken.sum()
    precondition = 1.0 / np.maximum(main, 1e-12 * diagonal)

    def product(p: np.ndarray) -> np.ndarray:
        image = diagonal * p - engine.plan_product(plan, p, weights)
        return np.asarray(image - taken * (taken @ p / taken.sum()))

    return conjugate_gradients(product, precondition, gradient, forcing, MOST_PRODUCTS)


def _log_mass(weights: np.ndarray, exponents: np.ndarray) -> float:
    """The logarithm of the sum of weights times exponentials, which may overflow."""
    top = float(exponents.max())
    return top + math.log(float(weights @ np.exp(exponents - top)))
