"""``scan`` and ``while_loop``: the code of the body once, in a loop.

A carry of one element stays in a register. An array is written by each round to one of two places
and read from the other, which change roles; for a scan these are such that the last round writes to
the result. Where the body writes into the carry and nobody else reads it, it stays in its place.
Elements of sequences are read and written where they lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import Value, number
from functrans.compile.llvm.code.polling import EVERY, poll, spend
from functrans.compile.llvm.code.varying import varies
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
from functrans.compile.llvm.plans.arena import lines
from functrans.compile.llvm.plans.calls import LoweredCall, Lowering
from functrans.compile.llvm.plans.cost import effort
from functrans.core.types import ArrayType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Builder
    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.calls import Call, CallMemory
    from functrans.graph.graph import Equation, Graph


LONG = 10 * EVERY
"""Nanoseconds that loops of a known length take, about, from which on they can be interrupted."""


def round_time(*graphs: Graph) -> int:
    """About how many nanoseconds a round takes in which these are carried out, loops in it whose
    length nobody knows once."""
    # What quick code takes longer is about what optimised code takes.
    return max(int(sum([effort(graph).once for graph in graphs])), 1)


class Round:
    """A graph from constants, the carry and more to the carry and more, with the carry's memory.

    Attributes
    ----------
    frame : Frame
    scratch : int
        Bytes for the frame and second places of the carry.
    """

    def __init__(self, code: Code, body: Graph, consts: int, carry: int) -> None:
        owned = {i: consts + i for i in range(carry) if not is_single(body.inputs[consts + i].type)}
        while True:
            self.frame = Frame(code, body, owned)
            written = self.frame.written()
            lost = [
                i
                for i, j in owned.items()
                if body.inputs[j] in written and not self.frame.in_place(i)
            ]
            if not lost:
                break
            for i in lost:
                del owned[i]
        self.kinds = [body.inputs[consts + i].type for i in range(carry)]
        self.stays = [i in owned and self.frame.in_place(i) for i in range(carry)]
        self.spare: dict[int, int] = {}  # where the second places lie in the scratch memory
        self.scratch = self.frame.size
        for i, kind in enumerate(self.kinds):
            if not self.stays[i] and not is_single(kind):
                self.spare[i] = self.scratch
                self.scratch += lines(kind.nbytes)


class Carry:
    """The carry of a loop in the making: where a round reads and writes it.

    `first` and `second` are the places of arrays that change roles, the one that the first round
    writes to first.
    """

    def __init__(
        self,
        builder: Builder,
        body: Round,
        starts: Sequence[Value],
        ends: Sequence[Value],
        scratch: Value,
        length: int | None,
    ) -> None:
        self.b = builder
        self.body = body
        self.ends = ends
        self.length = length
        self.pairs: dict[int, tuple[Value, Value]] = {}
        self.fixed: dict[int, Value] = {}
        self.made: dict[int, Value] = {}
        self.start: list[Value] = []
        for i, (kind, start, end) in enumerate(zip(body.kinds, starts, ends, strict=True)):
            if is_single(kind):
                self.fixed[i] = slot(builder, kind.dtype)
                self.made[i] = slot(builder, kind.dtype)
                move(builder, kind.dtype, start, self.fixed[i])
            elif body.stays[i]:
                builder.copy(start, end, kind.nbytes)
                self.fixed[i] = self.made[i] = end
            else:
                spare = builder.at(scratch, body.spare[i], "i8")
                self.pairs[i] = self._roles(spare, end)
                self.start += [start, self.pairs[i][0]]

    def _roles(self, spare: Value, end: Value) -> tuple[Value, Value]:
        """The places that the first round and the second write to."""
        if self.length is None:
            return end, spare
        if not varies(self.length):
            return (end, spare) if self.length % 2 else (spare, end)
        odd = self.b.icmp("ne", number(self.length % 2, "i64"), 0)
        return self.b.select(odd, end, spare), self.b.select(odd, spare, end)

    def read(self, moving: list[Value]) -> list[Value]:
        """Where a round finds the carry."""
        found = iter(moving[::2])
        return [self.fixed[i] if i in self.fixed else next(found) for i in range(len(self.ends))]

    def write(self, moving: list[Value]) -> list[Value]:
        """Where it puts the next one."""
        found = iter(moving[1::2])
        return [self.made[i] if i in self.made else next(found) for i in range(len(self.ends))]

    def advance(self, moving: list[Value]) -> list[Value]:
        """Let the next carry be the carry."""
        for i, made in self.made.items():
            if made is not self.fixed[i]:
                move(self.b, self.body.kinds[i].dtype, made, self.fixed[i])
        following = []
        for (first, second), written in zip(self.pairs.values(), moving[1::2], strict=True):
            odd = self.b.icmp("eq", written, first)
            following += [written, self.b.select(odd, second, first)]
        return following

    def finish(self, moving: list[Value]) -> None:
        """Bring the carry to its end."""
        for i, kind in enumerate(self.body.kinds):
            if is_single(kind):
                move(self.b, kind.dtype, self.fixed[i], self.ends[i])
        if self.length:
            return  # the last round has written there
        for i, found in zip(self.pairs, moving[::2], strict=True):
            end = self.ends[i]

            def bring(i: int = i, found: Value = found, end: Value = end) -> None:
                self.b.copy(found, end, self.body.kinds[i].nbytes)

            self.b.when(self.b.icmp("ne", found, end), bring)


class _Scan(LoweredCall):
    direct = True

    def __init__(self, code: Code, call: Call) -> None:
        params = call.equation.params
        self.consts, self.carry = params["consts"], params["carry"]
        self.length, self.reverse = params["length"], params["reverse"]
        body = code.prepared(params["body"])
        self.body = Round(code, body, self.consts, self.carry)
        self.rows = [x.type for x in body.inputs[self.consts + self.carry :]]
        self.stacks = body.output_types[self.carry :]
        views = call.operands[self.consts + self.carry :]
        self.steps = [view.access.strides[0] for view in views]
        self.scratch = self.body.scratch
        self.code, self.round = code, round_time(body)
        self.polls = self.length * self.round >= EVERY
        code.polls |= self.length * self.round >= LONG

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, scratch = at
        b, split = builder, self.consts + self.carry
        starts, sequences = addresses[self.consts : split], addresses[split:]
        carry = Carry(b, self.body, starts, outs[: self.carry], scratch, self.length)

        def turn(i: Value, moving: list[Value]) -> list[Value]:
            if self.polls and self.code.polls:
                poll(b, self.code.polling, self.round)
            if self.reverse:
                i = b.sub(number(self.length - 1, "i64"), i)
            given = zip(sequences, self.rows, self.steps, strict=True)
            elements = [_row(b, x, i, kind, step) for x, kind, step in given]
            rows = fetched(b, self.rows, elements)
            stacked = zip(outs[self.carry :], self.stacks, strict=True)
            places = [_row(b, y, i, kind, kind.size) for y, kind in stacked]
            made = result_places(b, self.stacks, places)
            self.body.frame.emit(
                b,
                [*addresses[: self.consts], *carry.read(moving), *rows],
                [*carry.write(moving), *made],
                scratch,
            )
            written_back(b, self.stacks, made, places)
            return carry.advance(moving)

        if self.code.polls and not self.polls:
            spend(b, self.code.polling, self.length * self.round)
        if self.length:
            carry.finish(b.loop(0, self.length, turn, carry.start))
        else:
            carry.finish(carry.start)


def _row(builder: Builder, base: Value, i: Value, kind: ArrayType, step: int) -> Value:
    """The address of an element of a sequence, which are so many numbers apart."""
    memory = conversions.memory(kind.dtype)
    return builder.at(base, builder.mul(i, step * (2 if kind.dtype.kind == "c" else 1)), memory)


class _While(LoweredCall):
    direct = True

    def __init__(self, code: Code, call: Call) -> None:
        params = call.equation.params
        self.code = code
        self.consts = params["consts"]
        test, body = code.prepared(params["test"]), code.prepared(params["body"])
        self.body = Round(code, body, self.consts, len(body.outputs))
        self.test = Frame(code, test)
        self.scratch = self.body.scratch + self.test.size
        self.round = round_time(test, body)
        code.polls = True

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, scratch = at
        b, fixed = builder, addresses[: self.consts]
        carry = Carry(b, self.body, addresses[self.consts :], outs, scratch, None)
        answer = b.slot("i8")

        def going(moving: list[Value]) -> Value:
            own = b.at(scratch, self.body.scratch, "i8")
            self.test.emit(b, [*fixed, *carry.read(moving)], [answer], own)
            going = b.icmp("ne", b.load("i8", answer), 0)
            if not self.code.checked:
                return going
            # What comes of a matrix that has no factors might never end a loop.
            return b.both(going, b.icmp("eq", b.load("i32", self.code.status), 0))

        def turn(moving: list[Value]) -> list[Value]:
            given = [*fixed, *carry.read(moving)]
            self.body.frame.emit(b, given, carry.write(moving), scratch)
            following = carry.advance(moving)
            poll(b, self.code.polling, self.round)
            return following

        carry.finish(b.repeat_while(going, turn, carry.start))


class Scans(Lowering):
    """Scans: elements of sequences may be any distance apart."""

    exact = True  # as far as the graphs are

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        params = equation.params
        body, split = params["body"], params["consts"] + params["carry"]
        length, sequences = params["length"], body.inputs[split:]
        given = [ArrayType((length, *x.type.shape), x.type.dtype) for x in sequences]
        before = body.input_types[:split]
        kept = body.output_types[: params["carry"]]
        within = [s[1:] for s in strides[split:]]
        return (
            agree(equation.inputs, [*before, *given])
            and agree(body.inputs[params["consts"] : split], kept)
            and in_order(strides[:split], before)
            and in_order(within, [x.type for x in sequences])
        )

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Scan(code, call)


class Whiles(Lowering):
    """While loops."""

    exact = True  # as far as the graphs are

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        params = equation.params
        kinds = params["body"].input_types
        return (
            params["lanes"] is None
            and agree(equation.inputs, kinds)
            and agree(params["body"].inputs[params["consts"] :], params["body"].output_types)
            and in_order(strides, kinds)
        )

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _While(code, call)


LOWERINGS: dict[str, Lowering] = {"scan": Scans(), "while_loop": Whiles()}
