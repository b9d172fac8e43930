"""What all samplers share: checks of keys, shapes and dtypes, and parameters made to broadcast."""

from __future__ import annotations

import operator
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.errors import InputTypeError, user_line
from functrans.core.types import Array, Shape, dtype_of, shape_of, type_of
from functrans.numpy.operands import operand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FLOATS = tuple(map(np.dtype, (np.float16, np.float32, np.float64)))
WORD = np.dtype(np.uint32)
DOUBLE = np.dtype(float)


class _Looking(threading.local):
    """``look(who, key)`` at each key that is asked for something, while somebody does."""

    look: Callable[[str, Array], None] | None = None


looking = _Looking()


def check_key(who: str, key: Any) -> Array:
    """A key as primitives take it; raises for anything else."""
    if isinstance(key, np.ndarray | TracedArray) and key.dtype == WORD and key.shape == (2,):
        if looking.look is not None:
            looking.look(who, key)
        return key
    remedy = "Make one of a number with functrans.random.key(seed)."
    if type(key).__name__ in ("Generator", "RandomState"):
        what, remedy = (
            f"a numpy.random.{type(key).__name__}",
            f"Call its own method, or {remedy[0].lower()}{remedy[1:]}",
        )
    elif isinstance(key, np.ndarray | np.generic | TracedArray | int | float):
        kind = type_of(key)
        what = f"of type {kind}"
        if kind.dtype == WORD and kind.shape[-1:] == (2,):
            remedy = "Take one of these keys (keys[0]), or map over them with functrans.vmap."
    else:
        what = f"a {type(key).__name__}"
    raise InputTypeError(
        f"random.{who}: the key is {what}, at {user_line()}; a key is an array of type uint32[2]. "
        f"{remedy}"
    )


def check_shape(who: str, shape: Any) -> Shape:
    """A shape as a tuple of numbers >= 0."""
    try:
        sizes = (shape,) if not hasattr(shape, "__iter__") else tuple(shape)
        found = tuple(map(operator.index, sizes))
    except TypeError:
        raise InputTypeError(
            f"random.{who}: shape is {shape!r}, at {user_line()}; it must be an int or a tuple of "
            "ints, known when the function runs"
        ) from None
    if any(n < 0 for n in found):
        raise ValueError(
            f"random.{who}: shape is {shape!r}, at {user_line()}; sizes cannot be negative"
        )
    return found


def check_float(who: str, dtype: Any) -> np.dtype[Any]:
    """A real floating-point dtype that the samplers know."""
    found: np.dtype[Any] = np.dtype(dtype)
    if found not in FLOATS:
        raise InputTypeError(
            f"random.{who}: dtype is {found}, at {user_line()}; it must be float16, float32 or "
            "float64"
        )
    return found


def common_shape(who: str, shape: Any, **values: Array) -> Shape:
    """The shape of the result: as given, or that to which the parameters broadcast."""
    try:
        broadcast = np.broadcast_shapes(*map(shape_of, values.values()))
        if shape is None:
            return broadcast
        wanted = check_shape(who, shape)
        if np.broadcast_shapes(broadcast, wanted) == wanted:
            return wanted
    except ValueError as error:
        if "sizes cannot" in str(error):
            raise
    given = ", ".join(f"{name} has shape {shape_of(x)}" for name, x in values.items())
    wanted_text = "each other" if shape is None else f"shape={shape!r}"
    raise ValueError(
        f"random.{who}: the parameters do not broadcast to {wanted_text}, at {user_line()}: {given}"
    )


def common_dtype(who: str, dtype: Any, values: Iterable[Array]) -> np.dtype[Any]:
    """The dtype of the result: as given, or that of the parameters, float64 for Python numbers and
    integers."""
    if dtype is None:
        kinds = [type_of(x) for x in values]
        floats = [k.dtype for k in kinds if k.dtype.kind in "fc" and not k.weak]
        dtype = np.result_type(*floats) if floats else DOUBLE
    return check_float(who, dtype)


def parameters(
    who: str, shape: Any, dtype: Any, **given: Any
) -> tuple[Shape, np.dtype[Any], list[Array]]:
    """The shape and dtype of the result, and the parameters in that dtype."""
    values = {name: operand(x) for name, x in given.items()}
    kind = common_dtype(who, dtype, values.values())
    found = common_shape(who, shape, **values)
    return found, kind, [in_dtype(x, kind) for x in values.values()]


def in_dtype(x: Array, dtype: np.dtype[Any]) -> Array:
    """An operand in this dtype, and no Python number any more."""
    return x if dtype_of(x) == dtype and not type_of(x).weak else p.astype(x, dtype=dtype)


def spread(x: Array, shape: Shape) -> Array:
    """An operand in this shape."""
    return x if shape_of(x) == shape else p.broadcast_to(x, shape=shape)


def keys_of(key: Array, count: int) -> list[Array]:
    """So many keys made of one."""
    keys = p.random_split(key, shape=(count,))
    return [p.first_axis(keys, i) for i in range(count)]
