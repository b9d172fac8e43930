"""What tensors are made of the factors of a matrix with equal values: operations that can be run
again.

The graph of tensors holds rules of derivatives, each of one operation, and no rule knows what comes
of equal eigenvalues or singular values (transforms/expansion.py). So while a node lives that stands
for a decomposition with equal values, the engine is a :class:`Noting`, which writes down at each
node that depends on one what was done, and a backward pass runs that again (retracing.py). At all
other times nobody looks, and nothing is kept.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from functrans.core.interpreter import stack
from functrans.primitives.nearness import near_gap, small_values, width_of
from functrans.primitives.paths import apart, values_among
from functrans.torch.engine import ENGINE, Engine, EngineArray
from functrans.torch.operation import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.core.primitive import Primitive
    from functrans.core.types import Array

WIDEST = 2**-12
"""The largest gap of values that are near each other. Of single precision wider ones would be
better taken together, but there a few dozen values have gaps that are no wider by chance, and what
comes of them is not to be run twice."""


class Note:
    """An operation that can be run again.

    Attributes
    ----------
    run : callable
        Takes the operands, and returns the output, or a tuple or list of them.
    operands : tuple
        Of each the edge, if its node has a note, or the array of the tensor, or what it was.
    at : tuple of int
        The versions of the memory of these arrays.
    order : int
        Of the derivatives that it takes by itself.
    family, values : str and array, or None
        Of a decomposition.
    foreign : bool
        Whether it is a user's function, which may not run under transforms.
    """

    __slots__ = ("at", "family", "foreign", "operands", "order", "run", "values")

    def __init__(
        self,
        run: Callable[[Sequence[Any]], Any],
        operands: Sequence[Any],
        order: int = 0,
        family: str | None = None,
        values: Array | None = None,
    ) -> None:
        self.run = run
        self.operands = tuple(map(_kept, operands))
        self.at = tuple([x.version[0] if type(x) is EngineArray else 0 for x in self.operands])
        self.order = order
        self.family = family
        self.values = values
        self.foreign = False

    def asks(self, order: int) -> bool:
        """Whether a derivative of this order needs more than the rules of the operation."""
        if self.order:
            return True
        if self.values is None or self.family is None:
            return False
        width = min(width_of(self.values.dtype, order), WIDEST)
        return not apart(self.values, self.family, width)

    def told(self) -> bool:
        """Whether rules tell by a warning where they are wrong: not of values that are near but not
        equal up to rounding, nor of those that vanish up to rounding and are not zero."""
        if self.values is None or self.family is None:
            return True
        if (small_values(self.values, self.family) & (self.values != 0)).any():
            return False
        gaps = near_gap(self.values, family=self.family, width=width_of(self.values.dtype, 1))
        return bool(np.isinf(gaps).all())

    def unchanged(self) -> bool:
        """Whether the operands are what they were."""
        return all(
            type(x) is not EngineArray or x.version[0] == at
            for x, at in zip(self.operands, self.at, strict=True)
        )


def _noted(x: Any) -> bool:
    return type(x) is EngineArray and x.index is not None and x.index.node.note is not None


def _kept(x: Any) -> Any:
    if _noted(x):
        return x.index
    return x.snapshot() if type(x) is EngineArray else x


living: set[Any] = set()
"""The nodes of decompositions with equal values, and of gradients by these, by weak references."""


def keep_noting(node: Node) -> None:
    """Note what is made of the outputs of a node, as long as it lives."""
    living.add(ref(node, _gone))
    ENGINE.__class__ = Noting


def _gone(reference: Any) -> None:
    living.discard(reference)
    if not living:
        ENGINE.__class__ = Engine
        if living:  # since another thread has just met equal values
            ENGINE.__class__ = Noting


class Noting(Engine):
    """The engine, while there are nodes of decompositions with equal values."""

    __slots__ = ()

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        out = Engine.process(self, primitive, args, params)
        if any(map(_noted, args)) and not primitive.effects:
            _note(out, Note(partial(_processed, primitive, params), args))
        return out

    def unary(self, primitive: Primitive, x: Array) -> Any:
        out = Engine.unary(self, primitive, x)
        if _noted(x):
            _note(out, Note(partial(_processed, primitive, {}), (x,)))
        return out

    def binary(self, primitive: Primitive, x: Array, y: Array) -> Any:
        out = Engine.binary(self, primitive, x, y)
        if _noted(x) or _noted(y):
            _note(out, Note(partial(_processed, primitive, {}), (x, y)))
        return out

    def custom(self, call: Any, args: list[Any]) -> list[Any]:
        outs = Engine.custom(self, call, args)
        if any(map(_noted, args)):
            _note(outs, Note(partial(_called, call), args))
        return outs


def _processed(primitive: Primitive, params: dict[str, Any], operands: Sequence[Any]) -> Any:
    return stack.top.process(primitive, tuple(operands), params)  # type: ignore[union-attr]


def _called(call: Any, operands: Sequence[Any]) -> Any:
    return stack.top.custom(call, list(operands))  # type: ignore[union-attr]


def _note(out: Any, note: Note) -> None:
    """Put down at the node of an output how it was made, if that is not there already."""
    for x in out if type(out) in (tuple, list) else (out,):
        if type(x) is EngineArray and x.index is not None:
            if x.index.node.note is None and not x.index.node.is_leaf:
                x.index.node.note = note
            return


def note_call(node: Node, run: Callable[[Sequence[Any]], Any], operands: Sequence[Any]) -> None:
    """Put down at the node of a call how to run it again, if it may have to."""
    if any(map(_noted, operands)):
        node.note = Note(run, operands)
        node.note.foreign = True


def _met(
    primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any], ans: Any, node: Node
) -> None:
    """Look whether a decomposition has equal values."""
    values = ans[values_among(ans)] if type(ans) is tuple else ans
    family: Any = primitive.parts
    if not _surely_apart(values, family):
        run = partial(_processed, primitive, params)
        node.note = Note(run, args, family=family, values=values)
        keep_noting(node)


def _surely_apart(w: Array, family: str) -> bool:
    """Whether no values of any matrix are near each other, and no singular values vanish."""
    if family == "eig" or not w.size:
        return bool(apart(w, family, WIDEST))
    first, last = w[..., 0], w[..., -1]
    if family == "svd":  # they come in their order
        steps, low, high = w[..., :-1] - w[..., 1:], last, first
        rounding = 4 * np.finfo(w.dtype).eps * w.shape[-1]
    else:
        steps, low, high = w[..., 1:] - w[..., :-1], first, last
        rounding = 0.0
    if w.ndim == 1:  # by numbers, which takes a third of the time
        size = max(-low, high)
        apart_by = steps.min() if len(steps) else np.inf
        return bool(apart_by > WIDEST * size and (not rounding or low > rounding * size))
    size = np.maximum(-low, high)
    found = (steps > WIDEST * size[..., None]).all(-1)
    return bool((found & (low > rounding * size) if rounding else found).all())


Engine.met = staticmethod(_met)
