"""Where the fields of Python's and NumPy's objects lie, found out by looking at known objects.

Native code reads arguments in place. What it may rely on is *probed* once: objects of known content
are searched for it, and functions of NumPy's table are tried. Where anything is not as expected (a
free-threaded Python, another implementation, a layout of the future) there are no layouts, and
compiled functions are called in another way.
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.compile.llvm.code.engine import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

SCALAR_CODES = "?bhilqBHILQefdFD"
"""The dtypes of arrays that native code takes, by their characters; those that equal another (as
``longlong`` does ``long``) are there for their scalars."""

PYTHON_FUNCTIONS = (
    "PyObject_Vectorcall",
    "Py_IncRef",
    "Py_DecRef",
    "PyTuple_New",
    "PyTuple_SetItem",
    "PyList_New",
    "PyList_SetItem",
    "PyDict_New",
    "PyDict_SetItem",
    "PyDict_Size",
    "PyDict_Next",
    "PyUnicode_Compare",
    "PyFloat_FromDouble",
    "PyComplex_FromDoubles",
    "PyLong_FromLongLong",
    "PyLong_AsLongLongAndOverflow",
    "PyBool_FromLong",
    "PyErr_NoMemory",
    "PyErr_Occurred",
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
    "PyMem_RawMalloc",
    "PyMem_RawFree",
)

NEW_FROM_DESCR = 94
SCALAR = 60
SET_HANDLER = 304
"""Places in NumPy's table of functions; they are part of its binary interface."""

_LOWEST = 1 << 16
"""Below, no number is the address of an object."""


class Layouts(NamedTuple):
    """Offsets in bytes of fields of objects.

    `values` has those of the values of NumPy's scalars, by the character of their dtype.
    """

    type: int
    array_data: int
    array_ndim: int
    array_dims: int
    array_descr: int
    array_flags: int
    float_value: int
    complex_value: int
    tuple_size: int
    tuple_items: int
    list_size: int
    list_items: int
    values: dict[str, int]


class LayoutError(Exception):
    """Objects are not laid out as native code could read them."""


@lru_cache(maxsize=1)
def layouts() -> Layouts | None:
    """The layouts of this process; None if native code must not read objects.

    What native code calls of Python and NumPy is then among the symbols of the engine.
    """
    try:
        found = _probed()
        _enter_symbols()
    except LayoutError:
        return None
    return found


def address_of(function: Any) -> int:
    """The address of a function of a C library."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    if not address:
        raise LayoutError("no such function")
    return address


def field(objects: Sequence[Any], contents: Sequence[bytes], start: int, stop: int) -> int:
    """The one offset at which all objects have their contents.

    Raises
    ------
    LayoutError
        There is none, or more than one.
    """
    size = len(contents[0])
    memory = [ctypes.string_at(id(x), stop) for x in objects]
    found = [
        at
        for at in range(start, stop - size + 1, size)
        if all(m[at : at + size] == c for m, c in zip(memory, contents, strict=True))
    ]
    if len(found) != 1:
        raise LayoutError(f"{type(objects[0]).__name__}: the contents lie at {found}")
    return found[0]


def pointed(objects: Sequence[Any], contents: Sequence[bytes], start: int, stop: int) -> int:
    """The one offset at which all objects have the address of their contents.

    Whatever there looks like an address is one, so that it may be followed.
    """
    found = []
    for at in range(start, stop - 7, 8):
        for x, content in zip(objects, contents, strict=True):
            address = int.from_bytes(ctypes.string_at(id(x) + at, 8), sys.byteorder)
            if not _LOWEST <= address < 1 << 56 or address % 8:
                break
            if ctypes.string_at(address, len(content)) != content:
                break
        else:
            found.append(at)
    if len(found) != 1:
        raise LayoutError(f"{type(objects[0]).__name__}: the contents are pointed to from {found}")
    return found[0]


def _word(x: int) -> bytes:
    return x.to_bytes(8, sys.byteorder)


def _probed() -> Layouts:
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8:
        raise LayoutError("not CPython of 64 bits")
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise LayoutError("a free-threaded Python, whose containers may change at any time")
    head = object.__basicsize__
    things = [object(), 1.5, np.empty(3), "text", (1, 2)]
    kind = field(things, [_word(id(type(x))) for x in things], 0, head)
    return Layouts(
        kind, *_array_fields(head), *_number_fields(head), *_container_fields(head), _scalars(head)
    )


def _array_fields(head: int) -> tuple[int, int, int, int, int]:
    base = np.zeros((3, 5, 7), np.int16)
    frozen = np.ones((11, 13))
    frozen.flags.writeable = False
    arrays: list[np.ndarray[Any, Any]] = [
        base,
        frozen,
        np.zeros((17, 19, 23, 29), ">f4").T,
        np.zeros(31)[::2],
        np.array(1.0),
    ]
    stop = np.ndarray.__basicsize__
    ints = [[x.ndim.to_bytes(4, sys.byteorder) for x in arrays]]
    ints += [[x.flags.num.to_bytes(4, sys.byteorder) for x in arrays]]
    ndim, flags = [field(arrays, contents, head, stop) for contents in ints]
    data = field(arrays, [_word(x.__array_interface__["data"][0]) for x in arrays], head, stop)
    descr = field(arrays, [_word(id(x.dtype)) for x in arrays], head, stop)
    shaped = arrays[:4]
    dims = pointed(shaped, [b"".join(map(_word, x.shape)) for x in shaped], head, stop)
    return data, ndim, dims, descr, flags


def _number_fields(head: int) -> tuple[int, int]:
    floats, complexes = [0.1, -3.5e100], [0.1 - 2.5j, 3e10 + 7j]
    return (
        field(floats, [np.float64(x).tobytes() for x in floats], head, float.__basicsize__),
        _wide(complexes, np.complex128, head, complex.__basicsize__),
    )


def _wide(numbers: Sequence[Any], dtype: Any, head: int, stop: int) -> int:
    """The offset of a complex number, which may lie at a multiple of its half."""
    halves = [np.array([x], dtype).tobytes() for x in numbers]
    size = len(halves[0]) // 2
    real = field(numbers, [x[:size] for x in halves], head, stop)
    if field(numbers, [x[size:] for x in halves], head, stop) != real + size:
        raise LayoutError("the parts of complex numbers do not lie side by side")
    return real


def _container_fields(head: int) -> tuple[int, int, int, int]:
    tuples: list[tuple[Any, ...]] = [(head, np, "a"), ("b", np.dtype, head, object(), np)]
    counts = [_word(len(x)) for x in tuples]
    start = tuple.__basicsize__
    items = field(tuples, [_word(id(x[0])) for x in tuples], head, start + 16)
    for i, x in enumerate(tuples[1]):
        if ctypes.string_at(id(tuples[1]) + items + 8 * i, 8) != _word(id(x)):
            raise LayoutError("the items of tuples do not lie side by side")
    lists = [list(tuples[0]), list(tuples[1])]
    for x in lists:
        x.append(None)  # so that more is allocated than there is
        x.append(None)
    contents = [b"".join([_word(id(y)) for y in x]) for x in lists]
    stop = list.__basicsize__
    sizes = [_word(len(x)) for x in lists]
    return (
        field(tuples, counts, head, start),
        items,
        field(lists, sizes, head, stop),
        pointed(lists, contents, head, stop),
    )


def _scalars(head: int) -> dict[str, int]:
    found = {}
    for code in SCALAR_CODES:
        dtype = np.dtype(code)
        numbers = [dtype.type(x) for x in (1, 0, 1)] if code == "?" else [dtype.type(113)]
        numbers += [] if code == "?" else [dtype.type(57)]
        stop = dtype.type.__basicsize__
        if dtype.kind == "c":
            numbers = [dtype.type(1.5 - 3j), dtype.type(2.5 + 7j)]
            found[code] = _wide(numbers, dtype, head, stop)
        else:
            found[code] = field(numbers, [x.tobytes() for x in numbers], head, stop)
    return found


def _enter_symbols() -> None:
    """Enter what native code calls among the symbols, and try the functions of NumPy."""
    for name in PYTHON_FUNCTIONS:
        try:
            SYMBOLS[name] = address_of(getattr(ctypes.pythonapi, name))
        except AttributeError as error:
            raise LayoutError(f"Python has no function {name}") from error
    table = _table()
    new = ctypes.PYFUNCTYPE(
        ctypes.py_object,
        ctypes.py_object,
        ctypes.py_object,
        ctypes.c_int,
        *[ctypes.c_void_p] * 3,
        ctypes.c_int,
        ctypes.c_void_p,
    )(table[NEW_FROM_DESCR])
    dims = (ctypes.c_ssize_t * 2)(3, 5)
    dtype = np.dtype(np.float32)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(dtype))  # it is taken over
    made = new(np.ndarray, dtype, 2, ctypes.addressof(dims), None, None, 0, None)
    if type(made) is not np.ndarray or made.shape != (3, 5) or made.dtype is not dtype:
        raise LayoutError("NumPy makes other arrays")
    scalar = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
    )(table[SCALAR])
    one = scalar(ctypes.addressof(ctypes.c_float(1.5)), dtype, None)
    if type(one) is not np.float32 or one != 1.5:
        raise LayoutError("NumPy makes other scalars")
    SYMBOLS["numpy_NewFromDescr"] = table[NEW_FROM_DESCR]
    SYMBOLS["numpy_Scalar"] = table[SCALAR]
    SYMBOLS["numpy_SetHandler"] = table[SET_HANDLER]


def _table() -> Any:
    """NumPy's table of functions, of the binary interface of its version 2."""
    capsule = getattr(np._core._multiarray_umath, "_ARRAY_API", None)  # type: ignore[attr-defined]
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    try:
        address = pointer(capsule, None)
    except ValueError as error:
        raise LayoutError("NumPy shows no table of functions") from error
    table = (ctypes.c_size_t * (SET_HANDLER + 1)).from_address(address)
    if table[2] != id(np.ndarray):
        raise LayoutError("NumPy's table of functions has another layout")
    version = ctypes.CFUNCTYPE(ctypes.c_uint)(table[0])()
    if version >> 24 != 2:
        raise LayoutError(f"NumPy's binary interface has version {version:#x}")
    return table
