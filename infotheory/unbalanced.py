"""Entropic transport that may leave mass behind, at a price."""

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
from infotheory.ops import ranges
from infotheory.solvers.sources import (
    arrays_of,
    checked,
    finite_range,
    host,
    restricted,
    scaled,
    shape_of,
    transposed,
    weights_of,
)
from infotheory.solvers.unbalanced import Penalised, solve_penalised

__all__ = ["UnbalancedTransport", "unbalanced_sinkhorn"]

#: The part of the value that the price of the marginals' errors may be, and the error below which
#: only rounding is left.
VALUE_ERROR, LEAST_ERROR = 1e-6, 1e-13
#: Logarithm of the marginals below which sums of them lose their digits, or vanish.
SMALL_MASS = -500.0


@dataclass(frozen=True, eq=False)
class UnbalancedTransport:
    """A plan whose marginals are near given weights, its cost, and how far it is from the best.

    Attributes
    ----------
    cost : float
        Transport cost <C, P> of the plan.
    value : float
        What the plan makes smallest: cost, reg KL(P, a b') and penalty times both KL divergences
        of its marginals from the weights. No plan can do better than `lower`.
    lower : float
        The dual value at the potentials, less what rounding can do to it.
    mass : float
        The mass that is moved.
    potentials : tuple of arrays, shapes (n,) and (m,)
        f and g, with P = a b' exp((f + g - C) / reg); infinite for a point all of whose cells are
        forbidden, which is left behind.
    marginal_error : float
        Sum of absolute differences of the plan's marginals from those that its potentials ask
        for, a exp(-f / penalty) and b exp(-g / penalty), relative to the mass.
    iterations : int
    converged : bool
        Whether the marginal error is within the tolerance, and its price a small part of the value.
    n, m : int
        Points on either side.
    params : Mapping
        Options, with the regularisation resolved.
    """

    cost: float
    value: float
    lower: float
    mass: float
    potentials: tuple[np.ndarray, np.ndarray]
    marginal_error: float
    iterations: int
    converged: bool
    n: int
    m: int
    params: Mapping[str, Any]
    _source: Any = field(repr=False)
    _weights: tuple[np.ndarray, np.ndarray] = field(repr=False)

    @cached_property
    def plan(self) -> np.ndarray:
        """(n, m) the plan, read-only; made when it is first asked for.

        A MemoryError where it does not fit: see `plan_rows`.
        """
        needed, free = 8 * self.n * self.m, ranges.free_memory()
        if needed > 0.9 * free:
            raise MemoryError(
                f"a plan of {self.n} x {self.m} takes {needed / 1e9:.3g} GB, and "
                f"{free / 1e9:.3g} GB are free; plan_rows makes a part of it."
            )
        plan = self.plan_rows(0, self.n)
        plan.flags.writeable = False
        return plan

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
        source, rows = self._source, slice(start, stop)
        reg = self.params["reg"]
        above, beside = map(_folded, self.potentials, self._weights, (reg, reg))
        if not len(above[rows]):
            return np.empty((0, self.m))
        if isinstance(source, tuple):
            # The plan takes the place of its costs.
            room = host(ops.of(*source).squared_distances(source[0][rows], source[1]))
        else:
            room = np.array(host(source[rows]))
        np.subtract(beside, room, out=room)
        room += above[rows, None]
        room /= reg
        return np.exp(room, out=room)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: part for name, part in self.__dict__.items() if name != "plan"}
        return {**state, "params": dict(self.params)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**state, "params": MappingProxyType(state["params"])})

    def __float__(self) -> float:
        return self.value


def unbalanced_sinkhorn(
    x: Any = None,
    y: Any = None,
    *,
    cost: Any = None,
    a: Any = None,
    b: Any = None,
    reg: float,
    penalty: float,
    reg_scale: str | None = None,
    tol: float = 1e-9,
    max_iterations: int = 10_000,
) -> UnbalancedTransport:
    r"""Entropic transport between weights that need not be kept, nor have the same sum.

    .. math:: \min_{P \ge 0} \langle C, P \rangle + \epsilon \, D(P \| a b^\top)
        + \rho \, D(P 1 \| a) + \rho \, D(P^\top 1 \| b), \qquad
        D(p \| q) = \sum p \ln \frac{p}{q} - p + q

    Parameters
    ----------
    x, y : real arrays, shapes (n,) or (n, d) and (m,) or (m, d)
        Points; the cost between two is `|x - y|^2`.
    cost : real array, shape (n, m)
        Costs instead of points; plus infinity forbids a cell.
    a, b : real arrays, shapes (n,) and (m,); optional
        Weights, not negative; uniform with sum 1 without them.
    reg : float
        The regularisation epsilon, in units of the cost.
    penalty : float
        The price rho of mass that is missing or added; large values keep the weights. Rounding
        of the weights alone has a price of its own from about 1e20 times reg; see
        :func:`infotheory.sinkhorn`.
    reg_scale : {None, "mean"}
        "mean": reg and penalty are multiplied by the mean cost.
    tol : float
        Of the marginal error.
    max_iterations : int
        Scalings at most, all stages together.

    Returns
    -------
    UnbalancedTransport
        In units of the cost.

    Raises
    ------
    TypeError, ValueError
        As :func:`infotheory.sinkhorn`, but the sums of a and b may differ; and for a penalty that
        is not positive.

    Notes
    -----
    Scalings damped by rho / (rho + epsilon) at falling regularisations, with the best common shift
    of both potentials after each; where they are slow, Newton steps on the dual. A result that is
    not within tol warns. Cost: O(n m) time for each scaling, and O(n m^2) for each Newton step of
    few columns; two matrices of memory. Points too many for that are streamed, by scalings
    alone, which converge slowly for a penalty of many regularisations.

    References
    ----------
    Chizat, Peyre, Schmitzer, Vialard (2018), arXiv:1607.05816; the shift: Sejourne, Vialard, Peyre
    (2022), arXiv:2201.00730.
    """
    reg, penalty = (
        checks.number(each, name, above=0.0) for each, name in ((reg, "reg"), (penalty, "penalty"))
    )
    tol = checks.number(tol, "tol", above=0.0)
    most = checks.integer(max_iterations, "max_iterations", low=1)
    checks.choice(reg_scale, "reg_scale", (None, "mean"))
    source = checked(x, y, cost)
    if not isinstance(source, tuple) and source.ndim != 2:
        raise ValueError(f"cost must have shape (n, m); got {tuple(source.shape)}.")
    n, m = shape_of(source)
    a, b = weights_of(a, n, "a"), weights_of(b, m, "b")
    if reg_scale == "mean":
        penalty *= scaled(1.0, source)
        reg = scaled(reg, source)
    params = {"reg": reg, "penalty": penalty, "reg_scale": reg_scale, "tol": tol}
    source = _owned(source, *((x, y) if cost is None else (cost,)))
    found = _solved(source, a, b, params | {"max_iterations": most})
    if not found.converged:
        warnings.warn(_doubt(found, most), InfotheoryWarning, stacklevel=outside())
    return found


def _doubt(found: UnbalancedTransport, most: int) -> str:
    """What is wrong with a result, and what to do about it."""
    tol = found.params["tol"]
    between = f"the best value is between {found.lower:.6g} and {found.value:.6g}"
    if found.marginal_error <= tol:
        return (
            f"unbalanced_sinkhorn: at a penalty of {found.params['penalty']:.2g} what is left of "
            f"the marginals' errors, {found.marginal_error:.2g} of the mass, has a price; "
            f"{between}. Choose a smaller penalty or tol, or infotheory.sinkhorn, which keeps the "
            f"weights."
        )
    return (
        f"unbalanced_sinkhorn: marginals are {found.marginal_error:.2g} from those asked for "
        f"after {found.iterations} iterations, where {tol:.2g} was asked for; {between}. Choose a "
        f"larger reg{', or more iterations' if found.iterations >= most else ' or tol'}."
    )


def _solved(
    source: Any, a: np.ndarray, b: np.ndarray, params: dict[str, Any]
) -> UnbalancedTransport:
    """The potentials of points that can have mass; the others are left behind."""
    reg, rho, tol = params["reg"], params["penalty"], params["tol"]
    rows, columns = _reached(source, a > 0, b > 0)
    f, g, done = np.full(len(a), math.inf), np.full(len(b), math.inf), 0
    if rows.any():
        inner = restricted(source, rows, columns)
        # Newton steps are for the shorter side.
        swapped = int(rows.sum()) < int(columns.sum())
        weights = (b[columns], a[rows]) if swapped else (a[rows], b[columns])
        problem = Penalised(
            ops.of(*arrays_of(inner)),
            transposed(inner) if swapped else inner,
            *weights,
            reg,
            rho,
            params["max_iterations"],
        )
        low, high, _ = finite_range(inner)
        # A high price makes little of an error: rho / 2 times its square is added to the value.
        dear = max(math.sqrt(VALUE_ERROR * reg / rho), LEAST_ERROR)
        first, second, done = solve_penalised(problem, high - low, min(tol / 2, dear))
        f[rows], g[columns] = (second, first) if swapped else (first, second)
    damping = rho / (rho + reg)
    engine = ops.of(*arrays_of(source))
    empty = (a == 0) & _reached(source, a >= 0, columns)[0]
    if empty.any():
        part = restricted(source, empty, columns)
        beside = _folded(g, b, reg)[columns]
        f[empty] = damping * engine.soft_minimum(part, beside, reg)[0]
    empty = (b == 0) & _reached(source, rows, b >= 0)[1]
    if empty.any():
        part = transposed(restricted(source, rows, empty))
        above = _folded(f, a, reg)[rows]
        g[empty] = damping * engine.soft_minimum(part, above, reg)[0]
    return _described(source, (a, b), (f, g), done, params)


def _reached(source: Any, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of these rows and columns have a cell in common with another that is allowed."""
    if isinstance(source, tuple):
        return rows & columns.any(), columns & rows.any()
    allowed = host(source) < math.inf
    return rows & allowed[:, columns].any(axis=1), columns & allowed[rows].any(axis=0)


def _described(
    source: Any,
    weights: tuple[np.ndarray, np.ndarray],
    potentials: tuple[np.ndarray, np.ndarray],
    done: int,
    params: dict[str, Any],
) -> UnbalancedTransport:
    """What the potentials are worth, by one more pass over the costs."""
    reg, rho = params["reg"], params["penalty"]
    (a, b), (f, g) = weights, potentials
    above, beside = _folded(f, a, reg), _folded(g, b, reg)
    asked = _asked(f, a, rho), _asked(g, b, rho)
    unit = max(float(each.max()) for each in asked)
    # A mass below the range of float64 has an error of its own, if it is taken in another unit.
    unit = unit if -math.inf < unit < SMALL_MASS else 0.0
    rows, columns, cost = ops.of(*arrays_of(source)).plan_sums(
        source, above - reg * unit, beside, reg
    )
    error = sum(
        float(np.abs(found - np.exp(logs - unit)).sum())
        for found, logs in zip((rows, columns), asked, strict=True)
    )
    error /= float(rows.sum()) or 1.0
    rows, columns, cost = rows * math.exp(unit), columns * math.exp(unit), cost * math.exp(unit)
    mass, product = float(rows.sum()), float(a.sum() * b.sum())
    # What the potentials ask for, less the weights; they are infinite where nothing is moved.
    excess = _excess(f, a, asked[0], rho), _excess(g, b, asked[1], rho)
    kept_f, kept_g = np.where(rows > 0, f, 0.0), np.where(columns > 0, g, 0.0)
    entropy = float(kept_f @ rows + kept_g @ columns) - cost - reg * (mass - product)
    value = cost + entropy + rho * (_divergence(rows, a) + _divergence(columns, b))
    lower = reg * (product - mass) - rho * float(excess[0].sum() + excess[1].sum())
    # What rounding can do to it, as to that of a plan that keeps its weights.
    sizes = np.abs(kept_f) @ rows + np.abs(kept_g) @ columns + reg * (mass + product)
    lower -= 4e-15 * float(sizes + rho * sum(np.abs(each).sum() for each in excess))
    return UnbalancedTransport(
        cost=cost,
        value=value,
        lower=lower,
        mass=mass,
        potentials=potentials,
        marginal_error=error,
        iterations=done,
        converged=error <= params["tol"] and not _dear(value, lower, reg * mass, params["tol"]),
        n=len(a),
        m=len(b),
        params=MappingProxyType(params),
        _source=source,
        _weights=weights,
    )


def _asked(potential: np.ndarray, weights: np.ndarray, rho: float) -> np.ndarray:
    """The logarithms of the marginals that a potential asks for, w exp(-f / rho)."""
    out = np.full(len(weights), -np.inf)
    kept = weights > 0
    out[kept] = np.log(weights[kept]) - potential[kept] / rho
    return out


def _excess(
    potential: np.ndarray, weights: np.ndarray, asked: np.ndarray, rho: float
) -> np.ndarray:
    """Those marginals less the weights, with all digits where they differ by little."""
    change = -potential / rho
    near = weights * np.expm1(np.minimum(change, 1.0))
    return np.where(change < 1, near, np.exp(asked) - weights)


def _dear(value: float, lower: float, least: float, tol: float) -> bool:
    """Whether the price of what is left of the errors is more than a small part of the value."""
    return value - lower > max(tol, VALUE_ERROR) * max(abs(lower), least)


def _folded(potential: np.ndarray, weights: np.ndarray, reg: float) -> np.ndarray:
    """The potential with the weights in it: minus infinity where there can be no mass."""
    out = np.full(len(weights), -np.inf)
    kept = (weights > 0) & np.isfinite(potential)
    out[kept] = potential[kept] + reg * np.log(weights[kept])
    return out


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Sum of p ln(p / q) - p + q, whose terms are small where p is near q."""
    nothing, kept = q[p <= 0], p > 0
    p, q = p[kept], q[kept]
    change = (p - q) / q
    near = np.abs(change) < 0.5
    logs = np.where(near, np.log1p(np.where(near, change, 0.0)), np.log(p) - np.log(q))
    return float((p * logs - (p - q)).sum() + nothing.sum())


def _owned(source: Any, *given: Any) -> Any:
    """The source, or a copy where it shares memory with what was given."""
    if isinstance(source, tuple):
        return tuple(_owned(*pair) for pair in zip(source, given, strict=True))
    if checks.is_tensor(source):
        shared = checks.is_tensor(given[-1]) and source.data_ptr() == given[-1].data_ptr()
        return source.clone() if shared else source
    return source.copy() if np.may_share_memory(source, np.asarray(given[-1])) else source
