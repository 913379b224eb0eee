"""One problem of entropic transport, from checked costs and weights to a plan."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory import ops
from infotheory.solvers.feasible import refuse_infeasible
from infotheory.solvers.policy import solve
from infotheory.solvers.sinkhorn import Problem
from infotheory.solvers.sources import (
    arrays_of,
    finite_range,
    restricted,
    scaled,
    transposed,
)
from infotheory.transport.plans import Transport, completed
from infotheory.transport.reductions import loses_digits, put_back, reduced

__all__ = ["SMALLEST", "same_mass", "solved"]

#: Costs in units of the regularisation, beyond which float64 knows them to one unit at best.
LARGEST_EXPONENT = 2.0**52
#: Below this regularisation its products, and costs beside it, are short of digits.
SMALLEST = float(np.finfo(np.float64).tiny / np.finfo(np.float64).eps)
#: How far the sums of both weights may differ, relatively.
SAME_MASS = 1e-6


def solved(
    source: Any,
    a: np.ndarray,
    b: np.ndarray,
    reg: float,
    params: dict[str, Any],
    start: np.ndarray | None,
) -> Transport:
    """The transport of weights that may be zero, which are left out and filled in afterwards."""
    rows, columns = a > 0, b > 0
    inner = restricted(source, rows, columns)
    mass = float(a.sum())
    low, high, forbidden = finite_range(inner)
    if params["reg_scale"] == "mean":
        reg = scaled(reg, inner)
    if reg < SMALLEST:
        raise ValueError(
            f"reg must be at least {SMALLEST:.3g}, or float64 has too few digits for it; got "
            f"{reg:g}. Costs and reg may be multiplied by the same number."
        )
    if forbidden:
        refuse_infeasible(inner, a[rows], b[columns])
    largest = max(abs(low), abs(high))
    if largest > LARGEST_EXPONENT * reg:
        raise ValueError(
            f"reg must be at least {largest / LARGEST_EXPONENT:.3g}, or costs up to {largest:g} in "
            f"units of it have no digit left in float64; got {reg:g}. The exact transport is "
            f"infotheory.divergence(x, y, method='wasserstein')."
        )
    if loses_digits(largest, reg, params["tol"]):
        reduction = reduced(source, rows, columns, largest)
        if reduction is not None:
            _, u, v = reduction
            start = None if start is None else start - np.concatenate([u, v])
            plain = {**params, "reg_scale": None}
            return put_back(solved(reduction.source, a, b, reg, plain, start), reduction, params)
    # The shorter side carries the unknown potential.
    swapped = len(a[rows]) < len(b[columns])
    weights = [a[rows] / mass, b[columns] / mass]
    first, second = reversed(weights) if swapped else weights
    engine = ops.of(*arrays_of(inner))
    problem = Problem(engine, transposed(inner) if swapped else inner, first, second, reg)
    known = None
    if start is not None:
        known = start[: len(a)][rows] if swapped else start[len(a) :][columns]
    state = solve(
        problem,
        params["solver"],
        params["tol"],
        params["max_iterations"],
        entries=params["entries"],
        warm_up=params["warm_up"],
        spread=high - low,
        potential=known,
    )
    f, g = state.minima, state.potential
    if swapped:
        f, g = g, f
    # P / mass = a b exp(...) / mass^2 inside, and a b exp(...) is asked for: one factor of mass.
    f = f - reg * math.log(mass)
    shift = float(np.dot(g, weights[1]) - np.dot(f, weights[0])) / 2
    f, g = f + shift, g - shift
    return completed(source, a, b, reg, params, _filled(source, a, b, f, g, reg), problem.path)


def _filled(
    source: Any, a: np.ndarray, b: np.ndarray, f: np.ndarray, g: np.ndarray, reg: float
) -> tuple[np.ndarray, np.ndarray]:
    """Potentials of all points; those of weight zero have what the others make of them."""
    rows, columns = a > 0, b > 0
    all_f, all_g = np.empty(len(a)), np.empty(len(b))
    all_f[rows], all_g[columns] = f, g
    engine = ops.of(*arrays_of(source))
    if not rows.all():
        empty = restricted(source, ~rows, columns)
        all_f[~rows], _ = engine.soft_minimum(empty, g + reg * np.log(b[columns]), reg)
    if not columns.all():
        empty = transposed(restricted(source, rows, ~columns))
        all_g[~columns], _ = engine.soft_minimum(empty, f + reg * np.log(a[rows]), reg)
    return all_f, all_g


def same_mass(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """B with the sums of a, row by row, where the difference is no more than rounding."""
    first, second = a.sum(-1, keepdims=True), b.sum(-1, keepdims=True)
    off = np.abs(first - second) > SAME_MASS * np.maximum(first, second)
    if off.any():
        where = f" in problem {int(np.argmax(off))}" if a.ndim > 1 else ""
        raise ValueError(
            f"a and b must have equal sums, within {SAME_MASS:g}; got {first[off][0]:.9g} and "
            f"{second[off][0]:.9g}{where}."
        )
    return np.asarray(b * (first / second))
