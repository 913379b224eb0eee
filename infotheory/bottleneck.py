"""Couplings through a bottleneck: keep what a limited entropy can hold, then couple it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import entr

from infotheory import checks
from infotheory.coupling import (
    Coupling,
    distribution,
    entropy_of,
    minimum_entropy_coupling,
    refuse_table,
)
from infotheory.encoding import best_split, maps_within
from infotheory.estimate import convert

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Bottleneck", "Encoder", "bottleneck_coupling", "entropy_bounded_information"]


@dataclass(frozen=True, eq=False)
class Encoder:
    """A variable T made of X, with as much information about X as its entropy may have.

    Attributes
    ----------
    labels : array, shape (n,)
        T of each outcome of X, numbered from the likeliest on; of an outcome that is split
        between two, the likelier.
    cells : array, shape (m, 2)
        The pairs (x, t) with mass, in lexical order.
    masses : array, shape (m,)
        Their probabilities.
    p_x, p_t : arrays
        The marginals.
    information, entropy : float
        I(X;T) and H(T); equal, unless an outcome is split.
    rate : float
        What H(T) may not exceed.
    ceiling : float
        What no encoder exceeds: the smaller of rate and H(X).
    guarantee : float
        The gap that is never exceeded: the entropy of a coin with the second largest mass of X.
    unit : str
        Of all amounts of information, "nats" or "bits".
    """

    labels: np.ndarray
    cells: np.ndarray
    masses: np.ndarray
    p_x: np.ndarray
    p_t: np.ndarray
    information: float
    entropy: float
    rate: float
    ceiling: float
    guarantee: float
    unit: str = "nats"

    @property
    def gap(self) -> float:
        """What a better encoder could add at most: ceiling - information."""
        return self.ceiling - self.information

    @property
    def deterministic(self) -> bool:
        """Whether T is a function of X."""
        return len(np.unique(self.cells[:, 0])) == len(self.cells)

    def to(self, unit: str) -> Encoder:
        """The same in another unit of information."""
        names = ("information", "entropy", "rate", "ceiling", "guarantee")
        parts = {name: convert(getattr(self, name), self.unit, unit) for name in names}
        return replace(self, unit=unit, **parts)

    def __str__(self) -> str:
        return (
            f"encoder of {len(self.p_x)} outcomes into {len(self.p_t)}: "
            f"information {self.information:.6g} of at most {self.ceiling:.6g} {self.unit}"
        )

    def __repr__(self) -> str:
        return f"<Encoder {self}>"


@dataclass(frozen=True, eq=False)
class Bottleneck:
    """X and Y of given marginals, coupled through a variable T of limited entropy.

    Attributes
    ----------
    encoder : Encoder
        T given X.
    decoder : Coupling
        Of T and Y.
    information : float
        I(X;Y).
    unit : str
        Of all amounts of information, "nats" or "bits".
    """

    encoder: Encoder
    decoder: Coupling
    information: float
    unit: str = "nats"

    @property
    def lower(self) -> float:
        """I(X;T) + I(T;Y) - H(T), which I(X;Y) is never below; with a map it is I(T;Y)."""
        parts = (self.encoder.information, self.decoder.information, -self.encoder.entropy)
        return math.fsum(parts)

    def to(self, unit: str) -> Bottleneck:
        """The same in another unit of information."""
        information = convert(self.information, self.unit, unit)
        return Bottleneck(self.encoder.to(unit), self.decoder.to(unit), information, unit)

    def dense(self) -> np.ndarray:
        """The joint distribution of X and Y; a MemoryError if there is no room for it."""
        shape = len(self.encoder.p_x), len(self.decoder.marginals[1])
        refuse_table(shape)
        table = np.zeros(shape)
        given = _rows(self.decoder)
        for (x, t), mass in zip(self.encoder.cells.tolist(), self.encoder.masses, strict=True):
            outcomes, chances = given[t]
            table[x, outcomes] += mass * chances
        return table

    def plot(self, **options: Any) -> Axes:
        """Draw the joint distribution of X and Y as a heat map.

        Parameters
        ----------
        **options
            As for :func:`infotheory.plot.coupling.heat_map`.

        Returns
        -------
        matplotlib.axes.Axes
            Its figure is ``.figure``.
        """
        from infotheory.plot.coupling import heat_map

        return heat_map(self.dense(), **options)

    def __str__(self) -> str:
        return (
            f"I(X;Y) = {self.information:.6g}, I(X;T) = {self.encoder.information:.6g}, "
            f"I(T;Y) = {self.decoder.information:.6g}, H(T) = {self.encoder.entropy:.6g} "
            f"of at most {self.encoder.rate:.6g} {self.unit}"
        )

    def __repr__(self) -> str:
        return f"<Bottleneck {self}>"


def entropy_bounded_information(p: Any, rate: float, *, randomised: bool = False) -> Encoder:
    r"""Find a variable of limited entropy that tells as much about X as it can.

    .. math:: \max_{P(T|X)} I(X;T) \quad \text{subject to} \quad H(T) \le R

    Of a function T = g(X) all entropy is information, and the question is which outcomes to merge
    so that H(T) comes close to R; the best answer is NP-hard to find. The greedy rule merges the
    smallest mass into the largest until H(T) is at most R. From maps of its chain on both sides
    of R a search moves single outcomes as long as that helps.

    Parameters
    ----------
    p : array, shape (n,)
        Probabilities of X.
    rate : float
        R, in nats, at least 0.
    randomised : bool
        Also split one outcome of X between two of T, so that H(T) = R, where that tells more.
        A little off a map, the best split takes from the smallest share of a merged outcome to a
        new one (more entropy than the map), or from the least likely to the likeliest (less).

    Returns
    -------
    Encoder
        ``labels``, ``cells``, ``masses``, ``p_t``; ``information``, ``entropy``, ``ceiling``,
        ``gap`` and ``guarantee`` in nats.

    Raises
    ------
    TypeError, ValueError
        If p is not a distribution of one dimension (see :func:`minimum_entropy_coupling`); if
        rate is not a finite number of at least 0; if randomised is not True or False.

    Notes
    -----
    Error: I(X;T) is below min(R, H(X)) by at most the entropy of a coin with the second largest
    mass of X, since no merger of the greedy chain costs more; the search is never worse. Of up
    to 8 outcomes all maps are compared, so that no better one exists; with over 256 the search
    looks at 256 of them. H(T) may exceed R by 1e-12 of round-off. Cost: O(n log n) and the search,
    about a second.

    References
    ----------
    Ebrahimi, Chen, Khisti, NeurIPS (2024), arXiv:2410.21666, theorems 1 to 3.
    """
    p = distribution(p, "p")
    rate = checks.number(rate, "rate", low=0.0)
    randomised = checks.flag(randomised, "randomised")
    there = np.flatnonzero(p)
    there = there[np.argsort(-p[there], kind="stable")]
    sizes = p[there]
    maps = maps_within(sizes, rate)
    x, t, masses = there, maps[0], sizes
    split = best_split(sizes, maps, rate) if randomised else None
    if split is not None:
        t = maps[split.start]
        x, t = np.append(x, there[split.outcome]), np.append(t, split.to)
        masses = np.append(masses, split.mass)
        masses[split.outcome] -= split.mass
    return _encoder(p, x, t, masses, rate)


def bottleneck_coupling(p_x: Any, p_y: Any, rate: float, *, randomised: bool = False) -> Bottleneck:
    r"""Couple X and Y through a variable T of limited entropy, with much information kept.

    .. math::
        \max I(X;Y) \quad \text{subject to} \quad X - T - Y, \; H(T) \le R, \; P(Y) = p_y

    The encoder P(T|X) keeps as much as the rate allows (:func:`entropy_bounded_information`), and
    the decoder P(Y|T) is the coupling of T and Y of least entropy that is found
    (:func:`minimum_entropy_coupling`). Both together are worth

    .. math:: I(X;Y) \ge I(X;T) + I(T;Y) - H(T) \ge I(X;T) + I(T;Y) - R

    since I(T;Y) - I(X;Y) = I(T;Y|X) is at most H(T|X) = H(T) - I(X;T).

    Parameters
    ----------
    p_x, p_y : arrays, shapes (n,) and (m,)
        Probabilities of X and Y.
    rate : float
        R, in nats, at least 0.
    randomised : bool
        Let the encoder split an outcome of X.

    Returns
    -------
    Bottleneck
        ``encoder``, ``decoder``, ``information`` I(X;Y) and its bound ``lower``, in nats.

    Raises
    ------
    TypeError, ValueError
        As of the two functions named.

    Notes
    -----
    The marginals are kept to about 1e-15. Cost: that of the encoder, and O(m log m) for m outcomes
    of Y and T.

    References
    ----------
    Ebrahimi, Chen, Khisti, NeurIPS (2024), arXiv:2410.21666.
    """
    p_y = distribution(p_y, "p_y")
    encoder = entropy_bounded_information(distribution(p_x, "p_x"), rate, randomised=randomised)
    decoder = minimum_entropy_coupling([encoder.p_t, p_y])
    given = _rows(decoder)
    left = [mass * entropy_of(given[t][1]) for t, mass in _unsplit(encoder)]
    for x in _split(encoder):
        chances = np.zeros(len(p_y))
        here = encoder.cells[:, 0] == x
        for t, mass in zip(encoder.cells[here, 1].tolist(), encoder.masses[here], strict=True):
            outcomes, of_y = given[t]
            chances[outcomes] += mass * of_y
        mass = encoder.masses[here].sum()
        left.append(mass * entropy_of(chances / mass))
    return Bottleneck(encoder, decoder, math.fsum([entropy_of(p_y), *(-h for h in left)]))


def _encoder(
    p: np.ndarray, x: np.ndarray, t: np.ndarray, masses: np.ndarray, rate: float
) -> Encoder:
    """The encoder with these cells, T renumbered from the likeliest outcome on."""
    _, t = np.unique(t, return_inverse=True)
    p_t = np.bincount(t, masses)
    order = np.argsort(-p_t, kind="stable")
    t, p_t = np.argsort(order)[t], p_t[order]
    labels = np.zeros(len(p), dtype=np.int64)
    rising = np.argsort(masses, kind="stable")  # of a split outcome the larger part comes last
    labels[x[rising]] = t[rising]
    cells = np.column_stack([x, t])
    lexical = np.lexsort((t, x))
    spread = masses / p[x]
    entropy, loss = entropy_of(p_t), math.fsum((p[x] * entr(spread)).tolist())
    second = np.sort(p)[-2] if len(p) > 1 else 0.0
    return Encoder(
        labels=labels,
        cells=cells[lexical],
        masses=masses[lexical],
        p_x=p,
        p_t=p_t,
        information=entropy - loss,
        entropy=entropy,
        rate=rate,
        ceiling=min(rate, entropy_of(p)),
        guarantee=entropy_of(np.array([second, 1 - second])),
    )


def _rows(decoder: Coupling) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each t the outcomes y that it may lead to, and their chances given t."""
    starts = np.searchsorted(decoder.cells[:, 0], np.arange(len(decoder.marginals[0]) + 1))
    rows = []
    for first, last in itertools.pairwise(starts.tolist()):
        masses = decoder.masses[first:last]
        rows.append((decoder.cells[first:last, 1], masses / masses.sum()))
    return rows


def _split(encoder: Encoder) -> list[int]:
    """The outcomes of X that lead to several of T."""
    found, times = np.unique(encoder.cells[:, 0], return_counts=True)
    return found[times > 1].tolist()


def _unsplit(encoder: Encoder) -> list[tuple[int, float]]:
    """For each t the mass of the outcomes of X that lead to it alone."""
    alone = ~np.isin(encoder.cells[:, 0], _split(encoder))
    masses = np.bincount(encoder.cells[alone, 1], encoder.masses[alone], minlength=len(encoder.p_t))
    return list(enumerate(masses.tolist()))
