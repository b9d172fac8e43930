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
from functrans.graph.files.identity import Identity, graph_of
from functrans.graph.files.values import Unsupported

if TYPE_CHECKING:
    from functrans.graph.graph import Graph

LARGEST = 1 << 22
"""Bytes of constants up to which there is a key, and up to which a record holds them."""

_FORMAT = "record 2"

_ELSEWHERE = frozenset(("FUNCTRANS_CACHE", "FUNCTRANS_CACHE_DIR", "FUNCTRANS_NUM_THREADS"))
"""Variables of the environment on which no code depends."""


class Key:
    """What the record of a graph is found by.

    Attributes
    ----------
    name : str
    arrays : list of ndarray
        The constants of the graph.
    lines : list of str
        Those of the user's code, each once. What the graph is told by says which equations have
        the same, not which these are.
    """

    __slots__ = ("arrays", "lines", "name")

    def __init__(self, name: str, arrays: list[np.ndarray[Any, Any]], lines: list[str]) -> None:
        self.name = name
        self.arrays = arrays
        self.lines = lines


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
    return Key(name, identity.arrays, identity.lines)


def _numpy() -> str:
    """NumPy as it is installed: its version, and the library that knows its BLAS."""
    status = os.stat(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    return f"{np.__version__} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


class Record:
    """What the native code of a graph, or of a segment of one, needs.

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


class CutRecord:
    """What a graph needs that is cut into segments.

    Attributes
    ----------
    segments : list of Record
        In the order in which they were made.
    graph : object
        What :class:`Identity` has written of the graph that calls them, in which the parameter
        ``run`` of a segment is its number.
    lines : list of int
        The places of its lines among those of the key.
    constants : list
        Its arrays, as those of a record.
    """

    __slots__ = ("constants", "graph", "lines", "segments")

    def __init__(
        self, segments: list[Record], graph: Any, lines: list[int], constants: list[Any]
    ) -> None:
        self.segments = segments
        self.graph = graph
        self.lines = lines
        self.constants = constants

    def made(self, key: Key) -> Graph:
        """The graph that calls the segments, with their numbers.

        Raises
        ------
        Damaged
            It needs what is not here.
        """
        return graph_of(
            self.graph, [key.lines[i] for i in self.lines], restored(self.constants, key)
        )


def cut_record(graph: Graph, segments: list[Record], key: Key) -> CutRecord | None:
    """The record of a graph that calls segments by their numbers; None where another would be read
    of it, or it is too large."""
    places = {line: i for i, line in enumerate(key.lines)}
    try:
        identity = Identity(graph, LARGEST)
    except Unsupported:
        return None
    constants = stored(identity.arrays, key)
    if constants is None or not places.keys() >= set(identity.lines):
        return None
    lines = [places[line] for line in identity.lines]
    record = CutRecord(segments, identity.written, lines, constants)
    again = Identity(_read(_written(record)).made(key), LARGEST)
    same = again.text == identity.text and again.lines == identity.lines
    return record if same and [*again.contents()] == [*identity.contents()] else None


def find(key: Key) -> Record | CutRecord | None:
    """The record of a key, if the disk has it as it was written."""
    written = cache.find(key.name)
    return None if written is None else _read(written)


def keep(key: Key, record: Record | CutRecord) -> None:
    """Write a record to the disk, unless the sources have changed meanwhile."""
    if _as_loaded():
        cache.keep(key.name, _written(record))


def _written(record: Record | CutRecord) -> bytes:
    parts = {name: getattr(record, name) for name in record.__slots__}
    if isinstance(record, CutRecord):
        parts["segments"] = list(map(_written, record.segments))
    return marshal.dumps(parts)


def _read(written: bytes) -> Any:
    parts = marshal.loads(written)
    if "segments" not in parts:
        return Record(**parts)
    return CutRecord(**{**parts, "segments": list(map(_read, parts["segments"]))})


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


def restored(
    constants: list[int | tuple[str, tuple[int, ...], bytes]], key: Key
) -> list[np.ndarray[Any, Any]]:
    """Arrays that a record holds, those of the graph itself where they are these."""
    return [
        key.arrays[x] if isinstance(x, int) else np.frombuffer(x[2], x[0]).reshape(x[1]).copy()
        for x in constants
    ]
