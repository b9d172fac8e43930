"""Backward passes through decompositions with equal values: what was noted of the forward pass
(noting.py) runs again, as a function that the transforms of functions take derivatives of.

All nodes that depend on such a decomposition are the upper part of the graph: a function of the
tensors on which it stands, its `Program`. A pass takes the cotangents of these at once, by `vjp`,
and goes on from there as usual. With ``create_graph`` they get a node that is noted itself, as a
function of the same tensors and of the cotangents that came: so its derivatives are those that a
gradient of a gradient has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.declining import DeclinedError, declining
from functrans.core.errors import DegenerateWarning
from functrans.core.interpreter import stack, under
from functrans.core.types import type_of
from functrans.primitives.arithmetic import add, subtract
from functrans.torch import anomalies
from functrans.torch.engine import ENGINE, EngineArray, grad_mode, saved_handle
from functrans.torch.noting import Note, keep_noting
from functrans.torch.operation import Branch, Node, node
from functrans.torch.reaching import in_order, leading_to, reachable
from functrans.transforms.batching import BatchArray, vmap
from functrans.transforms.gradient import vjp
from functrans.transforms.orders import with_orders

if TYPE_CHECKING:
    from functrans.core.interpreter import Interpreter
    from functrans.core.types import Array


class Program:
    """The upper part of a graph as a function.

    Attributes
    ----------
    steps : list of tuple
        What runs, of each operand its place in the graph and its value, and the places of the
        outputs. A value stands for operands that are known by no place.
    inputs : list of int
        The places of the arguments.
    shifted : list of int
        The places of values by which derivatives are asked for too: a further argument, which is
        zero, is added to each.
    outputs : list of int
        The places of the results.
    """

    def __init__(
        self, steps: list[Any], inputs: list[int], shifted: list[int], outputs: list[int]
    ) -> None:
        self.steps = steps
        self.inputs = inputs
        self.shifted = shifted
        self.outputs = outputs

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        count = len(self.inputs)
        known = dict(zip(self.inputs, args[:count], strict=True))
        shifts = dict(zip(self.shifted, args[count:], strict=True))
        for run, operands, places in self.steps:
            out = run([known.get(at, value) for at, value in operands])
            outs = out if type(out) in (tuple, list) else (out,)
            for place, value in zip(places, outs, strict=True):
                known[place] = add(value, shifts[place]) if place in shifts else value
        return tuple([known[place] for place in self.outputs])


class Upper:
    """The cotangents of what the upper part of a graph stands on.

    Attributes
    ----------
    roots : list of (edge, array)
        Where the pass goes on, with what.
    taken : dict
        The cotangents of outputs in the upper part that were asked for.
    """

    def __init__(self, roots: list[tuple[Any, Any]], taken: dict[Any, Any], nodes: Any) -> None:
        self.roots = roots
        self.taken = taken
        self._nodes = nodes

    def release(self) -> None:
        """Let go of what was noted."""
        for upper in self._nodes:
            upper.release()


def retraced(
    roots: Sequence[tuple[Any, Array]],
    wanted: Sequence[Any],
    create_graph: bool,
    below: Interpreter | None,
    by_rules: Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]],
) -> Upper | None:
    """The upper part of a backward pass; None if there is none, or it cannot run again.

    `below` carries out the rules of the pass; ``by_rules(roots, wanted)`` is one by these alone.
    """
    nodes = in_order(reachable([edge for edge, _ in roots])[0])
    upper: list[Node] = []
    inside: set[Node] = set()
    for n in nodes:
        if n.note is not None or any(e is not None and e.node in inside for e in n.all_edges()):
            upper.append(n)
            inside.add(n)
    asked = set(wanted)
    needed, carrying = leading_to(asked, nodes) if asked else (inside, None)
    notes = [n.note for n in upper]
    if None in notes or any(n.prehooks or n.posthooks for n in upper):
        return None
    order = 1 + max([note.order for note in notes], default=0)
    if not any(n.note.asks(order + create_graph) for n in upper if n in needed):
        return None
    if not all(note.unchanged() for note in notes):
        return None
    arrays: dict[int, EngineArray] = {}
    steps = [_step(n, inside, carrying, arrays) for n in upper]
    hooks = _hooks([n for n in upper if n in needed])
    shifted = list(dict.fromkeys([*(e for e in wanted if e.node in inside), *hooks]))
    if any(e.node.types is None and e.node.out is None for e in shifted):
        return None  # it is saved in another form, which does not tell its type
    own = [(edge, g) for edge, g in roots if edge.node in inside]
    if create_graph and not _recordable([g for _, g in own]):
        return None  # a transform lies on the pass
    operands = [*arrays.values(), *(EngineArray(_zeros(edge)) for edge in shifted)]

    def carried(own: Sequence[tuple[Any, Any]]) -> list[Any]:
        places = [edge.order for edge in shifted], [edge.order for edge, _ in own]
        program = Program(steps, list(arrays), *places)
        gs = [g for _, g in own]
        if create_graph:
            return _recorded(_gradient(program, len(operands)), order, [*operands, *gs])
        with under(below):
            return with_orders(order, lambda: pulled(program, [x.value for x in operands], gs))

    simple = order == 1 and not create_graph and below is None
    hooked = anomalies.state.check_nan or any(n.hooks or n.prehooks or n.posthooks for n in nodes)
    if simple and not hooked and all(note.told() for note in notes):
        try:
            with declining(DegenerateWarning, near=False):
                some = by_rules(own, [*(x.index for x in arrays.values()), *shifted])
        except DeclinedError:
            pass  # it takes more than rules, which are faster
        else:
            return _upper(roots, inside, arrays, shifted, some, [n for n in upper if n in needed])
    try:
        found = carried(own)
    except Exception:
        if any(note.foreign for note in notes):
            return None  # as one that calls other libraries
        raise
    if anomalies.state.check_nan and any(map(anomalies.has_nan, found)):
        return None  # the rules say which of them it is
    for edge, calls in hooks.items():
        g = found[len(arrays) + shifted.index(edge)]
        with under(stack.top if create_graph else below), grad_mode(create_graph):
            replaced = called(calls, g)
            if replaced is not g:  # all is linear in it
                more = carried([(edge, subtract(replaced, g))])
                found = list(map(add, found, more))
    return _upper(roots, inside, arrays, shifted, found, [n for n in upper if n in needed])


def _upper(
    roots: Sequence[tuple[Any, Any]],
    inside: set[Node],
    arrays: dict[int, EngineArray],
    shifted: Sequence[Any],
    found: Sequence[Any],
    nodes: list[Node],
) -> Upper:
    further = [root for root in roots if root[0].node not in inside]
    edges = [x.index for x in arrays.values()]
    pairs = zip(edges, found[: len(edges)], strict=True)
    further += [(edge, g) for edge, g in pairs if g is not None]
    taken = dict(zip(shifted, found[len(edges) :], strict=True))
    return Upper(further, taken, nodes)


def _hooks(nodes: list[Node]) -> dict[Any, Any]:
    """The hooks of outputs, those first that a pass comes to first."""
    return {
        n.output(number): calls
        for n in reversed(nodes)
        for number, calls in sorted((n.hooks or {}).items(), reverse=True)
        if calls
    }


def called(hooks: Sequence[Callable[[Any], Any]], g: Any) -> Any:
    """What hooks make of a gradient."""
    with under(stack.top or ENGINE):
        for hook in hooks:
            replaced = hook(g)
            if replaced is not None:
                g = replaced
    return g


def _step(
    n: Node, inside: set[Node], carrying: set[Node] | None, arrays: dict[int, EngineArray]
) -> tuple[Any, ...]:
    """What a node does, for a `Program`; the arrays of tensors in which it has arguments are added
    to those that are known."""
    operands: list[tuple[int | None, Any]] = []
    for x in n.note.operands:
        if type(x) is Node or type(x) is Branch:
            operands.append((x.order, None))
        elif type(x) is not EngineArray:
            operands.append((None, x))
        else:
            edge = x.index
            if edge is None or (carrying is not None and edge.node not in carrying):
                operands.append((None, x.value))
            else:
                arrays.setdefault(edge.order, x)
                operands.append((edge.order, None))
    places = [n.order] if n.types is None else list(range(n.first, n.first + len(n.types)))
    return n.note.run, operands, places


def pulled(function: Callable[..., Any], values: Sequence[Any], gs: Sequence[Any]) -> list[Any]:
    """The cotangents of the arguments of a function."""
    with under(stack.top or ENGINE):  # which functions of tensors need
        _, pull = vjp(function, *values)
        found = pull(tuple(gs))
    return [x.value if type(x) is EngineArray and x.index is None else x for x in found]


Run = Callable[[Sequence[Any]], Sequence[Any]]
"""Takes operands, and returns outputs."""


def _gradient(function: Callable[..., Any], count: int) -> Run:
    """What takes the arguments of a function, so many, and cotangents of what it returns."""
    return lambda operands: pulled(function, operands[:count], operands[count:])


def _recordable(operands: Sequence[Any]) -> bool:
    return all(
        type(x) is EngineArray or type(x) is BatchArray or not isinstance(x, TracedArray)
        for x in operands
    )


def _recorded(run: Run, order: int, operands: Sequence[Any]) -> list[Any]:
    """What a function returns that takes derivatives of this order, with a node, so that it has
    derivatives itself."""
    batches = {x.interpreter for x in operands if type(x) is BatchArray}
    if batches:
        return _recorded_lanes(run, order, operands, batches)
    operands = [x.snapshot() if type(x) is EngineArray else x for x in operands]
    values = [x.value if type(x) is EngineArray else x for x in operands]
    with under(None):
        outs = with_orders(order, lambda: run(values))
    mine = [i for i, x in enumerate(operands) if type(x) is EngineArray and x.index is not None]
    spaces = [type_of(operands[i]) for i in mine]

    def pull(gs: Any, residuals: Any, params: Any) -> list[Any]:
        further = [*residuals, *gs]
        function = lambda *operands: tuple(run(operands))  # noqa: E731
        if any(type(x) is EngineArray for x in residuals) and _recordable(gs):
            found = _recorded(_gradient(function, len(residuals)), order + 1, further)
        else:
            found = pulled(function, residuals, gs)
        return [found[i] for i in mine]

    saved = tuple([saved_handle(x) for x in operands])
    link: tuple[Any, ...] = (pull, [operands[i].index for i in mine], saved, {}, spaces)
    made = node(None, [link], None, types=tuple(map(type_of, outs)))
    made.name = "GradientBackward"
    made.note = Note(run, operands, order)
    keep_noting(made)
    return [EngineArray(o, made.output(j)) for j, o in enumerate(outs)]


def _recorded_lanes(run: Run, order: int, operands: Sequence[Any], batches: set[Any]) -> list[Any]:
    """The same for all lanes of a batch."""
    top = stack.top
    while top is not None and top not in batches:
        top = top.parent
    batch: Any = top or next(iter(batches))
    axes = tuple(
        [0 if type(x) is BatchArray and x.interpreter is batch else None for x in operands]
    )
    lanes = vmap(lambda *xs: run(xs), axes)
    values = [x if axis is None else x.value for x, axis in zip(operands, axes, strict=True)]
    return [BatchArray(batch, o) for o in _recorded(lambda xs: lanes(*xs), order, values)]


def _zeros(edge: Any) -> Any:
    kind = edge.node.types[edge.number] if edge.node.types else type_of(edge.node.out)
    return np.zeros(kind.shape, kind.dtype)
