"""What a transform does where it meets a decomposition: equal values may have to part.

The decision which of an :class:`Expansion` and a Splitting comes below it, or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core.array import TracedArray
from functrans.core.declining import DeclinedError, declined
from functrans.core.interpreter import Ties, is_left, stack, under
from functrans.core.primitive import primitive_of
from functrans.core.types import Array, dtype_of
from functrans.primitives.degenerate import decomposed
from functrans.primitives.nearness import width_of
from functrans.primitives.paths import apart, values_among
from functrans.primitives.spectral import marked_eig, marked_eigh, marked_svd
from functrans.transforms.expansion import Expansion
from functrans.transforms.forward import Forward
from functrans.transforms.orders import expected
from functrans.transforms.series import ExpandedArray
from functrans.transforms.splitting import remembered, split
from functrans.transforms.telling import differentiated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.interpreter import Interpreter
    from functrans.core.primitive import Primitive

_DECOMPOSED = primitive_of(decomposed)

_WITH_VECTORS = set(map(primitive_of, (marked_eig, marked_eigh, marked_svd)))
"""Whose first derivatives need a path where values are equal."""


def on_series(
    transform: Any, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]
) -> tuple[Array, ...]:
    """The operand of a decomposition by the innermost transform, which may be a series below."""
    x = args[0]
    while isinstance(x, TracedArray):
        if type(x) is ExpandedArray:
            options = {"of": primitive.name, "options": tuple(params.items())}
            return (transform.process(_DECOMPOSED, args, options),)
        x = x.underlying
    return args


def _known_below(x: Any, below: Interpreter | None) -> bool:
    """Whether a transform below takes derivatives by a matrix, or by what a graph is to be given
    for it: that one carries the series."""
    while isinstance(x, TracedArray):
        if x.interpreter.differentiates:
            return True
        x = x.underlying
    return x is None and differentiated(below)


def parted(
    transform: Any, primitive: Primitive, rates_of: Any, primals: Sequence[Any], ans: Any
) -> Any:
    """The outputs of a decomposition which a Reverse or Forward has met, with how equal ones part.

    By `rates_of` a derivative that is not differentiated knows it (splitting.py).
    """
    if _known_below(primals[0], transform.parent):
        return ans
    below = transform.parent
    while below is not None:
        if type(below) is Expansion:
            return ans
        below = below.parent
    order, above = 0, stack.top
    outs = ans if type(ans) is tuple else (ans,)
    while above is not None:
        order += above.differentiates
        above = above.parent
    order = max(order, expected.order)
    known: bool | None = None  # first derivatives of values alone tell, and so do cotangents
    if order > 1 or primitive in _WITH_VECTORS:
        w = outs[values_among(outs)]
        known = apart(w, primitive.parts, width_of(dtype_of(w), order))  # type: ignore[arg-type]
        if known:
            return ans
    expansion: Any
    series = order > 1 or known is False
    if known is None and rates_of is None and primitive in _WITH_VECTORS:
        # In a graph a series is carried whatever the values will be, unless it can be left.
        series = series or not is_left()
    if series and not remembered(primals[0]):
        if declined.category is not None:  # of what the transforms around do not know of
            raise DeclinedError
        dtype = dtype_of(outs[values_among(outs)])
        expansion = Expansion(transform.parent, order, dtype, transform.splitting)
        with under(expansion.paths.parent):
            ans = expansion.parted(primitive, ans)
    elif rates_of is not None:
        before = transform.splitting
        expansion, ans = split(before, transform.parent, rates_of, list(primals), ans)
        if expansion is before:
            return ans
    else:
        return ans
    if isinstance(transform, Forward):
        transform.refuse_if_sealed()
    transform.parent = transform.splitting = expansion
    return ans


TIES = Ties(on_series, parted)
