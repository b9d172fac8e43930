"""Which writes into arrays may write into the memory of their operand.

``index_update`` makes a new array. Where its operand is a result in the middle that nobody needs
afterwards, and no view of it is alive, the new array may be the operand, written to: a loop that
fills an array then costs what it writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.buffers import copies
from functrans.compile.fusion import Group
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.graph.graph import Equation


_RULE_BOOK = "functrans.primitives."


class _Memory:
    """What is known of the memory of some values: which living variables may lie in it."""

    def __init__(self, foreign: bool, living: set[Variable]) -> None:
        self.foreign = foreign  # it is the caller's, or a constant's
        self.living = living


def writes_in_place(
    inputs: Sequence[Variable],
    donated: Sequence[Variable],
    steps: Sequence[Equation | Group],
    releases: Sequence[list[Variable]],
) -> set[Equation]:
    """The equations among the steps of a program that may write into their first operand.

    The memory of the inputs is foreign, but for those that are donated.
    """
    if not any([not isinstance(s, Group) and s.primitive.in_place is not None for s in steps]):
        return set()
    memory = {v: _Memory(True, set()) for v in inputs}
    memory |= {v: _Memory(False, {v}) for v in donated}
    found: set[Equation] = set()
    new = set(donated)  # whole arrays, as NumPy would copy them
    for step, released in zip(steps, releases, strict=True):
        if isinstance(step, Group) or copies(step):
            new.update(step.outputs)
            for v in step.outputs:
                memory[v] = _Memory(False, {v})
        elif step.primitive.in_place is not None:
            (out,) = step.outputs
            if _may_write(step, memory, released, new):
                found.add(step)
                memory[out] = memory[step.inputs[0]]
                memory[out].living.add(out)
            else:
                memory[out] = _Memory(False, {out})
            new.add(out)
        else:
            _join(step, memory)
        for v in released:
            memory[v].living.discard(v)
    return found


def _may_write(
    step: Equation,
    memory: dict[Variable, _Memory],
    released: Sequence[Variable],
    new: set[Variable],
) -> bool:
    x, *others = step.inputs
    if type(x) is not Variable or x not in new or x not in released or not x.type.ndim:
        return False
    mine = memory[x]
    read = [memory[y] for y in others if type(y) is Variable]
    return not mine.foreign and mine.living == {x} and mine not in read


def _join(step: Equation, memory: dict[Variable, _Memory]) -> None:
    """The results of an operation may be views of any of its operands.

    One that is not of the rule book may call the user, who may keep what is shown.
    """
    foreign = any([isinstance(x, np.ndarray) for x in step.inputs])
    foreign = foreign or not step.primitive.call.__module__.startswith(_RULE_BOOK)
    living: set[Variable] = set(step.outputs)
    parts: list[Any] = [memory[x] for x in step.inputs if type(x) is Variable]
    for part in parts:
        foreign = foreign or part.foreign
        living |= part.living
    joined = _Memory(foreign, living)
    for part in parts:
        part.living, part.foreign = living, foreign
    for v in living:
        memory[v] = joined
    for v in step.inputs:
        if type(v) is Variable:
            memory[v] = joined
