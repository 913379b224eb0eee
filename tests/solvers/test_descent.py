"""The path of falling regularisations: where it leads, in how many steps, and when it is told."""

import numpy as np
import pytest

from infotheory import ops
from infotheory.solvers.descent import CARES, descend
from infotheory.solvers.newton import newton
from infotheory.solvers.policy import ENTRIES, SOLVERS, WARM_UP, solve
from infotheory.solvers.sinkhorn import Problem


def problem_of(cost, share, a=None, b=None):
    n, m = cost.shape
    a = np.full(n, 1 / n) if a is None else a / a.sum()
    b = np.full(m, 1 / m) if b is None else b / b.sum()
    engine = ops.of(cost)
    return Problem(engine, cost, a, b, share * cost.mean(), engine.matrix_room(cost))


def grid(rng):
    """Costs and weights that are whole numbers: the exact problem has many solutions."""
    points = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), -1).reshape(-1, 2)
    a = rng.integers(1, 5, 144).astype(float)
    return np.abs(points[:, None] - points).sum(axis=2), a, rng.permutation(a)


def line(rng):
    x, y = np.sort(rng.normal(size=(2, 150)))
    return np.abs(x[:, None] - y), None, None


def decades(rng):
    x, y = rng.normal(size=(2, 120, 2))
    a, b = 10 ** rng.uniform(-12, 0, (2, 120))
    return ((x[:, None] - y) ** 2).sum(axis=2), a, b


def arrive(problem, tol=1e-9, most=10_000):
    def left():
        return max(most - sum(count for _, count in problem.path), 0)

    def finish(state, steps):
        return newton(problem, state, problem.reg, tol, min(steps, left()))

    spread = problem.source.max() - problem.source.min()
    return descend(problem, spread, tol, left, finish)


def newton_steps(problem):
    return sum(count for name, count in problem.path if name == "newton")


@pytest.mark.parametrize("draw", [grid, line])
@pytest.mark.parametrize("share", [1e-2, 1e-3, 1e-4])
@pytest.mark.usefixtures("engine")
def test_the_end_is_reached_in_few_steps(rng, draw, share):
    cost, a, b = draw(rng)
    problem = problem_of(cost, share, a, b)
    state = arrive(problem)
    assert state.error <= 1e-9
    assert newton_steps(problem) <= 40
    again = problem.state(state.potential, problem.reg)
    assert again.error == state.error


def test_the_path_is_shorter_than_newton_from_afar(rng):
    cost, a, b = grid(rng)
    near, far = problem_of(cost, 1e-4, a, b), problem_of(cost, 1e-4, a, b)
    assert arrive(near).error <= 1e-9
    state = far.state(np.zeros(144), far.reg)
    newton(far, state, far.reg, 1e-9, 2 * newton_steps(near))
    assert newton_steps(far) == 2 * newton_steps(near)


@pytest.mark.parametrize("seed", range(4))
def test_weights_over_twelve_decades(seed):
    cost, a, b = decades(np.random.default_rng(seed))
    problem = problem_of(cost, 1e-4, a, b)
    state = arrive(problem)
    assert state.error <= 1e-9
    assert newton_steps(problem) <= 300


def test_more_care_comes_only_where_less_fails(rng, monkeypatch):
    cost, _, _ = line(rng)
    problem = problem_of(cost, 1e-3)
    arrive(problem)
    # One entry of each kind for the stages, and Newton's steps at the end: the first care did it.
    assert [name for name, _ in problem.path] == ["sinkhorn", "newton"]
    hasty = CARES[0]._replace(steps=0)
    monkeypatch.setattr("infotheory.solvers.descent.CARES", (hasty, *CARES[1:]))
    slower = problem_of(cost, 1e-3)
    assert arrive(slower).error <= 1e-9
    # 3 sweeps until Newton's method would have been needed, then two at each of more stages.
    assert slower.path[0][1] <= 3
    assert sum(count for name, count in slower.path if name == "sinkhorn") > problem.path[0][1]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize("most", [1, 2, 3, 5, 8, 13, 21, 34, 55])
def test_no_solver_takes_more_iterations_than_it_may(rng, solver, most, points):
    x, y = rng.normal(size=(2, 40, 2))
    cost = ((x[:, None] - y) ** 2).sum(axis=2)
    problem = problem_of(cost, 1e-3)
    problem.source = (x, y) if points else cost
    problem.room = None
    spread = float(cost.max())
    state = solve(problem, solver, 1e-13, most, entries=ENTRIES, warm_up=WARM_UP, spread=spread)
    assert sum(count for _, count in problem.path) <= most
    assert np.isfinite(state.potential).all()
    # Whatever it has, it is a state of the regularisation that was asked for.
    again = problem.state(state.potential, problem.reg)
    np.testing.assert_allclose(again.columns, state.columns, atol=1e-12)
