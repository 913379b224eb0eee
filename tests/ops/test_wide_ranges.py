"""Neighbours where distances differ by hundreds of powers of ten: no square may vanish."""

import math

import numpy as np
import pytest
import torch

from infotheory.ops import tensor_neighbours
from infotheory.ops.kernels import neighbours as kernels
from infotheory.ops.kernels.crossing import cross_neighbours

N, K = 60, 3


def _outlier(rng, d):
    x = rng.normal(size=(N, d))
    x[3] = 1e200
    return x


def _tiny(rng, d):
    return rng.normal(size=(N, d)) * 1e-200


def _spread_out(rng, d):
    return rng.normal(size=(N, d)) * np.resize([1e-140, 1.0, 1e150], (N, 1))


def _usual(rng, d):
    return rng.normal(size=(N, d))


KINDS = [_outlier, _tiny, _spread_out]
ENGINES = {
    "cpu": (lambda part: part, kernels),
    "torch": (torch.from_numpy, tensor_neighbours),
}
each_engine = pytest.mark.parametrize("home", ENGINES.values(), ids=ENGINES)


def _tables(parts):
    """Distances within each part, by a function that scales before it squares."""
    return np.array([[[math.dist(a, b) for b in part] for a in part] for part in parts])


@each_engine
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [(1,), (2,), (1, 1), (2, 1), (3, 4)])
def test_euclidean_distances_keep_their_digits(rng, home, kind, columns):
    first, *others = columns
    parts = [kind(rng, first), *(_usual(rng, d) for d in others)]
    tables = _tables(parts)
    joint = tables.max(axis=0)
    np.fill_diagonal(joint, np.inf)
    expected = np.sort(joint, axis=1)[:, K - 1]
    as_engine, engine = home
    given = [as_engine(part) for part in parts]
    radius, counts, _ = engine.neighbours(given, K, "euclidean")
    np.testing.assert_allclose(radius, expected, rtol=1e-15)
    # A hair less counts the same, without those that rounding puts on either side of the radius.
    hair = radius[:, None] * (1 - 1e-13)
    np.testing.assert_array_equal(counts, (tables < hair).sum(axis=2) - 1)
    reach = engine.extents(given, radius, "euclidean")
    inside = joint <= radius[:, None] * (1 + 1e-13)
    wanted = np.where(inside, tables, 0).max(axis=2)
    np.testing.assert_allclose(reach, wanted, rtol=1e-15)
    for part, far, table in zip(given, reach, tables, strict=True):
        near = engine.nearer([part], np.nextafter(far, np.inf), "euclidean")
        np.testing.assert_array_equal(near, (table <= far[:, None] * (1 + 1e-13)).sum(axis=1) - 1)


@each_engine
@pytest.mark.parametrize("kind", [*KINDS, _usual])
@pytest.mark.parametrize("columns", [1, 2])
def test_a_part_of_one_column_has_one_metric(rng, home, kind, columns):
    parts = [home[0](kind(rng, 1)), *(home[0](_usual(rng, 1)) for _ in range(columns - 1))]
    both = [home[1].neighbours(parts, K, metric)[:2] for metric in ("chebyshev", "euclidean")]
    for one, other in zip(*both, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [1, 3])
def test_distances_to_other_samples_keep_their_digits(rng, kind, d):
    points, samples = kind(rng, d), kind(rng, d)
    table = np.sort([[math.dist(a, b) for b in samples] for a in points], axis=1)
    for found in (
        cross_neighbours(points, samples, K, "euclidean"),
        tensor_neighbours.cross_neighbours(
            torch.from_numpy(points), torch.from_numpy(samples), K, "euclidean"
        ),
    ):
        np.testing.assert_allclose(found, table[:, K - 1], rtol=1e-15)


@pytest.mark.parametrize("columns", [(2,), (2, 1), (40,)])
def test_every_path_at_the_ends_of_the_range(rng, columns):
    for kind in (_outlier, _tiny):
        parts = [kind(rng, d) for d in columns]
        found = [kernels.neighbours(parts, K, "euclidean", _path=p)[:2] for p in ("tree", "brute")]
        for one, other in zip(*found, strict=True):
            np.testing.assert_array_equal(one, other)
        alone = [
            kernels.neighbours(parts, K, "euclidean", False, _path=p)[0] for p in ("tree", "brute")
        ]
        np.testing.assert_array_equal(*alone)
