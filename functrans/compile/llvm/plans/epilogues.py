"""Elementwise work on a product or a convolution, done to each piece of it before that is stored.

A product of few terms, as a gradient of weights is, takes as long to write and to read again as to
compute: what follows it element by element is done while its sums are in registers. That work is
part of the code of each tile, so it has to be short. Sums of a convolution are written to where
they belong from a block in the cache, and the work is done then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.plans.affine import Access, access, contiguous_strides, identity
from functrans.compile.llvm.plans.calls import Call, FusedEpilogue, TakesEpilogue, View
from functrans.compile.llvm.plans.statements import Counted, Elementwise, Gathered, Kernel, Nest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from functrans.compile.llvm.plans.planning import Plan
    from functrans.compile.llvm.plans.statements import Statement
    from functrans.graph.graph import Variable

FUNCTION = 20
"""How many simple operations a function that is not exact counts as."""


def fuse_epilogues(plan: Plan, steps: Sequence[Nest | Call]) -> list[Nest | Call]:
    """The steps, with the elementwise work on products as part of these."""
    made = list(steps)
    written: dict[Variable, int] = {}  # the last step that writes to a piece of memory
    for i, step in enumerate(made):
        written.update(dict.fromkeys(_targets(plan, step), i))
    for i, step in enumerate(made):
        if isinstance(step, Call) and isinstance(step.lowering, TakesEpilogue):
            made[i] = _with_next(plan, made, i, step, step.lowering, written)
    return [step for step in made if isinstance(step, Call) or step.kernels[0].statements]


def _with_next(
    plan: Plan,
    steps: Sequence[Nest | Call],
    i: int,
    call: Call,
    lowering: TakesEpilogue,
    written: dict[Variable, int],
) -> Call:
    """A call with the statements that its product is only written for, taken out of their nest."""
    storage = plan.statements.storage
    (product,) = call.equation.outputs
    for nest in steps[i + 1 :]:
        if storage(product) is not product or not isinstance(nest, Nest) or nest.rows:
            continue
        (kernel,) = nest.kernels
        if kernel.space != product.type.shape:
            continue
        moved = _movable(plan, kernel, product, written, i, lowering.longest(call))
        if not moved:
            continue
        left = [s for s in kernel.statements if s not in moved]
        read = {storage(x) for s in left for x, _ in plan.leaves(s)}
        read.update([x for other in steps if other not in (call, nest) for x in _read(plan, other)])
        read.update(map(storage, plan.statements.outputs))
        outs = [s.target for s in moved]
        if product in read:
            outs.insert(0, product)
        outs.sort(key=lambda x: x is not product and x.type.dtype != product.type.dtype)
        if outs[0].type.dtype != product.type.dtype:
            continue
        leaves = [leaf for s in moved for leaf in plan.leaves(s)]
        seen = [
            (storage(x), access(index, plan.strides(x), kernel.space))
            for x, index in leaves
            if x not in (product, *outs)
        ]
        if not lowering.takes_epilogue(call, [a for _, a in seen], left):
            continue
        own = Kernel(kernel.space)
        own.statements = moved
        places = tuple(dict.fromkeys([x for x, _ in seen]))
        views = [View(x, Access(0, contiguous_strides(x.type.shape))) for x in places]
        kernel.statements = left
        return call._replace(
            equation=call.equation.changed(outputs=tuple(outs)),
            operands=(*call.operands, *views),
            epilogue=FusedEpilogue(plan, own, product, places),
        )
    return call


def _targets(plan: Plan, step: Nest | Call) -> Iterator[Variable]:
    storage = plan.statements.storage
    if isinstance(step, Call):
        yield from map(storage, step.equation.outputs)
    else:
        yield from [storage(s.target) for kernel in step.kernels for s in kernel.statements]


def _read(plan: Plan, step: Nest | Call) -> Iterator[Variable]:
    storage = plan.statements.storage
    if isinstance(step, Call):
        yield from [storage(view.value) for view in step.operands]
    else:
        for kernel in step.kernels:
            for s in kernel.statements:
                yield from [storage(x) for x, _ in plan.leaves(s)]
                if not s.initial:
                    yield storage(s.target)


def _movable(
    plan: Plan,
    kernel: Kernel,
    product: Variable,
    written: dict[Variable, int],
    step: int,
    most: int,
) -> list[Statement]:
    """The statements of a kernel that compute, of a product and of what is there before it, values
    with memory of their own."""
    here = identity(len(kernel.space))
    storage = plan.statements.storage
    known = {product}
    moved: list[Statement] = []
    for s in kernel.statements:
        plain = s.target is s.value and storage(s.target) is s.target and not s.combine
        leaves = list(plan.leaves(s)) if plain and s.initial and not s.before else []
        together = [x for x, index in leaves if x in known and index == here]
        others = [x for x, index in leaves if not (x in known and index == here)]
        early = all([index != () or not x.type.ndim for x, index in leaves])
        early = early and all([written.get(storage(x), -1) < step for x in others])
        if together and early and _operations(plan, [*moved, s], most) <= most:
            moved.append(s)
            known.add(s.target)
    return moved


def _operations(plan: Plan, statements: Sequence[Statement], most: int) -> int:
    """How many operations statements take, or more than there may be at most."""
    waiting = [s.value for s in statements]
    seen = set(waiting)
    count = 0
    while waiting:
        x = waiting.pop()
        definition = plan.statements.definitions[x]
        if isinstance(definition, Counted | Gathered) or x.type.dtype.kind not in "biuf":
            return most + 1
        if isinstance(definition, Elementwise):
            count += 1 if definition.operation.exact else FUNCTION
        for y in plan.sources(x):
            if y not in seen and plan.is_virtual(y):
                seen.add(y)
                waiting.append(y)
    return count
