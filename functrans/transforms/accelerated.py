"""What lies below all transforms where their arguments are large: the operations that reach it are
carried out by native kernels where these beat NumPy, and by NumPy otherwise.

Small arrays pay nothing for it: a transform whose arguments are all small has nothing below itself,
as ever. Which kernels there are, and for which sizes, is known to the provider, which is loaded
with the first large argument.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol, Self

from numpy import ndarray

from functrans.core import tree
from functrans.core.array import TracedArray
from functrans.core.interpreter import CustomCall, Interpreter, outside, stack
from functrans.core.primitive import Primitive, Rule
from functrans.core.types import SCALARS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from functrans.core.types import Array


class Kernels(Protocol):
    """Native kernels as this module calls them: each answers None where NumPy is to do it."""

    def enter(self) -> Any:
        """Let new arrays of this thread take memory of arrays that are gone; returns what
        :meth:`leave` takes."""

    def leave(self, before: Any) -> None:
        """Let them take it as before."""

    def serves(self, primitive: Primitive) -> bool:
        """Whether there may be a kernel for a rule of an operation."""
        ...

    def value(
        self, primitive: Primitive, args: tuple[Array, ...], params: Mapping[str, Any]
    ) -> Any:
        """The output of an operation on plain values."""

    def partial(self, primitive: Primitive, formula: Callable[..., Any], args: Any) -> Any:
        """What a rule of an operation gives for a tangent or cotangent, what it keeps, and
        perhaps parameters: ``formula(*args)``."""


LEAST_VARIABLE = "FUNCTRANS_EAGER_LEAST"
"""Names the elements from which on kernels do all that they can, whether it pays or not: for
tests."""

_told = os.environ.get(LEAST_VARIABLE, "")


class Hook:
    """What chooses kernels.

    Attributes
    ----------
    least : int
        Elements of an array from which on it is large.
    load : callable
        Gives the kernels of this moment, or None: NumPy does everything. Filled in by the package,
        which knows where they are.
    """

    least = int(_told) if _told.isdecimal() else 10_000
    load: Callable[[], Kernels | None] = staticmethod(lambda: None)


hook = Hook()


def is_large(x: Any) -> bool:
    """Whether there is a large array in an argument."""
    kind = type(x)
    if kind is ndarray:
        return x.size >= hook.least  # type: ignore[no-any-return]
    if kind in SCALARS or x is None or kind is str:
        return False
    if kind is tuple or kind is list:
        return any(map(is_large, x))
    if kind is dict:
        return any(map(is_large, x.values()))
    if isinstance(x, TracedArray):
        return False
    leaves = tree.leaves(x)
    return not (len(leaves) == 1 and leaves[0] is x) and any(map(is_large, leaves))


def below(*args: Any) -> Accelerated | None:
    """What is to lie below an outermost transform with these arguments; None for nothing."""
    if type(stack.top) is Accelerated or not outside() or not any(map(is_large, args)):
        return None
    kernels = hook.load()
    return None if kernels is None else Accelerated(kernels)


class Accelerated(Interpreter):
    """Hands operations on large plain arrays to kernels. It has no arrays of its own."""

    __slots__ = ("_before", "_kernels")

    transform = "eager"
    transparent = True

    def __init__(self, kernels: Kernels) -> None:
        super().__init__()
        self._kernels = kernels

    def __enter__(self) -> Self:
        self._before = self._kernels.enter()
        return super().__enter__()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        super().__exit__(None, None, None)  # the transforms above have explained errors
        self._kernels.leave(self._before)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with the like of this below it when it is called outside of transforms."""

        def served(*args: Any) -> Any:
            if not outside():
                return function(*args)
            with Accelerated(self._kernels):
                return function(*args)

        return served

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        if primitive.kind == "elementwise":
            found = self._kernels.value(primitive, args, params)
            if found is not None:
                return found
        parent = self.parent
        if parent is None:
            return primitive.impl(*args, **params)
        return parent.process(primitive, args, params)

    def unary(self, primitive: Primitive, x: Array) -> Any:
        if type(x) is ndarray and x.size >= hook.least:
            return self.process(primitive, (x,), {})
        parent = self.parent
        return primitive.impl(x) if parent is None else parent.unary(primitive, x)

    def binary(self, primitive: Primitive, x: Array, y: Array) -> Any:
        least = hook.least
        if (type(x) is ndarray and x.size >= least) or (type(y) is ndarray and y.size >= least):
            return self.process(primitive, (x, y), {})
        parent = self.parent
        return primitive.impl(x, y) if parent is None else parent.binary(primitive, x, y)

    def pushed(self, primitive: Primitive, t: Any, ans: Any, primals: Any) -> Any:
        """The tangent of an operation on one operand by a kernel; None where NumPy is to do it."""
        push = primitive.pushes[0] if primitive.pushes else None
        if not isinstance(push, Rule) or not self._kernels.serves(primitive):
            return None
        return self._kernels.partial(primitive, push.apply, (t, push.select(ans, primals), {}))

    def pulling(self, primitive: Any, links: Any) -> Any:
        """The links of an operation whose cotangent is large, with pulls that ask for kernels
        first."""
        if (
            type(primitive) is Primitive
            and primitive.kind == "elementwise"
            and self._kernels.serves(primitive)
        ):
            return [self._asking(primitive, *link) for link in links]
        return links

    def _asking(self, primitive: Primitive, pull: Any, index: Any, kept: Any, *more: Any) -> Any:
        if type(kept) is ndarray and kept.size < hook.least:
            return pull, index, kept, *more
        partial = self._kernels.partial

        def served(*args: Any) -> Any:
            found = partial(primitive, pull, args)
            return pull(*args) if found is None else found

        return served, index, kept, *more

    def fresh(self, content: Array) -> Any:
        return self.fresh_below(content)

    def checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        return self.hand_down_checkpointed(function, args)

    def custom(self, call: CustomCall, args: list[Any]) -> list[Any]:
        if self.parent is not None:
            return self.parent.custom(call, args)
        return call.run(args)


def carried_out(primitive: Primitive, *args: Array) -> Any:
    """An elementwise operation on plain values, some of them large, outside of transforms: by a
    kernel, if one beats NumPy."""
    kernels = hook.load()
    if kernels is None:
        return primitive.impl(*args)
    before = kernels.enter()
    try:
        found = kernels.value(primitive, args, {})
        return primitive.impl(*args) if found is None else found
    finally:
        kernels.leave(before)


_asking: dict[Any, Callable[..., Any]] = {}


def asking(primitive: Primitive, pull: Callable[..., Any]) -> Callable[..., Any]:
    """The pull of an operation, for large arrays outside of transforms: it asks for a kernel first.
    Always the same function for the same pull."""
    found = _asking.get(pull)
    if found is None:

        def served(*args: Any) -> Any:
            kernels = hook.load()
            if kernels is None:
                return pull(*args)
            before = kernels.enter()
            try:
                found = kernels.partial(primitive, pull, args)
                return pull(*args) if found is None else found
            finally:
                kernels.leave(before)

        found = _asking[pull] = served
    return found
