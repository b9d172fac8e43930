"""Sums, products, quotients, powers, and the parts of complex numbers."""

from __future__ import annotations

import numpy as np

from functrans.core.kinds import elementwise, linear
from functrans.core.types import Array

from .samples import Sample, binary, unary

add = elementwise("add", np.add, 1, 1, samples=binary(-2, 2))
subtract = elementwise("subtract", np.subtract, 1, -1, samples=binary(-2, 2))
negative = elementwise("negative", np.negative, -1, samples=unary(-2, 2))
positive = elementwise("positive", np.positive, 1, samples=unary(-2, 2))
multiply = elementwise("multiply", np.multiply, lambda y: y, lambda x: x, samples=binary(-2, 2))
divide = elementwise(
    "divide",
    np.divide,
    lambda y: reciprocal(y),
    lambda ans, y: negative(divide(ans, y)),
    samples=binary(0.5, 2),
)
reciprocal = elementwise(
    "reciprocal", np.reciprocal, lambda ans: negative(square(ans)), samples=unary(0.5, 2)
)
square = elementwise("square", np.square, lambda x: multiply(2, x), samples=unary(-2, 2))


astype = linear(
    "astype",
    lambda x, *, dtype: np.asarray(x).astype(dtype)[()],
    lambda g, *, dtype: g,
    batch=lambda x, *, dtype: astype(x, dtype=dtype),
    samples=unary(-2, 2),
)
real = linear("real", lambda x: np.real(x), lambda g: g, batch=lambda x: real(x), samples=unary(-2, 2))
