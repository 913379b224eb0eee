"""Estimates over training, layer by layer, above the loss and accuracy of the same steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from infotheory.plot import paths as data
from infotheory.plot import style
from infotheory.plot.labels import place_column
from infotheory.plot.output import save
from infotheory.plot.paths import Panel
from infotheory.plot.style import INK, LARGE, NORMAL, PAPER, SMALL, SOFT
from infotheory.plot.variants import Record, Variant, choose, recorded_variants

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["curves", "save"]

#: Okabe and Ito's colours, told apart by colour-blind eyes; their yellow is too pale for lines.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
#: In inches: the panels of estimates and of a scalar, the gaps, the space left of the first.
_WIDTH, _HEIGHT, _LOW, _GAP, _LEFT = 3.9, 2.0, 1.1, (0.3, 0.24), 0.95


def curves(
    records: Sequence[Record],
    scalars: Sequence[Record] = (),
    *,
    quantities: Sequence[str] | None = None,
    variant: str | Variant | None = None,
    probe: str | None = None,
    unit: str = "bits",
    title: str | None = None,
) -> Figure:
    """Estimates of one method over the training step: a column per group, a row per quantity.

    Parameters
    ----------
    records : sequence of mappings
        One per estimate, values in nats.
    scalars : sequence of mappings
        Loss, accuracy and so on, by run, seed and step; each name becomes a row below.
    quantities : sequence of str, optional
        Which quantities; I(X;T) and I(T;Y) by default, or what else was recorded.
    variant, probe : str, optional
        Which estimator and which probe; the first recorded by default.
    unit : {"bits", "nats"}
        Of the estimates.
    title : str, optional
        Of the whole.

    Returns
    -------
    Figure
        To be written by :func:`save`.

    Raises
    ------
    ValueError
        If there are no records, or none of that variant, probe, quantity or unit.
    """
    everything = recorded_variants(records, quantities or ())
    chosen = choose(everything, variant, quantities or ())
    members = everything[chosen]
    if quantities is None:
        known = dict.fromkeys(str(record.get("quantity")) for record in members)
        quantities = [name for name in (data.X, data.Y) if name in known] or list(known)
    found = data.panels(records, quantities=quantities, probe=probe, unit=unit)
    panels = {panel.group: panel for panel in found if panel.variant == chosen}
    if not panels:
        raise ValueError(f"nothing to draw: {chosen.name} has no finite values at a common step.")
    steps_of: dict[str, set[int]] = {}
    for row in scalars:
        steps_of.setdefault(str(row["name"]), set()).add(int(row["step"]))
    # What was said once, at the end, is a number and no curve.
    names = [name for name, steps in steps_of.items() if len(steps) > 1]
    last = max(panel.last_step for panel in panels.values())
    rows = [*((name, _HEIGHT) for name in quantities), *((name, _LOW) for name in names)]
    total = max(_LEFT + len(panels) * (_WIDTH + _GAP[0]) + 0.1, 6.0)
    caption = [
        line
        for text in style.caption(list(panels.values()), shows="curve")
        for line in style.wrap(text, 72 * (total - 0.5), SMALL)
    ]
    top, bottom = 0.95, 0.75 + 0.15 * len(caption)
    tall = top + sum(height + _GAP[1] for _, height in rows) + bottom
    figure = style.new_figure(total, tall)
    figure.text(0.25 / total, 1 - 0.3 / tall, title or chosen.title, fontsize=LARGE, color=INK,
                va="center", fontweight="bold")  # fmt: skip
    shared: dict[str, Axes] = {}
    to_name = []
    for column, (group, panel) in enumerate(panels.items()):
        left, low = _LEFT + column * (_WIDTH + _GAP[0]), tall - top
        for name, height in rows:
            low -= height
            # One scale across groups, or they could not be compared.
            axes = figure.add_axes(
                (left / total, low / tall, _WIDTH / total, height / tall), sharey=shared.get(name)
            )
            shared.setdefault(name, axes)
            style.plain_axes(axes)
            if height == _HEIGHT:
                _draw_layers(axes, panel, name)
                to_name.append((axes, panel, name))
            else:
                _draw_scalar(axes, scalars, group, name)
            _step_axis(axes, last, name == rows[-1][0])
            axes.tick_params(labelleft=column == 0)
            if column == 0:
                axes.set_ylabel(f"{style.hat(name)} [{unit}]" if height == _HEIGHT else name)
            low -= _GAP[1]
        figure.text(left / total, 1 - (top - 0.1) / tall, group or "", fontsize=NORMAL + 1,
                    color=INK, fontweight="bold")  # fmt: skip
    for axes, shown, name in to_name:  # when all limits are known
        _name_layers(axes, shown, name)
    figure.text(0.25 / total, 0.14 / tall, "\n".join(caption), va="bottom", fontsize=SMALL,
                color=SOFT, linespacing=1.35, gid="caption")  # fmt: skip
    return figure


def _draw_layers(axes: Axes, panel: Panel, quantity: str) -> None:
    for path in panel.paths:
        colour = _COLOURS[path.place % len(_COLOURS)]
        steps, median = path.steps, path.median[quantity]
        axes.fill_between(steps, path.low[quantity], path.high[quantity], color=colour, alpha=0.15,
                          linewidth=0)  # fmt: skip
        look: dict[str, Any] = {"marker": style.marker(path.place), "markersize": 3.2}
        axes.plot(steps, median, color=colour, linewidth=1.1, gid=f"layer:{path.layer}", **look)
        full = path.saturated
        axes.plot(steps[full], median[full], linestyle="", color=colour, markerfacecolor=PAPER,
                  gid=f"hollow:{path.layer}", **look)  # fmt: skip
    ceiling = {data.X: panel.ceiling_x, data.Y: panel.ceiling_y}.get(quantity)
    if ceiling is not None:
        axes.axhline(ceiling, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)), gid="ceiling")
        name = "H(Y)" if quantity == data.Y else "min(H(X), log n)"
        axes.annotate(f"{name} = {ceiling:.2f}", (0, ceiling), (3, 4), color=SOFT,
                      textcoords="offset points", fontsize=SMALL - 1)  # fmt: skip
    axes.margins(y=0.12)


def _draw_scalar(axes: Axes, scalars: Sequence[Record], group: str | None, name: str) -> None:
    by_step: dict[int, list[float]] = {}
    for row in scalars:
        value = row.get("value")
        if row.get("group") == group and row.get("name") == name and value is not None:
            by_step.setdefault(int(row["step"]), []).append(float(value))
    finite = {step: [v for v in by_step[step] if np.isfinite(v)] for step in sorted(by_step)}
    steps = [step for step in finite if finite[step]]
    if not steps:
        return
    middle, low, high = np.array(
        [[float(one[0]) for one in data.spread(np.array(finite[step])[:, None])] for step in steps]
    ).T
    axes.fill_between(steps, low, high, color=SOFT, alpha=0.2, linewidth=0)
    axes.plot(steps, middle, color=INK, linewidth=1.1, gid=f"scalar:{name}")


def _step_axis(axes: Axes, last: int, lowest: bool) -> None:
    axes.set_xscale("symlog", linthresh=1.0, linscale=0.5)
    # Room on the right for the names of the layers.
    axes.set_xlim(-0.1, max(last, 1) ** 1.3 + 1)
    axes.set_xticks(style.step_ticks(last), labels=map(str, style.step_ticks(last)))
    axes.minorticks_off()
    axes.tick_params(labelbottom=lowest)
    if lowest:
        axes.set_xlabel("training step (log scale)")


def _name_layers(axes: Axes, panel: Panel, quantity: str) -> None:
    place_column(
        axes,
        style.short_names([path.layer for path in panel.paths]),
        np.array([(path.steps[-1], path.median[quantity][-1]) for path in panel.paths]),
        size=SMALL,
        colours=[_COLOURS[path.place % len(_COLOURS)] for path in panel.paths],
    )
