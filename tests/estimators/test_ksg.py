"""Kraskov's estimators: both variants, several variables, conditions, against double loops."""

from __future__ import annotations

import math
import warnings

import ennemi
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import digamma
from scipy.stats import kstest

import infotheory as it
from tests import naive

METRICS = ["chebyshev", "euclidean"]

quiet = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
pytestmark = quiet


def shared(*variables, method="ksg", **options):
    return it.total_correlation(variables, method=method, **options).value


def information(x, y, **options):
    return it.mutual_information(x, y, method="ksg", **options).value


def conditional(x, y, z, **options):
    return it.conditional_mutual_information(x, y, z, method="ksg", **options).value


def naive_shared(parts, k, variant, metric):
    """Kraskov et al. (2004), eqs. 23 and 30, sample by sample."""
    tables = naive.distances(parts, metric)
    n, m = len(parts[0]), len(parts)
    total = 0.0
    for i in range(n):
        others = np.arange(n) != i
        mine = tables[:, i, others]
        joint = mine.max(axis=0)
        radius = np.sort(joint)[k - 1]
        if variant == 1:
            total += digamma((mine < radius).sum(axis=1) + 1).sum()
        else:
            reach = mine[:, joint <= radius].max(axis=1)
            total += digamma((mine <= reach[:, None]).sum(axis=1)).sum()
    correction = (m - 1) / k if variant == 2 else 0
    return digamma(k) - correction + (m - 1) * digamma(n) - total / n


def naive_conditional(x, y, z, k, metric):
    """Frenzel & Pompe (2007), eq. 8."""
    of_x, of_y, of_z = naive.distances([x, y, z], metric)
    n, total = len(x), 0.0
    for i in range(n):
        others = np.arange(n) != i
        a, b, c = of_x[i, others], of_y[i, others], of_z[i, others]
        radius = np.sort(np.maximum(np.maximum(a, b), c))[k - 1]
        with_x = (np.maximum(a, c) < radius).sum()
        with_y = (np.maximum(b, c) < radius).sum()
        alone = (c < radius).sum()
        total += digamma(with_x + 1) + digamma(with_y + 1) - digamma(alone + 1)
    return digamma(k) - total / n


def _related(rng, n, *widths):
    hidden = rng.normal(size=(n, 1))
    return [hidden + rng.normal(size=(n, d)) for d in widths]


def _columns(n, *widths):
    return st.tuples(*(arrays(np.float64, (n, d), elements=st.integers(-3, 3)) for d in widths))


tie_free = st.integers(0, 10**6).map(np.random.default_rng)
three_on_a_grid = st.integers(6, 20).flatmap(lambda n: _columns(n, 1, 2, 1))


def _constant(x):
    return (x == x[0]).all()


# ---- by hand ------------------------------------------------------------------------------


def test_the_second_variant_by_hand(engine):
    # k = 1; joint distances from 0: 2, 4, 5.5; from 1: 2, 3, 4.5; from 2: 4, 3, 4; from 3: 5.5,
    # 4.5, 4. Nearest: 1, 0, 1, 2. Reach in x: 1, 1, 3, 1.5; in y: 2, 2, 1, 4.
    # At most as far in x: {1}, {0}, {1, 3}, {2}; in y: {1, 2}, {0, 2}, {0, 1}, {1, 2}
    # psi(1) = -g, psi(2) = 1 - g: means -g + 1/4 and -g + 1; I = -g - 1 + 11/6 - g - 5/4 + 2 g
    x, y = [0.0, 1.0, 4.0, 5.5], [0.0, 2.0, 1.0, 5.0]
    found = it.mutual_information(x, y, k=1, variant=2, scale=None)
    assert found.value == pytest.approx(-1 + 11 / 6 - 5 / 4, rel=1e-13)
    assert found.to("bits").value == pytest.approx((-5 / 12) / math.log(2), rel=1e-13)
    assert found.diagnostics["ceiling"] == pytest.approx(11 / 6 - 1, rel=1e-14)


def test_a_condition_by_hand(engine):
    # 0, 1, 2, 3 on three lines: all distances are |i - j|; the nearest is at 1 and nobody is
    # strictly nearer: I = psi(1) - psi(1) - psi(1) + psi(1) = 0
    line = np.arange(4.0)
    assert conditional(line, line, line, k=1, scale=None) == 0.0
    # k = 2: joint radii 2, 1, 1, 2; strictly nearer in each: 1, 0, 0, 1 -> psi(2) - mean psi(n+1)
    # = (1 - g) - (1/2 - g) = 1/2
    found = conditional(line, line, line, k=2, scale=None)
    assert found == pytest.approx(0.5, rel=1e-13)


# ---- the definition -----------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 3, 8])
@pytest.mark.parametrize("widths", [(1, 1), (2, 3), (1, 1, 1), (2, 1, 3), (1, 2, 1, 1)])
@pytest.mark.parametrize("variant", [1, 2])
def test_total_correlation_is_the_definition(engine, rng, variant, widths, k, metric):
    parts = _related(rng, 101, *widths)
    options = {"k": k, "variant": variant, "metric": metric}
    expected = naive_shared(parts, k, variant, metric)
    assert shared(*parts, scale=None, **options) == pytest.approx(expected, abs=1e-12)
    wide = [part / part.std(axis=0) for part in parts]
    expected = naive_shared(wide, k, variant, metric)
    assert shared(*parts, **options) == pytest.approx(expected, abs=1e-12)
    if len(parts) == 2:
        assert information(*parts, **options) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@given(parts=three_on_a_grid, k=st.integers(1, 4), variant=st.sampled_from([1, 2]))
def test_ties_are_counted_by_definition(engine, metric, parts, k, variant):
    if any(map(_constant, parts)):
        return
    options = {"k": k, "variant": variant, "metric": metric, "scale": None}
    expected = naive_shared(parts, k, variant, metric)
    assert shared(*parts, **options) == pytest.approx(expected, abs=1e-12)
    expected = naive_shared(parts[:2], k, variant, metric)
    assert information(*parts[:2], **options) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 3, 8])
@pytest.mark.parametrize("widths", [(1, 1, 1), (2, 1, 3), (1, 1, 7)])
def test_conditional_information_is_the_definition(engine, rng, widths, k, metric):
    parts = _related(rng, 101, *widths)
    found = conditional(*parts, k=k, metric=metric, scale=None)
    assert found == pytest.approx(naive_conditional(*parts, k, metric), abs=1e-12)
    wide = [part / part.std(axis=0) for part in parts]
    found = conditional(*parts, k=k, metric=metric)
    assert found == pytest.approx(naive_conditional(*wide, k, metric), abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, 6])
@pytest.mark.parametrize("seed", range(3))
def test_the_same_as_ennemi(seed, k):
    x, y, z = (part[:, 0] for part in _related(np.random.default_rng(seed), 400, 1, 1, 1))
    # its preprocessing standardises, and adds noise of 1e-10; its psi has six digits
    expected = ennemi.estimate_mi(y, x, k=k, preprocess=True).item()
    assert information(x, y, k=k) == pytest.approx(expected, abs=1e-5)
    expected = ennemi.estimate_mi(y, x, cond=z, k=k, preprocess=True).item()
    assert conditional(x, y, z, k=k) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("metric", METRICS)
@given(parts=three_on_a_grid, k=st.integers(1, 4))
def test_ties_under_a_condition_are_counted_by_definition(engine, metric, parts, k):
    x, y, z = parts
    if _constant(x) or _constant(y):
        return
    found = conditional(x, y, z, k=k, metric=metric, scale=None)
    assert found == pytest.approx(naive_conditional(x, y, z, k, metric), abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("variant", [1, 2])
@pytest.mark.parametrize("scale", ["standardise", "rank", None])
def test_total_correlation_of_two_is_their_information_to_the_bit(rng, variant, metric, scale):
    x, y = _related(rng, 300, 2, 1)
    options = {"variant": variant, "metric": metric, "scale": scale, "pointwise": True}
    one = it.mutual_information(x, y, **options)
    two = it.total_correlation([x, y], method="ksg", **options)
    assert (one.value, one.stderr) == (two.value, two.stderr)
    assert one.diagnostics["ceiling"] == two.diagnostics["ceiling"]
    np.testing.assert_array_equal(one.diagnostics["pointwise"], two.diagnostics["pointwise"])


@pytest.mark.parametrize("variant", [1, 2])
def test_local_values_average_to_the_value(engine, rng, variant):
    x, y, z = _related(rng, 120, 1, 2, 1)
    for found in (
        it.mutual_information(x, y, variant=variant, pointwise=True),
        it.total_correlation([x, y, z], variant=variant, pointwise=True),
        it.conditional_mutual_information(x, y, z, method="ksg", pointwise=True),
    ):
        local = found.diagnostics["pointwise"]
        assert local.shape == (120,)
        assert local.mean() == found.value
        assert found.stderr == pytest.approx(local.std() / math.sqrt(120), rel=1e-12)


# ---- constants and copies -----------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", ["standardise", "rank", None])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_a_constant_condition_gives_plain_information(engine, rng, value, scale, metric):
    x, y = _related(rng, 150, 2, 1)
    options = {"metric": metric, "scale": scale}
    found = conditional(x, y, np.full(150, value), **options)
    assert found == pytest.approx(information(x, y, **options), abs=1e-12)


@pytest.mark.parametrize("scale", ["standardise", "rank", None])
def test_constants_hold_exactly_nothing(engine, rng, scale):
    x, z = _related(rng, 60, 2, 1)
    for constant in (np.zeros(60), np.full((60, 3), 0.1), np.full(60, -1e300)):
        for value in (
            conditional(x, constant, z, scale=scale),
            conditional(constant, x, z, scale=scale),
            information(x, constant, scale=scale, variant=2),
            shared(constant, x, constant, scale=scale),
            shared(constant, constant, scale=scale, variant=2),
        ):
            assert value == 0.0
            assert math.copysign(1, value) == 1


@pytest.mark.parametrize("variant", [1, 2])
def test_constant_variables_are_left_out_of_a_total(engine, rng, variant):
    x, y = _related(rng, 90, 2, 1)
    found = shared(x, np.ones(90), y, variant=variant)
    assert found == information(x, y, variant=variant)


@pytest.mark.parametrize("metric", METRICS)
def test_a_constant_column_in_the_condition_changes_nothing(engine, rng, metric):
    x, y, z = _related(rng, 100, 1, 1, 2)
    for value in (0.0, 0.1, 1e9):
        wide = np.column_stack([z, np.full(100, value)])
        assert conditional(x, y, wide, metric=metric) == conditional(x, y, z, metric=metric)


@pytest.mark.parametrize("variant", [1, 2])
def test_a_doubled_column_changes_nothing_in_the_maximum_norm(engine, rng, variant):
    x, y, z = _related(rng, 100, 2, 2, 2)
    wide = [np.column_stack([part, part[:, 0]]) for part in (x, y, z)]
    assert information(wide[0], y, variant=variant) == information(x, y, variant=variant)
    assert shared(*wide, variant=variant) == shared(x, y, z, variant=variant)
    assert conditional(*wide) == conditional(x, y, z)
    assert conditional(*wide, metric="euclidean") != conditional(x, y, z, metric="euclidean")


@pytest.mark.parametrize(
    ("ask", "ceiling"),
    [
        (lambda x: it.mutual_information(x, 2 * x, variant=2), 1.0),
        (lambda x: it.total_correlation([x, -x, 8 * x]), 2.0),
        (lambda x: it.total_correlation([x, -x, 8 * x], variant=2), 2.0),
    ],
    ids=["two", "three", "three-2"],
)
def test_functions_are_at_the_ceiling(engine, rng, ask, ceiling):
    with pytest.warns(it.InfotheoryWarning, match=r"the value is at its ceiling of .* nats"):
        found = ask(rng.normal(size=(400, 1)))
    assert found.diagnostics["saturated"] is True
    correction = 1 / 3 if found.params["variant"] == 2 else 0
    expected = ceiling * (digamma(400) - digamma(3) - correction)
    assert found.diagnostics["ceiling"] == pytest.approx(expected, rel=1e-14)
    assert found.value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [20, 200, 1000, 4000])
@pytest.mark.parametrize("slope", [2, -0.3, 1e5])
def test_a_linear_map_is_at_the_ceiling_whatever_its_rounding(engine, rng, n, slope):
    x = rng.normal(size=(n, 1))
    with pytest.warns(it.InfotheoryWarning, match=r"the value is at its ceiling of .* nats"):
        found = it.mutual_information(x, slope * x + 1)
    assert found.diagnostics["saturated"] is True
    noisy = slope * (x + 0.2 * rng.normal(size=(n, 1))) + 1
    assert it.mutual_information(x, noisy).diagnostics["saturated"] is False


@pytest.mark.parametrize("n", [4, 5, 30, 150])
def test_as_many_neighbours_as_others_leave_no_room_for_a_value(engine, rng, n):
    x = rng.normal(size=(n, 1))
    y = x + rng.normal(size=(n, 1))
    with pytest.warns(it.InfotheoryWarning, match="no value but 0 can be; lower k") as said:
        found = it.mutual_information(x, y, variant=2, k=n - 1)
    assert len(said) == 1
    assert found.value == pytest.approx(0, abs=1e-12)
    assert found.diagnostics["ceiling"] == 0.0
    assert found.diagnostics["saturated"] is False


def test_ties_beyond_the_ceiling_are_no_sign_of_dependence(engine, rng):
    dice = rng.integers(0, 4, size=(2, 1000))
    x, noise = rng.normal(size=(2, 10000))
    rounded = np.round(x, 1), np.round(0.6 * x + 0.8 * noise, 1)
    for first, second in (dice, rounded):
        with pytest.warns(it.InfotheoryWarning, match=r"because of ties.*method='mixed'") as said:
            found = it.mutual_information(first, second)
        assert found.value > found.diagnostics["ceiling"]
        assert found.diagnostics["saturated"] is False
        assert not any("at its ceiling" in str(each.message) for each in said)
    with pytest.warns(it.InfotheoryWarning, match="because of ties: equal distances"):
        it.mutual_information(np.arange(200), 2 * np.arange(200) + 1, k=2)


def test_no_value_exceeds_its_ceiling(rng):
    for variant in (1, 2):
        for noise in (0, 1e-9, 1e-3, 1):
            x = rng.normal(size=(80, 1))
            y, z = x**3 + noise * rng.normal(size=(80, 1)), x - noise * rng.normal(size=(80, 1))
            for found in (
                it.mutual_information(x, y, variant=variant),
                it.total_correlation([x, y, z], variant=variant),
                it.conditional_mutual_information(x, y, rng.normal(size=80), method="ksg"),
            ):
                assert found.value <= found.diagnostics["ceiling"] + 1e-12


def test_ties_are_warned_of_by_name(rng):
    x, y, z = _related(rng, 300, 1, 1, 1)
    with pytest.warns(it.InfotheoryWarning, match=r"samples of z have an exact duplicate"):
        conditional(x, y, np.round(z, 1))
    with pytest.warns(it.InfotheoryWarning, match=r"samples of variables\[1\] have an exact"):
        shared(x, np.round(y, 1), z)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        conditional(x, y, z)
        shared(x, y, z)


# ---- scales, orders, maps -----------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@given(rng=tie_free, powers=st.tuples(*[st.integers(-1000, 1000)] * 3))
def test_powers_of_two_change_no_bit(engine, metric, rng, powers):
    parts = _related(rng, 30, 2, 1, 1)
    scaled = [np.ldexp(part, power) for part, power in zip(parts, powers, strict=True)]
    for variant in (1, 2):
        options = {"variant": variant, "metric": metric}
        assert shared(*scaled, **options) == shared(*parts, **options)
        assert information(*scaled[:2], **options) == information(*parts[:2], **options)
    assert conditional(*scaled, metric=metric) == conditional(*parts, metric=metric)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1000.0, 1e300, 1e-300, -3e150])
def test_any_factor_of_any_column_changes_nothing(engine, rng, scale, metric):
    x, y, z = _related(rng, 300, 2, 2, 1)
    factors = np.array([scale, 1.0])
    plain = conditional(x, y, z, metric=metric)
    for changed in ((x * factors, y, z), (x, y * factors[::-1], z), (x, y, z * scale)):
        assert conditional(*changed, metric=metric) == pytest.approx(plain, abs=1e-9)
    for variant in (1, 2):
        options = {"metric": metric, "variant": variant}
        plain = shared(x, y, z, **options)
        found = shared(x * factors, y * factors[::-1], z * scale, **options)
        assert found == pytest.approx(plain, abs=1e-9)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1000.0, 1e300, 1e-300, 1e160, 1e-160])
def test_one_factor_for_all_needs_no_standardising(engine, rng, scale, metric):
    parts = _related(rng, 200, 2, 1, 1)
    wide = [part * scale for part in parts]
    options = {"metric": metric, "scale": None}
    assert conditional(*wide, **options) == pytest.approx(conditional(*parts, **options), abs=1e-9)
    for variant in (1, 2):
        found = shared(*wide, variant=variant, **options)
        assert found == pytest.approx(shared(*parts, variant=variant, **options), abs=1e-9)


def test_offsets(engine, rng):
    # multiples of 2**-20, which an offset of 2**30 leaves exact
    x, y, z = (np.round(part * 2**20) / 2**20 for part in _related(rng, 300, 2, 1, 1))
    offset = 2.0**30
    found = conditional(x + offset, y - offset, z + offset)
    assert found == pytest.approx(conditional(x, y, z), abs=1e-9)
    for variant in (1, 2):
        found = information(x + offset, y - offset, variant=variant)
        assert found == pytest.approx(information(x, y, variant=variant), abs=1e-9)
    # 1e9 leaves nine digits, of which a few decide about neighbours
    assert conditional(x + 1e9, y, z - 1e9) == pytest.approx(conditional(x, y, z), abs=1e-3)


@given(rng=tie_free)
def test_variables_and_columns_have_no_order(engine, rng):
    x, y, z = _related(rng, 40, 3, 2, 2)
    turned = [part[:, ::-1] for part in (x, y, z)]
    for variant in (1, 2):
        plain = information(x, y, variant=variant)
        assert information(y, x, variant=variant) == pytest.approx(plain, abs=1e-13)
        assert information(turned[0], y, variant=variant) == plain
        plain = shared(x, y, z, variant=variant)
        assert shared(*turned, variant=variant) == plain
        assert shared(z, x, y, variant=variant) == pytest.approx(plain, abs=1e-13)
    assert conditional(y, x, z) == pytest.approx(conditional(x, y, z), abs=1e-13)
    assert conditional(*turned) == conditional(x, y, z)


@given(rng=tie_free, chosen=st.permutations(range(40)))
def test_samples_have_no_order(engine, rng, chosen):
    parts = _related(rng, 40, 1, 2, 1)
    moved = [part[list(chosen)] for part in parts]
    assert conditional(*moved) == pytest.approx(conditional(*parts), abs=1e-13)
    found = shared(*moved, variant=2)
    assert found == pytest.approx(shared(*parts, variant=2), abs=1e-13)


def test_a_rotation_changes_nothing_in_euclidean_balls(engine, rng):
    x, y, z = _related(rng, 200, 3, 2, 3)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    options = {"metric": "euclidean", "scale": None}
    for variant in (1, 2):
        plain = information(x, y, variant=variant, **options)
        found = information(x @ rotation, y, variant=variant, **options)
        assert found == pytest.approx(plain, abs=1e-9)
    found = conditional(x @ rotation, y, z @ rotation, **options)
    assert found == pytest.approx(conditional(x, y, z, **options), abs=1e-9)
    assert conditional(x @ rotation, y, z, scale=None) != conditional(x, y, z, scale=None)


@given(rng=tie_free)
def test_ranks_are_blind_to_monotone_maps(engine, rng):
    x, y, z = (np.round(part, 1) for part in _related(rng, 40, 2, 1, 1))
    # a falling map mirrors ranks, which changes no distance
    mapped = np.exp(x), -(y**3), np.arcsinh(z) * 1e200
    for variant in (1, 2):
        options = {"scale": "rank", "variant": variant}
        assert information(*mapped[:2], **options) == information(x, y, **options)
        assert shared(*mapped, **options) == shared(x, y, z, **options)
    assert conditional(*mapped, scale="rank") == conditional(x, y, z, scale="rank")


# ---- refusals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"k": 0}, ValueError, "k must be at least 1; got 0"),
        ({"k": 2.0}, TypeError, "k must be an integer"),
        ({"k": True}, TypeError, "k must be an integer"),
        ({"k": 10}, ValueError, "x has n=10 samples; k=10 needs at least 11"),
        ({"variant": 3}, ValueError, "variant must be one of 1, 2"),
        ({"variant": "2"}, (TypeError, ValueError), "variant must be"),
        ({"metric": "manhattan"}, ValueError, "metric must be one of 'chebyshev', 'euclidean'"),
        ({"scale": "ranks"}, ValueError, "Did you mean 'rank'"),
        ({"scale": False}, (TypeError, ValueError), "scale must be"),
        ({"pointwise": 1}, TypeError, "pointwise must be"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(rng, options, error, said):
    x, y, z = rng.normal(size=(3, 10))
    with pytest.raises(error, match=said):
        information(x, y, **options)
    with pytest.raises(error, match=said):
        information(np.ones(10), y, **options)  # also where the answer is known without them
    with pytest.raises(error, match=said):
        shared(x, y, z, **options)
    if "variant" not in options:
        with pytest.raises(error, match=said):
            conditional(x, y, z, **options)


def test_the_condition_has_no_variants(rng):
    x, y, z = rng.normal(size=(3, 10))
    with pytest.raises(TypeError, match="has no option 'variant'"):
        conditional(x, y, z, variant=1)


# ---- tests of independence ----------------------------------------------------------------


def _pair(rng, n, correlation, d=1):
    x, noise = rng.normal(size=(2, n, d))
    return x, correlation * x + math.sqrt(1 - correlation**2) * noise


def _one_by_one(x, y, permutations, rng, **options):
    """What the permutation test is to compute: the estimate of each pairing, by itself."""
    spawned = np.random.default_rng(rng).spawn(permutations)
    orders = [each.permutation(len(x)) for each in spawned]
    return np.array([information(x, y[order], **options) for order in orders])


def _test(x, y, **options):
    chances = {name: options.pop(name) for name in ("permutations", "rng") if name in options}
    return it.permutation_test(it.measure("mutual_information:ksg", **options), x, y, **chances)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", ["standardise", "rank", None])
@pytest.mark.parametrize(("d", "k"), [(1, 3), (1, 1), (3, 4)])
def test_the_null_is_that_of_each_pairing(engine, rng, d, k, scale, metric):
    x, y = _pair(rng, 120, 0.5, d)
    options = {"k": k, "scale": scale, "metric": metric}
    found = _test(x, y, permutations=12, rng=7, **options)
    np.testing.assert_array_equal(found.null, _one_by_one(x, y, 12, 7, **options))
    assert found.estimate.value == information(x, y, **options)


def test_the_null_of_ties_is_that_of_each_pairing(engine, rng):
    x, y = rng.integers(0, 6, size=(2, 100)) * 1.0
    # standardised sums in another order would differ in their last bit, which ties notice
    for scale in ("rank", None):
        found = _test(x, y, permutations=12, rng=7, scale=scale)
        np.testing.assert_array_equal(found.null, _one_by_one(x, y, 12, 7, scale=scale))


@pytest.mark.parametrize("quick", [True, False])
def test_the_quick_way_is_taken_where_there_is_one(rng, monkeypatch, quick):
    x, y = _pair(rng, 60, 0.5)
    engine = it.ops.of(x)
    asked = []
    kept = engine.permuted_counts
    monkeypatch.setattr(engine, "permuted_counts", lambda *all: asked.append(1) or kept(*all))
    _test(x, y, permutations=5, variant=1 if quick else 2)
    assert bool(asked) is quick


def test_the_second_variant_and_constants_take_the_long_way(engine, rng):
    x, y = _pair(rng, 60, 0.5)
    found = _test(x, y, permutations=8, rng=3, variant=2)
    np.testing.assert_array_equal(found.null, _one_by_one(x, y, 8, 3, variant=2))
    for pair in ((np.ones((60, 1)), y), (x, np.full((60, 2), 0.1))):
        found = _test(*pair, permutations=8, rng=3)
        assert found.null.tolist() == [0.0] * 8
        assert found.p == 1.0


def test_p_is_uniform_under_independence():
    rng = np.random.default_rng(11)
    p = [_test(*_pair(rng, 40, 0.0), permutations=99, rng=rng).p for _ in range(200)]
    # p takes the values 1/100, ..., 1 alike; spread within their steps, it is uniform on (0, 1)
    spread = np.array(p) - rng.random(200) / 100
    assert kstest(spread, "uniform").pvalue > 1e-3
    assert kstest(spread**1.5, "uniform").pvalue < 1e-3  # which a false p would not pass


def test_p_of_strong_dependence_is_the_smallest():
    for metric in METRICS:
        for pair in (
            _pair(np.random.default_rng(1), 150, 0.9),
            _pair(np.random.default_rng(2), 150, 0.9, 2),
        ):
            assert _test(*pair, permutations=99, metric=metric).p == 1 / 100


def test_copies_of_the_pairing_itself_reach_the_estimate(rng):
    # of two values there are few pairings, and those that give the data back must be counted
    x = np.array([0.0, 1.0, 10.0])
    found = _test(x, x, permutations=60, rng=5, k=1)
    spawned = np.random.default_rng(5).spawn(60)
    identical = sum((each.permutation(3) == np.arange(3)).all() for each in spawned)
    assert identical > 0
    assert (found.null == found.estimate.value).sum() >= identical
    assert found.p >= (identical + 1) / 61


def test_one_column_has_the_same_value_in_both_metrics(engine, rng):
    x = rng.normal(size=(200, 1))
    y = x + 0.5 * rng.normal(size=(200, 1))
    far = x.copy()
    far[3] = 1e200
    for one, variant in ((far, 1), (x * 1e-200, 2), (x * 1e-160, 2)):
        plain, euclidean = (
            information(one, y, scale=None, variant=variant, metric=metric) for metric in METRICS
        )
        assert euclidean == plain
    plain, euclidean = (it.entropy(far, method="knn", metric=metric).value for metric in METRICS)
    assert math.isfinite(plain)
    assert euclidean == plain


@pytest.mark.filterwarnings("error")
def test_squares_that_vanish_are_told(engine, rng):
    x, y = rng.normal(size=(2, 100, 2))
    x[3] = 1e308
    said = r"metric='euclidean' squares distances, .* as large as 1e\+308 .*metric='chebyshev'"
    for call in (
        lambda metric: it.entropy(x, method="knn", metric=metric),
        lambda metric: it.mutual_information(x, y, scale=None, metric=metric),
        lambda metric: it.conditional_mutual_information(y, y[::-1], x, scale=None, metric=metric),
    ):
        with pytest.warns(it.InfotheoryWarning, match=said):
            call("euclidean")
        call("chebyshev")
    x[3] = 1e200
    it.entropy(x, method="knn", metric="euclidean")
    x[4:10] = 0.0  # duplicates have distance zero
    with pytest.warns(it.InfotheoryWarning, match="exact duplicate"):
        it.entropy(x, method="knn", metric="euclidean")
