"""What an argument that holds labels must be: whole numbers or words, one kind in a column."""

from __future__ import annotations

import numbers
import sys
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks
from infotheory.objects import words_or_numbers

__all__ = ["Labels", "codes", "labelled", "symbols"]


def codes(x: Any, name: str) -> Any:
    """Samples of a discrete variable as an (n,) or (n, d) array of integers; a row is a symbol.

    Strings are numbered in sorted order; floats are accepted only where each is a whole number.
    """
    return labelled(x, name).codes


def symbols(x: Any, name: str) -> Any:
    """Samples of labels for a method of real variables: as `real`, but strings are numbered."""
    found = checks.array(x, name)
    if checks.is_tensor(found) or found.dtype.kind in "biuf":
        return checks.real(found, name)
    return checks.real(codes(found, name), name)


class Labels(NamedTuple):
    """Labels as integers, and what they were where they were words."""

    codes: Any
    """(n,) or (n, d) integers."""
    words: np.ndarray | None = None
    """The words that the codes of some columns number, in sorted order."""
    worded: tuple[bool, ...] = ()
    """For each column whether its codes number words, where some do."""


def labelled(x: Any, name: str) -> Labels:
    """Samples of a discrete variable as `codes` gives them, with the words they stand for."""
    x = checks.array(x, name)
    if checks.is_tensor(x):
        if x.is_floating_point() or x.is_complex():
            # Labels are few: checking the floats once on the CPU keeps the rules in one place.
            return Labels(sys.modules["torch"].as_tensor(codes(x.cpu(), name)).to(x.device))
        return Labels(checks.shaped(x, name, (1, 2)).contiguous())
    if x.dtype.kind in "OT":
        x = words_or_numbers(x.astype(object), name)
        if x.dtype.kind == "O":
            return _labelled_columns(checks.shaped(x, name, (1, 2)), name)
    if x.dtype.kind not in "biufUS":
        raise TypeError(
            f"{name} must hold integers or strings (discrete labels); got dtype {x.dtype}."
        )
    x = checks.shaped(x, name, (1, 2))
    if x.dtype.kind in "US":
        words, numbered = np.unique(x, return_inverse=True)
        numbered = np.ascontiguousarray(numbered.reshape(x.shape), dtype=np.int64)
        return Labels(numbered, words, (True,) * (x.shape[1] if x.ndim == 2 else 1))
    if x.dtype.kind == "f":
        checks.refuse_non_finite(np.isfinite(x), name)
        if (np.floor(x) != x).any():
            raise ValueError(
                f"{name} must hold discrete labels (integers or strings); got {x.dtype} with "
                f"fractions, for example {x[np.floor(x) != x][0]}. For a continuous variable "
                f"choose a method for real data, bin it (method='binned'), or make labels of it "
                f"(infotheory.clusters)."
            )
        # Half precision does not reach so far, and could not even hold the limit.
        if x.dtype.itemsize > 2 and (np.abs(x) >= 2.0**63).any():
            raise ValueError(f"{name} must hold labels below 2**63 in size; got {np.abs(x).max()}.")
    return Labels(np.require(x, np.int64, ["C", "A", "W"]))


def _labelled_columns(x: np.ndarray, name: str) -> Labels:
    """A table whose columns hold labels of different kinds: words of all columns are one kind."""
    columns = []
    for place, column in enumerate(x.T):
        if all(isinstance(value, (numbers.Real, np.bool_)) for value in column):
            columns.append(np.array(column.tolist()))
        else:
            columns.append(words_or_numbers(column, f"{name}[:, {place}]"))
    worded = tuple(column.dtype.kind in "US" for column in columns)
    found = np.empty(x.shape, np.int64)
    words = [column for column, is_words in zip(columns, worded, strict=True) if is_words]
    numbered = labelled(np.stack(words, axis=1), name) if words else Labels(None)
    if words:
        found[:, np.array(worded)] = numbered.codes
    for place, column in enumerate(columns):
        if not worded[place]:
            found[:, place] = codes(column, f"{name}[:, {place}]")
    return Labels(found, numbered.words, worded if words else ())
