"""The information plane: what layers keep of the input against what they know of the label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from infotheory.plot import paths as data
from infotheory.plot import style
from infotheory.plot.labels import Box, place, text_size
from infotheory.plot.output import save
from infotheory.plot.paths import Panel, Path
from infotheory.plot.style import INK, LARGE, NORMAL, PAPER, SMALL, SOFT
from infotheory.plot.variants import Record, Variant, recorded_variants

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

__all__ = ["plane", "planes", "save"]

#: Areas of the markers in points squared: the first step, those between, the last.
START, BETWEEN, END = 7.0, 17.0, 52.0
#: In inches: the size of a panel in `planes`, the gaps, the space left of the first panel.
_PANEL, _GAP, _LEFT = (2.85, 2.35), (0.16, 0.3), 0.95

Limits = tuple[tuple[float, float], tuple[float, float]]


def plane(
    records: Sequence[Record],
    *,
    variant: str | Variant | None = None,
    group: str | None = None,
    probe: str | None = None,
    unit: str = "bits",
    x: str = data.X,
    y: str = data.Y,
    ax: Axes | None = None,
    title: str | None = None,
    seeds: bool = False,
) -> Axes:
    """One information plane: the median path of every layer over training.

    Parameters
    ----------
    records : sequence of mappings
        One per estimate, values in nats.
    variant : str, optional
        Which estimator: "mixture", or with options as recorded, "binned(strategy='fixed',
        bin_width=0.07)". The first recorded for both quantities by default; the picture says so.
    group, probe : str, optional
        Which group of runs and which probe; the first recorded by default.
    unit : {"bits", "nats"}
        Of the axes.
    x, y : str
        Quantities on the axes.
    ax : Axes, optional
        Where to draw; a new figure by default. The caption stands below it.
    title : str, optional
        In place of the group.
    seeds : bool
        Draw every seed's own path too, thinly.

    Returns
    -------
    Axes
        Its figure is ``.figure``.

    Raises
    ------
    ValueError
        If there are no records, or none of that variant, group, probe or unit.
    """
    quantities = (x, y)
    chosen = data.panel(
        records, quantities=quantities, variant=variant, group=group, probe=probe, unit=unit
    )
    if ax is None:
        figure = style.new_figure(7.2, 5.7)
        ax = figure.add_axes((0.095, 0.25, 0.76, 0.645))
        bar: dict[str, Any] = {"cax": figure.add_axes((0.88, 0.25, 0.02, 0.645))}
    else:
        bar = {"ax": ax}
    colours, norm = style.step_colours([chosen])
    style.add_colour_bar(ax.figure, colours, norm, bar)
    header = ", ".join(part for part in (title or chosen.group, chosen.size) if part)
    ax.set_title(f"{header}\n{chosen.variant.title}", loc="left", fontsize=NORMAL, color=INK, pad=8)
    ax.set_xlabel(f"{style.hat(x)} [{unit}]")
    ax.set_ylabel(f"{style.hat(y)} [{unit}]")
    _draw(ax, chosen, quantities, _limits([chosen], quantities), colours, norm, seeds, 8.5)
    wide = ax.get_window_extent().width / _pixel(ax) + 90
    others = len(recorded_variants(records, quantities)) - 1
    lines = [
        line for text in style.caption([chosen], others) for line in style.wrap(text, wide, SMALL)
    ]
    ax.annotate(
        "\n".join(lines),
        xy=(0, 0),
        xytext=(-34, -38),
        xycoords="axes fraction",
        textcoords="offset points",
        va="top",
        linespacing=1.35,
        fontsize=SMALL,
        color=SOFT,
        gid="caption",
        annotation_clip=False,
    )
    return ax


def planes(
    records: Sequence[Record],
    *,
    unit: str = "bits",
    probe: str | None = None,
    x: str = data.X,
    y: str = data.Y,
    title: str | None = None,
    seeds: bool = False,
    figure: Figure | None = None,
) -> Figure:
    """Information planes of all groups (rows) under all estimators (columns), to one scale.

    Parameters
    ----------
    records : sequence of mappings
        One per estimate, values in nats.
    unit, probe, x, y, seeds
        As for :func:`plane`.
    title : str, optional
        Of the whole.
    figure : Figure, optional
        An empty figure to draw in, which is resized; a new one by default.

    Returns
    -------
    Figure
        To be written by :func:`save`.

    Raises
    ------
    ValueError
        As :func:`plane`.
    """
    quantities = (x, y)
    panels = data.panels(records, quantities=quantities, probe=probe, unit=unit)
    if not panels:
        raise ValueError(f"nothing to draw: {x} and {y} have no finite values at a common step.")
    grid = {(panel.group, panel.variant): panel for panel in panels}
    variants = list(dict.fromkeys(panel.variant for panel in panels))
    rows = [
        group for group in data.groups(records) if any(group == panel.group for panel in panels)
    ]
    colours, norm = style.step_colours(panels)
    limits = _limits(panels, quantities)
    width, height = _PANEL
    # A single column still has to hold the caption.
    total = max(_LEFT + len(variants) * (width + _GAP[0]) + 0.8, 6.6)
    caption = [
        line
        for text in style.caption(panels)
        for line in style.wrap(text, 72 * (total - 0.5), SMALL)
    ]
    names = [style.wrap(variant.title, 72 * width, SMALL) for variant in variants]
    top = 0.8 + 0.145 * (max(map(len, names)) + 1)
    key, key_columns = style.layer_key(panels, total - 0.5)
    key_rows = -(-len(key) // key_columns)
    bottom = 0.95 + 0.17 * key_rows + 0.15 * len(caption)
    tall = top + len(rows) * height + (len(rows) - 1) * _GAP[1] + bottom
    figure = figure or style.new_figure(total, tall)
    figure.set_size_inches(total, tall)

    def write(left: float, up: float, text: str, **how: Any) -> None:
        """Text at a place in inches from the lower left corner."""
        style_of: dict[str, Any] = {"fontsize": SMALL, "color": SOFT, "linespacing": 1.35}
        figure.text(left / total, up / tall, text, **(style_of | how))

    def axes_at(left: float, up: float, wide: float, high: float) -> Axes:
        return figure.add_axes((left / total, up / tall, wide / total, high / tall))

    write(0.25, tall - 0.3, title or "Information plane", fontsize=LARGE, color=INK,
          va="center", fontweight="bold")  # fmt: skip
    for column, (variant, lines) in enumerate(zip(variants, names, strict=True)):
        left = _LEFT + column * (width + _GAP[0])
        sizes = sorted({n for (_, one), panel in grid.items() if one == variant for n in panel.n})
        header = "\n".join([*lines, "n = " + " or ".join(map(str, sizes))])
        write(left, tall - top + 0.25, header, color=INK, va="bottom")
        for row, group in enumerate(rows):
            low = tall - top - (row + 1) * height - row * _GAP[1]
            axes = axes_at(left, low, width, height)
            shown = grid.get((group, variant))
            if shown is None:
                axes.set_axis_off()
                write(left + width / 2, low + height / 2, "not recorded", ha="center")
                continue
            if row == len(rows) - 1:
                axes.set_xlabel(f"{style.hat(x)} [{unit}]")
            if column == 0:
                axes.set_ylabel(f"{style.hat(y)} [{unit}]")
                write(0.22, low + height / 2, group or "", rotation=90, va="center", ha="center",
                      fontsize=NORMAL + 1, color=INK, fontweight="bold")  # fmt: skip
            _draw(axes, shown, quantities, limits, colours, norm, seeds, SMALL)
            axes.tick_params(labelbottom=row == len(rows) - 1, labelleft=column == 0)
    cax = axes_at(
        _LEFT + len(variants) * (width + _GAP[0]) + 0.02, bottom, 0.11, tall - top - bottom
    )
    style.add_colour_bar(figure, colours, norm, {"cax": cax})
    style.draw_key(figure, key, key_columns, (bottom - 0.58) / tall)
    write(0.25, 0.14, "\n".join(caption), va="bottom", gid="caption")
    return figure


def _limits(panels: Sequence[Panel], quantities: tuple[str, str]) -> Limits:
    """Common limits that hold every band and every ceiling, with room for the labels."""
    found = []
    for which, quantity in enumerate(quantities):
        ceilings = [panel.ceiling_y if which else panel.ceiling_x for panel in panels]
        values = [0.0, *(ceiling for ceiling in ceilings if ceiling is not None)]
        for path in (path for panel in panels for path in panel.paths):
            values += [float(np.nanmin(path.low[quantity])), float(np.nanmax(path.high[quantity]))]
        low, high = min(values), max(values)
        span = (high - low) or 1.0
        found.append((low - 0.04 * span, high + (0.14 if which else 0.1) * span))
    return found[0], found[1]


def _draw(
    axes: Axes,
    panel: Panel,
    quantities: tuple[str, str],
    limits: Limits,
    colours: Colormap,
    norm: Normalize,
    seeds: bool,
    size: float,
) -> None:
    style.plain_axes(axes)
    axes.set_xlim(*limits[0])
    axes.set_ylim(*limits[1])
    taken = _draw_ceilings(axes, panel, quantities, size)
    for path in panel.paths:
        _draw_path(axes, path, quantities, colours, norm, seeds)
    medians = [np.column_stack([path.median[name] for name in quantities]) for path in panel.paths]
    place(
        axes,
        style.short_names([path.layer for path in panel.paths], 14 if size == SMALL else 26),
        np.array([points[-1] for points in medians]).reshape(-1, 2),
        size=size,
        colour=INK,
        paper=PAPER,
        points=np.concatenate(medians) if medians else np.empty((0, 2)),
        taken=taken,
    )
    if panel.saturated:
        axes.annotate(
            f"hollow: at the ceiling, {panel.saturated} of {panel.points}",
            xy=(1, 1),
            xytext=(0, 3),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=size - 1,
            color=SOFT,
            gid="saturated",
        )


def _draw_ceilings(axes: Axes, panel: Panel, quantities: tuple[str, str], size: float) -> list[Box]:
    """Reference lines, and the rectangles in pixels where their names stand."""
    pixel, frame = _pixel(axes), axes.get_window_extent()
    line: dict[str, Any] = {"color": SOFT, "linewidth": 0.8, "linestyle": (0, (4, 3)), "zorder": 1}
    text: dict[str, Any] = {"fontsize": size - 1, "color": SOFT, "textcoords": "offset points",
                            "ha": "left", "va": "bottom"}  # fmt: skip
    taken = []
    if panel.ceiling_x is not None and quantities[0] == data.X:
        name = f"min(H(X), log n) = {panel.ceiling_x:.2f}"
        low = axes.get_ylim()[0]
        axes.axvline(panel.ceiling_x, gid="ceiling-x", **line)
        axes.annotate(name, (panel.ceiling_x, low), (4.5, 4), rotation=90, gid="ceiling-x-name",
                      **text)  # fmt: skip
        long, high = text_size(name, size - 1)
        left, bottom = axes.transData.transform((panel.ceiling_x, low)) + 3 * pixel
        taken.append(Box(left, bottom, left + (high + 4) * pixel, bottom + (long + 4) * pixel))
    if panel.ceiling_y is not None and quantities[1] == data.Y:
        name = f"H(Y) = {panel.ceiling_y:.2f}"
        axes.axhline(panel.ceiling_y, gid="ceiling-y", **line)
        axes.annotate(name, (axes.get_xlim()[0], panel.ceiling_y), (3, 2), gid="ceiling-y-name",
                      **text)  # fmt: skip
        long, high = text_size(name, size - 1)
        bottom = axes.transData.transform((0, panel.ceiling_y))[1] + pixel
        right = frame.x0 + (long + 6) * pixel
        taken.append(Box(frame.x0, bottom, right, bottom + (high + 2) * pixel))
    return taken


def _draw_path(
    axes: Axes,
    path: Path,
    quantities: tuple[str, str],
    colours: Colormap,
    norm: Normalize,
    seeds: bool,
) -> None:
    from matplotlib.collections import LineCollection

    shades = colours(norm(path.steps))
    points = np.column_stack([path.median[name] for name in quantities])
    low, high = ([band[name] for name in quantities] for band in (path.low, path.high))
    if len(path.seeds[quantities[0]]) > 1:
        arms = [[(low[0][i], y), (high[0][i], y)] for i, y in enumerate(points[:, 1])]
        arms += [[(x, low[1][i]), (x, high[1][i])] for i, x in enumerate(points[:, 0])]
        cross = LineCollection(arms, colors=[*shades, *shades], linewidths=0.6, alpha=0.4)
        cross.set(zorder=2, gid=f"band:{path.layer}")
        axes.add_collection(cross, autolim=False)
    if seeds:
        for own in zip(*(path.seeds[name] for name in quantities), strict=True):
            axes.plot(*own, color=SOFT, linewidth=0.5, alpha=0.5, zorder=2, gid="seed")
    pieces = np.stack([points[:-1], points[1:]], axis=1)
    line = LineCollection(list(pieces), colors=shades[1:], linewidths=1.0, alpha=0.7)
    line.set(zorder=3, gid=f"path:{path.layer}")
    axes.add_collection(line, autolim=False)
    _draw_arrow(axes, points, shades)
    area = np.full(len(points), BETWEEN)
    area[0], area[-1] = START, END
    last = (np.arange(len(points)) == len(points) - 1)[:, None]
    for hollow in (False, True):
        chosen = path.saturated == hollow
        # A dark rim lifts the pale last step off the paper; a hollow rim must keep its colour.
        rims = shades if hollow else np.where(last, [0.12, 0.14, 0.16, 1.0], shades)
        axes.scatter(
            points[chosen, 0],
            points[chosen, 1],
            s=area[chosen],
            marker=style.marker(path.place),
            facecolors=PAPER if hollow else shades[chosen],
            edgecolors=rims[chosen],
            linewidths=1.0 if hollow else 0.5,
            zorder=5 if hollow else 4,
            clip_on=False,
            gid=f"{'hollow' if hollow else 'filled'}:{path.layer}",
        )


def _draw_arrow(axes: Axes, points: np.ndarray, shades: np.ndarray) -> None:
    """A small arrow half-way along the path, if it is long enough on paper to hold one."""
    drawn = axes.transData.transform(points)
    lengths = np.linalg.norm(np.diff(drawn, axis=0), axis=1)
    if lengths.sum() < 30:
        return
    middle = int(np.searchsorted(lengths.cumsum(), lengths.sum() / 2))
    axes.annotate(
        "",
        xy=tuple(points[middle + 1]),
        xytext=tuple(points[middle]),
        zorder=5.5,
        gid="direction",
        arrowprops={"arrowstyle": "-|>", "color": shades[middle + 1], "linewidth": 1.2,
                    "mutation_scale": 12, "shrinkA": 0, "shrinkB": 2.5},
    )  # fmt: skip


def _pixel(axes: Axes) -> float:
    """Pixels in a point."""
    return float(axes.figure.dpi) / 72
