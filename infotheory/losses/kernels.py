"""Losses of kernel sums, which hold no matrix of all pairs."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from infotheory import checks, widths
from infotheory.estimators.kernel_information import hsic_of, quadratic_information_of
from infotheory.estimators.kernels import cauchy_schwarz_of
from infotheory.kernel_divergences import conditional_cauchy_schwarz_of
from infotheory.losses.batches import in_widths, samples, width_of
from infotheory.ops.tensor_kernel_sums import kernel_row_sums

__all__ = ["cauchy_schwarz", "cauchy_schwarz_mi", "conditional_cauchy_schwarz", "hsic"]


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
    x, y = samples(x, "x"), samples(y, "y")
    checks.same_columns(x=x, y=y)
    sigma = width_of(width, "width", x, y)
    p, q = in_widths(sigma, x, y)
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
    y, y_hat, given = samples(y, "y"), samples(y_hat, "y_hat"), samples(given, "given")
    checks.same_length(y=y, y_hat=y_hat, given=given)
    checks.same_columns(y=y, y_hat=y_hat)
    (x,) = in_widths(width_of(width_x, "width_x", given), given)
    sigma = width_of(width_y, "width_y", y, y_hat)
    a, b = in_widths(sigma, y, y_hat)
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


def _dependence(x: Tensor, t: Tensor, width: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Logarithms of the three terms of quadratic information."""
    x, t = samples(x, "x"), samples(t, "t")
    checks.same_length(x=x, t=t)
    sigma = widths.kernel_widths(width, {"x": x.detach(), "t": t.detach()})
    rows = kernel_row_sums([*in_widths(sigma[0], x), *in_widths(sigma[1], t)])
    of_x, of_t, joint = rows - math.log(len(x))
    return _mean(joint), _mean(of_x) + _mean(of_t), _mean(of_x + of_t)


def _log_mean(p: Tensor, q: Tensor) -> Tensor:
    """The logarithm of the mean kernel between two samples."""
    rows = kernel_row_sums([p]) if p is q else kernel_row_sums([p], [q])
    return _mean(rows[0] - math.log(len(q)))


def _mean(logs: Tensor) -> Tensor:
    return torch.logsumexp(logs, dim=0) - math.log(len(logs))
