"""Writes into the memory of large arrays, at the cost of what is written.

A traced array never changes: writing gives it another content, which costs a copy. Where nobody but
the array itself holds its content, down to the memory, that memory is written to instead. Who holds
what is read off the counts of references, so an array of the caller, a value that a rule keeps and
a content that two arrays share are left as they are: they are copied, and the copy is written to.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.array import TracedArray, duplicate
from functrans.core.interpreter import stack, under

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.primitive import Primitive
    from functrans.core.types import Array

LARGE = 16_384
"""Bytes from which on a write is done so: less is copied faster than it is looked after."""

PART = 4
"""A part of an array that is read is copied if it has at most a fourth of the elements."""


class InPlace:
    """How an operation on ``(x, y, *arrays)`` at an index is carried out in the memory of `x`.

    Parameters
    ----------
    write : callable
        ``write(x, y, arrays, index)`` changes a plain `x`. What can go wrong goes wrong before.
    batched : callable
        ``batched(operands, flags, index)``: the operands and the index that do it in all lanes.
    erases : bool
        What stood at the index is gone, so its cotangent is zero; otherwise it is added to.
    """

    __slots__ = ("batched", "erases", "write")

    def __init__(
        self, write: Callable[..., None], batched: Callable[..., Any], erases: bool
    ) -> None:
        self.write = write
        self.batched = batched
        self.erases = erases


def overwritten(
    primitive: Primitive, x: Any, y: Any, arrays: tuple[Array, ...], index: Any, alone: bool
) -> Any:
    """The value `x` after an operation that has an :class:`InPlace`, under the current interpreter.

    `x` is given up. Its memory is written to if that is large and nobody else holds it; `alone`
    says whether anybody but the caller holds `x` itself.
    """
    operands = (x, y, *arrays)
    owners = [z.interpreter for z in operands if isinstance(z, TracedArray)]
    interpreter = stack.top
    while interpreter is not None and not any(o is interpreter for o in owners):
        interpreter = interpreter.parent
    if interpreter is None:
        if owners:  # dead ones: that is an error, which the operation raises
            return primitive.call(*operands, index=index)
        return _written(primitive, x, y, arrays, index, alone)
    with under(interpreter):
        ans = interpreter.overwrite(primitive, x, y, arrays, index, alone)
        if ans is None:
            ans = interpreter.process(primitive, operands, {"index": index})
    return ans


def _written(
    primitive: Primitive, x: Any, y: Any, arrays: tuple[Array, ...], index: Any, alone: bool
) -> Any:
    """The same for plain values."""
    if type(x) is not np.ndarray:
        x = np.array(x)
    elif not alone or x.base is not None or not x.flags.writeable:
        x = own_copy(x)
    assert primitive.in_place is not None
    primitive.in_place.write(x, y, arrays, index)
    return x


def own_copy(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy in the layout of the array; axes along which it is broadcast, as batch axes are, get
    the largest steps."""
    if 0 not in x.strides:
        return x.copy(order="K")
    order = sorted(range(x.ndim), key=lambda i: (x.strides[i] != 0, -abs(x.strides[i])))
    out = np.empty([x.shape[i] for i in order], x.dtype).transpose(np.argsort(order))
    out[...] = x
    return out


def is_large(x: Any) -> bool:
    """Whether the memory at the bottom of an array is worth looking after; no where there is
    none, as in a graph, or views share it, as those of tensors do."""
    while isinstance(x, TracedArray):
        if not x.interpreter.overwrites:
            return False
        x = x.underlying
    return type(x) is np.ndarray and x.nbytes >= LARGE


class Holder:
    """Holds one value, as the slot of a traced array does."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def references(holder: Any, name: str) -> int:
    """How many references there are to what stands in an attribute, with that of this function."""
    return sys.getrefcount(getattr(holder, name))


ALONE = references(Holder(np.empty(1)), "value")
"""The references to a value that only its holder holds."""


def holds_alone(holder: Any, name: str) -> bool:
    """Whether nobody but the holder holds what stands in its attribute."""
    return references(holder, name) == ALONE


def item_references(items: Any, index: Any) -> int:
    """The same for what stands in a list or dictionary."""
    return sys.getrefcount(items[index])


ITEM_ALONE = item_references([np.empty(1)], 0)


def item_alone(items: Any, index: Any) -> bool:
    """Whether nobody but the list or dictionary holds what stands there."""
    return item_references(items, index) == ITEM_ALONE


def apart(part: Any, whole: Any) -> Any:
    """A part that was read of an array that is written to, as a copy if it is small, so that it
    does not hold the memory."""
    if part.size * PART <= whole.size and is_large(whole):
        return duplicate(part)
    return part
