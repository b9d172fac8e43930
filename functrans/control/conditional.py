"""``cond`` and ``switch``: one of several functions, chosen by a value.

Under :func:`functrans.vmap` a branch runs on the lanes that choose it, and on no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from functrans.control.carry import array_leaves, held
from functrans.control.closure import Staged, stage, union_of
from functrans.control.cond_primitive import cond_primitive
from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.errors import (
    InputTypeError,
    OutputTypeError,
    TreeError,
    describe_function,
)
from functrans.core.interpreter import under
from functrans.core.types import is_array, shape_of, type_of
from functrans.transforms.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.graph.graph import Graph

R = TypeVar("R")


def cond(
    pred: Any,
    true_fun: Callable[..., R],
    false_fun: Callable[..., R],
    *operands: Any,
) -> R:
    """One of two functions of the operands, chosen by a boolean.

    Both are staged, one runs; under :func:`functrans.vmap` each runs on the lanes that choose it.

    Parameters
    ----------
    pred : bool, or array of shape ()
        A number counts as true unless it is zero.
    true_fun, false_fun : callable
        Take the operands; return pytrees of the same structure, shapes and dtypes. They may close
        over values of transforms around them.
    *operands : pytrees

    Returns
    -------
    pytree
        ``true_fun(*operands) if pred else false_fun(*operands)``.

    Raises
    ------
    InputTypeError
        `pred` is no scalar.
    OutputTypeError, TreeError
        The functions return different types or structures.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def root(x):
    ...     return ft.cond(x > 0, np.sqrt, np.zeros_like, x)
    >>> ft.grad(root)(4.0), ft.grad(root)(-1.0)
    (np.float64(0.25), np.float64(0.0))
    """
    who = f"cond({describe_function(true_fun)}, {describe_function(false_fun)})"
    pred = held(pred)
    if not is_array(pred) or shape_of(pred) != ():
        got = type_of(pred) if is_array(pred) else f"a {type(pred).__name__}"
        raise InputTypeError(
            f"{who}: pred must be one boolean, got {got}. Take numpy.all or numpy.any of an array, "
            "or numpy.where to choose element by element."
        )
    if type_of(pred).dtype.kind != "b":
        pred = pred != 0
    index = algebra.astype(pred, dtype=np.dtype(np.int64)) if type(pred) is not bool else pred
    return _choose("cond", who, index, (false_fun, true_fun), operands)  # type: ignore[no-any-return]


def switch(index: Any, branches: Sequence[Callable[..., R]], *operands: Any) -> R:
    """One of several functions of the operands, chosen by a number.

    Parameters
    ----------
    index : int, or integer array of shape ()
        Numbers beyond the ends choose the first or the last.
    branches : sequence of callables
        Take the operands; return pytrees of the same structure, shapes and dtypes.
    *operands : pytrees

    Returns
    -------
    pytree
        ``branches[index](*operands)``.

    Raises
    ------
    InputTypeError
        `index` is no integer, or there are no branches.
    OutputTypeError, TreeError
        The functions return different types or structures.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.vmap(lambda i, x: ft.switch(i, [np.sin, np.cos, np.exp], x))(np.arange(3), np.zeros(3))
    array([0., 1., 1.])
    """
    branches = tuple(branches)
    who = f"switch({', '.join(map(describe_function, branches))})"
    if not branches:
        raise InputTypeError("switch: branches is empty; give at least one function")
    index = held(index)
    if not is_array(index) or shape_of(index) or type_of(index).dtype.kind not in "iu":
        got = type_of(index) if is_array(index) else f"a {type(index).__name__}"
        raise InputTypeError(f"{who}: index must be one integer, got {got}")
    index = np.clip(index, 0, len(branches) - 1)
    return _choose("switch", who, index, branches, operands)  # type: ignore[no-any-return]


def _choose(
    transform: str,
    who: str,
    index: Any,
    functions: tuple[Callable[..., Any], ...],
    operands: tuple[Any, ...],
) -> Any:
    leaves, in_tree = array_leaves(who, "the operands", operands)
    whole_tree = tree.structure((operands, {}))
    kinds = list(map(type_of, leaves))
    stages = [stage(f, transform, whole_tree, kinds) for f in functions]
    _check_same(who, functions, stages)
    closed = union_of(stages)
    dtypes = [
        np.result_type(*(o.dtype for o in column))
        for column in zip(*(s.graph.output_types for s in stages), strict=True)
    ]
    branches = tuple(_with_dtypes(s.closing(closed), dtypes) for s in stages)
    outs = cond_primitive(index, *closed, *leaves, branches=branches, lanes=None)
    return tree.unflatten(stages[0].out_tree, outs)


def _check_same(who: str, functions: tuple[Callable[..., Any], ...], stages: list[Staged]) -> None:
    first = stages[0]
    for function, other in zip(functions[1:], stages[1:], strict=True):
        names = (describe_function(functions[0]), describe_function(function))
        if other.out_tree != first.out_tree:
            difference = tree.explain_difference(first.out_tree, other.out_tree, names=names)
            raise TreeError(f"{who}: the functions return different structures: {difference}")
        pairs = zip(
            first.graph.output_types,
            other.graph.output_types,
            tree.leaf_paths(first.out_tree),
            strict=True,
        )
        for a, b, path in pairs:
            same = a.dtype == b.dtype or a.weak or b.weak
            if a.shape != b.shape or not same:
                where = tree.key_string(path)
                raise OutputTypeError(
                    f"{who}: the functions return different types{where and f' at {where}'}: "
                    f"{names[0]} {a}, {names[1]} {b}. Convert one result "
                    "(x.astype, numpy.broadcast_to)."
                )


def _with_dtypes(graph: Graph, dtypes: list[Any]) -> Graph:
    """The graph with results of exactly these dtypes, numbers of Python among them."""
    if [k.dtype for k in graph.output_types] == dtypes and not any(
        k.weak for k in graph.output_types
    ):
        return graph
    with under(None), Stage(None, "cond") as interpreter:
        inputs = list(map(interpreter.variable, graph.input_types))
        outs = graph.evaluate(inputs)
        outs = [
            algebra.astype(o, dtype=dtype) if type_of(o).dtype != dtype or type_of(o).weak else o
            for o, dtype in zip(outs, dtypes, strict=True)
        ]
    return interpreter.graph(graph.name, outs)
