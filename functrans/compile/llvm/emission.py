"""Graphs as code at some place of a native function: what is planned, and where values lie.

A :class:`Frame` is a graph that has been planned. It is emitted into any function, with addresses
for its inputs, outputs and memory, so that graphs within graphs (bodies of loops, branches) are
emitted where they are carried out. A value of one element lies in memory of the function that LLVM
keeps in registers, and work on it is done in place; what walks through more is a function, of which
all walks that are alike have one.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm.code.builder import Builder, Module, Value, number
from functrans.compile.llvm.code.templates import ADDRESS
from functrans.compile.llvm.code.threads import parallel
from functrans.compile.llvm.code.varying import is_marked, mark
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.kernels.chunks import Chunks, chunked, combine, write_chunk
from functrans.compile.llvm.kernels.loops import (
    STATUS,
    emit_fills,
    emit_loops,
    loops_of,
    places_of,
)
from functrans.compile.llvm.plans.affine import contiguous_strides
from functrans.compile.llvm.plans.arena import LINE, Place, arranged, lines
from functrans.compile.llvm.plans.calls import Call, CallMemory
from functrans.compile.llvm.plans.planning import Plan
from functrans.compile.llvm.plans.statements import Nest, Statements
from functrans.compile.llvm.plans.writing import WRITERS
from functrans.core.types import ArrayType
from functrans.graph.graph import Variable, operand_types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from functrans.compile.llvm.code.polling import Polling
    from functrans.compile.llvm.plans.calls import LoweredCall, Lowering
    from functrans.graph.graph import Equation, Graph


TOGETHER = 16
"""Steps of a graph up to which the walks of code that is compiled quickly are no functions of their
own: LLVM takes 50 microseconds for each. Of many, some are alike."""


class Code:
    """What all graphs of a module share: functions, constants, the kinds of calls.

    Attributes
    ----------
    module : Module
    constants : list of ndarray
        Arrays whose addresses are in the table of constants, :attr:`table`.
    lowering_of : callable
        Gives the lowering of an equation that is a call.
    prepared : callable
        Gives a graph within another in the form that native code is made of.
    table : Value or None
        Its address; None while numbers are being marked: then the addresses of constants are
        among these.
    checked : bool
        Whether something may go wrong: positions out of bounds.
    status : Value
        Where code notes that, if so.
    polls : bool
        Whether a loop may take so long that it has to be interrupted.
    polling : Polling
        What loops need for that, if so.
    long : bool
        Whether a call of a library takes so long that other threads of Python should run.
    plain : float
        Elements up to which loops take one at a time where they can: LLVM compiles that quickly.
    """

    status: Value
    polling: Polling

    def __init__(
        self,
        lowering_of: Callable[[Equation], Lowering | None],
        prepared: Callable[[Graph], Graph],
        plain: float = 0,
    ) -> None:
        self.plain = plain
        self.module = Module()
        self.constants: list[np.ndarray[Any, Any]] = []
        self.lowering_of = lowering_of
        self.prepared = prepared
        self.table = None if is_marked() else self.module.state("constants", "ptr")
        self.checked = False
        self.polls = False
        self.long = False
        self._kernels: dict[str, str] = {}

    def kernel(self, plan: Plan, nest: Nest, places: Sequence[Variable]) -> str:
        """The function of a nest, which is made once for all that are alike."""
        inner = Builder(self.module, "KERNEL", "void", ["ptr"] * len(places), internal=True)
        emit_loops(inner, plan, nest, dict(zip(places, inner.operands, strict=True)))
        inner.finish()
        return self._shared()

    def chunk(self, plan: Plan, nest: Nest, places: Sequence[Variable], chunks: Chunks) -> str:
        """The function of a chunk of a nest, which is made once for all that are alike."""
        write_chunk(self.module, "KERNEL", plan, nest, places, chunks)
        return self._shared()

    def _shared(self) -> str:
        """The name of the function that was written last, or of one like it."""
        text = self.module.functions.pop("KERNEL")
        if text not in self._kernels:
            name = self._kernels[text] = f"kernel{len(self._kernels)}"
            self.module.functions[name] = text.replace("@KERNEL(", f"@{name}(", 1)
        return self._kernels[text]

    def constant(self, x: np.ndarray[Any, Any]) -> int:
        """The place of an array in the table of constants."""
        self.constants.append(x)
        return len(self.constants) - 1


def is_single(kind: ArrayType) -> bool:
    """Whether values of a type are one element, which is kept in a register."""
    return kind.size == 1


def slot(builder: Builder, dtype: np.dtype[Any]) -> Value:
    """Memory for one element, which LLVM keeps in registers."""
    memory = conversions.memory(dtype)
    return builder.slot(f"[2 x {memory}]" if dtype.kind == "c" else memory)


def move(builder: Builder, dtype: np.dtype[Any], source: Value, target: Value) -> None:
    """Copy one element."""
    memory = conversions.memory(dtype)
    for part in range(2 if dtype.kind == "c" else 1):
        x = builder.load(memory, builder.at(source, part, memory))
        builder.store(x, builder.at(target, part, memory))


def fetched(builder: Builder, kinds: Sequence[ArrayType], places: Sequence[Value]) -> list[Value]:
    """Where a frame finds values that lie at some places: single elements are copied to slots."""
    found = result_places(builder, kinds, places)
    for kind, place, own in zip(kinds, places, found, strict=True):
        if own is not place:
            move(builder, kind.dtype, place, own)
    return found


def result_places(
    builder: Builder, kinds: Sequence[ArrayType], places: Sequence[Value]
) -> list[Value]:
    """Where a frame puts values that belong to some places: single elements have slots, from which
    they are to be :func:`written_back`."""
    pairs = zip(kinds, places, strict=True)
    return [slot(builder, kind.dtype) if is_single(kind) else place for kind, place in pairs]


def written_back(
    builder: Builder, kinds: Sequence[ArrayType], made: Sequence[Value], places: Sequence[Value]
) -> None:
    """Bring values that a frame has made to their places."""
    for kind, own, place in zip(kinds, made, places, strict=True):
        if own is not place:
            move(builder, kind.dtype, own, place)


def agree(values: Sequence[Any], kinds: Sequence[ArrayType]) -> bool:
    """Whether values of a graph have these shapes and dtypes."""
    found = operand_types(values)
    pairs = zip(found, kinds, strict=True)
    return all([a.shape == b.shape and a.dtype == b.dtype for a, b in pairs])


def in_order(strides: Sequence[tuple[int, ...]], kinds: Sequence[ArrayType]) -> bool:
    """Whether the elements of arrays with these strides lie in C order."""
    return all(
        [
            a == b or n == 1 or not kind.size
            for own, kind in zip(strides, kinds, strict=True)
            for a, b, n in zip(own, contiguous_strides(kind.shape), kind.shape, strict=True)
        ]
    )


class Frame:
    """A graph that has been planned.

    Parameters
    ----------
    code : Code
    graph : Graph
        Of equations that native code has.
    owned : mapping of int to int
        For numbers of outputs, that of the input in whose memory the output may be made.

    Attributes
    ----------
    plan : Plan
    size : int
        Bytes of memory that the code needs.
    """

    def __init__(self, code: Code, graph: Graph, owned: Mapping[int, int] | None = None) -> None:
        self.code = code
        self.graph = graph
        statements = Statements(graph, code.lowering_of, WRITERS, owned)
        self.plan = Plan(statements)
        self._memory: dict[Nest, list[Variable]] = {}
        self._lowered: dict[Equation, LoweredCall] = {}
        self._scratch: dict[Equation, Variable] = {}
        for step in self.plan.steps:
            if isinstance(step, Call):
                lowered = self._lowered[step.equation] = step.lowering.lower(code, step)
                if lowered.scratch:
                    kind = ArrayType((max(lowered.scratch, LINE),), np.dtype(np.uint8))
                    self._scratch[step.equation] = Variable(kind)
        self.chunks = {
            step: found
            for step in self.plan.steps
            if isinstance(step, Nest) and (found := chunked(self.plan, step)) is not None
        }
        if code.plain:
            for step in self.plan.steps:
                if (
                    isinstance(step, Nest)
                    and step not in self.chunks
                    and sum([prod(kernel.space) for kernel in step.kernels]) <= code.plain
                ):
                    for loops in loops_of(self.plan, step):
                        loops.take_singly()
        self.places = self._arrange(graph)

    def in_place(self, output: int) -> bool:
        """Whether an output lies in the memory of an input."""
        return self.places[self.storage(self.plan.statements.outputs[output])].kind == "input"

    def storage(self, x: Variable) -> Variable:
        """The value whose memory a value lies in."""
        return self.plan.statements.storage(x)

    def written(self) -> set[Variable]:
        """The memory that statements write to."""
        nests = [step for step in self.plan.steps if isinstance(step, Nest)]
        kernels = [kernel for nest in nests for kernel in nest.kernels]
        return {self.storage(s.target) for kernel in kernels for s in kernel.statements}

    def _arrange(self, graph: Graph) -> dict[Variable, Place]:
        plan = self.plan
        statements = plan.statements
        places = {x: Place("input", i) for i, x in enumerate(graph.inputs)}
        for x, array in statements.constants.items():
            places[x] = Place("constant", self.code.constant(array))
        for i, x in enumerate(statements.outputs):
            places.setdefault(statements.storage(x), Place("output", i))
        mentioned: list[list[Variable]] = []
        private = {x: chunks for chunks in self.chunks.values() for x in chunks.private}

        def size_of(x: Variable) -> int:
            size = plan.size(x)
            return lines(size) * private[x].number if x in private else size

        for step in plan.steps:
            if isinstance(step, Call):
                values = [*[view.value for view in step.operands], *step.equation.outputs]
                here = list(map(statements.storage, values))
                if step.equation in self._scratch:
                    here.append(self._scratch[step.equation])
            else:
                here = list(self._touched(step))
                if step in self.chunks:
                    here += self.chunks[step].partial.values()
            self.code.checked |= STATUS in here
            for x in here:
                if x not in places and is_single(x.type) and x not in private:
                    places[x] = Place("slot", 0)
            mentioned.append(here)
        offsets, self.size = arranged(mentioned, places, size_of)
        places.update({x: Place("arena", offset) for x, offset in offsets.items()})
        return places

    def emit(
        self, builder: Builder, inputs: Sequence[Value], outputs: Sequence[Value], arena: Value
    ) -> None:
        """The code of the graph.

        Parameters
        ----------
        builder : Builder
        inputs, outputs : sequence of Value
            Addresses; those of single elements are such as :func:`slot` gives, or are read and
            written there.
        arena : Value
            The address of :attr:`size` bytes.
        """
        at = _Addresses(builder, self, inputs, outputs, arena)
        for step in self.plan.steps:
            if isinstance(step, Call):
                self._call(builder, step, at)
            else:
                self._nest(builder, step, at)

    def _touched(self, nest: Nest) -> list[Variable]:
        """The pieces of memory that a nest reads and writes."""
        if nest not in self._memory:
            self._memory[nest] = places_of(self.plan, nest)
        return self._memory[nest]

    def _nest(self, builder: Builder, nest: Nest, at: Mapping[Variable, Value]) -> None:
        if all([s.idle for kernel in nest.kernels for s in kernel.statements]):
            return
        if all([n == 1 for kernel in nest.kernels for n in kernel.space]):
            emit_loops(builder, self.plan, nest, at)
            return
        places = self._touched(nest)
        written = {self.storage(s.target) for kernel in nest.kernels for s in kernel.statements}
        if nest in self.chunks:
            self._in_chunks(builder, nest, places, at)
            return
        if self.code.plain and len(self.plan.steps) <= TOGETHER:
            emit_loops(builder, self.plan, nest, at)
            return
        name = self.code.kernel(self.plan, nest, places)
        given = self._handed(builder, places, at)
        builder.call(name, "void", *given)
        self._taken(builder, places, given, at, written)

    def _in_chunks(
        self,
        builder: Builder,
        nest: Nest,
        places: Sequence[Variable],
        at: Mapping[Variable, Value],
    ) -> None:
        """Have a nest carried out by whoever is free, a chunk at a time."""
        chunks = self.chunks[nest]
        emit_fills(builder, self.plan, nest, at)
        own = chunks.places(places)
        name = self.code.chunk(self.plan, nest, own, chunks)
        context = builder.slot("ptr", len(own))
        for i, x in enumerate(own):
            address = at[x] if x in chunks.private else self._handed(builder, [x], at)[0]
            builder.store(address, builder.at(context, i, "ptr"))
        parallel(builder, name, context, chunks.number, chunks.time)
        combine(builder, self.plan, nest, chunks, at)

    def _call(self, builder: Builder, call: Call, at: Mapping[Variable, Value]) -> None:
        lowered, equation = self._lowered[call.equation], call.equation
        places = [self.storage(view.value) for view in call.operands]
        results = list(map(self.storage, equation.outputs))
        if lowered.direct:
            given = [at[x] for x in (*places, *results)]
        else:
            given = self._handed(builder, [*places, *results], at)
        addresses = []
        for view, address in zip(call.operands, given, strict=False):
            dtype = view.value.type.dtype
            step = view.access.offset * (2 if dtype.kind == "c" else 1)
            addresses.append(builder.at(address, step, conversions.memory(dtype)))
        scratch = self._scratch.get(equation)
        memory = Value("ptr", "null") if scratch is None else at[scratch]
        outs = given[len(places) :]
        lowered.emit(builder, CallMemory(addresses, outs, memory))
        if not lowered.direct:
            self._taken(builder, results, outs, at, set(results))

    def _handed(
        self, builder: Builder, places: Sequence[Variable], at: Mapping[Variable, Value]
    ) -> list[Value]:
        """Addresses that may be handed to a function: single elements are copied to memory, since
        what has its address handed on is kept in no register. What no step has touched yet has no
        content to copy."""
        given = []
        for x in places:
            filled = x in at or self.places[x].kind not in ("slot", "output")
            address = at[x]
            if is_single(x.type) and x is not STATUS:
                address = slot(builder, x.type.dtype)
                if filled:
                    move(builder, x.type.dtype, at[x], address)
            given.append(address)
        return given

    def _taken(
        self,
        builder: Builder,
        places: Sequence[Variable],
        given: Sequence[Value],
        at: Mapping[Variable, Value],
        written: set[Variable],
    ) -> None:
        """Copy back the single elements that a function has written."""
        for x, address in zip(places, given, strict=True):
            if is_single(x.type) and x in written:
                move(builder, x.type.dtype, address, at[x])


class _Addresses(dict[Variable, Value]):
    """The addresses of values, made when they are asked for."""

    def __init__(
        self,
        builder: Builder,
        frame: Frame,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        arena: Value,
    ) -> None:
        super().__init__()
        self.builder = builder
        self.frame = frame
        self.given = {"input": inputs, "output": outputs}
        self.arena = arena
        if frame.code.checked:
            self[STATUS] = frame.code.status

    def __missing__(self, x: Variable) -> Value:
        b = self.builder
        kind, place = self.frame.places[x]
        if kind == "arena":  # while sizes vary, offsets are written though they are 0 here
            found = b.at(self.arena, number(place, "i64") if is_marked() else place, "i8")
        elif kind == "slot":
            found = slot(b, x.type.dtype)
        elif kind == "constant":
            found = self._constant(place)
        else:
            found = self.given[kind][place]
        self[x] = found
        return found

    def _constant(self, place: int) -> Value:
        """The address of a constant."""
        b, table = self.builder, self.frame.code.table
        if table is None:
            word = Value("i64", mark("i64", f"{ADDRESS}{place}", None))
            return b.emit("ptr", f"inttoptr {word} to ptr")
        return b.load("ptr", b.at(b.load("ptr", table), place, "ptr"))
