"""Keys of constants and parameters: equal if and only if the values are the same, to the bit."""

from __future__ import annotations

import struct
from collections.abc import Hashable
from typing import Any

import numpy as np

from functrans.graph.graph import Graph, Variable
from functrans.primitives.index_expression import Index

_INTEGERS = frozenset((int,))
"""The types in most tuples: axes and shapes."""

_bits = struct.Struct("d").pack

LARGE = 4096
"""Bytes of an array up to which its elements are compared; a larger one is the same only to
itself."""


class Keys:
    """The keys of values, and of graphs by their structure, each graph read once."""

    def __init__(self) -> None:
        self._graphs: dict[int, tuple[Graph, Hashable]] = {}
        self._held: list[Any] = []  # what is known by its id must not go

    def of(self, value: Any) -> Hashable:
        """The key of a constant or parameter."""
        kind = type(value)
        if kind in (int, bool, str, bytes, type(None)):
            return kind, value
        if kind is float:
            return kind, _bits(value)
        if kind is complex:
            return kind, _bits(value.real), _bits(value.imag)
        if kind is tuple:
            if _INTEGERS.issuperset(map(type, value)):
                return _INTEGERS, value
            return kind, tuple([self.of(v) for v in value])
        if kind is slice:
            return kind, self.of((value.start, value.stop, value.step))
        if kind is Index:
            return kind, self.of(value.entries), value.unique
        if isinstance(value, np.dtype):
            return np.dtype, value
        small = kind is np.ndarray and value.nbytes <= LARGE
        if (small or isinstance(value, np.generic)) and value.dtype != object:
            layout = value.strides if small else None
            return kind, value.dtype, value.shape, layout, value.tobytes()
        if isinstance(value, Graph):
            return self.graph(value)
        if isinstance(value, dict):
            return kind, tuple([(k, self.of(v)) for k, v in value.items()])
        self._held.append(value)
        return kind, id(value)

    def graph(self, graph: Graph) -> Hashable:
        """Equal for graphs that compute the same by the same equations."""
        known = self._graphs.get(id(graph))
        if known is None:
            numbers: dict[Variable, int] = {}

            def operand(x: Any) -> Hashable:
                return numbers[x] if type(x) is Variable else (None, self.of(x))

            def define(v: Variable) -> Hashable:
                numbers[v] = len(numbers)
                return v.type

            inputs = tuple(map(define, graph.inputs))
            body = tuple(
                [
                    (
                        e.primitive.name,
                        tuple(map(operand, e.inputs)),
                        self.params(e.params),
                        tuple(map(define, e.outputs)),
                    )
                    for e in graph.equations
                ]
            )
            known = graph, (Graph, inputs, body, tuple(map(operand, graph.outputs)))
            self._graphs[id(graph)] = known
        return known[1]

    def params(self, params: dict[str, Any]) -> Hashable:
        """The key of an equation's parameters."""
        if not params:
            return ()
        if len(params) == 1:
            ((name, value),) = params.items()
            return name, self.of(value)
        return tuple([(name, self.of(value)) for name, value in sorted(params.items())])
