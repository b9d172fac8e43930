"""Graphs cut into segments: the operations that native code carries out in one call.

The equations between two effects are laid out in *levels*: those with native kernels on even ones,
the others on odd ones, each as low as what it reads allows. Levels never fall along a path, so the
native equations of one level are convex (no path leaves them and comes back), levels in their order
compute what the equations compute in theirs, and no other cut needs fewer calls. A segment is an
equation of the primitive ``native`` in a graph that a NumPy program carries out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.compile.llvm.native_primitive import native
from functrans.graph.graph import Equation, Graph, Variable, graphs_in, with_graphs
from functrans.graph.passes.rewriting import like, rewritten
from functrans.graph.passes.running import runnable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Chooser = Callable[[Equation], bool]

VIEWS = frozenset(("broadcast_to", "expand_dims", "flip", "reshape", "squeeze", "transpose"))
"""Operations that cost NumPy nothing but the call, whatever the size of their operand."""

PRODUCTS = frozenset(("affine", "dot", "matmul", "tensordot"))
"""Operations that NumPy hands to BLAS, as native code does too where they are complex."""

RUNNING = frozenset(("call", "cond", "scan", "while_loop", "while_record", "while_replay"))
"""Operations that run their graphs as they are; others transform them while the program runs, and
so do these for lanes of their own."""


def cut(graph: Graph, fits: Chooser, made: Callable[[Graph], Callable[..., Any]]) -> Graph:
    """The graph with each of its segments as one equation, in nested graphs too.

    Parameters
    ----------
    graph : Graph
        It stays as it is.
    fits : callable
        Whether an equation has a native kernel.
    made : callable
        What carries a segment out, which it gets as a graph.

    Returns
    -------
    Graph
        The graph itself if no segment pays.
    """
    return run_graphs(
        graph,
        lambda inner: _cut(inner, fits, made),
        lambda equation: not _native(equation, fits),  # which goes into a segment with all in it
    )


def run_graphs(
    graph: Graph, change: Callable[[Graph], Graph], enter: Chooser = lambda equation: True
) -> Graph:
    """A graph after a change of it and, before, of those that its operations run as they are: of
    the operations that it is to `enter`."""
    done: dict[Graph, Graph] = {}

    def deep(inner: Graph) -> Graph:
        if inner not in done:
            # Loops are matched with their pullbacks before the bodies of either change.
            done[inner] = change(rewritten(runnable(inner), inside))
        return done[inner]

    def inside(equation: Equation) -> Equation | None:
        params = equation.params
        if equation.primitive.name not in RUNNING or params.get("lanes") is not None:
            return None
        if not enter(equation):
            return None
        changed = with_graphs(params, deep)
        same = all([a is b for a, b in zip(graphs_in(params), graphs_in(changed), strict=True)])
        return None if same else equation.changed(params=changed)

    return deep(graph)


def whole(graph: Graph, fits: Chooser) -> bool:
    """Whether all of a graph is one segment that pays, and makes each of its outputs."""
    outputs = [x for x in graph.outputs if type(x) is Variable]
    return (
        all([_native(e, fits) for e in graph.equations])
        and len(set(outputs)) == len(graph.outputs)
        and set(outputs).isdisjoint(graph.inputs)
        and pays(graph.equations)
    )


def pays(equations: Sequence[Equation]) -> bool:
    """Whether a segment of these equations saves time.

    A native call takes 0.1 us and a ufunc's 0.4 us, and native code reads and writes large arrays
    once for all equations where NumPy does for each. So whatever computes anything pays, but for a
    single complex product, which is the same code in both.
    """
    working = [e for e in equations if e.primitive.name not in VIEWS]
    if len(working) != 1:
        return bool(working)
    (equation,) = working
    return equation.primitive.name not in PRODUCTS or equation.outputs[0].type.dtype.kind != "c"


def _native(equation: Equation, fits: Chooser) -> bool:
    return not equation.effects and fits(equation)


def _cut(graph: Graph, fits: Chooser, made: Callable[[Graph], Callable[..., Any]]) -> Graph:
    pieces: list[Equation | list[Equation]] = []
    run: list[Equation] = []
    for equation in graph.equations:
        if equation.effects:  # what stands before it is carried out before, what stands after after
            pieces += _levels(run, fits)
            pieces.append(equation)
            run = []
        else:
            run.append(equation)
    pieces += _levels(run, fits)
    if not any([isinstance(piece, list) for piece in pieces]):
        return graph
    needed = {x for x in graph.outputs if type(x) is Variable}
    equations: list[Equation] = []
    for piece in reversed(pieces):
        if isinstance(piece, list):
            piece = _segment(graph.name, piece, needed, made)
        equations.append(piece)
        needed.update([x for x in piece.inputs if type(x) is Variable])
    return like(graph, equations[::-1], graph.outputs)


def _levels(equations: Sequence[Equation], fits: Chooser) -> list[Equation | list[Equation]]:
    """Equations without effects in an order of levels, those of a segment in a list."""
    level: dict[Variable, int] = {}
    own: dict[Equation, int] = {}
    for equation in equations:
        least = parity = 0 if fits(equation) else 1
        for x in equation.inputs:
            if type(x) is Variable and x in level:
                least = max(least, level[x] + (level[x] - parity) % 2)
        own[equation] = least
        level.update(dict.fromkeys(equation.outputs, least))
    _sink(equations, own)
    found: dict[int, list[Equation]] = {}
    for equation in equations:
        found.setdefault(own[equation], []).append(equation)
    pieces: list[Equation | list[Equation]] = []
    for number in sorted(found):
        if number % 2 == 0 and pays(found[number]):
            pieces.append(found[number])
        else:
            pieces.extend(found[number])
    return pieces


def _sink(equations: Sequence[Equation], own: dict[Equation, int]) -> None:
    """Let native equations that only a later segment reads join it, where what they make is larger
    than what they read: what is not made early need not be kept."""
    readers: dict[Variable, int] = {}
    for equation in reversed(equations):
        seen = [readers.get(v, -1) for v in equation.outputs]
        target = min(seen, default=-1)
        if own[equation] % 2 == 0 and target > own[equation]:
            target -= target % 2
            made = sum([v.type.nbytes for v in equation.outputs])
            read = sum([x.type.nbytes for x in equation.inputs if type(x) is Variable])
            if made >= read:
                own[equation] = target
        for x in equation.inputs:
            if type(x) is Variable:
                readers[x] = min(readers.get(x, own[equation]), own[equation])


def _segment(
    name: str,
    equations: list[Equation],
    needed: set[Variable],
    made: Callable[[Graph], Callable[..., Any]],
) -> Equation:
    """A segment as one equation; `needed` is what others read."""
    inside = {v for equation in equations for v in equation.outputs}
    inputs: dict[Variable, None] = {}
    for equation in equations:
        for x in equation.inputs:
            if type(x) is Variable and x not in inside:
                inputs[x] = None
    outputs = [v for equation in equations for v in equation.outputs if v in needed]
    segment = Graph(name, list(inputs), equations, outputs)
    params = {"graph": segment, "run": made(segment)}
    return Equation(native, tuple(inputs), params, tuple(outputs), equations[-1].line)
