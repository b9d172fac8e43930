"""Graphs as native functions: ``i32 run(ptr inputs, ptr outputs, ptr arena)``."""

from __future__ import annotations

import ctypes
import warnings
from functools import partial
from typing import TYPE_CHECKING
from weakref import ref

from functrans.compile import background
from functrans.compile.llvm.calls import multiplies, way_of
from functrans.compile.llvm.code.builder import Builder, Value, number
from functrans.compile.llvm.code.engine import at_hand, load, load_quickly
from functrans.compile.llvm.code.threads import PARALLEL
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.emission import Code, Frame, is_single, move, slot
from functrans.compile.llvm.kernels import combining
from functrans.compile.llvm.plans.components import by_components
from functrans.compile.llvm.plans.decomposing import decomposed
from functrans.compile.llvm.plans.hoisting import hoisted
from functrans.compile.llvm.plans.lanes import joined
from functrans.compile.llvm.plans.lending import lent
from functrans.compile.llvm.plans.statements import REDUCTIONS, elementwise, stated
from functrans.compile.llvm.plans.turning import turned
from functrans.compile.llvm.plans.work import delay
from functrans.compile.lowering import lowered
from functrans.core.types import type_of
from functrans.graph.graph import Variable, graphs_in
from functrans.graph.passes.sparsity import use_sparsity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from weakref import ReferenceType

    from functrans.compile.llvm.code.engine import Loaded
    from functrans.graph.graph import Equation, Graph

FUNCTIONS = ["run", "bind"]
"""Those of a segment's module that are called from outside."""

SAVED = 500.0
"""Nanoseconds for a character of a module's text by which it is compiled earlier without
optimisations; 300 to 2000 were measured."""


def supported(equation: Equation, exact: bool) -> bool:
    """Whether an equation can be carried out by native code; with the bits of NumPy, if `exact`."""
    values = (*equation.inputs, *equation.outputs)
    kinds = [x.type if type(x) is Variable else type_of(x) for x in values]
    if equation.effects or not all([conversions.supported(k.dtype) for k in kinds]):
        return False
    way = way_of(equation)
    if way is not None:
        graphs = list(graphs_in(equation.params))
        return all([nested(g, exact) for g in graphs]) if graphs else way.exact or not exact
    if not stated(equation):
        return False
    name = equation.primitive.name
    if name in REDUCTIONS:
        how, dtype = REDUCTIONS[name], equation.outputs[0].type.dtype
        return combining.combinable(how, dtype) and (not exact or combining.exact(how, dtype))
    found = elementwise(equation)
    return found is None or found.exact or not exact


def prepared(graph: Graph, *, exact: bool) -> Graph:
    """The graph in the form that native code is made of: lanes go together, loops do less, numbers
    are arrays, composed operations what they consist of, and arrays are walked through as they
    lie."""
    graph = use_sparsity(graph, ordered=exact)
    moved = hoisted(joined(graph, lambda g: nested(g, exact) is not None), exact=exact)
    made = decomposed(lowered(moved, scalars=True), partial(supported, exact=exact))
    return made if exact else by_components(turned(made))


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
        With the functions ``run`` and ``bind``.
    text : str
        Its text.
    frame : Frame
        The graph as it is planned.
    arena : int
        Bytes that a call needs.
    constants : list of ndarray
        Arrays whose addresses ``bind`` is given, in a table.
    checked : bool
        Whether ``run`` may return 1, for positions out of bounds: then its results mean nothing.
    """

    def __init__(self, graph: Graph, exact: bool = False) -> None:
        def within(inner: Graph) -> Graph:
            found = nested(inner, exact)
            assert found is not None, inner
            return found

        code = Code(way_of, within)
        self.frame = Frame(code, graph)
        self.arena = self.frame.size
        self.constants = code.constants
        builder = Builder(code.module, "run", "i32", ["ptr", "ptr", "ptr", "ptr"])
        self.checked = code.checked
        if self.checked:
            code.status = builder.slot("i32")
            builder.store(number(0, "i32"), code.status)
        self._run(builder, graph)
        builder.finish(builder.load("i32", code.status) if self.checked else number(0, "i32"))
        bind = Builder(code.module, "bind", "void", ["ptr"])
        bind.store(bind.operands[0], code.table)
        bind.finish()
        self.module = code.module
        self.text = code.module.text()

    def _run(self, builder: Builder, graph: Graph) -> None:
        """The body: single elements are fetched first and written back at the end."""
        inputs, outputs, arena, _ = builder.operands
        sources = _pointers(builder, inputs, len(graph.inputs))
        targets = _pointers(builder, outputs, len(graph.outputs))
        given, made = list(sources), list(targets)
        for i, x in enumerate(graph.inputs):
            if is_single(x.type):
                given[i] = slot(builder, x.type.dtype)
                move(builder, x.type.dtype, sources[i], given[i])
        for i, kind in enumerate(graph.output_types):
            if is_single(kind):
                made[i] = slot(builder, kind.dtype)
        self.frame.emit(builder, given, made, arena)
        for kind, own, target in zip(graph.output_types, made, targets, strict=True):
            if is_single(kind):
                move(builder, kind.dtype, own, target)


def _pointers(builder: Builder, table: Value, count: int) -> list[Value]:
    return [builder.load("ptr", builder.at(table, i, "ptr")) for i in range(count)]


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
        Have code at hand in a quarter of the time if a call does not take long; it is replaced by
        what a thread compiles with all optimisations, once nothing else is to be compiled. Both
        give the same bits.

    Attributes
    ----------
    body : c_void_p
        Where the address of ``run`` stands.
    text, arena, checked
        Those of the segment.
    optimized : bool
        Whether the code that runs now has all optimisations.
    long : bool
        Whether some of it is worth several threads: a call takes so long that others should run.
    lent : dict of int to int
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
    ) -> None:
        segment = Segment(graph, exact)
        self.lent: dict[int, int] = {}
        if donated and not segment.checked:
            self.lent = lent(segment.frame.plan, graph.inputs, donated)
        self.text = segment.text
        self.arena = segment.arena
        self.checked = segment.checked
        self.long = PARALLEL in segment.text
        self._constants = segment.constants
        self._table = (ctypes.c_void_p * max(len(self._constants), 1))(
            *[x.ctypes.data for x in self._constants]
        )
        self.body = ctypes.c_void_p()
        self._codes: list[Loaded] = []  # a thread may run the first when there is a second
        pays = delay(graph, multiplies) < len(self.text) * SAVED
        quick = quick and pays and not at_hand(self.text)
        if quick:
            self._use(load_quickly(segment.module, FUNCTIONS), optimized=False)
            background.when_calm(partial(_optimize, ref(self)))
        else:
            self.optimize(verify=verify)

    @property
    def address(self) -> int:
        """Of ``i32 run(ptr inputs, ptr outputs, ptr arena, ptr sizes)``, as it is now."""
        assert self.body.value is not None
        return self.body.value

    def optimize(self, *, verify: bool = False) -> None:
        """Compile it with all optimisations."""
        self._use(load(self.text, FUNCTIONS, verify=verify, kept=False), optimized=True)

    def _use(self, code: Loaded, *, optimized: bool) -> None:
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code["bind"])(ctypes.addressof(self._table))
        self._codes.append(code)
        self.body.value = code["run"]
        self.optimized = optimized


def _optimize(reference: ReferenceType[NativeFunction]) -> None:
    function = reference()
    if function is None:  # nobody has it any more
        return
    try:
        function.optimize()
    except Exception as error:
        warnings.warn(
            f"native code could not be compiled with optimisations, and goes on without: {error}",
            RuntimeWarning,
            stacklevel=1,
        )
