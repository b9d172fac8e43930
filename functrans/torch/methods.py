"""The methods of tensors: the functions of the same name, and the operators."""

from __future__ import annotations

from typing import Any

from functrans import primitives as p
from functrans.torch import (
    creation,
    devices,
    dtypes,
    inplace,
    linear_algebra,
    pointwise,
    reductions,
    shaping,
)
from functrans.torch.tensor import Tensor, wrap

METHODS = {
    pointwise: (
        "abs absolute neg negative positive square sign floor ceil trunc fix isnan isinf "
        "isfinite logical_not bitwise_not conj exp exp2 expm1 log log2 log10 log1p sqrt rsqrt "
        "reciprocal sin cos tan asin arcsin acos arccos atan arctan sinh cosh tanh asinh "
        "arcsinh acosh arccosh atanh arctanh sigmoid sinc deg2rad rad2deg frac round relu "
        "angle mul multiply maximum minimum fmax fmin eq ne not_equal lt less le less_equal "
        "gt greater ge greater_equal logical_and logical_or logical_xor bitwise_and "
        "bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift remainder fmod atan2 "
        "arctan2 hypot logaddexp logaddexp2 copysign nextafter add sub subtract div divide "
        "true_divide floor_divide pow float_power xlogy lerp addcmul addcdiv clamp clip "
        "clamp_min clamp_max masked_fill nan_to_num isclose allclose equal erf erfc erfinv "
        "lgamma digamma i0 logit"
    ),
    reductions: (
        "sum mean prod var std logsumexp softmax log_softmax all any count_nonzero amax amin "
        "max min argmax argmin sort argsort topk kthvalue median cumsum cumprod logcumsumexp "
        "cummax cummin norm dist"
    ),
    shaping: (
        "reshape view view_as reshape_as flatten ravel unflatten transpose swapaxes swapdims "
        "permute t movedim moveaxis squeeze unsqueeze expand expand_as broadcast_to diagonal "
        "contiguous is_contiguous stride data_ptr clone flip roll repeat tile "
        "repeat_interleave tril triu diag diag_embed split chunk unbind narrow select gather "
        "take_along_dim take index_select masked_select nonzero scatter scatter_add index_add "
        "index_copy index_fill index_put masked_scatter diff"
    ),
    linear_algebra: (
        "matmul mm bmm mv dot inner outer ger addmm addmv baddbmm cross trace kron inverse "
        "det slogdet logdet cholesky matrix_power"
    ),
}


def where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """The elements where a condition holds, elsewhere `other`."""
    return pointwise.where(condition, self, other)  # type: ignore[no-any-return]


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor in another dtype; the device is always the CPU."""
    dtype = kwargs.get("dtype")
    for arg in (*args, kwargs.get("device")):
        if isinstance(arg, dtypes.dtype):
            dtype = arg
        elif isinstance(arg, Tensor):
            dtype = arg.dtype
        elif isinstance(arg, str | devices.device):
            devices.check_device(arg)
    if dtype is None or dtype is self.dtype:
        return shaping.clone(self) if kwargs.get("copy") else self
    return wrap(p.astype(self.array, dtype=dtype.numpy))


def type_(self: Tensor, dtype: Any = None) -> Any:
    """The name of the tensor's type, or the tensor in another dtype."""
    from functrans.torch.printing import type_string

    return type_string(self.array) if dtype is None else to(self, dtype)


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype of another."""
    return to(self, other.dtype)


def cpu(self: Tensor) -> Tensor:
    """The tensor itself."""
    return self


def _converter(dtype: dtypes.dtype) -> Any:
    def convert(self: Tensor) -> Tensor:
        return to(self, dtype)

    convert.__doc__ = f"The tensor as {dtype}."
    return convert


def _new(make: Any) -> Any:
    def new(self: Tensor, *args: Any, dtype: Any = None, **options: Any) -> Tensor:
        made: Tensor = make(*args, dtype=dtype or self.dtype, **options)
        return made

    new.__doc__ = f"As `torch.{make.__name__}`, in the dtype of this tensor."
    return new


def attach() -> None:
    """Give tensors their methods and operators."""
    for module, names in METHODS.items():
        for name in names.split():
            setattr(Tensor, name, getattr(module, name))
    for name, function in inplace.METHODS.items():
        setattr(Tensor, name, function)
    for function in (where, to, type_as, cpu):
        setattr(Tensor, function.__name__, function)
    setattr(Tensor, "type", type_)  # noqa: B010
    for name in ("half", "float", "double", "short", "int", "long", "bool", "cfloat", "cdouble"):
        setattr(Tensor, name, _converter(getattr(dtypes, name)))
    for make in (creation.zeros, creation.ones, creation.empty, creation.full, creation.tensor):
        setattr(Tensor, f"new_{make.__name__}", _new(make))
    operators = {
        "truediv": pointwise.div,
        "floordiv": pointwise.floor_divide,
        "mod": pointwise.remainder,
        "pow": pointwise.pow,
        "matmul": linear_algebra.matmul,
        "and": pointwise.bitwise_and,
        "or": pointwise.bitwise_or,
        "xor": pointwise.bitwise_xor,
        "lshift": pointwise.bitwise_left_shift,
        "rshift": pointwise.bitwise_right_shift,
    }
    for name, function in operators.items():
        setattr(Tensor, f"__{name}__", _operator(function))
        setattr(Tensor, f"__r{name}__", _operator(function, swap=True))
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", _operator(getattr(pointwise, name)))
    alone = {
        "neg": pointwise.neg,
        "pos": lambda x: x,
        "abs": pointwise.abs,
        "invert": pointwise.bitwise_not,
        "getitem": shaping.getitem,
        "setitem": inplace.setitem,
    }
    for name, function in alone.items():
        setattr(Tensor, f"__{name}__", function)
    properties = {
        "T": lambda x: shaping.permute(x, tuple(range(x.ndim))[::-1]),
        "mT": lambda x: shaping.transpose(x, -2, -1),
        "H": lambda x: pointwise.conj(shaping.transpose(x, -2, -1)),
        "mH": lambda x: pointwise.conj(shaping.transpose(x, -2, -1)),
        "real": shaping.real,
        "imag": shaping.imag,
    }
    for name, get in properties.items():
        setattr(Tensor, name, property(get))


def _operator(function: Any, *, swap: bool = False) -> Any:
    from functrans.torch.tensor import acceptable

    def operate(x: Tensor, y: Any) -> Any:
        if not acceptable(y):
            return NotImplemented
        return function(y, x) if swap else function(x, y)

    return operate
