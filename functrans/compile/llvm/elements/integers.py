"""Operations of integers and bools, as NumPy does them: sums wrap around, what is divided by zero
is zero, and bits that are shifted out are lost.

Each takes the builder, whether the numbers are signed, and the operands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import Builder, Value, bits_of, number

if TYPE_CHECKING:
    from collections.abc import Callable


def _least(x: Value) -> int:
    return -(1 << (bits_of(x.type) - 1))


def quotient(b: Builder, signed: bool, x: Value, y: Value) -> Value:
    """x / y towards zero; 0 where y is 0."""
    zero = b.icmp("eq", y, 0)
    bits = bits_of(x.type)
    if bits == 64:
        odd = b.either(zero, b.icmp("eq", y, -1)) if signed else zero
        found = b.binary("sdiv" if signed else "udiv", x, b.select(odd, number(1, y.type), y))
    else:  # exact: the quotient of such integers is nowhere within an ulp of the next whole number
        wide = "double" if bits == 32 else "float"
        op = "sitofp" if signed else "uitofp"
        ratio = b.fdiv(b.cast(op, x, wide), b.cast(op, y, wide))
        whole = "i64" if bits == 32 else "i32"
        safe = b.select(zero, number(0, ratio.type), ratio)
        found = b.cast("trunc", b.cast("fptosi", safe, whole), f"i{bits}")
        return found
    if signed:
        found = b.select(b.icmp("eq", y, -1), b.sub(0, x), found)
    return b.select(zero, number(0, x.type), found)


def remainder_towards_zero(b: Builder, signed: bool, x: Value, y: Value) -> Value:
    """``fmod``: of the sign of x; 0 where y is 0."""
    rest = b.sub(x, b.mul(quotient(b, signed, x, y), y))
    return b.select(b.icmp("eq", y, 0), number(0, x.type), rest)


def _crossed(b: Builder, rest: Value, y: Value) -> Value:
    """Where the remainder is not of the divisor's sign."""
    unlike = b.icmp("slt", b.xor(rest, y), 0)
    return b.both(b.icmp("ne", rest, 0), unlike)


def floor_divide(b: Builder, signed: bool, x: Value, y: Value) -> Value:
    found = quotient(b, signed, x, y)
    if not signed:
        return found
    rest = b.sub(x, b.mul(found, y))
    off = b.both(_crossed(b, rest, y), b.icmp("ne", y, 0))
    return b.select(off, b.sub(found, 1), found)


def remainder(b: Builder, signed: bool, x: Value, y: Value) -> Value:
    rest = remainder_towards_zero(b, signed, x, y)
    return b.select(_crossed(b, rest, y), b.add(rest, y), rest) if signed else rest


def reciprocal(b: Builder, signed: bool, x: Value) -> Value:
    """1 / x; of 0 the least integer, as the cast of infinity, where there are 32 bits or more."""
    bits = bits_of(x.type)
    own = b.icmp("eq", x, 1)
    if signed:
        own = b.either(own, b.icmp("eq", x, -1))
    found = b.select(own, x, 0)
    if signed and bits >= 32:
        found = b.select(b.icmp("eq", x, 0), number(_least(x), x.type), found)
    return found


def left_shift(b: Builder, signed: bool, x: Value, y: Value) -> Value:
    bits = bits_of(x.type)
    far = b.icmp("uge", y, bits)
    return b.select(far, number(0, x.type), b.binary("shl", x, b.select(far, number(0, y.type), y)))


def right_shift(b: Builder, signed: bool, x: Value, y: Value) -> Value:
    bits = bits_of(x.type)
    if signed:
        return b.binary("ashr", x, b.intrinsic("umin", y, bits - 1))
    far = b.icmp("uge", y, bits)
    found = b.binary("lshr", x, b.select(far, number(0, y.type), y))
    return b.select(far, number(0, x.type), found)


def absolute(b: Builder, signed: bool, x: Value) -> Value:
    return b.select(b.icmp("slt", x, 0), b.sub(0, x), x) if signed else x


def sign(b: Builder, signed: bool, x: Value) -> Value:
    positive = b.cast("zext", b.icmp("sgt" if signed else "ugt", x, 0), f"i{bits_of(x.type)}")
    if not signed:
        return positive
    return b.either(positive, b.binary("ashr", x, bits_of(x.type) - 1))


def bit_count(b: Builder, signed: bool, x: Value) -> Value:
    """The ones of the absolute value, in a byte."""
    return b.cast("trunc", b.intrinsic("ctpop", absolute(b, signed, x)), "i8")


def power(b: Builder, signed: bool, x: Value, y: Value) -> Value:
    """x to a power that is not negative; it wraps around."""

    def step(i: Value, carried: list[Value]) -> list[Value]:
        total, base, rest = carried
        odd = b.icmp("ne", b.both(rest, 1), 0)
        total = b.select(odd, b.mul(total, base), total)
        return [total, b.mul(base, base), b.binary("lshr", rest, 1)]

    steps = bits_of(x.type)
    return b.loop(0, steps, step, [number(1, x.type), x, y])[0]


def gcd(b: Builder, signed: bool, x: Value, y: Value) -> Value:
    """The greatest common divisor, by Euclid's algorithm in all lanes at once."""
    one, other = b.slot(x.type), b.slot(x.type)
    b.store(absolute(b, signed, x), one)
    b.store(absolute(b, signed, y), other)
    head, body, after = b.label("euclid"), b.label("divide"), b.label("found")
    b.jump(head)
    b.start(head)
    q = b.load(x.type, other)
    b.fork(b.any(b.icmp("ne", q, 0)), body, after)
    b.start(body)
    p = b.load(x.type, one)
    done = b.icmp("eq", q, 0)
    b.store(b.select(done, p, q), one)
    b.store(remainder_towards_zero(b, False, p, q), other)
    b.jump(head)
    b.start(after)
    return b.load(x.type, one)


def lcm(b: Builder, signed: bool, x: Value, y: Value) -> Value:
    """The least common multiple; 0 where either is."""
    x, y = absolute(b, signed, x), absolute(b, signed, y)
    return b.mul(quotient(b, False, x, gcd(b, False, x, y)), y)


def _ordered(how: str) -> Callable[[Builder, bool, Value, Value], Value]:
    return lambda b, signed, x, y: b.icmp(("s" if signed else "u") + how, x, y)


def _extreme(how: str) -> Callable[[Builder, bool, Value, Value], Value]:
    return lambda b, signed, x, y: b.intrinsic(("s" if signed else "u") + how, x, y)


def _nonzero(b: Builder, x: Value) -> Value:
    return b.icmp("ne", x, 0)


def _same(b: Builder, signed: bool, x: Value) -> Value:
    return x


def _always(holds: bool) -> Callable[[Builder, bool, Value], Value]:
    return lambda b, signed, x: number(holds, b.icmp("eq", x, x).type)


INTEGERS: dict[str, Callable[..., Value]] = {
    "add": lambda b, signed, x, y: b.add(x, y),
    "subtract": lambda b, signed, x, y: b.sub(x, y),
    "multiply": lambda b, signed, x, y: b.mul(x, y),
    "negative": lambda b, signed, x: b.sub(0, x),
    "positive": _same,
    "square": lambda b, signed, x: b.mul(x, x),
    "reciprocal": reciprocal,
    "conjugate": _same,
    "floor": _same,
    "ceil": _same,
    "trunc": _same,
    "absolute": absolute,
    "sign": sign,
    "floor_divide": floor_divide,
    "remainder": remainder,
    "fmod": remainder_towards_zero,
    "gcd": gcd,
    "lcm": lcm,
    "bitwise_and": lambda b, signed, x, y: b.both(x, y),
    "bitwise_or": lambda b, signed, x, y: b.either(x, y),
    "bitwise_xor": lambda b, signed, x, y: b.xor(x, y),
    "invert": lambda b, signed, x: b.xor(x, -1),
    "left_shift": left_shift,
    "right_shift": right_shift,
    "bitwise_count": bit_count,
    "equal": lambda b, signed, x, y: b.icmp("eq", x, y),
    "not_equal": lambda b, signed, x, y: b.icmp("ne", x, y),
    "less": _ordered("lt"),
    "less_equal": _ordered("le"),
    "greater": _ordered("gt"),
    "greater_equal": _ordered("ge"),
    "maximum": _extreme("max"),
    "minimum": _extreme("min"),
    "fmax": _extreme("max"),
    "fmin": _extreme("min"),
    "clip": lambda b, signed, x, y, z: _extreme("min")(
        b, signed, _extreme("max")(b, signed, x, y), z
    ),
    "relu": lambda b, signed, x: _extreme("max")(b, signed, x, number(0, x.type)),
    "logical_and": lambda b, signed, x, y: b.both(_nonzero(b, x), _nonzero(b, y)),
    "logical_or": lambda b, signed, x, y: b.either(_nonzero(b, x), _nonzero(b, y)),
    "logical_xor": lambda b, signed, x, y: b.xor(_nonzero(b, x), _nonzero(b, y)),
    "logical_not": lambda b, signed, x: b.icmp("eq", x, 0),
    "isfinite": _always(True),
    "isinf": _always(False),
    "isnan": _always(False),
    "signbit": lambda b, signed, x: b.icmp("slt", x, 0) if signed else _always(False)(b, signed, x),
}
"""Functions of the builder, of whether the operands are signed, and of the operands."""

UNSIGNED: dict[str, Callable[..., Value]] = {"power": power}
"""What is an error for some signed operands, which native code cannot report."""

BOOLS: dict[str, Callable[..., Value]] = {
    "add": lambda b, x, y: b.either(x, y),
    "multiply": lambda b, x, y: b.both(x, y),
    "positive": lambda b, x: x,
    "conjugate": lambda b, x: x,
    "absolute": lambda b, x: x,
    "floor": lambda b, x: x,
    "ceil": lambda b, x: x,
    "trunc": lambda b, x: x,
    "maximum": lambda b, x, y: b.either(x, y),
    "minimum": lambda b, x, y: b.both(x, y),
    "fmax": lambda b, x, y: b.either(x, y),
    "fmin": lambda b, x, y: b.both(x, y),
    "bitwise_and": lambda b, x, y: b.both(x, y),
    "bitwise_or": lambda b, x, y: b.either(x, y),
    "bitwise_xor": lambda b, x, y: b.xor(x, y),
    "invert": lambda b, x: b.xor(x, -1),
    "logical_and": lambda b, x, y: b.both(x, y),
    "logical_or": lambda b, x, y: b.either(x, y),
    "logical_xor": lambda b, x, y: b.xor(x, y),
    "logical_not": lambda b, x: b.xor(x, -1),
    "equal": lambda b, x, y: b.icmp("eq", x, y),
    "not_equal": lambda b, x, y: b.xor(x, y),
    "less": lambda b, x, y: b.icmp("ult", x, y),
    "less_equal": lambda b, x, y: b.icmp("ule", x, y),
    "greater": lambda b, x, y: b.icmp("ugt", x, y),
    "greater_equal": lambda b, x, y: b.icmp("uge", x, y),
    "isfinite": lambda b, x: number(1, x.type),
    "isinf": lambda b, x: number(0, x.type),
    "isnan": lambda b, x: number(0, x.type),
}
"""Functions of the builder and of bools."""
