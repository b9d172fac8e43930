"""Text of modules becomes native functions."""

import ctypes
import gc
import os
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from functrans.compile.llvm.code import engine
from functrans.compile.llvm.code.builder import Builder, Module, Value, number
from functrans.compile.llvm.code.engine import load


def native(module: Module, name: str, result: Any, *operands: Any) -> Any:
    address = load(module.text(), [name], verify=True)[name]
    return ctypes.CFUNCTYPE(result, *operands)(address)


def test_loop_carries_vectors() -> None:
    """A loop of vectors, one function inlined into another, a value carried to the end."""
    module = Module()
    kind = "<4 x double>"
    inner = Builder(module, "square_and_more", kind, [kind], inline=True)
    (x,) = inner.operands
    inner.finish(inner.fma(x, x, 1.5))
    outer = Builder(module, "run", "void", ["ptr", "i64", "ptr"])
    data, count, out = outer.operands

    def body(i: Value, carried: list[Value]) -> list[Value]:
        place = outer.at(data, i, "double")
        y = outer.call("square_and_more", kind, outer.load(kind, place))
        outer.store(y, place)
        return [outer.fadd(carried[0], y)]

    (total,) = outer.loop(0, count, body, [number(0, kind)], step=4)
    outer.store(total, out)
    outer.finish()
    run = native(module, "run", None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
    x = np.arange(16.0)
    sums = np.empty(4)
    run(x.ctypes.data, 16, sums.ctypes.data)
    expected = np.arange(16.0) ** 2 + 1.5
    assert np.array_equal(x, expected)
    assert np.array_equal(sums, expected.reshape(4, 4).sum(0))


def test_condition_and_slots() -> None:
    """What a branch computes is seen through memory."""
    module = Module()
    builder = Builder(module, "larger", "double", ["double", "double"])
    x, y = builder.operands
    slot = builder.slot("double")
    builder.store(x, slot)
    builder.when(builder.fcmp("olt", x, y), lambda: builder.store(y, slot))
    builder.finish(builder.load("double", slot))
    larger = native(module, "larger", ctypes.c_double, ctypes.c_double, ctypes.c_double)
    assert larger(1.0, 2.0) == larger(2.0, 1.0) == 2.0


@pytest.mark.parametrize("kind", ["half", "float", "double"])
@pytest.mark.parametrize("x", [0.0, -0.0, 0.1, np.inf, -np.inf, 6.0e-8])
def test_constants_are_exact(kind: str, x: float) -> None:
    """A constant is the nearest number of its type."""
    dtype = {"half": np.float16, "float": np.float32, "double": np.float64}[kind]
    module = Module()
    builder = Builder(module, "store", "void", ["ptr"])
    builder.store(number(x, kind), builder.operands[0])
    builder.finish()
    out = np.full(1, 7, dtype)
    native(module, "store", None, ctypes.c_void_p)(out.ctypes.data)
    assert out.tobytes() == np.array([x], dtype).tobytes()


def counting(module: Module) -> None:
    """A function that adds to a variable and returns it."""
    builder = Builder(module, "count", "i64", ["i64"])
    place = module.state("counted", "i64")
    total = builder.add(builder.load("i64", place), builder.operands[0])
    builder.store(total, place)
    builder.finish(total)


def test_equal_modules_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions without variables are the same; with variables each load has its own."""
    compiled: list[str] = []
    compile_text = engine.Machine.compiled

    def noted(self: engine.Machine, text: str, names: Any) -> Any:
        compiled.append(text)
        return compile_text(self, text, names)

    monkeypatch.setattr(engine.Machine, "compiled", noted)
    plain = "define i64 @same(i64 %x) {\n  %y = add i64 %x, 41\n  ret i64 %y\n}\n"
    assert load(plain, ["same"]) == load(plain, ["same"])
    module = Module()
    counting(module)
    first, second = [native(module, "count", ctypes.c_int64, ctypes.c_int64) for _ in range(2)]
    assert [first(1), first(1), second(1), first(1)] == [1, 2, 1, 3]
    assert len(compiled) == 2


def test_functions_that_are_called_often_are_not_copied() -> None:
    """Few calls are carried out in line, many are calls: the code would take long to compile."""
    for count, how in ((3, "alwaysinline"), (50, "noinline")):
        module = Module()
        inner = Builder(module, "more", "double", ["double"], inline=True)
        inner.finish(inner.fadd(inner.operands[0], 1.0))
        outer = Builder(module, "sum", "double", ["double"])
        (x,) = outer.operands
        for _ in range(count):
            x = outer.call("more", "double", x)
        outer.finish(x)
        assert how in module.text()
        total = native(module, "sum", ctypes.c_double, ctypes.c_double)
        assert total(0.5) == 0.5 + count


def test_code_goes_with_what_holds_it() -> None:
    """A program that nobody holds gives its memory back; one that is kept does not."""

    def text(x: float) -> str:
        module = Module()
        builder = Builder(module, "number", "double", [])
        builder.finish(number(x, "double"))
        return module.text()

    loaded = load(text(1.25), ["number"], kept=False)
    gone = weakref.ref(loaded)
    assert ctypes.CFUNCTYPE(ctypes.c_double)(loaded["number"])() == 1.25
    del loaded
    gc.collect()
    assert gone() is None
    stays = weakref.ref(load(text(2.5), ["number"]))
    gc.collect()
    assert stays() is not None


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="reads Linux's memory of a process"
)
def test_a_program_holds_its_code_alone() -> None:
    """What LLVM needs to compile is there once, not with each program: that was 0.7 MB."""
    held = []

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def compile_some(start: int) -> None:
        for i in range(start, start + 40):
            module = Module()
            builder = Builder(module, "number", "double", [])
            builder.finish(number(100.0 + i, "double"))
            held.append(load(module.text(), ["number"], kept=False))

    compile_some(0)
    before = resident()
    compile_some(40)
    assert resident() - before < 40 * 200_000


def test_code_reaches_what_lies_far_away() -> None:
    """Short instructions reach two gigabytes: a module has all of its memory in one piece, and what
    is elsewhere is called and read by its whole address."""
    arrays, functions = [], []
    for k in range(12):
        module = Module()
        table = module.constant("table", "double", [f"{x}.0" for x in range(k, k + 4096)])
        state = module.state("state", "double")
        inner = Builder(module, "inner", "ptr", ["i64"], internal=True)
        inner.finish(inner.at(table, inner.operands[0], "double"))
        b = Builder(module, "run", "double", ["i64"])
        far = ctypes.c_double(0.5)
        engine.SYMBOLS["far_object"] = ctypes.addressof(far)
        x = b.load("double", b.call("inner", "ptr", b.operands[0]))
        b.store(b.fadd(b.load("double", state), b.call("sqrt", "double", x)), state)
        b.finish(b.fadd(b.load("double", state), b.load("double", module.external("far_object"))))
        arrays.append((np.empty(3 << 30, np.uint8), far))  # of which nothing is touched
        functions.append(load(module.text(), ["run"], quick=True)["run"])
    for k, address in enumerate(functions):
        run = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64)(address)
        assert run(4000) == np.sqrt(k + 4000) + 0.5
        assert run(0) == np.sqrt(k + 4000) + np.sqrt(k) + 0.5


def test_code_without_variables_calls_what_is_elsewhere() -> None:
    """Addresses of what is called need memory, for which LLVM asks only where there are variables:
    that ended the process."""
    module = Module()
    b = Builder(module, "run", "double", ["double"])
    (x,) = b.operands
    for name in ("sqrt", "cbrt", "exp2"):
        x = b.call(name, "double", x)
    b.finish(x)
    place = load(module.text(), ["run"], quick=True)["run"]
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(place)(1.0) == 2.0


def test_interrupts_leave_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where llvmlite takes its lock or gives it back: other threads compile afterwards."""
    lock = engine.machine().llvm.ffi.lib._lock
    for name in ("__enter__", "__exit__"):

        def interrupted(*args: Any, begins: bool = name == "__enter__") -> None:
            if begins:
                lock._lock.acquire()
            raise KeyboardInterrupt

        module = Module()
        b = Builder(module, "run", "i64", [])
        b.finish(number(1234 + len(name), "i64"))
        with monkeypatch.context() as patched:
            patched.setattr(type(lock), name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                load(module.text(), ["run"], kept=False)
        found: list[int] = []

        def other(text: str = module.text(), found: list[int] = found) -> None:
            code = load(text, ["run"], kept=False)
            found.append(ctypes.CFUNCTYPE(ctypes.c_int64)(code["run"])())

        thread = threading.Thread(target=other, daemon=True)
        thread.start()
        thread.join(20)
        assert found == [1234 + len(name)]
