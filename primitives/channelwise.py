"""Convolution of each channel by itself (*depthwise*): a few shifted sums, no matrix product."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import Array, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

Tap = tuple[int, slice, slice]

BLOCK = 1 << 16
"""The elements of the channels that are worked on at a time."""


def taps(
    size: int, count: int, window: int, stride: int, before: int, dilation: int
) -> Iterator[Tap]:
    """For each element of a window its number, which windows have it inside the array, and where
    it lies in these."""
    for k in range(window):
        start = k * dilation - before
        first = max(0, -(start // stride))
        last = min(count - 1, (size - 1 - start) // stride)
        if first <= last:
            low = start + first * stride
            yield k, slice(first, last + 1), slice(low, start + last * stride + 1, stride)


def shifts(size: Shape, out: Shape, kernel: Shape, **params: Any) -> Iterator[tuple[Any, Any, Any]]:
    """For each element of the kernel its index, and the indices of the outputs and inputs of one
    example that it connects."""
    befores = [before for before, _ in params["padding"]]
    axes = zip(size, out, kernel, params["stride"], befores, params["dilation"], strict=True)
    every = slice(None)
    for steps in itertools.product(*(list(taps(*axis)) for axis in axes)):
        number, which, where = zip(*steps, strict=True)
        yield (every, 0, *number), (every, *which), (every, *where)


def parts(x: Array) -> Iterator[tuple[int, slice]]:
    """An example and some of its channels at a time: as much as stays in cache."""
    channels = max(1, BLOCK // max(x[:1, :1].size, 1))
    for n in range(len(x)):
        for c in range(0, x.shape[1], channels):
            yield n, slice(c, c + channels)


def add_products(target: Array, source: Array, weight: Array, room: Array) -> None:
    """Add `source`, each channel times its weight, by way of a buffer that stays in cache."""
    product = room[: source.size].reshape(source.shape)
    np.multiply(source, weight.reshape(-1, *[1] * (source.ndim - 1)), out=product)
    target += product


def channelwise(x: Array, w: Array, out: Array, **params: Any) -> Array:
    """Fill `out`, which holds zeros, with the convolution of `x`."""
    steps = list(shifts(x.shape[2:], out.shape[2:], w.shape[2:], **params))
    room = np.empty(max(out[:1].size, 1), out.dtype)
    for n, part in parts(out):
        for number, which, where in steps:
            add_products(out[n, part][which], x[n, part][where], w[part][number], room)
    return out


def channelwise_input(g: Array, w: Array, out: Array, **params: Any) -> Array:
    """Fill `out`, which holds zeros, with what the outputs `g` give to inputs."""
    steps = list(shifts(out.shape[2:], g.shape[2:], w.shape[2:], **params))
    room = np.empty(max(g[:1].size, 1), out.dtype)
    for n, part in parts(out):
        for number, which, where in steps:
            add_products(out[n, part][where], g[n, part][which], w[part][number], room)
    return out


def channelwise_weight(g: Array, x: Array, out: Array, **params: Any) -> Array:
    """Fill `out`, which holds zeros, with what outputs `g` and inputs `x` give to weights."""
    steps = list(shifts(x.shape[2:], g.shape[2:], out.shape[2:], **params))
    axes = list(range(x.ndim - 1))
    for n in range(len(x)):
        for number, which, where in steps:
            out[number] += np.einsum(g[n][which], axes, x[n][where], axes, [0])
    return out
