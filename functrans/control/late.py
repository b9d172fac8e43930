"""Transforms of a graph that are carried out when the program runs.

A program that is being recorded does not know how often a ``while_loop`` will run, so reverse mode
cannot say beforehand what it keeps. These operations stand in the graph for "the pullback of this
graph", and run the transform on the values once these are known. Their own derivatives are such
operations again, to any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from functrans.control.derived import (
    batch_graph,
    deferred,
    differentiable,
    spread,
    strong,
)
from functrans.control.higher_order import chosen, filled, flags_of, higher_order, merged
from functrans.core.cotangent import Cotangents, plain, zeros
from functrans.core.interpreter import under
from functrans.core.primitive import HigherOrder
from functrans.core.types import ArrayType, type_of
from functrans.graph.graph import Equation, Graph, Variable
from functrans.transforms.forward import Forward
from functrans.transforms.reverse import Reverse
from functrans.transforms.walk import pull_back

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Params = dict[str, Any]


def single(operation: Any, types: list[ArrayType], params: Params) -> Graph:
    """The graph of one operation on operands of these types."""
    primitive = operation.primitive
    inputs = list(map(Variable, types))
    outputs = list(map(Variable, primitive.shape(*types, **params)))
    equation = Equation(primitive, tuple(inputs), params, tuple(outputs), "")
    return Graph(primitive.name, inputs, [equation], list(outputs))


class Late(HigherOrder):
    """The rules of an operation whose transforms have to wait until it runs."""

    def __init__(self, operation: Callable[[], Any]) -> None:
        self.operation = operation

    def _graph(self, values: list[Any], params: Params) -> Graph:
        return single(self.operation(), list(map(type_of, values)), params)

    def jvp(
        self, primals: list[Any], tangents: list[Any], params: Params
    ) -> tuple[list[Any], list[Any]]:
        graph = self._graph(primals, params)
        found = late_jvp(*merged(primals, tangents), graph=graph, nonzero=flags_of(tangents))
        count = len(graph.outputs)
        carry = differentiable(graph.output_types)
        return list(found[:count]), filled(carry, list(found[count:]))

    def vjp(
        self, values: list[Any], wanted: list[bool], params: Params
    ) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
        graph = self._graph(values, params)
        outs = list(self.operation()(*values, **params))
        live = differentiable(graph.output_types)

        def pull(gs: list[Any]) -> list[Any]:
            cotangents = chosen(live, gs)
            found = late_vjp(*values, *cotangents, graph=graph, wanted=tuple(wanted))
            return filled(tuple(wanted), list(found))

        return outs, pull


class _LateJvp(Late):
    def batch(
        self, size: int, values: list[Any], batched: list[bool], params: Params
    ) -> tuple[list[Any], list[bool]]:
        """The derivative of all lanes at once is that of the batched graph."""
        nonzero = params["nonzero"]
        count = len(nonzero)
        tangents = filled(nonzero, batched[count:])
        lanes = tuple(b or bool(t) for b, t in zip(batched[:count], tangents, strict=True))
        needed = [*lanes, *chosen(nonzero, list(lanes))]
        graph, flags = batch_graph(params["graph"], size, lanes)
        outs = late_jvp(*_spread(size, values, batched, needed), graph=graph, nonzero=nonzero)
        return list(outs), [*flags, *chosen(differentiable(graph.output_types), list(flags))]


class _LateVjp(Late):
    def batch(
        self, size: int, values: list[Any], batched: list[bool], params: Params
    ) -> tuple[list[Any], list[bool]]:
        """The same: what is to have a gradient gets one for each lane."""
        wanted = params["wanted"]
        count = len(wanted)
        lanes = tuple(b or w for b, w in zip(batched[:count], wanted, strict=True))
        every = (True,) * len(params["graph"].outputs)
        graph, _ = batch_graph(params["graph"], size, lanes, every)
        needed = [*lanes, *[True] * (len(values) - count)]
        outs = late_vjp(*_spread(size, values, batched, needed), graph=graph, wanted=wanted)
        return list(outs), [True] * len(outs)


def _spread(size: int, values: list[Any], batched: list[bool], needed: list[bool]) -> list[Any]:
    """The operands, with lanes where these are needed."""
    return [
        spread(x, size) if n and not b else x
        for x, b, n in zip(values, batched, needed, strict=True)
    ]


def _operation(
    name: str, run: Callable[..., tuple[Any, ...]], shape: Any, rules: Callable[[Any], HigherOrder]
) -> Any:
    """A late transform: recorded where values are to come, and carried out where there are."""

    def impl(*values: Any, **params: Any) -> tuple[Any, ...]:
        with under(None):
            return run(*values, **params)

    record = higher_order(name, impl, shape, rules(lambda: operation))

    def operation(*values: Any, **params: Any) -> tuple[Any, ...]:
        return (record if deferred() else run)(*values, **params)

    operation.primitive = record.primitive  # type: ignore[attr-defined]
    record.primitive.call = operation  # type: ignore[attr-defined]
    return operation


def _jvp(*values: Any, graph: Graph, nonzero: tuple[bool, ...]) -> tuple[Any, ...]:
    count = len(nonzero)
    tangents = filled(nonzero, list(values[count:]))
    with Forward() as forward:
        outs = graph.evaluate(list(map(forward.dual, values[:count], tangents)))
    primals, ts = forward.split_all(outs)
    full = [zeros(strong(type_of(p))) if t is None else t for p, t in zip(primals, ts, strict=True)]
    return (*primals, *chosen(differentiable(graph.output_types), full))


def _jvp_types(*types: ArrayType, graph: Graph, nonzero: tuple[bool, ...]) -> tuple[ArrayType, ...]:
    outs = graph.output_types
    return (*outs, *map(strong, chosen(differentiable(outs), outs)))


def _vjp(*values: Any, graph: Graph, wanted: tuple[bool, ...]) -> tuple[Any, ...]:
    count = len(wanted)
    _, tape = run_keeping(values[:count], graph, wanted)
    return pull_kept(tape, values[count:], graph, wanted, keep=False)


class Kept(NamedTuple):
    """A run of a graph under a Reverse of its own."""

    reverse: Reverse
    args: list[Any]
    outs: list[Any]


def run_keeping(
    values: Sequence[Any], graph: Graph, wanted: tuple[bool, ...]
) -> tuple[list[Any], Kept]:
    """The outputs of a graph, and what its pullback needs."""
    with Reverse() as reverse:
        args = [reverse.variable(x) if w else x for x, w in zip(values, wanted, strict=True)]
        outs = graph.evaluate(args)
    return list(map(reverse.lower, outs)), Kept(reverse, args, outs)


def pull_kept(
    kept: Kept, given: Sequence[Any], graph: Graph, wanted: tuple[bool, ...], *, keep: bool
) -> tuple[Any, ...]:
    """The gradients of the wanted inputs, from the cotangents of the outputs that can have one;
    `keep` what was kept, for others."""
    reverse, args, outs = kept
    cotangents = Cotangents(len(reverse.tape))
    for o, g in zip(outs, filled(differentiable(graph.output_types), list(given)), strict=True):
        if g is not None and reverse.owns(o):
            cotangents.add(o.index, g, strong(type_of(o.value)))
    pull_back(reverse.tape, cotangents, keep=keep)
    grads = [plain(cotangents.values[x.index]) for x in chosen(wanted, args)]
    return tuple(
        zeros(strong(type_of(x.value))) if g is None else g
        for x, g in zip(chosen(wanted, args), grads, strict=True)
    )


def _vjp_types(*types: ArrayType, graph: Graph, wanted: tuple[bool, ...]) -> tuple[ArrayType, ...]:
    return tuple(map(strong, chosen(wanted, graph.input_types)))


late_jvp = _operation("late_jvp", _jvp, _jvp_types, _LateJvp)
late_vjp = _operation("late_vjp", _vjp, _vjp_types, _LateVjp)
