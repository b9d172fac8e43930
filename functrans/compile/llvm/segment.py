"""Graphs as native functions: ``i32 run(ptr inputs, ptr outputs, ptr arena)``."""

from __future__ import annotations

import ctypes
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm import conversions
from functrans.compile.llvm.arena import LINE, Place, arranged
from functrans.compile.llvm.builder import Builder, Module, Value, number
from functrans.compile.llvm.calls import way_of
from functrans.compile.llvm.decomposing import decomposed
from functrans.compile.llvm.engine import load
from functrans.compile.llvm.kernels import combining
from functrans.compile.llvm.kernels.loops import STATUS, emit_loops, places_of
from functrans.compile.llvm.planning import Plan
from functrans.compile.llvm.statements import (
    REDUCTIONS,
    Call,
    Nest,
    Statements,
    elementwise,
    stated,
)
from functrans.compile.lowering import lowered
from functrans.core.types import type_of
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functrans.graph.graph import Equation, Graph

SMALL_TABLE = 256
"""Elements of a constant up to which it is written into the code."""


def supported(equation: Equation, exact: bool) -> bool:
    """Whether an equation can be carried out by native code; with the bits of NumPy, if `exact`."""
    values = (*equation.inputs, *equation.outputs)
    kinds = [x.type if type(x) is Variable else type_of(x) for x in values]
    if equation.primitive.effects or not all([conversions.supported(k.dtype) for k in kinds]):
        return False
    if way_of(equation) is not None:
        return not exact
    if not stated(equation):
        return False
    name = equation.primitive.name
    if name in REDUCTIONS:
        how, dtype = REDUCTIONS[name], equation.outputs[0].type.dtype
        return combining.combinable(how, dtype) and (not exact or combining.exact(how, dtype))
    found = elementwise(equation)
    return found is None or found.exact or not exact


def prepared(graph: Graph, *, exact: bool) -> Graph:
    """The graph in the form that native code is made of: numbers as arrays, composed operations as
    what they consist of."""
    return decomposed(lowered(graph), partial(supported, exact=exact))


class Segment:
    """A graph of equations that are all supported, as text for LLVM.

    Attributes
    ----------
    text : str
        Of a module with the functions ``run`` and ``bind``.
    arena : int
        Bytes that a call needs.
    constants : list of ndarray
        Arrays whose addresses ``bind`` is given, in a table.
    checked : bool
        Whether ``run`` may return 1, for positions out of bounds: then its results mean nothing.
    """

    def __init__(self, graph: Graph) -> None:
        statements = Statements(graph, way_of)
        self.plan = Plan(statements)
        self.module = Module()
        self.constants: list[np.ndarray[Any, Any]] = []
        self._kernels: dict[str, str] = {}
        self.places = self._arrange(graph)
        builder = Builder(self.module, "run", "i32", ["ptr", "ptr", "ptr", "ptr"])
        self._table = self.module.state("constants", "ptr")
        at = _Addresses(builder, self)
        if self.checked:
            builder.store(number(0, "i32"), at[STATUS])
        for step in self.plan.steps:
            if isinstance(step, Nest):
                self._nest(builder, step, at)
            else:
                self._call(builder, step, at)
        builder.finish(builder.load("i32", at[STATUS]) if self.checked else number(0, "i32"))
        bind = Builder(self.module, "bind", "void", ["ptr"])
        bind.store(bind.operands[0], self._table)
        bind.finish()
        self.text = self.module.text()

    def _arrange(self, graph: Graph) -> dict[Variable, Place]:
        plan = self.plan
        statements = plan.statements
        places = {x: Place("input", i) for i, x in enumerate(graph.inputs)}
        for x in statements.constants:
            places[x] = Place("constant", len(self.constants))
            self.constants.append(statements.constants[x])
        for i, x in enumerate(statements.outputs):
            places[statements.storage(x)] = Place("output", i)
        mentioned: list[list[Variable]] = []
        for step in plan.steps:
            if isinstance(step, Call):
                values = [view.value for view in step.operands]
                operands = [*values, *step.equation.outputs]
                mentioned.append(list(map(statements.storage, operands)))
            else:
                mentioned.append(places_of(plan, step))
        places[STATUS] = Place("arena", 0)
        self.checked = any([STATUS in step for step in mentioned])
        offsets, self.arena = arranged(mentioned, places, plan.size, LINE * self.checked)
        places.update({x: Place("arena", offset) for x, offset in offsets.items()})
        return places

    def _nest(self, builder: Builder, nest: Nest, at: Mapping[Variable, Value]) -> None:
        """Call the function of a nest, which is made once for all that are alike."""
        places = places_of(self.plan, nest)
        inner = Builder(self.module, "KERNEL", "void", ["ptr"] * len(places), internal=True)
        emit_loops(inner, self.plan, nest, dict(zip(places, inner.operands, strict=True)))
        inner.finish()
        text = self.module.functions.pop("KERNEL")
        if text not in self._kernels:
            name = self._kernels[text] = f"kernel{len(self._kernels)}"
            self.module.functions[name] = text.replace("@KERNEL(", f"@{name}(", 1)
        builder.call(self._kernels[text], "void", *[at[x] for x in places])

    def _call(self, builder: Builder, call: Call, at: Mapping[Variable, Value]) -> None:
        """Carry out an equation that has a way of its own."""
        storage = self.plan.statements.storage
        addresses = []
        for view in call.operands:
            dtype = view.value.type.dtype
            step = view.access.offset * (2 if dtype.kind == "c" else 1)
            addresses.append(builder.at(at[storage(view.value)], step, conversions.memory(dtype)))
        outs = [at[storage(x)] for x in call.equation.outputs]
        call.way.emit(builder, call, addresses, outs)

    def table(self, builder: Builder) -> Value:
        """The address of the table of constants."""
        return builder.load("ptr", self._table)


class _Addresses(dict[Variable, Value]):
    """The addresses of values within ``run``, made when they are asked for."""

    def __init__(self, builder: Builder, segment: Segment) -> None:
        super().__init__()
        self.builder = builder
        self.segment = segment

    def __missing__(self, x: Variable) -> Value:
        b, place = self.builder, self.segment.places[x]
        inputs, outputs, arena, _ = b.operands
        if place.kind == "arena":
            found = b.at(arena, place.number, "i8")
        else:
            table = {"input": inputs, "output": outputs}.get(place.kind)
            if table is None:
                table = self.segment.table(b)
            found = b.load("ptr", b.at(table, place.number, "ptr"))
        self[x] = found
        return found


class NativeFunction:
    """A segment that has been compiled, with what it needs while it lives."""

    def __init__(self, graph: Graph, *, verify: bool = False) -> None:
        segment = Segment(graph)
        self.text = segment.text
        self.arena = segment.arena
        self.checked = segment.checked
        addresses = load(segment.text, ["run", "bind"], verify=verify)
        self.address = addresses["run"]
        self._constants = segment.constants
        self._table = (ctypes.c_void_p * max(len(self._constants), 1))(
            *[x.ctypes.data for x in self._constants]
        )
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(addresses["bind"])(ctypes.addressof(self._table))
