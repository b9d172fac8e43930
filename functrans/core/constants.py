"""What an interpreter keeps of arrays that user code can still change: copies, each made once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.array import TracedArray

if TYPE_CHECKING:
    from collections.abc import Sequence


class Constants:
    """Copies of the constants that a tape or graph keeps.

    NumPy code may change an array after an operation has read it; a derivative needs it as it was.
    An array that is met again unchanged is not copied again, unless it has at most `small` bytes,
    up to which a copy costs less than a look at the earlier ones.
    """

    __slots__ = ("_large", "_small")

    def __init__(self, small: int = 4096) -> None:
        self._small = small
        self._large: dict[int, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = {}

    def keep(self, x: Any) -> Any:
        """The value as it is now."""
        if type(x) is not np.ndarray:
            return x.snapshot() if isinstance(x, TracedArray) else x
        if x.nbytes <= self._small:
            return x.copy(order="K")
        known = self._large.get(id(x))
        if known is not None and same_bits(*known):
            return known[1]
        copy = _compact_copy(x)
        self._large[id(x)] = (x, copy)
        return copy

    @property
    def originals(self) -> list[np.ndarray[Any, Any]]:
        """The arrays that copies have been made of, as far as these are found again and somebody
        else holds them, who may change them."""
        pairs = list(self._large.values())
        return [pair[0] for pair, others in zip(pairs, _held(pairs), strict=True) if others]

    def keep_among(self, residuals: tuple[Any, ...], constants: Sequence[Any]) -> tuple[Any, ...]:
        """The residuals of a rule with those among `constants` as they are now."""
        if len(residuals) == len(constants) == 1 and residuals[0] is constants[0]:  # most often
            return (self.keep(constants[0]),)
        return tuple(
            [
                self.keep_among(r, constants)
                if type(r) is tuple
                else self.keep(r)
                if any(r is c for c in constants)
                else r
                for r in residuals
            ]
        )


def _compact_copy(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy in which axes along which the array is broadcast take no memory either."""
    if 0 not in x.strides:
        return x.copy(order="K")
    return np.broadcast_to(x[_lying(x.strides)].copy(), x.shape)


def _lying(strides: tuple[int, ...]) -> tuple[slice, ...]:
    """The part of an array that lies in memory, if it is broadcast along axes without a stride."""
    return tuple([slice(None) if step else slice(1) for step in strides])


def same_bits(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> bool:
    """Whether two arrays of one shape and dtype are equal to the bit, signs of zeros and NaN
    included."""
    if 0 in x.strides and 0 in y.strides:  # axes along which both are broadcast are looked at once
        part = _lying(tuple(map(max, map(abs, x.strides), map(abs, y.strides))))
        x, y = x[part], y[part]
    words = _WORDS.get(x.dtype.itemsize)
    if words is None or x.dtype.hasobject or not (x.flags.forc and x.strides == y.strides):
        return x.tobytes() == y.tobytes()
    return np.array_equal(x.ravel("K").view(words), y.ravel("K").view(words))


def _is_number(x: Any) -> bool:
    """Whether it is a number of NumPy, or an array that shows one."""
    while type(x) is np.ndarray and x.base is not None:
        x = x.base
    return isinstance(x, np.generic)


def _held(pairs: list[tuple[Any, Any]]) -> list[bool]:
    """Whether anybody but the pairs holds the first array of each, or the array whose memory it
    has."""
    mine: dict[int, int] = {}  # references from the pairs, and from views among them
    for x, _ in pairs:
        mine[id(x)] = mine.get(id(x), 0) + 1
        if x.base is not None:
            mine[id(x.base)] = mine.get(id(x.base), 0) + 1
    found = []
    for x, _ in pairs:
        base = x.base
        shown = base is not None and not _is_number(base)  # which nobody can change
        if shown and type(base) is np.ndarray and base.base is None:
            shown = sys.getrefcount(base) > mine[id(base)] + _COUNTING
        found.append(shown or sys.getrefcount(x) > mine[id(x)] + _COUNTING)
    return found


_COUNTING = 2
"""References to an array that are only there while they are counted."""

_WORDS = {n: np.dtype(f"u{n}") for n in (1, 2, 4, 8)} | {16: np.dtype("u8")}
