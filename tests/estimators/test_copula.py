"""Normal scores: by hand, against the formula as it is written, ranks alone count, ties."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.special import digamma
from scipy.stats import norm, rankdata

import infotheory as it

LN2 = math.log(2)

quiet = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")


def estimate(x, y, **options):
    return it.mutual_information(x, y, method="gaussian_copula", **options)


def information(x, y, **options):
    return estimate(x, y, **options).value


def naive(x, y, corrected):
    """ln |C_x| |C_y| / |C| of the normal scores, less the expectations of the determinants."""
    scores = [norm.ppf(rankdata(part, axis=0) / (len(part) + 1)) for part in (x, y)]
    n = len(x)

    def half_log_det(parts):
        covariance = np.atleast_2d(np.cov(np.hstack(parts), rowvar=False))
        d = len(covariance)
        bias = sum(digamma((n - i) / 2) for i in range(1, d + 1)) / 2 if corrected else 0.0
        return np.linalg.slogdet(covariance)[1] / 2 - bias

    return half_log_det(scores[:1]) + half_log_det(scores[1:]) - half_log_det(scores)


def test_three_samples_by_hand(engine):
    # the scores of ranks 1, 2, 3 are -q, 0, q with q = .6744897...: ranks 1, 2, 3 and 2, 1, 3
    # are correlated by 1/2
    found = estimate([0.0, 5.0, 6.0], [1.0, -1.0, 30.0], corrected=False)
    assert found.value == pytest.approx(-math.log(3 / 4) / 2, rel=1e-13)
    assert found.to("bits").value == pytest.approx(-math.log2(3 / 4) / 2, rel=1e-13)
    assert found.diagnostics["correlations"] == pytest.approx((0.5,))
    assert found.diagnostics["ties"] == 0.0
    # b = psi(1) - (psi(1) + psi(1/2)) / 2 = ln 2: psi(1/2) = psi(1) - 2 ln 2
    corrected = estimate([0.0, 5.0, 6.0], [1.0, -1.0, 30.0])
    assert corrected.value == pytest.approx(found.value - LN2, rel=1e-13)
    assert corrected.stderr == found.stderr


@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize(("n", "dx", "dy"), [(10, 1, 1), (50, 3, 2), (300, 1, 4)])
def test_the_formula_as_it_is_written(engine, rng, corrected, n, dx, dy):
    x, y = rng.normal(size=(n, dx)), rng.normal(size=(n, dy))
    y[:, 0] += x[:, 0]
    expected = naive(x, y, corrected)
    assert information(x, y, corrected=corrected) == pytest.approx(expected, rel=1e-10)


def test_the_correction_removes_the_bias(rng):
    found = [
        [information(*rng.normal(size=(2, 30, 3)), corrected=corrected) for _ in range(200)]
        for corrected in (True, False)
    ]
    assert abs(np.mean(found[0])) < 0.03
    assert np.mean(found[1]) > 0.12  # 9 / 2n and more


def test_increasing_maps_change_no_bit(engine, rng):
    x, y = rng.normal(size=(2, 100, 2))
    y += x
    plain = information(x, y)
    for change in (np.exp, np.cbrt, lambda x: 1e300 * x, lambda x: 1e-300 * x, lambda x: x - 7):
        assert information(change(x), y) == plain
        assert information(x, change(y)) == plain
    assert information(-x, y) == pytest.approx(plain, rel=1e-12)
    assert information(y, x) == pytest.approx(plain, rel=1e-12)


def test_it_is_a_lower_bound_where_the_copula_is_not_normal(rng):
    signs = rng.choice([-1, 1], size=20_000)
    x = rng.normal(size=20_000)
    assert information(x, signs * x + 1e-6 * rng.normal(size=20_000)) < 0.01
    cubed = (0.8 * x + 0.6 * rng.normal(size=20_000)) ** 3
    exact = -math.log(0.36) / 2
    assert information(np.exp(x), cubed) == pytest.approx(exact, abs=0.02)
    assert it.mutual_information(np.exp(x), cubed, method="gaussian").value < exact - 0.1


def test_copies_are_infinite(engine, rng):
    x = rng.normal(size=(50, 2))
    for y in (x, np.exp(x[:, 0])):
        with pytest.warns(it.InfotheoryWarning, match="it is infinite"):
            assert information(x, y) == math.inf


def test_constants_hold_nothing(engine, rng):
    x, y = rng.normal(size=(2, 50, 2))
    y += x
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert information(x, np.ones(50)) == 0.0
        assert information(np.full(50, 0.1), np.ones((50, 2))) == 0.0
        wide = np.column_stack([x, np.full(50, 0.1)])
        assert information(wide, y) == pytest.approx(information(x, y), rel=1e-12)
        assert estimate(wide, y).diagnostics["ties"] == 0.0


def test_ties_are_counted_in_the_worst_column(engine, rng):
    x, y = rng.normal(size=(2, 100, 2))
    y[:30, 1] = 0.0
    x[:2, 0] = 0.0
    with pytest.warns(it.InfotheoryWarning, match=r"30\.0% of the samples are tied in a column"):
        found = estimate(x, y)
    assert found.diagnostics["ties"] == pytest.approx(0.3)
    swapped = np.column_stack([y[:, 1], y[:, 0]])
    with pytest.warns(it.InfotheoryWarning):
        assert information(x, swapped) == pytest.approx(found.value, rel=1e-12)


@quiet
def test_few_samples(engine, rng):
    assert information([1.0], [2.0]) == 0.0
    assert information([1.0, 2.0], [3.0, 1.0]) == math.inf
    x, y = rng.normal(size=(2, 5, 2))
    assert math.isfinite(information(x, y))  # as many dimensions as five samples can have
    assert information(x, rng.normal(size=(5, 3))) == math.inf


def test_terms_are_shifted_alike(engine, rng):
    x, y = rng.normal(size=(2, 50))
    terms = [
        estimate(x, y, corrected=corrected, pointwise=True).diagnostics["pointwise"]
        for corrected in (True, False)
    ]
    shift = information(x, y) - information(x, y, corrected=False)
    np.testing.assert_allclose(terms[0] - terms[1], shift, atol=1e-14)
    assert not terms[0].flags.writeable


@pytest.mark.parametrize("option", ["corrected", "pointwise"])
def test_flags_are_flags(option):
    with pytest.raises(TypeError, match=f"{option} must be True or False; got int 1"):
        estimate([0.0, 1.0], [1.0, 0.0], **{option: 1})
