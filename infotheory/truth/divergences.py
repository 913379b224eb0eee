"""Divergences between distributions that are known exactly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory import checks
from infotheory.truth.problem import Truth, draw_normals, ln_det, mixture_entropy

__all__ = ["divergent_exponentials", "divergent_laplaces", "divergent_normals"]

KINDS = (
    "kl",
    "renyi",
    "jensen_shannon",
    "jeffreys",
    "hellinger",
    "total_variation",
    "chi2",
    "bhattacharyya",
)
_GIL = "Gil, Alajaji, Linder, Inf. Sciences 249 (2013) 124, doi:10.1016/j.ins.2013.06.018"
_NIELSEN = "Nielsen, Nock, IEEE Signal Process. Lett. 21 (2014) 10, doi:10.1109/LSP.2013.2288355"


def divergent_normals(
    kind: str,
    mean: Any,
    covariance: Any,
    other_mean: Any,
    other_covariance: Any,
    *,
    order: float | None = None,
) -> Truth:
    """A divergence of one normal distribution from another, of means and (co)variances given.

    "renyi" takes an order above 0; "jensen_shannon" and "total_variation" are known where the
    covariances are equal, and on a line.
    """
    checks.choice(kind, "kind", KINDS)
    means = [np.atleast_1d(np.asarray(m, dtype=float)) for m in (mean, other_mean)]
    covariances = [
        np.atleast_2d(np.asarray(c, dtype=float)) for c in (covariance, other_covariance)
    ]
    gap = means[0] - means[1]
    if kind == "renyi":
        if order is None or not order > 0:
            raise ValueError(f"order must be a number above 0; got {order!r}.")
        value = _renyi(gap, covariances[0], covariances[1], order)
    else:
        value = _VALUES[kind](gap, covariances[0], covariances[1])

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        pairs = zip(means, covariances, strict=True)
        x, y = (centre + draw_normals(spread, n, rng) for centre, spread in pairs)
        return x, y

    told = [f"N({m.tolist()}, {c.tolist()})" for m, c in zip(means, covariances, strict=True)]
    named = kind if order is None else f"{kind} of order {order}"
    source = _NIELSEN if kind == "chi2" else _GIL
    return Truth(f"{named}, {told[0]} from {told[1]}", value, sample, source)


def divergent_exponentials(rate: float, other_rate: float) -> Truth:
    """KL divergence of exponential distributions: ln(a / b) + b / a - 1."""
    value = math.log(rate / other_rate) + other_rate / rate - 1

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        x, y = rng.exponential(size=(2, n, 1))
        return x / rate, y / other_rate

    return Truth(f"kl, exponential of rate {rate} from {other_rate}", value, sample, _GIL)


def divergent_laplaces(scale: float, shift: float, other_scale: float) -> Truth:
    """KL divergence of a Laplace distribution around 0 from another around a shift."""
    reach = scale * math.exp(-abs(shift) / scale) + abs(shift)
    value = math.log(other_scale / scale) + reach / other_scale - 1

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        x, y = rng.laplace(size=(2, n, 1))
        return scale * x, shift + other_scale * y

    name = f"kl, Laplace of scale {scale} from scale {other_scale} around {shift}"
    return Truth(name, value, sample, _GIL)


def _kl(gap: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    inverse = np.linalg.inv(second)
    spread = float(np.trace(inverse @ first)) + float(gap @ inverse @ gap) - len(gap)
    return (spread + ln_det(second) - ln_det(first)) / 2


def _ln_overlap(gap: np.ndarray, first: np.ndarray, second: np.ndarray, order: float) -> float:
    """Ln of the integral of p^order q^(1 - order); infinity where it diverges."""
    between = (1 - order) * first + order * second
    if np.linalg.eigvalsh(between).min() <= 0:
        return math.inf
    volumes = (1 - order) * ln_det(first) + order * ln_det(second) - ln_det(between)
    return (volumes - order * (1 - order) * float(gap @ np.linalg.solve(between, gap))) / 2


def _renyi(gap: np.ndarray, first: np.ndarray, second: np.ndarray, order: float) -> float:
    if order == 1:
        return _kl(gap, first, second)
    return _ln_overlap(gap, first, second, order) / (order - 1)


def _jeffreys(gap: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    return _kl(gap, first, second) + _kl(gap, second, first)


def _bhattacharyya(gap: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    return -_ln_overlap(gap, first, second, 0.5)


def _hellinger(gap: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    return -math.expm1(_ln_overlap(gap, first, second, 0.5))


def _chi2(gap: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    return math.expm1(_ln_overlap(gap, first, second, 2.0))


def _on_a_line(gap: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, ...]:
    """Distance, and the two deviations, of normals on a line with the same divergences."""
    if (first == second).all():
        return math.sqrt(float(gap @ np.linalg.solve(first, gap))), 1.0, 1.0
    if len(gap) > 1:
        raise ValueError("covariances must be equal in several dimensions for this divergence.")
    return float(gap[0]), math.sqrt(first[0, 0]), math.sqrt(second[0, 0])


def _jensen_shannon(gap: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    shift, a, b = _on_a_line(gap, first, second)
    alone = math.log(2 * math.pi * math.e) / 2 + math.log(a * b) / 2
    return mixture_entropy([shift, 0.0], [a, b], [0.5, 0.5]) - alone


def _total_variation(gap: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """What the distribution functions gain on each other between the places of equal density."""
    from scipy.special import ndtr

    shift, a, b = _on_a_line(gap, first, second)
    # ln p - ln q, a polynomial in z
    square, line = (1 / b**2 - 1 / a**2) / 2, shift / a**2
    crossings = np.roots([square, line, math.log(b / a) - (shift / a) ** 2 / 2])
    ends = np.sort(crossings[np.isfinite(crossings)].real)
    apart = np.diff(ndtr((ends - shift) / a) - ndtr(ends / b), prepend=0.0, append=0.0)
    return float(np.abs(apart).sum()) / 2


_VALUES = {
    "kl": _kl,
    "jensen_shannon": _jensen_shannon,
    "jeffreys": _jeffreys,
    "hellinger": _hellinger,
    "total_variation": _total_variation,
    "chi2": _chi2,
    "bhattacharyya": _bhattacharyya,
}
