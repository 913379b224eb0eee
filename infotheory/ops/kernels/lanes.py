"""Distances from one sample to a whole tile of others at once, as explicit SIMD vectors.

Why by hand: on these loops the rate of LLVM's own vectoriser ranged over a factor of ten with
the number of columns. Vector types are portable: LLVM cuts them to the registers the machine has.

A tile holds samples column by column: 64 of float32 or 32 of float64. A set of samples is an array
(tiles, columns, lanes) whose last tile is padded with infinity, which is near to nothing. Answers
are bit masks: bit ``lane`` is set when sample ``lane`` of the tile passes. A Euclidean distance is
always the square of one, summed from the first column to the last.

No fast-math flag anywhere: sums of float64 are the answer, and must round as the definition does.

Numba's cache watches the file of a compiled function, not this one: after a change here, delete
``__pycache__``.
"""

import contextlib

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Four registers of 512 bits: enough running distances to hide the latency of one (64 lanes of
# float32 ran 1.3 times as fast as 32), few enough to fill an int64 mask.
SINGLE_LANES = 64
DOUBLE_LANES = 32
# Columns between two looks at "is any lane near enough still?". A look costs about two columns;
# trees (float64) leave most tiles early, brute force (float32) late.
SINGLE_LOOK = 8
DOUBLE_LOOK = 4

_INT64 = ir.IntType(64)


class _Code:
    """What every intrinsic below needs: the builder, the argument values, the vector type."""

    def __init__(self, context, builder, signature, values):
        self.context, self.builder = context, builder
        self.types, self.values = signature.args, values
        single = self.types[0].dtype == types.float32
        self.suffix = "f32" if single else "f64"
        self.scalar = ir.FloatType() if single else ir.DoubleType()
        self.bytes = 4 if single else 8
        self.lanes = SINGLE_LANES if single else DOUBLE_LANES
        self.look_every = SINGLE_LOOK if single else DOUBLE_LOOK
        self.vector = ir.VectorType(self.scalar, self.lanes)

    def array(self, position):
        kind = self.types[position]
        return self.context.make_array(kind)(self.context, self.builder, self.values[position])

    def columns(self, position):
        return self.builder.extract_value(self.array(position).shape, 1)

    def vector_at(self, data, index):
        return self.builder.bitcast(self.builder.gep(data, [index]), self.vector.as_pointer())

    def load_vector(self, data, index):
        return self.builder.load(self.vector_at(data, index), align=self.bytes)

    def load(self, data, index):
        return self.builder.load(self.builder.gep(data, [index]))

    def splat(self, value):
        if value.type != self.scalar:
            value = self.builder.fptrunc(value, self.scalar)
        nothing = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, nothing, zeros)

    def zero(self):
        return ir.Constant(self.vector, [0.0] * self.lanes)

    def magnitude(self, value):
        kind = ir.FunctionType(self.vector, [self.vector])
        name = f"llvm.fabs.v{self.lanes}{self.suffix}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [value])

    def plus_square(self, total, step):
        if self.bytes == 4:
            # float32 only filters, within bounds that fusing can but tighten
            kind = ir.FunctionType(self.vector, [self.vector] * 3)
            name = f"llvm.fmuladd.v{self.lanes}{self.suffix}"
            function = cgutils.get_or_insert_function(self.builder.module, kind, name)
            return self.builder.call(function, [step, step, total])
        return self.builder.fadd(total, self.builder.fmul(step, step))

    def larger(self, left, right):
        # an ordered comparison and a select are one machine instruction; no NaN comes here
        return self.builder.select(self.builder.fcmp_ordered(">", left, right), left, right)

    def add_column(self, total, step, euclidean):
        """The distance so far with one more column, for a step that is not negative."""
        square = self.plus_square(total, step)
        return self.builder.select(euclidean, square, self.larger(total, step))

    def mask(self, left, right):
        bits = self.builder.fcmp_ordered("<", left, right)
        return self.builder.zext(self.builder.bitcast(bits, ir.IntType(self.lanes)), _INT64)

    @contextlib.contextmanager
    def loop(self, first, last):
        with cgutils.for_range(self.builder, last, start=first, intp=_INT64) as loop:
            yield loop

    def at(self, index, columns, column):
        """Where the values of a column of a tile begin."""
        row = self.builder.add(self.builder.mul(index, columns), column)
        return self.builder.mul(row, _INT64(self.lanes))


def _lane_distances(code, patient):
    """(tiles, tile, query_tile, query_lane, first, last, euclidean, threshold, out, at)."""
    builder = code.builder
    tile, query_tile, lane, first, last, euclidean = code.values[1:7]
    data, columns = code.array(0).data, code.columns(0)
    limit = code.splat(code.values[7])
    mask = cgutils.alloca_once_value(builder, _INT64(0))
    total = cgutils.alloca_once(builder, code.vector)
    builder.store(code.zero(), total)

    def add_columns(start, stop, chebyshev):
        with code.loop(start, stop) as loop:
            there = code.load_vector(data, code.at(tile, columns, loop.index))
            here = code.load(data, builder.add(code.at(query_tile, columns, loop.index), lane))
            step, so_far = builder.fsub(there, code.splat(here)), builder.load(total)
            if chebyshev:
                builder.store(code.larger(so_far, code.magnitude(step)), total)
            else:
                builder.store(code.plus_square(so_far, step), total)

    def look():
        builder.store(code.mask(builder.load(total), limit), mask)

    def add_until_hopeless(chebyshev):
        some = _INT64(code.look_every)
        groups = builder.sdiv(
            builder.add(builder.sub(last, first), _INT64(code.look_every - 1)), some
        )
        with code.loop(_INT64(0), groups) as group:
            start = builder.add(first, builder.mul(group.index, some))
            stop = builder.add(start, some)
            stop = builder.select(builder.icmp_signed("<", stop, last), stop, last)
            add_columns(start, stop, chebyshev)
            look()
            hopeless = builder.icmp_signed("==", builder.load(mask), _INT64(0))
            with builder.if_then(hopeless):
                group.do_break()

    def distances(chebyshev):
        if patient:
            add_columns(first, last, chebyshev)
            look()
        else:
            add_until_hopeless(chebyshev)

    with builder.if_else(euclidean) as (is_euclidean, is_chebyshev):
        with is_euclidean:
            distances(chebyshev=False)
        with is_chebyshev:
            distances(chebyshev=True)
    place = code.vector_at(code.array(8).data, code.values[9])
    builder.store(builder.load(total), place, align=code.bytes)
    return builder.load(mask)


def _lane_signature(tiles, out):
    places = (types.int64,) * 5
    return types.int64(tiles, *places, types.boolean, types.float64, out, types.int64)


@intrinsic
def all_lanes(typing, tiles, tile, query_tile, lane, first, last, euclidean, threshold, out, at):
    """Distances of a tile in columns first..last - 1, written to the flat ``out`` from ``at`` on.

    Returns the mask of those below the threshold.
    """

    def build(context, builder, signature, values):
        return _lane_distances(_Code(context, builder, signature, values), patient=True)

    return _lane_signature(tiles, out), build


@intrinsic
def near_lanes(typing, tiles, tile, query_tile, lane, first, last, euclidean, threshold, out, at):
    """The same, but stops when no lane is near enough: what is written then is unfinished."""

    def build(context, builder, signature, values):
        return _lane_distances(_Code(context, builder, signature, values), patient=False)

    return _lane_signature(tiles, out), build


@intrinsic
def lanes_below(typing, out, at, threshold):
    """Mask of the values, one a lane, of a flat array from ``at`` on that are below a threshold."""
    signature = types.int64(out, types.int64, types.float64)

    def build(context, builder, signature, values):
        code = _Code(context, builder, signature, values)
        return code.mask(code.load_vector(code.array(0).data, values[1]), code.splat(values[2]))

    return signature, build


def _box_distances(code, far):
    """(tiles, tile, lower, upper, box, first, last, euclidean, thresholds)."""
    builder = code.builder
    tile, box, first, last, euclidean = (code.values[i] for i in (1, 4, 5, 6, 7))
    data, columns = code.array(0).data, code.columns(0)
    lower, upper = code.array(2).data, code.array(3).data
    limits = code.load_vector(code.array(8).data, _INT64(0))
    total = cgutils.alloca_once(builder, code.vector)
    builder.store(code.zero(), total)
    corner = builder.mul(box, columns)
    with code.loop(first, last) as loop:
        sample = code.load_vector(data, code.at(tile, columns, loop.index))
        place = builder.add(corner, loop.index)
        low, high = code.splat(code.load(lower, place)), code.splat(code.load(upper, place))
        if far:
            step = code.larger(builder.fsub(sample, low), builder.fsub(high, sample))
        else:
            step = code.larger(builder.fsub(low, sample), builder.fsub(sample, high))
            step = code.larger(step, code.zero())
        builder.store(code.add_column(builder.load(total), step, euclidean), total)
    return code.mask(builder.load(total), limits)


@intrinsic
def lanes_reaching(typing, tiles, tile, lower, upper, box, first, last, euclidean, thresholds):
    """Mask of the samples of a tile whose nearest point of a box is below their threshold."""
    place = (types.int64,) * 3
    signature = types.int64(tiles, types.int64, lower, upper, *place, types.boolean, thresholds)

    def build(context, builder, signature, values):
        return _box_distances(_Code(context, builder, signature, values), far=False)

    return signature, build


@intrinsic
def lanes_covering(typing, tiles, tile, lower, upper, box, first, last, euclidean, thresholds):
    """Mask of the samples of a tile whose furthest point of a box is below their threshold."""
    place = (types.int64,) * 3
    signature = types.int64(tiles, types.int64, lower, upper, *place, types.boolean, thresholds)

    def build(context, builder, signature, values):
        return _box_distances(_Code(context, builder, signature, values), far=True)

    return signature, build


@intrinsic
def first_lane(typing, mask):
    """The lowest set bit of a mask that is not zero."""

    def build(context, builder, signature, values):
        return builder.cttz(values[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), build


@intrinsic
def lane_count(typing, mask):
    """How many bits of a mask are set."""

    def build(context, builder, signature, values):
        return builder.ctpop(values[0])

    return types.int64(types.int64), build
