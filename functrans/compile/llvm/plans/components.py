"""Arrays of short vectors, as points in space are, by their components.

Native code computes along the last axis, many elements at a time. Where that axis has two to four
elements, most of a vector is empty, and a sum over it adds up within vectors. So what is computed
of all pairs of a few points, say, is computed for each component by itself, along another axis: a
sum over components is then a sum of values. Only small arrays are taken apart and put together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm.plans.forms import elementwise
from functrans.core.primitive import primitive_of
from functrans.core.types import ArrayType
from functrans.graph.graph import Equation, Graph, Variable, operand_type
from functrans.graph.inference import output_types
from functrans.graph.passes.rewriting import like
from functrans.primitives.arithmetic import add
from functrans.primitives.index_expression import Index
from functrans.primitives.indexing import index_
from functrans.primitives.shape import concatenate, reshape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.types import Shape

LONGEST = 4
"""Elements of a last axis at most that is short: half of a vector of eight doubles."""

LARGE = 1 << 12
"""Elements of the largest array of short vectors at least."""

SMALL = 8
"""How much smaller arrays are that are taken apart and put together: reading and writing every
third element takes several times as long as reading and writing all."""


def by_components(graph: Graph) -> Graph:
    """The graph with large arrays of short vectors by their components; itself if there are
    none."""
    chosen = _chosen(graph)
    return _Parting(graph, chosen).run() if chosen else graph


def _is_short(x: Any) -> bool:
    shape = _shape(x)
    return len(shape) > 0 and 1 < shape[-1] <= LONGEST


def _shape(x: Any) -> Shape:
    return operand_type(x).shape


def _size(x: Any) -> int:
    """Elements of an array that lie in memory."""
    if type(x) is np.ndarray and not any(x.strides):
        return 1
    return math.prod(_shape(x))


def _chosen(graph: Graph) -> set[Equation]:
    """The equations to carry out by components."""
    chosen = [e for e in graph.equations if _parts(e)]
    sizes = [_size(x) for e in chosen for x in (*e.inputs, *e.outputs) if _is_short(x)]
    largest = max(sizes, default=0)
    if largest < LARGE:
        return set()
    count = -1
    while len(chosen) != count:
        count = len(chosen)
        known = set(chosen)
        made = {e.outputs[0] for e in chosen}
        whole = {x for x in graph.outputs if type(x) is Variable}
        for e in graph.equations:
            if e not in known:
                whole.update([x for x in e.inputs if type(x) is Variable])
        kept = []
        for e in chosen:
            moved = [
                x for x in e.inputs if _is_short(x) and not (type(x) is Variable and x in made)
            ]
            moved += [x for x in e.outputs if _is_short(x) and x in whole]
            if all([_size(x) * SMALL <= largest for x in moved]):
                kept.append(e)
        chosen = kept
    shown = [x for e in chosen for x in (*e.inputs, *e.outputs) if _is_short(x)]
    return set(chosen) if max(map(_size, shown), default=0) >= LARGE else set()


# Which operations go by components: their operands and results may have a short last axis.


def _parts(equation: Equation) -> bool:
    """Whether an operation on short vectors can be carried out for each component."""
    if len(equation.outputs) != 1 or equation.primitive.outputs is not None:
        return False
    if not any([_is_short(x) for x in (*equation.inputs, *equation.outputs)]):
        return False
    check = _CHECKS.get(equation.primitive.name)
    if check is not None:
        return check(equation)
    return _is_short(equation.outputs[0]) and elementwise(equation) is not None


def _summed(e: Equation) -> bool:
    (x,), (out,) = e.inputs, e.outputs
    same = operand_type(x).dtype == out.type.dtype and out.type.dtype.kind == "f"
    return same and _is_short(x) and not e.params.get("keepdims", False)


def _reduced(e: Equation) -> bool:
    last = len(_shape(e.inputs[0])) - 1
    return _is_short(e.inputs[0]) and last not in e.params["axes"]


def _broadcast(e: Equation) -> bool:
    return _is_short(e.outputs[0])


def _same_last(e: Equation) -> bool:
    shape, out = _shape(e.inputs[0]), _shape(e.outputs[0])
    return len(shape) > 0 and len(out) > 0 and shape[-1] == out[-1] and _is_short(e.outputs[0])


def _turned(e: Equation) -> bool:
    return _same_last(e) and e.params["axes"][-1] == len(e.params["axes"]) - 1


def _indexed(e: Equation) -> bool:
    return len(e.inputs) == 1 and _beneath(e.params["index"], _shape(e.inputs[0])) is not None


def _added(e: Equation) -> bool:
    if len(e.inputs) != 2 or not _is_short(e.outputs[0]):
        return False
    index, shape, y = e.params["index"], _shape(e.inputs[0]), _shape(e.inputs[1])
    fits = len(y) <= len(index.shape(shape, ())) and (not y or y[-1] in (1, shape[-1]))
    return fits and _beneath(index, shape) is not None


def _beneath(index: Index, shape: Shape) -> Index | None:
    """An index without its last entry, which takes a short last axis whole; None for others."""
    entries = index.expanded(len(shape))
    if not shape or not 1 < shape[-1] <= LONGEST or any([type(e) is bool for e in entries]):
        return None
    last = entries.pop()
    if not isinstance(last, slice) or last.indices(shape[-1]) != (0, shape[-1], 1):
        return None
    return Index(tuple(entries), index.unique)


_CHECKS: dict[str, Callable[[Equation], bool]] = {
    "sum": lambda e: _summed(e) or _reduced(e),
    "max": _reduced,
    "min": _reduced,
    "broadcast_to": _broadcast,
    "reshape": _same_last,
    "transpose": _turned,
    "index": _indexed,
    "index_add": _added,
    "index_update": _added,
}


class _Parting:
    """The graph with some equations carried out by components."""

    def __init__(self, graph: Graph, chosen: set[Equation]) -> None:
        self._graph = graph
        self._chosen = chosen
        self._equations: list[Equation] = []
        self._components: dict[Variable, list[Any]] = {}
        self._made: set[Variable] = set()  # those that are there by components alone

    def run(self) -> Graph:
        for equation in self._graph.equations:
            self._origin = equation
            if equation in self._chosen:
                self._part(equation)
            else:
                inputs = tuple(map(self._whole, equation.inputs))
                self._equations.append(equation.changed(inputs=inputs))
        outputs = list(map(self._whole, self._graph.outputs))
        return like(self._graph, self._equations, outputs)

    def _whole(self, x: Any) -> Any:
        """A value for those who take it whole."""
        if type(x) is Variable and x in self._made:
            self._made.remove(x)
            shape = (*x.type.shape[:-1], 1)
            parts = [self._emit(reshape, (c,), shape=shape) for c in self._components[x]]
            self._emit(concatenate, tuple(parts), x, axis=x.type.ndim - 1)
        return x

    def _of(self, x: Any, count: int) -> list[Any]:
        """The components of an operand, which may be the same for all."""
        shape = _shape(x)
        if not shape:
            return [x] * count
        if shape[-1] == 1:
            if type(x) is Variable:
                return [self._emit(reshape, (x,), shape=shape[:-1])] * count
            return [x[..., 0]] * count
        if type(x) is not Variable:
            return [x[..., i] for i in range(count)]
        if x not in self._components:
            self._components[x] = [
                self._emit(index_, (x,), index=Index((..., i))) for i in range(count)
            ]
        return self._components[x]

    def _part(self, equation: Equation) -> None:
        name, params = equation.primitive.name, equation.params
        (out,) = equation.outputs
        if name == "sum" and _summed(equation) and not _reduced(equation):
            self._sum(equation)
            return
        count = _shape(out)[-1]
        shape = out.type.shape[:-1]
        if name == "transpose":
            params = {"axes": params["axes"][:-1]}
        elif name in ("broadcast_to", "reshape"):
            params = {"shape": shape}
        elif name in ("index", "index_add", "index_update"):
            params = {"index": _beneath(params["index"], _shape(equation.inputs[0]))}
        parts = [self._of(x, count) for x in equation.inputs]
        made = []
        for inputs in zip(*parts, strict=True):
            v = Variable(ArrayType(shape, out.type.dtype))
            self._equations.append(equation.changed(inputs=inputs, params=params, outputs=(v,)))
            made.append(v)
        self._components[out] = made
        self._made.add(out)

    def _sum(self, equation: Equation) -> None:
        """A sum over the components, and then over other axes."""
        (x,), (out,) = equation.inputs, equation.outputs
        first, *others = self._of(x, _shape(x)[-1])
        rest = tuple([a for a in equation.params["axes"] if a != len(_shape(x)) - 1])
        for i, other in enumerate(others):
            last = not rest and i == len(others) - 1
            first = self._emit(add, (first, other), out if last else None)
        if rest:
            params = {**equation.params, "axes": rest}
            self._equations.append(equation.changed(inputs=(first,), params=params))

    def _emit(
        self, function: Any, inputs: Sequence[Any], out: Variable | None = None, **params: Any
    ) -> Variable:
        primitive = primitive_of(function)
        if out is None:
            out = Variable(output_types(primitive, inputs, params))
        line, errstate = self._origin.line, self._origin.errstate
        self._equations.append(Equation(primitive, tuple(inputs), params, (out,), line, errstate))
        return out
