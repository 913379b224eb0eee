"""Neighbour radii and counts: every path of both engines against the definition, to the bit."""

import numba
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from infotheory.ops import ranges, tensor_neighbours
from infotheory.ops.kernels import neighbours as neighbour_kernels
from infotheory.ops.kernels import products
from infotheory.ops.kernels.lanes import SINGLE_LANES
from infotheory.ops.kernels.lines import FEW, sorted_lines
from infotheory.ops.kernels.neighbours import extents, nearer, neighbours
from tests import naive

METRICS = ["chebyshev", "euclidean"]


def _normal(rng, shape):
    return rng.normal(size=shape)


def _grid(rng, shape):
    return rng.integers(0, 4, size=shape).astype(float)


def _coarse(rng, shape):
    # ties that no float32 number can represent
    return rng.integers(0, 4, size=shape) * 0.1 + 1e3


def _twins(rng, shape):
    return np.repeat(rng.normal(size=shape), 2, axis=0)[: shape[0]]


def _constant_column(rng, shape):
    data = rng.normal(size=shape)
    data[:, 0] = 7.0
    return data


def _one_value(rng, shape):
    return np.full(shape, -0.3)


def _outlier(rng, shape):
    data = rng.normal(size=shape)
    data[0] = 1e12
    return data


def _far_off(rng, shape):
    return rng.normal(size=shape) * 1e-3 + 1e9


def _single(rng, shape):
    return rng.normal(size=shape).astype(np.float32).astype(np.float64)


KINDS = [
    _normal,
    _grid,
    _coarse,
    _twins,
    _constant_column,
    _one_value,
    _outlier,
    _far_off,
    _single,
]


def _paths(parts):
    lines = {(1,): ["sort"], (1, 1): ["strips"]}
    return ["tree", "brute", *lines.get(tuple(part.shape[1] for part in parts), [])]


def _engines(parts, k, metric, counts=True):
    for path in [None, *_paths(parts)]:
        radius, found, taken = neighbours(parts, k, metric, counts, _path=path)
        assert path in (None, taken)
        yield taken, radius, found
    tensors = [torch.from_numpy(np.ascontiguousarray(part)) for part in parts]
    radius, found, taken = tensor_neighbours.neighbours(tensors, k, metric, counts)
    assert taken == "tiles"
    yield taken, radius, found


def _check(parts, k, metric):
    expected_radius, expected_counts = naive.neighbours([p.tolist() for p in parts], k, metric)
    for path, radius, counts in _engines(parts, k, metric):
        assert radius.dtype == np.float64
        assert counts.dtype == np.int64
        assert radius.tolist() == expected_radius, path
        assert counts.tolist() == expected_counts, path


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [(1,), (3,), (1, 1), (2, 3), (5, 9), (1, 2, 2)])
@pytest.mark.parametrize(("n", "k"), [(2, 1), (5, 4), (34, 3), (41, 33)])
def test_every_path_is_the_definition(rng, n, columns, k, kind, metric):
    _check([kind(rng, (n, d)) for d in columns], k, metric)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 300, FEW - 1, FEW, 3 * FEW])
def test_lines_are_sorted_with_their_rows(rng, n, kind):
    points = kind(rng, (n, 3))
    lines, orders, columns, _ = sorted_lines(points, [0, 2])
    assert lines.tolist() == np.sort(points[:, [0, 2]], axis=0).T.tolist()
    for line, order, column in zip(lines, orders, columns, strict=True):
        assert sorted(order) == list(range(n))
        assert column[order].tolist() == line.tolist()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n", [3, 31, 32, 33, 63, 64, 65, 97, 129])
def test_sizes_around_a_tile(rng, n, metric):
    _check([rng.normal(size=(n, d)) for d in (2, 1)], 1, metric)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1e-310, 1e-300, 1e-160, 1e-20, 1e20, 1e160, 1e300, 8e307])
def test_any_scale_that_float64_holds(rng, scale, metric):
    parts = [rng.uniform(-1, 1, size=(40, d)) * scale for d in (1, 3)]
    _check(parts, 3, metric)
    for _, radius, counts in _engines(parts, 3, metric):
        assert (radius > 0).all()
        assert np.isfinite(radius).all()
        assert counts.max() < 39


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "k"), [(5, 4), (64, 1), (70, 69), (1100, 3), (2100, 20)])
@pytest.mark.parametrize("columns", [2, 10, 33])
def test_products_of_matrices_agree_with_differences(monkeypatch, rng, columns, n, k, kind):
    x = kind(rng, (n, columns))
    wanted = neighbours([x], k, "euclidean", False, every=True, _path="tree")[0]
    pays, found = [], neighbour_kernels.product_radii
    monkeypatch.setattr(neighbour_kernels, "MANY_COLUMNS", 1)
    monkeypatch.setattr(
        neighbour_kernels, "product_radii", lambda *a: pays.append(found(*a)) or pays[-1]
    )
    for width in (1024, SINGLE_LANES, 3 * SINGLE_LANES):
        monkeypatch.setattr(products, "WIDTH", width)
        radii = neighbours([x], k, "euclidean", False, every=True, _path="brute")[0]
        np.testing.assert_array_equal(radii, wanted)
        last = neighbours([x], k, "euclidean", False, _path="brute")[0]
        np.testing.assert_array_equal(last, wanted[:, -1])
    assert len(pays) == 6
    if kind is _normal:
        assert all(pays)
    if kind is _outlier and n > 1000:
        assert not any(pays)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("columns", [(1,), (1, 1), (4, 2), (1, 3, 20)])
@pytest.mark.parametrize("kind", KINDS)
def test_paths_agree_where_the_definition_is_slow(rng, columns, kind, metric):
    parts = [kind(rng, (500, d)) for d in columns]
    (_, radius, counts), *others = _engines(parts, 5, metric)
    for path, other_radius, other_counts in others:
        np.testing.assert_array_equal(other_radius, radius, err_msg=path)
        np.testing.assert_array_equal(other_counts, counts, err_msg=path)
    for path, other_radius, other_counts in _engines(parts, 5, metric, counts=False):
        np.testing.assert_array_equal(other_radius, radius, err_msg=path)
        assert other_counts is None


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("columns", [(1,), (1, 1), (3, 4)])
def test_threads_do_not_change_a_bit(rng, columns, metric):
    parts = [rng.normal(size=(4200, d)) for d in columns]  # enough for a second thread
    before = numba.get_num_threads()
    answers = []
    try:
        for threads in range(1, before + 1):
            numba.set_num_threads(threads)
            answers.append([neighbours(parts, 3, metric, _path=p) for p in _paths(parts)])
    finally:
        numba.set_num_threads(before)
    for answer in answers[1:]:
        for (radius, counts, _), (first_radius, first_counts, _) in zip(
            answer, answers[0], strict=True
        ):
            np.testing.assert_array_equal(radius, first_radius)
            np.testing.assert_array_equal(counts, first_counts)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", [_normal, _grid, _twins])
@pytest.mark.parametrize("columns", [(1,), (1, 1), (3, 4)])
def test_permuted_rows_permute_the_answer(rng, columns, kind, metric):
    parts = [kind(rng, (400, d)) for d in columns]
    order = rng.permutation(400)
    shuffled = [part[order] for part in parts]
    straight, mixed = _engines(parts, 3, metric), _engines(shuffled, 3, metric)
    for (path, radius, counts), (_, other_radius, other_counts) in zip(
        straight, mixed, strict=True
    ):
        np.testing.assert_array_equal(other_radius, radius[order], err_msg=path)
        np.testing.assert_array_equal(other_counts, counts[:, order], err_msg=path)


@pytest.mark.parametrize(
    ("n", "columns", "latent", "counts", "expected"),
    [
        (50, 1, 1, False, "sort"),
        (200, 6, 6, False, "tree"),
        (200, 30, 30, False, "tree"),
        (200, 30, 30, True, "brute"),
        (1500, 30, 30, False, "brute"),
        (2500, 30, 30, False, "brute"),
        (2500, 30, 2, False, "tree"),
    ],
)
def test_the_path_follows_the_data(rng, n, columns, latent, counts, expected):
    x = rng.normal(size=(n, latent)) @ rng.normal(size=(latent, columns))
    assert neighbours([x], 3, "chebyshev", counts=counts)[2] == expected


def test_layout_and_input_are_left_alone(rng):
    wide = rng.normal(size=(4, 90))
    parts = [wide[:2].T, wide[3:].T]  # not C-contiguous
    kept = wide.copy()
    _check(parts, 3, "chebyshev")
    wide.flags.writeable = False
    neighbours(parts, 3, "chebyshev")
    np.testing.assert_array_equal(wide, kept)


def test_by_hand():
    x, y = np.array([[0.0], [1.0], [3.0]]), np.array([[0.0], [5.0], [1.0]])
    # joint distances: 5 (0-1), 3 (0-2), 4 (1-2)
    for _, radius, counts in _engines([x, y], 1, "chebyshev"):
        assert radius.tolist() == [3.0, 4.0, 3.0]
        # 0: |x| 1, 3 and |y| 5, 1 below 3; 1: 1, 2 and 5, 4 below 4; 2: 3, 2 and 1, 4 below 3
        assert counts.tolist() == [[1, 2, 1], [1, 0, 1]]


def test_small_tiles_give_the_same(rng, monkeypatch):
    parts = [torch.from_numpy(rng.normal(size=(100, d))) for d in (2, 1)]
    radius, counts, _ = tensor_neighbours.neighbours(parts, 3, "euclidean")
    monkeypatch.setitem(tensor_neighbours.TILE_BYTES, "cpu", 7 * 8 * 100)
    small_radius, small_counts, _ = tensor_neighbours.neighbours(parts, 3, "euclidean")
    np.testing.assert_array_equal(small_radius, radius)
    np.testing.assert_array_equal(small_counts, counts)


# ---- every rank, counts within other radii, reach within parts ----------------------------


def _tensors(parts):
    return [torch.from_numpy(np.ascontiguousarray(part)) for part in parts]


def _radii(parts, k, metric):
    """Radii of all sorts: at ties, just above them, none at all, tiny, larger than everything."""
    every = naive.nearest(parts, min(2 * k, len(parts[0]) - 1), metric)
    at = every[:, -1].copy()
    mixed = every[np.arange(len(at)), np.arange(len(at)) % every.shape[1]]
    mixed[::3] = 0.0
    mixed[1::5] = 2 * every.max()
    yield from (at, np.nextafter(at, np.inf), mixed, np.zeros_like(at))
    yield np.full_like(at, np.nextafter(0.0, 1.0))


def _check_balls(parts, k, metric):
    ranks = naive.nearest(parts, k, metric)
    for path in [None, *_paths(parts)]:
        radius = neighbours(parts, k, metric, every=True, _path=path)[0]
        np.testing.assert_array_equal(radius, ranks, err_msg=path or "")
    tiles = tensor_neighbours.neighbours(_tensors(parts), k, metric, counts=False, every=True)
    np.testing.assert_array_equal(tiles[0], ranks)
    for radius in _radii(parts, k, metric):
        expected = naive.nearer(parts, radius, metric)
        for found in (
            nearer(parts, radius, metric),
            tensor_neighbours.nearer(_tensors(parts), radius, metric),
        ):
            assert found.dtype == np.int64
            np.testing.assert_array_equal(found, expected)
        expected = naive.extents(parts, radius, metric)
        for found in (
            extents(parts, radius, metric),
            tensor_neighbours.extents(_tensors(parts), radius, metric),
        ):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [(1,), (3,), (1, 1), (1, 2, 2), (5, 9)])
@pytest.mark.parametrize(("n", "k"), [(2, 1), (5, 4), (33, 3), (129, 5)])
def test_balls_are_the_definition(rng, n, columns, k, kind, metric):
    _check_balls([kind(rng, (n, d)) for d in columns], k, metric)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", [_normal, _grid, _coarse, _twins, _outlier])
@pytest.mark.parametrize("columns", [(1,), (2, 3)])
def test_balls_of_more_samples(rng, columns, kind, metric):
    _check_balls([kind(rng, (300, d)) for d in columns], 4, metric)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", [_normal, _grid])
def test_balls_of_many_samples(rng, kind, metric):
    parts = [kind(rng, (2100, d)) for d in (1, 2)]
    radius = neighbours(parts, 3, metric)[0]
    every = neighbours(parts, 3, metric, every=True)[0]
    np.testing.assert_array_equal(every, naive.nearest(parts, 3, metric))
    np.testing.assert_array_equal(every[:, -1], radius)
    for part in parts:
        expected = naive.nearer([part], radius, metric)
        np.testing.assert_array_equal(nearer([part], radius, metric), expected)
    expected = naive.extents(parts, radius, metric)
    np.testing.assert_array_equal(extents(parts, radius, metric), expected)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", [_normal, _grid])
@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e20, 1e160, 1e300, 2e307])
def test_balls_at_any_scale(rng, scale, kind, metric):
    parts = [kind(rng, (40, d)) * scale for d in (1, 3)]
    _check_balls(parts, 3, metric)
    radius = neighbours(parts, 3, metric)[0]
    assert (nearer(parts[:1], np.nextafter(radius, np.inf), metric) >= 1).all()


@pytest.mark.parametrize("metric", METRICS)
def test_balls_by_hand(metric):
    x, y = np.array([[0.0], [1.0], [3.0], [3.0]]), np.array([[0.0], [5.0], [1.0], [1.0]])
    # joint distances: 5 (0-1), 3 (0-2, 0-3), 4 (1-2, 1-3), 0 (2-3)
    radius = np.array([3.0, 4.5, 0.0, 1e-9])
    every = [[3, 3, 5], [4, 4, 5], [0, 3, 4], [0, 3, 4]]
    for parts, home in (([x, y], (neighbours, nearer, extents)), (_tensors([x, y]), _TENSOR)):
        ranks, count, reach = home
        assert ranks(parts, 3, metric, every=True)[0].tolist() == every
        assert count(parts, radius, metric).tolist() == [0, 2, 0, 1]
        # within 3 of 0 are 2 and 3: 3 in x, 1 in y; within 4.5 of 1 as well: 2 in x, 4 in y
        assert reach(parts, radius, metric).tolist() == [[3, 2, 0, 0], [1, 4, 0, 0]]


_TENSOR = tensor_neighbours.neighbours, tensor_neighbours.nearer, tensor_neighbours.extents


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_balls_agree_with_the_counts_of_neighbours(rng, kind, metric):
    parts = [kind(rng, (500, d)) for d in (2, 1)]
    radius, counts, _ = neighbours(parts, 3, metric)
    if metric == "chebyshev":  # squares may differ though their roots do not
        for part, count in zip(parts, counts, strict=True):
            np.testing.assert_array_equal(nearer([part], radius, metric), count)
    assert (nearer(parts, radius, metric) < 3).all()
    assert (nearer(parts, np.nextafter(radius, np.inf), metric) >= 3).all()
    np.testing.assert_array_equal(extents(parts, radius, metric).max(axis=0), radius)


@pytest.mark.parametrize("metric", METRICS)
def test_threads_do_not_change_a_ball(rng, metric):
    parts = [rng.normal(size=(4200, d)) for d in (1, 2)]
    radius = neighbours(parts, 3, metric)[0]
    before = numba.get_num_threads()
    answers = []
    try:
        for threads in range(1, before + 1):
            numba.set_num_threads(threads)
            answers.append((nearer(parts[1:], radius, metric), extents(parts, radius, metric)))
    finally:
        numba.set_num_threads(before)
    for answer in answers[1:]:
        for found, first in zip(answer, answers[0], strict=True):
            np.testing.assert_array_equal(found, first)


# ---- limits for squares -------------------------------------------------------------------


SMALLEST, LARGEST = 5e-324, np.finfo(float).max


@given(
    radius=st.floats(0, 1e154) | st.floats(1e-165, 1e-150) | st.floats(0.5, 2.0),
    steps=st.integers(-8, 8),
    anything=st.floats(0, LARGEST),
)
@example(radius=0.0, steps=1, anything=0.0)
@example(radius=SMALLEST, steps=-1, anything=0.0)
@example(radius=1e-162, steps=0, anything=SMALLEST)
@example(radius=1.3407807929942596e154, steps=0, anything=LARGEST)
def test_a_square_is_below_its_limit_where_the_root_is_below_the_radius(radius, steps, anything):
    (limit,) = ranges.limits(np.array([radius]), 0, True)
    square = limit
    for _ in range(abs(steps)):
        square = max(np.nextafter(square, np.inf if steps > 0 else -np.inf), 0.0)
    for q in (square, limit, anything, 0.0, radius * radius):
        assert (q < limit) == (np.sqrt(q) < radius)
    assert ranges.limits(np.array([radius]), 0, False)[0] == radius


@given(radius=st.floats(1e-30, 1e30), exponent=st.integers(-900, 1074))
def test_limits_follow_the_scale(radius, exponent):
    (limit,) = ranges.limits(np.array([radius]), exponent, False)
    if exponent <= 900:
        assert limit == np.ldexp(radius, -exponent)
    assert limit > 0  # a positive radius holds coincident samples
    assert ranges.limits(np.array([radius * 1e-290]), 900, True)[0] > 0
    assert ranges.limits(np.array([0.0]), exponent, True)[0] == 0.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_cuda_balls_agree_with_the_cpu(rng, kind, metric):
    parts = [kind(rng, (700, d)) for d in (3, 1)]
    radius = neighbours(parts, 3, metric)[0]
    on_device = [torch.from_numpy(part).cuda() for part in parts]
    np.testing.assert_array_equal(
        tensor_neighbours.nearer(on_device[:1], radius, metric), nearer(parts[:1], radius, metric)
    )
    np.testing.assert_array_equal(
        tensor_neighbours.extents(on_device, radius, metric), extents(parts, radius, metric)
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_cuda_agrees_with_the_cpu(rng, kind, metric):
    parts = [kind(rng, (700, d)) for d in (3, 1)]
    radius, counts, _ = neighbours(parts, 3, metric)
    tensors = [torch.from_numpy(part).cuda() for part in parts]
    other_radius, other_counts, _ = tensor_neighbours.neighbours(tensors, 3, metric)
    np.testing.assert_array_equal(other_radius, radius)
    np.testing.assert_array_equal(other_counts, counts)
