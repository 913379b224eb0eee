"""From records to what is drawn: per layer, the median path over seeds at their common steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from infotheory.estimate import AT_CEILING, convert
from infotheory.plot.variants import Record, Variant, choose, recorded_variants

__all__ = ["Panel", "Path", "groups", "layer_name", "panel", "probes", "spread"]

X, Y = "I(X;T)", "I(T;Y)"
#: Up to this many seeds the band is all of them; quartiles of so few would pretend precision.
FEW_SEEDS = 5
#: A data-processing violation below this many nats is not worth a reader's attention.
_NOTABLE = 0.02


@dataclass(frozen=True)
class Path:
    """One layer: values at the steps that all seeds share, by quantity.

    Attributes
    ----------
    layer : str
        Name, with the number of the call if the layer ran more than once.
    place : int
        Position among all layers of the records; the same layer has one marker everywhere.
    steps : array, shape (s,)
        Steps that every seed has.
    median, low, high : dict of str to array, shape (s,)
        By quantity; low and high are the band.
    seeds : dict of str to array, shape (seeds, s)
        Every seed's own values, by quantity; NaN where there is no finite value.
    saturated : boolean array, shape (s,)
        At the ceiling in at least half of the seeds.
    """

    layer: str
    place: int
    steps: np.ndarray
    median: dict[str, np.ndarray]
    low: dict[str, np.ndarray]
    high: dict[str, np.ndarray]
    seeds: dict[str, np.ndarray]
    saturated: np.ndarray


@dataclass(frozen=True)
class Panel:
    """The paths of one group under one variant, and what a caption must say of them."""

    variant: Variant
    group: str | None
    probe: str | None
    unit: str
    paths: tuple[Path, ...]
    n: tuple[int, ...]
    seeds: int
    ceiling_x: float | None
    ceiling_y: float | None
    not_finite: int
    unshared: int
    violations: tuple[str, ...]

    @property
    def band(self) -> str:
        """What the band shows: "" for a single seed."""
        return "" if self.seeds < 2 else "min to max" if self.seeds <= FEW_SEEDS else "quartiles"

    @property
    def size(self) -> str:
        """The number of samples: "n = 4096"."""
        return "n = " + " or ".join(map(str, self.n)) if self.n else "n unknown"

    @property
    def points(self) -> int:
        """How many are drawn."""
        return sum(len(path.steps) for path in self.paths)

    @property
    def saturated(self) -> int:
        """How many of the points are at the ceiling."""
        return sum(int(path.saturated.sum()) for path in self.paths)

    @property
    def last_step(self) -> int:
        """The latest step of any layer."""
        return max((int(path.steps[-1]) for path in self.paths), default=0)


def groups(records: Sequence[Record]) -> list[str | None]:
    """Groups in the order in which they were recorded."""
    return list(dict.fromkeys(record.get("group") for record in records))


def probes(records: Sequence[Record]) -> list[str | None]:
    """Probes in the order in which they were recorded."""
    return list(dict.fromkeys(record.get("probe") for record in records))


def layer_name(record: Record) -> str:
    """The layer, and which call of it: "fc", "fc:2"."""
    name, call = str(record["layer"]), record.get("call") or 1
    return name if call == 1 or name.endswith(f":{call}") else f"{name}:{call}"


def panel(
    records: Sequence[Record],
    *,
    quantities: Sequence[str] = (X, Y),
    variant: str | Variant | None = None,
    group: str | None = None,
    probe: str | None = None,
    unit: str = "bits",
) -> Panel:
    """Median paths of one group and one variant.

    Parameters
    ----------
    records : sequence of mappings
        One per estimate, values in nats.
    quantities : sequence of str
        What every point needs; the saturated flags belong to the first.
    variant, group, probe : str, optional
        Which of those recorded; the first one by default.
    unit : {"bits", "nats"}
        Unit of the result.

    Raises
    ------
    ValueError
        If there are no records, or none of that variant, group and probe.
    """
    scale = convert(1.0, "nats", unit)
    variants = recorded_variants(records, quantities)
    chosen = choose(variants, variant, quantities)
    members = variants[chosen]
    group = _one_of("group", group, groups(members))
    probe = _one_of("probe", probe, probes(members))
    places = _places(records)
    members = [
        record
        for record in members
        if record.get("group") == group
        and record.get("probe") == probe
        and record.get("quantity") in quantities
    ]
    table: dict[str, dict[Any, dict[str, dict[int, Record]]]] = {}
    for record in members:
        by_seed = table.setdefault(layer_name(record), {})
        by_quantity = by_seed.setdefault((record.get("run"), record.get("seed")), {})
        by_quantity.setdefault(record["quantity"], {})[int(record["step"])] = record
    built = [_path(layer, places[layer], table[layer], quantities, scale) for layer in table]
    paths = tuple(sorted((p for p in built if len(p.steps)), key=lambda path: path.place))
    all_steps = {
        layer: {step for seed in table[layer].values() for q in seed.values() for step in q}
        for layer in table
    }
    kept = {path.layer: set(path.steps.tolist()) for path in paths}
    return Panel(
        variant=chosen,
        group=group,
        probe=probe,
        unit=unit,
        paths=paths,
        n=tuple(sorted({int(record["n"]) for record in members if record.get("n")})),
        seeds=len({(record.get("run"), record.get("seed")) for record in members}),
        ceiling_x=_largest(members, "ceiling_x", scale),
        ceiling_y=_largest(members, "ceiling_y", scale),
        not_finite=sum(math.isnan(_finite(record)) for record in members),
        unshared=max(
            (len(all_steps[layer] - kept.get(layer, set())) for layer in table), default=0
        ),
        violations=_violations(paths, quantities, scale),
    )


def _one_of(name: str, wanted: str | None, known: list[str | None]) -> str | None:
    if wanted is None:
        return known[0]
    if wanted not in known:
        listed = ", ".join(repr(one) for one in known)
        raise ValueError(f"{name} {wanted!r} was not recorded; there are: {listed}.")
    return wanted


def _places(records: Sequence[Record]) -> dict[str, int]:
    """Every layer's place, by its index in the network and then by first appearance."""
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


def _path(
    layer: str,
    place: int,
    by_seed: Mapping[Any, Mapping[str, Mapping[int, Record]]],
    quantities: Sequence[str],
    scale: float,
) -> Path:
    held = [set(seed.get(quantity, {})) for seed in by_seed.values() for quantity in quantities]
    steps = np.array(sorted(set.intersection(*held)), dtype=int)
    seeds = {
        quantity: np.array(
            [[_finite(seed[quantity][s]) * scale for s in steps] for seed in by_seed.values()]
        ).reshape(len(by_seed), len(steps))
        for quantity in quantities
    }
    # A seed counts at a step only with all its coordinates: no point of two halves.
    incomplete = np.any([np.isnan(values) for values in seeds.values()], axis=0)
    seeds = {quantity: np.where(incomplete, np.nan, values) for quantity, values in seeds.items()}
    full = np.array(
        [[_at_ceiling(seed[quantities[0]][s]) for s in steps] for seed in by_seed.values()]
    ).reshape(len(by_seed), len(steps))
    drawn = ~incomplete.all(axis=0)
    seeds = {quantity: values[:, drawn] for quantity, values in seeds.items()}
    spreads = {quantity: spread(values) for quantity, values in seeds.items()}
    return Path(
        layer=layer,
        place=place,
        steps=steps[drawn],
        median={quantity: found[0] for quantity, found in spreads.items()},
        low={quantity: found[1] for quantity, found in spreads.items()},
        high={quantity: found[2] for quantity, found in spreads.items()},
        seeds=seeds,
        saturated=(full & ~incomplete)[:, drawn].sum(axis=0) * 2
        >= (~incomplete)[:, drawn].sum(axis=0),
    )


def spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, low and high end of the band over the first axis, the seeds; NaN is no value."""
    levels = (0, 100) if len(values) <= FEW_SEEDS else (25, 75)
    low, high = np.nanpercentile(values, levels, axis=0)
    return np.nanmedian(values, axis=0), low, high


def _finite(record: Record) -> float:
    value = record.get("value")
    return float(value) if value is not None and math.isfinite(value) else math.nan


def _at_ceiling(record: Record) -> bool:
    if record.get("saturated"):
        return True
    ceiling = record.get("ceiling_x") if record.get("quantity") == X else None
    # A ceiling of zero says that there is nothing to know, not that everything is known.
    return ceiling is not None and ceiling > 0 and _finite(record) >= AT_CEILING * ceiling


def _largest(members: Iterable[Record], name: str, scale: float) -> float | None:
    found = [record[name] for record in members if record.get(name) is not None]
    finite = [value for value in found if math.isfinite(value)]
    return max(finite) * scale if finite else None


def _violations(paths: Sequence[Path], quantities: Sequence[str], scale: float) -> tuple[str, ...]:
    """Where information rises from a layer to the next in every seed, at the last shared step."""
    found = []
    for before, after in itertools.pairwise(paths):
        for quantity in quantities:
            if quantity not in (X, Y) or before.steps[-1] != after.steps[-1]:
                continue
            first, second = before.seeds[quantity], after.seeds[quantity]
            if len(first) != len(second):
                continue
            gain = (second - first)[:, -1]
            gain = gain[~np.isnan(gain)]
            if len(gain) and gain.min() > _NOTABLE * scale:
                found.append(f"{quantity} rises from {before.layer} to {after.layer}")
    return tuple(found)
