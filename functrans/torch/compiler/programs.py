"""Programs of functions of tensors: staged once, run by an executor, recorded as one operation.

A program takes the contents of the tensors that the function reads, those of its arguments, and the
sources of random numbers; it gives the results and what becomes of tensors that are written to.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.control.call import call
from functrans.control.derived import Pullback, reordered, strong, vjp_graph
from functrans.control.recording import Outcome
from functrans.control.tracing import trace
from functrans.core import tree
from functrans.core.array import TracedArray
from functrans.core.errors import GraphBreakError
from functrans.core.generators import TracedGenerator
from functrans.core.primitive import primitive_of
from functrans.torch import dtypes
from functrans.torch.backward import modified
from functrans.torch.engine import EngineArray, grad_mode, mode, saved_handle
from functrans.torch.inplace import check_writable, written
from functrans.torch.operation import node
from functrans.torch.random import staged
from functrans.torch.sizes import Size
from functrans.torch.tensor import Tensor, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from functrans.compile.executors import Executor
    from functrans.control.reads import Arrays, Reads
    from functrans.graph.graph import Graph
    from functrans.torch.random import Generator

PLAIN = (int, bool, str, bytes, type(None), type(Ellipsis), dtypes.dtype, Size, np.dtype)
"""Types of arguments and results that are equal if they say so."""

NUMBERS = (float, complex, np.generic)
"""Types of which equal ones may differ in the sign of a zero."""


class Place(NamedTuple):
    """Where a tensor that a function returns comes from: an operand of the program, or an output of
    it."""

    number: int
    operand: bool


class Program:
    """One path through a function for one kind of arguments.

    Attributes
    ----------
    graph : Graph
        Of the operands to the outputs, those of the results first.
    outcomes : tuple of Outcome
        What Python was told of the conditions on this path.
    declines : bool
        Whether it leaves equal eigenvalues to the function itself, which sees no more of them.
    """

    declines = False

    def __init__(
        self,
        graph: Graph,
        outcomes: tuple[Outcome, ...],
        executor: Executor,
        count: int,
        results: list[Any],
        out_tree: tree.TreeDef,
        written: list[int],
    ) -> None:
        self.graph = graph
        self.outcomes = outcomes
        self.executor = executor
        self._count = count  # of the operands that it takes
        self._results = results
        self._out_tree = out_tree
        self._written = written
        self._only = results == [Place(0, operand=False)] and out_tree == tree.structure(0)
        self._halves: dict[tuple[bool, ...], _Halves] = {}

    def run(self, operands: Sequence[Any], donated: tuple[int, ...] = ()) -> Any:
        """What the function returns, for tensors and generators of NumPy's as operands."""
        operands = operands[: self._count]
        arrays = [x.array if isinstance(x, Tensor) else x for x in operands]
        if self._written:
            self._check_memory(arrays)
        values = [x.value if type(x) is EngineArray else x for x in arrays]
        edges = [x.index if type(x) is EngineArray else None for x in arrays]
        if mode.grad and any(edges):
            made = self._recorded(operands, arrays, values, edges)
        else:
            made = list(map(wrap, self._plain(*values)))
        if self._written:
            for i, content in zip(
                self._written, made[len(made) - len(self._written) :], strict=True
            ):
                with grad_mode(content.array.index is not None):
                    written(operands[i], content)
        if self._only:
            return made[0]
        leaves = [
            x if type(x) is not Place else operands[x.number] if x.operand else made[x.number]
            for x in self._results
        ]
        return tree.unflatten(self._out_tree, leaves)

    def _plain(self, *values: Any) -> Any:
        """The outputs where nothing is recorded."""
        self._plain = self.executor.program(self.graph)  # type: ignore[method-assign]
        return self._plain(*values)

    def _check_memory(self, arrays: list[Any]) -> None:
        """Raise if a tensor that is written to shares its memory with another operand."""
        counters = {id(arrays[i].version): i for i in self._written}
        for i, x in enumerate(arrays):
            if type(x) is EngineArray and counters.get(id(x._version), i) != i:
                raise GraphBreakError("it writes to a tensor in whose memory another one lies")

    def _recorded(
        self,
        operands: Sequence[Any],
        arrays: list[Any],
        values: list[Any],
        edges: list[Any],
    ) -> list[Tensor]:
        """The outputs, with a node of the graph that their gradients come from."""
        wanted = tuple([edge is not None for edge in edges])
        halves = self._halves.get(wanted)
        if halves is None:
            halves = self._halves[wanted] = _Halves(self.graph, wanted, self.executor)
        if self._written:
            self._check_writes(operands, wanted, halves)
        results = halves.forward(*values)
        saved = list(map(EngineArray, results[len(halves.live) :]))
        for i in halves.kept:
            copied = i in self._written
            saved.append(EngineArray(np.copy(values[i])) if copied else saved_handle(arrays[i]))
        past = _Past(arrays, values, edges, self._written)

        def pull(gs: Any, residuals: Any, params: Any) -> list[Any]:
            if EngineArray in map(type, gs):  # with create_graph
                found = halves.recorded(past.operands(), gs)
            else:
                found = halves.gradients(residuals, gs)
            return [found[i] for i in halves.mine]

        ends = [edges[i] for i in halves.mine]
        link: tuple[Any, ...] = (pull, ends, tuple(saved), {}, halves.spaces)
        made = node(None, [link], None, types=halves.types)
        made.name = "CompiledFunctionBackward"
        return [
            wrap(EngineArray(o, made.output(j) if live else None))
            for j, (o, live) in enumerate(zip(results, halves.live))  # noqa: B905  (residuals follow)
        ]

    def _check_writes(
        self, operands: Sequence[Any], wanted: tuple[bool, ...], halves: _Halves
    ) -> None:
        """Raise PyTorch's errors for operands that must not be written to."""
        first = len(halves.live) - len(self._written)
        for i, live in zip(self._written, halves.live[first:], strict=True):
            if live:
                check_writable(operands[i])
            elif wanted[i] and not operands[i].is_leaf:
                raise GraphBreakError("it writes a constant to a tensor that has a gradient")


class _Past:
    """The operands of a call as they were, for gradients that have gradients themselves."""

    __slots__ = ("_arrays", "_at", "_edges", "_values")

    def __init__(
        self, arrays: list[Any], values: list[Any], edges: list[Any], written: list[int]
    ) -> None:
        self._arrays = arrays
        self._edges = edges
        self._at = [_version(x) for x in arrays]
        self._values = values
        for i in written:
            self._values[i] = np.copy(values[i])

    def operands(self) -> list[Any]:
        """As tensors of the engine; raises if one has been written to since."""
        found: list[Any] = []
        for x, value, edge, at in zip(
            self._arrays, self._values, self._edges, self._at, strict=True
        ):
            if type(x) is not EngineArray:
                found.append(x)
            elif value is not x.value:
                found.append(EngineArray(value, edge))
            elif _version(x) != at:
                raise modified(value, edge, _version(x), at)
            else:
                found.append(EngineArray(value, edge, x.version))
        return found


def _version(x: Any) -> int:
    """How often an operand was written to."""
    return x.version[0] if type(x) is EngineArray and x.written else 0


class _Halves:
    """The forward and the backward program for operands that need gradients."""

    def __init__(self, graph: Graph, wanted: tuple[bool, ...], executor: Executor) -> None:
        self._wanted = list(wanted)
        self._params = {"graph": graph, **executor.params}
        pullback: Pullback = vjp_graph(graph, wanted)
        self._pullback = pullback
        self.live, self.kept = pullback.live, pullback.kept
        self.mine = [i for i, w in enumerate(wanted) if w]
        self.spaces = [strong(graph.input_types[i]) for i in self.mine]
        self.types = tuple(map(strong, graph.output_types))
        self.forward = executor.program(pullback.forward)
        self._backward = executor.program(pullback.backward)

    def gradients(self, residuals: Sequence[Any], gs: Sequence[Any]) -> list[Any]:
        """The gradient of each operand; None where there is none."""
        live = [g for g, own in zip(gs, self.live, strict=True) if own]
        return self._pullback.gradients(self._backward(*residuals, *live))

    def recorded(self, operands: list[Any], gs: Sequence[Any]) -> list[Any]:
        """The gradients as tensors that have gradients themselves."""
        rules: Any = primitive_of(call).higher
        return rules.vjp(operands, self._wanted, self._params)[1](list(gs))  # type: ignore[no-any-return]


def stage(
    fun: Callable[..., Any],
    reads: Reads,
    constants: Arrays,
    operands: Sequence[Any],
    generators: Sequence[Generator],
    build: Callable[[], tuple[tuple[Any, ...], dict[str, Any]]],
    executor: Executor,
) -> Program:
    """Stage one call of a function.

    Parameters
    ----------
    fun : callable
    reads, constants
        What it reads, and the arrays that it meets besides.
    operands : sequence of Tensor
        All tensors that it may find, each once.
    generators : sequence of Generator
    build : callable
        Returns the arguments, with those tensors in their places.

    Raises
    ------
    GraphBreakError
        The function does what no program can do.
    FunctransError
        It cannot be staged for another reason.
    """
    found: list[Any] = []

    def body(*variables: Any) -> list[Any]:
        arrays = variables[: len(operands)]
        first = [a.variable for a in arrays]
        with _standing_for(operands, arrays, generators, variables[len(operands) :]):
            args, kwargs = build()
            leaves, out_tree = tree.flatten(fun(*args, **kwargs), is_leaf=is_tensor)
            if any([x.array is not a for x, a in zip(operands, arrays, strict=True)]):
                raise GraphBreakError("a tensor is given other memory (by x.data = y or its like)")
            places = {id(a): Place(i, operand=True) for i, a in enumerate(arrays)}
            outputs: list[Any] = []
            results = [_result(leaf, places, outputs) for leaf in leaves]
        changed = [i for i, a in enumerate(arrays) if a.variable is not first[i]]
        found.extend((results, out_tree, changed))
        return [*outputs, *[arrays[i] for i in changed]]

    body.__name__ = getattr(fun, "__name__", type(fun).__name__)
    body.__wrapped__ = fun  # type: ignore[attr-defined]  # whose name and line messages have
    leaves = [*operands, *[g.source for g in generators]]
    inputs = [x.array.value if isinstance(x, Tensor) else x for x in leaves]
    made = trace(
        body,
        reads,
        constants,
        partial(_arguments, len(operands)),
        inputs,
        follow=True,
        stepwise=False,
        executor=executor,
    )
    if made.closed:
        raise GraphBreakError(
            "a tensor is read that is no argument, nor to be found from the function's names"
        )
    graph, drawn = made.graph, len(made.graph.inputs)
    if not any(equation.effects for equation in graph.equations):
        drawn = len(operands)
        graph = reordered(graph, graph.inputs[:drawn], graph.outputs)
    return Program(graph, made.outcomes, executor, drawn, *found)


@contextmanager
def _standing_for(
    operands: Sequence[Any], arrays: Sequence[Any], generators: Sequence[Any], sources: Any
) -> Iterator[None]:
    """Have tensors hold other arrays, and generators draw from other sources, for a while."""
    before = [x.array for x in operands]
    for x, a in zip(operands, arrays, strict=True):
        x.array = a
    staged.inputs.update(zip(generators, sources, strict=True))
    mode.staging = True
    try:
        yield
    finally:
        mode.staging = False
        for generator in generators:
            del staged.inputs[generator]
        for x, a in zip(operands, before, strict=True):
            x.array = a


def is_tensor(x: Any) -> bool:
    """Whether a value is a tensor, which stays whole where pytrees are taken apart."""
    return isinstance(x, Tensor)


def _arguments(count: int, variables: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The operands of the body: arrays, then generators."""
    return (*variables[:count], *map(TracedGenerator, variables[count:])), {}


def _result(leaf: Any, places: dict[int, Place], outputs: list[Any]) -> Any:
    """How a leaf of the result is made; the arrays of tensors that are new join the outputs."""
    if is_tensor(leaf):
        array = leaf.array
        if id(array) not in places:
            places[id(array)] = Place(len(outputs), operand=False)
            outputs.append(array)
        return places[id(array)]
    if isinstance(leaf, TracedArray) or not isinstance(leaf, PLAIN + NUMBERS):
        raise GraphBreakError(
            f"it returns an object of type {type(leaf).__name__}, which is no tensor, number or "
            "string"
        )
    return leaf
