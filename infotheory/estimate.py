"""The result of every estimator: a number that knows its unit, error, sample size and method."""

from __future__ import annotations

import html
import inspect
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np

__all__ = ["AT_CEILING", "Estimate", "InfotheoryWarning", "aloud", "convert", "outside"]

#: An estimate within 2 % of what its method can say at most is called saturated.
AT_CEILING = 0.98

_NATS_PER = {"nats": 1.0, "bits": math.log(2)}
#: Diagnostics that are amounts of information, and follow the value into another unit.
_INFORMATION = ("ceiling", "information", "pointwise", "solver_error")


class InfotheoryWarning(UserWarning):
    """The number is returned, but the question or the data do not support it fully."""


def outside() -> int:
    """The stack level of the first caller outside this package, for a warning to point at."""
    level, frame = 0, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith("infotheory."):
        level, frame = level + 1, frame.f_back
    return max(level, 1)


def aloud(found: Estimate) -> Estimate:
    """The estimate, once its warnings have been said to the first caller outside this package."""
    for message in found.diagnostics.get("warnings", ()):
        warnings.warn(f"{found.key}: {message}", InfotheoryWarning, stacklevel=outside())
    return found


def convert(value: Any, unit: str, to: str) -> Any:
    """An amount of information, or an array of them, in another unit."""
    if unit == to:
        return value
    if unit not in _NATS_PER:
        raise ValueError(
            f"only nats and bits convert into each other; this is in {unit!r}."
            if unit
            else "only nats and bits convert into each other; this is a pure number."
        )
    if to not in _NATS_PER:
        raise ValueError(
            f"unit must be 'nats' or 'bits', since only nats and bits convert into each other; "
            f"got {to!r}."
        )
    return value * _NATS_PER[unit] / _NATS_PER[to]


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number with its unit, error and origin; never clipped, never rounded.

    `float()`, comparison and arithmetic give plain floats; estimates in unlike units refuse.

    Attributes
    ----------
    value : float
        The estimate.
    unit : str
        "nats", "bits", "cost" or "" (a pure number).
    stderr : float or None
        One standard error in the same unit; None when it is not known.
    n : int
        Samples used.
    quantity, method : str
        What was estimated and how: "mutual_information" and "ksg", for example.
    params : Mapping
        Every option with its default resolved.
    diagnostics : Mapping
        What the method noticed: ties, outcomes, ceiling, saturated, warnings and so on.
    """

    value: float
    unit: str = "nats"
    stderr: float | None = None
    n: int = 0
    quantity: str = ""
    method: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    diagnostics: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", float(self.value))
        if self.stderr is not None:
            object.__setattr__(self, "stderr", float(self.stderr))
        for name in ("params", "diagnostics"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @classmethod
    def average(cls, local: np.ndarray, *, pointwise: bool = False, **parts: Any) -> Estimate:
        """The mean of one term for each sample, with the error of a mean of independent terms.

        With `pointwise` the terms themselves become a diagnostic, read-only and in the unit of
        the value.
        """
        n = len(local)
        value = float(np.add.reduce(local)) / n
        stderr = None
        if math.isfinite(value):
            stderr = math.sqrt(float(np.add.reduce(np.square(local - value))) / n) / math.sqrt(n)
        diagnostics = dict(parts.pop("diagnostics", {}))
        if pointwise:
            local = local.copy()
            local.flags.writeable = False
            diagnostics["pointwise"] = local
        return cls(value, stderr=stderr, n=n, diagnostics=diagnostics, **parts)

    @property
    def key(self) -> str:
        """Quantity and method as the register names them."""
        return f"{self.quantity}:{self.method}" if self.quantity else self.method

    def to(self, unit: str) -> Estimate:
        """The same estimate in another unit of information."""
        if unit == self.unit:
            return self
        diagnostics = {
            name: convert(value, self.unit, unit) if name in _INFORMATION else value
            for name, value in self.diagnostics.items()
        }
        stderr = None if self.stderr is None else convert(self.stderr, self.unit, unit)
        value = convert(self.value, self.unit, unit)
        return replace(self, value=value, stderr=stderr, unit=unit, diagnostics=diagnostics)

    def noting(self, warning: str) -> Estimate:
        """The same estimate with one more warning among its diagnostics."""
        said = (*self.diagnostics.get("warnings", ()), warning)
        return replace(self, diagnostics={**self.diagnostics, "warnings": said})

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and tables."""
        plain = {part.name: getattr(self, part.name) for part in fields(self)}
        return plain | {"params": dict(self.params), "diagnostics": dict(self.diagnostics)}

    def __str__(self) -> str:
        error = "" if self.stderr is None else f" ± {self.stderr:.2g}"
        unit = f" {self.unit}" if self.unit else ""
        origin = ", ".join(part for part in (self.key, f"n={self.n}" if self.n else "") if part)
        return f"{self.value:.6g}{error}{unit}" + (f" ({origin})" if origin else "")

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __repr__(self) -> str:
        return f"<Estimate {self}>"

    def _repr_html_(self) -> str:
        rows = {"value": str(self)} | dict(self.params) | dict(self.diagnostics)
        cells = "".join(
            f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>"
            for name, value in rows.items()
        )
        return f"<table>{cells}</table>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Estimate, tuple(self.as_dict().values())

    def __float__(self) -> float:
        return self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.value, dtype=dtype)

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        """Plain numbers for torch, but never in silence where a gradient would be cut."""
        options = options or {}
        _refuse_gradient((*arguments, *options.values()))
        plain = tuple(a.value if isinstance(a, Estimate) else a for a in arguments)
        named = {k: a.value if isinstance(a, Estimate) else a for k, a in options.items()}
        return function(*plain, **named)

    def _other(self, other: Any) -> Any:
        if isinstance(other, Estimate):
            if other.unit != self.unit:
                raise TypeError(
                    f"cannot combine {self.unit or 'a pure number'} with "
                    f"{other.unit or 'a pure number'}; convert one first: .to({self.unit!r})."
                )
            return other.value
        _refuse_gradient((other,))
        return other

    def __hash__(self) -> int:
        return hash(self.value)

    def __eq__(self, other: object) -> Any:
        return self.value == self._other(other)

    def __lt__(self, other: Any) -> Any:
        return self.value < self._other(other)

    def __le__(self, other: Any) -> Any:
        return self.value <= self._other(other)

    def __gt__(self, other: Any) -> Any:
        return self.value > self._other(other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= self._other(other)

    def __add__(self, other: Any) -> Any:
        return self.value + self._other(other)

    def __radd__(self, other: Any) -> Any:
        return self._other(other) + self.value

    def __sub__(self, other: Any) -> Any:
        return self.value - self._other(other)

    def __rsub__(self, other: Any) -> Any:
        return self._other(other) - self.value

    # A product or ratio of two estimates is a number whatever their units: nothing to refuse.
    def __mul__(self, other: Any) -> Any:
        return self.value * _plain(other)

    def __rmul__(self, other: Any) -> Any:
        return _plain(other) * self.value

    def __truediv__(self, other: Any) -> Any:
        return self.value / _plain(other)

    def __rtruediv__(self, other: Any) -> Any:
        return _plain(other) / self.value

    def __pow__(self, other: Any) -> Any:
        return self.value ** _plain(other)

    def __rpow__(self, other: Any) -> Any:
        return _plain(other) ** self.value

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.value, digits)

    def __neg__(self) -> float:
        return -self.value

    def __abs__(self) -> float:
        return abs(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)


def _plain(other: Any) -> Any:
    _refuse_gradient((other,))
    return other.value if isinstance(other, Estimate) else other


def _refuse_gradient(arguments: Any) -> None:
    if any(getattr(argument, "requires_grad", False) for argument in arguments):
        raise TypeError(
            "an Estimate is a plain number without a gradient: adding it to a loss would train "
            "nothing. Differentiable forms are in it.losses."
        )
