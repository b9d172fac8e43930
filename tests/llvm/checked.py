"""A pass over the text of a module: each access to memory asks first whether it may.

It works on the text of the instructions, whoever wrote them, so no kernel can leave it out: a line
that touches memory in a way that is not known here is an error. What is asked is a function of
:mod:`tests.llvm.shadow`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from functrans.compile.llvm.code.builder import Module
from functrans.compile.llvm.kernels.tiles import lanes_of
from functrans.compile.llvm.linear.substitution import room
from functrans.compile.llvm.random.filling import KINDS, PIECE
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
                if self._function.startswith(PANELS) and not self._function.endswith("_piece"):
                    room = self._out[self._start - 1].count(" %a") - 3  # first and last follow
                    self._out.append(f"call void @chk_fill(ptr %a{room})")
            return
        assigned = _ASSIGNED.fullmatch(line)
        result, body = assigned.groups() if assigned else ("", line)
        head = f"{result} = " if result else ""
        if found := _SLOT.fullmatch(body):
            size = bytes_of(found[1]) * int(found[2] or 1)
            self._out.append(f"{head}call ptr @chk_slot(i64 {size}, i64 {READ | WRITE})")
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

    def sorted_places(self, operands: list[tuple[str, str]]) -> None:
        source, places, count = [value for _, value in operands[:3]]
        size = self._emit(f"mul i64 {count}, {self._item()}")
        many = self._emit(f"mul i64 {count}, 8")
        needs = (source, size, READ), (places, many, READ), (places, many, WRITE)
        self._if([self._whole(x, n, _filled(need)) for x, n, need in needs], operands, 2)

    def sorted_elements(self, operands: list[tuple[str, str]]) -> None:
        place, count = [value for _, value in operands[:2]]
        size = self._emit(f"mul i64 {count}, {self._item()}")
        tests = [self._whole(place, size, _filled(need)) for need in (READ, WRITE)]
        self._if(tests, operands, 1)

    def _item(self) -> int:
        """Bytes of an element of the dtype that the callee's name has."""
        found = re.search(r"@functrans_(?:arg)?sort_([a-z0-9]+)_", self._line)
        assert found is not None
        return np.dtype(found[1]).itemsize

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

    def _square(self, address: str, rows: int, columns: int, step: str, need: int) -> str:
        """Whether rows of numbers of eight bytes may be touched, so many numbers apart."""
        return self._whole(address, str(8 * columns), need, str(rows), str(8 * int(step)))

    def factorized(self, operands: list[tuple[str, str]]) -> None:
        """LU and Cholesky's factorisation, in place, with room besides."""
        a, row, rows, *others, panel = [value for _, value in operands]
        n = int(rows)
        tests = [self._square(a, n, n, row, READ | FILLED), self._square(a, n, n, row, WRITE)]
        for place, count in zip(others[:-1], (n, 1), strict=False):  # order and sign
            tests.append(self._square(place, 1, count, "0", READ | FILLED))
            tests.append(self._square(place, 1, count, "0", WRITE))
        size = n * lanes_of("double") if len(others) > 1 else n
        tests.append(self._square(others[-1], 1, size, "0", WRITE))
        tests.append(self._panel(panel, n))
        self._if(tests, operands, 2)

    def _panel(self, address: str, rows: int) -> str:
        """Whether there is memory for a panel where one is copied."""
        return self._square(address, 1, room(rows, "double") // 8, "0", WRITE)

    def substituted(self, operands: list[tuple[str, str]]) -> None:
        """A triangle, of which the whole square is there, and right sides."""
        a, a_row, a_column, x, x_row, rows, columns, _, panel = [value for _, value in operands]
        n, m = int(rows), int(columns)
        outer, inner = sorted((int(a_row), int(a_column)), key=abs, reverse=True)
        tests = []
        for i in range(1 if abs(inner) == 1 else n):
            step, first = 8 * outer, 8 * i * inner
            if abs(inner) == 1:
                size, count, first = 8 * n, n, -8 * (n - 1) if inner < 0 else 0
            else:
                size, count = 8, n
            start = self._emit(f"getelementptr i8, ptr {a}, i64 {first}")
            tests.append(self._whole(start, str(size), READ | FILLED, str(count), str(step)))
        tests.append(self._square(x, n, m, x_row, READ | FILLED))
        tests.append(self._square(x, n, m, x_row, WRITE))
        tests.append(self._panel(panel, n))
        self._if(tests, operands, 5)

    def transposed(self, operands: list[tuple[str, str]]) -> None:
        x, x_row, y, y_row, m, n = [value for _, value in operands]
        tests = [
            self._square(x, int(m), int(n), x_row, READ | FILLED),
            self._square(y, int(n), int(m), y_row, WRITE),
        ]
        self._if(tests, operands, 4)

    def random_numbers(self, operands: list[tuple[str, str]]) -> None:
        """The elements of some pieces."""
        name = re.search(r"@functrans_(\w+)", self._line)
        assert name is not None
        out, count, first, last = [value for _, value in operands[2:6]]
        stop = self._emit(f"mul i64 {last}, {PIECE}")
        less = self._emit(f"icmp slt i64 {stop}, {count}")
        stop = self._emit(f"select i1 {less}, i64 {stop}, i64 {count}")
        start = self._emit(f"mul i64 {first}, {PIECE}")
        item = bytes_of(KINDS[name[1]].element)
        size = self._emit(f"mul i64 {self._emit(f'sub i64 {stop}, {start}')}, {item}")
        offset = self._emit(f"mul i64 {start}, {item}")
        place = self._emit(f"getelementptr i8, ptr {out}, i64 {offset}")
        self._if([self._whole(place, size, WRITE)], operands, 3)

    def polled(self, operands: list[tuple[str, str]]) -> None:
        """A word that is read and written."""
        address, room = operands[0][1], self._room("i64")
        fine = self._whole(address, "8", READ | WRITE | FILLED)
        operands[0] = ("ptr", self._emit(f"select i1 {fine}, ptr {address}, ptr {room}"))

    def encrypted(self, operands: list[tuple[str, str]]) -> None:
        address = operands[3][1]
        room = self._room("i64")
        fine = self._whole(address, "8", WRITE)
        operands[3] = ("ptr", self._emit(f"select i1 {fine}, ptr {address}, ptr {room}"))

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
    r"functrans_(lu|cholesky)": Checked.factorized,
    r"functrans_substitution": Checked.substituted,
    rf"functrans_({'|'.join(KINDS)})": Checked.random_numbers,
    r"functrans_encryption": Checked.encrypted,
    r"functrans_transposing": Checked.transposed,
    r"functrans_argsort_[a-z0-9]+_\d": Checked.sorted_places,
    r"functrans_sort_[a-z0-9]+_\d": Checked.sorted_elements,
    r"functrans_parallel": Checked.harmless,
    r"functrans_poll": Checked.polled,
    r"chk_(mark|fill)": Checked.harmless,
}
"""How the operands of calls with addresses are checked, by what the callee's name begins with."""


def _filled(need: int) -> int:
    """What is read has been written before."""
    return need | FILLED if need == READ else need


def _aligned(align: str | None) -> str:
    return f", align {align}" if align else ""
