"""Names beside the points they belong to, placed so that none covers another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Box", "place", "place_column", "text_size"]

#: Distances in points at which a name may stand, and the directions tried, in order of liking.
_RADII = (7.0, 12.0, 18.0, 26.0, 36.0, 48.0, 62.0, 80.0, 100.0)
_ANGLES = tuple(math.radians(45 + turn * 15) for turn in range(24))
#: From here on, a thin line leads from the name to its point.
_LED = 12.0


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: Box) -> bool:
        """Whether the two overlap."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def encloses(self, other: Box) -> bool:
        """Whether the other lies inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.bottom <= other.bottom
            and other.top <= self.top
        )

    def holds(self, points: np.ndarray) -> int:
        """How many of the points, shape (n, 2), lie inside."""
        inside = (
            (points[:, 0] > self.left)
            & (points[:, 0] < self.right)
            & (points[:, 1] > self.bottom)
            & (points[:, 1] < self.top)
        )
        return int(inside.sum())


def text_size(text: str, size: float) -> tuple[float, float]:
    """Width and height of a line of text, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    # A space has no path to measure; the height is a line's, whatever the letters.
    extents = TextPath((0, 0), text or "x", size=size, prop=FontProperties()).get_extents()
    return float(extents.x1), 1.25 * size


def place(
    axes: Axes,
    names: Sequence[str],
    ends: np.ndarray,
    *,
    size: float,
    colour: str,
    paper: str,
    points: np.ndarray,
    taken: Sequence[Box] = (),
) -> None:
    """Write each name near its end point, without overlap and within the axes.

    Parameters
    ----------
    axes : Axes
        With its final limits and position.
    names : sequence of str
        What to write.
    ends : array, shape (len(names), 2)
        End points, in data coordinates.
    size : float
        Of the letters, in points.
    colour, paper : str
        Of the letters and of what is behind them.
    points : array, shape (n, 2)
        Other points, in data coordinates, better not covered.
    taken : sequence of Box
        Rectangles in pixels that must stay free.
    """
    pixel = axes.figure.dpi / 72
    frame = axes.get_window_extent()
    whole = Box(frame.x0 + 1, frame.y0 + 1, frame.x1 - 1, frame.y1 - 1)
    anchors = axes.transData.transform(ends) if len(ends) else np.empty((0, 2))
    crowd = axes.transData.transform(points) if len(points) else np.empty((0, 2))
    marks = [Box(x - 4 * pixel, y - 4 * pixel, x + 4 * pixel, y + 4 * pixel) for x, y in anchors]
    placed: list[Box] = []
    # The most crowded first: those with room around them find a place anyway.
    distance = np.linalg.norm(anchors[:, None] - anchors[None], axis=-1)
    for i in np.argsort(distance.sum(axis=1), kind="stable"):
        width, height = (pixel * side for side in text_size(names[i], size))
        candidates = []
        for reach in _RADII:
            for turn, angle in enumerate(_ANGLES):
                x = anchors[i, 0] + reach * math.cos(angle) * pixel
                y = anchors[i, 1] + reach * math.sin(angle) * pixel
                left = x - width / 2 * (1 - math.cos(angle))
                bottom = y - height / 2 * (1 - math.sin(angle))
                box = Box(left - pixel, bottom, left + width + pixel, bottom + height)
                cost = reach / 6 + turn / 100 + 1.5 * box.holds(crowd)
                cost += 50.0 * sum(box.meets(mark) for mark in marks)
                cost += 1e4 * sum(box.meets(other) for other in (*placed, *taken))
                cost += 1e3 * (not whole.encloses(box))
                candidates.append((cost, left, bottom, box))
        _, left, bottom, box = min(candidates, key=lambda candidate: candidate[0])
        placed.append(box)
        right, up = (left - anchors[i, 0]) / pixel, (bottom - anchors[i, 1]) / pixel
        gap = math.hypot(
            max(left - anchors[i, 0], anchors[i, 0] - left - width, 0),
            max(bottom - anchors[i, 1], anchors[i, 1] - bottom - height, 0),
        )
        axes.annotate(
            names[i],
            xy=tuple(ends[i]),
            xytext=(right, up),
            textcoords="offset points",
            ha="left",
            va="bottom",
            fontsize=size,
            color=colour,
            zorder=6,
            gid="layer-name",
            bbox={"boxstyle": "square,pad=0.05", "facecolor": paper, "alpha": 0.75, "lw": 0},
            arrowprops={
                "arrowstyle": "-",
                "linewidth": 0.6,
                "color": colour,
                "alpha": 0.6,
                "shrinkA": 0,
                "shrinkB": 2,
                "relpos": (0.5, 0.5),
            }
            if gap > _LED * pixel
            else None,
        )


def place_column(
    axes: Axes, names: Sequence[str], ends: np.ndarray, *, size: float, colours: Sequence[str]
) -> None:
    """Write the names one above the other, right of the end points of curves.

    Parameters
    ----------
    axes, names, ends, size
        As for :func:`place`.
    colours : sequence of str
        Of the thin lines that lead to the points.
    """
    pixel = axes.figure.dpi / 72
    anchors = axes.transData.transform(ends)
    order = np.argsort(anchors[:, 1], kind="stable")
    line = 1.2 * size * pixel
    heights = anchors[order, 1].copy()
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + line)
    # Pushing upwards alone would drift: half of the push is taken back, within the frame.
    frame = axes.get_window_extent()
    heights -= (heights - anchors[order, 1]).mean()
    heights -= max(heights[-1] + line / 2 - frame.y1, 0)
    for i, height in zip(order, heights, strict=True):
        axes.annotate(
            names[i],
            xy=tuple(ends[i]),
            xytext=(16, (height - anchors[i, 1]) / pixel),
            textcoords="offset points",
            ha="left",
            va="center",
            fontsize=size,
            gid="layer-name",
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "lw": 0},
            arrowprops={
                "arrowstyle": "-",
                "linewidth": 0.6,
                "color": colours[i],
                "shrinkA": 0,
                "shrinkB": 2,
                "relpos": (0, 0.5),
            },
        )
