"""Pytrees: nested containers taken apart into a flat list of leaves, and put together again.

Containers are dict, OrderedDict, defaultdict, list, tuple, namedtuples, dataclasses, None (an empty
container) and the types given to `register`. Everything else is a leaf, and so is an instance of a
subclass of dict, list or tuple that is neither a namedtuple nor registered.

* The children of a dict or defaultdict come in the sorted order of its keys, or in insertion order
  if the keys cannot be sorted. `unflatten` restores the insertion order, which is otherwise not
  part of the structure. In an OrderedDict the order is part of the structure.
* Dataclass fields with ``metadata={"static": True}`` are part of the structure. A dataclass is
  rebuilt from its fields alone: neither `__init__` nor `__post_init__` is called, and attributes
  that are not fields are not carried over.

Trees are walked by recursion, so their depth is bounded by Python's recursion limit.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from functrans.core.containers import (
    CONTAINERS,
    LEAF_TYPES,
    MAX_SHARED,
    Attribute,
    Item,
    Kind,
    Path,
    classify,
    register,
)
from functrans.core.errors import TreeError
from functrans.core.structures import (
    LEAF,
    TreeDef,
    assemble,
    explain_difference,
    first_difference,
    key_string,
    leaf_paths,
    sentence,
    shorten,
)

__all__ = [
    "Attribute",
    "Item",
    "Path",
    "TreeDef",
    "explain_difference",
    "flatten",
    "flatten_prefix",
    "flatten_with_path",
    "key_string",
    "leaf_paths",
    "leaves",
    "map",
    "register",
    "regroup",
    "structure",
    "unflatten",
]

T = TypeVar("T")
IsLeaf = Callable[[Any], bool]


def flatten(tree: Any, is_leaf: IsLeaf | None = None) -> tuple[list[Any], TreeDef]:
    """Take a pytree apart into its leaves and its structure.

    Parameters
    ----------
    tree : pytree
        Any nesting of containers; a value that is not a container is a tree of one leaf.
    is_leaf : callable, optional
        Called with every subtree; where it returns true, the subtree is a leaf.

    Returns
    -------
    leaves : list
        The leaves, the same objects as in `tree`.
    treedef : TreeDef
        The structure.

    Raises
    ------
    TreeError
        If the tree is nested too deeply or contains itself, or if a dataclass field is not set.

    Examples
    --------
    >>> flatten({"b": (1.0, None), "a": [2.0, 3.0]})
    ([2.0, 3.0, 1.0], {'a': [*, *], 'b': (*, None)})
    """
    cls = type(tree)
    if is_leaf is None and cls in LEAF_TYPES:
        return [tree], LEAF
    found: list[Any] = []
    try:
        if is_leaf is not None:
            return found, _flatten_until(tree, is_leaf, found)
        kind = CONTAINERS.get(cls) or classify(cls)
        if kind is None:
            return [tree], LEAF
        return found, _flatten_container(tree, kind, found)
    except RecursionError as error:
        raise TreeError(
            "the pytree is nested more deeply than Python's recursion limit, or contains itself"
        ) from error


def _flatten_container(tree: Any, kind: Kind, found: list[Any]) -> TreeDef:
    children, static = kind.split(tree)
    if LEAF_TYPES.issuperset(builtins.map(type, children)):
        found += children
        count = len(children)
        if static is not None:
            return TreeDef(kind, static, (LEAF,) * count, count, True)
        treedef = kind.flat.get(count)
        if treedef is None:
            treedef = TreeDef(kind, None, (LEAF,) * count, count, True)
            if count <= MAX_SHARED:
                kind.flat[count] = treedef
        return treedef
    nodes = []
    for child in children:
        cls = type(child)
        child_kind = None
        if cls not in LEAF_TYPES:
            child_kind = CONTAINERS.get(cls) or classify(cls)
        if child_kind is None:
            found.append(child)
            nodes.append(LEAF)
        else:
            nodes.append(_flatten_container(child, child_kind, found))
    return assemble(kind, static, tuple(nodes))


def _flatten_until(tree: Any, is_leaf: IsLeaf, found: list[Any]) -> TreeDef:
    kind = None if is_leaf(tree) else classify(type(tree))
    if kind is None:
        found.append(tree)
        return LEAF
    children, static = kind.split(tree)
    nodes = [_flatten_until(child, is_leaf, found) for child in children]
    return assemble(kind, static, tuple(nodes))


def unflatten(treedef: TreeDef, leaves: Iterable[Any]) -> Any:
    """Put a pytree together from its structure and its leaves.

    Parameters
    ----------
    treedef : TreeDef
        A structure, as `flatten` returns it.
    leaves : iterable
        The leaves, of any type, in the order in which `flatten` returns them.

    Returns
    -------
    pytree
        New containers around the same leaves.

    Raises
    ------
    TreeError
        If the number of leaves is not ``treedef.num_leaves``.

    Examples
    --------
    >>> leaves, treedef = flatten({"b": (1.0, None), "a": 2.0})
    >>> unflatten(treedef, [x * 10 for x in leaves])
    {'b': (10.0, None), 'a': 20.0}
    """
    if type(leaves) is not list:
        leaves = list(leaves)
    if len(leaves) != treedef.num_leaves:
        raise TreeError(
            f"unflatten: the structure {shorten(treedef)} has {treedef.num_leaves} leaves, "
            f"but {len(leaves)} were given"
        )
    if treedef is LEAF:
        return leaves[0]
    if treedef._flat:
        return treedef._kind.join(treedef.static, leaves)
    return _build(treedef, iter(leaves))


def _build(treedef: TreeDef, rest: Iterator[Any]) -> Any:
    if treedef is LEAF:
        return next(rest)
    if treedef._flat:
        return treedef._kind.join(treedef.static, list(islice(rest, treedef.num_leaves)))
    return treedef._kind.join(treedef.static, [_build(child, rest) for child in treedef.children])


def structure(tree: Any, is_leaf: IsLeaf | None = None) -> TreeDef:
    """Return the structure of a pytree; see `flatten`.

    Examples
    --------
    >>> structure([1.0, (2.0, 3.0)])
    [*, (*, *)]
    """
    return flatten(tree, is_leaf)[1]


def leaves(tree: Any, is_leaf: IsLeaf | None = None) -> list[Any]:
    """Return the leaves of a pytree; see `flatten`.

    Examples
    --------
    >>> leaves([1.0, (2.0, None)])
    [1.0, 2.0]
    """
    return flatten(tree, is_leaf)[0]


def map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf | None = None) -> Any:
    """Apply a function to every leaf of a pytree.

    Parameters
    ----------
    f : callable
        Called with one leaf of `tree` and what stands in its place in each of `rest`.
    tree : pytree
        Gives the structure of the result.
    *rest : pytrees
        More trees of the same structure, except that any subtree, None among them, may stand in
        the place of a leaf of `tree`.
    is_leaf : callable, optional
        Which subtrees of `tree` are leaves; see `flatten`.

    Returns
    -------
    pytree
        The structure of `tree` with the results of `f` as leaves.

    Raises
    ------
    TreeError
        If a tree in `rest` has another structure; the message names the path.

    Examples
    --------
    >>> map(lambda x, y: x + y, {"a": 1, "b": (2, 3)}, {"a": 10, "b": (20, 30)})
    {'a': 11, 'b': (22, 33)}
    """
    first, treedef = flatten(tree, is_leaf)
    if not rest:
        return unflatten(treedef, [f(leaf) for leaf in first])
    columns = [first]
    for number, other in enumerate(rest, start=2):
        column: list[Any] = []
        if not _flatten_like(treedef, other, column):
            names = ("tree 1", f"tree {number}")
            difference = first_difference(treedef, structure(other), (), prefix=True)
            raise TreeError(
                f"the trees passed to map differ {sentence(difference, names)}; "
                "they must have the same structure"
            )
        columns.append(column)
    return unflatten(treedef, [f(*row) for row in zip(*columns, strict=True)])


def _flatten_like(treedef: TreeDef, tree: Any, found: list[Any]) -> bool:
    """Collect what stands in `tree` at the leaves of `treedef`; false if the two do not match."""
    if treedef is LEAF:
        found.append(tree)
        return True
    kind = classify(type(tree))
    if kind is None or kind.cls is not treedef._kind.cls:
        return False
    children, static = kind.split(tree)
    if len(children) != len(treedef.children) or not treedef._same_static(static):
        return False
    if treedef._flat:
        found += children
        return True
    pairs = zip(treedef.children, children, strict=True)
    return all(_flatten_like(node, child, found) for node, child in pairs)


def flatten_with_path(tree: Any, is_leaf: IsLeaf | None = None) -> list[tuple[Path, Any]]:
    """Return the path and the value of every leaf of a pytree; see `flatten`.

    Examples
    --------
    >>> [(key_string(path), leaf) for path, leaf in flatten_with_path({"a": [1.0, 2.0]})]
    [("['a'][0]", 1.0), ("['a'][1]", 2.0)]
    """
    found, treedef = flatten(tree, is_leaf)
    return list(zip(leaf_paths(treedef), found, strict=True))


def flatten_prefix(prefix: Any, tree: Any, *, what: str) -> list[Any]:
    """Broadcast a prefix of a pytree, such as the `in_axes` of `vmap`, to the leaves of the tree.

    Parameters
    ----------
    prefix : pytree
        A tree whose leaves stand for whole subtrees of `tree`. None is a leaf here.
    tree : pytree or TreeDef
        The full tree.
    what : str
        What to call the prefix in an error message, `in_axes` for example.

    Returns
    -------
    list
        For each leaf of `tree`, the leaf of `prefix` that stands for it.

    Raises
    ------
    TreeError
        If the containers of `prefix` are not those of `tree`; the message names the path.

    Examples
    --------
    >>> flatten_prefix((0, None), (1.0, {"w": 2.0, "b": 3.0}), what="in_axes")
    [0, None, None]
    """
    full = tree if isinstance(tree, TreeDef) else structure(tree)
    values, treedef = flatten(prefix, _is_none)
    if treedef is LEAF:
        return values * full.num_leaves
    counts: list[int] = []
    if not _count_leaves(treedef, full, counts):
        names = (what, "the tree it applies to")
        difference = first_difference(treedef, full, (), prefix=True)
        raise TreeError(
            f"{what} does not match {sentence(difference, names, root=what)}; "
            "use the same containers, or one value for a whole subtree"
        )
    pairs = zip(values, counts, strict=True)
    return [value for value, count in pairs for _ in range(count)]


def _is_none(tree: Any) -> bool:
    return tree is None


def _count_leaves(prefix: TreeDef, full: TreeDef, counts: list[int]) -> bool:
    """Count the leaves of `full` below each leaf of `prefix`; false if the two do not match."""
    if prefix is LEAF:
        counts.append(full.num_leaves)
        return True
    pairs = zip(prefix.children, full.children, strict=False)
    return prefix._same_node(full) and all(_count_leaves(p, f, counts) for p, f in pairs)


def regroup(leaves: Sequence[Any], treedefs: Sequence[TreeDef]) -> list[Any]:
    """Flat leaves as one tree for each structure, in order.

    Examples
    --------
    >>> regroup([1.0, 2.0, 3.0], [structure([0, 0]), structure({"b": 0})])
    [[1.0, 2.0], {'b': 3.0}]
    """
    groups = []
    start = 0
    for treedef in treedefs:
        if treedef is LEAF:
            groups.append(leaves[start])
            start += 1
            continue
        stop = start + treedef.num_leaves
        groups.append(unflatten(treedef, leaves[start:stop]))
        start = stop
    return groups
