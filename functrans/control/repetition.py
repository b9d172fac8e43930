"""``while_loop`` and ``fori_loop``: repetition of a function of the carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from functrans.control.carry import array_leaves, held, staged_round
from functrans.control.closure import Staged, stage, union_of
from functrans.control.derived import evaluate
from functrans.control.scanning import all_rounds
from functrans.control.while_primitive import while_loop_primitive
from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.array import TracedArray
from functrans.core.errors import InputTypeError, OutputTypeError, describe_function
from functrans.core.interpreter import under
from functrans.core.types import ArrayType, is_array, type_of
from functrans.graph.graph import Graph
from functrans.transforms.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.control.schedules import Schedule

Carry = TypeVar("Carry")


def while_loop(
    cond_fun: Callable[[Carry], Any], body_fun: Callable[[Carry], Carry], init_val: Carry
) -> Carry:
    """Repeat a function for as long as a condition holds.

    The same as ``while cond_fun(x): x = body_fun(x)``, with both functions staged once. Reverse
    mode keeps the residuals of each round in a list that grows, so it needs no bound on their
    number.
    Under :func:`functrans.vmap` each lane goes on for as long as its own condition holds.

    Parameters
    ----------
    cond_fun : callable
        Returns one boolean.
    body_fun : callable
        Keeps the structure, shapes and dtypes of the carry.
    init_val : pytree
        The carry at the start; a Python number takes the dtype that the first round gives it.

    Returns
    -------
    pytree
        The carry at which the condition fails.

    Raises
    ------
    OutputTypeError
        `cond_fun` returns something else than a boolean; `body_fun` changes a type of the carry.
    TreeError
        `body_fun` changes the structure of the carry.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def root(a):  # by Newton's method
    ...     return ft.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)
    >>> round(float(ft.grad(root)(4.0)), 9)
    0.25
    """
    who = f"while_loop({describe_function(body_fun)})"
    init, carry_tree = array_leaves(who, "the initial carry", init_val)
    if not init:
        raise InputTypeError(f"{who}: the carry has no arrays, so nothing could end the loop")
    in_tree = tree.structure(((init_val,), {}))
    body, start = staged_round(
        who, body_fun, "while_loop", init, carry_tree, in_tree, [], [], lambda out_tree: out_tree
    )
    kinds = [ArrayType(k.shape, k.dtype) for k in map(type_of, start)]
    test = stage(cond_fun, "while_loop", in_tree, kinds)
    _check_condition(cond_fun, test.graph.output_types)
    closed = union_of([test, body])
    outs = while_loop_primitive(
        *closed,
        *start,
        test=test.closing(closed),
        body=body.closing(closed),
        consts=len(closed),
        lanes=None,
    )
    return tree.unflatten(carry_tree, outs)  # type: ignore[no-any-return]


def _check_condition(cond_fun: Callable[..., Any], found: list[ArrayType]) -> None:
    if len(found) != 1 or found[0].shape or found[0].dtype.kind != "b":
        got = str(found[0]) if len(found) == 1 else f"{len(found)} values"
        raise OutputTypeError(
            f"while_loop: the condition {describe_function(cond_fun)} has to return one boolean, "
            f"got {got}. Compare (x > 0), and take numpy.all or numpy.any of an array."
        )


def fori_loop(
    lower: Any,
    upper: Any,
    body_fun: Callable[[Any, Carry], Carry],
    init_val: Carry,
    *,
    unroll: int | bool = 1,
    checkpoint: int | Schedule | None = None,
) -> Carry:
    """Repeat a function for each integer of a range.

    The same as ``for i in range(lower, upper): x = body_fun(i, x)``, with the function staged once.

    Parameters
    ----------
    lower, upper : int, or integer arrays of shape ()
        Traced values make it a :func:`while_loop`, whose number of rounds is not known beforehand.
    body_fun : callable
        ``body_fun(i, x)``; keeps the structure, shapes and dtypes of the carry.
    init_val : pytree
        The carry at the start; a Python number takes the dtype that the first round gives it.
    unroll, checkpoint
        As of :func:`scan`, where `lower` and `upper` are known.

    Returns
    -------
    pytree

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.fori_loop(0, 5, lambda i, x: x + i, 0)
    np.int64(10)
    """
    who = f"fori_loop({describe_function(body_fun)})"
    lower, upper = held(lower), held(upper)
    for name, value in (("lower", lower), ("upper", upper)):
        if not is_array(value) or type_of(value).shape or type_of(value).dtype.kind not in "iu":
            got = type_of(value) if is_array(value) else f"a {type(value).__name__}"
            raise InputTypeError(f"{who}: {name} must be an integer, got {got}")
    init, carry_tree = array_leaves(who, "the initial carry", init_val)
    known = not (isinstance(lower, TracedArray) or isinstance(upper, TracedArray))
    kind = np.dtype(int) if known else np.result_type(type_of(lower).dtype, type_of(upper).dtype)
    in_tree = tree.structure(((0, init_val), {}))
    number = ArrayType((), kind)
    body, start = staged_round(
        who,
        body_fun,
        "fori_loop",
        init,
        carry_tree,
        in_tree,
        [number],
        [],
        lambda out_tree: out_tree,
    )
    if known:
        numbers = np.arange(int(lower), max(int(lower), int(upper)))
        outs: Sequence[Any] = all_rounds(
            who,
            _number_last(body),
            body.closed,
            start,
            [numbers],
            len(numbers),
            unroll=unroll,
            checkpoint=checkpoint,
        )
    else:
        outs = _counted(body, start, [algebra.astype(x, dtype=kind) for x in (lower, upper)], kind)
    return tree.unflatten(carry_tree, outs)  # type: ignore[no-any-return]


def _number_last(body: Staged) -> Graph:
    """The graph of a round that takes its number behind the carry, as an element of a scan."""
    inputs, closed = body.graph.inputs, len(body.closed)
    inputs = [*inputs[:closed], *inputs[closed + 1 :], inputs[closed]]
    return Graph(body.graph.name, inputs, body.graph.equations, body.graph.outputs)


def _counted(body: Staged, start: list[Any], ends: list[Any], kind: np.dtype[Any]) -> Sequence[Any]:
    """The carry after a round for each integer of a range that is not known: a while loop whose
    carry counts."""
    consts, number = len(body.closed), ArrayType((), kind)
    kinds = [*body.graph.input_types[:consts], number, number, *map(type_of, start)]
    with under(None), Stage(None, "fori_loop") as counting:
        given = list(map(counting.variable, kinds))
        i, end = given[consts : consts + 2]
        outs = evaluate(counting, body.graph, [*given[:consts], i, *given[consts + 2 :]])
        step = counting.graph(body.graph.name, [algebra.add(i, kind.type(1)), end, *outs])
    with under(None), Stage(None, "fori_loop") as testing:
        i, end = list(map(testing.variable, kinds))[consts : consts + 2]
        test = testing.graph("goes_on", [np.less(i, end)])
    _, _, *found = while_loop_primitive(
        *body.closed, *ends, *start, test=test, body=step, consts=consts, lanes=None
    )
    return found
