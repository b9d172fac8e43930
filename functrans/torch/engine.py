"""The outermost reverse interpreter, on which tensors live: a graph of nodes in place of a tape.

A tape would hold on to everything that was ever computed. A node holds on to the nodes before it,
and goes when nobody needs it. For a backward pass the nodes that are reached become a tape, which
:func:`functrans.transforms.walk.pull_back` walks: rules and walk are those of ``grad``.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.interpreter import Interpreter, stack, under
from functrans.core.primitive import ZERO
from functrans.core.types import (
    CONTAINERS,
    Array,
    Shape,
    is_array,
    is_inexact,
    type_of,
)
from functrans.transforms.forward import tangent_or_zero
from functrans.transforms.reverse import derived_pull, links_of, transpose_linear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.core.primitive import Primitive, Rule


_NONE: dict[str, Any] = {}


class Mode(threading.local):
    """What this thread records."""

    grad = True
    inference = False
    packs: Any = None


mode = Mode()

_sequence = itertools.count()


class EngineArray(TracedArray):
    """The memory of a tensor, and the place in the graph that made it.

    Attributes
    ----------
    value : ndarray or NumPy scalar
    index : (Node, int) or None
        The node and which of its outputs; None for a constant.
    version : list of one int
        How often the memory was written to; views share it.
    """

    __slots__ = ("index", "value", "version")

    interpreter: Engine

    def __init__(self, value: Array, index: Any = None, version: list[int] | None = None) -> None:
        self.place = None
        self.value = value
        self.index = index
        self.version = [0] if version is None else version

    @property
    def shape(self) -> Shape:
        return self.value.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype  # type: ignore[no-any-return]

    @property
    def underlying(self) -> Any:
        return self.value

    def concrete(self, wanted: str) -> Any:
        return self.value

    def snapshot(self) -> EngineArray:
        return EngineArray(self.value, self.index, self.version)

    def result(self) -> Any:
        return self.value if self.index is None else CONTAINERS[EngineArray](self)

    def duplicate(self) -> EngineArray:
        return EngineArray(np.copy(self.value), self.index)

    def memory(self) -> np.ndarray[Any, Any]:
        """The value as an array that can be written to."""
        if type(self.value) is not np.ndarray:
            self.value = np.asarray(self.value)
        return self.value

    def become(self, content: Any) -> None:
        """Write a content into the memory, which other arrays may share.

        While nothing is recorded the place in the graph stays: a parameter is updated that way.
        """
        if type(content) is EngineArray:
            value, index = content.value, content.index
        else:
            self.check_constant(content)
            value, index = content, None
        if mode.grad:
            self.index = index
        memory = self.memory()
        if value is not memory:
            np.copyto(memory, value, casting="unsafe")
        self.version[0] += 1
        if mode.grad and index is not None:
            index[0].version, index[0].at = self.version, self.version[0]


class _Rare:
    """What few nodes have, by its usual value."""

    __slots__ = ()

    accumulated: Any = None
    arrived: Any = None
    at = 0
    hooks: Any = None
    metadata: Any = None
    name: str | None = None
    posthooks: Any = None
    prehooks: Any = None
    released = False
    types: Any = None
    variable: Any = None


class Node(_Rare):
    """One operation of the graph.

    Attributes
    ----------
    primitive : Primitive or None
        None for a leaf.
    links : list of tuples, or None
        As on a tape, with ``(Node, int)`` for indices and :class:`Saved` values; None for a leaf.
    out : array or tuple of arrays
        The outputs, as long as the rules may need them.
    order : int
        Nodes made later have higher ones.
    place : int or list of int
        Where the outputs stand on the tape that is being built.
    version, at : list of one int, int
        The version of the memory of the output, and what it was when the node was made.
    types : tuple of ArrayType, or None
        Of several outputs.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "links",
        "order",
        "out",
        "place",
        "primitive",
        "version",
    )

    place: Any
    version: Any

    def __init__(self, primitive: Any, links: Any, out: Any, version: Any = None) -> None:
        self.primitive = primitive
        self.links = links
        self.out = out
        self.version = version
        self.order = next(_sequence)


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
        return (node, self.index) if type(self.index) is int else self.index


class Engine(Interpreter):
    """Records operations on tensors that need gradients."""

    __slots__ = ()

    transform = "functrans.torch"

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        values = []
        mine = []
        ours = False
        for i, x in enumerate(args):
            if type(x) is EngineArray:
                ours = True
                values.append(x.value)
                if x.index is not None:
                    mine.append(i)
            else:
                values.append(x)
        ans = primitive.impl(*values, **params)
        if not ours:
            return ans
        if not mine or not primitive.differentiable or not mode.grad:
            return self.constant(ans)
        several = primitive.outputs is not None
        if not several and not is_inexact(ans.dtype):
            return EngineArray(ans)
        links = links_of(self, primitive, args, values, mine, params, ans)
        if not links:
            return self.constant(ans)
        if not several:
            return made(primitive, links, ans)
        types = tuple(map(type_of, ans))
        node = Node(primitive, links, ans)
        node.types = types
        return tuple(
            [
                EngineArray(a, (node, j) if is_inexact(kind.dtype) else None)
                for j, (a, kind) in enumerate(zip(ans, types, strict=True))
            ]
        )

    def residuals(
        self, pull: Rule, ans: Any, args: Any, values: Sequence[Array], mine: list[int]
    ) -> tuple[Any, ...]:
        """What a rule needs, with the versions that the tensors have."""
        return saved(pull.select(ans, args), ans if type(ans) is tuple else (ans,))

    def constant(self, ans: Any) -> Any:
        """A result through which no gradient flows."""
        if type(ans) is tuple:
            return tuple([EngineArray(a) for a in ans])
        return EngineArray(ans)

    def unary(self, primitive: Primitive, x: Array) -> Any:
        if type(x) is not EngineArray:
            return primitive.impl(x)
        if x.index is None or not mode.grad or primitive.masks != "lanes":
            return self.process(primitive, (x,), _NONE)
        ans = primitive.impl(x.value)
        pull: Any = primitive.pulls[0] or derived_pull(primitive, 0)  # type: ignore[index]
        if pull is ZERO:
            return EngineArray(ans)
        kept = saved(pull.select(ans, (x,)), (ans,))
        link = (pull.apply, x.index, kept, _NONE, None)
        return made(primitive, (link,), ans)

    def binary(self, primitive: Primitive, x: Array, y: Array) -> Any:
        x_ours, y_ours = type(x) is EngineArray, type(y) is EngineArray
        if not (x_ours or y_ours):
            return primitive.impl(x, y)
        if primitive.masks != "lanes":
            return self.process(primitive, (x, y), _NONE)
        a, b = x.value if x_ours else x, y.value if y_ours else y
        ans = primitive.impl(a, b)
        x_mine, y_mine = x_ours and x.index is not None, y_ours and y.index is not None
        if not (x_mine or y_mine) or not mode.grad:
            return EngineArray(ans)
        pulls: Any = primitive.pulls
        shape, dtype = ans.shape, ans.dtype
        links: list[Any] = []
        for mine, i, operand, value in ((x_mine, 0, x, a), (y_mine, 1, y, b)):
            if mine and (pull := pulls[i] or derived_pull(primitive, i)) is not ZERO:
                space: Any = type_of(value)
                if space.dtype == dtype and space.shape == shape:
                    space = None
                kept = pull.select(ans, (x, y))
                if kept:
                    kept = saved(kept, (ans,))
                links.append((pull.apply, operand.index, kept, _NONE, space))
        return made(primitive, links, ans) if links else EngineArray(ans)

    def fresh(self, content: Array) -> Any:
        return content  # outside of transforms arrays are what they are

    def checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        return function(*args)

    def custom(self, call: Any, args: list[Any]) -> list[Any]:
        mine = [i for i, x in enumerate(args) if type(x) is EngineArray and x.index is not None]
        if not mine or not mode.grad or not (call.has_vjp or call.has_jvp):
            return call.run(args)  # type: ignore[no-any-return]
        values = [x.value if type(x) is EngineArray else x for x in args]
        spaces = [type_of(values[i]) for i in mine]
        with under(None):
            outs, kept = call.forward(values) if call.has_vjp else (call.run(values), None)

        def pull(gs: Any, residuals: Any, params: Any) -> list[Any]:
            if call.has_vjp:
                found = call.backward(kept, list(gs))
                return [found[i] for i in mine]

            def tangents(*ts: Any) -> tuple[Any, ...]:
                full = [tangent_or_zero(x, None) if is_array(x) else None for x in values]
                for i, t in zip(mine, ts, strict=True):
                    full[i] = t
                return tuple(call.push(values, full)[1])

            return list(transpose_linear(tangents, tuple(spaces), tuple(gs)))

        link: tuple[Any, ...] = (pull, [args[i].index for i in mine], (), {}, spaces)
        types = tuple(map(type_of, outs))
        node = Node(None, [link], None)
        node.types = types
        return [
            EngineArray(o, (node, j) if is_inexact(kind.dtype) else None)
            for j, (o, kind) in enumerate(zip(outs, types, strict=True))
        ]


def made(primitive: Primitive, links: Any, ans: Any) -> EngineArray:
    """The output of a new node."""
    version = [0]
    return EngineArray(ans, (Node(primitive, links, ans, version), 0), version)


def saved(residuals: tuple[Any, ...], outs: Sequence[Any]) -> tuple[Any, ...]:
    """The residuals of a rule as a node keeps them."""
    if len(residuals) == 1:  # most are: this is the hot path
        (r,) = residuals
        if type(r) is EngineArray:
            return (Saved(r),)
        if type(r) is float:
            return residuals
    return tuple([_kept(r, outs) for r in residuals])


def _kept(r: Any, outs: Sequence[Any]) -> Any:
    if type(r) is EngineArray:
        return Saved(r)
    if type(r) is tuple:
        return saved(r, outs)
    for j, out in enumerate(outs):
        if r is out:
            return _OUTPUTS[j] if j < len(_OUTPUTS) else Output(j)
    return r


_OUTPUTS = tuple(map(Output, range(4)))


ENGINE = Engine()
EngineArray.interpreter = ENGINE  # type: ignore[misc]
type(stack).top = ENGINE
"""From the import on, the interpreter below all others: plain arrays pass through it unchanged."""


class grad_mode:
    """Record, or do not, for the length of a ``with`` block."""

    __slots__ = ("before", "enabled")

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def __enter__(self) -> None:
        self.before = mode.grad
        mode.grad = self.enabled

    def __exit__(self, *exc: object) -> None:
        mode.grad = self.before


def leaf_node(variable: Any) -> Node:
    """The node at which gradients of a leaf are collected."""
    node = Node(None, None, None)
    node.variable = weakref.ref(variable)  # the tensor holds its node
    return node
