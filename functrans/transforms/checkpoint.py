"""``checkpoint``: reverse mode computes a function twice instead of keeping its residuals."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from functrans.core import tree
from functrans.core.errors import InputTypeError, RandomnessError, describe_function, user_line
from functrans.core.generators import (
    TracedGenerator,
    copied,
    is_generator,
    moved,
    operand_of,
    states,
    traced,
)
from functrans.core.interpreter import stack
from functrans.transforms.staging import Stage

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
        traced values. A ``numpy.random.Generator`` among its arguments draws the same numbers
        again.

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
        leaves = list(map(traced, leaves))
        outside = states(fun)
        again = (
            {}
            if isinstance(interpreter, Stage)  # which runs it once
            else {j: copied(operand_of(x)) for j, x in enumerate(leaves) if is_generator(x)}
        )

        def flat(*values: Any) -> list[Any]:
            if out_tree and again:
                fresh = {j: TracedGenerator(copied(x)) for j, x in again.items()}
                values = tuple(fresh.get(j, x) for j, x in enumerate(values))
            new_args, new_kwargs = tree.unflatten(in_tree, values)
            outs, structure = tree.flatten(fun(*new_args, **new_kwargs))  # pyright: ignore[reportCallIssue]
            out_tree[:] = [structure]
            return outs

        outs = interpreter.checkpointed(flat, leaves)
        if name := moved(outside):
            raise RandomnessError(
                f"checkpoint({describe_function(fun)}): the function drew numbers from the "
                f"generator {name}, at {user_line()}: when it runs again in the backward pass, "
                "they will be others. Pass the generator as an argument of the function, or draw "
                "with functrans.random and a key."
            )
        return tree.unflatten(out_tree[0], outs)  # type: ignore[no-any-return]

    return checkpointed
