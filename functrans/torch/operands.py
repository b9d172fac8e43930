"""Tensors and numbers as operands: unwrapping, and PyTorch's promotion."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.types import WEAK, Array, dtype_of, shape_of
from functrans.torch import dtypes
from functrans.torch.engine import EngineArray
from functrans.torch.tensor import Tensor


def unwrap(x: Any, name: str = "operation") -> Array:
    """The array of a tensor; a Python number as it is.

    Raises
    ------
    TypeError
        `x` is neither.
    """
    if isinstance(x, Tensor):
        return x.array
    if type(x) in WEAK or isinstance(x, TracedArray):
        return x
    if isinstance(x, np.ndarray | np.generic):
        return EngineArray(x)
    raise TypeError(f"{name}(): argument must be Tensor, not {type(x).__name__}")


def tensor_array(x: Any, name: str) -> Any:
    """The array of an argument that must be a tensor."""
    if isinstance(x, Tensor):
        return x.array
    if isinstance(x, TracedArray):
        return x
    raise TypeError(f"{name}(): argument 'input' must be Tensor, not {type(x).__name__}")


def common_dtype(*arrays: Array) -> np.dtype[Any]:
    """The dtype in which operands meet."""
    dimensioned, zero_dim, python = [], [], []
    for a in arrays:
        if type(a) in WEAK:
            python.append(type(a))
        elif shape_of(a):
            dimensioned.append(dtype_of(a))
        else:
            zero_dim.append(dtype_of(a))
    return dtypes.promoted(dimensioned, zero_dim, python)


def cast(a: Array, dtype: np.dtype[Any]) -> Array:
    """An operand in a dtype; a Python number becomes a scalar of it only if it has to."""
    if type(a) in WEAK:
        if dtype.kind in "iu" and type(a) is bool:
            return int(a)
        return dtype.type(a) if dtype.kind == "b" else a
    return a if dtype_of(a) == dtype else p.astype(a, dtype=dtype)


def promoted(*arrays: Array) -> list[Array]:
    """Operands in the dtype in which they meet."""
    dtype = common_dtype(*arrays)
    return [cast(a, dtype) for a in arrays]


def floating(a: Array) -> Array:
    """An operand of a function with real values: integers become the default floating type."""
    if type(a) in WEAK:
        return dtypes.get_default_dtype().numpy.type(a)
    if dtype_of(a).kind in "fc":
        return a
    return p.astype(a, dtype=dtypes.get_default_dtype().numpy)


def dim_index(dim: Any, ndim: int) -> int:
    """An axis counted from the front.

    Raises
    ------
    IndexError
        There is no such axis.
    """
    rank = max(ndim, 1)
    if not -rank <= dim < rank:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got "
            f"{dim})"
        )
    return int(dim) % rank


def dim_tuple(dim: Any, ndim: int) -> tuple[int, ...]:
    """Axes counted from the front: all of them for None or an empty tuple."""
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return ((), (0,), (0, 1))[ndim] if ndim < 3 else tuple(range(ndim))
    dims = [dim_index(d, ndim) for d in (dim if isinstance(dim, tuple | list) else (dim,))]
    if len(set(dims)) != len(dims):
        twice = next(d for d in dims if dims.count(d) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return tuple(dims) if ndim else ()
