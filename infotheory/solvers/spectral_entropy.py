"""Renyi entropies of a spectrum: from its eigenvalues, or from sums over them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from scipy.special import logsumexp

__all__ = ["NEAR_SHANNON", "renyi_of_logs", "spectral_renyi", "spectral_sums"]

#: Orders this near to 1 are those whose sums of powers are near 1 too.
NEAR_SHANNON = 0.5


def spectral_renyi(values: np.ndarray, alpha: float) -> float:
    """Renyi entropy of order alpha of eigenvalues, as shares of their sum, in nats.

    Those that rounding cannot tell from 0 count as 0.
    """
    least = len(values) * np.finfo(float).eps * values.max() if alpha < 1 else 0.0
    return renyi_of_logs(np.log(values[values > least]), alpha)


def renyi_of_logs(logs: np.ndarray, alpha: float) -> float:
    """Renyi entropy of order alpha of the shares of a sum, from logarithms of its terms, in nats.

    No share is too small, and the terms need not sum to 1. Near 1 the powers are taken by their
    differences from the shares, which do not cancel; far from it by their logarithms, since there
    the differences are all there is. The limits 0, 1 and infinity are exact.
    """
    if alpha == 0:
        return math.log(len(logs))
    logs = np.sort(logs)
    logs = logs - logsumexp(logs)
    if alpha == math.inf:
        return float(-logs[-1]) + 0.0
    if abs(alpha - 1) > NEAR_SHANNON:
        return float(logsumexp(alpha * logs)) / (1 - alpha) + 0.0
    shares = np.exp(logs)
    logs, shares = logs[shares > 0], shares[shares > 0]
    shares /= shares.sum()  # what is left of rounding must not be divided by 1 - alpha
    if alpha == 1:
        return float(-(shares * logs).sum()) + 0.0
    return math.log1p(float((shares * np.expm1((alpha - 1) * logs)).sum())) / (1 - alpha) + 0.0


def spectral_sums(
    t: float, order: float
) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], tuple[float, np.ndarray]]]:
    """What is summed over the spectrum, and the entropy of the sums with its derivatives.

    The entropy is that of the shares of lambda^t; the largest lambda is 1.
    """
    return (
        functools.partial(_powers_and_logs, t, order),
        functools.partial(_entropy_of_sums, order),
    )


def _powers_and_logs(t: float, order: float, eigenvalues: np.ndarray) -> np.ndarray:
    powers = np.maximum(eigenvalues, 0.0) ** t
    # The largest eigenvalue is 1: for infinity the sum of the powers is all there is to know.
    if order == math.inf:
        return np.stack([powers, np.zeros_like(powers)])
    if abs(order - 1) > NEAR_SHANNON:
        return np.stack([powers, powers**order])
    # (p^order - p) / (1 - order), which nothing cancels in
    logs = np.log(np.where(powers > 0, powers, 1.0))
    if order == 1:
        return np.stack([powers, -powers * logs])
    return np.stack([powers, powers * np.expm1((order - 1) * logs) / (1 - order)])


def _entropy_of_sums(order: float, sums: np.ndarray) -> tuple[float, np.ndarray]:
    total, other = sums
    impossible = math.nan, np.full(2, math.nan)  # which few probes can make
    if total <= 0:
        return impossible
    if order == math.inf:
        return math.log(total), np.array([1 / total, 0.0])
    if abs(order - 1) <= NEAR_SHANNON:
        mean = other / total
        grown = 1 + (1 - order) * mean
        if grown <= 0:
            return impossible
        value = mean if order == 1 else math.log1p((1 - order) * mean) / (1 - order)
        return math.log(total) + value, np.array([(1 - mean / grown) / total, 1 / (total * grown)])
    if other <= 0:
        return impossible
    value = (math.log(other) - order * math.log(total)) / (1 - order)
    return value, np.array([-order / total, 1 / other]) / (1 - order)
