"""Checks of structural zeros: cotangents of unselected lanes are zero whatever they meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.cotangent import unbroadcast
from functrans.core.types import dtype_of, shape_of
from functrans.testing.differences import close, random_like, size_of, tolerance
from functrans.transforms.forward import jvp
from functrans.transforms.gradient import vjp

if TYPE_CHECKING:
    from functrans.core.types import Array
    from functrans.testing.cases import Case


def check_structure(case: Case) -> None:
    """Where an output does not depend on an operand, it depends on nothing behind it either.

    Half of the output is masked. What the mask leaves must be as without it; what it hides must
    stay zero although each operand is made of ``x + sqrt(s)`` at ``s = 0``, where the root has an
    infinite derivative: an ordinary zero would give NaN. The same holds, without any mask, for
    the lanes that a sample pins as unchosen.
    """
    if case.primitive is None or not case.active:
        return
    with np.errstate(all="ignore"):
        if case.differentiable:
            _check_selected(case)
        for i in case.active:
            x = case.leaves[i]
            if dtype_of(x).kind != "f" or not isinstance(x, np.ndarray | np.generic):
                continue
            if case.differentiable and (case.primitive.masks is not None or case.elementwise):
                _check_masked(case, i)
            if case.primitive.kind == "chooser" and case.sample.smooth:
                _check_unchosen_tangent(case, i)
            if case.sample.unchosen:
                pin = case.sample.pinned[case.operand(i)]
                if pin is not None:
                    function = case.smooth_part((i,))
                    unchosen = np.broadcast_to(np.asarray(pin), shape_of(x)) == 0
                    _check_zero(case, i, function, _cotangents(function(x)), unchosen)


def _check_selected(case: Case) -> None:
    """A mask behind the function changes nothing where it selects."""
    function = case.smooth_part(case.active)
    xs = case.take(case.active)
    outs, pullback = vjp(function, *xs)
    rng = case.rng()
    gs = [random_like(o, rng) for o in outs]
    masks = [_half(shape_of(o)) for o in outs]

    def masked(*ys: Array) -> Any:
        return tuple(p.where(m, o, 0) for m, o in zip(masks, function(*ys), strict=True))

    expected = pullback(tuple(np.where(m, g, 0)[()] for m, g in zip(masks, gs, strict=True)))
    found = vjp(masked, *xs)[1](tuple(gs))
    rtol = tolerance(1e-13, (*xs, *outs))
    for i, one, other in zip(case.active, found, expected, strict=True):
        what = f"{case.label(i)}: cotangent of the lanes that a mask selects"
        close(one, other, what, rtol=rtol, atol=rtol * size_of([other]))


def _check_masked(case: Case, i: int) -> None:
    assert case.primitive is not None
    x = case.leaves[i]
    function = case.smooth_part((i,))
    masks = [_half(shape_of(o)) for o in function(x)]

    def masked(y: Array) -> Any:
        return tuple(p.where(m, o, 0) for m, o in zip(masks, function(y), strict=True))

    outs, pullback = vjp(masked, x)
    gs = _cotangents(outs)
    if case.primitive.kind == "elementwise":  # a partial may be zero without being structural
        unselected = unbroadcast(masks[0].astype(float), shape_of(x)) == 0
    else:
        unselected = pullback(gs)[0] == 0
    _check_zero(case, i, masked, gs, unselected)


def _check_unchosen_tangent(case: Case, i: int) -> None:
    """In forward mode: lanes that are not chosen stay zero where the next slope is infinite."""
    x = case.leaves[i]
    function = case.smooth_part((i,))
    outs = function(x)
    tangents = jvp(function, (x,), (np.ones_like(x)[()],))[1]

    def rooted(y: Array) -> Any:
        shifted = zip(function(y), outs, strict=True)
        return tuple(p.sqrt(p.subtract(o, at)) for o, at in shifted)

    found = jvp(rooted, (x,), (np.ones_like(x)[()],))[1]
    for one, tangent, out in zip(found, tangents, outs, strict=True):
        if np.any(np.where((tangent == 0) & np.isfinite(out), one != 0, False)):
            raise AssertionError(
                f"{case.label(i)}: a structural zero is lost in forward mode: where the output is "
                f"independent of the operand {x}, expected 0, found {one}"
            )


def _check_zero(case: Case, i: int, function: Any, gs: Any, unselected: Array) -> None:
    x = case.leaves[i]

    def rooted(s: Array) -> Any:
        return function(p.add(x, p.sqrt(s)))

    found = vjp(rooted, np.zeros_like(x)[()])[1](gs)[0]
    if np.any(np.where(unselected, found != 0, False)):
        raise AssertionError(
            f"{case.label(i)}: a structural zero is lost: where the output is "
            f"independent of the operand {x}, expected 0, found {found}"
        )


def _cotangents(outs: Any) -> tuple[Array, ...]:
    rng = np.random.default_rng(0)
    return tuple(random_like(o, rng) for o in outs)


def _half(shape: tuple[int, ...]) -> Any:
    """A mask that selects every second element, the first one not."""
    return (np.arange(int(np.prod(shape))) % 2 == 1).reshape(shape)[()]
