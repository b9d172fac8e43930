"""Contractions of a graph: their operands as they lie, and the bias of an affine map."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import Builder, Value, element_of, width_of
from functrans.compile.llvm.kernels.contractions import contraction
from functrans.compile.llvm.kernels.products import multiply_matrices
from functrans.compile.llvm.kernels.tiles import Epilogue, Spot
from functrans.compile.llvm.kernels.tiling import supported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.statements import Call, Work
    from functrans.graph.graph import Equation


class Multiplying:
    """The way of contractions."""

    exact = False

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        found = contraction(equation, dict(enumerate(strides)))
        if found is None:
            return False
        if found.bias is not None and strides[found.bias][0] not in (0, 1):
            return False
        return supported(found.product, found.bias is not None)

    def planned(self, code: Code, call: Call) -> Work:
        return _Product(call)


class _Product:
    """One product."""

    scratch = 0
    direct = False

    def __init__(self, call: Call) -> None:
        self.strides = [view.access.strides for view in call.operands]
        found = contraction(call.equation, dict(enumerate(self.strides)))
        assert found is not None
        self.contraction = found

    def emit(
        self,
        builder: Builder,
        addresses: Sequence[Value],
        outs: Sequence[Value],
        scratch: Value,
    ) -> None:
        found, strides = self.contraction, self.strides
        epilogue = None
        if found.bias is not None:
            single = found.exchanged or not strides[found.bias][0]
            body = partial(_with_bias, found.exchanged, single)
            name = f"bias{'_down' * found.exchanged}{'_single' * single}"
            epilogue = Epilogue(name, [addresses[found.bias]], body)
        a, b = addresses[found.a], addresses[found.b]
        multiply_matrices(builder, found.product, a, b, outs[0], epilogue=epilogue)


MULTIPLYING = Multiplying()


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
