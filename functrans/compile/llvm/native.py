"""Programs in native code: found by their graph where another process has left it, or planned."""

from __future__ import annotations

import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from functrans.compile import background
from functrans.compile.llvm import records
from functrans.compile.llvm.calling.entry import builtin
from functrans.compile.llvm.calling.signature import Array as ArrayLeaf, Donated
from functrans.core.garbage import no_collection
from functrans.graph.graph import graphs_in

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable, Mapping, Sequence

    from functrans.core.types import Array, ArrayType
    from functrans.graph.graph import Graph

AT_ONCE = 12
"""Equations of a program that are compiled before its first call, though the background was asked
for: that takes a few milliseconds."""

QUICK = "FUNCTRANS_QUICK"
"""The environment variable that says whether first calls may be served by code that is made
quickly; 0: all optimisations come first."""


class Function(Protocol):
    """A native function: what :class:`functrans.compile.llvm.segment.NativeFunction` tells."""

    arena: int
    checked: bool
    polls: bool
    long: bool
    aliased: dict[int, int]
    numbers: np.ndarray[Any, np.dtype[np.int64]] | None

    @property
    def body(self) -> ctypes.c_void_p: ...


class NativeSegment:
    """A graph as a native function.

    Parameters
    ----------
    name : str
    types : tuple of list of ArrayType
        Of inputs and of outputs.
    forms : list of str
        What outputs without dimensions are, ``"array"`` or ``"scalar"``.
    function : Function
    exact : bool
    by_numpy : callable
        The graph by NumPy, for values of which native code says so.

    Attributes
    ----------
    run : callable
        ``run(*values) -> list of outputs``. Values whose memory is laid out in another way than in
        C order are copied, or left to NumPy where the bits are to be those of NumPy.
    """

    def __init__(
        self,
        name: str,
        types: tuple[list[ArrayType], list[ArrayType]],
        forms: list[str],
        function: Function,
        exact: bool,
        by_numpy: Callable[..., list[Array]],
    ) -> None:
        self.name = name
        self.types = types
        self.forms = forms
        self._function = function
        self._by_numpy = by_numpy
        fallback = by_numpy if exact else self._in_order
        self.run: Callable[..., list[Array]] = self.builtin(types[0], self.results(), fallback)

    def builtin(
        self,
        inputs: Sequence[Any],
        outputs: Any,
        fallback: Callable[..., Any],
        keywords: Mapping[str, Any] | None = None,
    ) -> Callable[..., Any]:
        """A function around the native code, with arguments and results in these structures; see
        :func:`functrans.compile.llvm.calling.entry.builtin`."""
        function = self._function
        return builtin(
            self.name,
            function.body,
            inputs,
            outputs,
            fallback,
            keywords=keywords,
            arena=function.arena,
            status=function.checked,  # `fallback` raises the error, as NumPy has it
            polls=function.polls,
            long=function.long,
            numbers=function.numbers,
            kept=function,
        )

    def results(self) -> list[Any]:
        """What the outputs are, for builtins: arguments that were given up; of those without
        dimensions whether they are scalars of NumPy, as ufuncs return them, or arrays."""
        found: list[Any] = []
        for i, (kind, form) in enumerate(zip(self.types[1], self.forms, strict=True)):
            place = self._function.aliased.get(i)
            if place is not None:
                found.append(Donated(place))
            else:
                found.append(ArrayLeaf((), kind.dtype, form) if form else kind)  # type: ignore[arg-type]
        return found

    @cached_property
    def _ordered(self) -> Callable[..., list[Array]]:
        """What runs on values in C order."""
        return self.builtin(self.types[0], self.results(), self._by_numpy)

    def _in_order(self, *values: Any) -> list[Array]:
        try:
            ordered = [np.ascontiguousarray(x) if getattr(x, "ndim", 0) else x for x in values]
        except MemoryError:  # a view may show more than there is memory for
            return self._by_numpy(*values)
        return self._ordered(*ordered)


class NativeProgram(Protocol):
    """A graph in native code, to be used as a :class:`functrans.compile.Program`.

    Attributes
    ----------
    name : str
        That of the graph.
    segment : NativeSegment or None
        What carries all of it out, where there is such.
    run : callable
    source : str
        The text of the part in Python.
    native : str
        The text of all modules for LLVM.
    """

    name: str
    segment: NativeSegment | None
    run: Callable[..., list[Array]]
    source: str

    @property
    def native(self) -> str: ...

    def __call__(self, *values: Array) -> list[Array]: ...


class Tiered:
    """A program that NumPy carries out until its native code is there, which a thread makes."""

    def __init__(
        self, graph: Graph, donated: tuple[int, ...], exact: bool, key: records.Key | None
    ) -> None:
        from functrans.compile.numpy_program import program

        self._arguments = graph, donated, exact, False, key
        self._first = program(graph, donated)
        self._done = threading.Event()
        self._error: BaseException | None = None
        self._made: NativeProgram | None = None
        self.run: Callable[..., list[Array]] = self._before
        background.later(self._compile)

    def __call__(self, *values: Array) -> list[Array]:
        return self.run(*values)

    def finished(self) -> NativeProgram:
        """The native program, as soon as it is there."""
        while not self._done.wait(0.1):
            background.go_on()
        if self._error is not None:
            raise self._error
        assert self._made is not None
        return self._made

    @property
    def settled(self) -> bool:
        """Whether `run` will stay what it is."""
        return self._done.is_set()

    @property
    def segment(self) -> NativeSegment | None:
        return None if self._made is None else self._made.segment

    @property
    def source(self) -> str:
        return self.finished().source

    @property
    def native(self) -> str:
        return self.finished().native

    def _compile(self) -> None:
        try:
            self._made = _planned(*self._arguments)
            self.run = self._made.run
        except background.PostponedError:
            raise
        except BaseException as error:
            self._error = error
        self._done.set()

    def _before(self, *values: Array) -> list[Array]:
        if self._error is not None:
            raise self._error
        background.go_on()  # this process may have been forked meanwhile
        outs: list[Array] = self._first.run(*values)
        return outs


def native_program(
    graph: Graph, donated: tuple[int, ...], exact: bool, in_background: bool
) -> NativeProgram | Tiered:
    """The native program of a graph, made once: by another thread, if that is asked for and it
    takes long."""
    place = "program", donated, "llvm", exact
    made: NativeProgram | Tiered | None = graph.derived.get(place)
    if made is None:
        quick = os.environ.get(QUICK, "1") != "0"
        key = records.key_of(graph, (donated, exact))
        with no_collection():
            made = None if key is None else _found(graph, donated, exact, key)
            if made is None:
                if in_background and _equations(graph) > AT_ONCE:
                    made = Tiered(graph, donated, exact, key)
                else:
                    made = _planned(graph, donated, exact, quick, key)
        graph.derived[place] = made
    elif isinstance(made, Tiered) and not in_background:
        return made.finished()
    return made


def _found(
    graph: Graph, donated: tuple[int, ...], exact: bool, key: records.Key
) -> NativeProgram | None:
    """The program that another process has left on the disk."""
    record = records.find(key)
    if record is None:
        return None
    from functrans.compile.llvm.recorded import recorded

    return recorded(graph, donated, exact, key, record)


def _planned(
    graph: Graph, donated: tuple[int, ...], exact: bool, quick: bool, key: records.Key | None
) -> NativeProgram:
    """A program that is made anew, and left on the disk."""
    from functrans.compile.llvm import planned

    made = planned.PlannedProgram(graph, donated, exact, quick)
    record = None if key is None else made.record(key)
    if key is not None and record is not None:
        records.keep(key, record)
    return made


def _equations(graph: Graph) -> int:
    nested = [inner for e in graph.equations for inner in graphs_in(e.params)]
    return len(graph.equations) + sum(map(_equations, nested))
