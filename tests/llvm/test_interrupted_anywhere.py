"""A compilation is interrupted at each place where Python handles signals, in a process of its own.

These are where a function begins, where a call returns and where a loop goes back, so no line of a
tracer in Python stands for them. A native function traces instead: it counts the instructions, and
tells Python of Ctrl-C before the one that is asked for, which Python then handles where it would.
"""

import ctypes
import dis
import gc
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans import primitives
from functrans.compile import background
from functrans.compile.llvm.code import engine

WHERE = ("RESUME", "CALL", "JUMP_BACKWARD", "CALL_FUNCTION_EX")

OWNERS = ("llvmlite", "compile/llvm/code", "compile/llvm/calling", "compile/llvm/compiled.py")
"""Files that own something that is no object of Python."""

OURS = tuple(f"{Path(x.__file__ or '').parent}{os.sep}" for x in (ft, primitives))
"""Where the other files of a compilation are: these stage the function, plan and write the text."""

MOST = 1 << 21
"""Instructions of a compilation."""

PARTS = 8
"""Tests among which the places of owners are shared out. Of the others one of so many is tried, by
one test."""

PATIENCE = 60
"""Seconds that a process has."""

TEXT = """
@count = global i64 0
@wanted = global i64 0
@rows = global ptr null
@name = private constant [16 x i8] c"f_trace_opcodes\\00"
@_Py_TrueStruct = external global i8
declare i32 @PyObject_SetAttrString(ptr, ptr, ptr)
declare ptr @PyFrame_GetCode(ptr)
declare i32 @PyFrame_GetLasti(ptr)
declare void @PyErr_SetInterrupt()
define i32 @trace(ptr %0, ptr %frame, i32 %what, ptr %1) nounwind {
  switch i32 %what, label %out [i32 0, label %begins i32 7, label %instruction]
begins:
  %done = call i32 @PyObject_SetAttrString(ptr %frame, ptr @name, ptr @_Py_TrueStruct)
  ret i32 %done
instruction:
  %before = load i64, ptr @count
  %number = add i64 %before, 1
  store i64 %number, ptr @count
  %asked = load i64, ptr @wanted
  %now = icmp eq i64 %number, %asked
  br i1 %now, label %interrupt, label %noting
interrupt:
  call void @PyErr_SetInterrupt()
  ret i32 0
noting:
  %table = load ptr, ptr @rows
  %none = icmp eq ptr %table, null
  br i1 %none, label %out, label %note
note:
  %code = call ptr @PyFrame_GetCode(ptr %frame)
  %place = call i32 @PyFrame_GetLasti(ptr %frame)
  %row = getelementptr [2 x i64], ptr %table, i64 %before
  store ptr %code, ptr %row
  %wide = sext i32 %place to i64
  %second = getelementptr i64, ptr %row, i64 1
  store i64 %wide, ptr %second
  br label %out
out:
  ret i32 0
}
define void @begin(i64 %wanted, ptr %rows) nounwind {
  store i64 0, ptr @count
  store i64 %wanted, ptr @wanted
  store ptr %rows, ptr @rows
  ret void
}
define i64 @counted() nounwind {
  %count = load i64, ptr @count
  ret i64 %count
}
"""

_trace: Any = ctypes.pythonapi.PyEval_SetTrace
_trace.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_trace.restype = None

X = np.arange(6.0)


def compiled(k: float = 1.0) -> Any:
    """A program with a loop, which polls, mathematics and a sum."""

    def f(x: Any, n: Any) -> Any:
        def once(state: Any) -> Any:
            return state[0] + 1, state[1] * 0.5 + k

        return np.sum(ft.while_loop(lambda s: s[0] < n, once, (0, np.sin(x)))[1]) + x

    return ft.jit(f, backend="llvm")(X, 4)


def expected() -> Any:
    c = np.sin(X)
    for _ in range(4):
        c = c * 0.5 + 1.0
    return np.sum(c) + X


class Tracer:
    """Counts the instructions of calls."""

    def __init__(self) -> None:
        for name in ("PyObject_SetAttrString", "PyFrame_GetCode", "PyFrame_GetLasti"):
            self._offer(name)
        self._offer("PyErr_SetInterrupt")
        self._offer("_Py_TrueStruct")
        self.code = engine.load(TEXT, ["trace", "begin", "counted"])
        self._begin: Any = ctypes.PYFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(
            self.code["begin"]
        )
        self.counted: Any = ctypes.PYFUNCTYPE(ctypes.c_int64)(self.code["counted"])

    @staticmethod
    def _offer(name: str) -> None:
        found = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
        assert found is not None
        engine.SYMBOLS[name] = found

    def call(self, function: Callable[[], Any], wanted: int, rows: Any = None) -> Any:
        """Call a function that is interrupted before its so-manieth instruction."""
        self._begin(wanted, None if rows is None else ctypes.addressof(rows))
        _trace(self.code["trace"], None)
        try:
            return function()
        finally:
            _trace(None, None)

    def places(self, function: Callable[[], Any], chosen: Callable[[str], bool]) -> list[int]:
        """The instructions at which Python handles signals, the first at each place of files."""
        rows = (ctypes.c_int64 * (2 * MOST))()
        self.call(function, 0, rows)
        count = self.counted()
        assert count < MOST
        known: dict[int, set[int]] = {}
        found: dict[tuple[int, int], int] = {}
        for i, (code, place) in enumerate(
            np.frombuffer(rows, np.int64)[: 2 * count].reshape(-1, 2).tolist()
        ):
            if code not in known:
                known[code] = _places_of(ctypes.cast(code, ctypes.py_object).value, chosen)
            if place in known[code]:
                found.setdefault((code, place), i + 1)
        return list(found.values())


def owns(file: str) -> bool:
    return any([part in file for part in OWNERS])


def writes(file: str) -> bool:
    return file.startswith(OURS) and not owns(file)


def _places_of(code: Any, chosen: Callable[[str], bool]) -> set[int]:
    if not chosen(code.co_filename):
        return set()
    return {x.offset for x in dis.get_instructions(code) if x.opname in WHERE}


def in_a_child(work: Callable[[], None]) -> int:
    """How a child of this process ends that does something; -1 if it does not end."""
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def survives(tracer: Tracer, wanted: int) -> None:
    """Interrupt one compilation; the next is right, and other threads need not wait."""
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None  # what objects that go raise is lost
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        tracer.call(compiled, wanted)
    np.testing.assert_allclose(compiled(), expected(), rtol=1e-13)
    gc.collect()
    assert gc.isenabled()
    other = threading.Thread(target=compiled, args=(2.0,), daemon=True)
    other.start()
    other.join(PATIENCE / 2)
    assert not other.is_alive()


def walk(chosen: Callable[[str], bool], part: int) -> None:
    """Interrupt a compilation at one of :data:`PARTS` places in some files, each in a child."""
    ft.jit(lambda x: np.exp(x) + 1.0, backend="llvm")(X)
    background.finish()
    tracer = Tracer()

    def count() -> None:
        os.write(target, np.array(tracer.places(compiled, chosen), np.int64).tobytes())

    source, target = os.pipe()
    gc.freeze()  # the objects of all tests, which each child would copy to look for garbage
    try:
        assert in_a_child(count) == 0
        os.close(target)
        with os.fdopen(source, "rb") as file:
            places = np.frombuffer(file.read(), np.int64).tolist()
        assert len(places) > 100
        for wanted in places[part::PARTS]:
            assert in_a_child(lambda wanted=wanted: survives(tracer, wanted)) == 0, wanted
    finally:
        gc.unfreeze()


def on_linux(test: Any) -> Any:
    linux, version = sys.platform == "linux", sys.version_info[:2]
    test = pytest.mark.skipif(not linux, reason="processes are forked as on Linux")(test)
    return pytest.mark.skipif(version != (3, 11), reason="other versions count otherwise")(test)


@pytest.mark.slow
@pytest.mark.parametrize(("quick", "part"), [("0", 0), *[("1", i) for i in range(PARTS)]])
@on_linux
def test_interrupted_anywhere(quick: str, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNCTRANS_QUICK", quick)
    walk(owns, part)


@pytest.mark.slow
@on_linux
def test_interrupted_before_llvm_has_the_text() -> None:
    """While the function is staged, and its code planned and written."""
    walk(writes, 0)
