"""From records to what is drawn: per layer, the median path over seeds at their common steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from infotheory.estimate import AT_CEILING, convert
from infotheory.plot.layers import layer_name, layers
from infotheory.plot.variants import Record, Variant, choose, recorded_variants

__all__ = ["Panel", "Path", "groups", "panel", "panels", "probes", "spread"]

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
    stderr : dict of str to array, shape (s,)
        The median over seeds of the standard errors, by quantity; NaN where unknown.
    saturated : boolean array, shape (s,)
        The median is at the ceiling, or most seeds are.
    saturated_seeds : boolean array, shape (seeds, s)
        At the ceiling, by seed.
    width : int or None
        Features of the layer.
    """

    layer: str
    place: int
    steps: np.ndarray
    median: dict[str, np.ndarray]
    low: dict[str, np.ndarray]
    high: dict[str, np.ndarray]
    seeds: dict[str, np.ndarray]
    stderr: dict[str, np.ndarray]
    saturated: np.ndarray
    saturated_seeds: np.ndarray
    width: int | None


@dataclass(frozen=True)
class Panel:
    """The paths of one group under one variant, and what a caption must say of them."""

    variant: Variant
    group: str | None
    probe: str | None
    unit: str
    quantities: tuple[str, ...]
    paths: tuple[Path, ...]
    n: tuple[int, ...]
    seed_names: tuple[str, ...]
    shorter_seeds: int
    ceiling_x: float | None
    ceiling_y: float | None
    not_finite: int
    unshared: int
    violations: tuple[str, ...]

    @property
    def seeds(self) -> int:
        """How many the medians are of."""
        return len(self.seed_names)

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
    variants = recorded_variants(records, quantities)
    chosen = choose(variants, variant, quantities)
    members = variants[chosen]
    group = _one_of("group", group, groups(members))
    probe = _one_of("probe", probe, probes(members))
    found = _panel(members, chosen, group, probe, quantities, unit, layers(records))
    if not found.paths:
        raise ValueError(
            f"nothing to draw: {' and '.join(quantities)} of {chosen.name} have no finite values "
            f"at a common step{f' in group {group!r}' if group is not None else ''}."
        )
    return found


def panels(
    records: Sequence[Record],
    *,
    quantities: Sequence[str] | None = None,
    probe: str | None = None,
    unit: str = "bits",
) -> list[Panel]:
    """The panels of all variants and, within each, of all groups; none without a path.

    Parameters
    ----------
    records, probe, unit
        As for :func:`panel`.
    quantities : sequence of str, optional
        What every point needs; by default all that the variant recorded in that group.
    """
    variants = recorded_variants(records, quantities or ())
    choose(variants, None, quantities or ())  # says what is wrong if there is none
    probe = _one_of("probe", probe, probes(records))
    places = layers(records)
    found = []
    for variant, members in variants.items():
        for group in groups(members):
            wanted = quantities
            if wanted is None:
                known = {str(r.get("quantity")): None for r in members if r.get("group") == group}
                wanted = [name for name in (X, Y) if name in known]
                wanted += [name for name in known if name not in wanted]
            found.append(_panel(members, variant, group, probe, wanted, unit, places))
    return [panel for panel in found if panel.paths]


def _panel(
    members: Sequence[Record],
    variant: Variant,
    group: str | None,
    probe: str | None,
    quantities: Sequence[str],
    unit: str,
    places: Mapping[str, int],
) -> Panel:
    scale = convert(1.0, "nats", unit)
    members = [
        record
        for record in members
        if record.get("group") == group
        and record.get("probe") == probe
        and record.get("quantity") in quantities
    ]
    table: dict[str, dict[Any, dict[str, dict[int, Record]]]] = {}
    steps: dict[Any, set[int]] = {}
    for record in members:
        seed, step = (record.get("run"), record.get("seed")), int(record["step"])
        steps.setdefault(seed, set()).add(step)
        by_quantity = table.setdefault(layer_name(record), {}).setdefault(seed, {})
        by_step = by_quantity.setdefault(record["quantity"], {})
        # What was measured on demand, under a tag, does not replace the regular measurement.
        if not record.get("tag") or step not in by_step:
            by_step[step] = record
    kept = _longest(steps)
    built = [
        _path(layer, places[layer], [of_layer.get(seed, {}) for seed in kept], quantities, scale)
        for layer, of_layer in table.items()
    ]
    paths = tuple(sorted((p for p in built if len(p.steps)), key=lambda path: path.place))
    every_step = set().union(*(steps[seed] for seed in kept))
    return Panel(
        variant=variant,
        group=group,
        probe=probe,
        unit=unit,
        quantities=tuple(quantities),
        paths=paths,
        n=tuple(sorted({int(record["n"]) for record in members if record.get("n")})),
        seed_names=tuple(_seed_name(seed, kept) for seed in kept),
        shorter_seeds=len(steps) - len(kept),
        ceiling_x=_largest(members, "ceiling_x", scale),
        ceiling_y=_largest(members, "ceiling_y", scale),
        not_finite=sum(math.isnan(_finite(record)) for record in members),
        unshared=max((len(every_step) - len(path.steps) for path in paths), default=0),
        violations=_violations(paths, quantities, scale),
    )


def _longest(steps: Mapping[Any, set[int]]) -> list[Any]:
    """The seeds to draw: all, unless a run that broke off would hide the others."""
    end = max((max(held) for held in steps.values()), default=0)
    finished = [seed for seed, held in steps.items() if end in held]
    if 2 * len(finished) >= len(steps):
        return finished
    # Runs that end where they please: as many points as possible, of equally many the more seeds.
    ranked = sorted(steps, key=lambda seed: -len(steps[seed]))
    drawn = [
        count * len(set.intersection(*(steps[seed] for seed in ranked[:count])))
        for count in range(1, len(ranked) + 1)
    ]
    best = max(range(len(ranked)), key=lambda i: (drawn[i], i))
    chosen = set(ranked[: best + 1])
    return [seed for seed in steps if seed in chosen]


def _seed_name(seed: tuple[Any, Any], among: Sequence[tuple[Any, Any]]) -> str:
    run, number = seed
    alone = number is not None and sum(other == number for _, other in among) == 1
    return f"seed {number}" if alone else str(run)


def _one_of(name: str, wanted: str | None, known: list[str | None]) -> str | None:
    if wanted is None:
        return known[0]
    if wanted not in known:
        listed = ", ".join(repr(one) for one in known)
        raise ValueError(f"{name} {wanted!r} was not recorded; there are: {listed}.")
    return wanted


def _path(
    layer: str,
    place: int,
    by_seed: Sequence[Mapping[str, Mapping[int, Record]]],
    quantities: Sequence[str],
    scale: float,
) -> Path:
    held = [set(seed.get(quantity, {})) for seed in by_seed for quantity in quantities]
    steps = np.array(sorted(set.intersection(*held)), dtype=int)

    def numbers(quantity: str, read: Callable[[Record], Any], kind: type) -> np.ndarray:
        found = [[read(seed[quantity][step]) for step in steps] for seed in by_seed]
        return np.array(found, dtype=kind).reshape(len(by_seed), len(steps))

    seeds = {quantity: numbers(quantity, _finite, float) * scale for quantity in quantities}
    stderr = {quantity: numbers(quantity, _stderr, float) * scale for quantity in quantities}
    # A seed counts at a step only with all its coordinates: no point of two halves.
    incomplete = np.any([np.isnan(values) for values in seeds.values()], axis=0)
    drawn = ~incomplete.all(axis=0)
    seeds = {name: np.where(incomplete, np.nan, seeds[name])[:, drawn] for name in seeds}
    full = (numbers(quantities[0], _at_ceiling, bool) & ~incomplete)[:, drawn]
    spreads = {quantity: spread(values) for quantity, values in seeds.items()}
    # An estimator may have a ceiling of its own, which only its records know of.
    saturated = full.sum(axis=0) * 2 > (~incomplete)[:, drawn].sum(axis=0)
    ceilings = [_ceiling(seed[quantities[0]][step]) for seed in by_seed for step in steps]
    if quantities[0] == X and ceilings and max(ceilings) > 0:
        saturated |= spreads[X][0] >= AT_CEILING * max(ceilings) * scale
    widths = {r.get("d") for seed in by_seed for one in seed.values() for r in one.values()}
    return Path(
        layer=layer,
        place=place,
        steps=steps[drawn],
        median={quantity: found[0] for quantity, found in spreads.items()},
        low={quantity: found[1] for quantity, found in spreads.items()},
        high={quantity: found[2] for quantity, found in spreads.items()},
        seeds=seeds,
        stderr={name: np.median(stderr[name][:, drawn], axis=0) for name in stderr},
        saturated=saturated,
        saturated_seeds=full,
        width=widths.pop() if len(widths) == 1 else None,
    )


def spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, low and high end of the band over the first axis, the seeds; NaN is no value."""
    levels = (0, 100) if len(values) <= FEW_SEEDS else (25, 75)
    if values.shape[1] == 0:
        return values[0], values[0], values[0]
    low, high = np.nanpercentile(values, levels, axis=0)
    return np.nanmedian(values, axis=0), low, high


def _finite(record: Record) -> float:
    value = record.get("value")
    return float(value) if value is not None and math.isfinite(value) else math.nan


def _stderr(record: Record) -> float:
    value = record.get("stderr")
    return math.nan if value is None else float(value)


def _at_ceiling(record: Record) -> bool:
    if record.get("saturated"):
        return True
    ceiling = _ceiling(record) if record.get("quantity") == X else 0.0
    return ceiling > 0 and _finite(record) >= AT_CEILING * ceiling


def _ceiling(record: Record) -> float:
    """That of X; 0, where there is nothing to know, also if it is not known."""
    value = record.get("ceiling_x")
    return float(value) if value is not None and math.isfinite(value) else 0.0


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
