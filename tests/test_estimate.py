"""The result: units by hand, arithmetic, honesty towards gradients."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from infotheory.estimate import Estimate, InfotheoryWarning, convert

LN2 = 0.6931471805599453


@pytest.fixture
def nat():
    return Estimate(
        1.5,
        stderr=0.25,
        n=40,
        quantity="entropy",
        method="knn",
        params={"k": 3},
        diagnostics={"ceiling": 3.0, "information": 2.0, "ties": 0.5, "rank": 2},
    )


def test_bits_by_hand(nat):
    bits = nat.to("bits")
    assert bits.unit == "bits"
    assert bits.value == pytest.approx(1.5 / LN2, rel=1e-15)
    assert bits.stderr == pytest.approx(0.25 / LN2, rel=1e-15)
    assert bits.diagnostics["ceiling"] == pytest.approx(3 / LN2, rel=1e-15)
    assert bits.diagnostics["information"] == pytest.approx(2 / LN2, rel=1e-15)
    assert bits.diagnostics["ties"] == 0.5  # no amount of information
    assert bits.diagnostics["rank"] == 2
    assert (bits.n, bits.quantity, bits.method, bits.params) == (40, "entropy", "knn", {"k": 3})
    assert bits.to("nats").value == pytest.approx(1.5, rel=1e-15)
    assert nat.to("nats") is nat


def test_one_bit_is_ln_2_nats():
    assert convert(1.0, "bits", "nats") == LN2
    assert convert(LN2, "nats", "bits") == 1.0
    assert convert(-math.inf, "nats", "bits") == -math.inf
    assert convert(0.3, "bits", "bits") == 0.3


@pytest.mark.parametrize(("unit", "to"), [("cost", "bits"), ("nats", "cost"), ("", "nats")])
def test_only_information_converts(unit, to):
    with pytest.raises(ValueError, match="only nats and bits convert"):
        Estimate(1.0, unit=unit).to(to)


def test_an_unknown_error_stays_unknown():
    assert Estimate(1.0).stderr is None
    assert Estimate(1.0).to("bits").stderr is None


def test_it_is_said_in_words(nat):
    assert str(nat) == "1.5 ± 0.25 nats (entropy:knn, n=40)"
    assert repr(nat) == "<Estimate 1.5 ± 0.25 nats (entropy:knn, n=40)>"
    assert str(Estimate(2.0, unit="")) == "2"
    assert str(Estimate(2.0, unit="cost", n=3)) == "2 cost (n=3)"
    assert f"{nat}" == str(nat)
    assert f"{nat:.3f} and {nat:8.1e}" == "1.500 and  1.5e+00"


def test_html_is_escaped():
    table = Estimate(1.0, diagnostics={"<b>": "<script>"})._repr_html_()
    assert "&lt;b&gt;" in table
    assert "<script>" not in table


def test_it_cannot_be_changed(nat):
    with pytest.raises(dataclasses.FrozenInstanceError):
        nat.value = 2.0
    with pytest.raises(TypeError):
        nat.params["k"] = 4
    with pytest.raises(TypeError):
        nat.diagnostics["ties"] = 0


def test_it_does_not_follow_the_callers_dictionaries():
    params = {"k": 3}
    found = Estimate(1.0, params=params)
    params["k"] = 4
    assert found.params["k"] == 3


def test_numpy_numbers_become_plain():
    found = Estimate(np.float32(0.5), stderr=np.float64(0.1))
    assert type(found.value) is float
    assert type(found.stderr) is float
    assert type(Estimate(torch.tensor(0.5)).value) is float


def test_it_counts_as_a_number(nat):
    assert float(nat) == 1.5
    assert np.asarray([nat, Estimate(2.5)]).tolist() == [1.5, 2.5]
    assert np.asarray([nat, Estimate(2.5)]).dtype == np.float64
    assert np.mean([nat, Estimate(2.5)]) == 2.0
    assert math.isclose(nat, 1.5)
    assert max([nat, Estimate(2.5)]).value == 2.5
    assert sorted([Estimate(2.0), Estimate(-1.0)])[0].value == -1.0
    assert round(nat, 0) == 2.0
    assert bool(Estimate(0.0)) is False
    assert bool(Estimate(-0.1)) is True


def test_arithmetic_gives_plain_floats(nat):
    other = Estimate(0.5)
    results = {
        nat + other: 2.0, nat - other: 1.0, nat * other: 0.75, nat / other: 3.0,
        nat + 1: 2.5, 1 + nat: 2.5, nat - 1: 0.5, 1 - nat: -0.5, nat * 2: 3.0, 2 * nat: 3.0,
        nat / 2: 0.75, 3 / nat: 2.0, nat**2: 2.25, 4**nat: 8.0, -nat: -1.5, abs(-nat): 1.5,
        sum([nat, other]): 2.0,
    }  # fmt: skip
    for found, expected in results.items():
        assert type(found) is float
        assert found == expected


def test_arithmetic_with_numpy(nat):
    array = np.array([1.0, 2.0])
    assert (nat + array).tolist() == (array + nat).tolist() == [2.5, 3.5]
    assert (nat * array).tolist() == (array * nat).tolist() == [1.5, 3.0]
    assert np.float64(2) * nat == nat * np.float64(2) == 3.0
    assert np.exp(nat) == np.exp(1.5)
    assert (nat > array).tolist() == [True, False]


def test_comparison(nat):
    assert nat == Estimate(1.5, n=7)
    assert nat != Estimate(1.6)
    assert nat == 1.5
    assert nat != "1.5"
    assert nat is not None
    assert (nat == None) is False  # noqa: E711
    assert nat < 2 <= Estimate(2.0)
    assert nat > 1 >= Estimate(1.0)
    assert not nat < 1.5
    assert not nat > 1.5
    assert nat <= 1.5
    assert nat >= 1.5
    assert hash(nat) == hash(Estimate(1.5))


@pytest.mark.parametrize(
    "combine",
    [
        lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b, lambda a, b: a <= b,
        lambda a, b: a > b, lambda a, b: a >= b, lambda a, b: a == b,
    ],
)  # fmt: skip
def test_unlike_units_do_not_mix(nat, combine):
    with pytest.raises(TypeError, match=r"cannot combine nats with bits; .*\.to\('nats'\)"):
        combine(nat, nat.to("bits"))
    with pytest.raises(TypeError, match="cannot combine a pure number with nats"):
        combine(Estimate(1.0, unit=""), nat)


def test_a_ratio_needs_no_common_unit(nat):
    assert nat / nat.to("bits") == pytest.approx(LN2)


GRADIENT_CUTS = {
    "tensor + e": lambda t, e: t + e,
    "e + tensor": lambda t, e: e + t,
    "tensor - e": lambda t, e: t - e,
    "e - tensor": lambda t, e: e - t,
    "tensor * e": lambda t, e: t * e,
    "e * tensor": lambda t, e: e * t,
    "tensor / e": lambda t, e: t / e,
    "e / tensor": lambda t, e: e / t,
    "tensor ** e": lambda t, e: t**e,
    "tensor < e": lambda t, e: t < e,
    "torch.add": lambda t, e: torch.add(t, e),
    "torch.add by keyword": lambda t, e: torch.add(t, other=e),
    "in place": lambda t, e: (t * 1).add_(e),
}


@pytest.mark.parametrize("combine", GRADIENT_CUTS.values(), ids=GRADIENT_CUTS)
def test_a_gradient_is_never_cut_in_silence(nat, combine):
    with pytest.raises(TypeError, match=r"it\.losses"):
        combine(torch.tensor(1.0, requires_grad=True), nat)
    combine(torch.tensor(1.0), nat)


def test_plain_tensors_see_a_number(nat):
    assert (torch.tensor(1.0, dtype=torch.float64) + nat).item() == 2.5
    assert (nat * torch.tensor([1.0, 2.0], dtype=torch.float64)).tolist() == [1.5, 3.0]
    assert torch.tensor([float(nat)]).tolist() == [1.5]


def test_as_dict_is_plain(nat):
    plain = json.loads(json.dumps(nat.as_dict()))
    assert plain == {
        "value": 1.5,
        "unit": "nats",
        "stderr": 0.25,
        "n": 40,
        "quantity": "entropy",
        "method": "knn",
        "params": {"k": 3},
        "diagnostics": {"ceiling": 3.0, "information": 2.0, "ties": 0.5, "rank": 2},
    }
    assert Estimate(**nat.as_dict()).as_dict() == nat.as_dict()


def test_notes_add_up(nat):
    noted = nat.noting("one").noting("two")
    assert noted.diagnostics["warnings"] == ("one", "two")
    assert noted.diagnostics["ties"] == 0.5
    assert "warnings" not in nat.diagnostics
    assert noted.to("bits").diagnostics["warnings"] == ("one", "two")


def test_its_warning_is_a_user_warning():
    assert issubclass(InfotheoryWarning, UserWarning)


def test_a_misspelt_unit_is_named_as_one():
    with pytest.raises(ValueError, match=r"unit must be 'nats' or 'bits'.*got 'bit'"):
        Estimate(1.0).to("bit")
    with pytest.raises(ValueError, match="this is a pure number"):
        Estimate(1.0, unit="").to("bits")
