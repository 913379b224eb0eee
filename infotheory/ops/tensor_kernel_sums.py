"""Sums of Gaussian kernels over all pairs, for torch tensors on any device, with gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infotheory.ops import ranges
from infotheory.ops.tensor_mixture import squared_distances, stretches

__all__ = ["distance_quantile", "kernel_row_sums"]

# Devices on which exponents are products of float64 matrices, where that keeps the digits: many
# times faster. On a CPU the last bits of a product would depend on the number of threads.
BY_PRODUCTS = {"cuda"}
# Up to such squared lengths, in widths, a product is off by less than 1e-13.
NEAR = 64.0


def kernel_row_sums(
    points: Sequence[Tensor],
    samples: Sequence[Tensor] | None = None,
    *,
    precision: str = "double",
) -> Tensor:
    r"""Logarithms of sums of Gaussian kernels at points, in each part and in all together.

    .. math::
        \ln \sum_j e^{-|p^k_i - s^k_j|^2 / 2} \quad (k = 1, 2, ...), \qquad
        \ln \sum_j \prod_k e^{-|p^k_i - s^k_j|^2 / 2}

    The same as `ops.kernels.kernel_sums.kernel_row_sums`, to about 1e-13, with gradients.

    Parameters
    ----------
    points : sequence of tensors, shapes (m, d_1), (m, d_2), ...
        Where the sums are wanted, in units of the widths.
    samples : sequence of tensors, shapes (n, d_1), (n, d_2), ...; optional
        What is summed over; without them the points themselves.
    precision : {"double", "single"}
        "single" takes exponentials in float32; their sums are float64 always.

    Returns
    -------
    float64 tensor, shape (kinds, m)
        One row for a single part; for more, one for each part and a last one for all together.

    Notes
    -----
    Distances are differences squared, or on an accelerator products of matrices where these keep
    the digits; in float64 both, so that TF32 cannot touch them. The backward pass makes each tile
    again, so that no graph holds all pairs; of a second derivative torch would make 0 or an error,
    so losses refuse it. Cost: O(m n d) time, forward and again backward; memory of a tile.
    """
    rows = [part.double() for part in points]
    columns = rows if samples is None else [part.double() for part in samples]
    found: Tensor = _RowSums.apply(precision, samples is None, *rows, *columns)
    return found


class _RowSums(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, precision: str, own: bool, *parts: Tensor) -> Tensor:
        count = len(parts) // 2
        rows, columns = parts[:count], parts[count:]
        logs = rows[0].new_empty(1 if count == 1 else count + 1, len(rows[0]))
        exponents_of = [_exponents(*pair) for pair in zip(rows, columns, strict=True)]
        for start, stop in _tiles(rows, columns):
            total: Tensor | None = None
            for k in range(count):
                exponents = exponents_of[k](start, stop)
                logs[k, start:stop] = _log_sums(exponents, precision, start if own else None)
                if count > 1:
                    total = exponents if total is None else total.add_(exponents)
            if total is not None:
                logs[count, start:stop] = _log_sums(total, precision, start if own else None)
        context.save_for_backward(logs, *parts)
        return logs

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        logs, *parts = context.saved_tensors
        count = len(parts) // 2
        rows, columns = parts[:count], parts[count:]
        found = [torch.zeros_like(part) for part in parts]
        exponents_of = [_exponents(*pair) for pair in zip(rows, columns, strict=True)]
        for start, stop in _tiles(rows, columns):
            exponents = [each(start, stop) for each in exponents_of]
            joint = None
            if count > 1:
                joint = _weights(
                    sum(exponents), logs[count, start:stop], gradient[count, start:stop]
                )
            for k in range(count):
                weights = _weights(exponents[k], logs[k, start:stop], gradient[k, start:stop])
                if joint is not None:
                    weights += joint
                p, s = rows[k][start:stop], columns[k]
                found[k][start:stop] += weights @ s - weights.sum(dim=1, keepdim=True) * p
                found[count + k] += weights.T @ p - weights.sum(dim=0)[:, None] * s
        return (None, None, *found)


def _exponents(rows: Tensor, columns: Tensor) -> Callable[[int, int], Tensor]:
    """A function that gives -|p - s|^2 / 2 of some rows p and all columns s."""
    if rows.device.type in BY_PRODUCTS:
        centre = columns.mean(dim=0)
        p, s = rows - centre, columns - centre
        own, others = (each.square().sum(dim=1, keepdim=True) / 2 for each in (p, s))
        if max(float(own.max()), float(others.max())) <= NEAR / 2:
            # p s' - |p|^2 / 2 - |s|^2 / 2, in one product
            left = torch.cat([p, -own, torch.ones_like(own)], dim=1)
            right = torch.cat([s, torch.ones_like(others), -others], dim=1).T.contiguous()
            return lambda start, stop: (left[start:stop] @ right).clamp_(max=0.0)
    return lambda start, stop: squared_distances(rows[start:stop], columns).mul_(-0.5)


def _weights(exponents: Any, logs: Tensor, gradient: Tensor) -> Tensor:
    """Each sample's share of the sums, times the gradient of their logarithm."""
    weights: Tensor = exponents.sub(logs[:, None]).exp_()
    return weights.mul_(gradient[:, None])


def _log_sums(exponents: Tensor, precision: str, own: int | None) -> Tensor:
    """Logarithm of the sum of each row; `own` is where the first row's own term is, if anywhere."""
    if own is not None:
        kernel = exponents.float() if precision == "single" else exponents.clone()
        kernel.exp_().diagonal(own).zero_()
        # The own term is the 1 of log1p: small sums of the others keep their digits.
        return kernel.sum(dim=1, dtype=torch.float64).log1p_()
    top = exponents.amax(dim=1, keepdim=True)
    # Where even the nearest distance overflows, the sum is 0 and not a difference of infinities.
    shifted = exponents - torch.where(top.isfinite(), top, 0.0)
    if precision == "single":
        shifted = shifted.float()
    return shifted.exp_().sum(dim=1, dtype=torch.float64).log_().add_(top[:, 0])


def _tiles(rows: Sequence[Tensor], columns: Sequence[Tensor]) -> list[tuple[int, int]]:
    return stretches(len(rows[0]), len(columns[0]), rows[0].device.type)


def distance_quantile(x: Tensor, quantile: float) -> float:
    """A quantile of the distances between different rows of x, those that coincide left out.

    As `ops.kernels.pair_distances.distance_quantile`, where the way is explained.

    Parameters
    ----------
    x : float64 tensor, shape (n, d)
    quantile : float
        Above 0, at most 1.

    Returns
    -------
    float
        NaN where all rows coincide.

    Notes
    -----
    Cost: O(n^2 d) time, two passes; memory of a tile.
    """
    exponent = math.frexp(float(x.abs().max()))[1]
    x = ranges.scaled(x, -exponent)
    n = len(x)

    def counts(leading: int) -> np.ndarray:
        found = torch.zeros(ranges.HALF_KEYS, dtype=torch.int64, device=x.device)
        for start, stop in stretches(n, n, x.device.type):
            squares = squared_distances(x[start:stop], x[start:])
            keep = torch.ones_like(squares, dtype=torch.bool).triu_(1) & (squares > 0)
            found += torch.bincount(_halves_of_keys(squares[keep], leading), minlength=len(found))
        return found.cpu().numpy()

    return ranges.quantile_by_bits(counts, quantile, exponent)


def _halves_of_keys(squares: Tensor, leading: int) -> Tensor:
    """Leading halves of the keys of `ranges`, or the rest of those with a leading half."""
    keys = (squares.view(torch.int64) + (1 << 28)) >> 29
    if leading < 0:
        return keys // ranges.HALF_KEYS
    return keys[keys // ranges.HALF_KEYS == leading] % ranges.HALF_KEYS
