"""Kernel densities: by hand, against the double sum, widths, invariances, degenerate data."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import infotheory as it

LN2 = math.log(2)

quiet = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")


def entropy(x, **options):
    return it.entropy(x, method="kde", **options).value


def information(x, y, **options):
    return it.mutual_information(x, y, method="kde", **options).value


def naive_densities(x, sigma):
    """Leave-one-out densities as they are written."""
    x = np.asarray(x, dtype=float).reshape(len(x), -1)
    n, d = x.shape
    found = []
    for i in range(n):
        others = [
            math.exp(-(math.dist(x[i], x[j]) ** 2) / 2 / sigma**2) for j in range(n) if j != i
        ]
        found.append(math.fsum(others) / (n - 1) / (2 * math.pi * sigma**2) ** (d / 2))
    return np.array(found)


# ---- by hand ------------------------------------------------------------------------------


@quiet
def test_two_samples_by_hand(engine):
    # each sees the other alone, at distance 3 and with width 2
    by_hand = 9 / 8 + math.log(2) + math.log(2 * math.pi) / 2
    found = it.entropy([0.0, 3.0], method="kde", width=2.0)
    assert found.value == pytest.approx(by_hand, rel=1e-15)
    assert found.to("bits").value == pytest.approx(by_hand / LN2, rel=1e-15)
    assert found.stderr == 0
    assert found.params["sigma"] == 2.0


@quiet
def test_information_of_three_samples_by_hand(engine):
    # kernels at distance 1 are a = e^-1/2; the third differs from both in y alone
    x, y = [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
    a = math.exp(-1 / 2)
    local = [
        math.log(2 * 2 * a / ((a + 1) * (1 + a))),
        math.log(2 * (a + a * a) / ((2 * a) * (1 + a))),
        math.log(2 * (a + a * a) / ((1 + a) * (2 * a))),
    ]
    found = it.mutual_information(x, y, method="kde", width=1.0, pointwise=True)
    assert found.diagnostics["pointwise"] == pytest.approx(local, abs=1e-15)
    assert found.value == pytest.approx(sum(local) / 3, rel=1e-13)
    assert found.to("bits").value == pytest.approx(sum(local) / 3 / LN2, rel=1e-13)
    assert found.stderr == pytest.approx(np.std(local) / math.sqrt(3), rel=1e-12)


@quiet
@pytest.mark.parametrize(("n", "d"), [(2, 1), (40, 1), (70, 3)])
@pytest.mark.parametrize("sigma", [0.2, 1.0])
def test_the_densities_are_the_definition(engine, rng, n, d, sigma):
    x = rng.normal(size=(n, d))
    found = it.entropy(x, method="kde", width=sigma, pointwise=True)
    expected = -np.log(naive_densities(x, sigma))
    np.testing.assert_allclose(found.diagnostics["pointwise"], expected, rtol=1e-11)
    assert found.value == pytest.approx(expected.mean(), rel=1e-12)
    y = rng.normal(size=(n, 2)) + x[:, :1]
    joint = naive_densities(np.hstack([x, y]), sigma)
    local = np.log(joint / naive_densities(x, sigma) / naive_densities(y, sigma))
    assert information(x, y, width=sigma) == pytest.approx(local.mean(), rel=1e-10, abs=1e-12)


# ---- widths -------------------------------------------------------------------------------


@quiet
def test_rules_of_thumb_by_hand(engine, rng):
    x, y = rng.normal(size=(2, 50, 1)) * [[[3.0]], [[0.01]]]
    silverman, scott = (4 / 3 / 50) ** 0.2, 50**-0.2
    for width, sigma in {"silverman": silverman, "scott": scott}.items():
        found = it.entropy(x, method="kde", width=width)
        assert found.params == {"width": width, "pointwise": False, "sigma": pytest.approx(sigma)}
        assert found.value == pytest.approx(entropy(x, width=sigma * x.std()), rel=1e-12)
    joint = it.mutual_information(x, y, method="kde")
    assert joint.params["sigma"] == pytest.approx(50 ** (-1 / 6), rel=1e-14)
    standard = information(x / x.std(), y / y.std(), width=50 ** (-1 / 6))
    assert joint.value == pytest.approx(standard, rel=1e-11)


@quiet
def test_the_likeliest_width_is_likelier_than_others(engine, rng):
    x = np.concatenate([rng.normal(size=150), rng.normal(size=150) * 0.01 + 5])
    found = it.entropy(x, method="kde", width="likelihood")
    sigma = found.params["sigma"] * x.std()
    assert type(found.params["sigma"]) is float
    assert sigma < 0.1  # two clusters: rules of thumb see one wide normal
    for other in (0.8, 1.25, 4.0):
        assert entropy(x, width=sigma * other) > found.value
    assert found.value < entropy(x)
    assert entropy(x, width=sigma) == pytest.approx(found.value, rel=1e-12)


@quiet
def test_one_width_serves_three_densities(engine, rng):
    x, y = rng.normal(size=(2, 60, 1))
    y = y + x
    found = it.mutual_information(x, y, method="kde", width=0.4)
    joint = entropy(np.hstack([x, y]), width=0.4)
    parts = entropy(x, width=0.4) + entropy(y, width=0.4)
    assert found.value == pytest.approx(parts - joint, rel=1e-11)


# ---- invariances --------------------------------------------------------------------------


@quiet
@given(seed=st.integers(0, 10**6), shift=st.floats(-10, 10), power=st.integers(-900, 900))
def test_shift_and_scale(engine, seed, shift, power):
    x, y = np.random.default_rng(seed).normal(size=(2, 20, 2))
    for width in ("silverman", "scott"):
        plain = entropy(x, width=width)
        assert entropy(x + shift, width=width) == pytest.approx(plain, abs=1e-9)
        scaled = np.ldexp(x, power)
        assert entropy(scaled, width=width) == pytest.approx(plain + 2 * power * LN2, abs=1e-9)
        both = information(x, y, width=width)
        assert information(scaled, y + shift, width=width) == pytest.approx(both, abs=1e-9)
        assert information(y, x, width=width) == pytest.approx(both, abs=1e-12)


@quiet
@pytest.mark.parametrize("scale", [1e300, 1e-300, -1e150, 7.0])
@pytest.mark.parametrize("width", ["silverman", "likelihood", 0.5])
def test_scale(engine, rng, scale, width):
    x, y = rng.normal(size=(2, 60, 1))
    y = y + x
    scaled = width * abs(scale) if isinstance(width, float) else width
    moved = entropy(x, width=width) + math.log(abs(scale))
    assert entropy(scale * x, width=scaled) == pytest.approx(moved, rel=1e-10)
    plain = information(x, y, width=width)
    assert information(scale * x, scale * y, width=scaled) == pytest.approx(plain, rel=1e-9)


@quiet
def test_columns_follow_their_own_scale(engine, rng):
    x, y = rng.normal(size=(2, 60, 2))
    y += x
    scale = np.array([1e150, 1e-100])
    assert information(x * scale, y) == pytest.approx(information(x, y), rel=1e-10)
    assert entropy(x * scale) == pytest.approx(entropy(x) + np.log(scale).sum(), rel=1e-10)


@quiet
def test_a_turn_changes_nothing_where_the_width_is_given(engine, rng):
    x, y = rng.normal(size=(2, 60, 3))
    y += x
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    assert entropy(x @ turn, width=0.5) == pytest.approx(entropy(x, width=0.5), rel=1e-11)
    plain = information(x, y, width=0.5)
    assert information(x @ turn, y, width=0.5) == pytest.approx(plain, rel=1e-10)


@quiet
def test_a_large_offset_does_not_cancel(engine, rng):
    x = np.round(rng.normal(size=(60, 2)) * 64) / 64
    for width in ("silverman", 0.5):
        plain = entropy(x, width=width)
        assert entropy(x + 2.0**30, width=width) == pytest.approx(plain, rel=1e-7)
    assert entropy(x + 2.0**30, width=0.5) == pytest.approx(entropy(x, width=0.5), rel=1e-13)


# ---- degenerate ---------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e300])
def test_constants(engine, rng, constant):
    x, y = rng.normal(size=(2, 50, 2))
    y += x
    still = np.full((50, 1), constant)
    for width in ("silverman", "scott", "likelihood"):
        assert information(x, still, width=width) == 0.0
        assert information(still, still, width=width) == 0.0
        plain = information(x, y, width=width)
        assert information(np.hstack([x, still]), y, width=width) == pytest.approx(plain, rel=1e-12)
    local = it.mutual_information(still, x, method="kde", pointwise=True).diagnostics["pointwise"]
    assert not local.any()
    with pytest.warns(it.InfotheoryWarning, match="a column of x is constant"):
        assert entropy(np.hstack([x, still])) == -math.inf
    with pytest.warns(it.InfotheoryWarning, match="a column of x is constant"):
        assert entropy(still, width=1.0) == -math.inf


@quiet
def test_duplicates_lower_the_entropy_and_stay_finite(engine, rng):
    x = rng.normal(size=(80, 1))
    twice = np.concatenate([x, x])
    assert math.isfinite(entropy(twice))
    assert entropy(twice, width=0.01) < entropy(x, width=0.01) - 1
    with pytest.warns(it.InfotheoryWarning, match="narrowest of the search, 0.0"):
        assert entropy(twice, width="likelihood") < entropy(twice)


@quiet
def test_an_outlier_costs_what_it_is_worth(engine, rng):
    # its kernel sum is e^-20000, far below the smallest double
    x = np.append(rng.normal(size=200) * 1e-3, 200.0)
    local = it.entropy(x, method="kde", width=1.0, pointwise=True).diagnostics["pointwise"]
    assert local[200] == pytest.approx(20000 + math.log(2 * math.pi) / 2, rel=1e-5)
    assert local[:200].max() < 1


# ---- warnings and refusals ----------------------------------------------------------------


def test_widths_out_of_reach_are_warned_of(engine, rng):
    x, y = rng.normal(size=(2, 100, 1))
    for ask in (lambda **o: entropy(x, **o), lambda **o: information(x, y, **o)):
        with pytest.warns(it.InfotheoryWarning, match="less than one neighbour"):
            ask(width=1e-3)
        with pytest.warns(it.InfotheoryWarning, match="nearly all other samples alike"):
            ask(width=1e3)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ask()
    with pytest.warns(it.InfotheoryWarning, match=r"in 30 dimensions see less than one"):
        entropy(rng.normal(size=(300, 30)))


@pytest.mark.parametrize(
    ("width", "error", "said"),
    [
        (0.0, ValueError, "width must be a finite number greater than 0"),
        (-1, ValueError, "width must be a finite number greater than 0"),
        (math.nan, ValueError, "width must be a finite number"),
        (True, TypeError, "width must be a number"),
        ("silvermann", ValueError, r"width must be one of 'silverman', .*Did you mean 'silverman'"),
        (None, TypeError, "width must be a positive number or one of 'silverman'"),
        (1e-200, ValueError, "width must not be so small"),
    ],
    ids=str,
)
def test_wrong_widths_are_refused(width, error, said):
    with pytest.raises(error, match=said):
        it.entropy([0.0, 1.0, 3.0], method="kde", width=width)
    with pytest.raises(error, match=said):
        it.mutual_information([0.0, 1.0, 3.0], [0.0, 2.0, 1.0], method="kde", width=width)


def test_one_sample_has_no_others():
    with pytest.raises(ValueError, match=r"^x must have 2 rows or more.* n=1 samples"):
        entropy([1.0])
    with pytest.raises(ValueError, match=r"^x and y must have 2 rows or more.* n=1 samples"):
        information([1.0], [2.0])


# ---- truth --------------------------------------------------------------------------------


def test_dependence_is_found(rng):
    x = rng.normal(size=2000)
    y = 0.6 * x + 0.8 * rng.normal(size=2000)
    assert information(x, y) == pytest.approx(-math.log(0.64) / 2, abs=0.05)
    assert information(x, x**2) > 0.5  # which correlations do not see
    assert abs(information(x, rng.normal(size=2000))) < 0.03


def test_ties_are_counted_and_many_are_warned_of(engine, rng):
    x, y = rng.integers(0, 5, size=(200, 1)), rng.normal(size=(200, 1))
    duplicates = r"100% of the samples of x have an exact duplicate"
    with pytest.warns(it.InfotheoryWarning, match=duplicates):
        assert it.entropy(x, method="kde").diagnostics["ties"] == 1.0
    with pytest.warns(it.InfotheoryWarning, match=duplicates):
        assert it.mutual_information(x, y, method="kde").diagnostics["ties"] == 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert it.entropy(y, method="kde").diagnostics["ties"] == 0.0
        assert it.mutual_information(y, y + 1, method="kde").diagnostics["ties"] == 0.0
        assert it.mutual_information(np.ones(9), y[:9], method="kde").diagnostics["ties"] == 1.0
    with pytest.warns(it.InfotheoryWarning, match="a column of x is constant"):
        assert it.entropy(np.ones(9), method="kde").diagnostics["ties"] == 1.0
