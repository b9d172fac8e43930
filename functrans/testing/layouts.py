"""Checks of memory layouts: strides and order change neither values nor derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import Array, dtype_of
from functrans.testing.cases import Case
from functrans.testing.differences import close, random_like, size_of, tolerance
from functrans.transforms.gradient import vjp

if TYPE_CHECKING:
    from collections.abc import Callable


def strided(x: Any) -> Any:
    """A copy of which every second element lies in memory, along every axis."""
    wide = np.zeros(tuple(2 * n for n in x.shape), x.dtype)
    view = wide[(slice(None, None, 2),) * x.ndim]
    view[...] = x
    return view


def reversed_(x: Any) -> Any:
    """A copy with negative strides."""
    back = (slice(None, None, -1),) * x.ndim
    return x[back].copy()[back]


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "C order": lambda x: np.array(x, order="C"),
    "Fortran order": lambda x: np.array(x, order="F"),
    "strided": strided,
    "negative strides": reversed_,
}


def check_layouts(case: Case) -> None:
    """Values and gradients in every layout are those of the sample.

    Operands are write-protected, so that a rule which changes one raises.
    """
    if not any(_is_array(x) for x in case.leaves):
        return
    for name, layout in LAYOUTS.items():
        leaves = [layout(x) if _is_array(x) else x for x in case.leaves]
        _compare(case, case.with_leaves(leaves), name)
    if case.elementwise:
        # The same value everywhere: another sample, so compared with a contiguous copy.
        spread = [
            np.broadcast_to(x.flat[0], x.shape) if _is_array(x) and x.size else x
            for x in case.leaves
        ]
        dense = case.with_leaves([np.array(x) if _is_array(x) else x for x in spread])
        _compare(dense, case.with_leaves(spread), "zero strides")


def _compare(plain: Case, laid: Case, name: str) -> None:
    what = f"{plain.what}: {name}"
    for x in laid.leaves:
        if _is_array(x):
            x.flags.writeable = False
    with np.errstate(all="ignore"):
        expected = plain.outputs(plain.leaves)
        found = laid.outputs(laid.leaves)
        rtol = tolerance(1e-13, expected)
        for one, other in zip(found, expected, strict=True):
            close(one, other, f"{what}: value", rtol=rtol, atol=rtol * size_of([other]))
        if not plain.differentiable or not plain.active:
            return
        gradients = [_gradient(case) for case in (laid, plain)]
        for i, g, expected_g in zip(plain.active, *gradients, strict=True):
            x = plain.leaves[i]
            if (dtype_of(g), np.shape(g)) != (dtype_of(x), np.shape(x)):
                raise AssertionError(
                    f"{plain.label(i)}: {name}: expected a gradient of type "
                    f"{dtype_of(x)}{list(np.shape(x))}, found {dtype_of(g)}{list(np.shape(g))}"
                )
            atol = rtol * size_of([expected_g])
            close(g, expected_g, f"{plain.label(i)}: {name}: gradient", rtol=rtol, atol=atol)


def _gradient(case: Case) -> tuple[Array, ...]:
    function = case.smooth_part(case.active)
    outs, pullback = vjp(function, *case.take(case.active))
    rng = case.rng()
    return pullback(tuple(random_like(o, rng) for o in outs))


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.ndim > 0
