"""What a graph computes as a text: two graphs with the same one do the same, to the bit.

The text has what a file of the graph has, from which that is read again, all bits of numbers, and
how arrays lie in memory. What does not decide about results is left out: lines of the user's code,
and the structure of arguments.
"""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.primitive import REGISTRY
from functrans.graph.files.values import OURS, Unsupported, Writer
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functrans.core.types import ArrayType
    from functrans.graph.graph import Graph


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
    arrays : list of ndarray
        The constants, also of nested graphs, in the order in which the text has them.

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
        self.text = repr(self._writer.graph(graph))
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
        self._room = largest

    def value(self, x: Any) -> Any:
        cls = type(x)
        if cls is float:
            return pack("<d", x)
        if cls is complex:
            return pack("<dd", x.real, x.imag)
        if isinstance(x, np.dtype):
            return {"dtype": [x.str, x.char]}
        if isinstance(x, tuple) and OURS.fullmatch(cls.__module__) and hasattr(cls, "_fields"):
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
            own = REGISTRY.get(primitive.name) is primitive and OURS.fullmatch(module)
            if not own or primitive.kind == "custom":
                raise Unsupported(f"the primitive {primitive.name}")
            written.append(
                [
                    primitive.name,
                    list(map(operand, equation.inputs)),
                    [(name, self.value(x)) for name, x in equation.params.items()],
                    list(map(new, equation.outputs)),
                    sorted(equation.errstate.items()) if equation.errstate else None,
                ]
            )
        written.append(list(map(operand, graph.outputs)))
        return written
