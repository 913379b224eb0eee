"""The register of estimators: what verbs, recorder, command line, docs and tests read."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from infotheory import checks, label_checks
from infotheory.estimate import Estimate, aloud
from infotheory.truth import Truth

__all__ = [
    "DEFAULT_METHODS",
    "LAYER_QUANTITIES",
    "Entry",
    "Measure",
    "entries",
    "entry",
    "estimator",
    "measure",
    "refuse_unknown",
]

#: Quantities of a layer T that a recorder knows, and the registered quantity each is made of.
LAYER_QUANTITIES = MappingProxyType(
    {
        "H(T)": "entropy",
        "H(T|Y)": "mutual_information",
        "I(X;T)": "mutual_information",
        "I(T;Y)": "mutual_information",
        "I(X;T|Y)": "mutual_information",
    }
)
#: What the verbs, and the command line, take where no method is named.
DEFAULT_METHODS = MappingProxyType(
    dict.fromkeys(
        ("mutual_information", "conditional_mutual_information", "total_correlation"), "ksg"
    )
)
#: The method of a layer quantity whose name gives none.
_BARE = "binned"
#: Packages whose modules register estimators when imported.
_HOMES = ("infotheory.estimators",)

_register: dict[str, Entry] = {}


@dataclass(frozen=True)
class Entry:
    """One registered estimator.

    Attributes
    ----------
    key : str
        "quantity:method".
    function : callable
        The checked estimator: arrays in the order of `inputs`, options by keyword.
    inputs : tuple of str
        What each array must be: "real", "line" (one real column) or "codes"; a last "..."
        stands for any number more of the kind before it.
    unit, estimand, bound : str, str, str or None
        Unit of the value; what it estimates ("shannon" or a name of its own); whether it is a
        "lower" or "upper" bound of the estimand.
    differentiable : bool
        Whether `infotheory.losses` has a form with gradients.
    engines : tuple of str
        "cpu" and "torch".
    source : str
        Where the formula comes from.
    truth : tuple of Truth
        Problems with exact answers, which tests and benchmarks put to the estimator.
    paired : bool
        Whether row i of every array is of the same sample; else the arrays are samples of their
        own, of any length, with the same columns.
    resolved : Mapping
        Options that may be given as a rule which follows the data, each with the name of the
        parameter that holds what the rule came to; a recorder keeps that from its first probe.
    null : callable or None
        ``null(x, y, orders, **options)``: the values with the rows of y in each of several
        orders, found together, or None where that is no faster.
    labels : Mapping
        Real arrays that hold labels, strings too, where an option has a value: by their names,
        the name of that option and the value.
    """

    key: str
    function: Callable[..., Estimate]
    inputs: tuple[str, ...]
    unit: str
    estimand: str
    bound: str | None
    differentiable: bool
    engines: tuple[str, ...]
    source: str
    truth: tuple[Truth, ...]
    paired: bool = True
    resolved: Mapping[str, str] = field(default_factory=dict)
    null: Callable[..., Any] | None = None
    labels: Mapping[str, tuple[str, Any]] = field(default_factory=dict)

    @property
    def quantity(self) -> str:
        """What is measured: the part of the key before the colon."""
        return self.key.partition(":")[0]

    @property
    def method(self) -> str:
        """How it is measured: the part of the key after the colon."""
        return self.key.partition(":")[2]

    @functools.cached_property
    def options(self) -> Mapping[str, Any]:
        """Every option with its default."""
        return MappingProxyType(
            {
                name: parameter.default
                for name, parameter in inspect.signature(self.function).parameters.items()
                if parameter.kind is parameter.KEYWORD_ONLY
            }
        )

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the arrays."""
        parameters = inspect.signature(self.function).parameters
        return tuple(name for name in parameters if name not in self.options)

    @property
    def takes_any_number(self) -> bool:
        """Whether the estimator takes any number of arrays."""
        return self.inputs[-1] == "..."

    def check(self, *arrays: Any, options: Mapping[str, Any] | None = None) -> list[Any]:
        """The arrays as the estimator takes them, or an error that names the wrong one.

        The options say which real arrays hold labels.
        """
        names, kinds = self.names, self.inputs
        if self.takes_any_number:
            names = tuple(f"{names[0]}[{place}]" for place in range(len(arrays)))
            kinds = (kinds[0],) * len(arrays)
        named = zip(kinds, names, arrays, strict=True)
        if self.labels:
            samples = [self._labels_or(kind, name, x, options or {}) for kind, name, x in named]
        else:
            samples = [_KINDS[kind](x, name) for kind, name, x in named]
        alike = checks.same_length if self.paired else checks.same_columns
        alike(**dict(zip(names, samples, strict=True)))
        return samples

    def _labels_or(self, kind: str, name: str, x: Any, options: Mapping[str, Any]) -> Any:
        """An array of labels, where the options say that it is one, or else of its kind."""
        if name not in self.labels:
            return _KINDS[kind](x, name)
        option, value = self.labels[name]
        chosen = options.get(option, self.options[option])
        if isinstance(chosen, type(value)) and chosen == value:
            return label_checks.symbols(x, name)
        try:
            return _KINDS[kind](x, name)
        except TypeError as error:
            if "Strings are labels" not in str(error):
                raise
            raise TypeError(f"{error} Or pass {option}={value!r}, if it fits.") from None

    def completed(self, found: Estimate, options: Mapping[str, Any], n: int = 0) -> Estimate:
        """The estimate with its unit, name, options and n, whose warnings have been said aloud."""
        return aloud(
            replace(
                found,
                unit=self.unit,
                quantity=self.quantity,
                method=self.method,
                n=found.n or n,
                params={**options, **found.params},
            )
        )

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


def estimator(
    key: str,
    *,
    inputs: tuple[str, ...],
    source: str,
    truth: tuple[Truth, ...],
    unit: str = "nats",
    estimand: str = "shannon",
    bound: str | None = None,
    differentiable: bool = False,
    engines: tuple[str, ...] = ("cpu", "torch"),
    paired: bool = True,
    resolved: Mapping[str, str] | None = None,
    null: Callable[..., Any] | None = None,
    labels: Mapping[str, tuple[str, Any]] | None = None,
) -> Callable[[Callable[..., Estimate]], Callable[..., Estimate]]:
    """Register a function of checked arrays as the estimator `key`.

    The decorated function checks its arrays by `inputs`, names unknown options, completes the
    Estimate with quantity, method and resolved options, and says its warnings aloud.
    """

    def register(function: Callable[..., Estimate]) -> Callable[..., Estimate]:
        @functools.wraps(function)
        def checked(*arrays: Any, **options: Any) -> Estimate:
            arrays = _arrays_by_name(made, arrays, options)
            refuse_unknown(key, made.options, options)
            samples = made.check(*arrays, options=options)
            options = {**made.options, **options}
            found = function(*samples, **options)
            return made.completed(found, options, len(samples[0]))

        made = Entry(
            key=key,
            function=checked,
            inputs=inputs,
            unit=unit,
            estimand=estimand,
            bound=bound,
            differentiable=differentiable,
            engines=engines,
            source=source,
            truth=truth,
            paired=paired,
            resolved=MappingProxyType(dict(resolved or {})),
            null=null,
            labels=MappingProxyType(dict(labels or {})),
        )
        _register[key] = made
        return checked

    return register


def entries(quantity: str | None = None) -> tuple[Entry, ...]:
    """All registered estimators, or those of one quantity, sorted by key."""
    _load()
    known = sorted(_register.values(), key=lambda entry: entry.key)
    if quantity is None:
        return tuple(known)
    checks.choice(quantity, "quantity", sorted({entry.quantity for entry in known}))
    return tuple(entry for entry in known if entry.quantity == quantity)


def entry(quantity: str, method: str | None) -> Entry:
    """The estimator of a quantity by a method; an unknown method lists the known ones."""
    _load()
    if (found := _register.get(f"{quantity}:{method}")) is not None:
        return found
    methods = [known.method for known in entries(quantity)]
    if method is None:
        raise TypeError(f"{quantity} needs method=, one of {', '.join(map(repr, methods))}.")
    checks.choice(method, "method", methods)
    raise AssertionError(f"{quantity}:{method} is registered, or refused above")


@dataclass(frozen=True)
class Measure:
    """An estimator with its options fixed: callable, picklable, accepted wherever a key is.

    Attributes
    ----------
    key : str
        "mutual_information:ksg", or a quantity of a layer such as "I(X;T):binned".
    options : Mapping
        The options that were given; defaults are not repeated here.
    """

    key: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def quantity(self) -> str:
        """What is measured: the part of the key before the colon."""
        return self.key.partition(":")[0]

    @property
    def method(self) -> str:
        """How it is measured: the part of the key after the colon."""
        return self.key.partition(":")[2]

    @property
    def entry(self) -> Entry:
        """The registered estimator that computes it."""
        return entry(LAYER_QUANTITIES.get(self.quantity, self.quantity), self.method)

    def __call__(self, *arrays: Any) -> Estimate:
        """Estimate from arrays; a quantity of a layer is computed by a recorder alone."""
        if self.quantity in LAYER_QUANTITIES:
            raise TypeError(
                f"{self.key} is a quantity of a layer: pass it to Recorder(measures=...). "
                f"For arrays use {self.entry.key!r}."
            )
        return self.entry.function(*arrays, **self.options)

    def __str__(self) -> str:
        chosen = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"{self.key}({chosen})" if chosen else self.key


def measure(key: str | Measure, **options: Any) -> Measure:
    """An estimator with its options fixed.

    Parameters
    ----------
    key : str
        "quantity:method" as listed by `infotheory.methods()`, or a quantity of a layer,
        ``H(T) H(T|Y) I(X;T) I(T;Y) I(X;T|Y)``, with or without ":method" (then "binned").
    **options
        Options of that estimator.

    Returns
    -------
    Measure
        Callable with arrays, picklable, and accepted wherever a key is.

    Raises
    ------
    ValueError, TypeError
        For an unknown quantity, method or option; the message lists the known ones.
    """
    if isinstance(key, Measure):
        return measure(key.key, **{**key.options, **options})
    given: Any = key
    if not isinstance(given, str):
        raise TypeError(
            f"a measure must be a key such as 'mutual_information:ksg', or what infotheory.measure "
            f"makes of a key and options; got {type(given).__name__} "
            f"{getattr(given, '__name__', given)!r}."
        )
    quantity, _, method = key.partition(":")
    quantities = [*LAYER_QUANTITIES, *sorted({known.quantity for known in entries()})]
    checks.choice(quantity, "the quantity of a measure", quantities)
    if quantity in LAYER_QUANTITIES:
        method = method or _BARE
    found = entry(LAYER_QUANTITIES.get(quantity, quantity), method or None)
    refuse_unknown(found.key, found.options, options)
    return Measure(f"{quantity}:{method}", options)


@functools.cache
def _load() -> None:
    """Import every module that registers estimators, so that one new file is all it takes."""
    for home in _HOMES:
        package = importlib.import_module(home)
        for module in _modules(package):
            importlib.import_module(module)


def _modules(package: Any) -> Iterator[str]:
    for module in pkgutil.iter_modules(package.__path__):
        yield f"{package.__name__}.{module.name}"


def _arrays_by_name(
    made: Entry, arrays: tuple[Any, ...], options: dict[str, Any]
) -> tuple[Any, ...]:
    """The arrays in order, taking those given by keyword out of `options`."""
    if made.takes_any_number:
        if len(arrays) < len(made.inputs) - 1:
            raise TypeError(
                f"{made.key} takes {len(made.inputs) - 1} arrays or more; got {len(arrays)}."
            )
        return arrays
    missing = made.names[len(arrays) :]
    given = (*arrays, *(options.pop(name) for name in missing if name in options))
    if len(given) != len(made.names):
        raise TypeError(
            f"{made.key} takes {len(made.names)} array{'s' if len(made.names) > 1 else ''} "
            f"({', '.join(made.names)}); got {len(given)}. Options go by keyword."
        )
    return given


def refuse_unknown(key: str, known: Iterable[str], options: Iterable[str]) -> None:
    """An error for the first of the options that a measure does not have."""
    known = list(known)
    for name in options:
        if name not in known:
            close = checks.near_misses(name, known, 1)
            meant = f" Did you mean {close[0]!r}?" if close else ""
            listed = ", ".join(known) or "none"
            raise TypeError(f"{key} has no option {name!r}; its options are: {listed}.{meant}")


_KINDS: Mapping[str, Callable[[Any, str], Any]] = MappingProxyType(
    {"real": checks.real, "line": checks.line, "codes": label_checks.codes}
)
