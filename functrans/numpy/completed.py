"""Functions of NumPy that look for traced arrays in some of their arguments only.

In the namespace they take them in all arguments, and in lists. Outside of transforms they cost a
call more than NumPy's, or less.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

import numpy as np
from numpy import ndarray

from functrans.core.array import FUNCTIONS
from functrans.core.interpreter import stack
from functrans.core.types import Array
from functrans.numpy.operands import contains_traced
from functrans.numpy.registry import complete

_interp, _lexsort = np.interp, np.lexsort  # looked up once: numpy's attributes take long
_plain_interp = getattr(np.interp, "__wrapped__", np.interp)  # with nobody to hand it over to


@wraps(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Array:
    if stack.top is None and type(a) is ndarray:
        return a.take(indices, axis, out, mode)  # what numpy.take does, without its detours
    return _take(a, indices, axis, out, mode)


_take = complete(np.take)


# NumPy has an error for every traced value that it comes upon in these, so there is no need to look
# for one before.


@wraps(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Array:
    try:
        if type(x) is type(xp) is type(fp) is ndarray:
            return _plain_interp(x, xp, fp, left, right, period)
        return _interp(x, xp, fp, left, right, period)
    except Exception:
        args = (x, xp, fp, left, right, period)
        if stack.top is None or not contains_traced(args):
            raise
    return FUNCTIONS[np.interp](*args)


@wraps(np.lexsort)
def lexsort(keys: Any, axis: Any = -1) -> Array:
    try:
        return _lexsort(keys, axis)
    except Exception:
        if stack.top is None or not contains_traced(keys):
            raise
    return FUNCTIONS[np.lexsort](keys, axis)


select, piecewise = complete(np.select), complete(np.piecewise)
pad, polyint = complete(np.pad), complete(np.polyint)
average, var, std = complete(np.average), complete(np.var), complete(np.std)
roll, nan_to_num = complete(np.roll), complete(np.nan_to_num)
