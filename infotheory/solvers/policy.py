"""Which solver of entropic transport runs when, and where its matrices are."""

from __future__ import annotations

import numpy as np

from infotheory.solvers.dual import quasi_newton
from infotheory.solvers.newton import newton
from infotheory.solvers.sinkhorn import (
    Problem,
    State,
    relaxed_sweeps,
    repaired,
    scalings,
    stages,
    sweep,
)

__all__ = ["ENTRIES", "SOLVERS", "solve"]

SOLVERS = ("auto", "sinkhorn", "newton", "newton_sparse", "dual")
#: Plans of more entries than this are not made dense by "auto", whatever memory there is.
LARGEST_DENSE = 1 << 28
#: Costs that span more regularisations than this are approached in stages.
NEAR = 300.0
#: At a stage before the last, sweeps, and the error that is good enough.
STAGE_SWEEPS, STAGE_ERROR = 3, 0.1
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
    spread : float
        Between the smallest and the largest cost.
    potential : array, shape (m,), optional
        Of the columns, to start from; without it the regularisation comes down in stages.

    Returns
    -------
    State
    """
    _make_room(problem, solver)
    reg, streamed = problem.reg, problem.room is None

    def left() -> int:
        return max(most - sum(count for _, count in problem.path), 0)

    if potential is None:
        potential, easy = np.zeros(len(problem.b)), spread / reg <= NEAR
    else:
        easy = True
    if not easy:
        for stage in stages(problem, spread / 4):
            if left() <= STAGE_SWEEPS:
                break
            state = problem.state(potential, stage)
            for _ in range(STAGE_SWEEPS):
                state = sweep(problem, state, stage)
            problem.note("sinkhorn", STAGE_SWEEPS)
            if not streamed and solver not in ("sinkhorn", "dual"):
                state = newton(problem, state, stage, STAGE_ERROR, min(20, left()))
            potential = state.potential
    state = repaired(problem, problem.state(potential, reg), reg)
    if streamed:
        return relaxed_sweeps(problem, state, reg, tol, left())
    if solver == "dual":
        state = quasi_newton(problem, state, reg, tol, left())
    if solver == "newton_sparse":
        warm = min(WARM_UP, left())
        state = relaxed_sweeps(problem, state, reg, tol, warm)
        state = newton(problem, state, reg, tol, left(), entries=entries, name="newton_sparse")
    if solver == "auto":
        state = scalings(problem, state, tol, left(), AFFORDABLE)
    if solver in ("auto", "newton", "newton_sparse"):
        state = newton(problem, state, reg, tol, left())
    if solver != "newton":
        state = scalings(problem, state, tol, left())
    return state


def _make_room(problem: Problem, solver: str) -> None:
    """A second matrix, and the costs as the first, where both fit into memory."""
    if not isinstance(problem.source, tuple):
        problem.room = problem.engine.matrix_room(problem.source)
        return
    n, m = len(problem.a), len(problem.b)
    needed, free = 16 * n * m, problem.engine.free_memory(problem.source[0])
    fits = needed < 0.8 * free
    if solver in ("auto", "sinkhorn") and (not fits or n * m > LARGEST_DENSE):
        return
    if not fits:
        raise MemoryError(
            f"solver {solver!r} needs {needed / 1e9:.3g} GB for {n} x {m} points, and "
            f"{free / 1e9:.3g} GB are free; solver='sinkhorn' streams them."
        )
    problem.source = problem.engine.squared_distances(*problem.source)
    problem.room = problem.engine.matrix_room(problem.source)
