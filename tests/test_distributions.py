"""Exact values from tables of probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import infotheory as it
from infotheory import truth
from infotheory.distributions import (
    distribution_conditional_mutual_information,
    distribution_entropy,
    distribution_mutual_information,
)

LN2 = math.log(2)
FUNCTIONS = {
    1: distribution_entropy,
    2: distribution_mutual_information,
    3: distribution_conditional_mutual_information,
}

tables = st.lists(st.integers(0, 9), min_size=12, max_size=12).filter(any).map(np.array)


def test_entropy_by_hand():
    found = distribution_entropy([0.5, 0.25, 0.125, 0.125, 0.0])
    assert found.value == pytest.approx(1.75 * LN2, rel=1e-15)
    assert found.to("bits").value == pytest.approx(1.75, rel=1e-15)
    assert (found.stderr, found.n, found.unit) == (0.0, 0, "nats")
    assert (found.quantity, found.method, dict(found.params)) == (
        "entropy",
        "exact",
        {"order": 1.0},
    )


@pytest.mark.parametrize(
    ("order", "bits"), [(0, 2), (0.5, 1.8736464), (1, 1.75), (2, math.log2(32 / 11)), (math.inf, 1)]
)
def test_renyi_by_hand(order, bits):
    found = distribution_entropy([0.5, 0.25, 0.125, 0.125, 0.0], order=order).to("bits")
    if order == 0.5:
        bits = 2 * math.log2(math.sqrt(0.5) + 0.5 + 2 * math.sqrt(0.125))
    assert found.value == pytest.approx(bits, rel=1e-14)


def test_informations_by_hand():
    flip = 0.11
    channel = np.array([[1 - flip, flip], [flip, 1 - flip]]) / 2
    found = distribution_mutual_information(channel)
    assert found.value == pytest.approx(truth.binary_symmetric_channel(flip).value, rel=1e-13)
    x, y, z = np.indices((2, 2, 2))
    exclusive_or = ((x ^ y) == z) / 4
    found = distribution_conditional_mutual_information(exclusive_or)
    assert found.value == pytest.approx(LN2, rel=1e-15)
    assert found.to("bits").value == pytest.approx(1, rel=1e-15)
    assert (found.quantity, found.stderr) == ("conditional_mutual_information", 0.0)
    assert distribution_mutual_information(exclusive_or.sum(axis=2)).value == 0


@given(counts=tables)
@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_tables_of_frequencies_agree_with_samples(counts):
    """The plug-in estimate is the exact value of the observed frequencies."""
    p = counts / counts.sum()
    x, y, z = np.unravel_index(np.repeat(np.arange(12), counts), (3, 2, 2))
    rows = np.stack([x, y, z], axis=1)
    near = {"abs": 1e-12}
    assert distribution_entropy(p).value == pytest.approx(
        it.entropy(rows, method="plugin").value, **near
    )
    assert distribution_entropy(p, order=3).value == pytest.approx(
        it.entropy(rows, method="renyi", order=3.0).value, **near
    )
    assert distribution_mutual_information(p.reshape(3, 4)).value == pytest.approx(
        it.mutual_information(x, 2 * y + z, method="plugin").value, **near
    )
    found = distribution_conditional_mutual_information(p.reshape(3, 2, 2)).value
    expected = it.conditional_mutual_information(x, y, z, method="plugin").value
    assert found == pytest.approx(expected, **near)


@given(counts=tables, seed=st.integers(0, 99))
def test_entropy_does_not_depend_on_the_order_of_outcomes(counts, seed):
    p = counts / counts.sum()
    other = np.random.default_rng(seed).permutation(p)
    for order in (0, 0.5, 1, 2, math.inf):
        value = distribution_entropy(p, order=order).value
        assert distribution_entropy(other.reshape(3, 4), order=order).value == value


def test_tiny_probabilities_do_not_underflow():
    tiny = 1e-200
    table = np.array([[1 - 2 * tiny, tiny], [tiny, 0.0]])
    assert distribution_mutual_information(table).value == pytest.approx(0, abs=1e-15)
    table = np.array([[1 - tiny, 0.0], [0.0, tiny]])
    by_hand = -tiny * math.log(tiny)  # 1 - tiny rounds to 1
    assert distribution_mutual_information(table).value == pytest.approx(by_hand, rel=1e-12, abs=0)
    cube = np.stack([table, np.zeros((2, 2))], axis=2)
    assert distribution_conditional_mutual_information(cube).value == pytest.approx(
        by_hand, rel=1e-12, abs=0
    )


@pytest.mark.parametrize("axes", FUNCTIONS)
def test_bad_tables_are_refused(axes):
    function, name = FUNCTIONS[axes], "p" if axes == 1 else "joint"
    table = np.full((2,) * axes, 0.5**axes)
    assert function(torch.from_numpy(table)).value == function(table.tolist()).value
    with pytest.raises(ValueError, match=rf"^{name} must sum to 1 .* the sum is 2\. .*{name}\.sum"):
        function(table * 2)
    with pytest.raises(ValueError, match=rf"^{name} must sum to 1"):
        function(table * (1 + 2e-9))
    function(table * (1 + 5e-10))
    broken = table.copy()
    broken.flat[0] = -0.25
    with pytest.raises(ValueError, match=rf"^{name} must not be negative; .*-0\.25"):
        function(broken)
    for bad in (math.nan, math.inf):
        broken.flat[0] = bad
        with pytest.raises(ValueError, match=rf"^{name} must be finite; got 1 values not"):
            function(broken)
    with pytest.raises(TypeError, match=rf"^{name} must hold real numbers"):
        function(table.astype(complex))
    for empty in (np.empty((0,) * axes), 1.0):
        with pytest.raises(ValueError, match=rf"^{name} must be a table"):
            function(empty)
    if axes > 1:
        with pytest.raises(
            ValueError, match=rf"^joint must have {axes} dimensions, .*\(2, 2, 2, 2\)"
        ):
            function(np.full((2,) * 4, 1 / 16))


@pytest.mark.parametrize("outcomes", [3, 2000, 200_000])
@pytest.mark.parametrize("precision", [torch.float32, torch.float16, torch.bfloat16])
def test_tables_of_less_precision_are_normalised(precision, outcomes):
    generator = torch.Generator().manual_seed(outcomes)
    logits = torch.randn(outcomes, generator=generator)
    p = torch.softmax(logits, 0).to(precision).requires_grad_()
    before = p.detach().clone()
    exact = p.detach().double().numpy()
    exact = exact / exact.sum()
    by_hand = -(exact[exact > 0] * np.log(exact[exact > 0])).sum()
    assert distribution_entropy(p).value == pytest.approx(by_hand, rel=1e-12)
    assert torch.equal(p, before)
    if precision != torch.bfloat16:
        assert distribution_entropy(p.detach().numpy()).value == distribution_entropy(p).value
    # and is a distribution: nothing diverges from itself, and no divergence is below 0
    other = torch.softmax(logits / 2, 0).to(precision)
    assert it.f_divergence(p, p).value == 0
    assert it.f_divergence(p, other).value > 0
    for broken in (p * 1.05, p * 0.95):
        with pytest.raises(ValueError, match=r"^p must sum to 1 within"):
            distribution_entropy(broken)


def test_the_tolerance_is_that_of_the_input():
    table = np.array([0.25, 0.75])
    distribution_entropy((table * (1 + 5e-6)).astype(np.float32))
    with pytest.raises(ValueError, match=r"within 1e-05; the sum is 1\.0000"):
        distribution_entropy((table * (1 + 2e-5)).astype(np.float32))
    with pytest.raises(ValueError, match="within 1e-09"):
        distribution_entropy(table * (1 + 5e-6))
    halves = np.array([[0.1, 0.2], [0.3, 0.4]], np.float16)
    exact = halves.astype(float) / halves.astype(float).sum()
    assert distribution_mutual_information(halves).value == pytest.approx(
        distribution_mutual_information(exact).value, rel=1e-14
    )
    with pytest.raises(ValueError, match=r"within 0\.01"):
        distribution_entropy((table * 1.02).astype(np.float16))


def test_bad_orders_are_refused():
    with pytest.raises(ValueError, match="order must be a number from 0 to infinity; got -1"):
        distribution_entropy([0.5, 0.5], order=-1)
    with pytest.raises(TypeError, match="order must be a number; got str"):
        distribution_entropy([0.5, 0.5], order="2")
