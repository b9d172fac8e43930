"""Backward passes of tensors: the graph that is reached becomes a tape, which is walked."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from sys import getrefcount
from typing import Any

from numpy import ndarray

from functrans.core.cotangent import Cotangents, Masked
from functrans.core.interpreter import _back_to, stack
from functrans.core.types import Array, shape_of
from functrans.torch import anomalies, node_hooks
from functrans.torch.engine import ENGINE, EngineArray, mode, record
from functrans.torch.names import backward_name
from functrans.torch.noting import living
from functrans.torch.operation import NEITHER, NOTHING, OUTPUT, Node, Output, Packed, Saved
from functrans.torch.printing import type_string
from functrans.torch.reaching import in_order, leading_to, reachable
from functrans.torch.retracing import called, retraced
from functrans.transforms.walk import pull_back, walk as carry

_NONE: dict[str, Any] = {}


FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


class Pass:
    """One backward pass, for hooks that ask which nodes it goes through."""

    __slots__ = ("__weakref__", "nodes")

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes


class _Running(threading.local):
    """The innermost backward pass of this thread."""

    now: Pass | None = None


running = _Running()


class _Hook:
    """Stands on a tape behind the entry of a value whose cotangent somebody wants to see."""

    masks = None
    name = "hook"


_HOOK = _Hook()


def bottom() -> Any:
    """The interpreter below the functional transforms of this thread."""
    top: Any = stack.top
    while top is not None and top.transform != ENGINE.transform:
        top = top.parent
    return top or ENGINE


_building = threading.Lock()
"""Held while a graph becomes a tape: the nodes keep their places on it for as long."""


def _forked() -> None:
    """A child would wait for ever for a thread that it has not. It gives nodes new places."""
    global _building
    _building = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def walk(
    roots: Sequence[tuple[Any, Array]],
    *,
    keep: bool,
    create_graph: bool,
    wanted: Sequence[Any] = (),
    interpreter: Any = None,
) -> tuple[dict[Node, Any], list[Any]]:
    """Carry cotangents of some outputs back through the graph.

    Parameters
    ----------
    roots : list of (edge, array)
        Outputs, and their cotangents.
    keep : bool
        Keep the saved values for another pass.
    create_graph : bool
        Record the pass itself.
    wanted : list of edges
        The only leaves and outputs whose cotangents are asked for; empty: all leaves.
    interpreter : Interpreter, optional
        What carries out the rules, if not the engine or plain NumPy.

    Returns
    -------
    leaves : dict
        By leaf node, its cotangent (None: it has none).
    found : list
        The cotangents of `wanted`; None for what was not reached.
    """
    upper = None
    if living:
        below = interpreter or (bottom() if create_graph else None)

        def by_rules(roots: Sequence[Any], edges: Sequence[Any]) -> list[Any]:
            return _walked(roots, True, False, edges, None)[1]

        upper = retraced(roots, wanted, create_graph, below, by_rules)
    if upper is None:
        return _walked(roots, keep, create_graph, wanted, interpreter)
    taken = upper.taken
    left = [edge for edge in wanted if edge not in taken]
    leaves: dict[Node, Any] = {}
    found: list[Any] = []
    if left or not wanted:
        leaves, found = _walked(upper.roots, keep, create_graph, left, interpreter)
    if not keep:
        upper.release()
    rest = iter(found)
    return leaves, [taken[e] if e in taken else next(rest) for e in wanted]


def _walked(
    roots: Sequence[tuple[Any, Array]],
    keep: bool,
    create_graph: bool,
    wanted: Sequence[Any],
    interpreter: Any,
) -> tuple[dict[Node, Any], list[Any]]:
    """The same by the rules of all operations."""
    found, others = reachable([edge for edge, _ in roots])
    path: _Graph | _Tape
    if not (wanted or create_graph or Node.any_hooks or anomalies.state.check_nan):
        path = _Graph(found, others, keep)
    else:
        nodes = in_order(found)
        asked = set(wanted)
        needed, carrying = leading_to(asked, nodes) if asked else (None, None)
        watched = Node.any_hooks and any(n.hooks or n.prehooks or n.posthooks for n in nodes)
        partly = asked and (
            len(carrying or ()) < len(nodes) or not all(edge.node.is_leaf for edge in asked)
        )
        if create_graph or watched or partly or anomalies.state.check_nan:
            path = _Tape(nodes, asked, needed, carrying, create_graph)
        else:
            path = _Graph(found, others, keep)
    cotangents = path.cotangents
    asking = create_graph or Node.any_hooks or len(path.leaves) < len(others)
    recording, outer = mode.grad, running.now
    if asking:  # there is code in the graph, besides rules, that asks what pass it is in
        record(create_graph)
        running.now = Pass(list(found.values()))
    above = stack.top
    stack.top = interpreter or (bottom() if create_graph else None)  # as `under` does
    try:
        for edge, g in roots:
            cotangents.add(path.place(edge), g, None)
        path.carry()
    finally:
        _back_to(above)
        if asking:
            running.now = outer
            record(recording)
    leaves: dict[Node, Any] = {}
    values, owned = cotangents.values, cotangents.owned
    for node, k in path.leaves.items():
        g, values[k] = values[k], None
        if type(g) is Masked:
            g = g.value
        if type(g) is ndarray and k not in owned and (getrefcount(g) > 2 or g.base is not None):
            g = g.copy()  # what other values share is nobody's to write to
        leaves[node] = g
    if not keep:
        path.release()
    return leaves, path.found(wanted, leaves) if wanted else []


class _Graph:
    """The nodes themselves as entries of a walk, let go of as soon as they have run."""

    def __init__(self, nodes: dict[int, Node], others: list[Node], keep: bool) -> None:
        self.nodes = nodes
        self.keep = keep
        self.cotangents = Cotangents(0)
        self.leaves: dict[Node, int] = {}
        values = self.cotangents.values = dict.fromkeys(nodes)
        for node in others:
            if node.is_leaf:
                self.leaves[node] = node.order
            elif node.types is not None:
                values.update(dict.fromkeys(range(node.first, node.first + len(node.types))))

    def place(self, edge: Any) -> int:
        return edge.order  # type: ignore[no-any-return]

    def carry(self) -> None:
        carry(self._entries(), self.cotangents)

    def _entries(self) -> Iterator[tuple[int, Any]]:
        keep, nodes = self.keep, self.nodes
        for order in sorted(nodes, reverse=True):
            node = nodes[order]
            links: Any = node.ready
            if links:
                saves = False
                handles = node.handles
                if handles is not NOTHING and handles is not NEITHER:
                    for handle in handles:
                        if (type(handle) is EngineArray and handle._version is None) or (
                            handle is OUTPUT and node.version is None
                        ):
                            saves = True  # never written to
                        elif handle is not None and _check(node, handle):
                            saves = True
                yield order, (node.primitive, links)
            elif node.is_leaf or order != node.order:
                continue
            else:
                links, saves = _unpacked(node, False, None, self.place)
                entry = (node.primitive, links)
                yield order, entry if node.types is None else (node.types, entry)
            if saves and not keep:
                if node.ready:
                    node.ready = node.handles = ()
                    node.out = None
                else:
                    node.release()

    def release(self) -> None:
        """Done on the way."""

    def found(self, wanted: Sequence[Any], leaves: dict[Node, Any]) -> list[Any]:
        """The cotangents of the wanted leaves."""
        return [leaves.get(edge.node) for edge in wanted]


def _check(node: Node, handle: Any) -> bool:
    """Whether a handle stands for a saved value, which nobody may have written to."""
    kind = type(handle)
    if kind is EngineArray:
        if handle.written:
            raise modified(handle.value, handle.index, handle.version[0], 0)
    elif kind is Saved:
        array = handle.array
        if array.version[0] != handle.at:
            raise modified(array.value, array.index, array.version[0], handle.at)
    elif kind is Output:
        if node.version is not None and node.version[0] != node.at:
            raise modified(node.out, node.output(handle.number), node.version[0], node.at)
    elif kind is tuple:
        saves = False
        for part in handle:
            saves |= _check(node, part)
        return saves
    else:
        return False
    return True


class _Tape:
    """A tape that is made of the nodes, for passes that are recorded or watched."""

    def __init__(
        self,
        nodes: list[Node],
        asked: set[Any],
        needed: set[Node] | None,
        carrying: set[Node] | None,
        create_graph: bool,
    ) -> None:
        self.tape: list[Any] = []
        self.taken: dict[Any, Any] = {}
        self.leaves: dict[Node, int] = {}
        self.saving: list[Node] = []
        tape = self.tape
        with _building:
            for node in nodes:
                if node.is_leaf:
                    node.place = len(tape)
                    self.leaves[node] = node.place
                    tape.append(None)
                else:
                    links: Sequence[Any] = ()
                    if needed is None or node in needed:
                        links, saves = _unpacked(node, create_graph, carrying, _place)
                        if saves:
                            self.saving.append(node)
                        if anomalies.state.check_nan:
                            links = anomalies.checked(node, links)
                        if node.posthooks:
                            links = node_hooks.after(node, links, tape)
                    node.place = len(tape)
                    if node.types is None:
                        tape.append((node.primitive, links))
                    else:
                        tape.append((node.types, (node.primitive, links)))
                        first, count = len(tape), len(node.types)
                        node.place = list(range(first, first + count))
                        tape.extend([None] * count)
                if node.prehooks or node.posthooks:
                    node_hooks.before(node, tape)
                if node.hooks or asked:
                    _watch_outputs(node, tape, self.taken, asked)
            self.places = {node: node.place for node in nodes}
        self.cotangents = Cotangents(len(tape))

    def place(self, edge: Any) -> int:
        place = self.places[edge.node]
        return place if type(place) is int else place[edge.number]

    def carry(self) -> None:
        pull_back(self.tape, self.cotangents, keep=False)

    def release(self) -> None:
        for node in self.saving:
            node.release()

    def found(self, wanted: Sequence[Any], leaves: dict[Node, Any]) -> list[Any]:
        """The cotangents of the wanted leaves and outputs."""
        return [self.taken.get(edge) for edge in wanted]


def _place(edge: Any) -> int:
    place = edge.node.place
    return place if type(place) is int else place[edge.number]


def _watch_outputs(node: Node, tape: list[Any], taken: dict[Any, Any], asked: set[Any]) -> None:
    """Put an entry behind the outputs of a node that somebody wants to see."""
    places = node.place if type(node.place) is list else [node.place]
    for number, own in enumerate(places):
        hooks = node.hooks and node.hooks.get(number)
        if hooks or node.output(number) in asked:
            places[number] = len(tape)
            see = _watch(hooks, taken, node.output(number))
            tape.append((_HOOK, ((see, own, (), _NONE, None),)))
    if type(node.place) is not list:
        node.place = places[0]


def _watch(hooks: Any, taken: dict[Any, Any], key: Any) -> Any:
    def call(g: Any, residuals: Any, params: Any) -> Any:
        taken[key] = g = called(hooks, g) if hooks else g
        return g

    return call


def _unpacked(
    node: Node, create_graph: bool, carrying: Any, place: Callable[[Any], int]
) -> tuple[list[Any], bool]:
    """The links of a node as they stand on a tape, and whether they hold saved values."""
    if node.released:
        raise RuntimeError(FREED)
    links = []
    saves = False
    for pull, index, residuals, params, space in node.links:
        if carrying is not None:
            if type(index) is not list:
                if index.node not in carrying:
                    continue
            else:
                index = [e if e is not None and e.node in carrying else None for e in index]
        if type(residuals) is not tuple:
            (residuals,), saves_more = _values(node, (residuals,), create_graph)
            saves = saves or saves_more
        elif residuals:
            residuals, saves_more = _values(node, residuals, create_graph)
            saves = saves or saves_more
        at: Any
        if type(index) is not list:
            at = place(index)
        else:
            at = [None if edge is None else place(edge) for edge in index]
        links.append((pull, at, residuals, params, space))
    return links, saves


def _values(
    node: Node, residuals: tuple[Any, ...], create_graph: bool
) -> tuple[tuple[Any, ...], bool]:
    """The saved values themselves, and whether there are any."""
    found: list[Any] = []
    saves = False
    for r in residuals:
        if type(r) is tuple:
            inner, inner_saves = _values(node, r, create_graph)
            saves = saves or inner_saves
            found.append(inner)
        elif type(r) is Packed:
            saves = True
            value = r.unpack(node)
            found.append(EngineArray(value, r.edge(node)) if create_graph else value)
        elif not _check(node, r):
            found.append(r)
        elif type(r) is Output:
            saves = True
            value = node.out if node.types is None else node.out[r.number]
            found.append(EngineArray(value, node.output(r.number)) if create_graph else value)
        else:
            saves = True
            array = r.array if type(r) is Saved else r
            found.append(array.snapshot() if create_graph else array.value)
    return tuple(found), saves


def modified(value: Any, index: Any, now: int, then: int) -> RuntimeError:
    """PyTorch's error for a saved value that was written to."""
    origin = ""
    if index is not None:
        name = re.sub(r"Backward\d*$", "", backward_name(index.node))
        origin = f", which is output {index.number} of {name}"
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{type_string(value)} {list(shape_of(value))}]{origin}, is at version {now}; "
        f"expected version {then} instead. Hint: enable anomaly detection to find the operation "
        "that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, "
        "check_nan=False)."
    )
