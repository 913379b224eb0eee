"""Problems of points so far apart that kernels see clusters alone: spectra count them."""

from __future__ import annotations

import math

import numpy as np

from infotheory.truth.problem import Truth, shannon

__all__ = ["clusters_of_one", "clusters_of_three", "clusters_of_two", "clusters_of_two_given"]

_APART = 100.0
_SOURCE = "block matrices of ones: their eigenvalues are the sizes of the clusters"
_SAMPLES = 240


def clusters_of_one(count: int) -> Truth:
    """A variable of several values far apart: its entropy, of any order, is ln count."""
    return _problem(f"{count} clusters", math.log(count), np.arange(count))


def clusters_of_two() -> Truth:
    """Four clusters of x and two of y, which x decides: they share one bit."""
    return _problem("two clusters of four", math.log(2), np.arange(4), np.arange(4) // 2)


def clusters_of_two_given() -> Truth:
    """Four clusters of x and two of y, which x decides: given y one bit of x is left."""
    x, y = np.arange(4), np.arange(4) // 2
    return _problem("four clusters given two", math.log(2), x, y)


def clusters_of_three(dual: bool = False) -> Truth:
    """Two bits and their sum: any two decide the third, and one bit is counted once too often.

    The dual total correlation is two bits: no bit has anything to itself.
    """
    x, y = np.divmod(np.arange(4), 2)
    bits = [x, y, x ^ y]
    apart = sum(_entropy(bit) for bit in bits)
    value = 2 * math.log(2) if dual else apart - _entropy(x, y)
    return _problem("clusters of two bits and their sum", value, *bits)


def _entropy(*labels: np.ndarray) -> float:
    _, counts = np.unique(np.stack(labels), axis=1, return_counts=True)
    return shannon(counts / counts.sum())


def _problem(name: str, value: float, *labels: np.ndarray) -> Truth:
    """Each combination of labels equally often, so that every sample has the exact value."""

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        rows = rng.permutation(np.arange(n) % len(labels[0]))
        return tuple(_APART * part[rows, None].astype(float) for part in labels)

    return Truth(name, value, sample, _SOURCE, n=_SAMPLES)
