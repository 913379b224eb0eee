"""Which solver of entropic transport runs when, and where its matrices are."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from infotheory.solvers.descent import descend
from infotheory.solvers.dual import quasi_newton
from infotheory.solvers.newton import newton
from infotheory.solvers.sinkhorn import (
    Problem,
    State,
    relaxed_sweeps,
    scalings,
    stages,
    sweep,
)

__all__ = ["ENTRIES", "SOLVERS", "WARM_UP", "solve"]

SOLVERS = ("auto", "sinkhorn", "newton", "newton_sparse", "dual")
#: Points with more costs than this are streamed by "auto" even where those would fit; unless that
#: promises to take more sweeps than so many.
LARGEST_DENSE, FEW_SWEEPS = 1 << 28, 100
#: Costs that span more regularisations than this are approached in stages.
NEAR = 1000.0
#: Sweeps in float32 end at an error of so much for each regularisation that the costs span: a few
#: times what its rounding leaves.
ROUGH = 2e-7
#: Sweeps at a stage before the last, where there are no Newton steps.
STAGE_SWEEPS = 3
#: From potentials that are given and leave no larger error than this, a few Newton steps suffice.
CLOSE = 0.05
#: Newton steps from a start that is near, before regularisations come down in stages after all.
NEAR_STEPS = 20
#: Steps of the published sparse method, of which some problems need nearly as many.
SPARSE_STEPS = 100
#: Scalings cost less than Newton steps as long as they are fewer.
AFFORDABLE = 60
#: Entries for each row in the Hessian of the published sparse Newton method, which was found to
#: need six and not two, and the sweeps before it.
ENTRIES, WARM_UP = 6.0, 20


def solve(
    problem: Problem,
    solver: str,
    tol: float,
    most: int,
    *,
    entries: float,
    warm_up: int,
    spread: float,
    potential: np.ndarray | None = None,
) -> State:
    """From any start to the tolerance: stages of the regularisation, then the solver.

    Parameters
    ----------
    problem : Problem
        Its room is made here, and its points become costs where those fit.
    solver : str
        One of SOLVERS.
    tol : float
        The sum of absolute differences of the columns' marginal that is good enough.
    most : int
        Iterations at most.
    entries : float
        For each point, that "newton_sparse" keeps.
    warm_up : int
        Its sweeps before the first step.
    spread : float
        Between the smallest and the largest cost.
    potential : array, shape (m,), optional
        Of the columns, to start from; without it the regularisation comes down in stages.

    Returns
    -------
    State
        Within tol, or that of the smallest error that was reached, the start's not excepted.
    """
    _make_room(problem, solver)
    reg, streamed = problem.reg, problem.room is None
    by_sweeps = streamed or solver in ("sinkhorn", "dual")
    warm = potential is not None
    near = warm or spread / reg <= NEAR

    def left() -> int:
        return max(most - sum(count for _, count in problem.path), 0)

    def finish(state: State, steps: int) -> State:
        if solver == "auto" and not (warm and state.error <= CLOSE):
            state = scalings(problem, state, tol, left(), AFFORDABLE)
        return newton(problem, state, reg, tol, min(steps, left()))

    start = np.zeros(len(problem.b)) if potential is None else potential
    if by_sweeps and not near:
        start = _in_stages(problem, start, spread, left)
    state: State | None = None
    if streamed:
        few = FEW_SWEEPS if solver == "auto" and _fits(problem) else math.inf
        rough = ROUGH * spread / reg
        problem.rough = rough if tol < rough < CLOSE else 0.0
        state = relaxed_sweeps(problem, problem.state(start, reg), reg, tol, left(), few)
        if state.error <= tol or left() == 0:
            return problem.better(state, tol)
        _make_dense(problem)
    elif solver == "newton_sparse":
        state = finish(_as_published(problem, start, tol, left, entries, warm_up), NEAR_STEPS)
    elif by_sweeps or near:
        state = problem.state(start, reg, plan=True)
        if solver == "dual":
            state = quasi_newton(problem, state, reg, tol, left())
        elif not by_sweeps:
            state = finish(state, NEAR_STEPS)
    if state is None or (state.error > tol and solver not in ("sinkhorn", "dual")):
        state = descend(problem, spread, tol, left, finish)
    # No step is sure to bring the error down, and a path that was cut short may end far away.
    state = scalings(problem, problem.better(state, tol), tol, left())
    return problem.better(state, tol)


def _as_published(
    problem: Problem,
    start: np.ndarray,
    tol: float,
    left: Callable[[], int],
    entries: float,
    warm_up: int,
) -> State:
    """Plain sweeps, then the sparse Newton method without safeguards."""
    state, sweeps = problem.state(start, problem.reg), min(warm_up, left())
    for _ in range(sweeps):
        state = sweep(problem, state, problem.reg)
    problem.note("sinkhorn", sweeps)
    steps, name = min(SPARSE_STEPS, left()), "newton_sparse"
    return newton(problem, state, problem.reg, tol, steps, entries=entries, name=name)


def _in_stages(
    problem: Problem, potential: np.ndarray, spread: float, left: Callable[[], int]
) -> np.ndarray:
    """A few sweeps at each of falling regularisations."""
    for stage in stages(problem, spread / 4):
        if left() <= STAGE_SWEEPS:
            break
        state = problem.state(potential, stage)
        for _ in range(STAGE_SWEEPS):
            state = sweep(problem, state, stage)
        problem.note("sinkhorn", STAGE_SWEEPS)
        potential = state.potential
    return potential


def _make_room(problem: Problem, solver: str) -> None:
    """A second matrix, and the costs as the first, where both fit into memory."""
    if not isinstance(problem.source, tuple):
        problem.room = problem.engine.matrix_room(problem.source)
        return
    fits = _fits(problem)
    if solver in ("auto", "sinkhorn") and (not fits or _entries(problem) > LARGEST_DENSE):
        return
    if not fits:
        free = problem.engine.free_memory(problem.source[0])
        raise MemoryError(
            f"solver {solver!r} needs {16 * _entries(problem) / 1e9:.3g} GB for {len(problem.a)} x "
            f"{len(problem.b)} points, and {free / 1e9:.3g} GB are free; solver='sinkhorn' streams "
            f"them."
        )
    _make_dense(problem)


def _entries(problem: Problem) -> int:
    return len(problem.a) * len(problem.b)


def _fits(problem: Problem) -> bool:
    """Whether the costs of points and a second matrix have room in memory."""
    return 16 * _entries(problem) < 0.8 * problem.engine.free_memory(problem.source[0])


def _make_dense(problem: Problem) -> None:
    problem.source = problem.engine.squared_distances(*problem.source)
    problem.room = problem.engine.matrix_room(problem.source)
