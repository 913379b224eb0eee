"""Neighbour counts of many pairings: those of one search for each of them, to the bit."""

import subprocess
import sys

import numba
import numpy as np
import pytest

from infotheory import ops
from infotheory.ops.kernels import permuted
from infotheory.ops.kernels.neighbours import neighbours
from tests import naive
from tests.ops.test_neighbours import KINDS, METRICS


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
@pytest.mark.parametrize(("n", "b", "k"), [(2, 3, 1), (50, 12, 3), (131, 20, 5)])
def test_the_same_as_one_search_for_each(rng, n, b, k, columns, kind, metric):
    x, y = (kind(rng, (n, d)) for d in columns)
    _check(x, y, k, metric, _orders(rng, n, b))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_more_samples(rng, kind, metric):
    x, y = (kind(rng, (600, d)) for d in (2, 1))
    _check(x, y, 3, metric, _orders(rng, 600, 20))


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


@pytest.fixture
def lists(monkeypatch):
    """Lists for any shape, and whatever they leave is scanned; no search."""
    monkeypatch.setattr(permuted, "FEWEST", 0)
    monkeypatch.setattr(permuted, "LEFT", 1)
    monkeypatch.setattr(permuted, "_search", lambda *all: None)
    monkeypatch.setattr(permuted, "_is_worth_lists", lambda *all: True)


def _halves(rng, shape):
    return np.where(rng.random((shape[0], 1)) < 0.5, 0.0, rng.normal(size=shape))


def _tiny(rng, shape):
    return rng.normal(size=shape) * 1e-310


MORE_KINDS = [*KINDS, _halves, _tiny]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", MORE_KINDS)
@pytest.mark.parametrize("columns", [(1, 1), (1, 3), (2, 2), (5, 5), (20, 1)])
@pytest.mark.parametrize(("n", "k"), [(40, 1), (150, 3), (330, 4), (330, 12)])
def test_lists_give_the_same(rng, lists, n, k, columns, kind, metric):
    x, y = (kind(rng, (n, d)) for d in columns)
    _check(x, y, k, metric, _orders(rng, n, 3))


@pytest.mark.parametrize("seed", range(4))
def test_mixed_kinds(seed, lists):
    rng = np.random.default_rng(seed)
    for _ in range(25):
        n = int(rng.integers(2, 200))
        k = min(int(rng.choice([1, 3, 9, n // 2, n - 1])), n - 1) or 1
        x, y = (
            MORE_KINDS[rng.integers(len(MORE_KINDS))](rng, (n, int(rng.integers(1, 7))))
            for _ in range(2)
        )
        _check(x, y, k, METRICS[rng.integers(2)], _orders(rng, n, 3))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("length", "room"), [(1.0, 1.3), (2.75, 0.3), (1.0, 0.1)])
def test_lists_that_end_early(rng, lists, monkeypatch, length, room, metric):
    monkeypatch.setattr(permuted, "LENGTH", length)
    monkeypatch.setattr(permuted, "ROOM", room)
    x, y = rng.normal(size=(2, 900, 2))
    _check(x, y, 3, metric, _orders(rng, 900, 3))
    _check(np.round(x, 1), np.round(y, 1), 3, metric, _orders(rng, 900, 3))


@pytest.mark.parametrize("metric", METRICS)
def test_pairings_that_are_no_chance(rng, lists, metric):
    # Of dependent variables the ball holds far fewer samples than the lists expect.
    x = rng.normal(size=(400, 2))
    orders = np.vstack([np.arange(400), np.argsort(x[:, 0]), _orders(rng, 400, 2)])
    _check(x, x.copy(), 3, metric, orders)


@pytest.mark.parametrize("metric", METRICS)
def test_several_groups_of_pairings(rng, monkeypatch, metric):
    monkeypatch.setattr(permuted, "FEWEST", 0)
    monkeypatch.setattr(permuted, "TOGETHER", 3)
    x, y = rng.normal(size=(2, 300, 2))
    _check(x, y, 3, metric, _orders(rng, 300, 7))


@pytest.mark.parametrize("metric", METRICS)
def test_pairings_left_are_searched(rng, monkeypatch, metric):
    monkeypatch.setattr(permuted, "FEWEST", 0)
    monkeypatch.setattr(permuted, "LENGTH", 1.0)
    monkeypatch.setattr(permuted, "ROOM", 0.1)
    searched = []
    search = permuted._search
    monkeypatch.setattr(
        permuted, "_search", lambda *all: (searched.extend(all[4]), search(*all))[1]
    )
    x, y = rng.normal(size=(2, 900, 2))
    _check(x, y, 3, metric, _orders(rng, 900, 4))
    assert searched


def test_memory_does_not_grow_with_the_square():
    # In a process of its own, whose peak is of these calls; the first compiles.
    pytest.importorskip("resource")
    n, b = 4000, 40
    code = (
        "import resource, numpy as np\n"
        "from infotheory.ops.kernels import permuted\n"
        "rng = np.random.default_rng(0)\n"
        "def peak(n, b):\n"
        "    x, y = rng.normal(size=(2, n, 2))\n"
        "    orders = np.array([rng.permutation(n) for _ in range(b)])\n"
        "    assert permuted._is_worth_lists([x, y], 3, b)\n"
        "    permuted.permuted_counts([x, y], 3, 'chebyshev', orders)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        f"before = peak(500, {b})\n"
        f"print(peak({n}, {b}) - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < n * n * 8 / 2


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_any_scale(rng, scale, metric):
    x, y = (rng.normal(size=(60, d)) * scale for d in (1, 2))
    _check(x, y, 3, metric, _orders(rng, 60, 20))


@pytest.mark.parametrize("metric", METRICS)
def test_parts_of_unlike_scales(rng, metric):
    x, y = rng.normal(size=(60, 2)) * 1e9, rng.normal(size=(60, 1)) * 1e-9
    _check(x, y, 3, metric, _orders(rng, 60, 20))
    _check(y, x, 3, metric, _orders(rng, 60, 20))


@pytest.mark.parametrize("metric", METRICS)
def test_threads_do_not_change_a_bit(rng, metric):
    x, y = rng.normal(size=(500, 1)), rng.normal(size=(500, 2))
    orders = _orders(rng, 500, 20)
    assert permuted._is_worth_lists([x, y], 3, 20)
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
