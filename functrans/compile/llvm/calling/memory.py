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
from functools import lru_cache
from typing import Any

from functrans.compile.background import when_calm
from functrans.compile.llvm.calling.structs import SET_HANDLER
from functrans.compile.llvm.code.builder import Builder, Module, Value, number
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
    found = memory() if memory.cache_info().currsize else None
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


@lru_cache(maxsize=1)
def memory() -> Memory | None:
    """The memory of this process; None where NumPy or the C library do not have what it needs."""
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
    """The module: ``new(context, size)`` and ``release(context, block, size)`` as handlers have
    them, ``bind(table, limit)`` and ``clear()``. Who finds another at work does without."""
    return _Writer().module.text()


class _Writer:
    """The functions, and the variables that they share."""

    def __init__(self) -> None:
        self.module = Module()
        state = self.module.state
        self.lock = state("lock", "i32")
        self.blocks = state("blocks", f"[{SLOTS} x ptr]")
        self.sizes = state("sizes", f"[{SLOTS} x i64]")
        self.kept, self.next, self.limit = [state(x, "i64") for x in ("kept", "next", "limit")]
        self.table = state("table", "[4 x ptr]")  # NumPy's context, malloc and free, and usable
        self._bind()
        self._new()
        self._release()
        self._clear()

    def _bind(self) -> None:
        b = Builder(self.module, "bind", "void", ["ptr", "i64"])
        given, limit = b.operands
        for i in range(4):
            b.store(b.load("ptr", b.at(given, i, "ptr")), b.at(self.table, i, "ptr"))
        b.store(limit, self.limit)
        b.finish()

    def _of_table(self, b: Builder, place: int) -> Value:
        return b.load("ptr", b.at(self.table, place, "ptr"))

    def _alone(self, b: Builder, body: Any) -> None:
        """Do something if nobody else is at it."""
        before = b.emit("i32", f"atomicrmw xchg {self.lock}, i32 1 acquire")

        def locked() -> None:
            body()
            b.line(f"store atomic i32 0, {self.lock} release, align 4")

        b.when(b.icmp("eq", before, 0), locked)

    def _new(self) -> None:
        b = Builder(self.module, "new", "ptr", ["ptr", "i64"])
        _, size = b.operands
        found = b.slot("ptr")
        b.store(Value("ptr", "null"), found)

        def look() -> None:
            most = b.add(size, b.binary("lshr", size, 2))

            def fits(i: Value, carried: list[Value]) -> list[Value]:
                has = b.load("i64", b.at(self.sizes, i, "i64"))
                good = b.both(b.icmp("uge", has, size), b.icmp("ule", has, most))
                return [b.select(good, i, carried[0])]

            (place,) = b.loop(0, SLOTS, fits, [number(-1, "i64")])
            b.when(b.icmp("sge", place, 0), lambda: b.store(self._taken(b, place), found))

        large = b.icmp("uge", size, LEAST)
        b.when(large, lambda: self._alone(b, look))

        def ask() -> None:
            call = f"call ptr {self._of_table(b, 1).text}({self._of_table(b, 0)}, {size})"
            b.store(b.emit("ptr", call), found)

        b.when(b.icmp("eq", b.load("ptr", found), Value("ptr", "null")), ask)
        b.finish(b.load("ptr", found))

    def _taken(self, b: Builder, place: Value) -> Value:
        """The block of a slot, which is empty then."""
        block, size = b.at(self.blocks, place, "ptr"), b.at(self.sizes, place, "i64")
        has = b.load("i64", size)
        b.store(b.sub(b.load("i64", self.kept), has), self.kept)
        b.store(number(0, "i64"), size)
        return b.load("ptr", block)

    def _give_back(self, b: Builder, place: Value) -> None:
        """Free the block of a slot."""
        size = b.load("i64", b.at(self.sizes, place, "i64"))
        free = self._of_table(b, 2)

        def give() -> None:
            block = self._taken(b, place)
            b.line(f"call void {free.text}({self._of_table(b, 0)}, {block}, {size})")

        b.when(b.icmp("ne", size, 0), give)

    def _release(self) -> None:
        b = Builder(self.module, "release", "void", ["ptr", "ptr", "i64"])
        _, block, size = b.operands
        done = b.slot("i1")
        b.store(number(0, "i1"), done)

        def keep() -> None:
            usable = b.emit("i64", f"call i64 {self._of_table(b, 3).text}({block})")
            worth = b.both(
                b.icmp("uge", usable, LEAST), b.icmp("ule", usable, b.load("i64", self.limit))
            )
            b.when(worth, lambda: self._alone(b, lambda: self._put(b, block, usable, done)))

        b.when(b.icmp("uge", size, LEAST), keep)

        def free() -> None:
            code = self._of_table(b, 2).text
            b.line(f"call void {code}({self._of_table(b, 0)}, {block}, {size})")

        b.when(b.icmp("eq", b.load("i1", done), 0), free)
        b.finish()

    def _put(self, b: Builder, block: Value, usable: Value, done: Value) -> None:
        """Keep a block in an empty slot, or in place of the one whose turn it is; others go for as
        long as there is too much."""

        def empty(i: Value, carried: list[Value]) -> list[Value]:
            has = b.load("i64", b.at(self.sizes, i, "i64"))
            return [b.select(b.icmp("eq", has, 0), i, carried[0])]

        turn = b.load("i64", self.next)
        (place,) = b.loop(0, SLOTS, empty, [turn])

        def go_on(i: Value) -> None:
            total = b.add(b.load("i64", self.kept), usable)
            over = b.icmp("ugt", total, b.load("i64", self.limit))
            who = b.binary("urem", b.add(turn, i), SLOTS)
            first = b.icmp("eq", who, place)
            b.when(b.either(over, first), lambda: self._give_back(b, who))
            b.when(over, lambda: b.store(who, self.next))

        b.repeat(0, SLOTS, go_on)
        b.store(block, b.at(self.blocks, place, "ptr"))
        b.store(usable, b.at(self.sizes, place, "i64"))
        b.store(b.add(b.load("i64", self.kept), usable), self.kept)
        following = b.binary("urem", b.add(b.load("i64", self.next), 1), SLOTS)
        b.store(b.select(b.icmp("eq", place, turn), following, b.load("i64", self.next)), self.next)
        b.store(number(1, "i1"), done)

    def _clear(self) -> None:
        b = Builder(self.module, "clear", "void", [])
        self._alone(b, lambda: b.repeat(0, SLOTS, lambda i: self._give_back(b, i)))
        b.finish()
