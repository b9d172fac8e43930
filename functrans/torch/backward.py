"""Backward passes of tensors: the graph that is reached becomes a tape, which is walked."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.core.cotangent import Cotangents, plain, settle
from functrans.core.interpreter import stack, under
from functrans.core.types import Array, shape_of, type_of
from functrans.torch import anomalies, node_hooks
from functrans.torch.engine import ENGINE, EngineArray, Node, Output, Packed, Saved, grad_mode
from functrans.torch.names import backward_name
from functrans.torch.printing import type_string
from functrans.transforms.walk import pull_back

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


def reachable(roots: Sequence[Node]) -> list[Node]:
    """All nodes on which these depend, themselves included, in the order of their making."""
    found: dict[int, Node] = {}
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node.order in found:
            continue
        found[node.order] = node
        for link in node.links or ():
            edge = link[1]
            if type(edge) is tuple:
                waiting.append(edge[0])
            else:
                waiting += [e[0] for e in edge if e is not None]
    return [found[k] for k in sorted(found)]


def leading_to(wanted: set[Any], nodes: Sequence[Node]) -> tuple[set[Node], set[Node]]:
    """The nodes whose rules have to run for the cotangents of these leaves and outputs, and those
    whose cotangents are needed."""
    ends = {node for node, _ in wanted}
    needed: set[Node] = set()
    for node in nodes:
        for edge in _edges(node):
            if edge is not None and (edge[0] in needed or edge[0] in ends):
                needed.add(node)
                break
    return needed, needed | ends


def _edges(node: Node) -> list[Any]:
    """The places in the graph that a gradient goes to next."""
    found: list[Any] = []
    for link in node.links or ():
        found += link[1] if type(link[1]) is list else [link[1]]
    return found


def bottom() -> Any:
    """The interpreter below the functional transforms of this thread."""
    top: Any = stack.top
    while top is not None and top.transform != ENGINE.transform:
        top = top.parent
    return top or ENGINE


_building = threading.Lock()
"""Held while a graph becomes a tape: the nodes keep their places on it for as long."""


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
    roots : list of ((Node, int), array)
        Outputs, and their cotangents.
    keep : bool
        Keep the saved values for another pass.
    create_graph : bool
        Record the pass itself.
    wanted : list of (Node, int)
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
    tape: list[Any] = []
    taken: dict[Any, Any] = {}
    asked = set(wanted)
    leaves: dict[Node, Any] = {}
    saving: list[Node] = []
    nodes = reachable([edge[0] for edge, _ in roots])
    needed, carrying = leading_to(asked, nodes) if asked else (None, None)
    with _building:
        for node in nodes:
            if node.links is None:
                node.place = len(tape)
                leaves[node] = node.place
                tape.append(None)
            else:
                links: Sequence[Any] = ()
                if needed is None or node in needed:
                    links, saves = _unpacked(node, create_graph, carrying)
                    if saves:
                        saving.append(node)
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
                _watch_outputs(node, tape, taken, asked)
        starts = [(_place(edge), g) for edge, g in roots]
    cotangents = Cotangents(len(tape))
    outer, running.now = running.now, Pass(nodes)
    try:
        with under(interpreter or (bottom() if create_graph else None)), grad_mode(create_graph):
            for k, g in starts:
                kind = type_of(g)
                cotangents.add(k, settle(g, kind), kind)
            pull_back(tape, cotangents, keep=False)
    finally:
        running.now = outer
    for node, k in leaves.items():
        g = plain(cotangents.values[k])
        if type(g) is np.ndarray and k not in cotangents.owned:
            g = g.copy()  # what other values share is nobody's to write to
        leaves[node] = g
    if not keep:
        for node in saving:
            release(node)
    return leaves, [taken.get(edge) for edge in wanted]


def _place(edge: Any) -> int:
    place = edge[0].place
    return place if type(place) is int else place[edge[1]]


def _watch_outputs(node: Node, tape: list[Any], taken: dict[Any, Any], asked: set[Any]) -> None:
    """Put an entry behind the outputs of a node that somebody wants to see."""
    places = node.place if type(node.place) is list else [node.place]
    for number, own in enumerate(places):
        hooks = node.hooks and node.hooks.get(number)
        if hooks or (node, number) in asked:
            places[number] = len(tape)
            see = _watch(hooks, taken, (node, number))
            tape.append((_HOOK, ((see, own, (), _NONE, None),)))
    if type(node.place) is not list:
        node.place = places[0]


def _watch(hooks: Any, taken: dict[Any, Any], key: Any) -> Any:
    def call(g: Any, residuals: Any, params: Any) -> Any:
        if hooks:
            with under(stack.top or ENGINE):
                for hook in hooks:
                    replaced = hook(g)
                    if replaced is not None:
                        g = replaced
        taken[key] = g
        return g

    return call


def release(node: Node) -> None:
    """Let go of what a node has saved; its places in the graph stay, to be shown."""
    node.released = True
    node.links = [(None, link[1], (), None, None) for link in node.links]
    node.out = None


def _unpacked(node: Node, create_graph: bool, carrying: Any) -> tuple[list[Any], bool]:
    """The links of a node as they stand on a tape, and whether they hold saved values."""
    if node.released:
        raise RuntimeError(FREED)
    links = []
    saves = False
    for pull, index, residuals, params, space in node.links:
        if carrying is not None:
            if type(index) is tuple:
                if index[0] not in carrying:
                    continue
            else:
                index = [e if e is not None and e[0] in carrying else None for e in index]
        if residuals:
            residuals, saved_values = _values(node, residuals, create_graph)
            saves = saves or saved_values
        at: Any
        if type(index) is tuple:
            at = index[0].place
            if type(at) is not int:
                at = at[index[1]]
        else:
            at = [None if edge is None else _place(edge) for edge in index]
        links.append((pull, at, residuals, params, space))
    return links, saves


def _values(
    node: Node, residuals: tuple[Any, ...], create_graph: bool
) -> tuple[tuple[Any, ...], bool]:
    """The saved values themselves, and whether there are any."""
    found: list[Any] = []
    saves = False
    for r in residuals:
        if type(r) is Saved:
            saves = True
            array = r.array
            if array.version[0] != r.at:
                raise modified(array.value, array.index, array.version[0], r.at)
            found.append(array.snapshot() if create_graph else array.value)
        elif type(r) is Output:
            saves = True
            if node.version is not None and node.version[0] != node.at:
                raise modified(node.out, (node, r.number), node.version[0], node.at)
            value = node.out if node.types is None else node.out[r.number]
            found.append(EngineArray(value, (node, r.number)) if create_graph else value)
        elif type(r) is Packed:
            saves = True
            value = r.unpack(node)
            found.append(EngineArray(value, r.edge(node)) if create_graph else value)
        elif type(r) is tuple:
            inner, inner_saves = _values(node, r, create_graph)
            saves = saves or inner_saves
            found.append(inner)
        else:
            found.append(r)
    return tuple(found), saves


def modified(value: Any, index: Any, now: int, then: int) -> RuntimeError:
    """PyTorch's error for a saved value that was written to."""
    origin = ""
    if index is not None:
        name = re.sub(r"Backward\d*$", "", backward_name(index[0]))
        origin = f", which is output {index[1]} of {name}"
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{type_string(value)} {list(shape_of(value))}]{origin}, is at version {now}; "
        f"expected version {then} instead. Hint: enable anomaly detection to find the operation "
        "that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, "
        "check_nan=False)."
    )
