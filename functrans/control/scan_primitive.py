"""The primitive ``scan``: a loop of known length over a carry, with what transforms do with it.

A body takes constants, the carry and one element of each sequence, and returns the carry and one
element of each output sequence. Its tangents, gradients and lanes are those of a scan of the
transformed body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile import program
from functrans.control.call import in_pieces
from functrans.control.decompositions import decomposes, postponed, shiftable, shifted
from functrans.control.derived import (
    Pullback,
    batch_graph,
    cached,
    deferred,
    evaluate,
    jvp_graph,
    reordered,
    spread,
    staged,
    strong,
    vjp_graph,
)
from functrans.control.fixed_point import fixed_point
from functrans.control.higher_order import chosen, filled, flags_of, higher_order, merged, own
from functrans.control.late import Late
from functrans.control.schedules import Schedule
from functrans.core.algebra import algebra
from functrans.core.cotangent import zeros
from functrans.core.interpreter import under
from functrans.core.overwriting import is_large
from functrans.core.types import ArrayType, shape_of, type_of
from functrans.graph.graph import Graph
from functrans.transforms.lines import BACKWARD
from functrans.transforms.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.core.primitive import Shifted

Params = dict[str, Any]


def _run(
    *values: Any,
    body: Graph,
    consts: int,
    carry: int,
    length: int,
    reverse: bool,
    checkpoint: Schedule | None = None,
) -> tuple[Any, ...]:
    fixed, state = values[:consts], list(values[consts : consts + carry])
    sequences = values[consts + carry :]
    kinds = body.output_types[carry:]
    if not length:
        return (*map(own, state), *[np.empty((0, *kind.shape), kind.dtype) for kind in kinds])
    step = program(body)
    first = length - 1 if reverse else 0
    outs = step(*fixed, *state, *[x[first] for x in sequences])
    state, elements = outs[:carry], outs[carry:]
    made = [rows_like(y, length, kind) for y, kind in zip(elements, kinds, strict=True)]
    for sequence, y in zip(made, elements, strict=True):
        sequence[first] = y
    if any(map(is_large, state)):  # the carry is nobody else's now
        step = program(body, donated=tuple(range(consts, consts + carry)))
    for i in range(length - 2, -1, -1) if reverse else range(1, length):
        state = step(*fixed, *state, *[x[i] for x in sequences])
        if made:
            for sequence, y in zip(made, state[carry:]):  # noqa: B905  (strict takes time)
                sequence[i] = y
            del state[carry:]
    return (*state, *made)


def rows_like(x: Any, length: int, kind: ArrayType) -> np.ndarray[Any, Any]:
    """Memory for a sequence of arrays that each lie there with their axes in the order of x, as
    the results of operations on them depend on it."""
    if type(x) is not np.ndarray or x.ndim < 2 or x.flags.c_contiguous:
        return np.empty((length, *kind.shape), kind.dtype)
    order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    made = np.empty((length, *[x.shape[axis] for axis in order]), kind.dtype)
    return made.transpose(0, *[order.index(axis) + 1 for axis in range(x.ndim)])


def _types(
    *types: ArrayType,
    body: Graph,
    consts: int,
    carry: int,
    length: int,
    reverse: bool,
    checkpoint: Schedule | None = None,
) -> tuple[ArrayType, ...]:
    made = [ArrayType((length, *kind.shape), kind.dtype) for kind in body.output_types[carry:]]
    return (*types[consts : consts + carry], *made)


def parts(values: Sequence[Any], consts: int, carry: int) -> tuple[Any, Any, Any]:
    """The constants, the carry and the sequences."""
    return values[:consts], values[consts : consts + carry], values[consts + carry :]


class _Scan(Late):
    def opened(
        self, params: Params, alone: bool, backward: bool, whole: bool = False
    ) -> Callable[..., list[Any] | None] | None:
        body, consts, carry = params["body"], params["consts"], params["carry"]
        if not params["length"] or not whole and not decomposes(body, vectors=alone):
            return None
        if alone and backward and params["checkpoint"] is not None:
            return None  # the tape of all rounds is what is not to be kept

        def run(values: list[Any], at: Callable[[str], None]) -> list[Any] | None:
            if staged():  # which would become as long as the loop
                return None
            fixed, state, sequences = parts(values, consts, carry)
            rounds = range(params["length"])
            made = []
            for i in reversed(rounds) if params["reverse"] else rounds:
                elements = [algebra.first_axis(x, i) for x in sequences]
                outs = in_pieces([*fixed, *state, *elements], at, graph=body)
                state = outs[:carry]
                made.append(outs[carry:])
            if params["reverse"]:
                made.reverse()
            return [*state, *[algebra.stack(list(column)) for column in zip(*made, strict=True)]]

        return run

    def shifted(self, params: Params) -> Shifted | None:
        body = params["body"]
        if not decomposes(body):
            return None
        return shifted(0, {**params, "body": shiftable(body), "consts": params["consts"] + 1}, body)

    def jvp(
        self, primals: list[Any], tangents: list[Any], params: Params
    ) -> tuple[list[Any], list[Any]]:
        if postponed(params["body"]):
            return super().jvp(primals, tangents, params)
        body, consts, carry = params["body"], params["consts"], params["carry"]
        fixed, start, moved = parts(flags_of(tangents), consts, carry)
        moving = fixed_point(start, lambda c: jvp_graph(body, fixed + c + moved)[1][:carry])
        nonzero = fixed + moving + moved
        outs = len(body.outputs)
        new_body, out = cached(
            body,
            ("scan jvp", consts, carry, nonzero),
            lambda: _tangent_body(body, consts, carry, nonzero),
        )
        ts = [
            zeros(strong(type_of(x))) if t is None and n else t
            for x, t, n in zip(primals, tangents, nonzero, strict=True)
        ]
        groups = zip(parts(primals, consts, carry), parts(ts, consts, carry), strict=True)
        found = scan_primitive(
            *[x for p, t in groups for x in merged(p, t)],
            **{
                **params,
                "body": new_body,
                "consts": consts + sum(fixed),
                "carry": carry + sum(moving),
            },
        )
        wide = carry + sum(moving)
        values = [*found[:carry], *found[wide : wide + outs - carry]]
        return values, filled(out, [*found[carry:wide], *found[wide + outs - carry :]])

    def vjp(
        self, values: list[Any], wanted: list[bool], params: Params
    ) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
        if postponed(params["body"]):
            return super().vjp(values, wanted, params)
        schedule: Schedule | None = params["checkpoint"]
        if schedule is not None:
            if deferred() and not schedule.static:
                return super().vjp(values, wanted, params)
            return schedule.vjp(values, wanted, params, scan_primitive)
        body, consts, carry = params["body"], params["consts"], params["carry"]
        fixed, start, moved = parts(tuple(wanted), consts, carry)
        moving = fixed_point(start, lambda c: vjp_graph(body, fixed + c + moved).live[:carry])
        flags = fixed + moving + moved
        halves = cached(
            body,
            ("scan vjp", consts, carry, flags),
            lambda: _Halves(vjp_graph(body, flags), flags, consts, carry),
        )
        return halves.run(values, params)

    def batch(
        self, size: int, values: list[Any], batched: list[bool], params: Params
    ) -> tuple[list[Any], list[bool]]:
        body, consts, carry = params["body"], params["consts"], params["carry"]
        fixed, start, moved = parts(tuple(batched), consts, carry)
        lanes = fixed_point(start, lambda c: batch_graph(body, size, fixed + c + moved)[1][:carry])
        force = lanes + (False,) * (len(body.outputs) - carry)
        graph, flags = batch_graph(body, size, fixed + lanes + moved, force)
        operands = [
            spread(x, size) if needed and not b else x
            for x, b, needed in zip(values, batched, fixed + lanes + moved, strict=True)
        ]
        first = consts + carry
        operands[first:] = [
            swapped(x) if b else x for x, b in zip(operands[first:], moved, strict=True)
        ]
        found = scan_primitive(*operands, **{**params, "body": graph})
        sequences = [
            swapped(y) if b else y for y, b in zip(found[carry:], flags[carry:], strict=True)
        ]
        return [*found[:carry], *sequences], list(flags)


def swapped(x: Any) -> Any:
    """The first two axes exchanged."""
    return algebra.transpose(x, axes=(1, 0, *range(2, len(shape_of(x)))))


def _tangent_body(
    body: Graph, consts: int, carry: int, nonzero: tuple[bool, ...]
) -> tuple[Graph, tuple[bool, ...]]:
    """The JVP of a body as a body, and which outputs have a tangent."""
    outs = len(body.outputs)
    force = nonzero[consts : consts + carry] + (False,) * (outs - carry)
    graph, out = jvp_graph(body, nonzero, force)
    count = len(body.inputs)
    groups = zip(
        parts(graph.inputs[:count], consts, carry),
        parts(filled(nonzero, graph.inputs[count:]), consts, carry),
        strict=True,
    )
    made = graph.outputs[:outs]
    ts = filled(out, graph.outputs[outs:])
    new_body = reordered(
        graph,
        [x for p, t in groups for x in merged(p, t)],
        [*merged(made[:carry], ts[:carry]), *merged(made[carry:], ts[carry:])],
    )
    return new_body, out


class _Halves:
    """Reverse mode of a scan: one of the forward half of the body, which stacks the residuals that
    are no operands, and one of the backward half over these, in the other direction."""

    def __init__(self, halves: Pullback, flags: tuple[bool, ...], consts: int, carry: int) -> None:
        self.halves = halves
        self.consts, self.carry = consts, carry
        self.fixed, self.moving, self.moved = parts(flags, consts, carry)
        graph = halves.forward
        self.outs = len(halves.live)
        residuals = graph.outputs[self.outs :]
        # What the carry was differs from round to round; constants and sequences are there.
        self.sources: list[int | None] = [None] * len(residuals)
        self.sources += [None if consts <= i < consts + carry else i for i in halves.kept]
        values = residuals + [graph.inputs[i] for i in halves.kept]
        self.constant = [i for i, s in enumerate(self.sources) if s is not None and s < consts]
        self.rows = [i for i in range(len(values)) if i not in set(self.constant)]
        self.stacked = [i for i, s in enumerate(self.sources) if s is None]
        self.forward = reordered(
            graph, graph.inputs, graph.outputs[: self.outs] + [values[i] for i in self.stacked]
        )
        self.backward = self._backward()

    def run(
        self, values: list[Any], params: Params
    ) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
        consts, carry = self.consts, self.carry
        found = scan_primitive(*values, **{**params, "body": self.forward})
        stacks = dict(zip(self.stacked, found[self.outs :], strict=True))
        kinds = [strong(type_of(x)) for x in values]

        def pull(gs: list[Any]) -> list[Any]:
            constants = [values[self.sources[i]] for i in self.constant]  # type: ignore[index]
            rows = [stacks[i] if i in stacks else values[self.sources[i]] for i in self.rows]  # type: ignore[index]
            state = [
                zeros(kind) if g is None else g
                for g, kind in zip(
                    chosen(self.moving, gs[:carry]),
                    chosen(self.moving, kinds[consts : consts + carry]),
                    strict=True,
                )
            ]
            sums = list(map(zeros, chosen(self.fixed, kinds[:consts])))
            made = chosen(self.halves.live[carry:], gs[carry:])
            back = scan_primitive(
                *constants,
                *state,
                *sums,
                *rows,
                *made,
                **{
                    **params,
                    "body": self.backward,
                    "consts": len(constants),
                    "carry": len(state) + len(sums),
                    "reverse": not params["reverse"],
                },
            )
            split = len(state) + len(sums)
            return [
                *filled(self.fixed, list(back[len(state) : split])),
                *filled(self.moving, list(back[: len(state)])),
                *filled(self.moved, list(back[split:])),
            ]

        return list(found[: self.outs]), pull

    def _backward(self) -> Graph:
        """One round backwards: from the constant residuals, the cotangents of the carry, the sums
        for the constants, the other residuals and the cotangents of the output sequences, to the
        cotangents before the round, the sums, and the cotangents of the sequences."""
        consts, carry, halves = self.consts, self.carry, self.halves
        backward, live = halves.backward, halves.live
        count = len(self.sources)
        kinds = [strong(v.type) for v in halves.forward.inputs]
        flags = self.fixed + self.moving + self.moved
        with under(None), Stage(None, "vjp") as stage:
            stage.line = BACKWARD
            residuals = {i: stage.variable(backward.inputs[i].type) for i in self.constant}
            state = [stage.variable(k) for k in chosen(self.moving, kinds[consts : consts + carry])]
            sums = [stage.variable(k) for k in chosen(self.fixed, kinds[:consts])]
            residuals |= {i: stage.variable(backward.inputs[i].type) for i in self.rows}
            made = [stage.variable(v.type) for v in backward.inputs[count + sum(live[:carry]) :]]
            cotangents = chosen(live[:carry], filled(self.moving, state)) + made
            found = halves.gradients(
                evaluate(stage, backward, [*(residuals[i] for i in range(count)), *cotangents])
            )
            grads = [
                zeros(kind) if g is None and f else g
                for g, f, kind in zip(found, flags, kinds, strict=True)
            ]
            totals = [
                s if g is None else algebra.add(s, g)
                for s, g in zip(sums, chosen(self.fixed, found[:consts]), strict=True)
            ]
            before = chosen(self.moving, grads[consts : consts + carry])
            rows = chosen(self.moved, grads[consts + carry :])
        return stage.graph(halves.forward.name, [*before, *totals, *rows])


def _primitive() -> Callable[..., tuple[Any, ...]]:
    return scan_primitive


scan_primitive: Callable[..., tuple[Any, ...]] = higher_order(
    "scan", _run, _types, _Scan(_primitive)
)
