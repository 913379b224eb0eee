"""Differential entropy of one real variable from the spacings of its sorted samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory import checks, truth
from infotheory.digits import lost_digits
from infotheory.estimate import Estimate
from infotheory.registry import estimator

__all__ = ["spacing_entropy"]

VARIANTS = ("vasicek", "van es", "ebrahimi", "correa")

#: Values below 2 to this power have differences that are numbers.
_LARGEST = 1000


@estimator(
    "entropy:spacing",
    inputs=("line",),
    source="Vasicek (1976), doi:10.1111/j.2517-6161.1976.tb01566.x",
    truth=(truth.normal(1), truth.density("exponential", rate=2.0)),
)
def spacing_entropy(x: Any, *, variant: str = "vasicek", window: int | None = None) -> Estimate:
    r"""Differential entropy of one variable from spacings of its sorted samples (Vasicek).

    .. math:: \hat h = \frac1n \sum_i \ln \frac{n}{2m} (x_{(i+m)} - x_{(i-m)})

    with the order statistics x_(1) <= ... <= x_(n), of which those beyond an end are that end.

    Parameters
    ----------
    x : real array, shape (n,) or (n, 1)
        Samples of one variable.
    variant : {"vasicek", "van es", "ebrahimi", "correa"}
        The formula above; Van Es' form with spacings of every sample to one side and a
        correction of its bias; Ebrahimi's, which widens the spacings near the ends by what they
        lack; or Correa's local slopes in place of spacings.
    window : int, optional
        The m of the formula, below n / 2; the integer part of sqrt(n) + 1/2 unless it is given.

    Returns
    -------
    Estimate
        In nats; may be negative, and is minus infinity where as many samples are tied as the
        window spans. Diagnostics: ``window`` (the one used), ``ties`` (the fraction of samples
        that have an exact duplicate).

    Raises
    ------
    TypeError, ValueError
        For more than one column, an unknown variant, fewer than three samples, and a window that
        is not below n / 2.

    Notes
    -----
    Bias: wide windows flatten the density, upwards; spacings that an end cuts count too little,
    downwards, and in "vasicek" the two nearly cancel for long tails. "ebrahimi" and "correa" mend
    the second alone: less bias for few samples and bounded densities, and upwards for many samples
    of long tails, for which "van es" is far too low.
    Standard error: that of a mean of independent terms ln p(x_i), with p from the spacings; too
    large where the density is flat. Cost: O(n log n) time and O(n) memory; "correa" O(n m) both.

    References
    ----------
    Vasicek, J. R. Stat. Soc. B 38 (1976) 54, doi:10.1111/j.2517-6161.1976.tb01566.x;
    Van Es, Scand. J. Statist. 19 (1992) 61 (https://www.jstor.org/stable/4616230);
    Ebrahimi, Pflughoeft, Soofi, Stat. Probab. Lett. 20 (1994) 225,
    doi:10.1016/0167-7152(94)90046-9;
    Correa, Commun. Stat. Theory Methods 24 (1995) 2439, doi:10.1080/03610929508831626.
    """
    checks.choice(variant, "variant", VARIANTS)
    n = len(x)
    m = _window(window, n)
    ordered, exponent = _sorted(x)
    gaps = ordered[1:] > ordered[:-1]
    distinct = np.count_nonzero(gaps[1:] & gaps[:-1]) + int(gaps[0]) + int(gaps[-1])
    diagnostics: dict[str, Any] = {"window": m, "ties": 1.0 - distinct / n}
    if lost := lost_digits({"x": x}):
        diagnostics["warnings"] = tuple(lost)
    padded = _padded(ordered, m)
    spacings = padded[2 * m :] - padded[: -2 * m]
    with np.errstate(divide="ignore"):
        value = _FORMULAS[variant](ordered, padded, spacings, m)
        logs = np.log(spacings / _reach(n, m))
    if not math.isfinite(value):
        message = (
            f"tied samples fill a window of m={m} ({diagnostics['ties']:.0%} of the samples have a "
            f"duplicate), so the entropy is minus infinity: the variable has atoms and no density. "
            f"Choose a larger window, or a discrete method such as 'plugin'."
        )
        return Estimate(-math.inf, n=n, diagnostics=diagnostics).noting(message)
    return Estimate(
        value + exponent * math.log(2.0),
        stderr=float(logs[np.isfinite(logs)].std()) / math.sqrt(n),
        n=n,
        diagnostics=diagnostics,
    )


def _window(window: int | None, n: int) -> int:
    """The window that was asked for, or the rule's where samples are enough for it."""
    if n < 3:
        raise ValueError(
            f"x must have 3 rows or more to have spacings around one; got n={n} samples."
        )
    most = (n - 1) // 2
    if window is None:
        return min(int(math.sqrt(n) + 0.5), most)
    checks.integer(window, "window", low=1)
    if window > most:
        raise ValueError(
            f"window must be below half the samples; got window={window} for n={n}. "
            f"Choose {most} or less."
        )
    return int(window)


def _sorted(x: Any) -> tuple[np.ndarray, int]:
    """Sorted doubles over a power of two, which is not 1 where spacings would overflow."""
    values = np.asarray(x.cpu() if checks.is_tensor(x) else x, dtype=np.float64)[:, 0]
    ordered = np.sort(values)
    exponent = max(math.frexp(max(-ordered[0], ordered[-1]))[1] - _LARGEST, 0)
    return (np.ldexp(ordered, -exponent) if exponent else ordered), exponent


def _padded(ordered: np.ndarray, m: int) -> np.ndarray:
    """With m more of the first and of the last value at the ends."""
    padded = np.empty(len(ordered) + 2 * m)
    padded[:m], padded[m:-m], padded[-m:] = ordered[0], ordered, ordered[-1]
    return padded


def _reach(n: int, m: int) -> np.ndarray:
    """Over how many places each spacing reaches: 2 m, and fewer where an end cuts it."""
    reach = np.full(n, 2.0 * m)
    reach[:m] = np.arange(m, 2 * m)
    reach[n - m :] = np.arange(2 * m - 1, m - 1, -1)
    return reach


def _vasicek(ordered: np.ndarray, padded: np.ndarray, spacings: np.ndarray, m: int) -> float:
    n = len(ordered)
    return float(np.log(spacings).mean()) + math.log(n / (2 * m))


def _van_es(ordered: np.ndarray, padded: np.ndarray, spacings: np.ndarray, m: int) -> float:
    n = len(ordered)
    logs = np.log(ordered[m:] - ordered[:-m])
    bias = float((1 / np.arange(m, n + 1)).sum()) + math.log(m) - math.log(n + 1)
    return float(logs.mean()) + math.log((n + 1) / m) + bias


def _ebrahimi(ordered: np.ndarray, padded: np.ndarray, spacings: np.ndarray, m: int) -> float:
    n = len(ordered)
    places = np.arange(n)
    lacking = 1 + np.minimum(np.minimum(places, places[::-1]) / m, 1)
    return float((np.log(spacings) - np.log(lacking)).mean()) + math.log(n / m)


def _correa(ordered: np.ndarray, padded: np.ndarray, spacings: np.ndarray, m: int) -> float:
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * m + 1)
    # From the middle and over a power of two about the width: squares would else lose digits.
    exponents = np.frexp(spacings)[1]
    steps = np.ldexp(windows - ordered[:, None], -exponents[:, None])
    slopes = steps @ np.arange(-m, m + 1.0)
    steps -= steps.mean(axis=1, keepdims=True)
    squares = np.einsum("ij,ij->i", steps, steps)
    tied = spacings == 0
    logs = np.log(np.where(tied, 1.0, squares)) - np.log(np.where(tied, 0.0, slopes))
    return float((logs + exponents * math.log(2.0)).mean()) + math.log(len(ordered))


_FORMULAS = {"vasicek": _vasicek, "van es": _van_es, "ebrahimi": _ebrahimi, "correa": _correa}
