"""Products, squared distances and kernels of packed samples, as explicit SIMD vectors.

Samples are packed in panels: arrays (panels, depth, width), flat, so that one coordinate of
``width`` samples, two vectors, lies side by side. A block is 4 samples of one panel beside all of
another: its 8 running sums stay in registers, and hide the latency of one another. Blocks of raw
products or distances are written to a tile in the first cache; a second pass, whose steps do not
wait for each other, makes kernels of them and adds these to lanes of sums. Measured, that is
faster than a library's product of matrices followed by any loop over its result.

Why by hand: LLVM's own vectoriser keeps no block of sums in registers. Vector types are portable:
LLVM cuts them to the registers that the machine has.

Numba's cache watches the file of a compiled function, not this one: after a change here, delete
``__pycache__``.
"""

from __future__ import annotations

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from infotheory.ops.kernels import exponential

__all__ = [
    "QUAD",
    "UNROLL",
    "add_blocks",
    "keep_blocks",
    "lanes",
    "last_blocks",
    "middle_blocks",
    "pack",
    "raw_block",
    "width",
]

# Samples of the panel whose coordinates are spread over a vector each.
QUAD = 4
# Vectors beside each other in a panel.
VECTORS = 2
# Coordinates per turn of the inner loop; depths are padded with zeros to a multiple.
UNROLL = 4

# Coordinates up to which one thread packs sooner than several begin, and panels in a task.
SERIAL = 1 << 17
TOGETHER = 16

_INT64 = ir.IntType(64)


def _register() -> int:
    """Bytes of a vector register of this machine."""
    try:
        features = llvmlite.binding.get_host_cpu_features()
    except RuntimeError:  # the system does not tell
        return 16
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


_REGISTER = _register()


def lanes(dtype: np.dtype) -> int:
    """Numbers in a vector."""
    return _REGISTER // dtype.itemsize


def width(dtype: np.dtype) -> int:
    """Samples in a panel."""
    return VECTORS * lanes(dtype)


class _Code:
    """What the intrinsics below need: the builder, the argument values, the vector type."""

    def __init__(self, context, builder, signature, values):
        self.context, self.builder = context, builder
        self.types, self.values = signature.args, values
        self.single = self.types[0].dtype == types.float32
        self.bytes = 4 if self.single else 8
        self.scalar = ir.FloatType() if self.single else ir.DoubleType()
        self.lanes = _REGISTER // self.bytes
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.bits = ir.VectorType(ir.IntType(8 * self.bytes), self.lanes)

    def data(self, position):
        """Pointer to the element of a flat array that the next argument gives."""
        kind = self.types[position]
        array = self.context.make_array(kind)(self.context, self.builder, self.values[position])
        return self.builder.gep(array.data, [self.values[position + 1]])

    def constant(self, value):
        return ir.Constant(self.vector, [value] * self.lanes)

    def splat(self, value):
        nothing = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, nothing, zeros)

    def spread(self, data, index):
        """A vector of one number."""
        return self.splat(self.builder.load(self.builder.gep(data, [_INT64(index)])))

    def number(self, value):
        """A vector of a float64."""
        return self.splat(self.builder.fptrunc(value, self.scalar) if self.single else value)

    def place(self, data, number):
        place = self.builder.gep(data, [_INT64(number * self.lanes)])
        return self.builder.bitcast(place, self.vector.as_pointer())

    def load(self, data, number):
        return self.builder.load(self.place(data, number), align=self.bytes)

    def store(self, value, data, number):
        self.builder.store(value, self.place(data, number), align=self.bytes)

    def add_to(self, data, number, value):
        self.store(self.builder.fadd(self.load(data, number), value), data, number)

    def multiply_add(self, left, right, more):
        name = f"llvm.fmuladd.v{self.lanes}f{8 * self.bytes}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [left, right, more])

    def larger(self, left, right):
        return self.builder.select(self.builder.fcmp_ordered(">", left, right), left, right)

    def smaller(self, left, right):
        return self.builder.select(self.builder.fcmp_ordered("<", left, right), left, right)

    def power_of_two(self, exponent):
        """2^t for t <= 0, as `exponential` explains; what is above 0 by rounding counts as 0."""
        form = exponential.POWER_SINGLE if self.single else exponential.POWER_DOUBLE
        builder, rounder = self.builder, self.constant(form.rounder)
        exponent = self.larger(exponent, self.constant(form.lowest))
        exponent = self.smaller(exponent, self.constant(0.0))
        shifted = builder.fadd(exponent, rounder)
        rest = builder.fsub(exponent, builder.fsub(shifted, rounder))
        *others, total = map(self.constant, form.coefficients)
        for coefficient in reversed(others):
            total = self.multiply_add(rest, total, coefficient)
        amount = ir.Constant(self.bits, [form.mantissa] * self.lanes)
        power = builder.shl(builder.bitcast(shifted, self.bits), amount)
        found = builder.add(builder.bitcast(total, self.bits), power)
        return builder.bitcast(found, self.vector)


@intrinsic
def raw_block(
    typing, rows, row, columns, column, depth, distances, begun,
    tile, at, done, scale, row_halves, half, column_halves, other,
):  # fmt: skip
    """Products of 4 samples with those of a panel, or their squared distances, in a tile.

    ``rows`` and ``columns`` are packed, flat, and looked at from ``row`` and ``column`` on;
    ``depth`` is a multiple of UNROLL. If begun, they are added to what the tile has; if done, they
    are scaled, and halves for each row and column are taken away.
    """
    flag, place = types.boolean, types.int64
    signature = types.void(
        rows, place, columns, place, place, flag, flag,
        tile, place, flag, types.float64, row_halves, place, column_halves, place,
    )  # fmt: skip

    def build(context, builder, signature, values):
        code = _Code(context, builder, signature, values)
        left, right, out = code.data(0), code.data(2), code.data(7)
        of_rows, of_columns = code.data(11), code.data(13)
        turns = builder.udiv(values[4], _INT64(UNROLL))
        sums = [
            [cgutils.alloca_once(builder, code.vector) for _ in range(VECTORS)] for _ in range(QUAD)
        ]
        places = [(q, v, q * VECTORS + v) for q in range(QUAD) for v in range(VECTORS)]
        with builder.if_else(values[6]) as (again, anew):
            with again:
                for q, v, here in places:
                    builder.store(code.load(out, here), sums[q][v])
            with anew:
                for q, v, _ in places:
                    builder.store(code.constant(0.0), sums[q][v])

        def add_up(squares):
            step = _INT64(UNROLL * VECTORS * code.lanes)
            with cgutils.for_range(builder, turns, start=_INT64(0), intp=_INT64) as loop:
                start = builder.mul(loop.index, step)
                ours, theirs = builder.gep(left, [start]), builder.gep(right, [start])
                for near in range(0, UNROLL * VECTORS, VECTORS):
                    others = [code.load(theirs, near + v) for v in range(VECTORS)]
                    for q in range(QUAD):
                        own = code.spread(ours, near * code.lanes + q)
                        for v in range(VECTORS):
                            factors = own, others[v]
                            if squares:
                                factors = (builder.fsub(*factors),) * 2
                            total = code.multiply_add(*factors, builder.load(sums[q][v]))
                            builder.store(total, sums[q][v])

        with builder.if_else(values[5]) as (is_distance, is_product):
            with is_distance:
                add_up(squares=True)
            with is_product:
                add_up(squares=False)
        with builder.if_else(values[9]) as (last, not_last):
            with last:
                factor = code.number(values[10])
                others = [code.load(of_columns, v) for v in range(VECTORS)]
                for q in range(QUAD):
                    own = code.spread(of_rows, q)
                    for v in range(VECTORS):
                        both = builder.fneg(builder.fadd(own, others[v]))
                        total = code.multiply_add(factor, builder.load(sums[q][v]), both)
                        code.store(total, out, q * VECTORS + v)
            with not_last:
                for q, v, here in places:
                    code.store(builder.load(sums[q][v]), out, here)
        return context.get_dummy_value()

    return signature, build


def _kernel_block(multiply, keep):
    """An intrinsic that makes kernels of a block of a tile, and adds them to lanes.

    With `multiply` the products with the kernels that the first tile holds are taken as well; with
    `keep` these, or else the kernels, are left there for the next part, and otherwise added.
    """

    @intrinsic
    def kernels(
        typing, tile, at, row_sums, row_lane, column_sums, column_lane,
        held, place, row_joint, joint_lane, column_joint, joint_column,
    ):  # fmt: skip
        where = types.int64
        signature = types.void(
            tile, where, row_sums, where, column_sums, where,
            held, where, row_joint, where, column_joint, where,
        )  # fmt: skip

        def build(context, builder, signature, values):
            code = _Code(context, builder, signature, values)
            raw, lines, columns = code.data(0), code.data(2), code.data(4)
            first, joint_lines, joint_columns = code.data(6), code.data(8), code.data(10)
            values, products = [], []
            for q in range(QUAD):
                places = range(q * VECTORS, (q + 1) * VECTORS)
                line = [code.power_of_two(code.load(raw, here)) for here in places]
                values.append(line)
                if multiply:
                    pairs = zip(line, places, strict=True)
                    line = [builder.fmul(value, code.load(first, here)) for value, here in pairs]
                    products.append(line)
                if keep:
                    for value, here in zip(line, places, strict=True):
                        code.store(value, first, here)
            _add_block(code, values, lines, columns)
            if multiply and not keep:
                _add_block(code, products, joint_lines, joint_columns)
            return context.get_dummy_value()

        return signature, build

    return kernels


def _add_block(code, values, lines, columns):
    """Add a block of vectors to a vector for each sample, and to the vectors of the panel."""
    add = code.builder.fadd
    for q, line in enumerate(values):
        code.add_to(lines, q, add(*line))
    for v in range(VECTORS):
        first, second, third, fourth = (line[v] for line in values)
        code.add_to(columns, v, add(add(first, second), add(third, fourth)))


#: Of a single part; of the first of several, of one between, and of the last.
add_blocks = _kernel_block(multiply=False, keep=False)
keep_blocks = _kernel_block(multiply=False, keep=True)
middle_blocks = _kernel_block(multiply=True, keep=True)
last_blocks = _kernel_block(multiply=True, keep=False)


def pack(x, centre, scale, depth, across, packed, halves, longest):
    """Put scaled differences from a centre into panels, and find their lengths.

    Parameters
    ----------
    x : float array, shape (n, d)
    centre : float64 array, shape (d,)
    scale : float
    depth : int
        d, padded.
    across : int
        Samples in a panel.
    packed : float array, shape (panels * depth * across,)
        Filled; 0 where there is no sample or coordinate.
    halves : float array, shape (panels * across,)
        Filled with half the squared lengths; infinite where there is no sample.
    longest : float64 array, shape (panels,)
        Filled with the largest squared length in each panel; infinite if one is no number.
    """
    arguments = x, centre, scale, depth, across, packed, halves, longest
    if x.size > SERIAL:
        _pack_all(*arguments)
    else:
        _pack_some(*arguments, 0, len(longest))


@njit(parallel=True, cache=True)
def _pack_all(x, centre, scale, depth, across, packed, halves, longest):
    groups = -(-len(longest) // TOGETHER)
    for group in prange(groups):
        first = group * TOGETHER
        last = min(first + TOGETHER, len(longest))
        _pack_some(x, centre, scale, depth, across, packed, halves, longest, first, last)


@njit(cache=True)
def _pack_some(x, centre, scale, depth, across, packed, halves, longest, first, last):
    line = np.empty(x.shape[1], packed.dtype)
    for panel in range(first, last):
        start, place = panel * across, panel * depth * across
        count = min(across, len(x) - start)
        if count < across or x.shape[1] < depth:
            packed[place : place + depth * across] = 0.0
        for i in range(count):
            _centred(x[start + i], centre, scale, line)
            for k in range(line.size):
                packed[place + k * across + i] = line[k]
            square = _square(line)
            halves[start + i] = square / 2
            # not (a <= b) is true of numbers that are none, too
            if not square <= longest[panel]:
                longest[panel] = square if square == square else np.inf
        for i in range(count, across):
            halves[start + i] = np.inf


@njit(cache=True)
def _centred(row, centre, scale, line):
    for k in range(line.size):
        line[k] = (row[k] - centre[k]) * scale


@njit(fastmath={"reassoc", "contract"}, cache=True)
def _square(line):
    """The squared length, in double precision."""
    total = 0.0
    for k in range(line.size):
        value = np.float64(line[k])
        total += value * value
    return total
