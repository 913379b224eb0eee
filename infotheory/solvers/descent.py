"""Entropic transport along falling regularisations: each solution tells where the next one is.

Newton's method is sure and fast only near its goal. As the regularisation falls the potentials
move on a smooth path, along which two solutions point to the third: a small regularisation is
reached in some twenty steps, where from one that is far away there would be hundreds, or none that
helps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from infotheory.solvers.newton import newton
from infotheory.solvers.sinkhorn import Problem, State, sweep

__all__ = ["descend"]


class _Care(NamedTuple):
    """How the path is followed."""

    ratio: float
    """Of one regularisation to the one before."""
    error: float
    """At which a stage is left."""
    steps: int
    """Of Newton's method, beyond which a stage asks for more care."""
    last_steps: int
    """The same at the end of the path."""


#: Little care is enough for most problems. Where parts of a plan are joined by next to nothing, or
#: weights span many powers of ten, potentials that are only roughly right point into nowhere.
CARES = (
    _Care(0.5, 1e-2, 8, 20),
    _Care(0.7, 1e-4, 12, 40),
    _Care(0.85, 1e-7, 40, 10_000),
)
#: With no more iterations left than a stage may need, the end of the path is taken as it is.
LEAST = 2
#: A start that is worse than this is compared with that which takes the last solution as it is.
WILD = 0.3


def descend(
    problem: Problem,
    spread: float,
    tol: float,
    left: Callable[[], int],
    finish: Callable[[State, int], State],
) -> State:
    """Follow the path to the regularisation of the problem.

    Parameters
    ----------
    problem : Problem
        With room for a plan.
    spread : float
        Between the smallest and the largest cost.
    tol : float
        The error that the end of the path should have.
    left : callable
        How many iterations there are left.
    finish : callable
        A state at the regularisation of the problem, and Newton steps at most, to the solution.

    Returns
    -------
    State
        That of the smallest error, whether within tol or not.
    """
    best: State | None = None
    for care in CARES:
        start = len(problem.path)
        state = _follow(problem, spread, care, left)
        problem.gather(start)
        if state is None:
            continue
        state = finish(state, care.last_steps)
        if best is None or state.error < best.error:
            best = state
        if best.error <= tol or left() <= LEAST:
            break
    assert best is not None  # nothing is refused where care is greatest
    return best


def _follow(
    problem: Problem,
    spread: float,
    care: _Care,
    left: Callable[[], int],
) -> State | None:
    """A state at the end of the path, or None where a stage asks for more care."""
    solved: list[tuple[float, np.ndarray]] = []
    reg = max(spread / 4, problem.reg)
    while True:
        state = _start(problem, solved, reg)
        if left() <= LEAST:
            return problem.state(state.potential, problem.reg)
        problem.note("sinkhorn", 1)
        if reg == problem.reg:
            return state
        state = newton(problem, state, reg, care.error, min(care.steps, left() - 1))
        if state.error > care.error and left() > LEAST and care is not CARES[-1]:
            return None
        if care is not CARES[0]:
            # Columns of little weight, which are nothing to the error, are put right as well.
            state = sweep(problem, state, reg)
            problem.note("sinkhorn", 1)
        solved = [*solved[-1:], (reg, state.potential)]
        reg = max(care.ratio * reg, problem.reg)


def _start(problem: Problem, solved: list[tuple[float, np.ndarray]], reg: float) -> State:
    """A sweep from where the line through the last two solutions is at this regularisation."""
    if not solved:
        start = problem.state(np.zeros(len(problem.b)), reg)
    elif len(solved) == 1:
        start = problem.state(solved[0][1], reg)
    else:
        (far, before), (near, last) = solved
        start = problem.state(last + (reg - near) / (near - far) * (last - before), reg)
        if start.error > WILD:
            start = min(start, problem.state(last, reg), key=lambda state: state.error)
    return sweep(problem, start, reg, plan=True)
