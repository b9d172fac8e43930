"""The structures of pytrees: what remains of a tree without its leaves, the paths to these, and how
two structures differ."""

from __future__ import annotations

import builtins
from typing import Any

from functrans.core.containers import Kind, Path, _DictKind, _LeafKind, classify
from functrans.core.errors import InputTypeError, TreeError


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
    >>> import functrans as ft
    >>> ft.tree.structure({"b": (1, None), "a": 2})
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
        return None if self is LEAF else self._kind.cls

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
                    f"the structure {shorten(self)} cannot be hashed: {error}; static fields and "
                    "static parts must be hashable here (a tuple instead of a list, for example)"
                ) from error
        return self._hash

    def __repr__(self) -> str:
        return self._kind.show(self.static, [repr(child) for child in self.children])

    def __reduce__(self) -> str | tuple[Any, ...]:
        if self is LEAF:
            return "LEAF"
        return node, (self._kind.cls, self.static, self.children)


def node(cls: type[Any], static: Any, children: tuple[TreeDef, ...]) -> TreeDef:
    """Return the structure of one container, as when it comes out of a pickle."""
    kind = classify(cls)
    if kind is None:
        raise TreeError(f"{cls.__name__} is not registered as a pytree here; register it first")
    return assemble(kind, static, children)


def assemble(kind: Kind, static: Any, children: tuple[TreeDef, ...]) -> TreeDef:
    """The structure of a container with these children."""
    num_leaves = sum([child.num_leaves for child in children])
    return TreeDef(kind, static, children, num_leaves, all(c is LEAF for c in children))


def shorten(treedef: TreeDef) -> str:
    """The text of a structure, cut where it is long."""
    text = repr(treedef)
    return text if len(text) <= 120 else f"{text[:117]}..."


LEAF = TreeDef(_LeafKind(_LeafKind), None, (), 1, False)


def leaf_paths(treedef: TreeDef) -> list[Path]:
    """Return the path of every leaf: a tuple of `Item` and `Attribute` entries.

    Examples
    --------
    >>> import functrans as ft
    >>> leaf_paths(ft.tree.structure({"a": [1.0, 2.0]}))
    [(Item('a'), Item(0)), (Item('a'), Item(1))]
    """
    found: list[Path] = []
    _collect_paths(treedef, (), found)
    return found


def _collect_paths(treedef: TreeDef, path: Path, found: list[Path]) -> None:
    if treedef is LEAF:
        found.append(path)
        return
    entries = treedef._kind.entries(treedef.static, len(treedef.children))
    for entry, child in zip(entries, treedef.children, strict=True):
        _collect_paths(child, (*path, entry), found)


def key_string(path: Path) -> str:
    """Write a path as the Python expression that leads from the tree to the leaf.

    Examples
    --------
    >>> from functrans.core.containers import Attribute, Item
    >>> key_string((Item("layers"), Item(0), Attribute("weight")))
    "['layers'][0].weight"
    """
    return "".join([str(entry) for entry in path])


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
    >>> from functrans.core.tree import structure
    >>> explain_difference(structure({"b": (1, (2, 3))}), structure({"b": (1, [2, 3])}))
    "at ['b'][1]: tuple of 2 in the first tree, list of 2 in the second tree"
    """
    difference = first_difference(a, b, (), prefix=False)
    return "the structures are the same" if difference is None else sentence(difference, names)


def first_difference(a: TreeDef, b: TreeDef, path: Path, *, prefix: bool) -> _Difference | None:
    """Find the first place where the structures differ; a leaf of a prefix matches anything."""
    if a is b or (prefix and a is LEAF):
        return None
    if not a._same_node(b):
        return path, a, b
    entries = a._kind.entries(a.static, len(a.children))
    for entry, child, other in zip(entries, a.children, b.children, strict=True):
        difference = first_difference(child, other, (*path, entry), prefix=prefix)
        if difference is not None:
            return difference
    return None


def sentence(difference: _Difference | None, names: tuple[str, str], root: str = "") -> str:
    """What a message says of a difference between trees that have these names."""
    assert difference is not None, "the structures are the same"
    path, a, b = difference
    where = f"at {root}{key_string(path)}" if path else "at the root"
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
    if treedef is LEAF:
        return "leaf"
    if treedef.type is type(None):
        return "None"
    return f"{treedef._kind.cls.__name__} of {len(treedef.children)}"
