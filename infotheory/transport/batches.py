"""Many problems of entropic transport at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory import checks, ops
from infotheory.solvers.sources import host, mean_cost, weights_of
from infotheory.transport.plans import Transport, described
from infotheory.transport.problems import same_mass, solved

__all__ = ["solved_batch"]


def solved_batch(
    costs: Any, a: Any, b: Any, reg: float, params: dict[str, Any], potentials: Any
) -> tuple[Transport, ...]:
    """Many problems: small ones side by side, and whichever is left over by itself."""
    count, n, m = costs.shape
    if potentials is not None:
        raise ValueError("potentials must be None with costs of three axes.")
    sides = []
    for given, size, name in ((a, n, "a"), (b, m, "b")):
        if given is None or np.ndim(given) == 1:
            sides.append(np.tile(weights_of(given, size, name), (count, 1)))
            continue
        given = host(checks.real(given, name)).astype(np.float64)
        if given.shape != (count, size):
            raise ValueError(f"{name} must have shape {(count, size)}; got {given.shape}.")
        sides.append(np.stack([weights_of(row, size, name) for row in given]))
    a, b = sides
    b = np.stack([same_mass(*pair) for pair in zip(a, b, strict=True)])
    mass = a.sum(axis=1, keepdims=True)
    scale = np.array([mean_cost(c) for c in costs]) if params["reg_scale"] == "mean" else 1.0
    regs = np.broadcast_to(reg * scale, count).astype(np.float64)
    spare = (a > 0).all(axis=1) & (b > 0).all(axis=1) & (regs > 0)
    spare &= np.isfinite(host(costs).max(axis=(1, 2)))
    done: dict[int, Transport] = {}
    place = np.flatnonzero(spare)
    if place.size and params["solver"] in ("auto", "sinkhorn"):
        chosen = costs if len(place) == count else costs[place]
        shares = (a / mass)[place], (b / mass)[place]
        most = min(params["max_iterations"], 2000)
        f, g, *sums, cost, steps = ops.of(costs).transport_batch(
            chosen, *shares, regs[place], 0.5 * params["tol"], most
        )
        for k, i in enumerate(place.tolist()):
            size, scale = float(mass[i, 0]), float(regs[i])
            pair = scale * (f[k] - math.log(size)), scale * g[k]
            parts = size * sums[0][k], size * sums[1][k], size * float(cost[k])
            path = [("sinkhorn", int(steps[k]))]
            found = described(costs[i], a[i], b[i], scale, params, pair, path, parts)
            if found.converged:
                done[i] = found
    for i in range(count):
        if i not in done:
            done[i] = solved(costs[i], a[i], b[i], reg, params, None)
    return tuple(done[i] for i in range(count))
