"""The Sinkhorn divergence: by hand, its two limits, its own bound on the error, POT."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logsumexp

import infotheory as it


def divergence(x, y, **options):
    options = {"reg_scale": None} | options
    return it.divergence(x, y, method="sinkhorn", **options)


def entropic_cost(x, y, reg):
    """The least <C, P> + reg KL of uniform weights: the dual value after plain sweeps."""
    costs = np.square(x[:, None] - y).sum(axis=2)
    f, g = np.zeros(len(x)), np.zeros(len(y))
    for _ in range(1000):
        last = g
        f = -reg * (logsumexp((g - costs) / reg, axis=1) - math.log(len(y)))
        g = -reg * (logsumexp((f[:, None] - costs) / reg, axis=0) - math.log(len(x)))
        if x is y:  # one potential, and the mean of two sweeps, which converges much faster
            g = (last + f) / 2
            f = g
    return float(f.mean() + g.mean())  # the columns are exact


def samples(rng, n=30, m=20, d=2):
    return rng.standard_normal((n, d)), 1.5 * rng.standard_normal((m, d)) + 1


@pytest.mark.parametrize("reg", [0.3, 2.0])
def test_three_plain_problems(engine, rng, reg):
    x, y = samples(rng)
    terms = [entropic_cost(*pair, reg) for pair in ((x, y), (x, x), (y, y))]
    found = divergence(x, y, reg=reg)
    assert found.value == pytest.approx(terms[0] - terms[1] / 2 - terms[2] / 2, abs=1e-11)
    assert found.params["reg_value"] == pytest.approx(reg, rel=1e-12)
    assert found.unit == "cost"


def test_two_points_by_hand(engine):
    """x = {0, 1} and y = {0, 1} + 3: the plans of OT(x, x) have P_01 / P_00 = exp(-1 / reg)."""
    reg = 0.7
    far = math.exp(-1 / reg)
    within = -reg * math.log((1 + far) / 2)
    # costs 9, 16, 4, 9: up to what only moves potentials, those of x with itself, times minus 2 u v
    crossed = 9 + within
    assert divergence([0, 1], [3, 4], reg=reg).value == pytest.approx(crossed - within, rel=1e-12)


def test_the_cost_between_single_samples(engine):
    assert divergence([[1.0, 2.0]], [[4.0, 6.0]], reg=0.1).value == pytest.approx(25, rel=1e-14)
    assert divergence([[1.0, 2.0]], [[4.0, 6.0]], reg=0.1).stderr is None


def test_it_runs_from_wasserstein_to_the_means(engine, rng):
    x, y = samples(rng, 25, 25)
    exact = it.divergence(x, y, method="wasserstein").value ** 2
    gap = x.mean(axis=0) - y.mean(axis=0)
    assert divergence(x, y, reg=1e-3).value == pytest.approx(exact, rel=1e-3)
    assert divergence(x, y, reg=1e6).value == pytest.approx(gap @ gap, rel=1e-4)


def test_pot_agrees(rng):
    ot = pytest.importorskip("ot")
    x, y = samples(rng, 40, 30)

    def value(p, q):
        return ot.solve(ot.dist(p, q), reg=3.0, reg_type="KL", tol=1e-10).value

    expected = value(x, y) - value(x, x) / 2 - value(y, y) / 2
    assert divergence(x, y, reg=3.0).value == pytest.approx(expected, rel=1e-7)


def test_the_scale_of_reg_is_the_mean_cost(engine, rng):
    x, y = samples(rng)
    mean = np.square(x[:, None] - y).sum(axis=2).mean()
    found = divergence(x, y, reg=0.05, reg_scale="mean")
    assert found.params["reg_value"] == pytest.approx(0.05 * mean, rel=1e-12)
    assert found.value == pytest.approx(divergence(x, y, reg=0.05 * mean).value, rel=1e-11)


whole = arrays(np.float64, st.tuples(st.integers(1, 7), st.just(2)), elements=st.integers(-2, 2))


@given(whole, whole, st.sampled_from([0.1, 1.0, 10.0]))
def test_never_negative_and_symmetric(x, y, reg):
    found = divergence(x, y, reg=reg)
    assert found.value >= -found.diagnostics["error"]
    assert found.value == pytest.approx(divergence(y, x, reg=reg).value, rel=1e-9, abs=1e-9)
    assert abs(divergence(x, x[::-1], reg=reg).value) <= 1e-12


def test_moves_and_scales(engine, rng):
    x, y = samples(rng)
    plain = divergence(x, y, reg=0.5).value
    shift = np.array([2.0, -1.0])
    gap = y.mean(axis=0) - x.mean(axis=0)
    moved = divergence(x, y + shift, reg=0.5).value
    assert moved == pytest.approx(plain + shift @ shift + 2 * shift @ gap, rel=1e-10)
    assert divergence(x + 1e9, y + 1e9, reg=0.5).value == pytest.approx(plain, rel=1e-6)
    for scale in (1e140, 1e-140):
        found = divergence(scale * x, scale * y, reg=0.5 * scale**2)
        assert found.value == pytest.approx(plain * scale**2, rel=1e-10)
        assert found.stderr == pytest.approx(divergence(x, y, reg=0.5).stderr * scale**2, rel=1e-6)


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_squares_that_are_no_numbers_are_refused(engine, rng, scale):
    x, y = samples(rng)
    for reg_scale in ("mean", None):
        with pytest.raises(ValueError, match="x and y must have distances whose squares"):
            divergence(scale * x, scale * y, reg=1.0, reg_scale=reg_scale)


@pytest.mark.parametrize("solver", ["sinkhorn", "newton", "dual"])
def test_every_solver_has_the_same_answer(engine, rng, solver):
    x, y = samples(rng)
    expected = divergence(x, y, reg=0.3).value
    assert divergence(x, y, reg=0.3, solver=solver).value == pytest.approx(expected, abs=1e-10)


def test_what_did_not_converge_says_so_and_how_far_it_may_be(engine, rng):
    x, y = samples(rng, 60, 50)
    best = divergence(x, y, reg=0.02).value
    with pytest.warns(it.InfotheoryWarning, match="transport did not converge") as said:
        found = divergence(x, y, reg=0.02, max_iterations=20, solver="sinkhorn")
    assert not found.diagnostics["converged"]
    assert 1e-12 < abs(found.value - best) <= found.diagnostics["error"]
    message = str(said[0].message)
    assert f"The value is within {found.diagnostics['error']:.2g} of" in message
    assert message.endswith("or more max_iterations.")
    # where rounding ends it, more iterations are no cure
    with pytest.warns(it.InfotheoryWarning, match="or a larger tol") as said:
        divergence(x, y, reg=0.02, tol=1e-20)
    assert "max_iterations" not in str(said[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        converged = divergence(x, y, reg=0.02)
    assert converged.diagnostics["error"] < 1e-6
    assert converged.diagnostics["converged"]


def test_coincident_samples(engine):
    same = np.full((5, 3), 0.1)
    for reg_scale in ("mean", None):
        found = divergence(same, same[:2], reg=0.5, reg_scale=reg_scale)
        assert found.value == pytest.approx(0, abs=1e-15)
        assert found.stderr == pytest.approx(0, abs=1e-15)
