"""Further arrangements of elements: turned, repeated, on diagonals, in strided views, blocks and
grids."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided as strided, sliding_window_view

from functrans import primitives as p
from functrans.core.types import dtype_of, shape_of
from functrans.torch.creation import meshgrid
from functrans.torch.engine import EngineArray
from functrans.torch.operands import dim_index, dim_tuple, tensor_array
from functrans.torch.shaping import (
    Function,
    as_view,
    cat,
    clone,
    copied,
    movedim,
    narrow,
    reshape,
    stack,
    transpose,
)
from functrans.torch.tensor import Size, Tensor, wrap


def _in_place_view(input: Tensor, read: Function, show: Function) -> Tensor:
    """A view whose elements the rules gather, and which NumPy shows in the same memory."""
    ans = as_view(input, read, show)
    if type(ans.array) is EngineArray:
        ans.array.value = show(input.array.memory())
        ans.array.version = input.array.version
    return ans


def as_strided(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A view of the elements of a contiguous tensor with given steps.

    Raises
    ------
    NotImplementedError
        The tensor is not contiguous.
    RuntimeError
        The view would reach beyond the elements.
    """
    a = tensor_array(input, "as_strided")
    if type(a) is EngineArray and not a.memory().flags.c_contiguous:
        raise NotImplementedError(
            "as_strided of a tensor that is not contiguous is not supported by functrans.torch; "
            "write x.contiguous().as_strided(...)"
        )
    shape, steps, first = tuple(size), tuple(stride), storage_offset or 0
    count = math.prod(shape_of(a))
    last = first + sum((n - 1) * k for n, k in zip(shape, steps, strict=True))
    if 0 not in shape and last >= count:
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(steps)}, storage offset {first} are "
            f"out of bounds for storage of {count} elements"
        )

    def show(numbers: Any) -> Any:
        flat = numbers.reshape(-1)[first:]
        return strided(flat, shape, tuple(k * flat.itemsize for k in steps))

    places = show(np.arange(count))

    def read(base: Any) -> Any:
        return p.take(p.reshape(base, shape=(count,)), places)

    return _in_place_view(input, read, show)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of a dimension, as one more dimension at the end: a view."""
    a = tensor_array(input, "unfold")
    axis = dim_index(dimension, len(shape_of(a)))
    n = shape_of(a)[axis] if shape_of(a) else 1
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not shape_of(a):
        return reshape(input, (size,))

    def show(numbers: Any) -> Any:
        windows = sliding_window_view(numbers, size, axis, writeable=True)
        return windows[(slice(None),) * axis + (slice(None, None, step),)]

    starts = np.arange(0, n - size + 1, step)
    places = starts[:, None] + np.arange(size)

    def read(base: Any) -> Any:
        gathered = p.take(base, places, axis=axis)
        axes = list(range(len(shape_of(gathered))))
        axes.append(axes.pop(axis + 1))
        return p.transpose(gathered, axes=tuple(axes))

    return _in_place_view(input, read, show)


def view_as_real(input: Tensor) -> Tensor:
    """Real and imaginary parts as one more dimension: a view."""
    a = tensor_array(input, "view_as_real")
    if dtype_of(a).kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")

    def read(base: Any) -> Any:
        return p.stack([p.real(base), p.imag(base)], axis=len(shape_of(base)))

    def show(numbers: Any) -> Any:
        kind = numbers.real.dtype
        steps = (*numbers.strides, numbers.itemsize // 2)
        return (
            np.ndarray((*numbers.shape, 2), kind, numbers, 0, steps)
            if numbers.size
            else (np.zeros((*numbers.shape, 2), kind))
        )

    return _in_place_view(input, read, show)


def view_as_complex(input: Tensor) -> Tensor:
    """Complex numbers of their parts in the last dimension; unlike PyTorch's this is a copy."""
    a = tensor_array(input, "view_as_complex")
    if dtype_of(a).kind != "f":
        raise RuntimeError(
            "view_as_complex is only supported for floating point tensors, but got a tensor of "
            f"scalar type: {input.dtype}"
        )
    if not shape_of(a) or shape_of(a)[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    return complex(*(wrap(p.getitem(a, (..., i))) for i in (0, 1)))


def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Complex numbers of their real and imaginary parts."""
    a, b = tensor_array(real, "complex"), tensor_array(imag, "complex")
    if dtype_of(a).kind != "f" or dtype_of(b).kind != "f":
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {real.dtype} and "
            f"{imag.dtype}"
        )
    if dtype_of(a) != dtype_of(b):
        raise RuntimeError(
            f"Expected object of scalar type {real.dtype} but got scalar type {imag.dtype} for "
            "second argument"
        )
    return wrap(p.make_complex(a, b))


def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers of their absolute values and angles."""
    a, b = tensor_array(abs, "polar"), tensor_array(angle, "polar")
    return complex(wrap(p.multiply(a, p.cos(b))), wrap(p.multiply(a, p.sin(b))))


def flip(input: Tensor, *dims: Any) -> Tensor:
    """The order along dimensions reversed."""
    given = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    return wrap(p.flip(tensor_array(input, "flip"), axes=dim_tuple(tuple(given), input.ndim)))


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved along dimensions, those that leave coming in at the other end."""
    return wrap(np.roll(tensor_array(input, "roll"), shifts, dims))


def repeat(input: Tensor, *sizes: Any) -> Tensor:
    """The tensor repeated as a whole along each dimension."""
    given = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    if len(given) < input.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    return wrap(np.tile(tensor_array(input, "repeat"), tuple(given)))


def tile(input: Tensor, *dims: Any) -> Tensor:
    """The tensor repeated as a whole along the last dimensions."""
    given = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    return repeat(input, *(1,) * (input.ndim - len(given)), *given)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices, zero elsewhere."""
    return wrap(np.tril(tensor_array(input, "tril"), diagonal))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with a diagonal, from a vector; the diagonal of a matrix, copied."""
    a = tensor_array(input, "diag")
    if len(shape_of(a)) not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {len(shape_of(a))}D")
    return wrap(copied(np.diag(a, diagonal)))


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with diagonals, from the last dimension."""
    a = tensor_array(input, "diag_embed")
    rank = len(shape_of(a)) + 1
    i, j = dim_index(dim1, rank), dim_index(dim2, rank)
    if i == j:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    made = wrap(p.from_diagonal(a, offset=offset if i < j else -offset))
    return made if (i, j) == (rank - 2, rank - 1) else movedim(made, (-2, -1), sorted((i, j)))


def fliplr(input: Tensor) -> Tensor:
    """The order of columns reversed."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return input.flip(1)  # type: ignore[no-any-return]


def flipud(input: Tensor) -> Tensor:
    """The order of rows reversed."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return input.flip(0)  # type: ignore[no-any-return]


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """The tensor turned by right angles in the plane of two dimensions."""
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    return wrap(copied(np.rot90(tensor_array(input, "rot90"), k, (dims[0], dims[1]))))


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements on its diagonal."""
    return reshape(input, (-1,)).diag(offset)  # type: ignore[no-any-return]


def block_diag(*tensors: Tensor) -> Tensor:
    """The matrix with matrices along its diagonal."""
    blocks = [atleast_2d(x) for x in tensors]
    width = sum(b.shape[1] for b in blocks)
    rows = []
    before = 0
    for b in blocks:
        if b.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input has "
                f"{b.ndim} dimensions"
            )
        n, k = b.shape
        left = wrap(np.zeros((n, before), b.array.dtype))
        right = wrap(np.zeros((n, width - before - k), b.array.dtype))
        rows.append(cat([left, b, right], 1))
        before += k
    return cat(rows, 0)


def _at_least(rank: int) -> Any:
    def atleast(*tensors: Any) -> Any:
        given = tensors[0] if len(tensors) == 1 and not isinstance(tensors[0], Tensor) else tensors
        found = tuple(_ranked(x, rank) for x in given)
        return found[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else found

    atleast.__name__ = atleast.__qualname__ = f"atleast_{rank}d"
    atleast.__doc__ = f"Tensors with at least {rank} dimensions."
    return atleast


def _ranked(x: Tensor, rank: int) -> Tensor:
    shape: tuple[int, ...] = tuple(x.shape)
    if len(shape) >= rank:
        return x
    if rank == 3 and len(shape) == 2:
        return reshape(x, (*shape, 1))
    if rank == 3 and len(shape) == 1:
        return reshape(x, (1, *shape, 1))
    return reshape(x, (1,) * (rank - len(shape)) + shape)


atleast_1d, atleast_2d, atleast_3d = _at_least(1), _at_least(2), _at_least(3)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors joined along the third dimension."""
    return cat([atleast_3d(x) for x in tensors], 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors joined as columns."""
    return cat([reshape(x, (x.numel(), 1)) if x.ndim < 2 else x for x in tensors], 1)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts along a dimension: so many of nearly equal length, or between positions; views."""
    if not input.ndim:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    axis = dim_index(dim, input.ndim)
    n = input.shape[axis]
    given = indices_or_sections
    if isinstance(given, Tensor):
        given = given.tolist()
    if isinstance(given, int):
        if given <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {given}")
        small, more = divmod(n, given)
        lengths = [small + 1] * more + [small] * (given - more)
        ends = list(itertools.accumulate(lengths))
        edges = list(zip([0, *ends[:-1]], ends, strict=True))
    else:
        cuts = [min(max(i + n if i < 0 else i, 0), n) for i in given]
        edges = list(zip([0, *cuts], [*cuts, n], strict=True))
    return tuple(narrow(input, axis, a, max(b - a, 0)) for a, b in edges)


def _split_along(name: str, axis: int, least: int) -> Any:
    def split(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
        if input.ndim < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension but got a tensor "
                f"with {input.ndim} dimensions!"
            )
        dim = 0 if name == "hsplit" and input.ndim == 1 else axis
        n = input.shape[dim]
        if isinstance(indices_or_sections, int) and n % indices_or_sections:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the "
                f"dimension {n} is not divisible by the split_size {indices_or_sections}!"
            )
        return tensor_split(input, indices_or_sections, dim)

    split.__name__ = split.__qualname__ = name
    split.__doc__ = f"Parts along dimension {axis}: views."
    return split


hsplit = _split_along("hsplit", 1, 1)
vsplit = _split_along("vsplit", 0, 2)
dsplit = _split_along("dsplit", 2, 3)


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of given lengths along a dimension: views."""
    return input.split(list(split_sizes), dim)  # type: ignore[no-any-return]


def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A stretch of a dimension, copied."""
    return clone(narrow(input, dim, start, length))


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """The sum over the dimensions along which a tensor of this size would be stretched."""
    wanted = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    extra = input.ndim - len(wanted)
    fits = extra >= 0 and all(
        n in (1, k) for n, k in zip(wanted, input.shape[max(extra, 0) :], strict=False)
    )
    if not fits:
        raise RuntimeError(f"size {{{list(wanted)}}} is not expandable to size {{{input.shape}}}.")
    dims = [
        *range(extra),
        *(i + extra for i, n in enumerate(wanted) if n != input.shape[i + extra]),
    ]
    total = input.sum(dims, True) if dims else input
    return reshape(total, wanted)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of an element of each tensor, one a row."""
    for x in tensors:
        if x.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    grids = meshgrid(*tensors, indexing="ij")
    return stack([reshape(g, (-1,)) for g in grids], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of `r` elements, one a row."""
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    choose: Any = (
        itertools.combinations_with_replacement if with_replacement else itertools.combinations
    )
    places = np.array(list(choose(range(input.numel()), r)), np.int64).reshape(-1, r)
    if r == 0:
        return wrap(np.zeros((0,), input.array.dtype))
    return wrap(p.take(input.array, places))


def tril_indices(row: int, col: int, offset: int = 0, **options: Any) -> Tensor:
    """The positions of the lower triangle of a matrix, rows first."""
    return wrap(np.stack(np.tril_indices(row, offset, col)).astype(np.int64))


def triu_indices(row: int, col: int, offset: int = 0, **options: Any) -> Tensor:
    """The positions of the upper triangle of a matrix, rows first."""
    return wrap(np.stack(np.triu_indices(row, offset, col)).astype(np.int64))


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The positions along each dimension of positions in all elements."""
    dims = (shape,) if isinstance(shape, int) else tuple(shape)
    return tuple(wrap(x) for x in np.unravel_index(indices.numpy_memory(), dims))


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape to which shapes are stretched."""
    try:
        return Size(
            np.broadcast_shapes(*[(s,) if isinstance(s, int) else tuple(s) for s in shapes])
        )
    except ValueError:
        raise RuntimeError(
            "Shape mismatch: objects cannot be broadcast to a single shape"
        ) from None


def adjoint(input: Tensor) -> Tensor:
    """The conjugate transposes of matrices."""
    from functrans.torch.pointwise import conj

    if input.ndim == 1:
        raise RuntimeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got "
            f"{input.ndim}-D tensor."
        )
    return conj(transpose(input, -2, -1) if input.ndim else input)


def detach(input: Tensor) -> Tensor:
    """The same memory as a constant."""
    return input.detach()


def argwhere(input: Tensor) -> Tensor:
    """The indices of the nonzero elements, one row for each."""
    return input.nonzero()  # type: ignore[no-any-return]


def msort(input: Tensor) -> Tensor:
    """The elements in order along the first dimension."""
    return input.sort(0).values  # type: ignore[no-any-return]
