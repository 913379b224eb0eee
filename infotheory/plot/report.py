"""One HTML page of a run: figures to explore, the final values, and what they can say."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from infotheory.estimate import convert
from infotheory.plot import paths as data
from infotheory.plot.layers import layers
from infotheory.plot.output import write
from infotheory.plot.paths import Panel
from infotheory.plot.style import CAVEAT, hat, short_names
from infotheory.plot.variants import Record, recorded_variants

__all__ = ["report"]

#: Digits in the page; more than any estimate deserves, and half the size of all of them.
_DIGITS = 7


class Recorded(Protocol):
    """What `report` reads of a run."""

    records: list[dict[str, Any]]
    scalars: list[dict[str, Any]]
    headers: list[dict[str, Any]]


def report(run: Recorded, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
    """Write a run as one HTML file that needs nothing but a browser.

    The page asks no other host for anything: data, style and script are in it, and its content
    policy forbids the rest. Names of layers and groups are shown as text whatever they contain.

    Parameters
    ----------
    run : Run
        With `records`, `scalars` and `headers`, as :func:`infotheory.load` gives it.
    path : str or path
        The file; an older one is replaced in one move.
    title : str, optional
        Of the page.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If the run holds no records.
    """
    records = run.records
    variants = recorded_variants(records)
    by_probe = {
        probe: data.panels(
            [record for record in records if record.get("probe") == probe], unit="nats"
        )
        for probe in data.probes(records)
    }
    panels = [panel for found in by_probe.values() for panel in found]
    page = {
        "steps": sorted(
            {step for panel in panels for p in panel.paths for step in p.steps.tolist()}
        ),
        "layers": [{"name": name, "place": place} for name, place in layers(records).items()],
        "variants": [
            {"name": variant.name, "title": variant.title, "note": variant.note}
            for variant in variants
        ],
        "probes": [_text(probe) for probe in by_probe],
        "panels": [
            _panel(panel, list(variants).index(panel.variant), list(by_probe).index(panel.probe))
            for panel in panels
        ],
        "scalars": _scalars(run.scalars),
    }
    template = resources.files("infotheory.plot").joinpath("report.html").read_text("utf-8")
    name = title or f"Information plane: {_name(run)}"
    parts = {
        "policy": _policy(template),
        "title": html.escape(name),
        "summary": html.escape(_summary(records, panels)),
        "tables": "\n".join(_table(found, probe) for probe, found in by_probe.items()),
        "notes": _notes(records, panels, list(dict.fromkeys(v.note for v in variants if v.note))),
        "footer": html.escape(_footer(run.headers)),
        "data": _script_json(page),
    }
    # All at once: what is filled in is never searched for further marks.
    text = re.sub(r"\{\{([a-z]+)\}\}", lambda mark: parts[mark[1]], template)
    return write(text.encode(), path)


def _script_json(value: Any) -> str:
    """JSON that cannot end or open a script element; NaN and infinities have become null."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _policy(template: str) -> str:
    """No request to anywhere, and only the script and the style of the template."""
    hashes = {}
    for kind in ("script", "style"):
        found = re.search(rf"<{kind}>(.*?)</{kind}>", template, re.DOTALL)
        if found is None:  # the template is ours
            raise RuntimeError(f"report.html has no <{kind}>.")
        digest = hashlib.sha256(found[1].encode()).digest()
        hashes[kind] = f"'sha256-{base64.b64encode(digest).decode()}'"
    return (
        f"default-src 'none'; script-src {hashes['script']}; style-src {hashes['style']}; "
        f"img-src data:; base-uri 'none'; form-action 'none'"
    )


def _panel(panel: Panel, variant: int, probe: int) -> dict[str, Any]:
    labels = short_names([path.layer for path in panel.paths], 18)
    return {
        "variant": variant,
        "probe": probe,
        "group": _text(panel.group),
        "quantities": panel.quantities,
        "size": panel.size,
        "seeds": panel.seed_names,
        "band": panel.band,
        "ceiling_x": panel.ceiling_x,
        "ceiling_y": panel.ceiling_y,
        "layers": [
            {
                "name": path.layer,
                "label": label,
                "place": path.place,
                "width": path.width,
                "steps": path.steps.tolist(),
                "full": path.saturated.astype(int).tolist(),
                "full_seeds": path.saturated_seeds.astype(int).tolist(),
                "values": {
                    quantity: {
                        "median": _plain(path.median[quantity]),
                        "low": _plain(path.low[quantity]),
                        "high": _plain(path.high[quantity]),
                        "stderr": _plain(path.stderr[quantity]),
                        "seeds": [_plain(own) for own in path.seeds[quantity]],
                    }
                    for quantity in panel.quantities
                },
            }
            for path, label in zip(panel.paths, labels, strict=True)
        ],
    }


def _scalars(rows: Iterable[Record]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[int, list[float]]] = {}
    for row in rows:
        value = row.get("value")
        if value is not None and np.isfinite(value):
            of_name = found.setdefault((_text(row.get("group")), str(row["name"])), {})
            of_name.setdefault(int(row["step"]), []).append(float(value))
    made = []
    for (group, name), by_step in found.items():
        steps = sorted(by_step)
        spreads = [data.spread(np.array(by_step[step])[:, None]) for step in steps]
        median, low, high = (np.array([one[i][0] for one in spreads]) for i in range(3))
        made.append(
            {"group": group, "name": name, "steps": steps, "median": _plain(median),
             "low": _plain(low), "high": _plain(high)}
        )  # fmt: skip
    return made


def _plain(values: np.ndarray) -> list[float | None]:
    return [float(f"{v:.{_DIGITS}g}") if np.isfinite(v) else None for v in values.tolist()]


def _text(name: object) -> str:
    return "" if name is None else str(name)


def _name(run: Recorded) -> str:
    path = getattr(run, "path", None)
    return (
        Path(path).resolve().name if path is not None else str(run.records[0].get("run") or "run")
    )


def _summary(records: Sequence[Record], panels: Sequence[Panel]) -> str:
    groups = [str(group) for group in data.groups(records) if group is not None]
    runs = len({(record.get("run"), record.get("seed")) for record in records})
    places = len(set(layers(records).values()))
    steps = sorted({int(record["step"]) for record in records})
    sizes = list(dict.fromkeys(panel.size for panel in panels))
    probes = [str(probe) for probe in data.probes(records) if probe not in (None, "probe")]
    parts = [
        f"{', '.join(groups)}" if groups else "",
        f"{runs} run{'s' * (runs > 1)}",
        f"{places} layer{'s' * (places > 1)}",
        f"{len(steps)} steps from {steps[0]} to {steps[-1]}",
        " or ".join(sizes),
        f"probe {', '.join(probes)}" if probes else "",
    ]
    return " · ".join(part for part in parts if part)


def _table(panels: Sequence[Panel], probe: str | None) -> str:
    """The last values in bits: a row per layer, a column per estimator and quantity."""
    rows: dict[tuple[str | None, str], dict[tuple[Any, str], str]] = {}
    columns: dict[Any, dict[str, None]] = {}
    groups = list(dict.fromkeys(panel.group for panel in panels))
    ordered = sorted(
        {(panel.group, path.place, path.layer) for panel in panels for path in panel.paths},
        key=lambda key: (groups.index(key[0]), *key[1:]),
    )
    for group, _, layer in ordered:
        rows[group, layer] = {}
    for panel in panels:
        for path in panel.paths:
            for quantity in panel.quantities:
                columns.setdefault(panel.variant, {})[quantity] = None
                cell = _cell(panel, path, quantity)
                rows[panel.group, path.layer][panel.variant, quantity] = cell
    if not rows:
        return "<p>No estimate of this run is finite.</p>"
    escape = html.escape
    head = "".join(
        f'<th scope="colgroup" colspan="{len(found)}">{escape(variant.title)}</th>'
        for variant, found in columns.items()
    )
    names = "".join(
        f'<th scope="col">{escape(hat(quantity))}</th>'
        for found in columns.values()
        for quantity in found
    )
    body = "\n".join(
        f'<tr><th scope="row">{escape(_text(group))}</th><th scope="row">{escape(layer)}</th>'
        + "".join(
            f"<td>{cells.get((variant, quantity), '—')}</td>"
            for variant, found in columns.items()
            for quantity in found
        )
        + "</tr>"
        for (group, layer), cells in rows.items()
    )
    steps = sorted({int(path.steps[-1]) for panel in panels for path in panel.paths})
    said = [f"Values at step {' or '.join(map(str, steps))}, in bits"]
    bands = dict.fromkeys(panel.band for panel in panels if panel.band)
    if bands:
        said.append(f"median over seeds and, below it, {' or '.join(bands)}")
    said.append(" or ".join(dict.fromkeys(panel.size for panel in panels)))
    if probe not in (None, "probe"):
        said.append(f"probe {probe}")
    layer = '<th scope="col" class="left">Group</th><th scope="col" class="left">Layer</th>'
    return (
        '<div class="card scroll" tabindex="0" role="region" aria-label="Table"><table>\n'
        f"<caption>{escape('; '.join(said))}."
        f'</caption>\n<thead><tr><td colspan="2"></td>{head}</tr>\n<tr>{layer}{names}</tr>'
        f"</thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _cell(panel: Panel, path: data.Path, quantity: str) -> str:
    bits = convert(1.0, "nats", "bits")
    median, low, high = (
        float(values[quantity][-1]) * bits for values in (path.median, path.low, path.high)
    )
    cell = f"{median:.3f}"
    if panel.band:
        cell += f"<small>{low:.3f} to {high:.3f}</small>"
    if path.saturated[-1] and quantity == panel.quantities[0]:
        cell += "<small>at the ceiling</small>"
    return cell


def _notes(records: Sequence[Record], panels: Sequence[Panel], notes: Sequence[str]) -> str:
    kinds = sorted({_text(record.get("dtype")) for record in records if record.get("dtype")})
    ceilings = {
        "min(H(X), log n)": {panel.ceiling_x for panel in panels},
        "H(Y)": {panel.ceiling_y for panel in panels},
    }
    known = ", ".join(
        f"{name} = {convert(value, 'nats', 'bits'):.3f} bits"
        for name, values in ceilings.items()
        for value in sorted(value for value in values if value is not None)
    )
    shorter = sum({(p.group, p.probe): p.shorter_seeds for p in panels}.values())
    lost = sum(panel.not_finite for panel in panels)
    said = [
        "Each estimate was made from the activations of one layer for all samples of the probe, "
        "while training paused; the log keeps nats, this page shows bits unless switched."
        + (f" Activations: {', '.join(kinds)}." if kinds else ""),
        *notes,
        CAVEAT,
        f"Saturated (hollow, “at the ceiling”): I(X;T) is within 2 % of what the probe can show at "
        f"most, in the median or in most seeds. Such a number says more about the sample than "
        f"about the layer.{f' Here {known}.' if known else ''}",
        "I(T;Y) cannot exceed H(Y) in truth; an estimate above it shows the bias of its estimator.",
        "A fall of I(X;T) during training shows that activations gather under these bins or this "
        "noise. Whether the network forgets its input, and whether that helps it generalise, "
        "cannot be read off the plane; compare estimators and parameters before believing it.",
    ]
    if shorter:
        said.append(f"{shorter} seeds with fewer steps are left out of the figures.")
    if lost:
        said.append(f"{lost} estimates are not finite and left out.")
    for panel in panels:
        if panel.violations:
            where = ", ".join(filter(None, (panel.group, panel.variant.title)))
            said.append(
                f"Estimator failure ({where}), if the layers form a chain: "
                f"{', '.join(panel.violations)} at the last step, which data processing forbids."
            )
    items = "\n".join(f"<li>{html.escape(text)}</li>" for text in dict.fromkeys(said))
    return f"<ul>\n{items}\n</ul>"


def _footer(headers: Sequence[Mapping[str, Any]]) -> str:
    versions: dict[str, dict[str, None]] = {}
    for header in headers:
        for name, version in dict(header.get("versions") or {}).items():
            versions.setdefault(str(name), {})[str(version)] = None
    used = ", ".join(f"{name} {' and '.join(found)}" for name, found in versions.items())
    created = sorted(str(header["created"]) for header in headers if header.get("created"))
    parts = [f"Recorded {created[0]}" if created else "", f"with {used}" if used else ""]
    return " ".join(part for part in parts if part) or "Made by infotheory."
