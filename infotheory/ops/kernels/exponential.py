"""exp(-t) in double precision, written so that LLVM can vectorise the loops which call it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

# Below this the result is zero. exp(-708) is still a normal number, so the power of two can be
# built by writing its exponent bits, and no denormal ever slows a loop down.
LOWEST = -708.0

# 1.5 * 2^52: adding it rounds a double to the nearest integer, which is then found in the low bits.
_ROUNDER = 6755399441055744.0
_LOG2_E = 1.4426950408889634
# ln 2 in two parts; the first has 42 bits, so that its product with an exponent is exact.
_LN2_HIGH = 0.6931471805598903
_LN2_LOW = 5.497923018708371e-14
# (e^r - 1 - r) / r^2 interpolated in ten Chebyshev nodes of abs(r) <= ln(2) / 2, computed with 60
# digits: the polynomial is within 1.6e-17 of e^r, a thirteenth of what rounding adds.
_C0 = 0.5000000000000001
_C1 = 0.16666666666666669
_C2 = 0.04166666666662413
_C3 = 0.008333333333330062
_C4 = 0.0013888888917213717
_C5 = 0.00019841269863053618
_C6 = 2.4801521295954376e-05
_C7 = 2.7557268459997064e-06
_C8 = 2.7620088445409746e-07
_C9 = 2.510038549551032e-08


@intrinsic
def as_integer(typing_context, number):
    """Bits of a float64, read as an int64."""
    if number != types.float64:
        raise TypingError(f"as_integer needs a float64; got {number}.")

    def build(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(number), build


@intrinsic
def as_float(typing_context, bits):
    """The float64 that has these 64 bits."""
    if bits not in (types.int64, types.uint64):
        raise TypingError(f"as_float needs 64 bits; got {bits}.")

    def build(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(bits), build


# contract lets a * b + c be one instruction: faster, and each one rounds once instead of twice.
# Nothing may be reordered here, because adding and removing _ROUNDER would then cancel.
@njit(fastmath={"contract"}, cache=True)
def exp_negative(x):
    r"""e^x for x <= 0 (minus infinity too), to about 2e-16 relative; exactly 0 below -708.

    .. math:: e^x = 2^k e^r, \quad k = [x / \ln 2], \quad |r| \le \tfrac12 \ln 2
    """
    clamped = x if x > LOWEST else LOWEST
    shifted = clamped * _LOG2_E + _ROUNDER
    power = shifted - _ROUNDER
    r = clamped - power * _LN2_HIGH - power * _LN2_LOW
    tail = _C8 + r * _C9
    tail = _C7 + r * tail
    tail = _C6 + r * tail
    tail = _C5 + r * tail
    tail = _C4 + r * tail
    tail = _C3 + r * tail
    tail = _C2 + r * tail
    tail = _C1 + r * tail
    tail = _C0 + r * tail
    mantissa = 1.0 + (r + r * r * tail)
    # k sits in the low bits of `shifted`; 1023 is the exponent bias, 52 the width of the mantissa.
    scale = as_float((as_integer(shifted) + 1023) << 52)
    return mantissa * scale if x >= LOWEST else 0.0


# The same in single precision: below this the result is zero, and exp(-87) is a normal number.
LOWEST_SINGLE = np.float32(-87.0)
_ROUNDER_SINGLE = np.float32(12582912.0)  # 1.5 * 2^23
_LOG2_E_SINGLE = np.float32(1.4426950408889634)
_LN2_HIGH_SINGLE = np.float32(0.693145751953125)  # 15 bits
_LN2_LOW_SINGLE = np.float32(1.4286068203094172e-06)
# e^r in abs(r) <= ln(2) / 2: the coefficients of Cephes' expf, within 1e-8.
_S0 = np.float32(5.0000001201e-1)
_S1 = np.float32(1.6666665459e-1)
_S2 = np.float32(4.1665795894e-2)
_S3 = np.float32(8.3334519073e-3)
_S4 = np.float32(1.3981999507e-3)
_S5 = np.float32(1.9875691500e-4)
_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)


@intrinsic
def as_short_integer(typing_context, number):
    """Bits of a float32, read as an int32."""
    if number != types.float32:
        raise TypingError(f"as_short_integer needs a float32; got {number}.")

    def build(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(number), build


@intrinsic
def _power_of_two(typing_context, shifted):
    """2^k as a float32, from k in the low bits of `shifted`."""
    if shifted != types.float32:
        raise TypingError(f"_power_of_two needs a float32; got {shifted}.")

    def build(context, builder, signature, arguments):
        # In 32 bits throughout: numba would widen the sum to 64, and halve the vectors.
        word = ir.IntType(32)
        bits = builder.add(builder.bitcast(arguments[0], word), ir.Constant(word, 127))
        return builder.bitcast(builder.shl(bits, ir.Constant(word, 23)), ir.FloatType())

    return types.float32(shifted), build


@njit(fastmath={"contract"}, cache=True)
def exp_negative_single(x):
    """e^x of a float32 x <= 0, to about 2e-7 relative; exactly 0 below -87."""
    clamped = x if x > LOWEST_SINGLE else LOWEST_SINGLE
    shifted = clamped * _LOG2_E_SINGLE + _ROUNDER_SINGLE
    power = shifted - _ROUNDER_SINGLE
    r = clamped - power * _LN2_HIGH_SINGLE - power * _LN2_LOW_SINGLE
    tail = _S4 + r * _S5
    tail = _S3 + r * tail
    tail = _S2 + r * tail
    tail = _S1 + r * tail
    tail = _S0 + r * tail
    mantissa = _ONE + (r + r * r * tail)
    return mantissa * _power_of_two(shifted) if x >= LOWEST_SINGLE else _ZERO


class PowerForm(NamedTuple):
    r"""How 2^t is made for t <= 0, in the units of which a shift of bits is a power of two.

    .. math:: 2^t = 2^k 2^r, \quad k = [t], \quad |r| \le \tfrac12

    The rest r is exact, so that no logarithm in two parts is needed. k is added to the bits of
    the exponent of the polynomial in r: at the lowest k, where r is 0, all bits become 0.
    """

    lowest: float
    """Below this t counts as this, and 2^t is exactly 0."""
    rounder: float
    """Added and taken away again, it rounds to a whole number, found in the low bits between."""
    mantissa: int
    """Bits of the mantissa, above which those of the exponent are."""
    coefficients: tuple[float, ...]
    """Of powers of r from 0 on: 1, and (2^r - 1) / r interpolated in Chebyshev nodes."""


# Within 2e-17 of 2^r, computed with 40 digits.
POWER_DOUBLE = PowerForm(
    -1023.0,
    _ROUNDER,
    52,
    (
        1.0,
        0.6931471805599453,
        0.24022650695910097,
        0.0555041086648216,
        0.009618129107606888,
        0.0013333558146416936,
        0.0001540353044173605,
        1.525273382983612e-05,
        1.321544258792169e-06,
        1.0178062445845774e-07,
        7.072585949269223e-09,
        4.4549605981865186e-10,
    ),
)
# Within 5.1e-9 of 2^r, a twelfth of what rounding adds.
POWER_SINGLE = PowerForm(
    -127.0,
    float(_ROUNDER_SINGLE),
    23,
    (
        1.0,
        0.6931471880262288,
        0.24022650760568126,
        0.05550357114219078,
        0.009618082557277852,
        0.0013390863364671234,
        0.0001545316294512069,
    ),
)
