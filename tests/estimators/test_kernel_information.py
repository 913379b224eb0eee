"""Dependence from kernel sums: by hand, exact limits, errors, ceilings, constants."""

import math

import numpy as np
import pytest

import infotheory as it
from infotheory import truth

METHODS = ["cauchy_schwarz", "euclidean", "hsic"]
each_method = pytest.mark.parametrize("method", METHODS)


def matrix(x, sigma):
    return np.exp(-((x[:, None] - x[None]) ** 2).sum(axis=2) / (2 * sigma**2))


def by_definition(method, x, y, sx, sy):
    k, q, n = matrix(x, sx), matrix(y, sy), len(x)
    if method == "cauchy_schwarz":
        cross = k.sum(axis=1) @ q.sum(axis=1) / n**3
        return math.log((k * q).mean() * k.mean() * q.mean() / cross**2)
    centring = np.eye(n) - 1 / n
    hsic = np.trace(k @ centring @ q @ centring) / n**2
    if method == "euclidean":
        hsic /= (2 * math.pi * sx**2) ** (x.shape[1] / 2) * (2 * math.pi * sy**2) ** (
            y.shape[1] / 2
        )
    return hsic


def information(x, y, method, **options):
    return it.mutual_information(x, y, method=method, **options)


@pytest.mark.filterwarnings("ignore:.*x and y together")
def test_two_pairs_by_hand(engine):
    # K and Q are 1 on the diagonal, and a = e^(-1/2), b = e^(-2) beside it
    a, b = math.exp(-1 / 2), math.exp(-2)
    joint, product = (1 + a * b) / 2, (1 + a) * (1 + b) / 4
    for scale in (1.0, 1e-3):
        x, y = np.array([0, 1]) * scale, np.array([5, 7]) * scale
        found = information(x, y, "cauchy_schwarz", width=scale)
        assert found.value == pytest.approx(math.log(joint / product), rel=1e-13)
        assert found.to("bits").value == pytest.approx(math.log2(joint / product), rel=1e-13)
        assert found.diagnostics["ceiling"] == math.log(2)
        found = information(x, y, "hsic", width=scale)
        assert found.value == pytest.approx(joint - product, rel=1e-13)
        found = information(x, y, "euclidean", width=scale)
        expected = (joint - product) / (2 * math.pi * scale**2)
        assert found.value == pytest.approx(expected, rel=1e-13)


@each_method
@pytest.mark.parametrize("d", [1, 11])
def test_the_definition(engine, rng, method, d):
    x = rng.normal(size=(90, d))
    y = x[:, :1] + 0.5 * rng.normal(size=(90, 2))
    found = information(x, y, method, width=(2.0, 0.8))
    assert found.value == pytest.approx(by_definition(method, x, y, 2.0, 0.8), rel=1e-9)
    assert found.params["sigma"] == (2.0, 0.8)
    single = information(x, y, method, width=(2.0, 0.8), precision="single")
    assert single.value == pytest.approx(found.value, rel=2e-4)
    of_rules = information(x, y, method, width=("median", "silverman")).params["sigma"]
    assert of_rules[0] == information(x, y, method).params["sigma"][0]
    assert of_rules[1] != information(x, y, method).params["sigma"][1]


def test_the_limits_of_the_specification():
    def limit(kind, width=0.7):
        return truth.dependent_normals_by_kernels(kind, 0.8, width=width).value

    assert limit("cauchy_schwarz") == pytest.approx(0.15733, abs=5e-6)
    assert limit("hsic") == pytest.approx(0.03800, abs=5e-6)
    assert limit("cauchy_schwarz", 1e-5) == pytest.approx(0.33647, abs=5e-6)
    s, r = 1 + 0.7**2 / 2, 0.8
    closed = math.log((4 * s**2 - r**2) / (4 * s * math.sqrt(s**2 - r**2)))
    assert limit("cauchy_schwarz") == pytest.approx(closed, rel=1e-12)


def test_the_euclidean_truth_is_the_integral():
    s, r = 1 + 0.7**2 / 2, 0.8  # densities of variance s and covariance r
    z = np.linspace(-8, 8, 801)
    x, y = np.meshgrid(z, z)
    determinant = s**2 - r**2
    joint = np.exp(-(s * (x**2 + y**2) - 2 * r * x * y) / (2 * determinant))
    joint /= 2 * math.pi * math.sqrt(determinant)
    product = np.exp(-(x**2 + y**2) / (2 * s)) / (2 * math.pi * s)
    integral = ((joint - product) ** 2).sum() * (z[1] - z[0]) ** 2
    known = truth.dependent_normals_by_kernels("euclidean", r, width=0.7)
    assert known.value == pytest.approx(integral, rel=1e-6)


@each_method
@pytest.mark.parametrize("n", [400, 1500])
def test_the_error_is_the_spread_of_repeats(method, n):
    # above 512 samples part of it is found at some of them
    known = truth.dependent_normals_by_kernels(method, 0.8, width=0.7)
    found = [
        information(*known.sample(n, np.random.default_rng(seed)), method, width=0.7)
        for seed in range(40)
    ]
    values = np.array([each.value for each in found])
    told = np.array([each.stderr for each in found])
    assert 0.75 < values.std(ddof=1) / told.mean() < 1.33
    assert told.std() < 0.25 * told.mean()


@each_method
def test_the_error_is_the_first_order_of_the_definition(engine, rng, method):
    x = rng.normal(size=(60, 1))
    y = x + rng.normal(size=(60, 1))
    found = information(x, y, method, width=0.9)
    k, q, n = matrix(x, 0.9), matrix(y, 0.9), 60
    of_k, of_q = k.mean(axis=1), q.mean(axis=1)
    parts = [(k * q).mean(axis=1), of_k * q.mean() + of_q * k.mean()]
    parts.append(of_k * of_q + k @ of_q / n + q @ of_k / n)
    scale = 1 / (2 * math.pi * 0.81) if method == "euclidean" else 1.0
    slopes = [scale, scale, scale]
    if method == "cauchy_schwarz":
        slopes = [1 / (k * q).mean(), 1 / k.mean() / q.mean(), 1 / (of_k * of_q).mean()]
    slope = 2 * (slopes[0] * parts[0] + slopes[1] * parts[1] - slopes[2] * parts[2])
    assert found.stderr == pytest.approx(slope.std() / math.sqrt(n), rel=1e-9)


@each_method
def test_a_constant_is_exactly_zero(engine, rng, method):
    x, constant = rng.normal(size=(40, 2)), np.full((40, 12), 0.1)
    for pair in ((constant, x), (x, constant), (constant, constant)):
        found = information(*pair, method)
        assert (found.value, found.stderr) == (0.0, 0.0)
        assert "warnings" not in found.diagnostics


def test_isolated_samples_are_at_the_ceiling_and_warned_of(engine, rng):
    x, y = rng.normal(size=(2, 100, 1))
    with pytest.warns(it.InfotheoryWarning, match="ln n = 4.605"):
        found = information(x, y, "cauchy_schwarz", width=1e-7)
    assert found.value == pytest.approx(math.log(100), rel=1e-9)
    assert found.diagnostics["saturated"]
    plain = information(x, y, "cauchy_schwarz")
    assert not plain.diagnostics["saturated"]
    assert plain.value < 0.1


@each_method
def test_kernels_that_see_all_alike_are_warned_of(engine, rng, method):
    x, y = rng.normal(size=(2, 100, 1))
    with pytest.warns(it.InfotheoryWarning, match="alike"):
        information(x, y, method, width=1e3)


@each_method
@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_the_unit_of_the_data(engine, rng, method, scale):
    x = rng.normal(size=(60, 1))
    y = x + rng.normal(size=(60, 1))
    if method == "euclidean":
        # a density in both units; it has none where they are beyond all numbers
        found = information(x * scale, y / scale, method).value
        assert found == pytest.approx(information(x, y, method).value, rel=1e-6)
        if abs(math.log10(scale)) > 200:
            with pytest.raises(ValueError, match="volume of their kernels"):
                information(x * scale, y * scale, method)
        return
    plain = information(x, y, method, width=0.7)
    found = information(x * scale, y / scale, method, width=(0.7 * scale, 0.7 / scale))
    assert found.value == pytest.approx(plain.value, rel=1e-12)
    by_rule = information(x * scale, y, method).value
    assert by_rule == pytest.approx(information(x, y, method).value, rel=1e-6)


@each_method
def test_one_sample_says_so(engine, method):
    with pytest.warns(it.InfotheoryWarning, match="n=1 samples"):
        found = information([1.0], [2.0], method)
    assert found.value == 0
    assert found.stderr is None


def test_kernels_that_see_nobody_in_both_are_warned_of(engine, rng):
    x, y = rng.normal(size=(2, 300, 8))
    with pytest.warns(it.InfotheoryWarning, match="of x and y together"):
        found = information(x, y, "cauchy_schwarz", width=0.8)
    assert found.value > 1  # of independent variables


@pytest.mark.parametrize("method", ["cauchy_schwarz", "euclidean", "hsic"])
@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_two_samples_do_not_know_their_error(method):
    found = it.mutual_information([0.0, 1.0], [0.0, 2.0], method=method, width=1.0)
    assert found.stderr is None


@pytest.mark.parametrize("method", ["cauchy_schwarz", "euclidean", "hsic"])
@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_lost_digits_are_named(engine, rng, method):
    x, y = rng.normal(size=(2, 100))
    with pytest.warns(it.InfotheoryWarning, match="y has lost digits"):
        it.mutual_information(x, y + 1e16, method=method)


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_warnings_of_the_samples_do_not_silence_those_of_the_kernels(rng):
    x, y = 10 * rng.normal(size=(2, 100))
    found = it.mutual_information(x + 8e15, y.round(), method="hsic", width=1e-3)
    lost, reach = found.diagnostics["warnings"]
    assert "x has lost digits" in lost
    assert "other samples of x and y together" in reach
