"""Radii and counts of nearest neighbours for torch tensors on any device, tile by tile."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from infotheory.ops.ranges import is_euclidean, limits, room_exponent, scaled

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


class _Samples:
    """The parts as float64 within its range, and their distances tile by tile."""

    def __init__(self, parts: Sequence[Tensor], metric: str) -> None:
        self.euclidean = is_euclidean(metric, [part.shape[1] for part in parts])
        doubles = [part.detach().to(torch.float64) for part in parts]
        largest = max(float(part.abs().max()) for part in doubles)
        self.exponent = room_exponent(largest, self.euclidean)
        self.parts = [scaled(part, -self.exponent) for part in doubles]
        self.n, self.device = len(doubles[0]), doubles[0].device

    def tiles(self) -> Iterator[tuple[slice, list[Tensor], Tensor]]:
        """Some rows, their distances to all samples part by part, and the largest over parts.

        The distance to itself counts as infinite in the last.
        """
        bytes_of_a_tile = TILE_BYTES.get(self.device.type, TILE_BYTES["cpu"])
        height = min(max(1, bytes_of_a_tile // (8 * self.n)), self.n)
        shape = (len(self.parts) + 2, height, self.n)
        buffers = torch.empty(shape, dtype=torch.float64, device=self.device)
        for first in range(0, self.n, height):
            rows = slice(first, min(first + height, self.n))
            *tables, step, joint = buffers[:, : rows.stop - first]
            joint.zero_()
            for part, table in zip(self.parts, tables, strict=True):
                _distances(part[rows], part, self.euclidean, table, step)
                torch.maximum(joint, table, out=joint)
            joint.diagonal(first).fill_(torch.inf)  # nobody is a neighbour of itself
            yield rows, tables, joint

    def limits(self, radius: np.ndarray) -> Tensor:
        """The radii in the units of the tables, whose Euclidean distances are squares."""
        return torch.from_numpy(limits(radius, self.exponent, self.euclidean)).to(self.device)

    def distances(self, found: Tensor) -> np.ndarray:
        """Distances from those of the tables."""
        array = found.cpu().numpy()
        return scaled(np.sqrt(array) if self.euclidean else array, self.exponent)


def neighbours(
    parts: Sequence[Tensor], k: int, metric: str, counts: bool = True, *, every: bool = False
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
    every : bool
        True gives the distances of every rank up to the k-th.

    Returns
    -------
    radius : float64 array, shape (n,), or (n, k) of every rank
    counts : int64 array, shape (parts, n), or None
    path : "tiles"

    Notes
    -----
    Cost: n^2 times all d. Memory: a few tiles of ``TILE_BYTES``, and the samples.
    """
    samples = _Samples(parts, metric)
    n, device = samples.n, samples.device
    radii = torch.empty((n, k if every else 1), dtype=torch.float64, device=device)
    found = torch.empty((len(parts), n), dtype=torch.int64, device=device)
    for rows, tables, joint in samples.tiles():
        nearest = joint.topk(k, dim=1, largest=False, sorted=True).values
        reach = nearest[:, -1]
        radii[rows] = nearest if every else nearest[:, -1:]
        if counts:
            for count, table in zip(found, tables, strict=True):
                # a positive radius holds the sample itself
                count[rows] = (table < reach[:, None]).sum(1) - (reach > 0).long()
    radius = samples.distances(radii if every else radii[:, 0])
    return radius, found.cpu().numpy() if counts else None, "tiles"


def cross_neighbours(
    points: Tensor, samples: Tensor, k: int, metric: str, *, every: bool = False
) -> np.ndarray:
    """Distance from each point to its k-th nearest sample; the points are no samples.

    Equal to the bit to ``ops.kernels.crossing.cross_neighbours``. Cost: n m d; memory: three
    tiles of ``TILE_BYTES``, and the samples.
    """
    n, m, device = len(points), len(samples), samples.device
    pooled = _Samples([torch.cat([points.double(), samples.double()])], metric)
    own, others = pooled.parts[0][:n], pooled.parts[0][n:]
    bytes_of_a_tile = TILE_BYTES.get(device.type, TILE_BYTES["cpu"])
    height = min(max(1, bytes_of_a_tile // (8 * m)), n)
    buffers = torch.empty((2, height, m), dtype=torch.float64, device=device)
    radii = torch.empty((n, k if every else 1), dtype=torch.float64, device=device)
    for first in range(0, n, height):
        rows = slice(first, min(first + height, n))
        table, step = buffers[:, : rows.stop - first]
        _distances(own[rows], others, pooled.euclidean, table, step)
        nearest = table.topk(k, dim=1, largest=False, sorted=True).values
        radii[rows] = nearest if every else nearest[:, -1:]
    return pooled.distances(radii if every else radii[:, 0])


def nearer(parts: Sequence[Tensor], radius: np.ndarray, metric: str) -> np.ndarray:
    """How many other samples are nearer than a radius of each sample's own.

    Equal to ``ops.kernels.neighbours.nearer``. Cost: n^2 times all d.
    """
    samples = _Samples(parts, metric)
    reach = samples.limits(radius)
    counts = torch.empty(samples.n, dtype=torch.int64, device=samples.device)
    for rows, _, joint in samples.tiles():
        counts[rows] = (joint < reach[rows, None]).sum(1)
    return counts.cpu().numpy()


def extents(parts: Sequence[Tensor], radius: np.ndarray, metric: str) -> np.ndarray:
    """How far, in each part, the samples within a radius of each sample's own reach.

    Equal to ``ops.kernels.neighbours.extents``. Cost: n^2 times all d.
    """
    samples = _Samples(parts, metric)
    reach = samples.limits(np.nextafter(radius, np.inf))
    found = torch.empty((len(parts), samples.n), dtype=torch.float64, device=samples.device)
    for rows, tables, joint in samples.tiles():
        inside = joint < reach[rows, None]
        for extent, table in zip(found, tables, strict=True):
            extent[rows] = torch.where(inside, table, 0.0).amax(1)
    return samples.distances(found)
