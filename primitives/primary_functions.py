"""Functions of general matrices that SciPy computes: exponentials, roots, logarithms, sines.

A primary function f of a block triangle ``[[x, t], [0, x]]`` has f(x) in its diagonal blocks and
the derivative of f at x along t in the corner. That serves every function and, as the corner is
itself made of f, every order. The transpose of ``t -> corner`` is the same with x transposed.
"""

from __future__ import annotations

import cmath
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg as sl

from functrans.core.array import TracedArray
from functrans.core.errors import ConversionError, user_line
from functrans.core.kinds import general
from functrans.core.types import Array, ArrayType, dtype_of, shape_of

from .arithmetic import astype, real
from .contraction import matrix_transpose
from .linalg import linalg_dtype, same_shape
from .matrix_equations import sylvester
from .samples import Sample, draw, draw_complex
from .shape import broadcast_to, concatenate
from .stacks import over_stacks

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.kinds import Function


def corner(function: Function, x: Array, t: Array, **params: Any) -> Array:
    """The derivative of a primary function at `x` along `t`."""
    stack = np.broadcast_shapes(shape_of(x)[:-2], shape_of(t)[:-2])
    n = shape_of(x)[-1]
    x, t = (broadcast_to(v, shape=(*stack, n, n)) for v in (x, t))
    last = len(stack) + 1
    upper = concatenate(x, t, axis=last)
    lower = concatenate(np.zeros((*stack, n, n), dtype_of(x)), x, axis=last)
    return function(concatenate(upper, lower, axis=last - 1), **params)[..., :n, n:]


def real_results(name: str) -> Callable[..., ArrayType]:
    """The shape rule of a function whose values at real matrices may be complex."""

    def shape(x: ArrayType, **params: Any) -> ArrayType:
        if linalg_dtype(x.dtype).kind != "c":
            raise ConversionError(
                f"{name}: whether the result for a real matrix is real is not known before its "
                f"values are, at {user_line()}. Give {name} a complex matrix (x.astype(complex))."
            )
        return same_shape(x)

    return shape


def primary(
    name: str,
    single: Callable[..., Any],
    samples: Callable[[], list[Sample]],
    *,
    shape: Callable[..., ArrayType] = same_shape,
) -> Function:
    """The primitive of a primary function, given for one matrix."""

    def impl(x: Array, **params: Any) -> Array:
        like = same_shape(ArrayType(x.shape, x.dtype))
        # In single precision SciPy's logarithms and powers lose half the digits.
        x = np.asarray(x, np.result_type(like.dtype, np.float64))
        return over_stacks(lambda a: single(a, **params), like, x)

    def along(x: Array, t: Array, ans: Array, params: dict[str, Any]) -> Array:
        real_arguments = {dtype_of(x).kind, dtype_of(t).kind} <= {"f"}
        if shape is same_shape or not real_arguments or values_known(t):
            return corner(function, x, t, **params)
        # It cannot be told whether the value at a block that is not known is real: it is as `ans`.
        wide = (astype(v, dtype=np.result_type(dtype_of(v), np.complex64)) for v in (x, t))
        ans_along = corner(function, *wide, **params)
        return ans_along if dtype_of(ans).kind == "c" else real(ans_along)

    def push(t: Array, x: Array, ans: Array, **params: Any) -> Array:
        return along(x, t, ans, params)

    def pull(g: Array, x: Array, ans: Array, **params: Any) -> Array:
        return along(matrix_transpose(x), g, ans, params)

    function: Function = general(
        name,
        impl,
        pushes=(push,),
        pulls=(pull,),
        batch=lambda x, **params: function(x, **params),
        shape=shape,
        samples=samples,
    )
    return function


def values_known(x: Array) -> bool:
    """Whether operations on an array see the values of its elements."""
    return not isinstance(x, TracedArray) or x.interpreter.values_known


def small_samples(function: Callable[[float], float], *hard: Sample) -> Callable[[], list[Sample]]:
    """Samples of any square matrices of moderate size, for the function of these of a function of
    numbers."""
    return lambda: [
        Sample(draw((3, 3), -1, 1)),
        Sample(draw((2, 2, 2), -1, 1), label="stack"),
        Sample(draw((3, 3), -1, 1, 1)[::-1].T, label="non-contiguous"),
        Sample(draw((2, 2), -1, 1).astype(np.float32), label="float32"),
        Sample(draw_complex((2, 2), -1, 1), label="complex"),
        Sample(np.array([[0.5]]), value=[[function(0.5)]], label="1 x 1"),
        Sample(np.zeros((2, 2)), label="zero"),
        Sample(np.array([[0.5, 1.0], [0.0, 0.5]]), label="a Jordan block"),
        Sample(np.zeros((0, 0)), label="0 x 0"),
        Sample(np.zeros((0, 2, 2)), label="empty stack"),
        *hard,
    ]


def positive_samples(
    function: Callable[[complex], complex], *hard: Sample, **params: Any
) -> Callable[[], list[Sample]]:
    """Samples of matrices whose eigenvalues lie to the right of the origin, for the function of
    these of a function of numbers."""

    def right(shape: Any, seed: int = 0) -> Array:
        return 0.5 * draw(shape, -1, 1, seed) + 2 * np.eye(shape[-1])

    def samples() -> list[Sample]:
        return [
            Sample(right((3, 3)) + 0j, label="complex", **params),
            Sample(right((2, 2, 2)) + 0.5j * np.eye(2), label="stack", **params),
            Sample(
                (right((2, 2)) + 0.5j * np.eye(2)).T.astype(np.complex64),
                label="complex64",
                **params,
            ),
            Sample(np.array([[2.0 + 1j]]), value=[[function(2 + 1j)]], label="1 x 1", **params),
            Sample(np.array([[2.0, 1.0], [0.0, 2.0]]) + 0j, label="a Jordan block", **params),
            Sample(np.eye(2) + 0j, label="the identity", **params),
            Sample(np.zeros((0, 2, 2), complex), label="empty stack", **params),
            *hard,
        ]

    return samples


expm = primary(
    "expm", sl.expm, small_samples(math.exp, Sample(np.diag([-30.0, 3.0]), label="far apart"))
)
cosm = primary("cosm", sl.cosm, small_samples(math.cos))
sinm = primary("sinm", sl.sinm, small_samples(math.sin))
coshm = primary("coshm", sl.coshm, small_samples(math.cosh))
sinhm = primary("sinhm", sl.sinhm, small_samples(math.sinh))
logm = primary("logm", sl.logm, positive_samples(cmath.log), shape=real_results("logm"))
signm = primary(
    "signm",
    sl.signm,
    positive_samples(
        lambda x: 1,
        Sample(np.array([[2.0, 1.0 + 1j], [0.5, -1.0]]), label="both sides"),
        Sample(draw_complex((2, 3, 3), -1, 1), label="stack, both sides"),
    ),
    shape=real_results("signm"),
)
matrix_power = primary(
    "fractional_matrix_power",
    lambda x, *, exponent: sl.fractional_matrix_power(x, exponent),
    lambda: [
        *positive_samples(lambda x: x**0.3, exponent=0.3)(),
        *positive_samples(lambda x: x**-1.5, exponent=-1.5)()[:3],
    ],
    shape=real_results("fractional_matrix_power"),
)


# The square root has a rule of its own: root @ t_root + t_root @ root = t.


def sqrtm_push(t: Array, ans: Array) -> Array:
    return sylvester(ans, ans, t)


def sqrtm_pull(g: Array, ans: Array) -> Array:
    transposed = matrix_transpose(ans)
    return sylvester(transposed, transposed, g)


def sqrtm_impl(x: Array) -> Array:
    like = same_shape(ArrayType(x.shape, x.dtype))
    return over_stacks(sl.sqrtm, like, np.asarray(x, like.dtype))


sqrtm: Function = general(
    "sqrtm",
    sqrtm_impl,
    pushes=(sqrtm_push,),
    pulls=(sqrtm_pull,),
    batch=lambda x: sqrtm(x),
    shape=real_results("sqrtm"),
    samples=positive_samples(cmath.sqrt),
)
