"""Counting in blocks: any split and any tree of merges give the estimate of the whole."""

from __future__ import annotations

import itertools
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import infotheory as it
from infotheory import registry
from infotheory.counts import Counts
from infotheory.vocabularies import Words

KEYS = [entry.key for entry in registry.entries() if set(entry.inputs) <= {"codes", "..."}]

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")


def variables(key):
    entry = it.measure(key).entry
    return 3 if entry.takes_any_number else len(entry.inputs)


def drawn(count, n, seed=0, words=False):
    rng = np.random.default_rng(seed)
    hidden = rng.integers(4, size=n)
    arrays = [(hidden + rng.integers(3, size=n)) ** 2 - 7 for _ in range(count)]
    return [np.array([f"w{i}" for i in x]) for x in arrays] if words else arrays


def merged(parts, rng):
    """The parts merged in a random order, as a random tree."""
    parts = list(parts)
    while len(parts) > 1:
        first = parts.pop(rng.integers(len(parts)))
        parts.append(parts.pop(rng.integers(len(parts))).merge(first))
    return parts[0]


def assert_same(found, whole):
    assert np.float64(found.value).tobytes() == np.float64(whole.value).tobytes()
    errors = found.stderr, whole.stderr
    assert errors == (None, None) or errors[0] == pytest.approx(errors[1], rel=1e-12, abs=1e-12)
    assert (found.key, found.unit, found.n) == (whole.key, whole.unit, whole.n)
    assert found.params == whole.params
    assert found.diagnostics == whole.diagnostics


@pytest.mark.parametrize("key", KEYS)
@given(n=st.integers(1, 60), seed=st.integers(0, 999), cuts=st.sets(st.integers(1, 59), max_size=6))
def test_any_split_and_any_tree_of_merges(key, n, seed, cuts):
    rng = np.random.default_rng(seed)
    arrays = drawn(variables(key), n, seed, words=bool(seed % 2))
    whole = it.measure(key)(*arrays)
    edges = [0, *sorted(cut for cut in cuts if cut < n), n]
    blocks = [[a[i:j] for a in arrays] for i, j in itertools.pairwise(edges)]
    parts = [Counts(key).partial_fit(*block) for block in blocks]
    assert_same(merged([*parts, Counts(key)], rng).finalize(), whole)
    one_by_one = Counts(key)
    for place in rng.permutation(len(blocks)):
        assert one_by_one.partial_fit(*blocks[place]) is one_by_one
    assert one_by_one.n == n
    assert_same(one_by_one.finalize(), whole)


OPTIONS = [
    ("entropy:nsb", {"outcomes": 40}),
    ("entropy:shrinkage", {"outcomes": 40}),
    ("entropy:renyi", {"order": 0.5}),
    ("mutual_information:renyi", {"order": 7.0}),
    ("conditional_entropy:renyi", {"order": float("inf")}),
    ("entropy:plugin", {"pointwise": False}),
]


@pytest.mark.parametrize(("key", "options"), OPTIONS)
def test_options(engine, key, options):
    arrays = drawn(variables(key), 200)
    found = Counts(it.measure(key, **options))
    found.partial_fit(*(a[:150] for a in arrays)).partial_fit(*(a[150:] for a in arrays))
    whole = it.measure(key, **options)(*arrays)
    assert_same(found.finalize(), whole)
    if key != "entropy:plugin":
        assert whole.value != it.measure(key)(*arrays).value  # the option was heard


def test_by_hand():
    counts = Counts("mutual_information:plugin")
    counts.partial_fit(["a", "b"], [1, 2]).partial_fit(["b", "a"], [2, 1])
    found = counts.finalize()
    assert found.value == pytest.approx(0.6931471805599453, rel=1e-14)
    assert found.to("bits").value == pytest.approx(1, rel=1e-14)
    assert repr(counts) == "<Counts for mutual_information:plugin, n=4>"


def test_words_mean_the_same_everywhere():
    # each block numbered by itself would take "dog" for "ant"
    first = Counts("entropy:plugin").partial_fit(["dog", "dog", "eel"])
    second = Counts("entropy:plugin").partial_fit(pd.Series(["ant", "dog", "a longer word"]))
    whole = it.entropy(["dog", "dog", "eel", "ant", "dog", "a longer word"], method="plugin")
    assert_same(first.merge(second).finalize(), whole)
    assert_same(second.merge(first).finalize(), whole)
    assert_same(first.partial_fit(["ant"]).partial_fit(["dog", "a longer word"]).finalize(), whole)


def test_rows_of_several_columns_and_labels_of_any_kind():
    rows = [[2**62, -5], [0, 1], [2**62, -5], [1, 0]]
    words = np.array([["a", "b"], ["b", "a"], ["a", "b"], ["a", "a"]])
    counts = Counts("mutual_information:grassberger")
    counts.partial_fit(rows[:3], words[:3]).partial_fit(torch.tensor(rows[3:]), words[3:].tolist())
    assert_same(counts.finalize(), it.mutual_information(rows, words, method="grassberger"))
    mixed = Counts("entropy:plugin")
    for labels in ([True, False], np.array([1, 0], np.uint8), [1.0], pd.Series([0], dtype="Int64")):
        mixed.partial_fit(labels)
    assert_same(mixed.finalize(), it.entropy([1, 0, 1, 0, 1, 0], method="plugin"))


def test_merging_changes_neither():
    x = drawn(1, 90)[0]
    first, second = (Counts("entropy:nsb").partial_fit(part) for part in (x[:50], x[50:]))
    before = first.finalize().value, second.finalize().value
    both = first.merge(second)
    both.partial_fit(x)
    assert (first.n, second.n, both.n) == (50, 40, 180)
    assert (first.finalize().value, second.finalize().value) == before


def test_a_merge_with_nothing_is_a_copy():
    x = drawn(1, 20)[0]
    empty, full = Counts("entropy:plugin"), Counts("entropy:plugin").partial_fit(x)
    for both in (empty.merge(full), full.merge(empty)):
        both.partial_fit(x)
        assert (empty.n, full.n, both.n) == (0, 20, 40)
    assert empty.merge(empty).n == 0


def test_counting_goes_on_after_an_estimate_and_a_journey():
    x, y = drawn(2, 300, words=True)
    counts = Counts("mutual_information:chao_shen").partial_fit(x[:100], y[:100])
    assert_same(counts.finalize(), it.mutual_information(x[:100], y[:100], method="chao_shen"))
    counts = pickle.loads(pickle.dumps(counts)).partial_fit(x[100:], y[100:])
    assert_same(counts.finalize(), it.mutual_information(x, y, method="chao_shen"))


def test_memory_is_that_of_the_distinct_rows():
    counts = Counts("entropy:plugin")
    for seed in range(200):
        counts.partial_fit(drawn(1, 1000, seed)[0])
    assert sum(len(block.counts) for block in counts._blocks) < 100
    assert len(pickle.dumps(counts)) < 10_000
    assert counts.n == 200_000


@pytest.mark.filterwarnings("error")
def test_warnings_are_said_aloud():
    counts = Counts("entropy:plugin").partial_fit(np.arange(30))
    with pytest.warns(it.InfotheoryWarning, match=r"^entropy:plugin: x has 30 outcomes") as said:
        found = counts.finalize()
    assert said[0].filename == __file__
    assert len(found.diagnostics["warnings"]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counts.partial_fit(np.zeros(500, int)).finalize()


@pytest.mark.parametrize("key", ["mutual_information:plugin", "total_correlation:plugin"])
def test_no_split_changes_a_bit_of_the_error(key, rng):
    arrays = [np.char.add("w", each.astype(str)) for each in rng.integers(9, size=(2, 300))]
    whole = Counts(key).partial_fit(*arrays).finalize()
    for count in (2, 3, 7, 50):
        blocks = [np.array_split(each, count) for each in arrays]
        parts = [Counts(key).partial_fit(*block) for block in zip(*blocks, strict=True)]
        found = merged(parts, rng).finalize()
        assert (found.value, found.stderr) == (whole.value, whole.stderr)


def test_blocks_of_new_words_cost_no_more_than_the_first_ones():
    # each word is looked up once: nothing is numbered anew for a later block
    key, looked_up = "entropy:plugin", 0

    class Watched(Words):
        def numbers(self, words):
            nonlocal looked_up
            words = list(words)
            looked_up += len(words)
            return super().numbers(words)

    counts = Counts(key).partial_fit(["first"])
    counts._variables = (counts._variables[0]._replace(words=Watched(["first"])),)
    for block in range(60):
        counts.partial_fit([f"w{block}-{i}" for i in range(50)][: 50 if block else 1])
    total = counts
    for block in range(60):
        total = total.merge(Counts(key).partial_fit([f"v{block}-{i}" for i in range(50)]))
    assert counts._variables[0].words is total._variables[0].words
    assert looked_up <= 2 * 60 * 50
    assert (counts.n, total.n) == (1 + 1 + 59 * 50, 1 + 1 + 119 * 50)
    assert counts.finalize().diagnostics["outcomes"] == counts.n
    assert pickle.loads(pickle.dumps(counts)).finalize().value == counts.finalize().value
    assert b"v3-7" in pickle.dumps(total)
    assert b"v3-7" not in pickle.dumps(counts)


def test_columns_of_several_kinds():
    table = pd.DataFrame({"word": ["b", "a", "b", "c"], "whole": [3, 1, 3, 1]})
    counts = Counts("entropy:plugin").partial_fit(table[2:]).partial_fit(table[:2])
    assert_same(counts.finalize(), it.entropy(table, method="plugin"))
    with pytest.raises(TypeError, match="of one kind in all blocks; got strings and integers and"):
        counts.partial_fit(table[["whole", "word"]])


# ---- bad use ------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["mutual_information:ksg", "entropy:binned", "I(X;T):binned"])
def test_other_measures_are_refused(key):
    with pytest.raises(
        ValueError, match=r"counts of labels alone, one of .*'entropy:nsb'"
    ) as caught:
        Counts(key)
    assert repr(key) in str(caught.value)


def test_bad_options_are_refused_at_once():
    with pytest.raises(ValueError, match="pointwise must be False for Counts"):
        Counts("entropy:plugin", pointwise=True)
    with pytest.raises(TypeError, match="pointwise must be True or False"):
        Counts("entropy:plugin", pointwise=2)
    with pytest.raises(TypeError, match="has no option 'k'"):
        Counts("entropy:plugin", k=3)
    with pytest.raises(ValueError, match="order must be a number from 0"):
        Counts("entropy:renyi", order=-1)
    with pytest.raises(ValueError, match="outcomes must be at least 1"):
        Counts("entropy:nsb", outcomes=0)


def test_too_small_an_alphabet_is_refused_at_the_end():
    counts = Counts("entropy:nsb", outcomes=3).partial_fit([1, 2, 3]).partial_fit([4])
    with pytest.raises(ValueError, match="outcomes must be at least the 4 distinct"):
        counts.finalize()


def test_nothing_has_no_estimate():
    with pytest.raises(ValueError, match="counted nothing yet; call partial_fit"):
        Counts("entropy:plugin").finalize()


def test_bad_blocks_are_refused_and_change_nothing():
    counts = Counts("mutual_information:plugin").partial_fit([1, 2], ["a", "b"])
    with pytest.raises(TypeError, match="takes 2 arrays; got 1"):
        counts.partial_fit([1, 2])
    with pytest.raises(ValueError, match="x and y must have the same number of rows"):
        counts.partial_fit([1, 2, 3], ["a", "b"])
    with pytest.raises(ValueError, match=r"x must hold discrete labels.*0\.5"):
        counts.partial_fit([0.5, 1], ["a", "b"])
    with pytest.raises(TypeError, match=r"x must hold labels of one kind.*integers and strings"):
        counts.partial_fit(["1", "2"], ["a", "b"])
    with pytest.raises(TypeError, match=r"y must hold labels of one kind.*strings and integers"):
        counts.partial_fit([1, 2], [1, 2])
    with pytest.raises(TypeError, match=r"y must hold labels of one kind.*strings and bytes"):
        counts.partial_fit([1, 2], [b"a", b"b"])
    with pytest.raises(ValueError, match=r"x must have as many columns.*1 and 2"):
        counts.partial_fit([[1, 2], [3, 4]], ["a", "b"])
    assert counts.n == 2
    total = Counts("total_correlation:plugin").partial_fit([1, 2], [1, 2], [1, 2])
    with pytest.raises(TypeError, match="takes 3 arrays; got 2"):
        total.partial_fit([1, 2], [1, 2])
    with pytest.raises(TypeError, match="takes 2 or more arrays; got 1"):
        Counts("total_correlation:plugin").partial_fit([1, 2])
    with pytest.raises(ValueError, match="the same number of variables; got 3 and 2"):
        total.merge(Counts("total_correlation:plugin").partial_fit([1, 2], [1, 2]))


def test_only_like_is_merged():
    counts = Counts("entropy:renyi", order=3.0)
    for other in (Counts("entropy:plugin"), Counts("entropy:renyi"), Counts("entropy:nsb")):
        with pytest.raises(ValueError, match=r"must count for entropy:renyi\(order=3.0\) too"):
            counts.merge(other)
    assert Counts("entropy:renyi").merge(Counts("entropy:renyi", order=2.0)).n == 0
    with pytest.raises(TypeError, match="other must be a Counts; got int"):
        counts.merge(3)
