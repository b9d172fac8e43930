"""One operation of the graph of tensors: what it saves, and where its gradients go."""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.types import Array
    from functrans.torch.engine import EngineArray

sequence = itertools.count()
"""The numbers of nodes, in the order of their making."""


class _Rare:
    """What few nodes have, by its usual value."""

    __slots__ = ()

    accumulated: Any = None
    arrived: Any = None
    at = 0
    hooks: Any = None
    metadata: Any = None
    name: str | None = None
    note: Any = None
    posthooks: Any = None
    prehooks: Any = None
    types: Any = None
    variable: Any = None
    version: Any = None


class Node(_Rare):
    """One operation of the graph.

    Without an ``__init__``, which costs more than the object: see :func:`node`. Operations with one
    output and a pull for each operand, which most are, are written down *ready* for a walk, with
    what is saved in `handles`; for the others `links` says it all.

    Attributes
    ----------
    primitive : Primitive or None
        None for a leaf.
    ready : tuple of tuples, or None
        Links as on a tape, with the orders of nodes for places.
    edges : tuple of Node or Branch
        Where the ready links lead to.
    handles : tuple
        For each ready link what it keeps, as the array of a tensor that was never written to, or as
        :class:`Saved` or :class:`Output`.
    out : array or tuple of arrays
        The outputs, as long as the rules may need them.
    order : int
        Nodes made later have higher ones.
    place : int or list of int
        Where the outputs stand on the tape that is being built.
    note : Note or None
        How to run the operation again, if equal eigenvalues are among what it comes of (noting.py).
    version, at : list of one int, int
        The version of the memory of the output, and what it was when the node was made.
    types : tuple of ArrayType, or None
        Of several outputs.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_links",
        "edges",
        "handles",
        "order",
        "out",
        "place",
        "primitive",
        "ready",
    )

    number = 0

    any_hooks = False
    """Whether any node ever had a hook: until then walks need not look for them."""

    primitive: Any
    ready: tuple[Any, ...] | None
    edges: tuple[Node | Branch, ...]
    handles: tuple[Any, ...]
    out: Any
    order: int
    place: Any

    @property
    def node(self) -> Node:
        """Itself, as what an edge leads to; see :class:`Branch`."""
        return self

    @property
    def first(self) -> int:
        """The place of the first output in a walk, which the others follow."""
        return self.order if self.types is None else self.order + 1

    def output(self, number: int = 0) -> Node | Branch:
        """One of its outputs, as what edges lead to."""
        return self if self.types is None else Branch(self, number)

    @property
    def is_leaf(self) -> bool:
        return self.ready is None and self._links is None

    @property
    def released(self) -> bool:
        """Whether what was saved is gone; where the links lead to stays, to be shown."""
        return self.ready == ()

    @property
    def links(self) -> Any:
        """As on a tape, with edges for places and :class:`Saved` values; None for a leaf."""
        if self.ready is None:
            return self._links
        if not self.ready:
            return [(None, list(self.edges), (), None, None)]
        return [
            (pull, edge, handle, params, space)
            for (pull, _, _, params, space), edge, handle in zip(
                self.ready, self.edges, self.handles, strict=True
            )
        ]

    @links.setter
    def links(self, links: Any) -> None:
        self.ready, self._links = None, links

    def all_edges(self) -> list[Any]:
        """The places in the graph that a gradient goes to next (None: nowhere)."""
        if self.ready is not None:
            return list(self.edges)
        found: list[Any] = []
        for link in self._links or ():
            found += link[1] if type(link[1]) is list else [link[1]]
        return found

    def counter(self) -> list[int]:
        """The version of the memory of an output; of the one output the node looks at it too."""
        if self.is_leaf or self.types is not None:
            return [0]
        if self.version is None:
            self.version = [0]
        return self.version  # type: ignore[no-any-return]

    def keep_output(self) -> None:
        """Have the output in memory of its own, which nobody else writes to."""
        out = self.out
        if self.ready == () or out is None:
            return
        self.out = copy = np.copy(out) if issubclass(type(out), np.ndarray) else out
        if self.ready is not None:
            self.ready = tuple(
                [(pull, to, _exchanged(r, out, copy), *more) for pull, to, r, *more in self.ready]
            )
        self.version, self.at = [0], 0

    def release(self) -> None:
        """Let go of what is saved."""
        if self.ready is None:
            self.edges, self._links = tuple(self.all_edges()), None
        self.ready = self.handles = ()
        self.out = None
        if self.note is not None:
            self.note = None

    def hooked(self, kind: str, empty: Callable[[], Any]) -> Any:
        """The hooks of a kind (``hooks``, ``prehooks``, ``posthooks``), to add to."""
        Node.any_hooks = True
        if getattr(self, kind) is None:
            setattr(self, kind, empty())
        return getattr(self, kind)


def _exchanged(kept: Any, old: Any, new: Any) -> Any:
    """What a link keeps, with one array in the place of another."""
    if type(kept) is tuple:
        return tuple([_exchanged(r, old, new) for r in kept])
    return new if kept is old else kept


def node(primitive: Any, links: Any, out: Any, types: Any = None) -> Node:
    """A new node; `types` are those of several outputs."""
    new = Node()
    new.primitive = primitive
    new.links = links
    new.out = out
    new.order = next(sequence)
    if types is not None:
        new.types = types
        numbers: list[int] = []
        while numbers != list(range(new.first, new.first + len(types))):
            # Again only if another thread has taken one in between.
            new.order, *numbers = [next(sequence) for _ in range(1 + len(types))]
    return new


class Branch:
    """One of several outputs of a node, as what an edge leads to; where there is only one output
    the node itself stands for it.

    Attributes
    ----------
    node : Node
    number : int
        Which output.
    order : int
        Its place in a walk.
    """

    __slots__ = ("node", "number", "order")

    def __init__(self, node: Node, number: int) -> None:
        self.node = node
        self.number = number
        self.order = node.first + number

    def __eq__(self, other: object) -> bool:
        return type(other) is Branch and other.order == self.order

    def __hash__(self) -> int:
        return self.order


Edge = Node | Branch


class Saved:
    """A value that a rule needs, and the version that it had.

    Whatever is written to the array before it is used is an error, so it need not be copied.
    """

    __slots__ = ("array", "at")

    def __init__(self, array: EngineArray) -> None:
        self.array = array
        self.at = array.version[0]


class Output:
    """Stands for the output of the node itself, which would make a cycle."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Packed:
    """A saved value in another form, of which ``unpack(node)`` makes the value.

    `index` is its place in the graph; of an output of the node itself only the number.
    """

    __slots__ = ("index", "unpack")

    def __init__(self, index: Any, unpack: Callable[[Node], Array]) -> None:
        self.index = index
        self.unpack = unpack

    def edge(self, node: Node) -> Any:
        """The place in the graph."""
        return node.output(self.index) if type(self.index) is int else self.index


def leaf_node(variable: Any) -> Node:
    """The node at which gradients of a leaf are collected."""
    leaf = node(None, None, None)
    leaf.variable = weakref.ref(variable)  # the tensor holds its node
    return leaf


OUTPUTS = tuple(map(Output, range(4)))

OUTPUT = OUTPUTS[0]

NOTHING, NEITHER, ITSELF = (None,), (None, None), (OUTPUT,)
