"""Checks of pinned samples: kinks, poles and infinities have the gradient written there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import ArrayType, dtype_of, shape_of, type_of
from functrans.testing.differences import close, tolerance
from functrans.transforms.batching import vmap
from functrans.transforms.forward import jvp
from functrans.transforms.gradient import vjp
from functrans.transforms.staging import make_graph

if TYPE_CHECKING:
    from functrans.core.types import Array
    from functrans.testing.cases import Case

# Pinned values are exact; where they are irrational they differ by the rounding of a few
# operations.
EXACT = 1e-15
# Where zero is pinned, terms may cancel to a rounding error of ones; a zero that is not structural
# where it has to be shows as NaN, infinity or a number of order one.
ZERO = 1e-16


def check_pinned(case: Case) -> None:
    """The gradient of the summed output is the pinned one: in both modes, batched and staged."""
    pins = case.sample.pinned
    if pins is None:
        return
    if len(pins) != len(case.sample.args):
        raise AssertionError(
            f"{case.what}: {len(pins)} pinned gradients for {len(case.sample.args)} operands"
        )
    with np.errstate(all="ignore"):
        for i in case.active:
            pin = pins[case.operand(i)]
            if pin is None:
                continue
            kind = type_of(case.leaves[i])
            expected = np.broadcast_to(np.asarray(pin, kind.dtype), kind.shape)
            rtol = tolerance(EXACT, [case.leaves[i]], factor=8)
            for mode, found in _gradients(case, i, expected).items():
                what = f"{case.label(i)}: pinned gradient, {mode}"
                close(np.where(expected == 0, expected, found), expected, what, rtol=rtol, atol=0)
                at_zeros = np.where(expected == 0, found, 0)
                close(at_zeros, np.zeros_like(at_zeros), what, rtol=0, atol=ZERO)


def _gradients(case: Case, i: int, expected: Array) -> dict[str, Array]:
    function = case.smooth_part((i,))
    x = case.leaves[i]
    ones = tuple(np.ones(shape_of(o), dtype_of(o))[()] for o in function(x))

    def backward(y: Array) -> Any:
        return vjp(function, y)[1](ones)[0]

    found = {"reverse mode": backward(x), "graph": make_graph(backward)(x)(x)}
    if isinstance(x, np.ndarray | np.generic):
        lanes = np.stack([x, x])
        found["reverse mode under vmap"] = vmap(backward)(lanes)[1]
        _, pullback = vjp(vmap(function), lanes)
        found["reverse mode of vmap"] = pullback(tuple(np.stack([g, g]) for g in ones))[0][1]
    if case.elementwise:
        found["forward mode"] = _forward_elementwise(function, x)
    else:
        found["forward mode"] = _forward_by_element(function, x, expected)
    return found


def _forward_elementwise(function: Any, x: Array) -> Array:
    """One direction for all elements: elsewhere an infinite partial would meet a zero tangent."""
    kind = type_of(x)

    def along(t: Any) -> Any:
        tangents = jvp(function, (x,), (np.full(kind.shape, t, kind.dtype)[()],))[1]
        return sum(_summed(t, kind) for t in tangents)

    if kind.dtype.kind == "c":
        return np.real(along(1)) - 1j * np.real(along(1j))
    return np.real(along(1))


def _forward_by_element(function: Any, x: Array, expected: Array) -> Array:
    """One direction for each element, unless another's infinite partial would meet its zeros."""
    kind = type_of(x)
    gradient = np.array(expected, kind.dtype)
    infinite = ~np.isfinite(gradient)
    for index in np.ndindex(kind.shape):
        if np.sum(infinite) > infinite[index]:
            continue

        def along(part: Any, index: tuple[int, ...] = index) -> Any:
            t = np.zeros(kind.shape, kind.dtype)
            t[index] = part
            return sum(np.sum(o).real for o in jvp(function, (x,), (t[()],))[1])

        gradient[index] = along(1)
        if kind.dtype.kind == "c":
            gradient[index] -= 1j * along(1j)
    return gradient[()]


def _summed(t: Array, kind: ArrayType) -> Array:
    """Sum over the axes along which an operand was broadcast."""
    extra = np.ndim(t) - kind.ndim
    axes = tuple(range(extra)) + tuple(
        extra + k for k, n in enumerate(kind.shape) if n == 1 and np.shape(t)[extra + k] != 1
    )
    return np.sum(t, axis=axes).reshape(kind.shape)[()]
