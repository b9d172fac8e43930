"""Writing down a loop that has been found: the body of a scan, its operands and its results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.operands import Prepared
from functrans.control.rolled_loop import Internal, Loop, Outside, Read, Values, Wanted, row_of
from functrans.control.scan_primitive import rows_like, scan_primitive
from functrans.core.algebra import algebra
from functrans.core.primitive import primitive_of
from functrans.core.types import WEAK, ArrayType, type_of
from functrans.graph.graph import Equation, Graph, Variable, operand_type
from functrans.graph.passes.layout import makes_scalars
from functrans.primitives import ARRAY, Index

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

SPARE = 1 << 20
"""Bytes of a stack of values up to which most of its rows may be of no use."""


class Writer:
    """The equations of a graph that is rolled, in their order."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.equations: list[Equation] = []
        self._had: dict[Hashable, Any] = {}

    def value(self, x: Any, line: str) -> Any:
        """An operand, taken from what a loop has returned if it was made there."""
        read = self.values.reads.get(x) if type(x) is Variable else None
        return x if read is None else self.had(read, line)

    def had(self, read: Read, line: str) -> Any:
        """The value that is to be had so."""
        x, row, views = read
        if row is None and not views:
            return x
        key = id(x), row, self.values.views_key(views)
        if key not in self._had:
            if row is not None:
                kind = operand_type(x)
                x = self.part(x, (row,), ArrayType(kind.shape[1:], kind.dtype), line)
            for view in views:
                out = Variable(view.outputs[0].type)
                self.equations.append(view.changed((x,), outputs=(out,)))
                x = out
            self._had[key] = x
        return self._had[key]

    def part(self, x: Any, entries: tuple[Any, ...], kind: ArrayType, line: str) -> Variable:
        """A part of an array."""
        out = Variable(kind)
        params = {"index": Index(entries)}
        index = primitive_of(algebra.index)
        self.equations.append(Equation(index, (x,), params, (out,), line))
        return out


class Scan:
    """The scan that a loop becomes."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.line = loop.block[0].line
        self.prepared = Prepared()
        self.equations: list[Equation] = []  # of the body
        self.made: dict[tuple[int, int], Variable] = {}
        self.shared: dict[Hashable, tuple[Variable, Read]] = {}
        self.rows: dict[Hashable, tuple[Variable, Read, int]] = {}  # the first row, and the step
        self.stacks: list[tuple[Variable, list[Any]]] = []
        self.views: dict[Hashable, Variable] = {}
        self.carried = {
            (*key, j): Variable(self._kind(key))
            for key, lag in loop.slots.items()
            for j in range(1, lag + 1)
        }
        self.initial = dict(loop.initial)

    def _kind(self, key: tuple[int, int]) -> ArrayType:
        offset, output = key
        return self.loop.block[offset].outputs[output].type

    def write(
        self, writer: Writer, accepts: Callable[[Equation], bool]
    ) -> dict[Variable, Read] | None:
        """Write the scan behind the equations of a graph: how the values that are read behind it
        are had; None if it must not be, or is not accepted."""
        kept = self._kept()
        if kept is None or not self._write_body():
            return None
        loop = self.loop
        shared, rows = list(self.shared.values()), list(self.rows.values())
        reverse = bool(rows) and all(step < 0 for _, _, step in rows)
        stacked = [key for key, how in kept.items() if how is None]
        inputs = [v for v, _ in shared] + list(self.carried.values())
        inputs += [v for v, *_ in rows] + [v for v, _ in self.stacks]
        outputs = [
            self.made[offset, output] if j == 1 else self.carried[offset, output, j - 1]
            for offset, output, j in self.carried
        ]
        outputs += [self.made[key] for key in stacked]
        body = Graph("block", inputs, self.equations, outputs).pruned()

        operands = [writer.had(read, self.line) for _, read in shared]
        operands += [writer.value(self.initial[slot], self.line) for slot in self.carried]
        operands += [self._sequence(writer, read, step, reverse) for _, read, step in rows]
        operands += [stack_of(xs[::-1] if reverse else xs) for _, xs in self.stacks]
        finals = {slot: Variable(v.type) for slot, v in self.carried.items()}
        made = {
            key: Variable(ArrayType((loop.count, *self._kind(key).shape), self._kind(key).dtype))
            for key in stacked
        }
        params = {
            "body": body,
            "consts": len(shared),
            "carry": len(self.carried),
            "length": loop.count,
            "reverse": reverse,
            "checkpoint": None,
        }
        scan = primitive_of(scan_primitive)
        results = (*finals.values(), *made.values())
        equation = Equation(scan, tuple(operands), params, results, self.line)
        if not accepts(equation):
            return None
        writer.equations.append(equation)

        reads = {}
        for v, how in loop.wanted.items():
            if isinstance(how, Read):
                reads[v] = how
            elif how.key in made:
                row = loop.count - 1 - how.number if reverse else how.number
                reads[v] = Read(made[how.key], row, how.views)
            else:
                reads[v] = Read(finals[(*how.key, loop.count - how.number)], None, how.views)
        return reads

    def _kept(self) -> dict[tuple[int, int], int | None] | None:
        """For each value that is read behind the loop, for how many of the last blocks it is
        carried; None where it is stacked. None for all if that would take too much memory."""
        loop = self.loop
        numbers: dict[tuple[int, int], set[int]] = {}
        for how in loop.wanted.values():
            if isinstance(how, Wanted):
                numbers.setdefault(how.key, set()).add(how.number)
        kept: dict[tuple[int, int], int | None] = {}
        for key, found in numbers.items():
            ago = loop.count - min(found)
            if ago == 1 or ago <= loop.slots.get(key, 0):
                kept[key] = ago
                if (*key, 1) not in self.carried:
                    kind = self._kind(key)
                    self.carried[(*key, 1)] = Variable(kind)
                    self.initial[(*key, 1)] = np.zeros(kind.shape, kind.dtype)
                continue
            kind = self._kind(key)
            size = loop.count * kind.nbytes
            if kind.weak or (4 * len(found) < loop.count and size > SPARE):
                return None
            if not kind.ndim and not makes_scalars(loop.block[key[0]]):
                return None
            kept[key] = None
        return kept

    # The body

    def _write_body(self) -> bool:
        loop = self.loop
        for offset, equation in enumerate(loop.block):
            outputs = tuple([Variable(v.type) for v in equation.outputs])
            self.made.update({(offset, j): v for j, v in enumerate(outputs)})
            if loop.drops(offset):
                continue
            inputs = [self._operand(offset, k) for k in range(len(equation.inputs))]
            if any(x is None for x in inputs):
                return False
            params = equation.params
            if loop.steps[offset]:
                rest = params["index"].entries[1:]
                params = {**params, "index": Index((ARRAY, *rest), unique=True)}
                first, last = (row_of(self._equation(i, offset)) for i in (0, 1))
                places = [first + i * (last - first) for i in range(loop.count)]  # type: ignore[operator]
                inputs.append(self._stack(list(map(np.intp, places))))
            self.equations.append(equation.changed(tuple(inputs), params, outputs))
        return True

    def _equation(self, number: int, offset: int) -> Equation:
        loop = self.loop
        return loop.values.equations[loop.start + number * loop.period + offset]

    def _operand(self, offset: int, k: int) -> Any:
        """The operand in the body; None if there cannot be one."""
        x = self.loop.pattern[offset][k]
        if x is None:
            return self._constant(offset, k)
        if isinstance(x, Internal):
            if not x.delay:
                return self.made[x.offset, x.output]
            key, views = self.loop.base_of(x)
            return self._viewed(self.carried[(*key, x.delay)], views)
        return self._outside(x, offset, k)

    def _outside(self, x: Outside, offset: int, k: int) -> Any:
        source, _, views = x.read
        if not x.step:
            key = id(source), x.read.row, self.loop.values.views_key(views)
            if key not in self.shared:
                kind = self.loop.block[offset].inputs[k].type
                self.shared[key] = Variable(kind), x.read
            return self.shared[key][0]
        first = self.loop.values.read(self._equation(0, offset).inputs[k])
        key = id(source), first.row, x.step
        if key not in self.rows:
            kind = operand_type(source)
            variable = Variable(ArrayType(kind.shape[1:], kind.dtype))
            self.rows[key] = variable, first, x.step
        return self._viewed(self.rows[key][0], views)

    def _viewed(self, x: Variable, views: tuple[Equation, ...]) -> Variable:
        """A view of a value that comes into the body."""
        if not views:
            return x
        key = x, self.loop.values.views_key(views)
        if key not in self.views:
            y = self._viewed(x, views[:-1])
            self.views[key] = Variable(views[-1].outputs[0].type)
            self.equations.append(views[-1].changed((y,), outputs=(self.views[key],)))
        return self.views[key]

    def _constant(self, offset: int, k: int) -> Any:
        """A constant, or an element of the stack of the blocks' constants."""
        loop = self.loop
        key = loop.values.keys.of
        equations = [self._equation(i, offset) for i in range(loop.count)]
        first = equations[0].inputs[k]
        if all(e.inputs[k] is first for e in equations):
            return first
        if len({key(e.inputs[k]) for e in equations}) == 1:
            return first
        if len({type(e.inputs[k]) for e in equations}) > 1:
            return None
        if type(first) in WEAK or not type_of(first).ndim and type(first) is np.ndarray:
            equations = [self.prepared.of(e) for e in equations]
        constants = [e.inputs[k] for e in equations]
        return self._stack(constants)

    def _stack(self, constants: list[Any]) -> Variable | None:
        """The element for each block of a sequence of constants."""
        kinds = {type_of(x) for x in constants}
        strides = {x.strides for x in constants if type(x) is np.ndarray}
        (kind, *others) = kinds
        dense = all(type(x) is not np.ndarray or _is_dense(x) for x in constants)
        if kind.weak or others or len(strides) > 1 or not dense:
            return None
        variable = Variable(kind)
        self.stacks.append((variable, constants))
        return variable

    def _sequence(self, writer: Writer, first: Read, step: int, reverse: bool) -> Any:
        """The part of an array that the blocks go along."""
        count = self.loop.count
        start, x = first.row or 0, first.source
        kind = operand_type(x)
        if reverse:
            start, step = start + (count - 1) * step, -step
        end = start + (count - 1) * step
        if start == 0 and step == 1 and count == kind.shape[0]:
            return x
        stop = end + (1 if step > 0 else -1)
        part = slice(start, None if stop < 0 else stop, step)
        return writer.part(x, (part,), ArrayType((count, *kind.shape[1:]), kind.dtype), self.line)


def _is_dense(x: np.ndarray[Any, Any]) -> bool:
    """Whether an array lies densely in memory, its axes in any order."""
    order = sorted(range(x.ndim), key=lambda a: (-x.strides[a], x.shape[a] != 1))
    return x.transpose(order).flags.c_contiguous


def stack_of(constants: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Constants of one type as a sequence, each lying in memory as it did."""
    sequence = rows_like(constants[0], len(constants), type_of(constants[0]))
    for i, x in enumerate(constants):
        sequence[i] = x
    return sequence
