"""Potentials that are given as a start: of the right shapes, finite where they count."""

from __future__ import annotations

from typing import Any

import numpy as np

from infotheory import checks
from infotheory.solvers.sources import host

__all__ = ["start_of"]


def start_of(potentials: Any, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both potentials, of one problem or of many, shaped as the weights.

    A large constant that is in one and, negative, in the other changes no plan but takes digits
    from every exponent: it is taken out.
    """
    try:
        f, g = potentials
    except (TypeError, ValueError):
        raise ValueError("potentials must be a pair of arrays (f, g).") from None
    f, g = (_finite_where_counted(*pair) for pair in ((f, a), (g, b)))
    # A single column is a line.
    if (f.shape, g.shape) != tuple((*each.shape, 1)[:2] for each in (a, b)):
        raise ValueError(
            f"potentials must have shapes {a.shape} and {b.shape}; got {f.shape} and {g.shape}."
        )
    f, g = f.reshape(a.shape), g.reshape(b.shape)
    shift = (_mean(g, b) - _mean(f, a)) / 2
    shift = np.where(np.abs(shift) > np.maximum(_spread(f, a), _spread(g, b)), shift, 0.0)
    return f + shift, g - shift


def _finite_where_counted(given: Any, weights: np.ndarray) -> np.ndarray:
    """The potential as an array; where there is no weight it may be infinite, and is 0 then."""
    if checks.is_tensor(given):
        given = given.detach().double().cpu().numpy()
    if isinstance(given, (list, tuple, np.ndarray)) and np.size(given) == weights.size:
        part = np.asarray(given)
        if part.dtype.kind == "f":
            counted = weights.reshape(part.shape) > 0
            given = np.where(~counted & np.isinf(part), 0.0, part)
    return host(checks.real(given, "potentials")).astype(np.float64)


def _mean(potential: np.ndarray, weights: np.ndarray) -> np.ndarray:
    total = (potential * weights).sum(axis=-1, keepdims=True)
    return np.asarray(total / weights.sum(axis=-1, keepdims=True))


def _spread(potential: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Between the largest and the smallest that count."""
    high = np.max(potential, axis=-1, keepdims=True, where=weights > 0, initial=-np.inf)
    low = np.min(potential, axis=-1, keepdims=True, where=weights > 0, initial=np.inf)
    return np.asarray(high - low)
