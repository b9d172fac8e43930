"""Constant numbers as the arrays that ufuncs make of them in every call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import PYTHON_TYPES
from functrans.core.types import SCALARS, WEAK, type_of
from functrans.graph.graph import operand_types

if TYPE_CHECKING:
    from functrans.core.types import ArrayType
    from functrans.graph.graph import Equation

EXACT = 2**53
"""Integers below convert to any floating-point type in one way."""


class Prepared:
    """The numbers of a graph, each as one array.

    A ufunc converts a Python number to the dtype of the loop that it runs, which takes as long as
    the loop over a hundred elements. The conversion is done once here, where the loop stays the
    same and the number converts exactly or as there.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[type, Any, np.dtype[Any]], np.ndarray[Any, Any]] = {}
        self._loops: dict[Any, tuple[np.dtype[Any], ...]] = {}

    def of(self, equation: Equation) -> Equation:
        """An equation of a ufunc with its numbers as arrays; others as they are."""
        inputs = equation.inputs
        for x in inputs:
            if type(x) in SCALARS:
                break
        else:
            return equation
        ufunc = equation.primitive.impl
        if not isinstance(ufunc, np.ufunc):
            return equation
        types = operand_types(inputs)
        if all([kind.weak for kind in types]):
            return equation
        try:
            loop = self._loop(ufunc, types)
        except TypeError:  # NumPy does not tell for this ufunc; the call may know better
            return equation
        changed = list(inputs)
        for i, x in enumerate(inputs):
            if type(x) in SCALARS:
                array = self._array(x, loop[i] if type(x) in WEAK else types[i].dtype)
                if array is not None:
                    changed[i], types[i] = array, type_of(array)
        if self._loop(ufunc, types) != loop:
            return equation
        return equation.changed(inputs=tuple(changed))

    def _array(self, x: Any, dtype: np.dtype[Any]) -> np.ndarray[Any, Any] | None:
        if type(x) is int and abs(x) >= EXACT:
            return None
        key = type(x), repr(x), dtype
        if key not in self._known:
            try:
                with np.errstate(all="raise"):
                    self._known[key] = np.array(x, dtype)
            except (FloatingPointError, OverflowError, TypeError):
                return None
        return self._known[key]

    def _loop(self, ufunc: np.ufunc, types: list[ArrayType]) -> tuple[np.dtype[Any], ...]:
        """The dtypes of the loop that runs."""
        given = tuple([PYTHON_TYPES[k.dtype.kind] if k.weak else k.dtype for k in types])
        key = ufunc, given
        if key not in self._loops:
            self._loops[key] = ufunc.resolve_dtypes(given + (None,) * ufunc.nout)
        return self._loops[key]
