"""What a graph computes as a text: two graphs with the same one do the same, to the bit.

The text has what a file of the graph has, all bits of numbers, and how arrays lie in memory. What
does not decide about results is left out: the structure of arguments, and lines of the user's code
but for which equations have the same. So from what the text is of, and the lines and arrays of a
graph with the same text, the graph can be made again.
"""

from __future__ import annotations

import importlib
import sys
from struct import pack, unpack
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.primitive import REGISTRY, lookup
from functrans.core.types import ArrayType
from functrans.graph.files.values import Damaged, Reader, Unsupported, Writer, is_ours
from functrans.graph.graph import Equation, Graph, Variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Identity:
    """The text of a graph, and its arrays.

    Parameters
    ----------
    graph : Graph
    largest : int
        Bytes that arrays may have together.

    Attributes
    ----------
    text : str
    written : object
        What it is the text of: numbers, texts and bytes in lists, tuples and dicts.
    lines : list of str
        The lines of the user's code, in the order in which the text has them.
    arrays : list of ndarray
        The constants, also of nested graphs, in the same order.

    Raises
    ------
    Unsupported
        It holds what is not told by a text: a Python function, a primitive that is not of this
        library; or arrays that are too large.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def text(function):
    ...     return Identity(ft.make_graph(function)(np.ones(3)), 1000).text
    >>> text(lambda x: x * 2.0) == text(lambda y: y * 2.0)
    True
    >>> text(lambda x: x * 2.0) == text(lambda x: x * 3.0)
    False
    """

    def __init__(self, graph: Graph, largest: int) -> None:
        self._writer = _Writer(largest)
        self.written = self._writer.graph(graph)
        self.text = repr(self.written)
        self.lines = list(self._writer.lines)
        self.arrays = self._writer.originals

    def contents(self) -> Iterator[bytes]:
        """Those of the arrays."""
        for stored in self._writer.arrays:
            yield f"{stored.dtype.str}{stored.dtype.char}{stored.shape}".encode()
            yield stored.tobytes()


class _Writer(Writer):
    """Encodes values with all that might matter for code."""

    def __init__(self, largest: int) -> None:
        super().__init__(self._equations)
        self.originals: list[np.ndarray[Any, Any]] = []
        self.lines: dict[str, int] = {}
        self._room = largest

    def value(self, x: Any) -> Any:
        cls = type(x)
        if cls is float:
            return pack("<d", x)
        if cls is complex:
            return pack("<dd", x.real, x.imag)
        if isinstance(x, np.dtype):
            return {"dtype": [x.str, x.char]}
        if isinstance(x, np.generic):
            return {"scalar": [super().value(x)["scalar"], x.dtype.char]}
        if isinstance(x, tuple) and is_ours(cls.__module__) and hasattr(cls, "_fields"):
            return {"named": [cls.__module__, cls.__qualname__, *self.values(x)]}
        return super().value(x)

    def type(self, kind: ArrayType) -> Any:
        return [*super().type(kind), kind.dtype.char]

    def _array(self, x: np.ndarray[Any, Any]) -> list[Any]:
        known = len(self.arrays)
        if id(x) not in self._places:
            self._room -= x.nbytes
            if self._room < 0:
                raise Unsupported("arrays that are too large")
        entry = super()._array(x)
        if len(self.arrays) > known:
            self.originals.append(x)
        return [*entry, list(x.strides), x.flags.num]

    def _equations(self, graph: Graph) -> Any:
        numbers: dict[Variable, int] = {}

        def new(variable: Variable) -> Any:
            numbers[variable] = len(numbers)
            return self.type(variable.type)

        def operand(x: Any) -> Any:
            return numbers[x] if type(x) is Variable else [self.value(x)]

        written: list[Any] = [graph.name, list(map(new, graph.inputs))]
        for equation in graph.equations:
            primitive = equation.primitive
            module = str(primitive.call.__module__)
            own = REGISTRY.get(primitive.name) is primitive and is_ours(module)
            if not own or primitive.kind == "custom":
                raise Unsupported(f"the primitive {primitive.name}")
            written.append(
                [
                    primitive.name,
                    module,
                    self.lines.setdefault(equation.line, len(self.lines)),
                    list(map(operand, equation.inputs)),
                    [(name, self.value(x)) for name, x in equation.params.items()],
                    list(map(new, equation.outputs)),
                    sorted(equation.errstate.items()) if equation.errstate else None,
                ]
            )
        written.append(list(map(operand, graph.outputs)))
        return written


def graph_of(written: Any, lines: Sequence[str], arrays: Sequence[np.ndarray[Any, Any]]) -> Graph:
    """A graph that does what another did, of what its :class:`Identity` has written.

    Raises
    ------
    Damaged
        Something in it is not known here.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> found = Identity(ft.make_graph(lambda x: np.sin(x) * 2.0)(1.5), 1000)
    >>> graph_of(found.written, found.lines, found.arrays)
    graph <lambda>(a: weak float64[]):
      b: float64[] = sin(a)
      c: float64[] = multiply(b, 2.0)
      return c
    """
    return _Reader(lines, arrays).graph(written)


class _Reader(Reader):
    """Decodes what a :class:`_Writer` has encoded."""

    def __init__(self, lines: Sequence[str], arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        super().__init__(arrays.__getitem__, self.graph)
        self._lines = dict(enumerate(lines))
        self._decoders |= {
            "array": lambda json: arrays[json[0]],
            "dtype": lambda json: _dtype(*json),
            "named": _named(self.value),
            "scalar": _scalar,
            "type": _type,
        }

    def value(self, json: Any) -> Any:
        if type(json) is bytes:
            return unpack("<d", json)[0] if len(json) == 8 else complex(*unpack("<dd", json))
        return super().value(json)

    def graph(self, written: Any) -> Graph:
        """A graph of the list of its parts."""
        name, inputs, *equations, outputs = written
        known = [Variable(_type(kind)) for kind in inputs]
        made = Graph(name, list(known), [], [])

        def operand(x: Any) -> Any:
            return known[x] if type(x) is int else self.value(x[0])

        for named, module, line, operands, params, kinds, errstate in equations:
            values = tuple(map(operand, operands))
            results = tuple([Variable(_type(kind)) for kind in kinds])
            known += results
            made.equations.append(
                Equation(
                    _primitive(named, module),
                    values,
                    {key: self.value(x) for key, x in params},
                    results,
                    self._lines[line],
                    None if errstate is None else dict(errstate),
                )
            )
        made.outputs = list(map(operand, outputs))
        return made


def _primitive(name: str, module: str) -> Any:
    if name not in REGISTRY:
        importlib.import_module(module)
    try:
        return lookup(name)
    except KeyError:
        raise Damaged(f"the primitive {name!r} of {module}") from None


def _dtype(text: str, char: str) -> np.dtype[Any]:
    """A dtype; of two that equal each other the one with this character."""
    dtype = np.dtype(text)
    return dtype if dtype.char == char else np.dtype(char)


def _type(json: Any) -> ArrayType:
    text, shape, weak, char = json
    return ArrayType(tuple(shape), _dtype(text, char), weak)


def _scalar(json: Any) -> Any:
    (text, data), char = json
    return np.frombuffer(bytes.fromhex(data), _dtype(text, char), 1)[0]


def _named(value: Any) -> Any:
    """What makes a named tuple of ours."""

    def made(json: Any) -> Any:
        module, name, *fields = json
        importlib.import_module(module)
        return getattr(sys.modules[module], name)._make(map(value, fields))

    return made
