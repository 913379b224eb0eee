"""Row codes: both engines against the definition, whatever the type, the bins and the hash."""

import numba
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from infotheory import ops
from infotheory.ops import tensor_rows
from infotheory.ops.kernels import rows
from tests import naive

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
SHAPES = [(1, 1), (1, 5), (2, 1), (7, 2), (50, 3), (33, 17), (200, 1), (300, 4)]
READINGS = [
    {},
    {"step": 0.07},
    {"step": 0.5, "low": -1.3},
    {"step": 0.25, "low": -2.0, "bins": 7},
    {"step": 1e-3, "low": 0.1, "bins": 1},
    {"edges": np.array([-1.0, 0.0, 0.5, 0.5, 2.0])},
    {"edges": np.array([0.25])},
    {"edges": np.array([])},
    {"edges": np.linspace(-2, 2, 31)},
]


def _cpu(x, **reading):
    return rows.row_codes(x, **reading)


def _torch(x, **reading):
    return tensor_rows.row_codes(torch.from_numpy(x), **reading)


both_engines = pytest.mark.parametrize("row_codes", [_cpu, _torch])


def _check(found, x, **reading):
    codes, m = found
    expected, kinds = naive.row_codes(x.tolist(), **reading)
    assert codes.dtype == np.int64
    assert codes.tolist() == expected
    assert m == kinds


@both_engines
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: "-".join(reading) or "values")
def test_codes_are_the_definition(row_codes, rng, dtype, shape, reading):
    x = (np.round(4 * rng.normal(size=shape)) / 4).astype(dtype)
    _check(row_codes(x, **reading), x, **reading)


@both_engines
@pytest.mark.parametrize("reading", READINGS[:6], ids=lambda reading: "-".join(reading) or "values")
def test_zero_has_no_sign(row_codes, reading):
    for dtype in (np.float32, np.float64):
        x = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, -0.0], [-0.0, 0.0]], dtype)
        _check(row_codes(x, **reading), x, **reading)
        assert row_codes(x, **reading)[0].tolist() == [0, 0, 1, 1] or "bins" in reading
        assert row_codes(x[:, :1], **reading)[0].tolist() == [0, 0, 0, 0]


@both_engines
def test_the_quotient_is_numpys(row_codes, rng):
    # multiples of the step and their neighbours, where a product with 1 / step would go astray
    multiples = rng.integers(-40, 40, size=(4000, 2)) * 0.07
    nudged = np.nextafter(multiples, rng.choice([-np.inf, np.inf], size=multiples.shape))
    for x in (multiples, nudged, multiples.astype(np.float32)):
        floors = np.floor(x.astype(np.float64) / 0.07)
        assert np.array_equal(row_codes(x, step=0.07)[0], row_codes(floors)[0])
        _check(row_codes(x, step=0.07), floors)


@both_engines
@pytest.mark.parametrize("step", [1e-300, 3.0, 1e300])
def test_quotients_of_any_size(row_codes, step):
    x = np.array([[1e308, 5e-324], [-1e308, -5e-324], [1e307, 5e-324], [0.0, 0.0], [1.0, -1.0]])
    with np.errstate(over="ignore"):
        floors = np.floor(x / step)
    _check(row_codes(x, step=step), floors)
    _check(row_codes(x, step=step, bins=9), np.minimum(floors, 8))


@both_engines
def test_entries_are_compared_in_double_precision(row_codes):
    x = np.float32([[0.1, 0.1], [0.7, 0.3]])
    edges = np.array([0.1, 0.3])  # float32(0.1) > 0.1, float32(0.3) > 0.3
    _check(row_codes(x, edges=edges), x, edges=edges)
    column = np.float32([[0.1], [0.2], [0.3], [0.0999]])
    assert row_codes(column, edges=edges)[0].tolist() == [0, 0, 1, 2]


@both_engines
def test_integers_are_compared_exactly(row_codes):
    big = 2**53
    x = np.array([[big, 0], [big + 1, 0], [big, 0], [-(2**63), 2**63 - 1], [2**63 - 1, -(2**63)]])
    assert row_codes(x)[0].tolist() == [0, 1, 0, 2, 3]
    assert row_codes(x[:, :1])[0].tolist() == [0, 1, 0, 2, 3]


def test_unsigned_integers_beyond_int64():
    x = np.array([[2**64 - 1, 0], [2**63, 0], [2**64 - 1, 0]], np.uint64)
    assert rows.row_codes(x)[0].tolist() == [0, 1, 0]
    assert rows.row_codes(x[:, :1])[0].tolist() == [0, 1, 0]
    assert rows.row_codes(x, edges=np.array([2.0**63 + 1e5]))[0].tolist() == [0, 1, 0]


@both_engines
@pytest.mark.parametrize(("low", "high"), [(0, 3), (-5, 900), (-(2**62), 2**62)])
def test_one_column_of_many_integers(row_codes, rng, low, high):
    # a table for small ranges; a hash which grows several times for others
    kinds = rng.integers(low, high, size=5000)
    x = rng.choice(kinds, size=(20_000, 1))
    _check(row_codes(x), x)


@both_engines
def test_rows_that_differ_in_one_late_entry(row_codes, rng):
    x = np.tile(rng.normal(size=1000), (64, 1))
    x[1::2, 999] += 1.0
    x[5, 512] += 1e-12
    codes, m = row_codes(x)
    assert m == 3
    assert codes.tolist() == [0, 1, 0, 1, 0, 2] + [0, 1] * 29


@both_engines
def test_permuted_rows_are_distinct(row_codes):
    x = np.array([[1, 2, 3], [3, 2, 1], [2, 1, 3], [1, 2, 3]])
    assert row_codes(x)[0].tolist() == [0, 1, 2, 0]
    assert row_codes(x.astype(np.float32))[0].tolist() == [0, 1, 2, 0]


@both_engines
def test_read_only_and_other_layouts(row_codes, rng):
    x = np.asfortranarray(rng.integers(0, 2, size=(60, 4)))
    expected = naive.row_codes(x.tolist())[0]
    assert row_codes(x)[0].tolist() == expected
    frozen = np.ascontiguousarray(x)
    frozen.flags.writeable = False
    assert rows.row_codes(frozen)[0].tolist() == expected


@pytest.mark.parametrize("mask", [0, 1, 15])
@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: "-".join(reading) or "values")
@pytest.mark.parametrize("dtype", ["int64", "float32", "float64"])
@pytest.mark.parametrize(("n", "kept_bytes"), [(40, 0), (1500, 0), (40, 1 << 20), (1500, 1 << 20)])
def test_a_collision_cannot_change_the_answer(
    rng, monkeypatch, mask, reading, dtype, n, kept_bytes
):
    # n = 1500 takes the parallel pass
    monkeypatch.setattr(rows, "_SERIAL", 3_000)
    monkeypatch.setattr(rows, "_KEPT_BYTES", kept_bytes)
    monkeypatch.setattr(rows, "_BLOCK_ENTRIES", 1_000)
    x = rng.integers(-4, 5, size=(n, 3)).astype(dtype) / 4
    x = x.astype(dtype)
    prepared = rows.prepared(
        x, reading.get("edges"), reading.get("low", 0.0), reading.get("step"), reading.get("bins")
    )
    taken = []
    slow = rows._sorted_codes
    monkeypatch.setattr(rows, "_sorted_codes", lambda *given: taken.append(1) or slow(*given))
    _check(rows._hashed_codes(*prepared, mask), x, **reading)
    distinct = len(set(map(tuple, x.tolist())))
    if mask == 0 and not reading:
        assert len(taken) == (1 if distinct > 1 else 0)


@pytest.mark.parametrize("kept_bytes", [0, 1 << 20])
def test_one_changed_row_in_thousands_is_noticed(monkeypatch, kept_bytes):
    # all rows share a hash; a single one, anywhere, is different
    monkeypatch.setattr(rows, "_SERIAL", 0)
    monkeypatch.setattr(rows, "_BLOCK_ENTRIES", 500)
    monkeypatch.setattr(rows, "_KEPT_BYTES", kept_bytes)
    for changed in (0, 1, 1000, 2998, 2999):
        for d in (2, 5, 8, 300):
            x = np.zeros((3000, d))
            x[changed, -1] = 1.0
            codes, m = rows._hashed_codes(*rows.prepared(x, None, 0.0, 0.5, None), 0)
            assert m == 2
            assert codes.tolist() == (x[:, -1] != x[0, -1]).astype(int).tolist()


@pytest.mark.parametrize("step", [1e-4, 1e-9, 1e-12])
@pytest.mark.parametrize("kept_bytes", [0, 1 << 20])
def test_bins_of_more_than_16_or_32_bits(rng, monkeypatch, step, kept_bytes):
    monkeypatch.setattr(rows, "_KEPT_BYTES", kept_bytes)
    x = rng.integers(-9, 10, size=(300, 3)).astype(np.float32)
    _check(rows.row_codes(x, step=step), x, step=step)
    x = x.astype(np.float64)
    _check(rows.row_codes(x, step=step), x, step=step)
    _check(rows.row_codes(x, step=step, bins=40_000), x, step=step, bins=40_000)


def test_threads_do_not_matter(rng, monkeypatch):
    monkeypatch.setattr(rows, "_SERIAL", 0)
    monkeypatch.setattr(rows, "_BLOCK_ENTRIES", 100)
    x = rng.normal(size=(5000, 3)).astype(np.float32)
    expected = naive.row_codes(x.tolist(), step=0.5)
    for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        before = numba.get_num_threads()
        numba.set_num_threads(threads)
        try:
            codes, m = rows.row_codes(x, step=0.5)
        finally:
            numba.set_num_threads(before)
        assert (codes.tolist(), m) == expected


def test_hashes_of_short_numbers_are_distinct(rng, monkeypatch):
    # Few bits set, few columns: what a sum of products mixes worst. No collision, so no sorting.
    monkeypatch.setattr(rows, "_sorted_codes", None)
    small = np.stack(np.meshgrid(*[np.arange(-16.0, 16.0)] * 3), axis=-1).reshape(-1, 3)
    scales = 2.0 ** np.arange(-60, 60)
    powers = np.stack(np.meshgrid(scales, scales), axis=-1).reshape(-1, 2)
    for x in (small, powers, rng.normal(size=(30_000, 2))):
        for dtype in (np.float64, np.float32):
            assert rows.row_codes(x.astype(dtype))[1] == len(x)
    assert rows.row_codes(small.astype(np.int64))[1] == len(small)
    assert rows.row_codes(powers, step=2.0**-60)[1] == len(powers)


@both_engines
@pytest.mark.parametrize("step", [0.07, 2 / 30, 0.5, 3.3])
@pytest.mark.parametrize("bins", [None, 30, 128, 200, 256, 257, 32_768, 40_000, 1 << 22])
def test_single_precision_is_binned_by_the_double_quotient(row_codes, rng, step, bins):
    # the product's guess is checked near each edge, far off, and where it vanishes
    edges = np.float32(np.arange(-40, 40) * step)
    near = np.concatenate([edges, np.nextafter(edges, np.float32(9e9)), np.float32(edges * 0.3)])
    odd = np.float32([0.0, -0.0, 1e-45, -1e-45, -1e-30, 3e38, -3e38, 2.0**31, -(2.0**31), 7e9])
    for pool in (near, np.concatenate([near, odd])):
        x = rng.choice(pool, size=(900, 3))
        for low in (0.0, float(pool.min()), 0.1):
            reading = {"step": step, "low": low, "bins": bins}
            _check(row_codes(x, **reading), x, **reading)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [3, 8, 40])
@pytest.mark.parametrize(
    ("low", "step", "bins"),
    [(0.0, 0.07, None), (-0.9, 0.06, 30), (0.1, 0.03, 256), (-7.3, 0.01, 900), (1e3, 1e-3, None)],
)
def test_places_of_a_product_are_those_of_the_division(rng, dtype, columns, low, step, bins):
    # every bin and both its edges, among numbers that are near to none: as many codes as places
    places = rng.integers(-20, 280, size=(3000, columns))
    for x in (
        low + step * (places + 0.5),
        low + step * places,
        np.nextafter(low + step * places, rng.choice([-np.inf, np.inf], size=places.shape)),
    ):
        x = x.astype(dtype)
        x[:, 1:] = x[0, 1:]
        floors = np.floor((x.astype(np.float64) - low) / step)
        floors = floors if bins is None else np.minimum(floors, bins - 1)
        codes, m = rows.row_codes(x, low=low, step=step, bins=bins)
        expected, kinds = rows.row_codes(floors)
        assert m == kinds
        assert np.array_equal(codes, expected)


@pytest.mark.parametrize("count", [254, 255, 256, 65_535, 65_536])
def test_as_many_edges_as_bytes_can_number_and_more(rng, count):
    edges = np.arange(count, dtype=np.float64)
    x = rng.choice(np.r_[-1.0, edges[:3], edges[-3:], count], size=(700, 2))
    _check(rows.row_codes(x, edges=edges), np.searchsorted(edges, x, side="right"))


@both_engines
def test_zeros_of_a_layer_and_its_last_bin(row_codes, rng):
    # a ReLU layer over its own range: zeros and the maximum sit on edges
    x = np.maximum(rng.normal(size=(500, 12)), 0).astype(np.float32)
    x[7] = x.max()
    reading = {"step": float(x.max()) / 30, "low": 0.0, "bins": 30}
    _check(row_codes(x, **reading), x, **reading)


values = st.sampled_from([0.0, -0.0, 0.07, 0.14, 0.21, -0.07, 1.0, -1.0, 1e-300, 1e300, 0.5])
integers = st.integers(-2, 2) | st.integers(-(2**63), 2**63 - 1)
shapes = st.tuples(st.integers(1, 40), st.integers(1, 6))


@both_engines
@given(
    x=arrays.arrays(np.float64, shapes, elements=values | st.floats(-3, 3)),
    reading=st.sampled_from([{}, {"step": 0.07}, {"step": 0.1, "low": -1.0, "bins": 12}]),
)
def test_any_floats(row_codes, x, reading):
    _check(row_codes(x, **reading), x, **reading)


@both_engines
@given(
    x=arrays.arrays(np.float32, shapes, elements=st.floats(-2, 2, width=32)),
    edges=st.lists(st.floats(-2, 2), max_size=70).map(sorted).map(np.array),
)
def test_any_edges(row_codes, x, edges):
    _check(row_codes(x, edges=edges), x, edges=edges.tolist())


@both_engines
@given(x=arrays.arrays(np.int64, shapes, elements=integers))
def test_any_integers(row_codes, x):
    _check(row_codes(x), x)


@pytest.mark.parametrize("name", ["cpu", "torch"])
def test_counts_values_and_ranges(name, rng):
    x = rng.integers(-3, 4, size=(80, 3)).astype(np.float32)
    with ops.use(name):
        engine = ops.of(x)
        codes = engine.row_codes(x[:, :1])
        found = engine.bincount(codes)
        assert found.dtype == np.int64
        assert found.tolist() == [int((codes == code).sum()) for code in range(codes.max() + 1)]
        distinct = sorted(set(x.ravel().tolist()))
        assert engine.unique_values(x).tolist() == distinct
        assert engine.value_range(x) == (distinct[0], distinct[-1])
