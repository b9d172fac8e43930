"""Checks of structural zeros: cotangents of unselected lanes are zero whatever they meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.cotangent import unbroadcast
from functrans.core.types import dtype_of, shape_of
from functrans.testing.differences import random_like
from functrans.transforms.gradient import vjp

if TYPE_CHECKING:
    from functrans.core.types import Array
    from functrans.testing.cases import Case


def check_structure(case: Case) -> None:
    """Where a masked output does not depend on an operand, it depends on nothing behind it either.

    Each operand becomes ``x + sqrt(s)`` at ``s = 0``, where the root has an infinite derivative,
    and half of the output is masked. An ordinary zero would give NaN.
    """
    primitive = case.primitive
    if primitive is None or not case.differentiable:
        return
    if primitive.masks is None and not case.elementwise:  # a linear operation may mix signs
        return
    for i in case.active:
        x = case.leaves[i]
        if dtype_of(x).kind != "f" or not isinstance(x, np.ndarray | np.generic):
            continue
        function = case.smooth_part((i,))
        with np.errstate(all="ignore"):
            masks = [_half(shape_of(o)) for o in function(x)]

            def masked(y: Array, f: Any = function, masks: list[Any] = masks) -> Any:
                return tuple(p.where(m, o, 0) for m, o in zip(masks, f(y), strict=True))

            def rooted(s: Array, x: Array = x, masked: Any = masked) -> Any:
                return masked(p.add(x, p.sqrt(s)))

            outs, pullback = vjp(masked, x)
            rng = np.random.default_rng(0)
            gs = tuple(random_like(o, rng) for o in outs)
            if primitive.kind == "elementwise":  # a partial may be zero without being structural
                unselected = unbroadcast(masks[0].astype(float), shape_of(x)) == 0
            else:
                unselected = pullback(gs)[0] == 0
            found = vjp(rooted, np.zeros_like(x)[()])[1](gs)[0]
        if np.any(np.where(unselected, found != 0, False)):
            raise AssertionError(
                f"{case.label(i)}: a structural zero is lost: where the masked output is "
                f"independent of the operand {x}, expected 0, found {found}"
            )


def _half(shape: tuple[int, ...]) -> Any:
    """A mask that selects every second element, the first one not."""
    return (np.arange(int(np.prod(shape))) % 2 == 1).reshape(shape)[()]
