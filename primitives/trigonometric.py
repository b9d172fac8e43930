"""Circular and hyperbolic functions with their inverses."""

from __future__ import annotations

import numpy as np

from functrans.core.kinds import elementwise

from .arithmetic import multiply, negative, reciprocal, square, subtract
from .samples import Sample, unary

sin = elementwise("sin", np.sin, lambda x: cos(x), samples=unary(-4, 4))
cos = elementwise("cos", np.cos, lambda x: negative(sin(x)), samples=unary(-4, 4))
tanh = elementwise("tanh", np.tanh, lambda ans: subtract(1, square(ans)), samples=unary(-2, 2))
