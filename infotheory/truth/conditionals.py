"""Amounts of conditional and of shared information that are known exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from infotheory.truth.problem import COVER, Sampler, Truth, draw_normals, ln_det, shannon


def conditional_entropy_table(name: str, joint: Any, source: str = "definition") -> Truth:
    """Entropy of the row of a table of joint probabilities when its column is known."""
    joint = np.array(joint, dtype=float)
    value = shannon(joint) - shannon(joint.sum(axis=0))
    return Truth(name, value, _cells(joint), source)


def conditional_table(name: str, joint: Any, source: str = "definition") -> Truth:
    """Conditional information of three discrete variables, given their joint probabilities."""
    joint = np.array(joint, dtype=float)
    with_z = shannon(joint.sum(axis=1)) + shannon(joint.sum(axis=0))
    value = with_z - shannon(joint) - shannon(joint.sum(axis=(0, 1)))
    return Truth(name, value, _cells(joint), source)


def exclusive_or(flip: float) -> Truth:
    """Conditional information of two fair bits given their sum mod 2, flipped at times.

    The bits are independent, yet each tells the other to whoever knows their sum.
    """
    bits = np.indices((2, 2, 2))
    odd = (bits.sum(axis=0) % 2).astype(bool)
    joint = np.where(odd, flip, 1 - flip) / 4
    return conditional_table(f"two bits and their sum mod 2, flip {flip}", joint)


def common_cause_table(flip: float) -> Truth:
    """Conditional information of two noisy copies of a fair bit given the bit: none."""
    kept = np.array([[1 - flip, flip], [flip, 1 - flip]])
    joint = kept[:, None, :] * kept[None, :, :] / 2
    return conditional_table(f"two copies of a bit given it, flip {flip}", joint)


def conditional_normals(covariance: Any, sizes: Sequence[int]) -> Truth:
    """Conditional information of the first two parts of a normal vector given the third."""
    covariance = np.array(covariance, dtype=float)
    x, y, z = _parts(sizes)
    value = (
        _ln_det(covariance, x, z)
        + _ln_det(covariance, y, z)
        - _ln_det(covariance, x, y, z)
        - _ln_det(covariance, z)
    ) / 2
    return Truth(
        name=f"normals with covariance {covariance.tolist()} in parts {tuple(sizes)}",
        value=value,
        sample=_split(covariance, sizes),
        source=f"{COVER}, theorem 8.4.1",
    )


def common_cause(d: int = 1) -> Truth:
    """Conditional information of two noisy copies of d normal variables given these: none."""
    within, across = np.eye(d), np.ones((3, 3))
    covariance = np.kron(across, within) + np.kron(np.diag([1.0, 1.0, 0.0]), within)
    found = conditional_normals(covariance, (d, d, d))
    return Truth(f"two noisy copies of {d} normals given them", 0.0, found.sample, found.source)


def chain(correlation: float) -> Truth:
    """Conditional information of two normals of which each is tied to a third one alike."""
    r = correlation
    return conditional_normals([[1, r, r], [r, 1, r], [r, r, 1]], (1, 1, 1))


def shared_normals(covariance: Any, sizes: Sequence[int]) -> Truth:
    """Total correlation of the parts of a normal vector."""
    covariance = np.array(covariance, dtype=float)
    parts = [_ln_det(covariance, part) for part in _parts(sizes)]
    return Truth(
        name=f"normals with covariance {covariance.tolist()} in parts {tuple(sizes)}",
        value=(math.fsum(parts) - ln_det(covariance)) / 2,
        sample=_split(covariance, sizes),
        source="Watanabe (1960), doi:10.1147/rd.41.0066",
    )


def shared_table(name: str, joint: Any) -> Truth:
    """Total correlation of discrete variables, given their joint probabilities."""
    joint = np.array(joint, dtype=float)
    axes = range(joint.ndim)
    alone = [shannon(joint.sum(axis=tuple(a for a in axes if a != axis))) for axis in axes]
    return Truth(
        name=name,
        value=math.fsum(alone) - shannon(joint),
        sample=_cells(joint),
        source="Watanabe (1960), doi:10.1147/rd.41.0066",
    )


def noisy_copies(copies: int, flip: float) -> Truth:
    """Total correlation of noisy copies of a fair bit."""
    ones = np.indices((2,) * copies).sum(axis=0)
    low = flip**ones * (1 - flip) ** (copies - ones)
    joint = (low + np.flip(low)) / 2
    return shared_table(f"{copies} copies of a bit, flip {flip}", joint)


def _cells(joint: np.ndarray) -> Sampler:
    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        cells = rng.choice(joint.size, size=n, p=joint.ravel())
        return tuple(np.unravel_index(cells, joint.shape))

    return sample


def _split(covariance: np.ndarray, sizes: Sequence[int]) -> Sampler:
    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        return tuple(np.split(draw_normals(covariance, n, rng), np.cumsum(sizes)[:-1], axis=1))

    return sample


def _parts(sizes: Sequence[int]) -> list[list[int]]:
    """The columns of each part."""
    return [list(range(*ends)) for ends in pairwise(np.cumsum([0, *sizes]).tolist())]


def _ln_det(covariance: np.ndarray, *parts: list[int]) -> float:
    columns = [column for part in parts for column in part]
    return ln_det(covariance[np.ix_(columns, columns)])
