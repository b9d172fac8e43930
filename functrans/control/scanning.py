"""``scan`` and ``map``: a function along the first axis of its arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from functrans.control.carry import array_leaves, staged_round
from functrans.control.closure import stage
from functrans.control.derived import cached, evaluate
from functrans.control.scan_primitive import scan_primitive
from functrans.control.schedules import Schedule, every
from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.errors import (
    AxisError,
    InputTypeError,
    OutputTypeError,
    describe_function,
)
from functrans.core.interpreter import under
from functrans.core.types import ArrayType, shape_of, type_of
from functrans.transforms.batching import vmap
from functrans.transforms.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.graph.graph import Graph

Carry = TypeVar("Carry")
R = TypeVar("R")


def scan(
    f: Callable[[Carry, Any], tuple[Carry, Any]],
    init: Carry,
    xs: Any = None,
    length: int | None = None,
    *,
    reverse: bool = False,
    unroll: int | bool = 1,
    checkpoint: int | Schedule | None = None,
) -> tuple[Carry, Any]:
    """Carry a value along the first axis of arrays, and collect what each round puts out.

    The same as ``for x in xs: carry, y = f(carry, x)``, with the function staged once.

    Parameters
    ----------
    f : callable
        ``f(carry, x) -> (carry, y)``, pytrees all of them (None for what there is not). It may
        close over values of transforms around it.
    init : pytree
        The carry at the start. A round must keep its structure, shapes and dtypes; a Python number
        takes the dtype that the first round gives it.
    xs : pytree
        Arrays with one first axis; None (with `length`) for a loop that takes no elements.
    length : int, optional
        The number of rounds, where `xs` has no arrays to tell it.
    reverse : bool
        Go from the last element to the first; outputs stand where their elements do.
    unroll : int or bool
        How many rounds make one round of the program; True for all.
    checkpoint : int, every, binomial or None
        What reverse mode keeps: None for the residuals of every round, an int k for the carry every
        k rounds, or a schedule.

    Returns
    -------
    carry : pytree
        The carry after the last round.
    ys : pytree
        The outputs of all rounds, stacked along a new first axis.

    Raises
    ------
    AxisError
        `xs` has axes of different lengths, or none.
    OutputTypeError
        `f` returns no pair, or changes a type of the carry.
    TreeError
        `f` changes the structure of the carry.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.scan(lambda total, x: (total + x, total * x), 0.0, np.array([1.0, 2.0, 3.0]))
    (np.float64(6.0), array([0., 2., 9.]))
    """
    who = f"scan({describe_function(f)})"
    init_leaves, carry_tree = array_leaves(who, "the initial carry", init)
    sequences, _ = array_leaves(who, "xs", xs)
    rounds = _length(who, sequences, xs, length)
    in_tree = tree.structure(((init, xs), {}))

    def carry_of(out_tree: tree.TreeDef) -> tree.TreeDef:
        if out_tree.type is not tuple or len(out_tree.children) != 2:
            raise OutputTypeError(
                f"{who}: the function has to return a pair (carry, y), got "
                f"{'one array' if out_tree.type is None else out_tree}. Return "
                "(carry, None) if there is nothing to collect."
            )
        return out_tree.children[0]

    staged, start = staged_round(
        who, f, "scan", init_leaves, carry_tree, in_tree, [], _elements(sequences), carry_of
    )
    outs = all_rounds(
        who, staged.graph, staged.closed, start, sequences, rounds, reverse, unroll, checkpoint
    )
    count = len(start)
    carry = tree.unflatten(carry_tree, outs[:count])
    return carry, tree.unflatten(staged.out_tree.children[1], outs[count:])


def map(  # noqa: A001  (the name that users of JAX know)
    f: Callable[[Any], R], xs: Any, *, batch_size: int | None = None
) -> R:
    """Apply a function to the elements of arrays one after another, and stack the results.

    Parameters
    ----------
    f : callable
        Takes and returns pytrees of arrays.
    xs : pytree
        Arrays with one first axis.
    batch_size : int, optional
        Take so many elements at a time, by :func:`functrans.vmap`.

    Returns
    -------
    pytree
        Of the structure that `f` returns, each array with the first axis of `xs`.

    Raises
    ------
    AxisError
        `xs` has axes of different lengths, or none.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.map(lambda x: x.sum(), np.arange(6.0).reshape(3, 2))
    array([1., 5., 9.])
    """
    who = f"map({describe_function(f)})"
    if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
        raise InputTypeError(f"{who}: batch_size must be an int of at least 1, got {batch_size!r}")
    leaves, treedef = array_leaves(who, "xs", xs)
    rounds = _length(who, leaves, xs, None)
    if batch_size is None:
        staged = stage(f, "map", tree.structure(((xs,), {})), _elements(leaves))
        outs = all_rounds(who, staged.graph, staged.closed, [], leaves, rounds)
        return tree.unflatten(staged.out_tree, outs)  # type: ignore[no-any-return]
    blocks, rest = divmod(rounds, batch_size)
    pieces = []
    if blocks or not rest:
        whole = [_blocks(x, 0, blocks, batch_size) for x in leaves]
        made = map(vmap(f), tree.unflatten(treedef, whole))
        pieces.append(tree.map(lambda y: _flat(y, blocks * batch_size), made))
    if rest:
        tail = [algebra.rows(x, rounds - rest, rounds) for x in leaves]
        pieces.append(vmap(f)(tree.unflatten(treedef, tail)))
    if len(pieces) == 1:
        return pieces[0]  # type: ignore[no-any-return]
    return tree.map(lambda a, b: algebra.concatenate(a, b, axis=0), *pieces)  # type: ignore[no-any-return]


def _elements(sequences: list[Any]) -> list[ArrayType]:
    """The types of what each round takes of arrays."""
    return [ArrayType(shape_of(x)[1:], type_of(x).dtype) for x in sequences]


def all_rounds(
    who: str,
    body: Graph,
    closed: list[Any],
    start: list[Any],
    sequences: list[Any],
    rounds: int,
    reverse: bool = False,
    unroll: int | bool = 1,
    checkpoint: int | Schedule | None = None,
) -> list[Any]:
    """What a staged round, of what it closes over, the carry and the elements, comes to in the end:
    the carry, and the outputs of all rounds."""
    return _unrolled(
        body,
        [*closed, *start, *sequences],
        _block(who, unroll, rounds),
        dict(
            consts=len(closed),
            carry=len(start),
            length=rounds,
            reverse=bool(reverse),
            checkpoint=_schedule(who, checkpoint),
        ),
    )


def _length(who: str, sequences: list[Any], xs: Any, length: int | None) -> int:
    if length is not None and (
        not isinstance(length, int | np.integer) or isinstance(length, bool) or length < 0
    ):
        raise InputTypeError(f"{who}: length must be a non-negative int, got {length!r}")
    treedef = tree.structure(xs)
    found: dict[int, str] = {}
    for x, path in zip(sequences, tree.leaf_paths(treedef), strict=True):
        where = f"xs{tree.key_string(path)}"
        if not shape_of(x):
            raise AxisError(
                f"{who}: {where} has type {type_of(x)}, which has no axis to go along. Let the "
                "function close over what all rounds share."
            )
        found.setdefault(shape_of(x)[0], where)
    if length is not None:
        found.setdefault(int(length), "length")
    if len(found) > 1:
        named = "; ".join(f"{where} has {n}" for n, where in found.items())
        raise AxisError(f"{who}: the numbers of rounds differ: {named}.")
    if not found:
        raise InputTypeError(
            f"{who}: there is no array in xs that tells the number of rounds. Pass length=."
        )
    return next(iter(found))


def _schedule(who: str, checkpoint: Any) -> Schedule | None:
    if checkpoint is None or isinstance(checkpoint, Schedule):
        return checkpoint
    if isinstance(checkpoint, int) and not isinstance(checkpoint, bool):
        return every(checkpoint)
    raise InputTypeError(
        f"{who}: checkpoint must be None, a number of rounds, functrans.every or "
        f"functrans.binomial, got {checkpoint!r}"
    )


def _block(who: str, unroll: Any, rounds: int) -> int:
    if unroll is True:
        return max(rounds, 1)
    if unroll is False:
        return 1
    if not isinstance(unroll, int) or unroll < 1:
        raise InputTypeError(
            f"{who}: unroll must be a bool or an int of at least 1, got {unroll!r}"
        )
    return min(unroll, max(rounds, 1))


def _unrolled(body: Graph, values: list[Any], block: int, params: dict[str, Any]) -> list[Any]:
    """A scan in which `block` rounds are one, and another for the rounds that are left."""
    length = params["length"]
    if block == 1:
        return list(scan_primitive(*values, body=body, **params))
    consts, carry = params["consts"], params["carry"]
    fixed, state = values[:consts], values[consts : consts + carry]
    sequences = values[consts + carry :]
    blocks, rest = divmod(length, block)
    reverse = params["reverse"]
    # The rounds that are left come last: they are the first elements of a reversed scan.
    split = rest if reverse else 0
    big = cached(
        body,
        ("unrolled", block, consts, carry, reverse),
        lambda: _repeated(body, block, consts, carry, reverse),
    )
    rows = [_blocks(x, split, blocks, block) for x in sequences]
    outs = list(scan_primitive(*fixed, *state, *rows, body=big, **{**params, "length": blocks}))
    state, made = outs[:carry], [_flat(y, blocks * block) for y in outs[carry:]]
    if not rest:
        return state + made
    first = 0 if reverse else blocks * block
    tail = [algebra.rows(x, first, first + rest) for x in sequences]
    outs = list(scan_primitive(*fixed, *state, *tail, body=body, **{**params, "length": rest}))
    pairs = zip(made, outs[carry:], strict=True)
    return outs[:carry] + [
        algebra.concatenate(*((b, a) if reverse else (a, b)), axis=0) for a, b in pairs
    ]


def _blocks(x: Any, first: int, blocks: int, size: int) -> Any:
    """Elements in groups."""
    some = algebra.rows(x, first, first + blocks * size)
    return algebra.reshape(some, shape=(blocks, size, *shape_of(x)[1:]))


def _flat(x: Any, length: int) -> Any:
    return algebra.reshape(x, shape=(length, *shape_of(x)[2:]))


def _repeated(body: Graph, times: int, consts: int, carry: int, reverse: bool) -> Graph:
    """Several rounds as one, which takes and returns the elements of all of them."""
    kinds = body.input_types
    with under(None), Stage(None, "scan") as stage:
        fixed = [stage.variable(kind) for kind in kinds[:consts]]
        state = [stage.variable(kind) for kind in kinds[consts : consts + carry]]
        groups = [
            stage.variable(ArrayType((times, *kind.shape), kind.dtype))
            for kind in kinds[consts + carry :]
        ]
        made: list[list[Any]] = []
        for i in range(times - 1, -1, -1) if reverse else range(times):
            elements = [algebra.first_axis(x, i) for x in groups]
            outs = evaluate(stage, body, [*fixed, *state, *elements])
            state = outs[:carry]
            made.append(outs[carry:])
        columns = zip(*(reversed(made) if reverse else made), strict=True)
        stacked = [algebra.stack(list(column)) for column in columns]
    return stage.graph(body.name, [*state, *stacked])
