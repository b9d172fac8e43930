"""The text of LLVM modules and functions, an instruction a line.

Scalars and vectors are built alike: an operation takes its type from its operands. Numbers that
stand among operands are constants of the type of the others.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from typing import TYPE_CHECKING

from functrans.compile.llvm.code.varying import is_marked, mark
from functrans.core.digests import blake2b

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

FLOATS = {"half": 16, "float": 32, "double": 64}

INLINED = 16
"""Calls of a function in a module up to which it becomes a part of each caller. More take longer to
compile, in proportion, and a call takes two nanoseconds."""

_CALLED = re.compile(r"call [^@\n]*@([^\s(]+)\(")


class Value:
    """A value of LLVM: its type (``double``, ``<8 x float>``, ``ptr``) and how it is written.

    It is no tuple: pairs of values are complex numbers.
    """

    __slots__ = ("text", "type")

    def __init__(self, kind: str, text: str) -> None:
        self.type = kind
        self.text = text

    def __str__(self) -> str:
        return f"{self.type} {self.text}"


NULL = Value("ptr", "null")
TRUE = Value("i1", "true")


def vector(element: str, width: int) -> str:
    """The type of so many elements; that of the element for a width of 1."""
    return element if width == 1 else f"<{width} x {element}>"


def pair(kind: str) -> str:
    """The type of two values of a type, as functions return them."""
    return f"{{ {kind}, {kind} }}"


def element_of(kind: str) -> str:
    """``double`` of ``<8 x double>`` and of ``double``."""
    return kind[1:-1].partition(" x ")[2] if kind.startswith("<") else kind


def width_of(kind: str) -> int:
    """8 of ``<8 x double>``, 1 of ``double``."""
    return int(kind[1:].partition(" x ")[0]) if kind.startswith("<") else 1


def bits_of(kind: str) -> int:
    """How many bits an element has."""
    element = element_of(kind)
    return FLOATS[element] if element in FLOATS else int(element[1:])


def with_element(kind: str, element: str) -> str:
    """The type with other elements, as many."""
    return vector(element, width_of(kind))


def suffix(kind: str) -> str:
    """How intrinsics name a type: ``v8f64``, ``f32``, ``i64``."""
    element, width = element_of(kind), width_of(kind)
    short = f"f{FLOATS[element]}" if element in FLOATS else element
    return short if width == 1 else f"v{width}{short}"


def number(x: float, kind: str) -> Value:
    """A constant of a type, the same in all elements; integers may be given for either kind."""
    element, given = element_of(kind), x
    if element in FLOATS:
        x = float(x)
        if element != "double":  # LLVM wants numbers that the type holds, written as doubles
            short = "e" if element == "half" else "f"
            (x,) = struct.unpack(short, struct.pack(short, x)) if abs(x) < 1e308 or x != x else (x,)
        text = f"0x{struct.unpack('Q', struct.pack('d', x))[0]:016X}"
        if element == "half":
            text = f"0xH{struct.unpack('H', struct.pack('e', x))[0]:04X}"
    else:
        text = str(int(x))
        if element == "i1":
            text = "true" if x else "false"
    if is_marked() and element != "i1":
        return Value(kind, mark(kind, text, given))
    return Value(kind, text if kind == element else f"splat ({element} {text})")


class Module:
    """A module in the making: functions, and what they name.

    Attributes
    ----------
    functions : dict of str to str
        Text of each function that is defined here.
    common : dict of str to str
        How those of them are declared that are of use to other modules too.
    tables : dict of str to str
        Text of each table of constants and each variable.

    Parameters
    ----------
    plain : bool
        Whether kernels are to have few lines where that changes no bit, for LLVM to compile them
        quickly.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self.plain = plain
        self.common: dict[str, str] = {}
        self._declared: dict[str, str] = {}
        self.tables: dict[str, str] = {}
        self.functions: dict[str, str] = {}
        # Where sizes vary, loops have their ends apart.
        self._inlined = 2 * INLINED if is_marked() else INLINED

    def declare(self, name: str, result: str, *operands: str, rare: bool = False) -> None:
        """Name a function that is defined elsewhere; what is called rarely costs others nothing."""
        tail = " cold" if rare else ""
        self._declared[name] = f"declare {result} @{name}({', '.join(operands)}){tail}"

    @property
    def outside(self) -> list[str]:
        """What it names and does not define."""
        return [name for name in self._declared if name not in self.functions]

    def external(self, name: str) -> Value:
        """The address of an object that is defined elsewhere."""
        self._declared[name] = f"@{name} = external global i8"
        return Value("ptr", f"@{name}")

    def constant(self, name: str, element: str, items: Sequence[object]) -> Value:
        """The address of a table of constants; the same name, the same table."""
        text = ", ".join([f"{element} {item}" for item in items])
        kind = f"[{len(items)} x {element}]"
        self.tables[name] = f"@{name} = private unnamed_addr constant {kind} [{text}], align 64"
        return Value("ptr", f"@{name}")

    def state(self, name: str, kind: str) -> Value:
        """The address of a variable of the module, zero at first."""
        self.tables[name] = f"@{name} = internal global {kind} zeroinitializer, align 64"
        return Value("ptr", f"@{name}")

    def rewritten(self, tables: dict[str, str], functions: dict[str, str]) -> Module:
        """A module with other texts of its tables and functions; common ones keep their names."""
        made = Module(plain=self.plain)
        made._declared = {x: y for x, y in self._declared.items() if x not in self.functions}
        made.tables, made.functions = tables, functions
        made.common = {name: x for name, x in self.common.items() if name in functions}
        made._inlined = self._inlined
        return made

    def text(self) -> str:
        """The whole module."""
        for name in self.functions:
            self._declared.pop(name, None)
        functions = list(self.functions.values())
        calls = Counter(_CALLED.findall("\n".join(functions)))
        for i, name in enumerate(self.functions):
            if calls[name] > self._inlined:
                functions[i] = functions[i].replace(" alwaysinline ", " noinline ", 1)
        return self._joined(self._declared.values(), functions)

    def text_without(self, known: Container[str]) -> tuple[str, list[str]]:
        """The whole module where common functions are not those of this module alone: they have
        names by their content, those that are `known` are only declared, and the others, whose
        names are returned, are for other modules too."""
        for name in self.functions:
            self._declared.pop(name, None)
        names = {name: f"{name}.{self._digest(name)}" for name in self.common}
        declared, functions, new = list(self._declared.values()), [], []
        for name, text in self.functions.items():
            for own in {name, *_CALLED.findall(text)} & names.keys():
                text = text.replace(f"@{own}(", f"@{names[own]}(")
            if name in names and names[name] in known:
                declared.append(self.common[name].replace(f"@{name}(", f"@{names[name]}("))
                continue
            if name in names:
                text = text.replace("define internal ", "define ", 1)
                new.append(names[name])
            functions.append(text)
        return self._joined(declared, functions), new

    def _joined(self, declared: Iterable[str], functions: Iterable[str]) -> str:
        return "\n".join([*declared, *self.tables.values(), *functions]) + "\n"

    def _digest(self, name: str) -> str:
        """Of a function and all of the module that it needs."""
        needed = [name]
        for one in needed:
            called = dict.fromkeys(_CALLED.findall(self.functions[one]))
            needed += [x for x in called if x in self.functions and x not in needed]
        text = "\n".join([self.functions[one] for one in needed])
        tables = [x for name, x in self.tables.items() if f"@{name}" in text]
        return blake2b("\n".join([text, *tables]).encode(), digest_size=12).hexdigest()


class Builder:
    """A function in the making.

    Parameters
    ----------
    module : Module
        It gets the function when :meth:`finish` is called, and what the function names.
    name : str
    result : str
        The type of what it returns, ``void`` for none.
    operands : sequence of str
        Types; the values are `operands` of the builder.
    inline : bool
        The function is for others of the module only, and becomes a part of each.
    internal : bool
        The function is for others of the module only.
    common : bool
        The function is of use to other modules too: it has no variables of this one.
    """

    def __init__(
        self,
        module: Module,
        name: str,
        result: str,
        operands: Sequence[str],
        *,
        inline: bool = False,
        internal: bool = False,
        common: bool = False,
    ) -> None:
        self.module = module
        self.name = name
        self.result = result
        self.operands = [Value(kind, f"%a{i}") for i, kind in enumerate(operands)]
        self._head = "internal " if inline or internal else ""
        self._tail = " alwaysinline nounwind" if inline else " nounwind"
        self._common = common
        self._entry: list[str] = []
        self._lines: list[str] = []
        self._count = 0
        self.block = "entry"

    # ---- instructions -----------------------------------------------------------------------

    def fresh(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def line(self, text: str) -> None:
        """An instruction without a result."""
        self._lines.append(text)

    def emit(self, kind: str, text: str) -> Value:
        """An instruction with a result of a type."""
        name = self.fresh()
        self._lines.append(f"{name} = {text}")
        return Value(kind, name)

    def binary(self, op: str, x: Value | float, y: Value | float) -> Value:
        """``op`` with its flags (``fadd contract``), of two values of one type."""
        x, y = self.alike(x, y)
        return self.emit(x.type, f"{op} {x}, {y.text}")

    def alike(self, x: Value | float, y: Value | float) -> tuple[Value, Value]:
        """Two operands, where a number becomes a constant of the other's type."""
        if not isinstance(x, Value):
            assert isinstance(y, Value)
            return number(x, y.type), y
        return x, y if isinstance(y, Value) else number(y, x.type)

    def fadd(self, x: Value | float, y: Value | float) -> Value:
        return self.binary("fadd", x, y)

    def fsub(self, x: Value | float, y: Value | float) -> Value:
        return self.binary("fsub", x, y)

    def fmul(self, x: Value | float, y: Value | float) -> Value:
        return self.binary("fmul", x, y)

    def fdiv(self, x: Value | float, y: Value | float) -> Value:
        return self.binary("fdiv", x, y)

    def fneg(self, x: Value) -> Value:
        return self.emit(x.type, f"fneg {x}")

    def add(self, x: Value | float, y: Value | float) -> Value:
        return self.binary("add", x, y)

    def sub(self, x: Value | float, y: Value | float) -> Value:
        return self.binary("sub", x, y)

    def mul(self, x: Value | float, y: Value | float) -> Value:
        return self.binary("mul", x, y)

    def both(self, x: Value | float, y: Value | float) -> Value:
        """Bitwise and."""
        return self.binary("and", x, y)

    def either(self, x: Value | float, y: Value | float) -> Value:
        """Bitwise or."""
        return self.binary("or", x, y)

    def xor(self, x: Value | float, y: Value | float) -> Value:
        return self.binary("xor", x, y)

    def fcmp(self, how: str, x: Value | float, y: Value | float) -> Value:
        x, y = self.alike(x, y)
        return self.emit(with_element(x.type, "i1"), f"fcmp {how} {x}, {y.text}")

    def icmp(self, how: str, x: Value | float, y: Value | float) -> Value:
        x, y = self.alike(x, y)
        kind = "i1" if x.type == "ptr" else with_element(x.type, "i1")
        return self.emit(kind, f"icmp {how} {x}, {y.text}")

    def select(self, condition: Value, x: Value | float, y: Value | float) -> Value:
        x, y = self.alike(x, y)
        return self.emit(x.type, f"select {condition}, {x}, {y}")

    def cast(self, op: str, x: Value, element: str) -> Value:
        """``op`` (``sitofp``, ``fpext``, ``bitcast``, ...) to elements of another type."""
        kind = with_element(x.type, element)
        return x if kind == x.type else self.emit(kind, f"{op} {x} to {kind}")

    def frozen(self, x: Value) -> Value:
        """The same value, of whose making LLVM is to make nothing."""
        return self.emit(x.type, f"freeze {x}")

    def intrinsic(self, name: str, *operands: Value | float) -> Value:
        """``llvm.<name>`` of operands of one type; a number takes the type of the first."""
        first = next(x for x in operands if isinstance(x, Value))
        given = [x if isinstance(x, Value) else number(x, first.type) for x in operands]
        return self.call(f"llvm.{name}.{suffix(first.type)}", first.type, *given)

    def fma(self, x: Value, y: Value | float, z: Value | float) -> Value:
        """x y + z in one rounding."""
        return self.intrinsic("fma", x, y, z)

    def call(self, name: str, result: str, *operands: Value) -> Value:
        """Call a function of the module, of LLVM or of the outside, which is declared."""
        if name not in self.module.functions:
            self.module.declare(name, result, *[x.type for x in operands])
        return self.call_at(Value("ptr", f"@{name}"), result, *operands)

    def call_at(self, address: Value, result: str, *operands: Value) -> Value:
        """Call the function at an address."""
        text = f"call {result} {address.text}({', '.join(map(str, operands))})"
        if result == "void":
            self.line(text)
            return Value("void", "")
        return self.emit(result, text)

    def paired(self, x: Value, y: Value) -> Value:
        """Two values of one type as one."""
        first = self.emit(pair(x.type), f"insertvalue {pair(x.type)} poison, {x}, 0")
        return self.emit(first.type, f"insertvalue {first}, {y}, 1")

    def parted(self, both: Value, kind: str) -> tuple[Value, Value]:
        """The two values of a pair."""
        first = self.emit(kind, f"extractvalue {both}, 0")
        return first, self.emit(kind, f"extractvalue {both}, 1")

    def any(self, mask: Value) -> Value:
        """Whether a condition holds in any lane."""
        if width_of(mask.type) == 1:
            return mask
        return self.call(f"llvm.vector.reduce.or.{suffix(mask.type)}", "i1", mask)

    # ---- memory -----------------------------------------------------------------------------

    def slot(self, kind: str, count: int = 1) -> Value:
        """Memory of this call, for `count` values of a type."""
        name = self.fresh()
        many = "" if count == 1 else f", i64 {count}"
        self._entry.append(f"{name} = alloca {kind}{many}, align 64")
        return Value("ptr", name)

    def at(self, base: Value, index: Value | int, element: str) -> Value:
        """The address of an element, counted in elements of a type."""
        if isinstance(index, int) and index == 0:
            return base
        place = index if isinstance(index, Value) else number(index, "i64")
        return self.emit("ptr", f"getelementptr {element}, {base}, {place}")

    def load(self, kind: str, address: Value, align: int | None = None) -> Value:
        return self.emit(kind, f"load {kind}, {address}{_align(kind, align)}")

    def store(self, x: Value, address: Value, align: int | None = None) -> None:
        self.line(f"store {x}, {address}{_align(x.type, align)}")

    def splat(self, x: Value, width: int) -> Value:
        """A scalar in all elements of a vector."""
        if width == 1:
            return x
        kind = vector(x.type, width)
        if x.text.startswith("`"):
            return Value(kind, x.text.replace(x.type, kind, 1))
        if not x.text.startswith("%"):
            return Value(kind, f"splat ({x})")
        one = self.emit(kind, f"insertelement {kind} poison, {x}, i64 0")
        mask = f"<{width} x i32> zeroinitializer"
        return self.emit(kind, f"shufflevector {one}, {kind} poison, {mask}")

    def shuffle(self, x: Value, y: Value, places: Sequence[int]) -> Value:
        """The elements at some places of two vectors of one type; those of `y` follow `x`'s."""
        kind = vector(element_of(x.type), len(places))
        mask = ", ".join(f"i32 {place}" for place in places)
        return self.emit(kind, f"shufflevector {x}, {y}, <{len(places)} x i32> <{mask}>")

    def element(self, x: Value, place: int) -> Value:
        """An element of a vector; a scalar is its own."""
        if width_of(x.type) == 1:
            return x
        return self.emit(element_of(x.type), f"extractelement {x}, i64 {place}")

    def together(self, scalars: Sequence[Value]) -> Value:
        """A vector of scalars of one type; one alone stays what it is."""
        if len(scalars) == 1:
            return scalars[0]
        kind = vector(scalars[0].type, len(scalars))
        made = Value(kind, "poison")
        for place, x in enumerate(scalars):
            made = self.emit(kind, f"insertelement {made}, {x}, i64 {place}")
        return made

    def first_lanes(self, width: int, count: Value) -> Value:
        """A mask that holds in the first `count` (i64) of so many lanes."""
        lanes = ", ".join(f"i64 {lane}" for lane in range(width))
        return self.icmp("ugt", self.splat(count, width), Value(f"<{width} x i64>", f"<{lanes}>"))

    def load_where(self, mask: Value | None, kind: str, address: Value) -> Value:
        """Elements where a mask holds, zeros elsewhere, where memory is not touched; None: all."""
        if mask is None:
            return self.load(kind, address)
        align = number(bits_of(kind) // 8, "i32")
        name = f"llvm.masked.load.{suffix(kind)}.p0"
        return self.call(name, kind, address, align, mask, Value(kind, "zeroinitializer"))

    def store_where(self, mask: Value | None, x: Value, address: Value) -> None:
        """Store elements where a mask holds; None: all."""
        if mask is None:
            self.store(x, address)
        else:
            align = number(bits_of(x.type) // 8, "i32")
            name = f"llvm.masked.store.{suffix(x.type)}.p0"
            self.call(name, "void", x, address, align, mask)

    # ---- control ----------------------------------------------------------------------------

    def label(self, stem: str) -> str:
        """A new name for a block."""
        self._count += 1
        return f"{stem}{self._count}"

    def start(self, label: str) -> None:
        """Begin a block."""
        self._lines.append(f"{label}:")
        self.block = label

    def jump(self, label: str) -> None:
        self.line(f"br label %{label}")

    def fork(self, condition: Value, then: str, otherwise: str) -> None:
        self.line(f"br {condition}, label %{then}, label %{otherwise}")

    def when(self, condition: Value, body: Callable[[], object]) -> None:
        """Do something where a condition holds; what it computes is seen through memory only."""
        then, after = self.label("then"), self.label("after")
        self.fork(condition, then, after)
        self.start(then)
        body()
        self.jump(after)
        self.start(after)

    def loop(
        self,
        start: Value | int,
        stop: Value | int,
        body: Callable[[Value, list[Value]], Sequence[Value]],
        carried: Sequence[Value] = (),
        step: int = 1,
    ) -> list[Value]:
        """``body(i, carried) -> carried`` for i from `start` below `stop` (i64), perhaps never.

        Returns what is carried at the end.
        """
        first = start if isinstance(start, Value) else number(start, "i64")
        last = stop if isinstance(stop, Value) else number(stop, "i64")
        head, inside, after = self.label("head"), self.label("body"), self.label("done")
        before = self.block
        self.jump(head)
        self.start(head)
        i = Value("i64", self.fresh())
        carries = [Value(x.type, self.fresh()) for x in carried]
        place = len(self._lines)
        self._lines.extend([""] * (1 + len(carries)))
        self.fork(self.icmp("slt", i, last), inside, after)
        self.start(inside)
        results = list(body(i, carries))
        following = self.emit("i64", f"add nsw {i}, {step}")
        self.jump(head)
        pairs = zip([i, *carries], [first, *carried], [following, *results], strict=True)
        for offset, (phi, old, new) in enumerate(pairs):
            self._lines[place + offset] = (
                f"{phi.text} = phi {phi.type} [{old.text}, %{before}], [{new.text}, %{self.block}]"
            )
        self.start(after)
        return carries

    def repeat(
        self, start: Value | int, stop: Value | int, body: Callable[[Value], object], step: int = 1
    ) -> None:
        """``body(i)`` for i from `start` below `stop`, as :meth:`loop`, with nothing carried."""

        def once(i: Value, _: list[Value]) -> list[Value]:
            body(i)
            return []

        self.loop(start, stop, once, step=step)

    def repeat_while(
        self,
        test: Callable[[list[Value]], Value],
        body: Callable[[list[Value]], Sequence[Value]],
        carried: Sequence[Value] = (),
    ) -> list[Value]:
        """``carried = body(carried)`` while ``test(carried)`` holds; what is carried at the end."""
        head, inside, after = self.label("head"), self.label("body"), self.label("done")
        before = self.block
        self.jump(head)
        self.start(head)
        carries = [Value(x.type, self.fresh()) for x in carried]
        place = len(self._lines)
        self._lines.extend([""] * len(carries))
        self.fork(test(carries), inside, after)
        self.start(inside)
        results = list(body(carries))
        self.jump(head)
        for offset, (phi, old, new) in enumerate(zip(carries, carried, results, strict=True)):
            self._lines[place + offset] = (
                f"{phi.text} = phi {phi.type} [{old.text}, %{before}], [{new.text}, %{self.block}]"
            )
        self.start(after)
        return carries

    def choose(self, index: Value, bodies: Sequence[Callable[[], object]]) -> None:
        """Do one of several things, by its number; the last one for any other number."""
        labels = [self.label("case") for _ in bodies]
        after = self.label("after")
        cases = " ".join(
            [f"{index.type} {i}, label %{label}" for i, label in enumerate(labels[:-1])]
        )
        self.line(f"switch {index}, label %{labels[-1]} [{cases}]")
        for label, body in zip(labels, bodies, strict=True):
            self.start(label)
            body()
            self.jump(after)
        self.start(after)

    def copy(self, source: Value, target: Value, size: int) -> None:
        """Copy so many bytes to memory that is apart."""
        name = "llvm.memcpy.p0.p0.i64"
        self.call(name, "void", target, source, number(size, "i64"), number(0, "i1"))

    def finish(self, result: Value | None = None) -> str:
        """Return from the function and enter it in the module; its name."""
        self.line("ret void" if result is None else f"ret {result}")
        parameters = ", ".join(map(str, self.operands))
        head = f"define {self._head}{self.result} @{self.name}({parameters}){self._tail} {{"
        body = ["entry:", *self._entry, *self._lines]
        self.module.functions[self.name] = "\n".join([head, *body, "}"])
        if self._common:
            kinds = ", ".join([x.type for x in self.operands])
            self.module.common[self.name] = f"declare {self.result} @{self.name}({kinds})"
        return self.name


def _align(kind: str, align: int | None) -> str:
    """Elements of vectors need not lie at multiples of the vector's size."""
    if align is None:
        if kind == "ptr" or not kind.startswith("<"):
            return ""
        align = max(bits_of(kind) // 8, 1)
    return f", align {align}"
