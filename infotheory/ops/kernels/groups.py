"""Eight samples in two columns that look for their neighbours together, as explicit SIMD vectors.

Here the lanes are those who look, and the samples they are offered pass by one at a time: the
other way round than in `lanes`, on whose code this stands, and whose note on numba's cache holds.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from infotheory.ops.kernels.lanes import _INT64, _Code

#: How many look together.
GROUP = 8


class _GroupCode(_Code):
    """The same for a group, whose array (rows, GROUP) holds one value of float64 a lane."""

    def __init__(self, context, builder, signature, values):
        super().__init__(context, builder, signature, values)
        self.lanes = GROUP
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.data = self.array(0).data

    def row(self, row):
        row = _INT64(row) if isinstance(row, int) else row
        return self.vector_at(self.data, self.builder.mul(row, _INT64(self.lanes)))

    def load_row(self, row):
        return self.builder.load(self.row(row), align=8)

    def rounding(self, value):
        """More than a number can differ from what was rounded to it."""
        kind = ir.FunctionType(self.scalar, [self.scalar])
        name = f"llvm.fabs.{self.suffix}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        part = self.builder.fmul(self.builder.call(function, [value]), self.scalar(2.0**-52))
        return self.builder.fadd(part, self.scalar(2.0**-1022))

    def of_two(self, name, left, right):
        kind = ir.FunctionType(left.type, [left.type] * 2)
        name = f"llvm.{name}.v{left.type.count}{self.suffix}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        # the flag is no licence to round: it says that no NaN comes here
        return self.builder.call(function, [left, right], fastmath=("nnan",))

    def of_all(self, name, values):
        while values.type.count > 1:
            half = values.type.count // 2
            kind = ir.VectorType(ir.IntType(32), half)
            nothing = ir.Constant(values.type, ir.Undefined)
            low, high = (
                self.builder.shuffle_vector(
                    values, nothing, ir.Constant(kind, list(range(first, first + half)))
                )
                for first in (0, half)
            )
            values = self.of_two(name, low, high)
        return self.builder.extract_element(values, ir.Constant(ir.IntType(32), 0))


@intrinsic
def offer_to_group(typing, group, samples, first, last, euclidean, joined, row, ranks):
    """Offer samples first..last - 1 to every lane of a group, and keep the nearest of each.

    ``samples`` is (2, n), the first two rows of ``group`` are its own; ``ranks`` rows from ``row``
    on hold the distances so far in ascending order. The Euclidean distance is that of one part
    with two columns if ``joined``, else the larger of two parts.
    """
    place = (types.int64,) * 2
    signature = types.void(group, samples, *place, types.boolean, types.boolean, *place)

    def build(context, builder, signature, values):
        code = _GroupCode(context, builder, signature, values)
        first, last, euclidean, joined, row, ranks = values[2:]
        x, y, xs = code.load_row(0), code.load_row(1), code.array(1).data
        ys = builder.gep(xs, [code.columns(1)])
        away = cgutils.alloca_once(builder, code.vector)

        def offer(chebyshev):
            with code.loop(first, last) as loop:
                across = builder.fsub(code.splat(code.load(xs, loop.index)), x)
                along = builder.fsub(code.splat(code.load(ys, loop.index)), y)
                if chebyshev:
                    distance = code.larger(code.magnitude(across), code.magnitude(along))
                else:
                    squares = builder.fmul(across, across), builder.fmul(along, along)
                    distance = builder.select(joined, builder.fadd(*squares), code.larger(*squares))
                builder.store(distance, away)
                with code.loop(_INT64(0), ranks) as rank:
                    kept = code.row(builder.add(row, rank.index))
                    there, here = builder.load(kept, align=8), builder.load(away)
                    # a comparison and a select would become a masked store, slow on some machines
                    builder.store(code.of_two("minnum", there, here), kept, align=8)
                    builder.store(code.larger(there, here), away)

        with builder.if_else(euclidean) as (is_euclidean, is_chebyshev):
            with is_euclidean:
                offer(chebyshev=False)
            with is_chebyshev:
                offer(chebyshev=True)
        return context.get_dummy_value()

    return signature, build


@intrinsic
def group_box(typing, group, euclidean, row, box):
    """The lowest and highest first, then second coordinate within reach of a lane of a group.

    They go to the row ``box``; the reach is in ``row``. The edges are moved outwards by more than
    they can have been rounded. A lane whose reach is zero looks for nothing; if all do, the edges
    are NaN, with which no comparison holds.
    """
    signature = types.void(group, types.boolean, types.int64, types.int64)

    def build(context, builder, signature, values):
        code = _GroupCode(context, builder, signature, values)
        reach = code.load_row(values[2])
        empty = builder.fcmp_ordered("<=", reach, code.zero())
        root = cgutils.alloca_once_value(builder, reach)
        with builder.if_then(values[1]):
            kind = ir.FunctionType(code.vector, [code.vector])
            name = f"llvm.sqrt.v{code.lanes}{code.suffix}"
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            # a little more than the rounding of the root
            more = ir.Constant(code.vector, [1.0 + 2.0**-50] * code.lanes)
            builder.store(builder.fmul(builder.call(function, [reach]), more), root)
        nothing = ir.Constant(code.vector, [float("-inf")] * code.lanes)
        reach = builder.select(empty, nothing, builder.load(root))
        edges = builder.mul(values[3], _INT64(code.lanes))
        for column in range(2):
            here = code.load_row(column)
            low = code.of_all("minnum", builder.fsub(here, reach))
            high = code.of_all("maxnum", builder.fadd(here, reach))
            for edge, value, out in ((2 * column, low, "fsub"), (2 * column + 1, high, "fadd")):
                value = getattr(builder, out)(value, code.rounding(value))
                builder.store(value, builder.gep(code.data, [builder.add(edges, _INT64(edge))]))
        return context.get_dummy_value()

    return signature, build
