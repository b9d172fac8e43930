"""A case: one call of a primitive or custom function, flattened for the checks to transform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core import tree
from functrans.core.errors import RegistrationError, describe_function
from functrans.core.primitive import Primitive, primitive_of
from functrans.core.types import Array, dtype_of, is_inexact, type_of
from functrans.primitives.samples import Sample
from functrans.testing.differences import random_like, widened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Case:
    """One sample of a function, flattened.

    Attributes
    ----------
    what : str
        How messages begin.
    leaves : list
        The leaves of the sample's arguments. The checks transform functions of some of them.
    arrays : list of int
        The leaves that are arrays, NumPy scalars or Python numbers.
    active : list of int
        The leaves that can carry a derivative and have a rule for it.
    differentiable : bool
        Whether derivatives can be compared with differences here: the point is smooth and not
        pinned.
    directions : int
        Along how many random directions of each operand.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        sample: Sample,
        number: int,
        seed: int = 0,
        directions: int = 1,
    ) -> None:
        self.primitive = record_of(function)
        self.call = function
        self.sample = sample
        self.name = self.primitive.name if self.primitive else describe_function(function)
        label = f" ({sample.label})" if sample.label else ""
        self.what = f"{self.name}, sample {number}{label}" + (f", seed {seed}" if seed else "")
        self.directions = directions
        self._seed = seed
        self.leaves, self._tree = tree.flatten(tuple(sample.args))
        self._paths = tree.leaf_paths(self._tree)
        self.arrays = [i for i, x in enumerate(self.leaves) if _is_number(x)]
        self.active = [i for i in self.arrays if self._has_derivative(i)]
        self.differentiable = sample.smooth and sample.pinned is None

    def __repr__(self) -> str:
        return self.what

    def _has_derivative(self, i: int) -> bool:
        if not is_inexact(dtype_of(self.leaves[i])):
            return False
        if self.primitive is None:
            return True
        operand = self.operand(i)
        rules = [r for r in (self.primitive.pushes, self.primitive.pulls) if r is not None]
        joint = self.primitive.push_all is not None or self.primitive.pull_all is not None
        declared = any(operand < len(r) and r[operand] is not None for r in rules)
        return declared or joint or not self.primitive.differentiable

    def operand(self, i: int) -> int:
        """The position of the argument that holds leaf `i`."""
        return int(str(self._paths[i][0].key))

    def label(self, i: int) -> str:
        """How messages call leaf `i`."""
        inner = tree.key_string(self._paths[i][1:])
        return f"{self.what}: operand {self.operand(i)}{inner}"

    @property
    def elementwise(self) -> bool:
        """Whether each element of the output depends on one element of each operand."""
        return self.primitive is not None and self.primitive.kind in ("elementwise", "chooser")

    def outputs(self, leaves: Sequence[Any]) -> list[Array]:
        """All leaves of the result."""
        args = tree.unflatten(self._tree, leaves)
        return tree.leaves(self.call(*args, **self.sample.params))

    def function(self, indices: Sequence[int], leaves: Sequence[Any] | None = None) -> Any:
        """The function of the leaves `indices` to all leaves of the result; others are constant."""
        held = self.leaves if leaves is None else leaves

        def of_some(*values: Array) -> tuple[Array, ...]:
            new = list(held)
            for i, x in zip(indices, values, strict=True):
                new[i] = x
            return tuple(self.outputs(new))

        return of_some

    def smooth_part(self, indices: Sequence[int], leaves: Sequence[Any] | None = None) -> Any:
        """The same function to what derivatives are compared of: those leaves of the result that
        can carry one, or the sample's view of it."""
        function = self.function(indices, leaves)
        view = self.sample.view

        def inexact(*values: Array) -> tuple[Array, ...]:
            outs = function(*values)
            if view is not None:
                outs = tuple(tree.leaves(view(*outs)))
            return tuple(o for o in outs if is_inexact(type_of(o).dtype))

        return inexact

    def take(self, indices: Sequence[int]) -> list[Array]:
        """The leaves at `indices`."""
        return [self.leaves[i] for i in indices]

    def rng(self) -> np.random.Generator:
        """Where a check has its random directions from: the same, whichever others ran before."""
        return np.random.default_rng(self._seed)

    def direction(self, i: int, x: Array, rng: np.random.Generator) -> Array:
        """A random direction of leaf `i`, in its own or another precision, to take differences
        along."""
        t = random_like(x, rng)
        along = self.sample.along
        return t if along is None or self.operand(i) else np.asarray(along(t), dtype_of(t))[()]

    def widened(self) -> list[Any]:
        """All leaves, those of active operands in double precision."""
        return [widened(x) if i in self.active else x for i, x in enumerate(self.leaves)]

    def with_leaves(self, leaves: Sequence[Any]) -> Case:
        """The same case with other leaves."""
        copy = object.__new__(Case)
        copy.__dict__.update(self.__dict__)
        copy.leaves = list(leaves)
        return copy


def cases_of(
    function: Callable[..., Any],
    samples: Sequence[Any] | None = None,
    seed: int = 0,
    directions: int = 1,
) -> list[Case]:
    """The cases of a function: the primitive's own samples unless others are given.

    A sample that is no :class:`Sample` is a tuple of arguments.
    """
    if samples is None:
        primitive = record_of(function)
        if primitive is None or primitive.samples is None:
            raise AssertionError(
                f"check_rules({describe_function(function)}): no samples to check it at. "
                "Pass samples=[...], a list of tuples of arguments or of functrans.testing.Sample."
            )
        samples = primitive.samples()
    return [
        Case(function, s if isinstance(s, Sample) else Sample(*s), i, seed, directions)
        for i, s in enumerate(samples)
    ]


def record_of(function: Callable[..., Any]) -> Primitive | None:
    """The primitive's record, or None for a function that is no primitive."""
    try:
        return primitive_of(function)
    except (RegistrationError, TypeError):  # TypeError: a function that cannot be hashed
        return None


def _is_number(x: Any) -> bool:
    if isinstance(x, np.ndarray | np.generic):
        return x.dtype.kind in "biufc"
    return type(x) in (bool, int, float, complex)
