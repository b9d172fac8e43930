"""Transposed operands: elementwise work and reductions go through memory as it lies.

What is computed of the transpose of a matrix is the transpose of what is computed of the matrix.
So transposes are carried past such operations, until something is reached that reads any layout
(a product), another transpose undoes them, or nothing is left but to write the elements in order.
"""

from __future__ import annotations

from typing import Any

from functrans.compile.llvm.plans.forms import REDUCTIONS, elementwise
from functrans.core.primitive import primitive_of
from functrans.core.types import ArrayType
from functrans.graph.graph import Equation, Graph, Variable, operand_type
from functrans.graph.passes.rewriting import like
from functrans.primitives.shape import inverse_permutation, reshape, transpose

Axes = tuple[int, ...]


def sink_transposes(graph: Graph) -> Graph:
    """The graph with transposes behind elementwise operations and reductions of them; itself if
    there are none."""
    if not any([e.primitive.name == "transpose" for e in graph.equations]):
        return graph
    return _Sinking().run(graph)


class _Sinking:
    def __init__(self) -> None:
        self._equations: list[Equation] = []
        self._sources: dict[Variable, tuple[Variable, Axes]] = {}
        self._same: dict[Variable, Variable] = {}

    def run(self, graph: Graph) -> Graph:
        for equation in graph.equations:
            if any([x in self._same for x in equation.inputs if type(x) is Variable]):
                equation = equation.changed(inputs=tuple(map(self._now, equation.inputs)))
            self._enter(equation)
        return like(graph, self._equations, list(map(self._now, graph.outputs))).pruned()

    def _now(self, x: Any) -> Any:
        return self._same.get(x, x) if type(x) is Variable else x

    def _enter(self, equation: Equation) -> None:
        name, single = equation.primitive.name, len(equation.outputs) == 1
        if name == "transpose" and type(equation.inputs[0]) is Variable:
            self._show(equation.outputs[0], equation.inputs[0], equation.params["axes"], equation)
        elif not (single and self._passed(equation, equation.outputs[0], name)):
            self._equations.append(equation)

    def _show(self, out: Variable, x: Variable, axes: Axes, origin: Equation) -> None:
        """Let a value be the transpose of another."""
        if x in self._sources:
            x, inner = self._sources[x]
            axes = tuple([inner[i] for i in axes])
        if axes == tuple(range(len(axes))):
            self._same[out] = x
            return
        self._sources[out] = x, axes
        self._equations.append(_like(origin, transpose, x, out, axes=axes))

    def _passed(self, equation: Equation, out: Variable, name: str) -> bool:
        """Carry the transpose of the operands of an equation past it, if that can be."""
        whole = [x for x in equation.inputs if operand_type(x).shape == out.type.shape]
        if name in REDUCTIONS:
            whole = list(equation.inputs)
        found = {self._sources.get(x, (x, None))[1] for x in whole if type(x) is Variable}
        axes = found.pop() if len(found) == 1 else None
        if axes is None:
            return False
        if name in REDUCTIONS:
            self._reduce(equation, out, axes)
            return True
        if elementwise(equation) is None:
            return False
        inputs = tuple([self._beneath(x, axes, equation) for x in equation.inputs])
        shape = tuple([out.type.shape[i] for i in inverse_permutation(axes)])
        made = Variable(ArrayType(shape, out.type.dtype))
        self._equations.append(equation.changed(inputs=inputs, outputs=(made,)))
        self._show(out, made, axes, equation)
        return True

    def _reduce(self, equation: Equation, out: Variable, axes: Axes) -> None:
        params = equation.params
        source = self._sources[equation.inputs[0]][0]
        over = tuple(sorted([axes[i] for i in params["axes"]]))
        left = [i for i in range(len(axes)) if params.get("keepdims") or i not in params["axes"]]
        order = sorted(range(len(left)), key=lambda j: axes[left[j]])
        shape = tuple([out.type.shape[j] for j in order])
        made = Variable(ArrayType(shape, out.type.dtype))
        params = {**params, "axes": over}
        self._equations.append(equation.changed(inputs=(source,), params=params, outputs=(made,)))
        self._show(out, made, inverse_permutation(tuple(order)), equation)

    def _beneath(self, x: Any, axes: Axes, equation: Equation) -> Any:
        """An operand by the axes that are transposed to those of the result."""
        if type(x) is Variable and x in self._sources and len(axes) == x.type.ndim:
            source, own = self._sources[x]
            if own == axes:
                return source
        shape = operand_type(x).shape
        wide = (1,) * (len(axes) - len(shape)) + shape
        if sum([n != 1 for n in shape]) < 2:  # as it lies
            beneath = tuple([wide[i] for i in inverse_permutation(axes)])
            return x if not shape else self._shown(x, reshape, equation, shape=beneath)
        if wide != shape:
            x = self._shown(x, reshape, equation, shape=wide)
        return self._shown(x, transpose, equation, axes=inverse_permutation(axes))

    def _shown(self, x: Any, function: Any, equation: Equation, **params: Any) -> Any:
        primitive = primitive_of(function)
        if type(x) is not Variable:
            return primitive.impl(x, **params)
        shape = params.get("shape") or tuple([x.type.shape[i] for i in params["axes"]])
        out = Variable(ArrayType(shape, x.type.dtype))
        self._equations.append(_like(equation, function, x, out, **params))
        return out


def _like(origin: Equation, function: Any, x: Variable, out: Variable, **params: Any) -> Equation:
    """An equation that comes from the same line as another."""
    return Equation(primitive_of(function), (x,), params, (out,), origin.line, origin.errstate)
