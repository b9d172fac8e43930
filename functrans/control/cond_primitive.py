"""The primitive ``cond``: one of several graphs, with what transforms do with it.

It has two forms. Without lanes the index is one number, and that branch runs. With lanes there is
an index for each, and a branch runs on the lanes that choose it; ``lanes`` tells which operands
have them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile import program
from functrans.control.call import in_pieces
from functrans.control.decompositions import decomposes, postponed, shiftable, shifted
from functrans.control.derived import (
    Pullback,
    batch_graph,
    cached,
    jvp_graph,
    known,
    strong,
    vjp_graph,
)
from functrans.control.higher_order import chosen, filled, flags_of, higher_order, merged
from functrans.control.lanes import flattened, lanes_of, padded, unflattened
from functrans.control.late import Late
from functrans.core.algebra import algebra
from functrans.core.cotangent import zeros
from functrans.core.types import ArrayType, shape_of
from functrans.graph.graph import Graph, Variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.primitive import Shifted

Params = dict[str, Any]


def _run(
    index: Any, *values: Any, branches: tuple[Graph, ...], lanes: tuple[bool, ...] | None = None
) -> tuple[Any, ...]:
    if lanes is None:
        return tuple(program(branches[int(index)])(*values))
    found = [np.empty((len(index), *kind.shape), kind.dtype) for kind in branches[0].output_types]
    for i, branch in enumerate(branches):
        here = np.flatnonzero(index == i)
        if not here.size:
            continue
        rows = padded(here, branch)
        some = [x[rows] if m else x for x, m in zip(values, lanes, strict=True)]
        outs = program(lanes_of(branch, len(rows), lanes))(*some)
        for whole, part in zip(found, outs, strict=True):
            whole[here] = part[: here.size]
    return tuple(found)


def _types(
    index: ArrayType,
    *types: ArrayType,
    branches: tuple[Graph, ...],
    lanes: tuple[bool, ...] | None = None,
) -> tuple[ArrayType, ...]:
    outs = map(strong, branches[0].output_types)
    if lanes is None:
        return tuple(outs)
    return tuple(ArrayType((*index.shape, *kind.shape), kind.dtype) for kind in outs)


class _Cond(Late):
    def opened(
        self, params: Params, alone: bool, backward: bool, whole: bool = False
    ) -> Callable[..., list[Any] | None] | None:
        branches = params["branches"]
        if params["lanes"] is not None:
            return None
        if not whole and not any(decomposes(b, vectors=alone) for b in branches):
            return None

        def run(values: list[Any], at: Callable[[str], None]) -> list[Any] | None:
            index = known(values[0])
            return None if index is None else in_pieces(values[1:], at, graph=branches[int(index)])

        return run

    def shifted(self, params: Params) -> Shifted | None:
        branches, lanes = params["branches"], params["lanes"]
        if not any(map(decomposes, branches)):
            return None
        graphs = tuple(map(shiftable, branches))
        lanes = lanes and (False, *lanes)
        return shifted(1, {"branches": graphs, "lanes": lanes}, *branches)

    def jvp(
        self, primals: list[Any], tangents: list[Any], params: Params
    ) -> tuple[list[Any], list[Any]]:
        if postponed(*params["branches"]):
            return super().jvp(primals, tangents, params)
        branches, lanes = params["branches"], params["lanes"]
        nonzero = flags_of(tangents[1:])
        found = [jvp_graph(branch, nonzero)[1] for branch in branches]
        force = tuple(map(any, zip(*found, strict=True)))
        graphs = tuple(jvp_graph(branch, nonzero, force)[0] for branch in branches)
        outs = cond_primitive(
            *merged(primals, tangents[1:]),
            branches=graphs,
            lanes=lanes and lanes + tuple(chosen(nonzero, list(lanes))),
        )
        count = len(force)
        return list(outs[:count]), filled(force, list(outs[count:]))

    def vjp(
        self, values: list[Any], wanted: list[bool], params: Params
    ) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
        if postponed(*params["branches"]):
            return super().vjp(values, wanted, params)
        branches, lanes = params["branches"], params["lanes"]
        flags = tuple(wanted[1:])
        halves = cached(
            branches[0], ("cond vjp", branches, flags), lambda: _Halves(branches, flags)
        )
        index, *operands = values
        results = cond_primitive(index, *operands, branches=halves.forward, lanes=lanes)
        count = len(halves.live)
        residuals = list(results[count:])

        def pull(gs: list[Any]) -> list[Any]:
            cotangents = chosen(halves.live, gs)
            found = cond_primitive(
                index,
                *residuals,
                *operands,
                *cotangents,
                branches=halves.backward,
                lanes=lanes and (True,) * len(residuals) + lanes + (True,) * len(cotangents),
            )
            grads = filled(halves.nonzero, list(found))
            if lanes is not None:
                grads = [
                    g if g is None or m else algebra.sum(g, axes=(0,), keepdims=False)
                    for g, m in zip(grads, lanes, strict=True)
                ]
            return [None, *grads]

        return list(results[:count]), pull

    def batch(
        self, size: int, values: list[Any], batched: list[bool], params: Params
    ) -> tuple[list[Any], list[bool]]:
        branches, lanes = params["branches"], params["lanes"]
        index, *operands = values
        flags = tuple(batched[1:])
        if lanes is not None:
            inner = shape_of(index)[batched[0]]
            full = [
                flattened(x, b, m, size, inner)
                for x, b, m in zip(values, batched, (True, *lanes), strict=True)
            ]
            both = tuple(b or m for b, m in zip(flags, lanes, strict=True))
            outs = cond_primitive(*full, branches=branches, lanes=both)
            return [unflattened(o, size, inner) for o in outs], [True] * len(outs)
        if batched[0]:
            outs = cond_primitive(*values, branches=branches, lanes=flags)
            return list(outs), [True] * len(outs)
        found = [batch_graph(branch, size, flags)[1] for branch in branches]
        force = tuple(map(any, zip(*found, strict=True)))
        graphs = tuple(batch_graph(branch, size, flags, force)[0] for branch in branches)
        return list(cond_primitive(*values, branches=graphs, lanes=None)), list(force)


class _Halves:
    """The pullbacks of all branches in one form: each forward half returns the residuals of every
    branch, zeros for those of others (which share a place if they have one type), and each backward
    half takes them, and all operands."""

    def __init__(self, branches: tuple[Graph, ...], wanted: tuple[bool, ...]) -> None:
        halves = [vjp_graph(branch, wanted) for branch in branches]
        self.live = tuple(map(any, zip(*(h.live for h in halves), strict=True)))
        self.nonzero = tuple(map(any, zip(*(h.nonzero for h in halves), strict=True)))
        counts: Counter[ArrayType] = Counter()
        for h in halves:
            counts |= Counter(map(strong, _residual_types(h)))
        self.places = [kind for kind, count in counts.items() for _ in range(count)]
        self.forward = tuple(map(self._forward, halves))
        self.backward = tuple(map(self._backward, halves))

    def _places_of(self, half: Pullback) -> list[int]:
        """Where the residuals of a branch stand."""
        free: dict[ArrayType, list[int]] = {}
        for i, kind in enumerate(self.places):
            free.setdefault(kind, []).append(i)
        return [free[strong(kind)].pop(0) for kind in _residual_types(half)]

    def _forward(self, half: Pullback) -> Graph:
        graph = half.forward
        count = len(half.live)
        slots: list[Any] = list(map(zeros, self.places))
        for place, x in zip(self._places_of(half), graph.outputs[count:], strict=True):
            slots[place] = x
        return Graph(graph.name, graph.inputs, graph.equations, graph.outputs[:count] + slots)

    def _backward(self, half: Pullback) -> Graph:
        graph = half.backward
        residuals = list(map(Variable, self.places))
        operands = [Variable(v.type) for v in half.forward.inputs]
        outs = half.forward.output_types
        cotangents = [
            Variable(strong(kind)) for kind, alive in zip(outs, self.live, strict=False) if alive
        ]
        places = self._places_of(half)
        own = graph.inputs
        for place, v in zip(places, own, strict=False):
            residuals[place] = v
        for i, v in zip(half.kept, own[len(places) :], strict=False):
            operands[i] = v
        given = iter(own[len(places) + len(half.kept) :])
        taken = filled(self.live, cotangents)
        taken = [next(given) if alive else v for v, alive in zip(taken, half.live, strict=True)]
        found = iter(graph.outputs)
        grads = [next(found) if g else None for g in half.nonzero]
        kinds = [strong(v.type) for v in half.forward.inputs]
        full = [zeros(kind) if g is None else g for g, kind in zip(grads, kinds, strict=True)]
        return Graph(
            graph.name,
            [*residuals, *operands, *chosen(self.live, taken)],
            graph.equations,
            chosen(self.nonzero, full),
        )


def _residual_types(half: Pullback) -> list[ArrayType]:
    return half.forward.output_types[len(half.live) :]


def _primitive() -> Any:
    return cond_primitive


cond_primitive = higher_order("cond", _run, _types, _Cond(_primitive))
