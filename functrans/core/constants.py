"""What an interpreter keeps of arrays that user code can still change: copies, each made once."""

from __future__ import annotations

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
        if known is not None and _same_bytes(*known):
            return known[1]
        copy = _compact_copy(x)
        self._large[id(x)] = (x, copy)
        return copy

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
    kept = tuple(slice(None) if step else slice(0, 1) for step in x.strides)
    return np.broadcast_to(x[kept].copy(), x.shape)


def _same_bytes(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> bool:
    """Whether two arrays of one layout are equal to the bit, signs of zeros and NaN included."""
    if x.flags.forc and y.flags.forc:
        return x.ravel("K").data.cast("B") == y.ravel("K").data.cast("B")
    return x.tobytes() == y.tobytes()
