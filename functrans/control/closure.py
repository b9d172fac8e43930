"""Staging the functions that control flow takes: a graph, and what it closes over.

Values of the transforms around it that a function reads become inputs of its graph. An operation
on such values alone is carried out at once, outside of the graph: it need not run again in each
round of a loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core import tree
from functrans.core.errors import OutputTypeError, describe_function, describe_output
from functrans.core.types import ArrayType, is_array, type_of
from functrans.graph.graph import Graph, Variable
from functrans.transforms.arguments import leaf_label
from functrans.transforms.lifting import key_of, lifted
from functrans.transforms.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Staged:
    """A staged function.

    Attributes
    ----------
    graph : Graph
        Takes the values in `closed`, then the leaves of the arguments.
    closed : list of traced arrays
        What the function reads of the transforms around it.
    out_tree : TreeDef
    """

    __slots__ = ("closed", "graph", "out_tree")

    def __init__(self, graph: Graph, closed: list[Any], out_tree: tree.TreeDef) -> None:
        self.graph = graph
        self.closed = closed
        self.out_tree = out_tree

    def closing(self, closed: Sequence[Any]) -> Graph:
        """The graph with these traced values as inputs, its own among them."""
        own = {key_of(x): v for x, v in zip(self.closed, self.graph.inputs, strict=False)}
        extra = [own.get(key_of(x)) or Variable(type_of(x)) for x in closed]
        rest = self.graph.inputs[len(self.closed) :]
        return Graph(self.graph.name, extra + rest, self.graph.equations, self.graph.outputs)


def stage(
    fun: Callable[..., Any],
    transform: str,
    in_tree: tree.TreeDef,
    types: Sequence[ArrayType],
    what: str = "the function",
) -> Staged:
    """Stage ``fun(*args, **kwargs)``, of which `in_tree` is the structure and `types` the
    leaves."""
    with Stage(fun, transform) as interpreter:
        interpreter.label = lambda i: leaf_label(fun, tree.leaf_paths(in_tree)[i])
        variables = list(map(interpreter.variable, types))
        args, kwargs = tree.unflatten(in_tree, variables)
        out = fun(*args, **kwargs)
    outs, out_tree = tree.flatten(out)
    for o, path in zip(outs, tree.leaf_paths(out_tree), strict=True):
        if not is_array(o):
            where = tree.key_string(path)
            raise OutputTypeError(
                f"{transform}({describe_function(fun)}): {what} returned {describe_output(o)}"
                f"{where and f' at {where}'}; it has to return arrays"
            )
    graph = interpreter.graph(getattr(fun, "__name__", "function"), outs)
    return Staged(*lifted(graph), out_tree)


def union_of(stages: Sequence[Staged]) -> list[Any]:
    """All that several functions close over, each once."""
    return list({key_of(x): x for s in stages for x in s.closed}.values())
