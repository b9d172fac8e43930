"""What a graph computes, as definitions of values and statements that write to memory.

Elementwise operations and movements of elements are *definitions*: whoever needs such a value
computes it where he is. What ends up in memory is written by *statements*, each a walk through a
space of elements. Everything else (products, loops) is a *call*, whose operands lie in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.compile.llvm.code.varying import seen
from functrans.compile.llvm.elements.operations import Operation, operation
from functrans.compile.llvm.plans.affine import (
    FIXED,
    Access,
    Coordinate,
    IndexMap,
    access,
    basic_index,
    composed,
    contiguous_strides,
    identity,
    movement,
)
from functrans.compile.llvm.plans.calls import Call, Lowering, View
from functrans.compile.llvm.plans.forms import REDUCTIONS, elementwise
from functrans.compile.llvm.plans.positions import Position, positions, progression
from functrans.core.types import ArrayType
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from functrans.core.types import Shape
    from functrans.graph.graph import Equation, Graph


class Elementwise(NamedTuple):
    """An operation on the elements of other values, which are broadcast."""

    operation: Operation
    operands: tuple[Variable, ...]


class Moved(NamedTuple):
    """The elements of another value, elsewhere."""

    operand: Variable
    where: IndexMap


class Gathered(NamedTuple):
    """Elements of a value in memory, at positions that arrays tell on top of static coordinates."""

    operand: Variable
    where: IndexMap
    positions: tuple[Position, ...]


class Uniform(NamedTuple):
    """A constant, the same everywhere."""

    value: Any


class Counted(NamedTuple):
    """The numbers along an axis: a start, and steps from there."""

    along: Coordinate


class Statement(NamedTuple):
    """For each element of a space: write a value to memory, or combine it with what is there.

    Attributes
    ----------
    target : Variable
        Whose memory is written to.
    space : tuple of int
    value : Variable
        It has the shape of the space.
    into : IndexMap
        For each axis of the target, its coordinate in the space.
    combine : str or None
        The reduction (``sum``, ``max``, ...), or None: write.
    reduced : tuple of int
        Axes of the space over which values are combined in the same place.
    initial : bool
        Whether the target has nothing in it before.
    positions : tuple of Position
        Coordinates of the target that arrays tell.
    before : tuple of Variable
        Values that have to be in memory before.
    """

    target: Variable
    space: Shape
    value: Variable
    into: IndexMap
    combine: str | None = None
    reduced: tuple[int, ...] = ()
    initial: bool = True
    positions: tuple[Position, ...] = ()
    before: tuple[Variable, ...] = ()

    @property
    def split(self) -> int:
        """The axis from which on all are reduced; the number of axes if not even the last is."""
        split = len(self.space)
        while self.reduced and split and (split - 1 in self.reduced or self.space[split - 1] == 1):
            split -= 1
        return split

    @property
    def idle(self) -> bool:
        """Whether nothing is written: the space has no elements, and no target gets the neutral one
        of a reduction."""
        fresh = self.reduced if self.initial else ()
        return 0 in [n for axis, n in enumerate(self.space) if axis not in fresh]

    @property
    def scattered(self) -> bool:
        """Whether values are combined in memory: some reduced axes have others inside."""
        split = self.split
        return any([axis < split and self.space[axis] > 1 for axis in self.reduced])


class Kernel:
    """Statements that share their loops.

    Attributes
    ----------
    space : tuple of int
    statements : list of Statement
    """

    def __init__(self, space: Shape) -> None:
        self.space = space
        self.statements: list[Statement] = []


class Nest:
    """Kernels one after the other in the same loops over their leading axes.

    Attributes
    ----------
    kernels : list of Kernel
    rows : int
        How many axes they share.
    temporary : set of Variable
        What only the nest itself needs: it has memory for one row.
    """

    def __init__(self, kernels: list[Kernel], rows: int) -> None:
        self.kernels = kernels
        self.rows = rows
        self.temporary: set[Variable] = set()


class Statements:
    """The definitions and statements of a graph.

    Attributes
    ----------
    definitions : dict of Variable
        Elementwise, Moved, Gathered, Uniform or Counted values.
    aliases : dict of Variable to Variable
        Values that lie in the memory of another.
    constants : dict of Variable to ndarray
    steps : list of Statement or Call
        In an order in which they may be carried out, without those of definitions.
    stored : set of Variable
        Values that have to lie in memory.
    outputs : list of Variable
        For each output of the graph, the value that lies in its memory.
    depths : dict of Variable to int
        How many steps stand between a value and the inputs, 0 if it is missing.
    users : dict of Variable to list of Variable
        The definitions and aliases that stand directly on a value.
    kept : set of Variable
        Definitions that are written down before what they read is overwritten.
    rewritten : set of Variable
        Results of overwriting: of what lay in their memory nothing else is needed.
    """

    def __init__(
        self,
        graph: Graph,
        calls: Callable[[Equation], Lowering | None],
        writers: Mapping[str, Callable[[Statements, Equation], None]],
        owned: Mapping[int, int] | None = None,
    ) -> None:
        """`calls` tells how equations that are calls are carried out, `writers` enter those that
        write into memory; `owned` gives for numbers of outputs that of the input in whose memory
        they may be made."""
        owned = owned or {}
        self.definitions: dict[Variable, Elementwise | Moved | Gathered | Uniform | Counted] = {}
        self.aliases: dict[Variable, Variable] = {}
        self.constants: dict[Variable, np.ndarray[Any, Any]] = {}
        self.steps: list[Statement | Call] = []
        self.stored: set[Variable] = set(graph.inputs)
        self.outputs: list[Variable] = []
        self.depths: dict[Variable, int] = {}
        self.users: dict[Variable, list[Variable]] = {}
        self.kept: set[Variable] = set()
        self.rewritten: set[Variable] = set()
        self._writers = writers
        self._inputs = set(graph.inputs)
        self._owned = {graph.inputs[i] for i in owned.values()}
        self._numbers: dict[Any, Variable] = {}
        self._counts: dict[Variable, np.ndarray[Any, Any]] = {}
        self._left: dict[Variable, int] = {}
        for x in (*graph.outputs, *[x for e in graph.equations for x in e.inputs]):
            if type(x) is Variable:
                self._left[x] = self._left.get(x, 0) + 1
        for equation in graph.equations:
            for x in equation.inputs:
                if type(x) is Variable:
                    self._left[x] -= 1
            self._enter(equation, calls)
        taken: set[Variable] = set()
        for i, x in enumerate(graph.outputs):
            own = graph.inputs[owned[i]] if i in owned else None
            self.outputs.append(self._output(self.variable(x), taken, own))

    def variable(self, x: Any) -> Variable:
        """The value that an operand is; constants become values too."""
        if type(x) is Variable:
            return x
        array = np.asarray(x)
        if array.dtype.hasobject:  # an integer of more than 64 bits, which stands beside floats
            array = np.asarray(float(x))
        if array.size and not any(array.strides):
            array = array[(slice(0, 1),) * array.ndim]
        key = type(x), array.dtype, np.shape(x), array.tobytes()
        if key not in self._numbers:
            made = self._numbers[key] = Variable(ArrayType(seen(np.shape(x)), array.dtype))
            first = array.ravel()[:1]
            if array.size and array.tobytes() == first.tobytes() * array.size:
                self.definitions[made] = Uniform(first[0])
            else:
                array = np.ascontiguousarray(np.asarray(x))
                along = progression(array)
                if along is not None:
                    self.definitions[made] = Counted(along)
                    self._counts[made] = array
                else:
                    self.constants[made] = array
                    self.stored.add(made)
        return self._numbers[key]

    def needed_later(self, x: Variable) -> bool:
        """Whether an equation that has not been entered, or an output, is or needs a value."""
        return self._left.get(x, 0) > 0

    def may_change(self, x: Variable) -> bool:
        """Whether the memory of a value may be written to at all."""
        place = self.storage(x)
        return place not in self.constants and (place not in self._inputs or place in self._owned)

    def storage(self, x: Variable) -> Variable:
        """The value whose memory a value lies in."""
        while x in self.aliases:
            x = self.aliases[x]
        return x

    def define(self, x: Variable, definition: Elementwise | Moved | Gathered) -> None:
        if isinstance(definition, Elementwise):
            operands = definition.operands
        else:
            operands = (definition.operand,)
            if isinstance(definition, Gathered):
                operands += tuple([p.array for p in definition.positions])
        self.definitions[x] = definition
        self.depths[x] = max([self.depths.get(y, 0) for y in operands], default=0)
        for y in operands:
            self.users.setdefault(y, []).append(x)

    def step(self, statement: Statement) -> None:
        self.steps.append(statement)
        self.stored.add(statement.target)
        read = [statement.value, *[p.array for p in statement.positions]]
        depth = max([self.depths.get(x, 0) for x in read]) + 1
        self.depths[statement.target] = max(depth, self.depths.get(statement.target, 0))

    def alias(self, x: Variable, other: Variable) -> None:
        """Let a value lie in the memory of another."""
        self.stored.update((x, other))
        self.aliases[x] = other
        self.users.setdefault(other, []).append(x)
        self.depths[x] = self.depths.get(other, 0)

    def _enter(self, equation: Equation, calls: Callable[[Equation], Lowering | None]) -> None:
        written = equation
        if not all([type(x) is Variable for x in equation.inputs]):
            equation = equation.changed(inputs=tuple(map(self.variable, equation.inputs)))
        name = equation.primitive.name
        out = equation.outputs[0]
        lowering = calls(equation)
        if lowering is not None:
            operands = self._views(equation, lowering)
            self.stored.update([view.value for view in operands])
            self.stored.update(equation.outputs)
            self.steps.append(Call(equation, operands, lowering))
            depth = max([self.depths.get(x, 0) for x in equation.inputs], default=0) + 1
            self.depths.update(dict.fromkeys(equation.outputs, depth))
        elif name == "reshape" and movement(equation) is None:
            self.alias(out, equation.inputs[0])
        elif name in REDUCTIONS:
            self._reduce(equation)
        elif name in self._writers:
            self._writers[name](self, equation)
        elif name == "index" and equation.inputs[1:]:
            self._gather(equation)
        else:
            index = movement(equation)
            if index is not None:
                self.define(out, Moved(equation.inputs[0], index))
            else:
                found = elementwise(written)  # which looks at numbers
                assert found is not None, name
                self.define(out, Elementwise(found, equation.inputs))

    def _gather(self, equation: Equation) -> None:
        x, *arrays = equation.inputs
        x = self._in_memory(x)
        self.stored.add(x)
        where, places = self.followed(x.type.shape, equation.params["index"], arrays)
        self.define(equation.outputs[0], Gathered(x, where, places))

    def followed(
        self, shape: Shape, index: Any, arrays: Sequence[Variable]
    ) -> tuple[IndexMap, tuple[Position, ...]]:
        """Where an index leads in an array of a shape."""
        if not arrays:
            into = basic_index(shape, index)
            assert into is not None
            return into, ()
        known: dict[Variable, Coordinate] = {}
        for a in arrays:
            definition = self.definitions.get(a)
            if isinstance(definition, Counted):
                known[a] = definition.along
        wide = [a if a in known else self.converted(a, np.dtype(np.int64)) for a in arrays]
        found = positions(shape, index, wide, known)
        assert found is not None
        return found

    def _in_memory(self, x: Variable) -> Variable:
        """A value that can lie in memory, if this one is a constant that does not."""
        if x in self._counts:
            made = Variable(x.type)
            self.constants[made] = self._counts[x]
            self.stored.add(made)
            return made
        return self.copy(x) if isinstance(self.definitions.get(x), Uniform) else x

    def _views(self, equation: Equation, lowering: Lowering) -> tuple[View, ...]:
        """The operands of a call: where their elements lie already, if they can be read there."""
        plain = []
        for x in equation.inputs:
            x = self._in_memory(x)
            plain.append(View(x, Access(0, contiguous_strides(x.type.shape))))
        views = list(plain)
        for i, x in enumerate(equation.inputs):
            moved = self._moved(x)
            if moved is not None:
                views[i] = moved
                if not lowering.accepts(equation, [view.access.strides for view in views]):
                    views[i] = plain[i]
        return tuple(views)

    def _moved(self, x: Variable) -> View | None:
        """Where a value lies of which this one shows the elements elsewhere."""
        index, shape = identity(x.type.ndim), x.type.shape
        definition = self.definitions.get(x)
        if not isinstance(definition, Moved) or x in self.kept:
            return None
        while isinstance(definition, Moved) and x not in self.kept:
            x, index = definition.operand, composed(definition.where, index)
            definition = self.definitions.get(x)
        if isinstance(definition, Uniform | Counted):
            return None
        return View(x, access(index, contiguous_strides(x.type.shape), shape))

    def _reduce(self, equation: Equation) -> None:
        (x,) = equation.inputs
        (out,) = equation.outputs
        name, axes = equation.primitive.name, equation.params["axes"]
        if name == "count_nonzero" or (name in ("any", "all") and x.type.dtype.kind != "b"):
            x = self.converted(x, np.dtype(bool))
        if name not in ("max", "min"):
            x = self.converted(x, out.type.dtype)
        shape = x.type.shape
        kept = [i for i in range(len(shape)) if i not in axes]
        if equation.params.get("keepdims"):
            into = tuple([FIXED if i in axes else Coordinate(i, 0, 1) for i in range(len(shape))])
        else:
            into = tuple([Coordinate(i, 0, 1) for i in kept])
        self.step(Statement(out, shape, x, into, REDUCTIONS[name], tuple(axes)))

    def converted(self, x: Variable, dtype: np.dtype[Any]) -> Variable:
        if x.type.dtype == dtype:
            return x
        made = Variable(ArrayType(x.type.shape, dtype))
        found = operation("astype", (x.type.dtype,), dtype)
        assert found is not None
        self.define(made, Elementwise(found, (x,)))
        return made

    def copy(self, x: Variable) -> Variable:
        """A value of its own memory with the same elements."""
        made = Variable(ArrayType(x.type.shape, x.type.dtype))
        shape = x.type.shape
        self.step(Statement(made, shape, x, identity(len(shape))))
        return made

    def _output(self, x: Variable, taken: set[Variable], own: Variable | None) -> Variable:
        """A value with memory of its own for an output, or in that of the input `own`."""
        place = self.storage(x)
        if x in self.definitions and not isinstance(self.definitions[x], Elementwise):
            return self._output(self.copy(x), taken, own)
        foreign = place in self._inputs and place is not own
        if foreign or place in self.constants or place in taken:
            return self._output(self.copy(x), taken, own)
        taken.add(place)
        self.stored.add(x)
        return x
