"""Objectives to train with: torch tensors in, a torch scalar out, with gradients.

Each is the estimator of the same name, with the value that this returns, computed in float64 and
given back in the type of its input. Second derivatives are not offered: a RuntimeError says so.
"""

from __future__ import annotations

from infotheory.losses.kernels import (
    cauchy_schwarz,
    cauchy_schwarz_mi,
    conditional_cauchy_schwarz,
    hsic,
)
from infotheory.losses.spectra import diffusion, matrix_renyi
from infotheory.losses.transport import sinkhorn_divergence

__all__ = [
    "cauchy_schwarz",
    "cauchy_schwarz_mi",
    "conditional_cauchy_schwarz",
    "diffusion",
    "hsic",
    "matrix_renyi",
    "sinkhorn_divergence",
]
