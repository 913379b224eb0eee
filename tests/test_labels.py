"""Labels made of a continuous variable."""

import numpy as np
import pytest

import infotheory as it


def blobs(rng):
    names = np.arange(60) % 3
    return rng.standard_normal((60, 2)) * 0.1 + 2.0 * np.eye(3, 2)[names], names


def pairs(found, names):
    return {(a, b) for a, b in zip(found, names, strict=True)}


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_clusters_at_any_scale(rng, scale):
    x, names = blobs(rng)
    assert len(pairs(it.clusters(x * scale, 3), names)) == 3


def test_as_many_clusters_as_samples_are_refused(rng):
    with pytest.raises(ValueError, match="count must be between 1 and 19"):
        it.clusters(rng.standard_normal((20, 2)), 20)


def test_a_continuous_label_is_told_of_clusters(rng):
    x, _ = blobs(rng)
    with pytest.raises(ValueError, match=r"infotheory\.clusters"):
        it.mutual_information(x, x, method="diffusion")
