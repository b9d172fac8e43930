"""What a compiled function takes and returns, and the table of it that native code reads.

Arguments and results are nested tuples, named tuples, lists and dicts with strings for keys; their
leaves say what stands there. Leaves are counted in the order of :mod:`functrans.core.tree`, in
which the children of a dict come by their sorted keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from functrans.core.types import ArrayType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Form = Literal["array", "scalar", "either"]


Dim: TypeAlias = "int | str"


class Array:
    """A leaf: an array, or a number, of a dtype.

    Parameters
    ----------
    shape : tuple of int or str
        A name stands for a size that is told by the arguments: it is the same wherever the name
        stands.
    dtype : dtype
    form : {"either", "array", "scalar"}
        What there is for the shape ``()``: an array of no dimensions or a scalar of NumPy; as an
        argument it may be either, as a result that is the scalar.
    """

    __slots__ = ("dtype", "form", "shape")

    def __init__(self, shape: tuple[Dim, ...], dtype: Any, form: Form = "either") -> None:
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.form = form

    def __repr__(self) -> str:
        return f"Array({self.shape}, {self.dtype.name})"


class Number:
    """A leaf: a number of Python.

    Native code sees it as a C ``bool``, ``int64``, ``double`` or two of these; an int that does not
    fit is an unusual argument.
    """

    __slots__ = ("kind",)

    def __init__(self, kind: type) -> None:
        self.kind = kind

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int64) if self.kind is int else np.dtype(self.kind)


class Same:
    """A leaf that is no data: this object."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Donated:
    """A result that is the array of an argument, which the caller gives up.

    Parameters
    ----------
    place : int
        The number of the argument's leaf among those that are data.
    """

    __slots__ = ("place",)

    def __init__(self, place: int) -> None:
        self.place = place


Leaf: TypeAlias = "Array | Number | Same | Donated"

_CONTAINERS = (tuple, list, dict)


def is_container(x: Any) -> bool:
    """Whether something is a tuple, a named tuple, a list or a dict, of no other class."""
    return type(x) in _CONTAINERS or is_named(x)


def is_named(x: Any) -> bool:
    """Whether something is a named tuple."""
    return isinstance(x, tuple) and isinstance(getattr(type(x), "_fields", None), tuple)


_PYTHON = {"b": bool, "i": int, "f": float, "c": complex}


def leaf(x: Any) -> Leaf:
    """A leaf as one of this module; an :class:`ArrayType` stands for an array or a number."""
    if x is None:
        return Same(None)
    if type(x) is ArrayType:
        return Number(_PYTHON[x.dtype.kind]) if x.weak else Array(x.shape, x.dtype)
    if not isinstance(x, Array | Number | Same | Donated):
        raise TypeError(f"not a leaf of a signature: {x!r}")
    return x


class Node:
    """A container or a leaf of a structure.

    Attributes
    ----------
    content : object
        A leaf, or the container, whose children are the nodes from `first` on.
    container : bool
    first, count : int
    number : int
        Of a leaf, among those that are data; -1 of others.
    """

    __slots__ = ("container", "content", "count", "first", "number")

    def __init__(self, content: Any, first: int, count: int, container: bool) -> None:
        self.content = content
        self.first = first
        self.count = count
        self.number = -1
        self.container = container

    @property
    def keys(self) -> list[str]:
        """Those of the children of a dict."""
        return sorted(self.content)


class Structure:
    """Nested containers as a list of nodes: the roots, then level by level what is in them.

    Parameters
    ----------
    positions : sequence
        Roots.
    keywords : dict
        Roots with names, which come behind the others by their names.

    Attributes
    ----------
    roots : int
        How many there are.
    keywords : list of str
    nodes : list of Node
    leaves : list of Node
        Those that are data, by their numbers.
    """

    def __init__(self, positions: Sequence[Any], keywords: Mapping[str, Any] | None = None) -> None:
        self.keywords = sorted(keywords or ())
        roots = [*positions, *[(keywords or {})[key] for key in self.keywords]]
        self.roots = len(roots)
        self.nodes: list[Node] = []
        self.leaves: list[Node] = []
        waiting = list(roots)
        for x in waiting:  # which grows
            if not is_container(x):
                self.nodes.append(Node(leaf(x), 0, 0, False))
                continue
            if type(x) is dict and not all(type(key) is str for key in x):
                raise TypeError(f"keys of dicts are strings in signatures, got {list(x)}")
            self.nodes.append(Node(x, len(waiting), len(x), True))
            waiting.extend([x[key] for key in sorted(x)] if type(x) is dict else x)
        for node in self.nodes[: self.roots]:
            self._number(node)

    def _number(self, node: Node) -> None:
        if node.container:
            for child in self.nodes[node.first : node.first + node.count]:
                self._number(child)
        elif not isinstance(node.content, Same):
            node.number = len(self.leaves)
            self.leaves.append(node)

    def sizes(self) -> list[str]:
        """The names of sizes, in the order in which they come first."""
        arrays = [x.content for x in self.leaves if isinstance(x.content, Array)]
        return list(dict.fromkeys([d for x in arrays for d in x.shape if isinstance(d, str)]))
