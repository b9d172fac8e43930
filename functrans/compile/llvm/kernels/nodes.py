"""The values of a kernel: elements of operands, numbers, and operations on others, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from functrans.compile.llvm.plans.affine import Access, IndexMap, access, composed, identity
from functrans.compile.llvm.plans.statements import Counted, Elementwise, Gathered, Uniform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functrans.compile.llvm.elements.conversions import DType
    from functrans.compile.llvm.plans.planning import Plan
    from functrans.compile.llvm.plans.statements import Kernel, Statement
    from functrans.graph.graph import Variable


class Node:
    """One value in the making: an element of an operand, a number, or an operation on others.

    Attributes
    ----------
    dtype : numpy dtype
    depth : int
        The innermost axis on which it depends, -1 for none.
    access : Access or None
        Where an operand lies in `place`; without a place, how a value counts along the axes.
    """

    __slots__ = (
        *("access", "definition", "depth", "dtype", "number", "operands", "place", "positions"),
    )

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype
        self.depth = -1
        self.place: Variable | None = None
        self.access: Access | None = None
        self.number: Any = None
        self.definition: Elementwise | None = None
        self.operands: list[Node] = []
        self.positions: list[Step] = []

    def settle(self) -> None:
        """Find out on which axes it depends."""
        depths = [x.depth for x in self.operands]
        if self.positions:
            depths += [step.node.depth for step in self.positions]
        if self.access is not None:
            depths += [i for i, stride in enumerate(self.access.strides) if stride]
        self.depth = max(depths, default=-1)


def partners(order: Sequence[Node]) -> dict[Node, Node]:
    """Of sines and cosines of one value, the first with the first of the other kind."""
    found: dict[Node, Node] = {}
    known: dict[tuple[Node, DType], Node] = {}
    for node in order:
        if node.definition is None or node.definition.operation.function not in ("sin", "cos"):
            continue
        first = known.setdefault((node.operands[0], node.dtype), node)
        assert first.definition is not None
        if first.definition.operation.function != node.definition.operation.function:
            found.setdefault(first, node)
    return found


class Step(NamedTuple):
    """What a position that an array tells adds to an address.

    Attributes
    ----------
    node : Node
        The position, int64.
    extent : int
        How many positions there are.
    stride : int
        Elements from one to the next.
    """

    node: Node
    extent: int
    stride: int


class Write(NamedTuple):
    """A statement with what it writes and where."""

    statement: Statement
    node: Node
    access: Access
    dtype: DType
    split: int  # the axis from which on all axes are reduced; the number of axes if none is
    positions: list[Step]


class Nodes:
    """The values of a kernel, each once, operands first."""

    def __init__(self, plan: Plan, kernel: Kernel) -> None:
        self.plan = plan
        self.space = kernel.space
        self.order: list[Node] = []
        self._known: dict[tuple[Variable, IndexMap], Node] = {}
        here = identity(len(kernel.space))
        self._made = {(s.target, here) for s in kernel.statements if s.target is s.value}
        self.writes: list[Write] = []
        for statement in kernel.statements:
            node = self._of(statement.value, here)
            target = statement.target
            strides = plan.strides(target)
            where = access(statement.into, strides, kernel.space)
            steps = self._steps(target, [(p.axis, p.array, p.where) for p in statement.positions])
            self.writes.append(
                Write(statement, node, where, target.type.dtype, statement.split, steps)
            )

    def _of(self, x: Variable, index: IndexMap) -> Node:
        waiting = [(x, index)]
        seen: dict[tuple[Variable, IndexMap], list[tuple[Variable, IndexMap]]] = {}
        while waiting:
            key = waiting[-1]
            if key in self._known:
                waiting.pop()
                continue
            y, at = key
            if not (self.plan.is_virtual(y) or key in self._made) or y not in self.definitions:
                self._leaf(key)
                continue
            definition = self.definitions[y]
            if isinstance(definition, Uniform):
                node = Node(y.type.dtype)
                node.number = definition.value
                self._enter(key, node)
                continue
            if isinstance(definition, Counted):
                node = Node(y.type.dtype)
                node.access = access(composed((definition.along,), at), (1,), self.space)
                self._enter(key, node)
                continue
            parts = seen.get(key)
            if parts is None:  # for the first time
                parts = [(z, composed(inner, at)) for z, inner in self.plan.operands(y)]
                missing = [part for part in parts if part not in self._known]
                if missing:
                    seen[key] = parts
                    waiting.extend(reversed(missing))
                    continue
            if isinstance(definition, Elementwise):
                node = Node(y.type.dtype)
                node.definition = definition
                node.operands = [self._known[part] for part in parts]
                self._enter(key, node)
            elif isinstance(definition, Gathered):
                self._gathered(key, definition)
            else:
                self._known[key] = self._known[parts[0]]
        return self._known[x, index]

    def _gathered(self, key: tuple[Variable, IndexMap], definition: Gathered) -> None:
        _, at = key
        base = definition.operand
        node = Node(base.type.dtype)
        node.place = self.plan.statements.storage(base)
        where = composed(definition.where, at)
        node.access = access(where, self.plan.strides(base), self.space)
        places = [(p.axis, p.array, composed(p.where, at)) for p in definition.positions]
        node.positions = self._steps(base, places)
        self._enter(key, node)

    def _steps(
        self, base: Variable, places: Sequence[tuple[int, Variable, IndexMap]]
    ) -> list[Step]:
        shape, strides = base.type.shape, self.plan.strides(base)
        return [
            Step(self._of(array, where), shape[axis], strides[axis])
            for axis, array, where in places
        ]

    @property
    def definitions(self) -> Mapping[Variable, Any]:
        return self.plan.statements.definitions

    def _leaf(self, key: tuple[Variable, IndexMap]) -> None:
        x, index = key
        node = Node(x.type.dtype)
        node.place = self.plan.statements.storage(x)
        node.access = access(index, self.plan.strides(x), self.space)
        self._enter(key, node)

    def _enter(self, key: tuple[Variable, IndexMap], node: Node) -> None:
        self._known[key] = node
        self.order.append(node)
