"""Wrong use of control flow, and the errors that it raises.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans.core import errors

Row = tuple[Callable[[], Any], type[Exception], str]

X = np.ones(3)


def keep(carry: Any, x: Any) -> Any:
    return carry, x


SNAPSHOTS: dict[str, Row] = {
    "no pair from a scan": (
        lambda: ft.scan(lambda s, x: s + x, 0.0, X),
        errors.OutputTypeError,
        r"scan\(<lambda> .*\): the function has to return a pair \(carry, y\), got \*",
    ),
    "a carry that changes its shape": (
        lambda: ft.scan(lambda s, x: ({"a": s["a"] + X}, None), {"a": np.float64(0)}, X),
        errors.OutputTypeError,
        r"the carry at \['a'\] has type float64\[\] at the start and float64\[3\] after a round of "
        r"<lambda> .*Give the initial carry the shape",
    ),
    "a carry that changes its dtype": (
        lambda: ft.scan(lambda s, x: (s + x, None), np.float32(0), X),
        errors.OutputTypeError,
        r"the carry has type float32\[\] at the start and float64\[\] after .*"
        r"numpy\.float64\)\), or convert",
    ),
    "a carry that changes its structure": (
        lambda: ft.scan(lambda s, x: ((s, s), None), 0.0, X),
        errors.TreeError,
        "the carry that <lambda> .* returns has another structure than the initial one: .*",
    ),
    "a carry that is no array": (
        lambda: ft.scan(keep, {"a": "text"}, X),
        errors.InputTypeError,
        r"scan\(keep .*\): the initial carry at \['a'\] is a str; it has to consist of arrays",
    ),
    "an output that is no array": (
        lambda: ft.scan(lambda s, x: (s, {"y": "text"}), 0.0, X),
        errors.OutputTypeError,
        r"scan\(<lambda> .*\): the function returned a str at \[1\]\['y'\]; it has to return "
        "arrays",
    ),
    "elements of a number": (
        lambda: ft.scan(keep, 0.0, {"a": 1.0}),
        errors.AxisError,
        r"scan\(keep .*\): xs\['a'\] has type weak float64\[\], which has no axis to go along",
    ),
    "sequences of different lengths": (
        lambda: ft.scan(keep, 0.0, (X, np.ones(2)), length=3),
        errors.AxisError,
        r"the numbers of rounds differ: xs\[0\] has 3; xs\[1\] has 2",
    ),
    "a scan of unknown length": (
        lambda: ft.scan(keep, 0.0),
        errors.InputTypeError,
        r"there is no array in xs that tells the number of rounds. Pass length=",
    ),
    "a length that is none": (
        lambda: ft.scan(keep, 0.0, length=-1),
        errors.InputTypeError,
        "length must be a non-negative int, got -1",
    ),
    "a schedule that is none": (
        lambda: ft.scan(keep, 0.0, X, checkpoint="all"),  # type: ignore[arg-type]
        errors.InputTypeError,
        "checkpoint must be None, a number of rounds, functrans.every or .*, got 'all'",
    ),
    "an empty block of rounds": (
        lambda: ft.scan(keep, 0.0, X, unroll=0),
        errors.InputTypeError,
        "unroll must be a bool or an int of at least 1, got 0",
    ),
    "an empty batch of a map": (
        lambda: ft.map(np.sin, X, batch_size=0),
        errors.InputTypeError,
        r"map\(sin\): batch_size must be an int of at least 1, got 0",
    ),
    "a schedule of no rounds": (
        lambda: ft.every(0),
        errors.InputTypeError,
        "every: rounds must be an int of at least 1, got 0",
    ),
    "snapshots counted twice": (
        lambda: ft.binomial(snapshots=3, memory=1000),
        errors.InputTypeError,
        "binomial takes either snapshots=, a number of carries, or memory=",
    ),
    "a loop without arrays": (
        lambda: ft.while_loop(lambda s: True, lambda s: s, ()),
        errors.InputTypeError,
        r"while_loop\(<lambda> .*\): the carry has no arrays, so nothing could end the loop",
    ),
    "a condition on many values": (
        lambda: ft.while_loop(lambda x: x > 0, lambda x: x - 1, X),
        errors.OutputTypeError,
        r"the condition <lambda> .* has to return one boolean, got bool\[3\].*numpy\.all",
    ),
    "a bound that is no integer": (
        lambda: ft.fori_loop(0, 2.5, lambda i, x: x, 0.0),
        errors.InputTypeError,
        r"fori_loop\(<lambda> .*\): upper must be an integer, got weak float64\[\]",
    ),
    "a choice by many values": (
        lambda: ft.cond(X > 0, np.sin, np.cos, X),
        errors.InputTypeError,
        r"cond\(sin, cos\): pred must be one boolean, got bool\[3\].*numpy\.where",
    ),
    "a choice by no integer": (
        lambda: ft.switch(1.0, [np.sin, np.cos], X),
        errors.InputTypeError,
        r"switch\(sin, cos\): index must be one integer, got weak float64\[\]",
    ),
    "a choice among nothing": (
        lambda: ft.switch(1, [], X),
        errors.InputTypeError,
        "switch: branches is empty; give at least one function",
    ),
    "branches of different types": (
        lambda: ft.cond(True, lambda x: {"a": x}, lambda x: {"a": x[0]}, X),
        errors.OutputTypeError,
        r"the functions return different types at \['a'\]: <lambda> .* float64\[\], <lambda> .* "
        r"float64\[3\].*Convert one result",
    ),
    "branches of different structures": (
        lambda: ft.cond(True, lambda x: (x, x), lambda x: x, X),
        errors.TreeError,
        r"cond\(.*\): the functions return different structures: .*",
    ),
    "no such axis to combine along": (
        lambda: ft.associative_scan(np.add, X, axis=1),
        errors.AxisError,
        r"associative_scan\(add\): elems has type float64\[3\], which has no axis 1",
    ),
    "sequences of different lengths to combine": (
        lambda: ft.associative_scan(lambda a, b: a, (X, np.ones(2))),
        errors.AxisError,
        r"elems has different lengths along axis 0: \[2, 3\]",
    ),
    "a combination of another structure": (
        lambda: ft.associative_scan(lambda a, b: (a, b), X),
        errors.TreeError,
        "associative_scan.*: the function returned another structure: .*",
    ),
    "a combination of another shape": (
        lambda: ft.associative_scan(lambda a, b: a[:0], X),
        errors.OutputTypeError,
        r"the function returned float64\[0\] for elements of float64\[1\]",
    ),
}
