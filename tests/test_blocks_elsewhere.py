"""Blocks that others compute: dask, in its threads, and ranks that are processes of their own."""

from __future__ import annotations

import itertools
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import reduce

import numpy as np
import pytest

import infotheory as it

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")

COUNTED = "mutual_information:chao_shen"
SUMMED = "mutual_information:hsic"


def labels(n=1200):
    rng = np.random.default_rng(3)
    x = rng.integers(6, size=n)
    return x, np.where(rng.random(n) < 0.5, x, rng.integers(6, size=n))


def samples(n=400):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(n, 2))
    return x, x[:, :1] + rng.normal(size=(n, 1))


def counted(x, y):
    return it.Counts(COUNTED).partial_fit(x, y)


def summed(x, y):
    return it.KernelSums(SUMMED, width=0.9).partial_fit(x, y)


def same_counts(found, whole):
    assert (found.value, found.n, found.params) == (whole.value, whole.n, whole.params)
    assert found.stderr == pytest.approx(whole.stderr, rel=1e-12)


def same_sums(found, whole):
    assert (found.n, found.params) == (whole.n, whole.params)
    assert found.value == pytest.approx(whole.value, rel=1e-9)
    assert found.stderr == pytest.approx(whole.stderr, rel=1e-8)


CASES = [
    pytest.param(labels, counted, it.Counts, same_counts, COUNTED, {}, id="Counts"),
    pytest.param(
        samples, summed, it.KernelSums, same_sums, SUMMED, {"width": 0.9}, id="KernelSums"
    ),
]
each_case = pytest.mark.parametrize(
    ("drawn", "made", "kind", "assert_same", "key", "options"), CASES
)


@each_case
@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_blocks_of_dask(drawn, made, kind, assert_same, key, options, scheduler):
    dask = pytest.importorskip("dask")
    arrays = pytest.importorskip("dask.array")
    x, y = drawn()
    whole = it.measure(key, **options)(x, y)
    blocks = [
        arrays.from_array(each, chunks=(150, *each.shape[1:])).to_delayed().ravel()
        for each in (x, y)
    ]
    parts = [dask.delayed(made)(*block) for block in zip(*blocks, strict=True)]
    assert len(parts) > 2
    while len(parts) > 1:  # a tree of merges, in the graph itself
        merged = [
            dask.delayed(kind.merge)(*pair) for pair in zip(parts[::2], parts[1::2], strict=False)
        ]
        parts = merged + parts[2 * len(merged) :]
    total = parts[0].compute(scheduler=scheduler, num_workers=4)
    assert_same(total.finalize(), whole)


@each_case
def test_a_dask_array_is_an_array(drawn, made, kind, assert_same, key, options):
    arrays = pytest.importorskip("dask.array")
    x, y = drawn(100)
    lazy = [arrays.from_array(each, chunks=30) for each in (x, y)]
    assert_same(made(*lazy).finalize(), it.measure(key, **options)(x, y))


@pytest.fixture(scope="module")
def ranks():
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@each_case
@pytest.mark.slow
def test_ranks_are_processes(ranks, drawn, made, kind, assert_same, key, options):
    x, y = drawn()
    whole = it.measure(key, **options)(x, y)
    blocks = [np.array_split(each, [100, 101, 250]) for each in (x, y)]  # of unlike sizes
    gathered = [pickle.dumps(part) for part in ranks.map(made, *blocks)]
    for order in itertools.islice(itertools.permutations(gathered), 0, None, 5):
        assert_same(reduce(kind.merge, map(pickle.loads, order)).finalize(), whole)
