"""Limits of kernel estimates at a finite width, for normal variables: no bias has to be allowed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory import checks
from infotheory.truth.problem import Truth, draw_normals

__all__ = ["dependent_normals_by_kernels", "divergent_normals_by_kernels"]

_PRINCIPE = "Principe, Information Theoretic Learning (2010), doi:10.1007/978-1-4419-1570-2"
_GRETTON = "Gretton et al., JMLR 13 (2012) 723, ISSN 1533-7928"


def divergent_normals_by_kernels(
    kind: str,
    mean: Any,
    covariance: Any,
    other_mean: Any,
    other_covariance: Any,
    *,
    width: float,
) -> Truth:
    """What "cauchy_schwarz" (squared) or "mmd" of two normal samples comes to as they grow."""
    checks.choice(kind, "kind", ("cauchy_schwarz", "mmd"))
    means = [np.atleast_1d(np.asarray(m, dtype=float)) for m in (mean, other_mean)]
    spreads = [np.atleast_2d(np.asarray(c, dtype=float)) for c in (covariance, other_covariance)]
    gap = means[0] - means[1]
    xx, yy = (mean_kernel(0 * gap, 2 * spread, width) for spread in spreads)
    xy = mean_kernel(gap, spreads[0] + spreads[1], width)
    squared = math.log(xx) + math.log(yy) - 2 * math.log(xy)

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        pairs = zip(means, spreads, strict=True)
        x, y = (centre + draw_normals(spread, n, rng) for centre, spread in pairs)
        return x, y

    told = [f"N({m.tolist()}, {c.tolist()})" for m, c in zip(means, spreads, strict=True)]
    return Truth(
        name=f"{kind} of width {width:g}, {told[0]} and {told[1]}",
        value=squared if kind == "cauchy_schwarz" else xx + yy - 2 * xy,
        sample=sample,
        source=_PRINCIPE if kind == "cauchy_schwarz" else _GRETTON,
        options={"width": width},
    )


def dependent_normals_by_kernels(kind: str, correlation: float, *, width: float) -> Truth:
    """What "cauchy_schwarz", "euclidean" or "hsic" of two correlated normals comes to."""
    checks.choice(kind, "kind", ("cauchy_schwarz", "euclidean", "hsic"))
    joint = np.array([[1.0, correlation], [correlation, 1.0]])
    gap, apart = np.zeros(2), np.eye(2)
    together = mean_kernel(gap, 2 * joint, width)
    product = mean_kernel(gap, 2 * apart, width)
    cross = mean_kernel(gap, joint + apart, width)
    value = together + product - 2 * cross
    if kind == "cauchy_schwarz":
        value = math.log(together) + math.log(product) - 2 * math.log(cross)
    if kind == "euclidean":
        value /= 2 * math.pi * width**2

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        x, y = np.split(draw_normals(joint, n, rng), 2, axis=1)
        return x, y

    return Truth(
        name=f"{kind} of width {width:g}, normals of correlation {correlation:g}",
        value=value,
        sample=sample,
        source=_PRINCIPE,
        options={"width": width},
    )


def mean_kernel(gap: np.ndarray, covariance: np.ndarray, width: float) -> float:
    """The mean of exp(-|u|^2 / (2 width^2)) over normal u."""
    wider = np.eye(len(gap)) + covariance / width**2
    _, ln_volume = np.linalg.slogdet(wider)
    exponent = gap @ np.linalg.solve(wider, gap) / width**2
    return math.exp(-(ln_volume + exponent) / 2)
