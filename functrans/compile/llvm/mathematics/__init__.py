"""Mathematical functions of vectors, as functions of LLVM modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import pair, vector
from functrans.compile.llvm.code.engine import PROVIDERS
from functrans.compile.llvm.mathematics import (
    bessel,
    error,
    exponential,
    gamma,
    inverse,
    large_angles,
    logarithm,
    power,
    trigonometric,
)
from functrans.compile.llvm.mathematics.formula import Formula

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.llvm.code.builder import Module, Value

_BODIES: dict[str, tuple[int, Callable[..., Value]]] = {
    "exp": (1, exponential.exp),
    "exp2": (1, exponential.exp2),
    "expm1": (1, exponential.expm1),
    "sinh": (1, exponential.sinh),
    "cosh": (1, exponential.cosh),
    "tanh": (1, exponential.tanh),
    "sigmoid": (1, exponential.sigmoid),
    "softplus": (1, exponential.softplus),
    "logaddexp": (2, exponential.logaddexp),
    "logaddexp2": (2, exponential.logaddexp2),
    "log": (1, logarithm.log),
    "log2": (1, logarithm.log2),
    "log10": (1, logarithm.log10),
    "log1p": (1, logarithm.log1p),
    "arcsinh": (1, logarithm.arcsinh),
    "arccosh": (1, logarithm.arccosh),
    "arctanh": (1, logarithm.arctanh),
    "sin": (1, trigonometric.sin),
    "cos": (1, trigonometric.cos),
    "tan": (1, trigonometric.tan),
    "arcsin": (1, inverse.arcsin),
    "arccos": (1, inverse.arccos),
    "arctan": (1, inverse.arctan),
    "arctan2": (2, inverse.arctan2),
    "erf": (1, error.erf),
    "erfc": (1, error.erfc),
    "normal_cdf": (1, error.normal_cdf),
    "gammaln": (1, gamma.gammaln),
    "digamma": (1, gamma.digamma),
    "i0": (1, bessel.i0),
    "i1": (1, bessel.i1),
    "i0e": (1, bessel.i0e),
    "i1e": (1, bessel.i1e),
    "power": (2, power.power),
    "cbrt": (1, power.cbrt),
    "hypot": (2, power.hypot),
}

PROVIDERS.update(large_angles.ADDRESSES)

FUNCTIONS: dict[str, int] = {name: count for name, (count, _) in _BODIES.items()}
"""The names of the functions, which are those of primitives, and how many operands each takes."""


def function(module: Module, name: str, element: str, width: int) -> str:
    """The name of a function in a module, which is defined there on first use.

    Parameters
    ----------
    module : Module
    name : str
        One of :data:`FUNCTIONS`.
    element : str
        ``float`` or ``double``.
    width : int
        Elements of a vector: operands and result are ``<width x element>``, scalars for 1.

    Examples
    --------
    >>> from functrans.compile.llvm.code.builder import Module
    >>> function(Module(), "exp", "double", 8)  # doctest: +SKIP
    'exp_double_8'
    """
    own = f"{name}_{element}_{width}"
    if own not in module.functions:
        count, body = _BODIES[name]
        kind = vector(element, width)
        formula = Formula(module, own, kind, [kind] * count, inline=True)
        formula.finish(body(formula, *formula.operands))
    return own


def sine_with_cosine(module: Module, element: str, width: int) -> str:
    """The same of the function that returns a pair, the sine and the cosine of its operand."""
    own = f"sin_cos_{element}_{width}"
    if own not in module.functions:
        kind = vector(element, width)
        formula = Formula(module, own, pair(kind), [kind], inline=True)
        formula.finish(formula.paired(*trigonometric.sin_and_cos(formula, *formula.operands)))
    return own
