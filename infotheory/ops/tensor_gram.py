"""Matrices of Gaussian kernels, their products with vectors, and their spectra, for tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from infotheory.ops import ranges
from infotheory.ops.tensor_mixture import squared_distances, stretches

__all__ = ["free_memory", "gram", "kernel_product", "matrix_product", "scale_matrix", "spectrum"]


def gram(x: Tensor, *, precision: str = "double") -> Tensor:
    r"""The matrix of Gaussian kernels between rows, which are in units of the width.

    .. math:: G_{ij} = e^{-|x_i - x_j|^2 / 2}

    The same as `ops.kernels.gram.gram`, to about 1e-12.

    Parameters
    ----------
    x : float64 tensor, shape (n, d)
    precision : {"double", "single"}
        Of the entries; distances are differences squared, in float64, always.

    Returns
    -------
    float64 or float32 tensor, shape (n, n)
        Exactly symmetric, with ones on the diagonal.
    """
    n = len(x)
    ranges.refuse_matrix(n, 4 if precision == "single" else 8, free_memory(x.device))
    matrix = x.new_empty(n, n, dtype=_dtype(precision))
    for start, stop in stretches(n, n, x.device.type):
        kernels = squared_distances(x[start:stop], x[start:]).mul_(-0.5).exp_().to(matrix.dtype)
        kernels.diagonal().fill_(1.0)
        matrix[start:stop, start:] = kernels
        matrix[stop:, start:stop] = kernels[:, stop - start :].T
    return matrix


def kernel_product(x: Tensor, vectors: np.ndarray, *, precision: str = "double") -> np.ndarray:
    """Sums of vectors weighted by kernels, as `ops.kernels.gram.kernel_product`."""
    n = len(x)
    factors = torch.from_numpy(vectors).to(x.device, _dtype(precision))
    products = np.empty(vectors.shape)
    for start, stop in stretches(n, n, x.device.type):
        kernels = squared_distances(x[start:stop], x).mul_(-0.5).exp_().to(factors.dtype)
        kernels.diagonal(start).fill_(1.0)
        products[start:stop] = _exact_product(kernels, factors).cpu().numpy()
    return products


def matrix_product(matrix: Tensor, vectors: np.ndarray, *, squared: bool = False) -> np.ndarray:
    """A matrix, or the squares of its entries, times vectors, in the precision of the vectors."""
    n = len(matrix)
    factors = torch.from_numpy(vectors).to(matrix.device)
    products = np.empty(vectors.shape)
    for start, stop in stretches(n, n, matrix.device.type):
        lines = matrix[start:stop].to(factors.dtype)
        if squared:
            lines = lines.square()
        products[start:stop] = _exact_product(lines, factors).cpu().numpy()
    return products


def scale_matrix(matrix: Tensor, scales: np.ndarray) -> Tensor:
    """The matrix with entry (i, j) times scales_i scales_j; its memory is used for the answer."""
    n = len(matrix)
    factors = torch.from_numpy(scales).to(matrix.device)
    for start, stop in stretches(n, n, matrix.device.type):
        matrix[start:stop] *= factors[start:stop, None] * factors
    return matrix


def spectrum(matrix: Tensor) -> np.ndarray:
    """All eigenvalues of a symmetric matrix in ascending order; its memory may be overwritten."""
    if matrix.device.type == "cpu":  # torch's have other last bits for other threads
        from infotheory.ops.kernels import gram as on_cpu

        return on_cpu.spectrum(matrix.numpy())
    return torch.linalg.eigvalsh(matrix).double().cpu().numpy()


def free_memory(device: torch.device) -> int:
    """Bytes that can still be taken on a device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + kept
    return ranges.free_memory()


def _dtype(precision: str) -> torch.dtype:
    return torch.float32 if precision == "single" else torch.float64


def _exact_product(lines: Tensor, factors: Tensor) -> Tensor:
    """A product in which TF32, if a user has allowed it, has no part.

    On a CPU by numpy, since torch's product has other last bits for other threads.
    """
    if lines.device.type == "cpu":
        return torch.from_numpy(lines.numpy() @ factors.numpy())
    if factors.dtype == torch.float64:
        return lines @ factors
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        return lines @ factors
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed
