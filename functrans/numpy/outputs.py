"""Arrays that results go into: the argument ``out`` of NumPy's functions, on traced arrays.

A traced array can be written to; a plain ndarray cannot hold traced values, which is an error that
says how to make an array that can. What NumPy asks of the array differs from function to function.
"""

from __future__ import annotations

import sys
from functools import cache, partial, wraps
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.errors import PlainArrayError, user_line
from functrans.core.interpreter import stack
from functrans.core.primitive import argument_names
from functrans.core.types import Array, Shape, dtype_of, shape_of, type_of
from functrans.numpy import views
from functrans.numpy.mistakes import numpys_error

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., Any]


def write_result(x: TracedArray, y: Any, name: str, casting: Any = "same_kind") -> None:
    """Write the result of a function into an array of its shape, as ``out=`` does."""
    if stack.top is not x.interpreter:
        x.check_active()
    _check_shape(y, x.shape, name)
    if not np.can_cast(dtype_of(y), x.dtype, casting):
        raise TypeError(
            f"Cannot cast the output of {name} from {dtype_of(y)!r} to {x.dtype!r} with casting "
            f"rule {casting!r}, at {user_line()}"
        )
    views.write_all(x, y)


def _check_shape(y: Any, shape: Shape, name: str) -> None:
    if shape_of(y) != shape:
        raise ValueError(
            f"non-broadcastable output operand: {name} gives shape {shape_of(y)}, the array to "
            f"write to has shape {shape}"
        )


def delivered(result: Any, out: Any, name: str, casting: Any = "same_kind") -> Any:
    """What a function returns that was called with ``out=``: that array, with the result in it."""
    if isinstance(out, tuple):
        if len(out) > 1:
            return tuple(
                r if o is None else delivered(r, o, name, casting)
                for r, o in zip(result, out, strict=True)
            )
        out = next(iter(out))
    if out is None:
        return result
    if isinstance(out, TracedArray):
        write_result(out, result, name, casting)
    elif isinstance(out, np.ndarray) and not isinstance(result, TracedArray):
        _check_shape(result, out.shape, name)
        np.copyto(out, result, casting=casting)
    else:
        refuse_plain(name, out)
    return out


def refuse_plain(name: str, target: Any) -> NoReturn:
    """Raise the error for a traced value that was to be written into a plain array."""
    what = type_of(target) if isinstance(target, np.ndarray) else f"a {type(target).__name__}"
    raise PlainArrayError(
        f"{name}: the array to write to is a plain {what}, which cannot hold traced values, at "
        f"{user_line()}. Make it with numpy.zeros_like(x) of a traced x or functrans.numpy.zeros, "
        "or use the result instead of writing it (y = x + y in place of y += x)."
    )


def cast_out(result: Any, out: Any, name: str) -> Any:
    """The array to write to, of any dtype: NumPy reduces by ufuncs that cast their results."""
    return delivered(result, _one_array(out, name), name, "unsafe")


def converted_out(result: Any, out: Any, name: str) -> Any:
    """The array to write to, whose elements have to be ones of the result: that is what NumPy
    asks where it works in a converted copy and writes this back."""
    if not np.can_cast(_one_array(out, name).dtype, dtype_of(result), "safe"):
        raise TypeError(
            f"{name}: out has dtype {out.dtype}, which cannot be cast to {dtype_of(result)} "
            f"according to the rule 'safe', at {user_line()}"
        )
    return delivered(result, out, name, "unsafe")


def exact_out(result: Any, out: Any, name: str) -> Any:
    """The array to write to, which has to be of the dtype of the result."""
    if _one_array(out, name).dtype != dtype_of(result):
        raise ValueError(
            f"{name}: out has dtype {out.dtype}, the result {dtype_of(result)}, at {user_line()}"
        )
    return delivered(result, out, name)


def joined_out(result: Any, out: Any, name: str) -> Any:
    """The array to write to, which NumPy does not take in a tuple."""
    return delivered(result, _one_array(out, name), name)


def broadcast_out(result: Any, out: Any, name: str) -> Any:
    """The array to write to, which may have more elements: the function is a ufunc."""
    if isinstance(out, tuple) and len(out) == 1:
        out = out[0]
    if isinstance(out, np.ndarray | TracedArray) and out.shape != shape_of(result):
        result = broadcast_to_target(result, out, name)
    return delivered(result, out, name)


def given_out(result: Any, out: Any, name: str) -> Any:
    """The same; of a tuple NumPy returns the tuple."""
    broadcast_out(result, out, name)
    return out


def one_broadcast_out(result: Any, out: Any, name: str) -> Any:
    """The same, not in a tuple."""
    return broadcast_out(result, _one_array(out, name), name)


def assigned_out(result: Any, out: Any, name: str) -> Any:
    """The array to write to, into which NumPy assigns: it may have more elements, and any dtype."""
    if _one_array(out, name).shape != shape_of(result):
        result = broadcast_to_target(result, out, name)
    return delivered(result, out, name, "unsafe")


def safe_out(result: Any, out: Any, name: str) -> Any:
    """The array to write to, to whose dtype that of the result must be cast safely."""
    return delivered(result, _one_array(out, name), name, "safe")


def perhaps_out(result: Any, out: Any, name: str) -> Any:
    """The array to write to, or the result alone where this NumPy passes over its argument; one
    that could not be written to is refused all the same."""
    if not _passes_over_out(name.rpartition(".")[2]):
        return delivered(result, out, name)
    if isinstance(result, TracedArray) and issubclass(type(out), np.ndarray):
        refuse_plain(name, out)
    return result


def _one_array(out: Any, name: str) -> Any:
    if not isinstance(out, np.ndarray | TracedArray):
        raise TypeError(
            f"{name}: out must be an array, not a {type(out).__name__}, at {user_line()}"
        )
    return out


def broadcast_to_target(result: Array, target: Array, name: str) -> Array:
    """A result that fills an array to write to which has more elements."""
    shape = shape_of(result)
    try:
        fits = np.broadcast_shapes(shape, target.shape) == target.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"non-broadcastable output operand of {name} with shape {target.shape} doesn't match "
            f"the broadcast shape {shape}, at {user_line()}"
        )
    return p.broadcast_to(result, shape=target.shape)


@cache
def _passes_over_out(name: str) -> bool:
    """Whether this NumPy has the fault that a transform does not write to where it is told to."""
    out = np.zeros((2, 2), complex)
    return getattr(np.fft, name)(np.ones((2, 2)), out=out) is not out


_RULES: dict[Function, str] = {
    cast_out: "sum prod max min mean var any all cumsum cumprod median cumulative_sum "
    "cumulative_prod nansum nanprod nancumsum nancumprod trace choose",
    partial(delivered, casting="unsafe"): "nanmax nanmin",
    converted_out: "argmax argmin nanargmax nanargmin take compress _compress_method",
    exact_out: "dot multi_dot",
    joined_out: "concatenate stack round ptp std nanmean nanvar nanstd",
    broadcast_out: "fix clip",
    given_out: "quantile percentile",
    one_broadcast_out: "outer isposinf isneginf",
    assigned_out: "nanmedian nanquantile nanpercentile",
    safe_out: "einsum",
    perhaps_out: "hfft ifft2 irfft2",
}
OUTPUTS: dict[str, Function] = {
    name: deliver for deliver, names in _RULES.items() for name in names.split()
}
"""What NumPy asks of ``out``, for functions where that is not the same as of a ufunc."""


def taking_out(own: Function, name: str, method: Any = None) -> Function:
    """What carries out a NumPy function, with its argument ``out``, if it has one, taken care of.

    `own` never sees it. A method of ndarray raises the errors of NumPy's own, as functions do by
    the protocol.
    """
    code: Any = getattr(own, "__code__", None)
    if code is None or "out" not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return own
    names = argument_names(own, name)
    position = names.index("out") if "out" in names else sys.maxsize  # keyword only
    deliver: Function = OUTPUTS.get(own.__name__, delivered)

    @wraps(own)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            if len(args) <= position:
                if "out" not in kwargs:
                    return own(*args, **kwargs)
                out = kwargs["out"]
                rest = {k: v for k, v in kwargs.items() if k != "out"}
                result = own(*args, **rest)
            else:
                out = args[position]
                result = own(*args[:position], None, *args[position + 1 :], **kwargs)
            return result if out is None else deliver(result, out, name)
        except Exception as error:
            if method is None:
                raise
            wrong = numpys_error(method, args, kwargs, error)
            if wrong is error:
                raise
            raise wrong from None

    return call
