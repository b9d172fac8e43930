"""``while_loop``: repetition until a condition fails, with derivatives in every mode.

Reverse mode keeps the residuals of each round in a list that grows as the loop runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile import program
from functrans.control.call import call, in_pieces
from functrans.control.decompositions import decomposes, postponed, shiftable, shifted
from functrans.control.derived import (
    Flags,
    batch_graph,
    cached,
    deferred,
    jvp_graph,
    known,
    reordered,
    spread,
    strong,
    vjp_graph,
)
from functrans.control.fixed_point import fixed_point
from functrans.control.higher_order import chosen, filled, flags_of, higher_order, own
from functrans.control.lanes import flattened, lanes_of, padded, unflattened
from functrans.control.late import Late
from functrans.core.algebra import algebra
from functrans.core.cotangent import zeros
from functrans.core.overwriting import is_large
from functrans.core.types import shape_of, type_of
from functrans.graph.graph import Variable
from functrans.primitives import ARRAY, Index, index_add, index_update, take

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.primitive import Shifted
    from functrans.core.types import ArrayType
    from functrans.graph.graph import Graph

Params = dict[str, Any]


def _run(
    *values: Any, test: Graph, body: Graph, consts: int, lanes: tuple[bool, ...] | None = None
) -> tuple[Any, ...]:
    if lanes is not None:
        return tuple(_run_lanes(list(values), test, body, consts, lanes))
    fixed, carry = values[:consts], list(values[consts:])
    going, step = program(test), program(body)
    started = False
    while going(*fixed, *carry)[0]:
        carry = step(*fixed, *carry)
        if not started and any(map(is_large, carry)):  # it is nobody else's now
            step = program(body, donated=tuple(range(consts, len(values))))
        started = True
    return tuple(carry) if started else tuple(map(own, carry))


def _run_lanes(
    values: list[Any], test: Graph, body: Graph, consts: int, mapped: tuple[bool, ...]
) -> list[Any]:
    """Every lane for as long as its own condition holds, each round on those that go on."""
    fixed, full = values[:consts], list(map(np.array, values[consts:]))
    flags = mapped + (True,) * len(full)
    active = np.arange(len(full[0]))
    while active.size:
        rows = padded(active, test, body)
        some = [x[rows] if m else x for x, m in zip(fixed, mapped, strict=True)]
        carry = [x[rows] for x in full]
        going_on = program(lanes_of(test, len(rows), flags))
        step = program(lanes_of(body, len(rows), flags))
        going = going_on(*some, *carry)[0][: active.size]
        while going.all():
            carry = step(*some, *carry)
            going = going_on(*some, *carry)[0][: active.size]
        for whole, part in zip(full, carry, strict=True):
            whole[active] = part[: active.size]
        active = active[going]
    return full


def _types(
    *types: ArrayType,
    test: Graph,
    body: Graph,
    consts: int,
    lanes: tuple[bool, ...] | None = None,
) -> tuple[ArrayType, ...]:
    return types[consts:]


class _While(Late):
    def opened(
        self, params: Params, alone: bool, backward: bool, whole: bool = False
    ) -> Callable[..., list[Any] | None] | None:
        test, body, consts = params["test"], params["body"], params["consts"]
        if params["lanes"] is not None or not whole and not decomposes(body, vectors=alone):
            return None

        def run(values: list[Any], at: Callable[[str], None]) -> list[Any] | None:
            fixed, carry = values[:consts], values[consts:]
            while True:
                going = known(call(*fixed, *carry, graph=test)[0])
                if going is None:
                    return None
                if not going:
                    return carry
                carry = in_pieces([*fixed, *carry], at, graph=body)

        return run

    def shifted(self, params: Params) -> Shifted | None:
        test, body, lanes = params["test"], params["body"], params["lanes"]
        if not decomposes(body):
            return None
        graph = shiftable(body)
        new_params = {
            **params,
            "test": reordered(test, [Variable(graph.inputs[0].type), *test.inputs], test.outputs),
            "body": graph,
            "consts": params["consts"] + 1,
            "lanes": None if lanes is None else (False, *lanes),
        }
        return shifted(0, new_params, body)

    def jvp(
        self, primals: list[Any], tangents: list[Any], params: Params
    ) -> tuple[list[Any], list[Any]]:
        if postponed(params["body"]):
            return super().jvp(primals, tangents, params)
        test, body, consts = params["test"], params["body"], params["consts"]
        given = flags_of(tangents)
        moving = fixed_point(given[consts:], lambda c: jvp_graph(body, given[:consts] + c)[1])
        size = len(body.inputs) - consts
        new_test, new_body = cached(
            body,
            ("while jvp", test, consts, given[:consts], moving),
            lambda: _tangent_graphs(test, body, consts, given[:consts], moving),
        )
        fixed_ts = sum(given[:consts])
        ts = [
            zeros(strong(type_of(x))) if t is None and m else t
            for x, t, m in zip(primals[consts:], tangents[consts:], moving, strict=True)
        ]
        lanes = params["lanes"]
        if lanes is not None:
            lanes = lanes + tuple(chosen(given[:consts], list(lanes)))
        found = while_loop_primitive(
            *primals[:consts],
            *chosen(given[:consts], tangents[:consts]),
            *primals[consts:],
            *chosen(moving, ts),
            test=new_test,
            body=new_body,
            consts=consts + fixed_ts,
            lanes=lanes,
        )
        return list(found[:size]), filled(moving, list(found[size:]))

    def vjp(
        self, values: list[Any], wanted: list[bool], params: Params
    ) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
        if postponed(params["body"]):
            return super().vjp(values, wanted, params)
        if deferred() and any(known(x) is None for x in values):
            return super().vjp(values, wanted, params)
        body, consts = params["body"], params["consts"]
        moving = fixed_point(
            tuple(wanted[consts:]),
            lambda c: vjp_graph(body, tuple(wanted[:consts]) + c).live,
        )
        flags = tuple(wanted[:consts]) + moving
        if params["lanes"] is None:
            return _record(values, flags, moving, params)
        return _record_lanes(values, flags, moving, params)

    def batch(
        self, size: int, values: list[Any], batched: list[bool], params: Params
    ) -> tuple[list[Any], list[bool]]:
        test, body, consts = params["test"], params["body"], params["consts"]
        if params["lanes"] is not None:
            return _more_lanes(size, values, batched, params)
        fixed = tuple(batched[:consts])
        carry = fixed_point(
            tuple(batched[consts:]), lambda c: batch_graph(body, size, fixed + c)[1]
        )
        graph, (splits,) = batch_graph(test, size, fixed + carry)
        if splits:
            full = values[:consts] + [
                x if b else spread(x, size)
                for x, b in zip(values[consts:], batched[consts:], strict=True)
            ]
            outs = while_loop_primitive(*full, **{**params, "lanes": fixed})
            return list(outs), [True] * len(outs)
        full = [
            spread(x, size) if wanted and not b else x
            for x, wanted, b in zip(values, fixed + carry, batched, strict=True)
        ]
        new_body, flags = batch_graph(body, size, fixed + carry, carry)
        outs = while_loop_primitive(*full, **{**params, "test": graph, "body": new_body})
        return list(outs), list(flags)


def _tangent_graphs(
    test: Graph, body: Graph, consts: int, fixed: Flags, moving: Flags
) -> tuple[Graph, Graph]:
    """The condition and the body on primals and tangents."""
    graph, _ = jvp_graph(body, fixed + moving, moving)
    count, split = len(body.inputs), len(body.inputs) + sum(fixed)
    ins = graph.inputs
    new_body = reordered(
        graph,
        [*ins[:consts], *ins[count:split], *ins[consts:count], *ins[split:]],
        graph.outputs,
    )
    extra = [Variable(v.type) for v in new_body.inputs]
    extra[:consts] = test.inputs[:consts]
    extra[split - count + consts : split] = test.inputs[consts:]
    return reordered(test, extra, test.outputs), new_body


def _record(
    values: list[Any], wanted: tuple[bool, ...], moving: tuple[bool, ...], params: Params
) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
    """Run the loop and keep the residuals of each round."""
    test, body, consts = params["test"], params["body"], params["consts"]
    halves = vjp_graph(body, wanted)
    count = len(halves.live)
    fixed, carry = values[:consts], values[consts:]
    rounds = []
    while call(*fixed, *carry, graph=test)[0]:
        before = [*fixed, *carry]
        results = call(*before, graph=halves.forward)
        carry = list(results[:count])
        rounds.append([*results[count:], *(before[i] for i in halves.kept)])

    def pull(gs: list[Any]) -> list[Any]:
        total: list[Any] = [None] * consts
        for residuals in reversed(rounds):
            found = halves.gradients(
                call(*residuals, *chosen(halves.live, gs), graph=halves.backward)
            )
            total = [_sum(a, b) for a, b in zip(total, found[:consts], strict=True)]
            gs = [
                zeros(kind) if m and g is None else g
                for g, m, kind in zip(
                    found[consts:], moving, map(strong, body.output_types), strict=True
                )
            ]
        return total + [g if m else None for g, m in zip(gs, moving, strict=True)]

    return list(map(own, carry)), pull


def _sum(a: Any, b: Any) -> Any:
    return a if b is None else b if a is None else algebra.add(a, b)


def _record_lanes(
    values: list[Any], wanted: tuple[bool, ...], moving: tuple[bool, ...], params: Params
) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
    """The same for lanes that end at different times; each round runs those that go on."""
    test, body, consts, mapped = (params[k] for k in ("test", "body", "consts", "lanes"))
    fixed, full = values[:consts], list(values[consts:])
    flags = mapped + (True,) * len(full)
    active = np.arange(shape_of(full[0])[0])
    rounds: list[tuple[Any, Any, list[Any]]] = []
    while active.size:
        some = [take(x, active, axis=0) if m else x for x, m in zip(fixed, mapped, strict=True)]
        carry = [take(x, active, axis=0) for x in full]
        halves = vjp_graph(lanes_of(body, active.size, flags), wanted)
        count = len(halves.live)
        while True:
            going = known(call(*some, *carry, graph=lanes_of(test, active.size, flags))[0])
            if not going.all():
                break
            before = [*some, *carry]
            results = call(*before, graph=halves.forward)
            carry = list(results[:count])
            residuals = [*results[count:], *(before[i] for i in halves.kept)]
            rounds.append((active, halves, residuals))
        full = [
            index_update(x, part, active, index=LANES) for x, part in zip(full, carry, strict=True)
        ]
        active = active[going]

    def pull(gs: list[Any]) -> list[Any]:
        total: list[Any] = [None] * consts
        kinds = [strong(type_of(x)) for x in values]
        for lanes, halves, residuals in reversed(rounds):
            given = [
                take(g, lanes, axis=0) if alive else None
                for g, alive in zip(gs, halves.live, strict=True)
            ]
            back = call(*residuals, *chosen(halves.live, given), graph=halves.backward)
            found = halves.gradients(back)
            for i, (g, m) in enumerate(zip(found[:consts], mapped, strict=True)):
                if g is not None and m:
                    held = zeros(kinds[i]) if total[i] is None else total[i]
                    total[i] = index_add(held, g, lanes, index=LANES)
                else:
                    total[i] = _sum(total[i], g)
            gs = [
                index_update(g, 0 if new is None else new, lanes, index=LANES) if m else g
                for g, new, m in zip(gs, found[consts:], moving, strict=True)
            ]
        return total + [g if m else None for g, m in zip(gs, moving, strict=True)]

    return full, pull


LANES = Index((ARRAY,), unique=True)
"""The index of some lanes, each once."""


def _more_lanes(
    size: int, values: list[Any], batched: list[bool], params: Params
) -> tuple[list[Any], list[bool]]:
    """A batch of loops that have lanes already: all lanes are put into one axis."""
    consts, mapped = params["consts"], params["lanes"]
    inner = next(shape_of(x)[b] for x, b in zip(values[consts:], batched[consts:], strict=True))
    flags = mapped + (True,) * (len(values) - consts)
    operands = [
        flattened(x, b, m, size, inner) for x, b, m in zip(values, batched, flags, strict=True)
    ]
    lanes = tuple(b or m for b, m in zip(batched[:consts], mapped, strict=True))
    outs = while_loop_primitive(*operands, **{**params, "lanes": lanes})
    return [unflattened(o, size, inner) for o in outs], [True] * len(outs)


def _primitive() -> Callable[..., tuple[Any, ...]]:
    return while_loop_primitive


while_loop_primitive: Callable[..., tuple[Any, ...]] = higher_order(
    "while_loop", _run, _types, _While(_primitive)
)
