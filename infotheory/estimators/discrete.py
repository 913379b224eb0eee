"""Entropy and mutual information of discrete variables, from how often each outcome occurs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import digamma

from infotheory import ops, truth
from infotheory.estimate import AT_CEILING, Estimate
from infotheory.registry import estimator

__all__ = [
    "entropy_of_codes",
    "grassberger_entropy",
    "grassberger_mutual_information",
    "miller_madow_entropy",
    "miller_madow_mutual_information",
    "mutual_information_of_codes",
    "plugin_entropy",
    "plugin_mutual_information",
]

Correction = Callable[[np.ndarray], float]

_DIE = truth.die(0.5, 0.25, 0.125, 0.125)
_CHANNEL = truth.binary_symmetric_channel(0.11)


def plugin(counts: np.ndarray) -> float:
    """Entropy of the observed frequencies."""
    p = counts / counts.sum()
    return float(-(p @ np.log(p)))


def miller_madow(counts: np.ndarray) -> float:
    """The plug-in entropy plus its bias of first order, (m - 1) / 2n."""
    return plugin(counts) + (len(counts) - 1) / (2 * int(counts.sum()))


def grassberger(counts: np.ndarray) -> float:
    """psi(n) - (1/n) sum n_i G(n_i), which removes the bias up to terms that fall exponentially."""
    n = counts.sum()
    alternating = np.where(counts % 2, -0.5, 0.5)
    g = digamma(counts) + alternating * (digamma((counts + 1) / 2) - digamma(counts / 2))
    return float(digamma(n) - (counts / n) @ g)


@estimator(
    "entropy:plugin",
    inputs=("codes",),
    source="Shannon (1948), doi:10.1002/j.1538-7305.1948.tb01338.x",
    truth=(_DIE,),
)
def plugin_entropy(x: Any) -> Estimate:
    r"""Shannon entropy of the observed frequencies (maximum likelihood).

    .. math:: \hat H = -\sum_i \frac{n_i}{n} \ln \frac{n_i}{n}

    Parameters
    ----------
    x : integers or strings, shape (n,) or (n, d)
        One outcome per sample; of two dimensions each distinct row is an outcome.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (m, the distinct outcomes seen), ``ceiling`` (ln n).

    Raises
    ------
    TypeError, ValueError
        If x does not hold labels: real numbers with fractions, NaN, an empty array.

    Notes
    -----
    Bias: about -(m - 1) / 2n, always downwards. Standard error: delta method; too small near
    the uniform distribution. Cost: O(n d) time and memory.

    References
    ----------
    Shannon, Bell System Technical Journal 27 (1948), doi:10.1002/j.1538-7305.1948.tb01338.x;
    Paninski, Neural Computation 15 (2003), doi:10.1162/089976603321780272, eq. 3.
    """
    return _entropy(x, plugin)


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
        In nats. Diagnostics: ``outcomes`` (m, the distinct outcomes seen), ``ceiling`` (ln n).

    Raises
    ------
    TypeError, ValueError
        If x does not hold labels: real numbers with fractions, NaN, an empty array.

    Notes
    -----
    Bias: O(1/n^2) once every outcome has been seen, downwards before that. Standard error:
    delta method. Cost: O(n d) time and memory.

    References
    ----------
    Miller, in Information Theory in Psychology (1955);
    Paninski, Neural Computation 15 (2003), doi:10.1162/089976603321780272, eq. 4.
    """
    return _entropy(x, miller_madow)


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
        In nats. Diagnostics: ``outcomes`` (m, the distinct outcomes seen), ``ceiling`` (ln n).

    Raises
    ------
    TypeError, ValueError
        If x does not hold labels: real numbers with fractions, NaN, an empty array.

    Notes
    -----
    Bias: the smallest of the corrections offered here; for a fair coin it is zero to rounding.
    The 2003 article has ln n in place of psi(n), which leaves a bias of 1/2n; Schürmann's
    derivation gives psi(n). The value can exceed ln m. Standard error: delta method.
    Cost: O(n d) time and memory.

    References
    ----------
    Grassberger (2003), arXiv:physics/0307138, eq. 35;
    Schürmann, J. Phys. A 37 (2004), doi:10.1088/0305-4470/37/27/L02.
    """
    return _entropy(x, grassberger)


@estimator(
    "mutual_information:plugin",
    inputs=("codes", "codes"),
    source="Shannon (1948), doi:10.1002/j.1538-7305.1948.tb01338.x",
    truth=(_CHANNEL,),
)
def plugin_mutual_information(x: Any, y: Any) -> Estimate:
    r"""Mutual information of the observed joint frequencies (maximum likelihood).

    .. math:: \hat I = \hat H(X) + \hat H(Y) - \hat H(X, Y)

    Parameters
    ----------
    x, y : integers or strings, shape (n,) or (n, d)
        Paired outcomes; of two dimensions each distinct row is an outcome.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (distinct x, y and pairs), ``ceiling``
        (the smaller of the two entropies), ``saturated``.

    Raises
    ------
    TypeError, ValueError
        If an argument does not hold labels, or their lengths differ.

    Notes
    -----
    Bias: about (m_xy - m_x - m_y + 1) / 2n, upwards. When nearly every sample of x is an
    outcome of its own the value is H(Y) whatever the data, which is warned of. Standard error:
    delta method. Cost: O(n d) time and memory.

    References
    ----------
    Shannon, Bell System Technical Journal 27 (1948), doi:10.1002/j.1538-7305.1948.tb01338.x;
    Paninski, Neural Computation 15 (2003), doi:10.1162/089976603321780272.
    """
    return _mutual_information(x, y, plugin)


@estimator(
    "mutual_information:miller_madow",
    inputs=("codes", "codes"),
    source="Paninski (2003), doi:10.1162/089976603321780272",
    truth=(_CHANNEL,),
)
def miller_madow_mutual_information(x: Any, y: Any) -> Estimate:
    r"""Mutual information from three Miller-Madow entropies.

    .. math:: \hat I = \hat H_{MM}(X) + \hat H_{MM}(Y) - \hat H_{MM}(X, Y)

    Parameters
    ----------
    x, y : integers or strings, shape (n,) or (n, d)
        Paired outcomes; of two dimensions each distinct row is an outcome.

    Returns
    -------
    Estimate
        In nats; negative values are possible and kept. Diagnostics as for the plug-in form.

    Raises
    ------
    TypeError, ValueError
        If an argument does not hold labels, or their lengths differ.

    Notes
    -----
    Bias: O(1/n^2) once every pair that can occur has been seen. Standard error: delta method.
    Cost: O(n d) time and memory.

    References
    ----------
    Paninski, Neural Computation 15 (2003), doi:10.1162/089976603321780272, eq. 4.
    """
    return _mutual_information(x, y, miller_madow)


@estimator(
    "mutual_information:grassberger",
    inputs=("codes", "codes"),
    source="Grassberger (2003), arXiv:physics/0307138",
    truth=(_CHANNEL,),
)
def grassberger_mutual_information(x: Any, y: Any) -> Estimate:
    r"""Mutual information from three entropies with Grassberger's correction (psi(n) form).

    .. math:: \hat I = \hat H_G(X) + \hat H_G(Y) - \hat H_G(X, Y)

    Parameters
    ----------
    x, y : integers or strings, shape (n,) or (n, d)
        Paired outcomes; of two dimensions each distinct row is an outcome.

    Returns
    -------
    Estimate
        In nats; negative values are possible and kept. Diagnostics as for the plug-in form.

    Raises
    ------
    TypeError, ValueError
        If an argument does not hold labels, or their lengths differ.

    Notes
    -----
    Bias: see :func:`grassberger_entropy`; that of the joint entropy dominates when many pairs
    are seen once. Standard error: delta method. Cost: O(n d) time and memory.

    References
    ----------
    Grassberger (2003), arXiv:physics/0307138, eq. 35;
    Schürmann, J. Phys. A 37 (2004), doi:10.1088/0305-4470/37/27/L02.
    """
    return _mutual_information(x, y, grassberger)


def entropy_of_codes(codes: np.ndarray, correction: Correction = plugin) -> Estimate:
    """Entropy of codes 0..m-1, with the diagnostics every discrete entropy carries."""
    counts = ops.of(codes).bincount(codes)
    n = int(counts.sum())
    surprise = -np.log(counts / n)
    variance = float(counts @ (surprise - (counts / n) @ surprise) ** 2) / n
    value, ceiling = correction(counts), float(np.log(n))
    saturated = n > 1 and value >= AT_CEILING * ceiling
    return Estimate(
        value,
        stderr=(variance / n) ** 0.5,
        n=n,
        diagnostics={"outcomes": len(counts), "ceiling": ceiling, "saturated": saturated}
        | _crowded(saturated, "x", len(counts), n),
    )


def mutual_information_of_codes(
    x: np.ndarray, y: np.ndarray, correction: Correction = plugin
) -> Estimate:
    """Mutual information of two columns of codes 0..m-1, with the diagnostics of its kind."""
    engine = ops.of(x, y)
    n = len(x)
    pairs = engine.row_codes(np.stack([x, y], axis=1))
    x_counts, y_counts, counts = map(engine.bincount, (x, y, pairs))
    first = np.empty(len(counts), dtype=np.intp)
    first[pairs[::-1]] = np.arange(n)[::-1]
    gain = np.log(counts * n / (x_counts[x[first]] * y_counts[y[first]].astype(float)))
    variance = float(counts @ (gain - (counts / n) @ gain) ** 2) / n
    entropies = plugin(x_counts), plugin(y_counts)
    crowded = [h >= AT_CEILING * np.log(n) and n > 1 for h in entropies]
    name, outcomes = ("x", len(x_counts)) if crowded[0] else ("y", len(y_counts))
    value = correction(x_counts) + correction(y_counts) - correction(counts)
    return Estimate(
        value,
        stderr=(variance / n) ** 0.5,
        n=n,
        diagnostics={
            "outcomes": (len(x_counts), len(y_counts), len(counts)),
            "ceiling": min(entropies),
            "saturated": any(crowded),
        }
        | _crowded(any(crowded), name, outcomes, n),
    )


def _entropy(x: Any, correction: Correction) -> Estimate:
    return entropy_of_codes(ops.of(x).row_codes(x), correction)


def _mutual_information(x: Any, y: Any, correction: Correction) -> Estimate:
    engine = ops.of(x, y)
    return mutual_information_of_codes(engine.row_codes(x), engine.row_codes(y), correction)


def _crowded(saturated: bool, name: str, outcomes: int, n: int) -> dict[str, Any]:
    if not saturated:
        return {}
    return {
        "warnings": (
            f"{name} has {outcomes} outcomes in {n} samples, so its entropy is at the ceiling "
            f"ln n and says more about n than about {name}; take more samples or coarser symbols.",
        )
    }
