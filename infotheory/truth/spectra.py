"""Problems whose spectra count clusters, with labels for them."""

from __future__ import annotations

import math

import numpy as np

from infotheory.truth.problem import Truth

__all__ = ["labelled_clusters"]


def labelled_clusters(count: int) -> Truth:
    """Clusters far apart and their names, each equally often: they share ln count.

    A class is one cluster, of entropy 0. A random subset of as many samples holds all clusters but
    for a chance that does not matter here, and kernels see as many equal eigenvalues.
    """

    def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        labels = rng.permutation(np.arange(n) % count)
        return 100.0 * labels[:, None], labels

    return Truth(
        name=f"{count} far clusters and their names",
        value=math.log(count),
        sample=sample,
        source="block matrices of ones: each cluster has one eigenvalue",
        n=240,
    )
