"""Ties stay ties: samples on a grid, in any order of rows and in any unit."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from scipy.special import digamma

import infotheory as it
from infotheory import ops
from infotheory.estimators.neighbours import rescaled
from infotheory.grids import on_grid

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")

#: Whole numbers, halves, tenths (which no float holds exactly), and a coarse float32 grid.
GRIDS = {
    "whole": lambda x: x,
    "halves": lambda x: x / 2 - 7,
    "tenths": lambda x: np.round(x * 0.1, 1),
    "thirds": lambda x: x / 3,
    "offset": lambda x: 1e6 + 3 * x,
    "single": lambda x: (x * np.float32(0.1)).astype(np.float32),
}


def _on_grids(rng, n=150):
    x = rng.integers(0, 12, size=(n, 2))
    return x, x[:, :1] + rng.integers(0, 5, size=(n, 1)), rng.integers(0, 4, size=(n, 1))


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("method", ["ksg", "mixed"])
def test_values_depend_on_neither_rows_nor_units(engine, rng, grid, method):
    whole = _on_grids(rng)
    gridded = [GRIDS[grid](part) for part in whole]
    order = rng.permutation(150)
    for verb, count in ((it.mutual_information, 2), (it.conditional_mutual_information, 3)):
        plain = verb(*whole[:count], method=method).value
        assert verb(*gridded[:count], method=method).value == plain
        shuffled = [part[order] for part in gridded[:count]]
        assert verb(*shuffled, method=method).value == pytest.approx(plain, rel=1e-13)


def test_a_small_case_backwards():
    x = np.array([1, 2, 2, 1, 3, 1, 2, 1, 1, 3, 0, 2])
    y = np.array([1, 2, 3, 1, 2, 2, 1, 0, 2, 0, 3, 3])
    for method in ("ksg", "mixed"):
        forwards = it.mutual_information(x, y, method=method).value
        backwards = it.mutual_information(x[::-1], y[::-1], method=method).value
        assert forwards == pytest.approx(backwards, rel=1e-13)


@pytest.mark.parametrize("grid", GRIDS)
def test_equal_steps_are_equal_distances(engine, rng, grid):
    column = GRIDS[grid](rng.integers(0, 30, size=(200, 1)))
    standard = np.asarray(rescaled([column], "standardise")[0])
    steps = np.unique(np.diff(np.unique(standard)).round(12), return_counts=True)[0]
    distinct = np.unique(np.abs(standard - standard.T))
    assert len(steps) == 1
    assert len(distinct) == 30  # and not one for each pair of levels
    assert standard.std() == pytest.approx(1, rel=1e-7)


def test_columns_off_any_grid_are_standardised_as_they_are(engine, rng):
    atoms = rng.choice([0.0, 1.0, 5.37, np.pi], size=(200, 1))
    rectified = np.maximum(rng.normal(size=(200, 1)), 0)
    for column in (atoms, rectified, rng.normal(size=(200, 1)).repeat(2, axis=0)):
        standard = np.asarray(rescaled([column], "standardise")[0])
        expected = (column - column.mean()) / column.std()
        np.testing.assert_allclose(standard, expected, rtol=1e-12, atol=1e-12)


def test_the_quick_null_is_the_plain_one_on_grids(rng):
    x, y, _ = _on_grids(rng)
    found = it.permutation_test("mutual_information:ksg", x, y, permutations=20)
    generators = np.random.default_rng(0).spawn(20)
    plain = [it.mutual_information(x, y[g.permutation(150)]).value for g in generators]
    assert np.array_equal(found.null, plain)


@pytest.mark.parametrize("method", ["ksg", "mixed"])
def test_equal_distances_tie_without_a_duplicate(engine, method):
    rng = np.random.default_rng(1)
    x, y = (rng.permutation(1000)[:300].reshape(-1, 1) for _ in range(2))

    def value(first, second):
        return it.mutual_information(first, second, method=method).value

    plain = value(x, y)
    for found in (value(1000 * x, y), value(x / 10, y / 3 - 5), value(x[::-1], y[::-1])):
        assert found == pytest.approx(plain, rel=1e-13)


@pytest.mark.parametrize("n", [12, 100, 1000, 20000])
def test_normals_are_on_no_grid(engine, n):
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=(n, 1))
        standard = ops.of(x).standardise(x)[0]
        assert on_grid(standard, np.unique(standard)) is None


def test_a_grid_is_found_whatever_its_gaps_and_the_order_of_the_rows(engine, rng):
    whole = rng.choice(10**6, size=(300, 1), replace=False)
    for unit in (1, 0.1, 1 / 3):
        for rows in (np.sort(whole, axis=0), whole):
            standard = ops.of(whole).standardise(rows * unit)[0]
            steps, _ = on_grid(standard, np.unique(standard))
            steps = np.asarray(steps, dtype=int)
            assert np.array_equal(
                steps * np.gcd.reduce(np.diff(whole, axis=0)[:, 0]), rows - whole.min()
            )


def test_standardising_knows_no_order_of_rows(engine, rng):
    x = rng.normal(size=(1001, 3)) * [1, 1e-200, 1e200] + [5, 0, 0]
    order = rng.permutation(len(x))
    standard, logs = ops.of(x).standardise(x)
    again, again_logs = ops.of(x).standardise(x[order])
    assert np.array_equal(np.asarray(standard)[order], np.asarray(again))
    assert np.array_equal(logs, again_logs)
    mirrored, mirrored_logs = ops.of(x).standardise(-x)
    assert np.array_equal(np.asarray(mirrored), -np.asarray(standard))
    assert np.array_equal(mirrored_logs, logs)


def _by_definition(x, y, k=3):
    """Kraskov's first formula from distances of whole numbers, over deviations."""
    n = len(x)
    apart = [np.abs(v[:, None] - v).astype(float) / v.std() for v in (x, y)]
    joint = np.maximum(*apart) + np.diag(np.full(n, np.inf))
    radius = np.sort(joint, axis=1)[:, k - 1 : k]
    counts = [(table < radius).sum(axis=1) - (radius[:, 0] > 0) for table in apart]
    return digamma(k) + digamma(n) - sum(digamma(count + 1).mean() for count in counts)


@pytest.mark.parametrize("offset", [0, -(2**40)])
def test_whole_numbers_far_apart_keep_their_ties(engine, offset):
    rng = np.random.default_rng(5)
    x = 1000 * rng.integers(0, 20, 400)
    y = x + 1000 * rng.integers(0, 20, 400)
    x[0], y[1], x[2], y[3] = x[0] + 1, y[1] + 1, 37_000_000, 41_000_001
    expected = _by_definition(x, y)
    assert expected == pytest.approx(1.1986, abs=1e-4)
    for unit in (1, 3):
        found = it.mutual_information(unit * x[:, None] + offset, y[:, None]).value
        assert found == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("noise", [1e-6, 1e-9])
def test_noise_against_ties_is_no_rounding(engine, noise):
    rng = np.random.default_rng(3)
    n = 300
    x, y = ((rng.permutation(n) + noise * rng.uniform(-1, 1, n))[:, None] for _ in range(2))
    by_hand = [(part - part.mean()) / part.std() for part in (x, y)]
    found = it.mutual_information(x, y).value
    assert found == it.mutual_information(*by_hand, scale=None).value
    assert found != it.mutual_information(x.round(), y.round()).value


@pytest.mark.parametrize("levels", [30, 800])
@pytest.mark.parametrize("offset", [0, 100])
def test_decimals_of_any_type_keep_the_ties_of_whole_numbers(engine, rng, levels, offset):
    whole = rng.integers(0, levels, size=(200, 1))
    other = whole[::-1] + rng.integers(0, 5, size=(200, 1))
    expected = it.mutual_information(whole, other).value
    tenths, others = ((x + offset) * 0.1 for x in (whole, other))
    singles, single_others = tenths.astype(np.float32), others.astype(np.float32)
    for x, y in (
        (tenths, others),
        (singles, single_others),
        (singles.astype(float), single_others.astype(float)),
    ):
        assert it.mutual_information(x, y).value == expected


def test_the_deviation_of_large_offsets_keeps_the_digits_that_are_left(engine, rng):
    # the mean is off by its last place, which adds its square to the variance
    for n, offset, digits in ((200_000, 1e9, 1e-9), (200, 1e13, 1e-5)):
        x = rng.normal(size=(n, 1)) + offset
        exact = x - offset  # a difference of near floats is exact
        standard, logs = ops.of(x).standardise(x)
        assert np.exp(logs[0]) == pytest.approx(exact.std(), rel=digits)
        for found in (standard, rescaled([x], "standardise")[0]):
            found = np.asarray(found)
            assert found.std() == pytest.approx(1, rel=digits)
            assert np.corrcoef(found[:, 0], exact[:, 0])[0, 1] == pytest.approx(1, abs=1e-12)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("fill", [1e9, 1e20, -1e200])
def test_fill_values_that_swallow_the_rest_are_told(engine, fill):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1))
    y = x + 0.5 * rng.normal(size=(200, 1))
    x[3] = fill
    z = rng.normal(size=(200, 1))
    for call in (
        lambda **options: it.mutual_information(x, y, **options),
        lambda **options: it.conditional_mutual_information(x, y, z, **options),
        lambda **options: it.conditional_mutual_information(y, z, x, **options),
    ):
        with pytest.warns(it.InfotheoryWarning) as said:
            call()
        (message,) = (str(each.message) for each in said)
        assert re.search(r"[xz] has values so far from the rest .*scale='rank'", message)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            call(scale="rank")
    with pytest.warns(it.InfotheoryWarning, match="x has values so far from the rest"):
        it.entropy(x, method="knn", scale="standardise")


@pytest.mark.filterwarnings("error")
def test_long_tails_are_no_fill_values(engine, rng):
    y = rng.normal(size=(1000, 1))
    for x in (rng.standard_cauchy((1000, 1)), np.exp(3 * y), rng.pareto(0.5, (1000, 1))):
        it.mutual_information(x, y)
