"""Unbalanced transport: against a plain loop, by hand, and in its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import infotheory as it


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
    ],
)
def test_bad_input(rng, options, error, message):
    x, y, _, _ = draw(rng)
    with pytest.raises(error, match=message):
        it.unbalanced_sinkhorn(x, y, **({"reg": 0.1, "penalty": 1.0} | options))
