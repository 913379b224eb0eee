"""Sums over the spectrum of a large symmetric matrix that is known by its products alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["SpectralEstimate", "spectral_estimate"]

#: Probes that are multiplied together: as many as make reading the matrix worth while.
GROUP = 8
#: Probes at most, and steps of each at most.
PROBES = 256
STEPS = 80
#: The first comparison of two numbers of steps, and how many steps lie between two.
_FIRST, _EVERY = 8, 2
#: Directions taken out of the probes where more than so many groups would be needed else.
DIRECTIONS = 32
_MANY_GROUPS = 4
#: A residual below this is rounding: the probe has seen all that it can.
_EXHAUSTED = 1e-12

Block = np.ndarray
Product = Callable[[Block], Block]
Functions = Callable[[np.ndarray], np.ndarray]
Combine = Callable[[np.ndarray], tuple[float, np.ndarray]]


class SpectralEstimate(NamedTuple):
    """A function of spectral sums, and how well it is known."""

    value: float
    error: float
    """One standard error over probes and, added in squares, what the last steps changed."""
    probes: int
    steps: int
    directions: int
    """How many directions were taken out of the probes, the leading one not counted."""
    converged: bool
    """Whether the error is within the tolerance."""


class _Measures(NamedTuple):
    """Nodes and weights of a quadrature for each vector: the spectrum as that vector sees it."""

    nodes: np.ndarray
    """(b, m)"""
    weights: np.ndarray
    """(b, m) summing to the squared length of each vector."""

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(b, functions) from values at the nodes, (functions, b, m)."""
        return (values * self.weights).sum(axis=2).T


def spectral_estimate(
    product: Product,
    leading: np.ndarray,
    moments: tuple[float, float],
    functions: Functions,
    combine: Combine,
    *,
    tol: float,
    rng: np.random.Generator,
    most: int = PROBES,
) -> SpectralEstimate:
    r"""A function of sums over the spectrum, by stochastic Lanczos quadrature.

    .. math:: \operatorname{tr} f(A) = f(1) + \sum_q q^\top f(A) q
        + \operatorname{E} \, (Pz)^\top f(A) \, Pz

    with random signs z and P the projection away from the leading eigenvector and from the
    directions q. Each quadratic form is a Gauss quadrature by the Lanczos recurrence. Of f the
    closest combination of 1, x and x^2 is summed exactly, from n, the trace and the sum of squares
    of all entries; probes see the rest alone.

    Parameters
    ----------
    product : callable
        The symmetric matrix A times a float64 array of shape (n, b); its eigenvalues are in [0, 1]
        up to rounding.
    leading : float64 array, shape (n,)
        The eigenvector of eigenvalue 1, of length 1.
    moments : tuple of float
        Trace of A, and of A A.
    functions : callable
        Eigenvalues of any shape to an array with one more leading axis: the functions f. What
        rounding puts below 0 it must take as 0.
    combine : callable
        The sums of all functions to the value wanted, and its derivatives by the sums.
    tol : float
        Probes are added until the error of the value is at most this.
    rng : numpy.random.Generator
    most : int
        Probes at most.

    Returns
    -------
    SpectralEstimate

    Notes
    -----
    Where few large eigenvalues make most of the variance, directions q near their eigenvectors
    are found from the first probes, which are then given up: later ones are independent of q. The
    forms of the directions are quadratures too, so nothing is biased if they are no eigenvectors.
    Cost: a product with 8 vectors for each of about 15 to 30 steps and each group of 8 probes;
    n * 8 * steps numbers of memory.

    References
    ----------
    Ubaru, Chen, Saad, SIAM J. Matrix Anal. Appl. 38 (2017) 1075, doi:10.1137/16M1104974;
    Meyer, Musco, Musco, Woodruff, SOSA (2021), arXiv:2010.09649 (the projection).
    """
    n = len(leading)
    exact = np.array([n, *moments], dtype=float) - 1.0
    known = _Known(functions, combine, exact, functions(np.ones(1))[:, 0])
    pilot = _Recurrence(product, _signs(leading[None], rng), leading)
    change = _until_steady(pilot, known, tol)
    steps, directions = pilot.steps, np.empty((0, n))
    measures: _Measures | None = pilot.measures()
    value, error = known.estimate(pilot.measures())
    if error > tol * math.sqrt(_MANY_GROUPS) and n > 4 * DIRECTIONS:
        directions = _directions(product, pilot)
        known = known.with_forms(_measured(product, directions, leading, steps))
        measures, error = None, math.inf
    probes = 0 if measures is None else GROUP
    while probes == 0 or (math.hypot(error, change) > tol and probes + GROUP <= most):
        more = _measured(product, _signs(np.vstack([leading, directions]), rng), leading, steps)
        measures, probes = _joined(measures, more), probes + GROUP
        value, error = known.estimate(measures)
    error = math.hypot(error, change)
    return SpectralEstimate(value, error, probes, steps, len(directions), error <= tol)


class _Known(NamedTuple):
    """What is summed exactly, and how a value is made of it and of what the probes have seen."""

    functions: Functions
    combine: Combine
    moments: np.ndarray
    """(3,) sums of 1, x and x^2 over the part of the spectrum that is left to the probes."""
    fixed: np.ndarray
    """(functions,) sums of the functions over the rest."""

    def with_forms(self, forms: _Measures) -> _Known:
        """The same with more vectors taken out of the probes, whose quadratic forms these are."""
        moments = self.moments - forms.sums(_powers(forms.nodes)).sum(axis=0)
        fixed = self.fixed + forms.sums(self.functions(forms.nodes)).sum(axis=0)
        return self._replace(moments=moments, fixed=fixed)

    def estimate(self, probes: _Measures) -> tuple[float, float]:
        """The value, and its standard error over the probes."""
        powers, values = _powers(probes.nodes), self.functions(probes.nodes)
        # The variance of signs z for g(A) is at most twice the sum of g^2 over the spectrum, which
        # the probes see as well: least squares in their measure, not between a few sums.
        roots = np.sqrt(probes.weights).ravel()
        columns = powers.reshape(len(powers), -1).T
        fit = np.linalg.lstsq(
            columns * roots[:, None],
            (values.reshape(len(values), -1) * roots).T,
            rcond=None,
        )[0]
        rest = values - (columns @ fit).T.reshape(values.shape)
        seen = probes.sums(rest)
        totals = self.fixed + self.moments @ fit + seen.mean(axis=0)
        value, slope = self.combine(totals)
        # Few probes know their own spread badly: the deviation of Student's distribution.
        freedom = len(seen) - 1
        error = float((seen @ slope).std(ddof=1)) / math.sqrt(len(seen))
        return value, error * math.sqrt(freedom / (freedom - 2))


class _Recurrence:
    """The Lanczos recurrence of several vectors side by side, each with a basis of its own."""

    def __init__(self, product: Product, starts: np.ndarray, leading: np.ndarray) -> None:
        self.product = product
        self.squares = np.einsum("bn,bn->b", starts, starts)
        # The leading eigenvector comes first, so that rounding does not bring it back.
        first = starts / np.sqrt(np.where(self.squares > 0, self.squares, 1.0))[:, None]
        self.vectors = [np.broadcast_to(leading, starts.shape), first]
        self.diagonal: list[np.ndarray] = []
        self.beside: list[np.ndarray] = []

    @property
    def steps(self) -> int:
        return len(self.diagonal)

    def step(self) -> None:
        """One more product, orthogonal to all vectors before."""
        new = self.product(self.vectors[-1].T).T
        self.diagonal.append(np.einsum("bn,bn->b", new, self.vectors[-1]))
        for vector in (*reversed(self.vectors), self.vectors[-1]):
            new = new - np.einsum("bn,bn->b", new, vector)[:, None] * vector
        length = np.sqrt(np.einsum("bn,bn->b", new, new))
        alive = length > _EXHAUSTED
        self.beside.append(np.where(alive, length, 0.0))
        self.vectors.append(new * np.where(alive, 1 / np.where(alive, length, 1.0), 0.0)[:, None])

    def decomposed(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues (b, m) and eigenvectors (b, m, m) of the tridiagonal matrices."""
        matrices = np.zeros((len(self.squares), self.steps, self.steps))
        for k, entries in enumerate(self.diagonal):
            matrices[:, k, k] = entries
        for k, entries in enumerate(self.beside[:-1]):
            matrices[:, k, k + 1] = matrices[:, k + 1, k] = entries
        return np.linalg.eigh(matrices)

    def measures(self) -> _Measures:
        nodes, vectors = self.decomposed()
        return _Measures(nodes, np.square(vectors[:, 0]) * self.squares[:, None])


def _until_steady(recurrence: _Recurrence, known: _Known, tol: float) -> float:
    """Steps until two more change little; what the last two changed."""
    before = change = math.inf
    while recurrence.steps < min(STEPS, recurrence.vectors[0].shape[1]) and change >= tol / 10:
        recurrence.step()
        if recurrence.steps >= _FIRST and recurrence.steps % _EVERY == 0:
            value, _ = known.estimate(recurrence.measures())
            change, before = abs(value - before), value
    # As many steps as rows leave nothing out.
    return change if recurrence.steps < recurrence.vectors[0].shape[1] else 0.0


def _measured(product: Product, vectors: np.ndarray, leading: np.ndarray, steps: int) -> _Measures:
    """The measures of any number of vectors, after some steps, a group at a time."""
    found = None
    for first in range(0, len(vectors), GROUP):
        recurrence = _Recurrence(product, vectors[first : first + GROUP], leading)
        for _ in range(steps):
            recurrence.step()
        found = _joined(found, recurrence.measures())
    assert found is not None
    return found


def _joined(first: _Measures | None, second: _Measures) -> _Measures:
    if first is None:
        return second
    return _Measures(*map(np.concatenate, zip(first, second, strict=True)))


def _directions(product: Product, pilot: _Recurrence) -> np.ndarray:
    """Orthonormal rows near the eigenvectors of the largest eigenvalues that the pilot has seen."""
    _, combinations = pilot.decomposed()
    basis = np.stack(pilot.vectors[1 : pilot.steps + 1])
    top = combinations[:, :, -GROUP:]  # the largest of each probe
    candidates = np.einsum("bmk,mbn->bkn", top, basis).reshape(-1, basis.shape[2])
    lengths, mixed = np.linalg.eigh(candidates @ candidates.T)
    kept = lengths > 1e-6 * lengths[-1]
    rows = (mixed[:, kept] / np.sqrt(lengths[kept])).T @ candidates
    _, turned = np.linalg.eigh(rows @ product(rows.T))
    rows = turned[:, -DIRECTIONS:].T @ rows
    return np.linalg.qr(rows.T)[0].T


def _signs(outside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A group of random signs, (GROUP, n), less their parts along orthonormal rows."""
    signs = 2.0 * rng.integers(0, 2, size=(GROUP, outside.shape[1])) - 1.0
    for _ in range(2):  # again, for what rounding left
        for row in outside:
            signs -= np.einsum("bn,n->b", signs, row)[:, None] * row
    return signs


def _powers(nodes: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(nodes), nodes, np.square(nodes)])
