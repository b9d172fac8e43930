"""The tape entry of a write into the memory of a large array, see
:mod:`functrans.core.overwriting`: on the way back the cotangent's memory is used likewise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.algebra import algebra
from functrans.core.array import TracedArray, duplicate
from functrans.core.cotangent import Cotangents, Masked, plain, settle
from functrans.core.interpreter import under
from functrans.core.overwriting import Holder, holds_alone, is_large, overwritten
from functrans.core.types import Array, shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.interpreter import Interpreter
    from functrans.core.primitive import Primitive
    from functrans.core.types import ArrayType


def that_stay(
    interpreter: Interpreter,
    primitive: Primitive,
    x: Array,
    y: Array,
    arrays: tuple[Array, ...],
    index: Any,
) -> tuple[Array, tuple[Array, ...], Any]:
    """What is written to a large array and where, no place twice if it erases; no index if it is
    not large, or that is not known."""
    erases = primitive.in_place.erases  # type: ignore[union-attr]
    if not is_large(x):
        return y, arrays, None
    if not erases or not index.may_repeat(tuple(map(shape_of, arrays))):
        return y, arrays, index
    if any(isinstance(a, TracedArray) for a in arrays):
        return y, arrays, None
    distinct = index.without_repeats(shape_of(x), arrays)
    with under(interpreter):
        return distinct.taken(y), distinct.arrays, distinct.index


class Overwrite:
    """The entry: the cotangent is read where it was written to, erased there if what stood there
    is gone, and handed on.

    Attributes
    ----------
    primitive : Primitive
        `index_update` or `index_add`.
    index, arrays : Index, tuple of array
        Where it was written to; no place twice, unless it was added to.
    x, y : int or None
        The places of the array and of what was written; None for constants.
    x_type, y_type : ArrayType
    """

    __slots__ = ("arrays", "index", "primitive", "x", "x_type", "y", "y_type")

    def __init__(
        self,
        primitive: Primitive,
        index: Any,
        arrays: tuple[Array, ...],
        places: Sequence[int | None],
        x_type: ArrayType,
        y_type: ArrayType,
    ) -> None:
        self.primitive = primitive
        self.index = index
        self.arrays = arrays
        self.x, self.y = places
        self.x_type = x_type
        self.y_type = y_type

    @property
    def args(self) -> list[tuple[None, int | None]]:
        """The places of the operands, for messages."""
        return [(None, self.x), (None, self.y)]

    def pull_at(self, k: int, cotangents: Cotangents) -> None:
        """Hand on the cotangent of the output, which stands at the place behind the entry."""
        g, owned = cotangents.taken(k + 1)
        if g is None:
            return
        if self.y is not None:
            cotangents.add(self.y, settle(self._part(g), self.y_type), self.y_type)
        if self.x is None:
            return
        if not self.primitive.in_place.erases:  # type: ignore[union-attr]
            if owned:
                cotangents.give(self.x, g)
            else:
                cotangents.add(self.x, g, self.x_type)
            return
        value = Holder(plain(g))
        if type(g) is Masked:
            mask, mask_owned = Holder(g.mask), owned
        else:
            mask, mask_owned = Holder(np.ones(shape_of(g), bool)), True
        del g
        cotangents.give(self.x, Masked(self._erased(value, owned), self._erased(mask, mask_owned)))

    def _part(self, g: Any) -> Any:
        part = self._read(plain(g))
        if type(g) is not Masked:
            return part
        lanes = self._read(g.mask)
        return part if not isinstance(lanes, TracedArray) and lanes.all() else Masked(part, lanes)

    def _read(self, g: Array) -> Array:
        """The part as an array of its own, so that it does not hold the memory."""
        part = algebra.index(g, *self.arrays, index=self.index)
        return part if type(part) is np.ndarray and part.base is None else duplicate(part)

    def _erased(self, g: Holder, owned: bool) -> Any:
        """What the holder holds, which is given up, with zeros in that place."""
        alone = holds_alone(g, "value") if isinstance(g.value, TracedArray) else owned
        return overwritten(self.primitive, g.value, False, self.arrays, self.index, alone)
