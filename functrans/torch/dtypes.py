"""PyTorch's dtypes over NumPy's: names, promotion, and the default floating type."""

from __future__ import annotations

import builtins
import threading
from typing import Any

import numpy as np


class dtype:
    """A dtype as PyTorch names it.

    Attributes
    ----------
    numpy : numpy.dtype
    is_floating_point, is_complex, is_signed : bool
    itemsize : int

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.float32, torch.int64.is_floating_point
    (torch.float32, False)
    """

    __slots__ = ("is_complex", "is_floating_point", "is_signed", "itemsize", "name", "numpy")

    is_complex: builtins.bool
    is_floating_point: builtins.bool
    is_signed: builtins.bool
    itemsize: builtins.int
    numpy: np.dtype[Any]

    def __init__(self, name: str, of_numpy: Any) -> None:
        self.name = name
        self.numpy = np.dtype(of_numpy)
        self.is_floating_point = self.numpy.kind == "f"
        self.is_complex = self.numpy.kind == "c"
        self.is_signed = self.numpy.kind in "ifc"
        self.itemsize = self.numpy.itemsize

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> Any:
        return dtype_named, (self.name,)


float16 = half = dtype("float16", np.float16)
float32 = float = dtype("float32", np.float32)
float64 = double = dtype("float64", np.float64)
complex64 = cfloat = dtype("complex64", np.complex64)
complex128 = cdouble = dtype("complex128", np.complex128)
uint8 = dtype("uint8", np.uint8)
int8 = dtype("int8", np.int8)
int16 = short = dtype("int16", np.int16)
int32 = int = dtype("int32", np.int32)
int64 = long = dtype("int64", np.int64)
bool = dtype("bool", np.bool_)

ALL = (
    *(float16, float32, float64, complex64, complex128),
    *(uint8, int8, int16, int32, int64, bool),
)
OF_NUMPY: dict[np.dtype[Any], dtype] = {d.numpy: d for d in ALL}
"""The dtype of each of NumPy's that has one."""


def dtype_named(name: str) -> dtype:
    """The dtype of that name."""
    return next(d for d in ALL if d.name == name)


def of_numpy(given: np.dtype[Any]) -> dtype:
    """PyTorch's dtype for NumPy's.

    Raises
    ------
    TypeError
        There is none.
    """
    found = OF_NUMPY.get(given)
    if found is None:
        names = ", ".join(d.name for d in ALL)
        raise TypeError(
            f"can't convert np.ndarray of type {given}. The only supported types are: {names}."
        )
    return found


TYPE_NAMES = {
    "float16": "Half",
    "float32": "Float",
    "float64": "Double",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "bool": "Bool",
}
"""What ``torch.FloatTensor`` and its like call each dtype."""


def of_type_name(name: str) -> dtype:
    """The dtype of ``torch.FloatTensor`` and its like.

    Raises
    ------
    ValueError
        There is none.
    """
    for own, called in TYPE_NAMES.items():
        if name == f"torch.{called}Tensor":
            return dtype_named(own)
    raise ValueError(f"invalid type: '{name}'")


def to_numpy(given: Any) -> np.dtype[Any]:
    """NumPy's dtype for PyTorch's, or for a Python type."""
    if isinstance(given, dtype):
        return given.numpy
    python: dict[str, np.dtype[Any]] = {
        "float": get_default_dtype().numpy,
        "int": int64.numpy,
        "bool": bool.numpy,
    }
    if isinstance(given, type) and given.__name__ in python:
        return python[given.__name__]
    raise TypeError(f"dtype must be a torch.dtype, got {given!r}; write torch.float32 and the like")


class _Default(threading.local):
    """The default of each thread."""

    dtype: dtype = float32


_default = _Default()


def get_default_dtype() -> dtype:
    """The floating type of tensors made of Python floats.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.get_default_dtype()
    torch.float32
    """
    return _default.dtype


def set_default_dtype(d: dtype) -> None:
    """Set the floating type of tensors made of Python floats, in this thread.

    Raises
    ------
    TypeError
        `d` is no floating-point dtype.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.set_default_dtype(torch.float32)
    """
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(
            "only floating-point types are supported as the default type, got " + repr(d)
        )
    _default.dtype = d


_COMPLEX_OF = {np.dtype(np.float32): complex64.numpy, np.dtype(np.float64): complex128.numpy}


def default_complex() -> np.dtype[Any]:
    """The complex type of the default floating type."""
    return _COMPLEX_OF.get(get_default_dtype().numpy, complex64.numpy)


# Promotion. Operands count in three classes: tensors with axes, tensors without, Python numbers. A
# class counts only if its kind (bool, integer, floating, complex) is higher than that of the
# classes before it.

_KINDS = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def promoted(dimensioned: Any, zero_dim: Any, python: Any) -> np.dtype[Any]:
    """The dtype in which operands of these dtypes (of Python numbers: their types) meet."""
    result: np.dtype[Any] | None = None
    for group in (dimensioned, zero_dim):
        own: np.dtype[Any] | None = None
        for d in group:
            own = d if own is None else joined(own, d)
        if own is not None and (result is None or _KINDS[own.kind] > _KINDS[result.kind]):
            if result is not None and own.kind == "c" and result.kind == "f":
                own = joined(own if own.itemsize <= 8 else own, np.dtype(np.complex64))
            result = own
    for kind in python:
        wanted = {"bool": 0, "int": 1, "float": 2, "complex": 3}[kind.__name__]
        if result is None or wanted > _KINDS[result.kind]:
            of_kind = {
                0: bool.numpy,
                1: int64.numpy,
                2: get_default_dtype().numpy,
                3: default_complex(),
            }[wanted]
            if result is not None and wanted == 3 and result.kind == "f":
                of_kind = _COMPLEX_OF.get(result, complex64.numpy)
            result = of_kind
    assert result is not None, "an operation has an operand"
    return result


def can_become(given: np.dtype[Any], wanted: np.dtype[Any]) -> builtins.bool:
    """Whether results of one dtype may be written into memory of another: not of a lower kind."""
    return _KINDS[given.kind] <= _KINDS[wanted.kind]


def joined(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of two tensors of the same class; integers never widen a floating type."""
    if a == b:
        return a
    ka, kb = _KINDS[a.kind], _KINDS[b.kind]
    if ka != kb and max(ka, kb) >= 2:
        higher, lower = (a, b) if ka > kb else (b, a)
        if lower.kind == "f":
            return np.promote_types(higher, lower)
        return higher
    return np.promote_types(a, b)
