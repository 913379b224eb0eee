"""Unbalanced transport: against a plain loop, by hand, and in its limits."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

import infotheory as it
from infotheory.ops import ranges
from infotheory.solvers import unbalanced as solver


def draw(rng, n=12, m=9):
    a, b = rng.random(n) + 0.1, 2 * rng.random(m) + 0.1
    return rng.standard_normal((n, 2)), 0.5 + rng.standard_normal((m, 2)), a, b


def squares(x, y):
    return ((x[:, None] - y[None]) ** 2).sum(-1)


def kl(p, q):
    return np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0) / q), 0.0).sum() - p.sum() + q.sum()


def objective(plan, cost, a, b, reg, penalty):
    value = (cost * plan).sum() + reg * kl(plan, np.outer(a, b))
    return value + penalty * (kl(plan.sum(1), a) + kl(plan.sum(0), b))


def by_plain_scalings(cost, a, b, reg, penalty):
    u, v = np.ones(len(a)), np.ones(len(b))
    kernel = np.exp(-cost / reg) * np.outer(a, b)
    power = penalty / (penalty + reg)
    for _ in range(20_000):
        u = (a / (kernel @ v)) ** power
        v = (b / (kernel.T @ u)) ** power
    return u[:, None] * kernel * v


@pytest.mark.parametrize("reg", [0.5, 0.05])
@pytest.mark.parametrize("penalty", [0.1, 1.0, 10.0])
def test_against_plain_scalings(engine, rng, reg, penalty):
    x, y, a, b = draw(rng)
    cost = squares(x, y)
    plan = by_plain_scalings(cost, a, b, reg, penalty)
    for given in ({"x": x, "y": y}, {"cost": cost}):
        found = it.unbalanced_sinkhorn(**given, a=a, b=b, reg=reg, penalty=penalty)
        assert found.converged
        assert found.marginal_error <= 1e-9
        np.testing.assert_allclose(found.plan, plan, rtol=1e-6, atol=1e-12)
        assert found.mass == pytest.approx(plan.sum(), rel=1e-8)
        assert found.cost == pytest.approx((cost * plan).sum(), rel=1e-8)
        assert found.value == pytest.approx(objective(plan, cost, a, b, reg, penalty), rel=1e-9)
        assert found.lower == pytest.approx(found.value, rel=1e-8)
        assert float(found) == found.value


def test_one_point_each_by_hand(engine):
    a, b, cost, reg, penalty = 0.7, 2.0, 1.5, 0.3, 0.8

    def value(log_mass):
        plan = np.array([[math.exp(log_mass)]])
        return objective(plan, np.array([[cost]]), np.array([a]), np.array([b]), reg, penalty)

    best = minimize_scalar(value, bounds=(-10, 3), method="bounded", options={"xatol": 1e-10})
    found = it.unbalanced_sinkhorn(cost=[[cost]], a=[a], b=[b], reg=reg, penalty=penalty)
    assert found.value == pytest.approx(best.fun, rel=1e-9)
    assert found.mass == pytest.approx(math.exp(best.x), rel=1e-5)
    # by the first-order condition: cost + (reg + 2 penalty) ln P = (reg + penalty) ln(a b)
    by_hand = ((reg + penalty) * math.log(a * b) - cost) / (reg + 2 * penalty)
    assert found.mass == pytest.approx(math.exp(by_hand), rel=1e-9)


def test_a_high_price_keeps_the_weights(engine, rng):
    x, y, a, b = draw(rng)
    a, b = a / a.sum(), b / b.sum()
    balanced = it.sinkhorn(x, y, a=a, b=b, reg=0.5)
    found = it.unbalanced_sinkhorn(x, y, a=a, b=b, reg=0.5, penalty=1e5)
    assert found.converged
    assert found.value == pytest.approx(balanced.value, rel=1e-4)
    assert found.mass == pytest.approx(1, rel=1e-4)
    # and nothing is worth moving for nothing
    assert it.unbalanced_sinkhorn(x, y, reg=1e-3, penalty=1e-3).mass < 0.1


def test_small_regularisation_and_scales(engine, rng):
    x, y, a, b = draw(rng)
    found = it.unbalanced_sinkhorn(x, y, a=a, b=b, reg=1e-3, penalty=0.3, reg_scale="mean")
    assert found.converged
    assert found.lower <= found.value + 1e-12
    scaled = it.unbalanced_sinkhorn(
        1e3 * x, 1e3 * y, a=a, b=b, reg=1e-3, penalty=0.3, reg_scale="mean"
    )
    assert scaled.value == pytest.approx(1e6 * found.value, rel=1e-7)
    swapped = it.unbalanced_sinkhorn(y, x, a=b, b=a, reg=1e-3, penalty=0.3, reg_scale="mean")
    assert swapped.value == pytest.approx(found.value, rel=1e-8)


def test_points_without_weight_and_forbidden_cells(engine, rng):
    x, y, a, b = draw(rng)
    a[3] = 0.0
    cost = squares(x, y)
    cost[0, :4] = np.inf
    found = it.unbalanced_sinkhorn(cost=cost, a=a, b=b, reg=0.2, penalty=1.0)
    assert found.plan[3].max() == 0
    assert found.plan[0, :4].max() == 0
    without = it.unbalanced_sinkhorn(
        cost=np.delete(cost, 3, axis=0), a=np.delete(a, 3), b=b, reg=0.2, penalty=1.0
    )
    assert found.value == pytest.approx(without.value, rel=1e-8)


def test_what_cannot_be_moved_is_left_behind(engine):
    cost = np.array([[0, 1.0], [np.inf, np.inf]])
    reg, penalty = 0.1, 0.7
    # without that row, the product a b' of the relative entropy still has its part
    alone = it.unbalanced_sinkhorn(cost=cost[:1], a=[0.5], b=[0.5, 0.5], reg=reg, penalty=penalty)
    expected = alone.value + penalty * 0.5 + reg * 0.5
    for side in (cost, cost.T):
        found = it.unbalanced_sinkhorn(cost=side, reg=reg, penalty=penalty)
        assert found.converged
        assert found.value == pytest.approx(expected, rel=1e-9)
        assert found.lower == pytest.approx(expected, rel=1e-9)
        assert found.mass == pytest.approx(alone.mass, rel=1e-8)
        plan = found.plan if side is cost else found.plan.T
        np.testing.assert_allclose(plan[0], alone.plan[0], rtol=1e-8)
        np.testing.assert_array_equal(plan[1], 0)
        assert objective(
            plan, np.where(plan > 0, cost, 0), *[np.full(2, 0.5)] * 2, reg, penalty
        ) == (pytest.approx(found.value, rel=1e-9))


def test_nothing_at_all_can_be_moved(engine):
    a, b = [1.0, 2.0], [0.5, 0.0, 3.0]
    cost = np.full((2, 3), np.inf)
    cost[:, 1] = 1.0
    found = it.unbalanced_sinkhorn(cost=cost, a=a, b=b, reg=0.1, penalty=2.0)
    assert found.converged
    assert (found.mass, found.cost, found.plan.max()) == (0, 0, 0)
    assert found.value == pytest.approx(2.0 * (3.0 + 3.5) + 0.1 * 3.0 * 3.5, rel=1e-12)
    assert found.lower == pytest.approx(found.value, rel=1e-12)


@pytest.mark.filterwarnings("error")
def test_a_point_without_weight_far_away_changes_nothing(engine):
    x = np.array([[0.0, 0], [30, 0]])
    options = {"b": [0.5, 0.5], "reg": 0.1, "penalty": 1.0}
    found = it.unbalanced_sinkhorn(x, x, a=[1.0, 0.0], **options)
    without = it.unbalanced_sinkhorn(x[:1], x, a=[1.0], **options)
    swapped = it.unbalanced_sinkhorn(x, x, a=[0.5, 0.5], b=[1.0, 0.0], reg=0.1, penalty=1.0)
    assert found.converged
    for other in (without, swapped):
        for name in ("lower", "value", "mass"):
            assert getattr(found, name) == pytest.approx(getattr(other, name), rel=1e-14)
        assert found.marginal_error == pytest.approx(other.marginal_error, abs=1e-14)


def in_logarithms(cost, reg, penalty):
    """Log of the mass of plain scalings of uniform weights, of any size."""
    n, m = cost.shape
    g, damping = np.zeros(m), penalty / (penalty + reg)
    for _ in range(400):
        f = -damping * reg * logsumexp((g - cost) / reg - math.log(m), axis=1)
        g = -damping * reg * logsumexp((f[:, None] - cost) / reg - math.log(n), axis=0)
    return logsumexp((f[:, None] + g - cost) / reg - math.log(n * m))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("apart", [8.0, 20.0, 100.0])
def test_clouds_many_penalties_apart(engine, apart, streamed, monkeypatch):
    if streamed:
        monkeypatch.setattr(solver, "LARGEST_DENSE", 1)
    x, y = np.random.default_rng(0).normal(size=(2, 40, 2))
    found = it.unbalanced_sinkhorn(x, y + apart, reg=0.1, penalty=1.0)
    assert found.converged
    assert found.marginal_error <= 1e-9
    expected = in_logarithms(squares(x, y + apart), 0.1, 1.0)
    assert found.mass == pytest.approx(math.exp(expected), rel=1e-7)
    # the rest of the error, where the mass is below all numbers, is that of the potentials
    asked = logsumexp(-found.potentials[0] / 1.0 - math.log(40))
    assert asked == pytest.approx(expected, abs=1e-7)
    assert found.value == pytest.approx(2.1, rel=1e-9)
    assert found.lower == pytest.approx(2.1, rel=1e-9)


@pytest.mark.filterwarnings("error")
def test_one_dear_cell(engine):
    found = it.unbalanced_sinkhorn(cost=[[60.0]], reg=0.1, penalty=1.0)
    assert found.mass == pytest.approx(math.exp(-60 / 2.1), rel=1e-12)
    assert found.marginal_error < 1e-12
    assert found.converged


@pytest.mark.parametrize("penalty", [1e3, 4e3, 7e3, 1e4, 1e6])
def test_no_plan_does_better_than_the_lower_bound(engine, penalty):
    for seed in range(10):
        x, y = np.random.default_rng(seed).normal(size=(2, 30, 2))
        found = it.unbalanced_sinkhorn(x, y, reg=0.1, penalty=penalty)
        assert found.lower < found.value
        # more than a few roundings of both
        assert found.value - found.lower > 2e-15
        # with the digits that a large penalty takes from differences of marginals
        plan, cost, weights = (
            np.asarray(each, np.longdouble)
            for each in (found.plan, squares(x, y), np.full(30, 1 / 30))
        )
        exact = objective(plan, cost, weights, weights, 0.1, 0.0)
        for axis in (0, 1):
            change = (plan.sum(axis) - weights) / weights
            exact += penalty * (weights * ((1 + change) * np.log1p(change) - change)).sum()
        assert found.lower <= exact


def test_a_penalty_without_bounds(engine, rng):
    """The weights are kept as well as float64 can; where rounding still has a price it says so."""
    x, y = rng.standard_normal((2, 40, 2))
    balanced = it.sinkhorn(x, y, reg=0.1).value
    for penalty in (1e8, 1e12, 1e16, 1e18):
        found = it.unbalanced_sinkhorn(x, y, reg=0.1, penalty=penalty)
        assert found.converged
        assert found.value == pytest.approx(balanced, rel=2e-6)
    with pytest.warns(it.InfotheoryWarning, match="has a price; .* or infotheory.sinkhorn"):
        found = it.unbalanced_sinkhorn(x, y, reg=0.1, penalty=1e300)
    assert not found.converged
    assert found.lower == pytest.approx(balanced, rel=1e-6)


@pytest.mark.parametrize("reg", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("penalty", [0.1, 1.0, 100.0, 1e4])
def test_any_regularisation_and_penalty(engine, rng, reg, penalty):
    x, y = rng.standard_normal((100, 2)), 0.5 + rng.standard_normal((90, 2))
    cost = squares(x, y)
    cost /= cost.mean()
    found = it.unbalanced_sinkhorn(cost=cost, reg=reg, penalty=penalty, max_iterations=400)
    assert found.converged
    assert found.lower == pytest.approx(found.value, rel=1e-9)
    a, b = np.full(100, 1 / 100), np.full(90, 1 / 90)
    exact = objective(found.plan, cost, a, b, reg, penalty)
    assert found.value == pytest.approx(exact, rel=1e-8)
    # and the first-order conditions, of the plan itself
    rows, columns = (found.plan.sum(axis) for axis in (1, 0))
    shown = found.plan > 1e-200
    slope = cost + reg * np.log(np.where(shown, found.plan, 1.0) / np.outer(a, b))
    slope += penalty * (np.log(rows / a)[:, None] + np.log(columns / b))
    assert np.abs(found.plan * slope)[shown].sum() <= 1e-9 * (1 + penalty)


def test_paths_agree(engine, rng, monkeypatch):
    x, y, a, b = draw(rng, 60, 40)
    options = {"a": a, "b": b, "reg": 0.02, "penalty": 5.0, "tol": 1e-12}
    factorised = it.unbalanced_sinkhorn(x, y, **options)
    with monkeypatch.context() as patched:
        patched.setattr(solver, "SMALL", 1)
        iterated = it.unbalanced_sinkhorn(x, y, **options)
    monkeypatch.setattr(solver, "LARGEST_DENSE", 1)
    streamed = it.unbalanced_sinkhorn(x, y, **options)
    assert streamed.iterations > factorised.iterations
    for found in (factorised, iterated, streamed):
        assert found.converged
        assert found.value == pytest.approx(factorised.value, rel=1e-10)
        np.testing.assert_allclose(found.plan, factorised.plan, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("kind", ["points", "cost"])
def test_a_result_is_its_own(engine, rng, kind):
    x, y, a, b = draw(rng)
    given = {"x": x, "y": y} if kind == "points" else {"cost": squares(x, y)}
    found = it.unbalanced_sinkhorn(**given, a=a, b=b, reg=0.1, penalty=1.0)
    kept = found.plan_rows(0, 12)
    for array in (*given.values(), a, b):
        array *= 2
    np.testing.assert_array_equal(found.plan, kept)
    np.testing.assert_array_equal(found.plan_rows(3, 7), kept[3:7])
    assert found.plan_rows(12, 20).shape == (0, 9)
    with pytest.raises(ValueError, match="read-only"):
        found.plan[0, 0] = 1.0
    for again in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert again.value == found.value
        assert dict(again.params) == dict(found.params)
        np.testing.assert_array_equal(again.plan, kept)
        assert not again.plan.flags.writeable


def test_a_plan_that_does_not_fit_says_so(rng, monkeypatch):
    x, y, a, b = draw(rng)
    found = it.unbalanced_sinkhorn(x, y, a=a, b=b, reg=0.1, penalty=1.0)
    monkeypatch.setattr(ranges, "free_memory", lambda: 800)
    with pytest.raises(MemoryError, match=r"12 x 9 .* plan_rows"):
        _ = found.plan
    assert found.plan_rows(0, 2).shape == (2, 9)


def test_pot_agrees(rng):
    ot = pytest.importorskip("ot")
    x, y, a, b = draw(rng)
    cost = squares(x, y)
    plan = ot.unbalanced.sinkhorn_unbalanced(
        a, b, cost, 0.3, 1.5, reg_type="kl", stopThr=1e-14, numItermax=100_000
    )
    found = it.unbalanced_sinkhorn(cost=cost, a=a, b=b, reg=0.3, penalty=1.5)
    np.testing.assert_allclose(found.plan, plan, rtol=1e-6, atol=1e-12)


def test_what_did_not_converge_says_so(rng):
    x, y, a, b = draw(rng)
    with pytest.warns(it.InfotheoryWarning, match="after 3 iterations, where 1e-09 was asked for"):
        found = it.unbalanced_sinkhorn(x, y, a=a, b=b, reg=0.1, penalty=5.0, max_iterations=3)
    assert not found.converged
    with pytest.warns(it.InfotheoryWarning, match=r"larger reg or tol\.") as said:
        it.unbalanced_sinkhorn(x, y, a=a, b=b, reg=0.1, penalty=5.0, tol=1e-18)
    assert "iterations." not in str(said[0].message)
    best = it.unbalanced_sinkhorn(x, y, a=a, b=b, reg=0.1, penalty=5.0).value
    assert found.lower <= best <= found.value


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"penalty": 0.0}, ValueError, r"^penalty must be"),
        ({"penalty": math.nan}, ValueError, r"^penalty must be"),
        ({"reg": -1.0}, ValueError, r"^reg must be"),
        ({"a": [-1.0] + [1.0] * 11}, ValueError, r"^a must not be negative"),
        ({"b": np.zeros(9)}, ValueError, r"^b must have a positive finite sum"),
        ({"a": np.ones(5)}, ValueError, r"^a must have 12 weights"),
        ({"reg_scale": "max"}, ValueError, r"^reg_scale must be"),
        ({"cost": np.ones((3, 3))}, ValueError, r"^cost must be None"),
        (
            {"cost": np.ones((2, 3, 3)), "x": None, "y": None},
            ValueError,
            r"^cost must have shape \(n, m\); got \(2, 3, 3\)",
        ),
    ],
)
def test_bad_input(rng, options, error, message):
    x, y, _, _ = draw(rng)
    with pytest.raises(error, match=message):
        it.unbalanced_sinkhorn(**({"x": x, "y": y, "reg": 0.1, "penalty": 1.0} | options))
