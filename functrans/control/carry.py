"""The carry of a loop: staged at types that a round keeps, and the errors where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.control.closure import Staged, stage
from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.array import TracedArray
from functrans.core.errors import (
    InputTypeError,
    OutputTypeError,
    TreeError,
    describe_function,
)
from functrans.core.types import CONTAINERS, WEAK, ArrayType, is_array, type_of

if TYPE_CHECKING:
    from collections.abc import Callable


def array_leaves(who: str, what: str, value: Any) -> tuple[list[Any], tree.TreeDef]:
    """The leaves of an argument, all of which must be arrays, and its tree."""
    leaves, treedef = tree.flatten(value)
    for leaf, path in zip(leaves, tree.leaf_paths(treedef), strict=True):
        if not is_array(leaf) or type_of(leaf).dtype.kind not in "biufc":
            where = tree.key_string(path)
            raise InputTypeError(
                f"{who}: {what}{where and f' at {where}'} is a {type(leaf).__name__}; it has to "
                "consist of arrays and numbers. Let the function close over what is none."
            )
    return leaves, treedef


def held(x: Any) -> Any:
    """The array that a container of one array, as a tensor, stands for; anything else as it is."""
    return x.array if type(x) in CONTAINERS else x


def staged_round(
    who: str,
    fun: Callable[..., Any],
    transform: str,
    init: list[Any],
    carry_tree: tree.TreeDef,
    in_tree: tree.TreeDef,
    before: list[ArrayType],
    after: list[ArrayType],
    carry_of: Callable[[tree.TreeDef], tree.TreeDef],
) -> tuple[Staged, list[Any]]:
    """A loop's body, staged, and the initial carry in the types that it keeps.

    `before` and `after` are the types of the body's arguments around those of the carry, and
    ``carry_of(out_tree)`` is the part of its output's tree that is the carry's. A Python number at
    the start takes the dtype that the first round gives it.
    """
    kinds = list(map(type_of, init))
    while True:
        staged = stage(fun, transform, in_tree, [*before, *kinds, *after])
        found_tree = carry_of(staged.out_tree)
        if found_tree != carry_tree:
            names = ("the new carry", "the initial one")
            raise TreeError(
                f"{who}: the carry that {describe_function(fun)} returns has another structure "
                "than the initial one: "
                f"{tree.explain_difference(found_tree, carry_tree, names=names)}. Return a carry "
                "of the structure that the function was given."
            )
        found = staged.graph.output_types[: len(kinds)]
        settled = [
            ArrayType(new.shape, new.dtype) if old.weak and _grows(old, new) else old
            for old, new in zip(kinds, found, strict=True)
        ]
        if settled == kinds:
            break
        kinds = settled
    for old, new, path in zip(kinds, found, tree.leaf_paths(carry_tree), strict=True):
        if (old.shape, old.dtype) != (new.shape, new.dtype):
            raise _changed(who, fun, tree.key_string(path), old, new)
    return staged, [_as(x, kind) for x, kind in zip(init, kinds, strict=True)]


def _grows(old: ArrayType, new: ArrayType) -> bool:
    return old.shape == new.shape and bool(np.can_cast(old.dtype, new.dtype, "same_kind"))


def _as(x: Any, kind: ArrayType) -> Any:
    """A value of the carry in its type."""
    if type_of(x) == kind and type(x) not in WEAK:
        return x
    if isinstance(x, TracedArray):
        return algebra.astype(x, dtype=kind.dtype)
    return kind.dtype.type(x) if not kind.shape else np.asarray(x, kind.dtype)


def _changed(
    who: str, fun: Callable[..., Any], where: str, old: ArrayType, new: ArrayType
) -> OutputTypeError:
    remedy = (
        f"Start from a value of that dtype (numpy.asarray(init, numpy.{new.dtype.name})), or "
        f"convert the new value (x.astype(numpy.{old.dtype.name}))."
        if old.shape == new.shape
        else "Give the initial carry the shape that the loop keeps (numpy.broadcast_to), or put "
        "what grows into the outputs of a scan."
    )
    return OutputTypeError(
        f"{who}: the carry{where and f' at {where}'} has type {ArrayType(old.shape, old.dtype)} at "
        f"the start and {ArrayType(new.shape, new.dtype)} after a round of "
        f"{describe_function(fun)}; a loop keeps the types of its carry. {remedy}"
    )
