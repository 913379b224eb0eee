"""Transport on a line along many directions, on torch."""

from __future__ import annotations

import numpy as np
import torch

from infotheory.ops.kernels.slices import matching

__all__ = ["slice_slope", "sliced_costs"]

# Bytes of the projections that are sorted together.
ROOM = 1 << 26


def sliced_costs(
    x: torch.Tensor, y: torch.Tensor, directions: np.ndarray, order: float
) -> np.ndarray:
    """(L,) W_p^p of the projections on each direction."""
    pieces = matching(len(x), len(y))
    out = np.empty(len(directions))
    group = max(1, ROOM // (8 * (len(x) + len(y))))
    for start in range(0, len(directions), group):
        along = torch.as_tensor(directions[start : start + group], device=x.device)
        first, second = (_projections(part, along).sort(dim=1).values for part in (x, y))
        if pieces is None:
            gaps = _powers(first - second, order) / len(x)
        else:
            rows, columns, mass = (torch.as_tensor(part, device=x.device) for part in pieces)
            gaps = _powers(first[:, rows] - second[:, columns], order) * mass
        # numpy adds in one order whatever the threads; torch does so on a CUDA device
        sums = gaps.numpy().sum(axis=1) if gaps.device.type == "cpu" else gaps.sum(dim=1).cpu()
        out[start : start + group] = sums
    return out


def slice_slope(
    x: torch.Tensor, y: torch.Tensor, direction: np.ndarray, order: float
) -> tuple[float, np.ndarray]:
    """W_p^p along one direction, and its gradient (d,) with respect to the direction."""
    along = torch.as_tensor(direction, device=x.device)[None]
    first, second = (_projections(part, along)[0].sort(stable=True) for part in (x, y))
    left, right = first.values, second.values
    rows, columns = first.indices, second.indices
    mass = torch.full_like(left, 1.0 / len(x))
    pieces = matching(len(x), len(y))
    if pieces is not None:
        at_x, at_y, mass = (torch.as_tensor(part, device=x.device) for part in pieces)
        left, right, rows, columns = left[at_x], right[at_y], rows[at_x], columns[at_y]
    gaps = left - right
    slopes = mass * order * _powers(gaps, order - 1) * gaps.sign()
    costs, apart = _powers(gaps, order) * mass, x[rows] - y[columns]
    pulls = slopes[:, None] * apart
    if pulls.device.type == "cpu":
        return float(costs.numpy().sum()), pulls.numpy().sum(axis=0)
    return float(costs.sum()), pulls.sum(dim=0).cpu().numpy()


def _powers(gaps: torch.Tensor, order: float) -> torch.Tensor:
    return gaps.square() if order == 2 else gaps.abs() if order == 1 else gaps.abs().pow(order)


def _projections(x: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """(L, n) by additions column by column, whose bits no number of threads changes."""
    out = torch.zeros(len(directions), len(x), dtype=torch.float64, device=x.device)
    for column in range(x.shape[1]):
        out.addcmul_(directions[:, column, None], x[None, :, column])
    return out
