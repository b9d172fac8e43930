"""Object code put into memory as a linker would, without LLVM: what is on the disk runs at once.

That is the object code of ELF for x86-64, and of it what LLVM makes of our modules. Anything else
is refused, and left to LLVM.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from functools import lru_cache
from struct import Struct, error as Malformed, pack_into
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD, _SECTION = Struct("<16sHHIQQQIHHHHHH"), Struct("<IIQQQQIIQQ")
_SYMBOL, _RELOCATION = Struct("<IBBHQQ"), Struct("<QQq")
_BEGIN = b"\x7fELF\x02\x01\x01"
_OBJECT, _X86_64 = 1, 62

_BITS, _SYMBOLS, _STRINGS, _RELOCATIONS, _ZEROS = 1, 2, 3, 4, 8
"""Kinds of sections; others that take memory are refused."""

_WRITTEN, _TAKES_MEMORY, _EXECUTED, _OF_THREADS = 1, 2, 4, 0x400
"""Flags of sections."""

_UNDEFINED, _ABSOLUTE, _RESERVED = 0, 0xFFF1, 0xFF00
"""Numbers of sections that stand for something else."""

# How an address is written: whole, as a distance, or as the distance of a place that has it.
_WHOLE, _APART, _CALLED, _FAR_APART = 1, 2, 4, 24
_BY_TABLE = (9, 41, 42)

_STUB = b"\xff\x25"  # jmp *distance(%rip)
_STUB_SIZE = 8
_ADDRESS = 8

_LARGEST = 1 << 30
"""Bytes of a section, which short distances reach over."""

_AREAS = 3
"""Code, what is only read, and variables."""


class RefusedError(Exception):
    """The object is none that this module puts into memory."""


class _Part:
    """A section that takes memory: `size` bytes from `offset` on of an area, and from `file` on of
    the object; -1 for zeros."""

    __slots__ = ("area", "file", "offset", "size")

    def __init__(self, area: int, offset: int, file: int, size: int) -> None:
        self.area = area
        self.offset = offset
        self.file = file
        self.size = size


class Placed:
    """Object code in memory, as long as this is there.

    Parameters
    ----------
    content : bytes
        The object.
    find : callable
        Gives the address of what the object names and does not define, None if there is no such.

    Attributes
    ----------
    addresses : dict of str to int
        Of the functions and variables that the object offers.

    Raises
    ------
    RefusedError
        It is another kind of object, or has something in it that ours never have.
    """

    def __init__(self, content: bytes, find: Callable[[str], int | None]) -> None:
        self._base = 0
        self._content = content
        self._find = find
        try:
            self._read()
            self._arrange()
            self._base = _reserved(self._size)
            self._fill()
        except (Malformed, ValueError, LookupError, ArithmeticError, OSError) as problem:
            raise RefusedError(f"an object that cannot be read: {problem}") from problem
        self._protect()

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        # Other threads may still run the code when the process ends.
        if self._base and not ending():
            _libc().munmap(self._base, self._size)

    # ---- what there is ------------------------------------------------------------------------

    def _read(self) -> None:
        content = self._content
        head = _HEAD.unpack_from(content)
        if head[0][:7] != _BEGIN or head[1:3] != (_OBJECT, _X86_64) or head[11] != _SECTION.size:
            raise RefusedError("no object of ELF for x86-64")
        start, count = head[6], head[12]
        self._sections: list[tuple[int, ...]] = [
            _SECTION.unpack_from(content, start + i * _SECTION.size) for i in range(count)
        ]
        tables = [s for s in self._sections if s[1] == _SYMBOLS]
        if len(tables) != 1:
            raise RefusedError("an object without one table of symbols")
        _, _, _, _, begin, size, link, *_ = tables[0]
        self._symbols: list[tuple[int, ...]] = list(
            _SYMBOL.iter_unpack(content[begin : begin + size])
        )
        names = self._sections[link]
        self._strings = content[names[4] : names[4] + names[5]]
        self._relocations = []
        for section in self._sections:
            if section[1] != _RELOCATIONS or not self._sections[section[7]][2] & _TAKES_MEMORY:
                continue
            rows = content[section[4] : section[4] + section[5]]
            self._relocations.append((section[7], list(_RELOCATION.iter_unpack(rows))))

    def _name(self, symbol: tuple[int, ...]) -> str:
        end = self._strings.index(b"\0", symbol[0])
        return self._strings[symbol[0] : end].decode()

    # ---- where it goes ------------------------------------------------------------------------

    def _arrange(self) -> None:
        """Give each section its place, and one to each address that is looked up in a table."""
        sizes = [0] * _AREAS
        self._parts: dict[int, _Part] = {}
        for i, (_, kind, flags, _, file, size, _, _, align, _) in enumerate(self._sections):
            if not flags & _TAKES_MEMORY:
                continue
            if kind not in (_BITS, _ZEROS) or flags & _OF_THREADS:
                raise RefusedError(f"a section of kind {kind} with flags {flags}")
            if size > _LARGEST or (kind == _BITS and file + size > len(self._content)):
                raise RefusedError("a section that is too large")
            if flags & _EXECUTED and flags & _WRITTEN or align > mmap.PAGESIZE:
                raise RefusedError("a section that is code and variables, or aligned to pages")
            area = 0 if flags & _EXECUTED else 2 if flags & _WRITTEN else 1
            offset = -(-sizes[area] // max(align, 1)) * max(align, 1)
            self._parts[i] = _Part(area, offset, file if kind == _BITS else -1, size)
            sizes[area] = offset + size
        tabled = {row[1] >> 32 for _, rows in self._relocations for row in rows if _tabled(row[1])}
        called = {
            row[1] >> 32
            for _, rows in self._relocations
            for row in rows
            if row[1] & 0xFFFFFFFF == _CALLED
        }
        far = {i for i in called if self._symbols[i][3] == _UNDEFINED}
        stubs = -(-sizes[0] // _STUB_SIZE) * _STUB_SIZE
        sizes[0] = stubs + _STUB_SIZE * len(far)
        table = -(-sizes[1] // _ADDRESS) * _ADDRESS
        sizes[1] = table + _ADDRESS * len(tabled | far)
        starts, end = [], 0
        for size in sizes:
            starts.append(end)
            end += -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        self._starts, self._size = [*starts, end], max(end, mmap.PAGESIZE)
        table, stubs = starts[1] + table, starts[0] + stubs
        self._table = {x: table + _ADDRESS * k for k, x in enumerate(sorted(tabled | far))}
        self._stubs = {x: stubs + _STUB_SIZE * k for k, x in enumerate(sorted(far))}

    def _place(self, section: int) -> int:
        part = self._parts[section]
        return self._starts[part.area] + part.offset

    def _address(self, index: int) -> int:
        """That of a symbol."""
        symbol = self._symbols[index]
        section = symbol[3]
        if section == _UNDEFINED:
            name = self._name(symbol)
            found = self._find(name) if index else 0
            if found is None:
                raise RefusedError(f"there is no {name}")
            return found
        if section == _ABSOLUTE:
            return symbol[4]
        if section >= _RESERVED or section not in self._parts:
            raise RefusedError(f"a symbol of section {section}")
        return self._base + self._place(section) + symbol[4]

    # ---- what is written ----------------------------------------------------------------------

    def _fill(self) -> None:
        base = self._base
        memory = memoryview((ctypes.c_char * self._size).from_address(base)).cast("B")
        for i, part in self._parts.items():
            if part.file >= 0:
                content = self._content[part.file : part.file + part.size]
                memory[self._place(i) : self._place(i) + part.size] = content
        needed = {row[1] >> 32 for _, rows in self._relocations for row in rows}
        addresses = {index: self._address(index) for index in needed}
        for index, place in self._table.items():
            pack_into("<Q", memory, place, addresses[index])
        for index, place in self._stubs.items():
            memory[place : place + len(_STUB)] = _STUB
            pack_into("<i", memory, place + 2, self._table[index] - place - 6)
        for section, rows in self._relocations:
            start, end = self._place(section), self._place(section) + self._parts[section].size
            for offset, info, addend in rows:
                kind, index = info & 0xFFFFFFFF, info >> 32
                place = start + offset
                if place + (8 if kind in (_WHOLE, _FAR_APART) else 4) > end:
                    raise RefusedError("an address outside of its section")
                if kind == _WHOLE:
                    pack_into("<Q", memory, place, (addresses[index] + addend) % (1 << 64))
                    continue
                if _tabled(info):
                    target = base + self._table[index]
                elif index in self._stubs and kind == _CALLED:
                    target = base + self._stubs[index]
                elif kind in (_APART, _CALLED, _FAR_APART):
                    target = addresses[index]
                else:
                    raise RefusedError(f"an address of kind {kind}")
                distance = target + addend - base - place
                pack_into("<q" if kind == _FAR_APART else "<i", memory, place, distance)
        self.addresses = {
            self._name(symbol): addresses.get(i) or self._address(i)
            for i, symbol in enumerate(self._symbols)
            if symbol[1] >> 4 == 1 and symbol[3] != _UNDEFINED
        }

    def _protect(self) -> None:
        """Let code be run and not written, and constants be read."""
        run, read = mmap.PROT_READ | mmap.PROT_EXEC, mmap.PROT_READ
        for area, rights in ((0, run), (1, read)):
            first, end = self._starts[area], self._starts[area + 1]
            if end > first and _libc().mprotect(self._base + first, end - first, rights):
                raise RefusedError("the system does not let memory become code")
        del self._content, self._find, self._sections, self._symbols, self._strings
        del self._relocations, self._parts, self._table, self._stubs


def _tabled(info: int) -> bool:
    return info & 0xFFFFFFFF in _BY_TABLE


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    """The C library, with the functions that are called here."""
    found = ctypes.CDLL(None, use_errno=True)
    address, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    found.mmap.restype = address
    found.mmap.argtypes = (address, size, number, number, number, ctypes.c_long)
    found.mprotect.argtypes = (address, size, number)
    found.munmap.argtypes = (address, size)
    return found


def _reserved(size: int) -> int:
    """The address of so much memory, all zeros, of which a child of the process has a copy."""
    rights, kind = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    found = _libc().mmap(None, size, rights, kind, -1, 0)
    if found in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "no memory for code")
    return int(found)
