"""Whether weights can be transported at all where some cells are forbidden, and by which plan."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack, vstack
from scipy.sparse.csgraph import connected_components, maximum_flow

__all__ = ["completed_along", "refuse_infeasible"]

#: Weights are counted in so many parts of the mass, which leaves room in 32 bits.
PARTS = 1 << 29
#: Linear programs of more cells than this take minutes.
MOST_CELLS = 200_000
#: Programs one after another: each leaves a millionth of what lacked open at worst.
PROGRAMS = 3
#: Seconds for one of them.
PATIENCE = 60.0


def refuse_infeasible(cost: Any, a: np.ndarray, b: np.ndarray) -> None:
    """A ValueError where no plan with these marginals keeps to the cells of finite cost.

    By the largest flow from rows to columns. Weights are rounded, up for columns, so that what
    can be transported is never refused; what lacks less than (n + m) / 2^29 of the mass is not
    seen here, but does not converge.
    """
    cost = cost.cpu().numpy() if hasattr(cost, "cpu") else cost
    n, m = cost.shape
    rows = np.floor(PARTS * (a / a.sum())).astype(np.int32)
    columns = np.ceil(PARTS * (b / b.sum())).astype(np.int32) + 1
    i, j = np.nonzero(np.isfinite(cost))
    source, sink = n + m, n + m + 1
    heads = np.concatenate([np.full(n, source), i, n + np.arange(m)])
    tails = np.concatenate([np.arange(n), n + j, np.full(m, sink)])
    room = np.concatenate([rows, np.full(len(i), 2 * PARTS - 1, dtype=np.int32), columns])
    graph = csr_array((room.astype(np.int32), (heads, tails)), shape=(n + m + 2, n + m + 2))
    flow = maximum_flow(graph, source, sink).flow_value
    lacking = int(rows.sum()) - int(flow)
    if lacking > n + m:
        raise ValueError(
            f"cost must allow a plan with marginals a and b; its infinite (forbidden) cells leave "
            f"{lacking / PARTS:.3g} of the mass without a place."
        )


def completed_along(
    plan: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    allowed: np.ndarray,
    price: np.ndarray,
    nothing: float,
) -> np.ndarray | None:
    """The plan with what lacks of its weights added along allowed cells; None if that fails.

    Parameters
    ----------
    plan : array, shape (n, m)
        Its marginals are nowhere above a and b; it is changed.
    a, b : arrays, shapes (n,) and (m,)
    allowed : boolean array, shape (n, m)
    price : array, shape (n, m)
        What is not wanted of more in a cell.
    nothing : float
        What may lack still, in parts where products may not go.
    """
    (i, j), n = np.nonzero(allowed), len(a)
    graph = csr_array((np.ones(len(i), dtype=bool), (i, n + j)), shape=(n + len(b), n + len(b)))
    count, labels = connected_components(graph, directed=False)
    for label in range(count):
        rows, columns = np.flatnonzero(labels[:n] == label), np.flatnonzero(labels[n:] == label)
        block = np.ix_(rows, columns)
        part, free = plan[block], allowed[block]
        above, beside = _lacking(part, a[rows], b[columns])
        total = max(float(above.sum()), float(beside.sum()))
        if total == 0.0:
            continue
        if free.all():
            plan[block] += above[:, None] * (beside / total)
        elif total > nothing:
            found = _by_programs(part, a[rows], b[columns], free, price[block], nothing)
            if found is None:
                return None
            plan[block] = found
    return plan


def _lacking(plan: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.maximum(a - plan.sum(axis=1), 0.0), np.maximum(b - plan.sum(axis=0), 0.0)


def _by_programs(
    plan: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    allowed: np.ndarray,
    price: np.ndarray,
    nothing: float,
) -> np.ndarray | None:
    """A plan with these marginals that differs as little as it can, by linear programs.

    What lacks may have to push away what is there, so that cells give as well as take.
    """
    i, j = np.nonzero(allowed)
    if len(i) > MOST_CELLS:
        return None
    (n, m), cells, one = allowed.shape, np.arange(len(i)), np.ones(len(i))
    rows = csr_array((one, (i, cells)), shape=(n, len(i)))
    columns = csr_array((one, (j, cells)), shape=(m, len(i)))
    # The last column follows from all others.
    sums = vstack([rows, columns[:-1]])
    prices = np.concatenate([1.0 + price[i, j], one])
    plan = plan.copy()
    for _ in range(PROGRAMS):
        above, beside = a - plan.sum(axis=1), b - plan.sum(axis=0)
        total = max(float(np.abs(above).sum()), float(np.abs(beside).sum()))
        if total <= nothing:
            return plan
        # In units of what lacks, of which no cell gives more than all.
        most = np.concatenate([np.full(len(i), np.inf), np.minimum(plan[i, j] / total, 2.0)])
        solved = linprog(
            prices,
            A_eq=hstack([sums, -sums], format="csr"),
            b_eq=np.concatenate([above, beside[:-1]]) / total,
            bounds=np.column_stack([np.zeros(len(most)), most]),
            method="highs",
            options={"time_limit": PATIENCE},
        )
        if solved.x is None or solved.status != 0:
            return None
        more, less = solved.x[: len(i)], solved.x[len(i) :]
        plan[i, j] = np.maximum(plan[i, j] + total * (more - less), 0.0)
    above, beside = a - plan.sum(axis=1), b - plan.sum(axis=0)
    return plan if float(np.abs(above).sum() + np.abs(beside).sum()) <= 10 * nothing else None
