"""Solvers of entropic transport: each alone, where others would fail."""

import numpy as np
import pytest

from infotheory import ops
from infotheory.solvers.dual import quasi_newton
from infotheory.solvers.feasible import refuse_infeasible
from infotheory.solvers.newton import newton
from infotheory.solvers.sinkhorn import Problem, relaxed_sweeps, scalings


def problem_of(cost, reg, a=None, b=None):
    n, m = cost.shape
    a = np.full(n, 1 / n) if a is None else a
    b = np.full(m, 1 / m) if b is None else b
    engine = ops.of(cost)
    return Problem(engine, cost, a, b, reg, engine.matrix_room(cost))


def cloud(rng, n, m, d=2):
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5
    cost = ((x[:, None] - y) ** 2).sum(axis=2)
    return cost / cost.mean()


SOLVERS = {
    "sweeps": lambda p, s: relaxed_sweeps(p, s, p.reg, 1e-11, 5000),
    "scalings": lambda p, s: scalings(p, s, 1e-11, 5000),
    "newton": lambda p, s: newton(p, s, p.reg, 1e-11, 100),
    "dual": lambda p, s: quasi_newton(p, s, p.reg, 1e-8, 2000),
}


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (30, 23), (120, 130)], ids=str)
@pytest.mark.usefixtures("engine")
def test_every_solver_finds_the_same_plan(rng, name, shape):
    a, b = (rng.random(size) + 0.1 for size in shape)
    problem = problem_of(cloud(rng, *shape), 0.1, a / a.sum(), b / b.sum())
    start = problem.state(np.zeros(shape[1]), 0.1)
    state = SOLVERS[name](problem, start)
    # L-BFGS sees the dual alone, whose digits end where the error is the root of rounding.
    assert state.error <= (1e-8 if name == "dual" else 1e-11)
    best = problem_of(problem.source, 0.1, problem.a, problem.b)
    wanted = newton(best, best.state(np.zeros(shape[1]), 0.1), 0.1, 1e-13, 100)
    assert state.dual(problem) == pytest.approx(wanted.dual(best), rel=1e-10)


def test_relaxation_needs_fewer_scalings_than_the_plain_rate(rng):
    problem = problem_of(cloud(rng, 150, 150), 0.02)
    state = problem.state(np.zeros(150), 0.02)
    plain = 0
    while state.error > 1e-9:
        state = problem.state(state.potential + 0.02 * np.log(problem.b / state.columns), 0.02)
        plain += 1
    relaxed = scalings(problem, problem.state(np.zeros(150), 0.02), 1e-9, 10_000)
    assert relaxed.error <= 1e-9
    assert problem.path[0][1] < plain / 2


def test_nearly_disconnected_plans_are_solved(rng):
    """Two clusters whose plan is joined by next to nothing, and of unlike sizes."""
    x = np.concatenate([rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) + 6.0])
    y = np.concatenate([rng.normal(size=(59, 2)), rng.normal(size=(61, 2)) + 6.0])
    cost = ((x[:, None] - y) ** 2).sum(axis=2)
    for reg in (1.0, 0.3, 0.1):
        problem = problem_of(cost, reg)
        potential = np.zeros(120)
        for stage in (16 * reg, 4 * reg, reg):
            state = newton(problem, problem.state(potential, stage), stage, 1e-9, 200)
            potential = state.potential
        assert state.error <= 1e-9, reg


def test_a_flow_decides_what_is_feasible():
    cost = np.array([[0.0, np.inf, 0.0], [np.inf, 0.0, 1.0]])
    refuse_infeasible(cost, np.array([0.5, 0.5]), np.array([0.5, 0.3, 0.2]))
    with pytest.raises(ValueError, match=r"cost must allow .* leave 0.2 of the mass"):
        refuse_infeasible(cost, np.array([0.3, 0.7]), np.array([0.5, 0.3, 0.2]))
