"""The sizes of a convolution, and the walks over images by which it is computed."""

from __future__ import annotations

import itertools
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from functrans.compile.llvm.code.pool import ROOM
from functrans.compile.llvm.kernels.patches import Images, Walk, taps_of
from functrans.compile.llvm.kernels.tiles import lanes_of, registers
from functrans.compile.llvm.kernels.tiling import ELEMENTS, PANEL_ROWS, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from functrans.core.types import ArrayType, Shape

    Pairs = tuple[tuple[int, int], ...]


SUMMED = 256
"""Positions of a panel for the gradient of the weights, at most."""

PATCH_ROWS = 128
"""Rows of such a panel, about."""

PATCH_BYTES = 1 << 17
"""Its bytes, about."""


STRIP_BYTES = 1 << 17
"""Bytes of the sums of a strip of positions, at most."""

STRIP_PANELS = 8
"""Panels of a strip, at most: runs of a result are as many times longer, and the next lines of
memory are fetched in time. One core, float32: 16 channels, 32 images of 32 by 32 take 1470 us in
place of 1600, a residual added to that 1620 in place of 2660."""

STRIPS = 8
"""Strips that there are at least, so that threads may share them."""


class Convolution(NamedTuple):
    """The sizes of a convolution.

    Attributes
    ----------
    name : str
        Which of the three it is.
    dtype : numpy dtype
    images, groups, channels, outputs : int
        Channels and outputs are those of a group.
    size, kernel, out : tuple of int
        Spatial shapes of input, weights and output.
    stride, dilation : tuple of int
    padding : tuple of pairs
    """

    name: str
    dtype: np.dtype[Any]
    images: int
    groups: int
    channels: int
    outputs: int
    size: Shape
    kernel: Shape
    out: Shape
    stride: Shape
    dilation: Shape
    padding: Pairs

    @property
    def element(self) -> str:
        return ELEMENTS[self.dtype]


def convolution_of(
    name: str, types: Sequence[ArrayType], out: ArrayType, params: dict[str, Any]
) -> Convolution | None:
    """The sizes of an operation of the rule book; None where there is no native code for it.

    Parameters
    ----------
    name : str
        Of the primitive.
    types : sequence of ArrayType
        Of its operands.
    out : ArrayType
    params : dict
    """
    if out.dtype not in ELEMENTS or any(t.dtype != out.dtype for t in types):
        return None
    first, second = types
    x, w, g = {
        "convolution": (first, second, out),
        "convolution_input": (out, second, first),
        "convolution_weight": (second, out, first),
    }[name]
    groups = params["groups"]
    made = Convolution(
        name,
        out.dtype,
        x.shape[0],
        groups,
        w.shape[1],
        w.shape[0] // groups,
        x.shape[2:],
        w.shape[2:],
        g.shape[2:],
        params["stride"],
        params["dilation"],
        params["padding"],
    )
    whole = prod(x.shape) * prod(w.shape) * prod(g.shape) > 0
    alone = made.channels == made.outputs == 1 and groups > 1
    forwards = all(pad >= 0 for pair in made.padding for pad in pair)
    if not whole or not forwards or alone:
        return None
    return made if room_of(made) * made.dtype.itemsize <= ROOM else None


def width_of_panel(rows: int, element: str, positions: int | None = None) -> int:
    """Columns of a panel for a product with so many rows, and no more than there are positions."""
    budget, most = (16, 8) if registers() == 32 else (12, 6)
    size = rows_of(rows, most)[0].size
    vectors = min(max(budget // size, 2), 8)
    lanes = lanes_of(element)
    return (vectors if positions is None else min(vectors, -(-positions // lanes))) * lanes


def strip_of(rows: int, width: int, positions: int, itemsize: int) -> int:
    """How many positions are computed before their sums go to where they belong: those of some
    panels of this width, whose sums stay in the second cache."""
    panels = -(-positions // width)
    most = min(STRIP_BYTES // (rows * width * itemsize), panels // STRIPS, STRIP_PANELS)
    return max(most, 1) * width


def row_of_strip(width: int, strip: int) -> int:
    """The distance between rows of a strip: no power of two, whose rows share places of a cache."""
    return strip if strip == width else strip + width


def _input_images(c: Convolution) -> Images:
    """The padded input."""
    axes = zip(c.size, c.kernel, c.out, c.stride, c.dilation, c.padding, strict=True)
    phase = []
    for size, kernel, out, stride, dilation, (before, _) in axes:
        needed = (out - 1) * stride + (kernel - 1) * dilation + 1
        phase.append(-(-max(before + size, needed) // stride))
    before = tuple(pair[0] for pair in c.padding)
    channels = c.groups * c.channels
    return Images(c.element, c.images, channels, c.size, before, c.stride, tuple(phase))


def input_walk(c: Convolution) -> Walk:
    images = _input_images(c)
    taps = taps_of(images, c.kernel, (0,) * len(c.kernel), c.dilation)
    return Walk(images, c.out, tuple(taps))


class Phase(NamedTuple):
    """The elements of an input whose gradient sees the same elements of the kernel.

    Attributes
    ----------
    start, grid : tuple of int
        The first of them along each axis, and how many there are.
    taps : list of tuple of int
        The elements of the kernel.
    places : list of tuple of int
        Where in the output the first input sees each.
    """

    start: Shape
    grid: Shape
    taps: list[Shape]
    places: list[Shape]


def phases_of(c: Convolution) -> list[Phase]:
    found = []
    for start in itertools.product(*map(range, c.stride)):
        grid = tuple(
            max(-(-(n - r) // s), 0) for n, r, s in zip(c.size, start, c.stride, strict=True)
        )
        taps, places = [], []
        for tap in itertools.product(*map(range, c.kernel)):
            reach = [
                r + pad[0] - t * d
                for r, pad, t, d in zip(start, c.padding, tap, c.dilation, strict=True)
            ]
            if all(n % s == 0 for n, s in zip(reach, c.stride, strict=True)):
                taps.append(tap)
                places.append(tuple(n // s for n, s in zip(reach, c.stride, strict=True)))
        if prod(grid):
            found.append(Phase(start, grid, taps, places))
    return found


def output_images(c: Convolution) -> Images:
    """The output's gradient, padded so that all inputs see zeros or it."""
    before, phase = [], []
    phases = phases_of(c)
    for axis, n in enumerate(c.out):
        places = [p[axis] for x in phases for p in x.places]
        ends = [p[axis] + x.grid[axis] for x in phases for p in x.places]
        before.append(max(0, -min(places, default=0)))
        phase.append(before[-1] + max(n, *ends) if ends else before[-1] + n)
    ones = (1,) * len(c.out)
    channels = c.groups * c.outputs
    return Images(c.element, c.images, channels, c.out, tuple(before), ones, tuple(phase))


def channels_of_panel(taps: int, depth: int) -> int:
    """How many of so many channels are copied to a panel at a time."""
    return min(max(PANEL_ROWS // max(taps, 1), 1), depth)


def panel_elements(taps: int, depth: int, width: int) -> int:
    """Elements of a panel of so many columns."""
    return max(channels_of_panel(taps, depth) * taps, 1) * width


class Patches(NamedTuple):
    """Panels for the gradient of the weights.

    Attributes
    ----------
    channels, positions : int
        Of a panel.
    early : bool
        Whether less is transposed before the product than after: patches and not sums.
    """

    channels: int
    positions: int
    early: bool


def patches_of(c: Convolution) -> Patches:
    taps = prod(c.kernel)
    block = min(max(PATCH_ROWS // taps, 1), c.channels)
    positions = min(PATCH_BYTES // (block * taps * c.dtype.itemsize), SUMMED) // 16 * 16 or 16
    return Patches(block, positions, c.images * prod(c.out) < c.outputs)


def room_of(c: Convolution) -> int:
    """Elements of memory that a thread needs for what it is at."""
    if c.name == "convolution_weight":
        block, positions, early = patches_of(c)
        return (2 if early else 1) * block * prod(c.kernel) * positions
    if c.name == "convolution":
        walks = [(prod(c.kernel), c.images * prod(c.out))]
        depth, rows = c.channels, c.outputs
    else:
        walks = [(len(phase.taps), c.images * prod(phase.grid)) for phase in phases_of(c)]
        depth, rows = c.outputs, c.channels
    most = 0
    for taps, positions in walks:
        width = width_of_panel(rows, c.element, positions)
        strip = strip_of(rows, width, positions, c.dtype.itemsize)
        sums = rows * row_of_strip(width, strip)
        most = max(most, panel_elements(taps, depth, width) + sums)
    return most


def memory_of(c: Convolution) -> int:
    """Bytes of memory that the code needs."""
    return (sum(parts_of(c)) + room_of(c)) * c.dtype.itemsize


def parts_of(c: Convolution) -> list[int]:
    """Elements of each part of that memory, of whole lines."""
    images = output_images(c) if c.name == "convolution_input" else _input_images(c)
    weights = c.groups * c.outputs * c.channels * prod(c.kernel)
    parts = [0 if images.plain else images.elements]
    if c.name == "convolution_input":
        parts.append(weights)
    elif c.name == "convolution_weight":
        parts += [c.images * c.groups * c.outputs * prod(c.out), weights]
    return [-(-n // 16) * 16 for n in parts]
