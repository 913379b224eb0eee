"""Information from counts: by hand in two units, the laws it keeps, and its single terms."""

from __future__ import annotations

import inspect
import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.special import digamma

import infotheory as it
from infotheory.estimators.discrete_information import FORMULAS

LN2 = math.log(2)
QUANTITIES = {
    "mutual_information": 2,
    "conditional_entropy": 2,
    "conditional_mutual_information": 3,
}

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")


def columns(count, most=3):
    return st.integers(1, 40).flatmap(
        lambda n: st.tuples(*[arrays(np.int64, n, elements=st.integers(0, most))] * count)
    )


def measured(quantity, *arrays, method="plugin", **options):
    return it.measure(f"{quantity}:{method}", **options)(*arrays).value


def entropy(*arrays, method="plugin"):
    return measured("entropy", np.stack(arrays, axis=1), method=method)


# ---- by hand ------------------------------------------------------------------------------


def test_conditional_entropy_by_hand(engine):
    # given y = 0 the two x are 0 and 1, given y = 1 both are 1: 1/2 ln 2
    x, y = [0, 1, 1, 1], [0, 0, 1, 1]
    found = it.conditional_entropy(x, y, method="plugin")
    assert found.value == pytest.approx(LN2 / 2, rel=1e-14)
    assert found.to("bits").value == pytest.approx(0.5, rel=1e-14)
    # terms ln 2, ln 2, 0, 0 deviate by ln 2 / 2; over sqrt(4)
    assert found.stderr == pytest.approx(LN2 / 4, rel=1e-13)
    assert found.diagnostics["outcomes"] == (2, 2, 3)
    assert found.diagnostics["ceiling"] == pytest.approx(math.log(4) - 0.75 * math.log(3))
    # (3 - 1) / 8 - (2 - 1) / 8 more
    corrected = it.conditional_entropy(x, y, method="miller_madow").value
    assert corrected == pytest.approx(LN2 / 2 + 1 / 8, rel=1e-14)


def test_exclusive_or_by_hand(engine):
    x, y = np.divmod(np.arange(4), 2)
    found = it.conditional_mutual_information(x, y, x ^ y, method="plugin")
    assert found.value == pytest.approx(LN2, rel=1e-14)
    assert found.to("bits").value == pytest.approx(1, rel=1e-14)
    assert found.stderr == pytest.approx(0, abs=1e-15)
    assert found.diagnostics["outcomes"] == (4, 4, 2, 4)
    assert found.diagnostics["ceiling"] == pytest.approx(LN2)
    assert it.mutual_information(x, y, method="plugin").value == pytest.approx(0, abs=1e-15)
    # Miller-Madow: (4 - 1) + (4 - 1) - (4 - 1) - (2 - 1) = 2 of 2n = 8
    by_hand = LN2 + 2 / 8
    found = it.conditional_mutual_information(x, y, x ^ y, method="miller_madow")
    assert found.value == pytest.approx(by_hand, rel=1e-14)


def test_total_correlation_by_hand(engine):
    # a bit, its copy, and a second bit: 3 bits apart, 2 together
    x, y = np.divmod(np.arange(8) % 4, 2)
    found = it.total_correlation([x, x, y], method="plugin")
    assert found.value == pytest.approx(LN2, rel=1e-14)
    assert found.to("bits").value == pytest.approx(1, rel=1e-14)
    assert found.diagnostics["outcomes"] == (2, 2, 2, 4)
    assert found.diagnostics["ceiling"] == pytest.approx(2 * LN2)
    # three bits with their sum even share one bit all together
    assert measured("total_correlation", x, y, x ^ y) == pytest.approx(LN2, rel=1e-14)


# ---- exact expectations, over every sample ------------------------------------------------


def _tables(cells, n):
    """All ways to put n samples into cells."""
    for cuts in itertools.combinations(range(n + cells - 1), cells - 1):
        yield np.diff((-1, *cuts, n + cells - 1)) - 1


def _expected_entropy(p, n, method):
    """The mean of an entropy over all samples, from the binomial law of each count alone.

    A variable of which one outcome is seen counts as a constant, of entropy 0.
    """
    p = p[p > 0]
    k = np.arange(1, n + 1)
    law = stats.binom.pmf(k, n, p[:, None])
    if method == "grassberger":
        terms = k / n * (digamma(n) - _grassberger_sums(k))
    else:
        terms = -k / n * np.log(k / n)
    value = (law * terms).sum()
    if method == "miller_madow":
        value += ((1 - (1 - p) ** n).sum() - 1) / (2 * n)
    return value - (p**n).sum() * terms[-1]


def _grassberger_sums(k):
    """G(k) = -gamma - ln 2 + 2/1 + 2/3 + 2/5 ..., as many terms as there are pairs in k."""
    start = -np.euler_gamma - LN2
    return np.array([start + sum(2 / (2 * j + 1) for j in range(each // 2)) for each in k])


@pytest.mark.parametrize("method", ["plugin", "miller_madow", "grassberger"])
@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("skew", [0.0, 1.0])
def test_the_expectation_is_known_exactly(quantity, method, skew):
    shape, n = ((2, 3), 6) if QUANTITIES[quantity] == 2 else ((2, 2, 2), 4)
    joint = np.random.default_rng(1).dirichlet(np.ones(math.prod(shape))) * skew
    joint = (joint + (1 - skew) / joint.size).reshape(shape)
    law = stats.multinomial(n, joint.ravel())
    cells = [codes.ravel() for codes in np.indices(shape)]
    estimate = it.measure(f"{quantity}:{method}")
    found = sum(
        law.pmf(counts) * estimate(*(np.repeat(codes, counts) for codes in cells)).value
        for counts in _tables(joint.size, n)
    )

    def h(*summed):
        return _expected_entropy(joint.sum(axis=summed).ravel(), n, method)

    expected = {
        "mutual_information": lambda: h(1) + h(0) - h(),
        "conditional_entropy": lambda: h() - h(0),
        "conditional_mutual_information": lambda: h(1) + h(0) - h() - h(0, 1),
    }[quantity]()
    assert found == pytest.approx(expected, abs=1e-12)


@given(xyz=columns(2, most=5), share=st.floats(0.05, 0.95))
def test_entropy_is_concave_under_mixing(xyz, share):
    first, second = xyz
    cut = max(1, round(share * len(first)))
    first = first[:cut]
    sizes = np.array([len(first), len(second)])
    weights = sizes / sizes.sum()
    mixed = measured("entropy", np.concatenate([first, second]))
    apart = weights @ [measured("entropy", first), measured("entropy", second)]
    # and what mixing adds is at most the entropy of which part a sample is of
    assert apart - 1e-12 <= mixed <= apart - weights @ np.log(weights) + 1e-12


# ---- laws ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", FORMULAS)
@given(xyz=columns(3))
def test_every_quantity_is_its_sum_of_entropies(engine, method, xyz):
    x, y, z = xyz

    def h(*parts):  # a constant tells nothing, also where a formula gives it +-1/2n
        constant = all(len(np.unique(part)) == 1 for part in parts)
        return 0.0 if constant else entropy(*parts, method=method)

    near = {"abs": 1e-9}
    shared = measured("mutual_information", x, y, method=method)
    assert shared == pytest.approx(h(x) + h(y) - h(x, y), **near)
    assert measured("conditional_entropy", x, y, method=method) == pytest.approx(
        h(x, y) - h(y), **near
    )
    given_z = measured("conditional_mutual_information", x, y, z, method=method)
    assert given_z == pytest.approx(h(x, z) + h(y, z) - h(x, y, z) - h(z), **near)
    # and symmetric to the bit
    assert measured("mutual_information", y, x, method=method) == shared
    assert measured("conditional_mutual_information", y, x, z, method=method) == given_z


@pytest.mark.parametrize("method", [*FORMULAS])
@given(xyz=columns(3), seed=st.integers(0, 99))
def test_names_and_order_of_samples_change_no_bit(method, xyz, seed):
    arranged = np.random.default_rng(seed).permutation(len(xyz[0]))
    again = [11 - 4 * a[arranged] for a in xyz]
    assert entropy(xyz[0], method=method) == entropy(again[0], method=method)
    for quantity, count in QUANTITIES.items():
        found = measured(quantity, *xyz[:count], method=method)
        assert measured(quantity, *again[:count], method=method) == found


@given(xyz=columns(3))
def test_bounds_and_chain_rules(engine, xyz):
    x, y, z = xyz
    left = measured("conditional_entropy", x, y)
    assert -1e-12 <= left <= entropy(x) + 1e-12
    assert entropy(y) + left == pytest.approx(entropy(x, y), abs=1e-12)
    given_z = measured("conditional_mutual_information", x, y, z)
    assert -1e-12 <= given_z <= measured("conditional_entropy", x, z) + 1e-12
    rows = np.stack([y, z], axis=1)
    both = measured("mutual_information", x, rows)
    assert both == pytest.approx(measured("mutual_information", x, z) + given_z, abs=1e-12)
    together = measured("total_correlation", x, y, z)
    parts = measured("mutual_information", y, z) + both
    assert together == pytest.approx(parts, abs=1e-12)
    for order in itertools.permutations(xyz):
        assert measured("total_correlation", *order) == together


@pytest.mark.parametrize("method", FORMULAS)
@given(xy=columns(2))
def test_a_constant_tells_nothing(method, xy):
    x, y = xy
    constant = np.full(len(x), 3)
    shared = measured("mutual_information", x, y, method=method)
    given_it = measured("conditional_mutual_information", x, y, constant, method=method)
    assert given_it == pytest.approx(shared, abs=1e-12)
    for quantity, parts in [
        ("mutual_information", (x, constant)),
        ("conditional_entropy", (constant, x)),
        ("conditional_mutual_information", (x, constant, y)),
    ]:
        assert measured(quantity, *parts, method=method) == 0.0


# ---- single terms -------------------------------------------------------------------------


@given(xyz=columns(3))
def test_terms_of_single_samples_by_definition(engine, xyz):
    x, y, z = xyz
    n = len(x)

    def ln_p(*arrays):
        rows = list(zip(*(array.tolist() for array in arrays), strict=True))
        return np.array([math.log(rows.count(row) / n) for row in rows])

    expected = {
        "entropy": -ln_p(x),
        "mutual_information": ln_p(x, y) - ln_p(x) - ln_p(y),
        "conditional_entropy": ln_p(y) - ln_p(x, y),
        "conditional_mutual_information": ln_p(x, y, z) + ln_p(z) - ln_p(x, z) - ln_p(y, z),
        "total_correlation": ln_p(x, y, z) - ln_p(x) - ln_p(y) - ln_p(z),
    }
    counts = {"entropy": 1, **QUANTITIES, "total_correlation": 3}
    for quantity, local in expected.items():
        given_arrays = xyz[: counts[quantity]]
        found = it.measure(f"{quantity}:plugin", pointwise=True)(*given_arrays)
        assert found.diagnostics["pointwise"] == pytest.approx(local, abs=1e-12)
        assert found.value == pytest.approx(local.mean(), abs=1e-12)
        assert found.stderr == pytest.approx(local.std() / math.sqrt(n), abs=1e-12)


@pytest.mark.parametrize("quantity", ["entropy", *QUANTITIES, "total_correlation"])
def test_only_plugin_terms_belong_to_samples(quantity):
    assert it.methods(quantity)
    for entry in it.methods(quantity):
        if set(entry.inputs) <= {"codes", "..."}:
            assert ("pointwise" in entry.options) == (entry.method == "plugin")
    given_arrays = [[0, 1, 1]] * {"entropy": 1}.get(quantity, QUANTITIES.get(quantity, 2))
    with pytest.raises(TypeError, match="pointwise must be True or False; got int 1"):
        it.measure(f"{quantity}:plugin", pointwise=1)(*given_arrays)


# ---- ceilings and warnings ----------------------------------------------------------------


@pytest.mark.parametrize("method", [*FORMULAS, "renyi"])
@pytest.mark.parametrize("quantity", ["entropy", *QUANTITIES])
def test_no_ceiling_is_broken_by_samples_that_all_differ(quantity, method):
    if (quantity, method) == ("conditional_mutual_information", "renyi"):
        pytest.skip("not defined")
    different = [np.arange(5)] * {"entropy": 1}.get(quantity, QUANTITIES.get(quantity))
    found = it.measure(f"{quantity}:{method}")(*different)
    assert found.value <= found.diagnostics.get("ceiling", math.inf) + 1e-12
    assert ("ceiling" in found.diagnostics) == (method in ("plugin", "renyi"))
    assert found.diagnostics["saturated"] is True


@pytest.mark.filterwarnings("error")
def test_crowded_variables_are_named():
    few, many = np.arange(50) % 2, np.arange(50)
    with pytest.warns(it.InfotheoryWarning, match=r"\(x, y\) has 50 outcomes in 50 samples"):
        it.conditional_entropy(many, few, method="plugin")
    with pytest.warns(it.InfotheoryWarning, match=r"\(y, z\) has 50 outcomes in 50 samples"):
        it.conditional_mutual_information(few, many, few, method="chao_shen")
    with pytest.warns(it.InfotheoryWarning, match=r"variables\[1\] has 50 outcomes"):
        it.total_correlation([few, many, few], method="plugin")


# ---- errors and identity ------------------------------------------------------------------


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("method", ["plugin", "nsb", "jackknife"])
def test_the_standard_error_is_the_spread(quantity, method):
    joint = np.random.default_rng(3).dirichlet(np.ones(12))
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        drawn = np.unravel_index(rng.choice(12, 800, p=joint), (3, 2, 2))
        found.append(it.measure(f"{quantity}:{method}")(*drawn[: QUANTITIES[quantity]]))
    spread = np.std([each.value for each in found])
    assert np.mean([each.stderr for each in found]) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("method", FORMULAS)
def test_made_functions_are_functions_like_others(quantity, method):
    function = getattr(it, f"{method}_{quantity}")
    assert pickle.loads(pickle.dumps(function)) is function
    assert function.__name__ == function.__qualname__ == f"{method}_{quantity}"
    assert function.__module__ == "infotheory.estimators.discrete_information"
    names = list(inspect.signature(function).parameters)
    assert names == [*"xyz"[: QUANTITIES[quantity]], *(["pointwise"] * (method == "plugin"))]
    assert "{" not in function.__doc__.replace(r"\hat{", "")


@pytest.mark.filterwarnings("error")
def test_what_determines_another_is_at_its_ceiling_but_not_saturated(rng):
    y = rng.integers(3, size=200)
    for found in (
        it.mutual_information(y, y, method="plugin"),
        it.mutual_information(y, y, method="binned", discrete_y=True),
    ):
        assert found.value == pytest.approx(found.diagnostics["ceiling"], rel=1e-14)
        assert found.diagnostics["saturated"] is False
    with pytest.warns(it.InfotheoryWarning, match="at the ceiling ln n"):
        assert it.mutual_information(np.arange(200), y, method="plugin").diagnostics["saturated"]
