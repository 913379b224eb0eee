"""Passes over a transport plan: both engines against plain numpy."""

import numba
import numpy as np
import pytest
from scipy.special import logsumexp

from infotheory import ops

SHAPES = pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 5, 2), (70, 33, 1), (19, 600, 7)], ids=str
)


@pytest.fixture
def draw(rng):
    def drawn(shape):
        n, m, d = shape
        x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.3
        cost = ((x[:, None] - y) ** 2).sum(axis=2)
        weights = rng.random(n) + 0.1
        return x, y, cost, rng.normal(size=m), weights / weights.sum()

    return drawn


def engine_of(*arrays):
    return ops.of(*arrays)


def as_numpy(matrix):
    return matrix if isinstance(matrix, np.ndarray) else matrix.numpy()


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)


@SHAPES
@pytest.mark.usefixtures("engine")
def test_distances_are_squared_differences(draw, shape):
    x, y, cost, *_ = draw(shape)
    close(as_numpy(engine_of(x).squared_distances(x, y)), cost)
    far = engine_of(x).squared_distances(x + 1e9, y + 1e9)
    np.testing.assert_allclose(as_numpy(far), cost, rtol=1e-5, atol=1e-5)


@SHAPES
@pytest.mark.parametrize("points", [False, True])
@pytest.mark.usefixtures("engine")
def test_soft_minimum_is_the_definition(draw, shape, points):
    x, y, cost, g, weights = draw(shape)
    source, reg = (x, y) if points else cost, 0.07
    engine = engine_of(x)
    minima, none = engine.soft_minimum(source, g, reg)
    close(minima, -reg * logsumexp((g - cost) / reg, axis=1))
    assert none.size == 0
    plan = weights[:, None] * np.exp((minima[:, None] + g - cost) / reg)
    room = engine.matrix_room(cost)
    again, columns = engine.soft_minimum(source, g, reg, weights, plan=room)
    assert np.array_equal(again, minima)
    close(columns, plan.sum(axis=0))
    close(as_numpy(room), plan)


@SHAPES
@pytest.mark.usefixtures("engine")
def test_rough_soft_minimum_is_the_definition_to_the_digits_of_float32(draw, shape):
    x, y, cost, g, weights = draw(shape)
    far, reg = 1e3, 0.5  # what is common to both clouds takes no digits
    exponents = (g - cost) / reg
    minima, columns = engine_of(x).soft_minimum(
        (x + far, y + far), g, reg, weights, precision="single"
    )
    wanted = -reg * logsumexp(exponents, axis=1)
    digits = 3e-7 * np.abs(exponents).max()
    np.testing.assert_allclose(minima, wanted, rtol=0, atol=digits * reg)
    plan = weights[:, None] * np.exp((wanted[:, None] + g - cost) / reg)
    np.testing.assert_allclose(columns, plan.sum(axis=0), rtol=4 * digits, atol=1e-30)
    without, none = engine_of(x).soft_minimum((x + far, y + far), g, reg, precision="single")
    assert np.array_equal(without, minima)
    assert none.size == 0
    assert not np.array_equal(minima, engine_of(x).soft_minimum((x + far, y + far), g, reg)[0])


@pytest.mark.usefixtures("engine")
def test_forbidden_rows_have_no_minimum(draw):
    _, _, cost, g, weights = draw((5, 4, 1))
    cost[2] = np.inf
    cost[1, 1:] = np.inf
    minima, columns = engine_of(cost).soft_minimum(cost, g, 1.0, weights)
    assert minima[2] == np.inf
    assert minima[1] == pytest.approx(cost[1, 0] - g[0])
    assert columns.sum() == pytest.approx(weights.sum() - weights[2])


@SHAPES
@pytest.mark.parametrize("points", [False, True])
@pytest.mark.usefixtures("engine")
def test_sums_of_a_plan(draw, shape, points, rng):
    x, y, cost, g, a = draw(shape)
    f, reg = rng.normal(size=len(x)), 0.9
    plan = np.exp((f[:, None] + g - cost) / reg)
    source = (x, y) if points else cost
    rows, columns, total = engine_of(x).plan_sums(source, f, g, reg)
    close(rows, plan.sum(axis=1))
    close(columns, plan.sum(axis=0))
    assert total == pytest.approx((plan * cost).sum(), rel=1e-12)
    b = np.full(len(y), 1 / len(y))
    excess = 0.1 * rng.random(len(x)), rng.random(len(y))
    whole = plan + np.outer(*excess)
    value = (whole * (cost + reg * np.log(whole / np.outer(a, b)))).sum()
    found = engine_of(x).rounded_value(source, f, g, reg, excess, (a, b))
    assert found == pytest.approx(value, rel=1e-11)


@pytest.mark.usefixtures("engine")
def test_sums_of_a_plan_of_any_mass(draw):
    _, _, cost, g, _ = draw((19, 600, 7))
    cost[3, 5], g[7] = np.inf, -np.inf
    f = np.linspace(-400.0, 400.0, 19)
    f[2] = -np.inf
    with np.errstate(under="ignore"):
        plan = np.exp(f[:, None] + g - cost)
    rows, columns, total = engine_of(cost).plan_sums(cost, f, g, 1.0)
    np.testing.assert_allclose(rows, plan.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(columns, plan.sum(axis=0), rtol=1e-12)
    cost[3, 5] = 0.0
    assert total == pytest.approx((plan * cost).sum(), rel=1e-12)


@pytest.mark.usefixtures("engine")
def test_a_plan_may_take_the_place_of_its_costs(draw):
    x, _, cost, g, weights = draw((19, 600, 7))
    engine = engine_of(x)
    room = engine.matrix_room(cost)
    _, columns = engine.soft_minimum(cost, g, 0.3, weights, plan=room)
    place = room + 0
    place[:] = cost if isinstance(place, np.ndarray) else place.new_tensor(cost)
    _, again = engine.soft_minimum(place, g, 0.3, weights, plan=place)
    close(again, columns)
    close(as_numpy(place), as_numpy(room))


@SHAPES
@pytest.mark.parametrize("relaxation", [1.0, 1.6])
@pytest.mark.usefixtures("engine")
def test_a_step_of_scaling(draw, shape, relaxation, rng):
    _, _, cost, _, a = draw(shape)
    kernel, v, u = np.exp(-cost), rng.random(cost.shape[1]) + 0.1, rng.random(len(a)) + 0.1
    sums, scaled, columns = engine_of(cost).scaling_step(kernel, v, u, a, relaxation)
    close(sums, kernel @ v)
    wanted = u ** (1 - relaxation) * (a / (kernel @ v)) ** relaxation
    close(scaled, wanted)
    close(columns, wanted @ kernel)


@SHAPES
@pytest.mark.usefixtures("engine")
def test_products_with_a_plan(draw, shape, rng):
    _, _, cost, g, a = draw(shape)
    engine, plan = engine_of(cost), np.exp(-cost / 0.3)
    rows, columns = 0.2 * plan.max(axis=1), 0.1 * plan.max(axis=0)
    thin = engine.sparse_plan(plan, rows, columns, 1.0)
    kept = plan * (plan >= np.minimum(rows[:, None], columns))
    assert (kept > 0).mean() <= 1
    for matrix, dense in ((plan, plan), (thin, kept)):
        if matrix is None:  # the torch engine keeps matrices
            continue
        close(engine.plan_product(matrix, g, a), dense.T @ (a * (dense @ g)))
        close(engine.plan_squares(matrix, a), a @ dense**2)
        close(engine.plan_gram(matrix, a), dense.T @ (a[:, None] * dense))
    assert engine.sparse_plan(plan, rows, columns, 0.0) is None
    assert engine.plan_quantile(plan, 0.5) == np.sort(plan, axis=None)[plan.size // 2]


def test_bits_do_not_depend_on_threads(draw):
    # Large enough for several threads: smaller ones are left to one.
    x, y, cost, g, a = draw((603, 500, 3))
    engine = ops.of(cost)

    def everything():
        kernel = np.exp(-cost)
        found = [engine.squared_distances(x, y), *engine.soft_minimum((x, y), g, 0.1, a)]
        found += engine.plan_sums(cost, a, g, 0.3)
        found += engine.scaling_step(kernel, np.exp(g), a, a, 1.4)
        thin = engine.sparse_plan(kernel, 0 * a, g, 1.0)
        for plan in (kernel, thin):
            found += [engine.plan_product(plan, g, a), engine.plan_squares(plan, a)]
        return [*found, engine.plan_gram(thin, a)]

    many = everything()
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        one = everything()
    finally:
        numba.set_num_threads(before)
    for first, second in zip(many, one, strict=True):
        assert np.array_equal(first, second)
