"""One quantity of many pairs of variables: the columns of a matrix, units of a layer and labels."""

from __future__ import annotations

import functools
import itertools
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from infotheory import registry
from infotheory.estimate import Estimate, InfotheoryWarning, convert, outside
from infotheory.uncertainty import repeated

__all__ = ["Pairwise", "pairwise"]

#: Options of mutual information that mean the same for x as for y. A method with any other option
#: switched on is taken to tell x from y, as labels, pairs of widths and random draws do.
_EVEN = frozenset(
    {
        *("alpha", "bin_width", "bins", "corrected", "k", "metric", "order", "pointwise"),
        *("precision", "scale", "shrinkage", "strategy", "variant", "width"),
    }
)


@dataclass(frozen=True)
class Pairwise:
    """The estimates of all pairs.

    Attributes
    ----------
    values, stderr : arrays, shape (p, q)
        Estimates and standard errors (NaN where unknown) of column i of x and column j of y.
    unit : str
        "nats" or "bits".
    key : str
        Quantity and method.
    n : int
        Samples.
    warnings : tuple of (int, int, str)
        What was doubtful, and of which pair.
    """

    values: np.ndarray
    stderr: np.ndarray
    unit: str
    key: str
    n: int
    warnings: tuple[tuple[int, int, str], ...] = ()

    def to(self, unit: str) -> Pairwise:
        """The same in another unit of information."""
        values, stderr = (convert(part, self.unit, unit) for part in (self.values, self.stderr))
        return replace(self, values=values, stderr=stderr, unit=unit)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype)

    def __str__(self) -> str:
        rows, columns = self.values.shape
        return f"{rows} x {columns} pairs in {self.unit} ({self.key}, n={self.n})\n{self.values}"


def pairwise(
    x: Any,
    y: Any = None,
    *,
    quantity: str = "mutual_information",
    method: str = "ksg",
    n_jobs: int | None = None,
    **options: Any,
) -> Pairwise:
    """Mutual information of every column of x with every column of y.

    Parameters
    ----------
    x : array, shape (n, p)
        Variables in columns: the units of a layer, for example.
    y : array, shape (n,) or (n, q), optional
        Other variables in columns: one column of labels, for example. Without it the columns of
        x are paired with each other, and a variable with itself not at all (NaN).
    quantity, method : str
        An estimator of two variables; `infotheory.methods("mutual_information")` lists them.
    n_jobs : int, optional
        Handed to joblib; None leaves the choice to ``joblib.parallel_config``. No value depends
        on it.
    **options
        Options of the method.

    Returns
    -------
    Pairwise
        ``values`` and ``stderr`` of shape (p, q), ``unit`` (that of the method), ``warnings``.
        Place (i, j) holds what the estimator makes of column i as x and column j as y.

    Raises
    ------
    TypeError, ValueError
        For an unknown method or option, one that takes other than two variables, and for data
        the method cannot take.

    Notes
    -----
    What is doubtful about single pairs is said in one warning. The largest of many estimates is
    large by chance: see `infotheory.permutation_test` for the null of one pair. Cost: p q
    estimates of one column each. Without y, p (p - 1) of them, and half of that for mutual
    information by a method that treats x and y alike; a conditional entropy, a divergence, a method
    that takes y for labels or draws at random is estimated in both orders.
    """
    measure = registry.measure(f"{quantity}:{method}", **options)
    entry = measure.entry
    if len(entry.inputs) != 2:
        raise ValueError(f"pairwise needs an estimator of two variables; {entry.key} is none.")
    columns = [_columns(part) for part in _checked(measure, x, x if y is None else y)]
    shape = columns[0].shape[1], columns[1].shape[1]
    mirrored = y is None and _treats_alike(measure)
    among = itertools.combinations if mirrored else itertools.permutations
    pairs = list(np.ndindex(shape) if y is not None else among(range(shape[0]), 2))
    one = functools.partial(_of_pair, measure, *columns)

    values, stderr = np.full((2, *shape), np.nan)
    doubts: list[tuple[int, int, str]] = []
    for (i, j), found in zip(pairs, repeated(one, pairs, n_jobs), strict=True):
        values[i, j] = found.value
        stderr[i, j] = np.nan if found.stderr is None else found.stderr
        doubts += [(i, j, message) for message in found.diagnostics.get("warnings", ())]
        if mirrored:
            values[j, i], stderr[j, i] = values[i, j], stderr[i, j]
    if doubts:
        i, j, message = doubts[0]
        warnings.warn(
            f"{entry.key}: {len({pair[:2] for pair in doubts})} of {len(pairs)} pairs are "
            f"doubtful; of the pair ({i}, {j}): {message}",
            InfotheoryWarning,
            stacklevel=outside(),
        )
    return Pairwise(values, stderr, entry.unit, entry.key, len(columns[0]), tuple(doubts))


def _checked(measure: registry.Measure, x: Any, y: Any) -> list[Any]:
    return measure.entry.check(x, y, options=measure.options)


def _columns(part: Any) -> Any:
    return part[:, None] if part.ndim == 1 else part


def _of_pair(measure: registry.Measure, x: Any, y: Any, pair: tuple[int, int]) -> Estimate:
    """The estimate of one column of each; its doubts are said for all pairs together."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InfotheoryWarning)
        return measure(x[:, pair[0]], y[:, pair[1]])


def _treats_alike(measure: registry.Measure) -> bool:
    """Whether the value stays the same when x and y change places.

    Mutual information does by definition, and so does an estimate that takes both for the same
    kind of data and has no option that tells them apart.
    """
    entry = measure.entry
    options = {**entry.options, **measure.options}
    return (
        entry.quantity == "mutual_information"
        and entry.inputs[0] == entry.inputs[1]
        and options.get("variant") != "ross"
        and all(
            value is None or value is False or (name in _EVEN and np.ndim(value) == 0)
            for name, value in options.items()
        )
    )
