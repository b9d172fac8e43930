"""Sums, products, quotients, remainders; magnitude, sign, angle and parts of complex numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.cotangent import Masked, masked
from functrans.core.kinds import elementwise, general, linear, nondifferentiable, ufunc_shape
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, dtype_of, shape_of, type_of

from .comparison import equal, isfinite, joint_dtype, logical_or, rint, where
from .samples import Sample, binary, draw, draw_complex, integers, unary

if TYPE_CHECKING:
    from functrans.core.kinds import Function

nan, inf = np.nan, np.inf

INTEGERS = Sample(np.array([1, -2, 3]), 2, label="integers")

# Sums and products.

add = elementwise("add", np.add, 1, 1, samples=binary(-2, 2, INTEGERS))
subtract = elementwise("subtract", np.subtract, 1, -1, samples=binary(-2, 2, INTEGERS))
negative = elementwise("negative", np.negative, -1, samples=unary(-2, 2))
positive = elementwise("positive", np.positive, 1, samples=unary(-2, 2))
multiply: Function = elementwise(
    "multiply",
    np.multiply,
    "y",
    "x",
    samples=binary(-2, 2, INTEGERS, Sample(0.0, inf, pinned=[inf, 0], label="0 * infinity")),
)
square = elementwise("square", np.square, lambda x: multiply(2, x), samples=unary(-2, 2))
ldexp: Function = elementwise(
    "ldexp",
    np.ldexp,
    lambda g, y: ldexp(g, y),
    ZERO,
    samples=lambda: [
        Sample(draw((3,), -1, 1), np.array([0, 3, -2])),
        Sample(draw((2, 1), -1, 1).astype(np.float32), np.array([1, 2]), label="broadcast"),
        Sample(draw((), -1, 1)[()], 2, label="0-d"),
        Sample(draw((0,), -1, 1), 1, label="empty"),
    ],
)
exponent: Function = nondifferentiable(
    "exponent",
    lambda x: np.frexp(x)[1],
    batch=lambda x: exponent(x),
    shape=lambda x: ArrayType(x.shape, np.intc),
    samples=unary(
        -4,
        4,
        Sample(np.array([0.0, np.inf, 1e-310, -8.0])),
        Sample(np.array([0.5, -8.0]), value=[0, 4]),
        complex_too=False,
    ),
)
"""The exponent of 2 with which the mantissa is between 1/2 and 1: the second part of `frexp`."""

# Quotients. Partials divide by one operand at a time: squares would overflow or vanish too early.

divide: Function = elementwise(
    "divide",
    np.divide,
    lambda g, y: divide(g, y),
    lambda ans, y: negative(divide(ans, y)),
    samples=binary(
        0.5,
        2,
        INTEGERS,
        Sample(1.0, 0.0, pinned=[inf, -inf], label="a pole"),
        Sample(2.0, inf, pinned=[0, 0], label="by infinity"),
        Sample(1e-200, 2e-200, pinned=[5e199, -2.5e199], label="tiny"),
        Sample(1e200, 2e200, pinned=[5e-201, -2.5e-201], label="huge"),
    ),
)
reciprocal = elementwise(
    "reciprocal",
    np.reciprocal,
    lambda ans: negative(square(ans)),
    samples=unary(
        0.5,
        2,
        Sample(0.0, pinned=[-inf], label="a pole"),
        Sample(-inf, pinned=[0], label="infinity"),
    ),
)
floor_divide = nondifferentiable(
    "floor_divide", np.floor_divide, samples=binary(0.3, 4, INTEGERS, complex_too=False)
)
remainder = elementwise(
    "remainder",
    np.remainder,
    1,
    lambda x, y: negative(floor_divide(x, y)),
    samples=binary(
        0.3,
        4,
        INTEGERS,
        Sample(np.array([7.5, -7.5]), np.array([-2.0, 2.0]), pinned=[1, 4], label="signs differ"),
        Sample(5.0, inf, pinned=[1, 0], label="by infinity"),
        complex_too=False,
    ),
)
fmod = elementwise(
    "fmod",
    np.fmod,
    1,
    lambda ans, x, y: rint(divide(subtract(ans, x), y)),
    samples=binary(
        0.3,
        4,
        INTEGERS,
        Sample(np.array([7.5, -7.5]), np.array([-2.0, 2.0]), pinned=[1, 3], label="signs differ"),
        Sample(5.0, inf, pinned=[1, 0], label="by infinity"),
        Sample(0.3 - 2**-54, 0.1, pinned=[1, -2], label="below a multiple"),
        complex_too=False,
    ),
)
gcd = nondifferentiable("gcd", np.gcd, samples=integers(2))
lcm = nondifferentiable("lcm", np.lcm, samples=integers(2))

# Neighbours among floating-point numbers.

nextafter = elementwise(
    "nextafter", np.nextafter, 1, ZERO, samples=binary(-2, 2, complex_too=False)
)
spacing = nondifferentiable("spacing", np.spacing, samples=unary(-2, 2, complex_too=False))

# The parts of complex numbers. Derivatives are transposed without conjugation: the pairing of a
# cotangent with a tangent is Re(sum(g * t)).


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the parts of a complex number, any other dtype as it is."""
    return np.finfo(dtype).dtype if dtype.kind == "c" else dtype


def make_complex_impl(x: Array, y: Array) -> Array:
    out = np.empty(
        np.broadcast_shapes(np.shape(x), np.shape(y)), np.result_type(x, y, np.complex64)
    )
    out.real = x
    out.imag = y
    return out[()]


real: Function = linear(
    "real",
    lambda x: np.real(x),
    lambda g: g,
    batch=lambda x: real(x),
    shape=lambda x: ArrayType(x.shape, real_dtype(x.dtype)),
    samples=unary(-2, 2),
)
imag: Function = linear(
    "imag",
    lambda x: np.imag(x),
    lambda g: make_complex(0, negative(g)),
    batch=lambda x: imag(x),
    shape=lambda x: ArrayType(x.shape, real_dtype(x.dtype)),
    masks=None,  # a mask has no imaginary part that could move
    samples=unary(-2, 2),
)
make_complex: Function = elementwise(
    "make_complex",
    make_complex_impl,
    lambda g: real(g),
    lambda g: negative(imag(g)),
    pushes=(lambda t: make_complex(t, 0), lambda t: make_complex(0, t)),
    shape=lambda x, y: ArrayType(
        np.broadcast_shapes(x.shape, y.shape), joint_dtype(x, y, ArrayType((), np.complex64))
    ),
    samples=binary(-2, 2, complex_too=False),
)
conjugate: Function = elementwise(
    "conjugate", np.conjugate, lambda g: conjugate(g), samples=unary(-2, 2)
)

# Magnitude, sign and angle.


def flat(g: Array) -> Masked:
    """The cotangent of a locally constant function."""
    return Masked(np.zeros(shape_of(g), dtype_of(g)), np.zeros(shape_of(g), bool))


def sign_push(t: Array, ans: Array, x: Array) -> Array:
    if dtype_of(x).kind != "c":
        return flat(t).value
    across = imag(multiply(conjugate(ans), t))
    return divide(multiply(multiply(1j, ans), across), radius(absolute(x)))


def sign_pull(g: Array, ans: Array, x: Array) -> Array | Masked:
    if dtype_of(x).kind != "c":
        return flat(g)
    across = imag(multiply(ans, g))
    return divide(multiply(multiply(1j, conjugate(ans)), across), radius(absolute(x)))


def radius(r: Array) -> Array:
    """A distance to divide by, infinite in place of zero: the direction at the origin is 0."""
    return where(equal(r, 0), inf, r)


sign = elementwise(
    "sign",
    np.sign,
    sign_pull,
    pushes=(sign_push,),
    samples=unary(
        -2,
        2,
        Sample(np.array([-inf, -0.0, 0.0, inf]), pinned=[0], label="zeros and infinities"),
        Sample(np.array([-2.0, 0.0, 3.0]), pinned=[0], unchosen=True, label="constant"),
        Sample(0j, pinned=[0], label="complex zero"),
    ),
)


def absolute_pull(g: Array, x: Array) -> Array:
    unit = sign(x)
    return multiply(g, conjugate(unit) if dtype_of(x).kind == "c" else unit)


def absolute_push(t: Array, x: Array) -> Array:
    if dtype_of(x).kind == "c":
        return real(multiply(t, conjugate(sign(x))))
    return multiply(t, sign(x))


absolute: Function = elementwise(
    "absolute",
    np.absolute,
    absolute_pull,
    pushes=(absolute_push,),
    samples=unary(
        -2,
        2,
        Sample(np.array([-0.0, 0.0]), pinned=[0], label="the kink"),
        Sample(np.array([-inf, inf]), pinned=[np.array([-1.0, 1.0])], label="infinity"),
        Sample(np.array([0j, 3 - 4j]), pinned=[np.array([0, 0.6 + 0.8j])], label="complex kink"),
        Sample(3e200 + 4e200j, pinned=[0.6 - 0.8j], label="huge"),
    ),
)
fabs = elementwise(
    "fabs",
    np.fabs,
    lambda x: sign(x),
    samples=unary(-2, 2, Sample(0.0, pinned=[0], label="the kink"), complex_too=False),
)
copysign = elementwise(
    "copysign",
    np.copysign,
    lambda ans, x: multiply(sign(x), sign(ans)),
    ZERO,
    samples=binary(
        -2,
        2,
        Sample(np.array([3.0, -3.0]), -0.0, pinned=[np.array([-1.0, 1.0]), 0], label="sign of -0"),
        Sample(0.0, -1.0, pinned=[0, 0], label="the kink"),
        complex_too=False,
    ),
)


def angle_pull(g: Array, x: Array) -> Array | Masked:
    if dtype_of(x).kind != "c":
        return flat(g)
    return divide(make_complex(0, negative(g)), radius(x))


def angle_push(t: Array, x: Array) -> Array:
    return imag(divide(t, radius(x))) if dtype_of(x).kind == "c" else flat(t).value


angle = elementwise(
    "angle",
    lambda x: np.angle(x),
    angle_pull,
    pushes=(angle_push,),
    shape=lambda x: ufunc_shape(np.arctan2)(
        ArrayType((), int, weak=True), ArrayType(x.shape, real_dtype(x.dtype), x.weak)
    ),
    samples=unary(
        -2,
        2,
        Sample(np.array([-2.0, -0.0, 3.0]), pinned=[0], unchosen=True, label="real"),
        Sample(0j, pinned=[0], label="the origin"),
        Sample(np.array([-2 + 0j, complex(-2, -0.0)]), pinned=[0.5j], label="the branch cut"),
    ),
)

# Conversions.

astype: Function = linear(
    "astype",
    lambda x, *, dtype: np.asarray(x).astype(dtype)[()],
    lambda g, *, dtype: g,
    batch=lambda x, *, dtype: astype(x, dtype=dtype),
    shape=lambda x, *, dtype: ArrayType(x.shape, dtype),
    samples=lambda: [
        Sample(draw((3,), -2, 2), dtype=np.dtype(np.float32)),
        Sample(draw((2, 3), -2, 2).T, dtype=np.dtype(complex), label="non-contiguous, to complex"),
        Sample(draw_complex((3,), -2, 2), dtype=np.dtype(np.complex64), label="complex"),
        Sample(draw((), -2, 2)[()], dtype=np.dtype(float), label="0-d, unchanged"),
        Sample(draw((0,), -2, 2), dtype=np.dtype(np.float32), label="empty"),
        Sample(draw((3,), -2, 2), dtype=np.dtype(int), label="to integers"),
    ],
)

# What an operator among Python numbers has made is one: a graph says so by an operation of its own.
# Lanes are numbers of NumPy.


def number_type(dtype: np.dtype[Any]) -> ArrayType:
    return type_of(dtype.type().item())


python_number: Function = general(
    "python_number",
    lambda x: np.asarray(x).item(),
    pushes=(lambda t: t,),
    pulls=(lambda g: g,),
    batch=lambda x: astype(x, dtype=number_type(dtype_of(x)).dtype),
    shape=lambda x: number_type(x.dtype),
    masks="moves",
    samples=lambda: [
        Sample(draw((), -2, 2)[()], label="0-d"),
        Sample(2.5, value=2.5, label="a Python number"),
        Sample(np.float32(0.5), value=0.5, label="float32"),
        Sample(draw_complex((), -2, 2)[()], label="complex"),
        Sample(np.int64(-3), value=-3, label="integer"),
        Sample(np.bool(True), value=True, label="truth value"),
    ],
)


def cleaned(g: Array, x: Array) -> Array | Masked:
    """The tangent or cotangent of `nan_to_num`: what it replaced is constant, part by part."""
    if dtype_of(x).kind != "c":
        return masked(g, isfinite(x))
    parts = [(part(g), isfinite(part(x))) for part in (real, imag)]
    value = make_complex(*[where(kept, part, 0.0) for part, kept in parts])
    return Masked(value, logical_or(parts[0][1], parts[1][1]))


def nan_to_num_push(t: Array, x: Array) -> Array:
    return cleaned(t, x).value


nan_to_num: Function = general(
    "nan_to_num",
    lambda x, *, nan, posinf, neginf: np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf),
    pushes=(nan_to_num_push,),
    pulls=(cleaned,),
    batch=lambda x, **params: nan_to_num(x, **params),
    shape=lambda x, **params: x,
    samples=lambda: [
        Sample(draw((2, 3), -2, 2).T, nan=0.0, posinf=None, neginf=None, label="non-contiguous"),
        Sample(draw((), -2, 2)[()], nan=0.0, posinf=1.0, neginf=-1.0, label="0-d"),
        Sample(draw((0,), -2, 2), nan=0.0, posinf=None, neginf=None, label="empty"),
        Sample(
            np.array([nan, inf, -inf, 2.0]),
            nan=1.0,
            posinf=None,
            neginf=-5.0,
            pinned=[np.array([0, 0, 0, 1.0])],
            unchosen=True,
            label="NaN and infinities",
        ),
        Sample(draw_complex((2, 2), -2, 2), nan=0.0, posinf=None, neginf=None, label="complex"),
        Sample(
            np.array([complex(nan, 2), complex(1, inf), 1 + 2j]),
            nan=0.0,
            posinf=None,
            neginf=None,
            pinned=[np.array([0, 1.0, 1.0])],
            label="one part NaN",
        ),
    ],
)
