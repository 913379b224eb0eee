"""A joint distribution of two variables as a heat map between its marginals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from infotheory import checks
from infotheory.plot import style
from infotheory.plot.output import save
from infotheory.plot.style import FAINT, INK, LARGE, NORMAL, PAPER, SMALL, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["heat_map", "save"]

_BARS = "#3b6ea5"
#: Outcomes up to which every one has its number on the axis.
_NUMBERED = 12


def heat_map(
    joint: Any,
    *,
    title: str | None = None,
    names: tuple[str, str] = ("X", "Y"),
    figure: Figure | SubFigure | None = None,
) -> Axes:
    """Draw a table of probabilities, with the marginals as bars above and beside it.

    Cells without mass stay white; the colours of the others are linear in the mass.

    Parameters
    ----------
    joint : array, shape (n, m)
        Probabilities; rows are outcomes of the first variable, from the top down.
    title : str, optional
        Above the figure.
    names : pair of str
        Of the two variables.
    figure : Figure or SubFigure, optional
        Where to draw; a new one by default.

    Returns
    -------
    matplotlib.axes.Axes
        Of the heat map; its figure is ``.figure``, to be written by :func:`save`.

    Raises
    ------
    TypeError, ValueError
        If joint is no table of two dimensions with finite entries of at least 0, not all zero.
    """
    joint = checks.real(joint, "joint") if np.ndim(joint) == 2 else np.asarray(joint)
    if joint.ndim != 2:
        raise ValueError(f"joint must have shape (n, m); got {joint.shape}.")
    if (joint < 0).any() or not joint.any():
        raise ValueError(
            f"joint must have entries of at least 0, not all zero; they are between "
            f"{joint.min():g} and {joint.max():g}."
        )
    figure = figure or style.new_figure(4.6, 4.4)
    grid = figure.add_gridspec(
        2, 3, width_ratios=(5, 1, 0.22), height_ratios=(1, 5), wspace=0.08, hspace=0.08,
        left=0.12, right=0.84, bottom=0.12, top=0.9,
    )  # fmt: skip
    axes = figure.add_subplot(grid[1, 0])
    _draw_table(axes, joint, names)
    rows, columns = (np.arange(size) for size in joint.shape)
    above = figure.add_subplot(grid[0, 0], sharex=axes)
    above.bar(columns, joint.sum(axis=0), width=0.8, color=_BARS, gid="marginal:columns")
    beside = figure.add_subplot(grid[1, 1], sharey=axes)
    beside.barh(rows, joint.sum(axis=1), height=0.8, color=_BARS, gid="marginal:rows")
    for bars in (above, beside):
        bars.set_axis_off()
    bar = figure.colorbar(axes.images[0], cax=figure.add_subplot(grid[1, 2]))
    bar.ax.tick_params(labelsize=SMALL, color=SOFT, labelcolor=SOFT, length=2)
    bar.set_label("probability", fontsize=SMALL, color=SOFT)
    bar.outline.set_visible(False)
    if title:
        figure.text(0.12, 0.95, title, fontsize=LARGE, color=INK, va="center", fontweight="bold")
    return axes


def _draw_table(axes: Axes, joint: np.ndarray, names: tuple[str, str]) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap
    from matplotlib.ticker import MaxNLocator, MultipleLocator

    # The palest part would be taken for an empty cell.
    shades = colormaps["YlGnBu"](np.linspace(0.25, 1.0, 256))
    axes.imshow(
        np.ma.masked_equal(joint, 0.0), cmap=ListedColormap(shades), vmin=0.0,
        vmax=float(joint.max()), aspect="auto", interpolation="nearest",
    )  # fmt: skip
    axes.set_facecolor(PAPER)
    axes.set_xlabel(names[1], fontsize=NORMAL, color=INK)
    axes.set_ylabel(names[0], fontsize=NORMAL, color=INK)
    axes.tick_params(labelsize=SMALL, color=FAINT, labelcolor=SOFT, length=2)
    for axis, size in ((axes.yaxis, joint.shape[0]), (axes.xaxis, joint.shape[1])):
        numbered = MaxNLocator(integer=True) if size > _NUMBERED else MultipleLocator(1)
        axis.set_major_locator(numbered)
    for spine in axes.spines.values():
        spine.set_color(FAINT)
