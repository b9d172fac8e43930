"""The memory that compiled functions share for what they compute in between."""

import ctypes
from typing import Any

import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.calling import entry, scratch
from functrans.compile.llvm.calling.signature import Number
from functrans.compile.llvm.code.builder import Builder, Value
from functrans.compile.llvm.code.engine import SYMBOLS
from functrans.core.types import ArrayType
from tests.llvm.test_entry import FLOAT, compiled, fallback, pointer


def test_memory_is_given_back_where_nobody_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a call needs in between stays for the next one, until the caches are cleared."""
    size = 1 << 22
    arena_now = scratch._arena
    clear = ctypes.PYFUNCTYPE(None)(ft.clear_caches)
    address = ctypes.cast(clear, ctypes.c_void_p).value
    monkeypatch.setitem(SYMBOLS, "clear_caches_now", address)

    def through_arena(within: bool) -> Any:
        """The argument, by way of the last place of the arena."""

        def write(b: Builder, inputs: Value, outputs: Value, arena: Value, sizes: Value) -> None:
            last = b.at(arena, size // 8 - 1, "double")
            b.store(b.load("double", pointer(b, inputs, 0)), last)
            if within:
                b.call("clear_caches_now", "void")
            b.store(b.load("double", last), pointer(b, outputs, 0))

        signature = [Number(float)], ArrayType((), FLOAT)
        return entry.builtin("f", compiled(write), *signature, fallback, arena=size)

    function, clearing = through_arena(False), through_arena(True)
    for x in (2.5, 1.5):
        assert function(x) == x and arena_now.memory and arena_now.bytes >= size
        ft.clear_caches()
        assert not arena_now.memory and arena_now.bytes == 0
    assert clearing(3.5) == 3.5 and arena_now.bytes >= size
    ft.clear_caches()
    assert arena_now.bytes == 0
