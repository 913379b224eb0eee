"""Entropy and mutual information of real variables cut into bins, one symbol per row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from infotheory import checks, ops, truth
from infotheory.estimate import Estimate
from infotheory.estimators.discrete import entropy_of, tabulate_codes
from infotheory.estimators.discrete_information import (
    conditional_mutual_information_of,
    mutual_information_of,
    total_correlation_of,
)
from infotheory.registry import estimator

__all__ = [
    "binned_conditional_mutual_information",
    "binned_entropy",
    "binned_mutual_information",
    "binned_total_correlation",
]

_BITS = truth.exclusive_or(0.11)
_COPIES = truth.noisy_copies(3, 0.2)

STRATEGIES = ("range", "columns", "quantile", "unique", "fixed")


@estimator(
    "entropy:binned",
    inputs=("real",),
    estimand="binned entropy",
    source="Saxe et al. (2018), doi:10.1088/1742-5468/ab3985; Chelombiev et al., arXiv:1902.09037",
    truth=(truth.binned_exponential(0.5),),
)
def binned_entropy(
    x: Any,
    *,
    strategy: str = "range",
    bins: int = 30,
    bin_width: float | None = None,
    pointwise: bool = False,
) -> Estimate:
    r"""Shannon entropy of a real variable after binning: each row of bin numbers is a symbol.

    .. math:: \hat H(\mathrm{bin}(X)) = -\sum_s \frac{n_s}{n} \ln \frac{n_s}{n}

    It is the entropy of the *binned* variable, not an estimate of the differential entropy: for
    a layer of a deterministic network it is I(X; T) under this binning, with X the row itself.

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        Samples. All columns share the edges, but for "columns".
    strategy : {"range", "columns", "quantile", "unique", "fixed"}
        "range": `bins` equal bins between the smallest and the largest entry. "columns": the same
        in each column between its own ends (with 2 bins the classic histogram of rows that
        spectral entropies are compared with, arXiv:2312.04823). "quantile": bins
        that hold equally many entries. "unique": bins that hold equally many *distinct* values
        (EBAB), where a rectifier's zeros keep a bin of their own. "fixed": floor(x / bin_width).
    bins : int
        Number of bins, for all strategies but "fixed".
    bin_width : float, optional
        Width of a bin, for "fixed" alone.
    pointwise : bool
        Keep the surprise of every sample, -ln of the frequency of its bin, in the diagnostics.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (distinct rows of bins), ``ceiling`` (ln n),
        ``saturated``.

    Raises
    ------
    TypeError, ValueError
        For an unknown strategy, bins below 1, a bin_width that is missing, not positive or
        given with another strategy.

    Notes
    -----
    Bias: that of the plug-in entropy, about -(m - 1) / 2n; with many columns or fine bins every
    row becomes a symbol of its own and the value is ln n, which is warned of. Standard error: delta
    method for fixed edges. Where they follow the smallest and the largest entry the true spread is
    larger (normal data: 2 times, Student's with 3 degrees: 5 times); of one column by "quantile" or
    "unique" there is none. Rows are hashed and verified, not sorted. Cost: O(n d) for "range" and
    "fixed"; the others sort the values.

    References
    ----------
    Saxe et al., J. Stat. Mech. (2019) 124020, doi:10.1088/1742-5468/ab3985;
    Chelombiev, Houghton, O'Donnell, arXiv:1902.09037, section 3 (EBAB).
    """
    codes = _row_codes(x, strategy, bins, bin_width)
    return entropy_of(tabulate_codes(codes), pointwise=pointwise)


@estimator(
    "mutual_information:binned",
    inputs=("real", "real"),
    source="Saxe et al. (2018), doi:10.1088/1742-5468/ab3985; Chelombiev et al., arXiv:1902.09037",
    truth=(truth.separated_classes(4),),
    labels={"y": ("discrete_y", True)},
)
def binned_mutual_information(
    x: Any,
    y: Any,
    *,
    strategy: str = "range",
    bins: int = 30,
    bin_width: float | None = None,
    discrete_y: bool = False,
    pointwise: bool = False,
) -> Estimate:
    r"""Mutual information after binning: each row of bin numbers is a symbol.

    .. math:: \hat I = \hat H(\mathrm{bin}(X)) + \hat H(\mathrm{bin}(Y))
        - \hat H(\mathrm{bin}(X), \mathrm{bin}(Y))

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        Samples. All columns share the edges.
    y : real array, shape (n,) or (n, d)
        Paired samples, binned by the same rule over their own range.
    strategy, bins, bin_width
        As for :func:`binned_entropy`.
    discrete_y : bool
        The entries of y are labels, numbers or strings: each distinct row is a symbol, and
        nothing is binned.
    pointwise : bool
        Keep the term of every sample, which average to the value, in the diagnostics.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (distinct x, y and pairs), ``ceiling`` (the smaller
        of the two entropies, where one variable determines the other: no artefact, and not
        warned of), ``saturated`` (an entropy is at ln n, which is).

    Raises
    ------
    TypeError, ValueError
        As :func:`binned_entropy`; and if the lengths differ.

    Notes
    -----
    Binning loses information, so at large n the value is at most the true one; at small n the
    plug-in bias, about (m_xy - m_x - m_y + 1) / 2n, is upwards and usually larger. Whole numbers
    that fall into one bin together are warned of, since they are often class labels. Standard
    error: delta method for fixed edges; see :func:`binned_entropy`.
    Cost: as :func:`binned_entropy`.

    References
    ----------
    Saxe et al., J. Stat. Mech. (2019) 124020, doi:10.1088/1742-5468/ab3985;
    Chelombiev, Houghton, O'Donnell, arXiv:1902.09037, section 3 (EBAB).
    """
    checks.choice(discrete_y, "discrete_y", (False, True))
    engine = ops.of(x, y)
    x_codes = _row_codes(x, strategy, bins, bin_width)
    if discrete_y:
        table = tabulate_codes(x_codes, engine.row_codes(y))
        return mutual_information_of(table, pointwise=pointwise)
    y_codes = _row_codes(y, strategy, bins, bin_width)
    found = mutual_information_of(tabulate_codes(x_codes, y_codes), pointwise=pointwise)
    return _warn_of_merged_labels(found, y, y_codes, "y")


@estimator(
    "conditional_mutual_information:binned",
    inputs=("real", "real", "real"),
    source="Cover & Thomas (2006), doi:10.1002/047174882X, eq. 2.60",
    truth=(_BITS,),
    labels={"z": ("discrete_z", True)},
)
def binned_conditional_mutual_information(
    x: Any,
    y: Any,
    z: Any,
    *,
    strategy: str = "range",
    bins: int = 30,
    bin_width: float | None = None,
    discrete_z: bool = False,
    pointwise: bool = False,
) -> Estimate:
    r"""Conditional mutual information after binning: each row of bin numbers is a symbol.

    .. math:: \hat I(X;Y|Z) = \hat H(X', Z') + \hat H(Y', Z') - \hat H(X', Y', Z') - \hat H(Z'),
        \quad X' = \mathrm{bin}(X) \text{ and so on}

    Parameters
    ----------
    x, y, z : real arrays, shape (n,) or (n, d)
        Paired samples, each binned by the same rule over its own range; its columns share edges.
    strategy, bins, bin_width
        As for :func:`binned_entropy`.
    discrete_z : bool
        The entries of z are labels, numbers or strings: each distinct row is a symbol, and
        nothing is binned.
    pointwise : bool
        Keep the term of every sample, which average to the value, in the diagnostics.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (distinct (x, z), (y, z), z and triples), ``ceiling``
        (the smaller of the entropies of x and y given z), ``saturated``.

    Raises
    ------
    TypeError, ValueError
        As :func:`binned_entropy`; and if the lengths differ or discrete_z is no flag.

    Notes
    -----
    Bias: the plug-in one, about (m_xyz - m_xz - m_yz + m_z) / 2n, upwards, which triples of fine
    bins make large; coarse bins of z leave in what z explains, in either direction. Whole
    numbers in z that fall into one bin together are warned of. Standard error: delta method.
    Cost: as :func:`binned_entropy`.

    References
    ----------
    Cover, Thomas, Elements of Information Theory (2006), doi:10.1002/047174882X, eq. 2.60;
    Saxe et al., J. Stat. Mech. (2019) 124020, doi:10.1088/1742-5468/ab3985 (binning).
    """
    checks.flag(discrete_z, "discrete_z")
    engine = ops.of(x, y, z)
    x_codes = _row_codes(x, strategy, bins, bin_width)
    y_codes = _row_codes(y, strategy, bins, bin_width)
    z_codes = engine.row_codes(z) if discrete_z else _row_codes(z, strategy, bins, bin_width)
    table = tabulate_codes(x_codes, y_codes, z_codes)
    found = conditional_mutual_information_of(table, pointwise=pointwise)
    return found if discrete_z else _warn_of_merged_labels(found, z, z_codes, "z")


@estimator(
    "total_correlation:binned",
    inputs=("real", "real", "..."),
    source="Watanabe (1960), doi:10.1147/rd.41.0066",
    truth=(_COPIES,),
)
def binned_total_correlation(
    *variables: Any,
    strategy: str = "range",
    bins: int = 30,
    bin_width: float | None = None,
    pointwise: bool = False,
) -> Estimate:
    r"""Total correlation of two variables or more after binning.

    .. math:: \hat C = \sum_i \hat H(\mathrm{bin}(X_i))
        - \hat H(\mathrm{bin}(X_1), \mathrm{bin}(X_2), \ldots)

    Parameters
    ----------
    variables : real arrays, each of shape (n,) or (n, d)
        Paired samples, each binned by the same rule over its own range; its columns share edges.
    strategy, bins, bin_width
        As for :func:`binned_entropy`.
    pointwise : bool
        Keep the term of every sample, which average to the value, in the diagnostics.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (distinct ones of each variable, and jointly),
        ``ceiling`` (the sum of the entropies without the largest), ``saturated``.

    Raises
    ------
    TypeError, ValueError
        As :func:`binned_entropy`; and if the lengths differ.

    Notes
    -----
    Bias: binning loses information; the plug-in bias is upwards and grows quickly with the
    number of variables. Standard error: delta method. Cost: as :func:`binned_entropy`.

    References
    ----------
    Watanabe, IBM Journal of Research and Development 4 (1960), doi:10.1147/rd.41.0066.
    """
    codes = [_row_codes(x, strategy, bins, bin_width) for x in variables]
    return total_correlation_of(tabulate_codes(*codes), pointwise=pointwise)


def _row_codes(x: Any, strategy: str, bins: int, bin_width: float | None) -> np.ndarray:
    """(n,) codes of the binned rows."""
    engine = ops.of(x)
    if strategy != "columns":
        return engine.row_codes(x, **_binning(x, strategy, bins, bin_width))
    columns = [x[:, place : place + 1] for place in range(x.shape[1])]
    codes = [engine.row_codes(c, **_binning(c, "range", bins, bin_width)) for c in columns]
    return engine.row_codes(np.stack(codes, axis=1))


def _binning(x: Any, strategy: str, bins: int, bin_width: float | None) -> Mapping[str, Any]:
    """How `row_codes` has to cut x."""
    checks.choice(strategy, "strategy", STRATEGIES)
    checks.integer(bins, "bins", low=1)
    if (strategy == "fixed") != (bin_width is not None):
        raise ValueError(
            f"bin_width belongs to strategy='fixed', and to it alone; got strategy={strategy!r} "
            f"and bin_width={bin_width!r}."
        )
    engine = ops.of(x)
    if bin_width is not None:
        width = checks.number(bin_width, "bin_width", above=0.0)
        largest = max(map(abs, engine.value_range(x)))
        if not np.isfinite(largest / width):
            raise ValueError(f"bin_width {width:g} is too small for values up to {largest:g}.")
        return {"step": width}
    if strategy == "range":
        low, high = engine.value_range(x)
        # Halves, so that a range from -1e308 to 1e308 does not overflow.
        step = (high / 2 - low / 2) / bins * 2
        return {"low": low, "step": step, "bins": bins} if step > 0 else {"edges": np.empty(0)}
    if strategy == "quantile":
        return {"edges": np.unique(engine.quantiles(x, bins))}
    return {"edges": _equal_unique(engine.unique_values(x), bins)}


def _equal_unique(values: np.ndarray, bins: int) -> np.ndarray:
    """Edges between which equally many distinct values lie (EBAB).

    A rectifier puts an atom at exactly zero, its smallest value: it is no level of activity and
    takes no part in the division, so it falls below the first edge. The largest value is an edge
    too, as in the original.
    """
    levels = values[1:] if values[0] == 0 else values
    if not len(levels):
        return levels
    return np.unique(np.append(levels[np.arange(bins) * len(levels) // bins], levels[-1]))


def _warn_of_merged_labels(found: Estimate, y: Any, codes: np.ndarray, name: str) -> Estimate:
    labels = ops.of(y).unique_values(y)
    if len(labels) <= codes.max() + 1 or len(labels) > len(codes) / 2:
        return found
    if (labels != np.floor(labels)).any():
        return found
    message = (
        f"{name} holds {len(labels)} different whole numbers, of which some fall into one bin; "
        f"if they are class labels, pass discrete_{name}=True."
    )
    return found.noting(message)
