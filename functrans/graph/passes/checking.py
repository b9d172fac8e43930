"""The type checker of graphs: what passes, loaders and writers of graphs must keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core.errors import GraphError
from functrans.core.types import ArrayType
from functrans.graph.graph import Graph, Variable, named_graphs
from functrans.graph.inference import output_types

if TYPE_CHECKING:
    from functrans.graph.graph import Equation


def check(graph: Graph) -> None:
    """Raise unless a graph is well-formed, nested graphs included.

    Every variable is defined once and before its use, every equation has the number of outputs
    that its primitive says, and their types are what the primitive's shape rule makes of the
    operands' types. Operations whose outputs only their graphs or functions tell are believed.

    Raises
    ------
    GraphError
        It names the equation, what is wrong with it, and the user's line that it is from.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> from functrans.graph.passes import check
    >>> check(ft.make_graph(np.sin)(np.ones(3)))
    """
    _check(graph, graph.name, {})


def _check(graph: Graph, name: str, done: dict[Graph, None]) -> None:
    if graph in done:
        return
    done[graph] = None
    defined: set[Variable] = set()
    for v in graph.inputs:
        if v in defined:
            raise GraphError(f"graph {name}: an input of type {v.type} stands twice")
        defined.add(v)
    for number, equation in enumerate(graph.equations):
        where = f"graph {name}, equation {number} ({equation.primitive.name}, {equation.line})"
        for i, x in enumerate(equation.inputs):
            if type(x) is Variable and x not in defined:
                raise GraphError(f"{where}: operand {i}, of type {x.type}, is not defined before")
        for v in equation.outputs:
            if v in defined:
                raise GraphError(f"{where}: its output of type {v.type} is defined already")
            defined.add(v)
        wanted = _wanted(equation, where)
        found = [v.type for v in equation.outputs]
        if wanted is not None and found != wanted:
            raise GraphError(
                f"{where}: its outputs have types {found}, but the primitive makes {wanted} of its "
                "operands"
            )
        for place, nested in named_graphs(equation.params):
            _check(nested, f"{name}, {equation.primitive.name} {place}", done)
    for i, x in enumerate(graph.outputs):
        if type(x) is Variable and x not in defined:
            raise GraphError(f"graph {name}: output {i}, of type {x.type}, is not defined")


def _wanted(equation: Equation, where: str) -> list[ArrayType] | None:
    """The types of an equation's outputs; None where the primitive does not know them."""
    primitive = equation.primitive
    if primitive.shape is None and (primitive.outputs == 0 or primitive.effects):
        return None
    args: tuple[Any, ...] = tuple([x.type if type(x) is Variable else x for x in equation.inputs])
    try:
        types = output_types(primitive, args, equation.params)
    except Exception as error:
        raise GraphError(f"{where}: the shape rule refuses its operands: {error}") from error
    return list(types) if isinstance(types, tuple | list) else [types]
