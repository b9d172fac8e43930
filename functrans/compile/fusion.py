"""Long chains of elementwise operations on large arrays, cut into blocks that stay in the cache.

An operation on a large array reads and writes main memory. A group of them is carried out on a
block of some thousand elements after the other instead: what is in the middle stays in the cache,
and the same few pieces of memory serve all blocks. Elementwise results do not depend on where a
block ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.graph.graph import Equation, Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.core.types import ArrayType
    from functrans.graph.graph import Graph

LARGE = 131_072
"""Elements of an array from which on operations on it are grouped. Smaller ones stay in the last
level of the cache as a whole, and there the calls for more blocks cost more than they save."""

CACHE = 1 << 21
"""Bytes that the pieces of a block are to take together."""

SMALLEST, GREATEST = 1024, 16_384
"""Elements of a block, at least and at most."""

LONGEST = 512
"""Operations of a group at most, so that few values are alive at its end."""

WAITING = 32
"""Operations that may wait for a group to end, each of which keeps something alive."""

_UNBUFFERED = frozenset(("where", "clip", "sigmoid", "softplus"))
"""Operations of single elements, whatever the others are, that are no ufuncs."""


class Group:
    """Elementwise operations of one shape, in the place of the first of them.

    Attributes
    ----------
    equations : list of Equation
    inputs : tuple of Variable or arrays
        The arrays and scalars that they read, constants of several elements among them.
    outputs : tuple of Variable
        Those of their results that others need.
    type : ArrayType
        The type of one of them.
    """

    __slots__ = ("equations", "inputs", "outputs", "type")

    def __init__(self, equations: list[Equation], outputs: tuple[Variable, ...]) -> None:
        self.equations = equations
        self.outputs = outputs
        self.type = equations[0].outputs[0].type
        made = {e.outputs[0] for e in equations}
        inputs: dict[int, Any] = {}
        for equation in equations:
            for x in equation.inputs:
                if x not in made if type(x) is Variable else np.ndim(x):
                    inputs.setdefault(id(x), x)
        self.inputs = tuple(inputs.values())


def grouped(graph: Graph) -> list[Equation | Group]:
    """The equations of a graph, those on large arrays in groups where they can be.

    Operations between two of a group that do not depend on it move before it; those that do wait
    for its end.
    """
    if not any([_fits(equation) for equation in graph.equations]):
        return list(graph.equations)
    uses: dict[Variable, int] = {}
    for x in graph.outputs:
        if type(x) is Variable:
            uses[x] = uses.get(x, 0) + 1
    for equation in graph.equations:
        for x in equation.inputs:
            if type(x) is Variable:
                uses[x] = uses.get(x, 0) + 1
    return _Grouping(uses).of(graph)


class _Grouping:
    """One walk over the equations, with the group that is open."""

    def __init__(self, uses: dict[Variable, int]) -> None:
        self.uses = uses
        self.steps: list[Equation | Group] = []
        self.open: list[Equation] = []
        self.made: set[Variable] = set()
        self.waiting: list[Equation] = []
        self.awaited: set[Variable] = set()

    def of(self, graph: Graph) -> list[Equation | Group]:
        for equation in graph.equations:
            inputs = [x for x in equation.inputs if type(x) is Variable]
            late = not self.awaited.isdisjoint(inputs)
            if _fits(equation):
                shape = equation.outputs[0].type.shape
                if self.open and (
                    late or shape != self.open[0].outputs[0].type.shape or len(self.open) >= LONGEST
                ):
                    self._close()
                self.open.append(equation)
                self.made.update(equation.outputs)
            elif late or not self.made.isdisjoint(inputs) or (self.waiting and equation.effects):
                self.waiting.append(equation)
                self.awaited.update(equation.outputs)
                if len(self.waiting) >= WAITING:
                    self._close()
            else:
                self.steps.append(equation)
        self._close()
        return self.steps

    def _close(self) -> None:
        inside: dict[Variable, int] = {}
        for equation in self.open:
            for x in equation.inputs:
                if type(x) is Variable:
                    inside[x] = inside.get(x, 0) + 1
        outputs = [e.outputs[0] for e in self.open]
        seen = tuple([v for v in outputs if self.uses.get(v, 0) > inside.get(v, 0)])
        if len(self.open) > 1 and seen:
            self.steps.append(Group(self.open, seen))
        else:
            self.steps.extend(self.open)
        self.steps.extend(self.waiting)
        self.open, self.waiting = [], []
        self.made, self.awaited = set(), set()


def _fits(equation: Equation) -> bool:
    """Whether an operation may be carried out block by block."""
    primitive = equation.primitive
    if len(equation.outputs) != 1 or primitive.outputs is not None or equation.params:
        return False
    if equation.outputs[0].type.size < LARGE or not all(map(_plain, equation.inputs)):
        return False
    ufunc = isinstance(primitive.impl, np.ufunc) and primitive.impl.signature is None
    return (ufunc and not primitive.effects) or primitive.name in _UNBUFFERED


def _plain(x: Any) -> bool:
    return type(x) is Variable or not isinstance(x, np.ndarray) or x.dtype != object


class Chunks:
    """Carries a group out, block by block.

    Parameters
    ----------
    shape : tuple of int
        That of all results of the group.
    outputs, temporaries : sequence of dtype
        Of the results that are returned, and of the pieces of memory that a block needs besides.
    operands : sequence of ArrayType
    donated : sequence of int or None
        For each result, the operand whose memory it takes.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        outputs: Sequence[np.dtype[Any]],
        temporaries: Sequence[np.dtype[Any]],
        operands: Sequence[ArrayType],
        donated: Sequence[int | None],
    ) -> None:
        self.shape = shape
        self.donated = donated
        self.size = int(np.prod(shape))
        self.outputs = outputs
        self.temporaries = temporaries
        self.whole = [kind.shape == shape for kind in operands]
        self.arrays = [bool(kind.shape) for kind in operands]
        self.flat = all([w or not a for w, a in zip(self.whole, self.arrays, strict=True)])
        self.by_rows = [
            len(kind.shape) == len(shape) and kind.shape[0] == shape[0] > 1 for kind in operands
        ]
        self.complex = any([d.kind == "c" for d in (*outputs, *temporaries)])
        each = sum([d.itemsize for d in (*outputs, *temporaries)])
        each += sum([k.dtype.itemsize for k, w in zip(operands, self.whole, strict=True) if w])
        step = min(max(CACHE // each, SMALLEST), GREATEST)
        self.step = 1 << (step.bit_length() - 1)

    def __call__(
        self, block: Callable[..., None], plain: Callable[..., Any], *operands: Any
    ) -> Any:
        """The results, of a function for one block, or else of one for whole arrays.

        NumPy lays results out as the operands lie. Here they are in C order, so operands that would
        lead to another order are left to `plain`.
        """
        flat = self.flat
        for x, array in zip(operands, self.arrays, strict=True):
            if array and not x.flags.c_contiguous and any(x.strides):
                flat = False
                if not _descending(x):
                    return plain(*operands)
        row = self.size // self.shape[0]
        if not flat and (row > 2 * GREATEST or (self.complex and len(self.shape) > 1)):
            return plain(*operands)
        outs = [
            np.empty(self.shape, dtype) if place is None else operands[place]
            for dtype, place in zip(self.outputs, self.donated, strict=True)
        ]
        if flat:
            cut = self.whole
            shape: tuple[int, ...] = (self.size,)
            parts = [x.reshape(-1) if w else x for x, w in zip(operands, self.whole, strict=True)]
            results = [o.reshape(-1) for o in outs]
            step = self.step
        else:
            cut, shape, parts, results = self.by_rows, self.shape, list(operands), outs
            step = max(self.step // row, 1)
        self._run(block, parts, cut, results, shape, step)
        return outs

    def _run(
        self,
        block: Callable[..., None],
        operands: list[Any],
        cut: list[bool],
        outs: list[Any],
        shape: tuple[int, ...],
        step: int,
    ) -> None:
        count = shape[0]
        step = min(step, count)
        rest = count % step
        if 0 < rest < 64 and count > step:  # a tiny block might take other loops of NumPy's
            rest += step
        memory, temporaries = self._scratch((max(step, rest), *shape[1:]))
        own = [t[:step] for t in temporaries]
        for start in range(0, count - rest, step):
            end = start + step
            block(
                *[x[start:end] if c else x for x, c in zip(operands, cut, strict=True)],
                *[o[start:end] for o in outs],
                *own,
            )
        if rest:
            start = count - rest
            block(
                *[x[start:] if c else x for x, c in zip(operands, cut, strict=True)],
                *[o[start:] for o in outs],
                *[t[:rest] for t in temporaries],
            )
        _pool.append(memory)

    def _scratch(self, shape: tuple[int, ...]) -> tuple[Any, list[Any]]:
        """Memory for the temporaries of a block, and each of them in it."""
        count = int(np.prod(shape))
        sizes = [-(-count * dtype.itemsize // 64) * 64 for dtype in self.temporaries]
        needed = sum(sizes)
        try:
            memory = _pool.pop()
        except IndexError:
            memory = np.empty(0, np.uint8)
        if memory.nbytes < needed:
            memory = np.empty(needed, np.uint8)
        temporaries, start = [], 0
        for dtype, size in zip(self.temporaries, sizes, strict=True):
            piece = memory[start : start + count * dtype.itemsize]
            temporaries.append(piece.view(dtype).reshape(shape))
            start += size
        return memory, temporaries


_pool: list[np.ndarray[Any, Any]] = []
"""Memory for blocks that nobody uses now; there is one for each call that has run at the same
time."""


def _descending(x: np.ndarray[Any, Any]) -> bool:
    """Whether the elements of an array lie in the order of its axes, in C order or spread out."""
    steps = [s for s, n in zip(x.strides, x.shape, strict=True) if s and n > 1]
    return all([s > 0 for s in steps]) and steps == sorted(steps, reverse=True)
