"""Batches as losses take them: tensors in their graph, in units of a width."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from infotheory import checks, widths

__all__ = ["in_widths", "samples", "width_of"]


def samples(x: Any, name: str) -> Tensor:
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


def width_of(width: Any, name: str, *batches: Tensor) -> float:
    """The width of all samples together, which is a constant to the gradient."""
    together = torch.cat([part.detach().double() for part in batches])
    return widths.kernel_width(width, together, option=name)


def in_widths(sigma: float, *batches: Tensor) -> list[Tensor]:
    """Batches of one space in double precision, as distances in widths from a common centre."""
    widths.refuse_narrow(sigma, max(float(batch.detach().abs().max()) for batch in batches))
    centre = batches[0].detach().double().mean(dim=0)
    return [(batch.double() - centre) / sigma for batch in batches]
