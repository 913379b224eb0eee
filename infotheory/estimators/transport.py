"""Wasserstein distances of two samples: exact, and on the lines of many directions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory import checks, ops, truth
from infotheory.estimate import Estimate
from infotheory.ops import ranges
from infotheory.registry import estimator
from infotheory.solvers.sources import weights_of
from infotheory.transport.problems import same_mass
from infotheory.widths import as_double

__all__ = [
    "assigned_cost",
    "in_common_units",
    "orthogonal_directions",
    "sliced_wasserstein_divergence",
    "wasserstein_divergence",
]

#: How many of the directions drawn are starts of a search for the best.
_STARTS = 4
#: Steps of that search at most, and the length of a step at which it ends.
_CLIMB = 200
_SHORTEST = 1e-12
#: Mean powers of distances, the largest being about 1, below which digits leave the range of
#: float64; below which differences lose them; and the power that no plan uses if it can.
_SMALL_COST, _LOST_COST, _DEAR = 1e-200, 1e-12, 1e9
#: Shares of the mass that only rounding of the weights moves.
_ROUNDED_SHARE = 1e-14


@estimator(
    "divergence:wasserstein",
    inputs=("real", "real"),
    source="Peyré & Cuturi (2019), arXiv:1803.00567, chapter 2",
    truth=(
        truth.transported_normals("wasserstein", 0.0, 1.0, 1.0, 4.0),
        truth.transported_normals(
            "wasserstein", [0, 0], [[1, 0.3], [0.3, 1]], [4, 0], [[1, 0.3], [0.3, 1]], n=300
        ),
    ),
    unit="cost",
    estimand="wasserstein",
    paired=False,
)
def wasserstein_divergence(
    x: Any, y: Any, *, order: float = 2.0, a: Any = None, b: Any = None
) -> Estimate:
    r"""Wasserstein distance W_p of two samples, the least cost of moving one to the other.

    .. math:: W_p = \Bigl( \min_{P \ge 0} \sum_{ij} P_{ij} \, |x_i - y_j|^p \Bigr)^{1/p},
        \qquad \sum_j P_{ij} = a_i, \quad \sum_i P_{ij} = b_j

    Parameters
    ----------
    x, y : real arrays, shape (n, d) and (m, d), or (n,) and (m,)
        Samples, not paired.
    order : float
        The power p, at least 1.
    a, b : real arrays, shapes (n,) and (m,), optional
        Weights of the samples, not negative, of equal sums, which are divided by their sum; 1 / n
        and 1 / m without them.

    Returns
    -------
    Estimate
        The distance itself, not its power, in the unit of the data (unit "cost"). Diagnostics:
        ``path``, which is "sorted", "assignment" or "linear_program".

    Raises
    ------
    TypeError, ValueError
        For an order below 1, columns that differ in number, or weights that are negative or whose
        sums differ by more than 1e-6.
    ImportError
        In several dimensions with n unequal to m or with weights, if POT is not installed.
    MemoryError
        In several dimensions, if the costs of all pairs do not fit into memory.

    Notes
    -----
    One column is sorted; in several dimensions equally many samples without weights are assigned
    one to one, and else a linear program is solved on one core of the CPU. Bias: the distance
    between samples is larger than that of their distributions where these are close: two samples of
    one distribution are about n^(-1/d) apart in d > 2 dimensions, which falls hardly at all where d
    is high. See
    :func:`sliced_wasserstein_divergence` and :func:`sinkhorn_divergence`. Cost: O(n log n) for
    one column; else O(n^3) time and O(n m) memory.

    References
    ----------
    Peyré & Cuturi, Found. Trends Mach. Learn. 11 (2019) 355, arXiv:1803.00567, chapter 2.
    """
    order = _at_least_one(order)
    weights = None if a is None and b is None else _shares(a, b, len(x), len(y))
    x, y, exponent = in_common_units(x, y)
    unit = 1.0
    if x.shape[1] == 1:
        if weights is None:
            costs, unit = _costs_on_lines(x, y, np.ones((1, 1)), order)
            total = float(costs[0])
        else:
            places = on_the_cpu(x)[:, 0], on_the_cpu(y)[:, 0]
            total, unit = _powers_of(*_merged(*places, *weights), order)
        path = "sorted"
    elif weights is None and len(x) == len(y):
        total, unit = _assigned_power(_squares(x, y, 2), order)
        path = "assignment"
    else:
        total, unit = _programmed_power(_squares(x, y, 4), order, weights)
        path = "linear_program"
    value = math.ldexp(unit * total ** (1 / order), exponent)
    kept = dict(zip("ab", map(_read_only, (a, b), weights or (None, None)), strict=True))
    return Estimate(value, params={"order": order, **kept}, diagnostics={"path": path})


@estimator(
    "divergence:sliced_wasserstein",
    inputs=("real", "real"),
    source="Bonneel et al. (2015), doi:10.1007/s10851-014-0506-3",
    truth=(
        truth.transported_normals("sliced_wasserstein", 0.0, 1.0, 1.0, 4.0),
        truth.transported_normals(
            "sliced_wasserstein", [0, 0], [[1, 0], [0, 1]], [1, -1], [[4, 0], [0, 4]]
        ),
        truth.transported_normals(
            "max_sliced_wasserstein", [0, 0], [[1, 0.3], [0.3, 1]], [4, 0], [[1, 0.3], [0.3, 1]]
        ),
    ),
    unit="cost",
    estimand="sliced_wasserstein",
    paired=False,
)
def sliced_wasserstein_divergence(
    x: Any,
    y: Any,
    *,
    order: float = 2.0,
    slices: int = 200,
    maximum: bool = False,
    rng: int | np.random.Generator = 0,
) -> Estimate:
    r"""Sliced Wasserstein distance: that of projections on a line, over many directions.

    .. math:: SW_p = \Bigl( \frac1L \sum_{l=1}^L W_p^p(\theta_l \cdot x, \theta_l \cdot y)
        \Bigr)^{1/p}

    and, as ``maximum``, the largest W_p of any direction.

    Parameters
    ----------
    x, y : real arrays, shape (n, d) and (m, d), or (n,) and (m,)
        Samples, not paired.
    order : float
        The power p, at least 1.
    slices : int
        How many directions are drawn, at random in sets that are orthogonal; of one column there
        is only one.
    maximum : bool
        Whether to look for the best direction instead of the mean, from the best of those drawn.
    rng : int or numpy.random.Generator
        Where the directions come from.

    Returns
    -------
    Estimate
        The distance itself, not its power, in the unit of the data (unit "cost"). Diagnostics:
        ``slice_error``, one standard error of it for the choice of directions (None if there
        are too few to tell); of a maximum ``direction`` instead.

    Raises
    ------
    TypeError, ValueError
        For an order below 1, no slices, or columns that differ in number.

    Notes
    -----
    It is smaller than W_p, about sqrt(d) times for a mere shift, and a distance as well. Bias:
    as on a line, upwards by the order of n^(-1/2) at most, whatever the dimension; a maximum is
    biased more, and the search may end below the best. Cost: O(L n (d + log n)) time and
    O((n + m) d) memory.

    References
    ----------
    Bonneel et al., J. Math. Imaging Vis. 51 (2015) 22, doi:10.1007/s10851-014-0506-3; orthogonal
    directions: Rowland et al. (2019), arXiv:1903.03784; the largest: Deshpande et al. (2019),
    arXiv:1904.05877.
    """
    order = _at_least_one(order)
    slices = checks.integer(slices, "slices", low=1)
    checks.flag(maximum, "maximum")
    directions = orthogonal_directions(x.shape[1], slices, checks.generator(rng))
    x, y, exponent = in_common_units(x, y)
    engine = ops.of(x, y)
    costs, unit = _costs_on_lines(x, y, directions, order)
    noted: dict[str, Any]
    if maximum:
        starts = directions[np.argsort(-costs, kind="stable")[:_STARTS]]
        points = x / unit, y / unit
        climbed = [_climb(engine, *points, start, order) for start in starts]
        total, direction = max(climbed, key=lambda found: found[0])
        noted = {"direction": [float(part) for part in direction]}
    else:
        total = float(costs.mean())
        error = _error_of_mean(costs, x.shape[1])
        if error is not None:
            # the derivative of the root
            error *= total ** (1 / order - 1) / order if total > 0 else 0.0
            error = math.ldexp(unit * error, exponent)
        noted = {"slice_error": error}
    value = math.ldexp(unit * total ** (1 / order), exponent)
    return Estimate(value, params={"order": order}, diagnostics=noted)


def in_common_units(x: Any, y: Any) -> tuple[Any, Any, int]:
    """Both in float64, moved and divided by one power of two, so that no cost overflows.

    The exponent of that power comes third. Where all samples coincide it is 0.
    """
    x, y, first = _shrunk(as_double(x), as_double(y))
    origin = x[:1]
    x, y, second = _shrunk(x - origin, y - origin)
    return x, y, first + second


def orthogonal_directions(d: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, d) unit vectors, each of uniform direction, orthogonal in groups of d."""
    if d == 1:
        return np.ones((1, 1))
    frames = []
    for start in range(0, count, d):
        frame, signs = np.linalg.qr(rng.standard_normal((d, min(d, count - start))))
        frames.append((frame * np.sign(np.diagonal(signs))).T)
    return np.concatenate(frames)


def assigned_cost(costs: np.ndarray) -> float:
    """The least mean cost of pairing rows and columns one by one."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs)
    return math.fsum(costs[rows, columns]) / len(costs)


def on_the_cpu(x: Any) -> np.ndarray:
    """A numpy array of what may be a tensor."""
    return x.cpu().numpy() if checks.is_tensor(x) else np.asarray(x)


def refuse_pairs(n: int, m: int, matrices: int = 1) -> None:
    """A MemoryError where the costs of all pairs take more than nearly all memory."""
    needed, free = 8 * n * m * matrices, ranges.free_memory()
    if needed > 0.9 * free:
        raise MemoryError(
            f"the costs of {n} x {m} pairs take {needed / 1e9:.3g} GB, and {free / 1e9:.3g} GB are "
            f"free. Methods that need no such matrix: 'sliced_wasserstein' and 'sinkhorn'."
        )


def _shares(a: Any, b: Any, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Both weights, checked, as parts of their sum."""
    a, b = weights_of(a, n, "a"), weights_of(b, m, "b")
    b = same_mass(a, b)
    return a / a.sum(), b / b.sum()


def _read_only(given: Any, weights: np.ndarray | None) -> np.ndarray | None:
    """The weights for the record, None where none were given."""
    if given is None or weights is None:
        return None
    weights.flags.writeable = False
    return weights


def _costs_on_lines(
    x: Any, y: Any, directions: np.ndarray, order: float
) -> tuple[np.ndarray, float]:
    """W_p^p along each direction, of points in a unit, which comes second: usually 1."""
    engine = ops.of(x, y)
    costs = engine.sliced_costs(x, y, directions, order)
    if costs.max() >= _SMALL_COST:
        return costs, 1.0
    first, second = on_the_cpu(x), on_the_cpu(y)
    even = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    largest = 0.0
    for along in directions:
        shares, gaps = _merged(first @ along, second @ along, *even)
        largest = max(largest, float(gaps[shares > _ROUNDED_SHARE].max()))
    if largest == 0:
        return costs, 1.0
    unit = largest * _SMALL_COST ** (-0.25 / order)  # room for what a search still finds
    return engine.sliced_costs(x / unit, y / unit, directions, order), unit


def _powers_of(shares: np.ndarray, gaps: np.ndarray, order: float) -> tuple[float, float]:
    """The mean of gaps to a power, in a unit, which comes second: usually 1."""
    total = float((shares * gaps**order).sum())
    moved = shares > _ROUNDED_SHARE
    largest = float(gaps[moved].max())
    if total >= _SMALL_COST or largest == 0:
        return total, 1.0
    return float(shares[moved] @ (gaps[moved] / largest) ** order), largest


def _merged(
    x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the mass, and gaps of quantiles over which they move, by merging both on a line."""
    sides = []
    for points, weights in ((x, a), (y, b)):
        kept = np.flatnonzero(weights)
        places = kept[np.argsort(points[kept], kind="stable")]
        sides.append((points[places], np.cumsum(weights[places])))
    (x, up_to_x), (y, up_to_y) = sides
    up_to_x[-1] = up_to_y[-1] = 1.0
    ends = np.sort(np.minimum(np.concatenate([up_to_x, up_to_y]), 1.0))
    starts = np.concatenate([[0.0], ends[:-1]])
    rows, columns = (
        np.minimum(np.searchsorted(up_to, starts, side="right"), len(up_to) - 1)
        for up_to in (up_to_x, up_to_y)
    )
    return ends - starts, np.abs(x[rows] - y[columns])


def _squares(x: Any, y: Any, matrices: int) -> np.ndarray:
    """(n, m) squared distances."""
    from scipy.spatial.distance import cdist

    refuse_pairs(len(x), len(y), matrices)
    squares: np.ndarray = cdist(on_the_cpu(x), on_the_cpu(y), "sqeuclidean")
    return squares


def _assigned_power(squares: np.ndarray, order: float) -> tuple[float, float]:
    """The least mean of distances to a power, one by one, in a unit, which comes second.

    Where all that are paired vanish beside the largest distance, or nearly so, it is done again
    in units of the largest that is paired, without pairs that alone cost more than all of these.
    """
    from scipy.optimize import linear_sum_assignment

    costs = squares if order == 2 else squares ** (order / 2)
    paired = linear_sum_assignment(costs)
    total, unit = math.fsum(costs[paired]) / len(squares), 1.0
    if total >= _LOST_COST:
        return total, unit
    least = math.inf
    while (largest := float(squares[paired].max())) > 0:
        costs = _in_unit(squares, largest, order)
        sum_of_it = math.fsum(costs[paired])
        total, unit = sum_of_it / len(squares), math.sqrt(largest)
        distance = unit * total ** (1 / order)
        if not distance < least * (1 - 1e-14):
            break
        least = distance
        costs[costs > 2 * sum_of_it] = math.inf
        paired = linear_sum_assignment(costs)
    return total, unit


def _programmed_power(
    squares: np.ndarray, order: float, weights: tuple[np.ndarray, np.ndarray] | None
) -> tuple[float, float]:
    """The same for weights or unequal numbers."""
    costs = squares if order == 2 else squares ** (order / 2)
    (total, plan), unit = _programmed_cost(costs, weights), 1.0
    if total >= _LOST_COST:
        return total, unit
    least = math.inf
    while (largest := float(squares[moved := plan > _ROUNDED_SHARE].max())) > 0:
        costs = _in_unit(squares, largest, order)
        again = float(plan[moved] @ costs[moved])
        distance = math.sqrt(largest) * again ** (1 / order)
        if not distance < least * (1 - 1e-14):
            break
        total, unit, least = again, math.sqrt(largest), distance
        # Nothing is forbidden here, but what is as dear as that is not used.
        plan = _programmed_cost(np.minimum(costs, _DEAR), weights)[1]
    return total, unit


def _in_unit(squares: np.ndarray, unit: float, order: float) -> np.ndarray:
    with np.errstate(over="ignore"):  # infinitely dear beside those that are paired
        powers: np.ndarray = (squares / unit) ** (order / 2)
    return powers


def _programmed_cost(
    costs: np.ndarray, weights: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[float, np.ndarray]:
    """The least cost, and the plan that has it."""
    try:
        import ot
    except ImportError:
        raise ImportError(
            f"samples of unequal number, {costs.shape[0]} and {costs.shape[1]}, or with weights, "
            f"in several dimensions need POT for their exact distance, pip install "
            f"'infotheory-torch[transport]'; without it, equally many samples without weights, or "
            f"method='sliced_wasserstein' or 'sinkhorn'."
        ) from None
    n, m = costs.shape
    a, b = weights or (np.full(n, 1 / n), np.full(m, 1 / m))
    plan, log = ot.emd(a, b, costs, numItermax=10**9, log=True)
    if log.get("warning"):
        raise ValueError(f"the linear program of {n} x {m} costs was not solved: {log['warning']}")
    return float(log["cost"]), plan


def _climb(
    engine: ops.Engine, x: Any, y: Any, direction: np.ndarray, order: float
) -> tuple[float, np.ndarray]:
    """The largest cost that steps along the gradient, on the sphere, find from a direction."""
    value, pull = engine.slice_slope(x, y, direction, order)
    step = 1.0
    for _ in range(_CLIMB):
        along = pull - (pull @ direction) * direction
        length = float(np.linalg.norm(pull))
        if length == 0 or step < _SHORTEST:
            break
        further = direction + step * along / length
        further /= np.linalg.norm(further)
        found, its_pull = engine.slice_slope(x, y, further, order)
        if value < found < math.inf:
            direction, value, pull, step = further, found, its_pull, 2 * step
        else:
            step /= 4
    return value, direction


def _error_of_mean(costs: np.ndarray, d: int) -> float | None:
    """One standard error of the mean of costs, of directions orthogonal in groups of d."""
    if d == 1:
        return 0.0
    groups = len(costs) // d
    if groups < 2:
        return None
    means = costs[: groups * d].reshape(groups, d).mean(axis=1)
    return float(means.std(ddof=1)) / math.sqrt(len(costs) / d)


def _at_least_one(order: Any) -> float:
    return checks.number(order, "order", low=1.0)


def _shrunk(x: Any, y: Any) -> tuple[Any, Any, int]:
    """Both divided by the power of two above their largest entry, which changes no digit."""
    largest = max(abs(end) for part in (x, y) for end in ops.of(part).value_range(part))
    exponent = math.frexp(largest)[1]
    return ranges.scaled(x, -exponent), ranges.scaled(y, -exponent), exponent
