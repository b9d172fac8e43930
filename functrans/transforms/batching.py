"""Batching: an operation on one example carried out on a whole batch, kept at axis 0."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functrans.core.algebra import algebra
from functrans.core.array import TracedArray
from functrans.core.errors import ConversionError, describe_function, user_line
from functrans.core.interpreter import Interpreter, under
from functrans.core.primitive import Primitive
from functrans.core.types import Array, Shape, shape_of


class BatchArray(TracedArray):
    """An array with a hidden batch axis, axis 0 of `value`."""

    __slots__ = ("value",)

    interpreter: Batch

    def __init__(self, interpreter: Batch, value: Array) -> None:
        self.interpreter = interpreter
        self.value = value

    @property
    def shape(self) -> Shape:
        return self.value.shape[1:]  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype  # type: ignore[no-any-return]

    def concrete(self, wanted: str) -> Any:
        raise ConversionError(
            f"{wanted}() of a traced {self.type} in vmap({describe_function(self.interpreter.function)}) at "
            f"{user_line()}: each of its {self.interpreter.size} lanes may have another value. Write "
            "numpy.where(condition, x, y) in place of a Python if."
        )

    def describe_value(self) -> str:
        value = self.value
        shown = repr(value) if not isinstance(value, TracedArray) else str(value)
        return f", {self.interpreter.size} lanes {shown}"


class Batch(Interpreter):
    """Carries out each operation on all lanes at once."""

    __slots__ = ("size",)

    transform = "vmap"

    def __init__(self, size: int, function: object = None) -> None:
        super().__init__(function)
        self.size = size

    def owns(self, x: Any) -> bool:
        return type(x) is BatchArray and x.interpreter is self

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        values = []
        batched = []
        for x in args:
            mine = type(x) is BatchArray and x.interpreter is self
            values.append(x.value if mine else x)
            batched.append(mine)
        if not any(batched):
            return self.hand_down(primitive, args, params)
        with under(self.parent):
            ans = self._batched(primitive, values, tuple(batched), params)
        if primitive.outputs is None:
            return BatchArray(self, ans)
        return tuple([BatchArray(self, a) for a in ans])

    def _batched(
        self,
        primitive: Primitive,
        values: list[Array],
        batched: tuple[bool, ...],
        params: dict[str, Any],
    ) -> Any:
        if primitive.batch is None:
            return self._loop(primitive, values, batched, params)
        if primitive.batch_takes_flags:
            return primitive.batch(*values, batched=batched, **params)
        full = [x if b else self.spread(x) for x, b in zip(values, batched, strict=True)]
        return primitive.batch(*full, **params)

    def spread(self, x: Array) -> Array:
        """A value that is the same in all lanes, with the batch axis it lacks."""
        return algebra.broadcast_to(x, shape=(self.size, *shape_of(x)))

    def _loop(
        self,
        primitive: Primitive,
        values: list[Array],
        batched: tuple[bool, ...],
        params: dict[str, Any],
    ) -> Any:
        """One call a lane, for a primitive without a batching rule."""
        warnings.warn(
            f"{primitive.name} has no batching rule: vmap runs it lane by lane", stacklevel=4
        )
        pick = algebra.first_axis
        lanes = [
            primitive.call(
                *[pick(x, i) if b else x for x, b in zip(values, batched, strict=True)], **params
            )
            for i in range(self.size)
        ]
        if primitive.outputs is None:
            return algebra.stack(lanes)
        return tuple(algebra.stack(column) for column in zip(*lanes, strict=True))
