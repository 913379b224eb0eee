"""Sums of kernels between two blocks of packed samples, tile by tile."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from infotheory.ops.kernels import panels
from infotheory.ops.kernels.panels import QUAD, VECTORS

__all__ = ["LOG2_E", "NARROW", "Block", "add_bands"]

# Coordinates that are taken at a time, so that those of a band stay in the second cache.
DEPTH = 256
# Lanes add up 16 terms in the precision of the tile: two for each of 8 panels, or four rows for
# each of 8 quads. Longer sums are taken in double precision.
SHORT = 8
# Samples in a panel of float64.
NARROW = panels.width(np.dtype(np.float64))

LOG2_E = 1.0 / math.log(2.0)


class Block(NamedTuple):
    """Samples packed in panels, all parts one behind the other."""

    packed: np.ndarray
    """Centred coordinates times the root of log2(e), so that exponents are those of 2."""
    halves: np.ndarray
    """(2, parts, places), flat: half the squared lengths, 0 in parts that need none; then 0 in all
    parts. Infinite at places without a sample."""
    longest: np.ndarray
    """(parts, panels) the largest squared length."""
    given: np.ndarray
    """Coordinates as they came, in panels of float64, if any length is too large; else empty."""


@njit(parallel=True, cache=True)
def add_bands(rows, columns, depths, few, limit, band, spread, diagonal, beside, below):
    """Add the kernels of all pairs to sums of rows and, by groups of bands, of columns.

    Parameters
    ----------
    rows, columns : Block
        The same for a diagonal one.
    depths : int64 array, shape (parts,)
        Numbers of coordinates, padded.
    few : bool array, shape (parts,)
        Whether a part needs differences.
    limit : float
        Largest squared length for which packed coordinates will do.
    band : int
        Rows in a band.
    spread : int64 array, shape (groups,)
        Each group's place among the groups.
    diagonal : bool
        Whether only pairs above the diagonal count.
    beside : float64 array, shape (kinds, places)
    below : float64 array, shape (groups, kinds, places or 0)
    """
    groups = len(spread)
    bands = -(-beside.shape[1] // band)
    for group in prange(groups):
        for turn in range(-(-bands // groups)):
            # there and back again, since work may become less from band to band
            place = spread[group] if turn % 2 == 0 else groups - 1 - spread[group]
            start = (turn * groups + place) * band
            if start < beside.shape[1]:
                stop = min(start + band, beside.shape[1])
                _add_band(
                    rows, columns, depths, few, limit, start, diagonal,
                    beside[:, start:stop], below[group],
                )  # fmt: skip


@njit(cache=True)
def _add_band(rows, columns, depths, few, limit, start, diagonal, beside, below):
    """Kernels between a band of rows and all columns, or those to its right."""
    parts, (kinds, height) = len(depths), beside.shape
    blank = rows.halves.size // 2, columns.halves.size // 2
    places = blank[0] // parts, blank[1] // parts
    across = places[1] // columns.longest.shape[1]
    lanes = across // VECTORS
    tiles = np.empty(parts * height * across, rows.packed.dtype)
    exact = np.empty(height * NARROW)
    of_rows = np.zeros(kinds * height * lanes, tiles.dtype)
    of_columns = np.zeros(kinds * across, tiles.dtype)
    row_sums, column_sums = np.zeros(of_rows.size), np.zeros(of_columns.size)
    longest = _longest(rows.longest, start // across, -(-(start + height) // across))
    first = start // across if diagonal else 0
    for panel in range(first, columns.longest.shape[1]):
        top = panel * across - start  # where the diagonal enters the tile, if it does
        bottom = min(height, top + across) if diagonal else height
        before = 0
        for k in range(parts):
            tile = k * height * across
            row, column = places[0] * before, places[1] * before + panel * depths[k] * across
            half, other = places[0] * k + start, places[1] * k + panel * across
            if max(longest[k], columns.longest[k, panel]) <= limit:
                _raw(
                    rows.packed, row, columns.packed, column, depths[k], few[k], across, start,
                    bottom, tiles, tile, -0.5 if few[k] else 1.0,
                    rows.halves, half, columns.halves, other,
                )  # fmt: skip
            else:
                _exact_exponents(
                    rows, row, columns, column, depths[k], across, start, bottom, tiles, tile,
                    blank[0] + half, blank[1] + other, exact,
                )  # fmt: skip
            if diagonal and top < height:
                _leave_out(tiles, tile + top * across, across)
            before += depths[k]
        _add_tile(tiles, parts, height, bottom, across, of_rows, of_columns, column_sums)
        if below.size:
            for kind in range(kinds):
                for j in range(across):
                    below[kind, panel * across + j] += column_sums[kind * across + j]
        column_sums[:] = 0.0
        if (panel - first) % SHORT == SHORT - 1:
            _widen(of_rows, row_sums)
    _widen(of_rows, row_sums)
    for kind in range(kinds):
        for r in range(height):
            line = (kind * height + r) * lanes
            beside[kind, r] += row_sums[line : line + lanes].sum()


@njit(cache=True)
def _longest(lengths, first, last):
    """The largest in some panels, of each part."""
    found = np.zeros(len(lengths))
    for k in range(len(lengths)):
        for panel in range(first, last):
            found[k] = max(found[k], lengths[k, panel])
    return found


@njit(cache=True, forceinline=True)
def _raw(
    rows, row, columns, column, depth, distances, across, start, bottom,
    tiles, tile, scale, row_halves, half, column_halves, other,
):  # fmt: skip
    """Products or squared distances of a band and one panel, scaled and less the halves."""
    for begin in range(0, depth, DEPTH):
        some = min(DEPTH, depth - begin)
        for r in range(0, bottom, QUAD):
            place, inner = (start + r) // across, (start + r) % across
            panels.raw_block(
                rows, row + (place * depth + begin) * across + inner,
                columns, column + begin * across, some, distances, begin > 0,
                tiles, tile + r * across, begin + some == depth, scale,
                row_halves, half + r, column_halves, other,
            )  # fmt: skip


@njit(cache=True)
def _exact_exponents(
    rows, row, columns, column, depth, across, start, bottom, tiles, tile, half, other, exact
):  # fmt: skip
    """Exponents of a tile from differences of samples as they came."""
    nothing = np.zeros(max(bottom, NARROW))
    for edge in range(0, across, NARROW):
        _raw(
            rows.given, row, columns.given, column + edge * depth, depth, True, NARROW, start,
            bottom, exact, 0, -0.5 * LOG2_E, nothing, 0, nothing, 0,
        )  # fmt: skip
        for r in range(bottom):
            for j in range(NARROW):
                outside = rows.halves[half + r] + columns.halves[other + edge + j]
                tiles[tile + r * across + edge + j] = exact[r * NARROW + j] - outside


@njit(cache=True)
def _leave_out(tiles, at, across):
    """Nothing of pairs that are not above the diagonal."""
    for r in range(across):
        for j in range(r + 1):
            tiles[at + r * across + j] = -np.inf


@njit(cache=True, forceinline=True)
def _add_tile(tiles, parts, height, bottom, across, of_rows, of_columns, column_sums):
    """Kernels of a tile in each part, and in all together, added to lanes."""
    lanes = across // VECTORS
    for top in range(0, bottom, QUAD * SHORT):
        for r in range(top, min(top + QUAD * SHORT, bottom), QUAD):
            at, line = r * across, r * lanes
            all_rows, all_columns = parts * height * lanes + line, parts * across
            if parts == 1:
                panels.add_blocks(
                    tiles, at, of_rows, line, of_columns, 0, tiles, 0, of_rows, 0, of_columns, 0
                )
                continue
            panels.keep_blocks(
                tiles, at, of_rows, line, of_columns, 0, tiles, at, of_rows, 0, of_columns, 0
            )
            for k in range(1, parts):
                tile, part, column = k * height * across + at, k * height * lanes + line, k * across
                if k < parts - 1:
                    panels.middle_blocks(
                        tiles, tile, of_rows, part, of_columns, column,
                        tiles, at, of_rows, 0, of_columns, 0,
                    )  # fmt: skip
                else:
                    panels.last_blocks(
                        tiles, tile, of_rows, part, of_columns, column,
                        tiles, at, of_rows, all_rows, of_columns, all_columns,
                    )  # fmt: skip
        _widen(of_columns, column_sums)


@njit(cache=True)
def _widen(lanes, sums):
    """Add to sums in double precision, and begin again."""
    for j in range(lanes.size):
        sums[j] += lanes[j]
        lanes[j] = 0.0
