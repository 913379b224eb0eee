"""Entropic optimal transport that says how well it was solved."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from infotheory import checks, ops
from infotheory.estimate import InfotheoryWarning, outside
from infotheory.solvers.feasible import refuse_infeasible
from infotheory.solvers.policy import ENTRIES, SOLVERS, solve
from infotheory.solvers.sinkhorn import Problem
from infotheory.solvers.sources import (
    arrays_of,
    checked,
    finite_range,
    host,
    mean_cost,
    restricted,
    scaled,
    shape_of,
    transposed,
    weights_of,
)

__all__ = ["SOLVERS", "Transport", "sinkhorn", "uniform_transport"]

#: How far the sums of both weights may differ, relatively.
SAME_MASS = 1e-6


@dataclass(frozen=True, eq=False)
class Transport:
    """A plan between two weighted sets, its cost, and how far it is from the best.

    Attributes
    ----------
    cost : float
        Transport cost <C, P> of the plan.
    value : float
        <C, P> + reg KL(P, a b'), what the plan makes smallest.
    lower : float
        The dual value at the potentials: no plan has a smaller `value`.
    potentials : tuple of arrays, shapes (n,) and (m,)
        f and g, with P = a b' exp((f + g - C) / reg).
    marginal_error : float
        Sum of the absolute differences between the plan's marginals and both weights, relative to
        the mass.
    iterations : int
    path : tuple of (str, int)
        Solvers in the order in which they ran, with their iterations.
    converged : bool
        Whether the marginal error is within the tolerance.
    n, m : int
        Points on either side.
    params : Mapping
        Options, with the regularisation resolved.
    """

    cost: float
    value: float
    lower: float
    potentials: tuple[np.ndarray, np.ndarray]
    marginal_error: float
    iterations: int
    path: tuple[tuple[str, int], ...]
    converged: bool
    n: int
    m: int
    params: Mapping[str, Any]
    _source: Any = field(repr=False)
    _weights: tuple[np.ndarray, np.ndarray] = field(repr=False)

    @cached_property
    def plan(self) -> np.ndarray:
        """(n, m) the plan; made when it is first asked for."""
        return self.plan_rows(0, self.n)

    @cached_property
    def upper(self) -> float:
        """`value` of the plan rounded to the weights exactly: the best is not above it.

        Rows and columns that are too heavy are scaled down, and what lacks is added as a product
        (Altschuler, Weed, Rigollet (2017), arXiv:1705.09634, algorithm 2). Infinite where that
        puts mass on a forbidden cell.
        """
        a, b = self._weights
        mass = float(a.sum())
        reg = self.params["reg"]
        engine = ops.of(*arrays_of(self._source))
        rows_kept, columns_kept = a > 0, b > 0
        source = restricted(self._source, rows_kept, columns_kept)
        a, b = a[rows_kept], b[columns_kept]
        above = self.potentials[0][rows_kept] + reg * np.log(a)
        beside = self.potentials[1][columns_kept] + reg * np.log(b)
        rows, _, _ = engine.plan_sums(source, above, beside, reg)
        above = above + reg * np.log(a / np.maximum(rows, a))
        _, columns, _ = engine.plan_sums(source, above, beside, reg)
        beside = beside + reg * np.log(b / np.maximum(columns, b))
        rows, columns, _ = engine.plan_sums(source, above, beside, reg)
        lacking = np.maximum(a - rows, 0.0), np.maximum(b - columns, 0.0)
        total = max(float(lacking[0].sum()), float(lacking[1].sum()))
        # What the last rounding of sums leaves open is no lack.
        if total > 1e-15 * mass * math.sqrt(self.n + self.m):
            lacking = lacking[0] / total, lacking[1]
        else:
            lacking = np.zeros_like(a), np.zeros_like(b)
        return engine.rounded_value(source, above, beside, reg, lacking, (a, b))

    def plan_rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop of the plan, for plans that are too large to hold.

        Parameters
        ----------
        start, stop : int
            As in a slice.

        Returns
        -------
        float64 array, shape (stop - start, m)
        """
        a, b = self._weights
        reg = self.params["reg"]
        f, g = self.potentials
        if isinstance(self._source, tuple):
            x, y = self._source
            cost = ops.of(x, y).squared_distances(x[start:stop], y)
        else:
            cost = self._source[start:stop]
        cost = cost.cpu().numpy() if checks.is_tensor(cost) else cost
        return a[start:stop, None] * b * np.exp((f[start:stop, None] + (g - cost)) / reg)

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        state = "" if self.converged else ", not converged"
        return (
            f"<Transport value={self.value:.6g} cost={self.cost:.6g} n={self.n} m={self.m} "
            f"marginal_error={self.marginal_error:.1e}{state}>"
        )


def sinkhorn(
    x: Any = None,
    y: Any = None,
    *,
    cost: Any = None,
    a: Any = None,
    b: Any = None,
    reg: float,
    reg_scale: str | None = None,
    tol: float = 1e-9,
    max_iterations: int = 10_000,
    solver: str = "auto",
    entries: float = ENTRIES,
    potentials: Any = None,
) -> Any:
    r"""Entropic optimal transport between two weighted sets of points.

    .. math:: \min_P \langle C, P \rangle + \epsilon \sum_{ij} P_{ij} \ln \frac{P_{ij}}{a_i b_j},
        \qquad P 1 = a, \; P^\top 1 = b

    Parameters
    ----------
    x, y : real arrays, shapes (n,) or (n, d) and (m,) or (m, d)
        Points; the cost between two is `|x - y|^2`.
    cost : real array, shape (n, m) or (B, n, m)
        Costs instead of points; plus infinity forbids a cell. With three axes, B problems.
    a, b : real arrays, shapes (n,) and (m,), or (B, n) and (B, m); optional
        Weights, not negative, of equal sums; uniform without them. A point of weight zero changes
        nothing.
    reg : float
        The regularisation, in units of the cost.
    reg_scale : {None, "mean"}
        "mean": reg is multiplied by the mean cost.
    tol : float
        The marginals' absolute differences from the weights, summed over both sides and relative
        to the mass, at most.
    max_iterations : int
        Scalings and Newton steps at most, all stages together.
    solver : {"auto", "sinkhorn", "newton", "newton_sparse", "dual"}
        "auto": scalings while they promise to be few, then safeguarded Newton steps. "sinkhorn":
        scalings alone, over-relaxed by the rate that is seen. "newton_sparse": 20 sweeps, then the
        published Newton method whose Hessian keeps a fixed number of entries of the plan; where
        it stalls, the safeguarded one ends its work, and the path says so. "dual": L-BFGS.
    entries : float
        How many entries for each point of the larger side "newton_sparse" keeps. As published it
        is 2, which was found to be too few.
    potentials : pair of arrays, shapes (n,) and (m,), optional
        Where to start, for example those of a similar problem.

    Returns
    -------
    Transport, or tuple of Transport
        In units of the cost; a tuple of B for costs of three axes.

    Raises
    ------
    TypeError, ValueError
        For points with cost, or neither; arrays of wrong shapes, NaN, minus infinity; negative
        weights, or sums that differ by more than 1e-6; forbidden cells that leave no plan; reg or
        tol not positive, and unknown options.
    MemoryError
        If a solver that was chosen by name needs more memory than there is.

    Notes
    -----
    `value` holds the relative entropy to the product of the weights, not the entropy of the plan;
    other packages return `cost` alone, or subtract reg times the entropy. A result that is not
    within tol comes with an `InfotheoryWarning` that says how far it is; the dual value is a lower
    bound whatever the error, and `upper` that of a feasible plan. Cost: two matrices of memory and
    O(n m) for each iteration; where those would not fit, points are streamed in O(n + m) memory
    (solver "auto" or "sinkhorn").

    References
    ----------
    Cuturi, NeurIPS (2013), arXiv:1306.0895; Feydy et al. (2019), arXiv:1810.08278 (eq. 1);
    Lehmann et al., Optim. Lett. (2021), arXiv:2012.12562 (relaxation); Tang, Shavlovsky, et al.
    (2024), arXiv:2401.12253; Tang, Qiu, NeurIPS (2024) (safeguarded sparse Newton steps).
    """
    solver = checks.choice(solver, "solver", SOLVERS)
    reg = checks.number(reg, "reg", above=0.0)
    tol = checks.number(tol, "tol", above=0.0)
    most = checks.integer(max_iterations, "max_iterations", low=1)
    checks.choice(reg_scale, "reg_scale", (None, "mean"))
    params = {
        "reg_scale": reg_scale,
        "tol": tol,
        "max_iterations": most,
        "solver": solver,
        "entries": checks.number(entries, "entries", above=0.0),
    }
    source = checked(x, y, cost)
    if not isinstance(source, tuple) and source.ndim == 3:
        return _batch(source, a, b, reg, params, potentials)
    n, m = shape_of(source)
    a, b = weights_of(a, n, "a"), weights_of(b, m, "b")
    b = _same_mass(a, b)
    start = None if potentials is None else _start(potentials, n, m)
    found = _solved(source, a, b, reg, params, start)
    if not found.converged:
        _warn([found])
    return found


def uniform_transport(
    source: Any,
    *,
    reg: float,
    tol: float = 1e-9,
    max_iterations: int = 10_000,
    solver: str = "auto",
) -> Transport:
    """What `sinkhorn` finds for uniform weights, of checked points or costs, without a warning.

    For callers who say in their own result that it did not converge.
    """
    n, m = shape_of(source)
    params = {
        "reg_scale": None,
        "tol": tol,
        "max_iterations": max_iterations,
        "solver": solver,
        "entries": ENTRIES,
    }
    return _solved(source, np.full(n, 1 / n), np.full(m, 1 / m), reg, params, None)


def _solved(
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
    if forbidden:
        refuse_infeasible(inner, a[rows], b[columns])
    if not math.isfinite(max(abs(low), abs(high)) / reg):
        raise ValueError(
            f"reg must not be so small that costs in units of it overflow; got {reg:g} with costs "
            f"up to {max(abs(low), abs(high)):g}."
        )
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
    return _transport(source, a, b, reg, params, _filled(source, a, b, f, g, reg), problem.path)


def _transport(
    source: Any,
    a: np.ndarray,
    b: np.ndarray,
    reg: float,
    params: dict[str, Any],
    potentials: tuple[np.ndarray, np.ndarray],
    path: list[tuple[str, int]],
) -> Transport:
    """What the potentials are worth, by one more pass over the costs."""
    with np.errstate(divide="ignore"):
        above, beside = potentials[0] + reg * np.log(a), potentials[1] + reg * np.log(b)
    sums = ops.of(*arrays_of(source)).plan_sums(source, above, beside, reg)
    return _described(source, a, b, reg, params, potentials, path, sums)


def _described(
    source: Any,
    a: np.ndarray,
    b: np.ndarray,
    reg: float,
    params: dict[str, Any],
    potentials: tuple[np.ndarray, np.ndarray],
    path: list[tuple[str, int]],
    sums: tuple[np.ndarray, np.ndarray, float],
) -> Transport:
    """The result, from sums of the plan's rows and columns and its cost."""
    (f, g), (rows, columns, cost) = potentials, sums
    mass = float(a.sum())
    error = float(np.abs(rows - a).sum() + np.abs(columns - b).sum()) / mass
    # Where a weight is zero a potential may be infinite, and has no part.
    kept_f, kept_g = np.where(a > 0, f, 0.0), np.where(b > 0, g, 0.0)
    return Transport(
        cost=cost,
        value=float(kept_f @ rows + kept_g @ columns),
        lower=float(kept_f @ a + kept_g @ b) + reg * (mass - float(rows.sum())),
        potentials=potentials,
        marginal_error=error,
        iterations=sum(count for _, count in path),
        path=tuple(path),
        converged=error <= params["tol"],
        n=len(a),
        m=len(b),
        params=MappingProxyType({"reg": reg, **params}),
        _source=source,
        _weights=(a, b),
    )


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


def _batch(
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
    b = np.stack([_same_mass(*pair) for pair in zip(a, b, strict=True)])
    mass = a.sum(axis=1, keepdims=True)
    scale = np.array([mean_cost(c) for c in costs]) if params["reg_scale"] == "mean" else 1.0
    regs = np.broadcast_to(reg * scale, count).astype(np.float64)
    spare = (a > 0).all(axis=1) & (b > 0).all(axis=1) & (regs > 0)
    spare &= np.isfinite(host(costs).max(axis=(1, 2)))
    solved: dict[int, Transport] = {}
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
            found = _described(costs[i], a[i], b[i], scale, params, pair, path, parts)
            if found.converged:
                solved[i] = found
    for i in range(count):
        if i not in solved:
            solved[i] = _solved(costs[i], a[i], b[i], reg, params, None)
    results = tuple(solved[i] for i in range(count))
    open_ones = [found for found in results if not found.converged]
    if open_ones:
        _warn(open_ones)
    return results


def _warn(open_ones: list[Transport]) -> None:
    worst = max(open_ones, key=lambda found: found.marginal_error)
    warnings.warn(
        f"sinkhorn: not converged after {worst.iterations} iterations: the marginals are "
        f"{worst.marginal_error:.2g} from the weights, tol is {worst.params['tol']:.2g}; the best "
        f"value lies between {worst.lower:.8g} and {worst.upper:.8g}. More max_iterations, or a "
        f"larger reg, would help.",
        InfotheoryWarning,
        stacklevel=outside(),
    )


def _same_mass(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """B with the sum of a, where the difference is no more than rounding."""
    first, second = float(a.sum()), float(b.sum())
    if abs(first - second) > SAME_MASS * max(first, second):
        raise ValueError(
            f"a and b must have equal sums, within {SAME_MASS:g}; got {first:.9g} and {second:.9g}."
        )
    return b * (first / second)


def _start(potentials: Any, n: int, m: int) -> np.ndarray:
    """Both potentials, one after the other."""
    try:
        f, g = potentials
    except (TypeError, ValueError):
        raise ValueError("potentials must be a pair of arrays (f, g).") from None
    pair = [host(checks.line(part, "potentials"))[:, 0].astype(np.float64) for part in (f, g)]
    if (len(pair[0]), len(pair[1])) != (n, m):
        raise ValueError(
            f"potentials must have shapes ({n},) and ({m},); got ({len(pair[0])},) and "
            f"({len(pair[1])},)."
        )
    return np.concatenate(pair)
