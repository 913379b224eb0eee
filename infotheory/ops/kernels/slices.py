"""Transport on a line, along many directions: sort both projections and move the quantiles."""

from __future__ import annotations

import numpy as np

from infotheory.ops.kernels.threads import in_turns

__all__ = ["matching", "slice_slope", "sliced_costs"]

# Directions whose projections are made together; their number never follows the threads.
GROUP = 8


def matching(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Which of n and of m sorted samples share each piece of mass, and how much it is.

    None where they pair one by one. The ends of the pieces are whole numbers of 1 / (n m).
    """
    if n == m:
        return None
    ends = np.unique(np.concatenate([np.arange(1, n + 1) * m, np.arange(1, m + 1) * n]))
    starts = np.concatenate([[0], ends[:-1]])
    return starts // m, starts // n, (ends - starts) / (n * m)


def sliced_costs(x: np.ndarray, y: np.ndarray, directions: np.ndarray, order: float) -> np.ndarray:
    """(L,) W_p^p of the projections on each direction."""
    x, y = (np.asarray(part, dtype=np.float64) for part in (x, y))
    pieces = matching(len(x), len(y))
    out = np.empty(len(directions))

    def work(group: int) -> None:
        chosen = slice(group * GROUP, (group + 1) * GROUP)
        first = np.sort(_projections(x, directions[chosen]), axis=1)
        second = np.sort(_projections(y, directions[chosen]), axis=1)
        if pieces is None:
            out[chosen] = powers(first - second, order).mean(axis=1)
        else:
            rows, columns, mass = pieces
            gaps = powers(first[:, rows] - second[:, columns], order)
            gaps *= mass
            out[chosen] = gaps.sum(axis=1)

    in_turns(work, -(-len(directions) // GROUP))
    return out


def slice_slope(
    x: np.ndarray, y: np.ndarray, direction: np.ndarray, order: float
) -> tuple[float, np.ndarray]:
    """W_p^p along one direction, and its gradient (d,) with respect to the direction."""
    x, y = (np.asarray(part, dtype=np.float64) for part in (x, y))
    first, second = (_projections(part, direction[None])[0] for part in (x, y))
    rows, columns = np.argsort(first, kind="stable"), np.argsort(second, kind="stable")
    mass: np.ndarray | float = 1.0 / len(x)
    pieces = matching(len(x), len(y))
    if pieces is not None:
        rows, columns, mass = rows[pieces[0]], columns[pieces[1]], pieces[2]
    gaps = first[rows] - second[columns]
    slopes = mass * order * powers(gaps, order - 1) * np.sign(gaps)
    value = float((powers(gaps, order) * mass).sum())
    pull = np.bincount(rows, slopes, len(x)) @ x - np.bincount(columns, slopes, len(y)) @ y
    return value, pull


def powers(gaps: np.ndarray, order: float) -> np.ndarray:
    """The sizes of gaps to a power."""
    if order == 2:
        return gaps * gaps
    gaps = np.abs(gaps)
    return gaps if order == 1 else gaps**order


def _projections(x: np.ndarray, directions: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray((x @ directions.T).T)
