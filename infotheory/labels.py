"""Labels for a continuous variable, for methods whose second variable is discrete."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from infotheory import checks
from infotheory.ops.ranges import scaled, shrink_exponent

__all__ = ["clusters"]


def clusters(y: Any, count: int = 10, *, rng: int = 0) -> np.ndarray:
    """Labels of the parts into which a continuous variable falls, to be given as a discrete one.

    One column is cut into bins of equal width. More are clustered by the spectrum of the graph of
    nearest neighbours. Find the labels once and use them for all layers and steps of a network:
    only then do the values compare.

    Parameters
    ----------
    y : real array, shape (n,) or (n, d)
        Samples.
    count : int
        How many bins or clusters; below n for clusters.
    rng : int
        Seed of the clustering.

    Returns
    -------
    int64 array, shape (n,)
        Labels from 0 to count - 1. Of a constant column they are all 0; a bin may be empty.

    Raises
    ------
    TypeError, ValueError
        For samples that are not finite real numbers, and a count below 1, or of clusters not below
        n.

    Notes
    -----
    Cost: O(n) for one column; else a neighbour search and the leading eigenvectors of a sparse
    graph, by scikit-learn.

    References
    ----------
    Damle, Minden, Ying, Information and Inference 8 (2019) 181, doi:10.1093/imaiai/iay008
    (labels from the pivoted QR decomposition of the eigenvectors).
    """
    y = checks.real(y, "y")
    y = y.cpu().numpy() if checks.is_tensor(y) else y
    n, d = y.shape
    rng = checks.integer(rng, "rng", low=0)
    if d == 1:
        checks.integer(count, "count", low=1)
        return _bins(y[:, 0].astype(np.float64), count)
    checks.integer(count, "count", low=1, high=max(n - 1, 1))
    if count == 1 or (y == y[0]).all():
        return np.zeros(n, dtype=np.int64)
    from sklearn.cluster import SpectralClustering

    y = y.astype(np.float64)
    y = scaled(y, -shrink_exponent(float(np.abs(y).max()), "euclidean"))
    model = SpectralClustering(
        n_clusters=count,
        affinity="nearest_neighbors",
        n_neighbors=min(10, n),
        assign_labels="cluster_qr",
        random_state=rng,
    )
    with warnings.catch_warnings():
        # A graph in several pieces is what well separated clusters look like.
        warnings.filterwarnings("ignore", message="Graph is not fully connected")
        return model.fit_predict(y).astype(np.int64)


def _bins(line: np.ndarray, count: int) -> np.ndarray:
    low, high = float(line.min()), float(line.max())
    # Halves, so that a range from -1e308 to 1e308 does not overflow.
    half = high / 2 - low / 2
    if half == 0:
        return np.zeros(len(line), dtype=np.int64)
    place = (line / 2 - low / 2) / half * count
    return np.minimum(place.astype(np.int64), count - 1)
