"""What graphs and their programs refuse.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import functrans as ft
from functrans.compile import program
from functrans.core import errors


def closes_over_a_traced_value(y: Any) -> Any:
    return program(ft.make_graph(lambda x: x * y)(1.0))(2.0)[0]


SNAPSHOTS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a program of a graph with a traced constant": (
        lambda: ft.grad(closes_over_a_traced_value)(3.0),
        errors.InputTypeError,
        r"graph <lambda> holds a traced float64\[\] of grad\(closes_over.*as a constant, so it "
        r"has no program on plain arrays\. Stage the function with that value as an argument",
    ),
}
