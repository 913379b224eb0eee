"""Kernel sums and quantiles of distances: both engines against the definition."""

import itertools
import math
import threading
import tracemalloc

import numba
import numpy as np
import pytest
import threadpoolctl
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from infotheory import ops
from infotheory.ops import tensor_kernel_sums, tensor_mixture
from infotheory.ops.kernels import kernel_sums, pair_distances
from infotheory.ops.kernels.exponential import exp_negative_single
from tests import naive


@pytest.fixture
def small_tiles(monkeypatch):
    """Blocks so small that there are full, partial and diagonal ones."""
    monkeypatch.setattr(kernel_sums, "LEAST", 32)
    monkeypatch.setattr(kernel_sums, "MOST", 32)
    monkeypatch.setitem(tensor_mixture.TILE, "cpu", 500)


def row_sums(points, samples=None, **options):
    return ops.of(*points).kernel_row_sums(points, samples, **options)


def expected(points, samples=None):
    lists = [
        [part.astype(float).tolist() for part in parts] for parts in (points, samples or points)
    ]
    return np.array(naive.kernel_row_sums(*lists))


def draw(rng, m, dimensions, scale=1.0):
    return [scale * rng.normal(size=(m, d)) for d in dimensions]


TOLERANCE = {"double": 1e-12, "single": 1e-5}
precisions = pytest.mark.parametrize("precision", TOLERANCE)


@precisions
@pytest.mark.parametrize("dimensions", [(1,), (3,), (20,), (2, 1), (12, 2), (9, 10, 1)], ids=str)
@pytest.mark.parametrize("m", [1, 2, 17, 70])
@pytest.mark.usefixtures("small_tiles")
def test_sums_are_the_definition(engine, rng, m, dimensions, precision):
    points, samples = draw(rng, m, dimensions), draw(rng, 61, dimensions, 0.7)
    tolerance = TOLERANCE[precision]
    found = row_sums(points, precision=precision)
    assert found.dtype == np.float64
    assert found.shape == (1 if len(dimensions) == 1 else len(dimensions) + 1, m)
    np.testing.assert_allclose(found, expected(points), rtol=tolerance, atol=tolerance)
    found = row_sums(points, samples, precision=precision)
    np.testing.assert_allclose(found, expected(points, samples), rtol=tolerance, atol=tolerance)
    both = row_sums(points, samples, precision=precision, mutual=True)
    assert np.array_equal(both[:, :m], found)
    back = expected(samples, points)
    np.testing.assert_allclose(both[:, m:], back, rtol=tolerance, atol=tolerance)


@precisions
@pytest.mark.parametrize("d", [2, 12])
@pytest.mark.parametrize("gap", [5.0, 20.0, 100.0, 1e8, 1e100])
def test_far_samples_have_true_logarithms(engine, rng, d, gap, precision):
    points, samples = draw(rng, 40, (d, 1)), draw(rng, 30, (d, 1))
    samples[0] += gap
    found = row_sums(points, samples, precision=precision, mutual=True)
    forth, back = expected(points, samples), expected(samples, points)
    np.testing.assert_allclose(
        found, np.hstack([forth, back]), rtol=2e-5 if precision == "single" else 1e-12
    )


@precisions
@pytest.mark.parametrize("d", [2, 30])
@pytest.mark.parametrize("radius", [30.0, 1e3, 1e6])
def test_long_rows_lose_no_digits(engine, rng, d, radius, precision):
    # clusters far from the common centre, so that |a|^2 + |b|^2 - 2ab would cancel
    x = rng.normal(size=(60, d)) * 0.3 + radius * np.sign(rng.normal(size=(60, 1)))
    found = row_sums([x], precision=precision)
    tolerance = 3e-5 if precision == "single" else 1e-9 if radius == 1e6 else 1e-12
    np.testing.assert_allclose(found, expected([x]), rtol=0, atol=tolerance)


@precisions
@pytest.mark.parametrize("d", [3, 40])
def test_an_offset_is_taken_away(engine, rng, d, precision):
    x = rng.integers(-(2**20), 2**20, size=(50, d)) / 2.0**20
    found = row_sums([x + 2.0**30], precision=precision)
    np.testing.assert_allclose(found, row_sums([x]), rtol=TOLERANCE[precision])


@precisions
def test_the_own_term_is_exactly_one(engine, precision):
    x = np.arange(50.0)[:, None] * np.full((1, 20), 1e4)
    assert not row_sums([x], precision=precision).any()
    same = np.full((300, 20), 0.1)
    found = row_sums([same], precision=precision)
    np.testing.assert_allclose(found, math.log(300), rtol=1e-15)


def test_small_sums_beside_the_own_term_keep_their_digits(engine):
    x = np.array([[0.0], [8.0]])
    np.testing.assert_allclose(row_sums([x]), math.log1p(math.exp(-32)), rtol=1e-14)


def test_many_float32_terms_lose_no_digits():
    # float32 sums of 60,000 equal terms would be off by 1e-4 and more
    x = np.zeros((60_000, 1))
    points = np.array([[1.0], [2.0]])
    found = row_sums([points], [x], precision="single", mutual=True)
    exact = np.log(60_000) - np.array([0.5, 2.0])
    np.testing.assert_allclose(found[0, :2], exact, atol=3e-7)
    inner = row_sums([x[:6000]], [x[:5000] + 1.0], precision="single")
    np.testing.assert_allclose(inner, math.log(5000) - 0.5, atol=3e-7)


def test_single_exponentials(rng):
    exponential = numba.vectorize(lambda x: exp_negative_single(x))
    x = -rng.uniform(0, 87, size=200_000).astype(np.float32)
    found = exponential(x)
    assert found.dtype == np.float32
    assert np.abs(found / np.exp(x.astype(float)) - 1).max() < 2.5e-7
    ends = np.array([0.0, -0.0, -87.5, -1e30, -np.inf], np.float32)
    assert exponential(ends).tolist() == [1, 1, 0, 0, 0]


@precisions
def test_threads_do_not_change_a_bit(rng, precision):
    x, y = draw(rng, 1500, (20, 3))
    before = numba.get_num_threads()
    answers = []
    try:
        for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            numba.set_num_threads(threads)
            sums = [row_sums([x, y], precision=precision)]
            sums.append(row_sums([x], [x[:900] + 1], precision=precision, mutual=True))
            answers.append([each.tobytes() for each in sums])
    finally:
        numba.set_num_threads(before)
    assert all(answer == answers[0] for answer in answers)


def test_calls_from_several_threads_leave_blas_its_threads(rng):
    x = rng.normal(size=(600, 20))
    libraries = threadpoolctl.ThreadpoolController().select(user_api="blas")
    before = [each["num_threads"] for each in libraries.info()]
    kept, found = row_sums([x]), []
    callers = [threading.Thread(target=lambda: found.append(row_sums([x]))) for _ in range(4)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    assert all(np.array_equal(kept, each) for each in found)
    assert len(found) == 4
    assert [each["num_threads"] for each in libraries.info()] == before


@pytest.mark.parametrize("d", [2, 16])
def test_no_matrix_of_all_pairs_is_formed(rng, d):
    n = 6000  # 288 MB in float64
    x = rng.normal(size=(n, d))
    row_sums([x[:600]], [x[:500]], mutual=True)
    tracemalloc.start()
    try:
        row_sums([x, x])
        row_sums([x], [x + 1], mutual=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 25e6


def test_samples_are_left_alone(engine, rng):
    points, samples = draw(rng, 30, (12, 1)), draw(rng, 20, (12, 1))
    kept = [part.copy() for part in (*points, *samples)]
    row_sums(points)
    row_sums(points, samples, mutual=True)
    assert all(np.array_equal(*pair) for pair in zip((*points, *samples), kept, strict=True))


# ---- gradients ----------------------------------------------------------------------------


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("dimensions", [(2,), (2, 1)])
def test_gradients_are_finite_differences(rng, dimensions):
    points = [torch.tensor(part, requires_grad=True) for part in draw(rng, 6, dimensions)]
    samples = [torch.tensor(part, requires_grad=True) for part in draw(rng, 150, dimensions)]
    few = [part[:5] for part in samples]
    count = len(points)

    def across(*parts):
        return tensor_kernel_sums.kernel_row_sums(parts[:count], parts[count:])

    assert torch.autograd.gradcheck(across, (*points, *few))
    assert torch.autograd.gradcheck(lambda *p: tensor_kernel_sums.kernel_row_sums(p), points)
    # several tiles: 500 // 150 rows each
    by_tiles = torch.autograd.grad(across(*points, *samples).square().sum(), points)
    exponents = [-(torch.cdist(p, s) ** 2) / 2 for p, s in zip(points, samples, strict=True)]
    if count > 1:
        exponents.append(sum(exponents))
    plain = torch.stack([e.logsumexp(dim=1) for e in exponents])
    for mine, other in zip(
        by_tiles, torch.autograd.grad(plain.square().sum(), points), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


def test_gradients_of_coincident_and_far_rows_are_finite():
    x = torch.tensor([[0.0], [0.0], [1e4]], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[5e3]], dtype=torch.float64)
    tensor_kernel_sums.kernel_row_sums([x]).sum().backward()
    assert x.grad.tolist() == [[0.0], [0.0], [0.0]]
    x.grad = None
    tensor_kernel_sums.kernel_row_sums([x], [y]).sum().backward()
    # one sample: the logarithm is -(x - y)^2 / 2
    assert x.grad.flatten().tolist() == [5e3, 5e3, -5e3]


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("dimensions", [(1,), (30,), (3, 40)], ids=str)
def test_exponents_by_products_are_those_by_differences(monkeypatch, rng, dimensions):
    points, samples = draw(rng, 70, dimensions, 0.5), draw(rng, 61, dimensions, 0.5)
    points[0][:2] = points[0][0]  # coincident rows
    for far in (0.0, 100.0):  # a common offset is no reason for differences, a spread is
        ours = [torch.tensor(part + far, requires_grad=True) for part in points]
        theirs = [torch.tensor(part + far) for part in samples]
        found = []
        for devices in (set(), {"cpu"}):
            monkeypatch.setattr(tensor_kernel_sums, "BY_PRODUCTS", devices)
            alone = tensor_kernel_sums.kernel_row_sums(ours)
            across = tensor_kernel_sums.kernel_row_sums(ours, theirs)
            gradients = torch.autograd.grad((alone.sum() + across.square().sum()), ours)
            found.append((alone, across, *gradients))
        for plain, product in zip(*found, strict=True):
            torch.testing.assert_close(product, plain, rtol=1e-12, atol=1e-12)
            assert not torch.equal(product, plain)
    monkeypatch.setattr(tensor_kernel_sums, "BY_PRODUCTS", {"cpu"})
    ours[0] = ours[0].detach() * 1e3
    spread = tensor_kernel_sums.kernel_row_sums(ours)
    monkeypatch.setattr(tensor_kernel_sums, "BY_PRODUCTS", set())
    assert torch.equal(spread[0], tensor_kernel_sums.kernel_row_sums(ours)[0])


# ---- quantiles of distances ---------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 7, 19, 20, 40])
@pytest.mark.parametrize("n", [2, 3, 9, 120, 300])
def test_quantiles_are_the_definition(engine, rng, n, d):
    x = rng.normal(size=(n, d))
    for quantile in (1e-9, 0.25, 0.5, 0.9, 1.0):
        found = ops.of(x).distance_quantile(x, quantile)
        assert found == pytest.approx(naive.distance_quantile(x.tolist(), quantile), rel=6e-8)


@given(
    x=arrays.arrays(
        float, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(-3, 3)
    ),
    quantile=st.sampled_from([0.1, 0.5, 1.0]),
    exponent=st.sampled_from([0, -900, 900]),
)
def test_quantiles_of_ties_scales_and_orders(x, quantile, exponent):
    by_engine = []
    for name in ("cpu", "torch"):
        with ops.use(name):
            found = ops.of(x).distance_quantile(x, quantile)
            scaled = ops.of(x).distance_quantile(np.ldexp(x, exponent), quantile)
            turned = ops.of(x).distance_quantile(x[::-1].copy(), quantile)
        by_engine.append(found)
        assert np.array_equal(scaled, np.ldexp(found, exponent), equal_nan=True)
        assert np.array_equal(turned, found, equal_nan=True)
    assert np.array_equal(*by_engine, equal_nan=True)
    distinct = any((a != b).any() for a, b in itertools.combinations(x, 2))
    assert math.isnan(by_engine[0]) != distinct
    if distinct:
        # squares of whole numbers are exact
        assert by_engine[0] == naive.distance_quantile(x.tolist(), quantile)


@pytest.mark.parametrize("d", [2, 40])
@pytest.mark.parametrize("kind", ["normal", "sorted", "whole numbers", "clusters", "far clusters"])
def test_quantiles_that_a_sample_foretells_are_those_of_all(monkeypatch, rng, kind, d):
    x = rng.normal(size=(700, d))
    if kind == "sorted":
        x = np.cumsum(np.abs(x), axis=0)
    elif kind == "whole numbers":
        x = np.rint(x)
    elif kind == "clusters":
        x = 1e-5 * x + rng.integers(0, 3, size=(700, 1))
    elif kind == "far clusters":
        x = x + 1e9 * rng.integers(0, 2, size=(700, 1))
    quantiles = (1e-9, 0.01, 0.3, 0.5, 0.77, 1.0)
    wanted = [ops.of(x).distance_quantile(x, quantile) for quantile in quantiles]
    for quantile, each in zip(quantiles[1:4], wanted[1:4], strict=True):
        assert each == pytest.approx(naive.distance_quantile(x.tolist(), quantile), rel=6e-8)
    monkeypatch.setattr(pair_distances, "SAMPLE", 100)
    monkeypatch.setattr(pair_distances, "MOST", 1 << 24)
    used = []
    foretold = pair_distances._foretold
    monkeypatch.setattr(
        pair_distances,
        "_foretold",
        lambda *arguments: used.append(foretold(*arguments)) or used[-1],
    )
    assert [ops.of(x).distance_quantile(x, quantile) for quantile in quantiles] == wanted
    if kind == "normal":
        assert sum(each is not None for each in used) >= 2


def test_a_cluster_far_below_the_largest_value_is_not_zero(engine):
    x = np.array([[0.0], [1e-30], [1.0]])
    assert ops.of(x).distance_quantile(x, 0.3) == pytest.approx(1e-30, rel=6e-8)


def test_the_largest_and_the_smallest_values(engine, rng):
    x = rng.normal(size=(50, 3))
    plain = ops.of(x).distance_quantile(x, 0.5)
    for scale in (1e-300, 1e300):
        found = ops.of(x).distance_quantile(x * scale, 0.5)
        assert found == pytest.approx(plain * scale, rel=1e-7)
