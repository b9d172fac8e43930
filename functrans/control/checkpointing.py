"""``checkpoint``: reverse mode computes a function twice instead of keeping its residuals."""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar, overload

from functrans.control.call import call
from functrans.control.carry import array_leaves
from functrans.control.checkpoint_policies import nothing_saveable
from functrans.control.closure import stage
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
from functrans.core.primitive import primitive_of
from functrans.core.types import type_of
from functrans.graph.graph import Graph, Variable
from functrans.transforms.lifting import lifted
from functrans.transforms.staging import Stage, StageArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.graph.graph import Equation

    Policy: TypeAlias = Callable[[Equation], bool]

P = ParamSpec("P")
R = TypeVar("R")


@overload
def checkpoint(fun: Callable[P, R], *, policy: Policy | None = None) -> Callable[P, R]: ...
@overload
def checkpoint(
    fun: None = None, *, policy: Policy | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def checkpoint(fun: Callable[..., Any] | None = None, *, policy: Policy | None = None) -> Any:
    """A function with the values and derivatives of `fun` whose intermediate values reverse mode
    does not keep: the backward pass runs `fun` again.

    Parameters
    ----------
    fun : callable
        Takes and returns pytrees. It must return the same when it runs again, and may close over
        traced values. A ``numpy.random.Generator`` among its arguments draws the same numbers
        again. Left out, the call returns a decorator.
    policy : callable, optional
        What is kept all the same: one of ``functrans.checkpoint_policies``, or a function of an
        equation of the staged function that says whether its results are kept.

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
    if fun is None:
        return partial(checkpoint, policy=policy)
    if not callable(fun):
        raise InputTypeError(f"checkpoint takes a function, got {type(fun).__name__}")
    if policy is not None:
        if not callable(policy):
            raise InputTypeError(
                f"checkpoint: policy is {policy!r}; it takes a function of an equation, as those "
                "of functrans.checkpoint_policies"
            )
        return _with_policy(fun, policy)

    @wraps(fun)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
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
            outs, structure = tree.flatten(fun(*new_args, **new_kwargs))
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
        return tree.unflatten(out_tree[0], outs)

    return checkpointed


def _with_policy(fun: Callable[..., Any], policy: Policy) -> Callable[..., Any]:
    """The function staged where it is called, so that the policy can look at its equations."""
    who = f"checkpoint({describe_function(fun)})"

    @wraps(fun)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if stack.top is None:
            return fun(*args, **kwargs)
        leaves, in_tree = array_leaves(who, "the arguments", (args, kwargs))
        staged = stage(fun, "checkpoint", in_tree, list(map(type_of, leaves)))
        outs = call(*staged.closed, *leaves, graph=staged.graph, policy=policy)
        return tree.unflatten(staged.out_tree, outs)

    return checkpointed


def _block(recorder: Stage, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
    """Record a function of flat arguments as one call, of which nothing is kept."""
    first = len(recorder.equations)
    outs = function(*args)
    equations = recorder.taken_back(first)
    if not equations:
        return outs
    inner = {v for equation in equations for v in equation.outputs}
    results = [o.variable for o in outs if recorder.owns(o)]
    used = [x for equation in equations for x in equation.inputs] + results
    free = list(dict.fromkeys(x for x in used if type(x) is Variable and x not in inner))
    graph, closed = lifted(Graph("checkpointed", free, equations, results).pruned())
    operands = (*closed, *(StageArray(recorder, v) for v in free))
    params = {"graph": graph, "policy": nothing_saveable}
    found = iter(recorder.process(primitive_of(call), operands, params))
    return [next(found) if recorder.owns(o) else o for o in outs]


Stage.block = _block
