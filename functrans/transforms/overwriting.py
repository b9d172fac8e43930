"""Writes into large arrays in reverse mode, at the cost of what is written.

A traced array never changes: writing gives it another content, which costs a copy. Where nobody but
the array itself holds the memory of its content, that memory is written to instead, and on the way
back the cotangent's memory likewise. What is read of an array that is written to is a copy, if it
is a small part, so that it does not hold the memory.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.cotangent import Cotangents, Masked, settle
from functrans.transforms.walk import walk

if TYPE_CHECKING:
    from functrans.core.primitive import Primitive
    from functrans.core.types import Array, ArrayType

LARGE = 16_384
"""Bytes from which on a write is done so: less is copied faster than it is looked after."""

PART = 4
"""A part of an array that is read is copied if it has at most a fourth of the elements."""


class Overwrite:
    """The entry of a write on a tape: the cotangent is read where it was written to, erased there,
    and handed on.

    Attributes
    ----------
    primitive : Primitive
        `index_update`.
    key : tuple
        The index, as NumPy takes it.
    x, y : int or None
        The places of the array and of what was written; None for constants.
    y_type : ArrayType
    links : tuple
        Of the same operation as it is recorded elsewhere.
    """

    __slots__ = ("key", "links", "primitive", "x", "y", "y_type")

    def __init__(
        self,
        primitive: Primitive,
        key: Any,
        x: int | None,
        y: int | None,
        y_type: ArrayType,
        links: Any,
    ) -> None:
        self.primitive = primitive
        self.key = key
        self.x = x
        self.y = y
        self.y_type = y_type
        self.links = links

    @property
    def args(self) -> list[tuple[None, int | None]]:
        """The places of the operands, for messages."""
        return [(None, self.x), (None, self.y)]

    def pull_at(self, k: int, cotangents: Cotangents) -> None:
        """Hand on the cotangent of the output, which stands at the place behind the entry."""
        g, owned = cotangents.taken(k + 1)
        if g is None:
            return
        value, mask = (g.value, g.mask) if type(g) is Masked else (g, None)
        if type(value) is not np.ndarray or not (mask is None or type(mask) is np.ndarray):
            cotangents.values[k] = g
            walk(iter([(k, (self.primitive, self.links))]), cotangents)
            return
        if self.y is not None:
            part = np.array(value[self.key])
            lanes = None if mask is None else np.array(mask[self.key])
            d: Any = part if lanes is None or lanes.all() else Masked(part, lanes)
            cotangents.add(self.y, settle(d, self.y_type), self.y_type)
        if self.x is not None:
            if not owned:
                value = value.copy()
                mask = None if mask is None else mask.copy()
            if mask is None:
                mask = np.ones(value.shape, bool)
            value[self.key] = 0
            mask[self.key] = False
            cotangents.give(self.x, Masked(value, mask))


def content_to_write(x: TracedArray) -> Any:
    """The memory of the content of a traced array if it may be written to, else a copy of it; None
    if it is small, or no memory."""
    value = x.underlying
    if type(value) is not np.ndarray or value.nbytes < LARGE:
        return None
    del value
    if references(x) == ALONE and x.underlying.base is None and x.underlying.flags.writeable:
        return x.underlying
    return x.underlying.copy(order="K")


def references(x: Any) -> int:
    """How many references there are to the content of an array, with that of this function."""
    return sys.getrefcount(x.underlying)


class _Alone:
    """Holds a content as a traced array does."""

    __slots__ = ("value",)

    def __init__(self, value: Array) -> None:
        self.value = value

    @property
    def underlying(self) -> Array:
        return self.value


ALONE = references(_Alone(np.empty(1)))
"""The references to a content that only its array holds."""


def apart(part: Any, whole: Any) -> Any:
    """A part of an array, as a copy unless it is large."""
    if type(part) is np.ndarray and part.size * PART <= whole.size:
        return part.copy()
    return part
