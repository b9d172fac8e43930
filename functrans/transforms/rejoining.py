"""The results of parts of a batch as one: of chunks, and of lanes that took paths of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.errors import AxisError, TreeError
from functrans.core.types import shape_of
from functrans.primitives.indexing import take


def for_each_leaf(who: str, option: str, prefix: Any, full: Any) -> list[Any]:
    try:
        return tree.flatten_prefix(prefix, full, what=option)
    except TreeError as error:
        raise TreeError(f"{who}: {error}") from None


def joined(parts: list[Any], out_axes: Any, who: str) -> Any:
    """The results of several chunks as one."""
    flat = [tree.leaves(part) for part in parts]
    places = for_each_leaf(who, "out_axes", out_axes, parts[0])
    whole = []
    for axis, *pieces in zip(places, *flat, strict=True):
        if axis is None:
            whole.append(pieces[0])
        else:
            whole.append(algebra.concatenate(*pieces, axis=axis % len(shape_of(pieces[0]))))
    return tree.unflatten(tree.structure(parts[0]), whole)


def reunited(parts: list[Any], groups: list[np.ndarray[Any, Any]], out_axes: Any, who: str) -> Any:
    """The results of lanes that took different paths, in the order of the lanes."""
    structures = list(map(tree.structure, parts))
    for structure in structures[1:]:
        if structure != structures[0]:
            names = ("one path through the Python conditions", "another")
            difference = tree.explain_difference(structures[0], structure, names=names)
            raise TreeError(f"{who}: the function returns different structures: {difference}")
    places = for_each_leaf(who, "out_axes", out_axes, parts[0])
    for axis, path, *pieces in zip(
        places, tree.leaf_paths(structures[0]), *map(tree.leaves, parts), strict=True
    ):
        if axis is None and any(x is not pieces[0] for x in pieces):
            where = tree.key_string(path)
            raise AxisError(
                f"{who}: the output{where and f' at {where}'} may differ between examples, which "
                "take different paths through the Python conditions, but its out_axes is None. "
                "Give it an axis."
            )
    back = np.argsort(np.concatenate(groups))
    whole, structure = tree.flatten(joined(parts, out_axes, who))
    return tree.unflatten(
        structure,
        [
            x if axis is None else take(x, back, axis=axis % len(shape_of(x)))
            for x, axis in zip(whole, places, strict=True)
        ],
    )
