"""Records on the disk of what native code of a graph needs besides the code, found by the graph.

A process that has the record of a graph, and the code, need not plan the graph nor write its text.
The key is everything that decides: the graph, the options, the sources of this library, versions,
processor and environment. Nothing is compared afterwards, and nothing of another key is read.
"""

from __future__ import annotations

import marshal
import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm.code import cache
from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.code.sources import fingerprint, now
from functrans.core.primitive import OVERRIDDEN
from functrans.graph.files.identity import Identity
from functrans.graph.files.values import Unsupported

if TYPE_CHECKING:
    from functrans.graph.graph import Graph

LARGEST = 1 << 22
"""Bytes of constants up to which there is a key, and up to which a record holds them."""

_FORMAT = "record 1"

_ELSEWHERE = frozenset(("FUNCTRANS_CACHE", "FUNCTRANS_CACHE_DIR", "FUNCTRANS_NUM_THREADS"))
"""Variables of the environment on which no code depends."""


class Key:
    """What the record of a graph is found by.

    Attributes
    ----------
    name : str
    arrays : list of ndarray
        The constants of the graph.
    """

    __slots__ = ("arrays", "name")

    def __init__(self, name: str, arrays: list[np.ndarray[Any, Any]]) -> None:
        self.name = name
        self.arrays = arrays


def key_of(graph: Graph, options: tuple[Any, ...]) -> Key | None:
    """The key of a graph with the options of its code, plain numbers and tuples of them.

    None where nothing is kept on the disk, or the graph cannot be told by a text. Programs of loops
    have derivatives that are only made for them, of all kinds of rules: none may be the user's.
    """
    if cache.folder() is None or OVERRIDDEN:
        return None
    sources = fingerprint()
    if sources is None:
        return None
    try:
        identity = Identity(graph, LARGEST)
    except Unsupported:
        return None
    environment = sorted(
        [x for x in os.environ.items() if x[0].startswith("FUNCTRANS_") and x[0] not in _ELSEWHERE]
    )
    around = (_FORMAT, sys.version, _numpy(), sources, repr(environment), repr(options))
    name = cache.key_of(identity.text, *around, *machine().processor, contents=identity.contents())
    return Key(name, identity.arrays)


def _numpy() -> str:
    """NumPy as it is installed: its version, and the library that knows its BLAS."""
    status = os.stat(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    return f"{np.__version__} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


class Record:
    """What native code of a graph needs.

    Attributes
    ----------
    arena : int
    checked, polls, long : bool
        Those of :class:`functrans.compile.llvm.segment.NativeFunction`, as are the next two.
    aliased : dict of int to int
    numbers : list or None
        An int, or a tuple with the place of a constant whose address stands there.
    forms : list of str
        For each output ``"array"``, ``"scalar"``, or ``""`` where its type tells.
    code : str
        What its optimised code is found by.
    quick : list of tuple
        The same of code that was made quickly, with functions that it has for others; before, of
        the modules whose functions it calls.
    constants : list
        Arrays whose addresses the code is given: the place among those of the graph, or dtype,
        shape and bytes.
    blas : tuple of str or None
        The library of linear algebra that the code may have been written for.
    """

    __slots__ = (
        "aliased",
        "arena",
        "blas",
        "checked",
        "code",
        "constants",
        "forms",
        "long",
        "numbers",
        "polls",
        "quick",
    )

    def __init__(self, **parts: Any) -> None:
        self.arena: int
        self.checked: bool
        self.polls: bool
        self.long: bool
        self.aliased: dict[int, int]
        self.numbers: list[int | tuple[int]] | None
        self.forms: list[str]
        self.code: str
        self.quick: list[tuple[str, list[str]]]
        self.constants: list[int | tuple[str, tuple[int, ...], bytes]]
        self.blas: tuple[str, str] | None
        for name in self.__slots__:
            setattr(self, name, parts[name])


def find(key: Key) -> Record | None:
    """The record of a key, if the disk has it as it was written."""
    written = cache.find(key.name)
    return None if written is None else Record(**marshal.loads(written))


def keep(key: Key, record: Record) -> None:
    """Write a record to the disk, unless the sources have changed meanwhile."""
    if _as_loaded():
        parts = {name: getattr(record, name) for name in Record.__slots__}
        cache.keep(key.name, marshal.dumps(parts))


_looked_at = 0
"""Modules that were loaded when the sources were last looked at."""


def _as_loaded() -> bool:
    """Whether all modules that are loaded are those of the fingerprint: a file that was changed
    after that was taken matters where a module has been loaded since."""
    global _looked_at
    count = len(sys.modules)
    if count != _looked_at:
        if now() != fingerprint():
            return False
        _looked_at = count
    return True


def stored(
    constants: list[np.ndarray[Any, Any]], key: Key
) -> list[int | tuple[str, tuple[int, ...], bytes]] | None:
    """Constants as a record holds them; None if they are too large."""
    places = {id(x): i for i, x in enumerate(key.arrays)}
    found: list[int | tuple[str, tuple[int, ...], bytes]] = []
    room = LARGEST
    for x in constants:
        if id(x) in places:
            found.append(places[id(x)])
            continue
        room -= x.nbytes
        if room < 0 or not x.flags.c_contiguous:
            return None
        found.append((x.dtype.str, x.shape, x.tobytes()))
    return found


def restored(record: Record, key: Key) -> list[np.ndarray[Any, Any]]:
    """The constants of a record, those of the graph itself where they are these."""
    return [
        key.arrays[x] if isinstance(x, int) else np.frombuffer(x[2], x[0]).reshape(x[1]).copy()
        for x in record.constants
    ]
