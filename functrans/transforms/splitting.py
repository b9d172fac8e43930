"""Equal eigenvalues and singular values in a reverse pass that is differentiated: what comes of it
if they part.

Derivatives of a symmetric function of equal values need how its cotangents part as the values do,
which a rule cannot see. So a :class:`Splitting` comes below the outermost Reverse: a Forward whose
tangents say how equal values part along two paths that leave the vectors as they are. Cotangents
that depend on the values then carry how they part, and the rules ask for it
(`Primitive.when_split`): where the two differ the function is not symmetric. Below the outermost
Forward, whose own tangents part equal values, it tells the same of singular values that vanish.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from functrans.core.array import TracedArray
from functrans.core.cotangent import Cotangents, Masked
from functrans.core.interpreter import Interpreter, stack, under
from functrans.transforms.batching import Batch, BatchArray
from functrans.transforms.forward import Forward
from functrans.transforms.walk import pull_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from functrans.core.primitive import Primitive
    from functrans.core.types import Array


PATHS = 2
"""One tells the derivative of a symmetric function, the other whether it is symmetric."""


class Splitting(Forward):
    """Carries how values part; it lies below the outermost Reverse or Forward, which knows nothing
    of it."""

    __slots__ = ("paths", "turn")

    before = None
    differentiates = False

    def __init__(self, parent: Interpreter | None) -> None:
        super().__init__(None, "splitting")
        self.parent = self.paths = Batch(PATHS)
        self.paths.parent = parent
        self.turn = threading.RLock()

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        if primitive.when_split is None:
            return super().process(primitive, args, params)
        primals, tangents = self.split_all(args)
        with under(self.paths):
            full = [t if t is None or self.paths.owns(t) else self.paths.fresh(t) for t in tangents]
        with under(self.paths.parent):
            rates = [None if t is None else t.value for t in full]
            return primitive.when_split(primals, rates, params)

    def bare(self, x: Any, derivative: bool = False) -> Any:
        """A value, tangent or cotangent without how it parts."""
        if type(x) is Masked:
            return Masked(self.split(x.value)[0], x.mask)
        return self.split(x)[0]


def remembered(x: Any) -> bool:
    """Whether a tape that is kept beyond all transforms may be asked for derivatives by a value."""
    while isinstance(x, TracedArray):
        if x.interpreter.remembers and getattr(x, "index", None) is not None:
            return True
        x = x.underlying
    return False


def split(
    splitting: Splitting | None,
    parent: Interpreter | None,
    rates_of: Callable[..., Any],
    values: list[Any],
    outs: tuple[Any, ...],
) -> tuple[Splitting | None, tuple[Any, ...]]:
    """The outputs of an operation of the outermost Reverse or Forward, with how they part where
    some are equal (`Primitive.splits`), and the interpreter that carries it; `parent` is the one
    that the operation went to."""
    x = values[0]
    if remembered(x):
        return splitting, outs
    while isinstance(x, TracedArray):
        if x.interpreter is splitting:
            return splitting, outs
        x = x.underlying
    with under(parent if splitting is None else splitting.paths.parent):
        rates = rates_of(outs)
    if rates is None:
        return splitting, outs
    if splitting is None:
        splitting = Splitting(parent)
    return splitting, tuple(
        o if rate is None else splitting.dual(o, BatchArray(splitting.paths, rate))
        for o, rate in zip(outs, rates, strict=True)
    )


@contextmanager
def walking(carrier: Any) -> Iterator[None]:
    """Make a Splitting or an Expansion current for a backward walk, with what lay there before it,
    above what is current now; one walk at a time."""
    paths = carrier.paths
    with carrier.turn, nullcontext() if carrier.before is None else walking(carrier.before):
        before, paths.parent = paths.parent, stack.top
        try:
            with under(carrier):
                yield
        finally:
            paths.parent = before


def walk_back(
    splitting: Splitting, tape: list[Any], cotangents: Cotangents, places: Iterable[Any], keep: bool
) -> None:
    """Walk a tape whose values part; the cotangents at these places are left without that."""
    with walking(splitting):
        pull_back(tape, cotangents, keep=keep)
        for place in places:
            if place is not None and isinstance(cotangents.values[place], TracedArray | Masked):
                cotangents.values[place] = splitting.bare(cotangents.values[place], True)
