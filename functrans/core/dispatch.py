"""The public function of a primitive: straight to the implementation, or to the interpreter that is
current."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.interpreter import stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.primitive import Primitive
    from functrans.core.types import Array

_MAKERS = (__name__, "functrans.core.kinds")


def public_function(
    primitive: Primitive, impl: Callable[..., Any], operands: int
) -> Callable[..., Any]:
    """The function that users and rules call.

    For a ufunc it is the ufunc itself: NumPy calls us only if an operand is traced, so a plain call
    costs nothing. Other functions ask for the current interpreter and go straight to `impl` if
    there is none. ``primitive.call`` is the dispatching function in either case.
    """
    call: Any
    if primitive.kind in ("elementwise", "chooser") or isinstance(impl, np.ufunc):
        call = _dispatch(primitive, impl, operands)
    else:
        call = _dispatch_with_params(primitive, impl, operands)
    call.__name__ = call.__qualname__ = primitive.name
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") in _MAKERS and frame.f_back is not None:
        frame = frame.f_back
    call.__module__ = frame.f_globals.get("__name__", "__main__")
    call.__doc__ = f"The {primitive.kind} primitive ``{primitive.name}``."
    call.primitive = primitive
    primitive.call = call
    return impl if isinstance(impl, np.ufunc) else call


def _dispatch_with_params(primitive: Primitive, impl: Callable[..., Any], operands: int) -> Any:
    def unary(x: Array, **params: Any) -> Any:
        interpreter = stack.top
        if interpreter is None:
            return impl(x, **params)
        return interpreter.process(primitive, (x,), params)

    def variadic(*args: Array, **params: Any) -> Any:
        interpreter = stack.top
        if interpreter is None:
            return impl(*args, **params)
        return interpreter.process(primitive, args, params)

    return unary if operands == 1 else variadic


def _dispatch(primitive: Primitive, impl: Callable[..., Any], operands: int) -> Any:
    no_params: dict[str, Any] = {}

    def unary(x: Array) -> Any:
        interpreter = stack.top
        if interpreter is None:
            return impl(x)
        return interpreter.unary(primitive, x)

    def binary(x: Array, y: Array) -> Any:
        interpreter = stack.top
        if interpreter is None:
            return impl(x, y)
        return interpreter.binary(primitive, x, y)

    def ternary(x: Array, y: Array, z: Array) -> Any:
        interpreter = stack.top
        if interpreter is None:
            return impl(x, y, z)
        return interpreter.process(primitive, (x, y, z), no_params)

    fixed = {1: unary, 2: binary, 3: ternary}
    return fixed.get(operands) or _dispatch_with_params(primitive, impl, operands)
