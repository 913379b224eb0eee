"""Distances from one sample to others that a list names, as vectors.

The companions of `lanes`, for float64 and samples that stand in no tile. Bit masks as there: bit
``lane`` is set when the sample of that lane passes. Nothing checks an index.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from infotheory.ops.kernels.lanes import _INT64, _Code

_INT32 = ir.IntType(32)


def _shuffled(builder, left, right, places):
    """Lanes of two vectors, those of the right one numbered after those of the left one."""
    kind = ir.VectorType(_INT32, len(places))
    return builder.shuffle_vector(left, right, ir.Constant(kind, list(places)))


def _distances(code, steps, euclidean, columns):
    """The distances in all columns, of which ``steps`` gives the differences."""
    builder = code.builder
    total = cgutils.alloca_once(builder, code.vector)
    builder.store(code.zero(), total)
    with builder.if_else(euclidean) as (is_euclidean, is_chebyshev):
        with is_euclidean, code.loop(_INT64(0), columns) as loop:
            builder.store(code.plus_square(builder.load(total), steps(loop.index)), total)
        with is_chebyshev, code.loop(_INT64(0), columns) as loop:
            step = code.magnitude(steps(loop.index))
            builder.store(code.larger(builder.load(total), step), total)
    return builder.load(total)


def _answer(code, distances, threshold, out):
    """Write the distances down; the mask of those below the threshold."""
    place = code.vector_at(code.array(out).data, _INT64(0))
    code.builder.store(distances, place, align=code.bytes)
    return code.mask(distances, code.splat(threshold))


def _column_steps(code, names, here):
    """Differences in a column, its values gathered one by one."""
    builder, data = code.builder, code.array(0).data

    def steps(column):
        there = ir.Constant(code.vector, ir.Undefined)
        for lane in range(code.lanes):
            name = builder.load(builder.gep(names, [_INT64(lane)]))
            place = builder.add(builder.zext(name, _INT64), column)
            there = builder.insert_element(there, code.load(data, place), _INT32(lane))
        return builder.fsub(there, code.splat(code.load(here, column)))

    return steps


def _pair_distances(code, names, here, euclidean):
    """The distances in two columns, whose values are gathered together."""
    builder, data = code.builder, code.array(0).data
    pair = ir.VectorType(code.scalar, 2).as_pointer()

    def both(lane):
        name = builder.load(builder.gep(names, [_INT64(lane)]))
        place = builder.gep(data, [builder.zext(name, _INT64)])
        return builder.load(builder.bitcast(place, pair), align=code.bytes)

    columns = [], []
    for lane in range(0, code.lanes, 4):
        # in this order each of the four shuffles is one instruction
        even = _shuffled(builder, both(lane), both(lane + 2), range(4))
        odd = _shuffled(builder, both(lane + 1), both(lane + 3), range(4))
        columns[0].append(_shuffled(builder, even, odd, (0, 4, 2, 6)))
        columns[1].append(_shuffled(builder, even, odd, (1, 5, 3, 7)))

    def step(column):
        parts = columns[column]
        while len(parts) > 1:
            places = range(2 * parts[0].type.count)
            pairs = zip(parts[::2], parts[1::2], strict=True)
            parts = [_shuffled(builder, left, right, places) for left, right in pairs]
        return builder.fsub(parts[0], code.splat(code.load(here, _INT64(column))))

    one, two = step(0), step(1)
    squares = code.plus_square(builder.fmul(one, one), two)
    return builder.select(euclidean, squares, code.larger(code.magnitude(one), code.magnitude(two)))


@intrinsic
def named_lanes(typing, rows, names, first, home, euclidean, threshold, out):
    """Distances from a row to those that begin where the names from ``first`` on say.

    A name is the place of a row's first value in the flat ``rows``, an unsigned number of 32 bits.
    The distances go to the flat ``out``. Returns the mask of those below the threshold.
    """

    def build(context, builder, signature, values):
        code = _Code(context, builder, signature, values)
        columns, euclidean, threshold = code.columns(0), values[4], values[5]
        names = builder.gep(code.array(1).data, [values[2]])
        here = builder.gep(code.array(0).data, [builder.mul(values[3], columns)])
        found = cgutils.alloca_once(builder, _INT64)
        pairs = builder.icmp_signed("==", columns, _INT64(2))
        with builder.if_else(pairs) as (is_pair, is_other):
            with is_pair:
                distances = _pair_distances(code, names, here, euclidean)
                builder.store(_answer(code, distances, threshold, 6), found)
            with is_other:
                steps = _column_steps(code, names, here)
                distances = _distances(code, steps, euclidean, columns)
                builder.store(_answer(code, distances, threshold, 6), found)
        return builder.load(found)

    places = (types.int64,) * 2
    options = (types.boolean, types.float64)
    return types.int64(rows, names, *places, *options, out), build
