"""Traces: what ``jit`` makes of a function for one signature, one for each path through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from functrans.compile.executors import NUMPY, Executor
from functrans.control.decompositions import derives
from functrans.control.reads import Arrays, Reads
from functrans.control.recording import GUARD, PathLeft, Recording, Stepping
from functrans.control.rolling import rolled_for
from functrans.core import tree
from functrans.core.array import TracedArray
from functrans.core.constants import same_bits
from functrans.core.declining import DeclinedError, declining
from functrans.core.errors import (
    ConversionError,
    DegenerateWarning,
    GraphError,
    OutputTypeError,
    SideEffectError,
    describe_function,
    describe_output,
)
from functrans.core.generators import GENERATOR_TYPE, is_generator
from functrans.core.interpreter import outside, stack
from functrans.core.types import WEAK, is_array, is_plain, type_of
from functrans.graph.graph import Equation, Variable, graphs_in
from functrans.graph.passes import optimize
from functrans.transforms.arguments import leaf_label
from functrans.transforms.lifting import lifted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.control.recording import Outcome
    from functrans.graph.graph import Graph


class Trace:
    """One path through a function, as a graph.

    Attributes
    ----------
    graph : Graph
        Takes the values in `closed`, then the leaves of the arguments.
    closed : list of traced arrays
        What the function reads of the transforms around it.
    out_tree : TreeDef
    outcomes : tuple of Outcome
        What Python was told of the conditions on this path.
    executor : Executor
    declines : bool
        Whether it may meet equal eigenvalues or singular values of which only the function itself,
        not staged, has the derivatives.
    """

    __slots__ = ("closed", "declines", "executor", "graph", "out_tree", "outcomes")

    def __init__(
        self,
        graph: Graph,
        closed: list[Any],
        out_tree: tree.TreeDef,
        outcomes: tuple[Outcome, ...],
        executor: Executor = NUMPY,
    ) -> None:
        self.executor = executor
        self.graph = graph
        self.closed = closed
        self.out_tree = out_tree
        self.outcomes = outcomes
        self.declines = derives(graph)

    def run(self, leaves: Sequence[Any], donated: tuple[int, ...] = ()) -> Any:
        """The result for these arguments; raises PathLeft if they take another path, and
        DeclinedError if it is for the function itself to give it.

        The memory of the leaves at the places `donated` may be taken by results, if there is one
        path only: another would find other arguments than it was called with.
        """
        if not self.declines:
            return self._run(leaves, donated)
        if derivatives_come_later():
            raise DeclinedError
        return self.declining(self._run)(leaves, ())

    def declining(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """The same, but where it would warn of equal values it raises DeclinedError."""
        if self.graph.effects and not repeatable(self.graph):
            return run

        def careful(*args: Any) -> Any:
            with declining(DegenerateWarning):
                return run(*args)

        return careful

    def _run(self, leaves: Sequence[Any], donated: tuple[int, ...]) -> Any:
        if outside() and not (self.closed or any(isinstance(x, TracedArray) for x in leaves)):
            given_up = () if self.outcomes else _given_up(leaves, donated)
            outs: Sequence[Any] = self.executor.program(self.graph, given_up)(*leaves)
        else:
            from functrans.control.call import call

            outs = call(*self.closed, *leaves, graph=self.graph, **self.executor.params)
        return tree.unflatten(self.out_tree, outs)


def derivatives_come_later() -> bool:
    """Whether a transform takes derivatives of what runs now when that is over."""
    interpreter = stack.top
    while interpreter is not None:
        if interpreter.later:
            return True
        interpreter = interpreter.parent
    return False


def repeatable(graph: Graph) -> bool:
    """Whether a graph may be left and run again, once its generators are as they were."""
    return all(map(_repeatable, graph.equations))


def _repeatable(equation: Equation) -> bool:
    if equation.primitive.higher is not None:
        return all(map(repeatable, graphs_in(equation.params)))
    draws = GENERATOR_TYPE in [v.type for v in equation.inputs if type(v) is Variable]
    return draws or not equation.effects or equation.primitive is GUARD


def _given_up(leaves: Sequence[Any], donated: tuple[int, ...]) -> tuple[int, ...]:
    """The donated arrays that can be written to and share their memory with no other argument."""
    return tuple(
        i
        for i in donated
        if type(leaves[i]) is np.ndarray
        and leaves[i].flags.carray
        and not any(
            j != i and issubclass(type(x), np.ndarray) and np.may_share_memory(x, leaves[i])
            for j, x in enumerate(leaves)
        )
    )


class Path(Protocol):
    """One path through a function: what its conditions come to, and what runs it."""

    @property
    def outcomes(self) -> tuple[Outcome, ...]: ...

    @property
    def declines(self) -> bool: ...

    def run(self, leaves: Sequence[Any], donated: tuple[int, ...] = (), /) -> Any: ...


T = TypeVar("T", bound=Path)


class Paths(Generic[T]):
    """The traces of a function for one signature, by what its conditions came to.

    `donated` are the places of the leaves that the caller gives up.
    """

    def __init__(self, who: str, limit: int, donated: tuple[int, ...]) -> None:
        self.who = who
        self.donated = donated
        self.limit = limit
        self.traces: list[T] = []
        self._by_prefix: dict[tuple[Outcome, ...], T] = {}

    def run(self, leaves: Sequence[Any], again: Callable[[], T]) -> Any:
        """Run the path that the arguments take; `again` traces one that is new."""
        trace = self.traces[-1] if self.traces else self.add(again())
        while True:
            # A program that is left may have drawn numbers.
            drawn = _states(leaves) if trace.outcomes or trace.declines else []
            try:
                return trace.run(leaves, self.donated)
            except (PathLeft, DeclinedError) as left:
                for generator, state in drawn:
                    generator.bit_generator.state = state
                if isinstance(left, DeclinedError):
                    raise
                known = self._by_prefix.get(left.outcomes)
            trace = known or self.add(again())

    def entered(self, trace: T) -> T:
        """The trace of this path that there is already, or this one."""
        return self._by_prefix.get(trace.outcomes) or self.add(trace)

    def add(self, trace: T) -> T:
        if len(self.traces) == self.limit:
            raise ConversionError(
                f"{self.who} has {self.limit} paths through its Python conditions already, and "
                "this call takes another. Write functrans.cond or functrans.while_loop, which are "
                "staged once, or raise max_paths. Lanes of a vmap inside that take other paths "
                "than before make a path of the whole."
            )
        self.traces.append(trace)
        for n in range(len(trace.outcomes) + 1):
            self._by_prefix[trace.outcomes[:n]] = trace
        return trace


def _states(leaves: Sequence[Any]) -> list[tuple[Any, Any]]:
    return [(x, x.bit_generator.state) for x in leaves if is_generator(x)]


def trace(
    fun: Callable[..., Any],
    reads: Reads,
    constants: Arrays,
    build: Callable[[list[Any]], tuple[tuple[Any, ...], dict[str, Any]]],
    leaves: Sequence[Any],
    *,
    follow: bool,
    stepwise: bool,
    executor: Executor,
) -> Trace:
    """Stage one call. ``build(leaves)`` puts leaves into the places of the arguments.

    The program is good for as long as what the function reads stays the same, and the arrays that
    it has met besides, which join `constants`.
    """
    who = f"jit({describe_function(fun)})"
    recorder = Stepping if stepwise else Recording
    with recorder(fun, follow=follow) as recording:
        variables = [recording.input(type_of(x), x) for x in leaves]
        args, kwargs = build(variables)
        recording.label = lambda i: leaf_label(fun, _path_of(variables[i], (args, kwargs)))
        out = fun(*args, **kwargs)
    outs, out_tree = tree.flatten(out)
    for o, path in zip(outs, tree.leaf_paths(out_tree), strict=True):
        if not is_array(o):
            where = tree.key_string(path)
            raise OutputTypeError(
                f"{who}: the function returned {describe_output(o)}{where and f' at {where}'}; a "
                "staged function returns arrays. Return what is none from another function."
            )
    changed = reads.change()
    if changed is not None:
        raise SideEffectError(
            f"{who}: while the function was staged, {changed}. The program that is made of it "
            "would not do that again. Return the new value, or call functrans.debug.callback for "
            "an effect that is meant."
        )
    raw = recording.graph(getattr(fun, "__name__", "function"), outs)
    met = [array for array in recording.constants.originals if not reads.has(array)]
    if met:
        lines = _lines_of_constants(recording)
        for array in met:
            line = lines.get(id(recording.constants.keep(array)), "an unknown line")
            constants.keep(array, f"that is used at {line}")
    graph, closed = lifted(raw)
    graph = rolled_for(optimize(graph, checked=stepwise), executor)
    if stepwise:
        _compare(who, graph, closed, leaves, recording.values(outs))
    return Trace(graph, closed, out_tree, tuple(recording.outcomes), executor)


def _path_of(variable: Any, arguments: Any) -> tree.Path:
    """Where a leaf stands among the arguments, static ones included."""
    return next(path for path, leaf in tree.flatten_with_path(arguments) if leaf is variable)


def _lines_of_constants(recording: Recording) -> dict[int, str]:
    """Where each constant array is used first."""
    lines: dict[int, str] = {}
    for equation in recording.equations:
        for x in equation.inputs:
            if type(x) is np.ndarray:
                lines.setdefault(id(x), equation.line)
    return lines


def _compare(
    who: str, graph: Graph, closed: list[Any], leaves: Sequence[Any], stepwise: list[Any]
) -> None:
    """Raise unless the program gives what the steps gave."""
    if closed or any(type(x) not in WEAK and not is_plain(x) for x in leaves):
        return
    from functrans.compile import program

    for made, wanted in zip(program(graph)(*leaves), stepwise, strict=True):
        a, b = np.asarray(made), np.asarray(wanted)
        if a.dtype != b.dtype or a.shape != b.shape or not same_bits(a, b):
            raise GraphError(
                f"{who}: the program gives {made!r} where its operations, carried out one by one, "
                f"give {wanted!r}. This is a mistake in functrans: please report it."
            )
