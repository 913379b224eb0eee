"""Exact amounts of information of distributions that are given as tables of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from infotheory.estimate import Estimate
from infotheory.estimators.discrete_renyi import checked_order, renyi

__all__ = [
    "distribution_conditional_mutual_information",
    "distribution_entropy",
    "distribution_mutual_information",
]

#: How far from 1 the sum of probabilities may be.
_TOLERANCE = 1e-9


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
        within 1e-9; if order is not a number from 0 to infinity.

    References
    ----------
    Cover, Thomas, Elements of Information Theory (2006), doi:10.1002/047174882X, eq. 2.1;
    van Erven, Harremoes, IEEE Trans. Inf. Theory 60 (2014), arXiv:1206.2459.
    """
    order = checked_order(order)
    p = _probabilities(p, "p")
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
    joint = _probabilities(joint, "joint", axes=2)
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
    joint = _probabilities(joint, "joint", axes=3)
    of_z = joint.sum(axis=(0, 1), keepdims=True)
    given = np.divide(joint, of_z, out=np.zeros_like(joint), where=of_z > 0)
    return _exact(_shared(joint, given), "conditional_mutual_information")


def _shared(weights: np.ndarray, joint: np.ndarray) -> float:
    """The weighted mean of ln p(x,y) / (p(x) p(y)), the first axes being x and y; 0 ln 0 = 0."""
    with np.errstate(divide="ignore"):
        alone = (np.log(joint.sum(axis=axis, keepdims=True)) for axis in (1, 0))
        x, y = (np.broadcast_to(logs, joint.shape)[weights > 0] for logs in alone)
    gain = np.log(joint[weights > 0]) - x - y
    return float((weights[weights > 0] * gain).sum())


def _exact(value: float, quantity: str, **params: Any) -> Estimate:
    return Estimate(value, stderr=0.0, quantity=quantity, method="exact", params=params)


def _probabilities(p: Any, name: str, axes: int | None = None) -> np.ndarray:
    """A table of probabilities that sum to 1, or an error that says what is wrong with it."""
    if hasattr(p, "detach"):
        p = p.detach().cpu().numpy()
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
    p = p.astype(np.float64)
    if not np.isfinite(p).all():
        raise ValueError(f"{name} must be finite; got {int((~np.isfinite(p)).sum())} values not.")
    if (p < 0).any():
        raise ValueError(f"{name} must not be negative; the smallest entry is {p.min():g}.")
    total = float(p.sum())
    if abs(total - 1) > _TOLERANCE:
        cure = f" Normalise it first: {name} / {name}.sum()." if total > 0 else ""
        raise ValueError(
            f"{name} must sum to 1 within {_TOLERANCE:g}; the sum is {total:.12g}.{cure}"
        )
    return p
