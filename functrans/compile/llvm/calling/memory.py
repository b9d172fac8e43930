"""Memory of large arrays that is used again: of results of compiled functions, and of everything
that is made while a transform runs on kernels.

A fresh large array costs more than the operation that fills it: the system hands its pages out one
by one, and takes them back when the array goes. NumPy lets a handler allocate the memory of arrays
(NEP 49). This one takes a block that went before, and asks NumPy's own for everything else, which
is where blocks go in the end. Arrays know their handler, so they may live on outside.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import threading
from typing import Any

from functrans.compile.background import when_calm
from functrans.compile.llvm.calling.structs import SET_HANDLER
from functrans.compile.llvm.code.engine import SYMBOLS
from functrans.compile.llvm.code.standing import load_standing

LEAST = 1 << 14
"""Bytes of a block from which on it is kept."""

LEAST_RESULT = 1 << 19
"""Bytes of a result of a compiled function from which on it takes such a block: to tell NumPy takes
a third of a microsecond, and two results of 4 MB that come and go took 3.6 ms in place of 0.14."""

SLOTS = 128
"""Blocks that are kept."""

MOST = 1 << 29
"""Bytes that are kept at most; a sixteenth of the machine's memory, where that is less."""

NAME = b"functrans"

_GET_HANDLER = SET_HANDLER + 1  # of NumPy's table of functions


class _Handler(ctypes.Structure):
    """NumPy's ``PyDataMem_Handler``."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("malloc", ctypes.c_void_p),
        ("calloc", ctypes.c_void_p),
        ("realloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    )


class Results(ctypes.Structure):
    """The handlers for results of compiled functions, as native code reads them: that which keeps
    blocks, null as long as there is none, and that of NumPy, in whose place alone it is used."""

    _fields_ = (("handler", ctypes.c_void_p), ("usual", ctypes.c_void_p))


_results = Results()
_asked = threading.Event()


def prepare() -> None:
    """Let native code find the handlers."""
    SYMBOLS["functrans_memory"] = ctypes.addressof(_results)


def keep_results() -> None:
    """Have results of compiled functions take blocks that are kept, as soon as there is time."""
    if not _asked.is_set():
        _asked.set()
        when_calm(_serve)


def forget() -> None:
    """Give the blocks back that are kept."""
    found = _found.get("memory")
    if found is not None:
        found.clear()


def _serve() -> None:
    found = memory()
    if found is not None:
        found.serve(_results)


class Memory:
    """Lets arrays of this thread take blocks that are kept, between :meth:`enter` and
    :meth:`leave`."""

    def __init__(self, swap: Any, capsule: Any, usual: Any, clear: Any) -> None:
        self._swap = swap
        self._capsule = capsule
        self._usual = usual
        self._clear = clear

    def serve(self, results: Results) -> None:
        """Let results of compiled functions take such blocks."""
        results.usual = id(self._usual)
        results.handler = id(self._capsule)

    def enter(self) -> Any:
        """Returns what :meth:`leave` takes."""
        return self._swap(self._capsule)

    def leave(self, before: Any) -> None:
        self._swap(before)

    def clear(self) -> None:
        """Give the blocks back that are kept."""
        self._clear()


_found: dict[str, Memory | None] = {}


def memory() -> Memory | None:
    """The memory of this process; None where NumPy or the C library do not have what it needs.

    Native code has its address: threads that ask for it at a time are given the same, which stays.
    """
    if not _found:
        _found.setdefault("memory", _made())
    return _found["memory"]


def _made() -> Memory | None:
    usable = next(
        (f for name in ("malloc_usable_size", "malloc_size") if (f := _symbol(name))), None
    )
    get, swap = _functions()
    if usable is None or get is None:
        return None
    usual_one = get()
    numpys = _Handler.from_address(_pointer(usual_one, _CAPSULE))
    if numpys.name != b"default_allocator" or numpys.version != 1:
        return None
    native = load_standing("memory", _text, ["new", "release", "bind", "clear"], quick=False)
    table = (ctypes.c_void_p * 4)(numpys.context, numpys.malloc, numpys.free, usable)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(native["bind"])(
        ctypes.addressof(table), _limit()
    )
    handler = _Handler(
        NAME, 1, numpys.context, native["new"], numpys.calloc, numpys.realloc, native["release"]
    )
    # Arrays that are left when Python ends still come to the handler.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(handler))
    new: Any = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    capsule = new(ctypes.addressof(handler), _CAPSULE, None)
    clear = ctypes.CFUNCTYPE(None)(native["clear"])
    made = Memory(swap, capsule, usual_one, clear)
    before = made.enter()
    name = _multiarray.get_handler_name()
    made.leave(before)
    return made if name == NAME.decode() and usual() else None


_CAPSULE = b"mem_handler"
"""The name of NumPy's capsules with handlers, which they point to."""


_multiarray: Any = importlib.import_module("numpy._core.multiarray")


def usual() -> bool:
    """Whether arrays of this thread take their memory as NumPy does without being told."""
    return bool(_multiarray.get_handler_name() == "default_allocator")


def _functions() -> tuple[Any, Any]:
    """NumPy's functions that tell and change the handler."""
    api = getattr(_multiarray, "_ARRAY_API", None)
    if api is None:
        return None, None
    table = ctypes.cast(_pointer(api, None), ctypes.POINTER(ctypes.c_void_p))
    get = ctypes.PYFUNCTYPE(ctypes.py_object)(table[_GET_HANDLER] or 0)
    swap = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(table[SET_HANDLER] or 0)
    return get, swap


def _pointer(capsule: Any, name: bytes | None) -> int:
    take: Any = ctypes.pythonapi.PyCapsule_GetPointer
    take.restype = ctypes.c_void_p
    take.argtypes = (ctypes.py_object, ctypes.c_char_p)
    found: int = take(capsule, name)
    return found


def _symbol(name: str) -> int | None:
    """The address of a function of the C library."""
    try:
        return ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value
    except (AttributeError, OSError, TypeError):
        return None


def _limit() -> int:
    try:
        return min(MOST, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 16)
    except (AttributeError, OSError, ValueError):
        return MOST


def _text() -> str:
    """The module of the native functions."""
    from functrans.compile.llvm.calling.memory_text import text

    return text()
