"""The methods of tensors: the functions of the same name, and the operators."""

from __future__ import annotations

from typing import Any

from functrans import primitives as p
from functrans.torch import (
    arranging,
    creation,
    decompositions,
    devices,
    dtypes,
    indexing,
    inplace,
    linear_algebra,
    pointwise,
    reductions,
    scattering,
    shaping,
    special,
    spectra,
    statistics,
)
from functrans.torch.tensor import Tensor, wrap
from functrans.torch.titles import titled

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
        "lgamma digamma i0 logit sgn signbit conj_physical resolve_conj resolve_neg isreal "
        "isposinf isneginf frexp gcd lcm heaviside ldexp"
    ),
    reductions: (
        "sum mean prod var std logsumexp softmax log_softmax all any count_nonzero amax amin "
        "max min argmax argmin sort argsort topk kthvalue median cumsum cumprod logcumsumexp "
        "cummax cummin norm dist"
    ),
    shaping: (
        "reshape view view_as reshape_as flatten ravel unflatten transpose swapaxes swapdims "
        "permute t movedim moveaxis squeeze unsqueeze expand expand_as broadcast_to diagonal "
        "contiguous is_contiguous stride data_ptr clone "
        "repeat_interleave triu diff split chunk unbind narrow select"
    ),
    indexing: (
        "gather take_along_dim take index_select masked_select nonzero scatter scatter_add "
        "index_put"
    ),
    spectra: "stft istft",
    special: "polygamma mvlgamma igamma igammac",
    statistics: (
        "quantile nanquantile nansum nanmean nanmedian mode aminmax bincount histc histogram "
        "unique unique_consecutive cov corrcoef renorm"
    ),
    arranging: (
        "flip roll repeat tile tril diag diag_embed as_strided unfold fliplr flipud rot90 "
        "diagflat tensor_split hsplit vsplit dsplit "
        "split_with_sizes narrow_copy sum_to_size adjoint argwhere msort"
    ),
    scattering: (
        "scatter_reduce index_reduce index_add index_copy index_fill masked_scatter put "
        "select_scatter slice_scatter diagonal_scatter"
    ),
    decompositions: ("cholesky_solve cholesky_inverse pinverse qr svd matrix_exp addr addbmm vdot"),
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
        elif isinstance(arg, str) and arg.startswith("torch."):
            dtype = dtypes.of_type_name(arg)
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


def is_signed(self: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return self.dtype.is_signed


def is_nonzero(self: Tensor) -> bool:
    """Whether the one element is not 0."""
    return bool(self)


def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether another tensor has the same shape."""
    return self.shape == other.shape


def is_conj(self: Tensor) -> bool:
    """Never: the elements are in memory as they are."""
    return False


def is_inference(self: Tensor) -> bool:
    """Never: tensors of an `inference_mode` are ordinary ones."""
    return False


def get_device(self: Tensor) -> int:
    """-1, which stands for the CPU."""
    return -1


def storage_offset(self: Tensor) -> int:
    """How many elements of its memory lie before the first one."""
    memory = self.numpy_memory()
    owner = memory
    while owner.base is not None and hasattr(owner.base, "__array_interface__"):
        owner = owner.base
    return int(memory.ctypes.data - owner.ctypes.data) // memory.itemsize


def share_memory_(self: Tensor) -> Tensor:
    """The tensor itself."""
    return self


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """Refused: there is no CUDA device."""
    devices.check_device("cuda")
    return self


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
            setattr(Tensor, name, titled(getattr(module, name)))
    for name, function in inplace.METHODS.items():
        setattr(Tensor, name, function)
    for function in (
        *(where, to, type_as, cpu, is_signed, is_nonzero, is_same_size, is_conj, is_inference),
        *(get_device, storage_offset, share_memory_, cuda),
    ):
        setattr(Tensor, function.__name__, function)
    Tensor.is_neg = is_conj  # type: ignore[attr-defined]
    Tensor.pin_memory = cpu  # type: ignore[attr-defined]
    Tensor.ndimension = Tensor.dim  # type: ignore[attr-defined]
    Tensor.bernoulli = creation.bernoulli  # type: ignore[attr-defined]
    Tensor.multinomial = creation.multinomial  # type: ignore[attr-defined]
    for name in ("is_sparse", "is_quantized", "is_meta", "is_mps", "is_xpu"):
        setattr(Tensor, name, False)
    Tensor.is_cpu = True  # type: ignore[attr-defined]
    setattr(Tensor, "type", type_)  # noqa: B010
    Tensor.char = _converter(dtypes.int8)  # type: ignore[attr-defined]
    Tensor.byte = _converter(dtypes.uint8)  # type: ignore[attr-defined]
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
        setattr(Tensor, f"__{name}__", _operator(titled(function)))
        setattr(Tensor, f"__r{name}__", _operator(titled(function), swap=True))
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", _operator(getattr(pointwise, name)))
    alone = {
        "neg": pointwise.neg,
        "pos": lambda x: x,
        "abs": pointwise.abs,
        "invert": pointwise.bitwise_not,
        "reversed": lambda x: arranging.flip(x, tuple(range(x.ndim))),
        "getitem": indexing.getitem,
        "setitem": inplace.setitem,
    }
    for name, function in alone.items():
        setattr(Tensor, f"__{name}__", function)
    turned = titled(shaping.transpose)
    properties = {
        "T": lambda x: shaping.permute(x, tuple(range(x.ndim))[::-1]),
        "mT": lambda x: turned(x, -2, -1) if x.ndim else x,
        "H": lambda x: pointwise.conj(turned(x, -2, -1)) if x.ndim else x,
        "mH": lambda x: pointwise.conj(turned(x, -2, -1)) if x.ndim else x,
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
