"""Names of layers and their places, which decide about order and marker in all figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infotheory.plot.variants import Record

__all__ = ["layer_name", "layers"]


def layer_name(record: Record) -> str:
    """The layer, and which call of it: "fc", "fc:2"."""
    name, call = str(record["layer"]), record.get("call") or 1
    return name if call == 1 or name.endswith(f":{call}") else f"{name}:{call}"


def layers(records: Sequence[Record]) -> dict[str, int]:
    """Names of the layers, each with its place: its marker, the same in all figures.

    By index in the network, then by first appearance.
    """
    index: dict[str, tuple[int, int]] = {}
    for record in records:
        name = layer_name(record)
        if name not in index:
            position = record.get("layer_index")
            index[name] = (len(index) if position is None else int(position), len(index))
    # Groups may name their layers differently (tanh1, relu1): equal positions share a place.
    order = sorted({position for position, _ in index.values()})
    repeated = len(index) != len({position for position, _ in index.values()})
    by_name = sorted(index, key=lambda name: index[name])
    if repeated and _disjoint_by_group(records, index):
        return {name: order.index(index[name][0]) for name in by_name}
    return {name: place for place, name in enumerate(by_name)}


def _disjoint_by_group(records: Sequence[Record], index: Mapping[str, tuple[int, int]]) -> bool:
    """Whether no two layers of one group stand at the same position."""
    seen: dict[tuple[Any, int], str] = {}
    return all(
        seen.setdefault((record.get("group"), index[name][0]), name) == name
        for record in records
        for name in (layer_name(record),)
    )
