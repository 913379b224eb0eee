"""The search for maps of outcomes whose entropy comes close to a rate.

A map is an array with the bin of each outcome; outcomes are sorted, the likeliest first. Of a
function of X all entropy is information, so a map is as good as its entropy is close to the rate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import entr

__all__ = ["Split", "best_split", "maps_within"]

#: By so much may entropy exceed the rate, and smaller gains are none: the round-off of a sum.
_ROUND_OFF = 1e-12
#: A gap that is not worth a search.
_CLOSE = 1e-9
#: Maps of the greedy chain, on each side of the rate, that the search starts from.
_STARTS = 6
#: Moves of outcomes, far more than are made before nothing helps any more.
_MOVES = 1000
#: Outcomes up to which all maps are compared, 4140 of them.
_ALL = 8
#: Outcomes, and bins, that the search considers at a time.
_WIDEST = 256
#: Halvings of an interval, after which it has the width of a round-off.
_HALVINGS = 60


class Split(NamedTuple):
    """Of the map number `start`, so much `mass` of one outcome goes to another bin."""

    start: int
    outcome: int
    to: int
    mass: float


def maps_within(sizes: np.ndarray, rate: float) -> list[np.ndarray]:
    """The best map found of entropy within the rate, then others near it, on both sides."""
    entropies = _chain(sizes)
    first = int(np.argmax(entropies <= rate + _ROUND_OFF))
    greedy = _merged(len(sizes), first)
    if rate - entropies[first] <= _CLOSE or first == 0:
        return [greedy]
    if len(sizes) <= _ALL:
        return _nearest(sizes, rate)
    near = range(max(first - _STARTS, 0), min(first + _STARTS, len(sizes)))
    best, least = greedy, entropies[first]
    above: np.ndarray | None = None
    most = np.inf
    for merged in near:
        for sign in (1, -1):
            found, entropy = _search(sizes, _merged(len(sizes), merged), rate, sign)
            if entropy <= rate + _ROUND_OFF and entropy > least:
                best, least = found, entropy
            if entropy > rate and entropy < most:
                above, most = found, entropy
        if rate - least <= _CLOSE:
            break
    others = [_merged(len(sizes), merged) for merged in near]
    return [best, *([] if above is None else [above]), *others]


def _nearest(sizes: np.ndarray, rate: float) -> list[np.ndarray]:
    """The best of all maps first, then others near the rate."""
    maps = _all_maps(len(sizes))
    entropies = sum(entr((maps == b) @ sizes) for b in range(len(sizes)))
    order = np.argsort(entropies, kind="stable")
    place = int(np.searchsorted(entropies[order], rate + _ROUND_OFF, side="right"))
    near = order[max(place - _STARTS, 0) : place + _STARTS]
    return [maps[order[place - 1]], *maps[near]]


def best_split(sizes: np.ndarray, maps: list[np.ndarray], rate: float) -> Split | None:
    """The split of an outcome of one of the maps that tells most at the rate; None if no better.

    All pairs of an outcome and a bin are tried. How much an outcome of mass s tells when a part m
    of it goes to another bin is H(T) - s h(m / s).
    """
    best, most = None, _entropy(sizes, maps[0]) + _ROUND_OFF
    for start, bins in enumerate(maps):
        sums = np.append(np.bincount(bins, sizes), 0.0)
        here, there = _some(len(sizes)), _bins(sums)
        size, giver, taker = sizes[here][:, None], sums[bins[here]][:, None], sums[there][None]
        mass, entropy = _meeting(size, giver, taker, _entropy(sizes, bins), rate)
        told = entropy - size * (entr(mass / size) + entr(1 - mass / size))
        told = np.where(bins[here][:, None] == there, np.nan, told)
        if not np.isnan(told).all() and np.nanmax(told) > most:
            i, b = np.unravel_index(int(np.nanargmax(told)), told.shape)
            most = told[i, b]
            best = Split(start, int(here[i]), int(there[b]), float(mass[i, b]))
    return best


def _meeting(
    size: np.ndarray, giver: np.ndarray, taker: np.ndarray, entropy: float, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """The mass to move at which entropy meets the rate, and entropy there; NaN where never.

    Entropy rises until the two bins are equal, then falls: from a map below the rate the meeting
    is on the rising side, from one above on the falling side. Halving keeps within the rate.
    """
    rest = entropy - entr(giver) - entr(taker)

    def after(mass: np.ndarray) -> np.ndarray:
        return rest + entr(_up(giver - mass)) + entr(taker + mass)

    rising = entropy <= rate
    equal = np.clip((giver - taker) / 2, 0.0, size)
    within, beyond = (np.zeros_like(equal), equal) if rising else (size + 0 * equal, equal)
    meets = (after(within) <= rate) & (after(beyond) >= rate)
    for _ in range(_HALVINGS):
        middle = (within + beyond) / 2
        inside = after(middle) <= rate
        within, beyond = np.where(inside, middle, within), np.where(inside, beyond, middle)
    return np.where(meets, within, np.nan), np.where(meets, after(within), np.nan)


def _chain(sizes: np.ndarray) -> np.ndarray:
    """Entropies after the 0, 1, 2, ... smallest have been merged into the largest."""
    rest = np.append(0.0, np.cumsum(sizes[:0:-1]))
    kept = np.append(0.0, np.cumsum(entr(sizes[1:])))[::-1]
    return entr(sizes[0] + rest) + kept


def _merged(n: int, count: int) -> np.ndarray:
    bins = np.arange(n)
    bins[n - count :] = 0
    return bins


def _search(
    sizes: np.ndarray, bins: np.ndarray, rate: float, sign: int
) -> tuple[np.ndarray, float]:
    """The map after the best moves of outcomes, each bringing its entropy closer to the rate.

    From below for a sign of 1, from above for -1; a map on the other side first crosses over.
    """
    entropy = _entropy(sizes, bins)
    for _ in range(_MOVES):
        if -_ROUND_OFF <= sign * (rate - entropy) <= _CLOSE:
            break
        _, bins = np.unique(bins, return_inverse=True)
        sums = np.append(np.bincount(bins, sizes), 0.0)
        here, there = _some(len(sizes)), _bins(sums)
        size, giver = sizes[here], bins[here]
        gains = _changed(sums[giver][:, None], sums[there][None], size[:, None])
        gains[giver[:, None] == there] = 0.0
        allowed = sign * (entropy + gains - rate) <= _ROUND_OFF
        wanted = np.where(allowed, sign * gains, -np.inf)
        at = np.unravel_index(int(np.argmax(wanted)), wanted.shape)
        crossing = sign * (entropy - rate) > _ROUND_OFF
        if not allowed[at] or (not crossing and wanted[at] <= _ROUND_OFF):
            break
        bins = bins.copy()
        bins[here[at[0]]] = there[at[1]]
        entropy = _entropy(sizes, bins)
    return bins, entropy


def _changed(giver: np.ndarray, taker: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """By how much entropy grows when so much mass goes from one bin to another."""
    return entr(_up(giver - mass)) + entr(_up(taker + mass)) - entr(giver) - entr(taker)


def _up(mass: np.ndarray) -> np.ndarray:
    """Masses, without the round-off that makes an empty bin negative."""
    return np.maximum(mass, 0.0)


def _entropy(sizes: np.ndarray, bins: np.ndarray) -> float:
    return float(entr(np.bincount(bins, sizes)).sum())


def _some(count: int) -> np.ndarray:
    """All places, or as many as are considered at a time, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, _WIDEST)).astype(np.int64))


def _bins(sums: np.ndarray) -> np.ndarray:
    """Such places among the bins, and the last, which is empty."""
    return np.append(_some(len(sums) - 1), len(sums) - 1)


def _all_maps(n: int) -> np.ndarray:
    """Every partition of n outcomes, one in a row: a bin is named when it is first used."""
    maps = np.zeros((1, 1), dtype=np.int64)
    for _ in range(n - 1):
        bins = maps.max(axis=1) + 2
        first = np.repeat(np.cumsum(bins) - bins, bins)
        maps = np.column_stack([np.repeat(maps, bins, axis=0), np.arange(len(first)) - first])
    return maps
