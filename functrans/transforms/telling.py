"""Whether a function in forward mode tells equal eigenvalues or singular values apart.

Such a function has no derivative, but the tangent of each of several equal values is a number, and
what becomes of it later no rule knows. So where a tangent parts equal values, a :class:`Telling`
comes below the innermost Forward: a Batch whose first lane has the tangents, and the others the
same with the rates of equal values shifted, against each other and together. At the end
(`Forward.delivered`) a result that depends on the first shift, compared with the second, tells. In
the last lane singular values that vanish have rates, by which a derivative of the result knows what
they do to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core.algebra import algebra
from functrans.core.errors import user_line
from functrans.core.interpreter import stack, under
from functrans.transforms.batching import Batch, BatchArray

if TYPE_CHECKING:
    from functrans.core.interpreter import Interpreter
    from functrans.core.primitive import Primitive
    from functrans.core.types import Array

LANES = 4
"""The tangents, and those with each of three shifts of rates."""


class Telling(Batch):
    """Carries tangents with the rates of equal values shifted; it lies below a Forward.

    Attributes
    ----------
    found : list of tuple
        For each decomposition its matrix, what checks a tangent with what two shifts add to it,
        at which line, and what does so for its derivative, or None.
    """

    __slots__ = ("found",)

    def __init__(self, parent: Interpreter | None) -> None:
        super().__init__(LANES)
        self.parent = parent
        self.found: list[tuple[Array, Any, str, Any]] = []

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
            bending = {id(x): bend for x, _, _, bend in self.found if bend is not None}
            for _, check, line, _ in self.found:
                own = check(own, *changes[:2], line)
            for bend in bending.values():
                own = bend(own, changes, len(bending) == 1)
        return own


def innermost(forward: Interpreter) -> bool:
    """Whether no other transform that differentiates takes what an operation returns."""
    above = stack.top
    while above is not None and above is not forward:
        if above.differentiates:
            return False
        above = above.parent
    return above is forward


def differentiated(below: Interpreter | None) -> bool:
    """Whether a transform among these takes derivatives."""
    while below is not None:
        if below.differentiates:
            return True
        below = below.parent
    return False


def told(
    telling: Telling | None,
    parent: Interpreter | None,
    primitive: Primitive,
    outs: Any,
    tangents: tuple[Any, ...],
    operands: tuple[list[Array], list[Any], dict[str, Any]],
) -> tuple[Telling | None, tuple[Any, ...]]:
    """The tangents of an operation with equal values among its outputs, those of the values with
    their shifts, and the interpreter that carries these, below `parent` if it is new."""
    primals, given, params = operands
    below = parent if telling is None else telling.parent
    with under(below):
        plain = given if telling is None else [telling.first(t) for t in given]
        nested = differentiated(below)
        found = primitive.tells(outs, primals, plain, params, nested)  # type: ignore[misc]
        if found is None:
            return telling, tangents
        place, shifts, check, bend = found
        if telling is None:
            telling = Telling(below)
        telling.found.append((primals[0], check, user_line(), bend))
        values = telling.shifted(tangents[place], shifts)
    return telling, (*tangents[:place], values, *tangents[place + 1 :])
