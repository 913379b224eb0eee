"""Exact amounts of information of distributions that are given as tables of probabilities."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import logsumexp

from infotheory import checks
from infotheory.estimate import Estimate
from infotheory.estimators.discrete_renyi import checked_order, renyi

__all__ = [
    "distribution_conditional_mutual_information",
    "distribution_entropy",
    "distribution_mutual_information",
    "f_divergence",
]

#: How far from 1 the sum of probabilities may be, by the precision they come in.
_TOLERANCE = MappingProxyType({"float16": 1e-2, "bfloat16": 1e-2, "float32": 1e-5})
_TOLERANCE_OF_DOUBLES = 1e-9
#: Below this relative difference a series has more digits than the formula, which cancels.
_NEARLY_EQUAL = 1e-4


def distribution_entropy(p: Any, *, order: float = 1.0) -> Estimate:
    r"""Entropy of a discrete distribution, Shannon's or Renyi's.

    .. math:: H = -\sum_i p_i \ln p_i, \quad H_a = \frac{1}{1 - a} \ln \sum_i p_i^a

    Parameters
    ----------
    p : array of any shape
        Probabilities; of several dimensions it is the joint distribution of several variables,
        and the entropy is theirs together.
    order : float
        a, from 0 to infinity. 1 is Shannon's entropy, 0 the ln of the number of outcomes with
        p > 0, infinity -ln of the largest p.

    Returns
    -------
    Estimate
        In nats, exact: stderr is 0 and n is 0.

    Raises
    ------
    TypeError, ValueError
        If p does not hold real numbers, is empty, not finite, negative, or does not sum to 1
        within 1e-9 (float32: 1e-5; float16 and bfloat16: 1e-2); if order is not a number from 0
        to infinity.

    Notes
    -----
    All arithmetic is in double precision. A table of less is divided by its sum first, so that it
    is a distribution in double precision too.

    References
    ----------
    Cover, Thomas, Elements of Information Theory (2006), doi:10.1002/047174882X, eq. 2.1;
    van Erven, Harremoes, IEEE Trans. Inf. Theory 60 (2014), arXiv:1206.2459.
    """
    order = checked_order(order)
    p = probabilities(p, "p")
    p = np.sort(p[p > 0])
    return _exact(renyi(p, np.ones(p.shape), order), "entropy", order=order)


def distribution_mutual_information(joint: Any) -> Estimate:
    r"""Mutual information of two discrete variables from the table of their joint law.

    .. math:: I(X;Y) = \sum_{x,y} p(x,y) \ln \frac{p(x,y)}{p(x) \, p(y)}

    Parameters
    ----------
    joint : array, shape (a, b)
        The probability of each pair of outcomes.

    Returns
    -------
    Estimate
        In nats, exact: stderr is 0 and n is 0.

    Raises
    ------
    TypeError, ValueError
        If joint is no table of two dimensions, or no distribution: see
        :func:`distribution_entropy`.

    References
    ----------
    Cover, Thomas, Elements of Information Theory (2006), doi:10.1002/047174882X, eq. 2.28.
    """
    joint = probabilities(joint, "joint", axes=2)
    return _exact(_shared(joint, joint), "mutual_information")


def distribution_conditional_mutual_information(joint: Any) -> Estimate:
    r"""Conditional mutual information of discrete variables from the table of their joint law.

    .. math:: I(X;Y|Z) = \sum_{x,y,z} p(x,y,z) \ln \frac{p(x,y,z) \, p(z)}{p(x,z) \, p(y,z)}

    Parameters
    ----------
    joint : array, shape (a, b, c)
        The probability of each triple of outcomes; the last axis is the condition z.

    Returns
    -------
    Estimate
        In nats, exact: stderr is 0 and n is 0.

    Raises
    ------
    TypeError, ValueError
        If joint is no table of three dimensions, or no distribution: see
        :func:`distribution_entropy`.

    References
    ----------
    Cover, Thomas, Elements of Information Theory (2006), doi:10.1002/047174882X, eq. 2.60.
    """
    joint = probabilities(joint, "joint", axes=3)
    of_z = joint.sum(axis=(0, 1), keepdims=True)
    given = np.divide(joint, of_z, out=np.zeros_like(joint), where=of_z > 0)
    return _exact(_shared(joint, given), "conditional_mutual_information")


def f_divergence(p: Any, q: Any, *, kind: str = "kl", order: float | None = None) -> Estimate:
    r"""Divergence of one discrete distribution from another, both given as tables.

    .. math:: D_f(p \| q) = \sum_i q_i f(p_i / q_i), \quad
        D_a(p \| q) = \frac{1}{a - 1} \ln \sum_i p_i^a q_i^{1 - a}

    Parameters
    ----------
    p, q : arrays of any one shape
        Probabilities of the same outcomes.
    kind : str
        "kl": f(r) = r ln r. "renyi": the second formula. "jensen_shannon": the mean of the KL
        divergences from (p + q) / 2. "jeffreys": the sum of both KL divergences, f = (r - 1) ln r.
        "hellinger": H^2 = 1 - sum sqrt(p q), f = (1 - sqrt(r))^2 / 2. "total_variation":
        f = abs(r - 1) / 2. "chi2": Pearson's, f = (r - 1)^2.
    order : float
        a of "renyi", from 0 to infinity, limits included; 1 is "kl". No other kind takes it.

    Returns
    -------
    Estimate
        In nats; "hellinger", "total_variation" and "chi2" are pure numbers. Exact: stderr is 0 and
        n is 0. It is 0 where p equals q, and but for "renyi" of order 0 only there; infinite
        where q lacks an outcome of p ("kl", "chi2", "renyi" from order 1 on; "jeffreys" where
        either lacks one of the other), and for "renyi" wherever no outcome is shared.

    Raises
    ------
    TypeError, ValueError
        For an unknown kind; an order that is missing, not from 0 to infinity, or not asked for;
        tables of unlike shapes, or which are no distributions: see :func:`distribution_entropy`.

    References
    ----------
    Csiszar, Studia Sci. Math. Hungar. 2 (1967) 299; Liese, Vajda, IEEE Trans. Inf. Theory 52
    (2006) 4394, doi:10.1109/TIT.2006.881731; van Erven, Harremoes, IEEE Trans. Inf. Theory 60
    (2014), arXiv:1206.2459.
    """
    checks.choice(kind, "kind", (*_DIVERGENCES, "renyi"))
    if (kind == "renyi") != (order is not None):
        raise ValueError(
            f"order belongs to kind='renyi', which needs one; "
            f"got kind={kind!r} and order={order!r}."
        )
    p, q = probabilities(p, "p"), probabilities(q, "q")
    if p.shape != q.shape:
        raise ValueError(f"p and q must have the same shape; got {p.shape} and {q.shape}.")
    if kind == "renyi":
        order = checked_order(order)
        return _exact(_renyi_divergence(p, q, order), "divergence", kind=kind, order=order)
    found = _exact(float(_DIVERGENCES[kind](p, q).sum()), "divergence", kind=kind)
    return replace(found, unit="" if kind in _PURE else "nats")


def _kl_terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Terms p ln(p / q) - p + q, each at least 0, which add up to the KL divergence."""
    with np.errstate(all="ignore"):
        more = (p - q) / q
        exact = p * _ln_ratio(p, q, more) - (p - q)
        series = (p - q) * more * (1 / 2 - more / 6 + more**2 / 12 - more**3 / 20)
    terms = np.where(np.abs(more) < _NEARLY_EQUAL, series, exact)
    return np.where(p == 0, q, np.where(q == 0, np.inf, terms))


def _ln_ratio(p: np.ndarray, q: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Ln of p / q, which is 1 + more, to all digits whether they are close or far apart."""
    return np.where(np.abs(more) < 1 / 2, np.log1p(more), np.log(p) - np.log(q))


def _js_terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    middle = p / 2 + q / 2
    return (_kl_terms(p, middle) + _kl_terms(q, middle)) / 2


def _jeffreys_terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.where(p == q, 0.0, (p - q) * (np.log(p) - np.log(q)))


def _hellinger_terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return (np.sqrt(p) - np.sqrt(q)) ** 2 / 2


def _variation_terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.abs(p - q) / 2


def _chi2_terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.where(p == q, 0.0, (p - q) / q * (p - q))


_DIVERGENCES = {
    "kl": _kl_terms,
    "jensen_shannon": _js_terms,
    "jeffreys": _jeffreys_terms,
    "hellinger": _hellinger_terms,
    "total_variation": _variation_terms,
    "chi2": _chi2_terms,
}
#: Kinds without a logarithm.
_PURE = ("hellinger", "total_variation", "chi2")


def _renyi_divergence(p: np.ndarray, q: np.ndarray, order: float) -> float:
    """Renyi's divergence of an order from 0 to infinity."""
    shared = (p > 0) & (q > 0)
    lacking = bool(((p > 0) & (q == 0)).any())
    if not shared.any() or (lacking and order >= 1):
        return np.inf
    if order == 1:
        return float(_kl_terms(p, q).sum())
    if order == 0:
        return _minus_log(q[p > 0].sum(), q[p == 0].sum())
    inside, there = p[shared], q[shared]
    with np.errstate(all="ignore"):
        more = (inside - there) / there
        ratio = _ln_ratio(inside, there, more)
    if np.isinf(order):
        return float(ratio.max())
    # Terms of one sign, which vanish with the difference: p^a q^(1 - a) - a p - (1 - a) q.
    rest = order - 1
    powers = order * np.log(inside) - rest * np.log(there)
    close = np.abs(more) * (1 + order) < _NEARLY_EQUAL
    little = np.where(close, more, 0.0)
    series = order * rest / 2 * (inside - there) * little
    series *= 1 + (order - 2) / 3 * little * (1 + (order - 3) / 4 * little)
    with np.errstate(all="ignore"):  # an overflow is found out below
        # The ratio relative to p or to q, by the smaller power of it.
        start, power = (inside, rest) if order > 0.5 else (there, order)
        near = start * np.expm1(power * ratio) - power * (inside - there)
        far = np.exp(powers) - (order * inside - rest * there)
        terms = np.where(close, series, np.where(np.abs(power * ratio) < 1, near, far))
        total = float(terms.sum()) + rest * q[p == 0].sum() - order * p[q == 0].sum()
    if -0.5 < total < np.inf:
        return float(np.log1p(total)) / rest
    return float(logsumexp(powers)) / rest


def _minus_log(share: float, rest: float) -> float:
    """-ln of a share of 1, of which the rest is given too, from the smaller of the two."""
    return 0.0 - float(np.log1p(-rest) if rest < share else np.log(share))


def _shared(weights: np.ndarray, joint: np.ndarray) -> float:
    """The weighted mean of ln p(x,y) / (p(x) p(y)), the first axes being x and y; 0 ln 0 = 0."""
    with np.errstate(divide="ignore"):
        alone = (np.log(joint.sum(axis=axis, keepdims=True)) for axis in (1, 0))
        x, y = (np.broadcast_to(logs, joint.shape)[weights > 0] for logs in alone)
    gain = np.log(joint[weights > 0]) - x - y
    return float((weights[weights > 0] * gain).sum())


def _exact(value: float, quantity: str, **params: Any) -> Estimate:
    return Estimate(value, stderr=0.0, quantity=quantity, method="exact", params=params)


def probabilities(p: Any, name: str, axes: int | None = None) -> np.ndarray:
    """A table of probabilities that sum to 1, or an error that says what is wrong with it."""
    brain = str(getattr(p, "dtype", "")) == "torch.bfloat16"
    if hasattr(p, "detach"):
        p = (p.float() if brain else p).detach().cpu().numpy()  # numpy has no bfloat16
    if isinstance(p, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array, since a mask would be ignored.")
    p = np.asarray(p)
    if p.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got dtype {p.dtype}.")
    if p.size == 0 or p.ndim == 0:
        raise ValueError(f"{name} must be a table of probabilities; got shape {p.shape}.")
    if axes is not None and p.ndim != axes:
        raise ValueError(
            f"{name} must have {axes} dimensions, one for each variable; got shape {p.shape}. "
            f"Sum over variables that do not matter, and join others: {name}.reshape(a, b)."
        )
    precision = "bfloat16" if brain else p.dtype.name
    p = p.astype(np.float64)
    if not np.isfinite(p).all():
        raise ValueError(f"{name} must be finite; got {int((~np.isfinite(p)).sum())} values not.")
    if (p < 0).any():
        raise ValueError(f"{name} must not be negative; the smallest entry is {p.min():g}.")
    tolerance = _TOLERANCE.get(precision, _TOLERANCE_OF_DOUBLES)
    total = float(p.sum())
    if abs(total - 1) > tolerance:
        cure = f" Normalise it first: {name} / {name}.sum()." if total > 0 else ""
        raise ValueError(
            f"{name} must sum to 1 within {tolerance:g}; the sum is {total:.12g}.{cure}"
        )
    return p / total if precision in _TOLERANCE else p
