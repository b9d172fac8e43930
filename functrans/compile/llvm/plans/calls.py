"""Calls: equations whose operands lie in memory, and what writes their code.

A :class:`Lowering` says of an equation whether there is native code for it, given where its
operands lie, and makes a :class:`LoweredCall`, which writes it. The table of all is ``calls.py``
above this folder.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Builder, Value
    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.affine import Access
    from functrans.compile.llvm.plans.planning import Plan
    from functrans.compile.llvm.plans.statements import Kernel, Statement
    from functrans.graph.graph import Equation, Variable


PRODUCTS = ("affine", "dot", "einsum", "matmul", "tensordot")
"""Primitives that may be products of their first two operands."""

CONVOLUTIONS = ("convolution", "convolution_input", "convolution_weight")


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


class FusedEpilogue(NamedTuple):
    """Statements that are carried out on the elements of a call's result before these are stored.

    Attributes
    ----------
    plan : Plan
        Of which they are.
    kernel : Kernel
        The statements, each over the shape of the result.
    product : Variable
        The result, as they read it.
    places : tuple of Variable
        What they read besides, the last operands of the call.
    """

    plan: Plan
    kernel: Kernel
    product: Variable
    places: tuple[Variable, ...]


class Call(NamedTuple):
    """An equation with a lowering of its own, on operands in memory.

    Where there is a :class:`FusedEpilogue`, the outputs of the equation are what it writes, and the
    product itself if that is needed. The first has the product's dtype.
    """

    equation: Equation
    operands: tuple[View, ...]
    lowering: Lowering
    epilogue: FusedEpilogue | None = None


class Lowering(ABC):
    """How equations of some primitives become calls.

    Attributes
    ----------
    exact : bool
        Whether results have the bits that NumPy's have.
    """

    exact: bool = False

    @abstractmethod
    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        """Whether the equation can be carried out on operands that lie so, in elements."""

    @abstractmethod
    def lower(self, code: Code, call: Call) -> LoweredCall:
        """What writes the code of a call."""


class CallMemory(NamedTuple):
    """The addresses that the code of a call has.

    Attributes
    ----------
    operands : sequence of Value
        Of each operand's first element.
    results : sequence of Value
        Of each output.
    scratch : Value
        Of memory that is free meanwhile.
    """

    operands: Sequence[Value]
    results: Sequence[Value]
    scratch: Value


class LoweredCall(ABC):
    """A call that is ready to be written.

    Attributes
    ----------
    scratch : int
        Bytes of memory that it needs meanwhile.
    direct : bool
        Whether single elements are only read and written where they lie, so that they may be kept
        in registers; otherwise their addresses may be handed on.
    """

    scratch: int = 0
    direct: bool = False

    @abstractmethod
    def emit(self, builder: Builder, at: CallMemory) -> None:
        """Write the code."""


@runtime_checkable
class TakesEpilogue(Protocol):
    """Ways whose results can be worked on before they are stored."""

    def longest(self, call: Call) -> int:
        """How many operations such work may take, by
        :data:`functrans.compile.llvm.plans.epilogues.FUNCTION`."""
        ...

    def takes_epilogue(
        self, call: Call, accesses: Sequence[Access], left: Sequence[Statement]
    ) -> bool:
        """Whether the elements of a call's result can be worked on, with operands that lie so
        beside them, and it pays though some statements stay behind in the same loops."""
        ...
