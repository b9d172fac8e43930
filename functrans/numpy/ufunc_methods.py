"""Methods of ufuncs on traced arrays: reduce, accumulate, reduceat, outer; ufuncs along axes.

Sums, products, extrema and their like have primitives of their own; all others are made of
:data:`functrans.primitives.accumulate`. NumPy's own method, on an array of ones, decides which
arguments it takes and the dtype in which it works, and raises its own errors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import indexing, reductions, shapes
from functrans.numpy.axes import axis_slice, ndim_of, one_axis, reduced_axes
from functrans.numpy.operands import operand, scalar
from functrans.numpy.reductions import MISSING, cast, flag, mask_of
from functrans.primitives.reduction import flatten_axes, kept_shape

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., Any]


def number_extremum(extremum: Function, combine: Function, outermost: float) -> Function:
    """An extremum of the elements that are no NaN; NaN where there are none."""

    def reduced(
        x: Array, axis: Any, *, keepdims: bool, initial: Any = MISSING, where: Any = True
    ) -> Array:
        if dtype_of(x).kind != "f":
            return extremum(x, axis, keepdims=keepdims, initial=initial, where=where)
        none = p.isnan(x)
        if where is not True:
            none = p.logical_or(none, p.logical_not(mask_of(where, shape_of(x))))
        start = MISSING if initial is MISSING else outermost
        filled = p.where(none, outermost, x)
        ans = extremum(filled, axis, keepdims=keepdims, initial=start)
        ans = p.where(reductions.all(none, axis, keepdims=keepdims), np.nan, ans)
        return scalar(
            ans if initial is MISSING else combine(ans, cast(operand(initial), dtype_of(x)))
        )

    return reduced


REDUCTIONS: dict[np.ufunc, Function] = {
    np.add: reductions.sum,
    np.multiply: reductions.prod,
    np.maximum: reductions.max,
    np.minimum: reductions.min,
    np.fmax: number_extremum(reductions.max, p.fmax, -np.inf),
    np.fmin: number_extremum(reductions.min, p.fmin, np.inf),
    np.logical_and: reductions.all,
    np.logical_or: reductions.any,
    np.logaddexp: reductions.logsumexp,
}
"""What carries out ``ufunc.reduce`` where one primitive does."""

ACCUMULATIONS: dict[np.ufunc, Function] = {
    np.add: reductions.cumsum,
    np.multiply: reductions.cumprod,
}
"""What carries out ``ufunc.accumulate`` where one primitive does."""


def reduce(
    ufunc: np.ufunc,
    call: Function,
    a: Any,
    *,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: Any = False,
    initial: Any = MISSING,
    where: Any = True,
    into: np.dtype[Any] | None = None,
) -> Array:
    """The elements combined by a ufunc along axes; `call` carries the ufunc out.

    `into` is the dtype of an array that the result goes into.
    """
    x = operand(a)
    masked = where is not True and where is not MISSING
    options: dict[str, Any] = {} if initial is MISSING or initial is None else {"initial": initial}
    if masked:
        options["where"] = where
    left, right = _loop(ufunc, x, axis, dtype, initial, masked)
    axes, kept = reduced_axes(axis, ndim_of(x)), flag(keepdims)
    if initial is None and 0 in (shape_of(x)[i] for i in axes):
        raise _empty(ufunc)
    if into is not None and ufunc.identity is None and "initial" not in options:
        x = _first_through(cast(x, right), axes, into)
    if _has_primitive(ufunc, left, options):
        x = x if left.kind == "b" else cast(x, left)
        return cast(REDUCTIONS[ufunc](x, axis, keepdims=kept, **options), left)
    x, mask = cast(x, right), None
    if masked:
        mask = _flat(p.broadcast_to(mask_of(where, shape_of(x)), shape=shape_of(x)), axes)
    start = ufunc.identity if initial is MISSING else initial
    start = None if start is None else cast(operand(start), left)
    ans = _fold(ufunc, call, _flat(x, axes), left, start, mask)
    if not kept:
        return scalar(ans)
    return p.reshape(ans, shape=kept_shape(shape_of(x), axes))


def _first_through(x: Array, axes: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """The array with the first element along the axes as it comes back from another dtype: NumPy
    begins with it in the array that it writes to."""
    if np.can_cast(dtype_of(x), dtype) or 0 in shape_of(x):
        return x
    first = tuple(slice(0, 1) if i in axes else slice(None) for i in range(ndim_of(x)))
    return p.setitem(x, first, cast(cast(p.getitem(x, first), dtype), dtype_of(x)))


def _has_primitive(ufunc: np.ufunc, dtype: np.dtype[Any], options: dict[str, Any]) -> bool:
    if dtype.kind == "c":  # complex numbers are ordered by their parts, of which each may be NaN
        return ufunc in REDUCTIONS and ufunc not in (np.fmax, np.fmin)
    if ufunc in (np.logical_and, np.logical_or):
        return "initial" not in options
    return ufunc in REDUCTIONS


def _flat(x: Array, axes: tuple[int, ...]) -> Array:
    """The array with the reduced axes in one, the last; of length 1 if there are none."""
    return flatten_axes(x, axes) if axes else p.reshape(x, shape=(*shape_of(x), 1))


def _loop(
    ufunc: np.ufunc, x: Array, axis: Any, dtype: Any, initial: Any, masked: bool
) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """The dtypes of the running result and of the elements in NumPy's loop of a reduction.

    NumPy is asked without a mask: the loops of SciPy's ufuncs move NumPy's pointers, and read and
    write outside of the arrays where a mask splits them.
    """
    options: dict[str, Any] = {}
    if initial is not MISSING:
        options["initial"] = None if initial is None else 1
    if masked and (initial is None or initial is MISSING and ufunc.identity is None):
        raise ValueError(
            f"reduction operation '{ufunc.__name__}' does not have an identity, so to use a where "
            "mask one has to specify 'initial'"
        )
    ones = np.ones((1,) * ndim_of(x), dtype_of(x))
    left = dtype_of(ufunc.reduce(ones, axis=axis, dtype=dtype, **options))
    resolved: Any = ufunc.resolve_dtypes(
        (None, dtype_of(x), None),
        signature=(left, None, None),
        casting="unsafe",
        reduction=True,
    )
    return left, resolved[1]


def loop_into(ufunc: np.ufunc, dtype: np.dtype[Any], out: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the running result of a reduction whose result goes into an array."""
    resolved: Any = ufunc.resolve_dtypes((out, dtype, None), casting="unsafe", reduction=True)
    return resolved[0]  # type: ignore[no-any-return]


def _empty(ufunc: np.ufunc) -> ValueError:
    return ValueError(
        f"zero-size array to reduction operation {ufunc.__name__} which has no identity"
    )


def _fold(
    ufunc: np.ufunc,
    call: Function,
    x: Array,
    dtype: np.dtype[Any],
    start: Array | None,
    mask: Array | None,
) -> Array:
    """The elements along the last axis combined, but for those masked out."""
    axis = ndim_of(x) - 1
    if start is None and not shape_of(x)[axis]:
        raise _empty(ufunc)
    if mask is None and dtype_of(x) == dtype:
        if start is not None:
            head = p.broadcast_to(start, shape=(*shape_of(x)[:-1], 1))
            x = p.concatenate(head, x, axis=axis)
        return p.accumulate(x, ufunc=ufunc, axis=axis)[..., -1]
    # One after the other: where a mask leaves elements out, and where (as in ldexp) the elements
    # have another dtype than the result.
    if start is None:
        start, x = cast(x[..., 0], dtype), x[..., 1:]
    ans = p.broadcast_to(start, shape=shape_of(x)[:-1])
    for k in range(shape_of(x)[axis]):
        combined = call(ans, x[..., k])
        ans = combined if mask is None else p.where(mask[..., k], combined, ans)
    return ans


def accumulate(
    ufunc: np.ufunc, call: Function, a: Any, *, axis: Any = 0, dtype: Any = None
) -> Array:
    """The results of combining the elements up to each along an axis."""
    x = operand(a)
    ones = np.ones((1,) * ndim_of(x), dtype_of(x))
    x = cast(x, ufunc.accumulate(ones, axis=axis, dtype=dtype).dtype)
    axis = _single(axis)
    if ufunc in ACCUMULATIONS:
        return ACCUMULATIONS[ufunc](x, axis, dtype_of(x))
    return p.accumulate(x, ufunc=ufunc, axis=one_axis(axis, ndim_of(x)))


def _single(axis: Any) -> Any:
    """An axis that may stand in a tuple."""
    return axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis


def reduceat(
    ufunc: np.ufunc, call: Function, a: Any, indices: Any, *, axis: Any = 0, dtype: Any = None
) -> Array:
    """The reductions of slices along an axis: from each index to the next."""
    x = operand(a)
    starts = indexing.plain(indices, f"numpy.{ufunc.__name__}.reduceat (its indices)")
    if not isinstance(indices, np.ndarray | TracedArray):  # cut to whole numbers; an array has some
        starts = starts.astype(np.intp)
    ones = np.broadcast_to(np.ones((), dtype_of(x)), shape_of(x))
    x = cast(x, ufunc.reduceat(ones, starts, axis=axis, dtype=dtype).dtype)
    axis = one_axis(_single(axis), ndim_of(x))
    ends = np.append(starts[1:], shape_of(x)[axis])
    lengths = np.maximum(ends - starts, 1)
    parts, order = [], []
    for length in np.unique(lengths):  # slices of one length are reduced together
        same = np.flatnonzero(lengths == length)
        places = starts[same][:, None] + np.arange(length)
        slices = p.take(x, places, axis=axis)
        parts.append(reduce(ufunc, call, slices, axis=axis + 1, dtype=dtype_of(x), initial=None))
        order.append(same)
    if not parts:
        return x[axis_slice(ndim_of(x), axis, slice(0))]
    inverse = np.argsort(np.concatenate(order))
    return p.take(p.concatenate(*parts, axis=axis), inverse, axis=axis)


def pairs(a: Any, b: Any) -> tuple[Array, Array]:
    """The operands of ``ufunc.outer``, so that broadcasting gives all pairs of elements."""
    x, y = operand(a), operand(b)
    if shape_of(y):
        x = p.reshape(x, shape=shape_of(x) + (1,) * ndim_of(y))
    return x, y


def along_axes(
    ufunc: np.ufunc,
    call: Function,
    *inputs: Any,
    axis: Any = None,
    axes: Any = None,
    keepdims: bool = False,
) -> Any:
    """A ufunc of whole vectors or matrices (matmul, vecdot ...), which lie along given axes."""
    groups = re.findall(r"\(([^)]*)\)", ufunc.signature or "")
    core = [[name for name in group.split(",") if name] for group in groups]
    if axis is not None:
        if axes is not None:
            raise TypeError("cannot specify both 'axis' and 'axes'")
        if any(len(names) > 1 for names in core) or len({n for c in core for n in c}) != 1:
            raise TypeError(
                f"{ufunc.__name__}: axis can only be used with a single shared core dimension, "
                f"not with more than one; the signature is {ufunc.signature}"
            )
        axes = [axis] * (len(inputs) + keepdims)
    if axes is None:
        axes = [tuple(range(-len(names), 0)) for names in core[: ufunc.nin]]
    places = [place if isinstance(place, tuple) else (place,) for place in axes]
    if len(places) == ufunc.nin:
        places.append((-1,) if keepdims else tuple(range(-len(core[-1]), 0)))
    ends = [tuple(range(-len(place), 0)) for place in places]
    moved = [
        shapes.moveaxis(x, place, end)
        for x, place, end in zip(map(operand, inputs), places, ends, strict=False)
    ]
    ans = call(*moved)
    if keepdims:
        return shapes.expand_dims(ans, places[-1])
    return shapes.moveaxis(ans, ends[-1], places[-1]) if places[-1] else ans
