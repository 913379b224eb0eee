"""What all figures share: ink, markers, colours of the steps, and the words below a figure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from infotheory.plot.labels import text_size
from infotheory.plot.paths import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure, SubFigure

#: One shape for each layer, told apart in grey as well.
MARKERS = ("o", "s", "^", "D", "v", "p", "P", "h", "<", "X", ">", "*")
INK, SOFT, FAINT, PAPER = "#1f2328", "#57606a", "#d8dee4", "#ffffff"
SMALL, NORMAL, LARGE = 7.5, 9.0, 12.0
CAVEAT = (
    "The true I(X;T) of a deterministic network is infinite, or constant for discrete inputs, "
    "whatever the network learns: these numbers describe its layers under the stated bins or noise."
)


def hat(quantity: str) -> str:
    """The quantity as an estimate: Î(X;T)."""
    return {"I": "Î", "H": "Ĥ"}.get(quantity[:1], quantity[:1]) + quantity[1:]


def step_colours(panels: Sequence[Panel]) -> tuple[Colormap, Normalize]:
    """Colours of the steps: logarithmic, with a place for step 0, readable on white."""
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap, SymLogNorm

    # viridis orders alike for colour-blind eyes and in grey; its last, pale yellow part would
    # vanish on paper.
    shades = colormaps["viridis"](np.linspace(0.0, 0.9, 256))
    last = max([1, *(panel.last_step for panel in panels)])
    norm = SymLogNorm(linthresh=1.0, linscale=0.5, vmin=0.0, vmax=float(last), base=10)
    return LinearSegmentedColormap.from_list("viridis", shades), norm


def new_figure(width: float, height: float) -> Figure:
    """A figure of its own, unknown to pyplot, so that nothing has to be closed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def add_colour_bar(
    figure: Figure | SubFigure, colours: Colormap, norm: Normalize, where: dict[str, Any]
) -> None:
    """The scale of the steps, with step 0 and the last one among its numbers."""
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(norm, colours), **where)
    ticks = step_ticks(int(norm.vmax or 1))
    bar.set_ticks(ticks, labels=list(map(str, ticks)))
    bar.minorticks_off()
    bar.ax.tick_params(labelsize=SMALL, color=SOFT, labelcolor=SOFT, length=2)
    bar.set_label("training step (log scale)", fontsize=SMALL, color=SOFT)
    bar.outline.set_visible(False)


def step_ticks(last: int) -> list[int]:
    """Zero, powers of ten, and the last step rather than a power just below it."""
    powers = [10**power for power in range(len(str(max(last, 1))))]
    return [0, *(power for power in powers if power < last / 1.6), last] if last else [0]


def short_names(names: Sequence[str], longest: int = 14) -> list[str]:
    """The names, shortened to what tells them apart if one of them is too long."""
    if all(len(name) <= longest for name in names):
        return list(names)
    parts = [name.split(".") for name in names]
    for end in (-1, 0):  # blocks.0.attention and blocks.1.attention differ at the front
        while len({part[end] for part in parts}) == 1 and min(map(len, parts)) > 1:
            if end == 0 and all(len(".".join(part)) < longest for part in parts):
                break
            parts = [part[1:] if end == 0 else part[:-1] for part in parts]
    cut = [
        part
        if len(part) <= longest
        else f"{part[: longest // 3]}…{part[longest // 3 - longest + 1 :]}"
        for part in map(".".join, parts)
    ]
    alike = len(set(cut)) < len(names)
    return [f"{i + 1} {name}" if alike else name for i, name in enumerate(cut)]


def wrap(text: str, points: float, size: float) -> list[str]:
    """Lines of at most so many points, for letters of this size."""
    # Half the size is about the mean width of DejaVu Sans, the widest of the likely fonts.
    return textwrap.wrap(text, max(int(points / (0.54 * size)), 24), break_long_words=False)


def plain_axes(axes: Axes) -> None:
    """A quiet frame: two spines, a faint grid, small grey numbers."""
    axes.set_facecolor(PAPER)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)
    axes.tick_params(labelsize=SMALL, color=FAINT, labelcolor=SOFT, length=3)
    axes.grid(color=FAINT, linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(fontsize=NORMAL, color=INK)


def marker(place: int) -> str:
    """The shape of the layer at this place."""
    return MARKERS[place % len(MARKERS)]


def layer_key(panels: Sequence[Panel], inches: float) -> tuple[dict[int, str], int]:
    """The layers by place, as all groups call them, and in how many columns they fit."""
    names: dict[int, dict[str, None]] = {}
    for panel in panels:
        for path in panel.paths:
            names.setdefault(path.place, {})[path.layer] = None
    said = {place: " / ".join(names[place]) for place in sorted(names)}
    said = {
        place: name if len(name) <= 40 else f"{name[:16]}…{name[-23:]}"
        for place, name in said.items()
    }
    widest = 0.45 + max(text_size(name, SMALL)[0] for name in said.values()) / 72
    return said, min(max(int(inches / widest), 1), len(said))


def draw_key(figure: Figure, names: dict[int, str], columns: int, top: float) -> None:
    """Which marker is which layer, below `top`, a fraction of the figure's height."""
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], linestyle="", marker=marker(place), markersize=5.5, color=SOFT)
        for place in names
    ]
    figure.legend(
        marks,
        list(names.values()),
        loc="upper center",
        bbox_to_anchor=(0.5, top),
        ncols=columns,
        frameon=False,
        fontsize=SMALL,
        labelcolor=SOFT,
        handletextpad=0.1,
        columnspacing=1.6,
        borderpad=0,
    )


def caption(panels: Sequence[Panel], other_variants: int = 0, *, shows: str = "path") -> list[str]:
    """What the picture cannot say itself, a paragraph each."""
    seeds = sorted({panel.seeds for panel in panels})
    bands = list(dict.fromkeys(panel.band for panel in panels if panel.band))
    first = ["1 seed." if seeds == [1] else f"Median over {' or '.join(map(str, seeds))} seeds"]
    if bands:
        first[0] += f", {'bands' if shows == 'curve' else 'crosses'}: {' or '.join(bands)}."
    if shows == "curve":
        first.append(" or ".join(dict.fromkeys(panel.size for panel in panels)) + ".")
    recorded = dict.fromkeys(panel.probe for panel in panels if panel.probe is not None)
    if recorded and set(recorded) != {"probe"}:  # the name that a recorder gives a single one
        first.append(f"Probe: {', '.join(recorded)}.")
    if shows == "path":
        first.append("Smallest marker: first step; largest: last.")
    saturated, points = (sum(getattr(p, name) for p in panels) for name in ("saturated", "points"))
    first.append(f"Hollow: at the ceiling, within 2\u00a0% of it ({saturated} of {points} points).")
    lost = sum(panel.not_finite for panel in panels)
    if lost:
        first.append(f"{lost} estimates are not finite and left out.")
    shorter = sum({panel.group: panel.shorter_seeds for panel in panels}.values())
    if shorter:
        first.append(f"Left out: {shorter} seed{'s' if shorter > 1 else ''} with fewer steps.")
    unshared = max((panel.unshared for panel in panels), default=0)
    if unshared:
        first.append(f"Up to {unshared} steps of a layer are not shared by all seeds and left out.")
    if other_variants:
        first.append(f"1 of {other_variants + 1} estimators recorded.")
    notes = dict.fromkeys(panel.variant.note for panel in panels if panel.variant.note)
    broken = [
        f"Estimator failure ({', '.join(filter(None, (panel.group, panel.variant.title)))}), if "
        f"the layers form a chain: {', '.join(panel.violations[:3])}"
        f"{' and more' if len(panel.violations) > 3 else ''}."
        for panel in panels
        if panel.violations
    ]
    return [" ".join(first), CAVEAT, *notes, *broken]
