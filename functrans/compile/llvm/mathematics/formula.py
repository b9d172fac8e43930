"""A mathematical function in the making: what formulas of vectors are built from.

Sums of two numbers stand for one of twice the precision: the first is the sum, rounded, the second
what rounding took from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

import numpy as np

from functrans.compile.llvm.code.builder import (
    Builder,
    Value,
    bits_of,
    element_of,
    number,
    vector,
    width_of,
)
from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.elements.reals import (
    BIAS,
    INF,
    MANTISSA,
    absolute,
    as_bits,
    as_number,
    is_nan,
)
from functrans.compile.llvm.mathematics.coefficients import POLYNOMIALS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.compile.llvm.code.builder import Module
    from functrans.compile.llvm.mathematics.constants import Fixed

Two: TypeAlias = tuple[Value, Value]
"""A number in two parts, the second of them small."""

_T = TypeVar("_T", int, float)

NAN = float("nan")

LEAST = 5
"""Coefficients of a polynomial from which on its even and odd powers are summed up apart."""

IN_ORDER = frozenset(
    (
        *("erfc", "normal", "log_gamma", "digamma"),
        *("bessel_i0", "bessel_i1", "bessel_i0_far", "bessel_i1_far"),
    )
)
"""Polynomials whose terms do not fall soon: even and odd ones cancel, and errors grow by half an
ulp to one and a half."""


class Whole(NamedTuple):
    """A whole number, and bits that end in those of it as an integer."""

    number: Value
    bits: Value


def parts(x: Fixed, element: str, *bits: int) -> list[float]:
    """A constant as a sum of numbers of a type; of each but the last only so many bits are used."""
    found = []
    for many in (*bits, None):
        part = x if many is None else x.shortened(many)
        found.append(_nearest(float(part), element))
        x = x.without(found[-1])
    return found


def _nearest(x: float, element: str) -> float:
    return x if element == "double" else float(np.float32(x))


class Formula(Builder):
    """A function of vectors in the making.

    Attributes
    ----------
    fused : bool
        Whether the machine multiplies and adds in one rounding. Where it does not, products that
        must be exact are taken apart (Dekker 1971).
    scales : bool
        Whether it has the instructions for vectors of 512 bits that scale by powers of two, and
        take numbers apart.
    """

    def __init__(
        self, module: Module, name: str, result: str, operands: Sequence[str], *, inline: bool
    ) -> None:
        super().__init__(
            module, name, result, operands, inline=inline, internal=True, common=inline
        )
        here = machine()
        self.fused = here.fused
        self.scales = here.scales

    # ---- sums and products --------------------------------------------------------------------

    def mad(self, x: Value, y: Value | float, z: Value | float) -> Value:
        """x y + z, in one rounding where that is an instruction."""
        return self.fma(x, y, z) if self.fused else self.fadd(self.fmul(x, y), z)

    def polynomial(self, name: str, x: Value) -> Value:
        """A fitted polynomial.

        Even and odd powers are summed up apart: neither sum waits for the other, and what takes
        time is that each step waits for the one before.
        """
        coefficients = POLYNOMIALS[name, element_of(x.type)]
        if len(coefficients) < LEAST or name in IN_ORDER:
            return self._horner(coefficients, x)
        square = self.fmul(x, x)
        even, odd = [self._horner(coefficients[i::2], square) for i in (0, 1)]
        return self.mad(odd, x, even)

    def _horner(self, coefficients: Sequence[float], x: Value) -> Value:
        total = number(coefficients[-1], x.type)
        for coefficient in coefficients[-2::-1]:
            total = self.mad(total, x, coefficient)
        return total

    def quick_sum(self, x: Value, y: Value) -> Two:
        """x + y in two parts, for x no smaller than y."""
        total = self.fadd(x, y)
        return total, self.fsub(y, self.fsub(total, x))

    def two_sum(self, x: Value, y: Value) -> Two:
        """x + y in two parts (Knuth, Moller)."""
        total = self.fadd(x, y)
        added = self.fsub(total, x)
        rest = self.fadd(self.fsub(x, self.fsub(total, added)), self.fsub(y, added))
        return total, rest

    def two_product(self, x: Value, y: Value) -> Two:
        """x y in two parts."""
        product = self.fmul(x, y)
        if self.fused:
            return product, self.fma(x, y, self.fneg(product))
        (a, b), (c, d) = self._halves(x), self._halves(y)
        rest = self.fsub(self.fmul(a, c), product)
        rest = self.fadd(self.fadd(rest, self.fmul(a, d)), self.fmul(b, c))
        return product, self.fadd(rest, self.fmul(b, d))

    def _halves(self, x: Value) -> Two:
        """x in two parts of half the bits."""
        half = MANTISSA[element_of(x.type)] // 2 + 1
        high = as_number(self, self.both(as_bits(self, x), -(1 << half)), x)
        return high, self.fsub(x, high)

    # ---- integers -----------------------------------------------------------------------------

    def nearest(self, x: Value) -> Whole:
        """The nearest whole number.

        It is found by adding a number whose last bit counts ones, which every processor does; the
        conversion of float64 to integers is an instruction on few.
        """
        magic = self.magic(x)
        shifted = self.fadd(x, magic)
        return Whole(self.fsub(shifted, magic), as_bits(self, shifted))

    def magic(self, x: Value) -> float:
        return 1.5 * 2.0 ** MANTISSA[element_of(x.type)]

    def power_of_two(self, bits: Value, like: Value) -> Value:
        """2 to the integer in which `bits` end, whose power must be a normal number."""
        element = element_of(like.type)
        biased = self.add(bits, BIAS[element])
        return as_number(self, self.binary("shl", biased, MANTISSA[element]), like)

    def scaled(self, x: Value, power: Whole) -> Value:
        """x times 2 to a power; it may overflow or vanish, rounded once.

        There is an instruction for that where vectors have 512 bits. Otherwise it takes two steps.
        """
        if self.in_registers(x):
            return self.by_registers("scalef", x, power.number)
        half = self.binary("lshr", power.bits, 1)
        rest = self.sub(power.bits, half)
        once = self.fmul(x, self.power_of_two(half, x))
        return self.fmul(once, self.power_of_two(rest, x))

    def in_registers(self, x: Value) -> bool:
        """Whether numbers fill vectors of 512 bits, for which there are more instructions."""
        return self.scales and bits_of(x.type) * width_of(x.type) % 512 == 0

    def by_registers(self, name: str, *operands: Value, how: int | None = None) -> Value:
        """An instruction of vectors of 512 bits, with all lanes and the usual rounding."""
        element = element_of(operands[0].type)
        lanes = 512 // bits_of(element)
        kind = vector(element, lanes)
        own = f"llvm.x86.avx512.mask.{name}.{'pd' if element == 'double' else 'ps'}.512"
        tail = [number(0, kind), Value(f"i{lanes}", "-1"), Value("i32", "4")]
        if how is not None:
            tail.insert(0, Value("i32", str(how)))
        found = []
        for start in range(0, width_of(operands[0].type), lanes):
            given = [self.shuffled(x, x, range(start, start + lanes)) for x in operands]
            found.append(self.call(own, kind, *given, *tail))
        while len(found) > 1:
            total = range(2 * width_of(found[0].type))
            halves = zip(found[::2], found[1::2], strict=True)
            found = [self.shuffled(one, other, total) for one, other in halves]
        return found[0]

    def shuffled(self, x: Value, y: Value, lanes: range) -> Value:
        """Lanes of two vectors in a row."""
        if x is y and len(lanes) == width_of(x.type):
            return x
        mask = ", ".join(f"i32 {i}" for i in lanes)
        kind = vector(element_of(x.type), len(lanes))
        return self.emit(kind, f"shufflevector {x}, {y}, <{len(lanes)} x i32> <{mask}>")

    # ---- choice -------------------------------------------------------------------------------

    def least(self, x: Value, limit: float) -> Value:
        """x, at most `limit`; NaN stays."""
        return self.select(self.fcmp("ogt", x, limit), number(limit, x.type), x)

    def most(self, x: Value, limit: float) -> Value:
        """x, at least `limit`; NaN stays."""
        return self.select(self.fcmp("olt", x, limit), number(limit, x.type), x)

    def clamped(self, x: Value, low: float, high: float) -> Value:
        return self.least(self.most(x, low), high)

    def size(self, x: Value) -> Value:
        return absolute(self, x)

    def signed_as(self, x: Value, y: Value) -> Value:
        """x with the sign of y."""
        return self.intrinsic("copysign", x, y)

    def infinite(self, x: Value) -> Value:
        return self.fcmp("oeq", absolute(self, x), INF)

    def nan(self, x: Value) -> Value:
        return is_nan(self, x)

    def for_double(self, x: Value, double: _T, single: _T) -> _T:
        """A number that depends on the type."""
        return double if element_of(x.type) == "double" else single

    def tiny(self, x: Value) -> Value:
        """Where the function is its argument: far below one ulp of 1."""
        return self.fcmp("olt", self.size(x), self.for_double(x, 2.0**-54, 2.0**-25))

    # ---- rare arguments -----------------------------------------------------------------------

    def rarely(self, rare: Value, usual: Value, otherwise: Callable[[], Value]) -> Value:
        """The usual result; what `otherwise` computes from all lanes, where any lane is rare."""
        slot = self.slot(usual.type)
        self.store(usual, slot)
        self.when(self.any(rare), lambda: self.store(otherwise(), slot))
        return self.load(usual.type, slot)
