"""Widths that a rule takes from the data, kept from the first probe so that steps compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infotheory.registry import Measure

__all__ = ["Frozen"]

Record = Mapping[str, Any]


class Frozen:
    """What rules came to at the first probe, for each layer and measure.

    Parameters
    ----------
    earlier : iterable of dict
        The records of a log that goes on.
    """

    def __init__(self, earlier: Iterable[Record] = ()) -> None:
        self._params: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        for record in earlier:
            if record.get("kind") == "estimate":
                self.keep(record)

    def keep(self, record: Record) -> None:
        """Remember the parameters of an estimate, unless there was an earlier one."""
        self._params.setdefault(_series(record, record.get("measure")), record.get("params", {}))

    def fixed(self, measure: Measure, about: Record) -> Measure:
        """The measure with each option that a rule decides set to what it came to first."""
        params = self._params.get(_series(about, str(measure)))
        if params is None:
            return measure
        options = {
            option: tuple(params[name]) if isinstance(params[name], list) else params[name]
            for option, name in measure.entry.resolved.items()
            if name in params
        }
        return Measure(measure.key, {**measure.options, **options}) if options else measure


def _series(about: Record, label: str | None) -> tuple[Any, ...]:
    """A layer and a measure; all probes share what they came to."""
    return about.get("layer"), about.get("call"), about.get("output"), label
