"""Functions in native code that say whether memory may be touched, for :mod:`tests.llvm.checked`.

Each byte of the memory that native code may touch, the *ground* (:mod:`tests.llvm.ground`), has a
byte of shadow: whether it may be read, may be written, and has been written. An access that may not
be is noted and goes to memory that nobody needs, so nothing crashes.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from functrans.compile.llvm.code.builder import Builder, Module, Value, number, vector
from functrans.compile.llvm.code.pool import ROOM

READ, WRITE, FILLED = 1, 2, 4
"""Bits of shadow: may be read, may be written, has been written."""

SINK = 1 << 16
"""Bytes of memory for what goes wrong."""

STATE = "checked_state"
"""The symbol of the words that checks share with Python."""

CHUNKED = 1 << 20
"""More chunks than a kernel has."""


class Word(IntEnum):
    """Places of the words of the state."""

    BASE = 0
    BYTES = 1
    SHADOW = 2
    READER = 3
    WRITER = 4
    SINK = 5
    SLOTS = 6
    SLOTS_END = 7
    FAILED = 8  # 0, or a kind of failure
    SITE = 9
    OFFSET = 10
    HELD = 11  # bits of shadow that all bytes of the access have
    REGION = 12
    CHUNK = 13
    BACKWARDS = 14


class Failure(IntEnum):
    """Kinds of failures."""

    OUTSIDE = 1
    SHADOW = 2
    ALIGNMENT = 3
    RACE = 4


class Checks:
    """The functions that a checked module calls."""

    def __init__(self, module: Module, sizes: list[int], known: list[tuple[str, int, int]]) -> None:
        self.module = module
        self.sizes = sorted({1, *sizes})
        self.known = known

    def write(self) -> None:
        """Write them into the module."""
        self._report()
        self._elsewhere()
        for size in self.sizes:
            self._one(size)
        for size in (1, 2, 4, 8):
            if size in self.sizes:
                self._masked(size)
                self._spread(size)
        self._rows()
        self._mark()
        self._slots()
        self._parallel()

    def _at(self, b: Builder, word: Word) -> Value:
        return b.at(self.module.external(STATE), int(word), "i64")

    def _word(self, b: Builder, word: Word) -> Value:
        return b.load("i64", self._at(b, word))

    def _pointer(self, b: Builder, word: Word) -> Value:
        return b.load("ptr", self._at(b, word))

    def _place(self, b: Builder, address: Value) -> Value:
        """How far an address is from the beginning of the ground."""
        return b.sub(b.emit("i64", f"ptrtoint {address} to i64"), self._word(b, Word.BASE))

    def _report(self) -> None:
        """``void (i64 kind, i64 site, i64 offset)``: note the first failure."""
        b = Builder(self.module, "chk_report", "void", ["i64"] * 3, internal=True)
        kind, site, offset = b.operands

        def note() -> None:
            b.store(kind, self._at(b, Word.FAILED))
            b.store(site, self._at(b, Word.SITE))
            b.store(offset, self._at(b, Word.OFFSET))

        b.when(b.icmp("eq", self._word(b, Word.FAILED), 0), note)
        b.finish()

    def _elsewhere(self) -> None:
        """``i1 (ptr address, i64 bytes, i64 need)``: whether that is within a global."""
        b = Builder(self.module, "chk_elsewhere", "i1", ["ptr", "i64", "i64"], internal=True)
        address, size, need = b.operands
        found: Value = number(0, "i1")
        place = b.emit("i64", f"ptrtoint {address} to i64")
        for name, room, allowed in self.known:
            start = b.emit("i64", f"ptrtoint ptr @{name} to i64")
            inside = b.icmp("ule", b.add(b.sub(place, start), size), room)
            fits = b.icmp("eq", b.both(need, ~allowed), 0)
            found = b.either(found, b.both(inside, fits))
        b.finish(found)

    def _one(self, size: int) -> None:
        """``ptr (ptr address, i64 site, i64 need, i64 align)``: where to go."""
        operands = ["ptr", "i64", "i64", "i64"]
        b = Builder(self.module, f"chk_{size}", "ptr", operands, internal=True)
        address, site, need, align = b.operands
        kind = vector("i8", size)
        answer = b.slot("ptr")
        b.store(address, answer)
        offset = self._place(b, address)
        wrong, done, near, far = [b.label(x) for x in ("wrong", "done", "near", "far")]
        failure = b.slot("i64")

        def fail(how: Failure) -> None:
            b.store(number(how, "i64"), failure)
            b.jump(wrong)

        inside = b.icmp("ule", offset, b.sub(self._word(b, Word.BYTES), size))
        b.fork(inside, near, far)
        b.start(far)
        known = b.call("chk_elsewhere", "i1", address, number(size, "i64"), need)
        outside = b.label("outside")
        b.fork(known, done, outside)
        b.start(outside)
        fail(Failure.OUTSIDE)
        b.start(near)
        shadow = b.at(self._pointer(b, Word.SHADOW), offset, "i8")
        held = b.load(kind, shadow)
        wanted = b.splat(b.cast("trunc", need, "i8"), size)
        lacking = b.any(b.icmp("ne", b.both(held, wanted), wanted))
        bare, fine, even = [b.label(x) for x in ("bare", "fine", "even")]
        b.fork(lacking, bare, fine)
        b.start(bare)
        common = held
        if size > 1:
            common = b.call(f"llvm.vector.reduce.and.v{size}i8", "i8", held)
        first = b.icmp("eq", self._word(b, Word.FAILED), 0)
        b.when(first, lambda: b.store(b.cast("zext", common, "i64"), self._at(b, Word.HELD)))
        fail(Failure.SHADOW)
        b.start(fine)
        odd = b.label("odd")
        whole = b.emit("i64", f"ptrtoint {address} to i64")
        b.fork(b.icmp("eq", b.both(whole, b.sub(align, 1)), 0), even, odd)
        b.start(odd)
        fail(Failure.ALIGNMENT)
        b.start(even)
        writing = b.icmp("eq", need, WRITE)
        b.when(writing, lambda: b.store(b.either(held, FILLED), shadow))
        self._race(b, size, offset, writing, fail, done)
        b.start(wrong)
        b.call("chk_report", "void", b.load("i64", failure), site, offset)
        b.store(self._pointer(b, Word.SINK), answer)
        b.jump(done)
        b.start(done)
        b.finish(b.load("ptr", answer))

    def _race(
        self,
        b: Builder,
        size: int,
        offset: Value,
        writing: Value,
        fail: Callable[[Failure], None],
        done: str,
    ) -> None:
        """Whether another chunk of this kernel writes what this one touches, or reads what it
        writes; then go on to `done`."""
        own, apart = self._word(b, Word.CHUNK), b.label("apart")
        b.fork(b.icmp("eq", own, 0), done, apart)
        b.start(apart)
        kind = vector("i64", size)
        mine = b.splat(own, size)
        first = b.mul(b.splat(self._word(b, Word.REGION), size), CHUNKED)
        clashes = []
        places = []
        for word in (Word.WRITER, Word.READER):
            place = b.at(self._pointer(b, word), offset, "i64")
            last = b.load(kind, place, 8)
            clashes.append(b.any(b.both(b.icmp("uge", last, first), b.icmp("ne", last, mine))))
            places.append(place)
        clash = b.either(clashes[0], b.both(writing, clashes[1]))
        racing, good = b.label("racing"), b.label("good")
        b.fork(clash, racing, good)
        b.start(racing)
        fail(Failure.RACE)
        b.start(good)
        b.store(mine, b.select(writing, places[0], places[1]), 8)
        b.jump(done)

    def _masked(self, size: int) -> None:
        """``ptr (ptr address, i64 lanes, ptr mask, i64 site, i64 need, i64 align)``."""
        operands = ["ptr", "i64", "ptr", "i64", "i64", "i64"]
        b = Builder(self.module, f"chk_masked_{size}", "ptr", operands, internal=True)
        address, lanes, mask, *numbers = b.operands
        answer = b.slot("ptr")
        b.store(address, answer)

        def lane(i: Value) -> None:
            def look() -> None:
                place = b.at(address, b.mul(i, size), "i8")
                found = b.call(f"chk_{size}", "ptr", place, *numbers)
                b.when(b.icmp("ne", found, place), lambda: b.store(found, answer))

            b.when(b.icmp("ne", b.load("i8", b.at(mask, i, "i8")), 0), look)

        b.repeat(0, lanes, lane)
        b.finish(b.load("ptr", answer))

    def _spread(self, size: int) -> None:
        """``void (ptr addresses, i64 lanes, ptr mask, i64 site, i64 need, i64 align)``."""
        operands = ["ptr", "i64", "ptr", "i64", "i64", "i64"]
        b = Builder(self.module, f"chk_spread_{size}", "void", operands, internal=True)
        table, lanes, mask, *numbers = b.operands

        def lane(i: Value) -> None:
            def look() -> None:
                place = b.at(table, i, "ptr")
                found = b.call(f"chk_{size}", "ptr", b.load("ptr", place), *numbers)
                b.store(found, place)

            b.when(b.icmp("ne", b.load("i8", b.at(mask, i, "i8")), 0), look)

        b.repeat(0, lanes, lane)
        b.finish()

    def _rows(self) -> None:
        """``i1 (ptr address, i64 bytes, i64 rows, i64 step, i64 site, i64 need)``."""
        operands = ["ptr", *["i64"] * 5]
        b = Builder(self.module, "chk_rows", "i1", operands, internal=True)
        address, size, rows, step, site, need = b.operands
        fine = b.slot("i1")
        b.store(number(1, "i1"), fine)

        def row(i: Value) -> None:
            start = b.at(address, b.mul(i, step), "i8")

            def byte(j: Value) -> None:
                place = b.at(start, j, "i8")
                found = b.call("chk_1", "ptr", place, site, need, number(1, "i64"))
                b.when(b.icmp("ne", found, place), lambda: b.store(number(0, "i1"), fine))

            b.repeat(0, size, byte)

        b.repeat(0, rows, row)
        b.finish(b.load("i1", fine))

    def _mark(self) -> None:
        """``void (ptr address, i64 bytes, i64 shadow)``: say what memory is from now on. And ``void
        fill(ptr)``: let all that may be written from there on count as written."""
        b = Builder(self.module, "chk_mark", "void", ["ptr", "i64", "i64"])
        address, size, state = b.operands
        offset = self._place(b, address)
        shadow = b.at(self._pointer(b, Word.SHADOW), offset, "i8")
        zero, no = number(0, "i8"), number(0, "i1")
        fill = "llvm.memset.p0.i64"
        b.call(fill, "void", shadow, b.cast("trunc", state, "i8"), size, no)
        for word in (Word.READER, Word.WRITER):
            place = b.at(self._pointer(b, word), offset, "i64")
            b.call(fill, "void", place, zero, b.mul(size, 8), no)
        b.finish()
        b = Builder(self.module, "chk_fill", "void", ["ptr"], internal=True)
        start = b.at(self._pointer(b, Word.SHADOW), self._place(b, b.operands[0]), "i8")

        def writeable(carried: list[Value]) -> Value:
            found = b.load("i8", b.at(start, carried[0], "i8"))
            return b.icmp("ne", b.both(found, WRITE), 0)

        def fill(carried: list[Value]) -> list[Value]:
            place = b.at(start, carried[0], "i8")
            b.store(b.either(b.load("i8", place), FILLED), place)
            return [b.add(carried[0], 1)]

        b.repeat_while(writeable, fill, [number(0, "i64")])
        b.finish()

    def _slots(self) -> None:
        """``i64 enter()``, ``ptr slot(i64 bytes, i64 shadow)``, ``void leave(i64)``: what functions
        need for themselves, taken from one stretch and given back by its former end."""
        b = Builder(self.module, "chk_enter", "i64", [], internal=True)
        b.finish(self._word(b, Word.SLOTS))
        b = Builder(self.module, "chk_slot", "ptr", ["i64", "i64"], internal=True)
        size, state = b.operands
        top = self._pointer(b, Word.SLOTS)
        apart = b.both(b.add(size, 127), -64)
        following = b.add(self._word(b, Word.SLOTS), apart)
        full = b.icmp("ugt", following, self._word(b, Word.SLOTS_END))
        b.when(full, lambda: b.line("call void @llvm.trap()"))
        b.call("chk_mark", "void", top, size, state)
        b.store(following, self._at(b, Word.SLOTS))
        b.finish(top)
        b = Builder(self.module, "chk_leave", "void", ["i64"], internal=True)
        (before,) = b.operands
        size = b.sub(self._word(b, Word.SLOTS), before)
        top = b.emit("ptr", f"inttoptr {before} to ptr")
        b.call("chk_mark", "void", top, size, number(0, "i64"))
        b.store(before, self._at(b, Word.SLOTS))
        b.finish()

    def _parallel(self) -> None:
        """``void (ptr chunk, ptr context, i64 chunks, i64 nanoseconds, ptr memory)``: one after the
        other, each with memory of its own if there is any."""
        operands = ["ptr", "ptr", "i64", "i64", "ptr"]
        b = Builder(self.module, "chk_parallel", "void", operands, internal=True)
        chunk, context, count, _, memory = b.operands
        outer = self._word(b, Word.CHUNK)
        region = b.add(self._word(b, Word.REGION), 1)
        alone = b.icmp("eq", outer, 0)
        b.when(alone, lambda: b.store(region, self._at(b, Word.REGION)))
        back = b.icmp("ne", self._word(b, Word.BACKWARDS), 0)

        def one(i: Value) -> None:
            index = b.select(back, b.sub(b.sub(count, 1), i), i)
            tag = b.add(b.add(b.mul(region, CHUNKED), index), 1)
            b.when(alone, lambda: b.store(tag, self._at(b, Word.CHUNK)))
            top, own = b.call("chk_enter", "i64"), b.slot("ptr")
            b.store(memory, own)
            wanted = b.both(alone, b.icmp("ne", memory, Value("ptr", "null")))
            state = number(READ | WRITE, "i64")
            b.when(
                wanted,
                lambda: b.store(b.call("chk_slot", "ptr", number(ROOM, "i64"), state), own),
            )
            b.line(f"call void {chunk.text}({context}, {index}, {b.load('ptr', own)})")
            b.call("chk_leave", "void", top)

        b.repeat(0, count, one)
        b.store(outer, self._at(b, Word.CHUNK))
        b.finish()
