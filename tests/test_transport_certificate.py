"""What a transport says of itself: bounds with forbidden cells, copies, plans that do not fit."""

import copy
import pickle

import numpy as np
import pytest

import infotheory as it
from infotheory.transport import plans


def with_forbidden_cells(seed, n=30, share=0.1):
    rng = np.random.default_rng(seed)
    cost = rng.random((n, n))
    cost[rng.random(cost.shape) < share] = np.inf
    return cost


@pytest.mark.parametrize("seed", range(6))
def test_the_upper_bound_goes_round_forbidden_cells(engine, seed):
    found = it.sinkhorn(cost=with_forbidden_cells(seed), reg=0.05)
    assert found.lower <= found.upper < found.lower + 1e-9
    best = it.sinkhorn(cost=with_forbidden_cells(seed), reg=0.05, tol=1e-13)
    assert found.lower <= best.value + 1e-13
    assert best.value - 1e-13 <= found.upper


def test_the_bounds_hold_where_the_regularisation_drowns_the_cost(engine):
    x, y = np.arange(5.0), np.arange(5.0) + 0.3
    cost = (x[:, None] - y) ** 2
    for reg in (1e3, 1e8, 1e15):
        found = it.sinkhorn(x, y, reg=reg)
        # To second order, near the product: what no sum of f and g can take away has a part.
        rest = cost - cost.mean(axis=0) - cost.mean(axis=1)[:, None] + cost.mean()
        exact = cost.mean() - rest.var() / (2 * reg)
        beyond = 100 / reg**2
        assert found.lower <= exact + beyond
        assert exact - beyond <= found.upper


def test_it_is_pickled_and_copied(engine, rng):
    found = it.sinkhorn(rng.standard_normal((20, 2)), rng.standard_normal((30, 2)), reg=0.5)
    for again in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert again.params == found.params
        assert again.value == found.value
        np.testing.assert_array_equal(again.plan, found.plan)
        with pytest.raises(TypeError):
            again.params["reg"] = 1.0


def test_the_plan_is_read_only(engine, rng):
    found = it.sinkhorn(cost=rng.random((5, 6)), reg=0.5)
    with pytest.raises(ValueError, match="read-only"):
        found.plan[:] = 0


def test_a_plan_that_does_not_fit_says_so(rng, monkeypatch):
    found = it.sinkhorn(rng.random((50, 1)), rng.random((40, 1)), reg=0.5)
    monkeypatch.setattr(plans, "free_memory", lambda: 10_000)
    with pytest.raises(MemoryError, match="plan_rows"):
        _ = found.plan
    assert found.plan_rows(0, 5).shape == (5, 40)
