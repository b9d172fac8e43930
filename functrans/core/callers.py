"""Python code of NumPy that takes a traced array, since it is no ndarray, for a number.

A traced array does not pass for an ndarray: what asks does so to hand it to compiled code. Only the
functions that evaluate polynomials ask for another reason, and give another result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import OperandError, user_line

if TYPE_CHECKING:
    from types import FrameType

FROM_ROOTS = "polyvalfromroots"
EVALUATIONS = {"polyval", "chebval", "legval", "lagval", "hermval", "hermeval", FROM_ROOTS}
"""The functions' names."""


def check_polynomial(frame: FrameType, array: Any) -> None:
    """Raise if this frame is NumPy's function of that name, and takes a traced array for a number.

    For an ndarray `x` it gives the coefficients ``x.ndim`` more axes at the end. Without them
    several columns of coefficients, or roots, meet the elements of `x` one by one.
    """
    module = frame.f_globals.get("__name__", "")
    if not module.startswith("numpy.polynomial."):
        return
    name, given = frame.f_code.co_name, frame.f_locals
    x: Any = given["x"]
    coefficients = given["r" if name == FROM_ROOTS else "c"]
    if not isinstance(x, array) or not x.shape or not given["tensor"]:
        return
    if np.ndim(coefficients) > (name != FROM_ROOTS):
        own = module.replace("numpy", "functrans.numpy", 1)
        raise OperandError(
            f"{module}.{name}: at {user_line()} it takes x, {x.what}, for a number, since it is no "
            f"ndarray, and combines coefficients of shape {np.shape(coefficients)} with its "
            f"elements one by one. Call {own}.{name}."
        )
