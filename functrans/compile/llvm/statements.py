"""What a graph computes, as definitions of values and statements that write to memory.

Elementwise operations and movements of elements are *definitions*: whoever needs such a value
computes it where he is. What ends up in memory is written by *statements*, each a walk through a
space of elements. Everything else (products, loops) is a *call*, whose operands lie in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from functrans.compile.llvm.affine import (
    FIXED,
    Access,
    Coordinate,
    IndexMap,
    access,
    basic_index,
    broadcast,
    composed,
    contiguous_strides,
    identity,
    movement,
)
from functrans.compile.llvm.conversions import supported
from functrans.compile.llvm.operations import Operation, operation
from functrans.compile.llvm.positions import Position, positions, readable
from functrans.core.kinds import PYTHON_TYPES
from functrans.core.types import SCALARS, WEAK, ArrayType, shape_of, type_of
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from functrans.compile.llvm.builder import Builder, Value
    from functrans.compile.llvm.emission import Code
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
    """

    target: Variable
    space: Shape
    value: Variable
    into: IndexMap
    combine: str | None = None
    reduced: tuple[int, ...] = ()
    initial: bool = True
    positions: tuple[Position, ...] = ()

    @property
    def split(self) -> int:
        """The axis from which on all are reduced; the number of axes if not even the last is."""
        split = len(self.space)
        while self.reduced and split and (split - 1 in self.reduced or self.space[split - 1] == 1):
            split -= 1
        return split

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


class View(NamedTuple):
    """An operand in memory: the value that lies there, and where in it the operand's elements are.

    Attributes
    ----------
    value : Variable
    access : Access
        By the axes of the operand.
    """

    value: Variable
    access: Access


class Call(NamedTuple):
    """An equation with a way of its own to be carried out, on operands in memory."""

    equation: Equation
    operands: tuple[View, ...]
    way: Way


class Way(Protocol):
    """How equations of some primitives are carried out.

    Attributes
    ----------
    exact : bool
        Whether results have the bits that NumPy's have.
    """

    exact: bool

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        """Whether the equation can be carried out on operands that lie so, in elements."""

    def planned(self, code: Code, call: Call) -> Work:
        """What is to be done for a call."""


class Work(Protocol):
    """A call that has been planned.

    Attributes
    ----------
    scratch : int
        Bytes of memory that it needs meanwhile.
    direct : bool
        Whether single elements are only read and written where they lie, so that they may be kept
        in registers; otherwise their addresses may be handed on.
    """

    @property
    def scratch(self) -> int: ...

    @property
    def direct(self) -> bool: ...

    def emit(
        self,
        builder: Builder,
        addresses: Sequence[Value],
        outs: Sequence[Value],
        scratch: Value,
    ) -> None:
        """Write the code, given the address of each operand's first element, of each output's, and
        of scratch memory."""


REDUCTIONS = {
    "sum": "sum",
    "prod": "prod",
    "max": "max",
    "min": "min",
    "any": "any",
    "all": "all",
    "count_nonzero": "sum",
}
"""Primitives that combine elements along axes, and how."""


class Statements:
    """The definitions and statements of a graph.

    Attributes
    ----------
    definitions : dict of Variable
        Elementwise, Moved, Gathered or Uniform values.
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
    """

    def __init__(
        self,
        graph: Graph,
        calls: Callable[[Equation], Way | None],
        owned: Mapping[int, int] | None = None,
    ) -> None:
        """`calls` tells how equations that are calls are carried out; `owned` gives for numbers of
        outputs that of the input in whose memory they may be made."""
        owned = owned or {}
        self.definitions: dict[Variable, Elementwise | Moved | Gathered | Uniform] = {}
        self.aliases: dict[Variable, Variable] = {}
        self.constants: dict[Variable, np.ndarray[Any, Any]] = {}
        self.steps: list[Statement | Call] = []
        self.stored: set[Variable] = set(graph.inputs)
        self.outputs: list[Variable] = []
        self.depths: dict[Variable, int] = {}
        self._inputs = set(graph.inputs)
        self._owned = {graph.inputs[i] for i in owned.values()}
        self._rewritten: set[Variable] = set()  # each the only one that needs its memory
        self._numbers: dict[Any, Variable] = {}
        self._uses: dict[Variable, int] = {}
        for x in (*graph.outputs, *[x for e in graph.equations for x in e.inputs]):
            if type(x) is Variable:
                self._uses[x] = self._uses.get(x, 0) + 1
        for equation in graph.equations:
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
        if array.size and not any(array.strides):
            array = array[(slice(0, 1),) * array.ndim]
        key = type(x), array.dtype, np.shape(x), array.tobytes()
        if key not in self._numbers:
            made = self._numbers[key] = Variable(ArrayType(np.shape(x), array.dtype))
            first = array.ravel()[:1]
            if array.size and array.tobytes() == first.tobytes() * array.size:
                self.definitions[made] = Uniform(first[0])
            else:
                self.constants[made] = np.ascontiguousarray(np.asarray(x))
                self.stored.add(made)
        return self._numbers[key]

    def storage(self, x: Variable) -> Variable:
        """The value whose memory a value lies in."""
        while x in self.aliases:
            x = self.aliases[x]
        return x

    def _define(self, x: Variable, definition: Elementwise | Moved | Gathered) -> None:
        if isinstance(definition, Elementwise):
            operands = definition.operands
        else:
            operands = (definition.operand,)
            if isinstance(definition, Gathered):
                operands += tuple([p.array for p in definition.positions])
        self.definitions[x] = definition
        self.depths[x] = max([self.depths.get(y, 0) for y in operands], default=0)

    def _step(self, statement: Statement) -> None:
        self.steps.append(statement)
        self.stored.add(statement.target)
        read = [statement.value, *[p.array for p in statement.positions]]
        depth = max([self.depths.get(x, 0) for x in read]) + 1
        self.depths[statement.target] = max(depth, self.depths.get(statement.target, 0))

    def _alias(self, x: Variable, other: Variable) -> None:
        """Let a value lie in the memory of another."""
        self.stored.update((x, other))
        self.aliases[x] = other
        self.depths[x] = self.depths.get(other, 0)

    def _enter(self, equation: Equation, calls: Callable[[Equation], Way | None]) -> None:
        found = elementwise(equation)
        equation = equation.changed(inputs=tuple(map(self.variable, equation.inputs)))
        name = equation.primitive.name
        out = equation.outputs[0]
        way = calls(equation)
        if way is not None:
            operands = self._views(equation, way)
            self.stored.update([view.value for view in operands])
            self.stored.update(equation.outputs)
            self.steps.append(Call(equation, operands, way))
            depth = max([self.depths.get(x, 0) for x in equation.inputs], default=0) + 1
            self.depths.update(dict.fromkeys(equation.outputs, depth))
        elif name == "reshape" and movement(equation) is None:
            self._alias(out, equation.inputs[0])
        elif name in REDUCTIONS:
            self._reduce(equation)
        elif name in _WRITERS:
            _WRITERS[name](self, equation)
        elif name == "index" and len(equation.inputs) > 1:
            self._gather(equation)
        else:
            index = movement(equation)
            if index is not None:
                self._define(out, Moved(equation.inputs[0], index))
            else:
                assert found is not None, name
                self._define(out, Elementwise(found, equation.inputs))

    def _gather(self, equation: Equation) -> None:
        x, *arrays = equation.inputs
        if isinstance(self.definitions.get(x), Uniform):
            x = self.copy(x)
        self.stored.add(x)
        where, places = self._followed(x.type.shape, equation.params["index"], arrays)
        self._define(equation.outputs[0], Gathered(x, where, places))

    def _views(self, equation: Equation, way: Way) -> tuple[View, ...]:
        """The operands of a call: where their elements lie already, if they can be read there."""
        plain = []
        for x in equation.inputs:
            if isinstance(self.definitions.get(x), Uniform):
                x = self.copy(x)
            plain.append(View(x, Access(0, contiguous_strides(x.type.shape))))
        views = list(plain)
        for i, x in enumerate(equation.inputs):
            moved = self._moved(x)
            if moved is not None:
                views[i] = moved
                if not way.accepts(equation, [view.access.strides for view in views]):
                    views[i] = plain[i]
        return tuple(views)

    def _moved(self, x: Variable) -> View | None:
        """Where a value lies of which this one shows the elements elsewhere."""
        index, shape = identity(x.type.ndim), x.type.shape
        definition = self.definitions.get(x)
        if not isinstance(definition, Moved):
            return None
        while isinstance(definition, Moved):
            x, index = definition.operand, composed(definition.where, index)
            definition = self.definitions.get(x)
        if isinstance(definition, Uniform):
            return None
        return View(x, access(index, contiguous_strides(x.type.shape), shape))

    def _reduce(self, equation: Equation) -> None:
        (x,) = equation.inputs
        (out,) = equation.outputs
        name, axes = equation.primitive.name, equation.params["axes"]
        if name == "count_nonzero" or (name in ("any", "all") and x.type.dtype.kind != "b"):
            x = self._converted(x, np.dtype(bool))
        if name not in ("max", "min"):
            x = self._converted(x, out.type.dtype)
        shape = x.type.shape
        kept = [i for i in range(len(shape)) if i not in axes]
        if equation.params.get("keepdims"):
            into = tuple([FIXED if i in axes else Coordinate(i, 0, 1) for i in range(len(shape))])
        else:
            into = tuple([Coordinate(i, 0, 1) for i in kept])
        self._step(Statement(out, shape, x, into, REDUCTIONS[name], tuple(axes)))

    def _converted(self, x: Variable, dtype: np.dtype[Any]) -> Variable:
        if x.type.dtype == dtype:
            return x
        made = Variable(ArrayType(x.type.shape, dtype))
        found = operation("astype", (x.type.dtype,), dtype)
        assert found is not None
        self._define(made, Elementwise(found, (x,)))
        return made

    def copy(self, x: Variable) -> Variable:
        """A value of its own memory with the same elements."""
        made = Variable(ArrayType(x.type.shape, x.type.dtype))
        shape = x.type.shape
        self._step(Statement(made, shape, x, identity(len(shape))))
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

    # ---- writers: the result is a copy of an operand, with something written to it ------------

    def _base(self, x: Variable, out: Variable) -> None:
        """Let a result begin as its operand, in the memory of that if nobody else needs it."""
        place = self.storage(x)
        alone = self._uses.get(x, 0) == 1 and (x is place or x in self._rewritten)
        free = place not in self._inputs or place in self._owned
        if alone and free and place not in self.constants:
            if not isinstance(self.definitions.get(x), Elementwise | None):
                x = self.copy(x)
        else:
            x = self.copy(x)
        self._alias(out, x)
        self._rewritten.add(out)

    def _write_region(self, equation: Equation, combine: str | None) -> None:
        x, y, *arrays = equation.inputs
        (out,) = equation.outputs
        index = equation.params["index"]
        into, places = self._followed(out.type.shape, index, arrays)
        space = index.shape(out.type.shape, tuple([a.type.shape for a in arrays]))
        self._base(x, out)
        self._write(out, space, y, into, combine, places)

    def _followed(
        self, shape: Shape, index: Any, arrays: Sequence[Variable]
    ) -> tuple[IndexMap, tuple[Position, ...]]:
        """Where an index leads in an array of a shape."""
        if not arrays:
            into = basic_index(shape, index)
            assert into is not None
            return into, ()
        wide = [self._converted(a, np.dtype(np.int64)) for a in arrays]
        found = positions(shape, index, wide)
        assert found is not None
        return found

    def _write(
        self,
        out: Variable,
        space: Shape,
        y: Variable,
        into: IndexMap,
        combine: str | None,
        places: tuple[Position, ...] = (),
    ) -> None:
        if y.type.shape != space:
            shown = Variable(ArrayType(space, y.type.dtype))
            shape = y.type.shape
            while len(shape) > len(space):  # NumPy drops axes of length 1 in front
                shape = shape[1:]
            index = broadcast(shape, space)
            dropped = y.type.ndim - len(shape)
            self._define(shown, Moved(y, (FIXED,) * dropped + index))
            y = shown
        y = self._converted(y, out.type.dtype)
        self._step(Statement(out, space, y, into, combine, (), False, places))

    def _concatenate(self, equation: Equation) -> None:
        (out,) = equation.outputs
        axis = equation.params["axis"]
        start = 0
        for x in equation.inputs:
            shape = x.type.shape
            into = tuple([Coordinate(i, start if i == axis else 0, 1) for i in range(len(shape))])
            x = self._converted(x, out.type.dtype)
            self._step(Statement(out, shape, x, into))
            start += shape[axis]

    def _roll(self, equation: Equation) -> None:
        (x,) = equation.inputs
        (out,) = equation.outputs
        shift, axis = equation.params["shift"], equation.params["axis"]
        size = x.type.shape[axis]
        # What goes beyond the end comes first.
        for start, count, place in ((size - shift, shift, 0), (0, size - shift, shift)):
            self._piece(out, x, axis, count, start, place)

    def _shift(self, equation: Equation) -> None:
        (x,) = equation.inputs
        (out,) = equation.outputs
        axis, reverse = equation.params["axis"], equation.params.get("reverse", False)
        shape = x.type.shape
        size = shape[axis]
        zero = Variable(ArrayType(shape, out.type.dtype))
        self.definitions[zero] = Uniform(out.type.dtype.type(0))
        for value, count, start, place in (
            (zero, min(size, 1), 0, size - 1 if reverse else 0),
            (x, max(size - 1, 0), int(reverse), int(not reverse)),
        ):
            self._piece(out, value, axis, count, start, place)

    def _piece(
        self, out: Variable, x: Variable, axis: int, count: int, start: int, place: int
    ) -> None:
        """Write so many elements along an axis of a value, from one place, to another place."""
        shape = x.type.shape
        part = Variable(ArrayType((*shape[:axis], count, *shape[axis + 1 :]), x.type.dtype))
        where = tuple([Coordinate(i, start if i == axis else 0, 1) for i in range(len(shape))])
        into = tuple([Coordinate(i, place if i == axis else 0, 1) for i in range(len(shape))])
        self._define(part, Moved(x, where))
        self._step(Statement(out, part.type.shape, part, into))

    def _pad(self, equation: Equation) -> None:
        (x,) = equation.inputs
        (out,) = equation.outputs
        zero = self.variable(np.broadcast_to(np.zeros((), out.type.dtype), out.type.shape))
        filled = self.copy(zero)
        self._alias(out, filled)
        widths = equation.params["widths"]
        into = tuple([Coordinate(i, low, 1) for i, (low, _) in enumerate(widths)])
        self._write(out, x.type.shape, x, into, None)


_WRITERS: dict[str, Callable[[Statements, Equation], None]] = {
    "index_add": lambda s, e: s._write_region(e, "sum"),
    "index_update": lambda s, e: s._write_region(e, None),
    "concatenate": Statements._concatenate,
    "pad": Statements._pad,
    "roll": Statements._roll,
    "shift": Statements._shift,
}


def _known(x: Any) -> Any:
    """The number that an operand is, a 0-d array too; None if it is none."""
    if type(x) is np.ndarray and not x.ndim:
        return x[()]
    return x if type(x) in SCALARS else None


def elementwise(equation: Equation) -> Operation | None:
    """The native form of an elementwise equation; None if it has none, or is not elementwise."""
    if len(equation.outputs) != 1 or equation.primitive.outputs is not None:
        return None
    kinds: list[Any] = []
    for x in equation.inputs:
        kind = x.type if type(x) is Variable else type_of(x)
        if not supported(kind.dtype):
            return None
        weak = kind.weak if type(x) is Variable else type(x) in WEAK
        kinds.append(PYTHON_TYPES[kind.dtype.kind] if weak else kind.dtype)
    name, result = equation.primitive.name, equation.outputs[0].type.dtype
    params = {k: v for k, v in equation.params.items() if k != "dtype"}
    numbers = [_known(x) for x in equation.inputs]
    return operation(name, kinds, result, params, numbers)


def _followable(shape: Shape, equation: Equation, first: int) -> bool:
    index, arrays = equation.params["index"], equation.inputs[first:]
    if arrays:
        return readable(shape, index, arrays)
    return basic_index(shape, index) is not None


def stated(equation: Equation) -> bool:
    """Whether an equation can be expressed so, leaving calls aside."""
    name = equation.primitive.name
    if name in ("reshape", "concatenate", "pad", "roll", "shift") or name in REDUCTIONS:
        return True
    if name in ("index_add", "index_update"):
        return _followable(equation.outputs[0].type.shape, equation, 2)
    if name == "index":
        x = equation.inputs[0]
        return _followable(x.type.shape if type(x) is Variable else shape_of(x), equation, 1)
    if name in ("transpose", "flip", "broadcast_to"):
        return movement(equation) is not None
    return elementwise(equation) is not None
