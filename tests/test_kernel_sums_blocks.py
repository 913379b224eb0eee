"""Kernel estimates of samples in blocks: the same as of all together."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import infotheory as it

KEYS = [
    "divergence:cauchy_schwarz",
    "divergence:mmd",
    "mutual_information:cauchy_schwarz",
    "mutual_information:euclidean",
    "mutual_information:hsic",
]
each_key = pytest.mark.parametrize("key", KEYS)


def draw(rng, n=120):
    x = rng.normal(size=(n, 2))
    return x, x + rng.normal(size=(n, 2))


def assert_same(found, whole):
    assert found.value == pytest.approx(whole.value, rel=1e-9, abs=1e-13)
    assert found.stderr == pytest.approx(whole.stderr, rel=1e-8, abs=1e-13)
    assert (found.n, found.unit, found.key) == (whole.n, whole.unit, whole.key)
    assert found.params == whole.params


@each_key
def test_blocks_in_any_order_and_split(engine, rng, key):
    x, y = draw(rng)
    whole = it.measure(key, width=0.9)(x, y)
    for cuts in ([1, 2, 60], [50], [40, 80]):
        blocks = list(zip(np.split(x, cuts), np.split(y, cuts), strict=True))
        for order in (blocks, blocks[::-1]):
            sums = it.KernelSums(key, width=0.9)
            for block in order:
                assert sums.partial_fit(*block) is sums
            assert sums.n == 120
            assert_same(sums.finalize(), whole)


@each_key
def test_merging_in_any_tree(rng, key):
    x, y = draw(rng)
    cuts = [30, 60, 100]
    parts = [
        pickle.loads(pickle.dumps(it.KernelSums(key, width=0.9).partial_fit(*block)))
        for block in zip(np.split(x, cuts), np.split(y, cuts), strict=True)
    ]
    left = parts[3].merge(parts[0])
    merged = parts[1].merge(left).merge(parts[2])
    assert_same(merged.finalize(), it.measure(key, width=0.9)(x, y))
    assert [part.n for part in parts] == [30, 30, 40, 20]  # none of them has changed
    empty = it.KernelSums(key, width=0.9)
    assert_same(empty.merge(merged).finalize(), merged.finalize())
    assert_same(merged.merge(empty).finalize(), merged.finalize())


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=5))
@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_samples_of_a_divergence_are_not_paired(sizes):
    rng = np.random.default_rng(0)
    blocks = [(rng.normal(size=n), 1 + rng.normal(size=m)) for n, m in sizes]
    sums = it.KernelSums("divergence:cauchy_schwarz", width=0.8, convention="half")
    for block in blocks:
        sums.partial_fit(*block)
    x, y = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    whole = it.divergence(x, y, method="cauchy_schwarz", width=0.8, convention="half")
    assert sums.finalize().value == pytest.approx(whole.value, rel=1e-9, abs=1e-13)


def test_two_widths_and_more_samples_after_an_estimate(rng):
    x, y = draw(rng)
    sums = it.KernelSums("mutual_information:hsic", width=(0.5, 2.0))
    sums.partial_fit(x[:50], y[:50]).finalize()
    found = sums.partial_fit(x[50:], y[50:]).finalize()
    assert_same(found, it.mutual_information(x, y, method="hsic", width=(0.5, 2.0)))


@each_key
def test_a_rule_needs_all_samples(key):
    for options in ({}, {"width": "median"}):
        with pytest.raises(ValueError, match=r"^width must be a number for KernelSums.*'median'"):
            it.KernelSums(key, **options)


def test_what_does_not_fit_is_refused(rng):
    x, y = draw(rng)
    with pytest.raises(ValueError, match="KernelSums must have a measure made of kernel sums"):
        it.KernelSums("mutual_information:ksg")
    with pytest.raises(ValueError, match=r"^precision must be one of"):
        it.KernelSums("divergence:mmd", width=1.0, precision="half")
    with pytest.raises(ValueError, match="no samples yet"):
        it.KernelSums("divergence:mmd", width=1.0).finalize()
    sums = it.KernelSums("mutual_information:hsic", width=1.0).partial_fit(x, y)
    with pytest.raises(
        ValueError, match=r"^x must have as many columns in all blocks; got 2 and 1"
    ):
        sums.partial_fit(x[:, :1], y)
    with pytest.raises(ValueError, match="the same number of rows"):
        sums.partial_fit(x[:-1], y)
    with pytest.raises(ValueError, match=r"^other must be of mutual_information:hsic"):
        sums.merge(it.KernelSums("mutual_information:hsic", width=2.0))
    with pytest.raises(TypeError, match=r"^other must be a KernelSums; got dict"):
        sums.merge({})
    assert sums.n == 120


def test_warnings_are_said_aloud(rng):
    x, y = draw(rng)
    sums = it.KernelSums("mutual_information:cauchy_schwarz", width=1e-6).partial_fit(x, y)
    with pytest.warns(it.InfotheoryWarning, match=r"mutual_information:cauchy_schwarz: .*ln n"):
        found = sums.finalize()
    assert found.diagnostics["saturated"]


@each_key
def test_a_common_offset_costs_no_digits(rng, key):
    # on a grid that the offset leaves exact
    x, y = rng.integers(0, 50, size=(2, 40, 2)) / 8.0
    near, far = (
        it.KernelSums(key, width=0.9).partial_fit(x[:15] + c, y[:15] + c)
        .partial_fit(x[15:] + c, y[15:] + c).finalize().value
        for c in (0.0, 2.0**45)
    )  # fmt: skip
    assert far == pytest.approx(near, rel=1e-9)


@each_key
def test_widths_in_a_list_are_those_in_a_tuple(rng, key):
    if key.startswith("divergence"):
        return
    x, y = rng.normal(size=(2, 20))
    sums = it.KernelSums(key, width=[1.0, 2.0]).partial_fit(x, y)
    other = it.KernelSums(key, width=(1.0, 2.0)).partial_fit(y, x)
    assert sums.merge(other).n == 40
    with pytest.raises(ValueError, match="other must be of"):
        sums.merge(it.KernelSums(key, width=(1.0, 3.0)))


@each_key
def test_lost_digits_are_named(rng, key):
    x, y = rng.normal(size=(2, 60))
    with pytest.warns(it.InfotheoryWarning, match="x has lost digits"):
        it.KernelSums(key, width=3.0).partial_fit(x + 1e15, y).finalize()
