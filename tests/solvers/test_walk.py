"""The walk over samples: what is summed exactly beside the probes, and what rounding does to it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infotheory import ops
from infotheory.ops import ranges
from infotheory.solvers import walk


@pytest.fixture(params=["dense", "matrix-free"])
def kernels(request, engine, rng, monkeypatch):
    x = 0.4 * rng.standard_normal((600, 20))
    if request.param == "matrix-free":
        monkeypatch.setattr(ranges, "free_memory", lambda: 100_000)
    found = walk._kernels(x)
    assert found.path == request.param
    monkeypatch.undo()
    return found


def matrix(kernels, alpha):
    """A and its scales by numpy, from the kernels that are there."""
    given = kernels.matrix
    if given is None:
        squares = np.square(kernels.x[:, None] - kernels.x[None]).sum(axis=2)
        given = np.exp(-squares / 2)
    gram = np.asarray(given, dtype=np.float64)
    degrees = gram.sum(axis=1)
    weighted = gram / np.outer(degrees, degrees) ** alpha
    roots = np.sqrt(weighted.sum(axis=1))
    return weighted / np.outer(roots, roots)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_the_exact_parts_keep_double_precision(kernels, alpha):
    """Sums of n x n terms: those in single precision lose seven digits here, and all later."""
    whole = matrix(kernels, alpha)
    n = len(whole)
    scales, leading = walk._scales(kernels.product, n, alpha)
    trace, square = walk._moments(kernels, scales)
    assert trace == pytest.approx(np.trace(whole), rel=1e-13)
    assert square == pytest.approx(np.square(whole).sum(), rel=1e-13)
    assert np.abs(whole @ leading - leading).max() < 1e-13
    assert leading @ leading == pytest.approx(1.0, rel=1e-13)


def test_rounding_of_kernels_is_measured(engine, rng):
    """Near copies of far points: in single precision lengths cancel in their distances."""
    x = 3.0 * rng.standard_normal((10, 50))[np.arange(500) % 10]
    x += 1e-3 * rng.standard_normal(x.shape)
    used = ops.of(x)
    kernels = walk._Kernels(used, x, used.gram(x, precision="single"))
    scales, _ = walk._scales(kernels.product, len(x), 0.0)
    _, square = walk._moments(kernels, scales)
    single, double = (
        np.asarray(used.gram(x, precision=each), dtype=np.float64) for each in ("single", "double")
    )
    moved = np.linalg.eigvalsh(np.outer(scales, scales) * (single - double))
    found = walk._rounding(kernels, scales, square)
    products = walk._UNIT * math.sqrt(square / len(x))
    assert found == pytest.approx(math.hypot(moved.std(), products), rel=0.2)
