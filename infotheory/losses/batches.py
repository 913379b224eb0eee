"""Batches as losses take them: tensors in their graph, in units of a width."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from infotheory import checks, widths

__all__ = ["in_widths", "samples", "width_of"]


def samples(x: Any, name: str) -> Tensor:
    """A tensor of shape (n, d), on its device and in its graph, with a gradient but no second one.

    Losses give their gradients as numbers, which torch would take for constants: of a penalty on
    them it would find nothing, and of their Hessian zeros, without a word.
    """
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name} must be a torch tensor; got {type(x).__name__}. For arrays use the verbs, "
            f"infotheory.divergence for example."
        )
    if not x.is_floating_point():
        raise TypeError(f"{name} must hold floating-point numbers; got {x.dtype}.")
    checks.real(x, name)
    once: Tensor = _OnlyOnce.apply(x, name)
    return once[:, None] if x.ndim == 1 else once


class _OnlyOnce(torch.autograd.Function):
    """A batch as it is, whose gradient refuses to be differentiated."""

    @staticmethod
    def forward(context: Any, x: Tensor, name: str) -> Tensor:
        context.save_for_backward(x)
        context.name = name
        return x.view_as(x)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return _Refusing.apply(gradient, *context.saved_tensors, context.name), None


class _Refusing(torch.autograd.Function):
    """A gradient that depends on its batch, and says so where torch's once_differentiable does not.

    That one is silent where what comes in needs no gradient, as the 1 of a loss does, or where
    what is asked for is the gradient of the batch alone.
    """

    @staticmethod
    def forward(context: Any, gradient: Tensor, x: Tensor, name: str) -> Tensor:
        context.name = name
        return gradient.clone()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Any:
        raise RuntimeError(
            f"the gradient of a loss of infotheory, here with respect to {context.name}, cannot be "
            f"differentiated again: a penalty on it, or a Hessian, needs another loss."
        )


def width_of(width: Any, name: str, *batches: Tensor) -> float:
    """The width of all samples together, which is a constant to the gradient."""
    together = torch.cat([part.detach().double() for part in batches])
    return widths.kernel_width(width, together, option=name)


def in_widths(sigma: float, *batches: Tensor) -> list[Tensor]:
    """Batches of one space in double precision, as distances in widths from a common centre."""
    widths.refuse_narrow(sigma, max(float(batch.detach().abs().max()) for batch in batches))
    centre = batches[0].detach().double().mean(dim=0)
    return [(batch.double() - centre) / sigma for batch in batches]
