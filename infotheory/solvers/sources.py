"""Where the costs of a transport come from: a matrix, or points whose distances they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory import checks

__all__ = [
    "arrays_of",
    "checked",
    "finite_range",
    "host",
    "mean_cost",
    "restricted",
    "scaled",
    "shape_of",
    "transposed",
    "weights_of",
]


def checked(x: Any, y: Any, cost: Any) -> Any:
    """The costs, or the points in float64: one of the two must be given."""
    if cost is not None:
        if x is not None or y is not None:
            raise ValueError("cost must be None where points x and y are given.")
        return checks.costs(cost, "cost")
    if x is None or y is None:
        raise ValueError("x and y must both be given, or cost instead of them.")
    x, y = checks.real(x, "x"), checks.real(y, "y")
    checks.same_columns(x=x, y=y)
    x, y = (p.double() if checks.is_tensor(p) else p.astype(np.float64) for p in (x, y))
    largest = max(float(abs(x).max()), float(abs(y).max()))
    if largest > 1e150:
        raise ValueError(
            f"x and y must be below 1e150 in size, or squared distances overflow; got {largest:g}."
        )
    return x, y


def scaled(reg: float, source: Any) -> float:
    """The regularisation times the mean cost."""
    mean = mean_cost(source)
    if not 0 < reg * mean < math.inf:
        raise ValueError(f"reg_scale='mean' needs a mean cost above 0; got {mean:g}.")
    return reg * mean


def mean_cost(source: Any) -> float:
    """Over all cells that are allowed."""
    if isinstance(source, tuple):
        x, y = map(host, source)
        gap = x.mean(axis=0) - y.mean(axis=0)
        return float(x.var(axis=0).sum() + y.var(axis=0).sum() + gap @ gap)
    cost = host(source)
    return float(cost.mean() if np.isfinite(cost.max()) else cost[np.isfinite(cost)].mean())


def finite_range(source: Any) -> tuple[float, float, bool]:
    """Smallest and largest finite cost, of points a bound, and whether a cell is forbidden."""
    if isinstance(source, tuple):
        x, y = map(host, source)
        centre = x.mean(axis=0)
        longest = sum(math.sqrt(float(np.square(p - centre).sum(axis=1).max())) for p in (x, y))
        return 0.0, longest**2, False
    cost = host(source)
    low, high = float(cost.min()), float(cost.max())
    if not math.isinf(high):
        return low, high, False
    finite = cost[np.isfinite(cost)]
    return (float(finite.min()), float(finite.max()), True) if finite.size else (0.0, 0.0, True)


def restricted(source: Any, rows: np.ndarray, columns: np.ndarray) -> Any:
    """Some rows and columns of the costs; the costs themselves where it is all."""
    if rows.all() and columns.all():
        return source
    if isinstance(source, tuple):
        return source[0][rows], source[1][columns]
    part = source[rows][:, columns]
    return part.contiguous() if checks.is_tensor(part) else np.ascontiguousarray(part)


def transposed(source: Any) -> Any:
    """Rows and columns in each other's place."""
    if isinstance(source, tuple):
        return source[1], source[0]
    return source.T.contiguous() if checks.is_tensor(source) else np.ascontiguousarray(source.T)


def shape_of(source: Any) -> tuple[int, int]:
    """Points on either side."""
    if isinstance(source, tuple):
        return len(source[0]), len(source[1])
    return source.shape[0], source.shape[1]


def arrays_of(source: Any) -> tuple[Any, ...]:
    """What an engine is chosen by."""
    return source if isinstance(source, tuple) else (source,)


def host(x: Any) -> np.ndarray:
    """A numpy array of it."""
    return x.cpu().numpy() if checks.is_tensor(x) else x


def weights_of(given: Any, size: int, name: str) -> np.ndarray:
    """Weights of so many points, uniform if none are given; an error names what is wrong."""
    if given is None:
        return np.full(size, 1.0 / size)
    weights = host(checks.line(given, name))[:, 0].astype(np.float64)
    if len(weights) != size:
        raise ValueError(
            f"{name} must have {size} weights, one for each point; got {len(weights)}."
        )
    if (weights < 0).any():
        raise ValueError(f"{name} must not be negative; got {weights.min():g}.")
    total = float(weights.sum())
    if not 0 < total < math.inf:
        raise ValueError(f"{name} must have a positive finite sum; got {total:g}.")
    return weights
