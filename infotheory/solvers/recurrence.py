"""The Lanczos recurrence of several vectors, and the quadratures that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["Measures", "Product", "Recurrence", "measured"]

#: A residual below this is rounding: the vector has seen all that it can.
_EXHAUSTED = 1e-12
#: How far below 0 rounding of products may put an eigenvalue that is 0.
_ROUNDED = 1e-9

Product = Callable[[np.ndarray], np.ndarray]


class Measures(NamedTuple):
    """Nodes and weights of a quadrature for each vector: the spectrum as that vector sees it."""

    nodes: np.ndarray
    """(b, m)"""
    weights: np.ndarray
    """(b, m) summing to the squared length of each vector."""
    signs: np.ndarray
    """(b, m) 1 at the nodes of Gauss' rule, -1 at those of Radau's: the rules err on either side
    where derivatives keep their signs, as those of powers do, and x ln x."""

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(b, functions) from values at the nodes, (functions, b, m)."""
        return (values * self.weights).sum(axis=2).T


class Recurrence:
    """The Lanczos recurrence of several vectors side by side, each with a basis of its own.

    References
    ----------
    Golub, Meurant (2010), ISBN 978-0-691-14341-5, chapters 4 and 6.
    """

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
        """How many have been made."""
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
        return np.linalg.eigh(self._matrices())

    def _matrices(self) -> np.ndarray:
        matrices = np.zeros((len(self.squares), self.steps, self.steps))
        for k, entries in enumerate(self.diagonal):
            matrices[:, k, k] = entries
        for k, entries in enumerate(self.beside[:-1]):
            matrices[:, k, k + 1] = matrices[:, k + 1, k] = entries
        return matrices

    def gauss(self) -> Measures:
        """Gauss' rule alone."""
        nodes, vectors = self.decomposed()
        weights = np.square(vectors[:, 0]) * self.squares[:, None]
        return Measures(nodes, weights, np.ones_like(weights))

    def measures(self) -> Measures:
        """The mean of Gauss' rule and of Radau's, which has one more node, at 0."""
        nodes, vectors = self.decomposed()
        beside = self.beside[-1]
        # What rounding puts below 0 the fixed node must be below; no entry is above all nodes.
        fixed = np.minimum(nodes[:, 0], 0.0) - _ROUNDED
        last = np.square(vectors[:, -1] * beside[:, None]) / (nodes - fixed[:, None])
        matrices = np.zeros((len(nodes), self.steps + 1, self.steps + 1))
        matrices[:, :-1, :-1] = self._matrices()
        matrices[:, -1, -1] = np.minimum(fixed + last.sum(axis=1), 1.0)
        matrices[:, -1, -2] = matrices[:, -2, -1] = beside
        others, turned = np.linalg.eigh(matrices)
        weights = np.concatenate([np.square(vectors[:, 0]), np.square(turned[:, 0])], axis=1)
        signs = np.concatenate([np.ones_like(nodes), -np.ones_like(others)], axis=1)
        weights *= self.squares[:, None] / 2
        return Measures(np.concatenate([nodes, others], axis=1), weights, signs)


def measured(product: Product, vectors: np.ndarray, leading: np.ndarray, steps: int) -> Measures:
    """The measures of vectors after some steps."""
    recurrence = Recurrence(product, vectors, leading)
    for _ in range(steps):
        recurrence.step()
    return recurrence.measures()
