"""Threefry-2x32: random words as a function of a key and a counter.

The block cipher of 20 rounds that Salmon, Moraes, Dror and Shaw published in "Parallel random
numbers: as easy as 1, 2, 3" (2011). Word number i of a key is its encryption of i, whatever was
asked for before or beside it; so numbers are the same in one call or many, and in a batch or lane
by lane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.types import Array, Shape

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
CHUNK = 1 << 15  # blocks at a time: the working arrays stay in cache; divides 2**32
WORD = np.dtype(np.uint32)
MASK = 0xFFFFFFFF
FEW = 6  # blocks that Python's numbers encrypt faster than arrays


def encrypted(key: tuple[int, int], high: int, low: int) -> tuple[int, int]:
    """One block, in Python's numbers: for a few, arrays take longer."""
    first, second = key
    schedule = (first, second, first ^ second ^ PARITY)
    high, low = high + first, low + second
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            high = (high + low) & MASK
            low &= MASK
            low = ((low << rotation) & MASK | low >> (32 - rotation)) ^ high
        high += schedule[(group + 1) % 3]
        low += schedule[(group + 2) % 3] + group + 1
    return high & MASK, low & MASK


def encrypt(key: tuple[Any, Any], high: Array, low: Array) -> None:
    """Replace the counters (two flat arrays of 32-bit words) by their encryption.

    The key is a pair of uint32 scalars, or of arrays of the counters' shape.
    """
    first, second = key
    if high.size <= FEW:
        parts = [k.tolist() if np.ndim(k) else [int(k)] * high.size for k in key]
        keys = zip(*parts, strict=True)
        pairs = [
            encrypted(k, *counter)
            for k, counter in zip(keys, zip(high.tolist(), low.tolist(), strict=True), strict=True)
        ]
        for i, (a, b) in enumerate(pairs):
            high[i], low[i] = a, b
        return
    if isinstance(first, np.ndarray):
        third: Any = first ^ second
        third ^= np.uint32(PARITY)
    else:
        third = np.uint32(PARITY ^ int(first) ^ int(second))
    schedule = (first, second, third)
    spare = np.empty_like(low)
    high += first
    low += second
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            high += low
            np.left_shift(low, np.uint32(rotation), out=spare)
            np.right_shift(low, np.uint32(32 - rotation), out=low)
            low ^= spare
            low ^= high
        high += schedule[(group + 1) % 3]
        low += schedule[(group + 2) % 3]
        low += np.uint32(group + 1)


def words(key: tuple[Any, Any], index: Array) -> tuple[Array, Array]:
    """The two words of each block number in an array of uint64."""
    high = (index >> np.uint64(32)).astype(WORD)
    low = index.astype(WORD)
    encrypt(key, high, low)
    return high, low


def fold(keys: Array, number: int) -> Array:
    """The keys (an array of shape (n, 2)) that block `number` of each of these keys makes."""
    high = np.full(len(keys), number >> 32, WORD)
    low = np.full(len(keys), number & MASK, WORD)
    encrypt((keys[:, 0].copy(), keys[:, 1].copy()), high, low)
    return np.stack([high, low], axis=1)


def fill(
    key: Array, shape: Shape, dtype: Any, finish: Callable[[Array, Array, Array], None]
) -> Array:
    """For each key (along the last axis of `key`) an array of this shape, made of its first words.

    ``finish(high, low, out)`` turns words, which it may overwrite, into elements of the output.
    """
    key = np.asarray(key)
    keys = np.ascontiguousarray(key.reshape(-1, 2))
    size = int(np.prod(shape, dtype=object))
    out = np.empty((len(keys), size, *np.dtype(dtype).shape), np.dtype(dtype).base)
    if size >= CHUNK // 64 or len(keys) == 1:
        for one, row in zip(keys, out, strict=True):
            for start in range(0, size, CHUNK):
                stop = min(start + CHUNK, size)
                high = np.full(stop - start, start >> 32, WORD)
                low = np.arange(start & MASK, (start & MASK) + stop - start, dtype=WORD)
                encrypt((one[0], one[1]), high, low)
                finish(high, low, row[start:stop])
    elif size:
        lanes = CHUNK // size
        for start in range(0, len(keys), lanes):
            some = keys[start : start + lanes]
            low = np.tile(np.arange(size, dtype=WORD), len(some))
            high = np.zeros_like(low)
            encrypt((some[:, 0].repeat(size), some[:, 1].repeat(size)), high, low)
            finish(high, low, out[start : start + lanes].reshape(-1, *out.shape[2:]))
    return out.reshape((*key.shape[:-1], *shape, *out.shape[2:]))[()]
