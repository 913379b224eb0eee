"""Distances from points to the samples of another set, on both engines, to the bit."""

from __future__ import annotations

import numba
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from infotheory import ops
from infotheory.ops import tensor_neighbours

METRICS = ["chebyshev", "euclidean"]


def naive(points, samples, k, metric):
    """All distances, column by column as the primitives add them, sorted."""
    total = np.zeros((len(points), len(samples)))
    for here, there in zip(points.T, samples.T, strict=True):
        step = np.abs(here[:, None] - there[None, :])
        total = total + step * step if metric == "euclidean" else np.maximum(total, step)
    ordered = np.sort(total, axis=1)[:, :k]
    return np.sqrt(ordered) if metric == "euclidean" else ordered


def found(points, samples, k, metric, **options):
    return ops.of(points, samples).cross_neighbours(points, samples, k, metric, **options)


KINDS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "lattice": lambda rng, shape: rng.integers(0, 4, size=shape).astype(float),
    "coarse": lambda rng, shape: rng.integers(0, 4, size=shape) * 0.1 + 1e3,
    "twins": lambda rng, shape: np.repeat(rng.normal(size=shape), 2, axis=0)[: shape[0]],
    "one value": lambda rng, shape: np.full(shape, -0.3),
    "far off": lambda rng, shape: rng.normal(size=shape) * 1e-3 + 1e9,
    "heavy": lambda rng, shape: rng.standard_cauchy(size=shape) ** 3,
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 40, 1), (50, 1, 3), (201, 333, 2), (90, 70, 20)])
def test_the_definition(engine, metric, kind, shape):
    n, m, d = shape
    rng = np.random.default_rng(shape)
    points, samples = KINDS[kind](rng, (n, d)), KINDS[kind](rng, (m, d))
    for k in sorted({1, min(3, m), min(40, m), m}):
        expected = naive(points, samples, k, metric)
        every = found(points, samples, k, metric, every=True)
        assert every.shape == (n, k)
        assert (every == expected).all()
        last = found(points, samples, k, metric)
        assert last.shape == (n,)
        assert (last == expected[:, -1]).all()


@pytest.mark.parametrize("metric", METRICS)
def test_a_point_that_is_a_sample_is_at_distance_zero(engine, metric):
    x = np.random.default_rng(0).normal(size=(40, 3))
    assert (found(x, x, 1, metric) == 0).all()
    assert (found(x, x, 2, metric) > 0).all()


@given(
    points=st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=50),
    samples=st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=90),
    metric=st.sampled_from(METRICS),
    data=st.data(),
)
def test_lattices_of_any_size(engine, points, samples, metric, data):
    points, samples = np.array(points, dtype=float), np.array(samples, dtype=float)
    k = data.draw(st.integers(1, len(samples)))
    assert (
        found(points, samples, k, metric, every=True) == naive(points, samples, k, metric)
    ).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("exponent", [1000, 900, -900, -1000])
def test_no_square_overflows_or_vanishes(engine, metric, exponent):
    rng = np.random.default_rng(1)
    points, samples = rng.normal(size=(60, 2)), rng.normal(size=(70, 2))
    plain = found(points, samples, 3, metric)
    scale = 2.0**exponent
    assert (found(points * scale, samples * scale, 3, metric) == plain * scale).all()


def test_tiles_and_types_do_not_matter(monkeypatch):
    rng = np.random.default_rng(2)
    points, samples = (torch.from_numpy(rng.normal(size=(n, 3))).float() for n in (101, 57))
    plain = tensor_neighbours.cross_neighbours(points, samples, 4, "euclidean")
    monkeypatch.setitem(tensor_neighbours.TILE_BYTES, "cpu", 8 * 57 * 10)
    again = tensor_neighbours.cross_neighbours(points, samples, 4, "euclidean")
    assert plain.tobytes() == again.tobytes()
    doubles = found(points.double().numpy(), samples.double().numpy(), 4, "euclidean")
    assert plain.tobytes() == doubles.tobytes()


@pytest.mark.parametrize("metric", METRICS)
def test_threads_do_not_change_a_bit(metric):
    rng = np.random.default_rng(3)
    points, samples = rng.normal(size=(3000, 3)), rng.normal(size=(2500, 3))
    before, answers = numba.get_num_threads(), []
    try:
        for threads in (1, before):
            numba.set_num_threads(threads)
            answers.append(found(points, samples, 5, metric).tobytes())
    finally:
        numba.set_num_threads(before)
    assert answers[0] == answers[1]


def test_the_samples_are_left_alone(engine):
    rng = np.random.default_rng(4)
    points, samples = rng.normal(size=(30, 2)), rng.normal(size=(20, 2))
    for x in (points, samples):
        x.flags.writeable = False
    before = points.tobytes(), samples.tobytes()
    with np.errstate(all="raise"):
        if engine == "cpu":
            found(points, samples, 2, "euclidean")
    assert (points.tobytes(), samples.tobytes()) == before
