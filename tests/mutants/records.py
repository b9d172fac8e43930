"""A mutant, and the watch on whether it is another rule at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from functrans.core.cotangent import Masked, Scattered
from functrans.core.primitive import Primitive
from functrans.core.types import ArrayType, is_plain


class Watch:
    """Whether a wrapped rule ran on plain values, and ever returned something else."""

    def __init__(self) -> None:
        self.ran = False
        self.differs = False
        self.looking = (
            False  # for the slope of the right rule, which may ask for other orders of it
        )

    def compare(self, original: Any, mutated: Any) -> Any:
        """Note whether two results differ; return the second."""
        if not self.differs:
            parts, others = flat(original), flat(mutated)
            if all(is_plain(x) or isinstance(x, ArrayType) for x in parts + others):
                self.ran = True
                self.differs = len(parts) != len(others) or not all(map(_identical, parts, others))
        return mutated


def flat(result: Any) -> list[Any]:
    """The parts of what a rule returned."""
    if isinstance(result, tuple | list):
        return [part for r in result for part in flat(r)]
    if type(result) is Masked:
        return [*flat(result.value), *flat(result.mask), np.True_]
    if type(result) is Scattered:
        mask = () if result.mask is None else (result.mask,)
        return [*flat(result.value), *flat(mask), *flat(result.arrays)]
    return [] if result is None else [np.asarray(result)[()] if is_number(result) else result]


def is_number(x: Any) -> bool:
    return type(x) in (bool, int, float, complex)


def _identical(a: Any, b: Any) -> bool:
    if isinstance(a, ArrayType) or isinstance(b, ArrayType):
        return bool(a == b)
    same_type = a.dtype == b.dtype and a.shape == b.shape
    return bool(same_type and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


class Mutant(NamedTuple):
    """One wrong rule: ``fields(watch)`` are the values to put into the record."""

    primitive: Primitive
    place: str
    operator: str
    fields: Callable[[Watch], dict[str, Any]]

    def __repr__(self) -> str:
        return f"{self.primitive.name}.{self.place}: {self.operator}"
