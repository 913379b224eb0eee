"""Amounts of mutual information that are known exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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

_GAO = "Gao et al. (2017), arXiv:1709.06212, section 5"


def joint_table(name: str, joint: Any, source: str = "definition") -> Truth:
    """MI of two discrete variables with these joint probabilities."""
    joint = np.array(joint, dtype=float)

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        return np.divmod(rng.choice(joint.size, size=n, p=joint.ravel()), joint.shape[1])

    value = shannon(joint.sum(axis=0)) + shannon(joint.sum(axis=1)) - shannon(joint)
    return Truth(name, value, sample, source)


def binary_symmetric_channel(flip: float) -> Truth:
    """MI of a fair bit and its copy that is flipped with probability `flip`: ln 2 - H(flip)."""
    joint = [[(1 - flip) / 2, flip / 2], [flip / 2, (1 - flip) / 2]]
    return joint_table(f"binary symmetric channel, flip {flip}", joint, f"{COVER}, 7.1.4")


def binary_erasure_channel(erased: float) -> Truth:
    """MI of a fair bit and its copy that is erased at times: (1 - erased) ln 2."""
    joint = [[(1 - erased) / 2, 0, erased / 2], [0, (1 - erased) / 2, erased / 2]]
    return joint_table(f"binary erasure channel, erased {erased}", joint, f"{COVER}, 7.1.5")


def z_channel(flip: float) -> Truth:
    """MI of a fair bit and its copy, of which only the ones are flipped at times."""
    joint = [[1 / 2, 0], [flip / 2, (1 - flip) / 2]]
    return joint_table(f"Z channel, flip {flip}", joint, f"{COVER}, problem 7.8")


def symmetric_channel(symbols: int, reroll: float) -> Truth:
    """MI of a uniform symbol and its copy that is drawn anew with probability `reroll`."""
    joint = (np.eye(symbols) * (1 - reroll) + reroll / symbols) / symbols
    return joint_table(f"{symbols} symbols, reroll {reroll}", joint, f"{COVER}, 7.2")


def correlated_normals(correlation: float, d: int = 1) -> Truth:
    """MI of two normal vectors whose d pairs of entries are correlated: -d/2 ln(1 - r^2)."""

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        x, noise = rng.standard_normal((2, n, d))
        return x, correlation * x + math.sqrt(1 - correlation**2) * noise

    return Truth(
        name=f"normals, {d}+{d} dimensions, correlation {correlation}",
        value=-d / 2 * math.log1p(-(correlation**2)),
        sample=sample,
        source=f"{COVER}, example 8.5.1",
    )


def normals(covariance: Any, split: int) -> Truth:
    """MI of the first `split` entries of a normal vector and the others."""
    covariance = np.array(covariance, dtype=float)
    parts = covariance[:split, :split], covariance[split:, split:]
    return Truth(
        name=f"normals with covariance {covariance.tolist()}, the first {split} and the others",
        value=(ln_det(parts[0]) + ln_det(parts[1]) - ln_det(covariance)) / 2,
        sample=lambda n, rng: _split(draw_normals(covariance, n, rng), split),
        source=f"{COVER}, theorem 8.4.1",
    )


def gaussian_channel(signal_to_noise: float) -> Truth:
    """MI of a normal signal and the signal plus normal noise: 1/2 ln(1 + signal_to_noise)."""
    snr = signal_to_noise
    found = normals([[snr, snr], [snr, snr + 1]], 1)
    return replace(found, name=f"Gaussian channel, ratio {snr}", source=f"{COVER}, theorem 9.1.1")


def students(degrees: float, shape: Any, split: int) -> Truth:
    """MI within a Student vector: not zero even where the shape matrix is the identity."""
    shape = np.array(shape, dtype=float)
    d = len(shape)
    gained = [_student_gain(degrees + k) for k in (0, d, split, d - split)]
    return Truth(
        name=f"Student vector, {degrees} degrees of freedom, {split}+{d - split} dimensions",
        value=normals(shape, split).value + gained[0] + gained[1] - gained[2] - gained[3],
        sample=lambda n, rng: _split(draw_students(degrees, shape, n, rng), split),
        source="Arellano-Valle et al. (2013), doi:10.1111/j.1467-9469.2011.00774.x",
    )


def additive_uniform_noise(half_width: float, d: int = 1) -> Truth:
    """MI of d uniform variables on [0, 1) and the same plus uniform noise.

    Butakov's smoothed uniform of inverse noise scale s is the half-width 1 / 2s.
    """

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        x = rng.random((n, d))
        return x, x + rng.uniform(-half_width, half_width, (n, d))

    wide = half_width > 1 / 2
    each = 1 / (4 * half_width) if wide else half_width - math.log(2 * half_width)
    return Truth(
        name=f"uniform plus uniform noise of half-width {half_width}, d={d}",
        value=d * each,
        sample=sample,
        source="Butakov et al. (2024), arXiv:2305.08013; Czyz et al. (2023), arXiv:2306.11078",
    )


def gamma_exponential(shape: float) -> Truth:
    """MI of a gamma variable and an exponential one of that rate: psi(s) - ln s + 1/s."""

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        x = rng.gamma(shape, 1.0, (n, 1))
        return x, rng.exponential(1.0, (n, 1)) / x

    return Truth(
        name=f"gamma-exponential, shape {shape}",
        value=psi(shape) - math.log(shape) + 1 / shape,
        sample=sample,
        source="Darbellay & Vajda (2000), doi:10.1109/18.825848",
    )


def sum_of_exponentials(rate: float, other_rate: float) -> Truth:
    """MI of an exponential variable and its sum with an independent, faster one."""
    if not 0 < rate < other_rate:
        raise ValueError(f"rate must be positive and below other_rate; got {rate}, {other_rate}.")

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        x = rng.exponential(1 / rate, (n, 1))
        return x, x + rng.exponential(1 / other_rate, (n, 1))

    gap = other_rate - rate
    return Truth(
        name=f"exponential, rate {rate}, and its sum with another, rate {other_rate}",
        value=np.euler_gamma + math.log(gap / rate) + psi(other_rate / gap),
        sample=sample,
        source="Gao, Oh, Viswanath, arXiv:1609.02911",
    )


def labelled_normals(
    means: Sequence[float], deviations: Sequence[float], weights: Sequence[float]
) -> Truth:
    """MI of a normal variable and the class its mean and deviation depend on, by quadrature."""

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        label = rng.choice(len(weights), size=n, p=weights)
        return rng.normal(np.take(means, label), np.take(deviations, label))[:, None], label

    within = np.log(2 * math.pi * math.e * np.square(deviations)) / 2
    return Truth(
        name=f"normal classes, means {means}, deviations {deviations}, weights {weights}",
        value=mixture_entropy(means, deviations, weights) - float(np.dot(weights, within)),
        sample=sample,
        source="quadrature; examples in Ross (2014), doi:10.1371/journal.pone.0087357",
    )


def labelled_uniforms(
    lows: Sequence[float], highs: Sequence[float], weights: Sequence[float]
) -> Truth:
    """MI of a uniform variable and the class its interval depends on: sums over the pieces."""
    low, high, weight = (np.array(part, dtype=float) for part in (lows, highs, weights))

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        label = rng.choice(len(weight), size=n, p=weight)
        return rng.uniform(low[label], high[label])[:, None], label

    edges = np.unique([low, high])
    middle = (edges[1:] + edges[:-1]) / 2
    inside = (middle[:, None] > low) & (middle[:, None] < high)
    mass = inside @ (weight / (high - low)) * np.diff(edges)
    ln_width = np.log(np.diff(edges))
    return Truth(
        name=f"uniform classes, from {lows} to {highs}, weights {weights}",
        value=shannon(mass) + float(mass @ ln_width - weight @ np.log(high - low)),
        sample=sample,
        source="definition; examples in Ross (2014), doi:10.1371/journal.pone.0087357",
    )


def overlapping_uniforms(classes: int) -> Truth:
    """MI of a uniform class c and a uniform variable on [c, c + 2): ln m - (m - 1) ln 2 / m."""
    found = labelled_uniforms(
        range(classes), range(2, classes + 2), np.full(classes, 1 / classes).tolist()
    )
    return replace(found, name=f"{classes} classes, uniform on [c, c + 2)", source=_GAO)


def separated_classes(classes: int) -> Truth:
    """MI of an unevenly spread label with a copy of it among real numbers: its entropy."""
    p = tilted(classes)

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        label = rng.choice(classes, size=n, p=p)
        return label[:, None].astype(float), label

    return Truth(f"{classes} separated classes", shannon(p), sample, "definition")


def normals_and_signs(correlation: float, agreement: float) -> Truth:
    """MI of pairs that are correlated normals half of the time, and signs that mostly agree else.

    Each variable alone shows which of the two it is: ln 2 plus the mean of their information.
    """
    halves = correlated_normals(correlation), binary_symmetric_channel(1 - agreement)

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        which = rng.random((n, 1)) < 1 / 2
        drawn = (half.sample(n, rng) for half in halves)
        pairs = zip(*drawn, strict=True)
        return tuple(np.where(which, a, 2.0 * b[:, None] - 1) for a, b in pairs)

    return Truth(
        name=f"normals of correlation {correlation} or signs that agree at {agreement}",
        value=math.log(2) + (halves[0].value + halves[1].value) / 2,
        sample=sample,
        source=_GAO,
    )


def censored_normals(correlation: float, mean: float) -> Truth:
    """MI of a normal variable below a floor of zero, max(0, X), and a correlated one."""
    from scipy.integrate import quad
    from scipy.special import ndtr

    rest = 1 - correlation**2
    below = float(ndtr(-mean))

    def bell(t: float) -> float:
        return math.exp(-t * t / 2) / math.sqrt(2 * math.pi)

    def above(x: float) -> float:  # density of x times the divergence of y given x from y
        gained = (correlation**2 * ((x - mean) ** 2 - 1) - math.log(rest)) / 2
        return bell(x - mean) * gained

    def at_floor(y: float) -> float:
        p = float(ndtr(-(mean + correlation * y) / math.sqrt(rest)))
        return bell(y) * p * math.log(p / below) if p > 0 else 0.0

    reach = 12 + abs(mean)
    value = quad(above, 0, mean + reach, epsabs=1e-13)[0]
    value += quad(at_floor, -reach, reach, epsabs=1e-13, limit=200)[0]

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        x, y = correlated_normals(correlation).sample(n, rng)
        return np.maximum(x + mean, 0.0), y

    return Truth(
        name=f"normals of correlation {correlation}, one of mean {mean} and floored at 0",
        value=value,
        sample=sample,
        source="quadrature; example of ennemi, doi:10.1016/j.softx.2021.100686",
    )


def counted_exponential(lost: float) -> Truth:
    """MI of an exponential rate and a Poisson count of that rate that is set to 0 when lost.

    The form (1 - lost) 0.3012... that is often quoted counts the loss as observed, which it is
    not: it is exact only where nothing is lost.
    """
    from scipy.integrate import quad
    from scipy.special import gammaln

    k = np.arange(150)
    ln_factorial = gammaln(k + 1)

    def lossy(p: np.ndarray) -> np.ndarray:
        return (1 - lost) * p + lost * (k == 0)

    def given(rate: float) -> float:
        p = np.exp(k * math.log(rate) - rate - ln_factorial)
        return math.exp(-rate) * shannon(lossy(p))

    within = sum(
        quad(given, low, high, epsabs=1e-13, limit=200)[0]
        for low, high in ((1e-300, 1e-3), (1e-3, 1.0), (1.0, 40.0))
    )

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        rate = rng.exponential(size=n)
        return rate[:, None], rng.poisson(rate) * (rng.random(n) >= lost)

    return Truth(
        name=f"Poisson counts of an exponential rate, lost at {lost}",
        value=shannon(lossy(0.5 ** (k + 1.0))) - within,
        sample=sample,
        source="quadrature; design of Gao et al. (2017), arXiv:1709.06212",
    )


def farlie_gumbel_morgenstern(theta: float) -> Truth:
    """MI of the copula with density 1 + theta (1 - 2u) (1 - 2v), by Gaussian quadrature."""
    node, weight = np.polynomial.legendre.leggauss(80)
    density = 1 + theta * np.outer(node, node)  # node = 1 - 2u on [-1, 1]
    value = float(weight @ (density * np.log(density)) @ weight / 4)

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        u, w = rng.random((2, n, 1))
        a = theta * (1 - 2 * u)
        return u, 2 * w / (1 + a + np.sqrt((1 + a) ** 2 - 4 * a * w))

    return Truth(
        name=f"Farlie-Gumbel-Morgenstern copula, theta {theta}",
        value=value,
        sample=sample,
        source="Nelsen, An Introduction to Copulas (2006), doi:10.1007/0-387-28678-0, example 3.12",
    )


def normal_pair_mixture(
    weights: Sequence[float], means: Sequence[Sequence[float]], correlations: Sequence[float]
) -> Truth:
    """MI of two variables whose joint density mixes normal pairs of variance 1, by quadrature."""
    step = 0.05
    grid = np.arange(np.min(means) - 9, np.max(means) + 9, step)
    joint = np.zeros((len(grid), len(grid)))
    for weight, (a, b), r in zip(weights, means, correlations, strict=True):
        x, y = (grid - a)[:, None], (grid - b)[None, :]
        quadratic = (x * x - 2 * r * x * y + y * y) / (1 - r * r)
        joint += weight * np.exp(-quadratic / 2) / (2 * math.pi * math.sqrt(1 - r * r))
    cells = joint * step * step  # the trapezoidal rule: the edges vanish

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        part = rng.choice(len(weights), size=(n, 1), p=weights)
        x, noise = rng.standard_normal((2, n, 1))
        r, (a, b) = np.take(correlations, part), np.moveaxis(np.take(means, part, axis=0), -1, 0)
        return x + a, r * x + np.sqrt(1 - r * r) * noise + b

    return Truth(
        name=f"mixture of normal pairs, means {means}, correlations {correlations}",
        value=shannon(cells.sum(axis=0)) + shannon(cells.sum(axis=1)) - shannon(cells),
        sample=sample,
        source="quadrature; examples in Czyz et al. (2025), arXiv:2310.10240",
    )


#: Maps of one variable onto its image, which leave every mutual information as it is.
_MAPS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "cube": lambda x: x**3,
    "half_cube": lambda x: x * np.sqrt(np.abs(x)),
    "asinh": np.arcsinh,
    "exp": np.exp,
}


def mapped(truth: Truth, by: str) -> Truth:
    """The same problem with each real variable mapped one to one, which changes no information."""
    change = _MAPS[checks.choice(by, "by", tuple(_MAPS))]

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        drawn = truth.sample(n, rng)
        return tuple(change(part) if part.dtype.kind == "f" else part for part in drawn)

    return replace(truth, name=f"{truth.name}, mapped by {by}", sample=sample)


def _split(joint: np.ndarray, at: int) -> tuple[np.ndarray, ...]:
    return joint[:, :at], joint[:, at:]


def _student_gain(degrees: float) -> float:
    return math.lgamma(degrees / 2) - degrees / 2 * psi(degrees / 2)
