"""Which intermediate results of a program live in memory that it keeps between calls.

A ufunc's result may, if nobody needs its memory after the last operation that reads it: it is no
output, and all that read it make new arrays (a view would hold on to it). It takes the memory of an
operand that dies there, or of a value that died before, or a new piece. Where the layout of NumPy's
own result is not known to be C order, the result stays NumPy's, since sums depend on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.fusion import Group
from functrans.graph.graph import Variable
from functrans.graph.passes.layout import Layouts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.graph.graph import Equation

Space = tuple[tuple[int, ...], np.dtype[Any]]

LIMIT = 1 << 24
"""Bytes of memory that a program keeps at most."""

LINE = 64
"""Bytes of a line of the cache."""

_COPYING = frozenset(
    ("sum", "mean", "where", "clip", "astype", "concatenate", "roll", "native"),
)
"""Operations, besides ufuncs, whose results are always new arrays."""


class Buffers:
    """The pieces of memory of a program, and which variable is in which.

    Attributes
    ----------
    spaces : list of (shape, dtype)
    places : dict
        The number of the piece that holds a variable.
    """

    def __init__(
        self,
        steps: Sequence[Equation | Group],
        releases: Sequence[list[Variable]],
        outputs: Sequence[Any],
        contiguous: Sequence[Variable] = (),
    ) -> None:
        self.spaces: list[Space] = []
        self.places: dict[Variable, int] = {}
        self._free: dict[Space, list[int]] = {}
        self._bytes = 0
        pinned = {x for x in outputs if type(x) is Variable}
        for step in steps:
            if not (isinstance(step, Group) or copies(step)):
                pinned.update([x for x in step.inputs if type(x) is Variable])
        layouts = Layouts((), (), contiguous)
        places, spaces = self.places, self.spaces
        for step, released in zip(steps, releases, strict=True):
            if isinstance(step, Group):
                for equation in step.equations:
                    layouts.see(equation)
            else:
                layouts.see(step)
                self._place(step, released, pinned, layouts)
            taken = None
            for v in released:
                place = places.get(v)
                if place is None:
                    continue
                if taken is None:
                    taken = [places.get(o) for o in step.outputs if o not in released]
                if place not in taken:
                    self._free.setdefault(spaces[place], []).append(place)

    def _place(
        self,
        equation: Equation,
        released: list[Variable],
        pinned: set[Variable],
        layouts: Layouts,
    ) -> None:
        primitive = equation.primitive
        if not isinstance(primitive.impl, np.ufunc) or len(equation.outputs) != 1:
            return
        (out,) = equation.outputs
        if out in pinned or not layouts.contiguous(out):
            return
        kind = out.type
        size = kind.size
        if not size or not kind.shape or kind.dtype.hasobject:
            return
        space = kind.shape, kind.dtype
        if primitive.kind != "bilinear" and size > 1:  # NumPy is slow in place on 1
            for x in equation.inputs:
                if type(x) is Variable and x in released and x in self.places:
                    place = self.places[x]
                    if self.spaces[place] == space:
                        self.places[out] = place
                        return
        free = self._free.get(space)
        if free:
            self.places[out] = free.pop()
            return
        size *= kind.dtype.itemsize
        if self._bytes + size <= LIMIT:
            self._bytes += size
            self.places[out] = len(self.spaces)
            self.spaces.append(space)

    def new(self) -> tuple[np.ndarray[Any, Any], ...]:
        """The pieces for one run at a time, side by side, each at the start of a line of the
        cache."""
        sizes = [int(np.prod(shape)) * dtype.itemsize for shape, dtype in self.spaces]
        memory = np.empty(sum(sizes) + LINE * (len(sizes) + 1), np.uint8)
        start = -memory.ctypes.data % LINE
        pieces = []
        for (shape, dtype), size in zip(self.spaces, sizes, strict=True):
            pieces.append(memory[start : start + size].view(dtype).reshape(shape))
            start += -(-size // LINE) * LINE
        return tuple(pieces)


def copies(equation: Equation) -> bool:
    """Whether an operation has read its operands when it returns, and returns new arrays."""
    primitive = equation.primitive
    if primitive.name == "index":  # by arrays NumPy copies, but for a single number
        arrays = equation.inputs[1:]
        return any([x.type.ndim if type(x) is Variable else np.ndim(x) for x in arrays])
    return isinstance(primitive.impl, np.ufunc) or primitive.name in _COPYING
