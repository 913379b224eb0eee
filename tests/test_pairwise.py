"""Estimates of many pairs of variables at once."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

import infotheory as it


@pytest.fixture
def x(rng):
    hidden = rng.standard_normal((300, 1))
    return hidden + rng.standard_normal((300, 4)) * [0.1, 0.5, 1.0, 9.0]


def test_columns_among_themselves_are_estimated_once_and_mirrored(x):
    found = it.pairwise(x)
    assert found.values.shape == found.stderr.shape == (4, 4)
    assert np.isnan(np.diag(found.values)).all()
    for i in range(4):
        for j in range(i + 1, 4):
            single = it.mutual_information(x[:, i], x[:, j])
            assert found.values[i, j] == found.values[j, i] == single.value
            assert found.stderr[i, j] == found.stderr[j, i] == single.stderr
    assert (found.unit, found.key, found.n) == ("nats", "mutual_information:ksg", 300)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_every_unit_of_a_layer_against_labels(x, n_jobs):
    labels = np.where(x[:, 0] > 0, "cat", "dog")
    found = it.pairwise(x, labels, method="mixture", noise_variance=0.1, n_jobs=n_jobs)
    assert found.values.shape == (4, 1)
    for i in range(4):
        single = it.mutual_information(x[:, i], labels, method="mixture", noise_variance=0.1)
        assert found.values[i, 0] == single.value
    assert found.values[0, 0] > found.values[3, 0]


def test_every_column_with_every_other(x):
    found = it.pairwise(x[:, :2], x[:, 1:], method="gaussian", shrinkage=0.1)
    assert found.values.shape == (2, 3)
    single = it.mutual_information(x[:, 0], x[:, 3], method="gaussian", shrinkage=0.1)
    assert found.values[0, 2] == single.value


@pytest.mark.parametrize("make", [pd.DataFrame, torch.from_numpy, np.ndarray.tolist])
def test_whatever_holds_the_columns(x, make):
    assert np.array_equal(it.pairwise(make(x)), it.pairwise(x), equal_nan=True)


def test_the_unit_converts(x):
    found = it.pairwise(x)
    bits = found.to("bits")
    assert bits.unit == "bits"
    assert bits.values[0, 1] == pytest.approx(found.values[0, 1] / math.log(2), rel=1e-15)
    assert bits.stderr[0, 1] == pytest.approx(found.stderr[0, 1] / math.log(2), rel=1e-15)
    assert "4 x 4 pairs in bits" in str(bits)


def test_doubts_about_pairs_are_one_warning(x):
    x[:, 3] = np.round(x[:, 3])
    with pytest.warns(it.InfotheoryWarning, match="3 of 6 pairs are doubtful") as said:
        found = it.pairwise(x)
    assert len(said) == 1
    assert said[0].filename == __file__
    assert {pair[:2] for pair in found.warnings} == {(0, 3), (1, 3), (2, 3)}


def test_wrong_questions_are_refused(x):
    with pytest.raises(ValueError, match="two variables"):
        it.pairwise(x, quantity="conditional_mutual_information")
    with pytest.raises(ValueError, match="Did you mean 'ksg'"):
        it.pairwise(x, method="ksgg")
    with pytest.raises(TypeError, match="no option 'neighbours'"):
        it.pairwise(x, neighbours=4)
    with pytest.raises(ValueError, match="the same number of rows"):
        it.pairwise(x, x[:-1])
    x[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"x must be finite.*\(3, 1\)"):
        it.pairwise(x)
