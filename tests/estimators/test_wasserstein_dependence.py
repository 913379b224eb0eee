"""Wasserstein dependence: its null, its limits, and that order and swaps change nothing."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest

import infotheory as it
from infotheory.estimators import wasserstein_dependence

SOLVERS = ("sinkhorn", "exact", "sliced")
EACH = pytest.mark.parametrize(
    "options",
    [
        {"solver": "sinkhorn"},
        {"solver": "exact"},
        {"solver": "sliced"},
        {"solver": "sinkhorn", "metric": "l1"},
        {"solver": "exact", "metric": "l1"},
    ],
    ids=str,
)


def dependence(x, y, **options):
    return it.mutual_information(x, y, method="wasserstein", **options)


def normals(rng, n, correlation):
    x = rng.standard_normal(n)
    return x, correlation * x + math.sqrt(1 - correlation**2) * rng.standard_normal(n)


def test_three_samples_by_hand(engine):
    """Of three samples the two shifts are all derangements, whatever the order drawn."""
    x, y = np.array([0.0, 1.0, 3.0]), np.array([2.0, -1.0, 0.5])
    for metric, power in (("l2", 2), ("l1", 1)):

        def cost(first, second, power=power):
            steps = np.abs(x[:, None] - x) ** power + np.abs(y[first][:, None] - y[second]) ** power
            return min(steps[range(3), p].mean() for p in itertools.permutations(range(3)))

        joint, left, right = [0, 1, 2], [1, 2, 0], [2, 0, 1]
        raw = (cost(joint, left) + cost(joint, right)) / 2
        null = cost(left, right)
        options = {"solver": "exact", "scale": None, "shifts": 1, "metric": metric}
        found = dependence(x, y, **options)
        assert found.diagnostics["raw"] == pytest.approx(raw, rel=1e-14)
        assert found.diagnostics["null"] == pytest.approx(null, rel=1e-14)
        assert found.diagnostics["null_deviation"] is None
        assert found.value == pytest.approx(raw - null, rel=1e-13, abs=1e-15)


@EACH
def test_neither_order_nor_exchange_changes_it(engine, rng, options):
    x, y = rng.integers(0, 4, (2, 60)).astype(float)
    y += 0.1 * rng.standard_normal(60)
    plain = dependence(x, y, **options)
    order = rng.permutation(60)
    again = dependence(x[order], y[order], **options)
    assert again.value == pytest.approx(plain.value, rel=1e-9, abs=1e-11)
    if options["solver"] != "sliced":  # directions are drawn for x and y in their places
        exchanged = dependence(y, x, **options)
        assert exchanged.value == pytest.approx(plain.value, rel=1e-9, abs=1e-11)


@EACH
def test_independent_samples_have_nothing_on_average(rng, options):
    options = {"reg": 0.3} | options
    found = [dependence(*rng.standard_normal((2, 60, 1)), **options) for _ in range(24)]
    values = np.array([each.value for each in found])
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(24)
    # a single one is below half of the null by chance, in one of forty draws
    assert np.quantile([each.diagnostics["raw"] for each in found], 0.25) > 0.5 * np.mean(
        [each.diagnostics["null"] for each in found]
    )
    assert np.mean([each.diagnostics["null"] for each in found]) > 2 * abs(values.mean())


@pytest.mark.parametrize(("n", "seed", "draws"), [(40, 0, 800), (20, 2, 1400), (8, 0, 900)])
def test_no_seed_favours_dependence(n, seed, draws):
    """Whatever the seed, the order that it draws tells nothing of the pairing."""
    rng = np.random.default_rng(7)
    values = [
        dependence(*rng.normal(size=(2, n)), solver="exact", rng=seed).value for _ in range(draws)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(draws)


def test_what_is_drawn_follows_from_the_set_of_pairs(rng):
    """To the bit, ties or not, and in any unit: of the values only ranks decide."""
    for x, y in (rng.integers(0, 2, (2, 30)), rng.standard_normal((2, 30, 2))):
        plain = dependence(x, y, solver="exact", scale=None).value
        assert dependence(x, y, solver="exact", scale=None).value == plain
        order = rng.permutation(30)
        again = dependence(x[order], y[order], solver="exact", scale=None).value
        assert again == pytest.approx(plain, rel=1e-13, abs=1e-15)
        larger = dependence(4.0 * x, 4.0 * y, solver="exact", scale=None).value
        assert larger == pytest.approx(16 * plain, rel=1e-13, abs=1e-15)
        values = {round(dependence(x, y, solver="exact", rng=seed).value, 9) for seed in range(8)}
        assert len(values) > 4


def test_a_copy_in_the_discrete_limit():
    """W_1 of pairs that agree with chance (1 + t) / 2 from independent bits is |t| / 2."""
    bits = np.array([0, 0, 0, 1, 1, 1, 1, 0] * 25)
    other = np.array([0, 0, 0, 1, 1, 1, 0, 1] * 25)
    found = dependence(bits, other, solver="exact", metric="l1", scale=None, shifts=4)
    assert found.diagnostics["raw"] == pytest.approx(0.5 * 0.5, abs=0.03)


def test_normals_of_known_cost():
    """Normals of correlation .8: 4 - 2 (sqrt 1.8 + sqrt .2), and less at a larger reg."""
    found = {name: [] for name in ("exact", "sinkhorn", "wide")}
    for seed in range(6):
        x, y = normals(np.random.default_rng(seed), 400, 0.8)
        found["exact"].append(dependence(x, y, solver="exact").value)
        found["sinkhorn"].append(dependence(x, y, reg=0.03).value)
        found["wide"].append(dependence(x, y, reg=0.5).value)
    means = {name: float(np.mean(values)) for name, values in found.items()}
    truth = it.truth.dependent_normals_by_transport
    assert means["exact"] == pytest.approx(truth(0.8).value, abs=0.04)
    assert means["sinkhorn"] == pytest.approx(means["exact"], abs=0.01)
    assert means["wide"] == pytest.approx(truth(0.8, reg=2.0).value, abs=0.04)
    assert means["wide"] < means["exact"] - 0.05


@EACH
def test_a_variable_and_itself_have_correlation_one(rng, options):
    x = rng.standard_normal((50, 2))
    found = dependence(x, x, normalised=True, **options)
    assert found.diagnostics["correlation"] == pytest.approx(1, rel=1e-9)
    y = x + 0.5 * rng.standard_normal((50, 2))
    found = dependence(x, y, normalised=True, **options)
    assert 0.2 < found.diagnostics["correlation"] < 1
    assert found.value == dependence(x, y, **options).value


@EACH
def test_without_a_scale_costs_follow_the_data(engine, rng, options):
    x, y = normals(rng, 50, 0.7)
    plain = dependence(x, y, scale=None, **options).value
    power = 1 if options.get("metric") == "l1" else 2
    for scale in (2.0, 1e120, 1e-120):
        found = dependence(scale * x, scale * y, scale=None, **options).value
        assert found == pytest.approx(plain * scale**power, rel=1e-9)
    moved = dependence(x + 1e9, y - 1e9, scale=None, **options).value
    assert moved == pytest.approx(plain, rel=1e-5)
    standard = dependence(x, y, **options).value
    assert dependence(1e300 * x, 1e-300 * y - 1, **options).value != standard  # -1 swallows it
    assert dependence(1e300 * x, 1e-300 * y, **options).value == pytest.approx(standard, rel=1e-9)


@EACH
def test_a_constant_is_nothing(engine, rng, options):
    x = rng.standard_normal((20, 2))
    for scale in ("standardise", None):
        found = dependence(np.full((20, 1), 0.1), x, scale=scale, **options)
        assert found.value == 0
        assert found.diagnostics["null"] == 0
    found = dependence(np.full(20, 0.1), x, normalised=True, **options)
    assert found.diagnostics["correlation"] is None


@pytest.mark.parametrize("metric", ["l2", "l1"])
def test_what_did_not_converge_says_how_far_it_may_be(rng, metric, monkeypatch):
    x, y = normals(rng, 60, 0.7)
    options = {"metric": metric, "reg": 0.02}
    best = dependence(x, 100 * y, **options)
    assert best.diagnostics["error"] < 1e-6
    hasty = functools.partial(
        wasserstein_dependence.uniform_transport, max_iterations=15, solver="sinkhorn"
    )
    monkeypatch.setattr(wasserstein_dependence, "uniform_transport", hasty)
    with pytest.warns(it.InfotheoryWarning, match="transport did not converge") as said:
        found = dependence(x, 100 * y, **options)
    error = found.diagnostics["error"]
    assert 1e-9 < abs(found.value - best.value) <= error
    message = str(said[0].message)
    assert f"The value is within {error:.2g} of" in message
    assert message.endswith("Choose a larger reg.")


def test_what_cannot_be_asked(rng):
    x, y = rng.standard_normal((2, 4))
    with pytest.raises(ValueError, match=r"x and y must have 5 rows .*shifts=2; got n=4 samples"):
        dependence(x, y)
    assert math.isfinite(dependence(x, y, shifts=1).value)
    with pytest.raises(ValueError, match="metric must be 'l2' for solver='sliced'"):
        dependence(*rng.standard_normal((2, 20)), solver="sliced", metric="l1")
    with pytest.raises(ValueError, match="scale must be one of 'standardise', None"):
        dependence(*rng.standard_normal((2, 20)), scale="rank")
