"""The types of what operations return, by their shape rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core.array import TracedArray
from functrans.core.primitive import types_of
from functrans.core.types import ArrayType, dummy, type_of
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.primitive import Primitive
    from functrans.core.types import Array


KEPT = 4096
"""How many answers of shape rules are kept."""

_answers: dict[Any, Any] = {}


def output_types(primitive: Primitive, args: Sequence[Array], params: dict[str, Any]) -> Any:
    """The type of an operation's output, or the tuple of types of its outputs.

    Operands of unknown value are traced arrays, variables or :class:`ArrayType`.
    """
    types: list[ArrayType] = []
    rule = primitive.shape
    asked: list[Any] = [rule]
    for x in args:
        cls = type(x)
        kind = x.type if cls is Variable else x if cls is ArrayType else type_of(x)
        types.append(kind)
        asked += (kind.shape, kind.dtype, kind.weak)
    if rule is not None:
        if params:
            return rule(*types, **params)
        key = tuple(asked)
        answer = _answers.get(key)
        if answer is None:
            answer = rule(*types)
            if len(_answers) >= KEPT:
                _answers.clear()
            _answers[key] = answer
        return answer
    # Without a shape rule, NumPy tells: on ones, or on the constant itself where there is one.
    values = [
        dummy(kind) if isinstance(x, TracedArray | ArrayType | Variable) else x
        for x, kind in zip(args, types, strict=True)
    ]
    return types_of(primitive.impl(*values, **params))
