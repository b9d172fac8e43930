"""Exponentials and logarithms."""

from __future__ import annotations

import numpy as np

from functrans.core.kinds import elementwise

from .samples import Sample, unary

exp = elementwise("exp", np.exp, lambda ans: ans, samples=unary(-2, 2))
