"""Codes of rows for torch tensors on any device."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def row_codes(
    x: Tensor,
    *,
    edges: np.ndarray | None = None,
    low: float = 0.0,
    step: float | None = None,
    bins: int | None = None,
) -> tuple[np.ndarray, int]:
    r"""Number the distinct rows in order of first appearance.

    .. math:: \text{symbol}(v) = v, \quad \#\{e \le v\} \;\text{(edges)}, \quad
        \min\Bigl(\Bigl\lfloor \frac{v - \text{low}}{\text{step}} \Bigr\rfloor,
        \text{bins} - 1\Bigr) \;\text{(step)}

    The same codes as `ops.kernels.rows.row_codes`, where the terms are explained.

    Parameters
    ----------
    x : tensor of integers, bool or floats, shape (n, d)
    edges : sorted float64 array, optional
    low, step : float
    bins : int, optional

    Returns
    -------
    codes : int64 array, shape (n,)
    m : int

    Notes
    -----
    Rows of symbols are sorted: O(n d log n) time, O(n d) memory on the device.
    """
    symbols = _symbols(x, edges, low, step, bins)
    if symbols.shape[1] == 1:
        distinct, codes = torch.unique(symbols[:, 0], return_inverse=True)
    else:
        distinct, codes = torch.unique(symbols, dim=0, return_inverse=True)
    n, m = len(symbols), len(distinct)
    places = torch.arange(n, device=x.device)
    leaders = torch.full((m,), n, device=x.device).scatter_reduce_(0, codes, places, "amin")
    rank = torch.empty(m, dtype=torch.int64, device=x.device)
    rank[torch.argsort(leaders)] = places[:m]
    return rank[codes].cpu().numpy(), m


def _symbols(
    x: Tensor, edges: np.ndarray | None, low: float, step: float | None, bins: int | None
) -> Tensor:
    """A matrix of numbers, equal where the symbols are."""
    if edges is not None:
        borders = torch.tensor(np.asarray(edges, np.float64), device=x.device)
        return torch.bucketize(x.double().contiguous(), borders, right=True)
    if step is not None:
        # As a tensor on the device, because CUDA multiplies by the inverse of a Python number:
        # 0.21 * (1 / 0.07) may be on the other side of 3 than 0.21 / 0.07.
        divisor = torch.tensor(step, dtype=torch.float64, device=x.device)
        top = math.inf if bins is None else bins - 1.0
        return torch.floor((x.double() - low) / divisor).clamp_(max=top).add_(0.0)
    if x.is_floating_point():
        return x.double().add(0.0)  # -0.0 becomes 0.0
    return x.to(torch.int64)
