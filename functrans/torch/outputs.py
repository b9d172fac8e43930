"""The argument ``out`` of functions: the result is written into a tensor that is there."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from functrans.torch import dtypes, printing
from functrans.torch.engine import EngineArray, mode
from functrans.torch.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])

NAMES = """
abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr all amax amin aminmax angle any
arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan atan2 atanh baddbmm
bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor bmm bucketize
cat ceil cholesky cholesky_inverse cholesky_solve clamp clamp_max clamp_min clip column_stack
complex concat concatenate conj_physical copysign cos cosh cross cummax cummin cumprod cumsum
deg2rad diag digamma div divide dot dstack empty eq erf erfc erfinv exp exp2 expm1 eye fix
float_power floor floor_divide fmax fmin fmod frac frexp full gather gcd ge ger greater
greater_equal gt heaviside histc histogram hstack hypot i0 igamma igammac index_add index_copy
index_select inner inverse isneginf isposinf kron kthvalue lcm ldexp le lerp less less_equal lgamma
linspace log log10 log1p log2 logaddexp logaddexp2 logcumsumexp logical_and logical_not logical_or
logical_xor logit logspace logsumexp lt masked_select matmul matrix_power max maximum mean median
min minimum mm mode mul multinomial multiply mv mvlgamma nan_to_num nanmean nanmedian nanquantile
nansum ne neg negative nextafter nonzero norm normal not_equal ones outer polar polygamma pow prod
quantile rad2deg rand randint randn randperm reciprocal remainder renorm round row_stack rsqrt
scatter scatter_add searchsorted sgn sigmoid sign signbit sin sinc sinh softmax sort sqrt square
stack std sub subtract sum svd take take_along_dim tan tanh topk tril triu true_divide trunc var
vdot vstack where xlogy zeros
"""
"""The functions of ``torch`` with the argument."""

_CREATE = {
    *("arange", "empty", "eye", "full", "linspace", "logspace", "ones", "rand", "randint"),
    *("randn", "randperm", "zeros"),
}
"""Those that make tensors, by default of the dtype of ``out``."""


def taking_out(namespace: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The functions of these names in a namespace, with the argument ``out``."""
    return {name: _with_out(namespace[name], name) for name in names if name in namespace}


def _with_out(function: F, name: str) -> F:
    code: Any = inspect.unwrap(function).__code__  # a signature takes longer
    if "out" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return function

    @wraps(function)
    def call(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None:
            return function(*args, **kwargs)
        if name in _CREATE and isinstance(out, Tensor):
            kwargs.setdefault("dtype", out.dtype)
        return written_to(name, function(*args, **kwargs), out)

    return call  # type: ignore[return-value]


def written_to(name: str, result: Any, out: Any) -> Any:
    """Write what a function returned into the tensors that were given for it, and return these.

    Raises
    ------
    TypeError
        `out` is no tensor, or not as many as there are results.
    RuntimeError
        A tensor requires a gradient; the result cannot be cast to the dtype of `out`.
    """
    several = isinstance(result, tuple)
    results = tuple(result) if several else (result,)
    given = tuple(out) if several and isinstance(out, tuple | list) else (out,)
    for o in given:
        if not isinstance(o, Tensor):
            raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(o).__name__}")
    if len(given) != len(results):
        raise TypeError(f"{name}() has {len(results)} results, and 'out' {len(given)} tensors")
    if mode.grad and any(t.requires_grad for t in (*results, *given)):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    for r, o in zip(results, given, strict=True):
        _write(r, o)
    if not several:
        return out
    return type(result)(*given) if hasattr(result, "_fields") else given


def _write(result: Tensor, out: Tensor) -> None:
    from functrans.torch.inplace import written  # which lies above the functions

    if not dtypes.can_become(result.array.dtype, out.array.dtype):
        given, wanted = (
            printing.type_string(t.array).removeprefix("torch.").removesuffix("Tensor")
            for t in (result, out)
        )
        raise RuntimeError(f"result type {given} can't be cast to the desired output type {wanted}")
    if out.shape != result.shape:
        if out.numel():
            warnings.warn(
                "An output with one or more elements was resized since it had shape "
                f"{list(out.shape)}, which does not match the required output shape "
                f"{list(result.shape)}. This behavior is deprecated; give a tensor without "
                "elements, or one of the right shape.",
                stacklevel=4,
            )
        out.array = EngineArray(np.empty(result.shape, out.array.dtype))
    written(out, result)
