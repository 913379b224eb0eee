"""Divergences from samples: the formulas by a naive twin, and what they owe their users."""

from __future__ import annotations

import math
import pickle

import mpmath
import numpy as np
import pytest
import threadpoolctl
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from infotheory import InfotheoryWarning, truth
from infotheory.estimators.divergence_powers import (
    chi2_divergence,
    hellinger_divergence,
    renyi_divergence,
)
from infotheory.estimators.divergence_ratios import (
    TERMS,
    held_out,
    jensen_shannon_divergence,
    total_variation_divergence,
)
from infotheory.estimators.divergences import jeffreys_divergence, kl_divergence

NEIGHBOURS = {
    "kl": kl_divergence,
    "renyi": renyi_divergence,
    "jeffreys": jeffreys_divergence,
    "hellinger": hellinger_divergence,
    "chi2": chi2_divergence,
}
BOUNDED = {
    "jensen_shannon": jensen_shannon_divergence,
    "total_variation": total_variation_divergence,
}
EVERY = NEIGHBOURS | BOUNDED

each_neighbour_method = pytest.mark.parametrize("method", NEIGHBOURS)
each_method = pytest.mark.parametrize("method", EVERY)


def draw(n, m, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 1.2 * rng.normal(size=(m, d)) + 0.4


def naive_ratio(x, y, k, metric):
    """(m nu^d) / ((n - 1) rho^d) by all distances."""
    order = {"euclidean": 2, "chebyshev": np.inf}[metric]
    own = np.linalg.norm(x[:, None] - x[None], order, axis=2)
    other = np.linalg.norm(x[:, None] - y[None], order, axis=2)
    rho = np.sort(own + np.diag(np.full(len(x), np.inf)), axis=1)[:, k - 1]
    nu = np.sort(other, axis=1)[:, k - 1]
    return len(y) * nu ** x.shape[1] / ((len(x) - 1) * rho ** x.shape[1])


def naive(method, x, y, k, metric, order=0.5):
    ratio = naive_ratio(x, y, k, metric)
    if method == "kl":
        return np.log(ratio).mean()
    if method == "jeffreys":
        return np.log(ratio).mean() + np.log(naive_ratio(y, x, k, metric)).mean()
    order = {"chi2": 2.0, "hellinger": 0.5}.get(method, order)
    gamma = math.gamma
    factor = gamma(k) ** 2 / (gamma(k - order + 1) * gamma(k + order - 1))
    overlap = factor * (ratio ** (order - 1)).mean()
    if method == "renyi":
        return math.log(overlap) / (order - 1)
    return overlap - 1 if method == "chi2" else 1 - overlap


@each_neighbour_method
@pytest.mark.parametrize("metric", ["euclidean", "chebyshev"])
@pytest.mark.parametrize(("n", "m", "d", "k"), [(6, 5, 1, 5), (80, 61, 1, 3), (70, 120, 3, 5)])
def test_the_formulas(engine, method, metric, n, m, d, k):
    x, y = draw(n, m, d)
    if method == "jeffreys" and k >= m:
        y = np.concatenate([y, y + 0.1])
    found = NEIGHBOURS[method](x, y, k=k, metric=metric)
    assert found.value == pytest.approx(naive(method, x, y, k, metric), rel=1e-11, abs=1e-12)
    assert found.n == n


@pytest.mark.parametrize("order", [0.1, 0.9, 1.5, 3.0, 5.5])
def test_renyi_of_any_order(order):
    x, y = draw(90, 70, 2)
    found = renyi_divergence(x, y, order=order, k=5)
    assert found.value == pytest.approx(naive("renyi", x, y, 5, "euclidean", order), rel=1e-11)


def test_four_points_by_hand_in_two_units():
    x, y = [0.0, 1.0, 3.0], [0.5, 5.0]
    # nearest other x: 1, 1, 2; nearest y: 1/2, 1/2, 2
    ratios = np.array([0.5, 0.5, 1.0]) * 2 / 2
    found = kl_divergence(x, y, k=1)
    assert found.value == pytest.approx(-2 / 3 * math.log(2), rel=1e-14)
    assert found.to("bits").value == pytest.approx(-2 / 3, rel=1e-14)
    factor = 1 / (math.gamma(1.5) * math.gamma(0.5))
    overlap = factor * (ratios**-0.5).mean()
    found = hellinger_divergence(x, y, k=1)
    assert found.value == pytest.approx(1 - overlap, rel=1e-13)
    assert found.unit == ""
    found = renyi_divergence(x, y, k=1)
    assert found.to("bits").value == pytest.approx(-2 * math.log2(overlap), rel=1e-13)


def test_order_one_is_kl_and_orders_near_it_lead_there():
    x, y = draw(200, 150, 2)
    kl = kl_divergence(x, y)
    one = renyi_divergence(x, y, order=1.0)
    assert (one.value, one.stderr) == (kl.value, kl.stderr)
    for order in (1 - 1e-6, 1 + 1e-6):
        assert renyi_divergence(x, y, order=order).value == pytest.approx(kl.value, abs=1e-4)
    by_hand = kl_divergence(x, y, estimator="classifier").value
    assert renyi_divergence(x, y, order=1.0, estimator="classifier").value == by_hand


#: Steps from order 1 down to the last bit, which other steps only round.
STEPS = [sign * 10.0**-digits for digits in range(1, 17) for sign in (1, -1)]


def exact_renyi(logs, order, k):
    """Of ratios of neighbours, in 60 digits."""
    power = mpmath.mpf(order) - 1
    factor = mpmath.gamma(k) ** 2 / (mpmath.gamma(k - power) * mpmath.gamma(k + power))
    overlap = factor * mpmath.fsum(mpmath.exp(power * mpmath.mpf(log)) for log in logs) / len(logs)
    return float(mpmath.log(overlap) / power)


@pytest.mark.parametrize("k", [1, 5])
def test_orders_near_one_keep_their_digits(k):
    x, y = draw(60, 50, 2)
    logs = np.log(naive_ratio(x, y, k, "euclidean"))
    kl = kl_divergence(x, y, k=k)
    with mpmath.workdps(60):
        for order in (*(1 + step for step in STEPS), 0.1 * 3 / 0.3):
            if order == 1:
                continue
            found = renyi_divergence(x, y, order=order, k=k)
            assert found.value == pytest.approx(exact_renyi(logs, order, k), rel=1e-13)
            if k > 1 and abs(order - 1) < 1e-6:
                assert found.stderr == pytest.approx(kl.stderr, rel=1e-5)


def test_orders_near_one_by_a_classifier_keep_their_digits():
    x, y = draw(60, 50, 1)
    (of_x, of_y), _ = held_out(x, y, None, 5, 0)
    kl = kl_divergence(x, y, estimator="classifier")
    with mpmath.workdps(60):
        for order in (*(1 + step for step in STEPS), 0.1 * 3 / 0.3):
            if order == 1:
                continue
            power = mpmath.mpf(order) - 1
            mean_x = mpmath.fsum(mpmath.exp(power * mpmath.mpf(log)) for log in of_x) / len(of_x)
            mean_y = mpmath.fsum(mpmath.exp(order * mpmath.mpf(log)) for log in of_y) / len(of_y)
            exact = float(mpmath.log(order * mean_x - power * mean_y) / power)
            found = renyi_divergence(x, y, order=order, estimator="classifier")
            assert found.value == pytest.approx(exact, rel=1e-12)
            if abs(order - 1) < 1e-6:
                assert found.stderr == pytest.approx(kl.stderr, rel=1e-5)


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_ratios_of_many_columns_do_not_overflow():
    x = np.random.default_rng(0).normal(size=(60, 400))
    y = 100 * np.random.default_rng(1).normal(size=(60, 400))
    found = renyi_divergence(x, y, order=1.5)
    logs = 400 * (
        np.log(np.sort(np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1)), axis=1)[:, 4])
        - np.log(np.sort(np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1)), axis=1)[:, 5])
    ) + math.log(60 / 59)
    with mpmath.workdps(30):
        assert found.value == pytest.approx(exact_renyi(logs, 1.5, 5), rel=1e-9)


@pytest.mark.parametrize("scale", [1e300, 1e-300, 2.0**40])
@each_method
def test_the_scale_and_the_place_do_not_matter(engine, method, scale):
    x, y = draw(150, 120, 2)
    plain = EVERY[method](x, y).value
    assert EVERY[method](x * scale, y * scale).value == pytest.approx(plain, rel=1e-9, abs=1e-9)
    assert EVERY[method](x + 1e9, y + 1e9).value == pytest.approx(plain, abs=1e-5)


@each_method
def test_columns_of_one_constant_do_not_matter(engine, method):
    x, y = draw(150, 120, 2)
    wider = [np.column_stack([each, np.full(len(each), -0.1)]) for each in (x, y)]
    plain = EVERY[method](x, y).value
    assert EVERY[method](*wider).value == pytest.approx(plain, rel=1e-9, abs=1e-9)


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
@each_method
def test_a_point_does_not_differ_from_itself(engine, method):
    point = np.full((20, 2), 0.3)
    assert EVERY[method](point, point[:15]).value == pytest.approx(0, abs=1e-12)


@each_neighbour_method
def test_a_column_that_is_constant_on_one_side_is_said(method):
    x, y = draw(50, 60, 2)
    x[:, 1] = 0.5
    with pytest.warns(InfotheoryWarning, match="a column is constant in x or y"):
        NEIGHBOURS[method](x, y)


def test_atoms_make_it_infinite_or_undefined_and_never_nan(engine):
    x, y = draw(60, 60, 1)
    twins = np.repeat(x[:10], 6, axis=0)  # each with 5 others
    with pytest.warns(InfotheoryWarning) as said:
        found = kl_divergence(twins, y)
    told = " ".join(str(each.message) for each in said)
    assert "makes the value infinite" in told
    assert "have an exact duplicate" in told
    assert (found.value, found.stderr) == (math.inf, None)
    assert found.diagnostics["coincident"] == 1
    assert found.diagnostics["ties"] == 1
    with pytest.warns(InfotheoryWarning):
        assert renyi_divergence(twins, y).value == math.inf
    with pytest.warns(InfotheoryWarning):
        assert chi2_divergence(twins, y).value == math.inf
    with pytest.warns(InfotheoryWarning):
        assert hellinger_divergence(twins, y).value == 1
    with pytest.warns(InfotheoryWarning):
        assert kl_divergence(x, np.repeat(x[:1], 9, axis=0)).value == -math.inf
    with pytest.warns(InfotheoryWarning):
        assert jeffreys_divergence(twins, y).value == math.inf
    for method in NEIGHBOURS.values():
        with pytest.raises(ValueError, match="the ratio of the densities is 0 / 0"):
            method(twins, twins)


def test_two_infinities_of_either_sign_are_refused():
    x, y = draw(60, 60, 1)
    both = np.concatenate([np.repeat(x[:5], 6, axis=0), y[:1]])
    with pytest.raises(ValueError, match="0 / 0"):
        kl_divergence(both, np.concatenate([y[1:], np.repeat(y[:1], 5, axis=0)]))


@each_neighbour_method
def test_k_is_bounded_by_both_samples(method):
    x, y = draw(20, 4, 1)
    with pytest.raises(ValueError, match="y has n=4 samples; k=5 needs at least"):
        NEIGHBOURS[method](x, y)
    with pytest.raises(ValueError, match="x has n=3 samples; k=3 needs at least 4"):
        NEIGHBOURS[method](x[:3], y, k=3)


def test_an_order_beyond_k_names_the_way_out():
    x, y = draw(50, 50, 1)
    with pytest.raises(ValueError, match=r"k must be greater than abs\(order - 1\).*classifier"):
        renyi_divergence(x, y, order=6.0)
    with pytest.raises(ValueError, match=r"k must be greater"):
        chi2_divergence(x, y, k=1)
    assert math.isfinite(renyi_divergence(x, y, order=6.0, k=6).value)


@each_neighbour_method
@pytest.mark.parametrize(("n", "m"), [(3000, 1500), (1500, 3000)])
def test_unequal_numbers_reach_the_truth(method, n, m):
    order = {"order": 0.5} if method == "renyi" else {}
    # where q is wider the reverse divergence is biased downwards, as the docstring says
    wider = 1.0 if method == "jeffreys" else 1.69
    known = truth.divergent_normals(method, 0, 1, 0.7, wider, **order)
    rng = np.random.default_rng(7)
    pairs = [(known.sample(n, rng)[0], known.sample(m, rng)[1]) for _ in range(12)]
    for estimator in ("knn", "classifier"):
        found = [NEIGHBOURS[method](*pair, estimator=estimator) for pair in pairs]
        values = np.array([each.value for each in found])
        errors = np.array([each.stderr for each in found])
        z = (values - known.value) / errors
        assert abs(z.mean()) < 1, (estimator, z.mean(), values.mean(), known.value)
        assert 0.4 < np.sqrt((z * z).mean()) < 2, estimator


# ---- by a classifier ----------------------------------------------------------------------


def test_terms_are_the_divergence_at_the_true_ratio():
    """Means over fine grids of both densities."""
    t = np.arange(-14, 14, 1e-3)
    p, q = np.exp(-t * t / 2), np.exp(-((t - 0.7) ** 2) / (2 * 1.69))
    p, q = p / p.sum(), q / q.sum()
    for kind, terms in TERMS.items():
        known = truth.divergent_normals(kind, 0, 1, 0.7, 1.69).value
        logs = np.log(p / q)
        found = p @ terms.over_x(logs) + q @ terms.over_y(logs)
        assert found == pytest.approx(known, rel=1e-6), kind
        # any other ratio gives less
        for wrong in (logs + 0.3, 0.8 * logs + 0.1, 0 * logs + 0.1):
            assert p @ terms.over_x(wrong) + q @ terms.over_y(wrong) < known, kind


@each_method
def test_the_mean_of_the_terms_of_held_out_ratios(method):
    if method == "renyi":
        pytest.skip("its integral is below")
    x, y = draw(120, 90, 2)
    (of_x, of_y), noted = held_out(x, y, None, 5, 3)
    assert noted["classifier"] == "logistic regression on columns, squares, products"
    options = {} if method in BOUNDED else {"estimator": "classifier"}
    found = EVERY[method](x, y, rng=3, **options)
    u, v = TERMS[method].over_x(of_x), TERMS[method].over_y(of_y)
    assert found.value == pytest.approx(u.mean() + v.mean(), rel=1e-14)
    assert found.stderr == pytest.approx(math.sqrt(u.var() / 120 + v.var() / 90), rel=1e-14)


def test_renyi_by_a_classifier():
    x, y = draw(120, 90, 1)
    (of_x, of_y), _ = held_out(x, y, None, 5, 0)
    for order in (0.3, 1.7):
        overlap = order * np.exp((order - 1) * of_x).mean()
        overlap += (1 - order) * np.exp(order * of_y).mean()
        found = renyi_divergence(x, y, order=order, estimator="classifier")
        assert found.value == pytest.approx(math.log(overlap) / (order - 1), rel=1e-13)


def test_held_out_ratios_follow_the_true_ones():
    x, y = draw(4000, 2000, 1)
    (of_x, _), _ = held_out(x, y, None, 5, 0)
    x = np.sort(x[:, 0])
    known = -x * x / 2 + (x - 0.4) ** 2 / (2 * 1.44) + math.log(1.2)
    assert np.abs(of_x - known).max() < 0.6
    assert np.abs(of_x - known).mean() < 0.05


def test_any_classifier_will_do_and_is_left_alone():
    x, y = draw(300, 200, 2)
    mine = KNeighborsClassifier(40)
    found = jensen_shannon_divergence(x, y, classifier=mine)
    assert not hasattr(mine, "classes_")
    assert found.params["classifier"] == "KNeighborsClassifier(n_neighbors=40)"
    assert found.diagnostics["classifier"] == "KNeighborsClassifier"
    assert 0 < found.value < math.log(2)
    assert pickle.loads(pickle.dumps(found)).value == found.value
    for method in BOUNDED.values():
        assert math.isfinite(method(x, y, classifier=LogisticRegression()).value)


def test_a_classifier_that_is_certain_gives_no_nan():
    x, y = draw(60, 60, 1)
    with pytest.raises(ValueError, match="infinity minus infinity"):
        jeffreys_divergence(x, y, estimator="classifier", classifier=_Alternating())
    with pytest.warns(InfotheoryWarning, match="certain"):
        found = kl_divergence(x, y, estimator="classifier", classifier=_SureOfFew())
    assert found.value == -math.inf


class _Alternating(KNeighborsClassifier):
    """Certain, of both samples both ways."""

    def predict_proba(self, x):
        return np.eye(2)[np.arange(len(x)) % 2]


class _SureOfFew(KNeighborsClassifier):
    """Certain that small values are not of x, and of nothing else."""

    def predict_proba(self, x):
        return np.where(x < -0.5, [1.0, 0.0], [0.5, 0.5])


@each_method
def test_ceilings_are_said(method):
    x, y = draw(200, 150, 1)
    options = {} if method in BOUNDED else {"estimator": "classifier"}
    plain = EVERY[method](x, y, **options)
    assert not plain.diagnostics["saturated"]
    assert ("ceiling" in plain.diagnostics) == (method in (*BOUNDED, "hellinger"))
    with pytest.warns(InfotheoryWarning, match="without an error"):
        found = EVERY[method](x, y + 1e5, **options)
    assert found.diagnostics["saturated"]
    assert found.value <= found.diagnostics.get("ceiling", math.inf)


@each_neighbour_method
def test_samples_out_of_reach_are_said(method):
    x, y = draw(200, 150, 1)
    with pytest.warns(InfotheoryWarning, match="hardly any"):
        NEIGHBOURS[method](x, y + 1e4)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"classifier": LogisticRegression}, "classifier must be None or a classifier"),
        ({"classifier": "logistic"}, "classifier must be None or a classifier"),
        ({"folds": 1}, "folds must be at least 2"),
    ],
)
def test_wrong_options_are_named(option, said):
    x, y = draw(30, 30, 1)
    for method in EVERY.values():
        with pytest.raises((TypeError, ValueError), match=said):
            method(x, y, **option)


def test_many_columns_take_fewer_features():
    x, y = draw(60, 60, 5)
    told = jensen_shannon_divergence(x[:, :2], y[:, :2]).diagnostics["classifier"]
    assert told.endswith("columns, squares, products")
    assert (
        jensen_shannon_divergence(x[:, :3], y[:, :3])
        .diagnostics["classifier"]
        .endswith("columns and squares")
    )
    told = jensen_shannon_divergence(x, y).diagnostics["classifier"]
    assert told.endswith("on columns")


@each_method
def test_samples_may_be_tensors_of_any_length(method):
    x, y = draw(50, 40, 2)
    found = EVERY[method](torch.from_numpy(x), torch.from_numpy(y))
    assert found.value == EVERY[method](x, y).value


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
@each_method
def test_lost_digits_are_named(engine, rng, method):
    x, y = rng.normal(size=(2, 60))
    with pytest.warns(InfotheoryWarning, match="y has lost digits"):
        EVERY[method](x, y + 1e16)


def test_a_classifier_gives_the_same_bits_in_any_number_of_threads(rng):
    x, y = rng.normal(size=(2, 3000, 30))
    found = []
    for count in (1, 2):
        with threadpoolctl.threadpool_limits(count, user_api="blas"):
            found.append(np.concatenate(held_out(x, 0.3 + 1.2 * y, None, 2, 0)[0]))
    np.testing.assert_array_equal(*found)


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_both_ways_have_the_warnings_of_each(rng):
    wide, narrow = 10 * rng.normal(size=300), 0.01 * rng.normal(size=300)
    for x, y, name in ((wide, narrow, "y"), (narrow, wide, "x")):
        (said,) = jeffreys_divergence(x, y).diagnostics["warnings"]
        assert said.startswith(f"a typical sample of {name} lies where")
    x, y = rng.normal(size=(300, 12)), rng.normal(size=(20, 12))
    said = jeffreys_divergence(x, y).diagnostics["warnings"]
    assert [each.split(" are few")[0] for each in said] == ["300 samples", "20 samples"]
    x, y = np.repeat(rng.normal(size=30), 2), rng.normal(size=(2, 50))[0]
    assert len(jeffreys_divergence(x, y, k=3).diagnostics["warnings"]) == 1  # each but once
