"""Indexing, and its update and addition."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.cotangent import Scattered
from functrans.core.kinds import general
from functrans.core.types import Array

from .samples import Sample, draw


class Index:
    """The static part of an index: slices, integers, None, Ellipsis, and places for arrays."""

    __slots__ = ("entries",)

    def __init__(self, entries: tuple[Any, ...]) -> None:
        self.entries = entries

    def key(self, arrays: tuple[Array, ...]) -> tuple[Any, ...]:
        """The index that NumPy takes."""
        if not arrays:
            return self.entries
        rest = iter(arrays)
        return tuple(next(rest) if e is ARRAY else e for e in self.entries)

    def __repr__(self) -> str:
        return f"Index{self.entries}"


class _Array:
    def __repr__(self) -> str:
        return "array"


ARRAY = _Array()
"""The place of an array in an :class:`Index`."""


def index_batch(x: Array, *arrays: Array, batched: tuple[bool, ...], index: Index) -> Array:
    assert not any(batched[1:])
    return index_(x, *arrays, index=Index((slice(None), *index.entries)))


index_ = general(
    "index",
    lambda x, *arrays, index: x[index.key(arrays)],
    pushes=(lambda t, rest, *, index: index_(t, *rest, index=index),),
    pulls=(lambda g, rest, *, index: Scattered(g, rest, index),),
    batch=index_batch,
    masks="moves",
    samples=lambda: [Sample(draw((3,), -1, 1), index=Index((1,)))],
)


def index_add_impl(x: Array, y: Array, *arrays: Array, index: Index) -> Array:
    out = np.array(x)
    key = index.key(arrays)
    if arrays:
        np.add.at(out, key, y)
    else:
        out[key] += y
    return out
index_add = general(
    "index_add",
    index_add_impl,
    pushes=(lambda t: t, lambda t, rest, x_type, *, index: index_add(np.zeros(x_type.shape, x_type.dtype), t, *rest[1:], index=index)),
    pulls=(lambda g: g, lambda g, rest, *, index: index_(g, *rest[1:], index=index)),
    samples=lambda: [Sample(draw((3,), -1, 1), 2., index=Index((1,)))],
)
