"""The types of what operations return, by their shape rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core.array import TracedArray
from functrans.core.primitive import types_of
from functrans.core.types import ArrayType, dummy, type_of

if TYPE_CHECKING:
    from functrans.core.primitive import Primitive
    from functrans.core.types import Array


def output_types(primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
    """The type of an operation's output, or the tuple of types of its outputs.

    Operands of unknown value are traced arrays, or :class:`ArrayType`.
    """
    types = tuple(map(type_of, args))
    if primitive.shape is not None:
        return primitive.shape(*types, **params)
    # Without a shape rule, NumPy tells: on ones, or on the constant itself where there is one.
    values = [
        dummy(kind) if isinstance(x, TracedArray | ArrayType) else x
        for x, kind in zip(args, types, strict=True)
    ]
    return types_of(primitive.impl(*values, **params))
