"""What staging and the cotangent driver know of a value: its shape, its dtype, and whether it is
weak.

A *weak* value is a Python number: NumPy's promotion (NEP 50) lets it take the dtype of what it
meets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy import ndarray

if TYPE_CHECKING:
    from collections.abc import Callable

Array: TypeAlias = Any
"""An ndarray, a NumPy scalar, a Python number or a traced array."""

Shape: TypeAlias = tuple[int, ...]

WEAK = frozenset((bool, int, float, complex))
"""The types of weak values."""

PERHAPS_WEAK: set[type] = {type(None), *WEAK}
"""The types of what may stand below a traced array that is weak; None where that is not known.
Those of traced arrays join when they are defined."""

_PYTHON_DTYPES: dict[type, np.dtype[Any]] = {
    bool: np.dtype(bool),
    int: np.dtype(int),
    float: np.dtype(float),
    complex: np.dtype(complex),
}


class ArrayType:
    """The type of an array: ``float64[2,3]``.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy dtype or anything ``numpy.dtype`` accepts
    weak : bool
        True for a Python number.

    Examples
    --------
    >>> ArrayType((2, 3), float)
    float64[2,3]
    """

    __slots__ = ("dtype", "shape", "weak")

    def __init__(self, shape: Shape, dtype: Any, weak: bool = False) -> None:
        self.shape = shape
        self.dtype: np.dtype[Any] = dtype if isinstance(dtype, np.dtype) else np.dtype(dtype)
        self.weak = weak

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ArrayType)
            and self.shape == other.shape
            and self.dtype == other.dtype
            and self.weak == other.weak
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype, self.weak))

    def __repr__(self) -> str:
        text = f"{self.dtype.name}[{','.join(map(str, self.shape))}]"
        return f"weak {text}" if self.weak else text


PYTHON_TYPES = {dtype.kind: cls for cls, dtype in _PYTHON_DTYPES.items()}
"""The type of a weak value, by the kind of its dtype."""

_new: Any = object.__new__

_WEAK_TYPES = {cls: ArrayType((), dtype, weak=True) for cls, dtype in _PYTHON_DTYPES.items()}


def type_of(x: Array) -> ArrayType:
    """The :class:`ArrayType` of a value; the value itself if it is one already."""
    cls = type(x)
    if cls is ndarray:
        new: ArrayType = _new(ArrayType)  # recording asks often, and __init__ takes as long again
        new.shape, new.dtype, new.weak = x.shape, x.dtype, False
        return new
    if cls in _WEAK_TYPES:
        return _WEAK_TYPES[cls]
    if cls is ArrayType:
        return x  # type: ignore[no-any-return]
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return ArrayType(x.shape, x.dtype, getattr(x, "weak", False))
    x = np.asarray(x)
    return ArrayType(x.shape, x.dtype)


def is_weak(x: Array) -> bool:
    """Whether a value is a Python number, traced or not."""
    cls = type(x)
    return cls in WEAK or (cls in PERHAPS_WEAK and x is not None and x.weak)


def shape_of(x: Array) -> Shape:
    """The shape of an array, traced array or Python number."""
    return () if type(x) in _PYTHON_DTYPES else x.shape


def dtype_of(x: Array) -> np.dtype[Any]:
    """The dtype of an array, traced array or Python number."""
    if type(x) in _PYTHON_DTYPES:
        return _PYTHON_DTYPES[type(x)]
    return x.dtype  # type: ignore[no-any-return]


SCALARS: frozenset[type] = WEAK.union(np.dtype(code).type for code in "?bBhHiIlLqQefdgFDG")
"""The types of numbers, which nobody can change: Python's and NumPy's."""

OPERANDS: set[type] = {np.ndarray, *SCALARS}
"""The types that primitives take as they are. Those of traced arrays join when they are defined."""


CONTAINERS: dict[type, Callable[[Any], Any]] = {}
"""Types of objects that hold one array, ``x.array``, and stand for it, with what makes one of an
array. A function that is to return a scalar may return one of these."""


def is_plain(x: Any) -> bool:
    """Whether a value is an ndarray or a NumPy scalar itself. ``isinstance`` says the same of the
    traced arrays that stand for one, so that user code takes the branch it takes without them."""
    return issubclass(type(x), ndarray | np.generic)


def is_array(x: Any) -> bool:
    """Whether a leaf is an array of any kind: ndarray, NumPy scalar, Python number or traced
    array."""
    return type(x) in _PYTHON_DTYPES or (hasattr(x, "shape") and hasattr(x, "dtype"))


OBJECTS: np.dtype[Any] = np.dtype(object)


def is_inexact(dtype: np.dtype[Any]) -> bool:
    """Whether values of this dtype can carry a derivative (real or complex floating point)."""
    return dtype.kind in "fc"


def dummy(kind: ArrayType) -> Array:
    """A value of the given type made of ones, at no cost in memory."""
    if kind.weak:
        return kind.dtype.type(1).item()
    return np.broadcast_to(np.ones((), kind.dtype), kind.shape)
