"""Bins: by hand, EBAB against a literal copy of its rule, ceilings and labels."""

from __future__ import annotations

import math
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import infotheory as it

LN2 = math.log(2)

quiet = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")


def entropy(x, **options):
    return it.entropy(x, method="binned", **options).value


def _of_symbols(symbols):
    n = len(symbols)
    return -sum(c / n * math.log(c / n) for c in Counter(symbols).values())


# ---- by hand ------------------------------------------------------------------------------


@quiet
def test_range_by_hand(engine):
    # two bins over [0, 1]: 0 and .49 below, .5 and 1 above; the largest value stays inside
    found = it.entropy([0, 0.49, 0.5, 1.0], method="binned", bins=2)
    assert found.value == pytest.approx(LN2, rel=1e-15)
    assert found.to("bits").value == pytest.approx(1, rel=1e-15)
    assert found.diagnostics["outcomes"] == 2
    assert entropy([0, 0.2, 0.4, 0.6, 0.8, 1.0], bins=3) == pytest.approx(math.log(3))


@quiet
def test_all_columns_share_the_edges(engine):
    # bins [0, 5) and [5, 10]: the first column is all in the lower one
    x = np.array([[0, 10.0], [1, 1.0], [2, 9.0], [3, 0.0]])
    assert entropy(x, bins=2) == pytest.approx(LN2)
    assert entropy(x[:, :1], bins=2) == pytest.approx(LN2)  # alone it has edges of its own


@quiet
def test_each_column_between_its_own_ends(engine, rng):
    # the second column is cut at 5, the first at 1.5: four rows of bins, and not two
    x = np.array([[0, 10.0], [1, 1.0], [2, 9.0], [3, 0.0]])
    assert entropy(x, strategy="columns", bins=2) == pytest.approx(math.log(4))
    assert entropy(x[:, :1], strategy="columns", bins=2) == pytest.approx(LN2)
    # whatever the scales of the columns, and a constant one adds nothing
    x = rng.standard_normal((60, 3))
    plain = entropy(x, strategy="columns", bins=3)
    scaled = np.append(x * [1e-200, 1.0, 1e200], np.ones((60, 1)), axis=1)
    assert entropy(scaled, strategy="columns", bins=3) == plain
    low, high = x.min(axis=0), x.max(axis=0)
    rows = np.minimum(np.floor((x - low) / ((high - low) / 3)), 2)
    assert plain == pytest.approx(_of_symbols([tuple(row) for row in rows]))


@quiet
def test_fixed_by_hand(engine):
    # floor(x / .5): -1, -1, 0, 0, 1, 6
    x = [-0.5, -0.01, 0.0, 0.49, 0.5, 3.2]
    by_hand = 2 * (2 / 6) * math.log(3) + 2 * (1 / 6) * math.log(6)
    assert entropy(x, strategy="fixed", bin_width=0.5) == pytest.approx(by_hand, rel=1e-14)
    assert entropy(np.array(x) + 50, strategy="fixed", bin_width=0.5) == pytest.approx(by_hand)


@quiet
def test_quantiles_by_hand(engine):
    # four of eight entries in each of two bins, whatever the spacing
    x = np.array([1.0, 2, 3, 4, 50, 600, 7000, 80000])
    assert entropy(x, strategy="quantile", bins=2) == pytest.approx(LN2)
    assert entropy(x, strategy="quantile", bins=4) == pytest.approx(2 * LN2)
    assert entropy(np.exp(x / 1e4), strategy="quantile", bins=4) == pytest.approx(2 * LN2)


@quiet
def test_unique_by_hand(engine):
    # distinct 1, 2, 3, 4 in two bins: 1, 2 | 3 | and the largest has a bin of its own
    x = [1.0, 1, 1, 1, 2, 3, 4, 4]
    by_hand = _of_symbols("aaaaabcc")
    assert entropy(x, strategy="unique", bins=2) == pytest.approx(by_hand, rel=1e-14)


# ---- EBAB, literally ----------------------------------------------------------------------


def ebab(layer, bins, low):
    """Entropy in nats by the rule of the article's program, one value at a time."""
    distinct = sorted({value for row in layer.tolist() for value in row} - {low})
    if not distinct:
        return 0.0
    edges = [low]
    for k in range(bins):
        edges.append(distinct[int(k * len(distinct) / bins)])
    edges.append(distinct[-1])
    symbols = []
    for row in layer.tolist():
        symbols.append(tuple(sum(1 for edge in edges if value >= edge) - 1 for value in row))
    # np.digitize counts repeated edges as well, but a repeated edge parts nothing.
    return _of_symbols(symbols)


tanh_layers = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.one_of(
        st.sampled_from([-1.0, 1.0, 0.5]), st.floats(-1, 1, allow_subnormal=False, width=32)
    ),
).filter(lambda layer: layer.min() != 0)  # else its smallest value were taken for a floor
relu_layers = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.one_of(st.just(0.0), st.floats(0, 100, allow_subnormal=False, width=32)),
)


@quiet
@given(layer=tanh_layers, bins=st.integers(1, 35))
def test_unique_is_ebab_of_a_saturating_layer(engine, layer, bins):
    expected = ebab(layer, bins, low=-1.000001)
    assert entropy(layer, strategy="unique", bins=bins) == pytest.approx(expected, abs=1e-12)


@quiet
@given(layer=relu_layers, bins=st.integers(1, 35))
def test_unique_is_ebab_of_a_rectified_layer(engine, layer, bins):
    expected = ebab(layer, bins, low=0)
    assert entropy(layer, strategy="unique", bins=bins) == pytest.approx(expected, abs=1e-12)


@quiet
def test_a_dead_layer_has_no_entropy(engine):
    for strategy in ("range", "unique", "quantile"):
        assert entropy(np.zeros((20, 3)), strategy=strategy) == 0.0
        assert entropy(np.full((20, 3), -7.5), strategy=strategy) == 0.0
    assert entropy(np.zeros((20, 3)), strategy="fixed", bin_width=1e-9) == 0.0


@quiet
@pytest.mark.parametrize("strategy", ["range", "unique", "quantile"])
@given(layer=tanh_layers, power=st.sampled_from([-900, -30, 3, 900]))
def test_bins_follow_the_scale(strategy, layer, power):
    scaled = np.ldexp(layer, power)
    if strategy == "range" and np.ptp(layer) < 1e-30:
        return
    assert entropy(scaled, strategy=strategy, bins=7) == entropy(layer, strategy=strategy, bins=7)


@quiet
@given(layer=relu_layers, bins=st.integers(1, 20))
def test_equal_values_stay_together(engine, layer, bins):
    distinct = len({tuple(row) for row in layer.tolist()})
    for strategy in ("range", "unique", "quantile"):
        found = it.entropy(layer, method="binned", strategy=strategy, bins=bins)
        assert found.diagnostics["outcomes"] <= distinct
        assert -1e-15 <= found.value <= math.log(distinct) + 1e-12


# ---- information --------------------------------------------------------------------------


@quiet
def test_information_by_hand(engine):
    # x in two bins against y in two bins: counts 2, 1, 1, 2 of 6
    x = [0.0, 0.1, 0.2, 0.8, 0.9, 1.0]
    y = [0.0, 10.0, 1.0, 9.0, 2.0, 8.0]
    by_hand = 4 / 6 * math.log(4 / 3) + 2 / 6 * math.log(2 / 3)
    found = it.mutual_information(x, y, method="binned", bins=2)
    assert found.value == pytest.approx(by_hand, rel=1e-13)
    assert found.to("bits").value == pytest.approx(by_hand / LN2, rel=1e-13)
    assert found.diagnostics["ceiling"] == pytest.approx(LN2)


@quiet
@given(
    xy=st.integers(2, 30).flatmap(
        lambda n: st.tuples(
            arrays(np.float64, (n, 2), elements=st.floats(-1, 1, width=16)),
            arrays(np.int64, n, elements=st.integers(0, 3)),
        )
    ),
    bins=st.integers(1, 9),
)
def test_labels_are_not_binned(engine, xy, bins):
    x, y = xy
    low, high = x.min(), x.max()
    step = (high / 2 - low / 2) / bins * 2 or 1.0
    rows = [tuple(min(int((v - low) / step), bins - 1) for v in row) for row in x.tolist()]
    labels = y.tolist()
    pairs = list(zip(rows, labels, strict=True))
    by_hand = _of_symbols(rows) + _of_symbols(labels) - _of_symbols(pairs)
    found = it.mutual_information(x, y, method="binned", bins=bins, discrete_y=True)
    assert found.value == pytest.approx(by_hand, abs=1e-12)
    assert found.diagnostics["outcomes"] == (len(set(rows)), len(set(labels)), len(set(pairs)))


@pytest.mark.parametrize("strategy", ["range", "quantile", "unique"])
def test_merged_labels_are_warned_of(strategy, rng):
    y = rng.integers(40, size=400)
    x = y + 0.1 * rng.standard_normal(400)
    with pytest.warns(it.InfotheoryWarning, match=r"40 different whole numbers.*discrete_y=True"):
        it.mutual_information(x, y, method="binned", strategy=strategy, bins=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        it.mutual_information(x, y, method="binned", strategy=strategy, bins=5, discrete_y=True)
        it.mutual_information(x, x, method="binned", strategy=strategy, bins=5)


def test_too_fine_bins_are_warned_of(rng):
    x = rng.standard_normal((200, 3))
    with pytest.warns(it.InfotheoryWarning, match="ceiling ln n"):
        found = it.entropy(x, method="binned", strategy="fixed", bin_width=1e-9)
    assert found.value == pytest.approx(math.log(200))
    assert found.diagnostics["saturated"] is True
    with pytest.warns(it.InfotheoryWarning, match="ceiling ln n"):
        it.mutual_information(x, x[:, 0] > 0, method="binned", discrete_y=True)


# ---- refusals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"strategy": "fixed"}, ValueError, "bin_width"),
        ({"bin_width": 0.5}, ValueError, "bin_width"),
        ({"strategy": "fixed", "bin_width": 0.0}, ValueError, "bin_width"),
        ({"strategy": "fixed", "bin_width": -1.0}, ValueError, "bin_width"),
        ({"strategy": "fixed", "bin_width": math.nan}, ValueError, "bin_width"),
        ({"strategy": "fixed", "bin_width": "1"}, TypeError, "bin_width"),
        (
            {"strategy": "fixed", "bin_width": 1e-320},
            ValueError,
            r"bin_width .* is too small for values up to 1",
        ),
        ({"bins": 0}, ValueError, "bins must be at least 1"),
        ({"bins": 2.5}, TypeError, "bins must be an integer"),
        ({"strategy": "ranges"}, ValueError, "Did you mean 'range'"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(options, error, said):
    x = [0.0, 0.4, 1.0]
    with pytest.raises(error, match=said):
        it.entropy(x, method="binned", **options)
    with pytest.raises(error, match=said):
        it.mutual_information(x, x, method="binned", **options)


@quiet
def test_extreme_values_have_bins(engine):
    x = [-1.7e308, -1.0, 0.0, 1.0, 1.7e308]
    assert entropy(x, bins=3) == pytest.approx(_of_symbols("abbbc"))
    assert entropy(x, strategy="quantile", bins=3) > 0
    assert entropy([5e-324, 0.0, 1e-323, 0.0], strategy="unique", bins=3) > 0
    assert entropy([5e-324, 0.0, 1e-323, 0.0], bins=2) >= 0


@quiet
def test_one_bin_says_nothing(engine, rng):
    x = rng.standard_normal((30, 2))
    assert entropy(x, bins=1) == 0.0
    assert entropy(x, bins=1, strategy="quantile") == 0.0


# ---- three variables and more -------------------------------------------------------------


@quiet
def test_conditional_information_by_hand(engine):
    # two bins each: bits x and y, and their sum mod 2 as -3 and 8
    x, y = np.divmod(np.tile(np.arange(4), 3), 2)
    z = np.where(x ^ y, 8.0, -3.0)
    wiggle = np.linspace(0, 0.4, 12)
    options = {"method": "binned", "bins": 2}
    found = it.conditional_mutual_information(x + wiggle, y - wiggle, z, **options)
    assert found.value == pytest.approx(LN2, rel=1e-14)
    assert found.to("bits").value == pytest.approx(1, rel=1e-14)
    assert found.diagnostics["outcomes"] == (4, 4, 2, 4)
    assert it.mutual_information(x, y, **options).value == pytest.approx(0, abs=1e-15)


@quiet
def test_conditional_information_is_that_of_the_bins(engine, rng):
    x, y, z = rng.standard_normal((3, 200, 2))
    options = {"strategy": "fixed", "bin_width": 1.5}
    codes = [np.floor(array / 1.5).astype(int) for array in (x, y, z)]
    binned = it.conditional_mutual_information(x, y, z, method="binned", **options)
    plain = it.conditional_mutual_information(*codes, method="plugin")
    assert (binned.value, binned.stderr) == (plain.value, plain.stderr)
    binned = it.total_correlation([x, y, z], method="binned", **options)
    plain = it.total_correlation(codes, method="plugin")
    assert (binned.value, binned.stderr) == (plain.value, plain.stderr)


def test_a_condition_that_holds_labels_is_warned_of(rng):
    x, y = rng.standard_normal((2, 5000, 1))
    z = np.arange(5000) % 40
    with pytest.warns(it.InfotheoryWarning, match=r"z holds 40 .*pass discrete_z=True"):
        it.conditional_mutual_information(x, y, z, method="binned", bins=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        options = {"method": "binned", "bins": 4, "discrete_z": True}
        found = it.conditional_mutual_information(x, y, z, **options)
        assert found.diagnostics["outcomes"][2] == 40
        it.conditional_mutual_information(x, y, z % 4, method="binned", bins=4)
    with pytest.raises(TypeError, match="discrete_z must be True or False; got str 'yes'"):
        it.conditional_mutual_information(x, y, z, method="binned", discrete_z="yes")


def test_words_are_labels_where_an_option_says_so(rng):
    labels = rng.integers(0, 3, 200)
    x, other = rng.normal(size=(2, 200)) + labels
    words = np.array(["cat", "dog", "hen"])[labels]
    binned = {"method": "binned"}
    for named in (words, pd.Series(words, dtype="category"), pd.Series(words, dtype="string")):
        numbered = it.mutual_information(x, labels, discrete_y=True, **binned)
        found = it.mutual_information(x, named, discrete_y=True, **binned)
        assert (found.value, found.stderr) == (numbered.value, numbered.stderr)
        numbered = it.conditional_mutual_information(x, other, labels, discrete_z=True, **binned)
        found = it.conditional_mutual_information(x, other, named, discrete_z=True, **binned)
        assert (found.value, found.stderr) == (numbered.value, numbered.stderr)
    with pytest.raises(TypeError, match=r"y must hold real numbers.*Or pass discrete_y=True"):
        it.mutual_information(x, words, **binned)
    halves = it.mutual_information(x, labels / 2, discrete_y=True, **binned)
    assert halves.value == it.mutual_information(x, labels, discrete_y=True, **binned).value


def test_terms_of_the_bins_are_those_of_their_labels(rng):
    x, y = rng.normal(size=(2, 200))
    labels = rng.integers(3, size=200)
    bins = [np.minimum((4 * (v - v.min()) / (v.max() - v.min())).astype(int), 3) for v in (x, y)]
    binned = {"method": "binned", "bins": 4, "pointwise": True}
    plugin = {"method": "plugin", "pointwise": True}
    for found, expected in (
        (it.entropy(x, **binned), it.entropy(bins[0], **plugin)),
        (it.mutual_information(x, y, **binned), it.mutual_information(*bins, **plugin)),
        (
            it.mutual_information(x, labels, discrete_y=True, **binned),
            it.mutual_information(bins[0], labels, **plugin),
        ),
        (
            it.conditional_mutual_information(x, y, labels, discrete_z=True, **binned),
            it.conditional_mutual_information(*bins, labels, **plugin),
        ),
        (it.total_correlation([x, y], **binned), it.total_correlation(bins, **plugin)),
    ):
        terms = found.diagnostics["pointwise"]
        np.testing.assert_array_equal(terms, expected.diagnostics["pointwise"])
        assert terms.mean() == pytest.approx(found.value, rel=1e-12)
