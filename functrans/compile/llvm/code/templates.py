"""Texts of modules that differ in numbers alone, as one module that reads these from a table.

A :class:`Template` is the text of a module in which numbers are marked. Two templates with the same
*skeleton* have the same text but for numbers, so one native function serves both: the numbers in
which they differ it reads from a table, whose address is its last operand. What each call is given
are the numbers of its own template, so it does what the code that was written for it alone would.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import element_of, vector, width_of
from functrans.core.digests import blake2b

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Module

_MARK = re.compile(r"`([^|`]+)\|([^|`]+)\|([^`]*)`")
_NAME = re.compile(r"@([-\w.$]+)")
_HEAD = re.compile(r"define [^@\n]*@([-\w.$]+)\((.*?)\)([^\n()]*) \{\nentry:\n")
_CALL = re.compile(r"(call [^@\n]*@([-\w.$]+)\()([^\n]*)\)$", re.MULTILINE)
_HANDED = re.compile(r"^(call [^@\n]*@[-\w.$]+\(ptr @([-\w.$]+), )ptr (%\w+)(, .*)$", re.MULTILINE)

_POINTER = re.compile(r"ptr @([-\w.$]+)")

ADDRESS = "&"
"""What the text of a number begins with that is the address of a constant: its place among these
follows."""

LITERAL = -1
"""What stands for the place in the table of a number that is the same in all texts."""


class Number(NamedTuple):
    """A number of a template.

    Attributes
    ----------
    kind : str
        The type of an element.
    text : str
    key : str
        What it was computed from, if that is known to vary.
    """

    kind: str
    text: str
    key: str

    def word(self, addresses: Sequence[int]) -> int:
        """The number as 64 bits of a table."""
        text = self.text
        if text.startswith(ADDRESS):
            return addresses[int(text[len(ADDRESS) :])]
        if self.kind == "float":  # which is written as a double
            (real,) = struct.unpack("d", struct.pack("Q", int(text, 16)))
            return int(struct.unpack("i", struct.pack("f", real))[0])
        if self.kind == "double":
            return int(struct.unpack("q", struct.pack("Q", int(text, 16)))[0])
        if self.kind == "half":
            return int(text[3:], 16)
        return (int(text) + (1 << 63)) % (1 << 64) - (1 << 63)  # of unsigned ones the bits


class Template:
    """A module with marks.

    Attributes
    ----------
    numbers : list of Number
    skeleton : bytes
        The same where the texts are but for their numbers, and for the names of functions.
    """

    def __init__(self, module: Module) -> None:
        self._module = module
        own = [x for x in module.functions if x not in module.common and x != "run"]
        names = {name: f"f{i}" for i, name in enumerate(own)}

        def renamed(text: str) -> str:
            return _NAME.sub(lambda m: "@" + names.get(m[1], m[1]), text)

        self._tables = dict(module.tables)
        self._functions = {names.get(x, x): renamed(y) for x, y in module.functions.items()}
        text = "\n".join([*self._tables.values(), *self._functions.values()])
        self.numbers = [Number(element_of(kind), *rest) for kind, *rest in _MARK.findall(text)]
        bare = _MARK.sub(lambda m: f"`{m[1]}`", text)
        self.skeleton = blake2b(bare.encode(), digest_size=32).digest()

    def module(self, places: Sequence[int]) -> Module:
        """A module in which numbers are read from these places of a table."""
        counter = iter(zip(places, self.numbers, strict=True))
        used: set[tuple[int, str]] = set()

        def written(match: re.Match[str]) -> str:
            place, number = next(counter)
            if place == LITERAL:
                return _literal(match[1], number.text)
            used.add((place, match[1]))
            return _register(place, match[1])

        tables = {name: _MARK.sub(written, text) for name, text in self._tables.items()}
        assert not used  # tables are constants
        functions: dict[str, str] = {}
        loads: dict[str, str] = {}
        for name, text in self._functions.items():
            functions[name] = _MARK.sub(written, text)
            loads[name] = _loads(used)
            used.clear()
        needing = _needing(functions, {name for name, text in loads.items() if text})
        handed = {m[2] for text in functions.values() for m in _HANDED.finditer(text)}
        named = {m[1] for text in functions.values() for m in _POINTER.finditer(text)}
        assert not (named - handed) & needing, "a function is handed on that needs numbers"
        for name in needing & functions.keys():
            functions[name] = _reading(functions[name], loads[name], needing, name in handed)
        made = self._module.rewritten(tables, functions)
        for name in needing & made.common.keys():  # it has a number of this module now
            del made.common[name]
        return made


def _literal(kind: str, text: str) -> str:
    return text if width_of(kind) == 1 else f"splat ({element_of(kind)} {text})"


def _register(place: int, kind: str) -> str:
    width = width_of(kind)
    return f"%n{place}" if width == 1 else f"%n{place}x{width}"


def _loads(used: set[tuple[int, str]]) -> str:
    """The code at the start of a function that reads what it needs of the table."""
    lines = []
    scalars = {place: element_of(kind) for place, kind in used}
    for place, element in sorted(scalars.items()):
        name = f"%n{place}"
        last = "i64" if element == "i64" else "word"
        lines.append(f"{name}at = getelementptr i64, ptr %numbers, i64 {place}")
        word = name if last == "i64" else f"{name}word"
        lines.append(f"{word} = load i64, ptr {name}at")
        if element == "double":
            lines.append(f"{name} = bitcast i64 {word} to double")
        elif element in ("float", "half"):
            bits = "i32" if element == "float" else "i16"
            lines.append(f"{name}bits = trunc i64 {word} to {bits}")
            lines.append(f"{name} = bitcast {bits} {name}bits to {element}")
        elif element != "i64":
            lines.append(f"{name} = trunc i64 {word} to {element}")
    for place, kind in sorted(used):
        width = width_of(kind)
        if width > 1:
            one, all_ = f"%n{place}", f"%n{place}x{width}"
            first = f"insertelement {kind} poison, {element_of(kind)} {one}, i64 0"
            lines.append(f"{all_}first = {first}")
            mask = f"{vector('i32', width)} zeroinitializer"
            lines.append(f"{all_} = shufflevector {kind} {all_}first, {kind} poison, {mask}")
    return "".join([line + "\n" for line in lines])


def _needing(functions: dict[str, str], needing: set[str]) -> set[str]:
    """The functions that need the table: for themselves, or for those that they name."""
    named = {name: set(_NAME.findall(text)) for name, text in functions.items()}
    needing = {*needing, "run"}
    while True:
        more = {name for name, inner in named.items() if inner & needing} - needing
        if not more:
            return needing
        needing |= more


def _reading(text: str, loads: str, needing: set[str], handed: bool) -> str:
    """A function that is given the table, uses it, and hands it on.

    One that a pool of threads calls finds the table beside its context.
    """
    head = _HEAD.match(text)
    assert head is not None
    name, operands = head[1], head[2]
    opening, body = text[: head.end()], text[head.end() :]
    begin = ""
    if name == "run":
        opening = opening.replace("ptr %a3", "ptr %numbers", 1)
    elif handed:
        opening = opening.replace("ptr %a0", "ptr %pair", 1)
        begin = (
            "%a0 = load ptr, ptr %pair\n"
            "%pairsecond = getelementptr ptr, ptr %pair, i64 1\n"
            "%numbers = load ptr, ptr %pairsecond\n"
        )
    else:
        comma = ", " if operands else ""
        opening = opening.replace(f"({operands})", f"({operands}{comma}ptr %numbers)", 1)
    pairs = 0

    def with_pair(match: re.Match[str]) -> str:
        nonlocal pairs, begin
        if match[2] not in needing:
            return match[0]
        pair = f"%pair{pairs}"
        pairs += 1
        begin += f"{pair} = alloca [2 x ptr], align 64\n"
        return (
            f"store ptr {match[3]}, ptr {pair}\n"
            f"{pair}at = getelementptr ptr, ptr {pair}, i64 1\n"
            f"store ptr %numbers, ptr {pair}at\n"
            f"{match[1]}ptr {pair}{match[4]}"
        )

    def with_table(match: re.Match[str]) -> str:
        if match[2] not in needing:
            return match[0]
        comma = ", " if match[3] else ""
        return f"{match[1]}{match[3]}{comma}ptr %numbers)"

    body = _CALL.sub(with_table, _HANDED.sub(with_pair, body))
    return opening + begin + loads + body


def arranged(samples: Sequence[Sequence[Number]]) -> list[int]:
    """For each number its place in the table, or :data:`LITERAL`, given those of some templates of
    one skeleton.

    Numbers that vary alike have one place: those computed from the same, or else those that are
    alike in all samples.
    """
    places: dict[object, int] = {}
    found = []
    for each in zip(*samples, strict=True):
        first = each[0]
        texts = [number.text for number in each]
        vary = first.key or first.text.startswith(ADDRESS) or len(set(texts)) > 1
        alike = (first.kind, first.key, *texts)
        found.append(places.setdefault(alike, len(places)) if vary else LITERAL)
    return found


def table(
    numbers: Sequence[Number],
    places: Sequence[int],
    sample: Sequence[Number],
    addresses: Sequence[int],
) -> list[int] | None:
    """The table for a template of the skeleton of a sample, given the addresses of its constants;
    None if it differs where the others do not."""
    words: dict[int, tuple[str, int]] = {}
    for number, place, other in zip(numbers, places, sample, strict=True):
        if place == LITERAL:
            if number.text != other.text:
                return None
        else:
            known = words.get(place)
            if known is None:
                words[place] = number.text, number.word(addresses)
            elif known[0] != number.text:
                return None
    return [words[place][1] for place in range(len(words))]
