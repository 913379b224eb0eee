"""Entropic transport: exact values, limits, invariances, certificates and bad input."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

import infotheory as it
from infotheory import ops
from infotheory.solvers import policy

X, Y = np.array([0, 1, 2.5]), np.array([0.3, 1.5, 2, 4])
A, B = np.array([0.2, 0.5, 0.3]), np.array([0.1, 0.4, 0.25, 0.25])
SOLVERS = pytest.mark.parametrize("solver", policy.SOLVERS)


def clouds(rng, n, m, d=2):
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5


def marginal_error(found, a, b):
    return np.abs(found.plan.sum(1) - a).sum() + np.abs(found.plan.sum(0) - b).sum()


# 30 digits, from Sinkhorn's iteration in exact arithmetic: <P, C> and <P, C> + reg KL.
DIGITS = [
    (1.0, 1.196088015184801, 1.69805864296790),
    (0.1, 1.0840030609366684, 1.1519615300799917),
    (0.01, 1.084, 1.090796183503325),
]


@SOLVERS
@pytest.mark.parametrize(("reg", "cost", "value"), DIGITS)
@pytest.mark.usefixtures("engine")
def test_values_of_thirty_digits(solver, reg, cost, value):
    found = it.sinkhorn(X, Y, a=A, b=B, reg=reg, solver=solver)
    assert found.cost == pytest.approx(cost, abs=1e-9)
    assert found.value == pytest.approx(value, abs=1e-9)
    entropy = -(found.plan[found.plan > 0] * np.log(found.plan[found.plan > 0])).sum()
    weights = -(A @ np.log(A) + B @ np.log(B))
    assert found.value == pytest.approx(found.cost + reg * (weights - entropy), abs=1e-9)
    assert found.converged
    assert found.marginal_error <= 1e-9
    assert marginal_error(found, A, B) <= 1.001e-9
    assert found.lower - 1e-8 <= value <= found.upper + 1e-12
    assert sum(count for _, count in found.path) == found.iterations
    assert float(found) == found.value


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@SOLVERS
def test_cuda_agrees(rng, solver):
    x, y = clouds(rng, 90, 70)
    here = it.sinkhorn(x, y, reg=0.05, solver=solver)
    there = it.sinkhorn(
        torch.from_numpy(x).cuda(), torch.from_numpy(y).cuda(), reg=0.05, solver=solver
    )
    assert there.converged
    assert there.value == pytest.approx(here.value, abs=1e-8)
    np.testing.assert_allclose(there.plan, here.plan, atol=1e-8)
    many = it.sinkhorn(cost=torch.rand(5, 20, 30).cuda(), reg=0.05)
    assert all(found.converged for found in many)


@pytest.mark.parametrize("reg", [0.05, 1.0])
def test_two_points_by_hand(reg):
    cost = np.array([[0, 1.0], [1, 0]])
    found = it.sinkhorn(cost=cost, reg=reg)
    diagonal = 0.5 / (1 + math.exp(-1 / reg))
    assert found.plan[0, 0] == pytest.approx(diagonal, rel=1e-9)
    assert found.cost == pytest.approx(1 - 2 * diagonal, abs=1e-9)


@pytest.mark.parametrize("eps", [0.5, 2.0])
def test_entropic_transport_of_gaussians(eps):
    """Janati et al. (2020): normal laws on a grid so fine and wide that quadrature is exact."""
    mean, deviation = 1.0, 1.5
    x = np.linspace(-9, 9, 241)
    y = np.linspace(mean - 9 * deviation, mean + 9 * deviation, 301)
    a, b = np.exp(-(x**2) / 2), np.exp(-(((y - mean) / deviation) ** 2) / 2)
    found = it.sinkhorn(x, y, a=a / a.sum(), b=b / b.sum(), reg=eps, tol=1e-11)
    half = eps / 2
    d = math.sqrt(4 * deviation**2 + half**2)
    spread = 1 + deviation**2
    value = mean**2 + spread - d + half * (1 - math.log(2 * half)) + half * math.log(d + half)
    assert found.value == pytest.approx(value, abs=1e-8)
    assert found.cost == pytest.approx(mean**2 + spread - (d - half), abs=1e-8)


def test_limits_of_the_regularisation(rng):
    x, y = clouds(rng, 40, 40)
    cost = ((x[:, None] - y) ** 2).sum(axis=2)
    rows, columns = linear_sum_assignment(cost)
    tight = it.sinkhorn(x, y, reg=1e-3)
    exact = cost[rows, columns].mean()
    assert exact - 1e-9 <= tight.cost <= exact + 1e-3 * math.log(40)
    assert it.sinkhorn(x, y, reg=1e6).cost == pytest.approx(cost.mean(), rel=1e-5)
    costs = [it.sinkhorn(x, y, reg=reg).cost for reg in (0.01, 0.1, 1.0, 10.0)]
    assert costs == sorted(costs)


def test_exact_transport_of_unequal_weights(rng):
    ot = pytest.importorskip("ot")
    x, y = clouds(rng, 30, 50)
    a, b = rng.dirichlet(np.ones(30)), rng.dirichlet(np.ones(50))
    cost = ((x[:, None] - y) ** 2).sum(axis=2)
    found = it.sinkhorn(cost=cost, a=a, b=b, reg=2e-3)
    exact = ot.emd2(a, b, cost)
    assert exact - 1e-8 <= found.cost <= exact + 2e-3 * math.log(50)


@pytest.mark.parametrize("d", [2, 32])
@pytest.mark.parametrize("reg", [0.1, 0.01, 0.001])
def test_clouds_reach_the_tolerance(rng, d, reg):
    x, y = clouds(rng, 300, 300, d)
    found = it.sinkhorn(x, y, reg=reg, reg_scale="mean")
    assert found.converged
    assert marginal_error(found, 1 / 300, 1 / 300) <= 1.01e-9
    assert found.lower <= found.value + 1e-7
    assert found.lower <= found.upper <= found.lower + 1e-6
    mean = ((x[:, None] - y) ** 2).sum(axis=2).mean()
    assert found.params["reg"] == pytest.approx(reg * mean)


@pytest.mark.parametrize("solver", ["auto", "newton", "newton_sparse"])
def test_assignment_at_high_precision(solver):
    cost = np.random.default_rng(1).random((200, 200))
    found = it.sinkhorn(cost=cost, reg=1 / 1200, solver=solver)
    assert found.marginal_error <= 1e-9
    rows, columns = linear_sum_assignment(cost)
    assert found.cost == pytest.approx(cost[rows, columns].mean(), abs=1e-3)


def test_engines_agree(rng):
    x, y = clouds(rng, 60, 45)
    for solver in policy.SOLVERS:
        with ops.use("cpu"):
            first = it.sinkhorn(x, y, reg=0.1, solver=solver, tol=1e-11)
        with ops.use("torch"):
            second = it.sinkhorn(x, y, reg=0.1, solver=solver, tol=1e-11)
        assert first.value == pytest.approx(second.value, rel=1e-10)
        np.testing.assert_allclose(first.plan, second.plan, atol=1e-10)


@pytest.mark.usefixtures("engine")
def test_streamed_points_are_as_the_matrix(rng, monkeypatch):
    x, y = clouds(rng, 80, 60)
    wanted = it.sinkhorn(x, y, reg=0.3)
    monkeypatch.setattr(policy, "LARGEST_DENSE", 100)
    found = it.sinkhorn(x, y, reg=0.3)
    assert found.converged
    assert found.value == pytest.approx(wanted.value, rel=1e-9)
    np.testing.assert_allclose(found.plan_rows(10, 20), wanted.plan[10:20], atol=1e-9)


def test_what_does_not_fit_says_so(rng, monkeypatch):
    x, y = clouds(rng, 20, 20)
    with ops.use("cpu"):
        monkeypatch.setattr(ops.of(x), "free_memory", lambda x: 1000)
        with pytest.raises(MemoryError, match="streams them"):
            it.sinkhorn(x, y, reg=1.0, solver="newton")
        assert it.sinkhorn(x, y, reg=1.0).converged


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 9))
def test_invariances(seed, n, m):
    rng = np.random.default_rng(seed)
    cost, a, b = rng.random((n, m)), rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    kept = cost.copy()
    found = it.sinkhorn(cost=cost, a=a, b=b, reg=0.1)
    assert np.array_equal(cost, kept)
    swapped = it.sinkhorn(cost=cost.T, a=b, b=a, reg=0.1)
    np.testing.assert_allclose(swapped.plan.T, found.plan, atol=1e-8)
    assert swapped.value == pytest.approx(found.value, abs=1e-8)
    u, v = rng.normal(size=n), rng.normal(size=m)
    moved = it.sinkhorn(cost=cost + u[:, None] + v, a=a, b=b, reg=0.1)
    np.testing.assert_allclose(moved.plan, found.plan, atol=1e-8)
    assert moved.value == pytest.approx(found.value + a @ u + b @ v, abs=1e-8)
    scaled = it.sinkhorn(cost=cost * 1e200, a=a, b=b, reg=0.1e200)
    np.testing.assert_allclose(scaled.plan, found.plan, atol=1e-8)
    heavy = it.sinkhorn(cost=cost, a=7 * a, b=7 * b, reg=0.1)
    np.testing.assert_allclose(heavy.plan, 7 * found.plan, atol=1e-7)
    np.testing.assert_allclose(
        heavy.value,
        heavy.cost + 0.1 * (heavy.plan * np.log(heavy.plan / np.outer(7 * a, 7 * b))).sum(),
        atol=1e-6,
    )
    assert heavy.lower == pytest.approx(heavy.value, abs=1e-6)


@pytest.mark.usefixtures("engine")
def test_zero_weights_are_as_no_points():
    a, b = np.array([0.2, 0, 0.5, 0.3]), np.array([0, 0.1, 0.4, 0.25, 0.25])
    x, y = np.insert(X, 1, 50.0), np.insert(Y, 0, -9.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = it.sinkhorn(x, y, a=a, b=b, reg=0.1)
    wanted = it.sinkhorn(X, Y, a=A, b=B, reg=0.1)
    assert found.value == wanted.value
    assert found.upper == pytest.approx(wanted.upper, rel=1e-12)
    np.testing.assert_allclose(np.delete(found.plan[:, 1:], 1, axis=0), wanted.plan, atol=1e-15)
    assert not found.plan[1].any()
    assert np.isfinite(found.potentials[0]).all()
    assert np.isfinite(found.potentials[1]).all()


@pytest.mark.usefixtures("engine")
def test_forbidden_cells(rng):
    cost = rng.random((6, 7))
    cost[0, 1:5] = cost[3, 0] = np.inf
    found = it.sinkhorn(cost=cost, reg=0.05)
    assert found.converged
    assert not found.plan[np.isinf(cost)].any()
    near = it.sinkhorn(cost=np.where(np.isinf(cost), 50.0, cost), reg=0.05)
    assert found.value == pytest.approx(near.value, abs=1e-8)
    cost[0] = np.inf
    with pytest.raises(ValueError, match=r"cost must allow a plan .* 0.167 of the mass"):
        it.sinkhorn(cost=cost, reg=0.05)


@pytest.mark.usefixtures("engine")
def test_a_batch_is_a_loop(rng):
    costs = rng.random((9, 6, 5))
    costs[4, 0, 0] = np.inf
    a = rng.dirichlet(np.ones(6), size=9)
    a[2, 3], a[2, 0] = 0.0, a[2, 0] + a[2, 3]
    for reg in (0.5, 0.05, 0.004):
        many = it.sinkhorn(cost=costs, a=a, reg=reg, reg_scale=None)
        for cost, weights, found in zip(costs, a, many, strict=True):
            one = it.sinkhorn(cost=cost, a=weights, reg=reg)
            assert found.converged
            assert found.value == pytest.approx(one.value, abs=1e-8)
            np.testing.assert_allclose(found.plan, one.plan, atol=1e-8)
            assert found.lower <= found.upper + 1e-8


def test_a_warm_start_needs_fewer_iterations(rng):
    x, y = clouds(rng, 100, 80)
    cold = it.sinkhorn(x, y, reg=0.05)
    warm = it.sinkhorn(x + 1e-3, y, reg=0.05, potentials=cold.potentials)
    again = it.sinkhorn(x, y, reg=0.05, potentials=cold.potentials)
    assert again.iterations <= 2
    assert warm.iterations < cold.iterations
    other = it.sinkhorn(y, x, reg=0.05, potentials=cold.potentials[::-1])
    assert other.iterations <= 2


@pytest.mark.usefixtures("engine")
def test_a_batch_starts_where_a_similar_one_ended(rng):
    costs = rng.random((5, 8, 6))
    cold = it.sinkhorn(cost=costs, reg=0.1)
    pair = tuple(np.stack(part) for part in zip(*(p.potentials for p in cold), strict=True))
    again = it.sinkhorn(cost=costs, reg=0.1, potentials=pair)
    near = it.sinkhorn(cost=costs + 1e-4 * rng.random(costs.shape), reg=0.1, potentials=pair)
    for first, second, third in zip(cold, again, near, strict=True):
        assert second.iterations <= 2
        assert second.value == pytest.approx(first.value, abs=1e-9)
        assert third.converged
        assert third.iterations < first.iterations
    with pytest.raises(ValueError, match=r"shapes \(5, 8\) and \(5, 6\); got"):
        it.sinkhorn(cost=costs, reg=0.1, potentials=pair[::-1])


@pytest.mark.usefixtures("engine")
def test_a_batch_counts_what_was_done_before_a_problem_was_taken_by_itself(rng):
    costs = rng.random((3, 40, 40))
    (found, *_) = it.sinkhorn(cost=costs, reg=2e-4)
    assert found.converged
    assert found.path[0][0] == "sinkhorn"
    assert len(found.path) > 1
    assert found.iterations == sum(count for _, count in found.path)
    assert found.params["max_iterations"] == 10_000
    with pytest.warns(it.InfotheoryWarning, match="not converged after 20 iterations"):
        (few, *_) = it.sinkhorn(cost=costs, reg=2e-4, max_iterations=20)
    assert few.iterations == 20


def test_the_published_method_can_be_warmed_up_for_longer(rng):
    cost = rng.random((60, 60))
    found = it.sinkhorn(cost=cost, reg=2e-3, solver="newton_sparse", warm_up=70)
    assert found.path[0] == ("sinkhorn", 70)
    assert found.converged
    assert found.value == pytest.approx(it.sinkhorn(cost=cost, reg=2e-3).value, abs=1e-9)
    with pytest.raises(ValueError, match="warm_up must be"):
        it.sinkhorn(cost=cost, reg=2e-3, solver="newton_sparse", warm_up=-1)


@SOLVERS
def test_what_has_not_converged_says_how_far_it_is(rng, solver):
    cost = rng.random((50, 50))
    with pytest.warns(it.InfotheoryWarning, match="not converged after .* best value lies"):
        found = it.sinkhorn(cost=cost, reg=0.01, max_iterations=3, solver=solver, tol=1e-14)
    best = it.sinkhorn(cost=cost, reg=0.01)
    assert not found.converged
    assert found.iterations == 3
    assert found.marginal_error > 1e-14
    assert found.lower <= best.value + 1e-9
    assert found.upper >= best.value - 1e-9


@pytest.mark.parametrize("scale", [1e-120, 1e120])
def test_points_of_any_scale(rng, scale):
    x, y = clouds(rng, 20, 15)
    found = it.sinkhorn(scale * x, scale * y, reg=0.1, reg_scale="mean")
    wanted = it.sinkhorn(x, y, reg=0.1, reg_scale="mean")
    np.testing.assert_allclose(found.plan, wanted.plan, atol=1e-9)
    far = it.sinkhorn(x + 1e9, y + 1e9, reg=0.1, reg_scale="mean")
    np.testing.assert_allclose(far.plan, wanted.plan, atol=1e-6)


OK = {"cost": np.ones((2, 3)), "reg": 1.0}
BAD = {
    "reg of zero": ({"reg": 0.0}, "reg must be a finite number greater than 0; got 0"),
    "reg below": ({"reg": -1.0}, "reg must be"),
    "reg of few digits": ({"cost": np.full((2, 2), 1e-308), "reg": 5e-310}, "reg must be at least"),
    "reg beyond": ({"reg": 10**400}, "reg must be a finite number"),
    "unequal": ({"a": [1, 1.0], "b": [1, 1, 1.0]}, "a and b must have equal sums.*got 2 and 3"),
    "negative": ({"a": [-1, 2.0]}, "a must not be negative; got -1"),
    "massless": ({"b": [0, 0, 0.0]}, "b must have a positive finite sum"),
    "short": ({"b": [0.5, 0.5]}, "b must have 3 weights"),
    "NaN": ({"cost": [[0, np.nan]]}, r"cost must not hold NaN.*first at index \(0, 1\)"),
    "minus": ({"cost": [[0, -np.inf]]}, "cost must not hold NaN or minus infinity"),
    "flat": ({"cost": [1.0]}, "cost must have shape"),
    "both": ({"x": [1.0], "y": [1.0]}, "cost must be None where points"),
    "neither": ({"cost": None}, "x and y must both be given"),
    "solver": ({"solver": "lp"}, "solver must be one of"),
    "scale": ({"reg_scale": "max"}, "reg_scale must be one of"),
    "no mean": ({"cost": np.zeros((2, 2)), "reg_scale": "mean"}, "needs a mean cost above 0"),
    "tiny": ({"cost": np.full((2, 2), 1e300), "reg": 1e-300}, "reg must be at least"),
    "start": ({"potentials": [1.0]}, "potentials must be a pair"),
    "shapes": ({"potentials": ([1.0], [1.0])}, "potentials must have shapes"),
    "tol": ({"tol": 0.0}, "tol must be"),
    "iterations": ({"max_iterations": 0}, "max_iterations must be at least 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_names_the_argument(case):
    options, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        it.sinkhorn(**OK | options)


BATCH = {"cost": np.ones((3, 2, 2)), "reg": 1.0}
BAD_IN_A_BATCH = {
    "forbidden": ({"cost": [np.ones((2, 2)), [[np.inf, np.inf], [1, 1]]]}, "^problem 1 of 2: cost"),
    "negative": ({"a": [[1, 1], [1, 1], [-1, 3]]}, r"^a\[2\] must not be negative; got -1"),
    "massless": ({"b": [[0, 0], [1, 1], [1, 1]]}, r"^b\[0\] must have a positive"),
    "unequal": ({"a": [[1, 1], [1, 2], [1, 1]], "b": [1, 1]}, "got 3 and 2 in problem 1"),
    "few digits": ({"reg": 5e-310, "cost": np.full((1, 2, 2), 1e-308)}, "problem 0 of 1: reg must"),
}


@pytest.mark.parametrize("case", BAD_IN_A_BATCH)
def test_bad_input_in_a_batch_names_the_problem(case):
    options, message = BAD_IN_A_BATCH[case]
    with pytest.raises(ValueError, match=message):
        it.sinkhorn(**BATCH | options)


def test_a_warning_of_a_batch_names_the_problem(rng):
    costs = np.stack([np.ones((30, 30)), rng.random((30, 30)), rng.random((30, 30))])
    with pytest.warns(it.InfotheoryWarning, match=r"problem [12] of 3, the worst of 2, not conv"):
        it.sinkhorn(cost=costs, reg=1e-3, max_iterations=3)
    with pytest.warns(it.InfotheoryWarning, match=r"problem 1 of 2 not converged after 3 iter"):
        it.sinkhorn(cost=costs[:2], reg=1e-3, max_iterations=3)
    with pytest.warns(it.InfotheoryWarning, match=r"sinkhorn: not converged after 3 iter"):
        it.sinkhorn(cost=costs[1], reg=1e-3, max_iterations=3)


def test_every_solver_is_described():
    described = it.sinkhorn.__doc__.split("solver : {")[1].split("entries :")[0].split("}")[1]
    for solver in policy.SOLVERS:
        assert f'"{solver}":' in described


def test_bad_points():
    with pytest.raises(ValueError, match="x and y must have the same columns"):
        it.sinkhorn(np.ones((3, 2)), np.ones((3, 1)), reg=1.0)
    with pytest.raises(ValueError, match="x and y must be below 1e150"):
        it.sinkhorn([1e300], [0.0], reg=1.0)
    with pytest.raises(TypeError, match="cost must hold real numbers"):
        it.sinkhorn(cost=np.ones((2, 2), complex), reg=1.0)
