"""Programs in native code: segments as builtins, and NumPy for what is between them."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile import background
from functrans.compile.llvm.calling.entry import builtin
from functrans.compile.llvm.calling.signature import Array as ArrayLeaf, Donated
from functrans.compile.llvm.cutting import cut, run_graphs, whole
from functrans.compile.llvm.segment import NativeFunction, prepared, supported
from functrans.compile.numpy_program import program
from functrans.core.garbage import no_collection
from functrans.core.types import dummy
from functrans.graph.graph import Variable, graphs_in
from functrans.graph.passes.layout import Layouts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from functrans.core.types import Array, ArrayType
    from functrans.graph.graph import Equation, Graph

AT_ONCE = 12
"""Equations of a program that are compiled before its first call, though the background was asked
for: that takes a few milliseconds."""

QUICK = "FUNCTRANS_QUICK"
"""The environment variable that says whether first calls may be served by code that is made
quickly; 0: all optimisations come first."""

PROBED = 10_000
"""Elements of operands up to which an operation is tried out."""


class NativeSegment:
    """A graph whose equations all have native kernels, compiled.

    Attributes
    ----------
    graph : Graph
    run : callable
        ``run(*values) -> list of outputs``. Values whose memory is laid out in another way than in
        C order are copied, or left to NumPy where the bits are to be those of NumPy.
    """

    def __init__(
        self, graph: Graph, exact: bool, donated: tuple[int, ...] = (), quick: bool = False
    ) -> None:
        self.graph = graph
        self._function = NativeFunction(graph, exact=exact, donated=donated, quick=quick)
        inputs, outputs = [v.type for v in graph.inputs], self.results()
        fallback = self._by_numpy
        if not exact:
            fallback = partial(_in_order, self.builtin(inputs, outputs, fallback), fallback)
        self.run: Callable[..., list[Array]] = self.builtin(inputs, outputs, fallback)

    @property
    def text(self) -> str:
        """Of the module for LLVM."""
        return self._function.text

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
            self.graph.name,
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
        for i, x in enumerate(self.graph.outputs):
            kind: ArrayType = x.type
            place = self._function.aliased.get(i)
            if place is not None:
                found.append(Donated(place))
            elif kind.shape or kind.weak:
                found.append(kind)
            else:
                array = _is_array(self.graph, x)
                found.append(ArrayLeaf((), kind.dtype, "array" if array else "scalar"))
        return found

    def _by_numpy(self, *values: Any) -> list[Array]:
        return program(self.graph).run(*values)


def _in_order(run: Callable[..., Any], otherwise: Callable[..., Any], *values: Any) -> Any:
    try:
        ordered = [np.ascontiguousarray(x) if getattr(x, "ndim", 0) else x for x in values]
    except MemoryError:  # a view may show more than there is memory for
        return otherwise(*values)
    return run(*ordered)


class NativeProgram:
    """A graph whose segments are native code, to be used as a :class:`functrans.compile.Program`.

    Attributes
    ----------
    name : str
        That of the graph.
    segment : NativeSegment or None
        What carries all of it out, where there is such.
    run : callable
    source : str
        The text of the part in Python.
    """

    def __init__(
        self, graph: Graph, donated: tuple[int, ...], exact: bool, quick: bool = False
    ) -> None:
        graph = run_graphs(graph, partial(prepared, exact=exact))
        fits = _Chooser(graph, exact)
        self._segments: list[NativeSegment] = []

        def segment(part: Graph, donated: tuple[int, ...] = ()) -> NativeSegment:
            self._segments.append(NativeSegment(part, exact, donated, quick))
            return self._segments[-1]

        self.name = graph.name
        self.segment = segment(graph, donated) if whole(graph, fits) else None
        self.source = ""
        if self.segment is not None:
            self.run = self.segment.run
        else:
            parts = cut(graph, fits, lambda part: segment(part).run)
            inner = program(parts, donated)
            self.run, self.source = inner.run, inner.source

    @property
    def native(self) -> str:
        """The text of all modules for LLVM."""
        return "\n".join(dict.fromkeys([one.text for one in self._segments]))

    def __call__(self, *values: Array) -> list[Array]:
        return self.run(*values)

    def __repr__(self) -> str:
        return f"<native program of graph {self.name}>"


class Tiered:
    """A program that NumPy carries out until its native code is there, which a thread makes."""

    def __init__(self, graph: Graph, donated: tuple[int, ...], exact: bool) -> None:
        self._arguments = graph, donated, exact
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
            self._made = NativeProgram(*self._arguments)
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
    key = "program", donated, "llvm", exact
    made: NativeProgram | Tiered | None = graph.derived.get(key)
    if made is None:
        if in_background and _equations(graph) > AT_ONCE:
            made = Tiered(graph, donated, exact)
        else:
            with no_collection():
                made = NativeProgram(graph, donated, exact, os.environ.get(QUICK, "1") != "0")
        graph.derived[key] = made
    elif isinstance(made, Tiered) and not in_background:
        return made.finished()
    return made


def _equations(graph: Graph) -> int:
    nested = [inner for e in graph.equations for inner in graphs_in(e.params)]
    return len(graph.equations) + sum(map(_equations, nested))


class _Chooser:
    """Which equations of a graph, and of those within, are left to native code."""

    def __init__(self, graph: Graph, exact: bool) -> None:
        self._exact = exact
        self._chosen: set[Equation] = set()
        self._look(graph)

    def __call__(self, equation: Equation) -> bool:
        return equation in self._chosen

    def _look(self, graph: Graph) -> None:
        layouts = Layouts((), (), graph.inputs)
        for equation in graph.equations:
            for inner in graphs_in(equation.params):
                self._look(inner)
            if not (_silent(equation) and supported(equation, self._exact)):
                layouts.assume(equation.outputs)  # segments look at what they are given
                continue
            if self._exact:  # NumPy adds up in another order where memory is in another
                layouts.see(equation)
                operands = [x for x in (*equation.inputs, *equation.outputs) if _rank(x) > 1]
                if not all(map(layouts.contiguous, operands)):
                    layouts.assume(equation.outputs)
                    continue
            self._chosen.add(equation)


def _silent(equation: Equation) -> bool:
    """Whether no floating-point error of an operation is to do more than to warn."""
    return equation.errstate is None or set(equation.errstate.values()) <= {"warn", "ignore"}


def _is_array(graph: Graph, x: Any) -> bool:
    """Whether a value without dimensions is an array on NumPy, where those that are given are
    scalars: it is tried out, but not with loops, whose results are what their bodies make."""
    equation = next((e for e in graph.equations if x in e.outputs), None)
    if equation is None:
        return type(x) is np.ndarray
    place = equation.outputs.index(x)
    bodies = list(graphs_in(equation.params))
    if bodies:
        outputs = bodies[-1].outputs
        return place < len(outputs) and _is_array(bodies[-1], outputs[place])
    operands = equation.inputs
    ufunc = isinstance(equation.primitive.impl, np.ufunc)
    if ufunc or sum([v.type.size for v in operands if type(v) is Variable]) > PROBED:
        return False
    values = [
        v if type(v) is not Variable else dummy(v.type) if v.type.shape else _single(graph, v)
        for v in operands
    ]
    with np.errstate(all="ignore"):
        outs = equation.primitive.impl(*values, **equation.params)
    return isinstance(outs if equation.primitive.outputs is None else outs[place], np.ndarray)


def _single(graph: Graph, x: Variable) -> Any:
    """One as a value of a graph: an array or a scalar of NumPy, or a number of Python."""
    one = dummy(x.type)
    return one[()] if type(one) is np.ndarray and not _is_array(graph, x) else one


def _rank(x: Any) -> int:
    return x.type.ndim if type(x) is Variable else np.ndim(x)
