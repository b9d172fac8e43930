"""``call``: a graph as one operation, which is what a jitted function is under other transforms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.compile import program
from functrans.control.decompositions import decomposes, run_pieces, shiftable, shifted
from functrans.control.derived import batch_graph, jvp_graph, vjp_graph
from functrans.control.higher_order import chosen, filled, flags_of, higher_order, merged
from functrans.core.primitive import HigherOrder

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.executors import Executor
    from functrans.core.primitive import Shifted
    from functrans.core.types import ArrayType
    from functrans.graph.graph import Graph

Params = dict[str, Any]


def _run(
    *values: Any, graph: Graph, policy: Any = "cut", executor: Executor | None = None
) -> tuple[Any, ...]:
    run = program if executor is None else executor.program
    return tuple(run(graph)(*values))


def _types(
    *types: ArrayType, graph: Graph, policy: Any = "cut", executor: Executor | None = None
) -> tuple[ArrayType, ...]:
    return tuple(graph.output_types)


class _Call(HigherOrder):
    """Each transform of a call calls the transformed graph."""

    def jvp(
        self, primals: list[Any], tangents: list[Any], params: Params
    ) -> tuple[list[Any], list[Any]]:
        graph, nonzero = jvp_graph(params["graph"], flags_of(tangents))
        outs = call(*merged(primals, tangents), **{**params, "graph": graph})
        count = len(nonzero)
        return list(outs[:count]), filled(nonzero, list(outs[count:]))

    def opened(
        self, params: Params, alone: bool, backward: bool, whole: bool = False
    ) -> Callable[..., list[Any]] | None:
        graph = params["graph"]
        if whole:
            return lambda values, at: graph.evaluate(values, at)
        if not decomposes(graph, vectors=alone and backward):
            return None
        return lambda values, at: in_pieces(values, at, **params)

    def shifted(self, params: Params) -> Shifted | None:
        graph = params["graph"]
        if not decomposes(graph):
            return None
        return shifted(0, {**params, "graph": shiftable(graph)}, graph)

    def vjp(
        self, values: list[Any], wanted: list[bool], params: Params
    ) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
        halves = vjp_graph(params["graph"], tuple(wanted), params.get("policy", "cut"))
        results = call(*values, **{**params, "graph": halves.forward})
        count = len(halves.live)
        residuals = [*results[count:], *(values[i] for i in halves.kept)]

        def pull(gs: list[Any]) -> list[Any]:
            found = call(
                *residuals, *chosen(halves.live, gs), **{**params, "graph": halves.backward}
            )
            return halves.gradients(found)

        return list(results[:count]), pull

    def batch(
        self, size: int, values: list[Any], batched: list[bool], params: Params
    ) -> tuple[list[Any], list[bool]]:
        graph, flags = batch_graph(params["graph"], size, tuple(batched))
        return list(call(*values, **{**params, "graph": graph})), list(flags)


call = higher_order("call", _run, _types, _Call())


def in_pieces(
    values: list[Any], at: Callable[[str], None], *, graph: Graph, **params: Any
) -> list[Any]:
    """Carry out a graph as calls of what lies between its decompositions."""

    def between(piece: Graph, operands: list[Any]) -> tuple[Any, ...]:
        return call(*operands, graph=piece, **params)

    return run_pieces(graph, values, between, at)
