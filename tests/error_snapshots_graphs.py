"""What graphs and their programs refuse.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans.compile import program
from functrans.core import errors
from functrans.core.primitive import REGISTRY
from functrans.graph.graph import Equation
from functrans.graph.partition import partition
from functrans.graph.passes import check


def closes_over_a_traced_value(y: Any) -> Any:
    return program(ft.make_graph(lambda x: x * y)(1.0))(2.0)[0]


def changed(change: Callable[[ft.Graph], Any]) -> None:
    """Check a graph of sin(x) + 1 after a change."""
    graph = ft.make_graph(lambda x: np.sin(x) + 1.0)(np.ones(3))
    change(graph)
    check(graph)


def of_another_shape(graph: ft.Graph) -> None:
    graph.equations[1].outputs[0].type = ft.ArrayType((4,), float)


def with_unknown_axes(graph: ft.Graph) -> None:
    moved = Equation(REGISTRY["transpose"], (graph.inputs[0],), {"axes": (5,)}, (), "a.py:1 in f")
    graph.equations.append(moved)


SNAPSHOTS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a program of a graph with a traced constant": (
        lambda: ft.grad(closes_over_a_traced_value)(3.0),
        errors.InputTypeError,
        r"graph <lambda> holds a traced float64\[\] of grad\(closes_over.*as a constant, so it "
        r"has no program on plain arrays\. Stage the function with that value as an argument",
    ),
    "a policy of what is stored that is none": (
        lambda: partition(ft.make_graph(lambda x, g: (x, g))(1.0, 1.0), 1, 1, "all"),
        errors.InputTypeError,
        r"partition: policy is 'all'; it takes 'cut', 'store', 'recompute' or a function of an "
        "equation",
    ),
    "an output that depends on a cotangent": (
        lambda: partition(ft.make_graph(lambda x, g: (x * g, g))(1.0, 1.0), 1, 1),
        errors.InputTypeError,
        r"partition: output 0 of graph <lambda> depends on a cotangent\. Count it among the",
    ),
    "equations in a wrong order": (
        lambda: changed(lambda graph: graph.equations.reverse()),
        errors.GraphError,
        r"graph <lambda>, equation 0 \(add, .* in <lambda>\): operand 0, of type float64\[3\], is "
        "not defined before",
    ),
    "an equation that stands twice": (
        lambda: changed(lambda graph: graph.equations.append(graph.equations[0])),
        errors.GraphError,
        r"equation 2 \(sin, .*\): its output of type float64\[3\] is defined already",
    ),
    "an output that no equation makes": (
        lambda: changed(lambda graph: graph.equations.pop()),
        errors.GraphError,
        r"graph <lambda>: output 0, of type float64\[3\], is not defined",
    ),
    "an input that stands twice": (
        lambda: changed(lambda graph: graph.inputs.append(graph.inputs[0])),
        errors.GraphError,
        r"graph <lambda>: an input of type float64\[3\] stands twice",
    ),
    "an output of another type than the operation gives": (
        lambda: changed(of_another_shape),
        errors.GraphError,
        r"equation 1 \(add, .*\): its outputs have types \[float64\[4\]\], but the primitive makes "
        r"\[float64\[3\]\] of its operands",
    ),
    "operands that an operation does not take": (
        lambda: changed(with_unknown_axes),
        errors.GraphError,
        r"equation 2 \(transpose, a.py:1 in f\): the shape rule refuses its operands",
    ),
}
