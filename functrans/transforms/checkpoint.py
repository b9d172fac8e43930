"""``checkpoint``: reverse mode computes a function twice instead of keeping its residuals."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from functrans.core import tree
from functrans.core.errors import InputTypeError
from functrans.core.interpreter import stack

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def checkpoint(fun: Callable[P, R]) -> Callable[P, R]:
    """A function with the values and derivatives of `fun` whose intermediate values reverse mode
    does not keep: the backward pass runs `fun` again.

    Parameters
    ----------
    fun : callable
        Takes and returns pytrees. It must return the same when it runs again, and may close over
        traced values.

    Returns
    -------
    callable
        With the signature of `fun`.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> block = ft.checkpoint(lambda x: np.sin(np.sin(x)))
    >>> float(ft.grad(block)(0.0))
    1.0
    """

    if not callable(fun):
        raise InputTypeError(f"checkpoint takes a function, got {type(fun).__name__}")

    @wraps(fun)
    def checkpointed(*args: P.args, **kwargs: P.kwargs) -> R:
        interpreter = stack.top
        if interpreter is None:
            return fun(*args, **kwargs)
        leaves, in_tree = tree.flatten((args, kwargs))
        out_tree: list[tree.TreeDef] = []

        def flat(*values: Any) -> list[Any]:
            new_args, new_kwargs = tree.unflatten(in_tree, values)
            outs, structure = tree.flatten(fun(*new_args, **new_kwargs))  # pyright: ignore[reportCallIssue]
            out_tree[:] = [structure]
            return outs

        outs = interpreter.checkpointed(flat, leaves)
        return tree.unflatten(out_tree[0], outs)  # type: ignore[no-any-return]

    return checkpointed
