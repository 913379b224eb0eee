"""Encoders of limited entropy, and couplings through them, against all maps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import entr

import infotheory as it
from infotheory.bottleneck import bottleneck_coupling, entropy_bounded_information

LN2 = math.log(2)
P = np.array([0.7, 0.2, 0.1])

counts = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any)
rates = st.floats(0, 3)


def shares(numbers):
    return np.array(numbers) / sum(numbers)


def entropy(p):
    return -math.fsum(x * math.log(x) for x in p if x > 0)


def entropies_of_all_maps(p):
    """In nats, of every way to part the outcomes into sets."""
    found = []

    def place(i, bins):
        if i == len(p):
            found.append(entropy(bins))
            return
        for b in range(len(bins)):
            place(i + 1, [*bins[:b], bins[b] + p[i], *bins[b + 1 :]])
        place(i + 1, [*bins, p[i]])

    place(0, [])
    return np.array(found)


def greedy(p, rate):
    """In nats: merge the least into the largest until the rate is kept."""
    bins = sorted(p)
    while entropy(bins) > rate + 1e-12:
        bins = sorted([*bins[1:-1], bins[0] + bins[-1]])
    return entropy(bins)


def table_of(encoder):
    table = np.zeros((len(encoder.p_x), len(encoder.p_t)))
    table[tuple(encoder.cells.T)] = encoder.masses
    return table


def random_problem(rng, most):
    p = rng.dirichlet(np.full(rng.integers(2, most + 1), rng.choice([0.3, 1, 3])))
    return p, rng.uniform(0, entropy(p))


def test_by_hand_in_two_units():
    # Maps of (.7, .2, .1) have .469, .722, .881 or 1.157 bits.
    found = entropy_bounded_information(P, 0.8 * LN2)
    assert found.labels.tolist() == [0, 1, 0]
    assert found.cells.tolist() == [[0, 0], [1, 1], [2, 0]]
    assert found.p_t == pytest.approx([0.8, 0.2], rel=1e-15)
    expected = -0.8 * math.log2(0.8) - 0.2 * math.log2(0.2)
    assert found.information == pytest.approx(expected * LN2, rel=1e-14)
    bits = found.to("bits")
    assert bits.information == pytest.approx(expected, rel=1e-14)
    assert bits.entropy == pytest.approx(expected, rel=1e-14)
    assert (bits.rate, bits.ceiling) == pytest.approx((0.8, 0.8), rel=1e-15)
    assert bits.gap == pytest.approx(0.8 - expected, rel=1e-12)
    assert bits.guarantee == pytest.approx(expected, rel=1e-14)  # of the mass .2
    assert bits.deterministic
    assert str(bits) == "encoder of 3 outcomes into 2: information 0.721928 of at most 0.8 bits"


def test_the_limits():
    whole = entropy_bounded_information(P[::-1], 5.0)
    assert whole.labels.tolist() == [2, 1, 0]
    assert whole.information == pytest.approx(entropy(P), rel=1e-14)
    assert whole.gap == 0.0
    nothing = entropy_bounded_information(P, 0)
    assert nothing.labels.tolist() == [0, 0, 0]
    assert nothing.information == pytest.approx(0, abs=1e-15)
    for p in ([1.0], [0.0, 1.0, 0.0]):
        certain = entropy_bounded_information(p, 1.0, randomised=True)
        assert (certain.information, certain.guarantee, certain.ceiling) == (0.0, 0.0, 0.0)
        assert certain.labels.tolist() == [0] * len(p)
        assert certain.masses.tolist() == [1.0]


@pytest.mark.parametrize("n", [2, 3, 5, 7, 8])
def test_of_few_outcomes_no_map_is_better(n):
    rng = np.random.default_rng(n)
    for _ in range(3 if n == 8 else 10):
        p = rng.dirichlet(np.full(n, rng.choice([0.3, 1, 3])))
        rate = rng.uniform(0, entropy(p))
        everything = entropies_of_all_maps(p)
        best = everything[everything <= rate].max()
        assert entropy_bounded_information(p, rate).information == pytest.approx(best, abs=1e-13)


def test_the_search_comes_close_to_the_best_map():
    rng = np.random.default_rng(9)
    missed, saved = [], []
    for _ in range(8):
        p = rng.dirichlet(np.ones(9))
        rate = rng.uniform(0.5, 0.9) * entropy(p)
        everything = entropies_of_all_maps(p)
        best = everything[everything <= rate].max()
        found = entropy_bounded_information(p, rate).information
        assert found <= best + 1e-13
        missed.append(best - found)
        saved.append(found - greedy(p, rate))
    assert np.mean(missed) < 0.01
    assert np.mean(saved) > 10 * np.mean(missed)


def test_a_rate_that_a_map_has_is_met():
    # Theorem 1: the ceiling is reached if and only if the entropy of a map is the rate.
    rng = np.random.default_rng(1)
    for _ in range(20):
        p = rng.dirichlet(np.ones(6))
        rate = entropy(np.bincount(rng.integers(0, 3, 6), p))
        found = entropy_bounded_information(p, rate)
        assert abs(found.gap) < 1e-12


def test_the_guarantee_in_hundreds_of_cases():
    rng = np.random.default_rng(2)
    for _ in range(300):
        p, rate = random_problem(rng, 40)
        second = np.sort(p)[-2]
        found = entropy_bounded_information(p, rate)
        assert found.guarantee == pytest.approx(entropy([second, 1 - second]), rel=1e-9)
        assert -1e-12 <= found.gap <= found.guarantee
        assert found.entropy <= rate + 1.1e-12
        assert found.information >= greedy(p, rate) - 1e-13


@pytest.mark.parametrize("n", [300, 5000])
def test_of_many_outcomes_the_gap_is_small(n):
    p = np.random.default_rng(n).dirichlet(np.ones(n))
    for rate in (0.5, 2.0):
        assert 0 <= entropy_bounded_information(p, rate).gap + 1e-12 < 1e-5


@given(counts, rates, st.booleans())
@settings(deadline=None, derandomize=True, max_examples=80)
def test_what_an_encoder_is(numbers, rate, randomised):
    p = shares(numbers)
    found = entropy_bounded_information(p, rate, randomised=randomised)
    table = table_of(found)
    assert np.abs(table.sum(axis=1) - p).max() < 1e-15
    assert np.abs(table.sum(axis=0) - found.p_t).max() < 1e-15
    assert (found.masses > 0).all()
    assert (np.diff(found.p_t) <= 0).all()
    assert found.entropy == pytest.approx(entropy(found.p_t), abs=1e-14)
    assert found.entropy <= rate + 1.1e-12
    exact = float(it.distribution_mutual_information(table / table.sum()))
    assert found.information == pytest.approx(exact, abs=1e-13)
    assert found.information <= found.ceiling + 1.1e-12
    assert (table.argmax(axis=1)[p > 0] == found.labels[p > 0]).all()
    assert found.deterministic or randomised
    if not randomised:
        again = entropy_bounded_information([*p[::-1], 0], rate)
        assert again.information == pytest.approx(found.information, abs=1e-12)


def test_a_little_above_a_map_the_smallest_share_is_split():
    # Theorem 3. The map .7 | .2 + .1: shares are 1, 2/3 and 1/3.
    rate = entropy([0.7, 0.3]) + 1e-3
    found = entropy_bounded_information(P, rate, randomised=True)
    assert found.cells.tolist() == [[0, 0], [1, 1], [2, 1], [2, 2]]
    assert found.masses[3] < 0.001
    assert found.entropy == pytest.approx(rate, rel=1e-12)
    assert found.entropy > found.information > entropy_bounded_information(P, rate).information


def test_a_little_below_a_map_the_least_likely_moves_to_the_likeliest():
    rate = entropy([0.7, 0.3]) - 1e-3
    found = entropy_bounded_information(P, rate, randomised=True)
    assert found.cells.tolist() == [[0, 0], [1, 1], [2, 0], [2, 1]]
    assert found.masses[2] < 0.002
    assert found.labels.tolist() == [0, 1, 1]
    assert found.entropy == pytest.approx(rate, rel=1e-12)


def test_a_split_that_comes_down_from_a_map_above_the_rate():
    p, rate = shares([9, 8, 7, 7, 5, 5, 5, 4, 4, 2]), 1.62
    bins = shares([24, 12, 5, 5, 4, 4, 2])
    assert entropy(bins) > rate > entropy([*bins[:1] + bins[-1:], *bins[1:-1]])
    low, high = 0.0, bins[-1]
    for _ in range(60):  # until a part of the last bin has gone to the first
        mass = (low + high) / 2
        moved = entropy([bins[0] + mass, *bins[1:-1], bins[-1] - mass])
        low, high = (mass, high) if moved > rate else (low, mass)
    share = mass / bins[-1]
    by_hand = rate - bins[-1] * entropy([share, 1 - share])
    found = entropy_bounded_information(p, rate, randomised=True)
    assert found.information >= by_hand - 1e-12


def test_no_encoder_on_a_grid_tells_more_than_one_split():
    parts = 20
    rows = np.array([
        (a, b, parts - a - b) for a in range(parts + 1) for b in range(parts + 1 - a)
    ]) / parts  # fmt: skip
    lost = [x * entr(rows).sum(axis=1) for x in P]
    entropies, informations = [], []
    for first, of_first in zip(rows, lost[0], strict=True):
        p_t = P[0] * first + P[1] * rows[:, None] + P[2] * rows[None]
        entropies.append(entr(p_t).sum(axis=-1).ravel())
        informations.append(entropies[-1] - of_first - (lost[1][:, None] + lost[2][None]).ravel())
    entropies, informations = np.concatenate(entropies), np.concatenate(informations)
    for rate in np.linspace(0.02, entropy(P) - 0.01, 15):
        best = informations[entropies <= rate].max()
        found = entropy_bounded_information(P, rate, randomised=True)
        assert best - 1e-12 <= found.information < best + 0.03
        assert found.information > entropy_bounded_information(P, rate).information
        assert found.entropy == pytest.approx(rate, rel=1e-12)


def test_a_split_only_where_it_tells_more():
    rng = np.random.default_rng(4)
    splits = 0
    for _ in range(60):
        p, rate = random_problem(rng, 20)
        plain = entropy_bounded_information(p, rate)
        found = entropy_bounded_information(p, rate, randomised=True)
        assert found.information >= plain.information
        splits += not found.deterministic
        assert found.deterministic == (found.information == plain.information)
    assert splits > 20


@given(counts, counts, rates, st.booleans())
@settings(deadline=None, derandomize=True, max_examples=80)
def test_a_coupling_through_a_bottleneck(of_x, of_y, rate, randomised):
    p_x, p_y = shares(of_x), shares(of_y)
    found = bottleneck_coupling(p_x, p_y, rate, randomised=randomised)
    table = found.dense()
    assert np.abs(table.sum(axis=1) - p_x).max() < 3e-15
    assert np.abs(table.sum(axis=0) - p_y).max() < 3e-15
    exact = float(it.distribution_mutual_information(table / table.sum()))
    assert found.information == pytest.approx(exact, abs=1e-12)
    assert found.encoder.entropy <= rate + 1.1e-12
    of_t = found.encoder.information + found.decoder.information
    assert found.lower == pytest.approx(of_t - found.encoder.entropy, abs=1e-14)
    assert found.information >= found.lower - 1e-13 >= of_t - rate - 2e-12
    # X - T - Y: nothing is learnt about X or Y that T does not know
    assert found.information <= found.encoder.information + 1e-13
    assert found.information <= found.decoder.information + 1e-13
    if found.encoder.deterministic:
        assert found.information == pytest.approx(found.decoder.information, abs=1e-13)


def test_the_limits_of_the_rate():
    p_x, p_y = np.random.default_rng(5).dirichlet(np.ones(6), 2)
    free = bottleneck_coupling(p_x, p_y, 10.0)
    assert free.information == pytest.approx(
        it.minimum_entropy_coupling([p_x, p_y]).information, abs=1e-13
    )
    none = bottleneck_coupling(p_x, p_y, 0.0)
    assert none.information == pytest.approx(0, abs=1e-15)
    assert none.dense() == pytest.approx(np.outer(p_x, p_y), abs=1e-15)


def test_a_split_outcome_by_hand():
    # T of x = 2 is uncertain, so that its row mixes two rows of the decoder.
    found = bottleneck_coupling(P, [0.6, 0.4], entropy([0.7, 0.3]) - 0.01, randomised=True)
    encoder, table = found.encoder, found.decoder.dense()
    given = table / table.sum(axis=1, keepdims=True)
    by_hand = table_of(encoder) @ given
    assert found.dense() == pytest.approx(by_hand, abs=1e-15)
    assert found.information < found.decoder.information - 1e-6
    bits = found.to("bits")
    assert (bits.unit, bits.encoder.unit, bits.decoder.unit) == ("bits",) * 3
    assert bits.information == pytest.approx(found.information / LN2, rel=1e-15)
    assert bits.lower == pytest.approx(found.lower / LN2, rel=1e-14)
    assert str(bits).startswith("I(X;Y) = 0.")


def test_a_joint_table_too_large_for_memory_is_refused():
    found = bottleneck_coupling([0.5, 0.5], [0.5, 0.5], 1.0)
    object.__setattr__(found.encoder, "p_x", np.broadcast_to(0.0, 10**14))
    with pytest.raises(MemoryError, match="a table of 100000000000000 x 2 takes"):
        found.dense()


@pytest.mark.parametrize(
    ("p", "rate", "error", "says"),
    [
        (P, -0.1, ValueError, "rate must be a finite number at least 0; got -0.1"),
        (P, math.nan, ValueError, "rate must be a finite number"),
        (P, math.inf, ValueError, "rate must be a finite number"),
        (P, "1", TypeError, "rate must be a number; got str"),
        (P, True, TypeError, "rate must be a number; got bool"),
        (2 * P, 1.0, ValueError, "p must sum to 1"),
        ([1.5, -0.5], 1.0, ValueError, "p must not be negative"),
        ([np.nan, 1.0], 1.0, ValueError, "p must be finite"),
        ([[0.5, 0.5]], 1.0, ValueError, r"p must have shape \(n,\); got \(1, 2\)"),
        ([], 1.0, ValueError, "p must be a table of probabilities"),
    ],
)
def test_bad_input_of_an_encoder(p, rate, error, says):
    with pytest.raises(error, match=says):
        entropy_bounded_information(p, rate)


def test_bad_input_of_a_bottleneck():
    with pytest.raises(TypeError, match="randomised must be True or False; got int 1"):
        entropy_bounded_information(P, 1.0, randomised=1)
    with pytest.raises(ValueError, match="p_x must sum to 1"):
        bottleneck_coupling([0.5], [1.0], 1.0)
    with pytest.raises(ValueError, match="p_y must not be negative"):
        bottleneck_coupling([1.0], [1.5, -0.5], 1.0)
