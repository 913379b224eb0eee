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
from infotheory.solvers.sources import (
    arrays_of,
    checked,
    finite_range,
    scaled,
    shape_of,
    transposed,
    weights_of,
)

__all__ = ["UnbalancedTransport", "unbalanced_sinkhorn"]

#: Regularisations come down by this factor, with so many iterations at each.
_STAGE, _AT_STAGE = 0.25, 10


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
        The dual value at the potentials.
    mass : float
        The mass that is moved.
    potentials : tuple of arrays, shapes (n,) and (m,)
        f and g, with P = a b' exp((f + g - C) / reg).
    marginal_error : float
        Sum of absolute differences of the plan's marginals from those that its potentials ask
        for, a exp(-f / penalty) and b exp(-g / penalty), relative to the mass.
    iterations : int
    converged : bool
        Whether the marginal error is within the tolerance.
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
    params: Mapping[str, Any]
    _source: Any = field(repr=False)
    _logs: tuple[np.ndarray, np.ndarray] = field(repr=False)

    @cached_property
    def plan(self) -> np.ndarray:
        """(n, m) the plan; made when it is first asked for."""
        source = self._source
        cost = ops.of(*source).squared_distances(*source) if isinstance(source, tuple) else source
        cost = cost.cpu().numpy() if checks.is_tensor(cost) else cost
        (f, g), (log_a, log_b) = self.potentials, self._logs
        reg = self.params["reg"]
        return np.exp((f + reg * log_a)[:, None] / reg + ((g + reg * log_b) - cost) / reg)

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
        The price rho of mass that is missing or added; large values keep the weights.
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
    Scalings damped by rho / (rho + epsilon), with the best common shift of both potentials after
    each. They converge as powers of (rho / (rho + epsilon))^2 or faster: slowly for a penalty of
    many regularisations. A result that is not within tol warns. Cost: O(n m) time for each scaling;
    points are streamed.

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
    n, m = shape_of(source)
    a, b = weights_of(a, n, "a"), weights_of(b, m, "b")
    if reg_scale == "mean":
        penalty *= scaled(1.0, source)
        reg = scaled(reg, source)
    params = {"reg": reg, "penalty": penalty, "tol": tol, "max_iterations": most}
    found = _solved(source, a, b, MappingProxyType(params | {"reg_scale": reg_scale}))
    if not found.converged:
        warnings.warn(
            f"unbalanced_sinkhorn: marginals are {found.marginal_error:.2g} from those asked for "
            f"after {found.iterations} iterations, where {tol:.2g} was asked for; the best value "
            f"is between {found.lower:.6g} and {found.value:.6g}. Choose a larger reg, a smaller "
            f"penalty, or more iterations.",
            InfotheoryWarning,
            stacklevel=outside(),
        )
    return found


def _solved(
    source: Any, a: np.ndarray, b: np.ndarray, params: Mapping[str, Any]
) -> UnbalancedTransport:
    reg, rho = params["reg"], params["penalty"]
    engine, across = ops.of(*arrays_of(source)), transposed(source)
    with np.errstate(divide="ignore"):
        log_a, log_b = np.log(a), np.log(b)
    low, high, _ = finite_range(source)
    f, g, done, error = np.zeros(len(a)), np.zeros(len(b)), 0, math.inf
    stages = max(0, math.ceil(math.log(max((high - low) / (4 * reg), 1.0), 1 / _STAGE)))
    for stage in range(stages, -1, -1):
        width = reg / _STAGE**stage
        damping = rho / (rho + width)
        last = stage == 0
        left = params["max_iterations"] - done
        for _ in range(left if last else min(_AT_STAGE, left - 1)):
            f = damping * engine.soft_minimum(source, g + width * log_b, width)[0]
            minima = engine.soft_minimum(across, f + width * log_a, width)[0]
            wanted = _times(b, -g / rho)
            mass = float(wanted.sum())
            error = float(np.abs(_times(b, (g - minima) / width) - wanted).sum()) / mass
            done += 1
            if last and error <= params["tol"] / 2:
                break
            g = damping * minima
            # The plan does not see a shift from one potential to the other; the penalties do.
            shift = rho / 2 * math.log(_times(a, -f / rho).sum() / _times(b, -g / rho).sum())
            f, g = f + shift, g - shift
    return _described(source, (a, b), (log_a, log_b), (f, g), done, params)


def _described(
    source: Any,
    weights: tuple[np.ndarray, np.ndarray],
    logs: tuple[np.ndarray, np.ndarray],
    potentials: tuple[np.ndarray, np.ndarray],
    done: int,
    params: Mapping[str, Any],
) -> UnbalancedTransport:
    """What the potentials are worth, by one more pass over the costs."""
    reg, rho = params["reg"], params["penalty"]
    (a, b), (f, g) = weights, potentials
    above, beside = f + reg * logs[0], g + reg * logs[1]
    rows, columns, cost = ops.of(*arrays_of(source)).plan_sums(source, above, beside, reg)
    mass, product = float(rows.sum()), float(a.sum() * b.sum())
    wanted = _times(a, -f / rho), _times(b, -g / rho)
    error = float(np.abs(rows - wanted[0]).sum() + np.abs(columns - wanted[1]).sum()) / mass
    kept_f, kept_g = np.where(a > 0, f, 0.0), np.where(b > 0, g, 0.0)
    entropy = float(kept_f @ rows + kept_g @ columns) - cost - reg * (mass - product)
    value = cost + entropy + rho * (_divergence(rows, a) + _divergence(columns, b))
    lower = rho * float((a - wanted[0]).sum() + (b - wanted[1]).sum()) + reg * (product - mass)
    return UnbalancedTransport(
        cost=cost,
        value=value,
        lower=lower,
        mass=mass,
        potentials=potentials,
        marginal_error=error,
        iterations=done,
        converged=error <= params["tol"],
        params=params,
        _source=source,
        _logs=logs,
    )


def _times(weights: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """Weights times exponentials, 0 where the weight is, whatever the exponent."""
    return np.where(weights > 0, weights * np.exp(np.where(weights > 0, exponents, 0.0)), 0.0)


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Sum of p ln(p / q) - p + q."""
    positive = p > 0
    return float((p[positive] * np.log(p[positive] / q[positive])).sum() - p.sum() + q.sum())
