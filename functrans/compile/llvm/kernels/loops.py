"""Loops over a space of elements: elementwise work with any broadcasting, and reductions.

The last axis is walked through in vectors. What does not depend on it is computed outside, once for
each turn of the loops that it depends on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.compile.llvm.code.builder import Builder, Value, number, vector, width_of
from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.code.varying import varies
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.elements.composites import sine_and_cosine
from functrans.compile.llvm.elements.conversions import Pair, convert, element
from functrans.compile.llvm.kernels import combining
from functrans.compile.llvm.kernels.extrema import Best, begin, found, in_lanes, meet
from functrans.compile.llvm.kernels.memory import load, load_at, steps_of, store
from functrans.compile.llvm.kernels.nodes import Node, Nodes, Step, Write, partners
from functrans.compile.llvm.plans.affine import Access
from functrans.compile.llvm.plans.extrema import EXTREMA
from functrans.core.types import ArrayType
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functrans.compile.llvm.elements.conversions import DType, Operand
    from functrans.compile.llvm.plans.planning import Plan
    from functrans.compile.llvm.plans.statements import Kernel, Nest

STATUS = Variable(ArrayType((), np.dtype(np.int32)))
"""What stands for the piece of memory that tells how a call went: 0, or 1 if a position was out of
bounds."""

MASKED = 16
"""Vectors up to which a loop with a rest is masked throughout; a longer one has a tail of its own,
which costs code."""


def places_of(plan: Plan, nest: Nest) -> list[Variable]:
    """The pieces of memory that a nest reads and writes, in the order of its parameters."""
    return list(dict.fromkeys([x for each in loops_of(plan, nest) for x in each.places]))


def loops_of(plan: Plan, nest: Nest) -> list[Loops]:
    """The loops of the kernels of a nest, found out once."""
    found: list[Loops] | None = plan.loops.get(nest)
    if found is None:
        found = plan.loops[nest] = [Loops(plan, kernel, nest.rows) for kernel in nest.kernels]
    return found


class Span(NamedTuple):
    """A part of the first loop.

    Attributes
    ----------
    first, last : Value
        Where it begins, and what it ends before; whole vectors, if it is the loop of these.
    final : Value
        Whether what is left behind the last whole vector belongs to it.
    """

    first: Value
    last: Value
    final: Value


def emit_loops(
    builder: Builder,
    plan: Plan,
    nest: Nest,
    at: Mapping[Variable, Value],
    span: Span | None = None,
) -> None:
    """Emit the loops of a nest, or a part of the first, with the addresses of its pieces of
    memory."""
    loops = [each for each in loops_of(plan, nest) if each.begin(builder, at, span)]
    _row(builder, loops, 0)


def emit_fills(builder: Builder, plan: Plan, nest: Nest, at: Mapping[Variable, Value]) -> None:
    """Write neutral elements where the parts of a nest add to what is there."""
    for loops in loops_of(plan, nest):
        loops.b = builder
        for w in loops.writes:
            if w.statement.scattered and w.access.strides[0]:
                loops.fill(w, at[loops.storage(w.statement.target)])


def _row(builder: Builder, loops: Sequence[Loops], axis: int) -> None:
    """The code inside the first so many loops over rows, and the loops inside."""
    if not loops:
        return
    if axis == loops[0].rows:
        for each in loops:
            each.emit()
        return

    def body(i: Value) -> None:
        saved = [each.advanced(axis, i) for each in loops]
        _row(builder, loops, axis + 1)
        for each, before in zip(loops, saved, strict=True):
            each.addresses = before

    builder.repeat(*loops[0].bounds(axis), body)


class Loops:
    """The loops of one kernel."""

    def __init__(self, plan: Plan, kernel: Kernel, rows: int) -> None:
        nodes = Nodes(plan, kernel)
        self.storage = plan.statements.storage
        self.writes = nodes.writes
        self.order = nodes.order
        self.partners = partners(nodes.order)
        found = dict.fromkeys([n.place for n in nodes.order if n.place is not None])
        found.update(dict.fromkeys([self.storage(w.statement.target) for w in nodes.writes]))
        self.places = list(found)
        if any([n.positions for n in self.order]) or any([w.positions for w in self.writes]):
            self.places.append(STATUS)
        self._collapse(kernel.space, rows)
        rank = len(self.extents)
        for node in self.order:
            node.settle()
        # What is done once a row has no vectors.
        self.vector_axis = rank if 0 < rank == self.rows else rank - 1
        self.width = self._width()

    def _collapse(self, space: Sequence[int], rows: int) -> None:
        """Leave out axes of length 1, and walk through axes as one that lie as one everywhere."""
        bounds = {w.split for w in self.writes} | set(range(rows + 1))
        everywhere = [n.access for n in self.order if n.access is not None]
        everywhere += [w.access for w in self.writes]
        extents: list[int] = []
        groups: list[list[int]] = []
        for axis, n in enumerate(space):
            joins = bool(groups) and axis not in bounds
            if n == 1:
                if joins:
                    groups[-1].append(axis)
                else:
                    groups.append([axis])
                    extents.append(1)
                continue
            joins = joins and all([self._one(a, groups[-1], axis, space) for a in everywhere])
            if joins:
                groups[-1].append(axis)
                extents[-1] *= n
            else:
                groups.append([axis])
                extents.append(n)
        used = [i for i, n in enumerate(extents) if n != 1]

        def merged(a: Access) -> Access:
            strides = []
            for i in used:
                inner = [k for k in groups[i] if space[k] != 1]
                strides.append(a.strides[inner[-1]])
            return Access(a.offset, tuple(strides))

        for node in self.order:
            if node.access is not None:
                node.access = merged(node.access)
        kept = []
        for w in self.writes:
            split = sum([1 for i in used if groups[i][0] < w.split])
            kept.append(w._replace(access=merged(w.access), split=split))
        self.writes = kept
        self.extents = [extents[i] for i in used]
        self.rows = sum([1 for i in used if groups[i][0] < rows])

    @staticmethod
    def _one(a: Access, group: list[int], axis: int, space: Sequence[int]) -> bool:
        last = [k for k in group if space[k] != 1]
        return not last or a.strides[last[-1]] == a.strides[axis] * space[axis]

    def _repeats(self, w: Write) -> bool:
        """Whether a write may come to the same place twice along the last axis."""
        depths = [step.node.depth for step in w.positions]
        return bool(depths) and (self.vector_axis in depths or not w.access.strides[-1])

    def _width(self) -> int:
        if len(self.extents) in (0, self.rows) or any([self._repeats(w) for w in self.writes]):
            return 1
        inner = [n for n in self.order if n.depth == self.vector_axis]
        sizes = [conversions.real_of(n.dtype).itemsize for n in inner]
        ends = [w.node.dtype if w.statement.combine in EXTREMA else w.dtype for w in self.writes]
        sizes += [conversions.real_of(dtype).itemsize for dtype in ends]
        width = 2 * machine().vector_bytes // max([*sizes, 4])
        while width > 1 and width // 2 >= self.extents[-1]:
            width //= 2
        return width

    def take_singly(self) -> None:
        """Take one element at a time, if that changes no bit: the order in which elements are added
        up depends on how many are taken."""
        if not any(map(self._in_register, self.writes)):
            self.width = 1

    # ---- code ---------------------------------------------------------------------------------

    def begin(
        self, builder: Builder, at: Mapping[Variable, Value], span: Span | None = None
    ) -> bool:
        """What is done before all loops; whether there is anything to do in them."""
        self.b = builder
        self.span = span
        self.status = at.get(STATUS)
        self.values: dict[Node, Operand] = {}
        self.splats: dict[Node, Operand] = {}
        self.sums: dict[int, Value | tuple[Value, Value]] = {}
        self.best: dict[int, Best] = {}
        if 0 in self.extents:
            self._fill_empty(at)
            return False
        self.addresses: dict[tuple[Variable | None, Access], Value] = {}
        for node in self.order:
            if node.access is not None and node.place is not None:
                self._begin_address(node.place, node.access, node.dtype, at)
            elif node.access is not None:
                self.addresses[None, node.access] = number(node.access.offset, "i64")
        for w in self.writes:
            target = self.storage(w.statement.target)
            self._begin_address(target, w.access, w.dtype, at)
            if w.statement.scattered and (span is None or not w.access.strides[0]):
                self.fill(w, at[target])
        return True

    @property
    def flat(self) -> bool:
        """Whether the first loop is that of the vectors."""
        return self.vector_axis == 0 and not self.rows

    def bounds(self, axis: int) -> tuple[Value | int, Value | int]:
        """Where the loop of an axis begins and ends."""
        if axis == 0 and self.span is not None:
            return self.span.first, self.span.last
        return 0, self.extents[axis]

    def emit(self) -> None:
        """The code inside the loops over rows."""
        for axis in range(self.rows):
            self._values(axis - 1, 1, None)
        self._level(self.rows)

    def advanced(self, axis: int, i: Value) -> dict[tuple[Variable | None, Access], Value]:
        """Go one row on; the addresses before."""
        before = dict(self.addresses)
        self._advance(axis, i)
        return before

    def _begin_address(
        self, place: Variable, a: Access, dtype: DType, at: Mapping[Variable, Value]
    ) -> None:
        key = place, a
        if key not in self.addresses:
            step = 2 if dtype.kind == "c" else 1
            memory = conversions.memory(dtype)
            self.addresses[key] = self.b.at(at[place], a.offset * step, memory)

    def _fill_empty(self, at: Mapping[Variable, Value]) -> None:
        for w in self.writes:
            if w.statement.combine and w.statement.reduced and w.statement.target.type.size:
                self.fill(w, at[self.storage(w.statement.target)], empty=True)

    def fill(self, w: Write, base: Value, empty: bool = False) -> None:
        """Write the neutral element everywhere."""
        how = w.statement.combine
        assert how is not None
        x = combining.neutral(how, w.dtype, 1, empty)
        memory, step = conversions.memory(w.dtype), 2 if w.dtype.kind == "c" else 1

        def body(i: Value) -> None:
            place = self.b.at(base, self.b.mul(i, step) if step > 1 else i, memory)
            store(self.b, w.dtype, x, place, 1, None)

        self.b.repeat(0, w.statement.target.type.size, body)

    def _level(self, axis: int) -> None:
        """The code inside the loops of the axes before `axis`."""
        starting = [
            i for i, w in enumerate(self.writes) if w.split == axis and self._in_register(w)
        ]
        self._values(axis - 1, 1, None)
        if axis == len(self.extents):
            self._writes(1, None)
            return
        for i in starting:
            self._start_sum(i)
        if axis == self.vector_axis:
            self._vectors(axis)
        else:
            self._outer(axis)
        for i in starting:
            self._finish_sum(i)

    def _in_register(self, w: Write) -> bool:
        return bool(w.statement.reduced) and w.split < len(self.extents)

    def _outer(self, axis: int) -> None:
        saved = dict(self.addresses)

        def body(i: Value) -> None:
            self._advance(axis, i)
            self._level(axis + 1)

        self.b.repeat(*self.bounds(axis), body)
        self.addresses = saved

    def _advance(self, axis: int, i: Value) -> None:
        """Move all addresses along an axis."""
        for (place, a), address in self.addresses.items():
            if place is None and a.strides[axis]:
                self.addresses[place, a] = self.b.add(address, self.b.mul(i, a.strides[axis]))
            elif place is not None and a.strides[axis]:
                dtype = place.type.dtype
                step = a.strides[axis] * (2 if dtype.kind == "c" else 1)
                offset = i if step == 1 else self.b.mul(i, step)
                self.addresses[place, a] = self.b.at(address, offset, conversions.memory(dtype))

    def _vectors(self, axis: int) -> None:
        """The innermost loop."""
        n, width = self.extents[axis], self.width
        whole, rest = divmod(n, width)
        for node in self.order:
            if node.depth < axis:
                self._splat(node, width)
        saved = dict(self.addresses)
        if axis == 0 and self.span is not None:
            self._span(self.span, whole * width, n)
        elif varies(n) and width > 1 and whole:
            self.b.repeat(0, whole * width, lambda i: self._block(axis, i, None), step=width)
            self.addresses = dict(saved)
            left = self.b.icmp("ne", number(rest, "i64"), 0)
            self.b.when(left, lambda: self._block(axis, number(whole * width, "i64"), n))
        elif rest and whole < MASKED:
            self.b.repeat(0, n, lambda i: self._block(axis, i, n), step=width)
        elif whole:
            self.b.repeat(0, whole * width, lambda i: self._block(axis, i, None), step=width)
            if rest:
                self.addresses = dict(saved)
                self._block(axis, number(whole * width, "i64"), n)
        self.addresses = saved

    def _span(self, span: Span, whole: int, n: int) -> None:
        """A part of the innermost loop, which is the only one."""
        saved = dict(self.addresses)
        self.b.repeat(span.first, span.last, lambda i: self._block(0, i, None), step=self.width)
        self.addresses = saved
        either = varies(n) and self.width > 1
        if either or n > whole:
            final, rest = span.final, number(whole, "i64")
            if either:
                left = self.b.icmp("ne", number(n - whole, "i64"), 0)
                final = self.b.both(final, left)
            self.b.when(final, lambda: self._block(0, rest, n))

    def _block(self, axis: int, i: Value, stop: int | None) -> None:
        """One vector of every value; `stop` masks what lies behind it."""
        saved = dict(self.addresses)
        mask = None
        if stop is not None:
            mask = self.b.first_lanes(self.width, self.b.sub(number(stop, "i64"), i))
        self._advance(axis, i)
        self._values(axis, self.width, mask)
        for place, best in self.best.items():
            x = self._seen(self.writes[place].node, self.width)
            assert not isinstance(x, Pair)
            meet(self.b, best, x, i, mask)
        self._writes(self.width, mask)
        self.addresses = saved

    def _values(self, depth: int, width: int, mask: Value | None) -> None:
        """Compute all values that depend on an axis and none behind it."""
        ready: dict[Node, Operand] = {}
        for node in self.order:
            if node.depth != depth:
                continue
            if node in self.partners:
                self.values[node], ready[self.partners[node]] = self._both(node, width)
            else:
                self.values[node] = ready.get(node) or self._value(node, width, mask)

    def _both(self, node: Node, width: int) -> tuple[Operand, Operand]:
        """A sine or cosine, and its partner."""
        (x,) = self._operands(node, width)
        assert node.definition is not None and not isinstance(x, Pair)
        sine, cosine = sine_and_cosine(self.b, x)
        return (sine, cosine) if node.definition.operation.function == "sin" else (cosine, sine)

    def _operands(self, node: Node, width: int) -> list[Operand]:
        """The operands of an operation, as it wants them."""
        assert node.definition is not None
        pairs = zip(node.operands, node.definition.operation.operands, strict=True)
        return [convert(self.b, self._seen(x, width), x.dtype, dtype) for x, dtype in pairs]

    def _value(self, node: Node, width: int, mask: Value | None) -> Operand:
        if node.definition is not None:
            return node.definition.operation.emit(self.b, *self._operands(node, width))
        if node.access is None:
            return constant(node.number, node.dtype, width)
        address = self.addresses[node.place, node.access]
        stride = node.access.strides[-1] if width > 1 else 1
        if node.place is None:
            count = self._with_lanes(self.b.splat(address, width), stride if width > 1 else 0)
            return convert(self.b, count, np.dtype(np.int64), node.dtype)
        if node.positions:
            offset = self._offset(node.positions, width, mask)
            if width_of(offset.type) > 1:
                return load_at(self.b, node.dtype, address, self._with_lanes(offset, stride), mask)
            address = self._stepped(address, offset, node.dtype)
        return load(self.b, node.dtype, width, address, stride, mask)

    def _stepped(self, address: Value, offset: Value, dtype: DType) -> Value:
        if dtype.kind == "c":
            offset = self.b.mul(offset, 2)
        return self.b.at(address, offset, conversions.memory(dtype))

    def _with_lanes(self, offset: Value, stride: int) -> Value:
        """Offsets of lanes that lie a stride apart besides."""
        if not stride:
            return offset
        return self.b.add(offset, steps_of(self.b, width_of(offset.type), stride))

    def _offset(self, positions: Sequence[Step], width: int, mask: Value | None) -> Value:
        """How far positions lead, in elements; one number if it is the same for all lanes."""
        if all([step.node.depth < self.vector_axis for step in positions]):
            width, mask = 1, None
        total: Value | None = None
        for step in positions:
            at = self._seen(step.node, width)
            assert not isinstance(at, Pair)
            steps = self.b.mul(self._checked(at, step.extent, mask), step.stride)
            total = steps if total is None else self.b.add(total, steps)
        assert total is not None
        return total

    def _checked(self, at: Value, extent: int, mask: Value | None) -> Value:
        """A position in place of one that may count from the end; what is out of bounds is noted,
        and 0 taken."""
        b = self.b
        place = b.select(b.icmp("slt", at, 0), b.add(at, extent), at)
        inside = b.icmp("ult", place, extent)
        out = b.xor(inside, 1)
        if mask is not None:
            out = b.both(out, mask)
        status = self.status
        assert status is not None
        b.when(b.any(out), lambda: b.store(number(1, "i32"), status))
        return b.select(inside, place, 0)

    def _seen(self, node: Node, width: int) -> Operand:
        """A value as a vector; numbers are vectors in the code."""
        value = self.values[node]
        first = value.re if isinstance(value, Pair) else value
        if width_of(first.type) == width:
            return value
        return self._splat(node, width)

    def _splat(self, node: Node, width: int) -> Operand:
        if node.access is None and node.definition is None:
            return constant(node.number, node.dtype, width)
        if node not in self.splats:
            value = self.values[node]
            self.splats[node] = (
                Pair(self.b.splat(value.re, width), self.b.splat(value.im, width))
                if isinstance(value, Pair)
                else self.b.splat(value, width)
            )
        return self.splats[node]

    # ---- writing ------------------------------------------------------------------------------

    def _writes(self, width: int, mask: Value | None) -> None:
        for i, w in enumerate(self.writes):
            if i in self.best:
                continue
            value = convert(self.b, self._seen(w.node, width), w.node.dtype, w.dtype)
            if i in self.sums:
                self._add(i, value, width, mask)
                continue
            self._put(w, value, width, mask)

    def _put(self, w: Write, value: Operand, width: int, mask: Value | None) -> None:
        address = self.addresses[self.storage(w.statement.target), w.access]
        stride = w.access.strides[-1] if width > 1 else 1
        if w.positions:
            address = self._stepped(address, self._offset(w.positions, width, mask), w.dtype)
        if w.statement.combine and (not w.statement.initial or w.statement.scattered):
            before = load(self.b, w.dtype, width, address, stride, mask)
            value = combining.combined(self.b, w.statement.combine, w.dtype, before, value)
        store(self.b, w.dtype, value, address, stride, mask)

    def _start_sum(self, i: int) -> None:
        w = self.writes[i]
        assert w.statement.combine is not None
        if in_lanes(w.statement.combine, w.node.dtype):
            extent = self.extents[w.split]
            self.best[i] = begin(self.b, w.statement.combine, w.node.dtype, extent, self.width)
            return
        kind = vector(element(w.dtype), self.width)
        start = combining.neutral(w.statement.combine, w.dtype, self.width)
        if isinstance(start, Pair):
            slots = self.b.slot(kind), self.b.slot(kind)
            for part, slot in zip(start, slots, strict=True):
                self.b.store(part, slot)
            self.sums[i] = slots
        else:
            slot = self.b.slot(kind)
            self.b.store(start, slot)
            self.sums[i] = slot

    def _sum(self, i: int) -> Operand:
        slots, kind = self.sums[i], vector(element(self.writes[i].dtype), self.width)
        if isinstance(slots, tuple):
            return Pair(self.b.load(kind, slots[0]), self.b.load(kind, slots[1]))
        return self.b.load(kind, slots)

    def _add(self, i: int, value: Operand, width: int, mask: Value | None) -> None:
        w = self.writes[i]
        how = w.statement.combine
        assert how is not None
        before = self._sum(i)
        after = combining.combined(self.b, how, w.dtype, before, value)
        slots = self.sums[i]
        if isinstance(slots, tuple):
            assert isinstance(before, Pair) and isinstance(after, Pair)
            for slot, old, new in zip(slots, before, after, strict=True):
                self.b.store(new if mask is None else self.b.select(mask, new, old), slot)
            return
        assert not isinstance(before, Pair) and not isinstance(after, Pair)
        self.b.store(after if mask is None else self.b.select(mask, after, before), slots)

    def _finish_sum(self, i: int) -> None:
        w = self.writes[i]
        assert w.statement.combine is not None
        if i in self.best:
            self._put(w, found(self.b, self.best.pop(i), self.width), 1, None)
            return
        total = combining.across(self.b, w.statement.combine, w.dtype, self._sum(i))
        del self.sums[i]
        self._put(w, total, 1, None)


def constant(x: Any, dtype: DType, width: int) -> Operand:
    """A number in all lanes."""
    kind = vector(element(dtype), width)
    if dtype.kind == "c":
        return Pair(number(x.real, kind), number(x.imag, kind))
    return number(x, kind)
