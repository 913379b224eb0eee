"""Entropic transport where others fail: every cost, weight and regularisation, to the tolerance."""

import math
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits

import infotheory as it
from infotheory.solvers import policy

SHARES = (10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4)
PIXELS = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), -1).reshape(-1, 2)


def squares(x, y):
    return ((x[:, None] - y) ** 2).sum(axis=2)


def cloud(rng, d, power=2):
    x, y = rng.normal(size=(70, d)), rng.normal(size=(60, d)) + 0.5
    return squares(x, y) ** (power / 2), None, None


def clusters(rng, even):
    """Far apart; with as many points on either side, or with some that must move from one."""
    centres = 30 * rng.normal(size=(5, 2))
    first = np.arange(60) % 5
    second = first if even else rng.integers(0, 5, 60)
    x, y = (centres[place] + rng.normal(size=(60, 2)) for place in (first, second))
    return squares(x, y), None, None


def repeated(rng):
    x, y = rng.normal(size=(12, 2)), rng.normal(size=(10, 2))
    return squares(x[rng.integers(0, 12, 60)], y[rng.integers(0, 10, 60)]), None, None


def pixels(rng, power):
    """Two digits: weights that are often 0, distances that are often the same."""
    first, second = load_digits().images[rng.integers(0, 1797, 2)]
    cost = squares(PIXELS, PIXELS) if power == 2 else np.abs(PIXELS[:, None] - PIXELS).sum(axis=2)
    return cost, first.ravel() / first.sum(), second.ravel() / second.sum()


def decades(rng, count):
    a, b = 10 ** rng.uniform(-count, 0, 70), 10 ** rng.uniform(-count, 0, 60)
    return cloud(rng, 2)[0], a / a.sum(), b / b.sum()


def forbidden(rng):
    cost = rng.random((60, 60))
    cost[rng.random((60, 60)) < 0.7] = np.inf
    cost[np.arange(60), np.arange(60)] = rng.random(60)
    return cost, None, None


def ordered(rng):
    x, y = np.sort(rng.normal(size=(2, 80)))
    return np.abs(x[:, None] - y), None, None


KINDS = {
    "assignment": lambda rng: (rng.random((60, 60)), None, None),
    "ties": lambda rng: (rng.integers(0, 6, (60, 50)).astype(float), None, None),
    "plane": lambda rng: cloud(rng, 2),
    "plane, absolute": lambda rng: cloud(rng, 2, 1),
    "64-D": lambda rng: cloud(rng, 64),
    "clusters": lambda rng: clusters(rng, even=False),
    "even clusters": lambda rng: clusters(rng, even=True),
    "repeated points": repeated,
    "digits, squared": lambda rng: pixels(rng, 2),
    "digits, absolute": lambda rng: pixels(rng, 1),
    "twelve decades": lambda rng: decades(rng, 12),
    "hundred decades": lambda rng: decades(rng, 100),
    "forbidden": forbidden,
    "ordered": ordered,
    "one column": lambda rng: (rng.random((50, 1)), None, None),
    "a thousand to three": lambda rng: (rng.random((1000, 3)), None, None),
    "signed": lambda rng: (rng.normal(size=(50, 50)) + 5, None, None),
    "heavy tails": lambda rng: (np.exp(5 * rng.normal(size=(50, 50))), None, None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_cell_is_right(rng, kind):
    cost, a, b = KINDS[kind](rng)
    n, m = cost.shape
    rows = np.full(n, 1 / n) if a is None else a
    columns = np.full(m, 1 / m) if b is None else b
    mean = cost[np.isfinite(cost)].mean()
    before = math.inf
    for share in SHARES:
        for tol in (1e-6, 1e-9):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = it.sinkhorn(cost=cost, a=a, b=b, reg=share * mean, tol=tol)
                plan = found.plan
            error = np.abs(plan.sum(1) - rows).sum() + np.abs(plan.sum(0) - columns).sum()
            assert found.converged
            assert error <= tol + 1e-14
            assert found.marginal_error == pytest.approx(error, abs=1e-13)
            assert not plan[np.isinf(cost)].any()
            assert found.lower <= found.upper
            # In the limit of no regularisation the cost is the least there is.
            assert found.cost <= before + 1e-5 * mean
        before = found.cost


@pytest.mark.parametrize("seed", range(3))
def test_assignment_as_published(seed):
    """Tang et al. (2024): 20 sweeps and 9 Newton steps where sweeps alone take thousands."""
    cost = np.random.default_rng(seed).random((500, 500))
    found = it.sinkhorn(cost=cost, reg=1 / 1200, solver="newton_sparse")
    assert found.converged
    (first, sweeps), (second, steps) = found.path
    assert (first, sweeps, second) == ("sinkhorn", 20, "newton_sparse")
    assert steps <= 10


@pytest.mark.parametrize("share", [0.1, 0.01, 0.001])
def test_streams_give_way_to_matrices_where_sweeps_are_too_many(rng, share, monkeypatch):
    x, y = rng.normal(size=(150, 2)), rng.normal(size=(140, 2)) + 0.5
    wanted = it.sinkhorn(x, y, reg=share, reg_scale="mean")
    monkeypatch.setattr(policy, "LARGEST_DENSE", 100)
    found = it.sinkhorn(x, y, reg=share, reg_scale="mean")
    assert found.converged
    assert found.value == pytest.approx(wanted.value, rel=1e-9)
    if share != 0.01:  # where either may be
        assert ("newton" in dict(found.path)) == (share < 0.01)


def test_relaxed_streams_need_fewer_sweeps(rng, monkeypatch):
    x, y = rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 0.5
    matrix = it.sinkhorn(x, y, reg=0.05, reg_scale="mean", solver="sinkhorn")
    monkeypatch.setattr(policy, "LARGEST_DENSE", 100)
    stream = it.sinkhorn(x, y, reg=0.05, reg_scale="mean", solver="sinkhorn")
    assert stream.converged
    assert stream.iterations <= 1.5 * matrix.iterations + 10


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("share", [0.1, 0.01, 0.001])
def test_single_precision_is_as_double(rng, share):
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(45, 3)) + 0.5
    cost = squares(x, y)
    wanted = it.sinkhorn(cost=cost, reg=share, reg_scale="mean")
    found = it.sinkhorn(cost=cost.astype(np.float32), reg=share, reg_scale="mean")
    assert found.plan.dtype == np.float64
    error = np.abs(found.plan.sum(1) - 1 / 50).sum() + np.abs(found.plan.sum(0) - 1 / 45).sum()
    assert error <= 1e-9
    assert found.cost == pytest.approx(wanted.cost, rel=1e-5)
    points = it.sinkhorn(x.astype(np.float32), y.astype(np.float32), reg=share, reg_scale="mean")
    assert points.marginal_error <= 1e-9
    assert points.cost == pytest.approx(wanted.cost, rel=1e-5)
