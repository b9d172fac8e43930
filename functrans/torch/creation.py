"""Making tensors: from data, filled, along ranges, at random."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.interpreter import outside, stack, under
from functrans.core.types import is_plain
from functrans.numpy.creation import fresh, writable
from functrans.torch import dtypes
from functrans.torch.devices import check_device
from functrans.torch.dtypes import dtype as DType
from functrans.torch.engine import EngineArray, mode
from functrans.torch.random import Generator as Generator, source
from functrans.torch.tensor import Tensor, wrap
from functrans.transforms.batching import Batch


def _finished(
    values: Any, requires_grad: bool, device: Any = None, *, shared: bool = False
) -> Tensor:
    """The tensor of new values, or of some in memory that is `shared`.

    Inside functional transforms it is one of theirs, so that traced values can be written into it;
    the lanes of a vmap share it, as in PyTorch.
    """
    check_device(device)
    if not (shared or requires_grad or outside()):
        within = stack.top
        while isinstance(within, Batch) and not isinstance(values, TracedArray):
            within = within.parent
        with under(within):
            values = fresh(values) if mode.staging else writable(values)
    made = wrap(values)
    if requires_grad and values.dtype.kind not in "fc":
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    return made.requires_grad_() if requires_grad else made


def tensor(
    data: Any, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor of numbers, nested lists or an array; the data are copied.

    Parameters
    ----------
    data : array_like
        Python floats become the default floating type, ndarrays keep theirs.
    dtype : torch.dtype, optional
    device : "cpu", optional
    requires_grad : bool

    Raises
    ------
    RuntimeError
        A gradient is asked for integers.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    return _finished(_values(data, dtype, copy=True), requires_grad, device)


def _values(data: Any, dtype: DType | None, copy: bool) -> np.ndarray[Any, Any]:
    if isinstance(data, Tensor):
        values = data.numpy_memory()
    elif is_plain(data):
        values = np.asarray(data)
    else:
        values = _of_lists(data, rounded=dtype is None)
    dtypes.of_numpy(values.dtype)
    wanted = values.dtype if dtype is None else dtypes.to_numpy(dtype)
    return np.array(values, wanted, copy=True if copy else None)


def _of_lists(data: Any, *, rounded: bool = True) -> np.ndarray[Any, Any]:
    """Nested lists of Python numbers and tensors, in the default types or as they are."""

    def plain(x: Any) -> Any:
        if isinstance(x, Tensor):
            return x.numpy_memory()
        return [plain(y) for y in x] if isinstance(x, list | tuple) else x

    try:
        values = np.asarray(plain(data))
    except ValueError as error:
        raise ValueError(f"expected sequences of one length at each depth: {error}") from None
    kind = values.dtype.kind
    if not rounded and kind in "biufc":
        return values
    if kind == "f" and not _holds_numpy(data):
        return values.astype(dtypes.get_default_dtype().numpy)
    if kind == "c" and not _holds_numpy(data):
        return values.astype(dtypes.default_complex())
    if not values.size and kind == "f":
        return values.astype(dtypes.get_default_dtype().numpy)
    if kind not in "biufc":
        raise TypeError(f"new(): invalid data type {type(data).__name__!r}")
    return values


def _holds_numpy(data: Any) -> bool:
    if isinstance(data, list | tuple):
        return any(map(_holds_numpy, data))
    return is_plain(data) or isinstance(data, Tensor)


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Make a tensor, in the memory of the data where that is possible."""
    if isinstance(data, Tensor) and dtype in (None, data.dtype):
        return data
    return _finished(_values(data, dtype, copy=False), False, device, shared=True)


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """The tensor in the memory of an ndarray."""
    if not issubclass(type(ndarray), np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.of_numpy(ndarray.dtype)
    return wrap(EngineArray(ndarray))


def from_dlpack(ext_tensor: Any) -> Tensor:
    """The tensor in the memory of any array that speaks DLPack."""
    return from_numpy(np.from_dlpack(ext_tensor))


def asarray(
    obj: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor, in the memory of the data where that is possible, or surely of a copy."""
    made = as_tensor(obj, dtype, device)
    if copy:
        made = made.clone()
    return made.detach().requires_grad_() if requires_grad else made


def scalar_tensor(s: Any, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Make a tensor without dimensions, of the default floating type."""
    return tensor(s, dtype=dtype or dtypes.get_default_dtype(), **options)


def frombuffer(
    buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """Make a tensor in the memory of a buffer."""
    values = np.frombuffer(buffer, dtype.numpy, count, offset)
    return _finished(values, requires_grad, shared=True)


class _OfType(type):
    """``torch.FloatTensor`` and its like: makers of tensors of a dtype, and tests for it."""

    kind: DType

    def __call__(cls, *data: Any, **options: Any) -> Tensor:
        if data and all(isinstance(n, int) for n in data):
            return zeros(*data, dtype=cls.kind)
        return tensor(data[0] if data else [], dtype=cls.kind)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.kind


def _of_type(name: str, kind: DType) -> Any:
    return _OfType(name, (), {"kind": kind, "__doc__": f"Makes tensors of {kind}."})


FloatTensor, DoubleTensor = (
    _of_type("FloatTensor", dtypes.float32),
    _of_type("DoubleTensor", dtypes.float64),
)
HalfTensor, BoolTensor = _of_type("HalfTensor", dtypes.float16), _of_type("BoolTensor", dtypes.bool)
LongTensor, IntTensor = _of_type("LongTensor", dtypes.int64), _of_type("IntTensor", dtypes.int32)
ShortTensor, CharTensor = _of_type("ShortTensor", dtypes.int16), _of_type("CharTensor", dtypes.int8)
ByteTensor = _of_type("ByteTensor", dtypes.uint8)


def _size(size: tuple[Any, ...]) -> tuple[int, ...]:
    given = size[0] if len(size) == 1 and not isinstance(size[0], int | Tensor) else size
    return tuple(int(n) for n in given)


def _dtype(dtype: DType | None) -> Any:
    return (dtypes.get_default_dtype() if dtype is None else dtype).numpy


def zeros(
    *size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor of zeros."""
    return _finished(np.zeros(_size(size), _dtype(dtype)), requires_grad, device)


def ones(
    *size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor of ones."""
    return _finished(np.ones(_size(size), _dtype(dtype)), requires_grad, device)


def empty(
    *size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor with arbitrary elements."""
    return _finished(np.empty(_size(size), _dtype(dtype)), requires_grad, device)


def full(
    size: Sequence[int],
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of one value."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    wanted = _of_lists(value).dtype if dtype is None else dtype.numpy
    return _finished(np.full(_size((size,)), value, wanted), requires_grad, device)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a matrix with ones on its diagonal."""
    return _finished(np.eye(n, m, dtype=_dtype(dtype)), requires_grad, device)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of evenly spaced numbers, the end not among them."""
    first, last = (0, start) if end is None else (start, end)
    parts = [x.item() if isinstance(x, Tensor) else x for x in (first, last, step)]
    if dtype is None:
        whole = all(isinstance(x, int) for x in parts)
        dtype = dtypes.int64 if whole else dtypes.get_default_dtype()
    count = max(0, math.ceil((parts[1] - parts[0]) / parts[2]))
    values = parts[0] + np.arange(count) * parts[2]
    return _finished(values.astype(dtype.numpy), requires_grad, device)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of evenly spaced numbers, both ends among them."""
    values = np.linspace(float(start), float(end), steps).astype(_dtype(dtype))
    return _finished(values, requires_grad, device)


def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DType | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of powers with evenly spaced exponents."""
    return _finished(np.logspace(start, end, steps, base=base).astype(_dtype(dtype)), requires_grad)


def _like(make: Any) -> Any:
    def like(
        input: Tensor,
        *args: Any,
        dtype: DType | None = None,
        device: Any = None,
        requires_grad: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        made: Tensor = make(
            tuple(input.shape),
            *args,
            dtype=input.dtype if dtype is None else dtype,
            device=device,
            requires_grad=requires_grad,
        )
        return made

    like.__name__ = like.__qualname__ = f"{make.__name__}_like"
    like.__doc__ = f"As `{make.__name__}`, with the shape and dtype of a tensor."
    return like


zeros_like = _like(zeros)
ones_like = _like(ones)
empty_like = _like(empty)
full_like = _like(full)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """The coordinates of a grid."""
    from functrans.torch.shaping import broadcast_tensors, reshape, transpose

    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    n = len(given)
    grids = broadcast_tensors(
        *(reshape(x, [1] * i + [-1] + [1] * (n - i - 1)) for i, x in enumerate(given))
    )
    return grids if indexing == "ij" or n < 2 else tuple(transpose(g, 0, 1) for g in grids)


# At random


def _array(drawn: Any) -> Any:
    """What a source drew, a scalar as an array."""
    return drawn if isinstance(drawn, TracedArray) else np.asarray(drawn)


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of uniform random numbers from 0 to 1."""
    values = _array(source(generator).random(_size(size))).astype(_dtype(dtype))
    return _finished(
        np.minimum(values, np.nextafter(values.dtype.type(1), values.dtype.type(0))),
        requires_grad,
        device,
    )


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of normal random numbers with mean 0 and variance 1."""
    values = _array(source(generator).standard_normal(_size(size)))
    return _finished(values.astype(_dtype(dtype)), requires_grad, device)


def randint(
    low: int,
    high: Any,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of random integers from `low` (0 if left out) to below `high`."""
    if size is None:
        low, high, size = 0, low, high
    values = _array(source(generator).integers(low, high, _size((size,))))
    wanted = (dtypes.int64 if dtype is None else dtype).numpy
    return _finished(values.astype(wanted), requires_grad, device)


def randperm(n: int, *, generator: Generator | None = None, dtype: DType | None = None) -> Tensor:
    """Make a tensor of the numbers from 0 to below `n` in random order."""
    wanted = (dtypes.int64 if dtype is None else dtype).numpy
    return _finished(source(generator).permutation(n).astype(wanted), False)


def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None
) -> Tensor:
    """Make a tensor of normal random numbers."""
    shape = size if size is not None else np.broadcast_shapes(np.shape(mean), np.shape(std))
    noise = randn(tuple(shape), generator=generator)
    return noise * std + mean  # type: ignore[no-any-return]


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Make a tensor of zeros and ones, ones with the given probabilities."""
    chance = input.detach().array
    drawn = p.less(source(generator).random(chance.shape), chance)
    return _finished(p.astype(drawn, dtype=chance.dtype), False)


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Make a tensor of random counts with the given means."""
    means = input.numpy_memory()
    return _finished(source(generator).poisson(means).astype(means.dtype), False)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Draw positions with the given weights, for each row."""
    weights = input.numpy_memory().astype(float)
    if num_samples > weights.shape[-1] and not replacement:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    rows = weights.reshape(-1, weights.shape[-1])
    rng = source(generator)
    drawn = [rng.choice(row.size, num_samples, replacement, row / row.sum()) for row in rows]
    return _finished(np.reshape(drawn, (*weights.shape[:-1], num_samples)).astype(np.int64), False)


rand_like = _like(rand)
randn_like = _like(randn)


def randint_like(input: Tensor, low: int, high: int | None = None, **options: Any) -> Tensor:
    """As `randint`, with the shape and dtype of a tensor."""
    first, last = (0, low) if high is None else (low, high)
    options.setdefault("dtype", input.dtype)
    return randint(first, last, tuple(input.shape), **options)
