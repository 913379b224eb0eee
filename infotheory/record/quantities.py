"""How each quantity of a layer T is computed, from T, the rows of the probe and their labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from infotheory import registry
from infotheory.estimate import AT_CEILING, Estimate
from infotheory.record.probe import Probe
from infotheory.registry import Measure

__all__ = ["ceiling", "check", "estimate", "needs_y", "saturated"]

#: Methods for which X is the identity of the row: what they say of I(X;T) depends on T alone.
_BY_ROW = ("binned", "mixture")
#: What goes with T as X, where it is not the input itself. Noise in the network makes the same
#: input, given several times, different activations.
_AS_X = MappingProxyType({"mixture": "rows", "sample_propagation": "inputs"})
#: Methods that take numbers, and find out themselves that labels repeat.
_TELL_LABELS = ("binned", "mixed")
_WITH_Y = ("H(T|Y)", "I(T;Y)", "I(X;T|Y)")


def needs_y(measure: Measure) -> bool:
    """Whether the quantity is one of T and the labels."""
    return measure.quantity in _WITH_Y


def check(measure: Measure) -> None:
    """An error for what cannot be computed of a layer, before any training is done."""
    method = measure.method
    if measure.options.get("pointwise"):
        raise ValueError(
            f"{measure}: a log keeps one number for each measure, not one for each sample; "
            f"leave pointwise out, or call the estimator with the activations yourself."
        )
    if measure.quantity == "I(X;T|Y)" and method not in _BY_ROW:
        _refuse_unconditional(measure)
    if measure.quantity == "H(T|Y)":
        _refuse_missing("H(T|Y)", f"entropy:{method}")
    if measure.quantity not in registry.LAYER_QUANTITIES and len(measure.entry.inputs) != 1:
        known = ", ".join(f"'{quantity}:{method}'" for quantity in ("I(X;T)", "I(T;Y)"))
        raise ValueError(
            f"{measure.key!r} takes {len(measure.entry.inputs)} arrays, but a recorder has a "
            f"layer T: say which quantity of it is meant, for example {known}."
        )


def estimate(measure: Measure, t: Any, probe: Probe) -> Estimate:
    """The quantity of the activations `t`, shape (n, d), in nats.

    The quantity of the result is the measure's, "I(X;T)" for example.
    """
    found = _COMPUTE.get(measure.quantity, _sample_measure)(measure, t, probe)
    return replace(found, quantity=measure.quantity, method=measure.method)


def ceiling(measure: Measure, found: Estimate, probe: Probe) -> float | None:
    """The largest value the estimate could have had, as far as known."""
    known = [found.diagnostics.get("ceiling")]
    if measure.quantity == "I(X;T)":
        known.append(probe.entropy_x)
    if measure.quantity == "I(T;Y)":
        known.append(probe.entropy_y)
    return min((float(bound) for bound in known if bound is not None), default=None)


def saturated(measure: Measure, found: Estimate, bound: float | None) -> bool:
    """Whether the number says more about the sample than about the layer.

    An I(T;Y) at H(Y) does not: there the layer knows the label.
    """
    full = bool(found.diagnostics.get("saturated", False))
    if measure.quantity == "I(X;T)" and bound is not None:
        full = full or (bound > 0 and found.value >= AT_CEILING * bound)
    return full


def _sample_measure(measure: Measure, t: Any, probe: Probe) -> Estimate:
    return measure(t)


def _entropy(measure: Measure, t: Any, probe: Probe) -> Estimate:
    entry = registry.entry("entropy", measure.method)
    options = {name: value for name, value in measure.options.items() if name in entry.options}
    for name in entry.resolved:
        given = options.get(name)
        # T is the first of the variables that have a width each, as they do once frozen.
        if isinstance(given, (tuple, list)) and len(given) == len(measure.entry.inputs):
            options[name] = given[0]
    return entry.function(t, **options)


def _about_x(measure: Measure, t: Any, probe: Probe) -> Estimate:
    if measure.method == "binned":
        # X names the row and T is a function of it, so I(X;T) = H(T), and there is no need to
        # count pairs.
        return _entropy(measure, t, probe)
    x = probe.beside(t, _AS_X.get(measure.method, "x"))
    return measure.entry.function(t, x, **measure.options)


def _about_y(measure: Measure, t: Any, probe: Probe) -> Estimate:
    options = dict(measure.options)
    if measure.method == "binned":
        kind = "labels" if options.setdefault("discrete_y", True) else "y"
    else:
        kind = "codes" if measure.entry.inputs[1] == "codes" else "y"
    found = measure.entry.function(t, probe.beside(t, kind), **options)
    if kind == "y" and measure.method not in _TELL_LABELS and probe.names_classes:
        return found.noting(
            "labels were taken as numbers, so that class 0 is nearer to 1 than to 9; if they only "
            "name classes, give the probe one column of 0 and 1 for each class, or choose a method "
            "for labels ('binned', 'mixture', 'mixed')."
        )
    return found


def _given_y(measure: Measure, t: Any, probe: Probe) -> Estimate:
    return _difference(_entropy(measure, t, probe), _about_y(measure, t, probe), probe)


def _about_x_given_y(measure: Measure, t: Any, probe: Probe) -> Estimate:
    if measure.method not in _BY_ROW:
        entry = registry.entry("conditional_mutual_information", measure.method)
        x, y = probe.beside(t, "x"), probe.beside(t, "y")
        return entry.function(x, t, y, **measure.options)
    # I(X;T|Y) = I(X,Y;T) - I(T;Y), and the row, which X names, decides Y.
    return _difference(_about_x(measure, t, probe), _about_y(measure, t, probe), probe)


def _difference(whole: Estimate, about_y: Estimate, probe: Probe) -> Estimate:
    """The part of `whole` that Y does not tell; its error is unknown, since the two go together."""
    said = [*whole.diagnostics.get("warnings", ()), *about_y.diagnostics.get("warnings", ())]
    noted: dict[str, Any] = {
        "saturated": any(e.diagnostics.get("saturated", False) for e in (whole, about_y)),
    }
    bound = whole.diagnostics.get("ceiling")
    if bound is not None and probe.entropy_y is not None:
        noted["ceiling"] = bound - probe.entropy_y
    if said:
        noted["warnings"] = tuple(dict.fromkeys(said))
    value = whole.value - about_y.value if math.isfinite(whole.value) else whole.value
    params: Mapping[str, Any] = {**whole.params, **about_y.params}
    return Estimate(value, n=whole.n, params=params, diagnostics=noted)


def _refuse_unconditional(measure: Measure) -> None:
    """An error unless the method estimates conditional information, with these options."""
    known = {
        entry.method: entry
        for entry in registry.entries("conditional_mutual_information")
        if entry.inputs == ("real",) * 3
    }
    if measure.method not in known:
        raise ValueError(
            f"I(X;T|Y) is not available for {measure.method!r}; methods that have it: "
            f"{', '.join(map(repr, sorted({*_BY_ROW, *known})))}."
        )
    for name in measure.options:
        if name not in known[measure.method].options:
            raise ValueError(f"{measure} has no option {name!r} for a conditional quantity.")


def _refuse_missing(quantity: str, key: str) -> None:
    keys = [entry.key for entry in registry.entries("entropy")]
    if key not in keys:
        both = {entry.method for entry in registry.entries("mutual_information")}
        known = [k.partition(":")[2] for k in keys if k.partition(":")[2] in both]
        raise ValueError(
            f"{quantity} is H(T) - I(T;Y), and there is no {key!r}; methods that have both: "
            f"{', '.join(map(repr, known))}."
        )


_COMPUTE = {
    "H(T)": _entropy,
    "H(T|Y)": _given_y,
    "I(T;Y)": _about_y,
    "I(X;T)": _about_x,
    "I(X;T|Y)": _about_x_given_y,
}
