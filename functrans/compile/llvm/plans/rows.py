"""Kernels that share the loops over their leading axes, so that a row stays in the cache.

A row is normalised, say, by several walks through it: one for its sum, one for its spread, one to
write it. Done for all rows in turn, each walk would fetch large arrays from memory again. What is
only needed within a row has memory for one row.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from functrans.compile.llvm.plans.statements import Kernel, Nest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.plans.affine import IndexMap
    from functrans.compile.llvm.plans.calls import Call
    from functrans.compile.llvm.plans.planning import Plan
    from functrans.graph.graph import Variable

LARGE = 1 << 14
"""Elements of a space from which on kernels share rows: smaller ones stay in the first level of the
cache as a whole, and one loop through all axes is faster than one within the other."""

SHORTEST = 32
"""Elements of a row at least: below, vectors would not be full."""

LONGEST = 1 << 15
"""Elements of a row at most, so that a few of them stay in the second level of the cache."""


def nested(plan: Plan, steps: Sequence[Kernel | Call]) -> list[Nest | Call]:
    """The steps with kernels that can share rows in one nest."""
    nests: list[Nest | Call] = []
    written: dict[Variable, int] = {}  # the last nest or call that writes to a piece of memory
    storage = plan.statements.storage
    for step in steps:
        if not isinstance(step, Kernel):
            for x in step.equation.outputs:
                written[storage(x)] = len(nests)
            nests.append(step)
            continue
        place = _joined(plan, nests, written, step)
        if place is None:
            place = len(nests)
            nests.append(Nest([step], 0))
        for statement in step.statements:
            written[storage(statement.target)] = place
    for nest in nests:
        if isinstance(nest, Nest) and nest.rows:
            nest.temporary = _within(plan, nests, nest)
    return nests


def _joined(
    plan: Plan, nests: list[Nest | Call], written: dict[Variable, int], kernel: Kernel
) -> int | None:
    """The nest that a kernel has joined, if it can join the last one that it depends on."""
    if math.prod(kernel.space) < LARGE:
        return None
    storage = plan.statements.storage
    reads = [storage(x) for s in kernel.statements for x, _ in plan.leaves(s)]
    place = max([written.get(x, -1) for x in reads], default=-1)
    if place < 0 or any([not s.initial or storage(s.target) in written for s in kernel.statements]):
        return None
    nest = nests[place]
    if not isinstance(nest, Nest):
        return None
    first = nest.kernels[0].space
    most = nest.rows or min(len(first), len(kernel.space)) - 1
    for rows in range(most, 0, -1):
        inner = math.prod(kernel.space[rows:])
        if first[:rows] != kernel.space[:rows] or not SHORTEST <= inner <= LONGEST:
            continue
        splits = all([_splits(k, rows) for k in (*nest.kernels, kernel)])
        if splits and all([_local(plan, k, kernel, rows) for k in nest.kernels]):
            nest.kernels.append(kernel)
            nest.rows = rows
            return place
    return None


def _splits(kernel: Kernel, rows: int) -> bool:
    """Whether no reduction in registers goes beyond a row."""
    return all([s.split >= rows for s in kernel.statements])


def _local(plan: Plan, earlier: Kernel, later: Kernel, rows: int) -> bool:
    """Whether a kernel reads of what another writes only what that has written in the same row."""
    storage = plan.statements.storage
    made = {storage(s.target): s for s in earlier.statements}
    for statement in later.statements:
        for x, index in plan.leaves(statement):
            writer = made.get(storage(x))
            if writer is not None and not (
                x is writer.target
                and _leads(writer.into, earlier.space, rows)
                and _leads(index, later.space, rows)
            ):
                return False
    return True


def _leads(index: IndexMap, space: Sequence[int], rows: int) -> bool:
    """Whether the first axes of an operand are the rows of the space."""
    return len(index) >= rows and all(
        [index[a] == (a, 0, 1) or (space[a] == 1 and index[a].start == 0) for a in range(rows)]
    )


def _within(plan: Plan, nests: Sequence[Nest | Call], nest: Nest) -> set[Variable]:
    """The values that a nest writes and nobody else reads: each row needs them for itself alone."""
    storage = plan.statements.storage
    made = {
        s.target
        for kernel in nest.kernels
        for s in kernel.statements
        if _leads(s.into, kernel.space, nest.rows) and not s.scattered
    }
    outside = {storage(x) for x in plan.statements.outputs}
    for other in nests:
        if other is nest:
            continue
        if isinstance(other, Nest):
            for kernel in other.kernels:
                for s in kernel.statements:
                    outside.update([storage(x) for x, _ in plan.leaves(s)])
                    outside.add(storage(s.target))
        else:
            outside.update([storage(view.value) for view in other.operands])
    aliased = set(plan.statements.aliases) | set(map(storage, plan.statements.aliases))
    return {x for x in made if x not in outside and x not in aliased}
