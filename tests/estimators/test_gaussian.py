"""Covariances: by hand, degenerate ones, and the invariances of a linear world."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import infotheory as it

LN2 = math.log(2)


def entropy(x):
    return it.entropy(x, method="gaussian").value


def information(x, y):
    return it.mutual_information(x, y, method="gaussian").value


# ---- by hand ------------------------------------------------------------------------------


def test_entropy_by_hand(engine):
    # -1, 1 has variance 1; -3, 3 has variance 9
    found = it.entropy([-1.0, 1.0, -1.0, 1.0], method="gaussian")
    assert found.value == pytest.approx(0.5 * math.log(2 * math.pi * math.e), rel=1e-15)
    assert found.to("bits").value == pytest.approx(2.047095585, abs=1e-9)
    assert found.stderr == pytest.approx(math.sqrt(1 / 8), rel=1e-15)
    assert found.diagnostics["rank"] == 1
    assert entropy([-3.0, 3.0]) == pytest.approx(found.value + math.log(3), rel=1e-14)


def test_entropy_of_two_columns_by_hand(engine):
    # covariance [[1, .5], [.5, 1]]: determinant 3/4
    x = [[-1, -1], [1, 1], [-1, 1], [1, -1], [-1, -1], [1, 1], [1, 1], [-1, -1]]
    by_hand = math.log(2 * math.pi * math.e) + math.log(3 / 4) / 2
    assert entropy(np.array(x, float)) == pytest.approx(by_hand, rel=1e-14)


def test_information_by_hand(engine):
    # correlation 1/2: -1/2 ln(3/4)
    x = [-1, 1, -1, 1, -1, 1, 1, -1]
    y = [-1, 1, 1, -1, -1, 1, 1, -1]
    found = it.mutual_information(x, y, method="gaussian")
    assert found.value == pytest.approx(-0.5 * math.log(3 / 4), rel=1e-14)
    assert found.to("bits").value == pytest.approx(1 - math.log2(3) / 2, rel=1e-13)
    assert found.diagnostics["correlations"] == pytest.approx((0.5,))
    assert found.stderr == pytest.approx(0.5 / math.sqrt(8), rel=1e-14)
    assert found.diagnostics["rank"] == (1, 1)


def test_information_is_a_sum_over_canonical_correlations(engine, rng):
    x, y = rng.normal(size=(2, 200, 3))
    y[:, :2] += x[:, 1:]
    found = it.mutual_information(x, y, method="gaussian")
    correlations = np.array(found.diagnostics["correlations"])
    assert (np.diff(correlations) <= 0).all()
    assert found.value == pytest.approx(-np.log(1 - correlations**2).sum() / 2, rel=1e-12)
    covariance = np.cov(np.concatenate([x, y], axis=1), rowvar=False)
    parts = np.linalg.slogdet(covariance[:3, :3])[1] + np.linalg.slogdet(covariance[3:, 3:])[1]
    by_determinants = (parts - np.linalg.slogdet(covariance)[1]) / 2
    assert found.value == pytest.approx(by_determinants, rel=1e-11)


def test_information_is_the_difference_of_entropies(engine, rng):
    x, y = rng.normal(size=(2, 100, 2))
    y += 0.5 * x
    joint = entropy(np.concatenate([x, y], axis=1))
    assert information(x, y) == pytest.approx(entropy(x) + entropy(y) - joint, rel=1e-11)


# ---- degenerate ---------------------------------------------------------------------------


def test_a_copied_variable_is_infinite(engine, rng):
    x = rng.normal(size=(100, 2))
    copied = np.column_stack([rng.normal(size=100), x[:, 1]])
    for y in (x, 3 * x[:, 0] - 1, x[:, 0] - x[:, 1], copied):
        with pytest.warns(it.InfotheoryWarning, match="a combination of columns of x equals one"):
            assert information(x, y) == math.inf


def test_a_redundant_column_changes_nothing(engine, rng):
    x, y = rng.normal(size=(2, 200, 2))
    y += 0.7 * x
    wide = np.column_stack([x, x.sum(axis=1)])
    assert information(wide, y) == pytest.approx(information(x, y), abs=1e-8)
    assert information(y, wide) == pytest.approx(information(x, y), abs=1e-8)
    found = it.mutual_information(wide, y, method="gaussian")
    assert found.diagnostics["rank"] == (2, 2)


#: The mean of 0.1, ..., 0.1 may differ from 0.1 by rounding; 1e300 must not hide other columns.
CONSTANTS = [0.0, 3.0, 0.1, 1e300]


@pytest.mark.parametrize("constant", CONSTANTS)
def test_a_constant_variable_holds_nothing(engine, rng, constant):
    x = rng.normal(size=(50, 2))
    for still in (np.full(50, constant), np.full((50, 3), constant)):
        assert information(x, still) == 0.0
        assert information(still, x) == 0.0
        assert information(still, still) == 0.0
        with pytest.warns(it.InfotheoryWarning, match=r"the covariance has rank 0 of \d"):
            assert entropy(still) == -math.inf


@pytest.mark.parametrize("constant", CONSTANTS)
def test_a_constant_column_changes_nothing(engine, rng, constant):
    x = rng.normal(size=(50, 2))
    y = x[:, 0] + rng.normal(size=50)
    wide = np.column_stack([x, np.full(50, constant)])
    assert information(wide, y) == pytest.approx(information(x, y), rel=1e-12)
    with pytest.warns(it.InfotheoryWarning, match="the covariance has rank 2 of 3"):
        assert entropy(wide) == -math.inf


def test_a_degenerate_variable_has_no_density(engine, rng):
    x = rng.normal(size=(50, 2))
    for degenerate in (np.column_stack([x, x[:, 0] + x[:, 1]]), x[:1], x[:2]):
        with pytest.warns(it.InfotheoryWarning, match=r"the covariance has rank \d of \d"):
            assert entropy(degenerate) == -math.inf


def test_few_samples_of_many_columns_are_singular(engine, rng):
    x, y = rng.normal(size=(2, 5, 10))
    with pytest.warns(it.InfotheoryWarning):
        assert information(x, y) == math.inf


# ---- invariances --------------------------------------------------------------------------


@given(seed=st.integers(0, 10**6), power=st.sampled_from([-1000, -300, -1, 40, 400, 1000]))
def test_scale(engine, seed, power):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 20, 2))
    y += x
    scaled = np.ldexp(x, power)
    assert information(scaled, y) == pytest.approx(information(x, y), rel=1e-10)
    assert entropy(scaled) == pytest.approx(entropy(x) + 2 * power * LN2, rel=1e-12)


@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e150, -1e-150])
def test_extreme_scales(engine, rng, scale):
    x, y = rng.normal(size=(2, 60, 1))
    y += x
    assert information(scale * x, y) == pytest.approx(information(x, y), rel=1e-10)
    assert entropy(scale * x) == pytest.approx(entropy(x) + math.log(abs(scale)), rel=1e-12)


def test_columns_of_very_different_scale(engine, rng):
    x, y = rng.normal(size=(2, 80, 2))
    y += x
    scale = np.array([1e150, 1e-100])
    assert information(x * scale, y) == pytest.approx(information(x, y), rel=1e-9)
    assert entropy(x * scale) == pytest.approx(entropy(x) + np.log(scale).sum(), rel=1e-9)


def test_invertible_maps_and_shifts(engine, rng):
    x, y = rng.normal(size=(2, 100, 3))
    y += 0.5 * x
    change = rng.normal(size=(3, 3))
    assert information(x @ change + 100, y) == pytest.approx(information(x, y), rel=1e-8)
    moved = entropy(x) + np.linalg.slogdet(change)[1]
    assert entropy(x @ change + 100) == pytest.approx(moved, rel=1e-8)
    assert information(y, x) == pytest.approx(information(x, y), rel=1e-12)


def test_it_sees_lines_alone(rng):
    x = rng.normal(size=5000)
    assert information(x, x**2) < 0.01
