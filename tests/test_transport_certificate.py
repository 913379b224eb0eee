"""What a transport says of itself: bounds with forbidden cells, copies, plans that do not fit."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest

import infotheory as it
from infotheory.solvers import feasible
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


def uneven(seed, heavy):
    """Small costs, weights of which a few have nearly all, and a small regularisation."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(2, 12, 2)
    cost = np.exp(4 * rng.normal(size=(n, m))) if heavy else rng.random((n, m))
    a, b = (rng.dirichlet(np.full(size, 0.3 if heavy else 0.1)) for size in (n, m))
    return {"cost": cost, "a": a, "b": b, "reg": float(10 ** rng.uniform(-4, -1))}


@pytest.mark.parametrize("heavy", [True, False])
def test_the_bounds_do_not_cross_where_exponents_have_lost_digits(heavy):
    # Of the first of these 13 crossed, when what rounding does to exponents was not allowed for.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", it.InfotheoryWarning)
        for seed in range(250):
            found = it.sinkhorn(**uneven(seed, heavy), tol=1e-6)
            assert found.lower <= found.upper, seed


@pytest.mark.usefixtures("engine")
def test_the_best_of_forty_digits_is_between_bounds_that_are_next_to_it():
    rng = np.random.default_rng(1281)
    n, m = rng.integers(2, 12, 2)
    rng.random((n, m))
    cost = np.exp(4 * rng.normal(size=(n, m)))
    a, b = rng.dirichlet(np.full(n, 0.3)), rng.dirichlet(np.full(m, 0.3))
    reg = float(10 ** rng.uniform(-4, -1))
    found = it.sinkhorn(cost=cost, a=a, b=b, reg=reg, tol=1e-6)
    # Newton's method in 40 digits.
    assert found.lower <= 2904.9778534500767931 <= found.upper
    assert found.upper - found.lower <= 1e-9


def test_uneven_weights_divide_by_nothing_that_is_zero():
    rng = np.random.default_rng(7330)
    n, m = rng.integers(2, 20, 2)
    cost = rng.random((n, m))
    a, b = rng.dirichlet(np.full(n, 0.05)), rng.dirichlet(np.full(m, 0.05))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = it.sinkhorn(cost=cost, a=a, b=b, reg=1e-4)
        assert found.lower <= found.upper <= found.lower + 1e-6


@pytest.mark.usefixtures("engine")
def test_what_lacks_stays_within_the_parts_that_forbidden_cells_leave():
    cost = np.random.default_rng(0).random((20, 20))
    cost[:10, 10:] = cost[10:, :10] = np.inf
    found = it.sinkhorn(cost=cost, reg=0.02)
    assert found.lower <= found.upper <= found.lower + 1e-9


@pytest.mark.usefixtures("engine")
def test_what_lacks_may_push_away_what_is_there():
    """Only the diagonal is a plan, and scalings come to it but slowly."""
    found = it.sinkhorn(cost=[[0, 0], [np.inf, 0]], reg=1.0)
    assert found.lower <= math.log(2) <= found.upper <= math.log(2) + 1e-9


@pytest.mark.parametrize("reg", [1e-3, 1e-2, 0.1])
def test_bounds_of_many_forbidden_cells_are_finite(reg):
    cost = with_forbidden_cells(11, 60, 0.7)
    cost[np.arange(60), np.arange(60)] = 0.5
    found = it.sinkhorn(cost=cost, reg=reg)
    assert found.lower <= found.upper <= found.lower + 1e-8


def test_beyond_many_cells_a_bound_that_is_not_found_is_infinite(monkeypatch):
    monkeypatch.setattr(feasible, "MOST_CELLS", 2)
    assert math.isinf(it.sinkhorn(cost=[[0, 0], [np.inf, 0]], reg=1.0).upper)


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


def test_no_program_is_asked_where_scalings_leave_nothing(monkeypatch):
    monkeypatch.setattr(feasible, "linprog", None)
    found = it.sinkhorn(cost=with_forbidden_cells(0), reg=0.1)
    assert found.lower <= found.upper < found.lower + 1e-9
