"""The names under which PyTorch shows the nodes of a graph."""

from __future__ import annotations

from typing import Any

NAMES = {
    "absolute": "Abs",
    "add": "Add",
    "affine": "Addmm",
    "arccos": "Acos",
    "arccosh": "Acosh",
    "arcsin": "Asin",
    "arcsinh": "Asinh",
    "arctan": "Atan",
    "arctan2": "Atan2",
    "arctanh": "Atanh",
    "astype": "ToCopy",
    "cholesky": "LinalgCholeskyEx",
    "clip": "Clamp",
    "deg2rad": "Deg2Rad",
    "log1p": "Log1P",
    "make_complex": "Complex",
    "pinv": "LinalgPinv",
    "rad2deg": "Rad2Deg",
    "slogdet": "LinalgSlogdet",
    "broadcast_to": "Expand",
    "concatenate": "Cat",
    "conjugate": "Conj",
    "det": "LinalgDet",
    "divide": "Div",
    "float_power": "Pow",
    "index": "Index",
    "index_add": "IndexAdd",
    "index_update": "CopySlices",
    "inv": "LinalgInvEx",
    "max": "Amax",
    "min": "Amin",
    "multiply": "Mul",
    "negative": "Neg",
    "positive": "Clone",
    "power": "Pow",
    "reshape": "View",
    "solve": "LinalgSolveEx",
    "square": "Pow",
    "subtract": "Sub",
    "transpose": "Permute",
    "where": "Where",
}


def backward_name(node: Any) -> str:
    """``MulBackward0`` and the like."""
    if node.name is not None:
        return node.name  # type: ignore[no-any-return]
    if node.is_leaf:
        return "AccumulateGrad"
    name = getattr(node.primitive, "name", "custom")
    words = NAMES.get(name) or "".join(part.capitalize() for part in name.split("_"))
    return f"{words}Backward0"
