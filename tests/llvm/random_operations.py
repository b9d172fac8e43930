"""Random operands of elementwise operations, for comparing kernels outside of jit with NumPy.

Values are those of the operation's samples, which lie where it is defined and at its hard points,
moved a little and in another order; dtypes, shapes and layouts are drawn, and so is what stands in
the place of an array: a number of Python or NumPy, an array without axes, a broadcast number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.primitive import REGISTRY, Primitive
from functrans.core.types import dtype_of

EXTENTS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 257)
LONG = (0, 1, 2, 5, 8, 16, 17, 63, 65, 1000, 4095, 4096, 4097, 20_011)
HARD = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300, 1e30, 1e-310, 5e-324, 1e-45)


def operations() -> list[str]:
    """The elementwise operations with samples that need no parameters."""
    return sorted(
        name
        for name, primitive in REGISTRY.items()
        if primitive.kind == "elementwise"
        and primitive.samples is not None
        and any(not sample.params for sample in primitive.samples())
    )


class RandomOperation:
    """One operation with operands, the same for the same seed.

    Attributes
    ----------
    primitive : Primitive
    args : tuple
    """

    def __init__(self, seed: int, names: list[str], hard: float = 0.3) -> None:
        self.rng = rng = np.random.default_rng(seed)
        self.primitive: Primitive = REGISTRY[str(rng.choice(names))]
        assert self.primitive.samples is not None
        samples = [sample for sample in self.primitive.samples() if not sample.params]
        sample = samples[int(rng.integers(len(samples)))]
        shape: tuple[int, ...] = (int(rng.choice(LONG)),)
        if rng.random() < 0.4:
            shape = tuple(int(n) for n in rng.choice(EXTENTS, int(rng.integers(2, 4))))
        self.order = "F" if rng.random() < 0.3 else "C"
        self.hard = rng.random() < hard
        # One operand is an array at least; orders of functions and of derivatives are numbers.
        arrays = [i for i, x in enumerate(sample.args) if np.ndim(x) or dtype_of(x).kind in "fc"]
        whole = int(rng.choice(arrays or [0]))
        self.args = tuple(
            [
                self._operand(x, shape, i == whole) if i in arrays or i == whole else x
                for i, x in enumerate(sample.args)
            ]
        )

    def _operand(self, x: Any, shape: tuple[int, ...], whole: bool) -> Any:
        rng = self.rng
        values = np.ravel(np.asarray(x))
        size = int(np.prod(shape))
        if not values.size:
            values = np.ones(1, values.dtype)
        drawn = values[rng.integers(values.size, size=size)]
        kind = drawn.dtype.kind
        if kind in "fc":
            drawn = drawn * (1 + rng.normal(scale=0.01, size=size) * (rng.random(size) < 0.7))
            with np.errstate(all="ignore"):
                codes = ["e", "f", "d", "d"] if kind == "f" else ["F", "D"]
                drawn = drawn.astype(rng.choice(codes))
        if kind == "f" and self.hard and size:
            with np.errstate(all="ignore"):
                drawn[rng.integers(size, size=3)] = rng.choice(HARD)
        # Formulas of several steps make numbers of NumPy of what is weak; nobody calls them so.
        ways = WAYS if isinstance(self.primitive.impl, np.ufunc) else WAYS[:-2]
        way = "array" if whole or not size else str(rng.choice(ways))
        if way == "array":
            return np.asarray(drawn.reshape(shape, order=self.order), order=self.order)
        if way == "mixed":
            return np.asarray(drawn.reshape(shape), order=rng.choice(["C", "F"]))
        if way == "strided":
            return np.repeat(drawn, 2)[::2].reshape(shape)
        if way == "reversed":
            return drawn.reshape(shape)[::-1]
        if way == "broadcast":
            return np.broadcast_to(drawn[0], shape)
        if way == "row":
            return drawn.reshape(shape)[..., :1]
        if way == "array of none":
            return np.array(drawn[0])
        return drawn[0] if way == "scalar" else drawn[0].item()


WAYS = (
    *("array", "array", "array", "array", "mixed", "strided", "reversed", "broadcast", "row"),
    *("array of none", "scalar", "number", "number"),
)
