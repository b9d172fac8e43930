"""Instructions that read the table of a signature and objects of Python.

What a builtin does is in several native functions: LLVM takes much longer for a large one than for
its parts. They hand on two addresses: that of the table (``plan``), and that of memory which one
call has (``frame``): a word with the address of the objects among the arguments, then the parts
that the table tells the places of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import NULL, TRUE, Builder, Module, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.compile.llvm.calling.plan import Words
    from functrans.compile.llvm.calling.structs import Layouts


class Writer:
    """A native function in the making.

    Parameters
    ----------
    module : Module
    fields : Layouts
    name : str
    result : str
    operands : sequence of str

    Attributes
    ----------
    b : Builder
    plan, frame : Value
        The first two operands, unless something else is assigned.
    refused : str
        The block to jump to where something is not as it should be; :meth:`answer` writes it.
    """

    def __init__(
        self,
        module: Module,
        fields: Layouts,
        name: str,
        result: str = "i1",
        operands: Sequence[str] = ("ptr", "ptr"),
        *,
        internal: bool = True,
    ) -> None:
        self.fields = fields
        self.module = module
        self.b = Builder(module, name, result, operands, internal=internal)
        self.plan, self.frame = self.b.operands[:2]
        self.refused = self.b.label("refused")

    def answer(self) -> None:
        """Return true, and false from the block of what is refused."""
        self.b.line(f"ret {TRUE}")
        self.b.start(self.refused)
        self.b.finish(Value("i1", "false"))

    def word(self, base: Value, index: Value | int, kind: str = "i64") -> Value:
        """A word of a table."""
        return self.b.load(kind, self.b.at(base, index, "i64"))

    def put(self, x: Value, base: Value, index: Value | int) -> None:
        """Write a word of a table."""
        self.b.store(x, self.b.at(base, index, "i64"))

    def head(self, which: int, kind: str = "i64") -> Value:
        """A word of the header."""
        return self.word(self.plan, which, kind)

    def part(self, which: int) -> Value:
        """A part of the frame."""
        return self.b.at(self.frame, self.head(which), "i64")

    def objects(self) -> Value:
        """Where the objects among the arguments are."""
        return self.word(self.frame, 0, "ptr")

    def field(self, thing: Value, offset: int, kind: str) -> Value:
        """A field of an object."""
        return self.b.load(kind, self.b.at(thing, offset, "i8"))

    def call(self, name: str, *operands: Value, result: str = "ptr") -> Value:
        """Call a function."""
        return self.b.call(name, result, *operands)

    def do(self, name: str, *operands: Value) -> None:
        """Call what returns nothing."""
        self.b.call(name, "void", *operands)

    def require(self, condition: Value) -> None:
        """Go on only where a condition holds."""
        after = self.b.label("ok")
        self.b.fork(condition, after, self.refused)
        self.b.start(after)

    def made(self, thing: Value) -> Value:
        """An object that Python has made, if it could."""
        self.require(self.b.icmp("ne", thing, NULL))
        return thing

    def each(self, count: int, kind: type[Words], body: Callable[[Value], None]) -> None:
        """Do something with each record of a table."""
        table = self.head(count + 1, "ptr")
        self.b.repeat(
            0, self.head(count), lambda i: body(self.b.at(table, self.b.mul(i, kind.SIZE), "i64"))
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
