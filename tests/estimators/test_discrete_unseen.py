"""Entropies that reckon with unseen outcomes: by hand, by other quadratures, at the limits."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import polygamma

import infotheory as it
from infotheory.estimators import discrete_unseen
from infotheory.estimators.discrete import fingerprint

LN2 = math.log(2)

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")

tables = st.lists(st.integers(1, 12), min_size=1, max_size=8).map(np.array)


def entropy(counts, method, **options):
    return it.entropy(np.repeat(np.arange(len(counts)), counts), method=method, **options)


# ---- coverage -----------------------------------------------------------------------------


def test_chao_shen_by_hand(engine):
    # counts 2, 1 of n = 3: coverage 2/3, so p = 4/9 and 2/9; seen with 1 - (5/9)^3, 1 - (7/9)^3
    first = -4 / 9 * math.log(4 / 9) / (1 - (5 / 9) ** 3)
    second = -2 / 9 * math.log(2 / 9) / (1 - (7 / 9) ** 3)
    found = entropy([2, 1], "chao_shen")
    assert found.value == pytest.approx(first + second, rel=1e-14)
    assert found.to("bits").value == pytest.approx((first + second) / LN2, rel=1e-14)


def test_chao_shen_of_singletons_takes_one_of_them_for_seen_twice(engine):
    # five of five: coverage 1/5 in place of 0, p = 1/25 each
    by_hand = 5 * (math.log(25) / 25) / (1 - (24 / 25) ** 5)
    assert entropy([1] * 5, "chao_shen").value == pytest.approx(by_hand, rel=1e-13)
    assert entropy([1] * 5, "chao_shen").value > math.log(5)
    assert "ceiling" not in entropy([1] * 5, "chao_shen").diagnostics


def test_chao_shen_without_singletons_only_divides(engine):
    p = np.array([6, 4]) / 10
    by_hand = -(p * np.log(p) / (1 - (1 - p) ** 10)).sum()
    assert entropy([6, 4], "chao_shen").value == pytest.approx(by_hand, rel=1e-14)


# ---- shrinkage ----------------------------------------------------------------------------


def test_shrinkage_by_hand(engine):
    # p = .9, .1 of n = 10: weight (1 - .82) / (9 * .32) = 1/16, p = 14/16 + ... of 1/2
    first = 1 / 32 + 15 / 16 * 0.9
    by_hand = -first * math.log(first) - (1 - first) * math.log(1 - first)
    found = entropy([9, 1], "shrinkage")
    assert found.value == pytest.approx(by_hand, rel=1e-14)
    assert found.to("bits").value == pytest.approx(by_hand / LN2, rel=1e-14)


def test_shrinkage_towards_a_known_alphabet_by_hand(engine):
    # p = .9, .1, 0, 0: weight .18 / (9 * (.65^2 + .15^2 + 2 * .25^2)) = .18 / 5.13
    weight = 0.18 / (9 * (0.65**2 + 0.15**2 + 2 * 0.25**2))
    p = weight / 4 + (1 - weight) * np.array([0.9, 0.1, 0, 0])
    assert entropy([9, 1], "shrinkage", outcomes=4).value == pytest.approx(
        -(p * np.log(p)).sum(), rel=1e-14
    )


@pytest.mark.parametrize(("counts", "outcomes"), [([1], 7), ([1, 1, 1], 9), ([4, 4], None)])
def test_shrinkage_is_uniform_where_nothing_speaks_against_it(counts, outcomes):
    found = entropy(counts, "shrinkage", outcomes=outcomes)
    assert found.value == pytest.approx(math.log(outcomes or len(counts)), rel=1e-14)


@given(counts=tables)
def test_shrinkage_lies_between_the_frequencies_and_uniform(counts):
    value = entropy(counts, "shrinkage").value
    assert entropy(counts, "plugin").value - 1e-12 <= value <= math.log(len(counts)) + 1e-12


# ---- the Bayesian mixture -----------------------------------------------------------------


def _by_mpmath(counts, outcomes):
    """Mean and deviation of the posterior, each by its definition in 30 digits."""
    counts = [*counts, *([0] * (outcomes - len(counts)))]
    n, m = sum(counts), len(counts)
    psi, gamma = mpmath.digamma, mpmath.gamma

    def density(beta):
        evidence = gamma(m * beta) / gamma(n + m * beta)
        for c in counts:
            evidence *= gamma(c + beta) / gamma(beta)
        return evidence * (m * mpmath.psi(1, m * beta + 1) - mpmath.psi(1, beta + 1))

    def first(beta):
        total = n + m * beta
        return psi(total + 1) - sum((c + beta) / total * psi(c + beta + 1) for c in counts)

    def second(beta):
        u = [c + beta for c in counts]
        total = sum(u)
        top = psi(total + 2)
        found = mpmath.mpf(0)
        for i in range(m):
            for j in range(m):
                if i == j:
                    term = (psi(u[i] + 2) - top) ** 2 + mpmath.psi(1, u[i] + 2)
                    found += u[i] * (u[i] + 1) * (term - mpmath.psi(1, total + 2))
                else:
                    term = (psi(u[i] + 1) - top) * (psi(u[j] + 1) - top)
                    found += u[i] * u[j] * (term - mpmath.psi(1, total + 2))
        return found / (total * (total + 1))

    with mpmath.workdps(30):
        # Plain sums over ln beta: the integrands are smooth and vanish at both ends.
        sums = [mpmath.mpf(0)] * 3
        for step in range(-180, 180):
            beta = mpmath.exp(mpmath.mpf(step) / 4)
            weight = density(beta) * beta
            parts = (1, first(beta), second(beta))
            sums = [known + weight * part for known, part in zip(sums, parts, strict=True)]
        mean = sums[1] / sums[0]
        return float(mean), float(mpmath.sqrt(sums[2] / sums[0] - mean**2))


@pytest.mark.parametrize(
    ("counts", "outcomes"),
    [([3, 1], 2), ([3, 1], 4), ([1, 1, 1], 3), ([1, 1, 1], 4), ([7], 3), ([9, 5, 1], 4)],
)
def test_nsb_is_the_integral(counts, outcomes):
    mean, deviation = _by_mpmath(counts, outcomes)
    found = entropy(counts, "nsb", outcomes=outcomes)
    assert found.value == pytest.approx(mean, rel=1e-9)
    assert found.stderr == pytest.approx(deviation, rel=1e-7)
    assert found.to("bits").value == pytest.approx(mean / LN2, rel=1e-9)
    assert found.to("bits").stderr == pytest.approx(deviation / LN2, rel=1e-7)


@pytest.mark.parametrize(
    ("counts", "outcomes"),
    [
        ([10**6, 3 * 10**5], None),
        ([50] * 100, None),
        ([1] * 30, 10**6),
        ([10**5], 10**5),
        (list(range(1, 60)), 100),
    ],
)
def test_nsb_is_the_integral_on_a_dense_grid(counts, outcomes):
    """A grid of thousands of steps per decade: slow and without any search for the peak."""
    counted = discrete_unseen._with_unseen(fingerprint(np.array(counts)), outcomes)
    t = np.linspace(-40, 40, 200_001)
    weights = np.concatenate(
        [discrete_unseen._log_posterior(counted, block) for block in np.array_split(t, 100)]
    )
    weights = np.exp(weights - weights.max())
    means = np.concatenate(
        [discrete_unseen._mean(counted, np.exp(b)[:, None]) for b in np.array_split(t, 100)]
    )
    expected = (weights * means).sum() / weights.sum()
    assert entropy(counts, "nsb", outcomes=outcomes).value == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("z", [0.01, 3.0, 500.0, 999.0, 1001.0, 1e6, 1e20])
@pytest.mark.parametrize("k", [0, 1, 40, 10**6])
def test_gamma_ratios_of_any_size(z, k):
    with mpmath.workdps(60):
        expected = float(mpmath.loggamma(mpmath.mpf(z) + k) - mpmath.loggamma(mpmath.mpf(z)))
    found = discrete_unseen._log_rising(np.array(z), np.array(k))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-10)


@pytest.mark.parametrize("beta", [1e-9, 1.0, 999.0, 1001.0, 1e8, 1e25])
@pytest.mark.parametrize("outcomes", [2, 30, 10**6])
def test_the_prior_of_any_size(beta, outcomes):
    with mpmath.workdps(80):
        b = mpmath.mpf(beta)
        expected = float(outcomes * mpmath.psi(1, outcomes * b + 1) - mpmath.psi(1, b + 1))
    found = discrete_unseen._entropy_slope(np.array(beta), outcomes)
    assert found == pytest.approx(expected, rel=1e-8)


def test_nsb_of_one_sample_is_the_middle_of_all_entropies():
    # a prior flat in entropy, and one sample that says nothing but that something was seen
    assert entropy([1], "nsb", outcomes=2).value == pytest.approx(LN2 / 2, rel=1e-9)
    assert entropy([1], "nsb", outcomes=50).value == pytest.approx(math.log(50) / 2, rel=1e-9)


def test_nsb_of_one_possible_outcome_is_zero():
    found = entropy([9], "nsb")
    assert (found.value, found.stderr) == (0.0, 0.0)
    assert entropy([9], "nsb", outcomes=2).value > 0


def test_nsb_of_huge_samples_is_the_plugin_value():
    counts = np.array([5, 3, 2]) * 10**6
    found, plain = entropy(counts, "nsb"), entropy(counts, "plugin")
    assert found.value == pytest.approx(plain.value, abs=1e-6)
    assert found.stderr == pytest.approx(plain.stderr, rel=1e-3)


@given(counts=tables, unseen=st.integers(0, 30))
def test_nsb_is_a_possible_entropy(counts, unseen):
    outcomes = len(counts) + unseen
    found = entropy(counts, "nsb", outcomes=outcomes)
    assert 0 <= found.value <= math.log(outcomes) + 1e-12
    assert 0 <= found.stderr <= math.log(outcomes) / 2 + 1e-12


def test_nsb_finds_what_few_samples_hide():
    # Zipf's law over 1000 outcomes and 300 samples: the plug-in form misses far more
    p = 1 / np.arange(1, 1001)
    p /= p.sum()
    exact = -(p * np.log(p)).sum()
    rng = np.random.default_rng(5)
    codes = [rng.choice(1000, 300, p=p) for _ in range(20)]
    plain = np.mean([it.entropy(x, method="plugin").value for x in codes])
    found = np.mean([it.entropy(x, method="nsb", outcomes=1000).value for x in codes])
    assert exact - plain > 0.8
    assert abs(found - exact) < 0.35  # its prior knows no law with so long a tail


# ---- exact expectations, over every sample ------------------------------------------------


def _expected(method, p, n, **options):
    """The mean of the estimator over all sequences of n outcomes."""
    estimate = it.measure(f"entropy:{method}", **options)
    sequences = itertools.product(range(len(p)), repeat=n)
    return math.fsum(
        math.prod(p[i] for i in sequence) * estimate(list(sequence)).value for sequence in sequences
    )


def _mean_over_tables(value, p, n):
    """The mean of a function of the counts, by their multinomial law."""
    law = stats.multinomial(n, p)
    tables = (c for c in itertools.product(range(n + 1), repeat=len(p)) if sum(c) == n)
    return math.fsum(law.pmf(counts) * value(counts) for counts in tables)


def _shrunk(counts):
    n, m = sum(counts), len(counts)
    p = [Fraction(c, n) for c in counts]
    target = Fraction(1, m)
    distance = (n - 1) * sum((target - each) ** 2 for each in p)
    weight = min(1, (1 - sum(each**2 for each in p)) / distance) if distance else 1
    shrunk = [float(weight * target + (1 - weight) * each) for each in p]
    return -sum(each * math.log(each) for each in shrunk if each > 0)


@pytest.mark.parametrize("p", [(1 / 3,) * 3, (0.7, 0.2, 0.1), (0.5, 0.5)])
def test_the_expectation_of_shrinkage(p):
    found = _expected("shrinkage", p, 5, outcomes=len(p))
    assert found == pytest.approx(_mean_over_tables(_shrunk, p, 5), abs=1e-12)
    # nearer to the truth than the frequencies where the law is uniform
    if min(p) == max(p):
        exact = math.log(len(p))
        assert abs(found - exact) < abs(_expected("plugin", p, 5) - exact)


def test_the_expectation_of_nsb():
    # n = 3 has three kinds of tables, whatever the names
    known = {kind: _by_mpmath(list(kind), 3)[0] for kind in [(3,), (2, 1), (1, 1, 1)]}

    def value(counts):
        return known[tuple(sorted((c for c in counts if c), reverse=True))]

    for p in ((1 / 3,) * 3, (0.7, 0.2, 0.1)):
        found = _expected("nsb", p, 3, outcomes=3)
        assert found == pytest.approx(_mean_over_tables(value, p, 3), rel=1e-9)


@pytest.mark.parametrize(("outcomes", "n"), [(2, 5), (3, 4), (4, 3)])
def test_nsb_is_unbiased_over_its_own_prior(outcomes, n):
    # A posterior mean averages to the prior mean, which is ln K / 2: the prior is flat in entropy.
    t = np.linspace(-30, 30, 1201)
    beta = np.exp(t)
    prior = outcomes * polygamma(1, outcomes * beta + 1) - polygamma(1, beta + 1)
    prior = prior * beta * (t[1] - t[0]) / math.log(outcomes)
    assert prior.sum() == pytest.approx(1, abs=1e-9)

    def rising(z, k):
        return np.prod([z + i for i in range(k)], axis=0) if k else np.ones_like(z)

    mean = 0.0
    for counts in itertools.product(range(n + 1), repeat=outcomes):
        if sum(counts) == n:
            ways = math.factorial(n) / math.prod(map(math.factorial, counts))
            seen = np.prod([rising(beta, c) for c in counts], axis=0)
            chance = ways * (prior * seen / rising(outcomes * beta, n)).sum()
            mean += chance * entropy(counts, "nsb", outcomes=outcomes).value
    assert mean == pytest.approx(math.log(outcomes) / 2, rel=1e-8)


@pytest.mark.parametrize("p", [(0.25,) * 4, (0.7, 0.2, 0.1), (0.5, 0.5)])
def test_the_expectation_of_renyi(p):
    n, p = 5, np.array(p)

    def mean(order, of):
        estimate = it.measure("entropy:renyi", order=order)
        return _mean_over_tables(lambda c: of(estimate(np.repeat(range(len(c)), c)).value), p, n)

    # The moments of binomial counts are known: of their number, squares and cubes.
    assert mean(0, math.exp) == pytest.approx((1 - (1 - p) ** n).sum(), rel=1e-12)
    squares = (n * p + n * (n - 1) * p**2).sum() / n**2
    assert mean(2, lambda h: math.exp(-h)) == pytest.approx(squares, rel=1e-12)
    cubes = (n * p + 3 * n * (n - 1) * p**2 + n * (n - 1) * (n - 2) * p**3).sum() / n**3
    assert mean(3, lambda h: math.exp(-2 * h)) == pytest.approx(cubes, rel=1e-12)
    by_definition = _mean_over_tables(lambda c: -math.log(sum((k / n) ** 2 for k in c)), p, n)
    assert _expected("renyi", tuple(p), n) == pytest.approx(by_definition, rel=1e-12)


# ---- the alphabet -------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["nsb", "shrinkage"])
def test_an_alphabet_holds_what_was_seen(method):
    with pytest.raises(ValueError, match=r"outcomes must be at least the 3 distinct .* got 2"):
        entropy([2, 1, 1], method, outcomes=2)
    for bad in (2.0, "4", True):
        with pytest.raises(TypeError, match="outcomes must be an integer"):
            entropy([2, 1, 1], method, outcomes=bad)
    seen, given_too = (entropy([5, 2, 1], method, outcomes=m) for m in (None, 3))
    assert (seen.value, seen.stderr) == (given_too.value, given_too.stderr)
    assert entropy([5, 2, 1], method, outcomes=10).value > seen.value


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("power", [15, 16, 19, 30, 100])
def test_alphabets_without_end(power):
    x = [0, 0, 1, 1, 1, 2, 2, 0, 1, 2, 3, 3]
    found = it.entropy(x, method="nsb", outcomes=10**power)
    # of few outcomes that are seen again and again the entropy has a limit
    near = it.entropy(x, method="nsb", outcomes=10**12)
    assert found.value == pytest.approx(near.value, rel=1e-9)
    assert found.stderr == pytest.approx(near.stderr, rel=1e-9)
    drawn_to = it.entropy([0, 1], method="shrinkage", outcomes=10**power)
    assert drawn_to.value == pytest.approx(power * math.log(10), rel=1e-12)


@pytest.mark.parametrize("method", ["nsb", "shrinkage"])
def test_an_alphabet_no_float_can_count_is_refused(method):
    with pytest.raises(ValueError, match=r"outcomes must be at most 10\*\*100"):
        it.entropy([0, 1, 1], method=method, outcomes=10**400)
