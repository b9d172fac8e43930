"""Running native functions with each access to memory checked.

What a function may touch is copied to one stretch of memory, the *ground*, with room between the
pieces, and each byte of it has a byte of shadow that tells what may be done there
(:mod:`tests.llvm.shadow`). Pieces of the arena live from the step that writes them to the last one
that reads them. Chunks of kernels are carried out one after the other, forwards and backwards in
turn, and no chunk may touch what another one writes.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from functrans.compile.llvm import compiled, emission, families, segment
from functrans.compile.llvm.code.builder import Value, number
from functrans.compile.llvm.code.engine import SYMBOLS, load
from functrans.compile.llvm.kernels import branches, iteration
from functrans.compile.llvm.plans.arena import LINE, arranged
from tests.llvm.checked import Checked
from tests.llvm.shadow import FILLED, READ, SINK, STATE, WRITE, Failure, Word

APART = 256
"""Bytes between pieces."""

SLOTS = 1 << 22
"""Bytes of memory for what functions need for themselves."""


class Ground:
    """The memory of the call that is being carried out."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.state = (ctypes.c_int64 * len(Word))()
        self.sink = np.zeros(SINK + LINE, np.uint8)
        self.state[Word.SINK] = self.sink.ctypes.data + -self.sink.ctypes.data % LINE
        self.backwards = False
        self._grow(1 << 20)
        SYMBOLS[STATE] = ctypes.addressof(self.state)

    def _grow(self, size: int) -> None:
        size += SLOTS
        self.bytes = np.zeros(size + LINE, np.uint8)
        self.shadow = np.zeros(size, np.uint8)
        self.readers, self.writers = np.zeros(size, np.int64), np.zeros(size, np.int64)
        start = -self.bytes.ctypes.data % LINE
        self.memory = self.bytes[start : start + size]
        self.state[Word.BASE] = self.memory.ctypes.data
        self.state[Word.BYTES] = size
        self.state[Word.SHADOW] = self.shadow.ctypes.data
        self.state[Word.READER] = self.readers.ctypes.data
        self.state[Word.WRITER] = self.writers.ctypes.data
        self.state[Word.SLOTS_END] = self.memory.ctypes.data + size

    def begin(self, size: int) -> None:
        """Make room for a call, of which nothing may be touched."""
        if size + SLOTS > len(self.memory):
            self._grow(2 * size)
        self.memory[:size] = 0xA5
        self.shadow[:] = 0
        for word in (Word.FAILED, Word.CHUNK):
            self.state[word] = 0
        self.state[Word.SLOTS] = self.memory.ctypes.data + len(self.memory) - SLOTS
        self.backwards = not self.backwards
        self.state[Word.BACKWARDS] = self.backwards

    def address(self, offset: int) -> int:
        return int(self.state[Word.BASE]) + offset

    def failure(self, pieces: Sequence[_Piece], sites: Sequence[str]) -> str | None:
        """What went wrong first, in words."""
        kind = self.state[Word.FAILED]
        if not kind:
            return None
        name = Failure(kind).name.lower()
        if kind == Failure.SHADOW:
            held = self.state[Word.HELD]
            name = "no memory" if not held & READ else "read-only" if held & FILLED else "undefined"
        offset = self.state[Word.OFFSET]
        return f"{name} at {_named(pieces, offset)}: {sites[self.state[Word.SITE]]}"


class _Piece:
    """A piece of the ground."""

    def __init__(self, name: str, size: int, shadow: int) -> None:
        self.name = name
        self.size = size
        self.shadow = shadow
        self.offset = 0


def _named(pieces: Sequence[_Piece], offset: int) -> str:
    for piece in pieces:
        if piece.offset - APART // 2 <= offset < piece.offset + piece.size + APART // 2:
            return f"byte {offset - piece.offset} of the {piece.size} of {piece.name}"
    return f"offset {offset}, among those of functions"


GROUND = Ground()

FAILURES: list[str] = []
"""What went wrong in calls of checked functions, which cannot raise."""

CALLS = [0]
"""How many calls of checked functions there were."""


class CheckedCode:
    """Stands for the code of a native function: ``run`` and ``bind``."""

    def __init__(self, made: segment.Segment, text: str, verify: bool) -> None:
        self.checked = Checked(text)
        self._code = load(self.checked.text, ["run", "bind"], verify=verify, quick=True, kept=False)
        four, one = [ctypes.c_void_p] * 4, [ctypes.c_void_p]
        self._run = ctypes.CFUNCTYPE(ctypes.c_int32, *four)(self._code["run"])
        self._bind = ctypes.CFUNCTYPE(None, *one)(self._code["bind"])
        self._callbacks = {
            "run": ctypes.CFUNCTYPE(ctypes.c_int32, *four)(self._called),
            "bind": ctypes.CFUNCTYPE(None, *one)(lambda _: None),
        }
        graph = made.frame.graph
        inputs = [x.type for x in graph.inputs]
        self._constants = made.constants
        self._inputs = [_piece(f"input {i}", x, READ | FILLED) for i, x in enumerate(inputs)]
        outputs = list(enumerate(graph.output_types))
        self._outputs = [_piece(f"output {i}", x, READ | WRITE) for i, x in outputs]
        self._tables = [
            _Piece(name, 8 * len(of), READ | FILLED)
            for name, of in (
                ("the table of inputs", inputs),
                ("the table of outputs", outputs),
                ("the table of constants", made.constants),
            )
        ]
        self._fixed = [
            _Piece(f"constant {i}", x.nbytes, READ | FILLED) for i, x in enumerate(made.constants)
        ]
        self._arena = _Piece("the arena", made.arena, READ | WRITE)

    def __getitem__(self, name: str) -> int:
        address = ctypes.cast(self._callbacks[name], ctypes.c_void_p).value
        assert address is not None
        return address

    def _called(self, inputs: int, outputs: int, arena: int, sizes: int) -> int:
        try:
            with GROUND.lock:
                return self._carried_out(inputs, outputs)
        except BaseException as error:
            FAILURES.append(repr(error))
            return 0

    def _carried_out(self, inputs: int, outputs: int) -> int:
        CALLS[0] += 1
        given = _words(inputs, len(self._inputs))
        made = _words(outputs, len(self._outputs))
        pieces = [*self._tables, *self._fixed, *self._inputs, self._arena]
        own = [x for x, place in zip(self._outputs, made, strict=True) if place not in given]
        real = dict(zip([*self._inputs, *self._outputs], [*given, *made], strict=True))
        size = APART
        for piece in [*pieces, *own]:
            piece.offset = size + real.get(piece, 0) % LINE
            size = -(-(piece.offset + piece.size) // LINE) * LINE + APART
        ground = GROUND
        ground.begin(size)
        for piece in [*pieces, *own]:
            shadow = piece.shadow
            ground.shadow[piece.offset : piece.offset + piece.size] = shadow
        for piece, x in zip(self._fixed, self._constants, strict=True):
            self._fill(piece, x.ctypes.data)
        for piece, place in zip(self._inputs, given, strict=True):
            self._fill(piece, place)
        for piece, place in zip(self._outputs, made, strict=True):
            if place in given:
                lent = self._inputs[given.index(place)]
                piece.offset = lent.offset
                ground.shadow[piece.offset : piece.offset + piece.size] |= WRITE
        held = [self._inputs, self._outputs, self._fixed]
        for table, of in zip(self._tables, held, strict=True):
            words = np.array([ground.address(x.offset) for x in of], np.int64)
            ground.memory[table.offset : table.offset + table.size] = words.view(np.uint8)
        given_tables = [ground.address(x.offset) for x in self._tables]
        self._bind(given_tables[2])
        status = self._run(*given_tables[:2], ground.address(self._arena.offset), None)
        found = ground.failure([*pieces, *own], self.checked.sites)
        if found is not None:
            FAILURES.append(found)
        elif not status:
            for piece in self._outputs:
                if not (ground.shadow[piece.offset : piece.offset + piece.size] & FILLED).all():
                    FAILURES.append(f"not all of {piece.name} was written")
        for piece, place in zip(self._outputs, made, strict=True):
            ctypes.memmove(place, ground.address(piece.offset), piece.size)
        return int(status)

    def _fill(self, piece: _Piece, source: int) -> None:
        ctypes.memmove(GROUND.address(piece.offset), source, piece.size)


def _piece(name: str, kind: Any, shadow: int) -> _Piece:
    return _Piece(name, kind.size * kind.dtype.itemsize, shadow)


def _words(address: int, count: int) -> list[int]:
    return list((ctypes.c_int64 * count).from_address(address)) if count else []


class WatchedFrame(emission.Frame):
    """A frame that says from when on and how long pieces of the arena are in use."""

    def _arrange(self, graph: Any) -> Any:
        def watched(steps: Any, fixed: Any, size_of: Any) -> Any:
            made, size = arranged(steps, fixed, size_of)
            self.pieces = {x: (offset, size_of(x)) for x, offset in made.items()}
            self.begin: list[list[Any]] = [[] for _ in steps]
            self.end: list[list[Any]] = [[] for _ in steps]
            for x in made:
                where = [i for i, mentioned in enumerate(steps) if x in set(mentioned)]
                self.begin[where[0]].append(x)
                self.end[where[-1]].append(x)
            return made, size

        with patch.object(emission, "arranged", watched):
            return super()._arrange(graph)

    def emit(self, builder: Any, inputs: Any, outputs: Any, arena: Any) -> None:
        self._step = 0
        if self.size:
            self._mark(builder, arena, self.size, 0)
        super().emit(builder, inputs, outputs, arena)
        if self.size:  # the next one to use it finds it as it was
            self._mark(builder, arena, self.size, READ | WRITE)

    def _call(self, builder: Any, call: Any, at: Any) -> None:
        self._watched(builder, at, partial(super()._call, builder, call, at))

    def _nest(self, builder: Any, nest: Any, at: Any) -> None:
        self._watched(builder, at, partial(super()._nest, builder, nest, at))

    def _watched(self, builder: Any, at: Any, emit: Any) -> None:
        for x in self.begin[self._step]:
            self._mark(builder, at[x], self.pieces[x][1], READ | WRITE)
        emit()
        for x in self.end[self._step]:
            self._mark(builder, at[x], self.pieces[x][1], 0)
        self._step += 1

    def _mark(self, builder: Any, address: Value, size: int, shadow: int) -> None:
        builder.call("chk_mark", "void", address, number(size, "i64"), number(shadow, "i64"))


@contextmanager
def checked() -> Iterator[list[str]]:
    """Native functions that are made here have their accesses checked.

    Gives the list of what went wrong, which is empty again behind the block.
    """
    made = threading.local()

    class Watched(segment.Segment):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.last = self

    def loaded(
        text: str | Callable[[], str], names: list[str], *, verify: bool = False, **_: Any
    ) -> Any:
        text = text if isinstance(text, str) else text()  # which makes the segment that is the last
        return CheckedCode(made.last, text, verify)

    with ExitStack() as patches:
        for module in (segment, branches, iteration):
            patches.enter_context(patch.object(module, "Frame", WatchedFrame))
        patches.enter_context(patch.object(segment, "Segment", Watched))
        patches.enter_context(patch.object(compiled, "load", loaded))
        patches.enter_context(patch.object(compiled, "at_hand", lambda _: True))  # none is quick
        patches.enter_context(patch.object(families.Member, "find", lambda *_: None))
        FAILURES.clear()
        try:
            yield FAILURES
        finally:
            FAILURES.clear()
