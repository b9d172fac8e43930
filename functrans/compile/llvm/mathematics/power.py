"""Powers, cube roots and lengths."""

from __future__ import annotations

from functrans.compile.llvm.code.builder import Value, element_of, number
from functrans.compile.llvm.elements.reals import BIAS, INF, MANTISSA, as_bits, as_number
from functrans.compile.llvm.mathematics.constants import LOG_2
from functrans.compile.llvm.mathematics.exponential import exponential_parts, reduced
from functrans.compile.llvm.mathematics.formula import NAN, Formula, Two, parts
from functrans.compile.llvm.mathematics.logarithm import normal, taken_apart


def power(f: Formula, x: Value, y: Value) -> Value:
    """x**y = exp(y log|x|), with its sign, and what C's ``pow`` says of special operands."""
    a = f.size(x)
    found = _of_positive(f, a, y)
    whole = f.fcmp("oeq", f.intrinsic("trunc", y), y)
    half = f.fmul(y, 0.5)
    odd = f.both(whole, f.fcmp("une", f.intrinsic("trunc", half), half))
    one, zero = number(1, x.type), number(0, x.type)
    # The base 0 or infinity gives 0 or infinity; 1 gives 1, to an infinite power too.
    rising = f.fcmp("ogt", y, 0)
    none, endless = f.fcmp("oeq", a, 0), f.fcmp("oeq", a, INF)
    up = f.select(rising, number(INF, x.type), zero)
    down = f.select(rising, zero, number(INF, x.type))
    found = f.select(none, down, f.select(endless, up, found))
    found = f.select(f.fcmp("oeq", a, 1), one, found)
    negative = f.icmp("slt", as_bits(f, x), 0)
    found = f.select(f.both(negative, odd), f.fneg(found), found)
    below = f.both(f.fcmp("olt", x, 0), f.fcmp("ogt", x, -INF))
    imaginary = f.both(below, f.xor(whole, -1))
    found = f.select(imaginary, number(NAN, x.type), found)
    found = f.select(f.fcmp("uno", x, y), f.fadd(x, y), found)
    return f.select(f.either(f.fcmp("oeq", x, 1), f.fcmp("oeq", y, 0)), one, found)


def _of_positive(f: Formula, x: Value, y: Value) -> Value:
    if element_of(x.type) == "float":
        wide, exponent = f.cast("fpext", x, "double"), f.cast("fpext", y, "double")
        return f.cast("fptrunc", _of_single(f, wide, exponent), "float")
    high, low = _log_in_two(f, x)
    product, rest = f.two_product(high, y)
    rest = f.mad(low, y, rest)
    limit = 750.0
    beyond = f.fcmp("uge", f.size(product), limit)
    rest = f.select(beyond, number(0, x.type), rest)
    return f.scaled(*exponential_parts(f, f.clamped(product, -limit, limit), rest))


def _of_single(f: Formula, x: Value, y: Value) -> Value:
    """The power of two float32 in float64, to the digits that count; it is a normal number."""
    z, k = normal(f, x) if f.in_registers(x) else taken_apart(f, x)
    t = f.fsub(z, 1)
    s = f.fdiv(t, f.fadd(t, 2))
    w = f.fmul(s, s)
    near = f.mad(f.fmul(w, s), f.polynomial("log_short", w), f.fadd(s, s))
    product = f.clamped(f.fmul(y, f.mad(k, float(LOG_2), near)), -110.0, 110.0)
    r, n = reduced(f, product)
    grown = f.mad(f.fmul(r, r), f.polynomial("exp_short", r), r)
    return f.fmul(f.fadd(grown, 1), f.power_of_two(n.bits, x))


def _log_in_two(f: Formula, x: Value) -> Two:
    """log(x) to eleven bits more than float64 has, which are those of the largest exponent.

    With s = t / (2 + t) it is 2 s (1 + w / 3 + w**2 (...)) of w = s**2, where all but the last term
    is computed in two parts.
    """
    z, k = normal(f, x)
    t = f.fsub(z, 1)
    below, below_low = f.quick_sum(number(2, x.type), t)
    s = f.fdiv(t, below)
    product, rest = f.two_product(s, below)
    # t - s (2 + t), by which s is too small
    s_low = f.fdiv(f.fsub(f.fsub(f.fsub(t, product), rest), f.fmul(s, below_low)), below)
    w, w_low = f.two_product(s, s)
    w_low = f.mad(f.fadd(s, s), s_low, w_low)
    third, third_low = parts(2 * _THIRD, "double", 53)
    c, c_low = f.two_product(w, number(third, x.type))
    c_low = f.mad(w_low, third, f.mad(w, third_low, c_low))
    c_low = f.mad(f.fmul(w, w), f.polynomial("log_tail", w), c_low)
    # s (2 + c), in two parts
    factor, factor_low = f.quick_sum(number(2, x.type), c)
    factor_low = f.fadd(factor_low, c_low)
    value, value_low = f.two_product(s, factor)
    value_low = f.fadd(value_low, f.mad(s, factor_low, f.fmul(s_low, factor)))
    top, bottom = parts(LOG_2, "double", 42)
    whole = f.fmul(k, top)
    total, lost = f.two_sum(whole, value)
    lost = f.fadd(lost, f.mad(k, bottom, value_low))
    return f.quick_sum(total, lost)


_THIRD = LOG_2 / LOG_2 / 3


def cbrt(f: Formula, x: Value) -> Value:
    """The cube root: z**(-1/3) by a polynomial and Halley's steps, its square times z, and one step
    of Newton's.

    |x| = 2**(3 n + m) z with m = 0, 1 or 2; it is computed of 2**m z, and times 2**n at last.
    """
    element = element_of(x.type)
    a = f.size(x)
    mantissa, bias = MANTISSA[element], BIAS[element]
    shift = 3 * ((mantissa + 4) // 3)
    low = f.fcmp("olt", a, 2.0 ** (1 - bias))
    bits = as_bits(f, f.select(low, f.fmul(a, 2.0**shift), a))
    field = f.binary("lshr", bits, mantissa)  # bias + k; a multiple of 3 is added and taken off
    turns = -(-bias // 3)
    place = f.add(field, 3 * turns - bias)
    third = f.binary("lshr", f.mul(place, 0xAAAB), 17)  # a third of a small integer
    part = f.sub(place, f.mul(third, 3))
    z = as_number(f, f.either(f.both(bits, (1 << mantissa) - 1), bias << mantissa), x)
    first, second = f.icmp("eq", part, 1), f.icmp("eq", part, 2)
    one = number(1, x.type)

    def chosen(base: float) -> Value:
        once, twice = number(base, x.type), number(base * base, x.type)
        return f.select(first, once, f.select(second, twice, one))

    t = f.fmul(f.polynomial("cbrt", z), chosen(2.0 ** (-1 / 3)))
    z = f.fmul(z, chosen(2.0))
    for _ in range(f.for_double(x, 2, 1)):
        e = f.mad(f.fneg(z), f.fmul(t, f.fmul(t, t)), 1.0)
        t = f.mad(f.fmul(t, e), f.mad(e, 2 / 9, 1 / 3), t)
    root = f.fmul(z, f.fmul(t, t))
    square, square_low = f.two_product(root, root)
    cube, cube_low = f.two_product(square, root)
    cube_low = f.mad(square_low, root, cube_low)
    miss = f.fadd(f.fsub(cube, z), cube_low)
    root = f.mad(f.fmul(miss, f.fmul(t, t)), -1 / 3, root)
    down = f.sub(third, f.select(low, number(turns + shift // 3, third.type), turns))
    found = f.fmul(root, f.power_of_two(down, x))
    plain = f.both(f.fcmp("ogt", a, 0), f.fcmp("olt", a, INF))
    return f.select(plain, f.signed_as(found, x), x)


def hypot(f: Formula, x: Value, y: Value) -> Value:
    """sqrt(x**2 + y**2), of numbers that are scaled where squares would overflow or vanish."""
    a, b = f.size(x), f.size(y)
    larger = f.select(f.fcmp("ogt", a, b), a, b)
    if element_of(x.type) == "float":
        one, other = f.cast("fpext", a, "double"), f.cast("fpext", b, "double")
        root = f.intrinsic("sqrt", f.mad(one, one, f.fmul(other, other)))
        found = f.cast("fptrunc", root, "float")
    else:
        up, down = number(2.0**600, x.type), number(2.0**-600, x.type)
        one = number(1, x.type)
        large, small = f.fcmp("ogt", larger, 2.0**500), f.fcmp("olt", larger, 2.0**-400)
        scale = f.select(large, down, f.select(small, up, one))
        back = f.select(large, up, f.select(small, down, one))
        a, b = f.fmul(a, scale), f.fmul(b, scale)
        found = f.fmul(f.intrinsic("sqrt", f.mad(a, a, f.fmul(b, b))), back)
    endless = f.either(f.infinite(x), f.infinite(y))
    return f.select(endless, number(INF, x.type), found)
