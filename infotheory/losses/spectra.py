"""Losses of the spectrum of a kernel matrix, which ask for no eigenvector's gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from infotheory import checks, widths
from infotheory.losses.batches import in_widths, samples
from infotheory.solvers.spectral_entropy import NEAR_SHANNON

__all__ = ["diffusion", "matrix_renyi"]


def matrix_renyi(
    x: Tensor, t: Tensor | None = None, *, alpha: float = 1.01, width: Any = "sqrt_dim"
) -> Tensor:
    r"""Matrix-based Renyi entropy of a batch, or the information of two paired ones.

    .. math:: S_\alpha = \frac{1}{1 - \alpha} \ln \sum_i \lambda_i(A)^\alpha, \qquad
        I_\alpha = S_\alpha(A) + S_\alpha(B) - S_\alpha(n \, A \circ B)

    Parameters
    ----------
    x, t : tensors, shape (n,) or (n, d)
        Samples; without t the entropy of x is returned.
    alpha : float
        Order, greater than 0 and finite.
    width : {"sqrt_dim", "median", "knn", "silverman"}, float, or a pair of them
        The widths, for x and for t; no gradient goes through a rule.

    Returns
    -------
    Tensor
        A scalar, in nats.

    Raises
    ------
    TypeError, ValueError
        As :func:`cauchy_schwarz`; and for an order that is not positive and finite.

    Notes
    -----
    The gradient is that of a function of the whole matrix, alpha A^(alpha - 1) / (1 - alpha)
    tr A^alpha: it never asks for that of an eigenvector, and is finite where eigenvalues coincide.
    Below order 1 directions without any variance are left out, where it would be infinite. Cost:
    O(n^3) time, O(n^2) memory.

    References
    ----------
    Sanchez Giraldo, Rao, Principe (2015), doi:10.1109/TIT.2014.2370058, eq. 9;
    Yu et al. (2020), doi:10.1109/TPAMI.2019.2932976, eq. 6.
    """
    alpha = checks.number(alpha, "alpha", above=0.0)
    x = samples(x, "x")
    arrays = {"x": x.detach()}
    if t is not None:
        t = samples(t, "t")
        checks.same_length(x=x, t=t)
        arrays["t"] = t.detach()
    sigma = widths.kernel_widths(width, arrays)
    matrix = _gram(*in_widths(sigma[0], x))
    if t is None:
        return _renyi(matrix, alpha).to(x.dtype)
    other = _gram(*in_widths(sigma[1], t))
    value = _renyi(matrix, alpha) + _renyi(other, alpha) - _renyi(matrix * other, alpha)
    return value.to(t.dtype)


def diffusion(
    x: Tensor, *, width: str | float = "sqrt_dim", t: float = 1.0, alpha: float = 0.0
) -> Tensor:
    r"""Diffusion spectral entropy of a batch.

    .. math:: S = -\sum_i a_i \ln a_i, \qquad a_i = \lambda_i^t / \sum_j \lambda_j^t

    with the eigenvalues of the diffusion matrix of :func:`infotheory.diffusion_entropy`.

    Parameters
    ----------
    x : tensor, shape (n,) or (n, d)
        Samples.
    width : {"sqrt_dim", "median", "knn", "silverman"} or float
        The width; no gradient goes through a rule.
    t : float
        Diffusion time, greater than 0.
    alpha : float
        How far the density of the samples is divided out, at least 0.

    Returns
    -------
    Tensor
        A scalar, in nats.

    Raises
    ------
    TypeError, ValueError
        As :func:`cauchy_schwarz`; for a time that is not positive, and for an alpha below 0 or
        so large that weights underflow.

    Notes
    -----
    The gradient is that of a function of the whole matrix and asks for none of an eigenvector.
    Cost: O(n^3) time, O(n^2) memory.

    References
    ----------
    Liao, Liu et al. (2023), arXiv:2312.04823, eq. 6.
    """
    t = checks.number(t, "t", above=0.0)
    alpha = checks.number(alpha, "alpha", low=0.0)
    x = samples(x, "x")
    matrix = _gram(*in_widths(widths.kernel_width(width, x.detach()), x))
    weights = torch.ones_like(matrix[0])
    if alpha:
        degrees = matrix.sum(dim=1)
        # in units of the smallest, which no entry of the walk depends on
        weights = (degrees / degrees.detach().min()) ** -alpha
    seen = matrix @ weights
    if not (weights * seen > 0).all():
        raise ValueError(f"alpha must not be so large that weights underflow; got {alpha:g}.")
    scales = (weights / seen).sqrt()
    matrix = scales[:, None] * matrix * scales

    # S = ln Z - (t / Z) sum lambda^t ln lambda, with Z = sum lambda^t
    total: Tensor = _SpectralSum.apply(matrix, *_power(t))
    logs: Tensor = _SpectralSum.apply(matrix, *_power_times_log(t))
    return (total.log() - t * logs / total).to(x.dtype)


def _renyi(kernel: Tensor, alpha: float) -> Tensor:
    matrix = kernel / len(kernel)
    if alpha == 2:
        return -matrix.square().sum().log()
    if alpha == 1:
        logs: Tensor = _SpectralSum.apply(matrix, *_power_times_log(1.0))
        return -logs
    if abs(alpha - 1) > NEAR_SHANNON:
        log: Tensor = _SpectralSum.apply(matrix, *_log_of_powers(alpha))
        return log / (1 - alpha)
    # by the differences of the powers from the eigenvalues, whose sum is 1: near 1 nothing cancels
    excess: Tensor = _SpectralSum.apply(matrix, *_excess(alpha))
    return torch.log1p(excess) / (1 - alpha)


def _power(t: float) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """lambda^t and its derivative."""
    return lambda v: v**t, lambda v: t * v ** (t - 1)


def _power_times_log(t: float) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """lambda^t ln lambda and its derivative."""
    return lambda v: v**t * v.log(), lambda v: v ** (t - 1) * (1 + t * v.log())


def _excess(alpha: float) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """lambda^alpha - lambda and its derivative."""
    return (
        lambda v: v * torch.expm1((alpha - 1) * v.log()),
        lambda v: alpha * v ** (alpha - 1) - 1,
    )


def _log_of_powers(
    alpha: float,
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """The logarithm of the sum of lambda^alpha, which cannot overflow, and its derivatives."""

    def log_sum(values: Tensor) -> Tensor:
        return torch.logsumexp(alpha * values.log(), dim=0)

    return log_sum, lambda v: alpha * torch.exp((alpha - 1) * v.log() - log_sum(v))


class _SpectralSum(torch.autograd.Function):
    """The sum of a function over the eigenvalues of a symmetric matrix, or a function of them all.

    Its derivative is that of the whole matrix, f'(A) for tr f(A): no eigenvector is asked for its
    own. Eigenvalues that rounding cannot tell from 0 are left out.
    """

    @staticmethod
    def forward(
        context: Any,
        matrix: Tensor,
        function: Callable[[Tensor], Tensor],
        derivative: Callable[[Tensor], Tensor],
    ) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        kept = values > len(values) * torch.finfo(values.dtype).eps * values[-1]
        values, vectors = values[kept], vectors[:, kept]
        context.save_for_backward(values, vectors)
        context.derivative = derivative
        return function(values).sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        values, vectors = context.saved_tensors
        return gradient * (vectors * context.derivative(values)) @ vectors.T, None, None


def _gram(x: Tensor) -> Tensor:
    """The kernel matrix of samples in widths, from differences, which never cancel."""
    mode = "donot_use_mm_for_euclid_dist"
    return (-0.5 * torch.cdist(x, x, compute_mode=mode).square()).exp()
