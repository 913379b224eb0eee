"""Statistics that are asked for again, from memory: measures of one layer share their passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from infotheory import checks

if TYPE_CHECKING:
    from infotheory.ops import MixtureLogSums

__all__ = ["KEPT", "remember", "remembering"]

#: Primitives that `remember` keeps, and no others: each is a whole statistic of arrays that callers
#: hold on to and nobody changes, with an answer no larger than the samples. Matrices, and whatever
#: works on one, are not of them: their entries change in place, and a layer would fill the memory.
KEPT = frozenset(
    {
        "bincount",
        "column_ranges",
        "covariance",
        "distance_quantile",
        "extents",
        "kernel_log_sums",
        "mixture_log_sums",
        "nearer",
        "neighbours",
        "quantiles",
        "rank",
        "row_codes",
        "standardise",
        "unique_values",
        "value_range",
    }
)
_memory: ContextVar[dict[Any, Any] | None] = ContextVar("infotheory_memory", default=None)


@contextmanager
def remember() -> Iterator[None]:
    """Inside this block a statistic of the same arrays, asked for again, comes from memory.

    Several measures of one layer share their passes over it. The arrays must not change inside.
    Matrices are made anew each time, so that a caller may change its own.
    """
    token = _memory.set({})
    try:
        yield
    finally:
        _memory.reset(token)


def remembering(engine: Any) -> Any:
    """The engine, which inside `remember` looks into the memory first."""
    memory = _memory.get()
    return engine if memory is None else _Remembering(engine, memory)


class _Remembering:
    """An engine that keeps some of its answers, and their arguments, until the block ends."""

    def __init__(self, engine: Any, memory: dict[Any, Any]) -> None:
        self._engine = engine
        self._memory = memory

    def __getattr__(self, primitive: str) -> Any:
        function = getattr(self._engine, primitive)
        if primitive not in KEPT:
            return function

        def recalled(*arguments: Any, **options: Any) -> Any:
            key = (self._engine, primitive, _identity(arguments), _identity(options))
            if key not in self._memory:
                self._memory[key] = (function(*arguments, **options), arguments, options)
            return self._memory[key][0]

        return recalled

    def mixture_log_sums(
        self, x: Any, variance: float, classes: Any | None = None
    ) -> MixtureLogSums:
        # A pass by class holds the sums over everybody as well.
        key = (self._engine, "any mixture_log_sums", _identity((x, variance)))
        if classes is None and key in self._memory:
            return self._memory[key][0]
        sums = self.__getattr__("mixture_log_sums")(x, variance, classes)
        self._memory[key] = (sums, x)
        return sums


def _identity(value: Any) -> Any:
    """A key that two arguments share only if they are the same numbers in the same place."""
    if isinstance(value, (tuple, list)):
        return tuple(map(_identity, value))
    if isinstance(value, dict):
        return tuple((name, _identity(part)) for name, part in sorted(value.items()))
    if isinstance(value, np.ndarray):
        return value.ctypes.data, value.shape, value.strides, value.dtype.str
    if checks.is_tensor(value):
        return value.data_ptr(), tuple(value.shape), value.stride(), str(value.dtype)
    return value
