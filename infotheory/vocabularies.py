"""The words that labels stand for, numbered alike wherever the labels are counted."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks
from infotheory.label_checks import Labels

__all__ = ["Variable", "Words", "in_columns"]


class Words:
    """The words of a variable, numbered as they came: a word keeps its number for ever.

    So counts that share a vocabulary need no copy of it, whatever is counted in either of them.
    """

    def __init__(self, words: Iterable[Any] = ()) -> None:
        self._numbers = {word: number for number, word in enumerate(words)}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._numbers)

    def __reduce__(self) -> tuple[Any, ...]:
        return Words, (list(self._numbers),)

    def numbers(self, words: Iterable[Any]) -> np.ndarray:
        """The number of each word, a new one where it was not known."""
        known = self._numbers
        with self._lock:
            found = [known.setdefault(word, len(known)) for word in words]
        return np.array(found, np.int64)

    def first(self, count: int) -> list[Any]:
        """The words with the smallest numbers, in the order of these."""
        return list(itertools.islice(self._numbers, count))


class Variable(NamedTuple):
    """What the columns of a variable hold."""

    kinds: tuple[str, ...]
    """For each column "integers", "strings" or "bytes"."""
    words: Words | None
    """The words of its columns, if there are any."""

    @property
    def worded(self) -> list[int]:
        """The columns that hold words."""
        return [place for place, kind in enumerate(self.kinds) if kind != "integers"]


def in_columns(found: Labels) -> tuple[np.ndarray, Variable]:
    """The labels of a variable in columns, and what they are."""
    codes = found.codes.cpu().numpy() if checks.is_tensor(found.codes) else found.codes
    codes = codes[:, None] if codes.ndim == 1 else codes
    if found.words is None:
        return codes, Variable(("integers",) * codes.shape[1], None)
    kind = "strings" if found.words.dtype.kind == "U" else "bytes"
    kinds = tuple(kind if is_words else "integers" for is_words in found.worded)
    return codes, Variable(kinds, Words(found.words.tolist()))
