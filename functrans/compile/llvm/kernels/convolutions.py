"""Convolution and its two transposes as matrix products with panels of patches.

The patches of some positions are copied to a panel and multiplied while they are in the cache;
there is no matrix of all of them. A gradient with respect to the input walks over the gradient of
the output, once for each phase of the stride; one with respect to the weights multiplies patches
and gradients at the same positions.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import Builder, Value, number
from functrans.compile.llvm.kernels.contractions import Matrices, Product
from functrans.compile.llvm.kernels.panels import packing
from functrans.compile.llvm.kernels.patches import (
    Images,
    Walk,
    copy_run,
    named,
    padding,
    patches,
)
from functrans.compile.llvm.kernels.products import multiply_from_panel
from functrans.compile.llvm.kernels.sharing import in_pieces
from functrans.compile.llvm.kernels.spreading import Target, spreading
from functrans.compile.llvm.kernels.tiles import lanes_of
from functrans.compile.llvm.kernels.tiling import nanoseconds_of
from functrans.compile.llvm.kernels.windows import (
    Convolution,
    channels_of_panel,
    input_walk,
    output_images,
    panel_elements,
    parts_of,
    patches_of,
    phases_of,
    row_of_strip,
    strip_of,
    width_of_panel,
)
from functrans.compile.llvm.plans.affine import contiguous_strides

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.compile.llvm.kernels.tiles import Epilogue
    from functrans.core.types import Shape


def convolve(
    builder: Builder,
    c: Convolution,
    x: Value,
    y: Value,
    out: Value,
    memory: Value,
    epilogue: Epilogue | None = None,
) -> None:
    """Emit a convolution, or one of its transposes, into a function.

    Parameters
    ----------
    builder : Builder
    c : Convolution
    x, y : Value
        The addresses of the operands, in C order.
    out : Value
        That of the result.
    memory : Value
        That of as many bytes as :func:`memory_of` says, which may be null for none.
    epilogue : Epilogue, optional
        What is done to each element of the result before it is stored; of a convolution and the
        gradient of its input.
    """
    if c.name == "convolution_weight":
        assert epilogue is None
        _weight(builder, c, x, y, out, memory)
    else:
        how = _forward if c.name == "convolution" else _input
        how(builder, c, x, y, out, memory, epilogue)


def targets_of(c: Convolution) -> list[Target]:
    """Where the sums of a convolution belong; or those of each phase of its input's gradient."""
    if c.name == "convolution":
        plane = prod(c.out)
        axes = zip(c.out, contiguous_strides(c.out), strict=True)
        return [Target(((c.images, c.groups * c.outputs * plane), *axes), plane)]
    strides = contiguous_strides(c.size)
    plane = prod(c.size)
    found = []
    for phase in phases_of(c):
        axes = zip(phase.grid, [s * d for s, d in zip(c.stride, strides, strict=True)], strict=True)
        start = sum(r * d for r, d in zip(phase.start, strides, strict=True))
        found.append(Target(((c.images, c.groups * c.channels * plane), *axes), plane, start))
    return found


def _padded(builder: Builder, images: Images, x: Value, copy: Value) -> Value:
    """The address of a padded copy, which is made, or of the images if they are as it would be."""
    if images.plain:
        return x
    name = padding(builder.module, images)
    size = 8 if images.element == "double" else 4
    in_pieces(builder, name, [x, copy], images.examples, images.elements * size // 8)
    return copy


def _forward(
    builder: Builder,
    c: Convolution,
    x: Value,
    w: Value,
    out: Value,
    memory: Value,
    epilogue: Epilogue | None,
) -> None:
    walk = input_walk(c)
    source = _padded(builder, walk.images, x, memory)
    room = builder.at(memory, sum(parts_of(c)), c.element)
    (target,) = targets_of(c)
    work = _Walk(c, walk, c.channels, c.outputs, target, epilogue)
    _walked(builder, work, source, w, out, room)


def _input(
    builder: Builder,
    c: Convolution,
    g: Value,
    w: Value,
    out: Value,
    memory: Value,
    epilogue: Epilogue | None,
) -> None:
    images = output_images(c)
    source = _padded(builder, images, g, memory)
    ordered = builder.at(memory, parts_of(c)[0], c.element)
    before = images.before
    room = builder.at(memory, sum(parts_of(c)), c.element)
    for phase, target in zip(phases_of(c), targets_of(c), strict=True):
        taps = [
            images.offset([p + b for p, b in zip(place, before, strict=True)])
            for place in phase.places
        ]
        if taps:
            order = _ordering(builder, c, phase.taps)
            operands = [w, ordered]
            count = c.groups * c.channels
            in_pieces(builder, order, operands, count, count * c.outputs * len(taps))
        walk = Walk(images, phase.grid, tuple(taps))
        work = _Walk(c, walk, c.outputs, c.channels, target, epilogue)
        _walked(builder, work, source, ordered, out, room)


def _ordering(builder: Builder, c: Convolution, taps: Sequence[Shape]) -> str:
    """The function ``(weights, copy, first, last)`` that copies the weights of some channels, with
    some of the taps: to rows of outputs and taps."""
    module, element = builder.module, c.element
    name = named("ordering", c, tuple(taps))
    if name in module.functions:
        return name
    inner = Builder(module, name, "void", ["ptr", "ptr", "i64", "i64"], internal=True)
    weights, copy, first, last = inner.operands
    area = prod(c.kernel)
    own = contiguous_strides(c.kernel)
    places = [sum(t * d for t, d in zip(tap, own, strict=True)) for tap in taps]
    row = c.outputs * len(taps)

    def channel(which: Value) -> None:
        group = inner.binary("sdiv", which, c.channels)
        within = inner.binary("srem", which, c.channels)
        start = inner.mul(group, c.outputs * c.channels * area)
        start = inner.add(start, inner.mul(within, area))
        source = inner.at(weights, start, element)
        target = inner.at(copy, inner.mul(which, row), element)

        def output(o: Value) -> None:
            x = inner.at(source, inner.mul(o, c.channels * area), element)
            to = inner.at(target, inner.mul(o, len(taps)), element)
            if places == list(range(len(taps))):
                copy_run(inner, element, x, 1, to, 1, number(len(taps), "i64"))
                return
            for t, place in enumerate(places):
                value = inner.load(element, inner.at(x, place, element))
                inner.store(value, inner.at(to, t, element))

        inner.repeat(0, c.outputs, output)

    inner.repeat(first, last, channel)
    return inner.finish()


class _Walk(NamedTuple):
    """The product of weights with the patches of a walk.

    Attributes
    ----------
    c : Convolution
    walk : Walk
    depth : int
        Channels of the walk in a group.
    rows : int
        Of the weights in a group: channels of the result.
    target : Target
        Where the result of a position lies.
    epilogue : Epilogue or None
    """

    c: Convolution
    walk: Walk
    depth: int
    rows: int
    target: Target
    epilogue: Epilogue | None


def _walked(
    builder: Builder, work: _Walk, source: Value, weights: Value, out: Value, room: Value
) -> None:
    """Emit such a product; `room` is the address of memory for a panel and the sums of one."""
    c, walk, depth, rows, target, epilogue = work
    width = width_of_panel(rows, c.element, walk.positions)
    strip = strip_of(rows, width, walk.positions, c.dtype.itemsize)
    strips = -(-walk.positions // strip)
    finish = epilogue.name if epilogue else ""
    name = named("walked", walk, depth, rows, c.groups, target, finish)
    more = list(epilogue.operands) if epilogue else []
    if name not in builder.module.functions:
        kinds = ["ptr"] * 3 + [x.type for x in more] + ["ptr", "i64", "i64"]
        inner = Builder(builder.module, name, "void", kinds, internal=True)
        _emit_walk(inner, work, width, strip)
    multiplications = walk.positions * len(walk.taps) * depth * rows * c.groups
    time = nanoseconds_of(multiplications, c.dtype)
    in_pieces(builder, name, [source, weights, out, *more], c.groups * strips, time, room)


def _emit_walk(b: Builder, work: _Walk, width: int, strip: int) -> None:
    """Emit the function ``(source, weights, out, epilogue's operands, room, first, last)`` for some
    strips of positions."""
    c, walk, depth, rows, target, epilogue = work
    element = c.element
    source, weights, out, *given, panel, first, last = b.operands
    taps = len(walk.taps)
    block = channels_of_panel(taps, depth)
    sums = b.at(panel, panel_elements(taps, depth, width), element)
    pack = patches(b.module, walk, width)
    distance = row_of_strip(width, strip)
    spread = spreading(b.module, element, target, distance, epilogue)
    across = depth * taps
    strips = -(-walk.positions // strip)

    def one(which: Value) -> None:
        group, begin = b.binary("sdiv", which, strips), b.binary("srem", which, strips)
        begin = b.mul(begin, strip)
        count = b.intrinsic("smin", b.sub(number(walk.positions, "i64"), begin), strip)
        x = b.at(source, b.mul(group, depth * walk.images.plane), element)
        channel = b.mul(group, rows)
        w = b.at(weights, b.mul(channel, across), element)

        def columns(start: Value) -> None:
            position = b.add(begin, start)
            some = b.intrinsic("smin", b.sub(count, start), width)
            result = b.at(sums, start, element)

            def part(channel: Value, length: int, accumulate: bool) -> None:
                first = b.at(x, b.mul(channel, walk.images.plane), element)
                b.call(pack, "void", first, panel, position, some, number(length, "i64"))
                product = Product(
                    c.dtype,
                    (),
                    rows,
                    width,
                    length * taps,
                    Matrices((), across, 1),
                    Matrices((), width, 1),
                    Matrices((), distance, 1),
                )
                a = b.at(w, b.mul(channel, taps), element)
                multiply_from_panel(b, product, a, panel, result, accumulate)

            in_blocks(b, depth, block, part)

        b.repeat(0, count, columns, step=width)
        sizes = [channel, begin, count, number(rows, "i64")]
        b.call(spread, "void", sums, out, *sizes, *given)

    b.repeat(first, last, one)
    b.finish()


def in_blocks(b: Builder, size: int, block: int, part: Callable[[Value, int, bool], None]) -> None:
    """``part(start, length, accumulate)`` for blocks of an axis: the first, a loop over those as
    long, and what is left."""
    zero = number(0, "i64")
    part(zero, min(block, size), False)
    whole = size // block * block
    if whole > block:
        b.repeat(block, whole, lambda start: part(start, block, True), step=block)
    if size > block and size > whole:
        part(number(whole, "i64"), size - whole, True)


def _weight(
    builder: Builder, c: Convolution, g: Value, x: Value, out: Value, memory: Value
) -> None:
    walk = input_walk(c)
    element, area = c.element, prod(c.out)
    own, gradients, _ = parts_of(c)
    source = _padded(builder, walk.images, x, memory)
    turned = builder.at(memory, own, element)
    sums = builder.at(turned, gradients, element)
    outputs = c.groups * c.outputs
    module = builder.module
    turn = packing(module, element, lanes_of(element), outputs, "columns")
    name = named("turned", element, outputs, area)
    if name not in module.functions:
        inner = Builder(module, name, "void", ["ptr", "ptr", "i64", "i64"], internal=True)
        a, b, first, last = inner.operands

        def image(i: Value) -> None:
            shift = inner.mul(i, outputs * area)
            from_, to = inner.at(a, shift, element), inner.at(b, shift, element)
            sizes = [number(n, "i64") for n in (1, area, area, outputs)]
            inner.call(turn, "void", from_, *sizes[:2], to, *sizes[2:])

        inner.repeat(first, last, image)
        inner.finish()
    in_pieces(builder, name, [g, turned], c.images, c.images * outputs * area)
    block = patches_of(c).channels
    blocks = -(-c.channels // block)
    work = nanoseconds_of(walk.positions * len(walk.taps) * c.channels * outputs, c.dtype)
    kernel = _weight_kernel(builder, c, walk, blocks)
    room = builder.at(memory, sum(parts_of(c)), element)
    in_pieces(builder, kernel, [source, turned, sums, out], c.groups * blocks, work, room)


def _weight_kernel(builder: Builder, c: Convolution, walk: Walk, blocks: int) -> str:
    """The function ``(source, gradients, sums, out, room, first, last)`` for some blocks of
    channels."""
    module, element = builder.module, c.element
    block, summed, early = patches_of(c)
    name = named("weights", c, block)
    if name in module.functions:
        return name
    b = Builder(module, name, "void", ["ptr"] * 5 + ["i64"] * 2, internal=True)
    source, gradients, sums, out, panel, first, last = b.operands
    taps, outputs = len(walk.taps), c.groups * c.outputs
    row = c.channels * taps
    pack = patches(module, walk, summed)
    width = block * taps if early else row
    turn = packing(module, element, lanes_of(element), width, "columns")
    other = b.at(panel, block * taps * summed, element) if early else panel

    def turned(x: Value, out: Value, distance: int, m: int, n: int) -> None:
        sizes = [number(size, "i64") for size in (1, distance, m, n)]
        b.call(turn, "void", x, *sizes[:2], out, *sizes[2:])

    def one(which: Value) -> None:
        group = b.binary("sdiv", which, blocks)
        channel = b.mul(b.binary("srem", which, blocks), block)
        plane = b.add(b.mul(group, c.channels), channel)
        x = b.at(source, b.mul(plane, walk.images.plane), element)
        own = b.at(sums, b.mul(plane, taps * c.outputs), element)
        columns = b.at(gradients, b.mul(group, c.outputs), element)
        weights = b.mul(b.add(b.mul(group, c.outputs * c.channels), channel), taps)
        target = b.at(out, weights, element)

        def channels(length: int) -> None:
            def part(position: Value, count: int, accumulate: bool) -> None:
                sizes = [number(n, "i64") for n in (count, length)]
                b.call(pack, "void", x, panel, position, *sizes)
                rows = length * taps
                g = b.at(columns, b.mul(position, outputs), element)
                patch = Matrices((), summed, 1)
                if early:
                    turned(panel, other, summed, count, rows)
                    patch = Matrices((), width, 1)
                    gradient, result = Matrices((), 1, outputs), Matrices((), row, 1)
                    product = Product(c.dtype, (), c.outputs, rows, count, gradient, patch, result)
                    multiply_from_panel(b, product, g, other, target, accumulate)
                    return
                gradient, result = Matrices((), outputs, 1), Matrices((), c.outputs, 1)
                product = Product(c.dtype, (), rows, c.outputs, count, patch, gradient, result)
                multiply_from_panel(b, product, panel, g, own, accumulate)

            in_blocks(b, walk.positions, summed, part)
            if not early:
                turned(own, target, c.outputs, c.outputs, length * taps)

        rest = c.channels % block
        if not rest:
            channels(block)
            return
        full = b.icmp("sle", b.add(channel, block), c.channels)
        b.when(full, lambda: channels(block))
        b.when(b.icmp("sgt", b.add(channel, block), c.channels), lambda: channels(rest))

    b.repeat(first, last, one)
    return b.finish()
