"""What a checkpointed function keeps for the backward pass, for ``functrans.checkpoint``.

A policy is a function of an equation of the staged function; it says whether the results of that
are kept.

>>> import numpy as np, functrans as ft
>>> dense = ft.checkpoint(lambda x: np.tanh(x @ x), policy=ft.checkpoint_policies.dots_saveable)
>>> ft.grad(lambda x: np.sum(dense(x)))(np.eye(2)).round(3)
array([[0.84, 2.  ],
       [2.  , 0.84]])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functrans.graph.graph import Equation


def everything_saveable(equation: Equation) -> bool:
    """Keep all: as if the function were not checkpointed."""
    return True


def nothing_saveable(equation: Equation) -> bool:
    """Keep the arguments alone, and compute the rest again."""
    return False


def dots_saveable(equation: Equation) -> bool:
    """Keep the results of products of matrices and of convolutions, and compute again what is
    cheap."""
    return equation.primitive.kind == "bilinear"
