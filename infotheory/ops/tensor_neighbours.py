"""Radii and counts of nearest neighbours for torch tensors on any device, tile by tile."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from infotheory.ops.ranges import scaled, shrink_exponent

# Bytes of one table of distances, of which parts + 2 are held; so n x n never is.
TILE_BYTES = {"cpu": 1 << 22, "cuda": 1 << 29}


def _distances(rows: Tensor, samples: Tensor, euclidean: bool, out: Tensor, step: Tensor) -> None:
    """Distances (Euclidean: their squares) of some rows to all samples, column by column.

    The same operations in the same order as the CPU engine. No matrix product: its rounding
    differs, and TF32's by far.
    """
    out.zero_()
    for row, column in zip(rows.T, samples.T, strict=True):
        torch.sub(row[:, None], column[None, :], out=step)
        if euclidean:
            out.add_(step.mul_(step))
        else:
            torch.maximum(out, step.abs_(), out=out)


def neighbours(
    parts: Sequence[Tensor], k: int, metric: str, counts: bool = True
) -> tuple[np.ndarray, np.ndarray | None, str]:
    r"""Distance to the k-th nearest neighbour, and how many samples are nearer in each part.

    .. math:: r_i = \text{k-th smallest over } j \ne i \text{ of } \max_p d_p(i, j), \qquad
              c_{p,i} = \#\{j \ne i : d_p(i, j) < r_i\}

    Equal to the bit to ``ops.kernels.neighbours.neighbours``, where the terms are explained.

    Parameters
    ----------
    parts : tensors, each of shape (n, d_p), on one device
        Finite; float64 is computed whatever their type.
    k : int
        Below n.
    metric : "chebyshev" or "euclidean"
        Norm inside a part; between parts, always the largest.
    counts : bool
        False leaves the counts out (they cost about as much as the radii).

    Returns
    -------
    radius : float64 array, shape (n,)
    counts : int64 array, shape (parts, n), or None
    path : "tiles"

    Notes
    -----
    Cost: n^2 times all d. Memory: a few tiles of ``TILE_BYTES``, and the samples.
    """
    euclidean = metric == "euclidean"
    samples = [part.detach().to(torch.float64) for part in parts]
    n, device = len(samples[0]), samples[0].device
    exponent = shrink_exponent(max(float(part.abs().max()) for part in samples), metric)
    samples = [scaled(part, -exponent) for part in samples]

    radius = torch.empty(n, dtype=torch.float64, device=device)
    found = torch.empty((len(samples), n), dtype=torch.int64, device=device)
    height = max(1, TILE_BYTES.get(device.type, TILE_BYTES["cpu"]) // (8 * n))
    buffers = torch.empty((len(samples) + 2, height, n), dtype=torch.float64, device=device)
    for first in range(0, n, height):
        last = min(first + height, n)
        *tables, step, joint = buffers[:, : last - first]
        joint.zero_()
        for part, table in zip(samples, tables, strict=True):
            _distances(part[first:last], part, euclidean, table, step)
            torch.maximum(joint, table, out=joint)
        joint.diagonal(first).fill_(torch.inf)  # nobody is a neighbour of itself
        reach = joint.topk(k, dim=1, largest=False, sorted=True).values[:, -1]
        radius[first:last] = reach
        if counts:
            for count, table in zip(found, tables, strict=True):
                # a positive radius holds the sample itself
                count[first:last] = (table < reach[:, None]).sum(1) - (reach > 0).long()

    answer = radius.cpu().numpy()
    if euclidean:
        answer = np.sqrt(answer)
    return scaled(answer, exponent), found.cpu().numpy() if counts else None, "tiles"
