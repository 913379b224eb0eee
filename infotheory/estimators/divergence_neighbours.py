"""Ratios of densities from nearest neighbours, and the divergences that are means over them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import factorial, gammaln, polygamma

from infotheory import checks, ops
from infotheory.digits import lost_digits
from infotheory.estimate import Estimate
from infotheory.estimators.divergence_ratios import check_classifier
from infotheory.estimators.neighbours import METRICS, tied, too_few

__all__ = [
    "Ratios",
    "check_options",
    "jeffreys_of",
    "kl_of",
    "neighbour_ratios",
    "nothing",
    "noting_infinite",
    "of_both",
    "overlap_of",
    "renyi_of",
]

ESTIMATORS = ("knn", "classifier")
#: Rounding to float32 alone gives large samples a few ties; a hundredth is no accident.
_MANY_TIES = 0.01
#: Up to this power the factor of a moment is a series of so many terms.
_SMALL_POWER, _TERMS = 0.1, 8
#: Exponentials of more are no numbers.
_LARGEST_EXPONENT = 700.0

_UNDEFINED = (
    "x and y share points with k others of either, where the ratio of the densities is 0 / 0: the "
    "data are discrete. Compare frequencies by infotheory.f_divergence, or choose "
    "estimator='classifier'."
)


class Ratios(NamedTuple):
    """Estimates of ln p / q at the samples of p, and what they are made of."""

    logs: np.ndarray
    others: int
    k: int

    def moment(self, power: float) -> np.ndarray:
        """Terms whose mean is that of (p / q)^power over p, unbiased where densities are flat.

        From power k on, where the factor that makes them so has no value, they go without.
        """
        if power == 0:  # of ratios of 0 and infinity too
            return np.ones(len(self.logs))
        with np.errstate(over="ignore"):
            return math.exp(_log_factor(power, self.k)) * np.exp(power * self.logs)

    def log_moment(self, power: float) -> tuple[float, float]:
        """Ln of the mean of `moment`, and the variance of its terms over the squared mean.

        Both to all their digits relative to the power, however small it is: Renyi's divergence
        of an order near 1 divides by it.
        """
        if power == 0:
            return 0.0, 0.0
        exponents = power * self.logs
        if not np.abs(exponents).max() > 0.5:
            more = np.expm1(exponents)
            log_mean, mean, spread = math.log1p(more.mean()), 1 + more.mean(), more.var()
        else:
            top = exponents.max()
            if math.isinf(top):
                return float(top), math.nan
            terms = np.exp(exponents - top)
            log_mean, mean, spread = float(top + np.log(terms.mean())), terms.mean(), terms.var()
        return log_mean + _log_factor(power, self.k), float(spread / mean**2)


def _log_factor(power: float, k: int) -> float:
    """Ln of Gamma(k)^2 / (Gamma(k - power) Gamma(k + power)); 0 from power k on."""
    if not abs(power) < k:
        return 0.0
    if abs(power) > _SMALL_POWER:
        return float(2 * gammaln(k) - gammaln(k - power) - gammaln(k + power))
    # The difference above keeps no digits of a small power; even terms of Taylor's series do.
    orders = np.arange(2, 2 * _TERMS + 1, 2)
    return float(-2 * (polygamma(orders - 1, k) * power**orders / factorial(orders)).sum())


def check_options(
    estimator: str, k: int, metric: str, classifier: Any, folds: int, rng: Any
) -> None:
    """Errors that name the option, whichever estimator will use it."""
    checks.choice(estimator, "estimator", ESTIMATORS)
    checks.integer(k, "k", low=1)
    checks.choice(metric, "metric", METRICS)
    check_classifier(classifier, folds)
    checks.generator(rng)


def neighbour_ratios(
    x: Any, y: Any, k: int, metric: str, names: str = "xy"
) -> tuple[Ratios | None, dict[str, Any]]:
    """Ln of the ratio of the densities at each x; None where all samples are one point."""
    n, m = len(x), len(y)
    if k >= n:
        raise ValueError(f"{names[0]} has n={n} samples; k={k} needs at least {k + 1}.")
    if k > m:
        raise ValueError(f"{names[1]} has n={m} samples; k={k} needs at least {k}.")
    said = lost_digits(dict(zip(names, (x, y), strict=True)))
    fixed = [(each == each[:1]).all(0) for each in (x, y)]
    varies = ~(fixed[0] & fixed[1] & (x[0] == y[0]))
    if bool(((fixed[0] | fixed[1]) & varies).any()):
        said.append(
            "a column is constant in x or y but not the same constant in both: one of them has no "
            "density where the other has, and the divergence is as large as it can be."
        )
    # Columns that are one constant change no distance, but must not count as dimensions.
    x, y = x[:, varies], y[:, varies]
    d = x.shape[1]
    noted: dict[str, Any] = {"ties": 0.0, "coincident": 0.0}
    if d == 0:
        return None, noted
    noted["ties"] = max(tied(x), tied(y))
    own = ops.of(x, y).neighbours([x], k, metric, counts=False).radius
    other = ops.of(x, y).cross_neighbours(x, y, k, metric)
    if ((own == 0) & (other == 0)).any():
        raise ValueError(_UNDEFINED)
    noted["coincident"] = float(((own == 0) | (other == 0)).mean())
    if noted["ties"] > _MANY_TIES:
        said.append(
            f"{noted['ties']:.0%} of the samples of x or y have an exact duplicate, but the method "
            f"takes them for continuous; choose estimator='classifier', or compare frequencies by "
            f"infotheory.f_divergence."
        )
    said += too_few({"x": x})
    with np.errstate(divide="ignore"):
        logs = d * (np.log(other) - np.log(own)) + math.log(m / (n - 1))
    if np.median(logs) > math.log(m):
        said.append(
            f"a typical sample of {names[0]} lies where {names[1]} has hardly any, so the ratio of "
            f"the densities there is a guess from afar, and the divergence can be far larger."
        )
    if said:
        noted["warnings"] = tuple(said)
    return Ratios(logs, m, k), noted


def of_both(noted: dict[str, Any], again: dict[str, Any]) -> dict[str, Any]:
    """The diagnostics of both directions together: the larger ties, and all that was said."""
    larger = {name: max(noted[name], again[name]) for name in ("ties", "coincident")}
    said = dict.fromkeys((*noted.get("warnings", ()), *again.get("warnings", ())))
    return noted | larger | ({"warnings": tuple(said)} if said else {})


def nothing(noted: dict[str, Any]) -> Estimate:
    """The divergence of a point from itself."""
    return Estimate(0.0, stderr=0.0, diagnostics=noted).noting(
        "all samples of x and y are one point, so they have no densities but one distribution."
    )


def kl_of(ratios: Ratios | None, noted: dict[str, Any]) -> Estimate:
    """The mean log ratio."""
    if ratios is None:
        return nothing(noted)
    logs = ratios.logs
    value = _mean(logs)
    error = _error_of_logs(ratios) if math.isfinite(value) else None
    return noting_infinite(Estimate(value, stderr=error, diagnostics=noted))


def jeffreys_of(forth: Ratios | None, back: Ratios | None, noted: dict[str, Any]) -> Estimate:
    """The mean log ratios at the samples of either side, of the own density to the other one."""
    if forth is None or back is None:
        return nothing(noted)
    value = _mean(forth.logs) + _mean(back.logs)
    if math.isnan(value):
        raise ValueError(_UNDEFINED)
    if math.isinf(value):
        return noting_infinite(Estimate(value, diagnostics=noted))
    # An x adds ln r to the one sum, and takes 1 / r from the other.
    sides = (
        (side.logs - np.minimum(side.moment(-1.0), len(side.logs)), len(side.logs))
        for side in (forth, back)
    )
    variance = math.fsum(float(side.var()) / count for side, count in sides)
    return noting_infinite(Estimate(value, stderr=math.sqrt(variance), diagnostics=noted))


def overlap_of(ratios: Ratios, order: float, noted: dict[str, Any]) -> Estimate:
    """The integral of p^order q^(1 - order)."""
    _check_order(order, ratios.k)
    terms = ratios.moment(order - 1)
    value = float(terms.mean())
    if not math.isfinite(value):
        return Estimate(value, diagnostics=noted)
    error = value * _relative_error(ratios, order) if value > 0 else 0.0
    return Estimate(value, stderr=error, diagnostics=noted)


def renyi_of(ratios: Ratios, order: float, noted: dict[str, Any]) -> Estimate:
    """Ln of the integral of p^order q^(1 - order) over order - 1, however close to 0 that is."""
    _check_order(order, ratios.k)
    value = ratios.log_moment(order - 1)[0] / (order - 1)
    if not math.isfinite(value):
        return Estimate(value, diagnostics=noted)
    error = _relative_error(ratios, order) / abs(order - 1)
    return Estimate(value, stderr=error, diagnostics=noted)


def _check_order(order: float, k: int) -> None:
    if abs(order - 1) >= k:
        raise ValueError(
            f"k must be greater than abs(order - 1), which is {abs(order - 1):g} here; got "
            f"k={k}. Take a larger k, or estimator='classifier'."
        )


def _relative_error(ratios: Ratios, order: float) -> float:
    """The standard error of the integral of p^order q^(1 - order), over its value.

    A sample of x adds order r^(order - 1) to the integral, not r^(order - 1); what distances add
    to the spread of the terms is shared by neighbours, and counts twice. A sample of y adds
    (1 - order) r^order. Second moments over q are moments over p. No more than all samples of x
    can share one of y, which bounds what a few large ratios make of it.
    """
    log_value, spread = ratios.log_moment(order - 1)
    of_squares = ratios.log_moment(2 * order - 1)[0]
    factors = [_log_factor(each * (order - 1), ratios.k) for each in (1, 2)]
    own = math.expm1(factors[1] - 2 * factors[0] + math.log1p(spread))
    own = min(max(own, 0.0), spread)
    excess = _expm1(of_squares - 2 * log_value)
    of_x = order * order * own + 2 * (spread - own)
    of_y = (1 - order) ** 2 * min(max(excess, 0.0) / ratios.others, 1.0)
    return math.sqrt(of_x / len(ratios.logs) + of_y)


def _error_of_logs(ratios: Ratios) -> float:
    """The standard error of the mean log ratio, in the manner of `_relative_error`.

    A sample of y adds -r.
    """
    spread = float(ratios.logs.var())
    own = min(max(spread - 2 * float(polygamma(1, ratios.k)), 0.0), spread)
    excess = float(ratios.moment(1.0).mean()) - 1
    of_y = min(max(excess, 0.0) / ratios.others, 1.0)
    return math.sqrt((own + 2 * (spread - own)) / len(ratios.logs) + of_y)


def _expm1(log: float) -> float:
    return math.expm1(log) if log < _LARGEST_EXPONENT else math.inf


def _mean(logs: np.ndarray) -> float:
    if (logs == math.inf).any() and (logs == -math.inf).any():
        raise ValueError(_UNDEFINED)
    return float(logs.mean())


def noting_infinite(found: Estimate) -> Estimate:
    """With a warning where coincident samples make the value infinite."""
    if math.isfinite(found.value):
        return found
    return found.noting(
        "samples of x coincide with k others of x or of y, which makes the value infinite: the "
        "data have atoms and no density; choose estimator='classifier', or compare frequencies by "
        "infotheory.f_divergence."
    )
