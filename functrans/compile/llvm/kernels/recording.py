"""Loops that keep what their pullback needs, ``while_record``, and the pullback, ``while_replay``.

What rounds keep lies in the tape (``plans/tapes.py``): how many rounds there were, then a row for
each. It has room for a fixed number of rounds. A loop that takes more says so, as it does of
positions out of bounds, and NumPy carries the program out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from functrans.compile.llvm.code.builder import Value, number
from functrans.compile.llvm.code.polling import poll
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.emission import (
    Frame,
    agree,
    fetched,
    in_order,
    is_single,
    move,
    result_places,
    slot,
    written_back,
)
from functrans.compile.llvm.kernels.iteration import Carry, Round, round_time
from functrans.compile.llvm.plans.arena import LINE, lines
from functrans.compile.llvm.plans.calls import LoweredCall, Lowering
from functrans.compile.llvm.plans.tapes import BYTE, TAPE
from functrans.core.types import ArrayType
from functrans.graph.graph import Equation, Graph, Variable
from functrans.primitives import add
from functrans.transforms.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Builder
    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.calls import Call, CallMemory

FEWEST = 64
"""Rounds that a tape has room for at least; where these are too large, NumPy keeps a list."""


class _Rows:
    """Where the parts of a round's row lie."""

    def __init__(self, kinds: Sequence[ArrayType]) -> None:
        self.kinds = list(kinds)
        self.offsets: list[int] = []
        self.size = 0
        for kind in kinds:
            self.offsets.append(self.size)
            self.size += -(-max(kind.nbytes, 1) // 8) * 8
        self.most = (TAPE - LINE) // max(self.size, 8)

    def places(self, builder: Builder, tape: Value, i: Value) -> list[Value]:
        row = builder.at(builder.at(tape, LINE, "i8"), builder.mul(i, self.size), "i8")
        return [builder.at(row, offset, "i8") for offset in self.offsets]


def _recorded(equation: Equation) -> list[ArrayType]:
    """The types of what a round keeps: residuals, and operands of the round."""
    params = equation.params
    forward: Graph = params["forward"]
    residuals = forward.output_types[params["count"] :]
    return [*residuals, *[forward.input_types[i] for i in params["kept"]]]


class Records(Lowering):
    """Loops that keep."""

    exact = True  # as far as the graphs are

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        params = equation.params
        forward: Graph = params["forward"]
        kinds, carried = forward.input_types, forward.output_types[: params["count"]]
        kept = _recorded(equation)
        return (
            equation.outputs[-1].type.dtype == BYTE
            and all([conversions.supported(kind.dtype) for kind in kept])
            and _Rows(kept).most >= FEWEST
            and agree(equation.inputs, kinds)
            and agree(forward.inputs[params["consts"] :], carried)
            and in_order(strides, kinds)
        )

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Record(code, call)


class _Record(LoweredCall):
    direct = True

    def __init__(self, code: Code, call: Call) -> None:
        params = call.equation.params
        self.code = code
        code.checked = code.polls = True
        self.consts, self.count, self.kept = (params[k] for k in ("consts", "count", "kept"))
        forward = code.prepared(params["forward"])
        self.body = Round(code, forward, self.consts, self.count)
        self.test = Frame(code, code.prepared(params["test"]))
        self.rows = _Rows(_recorded(call.equation))
        self.scratch = self.body.scratch + self.test.size
        self.round = round_time(self.test.graph, forward)

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, scratch = at
        b, fixed, tape = builder, list(addresses[: self.consts]), outs[-1]
        carry = Carry(b, self.body, addresses[self.consts :], outs[:-1], scratch, None)
        answer = b.slot("i8")
        rounds = b.slot("i64")
        b.store(number(0, "i64"), rounds)

        def going(moving: list[Value]) -> Value:
            own = b.at(scratch, self.body.scratch, "i8")
            self.test.emit(b, [*fixed, *carry.read(moving)], [answer], own)
            room = b.icmp("slt", b.load("i64", rounds), self.rows.most)
            return b.both(b.icmp("ne", b.load("i8", answer), 0), room)

        def turn(moving: list[Value]) -> list[Value]:
            poll(b, self.code.polling, self.round)
            i = b.load("i64", rounds)
            before = [*fixed, *carry.read(moving)]
            places = self.rows.places(b, tape, i)
            residuals = len(places) - len(self.kept)
            for k, place in zip(self.kept, places[residuals:], strict=True):
                _brought(b, self._kind(k), before[k], place)
            kinds, places = self.rows.kinds[:residuals], places[:residuals]
            made = result_places(b, kinds, places)
            self.body.frame.emit(b, before, [*carry.write(moving), *made], scratch)
            written_back(b, kinds, made, places)
            b.store(b.add(i, 1), rounds)
            return carry.advance(moving)

        carry.finish(b.repeat_while(going, turn, carry.start))
        found = b.load("i64", rounds)
        b.store(found, tape)
        full = b.icmp("eq", found, self.rows.most)
        b.when(full, lambda: b.store(number(1, "i32"), self.code.status))

    def _kind(self, k: int) -> ArrayType:
        return self.body.frame.graph.input_types[k]


def _brought(builder: Builder, kind: ArrayType, source: Value, target: Value) -> None:
    """Copy a value."""
    if is_single(kind):
        move(builder, kind.dtype, source, target)
    else:
        builder.copy(source, target, kind.nbytes)


class _Back:
    """The pullback of a round, as a graph from what is carried and kept to what is carried.

    Attributes
    ----------
    graph : Graph
        Of the sums of the gradients of constants and the cotangents of the carry, as far as there
        are such, then of what the round has kept.
    carried : list of int
        The numbers of these among the operands of the loop.
    sums : int
        How many of these, the first, are sums, which begin as zeros.
    kept : list of ArrayType
    fits : bool
        Whether a round makes what the next one takes.
    """

    def __init__(self, equation: Equation) -> None:
        params = equation.params
        backward: Graph = params["backward"]
        consts, nonzero, kinds = (params[k] for k in ("consts", "nonzero", "kinds"))
        moving = params["moving"]
        sums = [i for i in range(consts) if nonzero[i]]
        cotangents = [consts + i for i, m in enumerate(moving) if m]
        self.carried = [*sums, *cotangents]
        self.sums = len(sums)
        kept = len(backward.inputs) - sum(params["live"])
        self.kept = backward.input_types[:kept]
        with Stage() as stage:
            state = {i: stage.variable(kinds[i]) for i in self.carried}
            rows = [stage.variable(kind) for kind in self.kept]
            given = [state[consts + i] for i, needed in enumerate(params["live"]) if needed]
            found = iter(backward.evaluate([*rows, *given]))
            made = {i: next(found) for i, n in enumerate(nonzero) if n}
            outs = [add(state[i], made[i]) for i in sums]
            for i in cotangents:
                kind = kinds[i]
                outs.append(made[i] if i in made else np.zeros(kind.shape, kind.dtype))
        self.graph = stage.graph("round", outs)
        self.fits = agree(self.graph.outputs, [kinds[i] for i in self.carried])


def _back_of(equation: Equation) -> _Back:
    """The pullback of a round, made once."""
    names = ("consts", "nonzero", "kinds", "moving", "live")
    key = ("round", *[equation.params[k] for k in names])
    derived = equation.params["backward"].derived
    if key not in derived:
        derived[key] = _Back(equation)
    found: _Back = derived[key]
    return found


class Replays(Lowering):
    """Pullbacks of such loops."""

    exact = True  # as far as the graphs are

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        params = equation.params
        tape, *given = equation.inputs
        if type(tape) is not Variable or tape.type.dtype != BYTE:
            return False
        kinds = params["kinds"][params["consts"] :]
        wanted = [kind for kind, g in zip(kinds, params["given"], strict=True) if g]
        flags = zip(params["given"], params["moving"], params["live"], strict=True)
        return (
            all([g >= moves >= live for g, moves, live in flags])
            and len(wanted) == len(given)
            and agree(given, wanted)
            and in_order(strides[1:], wanted)
            and _back_of(equation).fits
        )

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Replay(code, call)


class _Replay(LoweredCall):
    direct = True

    def __init__(self, code: Code, call: Call) -> None:
        params = call.equation.params
        back = _back_of(call.equation)
        self.params, self.back = params, back
        prepared = code.prepared(back.graph)
        self.code, self.round = code, round_time(prepared)
        code.polls = True
        self.body = Round(code, prepared, 0, len(back.carried))
        self.rows = _Rows(back.kept)
        self.kinds: Sequence[ArrayType] = params["kinds"]
        wanted = [i for i, w in enumerate(params["wanted"]) if w]
        self.outs = {i: place for place, i in enumerate(wanted)}
        self.places: dict[int, int] = {}  # in scratch memory, of ends that are no output
        self.zeros: dict[int, int] = {}  # in scratch memory, where sums begin
        self.scratch = self.body.scratch
        for k, i in enumerate(back.carried):
            if is_single(self.kinds[i]):
                continue
            for table, missing in ((self.places, i not in self.outs), (self.zeros, k < back.sums)):
                if missing:
                    table[i] = self.scratch
                    self.scratch += lines(self.kinds[i].nbytes)

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, scratch = at
        b, tape, params = builder, addresses[0], self.params
        rounds = b.load("i64", tape)
        consts = params["consts"]
        handed = [consts + i for i, g in enumerate(params["given"]) if g]
        given = dict(zip(handed, addresses[1:], strict=True))
        starts, ends = [], []
        for k, i in enumerate(self.back.carried):
            kind = self.kinds[i]
            own = slot(b, kind.dtype) if is_single(kind) else None
            ends.append(
                outs[self.outs[i]] if i in self.outs else own or b.at(scratch, self.places[i], "i8")
            )
            if k < self.back.sums:
                begin = (
                    slot(b, kind.dtype) if is_single(kind) else b.at(scratch, self.zeros[i], "i8")
                )
                _filled(b, kind, begin, b.icmp("eq", rounds, 0))
                starts.append(begin)
            else:
                starts.append(given[i])
        carry = Carry(b, self.body, starts, ends, scratch, None)

        def turn(i: Value, moving: list[Value]) -> list[Value]:
            poll(b, self.code.polling, self.round)
            places = self.rows.places(b, tape, b.sub(b.sub(rounds, 1), i))
            rows = fetched(b, self.rows.kinds, places)
            self.body.frame.emit(b, [*carry.read(moving), *rows], carry.write(moving), scratch)
            return carry.advance(moving)

        carry.finish(b.loop(0, rounds, turn, carry.start))
        for i, place in self.outs.items():
            if i not in self.back.carried:
                _filled(b, self.kinds[i], outs[place], None)


def _filled(builder: Builder, kind: ArrayType, target: Value, positive: Value | None) -> None:
    """Write zeros everywhere: negative ones, to which anything can be added, unless they are to be
    `positive`."""
    memory = conversions.memory(kind.dtype)
    zero = number(0, memory)
    if kind.dtype.kind in "fc" and positive is not None:
        zero = builder.select(positive, zero, number(-0.0, memory))
    count = kind.size * (2 if kind.dtype.kind == "c" else 1)
    builder.repeat(0, count, lambda i: builder.store(zero, builder.at(target, i, memory)))


LOWERINGS: dict[str, Lowering] = {"while_record": Records(), "while_replay": Replays()}
