"""Kernel matrices, their products and spectra, against plain numpy on both engines."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from infotheory import ops
from infotheory.ops import ranges, tensor_gram


def naive(x):
    with np.errstate(over="ignore"):
        return np.exp(-np.square(x[:, None] - x[None]).sum(axis=2) / 2)


def drawn(n, d, scale, rng):
    x = rng.standard_normal((n, d)) * scale / math.sqrt(d)
    if n > 10:
        x[7] = x[3]
    return x


@pytest.mark.parametrize("scale", [1.0, 0.01, 30.0, 400.0, 1e200])
@pytest.mark.parametrize(("n", "d"), [(1, 3), (2, 1), (5, 3), (300, 2), (601, 40)])
def test_kernels_are_those_of_the_naive_twin(n, d, scale, engine, rng):
    x = drawn(n, d, scale, rng)
    wanted = naive(x)
    for precision, error in (("double", 2e-12), ("single", 5e-5)):
        kernels = np.asarray(ops.of(x).gram(x, precision=precision))
        assert kernels.dtype == (np.float64 if precision == "double" else np.float32)
        assert np.abs(kernels - wanted).max() <= error
        assert (kernels == kernels.T).all()
        assert (np.diag(kernels) == 1).all()


def test_an_offset_does_not_cost_digits(engine, rng):
    x = np.round(drawn(300, 20, 1.0, rng) * 2**20) / 2**20  # exact at any such offset
    for offset in (2.0**20, -(2.0**30)):
        kernels = np.asarray(ops.of(x).gram(x + offset))
        assert np.abs(kernels - naive(x)).max() < 1e-12


@pytest.mark.parametrize("d", [2, 40])
def test_products_are_those_of_the_naive_twin(d, engine, rng):
    x = drawn(601, d, 1.0, rng)
    vectors, wanted = rng.standard_normal((601, 3)), naive(x)
    primitives = ops.of(x)
    single = primitives.gram(x, precision="single")
    assert primitives.kernel_product(x, vectors) == pytest.approx(wanted @ vectors, abs=1e-10)
    found = primitives.kernel_product(x, vectors, precision="single")
    assert found == pytest.approx(wanted @ vectors, abs=1e-3)
    assert primitives.matrix_product(primitives.gram(x), vectors) == pytest.approx(
        wanted @ vectors, abs=1e-10
    )
    found = primitives.matrix_product(single, vectors, squared=True)
    assert found == pytest.approx(np.square(np.asarray(single, dtype=float)) @ vectors, abs=1e-10)
    found = primitives.matrix_product(single, vectors.astype(np.float32))
    assert found == pytest.approx(wanted @ vectors, abs=1e-3)
    assert primitives.kernel_product(x, vectors[:, :1]).shape == (601, 1)


def test_long_sums_are_taken_in_double_precision(engine):
    # Added in float32, 2**24 and ones stay 2**24.
    n = 2000
    matrix = np.ones((n, n), np.float32)
    matrix[:, 0] = 2.0**24
    primitives = ops.of(matrix)
    if engine == "torch":
        torch = pytest.importorskip("torch")
        matrix = torch.from_numpy(matrix)
    sums = primitives.matrix_product(matrix, np.ones((n, 1)))
    assert (sums == 2.0**24 + n - 1).all()
    squares = primitives.matrix_product(matrix, np.ones((n, 1)), squared=True)
    assert (squares == 2.0**48 + n - 1).all()


@pytest.mark.parametrize("n", [1, 2, 3, 257, 700])
def test_the_spectrum_and_the_scales(n, engine, rng):
    x = drawn(n, 3, 1.0, rng)
    scales = rng.uniform(0.5, 2.0, n)
    wanted = naive(x) * scales[:, None] * scales
    primitives = ops.of(x)
    scaled = primitives.scale_matrix(primitives.gram(x), scales)
    assert np.abs(np.asarray(scaled) / wanted - 1).max() < 1e-12
    found = primitives.spectrum(scaled)
    assert found.dtype == np.float64
    assert found == pytest.approx(np.linalg.eigvalsh(wanted), abs=1e-12 * n)
    scales = scales.astype(np.float64)
    single = primitives.scale_matrix(primitives.gram(x, precision="single"), scales)
    assert primitives.spectrum(single) == pytest.approx(np.linalg.eigvalsh(wanted), abs=1e-6 * n)


@pytest.mark.parametrize("allowed", [True, False])
def test_tf32_has_no_part_in_a_product_though_users_allow_it(allowed):
    # What would be multiplied on an accelerator, on the device that only knows shapes.
    lines, seen, before = torch.ones(3, 3, device="meta"), [], torch.backends.cuda.matmul.allow_tf32

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, kinds, given=(), named=None):
            if "matmul" in function.__name__:
                seen.append(torch.backends.cuda.matmul.allow_tf32)
            return function(*given, **(named or {}))

    torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        with Watch():
            tensor_gram._exact_product(lines, lines[:, :1])
        after = torch.backends.cuda.matmul.allow_tf32
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    assert seen == [False]
    assert after is allowed


def test_a_matrix_that_does_not_fit_is_refused_with_its_size():
    ranges.refuse_matrix(1000, 8, 9_000_000)
    with pytest.raises(MemoryError, match=r"100000 x 100000 takes 80 GB, and 50 GB are free"):
        ranges.refuse_matrix(100_000, 8, 50_000_000_000)


def test_memory_is_refused_before_it_is_taken(engine, rng):
    n = math.isqrt(ops.of(rng).free_memory(np.zeros(1)))
    x = np.broadcast_to(np.zeros((1, 1)), (n, 1))
    with pytest.raises(MemoryError, match=f"{n} x {n} takes"):
        ops.of(x).gram(np.array(x))
