"""Loops that keep what their gradient needs, in programs.

A graph says "the pullback of this loop" (:mod:`functrans.control.late`), since transforms of it are
to come. In a program none are: there the loop keeps the residuals of its rounds when it runs, in a
list that goes to the pullback, which then need not run it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile import program
from functrans.control.derived import differentiable, strong, vjp_graph
from functrans.control.fixed_point import fixed_point
from functrans.control.higher_order import chosen, filled, higher_order, own
from functrans.control.late import late_vjp, pull_kept, run_keeping
from functrans.control.while_primitive import while_loop_primitive
from functrans.core.interpreter import under
from functrans.core.primitive import HigherOrder, primitive_of
from functrans.core.types import ArrayType
from functrans.graph.graph import Equation, Graph, Variable
from functrans.graph.passes.rewriting import like
from functrans.graph.passes.values import Keys

if TYPE_CHECKING:
    from collections.abc import Hashable

    from functrans.control.derived import Flags

TAPE = ArrayType((), np.dtype(object))
"""The type of what a loop keeps."""


class _Last(HigherOrder):
    """The rules of operations that no transform meets."""

    def _never(self, *args: Any, **named: Any) -> Any:
        raise AssertionError("an operation of programs has been transformed")

    jvp = vjp = batch = _never


def recorded(graph: Graph) -> Graph:
    """The graph with each loop that a pullback of it follows keeping what that needs."""
    keys = Keys()

    def operand(x: Any) -> Hashable:
        return x if type(x) is Variable else keys.of(x)

    def key(primitive: Any, inputs: Any, params: dict[str, Any]) -> Hashable:
        return primitive.name, tuple(map(operand, inputs)), keys.params(params)

    loops = {
        key(e.primitive, e.inputs, e.params): e
        for e in graph.equations
        if e.primitive.kind == "higher-order" and e.primitive is not _PULLBACK
    }
    equations: list[Equation] = []
    pairs: dict[Equation, list[Equation]] = {}
    for e in graph.equations:
        inner = _pulled(e)
        if inner is not None:
            inputs = e.inputs[: len(inner.inputs)]
            name = key(inner.primitive, inputs, inner.params)
            if name not in loops and _is_plain(inner):  # whose result nobody needs
                outputs = tuple([Variable(v.type) for v in inner.outputs])
                loops[name] = inner.changed(inputs, outputs=outputs)
                equations.append(loops[name])
            if name in loops:
                pairs.setdefault(loops[name], []).append(e)
        equations.append(e)
    new: dict[Equation, Equation] = {}
    for loop, pullbacks in pairs.items():
        if len({e.params["wanted"] for e in pullbacks}) == 1:
            new.update(_pair(loop, pullbacks))
    return like(graph, [new.get(e, e) for e in equations], graph.outputs) if new else graph


def _pulled(equation: Equation) -> Equation | None:
    """The one operation that an equation is the pullback of, if it is one."""
    if equation.primitive is not _PULLBACK or equation.params["exact"]:
        return None
    graph = equation.params["graph"]
    if len(graph.equations) != 1:
        return None
    (inner,) = graph.equations
    whole = inner.inputs == tuple(graph.inputs) and list(inner.outputs) == graph.outputs
    return inner if whole else None


def _is_plain(loop: Equation) -> bool:
    """Whether it is a ``while_loop`` without lanes."""
    return loop.primitive is primitive_of(while_loop_primitive) and loop.params["lanes"] is None


def _pair(loop: Equation, pullbacks: list[Equation]) -> dict[Equation, Equation]:
    """The loop that keeps, and the pullbacks of what it has kept."""
    wanted = pullbacks[0].params["wanted"]
    if _is_plain(loop):
        record, replay = _halves(loop, wanted)
    else:
        record = late_record, {"graph": pullbacks[0].params["graph"], "wanted": wanted}
        replay = late_replay, record[1]
    tape = Variable(TAPE)
    new = {
        loop: Equation(
            primitive_of(record[0]),
            loop.inputs,
            record[1],
            (*loop.outputs, tape),
            loop.line,
            loop.errstate,
        )
    }
    for e in pullbacks:
        params = {**replay[1], "last": e is pullbacks[-1]}
        given = e.inputs[len(loop.inputs) :]
        new[e] = Equation(
            primitive_of(replay[0]), (tape, *given), params, e.outputs, e.line, e.errstate
        )
    return new


def _halves(loop: Equation, wanted: Flags) -> tuple[Any, Any]:
    """The operations and parameters of both halves of a ``while_loop``."""
    test, body, consts = (loop.params[k] for k in ("test", "body", "consts"))
    moving = fixed_point(wanted[consts:], lambda c: vjp_graph(body, wanted[:consts] + c).live)
    halves = vjp_graph(body, wanted[:consts] + moving)
    count = len(body.outputs)
    record = {
        "test": test,
        "forward": halves.forward,
        "consts": consts,
        "count": count,
        "kept": tuple(halves.kept),
    }
    replay = {
        "backward": halves.backward,
        "consts": consts,
        "given": differentiable(body.output_types),
        "moving": moving,
        "live": halves.live,
        "nonzero": halves.nonzero,
        "wanted": wanted,
        "kinds": tuple(map(strong, body.input_types)),
    }
    return (while_record, record), (while_replay, replay)


# A while_loop, by its two halves.


def _record(
    *values: Any, test: Graph, forward: Graph, consts: int, count: int, kept: tuple[int, ...]
) -> tuple[Any, ...]:
    fixed, carry = values[:consts], list(values[consts:])
    going, step = program(test), program(forward)
    rounds: list[tuple[Any, ...]] = []
    while going(*fixed, *carry)[0]:
        before = [*fixed, *carry]
        results = step(*before)
        carry = results[:count]
        # Tuples of arrays are soon nothing that collections of garbage look through, lists are.
        rounds.append((*results[count:], *[before[i] for i in kept]))
    return (*map(own, carry), rounds)


def _record_types(
    *types: ArrayType, test: Graph, forward: Graph, consts: int, count: int, kept: tuple[int, ...]
) -> tuple[ArrayType, ...]:
    return (*types[consts:], TAPE)


def _replay(
    tape: list[tuple[Any, ...]],
    *cotangents: Any,
    backward: Graph,
    consts: int,
    given: tuple[bool, ...],
    moving: tuple[bool, ...],
    live: tuple[bool, ...],
    nonzero: tuple[bool, ...],
    wanted: tuple[bool, ...],
    kinds: tuple[ArrayType, ...],
    last: bool,
) -> tuple[Any, ...]:
    back = program(backward)
    gs = filled(given, list(cotangents))
    gs = [g if m else None for g, m in zip(gs, moving, strict=True)]
    totals: list[Any] = [None] * consts
    for i in range(len(tape) - 1, -1, -1):
        residuals = tape.pop() if last else tape[i]
        found = filled(nonzero, back(*residuals, *chosen(live, gs)))
        totals = [
            a if b is None else b if a is None else np.add(a, b)
            for a, b in zip(totals, found[:consts], strict=True)
        ]
        gs = [
            _zero(kind) if m and g is None else g
            for g, m, kind in zip(found[consts:], moving, kinds[consts:], strict=True)
        ]
    gradients = chosen(wanted, [*totals, *gs])
    return tuple(
        [
            _zero(kind) if g is None else g
            for g, kind in zip(gradients, chosen(wanted, list(kinds)), strict=True)
        ]
    )


def _zero(kind: ArrayType) -> Any:
    return np.zeros(kind.shape, kind.dtype) if kind.shape else kind.dtype.type(0)


def _replay_types(
    tape: ArrayType,
    *types: ArrayType,
    wanted: tuple[bool, ...],
    kinds: tuple[ArrayType, ...],
    **params: Any,
) -> tuple[ArrayType, ...]:
    return tuple(chosen(wanted, list(kinds)))


# Any other operation, by a tape.


def _record_late(*values: Any, graph: Graph, wanted: tuple[bool, ...]) -> tuple[Any, ...]:
    with under(None):
        outs, tape = run_keeping(values, graph, wanted)
    return (*outs, tape)


def _record_late_types(
    *types: ArrayType, graph: Graph, wanted: tuple[bool, ...]
) -> tuple[ArrayType, ...]:
    return (*graph.output_types, TAPE)


def _replay_late(
    tape: Any, *cotangents: Any, graph: Graph, wanted: tuple[bool, ...], last: bool
) -> tuple[Any, ...]:
    with under(None):
        return pull_kept(tape, cotangents, graph, wanted, keep=not last)


def _replay_late_types(
    tape: ArrayType, *types: ArrayType, graph: Graph, wanted: tuple[bool, ...], last: bool
) -> tuple[ArrayType, ...]:
    return tuple(map(strong, chosen(wanted, graph.input_types)))


while_record = higher_order("while_record", _record, _record_types, _Last())
while_replay = higher_order("while_replay", _replay, _replay_types, _Last())
late_record = higher_order("late_record", _record_late, _record_late_types, _Last())
late_replay = higher_order("late_replay", _replay_late, _replay_late_types, _Last())

_PULLBACK = primitive_of(late_vjp)
