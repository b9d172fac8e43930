"""Values that along an axis are the same but for a few entries: unit matrices, and what is made of
them.

The Jacobian of elementwise work takes the directions of a basis as the rows of a unit matrix, and
every operation on them works on a matrix whose columns hold one number, but for the entries of a
few rows. Such a matrix is known by a row of these numbers (the *base*) and, for each column, by the
exceptional rows with their entries. An elementwise operation of them is that operation of the bases
and of the entries: as many elements as columns, and not a matrix. The numbers of the base go
through every operation like all others, so that zero times infinity is NaN in the whole column and
signs of zeros are what they are: results have the bits of the whole computation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.primitive import primitive_of
from functrans.core.types import ArrayType
from functrans.graph.graph import Equation, Graph, Variable, operand_type
from functrans.graph.inference import output_types
from functrans.graph.passes.folding import folded
from functrans.graph.passes.layout import EXACT, Layouts, makes_view
from functrans.graph.passes.rewriting import like
from functrans.graph.passes.sparse_values import (
    KINDS,
    MOST,
    MOVES,
    NOWHERE,
    Sparse,
    indexed,
    sparse_constant,
    tell_apart,
    with_one,
)
from functrans.primitives.arithmetic import add
from functrans.primitives.comparison import logical_or, where
from functrans.primitives.index_expression import ARRAY, Index
from functrans.primitives.indexing import index_, index_update
from functrans.primitives.shape import inverse_permutation, reshape, transpose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


SMALLEST = 64
"""Elements of a constant from which on it is looked at, and of a result from which on it is made
out of a base and entries: native code of a Hessian in ten variables gains already."""

SMALLEST_OF_CALLS = 4096
"""The same where each operation is a call of NumPy: below, calls cost more than elements."""


def use_sparsity(
    graph: Graph,
    *,
    ordered: bool,
    smallest: int = SMALLEST,
    known: Mapping[Variable, list[Sparse]] | None = None,
) -> Graph:
    """The graph with results made out of bases and entries, where unit matrices lead to such.

    Parameters
    ----------
    graph : Graph
    ordered : bool
        Keep how results lie in memory, as sums of NumPy over them depend on it.
    smallest : int
        Elements of a result from which on it is made so.
    known : mapping, optional
        Inputs that are arrays in C order, as what they are along their axes.

    Returns
    -------
    Graph
        Its results have the same bits; the graph itself if there was nothing to do.
    """
    if not known and not any([_is_large(x) for e in graph.equations for x in e.inputs]):
        return graph
    walk = _Walk(graph, ordered, smallest, known or {})
    if not known and not any([walk.constant(x) for e in graph.equations for x in e.inputs]):
        return graph
    return walk.run()


def _is_large(x: Any) -> bool:
    return _is_matrix(x) and x.size >= SMALLEST


def _is_matrix(x: Any) -> bool:
    """Whether it is a constant that is longer than 1 along several axes: of others there is nothing
    to gain."""
    return (
        type(x) is np.ndarray
        and x.ndim > 1
        and any(x.strides)
        and sum([n != 1 for n in x.shape]) > 1
    )


Columns = Callable[[int, "np.ndarray[Any, Any]"], "np.ndarray[Any, Any]"]


class _Walk:
    def __init__(
        self,
        graph: Graph,
        ordered: bool,
        smallest: int,
        known: Mapping[Variable, list[Sparse]],
    ) -> None:
        self._graph = graph
        self._ordered = ordered
        self._smallest = smallest
        self._layouts = Layouts(graph.equations, graph.outputs, tuple(known))
        self._equations: list[Equation] = []
        self._known: dict[Variable, list[Sparse]] = {**known}
        self._constants: dict[int, list[Sparse]] = {}
        self._makers: dict[Variable, Equation] = {}
        self._made: dict[Variable, Any] = {}
        self._line = ""

    def run(self) -> Graph:
        for equation in self._graph.equations:
            found = self._followed(equation)
            if found:
                self._known[equation.outputs[0]] = found
                self._equations.append(equation)
            else:
                inputs = tuple(map(self._whole, equation.inputs))
                same = all(x is y for x, y in zip(inputs, equation.inputs, strict=True))
                self._equations.append(equation if same else equation.changed(inputs=inputs))
            self._layouts.see(equation)
        outputs = list(map(self._whole, self._graph.outputs))
        if not any(self._made.values()):
            return self._graph
        return like(self._graph, self._equations, outputs).pruned()

    def constant(self, x: Any) -> list[Sparse]:
        """A constant as sparse along its axes."""
        if not _is_matrix(x):
            return []
        if id(x) not in self._constants:
            self._constants[id(x)] = [s for i in range(x.ndim) if (s := sparse_constant(x, i))]
        return self._constants[id(x)]

    def _of(self, x: Any) -> list[Sparse]:
        return self._known.get(x, []) if type(x) is Variable else self.constant(x)

    # What takes whole values

    def _whole(self, x: Any) -> Any:
        """An operand for those who take it as it is: made out of base and entries, if it was
        computed."""
        if type(x) is not Variable or x not in self._known:
            return x
        if x not in self._made:
            self._made[x] = self._made_of(x)
        return self._made[x] or x

    def _made_of(self, x: Variable) -> Any:
        sparse = self._known[x][0]
        if not sparse.computed:
            return None
        maker = self._makers[x]
        self._line = maker.line
        ranks = tuple(range(x.type.ndim))
        order = self._order(x) if self._ordered else ranks
        large = x.type.size >= self._smallest
        if large and order == ranks:
            return self._spread(x.type, sparse)
        if large and order is not None:
            shape = tuple([x.type.shape[i] for i in order])
            turned = self._spread(ArrayType(shape, x.type.dtype), self._turned(sparse, order))
            return self._emit(transpose, (turned,), axes=inverse_permutation(order))
        if not makes_view(maker):
            return None
        whole = self._whole(maker.inputs[0])
        if whole is maker.inputs[0]:
            return None
        made = maker.changed(inputs=(whole,), outputs=(Variable(x.type),))
        self._equations.append(made)
        return made.outputs[0]

    def _order(self, x: Any) -> tuple[int, ...] | None:
        """The axes of a value as they lie densely in memory, from the longest step to the shortest;
        None if that is not known. Of a constant, the axes of its copies."""
        if self._layouts.contiguous(x):
            return tuple(range(operand_type(x).ndim))
        if type(x) is np.ndarray:
            strides = np.empty_like(x).strides
            return tuple(sorted(range(x.ndim), key=lambda i: -strides[i]))
        maker = self._makers.get(x)
        if maker is None:
            return None
        if maker.primitive.name in ("index_add", "index_update"):
            return self._order(maker.inputs[0])  # of which the result begins as a copy
        order = self._order(maker.inputs[0]) if maker.primitive.name == "transpose" else None
        return order and tuple([maker.params["axes"].index(i) for i in order])

    def _turned(self, sparse: Sparse, axes: tuple[int, ...]) -> Sparse:
        base = self._emit(transpose, (sparse.base,), axes=axes)
        entries = [
            (rows.transpose(axes), self._emit(transpose, (value,), axes=axes))
            for rows, value in sparse.entries
        ]
        return Sparse(axes.index(sparse.axis), sparse.length, base, tuple(entries), True)

    def _spread(self, kind: ArrayType, sparse: Sparse) -> Any:
        """The base along the whole axis, and the entries written into it."""
        function, number = _NOTHING[kind.dtype.kind]
        nothing = np.broadcast_to(np.array(number, kind.dtype), kind.shape)
        made = self._emit(function, (sparse.base, nothing))
        assert made.type == kind
        for rows, values in sparse.entries:
            columns = np.flatnonzero(rows >= 0)
            if not len(columns):
                continue
            places = list(np.unravel_index(columns, rows.shape))
            places[sparse.axis] = rows.ravel()[columns]
            flat = self._emit(reshape, (values,), shape=(rows.size,))
            if len(columns) < rows.size:
                first, last = int(columns[0]), int(columns[-1])
                if last - first + 1 == len(columns):
                    flat = self._emit(index_, (flat,), index=Index((slice(first, last + 1),)))
                else:
                    flat = self._emit(index_, (flat, columns), index=Index((ARRAY,), unique=True))
            index = Index((ARRAY,) * kind.ndim, unique=True)
            made = self._emit(index_update, (made, flat, *places), index=index)
        return made

    # What goes on with bases and entries

    def _emit(self, function: Any, inputs: tuple[Any, ...], **params: Any) -> Any:
        primitive = primitive_of(function)
        out = Variable(output_types(primitive, inputs, params))
        self._equations.append(Equation(primitive, inputs, params, (out,), self._line))
        return out

    def _small(self, equation: Equation, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        """The result of an operation on smaller operands."""
        inputs = tuple(inputs)
        kind = output_types(equation.primitive, inputs, params)
        made = equation.changed(inputs=inputs, params=params, outputs=(Variable(kind),))
        constant = folded(made)
        if constant is not None:
            return constant[0]
        self._equations.append(made)
        return made.outputs[0]

    def _followed(self, equation: Equation) -> list[Sparse]:
        """The result of an equation as sparse, along each axis along which it is."""
        primitive = equation.primitive
        if primitive.outputs is not None or equation.effects:
            return []
        (out,) = equation.outputs
        operands = [x for x in equation.inputs if self._of(x)]
        if not operands or not all([_kind(x) in KINDS for x in (*equation.inputs, out)]):
            return []
        way = self._way(equation)
        if way is None:
            return []
        self._line = equation.line
        self._makers[out] = equation
        found = []
        for s in self._of(operands[0]):
            made = way(equation, s.axis - operand_type(operands[0]).ndim)
            if made is not None:
                found.append(made)
        return found

    def _way(self, equation: Equation) -> Callable[[Equation, int], Sparse | None] | None:
        name = equation.primitive.name
        if name in _ELEMENTWISE:
            return self._elementwise
        if name in MOVES and len(equation.inputs) == 1:
            return self._moved
        if name == "concatenate":
            return self._concatenated
        if name in ("index_add", "index_update") and len(equation.inputs) == 2:
            return self._written
        return None

    def _along(self, x: Any, axis: int) -> Sparse | None:
        """An operand as sparse along an axis, counted from the last; without entries where it is
        the same all along."""
        shape = operand_type(x).shape
        place = len(shape) + axis
        if place < 0 or shape[place] == 1:
            return Sparse(place, 1, x, (), False)
        if type(x) is np.ndarray and not x.strides[place]:
            first = (slice(None),) * place + (slice(0, 1),)
            return Sparse(place, shape[place], x[first], (), False)
        return next((s for s in self._of(x) if s.axis == place), None)

    def _combined(
        self,
        equation: Equation,
        operands: Sequence[Sparse | None],
        axis: int,
        params: dict[str, Any],
        placed: Columns,
        seen: Columns,
    ) -> Sparse | None:
        """The result of an operation that has one column for each of its operands'.

        `placed` gives the rows of the entries of an operand by the columns of the result, `seen`
        what there is for each column of the result by those of the operand.
        """
        known = [s for s in operands if s is not None]
        if len(known) < len(operands):
            return None
        own = [[(placed(i, r), value) for r, value in s.entries] for i, s in enumerate(known)]
        groups = tell_apart([rows for pairs in own for rows, _ in pairs])
        if len(groups) > MOST:
            return None
        entries = []
        for rows in groups:
            inputs = [
                self._chosen(rows, s.base, pairs, partial(seen, i))
                for i, (s, pairs) in enumerate(zip(known, own, strict=True))
            ]
            entries.append((rows, self._small(equation, inputs, params)))
        base = self._small(equation, [s.base for s in known], params)
        (out,) = equation.outputs
        view = makes_view(equation) and not any([s.computed for s in known])
        return Sparse(axis, out.type.shape[axis], base, tuple(entries), not view)

    def _chosen(
        self,
        rows: np.ndarray[Any, Any],
        base: Any,
        pairs: Sequence[tuple[np.ndarray[Any, Any], Any]],
        seen: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]],
    ) -> Any:
        """An operand in some rows, one for each column: its entries there, and else the base."""
        made = base
        for own, value in pairs:
            if own is rows:  # the other entries are in other rows
                return value
        for own, value in pairs:
            there = (own == rows) & (own >= 0)
            if not there.any():
                continue
            if made is base and (there | (own < 0)).all():
                made = value  # which is that of the base where it has no row
            else:
                made = self._emit(where, (seen(there), value, made))
        return made

    def _elementwise(self, equation: Equation, axis: int) -> Sparse | None:
        out = equation.outputs[0].type.shape
        place = len(out) + axis
        small = (*out[:place], 1, *out[place + 1 :])
        return self._combined(
            equation,
            [self._along(x, axis) for x in equation.inputs],
            place,
            equation.params,
            lambda i, rows: rows if rows.shape == small else np.broadcast_to(rows, small),
            lambda i, there: there,
        )

    def _moved(self, equation: Equation, axis: int) -> Sparse | None:
        (x,) = equation.inputs
        shape, out = operand_type(x).shape, equation.outputs[0].type.shape
        found = MOVES[equation.primitive.name](equation.params, shape, out, len(shape) + axis)
        s = self._along(x, axis)
        if found is None or s is None:
            return None
        place, params = found
        impl = equation.primitive.impl

        def moved(i: int, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            if equation.primitive.name == "pad":  # with zeros, and -1 is what stands for no row
                rows = rows - NOWHERE
                return np.asarray(impl(rows, **params)) + NOWHERE
            return np.asarray(impl(rows, **params))

        # One operand's entries are told apart already.
        return self._combined(equation, [s], place, params, moved, lambda i, there: there)

    def _concatenated(self, equation: Equation, axis: int) -> Sparse | None:
        ndim = equation.outputs[0].type.ndim
        across = equation.params["axis"]
        if across == ndim + axis:
            return None
        operands = [self._along(x, axis) for x in equation.inputs]
        starts = np.cumsum([0] + [operand_type(x).shape[across] for x in equation.inputs])

        def placed(i: int, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            whole = list(rows.shape)
            whole[across] = int(starts[-1])
            made = np.full(whole, NOWHERE)
            made[piece(i)] = rows
            return made

        def piece(i: int) -> tuple[slice, ...]:
            return (*(slice(None),) * across, slice(int(starts[i]), int(starts[i + 1])))

        return self._combined(
            equation,
            operands,
            ndim + axis,
            equation.params,
            placed,
            lambda i, there: there[piece(i)],
        )

    def _written(self, equation: Equation, axis: int) -> Sparse | None:
        x, y = equation.inputs
        shape, y_ndim = equation.outputs[0].type.shape, operand_type(y).ndim
        region = equation.params["index"].shape(shape, ())
        if y_ndim > len(region):
            return None
        for place in range(len(shape)):
            found = indexed(equation.params, shape, region, place)
            if found is not None:  # `axis` is that of the first operand that is sparse
                along = found[0] - len(region)
                if axis == (place - len(shape) if self._of(x) else along):
                    break
        else:
            return None
        params = found[1]

        def placed(i: int, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            if i == 0:
                return rows
            made = np.full(with_one(shape, place), NOWHERE)
            made[params["index"].key(())] = rows
            return made

        operands = [self._along(x, place - len(shape)), self._along(y, along)]
        return self._combined(
            equation,
            operands,
            place,
            params,
            placed,
            lambda i, there: there[params["index"].key(())] if i else there,
        )


_NOTHING = {"f": (add, -0.0), "i": (add, 0), "u": (add, 0), "b": (logical_or, False)}
"""For kinds of numbers an operation with a number that gives a new array of the same bits."""

_ELEMENTWISE = EXACT | {"where", "bitwise_and", "bitwise_or", "bitwise_xor"}
"""Operations that give an element the same bits wherever it stands."""


def _kind(x: Any) -> str:
    return operand_type(x).dtype.kind
