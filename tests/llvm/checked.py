"""A pass over the text of a module: each access to memory asks first whether it may.

It works on the text of the instructions, whoever wrote them, so no kernel can leave it out: a line
that touches memory in a way that is not known here is an error. What is asked is a function of
:mod:`tests.llvm.shadow`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from functrans.compile.llvm.code.builder import Module
from tests.llvm.shadow import FILLED, READ, WRITE, Checks

PANELS = ("walked",)
"""What names of functions begin with that multiply panels of positions whole: what lies beyond the
last position is not written, and what comes of it is dropped."""


def bytes_of(kind: str) -> int:
    """How much memory a value of a type takes."""
    kind = kind.strip()
    if kind[0] in "<[":
        count, _, element = kind[1:-1].partition(" x ")
        if kind[0] == "<" and element == "i1":
            return -(-int(count) // 8)
        return int(count) * bytes_of(element)
    named = {"half": 2, "float": 4, "double": 8, "ptr": 8}
    return named[kind] if kind in named else -(-int(kind[1:]) // 8)


def _typed(text: str) -> tuple[str, str]:
    """A type and the rest of a text that begins with it."""
    depth = 0
    for i, letter in enumerate(text):
        depth += (letter in "<[") - (letter in ">]")
        if letter == " " and not depth:
            return text[:i], text[i + 1 :]
    raise AssertionError(text)


def _operands(text: str) -> list[tuple[str, str]]:
    """Types and values of the operands of a call."""
    parts, depth, start = [], 0, 0
    for i, letter in enumerate(text + ","):
        depth += (letter in "<[({") - (letter in ">])}")
        if letter == "," and not depth:
            parts.append(text[start:i].strip())
            start = i + 1
    return [_typed(part) for part in parts if part]


_ASSIGNED = re.compile(r"(%\S+) = (.*)")
_LOAD = re.compile(r"load (.+), ptr (\S+?)(?:, align (\d+))?")
_STORE = re.compile(r"store (.+), ptr (\S+?)(?:, align (\d+))?")
_SLOT = re.compile(r"alloca (.+?)(?:, i64 (\d+))?, align 64")
_CALL = re.compile(r"call (.+?) @([^\s(]+)\((.*)\)")
_HEAD = re.compile(r"define .*@([^\s(]+)\(.*\{")
_GLOBAL = re.compile(
    r"@(\S+) = (?:private unnamed_addr (constant)|internal global) (.+?)"
    r"(?: zeroinitializer| \[[^]]*\]), align 64"
)
_HARMLESS = re.compile(r"(getelementptr|phi|select|icmp|ptrtoint|ret|br|switch|insertelement) ?")
_TOUCHING = re.compile(r"\b(ptr|load|store|alloca|atomicrmw|cmpxchg|va_arg)\b")


class Checked:
    """A module whose accesses are checked.

    Attributes
    ----------
    text : str
    sites : list of str
        What the numbers of accesses mean: a function and an instruction of it.
    """

    def __init__(self, text: str) -> None:
        self.sites: list[str] = []
        self._own = set(re.findall(r"^define [^@]*@([^\s(]+)\(", text, re.MULTILINE))
        self._sizes: set[int] = set()
        self._function = ""
        self._line = ""
        self._count = 0
        self._out: list[str] = []
        self._slots = False
        globals_ = []
        for line in text.split("\n"):
            self._line = line
            found = _GLOBAL.fullmatch(line)
            if found:
                name, constant, kind = found.groups()
                globals_.append((name, bytes_of(kind), READ | FILLED | (0 if constant else WRITE)))
            head = _HEAD.fullmatch(line)
            if head:
                self._function = head[1]
                self._begin(line)
            elif not self._function:
                self._out.append(line)
            elif line == "}":
                self._function = ""
                self._out.append(line)
            else:
                self._instruction(line)
        module = Module()
        Checks(module, sorted(self._sizes), globals_).write()
        known = {line for line in self._out if line.startswith("declare ")}
        added = [line for line in module.text().split("\n") if line not in known]
        calls = "\n".join([line for line in self._out if not line.startswith("declare void @chk_")])
        calls = calls.replace("call void @functrans_parallel(", "call void @chk_parallel(")
        self.text = calls + "\n".join(added)

    # ---- lines ------------------------------------------------------------------------------

    def _begin(self, head: str) -> None:
        self._out.append(head)
        self._start = len(self._out)

    def _fresh(self) -> str:
        self._count += 1
        return f"%chk{self._count}"

    def _site(self) -> int:
        self.sites.append(f"{self._function}: {self._line.strip()}")
        return len(self.sites) - 1

    def _room(self, kind: str) -> str:
        """Memory of the function's own, which no check looks at."""
        name = self._fresh()
        self._out.insert(self._start + 1, f"{name} = alloca {kind}, align 64")
        return name

    def _emit(self, text: str) -> str:
        name = self._fresh()
        self._out.append(f"{name} = {text}")
        return name

    def _instruction(self, line: str) -> None:
        line = line.strip()
        if line.endswith(":"):
            self._out.append(line)
            if line == "entry:":
                self._top = self._emit("call i64 @chk_enter()")
            return
        assigned = _ASSIGNED.fullmatch(line)
        result, body = assigned.groups() if assigned else ("", line)
        head = f"{result} = " if result else ""
        if found := _SLOT.fullmatch(body):
            size = bytes_of(found[1]) * int(found[2] or 1)
            filled = FILLED if self._function.startswith(PANELS) else 0
            self._out.append(f"{head}call ptr @chk_slot(i64 {size}, i64 {READ | WRITE | filled})")
        elif found := _LOAD.fullmatch(body):
            kind, address, align = found.groups()
            place = self._checked(kind, address, align, READ | FILLED)
            self._out.append(f"{head}load {kind}, ptr {place}{_aligned(align)}")
        elif found := _STORE.fullmatch(body):
            given, address, align = found.groups()
            place = self._checked(_typed(given)[0], address, align, WRITE)
            self._out.append(f"store {given}, ptr {place}{_aligned(align)}")
        elif found := _CALL.fullmatch(body):
            self._call(head, *found.groups())
        else:
            assert _HARMLESS.match(body) or not _TOUCHING.search(body), f"unknown access: {line}"
            if body.startswith("ret "):
                self._out.append(f"call void @chk_leave(i64 {self._top})")
            self._out.append(line)

    def _checked(self, kind: str, address: str, align: str | None, need: int) -> str:
        """The address to go to."""
        size = bytes_of(kind)
        self._sizes.add(size)
        told = int(align or min(size, 8))
        return self._emit(
            f"call ptr @chk_{size}(ptr {address}, i64 {self._site()}, i64 {need}, i64 {told})"
        )

    # ---- calls ------------------------------------------------------------------------------

    def _call(self, head: str, kind: str, name: str, text: str) -> None:
        operands = _operands(text)
        if name in self._own or not any("ptr" in kind for kind, _ in operands):
            self._out.append(f"{head}call {kind} @{name}({text})")
            return
        stem = ".".join(name.split(".")[:3])
        for pattern, way in _WAYS.items():
            if re.fullmatch(pattern, stem):
                way(self, operands)
                break
        else:
            raise AssertionError(f"a call with addresses that is not known: {self._line}")
        given = ", ".join([f"{kind} {value}" for kind, value in operands])
        self._out.append(f"{head}call {kind} @{name}({given})")

    def _mask(self, kind: str, value: str) -> str:
        """The address of a byte for each lane."""
        wide = f"<{kind[1:].split(' ')[0]} x i8>"
        room = self._room(wide)
        self._out.append(f"store {wide} {self._emit(f'zext {kind} {value} to {wide}')}, ptr {room}")
        return room

    def _masked(self, operands: list[tuple[str, str]], kind: str, place: int, need: int) -> None:
        """Lanes of a vector type from the address among the operands on."""
        lanes, element = int(kind[1:].split(" ")[0]), kind[1:-1].partition(" x ")[2]
        size, room = bytes_of(element), self._mask(*operands[place + 2])
        self._sizes.add(size)
        numbers = f"i64 {self._site()}, i64 {need}, i64 {operands[place + 1][1]}"
        given = f"ptr {operands[place][1]}, i64 {lanes}, ptr {room}, {numbers}"
        checked = self._emit(f"call ptr @chk_masked_{size}({given})")
        operands[place] = ("ptr", checked)

    def _spread(self, operands: list[tuple[str, str]], kind: str, place: int, need: int) -> None:
        """Lanes of a vector type at the addresses among the operands."""
        lanes, element = int(kind[1:].split(" ")[0]), kind[1:-1].partition(" x ")[2]
        size, room = bytes_of(element), self._mask(*operands[place + 2])
        self._sizes.add(size)
        many, given = operands[place]
        table = self._room(many)
        self._out.append(f"store {many} {given}, ptr {table}")
        numbers = f"i64 {self._site()}, i64 {need}, i64 {operands[place + 1][1]}"
        self._out.append(
            f"call void @chk_spread_{size}(ptr {table}, i64 {lanes}, ptr {room}, {numbers})"
        )
        operands[place] = (many, self._emit(f"load {many}, ptr {table}"))

    def masked_load(self, operands: list[tuple[str, str]]) -> None:
        self._masked(operands, operands[3][0], 0, READ | FILLED)

    def masked_store(self, operands: list[tuple[str, str]]) -> None:
        self._masked(operands, operands[0][0], 1, WRITE)

    def gather(self, operands: list[tuple[str, str]]) -> None:
        self._spread(operands, operands[3][0], 0, READ | FILLED)

    def scatter(self, operands: list[tuple[str, str]]) -> None:
        self._spread(operands, operands[0][0], 1, WRITE)

    def _whole(self, address: str, size: str, need: int, rows: str = "1", step: str = "0") -> str:
        """Whether rows of bytes may be touched."""
        self._sizes.add(1)
        numbers = f"i64 {self._site()}, i64 {need}"
        return self._emit(
            f"call i1 @chk_rows(ptr {address}, i64 {size}, i64 {rows}, i64 {step}, {numbers})"
        )

    def _if(self, tests: list[str], operands: list[tuple[str, str]], *places: int) -> None:
        """Let numbers among the operands be 0 unless all is well."""
        fine = tests[0]
        for test in tests[1:]:
            fine = self._emit(f"and i1 {fine}, {test}")
        for place in places:
            kind, value = operands[place]
            operands[place] = (
                kind,
                self._emit(f"select i1 {fine}, {kind} {value}, {kind} 0"),
            )

    def copied(self, operands: list[tuple[str, str]]) -> None:
        target, source, size = [value for _, value in operands[:3]]
        read = self._whole(source, size, READ | FILLED)
        self._if([read, self._whole(target, size, WRITE)], operands, 2)

    def filled(self, operands: list[tuple[str, str]]) -> None:
        target, _, size = [value for _, value in operands[:3]]
        self._if([self._whole(target, size, WRITE)], operands, 2)

    def large_angles(self, operands: list[tuple[str, str]]) -> None:
        source, target, count = [value for _, value in operands[:3]]
        size = self._emit(f"mul i64 {count}, {bytes_of(operands[3][0])}")
        tests = [self._whole(source, size, READ | FILLED), self._whole(target, size, WRITE)]
        self._if(tests, operands, 2)

    def product(self, operands: list[tuple[str, str]]) -> None:
        """``cblas_?gemm``: three matrices, by rows."""
        name = re.search(r"@functrans_(.)gemm", self._line)
        assert name is not None
        item = {"s": 4, "d": 8, "c": 8, "z": 16}[name[1]]
        _, left, right, m, n, k = [value for _, value in operands[:6]]
        kind = operands[3][0]
        tests = []
        for place, turned, (rows, columns), need in (
            (7, left, (m, k), READ | FILLED),
            (9, right, (k, n), READ | FILLED),
            (12, "111", (m, n), WRITE),
        ):
            rows, columns = (columns, rows) if turned == "112" else (rows, columns)
            address, distance = operands[place][1], operands[place + 1][1]
            assert all(x.lstrip("-").isdigit() for x in (rows, columns, distance)), kind
            sizes = str(int(columns) * item), str(int(rows)), str(int(distance) * item)
            tests.append(self._whole(address, sizes[0], need, *sizes[1:]))
        if operands[11][1] not in ("0x0000000000000000", "@zero_float", "@zero_double"):
            tests.append(self._whole(address, sizes[0], READ | FILLED, *sizes[1:]))
        self._if(tests, operands, 3, 4)

    def harmless(self, operands: list[tuple[str, str]]) -> None:
        """What touches nothing, or is checked elsewhere."""


_WAYS: dict[str, Callable[[Checked, list[tuple[str, str]]], None]] = {
    r"llvm\.masked\.load": Checked.masked_load,
    r"llvm\.masked\.store": Checked.masked_store,
    r"llvm\.masked\.gather": Checked.gather,
    r"llvm\.masked\.scatter": Checked.scatter,
    r"llvm\.mem(cpy|move)\.p0": Checked.copied,
    r"llvm\.memset\.p0": Checked.filled,
    r"llvm\.prefetch\.p0": Checked.harmless,
    r"functrans_(sin|cos|tan)_of_large_(double|float)": Checked.large_angles,
    r"functrans_[sdcz]gemm": Checked.product,
    r"functrans_parallel": Checked.harmless,
    r"chk_mark": Checked.harmless,
}
"""How the operands of calls with addresses are checked, by what the callee's name begins with."""


def _aligned(align: str | None) -> str:
    return f", align {align}" if align else ""
