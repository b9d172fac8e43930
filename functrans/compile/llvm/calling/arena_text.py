"""The native functions that hand out the arena, as text; see
:mod:`functrans.compile.llvm.calling.scratch`."""

from __future__ import annotations

from functrans.compile.llvm.calling.scratch import KEPT
from functrans.compile.llvm.code.builder import NULL, TRUE, Builder, Module, Value, number

_ALIGN = 64


def write(module: Module) -> None:
    """Write ``i1 take_arena(i64 bytes, ptr to)``, ``void leave_arena(ptr to)`` and ``void
    empty_arena()``.

    The first writes two addresses, of what is taken and of what is to be freed afterwards, if that
    is not the arena; it answers whether there was memory. The second takes them back; where the
    first address is null, nothing was taken, and where the arena has other memory since a fork,
    nothing is given back. The third frees the memory that is kept, if nobody has taken it.
    """
    _take(module)
    _leave(module)
    _empty(module)


def _take(module: Module) -> None:
    b = Builder(module, "take_arena", "i1", ["i64", "ptr"], internal=True)
    wanted, to = b.operands
    common = module.external("functrans_arena")
    memory, size = b.at(common, 1, "i64"), b.at(common, 2, "i64")
    given = b.slot("ptr")
    shared, alone, got, none = [b.label(x) for x in ("shared", "alone", "got", "none")]
    attempt, new = b.label("attempt"), b.label("new")
    b.store(NULL, b.at(to, 1, "i64"))
    b.fork(b.icmp("sle", wanted, KEPT), attempt, alone)
    b.start(attempt)
    b.fork(_taken_now(b, common), shared, alone)
    b.start(shared)
    b.store(b.load("ptr", memory), given)
    b.fork(b.icmp("slt", b.load("i64", size), wanted), new, got)
    b.start(new)
    b.call("PyMem_RawFree", "void", b.load("ptr", memory))
    b.store(number(0, "i64"), size)
    larger = b.call("PyMem_RawMalloc", "ptr", b.add(wanted, _ALIGN))
    b.store(larger, memory)
    b.store(larger, given)
    enough, lacking = b.label("enough"), b.label("lacking")
    b.fork(b.icmp("ne", larger, NULL), enough, lacking)
    b.start(lacking)
    _release(b, common)
    b.jump(none)
    b.start(enough)
    b.store(wanted, size)
    b.jump(got)
    b.start(alone)
    own = b.call("PyMem_RawMalloc", "ptr", b.add(wanted, _ALIGN))
    b.store(own, given)
    b.store(own, b.at(to, 1, "i64"))
    b.fork(b.icmp("ne", own, NULL), got, none)
    b.start(none)
    b.line("ret i1 false")
    b.start(got)
    b.store(_aligned(b, b.load("ptr", given)), to)
    b.finish(TRUE)


def _leave(module: Module) -> None:
    b = Builder(module, "leave_arena", "void", ["ptr"], internal=True)
    (to,) = b.operands
    own = b.load("ptr", b.at(to, 1, "i64"))
    common = module.external("functrans_arena")
    some, shared, alone, none = [b.label(x) for x in ("some", "shared", "alone", "none")]
    b.fork(b.icmp("ne", b.load("ptr", to), NULL), some, none)
    b.start(some)
    b.fork(b.icmp("eq", own, NULL), shared, alone)
    b.start(alone)
    b.call("PyMem_RawFree", "void", own)
    b.jump(none)
    b.start(shared)
    memory = _aligned(b, b.load("ptr", b.at(common, 1, "i64")))
    same = b.icmp("eq", b.load("ptr", to), memory)
    b.when(same, lambda: _release(b, common))
    b.jump(none)
    b.start(none)
    b.finish()


def _empty(module: Module) -> None:
    b = Builder(module, "empty_arena", "void", [])
    common = module.external("functrans_arena")
    memory = b.at(common, 1, "i64")

    def free() -> None:
        b.call("PyMem_RawFree", "void", b.load("ptr", memory))
        b.store(NULL, memory)
        b.store(number(0, "i64"), b.at(common, 2, "i64"))
        _release(b, common)

    b.when(_taken_now(b, common), free)
    b.finish()


def _taken_now(b: Builder, common: Value) -> Value:
    """Take the arena; whether nobody had it."""
    taken = b.emit("i64", f"atomicrmw xchg {common}, i64 1 acquire")
    return b.icmp("eq", taken, 0)


def _aligned(b: Builder, address: Value) -> Value:
    place = b.emit("i64", f"ptrtoint {address} to i64")
    found = b.both(b.add(place, _ALIGN - 1), -_ALIGN)
    return b.emit("ptr", f"inttoptr {found} to ptr")


def _release(b: Builder, common: Value) -> None:
    b.line(f"store atomic i64 0, {common} release, align 8")
