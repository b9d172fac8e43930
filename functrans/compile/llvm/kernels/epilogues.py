"""What is done to the elements of a result before they are stored, as the code of an epilogue."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import Builder, Value, number, width_of
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.elements.conversions import convert
from functrans.compile.llvm.kernels.loops import constant
from functrans.compile.llvm.kernels.memory import load, store
from functrans.compile.llvm.kernels.nodes import Nodes
from functrans.compile.llvm.kernels.tiles import Epilogue, Spot
from functrans.compile.llvm.plans.affine import contiguous_strides
from functrans.core.digests import blake2b

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from functrans.compile.llvm.code.builder import Module
    from functrans.compile.llvm.elements.conversions import Operand
    from functrans.compile.llvm.kernels.contractions import Product
    from functrans.compile.llvm.kernels.nodes import Node
    from functrans.compile.llvm.plans.affine import Access
    from functrans.compile.llvm.plans.calls import FusedEpilogue
    from functrans.core.types import Shape
    from functrans.graph.graph import Variable


class Beside(NamedTuple):
    """Where an operand of an epilogue is read, next to a vector of the result.

    Attributes
    ----------
    place : callable
        ``place(builder, spot)``: how many elements after the operand's first.
    single : bool
        Whether one element goes with the whole vector; otherwise there is one for each lane, and
        they adjoin.
    """

    place: Callable[[Builder, Spot], Value]
    single: bool


def beside_product(product: Product, access: Access, shape: Shape) -> Beside | None:
    """Where an operand is read next to the elements of a product of a shape; None if it is neither
    such an array, nor a row or a column of it, nor a single element."""
    start = access.offset
    long = [i for i, n in enumerate(shape) if n != 1]
    if not long:
        return Beside(lambda b, spot: number(start, "i64"), True)
    *outer, inner = long
    last, along = shape[inner], access.strides[inner]
    across = access.strides[outer[-1]] if outer else 0
    steps = contiguous_strides(shape)
    if along not in (0, 1) or any(
        [access.strides[i] * steps[outer[-1]] != across * steps[i] for i in outer]
    ):
        return None
    if along == 1 and (not outer or across == last):
        return Beside(lambda b, spot: shifted(b, spot.place, start), False)
    # Columns of matrices that are not those of the last axis may lie in two of its rows.
    if (along or across) and last % product.n:
        return None
    simple = not product.batch and product.out.row == last and product.n == last

    def place(b: Builder, spot: Spot) -> Value:
        where = number(start, "i64")
        if across:
            row = spot.row if simple else b.binary("sdiv", spot.place, last)
            where = shifted(b, b.mul(row, across), start)
        if along:
            column = spot.column if product.n == last else b.binary("srem", spot.place, last)
            where = b.add(where, column)
        return where

    return Beside(place, not along)


def shifted(b: Builder, place: Value, start: int) -> Value:
    """A place so many elements further."""
    return b.add(place, start) if start else place


class EpilogueWriter:
    """The epilogue of a call of which some elementwise work is a part.

    Parameters
    ----------
    epilogue : FusedEpilogue
    element : str
        Of the call's result.
    beside : callable
        ``beside(access, shape)``: where an operand is read next to a result of this shape, if it
        can be.
    """

    def __init__(
        self,
        epilogue: FusedEpilogue,
        element: str,
        beside: Callable[[Access, Shape], Beside | None],
    ) -> None:
        nodes = Nodes(epilogue.plan, epilogue.kernel)
        self._order, self._element = nodes.order, element
        self._writes = {w.statement.target: w for w in nodes.writes}
        self._given = epilogue.plan.statements.storage(epilogue.product)
        self._places = epilogue.places
        self._beside = {
            node: found
            for node in nodes.order
            if node.access is not None
            and (found := beside(node.access, epilogue.kernel.space)) is not None
        }

    def epilogue(
        self,
        module: Module,
        operands: Sequence[Value],
        outs: Mapping[Variable, Value],
        main: Variable,
    ) -> Epilogue:
        """The code, given the addresses of :attr:`FusedEpilogue.places` and of each output; that of
        the output `main` is where the product writes."""
        others = [x for x in outs if x is not main]
        addresses = [*operands, *[outs[x] for x in others]]
        kind = self._element
        trial = Builder(module, "EPILOGUE", kind, ["ptr"] * len(addresses) + ["i64"] * 3 + [kind])
        *given, place, row, column, x = trial.operands
        body = partial(self._body, others, main)
        trial.finish(body(trial, given, Spot(place, row, column), x, None))
        text = module.functions.pop("EPILOGUE")
        name = "finish" + blake2b(text.encode(), digest_size=8).hexdigest()
        return Epilogue(name, addresses, body)

    def _body(
        self,
        others: Sequence[Variable],
        main: Variable,
        b: Builder,
        operands: Sequence[Value],
        spot: Spot,
        x: Value,
        lanes: Value | None,
    ) -> Value:
        width = width_of(x.type)
        addresses = dict(zip((*self._places, *others), operands, strict=True))
        values: dict[Node, Operand] = {}
        for node in self._order:
            if node.place is self._given:
                values[node] = x
            elif node.definition is not None:
                operation = node.definition.operation
                inputs = [
                    convert(b, values[y], y.dtype, dtype)
                    for y, dtype in zip(node.operands, operation.operands, strict=True)
                ]
                values[node] = operation.emit(b, *inputs)
            elif node.access is None:
                values[node] = constant(node.number, node.dtype, width)
            else:
                assert node.place is not None
                base = addresses[node.place]
                values[node] = self._read(b, node, base, spot, width, lanes)
        result: Value | None = x if main not in self._writes else None
        for target, w in self._writes.items():
            value = convert(b, values[w.node], w.node.dtype, w.dtype)
            if target is main:
                assert isinstance(value, Value)
                result = value
            else:
                address = b.at(addresses[target], spot.place, conversions.memory(w.dtype))
                store(b, w.dtype, value, address, 1, lanes)
        assert result is not None
        return result

    def _read(
        self, b: Builder, node: Node, base: Value, spot: Spot, width: int, lanes: Value | None
    ) -> Operand:
        """The elements of an operand next to a vector of the result."""
        place, single = self._beside[node]
        address = b.at(base, place(b, spot), conversions.memory(node.dtype))
        if not single:
            return load(b, node.dtype, width, address, 1, lanes)
        one = load(b, node.dtype, 1, address, 1, None)
        assert isinstance(one, Value)
        return b.splat(one, width)
