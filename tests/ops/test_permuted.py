"""Neighbour counts of many pairings: those of one search for each of them, to the bit."""

import numba
import numpy as np
import pytest

from infotheory import ops
from infotheory.ops.kernels import permuted
from infotheory.ops.kernels.neighbours import neighbours
from tests import naive
from tests.ops.test_neighbours import KINDS, METRICS, _normal


def _orders(rng, n, b):
    return np.array([rng.permutation(n) for _ in range(b)])


def _one_by_one(x, y, k, metric, orders):
    return np.stack([neighbours([x, y[order]], k, metric)[1] for order in orders], axis=1)


def _check(x, y, k, metric, orders):
    found = permuted.permuted_counts([x, y], k, metric, orders)
    assert found.shape == (2, *orders.shape)
    np.testing.assert_array_equal(found, _one_by_one(x, y, k, metric, orders))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [(1, 1), (2, 1), (1, 3), (6, 5)])
@pytest.mark.parametrize(("n", "b", "k"), [(2, 3, 1), (50, 12, 3), (131, 8, 5)])
def test_the_same_as_one_search_for_each(rng, n, b, k, columns, kind, metric):
    x, y = (kind(rng, (n, d)) for d in columns)
    _check(x, y, k, metric, _orders(rng, n, b))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_more_samples(rng, kind, metric):
    x, y = (kind(rng, (600, d)) for d in (2, 1))
    _check(x, y, 3, metric, _orders(rng, 600, 10))


@pytest.mark.parametrize("metric", METRICS)
def test_the_definition(rng, engine, metric):
    x, y = rng.integers(0, 5, size=(50, 2)) * 1.0, rng.normal(size=(50, 1))
    orders = _orders(rng, 50, 9)
    found = ops.of(x).permuted_counts([x, y], 2, metric, orders)
    for place, order in enumerate(orders):
        _, counts = naive.neighbours([x.tolist(), y[order].tolist()], 2, metric)
        assert found[:, place].tolist() == counts


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_engines_agree(rng, kind, metric):
    parts = [kind(rng, (70, d)) for d in (1, 2)]
    orders = _orders(rng, 70, 5)
    found = []
    for name in ("cpu", "torch"):
        with ops.use(name):
            found.append(ops.of(*parts).permuted_counts(parts, 3, metric, orders))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("columns", [1, 3])
def test_radii_beyond_the_lists(rng, columns, metric):
    # The first pairings, from which the lists take their reach, have far smaller radii.
    x = rng.normal(size=(200, columns))
    orders = np.vstack([np.tile(np.arange(200), (permuted.TRIALS, 1)), _orders(rng, 200, 10)])
    _check(x, x.copy(), 3, metric, orders)


@pytest.mark.parametrize("metric", METRICS)
def test_lists_without_reach(rng, metric):
    # All radii of the first pairings are 0, and so are the cuts.
    x = np.repeat(rng.normal(size=(30, 2)), 5, axis=0)
    orders = np.vstack([np.tile(np.arange(150), (permuted.TRIALS, 1)), _orders(rng, 150, 10)])
    _check(x, x.copy(), 3, metric, orders)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_any_scale(rng, scale, metric):
    x, y = (rng.normal(size=(60, d)) * scale for d in (1, 2))
    _check(x, y, 3, metric, _orders(rng, 60, 10))


@pytest.mark.parametrize("metric", METRICS)
def test_parts_of_unlike_scales(rng, metric):
    x, y = rng.normal(size=(60, 2)) * 1e9, rng.normal(size=(60, 1)) * 1e-9
    _check(x, y, 3, metric, _orders(rng, 60, 10))
    _check(y, x, 3, metric, _orders(rng, 60, 10))


@pytest.mark.parametrize("metric", METRICS)
def test_too_many_samples_for_all_distances(rng, metric, monkeypatch):
    x, y = (_normal(rng, (90, d)) for d in (2, 1))
    orders = _orders(rng, 90, 7)
    few = permuted.permuted_counts([x, y], 3, metric, orders)
    monkeypatch.setattr(permuted, "MANY", 80)
    monkeypatch.setattr(permuted, "list_counts", None)  # it is not asked
    many = permuted.permuted_counts([x, y], 3, metric, orders)
    assert many.shape == few.shape
    np.testing.assert_array_equal(many, few)


@pytest.mark.parametrize("metric", METRICS)
def test_threads_do_not_change_a_bit(rng, metric):
    x, y = rng.normal(size=(500, 1)), rng.normal(size=(500, 2))
    orders = _orders(rng, 500, 4)
    before = numba.get_num_threads()
    found = []
    try:
        for threads in range(1, before + 1):
            numba.set_num_threads(threads)
            found.append(permuted.permuted_counts([x, y], 3, metric, orders))
    finally:
        numba.set_num_threads(before)
    for each in found[1:]:
        np.testing.assert_array_equal(each, found[0])


def test_input_is_left_alone(rng):
    x, y = rng.normal(size=(2, 40, 2))
    orders = _orders(rng, 40, 3)
    kept = x.copy(), y.copy(), orders.copy()
    for array in (x, y, orders):
        array.flags.writeable = False
    permuted.permuted_counts([x, y], 3, "chebyshev", orders)
    for array, before in zip((x, y, orders), kept, strict=True):
        np.testing.assert_array_equal(array, before)
