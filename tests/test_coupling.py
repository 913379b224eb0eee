"""Couplings of least entropy, against all vertices of the set of couplings."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import infotheory as it
from infotheory.coupling import minimum_entropy_coupling

LN2 = math.log(2)
#: What greedy may miss at most, in bits: of two marginals, of more, and above the lower bound.
OF_TWO, OF_MORE, ABOVE_LOWER = math.log2(math.e) / math.e, (1 + math.log2(math.e)) / 2, 1 / LN2

counts = st.lists(st.integers(0, 9), min_size=1, max_size=7).filter(any)
several = st.lists(counts, min_size=2, max_size=4)


def shares(numbers):
    return np.array(numbers) / sum(numbers)


def entropy_bits(masses):
    return -sum(mass * math.log2(mass) for mass in masses if mass > 1e-12)


def least_entropy(marginals):
    """In bits: that of the best vertex, found from all sets of cells that could be a basis."""
    shape = tuple(map(len, marginals))
    cells = list(np.ndindex(shape))
    # One outcome of every marginal but the first follows from the others.
    rules = [(j, i) for j, size in enumerate(shape) for i in range(size - (j > 0))]
    table = np.array([[cell[j] == i for cell in cells] for j, i in rules], dtype=float)
    right = np.array([marginals[j][i] for j, i in rules])
    bases = np.array(list(itertools.combinations(range(len(cells)), len(rules))))
    matrices = np.moveaxis(table[:, bases], 1, 0)
    regular = np.abs(np.linalg.det(matrices)) > 0.5
    masses = np.linalg.solve(
        matrices[regular], np.broadcast_to(right[:, None], (int(regular.sum()), len(rules), 1))
    )[..., 0]
    return min(entropy_bits(found) for found in masses if found.min() > -1e-12)


def summed(coupling, j):
    return np.bincount(coupling.cells[:, j], coupling.masses, minlength=len(coupling.marginals[j]))


def test_by_hand_in_two_units():
    found = minimum_entropy_coupling([[0.5, 0.5], [0.75, 0.25]])
    assert found.cells.tolist() == [[0, 0], [1, 0], [1, 1]]
    assert found.masses.tolist() == [0.5, 0.25, 0.25]
    assert found.entropy == pytest.approx(1.5 * LN2, rel=1e-15)
    assert found.lower == pytest.approx(LN2, rel=1e-15)
    assert found.unit == "nats"
    bits = found.to("bits")
    assert (bits.unit, bits.shape) == ("bits", (2, 2))
    assert bits.entropy == pytest.approx(1.5, rel=1e-15)
    assert bits.lower == pytest.approx(1, rel=1e-15)
    assert bits.gap == pytest.approx(0.5, rel=1e-15)
    marginal = 0.75 * math.log2(4 / 3) + 0.5
    assert bits.information == pytest.approx(1 + marginal - 1.5, rel=1e-14)
    assert found.information == pytest.approx(bits.information * LN2, rel=1e-14)
    assert str(bits) == "coupling of 2 x 2 outcomes in 3 cells: entropy 1.5, at least 1 bits"


def test_three_marginals_by_hand():
    found = minimum_entropy_coupling([[1], [0.75, 0.25], [0.6, 0.3, 0.1]])
    table = dict(zip(map(tuple, found.cells.tolist()), found.masses, strict=True))
    expected = {(0, 0, 0): 0.6, (0, 1, 1): 0.25, (0, 0, 2): 0.1, (0, 0, 1): 0.05}
    assert table == pytest.approx(expected, abs=1e-15)
    assert found.dense().shape == (1, 2, 3)
    alone = entropy_bits([0.75, 0.25]) + entropy_bits([0.6, 0.3, 0.1])
    assert found.to("bits").information == pytest.approx(
        alone - entropy_bits([0.6, 0.25, 0.1, 0.05]), rel=1e-13
    )


@pytest.mark.parametrize("order", [1, -1])
def test_equal_marginals_lie_on_the_diagonal(order):
    p = np.random.default_rng(0).dirichlet(np.ones(50))
    found = minimum_entropy_coupling([p, p[::order]])
    assert len(found.masses) == 50
    assert found.cells[:, 1].tolist() == np.arange(50)[::order].tolist()
    assert found.masses == pytest.approx(p, rel=1e-14)
    assert found.gap == 0.0
    assert found.information == pytest.approx(float(it.distribution_entropy(p)), rel=1e-14)


def test_a_certain_marginal_changes_nothing():
    p = [0.5, 0.3, 0.0, 0.2]
    found = minimum_entropy_coupling([p, [0.0, 1.0]])
    assert found.cells.tolist() == [[0, 1], [1, 1], [3, 1]]
    assert found.information == 0.0
    assert found.to("bits").entropy == pytest.approx(entropy_bits(p), rel=1e-14)


@pytest.mark.parametrize(("n", "m"), [(6, 3), (9, 3), (3000, 3), (49, 7), (1000, 1), (10, 10)])
def test_uniform_marginals_that_divide_each_other(n, m):
    found = minimum_entropy_coupling([np.full(n, 1 / n), np.full(m, 1 / m)])
    assert len(found.masses) == n  # the round-off of 1 / n is not worth a cell
    assert found.entropy == pytest.approx(math.log(n), rel=1e-14)
    assert found.information == pytest.approx(math.log(m), abs=1e-13)


@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (3, 4), (4, 4)])
def test_two_marginals_against_every_vertex(shape):
    rng = np.random.default_rng(sum(shape))
    missed = []
    for _ in range(6 if shape == (4, 4) else 25):
        marginals = [rng.dirichlet(np.ones(size)) for size in shape]
        found = minimum_entropy_coupling(marginals).to("bits")
        best = least_entropy(marginals)
        assert found.lower <= best + 1e-12
        assert -1e-12 < found.entropy - best <= OF_TWO
        missed.append(found.entropy - best)
    assert np.mean(missed) < 0.05  # far less than the guarantee


@pytest.mark.parametrize("shape", [(2, 2, 2), (2, 2, 3)])
def test_three_marginals_against_every_vertex(shape):
    rng = np.random.default_rng(sum(shape))
    for _ in range(20):
        marginals = [rng.dirichlet(np.ones(size)) for size in shape]
        found = minimum_entropy_coupling(marginals).to("bits")
        best = least_entropy(marginals)
        assert found.lower <= best + 1e-12
        assert -1e-12 < found.entropy - best <= OF_MORE


def test_greedy_is_not_always_the_best():
    # 4 + 3 and 5 would waste no cell, but the rule joins 7 with 5 first.
    marginals = [shares([7, 5]), shares([5, 4, 3])]
    found = minimum_entropy_coupling(marginals).to("bits")
    best = entropy_bits(marginals[1])
    assert least_entropy(marginals) == pytest.approx(best, rel=1e-12)
    assert sorted(found.masses) == pytest.approx([1 / 12, 2 / 12, 4 / 12, 5 / 12], rel=1e-14)
    assert found.lower == pytest.approx(best, rel=1e-12)


@given(several)
@settings(deadline=None, derandomize=True, max_examples=150)
def test_marginals_are_kept_and_cells_are_few(numbers):
    marginals = [shares(part) for part in numbers]
    found = minimum_entropy_coupling(marginals)
    for j, p in enumerate(marginals):
        assert np.abs(summed(found, j) - p).max() < 2e-15
        assert ((summed(found, j) > 0) == (p > 0)).all()
    assert (found.masses > 0).all()
    assert len(np.unique(found.cells, axis=0)) == len(found.cells)
    outcomes = sum(int((p > 0).sum()) for p in marginals)
    assert len(found.cells) <= outcomes - len(marginals) + 1
    assert -1e-14 < found.gap <= ABOVE_LOWER * LN2
    largest = max(float(it.distribution_entropy(p)) for p in marginals)
    assert largest - 1e-14 <= found.lower


@pytest.mark.parametrize("n", [4, 300])
def test_masses_of_all_sizes_are_kept_to_the_last_digit(n):
    rng = np.random.default_rng(n)
    for _ in range(100 if n == 4 else 5):
        marginals = rng.dirichlet(np.full(n, 0.2), 2)
        found = minimum_entropy_coupling(marginals)
        for j, p in enumerate(marginals):
            assert np.abs(summed(found, j) - p).max() < 2e-15
        assert len(found.masses) <= 2 * n - 1


@given(several, st.randoms(use_true_random=False))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_names_and_zeros_do_not_matter(numbers, random):
    first = minimum_entropy_coupling([shares(part) for part in numbers])
    shuffled = [[*part, 0] for part in numbers]
    for part in shuffled:
        random.shuffle(part)
    second = minimum_entropy_coupling([shares(part) for part in reversed(shuffled)])
    assert second.entropy == pytest.approx(first.entropy, abs=1e-13)
    assert second.lower == pytest.approx(first.lower, abs=1e-13)


def test_information_is_that_of_the_table():
    p, q = np.random.default_rng(3).dirichlet(np.ones(12), 2)
    found = minimum_entropy_coupling([p, q[:9] / q[:9].sum()])
    assert found.information == pytest.approx(
        float(it.distribution_mutual_information(found.dense())), rel=1e-12
    )


@pytest.mark.parametrize(("n", "mean"), [(4, 0.302), (16, 0.276), (64, 0.215), (256, 0.147)])
def test_the_gap_of_random_marginals(n, mean):
    rng = np.random.default_rng(n)
    repeats = 20 if n == 256 else 60
    gaps = [
        minimum_entropy_coupling(rng.dirichlet(np.ones(n), 2)).to("bits").gap
        for _ in range(repeats)
    ]
    assert np.mean(gaps) == pytest.approx(mean, abs=4 * np.std(gaps) / math.sqrt(repeats))


def test_tiny_masses_keep_their_cells():
    found = minimum_entropy_coupling([[1.0, 1e-300], [1e-20, 1.0]])
    table = dict(zip(map(tuple, found.cells.tolist()), found.masses, strict=True))
    assert table == {(0, 1): 1.0, (0, 0): 1e-20, (1, 0): 1e-300}


@pytest.mark.parametrize("kind", [list, np.float32, torch.tensor, "strided", "read-only"])
def test_what_arrays_may_be(kind):
    p, q = np.array([0.5, 0.25, 0.25]), np.array([0.75, 0.25])
    if kind == "strided":
        given = [np.repeat(p, 2)[::2], q[::-1][::-1]]
    elif kind == "read-only":
        given = [p.copy(), q.copy()]
        for part in given:
            part.flags.writeable = False
    else:
        given = [kind(p), kind(q)]
    found = minimum_entropy_coupling(given)
    assert found.masses.tolist() == [0.5, 0.25, 0.25]


def test_arrays_of_the_user_stay_as_they_are():
    p = np.array([0.5, 0.5])
    found = minimum_entropy_coupling([p, p])
    p[0] = 0.25
    assert found.marginals[0].tolist() == [0.5, 0.5]


def test_a_table_too_large_for_memory_is_refused():
    p = np.full(20000, 1 / 20000)
    found = minimum_entropy_coupling([p, p, p])
    assert len(found.masses) == 20000
    with pytest.raises(MemoryError, match=r"20000 x 20000 x 20000 takes 6.4e\+04 GB"):
        found.dense()


@pytest.mark.parametrize(
    ("marginals", "error", "says"),
    [
        ([[1.0]], ValueError, "two distributions or more; got 1"),
        ([], ValueError, "two distributions or more; got 0"),
        (3.0, TypeError, "marginals must be a sequence of arrays; got float"),
        ("ab", TypeError, "marginals must be a sequence of arrays; got str"),
        ([[0.5, 0.5], [1.5, -0.5]], ValueError, r"marginals\[1\] must not be negative"),
        ([[0.5, 0.5], [0.5, 0.6]], ValueError, r"marginals\[1\] must sum to 1 .* 1.1\."),
        ([[0.5, np.nan], [1.0]], ValueError, r"marginals\[0\] must be finite"),
        ([[np.inf, 0.5], [1.0]], ValueError, r"marginals\[0\] must be finite"),
        ([[], [1.0]], ValueError, r"marginals\[0\] must be a table"),
        ([[[0.5, 0.5]], [1.0]], ValueError, r"marginals\[0\] must have shape \(n,\)"),
        ([[0.5j, 0.5], [1.0]], TypeError, r"marginals\[0\] must hold real numbers"),
        ([["a"], [1.0]], TypeError, r"marginals\[0\] must hold real numbers"),
        ([np.ma.array([1.0]), [1.0]], TypeError, r"marginals\[0\] must not be a masked array"),
    ],
)
def test_bad_marginals(marginals, error, says):
    with pytest.raises(error, match=says):
        minimum_entropy_coupling(marginals)
