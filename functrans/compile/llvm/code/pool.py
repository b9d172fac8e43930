"""The pool of threads, in native code: who claims chunks, and how threads wait for one another.

A kernel that starts writes what is to be done, then the number of chunks together with that of
those claimed, in one word: whoever adds one to it has claimed a chunk or sees that none is left, so
that nobody reads the work of one kernel with the number of another. The end is a count of finished
chunks. Nothing is written again before all that were claimed are finished.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import signal
import sys
import time
from functools import partial
from typing import Literal

from functrans.compile.llvm.code.builder import Builder, Module, Value, number
from functrans.compile.llvm.code.engine import SYMBOLS
from functrans.compile.llvm.code.standing import load_standing

Waiting = Literal["futex", "condition", "none"]

MOST = 256
"""Threads, with the calling one."""

LEAST = 30_000
"""Nanoseconds of work for a thread from which on it pays to wake it."""

WAIT = 20e-6
"""Seconds for which a thread looks for work, or for the end of it, before it sleeps."""

LINE = 64
"""Bytes of a line of the cache: each variable has its own."""

ROOM = 1 << 19
"""Bytes of memory that each thread of the pool has for the chunk that it is at."""

_STACK = ROOM + (1 << 19)
"""Bytes of the stack of such a thread, whatever the process says of others: the room is there."""

_ATTRIBUTES = 256
"""Bytes of what says how a thread is to be started, at most."""

VARIABLES = (
    "generation",  # goes up when there is work, or an end; i32
    "claims",  # the number of chunks in the upper half, of those claimed in the lower
    "finished",  # chunks; i32
    "sleeping",  # workers
    "waiting",  # whether the thread that called sleeps
    "function",
    "context",
    "busy",  # whether a kernel runs, or the threads change
    "wanted",  # threads, with the calling one
    "started",  # workers
    "epoch",  # workers of an earlier one end
    "spins",  # looks before a thread sleeps
)
"""What threads share, a word each, in this order."""

_MUTEX = len(VARIABLES) * LINE
_CONDITION = _MUTEX + 2 * LINE
_THREADS = _CONDITION + 2 * LINE

_FUTEX_CALLS = {"x86_64": 202, "aarch64": 98}
"""The number of the system call by which threads sleep on a word of memory, on Linux."""

_FUTEX_WAIT, _FUTEX_WAKE = 128, 129  # on a word of this process alone

_SIGNALS = 128
"""Bytes of a set of signals, at most."""

_PAUSES = {"x86_64": "llvm.x86.sse2.pause", "AMD64": "llvm.x86.sse2.pause"}

_FUNCTIONS = {
    "futex": ["syscall"],
    "condition": [
        "pthread_mutex_init",
        "pthread_mutex_lock",
        "pthread_mutex_unlock",
        "pthread_cond_init",
        "pthread_cond_wait",
        "pthread_cond_broadcast",
    ],
}
_COMMON = [
    "pthread_attr_destroy",
    "pthread_attr_init",
    "pthread_attr_setstacksize",
    "pthread_create",
    "pthread_join",
    "pthread_sigmask",
    "sched_yield",
]


class Pool:
    """The threads of this process, and the native function ``functrans_parallel`` that gives them
    work.

    Parameters
    ----------
    count : int
        Threads, with the calling one. They start with the first kernel that needs them.
    waiting : {"futex", "condition", "none"}, optional
        How they wait; ``none`` where there are no threads of POSIX: everything then runs in the
        calling one.

    Attributes
    ----------
    address : int
        Of the function.
    """

    def __init__(self, count: int, waiting: Waiting | None = None) -> None:
        waiting = waiting or _waiting()
        names = ["functrans_parallel", "pool_prepare", "pool_resize", "pool_pause", "pool_memory"]
        if waiting != "none":
            for name in _COMMON + _FUNCTIONS[waiting]:
                found = ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value
                assert found is not None
                SYMBOLS[name] = found
        addresses = load_standing(f"pool that waits by {waiting}", partial(text, waiting), names)
        self.address = addresses["functrans_parallel"]
        base = ctypes.CFUNCTYPE(ctypes.c_size_t)(addresses["pool_memory"])()
        self._base: int = base
        void, i64 = ctypes.CFUNCTYPE(None), ctypes.CFUNCTYPE(None, ctypes.c_int64)
        self._prepare = void(addresses["pool_prepare"])
        self._resize = i64(addresses["pool_resize"])
        self._set("spins", _spins(i64(addresses["pool_pause"])))
        self._prepare()
        self._resize(count)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)
        # A thread that looks for work must not do so in code that is no longer there.
        atexit.register(self._resize, 1)

    def resize(self, count: int) -> None:
        """Have so many threads, with the calling one."""
        self._resize(count)

    def get(self, name: str) -> int:
        """A variable, for those who want to know."""
        return ctypes.c_int64.from_address(self._place(name)).value

    def _set(self, name: str, value: int) -> None:
        ctypes.c_int64.from_address(self._place(name)).value = value

    def _place(self, name: str) -> int:
        return self._base + LINE * VARIABLES.index(name)

    def _forget(self) -> None:
        """The child of a fork has none of the threads."""
        for name in ("claims", "finished", "sleeping", "waiting", "busy", "started"):
            self._set(name, 0)
        self._prepare()


def _waiting() -> Waiting:
    if sys.platform == "win32":
        return "none"
    if sys.platform == "linux" and platform.machine() in _FUTEX_CALLS:
        return "futex"
    return "condition"


def _spins(pause: object) -> int:
    """How many looks take as long as a thread is to look."""
    assert callable(pause)
    count, best = 2000, 1.0
    for _ in range(3):
        start = time.perf_counter()
        pause(count)
        best = min(best, time.perf_counter() - start)
    return max(int(WAIT * count / best), 1)


def text(waiting: Waiting) -> str:
    """The module of the pool."""
    module = Module()
    _Text(module, waiting).write()
    return module.text()


class _Text:
    """The functions of the pool."""

    def __init__(self, module: Module, waiting: Waiting) -> None:
        self.module = module
        self.waiting = waiting
        self.pool = module.state("pool", f"[{_THREADS + 8 * MOST} x i8]")

    def write(self) -> None:
        """Write them into the module."""
        self.write_pause()
        Builder(self.module, "pool_memory", "ptr", []).finish(self.pool)
        if self.waiting == "none":
            self.write_alone()
            return
        if self.waiting == "futex":
            self.write_futex()
        else:
            self.write_condition()
        self.write_claim()
        self.write_worker()
        self.write_start()
        self.write_resize()
        self.write_parallel()

    # ---- pieces -----------------------------------------------------------------------------

    def at(self, b: Builder, name: str) -> Value:
        return b.at(self.pool, LINE * VARIABLES.index(name), "i8")

    def get(self, b: Builder, name: str, order: str = "acquire", kind: str = "i64") -> Value:
        place = self.at(b, name)
        return b.emit(kind, f"load atomic {kind}, {place} {order}, align 8")

    def set(self, b: Builder, name: str, x: Value | int, order: str = "release") -> None:
        value = x if isinstance(x, Value) else number(x, "i64")
        b.line(f"store atomic {value}, {self.at(b, name)} {order}, align 8")

    def change(self, b: Builder, name: str, op: str, x: int, kind: str = "i64") -> Value:
        """What a variable was before it was changed at one stroke."""
        return b.emit(kind, f"atomicrmw {op} {self.at(b, name)}, {kind} {x} seq_cst")

    def pause(self, b: Builder) -> None:
        """Wait a moment in a loop that looks at memory."""
        name = _PAUSES.get(platform.machine())
        if name is not None:
            b.call(name, "void")
        elif platform.machine() in ("aarch64", "arm64"):
            b.call("llvm.aarch64.hint", "void", number(1, "i32"))
        else:
            b.line("fence seq_cst")

    def write_pause(self) -> None:
        b = Builder(self.module, "pool_pause", "void", ["i64"])

        def once(_: Value) -> None:
            self.pause(b)
            self.get(b, "generation")

        b.repeat(0, b.operands[0], once)
        b.finish()

    # ---- sleeping ---------------------------------------------------------------------------

    def write_futex(self) -> None:
        call = number(_FUTEX_CALLS[platform.machine()], "i64")
        self.module.declare("syscall", "i64", "i64", "...")

        def write(name: str, op: int) -> None:
            b = Builder(self.module, name, "void", ["ptr", "i32"], internal=True)
            word, x = b.operands
            arguments = f"{call}, {word}, i32 {op}, {x}, ptr null"
            b.emit("i64", f"call i64 (i64, ...) @syscall({arguments})")
            b.finish()

        write("sleep_on", _FUTEX_WAIT)
        write("wake", _FUTEX_WAKE)
        Builder(self.module, "pool_prepare", "void", []).finish()

    def write_condition(self) -> None:
        module, null = self.module, Value("ptr", "null")

        def begin(name: str, *operands: str, internal: bool = True) -> tuple[Builder, Value, Value]:
            b = Builder(module, name, "void", operands, internal=internal)
            return b, b.at(self.pool, _MUTEX, "i8"), b.at(self.pool, _CONDITION, "i8")

        b, mutex, condition = begin("sleep_on", "ptr", "i32")
        word, expected = b.operands
        b.call("pthread_mutex_lock", "i32", mutex)
        look, sleep, done = b.label("look"), b.label("sleep"), b.label("done")
        b.jump(look)
        b.start(look)
        now = b.emit("i32", f"load atomic i32, {word} seq_cst, align 8")
        b.fork(b.icmp("eq", now, expected), sleep, done)
        b.start(sleep)
        b.call("pthread_cond_wait", "i32", condition, mutex)
        b.jump(look)
        b.start(done)
        b.call("pthread_mutex_unlock", "i32", mutex)
        b.finish()
        b, mutex, condition = begin("wake", "ptr", "i32")
        b.call("pthread_mutex_lock", "i32", mutex)
        b.call("pthread_cond_broadcast", "i32", condition)
        b.call("pthread_mutex_unlock", "i32", mutex)
        b.finish()
        b, mutex, condition = begin("pool_prepare", internal=False)
        b.call("pthread_mutex_init", "i32", mutex, null)
        b.call("pthread_cond_init", "i32", condition, null)
        b.finish()

    # ---- working ----------------------------------------------------------------------------

    def write_claim(self) -> None:
        """Carry out chunks until none is left, with memory of the thread's own."""
        b = Builder(self.module, "claim", "void", ["ptr"], internal=True)
        (memory,) = b.operands
        again, work, done = b.label("again"), b.label("work"), b.label("done")
        b.jump(again)
        b.start(again)
        claims = self.change(b, "claims", "add", 1)
        index = b.both(claims, (1 << 32) - 1)
        chunks = b.binary("lshr", claims, 32)
        b.fork(b.icmp("ult", index, chunks), work, done)
        b.start(work)
        function = b.load("ptr", self.at(b, "function"))
        context = b.load("ptr", self.at(b, "context"))
        b.line(f"call void {function.text}({context}, {index}, {memory})")
        before = self.change(b, "finished", "add", 1, "i32")
        count = b.add(b.emit("i64", f"zext {before} to i64"), 1)
        waited = b.icmp("ne", self.get(b, "waiting", "seq_cst"), 0)
        last = b.both(b.icmp("eq", count, chunks), waited)
        b.when(last, lambda: self.wake(b, "finished", number(1, "i32")))
        b.jump(again)
        b.start(done)
        b.finish()

    def wake(self, b: Builder, name: str, count: Value) -> None:
        b.call("wake", "void", self.at(b, name), count)

    def write_worker(self) -> None:
        b = Builder(self.module, "worker", "ptr", ["ptr"], internal=True)
        given = b.emit("i64", f"ptrtoint {b.operands[0]} to i64")
        epoch = b.binary("lshr", given, 32)
        last, memory = b.slot("i32"), b.slot("i8", ROOM)
        b.store(b.emit("i32", f"trunc {given} to i32"), last)
        spins = self.get(b, "spins")
        look, sleep, asleep, work, own, end = [
            b.label(x) for x in ("look", "sleep", "asleep", "work", "own", "end")
        ]
        b.jump(look)
        b.start(look)

        def changed(order: str) -> Value:
            now = self.get(b, "generation", order, "i32")
            return b.icmp("ne", now, b.load("i32", last))

        def once(_: Value) -> None:
            nothing = b.label("nothing")
            b.fork(changed("acquire"), work, nothing)
            b.start(nothing)
            self.pause(b)

        b.repeat(0, spins, once)
        b.jump(sleep)
        b.start(sleep)
        self.change(b, "sleeping", "add", 1)
        b.call("sleep_on", "void", self.at(b, "generation"), b.load("i32", last))
        self.change(b, "sleeping", "sub", 1)
        b.jump(asleep)
        b.start(asleep)
        b.fork(changed("seq_cst"), work, sleep)
        b.start(work)
        b.store(self.get(b, "generation", "acquire", "i32"), last)
        b.fork(b.icmp("eq", self.get(b, "epoch"), epoch), own, end)
        b.start(own)
        b.call("claim", "void", memory)
        b.jump(look)
        b.start(end)
        b.finish(Value("ptr", "null"))

    def write_start(self) -> None:
        """Start the workers that are wanted, which no signal interrupts."""
        b = Builder(self.module, "start", "void", [], internal=True)
        null = Value("ptr", "null")
        signals, before = b.slot("i8", _SIGNALS), b.slot("i8", _SIGNALS)
        b.repeat(0, _SIGNALS, lambda i: b.store(number(-1, "i8"), b.at(signals, i, "i8")))
        how = number(getattr(signal, "SIG_SETMASK", 0), "i32")
        b.call("pthread_sigmask", "i32", how, signals, before)
        epoch = b.binary("shl", self.get(b, "epoch"), 32)
        generation = b.emit("i64", f"zext {self.get(b, 'generation', kind='i32')} to i64")
        given = b.emit("ptr", f"inttoptr {b.either(epoch, generation)} to ptr")
        done = b.label("enough")
        attributes = b.slot("i8", _ATTRIBUTES)
        b.call("pthread_attr_init", "i32", attributes)
        b.call("pthread_attr_setstacksize", "i32", attributes, number(_STACK, "i64"))
        threads = b.at(self.pool, _THREADS, "i8")

        def one(i: Value) -> None:
            place, worker = b.at(threads, i, "i64"), Value("ptr", "@worker")
            status = b.call("pthread_create", "i32", place, attributes, worker, given)
            made, refused = b.label("made"), b.label("refused")
            b.fork(b.icmp("eq", status, 0), made, refused)
            b.start(refused)
            self.set(b, "wanted", b.add(i, 1))  # no more will be asked for
            b.jump(done)
            b.start(made)
            self.set(b, "started", b.add(i, 1))

        b.repeat(self.get(b, "started"), b.sub(self.get(b, "wanted"), 1), one)
        b.jump(done)
        b.start(done)
        b.call("pthread_attr_destroy", "i32", attributes)
        b.call("pthread_sigmask", "i32", how, before, null)
        b.finish()

    def write_resize(self) -> None:
        """Wait for a kernel that runs, end all workers, and say how many there are to be."""
        b = Builder(self.module, "pool_resize", "void", ["i64"])
        attempt, wait, got = b.label("attempt"), b.label("wait"), b.label("got")
        b.jump(attempt)
        b.start(attempt)
        b.fork(b.icmp("eq", self.change(b, "busy", "xchg", 1), 0), got, wait)
        b.start(wait)
        b.call("sched_yield", "i32")
        b.jump(attempt)
        b.start(got)
        self.change(b, "epoch", "add", 1)
        self.change(b, "generation", "add", 1, "i32")
        self.wake(b, "generation", number(2**31 - 1, "i32"))
        threads = b.at(self.pool, _THREADS, "i8")

        def end(i: Value) -> None:
            thread = b.load("i64", b.at(threads, i, "i64"))
            b.call("pthread_join", "i32", thread, Value("ptr", "null"))

        b.repeat(0, self.get(b, "started"), end)
        self.set(b, "started", 0)
        self.set(b, "wanted", b.operands[0])
        self.set(b, "busy", 0)
        b.finish()

    # ---- kernels ----------------------------------------------------------------------------

    def begin_parallel(self) -> Builder:
        operands = ["ptr", "ptr", "i64", "i64", "ptr"]
        return Builder(self.module, "functrans_parallel", "void", operands)

    def one_by_one(self, b: Builder) -> None:
        function, context, chunks, _, memory = b.operands

        def one(i: Value) -> None:
            b.line(f"call void {function.text}({context}, {i}, {memory})")

        b.repeat(0, chunks, one)

    def write_alone(self) -> None:
        """There are no threads to be had."""
        b = self.begin_parallel()
        self.one_by_one(b)
        b.finish()
        Builder(self.module, "pool_prepare", "void", []).finish()
        b = Builder(self.module, "pool_resize", "void", ["i64"])
        self.set(b, "wanted", b.operands[0])
        b.finish()

    def write_parallel(self) -> None:
        b = self.begin_parallel()
        function, context, chunks, nanoseconds, memory = b.operands
        alone, share, free, done, end = [
            b.label(x) for x in ("alone", "share", "free", "done", "end")
        ]
        helpers = b.sub(self.get(b, "wanted"), 1)
        for limit in (b.sub(chunks, 1), b.sub(b.binary("udiv", nanoseconds, LEAST), 1)):
            helpers = b.intrinsic("smin", helpers, limit)
        b.fork(b.icmp("sgt", helpers, 0), free, alone)
        b.start(free)
        b.fork(b.icmp("eq", self.change(b, "busy", "xchg", 1), 0), share, alone)
        b.start(share)
        missing = b.icmp("slt", self.get(b, "started"), b.sub(self.get(b, "wanted"), 1))
        b.when(missing, lambda: b.call("start", "void"))
        b.store(function, self.at(b, "function"))
        b.store(context, self.at(b, "context"))
        self.set(b, "finished", 0)
        self.set(b, "claims", b.binary("shl", chunks, 32))
        self.change(b, "generation", "add", 1, "i32")
        sleeping = b.icmp("ne", self.get(b, "sleeping", "seq_cst"), 0)
        count = b.emit("i32", f"trunc {helpers} to i32")
        b.when(sleeping, lambda: self.wake(b, "generation", count))
        b.call("claim", "void", memory)
        self.wait_for_all(b, chunks, done)
        b.start(done)
        self.set(b, "waiting", 0)
        self.set(b, "busy", 0)
        b.jump(end)
        b.start(alone)
        self.one_by_one(b)
        b.jump(end)
        b.start(end)
        b.finish()

    def wait_for_all(self, b: Builder, chunks: Value, done: str) -> None:
        look, sleep = b.label("look"), b.label("sleep")
        wanted = b.emit("i32", f"trunc {chunks} to i32")
        spins = self.get(b, "spins")

        def finished(order: str) -> Value:
            return self.get(b, "finished", order, "i32")

        def once(_: Value) -> None:
            some = b.label("some")
            b.fork(b.icmp("eq", finished("acquire"), wanted), done, some)
            b.start(some)
            self.pause(b)

        b.repeat(0, spins, once)
        self.set(b, "waiting", 1, "seq_cst")
        b.jump(look)
        b.start(look)
        now = finished("seq_cst")
        b.fork(b.icmp("eq", now, wanted), done, sleep)
        b.start(sleep)
        b.call("sleep_on", "void", self.at(b, "finished"), now)
        b.jump(look)
