"""Object code put into memory without LLVM: what is refused, and what it needs of its process."""

import contextlib
import ctypes
import gc
import mmap
import platform
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llvmlite")

from functrans.compile.llvm.code import cache, engine, processor
from functrans.compile.llvm.code.builder import Builder, Module, number
from functrans.compile.llvm.code.objects import Placed, RefusedError

pytestmark = pytest.mark.skipif(
    not (sys.platform == "linux" and platform.machine() == "x86_64"), reason="ELF for x86-64"
)


def module() -> Module:
    """A function with a table of constants, a variable, and something from outside."""
    made = Module()
    table = made.constant("table", "double", ["1.0", "2.0", "4.0"])
    state = made.state("state", "double")
    b = Builder(made, "run", "double", ["i64"])
    x = b.load("double", b.at(table, b.operands[0], "double"))
    b.store(b.fadd(b.load("double", state), x), state)
    b.finish(b.call("sqrt", "double", b.load("double", state)))
    return made


def compiled(quick: bool) -> bytes:
    names = engine.QUICK if quick else engine.PASSES
    return engine.machine().compiled(module().text(), names)


def address(name: str) -> int | None:
    found = getattr(ctypes.CDLL(None), name, None)
    return None if found is None else ctypes.cast(found, ctypes.c_void_p).value


@pytest.mark.parametrize("quick", [True, False])
def test_code_runs(quick: bool) -> None:
    """Constants are read, variables written, functions of the process called; each has its own."""
    content = compiled(quick)
    for _ in range(2):
        placed = Placed(content, address)
        run = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64)(placed.addresses["run"])
        assert [run(i) for i in (0, 1, 0)] == [1.0, 3.0**0.5, 2.0]
    assert "inner" not in placed.addresses


def test_memory_has_its_rights() -> None:
    """Code is not written to, constants and variables are not run; a child of the process has its
    own, and all of it goes in the end."""
    placed = Placed(compiled(True), address)
    pages = range(placed._base, placed._base + placed._size, mmap.PAGESIZE)

    def rights() -> list[str]:
        found = []
        for line in Path("/proc/self/maps").read_text().splitlines():
            area, how, *_ = line.split()
            start, end = [int(x, 16) for x in area.split("-")]
            found += [how for page in pages if start <= page < end]
        return found

    assert sorted(set(rights())) == ["r--p", "r-xp", "rw-p"]
    assert rights()[0] == "r-xp" and rights()[-1] == "rw-p"
    del placed
    gc.collect()
    assert "r-xp" not in rights()


def test_all_that_is_damaged_is_refused() -> None:
    """Whatever the bytes are, they are put into memory as an object or refused."""
    content = compiled(True)
    for size in range(0, len(content), 7):
        with pytest.raises(RefusedError):
            Placed(content[:size], address)
    for place in range(0, len(content), 3):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        with contextlib.suppress(RefusedError):
            Placed(bytes(changed), address)


@pytest.mark.parametrize(("place", "form", "value"), [(18, "<H", 183), (16, "<H", 2), (4, "<B", 1)])
def test_other_objects_are_refused(place: int, form: str, value: int) -> None:
    """Of another machine, a program, of 32 bits."""
    changed = bytearray(compiled(True))
    struct.pack_into(form, changed, place, value)
    with pytest.raises(RefusedError, match="no object of ELF"):
        Placed(bytes(changed), address)


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(RefusedError, match="there is no sqrt"):
        Placed(compiled(True), lambda name: None)


def test_llvm_takes_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its linker knows all of it."""

    def refuse(*_: Any) -> None:
        raise RefusedError("not today")

    monkeypatch.setattr(engine, "Placed", refuse)
    made = module()
    b = Builder(made, "other", "double", [])
    b.finish(number(2.5, "double"))
    code = engine.load(made.text(), ["run", "other"])
    assert ctypes.CFUNCTYPE(ctypes.c_double)(code["other"])() == 2.5
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64)(code["run"])(2) == 2.0


def test_the_processor_is_known_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LLVM is asked once, and again for another processor or another library."""
    monkeypatch.setenv("FUNCTRANS_CACHE", "1")
    monkeypatch.setenv("FUNCTRANS_CACHE_DIR", str(tmp_path))
    asked: list[int] = []
    ask = processor._asked
    monkeypatch.setattr(processor, "_asked", lambda: asked.append(1) or ask())
    first = processor.processor()
    assert processor.processor() == first == engine.machine().processor
    assert len(asked) == 1
    told = processor._told()
    assert told is not None and "flags" in told
    monkeypatch.setattr(processor, "_told", lambda: told.replace(" sse2", ""))
    assert processor.processor() == first and len(asked) == 2
    monkeypatch.setattr(processor, "_library", lambda: "another file")
    assert processor.processor() == first and len(asked) == 3
    monkeypatch.setattr(processor, "_told", lambda: None)
    assert processor.processor() == first and len(asked) == 4
    cache.clear_cache()
    assert not list(tmp_path.iterdir())
