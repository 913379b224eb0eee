"""Divergences from kernel sums: by hand, exact limits, errors, invariances, degenerate data."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import infotheory as it
from infotheory import truth

METHODS = ["cauchy_schwarz", "mmd"]
each_method = pytest.mark.parametrize("method", METHODS)


def kernel_means(x, y, sigma):
    def mean(a, b):
        squares = ((a[:, None] - b[None]) ** 2).sum(axis=2)
        return np.exp(-squares / (2 * sigma**2)).mean()

    return mean(x, x), mean(y, y), mean(x, y)


def by_definition(method, x, y, sigma):
    xx, yy, xy = kernel_means(x, y, sigma)
    return math.log(xx * yy / xy**2) if method == "cauchy_schwarz" else xx + yy - 2 * xy


def test_two_points_each_by_hand(engine):
    # kernels 1 and e^(-1/2) within x, 1 and e^(-9/8) within y, and four between them
    xx, yy = (1 + math.exp(-1 / 2)) / 2, (1 + math.exp(-9 / 8)) / 2
    xy = (2 * math.exp(-1 / 8) + math.exp(-2) + math.exp(-1 / 2)) / 4
    for scale in (1.0, 1000.0):  # metres and millimetres
        x, y = np.array([0, 1]) * scale, np.array([0.5, 2]) * scale
        found = it.divergence(x, y, method="cauchy_schwarz", width=scale)
        assert found.value == pytest.approx(math.log(xx * yy / xy**2), rel=1e-14)
        assert found.to("bits").value == pytest.approx(math.log2(xx * yy / xy**2), rel=1e-14)
        assert found.value == pytest.approx(0.3034597345440989, rel=1e-13)
        half = it.divergence(x, y, method="cauchy_schwarz", width=scale, convention="half")
        assert half.value == found.value / 2
        assert half.stderr == found.stderr / 2
        found = it.divergence(x, y, method="mmd", width=scale)
        assert found.value == pytest.approx(xx + yy - 2 * xy, rel=1e-14)
        assert found.unit == ""


@each_method
@pytest.mark.parametrize("d", [1, 12])
def test_the_definition(engine, rng, method, d):
    x, y = rng.normal(size=(80, d)), 0.5 + 1.5 * rng.normal(size=(60, d))
    found = it.divergence(x, y, method=method, width=2.0)
    assert found.value == pytest.approx(by_definition(method, x, y, 2.0), rel=1e-11)
    assert found.params["sigma"] == 2.0
    logs = np.log(kernel_means(x, y, 2.0))
    assert found.diagnostics["log_means"] == pytest.approx(logs, rel=1e-12)
    single = it.divergence(x, y, method=method, width=2.0, precision="single")
    assert single.value == pytest.approx(found.value, abs=2e-6)


def test_the_limits_of_the_specification():
    def limit(kind, width):
        return truth.divergent_normals_by_kernels(kind, 0, 1, 1.3, 1.7**2, width=width).value

    assert limit("cauchy_schwarz", 0.7) == pytest.approx(0.48886, abs=5e-6)
    assert limit("cauchy_schwarz", 1e-5) == pytest.approx(0.56908, abs=5e-6)
    # equal covariances: the KL divergence
    near = truth.divergent_normals_by_kernels("cauchy_schwarz", 0, 1, 1.5, 1, width=1e-6)
    assert near.value == pytest.approx(1.5**2 / 2, rel=1e-9)


@each_method
@pytest.mark.parametrize("precision", ["double", "single"])
def test_the_limit_at_a_finite_width_within_the_bias_that_is_told(method, precision):
    known = truth.divergent_normals_by_kernels(method, 0, 1, 1.3, 1.7**2, width=0.7)
    found = [
        it.divergence(
            *known.sample(1000, np.random.default_rng(seed)),
            method=method,
            width=0.7,
            precision=precision,
        )
        for seed in range(30)
    ]
    values = np.array([each.value for each in found])
    a, b, _ = np.exp(found[0].diagnostics["log_means"])
    bias = (1 / a + 1 / b - 2 if method == "cauchy_schwarz" else 2 - a - b) / 1000
    error = values.std() / math.sqrt(30)
    assert values.mean() == pytest.approx(known.value + bias, abs=3.5 * error)
    # and the standard error is the spread of the repeats
    told = np.mean([each.stderr for each in found])
    assert 0.75 < values.std(ddof=1) / told < 1.33


@each_method
def test_the_error_counts_both_samples(method, rng):
    values, errors = [], []
    for _ in range(60):
        x, y = rng.normal(size=(900, 1)), 1 + rng.normal(size=(60, 1))
        found = it.divergence(x, y, method=method, width=1.0)
        values.append(found.value)
        errors.append(found.stderr)
    assert 0.75 < np.std(values, ddof=1) / np.mean(errors) < 1.33


@each_method
def test_a_sample_and_itself(engine, rng, method):
    x = rng.normal(size=(50, 3))
    found = it.divergence(x, x.copy(), method=method)
    assert found.value == pytest.approx(0, abs=1e-14)
    assert found.stderr == pytest.approx(0, abs=1e-14)


@each_method
def test_invariances(engine, rng, method):
    x, y = rng.normal(size=(70, 3)), 1 + rng.normal(size=(50, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    plain = it.divergence(x, y, method=method).value
    assert it.divergence(y, x, method=method).value == pytest.approx(plain, rel=1e-12)
    for change in (lambda z: z @ turn, lambda z: z + 7.5, lambda z: z[:, ::-1]):
        found = it.divergence(change(x), change(y), method=method).value
        assert found == pytest.approx(plain, rel=1e-6)  # the median's square has 24 bits
    for scale in (2.0**40, 1e-300, 1e300):
        found = it.divergence(x * scale, y * scale, method=method).value
        assert found == pytest.approx(plain, rel=1e-6)
        found = it.divergence(x * scale, y * scale, method=method, width=2 * scale).value
        by_number = it.divergence(x, y, method=method, width=2.0).value
        assert found == pytest.approx(by_number, rel=1e-12)
    found = it.divergence(x + 1e9, y + 1e9, method=method).value
    assert found == pytest.approx(plain, rel=1e-5)


@given(
    x=arrays.arrays(float, st.tuples(st.integers(1, 8), st.just(2)), elements=st.integers(-3, 3)),
    y=arrays.arrays(float, st.tuples(st.integers(1, 8), st.just(2)), elements=st.integers(-3, 3)),
)
@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_both_are_distances_of_a_kind(x, y):
    squared = it.divergence(x, y, method="cauchy_schwarz", width=1.5).value
    mmd = it.divergence(x, y, method="mmd", width=1.5).value
    assert squared >= -1e-14
    assert -1e-15 <= mmd <= 2
    alike = sorted(map(tuple, x.tolist())) == sorted(map(tuple, y.tolist()))
    if alike:
        assert squared == pytest.approx(0, abs=1e-14)
    assert it.divergence(y, x, method="mmd", width=1.5).value == pytest.approx(mmd, abs=1e-15)


@pytest.mark.parametrize("precision", ["double", "single"])
def test_far_samples_have_a_large_divergence_and_not_infinity(engine, rng, precision):
    x, y = rng.normal(size=(2, 40, 1)) * 0.1
    found = it.divergence(x, y + 1000, method="cauchy_schwarz", width=1.0, precision=precision)
    # twice (1000)^2 / 2, and what the nearest pair is nearer
    assert found.value == pytest.approx(1e6, rel=2e-3)
    assert math.isfinite(found.stderr)
    assert it.divergence(x, y + 1000, method="mmd", width=1.0).value > 1.9


@each_method
def test_kernels_that_see_nothing_or_everything_are_warned_of(engine, rng, method):
    x, y = rng.normal(size=(2, 50, 2))
    with pytest.warns(it.InfotheoryWarning, match="isolated points; choose a larger width"):
        it.divergence(x, y, method=method, width=1e-4)
    with pytest.warns(it.InfotheoryWarning, match=r"alike.* choose a smaller width"):
        it.divergence(x, y, method=method, width=1e4)
    with pytest.warns(it.InfotheoryWarning, match="n=1 samples"):
        found = it.divergence(x[:1], y, method=method)
    assert found.stderr is None
    assert "warnings" not in it.divergence(x, y, method=method).diagnostics


@each_method
@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_equal_rows_are_no_divergence(engine, method):
    ones = np.full((20, 2), 0.1)
    assert it.divergence(ones, ones[:7], method=method).value == pytest.approx(0, abs=1e-15)


@each_method
def test_widths_beyond_numbers_are_errors(engine, rng, method):
    x, y = rng.normal(size=(2, 30, 1))
    with pytest.raises(ValueError, match=r"^width must not be so small.*got 1e-200"):
        it.divergence(x, y, method=method, width=1e-200)
    with pytest.raises(ValueError, match=r"^width must be a finite number greater than 0"):
        it.divergence(x, y, method=method, width=-1)


def test_the_rule_looks_at_both_samples(engine):
    x, y = np.array([0.0, 1.0, 2.0]), np.array([100.0, 101.0])
    found = it.divergence(x, y, method="mmd")
    # distances 1 1 2, 1, and 98 .. 101: the fifth of ten
    assert found.params["sigma"] == pytest.approx(98, rel=1e-7)


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
@pytest.mark.parametrize("method", ["cauchy_schwarz", "mmd"])
def test_lost_digits_are_named(engine, rng, method):
    x, y = rng.normal(size=(2, 300))
    with pytest.warns(it.InfotheoryWarning, match=r"x has lost digits: floats near 1e\+16 are 2 "):
        it.divergence(x + 1e16, y, method=method)
    with pytest.warns(it.InfotheoryWarning, match="y has lost digits"):
        it.divergence(x, y + 1e16, method=method)


@pytest.mark.parametrize("d", [1, 20])
def test_single_precision_of_far_clusters_keeps_its_digits(rng, d):
    far = np.repeat([0, 3e6], 150)[:, None]
    x = far + 0.3 * rng.normal(size=(300, d))
    y = far + 0.2 + 0.45 * rng.normal(size=(300, d))
    double, single = (
        it.divergence(x, y, method="cauchy_schwarz", width=0.3 * d**0.5, precision=precision)
        for precision in ("double", "single")
    )
    assert single.value == pytest.approx(double.value, rel=1e-6)
