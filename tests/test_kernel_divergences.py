"""Conditional divergence and that of several densities."""

import math

import numpy as np
import pytest

import infotheory as it


def matrix(a, b, sigma):
    return np.exp(-((a[:, None] - b[None]) ** 2).sum(axis=2) / (2 * sigma**2))


@pytest.fixture
def regression(rng):
    x = rng.normal(size=(70, 2))
    y = x[:, :1] ** 2 + 0.2 * rng.normal(size=(70, 1))
    return x, y, y + 0.4 * rng.normal(size=(70, 1))


def conditional(y, y_hat, x, **options):
    return it.conditional_divergence(
        y, y_hat, given=x, **{"width_x": 0.6, "width_y": 0.9, **options}
    )


def test_the_definition(engine, regression):
    x, y, y_hat = regression
    k = matrix(x, x, 0.6)
    weights = 1 / k.sum(axis=1) ** 2
    sums = [
        weights @ (k * matrix(a, b, 0.9)).sum(axis=1)
        for a, b in ((y, y), (y_hat, y_hat), (y_hat, y))
    ]
    expected = math.log(sums[0]) + math.log(sums[1]) - 2 * math.log(sums[2])
    found = conditional(y, y_hat, x)
    assert found.value == pytest.approx(expected, rel=1e-11)
    assert found.to("bits").value == pytest.approx(expected / math.log(2), rel=1e-11)
    assert (found.n, found.stderr, found.params["sigma"]) == (70, None, (0.6, 0.9))
    assert conditional(y, y, x).value == pytest.approx(0, abs=1e-14)


def test_two_samples_by_definition(engine, regression):
    x, y, y_hat = regression
    x2, y2 = x[:50] + 0.3, y_hat[:50]
    own, hat, cross = matrix(x, x, 0.6), matrix(x2, x2, 0.6), matrix(x, x2, 0.6)
    joint = cross * matrix(y, y2, 0.9)
    s1 = ((own * matrix(y, y, 0.9)).sum(1) / own.sum(1) ** 2).sum()
    s2 = ((hat * matrix(y2, y2, 0.9)).sum(1) / hat.sum(1) ** 2).sum()
    there = (joint.sum(1) / own.sum(1) / cross.sum(1)).sum()
    back = (joint.sum(0) / hat.sum(1) / cross.sum(0)).sum()
    expected = math.log(s1) + math.log(s2) - math.log(there) - math.log(back)
    assert conditional(y, y2, (x, x2)).value == pytest.approx(expected, rel=1e-10)
    # of one x twice it is the mean of both directions of the shared form
    both = (conditional(y, y_hat, x).value + conditional(y_hat, y, x).value) / 2
    assert conditional(y, y_hat, (x, x)).value == pytest.approx(both, rel=1e-10)


def test_the_limits_of_a_narrow_and_of_a_wide_kernel(engine, regression):
    x, y, y_hat = regression
    with pytest.warns(it.InfotheoryWarning, match="isolated"):
        narrow = conditional(y, y_hat, x, width_x=1e-6)
    welsch = -2 * math.log(np.exp(-((y_hat - y) ** 2) / (2 * 0.9**2)).mean())
    assert narrow.value == pytest.approx(welsch, rel=1e-12)
    with pytest.warns(it.InfotheoryWarning, match="alike"):
        wide = conditional(y, y_hat, x, width_x=1e7)
    marginal = it.divergence(y, y_hat, method="cauchy_schwarz", width=0.9)
    assert wide.value == pytest.approx(marginal.value, rel=1e-9)


def warned(found):
    return " / ".join(found.diagnostics.get("warnings", ()))


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_each_kernel_that_is_no_use_is_named(engine, regression):
    x, y, y_hat = regression
    assert warned(conditional(y, y_hat, x)) == ""
    assert warned(conditional(y, y_hat, (x, x + 0.1))) == ""
    said = warned(conditional(y, y_hat, x, width_y=1e-6))
    assert "other samples of y at" in said
    assert "other samples of y_hat at" in said
    assert "choose a larger width_y" in said
    assert "given" not in said
    said = warned(conditional(y, y_hat, x, width_y=1e6))
    assert "nearly all samples of y and y_hat alike" in said
    assert "choose a smaller width_y" in said
    said = warned(conditional(y, y_hat, x, width_x=1e-6))
    assert "other samples of given at" in said
    assert "choose a larger width_x" in said
    apart = 100.0 * np.arange(70)[:, None] + np.zeros((1, 2))
    said = warned(conditional(y, y_hat, (x, apart)))
    assert "other samples of given[1] at" in said
    assert "given[0]" not in said
    said = warned(conditional(y, y_hat, (x, x + 0.1), width_x=1e6))
    assert "nearly all samples of given[0] and given[1] alike" in said
    # two x that are each narrow, but far apart, are not alike
    assert "alike" not in warned(conditional(y, y_hat, (x / 100, x / 100 + 9)))
    said = warned(conditional(y, y_hat, (x + 1e16, x)))
    assert "given[0] has lost digits" in said
    said = warned(conditional(y[:1], y_hat, (x[:1], x)))
    assert "y has n=1 samples" in said
    assert "y_hat has n=1" not in said


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_kernels_that_see_others_in_x_and_in_y_but_in_none_together_are_named():
    side = np.arange(30.0)
    x, y = (each.ravel()[:, None] for each in np.meshgrid(side, side))
    said = warned(conditional(y, y, x, width_x=0.2, width_y=0.2))
    assert "other samples of y and x together" in said


def test_bad_arguments_are_named(regression):
    x, y, y_hat = regression
    with pytest.raises(ValueError, match="y_hat and given must have the same number of rows"):
        conditional(y, y_hat, x[:-1])
    with pytest.raises(ValueError, match=r"y_hat and given\[1\] must have the same number"):
        conditional(y, y_hat, (x, x[:-1]))
    with pytest.raises(ValueError, match="must have the same columns"):
        conditional(y, np.hstack([y, y]), x)
    with pytest.raises(ValueError, match=r"^width_x must be one of"):
        conditional(y, y_hat, x, width_x="mediam")
    with pytest.raises(TypeError, match=r"^width_y must be a positive number"):
        conditional(y, y_hat, x, width_y=None)
    with pytest.raises(ValueError, match=r"^method must be one of"):
        conditional(y, y_hat, x, method="kl")
    with pytest.raises(ValueError, match=r"^given must be finite"):
        conditional(y, y_hat, x * np.inf)


# ---- several densities --------------------------------------------------------------------


def test_of_two_it_is_half_the_squared_divergence(engine, rng):
    x, y = rng.normal(size=(60, 2)), 1 + rng.normal(size=(40, 2))
    found = it.generalized_cauchy_schwarz([x, y], width=0.8)
    half = it.divergence(x, y, method="cauchy_schwarz", width=0.8, convention="half")
    assert found.value == pytest.approx(half.value, rel=1e-12)
    assert found.n == 100
    by_rule = it.generalized_cauchy_schwarz([x, y]).params["sigma"]
    assert by_rule == it.divergence(x, y, method="mmd").params["sigma"]


def test_three_samples_by_definition(engine, rng):
    samples = [rng.normal(size=(n, 1)) + shift for n, shift in ((30, 0), (40, 0.5), (50, -0.5))]
    means = [[matrix(a, b, 0.7).mean(axis=1) for b in samples] for a in samples]
    joint = np.mean([(means[t][t - 1] * means[t][t - 2]).mean() for t in range(3)])
    powers = np.mean([math.log((means[t][t] ** 2).mean()) for t in range(3)])
    found = it.generalized_cauchy_schwarz(samples, width=0.7)
    assert found.value == pytest.approx(powers - math.log(joint), rel=1e-12)
    assert it.generalized_cauchy_schwarz([samples[0]] * 3).value == pytest.approx(0, abs=1e-14)


NORMALS = ((0.0, 1.0), (0.8, 1.4), (-1.0, 0.7))


def three_normals(width):
    """The limit at a width: all factors but one are blurred by the kernel."""
    z = np.linspace(-15, 15, 20_001)

    def density(mean, variance):
        return np.exp(-((z - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)

    plain = [density(mean, deviation**2) for mean, deviation in NORMALS]
    wide = [density(mean, deviation**2 + width**2) for mean, deviation in NORMALS]
    step = z[1] - z[0]
    joint = np.mean([(plain[t] * wide[t - 1] * wide[t - 2]).sum() * step for t in range(3)])
    powers = [math.log((plain[t] * wide[t] ** 2).sum() * step) for t in range(3)]
    return np.mean(powers) - math.log(joint)


def test_three_normals_reach_their_limit(rng):
    assert three_normals(1e-4) == pytest.approx(0.885928, abs=1e-6)
    values = [
        it.generalized_cauchy_schwarz(
            [mean + deviation * rng.normal(size=1500) for mean, deviation in NORMALS], width=0.5
        ).value
        for _ in range(12)
    ]
    error = np.std(values, ddof=1) / math.sqrt(12)
    assert error < 0.02
    assert np.mean(values) == pytest.approx(three_normals(0.5), abs=3.5 * error)


def test_far_groups_do_not_underflow(engine, rng):
    samples = [rng.normal(size=(20, 1)) * 0.01 + 100 * place for place in range(4)]
    found = it.generalized_cauchy_schwarz(samples, width=1.0)
    # the best place for the product is one of the samples in the middle
    assert found.value == pytest.approx((100**2 * 2 + 200**2) / 2, rel=0.01)


def test_one_density_is_not_enough(rng):
    with pytest.raises(ValueError, match="samples must hold two arrays or more; got 1"):
        it.generalized_cauchy_schwarz([rng.normal(size=5)])
    with pytest.raises(
        ValueError, match=r"samples\[0\] and samples\[1\] must have the same columns"
    ):
        it.generalized_cauchy_schwarz([rng.normal(size=(5, 2)), rng.normal(size=5)])


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_lost_digits_of_a_sample_are_named(rng):
    x, y = rng.normal(size=(2, 50))
    with pytest.warns(it.InfotheoryWarning, match=r"samples\[1\] has lost digits"):
        it.generalized_cauchy_schwarz([x, y + 1e16])
