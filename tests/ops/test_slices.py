"""Transport along directions, against a plain loop on both engines."""

from __future__ import annotations

import numpy as np
import pytest

from infotheory import ops
from tests import naive

ORDERS = [1.0, 2.0, 3.5]


def _drawn(rng, n, m, d=3):
    directions = rng.standard_normal((11, d))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    return rng.standard_normal((n, d)), 1.5 * rng.standard_normal((m, d)) + 1, directions


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (40, 40), (40, 41), (12, 30), (7, 3)])
@pytest.mark.parametrize("order", ORDERS)
def test_costs_against_a_loop(engine, rng, n, m, order):
    x, y, directions = _drawn(rng, n, m)
    found = ops.of(x).sliced_costs(x, y, directions, order)
    expected = [naive.cost_on_a_line(x @ along, y @ along, order) for along in directions]
    assert found == pytest.approx(np.array(expected), rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(9, 9), (6, 10)])
@pytest.mark.parametrize("order", ORDERS)
def test_slopes_are_finite_differences(engine, rng, n, m, order):
    x, y, directions = _drawn(rng, n, m)
    primitives, step = ops.of(x), 1e-6
    value, slope = primitives.slice_slope(x, y, directions[0], order)
    assert value == pytest.approx(
        primitives.sliced_costs(x, y, directions[:1], order)[0], rel=1e-13
    )
    ends = directions[0] + step * np.concatenate([np.eye(3), -np.eye(3)])
    costs = primitives.sliced_costs(x, y, ends, order)
    assert slope == pytest.approx((costs[:3] - costs[3:]) / (2 * step), abs=1e-7)


def test_ties_and_float32(engine, rng):
    x = rng.integers(0, 3, (50, 2)).astype(np.float32)
    y = rng.integers(0, 3, (70, 2)).astype(np.float32)
    found = ops.of(x).sliced_costs(x, y, np.eye(2), 1.0)
    expected = [naive.cost_on_a_line(x[:, k], y[:, k], 1.0) for k in range(2)]
    assert found == pytest.approx(np.array(expected), rel=1e-12)
    assert ops.of(x).sliced_costs(x, x[::-1].copy(), np.eye(2), 2.0).tolist() == [0.0, 0.0]
