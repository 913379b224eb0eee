"""Entropy from distances to nearest neighbours, and what all neighbour methods share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

from infotheory import checks, ops, truth
from infotheory.digits import lost_digits
from infotheory.estimate import AT_CEILING, Estimate
from infotheory.grids import on_grid
from infotheory.registry import estimator

__all__ = [
    "against_ceiling",
    "check_neighbours",
    "doubts",
    "is_constant",
    "knn_entropy",
    "rescaled",
    "rescaled_by_name",
    "tied",
    "too_few",
    "vanished",
]

METRICS = ("chebyshev", "euclidean")
SCALES = ("standardise", "rank", None)

#: Rounding to float32 alone gives large samples a few ties; a hundredth is no accident.
_MANY_TIES = 0.01
#: Weights of both signs enlarge what chance does to the value.
_LARGE_WEIGHTS = 50.0
#: So many samples show that a column is on no grid.
_GLANCE = 48
#: Half of the samples within so many deviations is no tail, but values that are far off.
_CROWDED = 1e-6
#: Squares of distances below this share of the largest value lose digits.
_NO_SQUARE = 2.0**-995


@estimator(
    "entropy:knn",
    inputs=("real",),
    source="Kozachenko & Leonenko (1987); Kraskov et al. (2004), arXiv:cond-mat/0305641, eq. 20",
    truth=(truth.normal(1), truth.normal(2, deviation=3.0)),
)
def knn_entropy(
    x: Any,
    *,
    k: int = 3,
    metric: str = "chebyshev",
    scale: str | None = None,
    weighted: bool = False,
    pointwise: bool = False,
) -> Estimate:
    r"""Differential entropy from the distance to the k-th neighbour (Kozachenko-Leonenko).

    .. math:: \hat h = \psi(n) - \psi(k) + \ln c_d + \frac{d}{n} \sum_i \ln r_i

    where r_i is the distance from sample i to its k-th nearest other sample and c_d the volume
    of the unit ball. The weighted form is an average over several ranks j instead of k alone,

    .. math:: \hat h = \psi(n) + \ln c_d + \frac1n \sum_i \sum_{j \le k} w_j
        \left(d \ln r_{ij} - \psi(j)\right), \quad \sum_j w_j = 1, \quad
        \sum_j w_j \frac{\Gamma(j + 2l/d)}{\Gamma(j)} = 0, \; l = 1, \ldots, \lfloor d/4 \rfloor

    with the weights of least norm on the ranks floor(k/d), floor(2k/d), ..., k.

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        Samples.
    k : int
        Which neighbour; a larger k has less variance and more bias.
    metric : {"chebyshev", "euclidean"}
        The norm that makes the ball.
    scale : {None, "standardise", "rank"}
        None leaves x alone. Otherwise the entropy is that of the rescaled variable.
    weighted : bool
        The weighted form, whose leading terms of the bias cancel. In fewer than 4 dimensions
        there are none to cancel, and it is the plain form; in more, k has to grow with d.
    pointwise : bool
        Adds the term of each sample as ``diagnostics["pointwise"]``.

    Returns
    -------
    Estimate
        In nats; may be negative, and is minus infinity if x is constant. Diagnostics: ``ties``
        (the fraction of samples that have an exact duplicate), ``path`` (the algorithm taken).

    Raises
    ------
    ValueError
        If k >= n, for an unknown metric or scale, or if k has too few ranks to be weighted.

    Notes
    -----
    Bias: small for smooth densities in few dimensions; upwards where the density has edges, and
    growing with d. Samples with k duplicates have distance 0, which makes the value minus
    infinity: the variable then has an atom, and no density. Standard error: that of a mean of
    independent terms, which those of neighbours are not: the true spread is up to a fourth larger
    in one dimension, and up to 1.6 times as large in five normal or uniform ones.
    Cost: O(n log n) in few dimensions, O(n^2 d) in many; O(n d) memory.

    References
    ----------
    Kozachenko & Leonenko, Problems of Information Transmission 23 (1987) 95;
    Kraskov, Stögbauer, Grassberger, Phys. Rev. E 69 (2004) 066138, doi:10.1103/PhysRevE.69.066138,
    eq. 20; Berrett, Samworth, Yuan, Annals of Statistics 47 (2019) 288, doi:10.1214/18-AOS1688,
    eq. 2 (with ln(n - 1) for psi(n), which differs by less than 1 / n).
    """
    n, d = x.shape
    check_neighbours(n, k, metric, scale)
    weights = _weights(k, d) if checks.flag(weighted, "weighted") else np.eye(k)[-1]
    checks.flag(pointwise, "pointwise")
    lost = lost_digits({"x": x})
    (x,), swallowed = rescaled_by_name({"x": x}, scale)
    lost += vanished([x], k, metric)
    used = np.flatnonzero(weights)
    found = ops.of(x).neighbours([x], k, metric, counts=False, every=len(used) > 1)
    radii = found.radius[:, used] if len(used) > 1 else found.radius[:, None]
    # Coincident samples are an atom, whatever sign its weight has.
    atom = (radii == 0).any(axis=1)
    logs = np.log(np.where(atom[:, None], 1.0, radii))
    ln_ball = d * math.log(2.0) if metric == "chebyshev" else _ln_euclidean_ball(d)
    local = digamma(n) + ln_ball + (d * logs - digamma(used + 1.0)) @ weights[used]
    local = np.where(atom, -math.inf, local)
    noted = {"path": found.path} | doubts({"x": x}, lost, swallowed)
    estimate = Estimate.average(local, pointwise=pointwise, diagnostics=noted)
    if (size := float(np.abs(weights).sum())) < _LARGE_WEIGHTS:
        return estimate
    return estimate.noting(
        f"the weights of k={k} ranks in {d} dimensions add up to {size:.3g} in size, and chance "
        f"with them; take a larger k, or weighted=False."
    )


def check_neighbours(n: int, k: int, metric: str, scale: str | None) -> None:
    """Errors that name k, metric or scale."""
    checks.integer(k, "k", low=1)
    if k >= n:
        raise ValueError(f"x has n={n} samples; k={k} needs at least {k + 1}.")
    checks.choice(metric, "metric", METRICS)
    checks.choice(scale, "scale", SCALES)


def rescaled(parts: Sequence[Any], scale: str | None) -> list[Any]:
    """Each column of each part standardised, turned into ranks, or left alone."""
    return rescaled_by_name({str(place): part for place, part in enumerate(parts)}, scale)[0]


def rescaled_by_name(
    named: Mapping[str, Any], scale: str | None
) -> tuple[list[Any], dict[str, str]]:
    """The rescaled variables, and a warning for each that standardising left without digits."""
    parts = list(named.values())
    if scale is None:
        return parts, {}
    if scale == "rank":
        engine = ops.of(*parts)
        return [engine.rank(part) for part in parts], {}
    swallowed: dict[str, str] = {}
    return [_standardised(part, name, swallowed) for name, part in named.items()], swallowed


def _standardised(x: Any, name: str, swallowed: dict[str, str]) -> Any:
    """Each column with deviation 1; where far values swallow the rest, that is said.

    On a grid, equal distances stay equal to the bit. Rounding would else break the ties of whole
    numbers, one way or the other with the order of the rows.
    """
    engine = ops.of(x)
    remembered, logs = engine.standardise(x)
    standard = remembered
    stride = max(len(x) // _GLANCE, 1)
    for place in range(x.shape[1]):
        column = x[:, place : place + 1]
        some = engine.unique_values(column[::stride]).astype(np.float64, copy=False)
        if (found := on_grid(column, some)) is not None:
            if standard is remembered:
                standard = remembered * 1.0  # others may have theirs from memory
            scaled = found[0] * found[1]
            given = type(scaled) is type(standard)
            standard[:, place : place + 1] = scaled if given else standard.new_tensor(scaled)
            continue
        deviation = math.exp(min(logs[place], 700.0))
        if (width := _width_of_half(some)) < _CROWDED * deviation:
            swallowed[name] = (
                f"{name} has values so far from the rest that standardising puts half of them "
                f"within {width / deviation:.1g} deviations, where digits are lost or neighbours "
                f"hardly see them; drop those values, or use scale='rank'."
            )
    return standard


def _width_of_half(some: np.ndarray) -> float:
    """About the shortest range that holds half of some levels, which are in order."""
    first, middle, last = some[0], some[len(some) // 2], some[-1]
    quarter = len(some) // 4
    return min(middle - first, last - middle, some[-1 - quarter] - some[quarter])


def is_constant(x: Any) -> bool:
    """Whether all samples are the same point."""
    return bool((x == x[:1]).all())


def doubts(
    parts: Mapping[str, Any],
    lost: Sequence[str] = (),
    swallowed: Mapping[str, str] | None = None,
    *,
    dimensions: bool = True,
) -> dict[str, Any]:
    """The fraction of ties, and what has to be said about data taken for continuous.

    `lost` are the warnings of `lost_digits`, which sees the data as they came, and `swallowed`
    those of `rescaled_by_name`, by variable, whose ties are not those of the data. Without
    `dimensions` their number is not judged.
    """
    swallowed = swallowed or {}
    ties = {name: tied(x) for name, x in parts.items()}
    said = [
        f"{share:.0%} of the samples of {name} have an exact duplicate, but the method takes "
        f"{name} for continuous; for discrete or rounded data use method='mixed' or 'plugin'."
        for name, share in ties.items()
        if share > _MANY_TIES and name not in swallowed
    ]
    said += [*lost, *swallowed.values(), *(too_few(parts) if dimensions else ())]
    return {"ties": max(ties.values())} | ({"warnings": tuple(said)} if said else {})


def vanished(parts: Sequence[Any], k: int, metric: str) -> list[str]:
    """A warning where Euclidean distances are so far below the largest value that squares vanish.

    Differences of values that are not so small, as good as all, are not either.
    """
    if metric != "euclidean" or max(part.shape[1] for part in parts) == 1:
        return []
    sizes = [abs(part[part != 0]) for part in parts if not bool((part == 0).all())]
    largest = max((float(size.max()) for size in sizes), default=0.0)
    if min((float(size.min()) for size in sizes), default=1.0) > largest * _NO_SQUARE * 2.0**53:
        return []
    nearest = ops.of(*parts).neighbours(parts, k, "chebyshev", counts=False).radius
    if not (0 < nearest[nearest > 0].min(initial=math.inf) < largest * _NO_SQUARE):
        return []
    return [
        "metric='euclidean' squares distances, and beside values as large as "
        f"{largest:.1g} the squares of some are too small for digits; drop those values, or take "
        f"metric='chebyshev' or scale='rank'."
    ]


def against_ceiling(
    value: float, ceiling: float, rounding: float, parts: Sequence[Any], cure: str
) -> dict[str, Any]:
    """The ceiling of neighbour counts without ties, whether the value is there, and what it means.

    Rounding takes up to `rounding` from the value of a function. Ties lift values over the
    ceiling, even of independent variables: `cure` says what to do about them.
    """
    if ceiling <= 1e-9:  # zero but for rounding
        said = "with so many neighbours among so few samples no value but 0 can be; lower k."
        return {"ceiling": 0.0, "saturated": False, "warnings": (said,)}
    noted = {"ceiling": ceiling, "saturated": False}
    if value < min(AT_CEILING * ceiling, ceiling - min(rounding, ceiling / 4) - 1e-9):
        return noted
    columns = [ops.of(part).row_codes(part) for part in parts]
    duplicates = tied(np.stack(columns, axis=1))
    if duplicates > _MANY_TIES or value > ceiling + 1e-9:
        beyond = "beyond" if value > ceiling else "at"
        if duplicates:
            cause = f"duplicates ({duplicates:.0%} of the samples)"
        else:
            cause, cure = "equal distances", "choose another k"
        return noted | {
            "warnings": (
                f"the value is {beyond} the ceiling of {ceiling:.3g} nats because of ties: "
                f"{cause} leave fewer neighbours to count than k, so the value is no evidence of "
                f"dependence; {cure}.",
            )
        }
    return noted | {
        "saturated": True,
        "warnings": (
            f"the value is at its ceiling of {ceiling:.3g} nats: the true one is at least about "
            f"that, and infinite if one variable is a function of the others.",
        ),
    }


def too_few(parts: Mapping[str, Any]) -> list[str]:
    """A warning if the samples cannot fill their dimensions."""
    n = len(next(iter(parts.values())))
    d = sum(x.shape[1] for x in parts.values())
    if d <= math.log2(n):
        return []
    return [
        f"{n} samples are few for {d} dimensions (fewer than one for each orthant), so the "
        f"value can be far off; reduce the dimension first."
    ]


def tied(x: Any) -> float:
    """The fraction of samples that have an exact duplicate."""
    engine = ops.of(x)
    counts = engine.bincount(engine.row_codes(x))
    if len(counts) == len(x):
        return 0.0
    return float(counts[counts > 1].sum() / counts.sum())


def _ln_euclidean_ball(d: int) -> float:
    """Ln of the volume of the unit ball, pi^(d/2) / Gamma(1 + d/2)."""
    return d / 2 * math.log(math.pi) - float(gammaln(1 + d / 2))


def _weights(k: int, d: int) -> np.ndarray:
    """(k,) weights of the ranks 1..k, of least norm among those that cancel the leading bias."""
    if d < 4:
        return np.eye(k)[-1]
    ranks = np.unique(np.arange(1, d + 1) * k // d)
    ranks = ranks[ranks > 0]
    powers = np.arange(d // 4 + 1)[:, None]
    # The first row, of ones, is the sum of the weights; rows are divided by their largest entry.
    logs = gammaln(ranks + 2 * powers / d) - gammaln(ranks)
    rows = np.exp(logs - logs.max(axis=1, keepdims=True))
    wanted = np.zeros(len(rows))
    wanted[0] = 1.0
    solved, _, rank, _ = np.linalg.lstsq(rows, wanted, rcond=None)
    if rank < len(rows):
        raise ValueError(
            f"k={k} has too few ranks to cancel {d // 4} terms of the bias in {d} dimensions; "
            f"weighted=True needs k of about {d} or more."
        )
    weights = np.zeros(k)
    weights[ranks - 1] = solved
    return weights
