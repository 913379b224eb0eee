"""Differential entropy of one real variable from the spacings of its sorted samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory import checks, truth
from infotheory.estimate import Estimate
from infotheory.registry import estimator

__all__ = ["spacing_entropy"]

VARIANTS = ("vasicek", "van es", "ebrahimi", "correa")


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
    ordered, exponent = _sorted_within_one(x)
    ties = float((np.unique(ordered, return_counts=True)[1][_places(ordered)] > 1).mean())
    diagnostics = {"window": m, "ties": ties}
    value = _scaled_entropy(ordered, m, variant)
    if not math.isfinite(value):
        message = (
            f"tied samples fill a window of m={m} ({ties:.0%} of the samples have a duplicate), so "
            f"the entropy is minus infinity: the variable has atoms and no density. Choose a "
            f"larger window, or a discrete method such as 'plugin'."
        )
        return Estimate(-math.inf, n=n, diagnostics=diagnostics).noting(message)
    return Estimate(
        value + exponent * math.log(2.0),
        stderr=_spread(ordered, m) / math.sqrt(n),
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


def _sorted_within_one(x: Any) -> tuple[np.ndarray, int]:
    """Sorted doubles over the power of two above the largest, so that none overflows."""
    values = np.asarray(x.cpu() if checks.is_tensor(x) else x, dtype=np.float64)[:, 0]
    exponent = int(np.frexp(np.abs(values).max())[1])
    return np.sort(np.ldexp(values, -exponent)), exponent


def _places(ordered: np.ndarray) -> np.ndarray:
    """Of each sorted sample, the number of distinct values below it."""
    return np.append(0, np.cumsum(np.diff(ordered) > 0))


def _scaled_entropy(ordered: np.ndarray, m: int, variant: str) -> float:
    from scipy.stats import differential_entropy

    with np.errstate(all="ignore"):
        return float(differential_entropy(ordered, window_length=m, method=variant))


def _spread(ordered: np.ndarray, m: int) -> float:
    """Deviation of the logarithms of the spacings around each sample, without the cut ones."""
    n = len(ordered)
    last = np.minimum(np.arange(n) + m, n - 1)
    first = np.maximum(np.arange(n) - m, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log((ordered[last] - ordered[first]) / (last - first))
    return float(logs[np.isfinite(logs)].std())
