"""The native functions that keep memory of large arrays, as text; see
:mod:`functrans.compile.llvm.calling.memory`."""

from __future__ import annotations

from typing import Any

from functrans.compile.llvm.calling.memory import LEAST, SLOTS
from functrans.compile.llvm.code.builder import Builder, Module, Value, number


def text() -> str:
    """The module: ``new(context, size)`` and ``release(context, block, size)`` as handlers have
    them, ``bind(table, limit)`` and ``clear()``. Who finds another at work does without."""
    return _Writer().module.text()


class _Writer:
    """The functions, and the variables that they share."""

    def __init__(self) -> None:
        self.module = Module()
        state = self.module.state
        self.lock = state("lock", "i32")
        self.blocks = state("blocks", f"[{SLOTS} x ptr]")
        self.sizes = state("sizes", f"[{SLOTS} x i64]")
        self.kept, self.next, self.limit = [state(x, "i64") for x in ("kept", "next", "limit")]
        self.table = state("table", "[4 x ptr]")  # NumPy's context, malloc and free, and usable
        self._bind()
        self._new()
        self._release()
        self._clear()

    def _bind(self) -> None:
        b = Builder(self.module, "bind", "void", ["ptr", "i64"])
        given, limit = b.operands
        for i in range(4):
            b.store(b.load("ptr", b.at(given, i, "ptr")), b.at(self.table, i, "ptr"))
        b.store(limit, self.limit)
        b.finish()

    def _of_table(self, b: Builder, place: int) -> Value:
        return b.load("ptr", b.at(self.table, place, "ptr"))

    def _alone(self, b: Builder, body: Any) -> None:
        """Do something if nobody else is at it."""
        before = b.emit("i32", f"atomicrmw xchg {self.lock}, i32 1 acquire")

        def locked() -> None:
            body()
            b.line(f"store atomic i32 0, {self.lock} release, align 4")

        b.when(b.icmp("eq", before, 0), locked)

    def _new(self) -> None:
        b = Builder(self.module, "new", "ptr", ["ptr", "i64"])
        _, size = b.operands
        found = b.slot("ptr")
        b.store(Value("ptr", "null"), found)

        def look() -> None:
            most = b.add(size, b.binary("lshr", size, 2))

            def fits(i: Value, carried: list[Value]) -> list[Value]:
                has = b.load("i64", b.at(self.sizes, i, "i64"))
                good = b.both(b.icmp("uge", has, size), b.icmp("ule", has, most))
                return [b.select(good, i, carried[0])]

            (place,) = b.loop(0, SLOTS, fits, [number(-1, "i64")])
            b.when(b.icmp("sge", place, 0), lambda: b.store(self._taken(b, place), found))

        large = b.icmp("uge", size, LEAST)
        b.when(large, lambda: self._alone(b, look))

        def ask() -> None:
            call = f"call ptr {self._of_table(b, 1).text}({self._of_table(b, 0)}, {size})"
            b.store(b.emit("ptr", call), found)

        b.when(b.icmp("eq", b.load("ptr", found), Value("ptr", "null")), ask)
        b.finish(b.load("ptr", found))

    def _taken(self, b: Builder, place: Value) -> Value:
        """The block of a slot, which is empty then."""
        block, size = b.at(self.blocks, place, "ptr"), b.at(self.sizes, place, "i64")
        has = b.load("i64", size)
        b.store(b.sub(b.load("i64", self.kept), has), self.kept)
        b.store(number(0, "i64"), size)
        return b.load("ptr", block)

    def _give_back(self, b: Builder, place: Value) -> None:
        """Free the block of a slot."""
        size = b.load("i64", b.at(self.sizes, place, "i64"))
        free = self._of_table(b, 2)

        def give() -> None:
            block = self._taken(b, place)
            b.line(f"call void {free.text}({self._of_table(b, 0)}, {block}, {size})")

        b.when(b.icmp("ne", size, 0), give)

    def _release(self) -> None:
        b = Builder(self.module, "release", "void", ["ptr", "ptr", "i64"])
        _, block, size = b.operands
        done = b.slot("i1")
        b.store(number(0, "i1"), done)

        def keep() -> None:
            usable = b.emit("i64", f"call i64 {self._of_table(b, 3).text}({block})")
            worth = b.both(
                b.icmp("uge", usable, LEAST), b.icmp("ule", usable, b.load("i64", self.limit))
            )
            b.when(worth, lambda: self._alone(b, lambda: self._put(b, block, usable, done)))

        b.when(b.icmp("uge", size, LEAST), keep)

        def free() -> None:
            code = self._of_table(b, 2).text
            b.line(f"call void {code}({self._of_table(b, 0)}, {block}, {size})")

        b.when(b.icmp("eq", b.load("i1", done), 0), free)
        b.finish()

    def _put(self, b: Builder, block: Value, usable: Value, done: Value) -> None:
        """Keep a block in an empty slot, or in place of the one whose turn it is; others go for as
        long as there is too much."""

        def empty(i: Value, carried: list[Value]) -> list[Value]:
            has = b.load("i64", b.at(self.sizes, i, "i64"))
            return [b.select(b.icmp("eq", has, 0), i, carried[0])]

        turn = b.load("i64", self.next)
        (place,) = b.loop(0, SLOTS, empty, [turn])

        def go_on(i: Value) -> None:
            total = b.add(b.load("i64", self.kept), usable)
            over = b.icmp("ugt", total, b.load("i64", self.limit))
            who = b.binary("urem", b.add(turn, i), SLOTS)
            first = b.icmp("eq", who, place)
            b.when(b.either(over, first), lambda: self._give_back(b, who))
            b.when(over, lambda: b.store(who, self.next))

        b.repeat(0, SLOTS, go_on)
        b.store(block, b.at(self.blocks, place, "ptr"))
        b.store(usable, b.at(self.sizes, place, "i64"))
        b.store(b.add(b.load("i64", self.kept), usable), self.kept)
        following = b.binary("urem", b.add(b.load("i64", self.next), 1), SLOTS)
        b.store(b.select(b.icmp("eq", place, turn), following, b.load("i64", self.next)), self.next)
        b.store(number(1, "i1"), done)

    def _clear(self) -> None:
        b = Builder(self.module, "clear", "void", [])
        self._alone(b, lambda: b.repeat(0, SLOTS, lambda i: self._give_back(b, i)))
        b.finish()
