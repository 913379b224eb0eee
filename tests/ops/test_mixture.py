"""Mixture sums: both engines against the definition, and the exponential beneath them."""

import math
import platform

import numba
import numpy as np
import pytest
import torch

from infotheory import ops
from infotheory.ops import tensor_mixture
from infotheory.ops.kernels import mixture
from infotheory.ops.kernels.exponential import exp_negative
from tests import naive

SHAPES = [(1, 1), (2, 3), (7, 1), (64, 4), (65, 5), (131, 2), (200, 9)]


class _Cpu:
    sums = staticmethod(mixture.mixture_log_sums)
    density = staticmethod(mixture.mixture_density_log)


class _Torch:
    @staticmethod
    def sums(x, variance, classes=None):
        classes = None if classes is None else torch.from_numpy(classes)
        return tensor_mixture.mixture_log_sums(torch.from_numpy(x), variance, classes)

    @staticmethod
    def density(x, points, variance):
        points = torch.from_numpy(points)
        return tensor_mixture.mixture_density_log(torch.from_numpy(x), points, variance)


both_engines = pytest.mark.parametrize("engine", [_Cpu, _Torch])


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles so small that every shape has full, partial and diagonal ones."""
    monkeypatch.setattr(mixture, "SMALLEST_BLOCK", 1)
    monkeypatch.setitem(tensor_mixture.TILE, "cpu", 500)


def _close(found, expected):
    # an exponent of -700 with a few roundings of 1e-16 each; exp(-708) may be 0
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)


@both_engines
@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("variance", [1e-3, 0.3, 20.0])
@pytest.mark.parametrize("kinds", [None, 1, 3, 1000])
@pytest.mark.usefixtures("small_tiles")
def test_sums_are_the_definition(engine, rng, n, d, variance, kinds):
    x = rng.normal(size=(n, d)) * 0.5
    classes = None if kinds is None else rng.integers(-1, kinds - 1, size=n)
    found = engine.sums(x, variance, classes)
    rows = x.tolist()
    _close(found.upper, naive.log_sums(rows, 2 * variance))
    _close(found.lower, naive.log_sums(rows, 8 * variance))
    if kinds is None:
        assert found.class_upper is None
        assert found.class_lower is None
    else:
        _close(found.class_upper, naive.log_sums(rows, 2 * variance, classes))
        _close(found.class_lower, naive.log_sums(rows, 8 * variance, classes))


@both_engines
def test_sizes_around_the_real_tiles(engine, rng):
    # against matrices: twice 32 blocks, more than COLUMNS per block, one row too many
    for n in (2048, 2049, 8200):
        x = rng.normal(size=(n, 2))
        classes = (rng.random(n) < 0.01).astype(np.int64)
        found = engine.sums(x, 0.01, classes)
        for rows in (slice(0, 70), slice(n - 70, n)):
            squared = ((x[rows, None] - x[None]) ** 2).sum(axis=-1)
            same = classes[rows, None] == classes[None]
            squared[np.arange(70), np.arange(n)[rows]] = np.inf  # the own term is the 1 of log1p
            kernel, wide = np.exp(-squared / 0.02), np.exp(-squared / 0.08)
            _close(found.upper[rows], np.log1p(kernel.sum(axis=1)))
            _close(found.lower[rows], np.log1p(wide.sum(axis=1)))
            _close(found.class_upper[rows], np.log1p((kernel * same).sum(axis=1)))
            _close(found.class_lower[rows], np.log1p((wide * same).sum(axis=1)))


@both_engines
def test_one_class_is_everybody_and_single_members_are_alone(engine, rng):
    x = rng.normal(size=(150, 3))
    together = engine.sums(x, 0.1, np.full(150, 7))
    np.testing.assert_allclose(together.class_upper, together.upper, rtol=1e-13)
    np.testing.assert_allclose(together.class_lower, together.lower, rtol=1e-13)
    apart = engine.sums(x, 0.1, np.arange(150)[::-1].copy())
    assert not apart.class_upper.any()
    assert not apart.class_lower.any()
    unbalanced = np.zeros(150, np.int64)
    unbalanced[77] = 1
    found = engine.sums(x, 0.1, unbalanced)
    assert found.class_upper[77] == 0
    _close(found.class_upper, naive.log_sums(x.tolist(), 0.2, unbalanced))


@both_engines
def test_lower_is_upper_at_four_times_the_variance(engine, rng):
    x = rng.normal(size=(300, 4))
    found, wide = engine.sums(x, 0.05), engine.sums(x, 0.2)
    np.testing.assert_allclose(found.lower, wide.upper, rtol=1e-12)
    assert (found.lower >= found.upper).all()
    assert (found.upper >= 0).all()
    assert (found.lower <= math.log(300)).all()


@both_engines
def test_ties_and_limits(engine):
    x = np.ones((40, 3))
    for variance in (1e-300, 1e-3, 1e300):
        found = engine.sums(x, variance)
        np.testing.assert_allclose(found.upper, math.log(40), rtol=1e-15)
        np.testing.assert_allclose(found.lower, math.log(40), rtol=1e-15)
    far = np.arange(40.0)[:, None] * np.ones(3)
    assert not engine.sums(far, 1e-5).lower.any()
    np.testing.assert_allclose(engine.sums(far, 1e12).upper, math.log(40), rtol=1e-8)


@both_engines
@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e200, 8e307])
@pytest.mark.parametrize("variance", [5e-324, 1e-3, 1.7e308])
@pytest.mark.filterwarnings("error")
def test_no_scale_makes_a_nan(engine, rng, scale, variance):
    x = rng.normal(size=(70, 5)).clip(-2, 2) * scale
    found = engine.sums(x, variance, rng.integers(0, 2, size=70))
    for logs in found:
        assert ((logs >= 0) & (logs <= math.log(70) * (1 + 1e-15))).all()
    assert not np.isnan(engine.density(x, 0.9 * x, variance)).any()


@both_engines
@pytest.mark.parametrize("scale", [1e-140, 1e140])
def test_the_answer_has_no_unit(engine, rng, scale):
    x = rng.normal(size=(90, 3))
    expected = engine.sums(x, 0.1)
    found = engine.sums(x * scale, 0.1 * scale * scale)
    np.testing.assert_allclose(found.upper, expected.upper, rtol=1e-12)
    np.testing.assert_allclose(found.lower, expected.lower, rtol=1e-12)


@both_engines
def test_samples_far_from_the_origin(engine, rng):
    # the form |a|^2 + |b|^2 - 2ab would have no digit left here
    x = rng.integers(-(2**20), 2**20, size=(100, 3)) / 2.0**20
    offset = 2.0**30
    found, expected = engine.sums(x + offset, 1e-3), engine.sums(x, 1e-3)
    np.testing.assert_allclose(found.upper, expected.upper, rtol=1e-14)


@pytest.mark.parametrize("kinds", [None, 5])
def test_threads_change_no_bit(rng, kinds):
    x = rng.normal(size=(1500, 5))
    classes = None if kinds is None else rng.integers(0, kinds, size=1500)
    numba_before, torch_before = numba.get_num_threads(), torch.get_num_threads()
    answers = []
    try:
        for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            numba.set_num_threads(threads)
            torch.set_num_threads(threads)
            for engine in (_Cpu, _Torch):
                sums = engine.sums(x, 0.1, classes)
                density = engine.density(x, x[:33] + 0.1, 0.1)
                answers.append([logs.tobytes() for logs in (*sums, density) if logs is not None])
    finally:
        numba.set_num_threads(numba_before)
        torch.set_num_threads(torch_before)
    assert all(answer == answers[0] for answer in answers[::2])
    assert all(answer == answers[1] for answer in answers[1::2])


@both_engines
@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 1), (5, 1, 3), (300, 20, 2), (513, 9, 7)])
@pytest.mark.parametrize("variance", [1e-3, 0.5])
def test_density_is_the_definition(engine, rng, n, m, d, variance):
    x, points = rng.normal(size=(n, d)), 2.0 * rng.normal(size=(m, d))
    expected = naive.density_log(x.tolist(), points.tolist(), variance)
    found = engine.density(x, points, variance)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@both_engines
@pytest.mark.usefixtures("small_tiles")
def test_density_of_far_points_is_the_nearest_sample(engine):
    x = np.linspace(0.0, 1.0, 700)[:, None]
    points = np.array([[-3.0], [1e8], [0.5]])
    found = engine.density(x, points, 1e-6)
    assert found[0] == pytest.approx(-9 / 2e-6 - math.log(700), rel=1e-12)
    assert found[1] == pytest.approx(-((1e8 - 1) ** 2) / 2e-6, rel=1e-12)


@both_engines
def test_density_at_the_samples_is_the_upper_sum(engine, rng):
    x = rng.normal(size=(400, 3))
    expected = engine.sums(x, 0.02).upper - math.log(400)
    np.testing.assert_allclose(engine.density(x, x, 0.02), expected, atol=1e-12)


def test_inputs_are_left_alone(rng):
    x = rng.normal(size=(80, 3))
    classes = rng.integers(0, 3, size=80)
    kept = x.copy(), classes.copy()
    for engine in (_Cpu, _Torch):
        engine.sums(x, 0.1, classes)
        engine.density(x, x, 0.1)
    assert np.array_equal(x, kept[0])
    assert np.array_equal(classes, kept[1])


@numba.vectorize
def _exp(x):
    return exp_negative(x)


def test_exponential_is_exact_to_the_last_place(rng):
    for lowest in (1e-12, 1.0, 50.0, 708.0):
        x = -rng.uniform(0, lowest, size=200_000)
        # 2^-52 is the spacing above 1: both roundings together stay within one and a half of it
        assert np.abs(_exp(x) / np.exp(x) - 1).max() <= 3.4e-16


def test_exponential_at_its_ends():
    assert _exp(0.0) == _exp(-0.0) == 1.0
    assert _exp(-5e-324) == 1.0
    assert _exp(-708.0) == pytest.approx(math.exp(-708), rel=4e-16)
    below = np.array([np.nextafter(-708.0, -np.inf), -745.0, -1e300, -np.inf])
    assert not _exp(below).any()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
def test_exponential_vectorises():
    @numba.njit
    def loop(x, out):
        for i in range(x.size):
            out[i] = exp_negative(x[i])

    x = -np.arange(8.0)
    loop(x, x)
    assert "mulpd" in next(iter(loop.inspect_asm().values()))


# ---- leave-one-out kernels ----------------------------------------------------------------


class _Both:
    """The primitive of each engine, for samples in parts."""

    @staticmethod
    def others(x, variance):
        with ops.use("cpu"):
            on_cpu = ops.of(x).kernel_log_sums([x], variance)
        with ops.use("torch"):
            return on_cpu, ops.of(x).kernel_log_sums([x], variance)


@pytest.mark.parametrize(("n", "d"), [(2, 1), *SHAPES[1:], (257, 3), (300, 1)])
@pytest.mark.parametrize("variance", [1e-4, 0.3, 20.0])
@pytest.mark.usefixtures("small_tiles")
def test_leaving_one_out_is_the_definition(rng, n, d, variance):
    x = rng.normal(size=(n, d))
    expected = naive.kernel_log_sums(x.tolist(), variance)
    for found in _Both.others(x, variance):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


def test_parts_are_columns_side_by_side(engine, rng):
    x, y = rng.normal(size=(90, 2)), rng.normal(size=(90, 1))
    joint = np.concatenate([x, y], axis=1)
    found = ops.of(x).kernel_log_sums([x, y], 0.2)
    assert np.array_equal(found, ops.of(x).kernel_log_sums([joint], 0.2))


def test_an_isolated_sample_has_its_true_logarithm(rng):
    # added to its own 1 and taken away again, these sums would be ln 0
    x = np.concatenate([rng.normal(size=(300, 1)) * 1e-3, [[25.0]], [[-100.0]], [[1e9]]])
    for found in _Both.others(x, 1.0):
        assert found[300] == pytest.approx(-625 / 2 + math.log(300), abs=0.1)
        assert found[301] == pytest.approx(-5000 + math.log(300), abs=0.5)
        assert found[302] == pytest.approx(-((1e9 - 25) ** 2) / 2, rel=1e-14)
        np.testing.assert_allclose(found, naive.kernel_log_sums(x.tolist(), 1.0), rtol=1e-13)


def test_one_twin_is_seen_and_the_own_term_is_not():
    x = np.array([[0.0], [0.0], [3.0], [50.0]])
    for found in _Both.others(x, 1.0):
        assert found[0] == found[1] == pytest.approx(math.log1p(math.exp(-4.5)), rel=1e-14)
        assert found[2] == pytest.approx(math.log(2) - 4.5, rel=1e-14)
        assert found[3] == pytest.approx(-(47**2) / 2, rel=1e-14)
    for found in _Both.others(np.ones((70, 3)), 1e-300):
        np.testing.assert_allclose(found, math.log(69), rtol=1e-15)


def test_two_samples_and_one():
    for found in _Both.others(np.array([[1.0], [4.0]]), 0.5):
        assert found.tolist() == [-9.0, -9.0]
    for found in _Both.others(np.array([[1.0]]), 0.5):
        assert found.tolist() == [-math.inf]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("variance", [5e-324, 1e-3, 1.7e308])
@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_leaving_one_out_never_makes_a_nan(rng, scale, variance):
    x = rng.normal(size=(70, 5)).clip(-2, 2) * scale
    for found in _Both.others(x, variance):
        assert (found <= math.log(69) * (1 + 1e-15)).all()
        assert not np.isnan(found).any()


def test_leaving_one_out_has_no_unit(engine, rng):
    x = rng.normal(size=(90, 3))
    expected = ops.of(x).kernel_log_sums([x], 0.1)
    for scale in (1e-140, 1e140):
        found = ops.of(x).kernel_log_sums([x * scale], 0.1 * scale * scale)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_leaving_one_out_far_from_the_origin(engine, rng):
    x = rng.integers(-(2**20), 2**20, size=(100, 3)) / 2.0**20
    expected = ops.of(x).kernel_log_sums([x], 1e-3)
    np.testing.assert_allclose(ops.of(x).kernel_log_sums([x + 2.0**30], 1e-3), expected, rtol=1e-13)


def test_leaving_one_out_and_threads(rng):
    x = rng.normal(size=(1500, 5))
    numba_before, torch_before = numba.get_num_threads(), torch.get_num_threads()
    answers = []
    try:
        for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            numba.set_num_threads(threads)
            torch.set_num_threads(threads)
            answers.append([found.tobytes() for found in _Both.others(x, 0.1)])
    finally:
        numba.set_num_threads(numba_before)
        torch.set_num_threads(torch_before)
    assert all(answer == answers[0] for answer in answers)


def test_leaving_one_out_leaves_the_samples_alone(engine, rng):
    x = rng.normal(size=(80, 4))
    kept = x.copy()
    ops.of(x).kernel_log_sums([x], 0.1)
    assert np.array_equal(x, kept)
