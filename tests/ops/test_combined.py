"""Combinations of columns, against a plain loop on both engines."""

from __future__ import annotations

import numpy as np
import pytest

from infotheory import ops
from tests import naive


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_combinations_against_a_loop(engine, rng, dtype):
    parts = [rng.normal(size=(7, d)).astype(dtype) for d in (1, 3)]
    matrix = rng.normal(size=(4, 2))
    found = np.asarray(ops.of(*parts).combined(parts, matrix))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, naive.combined(parts, matrix), rtol=1e-13, atol=1e-14)
