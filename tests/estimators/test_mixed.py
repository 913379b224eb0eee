"""Information of part real, part discrete data: KSG without ties, counting with nothing else."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import digamma, ndtr
from sklearn.feature_selection import mutual_info_classif

import infotheory as it
from infotheory import truth
from tests import naive

LN2 = math.log(2)

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")


def mixed(x, y, **options):
    return it.mutual_information(x, y, method="mixed", **options).value


def ross(x, y, **options):
    return mixed(x, y, variant="ross", **options)


def conditional(x, y, z, **options):
    return it.conditional_mutual_information(x, y, z, method="mixed", **options).value


def naive_gao(x, y, k, z=None):
    """Gao et al. (2017), algorithm 1, and Mesner & Shalizi (2020), with strict inequalities."""
    parts = [x, y] if z is None else [x, y, z]
    tables = naive.distances(parts, "chebyshev")
    n, total = len(x), 0.0
    for i in range(n):
        mine = np.delete(tables[:, i], i, axis=1)
        joint = mine.max(axis=0)
        radius = np.sort(joint)[k - 1]

        def count(row, radius=radius):
            return (row < radius).sum() if radius > 0 else (row == 0).sum()

        number = k if radius > 0 else count(joint) + 1
        if z is None:
            total += digamma(number) + digamma(n)
            total -= digamma(count(mine[0]) + 1) + digamma(count(mine[1]) + 1)
        else:
            total += digamma(number) + digamma(count(mine[2]) + 1)
            for row in mine[:2]:
                total -= digamma(count(np.maximum(row, mine[2])) + 1)
    return total / n


def naive_ross(x, labels, k):
    """Ross (2014), eq. 2, over the samples that share their label."""
    kept = np.array([(labels == label).sum() > 1 for label in labels])
    x, labels = x[kept], labels[kept]
    (table,) = naive.distances([x], "chebyshev")
    n, local = len(x), []
    for i in range(n):
        others = np.delete(table[i], i)
        same = np.delete(labels == labels[i], i)
        number = min(k, same.sum())
        radius = np.sort(others[same])[number - 1]
        if radius == 0:
            number, near = (others[same] == 0).sum() + 1, (others == 0).sum() + 1
        else:
            near = (others < radius).sum() + 1
        local.append(digamma(n) + digamma(number) - digamma(same.sum() + 1) - digamma(near))
    return np.array(local), kept


def _related(rng, n, *widths):
    hidden = rng.normal(size=(n, 1))
    return [hidden + rng.normal(size=(n, d)) for d in widths]


on_a_grid = st.integers(6, 25).flatmap(
    lambda n: st.tuples(
        *(arrays(np.float64, (n, d), elements=st.integers(-2, 2)) for d in (1, 2, 1))
    )
)


# ---- by hand ------------------------------------------------------------------------------


def test_pairs_by_hand(engine):
    # two points, three times each: k_i = n_x + 1 = n_y + 1 = 3, so psi(6) - psi(3) = 47/60
    x = np.array([0.0, 0, 0, 1, 1, 1])
    found = it.mutual_information(x, 5 * x, method="mixed", k=2)
    assert found.value == pytest.approx(47 / 60, rel=1e-13)
    assert found.to("bits").value == pytest.approx(47 / 60 / LN2, rel=1e-13)
    assert found.diagnostics["atoms"] == 1.0
    assert found.diagnostics["ties"] == 1.0
    assert ross(x, x.astype(int), k=2) == pytest.approx(47 / 60, rel=1e-13)


def test_labels_by_hand(engine):
    # classes {0, 1} and {5, 8}, k = 1: distances within 1, 1, 3, 3; strictly nearer: nobody
    # I = psi(4) + psi(1) - psi(2) - psi(1) = 11/6 - 1 = 5/6
    x = np.array([0.0, 1.0, 5.0, 8.0])
    assert ross(x, [True, True, False, False], k=1) == pytest.approx(5 / 6, rel=1e-13)
    # with 2 for 5, at 6 from 8, both others are nearer to 2 and nobody to 8
    # psi(3) = psi(1) + 3/2: a mean of 3/8 less
    x[2] = 2.0
    assert ross(x, [1, 1, 0, 0], k=1) == pytest.approx(5 / 6 - 3 / 8, rel=1e-13)


# ---- the definition -----------------------------------------------------------------------


@pytest.mark.parametrize("widths", [(1, 1), (2, 3), (7, 1)])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_without_ties_it_is_ksg_to_the_bit(engine, rng, widths, k):
    x, y, z = _related(rng, 200, *widths, 2)
    for scale in ("standardise", "rank", None):
        options = {"k": k, "scale": scale}
        one = it.mutual_information(x, y, method="mixed", **options)
        two = it.mutual_information(x, y, method="ksg", **options)
        assert (one.value, one.stderr) == (two.value, two.stderr)
        assert one.diagnostics["atoms"] == 0.0
        one = it.conditional_mutual_information(x, y, z, method="mixed", **options)
        two = it.conditional_mutual_information(x, y, z, method="ksg", **options)
        assert (one.value, one.stderr) == (two.value, two.stderr)


@given(parts=on_a_grid, k=st.integers(1, 4))
def test_ties_are_counted_by_definition(engine, parts, k):
    x, y, z = parts
    if (x == x[0]).all() or (y == y[0]).all():
        return
    assert mixed(x, y, k=k, scale=None) == pytest.approx(naive_gao(x, y, k), abs=1e-12)
    expected = naive_gao(x, y, k, z)
    assert conditional(x, y, z, k=k, scale=None) == pytest.approx(expected, abs=1e-12)


@given(parts=on_a_grid, k=st.integers(1, 4))
def test_labels_are_counted_by_definition(engine, parts, k):
    x, labels = parts[1], parts[2][:, 0].astype(int)
    local, kept = naive_ross(x, labels, k)
    if len(np.unique(labels[kept])) < 2 or len(np.unique(x[kept], axis=0)) < 2:
        return  # tells nothing, which other tests see
    found = it.mutual_information(
        x, labels, method="mixed", variant="ross", k=k, scale=None, pointwise=True
    )
    pointwise = found.diagnostics["pointwise"]
    np.testing.assert_allclose(pointwise[kept], local, rtol=0, atol=1e-12)
    assert np.isnan(pointwise[~kept]).all()
    assert found.n == kept.sum()


def test_half_atoms_are_the_definition(engine, rng):
    x, y, z = (np.maximum(part, 0) for part in _related(rng, 150, 1, 2, 1))
    found = it.mutual_information(x, y, method="mixed", scale=None)
    assert found.value == pytest.approx(naive_gao(x, y, 3), abs=1e-12)
    assert 0 < found.diagnostics["atoms"] < 0.5
    expected = naive_gao(x, y, 3, z)
    assert conditional(x, y, z, scale=None) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, 7])
@pytest.mark.parametrize("seed", range(4))
def test_labels_as_scikit_learn_counts_them(engine, seed, k):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 300)
    x = rng.normal(size=300) * (1 + labels) + labels
    expected = mutual_info_classif(
        x[:, None], labels, discrete_features=False, n_neighbors=k, random_state=0
    )
    # its noise of 1e-10 can change the order of two neighbours, rarely
    assert ross(x, labels, k=k) == pytest.approx(expected[0], abs=1e-6)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_classes_smaller_than_k(engine, rng, k):
    # scikit-learn finds neighbours in small classes by |a|^2 + |b|^2 - 2 a b, whose rounding can
    # count the neighbour itself among the nearer ones; so this is left to the double loop
    labels = np.repeat(np.arange(40), rng.integers(1, 8, 40))
    x = rng.normal(size=len(labels)) + labels
    local, kept = naive_ross(x[:, None], labels, k)
    assert (~kept).any()
    found = it.mutual_information(
        x, labels, method="mixed", variant="ross", k=k, scale=None, pointwise=True
    )
    pointwise = found.diagnostics["pointwise"]
    np.testing.assert_allclose(pointwise[kept], local, rtol=0, atol=1e-12)


# ---- labels -------------------------------------------------------------------------------


@given(rng=st.integers(0, 10**6).map(np.random.default_rng), moved=st.permutations(range(5)))
def test_numbers_of_labels_mean_nothing(engine, rng, moved):
    labels = rng.integers(0, 5, 60)
    x = rng.normal(size=(60, 2)) + labels[:, None]
    expected = ross(x, labels)
    assert ross(x, np.array(moved)[labels] * 1000 - 17) == expected
    assert ross(x, labels.astype(float)) == expected
    assert ross(x, labels == 3) == ross(x, np.where(labels == 3, -4, 9))


def test_samples_alone_with_their_label_change_no_other(engine, rng):
    labels = rng.integers(0, 3, 80)
    x = rng.normal(size=80) + labels
    more = np.r_[x, 0.1, 0.2, 50.0], np.r_[labels, 7, 8, 9]
    options = {"method": "mixed", "variant": "ross", "scale": None, "pointwise": True}
    plain = it.mutual_information(x, labels, **options).diagnostics["pointwise"]
    found = it.mutual_information(*more, **options).diagnostics["pointwise"]
    np.testing.assert_array_equal(found[:80], plain)
    assert np.isnan(found[80:]).all()
    assert it.mutual_information(*more, **options).n == 80


def test_labels_of_which_none_is_shared_are_refused(engine, rng):
    with pytest.raises(ValueError, match=r"y must hold some label twice.*30 different"):
        it.mutual_information(rng.normal(size=30), np.arange(30), method="mixed", variant="ross")


@pytest.mark.parametrize("scale", ["standardise", "rank", None])
def test_one_more_unique_label_changes_nothing(engine, rng, scale):
    labels = rng.integers(0, 3, 80)
    x = rng.normal(size=80) + labels
    options = {"method": "mixed", "variant": "ross", "scale": scale}
    plain = it.mutual_information(x, labels, **options).value
    assert it.mutual_information(np.r_[x, 9.0], np.r_[labels, 7], **options).value == plain


def test_one_label_tells_nothing(engine, rng):
    assert ross(rng.normal(size=30), np.full(30, 4)) == 0.0
    assert ross(np.ones(30), rng.integers(0, 3, 30)) == 0.0


def test_two_columns_of_labels_are_one_label_for_each_pair(rng):
    labels = rng.integers(0, 3, (200, 2))
    x = rng.normal(size=200) + labels.sum(axis=1)
    assert ross(x, labels) == ross(x, labels @ [3, 1])


def test_what_is_no_label_is_refused(rng):
    x = rng.normal(size=20)
    with pytest.raises(ValueError, match=r"^y must hold discrete labels.*fractions.*0\.5"):
        ross(x, np.arange(20) / 2)
    with pytest.raises(TypeError, match=r"^y must hold real numbers.*Or pass variant='ross'"):
        mixed(x, np.array(["a", "b"] * 10))
    with pytest.raises(TypeError, match=r"^x must hold real numbers.*Strings are labels"):
        ross(np.array(["a", "b"] * 10), x > 0)
    with pytest.raises(ValueError, match="variant must be one of 'gao', 'ross'"):
        mixed(x, x, variant="rose")
    with pytest.raises(ValueError, match="n=20 samples; k=20 needs at least 21"):
        ross(x, np.arange(20) % 2, k=20)


# ---- known values -------------------------------------------------------------------------


def _within_three_errors(problem, n, seeds, **options):
    for seed in range(seeds):
        arrays = problem.sample(n, np.random.default_rng((seed, 22)))
        found = it.mutual_information(*arrays, method="mixed", **options)
        assert abs(found.value - problem.value) < 3 * found.stderr, (problem.name, seed)


@pytest.mark.parametrize(("correlation", "mean"), [(0.6, 1.0), (0.9, 0.0), (0.9, -0.5)])
def test_a_normal_variable_at_its_floor(correlation, mean):
    _within_three_errors(truth.censored_normals(correlation, mean), 2000, 5)


def test_labels_of_normals_and_uniforms():
    for problem in (
        truth.labelled_normals([-1.0, 1.0], [1.0, 1.0], [0.5, 0.5]),
        truth.overlapping_uniforms(3),
    ):
        _within_three_errors(problem, 2000, 5, variant="ross")


def _rectified(correlation):
    """The information of max(0, X) and max(0, Y), X and Y normal; by quadrature."""
    node, weight = np.polynomial.legendre.leggauss(300)
    t, weight = 5 * (node + 1), 5 * weight  # 0 to 10
    bell = np.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    rest = math.sqrt(1 - correlation**2)
    both = np.exp(-((t[:, None] - correlation * t) ** 2) / (2 * rest**2)) / rest
    both = bell * both / math.sqrt(2 * math.pi)
    one = ndtr(-correlation * t / rest) * bell
    corner = 0.5 - weight @ one
    value = corner * math.log(corner / 0.25)
    value += 2 * (weight * one) @ np.log(one / (bell / 2))
    return value + weight @ (both * np.log(both / np.outer(bell, bell))) @ weight


def _zero_inflated(rng, n):
    """Both are 0 half of the time, and far from it else: ln 2, and half that of the normals."""
    x, y = truth.correlated_normals(0.8).sample(n, rng)
    shown = rng.random((n, 1)) < 0.5
    return np.where(shown, np.exp(x) + 1, 0.0), np.where(shown, y + 9, 0.0)


def test_half_atoms_where_ksg_is_far_off():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        normals = truth.correlated_normals(0.8).sample(2000, rng)
        rectified = [np.maximum(part, 0) for part in normals]
        inflated = _zero_inflated(rng, 2000)
        exact = LN2 + truth.correlated_normals(0.8).value / 2
        for (x, y), value in ((rectified, _rectified(0.8)), (inflated, exact)):
            found = it.mutual_information(x, y, method="mixed")
            assert abs(found.value - value) < 3 * found.stderr
            assert abs(it.mutual_information(x, y, method="ksg").value - value) > 0.3


def test_the_quadrature_of_rectified_normals():
    assert _rectified(1e-6) == pytest.approx(0, abs=1e-9)
    signs = math.asin(0.8) / (2 * math.pi)  # both positive or both negative: 1/4 + this each
    agree = 2 * (0.25 + signs)
    of_signs = LN2 + agree * math.log(agree) + (1 - agree) * math.log(1 - agree)
    assert of_signs < _rectified(0.8) < truth.correlated_normals(0.8).value


def test_error_falls_on_a_mixture_of_normals_and_signs():
    problem = truth.normals_and_signs(0.9, 0.9)
    errors = []
    for n in (500, 2000, 8000):
        found = [
            mixed(*problem.sample(n, np.random.default_rng((seed, n)))) - problem.value
            for seed in range(4)
        ]
        errors.append(abs(np.mean(found)))
    assert errors[0] > 1.1 * errors[1] > 1.1**2 * errors[2]


def test_discrete_pairs_are_near_the_plain_count(rng):
    x = rng.integers(0, 4, 1000)
    y = (x + rng.integers(0, 2, 1000)) % 4
    counted = it.mutual_information(x, y, method="plugin").value
    for variant in ("gao", "ross"):
        assert mixed(x, y, variant=variant) == pytest.approx(counted, abs=5e-3)
    z = rng.integers(0, 2, 1000)
    counted = it.conditional_mutual_information(x, y, z, method="plugin").value
    assert conditional(x, y, z) == pytest.approx(counted, abs=0.01)


def test_exclusive_or(engine, rng):
    x, y = rng.integers(0, 2, (2, 600))
    found = it.conditional_mutual_information(x, y, x ^ y, method="mixed")
    assert found.value == pytest.approx(LN2, abs=0.01)
    assert mixed(x, y) == pytest.approx(0, abs=0.01)
    assert found.diagnostics["ties"] == 1.0


@pytest.mark.parametrize("copies", [4, 8])
def test_repeated_rows_are_atoms(engine, rng, copies):
    x, y, z = (np.tile(part, (copies, 1)) for part in _related(rng, 25, 1, 2, 1))
    # k_i = n_x + 1 = n_y + 1 = copies
    expected = digamma(25 * copies) - digamma(copies)
    assert mixed(x, y) == pytest.approx(expected, abs=1e-12)
    assert ross(x, np.tile(np.arange(25), copies)) == pytest.approx(expected, abs=1e-12)
    assert conditional(x, y, z) == pytest.approx(0, abs=1e-12)
    constant = np.zeros(25 * copies)
    assert conditional(x, y, constant) == pytest.approx(expected, abs=1e-12)


def test_a_constant_condition_gives_plain_information(engine, rng):
    x, y = (np.maximum(part, 0) for part in _related(rng, 120, 1, 2))
    found = conditional(x, y, np.full(120, 0.1))
    assert found == pytest.approx(mixed(x, y), abs=1e-12)


@pytest.mark.parametrize("scale", ["standardise", "rank", None])
def test_constants_hold_exactly_nothing(engine, rng, scale):
    x, z = _related(rng, 40, 2, 1)
    constant = np.full(40, 0.1)
    for value in (
        mixed(x, constant, scale=scale),
        mixed(constant, x, scale=scale),
        conditional(x, constant, z, scale=scale),
        conditional(constant, x, z, scale=scale),
    ):
        assert value == 0.0
        assert math.copysign(1, value) == 1


@given(rng=st.integers(0, 10**6).map(np.random.default_rng))
def test_symmetry_and_scale(engine, rng):
    x, y, z = (np.maximum(part, 0) for part in _related(rng, 40, 2, 1, 1))
    assert mixed(y, x) == pytest.approx(mixed(x, y), abs=1e-13)
    assert conditional(y, x, z) == pytest.approx(conditional(x, y, z), abs=1e-13)
    assert mixed(x * 2.0**900, y / 2.0**900) == mixed(x, y)
    assert mixed(x * 1e300, y * 1e-300) == pytest.approx(mixed(x, y), abs=1e-9)
    assert conditional(x * 1e300, y, z * 1e-300) == pytest.approx(conditional(x, y, z), abs=1e-9)
    assert mixed(np.exp(x), y**3, scale="rank") == mixed(x, y, scale="rank")


def test_local_values_average_to_the_value(engine, rng):
    x, y, z = (np.maximum(part, 0) for part in _related(rng, 90, 1, 1, 1))
    for found in (
        it.mutual_information(x, y, method="mixed", pointwise=True),
        it.mutual_information(x, y > 0, method="mixed", variant="ross", pointwise=True),
        it.conditional_mutual_information(x, y, z, method="mixed", pointwise=True),
    ):
        assert found.diagnostics["pointwise"].mean() == found.value


def test_a_copy_is_at_the_ceiling(engine, rng):
    x, z = rng.normal(size=(2, 300, 1))
    said = r"the value is at its ceiling of .* nats"
    with pytest.warns(it.InfotheoryWarning, match=said):
        found = it.mutual_information(x, x, method="mixed")
    assert found.diagnostics["saturated"] is True
    assert found.value == pytest.approx(found.diagnostics["ceiling"], abs=1e-12)
    assert found.diagnostics["ceiling"] == pytest.approx(digamma(300) - digamma(3), rel=1e-14)
    with pytest.warns(it.InfotheoryWarning, match=said):
        it.mutual_information(x, 2 * x + 1, method="mixed")
    found = it.mutual_information(x, z, method="mixed")
    assert found.diagnostics["saturated"] is False
    assert found.diagnostics["path"] == it.mutual_information(x, z).diagnostics["path"]
    found = it.conditional_mutual_information(x, x + z, z, method="mixed")
    assert found.diagnostics["ceiling"] == pytest.approx(digamma(300) - digamma(3), rel=1e-14)


def test_atoms_have_no_ceiling(rng):
    x = np.maximum(rng.normal(size=(300, 1)), 0)
    found = it.mutual_information(x, x, method="mixed")
    assert found.diagnostics["atoms"] > 0
    assert "ceiling" not in found.diagnostics
    assert 0 < found.diagnostics["ties"] < 1


def test_coarse_data_need_no_warning(rng):
    x, y = (np.round(part) for part in _related(rng, 200, 1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mixed(x, y)
        ross(x, y)


@pytest.mark.parametrize("make", [np.array, list, pd.Series, pd.Categorical], ids=str)
def test_words_are_labels_where_y_holds_labels(rng, make):
    labels = rng.integers(0, 3, 200)
    x = rng.normal(size=200) + labels
    words = make(np.array(["cat", "dog", "hen"])[labels])
    numbered = it.mixed_mutual_information(x, labels, variant="ross")
    found = it.mixed_mutual_information(x, words, variant="ross")
    assert (found.value, found.stderr) == (numbered.value, numbered.stderr)
    of_pairs = it.pairwise(x[:, None], words, method="mixed", variant="ross")
    assert of_pairs.values == [[numbered.value]]
    test = it.permutation_test(
        it.measure("mutual_information:mixed", variant="ross"), x, words, permutations=5
    )
    assert test.estimate.value == numbered.value


@pytest.mark.parametrize("variant", ["gao", "ross"])
def test_values_that_swallow_the_rest_are_named(rng, variant):
    x = rng.normal(size=200)
    y = rng.integers(0, 3, 200) if variant == "ross" else x + rng.normal(size=200)
    x[3] = 1e20
    with pytest.warns(it.InfotheoryWarning, match="x has values so far from the rest"):
        it.mutual_information(x, y, method="mixed", variant=variant)
