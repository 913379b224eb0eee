"""Wasserstein distances: against scipy, assignments by hand, POT, and what must not change them."""

from __future__ import annotations

import builtins
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

import infotheory as it
from infotheory.estimators import transport
from tests import naive


def distance(x, y, **options):
    return it.divergence(x, y, method="wasserstein", **options)


def sliced(x, y, **options):
    return it.divergence(x, y, method="sliced_wasserstein", **options)


METHODS = pytest.mark.parametrize("method", [distance, sliced], ids=["exact", "sliced"])


def samples(rng, n=40, m=40, d=2):
    return rng.standard_normal((n, d)), 1.5 * rng.standard_normal((m, d)) + 1


# ---- exact --------------------------------------------------------------------------------


def test_by_hand(engine):
    assert distance([0, 1], [1, 3]).value == pytest.approx(math.sqrt((1 + 4) / 2), rel=1e-15)
    assert distance([0, 1], [1, 3], order=1).value == pytest.approx(1.5, rel=1e-15)
    # half of the mass of 0 goes to each of -1 and 2
    assert distance([0], [-1, 2], order=3).value == pytest.approx((9 / 2) ** (1 / 3), rel=1e-15)
    x, y = [[0, 0], [3, 4]], [[3, 4], [0, 1]]
    found = distance(x, y, order=1)
    assert found.value == pytest.approx(0.5, rel=1e-15)
    assert found.unit == "cost"
    assert found.stderr is None
    assert found.diagnostics["path"] == "assignment"


@pytest.mark.parametrize("m", [40, 31, 1])
def test_one_column_agrees_with_scipy(engine, rng, m):
    x, y = rng.standard_normal(40), rng.exponential(size=m)
    found = distance(x, y, order=1)
    assert found.value == pytest.approx(wasserstein_distance(x, y), rel=1e-12)
    assert found.diagnostics["path"] == "sorted"
    for order in (2.0, 4.5):
        expected = naive.cost_on_a_line(x, y, order) ** (1 / order)
        assert distance(x, y, order=order).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0])
def test_the_best_of_all_assignments(engine, rng, order):
    x, y = samples(rng, 6, 6, 3)
    costs = np.linalg.norm(x[:, None] - y, axis=2) ** order
    least = min(costs[range(6), list(p)].mean() for p in itertools.permutations(range(6)))
    assert distance(x, y, order=order).value == pytest.approx(least ** (1 / order), rel=1e-13)


def test_unequal_numbers_by_repetition(engine, rng):
    """Samples repeated to a common number have the same distribution."""
    pytest.importorskip("ot")
    x, y = samples(rng, 12, 8)
    found = distance(x, y)
    assert found.diagnostics["path"] == "linear_program"
    repeated = distance(np.repeat(x, 2, axis=0), np.repeat(y, 3, axis=0))
    assert repeated.diagnostics["path"] == "assignment"
    assert found.value == pytest.approx(repeated.value, rel=1e-10)


@pytest.mark.parametrize("m", [40, 31])
def test_weights_on_a_line_agree_with_scipy(engine, rng, m):
    x, y = rng.integers(0, 9, 40).astype(float), rng.exponential(size=m)
    a, b = rng.random(40), rng.random(m)
    a[:3] = 0.0
    b *= a.sum() / b.sum()
    found = distance(x, y, order=1, a=a, b=b)
    assert found.value == pytest.approx(wasserstein_distance(x, y, a, b), rel=1e-12)
    assert found.diagnostics["path"] == "sorted"
    one_sided = distance(x, y, order=1, a=a / a.sum())
    assert one_sided.value == pytest.approx(wasserstein_distance(x, y, a), rel=1e-12)
    assert one_sided.params["b"] is None
    with pytest.raises(ValueError, match="read-only"):
        one_sided.params["a"][0] = 1.0
    # equal weights are none
    for order in (1.0, 2.0, 3.5):
        equal = distance(x, y, order=order, a=np.ones(40), b=np.full(m, 40 / m))
        assert equal.value == pytest.approx(distance(x, y, order=order).value, rel=1e-12)


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("d", [1, 3])
def test_weights_by_a_linear_program(engine, rng, order, d):
    pytest.importorskip("ot")
    x, y = samples(rng, 7, 5, d)
    a, b = rng.random(7), rng.random(5)
    a[2] = 0.0
    a, b = a / a.sum(), b / b.sum()
    costs = np.linalg.norm(x[:, None] - y, axis=2) ** order
    marginals = np.vstack([np.kron(np.eye(7), np.ones(5)), np.kron(np.ones(7), np.eye(5))])
    least = linprog(costs.ravel(), A_eq=marginals, b_eq=np.concatenate([a, b])).fun
    found = distance(x, y, order=order, a=a, b=b)
    assert found.value == pytest.approx(least ** (1 / order), rel=1e-9)
    # only their ratios count, and equally many samples are no assignment
    assert distance(x, y, order=order, a=3 * a, b=3 * b).value == pytest.approx(found.value)
    same = distance(x[:5], y, order=order, a=np.full(5, 0.2), b=np.full(5, 0.2))
    assert same.value == pytest.approx(distance(x[:5], y, order=order).value, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"a": np.ones(3)}, r"^a must have 40 weights"),
        ({"b": [-1.0] + [1.0] * 39}, r"^b must not be negative"),
        ({"a": np.zeros(40)}, r"^a must have a positive finite sum"),
        ({"a": np.ones(40)}, r"^a and b must have equal sums"),
    ],
)
def test_bad_weights(rng, options, message):
    with pytest.raises(ValueError, match=message):
        distance(*samples(rng), **options)


def test_without_pot_unequal_numbers_name_the_extra(rng, monkeypatch):
    plain = builtins.__import__

    def without(name, *rest, **options):
        if name == "ot":
            raise ImportError(name)
        return plain(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    x, y = samples(rng, 5, 6)
    with pytest.raises(ImportError, match=r"infotheory-torch\[transport\]"):
        distance(x, y)
    assert math.isfinite(distance(x[:, :1], y[:, :1]).value)


def test_too_many_pairs_are_refused_before_they_are_made(rng, monkeypatch):
    monkeypatch.setattr(transport.ranges, "free_memory", lambda: 1000)
    x, y = samples(rng, 20, 20)
    with pytest.raises(MemoryError, match=r"20 x 20 pairs take .*'sinkhorn'"):
        distance(x, y)
    assert math.isfinite(distance(x[:, 0], y[:, 0]).value)


# ---- sliced -------------------------------------------------------------------------------


def test_directions_are_orthogonal_and_uniform():
    found = transport.orthogonal_directions(3, 3000, np.random.default_rng(0)).reshape(-1, 3, 3)
    assert np.abs(found @ found.transpose(0, 2, 1) - np.eye(3)).max() < 1e-14
    # each coordinate of a uniform direction in three dimensions is uniform on [-1, 1]
    for column in found.reshape(-1, 3).T:
        low, high = np.quantile(column, [0.25, 0.75])
        assert (low, high) == pytest.approx((-0.5, 0.5), abs=0.05)
    assert transport.orthogonal_directions(5, 7, np.random.default_rng(0)).shape == (7, 5)


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0])
def test_the_mean_of_distances_on_lines(engine, rng, order):
    x, y = samples(rng, 30, 50, 3)
    directions = transport.orthogonal_directions(3, 8, np.random.default_rng(5))
    costs = [naive.cost_on_a_line(x @ along, y @ along, order) for along in directions]
    found = sliced(x, y, order=order, slices=8, rng=5)
    assert found.value == pytest.approx(np.mean(costs) ** (1 / order), rel=1e-12)
    groups = np.reshape(costs[:6], (2, 3)).mean(axis=1)
    error = groups.std(ddof=1) / math.sqrt(8 / 3) * found.value / np.mean(costs) / order
    assert found.diagnostics["slice_error"] == pytest.approx(error, rel=1e-9)


def test_a_shift_is_divided_among_the_dimensions(engine, rng):
    """Orthogonal directions share out the square of a shift exactly."""
    x = rng.standard_normal((50, 4))
    shift = np.array([1.0, -2.0, 0.5, 3.0])
    found = sliced(x, x + shift, slices=8)
    assert found.value**2 == pytest.approx(shift @ shift / 4, rel=1e-12)
    largest = sliced(x, x + shift, slices=8, maximum=True)
    assert largest.value**2 == pytest.approx(shift @ shift, rel=1e-9)
    along = np.array(largest.diagnostics["direction"]) @ shift
    assert abs(along) == pytest.approx(np.linalg.norm(shift), rel=1e-9)


def test_the_slice_error_is_that_over_seeds(rng):
    x, y = samples(rng, 60, 60, 3)
    y[:, 0] *= 4
    found = [sliced(x, y, slices=30, rng=seed) for seed in range(100)]
    spread = np.std([each.value for each in found])
    told = np.sqrt(np.mean([each.diagnostics["slice_error"] ** 2 for each in found]))
    assert told == pytest.approx(spread, rel=0.25)
    assert sliced(x, y, slices=5).diagnostics["slice_error"] is None
    assert sliced(x[:, 0], y[:, 0]).diagnostics["slice_error"] == 0


def test_the_largest_is_that_of_a_fine_grid(engine, rng):
    x, y = samples(rng, 40, 25)
    angles = np.linspace(0, np.pi, 2000)
    best = max(
        distance(x @ along, y @ along).value
        for along in np.stack([np.cos(angles), np.sin(angles)], axis=1)[::5]
    )
    found = sliced(x, y, maximum=True).value
    assert found >= best
    assert found == pytest.approx(best, rel=1e-4)


# ---- properties ---------------------------------------------------------------------------

whole = arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.integers(-3, 3))


@given(whole, whole)
def test_sliced_is_below_and_the_largest_between(x, y):
    n = min(len(x), len(y))
    x, y = x[:n], y[:n]
    for order in (1.0, 2.0):
        most = distance(x, y, order=order).value
        mean = sliced(x, y, order=order, slices=6).value
        largest = sliced(x, y, order=order, slices=6, maximum=True).value
        assert mean <= largest * (1 + 1e-9) + 1e-12
        assert largest <= most * (1 + 1e-9) + 1e-12
        middle = x.mean(axis=0) - y.mean(axis=0)
        assert np.linalg.norm(middle) <= most * (1 + 1e-9) + 1e-12


@given(whole, whole, whole)
def test_it_is_a_distance(x, y, z):
    n = min(len(x), len(y), len(z))
    x, y, z = x[:n], y[:n], z[:n]
    for method in (distance, sliced):
        assert method(x, y).value == pytest.approx(method(y, x).value, rel=1e-12, abs=1e-12)
        assert method(x, x[::-1]).value == 0
        through = method(x, z).value + method(z, y).value
        assert method(x, y).value <= through * (1 + 1e-12) + 1e-12


@METHODS
def test_moves_and_scales(engine, rng, method):
    x, y = samples(rng)
    plain = method(x, y).value
    assert method(x + 1e9, y + 1e9).value == pytest.approx(plain, rel=1e-6)
    assert method(y, x).value == pytest.approx(plain, rel=1e-12)
    for scale in (1e300, 1e-300, 3.0):
        assert method(scale * x, scale * y).value == pytest.approx(scale * plain, rel=1e-12)


@pytest.mark.parametrize("order", [1.0, 2.0, 50.0])
def test_a_shift_of_all_samples_is_the_distance(engine, rng, order):
    x, _ = samples(rng)
    shift = np.array([3.0, -4.0])
    assert distance(x, x + shift, order=order).value == pytest.approx(5, rel=1e-12)


@pytest.mark.parametrize("order", [100.0, 400.0, 1000.0, 5000.0])
def test_a_high_order_is_the_largest_step(engine, rng, order):
    """Which powers of distances alone do not show: they vanish."""

    def mean(gaps):
        return gaps.max() * np.mean((gaps / gaps.max()) ** order) ** (1 / order)

    x, y = np.array([0.0, 1.0, 1e3]), np.array([0.3, 1.2, 1e3 + 0.25])
    expected = mean(np.abs(x - y))
    flat = np.stack([x, 0 * x], axis=1), np.stack([y, 0 * y], axis=1)
    assert distance(x, y, order=order).value == pytest.approx(expected, rel=1e-12)
    assert distance(*flat, order=order).value == pytest.approx(expected, rel=1e-12)
    weighted = distance(x, y, order=order, a=np.ones(3), b=np.ones(3)).value
    assert weighted == pytest.approx(expected, rel=1e-12)
    x, y = samples(rng, 20, 20, 3)
    directions = transport.orthogonal_directions(3, 50, np.random.default_rng(0))
    gaps = np.array([np.abs(np.sort(x @ along) - np.sort(y @ along)) for along in directions])
    found = sliced(x, y, order=order, slices=50)
    assert found.value == pytest.approx(mean(gaps.ravel()), rel=1e-9)
    assert 0 <= found.diagnostics["slice_error"] < found.value
    most = sliced(x, y, order=order, slices=50, maximum=True)
    best = np.array(most.diagnostics["direction"])
    assert most.value == pytest.approx(
        mean(np.abs(np.sort(x @ best) - np.sort(y @ best))), rel=1e-9
    )
    assert most.value >= mean(gaps[gaps.max(axis=1).argmax()]) * (1 - 1e-12)


@pytest.mark.parametrize("order", [20.0, 400.0])
def test_a_high_order_by_all_assignments(engine, rng, order):
    """Of two groups far apart, whose steps are nothing beside what is between them."""
    pytest.importorskip("ot")
    far = np.repeat([[0.0, 0.0], [1e4, 0.0]], 3, axis=0)
    x, y = far + rng.random((6, 2)), far + rng.random((6, 2))
    gaps = np.linalg.norm(x[:, None] - y, axis=2)
    expected = min(
        (step := gaps[range(6), list(p)]).max()
        * np.mean((step / step.max()) ** order) ** (1 / order)
        for p in itertools.permutations(range(6))
    )
    assert distance(x, y, order=order).value == pytest.approx(expected, rel=1e-9)
    even = np.full(6, 1 / 6)
    assert distance(x, y, order=order, a=even, b=even).value == pytest.approx(expected, rel=1e-9)


@METHODS
def test_coincident_and_single_samples(engine, method):
    same = np.full((5, 3), 7.25)
    assert method(same, same[:3] if method is sliced else same).value == 0
    assert method(same[:1], same[:1] + 2).value > 0
    assert method(np.zeros((1, 1)), np.full((1, 1), -3.0)).value == 3


@pytest.mark.parametrize("bad", [0.5, 0.0, -1.0, math.inf, math.nan])
@METHODS
def test_orders_below_one_are_refused(rng, method, bad):
    with pytest.raises(ValueError, match="order must be a finite number at least 1"):
        method(*samples(rng), order=bad)
