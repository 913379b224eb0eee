"""Estimates from labels that arrive in blocks: counted where they are, merged, finished once."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, ops, registry
from infotheory.estimate import Estimate
from infotheory.estimators.discrete import (
    Error,
    Table,
    delta_method,
    entropy_of,
    jackknife_error,
)
from infotheory.estimators.discrete_information import (
    FORMULAS,
    conditional_entropy_of,
    conditional_mutual_information_of,
    mutual_information_of,
    total_correlation_of,
)
from infotheory.estimators.discrete_renyi import (
    renyi_conditional_entropy_of,
    renyi_entropy_of,
    renyi_mutual_information_of,
)
from infotheory.estimators.discrete_unseen import nsb_error

__all__ = ["Counts"]

_SUMS: Mapping[str, Callable[..., Estimate]] = MappingProxyType(
    {
        "mutual_information": mutual_information_of,
        "conditional_entropy": conditional_entropy_of,
        "conditional_mutual_information": conditional_mutual_information_of,
    }
)
_RENYI: Mapping[str, Callable[..., Estimate]] = MappingProxyType(
    {
        "entropy": renyi_entropy_of,
        "mutual_information": renyi_mutual_information_of,
        "conditional_entropy": renyi_conditional_entropy_of,
    }
)
_ERRORS: Mapping[str, Error] = MappingProxyType({"jackknife": jackknife_error, "nsb": nsb_error})


class _Rows(NamedTuple):
    """Distinct rows of labels, and how often each occurs."""

    labels: np.ndarray
    """(m, d) whole numbers; those of words are places in the vocabulary."""
    counts: np.ndarray
    """(m,) how often each row occurs."""


class Counts:
    """A discrete estimate of samples that arrive in blocks or lie on several machines.

    Only the distinct rows are kept, with how often each occurs. The value is that of the
    estimator on all samples together, whatever the blocks and their order.

    Parameters
    ----------
    key : str or Measure
        A measure of labels: "entropy:grassberger", "mutual_information:chao_shen" and so on.
    **options
        Options of that estimator, but not ``pointwise``, since single samples are not kept.

    Raises
    ------
    TypeError, ValueError
        For a measure that is unknown or needs more than counts, and for unknown or bad options.

    Notes
    -----
    Labels are integers or strings, one kind for each variable in all blocks; they mean the same
    in every block and in every object that is merged. Objects can be pickled, and their memory
    is O(distinct rows).

    Examples
    --------
    >>> import infotheory as it
    >>> from infotheory.counts import Counts
    >>> counts = Counts("mutual_information:miller_madow")
    >>> for block in (["a", "b", "b"], [1, 2, 1]), (["b", "a"], [2, 1]):
    ...     counts = counts.partial_fit(*block)
    >>> counts.n
    5
    >>> round(counts.finalize().value, 3)
    0.291
    """

    def __init__(self, key: str | registry.Measure, **options: Any) -> None:
        self.measure = registry.measure(key, **options)
        entry = self._entry
        if not _can_be_counted(entry) or self.measure.quantity != entry.quantity:
            known = ", ".join(
                repr(each.key) for each in registry.entries() if _can_be_counted(each)
            )
            raise ValueError(
                f"Counts must have a measure that needs counts of labels alone, one of {known}; "
                f"got {self.measure.key!r}."
            )
        # One sample is enough for the estimator to refuse a bad option, before any is counted.
        arrays = 2 if entry.takes_any_number else len(entry.inputs)
        self.measure(*[[0]] * arrays)
        if self.measure.options.get("pointwise"):
            raise ValueError(
                "pointwise must be False for Counts, which keeps no single samples; call the "
                "estimator with all samples instead."
            )
        self._blocks: list[_Rows] = []
        self._widths: tuple[int, ...] = ()
        self._words: tuple[np.ndarray | None, ...] = ()

    @property
    def _entry(self) -> registry.Entry:
        return self.measure.entry

    @property
    def n(self) -> int:
        """The number of samples counted so far."""
        return sum(int(block.counts.sum()) for block in self._blocks)

    def partial_fit(self, *arrays: Any) -> Counts:
        """Count one block.

        Parameters
        ----------
        *arrays : integers or strings, shape (n,) or (n, d)
            The variables of the measure, paired row by row, as its estimator takes them.

        Returns
        -------
        Counts
            This object.

        Raises
        ------
        TypeError, ValueError
            If an array does not hold labels, or differs from earlier blocks in its columns or in
            the kind of its labels; for a wrong number of arrays, or unequal lengths.
        """
        self._expect(len(arrays))
        labels, words = [], []
        for x, codes in zip(arrays, self._entry.check(*arrays), strict=True):
            codes = codes.cpu().numpy() if checks.is_tensor(codes) else codes
            labels.append(codes[:, None] if codes.ndim == 1 else codes)
            words.append(_vocabulary(x))
        block = copy.copy(self)
        block._widths = tuple(columns.shape[1] for columns in labels)
        block._words = tuple(words)
        rows = np.ascontiguousarray(np.concatenate(labels, axis=1))
        block._blocks = [_distinct(rows, np.ones(len(rows), np.int64))]
        self.__dict__.update(self.merge(block).__dict__)
        return self

    def merge(self, other: Counts) -> Counts:
        """The counts of both together.

        Parameters
        ----------
        other : Counts
            Counts for the same measure with the same options, of other samples.

        Returns
        -------
        Counts
            A new object; neither of the two is changed.

        Raises
        ------
        TypeError, ValueError
            If other is no Counts, or one for another measure, with other options, other columns
            or another kind of labels.
        """
        if not isinstance(other, Counts):
            raise TypeError(f"other must be a Counts; got {type(other).__name__}.")
        if (self.measure.key, self._options) != (other.measure.key, other._options):
            raise ValueError(
                f"other must count for {self.measure} too; got one for {other.measure}."
            )
        if not self._blocks or not other._blocks:
            return copy.copy(self if self._blocks else other)
        self._refuse_unlike(other)
        merged = copy.copy(self)
        merged._words = tuple(map(_union, self._words, other._words))
        merged._blocks = _tidy([*self._renumbered(merged), *other._renumbered(merged)])
        return merged

    def finalize(self) -> Estimate:
        """The estimate of all samples counted so far; more can be counted afterwards.

        Returns
        -------
        Estimate
            That of the registered estimator: its value to the bit.

        Raises
        ------
        ValueError
            If nothing has been counted.
        """
        if not self._blocks:
            raise ValueError("Counts has counted nothing yet; call partial_fit first.")
        rows = _joined(self._blocks)
        ends = itertools.pairwise(np.cumsum((0, *self._widths)))
        parts = [np.ascontiguousarray(rows.labels[:, start:end]) for start, end in ends]
        table = Table(rows.counts, tuple(ops.of(part).row_codes(part) for part in parts))
        entry = self._entry
        return entry.completed(_estimate(entry, table, self._options), self._options)

    def __repr__(self) -> str:
        return f"<Counts for {self.measure}, n={self.n}>"

    @property
    def _options(self) -> dict[str, Any]:
        return {**self._entry.options, **self.measure.options}

    @property
    def _names(self) -> tuple[str, ...]:
        entry = self._entry
        if not entry.takes_any_number:
            return entry.names
        return tuple(f"{entry.names[0]}[{place}]" for place in range(len(self._widths)))

    def _expect(self, count: int) -> None:
        """Refuse a wrong number of arrays."""
        entry = self._entry
        fixed = len(self._widths) or (0 if entry.takes_any_number else len(entry.inputs))
        if (count != fixed) if fixed else (count < 2):
            wanted = fixed or "2 or more"
            raise TypeError(f"Counts for {self.measure} takes {wanted} arrays; got {count}.")

    def _refuse_unlike(self, other: Counts) -> None:
        if len(self._widths) != len(other._widths):
            raise ValueError(
                f"all parts must have the same number of variables; got {len(self._widths)} and "
                f"{len(other._widths)}."
            )
        for place, name in enumerate(self._names):
            widths = self._widths[place], other._widths[place]
            if widths[0] != widths[1]:
                raise ValueError(
                    f"{name} must have as many columns in all blocks; got {widths[0]} and "
                    f"{widths[1]}."
                )
            kinds = _kind(self._words[place]), _kind(other._words[place])
            if kinds[0] != kinds[1]:
                raise TypeError(
                    f"{name} must hold labels of one kind in all blocks; got {kinds[0]} and "
                    f"{kinds[1]}. Convert one of them first: {name}.astype(str)."
                )

    def _renumbered(self, merged: Counts) -> list[_Rows]:
        """The blocks, with the words numbered as in the merged vocabularies."""
        pairs = list(zip(self._words, merged._words, self._widths, strict=True))
        if all(old is None or new is None or len(old) == len(new) for old, new, _ in pairs):
            return self._blocks
        blocks = []
        for labels, counts in self._blocks:
            labels, start = labels.copy(), 0
            for old, new, width in pairs:
                columns = slice(start, start + width)
                if old is not None and new is not None:
                    labels[:, columns] = np.searchsorted(new, old)[labels[:, columns]]
                start += width
            blocks.append(_Rows(labels, counts))
        return blocks


def _can_be_counted(entry: registry.Entry) -> bool:
    if set(entry.inputs) - {"codes", "..."}:
        return False
    if entry.method == "renyi":
        return entry.quantity in _RENYI
    quantities = {"entropy", "total_correlation", *_SUMS}
    return entry.method in FORMULAS and entry.quantity in quantities


def _estimate(entry: registry.Entry, table: Table, options: Mapping[str, Any]) -> Estimate:
    """What the registered function makes of a table."""
    if entry.method == "renyi":
        return _RENYI[entry.quantity](table, **options)
    if entry.quantity == "total_correlation":
        return total_correlation_of(table, **options)
    formula = FORMULAS[entry.method]
    if entry.quantity == "entropy":
        return entropy_of(table, formula, _ERRORS.get(entry.method, delta_method), **options)
    return _SUMS[entry.quantity](table, formula, **options)


def _distinct(labels: np.ndarray, counts: np.ndarray) -> _Rows:
    """Rows that are counted several times, counted once."""
    codes = ops.of(labels).row_codes(labels)
    totals = np.bincount(codes, weights=counts).astype(np.int64)
    first = np.empty(len(totals), np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return _Rows(labels[first], totals)


def _joined(blocks: list[_Rows]) -> _Rows:
    if len(blocks) == 1:
        return blocks[0]
    labels, counts = zip(*blocks, strict=True)
    return _distinct(np.concatenate(labels), np.concatenate(counts))


def _tidy(blocks: list[_Rows]) -> list[_Rows]:
    """The blocks, the later ones joined once they are as long as the first.

    So a long table is not counted anew for each short block, and memory stays within a few times
    that of the distinct rows.
    """
    if sum(len(block.counts) for block in blocks[1:]) < len(blocks[0].counts):
        return blocks
    return [_joined(blocks)]


def _vocabulary(x: Any) -> np.ndarray | None:
    """The sorted words of a variable, of which `checks.codes` gives the places; None of numbers."""
    if checks.is_tensor(x):
        return None
    x = np.asarray(x.to_numpy() if hasattr(x, "to_numpy") else x)
    if x.dtype.kind == "O":
        x = x.astype(str)
    return np.unique(x) if x.dtype.kind in "US" else None


def _union(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    if first is None or second is None:
        return None
    return first if np.array_equal(first, second) else np.union1d(first, second)


def _kind(words: np.ndarray | None) -> str:
    if words is None:
        return "integers"
    return "strings" if words.dtype.kind == "U" else "bytes"
