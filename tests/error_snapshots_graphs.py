"""What graphs and their programs refuse.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import functrans as ft
from functrans.compile import program
from functrans.core import errors
from functrans.graph.partition import partition


def closes_over_a_traced_value(y: Any) -> Any:
    return program(ft.make_graph(lambda x: x * y)(1.0))(2.0)[0]


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
}
