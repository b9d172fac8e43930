"""Numbers like pi to more digits than floats have.

They are integers with so many bits behind the point: the standard library's fractions would load
its decimal numbers too, which takes milliseconds before the first program.
"""

from __future__ import annotations

BITS = 256
"""Behind the point."""

_ONE = 1 << BITS


class Fixed:
    """A number of `bits` times ``2**-BITS``, whose quotients are rounded down.

    Examples
    --------
    >>> float(Fixed.of("1.5") / 3), float(1 / Fixed.of("0.25"))
    (0.5, 4.0)
    """

    __slots__ = ("bits",)

    def __init__(self, bits: int) -> None:
        self.bits = bits

    @classmethod
    def of(cls, digits: str) -> Fixed:
        """The number that is written so."""
        whole, _, behind = digits.partition(".")
        return cls((int(whole + behind) << BITS) // 10 ** len(behind))

    def __float__(self) -> float:
        return self.bits / _ONE

    def __truediv__(self, other: Fixed | int) -> Fixed:
        if isinstance(other, int):
            return Fixed(self.bits // other)
        return Fixed((self.bits << BITS) // other.bits)

    def __rtruediv__(self, other: int) -> Fixed:
        return Fixed((other << 2 * BITS) // self.bits)

    def __rmul__(self, other: int) -> Fixed:
        return Fixed(other * self.bits)

    def without(self, part: float) -> Fixed:
        """What is left of it; floats of more than ``2**-BITS`` are exact."""
        top, bottom = part.as_integer_ratio()
        return Fixed(self.bits - top * _ONE // bottom)

    def shortened(self, many: int) -> Fixed:
        """Its first so many bits."""
        size = abs(self.bits)
        shift = max(size.bit_length() - many, 0)
        kept = size >> shift << shift
        return Fixed(-kept if self.bits < 0 else kept)


LOG_2 = Fixed.of("0.693147180559945309417232121458176568075500134360255254120680009")
LOG_10 = Fixed.of("2.302585092994045684017991454684364207601101488628772976033327901")
PI = Fixed.of("3.141592653589793238462643383279502884197169399375105820974944592307816")
