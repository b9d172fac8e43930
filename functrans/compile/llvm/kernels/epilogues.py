"""What is done to the elements of a product before they are stored, as the code of an epilogue."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import Builder, Value, width_of
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.elements.conversions import convert
from functrans.compile.llvm.kernels.loops import constant
from functrans.compile.llvm.kernels.memory import load, store
from functrans.compile.llvm.kernels.nodes import Nodes
from functrans.compile.llvm.kernels.tiles import Epilogue, Spot
from functrans.compile.llvm.plans.affine import contiguous_strides
from functrans.core.digests import blake2b

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functrans.compile.llvm.code.builder import Module
    from functrans.compile.llvm.elements.conversions import Operand
    from functrans.compile.llvm.kernels.contractions import Product
    from functrans.compile.llvm.kernels.nodes import Node
    from functrans.compile.llvm.plans.affine import Access
    from functrans.compile.llvm.plans.calls import FusedEpilogue
    from functrans.core.types import Shape
    from functrans.graph.graph import Variable


class Offset(NamedTuple):
    """Where an operand of an epilogue is read, by the element of the product.

    Attributes
    ----------
    start : int
        The offset of its first element.
    along, across : int
        From one element of the product's last axis to the next, and from one such row to the next.
    last : int
        How long the last axis is.
    whole : bool
        Whether the operand lies as the product does.
    """

    start: int
    along: int
    across: int
    last: int
    whole: bool


def offset_of(access: Access, shape: Shape, product: Product) -> Offset | None:
    """Where an operand is read next to the elements of a product of a shape; None if it is neither
    such an array, nor a row or a column of it, nor a single element."""
    long = [i for i, n in enumerate(shape) if n != 1]
    if not long:
        return Offset(access.offset, 0, 0, 1, False)
    *outer, inner = long
    last, along = shape[inner], access.strides[inner]
    across = access.strides[outer[-1]] if outer else 0
    steps = contiguous_strides(shape)
    if along not in (0, 1) or any(
        [access.strides[i] * steps[outer[-1]] != across * steps[i] for i in outer]
    ):
        return None
    whole = along == 1 and (not outer or across == last)
    # Columns of matrices that are not those of the last axis may lie in two of its rows.
    if not whole and (along or across) and last % product.n:
        return None
    return Offset(access.offset, along, across, last, whole)


class EpilogueWriter:
    """The epilogue of a call of which some elementwise work is a part.

    Parameters
    ----------
    epilogue : FusedEpilogue
    product : Product
    """

    def __init__(self, epilogue: FusedEpilogue, product: Product) -> None:
        nodes = Nodes(epilogue.plan, epilogue.kernel)
        self._order, self._product = nodes.order, product
        self._writes = {w.statement.target: w for w in nodes.writes}
        self._given = epilogue.plan.statements.storage(epilogue.product)
        self._places = epilogue.places
        self._shape = epilogue.kernel.space
        self._offsets = {
            node: offset
            for node in nodes.order
            if node.access is not None
            and (offset := offset_of(node.access, self._shape, product)) is not None
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
        kind = "double" if self._product.dtype.itemsize == 8 else "float"
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
        """The elements of an operand next to a vector of the product."""
        offset, memory = self._offsets[node], conversions.memory(node.dtype)
        base = b.at(base, offset.start, memory)
        if offset.whole:
            return load(b, node.dtype, width, b.at(base, spot.place, memory), 1, lanes)
        if offset.across:
            base = b.at(base, b.mul(self._row(b, spot, offset.last), offset.across), memory)
        if offset.along:
            column = self._column(b, spot, offset.last)
            return load(b, node.dtype, width, b.at(base, column, memory), 1, lanes)
        single = load(b, node.dtype, 1, base, 1, None)
        assert isinstance(single, Value)
        return b.splat(single, width)

    def _row(self, b: Builder, spot: Spot, last: int) -> Value:
        product = self._product
        simple = not product.batch and product.out.row == last and product.n == last
        return spot.row if simple else b.binary("sdiv", spot.place, last)

    def _column(self, b: Builder, spot: Spot, last: int) -> Value:
        return spot.column if self._product.n == last else b.binary("srem", spot.place, last)
