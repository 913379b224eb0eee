"""Couplings: joint distributions of given marginals, with as little entropy as can be found."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from infotheory.distributions import probabilities
from infotheory.estimate import convert
from infotheory.ops.ranges import free_memory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Coupling", "entropy_of", "minimum_entropy_coupling", "refuse_table"]

#: What is left of a mass below this share of it is the round-off of the numbers given.
_ROUND_OFF_BITS = 50


@dataclass(frozen=True, eq=False)
class Coupling:
    """A joint distribution of k variables, as the cells that have mass.

    Attributes
    ----------
    cells : array, shape (m, k)
        The outcome of each variable in each cell, in lexical order.
    masses : array, shape (m,)
        Probabilities of the cells.
    marginals : tuple of k arrays
        Distributions that it couples.
    entropy : float
        Of the joint distribution.
    lower : float
        No coupling of these marginals has less entropy: that of their greatest lower bound in the
        order of majorisation.
    unit : str
        Of all amounts of information, "nats" or "bits".
    """

    cells: np.ndarray
    masses: np.ndarray
    marginals: tuple[np.ndarray, ...]
    entropy: float
    lower: float
    unit: str = "nats"

    @property
    def gap(self) -> float:
        """What a better coupling could save at most: entropy - lower."""
        return self.entropy - self.lower

    @property
    def information(self) -> float:
        """Mutual information of two variables, total correlation of more: sum H(X_j) - H(X)."""
        alone = [convert(entropy_of(p), "nats", self.unit) for p in self.marginals]
        return math.fsum([*alone, -self.entropy])

    @property
    def shape(self) -> tuple[int, ...]:
        """How many outcomes each variable has."""
        return tuple(len(p) for p in self.marginals)

    def to(self, unit: str) -> Coupling:
        """The same in another unit of information."""
        entropy, lower = (convert(part, self.unit, unit) for part in (self.entropy, self.lower))
        return replace(self, entropy=entropy, lower=lower, unit=unit)

    def dense(self) -> np.ndarray:
        """The whole table, zeros included; a MemoryError if there is no room for it."""
        refuse_table(self.shape)
        table = np.zeros(self.shape)
        table[tuple(self.cells.T)] = self.masses
        return table

    def plot(self, **options: Any) -> Axes:
        """Draw a coupling of two variables as a heat map.

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
        shape = " x ".join(map(str, self.shape))
        return (
            f"coupling of {shape} outcomes in {len(self.masses)} cells: "
            f"entropy {self.entropy:.6g}, at least {self.lower:.6g} {self.unit}"
        )

    def __repr__(self) -> str:
        return f"<Coupling {self}>"


def minimum_entropy_coupling(marginals: Sequence[Any]) -> Coupling:
    r"""Couple distributions so that their joint entropy is small, their information large.

    .. math:: \min_{P} H(X_1, ..., X_k), \quad P(X_j = i) = p_j(i)

    The minimum is NP-hard to find. The greedy rule takes the largest mass that is left of every
    marginal, and puts the least of these into the cell where they meet, until nothing is left.

    Parameters
    ----------
    marginals : sequence of k arrays, shapes (n_j,)
        Probabilities; the lengths may differ, and entries may be zero.

    Returns
    -------
    Coupling
        Cells and masses, at most sum n_j - k + 1 of them, with ``entropy``,
        ``lower``, ``gap`` and ``information`` in nats.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two marginals, or one is not a distribution of one dimension: no
        real numbers, empty, not finite, negative, or a sum that is not 1 within 1e-9.

    Notes
    -----
    Error: the greedy entropy exceeds the least one by at most log2(e) / e = 0.53 bits for two
    marginals, (1 + log2(e)) / 2 = 1.22 bits for any number, and ``lower`` by at most log2(e) =
    1.44 bits; what is known of one result is its ``gap``. Marginals are divided by their sums and
    kept to about 1e-15. Cost: O(k n log n) for n outcomes in all.

    References
    ----------
    Kocaoglu, Dimakis, Vishwanath, Hassibi, AAAI (2017), arXiv:1611.04035, algorithm 1; Compton,
    ISIT (2022), arXiv:2203.05108; Compton, Katz, Qi, Greenewald, Kocaoglu, AISTATS (2023),
    arXiv:2302.11838; Cicalese, Gargano, Vaccaro, IEEE Trans. Inf. Theory 65 (2019) 3436,
    arXiv:1901.07530 (the lower bound).
    """
    if isinstance(marginals, (str, bytes)) or not isinstance(marginals, Iterable):
        raise TypeError(f"marginals must be a sequence of arrays; got {type(marginals).__name__}.")
    given = [distribution(p, f"marginals[{j}]") for j, p in enumerate(marginals)]
    if len(given) < 2:
        raise ValueError(f"marginals must be two distributions or more; got {len(given)}.")
    whole, scale = _whole_numbers(given)
    table = _greedy(whole)
    cells = np.array(sorted(table), dtype=np.int64)
    # Division of whole numbers rounds once, and correctly.
    masses = np.array([table[tuple(cell)] / scale for cell in cells.tolist()])
    lower = entropy_of(np.array([part / scale for part in _meet(whole)]))
    return Coupling(cells, masses, tuple(given), entropy_of(masses), lower)


def distribution(p: Any, name: str) -> np.ndarray:
    """Probabilities of one variable, divided by their sum, which is 1 but for round-off."""
    p = probabilities(p, name)
    if p.ndim != 1:
        raise ValueError(f"{name} must have shape (n,); got {p.shape}.")
    p = p / math.fsum(p.tolist())
    p.flags.writeable = False
    return p


def entropy_of(p: np.ndarray) -> float:
    """Shannon entropy in nats, the same whatever the order of the masses."""
    p = p[p > 0]
    return math.fsum((-p * np.log(p)).tolist()) + 0.0


def refuse_table(shape: tuple[int, ...]) -> None:
    """A MemoryError for a dense table that memory cannot hold."""
    needed, free = 8 * math.prod(shape), free_memory()
    if needed > 0.9 * free:
        sizes = " x ".join(map(str, shape))
        raise MemoryError(
            f"a table of {sizes} takes {needed / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free; "
            f"the cells with mass are in .cells and .masses."
        )


def _whole_numbers(given: list[np.ndarray]) -> tuple[list[list[int]], int]:
    """All masses as whole multiples of one unit, so that subtracting them never rounds."""
    ratios = [[mass.as_integer_ratio() for mass in p.tolist()] for p in given]
    scale = max(below for parts in ratios for _, below in parts)
    whole = [[above * (scale // below) for above, below in parts] for parts in ratios]
    for p in whole:  # sums may differ by the round-off of dividing by them
        p[p.index(max(p))] += scale - sum(p)
    return whole, scale


def _greedy(whole: list[list[int]]) -> dict[tuple[int, ...], int]:
    """The cells of the greedy coupling with their masses.

    Marginals like (1/3, 1/3, 1/3) and nine times 1/9 do not fit exactly. What is left of a mass by
    such round-off is not worth a cell, and what is left where another marginal is spent joins
    its largest outcome.
    """
    heaps = [[(-mass, i) for i, mass in enumerate(p) if mass] for p in whole]
    for heap in heaps:
        heapq.heapify(heap)
    largest = [heap[0][1] for heap in heaps]
    table: dict[tuple[int, ...], int] = {}
    while any(heaps):
        cell = tuple(heap[0][1] if heap else i for heap, i in zip(heaps, largest, strict=True))
        mass = min(-heap[0][0] for heap in heaps if heap)
        round_off = max(p[i] for p, i in zip(whole, cell, strict=True)) >> _ROUND_OFF_BITS
        table[cell] = table.get(cell, 0) + mass
        for heap in heaps:
            if not heap:
                continue
            left, i = heap[0]
            if -left - mass > round_off:
                heapq.heapreplace(heap, (left + mass, i))
            else:
                heapq.heappop(heap)
    return table


def _meet(whole: list[list[int]]) -> list[int]:
    """The greatest distribution below all marginals in the order of majorisation."""
    longest = max(map(len, whole))
    sums = [itertools.accumulate(sorted(p, reverse=True) + [0] * (longest - len(p))) for p in whole]
    least = [min(at) for at in zip(*sums, strict=True)]
    return [after - before for before, after in itertools.pairwise([0, *least])]
