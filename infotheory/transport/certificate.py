"""An upper bound on the best value: that of a plan which keeps to its weights.

The entries of a plan are numbers like any others once they are made, however many digits their
exponents have lost: what is scaled here, and completed, are these numbers, so that the sums are
right to the last digits where potentials could not say them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from infotheory import ops
from infotheory.solvers.feasible import completed_along
from infotheory.solvers.sources import arrays_of, host, restricted, shape_of

__all__ = ["rounding", "upper_bound"]

#: Scalings of columns at most, before what lacks is completed along allowed cells.
MORE_SCALINGS = 500
#: Entries that are made at once.
ENTRIES = 1 << 20
#: What more in an empty cell is priced at, beside 1 for what is taken away.
FULL = 800.0
#: What an entry of 0 is read as in a logarithm.
TINY = np.finfo(np.float64).tiny


def upper_bound(
    source: Any,
    weights: tuple[np.ndarray, np.ndarray],
    potentials: tuple[np.ndarray, np.ndarray],
    reg: float,
) -> float:
    """`value` of the plan rounded to the weights: the best is not above it.

    Rows are made to fit by their soft minimum, columns that are too heavy are scaled down, and what
    lacks is added as a product (after Altschuler, Weed, Rigollet (2017), arXiv:1705.09634,
    algorithm 2), or along allowed cells where some are forbidden.
    """
    rows, columns = (each > 0 for each in weights)
    source = restricted(source, rows, columns)
    a, b = weights[0][rows], weights[1][columns]
    f, g = potentials[0][rows], potentials[1][columns]
    beside = g + reg * np.log(b)
    if not isinstance(source, tuple) and math.isinf(host(source).max()):
        value = _around_forbidden(source, a, b, beside, reg)
        price = float(np.abs(f).max() + np.abs(g).max())
    else:
        value, price = _with_product(source, (a, b), (f, g), beside, reg)
    # Of what lacks the last digits of the sums are missing, at the price of where it went.
    open_still = 2e-16 * math.sqrt(len(a) + len(b)) * float(a.sum()) * price
    return value + open_still + float(rounding(potentials, weights, reg))


def rounding(
    potentials: tuple[np.ndarray, np.ndarray], weights: tuple[np.ndarray, np.ndarray], reg: Any
) -> Any:
    """What rounding can do to a bound: a potential has the digits of reg, however small it is.

    Weights are those by which potentials count.
    """
    (f, g), (a, b) = potentials, weights
    sizes = (np.abs(np.where(a > 0, f, 0.0)) * a).sum(-1) + reg * a.sum(-1)
    sizes = sizes + (np.abs(np.where(b > 0, g, 0.0)) * b).sum(-1) + reg * b.sum(-1)
    return (4e-15 + 2e-16 * math.sqrt(a.shape[-1] + b.shape[-1])) * sizes


def _with_product(
    source: Any,
    weights: tuple[np.ndarray, np.ndarray],
    potentials: tuple[np.ndarray, np.ndarray],
    beside: np.ndarray,
    reg: float,
) -> tuple[float, float]:
    """The value where nothing is forbidden, and the mean of both potentials where mass lacked."""
    (a, b), (f, g) = weights, map(np.abs, potentials)
    kept = list(_bands(source, a, beside, reg)) if a.size * b.size <= ENTRIES else None
    sums = np.zeros_like(b)
    for _, _, plan in kept or _bands(source, a, beside, reg):
        sums += plan.sum(axis=0)
    scale, lacking = b / np.maximum(sums, b), np.maximum(b - sums, 0.0)
    if (total := float(lacking.sum())) > 0.0:
        # As much lacks in rows as in columns.
        lacking /= total
    value, priced, gone = 0.0, 0.0, total
    for band, cost, plan in kept or _bands(source, a, beside, reg):
        plan *= scale
        more = np.maximum(a[band] - plan.sum(axis=1), 0.0)
        plan += more[:, None] * lacking
        value += _value(plan, cost, reg)
        priced, gone = priced + float(more @ f[band]), gone + float(more.sum())
    # Both sides together, of which rows are half.
    price = float(lacking @ g) + 2 * priced / max(gone, TINY)
    return value - reg * float(a @ np.log(a) + b @ np.log(b)), price


def _bands(
    source: Any, a: np.ndarray, beside: np.ndarray, reg: float
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Rows, their costs and the plan whose rows sum to a; the same entries in each turn."""
    engine = ops.of(*arrays_of(source))
    n, m = shape_of(source)
    height = max(1, ENTRIES // m)
    for start in range(0, n, height):
        band = slice(start, start + height)
        if isinstance(source, tuple):
            cost = engine.squared_distances(source[0][band], source[1])
        else:
            cost = source[band]
        room = engine.matrix_room(cost)
        engine.soft_minimum(cost, beside, reg, a[band], plan=room)
        yield band, host(cost), host(room)


def _value(plan: np.ndarray, cost: np.ndarray, reg: float) -> float:
    """<C, P> + reg sum P ln P, and what rounding may have taken from it."""
    # Not by products of a library, whose threads take turns with those that made the plan.
    moved = float((plan * cost).sum())
    entropy = float((plan * np.log(np.maximum(plan, TINY))).sum())
    return float(moved + reg * entropy) + 1e-15 * float(abs(moved) + reg * abs(entropy))


def _around_forbidden(
    source: Any, a: np.ndarray, b: np.ndarray, beside: np.ndarray, reg: float
) -> float:
    """The value where cells are forbidden: what lacks is scaled away, and its rest completed."""
    engine = ops.of(source)
    # What the rounding of sums and of exponents leaves open is no lack.
    largest = float(np.abs(beside).max()) / reg
    nothing = 1e-15 * float(a.sum()) * (math.sqrt(len(a) + len(b)) + largest)
    for _ in range(MORE_SCALINGS):
        _, sums = engine.soft_minimum(source, beside, reg, a)
        if float(np.maximum(b - sums, 0.0).sum()) <= nothing:
            break
        beside = beside + reg * np.log(b / np.maximum(sums, TINY))
    room = engine.matrix_room(source)
    above, _ = engine.soft_minimum(source, beside, reg, a, plan=room)
    plan, cost = host(room), host(source)
    sums = plan.sum(axis=0)
    plan *= b / np.maximum(sums, b)
    allowed = np.isfinite(cost)
    with np.errstate(divide="ignore"):
        excess = -np.log(plan) + np.log(a)[:, None] + np.log(b)
    excess = np.clip(excess, 0.0, FULL)
    whole = completed_along(plan, a, b, allowed, excess, nothing)
    if whole is None:
        return math.inf
    # At the price of the potentials that the scalings have reached.
    rest = float(np.abs(a - whole.sum(axis=1)).sum() + np.abs(b - whole.sum(axis=0)).sum())
    open_still = 2 * rest * float(np.ptp(above) + np.ptp(beside - reg * np.log(b)) + reg)
    value = _value(whole, np.where(allowed, cost, 0.0), reg) + open_still
    return value - reg * float(a @ np.log(a) + b @ np.log(b))
