"""``linearize``: forward mode with known primals, the tangents staged into a linear graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numpy as np

from functrans.core import tree
from functrans.core.array import own_handle
from functrans.core.errors import TreeError
from functrans.core.types import type_of
from functrans.transforms.accelerated import below
from functrans.transforms.arguments import (
    Selection,
    output_leaves,
    primal_leaves,
    refuse_leaked,
    split_aux,
    tangent_leaves,
)
from functrans.transforms.forward import Forward, tangent_or_zero
from functrans.transforms.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

R = TypeVar("R")
A = TypeVar("A")


@overload
def linearize(
    fun: Callable[..., R], *primals: Any, has_aux: Literal[False] = False
) -> tuple[R, Callable[..., R]]: ...
@overload
def linearize(
    fun: Callable[..., tuple[R, A]], *primals: Any, has_aux: Literal[True]
) -> tuple[R, Callable[..., R], A]: ...
def linearize(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function and its derivative as a linear function.

    All that does not depend on the direction is computed once: each call of the linear function
    costs the linear part alone. One direction costs less with :func:`jvp`.

    Parameters
    ----------
    fun : callable
        Takes and returns pytrees of arrays.
    *primals : pytrees
        Where to linearise.
    has_aux : bool
        `fun` returns a pair: what to differentiate, and anything else.

    Returns
    -------
    out : pytree
        ``fun(*primals)``.
    linear : callable
        Takes a tangent for each argument; returns the tangent of `out`.
    aux : pytree
        Only with `has_aux`.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> y, linear = ft.linearize(np.sin, 0.0)
    >>> linear(3.0)
    np.float64(3.0)
    """
    selection = Selection(fun, "linearize", range(len(primals)), None)
    return value_and_linear(selection, fun, primals, has_aux)


def value_and_linear(
    selection: Selection, fun: Callable[..., Any], primals: Sequence[Any], has_aux: bool
) -> Any:
    """What :func:`linearize` returns, for a transform that takes it of a function of the arguments
    that it has selected: messages speak of these."""
    floor = below(primals)
    if floor is not None:
        with floor:
            value, directed, *rest = value_and_linear(selection, fun, primals, has_aux)
        return (value, floor.around(directed), *rest)
    leaves, all_leaves, trees = primal_leaves(selection, list(primals), allow_int=True)
    whole, transform = selection.fun, selection.transform
    with Stage(whole, transform, at_once=True) as stage:
        variables = [None if x is None else stage.variable(_strong(x)) for x in leaves]
        with Forward(whole, transform, later=True, splits=True) as forward:
            new = [
                leaf if x is None else forward.dual(own_handle(x), t)
                for x, leaf, t in zip(leaves, all_leaves, variables, strict=True)
            ]
            out = fun(*tree.regroup(new, trees))
            aux = None
            if has_aux:
                out, aux = split_aux(selection, out)
        outs, out_tree = output_leaves(selection, out)
        pairs = [forward.delivered(o) for o in outs]
    refuse_leaked(p for p, _ in pairs)
    graph = stage.graph(getattr(fun, "__name__", "function"), [tangent_or_zero(*p) for p in pairs])

    def linear(*tangents: Any) -> Any:
        if len(tangents) != len(primals):
            raise TreeError(
                f"{selection}: the linear function takes {len(primals)} tangents, got "
                f"{len(tangents)}"
            )
        given = tangent_leaves(selection, leaves, trees, tangents)
        values = [
            tangent_or_zero(x, t) for x, t in zip(leaves, given, strict=True) if x is not None
        ]
        with np.errstate(all="ignore"):  # as in pull_back: formulas pass through harmless 1/0
            results = graph.evaluate(values)
        # What does not depend on the tangents is a constant of the graph: not for users to change.
        results = [
            x.copy() if x is constant and type(x) is np.ndarray else x
            for x, constant in zip(results, graph.outputs, strict=True)
        ]
        return tree.unflatten(out_tree, results)

    value = tree.unflatten(out_tree, [p for p, _ in pairs])
    if has_aux:
        return value, linear, tree.map(lambda x: forward.delivered(x)[0], aux)
    return value, linear


def _strong(x: Any) -> Any:
    """The type of a tangent: that of its primal, but never weak."""
    kind = type_of(x)
    return type(kind)(kind.shape, kind.dtype)
