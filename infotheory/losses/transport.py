"""The loss of a Sinkhorn divergence, without a graph through its iterations."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch import Tensor

from infotheory import checks
from infotheory.estimate import InfotheoryWarning, outside
from infotheory.estimators.sinkhorn import doubt, solved
from infotheory.losses.batches import samples
from infotheory.transport import Transport

__all__ = ["sinkhorn_divergence"]

#: Entries of a plan that are made together.
TILE = 1 << 22


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
    x, y = samples(x, "x"), samples(y, "y")
    checks.same_columns(x=x, y=y)
    options = {
        "reg": reg,
        "reg_scale": reg_scale,
        "tol": tol,
        "max_iterations": max_iterations,
        "solver": solver,
    }
    value: Tensor = _SinkhornDivergence.apply(x.double(), y.double(), options)
    return value.to(x.dtype)


class _SinkhornDivergence(torch.autograd.Function):
    """The divergence of two batches; its gradient goes through the costs at the best plans.

    At the best potentials the derivative with respect to them is 0 (the envelope theorem), so that
    neither the solver nor its starting point has to be differentiated.
    """

    @staticmethod
    def forward(context: Any, x: Tensor, y: Tensor, options: dict[str, Any]) -> Tensor:
        """The value, and the gradients, which are kept."""
        terms = solved(checks.real(x, "x"), checks.real(y, "y"), **options)
        if not terms.worst.converged:
            message = f"sinkhorn_divergence: {doubt(terms.worst, terms.error)}"
            warnings.warn(message, InfotheoryWarning, stacklevel=outside())
        p, q = (torch.as_tensor(part) for part in (terms.x, terms.y))
        pull_x, pull_y = _pulls(p, q, terms.between, terms.reg)
        pull_x -= sum(_pulls(p, p, terms.within_x, terms.reg)) / 2
        pull_y -= sum(_pulls(q, q, terms.within_y, terms.reg)) / 2
        unit = 2.0**terms.exponent
        context.save_for_backward(pull_x * unit, pull_y * unit)
        return torch.tensor(terms.value, dtype=torch.float64, device=x.device)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients times that of the value."""
        return *(gradient * pull for pull in context.saved_tensors), None


def _pulls(x: Tensor, y: Tensor, found: Transport, reg: float) -> tuple[Tensor, Tensor]:
    """Derivatives of <C, P> with respect to the points, at a fixed plan, tile by tile."""
    f, g = (torch.as_tensor(part, device=x.device) for part in found.potentials)
    log_mass = -math.log(len(x)) - math.log(len(y))
    pull_x, pull_y = torch.empty_like(x), torch.zeros_like(y)
    rows = max(1, TILE // len(y))
    for start in range(0, len(x), rows):
        part = slice(start, start + rows)
        costs = torch.cdist(x[part], y, compute_mode="donot_use_mm_for_euclid_dist").square()
        plan = ((f[part, None] + g - costs) / reg + log_mass).exp()
        pull_x[part] = 2 * (plan.sum(dim=1)[:, None] * x[part] - plan @ y)
        pull_y += 2 * (plan.sum(dim=0)[:, None] * y - plan.T @ x[part])
    return pull_x, pull_y
