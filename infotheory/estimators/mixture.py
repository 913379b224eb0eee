"""Information about the centre of a Gaussian mixture around the samples (pairwise bounds)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from infotheory import checks, ops, truth
from infotheory.estimate import AT_CEILING, Estimate
from infotheory.registry import estimator

__all__ = [
    "about_label",
    "doubles",
    "mixture_entropy",
    "mixture_mutual_information",
]

NOISES = ("fixed", "max", "max_squared")
BOUNDS = ("upper", "lower", None)

#: Between these powers of two a square keeps all its digits, and a sum of many does not overflow.
_SQUARES = 300


@estimator(
    "entropy:mixture",
    inputs=("real",),
    estimand="entropy with noise",
    bound="upper",
    source="Kolchinsky & Tracey (2017), doi:10.3390/e19070361",
    truth=(truth.separated_points(8, noise_variance=1e-3),),
)
def mixture_entropy(
    x: Any,
    *,
    noise_variance: float = 1e-3,
    noise: str = "fixed",
    bound: str | None = "upper",
    draws: int = 1,
    rng: int | np.random.Generator = 0,
    pointwise: bool = False,
) -> Estimate:
    r"""Differential entropy of x plus Gaussian noise, bounded by pairwise distances.

    .. math:: \hat h = -\frac{1}{n} \sum_i \ln \frac{1}{n} \sum_j
        e^{-|x_i - x_j|^2 / (2 c s^2)} + \frac{d}{2} \ln 2 \pi e s^2,
        \quad c = 1 \text{ (upper)}, \; 4 \text{ (lower)}

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        The samples are the centres of n equally likely normals of variance s^2.
    noise_variance : float
        The variance s^2 for "fixed"; a factor for the two others.
    noise : {"fixed", "max", "max_squared"}
        s^2 = noise_variance, times max|x| for "max", times max|x|^2 for "max_squared" (the only
        one of the three under which the information does not depend on the scale of x).
    bound : {"upper", "lower", None}
        The upper bound (Kullback-Leibler distances), the lower bound (Bhattacharyya), or None
        for the entropy of the mixture itself by Monte Carlo.
    draws : int
        Draws per sample for Monte Carlo.
    rng : int or Generator
        Chance of the Monte Carlo draws.
    pointwise : bool
        Whether to attach the term of each sample as ``diagnostics["pointwise"]``.

    Returns
    -------
    Estimate
        In nats. ``params["variance"]`` is s^2. Diagnostics: ``information`` (the entropy less
        that of the noise, in nats: between 0 and ln n), ``saturated``.

    Raises
    ------
    TypeError, ValueError
        For an unknown noise or bound; a noise_variance that is not positive.

    Notes
    -----
    lower <= mixture <= upper holds for the mixture around *these* samples; as an estimate of the
    population's entropy each is biased down by at most what n samples can show (ln n plus the
    entropy of the noise). Standard error: that of a mean of independent terms. Samples within the
    noise of each other share theirs, so the true spread is up to 1.6 times as large; and noise that
    follows max|x| has a spread of its own, which can be far larger and is not in it.
    Cost: O(n^2 d) time, O(n) memory; each pair once, both bounds at once.

    References
    ----------
    Kolchinsky & Tracey, Entropy 19 (2017) 361, doi:10.3390/e19070361, eqs. 10, 15-18;
    the noise tied to the activity: Chelombiev et al., arXiv:1902.09037, section 3 (aKDE).
    """
    pointwise = checks.flag(pointwise, "pointwise")
    x, variance, exponent = _with_noise(x, noise_variance, noise)
    gained, _ = _gains(x, None, variance, bound, draws, rng)
    n, d = x.shape
    floor = -math.inf
    if variance > 0:
        log_variance = math.log(variance) + 2 * exponent * math.log(2.0)
        floor = d / 2 * (math.log(2 * math.pi * math.e) + log_variance)
    information = float(gained.mean())
    found = Estimate(
        information + floor,
        stderr=float(gained.std()) / math.sqrt(n),
        n=n,
        params={"variance": _in_units_of_x(variance, exponent)},
        diagnostics={"information": information, "ceiling": math.log(n) + floor}
        | _saturation(information, n)
        | _attached(gained + floor, pointwise),
    )
    if variance > 0:
        return found
    return found.noting(
        f"x is 0 everywhere, so noise={noise!r} is no noise and the entropy is minus infinity; "
        f"noise='fixed' has a variance of its own."
    )


@estimator(
    "mutual_information:mixture",
    inputs=("real", "codes"),
    estimand="information with noise",
    source="Kolchinsky & Tracey (2017), doi:10.3390/e19070361",
    truth=(truth.separated_classes(4),),
)
def mixture_mutual_information(
    x: Any,
    y: Any,
    *,
    noise_variance: float = 1e-3,
    noise: str = "fixed",
    bound: str | None = "upper",
    draws: int = 1,
    rng: int | np.random.Generator = 0,
    pointwise: bool = False,
) -> Estimate:
    r"""Information of x plus Gaussian noise about a label, from pairwise distances.

    .. math:: \hat I = \hat h(X + Z) - \sum_y \frac{n_y}{n} \hat h(X + Z \mid Y = y)

    with the entropies of :func:`mixture_entropy`. If every y is different, so that y only names
    the row, this is I(X; X + Z): between the bounds given by "lower" and "upper".

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        Samples, for example the activations of a layer.
    y : integers or strings, shape (n,) or (n, d)
        Paired labels.
    noise_variance, noise, bound, draws, rng, pointwise
        As for :func:`mixture_entropy`; the classes share the variance of the whole.

    Returns
    -------
    Estimate
        In nats. ``params["variance"]`` is the variance of the noise.
        ``diagnostics["bound"]`` is the bound this is, or "neither" for a difference of two.

    Raises
    ------
    TypeError, ValueError
        As :func:`mixture_entropy`; and if y does not hold labels or the lengths differ.

    Notes
    -----
    With repeated labels the value is a difference of two bounds of the same kind, and hence
    neither an upper nor a lower bound. Both terms are capped by ln n: when the first is within
    2 % of that cap, noise_variance is too small for the samples, and a warning says so.
    Bias: of either sign where samples overlap within the noise; else as the plug-in form's.
    Standard error: as for :func:`mixture_entropy`.
    Cost: O(n^2 d) time, O(n) memory.

    References
    ----------
    Kolchinsky & Tracey, Entropy 19 (2017) 361, doi:10.3390/e19070361;
    Saxe et al., J. Stat. Mech. (2019) 124020, doi:10.1088/1742-5468/ab3985, appendix.
    """
    pointwise = checks.flag(pointwise, "pointwise")
    x, variance, exponent = _with_noise(x, noise_variance, noise)
    found = about_label(x, y, variance, bound, draws, rng, pointwise)
    return replace(found, params={"variance": _in_units_of_x(variance, exponent)})


def about_label(
    x: Any,
    y: Any,
    variance: float,
    bound: str | None,
    draws: int,
    rng: int | np.random.Generator,
    pointwise: bool,
) -> Estimate:
    """Information of x plus noise of this variance about a label."""
    classes = ops.of(x, y).row_codes(y)
    n, counts = len(classes), np.bincount(classes)
    names_rows = len(counts) == n
    total, within = _gains(x, None if names_rows else classes, variance, bound, draws, rng)
    gained = total if within is None else total - within
    return Estimate(
        float(gained.mean()),
        stderr=float(gained.std()) / math.sqrt(n),
        n=n,
        params={"variance": variance},
        diagnostics={
            "ceiling": float(counts @ (np.log(n) - np.log(counts)) / n),
            "bound": bound if names_rows else "neither",
        }
        | _saturation(float(total.mean()), n)
        | _attached(gained, pointwise),
    )


def _attached(local: np.ndarray, pointwise: bool) -> dict[str, np.ndarray]:
    """The terms of the samples, read-only, where they are asked for."""
    if not pointwise:
        return {}
    local = local.copy()
    local.flags.writeable = False
    return {"pointwise": local}


def _with_noise(x: Any, noise_variance: float, noise: str) -> tuple[Any, float, int]:
    """Samples over a power of two, the variance of the noise in its square, and its exponent.

    So scaled that neither overflows where noise follows x. The variance is 0 only for a layer
    that is silent then.
    """
    checks.choice(noise, "noise", NOISES)
    variance = checks.number(noise_variance, "noise_variance", above=0.0)
    if noise == "fixed":
        return x, variance, 0
    largest = max(map(abs, ops.of(x).value_range(x)))
    if noise == "max":
        if largest > 0 and not 0 < variance * largest < math.inf:
            raise ValueError(
                f"noise_variance times max|x| must be a number for noise='max'; got "
                f"{variance:g} times {largest:g}. Rescale x, or use noise='max_squared'."
            )
        return x, variance * largest, 0
    fraction, exponent = math.frexp(largest)
    if abs(exponent) < _SQUARES:
        return x, variance * (largest * largest), 0
    x = x.double() if checks.is_tensor(x) else x.astype(np.float64)
    half = exponent // 2  # in two steps, since 2**1074 is no double
    x = x * 2.0**-half * 2.0 ** (half - exponent)
    return x, variance * (fraction * fraction), exponent


def _in_units_of_x(variance: float, exponent: int) -> float:
    """Where the square of the scale is no double, 0 or infinity, which it is closest to."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.ldexp(variance, 2 * exponent))


def _gains(
    x: Any,
    classes: np.ndarray | None,
    variance: float,
    bound: str | None,
    draws: int,
    rng: int | np.random.Generator,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Per sample, the information of x + noise about the sample; and the part within its class."""
    checks.choice(bound, "bound", BOUNDS)
    checks.integer(draws, "draws", low=1)
    rng = checks.generator(rng)
    n = len(x)
    sizes = None if classes is None else np.bincount(classes)[classes]
    if variance == 0:
        return np.zeros(n), None if classes is None else np.zeros(n)
    if bound is None:
        return _monte_carlo(x, classes, variance, draws, rng)
    sums = ops.of(x).mixture_log_sums(x, variance, classes)
    total, within = (
        (sums.upper, sums.class_upper) if bound == "upper" else (sums.lower, sums.class_lower)
    )
    return math.log(n) - total, None if sizes is None else np.log(sizes) - within


def _monte_carlo(
    x: Any, classes: np.ndarray | None, variance: float, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """The same by noisy copies of each sample: ln of its own component over the mixture.

    The draw's own density takes the place of its expectation -d/2, so that the estimate is
    exact where components are far apart, and never exceeds ln n.
    """
    engine = ops.of(x)
    samples = doubles(x)
    total, within = np.zeros((2, len(samples)))
    for _ in range(draws):
        noise = math.sqrt(variance) * rng.standard_normal(samples.shape)
        own = -(noise * noise).sum(axis=1) / (2 * variance)
        noisy = samples + noise
        total += own - engine.mixture_log_density(samples, noisy, variance)
        for label in range(0 if classes is None else int(classes.max()) + 1):
            members = classes == label
            centres, points = samples[members], noisy[members]
            density = engine.mixture_log_density(centres, points, variance)
            within[members] += own[members] - density
    return total / draws, None if classes is None else within / draws


def doubles(x: Any) -> np.ndarray:
    """Samples as an array of float64 on the CPU."""
    return np.asarray(x.cpu() if checks.is_tensor(x) else x, dtype=np.float64)


def _saturation(information: float, n: int) -> dict[str, Any]:
    ceiling = math.log(n)
    if n == 1 or information < AT_CEILING * ceiling:
        return {"saturated": False}
    message = (
        f"the noise tells all {n} samples apart (the information is at its ceiling ln n), so the "
        f"value says more about n than about x; try a larger noise_variance."
    )
    return {"saturated": True, "warnings": (message,)}
