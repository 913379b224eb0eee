"""What every registered estimator owes its users, asked of each entry of the register.

A new estimator is tested here without an edit; only a new kind of input has to be taught to
`KINDS`, which says how to draw it.
"""

from __future__ import annotations

import copy
import inspect
import json
import math
import pickle
import random
import re
import warnings
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

import infotheory as it
from infotheory import ops, registry

ENTRIES = registry.entries()
N = 60


# ---- drawing valid data -------------------------------------------------------------------


def _real(hidden, rng):
    return hidden + 0.7 * rng.standard_normal(hidden.shape)


def _codes(hidden, rng):
    return np.digitize(hidden[:, 0] + 0.3 * rng.standard_normal(len(hidden)), [-0.7, 0.1, 0.9])


def _line(hidden, rng):
    return _real(hidden, rng)[:, :1]


KINDS = {"real": _real, "line": _line, "codes": _codes}


def draw(entry, n=N, seed=0):
    """Dependent valid arrays for an entry, by the kinds of its inputs."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((n, 2))
    for kind in inputs(entry):
        if kind not in KINDS:
            pytest.fail(f"{entry.key} takes inputs of kind {kind!r}: say in KINDS how to draw them")
    return [KINDS[kind](hidden, rng) for kind in inputs(entry)]


def inputs(entry):
    """The kinds of the arrays; three where any number will do."""
    return (entry.inputs[0],) * 3 if entry.takes_any_number else entry.inputs


def parameters(entry):
    """The names of the parameters that are arrays, in order."""
    signature = inspect.signature(entry.function).parameters.values()
    return [each.name for each in signature if each.kind is not each.KEYWORD_ONLY]


def names(entry):
    """The names by which messages call the arrays, in order."""
    if entry.takes_any_number:
        return [f"{parameters(entry)[0]}[{place}]" for place in range(3)]
    return parameters(entry)


def named(entry, position):
    """The name of one array, for a pattern."""
    return re.escape(names(entry)[position])


def by_verb(entry, *arrays, **options):
    """The estimate asked for as users do."""
    given = (arrays,) if entry.takes_any_number else arrays
    return getattr(it, entry.quantity)(*given, method=entry.method, **options)


def estimate(entry, *arrays, **options):
    """The estimate; what it says about these data is not the question here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", it.InfotheoryWarning)
        return entry.function(*arrays, **options)


def swapped(arrays, position, array):
    """The arrays with the one at `position` replaced."""
    return [array if i == position else each for i, each in enumerate(arrays)]


def same(a, b):
    """Equal to the bit, or both NaN."""
    return np.float64(a).tobytes() == np.float64(b).tobytes()


def assert_same(a, b):
    """The same estimate to the bit, whatever it is about."""
    assert same(a.value, b.value), (a, b)
    assert (a.stderr is None and b.stderr is None) or same(a.stderr, b.stderr), (a, b)
    assert a.as_dict()["diagnostics"] == b.as_dict()["diagnostics"]


def cases(named):
    return [pytest.param(value, id=name) for name, value in named.items()]


def each_entry(test):
    return pytest.mark.parametrize("entry", [pytest.param(e, id=e.key) for e in ENTRIES])(test)


def each_argument(*kinds):
    """Every argument of every entry, or those of some kinds."""
    cases = [
        pytest.param(entry, position, id=f"{entry.key}-{names(entry)[position]}")
        for entry in ENTRIES
        for position, kind in enumerate(inputs(entry))
        if not kinds or kind in kinds
    ]
    return pytest.mark.parametrize(("entry", "position"), cases)


def each_option(kind=object):
    cases = [
        pytest.param(entry, option, id=f"{entry.key}-{option}")
        for entry in ENTRIES
        for option, default in entry.options.items()
        if type(default) is kind or kind is object
    ]
    return pytest.mark.parametrize(("entry", "option"), cases)


def test_the_register_is_not_empty():
    keys = {entry.key for entry in ENTRIES}
    for method in ("plugin", "miller_madow", "grassberger", "binned", "mixture", "gaussian"):
        assert {f"entropy:{method}", f"mutual_information:{method}"} <= keys
    assert {"entropy:knn", "mutual_information:ksg"} <= keys
    assert set(registry._KINDS) == set(KINDS)


# ---- bad input ----------------------------------------------------------------------------


@each_argument()
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted_and_located(entry, position, bad):
    arrays = draw(entry)
    broken = arrays[position].astype(float)
    broken[5], broken[9] = bad, np.nan
    width = broken[5].size
    with pytest.raises(ValueError, match=rf"^{named(entry, position)} must be finite") as caught:
        entry.function(*swapped(arrays, position, broken))
    assert f"{2 * width} of {broken.size}" in str(caught.value)
    assert f"({5}{', 0' if broken.ndim == 2 else ','})" in str(caught.value)


@each_argument("real")
def test_tensors_that_are_not_finite_are_located_too(entry, position):
    arrays = draw(entry)
    broken = torch.from_numpy(arrays[position].copy())
    broken[7, 1] = torch.nan
    with pytest.raises(ValueError, match=rf"^{named(entry, position)} .* 1 of .*\(7, 1\)"):
        entry.function(*swapped(arrays, position, broken))


@each_argument()
@pytest.mark.parametrize("shape", [(0,), (0, 3), (4, 0), (), (4, 2, 2)], ids=str)
def test_shapes_that_hold_no_samples_are_refused(entry, position, shape):
    name = names(entry)[position]
    array = np.ones(shape, dtype=int)
    for given in (array, torch.from_numpy(array)):
        with pytest.raises(ValueError, match=rf"^{re.escape(name)} must .*{re.escape(str(shape))}"):
            entry.function(*swapped(draw(entry), position, given))


@each_argument()
@pytest.mark.parametrize("empty", [[], (), [[]]], ids=repr)
def test_empty_lists_are_refused(entry, position, empty):
    with pytest.raises(ValueError, match=rf"^{named(entry, position)} must not be empty"):
        entry.function(*swapped(draw(entry), position, empty))


@pytest.mark.parametrize("entry", [pytest.param(e, id=e.key) for e in ENTRIES if not e.paired])
def test_samples_that_are_not_paired_may_differ_in_number_but_not_in_columns(entry, engine):
    first, second, *rest = draw(entry)
    assert math.isfinite(estimate(entry, first, second[:-3], *rest).value)
    with pytest.raises(ValueError, match="must have the same columns") as caught:
        entry.function(first, second[:, :1], *rest)
    for name in names(entry)[:2]:
        assert name in str(caught.value)
    assert f"({N}, 2)" in str(caught.value)
    assert f"({N}, 1)" in str(caught.value)


PAIRED = [pytest.param(e, id=e.key) for e in ENTRIES if len(e.inputs) > 1 and e.paired]


@pytest.mark.parametrize("entry", PAIRED)
def test_unequal_lengths_name_both_arrays_and_their_shapes(entry):
    first, second, *rest = draw(entry)
    with pytest.raises(ValueError, match="the same number of rows") as caught:
        entry.function(first, second[:-3], *rest)
    for name in names(entry)[:2]:
        assert re.search(rf"(^|\W){re.escape(name)}(\W|$)", str(caught.value))
    assert f"({N}" in str(caught.value)
    assert f"({N - 3}" in str(caught.value)


def _masked(array):
    return np.ma.masked_array(array, mask=array == array.max())


def _with_objects(array):
    changed = array.astype(object)
    changed[(3,) + (0,) * (array.ndim - 1)] = {"not": "a number"}
    return changed


@each_argument()
@pytest.mark.parametrize(
    "change",
    cases(
        {
            "object": _with_objects,
            "masked": _masked,
            "complex": lambda x: x.astype(complex),
            "csr": lambda x: scipy.sparse.csr_array(np.atleast_2d(x)),
            "coo": lambda x: scipy.sparse.coo_matrix(np.atleast_2d(x)),
            "datetime": lambda x: np.arange(len(x)).astype("datetime64[D]"),
            "complex_tensor": lambda x: torch.from_numpy(x).to(torch.complex128),
            "sparse_tensor": lambda x: torch.from_numpy(x).to_sparse(),
            "None": lambda x: None,
            "dict": lambda x: {"a": x},
        }
    ),
)
def test_what_cannot_be_a_sample_is_a_type_error(entry, position, change):
    arrays = draw(entry)
    with pytest.raises(TypeError, match=rf"^{named(entry, position)} must "):
        entry.function(*swapped(arrays, position, change(arrays[position])))


@each_argument()
def test_ragged_lists_are_refused(entry, position):
    ragged = [[1.0, 2.0], [3.0], *([[4.0, 5.0]] * (N - 2))]
    with pytest.raises(ValueError, match=rf"^{named(entry, position)} must be a rectangular"):
        entry.function(*swapped(draw(entry), position, ragged))


@each_argument("real", "line")
def test_strings_are_no_real_numbers(entry, position):
    labels = np.array(["cat", "dog"] * (N // 2))
    with pytest.raises(TypeError, match=rf"^{named(entry, position)} must hold real numbers"):
        entry.function(*swapped(draw(entry), position, labels))


@each_argument("codes")
def test_fractions_are_no_labels(entry, position):
    arrays = draw(entry)
    name = named(entry, position)
    for halves in (arrays[position] / 2, (arrays[position] / 2).tolist()):
        with pytest.raises(ValueError, match=rf"^{name} must hold discrete labels.*0\.5"):
            entry.function(*swapped(arrays, position, halves))
    with pytest.raises((TypeError, ValueError), match=rf"^{name} must hold"):
        entry.function(*swapped(arrays, position, torch.from_numpy(arrays[position] / 2)))


@each_entry
def test_too_few_and_too_many_arrays_say_what_is_wanted(entry):
    arrays = draw(entry)
    if entry.takes_any_number:
        with pytest.raises(TypeError, match=rf"{entry.key} takes 2 arrays or more; got 1"):
            entry.function(arrays[0])
        return
    for given in (arrays[:-1], [*arrays, arrays[-1]]):
        with pytest.raises(TypeError, match=rf"{entry.key} takes {len(arrays)} array") as caught:
            entry.function(*given)
        assert all(name in str(caught.value) for name in names(entry))


@each_entry
def test_one_sample_is_an_answer_or_a_clear_error(entry):
    single = [array[:1] for array in draw(entry)]
    if "k" in entry.options:
        with pytest.raises(ValueError, match=r"n=1 samples"):
            entry.function(*single)
        return
    try:
        found = estimate(entry, *single)
    except ValueError:
        with pytest.raises(ValueError, match=rf"\b{named(entry, 0)}\b.* n=1 samples"):
            entry.function(*single)
        return
    assert not math.isnan(found.value)
    assert found.stderr is None or not math.isnan(found.stderr)


@pytest.mark.parametrize("entry", [pytest.param(e, id=e.key) for e in ENTRIES if "k" in e.options])
def test_no_more_neighbours_than_other_samples(entry):
    arrays = draw(entry)
    with pytest.raises(ValueError, match=r"n=3 samples; k=3 needs at least 4"):
        entry.function(*(array[:3] for array in arrays), k=3)
    assert math.isfinite(estimate(entry, *(array[:4] for array in arrays), k=3).value)


# ---- options ------------------------------------------------------------------------------


@each_entry
def test_an_unknown_option_lists_the_known_ones(entry):
    with pytest.raises(TypeError, match=rf"{entry.key} has no option 'sigma_k'") as caught:
        entry.function(*draw(entry), sigma_k=3)
    for option in entry.options or {"none": None}:
        assert option in str(caught.value)


@each_option()
def test_a_near_miss_of_an_option_is_recognised(entry, option):
    with pytest.raises(TypeError, match=rf"Did you mean '{option}'\?"):
        entry.function(*draw(entry), **{option + "s": 1})


@each_option()
def test_an_option_of_a_wrong_type_is_named(entry, option):
    with pytest.raises((TypeError, ValueError), match=rf"\b{option}\b"):
        entry.function(*draw(entry), **{option: object()})


@each_option(str)
def test_an_unknown_choice_lists_the_known_ones(entry, option):
    default = entry.options[option]
    with pytest.raises(ValueError, match=rf"^{option} must be one of") as caught:
        entry.function(*draw(entry), **{option: default + "x"})
    assert repr(default) in str(caught.value)
    assert f"Did you mean {default!r}?" in str(caught.value)


@each_option(int)
@pytest.mark.parametrize("bad", [-1, 1.5, "2", None], ids=repr)
def test_whole_numbers_are_whole(entry, option, bad):
    with pytest.raises((TypeError, ValueError), match=rf"\b{option}\b"):
        entry.function(*draw(entry), **{option: bad})


@each_option(float)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, 0.0, "2", None, True], ids=repr)
def test_widths_and_variances_are_positive_numbers(entry, option, bad):
    if option in ("order", "alpha") and bad in (0.0, math.inf):
        pytest.skip("limits that are answered exactly: tests of the estimators of Renyi entropies")
    with pytest.raises((TypeError, ValueError), match=rf"\b{option}\b"):
        entry.function(*draw(entry), **{option: bad})


# ---- what simply works --------------------------------------------------------------------


def _exact(array, dtype):
    """Values that the dtype holds exactly, with few ties."""
    if array.dtype.kind != "f":
        return array
    if dtype == "bool":
        return (array > 0).astype(float)
    if dtype == "bfloat16":
        return torch.from_numpy(array).bfloat16().double().numpy()
    if np.dtype(dtype).kind in "iu":
        return np.clip(np.round(array * 40) + 100, 0, 250)
    return array.astype(dtype).astype(float)


@each_argument("real", "line")
@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "int8",
        "uint8",
        "int16",
        "int64",
        "uint64",
        "float16",
        "float32",
        "float64",
        "longdouble",
    ],
)
@pytest.mark.parametrize("order", ["native", "swapped"])
def test_every_dtype_gives_the_value_of_its_doubles(entry, position, dtype, order):
    arrays = draw(entry)
    doubles = _exact(arrays[position], dtype)
    if dtype == "int8":
        doubles -= 125
    array = doubles.astype(dtype)
    assert (array == doubles).all()
    if order == "swapped":
        array = array.astype(array.dtype.newbyteorder())
    plain = estimate(entry, *swapped(arrays, position, doubles))
    assert_same(estimate(entry, *swapped(arrays, position, array)), plain)


@each_argument("real", "line")
@pytest.mark.parametrize(
    "dtype", ["bool", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
)
def test_every_tensor_gives_the_value_of_its_doubles(entry, position, dtype):
    arrays = draw(entry)
    doubles = _exact(arrays[position], dtype)
    tensor = torch.from_numpy(doubles).to(getattr(torch, dtype))
    if tensor.is_floating_point():
        tensor.requires_grad_()
    plain = estimate(entry, *swapped(arrays, position, doubles))
    found = estimate(entry, *swapped(arrays, position, tensor))
    assert_same(found, plain)
    assert isinstance(found.value, float)


@each_argument("codes")
@pytest.mark.parametrize(
    "change",
    cases(
        {
            "int8": lambda x: x.astype(np.int8),
            "uint8": lambda x: x.astype(np.uint8),
            "int32": lambda x: x.astype(np.int32),
            "uint64": lambda x: x.astype(np.uint64),
            "big_endian": lambda x: x.astype(">i4"),
            "float32": lambda x: x.astype(np.float32),
            "float64": lambda x: x.astype(np.float64),
            "str": lambda x: x.astype(str),
            "bytes": lambda x: x.astype(bytes),
            "objects": lambda x: np.array([f"kind {i}" for i in x], dtype=object),
            "pandas_str": lambda x: pd.Series([f"kind {i}" for i in x]),
            "category": lambda x: pd.Series([f"kind {i}" for i in x], dtype="category"),
            "nullable": lambda x: pd.Series(x, dtype="Int64"),
            "list": lambda x: [f"kind {i}" for i in x],
            "tensor": torch.from_numpy,
            "byte_tensor": lambda x: torch.from_numpy(x).to(torch.uint8),
            "affine": lambda x: -1000 * x + 7,
            "huge": lambda x: x * 10**15,
            "column": lambda x: x[:, None],
            "pairs": lambda x: np.stack([x, 3 - x], axis=1),
        }
    ),
)
def test_labels_of_every_kind_are_the_same_symbols(entry, position, change):
    arrays = draw(entry)
    plain = estimate(entry, *arrays)
    found = estimate(entry, *swapped(arrays, position, change(arrays[position])))
    assert found.value == pytest.approx(plain.value, rel=1e-13, abs=1e-13)


@each_argument("codes")
def test_boolean_labels(entry, position):
    arrays = draw(entry)
    labels = arrays[position] > 1
    plain = estimate(entry, *swapped(arrays, position, labels.astype(int)))
    for given in (labels, torch.from_numpy(labels), labels.tolist()):
        assert_same(estimate(entry, *swapped(arrays, position, given)), plain)


def _memmap(array, folder):
    saved = np.lib.format.open_memmap(folder / "x.npy", "w+", array.dtype, array.shape)
    saved[...] = array
    saved.flush()
    return np.load(folder / "x.npy", mmap_mode="r")


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def _spread(array):
    wide = np.full((2 * len(array), *(3 * size for size in array.shape[1:])), 99, array.dtype)
    view = wide[::2, ::3] if array.ndim == 2 else wide[::2]
    view[...] = array
    return view


def _spread_tensor(array):
    wide = torch.full(
        (array.shape[-1], 2 * len(array)) if array.ndim == 2 else (3 * len(array),), 9
    )
    wide = wide.to(torch.from_numpy(array).dtype)
    view = wide[:, ::2].T if array.ndim == 2 else wide[::3]
    view.copy_(torch.from_numpy(array))
    assert not view.is_contiguous()
    return view


LAYOUTS = {
    "fortran": lambda x, _: np.asfortranarray(x),
    "negative_stride": lambda x, _: x[::-1].copy()[::-1],
    "strided": lambda x, _: _spread(x),
    "unaligned": lambda x, _: np.frombuffer(b"0" + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
    "read_only": lambda x, _: _read_only(x),
    "memmap": _memmap,
    "list": lambda x, _: x.tolist(),
    "tuple": lambda x, _: tuple(map(tuple, x)) if x.ndim == 2 else tuple(x),
    "matrix": lambda x, _: x.view(type("Subclass", (np.ndarray,), {})),
    "data_frame": lambda x, _: pd.DataFrame(x) if x.ndim == 2 else pd.Series(x, name="x"),
    "odd_index": lambda x, _: pd.DataFrame(x, index=np.arange(len(x))[::-1] * 7),
    "tensor": lambda x, _: torch.from_numpy(x.copy()),
    "strided_tensor": lambda x, _: _spread_tensor(x),
    "parameter": lambda x, _: (
        torch.nn.Parameter(torch.from_numpy(x.copy())) if x.dtype.kind == "f" else x
    ),
}


def _bytes(x):
    if isinstance(x, torch.Tensor):
        return x.detach().numpy().tobytes()
    return pickle.dumps(x) if isinstance(x, (list, tuple)) else np.asarray(x).tobytes()


@each_argument()
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_bits_and_is_left_alone(entry, position, layout, tmp_path):
    arrays = draw(entry)
    changed = LAYOUTS[layout](arrays[position].copy(), tmp_path)
    before = _bytes(changed)
    found = estimate(entry, *swapped(arrays, position, changed))
    assert_same(found, estimate(entry, *arrays))
    assert _bytes(changed) == before
    if isinstance(changed, torch.Tensor):
        assert changed.grad is None
        assert changed.requires_grad == (layout == "parameter" and arrays[position].dtype == float)


@each_entry
def test_arrays_are_left_alone(entry, engine):
    arrays = draw(entry)
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False  # a write would be an error, not only a difference
    estimate(entry, *arrays)
    for array, kept in zip(arrays, before, strict=True):
        assert array.tobytes() == kept.tobytes()


@each_entry
def test_one_dimension_is_one_column(entry):
    arrays = [array[:, 0] if array.ndim == 2 else array for array in draw(entry)]
    columns = [array[:, None] for array in arrays]
    assert_same(estimate(entry, *arrays), estimate(entry, *columns))


@each_entry
def test_arrays_may_be_given_by_name(entry):
    arrays = draw(entry)
    if entry.takes_any_number:
        pytest.skip("they have no names")
    by_name = estimate(entry, **dict(zip(names(entry), arrays, strict=True)))
    assert_same(by_name, estimate(entry, *arrays))


# ---- the answer ---------------------------------------------------------------------------


@each_entry
def test_the_result_says_what_it_is(entry, engine):
    found = estimate(entry, *draw(entry))
    assert isinstance(found, it.Estimate)
    assert type(found.value) is float
    assert math.isfinite(found.value)
    assert found.stderr is None or (type(found.stderr) is float and found.stderr >= 0)
    assert (found.quantity, found.method) == (entry.quantity, entry.method)
    assert (found.unit, found.n) == (entry.unit, N)
    assert f"{entry.key}, n={N}" in str(found)


@each_entry
def test_every_option_is_resolved_in_the_result(entry):
    found = estimate(entry, *draw(entry))
    assert dict(entry.options).items() <= dict(found.params).items()
    for option, default in entry.options.items():
        if type(default) is int and option not in ("variant", "rng"):
            changed = estimate(entry, *draw(entry), **{option: default + 1})
            assert changed.params[option] == default + 1


POINTWISE = [pytest.param(e, id=e.key) for e in ENTRIES if "pointwise" in e.options]


@pytest.mark.parametrize("entry", POINTWISE)
def test_pointwise_values_average_to_the_estimate(entry, engine):
    arrays = draw(entry)
    plain, found = estimate(entry, *arrays), estimate(entry, *arrays, pointwise=True)
    assert same(plain.value, found.value)
    assert "pointwise" not in plain.diagnostics
    local = found.diagnostics["pointwise"]
    assert local.shape == (N,)
    assert not local.flags.writeable
    assert local.mean() == pytest.approx(found.value, rel=1e-12)
    in_bits = found.to("bits").diagnostics["pointwise"]
    assert in_bits == pytest.approx(local / 0.6931471805599453, rel=1e-15)
    order = np.random.default_rng(1).permutation(N)
    again = estimate(entry, *(array[order] for array in arrays), pointwise=True)
    assert again.diagnostics["pointwise"] == pytest.approx(local[order], rel=1e-9, abs=1e-9)


@each_entry
def test_the_result_can_be_written_as_json(entry, engine):
    found = estimate(entry, *draw(entry))
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["value"] == found.value
    assert plain["params"].keys() == found.params.keys()
    for number in plain["diagnostics"].values():
        assert not isinstance(number, str) or number in found.diagnostics.values()


@each_entry
def test_the_unit_converts_by_hand_and_back(entry):
    found = estimate(entry, *draw(entry))
    if found.unit != "nats":
        pytest.skip(f"in {found.unit!r}")
    bits = found.to("bits")
    assert bits.unit == "bits"
    assert bits.value == pytest.approx(found.value / 0.6931471805599453, rel=1e-15)
    if found.stderr is not None:
        assert bits.stderr == pytest.approx(found.stderr / 0.6931471805599453, rel=1e-15)
    for name in ("ceiling", "information"):
        if name in found.diagnostics:
            by_hand = found.diagnostics[name] / 0.6931471805599453
            assert bits.diagnostics[name] == pytest.approx(by_hand, rel=1e-15)
    back = bits.to("nats")
    assert back.value == pytest.approx(found.value, rel=1e-15)
    assert back.params == found.params
    assert found.unit == "nats"


@each_entry
def test_the_result_can_be_pickled_and_copied(entry):
    found = estimate(entry, *draw(entry))
    for twin in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found), copy.copy(found)):
        assert type(twin) is it.Estimate
        assert twin.as_dict() == found.as_dict()


@each_entry
@pytest.mark.parametrize("way", ["function", "verb", "measure"])
def test_warnings_are_said_aloud_and_kept(entry, way):
    call = {
        "function": entry.function,
        "verb": lambda *arrays: by_verb(entry, *arrays),
        "measure": it.measure(entry.key),
    }[way]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = call(*draw(entry, n=7))
    kept = found.diagnostics.get("warnings", ())
    assert [str(w.message) for w in said] == [f"{entry.key}: {message}" for message in kept]
    for warning in said:
        assert warning.category is it.InfotheoryWarning
        assert warning.filename == __file__  # it points at the caller, outside the package


@each_entry
def test_the_ceiling_is_above_the_value(entry):
    arrays = draw(entry)
    found = estimate(entry, *arrays)
    assert found.value <= found.diagnostics.get("ceiling", math.inf) + 1e-12


# ---- sameness -----------------------------------------------------------------------------


@each_entry
def test_the_same_call_twice_gives_the_same_bits(entry, engine):
    arrays = draw(entry)
    assert_same(estimate(entry, *arrays), estimate(entry, *arrays))


@each_entry
def test_global_state_is_left_alone(entry, engine):
    np.random.seed(1)  # noqa: NPY002
    before = (
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
        random.getstate(),
        torch.get_rng_state().numpy().tobytes(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        numba.get_num_threads(),
        tuple(sorted(np.geterr().items())),
        tuple(map(str, warnings.filters)),
    )
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        entry.function(*draw(entry))
    after = (
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
        random.getstate(),
        torch.get_rng_state().numpy().tobytes(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        numba.get_num_threads(),
        tuple(sorted(np.geterr().items())),
        tuple(map(str, warnings.filters)),
    )
    assert before == after


@each_entry
@pytest.mark.parametrize("n", [N, 700, 3000])
def test_threads_do_not_change_a_bit(entry, engine, n):
    if max(numba.config.NUMBA_NUM_THREADS, torch.get_num_threads()) < 2:
        pytest.skip("one core")
    if n > 4 * max(truth.n for truth in entry.truth):
        pytest.skip("its time grows as n^3")
    arrays = draw(entry, n)
    mine = numba.get_num_threads(), torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
            torch.set_num_threads(threads)
            found.append(estimate(entry, *arrays))
    finally:
        numba.set_num_threads(mine[0])
        torch.set_num_threads(mine[1])
    assert_same(*found)


@each_entry
def test_the_order_of_the_samples_does_not_matter(entry, engine, rng):
    arrays = draw(entry, 300)
    order = rng.permutation(300)
    plain = estimate(entry, *arrays)
    found = estimate(entry, *(array[order] for array in arrays))
    assert found.value == pytest.approx(plain.value, rel=1e-12, abs=1e-12)
    if plain.stderr is not None:
        assert found.stderr == pytest.approx(plain.stderr, rel=1e-11, abs=1e-12)


@each_entry
def test_nor_does_the_order_of_whole_numbers_without_a_duplicate(entry, engine, rng):
    """Equal distances tie though no samples do; rounding must not break them by row."""
    if "real" not in inputs(entry) or entry.options.get("scale") != "standardise":
        pytest.skip("its distances are those of the data")
    arrays = [
        rng.permutation(1000)[:300].reshape(-1, 1) if kind == "real" else array
        for kind, array in zip(inputs(entry), draw(entry, 300), strict=True)
    ]
    order = np.arange(300)[::-1]
    plain = estimate(entry, *arrays).value
    for unit in (1, 1000, 0.1):
        found = estimate(entry, *(array[order] * unit for array in arrays)).value
        assert found == pytest.approx(plain, rel=1e-12, abs=1e-12)


def _close(a, b):
    if isinstance(a, (bool, str, type(None))):
        return a == b
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_close, a, b))
    return a == pytest.approx(b, rel=1e-10, abs=1e-10)


@each_entry
@pytest.mark.parametrize("n", [1, 5, N, 701])
def test_the_engines_agree(entry, n):
    arrays = draw(entry, n)
    if n <= entry.options.get("k", 0):
        pytest.skip("fewer samples than neighbours")
    with ops.use("cpu"):
        try:
            on_cpu = estimate(entry, *arrays)
        except ValueError:
            if n > 1:
                raise
            pytest.skip("an error, as another test sees")
    with ops.use("torch"):
        on_torch = estimate(entry, *arrays)
    assert _close(on_cpu.value, on_torch.value)
    assert _close(on_cpu.stderr, on_torch.stderr)
    assert on_cpu.params == on_torch.params
    assert on_cpu.diagnostics.keys() == on_torch.diagnostics.keys()
    for name in on_cpu.diagnostics.keys() - {"path"}:  # the algorithm may differ
        assert _close(on_cpu.diagnostics[name], on_torch.diagnostics[name]), name


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@each_entry
@pytest.mark.parametrize("n", [5, 701])
def test_cuda_agrees(entry, n):
    arrays = draw(entry, n)
    on_cpu = estimate(entry, *arrays)
    on_cuda = estimate(entry, *(torch.from_numpy(array).cuda() for array in arrays))
    assert on_cuda.value == pytest.approx(on_cpu.value, rel=1e-8, abs=1e-8)
    assert on_cuda.params == on_cpu.params


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("entry", [pytest.param(e, id=e.key) for e in ENTRIES if len(e.inputs) > 1])
def test_two_devices_are_named(entry):
    first, *rest = draw(entry)
    with pytest.raises(ValueError, match=r"same device; got \w+ on cuda:0, \w+ on cpu"):
        entry.function(torch.from_numpy(first).cuda(), *rest)


# ---- invariances ---------------------------------------------------------------------------

#: Estimators of Shannon quantities of real data, which know how they change with the scale.
REALS = [
    pytest.param(e, id=e.key)
    for e in ENTRIES
    if set(inputs(e)) <= {"real", "line"} and e.estimand == "shannon"
]
SHARED = [
    pytest.param(e, id=e.key)
    for e in ENTRIES
    if e.quantity in ("mutual_information", "conditional_mutual_information", "total_correlation")
]


@pytest.mark.parametrize("entry", REALS)
@pytest.mark.parametrize("scale", [2.0**40, 1e3, 1e300, 1e-300, 1e-310], ids=str)
def test_the_scale_of_the_data_is_only_a_unit(entry, engine, scale):
    arrays = draw(entry, 200)
    plain = estimate(entry, *arrays).value
    if entry.quantity == "entropy":
        plain += arrays[0].shape[1] * math.log(scale)
    found = estimate(entry, *(array * scale for array in arrays)).value
    assert found == pytest.approx(plain, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("entry", REALS)
def test_a_large_offset_changes_little(entry, engine):
    arrays = draw(entry, 200)
    found = estimate(entry, *(array + 1e9 for array in arrays)).value
    assert found == pytest.approx(estimate(entry, *arrays).value, abs=1e-6)


@pytest.mark.parametrize("entry", SHARED)
def test_a_constant_tells_nothing(entry, engine):
    arrays = draw(entry)
    constant = np.full(N, 3) if inputs(entry)[0] == "codes" else np.full((N, 2), -0.1)
    if entry.quantity == "total_correlation":
        arrays = [constant, arrays[1], constant]
    found = estimate(entry, *swapped(arrays, 0, constant))
    assert found.value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("entry", [e for e in SHARED if "k" in e.values[0].options])
@pytest.mark.parametrize("sides", [4, 40])
def test_ties_are_not_taken_for_dependence(entry, sides):
    rng = np.random.default_rng(5)
    dice = [rng.integers(0, sides, (300, 1)) for _ in inputs(entry)]
    found = estimate(entry, *dice)
    ceiling = found.diagnostics.get("ceiling", math.inf)
    assert found.diagnostics.get("saturated", False) is False
    said = " ".join(found.diagnostics.get("warnings", ()))
    assert "at its ceiling" not in said
    assert found.value <= ceiling + 1e-12 or "beyond the ceiling" in said


@pytest.mark.parametrize("entry", SHARED)
def test_information_is_symmetric(entry, engine):
    if len(set(inputs(entry)[:2])) > 1:
        pytest.skip("its variables are of different kinds")
    x, y, *rest = draw(entry)
    found = estimate(entry, y, x, *rest)
    assert found.value == pytest.approx(estimate(entry, x, y, *rest).value, rel=1e-12, abs=1e-12)


# ---- truth --------------------------------------------------------------------------------


TRUTHS = [
    pytest.param(entry, truth, id=f"{entry.key}-{truth.name}")
    for entry in ENTRIES
    for truth in entry.truth
]


@each_entry
def test_every_estimator_has_a_truth_and_a_source(entry):
    assert entry.truth
    assert entry.source
    assert all(truth.source for truth in entry.truth)


@pytest.mark.parametrize(("entry", "truth"), TRUTHS)
def test_the_exact_value_is_reached_within_the_own_standard_error(entry, truth):
    found = []
    for seed in range(24):
        arrays = truth.sample(truth.n, np.random.default_rng((seed, 1956)))
        found.append(estimate(entry, *arrays, **truth.options))
    values = np.array([each.value for each in found])
    if found[0].stderr is None:  # judged by the spread of the repeats
        error = 3 * values.std() / math.sqrt(len(values)) + 1e-9
        assert values.mean() == pytest.approx(truth.value, abs=error)
        return
    errors = np.array([each.stderr for each in found], dtype=float)
    z = (values - truth.value) / errors
    mean, rms = z.mean(), np.sqrt((z * z).mean())
    told = f"mean z {mean:.2f}, rms {rms:.2f}, mean error {(values - truth.value).mean():.2g}"
    assert abs(mean) <= 1, told
    assert 0.5 <= rms <= 2, told
    if entry.bound == "upper":
        assert (z > -4).all(), told
    if entry.bound == "lower":
        assert (z < 4).all(), told


# ---- docstrings ---------------------------------------------------------------------------


@each_entry
def test_the_docstring_has_every_section(entry):
    text = inspect.getdoc(entry.function)
    assert text.partition("\n")[0].endswith(".")
    assert entry.summary == text.partition("\n")[0]
    order = (".. math::", "Parameters\n---", "Returns\n---", "Raises\n---", "Notes\n---")
    places = [text.find(section) for section in (*order, "References\n---")]
    assert -1 not in places, dict(zip((*order, "References"), places, strict=True))
    assert places == sorted(places)
    parts = dict(re.findall(r"^(\w+)\n-{3,}\n(.*?)(?=^\w+\n-{3,}\n|\Z)", text, re.M | re.S))
    assert entry.unit in parts["Returns"]
    assert re.search(r"\bbias", parts["Notes"], re.I)
    assert "Cost: " in parts["Notes"]
    assert re.search(r"doi:10\.|arXiv:|ISBN", parts["References"])
    for array in parameters(entry):
        assert re.search(rf"^[\w, ]*\b{array}\b[\w, ]* : .*shape \(n", parts["Parameters"], re.M)
    for option in entry.options:
        assert re.search(rf"^[\w, ]*\b{option}\b", parts["Parameters"], re.M), option


# ---- measures and verbs -------------------------------------------------------------------


@each_entry
def test_a_measure_is_the_estimator_with_its_options_fixed(entry):
    arrays = draw(entry)
    measure = it.measure(entry.key, **entry.options)
    twin = pickle.loads(pickle.dumps(measure))
    assert twin == measure
    assert (measure.quantity, measure.method) == (entry.quantity, entry.method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", it.InfotheoryWarning)
        assert_same(twin(*arrays), entry.function(*arrays))
    with pytest.raises(TypeError, match=rf"{entry.key} has no option 'sigma_k'"):
        it.measure(entry.key, sigma_k=3)


@each_entry
def test_an_estimator_is_reached_by_verb_by_name_and_by_list(entry):
    arrays = draw(entry)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", it.InfotheoryWarning)
        found = by_verb(entry, *arrays)
    assert_same(found, estimate(entry, *arrays))
    assert getattr(it, f"{entry.method}_{entry.quantity}") is entry.function
    assert entry in it.methods(entry.quantity)
    assert list(inspect.signature(entry.function).parameters) == [
        *parameters(entry),
        *entry.options,
    ]


@pytest.mark.parametrize("quantity", sorted({entry.quantity for entry in ENTRIES}))
def test_an_unknown_method_lists_the_known_ones_and_the_nearest(quantity):
    known = it.methods(quantity)
    misspelt = known[0].method + "x"
    arrays = draw(known[0])
    with pytest.raises(ValueError, match="method must be one of") as caught:
        getattr(it, quantity)(
            *((arrays,) if known[0].takes_any_number else arrays), method=misspelt
        )
    for entry in known:
        assert repr(entry.method) in str(caught.value)
    assert f"Did you mean {known[0].method!r}?" in str(caught.value)


def test_entropy_has_no_default_method():
    with pytest.raises(TypeError, match="entropy needs method=") as caught:
        it.entropy([1, 2, 3])
    for entry in it.methods("entropy"):
        assert repr(entry.method) in str(caught.value)


def test_every_module_of_estimators_registers_something_or_serves_one_that_does():
    folder = Path(inspect.getfile(registry)).parent / "estimators"
    homes = {Path(inspect.getfile(inspect.unwrap(entry.function))) for entry in ENTRIES}
    others = set(folder.glob("*.py")) - homes - {folder / "__init__.py"}
    imports = "\n".join(home.read_text("utf-8") for home in homes)
    for path in others:
        assert f"from infotheory.estimators.{path.stem} import" in imports
    assert {path.parent for path in homes} == {folder}
