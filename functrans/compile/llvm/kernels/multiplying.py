"""Contractions of a graph: their operands as they lie, and the bias of an affine map."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import Builder, Value, element_of, width_of
from functrans.compile.llvm.kernels.contractions import Contraction, contraction
from functrans.compile.llvm.kernels.epilogues import EpilogueWriter, beside_product
from functrans.compile.llvm.kernels.products import multiply_matrices, room_of
from functrans.compile.llvm.kernels.tiles import Epilogue, Spot, one_after_other
from functrans.compile.llvm.kernels.tiling import ELEMENTS, strategy, supported
from functrans.compile.llvm.plans.calls import PRODUCTS, LoweredCall, Lowering

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.affine import Access
    from functrans.compile.llvm.plans.calls import Call, CallMemory
    from functrans.compile.llvm.plans.statements import Statement
    from functrans.graph.graph import Equation


DEEP = 64
"""Terms of a product's sums up to which work on it is part of its tiles. Medians of a training step
with and without, one core, 784-512-512-10 in float32: 97 and 155 us for one example, whose
gradients of weights are products of one term, 500 and 516 us for 32, and the same for 128. Sums of
more terms take so long that what is saved is not seen. So few terms are summed at once, and each
element of the result is stored once."""


SHORT = 12
"""Operations of such work at most: with the 8 to 24 vectors of a tile, more takes longer to compile
than it saves."""


class Multiplying(Lowering):
    """Contractions."""

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        found = contraction(equation, dict(enumerate(strides)))
        if found is None:
            return False
        if found.bias is not None and strides[found.bias][0] not in (0, 1):
            return False
        return supported(found.product, found.bias is not None)

    def longest(self, call: Call) -> int:
        return SHORT

    def takes_epilogue(
        self, call: Call, accesses: Sequence[Access], left: Sequence[Statement]
    ) -> bool:
        product = _contraction(call).product
        shape = call.equation.outputs[0].type.shape
        if product.dtype.kind != "f" or product.k > DEEP or strategy(product) == "blas":
            return False
        if 0 in (product.m, product.n) or product.out.column != 1:
            return False
        return all([beside_product(product, a, shape) is not None for a in accesses])

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Product(call)


def _contraction(call: Call) -> Contraction:
    strides = [view.access.strides for view in call.operands]
    found = contraction(call.equation, dict(enumerate(strides)))
    assert found is not None
    return found


class _Product(LoweredCall):
    """One product."""

    def __init__(self, call: Call) -> None:
        self.strides = [view.access.strides for view in call.operands]
        self.contraction = _contraction(call)
        self.outputs = call.equation.outputs
        self.epilogue = call.epilogue
        self.scratch = room_of(self.contraction.product)

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, scratch = at
        found, strides = self.contraction, self.strides
        epilogue = None
        if found.bias is not None:
            single = found.exchanged or not strides[found.bias][0]
            body = partial(_with_bias, found.exchanged, single)
            name = f"bias{'_down' * found.exchanged}{'_single' * single}"
            epilogue = Epilogue(name, [addresses[found.bias]], body)
        if self.epilogue is not None:
            given = addresses[len(addresses) - len(self.epilogue.places) :]
            beside = partial(beside_product, found.product)
            writer = EpilogueWriter(self.epilogue, ELEMENTS[found.product.dtype], beside)
            targets = dict(zip(self.outputs, outs, strict=True))
            last = writer.epilogue(builder.module, given, targets, self.outputs[0])
            epilogue = last if epilogue is None else one_after_other(epilogue, last)
        a, b = addresses[found.a], addresses[found.b]
        multiply_matrices(builder, found.product, a, b, outs[0], scratch, epilogue=epilogue)


def _with_bias(
    down: bool,
    single: bool,
    b: Builder,
    operands: Sequence[Value],
    spot: Spot,
    x: Value,
    lanes: Value | None,
) -> Value:
    """Add the element of each row (`down`) or column; the same for a whole vector if `single`."""
    element = element_of(x.type)
    if not single:
        place = b.at(operands[0], spot.column, element)
        return b.fadd(x, b.load_where(lanes, x.type, place))
    place = b.at(operands[0], spot.row, element) if down else operands[0]
    return b.fadd(x, b.splat(b.load(element, place), width_of(x.type)))


LOWERINGS: dict[str, Lowering] = dict.fromkeys(PRODUCTS, Multiplying())
