"""Views and rearrangements, joining and splitting.

What PyTorch returns as a view is one: a write to it reaches the tensor, and its gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.types import dtype_of, shape_of
from functrans.numpy import views
from functrans.torch import dtypes
from functrans.torch.engine import EngineArray
from functrans.torch.indexing import getitem
from functrans.torch.operands import dim_index, dim_tuple, promoted, tensor_array
from functrans.torch.tensor import Tensor, wrap

Function = Callable[[Any], Any]


def as_view(input: Tensor, read: Function, show: Function | None = None) -> Tensor:
    """The tensor that `read` makes of the array; `show` does the same to element numbers."""
    base = input.array
    ans = read(base)
    if ans is base:
        ans = read_alias(base)
        views.link(base, ans, read_alias, lambda numbers: numbers[...])
    else:
        views.link(base, ans, read, show or read)
    if type(ans) is EngineArray and np.may_share_memory(ans.value, base.value):
        ans.version = base.version
    return wrap(ans)


def read_alias(base: Any) -> Any:
    """The array itself, as a view."""
    return p.getitem(base, ...)


def _by_numpy(function: Any, *args: Any, **kwargs: Any) -> Function:
    """A NumPy function on arrays and on element numbers alike, not linked by itself."""

    def read(a: Any) -> Any:
        ans = function(a, *args, **kwargs)
        if isinstance(ans, TracedArray) and ans is not a:
            ans.place = None
        return ans

    return read


def wanted_shape(shape: tuple[Any, ...], size: int) -> tuple[int, ...]:
    """A shape given as one sequence or as several ints, with its -1 worked out."""
    dims = shape[0] if len(shape) == 1 and not isinstance(shape[0], int | Tensor) else shape
    wanted = tuple(int(n) for n in dims)
    known = math.prod(n for n in wanted if n != -1)
    if wanted.count(-1) == 1 and known and size % known == 0:
        return tuple(size // known if n == -1 else n for n in wanted)
    if -1 in wanted or known != size:
        raise RuntimeError(f"shape '{list(wanted)}' is invalid for input of size {size}")
    return wanted


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The elements in another shape: a view where the memory allows it."""
    new = wanted_shape(shape, input.numel())
    return as_view(input, lambda a: p.reshape(a, shape=new), lambda n: n.reshape(new))


def view(input: Tensor, *shape: Any) -> Tensor:
    """The elements in another shape, in the same memory.

    Raises
    ------
    RuntimeError
        The memory does not allow it: use `reshape`.
    """
    if len(shape) == 1 and isinstance(shape[0], dtypes.dtype):
        raise NotImplementedError("Tensor.view(dtype) is not supported by functrans.torch")
    new = wanted_shape(shape, input.numel())
    if type(input.array) is EngineArray and input.numel():
        memory = input.array.memory()
        if not np.may_share_memory(memory, memory.reshape(new)):  # it had to be copied
            raise RuntimeError(
                "view size is not compatible with input tensor's size and stride (at least one "
                "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
            )
    return reshape(input, new)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """The elements in the shape of another tensor."""
    return view(input, other.shape)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """The elements in the shape of another tensor."""
    return reshape(input, other.shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions from one to another made one."""
    shape = input.shape
    if not shape:
        return reshape(input, (1,))
    first, last = dim_index(start_dim, len(shape)), dim_index(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    return reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
    return reshape(input, (-1,))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension made several."""
    shape = input.shape
    axis = dim_index(dim, len(shape))
    inner = wanted_shape((tuple(sizes),), shape[axis])
    return reshape(input, (*shape[:axis], *inner, *shape[axis + 1 :]))


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    ndim = input.ndim
    axes = list(range(ndim))
    i, j = dim_index(dim0, ndim), dim_index(dim1, ndim)
    if ndim:
        axes[i], axes[j] = axes[j], axes[i]
    return permute(input, axes)


swapaxes = swapdims = transpose


def permute(input: Tensor, *dims: Any) -> Tensor:
    """The dimensions in another order."""
    given = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    if len(given) != input.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {input.ndim} is not "
            f"equal to len(dims) = {len(given)}"
        )
    axes = tuple(dim_index(d, input.ndim) for d in given)
    if len(set(axes)) != len(axes):
        raise RuntimeError("permute(dims): duplicate dims are not allowed.")
    return as_view(input, lambda a: p.transpose(a, axes=axes), lambda n: n.transpose(axes))


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return permute(input, tuple(range(input.ndim))[::-1])


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to new places."""
    if not input.ndim:
        return reshape(input, ())
    return as_view(input, _by_numpy(np.moveaxis, source, destination))


moveaxis = movedim


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Dimensions of length 1 removed."""
    shape = input.shape
    axes = dim_tuple(dim, len(shape))
    return reshape(input, tuple(n for i, n in enumerate(shape) if not (n == 1 and i in axes)))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A dimension of length 1 inserted."""
    shape = input.shape
    axis = dim_index(dim, len(shape) + 1)
    return reshape(input, (*shape[:axis], 1, *shape[axis:]))


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """Dimensions of length 1 stretched, without taking memory."""
    given = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    own = (1,) * (len(given) - input.ndim) + input.shape
    new = tuple(n if k == -1 else k for n, k in zip(own, given, strict=True))
    if any(n not in (1, k) for n, k in zip(own, new, strict=True)):
        raise RuntimeError(
            f"The expanded size of the tensor must match the existing size: {list(new)} for "
            f"{list(input.shape)}"
        )
    return as_view(input, lambda a: p.broadcast_to(a, shape=new), lambda n: np.broadcast_to(n, new))


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """The tensor stretched to the shape of another."""
    return expand(input, other.shape)


def broadcast_to(input: Tensor, shape: Sequence[int]) -> Tensor:
    """The tensor stretched to a shape."""
    return expand(input, tuple(shape))


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors stretched to their common shape."""
    shape = np.broadcast_shapes(*(x.shape for x in tensors))
    return tuple(expand(x, shape) for x in tensors)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements on a diagonal, as the last dimension."""

    def show(numbers: Any) -> Any:
        view = np.diagonal(numbers, offset, dim1, dim2)
        view.flags.writeable = True
        return view

    return as_view(input, _by_numpy(np.diagonal, offset, dim1, dim2), show)


def real(input: Tensor) -> Tensor:
    """The real part."""
    return as_view(input, _by_numpy(np.real)) if input.is_complex() else input


def imag(input: Tensor) -> Tensor:
    """The imaginary part."""
    if not input.is_complex():
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return as_view(input, _by_numpy(np.imag))


def contiguous(input: Tensor) -> Tensor:
    """The tensor itself, or a copy in C order."""
    if type(input.array) is not EngineArray or input.array.memory().flags.c_contiguous:
        return input
    return clone(input)


def is_contiguous(input: Tensor) -> bool:
    """Whether the memory is in C order."""
    return bool(input.numpy_memory().flags.c_contiguous)


def stride(input: Tensor, dim: int | None = None) -> Any:
    """How many elements apart neighbours along each dimension lie."""
    steps = tuple(s // input.itemsize for s in input.numpy_memory().strides)
    return steps if dim is None else steps[dim]


def data_ptr(input: Tensor) -> int:
    """The address of the first element."""
    return int(input.numpy_memory().__array_interface__["data"][0])


def clone(input: Tensor, **options: Any) -> Tensor:
    """A copy, through which gradients flow."""
    return wrap(copied(tensor_array(input, "clone")))


def copied(a: Any) -> Any:
    """A copy of an array, through which gradients flow."""
    return a.duplicate() if dtype_of(a).kind in "biu" else p.positive(a)


# Rearrangements that copy


def repeat_interleave(input: Tensor, repeats: Any, dim: int | None = None) -> Tensor:
    """Each element repeated on the spot."""
    count = repeats.numpy_memory() if isinstance(repeats, Tensor) else repeats
    return wrap(np.repeat(tensor_array(input, "repeat_interleave"), count, dim))


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices, zero elsewhere."""
    return wrap(np.triu(tensor_array(input, "triu"), diagonal))


def diff(input: Tensor, n: int = 1, dim: int = -1) -> Tensor:
    """The differences of neighbours along a dimension, taken `n` times."""
    return wrap(np.diff(tensor_array(input, "diff"), n, dim))


# Joining and splitting


def _all_arrays(tensors: Any, name: str) -> list[Any]:
    arrays = [tensor_array(x, name) for x in tensors]
    if not arrays and name == "stack":
        raise RuntimeError("stack expects a non-empty TensorList")
    if not arrays:
        raise ValueError(f"torch.{name}(): expected a non-empty list of Tensors")
    return promoted(*arrays)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors joined along a dimension."""
    arrays = _all_arrays(tensors, "cat")
    arrays = [a for a in arrays if shape_of(a) != (0,)] or arrays[:1]
    axis = dim_index(dim, len(shape_of(arrays[0])))
    for i, a in enumerate(arrays):
        first, own = shape_of(arrays[0]), shape_of(a)
        if not own:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
        if len(own) != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(own)}"
            )
        for j, (n, k) in enumerate(zip(first, own, strict=True)):
            if j != axis and n != k:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {n} "
                    f"but got size {k} for tensor number {i} in the list."
                )
    return wrap(p.concatenate(*arrays, axis=dim_index(dim, len(shape_of(arrays[0])))))


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new dimension."""
    arrays = _all_arrays(tensors, "stack")
    for a in arrays:
        if shape_of(a) != shape_of(arrays[0]):
            raise RuntimeError(
                "stack expects each tensor to be equal size, but got "
                f"{list(shape_of(arrays[0]))} at entry 0 and {list(shape_of(a))} at another"
            )
    return wrap(p.stack(arrays, axis=dim_index(dim, len(shape_of(arrays[0])) + 1)))


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors joined along the second dimension, vectors along their only one."""
    return wrap(np.hstack(_all_arrays(tensors, "hstack")))


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors joined as rows."""
    return wrap(np.vstack(_all_arrays(tensors, "vstack")))


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts along a dimension, of one length or of given lengths: views."""
    axis = dim_index(dim, tensor.ndim)
    n = tensor.shape[axis]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and n):
            raise RuntimeError(
                f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}"
                if size == 0
                else f"split expects split_size be non-negative, but got split_size={size}"
            )
        size = size or 1
        lengths = [min(size, n - i) for i in range(0, n, size)] or [0]
    else:
        lengths = list(split_size_or_sections)
        if sum(lengths) != n:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size "
                f"at dimension {axis}), but got split_sizes={lengths}"
            )
    stops = np.cumsum(lengths).tolist()
    return tuple(narrow(tensor, axis, b - k, k) for b, k in zip(stops, lengths, strict=True))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most so many parts along a dimension, of equal length but for the last: views."""
    n = input.shape[dim_index(dim, input.ndim)]
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if not n:
        return tuple(narrow(input, dim, 0, 0) for _ in range(chunks))
    return split(input, max(1, -(-n // chunks)), dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The entries along a dimension: views."""
    return tuple(select(input, dim, i) for i in range(input.shape[dim_index(dim, input.ndim)]))


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A stretch of a dimension: a view."""
    axis = dim_index(dim, input.ndim)
    n = input.shape[axis]
    first = start + n if start < 0 else start
    if not 0 <= first <= n or length < 0 or first + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return getitem(input, (slice(None),) * axis + (slice(first, first + length),))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One entry of a dimension: a view."""
    axis = dim_index(dim, input.ndim)
    return getitem(input, (slice(None),) * axis + (index,))
