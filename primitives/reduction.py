"""Sums, products, extrema, norms and other reductions over axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.algebra import algebra
from functrans.core.cotangent import Masked, masked
from functrans.core.kinds import align, nondifferentiable, reduction
from functrans.core.types import Array, ArrayType, Shape, dtype_of, shape_of

from .arithmetic import astype, conjugate, divide, multiply, real, real_dtype, subtract
from .comparison import not_equal, where
from .cumulative import accumulated_dtype, prod_others
from .samples import Sample, draw, draw_complex

if TYPE_CHECKING:
    from functrans.core.kinds import Function

Axes = tuple[int, ...]


def reducing(ufunc: np.ufunc) -> Function:
    """The implementation by a ufunc's ``reduce``, with the axes in the form that NumPy takes
    fastest."""
    reduce: Function = ufunc.reduce

    def impl(x: Array, *, axes: Axes, keepdims: bool = False) -> Array:
        # By position: keywords cost a tenth of the call.
        return reduce(x, axes[0] if len(axes) == 1 else axes, None, None, keepdims)

    made: Any = impl
    made.positional_reduce = reduce  # programs of graphs call it themselves
    return impl


# Axes, lost and kept.


def kept_shape(shape: Shape, axes: Axes) -> Shape:
    """The shape with the axes reduced to 1."""
    return tuple([1 if i in axes else n for i, n in enumerate(shape)])


def axes_size(shape: Shape, axes: Axes) -> int:
    """The number of elements that are reduced to one."""
    size = 1
    for a in axes:
        size *= shape[a]
    return size


def restore_axes(a: Array, shape: Shape, axes: Axes) -> Array:
    """An array reduced from `shape`, with the lost axes back as 1 where broadcasting needs it."""
    own = shape_of(a)
    if not own:
        return a
    kept = kept_shape(shape, axes)
    return a if own == kept else algebra.reshape(a, shape=kept)


def spread(x: np.generic, shape: Shape) -> Array:
    """A scalar in every place of a shape: ``np.broadcast_to`` without its costly iterator."""
    return np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))  # read-only, as the scalar is


def expand_reduced(a: Array, shape: Shape, axes: Axes) -> Array:
    """An array reduced from `shape`, stretched back to it."""
    if issubclass(type(a), np.generic):  # a constant to all interpreters
        return spread(a, shape)
    return algebra.broadcast_to(restore_axes(a, shape, axes), shape=shape)


def flatten_axes(x: Array, axes: Axes) -> Array:
    """`x` with the axes moved to its end and merged into one."""
    shape = shape_of(x)
    others = tuple([i for i in range(len(shape)) if i not in axes])
    order = others + axes
    if order != tuple(range(len(shape))):
        x = algebra.transpose(x, axes=order)
    return algebra.reshape(x, shape=(*(shape[i] for i in others), axes_size(shape, axes)))


def unflatten_axes(x: Array, shape: Shape, axes: Axes) -> Array:
    """Undo :func:`flatten_axes` for an array that had this shape."""
    order = tuple([i for i in range(len(shape)) if i not in axes]) + axes
    x = algebra.reshape(x, shape=tuple([shape[i] for i in order]))
    if order == tuple(range(len(shape))):
        return x
    return algebra.transpose(x, axes=tuple([order.index(i) for i in range(len(shape))]))


def floating_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Integers and bools are averaged in float64."""
    return np.dtype(np.float64) if dtype.kind in "biu" else dtype


def floating(x: Array) -> Array:
    x = np.asarray(x)
    return x.astype(np.float64) if x.dtype.kind in "biu" else x


def magnitude_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of averaged absolute values."""
    return real_dtype(floating_dtype(dtype))


def axes_samples(low: float, high: float, *hard: Sample, complex_too: bool = True) -> Any:
    """Samples of a reduction on ``[low, high]``: choices of axes, dtypes, and `hard` points."""

    def samples() -> list[Sample]:
        regular = [
            Sample(draw((3,), low, high), axes=(0,)),
            Sample(draw((2, 3), low, high, 1), axes=(0,)),
            Sample(draw((2, 3, 4), low, high, 2), axes=(0, 2), keepdims=True),
            Sample(draw((2, 3), low, high, 3).T, axes=(0, 1), label="non-contiguous"),
            Sample(draw((3, 2), low, high, 4).astype(np.float32), axes=(1,), label="float32"),
            Sample(draw((1, 3), low, high, 5), axes=(0,), label="one element"),
        ]
        if complex_too:
            regular.append(Sample(draw_complex((2, 3), low, high, 6), axes=(1,), label="complex"))
        return regular + list(hard)

    return samples


NO_AXES = Sample(np.array([[0.7, 1.1, 1.9], [0.6, 1.6, 0.9]]), axes=(), label="no axes")
SCALAR = Sample(np.float64(1.3), axes=(), label="0-d")
EMPTY = Sample(np.zeros((0, 3)), axes=(0,), label="empty")
INTEGERS = Sample(np.array([[1, 0], [2, 3]], np.int8), axes=(0,), label="small integers")


# Sums and products.

added = reducing(np.add)

sum = reduction(
    "sum",
    added,
    transpose=lambda g, x_type, *, axes, keepdims=False: expand_reduced(g, x_type.shape, axes),
    dtype=accumulated_dtype,
    samples=axes_samples(-1, 1, NO_AXES, SCALAR, EMPTY, INTEGERS),
)


def mean_impl(x: Array, *, axes: Axes, keepdims: bool = False) -> Array:
    total = added(floating(x), axes=axes, keepdims=keepdims)
    count = axes_size(np.shape(x), axes)
    if count:
        return total / count
    with np.errstate(invalid="ignore"):  # of nothing it is NaN
        return total / np.zeros((), total.dtype)


def mean_transpose(g: Array, x_type: ArrayType, *, axes: Axes, keepdims: bool = False) -> Array:
    share = divide(g, axes_size(x_type.shape, axes) or 1)
    return expand_reduced(share, x_type.shape, axes)


mean = reduction(
    "mean",
    mean_impl,
    transpose=mean_transpose,
    dtype=floating_dtype,
    samples=axes_samples(
        *(-1, 1, NO_AXES, SCALAR, INTEGERS),
        Sample(np.zeros((0, 3)), axes=(1,), label="of no rows"),  # the mean of nothing is NaN
    ),
)
"""The sum divided by the number of elements, in one operation: every loss ends with it."""


def product_of_others(x: Array, axes: Axes) -> Array:
    """For every element the product of the others reduced with it: the derivative of `prod`."""
    if len(axes) == 1:
        return prod_others(x, axis=axes[0])
    flat = flatten_axes(x, axes)
    return unflatten_axes(prod_others(flat, axis=len(shape_of(flat)) - 1), shape_of(x), axes)


def prod_push(t: Array, x: Array, *, axes: Axes, keepdims: bool = False) -> Array:
    return sum(multiply(t, product_of_others(x, axes)), axes=axes, keepdims=keepdims)


def prod_pull(g: Array, x: Array, *, axes: Axes, keepdims: bool = False) -> Array:
    return multiply(restore_axes(g, shape_of(x), axes), product_of_others(x, axes))


prod = reduction(
    "prod",
    reducing(np.multiply),
    push=prod_push,
    pull=prod_pull,
    dtype=accumulated_dtype,
    samples=axes_samples(
        0.5,
        2,
        NO_AXES,
        SCALAR,
        EMPTY,
        INTEGERS,
        Sample(np.array([2.0, 0.0, 3.0]), axes=(0,), label="one zero"),
        Sample(np.array([[2.0, 0.0], [0.0, 3.0]]), axes=(0, 1), label="two zeros"),
        Sample(np.array([2.0, 0.0, 3.0]), axes=(0,), pinned=[[0.0, 6.0, 0.0]], label="exactly"),
        Sample(
            np.array([1e-200, 1e-200, 1e250]),
            axes=(0,),
            pinned=[[1e-200 * 1e250, 1e-200 * 1e250, 0.0]],
            label="underflow",
        ),
    ),
)


# Extrema. Elements that tie for the extremum share its cotangent evenly.


def attained_impl(x: Array, y: Array) -> Array:
    same = np.equal(x, y)
    undefined = np.not_equal(y, y)
    if np.count_nonzero(undefined):
        return same | (undefined & np.not_equal(x, x))
    return same


attained: Function = nondifferentiable(
    "attained",
    attained_impl,
    batch=lambda x, y, *, batched: attained(*align((x, y), batched)),
    shape=lambda x, y: ArrayType(np.broadcast_shapes(x.shape, y.shape), bool),
    samples=lambda: [
        Sample(np.array([[1.0, 2.0], [2.0, 0.0]]), 2.0, value=[[0, 1], [1, 0]]),
        Sample(np.array([[np.nan, 2.0], [2.0, 0.0]]), np.array([np.nan, 2.0]), label="NaN"),
        Sample(np.zeros((0, 2)), np.zeros(2), label="empty"),
    ],
)
"""Where the elements of `x` are `y`, NaN being NaN."""


def extremum_push(t: Array, ans: Array, x: Array, *, axes: Axes, keepdims: bool = False) -> Array:
    chosen = attained(x, restore_axes(ans, shape_of(x), axes))
    total = sum(where(chosen, t, 0), axes=axes, keepdims=keepdims)
    count = count_nonzero(chosen, axes=axes, keepdims=keepdims)
    return divide(total, astype(count, dtype=dtype_of(t)))


def extremum_pull(g: Array, ans: Array, x: Array, *, axes: Axes, keepdims: bool = False) -> Masked:
    shape = shape_of(x)
    chosen = attained(x, restore_axes(ans, shape, axes))
    count = count_nonzero(chosen, axes=axes, keepdims=True)
    return masked(divide(restore_axes(g, shape, axes), astype(count, dtype=dtype_of(g))), chosen)


max = reduction(
    "max",
    reducing(np.maximum),
    push=extremum_push,
    pull=extremum_pull,
    samples=axes_samples(
        -1,
        1,
        NO_AXES,
        SCALAR,
        INTEGERS,
        Sample(np.zeros((2, 0)), axes=(0,), label="empty"),
        Sample(
            np.array([1.0, 3.0, 3.0]),
            axes=(0,),
            pinned=[[0.0, 0.5, 0.5]],
            unchosen=True,
            label="ties",
        ),
        Sample(np.array([1.0, np.nan]), axes=(0,), pinned=[[0.0, 1.0]], label="NaN"),
        Sample(np.full(4, -np.inf), axes=(0,), pinned=[[0.25] * 4], label="infinite ties"),
    ),
)
min = reduction(
    "min",
    reducing(np.minimum),
    push=extremum_push,
    pull=extremum_pull,
    samples=axes_samples(
        -1,
        1,
        NO_AXES,
        SCALAR,
        INTEGERS,
        Sample(np.zeros((2, 0)), axes=(0,), label="empty"),
        Sample(
            np.array([1.0, 3.0, 1.0]),
            axes=(0,),
            pinned=[[0.5, 0.0, 0.5]],
            unchosen=True,
            label="ties",
        ),
        Sample(np.array([1.0, np.nan]), axes=(0,), pinned=[[0.0, 1.0]], label="NaN"),
        Sample(np.full(4, np.inf), axes=(0,), pinned=[[0.25] * 4], label="infinite ties"),
    ),
)


def position(name: str, impl: Any, first: int) -> Any:
    """A primitive for the index of an extremum along one axis: `first` is that of 1, 0, 2, 0, 2."""

    def shape(x: ArrayType, *, axis: int, keepdims: bool = False) -> ArrayType:
        end = (1,) if keepdims else ()
        return ArrayType(x.shape[:axis] + end + x.shape[axis + 1 :], np.intp)

    call = nondifferentiable(
        name,
        lambda x, *, axis, keepdims=False: impl(x, axis=axis, keepdims=keepdims),
        batch=lambda x, *, axis, keepdims=False: call(x, axis=axis + 1, keepdims=keepdims),
        shape=shape,
        samples=lambda: [
            Sample(draw((3,), -1, 1), axis=0),
            Sample(draw((2, 3), -1, 1).T, axis=1, keepdims=True, label="non-contiguous"),
            Sample(np.array([1, 0, 2, 0, 2.0]), axis=0, value=first, label="ties"),
            Sample(np.array([1.0, np.nan, np.nan]), axis=0, label="NaN"),
        ],
    )
    return call


argmax = position("argmax", np.argmax, 2)
argmin = position("argmin", np.argmin, 1)


# Truth and counts.


def truth_samples(*values: int) -> Any:
    """Samples of a function that counts; `values` are those of 0 zeros, 1 and 2 among two."""
    counted = Sample(np.array([[1, 2], [0, 2], [0, 0]]), axes=(1,), value=values, label="zeros")
    return axes_samples(-1, 1, NO_AXES, SCALAR, EMPTY, INTEGERS, counted)


def count_nonzero_impl(x: Array, *, axes: Axes, keepdims: bool = False) -> Array:
    if len(axes) == np.ndim(x) and not keepdims:
        return np.intp(np.count_nonzero(x))
    return np.count_nonzero(x, axis=axes, keepdims=keepdims)


any = reduction(
    "any",
    reducing(np.logical_or),
    dtype=lambda dtype: bool,
    differentiable=False,
    samples=truth_samples(True, True, False),
)
all = reduction(
    "all",
    reducing(np.logical_and),
    dtype=lambda dtype: bool,
    differentiable=False,
    samples=truth_samples(True, False, False),
)
count_nonzero = reduction(
    "count_nonzero",
    count_nonzero_impl,
    dtype=lambda dtype: np.intp,
    differentiable=False,
    samples=truth_samples(2, 1, 0),
)


# Norms and spreads.


def conj_if_complex(x: Array) -> Array:
    return conjugate(x) if dtype_of(x).kind == "c" else x


def euclidean(x: Array, axes: Axes) -> Array:
    """numpy.linalg.norm's formula, with axes kept."""
    if len(axes) == x.ndim:
        flat = x.ravel(order="K")
        parts = (flat.real, flat.imag) if x.dtype.kind == "c" else (flat,)
        squares = np.add.reduce([p.dot(p) for p in parts])
        return np.sqrt(squares).reshape((1,) * x.ndim)
    squares = (x.conj() * x).real if x.dtype.kind == "c" else x * x
    return np.sqrt(np.add.reduce(squares, axis=axes, keepdims=True))


def norm_impl(x: Array, *, axes: Axes, keepdims: bool = False) -> Array:
    x = floating(x)
    with np.errstate(over="ignore", under="ignore"):
        out = euclidean(x, axes)
        limits = np.finfo(x.dtype)
        unsafe = (out < np.sqrt(limits.tiny / limits.eps)) | np.isinf(out)
        if np.count_nonzero(unsafe):
            # The squares were out of range: once more, in units of the largest element.
            top = np.maximum.reduce(np.abs(x), axis=axes, keepdims=True, initial=0)
            unsafe &= np.isfinite(top) & (top > 0)
            unit = np.where(unsafe, top, 1).astype(out.dtype)
            if x.dtype.kind == "c":  # a complex quotient loses what is subnormal
                scaled = np.empty_like(x)
                scaled.real, scaled.imag = x.real / unit, x.imag / unit
            else:
                scaled = x / unit
            out = np.where(unsafe, unit * euclidean(scaled, axes), out)
    return out if keepdims else np.squeeze(out, axis=axes)[()]


def direction(ans: Array, x: Array, axes: Axes) -> Array:
    """``conj(x) / norm(x)``, the derivative of `norm`; 0 at 0."""
    length = restore_axes(ans, shape_of(x), axes)
    return where(not_equal(length, 0), divide(conj_if_complex(x), length), 0)


norm = reduction(
    "norm",
    norm_impl,
    push=lambda t, ans, x, *, axes, keepdims=False: sum(
        real(multiply(t, direction(ans, x, axes))), axes=axes, keepdims=keepdims
    ),
    pull=lambda g, ans, x, *, axes, keepdims=False: multiply(
        restore_axes(g, shape_of(x), axes), direction(ans, x, axes)
    ),
    dtype=magnitude_dtype,
    samples=axes_samples(
        0.5,
        2,
        NO_AXES,
        SCALAR,
        INTEGERS,
        Sample(np.zeros((0, 3)), axes=(0,), smooth=False, label="empty"),
        Sample(np.zeros(3), axes=(0,), pinned=[[0.0] * 3], label="zero"),
        Sample(np.zeros(2, complex), axes=(0,), pinned=[[0.0] * 2], label="complex zero"),
        Sample(
            np.array([[0.0, 3.0], [0.0, 4.0]]),
            axes=(0,),
            pinned=[[[0.0, 0.6], [0.0, 0.8]]],
            label="zero beside others",
        ),
        Sample(np.array([3e200, 4e200]), axes=(0,), pinned=[[0.6, 0.8]], label="huge"),
        Sample(np.array([3e-200, 4e-200]), axes=(0,), pinned=[[0.6, 0.8]], label="tiny"),
        Sample(
            np.array([3e-310, 4e-310j]),
            axes=(0,),
            smooth=False,
            value=5e-310,
            label="complex subnormal",
        ),
    ),
)
"""The Euclidean norm. Where NumPy's squares overflow or underflow, this one is still accurate."""


def deviation(x: Array, axes: Axes) -> Array:
    """The conjugate distance from the mean."""
    mean = divide(sum(x, axes=axes, keepdims=True), axes_size(shape_of(x), axes))
    return conj_if_complex(subtract(x, mean))


def doubled_share(a: Array, shape: Shape, axes: Axes, ddof: float) -> Array:
    """``2 * a / (n - ddof)``; as in NumPy the divisor is never below 0."""
    freedom = axes_size(shape, axes) - ddof
    return divide(multiply(2, a), freedom if freedom > 0 else 0)


# That the mean moves along with the elements cancels exactly: the deviations sum to 0.


def var_push(t: Array, x: Array, *, axes: Axes, ddof: float = 0, keepdims: bool = False) -> Array:
    total = sum(real(multiply(t, deviation(x, axes))), axes=axes, keepdims=keepdims)
    return doubled_share(total, shape_of(x), axes, ddof)


def var_pull(g: Array, x: Array, *, axes: Axes, ddof: float = 0, keepdims: bool = False) -> Array:
    shape = shape_of(x)
    share = doubled_share(restore_axes(g, shape, axes), shape, axes, ddof)
    return multiply(share, deviation(x, axes))


var = reduction(
    "var",
    lambda x, *, axes, ddof=0, keepdims=False: np.var(x, axis=axes, ddof=ddof, keepdims=keepdims),
    push=var_push,
    pull=var_pull,
    dtype=magnitude_dtype,
    samples=axes_samples(
        -1,
        1,
        NO_AXES,
        SCALAR,
        INTEGERS,
        Sample(draw((4,), -1, 1), axes=(0,), ddof=1),
        Sample(draw((3, 2), -1, 1), axes=(0, 1), ddof=0.5, keepdims=True),
        Sample(draw_complex((3,), -1, 1), axes=(0,), ddof=1, label="complex"),
        Sample(np.full(3, 0.5), axes=(0,), pinned=[[0.0] * 3], label="constant"),
        Sample(
            1e8 + np.array([-1.0, 0.0, 1.0]),
            axes=(0,),
            pinned=[[-2 / 3, 0.0, 2 / 3]],
            label="far from 0",
        ),
    ),
)
"""Variance over axes; the divisor is the number of elements less `ddof`."""
