"""Spacings: by hand, against scipy and its paper's numbers, scales, ties, refusals."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.stats import differential_entropy

import infotheory as it

LN2 = math.log(2)
VARIANTS = ("vasicek", "van es", "ebrahimi", "correa")

each_variant = pytest.mark.parametrize("variant", VARIANTS)


def entropy(x, **options):
    return it.entropy(x, method="spacing", **options).value


def test_four_samples_by_hand(engine):
    # m = 1: spacings 1 - 0, 3 - 0, 7 - 1, 7 - 3, each times n / 2m = 2
    by_hand = math.log(2 * 6 * 12 * 8) / 4
    found = it.entropy([3.0, 0.0, 7.0, 1.0], method="spacing", window=1)
    assert found.value == pytest.approx(by_hand, rel=1e-15)
    assert found.to("bits").value == pytest.approx(by_hand / LN2, rel=1e-15)
    assert found.diagnostics == {"window": 1, "ties": 0.0}
    # per gap: 1, 3/2, 3, 4
    spread = np.std(np.log([1, 3 / 2, 3, 4]))
    assert found.stderr == pytest.approx(spread / 2, rel=1e-14)


@each_variant
@pytest.mark.parametrize("n", [3, 10, 100, 1001])
def test_scipy_and_its_rule_for_the_window(engine, rng, variant, n):
    x = rng.normal(size=n)
    m = min(math.floor(math.sqrt(n) + 0.5), (n - 1) // 2)
    found = it.entropy(x, method="spacing", variant=variant)
    assert found.diagnostics["window"] == m
    expected = differential_entropy(x, window_length=m, method=variant)
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert entropy(x, variant=variant, window=1) == pytest.approx(
        differential_entropy(x, window_length=1, method=variant), rel=1e-12
    )


@each_variant
@pytest.mark.parametrize("scale", [1e300, 1e-300, 2.0**-1060, -7.0])
def test_scale(engine, rng, variant, scale):
    x = (
        np.round(rng.normal(size=200) * 2**12 + 1.5)
        if scale == 2.0**-1060
        else rng.normal(size=200)
    )
    moved = entropy(x, variant=variant, window=9) + math.log(abs(scale))
    assert entropy(scale * x, variant=variant, window=9) == pytest.approx(moved, rel=1e-11)


@each_variant
def test_shifts(engine, rng, variant):
    x = np.round(rng.normal(size=200) * 1024) / 1024
    plain = entropy(x, variant=variant)
    assert entropy(x + 2.0**20, variant=variant) == pytest.approx(plain, rel=1e-12)
    assert entropy(-x, variant=variant) == pytest.approx(plain, rel=1e-12)


@each_variant
def test_ties_that_fill_a_window_are_told(engine, rng, variant):
    x = np.repeat(rng.normal(size=10), 10)
    said = r"tied samples fill a window of m=2 \(100% of the samples"
    with pytest.warns(it.InfotheoryWarning, match=said):
        found = it.entropy(x, method="spacing", variant=variant, window=2)
    assert found.value == -math.inf
    assert found.stderr is None
    assert found.diagnostics["ties"] == 1.0
    with pytest.warns(it.InfotheoryWarning, match="minus infinity"):
        assert entropy(np.ones(9), variant=variant) == -math.inf


def test_a_few_ties_are_counted(engine):
    found = it.entropy([0.0, 1.0, 1.0, 2.0, 5.0], method="spacing")
    assert found.diagnostics["ties"] == pytest.approx(2 / 5)
    assert math.isfinite(found.value)


@each_variant
@pytest.mark.parametrize("far", [1e200, -1e200, 1e308])
def test_a_value_far_off_makes_no_ties(engine, rng, variant, far):
    x = rng.normal(size=50)
    x[3] = far
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = it.entropy(x, method="spacing", variant=variant, window=1)
    assert math.isfinite(found.value)
    assert found.diagnostics["ties"] == 0.0
    # all spacings but those of one or two samples, of 50, are as they are without it
    rest = entropy(np.delete(x, 3), variant=variant, window=1)
    long = 1 if variant == "van es" else 2
    assert found.value == pytest.approx(rest + long * math.log(abs(far)) / 50, abs=0.5)


@each_variant
def test_lost_digits_are_told(engine, rng, variant):
    with pytest.warns(it.InfotheoryWarning, match=r"x has lost digits: floats near 1e\+15"):
        entropy(rng.normal(size=200) + 1e15, variant=variant, window=50)


def test_several_columns_are_sent_elsewhere():
    said = r"x must be one-dimensional, shape \(n,\) or \(n, 1\); got \(5, 2\).*method='knn'"
    with pytest.raises(ValueError, match=said):
        entropy(np.ones((5, 2)))


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"window": 0}, ValueError, "window must be at least 1"),
        ({"window": 3}, ValueError, r"window must be below half.*got window=3 for n=6.*Choose 2"),
        ({"window": 1.5}, TypeError, "window must be an integer"),
        ({"variant": "vasicec"}, ValueError, "variant must be one of 'vasicek'.*mean 'vasicek'"),
        ({"variant": None}, ValueError, "variant must be one of"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(options, error, said):
    with pytest.raises(error, match=said):
        entropy(np.arange(6.0), **options)
    assert math.isfinite(entropy(np.arange(6.0), window=2))


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_samples(n):
    with pytest.raises(ValueError, match=rf"^x must have 3 rows or more .* n={n} samples"):
        entropy(np.arange(float(n)))


@each_variant
def test_a_normal_variable(variant):
    x = np.random.default_rng(0).normal(size=20_000)
    exact = math.log(2 * math.pi * math.e) / 2
    assert entropy(x, variant=variant) == pytest.approx(exact, abs=0.05)
