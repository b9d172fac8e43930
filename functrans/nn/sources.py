"""Where random layers get their numbers: from a generator of NumPy, or from a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from functrans.core.types import Array, Shape

if TYPE_CHECKING:
    Source: TypeAlias = np.random.Generator | Array


def is_key(rng: Any) -> bool:
    """Whether a source is a key of ``functrans.random``, which is loaded only then."""
    return isinstance(rng, np.ndarray)


def uniform(rng: Source, shape: Shape) -> Array:
    """Numbers in [0, 1)."""
    if is_key(rng):
        from functrans import random

        return random.uniform(rng, shape)
    return rng.random(shape)


def gumbel(rng: Source, shape: Shape) -> Array:
    """Numbers of the standard Gumbel distribution."""
    if is_key(rng):
        from functrans import random

        return random.gumbel(rng, shape)
    return rng.gumbel(size=shape)


def part(rng: Source, number: int) -> Source:
    """The source for one of several uses: the generator, which goes on, or a key for this use."""
    if is_key(rng):
        from functrans import random

        return random.fold_in(rng, number)
    return rng
