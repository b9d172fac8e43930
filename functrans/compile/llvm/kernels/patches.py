"""Images as convolutions see them: padded copies, and the patches of some positions as a panel.

A padded copy holds each channel in *phases*: with a stride s, its elements at 0, s, 2 s, ... come
first, then those at 1, s + 1, ... So whatever part of the kernel looks at the image, neighbouring
positions read neighbouring elements.
"""

from __future__ import annotations

import itertools
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import Builder, Value, number, vector
from functrans.compile.llvm.kernels.tiles import lanes_of, masks
from functrans.compile.llvm.plans.affine import contiguous_strides
from functrans.core.digests import blake2b

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.compile.llvm.code.builder import Module
    from functrans.core.types import Shape

    Work = Callable[[Value, Value, Value | None], Value]


WIDE = 2
"""Vectors at a time that are worked on, so that one does not wait for the other."""


class Images(NamedTuple):
    """A padded copy of images.

    Attributes
    ----------
    element : str
    examples, channels : int
    size : tuple of int
        Of an image.
    before : tuple of int
        Zeros in front of it, along each axis.
    stride : tuple of int
    phase : tuple of int
        How many elements each phase has along each axis.
    """

    element: str
    examples: int
    channels: int
    size: Shape
    before: Shape
    stride: Shape
    phase: Shape

    @property
    def plane(self) -> int:
        """Elements of a channel."""
        return prod(self.stride) * prod(self.phase)

    @property
    def elements(self) -> int:
        return self.examples * self.channels * self.plane

    @property
    def plain(self) -> bool:
        """Whether the copy would be as the images are."""
        return self.size == self.phase and prod(self.stride) == 1

    def offset(self, place: Sequence[int]) -> int:
        """Where an element is within a channel, by its coordinates in the padded image."""
        phases = [p % s for p, s in zip(place, self.stride, strict=True)]
        within = [p // s for p, s in zip(place, self.stride, strict=True)]
        return _dot(phases, contiguous_strides(self.stride)) * prod(self.phase) + _dot(
            within, contiguous_strides(self.phase)
        )


class Walk(NamedTuple):
    """Positions of a kernel on images.

    Attributes
    ----------
    images : Images
    grid : tuple of int
        Positions along each axis; neighbours are one element of a phase apart.
    taps : tuple of int
        Where in a channel each element of the kernel looks at, from the first position.
    """

    images: Images
    grid: Shape
    taps: tuple[int, ...]

    @property
    def positions(self) -> int:
        """Positions on all images."""
        return self.images.examples * prod(self.grid)

    @property
    def steps(self) -> list[tuple[int, int]]:
        """How many positions there are along each axis, the images first, and how far apart."""
        images = self.images
        steps = contiguous_strides(images.phase)
        return [
            (images.examples, images.channels * images.plane),
            *zip(self.grid, steps, strict=True),
        ]


def named(stem: str, *parts: object) -> str:
    """A name for a function of a module, by all that its code depends on."""
    return f"{stem}_{blake2b(repr(parts).encode(), digest_size=8).hexdigest()}"


def padding(module: Module, images: Images) -> str:
    """The function ``(images, copy, first, last)`` that copies some of the images."""
    name = named("padding", images)
    if name in module.functions:
        return name
    builder = Builder(module, name, "void", ["ptr", "ptr", "i64", "i64"], internal=True)
    source, target, first, last = builder.operands
    element = images.element
    size, plane = prod(images.size), images.plane
    rows = prod(images.size[:-1])
    bytes_of = 8 if element == "double" else 4
    along = images.size[-1]

    def channel(which: Value) -> None:
        x = builder.at(source, builder.mul(which, size), element)
        copy = builder.at(target, builder.mul(which, plane), element)
        zero, length = number(0, "i8"), number(plane * bytes_of, "i64")
        builder.call("llvm.memset.p0.i64", "void", copy, zero, length, number(0, "i1"))

        def row(r: Value) -> None:
            place = number(0, "i64")
            left = r
            axes = list(range(len(images.size) - 1))
            for axis in reversed(axes):
                n, s = images.size[axis], images.stride[axis]
                i = builder.binary("srem", left, n) if axis else left
                left = builder.binary("sdiv", left, n) if axis else left
                shifted = builder.add(i, images.before[axis])
                within = contiguous_strides(images.phase)[axis]
                phase = contiguous_strides(images.stride)[axis] * prod(images.phase)
                if s == 1:
                    place = builder.add(place, builder.mul(shifted, within))
                    continue
                whole = builder.binary("sdiv", shifted, s)
                rest = builder.binary("srem", shifted, s)
                place = builder.add(place, builder.mul(whole, within))
                place = builder.add(place, builder.mul(rest, phase))
            origin = builder.at(x, builder.mul(r, along), element)
            s = images.stride[-1]
            for begin in range(min(s, along)):
                shifted_by = begin + images.before[-1]
                start = shifted_by % s * prod(images.phase) + shifted_by // s
                to = builder.at(builder.at(copy, place, element), start, element)
                count = -(-(along - begin) // s)
                copy_run(
                    builder,
                    element,
                    builder.at(origin, begin, element),
                    s,
                    to,
                    1,
                    number(count, "i64"),
                )

        builder.repeat(0, rows, row)

    channels = images.channels
    builder.repeat(builder.mul(first, channels), builder.mul(last, channels), channel)
    return builder.finish()


def copy_run(
    builder: Builder,
    element: str,
    source: Value,
    source_step: int,
    target: Value,
    target_step: int,
    count: Value,
    work: Work | None = None,
) -> None:
    """Copy elements that lie so far apart to others, or what ``work(i, x, lanes)`` makes of the
    vector (or scalar) of those from number `i` on, of which the mask `lanes` tells which exist."""
    if source_step == target_step == 1 and masks():
        lanes = lanes_of(element)
        kind = vector(element, lanes)
        start = number(0, "i64")
        if work:
            wide = WIDE * lanes
            start = builder.mul(builder.binary("sdiv", count, wide), wide)

            def whole(i: Value) -> None:
                x = builder.load(vector(element, wide), builder.at(source, i, element))
                builder.store(work(i, x, None), builder.at(target, i, element))

            builder.repeat(0, start, whole, step=wide)

        def some(i: Value) -> None:
            mask = builder.first_lanes(lanes, builder.sub(count, i))
            x = builder.load_where(mask, kind, builder.at(source, i, element))
            x = work(i, x, mask) if work else x
            builder.store_where(mask, x, builder.at(target, i, element))

        builder.repeat(start, count, some, step=lanes)
        return

    def one(i: Value) -> None:
        place = builder.at(source, builder.mul(i, source_step), element)
        to = builder.at(target, builder.mul(i, target_step), element)
        x = builder.load(element, place)
        builder.store(work(i, x, None) if work else x, to)

    builder.repeat(0, count, one)


def runs_of(steps: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Axes, as length and distance; those that follow one another without a gap are one."""
    merged: list[tuple[int, int]] = []
    for n, step in steps:
        if n == 1:
            continue
        if merged and merged[-1][1] == n * step:
            merged[-1] = merged[-1][0] * n, step
        else:
            merged.append((n, step))
    return merged or [(1, 1)]


def over_runs(
    builder: Builder,
    steps: Sequence[tuple[int, int]],
    first: Value,
    count: Value,
    body: Callable[[Value, Value, Value], None],
) -> None:
    """``body(where, place, length)`` for each run of positions: how far its first lies from that of
    all, which of those asked for it is, and how many follow one another."""
    *outer, (along, step) = runs_of(steps)
    end = builder.add(first, count)

    def run(r: Value) -> None:
        begin = builder.mul(r, along)
        start = builder.intrinsic("smax", builder.sub(first, begin), 0)
        stop = builder.intrinsic("smin", builder.sub(end, begin), along)
        where, left = builder.mul(start, step), r
        for axis in reversed(range(len(outer))):
            n, distance = outer[axis]
            i = builder.binary("srem", left, n) if axis else left
            left = builder.binary("sdiv", left, n) if axis else left
            where = builder.add(where, builder.mul(i, distance))
        place = builder.sub(builder.add(begin, start), first)
        body(where, place, builder.sub(stop, start))

    last = builder.add(builder.binary("sdiv", builder.sub(end, 1), along), 1)
    builder.repeat(builder.binary("sdiv", first, along), last, run)


def patches(module: Module, walk: Walk, width: int) -> str:
    """The function that makes a panel of patches, a row for each channel and tap.

    It takes the address of the first channel in a padded copy, that of the panel, the first
    position and how many there are, and how many channels.
    """
    name = named("patches", walk, width)
    if name in module.functions:
        return name
    builder = Builder(module, name, "void", ["ptr", "ptr", "i64", "i64", "i64"], internal=True)
    source, panel, first, count, channels = builder.operands
    element, plane, taps = walk.images.element, walk.images.plane, len(walk.taps)
    step = runs_of(walk.steps)[-1][1]
    table = module.constant(named("taps", walk.taps), "i64", walk.taps)

    def run(where: Value, place: Value, length: Value) -> None:
        origin = builder.at(source, where, element)
        target = builder.at(panel, place, element)

        def channel(c: Value) -> None:
            x = builder.at(origin, builder.mul(c, plane), element)
            rows = builder.at(target, builder.mul(c, taps * width), element)

            def tap(t: Value) -> None:
                offset = builder.load("i64", builder.at(table, t, "i64"))
                to = builder.at(rows, builder.mul(t, width), element)
                copy_run(builder, element, builder.at(x, offset, element), step, to, 1, length)

            builder.repeat(0, taps, tap)

        builder.repeat(0, channels, channel)

    over_runs(builder, walk.steps, first, count, run)
    return builder.finish()


def taps_of(images: Images, kernel: Shape, start: Sequence[int], step: Sequence[int]) -> list[int]:
    """Where the elements of a kernel look at in a channel: from `start` on, a `step` apart."""
    return [
        images.offset([s + t * d for s, t, d in zip(start, tap, step, strict=True)])
        for tap in itertools.product(*map(range, kernel))
    ]


def _dot(x: Sequence[int], y: Sequence[int]) -> int:
    return sum(a * b for a, b in zip(x, y, strict=True))
