"""How a graph reads: names of its variables, and the print-out with one typed line an equation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import is_plain, type_of
from functrans.graph.graph import Equation, Graph, Variable, named_graphs

if TYPE_CHECKING:
    from collections.abc import Iterator


def print_out(graph: Graph, lines: bool = False) -> str:
    """The text of :meth:`Graph.text`."""
    return "\n".join(_lines(graph, lines))


class Names:
    """The names of one graph's variables and array constants, in the order in which they are asked
    for."""

    def __init__(self) -> None:
        self._variables: dict[Variable, str] = {}
        self._constants: dict[int, str] = {}
        self.constants: dict[str, Any] = {}

    def variable(self, variable: Variable) -> str:
        if variable not in self._variables:
            self._variables[variable] = letters(len(self._variables))
        return self._variables[variable]

    def typed(self, variable: Variable) -> str:
        """``a: float64[3]``."""
        return f"{self.variable(variable)}: {variable.type}"

    def operand(self, x: Any) -> str:
        """The name of a variable or of an array, and a number as it is."""
        if type(x) is Variable:
            return self.variable(x)
        if np.ndim(x) == 0:
            return str(x.item() if is_plain(x) else x)
        if id(x) not in self._constants:
            name = f"constant{len(self._constants)}"
            self._constants[id(x)] = name
            self.constants[name] = x
        return self._constants[id(x)]


def call_text(equation: Equation, names: Names) -> str:
    """The right-hand side of an equation, without the graphs among its parameters."""
    nested = {name.partition("[")[0] for name, _ in named_graphs(equation.params)}
    parts = [names.operand(x) for x in equation.inputs]
    parts += [f"{k}={shown(v)}" for k, v in equation.params.items() if k not in nested]
    return f"{equation.primitive.name}({', '.join(parts)})"


def _lines(graph: Graph, lines: bool) -> Iterator[str]:
    names = Names()
    head = f"graph {graph.name}({', '.join(map(names.typed, graph.inputs))}):"
    body = []
    for equation in graph.equations:
        left = ", ".join(map(names.typed, equation.outputs))
        text = call_text(equation, names)
        where = f"  # {equation.line}" if lines else ""
        body.append(f"  {left} = {text}{where}" if left else f"  {text}{where}")
        for name, inner in named_graphs(equation.params):
            first, *rest = _lines(inner, lines)
            body.append(f"    {name} = {first}")
            body += [f"    {line}" for line in rest]
    returned = f"  return {', '.join(map(names.operand, graph.outputs))}"
    yield head
    yield from (f"  {name}: {type_of(x)}" for name, x in names.constants.items())
    yield from body
    yield returned.rstrip()


def shown(value: Any) -> str:
    """A parameter, in short."""
    if isinstance(value, np.dtype):
        return value.name
    return f"<array {type_of(value)}>" if isinstance(value, np.ndarray) else repr(value)


def letters(n: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    text = ""
    n += 1
    while n:
        n, digit = divmod(n - 1, 26)
        text = chr(ord("a") + digit) + text
    return text
