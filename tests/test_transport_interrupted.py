"""Entropic transport that runs out of iterations: what it returns is no worse than what it had."""

import warnings

import numpy as np
import pytest

import infotheory as it
from infotheory.solvers.policy import SOLVERS


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", it.InfotheoryWarning)
        yield


@pytest.mark.parametrize("most", [20, 40, 60])
def test_a_path_cut_short_loses_nothing_that_scalings_had(most):
    cost = np.random.default_rng(0).random((30, 40))
    found = it.sinkhorn(cost=cost, reg=0.01, max_iterations=most)
    assert found.iterations <= most
    assert found.marginal_error <= 0.05  # 0.56 where potential 0 was returned
    error = np.abs(found.plan.sum(1) - 1 / 30).sum() + np.abs(found.plan.sum(0) - 1 / 40).sum()
    assert found.marginal_error == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("most", [1, 2, 3, 5, 8, 20])
@pytest.mark.usefixtures("engine")
def test_a_warm_start_is_never_left_for_worse(solver, most):
    rng = np.random.default_rng(2)
    cost = rng.random((30, 40))
    near = cost + 1e-3 * rng.random(cost.shape)
    pair = it.sinkhorn(cost=cost, reg=0.003).potentials
    start = np.exp((pair[0][:, None] + pair[1] - near) / 0.003) / 1200
    error = np.abs(start.sum(1) - 1 / 30).sum() + np.abs(start.sum(0) - 1 / 40).sum()
    options = {"reg": 0.003, "solver": solver, "max_iterations": most}
    assert it.sinkhorn(cost=near, potentials=pair, **options).marginal_error <= error
    pairs = tuple(np.stack([part, part]) for part in pair)
    for found in it.sinkhorn(cost=np.stack([near, near]), potentials=pairs, **options):
        assert found.marginal_error <= error
        assert found.iterations <= most


@pytest.mark.parametrize("reg", [0.002, 2e-4])
def test_more_iterations_leave_no_problem_of_a_batch_worse(reg):
    costs = np.random.default_rng(1).random((4, 40, 40))
    before = it.sinkhorn(cost=costs, reg=reg, max_iterations=150)
    after = it.sinkhorn(cost=costs, reg=reg, max_iterations=155)
    for fewer, more in zip(before, after, strict=True):
        assert more.marginal_error <= fewer.marginal_error
        assert more.iterations == sum(count for _, count in more.path) <= 155
        assert more.params["max_iterations"] == 155
