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
            found = it.mutual_information(x, y, method="gaussian")
        assert found.value == math.inf
        assert found.stderr is None


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


# ---- close to degenerate ------------------------------------------------------------------


@pytest.mark.parametrize("small", [1e-3, 1e-6, 1e-9, 1e-12])
def test_a_thin_direction_counts_as_any_other(engine, rng, small):
    # an invertible map: these columns hold the same as those they are made of
    x = rng.normal(size=(300, 2))
    y = x[:, 1] + 0.5 * rng.normal(size=300)
    thin = np.column_stack([x[:, 0], x[:, 0] + small * x[:, 1]])
    tolerance = 1e-13 / small + 1e-12
    found = it.mutual_information(thin, y, method="gaussian")
    assert found.diagnostics["rank"] == (2, 1)
    assert found.value == pytest.approx(information(x, y), abs=tolerance)
    assert information(y, thin) == pytest.approx(found.value, abs=tolerance)
    assert total(thin, y) == pytest.approx(found.value, abs=tolerance)
    assert entropy(thin) == pytest.approx(entropy(x) + math.log(small), abs=tolerance)
    z = y + x[:, 0] + rng.normal(size=300)
    assert conditional(z, y, thin) == pytest.approx(conditional(z, y, x), abs=tolerance)


@pytest.mark.parametrize("small", [1e-2, 1e-4, 1e-7, 1e-10])
def test_a_close_copy_is_measured(engine, rng, small):
    x, e, z = rng.normal(size=(3, 1000, 1))
    found = it.mutual_information(x, x + small * e, method="gaussian", pointwise=True)
    # ln(1 + 1/s^2)/2, by the variances that the samples have
    x0, e0 = x - x.mean(), e - e.mean()
    left = e0 - x0 * (x0 * e0).sum() / (x0**2).sum()
    share = small**2 * (left**2).mean() / np.var(x + small * e)
    assert found.value == pytest.approx(-math.log(share) / 2, abs=1e-14 / small + 1e-11)
    assert found.diagnostics["pointwise"].mean() == pytest.approx(found.value, abs=1e-5)
    assert total(x, x + small * e) == pytest.approx(found.value, abs=1e-14 / small + 1e-11)
    wide = np.hstack([x, z])
    other = np.hstack([x + small * e, z + 100 * small * rng.normal(size=(1000, 1))])
    assert information(wide, other) > found.value


@pytest.mark.parametrize("small", [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-9])
def test_what_a_condition_leaves_the_same_is_infinite(engine, rng, small):
    a, e = rng.normal(size=(2, 300))
    with pytest.warns(it.InfotheoryWarning, match="a combination of columns of x equals one of y"):
        assert conditional(a + small * e, e, a) == math.inf


def test_a_direction_lost_in_rounding_is_told(engine, rng):
    x, e = rng.normal(size=(2, 300))
    y = e + rng.normal(size=300)
    lost = np.column_stack([x + 1e8, x + 4e-7 * e + 1e8])
    with pytest.warns(it.InfotheoryWarning, match="x has rank 1 of 2: .* told from rounding"):
        it.mutual_information(lost, y, method="gaussian")
    with pytest.warns(it.InfotheoryWarning, match="y has rank 1 of 2"):
        it.mutual_information(y, lost, method="gaussian")
    with pytest.warns(it.InfotheoryWarning, match="z has rank 1 of 2"):
        it.conditional_mutual_information(y, e**2, lost, method="gaussian")
    with pytest.warns(it.InfotheoryWarning, match=r"variables\[1\] has rank 1 of 2"):
        it.total_correlation([y, lost], method="gaussian")
    with (
        pytest.warns(it.InfotheoryWarning, match="the covariance has rank 1 of 2"),
        pytest.warns(it.InfotheoryWarning, match="x has rank 1 of 2: .* told from rounding"),
    ):
        assert it.entropy(lost, method="gaussian").value == -math.inf


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_redundant_columns_are_no_news(engine, rng, dtype, offset):
    for n, d in ((10, 2), (100, 5), (3000, 20)):
        x = (rng.normal(size=(n, d)) + offset).astype(dtype)
        y = (x[:, :1] - offset + rng.normal(size=(n, 1))).astype(dtype)
        wide = np.column_stack([x, x.mean(axis=1), 3 * x[:, 0] - x[:, 1]]).astype(dtype)
        found = it.mutual_information(wide, y, method="gaussian")
        assert found.diagnostics["rank"] == (min(d, n - 1), 1)


def test_one_variable_alone_shares_exactly_nothing(engine, rng):
    x, still = rng.normal(size=(50, 3)), np.ones(50)
    for alone in (x, x[:, 0], still):
        found = it.total_correlation([still, still, alone], method="gaussian", pointwise=True)
        assert (found.value, found.stderr) == (0.0, 0.0)
        assert not found.diagnostics["pointwise"].any()


def test_nothing_is_no_negative_zero(rng):
    x, y = rng.normal(size=(2, 50))
    found = it.mutual_information(x, y, method="gaussian", shrinkage=1)
    assert str(found.value) == "0.0"


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


# ---- shrinkage ----------------------------------------------------------------------------


def test_shrinkage_by_hand(engine):
    # correlation 1/2, drawn half of the way to 0
    x = [-1, 1, -1, 1, -1, 1, 1, -1]
    y = [-1, 1, 1, -1, -1, 1, 1, -1]
    found = it.mutual_information(x, y, method="gaussian", shrinkage=0.5)
    assert found.value == pytest.approx(-0.5 * math.log(15 / 16), rel=1e-13)
    assert found.to("bits").value == pytest.approx(-0.5 * math.log2(15 / 16), rel=1e-13)
    assert found.diagnostics["shrinkage"] == 0.5
    joint = it.entropy(np.column_stack([x, y]), method="gaussian", shrinkage=0.5)
    by_hand = math.log(2 * math.pi * math.e) + math.log(15 / 16) / 2
    assert joint.value == pytest.approx(by_hand, rel=1e-13)
    assert it.mutual_information(x, y, method="gaussian", shrinkage=1).value == 0.0


@pytest.mark.parametrize("n", [12, 300])
def test_the_rules_are_those_of_scikit_learn(engine, rng, n):
    from sklearn.covariance import ledoit_wolf_shrinkage, oas

    x = rng.normal(size=(n, 7)) @ rng.normal(size=(7, 7)) * 10.0 ** np.arange(-3, 4)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    expected = {
        "ledoit_wolf": ledoit_wolf_shrinkage(standard),
        "oas": oas(standard)[1],
    }
    still = np.column_stack([x, np.full(n, 0.1)])  # a constant column is no column
    for rule, share in expected.items():
        for y in (x, still):
            found = it.mutual_information(y, x[:, :2] ** 3, method="gaussian", shrinkage=rule)
            together = it.total_correlation((y[:, :3], y[:, 3:]), method="gaussian", shrinkage=rule)
            assert together.diagnostics["shrinkage"] == pytest.approx(share, rel=1e-11)
            assert 0 < found.diagnostics["shrinkage"] < 1
    given = it.entropy(x, method="gaussian", shrinkage=expected["oas"])
    assert it.entropy(x, method="gaussian", shrinkage="oas").value == pytest.approx(given.value)


def test_shrinkage_helps_many_columns_of_few_samples(engine, rng):
    x, y = rng.normal(size=(2, 40, 15))  # independent: the truth is 0
    found = [
        it.mutual_information(x, y, method="gaussian", shrinkage=rule).value
        for rule in ("ledoit_wolf", "oas", None)
    ]
    assert max(found[:2]) < 0.5 < 3 < found[2]
    copied = it.mutual_information(x, x, method="gaussian", shrinkage=0.1).value
    assert 15 * 0.5 < copied < math.inf


@pytest.mark.parametrize("ask", [it.mutual_information, it.conditional_mutual_information])
@pytest.mark.parametrize(
    ("shrinkage", "error", "said"),
    [
        (-0.1, ValueError, "shrinkage must be a finite number at least 0"),
        (1.5, ValueError, "shrinkage must be at most 1; got 1.5"),
        (True, TypeError, "shrinkage must be a number"),
        ("oass", ValueError, r"shrinkage must be one of None, 'ledoit_wolf', 'oas'.*mean 'oas'"),
    ],
    ids=str,
)
def test_wrong_shrinkage_is_refused(rng, ask, shrinkage, error, said):
    arrays = rng.normal(size=(3 if "cond" in ask.__name__ else 2, 20))
    with pytest.raises(error, match=said):
        ask(*arrays, method="gaussian", shrinkage=shrinkage)


# ---- pointwise ----------------------------------------------------------------------------


def _local_density(x):
    covariance = np.atleast_2d(np.cov(x, rowvar=False, bias=True))
    away = x - x.mean(axis=0)
    distance = (away * np.linalg.solve(covariance, away.T).T).sum(axis=1)
    return -distance / 2 - np.linalg.slogdet(2 * math.pi * covariance)[1] / 2


def test_terms_are_ratios_of_normal_densities(engine, rng):
    x, y, z = rng.normal(size=(3, 60, 2)) * [[[2.0]], [[0.1]], [[1.0]]]
    y[:, :1] += x[:, 1:]
    z += x + y
    of = _local_density
    stack = np.hstack

    def local(found):
        return found.diagnostics["pointwise"]

    options = {"method": "gaussian", "pointwise": True}
    np.testing.assert_allclose(local(it.entropy(x, **options)), -of(x), atol=1e-10)
    expected = of(stack([x, y])) - of(x) - of(y)
    np.testing.assert_allclose(local(it.mutual_information(x, y, **options)), expected, atol=1e-9)
    expected = of(stack([x, y, z])) + of(z) - of(stack([x, z])) - of(stack([y, z]))
    found = it.conditional_mutual_information(x, y, z, **options)
    np.testing.assert_allclose(local(found), expected, atol=1e-9)
    assert found.value == pytest.approx(expected.mean(), abs=1e-10)


def test_terms_of_a_total_correlation(engine, rng):
    x, y, z = rng.normal(size=(3, 60, 2)) * [[[2.0]], [[0.1]], [[1.0]]]
    y[:, :1] += x[:, 1:]
    z += x + y
    found = it.total_correlation([x, y, z], method="gaussian", pointwise=True)
    parts = sum(map(_local_density, (x, y, z)))
    expected = _local_density(np.hstack([x, y, z])) - parts
    np.testing.assert_allclose(found.diagnostics["pointwise"], expected, atol=1e-9)
    assert found.value == pytest.approx(expected.mean(), abs=1e-10)
    with pytest.warns(it.InfotheoryWarning):
        found = it.total_correlation([x, x], method="gaussian", pointwise=True)
    assert (found.diagnostics["pointwise"] == math.inf).all()


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_terms_of_degenerate_variables(engine, rng):
    x, still = rng.normal(size=30), np.ones(30)
    options = {"method": "gaussian", "pointwise": True}
    for found, term in (
        (it.mutual_information(x, x, **options), math.inf),
        (it.mutual_information(x, still, **options), 0.0),
        (it.entropy(still, **options), -math.inf),
        (it.conditional_mutual_information(x, x, still, **options), math.inf),
        (it.conditional_mutual_information(x, x, x, **options), 0.0),
    ):
        assert found.value == term
        assert (found.diagnostics["pointwise"] == term).all()


# ---- conditional information --------------------------------------------------------------


def conditional(x, y, z, **options):
    return it.conditional_mutual_information(x, y, z, method="gaussian", **options).value


def test_partial_correlation_by_hand(engine, rng):
    # all three pairs correlated by 1/2: the partial correlation is (1/2 - 1/4) / (1 - 1/4) = 1/3
    white = rng.normal(size=(100, 3))
    white -= white.mean(axis=0)
    white = white @ np.linalg.inv(np.linalg.cholesky(white.T @ white / 100)).T
    x, y, z = (white @ np.linalg.cholesky(np.full((3, 3), 0.5) + np.eye(3) / 2).T).T
    found = it.conditional_mutual_information(x, y, z, method="gaussian")
    assert found.value == pytest.approx(-0.5 * math.log(8 / 9), rel=1e-11)
    assert found.to("bits").value == pytest.approx(-0.5 * math.log2(8 / 9), rel=1e-11)
    assert found.diagnostics["correlations"] == pytest.approx((1 / 3,))
    assert found.diagnostics["rank"] == (1, 1)
    assert found.stderr == pytest.approx(1 / 30, rel=1e-11)


def test_it_is_a_difference_of_informations(engine, rng):
    x, y, z = rng.normal(size=(3, 200, 2))
    x, y = x + z, y + x - z @ rng.normal(size=(2, 2))
    chain = information(x, np.hstack([y, z])) - information(x, z)
    assert conditional(x, y, z) == pytest.approx(chain, rel=1e-10)
    assert conditional(y, x, z) == pytest.approx(conditional(x, y, z), rel=1e-11)
    change = rng.normal(size=(2, 2))
    assert conditional(x, y, z @ change + 5) == pytest.approx(conditional(x, y, z), rel=1e-8)


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_scale_of_the_condition(engine, rng, scale):
    x, y, z = rng.normal(size=(3, 60, 2))
    x, y = x + z, y + z + x
    assert conditional(x, y, scale * z) == pytest.approx(conditional(x, y, z), rel=1e-10)
    assert conditional(scale * x, y, z) == pytest.approx(conditional(x, y, z), rel=1e-10)


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_degenerate_conditions(engine, rng):
    x, y, z = rng.normal(size=(3, 100, 2))
    x, y = x + z, y + z
    plain = conditional(x, y, z)
    redundant = np.column_stack([z, z.sum(axis=1), np.full(100, 7.0)])
    assert conditional(x, y, redundant) == pytest.approx(plain, abs=1e-8)
    explained = np.column_stack([x, z @ [1.0, -3.0]])
    assert conditional(explained, y, z) == pytest.approx(plain, abs=1e-8)
    assert conditional(z @ rng.normal(size=(2, 3)), y, z) == 0.0
    assert conditional(x, y, np.zeros(100)) == pytest.approx(information(x, y), rel=1e-12)
    assert conditional(x, np.ones(100), z) == 0.0
    with pytest.warns(it.InfotheoryWarning, match="a combination of columns of x equals one of y"):
        assert conditional(x, x + z, z) == math.inf  # the same residual


def test_a_condition_of_as_many_columns_as_samples_is_told(engine, rng):
    x, y = rng.normal(size=(2, 20))
    with pytest.warns(it.InfotheoryWarning, match="z has as many columns as there are samples"):
        assert conditional(x, y, rng.normal(size=(20, 19))) == 0.0
    assert conditional(x, y, rng.normal(size=(20, 5))) > 0.0


# ---- total correlation --------------------------------------------------------------------


def total(*variables, **options):
    return it.total_correlation(variables, method="gaussian", **options).value


def test_total_correlation_by_hand(engine):
    # three columns of +-1, the third correlated 1/2 with each of two that are not: det = 1/2
    x = [1, 1, 1, 1, -1, -1, -1, -1]
    y = [1, 1, -1, -1, 1, 1, -1, -1]
    z = [1, 1, 1, -1, 1, -1, -1, -1]
    found = it.total_correlation((x, y, z), method="gaussian")
    assert found.value == pytest.approx(LN2 / 2, rel=1e-13)
    assert found.to("bits").value == pytest.approx(0.5, rel=1e-13)
    assert found.diagnostics["rank"] == (1, 1, 1)
    assert found.stderr == pytest.approx(math.sqrt((1 / 4 + 1 / 4) / 8), rel=1e-12)


def test_total_correlation_of_two_is_their_information(engine, rng):
    x, y, z = rng.normal(size=(3, 100, 2))
    y, z = y + x, z + x - y
    found = it.total_correlation((x, y), method="gaussian")
    pair = it.mutual_information(x, y, method="gaussian")
    assert found.value == pytest.approx(pair.value, rel=1e-12)
    assert found.stderr == pytest.approx(pair.stderr, rel=1e-12)
    chain = information(x, y) + information(np.hstack([x, y]), z)
    assert total(x, y, z) == pytest.approx(chain, rel=1e-11)
    assert total(z, x, y) == pytest.approx(chain, rel=1e-11)


def test_degenerate_total_correlations(engine, rng):
    x, y, z = rng.normal(size=(3, 100, 2))
    y = y + x
    wide = np.column_stack([x, x[:, 0] - x[:, 1], np.full(100, 3.0)])
    assert total(wide, y, z) == pytest.approx(total(x, y, z), abs=1e-8)
    assert total(x, y, np.ones(100)) == pytest.approx(total(x, y), rel=1e-12)
    assert total(np.ones(100), np.zeros(100), np.ones((100, 2))) == 0.0
    with pytest.warns(it.InfotheoryWarning, match="columns of one variable determine one of"):
        assert total(x, y, y[:, 0] + x[:, 1]) == math.inf


def test_ledoit_wolf_of_samples_all_equally_far_takes_rounding_for_no_noise(rng):
    signs = np.repeat([1.0, -1.0], 10)
    with pytest.warns(it.InfotheoryWarning, match="it is infinite"):
        found = it.gaussian_mutual_information(signs, signs, shrinkage="ledoit_wolf")
    assert found.value == math.inf
    assert found.diagnostics["shrinkage"] == 0
    for _ in range(20):
        x, y, z = rng.normal(size=(2, 1)), rng.normal(size=(2, 1)), rng.normal(size=(2, 2))
        with pytest.warns(it.InfotheoryWarning, match="it explains anything"):
            found = it.gaussian_conditional_mutual_information(x, y, z, shrinkage="ledoit_wolf")
        assert found.diagnostics["shrinkage"] == 0
