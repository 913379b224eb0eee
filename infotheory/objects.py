"""Arrays of Python objects, and tables that hold several kinds: numbers, words, what is missing."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["of_table", "refuse_mixed", "words_or_numbers"]


def of_table(x: Any, name: str, refuse: Callable[[np.ndarray, str], None]) -> Any:
    """The values of a pandas object; columns of several kinds of numbers become one of floats.

    `refuse` is asked about integers that then become floats.
    """
    values = x.to_numpy()
    if values.dtype.kind != "O":
        return values
    if hasattr(x, "isna"):
        missing = np.asarray(x.isna())
        if missing.any():
            raise _missing(missing, name, f" Drop those rows first: {name}.dropna().")
    if values.ndim != 2 or not hasattr(x, "iloc"):
        return values
    columns = [np.asarray(x.iloc[:, place].to_numpy()) for place in range(values.shape[1])]
    if not columns or any(column.dtype.kind not in "biuf" for column in columns):
        return values
    kind = np.result_type(*columns)
    if kind.kind == "f":
        for place, column in enumerate(columns):
            refuse(column[:, None], f"{name}.iloc[:, {place}:{place + 1}]")
    return np.stack([column.astype(kind) for column in columns], axis=1)


def _missing(missing: np.ndarray, name: str, cure: str = "") -> TypeError:
    first = tuple(int(i) for i in np.argwhere(missing)[0])
    return TypeError(
        f"{name} must not hold missing values; {int(missing.sum())} of {missing.size} are missing, "
        f"the first at index {first}.{cure}"
    )


def words_or_numbers(x: np.ndarray, name: str) -> np.ndarray:
    """Objects that are all strings, or all integers, as such; of others the same objects.

    Those that are neither are refused, each with the reason.
    """
    types = set(map(type, x.flat))
    if types and all(issubclass(kind, str) for kind in types):
        return x.astype(str)
    if types and all(issubclass(kind, bytes) for kind in types):
        return x.astype(bytes)
    if types and all(issubclass(kind, (numbers.Integral, np.bool_)) for kind in types):
        whole = np.array(x.tolist())
        if whole.dtype.kind != "O":
            return whole
    missing = np.array([_is_missing(value) for value in x.flat], bool).reshape(x.shape)
    if missing.any():
        raise _missing(missing, name, " Drop those rows first, or make them a label of their own.")
    if x.ndim == 2 and x.shape[1] > 1:
        return x
    kinds = ", ".join(sorted(kind.__name__ for kind in types))
    raise TypeError(
        f"{name} must hold integers or strings (discrete labels), one kind in a column; got dtype "
        f"{x.dtype} with {kinds or 'nothing'}. Convert it first: {name}.astype(str)."
    )


def _is_missing(value: Any) -> bool:
    """None, NaN, and what pandas has for them."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and value != value


def refuse_mixed(values: Sequence[Any], types: set[type], name: str) -> None:
    """Strings turn numbers beside them into strings too: 1 into "1", and NaN into a label."""
    strings = [kind for kind in types if issubclass(kind, (str, bytes))]
    if not strings or len(strings) == len(types):
        return
    first, other = (
        next(value for value in values if isinstance(value, (str, bytes)) is wanted)
        for wanted in (True, False)
    )
    raise TypeError(
        f"{name} must not mix strings with other types, which would become strings; got "
        f"{first!r} and {other!r}. Make all strings or all numbers, and drop missing values."
    )
