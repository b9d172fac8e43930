"""Instructions that read the table of a signature and objects of Python."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from functrans.compile.llvm.builder import Builder, Module, Value
from functrans.compile.llvm.plan import Head

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.llvm.structs import Layouts

NULL = Value("ptr", "null")


class Self(IntEnum):
    """Places in the tuple that the native function is given as ``self``."""

    FALLBACK = 0
    WORDS = 1
    ERROR = 2


class Writer:
    """The native function of all builtins in the making, ``ptr (ptr self, ptr args, i64 count, ptr
    keywords)``: what its parts have in common.

    Attributes
    ----------
    b : Builder
    plan : Value
        The table.
    memory : Value
        This call's own, with parts for the addresses of arguments' data and results' data, sizes,
        numbers, results and the objects among the arguments.
    objects : Value
        A slot: where the arguments are, and what is in them.
    result : Value
        A slot: what the call returns.
    fallback, failure, out : str
        Blocks to jump to: to hand the call on, to give up with an exception, to return.
    """

    inputs: Value
    memory: Value
    objects: Value
    outputs: Value
    results: Value
    sizes: Value
    slots: Value

    def __init__(self, module: Module, fields: Layouts, name: str) -> None:
        self.fields = fields
        self.module = module
        self.b = b = Builder(module, name, "ptr", ["ptr", "ptr", "i64", "ptr"])
        self.self, self.args, self.count, self.keywords = b.operands
        self.items = b.at(self.self, fields.tuple_items, "i8")
        self.plan = self.field(self.item(Self.WORDS), fields.array_data, "ptr")
        self.fallback, self.failure, self.out = [b.label(x) for x in ("other", "failure", "out")]
        self.result = b.slot("ptr")

    def word(self, base: Value, index: Value | int, kind: str = "i64") -> Value:
        """A word of a table."""
        return self.b.load(kind, self.b.at(base, index, "i64"))

    def head(self, which: Head, kind: str = "i64") -> Value:
        return self.word(self.plan, which, kind)

    def field(self, thing: Value, offset: Value | int, kind: str) -> Value:
        """A field of an object."""
        return self.b.load(kind, self.b.at(thing, offset, "i8"))

    def item(self, index: int) -> Value:
        """Of the tuple that is ``self``."""
        return self.word(self.items, index, "ptr")

    def part(self, which: Head) -> Value:
        """A part of this call's own memory."""
        return self.b.at(self.memory, self.head(which), "i64")

    def call(self, name: str, *operands: Value, result: str = "ptr") -> Value:
        return self.b.call(name, result, *operands)

    def do(self, name: str, *operands: Value) -> None:
        """Call what returns nothing."""
        self.b.call(name, "void", *operands)

    def branch(self, condition: Value, label: str) -> None:
        """Jump where a condition does not hold."""
        after = self.b.label("ok")
        self.b.fork(condition, after, label)
        self.b.start(after)

    def require(self, condition: Value) -> None:
        self.branch(condition, self.fallback)

    def made(self, thing: Value) -> Value:
        """An object that Python has made, if it could."""
        self.branch(self.b.icmp("ne", thing, NULL), self.failure)
        return thing

    def each(self, count: Head, kind: type[IntEnum], body: Callable[[Value], None]) -> None:
        """Do something with each record of a table."""
        table = self.head(Head(count + 1), "ptr")

        self.b.repeat(
            0, self.head(count), lambda i: body(self.b.at(table, self.b.mul(i, len(kind)), "i64"))
        )

    def choose(self, kind: Value, cases: dict[int, Callable[[], None]]) -> None:
        """Do what belongs to a kind."""
        b = self.b
        after = b.label("chosen")
        labels = {which: b.label("case") for which in cases}
        listed = " ".join([f"i64 {which}, label %{label}" for which, label in labels.items()])
        b.line(f"switch {kind}, label %{after} [{listed}]")
        for which, body in cases.items():
            b.start(labels[which])
            body()
            b.jump(after)
        b.start(after)
