"""Intervals that cover, and p-values that are uniform when there is nothing to find."""

import math
import pickle
import warnings

import numpy as np
import pytest

import infotheory as it
from infotheory import pairs, truth, uncertainty


def _pair(rng, n, correlation):
    x, noise = rng.standard_normal((2, n))
    return x, correlation * x + (1 - correlation**2) ** 0.5 * noise


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    exact = truth.correlated_normals(0.6).value
    covered = 0
    for _ in range(100):
        found = it.confidence_interval(
            "mutual_information:gaussian", *_pair(rng, 400, 0.6), level=0.8, rng=1
        )
        covered += found.low <= exact <= found.high
    assert 70 <= covered <= 90  # 2.5 standard deviations of a binomial with p = .8


def test_the_width_is_that_of_the_standard_error():
    x, y = _pair(np.random.default_rng(1), 2000, 0.6)
    found = it.confidence_interval("mutual_information:gaussian", x, y, subsamples=500)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * found.estimate.stderr, rel=0.15)
    assert found.low < found.estimate < found.high


def test_an_interval_in_bits_by_hand():
    x, y = _pair(np.random.default_rng(1), 100, 0.6)
    found = it.confidence_interval("mutual_information:gaussian", x, y)
    assert found.to("bits").low == pytest.approx(found.low / np.log(2), rel=1e-15)
    assert found.to("bits").estimate.unit == "bits"


def test_p_is_uniform_under_independence_and_small_under_dependence():
    rng = np.random.default_rng(2)
    p = []
    for _ in range(150):
        pair = _pair(rng, 40, 0.0)
        p.append(it.permutation_test("mutual_information:gaussian", *pair, permutations=39).p)
    # The largest distance to the uniform law; 1.63 / sqrt(150) is its 99 % point, and p has steps
    # of 1/40.
    distance = np.abs(np.sort(p) - np.arange(1, 151) / 150).max()
    assert distance < 1.63 / 150**0.5 + 1 / 40
    dependent = it.permutation_test("mutual_information:ksg", *_pair(rng, 200, 0.9))
    assert dependent.p == 1 / 1000


def test_p_counts_by_hand():
    # Four pairs; the estimate is the largest possible, which the identity and the swap of labels
    # reach as well, so that b is the number of draws among them.
    x = y = np.array([0, 0, 1, 1])
    found = it.permutation_test("mutual_information:plugin", x, y, permutations=50, rng=3)
    reached = (found.null >= found.estimate.value).sum()
    assert found.p == (reached + 1) / 51
    assert 0 < reached < 50


def test_chance_is_the_callers_and_jobs_change_nothing():
    x, y = _pair(np.random.default_rng(3), 60, 0.3)
    measure = it.measure("mutual_information:ksg", k=5)
    first = it.permutation_test(measure, x, y, permutations=10, rng=5)
    second = it.permutation_test(measure, x, y, permutations=10, rng=5, n_jobs=2)
    third = it.permutation_test(measure, x, y, permutations=10, rng=6)
    assert np.array_equal(first.null, second.null)
    assert not np.array_equal(first.null, third.null)


def test_bad_arguments_are_named():
    x, y = _pair(np.random.default_rng(3), 60, 0.3)
    with pytest.raises(ValueError, match="level must be below 1"):
        it.confidence_interval("mutual_information:ksg", x, y, level=1)
    with pytest.raises(ValueError, match="at least 20 samples; got n=10"):
        it.confidence_interval("mutual_information:ksg", x[:10], y[:10])
    with pytest.raises(ValueError, match="permutations must be at least 1"):
        it.permutation_test("mutual_information:ksg", x, y, permutations=0)
    with pytest.raises(ValueError, match="y must be finite"):
        it.permutation_test("mutual_information:ksg", x, y * np.nan)


def test_samples_that_are_not_paired_are_dealt_anew():
    rng = np.random.default_rng(4)
    p = []
    for _ in range(60):
        x, y = rng.standard_normal((30, 2)), rng.standard_normal((20, 2))
        test = it.permutation_test("divergence:mmd", x, y, permutations=19, rng=1)
        assert len(np.unique(test.null)) > 15  # a pairing of y with x would change nothing
        p.append(test.p)
    distance = np.abs(np.sort(p) - np.arange(1, 61) / 60).max()
    assert distance < 1.63 / 60**0.5 + 1 / 20
    apart = it.permutation_test("divergence:mmd", x, y + 2, permutations=99)
    assert apart.p == 1 / 100
    by_tensor = it.permutation_test(
        it.measure("divergence:mmd"), x.tolist(), y + 2, permutations=99
    )
    assert (by_tensor.null == apart.null).all()


def test_an_interval_of_samples_that_are_not_paired():
    rng = np.random.default_rng(5)
    exact = truth.divergent_normals("kl", 0.0, 1.0, 0.7, 1.69).value
    covered = 0
    for _ in range(40):
        x, y = rng.standard_normal(400), 0.7 + 1.3 * rng.standard_normal(500)
        key = it.measure("divergence:kl", k=5)
        found = it.confidence_interval(key, x, y, level=0.8, subsamples=40, rng=1)
        covered += found.low <= exact <= found.high
    assert 24 <= covered <= 39  # 3 standard deviations of a binomial with p = .8
    pure = it.confidence_interval("divergence:mmd", x, y, subsamples=20)
    assert pure.to("").low == pure.low
    with pytest.raises(ValueError, match=r"at least 20 samples; got n=7"):
        it.confidence_interval("divergence:mmd", x, y[:7])


def test_a_measure_of_other_than_two_variables_is_named():
    x, y = _pair(np.random.default_rng(3), 60, 0.3)
    with pytest.raises(
        ValueError, match=r"needs an estimator of two variables; entropy:knn takes 1 array \(x\)"
    ):
        it.permutation_test("entropy:knn", x, y)
    with pytest.raises(ValueError, match=r"two variables; .*:ksg takes 3 arrays \(x, y, z\)"):
        it.permutation_test("conditional_mutual_information:ksg", x, y)
    with pytest.raises(TypeError, match=r"information:ksg takes 2 arrays \(x, y\); got 1\."):
        it.confidence_interval("mutual_information:ksg", x)
    with pytest.raises(TypeError, match=r"total_correlation:ksg takes 2 arrays or more; got 1\."):
        it.confidence_interval("total_correlation:ksg", x)
    assert it.permutation_test("total_correlation:gaussian", x, y, permutations=9).p <= 1


def test_an_infinite_estimate_has_no_finite_interval():
    x, _ = _pair(np.random.default_rng(3), 60, 0.3)
    key = "mutual_information:gaussian"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = it.confidence_interval(key, x, 2 * x)
    assert [each.category for each in said] == [it.InfotheoryWarning] * 2
    assert "200 of 200 halves of the samples" in str(said[1].message)
    assert said[1].filename == __file__
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert (found.estimate.value, found.estimate.stderr) == (math.inf, None)
    assert (found.to("bits").low, found.to("bits").high) == (-math.inf, math.inf)
    assert "[-inf, inf]" in str(found)


def test_infinite_halves_leave_no_interval_of_a_finite_estimate():
    # A single sample keeps the two variables apart, and about half of the halves lack it.
    x, y = _pair(np.random.default_rng(3), 60, 0.3)
    almost = np.where(np.arange(60) == 7, y, x)
    with pytest.warns(it.InfotheoryWarning, match=r"[12]\d of 50 halves .* is \(-inf, inf\)"):
        found = it.confidence_interval("mutual_information:gaussian", x, almost, subsamples=50)
    assert math.isfinite(found.estimate.value)
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_an_infinite_estimate_is_larger_than_any_finite_one():
    x, _ = _pair(np.random.default_rng(3), 60, 0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", it.InfotheoryWarning)
        found = it.permutation_test("mutual_information:gaussian", x, x, permutations=19)
    assert found.p == 1 / 20
    assert str(found).startswith("inf nats")
    constant = it.PermutationTest(found.estimate, np.array([math.inf, 0.1]), 2 / 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "null inf" in str(constant)


@pytest.mark.parametrize("key", ["mutual_information:gaussian", "divergence:mmd"])
def test_what_is_repeated_can_be_sent_to_any_process(key, monkeypatch):
    # By plain pickle, as the processes of multiprocessing get it: it knows no closures.
    x, y = _pair(np.random.default_rng(3), 40, 0.3)

    def ask():
        test = it.permutation_test(key, x, y, permutations=6)
        interval = it.confidence_interval(key, x, y, subsamples=20)
        matrix = it.pairwise(np.column_stack([x, y]), method="gaussian")
        return *test.null, interval.low, interval.high, matrix.values[0, 1]

    def sent(one, over, n_jobs):
        return [
            part(each) for part, each in map(pickle.loads, [pickle.dumps((one, e)) for e in over])
        ]

    expected = ask()
    monkeypatch.setattr(uncertainty, "repeated", sent)
    monkeypatch.setattr(pairs, "repeated", sent)
    assert ask() == expected


@pytest.mark.parametrize("method", ["gaussian", "kde", "ksg", "cauchy_schwarz"])
def test_pairings_equal_but_for_rounding_are_as_extreme_as_the_estimate(method):
    # two columns of two values: the number of ones in common is all there is to an estimate
    x, y = np.repeat([0, 1], 7), np.array([0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", it.InfotheoryWarning)
        for _ in range(4):
            found = it.permutation_test(
                f"mutual_information:{method}", x, y, permutations=199, n_jobs=1
            )
            reached = int((found.null > found.estimate.value - 1e-10).sum())
            assert found.p == (1 + reached) / 200
            x, y = np.roll(x, 3), np.roll(y, 5)
