"""One elementwise graph as a function of arrays of any size: a kernel is compiled once for its
dtypes, and the number of elements is told by the call.

Whole vectors are walked through in chunks, which threads claim where the work is worth it; how it
is cut changes no result. What is left behind the last whole vector is copied to a vector of its
own.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from functrans.compile.llvm.calling.entry import builtin
from functrans.compile.llvm.calling.signature import Array as ArrayLeaf, Number
from functrans.compile.llvm.calls import lowering_of
from functrans.compile.llvm.code.builder import Builder, Module, Value, number, vector
from functrans.compile.llvm.code.engine import load
from functrans.compile.llvm.code.pool import LEAST
from functrans.compile.llvm.code.threads import OPERANDS, parallel
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.elements.reals import INF
from functrans.compile.llvm.kernels.chunks import CHUNK, MOST, nanoseconds
from functrans.compile.llvm.kernels.loops import Loops, Span
from functrans.compile.llvm.plans.forms import elementwise
from functrans.compile.llvm.plans.planning import Plan
from functrans.compile.llvm.plans.statements import Nest, Statements
from functrans.compile.llvm.segment import prepared, supported
from functrans.core.types import ArrayType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.core.types import Array
    from functrans.graph.graph import Graph, Variable

SIZE = 1 << 13
"""What stands for the number of elements in graphs of kernels: whole vectors of any width. Formulas
may make constants of that size, which are the same everywhere or refused."""

BLOCK = 4096
"""Elements whose results are looked at for infinities and NaN while the cache has them."""


class Pass(NamedTuple):
    """An elementwise graph that is one pass over its operands.

    Attributes
    ----------
    graph : Graph
        Whose inputs are arrays of :data:`SIZE` elements, and numbers.
    loops : Loops
    exact : bool
        Whether results have the bits that NumPy's have.
    """

    graph: Graph
    loops: Loops
    exact: bool


def pass_of(graph: Graph) -> Pass | None:
    """The pass over memory that a graph is; None where it is not one, or some operation has no
    native form."""
    graph = prepared(graph, exact=False)
    if not graph.equations or not all([supported(e, False) for e in graph.equations]):
        return None
    if any([lowering_of(e) is not None or elementwise(e) is None for e in graph.equations]):
        return None
    if any([kind.shape != (SIZE,) for kind in graph.output_types]):
        return None
    plan = Plan(Statements(graph, lowering_of, {}))
    if len(plan.steps) != 1 or plan.statements.constants:
        return None
    (nest,) = plan.steps
    if not isinstance(nest, Nest) or len(nest.kernels) != 1:
        return None
    loops = Loops(plan, nest.kernels[0], nest.rows)
    if not loops.flat or {plan.statements.storage(x) for x in graph.outputs} != {
        *plan.statements.outputs
    }:
        return None
    exact = all([supported(e, True) for e in graph.equations])
    return Pass(graph, loops, exact)


class Text:
    """The module of a kernel.

    Parameters
    ----------
    one : Pass
    reports : bool
        Whether the function returns 1 where a result has an infinity or NaN that no operand has, of
        which NumPy may warn.
    """

    def __init__(self, one: Pass, reports: bool) -> None:
        self.loops = one.loops
        self.inputs, self.outputs = one.graph.inputs, list(one.graph.outputs)
        storage = self.loops.storage
        self.places = [*self.inputs, *[storage(x) for x in self.outputs]]
        self.reports = reports and any([x.type.dtype.kind in "fc" for x in self.outputs])
        self.width = self.loops.width
        self.module = Module()
        self._block()
        if self.reports:
            self._look()
        self._chunk()
        self._run(nanoseconds(self.loops) / SIZE)
        self.text = self.module.text()

    def _block(self) -> None:
        """``void block(ptr table, i64 first, i64 last)``: whole vectors."""
        b = Builder(self.module, "block", "void", ["ptr", "i64", "i64"], internal=True)
        table, first, last = b.operands
        at = {x: b.load("ptr", b.at(table, i, "ptr")) for i, x in enumerate(self.places)}
        self.loops.begin(b, at, Span(first, last, number(0, "i1")))
        self.loops.emit()
        b.finish()

    def _look(self) -> None:
        """``i1 look(ptr table, i64 first, i64 last)``: whether a result is not finite, and one of
        these comes of operands that do not tell it: an infinity of finite ones, a NaN of
        numbers."""
        b = Builder(self.module, "look", "i1", ["ptr", "i64", "i64"], internal=True)
        table, first, last = b.operands
        found, sure = b.slot("i1"), b.slot("i1")
        b.store(number(0, "i1"), sure)
        count = len(self.inputs)
        parts = [self._part(b, table, count + j, x) for j, x in enumerate(self.outputs)]
        outs = [part for part in parts if part is not None]
        parts = [self._part(b, table, j, x) for j, x in enumerate(self.inputs)]
        ins = [part for part in parts if part is not None]
        mask = f"<{self.width} x i1>" if self.width > 1 else "i1"

        def not_finite(i: Value, carried: list[Value]) -> list[Value]:
            (total,) = carried
            for part in outs:
                for x in part.read(b, i, self.width):
                    total = b.either(total, b.fcmp("uge", b.intrinsic("fabs", x), INF))
            return [total]

        none = number(0, mask)
        b.store(b.any(b.loop(first, last, not_finite, [none], step=self.width)[0]), found)

        def told(i: Value, carried: list[Value]) -> list[Value]:
            (total,) = carried
            endless, nan = none, none
            for part in ins:
                for x in part.read(b, i, self.width):
                    endless = b.either(endless, b.fcmp("uge", b.intrinsic("fabs", x), INF))
                    nan = b.either(nan, b.fcmp("uno", x, x))
            for part in outs:
                for x in part.read(b, i, self.width):
                    is_nan = b.fcmp("uno", x, x)
                    is_inf = b.fcmp("oeq", b.intrinsic("fabs", x), INF)
                    new = b.either(
                        b.both(is_nan, b.xor(nan, -1)), b.both(is_inf, b.xor(endless, -1))
                    )
                    total = b.either(total, new)
            return [total]

        b.when(
            b.load("i1", found),
            lambda: b.store(b.any(b.loop(first, last, told, [none], step=self.width)[0]), sure),
        )
        b.finish(b.load("i1", sure))

    def _part(self, b: Builder, table: Value, place: int, x: Variable) -> _Part | None:
        if x.type.dtype.kind not in "fc":
            return None
        return _Part(x.type, b.load("ptr", b.at(table, place, "ptr")))

    def _chunk(self) -> None:
        """``void chunk(ptr context, i64 index, ptr memory)``; the context is the table, behind
        which stand the number of vectors, that of chunks, and what was found."""
        b = Builder(self.module, "chunk", "void", OPERANDS, internal=True)
        context, index, _ = b.operands
        vectors, chunks, found = self._tail_of(context, b)

        def bound(i: Value) -> Value:
            return b.mul(
                b.binary("udiv", b.mul(i, b.load("i64", vectors)), b.load("i64", chunks)),
                self.width,
            )

        self._walk(b, context, bound(index), bound(b.add(index, 1)), found)
        b.finish()

    def _tail_of(self, context: Value, b: Builder) -> list[Value]:
        """The addresses of what stands behind the table."""
        return [b.at(context, len(self.places) + i, "i64") for i in range(3)]

    def _walk(self, b: Builder, table: Value, first: Value, last: Value, found: Value) -> None:
        """All vectors from one to another, and a look at what came of it."""
        if not self.reports:
            b.call("block", "void", table, first, last)
            return
        step = max(BLOCK // self.width, 1) * self.width

        def one(i: Value) -> None:
            end = b.intrinsic("smin", b.add(i, step), last)
            b.call("block", "void", table, i, end)
            bad = b.call("look", "i1", table, i, end)
            b.when(bad, lambda: b.store(number(1, "i64"), found))

        b.repeat(first, last, one, step=step)

    def _run(self, each: float) -> None:
        """``i32 run(ptr inputs, ptr outputs, ptr arena, ptr sizes)``, where an element takes so
        many nanoseconds."""
        b = Builder(self.module, "run", "i32", ["ptr"] * 4)
        inputs, outputs, _, sizes = b.operands
        n = b.load("i64", sizes)
        context = b.slot("i64", len(self.places) + 3)
        table = []
        for i in range(len(self.places)):
            own, j = (inputs, i) if i < len(self.inputs) else (outputs, i - len(self.inputs))
            table.append(b.load("ptr", b.at(own, j, "ptr")))
            b.store(table[-1], b.at(context, i, "ptr"))
        vectors, chunks, found = self._tail_of(context, b)
        whole = b.binary("udiv", n, self.width)
        b.store(whole, vectors)
        b.store(number(0, "i64"), found)
        # Thousandths of a nanosecond, for whole numbers.
        time = b.binary("udiv", b.mul(n, max(ceil(1000 * each), 1)), 1000)
        pieces = b.intrinsic("umin", b.binary("udiv", time, CHUNK), MOST)
        pieces = b.intrinsic("umax", b.intrinsic("umin", pieces, whole), 1)
        b.store(pieces, chunks)
        several = b.both(b.icmp("uge", time, 2 * LEAST), b.icmp("ugt", pieces, 1))
        alone, together, after = b.label("alone"), b.label("together"), b.label("after")
        b.fork(several, together, alone)
        b.start(together)
        parallel(b, "chunk", context, pieces, time)
        b.jump(after)
        b.start(alone)
        self._walk(b, context, number(0, "i64"), b.mul(whole, self.width), found)
        b.jump(after)
        b.start(after)
        rest = b.binary("urem", n, self.width)
        b.when(b.icmp("ugt", rest, 0), lambda: self._rest(b, table, n, rest, found))
        b.finish(b.cast("trunc", b.load("i64", found), "i32"))

    def _rest(self, b: Builder, table: list[Value], n: Value, rest: Value, found: Value) -> None:
        """What is behind the last whole vector, in vectors of their own."""
        own = b.slot("i64", len(self.places))
        back = []
        start = b.sub(n, rest)
        for i, (x, address) in enumerate(zip(self.places, table, strict=True)):
            here, size = address, x.type.dtype.itemsize
            if x.type.shape:
                here = b.slot("i8", size * self.width)
                there = b.at(address, b.mul(start, size), "i8")
                if i < len(self.inputs):
                    zero = number(0, "i8")
                    much = number(size * self.width, "i64")
                    b.call("llvm.memset.p0.i64", "void", here, zero, much, number(0, "i1"))
                    self._copy(b, there, here, b.mul(rest, size))
                else:
                    back.append((here, there, size))
            b.store(here, b.at(own, i, "ptr"))
        b.call("block", "void", own, number(0, "i64"), number(self.width, "i64"))
        for here, there, size in back:
            self._copy(b, here, there, b.mul(rest, size))
        if self.reports:
            self._look_at_rest(b, table, start, rest, found)

    @staticmethod
    def _copy(b: Builder, source: Value, target: Value, size: Value) -> None:
        b.call("llvm.memcpy.p0.p0.i64", "void", target, source, size, number(0, "i1"))

    def _look_at_rest(
        self, b: Builder, table: list[Value], start: Value, rest: Value, found: Value
    ) -> None:
        """A look at the rest, with zeros for what is not there."""
        own = b.slot("i64", len(self.places))
        for i, (x, address) in enumerate(zip(self.places, table, strict=True)):
            here, dtype = address, x.type.dtype
            if x.type.shape and dtype.kind in "fc":
                here = b.slot("i8", dtype.itemsize * self.width)
                zero, much = number(0, "i8"), number(dtype.itemsize * self.width, "i64")
                b.call("llvm.memset.p0.i64", "void", here, zero, much, number(0, "i1"))
                there = b.at(address, b.mul(start, dtype.itemsize), "i8")
                self._copy(b, there, here, b.mul(rest, dtype.itemsize))
            b.store(here, b.at(own, i, "ptr"))
        bad = b.call("look", "i1", own, number(0, "i64"), number(self.width, "i64"))
        b.when(bad, lambda: b.store(number(1, "i64"), found))


class _Part(NamedTuple):
    """Floating-point numbers in memory."""

    kind: ArrayType
    address: Value

    def read(self, b: Builder, i: Value, width: int) -> list[Value]:
        """One vector of them; of complex ones, two with all their parts."""
        real = conversions.real_of(self.kind.dtype)
        memory = conversions.memory(self.kind.dtype)
        several = 2 if self.kind.dtype.kind == "c" else 1
        if not self.kind.shape:
            found = [b.load(memory, b.at(self.address, j, memory)) for j in range(several)]
            return [b.splat(x, width) for x in found]
        address = b.at(self.address, b.mul(i, several) if several > 1 else i, memory)
        kind = vector(memory, width)
        found = [
            b.load(kind, b.at(address, j * width, memory), real.itemsize) for j in range(several)
        ]
        if several > 1:  # the parts of one element lie side by side
            lanes = range(2 * width)
            low, high = found
            found = [b.shuffle(low, high, [k for k in lanes if k % 2 == part]) for part in range(2)]
        return found


class Kernel:
    """A kernel that has been compiled.

    Attributes
    ----------
    call : callable
        ``call(*operands) -> list of results``: arrays of one axis in C order, all of one length,
        and numbers. Anything else is handed to the `fallback` that it was made with.
    exact : bool
    """

    def __init__(self, one: Pass, fallback: Callable[..., Any], reports: bool) -> None:
        text = Text(one, reports)
        self.exact = one.exact
        self.text = text.text
        self._code = load(text.text, ["run"], kept=False)
        graph = one.graph
        self.call: Callable[..., list[Array]] = builtin(
            graph.name,
            self._code["run"],
            list(map(_leaf, [x.type for x in graph.inputs])),
            list(map(_leaf, graph.output_types)),
            fallback,
            status=text.reports,
            long=True,
            kept=self._code,
        )


def _leaf(kind: ArrayType) -> Any:
    if kind.weak:
        return Number({"b": bool, "i": int, "f": float, "c": complex}[kind.dtype.kind])
    return ArrayLeaf(("n",) if kind.shape else (), kind.dtype)


def graph_of(
    function: Callable[..., Any], kinds: Sequence[ArrayType | Any], name: str
) -> Graph | None:
    """The graph of a function of operands of these types, and of numbers that it knows."""
    from functrans.transforms.staging import Stage

    with Stage(function, "eager") as stage:
        operands = [stage.variable(x) if type(x) is ArrayType else x for x in kinds]
        out = function(*operands)
    outs = out if type(out) is tuple else (out,)
    if not all(map(stage.owns, outs)):
        return None
    return stage.graph(name, list(outs))
