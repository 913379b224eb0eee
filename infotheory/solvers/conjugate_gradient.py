"""Conjugate gradients for a Newton step that need not be exact."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["conjugate_gradients"]


def conjugate_gradients(
    product: Callable[[np.ndarray], np.ndarray],
    precondition: np.ndarray,
    gradient: np.ndarray,
    forcing: float,
    most: int,
) -> np.ndarray | None:
    """The solution of a symmetric system, from zero; None if it is too slow.

    Parameters
    ----------
    product : callable
        The matrix times a vector.
    precondition : array, shape (m,)
        A diagonal near its inverse.
    gradient : array, shape (m,)
        The right side.
    forcing : float
        The residual that is good enough, as a share of the right side, both in absolute sums.
    most : int
        Products at most.

    Returns
    -------
    array, shape (m,), or None
        What was reached, if a direction has no curvature left, unless that is nothing.
    """
    x, r = np.zeros_like(gradient), gradient.copy()
    z = precondition * r
    p, rz = z, float(r @ z)
    goal = forcing * float(np.abs(gradient).sum())
    for _ in range(most):
        image = product(p)
        curvature = float(p @ image)
        if curvature <= 0.0:
            return x if x.any() else None
        length = rz / curvature
        x = x + length * p
        r = r - length * image
        if float(np.abs(r).sum()) <= goal:
            return x
        z = precondition * r
        rz, old = float(r @ z), rz
        p = z + (rz / old) * p
    return None
