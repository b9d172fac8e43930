"""Staging: running a function on types alone, into a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.errors import ConversionError, describe_function, user_line
from functrans.core.interpreter import Interpreter
from functrans.core.primitive import Primitive, types_of
from functrans.core.types import Array, ArrayType, Shape, dummy, type_of
from functrans.graph.graph import Equation, Graph, Variable


class StageArray(TracedArray):
    """A variable of the graph that is being built."""

    __slots__ = ("variable",)

    interpreter: Stage

    def __init__(self, interpreter: Stage, variable: Variable) -> None:
        self.interpreter = interpreter
        self.variable = variable

    @property
    def shape(self) -> Shape:
        return self.variable.type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.variable.type.dtype

    @property
    def weak(self) -> bool:
        return self.variable.type.weak

    def concrete(self, wanted: str) -> Any:
        raise ConversionError(
            f"{wanted}() of a traced {self.type} in {self.interpreter.transform}"
            f"({describe_function(self.interpreter.function)}) at {user_line()}: while a function is staged its "
            "values are not known. Write numpy.where(condition, x, y) in place of a Python if."
        )

    def describe_value(self) -> str:
        return ""


class Stage(Interpreter):
    """Records the operations on its arrays as equations; operations on constants run at once."""

    __slots__ = ("equations", "inputs", "transform")

    def __init__(self, function: object = None, transform: str = "make_graph") -> None:
        super().__init__(function)
        self.transform = transform
        self.inputs: list[Variable] = []
        self.equations: list[Equation] = []

    def owns(self, x: Any) -> bool:
        return type(x) is StageArray and x.interpreter is self

    def variable(self, kind: ArrayType) -> StageArray:
        """A new input of the graph."""
        variable = Variable(kind)
        self.inputs.append(variable)
        return StageArray(self, variable)

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        inputs = [
            x.variable if type(x) is StageArray and x.interpreter is self else x for x in args
        ]
        if not any(type(x) is Variable for x in inputs):
            return self.hand_down(primitive, args, params)
        types = output_types(primitive, args, params)
        if primitive.outputs is None:
            out = Variable(types)
            outputs: tuple[Variable, ...] = (out,)
        else:
            outputs = tuple(map(Variable, types))
        self.equations.append(Equation(primitive, tuple(inputs), params, outputs, user_line()))
        if primitive.outputs is None:
            return StageArray(self, out)
        return tuple([StageArray(self, v) for v in outputs])

    def graph(self, name: str, outputs: list[Any]) -> Graph:
        """The finished graph with these outputs, without what they do not need."""
        lowered = [x.variable if self.owns(x) else x for x in outputs]
        return Graph(name, self.inputs, self.equations, lowered).pruned()


def output_types(primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
    """The type of an operation's output, or the tuple of types of its outputs."""
    types = tuple(map(type_of, args))
    if primitive.shape is not None:
        return primitive.shape(*types, **params)
    # Without a shape rule, NumPy tells: on ones, or on the constant itself where there is one.
    values = [
        dummy(kind) if isinstance(x, TracedArray) else x for x, kind in zip(args, types, strict=True)
    ]
    return types_of(primitive.impl(*values, **params))
