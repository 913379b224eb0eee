"""Costs less what rows and columns have in common, where that drowns what tells plans apart.

C and C + u 1' + 1 v' have the same best plan, but an exponent has the digits of the largest number
in it. Where u and v are large the plan is found without them, and they come back at the end.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, ops
from infotheory.solvers.sources import arrays_of, finite_range, host, restricted
from infotheory.transport.certificate import rounding
from infotheory.transport.plans import Transport, folded

__all__ = ["LITTLE_LEFT", "Reduction", "loses_digits", "put_back", "reduced"]

#: Exponents that lose more than this share of the tolerance are looked at.
LOST = 0.01
#: A reduction is worth its copy where it leaves no more than this share of the largest cost.
LITTLE_LEFT = 1 / 16


class Reduction(NamedTuple):
    """Costs or points, and what their costs were less."""

    source: Any
    u: np.ndarray
    """(n,)"""
    v: np.ndarray
    """(m,)"""


def loses_digits(largest: Any, reg: Any, tol: float) -> Any:
    """Whether costs of this size in exponents leave marginals open that the tolerance would not."""
    return np.finfo(np.float64).eps * largest > LOST * tol * reg


def reduced(source: Any, rows: np.ndarray, columns: np.ndarray, largest: float) -> Reduction | None:
    """What is left of costs up to this size without the part of rows and of columns, if little.

    Rows and columns are those that have weight; all are reduced.
    """
    if isinstance(source, tuple):
        x, y = source
        found = _centred(x, y, rows, columns)
    else:
        found = _less_minima(source, rows, columns)
    low, high, _ = finite_range(restricted(found.source, rows, columns))
    return found if max(abs(low), abs(high)) <= LITTLE_LEFT * largest else None


def _centred(x: Any, y: Any, rows: np.ndarray, columns: np.ndarray) -> Reduction:
    """|x - y|^2 = |x' - y'|^2 + 2 gap x' - 2 gap y' + |gap|^2, of points less their means."""
    first, second = host(x)[rows].mean(axis=0), host(y)[columns].mean(axis=0)
    gap = first - second
    moved = x - _like(first, x), y - _like(second, y)
    u = 2 * (host(moved[0]) @ gap) + gap @ gap
    return Reduction(moved, u, -2 * (host(moved[1]) @ gap))


def _less_minima(cost: Any, rows: np.ndarray, columns: np.ndarray) -> Reduction:
    """Costs less the minima of their rows, and then of their columns, where these are finite."""
    given = host(cost)
    u = _finite(given.min(axis=1, where=columns, initial=np.inf))
    rest = given - u[:, None]
    v = _finite(rest.min(axis=0, where=rows[:, None], initial=np.inf))
    rest -= v
    return Reduction(_like(rest, cost), u, v)


def _finite(minima: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(minima), minima, 0.0)


def _like(values: np.ndarray, x: Any) -> Any:
    """The values on the device of x."""
    return x.new_tensor(values) if checks.is_tensor(x) else values


def put_back(found: Transport, reduction: Reduction, params: dict[str, Any]) -> Transport:
    """The transport of the costs that were given, which keeps the reduced one for its plan."""
    (a, b), reg = found._weights, found.params["reg"]
    u, v = reduction.u, reduction.v
    f, g = found.potentials
    engine = ops.of(*arrays_of(reduction.source))
    above, beside = folded(f, a, reg), folded(g, b, reg)
    rows, columns, _ = engine.plan_sums(reduction.source, above, beside, reg)
    moved = float(u @ rows + v @ columns)
    f, g = f + u, g + v
    # Constants may go from one to the other: both are as large.
    shift = float(g[b > 0] @ b[b > 0] - f[a > 0] @ a[a > 0]) / (2 * float(a.sum()))
    return replace(
        found,
        cost=found.cost + moved,
        value=found.value + moved,
        lower=found.lower + float(u @ a + v @ b) - float(rounding((u, v), (a, b), 0.0)),
        potentials=(f + shift, g - shift),
        params=MappingProxyType({"reg": reg, **params}),
        _reduced=(found, u, v),
    )
