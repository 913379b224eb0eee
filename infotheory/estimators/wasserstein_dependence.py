"""Wasserstein dependence: the cost of moving paired samples to independence."""

from __future__ import annotations

import hashlib
import itertools
import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, ops, truth
from infotheory.estimate import Estimate
from infotheory.estimators.sinkhorn import (
    debiased,
    gap,
    mean_cost,
    noting_convergence,
    refuse_squares,
)
from infotheory.estimators.transport import (
    assigned_cost,
    in_common_units,
    on_the_cpu,
    orthogonal_directions,
    refuse_pairs,
)
from infotheory.registry import estimator
from infotheory.transport import Transport, uniform_transport
from infotheory.widths import pooled

__all__ = ["wasserstein_mutual_information"]

METRICS = ("l2", "l1")
SOLVERS = ("sinkhorn", "exact", "sliced")
SCALES = ("standardise", None)


@estimator(
    "mutual_information:wasserstein",
    inputs=("real", "real"),
    source="Ozair et al. (2019), arXiv:1903.11780",
    truth=(
        truth.dependent_normals_by_transport(0.8, reg=0.4, n=1000),
        truth.dependent_normals_by_transport(0.0, reg=0.4, n=500),
    ),
    unit="cost",
    estimand="wasserstein",
)
def wasserstein_mutual_information(
    x: Any,
    y: Any,
    *,
    solver: str = "sinkhorn",
    metric: str = "l2",
    scale: str | None = "standardise",
    reg: float = 0.05,
    shifts: int = 2,
    slices: int = 200,
    normalised: bool = False,
    rng: int | np.random.Generator = 0,
) -> Estimate:
    r"""Wasserstein dependence: the cost of moving the joint distribution to independence.

    .. math:: \hat I = \overline{W(J, J_s)} - \overline{W(J_s, J_t)}, \qquad
        J_s = \{(x_i, y_{i + s})\}

    with the pairs J as they came, and J_s after a cyclic shift of y, of samples in random order.
    The second mean, over pairs of different shifts, is what the first is of independent samples.

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples.
    solver : {"sinkhorn", "exact", "sliced"}
        W is the Sinkhorn divergence, the cost of the best assignment, or its mean on the lines of
        many directions, which is smaller.
    metric : {"l2", "l1"}
        The cost of moving (x, y): the squared distance `|dx|^2 + |dy|^2`, so that W is W_2
        squared; or `|dx| + |dy|`, which "sliced" does not know, and W is W_1.
    scale : {"standardise", None}
        Each column to deviation 1, or left alone. The value depends on it.
    reg : float
        For "sinkhorn", the regularisation as a part of the mean cost between J and independence.
    shifts : int
        How many shifts, each in both directions.
    slices : int
        For "sliced", how many directions are drawn.
    normalised : bool
        Adds ``diagnostics["correlation"]``: the value over the root of the product of those of x
        with itself and of y with itself. It takes three times as long.
    rng : int or numpy.random.Generator
        Where the order of the samples, together with their ranks, and the directions come from.

    Returns
    -------
    Estimate
        In units of the cost (unit "cost"), 0 if x or y is constant; negative values near
        independence are kept. Diagnostics: ``raw``, the first mean; ``null``, the second, and
        ``null_deviation`` over the pairs of shifts; of "sinkhorn" also ``error``, a bound on how
        far the value is from that of exact solutions.

    Raises
    ------
    TypeError, ValueError
        For an unknown solver, metric or scale, a reg that is not positive, fewer than
        2 shifts + 1 samples, or lengths that differ.
    MemoryError
        If the costs of all pairs do not fit into memory.

    Notes
    -----
    It is 0 where x and y are independent, and does not depend on an invertible map of a variable
    only if that keeps distances. Bias: without the null the value is far above 0 for independent
    samples ("exact", n = 1000: about 0.03 where the most for normals is 1.17). With it, independent
    samples have mean 0, and strong dependence may be found a little too small, where less is to be
    subtracted; the larger reg, the less of both. Sinkhorn divergences at reg are below W_2
    squared. No standard error is known; see :func:`infotheory.confidence_interval`. Cost: with s
    shifts, 2 s^2 + 3 s + 1 transport problems of n samples, and with "exact" 2 s^2 + s of them in
    O(n^3); "sliced" O(L n log n) for each.

    References
    ----------
    Ozair et al., NeurIPS (2019), arXiv:1903.11780; debiased costs: Feydy et al. (2019),
    arXiv:1810.08278; the correlation: Wiesel, Bernoulli 28 (2022) 2816, arXiv:2102.00356.
    """
    checks.choice(solver, "solver", SOLVERS)
    checks.choice(metric, "metric", METRICS)
    checks.choice(scale, "scale", SCALES)
    reg = checks.number(reg, "reg", above=0.0)
    shifts = checks.integer(shifts, "shifts", low=1)
    slices = checks.integer(slices, "slices", low=1)
    checks.flag(normalised, "normalised")
    draw = checks.generator(rng)
    n = len(x)
    if n < 2 * shifts + 1:
        raise ValueError(
            f"x and y must have {2 * shifts + 1} rows or more for shifts={shifts}; got n={n} "
            f"samples."
        )
    if solver == "sliced" and metric == "l1":
        raise ValueError("metric must be 'l2' for solver='sliced'; got 'l1'.")
    seeds = [int(seed) for seed in draw.integers(2**63, size=2)]
    order = _drawn_order(x, y, seeds[0])
    if scale:
        x, y = (ops.of(part).standardise(part)[0] for part in (x, y))
    x, y = x[order], y[order]
    options = _Options(solver, metric, reg, shifts, slices, seeds[1])
    found = _dependence(x, y, options)
    if not normalised:
        return found
    own = [_dependence(part, part, options).value for part in (x, y)]
    ratio = found.value / math.sqrt(own[0]) / math.sqrt(own[1]) if min(own) > 0 else None
    return replace(found, diagnostics={**found.diagnostics, "correlation": ratio})


class _Options(NamedTuple):
    solver: str
    metric: str
    reg: float
    shifts: int
    slices: int
    seed: int


def _dependence(x: Any, y: Any, options: _Options) -> Estimate:
    """The cost of independence, less what it is without any dependence."""
    if any(bool((part == part[:1]).all()) for part in (x, y)):
        nothing = {"raw": 0.0, "null": 0.0, "null_deviation": 0.0}
        if options.solver == "sinkhorn":
            nothing["error"] = 0.0
        return Estimate(0.0, n=len(x), diagnostics=nothing)
    joint = _beside(x, y)
    joint, _, exponent = in_common_units(joint, joint)
    if options.metric == "l2":
        exponent *= 2
        refuse_squares(mean_cost(joint, joint), exponent)
    d = x.shape[1]
    costs = _COSTS[options.solver](_Pairs(joint[:, :d], joint[:, d:]), options)
    shifts = [sign * s for s in range(1, options.shifts + 1) for sign in (1, -1)]
    raw = [costs.between(0, s) for s in shifts]
    null = [costs.between(s, t) for s, t in itertools.combinations(shifts, 2)]
    deviation = math.ldexp(float(np.std(null, ddof=1)), exponent) if len(null) > 1 else None
    means = [math.fsum(values) / len(values) for values in (raw, null)]
    noted = {
        "raw": math.ldexp(means[0], exponent),
        "null": math.ldexp(means[1], exponent),
        "null_deviation": deviation,
    }
    found = Estimate(math.ldexp(means[0] - means[1], exponent), n=len(x), diagnostics=noted)
    return costs.noting(found, len(raw), exponent)


class _Pairs(NamedTuple):
    """Samples of two variables, of which the second can be shifted against the first."""

    x: Any
    y: Any

    def shifted(self, s: int) -> Any:
        """(n, d) the pairs (x_i, y_{i+s})."""
        return _beside(self.x, self.y[_shift(len(self.x), s)])


class _Exact:
    """The best assignment."""

    def __init__(self, pairs: _Pairs, options: _Options) -> None:
        from scipy.spatial.distance import cdist

        n = len(pairs.x)
        refuse_pairs(n, n, 4)
        kind = "sqeuclidean" if options.metric == "l2" else "euclidean"
        x, y = (on_the_cpu(part) for part in pairs)
        self.of_x, self.of_y = cdist(x, x, kind), cdist(y, y, kind)

    def between(self, s: int, t: int) -> float:
        return assigned_cost(self.of_x + np.roll(self.of_y, (-s, -t), (0, 1)))

    def noting(self, found: Estimate, raw: int, exponent: int) -> Estimate:
        return found


class _Sliced:
    """The mean cost on the lines of many directions."""

    def __init__(self, pairs: _Pairs, options: _Options) -> None:
        self.pairs = pairs
        d = pairs.x.shape[1] + pairs.y.shape[1]
        draw = np.random.default_rng(options.seed)
        self.directions = orthogonal_directions(d, options.slices, draw)

    def between(self, s: int, t: int) -> float:
        first, second = self.pairs.shifted(s), self.pairs.shifted(t)
        return float(ops.of(first).sliced_costs(first, second, self.directions, 2.0).mean())

    def noting(self, found: Estimate, raw: int, exponent: int) -> Estimate:
        return found


class _Sinkhorn:
    """Sinkhorn divergences, whose terms within each set are solved once."""

    def __init__(self, pairs: _Pairs, options: _Options) -> None:
        self.pairs, self.metric = pairs, options.metric
        self.within: dict[int, Transport] = {}
        self.gaps: list[float] = []
        self.worst: Transport | None = None
        if options.metric == "l1":
            n = len(pairs.x)
            refuse_pairs(n, n, 5)
            engine = ops.of(*pairs)
            contiguous = [_beside(part, part[:, :0]) for part in pairs]
            self.of_x, self.of_y = (
                engine.squared_distances(part, part) ** 0.5 for part in contiguous
            )
            self.reg = options.reg * float(self.of_x.mean() + self.of_y.mean())
        else:
            joint = pairs.shifted(0)
            self.reg = options.reg * mean_cost(joint, joint)

    def between(self, s: int, t: int) -> float:
        for u in (s, t):
            if u not in self.within:
                self.within[u] = self._entropic(u, u)
        problems = self._entropic(s, t), self.within[s], self.within[t]
        self.gaps.append(gap(*problems))
        return float(debiased(*(each.lower for each in problems)))

    def noting(self, found: Estimate, raw: int, exponent: int) -> Estimate:
        """With the bound of both means, and a warning where it is not as small as it should be."""
        assert self.worst is not None
        means = [math.fsum(part) / len(part) for part in (self.gaps[:raw], self.gaps[raw:])]
        error = math.ldexp(sum(means), exponent)
        found = replace(found, diagnostics={**found.diagnostics, "error": error})
        return noting_convergence(found, self.worst, error, only_reg=True)

    def _entropic(self, s: int, t: int) -> Transport:
        source: Any = (self.pairs.shifted(s), self.pairs.shifted(t))
        if self.metric == "l1":
            n = len(self.pairs.x)
            source = self.of_x + self.of_y[_shift(n, s)][:, _shift(n, t)]
        found = uniform_transport(source, reg=self.reg)
        if self.worst is None or found.marginal_error > self.worst.marginal_error:
            self.worst = found
        return found


_COSTS: dict[str, Any] = {"sinkhorn": _Sinkhorn, "exact": _Exact, "sliced": _Sliced}


def _shift(n: int, s: int) -> np.ndarray:
    return (np.arange(n) + s) % n


def _beside(x: Any, y: Any) -> Any:
    """The columns of both, in float64."""
    joined = pooled(x.T, y.T).T
    return joined.contiguous() if checks.is_tensor(joined) else np.ascontiguousarray(joined)


def _drawn_order(x: Any, y: Any, seed: int) -> np.ndarray:
    """An order drawn for this set of pairs, which arrive in any order, x and y in either place.

    The same rearrangement of all sorted samples would favour some shifts: sorting tells of the
    pairing, and after it neighbours are alike. So what is drawn follows from the pairs as well as
    from the seed. Of the values only ranks are used, which no unit and no rounding changes.
    """
    ranks = [_ranks(on_the_cpu(part)) for part in (x, y)]
    found = []
    for sides in (ranks, ranks[::-1]):
        rows = np.concatenate(sides, axis=1)
        order = np.lexsort(rows.T)
        found.append((hashlib.sha256(rows[order].tobytes()).digest(), order))
    digest, order = min(found, key=lambda each: each[0])
    draw = np.random.default_rng([seed, int.from_bytes(digest, "little")])
    return order[draw.permutation(len(order))]


def _ranks(x: np.ndarray) -> np.ndarray:
    """Which of its column's distinct values each one is; the bytes are those of any machine."""
    ranks = np.empty(x.shape, dtype="<i8")
    for column, values in zip(ranks.T, x.T, strict=True):
        column[:] = np.unique(values, return_inverse=True)[1]
    return ranks
