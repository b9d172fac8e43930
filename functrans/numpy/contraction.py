"""Products that sum over axes: dot, tensordot, einsum, kron, cross and their like."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import array_of_its_own
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import reductions, shapes, views
from functrans.numpy.axes import ndim_of, one_axis, several_axes
from functrans.numpy.operands import NUMERIC_KINDS, full_width, operand
from functrans.numpy.options import unsupported
from functrans.numpy.registry import implements, method
from functrans.numpy.specimens import specimen


@method("dot")
@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Array:
    """Matrix product, or the sum over the last axis of `a` and the second to last of `b`."""
    return p.dot(full_width(a), full_width(b))


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Array:
    """The inner product of all elements, those of `a` conjugated."""
    return p.vdot(full_width(a), full_width(b))


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Array:
    """The sum over the last axes of both."""
    return p.inner(full_width(a), full_width(b))


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Array:
    """The products of all elements of `a` (rows) with all of `b` (columns)."""
    return p.outer(full_width(a), full_width(b))


@implements(np.kron)
def kron(a: Any, b: Any) -> Array:
    """Each element of `a` times the whole of `b`."""
    return p.kron(full_width(a), full_width(b))


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Array:
    """The sum of products over some axes of both."""
    x, y = full_width(a), full_width(b)
    if np.ndim(axes) == 0 and not isinstance(axes, list | tuple):
        count = operator.index(axes)
        x_axes: Any = tuple(range(-count, 0))
        y_axes: Any = tuple(range(count))
    else:
        x_axes, y_axes = axes
    x_axes, y_axes = several_axes(x_axes, ndim_of(x)), several_axes(y_axes, ndim_of(y))
    lengths = [[shape_of(z)[i] for i in part] for z, part in ((x, x_axes), (y, y_axes))]
    if lengths[0] != lengths[1]:
        raise ValueError("shape-mismatch for sum")
    return array_of_its_own(p.tensordot(x, y, axes=(x_axes, y_axes)))


@implements(np.einsum)
def einsum(*operands: Any, out: Any = None, optimize: Any = False, **kwargs: Any) -> Array:
    """The sum of products over named axes."""
    if isinstance(operands[0], str):
        args = [operands[0], *map(operand, operands[1:])]
        arrays: Any = range(1, len(args))
    else:  # arrays and their labels by turns
        arrays = range(0, len(operands) - 1, 2)
        args = [operand(x) if k in arrays else x for k, x in enumerate(operands)]
    for name in kwargs:
        if name not in ("dtype", "order", "casting"):
            raise unsupported("einsum", f"{name}=")
    dtype = None
    if kwargs or type(optimize) is not bool:
        given = [specimen(x) if k in arrays else x for k, x in enumerate(args)]
        asked: Any = np.einsum(*given, optimize=optimize, **kwargs)
        if kwargs.get("dtype") is not None:  # which NumPy passes over where it returns a view
            dtype = getattr(asked, "dtype", np.dtype(object))
            if dtype.kind not in NUMERIC_KINDS:
                raise unsupported("einsum", f"dtype={dtype}", "take a numeric dtype")
    ans = p.einsum_of(*args, optimize=optimize, dtype=dtype)
    renames = len(args) == 2 and dtype is None and isinstance(args[0], str)  # perhaps: a view
    if renames and (shape_of(ans) or not ndim_of(args[1])):

        def read(base: Any) -> Any:
            return p.einsum_of(args[0], base)

        views.shown(args[1], ans, read, lambda numbers: np.einsum(args[0], numbers))
    return ans


@implements(np.einsum_path)
def einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> Any:
    """The order in which `einsum` would contract operands of these shapes."""
    stand_ins = [
        np.broadcast_to(np.zeros((), x.dtype), x.shape) if hasattr(x, "interpreter") else x
        for x in operands
    ]
    path: Any = np.einsum_path
    return path(*stand_ins, optimize=optimize, einsum_call=einsum_call)


@implements(np.cross)
def cross(
    a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None
) -> Array:
    """The cross product of vectors of 2 or 3 elements."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = operand(a), operand(b)
    if ndim_of(x) < 1 or ndim_of(y) < 1:
        raise ValueError("At least one array has zero dimension")
    x = shapes.moveaxis(x, one_axis(axisa, ndim_of(x)), -1)
    y = shapes.moveaxis(y, one_axis(axisb, ndim_of(y)), -1)
    sizes = (shape_of(x)[-1], shape_of(y)[-1])
    if not set(sizes) <= {2, 3}:
        raise ValueError(
            "Both input arrays must be (arrays of) 3-dimensional vectors, but they are "
            f"{sizes[0]} and {sizes[1]} dimensional instead."
        )
    x0, x1, y0, y1 = x[..., 0], x[..., 1], y[..., 0], y[..., 1]
    last = p.subtract(p.multiply(x0, y1), p.multiply(x1, y0))
    if sizes == (2, 2):
        return last
    if sizes == (3, 3):
        x2, y2 = x[..., 2], y[..., 2]
        first = p.subtract(p.multiply(x1, y2), p.multiply(x2, y1))
        second = p.subtract(p.multiply(x2, y0), p.multiply(x0, y2))
    elif sizes == (3, 2):
        x2 = x[..., 2]
        first, second = p.negative(p.multiply(x2, y1)), p.multiply(x2, y0)
    else:
        y2 = y[..., 2]
        first, second = p.multiply(x1, y2), p.negative(p.multiply(x0, y2))
    ans = p.stack([first, second, last], axis=ndim_of(last))
    return shapes.moveaxis(ans, -1, one_axis(axisc, ndim_of(ans)))


def _core(name: str, *operands: tuple[Array, int]) -> None:
    """Refuse operands with fewer axes than the operation works on."""
    for i, (x, rank) in enumerate(operands):
        if ndim_of(x) < rank:
            raise ValueError(
                f"{name}: Input operand {i} does not have enough dimensions (has {ndim_of(x)}, "
                f"the operation requires {rank})"
            )


def vecdot(x: Array, y: Array) -> Array:
    """Inner products along the last axes, the elements of `x` conjugated."""
    _core("vecdot", (x, 1), (y, 1))
    if shape_of(x)[-1] != shape_of(y)[-1]:
        raise ValueError(
            "vecdot: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
            f"(n),(n)->() (size {shape_of(y)[-1]} is different from {shape_of(x)[-1]})"
        )
    products = p.multiply(p.conjugate(x) if dtype_of(x).kind == "c" else x, y)
    return reductions.cast(reductions.sum(products, -1), dtype_of(products))


def matvec(x: Array, y: Array) -> Array:
    """Products of stacked matrices and stacked vectors."""
    _core("matvec", (x, 2), (y, 1))
    return shapes.squeeze(p.matmul(x, shapes.expand_dims(y, -1)), -1)


def vecmat(x: Array, y: Array) -> Array:
    """Products of stacked vectors, conjugated, and stacked matrices."""
    _core("vecmat", (x, 1), (y, 2))
    x = p.conjugate(x) if dtype_of(x).kind == "c" else x
    return shapes.squeeze(p.matmul(shapes.expand_dims(x, -2), y), -2)
