"""A problem with an exact answer, and the formulas that several problems share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["COVER", "Truth"]

Sampler = Callable[[int, np.random.Generator], tuple[np.ndarray, ...]]

COVER = "Cover & Thomas, Elements of Information Theory (2006), doi:10.1002/047174882X"


@dataclass(frozen=True)
class Truth:
    """A distribution that can be sampled, and the exact value of one quantity of it.

    Attributes
    ----------
    name : str
        The distribution and its parameters, in words.
    value : float
        The exact value, in nats for amounts of information.
    sample : callable
        ``sample(n, rng)`` draws n samples: one array for each input of the estimator.
    source : str
        Where the closed form comes from.
    options : Mapping
        Options an estimator needs for this value to be its own (a bin width, a noise variance).
    n : int
        Samples enough to judge an estimate by: fewer where the time grows as n^3.
    """

    name: str
    value: float
    sample: Sampler
    source: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    n: int = 2000


def shannon(p: Any) -> float:
    """Entropy of probabilities, in nats."""
    p = np.ravel(p)
    p = p[p > 0]
    return float(-(p @ np.log(p)))


def tilted(outcomes: int) -> np.ndarray:
    """Probabilities that are not all equal, so that standard errors do not vanish."""
    p = np.arange(1.0, outcomes + 1)
    return p / p.sum()


def psi(x: float) -> float:
    """The digamma function."""
    from scipy.special import digamma

    return float(digamma(x))


def ln_det(matrix: np.ndarray) -> float:
    """Logarithm of the determinant of a covariance matrix."""
    sign, value = np.linalg.slogdet(matrix)
    if sign <= 0:
        raise ValueError(f"a covariance must be positive definite; got {matrix.tolist()}.")
    return float(value)


def draw_normals(covariance: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, d) normal vectors of mean 0."""
    return rng.standard_normal((n, len(covariance))) @ np.linalg.cholesky(covariance).T


def draw_students(
    degrees: float, shape: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """(n, d) vectors with Student's distribution around 0."""
    return draw_normals(shape, n, rng) / np.sqrt(rng.chisquare(degrees, (n, 1)) / degrees)


def mixture_entropy(
    means: Sequence[float], deviations: Sequence[float], weights: Sequence[float]
) -> float:
    """Differential entropy of a mixture of normals on a line.

    The trapezoidal rule on a smooth integrand that vanishes at both ends is exact to rounding.
    """
    mean, deviation, weight = (np.array(part, dtype=float) for part in (means, deviations, weights))
    step = deviation.min() / 50
    reach = 12 * deviation.max()
    z = (np.arange(mean.min() - reach, mean.max() + reach, step)[:, None] - mean) / deviation
    p = np.exp(-z * z / 2) @ (weight / deviation) / math.sqrt(2 * math.pi)
    return shannon(p) * step
