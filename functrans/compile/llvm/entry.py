"""Builtins: objects of Python whose native code checks arguments, makes results and calls a
compiled function.

One native function serves all: it reads what to check and what to make in a table
(:mod:`functrans.compile.llvm.plan`), which takes a few nanoseconds for an argument. So it is
compiled once in a process, and a new program costs a table.
"""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from functrans.compile.llvm.arguments import Arguments
from functrans.compile.llvm.builder import Module, Value, number
from functrans.compile.llvm.engine import SYMBOLS, load
from functrans.compile.llvm.foreign import Foreign
from functrans.compile.llvm.plan import STATUS_BYTES, UNKNOWN, Head, Input, Plan
from functrans.compile.llvm.results import Results
from functrans.compile.llvm.signature import Structure
from functrans.compile.llvm.structs import layouts
from functrans.compile.llvm.tables import NULL, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.compile.llvm.signature import Size
    from functrans.compile.llvm.structs import Layouts

LARGEST = 4096
"""Containers and leaves of arguments and results up to which native code takes a signature: what a
call needs lies on the stack."""

FASTCALL_AND_KEYWORDS = 0x0080 | 0x0002

ARENA_KEPT = 1 << 28
"""Bytes of the arena up to which it is kept for later calls."""


class _MethodDef(ctypes.Structure):
    """CPython's ``PyMethodDef``."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Arena(ctypes.Structure):
    """Memory for what programs compute in between, one for all: a program finds it as the last one
    has left it, in the cache. Who finds it taken, by a program without the GIL, takes memory of its
    own."""

    _fields_ = (
        ("taken", ctypes.c_int64),
        ("memory", ctypes.c_void_p),
        ("bytes", ctypes.c_int64),
    )


_arena = _Arena()


def builtin(
    name: str,
    body: int,
    inputs: Sequence[Any],
    outputs: Any,
    fallback: Callable[..., Any],
    *,
    arena: int | Size = 0,
    status: bool = False,
    error: Callable[..., Any] | None = None,
    long: bool = False,
) -> Callable[..., Any]:
    """A function around native code.

    Its arguments are those of the signature, by position, exactly: arrays of NumPy's own class, of
    the dtype itself, in C order and aligned, of the shape; numbers of the class. Any other call is
    handed on to `fallback`, with keywords.

    Parameters
    ----------
    name : str
        Its ``__name__``.
    body : int
        The address of ``i32 body(ptr inputs, ptr outputs, ptr arena, ptr sizes)``: arrays of the
        addresses of data, by the numbers of the leaves; memory for what is computed in between, at
        a multiple of 64, its content undefined; the sizes that the arguments told, int64, in the
        order of :meth:`Structure.sizes`. A function with fewer operands, or without a result, does
        too (``void body(ptr, ptr, ptr)``). Results do not overlap with anything, but for those that
        are donated arguments. A scalar lies in 16 bytes of its own.
    inputs : sequence
        For each argument a leaf (see :mod:`functrans.compile.llvm.signature`) or a nested tuple,
        list, or dict of leaves.
    outputs : leaf, or nested tuple, list or dict of leaves
        An :class:`ArrayType` without dimensions gives a scalar of NumPy, a weak one a number of
        Python.
    fallback : callable
        Another builtin, perhaps: a chain of them is a function for several signatures.
    arena : int or Size
        Bytes.
    status : bool
        Whether the body returns 0, or a number that says what went wrong. Then the results are
        dropped, and ``error(number, *details)`` is called with the first words of the arena, int64,
        to raise an exception; or `fallback` with the arguments, where there is no `error`.
    error : callable, optional
    long : bool
        Whether a call takes so long (tens of microseconds) that other threads should run meanwhile.

    Returns
    -------
    callable
        A builtin of Python; a function of Python that does the same where objects are not laid out
        as native code could read them.
    """
    structure, results = Structure(inputs), Structure([outputs])
    found = layouts()
    if found is None or len(structure.nodes) + len(results.nodes) > LARGEST:
        return Foreign(name, body, structure, results, fallback, arena, status, error)
    how = 0 if not status else 1 if error is None else 2
    plan = Plan(structure, results, found, body, arena, how, long)
    definition = _MethodDef(name.encode(), _native(), FASTCALL_AND_KEYWORDS, None)
    held = (fallback, plan.words, error, definition, tuple(plan.objects))
    new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
        ("PyCFunction_NewEx", ctypes.pythonapi)
    )
    return new(ctypes.addressof(definition), held, None)  # type: ignore[no-any-return]


@lru_cache(maxsize=1)
def _native() -> int:
    """The address of the native function of all builtins."""
    found = layouts()
    assert found is not None
    SYMBOLS["functrans_arena"] = ctypes.addressof(_arena)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_free_arena)
    return load(text(found), ["functrans_entry"])["functrans_entry"]


def text(fields: Layouts) -> str:
    """The module of the native function."""
    module = Module()
    _Entry(module, fields, "functrans_entry").write()
    return module.text()


def _free_arena() -> None:
    """In the child of a fork no other thread is left that could be using the arena."""
    _arena.taken = 0


class _Entry(Arguments, Results):
    """The text of the native function."""

    def write(self) -> None:
        """Write it into the module."""
        b = self.b
        b.store(NULL, self.result)
        self.require(b.icmp("eq", self.keywords, NULL))
        self.require(b.icmp("eq", self.count, self.head(Head.ARGUMENTS)))
        self.take_memory()
        self.read_arguments()
        self.make_results()
        self.run()
        self.make_numbers()
        self.build_containers()
        b.store(self.word(self.results, 0, "ptr"), self.result)
        b.jump(self.out)
        self.write_failure()
        b.start(self.fallback)
        b.store(self.call_fallback(), self.result)
        b.jump(self.out)
        b.start(self.out)
        b.finish(b.load("ptr", self.result))

    def take_memory(self) -> None:
        b = self.b
        words = b.fresh()
        b.line(f"{words} = alloca i64, {self.head(Head.WORDS)}, align 64")
        self.memory = Value("ptr", words)
        self.arena, self.own, self.locked = b.slot("ptr"), b.slot("ptr"), b.slot("i64")
        b.store(NULL, self.arena)
        b.store(NULL, self.own)
        b.store(number(0, "i64"), self.locked)
        self.inputs = self.memory
        self.outputs = self.part(Head.OUTPUT_PART)
        self.sizes = self.part(Head.SIZE_PART)
        self.slots = self.part(Head.SLOT_PART)
        self.results = self.part(Head.RESULT_PART)
        self.objects = b.slot("ptr")
        b.store(self.args, self.objects)
        count = self.head(Head.RESULTS)
        b.repeat(0, count, lambda i: b.store(NULL, b.at(self.results, i, "i64")))
        named = b.add(self.head(Head.SIZES), 1)
        b.store(number(1, "i64"), self.sizes)
        unknown = number(UNKNOWN, "i64")
        b.repeat(1, named, lambda i: b.store(unknown, b.at(self.sizes, i, "i64")))

    def run(self) -> None:
        """Call the body, with an arena, perhaps without the GIL."""
        b = self.b
        self.take_arena()
        thread = b.slot("ptr")
        long = b.icmp("ne", self.head(Head.LONG), 0)
        b.when(long, lambda: self.let_others_run(thread))
        body = self.head(Head.BODY, "ptr")
        arena = b.load("ptr", self.arena)
        sizes = b.at(self.sizes, 1, "i64")
        operands = f"{self.inputs}, {self.outputs}, {arena}, {sizes}"
        status = b.emit("i32", f"call i32 {body.text}({operands})")
        b.when(long, lambda: self.stop_others(thread))
        how = self.head(Head.STATUS)
        bad = b.both(b.icmp("ne", how, 0), b.icmp("ne", status, 0))
        good, wrong = b.label("good"), b.label("wrong")
        b.fork(bad, wrong, good)
        b.start(wrong)
        self.report(status, how)
        b.start(good)
        self.leave_arena()

    def hold(self, function: str) -> None:
        objects = self.b.load("ptr", self.objects)

        def one(record: Value) -> None:
            thing = self.word(objects, self.word(record, Input.SOURCE), "ptr")
            self.do(function, thing)

        held = self.b.icmp("ne", self.head(Head.HELD), 0)
        self.b.when(held, lambda: self.each(Head.LEAVES, Input, one))

    def let_others_run(self, thread: Value) -> None:
        """Release the GIL. Others may then take arrays out of containers, so these are held."""
        self.hold("Py_IncRef")
        self.b.store(self.call("PyEval_SaveThread"), thread)

    def stop_others(self, thread: Value) -> None:
        self.do("PyEval_RestoreThread", self.b.load("ptr", thread))
        self.hold("Py_DecRef")

    def take_arena(self) -> None:
        b = self.b
        need = b.slot("i64")
        b.store(self.head(Head.ARENA), need)
        told = self.head(Head.ARENA_SIZE)
        b.when(b.icmp("ne", told, 0), lambda: b.store(self.word(self.sizes, told), need))
        wanted = b.load("i64", need)
        got, shared, alone, after = [b.label(x) for x in ("got", "shared", "alone", "after")]
        some, small = b.label("some"), b.label("small")
        b.fork(b.icmp("sgt", wanted, 0), some, after)
        b.start(some)
        b.fork(b.icmp("sle", wanted, ARENA_KEPT), small, alone)
        b.start(small)
        common = self.module.external("functrans_arena")
        taken = b.emit("i64", f"atomicrmw xchg {common}, i64 1 acquire")
        b.fork(b.icmp("eq", taken, 0), shared, alone)
        b.start(shared)
        b.store(number(1, "i64"), self.locked)
        memory, size = b.at(common, 1, "i64"), b.at(common, 2, "i64")

        def grow() -> None:
            self.do("PyMem_RawFree", b.load("ptr", memory))
            b.store(number(0, "i64"), size)
            new = self.call("PyMem_RawMalloc", b.add(wanted, 64))
            b.store(new, memory)
            self.made(new)
            b.store(wanted, size)

        b.when(b.icmp("slt", b.load("i64", size), wanted), grow)
        b.store(b.load("ptr", memory), self.arena)
        b.jump(got)
        b.start(alone)
        own = self.made(self.call("PyMem_RawMalloc", b.add(wanted, 64)))
        b.store(own, self.own)
        b.store(own, self.arena)
        b.jump(got)
        b.start(got)
        given = b.emit("i64", f"ptrtoint {b.load('ptr', self.arena)} to i64")
        aligned = b.both(b.add(given, 63), -64)
        b.store(b.emit("ptr", f"inttoptr {aligned} to ptr"), self.arena)
        b.jump(after)
        b.start(after)

    def leave_arena(self) -> None:
        b = self.b
        own = b.load("ptr", self.own)
        b.when(b.icmp("ne", own, NULL), lambda: self.do("PyMem_RawFree", own))
        common = self.module.external("functrans_arena")
        b.when(
            b.icmp("ne", b.load("i64", self.locked), 0),
            lambda: b.line(f"store atomic i64 0, {common} release, align 8"),
        )

    def report(self, status: Value, how: Value) -> None:
        """Have an exception raised for what the body says; the results are dropped."""
        b = self.b
        count = STATUS_BYTES // 8
        arena = b.load("ptr", self.arena)
        details = [self.word(arena, i) for i in range(count)]
        self.leave_arena()
        self.drop_results()
        error = b.label("error")
        b.fork(b.icmp("eq", how, 2), error, self.fallback)
        b.start(error)
        form = [*b"i", *b"L" * count, 0]
        text = self.module.constant("status_format", "i8", form)
        operands = ", ".join(map(str, [self.item(Self.ERROR), text, status, *details]))
        self.module.declare("PyObject_CallFunction", "ptr", "ptr", "ptr", "...")
        b.store(
            b.emit("ptr", f"call ptr (ptr, ptr, ...) @PyObject_CallFunction({operands})"),
            self.result,
        )
        b.jump(self.out)

    def write_failure(self) -> None:
        """Python could not make an object; mostly there was no memory."""
        self.b.start(self.failure)
        self.leave_arena()
        self.drop_results()
        known = self.call("PyErr_Occurred")
        self.b.when(
            self.b.icmp("eq", known, NULL),
            lambda: self.b.store(self.call("PyErr_NoMemory"), self.result),
        )
        self.b.jump(self.out)

    def call_fallback(self) -> Value:
        fallback = self.item(Self.FALLBACK)
        return self.call("PyObject_Vectorcall", fallback, self.args, self.count, self.keywords)
