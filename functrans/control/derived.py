"""Graphs made of graphs: the JVP, the two halves of the VJP, and the batched program.

Each is made once for a graph and a pattern of what varies, and kept with the graph. All rules of
control flow are built of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from functrans.core.algebra import algebra
from functrans.core.array import TracedArray
from functrans.core.cotangent import Cotangents, plain, zeros
from functrans.core.errors import ConversionError
from functrans.core.interpreter import stack, under
from functrans.core.types import ArrayType, is_inexact, shape_of, type_of
from functrans.graph.graph import Graph
from functrans.transforms.batching import Batch, BatchArray
from functrans.transforms.forward import Forward
from functrans.transforms.lines import BACKWARD, backward
from functrans.transforms.reverse import Reverse, ReverseArray
from functrans.transforms.staging import Stage
from functrans.transforms.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from functrans.graph.partition import Partition

T = TypeVar("T")
Flags: TypeAlias = tuple[bool, ...]


def cached(graph: Graph, key: Any, make: Callable[[], T]) -> T:
    """What has been made of a graph, kept with it under this key.

    It is made where floating-point errors are reported, so that what a rule says of them is seen to
    be said by the rule.
    """
    if key not in graph.derived:
        with np.errstate(all="warn"):
            graph.derived[key] = make()
    return graph.derived[key]  # type: ignore[no-any-return]


def strong(kind: ArrayType) -> ArrayType:
    """The type of a tangent or cotangent: that of its primal, but never weak."""
    return ArrayType(kind.shape, kind.dtype)


def batched_type(kind: ArrayType, size: int) -> ArrayType:
    """The type of a batch of values."""
    return ArrayType((size, *kind.shape), kind.dtype)


def evaluate(stage: Stage, graph: Graph, values: Sequence[Any]) -> list[Any]:
    """Run a graph under the current interpreters, above `stage`, whose equations keep their
    lines."""

    def at(line: str) -> None:
        stage.line = line

    return graph.evaluate(values, at)


def jvp_graph(graph: Graph, nonzero: Flags, force: Flags | None = None) -> tuple[Graph, Flags]:
    """The graph from the inputs and the tangents of those that are `nonzero` to the outputs and the
    tangents of those outputs that have one, and which these are.

    The outputs in `force` get a tangent even where it is zero.
    """
    return cached(graph, ("jvp", nonzero, force), lambda: _jvp_graph(graph, nonzero, force))


def _jvp_graph(graph: Graph, nonzero: Flags, force: Flags | None) -> tuple[Graph, Flags]:
    with under(None), Stage(None, "jvp") as stage:
        primals = list(map(stage.variable, graph.input_types))
        tangents = [
            stage.variable(strong(kind)) if t else None
            for kind, t in zip(graph.input_types, nonzero, strict=True)
        ]
        with Forward() as forward:
            outs = evaluate(stage, graph, list(map(forward.dual, primals, tangents)))
        values, ts = forward.split_all(outs)
        for i, o in enumerate(values):
            if ts[i] is None and force is not None and force[i]:
                ts[i] = zeros(strong(type_of(o)))
    outputs = values + [t for t in ts if t is not None]
    return stage.graph(graph.name, outputs), tuple(t is not None for t in ts)


class Pullback:
    """The VJP of a graph in two halves.

    Attributes
    ----------
    forward : Graph
        From the inputs to the outputs and the residuals.
    backward : Graph
        From the residuals, the inputs at the places `kept` and the cotangents of the outputs that
        are `live` to the gradients of the wanted inputs, where `nonzero`.
    kept : tuple of int
    live : tuple of bool
        Which outputs depend on the wanted inputs.
    nonzero : tuple of bool
        Which inputs get a gradient.
    """

    __slots__ = ("backward", "forward", "kept", "live", "nonzero")

    def __init__(self, halves: Partition, live: Flags, nonzero: Flags) -> None:
        self.forward, self.backward, self.kept = halves
        self.live = live
        self.nonzero = nonzero

    def gradients(self, found: Sequence[Any]) -> list[Any]:
        """The gradient of each input, None where it is zero, from what `backward` returned."""
        rest = iter(found)
        return [next(rest) if g else None for g in self.nonzero]


def vjp_graph(graph: Graph, wanted: Flags, policy: Any = "cut") -> Pullback:
    """The pullback of a graph with respect to the inputs that are `wanted`; `policy` says what of
    the forward half is kept, see :func:`~functrans.graph.partition.partition`."""

    def halves() -> Pullback:
        from functrans.graph.partition import partition

        joint, live, nonzero = joint_graph(graph, wanted)
        cut = partition(joint, len(graph.inputs), len(graph.outputs), policy, free_inputs=True)
        return Pullback(cut, live, nonzero)

    return cached(graph, ("vjp", wanted, policy), halves)


def joint_graph(graph: Graph, wanted: Flags) -> tuple[Graph, Flags, Flags]:
    """The graph from inputs and cotangents to outputs and gradients, which outputs are live, and
    which inputs have a gradient."""
    from bisect import bisect_right

    with under(None), Stage(None, "vjp") as stage:
        inputs = list(map(stage.variable, graph.input_types))
        with Reverse() as reverse:
            args = [reverse.variable(x) if w else x for x, w in zip(inputs, wanted, strict=True)]
            starts: list[int] = []  # on the tape, of the operations of each line
            lines: list[str] = []

            def at(line: str) -> None:
                stage.line = line
                starts.append(len(reverse.tape))
                lines.append(line)

            outs = graph.evaluate(args, at)
        live = tuple(map(reverse.owns, outs))
        cotangents = Cotangents(len(reverse.tape))
        for o, own in zip(outs, live, strict=True):
            if own:
                kind = strong(type_of(o.value))
                cotangents.add(o.index, stage.variable(kind), kind)

        def backwards() -> Iterator[tuple[int, Any]]:
            """The entries of the tape, each with the line of its operation for what comes of it."""
            for k in range(len(reverse.tape) - 1, -1, -1):
                place = bisect_right(starts, k) - 1
                stage.line = backward(lines[place]) if place >= 0 else BACKWARD
                yield k, reverse.tape[k]

        walk(backwards(), cotangents, reverse.tape)
        stage.line = BACKWARD
        grads = [
            plain(cotangents.values[x.index]) if isinstance(x, ReverseArray) else None for x in args
        ]
    outputs = [reverse.lower(o) for o in outs] + [g for g in grads if g is not None]
    joint = stage.graph(graph.name, outputs)
    return joint, live, tuple(g is not None for g in grads)


def batch_graph(
    graph: Graph, size: int, batched: Flags, force: Flags | None = None
) -> tuple[Graph, Flags]:
    """The graph on `size` lanes at once, the inputs that are `batched` with the lanes at axis 0,
    and which outputs have them.

    The outputs in `force` get lanes even where these are all the same.
    """
    return cached(
        graph, ("batch", size, batched, force), lambda: _batch_graph(graph, size, batched, force)
    )


def _batch_graph(
    graph: Graph, size: int, batched: Flags, force: Flags | None
) -> tuple[Graph, Flags]:
    with under(None), Stage(None, "vmap") as stage:
        variables = [
            stage.variable(batched_type(kind, size) if b else kind)
            for kind, b in zip(graph.input_types, batched, strict=True)
        ]
        with Batch(size) as batch:
            values = [
                BatchArray(batch, x) if b else x for x, b in zip(variables, batched, strict=True)
            ]
            outs = evaluate(stage, graph, values)
        flags = [batch.owns(o) for o in outs]
        lowered = [o.value if own else o for o, own in zip(outs, flags, strict=True)]
        for i, o in enumerate(lowered):
            if force is not None and force[i] and not flags[i]:
                lowered[i], flags[i] = batch.spread(o), True
    return stage.graph(graph.name, lowered), tuple(flags)


def spread(x: Any, size: int) -> Any:
    """A value that all lanes share, with lanes."""
    return algebra.broadcast_to(x, shape=(size, *shape_of(x)))


def reordered(graph: Graph, inputs: Sequence[Any], outputs: Sequence[Any]) -> Graph:
    """The same equations with the inputs and outputs in another order, some left out or new."""
    return Graph(graph.name, list(inputs), graph.equations, list(outputs))


def differentiable(types: Sequence[ArrayType]) -> Flags:
    """Which values of these types can carry a derivative."""
    return tuple(is_inexact(kind.dtype) for kind in types)


def deferred() -> bool:
    """Whether there is a transform below whose values are not known, one by one, when the
    operation is carried out: it records, or each of its lanes has another."""
    interpreter = stack.top
    while interpreter is not None:
        if not interpreter.values_known:
            return True
        interpreter = interpreter.parent
    return False


def staged() -> bool:
    """Whether a transform below makes a program of what is done."""
    interpreter = stack.top
    while interpreter is not None:
        if isinstance(interpreter, Stage) and not interpreter.at_once:
            return True
        interpreter = interpreter.parent
    return False


def known(x: Any) -> Any:
    """The plain value of an array under all transforms; None where it is not known."""
    if not isinstance(x, TracedArray):
        return x
    try:
        return x.concrete("value")
    except ConversionError:
        return None
