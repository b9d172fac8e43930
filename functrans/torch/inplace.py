"""Methods that write into a tensor: ``x.add_(y)``, ``x[i] = y``, ``x += y`` and their like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.types import WEAK, dtype_of, shape_of
from functrans.numpy import views
from functrans.torch import (
    arranging,
    decompositions,
    dtypes,
    indexing,
    linear_algebra,
    pointwise,
    reductions,
    scattering,
    shaping,
    special,
    statistics,
)
from functrans.torch.engine import EngineArray, mode
from functrans.torch.operands import cast, unwrap
from functrans.torch.random import source
from functrans.torch.tensor import Tensor, wrap


def check_writable(x: Tensor) -> None:
    """Raise PyTorch's errors for leaves that need gradients, and views of them."""
    _keep_outputs(x.array)
    if not mode.grad or type(x.array) is not EngineArray:
        return
    if x.requires_grad and x.is_leaf:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation."
        )
    place = x.array.place
    while place is not None and place.base is not None:
        base = place.base
        if base.index is not None and base.index.node.is_leaf:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place "
                "operation."
            )
        place = base.place


OVERWRITTEN = {"divide", "erfinv", "fmod", "solve"}
"""Primitives whose rules need the output, in PyTorch the operands only: there the output may be
written to before the backward pass, so it may here."""


def _keep_outputs(array: Any) -> None:
    """Let nodes whose output is about to be written to have it as it is."""
    while type(array) is EngineArray:
        index = array.index
        maker: Any = None if index is None else index.node
        if getattr(getattr(maker, "primitive", None), "name", "") in OVERWRITTEN:
            array.version = array.version  # from now on it is not the node's
            maker.keep_output()
        array = None if array.place is None else array.place.base


def written(x: Tensor, result: Any) -> Tensor:
    """Write a result into a tensor of its shape."""
    check_writable(x)
    y = result.array if isinstance(result, Tensor) else result
    if shape_of(y) != shape_of(x.array):
        raise RuntimeError(
            f"output with shape {list(x.shape)} doesn't match the broadcast shape "
            f"{list(shape_of(y))}"
        )
    if dtype_of(y) != dtype_of(x.array):
        if not dtypes.can_become(dtype_of(y), dtype_of(x.array)):
            raise RuntimeError(
                f"result type {_name(y)} can't be cast to the desired output type {_name(x.array)}"
            )
        y = p.astype(y, dtype=dtype_of(x.array))
    views.replace(x.array, y)
    return x


def _name(a: Any) -> str:
    from functrans.torch.printing import type_string

    return type_string(a).removeprefix("torch.").removesuffix("Tensor")


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """``x[key] = value``."""
    check_writable(x)
    y = unwrap(value, "setitem")
    plain = indexing.plain_key(key)
    if type(y) not in WEAK:
        y = cast(y, dtype_of(x.array))
    content = p.setitem(x.array, plain, y)
    views.replace(x.array, content, plain)


_SOURCES = {
    pointwise: (
        "abs absolute neg negative square sign floor ceil trunc fix exp exp2 expm1 log log2 "
        "log10 log1p sqrt rsqrt reciprocal sin cos tan asin arcsin acos arccos atan arctan "
        "sinh cosh tanh asinh arcsinh acosh arccosh atanh arctanh sigmoid sinc deg2rad "
        "rad2deg frac round relu add sub subtract mul multiply div divide true_divide "
        "floor_divide remainder fmod pow float_power atan2 hypot xlogy copysign lerp addcmul "
        "addcdiv clamp clip clamp_min clamp_max masked_fill nan_to_num logical_not "
        "logical_and logical_or logical_xor bitwise_not bitwise_and bitwise_or bitwise_xor eq "
        "ne lt le gt ge erf erfc erfinv lgamma digamma logit sgn i0 gcd lcm heaviside ldexp "
        "nextafter arctan2 not_equal less less_equal greater greater_equal bitwise_left_shift "
        "bitwise_right_shift conj_physical"
    ),
    reductions: "cumsum cumprod",
    special: "polygamma mvlgamma igamma igammac",
    statistics: "renorm",
    scattering: "scatter_reduce index_reduce index_add index_copy index_fill masked_scatter put",
    linear_algebra: "addmm addmv baddbmm",
    decompositions: "addr addbmm",
    arranging: "tril",
    shaping: "triu",
    indexing: "scatter scatter_add index_put",
}


def _as_it_is(x: Tensor, others: Sequence[Any]) -> Tensor:
    """A tensor that keeps what is about to be overwritten, where a rule may need it."""
    a = x.array
    if type(a) is not EngineArray or not mode.grad:
        return x
    if not any(isinstance(t, Tensor) and t.requires_grad for t in (x, *others)):
        return x
    return wrap(EngineArray(np.copy(a.value), a.index, [0]))


def _in_place(name: str, function: Any) -> Any:
    def call(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_writable(x)
        result = function(_as_it_is(x, (*args, *kwargs.values())), *args, **kwargs)
        if result.array.dtype.kind == "b":  # a comparison in place writes zeros and ones
            result = p.astype(result.array, dtype=dtype_of(x.array))
        return written(x, result)

    call.__name__ = call.__qualname__ = f"{name}_"
    call.__doc__ = f"As `{name}`, into the tensor itself."
    return call


def zero_(x: Tensor) -> Tensor:
    """Write zeros."""
    return fill_(x, 0)


def fill_(x: Tensor, value: Any) -> Tensor:
    """Write one value everywhere."""
    v = unwrap(value, "fill_")
    if shape_of(v) not in ((), (1,)):
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {len(shape_of(v))} "
            "dimensions."
        )
    v = dtype_of(x.array).type(v) if type(v) in WEAK else cast(v, dtype_of(x.array))
    return written(x, p.broadcast_to(v, shape=shape_of(x.array)))


def copy_(x: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Write the elements of another tensor, with broadcasting."""
    v = cast(unwrap(src, "copy_"), dtype_of(x.array))
    return written(x, p.broadcast_to(v, shape=shape_of(x.array)))


def _random(name: str, draw: Any) -> Any:
    def call(x: Tensor, *args: Any, generator: Any = None, **kwargs: Any) -> Tensor:
        values: Any = draw(source(generator), x.shape, *args, **kwargs)
        values = values if isinstance(values, TracedArray) else np.asarray(values)
        return written(x, values.astype(dtype_of(x.array)))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = "Write random numbers."
    return call


# `from` is a keyword of Python; PyTorch calls the bounds of random_ so.
uniform_ = _random("uniform_", lambda rng, shape, low=0.0, high=1.0: rng.uniform(low, high, shape))
normal_ = _random("normal_", lambda rng, shape, mean=0.0, std=1.0: rng.normal(mean, std, shape))
exponential_ = _random(
    "exponential_", lambda rng, shape, lambd=1.0: rng.exponential(1 / lambd, shape)
)
log_normal_ = _random(
    "log_normal_", lambda rng, shape, mean=1.0, std=2.0: np.exp(rng.normal(mean, std, shape))
)
cauchy_ = _random(
    "cauchy_",
    lambda rng, shape, median=0.0, sigma=1.0: (
        median + sigma * np.tan(np.pi * (rng.random(shape) - 0.5))
    ),
)
geometric_ = _random(
    "geometric_",
    lambda rng, shape, p: np.floor(np.log1p(-rng.random(shape)) / np.log1p(-p)) + 1,
)
bernoulli_ = _random("bernoulli_", lambda rng, shape, p=0.5: rng.random(shape) < p)
random_ = _random(
    "random_",
    lambda rng, shape, low=0, high=None: (
        rng.integers(low, high, shape) if high is not None else rng.integers(0, low or 2**24, shape)
    ),
)


def fill_diagonal_(x: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write one value on the diagonal."""
    check_writable(x)
    np.fill_diagonal(x.array, fill_value, wrap)
    return x


def _rearranged(name: str) -> Any:
    function = getattr(shaping, name)

    def call(x: Tensor, *args: Any) -> Tensor:
        check_writable(x)
        x.array = function(x, *args).array
        return x

    call.__name__ = call.__qualname__ = f"{name}_"
    call.__doc__ = f"As `{name}`: the tensor becomes the view."
    return call


METHODS: dict[str, Any] = {
    f"{name}_": _in_place(name, getattr(module, name))
    for module, names in _SOURCES.items()
    for name in names.split()
}
"""In-place methods by name."""
for _function in (
    zero_,
    fill_,
    copy_,
    uniform_,
    normal_,
    exponential_,
    log_normal_,
    cauchy_,
    geometric_,
    bernoulli_,
    random_,
    fill_diagonal_,
    *map(_rearranged, ("t", "transpose", "swapaxes", "swapdims", "squeeze", "unsqueeze")),
):
    METHODS[_function.__name__] = _function

_OPERATORS = {
    "add": "add_",
    "sub": "sub_",
    "mul": "mul_",
    "truediv": "div_",
    "floordiv": "floor_divide_",
    "mod": "remainder_",
    "pow": "pow_",
    "and": "bitwise_and_",
    "or": "bitwise_or_",
    "xor": "bitwise_xor_",
}
for _sign, _method in _OPERATORS.items():
    METHODS[f"__i{_sign}__"] = METHODS[_method]
