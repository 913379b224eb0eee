"""Entropic transport where a common part drowns the costs, or a constant the potentials."""

import pickle

import numpy as np
import pytest
import torch

import infotheory as it
from infotheory.solvers.policy import SOLVERS

COST = np.random.default_rng(0).random((30, 40))


@pytest.fixture(scope="module")
def wanted():
    return it.sinkhorn(cost=COST, reg=0.01)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("offset", [1e3, 1e5, 1e6, -1e6, 1e9])
@pytest.mark.usefixtures("engine")
def test_a_common_offset_takes_only_the_digits_of_the_costs(wanted, solver, offset):
    cost = COST + offset
    digits = 4 * np.spacing(abs(offset))
    found = it.sinkhorn(cost=cost, reg=0.01, solver=solver)
    assert found.converged
    np.testing.assert_allclose(found.plan, wanted.plan, atol=1e-9 + digits)
    np.testing.assert_allclose(found.plan_rows(3, 7), found.plan[3:7], atol=1e-16)
    best = wanted.value + offset
    assert found.lower - digits <= best <= found.upper + digits
    assert found.upper - found.lower <= 2e-14 * abs(offset) + 1e-9
    assert found.value == pytest.approx(best, abs=2e-9 * max(abs(offset), 1) + digits)
    assert found.cost == pytest.approx((found.plan * cost).sum(), rel=1e-13)
    f, g = found.potentials
    assert f.mean() == pytest.approx(g.mean(), rel=1e-9)
    assert f.mean() + g.mean() == pytest.approx(best, rel=1e-9)


@pytest.mark.usefixtures("engine")
def test_what_rows_and_columns_have_in_common_is_taken_out(wanted, rng):
    u, v = 1e5 * rng.normal(size=30), 1e6 * rng.normal(size=40)
    found = it.sinkhorn(cost=COST + u[:, None] + v, reg=0.01)
    assert found.converged
    np.testing.assert_allclose(found.plan, wanted.plan, atol=1e-9)
    best = wanted.value + u.mean() + v.mean()
    assert found.lower - 1e-8 <= best <= found.upper + 1e-8
    assert found.upper - found.lower <= 1e-7
    again = pickle.loads(pickle.dumps(found))
    assert again.upper == found.upper
    np.testing.assert_array_equal(again.plan, found.plan)
    # Its potentials start the next one, with the digits that they have.
    cost, pair = COST + u[:, None] + v, found.potentials
    assert it.sinkhorn(cost=cost, reg=0.01, potentials=pair).iterations < found.iterations / 2
    rest = pair[0] - u, pair[1] - v
    assert it.sinkhorn(cost=COST, reg=0.01, potentials=rest).iterations < found.iterations / 2


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.usefixtures("engine")
def test_clouds_far_apart_are_as_clouds_that_are_near(solver):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(60, 2)), rng.normal(size=(50, 2))
    far = np.array([1000.0, -500.0])
    near = it.sinkhorn(x, y, reg=0.05)
    found = it.sinkhorn(x, y + far, reg=0.05, solver=solver)
    assert found.converged
    np.testing.assert_allclose(found.plan, near.plan, atol=1e-9)
    best = near.value + far @ far - 2 * far @ (x.mean(axis=0) - y.mean(axis=0))
    assert found.lower - 1e-8 <= best <= found.upper + 1e-8
    assert found.upper - found.lower <= 1e-7
    mean = it.sinkhorn(x, y + far, reg=1e-6, reg_scale="mean")
    cost = ((x[:, None] - y - far) ** 2).sum(axis=2)
    assert mean.converged
    assert mean.params["reg"] == pytest.approx(1e-6 * cost.mean(), rel=1e-9)
    assert mean.params["reg_scale"] == "mean"


@pytest.mark.usefixtures("engine")
def test_offsets_in_a_batch_and_beside_forbidden_cells(wanted, rng):
    u = 1e5 * rng.normal(size=30)
    costs = np.stack([COST + 1e6, COST, COST + u[:, None]])
    for found in it.sinkhorn(cost=costs, reg=0.01):
        assert found.converged
        np.testing.assert_allclose(found.plan, wanted.plan, atol=1e-8)
    cost, a = COST.copy(), np.full(30, 1 / 29)
    cost[3], cost[5, :10], a[3] = np.inf, np.inf, 0.0
    one, other = (it.sinkhorn(cost=cost + off, a=a, reg=0.01) for off in (0.0, 1e6))
    assert other.converged
    assert np.isinf(other.potentials[0][3])
    np.testing.assert_allclose(other.plan, one.plan, atol=1e-8)
    assert other.lower <= one.value + 1e6 + 1e-8
    assert other.upper >= one.value + 1e6 - 1e-8


def test_ordinary_costs_are_not_copied(wanted):
    assert wanted._source is COST
    assert it.sinkhorn(cost=COST, reg=1e-4)._source is COST
    assert it.sinkhorn(cost=COST + 10, reg=0.01)._reduced is None


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("constant", [1e5, 1e6, -1e9])
@pytest.mark.usefixtures("engine")
def test_a_constant_in_the_potentials_is_taken_out(wanted, solver, constant):
    f, g = wanted.potentials[0] - constant, wanted.potentials[1] + constant
    found = it.sinkhorn(cost=COST, reg=0.01, potentials=(f, g), solver=solver)
    assert found.converged
    assert np.abs(found.potentials[0]).max() < 1
    many = it.sinkhorn(
        cost=np.stack([COST, COST]), reg=0.01, potentials=(np.stack([f, f]), np.stack([g, g]))
    )
    assert all(each.converged for each in many)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, np.ndarray.tolist])
def test_a_potential_may_be_infinite_where_there_is_no_weight(kind):
    cost, a = COST.copy(), np.full(30, 1 / 29)
    cost[3], a[3] = np.inf, 0.0
    found = it.sinkhorn(cost=cost, a=a, reg=0.01)
    assert np.isinf(found.potentials[0][3])
    start = tuple(map(kind, found.potentials))
    again = it.sinkhorn(cost=cost, a=a, reg=0.01, potentials=start)
    assert again.iterations <= 2
    many = it.sinkhorn(
        cost=cost[None], a=a, reg=0.01, potentials=[kind(each[None]) for each in found.potentials]
    )
    assert many[0].iterations <= 2
    with pytest.raises(ValueError, match="potentials must be finite"):
        it.sinkhorn(cost=COST, reg=0.01, potentials=start)
