"""Programs in native code of which another process has left code and record: nothing is planned."""

from __future__ import annotations

import ctypes
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, ref

import numpy as np

from functrans.compile.llvm import providers
from functrans.compile.llvm.code import engine
from functrans.compile.llvm.compiled import Body
from functrans.compile.llvm.native import NativeSegment
from functrans.compile.llvm.records import CutRecord, restored

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from functrans.compile.llvm.code.engine import Loaded
    from functrans.compile.llvm.native import NativeProgram
    from functrans.compile.llvm.records import Key, Record
    from functrans.core.types import Array
    from functrans.graph.graph import Graph


def recorded(
    graph: Graph, donated: tuple[int, ...], exact: bool, key: Key, record: Record | CutRecord
) -> RecordedProgram | None:
    """The program of a record; None if the code is not there any more, or needs what is not here.

    Code that was made quickly does where there is no other; the other is then made by a thread.
    """
    make = _cut if isinstance(record, CutRecord) else _whole
    return make(graph, donated, exact, key, record)


def _whole(
    graph: Graph, donated: tuple[int, ...], exact: bool, key: Key, record: Any
) -> RecordedProgram | None:
    function = _function(graph, partial(_in_native_form, graph, exact), exact, key, record)
    if function is None:
        return None
    types, by_numpy = (graph.input_types, graph.output_types), partial(_by_numpy, graph, exact)
    segment = NativeSegment(graph.name, types, record.forms, function, exact, by_numpy)
    return RecordedProgram(graph, donated, exact, segment.run, segment)


def _cut(
    graph: Graph, donated: tuple[int, ...], exact: bool, key: Key, record: Any
) -> RecordedProgram | None:
    from functrans.compile.llvm.native_primitive import with_runs
    from functrans.compile.numpy_program import program
    from functrans.graph.files.values import Damaged

    try:
        numbered = record.made(key)
    except (Damaged, ImportError):
        return None
    parts: dict[int, Graph] = {}

    def noted(part: Graph, number: int) -> int:
        parts.setdefault(number, part)
        return number

    with_runs(numbered, noted)
    runs = []
    for number, one in enumerate(record.segments):
        part = parts[number]
        function = _function(graph, partial(_itself, part), exact, key, one)
        if function is None:
            return None
        types, by_numpy = (part.input_types, part.output_types), partial(_itself_by_numpy, part)
        runs.append(NativeSegment(part.name, types, one.forms, function, exact, by_numpy).run)
    made = program(with_runs(numbered, lambda _, number: runs[number]), donated)
    return RecordedProgram(graph, donated, exact, made.run, source=made.source)


def _function(
    whole: Graph, form: Callable[[], Graph], exact: bool, key: Key, record: Record
) -> RecordedFunction | None:
    """The function of a record, see :class:`RecordedFunction`; None as above."""
    function = RecordedFunction(whole, form, exact, record, restored(record.constants, key))
    code = _loaded(record, record.code, function.names, [])
    if code is not None:
        function.use(code, optimized=True)
        return function
    if record.numbers is not None:  # it is not this program's alone
        return None
    for part, offered in record.quick:
        last = part == record.quick[-1][0]
        if not last and engine.SYMBOLS.keys() >= set(offered):
            continue
        code = _loaded(record, part, function.names if last else [], offered)
        if code is None:
            return None
    if code is None:
        return None
    function.use(code, optimized=False)
    function.optimize_later()
    return function


def _in_native_form(graph: Graph, exact: bool) -> Graph:
    from functrans.compile.llvm.planned import in_native_form

    key = "prepared", exact
    if key not in graph.derived:
        graph.derived[key] = in_native_form(graph, exact)
    return graph.derived[key]  # type: ignore[no-any-return]


def _by_numpy(graph: Graph, exact: bool, *values: Any) -> list[Array]:
    return _itself_by_numpy(_in_native_form(graph, exact), *values)


def _itself(part: Graph) -> Graph:
    """A segment, which was cut from a graph in native form."""
    return part


def _itself_by_numpy(graph: Graph, *values: Any) -> list[Array]:
    from functrans.compile.numpy_program import program

    return program(graph).run(*values)


_unplanned: list[ReferenceType[RecordedFunction]] = []
"""Functions that were found and are in no family yet, in their order."""


def join_families(graph: Graph) -> None:
    """Let programs that were found be known to their families, if a graph that is to be planned may
    differ from theirs in sizes alone: it has the same code then as if they had been planned."""
    if not _unplanned:
        return
    from functrans.compile.llvm.plans.dynamic_shapes import GraphSignature

    own = GraphSignature(graph).key
    for reference in list(_unplanned):
        function = reference()
        if function is None:
            _unplanned.remove(reference)
        elif function.signature == own:
            _unplanned.remove(reference)
            function.join_family()


def _loaded(record: Record, key: str, names: list[str], offered: list[str]) -> Loaded | None:
    named = engine.named_by(key)
    if named is None or not providers.prepare(named, record.blas):
        return None
    return engine.load_known(key, names, offered=offered)


class RecordedFunction(Body):
    """A native function with what its record tells; see
    :class:`functrans.compile.llvm.segment.NativeFunction`.

    Parameters
    ----------
    whole : Graph
        Of the program that it is, or is a segment of.
    form : callable
        Gives the graph that its code is of.
    exact : bool
    record : Record
    constants : list of ndarray
    """

    def __init__(
        self,
        whole: Graph,
        form: Callable[[], Graph],
        exact: bool,
        record: Record,
        constants: list[np.ndarray[Any, Any]],
    ) -> None:
        addresses = [x.ctypes.data for x in constants]
        table, numbers = None, None
        if record.numbers is None:
            table = (ctypes.c_void_p * max(len(addresses), 1))(*addresses)
        else:
            words = [addresses[x[0]] if isinstance(x, tuple) else x for x in record.numbers]
            numbers = np.array(words, np.int64)
        super().__init__(table)
        self.numbers = numbers
        self.arena = record.arena
        self.checked = record.checked
        self.polls = record.polls
        self.long = record.long
        self.aliased = record.aliased
        self._graph, self._form, self._exact = whole, form, exact
        self._key = record.code
        self._constants = constants
        _unplanned.append(ref(self))

    @cached_property
    def signature(self) -> Hashable:
        """What the graph of the program is but for its sizes."""
        from functrans.compile.llvm.plans.dynamic_shapes import GraphSignature

        return GraphSignature(self._graph).key

    def join_family(self) -> None:
        """Be known to programs that differ in sizes alone."""
        from functrans.compile.llvm.families import Member

        self._member = Member(self._form(), self._exact)
        self._member.settle()

    def optimize(self) -> None:
        """Compile the graph with all optimisations, into the same memory."""
        from functrans.compile.llvm.segment import whole_module

        module = whole_module(self._form(), self._exact, self.arena, self._constants)
        code = engine.load(module.text(), self.names, kept=False, key=self._key)
        self.use(code, optimized=True)


class RecordedProgram:
    """A graph as a native program, planned only if somebody asks how it looks; see
    :class:`functrans.compile.llvm.native.NativeProgram`."""

    def __init__(
        self,
        graph: Graph,
        donated: tuple[int, ...],
        exact: bool,
        run: Callable[..., list[Array]],
        segment: NativeSegment | None = None,
        source: str = "",
    ) -> None:
        self._planned: NativeProgram | None = None
        self._arguments = graph, donated, exact
        self.name = graph.name
        self.run = run
        self.segment = segment
        self.source = source

    @property
    def native(self) -> str:
        if self._planned is None:
            from functrans.compile.llvm.planned import PlannedProgram

            self._planned = PlannedProgram(*self._arguments)
        return self._planned.native

    def __call__(self, *values: Array) -> list[Array]:
        return self.run(*values)

    def __repr__(self) -> str:
        return f"<native program of graph {self.name}>"
