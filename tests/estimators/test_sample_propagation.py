"""Propagated samples: the order of the rows is nothing, also where rows coincide."""

from __future__ import annotations

import numpy as np
import pytest

import infotheory as it

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")


@pytest.mark.parametrize("columns", [1, 2])
def test_equal_rows_of_different_labels_may_come_in_any_order(engine, columns):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (60, columns)).astype(float)
    y = np.column_stack([x[:, 0] + rng.integers(0, 2, 60), rng.integers(0, 2, 60)]).astype(int)
    assert len(np.unique(np.column_stack([x, y]), axis=0)) > len(np.unique(x, axis=0))
    for labels in (y, y[:, 0], np.array(["cat", "dog", "eel", "fox"])[y[:, 0]]):
        expected = it.mutual_information(x, labels, method="sample_propagation", noise_variance=0.2)
        for seed in range(5):
            order = np.random.default_rng(seed).permutation(60)
            found = it.mutual_information(
                x[order], labels[order], method="sample_propagation", noise_variance=0.2
            )
            assert (found.value, found.stderr) == (expected.value, expected.stderr)
