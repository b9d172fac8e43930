"""NumPy's sorting functions, for native code to call line by line.

They are the ones that ``ndarray.sort`` and ``argsort`` end in, made for the processor at hand, so
results have their bits. Their addresses stand in the table of each dtype that NumPy's interface for
C hands out (``PyArray_ArrFuncs``), whose layout belongs to its binary interface.
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm.code.engine import SYMBOLS

if TYPE_CHECKING:
    from functrans.compile.llvm.elements.conversions import DType

BINARY = 0x2000000
"""The version of the binary interface of which the places below are known."""

_VERSION, _FUNCTIONS = 0, 365
"""Places in the table of the interface: of its version, and of what gives a dtype's functions."""

_SORT, _ARGSORT = 33, 36
"""Places in the table of a dtype of the first of three functions each."""

QUICK, STABLE = 0, 2
"""Places of algorithms among the three. The one that keeps ties in order needs memory and may not
get it."""

KINDS = {None: QUICK, "quicksort": QUICK, "stable": STABLE, "mergesort": STABLE}
"""Algorithms as arguments name them. What NumPy takes for heap sort depends on its version."""


@lru_cache(maxsize=256)
def sorter(dtype: DType, number: int, positions: bool) -> str | None:
    """The symbol of a function that sorts a line; None where NumPy shows none that works.

    Parameters
    ----------
    dtype : numpy dtype
    number : int
        Of the algorithm.
    positions : bool
        Whether the function is ``i32 f(ptr x, ptr places, i64 n, ptr)``, which leaves x and sorts
        the places of its elements; otherwise it is ``i32 f(ptr x, i64 n, ptr)``. What it returns is
        negative if there was no memory.

    Examples
    --------
    >>> sorter(np.dtype("float64"), STABLE, True)
    'functrans_argsort_float64_2'
    """
    table = _functions(dtype)
    if table is None:
        return None
    address = table[(_ARGSORT if positions else _SORT) + number]
    if not address or not _agrees(address, dtype, number, positions):
        return None
    name = f"functrans_{'arg' * positions}sort_{dtype.name}_{number}"
    SYMBOLS[name] = address
    return name


def _functions(dtype: DType) -> Any:
    """The addresses of functions of a dtype in a table, as NumPy's interface for C has them."""
    own = np.dtype(dtype.type)  # NumPy's own object, whose address is its number
    if sys.implementation.name != "cpython" or own != dtype or dtype.kind not in "biufc":
        return None
    try:
        from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

        get = ctypes.pythonapi.PyCapsule_GetPointer
        get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        interface = get(_multiarray_umath._ARRAY_API, None)
    except (ImportError, AttributeError, ValueError):
        return None
    places = ctypes.POINTER(ctypes.c_void_p)
    table = ctypes.cast(interface, places)
    version, functions = table[_VERSION], table[_FUNCTIONS]
    if not version or not functions or ctypes.CFUNCTYPE(ctypes.c_uint)(version)() != BINARY:
        return None
    found = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(functions)(id(own))
    return None if not found else ctypes.cast(found, places)


def _agrees(address: int, dtype: DType, number: int, positions: bool) -> bool:
    """Whether a function does to a line with many ties what NumPy does."""
    x: Any = (np.arange(100) * 37 % 101 % 7).astype(dtype)
    places = np.arange(x.size)
    kind: Any = "stable" if number == STABLE else None
    length, pointer = ctypes.c_ssize_t, ctypes.c_void_p
    if positions:
        own = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer, length, pointer)(address)
        wanted, found = np.argsort(x, kind=kind), places
        code = own(x.ctypes.data, places.ctypes.data, x.size, None)
    else:
        alone = ctypes.CFUNCTYPE(ctypes.c_int, pointer, length, pointer)(address)
        wanted, found = np.sort(x, kind=kind), x
        code = alone(x.ctypes.data, x.size, None)
    return code == 0 and np.array_equal(found, wanted)
