"""Programs: graphs that run as straight-line Python over plain NumPy arrays."""

from __future__ import annotations

import itertools
import linecache
import os
import sys
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.garbage import no_collection
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from functrans.compile.source import Source
    from functrans.core.types import Array
    from functrans.graph.graph import Equation, Graph

_numbers = itertools.count()


class Program:
    """A graph as a Python function of plain arrays.

    ``program(*values)`` takes one array, NumPy scalar or Python number for each input of the graph,
    of exactly the input's type, and returns the list of outputs: those that the operations give
    when they are carried out one by one, to the bit, by type and with the same warnings. An output
    shares no memory with anything else, so it may be written to.

    An error of an operation has a note with the line of the user's code that the operation is from.

    Attributes
    ----------
    name : str
        That of the graph.
    source : str
        The text of the function; tracebacks and debuggers show its lines.
    filename : str
        The name under which they find it.
    run : callable
        What a call of the program calls, for those who are in a hurry.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> from functrans.compile import program
    >>> graph = ft.make_graph(lambda x: np.sin(x) * 2.0)(np.zeros(3))
    >>> program(graph)(np.zeros(3))
    [array([0., 0., 0.])]
    >>> for line in program(graph).source.splitlines()[-8:]:
    ...     print(line.partition("  #")[0])
            sin(v0, b0)
            v0 = multiply(b0, c0)
            pool.append(buffers)
            return [v0]
        except Exception as error:
            explain(error)
            raise
    # c0 = array(2.)
    """

    __slots__ = ("__weakref__", "_function", "filename", "name", "run", "source")

    def __init__(
        self, graph: Graph, in_any_order: bool = False, donated: Collection[int] = ()
    ) -> None:
        """`in_any_order`: suppose nothing about the layout of arguments; `donated`: see
        :func:`program`."""
        # A process that finds its native code on the disk needs none of these.
        from functrans.compile.lowering import lowered
        from functrans.compile.source import Source
        from functrans.graph.passes.sparsity import SMALLEST_OF_CALLS, use_sparsity

        steps = lowered(use_sparsity(graph, ordered=True, smallest=SMALLEST_OF_CALLS))
        given_up = [steps.inputs[i] for i in donated]
        source = Source(steps, "program", not in_any_order, given_up)
        if source.contiguous and not source.buffers.spaces:  # for which alone it matters
            source = Source(steps, "program", donated=given_up)
        self.name = graph.name
        self.source = source.text()
        # In the folder of this file, so that messages do not take it for the user's code.
        self.filename = os.path.join(
            os.path.dirname(__file__), f"<graph {graph.name} {next(_numbers)}>"
        )
        names = source.names
        if source.guarded:
            names["in_any_order"] = _made_later(steps)
        names["explain"] = partial(_explain, self.filename, graph.name, source.equations)
        exec(compile(self.source, self.filename, "exec"), names)
        self._function = names["program"]
        shared = _may_share(graph, source)
        self.run = partial(_own, self._function, shared) if shared else self._function
        lines = self.source.splitlines(keepends=True)
        linecache.cache[self.filename] = (len(self.source), None, lines, self.filename)
        weakref.finalize(self, linecache.cache.pop, self.filename, None)

    def __call__(self, *values: Array) -> list[Array]:
        outs: list[Array] = self.run(*values)
        return outs

    def kept(self) -> list[tuple[np.ndarray[Any, Any], ...]]:
        """The memory that is kept for later calls: that of each call that ran at the same time."""
        pool: list[Any] = self._function.__globals__.get("pool", [])
        return pool

    def __repr__(self) -> str:
        return f"<program of graph {self.name}>"


def program(graph: Graph, donated: tuple[int, ...] = ()) -> Program:
    """The program of a graph, made once.

    Parameters
    ----------
    graph : Graph
        It must not be changed afterwards.
    donated : tuple of int
        The places of inputs that the caller gives up: arrays that nobody else holds or has views
        of, as results of programs are. Results may take their memory, or be these arrays, where
        they are in C order and may be written to.

    Returns
    -------
    Program

    Raises
    ------
    InputTypeError
        A constant of the graph is an array of a transform that was active when it was made.
    """
    if donated:
        key = "program", donated
        if key not in graph.derived:
            with no_collection():
                graph.derived[key] = Program(graph, donated=donated)
        return graph.derived[key]  # type: ignore[no-any-return]
    if graph.program is None:
        with no_collection():
            graph.program = Program(graph)
    made: Program = graph.program
    return made


def _made_later(graph: Graph) -> Callable[..., list[Array]]:
    """The program of a graph for arguments in any layout, made when it is needed."""
    made: list[Program] = []

    def in_any_order(*values: Array) -> list[Array]:
        if not made:
            made.append(Program(graph, in_any_order=True))
        outs: list[Array] = made[0].run(*values)
        return outs

    return in_any_order


def _explain(filename: str, name: str, equations: list[Equation | None], error: Exception) -> None:
    """Note the user's line of the operation that raised an error, if nobody has yet."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            equation = equations[trace.tb_lineno - 1]
            if equation is not None and not getattr(error, "__notes__", None):
                error.add_note(f"in graph {name}, at {equation.line}")
        trace = trace.tb_next


def _own(function: Callable[..., list[Array]], shared: list[int], *values: Array) -> list[Array]:
    """The results of a function, with copies of those that share memory with something else."""
    outs = function(*values)
    for i in shared:
        if isinstance(outs[i], np.ndarray) and not _alone(outs, i):
            outs[i] = np.array(outs[i])
    return outs


def _may_share(graph: Graph, source: Source) -> list[int]:
    """The outputs that may share memory with an input, a constant or another output.

    What a ufunc or a segment of native code returns is new, and what was written to in its place;
    another output that is a view of it is found out by itself.
    """
    new = {
        v
        for equation in graph.equations
        if isinstance(equation.primitive.impl, np.ufunc) or equation.primitive.name == "native"
        for v in equation.outputs
    }
    new.update([e.outputs[0] for e in source.in_place], source.donated)
    outputs = graph.outputs
    times: dict[Any, int] = {}
    for x in outputs:
        times[id(x)] = times.get(id(x), 0) + 1
    return [
        i
        for i, x in enumerate(outputs)
        if not (type(x) is Variable and x in new and times[id(x)] == 1)
    ]


def _alone(outs: list[Array], i: int) -> bool:
    """Whether nobody but the list holds an array and its memory, and it may be written to."""
    held, base = _references(outs, i)
    return held <= _ALONE[0] and base <= _ALONE[1] and outs[i].flags.writeable


def _references(outs: list[Array], i: int) -> tuple[int, int]:
    """How many references there are to an array of a list, and to the array whose memory it has."""
    x = outs[i]
    if x.base is None:
        return sys.getrefcount(x), 0
    if type(x.base) is not np.ndarray or x.base.base is not None:
        return sys.getrefcount(x), sys.maxsize  # whose memory that is NumPy does not know
    return sys.getrefcount(x), sys.getrefcount(x.base)


_ALONE = _references([np.empty((2, 2)).T], 0)
"""The references to a view in a list and to its memory, where nobody else holds either."""
