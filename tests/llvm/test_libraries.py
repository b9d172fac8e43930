"""Functions that programs share: quick code at first, then optimised one, with the same bits."""

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from functrans.compile.llvm.code.builder import Module
from functrans.compile.llvm.code.engine import load
from functrans.compile.llvm.linear.library import LIBRARY
from functrans.compile.llvm.linear.substitution import room
from functrans.compile.llvm.plans.cost import effort
from tests.llvm.native import staged
from tests.llvm.processes import run

KINDS = {"ptr": ctypes.c_void_p, "i64": ctypes.c_int64, "i1": ctypes.c_bool, "void": None}

BEGINNING = """
import os, numpy as np, functrans as ft
from functrans.compile import background
from functrans.compile.llvm.code import engine
from functrans.compile.llvm.linear.library import LIBRARY

background.CALM = 1e6
x = np.random.default_rng(0).standard_normal((30, 30))

def work(x):
    s = x @ x.mT + np.eye(len(x))
    return np.sum(np.linalg.inv(s)) + np.linalg.cholesky(s)[-1], np.linalg.solve(x, x.mT)

def grown(x):
    return ft.while_loop(lambda c: c[0, 0] < 3.0, lambda c: np.linalg.inv(c) + c, x)

def bits(values):
    return [y.tobytes() for y in values]

def kind():
    return "optimized" if LIBRARY._optimized else "quick" if LIBRARY._places else "none"
"""


def told(code: str, **environment: str) -> list[str]:
    """What a process of its own prints."""
    usual = {"FUNCTRANS_BACKEND": "llvm", "FUNCTRANS_CACHE": "0", "FUNCTRANS_QUICK": "1"}
    status, written, warned = run(BEGINNING + code, **{**usual, **environment})
    assert status == 0, warned
    return written.split()


def called(code: Any, name: str, *operands: Any) -> Any:
    """A function of the library, by its address."""
    entry = LIBRARY._functions[name]
    kind = ctypes.CFUNCTYPE(KINDS[entry.result], *map(KINDS.__getitem__, entry.operands))
    given = [x.ctypes.data if isinstance(x, np.ndarray) else x for x in operands]
    return kind(code[LIBRARY.symbol(name)])(*given)


def test_same_bits_on_every_processor(processor: str) -> None:
    """Both codes of each function, for matrices of many sizes and right sides."""
    names = list(map(LIBRARY.symbol, LIBRARY._functions))
    module = Module(plain=True)
    LIBRARY._enter(module, lambda name: name)
    codes = [load(LIBRARY._text(), names), load(module.text(), names, quick=True)]
    rng = np.random.default_rng(1)
    for n in (1, 2, 3, 7, 8, 9, 16, 31, 64, 97, 130, 200, 530):
        x, right = rng.standard_normal((n, n)), rng.standard_normal((n, 1 + n % 37))
        found = []
        for code in codes:
            memory = np.empty(room(n, "double") + 64, np.uint8)
            square, diagonal = x @ x.T + n * np.eye(n), np.empty(n)
            assert not called(code, "cholesky", square, n, n, diagonal, memory)
            factors, order, sign = x.copy(), np.arange(n), np.ones(1)
            called(code, "lu", factors, n, n, order, sign, np.empty(16 * n), memory)
            y, m = right.copy(), right.shape[1]
            called(code, "substitution", square, 1, n, y, m, n, m, False, memory)
            turned = np.empty((m, n))
            called(code, "transposing", y, m, turned, n, n, m)
            found.append([z.tobytes() for z in (square, factors, order, sign, y, turned)])
        assert found[0] == found[1], n


def test_optimised_code_takes_its_place() -> None:
    """A program that is there reaches it too, and later ones call it without a jump."""
    code = """
step = ft.jit(work)
first = bits(step(x))
name = LIBRARY.symbol("lu")
print(kind())
before, jump = LIBRARY._places[name].value, engine.SYMBOLS[name]
background.finish()
print(kind())
assert LIBRARY._places[name].value == engine.SYMBOLS[name] == LIBRARY._optimized[name]
assert len({before, jump, engine.SYMBOLS[name]}) == 3
assert bits(step(x)) == first == bits(ft.jit(lambda x: work(x))(x))
"""
    assert told(code) == ["quick", "optimized"]


def test_random_numbers_come_quickly() -> None:
    """Each kind by itself, with the bits of optimised code, which is made at once for loops of
    which nobody knows how often they turn."""
    code = """
from functrans import random
from functrans.compile.llvm.random import filling

def draw(key):
    one, other = random.split(key)
    whole = random.randint(one, (40,), 0, 1000)
    return random.normal(other, (20_000,)), random.uniform(random.fold_in(key, 3), (5,)), whole

def kinds():
    used = {k: v for k, v in filling.FILLINGS.items() if v._places or v._optimized}
    return {v._optimized is not None for v in (filling.LIBRARY, *used.values())}

step = ft.jit(draw)
first = bits(step(random.key(3)))
print(kinds() == {False}, first == bits(draw(random.key(3))))
background.finish()
later = ft.jit(lambda key: draw(key))(random.key(3))
print(kinds() == {True}, bits(step(random.key(3))) == bits(later) == first)
"""
    assert told(code) == ["True"] * 4
    assert told(code.replace("{False}", "{True}"), FUNCTRANS_QUICK="0") == ["True"] * 4


def test_quick_code_can_be_off() -> None:
    """FUNCTRANS_QUICK=0."""
    code = "ft.jit(work)(x); print(kind(), len(LIBRARY._places))"
    assert told(code, FUNCTRANS_QUICK="0") == ["optimized", "0"]


@pytest.mark.parametrize(
    "call",
    [
        "ft.jit(np.linalg.inv)(np.eye(900))",
        "ft.jit(grown)(x)",
    ],
    ids=["large", "of unknown length"],
)
def test_large_work_is_optimised_at_once(call: str) -> None:
    """A first call is to take no longer than it saves, also where a small one was before."""
    assert told(f"{call}; print(kind())") == ["optimized"]
    code = f"ft.jit(work)(x); print(kind()); {call}; print(kind())"
    assert told(code) == ["quick", "optimized"]


def test_work_of_factorisations() -> None:
    """It grows with the cube of the rows, and with the turns of a loop."""
    import functrans as ft

    def work(f: Any, *args: Any) -> float:
        return effort(staged(f, *args)[0]).library

    small, large = (work(np.linalg.inv, np.eye(n)) for n in (100, 200))
    assert large == 8 * small > 0
    assert work(lambda x: ft.fori_loop(0, 5, lambda i, c: np.linalg.inv(c), x), np.eye(100)) == (
        5 * small
    )
    assert work(lambda x: x @ x, np.eye(100)) == 0


def test_disk(tmp_path: Path) -> None:
    """Optimised code is taken first; where there is none, the quick code of another process."""
    code = """
import sys
ft.jit(work)(x)
print(kind(), "llvmlite.binding" in sys.modules)
"""
    environment = {"FUNCTRANS_CACHE": "1", "FUNCTRANS_CACHE_DIR": str(tmp_path)}
    assert told(code, **environment) == ["quick", "True"]
    assert told(code, **environment) == ["quick", "False"]
    told(code + "background.finish()", **environment)
    assert told(code, **environment) == ["optimized", "False"]


def test_what_cannot_be_optimised_goes_on() -> None:
    """With a warning."""
    code = """
import warnings
step = ft.jit(work)
first = bits(step(x))

def failing():
    raise RuntimeError("no more")

LIBRARY._text = failing
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    background.finish()
print(kind(), *{str(x.message).split()[-1] for x in found})
assert bits(step(x)) == first
"""
    assert told(code) == ["quick", "more"]


IN_A_THREAD = """
import threading

def within(size):
    thread = threading.Thread(target=lambda: ft.jit(np.linalg.inv)(np.eye(size)), daemon=True)
    thread.start()
    thread.join(20)
    print(kind(), thread.is_alive(), flush=True)
    if thread.is_alive():
        os._exit(0)
"""


def test_threads() -> None:
    """Where a thread's stack may be small another compiles, and neither waits for the other."""
    assert told(IN_A_THREAD + "within(900)") == ["optimized", "False"]
    code = IN_A_THREAD + "within(30); within(900)"
    assert told(code) == ["quick", "False", "optimized", "False"]


def test_threads_find_code_on_the_disk(tmp_path: Path) -> None:
    """So it is with a library that a program from the disk needs."""
    code = IN_A_THREAD + "within(30)"
    environment = {"FUNCTRANS_CACHE": "1", "FUNCTRANS_CACHE_DIR": str(tmp_path)}
    assert told(code, **environment) == ["quick", "False"]
    assert told(code, **environment) == ["quick", "False"]
