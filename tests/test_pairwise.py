"""Estimates of many pairs of variables at once."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch

import infotheory as it
from infotheory import pairs, registry

PAIRS = [
    entry for entry in registry.entries() if len(entry.inputs) == 2 and "..." not in entry.inputs
]
#: Options that tell x from y, or might.
ONE_SIDED = [
    ("mutual_information:mixed", {"variant": "ross"}),
    ("mutual_information:binned", {"discrete_y": True, "bins": 5}),
    ("mutual_information:hsic", {"width": (0.5, 2.0)}),
    ("mutual_information:cauchy_schwarz", {"width": ("median", 0.1)}),
    ("mutual_information:matrix_renyi", {"width": (0.5, 2.0)}),
    ("mutual_information:wasserstein", {"solver": "sliced"}),
]
#: Options that do not.
EVEN = [
    ("mutual_information:ksg", {"variant": 2, "k": 4, "metric": "euclidean", "scale": "rank"}),
    ("mutual_information:mixed", {"variant": "gao", "scale": None}),
    ("mutual_information:binned", {"strategy": "fixed", "bin_width": 0.5}),
    ("mutual_information:hsic", {"width": 0.5, "precision": "single"}),
    ("mutual_information:renyi", {"order": 0.5}),
    ("mutual_information:gaussian", {"shrinkage": "oas"}),
]


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


def assert_as_called(key, data, **options):
    """Each place holds what a call with its columns gives, in their order."""
    measure = it.measure(key, **options)
    found = it.pairwise(data, quantity=measure.quantity, method=measure.method, **options)
    assert np.isnan(np.diag(found.values)).all()
    for i, j in itertools.permutations(range(data.shape[1]), 2):
        single = measure(data[:, i], data[:, j])
        stderr = np.nan if single.stderr is None else single.stderr
        assert found.values[i, j] == pytest.approx(single.value, rel=1e-12, abs=1e-14)
        near = pytest.approx(stderr, rel=1e-9, abs=1e-14, nan_ok=True)
        assert found.stderr[i, j] == near
    return found.values


def labels_and_reals(rng, n=80):
    """Three columns of labels, and three of reals, that depend on each other unevenly."""
    base = rng.integers(0, 4, n)
    coarse = np.where(rng.random(n) < 0.8, base // 2, rng.integers(0, 3, n))
    labels = np.column_stack([base, coarse, rng.integers(0, 3, n) + base // 3])
    x = rng.standard_normal((n, 3))
    x[:, 1] += x[:, 0] ** 2
    x[:, 2] = np.exp(x[:, 2] / 2) + x[:, 0]
    return labels, x


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
@pytest.mark.parametrize("entry", PAIRS, ids=lambda entry: entry.key)
def test_both_orders_are_those_of_a_call(entry, rng):
    labels, x = labels_and_reals(rng)
    kinds = set(entry.inputs)
    values = assert_as_called(entry.key, labels if "codes" in kinds else x)
    off = ~np.eye(3, dtype=bool)
    if entry.quantity == "conditional_entropy":
        assert (np.abs(values - values.T)[off] > 1e-6).any()


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
@pytest.mark.parametrize(("key", "options"), [*ONE_SIDED, *EVEN], ids=lambda part: str(part))
def test_both_orders_with_options(key, options, rng):
    labels, x = labels_and_reals(rng)
    discrete = options.get("variant") == "ross" or registry.measure(key).entry.inputs[0] == "codes"
    values = assert_as_called(key, labels if discrete else x, **options)
    if (key, options) in ONE_SIDED:
        assert np.nanmax(np.abs(values - values.T)) > 1e-6


@pytest.mark.parametrize(
    ("quantity", "method", "options", "calls"),
    [
        *((*key.split(":"), options, 6) for key, options in ONE_SIDED),
        *((*key.split(":"), options, 3) for key, options in EVEN),
        ("conditional_entropy", "plugin", {}, 6),
        ("divergence", "kl", {}, 6),
    ],
)
def test_only_information_of_equals_is_mirrored(quantity, method, options, calls, monkeypatch):
    asked = []

    def repeated(one, over, n_jobs):
        asked.extend(over)
        return [it.Estimate(0.0, n=9)] * len(over)

    monkeypatch.setattr(pairs, "repeated", repeated)
    it.pairwise(np.arange(27).reshape(9, 3), quantity=quantity, method=method, **options)
    assert len(asked) == calls


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


def test_no_number_of_jobs_is_refused(x):
    with pytest.raises(ValueError, match="n_jobs must not be 0"):
        it.pairwise(x, n_jobs=0)
    with pytest.raises(TypeError, match="n_jobs must be an integer"):
        it.pairwise(x, n_jobs="all")


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
