"""NumPy's creation functions with ``like=`` a traced array.

By this argument NumPy asks for an array of the library of another one. What it makes then belongs
to the innermost transform: a constant, which traced values can be written into, and which goes with
traced arrays where code (SciPy's, for one) does not take plain ones beside them.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.numpy import creation
from functrans.numpy.operands import operand
from functrans.numpy.registry import implements


def require(a: Any, dtype: Any = None, requirements: Any = None) -> Any:
    """An array of anything; a traced one has no layout in memory to require."""
    return creation.asarray(a, dtype)


OWN: dict[Any, Any] = {
    np.array: creation.array,
    np.asarray: creation.asarray,
    np.asanyarray: creation.asanyarray,
    np.ascontiguousarray: creation.asarray,
    np.asfortranarray: creation.asarray,
    np.require: require,
    np.full: creation.full,
}
"""Ours for functions whose arguments may be traced too."""

FUNCTIONS = (
    *(np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.require),
    *(np.zeros, np.ones, np.empty, np.full, np.arange, np.eye, np.identity, np.tri),
    *(np.frombuffer, np.fromfile, np.fromfunction, np.fromiter, np.fromstring),
    *(np.genfromtxt, np.loadtxt),
)
"""The functions that take ``like=``."""


def made_like(function: Any) -> Any:
    """What carries out a function for ``like=`` a traced array."""
    own = OWN.get(function, function)

    @wraps(function)
    def make(*args: Any, **kwargs: Any) -> Any:
        made = own(*args, **kwargs)
        return made if isinstance(made, TracedArray) else creation.fresh(operand(made))

    return make


for _function in FUNCTIONS:
    implements(_function)(made_like(_function))
