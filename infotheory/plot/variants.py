"""Estimators as recorded: a method and the options that tell it apart from its others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Record", "Variant", "choose", "recorded_variants"]

Record = Mapping[str, Any]

#: Options that say how a number was computed or follow from the data, not what it means.
_INCIDENTAL = frozenset({"discrete_x", "discrete_y", "draws", "pointwise", "rng", "variance"})


@dataclass(frozen=True)
class Variant:
    """A method with the options that tell it apart from its others."""

    method: str
    params: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """As one would write the measure: binned(strategy='fixed', bin_width=0.07)."""
        options = ", ".join(f"{name}={value!r}" for name, value in self.params)
        return f"{self.method}({options})" if options else self.method

    @property
    def title(self) -> str:
        """For reading: binned, strategy=fixed, bin_width=0.07."""
        return ", ".join((self.method, *(f"{name}={value}" for name, value in self.params)))

    @property
    def note(self) -> str:
        """What has to be known before the numbers are believed; empty if nothing special."""
        bound = dict(self.params).get("bound")
        if self.method == "binned":
            return "binned: I(X;T) is the entropy of the binned layer and depends on the bins."
        if self.method == "mixture":
            kind = {"upper": "an upper bound on ", "lower": "a lower bound on "}.get(str(bound), "")
            named = f"mixture, bound={bound}" if kind else "mixture"
            neither = " I(T;Y) is a difference of two bounds and so neither bound." if kind else ""
            return (
                f"{named}: I(X;T) is {kind}what is left of the input after Gaussian noise of "
                f"that variance is added to the layer.{neither}"
            )
        return ""


def recorded_variants(
    records: Sequence[Record], quantities: Iterable[str] = ()
) -> dict[Variant, list[Record]]:
    """The variants in the records, each with its records, in the order of recording.

    Parameters
    ----------
    records : sequence of mappings
        One per estimate.
    quantities : iterable of str
        Keep only variants for which all of these were recorded.

    Raises
    ------
    ValueError
        If there are no records.
    """
    if not records:
        raise ValueError(
            "records is empty: nothing has been measured yet, so there is nothing to draw."
        )
    by_label: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        method = str(record.get("method") or "unknown")
        label = str(record.get("measure") or f"{record.get('quantity')}:{method}")
        by_label.setdefault((method, label), []).append(record)
    constant = {key: _constant_params(members) for key, members in by_label.items()}
    shared: dict[str, set[str]] = {}
    for (method, _), params in constant.items():
        # An option which only one quantity has (labels are discrete, say) does not part it from
        # the other quantities of the same estimator.
        shared[method] = shared.get(method, set(params)) & set(params)
    found: dict[Variant, list[Record]] = {}
    for (method, label), members in by_label.items():
        params = constant[method, label]
        options = tuple(
            (name, value)
            for name, value in params.items()
            if name in shared[method] and not _idle(name, params)
        )
        found.setdefault(Variant(method, options), []).extend(members)
    wanted = set(quantities)
    return {
        variant: members
        for variant, members in found.items()
        if wanted <= {record.get("quantity") for record in members}
    }


def choose(
    variants: Mapping[Variant, list[Record]], wanted: str | Variant | None, what: Iterable[str]
) -> Variant:
    """The variant with this name, method or measure label; the first one recorded for None.

    Raises
    ------
    ValueError
        If none fits, or several do.
    """
    if not variants:
        raise ValueError(
            f"no estimator was recorded for all of {', '.join(what)}. Record them with it: "
            f"Recorder(measures=...)."
        )
    if wanted is None:
        return next(iter(variants))
    if isinstance(wanted, Variant):
        matches = [variant for variant in variants if variant == wanted]
    else:
        matches = [
            variant
            for variant, members in variants.items()
            if wanted in (variant.name, variant.title)
            or any(str(record.get("measure")).partition(":")[2] == wanted for record in members)
        ] or [variant for variant in variants if variant.method == wanted]
    if len(matches) == 1:
        return matches[0]
    known = "; ".join(variant.name for variant in variants)
    problem = "fits several" if matches else "was not recorded"
    raise ValueError(f"variant {getattr(wanted, 'name', wanted)!r} {problem}; there are: {known}.")


def _constant_params(members: list[Record]) -> dict[str, Any]:
    """Options with one plain value throughout; what differs by layer was taken from the data."""
    first = dict(members[0].get("params") or {})
    others = [dict(member.get("params") or {}) for member in members[1:]]
    return {
        name: value
        for name, value in first.items()
        if name not in _INCIDENTAL
        and (value is None or isinstance(value, str | int | float | bool))
        and all(name in other and other[name] == value for other in others)
    }


def _idle(name: str, params: Mapping[str, Any]) -> bool:
    """An option that the chosen strategy does not read."""
    if "strategy" not in params:
        return False
    return name == ("bins" if params["strategy"] == "fixed" else "bin_width")
