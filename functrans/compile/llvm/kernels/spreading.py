"""Blocks of sums, written to where they belong in a result of images and channels.

Elementwise work on the result is done meanwhile: a block is in the cache, and the result, whose
elements would be read again, need not be.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import Builder, Value, number
from functrans.compile.llvm.kernels.epilogues import Beside, shifted
from functrans.compile.llvm.kernels.patches import copy_run, named, over_runs, runs_of
from functrans.compile.llvm.kernels.tiles import Spot, lanes_of, masks
from functrans.compile.llvm.plans.affine import contiguous_strides

if TYPE_CHECKING:
    from functrans.compile.llvm.code.builder import Module
    from functrans.compile.llvm.kernels.tiles import Epilogue
    from functrans.compile.llvm.plans.affine import Access
    from functrans.core.types import Shape


class Target(NamedTuple):
    """Where the sums of some positions, a row for each channel, belong in a result.

    Attributes
    ----------
    steps : tuple of pairs
        How the positions lie: lengths and distances of the axes, the images first.
    plane : int
        Elements of a channel.
    start : int
        Where the first position lies in a channel.
    """

    steps: tuple[tuple[int, int], ...]
    plane: int
    start: int = 0

    @property
    def in_vectors(self) -> bool:
        """Whether half a vector, at least, of positions adjoin."""
        along, step = runs_of(self.steps)[-1]
        return step == 1 and masks() and along * 2 >= lanes_of("float")


def spreading(
    module: Module, element: str, target: Target, width: int, epilogue: Epilogue | None
) -> str:
    """The function that writes rows of positions to where they belong.

    It takes the address of the rows, `width` apart, that of the result, its first channel to write,
    the first position and how many there are, how many rows, and the operands of the epilogue.
    The epilogue finds the channel as the row of a spot, and the place in it as the column.
    """
    named_too = epilogue.name if epilogue else ""
    name = named("spreading", element, target, width, named_too)
    if name in module.functions:
        return name
    more = [x.type for x in epilogue.operands] if epilogue else []
    kinds = ["ptr", "ptr", *["i64"] * 4, *more]
    builder = Builder(module, name, "void", kinds, internal=True)
    rows, out, begin, first, count, channels, *given = builder.operands
    step = runs_of(target.steps)[-1][1]

    def run(where: Value, place: Value, length: Value) -> None:
        source = builder.at(rows, place, element)
        base = builder.add(where, target.start)

        def channel(c: Value) -> None:
            x = builder.at(source, builder.mul(c, width), element)
            which = builder.add(begin, c)
            start = builder.add(base, builder.mul(which, target.plane))

            def work(i: Value, x: Value, lanes: Value | None) -> Value:
                assert epilogue is not None
                here = builder.add(start, builder.mul(i, step))
                column = builder.binary("srem", here, target.plane)
                return epilogue.body(builder, given, Spot(here, which, column), x, lanes)

            to = builder.at(out, start, element)
            copy_run(builder, element, x, 1, to, step, length, work if epilogue else None)

        builder.repeat(0, channels, channel)

    over_runs(builder, target.steps, first, count, run)
    return builder.finish()


def beside_channels(access: Access, shape: Shape) -> Beside | None:
    """Where an operand is read next to a result of images and channels; None if it is none of
    these: such an array, or one that is broadcast along images, channels or all of space."""
    images, channels, *size = shape
    image, channel, *along = access.strides
    own = contiguous_strides(shape)
    long = [i for i, n in enumerate(shape) if n != 1]
    if all([access.strides[i] == own[i] for i in long]):
        return Beside(lambda b, spot: shifted(b, spot.place, access.offset), False)
    inner = [i for i, n in enumerate(size) if n != 1]
    spread = any([along[i] for i in inner])
    if spread and any([along[i] != own[2 + i] for i in inner]):
        return None
    # The positions of all images of one channel follow one another: a vector may see two images.
    if channels == 1 and images > 1 and (image or spread):
        return None
    volume = channels * prod(size)

    def place(b: Builder, spot: Spot) -> Value:
        where = number(access.offset, "i64")
        if image:
            where = b.add(where, b.mul(b.binary("sdiv", spot.place, volume), image))
        if channel:
            where = b.add(where, b.mul(spot.row, channel))
        return b.add(where, spot.column) if spread else where

    return Beside(place, not spread)
