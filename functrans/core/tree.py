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
    _DictKind,
    _LeafKind,
    classify,
    register,
)
from functrans.core.errors import InputTypeError, TreeError

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


# --- structures -----------------------------------------------------------------------------------


class TreeDef:
    """The structure of a pytree: what remains when the leaves are taken out.

    Structures are equal if their containers have the same types, static parts (compared with
    ``==``) and children. Hashing one needs its static parts to be hashable.

    Attributes
    ----------
    num_leaves : int
        How many leaves the tree has.
    children : tuple of TreeDef
        The structures of the children, in the order of their leaves; empty for a leaf.
    static : object
        What else belongs to the outermost container: the keys of a dict, the static fields of a
        dataclass, the second result of a registered flatten function.

    Examples
    --------
    >>> structure({"b": (1, None), "a": 2})
    {'a': *, 'b': (*, None)}
    """

    __slots__ = ("_flat", "_hash", "_kind", "children", "num_leaves", "static")

    def __init__(
        self, kind: Kind, static: Any, children: tuple[TreeDef, ...], num_leaves: int, flat: bool
    ) -> None:
        self._kind = kind
        self.static = static
        self.children = children
        self.num_leaves = num_leaves
        self._flat = flat  # every child is a leaf
        self._hash: int | None = None

    @property
    def type(self) -> builtins.type[Any] | None:
        """The type of the outermost container, None for a leaf."""
        return None if self is _LEAF else self._kind.cls

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, TreeDef):
            return NotImplemented
        return (
            self.num_leaves == other.num_leaves
            and self._same_node(other)
            and self.children == other.children
        )

    def _same_node(self, other: TreeDef) -> bool:
        """Whether the outermost containers agree, whatever their children are."""
        if self._kind.cls is not other._kind.cls or len(self.children) != len(other.children):
            return False
        return self.static is other.static or self._same_static(other.static)

    def _same_static(self, static: Any) -> bool:
        try:
            return bool(self.static == static)
        except ValueError as error:
            raise TreeError(
                f"the static part of {self._kind.cls.__name__} cannot be compared with ==: "
                f"{self.static!r}; arrays belong among the children, not in the static part"
            ) from error

    def __hash__(self) -> int:
        if self._hash is None:
            try:
                self._hash = hash((self._kind.cls, self.static, self.children))
            except TypeError as error:
                raise InputTypeError(
                    f"the structure {_shorten(self)} cannot be hashed: {error}; static fields and "
                    "static parts must be hashable here (a tuple instead of a list, for example)"
                ) from error
        return self._hash

    def __repr__(self) -> str:
        return self._kind.show(self.static, [repr(child) for child in self.children])

    def __reduce__(self) -> str | tuple[Any, ...]:
        if self is _LEAF:
            return "_LEAF"
        return _node, (self._kind.cls, self.static, self.children)


def _node(cls: type[Any], static: Any, children: tuple[TreeDef, ...]) -> TreeDef:
    """Return the structure of one container, as when it comes out of a pickle."""
    kind = classify(cls)
    if kind is None:
        raise TreeError(f"{cls.__name__} is not registered as a pytree here; register it first")
    return _assemble(kind, static, children)


def _assemble(kind: Kind, static: Any, children: tuple[TreeDef, ...]) -> TreeDef:
    num_leaves = sum([child.num_leaves for child in children])
    return TreeDef(kind, static, children, num_leaves, all(c is _LEAF for c in children))


def _shorten(treedef: TreeDef) -> str:
    text = repr(treedef)
    return text if len(text) <= 120 else f"{text[:117]}..."


_LEAF = TreeDef(_LeafKind(_LeafKind), None, (), 1, False)


# --- taking apart and putting together ------------------------------------------------------------


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
        return [tree], _LEAF
    found: list[Any] = []
    try:
        if is_leaf is not None:
            return found, _flatten_until(tree, is_leaf, found)
        kind = CONTAINERS.get(cls) or classify(cls)
        if kind is None:
            return [tree], _LEAF
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
            return TreeDef(kind, static, (_LEAF,) * count, count, True)
        treedef = kind.flat.get(count)
        if treedef is None:
            treedef = TreeDef(kind, None, (_LEAF,) * count, count, True)
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
            nodes.append(_LEAF)
        else:
            nodes.append(_flatten_container(child, child_kind, found))
    return _assemble(kind, static, tuple(nodes))


def _flatten_until(tree: Any, is_leaf: IsLeaf, found: list[Any]) -> TreeDef:
    kind = None if is_leaf(tree) else classify(type(tree))
    if kind is None:
        found.append(tree)
        return _LEAF
    children, static = kind.split(tree)
    nodes = [_flatten_until(child, is_leaf, found) for child in children]
    return _assemble(kind, static, tuple(nodes))


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
            f"unflatten: the structure {_shorten(treedef)} has {treedef.num_leaves} leaves, "
            f"but {len(leaves)} were given"
        )
    if treedef is _LEAF:
        return leaves[0]
    if treedef._flat:
        return treedef._kind.join(treedef.static, leaves)
    return _build(treedef, iter(leaves))


def _build(treedef: TreeDef, rest: Iterator[Any]) -> Any:
    if treedef is _LEAF:
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
            difference = _first_difference(treedef, structure(other), (), prefix=True)
            raise TreeError(
                f"the trees passed to map differ {_sentence(difference, names)}; "
                "they must have the same structure"
            )
        columns.append(column)
    return unflatten(treedef, [f(*row) for row in zip(*columns, strict=True)])


def _flatten_like(treedef: TreeDef, tree: Any, found: list[Any]) -> bool:
    """Collect what stands in `tree` at the leaves of `treedef`; false if the two do not match."""
    if treedef is _LEAF:
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


# --- paths ----------------------------------------------------------------------------------------


def leaf_paths(treedef: TreeDef) -> list[Path]:
    """Return the path of every leaf: a tuple of `Item` and `Attribute` entries.

    Examples
    --------
    >>> leaf_paths(structure({"a": [1.0, 2.0]}))
    [(Item('a'), Item(0)), (Item('a'), Item(1))]
    """
    found: list[Path] = []
    _collect_paths(treedef, (), found)
    return found


def _collect_paths(treedef: TreeDef, path: Path, found: list[Path]) -> None:
    if treedef is _LEAF:
        found.append(path)
        return
    entries = treedef._kind.entries(treedef.static, len(treedef.children))
    for entry, child in zip(entries, treedef.children, strict=True):
        _collect_paths(child, (*path, entry), found)


def flatten_with_path(tree: Any, is_leaf: IsLeaf | None = None) -> list[tuple[Path, Any]]:
    """Return the path and the value of every leaf of a pytree; see `flatten`.

    Examples
    --------
    >>> [(key_string(path), leaf) for path, leaf in flatten_with_path({"a": [1.0, 2.0]})]
    [("['a'][0]", 1.0), ("['a'][1]", 2.0)]
    """
    found, treedef = flatten(tree, is_leaf)
    return list(zip(leaf_paths(treedef), found, strict=True))


def key_string(path: Path) -> str:
    """Write a path as the Python expression that leads from the tree to the leaf.

    Examples
    --------
    >>> key_string((Item("layers"), Item(0), Attribute("weight")))
    "['layers'][0].weight"
    """
    return "".join([str(entry) for entry in path])


# --- comparing structures -------------------------------------------------------------------------

_Difference = tuple[Path, TreeDef, TreeDef]


def explain_difference(
    a: TreeDef, b: TreeDef, *, names: tuple[str, str] = ("the first tree", "the second tree")
) -> str:
    """Say in one phrase where and how two structures differ first.

    Parameters
    ----------
    a, b : TreeDef
        The structures.
    names : pair of str, optional
        What to call the two trees.

    Returns
    -------
    str
        The path and the difference, or that there is none.

    Examples
    --------
    >>> explain_difference(structure({"b": (1, (2, 3))}), structure({"b": (1, [2, 3])}))
    "at ['b'][1]: tuple of 2 in the first tree, list of 2 in the second tree"
    """
    difference = _first_difference(a, b, (), prefix=False)
    return "the structures are the same" if difference is None else _sentence(difference, names)


def _first_difference(a: TreeDef, b: TreeDef, path: Path, *, prefix: bool) -> _Difference | None:
    """Find the first place where the structures differ; a leaf of a prefix matches anything."""
    if a is b or (prefix and a is _LEAF):
        return None
    if not a._same_node(b):
        return path, a, b
    entries = a._kind.entries(a.static, len(a.children))
    for entry, child, other in zip(entries, a.children, b.children, strict=True):
        difference = _first_difference(child, other, (*path, entry), prefix=prefix)
        if difference is not None:
            return difference
    return None


def _sentence(difference: _Difference | None, names: tuple[str, str], root: str = "") -> str:
    assert difference is not None, "the structures are the same"
    path, a, b = difference
    where = f"at {root}{key_string(path)}" if path or root else "at the root"
    both = a._kind.cls is b._kind.cls
    if both and isinstance(a._kind, _DictKind):
        keys = [{entry.key: None for entry in n._kind.entries(n.static, 0)} for n in (a, b)]
        for name, more, fewer in ((names[1], *keys), (names[0], *reversed(keys))):
            missing = [repr(key) for key in more if key not in fewer]
            if missing:
                return f"{where}: {name} lacks the key {' and the key '.join(missing)}"
    if both and len(a.children) == len(b.children):
        here, there = (n._kind.show(n.static, ["*" for _ in n.children]) for n in (a, b))
        if here == there:
            return f"{where}: the static parts of {here} print alike but are not equal"
    else:
        here, there = _describe(a), _describe(b)
        if here == there:  # two classes of one name
            here, there = (f"{n._kind.cls.__module__}.{n._kind.cls.__qualname__}" for n in (a, b))
    return f"{where}: {here} in {names[0]}, {there} in {names[1]}"


def _describe(treedef: TreeDef) -> str:
    if treedef is _LEAF:
        return "leaf"
    if treedef.type is type(None):
        return "None"
    return f"{treedef._kind.cls.__name__} of {len(treedef.children)}"


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
    if treedef is _LEAF:
        return values * full.num_leaves
    counts: list[int] = []
    if not _count_leaves(treedef, full, counts):
        names = (what, "the tree it applies to")
        difference = _first_difference(treedef, full, (), prefix=True)
        raise TreeError(
            f"{what} does not match {_sentence(difference, names, root=what)}; "
            "use the same containers, or one value for a whole subtree"
        )
    pairs = zip(values, counts, strict=True)
    return [value for value, count in pairs for _ in range(count)]


def _is_none(tree: Any) -> bool:
    return tree is None


def _count_leaves(prefix: TreeDef, full: TreeDef, counts: list[int]) -> bool:
    """Count the leaves of `full` below each leaf of `prefix`; false if the two do not match."""
    if prefix is _LEAF:
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
        if treedef is _LEAF:
            groups.append(leaves[start])
            start += 1
            continue
        stop = start + treedef.num_leaves
        groups.append(unflatten(treedef, leaves[start:stop]))
        start = stop
    return groups
