"""Loops that may go on for ever ask now and then whether a signal has arrived, and let others run.

Each round adds to a sum about how long it takes. Where that comes to :data:`EVERY`, the loop calls
``i1 functrans_poll(ptr)``, which looks at the clock, and in intervals of milliseconds has Python
call a function that does nothing. The interpreter does before it what it does between any two lines
of Python: it handles signals, and hands over the GIL if another thread has waited for its interval.
(Giving it up unasked starves others: a thread that waits begins its interval anew each time.) If
that raises, as the handler of Ctrl-C does, the native function returns :data:`INTERRUPTED` at once,
with Python's exception set.
"""

from __future__ import annotations

import ctypes
import sys
import time
from typing import NamedTuple

from functrans.compile.llvm.code.builder import NULL, Builder, Module, Value, number
from functrans.compile.llvm.code.engine import PROVIDERS, SYMBOLS
from functrans.compile.llvm.code.standing import load_standing

POLL = "functrans_poll"
"""The function that loops call."""

INTERRUPTED = -1
"""What a native function returns then."""

EVERY = 100_000
"""Nanoseconds of rounds, about, after which a loop looks at the clock, which takes 30."""

HOLDING, WITHOUT = 5, 50
"""Milliseconds after which Python is called: with the GIL, and without it, which is taken for
that."""

_PYTHONS = (
    "PyGILState_Check",
    "PyGILState_Ensure",
    "PyGILState_Release",
    "PyObject_CallObject",
    "Py_DecRef",
)


def between_lines() -> None:
    """What Python calls: nothing but what the interpreter does by itself."""


class Polling(NamedTuple):
    """What the loops of a native function share.

    Attributes
    ----------
    spent : Value
        The address of the sum, nanoseconds, i64.
    due : Value
        That of the time from which on signals are asked for, milliseconds, i64.
    """

    spent: Value
    due: Value


def begin(b: Builder) -> Polling:
    """Let a native function poll; it has to return an i32."""
    found = Polling(b.slot("i64"), b.slot("i64"))
    for place in found:
        b.store(number(0, "i64"), place)
    return found


def spend(b: Builder, polling: Polling, nanoseconds: int) -> Value:
    """Add to the sum, which is returned; the loop around will look at it."""
    total = b.add(b.load("i64", polling.spent), max(int(nanoseconds), 1))
    b.store(total, polling.spent)
    return total


def poll(b: Builder, polling: Polling, nanoseconds: int) -> None:
    """Write what a round does that takes about so long: perhaps the function returns here."""
    total = spend(b, polling, nanoseconds)

    def look() -> None:
        b.store(number(0, "i64"), polling.spent)
        stop, go_on = b.label("stop"), b.label("go_on")
        stopped = b.call(POLL, "i1", polling.due)
        b.module.declare(POLL, "i1", "ptr", rare=True)
        b.fork(stopped, stop, go_on)
        b.start(stop)
        b.line(f"ret i32 {INTERRUPTED}")
        b.start(go_on)

    b.when(b.icmp("sge", total, EVERY), look)


def _text() -> str:
    """The module of the function: the first call only notes the time, so that short loops never
    ask."""
    module = Module()
    _clock(module)
    b = Builder(module, POLL, "i1", ["ptr"])
    (due,) = b.operands
    now, wanted = b.call("milliseconds", "i64"), b.load("i64", due)
    first, early, ask = b.label("first"), b.label("early"), b.label("ask")
    later = b.label("later")
    b.fork(b.icmp("eq", wanted, 0), first, later)
    b.start(first)
    b.store(b.add(now, HOLDING), due)
    b.jump(early)
    b.start(later)
    b.fork(b.icmp("slt", now, wanted), early, ask)
    b.start(early)
    b.line("ret i1 false")
    b.start(ask)
    held = b.icmp("ne", b.call("PyGILState_Check", "i32"), 0)

    state = b.call("PyGILState_Ensure", "i32")
    nothing = b.module.external("functrans_between_lines")
    answer = b.call("PyObject_CallObject", "ptr", nothing, NULL)
    stopped = b.icmp("eq", answer, NULL)

    def drop() -> None:
        b.call("Py_DecRef", "void", answer)

    b.when(b.icmp("ne", answer, NULL), drop)
    b.call("PyGILState_Release", "void", state)
    pause = b.select(held, number(HOLDING, "i64"), number(WITHOUT, "i64"))
    b.store(b.add(b.call("milliseconds", "i64"), pause), due)
    b.finish(stopped)
    return module.text()


def _clock(module: Module) -> None:
    """The function ``i64 milliseconds()``, of a clock that only goes forwards."""
    b = Builder(module, "milliseconds", "i64", [], internal=True)
    if sys.platform == "win32":
        b.finish(b.call("GetTickCount64", "i64"))
        return
    moment = b.slot("i64", 2)
    b.call("clock_gettime", "i32", number(time.CLOCK_MONOTONIC, "i32"), moment)
    seconds, rest = b.load("i64", moment), b.load("i64", b.at(moment, 1, "i64"))
    b.finish(b.add(b.mul(seconds, 1000), b.binary("sdiv", rest, 1_000_000)))


def _address() -> int:
    windows = sys.platform == "win32"
    clock = "GetTickCount64" if windows else "clock_gettime"
    named = [(ctypes.CDLL("kernel32" if windows else None), clock)]
    named += [(ctypes.pythonapi, name) for name in _PYTHONS]
    for library, name in named:
        found = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        assert found is not None
        SYMBOLS[name] = found
    SYMBOLS["functrans_between_lines"] = id(between_lines)
    return load_standing(POLL, _text, [POLL])[POLL]


PROVIDERS[POLL] = _address
