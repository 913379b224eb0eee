"""Entropy of discrete variables from how often each outcome occurs, and what its kin stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.special import digamma

from infotheory import checks, ops, truth
from infotheory.estimate import AT_CEILING, Estimate
from infotheory.registry import estimator

__all__ = [
    "Fingerprint",
    "Table",
    "entropy_of",
    "fingerprint",
    "grassberger_entropy",
    "jackknife_entropy",
    "miller_madow_entropy",
    "plugin_entropy",
    "tabulate",
    "tabulate_codes",
]

_DIE = truth.die(0.5, 0.25, 0.125, 0.125)


class Fingerprint(NamedTuple):
    """How many outcomes occurred how often: all that the formulas need to know of counts.

    Sums over it do not depend on the order of symbols or samples, not even in the last bit.
    """

    sizes: np.ndarray
    """(f,) the different counts k > 0, sorted."""
    times: np.ndarray
    """(f,) how many outcomes occurred k times."""

    @property
    def n(self) -> int:
        """The number of samples."""
        return int((self.sizes * self.times).sum())

    @property
    def outcomes(self) -> int:
        """The number of distinct outcomes seen."""
        return int(self.times.sum())


Formula = Callable[..., float]
Error = Callable[..., float | None]


def fingerprint(counts: np.ndarray) -> Fingerprint:
    """The fingerprint of the counts of all outcomes."""
    return Fingerprint(*np.unique(counts, return_counts=True))


@dataclass(frozen=True)
class Table:
    """The distinct rows of some discrete variables, and how often each occurs."""

    counts: np.ndarray
    """(m,) how often each row occurs."""
    columns: tuple[np.ndarray, ...]
    """For each variable (m,) its outcome in each row, as a number from 0."""
    samples: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    """(n,) the row of each sample, where they are known."""

    @property
    def n(self) -> int:
        """The number of samples."""
        return int(self.counts.sum())

    def part(self, *places: int) -> tuple[np.ndarray, np.ndarray]:
        """Counts of the joint outcomes of some of the variables, and their code in each row."""
        if len(places) == len(self.columns):
            return self.counts, np.arange(len(self.counts))
        codes = self.columns[places[0]]
        if len(places) > 1:
            rows = np.stack([self.columns[place] for place in places], axis=1)
            codes = ops.of(rows).row_codes(rows)
        return np.bincount(codes, weights=self.counts).astype(np.int64), codes


def tabulate(*variables: Any) -> Table:
    """The table of paired variables, each labels (n,) or rows of labels (n, d)."""
    engine = ops.of(*variables)
    return tabulate_codes(*(engine.row_codes(x) for x in variables))


def tabulate_codes(*columns: np.ndarray) -> Table:
    """The table of paired columns of codes 0..m-1."""
    engine = ops.of(*columns)
    if len(columns) == 1:
        counts = engine.bincount(columns[0])
        return Table(counts, (np.arange(len(counts)),), columns[0])
    samples = engine.row_codes(np.stack(columns, axis=1))
    counts = engine.bincount(samples)
    first = np.empty(len(counts), dtype=np.intp)
    first[samples[::-1]] = np.arange(len(samples))[::-1]
    return Table(counts, tuple(column[first] for column in columns), samples)


def plugin(counted: Fingerprint) -> float:
    """Entropy of the observed frequencies."""
    p = counted.sizes / counted.n
    return 0.0 - float((counted.times * p * np.log(p)).sum())


def miller_madow(counted: Fingerprint) -> float:
    """The plug-in entropy plus its bias of first order, (m - 1) / 2n."""
    return plugin(counted) + (counted.outcomes - 1) / (2 * counted.n)


def grassberger(counted: Fingerprint) -> float:
    """psi(n) - (1/n) sum n_i G(n_i), which removes the bias up to terms that fall exponentially."""
    k, times = counted
    alternating = np.where(k % 2, -0.5, 0.5)
    g = digamma(k) + alternating * (digamma((k + 1) / 2) - digamma(k / 2))
    return float(digamma(counted.n) - (times * k * g).sum() / counted.n)


def jackknife(counted: Fingerprint) -> float:
    """J(n) - (1/n) sum n_i J(n_i), what n H - (n-1) mean H_(-i) comes to without cancellation."""
    k, times = counted
    return float(_step(np.array(counted.n)) - (times * (k / counted.n) * _step(k)).sum())


def jackknife_error(counted: Fingerprint) -> float | None:
    """Root of (n-1)/n times the sum of squared deviations of the entropies without one sample."""
    if counted.n == 1:
        return None
    p = counted.times * counted.sizes / counted.n
    step = _step(counted.sizes)
    return float((p * (step - (p * step).sum()) ** 2).sum() / (counted.n - 1)) ** 0.5


def delta_method(counted: Fingerprint, **_: Any) -> float:
    """Standard error of the mean of the surprises -ln p, which serves all corrections alike."""
    p = counted.sizes / counted.n
    surprise = -np.log(p)
    variance = (counted.times * p * (surprise - plugin(counted)) ** 2).sum()
    return float(variance / counted.n) ** 0.5


def _step(k: np.ndarray) -> np.ndarray:
    """J(k) = k ln k - (k-1) ln(k-1), with J(1) = 0."""
    more = np.maximum(k, 2)
    return np.where(k == 1, 0.0, np.log(more) - (more - 1) * np.log1p(-1 / more))


def entropy_of(
    table: Table,
    formula: Formula = plugin,
    error: Error = delta_method,
    *,
    pointwise: bool = False,
    **options: Any,
) -> Estimate:
    """Entropy of the rows of a table, with the diagnostics every discrete entropy carries."""
    counted, n = fingerprint(table.counts), table.n
    diagnostics = {"outcomes": counted.outcomes} | crowding(n, {"x": counted})
    if formula is plugin:
        diagnostics["ceiling"] = float(np.log(n))
    if checks.flag(pointwise, "pointwise"):
        diagnostics["pointwise"] = at_samples(-np.log(table.counts / n), table)
    return Estimate(
        formula(counted, **options),
        stderr=error(counted, **options),
        n=n,
        diagnostics=diagnostics,
    )


def at_samples(local: np.ndarray, table: Table) -> np.ndarray:
    """The term of each sample, read-only, from the terms of the rows of a table."""
    terms = local[table.samples]
    terms.flags.writeable = False
    return terms


def crowding(n: int, variables: Mapping[str, Fingerprint]) -> dict[str, Any]:
    """Whether the entropy of a variable is at ln n, and then a warning that names it."""
    crowded = [
        (name, counted.outcomes)
        for name, counted in variables.items()
        if n > 1 and plugin(counted) >= AT_CEILING * np.log(n)
    ]
    if not crowded:
        return {"saturated": False}
    name, outcomes = crowded[0]
    message = (
        f"{name} has {outcomes} outcomes in {n} samples, so its entropy is at the ceiling "
        f"ln n and says more about n than about {name}; take more samples or coarser symbols."
    )
    return {"saturated": True, "warnings": (message,)}


@estimator(
    "entropy:plugin",
    inputs=("codes",),
    source="Shannon (1948), doi:10.1002/j.1538-7305.1948.tb01338.x",
    truth=(_DIE,),
)
def plugin_entropy(x: Any, *, pointwise: bool = False) -> Estimate:
    r"""Shannon entropy of the observed frequencies (maximum likelihood).

    .. math:: \hat H = -\sum_i \frac{n_i}{n} \ln \frac{n_i}{n}

    Parameters
    ----------
    x : integers or strings, shape (n,) or (n, d)
        One outcome per sample; of two dimensions each distinct row is an outcome.
    pointwise : bool
        Keep the surprise of every sample, -ln of its outcome's frequency, in the diagnostics.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (m, the distinct outcomes seen), ``ceiling`` (ln n),
        ``saturated``; ``pointwise`` if asked for.

    Raises
    ------
    TypeError, ValueError
        If x does not hold labels: real numbers with fractions, NaN, an empty array; if pointwise
        is no flag.

    Notes
    -----
    Bias: about -(m - 1) / 2n, always downwards. Standard error: delta method; too small near
    the uniform distribution. Cost: O(n d) time and memory.

    References
    ----------
    Shannon, Bell System Technical Journal 27 (1948), doi:10.1002/j.1538-7305.1948.tb01338.x;
    Paninski, Neural Computation 15 (2003), doi:10.1162/089976603321780272, eq. 3.
    """
    return entropy_of(tabulate(x), pointwise=pointwise)


@estimator(
    "entropy:miller_madow",
    inputs=("codes",),
    source="Paninski (2003), doi:10.1162/089976603321780272",
    truth=(_DIE,),
)
def miller_madow_entropy(x: Any) -> Estimate:
    r"""Shannon entropy, the first-order bias of the plug-in value added back.

    .. math:: \hat H = -\sum_i \frac{n_i}{n} \ln \frac{n_i}{n} + \frac{m - 1}{2 n}

    Parameters
    ----------
    x : integers or strings, shape (n,) or (n, d)
        One outcome per sample; of two dimensions each distinct row is an outcome.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (m, the distinct outcomes seen), ``saturated``.

    Raises
    ------
    TypeError, ValueError
        If x does not hold labels: real numbers with fractions, NaN, an empty array.

    Notes
    -----
    Bias: O(1/n^2) once every outcome has been seen, downwards before that. The value can
    exceed ln n. Standard error: delta method. Cost: O(n d) time and memory.

    References
    ----------
    Miller, in Information Theory in Psychology (1955);
    Paninski, Neural Computation 15 (2003), doi:10.1162/089976603321780272, eq. 4.
    """
    return entropy_of(tabulate(x), miller_madow)


@estimator(
    "entropy:grassberger",
    inputs=("codes",),
    source="Grassberger (2003), arXiv:physics/0307138",
    truth=(_DIE,),
)
def grassberger_entropy(x: Any) -> Estimate:
    r"""Shannon entropy with Grassberger's correction, in the form that starts from psi(n).

    .. math:: \hat H = \psi(n) - \frac{1}{n} \sum_i n_i G(n_i), \quad
        G(k) = \psi(k) + \frac{(-1)^k}{2} \left[\psi\left(\tfrac{k+1}{2}\right)
        - \psi\left(\tfrac{k}{2}\right)\right]

    Parameters
    ----------
    x : integers or strings, shape (n,) or (n, d)
        One outcome per sample; of two dimensions each distinct row is an outcome.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (m, the distinct outcomes seen), ``saturated``.

    Raises
    ------
    TypeError, ValueError
        If x does not hold labels: real numbers with fractions, NaN, an empty array.

    Notes
    -----
    Bias: the smallest of the corrections offered here; for a fair coin it is zero to rounding.
    The 2003 article has ln n in place of psi(n), which leaves a bias of 1/2n; Schürmann's
    derivation gives psi(n). The value can exceed ln m, and a constant has by this definition not 0
    but about 1/2n, negative for even n. Standard error: delta method.
    Cost: O(n d) time and memory.

    References
    ----------
    Grassberger (2003), arXiv:physics/0307138, eq. 35;
    Schürmann, J. Phys. A 37 (2004), doi:10.1088/0305-4470/37/27/L02.
    """
    return entropy_of(tabulate(x), grassberger)


@estimator(
    "entropy:jackknife",
    inputs=("codes",),
    source="Zahl (1977), doi:10.2307/1936227",
    truth=(_DIE,),
)
def jackknife_entropy(x: Any) -> Estimate:
    r"""Shannon entropy, its bias estimated by leaving out each sample in turn.

    .. math:: \hat H = n \hat H_{plugin} - \frac{n - 1}{n} \sum_j \hat H_{plugin}^{(-j)}
        = J(n) - \frac{1}{n} \sum_i n_i J(n_i), \quad J(k) = k \ln k - (k-1) \ln (k-1)

    Parameters
    ----------
    x : integers or strings, shape (n,) or (n, d)
        One outcome per sample; of two dimensions each distinct row is an outcome.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (m, the distinct outcomes seen), ``saturated``.

    Raises
    ------
    TypeError, ValueError
        If x does not hold labels: real numbers with fractions, NaN, an empty array.

    Notes
    -----
    Bias: O(1/n^2) once every outcome has been seen, downwards before that. The value can exceed
    ln n. Standard error: the jackknife's own; None for a single sample. The sum over samples is
    taken in closed form, so Cost: O(n d) time and memory.

    References
    ----------
    Zahl, Ecology 58 (1977), doi:10.2307/1936227;
    Paninski, Neural Computation 15 (2003), doi:10.1162/089976603321780272, eq. 5.
    """
    return entropy_of(tabulate(x), jackknife, jackknife_error)
