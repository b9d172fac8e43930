"""Wrong use of control flow, and the errors that it raises.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np

import functrans as ft
from functrans.compile import eager, executors
from functrans.compile.llvm.code import threads
from functrans.core import errors

Row = tuple[Callable[[], Any], type[Exception], str]

X = np.ones(3)
LOG: list[int] = []
NUMBER = ft.ArrayType((), float)


def keep(carry: Any, x: Any) -> Any:
    return carry, x


def drifting() -> Callable[[Any], Any]:
    """A function that gives something else each time."""
    numbers = itertools.count()

    def following(x: Any) -> Any:
        return x + next(numbers)

    return lambda x: ft.debug.pure_callback(following, NUMBER, x)


def in_what_background() -> Any:
    """The environment is to say 0 or 1."""
    with mock.patch.dict(os.environ, FUNCTRANS_BACKGROUND="yes"):
        return ft.jit(np.sin)


def without_llvmlite() -> Any:
    """Native code is asked for where the package is not there."""
    with mock.patch.object(executors, "available", lambda: False):
        return ft.jit(np.sin, backend="llvm")


def kernels_without_llvmlite() -> Any:
    """Kernels are asked for where the package is not there."""
    with mock.patch.object(eager, "available", lambda: False):
        return ft.set_eager_backend("llvm")


@ft.jit
def positive(x: Any) -> Any:
    return np.sum(x) if np.sum(x) > 0 else 0.0 * np.sum(x)


SNAPSHOTS: dict[str, Row] = {
    "no pair from a scan": (
        lambda: ft.scan(lambda s, x: s + x, 0.0, X),
        errors.OutputTypeError,
        r"scan\(<lambda> .*\): the function has to return a pair \(carry, y\), got one array\. ",
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
    "jit of a value": (
        lambda: ft.jit(1.0),  # type: ignore[call-overload]
        errors.InputTypeError,
        r"jit takes a function, got float.*Write jit\(f\)\(x\), not jit\(f\(x\)\)",
    ),
    "jit with branches of another kind": (
        lambda: ft.jit(np.sin, branches="both"),  # type: ignore[call-overload]
        errors.OptionError,
        "jit: branches is 'both'; it takes 'follow' or 'error'",
    ),
    "jit with a backend that there is not": (
        lambda: ft.jit(np.sin, backend="cuda"),  # type: ignore[call-overload]
        errors.OptionError,
        "jit: backend is 'cuda'; it takes 'numpy' or 'llvm'",
    ),
    "jit with a backend that is not installed": (
        without_llvmlite,
        errors.OptionError,
        r"jit: backend is 'llvm', which needs llvmlite: pip install 'functrans\[jit\]'",
    ),
    "an environment that does not tell whether to compile in the background": (
        in_what_background,
        errors.OptionError,
        "the environment variable FUNCTRANS_BACKGROUND is 'yes'; it takes 0 or 1",
    ),
    "jit without paths": (
        lambda: ft.jit(np.sin, max_paths=0),
        errors.InputTypeError,
        "jit: max_paths must be an int of at least 1, got 0",
    ),
    "static arguments by no number": (
        lambda: ft.jit(keep, static_argnums=(1.5,)),  # type: ignore[call-overload]
        errors.InputTypeError,
        r"jit: static_argnums must be ints, got \(1.5,\)",
    ),
    "static arguments by no name": (
        lambda: ft.jit(keep, static_argnames=(1,)),  # type: ignore[call-overload]
        errors.InputTypeError,
        r"jit: static_argnames must be strings, got \(1,\)",
    ),
    "static arguments by an unknown name": (
        lambda: ft.jit(keep, static_argnames="y"),
        errors.InputTypeError,
        r"jit\(keep .*\): static_argnames=\['y'\] names no argument; the function has "
        r"\['carry', 'x'\]",
    ),
    "a static argument that cannot be hashed": (
        lambda: ft.jit(keep, static_argnums=1)(1.0, [1]),
        errors.InputTypeError,
        r"jit\(keep .*\): the static argument 'x' is a list, which cannot be hashed",
    ),
    "an argument that is no array": (
        lambda: ft.jit(keep)({"a": "text"}, 1.0),
        errors.InputTypeError,
        r"jit\(keep .*\): argument 'carry'\['a'\] is a str, which a program cannot take. Name it",
    ),
    "a matrix as an argument": (
        lambda: ft.jit(keep)(np.ma.masked_array([1.0]), 1.0),
        errors.InputTypeError,
        r"jit\(keep .*\): argument 'carry' is a numpy.ma.MaskedArray.*pass a plain array",
    ),
    "a condition as an error": (
        lambda: ft.jit(lambda x: x if x > 0 else -x, branches="error")(1.0),
        errors.ConversionError,
        r"bool\(\) of a traced bool\[\] in jit\(<lambda> .*Write numpy.where",
    ),
    "a path too many": (
        lambda: list(map(ft.jit(lambda x: x if x > 0 else -x, max_paths=1), (1.0, -1.0))),
        errors.ConversionError,
        r"jit\(<lambda> .*\) has 1 paths through its Python conditions already.*functrans.cond",
    ),
    "a condition that differs between lanes": (
        lambda: [ft.grad(positive)(X), ft.vmap(positive, branches="error")(np.ones((2, 3)))],
        errors.ConversionError,
        "the function of a jit branches in Python on a value of which each lane",
    ),
    "a result that is no array": (
        lambda: ft.jit(lambda x: {"a": "text"})(1.0),
        errors.OutputTypeError,
        r"jit\(<lambda> .*\): the function returned a str at \['a'\]; a staged function returns",
    ),
    "a side effect": (
        lambda: ft.jit(lambda x: LOG.append(1) or x)(1.0),  # type: ignore[func-returns-value]
        errors.SideEffectError,
        r"jit\(<lambda> .*\): while the function was staged, the elements of the global LOG are "
        "others.*functrans.debug.callback",
    ),
    "a program that does something else": (
        lambda: ft.jit(drifting(), debug=True)(1.0),
        errors.GraphError,
        r"jit\(<lambda> .*\): the program gives .* where its operations, carried out one by one",
    ),
    "a policy that is none": (
        lambda: ft.checkpoint(np.sin, policy="dots"),  # type: ignore[call-overload]
        errors.InputTypeError,
        "checkpoint: policy is 'dots'; it takes a function of an equation",
    ),
    "an argument that is static and donated": (
        lambda: ft.jit(keep, static_argnums=1, donate_argnames="x"),
        errors.InputTypeError,
        r"jit\(keep .*\): \['1', 'x'\] are static and donated",
    ),
    "vmap with branches of another kind": (
        lambda: ft.vmap(np.sin, branches="both"),  # type: ignore[arg-type]
        errors.OptionError,
        "vmap: branches is 'both'; it takes 'follow' or 'error'",
    ),
    "lanes that return different structures": (
        lambda: ft.vmap(lambda x: (x, x) if x > 0 else x)(np.array([1.0, -1.0])),
        errors.TreeError,
        r"vmap\(<lambda> .*\): the function returns different structures: .*",
    ),
    "lanes that differ in a result without an axis": (
        lambda: ft.vmap(lambda x: 1.0 if x > 0 else 0.0, out_axes=None)(np.array([1.0, -1.0])),
        errors.AxisError,
        r"vmap\(<lambda> .*\): the output may differ between examples, which take different paths",
    ),
    "an eager backend that there is not": (
        lambda: ft.set_eager_backend("torch"),  # type: ignore[arg-type]
        errors.OptionError,
        "set_eager_backend: backend is 'torch'; it takes 'numpy', 'llvm' or 'exact'",
    ),
    "an eager backend that is not installed": (
        kernels_without_llvmlite,
        errors.OptionError,
        r"set_eager_backend: backend is 'llvm', which needs llvmlite: pip install",
    ),
    "an environment that tells no number of elements": (
        lambda: eager.least({"FUNCTRANS_EAGER_LEAST": "few"}),
        errors.OptionError,
        "FUNCTRANS_EAGER_LEAST is 'few'; it takes a number of elements",
    ),
    "a number of threads that there cannot be": (
        lambda: ft.set_num_threads(0),
        errors.InputTypeError,
        "set_num_threads: the number of threads must be an int from 1 to 256, got 0",
    ),
    "an environment that tells no number of threads": (
        lambda: threads.told({"FUNCTRANS_NUM_THREADS": "all"}),
        errors.OptionError,
        "FUNCTRANS_NUM_THREADS is 'all'; it takes a number from 1 to 256",
    ),
}
