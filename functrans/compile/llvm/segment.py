"""Graphs as native functions: ``i32 run(ptr inputs, ptr outputs, ptr arena)``."""

from __future__ import annotations

import ctypes
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm.calls import lowering_of
from functrans.compile.llvm.code import polling
from functrans.compile.llvm.code.builder import Builder, Value, number
from functrans.compile.llvm.code.library import optimize_libraries
from functrans.compile.llvm.code.threads import PARALLEL
from functrans.compile.llvm.compiled import Compiled
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.emission import Code, Frame, fetched, result_places, written_back
from functrans.compile.llvm.families import Member
from functrans.compile.llvm.kernels import combining
from functrans.compile.llvm.plans.aliasing import aliased_outputs
from functrans.compile.llvm.plans.components import by_components
from functrans.compile.llvm.plans.cost import FEW, Effort, effort
from functrans.compile.llvm.plans.decomposing import decomposed
from functrans.compile.llvm.plans.forms import MOVEMENTS, REDUCTIONS, elementwise, stated
from functrans.compile.llvm.plans.hoisting import hoisted
from functrans.compile.llvm.plans.predication import predicated
from functrans.compile.llvm.plans.systems import factorized, spelt
from functrans.compile.llvm.plans.tapes import taped
from functrans.compile.llvm.plans.transposition import sink_transposes
from functrans.compile.lowering import lowered
from functrans.graph.graph import graphs_in, operand_types
from functrans.graph.passes.sparsity import use_sparsity
from functrans.graph.passes.turned import turn_places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Module
    from functrans.graph.graph import Equation, Graph

SAVED = 500.0
"""Nanoseconds for a character of a module's text by which it is compiled earlier without
optimisations; 300 to 2000 were measured."""

SAVED_SINGLY = 20_000.0
"""The same for an equation that is compiled for one element at a time, in place of vectors."""

LENGTH = 300
"""Characters of a module for an equation, at least: 290 to 1500 were met."""

SAVED_BY_LIBRARY = 5e7
"""Nanoseconds by which quick code of the library of factorisations is there earlier; 80 to 100
milliseconds were measured."""


def supported(equation: Equation, exact: bool) -> bool:
    """Whether an equation can be carried out by native code; with the bits of NumPy, if `exact`."""
    values = (*equation.inputs, *equation.outputs)
    kinds = operand_types(values)
    if equation.effects or not all([conversions.supported(k.dtype) for k in kinds]):
        return False
    if not conversions.numbers_fit(equation.inputs, kinds):
        return False
    if spelt(equation):
        return not exact
    lowering = lowering_of(equation)
    if lowering is not None:
        graphs = list(graphs_in(equation.params))
        return all([nested(g, exact) for g in graphs]) if graphs else lowering.exact or not exact
    name = equation.primitive.name
    if stated(equation):
        if name not in REDUCTIONS:
            return True
        how, dtype = REDUCTIONS[name], equation.outputs[0].type.dtype
        return combining.combinable(how, dtype) and (not exact or combining.exact(how, dtype))
    found = None if name in MOVEMENTS or name in REDUCTIONS else elementwise(equation)
    return found is not None and (found.exact or not exact)


def prepared(graph: Graph, *, exact: bool) -> Graph:
    """The graph in the form that native code is made of: lanes go together, loops do less, numbers
    are arrays, composed operations what they consist of, and arrays are walked through as they
    lie."""
    graph = use_sparsity(graph, ordered=exact)
    graph = graph if exact else turn_places(graph)
    moved = hoisted(predicated(graph, lambda g: nested(g, exact) is not None), exact=exact)
    fits = partial(supported, exact=exact)
    made = taped(decomposed(lowered(moved, scalars=True), fits), fits)
    return made if exact else by_components(sink_transposes(made))


def nested(graph: Graph, exact: bool) -> Graph | None:
    """A graph within another in that form, if native code has all of it."""
    key = "native", exact
    if key not in graph.derived:
        made = prepared(graph, exact=exact)
        fits = all([supported(equation, exact) for equation in made.equations])
        outputs = all([conversions.supported(kind.dtype) for kind in made.output_types])
        graph.derived[key] = made if fits and outputs else None
    return graph.derived[key]  # type: ignore[no-any-return]


class Segment:
    """A graph of equations that are all supported, as text for LLVM.

    Attributes
    ----------
    module : Module
        With the functions ``run`` and ``bind``; without the second while numbers are being marked.
    frame : Frame
        The graph as it is planned.
    arena : int
        Bytes that a call needs.
    constants : list of ndarray
        Arrays whose addresses ``bind`` is given, in a table.
    checked : bool
        Whether ``run`` may return 1, for positions out of bounds: then its results mean nothing.
    polls : bool
        Whether ``run`` may return :data:`functrans.compile.llvm.code.polling.INTERRUPTED`, and lets
        others have the GIL meanwhile.
    long : bool
        Whether a call takes so long that other threads of Python should run.

    Parameters
    ----------
    graph : Graph
    exact : bool
    plain : float
        Elements up to which loops take one at a time where that changes no bit, for LLVM to
        compile them quickly. All else is as it would be otherwise.
    """

    def __init__(self, graph: Graph, exact: bool = False, plain: float = 0) -> None:
        def within(inner: Graph) -> Graph:
            found = nested(inner, exact)
            assert found is not None, inner
            return factorized(found)

        code = Code(lowering_of, within, plain)
        graph = factorized(graph)
        self.frame = Frame(code, graph)
        self.arena = self.frame.size
        self.constants = code.constants
        builder = Builder(code.module, "run", "i32", ["ptr", "ptr", "ptr", "ptr"])
        self.checked = code.checked
        if self.checked:
            code.status = builder.slot("i32")
            builder.store(number(0, "i32"), code.status)
        self.polls = code.polls
        if self.polls:
            code.polling = polling.begin(builder)
        self._run(builder, graph)
        builder.finish(builder.load("i32", code.status) if self.checked else number(0, "i32"))
        self.module = code.module
        if code.table is not None:
            bind = Builder(code.module, "bind", "void", ["ptr"])
            bind.store(bind.operands[0], code.table)
            bind.finish()
        functions = code.module.functions.values()
        self.long = code.long or any([PARALLEL in text for text in functions])

    @property
    def text(self) -> str:
        """Of the module, with marks while numbers are being marked."""
        return self.module.text()

    def _run(self, builder: Builder, graph: Graph) -> None:
        """The body: single elements are fetched first and written back at the end."""
        inputs, outputs, arena, _ = builder.operands
        sources = _pointers(builder, inputs, len(graph.inputs))
        targets = _pointers(builder, outputs, len(graph.outputs))
        kinds = graph.output_types
        made = result_places(builder, kinds, targets)
        self.frame.emit(builder, fetched(builder, graph.input_types, sources), made, arena)
        written_back(builder, kinds, made, targets)


def _pointers(builder: Builder, table: Value, count: int) -> list[Value]:
    return [builder.load("ptr", builder.at(table, i, "ptr")) for i in range(count)]


def _taken_singly(costs: Effort) -> float:
    """Elements up to which loops of a program are compiled for one at a time at first."""
    if costs.singly < costs.equations * SAVED_SINGLY:
        return inf
    mostly = 2 * costs.equations_few > costs.equations
    pays = costs.delay < costs.equations * LENGTH * SAVED  # as it will be found to be
    few = costs.singly_few < costs.equations_few * SAVED_SINGLY
    return FEW if mostly and pays and few else 0


def whole_module(
    graph: Graph, exact: bool, arena: int, constants: Sequence[np.ndarray[Any, Any]]
) -> Module:
    """The module of a graph that takes the place of a plain one, which is given this memory."""
    made = Segment(graph, exact)
    same = map(_same, made.constants, constants)
    if made.arena != arena or len(made.constants) != len(constants) or not all(same):
        raise RuntimeError(f"the code of {graph.name} works in other memory than its plain code")
    return made.module


def _same(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> bool:
    return x is y or (x.dtype == y.dtype and x.tobytes() == y.tobytes())


class NativeFunction:
    """A segment that has been compiled, with what it needs while it lives.

    Parameters
    ----------
    graph : Graph
    exact : bool
    donated : sequence of int
    verify : bool
        Have LLVM check the module first.
    quick : bool
        Have code at hand in a quarter of the time if a call does not take long, see
        :class:`Compiled`.
    alone : bool
        Whether it is to have code of its own, whatever other programs there are.

    Attributes
    ----------
    graph : Graph
    code : Compiled
        Perhaps that of others too.
    numbers : array of int64 or None
        What the code is to be given as its last operand, if it reads that.
    words : list of int or None
        These numbers.
    arena, checked, polls, long, constants
        Those of the segment.
    aliased : dict of int to int
        For the numbers of outputs, those of the `donated` inputs in whose memory they may be.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        exact: bool = False,
        donated: Sequence[int] = (),
        verify: bool = False,
        quick: bool = False,
        alone: bool = False,
    ) -> None:
        costs = effort(graph) if quick else None

        def written(graph: Graph) -> Segment:
            return Segment(graph, exact)

        def compiled(
            module: Module,
            table: ctypes.Array[ctypes.c_void_p] | None = None,
            **plain: Any,
        ) -> Compiled:
            size = sum(map(len, module.functions.values()))
            pays = costs is not None and costs.delay < size * SAVED
            return Compiled(module, table, verify=verify, quick=pays or bool(plain), **plain)

        self._member = None if alone else Member(graph, exact)
        found = None if self._member is None else self._member.find(written, compiled)
        plain = 0.0 if costs is None else _taken_singly(costs)
        segment = Segment(graph, exact, plain) if found is None else found.segment
        if costs is None or costs.library >= SAVED_BY_LIBRARY:
            optimize_libraries(segment.module.outside)
        self.graph = graph
        self.aliased: dict[int, int] = {}
        if donated and not segment.checked:
            self.aliased = aliased_outputs(segment.frame.plan, segment.frame.graph.inputs, donated)
        self.arena = int(segment.arena)
        self.checked = segment.checked
        self.polls = segment.polls
        self.long = segment.long
        self.numbers: np.ndarray[Any, np.dtype[np.int64]] | None = None
        self.constants = segment.constants
        self.words: list[int] | None = None
        if found is not None:
            self._shared = found.shared
            self.code = found.shared.code
            self.words = found.table or [0]
            self.numbers = np.array(self.words, np.int64)
        else:
            addresses = [x.ctypes.data for x in segment.constants]
            table = (ctypes.c_void_p * max(len(addresses), 1))(*addresses)
            other: dict[str, Any] = {}
            if plain:
                whole = partial(whole_module, graph, exact, self.arena, self.constants)
                other = {"whole": whole, "arena": self.arena}
            self.code = compiled(segment.module, table, **other)

    @property
    def text(self) -> str:
        """Of the module for LLVM, as it is optimised."""
        return self.code.text

    @property
    def body(self) -> ctypes.c_void_p:
        """Where the address of the function stands."""
        return self.code.body

    @property
    def address(self) -> int:
        """That address, as it is now."""
        return self.code.address

    @property
    def optimized(self) -> bool:
        """Whether the code that runs now has all optimisations."""
        return self.code.optimized
