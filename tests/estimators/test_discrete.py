"""Counts: by hand in two units, exact expectations, and the laws of information."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

import infotheory as it

LN2 = math.log(2)
METHODS = ("plugin", "miller_madow", "grassberger", "jackknife", "chao_shen", "shrinkage", "nsb")
#: Methods whose bias at every n is in BIASES.
COUNTED = ("plugin", "miller_madow", "grassberger")

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")

labels = arrays(np.int64, st.integers(1, 40), elements=st.integers(-3, 3))
pairs = st.integers(1, 40).flatmap(
    lambda n: st.tuples(*[arrays(np.int64, n, elements=st.integers(0, 3))] * 2)
)
triples = st.integers(1, 40).flatmap(
    lambda n: st.tuples(*[arrays(np.int64, n, elements=st.integers(0, 2))] * 3)
)


def entropy(x, method="plugin"):
    return it.entropy(x, method=method).value


def information(x, y, method="plugin"):
    return it.mutual_information(x, y, method=method).value


# ---- by hand ------------------------------------------------------------------------------


def test_plugin_by_hand(engine):
    # counts 3 and 1 of 4: H = 3/4 ln(4/3) + 1/4 ln 4 = 0.811 bits
    found = it.entropy([0, 0, 0, 1], method="plugin")
    assert found.value == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4), rel=1e-15)
    assert found.to("bits").value == pytest.approx(2 - 0.75 * math.log2(3), rel=1e-15)
    # surprises ln(4/3), ln 4 with weights 3/4, 1/4 have variance 3/16 (ln 3)^2; over n = 4
    assert found.stderr == pytest.approx(math.sqrt(3 / 16 / 4) * math.log(3), rel=1e-14)
    assert found.diagnostics["outcomes"] == 2
    assert found.diagnostics["ceiling"] == pytest.approx(math.log(4))
    assert found.to("bits").diagnostics["ceiling"] == pytest.approx(2)


def test_miller_madow_by_hand(engine):
    # the plug-in value plus (2 - 1) / (2 * 4)
    by_hand = 0.75 * math.log(4 / 3) + 0.25 * math.log(4) + 1 / 8
    assert entropy([0, 0, 0, 1], "miller_madow") == pytest.approx(by_hand, rel=1e-15)
    in_bits = it.entropy([0, 0, 0, 1], method="miller_madow").to("bits").value
    assert in_bits == pytest.approx(by_hand / LN2, rel=1e-15)


def test_grassberger_by_hand(engine):
    # psi(1) = -g, psi(1/2) = -g - 2 ln 2, psi(3/2) = 2 - g - 2 ln 2, psi(2) = 1 - g:
    # G(1) = psi(1) - (psi(1) - psi(1/2)) / 2 = -g - ln 2
    # G(3) = psi(3) - (psi(2) - psi(3/2)) / 2 = (3/2 - g) - (2 ln 2 - 1) / 2 = 2 - g - ln 2
    # psi(4) = 11/6 - g; H = 11/6 - g - (3 (2 - g - ln 2) + (-g - ln 2)) / 4 = 1/3 + ln 2
    found = it.entropy([0, 0, 0, 1], method="grassberger")
    assert found.value == pytest.approx(1 / 3 + LN2, rel=1e-14)
    assert found.to("bits").value == pytest.approx(1 + 1 / (3 * LN2), rel=1e-14)
    # G(2) = psi(2) + (psi(3/2) - psi(1)) / 2 = 2 - g - ln 2: counts 2, 2 give 11/6 - 2 + ln 2
    assert entropy([0, 0, 1, 1], "grassberger") == pytest.approx(LN2 - 1 / 6, rel=1e-14)


def test_jackknife_by_hand(engine):
    # without an a: counts 2, 1 of 3; without the b: sure. 4 H - 3/4 (3 H(2, 1) + 0)
    whole = 0.75 * math.log(4 / 3) + 0.25 * math.log(4)
    less = 2 / 3 * math.log(3 / 2) + 1 / 3 * math.log(3)
    found = it.entropy([0, 0, 0, 1], method="jackknife")
    assert found.value == pytest.approx(4 * whole - 9 / 4 * less, rel=1e-14)
    assert found.to("bits").value == pytest.approx((4 * whole - 9 / 4 * less) / LN2, rel=1e-14)
    # leaving out: less, less, less, 0, of mean 3/4 less; 3/4 sum of squares = 9/16 less^2
    assert found.stderr == pytest.approx(3 / 4 * less, rel=1e-13)
    single = it.entropy([7], method="jackknife")
    assert (single.value, single.stderr) == (0.0, None)


@given(x=labels.filter(lambda x: len(x) > 1))
def test_jackknife_by_leaving_out(x):
    n = len(x)
    without = np.array([entropy(np.delete(x, i)) for i in range(n)])
    found = it.entropy(x, method="jackknife")
    assert found.value == pytest.approx(n * entropy(x) - (n - 1) * without.mean(), abs=1e-11)
    by_definition = math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    assert found.stderr == pytest.approx(by_definition, abs=1e-12)


def test_jackknife_of_huge_counts_does_not_cancel():
    # with two fair outcomes the bias of first order, 1/2n, is all that is added
    x = np.repeat([0, 1], 2_000_000)
    found = it.entropy(x, method="jackknife").value
    assert found - LN2 == pytest.approx(1 / (2 * len(x)), rel=1e-4)


def test_information_by_hand(engine):
    # joint counts 2, 1, 1 of 4, margins 3, 1 and 3, 1
    x, y = [0, 0, 0, 1], [0, 0, 1, 0]
    margin = 0.75 * math.log(4 / 3) + 0.25 * math.log(4)
    by_hand = 2 * margin - 1.5 * LN2
    found = it.mutual_information(x, y, method="plugin")
    assert found.value == pytest.approx(by_hand, rel=1e-14)
    assert found.to("bits").value == pytest.approx(by_hand / LN2, rel=1e-14)
    # ln of 8/9, 4/3, 4/3 with weights 1/2, 1/4, 1/4 has deviation ln(3/2) / 2; over sqrt(4)
    assert found.stderr == pytest.approx(math.log(1.5) / 4, rel=1e-13)
    assert found.diagnostics["outcomes"] == (2, 2, 3)
    assert found.diagnostics["ceiling"] == pytest.approx(margin)
    corrected = by_hand + 1 / 8 + 1 / 8 - 2 / 8
    assert information(x, y, "miller_madow") == pytest.approx(corrected, rel=1e-14)


def test_rows_are_symbols(engine):
    rows = [[0, 0], [0, 1], [0, 0], [1, 0]]
    assert entropy(rows) == pytest.approx(1.5 * LN2)
    assert entropy(np.array(rows) * [2**40, -5]) == entropy(rows)
    assert information(rows, rows) == pytest.approx(1.5 * LN2)


def test_words(engine):
    assert entropy(["yes", "no", "yes", "yes"]) == entropy([0, 1, 0, 0])
    assert information(["a", "b"] * 4, [3, 5] * 4) == pytest.approx(LN2)


# ---- exact expectations, over every sample ------------------------------------------------

#: p, n, and the bias in nats of each method: specs/truth.md section 2, to its digits.
BIASES = [
    ((0.5, 0.5), 10, {"plugin": -0.053027, "miller_madow": -0.003124, "grassberger": 0.0}),
    ((0.25,) * 4, 20, {"plugin": -0.079035, "miller_madow": -0.004352, "grassberger": -9e-8}),
    ((0.7, 0.2, 0.1), 15, {"plugin": -0.075316, "miller_madow": -0.016686, "grassberger": -98e-5}),
]


@pytest.mark.parametrize("method", COUNTED)
@pytest.mark.parametrize(("p", "n", "biases"), BIASES)
def test_bias_is_known_exactly(method, p, n, biases):
    estimator = it.measure(f"entropy:{method}")
    expectation = 0.0
    law = stats.multinomial(n, p)
    for cuts in itertools.combinations(range(n + len(p) - 1), len(p) - 1):
        counts = np.diff((-1, *cuts, n + len(p) - 1)) - 1
        expectation += law.pmf(counts) * estimator(np.repeat(np.arange(len(p)), counts)).value
    tolerance = 1e-12 if biases[method] == 0 else 6e-7 if abs(biases[method]) > 1e-6 else 1e-8
    assert expectation - stats.entropy(p) == pytest.approx(biases[method], abs=tolerance)


# ---- laws ---------------------------------------------------------------------------------


@given(x=labels)
def test_entropy_is_between_zero_and_ln_m(engine, x):
    m = len(set(x.tolist()))
    value = entropy(x)
    assert -1e-15 <= value <= math.log(m) + 1e-12
    assert (value == 0) == (m == 1)
    assert entropy(x, "miller_madow") == pytest.approx(value + (m - 1) / (2 * len(x)), abs=1e-13)


@given(x=labels)
def test_entropy_is_that_of_scipy(engine, x):
    _, counts = np.unique(x, return_counts=True)
    assert entropy(x) == pytest.approx(stats.entropy(counts), abs=1e-13)


@pytest.mark.parametrize("method", METHODS)
@given(x=labels, factor=st.integers(-9, 9).filter(bool), shift=st.integers(-9, 9))
def test_names_do_not_matter(engine, method, x, factor, shift):
    plain = it.entropy(x, method=method)
    renamed = it.entropy(factor * x + shift, method=method)
    assert renamed.value == plain.value


@given(xy=pairs)
def test_chain_rule(engine, xy):
    x, y = xy
    conditional = sum((x == a).mean() * entropy(y[x == a]) for a in np.unique(x))
    joint = entropy(np.stack([x, y], axis=1))
    assert joint == pytest.approx(entropy(x) + conditional, abs=1e-12)
    assert information(x, y) == pytest.approx(entropy(y) - conditional, abs=1e-12)


@given(xy=pairs)
def test_information_is_between_zero_and_the_smaller_entropy(engine, xy):
    x, y = xy
    value = information(x, y)
    assert -1e-12 <= value <= min(entropy(x), entropy(y)) + 1e-12


@pytest.mark.parametrize("method", METHODS)
@given(xy=pairs)
def test_information_is_symmetric(engine, method, xy):
    x, y = xy
    assert information(x, y, method) == information(y, x, method)


@given(x=labels)
def test_a_copy_holds_all_and_a_constant_nothing(engine, x):
    assert information(x, -x) == pytest.approx(entropy(x), abs=1e-12)
    constant = it.mutual_information(x, np.zeros(len(x), dtype=int), method="plugin")
    assert constant.value == pytest.approx(0, abs=1e-14)


@given(xyz=triples)
def test_processing_adds_nothing(engine, xyz):
    x, y, z = xyz
    rows = np.stack([y, z], axis=1)
    assert information(x, y) <= information(x, rows) + 1e-12
    assert information(x, y // 2) <= information(x, y) + 1e-12


@given(xy=pairs)
def test_a_constant_column_changes_nothing(engine, xy):
    x, y = xy
    wide = np.stack([x, np.full(len(x), 7)], axis=1)
    assert information(wide, y) == information(x, y)
    assert entropy(wide) == entropy(x)


def test_an_independent_pair_in_exact_proportion_has_none(engine):
    x, y = np.divmod(np.arange(6 * 7), 7)
    assert information(x, y) == pytest.approx(0, abs=1e-14)
    assert information(x, y, "miller_madow") < 0  # never clipped


def test_a_sure_outcome_is_exactly_zero(engine):
    for method in set(METHODS) - {"grassberger"}:
        found = it.entropy([5] * 30, method=method)
        assert (found.value, found.stderr) == (0.0, 0.0), method


def test_large_counts_do_not_overflow(engine):
    x = np.repeat([0, 0, 1, 1], [70_000, 60_000, 65_000, 75_000])
    y = np.repeat([0, 1, 0, 1], [70_000, 60_000, 65_000, 75_000])
    table = np.array([[70, 60], [65, 75]]) / 270
    by_hand = stats.entropy(table.ravel(), np.outer(table.sum(1), table.sum(0)).ravel())
    for dtype in (np.int8, np.int32, np.uint8):
        assert information(x.astype(dtype), y.astype(dtype)) == pytest.approx(by_hand, rel=1e-9)


# ---- ceilings -----------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_the_ceiling_is_said_aloud():
    rng = np.random.default_rng(0)
    with pytest.warns(it.InfotheoryWarning, match=r"x has 50 outcomes in 50 samples.*ceiling ln n"):
        found = it.entropy(np.arange(50), method="plugin")
    assert found.diagnostics["saturated"] is True
    assert found.value == pytest.approx(math.log(50))
    with pytest.warns(it.InfotheoryWarning, match=r"y has 50 outcomes in 50 samples"):
        found = it.mutual_information(rng.integers(2, size=50), np.arange(50), method="plugin")
    assert found.diagnostics["saturated"] is True


@pytest.mark.filterwarnings("error")
def test_no_ceiling_no_warning():
    x = np.arange(100) % 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for method in METHODS:
            assert it.entropy(x, method=method).diagnostics["saturated"] is False
            assert not it.mutual_information(x, x, method=method).diagnostics["saturated"]
        assert it.entropy([3], method="plugin").diagnostics["saturated"] is False


# ---- standard errors ----------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_the_standard_error_is_the_spread(method):
    p = np.array([0.6, 0.3, 0.1])
    rng = np.random.default_rng(0)
    found = [it.entropy(rng.choice(3, 300, p=p), method=method) for _ in range(300)]
    spread = np.std([float(each) for each in found])
    assert np.mean([each.stderr for each in found]) == pytest.approx(spread, rel=0.12)
