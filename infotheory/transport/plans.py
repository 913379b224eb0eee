"""A transport plan, and how far it is from the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from infotheory import ops
from infotheory.ops.ranges import free_memory
from infotheory.solvers.sources import arrays_of, host
from infotheory.transport.certificate import rounding, upper_bound

__all__ = ["Transport", "as_measured", "completed", "folded", "measured"]

#: Bytes for which nobody asks whether they are free.
SMALL = 1 << 14


@dataclass(frozen=True, eq=False)
class Transport:
    """A plan between two weighted sets, its cost, and how far it is from the best.

    The plan and `upper` are made when they are first asked for, of the costs that were given, which
    are not copied and must not be changed before.

    Attributes
    ----------
    cost : float
        Transport cost <C, P> of the plan.
    value : float
        <C, P> + reg KL(P, a b'), what the plan makes smallest.
    lower : float
        The dual value at the potentials, less what rounding can do to it: no plan has a smaller
        `value`.
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
    _rows: np.ndarray = field(repr=False)
    """(n,) what the rows of the plan sum to."""
    _reduced: tuple[Transport, np.ndarray, np.ndarray] | None = field(default=None, repr=False)
    """The transport of costs without u 1' + 1 v', and these, where those would drown the rest."""

    @cached_property
    def plan(self) -> np.ndarray:
        """(n, m) the plan, read-only; made when it is first asked for.

        A MemoryError says so where it does not fit; `plan_rows` gives parts of it.
        """
        needed = 16 * self.n * self.m
        # To ask takes as long as to make a small plan.
        if needed > SMALL and needed > (free := free_memory()):
            raise MemoryError(
                f"a plan of {self.n} x {self.m} takes {needed / 1e9:.3g} GB to make, and "
                f"{free / 1e9:.3g} GB are free; take parts of it, by plan_rows."
            )
        plan = self.plan_rows(0, self.n)
        plan.flags.writeable = False
        return plan

    @cached_property
    def upper(self) -> float:
        """`value` of the plan rounded to the weights exactly: the best is not above it.

        It is infinite where cells are forbidden and no plan around them was found, which is looked
        for up to 200,000 allowed cells.
        """
        if self._reduced is not None:
            inner, u, v = self._reduced
            moved = float(u @ self._weights[0] + v @ self._weights[1])
            return inner.upper + moved + float(rounding((u, v), self._weights, 0.0))
        return upper_bound(self._source, self._weights, self.potentials, self.params["reg"])

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
        if self._reduced is not None:
            return self._reduced[0].plan_rows(start, stop)
        rows = self._rows[start:stop]
        if not len(rows):
            return np.empty((0, self.m))
        engine = ops.of(*arrays_of(self._source))
        if isinstance(self._source, tuple):
            x, y = self._source
            # The plan takes the place of its costs.
            cost = room = engine.squared_distances(x[start:stop], y)
        else:
            cost = self._source[start:stop]
            room = engine.matrix_room(cost)
        reg = self.params["reg"]
        beside = folded(self.potentials[1], self._weights[1], reg)
        # The row's sum is known, so that no exponential overflows.
        engine.soft_minimum(cost, beside, reg, rows, plan=room)
        return host(room)

    def __reduce__(self) -> tuple[Any, ...]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return _restored, ({**values, "params": dict(self.params)},)

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        state = "" if self.converged else ", not converged"
        return (
            f"<Transport value={self.value:.6g} cost={self.cost:.6g} n={self.n} m={self.m} "
            f"marginal_error={self.marginal_error:.1e}{state}>"
        )


def _restored(values: dict[str, Any]) -> Transport:
    """A transport that was pickled."""
    return Transport(**{**values, "params": MappingProxyType(values["params"])})


def completed(
    source: Any,
    a: np.ndarray,
    b: np.ndarray,
    reg: float,
    params: dict[str, Any],
    potentials: tuple[np.ndarray, np.ndarray],
    path: list[tuple[str, int]],
) -> Transport:
    """What the potentials are worth, by one more pass over the costs."""
    above, beside = folded(potentials[0], a, reg), folded(potentials[1], b, reg)
    sums = ops.of(*arrays_of(source)).plan_sums(source, above, beside, reg)
    error, value, lower = map(float, measured((a, b), potentials, reg, sums[:2]))
    return as_measured(source, (a, b), reg, params, potentials, path, sums, error, value, lower)


def measured(
    weights: tuple[np.ndarray, np.ndarray],
    potentials: tuple[np.ndarray, np.ndarray],
    reg: Any,
    sums: tuple[np.ndarray, np.ndarray],
) -> tuple[Any, Any, Any]:
    """Marginal error, value and lower bound of a plan, or of many side by side."""
    (a, b), (rows, columns) = weights, sums
    # Where a weight is zero a potential may be infinite, and has no part.
    f, g = np.where(a > 0, potentials[0], 0.0), np.where(b > 0, potentials[1], 0.0)
    mass = a.sum(-1)
    error = (np.abs(rows - a).sum(-1) + np.abs(columns - b).sum(-1)) / mass
    value = (f * rows).sum(-1) + (g * columns).sum(-1)
    lower = (f * a).sum(-1) + (g * b).sum(-1) + reg * (mass - rows.sum(-1))
    # Exponents are rounded where the plan has its mass, which weights close to zero may not know.
    counted = np.maximum(rows, a), np.maximum(columns, b)
    return error, value, lower - rounding((f, g), counted, reg)


def as_measured(
    source: Any,
    weights: tuple[np.ndarray, np.ndarray],
    reg: float,
    params: dict[str, Any],
    potentials: tuple[np.ndarray, np.ndarray],
    path: list[tuple[str, int]],
    sums: tuple[np.ndarray, np.ndarray, float],
    error: float,
    value: float,
    lower: float,
) -> Transport:
    """The result, of what `measured` found."""
    return Transport(
        cost=sums[2],
        value=value,
        lower=lower,
        potentials=potentials,
        marginal_error=error,
        iterations=sum(count for _, count in path),
        path=tuple(path),
        converged=error <= params["tol"],
        n=len(weights[0]),
        m=len(weights[1]),
        params=MappingProxyType({"reg": reg, **params}),
        _source=source,
        _weights=weights,
        _rows=sums[0],
    )


def folded(potential: np.ndarray, weights: np.ndarray, reg: float) -> np.ndarray:
    """The potential with the weights in it: minus infinity where there is no weight."""
    if (weights > 0).all():
        return potential + reg * np.log(weights)
    # A potential may be infinite where there is no weight.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(weights > 0, potential + reg * np.log(weights), -np.inf)
