"""Renyi's entropies and informations: by hand, at their limits, and the laws they keep."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import infotheory as it

LN2 = math.log(2)
ORDERS = (0.0, 0.3, 0.999999, 1.0, 1.000001, 2.0, 7.0, 400.0, math.inf)
QUANTITIES = ("entropy", "mutual_information", "conditional_entropy")

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")

pairs = st.integers(1, 40).flatmap(
    lambda n: st.tuples(*[arrays(np.int64, n, elements=st.integers(0, 3))] * 2)
)
orders = st.one_of(st.sampled_from(ORDERS), st.floats(0, 50))

X, Y = [0, 0, 0, 0, 1, 1, 1, 2], [0, 0, 0, 1, 1, 1, 0, 1]


def renyi(quantity, *arrays, order):
    return it.measure(f"{quantity}:renyi", order=order)(*arrays)


def test_entropy_by_hand(engine):
    # p = 1/2, 1/4, 1/8, 1/8
    x = [0, 0, 0, 0, 1, 1, 2, 3]
    found = it.entropy(x, method="renyi")
    assert found.value == pytest.approx(-math.log(22 / 64), rel=1e-14)
    assert found.to("bits").value == pytest.approx(-math.log2(22 / 64), rel=1e-14)
    assert renyi("entropy", x, order=0).value == pytest.approx(math.log(4), rel=1e-15)
    assert renyi("entropy", x, order=math.inf).value == pytest.approx(LN2, rel=1e-15)
    half = 2 * math.log(sum(map(math.sqrt, (1 / 2, 1 / 4, 1 / 8, 1 / 8))))
    assert renyi("entropy", x, order=0.5).value == pytest.approx(half, rel=1e-14)
    # of order 1 it is Shannon's, to the bit
    assert renyi("entropy", x, order=1).value == it.entropy(x, method="plugin").value


def _joint():
    joint = np.zeros((3, 2))
    np.add.at(joint, (X, Y), 1 / len(X))
    return joint


@pytest.mark.parametrize("order", [0.3, 2.0, 7.0])
def test_informations_by_definition(engine, order):
    p = _joint()
    product = p.sum(1, keepdims=True) * p.sum(0)
    expected = math.log((p**order * product ** (1 - order)).sum()) / (order - 1)
    found = renyi("mutual_information", X, Y, order=order)
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert found.to("bits").value == pytest.approx(expected / LN2, rel=1e-12)
    left = ((p**order).sum(axis=0) ** (1 / order)).sum()
    expected = order / (1 - order) * math.log(left)
    found = renyi("conditional_entropy", X, Y, order=order)
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert found.to("bits").value == pytest.approx(expected / LN2, rel=1e-12)


def test_limits_by_definition(engine):
    p = _joint()
    product = p.sum(1, keepdims=True) * p.sum(0)
    seen = p > 0
    zero = renyi("mutual_information", X, Y, order=0).value
    assert zero == pytest.approx(-math.log(product[seen].sum()), rel=1e-13)
    most = renyi("mutual_information", X, Y, order=math.inf).value
    assert most == pytest.approx(math.log((p[seen] / product[seen]).max()), rel=1e-14)
    # beside y = 1 three outcomes of x occur, beside y = 0 two
    assert renyi("conditional_entropy", X, Y, order=0).value == pytest.approx(math.log(3))
    guess = renyi("conditional_entropy", X, Y, order=math.inf).value
    assert guess == pytest.approx(-math.log(p.max(axis=0).sum()), rel=1e-14)


@given(xy=pairs)
def test_order_one_is_shannon_and_its_neighbours_are_near(engine, xy):
    for quantity in QUANTITIES:
        given_arrays = xy[: 1 if quantity == "entropy" else 2]
        shannon = it.measure(f"{quantity}:plugin")(*given_arrays)
        found = renyi(quantity, *given_arrays, order=1)
        assert (found.value, found.stderr) == (shannon.value, shannon.stderr)
        for near in (1 - 1e-7, 1 + 1e-7):
            found = renyi(quantity, *given_arrays, order=near)
            assert found.value == pytest.approx(shannon.value, abs=1e-5)
            assert found.stderr == pytest.approx(shannon.stderr, abs=1e-5)


@given(xy=pairs, first=orders, second=orders)
def test_orders_are_ordered(xy, first, second):
    low, high = sorted((first, second))
    x, y = xy
    for quantity, sign, *given_arrays in (
        ("entropy", -1, x),
        ("conditional_entropy", -1, x, y),
        ("mutual_information", 1, x, y),
    ):
        a, b = (renyi(quantity, *given_arrays, order=order).value for order in (low, high))
        assert sign * (b - a) >= -1e-9


@given(xy=pairs, order=orders)
def test_laws(engine, xy, order):
    x, y = xy
    entropy = renyi("entropy", x, order=order).value
    left = renyi("conditional_entropy", x, y, order=order).value
    shared = renyi("mutual_information", x, y, order=order).value
    assert -1e-12 <= entropy <= math.log(len(set(x.tolist()))) + 1e-12
    assert -1e-10 <= left <= entropy + 1e-10
    assert -1e-10 <= shared <= math.log(len(x)) + 1e-10
    assert renyi("mutual_information", y, x, order=order).value == pytest.approx(shared, abs=1e-13)
    # processing adds nothing, and knowing less leaves more
    assert renyi("mutual_information", x, y // 2, order=order).value <= shared + 1e-9
    assert renyi("conditional_entropy", x, y // 2, order=order).value >= left - 1e-9


@given(xy=pairs, order=orders, seed=st.integers(0, 99))
def test_names_and_order_of_samples_change_no_bit(xy, order, seed):
    arranged = np.random.default_rng(seed).permutation(len(xy[0]))
    for quantity in QUANTITIES:
        given_arrays = xy[: 1 if quantity == "entropy" else 2]
        plain = renyi(quantity, *given_arrays, order=order)
        again = renyi(quantity, *(5 - 3 * a[arranged] for a in given_arrays), order=order)
        assert again.value == plain.value


@pytest.mark.parametrize("order", ORDERS)
def test_independence_and_constants_have_none(engine, order):
    x, y = np.divmod(np.arange(6), 3)
    constant = np.zeros(6, dtype=int)
    for other in (y, constant):
        assert renyi("mutual_information", x, other, order=order).value == pytest.approx(
            0, abs=1e-9
        )
    assert renyi("entropy", constant, order=order).value == 0.0
    assert renyi("conditional_entropy", constant, x, order=order).value == pytest.approx(
        0, abs=1e-15
    )
    assert renyi("conditional_entropy", x, x, order=order).value == pytest.approx(0, abs=1e-15)
    known = renyi("conditional_entropy", x, constant, order=order).value
    assert known == pytest.approx(renyi("entropy", x, order=order).value, abs=1e-13)


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("order", [0.5, 2.0, 5.0, math.inf])
def test_the_standard_error_is_the_spread(quantity, order):
    joint = np.array([[0.3, 0.1], [0.05, 0.25], [0.15, 0.15]])
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        x, y = np.divmod(rng.choice(6, 1000, p=joint.ravel()), 2)
        found.append(renyi(quantity, *((x,) if quantity == "entropy" else (x, y)), order=order))
    spread = np.std([each.value for each in found])
    assert np.mean([each.stderr for each in found]) == pytest.approx(spread, rel=0.13)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_an_order_is_a_number_that_is_not_negative(quantity):
    given_arrays = [X] if quantity == "entropy" else [X, Y]
    for bad in (-1.0, -math.inf, math.nan):
        with pytest.raises(ValueError, match=r"^order must be a number from 0 to infinity; got"):
            renyi(quantity, *given_arrays, order=bad)
    for bad in ("2", None, True, [2.0]):
        with pytest.raises(TypeError, match=r"^order must be a number; got"):
            renyi(quantity, *given_arrays, order=bad)
    for fine in (0, np.float32(2), np.int64(3), 1e308):
        assert math.isfinite(renyi(quantity, *given_arrays, order=fine).value)
    assert renyi(quantity, *given_arrays, order=1e308).value == pytest.approx(
        renyi(quantity, *given_arrays, order=math.inf).value, rel=1e-12
    )
    assert renyi(quantity, *given_arrays, order=2).params["order"] == 2


def test_each_has_an_estimand_of_its_own():
    estimands = {e.estimand for q in QUANTITIES for e in it.methods(q) if e.method == "renyi"}
    assert estimands == {"renyi entropy", "renyi information", "renyi conditional entropy"}


@pytest.mark.parametrize("order", [0, 0.5, 1, 2, math.inf])
def test_nothing_is_no_negative_zero(rng, order):
    y, still = rng.integers(3, size=50), np.zeros(50, int)
    for found in (
        it.conditional_entropy(still, y, method="renyi", order=order),
        it.mutual_information(still, y, method="renyi", order=order),
        it.entropy(still, method="renyi", order=order),
    ):
        assert str(found.value) == "0.0"


@pytest.mark.parametrize("away", [1e-9, 1e-12, 1e-15])
@pytest.mark.parametrize("quantity", ["mutual_information", "conditional_entropy"])
def test_orders_within_rounding_of_one_keep_their_digits(quantity, away):
    x = np.arange(60) % 5
    y = np.arange(60) // 7 % 4
    shannon = renyi(quantity, x, y, order=1)
    for order in (1 - away, 1 + away):
        near = renyi(quantity, x, y, order=order)
        assert near.value == pytest.approx(shannon.value, rel=10 * away + 1e-14)
        assert near.stderr == pytest.approx(shannon.stderr, rel=1e-7)
