"""Graphs planned as native code: segments that are compiled, and NumPy for what is between them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.background import undisturbed
from functrans.compile.llvm.code.blas import asked
from functrans.compile.llvm.cutting import cut, run_graphs, whole
from functrans.compile.llvm.families import Address
from functrans.compile.llvm.native import NativeSegment
from functrans.compile.llvm.native_primitive import with_runs
from functrans.compile.llvm.plans.calls import CONVOLUTIONS, PRODUCTS
from functrans.compile.llvm.recorded import join_families
from functrans.compile.llvm.records import Record, cut_record, stored
from functrans.compile.llvm.segment import NativeFunction, prepared, supported
from functrans.compile.numpy_program import program
from functrans.core.types import dummy
from functrans.graph.graph import Variable, graphs_in
from functrans.graph.passes.layout import Layouts

if TYPE_CHECKING:
    from functrans.compile.llvm.records import CutRecord, Key
    from functrans.core.types import Array, ArrayType
    from functrans.graph.graph import Equation, Graph

MULTIPLYING = frozenset((*PRODUCTS, *CONVOLUTIONS))

PROBED = 10_000
"""Elements of operands up to which an operation is tried out."""


def in_native_form(graph: Graph, exact: bool) -> Graph:
    """The graph in the form that native code is made of, with those that its operations run."""
    return run_graphs(graph, partial(prepared, exact=exact))


class PlannedProgram:
    """A graph whose segments are native code, compiled now; see
    :class:`functrans.compile.llvm.native.NativeProgram`."""

    def __init__(
        self, graph: Graph, donated: tuple[int, ...], exact: bool, quick: bool = False
    ) -> None:
        join_families(graph)
        self._types = graph.input_types, graph.output_types
        graph = in_native_form(graph, exact)
        fits = _Chooser(graph, exact)
        self._functions: list[NativeFunction] = []
        self._segments: list[NativeSegment] = []
        self._cut: Graph | None = None

        def segment(part: Graph, donated: tuple[int, ...] = ()) -> NativeSegment:
            function = NativeFunction(part, exact=exact, donated=donated, quick=quick)
            self._functions.append(function)
            types, by_numpy = (part.input_types, part.output_types), partial(_by_numpy, part)
            made = NativeSegment(part.name, types, _forms(part), function, exact, by_numpy)
            self._segments.append(made)
            return made

        self.name = graph.name
        self.segment = segment(graph, donated) if whole(graph, fits) else None
        self.source = ""
        if self.segment is not None:
            self.run = self.segment.run
        else:
            self._cut = cut(graph, fits, lambda part: segment(part).run)
            inner = program(self._cut, donated)
            self.run, self.source = inner.run, inner.source

    @property
    def native(self) -> str:
        """The text of all modules for LLVM."""
        return "\n".join(dict.fromkeys([one.text for one in self._functions]))

    def record(self, key: Key) -> Record | CutRecord | None:
        """What another process needs to have this program without planning it; None if that is too
        much, or cannot be told.

        Products of code for several sizes may add up in another order than those of code for one.
        So that results do not depend on what the disk has, such a program is planned each time.
        """
        found = list(map(partial(_record, key), self._functions, self._segments))
        records = [x for x in found if x is not None]
        if len(records) < len(found):
            return None
        if self._cut is not None:
            numbers = {id(x.run): i for i, x in enumerate(self._segments)}
            numbered = with_runs(self._cut, lambda _, run: numbers.pop(id(run)))
            return None if numbers else cut_record(numbered, records, key)
        same = self.segment is not None and _told(self._types) == _told(self.segment.types)
        return records[0] if same else None

    def __call__(self, *values: Array) -> list[Array]:
        return undisturbed(self.run, *values)

    def __repr__(self) -> str:
        return f"<native program of graph {self.name}>"


def _record(key: Key, function: NativeFunction, segment: NativeSegment) -> Record | None:
    """What another process needs to have a segment."""
    constants = stored(function.constants, key)
    if constants is None:
        return None
    words = function.words
    if words is not None and _multiplies(function.graph):
        return None
    return Record(
        arena=function.arena,
        checked=function.checked,
        polls=function.polls,
        long=function.long,
        aliased=function.aliased,
        forms=segment.forms,
        code=function.code.key,
        quick=function.code.first,
        constants=constants,
        numbers=words and [(x.place,) if type(x) is Address else x for x in words],
        blas=asked(),
    )


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


def _multiplies(graph: Graph) -> bool:
    """Whether there are products of matrices in a graph, or in those within."""
    return any(
        [
            e.primitive.name in MULTIPLYING or any(map(_multiplies, graphs_in(e.params)))
            for e in graph.equations
        ]
    )


def _told(types: tuple[list[ArrayType], list[ArrayType]]) -> list[Any]:
    """All that types tell: dtypes that equal each other may be different objects."""
    return [[(kind, kind.dtype.char) for kind in side] for side in types]


def _by_numpy(graph: Graph, *values: Any) -> list[Array]:
    return program(graph).run(*values)


def _forms(graph: Graph) -> list[str]:
    """Of outputs without dimensions, whether they are scalars of NumPy, as ufuncs return them, or
    arrays; nothing of others."""
    return [
        "" if kind.shape or kind.weak else "array" if _is_array(graph, x) else "scalar"
        for x, kind in zip(graph.outputs, graph.output_types, strict=True)
    ]


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
