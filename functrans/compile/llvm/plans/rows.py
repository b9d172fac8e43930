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
    joining = _Joining(plan)
    for step in steps:
        joining.add(step)
    nests = [nest for nest in joining.nests if nest is not None]
    for nest in nests:
        if isinstance(nest, Nest) and nest.rows:
            nest.temporary = _within(plan, nests, nest)
    return nests


class _Joining:
    """Nests in the making.

    Attributes
    ----------
    nests : list of Nest, Call or None
        None is left where a nest went into an earlier one.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.storage = plan.statements.storage
        self.nests: list[Nest | Call | None] = []
        self._written: dict[Variable, int] = {}  # the last one that writes to a piece of memory
        self._fresh: set[int] = set()  # those that write to memory which nobody has written to

    def add(self, step: Kernel | Call) -> None:
        """Enter what comes next."""
        place = len(self.nests)
        if not isinstance(step, Kernel):
            self.nests.append(step)
            for x in step.equation.outputs:
                self._written[self.storage(x)] = place
            return
        targets = [self.storage(s.target) for s in step.statements]
        fresh = all([s.initial for s in step.statements])
        if fresh and not any([x in self._written for x in targets]):
            if self._joins(step):
                return
            self._fresh.add(place)
        self.nests.append(Nest([step], 0))
        self._written.update(dict.fromkeys(targets, place))

    def _joins(self, kernel: Kernel) -> bool:
        """Whether a kernel has joined the last nest that it depends on, with all between that is
        done once a row."""
        if math.prod(kernel.space) < LARGE:
            return False
        place, between = self._host(kernel)
        nest = self.nests[place] if place >= 0 else None
        if not isinstance(nest, Nest):
            return False
        first = nest.kernels[0].space
        most = nest.rows or min(len(first), len(kernel.space)) - 1
        joining = [*[k for i in between for k in self._kernels(i)], kernel]
        for rows in range(most, 0, -1):
            inner = math.prod(kernel.space[rows:])
            if first[:rows] != kernel.space[:rows] or not SHORTEST <= inner <= LONGEST:
                continue
            if any([not _is_row(k.space, kernel.space[:rows]) for k in joining[:-1]]):
                continue
            if self._fit([*nest.kernels, *joining], len(nest.kernels), rows):
                nest.kernels += joining
                nest.rows = rows
                for i in between:
                    self.nests[i] = None
                for statement in [s for k in joining for s in k.statements]:
                    self._written[self.storage(statement.target)] = place
                return True
        return False

    def _kernels(self, place: int) -> list[Kernel]:
        nest = self.nests[place]
        return nest.kernels if isinstance(nest, Nest) else []

    def _needed(self, kernel: Kernel) -> set[int]:
        """The places of what has to be done before a kernel."""
        leaves = [x for s in kernel.statements for x, _ in self.plan.leaves(s)]
        found = {self._written.get(self.storage(x), -1) for x in leaves}
        return found - {-1}

    def _host(self, kernel: Kernel) -> tuple[int, list[int]]:
        """The place of the last that a kernel depends on, -1 for none, but for what has an element
        for each row of it; and the places of these."""
        between: list[int] = []
        needed = self._needed(kernel)
        while needed:
            place = max(needed)
            kernels = self._kernels(place)
            if place not in self._fresh or len(kernels) != 1:
                return place, between[::-1]
            space = kernels[0].space
            if not any([_is_row(space, kernel.space[:r]) for r in range(1, len(kernel.space))]):
                return place, between[::-1]
            between.append(place)
            needed |= self._needed(kernels[0])
            needed = {i for i in needed if i < place}
        return -1, []

    def _fit(self, kernels: Sequence[Kernel], old: int, rows: int) -> bool:
        """Whether kernels can share rows, of which so many do or are the first."""
        return all([_splits(k, rows) for k in kernels]) and all(
            [
                _local(self.plan, earlier, later, rows)
                for i, later in enumerate(kernels)
                for earlier in kernels[:i]
                if i >= old
            ]
        )


def _is_row(space: Sequence[int], rows: Sequence[int]) -> bool:
    """Whether a space has one element for each row."""
    return tuple(space[: len(rows)]) == tuple(rows) and math.prod(space[len(rows) :]) == 1


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
