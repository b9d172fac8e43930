"""The order of native work: which values are written to memory, and which statements share loops.

Statements over the same space that do not wait for each other are one :class:`Kernel`: one set of
loops, in which what they have in common is computed once. An elementwise value is computed anew in
each kernel that needs it, unless that costs more than to write it down and read it again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from functrans.compile.llvm.plans.affine import (
    IndexMap,
    access,
    broadcast,
    composed,
    contiguous_strides,
    identity,
)
from functrans.compile.llvm.plans.calls import Call
from functrans.compile.llvm.plans.epilogues import fuse_epilogues
from functrans.compile.llvm.plans.rows import nested
from functrans.compile.llvm.plans.statements import (
    Elementwise,
    Gathered,
    Kernel,
    Moved,
    Nest,
    Statement,
    Statements,
    Uniform,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from functrans.core.types import Shape
    from functrans.graph.graph import Variable

CHEAP = 6
"""Simple operations that are rather done again than written to memory and read: measured, a read
and a write of a double in the second level of the cache take about as long."""

OFTEN = 8
"""How often elements are read at least that are gathered into a copy first."""

DEAR = 1000
"""What stands for a transcendental function or a division: these are never done again."""


class Plan:
    """What to do, in order.

    Attributes
    ----------
    statements : Statements
        The definitions that kernels compute by.
    steps : list of Nest or Call
    temporary : dict of Variable to int
        Values that are needed within a row alone, and how many leading axes the rows have.
    loops : dict of Nest to list
        What kernels have found out about nests.
    """

    def __init__(self, statements: Statements) -> None:
        self.loops: dict[Nest, list[Any]] = {}
        self.statements = statements
        self._definitions = statements.definitions
        self._cost: dict[Variable, int] = {}
        _Promotion(self).run()
        self.steps = nested(self, self._ordered(self._with_roots()))
        self.temporary = {
            x: step.rows for step in self.steps if isinstance(step, Nest) for x in step.temporary
        }
        self.steps = fuse_epilogues(self, self.steps)

    def strides(self, x: Variable) -> tuple[int, ...]:
        """The strides of a value in memory, in elements."""
        rows = self.temporary.get(x, 0)
        return (0,) * rows + contiguous_strides(x.type.shape[rows:])

    def size(self, x: Variable) -> int:
        """Bytes that a value takes in memory."""
        rows = self.temporary.get(x, 0)
        return math.prod(x.type.shape[rows:]) * x.type.dtype.itemsize

    def is_virtual(self, x: Variable) -> bool:
        """Whether a value is computed where it is needed."""
        return x in self._definitions and x not in self.statements.stored

    def operands(self, x: Variable) -> Iterator[tuple[Variable, IndexMap]]:
        """The operands of a definition, and how their elements lie to those of the value."""
        definition = self._definitions[x]
        if isinstance(definition, Moved):
            yield definition.operand, definition.where
        elif isinstance(definition, Elementwise):
            for y in definition.operands:
                yield y, broadcast(y.type.shape, x.type.shape)
        elif isinstance(definition, Gathered):
            for p in definition.positions:
                yield p.array, p.where

    def reads(self, x: Variable) -> Sequence[Variable]:
        """The operands of a definition."""
        definition = self._definitions[x]
        if isinstance(definition, Elementwise):
            return definition.operands
        if isinstance(definition, Moved):
            return (definition.operand,)
        if isinstance(definition, Gathered):
            return [p.array for p in definition.positions]
        return ()

    def sources(self, x: Variable) -> Sequence[Variable]:
        """All values that a definition reads, those in memory at positions too."""
        definition = self._definitions[x]
        if isinstance(definition, Gathered):
            return [definition.operand, *self.reads(x)]
        return self.reads(x)

    def cost(self, x: Variable) -> int:
        """About how many simple operations an element of a virtual value takes."""
        if x in self._cost:
            return self._cost[x]
        waiting = [x]
        while waiting:  # a chain may be longer than the interpreter's stack is deep
            y = waiting[-1]
            definition = self._definitions.get(y)
            parts = () if definition is None else self.reads(y)
            virtual = [z for z in parts if self.is_virtual(z)]
            missing = [z for z in virtual if z not in self._cost]
            waiting.extend(missing)
            if not missing:
                waiting.pop()
                own = 0
                if isinstance(definition, Elementwise):
                    own = 1 if definition.operation.exact else DEAR
                self._cost[y] = own + sum([self._cost[z] for z in virtual])
        return self._cost[x]

    def _with_roots(self) -> list[Statement | Call]:
        """All statements: with those that write elementwise values which have to be in memory."""
        steps: list[Statement | Call] = []
        done: set[Variable] = set()

        def need(x: Variable) -> None:
            waiting = [(x, False)]
            while waiting:
                y, ready = waiting.pop()
                y = self.statements.storage(y)
                if y not in self._definitions or isinstance(self._definitions[y], Uniform):
                    continue
                if ready:
                    if y in self.statements.stored and y not in self.statements.aliases:
                        shape = y.type.shape
                        steps.append(Statement(y, shape, y, identity(len(shape))))
                elif y not in done:
                    done.add(y)
                    waiting.append((y, True))
                    waiting.extend([(z, False) for z in self.sources(y)])

        for step in self.statements.steps:
            if isinstance(step, Call):
                for view in step.operands:
                    need(self.statements.storage(view.value))
            else:
                for x in step.before:
                    need(x)
                need(step.value)
                for p in step.positions:
                    need(p.array)
                if not step.initial:
                    need(self.statements.storage(step.target))
            steps.append(step)
        for x in self.statements.outputs:
            need(self.statements.storage(x))
        for x in self.statements.stored:
            need(self.statements.storage(x))
        return steps

    def leaves(self, statement: Statement) -> Iterator[tuple[Variable, IndexMap]]:
        """The values in memory that a statement reads, and where."""
        waiting = [(statement.value, identity(len(statement.space)))]
        waiting += [(p.array, p.where) for p in statement.positions]
        seen: set[tuple[Variable, IndexMap]] = set()
        while waiting:
            x, index = waiting.pop()
            if (x, index) in seen:
                continue
            seen.add((x, index))
            if self.is_virtual(x) or (x is statement.target and x is statement.value):
                waiting.extend([(y, composed(inner, index)) for y, inner in self.operands(x)])
                definition = self._definitions[x]
                if isinstance(definition, Gathered):
                    yield definition.operand, ()  # anywhere
            elif not isinstance(self._definitions.get(x), Uniform):
                yield x, index

    def _ordered(self, steps: Sequence[Statement | Call]) -> list[Kernel | Call]:
        """Kernels and calls, each after what it reads.

        A step has a level above all that it reads from memory; the level of what it reads may be
        its own where both walk through the same space in step.
        """
        storage = self.statements.storage
        levels: dict[Variable, int] = {}  # of what is in each piece of memory
        read: dict[Variable, int] = {}  # the highest level that reads a piece of memory
        spaces: dict[Variable, Shape | None] = {}
        at_level: dict[int, list[Kernel | Call]] = {}
        for step in steps:
            level = 0
            if isinstance(step, Call):
                sources = [storage(view.value) for view in step.operands]
                level = max([levels.get(x, -1) + 1 for x in sources], default=0)
                for x in step.equation.outputs:
                    levels[storage(x)] = level
                    spaces[storage(x)] = None
                at_level.setdefault(level, []).append(step)
            else:
                sources = []
                here = identity(len(step.space))
                for x, index in self.leaves(step):
                    place = storage(x)
                    sources.append(place)
                    together = spaces.get(place) == step.space and index == here and x is place
                    level = max(level, levels.get(place, -1) + (not together))
                target = storage(step.target)
                if not step.initial or target in levels:
                    free = step.initial and spaces.get(target) is None
                    before = levels.get(target, -1) + (not free)
                    level = max(level, before, read.get(target, -1) + 1)
                levels[target] = level
                whole = step.target is step.value
                spaces[target] = step.space if whole else None
                self._join(at_level.setdefault(level, []), step)
            for place in sources:
                read[place] = max(read.get(place, -1), level)
        return [step for level in sorted(at_level) for step in at_level[level]]

    @staticmethod
    def _join(steps: list[Kernel | Call], statement: Statement) -> None:
        for step in steps:
            if (
                isinstance(step, Kernel)
                and step.space == statement.space
                and not (statement.positions or step.statements[0].positions)
            ):
                step.statements.append(statement)
                return
        kernel = Kernel(statement.space)
        kernel.statements.append(statement)
        steps.append(kernel)


def _one_by_one(step: Statement) -> bool:
    """Whether elements are written one after the other, since two may come to the same place: what
    computes them is not to be part of that."""
    last = len(step.space) - 1
    return any(
        [
            last >= 0
            and access(p.where, contiguous_strides(p.array.type.shape), step.space).strides[last]
            for p in step.positions
        ]
    )


class _Promotion:
    """Finds elementwise values that are better written to memory.

    Where each value is needed is followed from the ends: by the space that is walked through, and
    by how many reductions come before.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.stored = plan.statements.stored

    def run(self) -> None:
        plan = self.plan
        depths = plan.statements.depths
        needed: dict[Variable, set[tuple[Shape, int]]] = {}
        for step in plan.statements.steps:
            if isinstance(step, Statement):
                depth = depths.get(step.value, 0)
                reads = (step.value, *[p.array for p in step.positions])
                for x in reads:
                    needed.setdefault(x, set()).add((step.space, depth))
                if _one_by_one(step):
                    self.stored.update([x for x in reads if plan.cost(x) > CHEAP])
        for x in reversed(self._sorted()):
            if x in self.stored:
                places = {(x.type.shape, depths.get(x, 0))}
            else:
                places = needed.get(x, set())
                dear = plan.cost(x) >= DEAR
                spread = any([math.prod(space) > x.type.size for space, _ in places])
                if isinstance(plan.statements.definitions[x], Elementwise) and (
                    (len(places) > 1 or (spread and dear)) and plan.cost(x) > CHEAP
                ):
                    self.stored.add(x)
                    places = {(x.type.shape, depths.get(x, 0))}
            if self._strided(x, places):
                self.stored.add(x)
                places = {(x.type.shape, depths.get(x, 0))}
            for y in plan.reads(x):
                if plan.is_virtual(y):
                    needed.setdefault(y, set()).update(places)

    def _strided(self, x: Variable, places: Iterable[tuple[Shape, int]]) -> bool:
        """Whether a value shows elements in memory that do not adjoin, and is read so often that a
        copy in which they do is worth it."""
        definition = self.plan.statements.definitions[x]
        if x in self.stored or not isinstance(definition, Moved):
            return False
        if not any([math.prod(space) >= OFTEN * x.type.size > 0 for space, _ in places]):
            return False
        y, where = definition.operand, definition.where
        if self.plan.is_virtual(y):
            return False
        along = access(where, contiguous_strides(y.type.shape), x.type.shape).strides
        return bool(along) and along[-1] not in (0, 1)

    def _sorted(self) -> list[Variable]:
        """The definitions, operands first."""
        definitions, done = self.plan.statements.definitions, set()
        for x in definitions:
            if any([y in definitions and y not in done for y in self.plan.sources(x)]):
                return self._walked()
            done.add(x)
        return list(definitions)

    def _walked(self) -> list[Variable]:
        """The same where they are not in such an order."""
        order: list[Variable] = []
        done: set[Variable] = set()
        for root in self.plan.statements.definitions:
            waiting = [(root, False)]
            while waiting:
                x, ready = waiting.pop()
                if ready:
                    order.append(x)
                elif x not in done and x in self.plan.statements.definitions:
                    done.add(x)
                    waiting.append((x, True))
                    waiting.extend([(y, False) for y in self.plan.sources(x)])
        return order
