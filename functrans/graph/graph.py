"""Graph, Equation and Variable: what staging makes, and how it is evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.errors import InputTypeError, TreeError
from functrans.core.generators import GENERATOR_TYPE, is_generator, operand_of
from functrans.core.overwriting import apart, is_large, item_alone, overwritten
from functrans.core.primitive import Primitive, primitive_of
from functrans.core.types import Array, ArrayType, is_array, type_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence


class Variable:
    """A value of a graph, known by its type."""

    __slots__ = ("type",)

    def __init__(self, kind: ArrayType) -> None:
        self.type = kind


class Equation:
    """One operation: ``outputs = primitive(inputs, params)``; an input is a Variable or a
    constant.

    `line` is the user's line that it comes from. `errstate` says which floating-point errors are
    reported while it runs, as ``numpy.errstate`` takes it; None: those of the caller.
    """

    __slots__ = ("errstate", "inputs", "line", "outputs", "params", "primitive")

    def __init__(
        self,
        primitive: Primitive,
        inputs: tuple[Any, ...],
        params: dict[str, Any],
        outputs: tuple[Variable, ...],
        line: str,
        errstate: dict[str, Any] | None = None,
    ) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.params = params
        self.outputs = outputs
        self.line = line
        self.errstate = errstate

    def changed(
        self,
        inputs: tuple[Any, ...] | None = None,
        params: dict[str, Any] | None = None,
        outputs: tuple[Variable, ...] | None = None,
    ) -> Equation:
        """The same operation with other operands, parameters or outputs."""
        return Equation(
            self.primitive,
            self.inputs if inputs is None else inputs,
            self.params if params is None else params,
            self.outputs if outputs is None else outputs,
            self.line,
            self.errstate,
        )

    @property
    def effects(self) -> bool:
        """Whether carrying it out does more than its outputs tell: it stays, and in its place."""
        primitive = self.primitive
        if primitive.outputs is None:  # it has no graphs, which tell the number of outputs
            return primitive.effects
        return primitive.effects or any(graph.effects for graph in graphs_in(self.params))


class Graph:
    """A program over arrays.

    Attributes
    ----------
    name : str
    inputs : list of Variable
    equations : list of Equation
        In the order of evaluation.
    outputs : list of Variable or constants
    in_tree, out_tree : TreeDef or None
        The structure of ``(args, kwargs)`` and of the result, where the graph came from a function.
    program : functrans.compile.Program or None
        What :func:`functrans.compile.program` has made of it.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> graph = ft.make_graph(lambda x: np.sin(x) * 2.0)(np.zeros(3))
    >>> graph
    graph <lambda>(a: float64[3]):
      b: float64[3] = sin(a)
      c: float64[3] = multiply(b, 2.0)
      return c
    >>> graph(np.zeros(3))
    array([0., 0., 0.])
    """

    __slots__ = (
        "_lent",
        "_releases",
        "derived",
        "equations",
        "in_tree",
        "inputs",
        "name",
        "out_tree",
        "outputs",
        "program",
    )

    def __init__(
        self,
        name: str,
        inputs: list[Variable],
        equations: list[Equation],
        outputs: list[Any],
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.equations = equations
        self.outputs = outputs
        self._releases: list[list[Variable]] | None = None
        self.derived: dict[Any, Any] = {}  # what transforms have made of this graph
        self._lent: set[Variable] | None = None
        self.in_tree: tree.TreeDef | None = None
        self.out_tree: tree.TreeDef | None = None
        self.program: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute, with the arguments and the result of the function that was staged.

        The arguments need the shapes and dtypes that the graph was made for, since these went into
        its parameters. A Python number may stand for a scalar that can hold it, and a scalar for a
        Python number.
        """
        leaves, in_tree = tree.flatten((args, kwargs))
        if self.in_tree is not None and in_tree != self.in_tree:
            names = ("the call", "the staged function")
            difference = tree.explain_difference(in_tree, self.in_tree, names=names)
            raise TreeError(
                f"graph {self.name}: the arguments have another structure: {difference}"
            )
        for j, (x, variable) in enumerate(zip(leaves, self.inputs, strict=True)):
            if not _fits(x, variable.type):
                paths = tree.leaf_paths(in_tree)
                given = type_of(x) if is_array(x) else f"a {type(x).__name__}"
                raise InputTypeError(
                    f"graph {self.name}: the argument at {_argument(paths[j])} is {given}, but "
                    f"the graph was made for {variable.type}. Make a graph for these types."
                )
        outs = self.evaluate(list(map(operand_of, leaves)))
        return outs if self.out_tree is None else tree.unflatten(self.out_tree, outs)

    @property
    def input_types(self) -> list[ArrayType]:
        return [v.type for v in self.inputs]

    @property
    def output_types(self) -> list[ArrayType]:
        return [v.type if isinstance(v, Variable) else type_of(v) for v in self.outputs]

    @property
    def effects(self) -> bool:
        """Whether running it does more than its outputs tell; nested graphs count."""
        return any(equation.effects for equation in self.equations)

    @property
    def releases(self) -> list[list[Variable]]:
        """For each equation the variables that nothing needs after it: their values may go."""
        if self._releases is None:
            self._releases = last_uses(self.equations, self.outputs)
        return self._releases

    def _given_up(self) -> set[Variable]:
        """The variables whose memory an operation may use that is the last to need them."""
        if self._lent is None:
            self._lent = {
                equation.inputs[0]
                for equation, released in zip(self.equations, self.releases, strict=True)
                if _gives_up(equation, released)
            }
        return self._lent

    def evaluate(
        self, values: Sequence[Array], at: Callable[[str], None] | None = None
    ) -> list[Array]:
        """Run the program; its operations go through the current interpreter.

        `at` is told the line of each equation before it runs.
        """
        if len(values) != len(self.inputs):
            raise InputTypeError(
                f"graph {self.name} takes {len(self.inputs)} arrays, got {len(values)}"
            )
        known: dict[Variable, Array] = dict(zip(self.inputs, values, strict=True))
        given_up = self._given_up()
        for equation, released in zip(self.equations, self.releases, strict=True):
            if at is not None:
                at(equation.line)
            if equation.errstate is None:
                _carry_out(equation, known, released, given_up)
            else:
                with np.errstate(**equation.errstate):
                    _carry_out(equation, known, released, given_up)
            for variable in released:
                del known[variable]
        return [known[x] if type(x) is Variable else x for x in self.outputs]

    def pruned(self) -> Graph:
        """The same graph without the equations that no output needs and that have no effects."""
        needed = {x for x in self.outputs if type(x) is Variable}
        kept = []
        for equation in reversed(self.equations):
            if not needed.isdisjoint(equation.outputs) or equation.effects:
                kept.append(equation)
                for x in equation.inputs:
                    if type(x) is Variable:
                        needed.add(x)
        pruned = Graph(self.name, self.inputs, kept[::-1], self.outputs)
        pruned.in_tree, pruned.out_tree = self.in_tree, self.out_tree
        return pruned

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the graph to a file, from which :meth:`load` reads it in another process.

        Constants, parameters, nested graphs, the structure of arguments and results and the lines
        of the user's code are kept; results are the same to the bit.

        Parameters
        ----------
        path : str or path
            An existing file is replaced.

        Raises
        ------
        GraphFileError
            The graph holds what a file cannot: a call of a Python function.

        Examples
        --------
        >>> import os, tempfile, numpy as np, functrans as ft
        >>> graph = ft.make_graph(ft.grad(lambda x: np.sum(x**3)))(np.ones(2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "cubes.graph")
        ...     graph.save(path)
        ...     loaded = ft.Graph.load(path)
        >>> loaded(np.array([1.0, 2.0]))
        array([ 3., 12.])
        """
        from functrans.graph.files.archive import save  # it imports this module

        save(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Graph:
        """Read the graph that :meth:`save` has written.

        Nothing in the file is run. Primitives and types of containers that are not of functrans
        have to be imported beforehand.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        GraphFileError
            The file is damaged, or of a newer format, or names what is not known here.
        """
        from functrans.graph.files.archive import load

        return load(path)

    def export(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the graph as a Python module that needs NumPy alone.

        The module has one function, with the name of the graph, the structure of its arguments
        (called ``argument0``, ``argument1`` and so on) and of its result, one line an operation and
        the user's lines beside them. What is more than a call of NumPy comes along as source text,
        and so do the constants. Dataclasses come back as namespaces.

        Parameters
        ----------
        path : str or path, optional
            Where to write it; an existing file is replaced.

        Returns
        -------
        str
            The text of the module.

        Raises
        ------
        GraphFileError
            An operation needs SciPy or calls a Python function of the user's.

        Examples
        --------
        >>> import numpy as np, functrans as ft
        >>> text = ft.make_graph(lambda x: np.sum(x[1:] * 2.0))(np.ones(3)).export()
        >>> for line in text.splitlines()[-4:]:
        ...     print(line.partition("  #")[0])
            b = a[1:]
            c = np.multiply(b, 2.0)
            d = np.add.reduce(c, 0, None, None, False)
            return d
        """
        from functrans.graph.files.export import module_text

        text = module_text(self)
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return text

    def text(self, *, lines: bool = False) -> str:
        """The print-out: one typed line an equation, nested graphs indented under theirs.

        Parameters
        ----------
        lines : bool
            Add the line of the user's code that each equation comes from.
        """
        from functrans.graph.printing import print_out  # it imports this module

        return print_out(self, lines)

    def __repr__(self) -> str:
        return self.text()


def operand_type(x: Any) -> ArrayType:
    """The type of an operand of an equation: a variable or a constant."""
    return x.type if type(x) is Variable else type_of(x)


def operand_types(values: Iterable[Any]) -> list[ArrayType]:
    """The types of operands of an equation."""
    return [x.type if type(x) is Variable else type_of(x) for x in values]


def named_graphs(params: dict[str, Any]) -> Iterator[tuple[str, Graph]]:
    """The graphs among the parameters of a higher-order equation, with where they stand:
    ``body``, ``branches[0]``."""
    for name, value in params.items():
        if isinstance(value, Graph):
            yield name, value
        elif type(value) is tuple:
            for i, entry in enumerate(value):
                if isinstance(entry, Graph):
                    yield f"{name}[{i}]", entry


def graphs_in(params: dict[str, Any]) -> Iterator[Graph]:
    """The graphs among the parameters of a higher-order equation."""
    return (graph for _, graph in named_graphs(params))


def with_graphs(params: dict[str, Any], change: Callable[[Graph], Graph]) -> dict[str, Any]:
    """The parameters of a higher-order equation with each of their graphs changed."""

    def changed(value: Any) -> Any:
        return change(value) if isinstance(value, Graph) else value

    return {
        name: tuple(map(changed, value)) if type(value) is tuple else changed(value)
        for name, value in params.items()
    }


def last_uses(steps: Sequence[Any], outputs: Sequence[Any]) -> list[list[Variable]]:
    """For each equation, or what has `inputs` and `outputs` like one, the variables that nothing
    needs after it."""
    needed = {x for x in outputs if type(x) is Variable}
    releases = []
    for equation in reversed(steps):
        last = []
        for x in equation.inputs:
            if type(x) is Variable and x not in needed:
                needed.add(x)
                last.append(x)
        for v in equation.outputs:
            if v not in needed:
                needed.add(v)
                last.append(v)
        releases.append(last)
    return releases[::-1]


def _gives_up(equation: Equation, released: Sequence[Variable]) -> bool:
    """Whether an operation that can be carried out in the memory of its first operand is the last
    to need that."""
    if equation.primitive.in_place is None:
        return False
    x, *others = equation.inputs
    return type(x) is Variable and x in released and not any(other is x for other in others)


def _carry_out(
    equation: Equation,
    known: dict[Variable, Array],
    released: Sequence[Variable],
    given_up: set[Variable],
) -> None:
    """Enter the outputs of an equation among what is `known`; values that are `given_up` later lend
    it their memory, if that is large."""
    primitive, inputs = equation.primitive, equation.inputs
    reused = (
        bool(given_up) and bool(inputs) and type(inputs[0]) is Variable and inputs[0] in given_up
    )
    alone = reused and item_alone(known, inputs[0])
    args = [known[x] if type(x) is Variable else x for x in inputs]
    if reused and is_large(args[0]):
        if _gives_up(equation, released):
            x, y, *arrays = args
            index = equation.params["index"]
            known[equation.outputs[0]] = overwritten(primitive, x, y, tuple(arrays), index, alone)
            return
        if primitive is primitive_of(algebra.index):
            part = primitive.call(*args, **equation.params)
            known[equation.outputs[0]] = apart(part, args[0])
            return
    ans = primitive.call(*args, **equation.params)
    if primitive.outputs is None:
        known[equation.outputs[0]] = ans
    else:
        known.update(zip(equation.outputs, ans, strict=True))


def _fits(x: Any, wanted: ArrayType) -> bool:
    if is_generator(x) or wanted == GENERATOR_TYPE:
        return is_generator(x) and wanted == GENERATOR_TYPE
    if not is_array(x):
        return False
    kind = type_of(x)
    loose = kind.weak or wanted.weak
    return kind.shape == wanted.shape and (
        kind.dtype == wanted.dtype or (loose and np.can_cast(kind.dtype, wanted.dtype, "same_kind"))
    )


def _argument(path: tree.Path) -> str:
    """The path of a leaf of ``(args, kwargs)`` without the step into one of the two."""
    return tree.key_string(path[1:])
