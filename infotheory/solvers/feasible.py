"""Whether weights can be transported at all where some cells are forbidden."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

__all__ = ["refuse_infeasible"]

#: Weights are counted in so many parts of the mass, which leaves room in 32 bits.
PARTS = 1 << 29


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
