"""Whether a function in forward mode tells equal eigenvalues or singular values apart.

Such a function has no derivative, but the tangent of each of several equal values is a number, and
what becomes of it later no rule knows. So where a tangent parts equal values, a :class:`Telling`
comes below the innermost Forward: a Batch whose first lane has the tangents, and the others the
same with the rates of equal values shifted, against each other and together. At the end
(`Forward.delivered`) a result that depends on the first shift, compared with the second, tells.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.algebra import algebra
from functrans.core.array import TracedArray, snapshot
from functrans.core.cotangent import plain
from functrans.core.errors import user_line
from functrans.core.interpreter import is_left, stack, under
from functrans.transforms.batching import Batch, BatchArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.interpreter import Interpreter
    from functrans.core.primitive import HigherOrder, Primitive
    from functrans.core.types import Array
    from functrans.transforms.forward import Forward

LANES = 3
"""The tangents, and those with each of two shifts of rates."""


class _Lines(threading.local):
    """Where the operation comes from that is carried out, if a graph says so."""

    line = ""


lines = _Lines()


class Telling(Batch):
    """Carries tangents with the rates of equal values shifted; it lies below a Forward.

    Attributes
    ----------
    found : list of tuple
        For each decomposition its values, what checks a tangent with what the shifts add to it, and
        at which line.
    within : list of callable
        For each loop or branch with decompositions within what checks a tangent.
    """

    __slots__ = ("found", "within")

    def __init__(self, parent: Interpreter | None) -> None:
        super().__init__(LANES)
        self.parent = parent
        self.found: list[tuple[Array, Any, str]] = []
        self.within: list[Any] = []

    def first(self, x: Any) -> Any:
        """What stands for a value without shifts."""
        return algebra.first_axis(x.value, 0) if self.owns(x) else x

    def shifted(self, t: Any, shifts: tuple[Array, ...]) -> BatchArray:
        """A tangent of values with the shifts of their rates."""
        lanes = [t] * LANES
        if self.owns(t):
            lanes = [algebra.first_axis(t.value, i) for i in range(LANES)]
        shifted = [algebra.add(lane, s) for lane, s in zip(lanes[1:], shifts, strict=True)]
        return BatchArray(self, algebra.stack([lanes[0], *shifted]))

    def checked(self, t: BatchArray) -> Any:
        """The tangent of a result, once it is known whether the shifts change it."""
        with under(self.parent):
            own, *others = (algebra.first_axis(t.value, i) for i in range(LANES))
            changes = [algebra.add(lane, algebra.negative(own)) for lane in others]
            for _, check, line in self.found:
                own = check(own, *changes, line)
            for check in self.within:
                own = check(own, *changes, [w for w, _, _ in self.found])
        return own


def innermost(forward: Interpreter) -> bool:
    """Whether no other transform that differentiates takes what an operation returns."""
    if stack.deriving:
        return False
    above = stack.top
    while above is not None and above is not forward:
        if above.differentiates:
            return False
        above = above.parent
    return above is forward


def traced_below(x: Any) -> bool:
    """Whether a value that an operation of the innermost transform takes is traced by another that
    takes derivatives: then these are known by an Expansion."""
    while isinstance(x, TracedArray):
        if x.interpreter.differentiates:
            return True
        x = x.underlying
    return False


def differentiated(below: Interpreter | None) -> bool:
    """Whether a transform among these takes derivatives."""
    while below is not None:
        if below.differentiates:
            return True
        below = below.parent
    return False


def told(
    forward: Forward,
    primitive: Primitive,
    ans: Any,
    out: Any,
    primals: list[Any],
    tangents: list[Any],
    params: dict[str, Any],
) -> Any:
    """The tangents of an operation with equal values among its outputs, those of the values with
    their shifts."""
    if not innermost(forward) or traced_below(forward.bare(primals[0])):
        return out
    single = primitive.outputs is None
    outs, ts = ((ans,), (out,)) if single else (ans, out)
    if forward.splitting is not None and any(map(forward.splitting.owns, outs)):
        return out  # the series tells
    outs = tuple(map(forward.bare, outs))
    primals = [forward.bare(x) for x in primals]
    given = [forward.bare(plain(t)) for t in tangents]
    telling = forward.telling
    below = forward.parent if telling is None else telling.parent
    with under(below):
        if telling is not None:
            given = [telling.first(t) for t in given]
        found = primitive.tells(outs, primals, given, params)  # type: ignore[misc]
        if found is None:
            return out
        place, shifts, check = found
        telling = told_below(forward)
        telling.found.append((outs[place], check, lines.line or user_line()))
        values = telling.shifted(ts[place], shifts)
    return values if single else (*ts[:place], values, *ts[place + 1 :])


def told_below(forward: Forward) -> Telling:
    """The interpreter below that carries shifts, which is to carry more of them."""
    forward.refuse_if_sealed()
    if forward.telling is None:
        forward.parent = forward.telling = Telling(forward.parent)
    telling: Telling = forward.telling
    return telling


def opened(
    interpreter: Interpreter,
    higher: HigherOrder,
    args: Sequence[Any],
    params: dict[str, Any],
    backward: bool,
) -> tuple[Any, ...] | None:
    """The outputs of an operation with graphs, carried out in pieces if there are decompositions
    within: by itself a gradient needs no more of values than the derivative of the operation."""
    alone = innermost(interpreter) and not differentiated(interpreter.parent)
    run = higher.opened(params, alone, backward)
    if run is None:
        return None

    def at(line: str) -> None:
        lines.line = line

    before = lines.line
    try:
        with under(interpreter):
            outs = run(list(args), at)
            return None if outs is None else tuple(map(snapshot, outs))  # some may be operands
    finally:
        lines.line = before


def told_within(
    forward: Forward,
    higher: HigherOrder,
    primals: list[Any],
    tangents: list[Any],
    params: dict[str, Any],
) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """An operation with graphs, with shifts of the rates of equal values within for an operand."""
    shifted = higher.shifted(params)
    series = differentiated(forward.parent) and not is_left()  # then these tell
    if shifted is None or series or not innermost(forward):
        return primals, tangents, params
    telling = told_below(forward)
    telling.within.append(shifted.check)
    place = shifted.place
    shifts = np.eye(LANES)[:, 1:]
    return (
        [*primals[:place], np.zeros(LANES - 1), *primals[place:]],
        [*tangents[:place], BatchArray(telling, shifts), *tangents[place:]],
        shifted.params,
    )
