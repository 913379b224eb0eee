"""Kernel estimates of samples in blocks: the same as of all together."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import infotheory as it
from infotheory import ops

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


@pytest.mark.parametrize("scale", [2.0**1021, 2.0**-1000])
def test_blocks_at_the_ends_of_the_range(scale, rng):
    x, y = rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    x = np.minimum(np.abs(x), 3)  # sums of which are beyond all numbers
    found = []
    for unit in (1.0, scale):
        sums = it.KernelSums("mutual_information:hsic", width=(unit, 1.0))
        for block in (slice(0, 15), slice(15, 40)):
            sums = sums.partial_fit(x[block] * unit, y[block])
        found.append(sums.finalize().value)
    assert found[1] == pytest.approx(found[0], rel=1e-12)


# ---- conditional divergence, and that of several densities --------------------------------


def conditional(blocks, **options):
    """Of blocks (y, y_hat, x), or (y, y_hat, x, x_hat): in parts, and the whole."""
    options = {"width_x": 0.8, "width_y": 1.1, **options}
    parts = []
    for y, y_hat, *x in blocks:
        sums = it.KernelSums("conditional_divergence:cauchy_schwarz", **options)
        parts.append(sums.partial_fit(y, y_hat, given=tuple(x) if len(x) == 2 else x[0]))
    y, y_hat, *x = (np.concatenate(each) for each in zip(*blocks, strict=True))
    given = tuple(x) if len(x) == 2 else x[0]
    return parts, it.conditional_divergence(y, y_hat, given=given, **options)


def generalized(blocks, **options):
    options = {"width": 0.9, **options}
    parts = [
        it.KernelSums("generalized_divergence:cauchy_schwarz", **options).partial_fit(block)
        for block in blocks
    ]
    whole = [np.concatenate(each) for each in zip(*blocks, strict=True)]
    return parts, it.generalized_cauchy_schwarz(whole, **options)


def assert_all_ways(parts, whole, rng):
    """One after the other, and merged in a random tree after a journey."""
    total = it.KernelSums(parts[0].measure.key, **parts[0].measure.options)
    for part in parts:
        total = total.merge(part)
    parts = [pickle.loads(pickle.dumps(part)) for part in parts]
    while len(parts) > 1:
        first = parts.pop(rng.integers(len(parts)))
        parts.append(parts.pop(rng.integers(len(parts))).merge(first))
    for sums in (total, parts[0]):
        found = sums.finalize()
        assert found.value == pytest.approx(whole.value, rel=1e-9, abs=1e-12)
        assert found.stderr is None
        assert (found.n, found.unit, found.key) == (whole.n, whole.unit, whole.key)
        assert sums.n == whole.n
        assert found.params == whole.params
        assert found.diagnostics == whole.diagnostics


sizes = st.lists(st.tuples(*[st.integers(1, 9)] * 3), min_size=1, max_size=5)
FORMS = ["shared", "two", "several"]


def drawn(form, sizes):
    rng = np.random.default_rng(1)
    blocks = []
    for n, m, k in sizes:
        if form == "several":
            blocks.append([rng.normal(size=(count, 2)) + i for i, count in enumerate((n, m, k))])
            continue
        x, other = rng.normal(size=(n, 2)), 0.4 + rng.normal(size=(n if form == "shared" else m, 2))
        if form == "shared":
            blocks.append((x.sum(axis=1), x[:, 0] + rng.normal(size=n), x))
        else:
            blocks.append((x.sum(axis=1), other[:, 0], x, other))
    return blocks


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["cpu", "torch"])
@given(sizes=sizes, seed=st.integers(0, 99))
@settings(max_examples=25)
@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_any_split_gives_what_the_verb_gives(form, name, sizes, seed):
    with ops.use(name):
        made = generalized if form == "several" else conditional
        assert_all_ways(*made(drawn(form, sizes)), np.random.default_rng(seed))


def test_of_two_densities_it_is_half_the_squared_divergence(rng):
    blocks = [(rng.normal(size=(30, 2)), 1 + rng.normal(size=(20, 2))) for _ in range(3)]
    parts, _ = generalized(blocks)
    pairs = it.KernelSums("divergence:cauchy_schwarz", width=0.9, convention="half")
    for block in blocks:
        pairs.partial_fit(*block)
    together = parts[0].merge(parts[1]).merge(parts[2])
    assert together.finalize().value == pytest.approx(pairs.finalize().value, rel=1e-12)
    assert (together.n, pairs.n) == (150, 90)


def test_single_precision_and_other_options_are_those_of_the_verb(rng):
    blocks = drawn("two", [(60, 50, 0), (40, 70, 0)])
    (first, second), whole = conditional(blocks, precision="single", width_x=0.5)
    found = first.merge(second).finalize()
    assert found.params == whole.params
    assert found.value == pytest.approx(whole.value, rel=1e-5)
    assert repr(first).startswith("<KernelSums for conditional_divergence:cauchy_schwarz(width_x=")


@pytest.mark.parametrize("form", FORMS)
def test_blocks_far_from_zero_lose_no_digits(form):
    # on a grid that the offset leaves exact
    blocks = [[np.round(8 * x) / 8 for x in b] for b in drawn(form, [(20, 15, 12), (9, 20, 30)])]
    made = generalized if form == "several" else conditional
    near, far = (
        made([[x + c for x in block] for block in blocks])[0] for c in (0.0, 2.0**45)
    )  # fmt: skip
    near, far = (first.merge(second).finalize().value for first, second in (near, far))
    assert far == pytest.approx(near, rel=1e-9)


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_warnings_of_blocks_are_those_of_the_verb():
    blocks = drawn("two", [(30, 30, 0)] * 2)
    (first, second), whole = conditional(blocks, width_x=1e-6)
    with pytest.warns(it.InfotheoryWarning, match=r"other samples of given\[1\] at"):
        found = first.merge(second).finalize()
    assert found.diagnostics["warnings"] == whole.diagnostics["warnings"]


def test_bad_blocks_of_several_arrays_are_named(rng):
    key = "conditional_divergence:cauchy_schwarz"
    y, x = rng.normal(size=(2, 20))
    with pytest.raises(ValueError, match=r"^width_y must be a number for KernelSums.*'median'"):
        it.KernelSums(key, width_x=1.0)
    with pytest.raises(ValueError, match=r"^width_x must be a number for KernelSums.*\(1.0, 2.0\)"):
        it.KernelSums(key, width_x=(1.0, 2.0), width_y=1.0)
    with pytest.raises(ValueError, match="width_y must be a finite number greater than 0"):
        it.KernelSums(key, width_x=1.0, width_y=0.0)
    with pytest.raises(TypeError, match=r"has no option 'width'; .* Did you mean 'width_[xy]'"):
        it.KernelSums(key, width=1.0)
    sums = it.KernelSums(key, width_x=1.0, width_y=1.0)
    with pytest.raises(TypeError, match=r"takes \(y, y_hat, \*, given\); missing.*'given'"):
        sums.partial_fit(y, y)
    with pytest.raises(ValueError, match="y and y_hat and given must have the same"):
        sums.partial_fit(y, y, given=x[:-1])
    sums.partial_fit(y, y + 1, given=x)
    with pytest.raises(ValueError, match=r"same arrays; got \(y, y_hat, given\) and .*given\[0\]"):
        sums.partial_fit(y, y, given=(x, x))
    with pytest.raises(ValueError, match=r"^given must have as many columns .*; got 1 and 2"):
        sums.partial_fit(y, y, given=np.stack([x, x], axis=1))
    with pytest.raises(ValueError, match="width must not be so small"):
        sums.partial_fit(y, y, given=x * 1e200)
    with pytest.raises(ValueError, match=r"^other must be of conditional_divergence"):
        sums.merge(it.KernelSums(key, width_x=1.0, width_y=2.0))
    assert sums.n == 20

    key = "generalized_divergence:cauchy_schwarz"
    sums = it.KernelSums(key, width=1.0).partial_fit([x, y, x])
    with pytest.raises(ValueError, match="samples must hold two arrays or more; got 1"):
        sums.partial_fit([x])
    with pytest.raises(ValueError, match=r"must hold the same arrays; got \(samples\[0\], "):
        sums.partial_fit([x, y])
    with pytest.raises(TypeError, match=r"takes \(samples\); too many positional"):
        sums.partial_fit(x, y, x)
    with pytest.raises(ValueError, match=r"^samples\[1\] must be finite"):
        sums.partial_fit([x, y * np.nan, x])
    assert sums.n == 60
