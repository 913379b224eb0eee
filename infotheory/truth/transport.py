"""Costs of transport between normal distributions, which are known exactly, entropic ones too."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory import checks
from infotheory.truth.problem import Truth, draw_normals

__all__ = ["dependent_normals_by_transport", "transported_normals"]

KINDS = ("wasserstein", "sliced_wasserstein", "max_sliced_wasserstein", "entropic", "sinkhorn")

_GELBRICH = "Gelbrich, Math. Nachr. 147 (1990) 185, doi:10.1002/mana.19901470121"
_JANATI = "Janati et al. (2020), arXiv:2006.02572, theorem 1"


def transported_normals(
    kind: str,
    mean: Any,
    covariance: Any,
    other_mean: Any,
    other_covariance: Any,
    *,
    reg: float | None = None,
    n: int = 2000,
) -> Truth:
    """A distance or cost between two normal distributions, of means and (co)variances given.

    The ground cost is the squared distance. "wasserstein" is W_2; "sliced_wasserstein" its form
    over directions, in at most two dimensions or for covariances that are multiples of the
    identity; "max_sliced_wasserstein" that over the best direction, for equal covariances;
    "entropic" is <C, P> + reg KL, and "sinkhorn" the divergence made of it.
    """
    checks.choice(kind, "kind", KINDS)
    means = [np.atleast_1d(np.asarray(m, dtype=float)) for m in (mean, other_mean)]
    spreads = [np.atleast_2d(np.asarray(c, dtype=float)) for c in (covariance, other_covariance)]
    gap = means[0] - means[1]
    if kind in ("entropic", "sinkhorn"):
        if reg is None or not reg > 0:
            raise ValueError(f"reg must be a number above 0; got {reg!r}.")
        of = _entropic if kind == "entropic" else _debiased
        value = of(gap, spreads[0], spreads[1], reg)
    else:
        value = math.sqrt(_SQUARES[kind](gap, *spreads))

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        pairs = zip(means, spreads, strict=True)
        x, y = (centre + draw_normals(spread, n, rng) for centre, spread in pairs)
        return x, y

    told = [f"N({m.tolist()}, {c.tolist()})" for m, c in zip(means, spreads, strict=True)]
    named = kind if reg is None else f"{kind} of reg {reg:g}"
    source = _GELBRICH if reg is None else _JANATI
    options: dict[str, Any] = {} if reg is None else {"reg": reg, "reg_scale": None}
    if kind == "max_sliced_wasserstein":
        options = {"maximum": True}
    return Truth(f"{named}, {told[0]} and {told[1]}", value, sample, source, options, n)


def dependent_normals_by_transport(
    correlation: float, *, reg: float | None = None, n: int = 500
) -> Truth:
    """The cost of moving two correlated normals of variance 1 to independence.

    The ground cost is the squared distance in the plane. Without `reg` it is W_2 squared,
    4 - 2 (sqrt(1 + r) + sqrt(1 - r)); else the Sinkhorn divergence.
    """
    joint, apart = np.array([[1.0, correlation], [correlation, 1.0]]), np.eye(2)
    gap = np.zeros(2)
    if reg is None:
        value = _bures(gap, joint, apart)
        options: dict[str, Any] = {"solver": "exact"}
    else:
        value = _debiased(gap, joint, apart, reg)
        options = {"solver": "sinkhorn", "reg": reg / 4}  # in parts of the mean cost

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        x, y = np.split(draw_normals(joint, n, rng), 2, axis=1)
        return x, y

    named = "exact" if reg is None else f"of reg {reg:g}"
    return Truth(
        name=f"cost of independence, {named}, normals of correlation {correlation:g}",
        value=value,
        sample=sample,
        source=_GELBRICH if reg is None else _JANATI,
        options=options,
        n=n,
    )


def _bures(gap: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    return float(gap @ gap) + _trace_apart(first, second, 0.0)


def _trace_apart(first: np.ndarray, second: np.ndarray, floor: float) -> float:
    """Tr A + tr B - tr D, with D the root of 4 A^1/2 B A^1/2 + floor^2."""
    roots = _roots(first, second, floor)
    return float(np.trace(first) + np.trace(second) - roots.sum())


def _roots(first: np.ndarray, second: np.ndarray, floor: float) -> np.ndarray:
    """Eigenvalues of the matrix D."""
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    squares = np.linalg.eigvalsh(root @ second @ root)
    return np.sqrt(4 * np.maximum(squares, 0.0) + floor * floor)


def _entropic(gap: np.ndarray, first: np.ndarray, second: np.ndarray, reg: float) -> float:
    half = reg / 2  # sigma^2 of the article
    roots = _roots(first, second, half)
    return (
        float(gap @ gap)
        + _trace_apart(first, second, half)
        + len(gap) * half * (1 - math.log(reg))
        + half * float(np.log(roots + half).sum())
    )


def _debiased(gap: np.ndarray, first: np.ndarray, second: np.ndarray, reg: float) -> float:
    within = [_entropic(0 * gap, each, each, reg) for each in (first, second)]
    return _entropic(gap, first, second, reg) - sum(within) / 2


def _sliced(gap: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """The mean over directions of the squared distance on the line."""
    if len(gap) == 2:
        angle = np.arange(4096) * math.pi / 4096  # a periodic integrand: exact to rounding
        directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        deviations = [
            np.sqrt(np.einsum("ij,jk,ik->i", directions, each, directions))
            for each in (first, second)
        ]
        squares = (directions @ gap) ** 2 + (deviations[0] - deviations[1]) ** 2
        return float(squares.mean())
    scales = [float(each[0, 0]) for each in (first, second)]
    for each, scale in zip((first, second), scales, strict=True):
        if not (each == scale * np.eye(len(gap))).all():
            raise ValueError("covariances must be multiples of the identity above two dimensions.")
    return float(gap @ gap) / len(gap) + (math.sqrt(scales[0]) - math.sqrt(scales[1])) ** 2


def _most_sliced(gap: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    if not (first == second).all():
        raise ValueError("covariances must be equal for the best direction to be known.")
    return float(gap @ gap)


_SQUARES = {
    "wasserstein": _bures,
    "sliced_wasserstein": _sliced,
    "max_sliced_wasserstein": _most_sliced,
}
