"""Entropic optimal transport by alternate scalings, plain or relaxed, with either engine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from infotheory.ops import Engine

__all__ = ["Problem", "State", "relaxed_sweeps", "repaired", "scalings", "stages", "sweep"]

#: Scalings whose logarithms exceed this are absorbed into the kernel.
ABSORB = 60.0
#: Scalings between two looks at the rate.
LOOK = 10
#: No relaxation beyond this: near 2 a wrong rate diverges.
MOST_RELAXED = 1.99
#: One stage of the regularisation to the next.
STAGE = 0.25


@dataclass
class Problem:
    """Weights that sum to 1, and costs as a matrix or as a pair of sets of points."""

    engine: Engine
    source: Any
    a: np.ndarray
    b: np.ndarray
    reg: float
    room: Any = None
    """Where the plan or a kernel is kept; None where costs are made on the way."""
    path: list[tuple[str, int]] = field(default_factory=list)
    """Which solver ran, with its iterations."""

    def state(self, potential: np.ndarray, reg: float, *, plan: bool = False) -> State:
        """What a potential of the columns makes: exact rows, and the columns' sums."""
        folded = potential + reg * np.log(self.b)
        minima, columns = self.engine.soft_minimum(
            self.source, folded, reg, self.a, plan=self.room if plan else None
        )
        return State(potential, minima, columns, float(np.abs(columns - self.b).sum()))

    def note(self, name: str, iterations: int) -> None:
        """Add iterations to the path."""
        if iterations and self.path and self.path[-1][0] == name:
            iterations += self.path.pop()[1]
        if iterations:
            self.path.append((name, iterations))


@dataclass
class State:
    """Potentials whose plan has exact rows, and how far its columns are from their weights."""

    potential: np.ndarray
    minima: np.ndarray
    columns: np.ndarray
    error: float

    def dual(self, problem: Problem) -> float:
        """Value of the dual function."""
        return float(self.minima @ problem.a + self.potential @ problem.b)


def repaired(problem: Problem, state: State, reg: float) -> State:
    """Give columns that no row reaches the potential at which they are filled."""
    empty = np.flatnonzero(state.columns <= 1e-200)
    if empty.size:
        folded = state.minima + reg * np.log(problem.a)
        finite = np.isfinite(state.minima)
        folded[~finite] = -np.inf
        state.potential = state.potential.copy()
        state.potential[empty], _ = problem.engine.soft_minimum(
            columns_of(problem.source, empty), folded, reg
        )
    return state


def columns_of(source: Any, place: np.ndarray) -> Any:
    """Some columns of the costs as rows."""
    if isinstance(source, tuple):
        return source[1][place], source[0]
    picked = source[:, place].T
    return picked.copy(order="C") if isinstance(picked, np.ndarray) else picked.contiguous()


def sweep(problem: Problem, state: State, reg: float, relaxation: float = 1.0) -> State:
    """One alternate scaling in the log domain; it reads the costs once."""
    with np.errstate(divide="ignore"):
        change = reg * np.log(problem.b / state.columns)
    usual = np.isfinite(change)
    potential = state.potential + relaxation * np.where(usual, change, 0.0)
    if not usual.all():
        filled = repaired(problem, state, reg).potential
        potential = np.where(usual, potential, filled)
    return problem.state(potential, reg)


def stages(problem: Problem, spread: float) -> Iterator[float]:
    """Regularisations from one that is easy to the one before that of the problem."""
    count = max(0, math.ceil(math.log(max(spread / problem.reg, 1.0), 1 / STAGE)))
    for k in range(count, 0, -1):
        yield problem.reg / STAGE**k


class _Relaxation:
    """Over-relaxation by the rate that is seen, and back to none when it goes wrong.

    A relaxed step leaves both marginals open, and its error first rises: it is judged by where it
    stands after a few looks.
    """

    def __init__(self) -> None:
        self.value = 1.0
        self.rate = math.nan
        self._last: float | None = None
        self._looks = 0
        self._start = math.inf
        self._most = MOST_RELAXED

    def look(self, error: float, steps: int) -> None:
        """The error after so many more steps."""
        last, self._last = self._last, error
        if last is None or error <= 0:
            return
        rate = (error / last) ** (1 / steps)
        if self.value == 1.0:
            self.rate = rate
            if 0.3 < rate < 1.0 and self._most > 1.1:
                self.value = min(2 / (1 + math.sqrt(1 - rate)), self._most)
                self._start, self._looks = error, 0
            return
        self._looks += 1
        settled = self._looks * LOOK >= 5 / (2 - self.value)
        if error > 1e3 * self._start or (settled and rate >= 1):
            self._most = 1 + 0.8 * (self.value - 1)
            self.value, self._last = 1.0, None
        elif settled and rate > self.value - 0.98:
            # Slower than the rate foretold: Young's relation tells the plain rate from this one.
            plain = (rate + self.value - 1) ** 2 / (rate * self.value**2)
            if plain > self.rate:
                self.rate = min(plain, 1 - 1e-6)
                self.value = min(2 / (1 + math.sqrt(1 - self.rate)), self._most)
                self._start, self._looks = error, 0


def relaxed_sweeps(
    problem: Problem, state: State, reg: float, tol: float, most: int, name: str = "sinkhorn"
) -> State:
    """Sweeps in the log domain until the error is within tol; memory of the vectors alone."""
    relaxation = _Relaxation()
    done = 0
    while state.error > tol and done < most:
        if done % LOOK == LOOK - 1:
            relaxation.look(state.error, LOOK)
        state = sweep(problem, state, reg, relaxation.value)
        done += 1
    problem.note(name, done)
    return state


def scalings(
    problem: Problem,
    state: State,
    tol: float,
    most: int,
    affordable: float = math.inf,
) -> State:
    """Scalings of the kernel in the room, absorbed where they grow, relaxed by the rate seen.

    With `affordable` it gives up as soon as the rate predicts more iterations than that.
    """
    engine, a, b, reg = problem.engine, problem.a, problem.b, problem.reg
    relaxation, done = _Relaxation(), 0
    while done < most and state.error > tol:
        state = repaired(problem, state, reg)
        state = problem.state(state.potential, reg, plan=True)
        done += 1
        if state.error <= tol or not (state.columns > 0).all():
            continue
        # The kernel in the room has exact rows already: its first scaling is that of columns.
        u, v = np.ones(len(a)), b / state.columns
        error, hopeless = state.error, False
        for _ in range(most - done):
            sums, u_new, columns = engine.scaling_step(problem.room, v, u, a, relaxation.value)
            rows_error = float(np.abs(u * sums - a).sum())
            u = u_new
            error = rows_error + float(np.abs(v * columns - b).sum())
            done += 1
            if relaxation.value == 1.0:
                error = float(np.abs(v * columns - b).sum())
            if done % LOOK == 0:
                relaxation.look(error, LOOK)
                hopeless = _predicted(relaxation, error, tol) > affordable
            if not (columns > 0).all() or error <= tol or hopeless:
                break
            v = _relaxed(v, b / columns, relaxation.value)
            if max(np.abs(np.log(v)).max(), np.abs(np.log(u)).max()) > ABSORB:
                break
        state = problem.state(state.potential + reg * np.log(v), reg)
        if hopeless:
            break
    problem.note("sinkhorn", done)
    return state


def _relaxed(v: np.ndarray, wanted: np.ndarray, relaxation: float) -> np.ndarray:
    """v^(1 - w) wanted^w."""
    return wanted if relaxation == 1.0 else v * (wanted / v) ** relaxation


def _predicted(relaxation: _Relaxation, error: float, tol: float) -> float:
    """How many more iterations the rate of plain scalings promises to relaxed ones."""
    if not relaxation.rate > 0.0:
        return 0.0
    rate = min(relaxation.rate, 1 - 1e-9)
    rate = max(2 / (1 + math.sqrt(1 - rate)) - 1, 0.1)
    return math.log(max(error / tol, 1.0)) / -math.log(rate)
