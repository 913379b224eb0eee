"""What a log says of itself, and the checks of what goes into it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from torch import nn

import infotheory
from infotheory import registry
from infotheory.record import quantities, store
from infotheory.record.layers import Layer
from infotheory.record.probe import Probe
from infotheory.registry import Measure

__all__ = ["header", "known_measures", "plain_number"]

_VERSIONS = ("numba", "numpy", "scipy", "torch")


def header(
    *,
    run: str,
    model: nn.Module,
    layers: Sequence[Layer],
    measures: Sequence[Measure],
    probes: Mapping[str, Probe],
    reduce: str,
    freeze_widths: bool,
    seed: int | None,
    tags: Mapping[str, str | int],
) -> dict[str, Any]:
    """The first record of a log."""
    return {
        "kind": "header",
        "format": store.FORMAT,
        "run": run,
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "versions": {
            "infotheory": infotheory.__version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in _VERSIONS},
        },
        "seed": seed,
        "tags": dict(tags),
        "model": type(model).__name__,
        "layers": [layer.about() for layer in layers],
        "measures": [
            {"label": str(measure), "key": measure.key, "options": dict(measure.options)}
            for measure in measures
        ],
        "probes": {name: probe.about() for name, probe in probes.items()},
        "reduce": reduce,
        "freeze_widths": freeze_widths,
        "unit": "nats",
    }


def known_measures(measures: Any, data: Mapping[str, Probe]) -> list[Measure]:
    """The measures, each checked against the register and the data."""
    given = [measures] if isinstance(measures, str | Measure) else list(measures)
    if not given:
        raise ValueError("measures must name at least one measure.")
    made = [registry.measure(one) for one in given]
    for place, measure in enumerate(made):
        quantities.check(measure)
        if str(measure) in map(str, made[:place]):
            raise ValueError(f"measures must differ; got {str(measure)!r} twice.")
        for name, probe in data.items():
            if quantities.needs_y(measure) and not probe.has_y:
                raise ValueError(
                    f"{measure} needs labels, but probe {name!r} has x alone: pass (x, y)."
                )
    return made


def plain_number(value: Any, name: str) -> Any:
    """A plain number from what a training loop has at hand."""
    if value is None or isinstance(value, bool | int | float):
        return value
    try:
        return value.item()
    except (AttributeError, ValueError, RuntimeError, TypeError):
        raise TypeError(
            f"{name} must be a number or an array of one element; got {type(value).__name__}."
        ) from None
