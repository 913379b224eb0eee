"""The door: what passes, in which form, and what each refusal says."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import infotheory as it
from infotheory import checks
from infotheory.label_checks import codes

# ---- real ---------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [[1, 2, 3], (1.0, 2.0, 3.0), range(1, 4), np.arange(1, 4)])
def test_one_dimension_becomes_a_column_of_doubles(given):
    x = checks.real(given, "x")
    assert x.shape == (3, 1)
    assert x.dtype == np.float64
    assert x[:, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float32", "f4"), (">f4", "f8"), ("float16", "f8"), ("int8", "f8"), ("bool", "f8")],
)
def test_single_precision_stays_and_all_else_is_double(dtype, expected):
    x = checks.real(np.ones((2, 2), dtype=dtype), "x")
    assert x.dtype == np.dtype(expected)
    assert x.dtype.isnative
    assert x.flags.c_contiguous


def test_a_good_array_is_not_copied():
    x = np.ones((5, 2))
    assert checks.real(x, "x") is x


def test_finite_values_whose_sum_overflows_pass():
    assert checks.real([1e308, 1e308, 1e308], "x").shape == (3, 1)
    assert checks.real([-1e308, 1e308, 1e308, 1e308], "x").shape == (4, 1)
    tensor = torch.tensor([3e38, 3e38], dtype=torch.float32)
    assert checks.real(tensor, "x").shape == (2, 1)


def test_infinities_that_cancel_are_found():
    with pytest.raises(ValueError, match=r"2 of 3 values .* first at index \(0, 0\)"):
        checks.real([np.inf, -np.inf, 1.0], "x")


def test_the_first_bad_index_is_in_row_order():
    x = np.zeros((4, 3))
    x[2, 0] = x[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"^width must be finite; 2 of 12 .* index \(1, 2\)"):
        checks.real(x, "width")


def test_each_refusal_has_a_cure():
    with pytest.raises(ValueError, match=r"x\.reshape\(2, -1\)"):
        checks.real(np.ones((2, 3, 4)), "x")
    with pytest.raises(TypeError, match=r"x\[~x\.mask\.any\(axis=1\)\]\.data"):
        checks.real(np.ma.masked_array([1.0], mask=[True]), "x")
    with pytest.raises(TypeError, match=r"x\.to_dense\(\)"):
        checks.real(torch.eye(2).to_sparse(), "x")
    with pytest.raises(TypeError, match="discrete data"):
        checks.real(["a", "b"], "x")
    with pytest.raises(TypeError, match="two columns"):
        checks.real([1j, 2j], "x")
    with pytest.raises(TypeError, match=r"numpy\.asarray\(values, dtype=float\)"):
        checks.real(np.array([1, None], dtype=object), "x")


def test_a_tensor_is_detached_and_shares_no_graph():
    x = torch.ones(3, 2, dtype=torch.float64, requires_grad=True)
    seen = checks.real(x * 2, "x")
    assert isinstance(seen, np.ndarray)
    assert seen.tolist() == [[2, 2]] * 3


def test_brain_floats():
    x = torch.tensor([1.0, 1.0078125], dtype=torch.bfloat16)
    assert checks.real(x, "x")[:, 0].tolist() == [1.0, 1.0078125]


def test_a_negated_or_conjugated_tensor_view():
    z = torch.tensor([1 + 2j, 3 - 4j])
    assert checks.real(z.conj().imag, "x")[:, 0].tolist() == [-2, 4]


# ---- codes --------------------------------------------------------------------------------


def test_strings_are_numbered_in_order():
    assert codes(["b", "a", "b", "c"], "y").tolist() == [1, 0, 1, 2]
    assert codes([["b", "a"], ["c", "a"]], "y").tolist() == [[1, 0], [2, 0]]
    series = pd.Series(["b", "a"], dtype="category")
    assert codes(series, "y").tolist() == [1, 0]


def test_whole_floats_are_labels():
    y = codes(np.array([2.0, -1.0]), "y")
    assert y.tolist() == [2, -1]
    assert y.dtype == np.int64


def test_large_unsigned_labels_stay_apart():
    big = np.array([2**64 - 1, 2**63, 0], dtype=np.uint64)
    assert len(set(codes(big, "y").tolist())) == 3


@pytest.mark.parametrize("bad", [1e300, -(2.0**63), 2.0**63 + 4096])
def test_floats_beyond_the_integers_do_not_merge(bad):
    with pytest.raises(ValueError, match=r"^y must hold labels below 2\*\*63"):
        codes([bad, 0.0], "y")
    assert codes([2.0**62, -(2.0**62)], "y").tolist() == [2**62, -(2**62)]


def test_fractions_are_shown():
    with pytest.raises(ValueError, match=r"^y must hold discrete labels.*0\.25.*method='binned'"):
        codes([1.0, 0.25], "y")
    with pytest.raises(ValueError, match=r"^y must hold discrete labels.*0\.5"):
        codes(torch.tensor([1.0, 0.5]), "y")


@pytest.mark.filterwarnings("error")
def test_half_precision_holds_labels():
    assert codes(np.array([1, 0, 65504], np.float16), "x").tolist() == [1, 0, 65504]


def test_strings_of_variable_width_are_labels():
    x = np.array(["b", "a", "b"], dtype=np.dtypes.StringDType())
    assert codes(x, "x").tolist() == [1, 0, 1]
    with pytest.raises(TypeError, match=r"x must hold real numbers.*Strings are labels"):
        checks.real(x, "x")


# ---- tables -------------------------------------------------------------------------------


def test_tables_of_several_kinds_of_numbers_are_numbers():
    x, whole, yes = np.array([0.5, 1.5, 2.5]), np.array([3, 1, 2]), np.array([True, False, True])
    table = pd.DataFrame({"x": x, "whole": pd.array(whole, dtype="Int64"), "yes": yes})
    found = checks.real(table, "x")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.column_stack([x, whole, yes]))
    np.testing.assert_array_equal(
        codes(table[["whole", "yes"]], "x"), np.column_stack([whole, yes])
    )
    table["whole"] += 2**60
    with pytest.raises(ValueError, match="must hold integers below"):
        checks.real(table, "x")


def test_tables_of_several_kinds_of_labels_are_labels():
    words, other, whole = ["b", "a", "b"], ["a", "c", "a"], [3, 1, 3]
    table = pd.DataFrame({"words": words, "whole": whole, "other": other})
    assert codes(table, "x").tolist() == [[1, 3, 0], [0, 1, 2], [1, 3, 0]]
    assert codes(table.astype("category"), "x").tolist() == [
        [1, 3, 0],
        [0, 1, 2],
        [1, 3, 0],
    ]
    assert codes(table[["words", "other"]].astype("category"), "x").shape == (3, 2)
    assert it.entropy(table, method="plugin").diagnostics["outcomes"] == 2
    with pytest.raises(TypeError, match=r"x\[:, 1\] must hold integers or strings.* float, str"):
        codes(pd.DataFrame({"a": [1, 2], "b": pd.Series(["x", 0.5])}), "x")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (pd.Series(["a", pd.NA, "b"], dtype="string"), r"1 of 3 .* \(1,\).*x.dropna\(\)"),
        (pd.Series(["a", None, "b"], dtype="category"), r"1 of 3 .* \(1,\).*x.dropna\(\)"),
        (pd.DataFrame({"a": pd.array([1, None]), "b": [0.5, 1]}), r"1 of 4 .* \(1, 0\)"),
        (np.array(["a", None, np.nan], dtype=object), r"2 of 3 .* \(1,\)"),
    ],
    ids=["string", "category", "table", "objects"],
)
def test_missing_values_are_called_missing(given, said):
    kinds = [codes] if isinstance(given, np.ndarray) else [codes, checks.real]
    for check in kinds:
        with pytest.raises(TypeError, match=f"^x must not hold missing values; {said}"):
            check(given, "x")


# ---- several arrays -----------------------------------------------------------------------


def test_same_length():
    assert checks.same_length(x=np.ones((3, 2)), y=np.ones(3)) == 3
    with pytest.raises(ValueError, match=r"^x and y must have .*; got x \(3, 2\), y \(4,\)\.$"):
        checks.same_length(x=np.ones((3, 2)), y=np.ones(4))


# ---- options ------------------------------------------------------------------------------


def test_integer():
    assert checks.integer(np.int64(3), "k", low=1) == 3
    assert type(checks.integer(np.int64(3), "k", low=1)) is int
    assert checks.integer(1, "k", low=1, high=1) == 1
    with pytest.raises(ValueError, match=r"^k must be at least 1; got 0\.$"):
        checks.integer(0, "k", low=1)
    with pytest.raises(ValueError, match=r"^k must be between 1 and 3; got 4\.$"):
        checks.integer(4, "k", low=1, high=3)
    for bad in (1.0, True, "1", None, np.float64(1), np.bool_(True)):
        with pytest.raises(TypeError, match=r"^k must be an integer; got "):
            checks.integer(bad, "k", low=0)


def test_number():
    assert checks.number(np.float32(0.5), "width") == 0.5
    assert checks.number(2, "width", above=0) == 2.0
    assert checks.number(0, "width", low=0) == 0.0
    with pytest.raises(
        ValueError, match=r"^width must be a finite number greater than 0; got 0\.$"
    ):
        checks.number(0.0, "width", above=0)
    with pytest.raises(ValueError, match=r"^width must be a finite number at least 0; got -1\.$"):
        checks.number(-1, "width", low=0)
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match="must be a finite number"):
            checks.number(bad, "width")
    with pytest.raises(ValueError, match=r"^width must be a finite number; got one beyond 1.8e308"):
        checks.number(10**400, "width")
    for bad in (True, "1", None, 1j, [1.0]):
        with pytest.raises(TypeError, match=r"^width must be a number; got "):
            checks.number(bad, "width")


def test_choice():
    assert checks.choice("a", "kind", ("a", None)) == "a"
    assert checks.choice(None, "kind", ("a", None)) is None
    with pytest.raises(ValueError, match=r"^kind must be one of 'upper', None; got 'uper'\. Did"):
        checks.choice("uper", "kind", ("upper", None))
    with pytest.raises(ValueError, match=r"got 7\.$"):
        checks.choice(7, "kind", ("upper", None))
    assert checks.choice(1, "variant", (1, 2)) == 1
    with pytest.raises(ValueError, match="variant must be one of 1, 2; got True"):
        checks.choice(True, "variant", (1, 2))


def test_generator():
    rng = np.random.default_rng(3)
    assert checks.generator(rng) is rng
    assert checks.generator(3).random() == np.random.default_rng(3).random()
    for bad in (None, -1, 1.5, "a", np.random.RandomState(0)):
        with pytest.raises((TypeError, ValueError), match=r"^rng must be "):
            checks.generator(bad)


def test_near_misses():
    assert checks.near_misses("gausian", ["gaussian", "ksg"]) == ["gaussian"]
    assert checks.near_misses("zzz", ["gaussian", "ksg"]) == []


def test_importing_the_package_imports_nothing_heavy():
    heavy = ["torch", "scipy.stats", "sklearn", "numba", "matplotlib", "pandas"]
    asked = f"import sys, infotheory; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_tensors_are_recognised_without_importing_torch():
    asked = "import sys; from infotheory import checks; checks.real([1.0], 'x'); "
    asked += "print('torch' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"


def test_one_array_is_no_list_of_variables():
    rows = np.zeros((5, 2))
    assert checks.several([rows, rows], "variables")[1] is rows
    with pytest.raises(TypeError, match=r"variables must be a list of arrays.*\(5, 2\)"):
        it.total_correlation(rows)
    with pytest.raises(TypeError, match="variables must be a list"):
        it.dual_total_correlation(rows, method="matrix_renyi")
    with pytest.raises(TypeError, match="samples must be a list"):
        it.generalized_cauchy_schwarz(rows)


STAMPS = 1_700_000_000_000_000_000 + np.arange(0, 5000, 7)


@pytest.mark.parametrize(
    "x",
    [
        STAMPS,
        STAMPS[::-1],
        STAMPS.astype(np.uint64) + np.uint64(2**63),
        -STAMPS,
        np.stack([np.arange(len(STAMPS)), STAMPS], axis=1),
        torch.tensor(STAMPS),
        STAMPS.tolist(),
    ],
    ids=["int64", "backwards", "uint64", "negative", "second column", "tensor", "list"],
)
def test_integers_that_floats_would_round_are_refused(x):
    with pytest.raises(
        ValueError, match=r"stamps must hold integers below 2\*\*53.*Subtract an off"
    ):
        checks.real(x, "stamps")


def test_a_tensor_that_stays_on_its_device_is_refused_alike():
    with pytest.raises(ValueError, match=r"stamps must hold integers below 2\*\*53"):
        checks._real_tensor(torch.tensor(STAMPS), "stamps")


def test_integers_that_floats_hold_or_no_offset_would_save_are_taken(rng):
    assert np.array_equal(checks.real(STAMPS - STAMPS[0], "x")[:, 0], STAMPS - STAMPS[0])
    assert checks.real([2**60, 2**60 + 256], "x")[:, 0].tolist() == [2.0**60, 2.0**60 + 256]
    assert checks.real([2**53, -(2**53)], "x").shape == (2, 1)
    wide = rng.integers(-(2**63), 2**63 - 1, 20)
    assert np.array_equal(checks.real(wide, "x")[:, 0], wide.astype(float))


@pytest.mark.parametrize(
    "labels", [["a", "b", float("nan")], [1, "1"], ("a", None), [["a", "b"], ["a", 1]]], ids=repr
)
def test_strings_are_not_mixed_with_other_types(labels):
    with pytest.raises(TypeError, match="labels must not mix strings with other types"):
        codes(labels, "labels")


def test_strings_of_two_classes_are_strings():
    assert codes(["b", np.str_("a")], "x").tolist() == [1, 0]


def test_masks_in_a_list_are_not_ignored():
    rows = [np.ma.masked_array([1.0, 2.0], mask=[False, True]) for _ in range(3)]
    with pytest.raises(TypeError, match="x must not hold masked arrays"):
        checks.real(rows, "x")


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_lists_of_tensors_with_gradients_are_detached(dtype):
    rows = [torch.tensor([1.0, 2.0], dtype=dtype, requires_grad=True), torch.tensor([3.0, 4.0])]
    assert checks.real(rows, "x").tolist() == [[1.0, 2.0], [3.0, 4.0]]
    scalars = [torch.tensor(1.0, dtype=dtype, requires_grad=True), 2.0]
    assert checks.real(scalars, "x").tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("given", [None, 3, "words"])
def test_what_is_no_list_of_variables_is_named(given):
    with pytest.raises(TypeError, match=r"variables must be a list of arrays.*; got "):
        it.total_correlation(given)
