"""Entropies that reckon with outcomes nobody has seen: by coverage, shrinkage, a Bayesian prior."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln, polygamma

from infotheory import checks, truth
from infotheory.estimate import Estimate
from infotheory.estimators.discrete import Fingerprint, entropy_of, tabulate
from infotheory.registry import estimator

__all__ = ["chao_shen_entropy", "nsb_entropy", "shrinkage_entropy"]

_DIE = truth.die(0.5, 0.25, 0.125, 0.125)
#: Where the posterior of the concentration has fallen by exp(-36), a rounding error, it ends.
_NOTHING = 36.0
#: Points that zoom in on the posterior, and the most that integrate it.
_GRID, _MOST_POINTS = 129, 1 << 15
#: From here on the asymptotic series of gamma and trigamma are exact to rounding.
_LARGE = 1e3
#: From here on integers are counted as floats; and up to here powers of them are finite.
_BEYOND, _MOST_OUTCOMES = 2**53, 10**100


def chao_shen(counted: Fingerprint) -> float:
    """Each surprise weighed by 1 / (the chance that its outcome is seen at all), with p = C n_i/n.

    If all outcomes are singletons, the coverage C is that of n - 1 singletons: else it would be 0.
    """
    k, times = counted
    n = counted.n
    singletons = int(times[k == 1].sum())
    p = (1 - min(singletons, n - 1) / n) * k / n
    with np.errstate(divide="ignore"):  # p is 1 for a sure outcome, which is surely seen
        seen = -np.expm1(n * np.log1p(-p))
    return 0.0 - float((times * p * np.log(p) / seen).sum())


def shrinkage(counted: Fingerprint, outcomes: int | None = None) -> float:
    """Plug-in entropy of frequencies drawn towards the uniform law by the James-Stein weight."""
    counted = _with_unseen(counted, outcomes)
    p, times = counted.sizes / counted.n, counted.times
    uniform = 1 / counted.outcomes
    distance = (counted.n - 1) * (times * (p - uniform) ** 2).sum()
    spread = max(0.0, 1 - (times * p * p).sum())
    weight = min(1.0, spread / distance) if distance > 0 else 1.0
    p = weight * uniform + (1 - weight) * p
    p, times = p[p > 0], times[p > 0]
    return 0.0 - float((times * p * np.log(p)).sum())


def nsb(counted: Fingerprint, outcomes: int | None = None) -> float:
    """Posterior mean of the entropy under a mixture of Dirichlet priors that is flat in entropy."""
    counted = _with_unseen(counted, outcomes)
    if counted.outcomes == 1:
        return 0.0
    return _posterior_average(counted, lambda beta: _mean(counted, beta))


def nsb_error(counted: Fingerprint, outcomes: int | None = None) -> float:
    """Posterior standard deviation of the entropy."""
    value = nsb(counted, outcomes)
    counted = _with_unseen(counted, outcomes)
    if counted.outcomes == 1:
        return 0.0
    spread = _posterior_average(counted, lambda beta: _squared_deviation(counted, beta, value))
    return max(0.0, spread) ** 0.5


def _with_unseen(counted: Fingerprint, outcomes: int | None) -> Fingerprint:
    """The fingerprint of all outcomes of the alphabet, also of those that occurred 0 times."""
    if outcomes is None:
        return counted
    outcomes = checks.integer(outcomes, "outcomes", low=1)
    if outcomes > _MOST_OUTCOMES:
        raise ValueError("outcomes must be at most 10**100; got a larger number.")
    unseen = outcomes - counted.outcomes
    if unseen < 0:
        raise ValueError(
            f"outcomes must be at least the {counted.outcomes} distinct ones in the samples; "
            f"got {outcomes}."
        )
    if unseen == 0:
        return counted
    # An alphabet beyond the integers is counted as a float, which no sum tells from it.
    size = unseen if outcomes < _BEYOND else float(unseen)
    return Fingerprint(np.append(0, counted.sizes), np.append(size, counted.times))


def _mean(counted: Fingerprint, beta: np.ndarray) -> np.ndarray:
    """Mean entropy of the posterior Dirichlet(n_i + beta), for each beta of a column."""
    u = counted.sizes + beta
    total = counted.n + float(counted.outcomes) * beta[:, 0]
    weighted = (counted.times * u * digamma(u + 1)).sum(axis=1)
    return digamma(total + 1) - weighted / total


def _squared_deviation(counted: Fingerprint, beta: np.ndarray, value: float) -> np.ndarray:
    """Mean of (H - value)^2 for the posterior Dirichlet(n_i + beta), for each beta of a column.

    (H - value)^2 is a double sum of p_i p_j (ln p_i + value)(ln p_j + value), of which Wolpert
    and Wolf know the mean of each term; taken about `value` it does not cancel.
    """
    times, u = counted.times, counted.sizes + beta
    total = counted.n + float(counted.outcomes) * beta
    level, curve = digamma(total + 2) - value, polygamma(1, total + 2)
    first = u * (digamma(u + 1) - level)
    pairs = (times * first).sum(axis=1) ** 2 - (times * first**2).sum(axis=1)
    pairs -= curve[:, 0] * (total[:, 0] ** 2 - (times * u * u).sum(axis=1))
    alone = (digamma(u + 2) - level) ** 2 + polygamma(1, u + 2) - curve
    alone = (times * u * (u + 1) * alone).sum(axis=1)
    return (pairs + alone) / (total * (total + 1))[:, 0]


def _posterior_average(counted: Fingerprint, quantity: Callable[[np.ndarray], np.ndarray]) -> float:
    """The average of a quantity over the posterior of beta, by the trapezoidal rule in ln beta.

    The integrand is smooth and vanishes at both ends, where this rule converges exponentially:
    its step is halved until nothing changes.
    """
    low, high, peak = _support(counted)
    before, points = math.inf, _GRID
    while True:
        t = np.linspace(low, high, points)
        weighted = normal = 0.0
        for block in np.array_split(t, max(1, points * len(counted.sizes) >> 20)):
            weights = np.exp(_log_posterior(counted, block) - peak)
            weighted += float((weights * quantity(np.exp(block)[:, None])).sum())
            normal += float(weights.sum())
        found = weighted / normal
        if abs(found - before) <= 1e-12 * abs(found) or points > _MOST_POINTS:
            return found
        before, points = found, 2 * points - 1


def _support(counted: Fingerprint) -> tuple[float, float, float]:
    """The interval of ln beta that holds the posterior, and the largest logarithm in it."""
    n, outcomes = counted.n, float(counted.outcomes)
    # Below, the posterior rises at least as beta, and at beta = 1 / (K ln n) it is over its rise;
    # above beta = n K it falls as 1 / beta.
    low = -math.log(outcomes * (1 + math.log(n))) - 2 * _NOTHING
    high = math.log(n * outcomes) + 2 * _NOTHING
    while True:
        t = np.linspace(low, high, _GRID)
        heights = _log_posterior(counted, t)
        peak = float(heights.max())
        inside = np.flatnonzero(heights > peak - _NOTHING)
        low, high = t[max(inside[0] - 1, 0)], t[min(inside[-1] + 1, _GRID - 1)]
        if len(inside) > _GRID // 4:
            return float(low), float(high), peak


def _log_posterior(counted: Fingerprint, t: np.ndarray) -> np.ndarray:
    """Ln of evidence times prior at ln beta = t, up to a constant."""
    beta, outcomes = np.exp(t), float(counted.outcomes)
    evidence = (counted.times * _log_rising(beta[:, None], counted.sizes)).sum(axis=1)
    evidence -= _log_rising(outcomes * beta, np.array(counted.n))
    return evidence + np.log(_entropy_slope(beta, outcomes)) + t


def _entropy_slope(beta: np.ndarray, outcomes: float) -> np.ndarray:
    """The derivative of the prior mean of the entropy by beta: a prior of beta, flat in entropy."""
    small = np.minimum(beta, _LARGE)
    exact = outcomes * polygamma(1, outcomes * small + 1) - polygamma(1, small + 1)
    # The series of trigamma(1 + x), without the terms 1/x that cancel.
    w, k = 1 / np.maximum(beta, _LARGE), 1 / outcomes
    series = (1 - k) / 2 * w**2 - (1 - k**2) / 6 * w**3 + (1 - k**4) / 30 * w**5
    return np.where(beta < _LARGE, exact, series)


def _log_rising(z: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Ln Gamma(z + k) - ln Gamma(z), also where both are huge and nearly equal."""
    small = np.minimum(z, _LARGE)
    large = np.maximum(z, _LARGE)
    stirling = (large - 0.5) * np.log1p(k / large) + k * (np.log(large + k) - 1)
    stirling += _stirling_rest(large + k) - _stirling_rest(large)
    return np.where(z < _LARGE, gammaln(small + k) - gammaln(small), stirling)


def _stirling_rest(z: np.ndarray) -> np.ndarray:
    w = 1 / z  # whose powers vanish where those of z overflow
    return w / 12 - w**3 / 360 + w**5 / 1260


@estimator(
    "entropy:chao_shen",
    inputs=("codes",),
    source="Chao & Shen (2003), doi:10.1023/A:1026096204727",
    truth=(_DIE,),
)
def chao_shen_entropy(x: Any) -> Estimate:
    r"""Shannon entropy adjusted for coverage: for many outcomes of which some are unseen.

    .. math:: \hat H = -\sum_i \frac{\tilde p_i \ln \tilde p_i}{1 - (1 - \tilde p_i)^n}, \quad
        \tilde p_i = \left(1 - \frac{f_1}{n}\right) \frac{n_i}{n}

    with :math:`f_1` the number of outcomes seen once. If every outcome is seen once, the
    coverage would be zero; then :math:`f_1 = n - 1` is taken.

    Parameters
    ----------
    x : integers or strings, shape (n,) or (n, d)
        One outcome per sample; of two dimensions each distinct row is an outcome.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (m, the distinct outcomes seen), ``saturated``.

    Raises
    ------
    TypeError, ValueError
        If x does not hold labels: real numbers with fractions, NaN, an empty array.

    Notes
    -----
    Bias: that of the plug-in form, about -(m - 1) / 2n, once all outcomes are seen often; small
    where many are unseen, since the missing mass is estimated. The value can exceed ln n.
    Standard error: delta method of the plug-in form, too small when many outcomes are unseen.
    Cost: O(n d) time and memory.

    References
    ----------
    Chao, Shen, Environmental and Ecological Statistics 10 (2003), doi:10.1023/A:1026096204727.
    """
    return entropy_of(tabulate(x), chao_shen)


@estimator(
    "entropy:shrinkage",
    inputs=("codes",),
    source="Hausser & Strimmer (2009), arXiv:0811.3579",
    truth=(_DIE,),
)
def shrinkage_entropy(x: Any, *, outcomes: int | None = None) -> Estimate:
    r"""Shannon entropy of frequencies shrunk towards the uniform law (James-Stein).

    .. math:: \hat H = -\sum_i \tilde p_i \ln \tilde p_i, \quad
        \tilde p_i = \lambda \frac{1}{K} + (1 - \lambda) \frac{n_i}{n}, \quad
        \lambda = \frac{1 - \sum_i (n_i/n)^2}{(n - 1) \sum_i (1/K - n_i/n)^2}

    with :math:`\lambda` cut to [0, 1], and 1 where it is 0/0.

    Parameters
    ----------
    x : integers or strings, shape (n,) or (n, d)
        One outcome per sample; of two dimensions each distinct row is an outcome.
    outcomes : int, optional
        K, the size of the alphabet where it is known; otherwise the number of outcomes seen.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (m, the distinct outcomes seen), ``saturated``.

    Raises
    ------
    TypeError, ValueError
        If x does not hold labels: real numbers with fractions, NaN, an empty array; if outcomes
        is less than what has been seen.

    Notes
    -----
    Bias: towards ln K, strongest at small n. Standard error: delta method of the plug-in form.
    Cost: O(n d) time and memory.

    References
    ----------
    Hausser, Strimmer, Journal of Machine Learning Research 10 (2009), arXiv:0811.3579, eq. 4-6.
    """
    return entropy_of(tabulate(x), shrinkage, outcomes=outcomes)


@estimator(
    "entropy:nsb",
    inputs=("codes",),
    source="Nemenman, Shafee, Bialek (2002), arXiv:physics/0108025",
    truth=(_DIE,),
)
def nsb_entropy(x: Any, *, outcomes: int | None = None) -> Estimate:
    r"""Posterior mean of the Shannon entropy under a prior that is nearly flat in entropy.

    .. math:: \hat H = \frac{\int \rho(\beta) \, E[H \mid n, \beta] \, d\beta}
        {\int \rho(\beta) \, d\beta}, \quad
        \rho(\beta) = \frac{d \xi}{d \beta} \frac{\Gamma(K \beta)}{\Gamma(n + K \beta)}
        \prod_i \frac{\Gamma(n_i + \beta)}{\Gamma(\beta)}, \quad
        \xi = \psi(K \beta + 1) - \psi(\beta + 1)

    A mixture of symmetric Dirichlet priors of all concentrations :math:`\beta`.

    Parameters
    ----------
    x : integers or strings, shape (n,) or (n, d)
        One outcome per sample; of two dimensions each distinct row is an outcome.
    outcomes : int, optional
        K, the size of the alphabet where it is known; otherwise the number of outcomes seen,
        which leaves no room for unseen ones.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (m, the distinct outcomes seen), ``saturated``.

    Raises
    ------
    TypeError, ValueError
        If x does not hold labels: real numbers with fractions, NaN, an empty array; if outcomes
        is less than what has been seen.

    Notes
    -----
    Bias: small for laws whose sorted probabilities fall smoothly, also at n < K if K is given;
    considerable for long tails. The value lies between 0 and ln K. Standard error: the posterior
    standard deviation, too small for long tails unless K is given. The integral is a trapezoidal
    rule in ln beta, refined until it stands still. Cost: O(n d) time and memory.

    References
    ----------
    Nemenman, Shafee, Bialek, NIPS 14 (2002), arXiv:physics/0108025, eq. 8-10;
    Wolpert, Wolf, Physical Review E 52 (1995), doi:10.1103/PhysRevE.52.6841 (second moment).
    """
    return entropy_of(tabulate(x), nsb, nsb_error, outcomes=outcomes)
