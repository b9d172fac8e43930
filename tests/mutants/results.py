"""What a rule returned, made wrong. It may be traced, so these are operations of the rule book."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans import primitives as p
from functrans.core.cotangent import Masked, Scattered
from functrans.core.types import ArrayType, dtype_of, is_inexact, shape_of

SLIP = 1 + 1e-7
OTHER_DTYPE = {"f8": "f4", "f4": "f8", "f2": "f4", "c16": "c8", "c8": "c16", "b1": "i1"}


def over(result: Any, wrong: Callable[[Any], Any]) -> Any:
    """What a rule returned, in whichever form, with its values changed."""
    if result is None:
        return None
    if isinstance(result, tuple | list):
        return tuple(over(r, wrong) for r in result)
    if type(result) is Masked:
        return Masked(wrong(result.value), result.mask)
    if type(result) is Scattered:
        return Scattered(wrong(result.value), result.arrays, result.index, result.mask)
    return wrong(result)


def scaled(r: Any) -> Any:
    kind = dtype_of(r)
    if kind.kind in "fc":
        return p.multiply(r, kind.type(SLIP))
    return p.logical_not(r) if kind.kind == "b" else p.add(r, kind.type(1))


def negated(r: Any) -> Any:
    return p.negative(r)


def zeroed(r: Any) -> Any:
    return p.where(np.zeros(shape_of(r), bool)[()], r, dtype_of(r).type(0))


def conjugated(r: Any) -> Any:
    return p.conjugate(r) if dtype_of(r).kind == "c" else r


def rounded(r: Any) -> Any:
    """Computed in single precision."""
    code = dtype_of(r).str[1:]
    if code not in ("f8", "c16"):
        return r
    return p.astype(p.astype(r, dtype=np.dtype(OTHER_DTYPE[code])), dtype=dtype_of(r))


def first_dropped(r: Any) -> Any:
    lanes = np.ones(shape_of(r), bool)
    lanes.flat[:1] = False
    return p.where(lanes[()], r, dtype_of(r).type(0))


def reversed_(r: Any) -> Any:
    rank = len(shape_of(r))
    return p.flip(r, axes=(rank - 1,)) if rank else r


def transposed(r: Any) -> Any:
    shape = shape_of(r)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return r
    rank = len(shape)
    return p.transpose(r, axes=(*range(rank - 2), rank - 1, rank - 2))


def batch_second(r: Any) -> Any:
    rank = len(shape_of(r))
    return p.transpose(r, axes=(1, 0, *range(2, rank))) if rank > 1 else r


def retyped(r: Any) -> Any:
    code = dtype_of(r).str[1:]
    return p.astype(r, dtype=np.dtype(OTHER_DTYPE.get(code, "i4" if code == "i8" else "i8")))


def lanes_reversed(r: Any) -> Any:
    return p.flip(r, axes=(0,)) if shape_of(r) else r


def first_of_broadcast(g: Any, kind: ArrayType) -> Any:
    """The first slice where an operand was broadcast, in place of the sum."""
    while len(shape_of(g)) > kind.ndim:
        g = g[0]
    sizes = zip(shape_of(g), kind.shape, strict=True)
    index = tuple(slice(0, 1) if m == 1 != n else slice(None) for n, m in sizes)
    return g[index] if index else g


def unmasked(result: Any) -> Any:
    """Structural zeros made ordinary ones."""
    if isinstance(result, tuple | list):
        return tuple(map(unmasked, result))
    if type(result) is Masked:
        return result.value
    if type(result) is Scattered:
        return Scattered(result.value, result.arrays, result.index)
    return result


def turned(params: dict[str, Any], key: str, rank: int) -> dict[str, Any]:
    """The parameters with one of them wrong: another axis, the other of two choices."""
    value = params.get(key)
    new: Any = value
    if isinstance(value, bool):
        new = not value
    elif key == "axis" and isinstance(value, int):
        new = (value + 1) % max(rank, 1)
    elif key == "axes" and isinstance(value, tuple) and all(isinstance(a, int) for a in value):
        new = tuple((a + 1) % max(rank, 1) for a in value)
    elif key == "norm":
        new = "ortho" if value != "ortho" else "backward"
    elif isinstance(value, int):
        new = value + 1
    elif isinstance(value, tuple) and value and isinstance(value[0], int):
        new = (value[0] + 1, *value[1:])
    return {**params, key: new}


def stopped(x: Any) -> Any:
    """A value, or a tuple of values, without its derivative."""
    if isinstance(x, tuple | list):
        return tuple(map(stopped, x))
    if isinstance(x, ArrayType) or not hasattr(x, "dtype") or not is_inexact(x.dtype):
        return x
    return ft.stop_gradient(x)
