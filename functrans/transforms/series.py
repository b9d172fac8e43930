"""Laurent series in a small number e as values of an interpreter.

A series is ``e**low * (c0 + c1 e + ... + cm e**m)``. The regular factor is carried by m transforms
of forward mode, one in another: with ``e = e1 + ... + em`` and ``ei**2 = 0`` these carry ``k!``
times the coefficient of ``e**k`` for each k of the m. So every operation, loops and functions with
rules of their own included, has its expansion by the rules that it has anyway. Powers in front need
more: an operation that is linear in an operand with poles is linear in its power of e too.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.algebra import algebra
from functrans.core.array import TracedArray, duplicate, snapshot
from functrans.core.cotangent import plain, zeros
from functrans.core.interpreter import Interpreter, under
from functrans.core.primitive import ZERO, Rule
from functrans.core.types import Array, Shape, dtype_of, is_array, is_inexact, shape_of, type_of
from functrans.primitives.arithmetic import absolute, multiply
from functrans.primitives.comparison import (
    maximum,
    where,
)
from functrans.primitives.reduction import max as largest_of
from functrans.transforms.batching import Batch
from functrans.transforms.forward import Forward, ForwardArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.primitive import Primitive


class ExpandedArray(TracedArray):
    """A Laurent series ``e**low * content``.

    `content` is a value of the innermost level, `known` tells how many of its
    coefficients are right, and `peak` is the size of what it was added up from, by which rounding
    is told from a pole: None, if it has no poles, for the size of its value. `derived` tells
    whether it comes of a rule of a derivative, and so may depend on the path, and `depth` how many
    decompositions it comes of, each of what another returned. `point` is what a matrix stays at
    that is decomposed (`Expansion.decomposed`).
    """

    __slots__ = ("content", "depth", "derived", "known", "low", "peak", "point")

    interpreter: Series

    def __init__(
        self,
        interpreter: Series,
        content: Array,
        low: int = 0,
        known: float = inf,
        peak: Any = None,
        derived: bool = False,
        depth: int = 0,
        point: Any = None,
    ) -> None:
        self.interpreter = interpreter
        self.place = None
        self.derived = derived
        self.depth = depth
        self.point = point
        self.content = content
        self.low = low
        self.known = known
        self.peak = peak

    @property
    def underlying(self) -> Any:
        return self.content

    def snapshot(self) -> ExpandedArray:
        return self.with_content(self.content)

    def duplicate(self) -> ExpandedArray:
        return self.with_content(duplicate(self.content))

    def with_content(self, content: Any) -> ExpandedArray:
        """The same with another content."""
        parts = self.low, self.known, self.peak, self.derived, self.depth, self.point
        return ExpandedArray(self.interpreter, content, *parts)

    def release(self) -> None:
        self.content = None

    def become(self, content: Any) -> None:
        if not self.interpreter.owns(content):
            self.check_constant(content)
            content = ExpandedArray(self.interpreter, snapshot(content))
        self.content, self.low = content.content, content.low
        self.known, self.peak = content.known, content.peak
        self.derived, self.depth, self.point = content.derived, content.depth, content.point

    @property
    def shape(self) -> Shape:
        return shape_of(self.content)

    @property
    def dtype(self) -> np.dtype[Any]:
        return dtype_of(self.content)

    @property
    def weak(self) -> bool:
        return type_of(self.content).weak

    def concrete(self, wanted: str) -> Any:
        value = self.interpreter.value(self)
        if self.interpreter.paths.owns(value):
            with under(self.interpreter.paths.parent):
                value = algebra.first_axis(value.value, 0)
        return value.concrete(wanted) if isinstance(value, TracedArray) else value


class Level(Forward):
    """Carries one of the small numbers whose sum is e."""

    __slots__ = ()

    differentiates = False

    def __init__(self, parent: Interpreter) -> None:
        super().__init__(None, "expansion")
        self.parent = parent


class Series(Interpreter):
    """Carries series, along several paths at a time.

    Attributes
    ----------
    paths : Batch
        The lanes of the paths. Coefficients are values of it or constants to it.
    levels : list of Level
        From the outermost; the last is the one that carries the regular factors.
    """

    __slots__ = ("levels", "paths")

    def __init__(self, parent: Interpreter | None, paths: int, order: int) -> None:
        super().__init__(None)
        self.paths = Batch(paths)
        self.paths.parent = parent
        self.levels: list[Level] = []
        below: Interpreter = self.paths
        for _ in range(order):
            below = Level(below)
            self.levels.append(below)
        self.parent = below

    def owns(self, x: Any) -> bool:
        return type(x) is ExpandedArray and x.interpreter is self

    def fresh(self, content: Array) -> Any:
        return ExpandedArray(self, content)

    def coefficients(self, x: Any, level: int | None = None) -> list[Any]:
        """Those of a content; None for zero."""
        level = len(self.levels) if level is None else level
        if level == 0:
            return [x]
        below = self.levels[level - 1]
        if not below.owns(x):
            return [*self.coefficients(x, level - 1), None]
        found = self.coefficients(x.primal, level - 1)
        last = None
        if x.tangent is not None:
            last = self.coefficients(plain(x.tangent), level - 1)[-1]
        return [*found, None if last is None else multiply(1 / level, last)]

    def content(self, coefficients: Sequence[Any], level: int | None = None) -> Any:
        """The value that stands for a series."""
        level = len(self.levels) if level is None else level
        first, *rest = coefficients
        if all(c is None for c in rest):
            return first
        if first is None:
            first = zeros(type_of(next(c for c in rest if c is not None)))
        rates = [None if c is None else multiply(k + 1, c) for k, c in enumerate(rest)]
        primal = self.content([first, *rest[:-1]], level - 1)
        return ForwardArray(self.levels[level - 1], primal, self.content(rates, level - 1))

    def shifted(self, content: Any, by: int) -> Any:
        """A content times ``e**by``."""
        if not by:
            return content
        coefficients = self.coefficients(content)
        kept = [None] * by + coefficients[: max(0, len(coefficients) - by)]
        return self.content_or_zero(kept[: len(coefficients)], content)

    def content_or_zero(self, coefficients: list[Any], like: Any) -> Any:
        if all(c is None for c in coefficients):
            return zeros(type_of(like))
        return self.content(coefficients)

    def value(self, x: Any) -> Any:
        """The coefficient of ``e**0``."""
        if not self.owns(x):
            return x
        with under(self.paths):
            place = -x.low
            coefficients = self.coefficients(x.content)
            found = coefficients[place] if place < len(coefficients) else None
            return zeros(type_of(x)) if found is None else found

    def constant(self, x: Any) -> Any:
        """What does not depend on e."""
        return ExpandedArray(self, x) if self.paths.owns(x) else x

    def size(self, x: Any) -> Any:
        """How large the elements of a value are that rounding is compared with."""
        if self.owns(x) and x.peak is not None:
            return x.peak
        return self.magnitude([self.value(x)])

    def magnitude(self, parts: Sequence[Any]) -> Any:
        found: Any = None
        with under(self.paths):
            for part in parts:
                if part is None:
                    continue
                sizes = absolute(part)
                n = len(shape_of(sizes))
                if 0 in shape_of(sizes):
                    continue
                size = largest_of(sizes, axes=tuple(range(n))) if n else sizes
                found = size if found is None else maximum(found, size)
        return 0.0 if found is None else found

    def chosen(self, mask: Any, ones: list[Any], others: list[Any]) -> list[Any]:
        """Coefficients of one series where a mask is true, and of another elsewhere."""
        return [
            None
            if a is None and b is None
            else where(mask, 0 if a is None else a, 0 if b is None else b)
            for a, b in zip(ones, others, strict=True)
        ]

    def lanes(self, x: Any) -> list[Any]:
        """A value on each path."""
        if not self.paths.owns(x):
            return [x] * self.paths.size
        with under(self.paths.parent):
            return [algebra.first_axis(x.value, i) for i in range(self.paths.size)]

    # Operations.

    def wrapped(
        self, content: Any, args: Sequence[Any], low: int, known: float, peak: Any = None
    ) -> Any:
        """What an operation on the contents of these returned, as a series."""
        if not is_inexact(dtype_of(content)) and not isinstance(content, TracedArray):
            return content
        mine = [x for x in args if self.owns(x)]
        derived = any(x.derived for x in mine)
        return ExpandedArray(self, content, low, known, peak, derived, max(x.depth for x in mine))

    def exact(self, primitive: Primitive, args: tuple[Array, ...]) -> bool:
        """Whether the output is a polynomial of the degree of the operands."""
        needs = linear_operands(primitive, len(args))
        mine = {i for i, x in enumerate(args) if self.owns(x)}
        return all(i in needs and not needs[i] & mine for i in mine)

    def aligned(
        self, primitive: Primitive, args: tuple[Array, ...], poles: list[int]
    ) -> tuple[tuple[Any, ...], int, Any] | None:
        """The operands with contents that an operation takes as it takes the series, with what it
        is to be multiplied by, and how large its parts are. None: it is not linear in those with
        poles."""
        needs = linear_operands(primitive, len(args))
        if not needs.keys() >= set(poles):
            return None
        others = [
            i
            for i, x in enumerate(args)
            if i not in poles and (self.owns(x) or is_array(x)) and is_inexact(dtype_of(x))
        ]
        added = [j for j in others if j in needs and all(j not in needs[i] for i in poles)]
        factors = [j for j in others if j not in added]
        if any(j not in needs[i] for j in factors for i in poles):
            return None
        sizes = [self.size(args[i]) for i in poles]
        with under(self.paths):
            if all(j not in needs[i] for i in poles for j in poles if i != j):
                low = min(args[i].low for i in poles)
                peak = sizes[0]
                for size in [*sizes[1:], *[self.size(args[j]) for j in added]]:
                    peak = maximum(peak, size)
                given = [
                    self.lowered(x, low) if i in poles or i in added else x
                    for i, x in enumerate(args)
                ]
            elif not added and all(j in needs[i] for i in poles for j in poles if i != j):
                low = sum(args[i].low for i in poles)
                peak = sizes[0]
                for size in sizes[1:]:
                    peak = multiply(peak, size)
                given = list(args)
            else:
                return None
            for j in factors:
                peak = multiply(peak, self.size(args[j]))
        return tuple(given), low, peak

    def lowered(self, x: Any, low: int) -> Any:
        """The same series with another power in front."""
        if not self.owns(x):
            if not isinstance(x, TracedArray | np.ndarray) and x == 0:
                return x
            x = ExpandedArray(self, x)
        by = x.low - low
        known = min(x.known + by, len(self.levels) + 1)
        parts = x.peak, x.derived, x.depth
        return ExpandedArray(self, self.shifted(x.content, by), low, known, *parts)


_LETTERS = "xyzw"

_PRODUCTS = {"solve": {1: {0}}}
"""Linear operands of operations whose rules do not tell, each with those that it is multiplied
by."""

_found_before: dict[tuple[Primitive, int], dict[int, set[int]]] = {}


def linear_operands(primitive: Primitive, operands: int) -> dict[int, set[int]]:
    """The operands in which an operation is linear, each with those that its part of the output
    depends on: that is what the push or pull of one tells by what it asks for."""
    key = primitive, operands
    if key not in _found_before:
        _found_before[key] = _linear_operands(primitive, operands)
    return _found_before[key]


def _linear_operands(primitive: Primitive, operands: int) -> dict[int, set[int]]:
    if primitive.name in _PRODUCTS:
        return _PRODUCTS[primitive.name]
    if primitive.kind == "bilinear":
        return {0: {1}, 1: {0}}
    if primitive.kind == "linear":
        return {i: set() for i in range(operands if primitive.push_all else 1)}
    if primitive.kind == "reduction":
        return {0: set()} if primitive.masks == "moves" else {}
    found = {}
    rules = primitive.pushes or primitive.pulls or ()
    for i, own in zip(range(len(rules)), _LETTERS, strict=False):
        rule: Any = rules[i] or (primitive.pulls[i] if primitive.pulls else None)
        if not isinstance(rule, Rule) or rule is ZERO or rule.names is None:
            continue
        if not {own, "ans", "xs"}.intersection(rule.names):
            found[i] = {_LETTERS.index(name) for name in rule.names if name in _LETTERS}
    return found
