"""Pooling by norms: the root of the sum of powers of every window."""

from __future__ import annotations

import math
from math import prod
from typing import Any

from functrans import primitives as p
from functrans.core.types import Array
from functrans.nn import pooling
from functrans.nn.spatial import of_rank, whole_numbers
from functrans.numpy.operands import operand


def _lp_pool(
    name: str,
    axes: int,
    x: Any,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    *,
    ceil_mode: bool = False,
) -> Array:
    if math.isinf(norm_type):
        largest: Any = getattr(pooling, f"max_pool{axes}d")
        sizes = p.absolute(operand(x))
        return largest(sizes, kernel_size, stride, ceil_mode=ceil_mode)
    size = prod(whole_numbers(kernel_size, axes, f"{name}: kernel_size", 1))
    averages = getattr(pooling, f"avg_pool{axes}d")
    powers = p.power(operand(x), norm_type)
    total = p.multiply(averages(powers, kernel_size, stride, ceil_mode=ceil_mode), size)
    # Of a window of zeros the root has no slope; its derivative is 0 as that of a norm.
    return p.where(p.equal(total, 0), 0.0, p.power(total, 1.0 / norm_type))


lp_pool1d = of_rank(
    _lp_pool,
    "lp_pool1d",
    1,
    """The root of the sum of powers of every window along the last axis.

Powers are those of the elements, not of their absolute values: with an odd `norm_type` a negative
sum has no root, and gives NaN.

Parameters
----------
x : array_like
    Shape (..., length).
norm_type : float
    The exponent; infinity gives the greatest absolute value.
kernel_size : int or tuple of int
stride : int or tuple of int, optional
    Default: `kernel_size`.
ceil_mode : bool
    A last window may reach beyond the end, and counts as a whole one with the same mean.

Raises
------
ValueError
    The sizes do not fit.

Examples
--------
>>> import numpy as np
>>> lp_pool1d(np.array([3.0, -4.0, 0.0, 2.0]), 2, 2)
array([5., 2.])
""",
)

lp_pool2d = of_rank(
    _lp_pool,
    "lp_pool2d",
    2,
    """The root of the sum of powers of every window over the last two axes; see `lp_pool1d`.

Examples
--------
>>> import numpy as np
>>> lp_pool2d(np.ones((1, 2, 2)), 2, 2)
array([[[2.]]])
""",
)

lp_pool3d = of_rank(
    _lp_pool,
    "lp_pool3d",
    3,
    """The root of the sum of powers of every window over the last three axes; see `lp_pool1d`.

Examples
--------
>>> import numpy as np
>>> lp_pool3d(np.ones((1, 2, 2, 2)), 1, 2)
array([[[[8.]]]])
""",
)
