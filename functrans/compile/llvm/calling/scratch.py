"""Memory for what compiled functions compute in between.

There is one arena for all: a function finds it in the cache, as the last one has left it. Who finds
it taken, by a function that runs without the GIL, takes memory of its own for the call. Its memory
stays until :func:`forget`.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from functrans.compile.llvm.code.engine import SYMBOLS

KEPT = 1 << 28
"""Bytes up to which the arena is kept for later calls."""


class _Arena(ctypes.Structure):
    _fields_ = (
        ("taken", ctypes.c_int64),
        ("memory", ctypes.c_void_p),
        ("bytes", ctypes.c_int64),
    )


_arena = _Arena()


def prepare() -> None:
    """Let native code find the arena."""
    SYMBOLS["functrans_arena"] = ctypes.addressof(_arena)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_begin_anew)


_emptied: Any = None
"""The native function that gives the memory back, once there is one."""


def bind(empty: int) -> None:
    """Take the address of ``empty_arena``, once native code is loaded."""
    global _emptied
    _emptied = ctypes.PYFUNCTYPE(None)(empty)


def forget() -> None:
    """Give the arena's memory back, unless a function is using it."""
    if _emptied is not None:
        _emptied()


def _begin_anew() -> None:
    """In the child of a fork the arena has to be free again. Who has taken it may be a thread that
    the child has not, or the one that forks: within a loop, in the handler of a signal. So its
    memory is left to that one, and is not given back."""
    if _arena.taken:
        _arena.memory, _arena.bytes, _arena.taken = None, 0, 0
