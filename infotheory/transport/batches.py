"""Many problems of entropic transport at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from infotheory import checks, ops
from infotheory.solvers.sources import host, mean_cost, weights_of
from infotheory.transport.plans import Transport, as_measured, measured
from infotheory.transport.problems import SMALLEST, same_mass, solved
from infotheory.transport.reductions import LITTLE_LEFT, loses_digits
from infotheory.transport.starts import start_of

__all__ = ["solved_batch"]

#: Scalings at most side by side: what needs more is solved sooner by Newton's method.
MOST = 150
#: Its start is what they have reached, if no farther than this from the weights.
USABLE = 0.05


def solved_batch(
    costs: Any, a: Any, b: Any, reg: float, params: dict[str, Any], potentials: Any
) -> tuple[Transport, ...]:
    """Many problems: small ones side by side, and whichever is left over by itself."""
    count, n, m = costs.shape
    sides = []
    for given, size, name in ((a, n, "a"), (b, m, "b")):
        if given is None or np.ndim(given) == 1:
            sides.append(np.tile(weights_of(given, size, name), (count, 1)))
            continue
        given = host(checks.real(given, name)).astype(np.float64)
        if given.shape != (count, size):
            raise ValueError(f"{name} must have shape {(count, size)}; got {given.shape}.")
        sides.append(
            np.stack([weights_of(row, size, f"{name}[{i}]") for i, row in enumerate(given)])
        )
    a, b = sides
    b = same_mass(a, b)
    mass = a.sum(axis=1, keepdims=True)
    scale = np.array([mean_cost(c) for c in costs]) if params["reg_scale"] == "mean" else 1.0
    regs = np.broadcast_to(reg * scale, count).astype(np.float64)
    spare = (a > 0).all(axis=1) & (b > 0).all(axis=1) & (regs >= SMALLEST)
    largest = host(costs).max(axis=(1, 2))
    spare &= np.isfinite(largest)
    offset = np.abs(largest)
    if (drowned := spare & loses_digits(offset, regs, params["tol"])).any():
        # Of costs that are nearly the same what tells them apart has few digits left.
        spare[drowned] &= (
            np.ptp(host(costs)[drowned], axis=(1, 2)) > (LITTLE_LEFT * offset)[drowned]
        )
    known = None if potentials is None else start_of(potentials, a, b)
    tried: dict[int, Transport] = {}
    place = np.flatnonzero(spare)
    if place.size and params["solver"] in ("auto", "sinkhorn"):
        chosen = costs if len(place) == count else costs[place]
        found = ops.of(costs).transport_batch(
            chosen,
            (a / mass)[place],
            (b / mass)[place],
            regs[place],
            0.5 * params["tol"],
            min(params["max_iterations"], MOST),
            None if known is None else known[1][place] / regs[place, None],
        )
        for i, each in zip(place.tolist(), _each(found, a, b, regs, place), strict=True):
            error, value, lower, pair, sums, steps = each
            tried[i] = as_measured(
                costs[i], (a[i], b[i]), float(regs[i]), params, pair, [("sinkhorn", steps)], sums,
                error, value, lower,
            )  # fmt: skip
    starts = [None if known is None else (known[0][i], known[1][i]) for i in range(count)]
    finished = []
    for i in range(count):
        try:
            alone = _by_itself(costs[i], a[i], b[i], reg, params, starts[i], tried.get(i))
        except ValueError as error:
            raise ValueError(f"problem {i} of {count}: {error}") from None
        finished.append(alone)
    return tuple(finished)


def _by_itself(
    cost: Any,
    a: np.ndarray,
    b: np.ndarray,
    reg: float,
    params: dict[str, Any],
    start: tuple[np.ndarray, np.ndarray] | None,
    tried: Transport | None,
) -> Transport:
    """One problem of many, if what was tried side by side is not its solution.

    It goes on from the best of what was tried and what was given, and returns nothing worse.
    """
    if tried is not None and tried.converged:
        return tried
    allowed, spent = params["max_iterations"], 0 if tried is None else tried.iterations
    reached = tried
    if tried is not None and start is not None:
        begun = _from(cost, a, b, reg, {**params, "max_iterations": 0}, start)
        reached = min(tried, begun, key=lambda each: each.marginal_error)
    if reached is not None and reached.marginal_error <= USABLE:
        start = reached.potentials
    found = reached
    if spent < allowed:
        found = _from(cost, a, b, reg, {**params, "max_iterations": allowed - spent}, start)
    assert found is not None  # nothing was spent where nothing was tried
    path = (() if tried is None else tried.path) + (found.path if spent < allowed else ())
    if reached is not None and reached.marginal_error < found.marginal_error:
        found = reached
    return replace(
        found,
        params=MappingProxyType({**found.params, "max_iterations": allowed}),
        iterations=sum(count for _, count in path),
        path=path,
    )


def _from(
    cost: Any,
    a: np.ndarray,
    b: np.ndarray,
    reg: float,
    params: dict[str, Any],
    start: tuple[np.ndarray, np.ndarray] | None,
) -> Transport:
    return solved(cost, a, b, reg, params, None if start is None else np.concatenate(start))


def _each(
    found: tuple[np.ndarray, ...],
    a: np.ndarray,
    b: np.ndarray,
    regs: np.ndarray,
    place: np.ndarray,
) -> Iterator[tuple[Any, ...]]:
    """Error, value, lower bound, potentials, sums and iterations of each problem."""
    f, g, rows, columns, cost, steps = found
    a, b, reg = a[place], b[place], regs[place, None]
    mass = a.sum(axis=1, keepdims=True)
    # P / mass = a b exp(...) / mass^2 inside, and a b exp(...) is asked for: one factor of mass.
    f, g, rows, columns = reg * (f - np.log(mass)), reg * g, mass * rows, mass * columns
    measures = measured((a, b), (f, g), reg[:, 0], (rows, columns))
    return zip(
        *(part.tolist() for part in measures),
        zip(f, g, strict=True),
        zip(rows, columns, (mass[:, 0] * cost).tolist(), strict=True),
        steps.tolist(),
        strict=True,
    )
