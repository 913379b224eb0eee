"""Estimates from labels that arrive in blocks: counted where they are, merged, finished once."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, label_checks, ops, registry
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
from infotheory.vocabularies import Variable, Words, in_columns

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
    """(m, d) whole numbers; those of words are their numbers in the vocabulary."""
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
        self._variables: tuple[Variable, ...] = ()

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
        names = self._names or tuple(f"variables[{place}]" for place in range(len(arrays)))
        found = [label_checks.labelled(x, name) for x, name in zip(arrays, names, strict=True)]
        alike = dict(zip(names, (each.codes for each in found), strict=True))
        checks.same_length(**alike)
        columns, variables = zip(*map(in_columns, found), strict=True)
        rows = np.ascontiguousarray(np.concatenate(columns, axis=1))
        block = copy.copy(self)
        block._variables = variables
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
        pairs = list(zip(self._variables, other._variables, strict=True))
        # The larger vocabularies keep their numbers, and the smaller ones are looked up in them.
        kept = [max(pair, key=lambda each: len(each.words or ())) for pair in pairs]
        merged = copy.copy(self)
        merged._variables = tuple(kept)
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
        # Sums over rows have the same last bit if their order is the same, whatever the blocks.
        rows = self._sorted(rows)
        ends = itertools.pairwise(np.cumsum((0, *self._widths)))
        parts = [np.ascontiguousarray(rows.labels[:, start:end]) for start, end in ends]
        table = Table(rows.counts, tuple(ops.of(part).row_codes(part) for part in parts))
        entry = self._entry
        return entry.completed(_estimate(entry, table, self._options), self._options)

    def __repr__(self) -> str:
        return f"<Counts for {self.measure}, n={self.n}>"

    def __copy__(self) -> Counts:
        """Shares everything: blocks are never changed, and vocabularies only grow."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Without the words that others have counted since."""
        state = dict(self.__dict__)
        state["_variables"] = tuple(
            variable._replace(words=variable.words and Words(variable.words.first(self._used(i))))
            for i, variable in enumerate(self._variables)
        )
        return state

    @property
    def _widths(self) -> tuple[int, ...]:
        return tuple(len(variable.kinds) for variable in self._variables)

    def _sorted(self, rows: _Rows) -> _Rows:
        """The rows in the order of their labels, and words in alphabetical order."""
        labels = rows.labels.copy()
        for place, variable in enumerate(self._variables):
            if variable.words is not None:
                words = variable.words.first(self._used(place))
                rank = np.empty(len(words), np.int64)
                rank[sorted(range(len(words)), key=words.__getitem__)] = np.arange(len(words))
                columns = self._columns(place)
                labels[:, columns] = rank[labels[:, columns]]
        order = np.lexsort(labels.T[::-1])
        return _Rows(labels[order], rows.counts[order])

    def _columns(self, place: int) -> list[int]:
        """Where the words of a variable are among the columns of all."""
        start = sum(self._widths[:place])
        return [start + column for column in self._variables[place].worded]

    def _used(self, place: int) -> int:
        """How many words of a variable have been counted here."""
        columns = self._columns(place)
        return max((int(block.labels[:, columns].max()) + 1 for block in self._blocks), default=0)

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
            kinds = self._variables[place].kinds, other._variables[place].kinds
            if kinds[0] != kinds[1]:
                came = [" and ".join(dict.fromkeys(each)) for each in kinds]
                raise TypeError(
                    f"{name} must hold labels of one kind in all blocks; got {came[0]} and "
                    f"{came[1]}. Convert one of them first: {name}.astype(str)."
                )

    def _renumbered(self, merged: Counts) -> list[_Rows]:
        """The blocks, with the words numbered as in the merged vocabularies."""
        blocks = self._blocks
        for place, (own, new) in enumerate(zip(self._variables, merged._variables, strict=True)):
            if own.words is None or new.words is None or own.words is new.words:
                continue
            numbers = new.words.numbers(own.words.first(self._used(place)))
            columns = self._columns(place)
            blocks = [_Rows(labels.copy(), counts) for labels, counts in blocks]
            for labels, _ in blocks:
                labels[:, columns] = numbers[labels[:, columns]]
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
    """The blocks, the last ones joined until each is more than twice as long as the next.

    So a row takes part in few joints however many blocks there are, and memory stays within
    twice that of the distinct rows.
    """
    blocks = list(blocks)
    while len(blocks) > 1 and len(blocks[-2].counts) <= 2 * len(blocks[-1].counts):
        blocks[-2:] = [_joined(blocks[-2:])]
    return blocks
