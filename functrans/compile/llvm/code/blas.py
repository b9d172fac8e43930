"""The BLAS library that NumPy runs on, for native code to call.

It is asked for through NumPy's own extension module, on whose behalf the loader has found it: that
works for every wheel, distribution and vendor, and loads no second library with threads of its own.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import lru_cache
from glob import glob
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.compile.llvm.code.builder import number
from functrans.compile.llvm.code.engine import SYMBOLS

if TYPE_CHECKING:
    from functrans.compile.llvm.code.builder import Builder, Value

LETTERS = {np.dtype("f4"): "s", np.dtype("f8"): "d", np.dtype("c8"): "c", np.dtype("c16"): "z"}
"""What BLAS calls the dtypes that it knows."""

_SPELLINGS = (
    "scipy_cblas_{}64_",  # NumPy's wheels
    "cblas_{}64_",
    "cblas_{}$NEWLAPACK$ILP64",  # Accelerate
    "cblas_{}$NEWLAPACK",
    "scipy_cblas_{}",
    "cblas_{}",
)

_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112


class Blas(NamedTuple):
    """A library whose products of matrices native code may call.

    Attributes
    ----------
    integer : str
        The type of its integers: ``i64`` or ``i32``.
    spelling : str
        How it spells its names: ``cblas_{}``.
    """

    integer: str
    spelling: str


@lru_cache(maxsize=1)
def blas() -> Blas | None:
    """The library, whose functions are then among the symbols; None where none was found.

    Its number of threads stays what the user made it.
    """
    for library in _libraries():
        for spelling in _SPELLINGS:
            found = {x: _address(library, spelling.format(f"{x}gemm")) for x in LETTERS.values()}
            integer = _integer(library, spelling.format("ddot"))
            if integer is not None and all(found.values()) and _multiplies(found["d"], integer):
                SYMBOLS.update({f"functrans_{x}gemm": found[x] for x in found})
                return Blas(integer, spelling)
    return None


def asked() -> tuple[str, str] | None:
    """What is known of the library, if somebody has asked for it."""
    found = blas() if blas.cache_info().currsize else None
    return None if found is None else (found.integer, found.spelling)


def call_gemm(
    builder: Builder,
    dtype: np.dtype[Any],
    sizes: tuple[int, int, int],
    a: tuple[Value, int, bool],
    b: tuple[Value, int, bool],
    out: tuple[Value, int],
    accumulate: bool,
) -> None:
    """Have the library compute ``out = a @ b``, or ``out += a @ b``.

    Parameters
    ----------
    builder : Builder
    dtype : numpy dtype
        One of :data:`LETTERS`.
    sizes : tuple of int
        m, n, k of an (m, k) by a (k, n) matrix.
    a, b : tuple
        The address, the distance in elements between rows as they lie in memory, and whether these
        are the columns of the matrix.
    out : tuple
        The address, and the distance between rows.
    accumulate : bool
    """
    library = blas()
    assert library is not None
    m, n, k = (number(size, library.integer) for size in sizes)
    dimensions = [number(max(x, 1), library.integer) for x in (a[1], b[1], out[1])]
    one: Value
    old: Value
    if dtype.kind == "c":  # complex factors are passed by address
        part = "float" if dtype.itemsize == 8 else "double"
        one = builder.module.constant(f"one_{part}", part, [number(1, part).text, "0.0"])
        zero = builder.module.constant(f"zero_{part}", part, ["0.0", "0.0"])
        old = one if accumulate else zero
    else:
        part = "float" if dtype.itemsize == 4 else "double"
        one, old = number(1, part), number(int(accumulate), part)
    order = [_ROW_MAJOR, _TRANSPOSED if a[2] else _PLAIN, _TRANSPOSED if b[2] else _PLAIN]
    left, right, result = (a[0], dimensions[0]), (b[0], dimensions[1]), (out[0], dimensions[2])
    operands = [*(number(x, "i32") for x in order), m, n, k, one, *left, *right, old, *result]
    builder.call(f"functrans_{LETTERS[dtype]}gemm", "void", *operands)


def _libraries() -> list[ctypes.CDLL]:
    """NumPy's extension module, through which symbols of what it depends on are found.

    On Windows they are not, so the libraries that come with NumPy are asked there.
    """
    from numpy.linalg import _umath_linalg

    paths = [str(_umath_linalg.__file__)]
    if sys.platform == "win32":
        folder = os.path.dirname(np.__file__)
        paths += sorted(glob(os.path.join(f"{folder}.libs", "*blas*.dll")))
    found = []
    for path in paths:
        try:
            found.append(ctypes.CDLL(path))
        except OSError:
            continue
    return found


def _address(library: ctypes.CDLL, name: str) -> int:
    """That of a function, 0 where the library has none of this name."""
    try:
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    except AttributeError:
        return 0


def _integer(library: ctypes.CDLL, name: str) -> str | None:
    """Whether integers have 64 or 32 bits, which names do not always tell; None without answer.

    A length of ``2 - 2**32`` is negative, and an empty sum, to those who read all of it; the lower
    half is 2.
    """
    address = _address(library, name)
    if not address:
        return None
    pair = (ctypes.c_double * 2)(1.0, 2.0)
    number = ctypes.c_int64
    dot = ctypes.CFUNCTYPE(
        ctypes.c_double, number, ctypes.c_void_p, number, ctypes.c_void_p, number
    )(address)
    return {0.0: "i64", 5.0: "i32"}.get(dot(2 - 2**32, pair, 1, pair, 1))


def _multiplies(address: int, integer: str) -> bool:
    """Whether the product of two small matrices comes out right."""
    whole = ctypes.c_int64 if integer == "i64" else ctypes.c_int32
    real, place, flag = ctypes.c_double, ctypes.c_void_p, ctypes.c_int
    gemm = ctypes.CFUNCTYPE(
        None, flag, flag, flag, whole, whole, whole, real, place, whole, place, whole, real,
        place, whole,
    )(address)  # fmt: skip
    a, b = (ctypes.c_double * 4)(1, 2, 3, 4), (ctypes.c_double * 4)(5, 6, 7, 8)
    out = (ctypes.c_double * 4)()
    gemm(_ROW_MAJOR, _PLAIN, _TRANSPOSED, 2, 2, 2, 1.0, a, 2, b, 2, 0.0, out, 2)
    return list(out) == [17.0, 23.0, 39.0, 53.0]
