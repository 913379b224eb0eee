"""Least mean powers of distances, of any order, in units in which they do not vanish."""

from __future__ import annotations

import math

import numpy as np

__all__ = [
    "ROUNDED_SHARE",
    "SMALL_COST",
    "assigned_power",
    "merged",
    "powers_of",
    "programmed_power",
]

#: Mean powers of distances, the largest being about 1, below which digits leave the range of
#: float64; below which differences lose them; and the power that no plan uses if it can.
SMALL_COST, _LOST_COST, _DEAR = 1e-200, 1e-12, 1e9
#: Shares of the mass that only rounding of the weights moves.
ROUNDED_SHARE = 1e-14


def powers_of(shares: np.ndarray, gaps: np.ndarray, order: float) -> tuple[float, float]:
    """The mean of gaps to a power, in a unit, which comes second: usually 1."""
    total = float((shares * gaps**order).sum())
    moved = shares > ROUNDED_SHARE
    largest = float(gaps[moved].max())
    if total >= SMALL_COST or largest == 0:
        return total, 1.0
    return float(shares[moved] @ (gaps[moved] / largest) ** order), largest


def merged(
    x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the mass, and gaps of quantiles over which they move, by merging both on a line."""
    sides = []
    for points, weights in ((x, a), (y, b)):
        kept = np.flatnonzero(weights)
        places = kept[np.argsort(points[kept], kind="stable")]
        sides.append((points[places], np.cumsum(weights[places])))
    (x, up_to_x), (y, up_to_y) = sides
    up_to_x[-1] = up_to_y[-1] = 1.0
    ends = np.sort(np.minimum(np.concatenate([up_to_x, up_to_y]), 1.0))
    starts = np.concatenate([[0.0], ends[:-1]])
    rows, columns = (
        np.minimum(np.searchsorted(up_to, starts, side="right"), len(up_to) - 1)
        for up_to in (up_to_x, up_to_y)
    )
    return ends - starts, np.abs(x[rows] - y[columns])


def assigned_power(squares: np.ndarray, order: float) -> tuple[float, float]:
    """The least mean of distances to a power, one by one, in a unit, which comes second.

    Where all that are paired vanish beside the largest distance, or nearly so, it is done again
    in units of the largest that is paired, without pairs that alone cost more than all of these.
    """
    from scipy.optimize import linear_sum_assignment

    costs = squares if order == 2 else squares ** (order / 2)
    paired = linear_sum_assignment(costs)
    total, unit = math.fsum(costs[paired]) / len(squares), 1.0
    if total >= _LOST_COST:
        return total, unit
    least = math.inf
    while (largest := float(squares[paired].max())) > 0:
        costs = _in_unit(squares, largest, order)
        sum_of_it = math.fsum(costs[paired])
        total, unit = sum_of_it / len(squares), math.sqrt(largest)
        distance = unit * total ** (1 / order)
        if not distance < least * (1 - 1e-14):
            break
        least = distance
        costs[costs > 2 * sum_of_it] = math.inf
        paired = linear_sum_assignment(costs)
    return total, unit


def programmed_power(
    squares: np.ndarray, order: float, weights: tuple[np.ndarray, np.ndarray] | None
) -> tuple[float, float]:
    """The same for weights or unequal numbers."""
    costs = squares if order == 2 else squares ** (order / 2)
    (total, plan), unit = _programmed_cost(costs, weights), 1.0
    if total >= _LOST_COST:
        return total, unit
    least = math.inf
    while (largest := float(squares[moved := plan > ROUNDED_SHARE].max())) > 0:
        costs = _in_unit(squares, largest, order)
        again = float(plan[moved] @ costs[moved])
        distance = math.sqrt(largest) * again ** (1 / order)
        if not distance < least * (1 - 1e-14):
            break
        total, unit, least = again, math.sqrt(largest), distance
        # Nothing is forbidden here, but what is as dear as that is not used.
        plan = _programmed_cost(np.minimum(costs, _DEAR), weights)[1]
    return total, unit


def _in_unit(squares: np.ndarray, unit: float, order: float) -> np.ndarray:
    with np.errstate(over="ignore"):  # infinitely dear beside those that are paired
        powers: np.ndarray = (squares / unit) ** (order / 2)
    return powers


def _programmed_cost(
    costs: np.ndarray, weights: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[float, np.ndarray]:
    """The least cost, and the plan that has it."""
    try:
        import ot
    except ImportError:
        raise ImportError(
            f"samples of unequal number, {costs.shape[0]} and {costs.shape[1]}, or with weights, "
            f"in several dimensions need POT for their exact distance, pip install "
            f"'infotheory-torch[transport]'; without it, equally many samples without weights, or "
            f"method='sliced_wasserstein' or 'sinkhorn'."
        ) from None
    n, m = costs.shape
    a, b = weights or (np.full(n, 1 / n), np.full(m, 1 / m))
    plan, log = ot.emd(a, b, costs, numItermax=10**9, log=True)
    if log.get("warning"):
        raise ValueError(f"the linear program of {n} x {m} costs was not solved: {log['warning']}")
    return float(log["cost"]), plan
