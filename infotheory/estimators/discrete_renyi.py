"""Renyi's generalisation of entropy to any order, and the informations that go with it.

All sums over p^order are taken as 1 plus a sum of expm1, relative to the most likely outcome: so
nothing overflows at large orders, nothing cancels near order 1, and the limits are exact.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import replace
from typing import Any

import numpy as np

from infotheory import truth
from infotheory.estimate import Estimate
from infotheory.estimators.discrete import (
    Fingerprint,
    Table,
    crowding,
    delta_method,
    fingerprint,
    plugin,
    tabulate,
)
from infotheory.estimators.discrete_information import (
    conditional_entropy_of,
    mutual_information_of,
)
from infotheory.registry import estimator

__all__ = [
    "checked_order",
    "renyi",
    "renyi_conditional_entropy",
    "renyi_conditional_entropy_of",
    "renyi_entropy",
    "renyi_entropy_of",
    "renyi_mutual_information",
    "renyi_mutual_information_of",
]

_DIE = replace(truth.die(0.5, 0.25, 0.125, 0.125), value=math.log(32 / 11))
_CHANNEL = replace(truth.binary_symmetric_channel(0.11), value=math.log(2 * (0.89**2 + 0.11**2)))
_FLIPPED = replace(
    truth.conditional_entropy_table("a flipped bit", [[0.445, 0.055], [0.055, 0.445]]),
    value=-math.log(0.89**2 + 0.11**2),
)


def checked_order(order: Any) -> float:
    """The order as a float: not negative, infinity allowed."""
    if isinstance(order, bool) or not isinstance(order, numbers.Real):
        raise TypeError(f"order must be a number; got {type(order).__name__} {order!r}.")
    order = float(order)
    if not order >= 0:
        raise ValueError(f"order must be a number from 0 to infinity; got {order:g}.")
    return order


def renyi(p: np.ndarray, times: np.ndarray, order: float) -> float:
    """Entropy of `times` outcomes of probability p each; of order 1 it is Shannon's."""
    largest = p.max()
    ratio = np.log(p / largest)
    if order == 1:
        return 0.0 - float(np.log(largest) + (times * p * ratio).sum())
    rest = (times * p * _power(ratio, order)).sum()
    return 0.0 - float(np.log(largest) + np.log1p(rest) / (order - 1))


def _power(logs: np.ndarray, order: float) -> np.ndarray:
    """exp((order - 1) logs) - 1; where the logarithm is 0 this is 0 at infinite order too."""
    with np.errstate(invalid="ignore"):
        return np.where(logs == 0, 0.0, np.expm1((order - 1) * logs))


def _error(counted: Fingerprint, order: float) -> float | None:
    """Delta method; None at order 0, where the value is a count of what has been seen."""
    if order == 0:
        return None
    if order == 1:
        return delta_method(counted)
    p, times = counted.sizes / counted.n, counted.times
    ratio = np.log(p / p.max())
    factor = -1.0 if math.isinf(order) else order / (1 - order)
    power = _power(ratio, order)
    total = 1 + (times * p * power).sum()
    return _spread(times * p, factor * power / total, counted.n)


def _spread(p: np.ndarray, influence: np.ndarray, n: int) -> float:
    """Standard error of a function of frequencies from its derivative by each of them."""
    variance = (p * (influence - (p * influence).sum()) ** 2).sum()
    return float(variance / n) ** 0.5


def renyi_entropy_of(table: Table, *, order: float = 2.0) -> Estimate:
    """Renyi entropy of the rows of a table."""
    order, n = checked_order(order), table.n
    counted = fingerprint(table.counts)
    diagnostics = {"outcomes": counted.outcomes, "ceiling": math.log(n)}
    return Estimate(
        plugin(counted) if order == 1 else renyi(counted.sizes / n, counted.times, order),
        stderr=_error(counted, order),
        n=n,
        diagnostics=diagnostics | crowding(n, {"x": counted}),
    )


def renyi_mutual_information_of(table: Table, *, order: float = 2.0) -> Estimate:
    """Renyi divergence of the rows of a table of two variables from independence."""
    order, n = checked_order(order), table.n
    shannon = mutual_information_of(table)
    diagnostics = {**shannon.diagnostics, "ceiling": math.log(n)}
    if order == 1:
        return replace(shannon, diagnostics=diagnostics)
    (of_x, x), (of_y, y) = table.part(0), table.part(1)
    gain = np.log(table.counts * n / (of_x[x] * of_y[y].astype(float)))
    largest = gain.max()
    power, p = _power(gain - largest, order), table.counts / n
    rest = _sum(p * power)
    total = 1 + rest
    # The derivative of ln(total) / (order - 1) by p, in p(x, y) itself and in both margins.
    own = power if math.isinf(order) else order / (order - 1) * power
    of_margins = sum(
        (np.bincount(codes, p * power) / (counts / n))[codes]
        for counts, codes in ((of_x, x), (of_y, y))
    )
    return Estimate(
        largest + math.log1p(rest) / (order - 1) + 0.0,
        stderr=_spread(p, (own - of_margins) / total, n),
        n=n,
        diagnostics=diagnostics,
    )


def renyi_conditional_entropy_of(table: Table, *, order: float = 2.0) -> Estimate:
    """Arimoto's Renyi entropy of the first variable of a table when the second is known."""
    order, n = checked_order(order), table.n
    shannon = conditional_entropy_of(table)
    diagnostics = {**shannon.diagnostics, "ceiling": math.log(n)}
    if order == 1:
        return replace(shannon, diagnostics=diagnostics)
    of_y, y = table.part(1)
    # Sorted by y, and then in an order that the counts decide and not who came first.
    arranged = np.lexsort((table.counts, y))
    y, joint = y[arranged], table.counts[arranged]
    starts = np.searchsorted(y, np.arange(len(of_y)))
    p, weights = joint / of_y[y], of_y / n
    largest = np.maximum.reduceat(p, starts)
    ratio = np.log(p / largest[y])
    others = np.add.reduceat(p * _power(ratio, order), starts)
    entropies = -np.log(largest) - np.log1p(others) / (order - 1)
    highest = entropies.max()
    curve = _curve(order)
    if math.isinf(curve):
        return Estimate(highest + 0.0, n=n, diagnostics=diagnostics)
    rest = _sum(weights * np.expm1(curve * (entropies - highest)))
    total = 1 + rest
    # The derivative of ln(total) / curve by p(x, y) is exp(slope) / (curve total).
    if math.isinf(order):
        slope = np.where(ratio == 0, highest, -np.inf)
    else:
        slope = (order - 1) * (np.log(p) + entropies[y]) + curve * (entropies - highest)[y]
    return Estimate(
        highest + math.log1p(rest) / curve + 0.0,  # which makes -0 of a constant 0
        stderr=_spread(joint / n, np.expm1(slope) / (curve * total), n),
        n=n,
        diagnostics=diagnostics,
    )


def _curve(order: float) -> float:
    """(1 - order) / order, with its limits."""
    if order == 0:
        return math.inf
    return -1.0 if math.isinf(order) else (1 - order) / order


def _sum(terms: np.ndarray) -> float:
    """A sum that does not depend on the order of its terms."""
    return float(np.sort(terms).sum())


@estimator(
    "entropy:renyi",
    inputs=("codes",),
    estimand="renyi entropy",
    source="Renyi (1961), Proc. Fourth Berkeley Symposium 1, 547-561",
    truth=(_DIE,),
)
def renyi_entropy(x: Any, *, order: float = 2.0) -> Estimate:
    r"""Renyi entropy of the observed frequencies.

    .. math:: \hat H_a = \frac{1}{1 - a} \ln \sum_i \left(\frac{n_i}{n}\right)^a

    The limits are exact: ln m at order 0, Shannon's entropy at 1, the min-entropy
    :math:`-\ln \max_i n_i / n` at infinity.

    Parameters
    ----------
    x : integers or strings, shape (n,) or (n, d)
        One outcome per sample; of two dimensions each distinct row is an outcome.
    order : float
        a, from 0 to infinity. The entropy does not increase with it.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (m, the distinct outcomes seen), ``ceiling`` (ln n),
        ``saturated``.

    Raises
    ------
    TypeError, ValueError
        If x does not hold labels, or order is not a number from 0 to infinity.

    Notes
    -----
    Bias: O(1/n), downwards; small at orders above 1, which rare outcomes hardly touch, and worst
    at order 0, which counts the outcomes seen. Standard error: delta method; None at order 0.
    Cost: O(n d) time and memory.

    References
    ----------
    Renyi, Proc. Fourth Berkeley Symposium on Mathematical Statistics and Probability 1 (1961)
    547-561; van Erven, Harremoes, IEEE Trans. Inf. Theory 60 (2014), arXiv:1206.2459.
    """
    return renyi_entropy_of(tabulate(x), order=order)


@estimator(
    "mutual_information:renyi",
    inputs=("codes", "codes"),
    estimand="renyi information",
    source="van Erven & Harremoes (2014), arXiv:1206.2459",
    truth=(_CHANNEL,),
)
def renyi_mutual_information(x: Any, y: Any, *, order: float = 2.0) -> Estimate:
    r"""Renyi divergence of the observed joint frequencies from the product of their margins.

    .. math:: \hat I_a = \frac{1}{a - 1} \ln \sum_{x,y} p(x, y)^a \, (p(x) \, p(y))^{1 - a}

    with the observed frequencies p. Order 1 is Shannon's mutual information; order 0 and
    infinity are limits, the latter :math:`\max \ln p(x,y) / (p(x) p(y))`.

    Parameters
    ----------
    x, y : integers or strings, shape (n,) or (n, d)
        Paired outcomes; of two dimensions each distinct row is an outcome.
    order : float
        a, from 0 to infinity. The information does not decrease with it.

    Returns
    -------
    Estimate
        In nats; never negative. Diagnostics: ``outcomes`` (distinct x, y and pairs),
        ``ceiling`` (ln n), ``saturated``.

    Raises
    ------
    TypeError, ValueError
        If an argument does not hold labels, their lengths differ, or order is not a number from
        0 to infinity.

    Notes
    -----
    Bias: O(1/n), upwards, growing with the order. It does not increase when x or y is processed.
    It is not a difference of :func:`renyi_entropy` and :func:`renyi_conditional_entropy`: at
    orders other than 1 these do not add up. Standard error: delta method.
    Cost: O(n d + m log m) time and memory for m distinct pairs.

    References
    ----------
    van Erven, Harremoes, IEEE Trans. Inf. Theory 60 (2014), arXiv:1206.2459;
    Verdu, Information Theory and Applications Workshop (2015), doi:10.1109/ITA.2015.7308959.
    """
    return renyi_mutual_information_of(tabulate(x, y), order=order)


@estimator(
    "conditional_entropy:renyi",
    inputs=("codes", "codes"),
    estimand="renyi conditional entropy",
    source="Arimoto (1977); Fehr & Berens (2014), doi:10.1109/TIT.2014.2357799",
    truth=(_FLIPPED,),
)
def renyi_conditional_entropy(x: Any, y: Any, *, order: float = 2.0) -> Estimate:
    r"""Renyi entropy of x that is left when y is known, in Arimoto's form.

    .. math:: \hat H_a(X|Y) = \frac{a}{1 - a} \ln \sum_y \Bigl(\sum_x p(x, y)^a\Bigr)^{1/a}

    with the observed frequencies p. Order 1 is Shannon's conditional entropy, infinity
    :math:`-\ln \sum_y \max_x p(x, y)`, and 0 the largest ln of the outcomes of x beside one y.

    Parameters
    ----------
    x, y : integers or strings, shape (n,) or (n, d)
        Paired outcomes; of two dimensions each distinct row is an outcome.
    order : float
        a, from 0 to infinity. The entropy does not increase with it.

    Returns
    -------
    Estimate
        In nats; from 0 to the Renyi entropy of x. Diagnostics: ``outcomes`` (distinct x, y and
        pairs), ``ceiling`` (ln n), ``saturated``.

    Raises
    ------
    TypeError, ValueError
        If an argument does not hold labels, their lengths differ, or order is not a number from
        0 to infinity.

    Notes
    -----
    Bias: O(1/n), downwards. Knowing more never raises it, but with :func:`renyi_entropy` and
    :func:`renyi_mutual_information` it does not add up at orders other than 1. Standard error:
    delta method, too small at orders below 1 where pairs are rare; None at order 0.
    Cost: O(n d + m log m) time and memory for m distinct pairs.

    References
    ----------
    Arimoto, Topics in Information Theory, Colloquia Mathematica Societatis Janos Bolyai 16 (1977);
    Fehr, Berens, IEEE Trans. Inf. Theory 60 (2014), doi:10.1109/TIT.2014.2357799.
    """
    return renyi_conditional_entropy_of(tabulate(x, y), order=order)
