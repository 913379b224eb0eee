"""Nearest neighbours: by hand, against the plain double loop, ties, scales, ceilings."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import digamma, gammaln

import infotheory as it
from infotheory import truth
from infotheory.digits import lost_digits
from infotheory.estimators.neighbours import _weights

LN2 = math.log(2)

quiet = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")


def entropy(x, **options):
    return it.entropy(x, method="knn", **options).value


def information(x, y, **options):
    return it.mutual_information(x, y, **options).value


def _distances(x, metric):
    gaps = np.abs(x[:, None, :] - x[None, :, :])
    return gaps.max(axis=2) if metric == "chebyshev" else np.sqrt((gaps**2).sum(axis=2))


def naive_ksg(x, y, k, metric):
    """Kraskov et al. (2004), eq. 8, as it is written."""
    of_x, of_y = _distances(x, metric), _distances(y, metric)
    joint = np.maximum(of_x, of_y)
    n, total = len(x), 0.0
    for i in range(n):
        others = np.arange(n) != i
        radius = np.sort(joint[i, others])[k - 1]
        n_x = (of_x[i, others] < radius).sum()
        n_y = (of_y[i, others] < radius).sum()
        total += digamma(n_x + 1) + digamma(n_y + 1)
    return digamma(k) + digamma(n) - total / n


def naive_entropy(x, k, metric):
    n, d = x.shape
    distances = _distances(x, metric)
    radii = np.sort(distances + np.diag(np.full(n, np.inf)), axis=1)[:, k - 1]
    ball = d / 2 * math.log(math.pi) - gammaln(1 + d / 2) if metric == "euclidean" else d * LN2
    with np.errstate(divide="ignore"):
        return digamma(n) - digamma(k) + ball + d * np.log(radii).mean()


whole = st.integers(5, 25).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, (n, 2), elements=st.integers(-4, 4)),
        arrays(np.float64, (n, 1), elements=st.integers(-4, 4)),
    )
)
tie_free = st.integers(0, 10**6).map(np.random.default_rng)


# ---- by hand ------------------------------------------------------------------------------


@quiet
def test_ksg_by_hand(engine):
    # joint distances to the nearest: 2, 2, 3, 4. Strictly nearer in x: 1, 1, 1, 1; in y 1, 1, 2, 1.
    # psi(1) = -g, psi(2) = 1 - g, psi(3) = 3/2 - g, psi(4) = 11/6 - g:
    # I = -g + 11/6 - g - (2 + 2 + 5/2 + 2)/4 + 2 g = 11/6 - 17/8 = -7/24
    x, y = [0.0, 1.0, 4.0, 5.5], [0.0, 2.0, 1.0, 5.0]
    found = it.mutual_information(x, y, k=1, scale=None)
    assert found.value == pytest.approx(-7 / 24, rel=1e-13)
    assert found.to("bits").value == pytest.approx(-7 / 24 / LN2, rel=1e-13)
    # the local values differ at the third sample alone, by 1/2: deviation sqrt(3)/4 * 1/2
    assert found.stderr == pytest.approx(math.sqrt(3) / 8 / 2, rel=1e-12)
    assert found.diagnostics["ceiling"] == pytest.approx(11 / 6, rel=1e-14)
    assert found.diagnostics["ties"] == 0.0


@quiet
def test_entropy_by_hand(engine):
    # 0, 1, 3: nearest at 1, 1, 2; psi(3) - psi(1) = 3/2; the ball of radius r is 2 r long
    by_hand = 1.5 + LN2 + LN2 / 3
    found = it.entropy([0.0, 1.0, 3.0], method="knn", k=1)
    assert found.value == pytest.approx(by_hand, rel=1e-14)
    assert found.to("bits").value == pytest.approx(by_hand / LN2, rel=1e-14)
    assert found.stderr == pytest.approx(math.sqrt(2) / 3 * LN2 / math.sqrt(3), rel=1e-13)
    # k = 2: 3, 2, 3; psi(3) - psi(2) = 1/2
    by_hand = 0.5 + LN2 + (2 * math.log(3) + LN2) / 3
    assert entropy([0.0, 1.0, 3.0], k=2) == pytest.approx(by_hand, rel=1e-14)


@quiet
def test_balls_by_hand(engine):
    # (0, 0), (3, 4): at 4 in the maximum norm and at 5 in the Euclidean; psi(2) - psi(1) = 1
    x = [[0.0, 0.0], [3.0, 4.0]]
    assert entropy(x, k=1) == pytest.approx(1 + math.log(4 * 16), rel=1e-14)
    euclidean = entropy(x, k=1, metric="euclidean")
    assert euclidean == pytest.approx(1 + math.log(math.pi * 25), rel=1e-14)


# ---- the definition -----------------------------------------------------------------------


@quiet
@pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])
@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize(("dx", "dy"), [(1, 1), (2, 3), (7, 1), (20, 20)])
def test_ksg_is_the_definition(engine, rng, metric, k, dx, dy):
    x, y = rng.normal(size=(151, dx)), rng.normal(size=(151, dy))
    y[:, 0] += x[:, 0]
    found = information(x, y, k=k, metric=metric, scale=None)
    assert found == pytest.approx(naive_ksg(x, y, k, metric), abs=1e-12)
    wide = x / x.std(axis=0), y / y.std(axis=0)
    assert information(x, y, k=k, metric=metric) == pytest.approx(
        naive_ksg(*wide, k, metric), abs=1e-12
    )


@quiet
@pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])
@given(xy=whole, k=st.integers(1, 4))
def test_ties_are_counted_by_definition(engine, metric, xy, k):
    x, y = xy
    if (x == x[0]).all() or (y == y[0]).all():
        return
    found = it.mutual_information(x, y, k=k, metric=metric, scale=None)
    assert found.value == pytest.approx(naive_ksg(x, y, k, metric), abs=1e-12)
    shares = [
        np.isin(codes, np.flatnonzero(np.bincount(codes) > 1)).mean()
        for codes in (np.unique(part, axis=0, return_inverse=True)[1].ravel() for part in (x, y))
    ]
    assert found.diagnostics["ties"] == pytest.approx(max(shares))


@quiet
@pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])
@pytest.mark.parametrize("d", [1, 2, 5, 30])
def test_entropy_is_the_definition(engine, rng, metric, d):
    x = rng.normal(size=(120, d))
    for k in (1, 4, 119):
        expected = naive_entropy(x, k, metric)
        assert entropy(x, k=k, metric=metric) == pytest.approx(expected, rel=1e-12)


@quiet
def test_ranks(engine, rng):
    x, y = rng.normal(size=(2, 80, 2))
    y += x
    ranks = [np.argsort(np.argsort(part, axis=0), axis=0).astype(float) for part in (x, y)]
    expected = naive_ksg(*ranks, 3, "chebyshev")
    assert information(x, y, scale="rank") == pytest.approx(expected, abs=1e-12)
    assert information(np.exp(x), y**3, scale="rank") == information(x, y, scale="rank")


# ---- constants, copies, duplicates --------------------------------------------------------


@quiet
@pytest.mark.parametrize("scale", ["standardise", "rank", None])
def test_a_constant_variable_holds_exactly_nothing(engine, rng, scale):
    x = rng.normal(size=(60, 2))
    for constant in (np.zeros(60), np.full((60, 3), 0.1), np.full(60, -1e300)):
        for pair in ((x, constant), (constant, x), (constant, constant)):
            found = it.mutual_information(*pair, scale=scale)
            assert found.value == 0.0
            assert math.copysign(1, found.value) == 1
            assert "constant" in found.diagnostics


@quiet
@pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])
def test_a_constant_column_changes_nothing(engine, rng, metric):
    x, y = rng.normal(size=(2, 100, 2))
    y += x
    for value in (0.0, 0.1, 1e9):
        wide = np.column_stack([x, np.full(100, value)])
        assert information(wide, y, metric=metric) == information(x, y, metric=metric)


@quiet
def test_a_doubled_column_changes_nothing_in_the_maximum_norm(engine, rng):
    x, y = rng.normal(size=(2, 100, 2))
    y += x
    wide = np.column_stack([x, x[:, 0]])
    assert information(wide, y) == information(x, y)
    assert information(wide, y, metric="euclidean") != information(x, y, metric="euclidean")


@pytest.mark.parametrize("k", [1, 3, 7])
def test_a_copy_is_at_the_ceiling(engine, rng, k):
    x = rng.normal(size=200)
    said = rf"at its ceiling of {digamma(200) - digamma(k):.3g} nats"
    for y in (x, 4 * x, -0.5 * x):
        with pytest.warns(it.InfotheoryWarning, match=said):
            found = it.mutual_information(x, y, k=k)
        assert found.value == pytest.approx(digamma(200) - digamma(k), abs=1e-12)
        assert found.diagnostics["saturated"] is True
    assert digamma(200) - digamma(3) == pytest.approx(4.37303, abs=5e-6)  # truth.md section 2


@quiet
def test_atoms_have_no_density(engine, rng):
    assert entropy(np.ones(30)) == -math.inf
    assert entropy(np.zeros((30, 2))) == -math.inf
    x = rng.normal(size=60)
    x[:4] = 1.5  # each of the four has three duplicates
    assert entropy(x, k=3) == -math.inf
    assert math.isfinite(entropy(x, k=4))
    found = it.entropy(x, method="knn")
    assert found.stderr is None
    assert found.diagnostics["ties"] == pytest.approx(4 / 60)


def test_ties_are_warned_of(rng):
    x = np.round(rng.normal(size=(300, 1)), 1)
    y = rng.normal(size=300)
    with pytest.warns(it.InfotheoryWarning, match=r"% of the samples of x have an exact duplicate"):
        it.mutual_information(x, y)
    with pytest.warns(it.InfotheoryWarning, match=r"samples of y have an exact duplicate"):
        it.mutual_information(y, x)
    with pytest.warns(it.InfotheoryWarning, match=r"samples of x have an exact duplicate"):
        it.entropy(x, method="knn")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        it.mutual_information(y, rng.normal(size=300))


def test_few_samples_in_many_dimensions_are_warned_of(rng):
    x, y = rng.normal(size=(2, 100, 4))
    with pytest.warns(it.InfotheoryWarning, match=r"100 samples are few for 8 dimensions"):
        it.mutual_information(x, y)
    with pytest.warns(it.InfotheoryWarning, match=r"100 samples are few for 8 dimensions"):
        it.entropy(np.column_stack([x, y]), method="knn")


# ---- scales -------------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])
@given(rng=tie_free, powers=st.tuples(*[st.integers(-1000, 1000)] * 2))
def test_a_power_of_two_changes_no_bit(engine, metric, rng, powers):
    x, y = rng.normal(size=(2, 30, 2))
    y += x
    plain = it.mutual_information(x, y, metric=metric)
    scaled = it.mutual_information(np.ldexp(x, powers[0]), np.ldexp(y, powers[1]), metric=metric)
    assert scaled.value == plain.value
    assert scaled.stderr == plain.stderr


@quiet
@pytest.mark.parametrize("scale", [1000.0, 1e-3, 1e300, 1e-300, -3e150])
def test_any_factor_changes_nothing(engine, rng, scale):
    x, y = rng.normal(size=(2, 500, 2))
    y += x
    for metric in ("chebyshev", "euclidean"):
        plain = information(x, y, metric=metric)
        assert information(scale * x, y, metric=metric) == pytest.approx(plain, abs=1e-9)
        assert information(x, scale * y, metric=metric) == pytest.approx(plain, abs=1e-9)
        both = information(scale * x, scale * y, metric=metric, scale=None)
        assert both == pytest.approx(information(x, y, metric=metric, scale=None), abs=1e-9)


@quiet
@pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])
@pytest.mark.parametrize("scale", [1000.0, 1e-3, 1e300, 1e-300, -3e150])
def test_entropy_grows_with_the_logarithm_of_scale(engine, rng, metric, scale):
    x = rng.normal(size=(200, 3))
    expected = entropy(x, metric=metric) + 3 * math.log(abs(scale))
    assert entropy(scale * x, metric=metric) == pytest.approx(expected, rel=1e-12, abs=1e-9)


@quiet
def test_offsets(engine, rng):
    x, y = rng.normal(size=(2, 300, 2))
    y += x
    assert information(x + 1e6, y - 1e6) == pytest.approx(information(x, y), abs=1e-6)
    exact = np.round(x * 2**20) / 2**20
    assert information(exact + 2.0**30, y) == pytest.approx(information(exact, y), abs=1e-9)
    assert entropy(exact + 2.0**30) == pytest.approx(entropy(exact), abs=1e-12)


@quiet
def test_an_offset_that_eats_the_digits_is_noticed(rng):
    x, y = rng.normal(size=(2, 300))
    with pytest.warns(it.InfotheoryWarning, match="samples of x have an exact duplicate"):
        it.mutual_information(x + 1e15, y)


@quiet
@pytest.mark.parametrize("method", ["ksg", "mixed", "kde"])
def test_lost_digits_are_named(engine, rng, method):
    x, y = rng.normal(size=(2, 300))
    said = r"x has lost digits: floats near 1e\+15 are 0\.125 apart"
    with pytest.warns(it.InfotheoryWarning, match=said):
        it.mutual_information(x + 1e15, y, method=method)
    if method != "kde":
        with pytest.warns(it.InfotheoryWarning, match=said):
            it.conditional_mutual_information(x + 1e15, y, x + y, method=method)
    for method in ("knn", "kde"):
        with pytest.warns(it.InfotheoryWarning, match="x has lost digits"):
            it.entropy(x + 1e15, method=method)
    with pytest.warns(it.InfotheoryWarning, match="x has lost digits"):
        it.entropy((x + 1e5).astype(np.float32), method="knn")


def test_digits_that_are_there_are_not_called_lost(rng):
    x = rng.normal(size=(300, 1))
    whole = 1e15 + rng.permutation(300)[:, None]
    for kept in (x, x + 1e9, x * 1e300, x * 1e-310, x.astype(np.float32), whole, np.ones((9, 1))):
        assert lost_digits({"x": kept}) == []
    far = np.concatenate([x, x + 1e16], axis=1)
    assert len(lost_digits({"x": far, "y": x})) == 1


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_digits_are_lost_where_the_spread_has_fewer_than_4000_floats(rng, kind):
    x = rng.normal(size=(300, 1))
    found = set()
    for offset in 1.9999 * 2.0 ** np.arange(8, 50):
        moved = (offset + x).astype(kind)
        floats = float(np.ptp(moved)) / float(np.spacing(moved.max()))
        if floats < 100:  # so few that all may lie on a grid of twice their step
            break
        assert bool(lost_digits({"x": moved})) == (floats < 4000)
        found.add(floats < 4000)
    assert found == {True, False}
    assert lost_digits({"x": x * 1e-321})


@quiet
@given(rng=tie_free)
def test_information_is_symmetric(engine, rng):
    x, y = rng.normal(size=(40, 2)), rng.normal(size=(40, 1))
    assert information(x, y) == pytest.approx(information(y, x), abs=1e-13)
    assert information(x[:, ::-1], y) == information(x, y)


@quiet
def test_a_rotation_changes_nothing_in_euclidean_balls(engine, rng):
    x, y = rng.normal(size=(2, 100, 3))
    y += x
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    plain = information(x, y, metric="euclidean", scale=None)
    turned = information(x @ rotation, y, metric="euclidean", scale=None)
    assert turned == pytest.approx(plain, abs=1e-12)
    assert entropy(x @ rotation, metric="euclidean") == pytest.approx(
        entropy(x, metric="euclidean"), rel=1e-12
    )


@quiet
def test_single_precision_is_close(engine, rng):
    x, y = rng.normal(size=(2, 400, 2))
    y += x
    single = information(x.astype(np.float32), y.astype(np.float32))
    assert single == pytest.approx(information(x, y), abs=5e-6)


# ---- statistics ---------------------------------------------------------------------------


@quiet
def test_independence_is_zero_on_average_and_not_clipped():
    found = []
    for seed in range(30):
        x, y = np.random.default_rng(seed).normal(size=(2, 300))
        found.append(information(x, y))
    assert min(found) < 0
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(30)


@quiet
def test_a_smooth_map_changes_little():
    x, y = np.random.default_rng(0).normal(size=(2, 3000))
    y = 0.8 * x + 0.6 * y
    assert information(x**3, np.exp(y)) == pytest.approx(information(x, y), abs=0.06)


# ---- weighted -----------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "k"), [(4, 4), (4, 20), (5, 30), (8, 8), (8, 50), (13, 60)])
def test_weights_solve_the_equations_of_their_moments(d, k):
    weights = _weights(k, d)
    assert weights.shape == (k,)
    assert weights.sum() == pytest.approx(1, abs=1e-10)
    ranks = np.arange(1, k + 1)
    for power in range(1, d // 4 + 1):
        moment = np.exp(gammaln(ranks + 2 * power / d) - gammaln(ranks))
        assert weights @ moment == pytest.approx(0, abs=1e-9 * np.abs(weights * moment).sum())
    used = {j * k // d for j in range(1, d + 1)}
    assert all(weight == 0 for rank, weight in zip(ranks, weights, strict=True) if rank not in used)
    # the least norm: nothing to gain in any direction that the equations leave free
    free = sorted(used - {0})
    rows = [np.ones(len(free))] + [
        np.exp(gammaln(np.array(free) + 2 * power / d) - gammaln(free))
        for power in range(1, d // 4 + 1)
    ]
    combined = np.linalg.lstsq(np.array(rows).T, weights[np.array(free) - 1], rcond=None)[0]
    np.testing.assert_allclose(
        combined @ np.array(rows), weights[np.array(free) - 1], rtol=0, atol=1e-9
    )


def test_two_weights_by_hand():
    # d = 4, k = 4, l = 1: Gamma(j + 1/2) / Gamma(j) = c (1, 3/2, 15/8, 35/16); least norm with
    # sum 1 and moment 0: w = a + b m, 4 a + S b = 1, S a + Q b = 0, S = 105/16, Q = 3005/256 ...
    moment = np.array([1, 3 / 2, 15 / 8, 35 / 16])
    total, squares = moment.sum(), moment @ moment
    b = -total / (4 * squares - total**2)
    np.testing.assert_allclose(_weights(4, 4), (1 - total * b) / 4 + b * moment, rtol=1e-9)


@quiet
@pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_in_few_dimensions_there_is_nothing_to_weigh(engine, rng, d, metric):
    x = rng.normal(size=(90, d))
    plain = it.entropy(x, method="knn", k=7, metric=metric)
    weighted = it.entropy(x, method="knn", k=7, metric=metric, weighted=True)
    assert (weighted.value, weighted.stderr) == (plain.value, plain.stderr)


@quiet
@pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])
def test_weighted_entropy_is_the_definition(engine, rng, metric):
    n, d, k = 130, 5, 12
    x = rng.normal(size=(n, d))
    distances = _distances(x, metric) + np.diag(np.full(n, np.inf))
    radii = np.sort(distances, axis=1)[:, :k]
    ball = d / 2 * math.log(math.pi) - gammaln(1 + d / 2) if metric == "euclidean" else d * LN2
    terms = d * np.log(radii) - digamma(np.arange(1, k + 1))
    expected = digamma(n) + ball + (terms @ _weights(k, d)).mean()
    assert entropy(x, k=k, metric=metric, weighted=True) == pytest.approx(expected, rel=1e-11)


@quiet
@pytest.mark.parametrize(("d", "k"), [(4, 1), (5, 1), (8, 2), (12, 3)])
def test_weights_need_enough_neighbours(rng, d, k):
    with pytest.raises(ValueError, match=rf"k={k} has too few ranks .* in {d} dimensions"):
        entropy(rng.normal(size=(60, d)), k=k, weighted=True)
    with pytest.raises(TypeError, match="weighted must be"):
        entropy(rng.normal(size=(60, d)), k=k, weighted="yes")


@quiet
@pytest.mark.parametrize(
    ("problem", "n", "k"),
    [
        # with few samples the two biases of the plain form, at the middle and at the tails of a
        # normal density, cancel by chance, and the weights gain nothing
        (truth.multivariate_normal(np.eye(5)), 8000, 6),
        (truth.ball(5, 1.0), 2000, 10),
    ],
    ids=["normal", "ball"],
)
def test_weights_take_bias_away(problem, n, k):
    plain, weighted = [], []
    for seed in range(5):
        (x,) = problem.sample(n, np.random.default_rng(seed))
        plain.append(entropy(x, k=k) - problem.value)
        weighted.append(entropy(x, k=k, weighted=True) - problem.value)
    assert abs(np.mean(plain)) > 5 * np.std(plain) / math.sqrt(5)
    assert abs(np.mean(weighted)) < 0.6 * abs(np.mean(plain))


@quiet
def test_atoms_have_no_density_whatever_their_weights(engine, rng):
    x = rng.normal(size=(80, 5))
    x[:2] = 1.5  # the first used rank is the second, which has a distance
    for k in (10, 20):
        found = it.entropy(x, method="knn", k=k, weighted=True, pointwise=True)
        local = found.diagnostics["pointwise"]
        assert not np.isnan(local).any()
        assert np.isfinite(local[2:]).all()
    weights = _weights(10, 5)
    assert weights[1] != 0
    assert (weights < 0).any()
    x[2] = 1.5  # of three copies the first used rank has none, the others have
    found = it.entropy(x, method="knn", k=10, weighted=True, pointwise=True)
    assert found.value == -math.inf
    assert (found.diagnostics["pointwise"][:3] == -math.inf).all()
    assert np.isfinite(found.diagnostics["pointwise"][3:]).all()
    x[:30] = 1.5
    found = it.entropy(x, method="knn", k=10, weighted=True, pointwise=True)
    assert found.value == -math.inf
    assert found.stderr is None
    assert (found.diagnostics["pointwise"][:30] == -math.inf).all()
    assert entropy(np.ones((40, 5)), k=10, weighted=True) == -math.inf


# ---- refusals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"k": 0}, ValueError, "k must be at least 1; got 0"),
        ({"k": 2.0}, TypeError, "k must be an integer"),
        ({"k": 10}, ValueError, "x has n=10 samples; k=10 needs at least 11"),
        ({"metric": "l2"}, ValueError, r"metric must be one of 'chebyshev', 'euclidean'"),
        ({"scale": "rnak"}, ValueError, "Did you mean 'rank'"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(rng, options, error, said):
    x, y = rng.normal(size=(2, 10))
    with pytest.raises(error, match=said):
        it.mutual_information(x, y, **options)
    with pytest.raises(error, match=said):
        it.entropy(x, method="knn", **options)


def test_an_unknown_variant_is_refused(rng):
    x, y = rng.normal(size=(2, 10))
    with pytest.raises(ValueError, match="variant must be one of 1"):
        it.mutual_information(x, y, variant=7)


def test_a_grid_that_floats_hold_has_lost_nothing(rng):
    grid = rng.integers(0, 50, size=(40, 1)) / 8 + 2.0**45
    assert lost_digits({"x": grid}) == []
    assert len(lost_digits({"x": grid + rng.integers(0, 2, size=(40, 1)) * 2.0**-7})) == 1
