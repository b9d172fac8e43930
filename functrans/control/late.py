"""Transforms of a graph that are carried out when the program runs.

A program that is being recorded does not know how often a ``while_loop`` will run, so reverse mode
cannot say beforehand what it keeps. These operations stand in the graph for "the pullback of this
graph", and run the transform on the values once these are known. Their own derivatives are such
operations again, to any order.

So have the derivatives of loops and branches with matrix decompositions in them, in graphs that are
made without values: where these turn out to be equal, it takes transforms that know of each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from functrans.control.decompositions import has_vectors, postponed
from functrans.control.derived import (
    batch_graph,
    deferred,
    differentiable,
    spread,
    strong,
)
from functrans.control.higher_order import chosen, filled, flags_of, higher_order, merged
from functrans.core.cotangent import Cotangents, plain, zeros
from functrans.core.declining import DeclinedError, declined, declining
from functrans.core.errors import DegenerateWarning
from functrans.core.interpreter import deriving, stack, under
from functrans.core.primitive import HigherOrder
from functrans.core.types import ArrayType, type_of
from functrans.graph.graph import Equation, Graph, Variable
from functrans.transforms.forward import Forward
from functrans.transforms.reverse import Reverse
from functrans.transforms.splitting import walk_back
from functrans.transforms.telling import differentiated
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
        values, exact = merged(primals, tangents), postponed(graph)
        found = late_jvp(*values, graph=graph, nonzero=flags_of(tangents), exact=exact)
        count = len(graph.outputs)
        carry = differentiable(graph.output_types)
        return list(found[:count]), filled(carry, list(found[count:]))

    def vjp(
        self, values: list[Any], wanted: list[bool], params: Params
    ) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
        graph = self._graph(values, params)
        outs = list(self.operation()(*values, **params))
        live, exact = differentiable(graph.output_types), postponed(graph)

        def pull(gs: list[Any]) -> list[Any]:
            cotangents = chosen(live, gs)
            operands = *values, *cotangents
            found = late_vjp(*operands, graph=graph, wanted=tuple(wanted), exact=exact)
            return filled(tuple(wanted), list(found))

        return outs, pull


class _LateJvp(Late):
    derives = True

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
        full = _spread(size, values, batched, needed)
        outs = late_jvp(*full, graph=graph, nonzero=nonzero, exact=params["exact"])
        return list(outs), [*flags, *chosen(differentiable(graph.output_types), list(flags))]


class _LateVjp(Late):
    derives = True

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
        full = _spread(size, values, batched, needed)
        outs = late_vjp(*full, graph=graph, wanted=wanted, exact=params["exact"])
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


def _carried_out(exact: bool, run: Callable[[bool], tuple[Any, ...]]) -> tuple[Any, ...]:
    """A transform of a graph, by the transforms of the programs within; if it is to be `exact`, and
    values in it turn out to be equal, once more by one that meets its decompositions itself."""
    if not exact or declined.category is not None:
        return run(False)
    if not differentiated(stack.top):
        try:
            with declining(DegenerateWarning):
                return run(False)
        except DeclinedError:
            pass
    return run(True)


def _jvp(
    *values: Any, graph: Graph, nonzero: tuple[bool, ...], exact: bool = False
) -> tuple[Any, ...]:
    return _carried_out(exact, lambda splits: _pushed(values, graph, nonzero, splits))


def _pushed(
    values: Sequence[Any], graph: Graph, nonzero: tuple[bool, ...], splits: bool
) -> tuple[Any, ...]:
    count = len(nonzero)
    tangents = filled(nonzero, list(values[count:]))
    # Of values alone it is for the transform to say that asked whether they are told apart.
    alone = not has_vectors(graph)
    with deriving(stack.top) if alone else under(stack.top), Forward(splits=splits) as forward:
        outs = graph.evaluate(list(map(forward.dual, values[:count], tangents)))
    pairs = [forward.delivered(o) for o in outs]
    full = [zeros(strong(type_of(p))) if t is None else t for p, t in pairs]
    primals = [p for p, _ in pairs]
    return (*primals, *chosen(differentiable(graph.output_types), full))


def _jvp_types(*types: ArrayType, graph: Graph, **params: Any) -> tuple[ArrayType, ...]:
    outs = graph.output_types
    return (*outs, *map(strong, chosen(differentiable(outs), outs)))


def _vjp(
    *values: Any, graph: Graph, wanted: tuple[bool, ...], exact: bool = False
) -> tuple[Any, ...]:
    count = len(wanted)

    def run(splits: bool) -> tuple[Any, ...]:
        _, tape = run_keeping(values[:count], graph, wanted, splits)
        return pull_kept(tape, values[count:], graph, wanted, keep=False)

    return _carried_out(exact, run)


class Kept(NamedTuple):
    """A run of a graph under a Reverse of its own."""

    reverse: Reverse
    args: list[Any]
    outs: list[Any]


def run_keeping(
    values: Sequence[Any], graph: Graph, wanted: tuple[bool, ...], splits: bool = False
) -> tuple[list[Any], Kept]:
    """The outputs of a graph, and what its pullback needs."""
    with Reverse(splits=splits) as reverse:
        args = [reverse.variable(x) if w else x for x, w in zip(values, wanted, strict=True)]
        outs = graph.evaluate(args)
    return list(map(reverse.delivered, outs)), Kept(reverse, args, outs)


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
    if reverse.splitting is None:
        pull_back(reverse.tape, cotangents, keep=keep)
    else:
        places = [x.index for x in chosen(wanted, args)]
        walk_back(reverse.splitting, reverse.tape, cotangents, places, keep=keep)
    grads = [plain(cotangents.values[x.index]) for x in chosen(wanted, args)]
    return tuple(
        zeros(strong(type_of(x.value))) if g is None else g
        for x, g in zip(chosen(wanted, args), grads, strict=True)
    )


def _vjp_types(
    *types: ArrayType, graph: Graph, wanted: tuple[bool, ...], exact: bool = False
) -> tuple[ArrayType, ...]:
    return tuple(map(strong, chosen(wanted, graph.input_types)))


late_jvp = _operation("late_jvp", _jvp, _jvp_types, _LateJvp)
late_vjp = _operation("late_vjp", _vjp, _vjp_types, _LateVjp)
