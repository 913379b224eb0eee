"""Objectives to train with: torch tensors in, a torch scalar out, with gradients.

Each is the estimator of the same name, with the value that this returns, computed in float64 and
given back in the type of its input.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from infotheory import checks, widths
from infotheory.estimators.kernel_information import hsic_of, quadratic_information_of
from infotheory.estimators.kernels import cauchy_schwarz_of
from infotheory.kernel_divergences import conditional_cauchy_schwarz_of
from infotheory.ops.tensor_kernel_sums import kernel_row_sums
from infotheory.transport_losses import SinkhornDivergence

__all__ = [
    "cauchy_schwarz",
    "cauchy_schwarz_mi",
    "conditional_cauchy_schwarz",
    "diffusion",
    "hsic",
    "matrix_renyi",
    "sinkhorn_divergence",
]


def cauchy_schwarz(
    x: Tensor, y: Tensor, *, width: str | float = "median", convention: str = "squared"
) -> Tensor:
    r"""Cauchy-Schwarz divergence of two batches.

    .. math:: D = \ln \overline{\kappa(x_i - x_j)} + \ln \overline{\kappa(y_i - y_j)}
        - 2 \ln \overline{\kappa(x_i - y_j)}

    Parameters
    ----------
    x, y : tensors, shape (n, d) and (m, d), or (n,) and (m,)
        Samples, not paired.
    width : {"median", "sqrt_dim", "knn", "silverman"} or float
        The width sigma; a rule looks at both batches, and no gradient goes through it.
    convention : {"squared", "half"}
        "half" is half of the formula.

    Returns
    -------
    Tensor
        A scalar, in nats.

    Raises
    ------
    TypeError, ValueError
        For what is not a tensor of finite real numbers, shapes that do not fit, an unknown rule
        or convention, or a width that is not positive.

    Notes
    -----
    Sums are taken of logarithms, so that batches far apart have a finite value and a gradient.
    Cost: O((n + m)^2 d) time, O((n + m) d) memory: no graph holds all pairs.

    References
    ----------
    Principe, Information Theoretic Learning (2010), doi:10.1007/978-1-4419-1570-2, chapter 2.
    """
    checks.choice(convention, "convention", ("squared", "half"))
    x, y = _samples(x, "x"), _samples(y, "y")
    checks.same_columns(x=x, y=y)
    sigma = _width(width, "width", x, y)
    p, q = _in_widths(x, sigma), _in_widths(y, sigma)
    value = cauchy_schwarz_of(_log_mean(p, p), _log_mean(q, q), _log_mean(p, q))
    return (value if convention == "squared" else value / 2).to(x.dtype)


def conditional_cauchy_schwarz(
    y: Tensor,
    y_hat: Tensor,
    *,
    given: Tensor,
    width_x: str | float = "median",
    width_y: str | float = "median",
) -> Tensor:
    r"""Conditional Cauchy-Schwarz divergence of predictions from targets, given the inputs.

    .. math:: D = \ln S(y, y) + \ln S(\hat y, \hat y) - 2 \ln S(\hat y, y), \qquad
        S(a, b) = \sum_j \frac{\sum_i K_{ji} \, \kappa(a_j - b_i)}{(\sum_i K_{ji})^2}

    with the kernel K of the inputs.

    Parameters
    ----------
    y, y_hat : tensors, shape (n,) or (n, d)
        Targets and predictions, paired.
    given : tensor, shape (n,) or (n, d)
        Inputs, paired with both.
    width_x : {"median", "sqrt_dim", "knn", "silverman"} or float
        The width of the kernel of the inputs. The rules make it wide: then the loss hardly knows
        which target belongs to which input. A narrow one makes it the correntropy loss.
    width_y : {"median", "sqrt_dim", "knn", "silverman"} or float
        The width of the kernel of targets and predictions; a rule looks at both together.

    Returns
    -------
    Tensor
        A scalar, in nats.

    Raises
    ------
    TypeError, ValueError
        As :func:`cauchy_schwarz`; and if the lengths differ.

    Notes
    -----
    y of shape (n,) and (n, 1) are the same. Cost: O(n^2 d) time, O(n d) memory.

    References
    ----------
    Yu et al. (2024), arXiv:2404.17951, proposition 1; Yu et al. (2025),
    doi:10.1109/TPAMI.2025.3540034.
    """
    y, y_hat, given = _samples(y, "y"), _samples(y_hat, "y_hat"), _samples(given, "given")
    checks.same_length(y=y, y_hat=y_hat, given=given)
    checks.same_columns(y=y, y_hat=y_hat)
    x = _in_widths(given, _width(width_x, "width_x", given))
    sigma = _width(width_y, "width_y", y, y_hat)
    a, b = _in_widths(y, sigma), _in_widths(y_hat, sigma)
    rows = kernel_row_sums([x])[0]

    def log_sum(p: Tensor, q: Tensor) -> Tensor:
        return torch.logsumexp(kernel_row_sums([x, p], [x, q])[-1] - 2 * rows, dim=0)

    value = conditional_cauchy_schwarz_of(log_sum(a, a), log_sum(b, b), log_sum(b, a))
    return value.to(y_hat.dtype)


def cauchy_schwarz_mi(x: Tensor, t: Tensor, *, width: Any = "median") -> Tensor:
    r"""Cauchy-Schwarz quadratic information of two paired batches.

    .. math:: I = \ln \frac{T_1 T_2}{T_3^2}

    with the terms of :func:`infotheory.cauchy_schwarz_mutual_information`.

    Parameters
    ----------
    x, t : tensors, shape (n,) or (n, d)
        Paired samples, for example the input and a layer.
    width : {"median", "sqrt_dim", "knn", "silverman"}, float, or a pair of them
        The widths, for x and for t; no gradient goes through a rule.

    Returns
    -------
    Tensor
        A scalar, in nats, at most ln n.

    Raises
    ------
    TypeError, ValueError
        As :func:`cauchy_schwarz`; and if the lengths differ.

    Notes
    -----
    With a width too small for the dimension every batch is at ln n, and the gradient vanishes.
    Cost: O(n^2 d) time, O(n d) memory.

    References
    ----------
    Principe, Information Theoretic Learning (2010), doi:10.1007/978-1-4419-1570-2, chapter 2;
    Yu et al. (2024), arXiv:2404.17951.
    """
    logs = _dependence(x, t, width)
    return quadratic_information_of(*logs).to(t.dtype)


def hsic(x: Tensor, t: Tensor, *, width: Any = "median") -> Tensor:
    r"""Hilbert-Schmidt independence criterion of two paired batches.

    .. math:: I = \frac{1}{n^2} \operatorname{tr} K H Q H

    Parameters
    ----------
    x, t : tensors, shape (n,) or (n, d)
        Paired samples.
    width : {"median", "sqrt_dim", "knn", "silverman"}, float, or a pair of them
        The widths, for x and for t; no gradient goes through a rule.

    Returns
    -------
    Tensor
        A scalar without unit, between 0 and 1.

    Raises
    ------
    TypeError, ValueError
        As :func:`cauchy_schwarz`; and if the lengths differ.

    Notes
    -----
    Cost: O(n^2 d) time, O(n d) memory.

    References
    ----------
    Gretton et al. (2005), doi:10.1007/11564089_7, definition 2.
    """
    joint, product, cross = (log.exp() for log in _dependence(x, t, width))
    return hsic_of(joint, product, cross).to(t.dtype)


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
    x = _samples(x, "x")
    arrays = {"x": x.detach()}
    if t is not None:
        t = _samples(t, "t")
        checks.same_length(x=x, t=t)
        arrays["t"] = t.detach()
    sigma = widths.kernel_widths(width, arrays)
    matrix = _gram(_in_widths(x, sigma[0]))
    if t is None:
        return _renyi(matrix, alpha).to(x.dtype)
    other = _gram(_in_widths(t, sigma[1]))
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
        How far the density of the samples is divided out, 0 to 1.

    Returns
    -------
    Tensor
        A scalar, in nats.

    Raises
    ------
    TypeError, ValueError
        As :func:`cauchy_schwarz`; and for a time that is not positive.

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
    x = _samples(x, "x")
    matrix = _gram(_in_widths(x, widths.kernel_width(width, x.detach())))
    if alpha:
        degrees = matrix.sum(dim=1) ** -alpha
        matrix = degrees[:, None] * matrix * degrees
    degrees = matrix.sum(dim=1).rsqrt()
    matrix = degrees[:, None] * matrix * degrees

    # S = ln Z - (t / Z) sum lambda^t ln lambda, with Z = sum lambda^t
    total: Tensor = _SpectralSum.apply(matrix, *_power(t))
    logs: Tensor = _SpectralSum.apply(matrix, *_power_times_log(t))
    return (total.log() - t * logs / total).to(x.dtype)


def sinkhorn_divergence(
    x: Tensor,
    y: Tensor,
    *,
    reg: float = 0.05,
    reg_scale: str | None = "mean",
    tol: float = 1e-9,
    max_iterations: int = 10_000,
    solver: str = "auto",
) -> Tensor:
    r"""Sinkhorn divergence of two batches.

    .. math:: S = \mathrm{OT}(x, y) - \tfrac12 \mathrm{OT}(x, x) - \tfrac12 \mathrm{OT}(y, y)

    with the entropic transport costs of :func:`infotheory.sinkhorn_divergence`.

    Parameters
    ----------
    x, y : tensors, shape (n, d) and (m, d), or (n,) and (m,)
        Samples, not paired.
    reg : float
        The regularisation, in units of the cost.
    reg_scale : {"mean", None}
        "mean": reg is multiplied by the mean cost; no gradient goes through that.
    tol, max_iterations, solver
        As for :func:`infotheory.sinkhorn`, for each of the three terms.

    Returns
    -------
    Tensor
        A scalar, in squares of the unit of the batches.

    Raises
    ------
    TypeError, ValueError
        As :func:`cauchy_schwarz`; and for options that :func:`infotheory.sinkhorn` refuses.

    Notes
    -----
    The gradient is that at the best plans, through the costs alone: no graph holds an iteration or
    a matrix of pairs. It is as exact as the plans, within about tol. A warning says where they did
    not converge. Cost: as :func:`infotheory.sinkhorn_divergence`.

    References
    ----------
    Feydy et al. (2019), arXiv:1810.08278, eq. 3.
    """
    x, y = _samples(x, "x"), _samples(y, "y")
    checks.same_columns(x=x, y=y)
    options = {
        "reg": reg,
        "reg_scale": reg_scale,
        "tol": tol,
        "max_iterations": max_iterations,
        "solver": solver,
    }
    value: Tensor = SinkhornDivergence.apply(x.double(), y.double(), options)
    return value.to(x.dtype)


def _renyi(kernel: Tensor, alpha: float) -> Tensor:
    matrix = kernel / len(kernel)
    if alpha == 2:
        return -matrix.square().sum().log()
    if alpha == 1:
        logs: Tensor = _SpectralSum.apply(matrix, *_power_times_log(1.0))
        return -logs
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


class _SpectralSum(torch.autograd.Function):
    """The sum of a function over the eigenvalues of a symmetric matrix: tr f(A).

    Its derivative is f'(A), whole: no eigenvector is asked for its own. Eigenvalues that rounding
    cannot tell from 0 are left out.
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


def _dependence(x: Tensor, t: Tensor, width: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Logarithms of the three terms of quadratic information."""
    x, t = _samples(x, "x"), _samples(t, "t")
    checks.same_length(x=x, t=t)
    sigma = widths.kernel_widths(width, {"x": x.detach(), "t": t.detach()})
    rows = kernel_row_sums([_in_widths(x, sigma[0]), _in_widths(t, sigma[1])])
    of_x, of_t, joint = rows - math.log(len(x))
    return _mean(joint), _mean(of_x) + _mean(of_t), _mean(of_x + of_t)


def _log_mean(p: Tensor, q: Tensor) -> Tensor:
    """The logarithm of the mean kernel between two samples."""
    rows = kernel_row_sums([p]) if p is q else kernel_row_sums([p], [q])
    return _mean(rows[0] - math.log(len(q)))


def _mean(logs: Tensor) -> Tensor:
    return torch.logsumexp(logs, dim=0) - math.log(len(logs))


def _width(width: Any, name: str, *samples: Tensor) -> float:
    """The width of all samples together, which is a constant to the gradient."""
    together = torch.cat([part.detach().double() for part in samples])
    return widths.kernel_width(width, together, option=name)


def _in_widths(x: Tensor, sigma: float) -> Tensor:
    return x.double() / sigma


def _samples(x: Any, name: str) -> Tensor:
    """A tensor of shape (n, d), on its device and in its graph."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name} must be a torch tensor; got {type(x).__name__}. For arrays use the verbs, "
            f"infotheory.divergence for example."
        )
    if not x.is_floating_point():
        raise TypeError(f"{name} must hold floating-point numbers; got {x.dtype}.")
    checks.real(x, name)
    return x[:, None] if x.ndim == 1 else x
