"""Log sums of the Gaussian mixture around the samples, for torch tensors on any device."""

from __future__ import annotations

import math
import sys

import numpy as np
import torch
from torch import Tensor

from infotheory.ops import MixtureLogSums

# Distances held at once: on a CPU a tile is passed over several times and should stay in the
# cache; on an accelerator it should be large enough to fill it.
TILE = {"cpu": 1 << 18, "cuda": 1 << 25}


def mixture_log_sums(x: Tensor, variance: float, classes: Tensor | None = None) -> MixtureLogSums:
    r"""Log sums of Gaussians around each sample, over all samples and over its own class.

    .. math::
        u_i = \ln \sum_j \exp\Bigl(-\frac{|x_i - x_j|^2}{2 s}\Bigr), \qquad
        l_i = \ln \sum_j \exp\Bigl(-\frac{|x_i - x_j|^2}{8 s}\Bigr)

    The same as `ops.kernels.mixture.mixture_log_sums`, where the terms are explained, to about
    1e-14.

    Parameters
    ----------
    x : float64 tensor, shape (n, d)
    variance : float
    classes : integer tensor, shape (n,), optional

    Returns
    -------
    MixtureLogSums
        Four float64 numpy arrays of shape (n,); the two by class are None without `classes`.

    Notes
    -----
    Distances are differences squared, never a matrix product: TF32 cannot touch them. Each pair
    is taken once, but for those within a tile's rows. Cost: O(n^2 d) time; memory of a tile.
    """
    n = len(x)
    factor = _factor(8.0, variance)
    sums = x.new_zeros(2 if classes is None else 4, n)
    for start, stop in stretches(n, n, x.device.type):
        low = _kernel(x[start:stop], x[start:], factor)
        low.diagonal().zero_()  # the own term is the 1 of log1p
        _add(sums[:2], low, start, stop)
        if classes is not None:
            low.mul_(classes[start:stop, None] == classes[None, start:])
            _add(sums[2:], low, start, stop)
    logs = sums.log1p_().cpu().numpy()
    by_class = (None, None) if classes is None else (logs[2], logs[3])
    return MixtureLogSums(logs[0], logs[1], *by_class)


def mixture_density_log(x: Tensor, points: Tensor, variance: float) -> np.ndarray:
    r"""Log density of the Gaussian mixture around the samples, up to its constant.

    .. math:: \ln \frac1n \sum_j \exp\Bigl(-\frac{|p - x_j|^2}{2 s}\Bigr)

    Parameters
    ----------
    x : float64 tensor, shape (n, d)
        The samples, centres of the mixture.
    points : float64 tensor, shape (m, d)
        Where to evaluate, on the device of x.
    variance : float
        s. The density itself needs -d/2 ln(2 pi s) added.

    Returns
    -------
    float64 array, shape (m,)

    Notes
    -----
    Cost: O(n m d) time; memory of a tile.
    """
    n, m = len(x), len(points)
    factor = _factor(2.0, variance)
    logs = x.new_empty(m)
    for start, stop in stretches(m, n, x.device.type):
        logs[start:stop] = squared_distances(points[start:stop], x).mul_(factor).logsumexp(dim=1)
    return (logs - math.log(n)).cpu().numpy()


def kernel_log_sums(x: Tensor, variance: float) -> np.ndarray:
    r"""Log sums of Gaussians around all samples but the one at which they are evaluated.

    .. math:: \ln \sum_{j \ne i} \exp\Bigl(-\frac{|x_i - x_j|^2}{2 s}\Bigr)

    The same as `ops.kernels.mixture.kernel_log_sums`, to about 1e-14 of the exponents.

    Parameters
    ----------
    x : float64 tensor, shape (n, d)
    variance : float

    Returns
    -------
    float64 array, shape (n,)

    Notes
    -----
    Cost: O(n^2 d) time; memory of a tile.
    """
    n = len(x)
    factor = _factor(2.0, variance)
    logs = x.new_empty(n)
    for start, stop in stretches(n, n, x.device.type):
        exponents = squared_distances(x[start:stop], x).mul_(factor)
        exponents.diagonal(start).fill_(-math.inf)
        logs[start:stop] = exponents.logsumexp(dim=1)
    return logs.cpu().numpy()


def _add(sums: Tensor, low: Tensor, start: int, stop: int) -> None:
    """Add a tile and its fourth power to its rows and, beyond the rows' own square, its columns."""
    own = stop - start
    for total, kernel in ((sums[1], low), (sums[0], low.square().square_())):
        total[start:stop] += kernel.sum(dim=1)
        total[stop:] += kernel[:, own:].sum(dim=0)


def _kernel(rows: Tensor, samples: Tensor, factor: float) -> Tensor:
    return squared_distances(rows, samples).mul_(factor).exp_()


def squared_distances(rows: Tensor, samples: Tensor) -> Tensor:
    """All squared distances, from differences: nothing cancels, and TF32 cannot touch them."""
    mode = "donot_use_mm_for_euclid_dist"
    return torch.cdist(rows, samples, compute_mode=mode).square_()


def _factor(multiple: float, variance: float) -> float:
    """-1 / (multiple variance), neither 0 nor infinite: times a distance it must not be NaN."""
    return max(-1.0 / multiple / variance, -sys.float_info.max)


def stretches(rows: int, columns: int, device: str) -> list[tuple[int, int]]:
    """Stretches of rows whose tiles with all columns fit into TILE."""
    height = max(1, TILE.get(device, TILE["cpu"]) // columns)
    return [(start, min(start + height, rows)) for start in range(0, rows, height)]
