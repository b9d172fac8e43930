"""NumPy's ufuncs on traced arrays: their calls and keyword arguments.

What a call with options gives is asked of NumPy: it makes the same call for arrays of one element,
which raises its errors for what it does not take (:mod:`functrans.numpy.specimens`).

The table of calls is read off the rule book: a primitive whose implementation is a ufunc carries it
out. Here stand the ufuncs that are made of several primitives; the methods (``np.add.reduce``) are
those of ``ufunc_methods``.
"""

from __future__ import annotations

import importlib
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import UFUNCS, TracedArray
from functrans.core.errors import OptionError, missing_rule, user_line
from functrans.core.explain import PACKAGES
from functrans.core.primitive import BY_UFUNC, REGISTRY
from functrans.core.types import OPERANDS, Array, dtype_of, shape_of, type_of
from functrans.numpy import contraction, specimens, ufunc_methods
from functrans.numpy.mistakes import numpys_error
from functrans.numpy.operands import converted, operand
from functrans.numpy.operators import divmod_
from functrans.numpy.outputs import broadcast_to_target, delivered
from functrans.numpy.reductions import as_mask
from functrans.numpy.ufunc_methods import pairs
from functrans.numpy.writing import at

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., Any]


def checked(function: Function, inputs: int) -> Function:
    """A function of primitives' operands that also takes what NumPy would convert."""

    def unary(x: Any) -> Any:
        return function(x if type(x) in OPERANDS else converted(x))

    def binary(x: Any, y: Any) -> Any:
        if type(x) not in OPERANDS:
            x = converted(x)
        if type(y) not in OPERANDS:
            y = converted(y)
        return function(x, y)

    def several(*args: Any) -> Any:
        return function(*map(operand, args))

    calls: dict[int, Function] = {1: unary, 2: binary}
    return calls.get(inputs, several)


def modf(x: Array) -> tuple[Array, Array]:
    """Fractional and whole part, both with the sign of `x`; infinity has fraction 0."""
    if dtype_of(x).kind in "biu":
        x = p.astype(x, dtype=np.modf.resolve_dtypes((dtype_of(x), None, None))[1])
    # The remainder has the sign of x, of -0.0 too, and the slope 1 at whole numbers.
    finite = p.where(p.isinf(x), p.copysign(0.0, x), x)
    return p.fmod(finite, 1.0), p.trunc(x)


def frexp(x: Array) -> tuple[Array, Array]:
    """Mantissa and exponent of 2."""
    exponent = p.exponent(x)
    return p.ldexp(x, p.negative(exponent)), exponent


COMPOSED: dict[str, Function] = {
    "divmod": divmod_,
    "modf": modf,
    "frexp": frexp,
    "vecdot": contraction.vecdot,
    "matvec": contraction.matvec,
    "vecmat": contraction.vecmat,
}
"""Ufuncs that are made of several primitives."""

METHODS: dict[str, Function] = {
    "reduce": ufunc_methods.reduce,
    "accumulate": ufunc_methods.accumulate,
    "reduceat": ufunc_methods.reduceat,
}
"""What carries out the methods of a ufunc, by the function that carries out its call."""


def ufunc_call(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Carry out what a plain call of the ufunc does not cover."""
    call = implementation(ufunc)
    if kwargs:
        specimens.ask(ufunc, method, inputs, kwargs)
    kwargs = {k: v for k, v in kwargs.items() if k not in _NO_EFFECT}
    out = kwargs.pop("out", None) or (None,) * ufunc.nout
    if method == "at":
        at(ufunc, full_name(ufunc), call, *inputs)
        return None
    if method in ("__call__", "outer") and any(x is not None for x in out):
        return call_into(ufunc, pairs(*inputs) if method == "outer" else inputs, out, **kwargs)
    if method == "__call__":
        return call_with_options(ufunc, inputs, **kwargs)
    if method == "outer":
        return call_with_options(ufunc, pairs(*inputs), **kwargs)
    into: Any = out[0]
    if into is None:
        return METHODS[method](ufunc, call, *inputs, **kwargs)
    if kwargs.get("dtype") is None:
        kwargs["dtype"] = ufunc_methods.loop_into(ufunc, dtype_of(operand(inputs[0])), into.dtype)
    if method == "reduce":
        kwargs["into"] = into.dtype
    result = METHODS[method](ufunc, call, *inputs, **kwargs)
    return delivered(result, out, f"{full_name(ufunc)}.{method}", "unsafe")


_NO_EFFECT = ("order", "subok", "array", "indices")
"""Options that say nothing of values; NumPy hands over the last two among the inputs as well."""


def call_with_options(
    ufunc: np.ufunc,
    inputs: tuple[Any, ...],
    *,
    dtype: Any = None,
    casting: Any = "same_kind",
    signature: Any = None,
    sig: Any = None,
    where: Any = True,
    **rest: Any,
) -> Any:
    """A call of the ufunc with keyword arguments."""
    call = implementation(ufunc)
    name = full_name(ufunc)
    if ufunc.signature and rest.keys() & {"axis", "axes", "keepdims"}:
        places = {k: rest.pop(k) for k in ("axis", "axes", "keepdims") if k in rest}
        call = partial(ufunc_methods.along_axes, ufunc, call, **places)
    if rest:
        raise OptionError(
            f"{name}({next(iter(rest))}=) is not supported for traced arrays, at {user_line()}"
        )
    everywhere = where is not True and holds_everywhere(where)
    if where is not True and not everywhere:
        raise OptionError(
            f"{name}(where=) without out= leaves elements undefined, at {user_line()}. Write "
            f"numpy.where(mask, {name}(x), other)."
        )
    signature = signature if signature is not None else sig
    if dtype is not None:
        signature = (None,) * ufunc.nin + (np.dtype(dtype),) * ufunc.nout
    if signature is None and casting == "same_kind":
        ans = call(*inputs)
    else:
        ans = call(*cast_inputs(ufunc, tuple(map(operand, inputs)), signature, casting))
    return masked_alike(ans, where) if everywhere else ans


def holds_everywhere(where: Any) -> bool:
    """Whether a mask is known to leave nothing out."""
    return not isinstance(where, TracedArray) and bool(np.all(where))


def masked_alike(ans: Any, where: Any) -> Any:
    """A result, or several, stretched to a mask that leaves nothing out."""
    if isinstance(ans, tuple):
        return tuple(masked_alike(x, where) for x in ans)
    shape = np.broadcast_shapes(shape_of(ans), np.shape(where))
    return ans if shape == shape_of(ans) else p.broadcast_to(ans, shape=shape)


def implementation(ufunc: np.ufunc) -> Function:
    """What carries out a ufunc."""
    call = UFUNCS.get(ufunc) or registered(ufunc)
    if call is None:
        raise missing_rule(full_name(ufunc))
    return call


def registered(ufunc: np.ufunc) -> Function | None:
    """What carries out a ufunc whose primitive was registered after this module was loaded.

    The rules of scipy.special are loaded here, with the first of its ufuncs that meets a traced
    array: until then functrans does not need SciPy.
    """
    if full_name(ufunc).startswith("scipy."):
        importlib.import_module("functrans.primitives.special")
    primitive = BY_UFUNC.get(ufunc)
    if primitive is None:
        return None
    UFUNCS[ufunc] = checked(primitive.call, ufunc.nin)
    return UFUNCS[ufunc]


def full_name(ufunc: np.ufunc) -> str:
    """The name by which users know a ufunc."""
    special: Any = sys.modules.get("scipy.special")
    name = ufunc.__name__
    for owner, prefix in ((np, "numpy."), (special, "scipy.special.")):
        if getattr(owner, name, None) is ufunc:
            return prefix + name
    private = getattr(getattr(special, "_ufuncs", None), name, None)
    return f"scipy.special.{name.strip('_')}" if private is ufunc else name


def cast_inputs(
    ufunc: np.ufunc, inputs: tuple[Array, ...], signature: Any, casting: Any
) -> list[Array]:
    """The operands in the dtypes of the loop that NumPy would choose."""
    types = tuple(map(type_of, inputs))
    python = {"b": np.dtype(bool), "i": int, "f": float, "c": complex}
    given = tuple(python[t.dtype.kind] if t.weak else t.dtype for t in types)
    options = (
        {"casting": casting} if signature is None else {"casting": casting, "signature": signature}
    )
    resolved = ufunc.resolve_dtypes(given + (None,) * ufunc.nout, **options)  # type: ignore[arg-type]
    return [
        x if dtype_of(x) == d and not t.weak else p.astype(x, dtype=d)
        for x, t, d in zip(inputs, types, resolved, strict=False)
    ]


def call_into(
    ufunc: np.ufunc,
    inputs: tuple[Any, ...],
    out: tuple[Any, ...],
    *,
    where: Any = True,
    casting: Any = "same_kind",
    **options: Any,
) -> Any:
    """A call with ``out=``: inputs broadcast to it, and it keeps what `where` leaves out."""
    results = call_with_options(ufunc, inputs, casting=casting, **options)
    given = results if ufunc.nout > 1 else (results,)
    name = full_name(ufunc)
    written = []
    for result, target in zip(given, out, strict=True):
        if target is not None:
            if where is not True:
                if not np.can_cast(dtype_of(result), target.dtype, casting):
                    raise TypeError(
                        f"Cannot cast the output of {name} from {dtype_of(result)!r} to "
                        f"{target.dtype!r} with casting rule {casting!r}"
                    )
                result = p.where(as_mask(where), p.astype(result, dtype=target.dtype), target)
            if shape_of(result) != target.shape:
                result = broadcast_to_target(result, target, name)
        written.append(result)
    return delivered(tuple(written) if ufunc.nout > 1 else written[0], out, name, casting)


def attach() -> None:
    """Fill the tables of ufuncs and of SciPy's packages, and give the traced array its methods."""
    for package in ("scipy.special", "scipy.linalg", "scipy.stats"):
        PACKAGES[package] = partial(importlib.import_module, f"functrans.{package}")
    for primitive in REGISTRY.values():
        if isinstance(primitive.impl, np.ufunc):
            UFUNCS[primitive.impl] = checked(primitive.call, primitive.impl.nin)
    for name, function in COMPOSED.items():
        ufunc = getattr(np, name, None)  # some are younger than the oldest supported NumPy
        if ufunc is not None:
            UFUNCS[ufunc] = checked(function, ufunc.nin)
    TracedArray.ufunc_call = staticmethod(ufunc_call)
    TracedArray.numpys_error = staticmethod(numpys_error)
