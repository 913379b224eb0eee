"""Entropies that are known exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from infotheory import checks
from infotheory.truth.problem import (
    COVER,
    Truth,
    draw_normals,
    draw_students,
    ln_det,
    mixture_entropy,
    psi,
    shannon,
    tilted,
)

_HANDBOOK = "Michalowicz et al., Handbook of Differential Entropy (2013), doi:10.1201/b15991"


def die(*probabilities: float) -> Truth:
    """Entropy of a die with these probabilities."""
    return _outcomes(f"die {probabilities}", probabilities)


def geometric(success: float) -> Truth:
    """Entropy of the number of trials until the first success: H(success) / success."""
    return Truth(
        name=f"geometric, success {success}",
        value=shannon((success, 1 - success)) / success,
        sample=lambda n, rng: (rng.geometric(success, size=n),),
        source=COVER,
    )


def binomial(trials: int, success: float) -> Truth:
    """Entropy of the number of successes."""
    p = [
        math.comb(trials, k) * success**k * (1 - success) ** (trials - k) for k in range(trials + 1)
    ]
    return _outcomes(f"binomial, {trials} trials of {success}", p)


def poisson(rate: float) -> Truth:
    """Entropy of a Poisson variable, summed until the tail is below rounding."""
    last = int(rate + 12 * math.sqrt(rate) + 30)
    p = [math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) for k in range(last)]
    return _outcomes(f"Poisson, rate {rate}", p)


def zipf(outcomes: int, exponent: float = 1.0) -> Truth:
    """Entropy of ranks 1..outcomes with probabilities proportional to rank^-exponent."""
    p = np.arange(1.0, outcomes + 1) ** -exponent
    return _outcomes(f"Zipf, {outcomes} outcomes, exponent {exponent}", p / p.sum())


def normal(d: int = 1, deviation: float = 1.0) -> Truth:
    """Differential entropy of d independent normals: d/2 ln(2 pi e deviation^2)."""
    return Truth(
        name=f"normal, d={d}, deviation {deviation}",
        value=d / 2 * math.log(2 * math.pi * math.e * deviation**2),
        sample=lambda n, rng: (deviation * rng.standard_normal((n, d)),),
        source=f"{COVER}, theorem 8.4.1",
    )


#: Entropy of each family by its parameters, and how to draw from it.
_DENSITIES: Mapping[str, tuple[Callable[..., float], Callable[..., np.ndarray]]] = {
    "beta": (
        lambda a, b: (
            math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
            - (a - 1) * psi(a) - (b - 1) * psi(b) + (a + b - 2) * psi(a + b)
        ),
        lambda rng, n, a, b: rng.beta(a, b, n),
    ),
    "chi_square": (
        lambda degrees: _gamma_entropy(degrees / 2, 2.0),
        lambda rng, n, degrees: rng.chisquare(degrees, n),
    ),
    "exponential": (
        lambda rate: 1 - math.log(rate),
        lambda rng, n, rate: rng.exponential(1 / rate, n),
    ),
    "gamma": (
        lambda shape, scale: _gamma_entropy(shape, scale),
        lambda rng, n, shape, scale: rng.gamma(shape, scale, n),
    ),
    "gumbel": (
        lambda scale: math.log(scale) + np.euler_gamma + 1,
        lambda rng, n, scale: rng.gumbel(0.0, scale, n),
    ),
    "half_normal": (
        lambda scale: (math.log(math.pi * scale**2 / 2) + 1) / 2,
        lambda rng, n, scale: np.abs(rng.normal(0.0, scale, n)),
    ),
    "laplace": (
        lambda scale: 1 + math.log(2 * scale),
        lambda rng, n, scale: rng.laplace(0.0, scale, n),
    ),
    "logistic": (
        lambda scale: 2 + math.log(scale),
        lambda rng, n, scale: rng.logistic(0.0, scale, n),
    ),
    "lognormal": (
        lambda mean, deviation: mean + math.log(2 * math.pi * math.e * deviation**2) / 2,
        lambda rng, n, mean, deviation: rng.lognormal(mean, deviation, n),
    ),
    "maxwell": (
        lambda scale: math.log(scale * math.sqrt(2 * math.pi)) + np.euler_gamma - 1 / 2,
        lambda rng, n, scale: scale * np.linalg.norm(rng.standard_normal((n, 3)), axis=1),
    ),
    "pareto": (
        lambda exponent: 1 + 1 / exponent - math.log(exponent),
        lambda rng, n, exponent: 1 + rng.pareto(exponent, n),
    ),
    "rayleigh": (
        lambda scale: 1 + math.log(scale / math.sqrt(2)) + np.euler_gamma / 2,
        lambda rng, n, scale: rng.rayleigh(scale, n),
    ),
    "student": (
        lambda degrees: _student_entropy(degrees, np.eye(1)),
        lambda rng, n, degrees: rng.standard_t(degrees, n),
    ),
    "triangular": (
        lambda low, mode, high: 1 / 2 + math.log((high - low) / 2),
        lambda rng, n, low, mode, high: rng.triangular(low, mode, high, n),
    ),
    "uniform": (
        lambda low, high: math.log(high - low),
        lambda rng, n, low, high: rng.uniform(low, high, n),
    ),
    "von_mises": (
        lambda kappa: _von_mises_entropy(kappa),
        lambda rng, n, kappa: rng.vonmises(0.0, kappa, n),
    ),
    "weibull": (
        lambda shape, scale: np.euler_gamma * (1 - 1 / shape) + math.log(scale / shape) + 1,
        lambda rng, n, shape, scale: scale * rng.weibull(shape, n),
    ),
}  # fmt: skip


def density(family: str, **parameters: float) -> Truth:
    """Differential entropy of a one-dimensional family: see `_DENSITIES` for their parameters."""
    entropy, draw = _DENSITIES[checks.choice(family, "family", tuple(_DENSITIES))]
    chosen = ", ".join(f"{name} {value}" for name, value in parameters.items())
    return Truth(
        name=f"{family}, {chosen}",
        value=float(entropy(**parameters)),
        sample=lambda n, rng: (draw(rng, n, **parameters)[:, None],),
        source=_HANDBOOK,
    )


def multivariate_normal(covariance: Any) -> Truth:
    """Differential entropy of a normal vector: 1/2 ln det(2 pi e covariance)."""
    covariance = np.array(covariance, dtype=float)
    return Truth(
        name=f"normal with covariance {covariance.tolist()}",
        value=ln_det(2 * math.pi * math.e * covariance) / 2,
        sample=lambda n, rng: (draw_normals(covariance, n, rng),),
        source=f"{COVER}, theorem 8.4.1",
    )


def multivariate_student(degrees: float, shape: Any) -> Truth:
    """Differential entropy of a vector with Student's distribution, of a given shape matrix."""
    shape = np.array(shape, dtype=float)
    return Truth(
        name=f"Student with {degrees} degrees of freedom and shape {shape.tolist()}",
        value=_student_entropy(degrees, shape),
        sample=lambda n, rng: (draw_students(degrees, shape, n, rng),),
        source="Arellano-Valle et al. (2013), doi:10.1111/j.1467-9469.2011.00774.x",
    )


def dirichlet(*weights: float) -> Truth:
    """Differential entropy of all coordinates but the last of a Dirichlet variable."""
    total, k = sum(weights), len(weights)
    ln_beta = sum(map(math.lgamma, weights)) - math.lgamma(total)
    drawn = math.fsum((weight - 1) * psi(weight) for weight in weights)
    return Truth(
        name=f"Dirichlet {weights}",
        value=ln_beta + (total - k) * psi(total) - drawn,
        sample=lambda n, rng: (rng.dirichlet(weights, n)[:, :-1],),
        source=_HANDBOOK,
    )


def ball(d: int, radius: float = 1.0) -> Truth:
    """Differential entropy of a uniform point in a ball: the logarithm of its volume."""

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        direction = rng.standard_normal((n, d))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        return (radius * rng.random((n, 1)) ** (1 / d) * direction,)

    return Truth(
        name=f"uniform in a ball, d={d}, radius {radius}",
        value=d / 2 * math.log(math.pi) - math.lgamma(1 + d / 2) + d * math.log(radius),
        sample=sample,
        source="definition",
    )


def normal_mixture(
    means: Sequence[float], deviations: Sequence[float], weights: Sequence[float]
) -> Truth:
    """Differential entropy of a mixture of normals on a line, by quadrature."""

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        part = rng.choice(len(weights), size=n, p=weights)
        return (rng.normal(np.take(means, part), np.take(deviations, part))[:, None],)

    return Truth(
        name=f"mixture of normals, means {means}, deviations {deviations}, weights {weights}",
        value=mixture_entropy(means, deviations, weights),
        sample=sample,
        source="quadrature",
    )


def binned_uniform(bin_width: float) -> Truth:
    """Entropy of a uniform variable on [0, 1) in bins of a width that divides 1."""
    return Truth(
        name=f"uniform in bins of {bin_width}",
        value=-math.log(bin_width),
        sample=lambda n, rng: (rng.random((n, 1)),),
        source="definition",
        options={"strategy": "fixed", "bin_width": bin_width},
    )


def binned_exponential(bin_width: float) -> Truth:
    """Entropy of an exponential variable of rate 1 in bins: the bin's number is geometric."""
    return Truth(
        name=f"exponential in bins of {bin_width}",
        value=geometric(-math.expm1(-bin_width)).value,
        sample=lambda n, rng: (rng.exponential(size=(n, 1)),),
        source="definition",
        options={"strategy": "fixed", "bin_width": bin_width},
    )


def separated_points(points: int, noise_variance: float) -> Truth:
    """Entropy of points far apart plus noise: that of the points plus that of the noise."""
    p = tilted(points)
    return Truth(
        name=f"{points} far points with noise {noise_variance}",
        value=shannon(p) + math.log(2 * math.pi * math.e * noise_variance) / 2,
        sample=lambda n, rng: (rng.choice(points, size=(n, 1), p=p).astype(float),),
        source="Kolchinsky & Tracey (2017), doi:10.3390/e19070361, section 4",
        options={"noise_variance": noise_variance},
    )


def _outcomes(name: str, probabilities: Sequence[float] | np.ndarray) -> Truth:
    p = np.array(probabilities) / math.fsum(probabilities)
    return Truth(
        name=name,
        value=shannon(p),
        sample=lambda n, rng: (rng.choice(len(p), size=n, p=p),),
        source="definition",
    )


def _gamma_entropy(shape: float, scale: float) -> float:
    return shape + math.log(scale) + math.lgamma(shape) + (1 - shape) * psi(shape)


def _student_entropy(degrees: float, shape: np.ndarray) -> float:
    d = len(shape)
    half, whole = degrees / 2, (degrees + d) / 2
    ln_volume = d / 2 * math.log(degrees * math.pi) + math.lgamma(half) - math.lgamma(whole)
    return ln_det(shape) / 2 + ln_volume + whole * (psi(whole) - psi(half))


def _von_mises_entropy(kappa: float) -> float:
    from scipy.special import i0e, i1e  # without their growth exp(kappa), which would overflow

    ln_i0 = math.log(i0e(kappa)) + kappa
    return math.log(2 * math.pi) + ln_i0 - kappa * float(i1e(kappa) / i0e(kappa))
