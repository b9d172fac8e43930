"""Equations whose results are written piece by piece: updates of parts, concatenations, padding.

A result that begins as a copy of an operand lies in the operand's memory where nobody needs that
any more. What reads the operand and is needed later, as a row that the update is computed from, is
written down before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from functrans.compile.llvm.code.varying import seen
from functrans.compile.llvm.plans.affine import FIXED, Coordinate, IndexMap, broadcast
from functrans.compile.llvm.plans.extrema import EXTREMA, enter_position
from functrans.compile.llvm.plans.statements import Elementwise, Moved, Statement, Uniform
from functrans.core.types import ArrayType
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from functrans.compile.llvm.plans.positions import Position
    from functrans.compile.llvm.plans.statements import Statements
    from functrans.core.types import Shape
    from functrans.graph.graph import Equation


def _readers(s: Statements, x: Variable, equation: Equation) -> list[Variable] | None:
    """The definitions that read a value and are needed by an equation that overwrites it, or after;
    None if the value itself is, or another that lies in its memory."""
    others = set(equation.inputs[1:])
    if s.needed_later(x) or x in others or not s.may_change(x):
        return None
    top = x
    while top in s.aliases and top not in s.rewritten:
        top = s.aliases[top]
        if s.needed_later(top) or top in others:
            return None
    found: list[Variable] = []
    waiting = [top]
    seen = {top}
    while waiting:
        for y in s.users.get(waiting.pop(), ()):
            if y in seen:
                continue
            seen.add(y)
            needed = y is not x and (s.needed_later(y) or y in others)
            if needed and y in s.aliases:
                return None
            if needed:
                found.append(y)
            else:
                waiting.append(y)
    return found


def _base(s: Statements, equation: Equation) -> tuple[Variable, ...]:
    """Let the result of an equation begin as its first operand; what to write down before."""
    x, (out,) = equation.inputs[0], equation.outputs
    found = _readers(s, x, equation)
    own = isinstance(s.definitions.get(x), Elementwise | None)
    s.rewritten.add(out)
    if found is None or not own or sum([y.type.size for y in found]) > x.type.size:
        s.alias(out, s.copy(x))
        return ()
    s.stored.update(found)
    s.kept.update(found)
    s.alias(out, x)
    return tuple(found)


def _write_region(s: Statements, equation: Equation, combine: str | None) -> None:
    _, y, *arrays = equation.inputs
    (out,) = equation.outputs
    index = equation.params["index"]
    into, places = s.followed(out.type.shape, index, arrays)
    space = seen(index.shape(out.type.shape, tuple([a.type.shape for a in arrays])))
    before = _base(s, equation)
    _write(s, out, space, y, into, combine, places, before)


def _write(
    s: Statements,
    out: Variable,
    space: Shape,
    y: Variable,
    into: IndexMap,
    combine: str | None,
    places: tuple[Position, ...] = (),
    before: tuple[Variable, ...] = (),
) -> None:
    if y.type.shape != space:
        shown = Variable(ArrayType(space, y.type.dtype))
        shape = y.type.shape
        while len(shape) > len(space):  # NumPy drops axes of length 1 in front
            shape = shape[1:]
        index = broadcast(shape, space)
        dropped = y.type.ndim - len(shape)
        s.define(shown, Moved(y, (FIXED,) * dropped + index))
        y = shown
    y = s.converted(y, out.type.dtype)
    s.step(Statement(out, space, y, into, combine, (), False, places, before))


def _concatenate(s: Statements, equation: Equation) -> None:
    (out,) = equation.outputs
    axis = equation.params["axis"]
    start = 0
    for x in equation.inputs:
        shape = x.type.shape
        into = tuple([Coordinate(i, start if i == axis else 0, 1) for i in range(len(shape))])
        x = s.converted(x, out.type.dtype)
        s.step(Statement(out, shape, x, into))
        start += shape[axis]


def _roll(s: Statements, equation: Equation) -> None:
    (x,) = equation.inputs
    (out,) = equation.outputs
    shift, axis = equation.params["shift"], equation.params["axis"]
    size = x.type.shape[axis]
    # What goes beyond the end comes first.
    for start, count, place in ((size - shift, shift, 0), (0, size - shift, shift)):
        _piece(s, out, x, axis, count, start, place)


def _shift(s: Statements, equation: Equation) -> None:
    (x,) = equation.inputs
    (out,) = equation.outputs
    axis, reverse = equation.params["axis"], equation.params.get("reverse", False)
    shape = x.type.shape
    size = shape[axis]
    zero = Variable(ArrayType(shape, out.type.dtype))
    s.definitions[zero] = Uniform(out.type.dtype.type(0))
    for value, count, start, place in (
        (zero, min(size, 1), 0, size - 1 if reverse else 0),
        (x, max(size - 1, 0), int(reverse), int(not reverse)),
    ):
        _piece(s, out, value, axis, count, start, place)


def _piece(
    s: Statements, out: Variable, x: Variable, axis: int, count: int, start: int, place: int
) -> None:
    """Write so many elements along an axis of a value, from one place, to another place."""
    shape = x.type.shape
    part = Variable(ArrayType((*shape[:axis], count, *shape[axis + 1 :]), x.type.dtype))
    where = tuple([Coordinate(i, start if i == axis else 0, 1) for i in range(len(shape))])
    into = tuple([Coordinate(i, place if i == axis else 0, 1) for i in range(len(shape))])
    s.define(part, Moved(x, where))
    s.step(Statement(out, part.type.shape, part, into))


def _pad(s: Statements, equation: Equation) -> None:
    (x,) = equation.inputs
    (out,) = equation.outputs
    zero = s.variable(np.broadcast_to(np.zeros((), out.type.dtype), out.type.shape))
    filled = s.copy(zero)
    s.alias(out, filled)
    widths = equation.params["widths"]
    into = tuple([Coordinate(i, low, 1) for i, (low, _) in enumerate(widths)])
    _write(s, out, x.type.shape, x, into, None)


WRITERS: Mapping[str, Callable[[Statements, Equation], None]] = {
    "index_add": lambda s, e: _write_region(s, e, "sum"),
    "index_update": lambda s, e: _write_region(s, e, None),
    "concatenate": _concatenate,
    "pad": _pad,
    "roll": _roll,
    "shift": _shift,
    **dict.fromkeys(EXTREMA, enter_position),
}
"""How the equations of some primitives are entered."""
