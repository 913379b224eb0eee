"""What is remembered inside of `ops.remember()`: whole statistics, which nobody changes later."""

from __future__ import annotations

import inspect
import tracemalloc

import numpy as np
import pytest

import infotheory as it
from infotheory import ops, registry
from infotheory.ops import memory
from tests import test_contract as contract

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")


def values(arrays):
    """What every estimator says of its arrays, in the order of the register."""
    found = [contract.estimate(entry, *arrays[entry.key]) for entry in registry.entries()]
    return [(each.value, each.stderr, each.as_dict()["diagnostics"]) for each in found]


def alike(one, other):
    """The same answers, digit by digit, whatever they are made of."""
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(alike, one, other))
    if one is None or isinstance(one, str):
        return one == other
    return np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True)


def test_every_estimator_gives_what_it_gives_alone(engine):
    """Once, again, and after all others, of the same arrays; and nothing kept has been changed."""
    # Of one kind the same object, so that estimators do share what they ask for.
    shared = {}
    arrays = {
        entry.key: [
            shared.setdefault((kind, place), drawn)
            for place, (kind, drawn) in enumerate(
                zip(contract.inputs(entry), contract.draw(entry), strict=True)
            )
        ]
        for entry in registry.entries()
    }
    alone = values(arrays)
    with ops.remember():
        first, second = values(arrays), values(arrays)
        kept = [(key, held) for key, held in memory._memory.get().items() if len(held) == 3]
    names = [entry.key for entry in registry.entries()]
    for name, wanted, *recalled in zip(names, alone, first, second, strict=True):
        for found in recalled:
            assert repr(found) == repr(wanted), name
    assert kept
    for (used, primitive, *_), (answer, arguments, options) in kept:
        again = getattr(used, primitive)(*arguments, **options)
        assert alike(answer, again), primitive


def test_what_is_remembered_are_primitives():
    primitives = {name for name, _ in inspect.getmembers(ops.Engine, inspect.isfunction)}
    assert primitives >= memory.KEPT


def test_statistics_come_from_memory_and_matrices_do_not(engine, rng):
    x = rng.standard_normal((50, 3))
    with ops.remember():
        primitives = ops.of(x)
        assert primitives.neighbours([x], 3, "euclidean") is primitives.neighbours(
            [x], 3, "euclidean"
        )
        classes = np.arange(50) % 3
        by_class = primitives.mixture_log_sums(x, 0.1, classes)
        assert primitives.mixture_log_sums(x, 0.1) is by_class
        first = primitives.gram(x)
        first *= 0.5
        second = primitives.gram(x)
        assert float(second[0, 0]) == 1.0
        spectrum = np.array(primitives.spectrum(second))
        again = primitives.gram(x)
        again *= 0.5
        assert primitives.spectrum(again) == pytest.approx(spectrum / 2, abs=1e-12)


def test_information_of_spectra_is_the_same_inside():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 6))
    y = x[:, :2] + rng.standard_normal((80, 2))
    alone = it.mutual_information(x, y, method="matrix_renyi").value
    with ops.remember():
        assert it.mutual_information(x, y, method="matrix_renyi").value == alone


def peak_of(work):
    """Bytes of arrays at most while it runs, and afterwards."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("solver", ["exact", "lanczos"])
def test_no_matrix_outlives_its_measure(solver, rng):
    """Several spectra take the memory of one; exact ones that of two matrices at most."""
    n = 600
    x = rng.standard_normal((n, 4))

    def measured(times):
        with ops.remember():
            for step in range(times):
                it.entropy(x, method="diffusion", t=1.0 + step, solver=solver)
                it.entropy(x, method="matrix_renyi", alpha=1.5 + step)

    measured(1)  # what is compiled and imported is not asked about
    once, often = peak_of(lambda: measured(1)), peak_of(lambda: measured(4))
    assert often < once + 4 * 8 * x.size
    assert solver == "lanczos" or often < 2.1 * 8 * n * n
