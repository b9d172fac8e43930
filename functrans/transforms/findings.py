"""What is found of NaN and infinities, and how it reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import ArrayType, dtype_of

if TYPE_CHECKING:
    from functrans.transforms.circumstances import Operation

KINDS = ("nan", "inf")


def bad_elements(value: Any) -> tuple[Any, Any]:
    """The elements that are NaN, and those that are infinite."""
    if value is None or dtype_of(value).kind not in "fc":
        return _NONE, _NONE
    return np.isnan(value), np.isinf(value)


_NONE = np.zeros((), bool)


SMALL = 6
"""Up to how many elements an array is shown whole."""


@dataclass(frozen=True, eq=False)
class Seen:
    """An array as it was when something was found, with the element that matters, if one does."""

    type: ArrayType
    value: Any = field(repr=False)
    index: tuple[int, ...] | None

    def __str__(self) -> str:
        if not self.type.shape:
            return f"{self.value}, {self.type}"
        if self.index is not None:
            return f"{self.value[self.index]}, at {list(self.index)} of {self.type}"
        if self.type.size <= SMALL:
            values = np.array2string(np.asarray(self.value), separator=", ").replace("\n", "")
            return f"{values}, {self.type}"
        good = self.value[np.isfinite(self.value)]
        found = zip(("NaN", "infinite"), bad_elements(self.value), strict=True)
        parts = [f"{np.count_nonzero(bad)} {word}" for word, bad in found if bad.any()]
        if good.size and dtype_of(good).kind != "c":
            parts.append(f"the rest from {good.min()} to {good.max()}")
        return f"{self.type}, {', '.join(parts) or 'no number'}"


@dataclass(frozen=True, eq=False)
class Origin:
    """What made a NaN or an infinity.

    Attributes
    ----------
    kind : str
        ``"nan"`` or ``"inf"``.
    operation : str
        The name of the primitive that made it; empty for what was given.
    line : str
        The user's line.
    given : str
        What held it from the beginning: an argument or a constant; empty if it was made.
    operands, result : what went in and came out
    lane : tuple of int
        The first lane that has it, the outermost vmap first; empty outside of vmap.
    mode : str
        ``"backward"`` or ``"tangent"`` in a derivative rule, otherwise empty.
    rule : Operation or None
        The operation of the program whose derivative that rule gives, with its line.
    within : str
        The operation whose graph it is an operation of (``scan``, ``cond``), with its line and the
        run of the graph; empty outside of graphs.
    causes : tuple of Origin
        What made the infinities that a NaN was made of.
    """

    kind: str
    operation: str = ""
    line: str = ""
    given: str = ""
    operands: tuple[Seen, ...] = ()
    result: Seen | None = None
    lane: tuple[int, ...] = ()
    mode: str = ""
    rule: Operation | None = None
    within: str = ""
    causes: tuple[Origin, ...] = ()
    serial: int = 0

    def __str__(self) -> str:
        what = "NaN" if self.kind == "nan" else "infinity"
        if self.given:
            place = f" at {list(self.result.index)}" if self.result and self.result.index else ""
            where = f", met by {self.operation} at {self.line}," if self.operation else ""
            return f"{self.given}{where} holds {what}{place}"
        text = f"{what} was made by {self.operation} at {self.line}"
        if self.rule is not None:
            rule = f"{self.rule.name}{f' at {self.rule.line}' if self.rule.line else ''}"
            phase = "in the backward pass" if self.mode == "backward" else "in forward mode"
            by = f"by {self.operation} {phase}, in" if self.operation else f"{phase}, by"
            text = f"{what} was made {by} the derivative of {rule}"
        if self.within:
            text += f", in {self.within}"
        if self.lane:
            text += f", in lane {', '.join(map(str, self.lane))}"
        lines = [text, *(f"  operand {i}: {x}" for i, x in enumerate(self.operands))]
        lines.append(f"  result: {self.result}")
        for cause in {origin.serial: origin for origin in self.causes}.values():
            lines += str(cause).splitlines()
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Explanation:
    """What :func:`explain_nan` found; true if there is a NaN or an infinity in the result.

    Attributes
    ----------
    origin : Origin or None
        What made it; None if the result is finite.
    value : pytree
        The result of the function.
    """

    function: str
    origin: Origin | None
    value: Any = field(repr=False)

    def __bool__(self) -> bool:
        return self.origin is not None

    def __repr__(self) -> str:
        head = f"explain_nan({self.function}): the result"
        if self.origin is None:
            return f"{head} has no NaN and no infinity"
        what = "NaN" if self.origin.kind == "nan" else "infinity"
        lines = "\n".join(f"  {line}" for line in str(self.origin).splitlines())
        return f"{head} has {what}.\n{lines}"
