"""The sizes in a graph, so that graphs which differ in these alone can be told and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from functrans.compile.llvm.code.varying import Varying
from functrans.core.types import ArrayType
from functrans.graph.graph import Equation, Graph, Variable, named_graphs, with_graphs

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

Sizes: TypeAlias = "int | tuple[Sizes, ...]"


class GraphSignature:
    """What a graph is but for its sizes, and its sizes.

    Attributes
    ----------
    key : hashable
        The same of graphs that may differ in sizes alone: their operations, dtypes and ranks.
    sizes : list
        Shapes of inputs and results, and ints among the parameters, also in nested tuples.
    """

    def __init__(self, graph: Graph) -> None:
        self.sizes: list[Sizes] = []
        self.key: Hashable = self._of(graph)

    def _of(self, graph: Graph) -> Hashable:
        key: list[Hashable] = [_kind(x) for x in graph.inputs]
        self.sizes += [x.type.shape for x in graph.inputs]
        for equation in graph.equations:
            numbers = list(_numbers(equation))
            self.sizes += [value for _, value, _ in numbers]
            self.sizes += [x.type.shape for x in equation.outputs]
            inner = [self._of(graph) for _, graph in named_graphs(equation.params)]
            key += [
                equation.primitive.name,
                tuple([(name, form) for name, _, form in numbers]),
                tuple(map(_kind, equation.outputs)),
                *inner,
            ]
        return tuple(key)

    def pattern(self, other: GraphSignature) -> Hashable:
        """Which sizes differ from those of another with this key; None if none does."""
        if self.sizes == other.sizes:
            return None
        found = _differing(tuple(self.sizes), tuple(other.sizes))
        return found if found else None


def _kind(x: Variable) -> Hashable:
    return x.type.dtype.char, x.type.ndim


def _numbers(equation: Equation) -> Iterator[tuple[str, Sizes, Hashable]]:
    """The parameters of an equation that are ints, or nested tuples of ints, and how nested."""
    for name, value in equation.params.items():
        form = _form(value)
        if form is not None:
            yield name, value, form


def _form(value: Any) -> Hashable:
    """How tuples of ints are nested; None for anything else."""
    if isinstance(value, int):
        return type(value) is bool and value
    if type(value) is tuple:
        forms = tuple(map(_form, value))
        return None if None in forms else forms
    return None


def _differing(x: Any, y: Any) -> Hashable:
    """Where nested tuples differ; False if they do not."""
    if type(x) is tuple and type(y) is tuple:
        parts = tuple([_differing(a, b) for a, b in zip(x, y, strict=True)])
        return parts if any(parts) else False
    return bool(x != y)


def varying(graph: Graph, sizes: Sequence[Sizes]) -> tuple[Graph, list[Varying]]:
    """A copy of a graph in which the sizes that differ from others vary, and these sizes."""
    copying = _Copying(iter(sizes))
    return copying.copied(graph), copying.found


class _Copying:
    """Copies a graph, given the sizes of another."""

    def __init__(self, sizes: Iterator[Sizes]) -> None:
        self._sizes = sizes
        self.found: list[Varying] = []

    def copied(self, graph: Graph) -> Graph:
        new: dict[Variable, Variable] = {}

        def variable(x: Variable) -> Variable:
            shape = self._next(x.type.shape)
            made = new[x] = Variable(ArrayType(shape, x.type.dtype, x.type.weak))
            return made

        inputs = list(map(variable, graph.inputs))
        equations = []
        for equation in graph.equations:
            params = dict(equation.params)
            for name, value, _ in _numbers(equation):
                params[name] = self._next(value)
            outputs = tuple(map(variable, equation.outputs))
            params = with_graphs(params, self.copied)
            values = tuple([new[x] if type(x) is Variable else x for x in equation.inputs])
            equations.append(equation.changed(values, params, outputs))
        results = [new[x] if type(x) is Variable else x for x in graph.outputs]
        return Graph(graph.name, inputs, equations, results)

    def _next(self, x: Any) -> Any:
        """Sizes, of which those vary that differ from the next ones of the other graph."""
        return self._compared(x, next(self._sizes))

    def _compared(self, x: Any, y: Any) -> Any:
        if type(x) is tuple:
            return tuple([self._compared(a, b) for a, b in zip(x, y, strict=True)])
        if x == y:
            return x
        self.found.append(Varying(x, hash((int(x), int(y)))))
        return self.found[-1]
