"""Convolution of any number of spatial axes, as neural networks have it, and its two transposes.

With ``x`` of shape (n, channels, ...), ``w`` of shape (outputs, channels / groups, ...) and ``g``
of shape (n, outputs, ...), the sum of ``g * convolution(x, w)`` is linear in each of the three.
`convolution`, `convolution_input` and `convolution_weight` are its gradients, so that every
derivative of one of them, of any order, is one of them again.

Parameters: `stride` and `dilation`, a number an axis; `padding` with zeros, a pair (before, after)
an axis; `groups`: so many independent convolutions, each of its own channels to its own outputs.
"""

from __future__ import annotations

import itertools
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.core.kinds import bilinear
from functrans.core.types import Array, ArrayType, Shape, shape_of

from .channelwise import channelwise, channelwise_input, channelwise_weight
from .contraction import permuted
from .samples import Sample, draw, draw_complex
from .shape import broadcast_to, reshape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functrans.core.kinds import Function

Pairs = tuple[tuple[int, int], ...]

BLOCK = 1 << 19
"""The elements of the matrix of patches that is made at a time; it should stay in cache."""


# Shapes


def window_count(
    size: int, window: int, stride: int, padding: tuple[int, int], dilation: int
) -> int:
    """How many windows fit along an axis of this size."""
    return (size + sum(padding) - dilation * (window - 1) - 1) // stride + 1


def output_size(
    name: str, size: Shape, kernel: Shape, stride: Shape, padding: Pairs, dilation: Shape
) -> Shape:
    """The spatial shape of a convolution."""
    out = tuple(map(window_count, size, kernel, stride, padding, dilation))
    for axis, n in enumerate(out):
        if n < 1:
            reach = dilation[axis] * (kernel[axis] - 1) + 1
            raise ValueError(
                f"{name}: along spatial axis {axis} the kernel reaches over {reach} elements, but "
                f"the input has {size[axis]} and padding {padding[axis]}; pad more or take a "
                "smaller kernel or dilation"
            )
    return out


def convolution_shape(
    x: ArrayType, y: ArrayType, *, stride: Shape, padding: Pairs, dilation: Shape, groups: int
) -> ArrayType:
    if x.ndim != len(stride) + 2 or y.ndim != x.ndim:
        raise ValueError(
            f"convolution over {len(stride)} axes: input and weight need {len(stride) + 2} axes, "
            f"got shapes {x.shape} and {y.shape}"
        )
    if x.shape[1] != groups * y.shape[1] or y.shape[0] % groups:
        raise ValueError(
            f"convolution: the input has {x.shape[1]} channels (shape {x.shape}); a weight of "
            f"shape {y.shape} with groups={groups} takes {groups * y.shape[1]}, and its number of "
            f"outputs ({y.shape[0]}) must be a multiple of groups"
        )
    out = output_size("convolution", x.shape[2:], y.shape[2:], stride, padding, dilation)
    return ArrayType((x.shape[0], y.shape[0], *out), np.result_type(x.dtype, y.dtype))


def convolution_input_shape(
    x: ArrayType, y: ArrayType, *, size: Shape, groups: int, **params: Any
) -> ArrayType:
    return ArrayType((x.shape[0], groups * y.shape[1], *size), np.result_type(x.dtype, y.dtype))


def convolution_weight_shape(
    x: ArrayType, y: ArrayType, *, kernel: Shape, groups: int, **params: Any
) -> ArrayType:
    return ArrayType((x.shape[1], y.shape[1] // groups, *kernel), np.result_type(x.dtype, y.dtype))


# Implementations. A block of outputs at a time, the patches that it sees become the rows of a
# matrix, and BLAS does the rest. The channels stand last in a patch (long runs to copy) unless the
# weights, which then have to be reordered, are much larger than the patches.


class Plan(NamedTuple):
    """The sizes of one convolution."""

    n: int
    groups: int
    channels: int
    """Of one group."""
    outputs: int
    """Of one group."""
    size: Shape
    kernel: Shape
    out: Shape
    stride: Shape
    padding: Pairs
    dilation: Shape

    @property
    def channelwise(self) -> bool:
        return self.channels == self.outputs == 1

    @property
    def channels_last(self) -> bool:
        return 4 * self.n * prod(self.out) >= self.outputs

    @property
    def patch(self) -> int:
        """The elements of a patch."""
        return prod(self.kernel) * self.channels


class Block(NamedTuple):
    """Some images, and some rows of outputs along the first spatial axis."""

    images: slice
    rows: slice
    out: Shape
    """The spatial shape of its outputs."""
    buffer: Shape
    """The spatial shape of the padded input that its patches cover."""
    inner: tuple[slice, ...]
    """Where in that the input itself lies."""
    outer: tuple[slice, ...]
    """Where in the input that is."""


def blocks(plan: Plan) -> Iterator[Block]:
    """The convolution in parts whose matrices of patches are bounded."""
    first, *rest = plan.out
    row = plan.groups * plan.patch * prod(rest)
    rows = min(first, max(1, BLOCK // max(row, 1)))
    images = max(1, BLOCK // max(row * first, 1)) if rows == first else 1
    for n in range(0, plan.n, images):
        for t in range(0, first, rows):
            stop = min(t + rows, first)
            out = (stop - t, *rest)
            starts = [-before for before, _ in plan.padding]
            starts[0] += t * plan.stride[0]
            buffer, inner, outer = [], [], []
            for start, count, k, s, d, size in zip(
                starts, out, plan.kernel, plan.stride, plan.dilation, plan.size, strict=True
            ):
                length = (count - 1) * s + (k - 1) * d + 1
                low, high = max(start, 0), max(min(start + length, size), max(start, 0))
                buffer.append(length)
                inner.append(slice(low - start, high - start))
                outer.append(slice(low, high))
            where = slice(n, min(n + images, plan.n))
            yield Block(where, slice(t, stop), out, tuple(buffer), tuple(inner), tuple(outer))


def grouped(x: Array, groups: int) -> Array:
    """``x`` of shape (n, channels, ...) as (groups, n, channels of a group, ...)."""
    return x.reshape(x.shape[0], groups, -1, *x.shape[2:]).swapaxes(0, 1)


def padded(x: Array, plan: Plan, block: Block) -> Array:
    """The padded input of a block: (groups, images, ..., channels), or with the channels first."""
    source = grouped(x[(block.images, slice(None), *block.outer)], plan.groups)
    count = source.shape[1]
    if not plan.channels_last:
        buffer: Array = np.zeros((plan.groups, count, plan.channels, *block.buffer), x.dtype)
        buffer[(..., *block.inner)] = source
        return buffer
    buffer = np.zeros((plan.groups, count, *block.buffer, plan.channels), x.dtype)
    target = buffer[(slice(None), slice(None), *block.inner)]
    if plan.channels < 8:  # NumPy's inner loop runs along the last axis of the target
        for c in range(plan.channels):
            target[..., c] = source[:, :, c]
    else:
        target[...] = np.moveaxis(source, 2, -1)
    return buffer


def patches(x: Array, plan: Plan, block: Block) -> Array:
    """The matrices of patches of a block, of shape (groups, positions, elements of a patch)."""
    buffer = padded(x, plan, block)
    axes = len(plan.out)
    first = 2 if plan.channels_last else 3
    spatial = buffer.strides[first : first + axes]
    steps = [n * s for n, s in zip(spatial, plan.stride, strict=True)]
    taps = [n * d for n, d in zip(spatial, plan.dilation, strict=True)]
    channel = buffer.strides[-1 if plan.channels_last else 2]
    element = (*plan.kernel, plan.channels), (*taps, channel)
    if not plan.channels_last:
        element = (plan.channels, *plan.kernel), (channel, *taps)
    view = np.lib.stride_tricks.as_strided(
        buffer,
        (*buffer.shape[:2], *block.out, *element[0]),
        (*buffer.strides[:2], *steps, *element[1]),
        writeable=False,
    )
    return np.ascontiguousarray(view).reshape(plan.groups, -1, plan.patch)


def add_patches(matrices: Array, target: Array, plan: Plan, block: Block) -> None:
    """Add matrices of patches to an input of shape (n, channels, ...): the reverse of `patches`."""
    count = block.images.stop - block.images.start
    element = (*plan.kernel, plan.channels)
    shape = (*block.buffer, plan.channels)
    if not plan.channels_last:
        element, shape = (plan.channels, *plan.kernel), (plan.channels, *block.buffer)
    parts = matrices.reshape(plan.groups, count, *block.out, *element)
    buffer: Array = np.zeros((plan.groups, count, *shape), matrices.dtype)
    for tap in itertools.product(*map(range, plan.kernel)):
        places = tuple(
            slice(k * d, k * d + (n - 1) * s + 1, s)
            for k, d, n, s in zip(tap, plan.dilation, block.out, plan.stride, strict=True)
        )
        if plan.channels_last:
            buffer[(slice(None), slice(None), *places)] += parts[(..., *tap, slice(None))]
        else:
            buffer[(..., *places)] += np.moveaxis(parts[(..., *tap)], -1, 2)
    if plan.channels_last:
        buffer = np.moveaxis(buffer, -1, 2)
    place = grouped(target[(block.images, slice(None), *block.outer)], plan.groups)
    place += buffer[(..., *block.inner)]


def weight_matrices(w: Array, plan: Plan) -> Array:
    """The weights, of shape (groups, outputs, elements of a patch)."""
    w = w.reshape(plan.groups, plan.outputs, plan.channels, *plan.kernel)
    if plan.channels_last:
        w = np.moveaxis(w, 2, -1)
    return w.reshape(plan.groups, plan.outputs, plan.patch)


def output_matrices(g: Array, plan: Plan, block: Block) -> Array:
    """A block of outputs, of shape (groups, outputs of a group, positions)."""
    part = grouped(g[block.images, :, block.rows], plan.groups)
    return part.swapaxes(1, 2).reshape(plan.groups, plan.outputs, -1)


def convolution_impl(
    x: Array, y: Array, *, stride: Shape, padding: Pairs, dilation: Shape, groups: int
) -> Array:
    kind = convolution_shape(
        ArrayType(x.shape, x.dtype),
        ArrayType(y.shape, y.dtype),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    plan = Plan(
        x.shape[0],
        groups,
        y.shape[1],
        y.shape[0] // groups,
        x.shape[2:],
        y.shape[2:],
        kind.shape[2:],
        stride,
        padding,
        dilation,
    )
    if plan.channelwise:
        out = np.zeros(kind.shape, kind.dtype)
        return channelwise(x, y, out, stride=stride, padding=padding, dilation=dilation)
    weights = weight_matrices(y, plan)
    out = np.empty(kind.shape, kind.dtype)
    for block in blocks(plan):
        matrices = patches(x, plan, block)
        count = block.images.stop - block.images.start
        target = grouped(out[block.images, :, block.rows], groups)
        if matrices.shape[1] > plan.outputs:  # BLAS is faster with the long side first
            product = np.matmul(matrices, weights.mT)
            product = product.reshape(groups, count, *block.out, plan.outputs)
            target[...] = np.moveaxis(product, -1, 2)
        else:
            product = np.matmul(weights, matrices.mT)
            product = product.reshape(groups, plan.outputs, count, *block.out)
            target[...] = product.swapaxes(1, 2)
    return out


def convolution_input_impl(
    x: Array,
    y: Array,
    *,
    size: Shape,
    stride: Shape,
    padding: Pairs,
    dilation: Shape,
    groups: int,
) -> Array:
    plan = Plan(
        x.shape[0],
        groups,
        y.shape[1],
        y.shape[0] // groups,
        size,
        y.shape[2:],
        x.shape[2:],
        stride,
        padding,
        dilation,
    )
    out = np.zeros((x.shape[0], groups * y.shape[1], *size), np.result_type(x, y))
    if plan.channelwise:
        return channelwise_input(x, y, out, stride=stride, padding=padding, dilation=dilation)
    weights = weight_matrices(y, plan)
    for block in blocks(plan):
        add_patches(np.matmul(output_matrices(x, plan, block).mT, weights), out, plan, block)
    return out


def convolution_weight_impl(
    x: Array,
    y: Array,
    *,
    kernel: Shape,
    stride: Shape,
    padding: Pairs,
    dilation: Shape,
    groups: int,
) -> Array:
    plan = Plan(
        y.shape[0],
        groups,
        y.shape[1] // groups,
        x.shape[1] // groups,
        y.shape[2:],
        kernel,
        x.shape[2:],
        stride,
        padding,
        dilation,
    )
    shape = (x.shape[1], plan.channels, *kernel)
    if plan.channelwise:
        out = np.zeros(shape, np.result_type(x, y))
        return channelwise_weight(x, y, out, stride=stride, padding=padding, dilation=dilation)
    total: Array = None
    for block in blocks(plan):
        part = np.matmul(output_matrices(x, plan, block), patches(y, plan, block))
        total = part if total is None else np.add(total, part, out=total)
    if total is None:
        return np.zeros(shape, np.result_type(x, y))
    if plan.channels_last:
        total = np.moveaxis(total.reshape(x.shape[1], *kernel, plan.channels), -1, 1)
    return np.ascontiguousarray(total.reshape(shape))


# Batching: the batch becomes a part of the examples, of the outputs, or of the groups.


def merged(x: Array, axis: int, groups: int = 1) -> Array:
    """The batch axis 0 of `x` made the slow part of `axis` (counted without it), group by group."""
    lanes, *own = shape_of(x)
    n = own[axis] // groups
    split = (lanes, *own[:axis], groups, n, *own[axis + 1 :])
    order = (*range(1, axis + 2), 0, *range(axis + 2, len(split)))
    whole = (*own[:axis], groups * lanes * n, *own[axis + 1 :])
    return reshape(permuted(reshape(x, shape=split), order), shape=whole)


def unmerged(x: Array, axis: int, lanes: int, groups: int = 1) -> Array:
    """The reverse of `merged`."""
    own = shape_of(x)
    n = own[axis] // (groups * lanes)
    split = (*own[:axis], groups, lanes, n, *own[axis + 1 :])
    order = (axis + 1, *range(axis + 1), *range(axis + 2, len(split)))
    whole = (lanes, *own[:axis], groups * n, *own[axis + 1 :])
    return reshape(permuted(reshape(x, shape=split), order), shape=whole)


def for_any_lanes(shape: Function) -> Function:
    """A batching rule made of one that is told how many lanes there are, and needs some; `shape` is
    the shape rule of the primitive."""

    def decorate(rule: Function) -> Function:
        def batch(x: Array, y: Array, *, batched: tuple[bool, bool], **params: Any) -> Array:
            lanes = x.shape[0] if batched[0] else y.shape[0]
            if lanes:
                return rule(x, y, lanes, batched=batched, **params)
            kind = shape(
                *[ArrayType(z.shape[b:], z.dtype) for z, b in zip((x, y), batched, strict=True)],
                **params,
            )
            return np.zeros((0, *kind.shape), kind.dtype)

        return batch

    return decorate


@for_any_lanes(convolution_shape)
def convolution_batch(
    x: Array, y: Array, lanes: int, *, batched: tuple[bool, bool], groups: int, **params: Any
) -> Array:
    if batched == (True, False):
        return unmerged(convolution(merged(x, 0), y, groups=groups, **params), 0, lanes)
    if batched == (False, True):
        out = convolution(x, merged(y, 0, groups), groups=groups, **params)
        return unmerged(out, 1, lanes, groups)
    out = convolution(merged(x, 1), merged(y, 0), groups=lanes * groups, **params)
    return unmerged(out, 1, lanes)


@for_any_lanes(convolution_input_shape)
def convolution_input_batch(
    x: Array, y: Array, lanes: int, *, batched: tuple[bool, bool], groups: int, **params: Any
) -> Array:
    if batched == (True, False):
        return unmerged(convolution_input(merged(x, 0), y, groups=groups, **params), 0, lanes)
    if batched == (False, True):
        x = broadcast_to(x, shape=(lanes, *shape_of(x)))
    out = convolution_input(merged(x, 1), merged(y, 0), groups=lanes * groups, **params)
    return unmerged(out, 1, lanes)


@for_any_lanes(convolution_weight_shape)
def convolution_weight_batch(
    x: Array, y: Array, lanes: int, *, batched: tuple[bool, bool], groups: int, **params: Any
) -> Array:
    if batched == (True, False):
        out = convolution_weight(merged(x, 1, groups), y, groups=groups, **params)
        return unmerged(out, 0, lanes, groups)
    if batched == (False, True):
        out = convolution_weight(x, merged(y, 1, groups), groups=groups, **params)
        return unmerged(out, 1, lanes)
    out = convolution_weight(merged(x, 1), merged(y, 1), groups=lanes * groups, **params)
    return unmerged(out, 0, lanes)


# The primitives


class Try(NamedTuple):
    """One convolution among the samples."""

    label: str
    x: Shape
    w: Shape
    stride: Shape = (1,)
    padding: Pairs = ((0, 0),)
    dilation: Shape = (1,)
    groups: int = 1

    @property
    def params(self) -> dict[str, Any]:
        axes = len(self.x) - 2
        names = ("stride", "padding", "dilation")
        given = (self.stride, self.padding, self.dilation)
        spread = {k: v * axes if len(v) == 1 else v for k, v in zip(names, given, strict=True)}
        return {**spread, "groups": self.groups}

    @property
    def g(self) -> Shape:
        kinds = ArrayType(self.x, float), ArrayType(self.w, float)
        return convolution_shape(*kinds, **self.params).shape


TRIES = (
    Try("one axis", (2, 2, 5), (3, 2, 3)),
    Try("two axes", (1, 2, 3, 4), (2, 2, 2, 2), padding=((1, 0), (0, 1))),
    Try("three axes", (1, 1, 2, 2, 2), (1, 1, 2, 1, 2)),
    Try("more outputs than positions", (1, 2, 4), (5, 2, 3), padding=((1, 0),)),
    Try("strides beyond the kernel", (1, 2, 7), (2, 2, 2), stride=(3,), padding=((0, 2),)),
    Try("dilation and a last stride that does not fit", (2, 1, 8), (1, 1, 2), (2,), dilation=(3,)),
    Try("groups", (1, 4, 3), (6, 2, 2), groups=2),
    Try("a channel a group", (2, 3, 3, 2), (3, 1, 2, 2), padding=((1, 1),), groups=3),
    Try("kernel larger than the input", (1, 1, 1, 2), (2, 1, 3, 3), padding=((1, 1),)),
    Try("empty batch", (0, 2, 4), (3, 2, 2)),
)


def tried(*operands: str, extra: str = "") -> list[Sample]:
    """A sample of a pair of operands (two of x, w, g) for each of the tries."""
    samples = []
    for t in TRIES:
        params = dict(t.params)
        if extra:
            params[extra] = (t.x if extra == "size" else t.w)[2:]
        x, y = (draw(getattr(t, o), -1, 1, i) for i, o in enumerate(operands))
        samples.append(Sample(x, y, label=t.label, **params))
    first, other = samples[0], samples[1]
    a, b = (z.shape for z in first.args)
    samples += [
        Sample(
            draw(a, -1, 1).astype(np.float32), draw(b, -1, 1, 1), label="float32", **first.params
        ),
        Sample(draw_complex(a, -1, 1), draw(b, -1, 1, 1), label="complex", **first.params),
        Sample(draw(a, -1, 1), draw_complex(b, -1, 1, 1), label="real, complex", **first.params),
        Sample(*[z.T.copy().T for z in other.args], label="non-contiguous", **other.params),
    ]
    return samples


convolution: Function = bilinear(
    "convolution",
    convolution_impl,
    lambda g, y, x_type, **params: convolution_input(g, y, size=x_type.shape[2:], **params),
    lambda g, x, y_type, **params: convolution_weight(g, x, kernel=y_type.shape[2:], **params),
    batch=convolution_batch,
    shape=convolution_shape,
    samples=lambda: tried("x", "w"),
)

convolution_input: Function = bilinear(
    "convolution_input",
    convolution_input_impl,
    lambda g, y, *, size, **params: convolution(g, y, **params),
    lambda g, x, y_type, *, size, **params: convolution_weight(
        x, g, kernel=y_type.shape[2:], **params
    ),
    batch=convolution_input_batch,
    shape=convolution_input_shape,
    samples=lambda: tried("g", "w", extra="size"),
)
"""From outputs and weights to inputs of spatial shape `size`: what networks call a transposed
convolution."""

convolution_weight: Function = bilinear(
    "convolution_weight",
    convolution_weight_impl,
    lambda g, y, *, kernel, **params: convolution(y, g, **params),
    lambda g, x, y_type, *, kernel, **params: convolution_input(
        x, g, size=y_type.shape[2:], **params
    ),
    batch=convolution_weight_batch,
    shape=convolution_weight_shape,
    samples=lambda: tried("g", "x", extra="kernel"),
)
"""From outputs and inputs to weights whose kernel has the shape `kernel`."""
