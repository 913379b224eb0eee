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
from infotheory.transport.powers import (
    ROUNDED_SHARE,
    SMALL_COST,
    assigned_power,
    merged,
    powers_of,
    programmed_power,
)
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
            total, unit = powers_of(*merged(*places, *weights), order)
        path = "sorted"
    elif weights is None and len(x) == len(y):
        total, unit = assigned_power(_squares(x, y, 2), order)
        path = "assignment"
    else:
        total, unit = programmed_power(_squares(x, y, 4), order, weights)
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
    if costs.max() >= SMALL_COST:
        return costs, 1.0
    first, second = on_the_cpu(x), on_the_cpu(y)
    even = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    largest = 0.0
    for along in directions:
        shares, gaps = merged(first @ along, second @ along, *even)
        largest = max(largest, float(gaps[shares > ROUNDED_SHARE].max()))
    if largest == 0:
        return costs, 1.0
    unit = largest * SMALL_COST ** (-0.25 / order)  # room for what a search still finds
    return engine.sliced_costs(x / unit, y / unit, directions, order), unit


def _squares(x: Any, y: Any, matrices: int) -> np.ndarray:
    """(n, m) squared distances."""
    from scipy.spatial.distance import cdist

    refuse_pairs(len(x), len(y), matrices)
    squares: np.ndarray = cdist(on_the_cpu(x), on_the_cpu(y), "sqeuclidean")
    return squares


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
