"""Which results of a native function may be written into the memory of its arguments.

The caller gives an argument up. A result may take its memory if nothing reads the argument after,
and what writes the result reads each element of the argument before it writes there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.compile.llvm.plans.affine import identity
from functrans.compile.llvm.plans.statements import Nest
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from functrans.compile.llvm.plans.calls import Call
    from functrans.compile.llvm.plans.planning import Plan
    from functrans.compile.llvm.plans.statements import Kernel


def aliased_outputs(plan: Plan, inputs: list[Variable], donated: Iterable[int]) -> dict[int, int]:
    """For the numbers of outputs, those of the inputs whose memory they take.

    Parameters
    ----------
    plan : Plan
        Of the function.
    inputs : list of Variable
    donated : iterable of int
        The numbers of the inputs that the caller gives up.
    """
    outputs = plan.statements.outputs
    storage = plan.statements.storage
    free = [i for i in donated if inputs[i].type.ndim and inputs[i] not in outputs]
    found: dict[int, int] = {}
    for number, x in enumerate(outputs):
        for i in free:
            if x.type == inputs[i].type and _fits(plan, storage(x), inputs[i]):
                found[number] = i
                free.remove(i)
                break
    return found


def _fits(plan: Plan, result: Variable, argument: Variable) -> bool:
    written = False
    for step in plan.steps:
        if written and _mentions(plan, step, argument):
            return False
        if isinstance(step, Nest):
            ok, wrote = _in_step(plan, step, result, argument)
            if wrote and not ok:
                return False
            written = written or wrote
        else:
            storage = plan.statements.storage
            if result in [storage(x) for x in step.equation.outputs]:
                if not _beside(plan, step, argument):
                    return False
                written = True
    return written


def _in_step(plan: Plan, nest: Nest, result: Variable, argument: Variable) -> tuple[bool, bool]:
    """Whether each element of the argument is read before the result is written there, in the same
    place of the loops, and whether the result is written."""
    storage = plan.statements.storage
    ok, written = True, False
    for kernel in nest.kernels:
        reads = _reads(plan, kernel, argument)
        in_step = kernel.space == argument.type.shape
        if written and reads:
            ok = False
        here = identity(len(kernel.space))
        ok = ok and all([in_step and where == here for where in reads])
        for statement in kernel.statements:
            if storage(statement.target) is result:
                written = True
                plain = statement.combine is None and not statement.positions
                ok = ok and (not reads or (plain and in_step and statement.into == here))
    return ok, written


def _reads(plan: Plan, kernel: Kernel, argument: Variable) -> list[Any]:
    """How a kernel reads what lies in the memory of an argument."""
    storage = plan.statements.storage
    return [
        where
        for statement in kernel.statements
        for x, where in plan.leaves(statement)
        if storage(x) is argument
    ]


def _beside(plan: Plan, call: Call, argument: Variable) -> bool:
    """Whether a call reads of an argument, if anything, the elements next to those that it is about
    to store: products that are worked on store each element once."""
    if call.epilogue is None:
        return not _mentions(plan, call, argument)
    places = len(call.epilogue.places)
    own = call._replace(operands=call.operands[: len(call.operands) - places])
    kernel = call.epilogue.kernel
    here = identity(len(kernel.space))
    beside = all([where == here for where in _reads(plan, kernel, argument)])
    return beside and argument.type.shape == kernel.space and not _mentions(plan, own, argument)


def _mentions(plan: Plan, step: Nest | Call, argument: Variable) -> bool:
    if isinstance(step, Nest):
        return any([_reads(plan, kernel, argument) for kernel in step.kernels])
    storage = plan.statements.storage
    operands = [x for x in step.equation.inputs if type(x) is Variable]
    return argument in [storage(x) for x in (*operands, *[v.value for v in step.operands])]
