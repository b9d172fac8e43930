"""Numbers of a program that another call may have otherwise, and their marks in its text.

While a text is *marked*, each number stands between backquotes with its type and with what it was
computed from (``<type>|33|<key>``), so that the texts of one program for two sizes can be compared,
and the numbers that differ be read from a table; see
:mod:`functrans.compile.llvm.code.templates`.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_marked: ContextVar[dict[int, Varying] | None] = ContextVar("marked", default=None)
"""The sizes that vary in the text that is being written, if its numbers are marked."""


class Varying(int):
    """An int that was computed from sizes which vary.

    Sums, products, quotients and rests of it vary too. That only helps to see early which numbers
    are to be read from a table: where it is lost on the way, nothing goes wrong.

    Attributes
    ----------
    key : int
        Tells apart what was computed in another way.
    """

    key: int

    def __new__(cls, value: int, key: int) -> Varying:
        made = super().__new__(cls, value)
        made.key = key
        return made

    def __add__(self, other: Any) -> Any:
        return self if _is(other, 0) else _made("+", int.__add__(self, other), self, other)

    def __radd__(self, other: Any) -> Any:
        return self + other

    def __sub__(self, other: Any) -> Any:
        return self if _is(other, 0) else _made("-", int.__sub__(self, other), self, other)

    def __rsub__(self, other: Any) -> Any:
        return _made("-", int.__rsub__(self, other), other, self)

    def __mul__(self, other: Any) -> Any:
        if _is(other, 0) or _is(other, 1):
            return self if other else 0
        return _made("*", int.__mul__(self, other), self, other)

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __floordiv__(self, other: Any) -> Any:
        return self if _is(other, 1) else _made("/", int.__floordiv__(self, other), self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _made("/", int.__rfloordiv__(self, other), other, self)

    def __mod__(self, other: Any) -> Any:
        return _made("%", int.__mod__(self, other), self, other)

    def __rmod__(self, other: Any) -> Any:
        return _made("%", int.__rmod__(self, other), other, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __neg__(self) -> Any:
        return _made("-", int.__neg__(self), 0, self)


def _is(x: Any, n: int) -> bool:
    return type(x) is int and x == n


def _made(operation: str, value: Any, x: Any, y: Any) -> Any:
    """The result of an operation, of which the operands' keys tell how it was computed."""
    if value is NotImplemented:
        return value
    keys = [z.key if type(z) is Varying else int(z) for z in (x, y)]
    if operation in "+*":
        keys.sort()
    return Varying(value, hash((ord(operation), *keys)))


def varies(x: int) -> bool:
    """Whether a number is known to differ in other calls of the same program."""
    return type(x) is Varying


@contextmanager
def marking(sizes: Iterable[Varying] | None) -> Iterator[None]:
    """Numbers are marked in texts that are written meanwhile, in which these sizes vary; or they
    are not, with None."""
    before = _marked.set(None if sizes is None else {int(n): n for n in sizes})
    try:
        yield
    finally:
        _marked.reset(before)


def is_marked() -> bool:
    """Whether numbers are being marked."""
    return _marked.get() is not None


def seen(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that NumPy tells, in which sizes vary that are known to."""
    known = _marked.get()
    return tuple([known.get(n, n) for n in shape]) if known else shape


def mark(kind: str, text: str, x: Any) -> str:
    """The mark of a number of a type (a vector's: all elements are that number)."""
    return f"`{kind}|{text}|{x.key if type(x) is Varying else ''}`"
