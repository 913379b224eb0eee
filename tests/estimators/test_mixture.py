"""Pairwise bounds: by hand, against the double sum, and around the Monte Carlo value."""

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

LN2 = math.log(2)
FACTOR = {"upper": 2, "lower": 8}

quiet = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")


def noise_entropy(d, variance):
    return d / 2 * math.log(2 * math.pi * math.e * variance)


def naive_information(x, variance, bound):
    """-(1/n) sum_i ln (1/n) sum_j exp(-|x_i - x_j|^2 / (2 or 8 variance)), as it is written."""
    x = np.asarray(x, dtype=float)
    squared = ((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=2)
    inner = logsumexp(-squared / (FACTOR[bound] * variance), axis=1) - math.log(len(x))
    return -inner.mean()


def information(x, **options):
    return it.entropy(x, method="mixture", **options).diagnostics["information"]


points = st.integers(1, 12).flatmap(
    lambda n: st.integers(1, 4).flatmap(
        lambda d: arrays(np.float64, (n, d), elements=st.floats(-3, 3, width=32))
    )
)


# ---- by hand ------------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize(("bound", "factor"), FACTOR.items())
def test_two_points_by_hand(engine, bound, factor):
    # two points at distance 1: both see (1 + exp(-1 / (2 or 8 s^2))) / 2
    by_hand = -math.log((1 + math.exp(-1 / (factor * 0.3))) / 2)
    found = it.entropy([0.0, 1.0], method="mixture", noise_variance=0.3, bound=bound)
    assert found.value == pytest.approx(by_hand + noise_entropy(1, 0.3), rel=1e-14)
    assert found.diagnostics["information"] == pytest.approx(by_hand, rel=1e-14)
    assert found.stderr == pytest.approx(0, abs=1e-15)
    bits = found.to("bits")
    assert bits.value == pytest.approx((by_hand + noise_entropy(1, 0.3)) / LN2, rel=1e-14)
    assert bits.diagnostics["information"] == pytest.approx(by_hand / LN2, rel=1e-14)
    assert bits.diagnostics["ceiling"] == pytest.approx(1 + noise_entropy(1, 0.3) / LN2)


@quiet
def test_the_mean_and_its_error_by_hand(engine):
    # points 0, 0, 2 with variance 1: the pair sees (2 + e^-2) / 3, the third (1 + 2 e^-2) / 3
    pair, third = -math.log((2 + math.exp(-2)) / 3), -math.log((1 + 2 * math.exp(-2)) / 3)
    found = it.entropy([0.0, 0.0, 2.0], method="mixture", noise_variance=1.0)
    assert found.diagnostics["information"] == pytest.approx((2 * pair + third) / 3, rel=1e-14)
    spread = math.sqrt(2 / 9) * abs(pair - third)
    assert found.stderr == pytest.approx(spread / math.sqrt(3), rel=1e-12)


@quiet
def test_classes_by_hand(engine):
    # classes {0, 1} and {5}: within the first the two see each other, the third is alone
    e1, e16, e25 = (math.exp(-t / 2) for t in (1, 16, 25))
    total = [-math.log((1 + e1 + e25) / 3), -math.log((1 + e1 + e16) / 3)]
    total.append(-math.log((1 + e25 + e16) / 3))
    within = [-math.log((1 + e1) / 2)] * 2 + [0.0]
    by_hand = (math.fsum(total) - math.fsum(within)) / 3
    found = it.mutual_information(
        [0.0, 1.0, 5.0], ["a", "a", "b"], method="mixture", noise_variance=1.0
    )
    assert found.value == pytest.approx(by_hand, rel=1e-13)
    assert found.to("bits").value == pytest.approx(by_hand / LN2, rel=1e-13)
    assert found.diagnostics["bound"] == "neither"
    assert found.diagnostics["ceiling"] == pytest.approx(math.log(3) - 2 / 3 * LN2)


@quiet
def test_far_points_hold_ln_m(engine):
    x = np.repeat(np.arange(8.0)[:, None], 5, axis=0)
    for bound in ("upper", "lower", None):
        found = information(x, noise_variance=1e-4, bound=bound)
        assert found == pytest.approx(math.log(8), abs=1e-12)


# ---- the definition -----------------------------------------------------------------------


@quiet
@pytest.mark.parametrize("bound", FACTOR)
@pytest.mark.parametrize("variance", [1e-3, 0.05, 2.0])
@pytest.mark.parametrize(("n", "d"), [(1, 1), (2, 3), (17, 4), (150, 2), (331, 12)])
def test_the_bounds_are_the_double_sum(engine, rng, bound, variance, n, d):
    x = rng.normal(size=(n, d))
    expected = naive_information(x, variance, bound)
    found = it.entropy(x, method="mixture", noise_variance=variance, bound=bound)
    assert found.diagnostics["information"] == pytest.approx(expected, rel=1e-11, abs=1e-12)
    assert found.value == pytest.approx(expected + noise_entropy(d, variance), rel=1e-11)


@quiet
@pytest.mark.parametrize("bound", FACTOR)
def test_information_is_a_difference_of_double_sums(engine, rng, bound):
    x, y = rng.normal(size=(90, 3)), rng.integers(4, size=90)
    weights = np.bincount(y) / 90
    within = [naive_information(x[y == label], 0.3, bound) for label in range(4)]
    expected = naive_information(x, 0.3, bound) - weights @ within
    options = {"method": "mixture", "noise_variance": 0.3, "bound": bound}
    assert it.mutual_information(x, y, **options).value == pytest.approx(expected, rel=1e-11)
    names = np.array(["delta", "alpha", "charlie", "bravo"])[y]
    assert it.mutual_information(x, names, **options).value == pytest.approx(expected, rel=1e-11)


@quiet
@pytest.mark.parametrize("bound", ["upper", "lower", None])
def test_labels_that_name_the_rows_give_all_information(engine, rng, bound):
    x = rng.normal(size=(60, 2))
    options = {"noise_variance": 0.2, "bound": bound}
    found = it.mutual_information(x, rng.permutation(60), method="mixture", **options)
    assert found.value == pytest.approx(information(x, **options), rel=1e-13)
    assert found.diagnostics["bound"] == bound
    assert found.diagnostics["ceiling"] == pytest.approx(math.log(60))


@quiet
def test_one_class_gives_nothing(engine, rng):
    x = rng.normal(size=(50, 2))
    for bound in ("upper", "lower", None):
        found = it.mutual_information(x, np.zeros(50, int), method="mixture", bound=bound)
        assert found.value == pytest.approx(0, abs=1e-14)


# ---- bounds -------------------------------------------------------------------------------


@quiet
@given(x=points, variance=st.sampled_from([1e-3, 0.1, 1.0, 30.0]))
def test_lower_is_below_upper_is_below_ln_n(engine, x, variance):
    low = information(x, noise_variance=variance, bound="lower")
    high = information(x, noise_variance=variance, bound="upper")
    assert -1e-12 <= low <= high + 1e-12
    assert high <= math.log(len(x)) + 1e-12


#: specs/information-in-networks.md section 3.3: d, lower, truth, upper for U[0,1]^d, n = 1000.
UNIFORM = [(1, 0.321, 0.475, 0.782), (5, 1.628, 2.378, 3.897), (20, 6.011, 6.680, 6.908)]


@quiet
@pytest.mark.parametrize(("d", "low", "true", "high"), UNIFORM)
def test_uniform_points(engine, d, low, true, high):
    x = np.random.default_rng(0).random((1000, d))
    found = [
        information(x, noise_variance=0.05, bound=bound, draws=4)
        for bound in ("lower", None, "upper")
    ]
    assert found[0] == pytest.approx(low, abs=0.05)
    assert found[1] == pytest.approx(true, abs=0.13)  # theirs is one draw, +-0.045 and +-0.09
    assert found[2] == pytest.approx(high, abs=0.05)
    assert found[0] < found[1] < found[2] <= math.log(1000)


@quiet
def test_monte_carlo_is_the_entropy_of_the_mixture():
    # two points at distance 2, variance 1: the information of a binary signal, .3368 nats
    x = np.repeat([-1.0, 1.0], 2000)
    found = it.entropy(x, method="mixture", noise_variance=1.0, bound=None, draws=20)
    exact = 0.336830820347
    assert found.diagnostics["information"] == pytest.approx(exact, abs=0.01)
    classes = x > 0
    options = {"noise_variance": 1.0, "bound": None, "draws": 20}
    found = it.mutual_information(x, classes, method="mixture", **options)
    assert found.value == pytest.approx(exact, abs=0.01)


@quiet
def test_chance_is_the_callers(engine, rng):
    x = rng.normal(size=(40, 2))

    def value(**options):
        return information(x, noise_variance=0.5, bound=None, **options)

    assert value() == value(rng=0) == value(rng=np.random.default_rng(0))
    assert value(rng=1) != value(rng=0)
    assert value(draws=2) != value()
    generator = np.random.default_rng(0)
    assert value(rng=generator) != value(rng=generator)  # handed through, it moves on


@quiet
def test_draws_narrow_the_spread():
    x = np.random.default_rng(0).normal(size=(60, 1))

    def spread(draws):
        options = {"noise_variance": 1.0, "bound": None, "draws": draws}
        return np.std([information(x, rng=seed, **options) for seed in range(40)])

    assert spread(16) < spread(1) / 2


# ---- noise that follows the activity ------------------------------------------------------


@quiet
def test_the_variance_follows_the_largest_activity(engine, rng):
    x = rng.normal(size=(30, 3))
    largest = abs(x).max()
    variances = {"fixed": 0.01, "max": 0.01 * largest, "max_squared": 0.01 * largest**2}
    for noise, expected in variances.items():
        found = it.entropy(x, method="mixture", noise=noise, noise_variance=0.01)
        assert found.params["variance"] == pytest.approx(expected, rel=1e-14)
        assert found.params["noise_variance"] == 0.01
        fixed = it.entropy(x, method="mixture", noise_variance=expected)
        assert found.value == pytest.approx(fixed.value, rel=1e-13)


@quiet
@pytest.mark.parametrize("bound", ["upper", "lower", None])
def test_noise_of_the_squared_activity_ignores_scale(engine, rng, bound):
    x, y = rng.normal(size=(40, 2)), rng.integers(3, size=40)
    options = {"noise": "max_squared", "noise_variance": 0.05, "bound": bound}
    plain = information(x, **options)
    assert information(8 * x, **options) == pytest.approx(plain, rel=1e-12)
    assert information(1e-5 * x, **options) == pytest.approx(plain, rel=1e-12)
    by_class = it.mutual_information(x, y, method="mixture", **options).value
    scaled = it.mutual_information(100 * x, y, method="mixture", **options).value
    assert scaled == pytest.approx(by_class, rel=1e-11)


@quiet
@pytest.mark.parametrize("noise", ["max", "max_squared"])
def test_a_silent_layer_says_nothing(engine, noise):
    x, y = np.zeros((20, 3)), np.arange(20) % 2
    for bound in ("upper", "lower", None):
        found = it.entropy(x, method="mixture", noise=noise, bound=bound)
        assert found.diagnostics["information"] == 0.0
        assert found.value == -math.inf
        found = it.mutual_information(x, y, method="mixture", noise=noise, bound=bound)
        assert found.value == 0.0


# ---- invariances --------------------------------------------------------------------------


@quiet
@given(x=points, shift=st.floats(-5, 5))
def test_a_shift_changes_nothing(engine, x, shift):
    plain = information(x, noise_variance=0.3)
    assert information(x + shift, noise_variance=0.3) == pytest.approx(plain, abs=1e-9)


@quiet
def test_a_rotation_changes_nothing(engine, rng):
    x = rng.normal(size=(50, 3))
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    plain = information(x, noise_variance=0.3)
    assert information(x @ rotation, noise_variance=0.3) == pytest.approx(plain, rel=1e-12)


@quiet
def test_a_large_offset_does_not_cancel(engine, rng):
    x = np.round(rng.normal(size=(60, 2)) * 64) / 64  # so that the sum below is exact
    plain = information(x, noise_variance=0.3)
    assert information(x + 2.0**30, noise_variance=0.3) == pytest.approx(plain, rel=1e-12)


@quiet
def test_extreme_scales(engine, rng):
    x = rng.normal(size=(30, 2))
    assert information(1e300 * x, noise_variance=1e-3) == pytest.approx(math.log(30), rel=1e-12)
    assert information(1e-300 * x, noise_variance=1e-3) == pytest.approx(0, abs=1e-12)
    huge = information(2.0**500 * x, noise_variance=0.3 * 2.0**1000)
    assert huge == pytest.approx(information(x, noise_variance=0.3), rel=1e-12)
    constant = np.full((30, 1), 3.0)
    wide = np.concatenate([x, constant], axis=1)
    assert information(wide, noise_variance=0.3) == pytest.approx(
        information(x, noise_variance=0.3), rel=1e-12
    )


# ---- ceilings and refusals ----------------------------------------------------------------


def test_a_noise_that_is_too_small_is_warned_of(rng):
    x = rng.normal(size=(100, 5))
    said = r"tells all 100 samples apart.*larger noise_variance"
    with pytest.warns(it.InfotheoryWarning, match=said):
        found = it.entropy(x, method="mixture", noise_variance=1e-6)
    assert found.diagnostics["saturated"] is True
    with pytest.warns(it.InfotheoryWarning, match=said):
        found = it.mutual_information(x, x[:, 0] > 0, method="mixture", noise_variance=1e-6)
    assert found.diagnostics["saturated"] is True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not it.entropy(x, method="mixture", noise_variance=9.0).diagnostics["saturated"]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"noise_variance": 0.0}, ValueError, "noise_variance must be a finite number greater"),
        ({"noise": "maximum"}, ValueError, r"noise must be one of 'fixed', 'max', 'max_squared'"),
        ({"bound": "both"}, ValueError, r"bound must be one of 'upper', 'lower', None"),
        ({"draws": 0}, ValueError, "draws must be at least 1"),
        ({"rng": None}, TypeError, "rng must be an integer"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(options, error, said):
    with pytest.raises(error, match=said):
        it.entropy([0.0, 1.0], method="mixture", **options)
    with pytest.raises(error, match=said):
        it.mutual_information([0.0, 1.0], [0, 1], method="mixture", **options)


# ---- terms of the samples -----------------------------------------------------------------


@quiet
@pytest.mark.parametrize("bound", FACTOR)
def test_terms_are_those_of_the_double_sum(engine, rng, bound):
    x, y = rng.normal(size=(40, 2)), rng.integers(2, size=40)
    options = {"method": "mixture", "noise_variance": 0.3, "bound": bound, "pointwise": True}
    squared = ((x[:, None] - x) ** 2).sum(axis=2)
    kernel = np.exp(-squared / FACTOR[bound] / 0.3)
    found = it.entropy(x, **options)
    expected = noise_entropy(2, 0.3) - np.log(kernel.mean(axis=1))
    np.testing.assert_allclose(found.diagnostics["pointwise"], expected, rtol=1e-12)
    same = y[:, None] == y
    within = (kernel * same).sum(axis=1) / same.sum(axis=1)
    found = it.mutual_information(x, y, **options)
    expected = np.log(within) - np.log(kernel.mean(axis=1))
    np.testing.assert_allclose(found.diagnostics["pointwise"], expected, rtol=1e-11, atol=1e-13)


# ---- noisy networks -----------------------------------------------------------------------


def propagation(x, y, **options):
    return it.mutual_information(x, y, method="sample_propagation", **options)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_noisy_linear_layer(engine, d):
    # T = W X + noise of variance s^2, X normal: 1/2 ln det(1 + W W' / s^2)
    rng = np.random.default_rng(d)
    weights, variance = rng.normal(size=(d, 4)), 1.0
    exact = np.linalg.slogdet(np.eye(d) + weights @ weights.T / variance)[1] / 2
    inputs = rng.normal(size=(3000, 4))
    found = propagation(inputs @ weights.T, np.arange(3000), noise_variance=variance, draws=3)
    assert found.value == pytest.approx(exact, abs=0.05)
    assert found.to("bits").value == pytest.approx(exact / LN2, abs=0.05 / LN2)


def test_noise_below_is_propagated(engine):
    # T1 = X + Z1, T2 = T1 + Z2, X uniform on -3, 0, 3: the channel X -> T2 has variance .5 + .5
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 800)
    below = 3.0 * (y - 1.0) + math.sqrt(0.5) * rng.normal(size=2400)
    found = propagation(below, y, noise_variance=0.5, draws=4)
    grid = np.arange(-14, 14, 0.001)
    each = [np.exp(-((grid - m) ** 2) / 2) / math.sqrt(2 * math.pi) for m in (-3, 0, 3)]
    mean = np.mean(each, axis=0)
    exact = float(-(mean @ np.log(mean)) * 0.001) - noise_entropy(1, 1.0)
    assert found.value == pytest.approx(exact, abs=0.04)
    # without the copies the noise below would be taken for a part of the message
    assert propagation(below, np.arange(2400), noise_variance=0.5).value > exact + 0.3


@pytest.mark.parametrize("repeats", [1, 3])
def test_propagation_is_between_the_bounds_of_one_pass(engine, rng, repeats):
    x = np.repeat(rng.normal(size=(100, 2)), repeats, axis=0)
    y = np.repeat(np.arange(100), repeats)
    options = {"noise_variance": 0.05}
    low, high = (information(x, bound=bound, **options) for bound in ("lower", "upper"))
    found = propagation(x, y, draws=8, **options)
    # rows of one input are alike here, so the second entropy is the noise's however it is asked
    assert low < found.value < high < math.log(100)


def test_far_inputs_are_told_exactly(engine):
    x = np.repeat(10.0 * np.arange(5), [1, 2, 3, 4, 10])
    y = np.repeat(list("abcde"), [1, 2, 3, 4, 10])
    p = np.array([1, 2, 3, 4, 10]) / 20
    found = propagation(x, y)
    assert found.value == pytest.approx(-(p @ np.log(p)), rel=1e-12)
    assert found.params == {"noise_variance": 0.01, "draws": 1, "rng": 0}
    assert "bound" not in found.diagnostics


def test_propagation_is_the_mixture_without_a_bound(engine, rng):
    x, y = np.sort(rng.normal(size=60)), rng.integers(4, size=60)
    options = {"noise_variance": 0.2, "draws": 2, "rng": 5}
    mixture = it.mutual_information(x, y, method="mixture", bound=None, **options)
    assert propagation(x, y, **options).value == pytest.approx(mixture.value, rel=1e-12)
    order = rng.permutation(60)  # chance goes by the sorted rows
    again = propagation(x[order], y[order], **options)
    assert again.value == pytest.approx(mixture.value, rel=1e-12)
    assert propagation(x, y, **{**options, "rng": 6}).value != mixture.value


def test_too_few_propagated_samples_are_warned_of(rng):
    x = rng.normal(size=(50, 4))
    said = r"tells all 50 rows apart.*propagate more samples"
    with pytest.warns(it.InfotheoryWarning, match=said):
        found = propagation(x, np.arange(50), noise_variance=1e-6)
    assert found.diagnostics["saturated"] is True
    assert len(found.diagnostics["warnings"]) == 1


@pytest.mark.parametrize("bound", ["upper", "lower", None])
@pytest.mark.parametrize("scale", [1e155, 1e160, 1e-158, 1e300, 1e-310])
def test_noise_that_follows_the_square_knows_no_scale(engine, rng, bound, scale):
    x = rng.normal(size=(120, 2))
    y = (x[:, 0] > 0).astype(int)
    options = {"method": "mixture", "noise": "max_squared", "noise_variance": 0.1, "bound": bound}
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        found = it.mutual_information(x * scale, y, **options)
        assert found.value == pytest.approx(it.mutual_information(x, y, **options).value, rel=1e-9)
        found = it.entropy(x * scale, **options)
        plain = it.entropy(x, **options)
    assert found.value == pytest.approx(plain.value + 2 * math.log(scale), rel=1e-9)
    assert found.diagnostics["information"] == pytest.approx(
        plain.diagnostics["information"], rel=1e-9
    )


@pytest.mark.parametrize("noise", ["max", "max_squared"])
def test_a_silent_layer_has_no_noise_of_its_own(noise):
    with pytest.warns(it.InfotheoryWarning, match=f"x is 0 everywhere, so noise='{noise}'"):
        assert it.entropy(np.zeros((30, 2)), method="mixture", noise=noise).value == -math.inf


def test_noise_that_follows_the_largest_value_out_of_the_numbers_is_an_error(rng):
    x = rng.normal(size=(30, 2))
    for scale, variance in ((1e-200, 1e-200), (1e300, 1e200)):
        with pytest.raises(ValueError, match=r"noise_variance times max\|x\| must be a number"):
            it.mixture_entropy(x * scale, noise="max", noise_variance=variance)
