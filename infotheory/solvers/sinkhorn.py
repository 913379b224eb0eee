"""Entropic optimal transport by alternate scalings, plain or relaxed, with either engine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from infotheory.ops import Engine
from infotheory.solvers.sources import transposed

__all__ = ["Problem", "State", "filled", "held", "relaxed_sweeps", "scalings", "stages", "sweep"]

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
    held: State | None = None
    """The state whose plan is in the room."""
    rough: float = 0.0
    """Down to this error sweeps over points make their exponents in float32."""
    path: list[tuple[str, int]] = field(default_factory=list)
    """Which solver ran, with its iterations."""
    best: State | None = None
    """Of all states at the problem's own regularisation that of the smallest error."""

    @property
    def precision(self) -> str:
        """Of the exponents of sweeps over points."""
        return "single" if self.rough else "double"

    def state(self, potential: np.ndarray, reg: float, *, plan: bool = False) -> State:
        """What a potential of the columns makes: exact rows, and the columns' sums."""
        folded = potential + reg * np.log(self.b)
        minima, columns = self.engine.soft_minimum(
            self.source, folded, reg, self.a, self.room if plan else None, precision=self.precision
        )
        found = State(potential, minima, columns, float(np.abs(columns - self.b).sum()))
        if plan and self.room is not None:
            self.held = found
        return self.seen(found, reg)

    def seen(self, state: State, reg: float) -> State:
        """The state, which is remembered if none at the problem's regularisation was better."""
        if reg == self.reg and (self.best is None or state.error < self.best.error):
            self.best = state
        return state

    def better(self, state: State, tol: float) -> State:
        """The state where it is within tol, else the best that there was."""
        if state.error <= tol or self.best is None or state.error <= self.best.error:
            return state
        return self.best

    def note(self, name: str, iterations: int) -> None:
        """Add iterations to the path."""
        if iterations and self.path and self.path[-1][0] == name:
            iterations += self.path.pop()[1]
        if iterations:
            self.path.append((name, iterations))

    def gather(self, start: int) -> None:
        """Make one entry for each name of all that came after so many entries of the path."""
        entries, self.path = self.path[start:], self.path[:start]
        for name in dict.fromkeys(name for name, _ in entries):
            self.note(name, sum(count for other, count in entries if other == name))


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


def filled(problem: Problem, state: State, reg: float) -> np.ndarray:
    """The potential, but columns that no row reaches have that at which they are filled."""
    empty = np.flatnonzero(state.columns <= 1e-200)
    if not empty.size:
        return state.potential
    folded = state.minima + reg * np.log(problem.a)
    folded[~np.isfinite(state.minima)] = -np.inf
    potential = state.potential.copy()
    potential[empty], _ = problem.engine.soft_minimum(
        columns_of(problem.source, empty), folded, reg
    )
    return potential


def held(problem: Problem, state: State, reg: float) -> State:
    """The state, or what filling its empty columns makes of it, with its plan in the room."""
    potential = filled(problem, state, reg)
    if problem.held is state and potential is state.potential:
        return state
    return problem.state(potential, reg, plan=True)


def columns_of(source: Any, place: np.ndarray) -> Any:
    """Some columns of the costs as rows."""
    if isinstance(source, tuple):
        return source[1][place], source[0]
    picked = source[:, place].T
    return picked.copy(order="C") if isinstance(picked, np.ndarray) else picked.contiguous()


def sweep(
    problem: Problem, state: State, reg: float, relaxation: float = 1.0, *, plan: bool = False
) -> State:
    """One alternate scaling in the log domain; it reads the costs once."""
    with np.errstate(divide="ignore"):
        change = reg * np.log(problem.b / state.columns)
    usual = np.isfinite(change)
    potential = state.potential + relaxation * np.where(usual, change, 0.0)
    if not usual.all():
        potential = np.where(usual, potential, filled(problem, state, reg))
    return problem.state(potential, reg, plan=plan)


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
    problem: Problem,
    state: State,
    reg: float,
    tol: float,
    most: int,
    affordable: float = math.inf,
) -> State:
    """Sweeps in the log domain until the error is within tol; memory of the vectors alone.

    Plain ones make the costs once, those that are relaxed twice. `affordable` as for `scalings`.
    """
    relaxation, done = _Relaxation(), 0
    while done < most:
        goal = problem.rough or tol
        if state.error <= goal:
            if not problem.rough:
                break
            problem.rough = 0.0
            state = problem.state(state.potential, reg)
        elif relaxation.value == 1.0:
            state, done = sweep(problem, state, reg), done + 1
            if done % LOOK == 0:
                relaxation.look(state.error, LOOK)
        else:
            room = min(most - done, 2 * affordable)
            state, count = _both_relaxed(problem, state, reg, goal, room, relaxation, affordable)
            done += count
        if _predicted(relaxation, state.error, tol) > affordable or done > 2 * affordable:
            break
    if problem.rough:
        problem.rough = 0.0
        state = problem.state(state.potential, reg)
    problem.note("sinkhorn", done)
    return state


def _both_relaxed(
    problem: Problem,
    state: State,
    reg: float,
    tol: float,
    most: float,
    relaxation: _Relaxation,
    affordable: float,
) -> tuple[State, int]:
    """Sweeps that move both potentials beyond what they would be, as long as that goes well."""
    engine, across, precision = problem.engine, transposed(problem.source), problem.precision
    log_a, log_b = reg * np.log(problem.a), reg * np.log(problem.b)
    f, g = state.minima.copy(), state.potential.copy()
    done = 0
    while done < most:
        done += 1
        wanted, _ = engine.soft_minimum(problem.source, g + log_b, reg, precision=precision)
        error = _lacking(problem.a, f - wanted, reg)
        f += relaxation.value * (wanted - f)
        wanted, _ = engine.soft_minimum(across, f + log_a, reg, precision=precision)
        error += _lacking(problem.b, g - wanted, reg)
        g += relaxation.value * (wanted - g)
        if done % LOOK == 0:
            relaxation.look(error, LOOK)
            if _predicted(relaxation, error, tol) > affordable:
                break
        if not tol < error < math.inf or relaxation.value == 1.0:
            break
    return problem.state(g, reg), done


def _lacking(weights: np.ndarray, excess: np.ndarray, reg: float) -> float:
    """The error of a marginal whose potential is that much above what it should be."""
    with np.errstate(over="ignore"):
        return float(weights @ np.abs(np.expm1(excess / reg)))


def scalings(
    problem: Problem,
    state: State,
    tol: float,
    most: int,
    affordable: float = math.inf,
) -> State:
    """Scalings of the kernel in the room, absorbed where they grow, relaxed by the rate seen.

    With `affordable` it gives up as soon as the rate predicts more iterations than that, and after
    twice as many whatever it predicts.
    """
    relaxation, done, hopeless = _Relaxation(), 0, False
    while done < most and state.error > tol and not hopeless:
        state, done = held(problem, state, problem.reg), done + 1
        if state.error > tol and (state.columns > 0).all():
            state, count, hopeless = _with_kernel(
                problem, state, tol, most - done, affordable, relaxation
            )
            done += count
    problem.note("sinkhorn", done)
    return state


def _with_kernel(
    problem: Problem,
    state: State,
    tol: float,
    most: int,
    affordable: float,
    relaxation: _Relaxation,
) -> tuple[State, int, bool]:
    """Scalings of the plan that is held, until they grow; how many, and whether to give up."""
    engine, a, b, reg = problem.engine, problem.a, problem.b, problem.reg
    # The plan has exact rows already: its first scaling is that of columns.
    u, v = np.ones(len(a)), b / state.columns
    count, near, hopeless = 0, False, False
    while count < most:
        count += 1
        # Near the end a plain step, after which rows are exact and columns tell the error.
        power = 1.0 if near else relaxation.value
        sums, scaled, columns = engine.scaling_step(problem.room, v, u, a, power)
        error = float(np.abs(v * columns - b).sum())
        if power != 1.0:
            error += float(np.abs(u * sums - a).sum())
        u, near = scaled, error <= tol
        if count % LOOK == 0:
            relaxation.look(error, LOOK)
            hopeless = _predicted(relaxation, error, tol) > affordable or count > 2 * affordable
        if hopeless or (near and power == 1.0) or not (columns > 0).all():
            break
        if near:
            continue
        v = _relaxed(v, b / columns, relaxation.value)
        if max(np.abs(np.log(v)).max(), np.abs(np.log(u)).max()) > ABSORB:
            break
    potential = state.potential + reg * np.log(v)
    digits = 1e-14 * float(np.abs(state.minima).max() + np.abs(potential).max()) / reg
    if near and power == 1.0 and digits <= 0.1 * tol:
        found = State(potential, state.minima + reg * np.log(u), v * columns, error)
        problem.seen(found, reg)
    else:
        found = problem.state(potential, reg, plan=True)
    return found, count, hopeless


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
