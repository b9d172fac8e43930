"""Functions of single elements: arithmetic, powers, exponentials, circular functions, comparisons,
choices."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from functrans import primitives as p
from functrans.core.interpreter import stack
from functrans.core.primitive import primitive_of
from functrans.core.types import WEAK, dtype_of, shape_of
from functrans.torch import dtypes, return_types
from functrans.torch.derivative_free import derivative_free
from functrans.torch.engine import EngineArray
from functrans.torch.operands import (
    cast,
    common_dtype,
    floating,
    promoted,
    tensor_array,
    unwrap,
)
from functrans.torch.outputs import written_to
from functrans.torch.tensor import Tensor, check_sizes, wrap

F = TypeVar("F", bound=Callable[..., Any])

_new: Any = object.__new__


def _unary(name: str, function: Any, *, real: bool = True) -> Any:
    """The torch function of a primitive; `real` makes integers floating-point numbers first."""
    primitive = primitive_of(function)

    def call(input: Tensor, out: Tensor | None = None) -> Tensor:
        if out is not None:
            return written_to(name, call(input), out)  # type: ignore[no-any-return]
        a = input.array if type(input) is Tensor else tensor_array(input, name)
        if real and (type(a) is not EngineArray or a.index is None) and a.dtype.kind not in "fc":
            a = floating(a)
        ans = stack.top.unary(primitive, a)  # type: ignore[union-attr]
        if type(ans) is not EngineArray:
            return wrap(ans)
        new: Tensor = _new(Tensor)  # as `wrap` does, without the call
        new.array = ans
        return new

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Elementwise: `numpy.{primitive.name}`."
    return call


abs = absolute = _unary("abs", p.absolute, real=False)
neg = negative = _unary("neg", p.negative, real=False)
positive = _unary("positive", p.positive, real=False)
_square = _unary("square", p.square, real=False)
isnan = _unary("isnan", p.isnan, real=False)
isinf = _unary("isinf", p.isinf, real=False)
isfinite = _unary("isfinite", p.isfinite, real=False)
logical_not = _unary("logical_not", p.logical_not, real=False)
bitwise_not = _unary("bitwise_not", p.invert, real=False)
_conjugate = _unary("conj", p.conjugate, real=False)


def conj(input: Tensor) -> Tensor:
    """The conjugates of complex numbers; real ones as they are."""
    return _conjugate(input) if input.is_complex() else input


exp = _unary("exp", p.exp)
exp2 = _unary("exp2", p.exp2)
expm1 = _unary("expm1", p.expm1)
log = _unary("log", p.log)
log2 = _unary("log2", p.log2)
log10 = _unary("log10", p.log10)
log1p = _unary("log1p", p.log1p)
sqrt = _unary("sqrt", p.sqrt)
reciprocal = _unary("reciprocal", p.reciprocal)
sin = _unary("sin", p.sin)
cos = _unary("cos", p.cos)
tan = _unary("tan", p.tan)
asin = arcsin = _unary("asin", p.arcsin)
acos = arccos = _unary("acos", p.arccos)
atan = arctan = _unary("atan", p.arctan)
sinh = _unary("sinh", p.sinh)
cosh = _unary("cosh", p.cosh)
tanh = _unary("tanh", p.tanh)
asinh = arcsinh = _unary("asinh", p.arcsinh)
acosh = arccosh = _unary("acosh", p.arccosh)
atanh = arctanh = _unary("atanh", p.arctanh)
sigmoid = _unary("sigmoid", p.sigmoid)
relu = _unary("relu", p.relu, real=False)
sinc = _unary("sinc", p.sinc)
deg2rad = _unary("deg2rad", p.deg2rad)
rad2deg = _unary("rad2deg", p.rad2deg)


def _constant(a: Any, ans: Any) -> Tensor:
    """A step function of `a`, which in PyTorch stays in the graph with gradients of zero."""
    if dtype_of(ans).kind in "fc" and dtype_of(a) == dtype_of(ans):
        ans = p.where(np.False_, a, ans)
    return wrap(ans)


def _step(name: str, function: Any) -> Any:
    def call(input: Tensor) -> Tensor:
        a = tensor_array(input, name)
        return _constant(a, function(a))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Elementwise: `numpy.{name}`."
    return call


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1, and 0 for NaN."""
    a = tensor_array(input, "sign")
    if dtype_of(a).kind == "b":
        return wrap(a)
    if dtype_of(a).kind == "f":
        return _constant(a, p.where(p.isnan(a), _zero(a), p.sign(a)))
    return _constant(a, p.sign(a))


def square(input: Tensor) -> Tensor:
    """The elements times themselves."""
    a = tensor_array(input, "square")
    return (
        wrap(p.multiply(cast(a, np.dtype(int)), 1)) if dtype_of(a).kind == "b" else (_square(input))
    )


floor = _step("floor", p.floor)
ceil = _step("ceil", p.ceil)
trunc = fix = _step("trunc", p.trunc)


def sgn(input: Tensor) -> Tensor:
    """`sign`; of complex numbers the one of absolute value 1 in their direction, or 0."""
    a = tensor_array(input, "sgn")
    return wrap(p.sign(a)) if dtype_of(a).kind == "c" else sign(input)


signbit = _unary("signbit", p.signbit, real=False)
conj_physical = conj


def _resolved(name: str) -> Any:
    def resolve(input: Tensor) -> Tensor:
        return input

    resolve.__name__ = resolve.__qualname__ = name
    resolve.__doc__ = "The tensor itself: nothing is put off."
    return resolve


resolve_conj, resolve_neg = _resolved("resolve_conj"), _resolved("resolve_neg")


def isreal(input: Tensor) -> Tensor:
    """Where the imaginary part is 0."""
    a = tensor_array(input, "isreal")
    return wrap(p.equal(p.imag(a), 0) if dtype_of(a).kind == "c" else p.equal(a, a) | True)


def _infinite(name: str, sign: float) -> Any:
    def call(input: Tensor) -> Tensor:
        a = tensor_array(input, name)
        if dtype_of(a).kind == "c":
            raise RuntimeError(f"{name} does not support complex inputs.")
        return wrap(p.equal(a, sign * math.inf))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Where the elements are {'-' if sign < 0 else ''}infinity."
    return call


isposinf, isneginf = _infinite("isposinf", 1), _infinite("isneginf", -1)


def frexp(input: Tensor) -> Any:
    """Mantissas between 1/2 and 1, and exponents of 2."""
    a = tensor_array(input, "frexp")
    if dtype_of(a).kind != "f":
        raise RuntimeError(f"torch.frexp() only supports floating-point dtypes, not {input.dtype}")
    mantissa, exponent = np.frexp(a)
    return return_types.frexp(wrap(mantissa), wrap(exponent))


def rsqrt(input: Tensor) -> Tensor:
    """``1 / sqrt(input)``."""
    return reciprocal(sqrt(input))  # type: ignore[no-any-return]


def frac(input: Tensor) -> Tensor:
    """The fractional part, with the sign of the element."""
    return sub(input, trunc(input))


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The elements rounded to a number of decimals, halves to even."""
    a = tensor_array(input, "round")
    return wrap(a) if a.dtype.kind in "iub" else _constant(a, p.round(a, decimals=decimals))


def _zero(a: Any) -> Any:
    return dtype_of(a).type(0)


def angle(input: Tensor) -> Tensor:
    """The angle of complex numbers."""
    a = floating(tensor_array(input, "angle"))
    if dtype_of(a).kind == "c":
        return wrap(p.angle(a))
    turned = p.where(p.less(a, 0), dtype_of(a).type(math.pi), _zero(a))
    return _constant(a, p.where(p.isnan(a), a, turned))


# Two operands


def _binary(name: str, function: Any, *, real: bool = False) -> Any:
    """The torch function of a primitive whose operands promote."""
    primitive = primitive_of(function)

    def call(input: Any, other: Any) -> Tensor:
        a, b = promoted(unwrap(input, name), unwrap(other, name))
        if real:
            a, b = floating(a), floating(b) if type(b) not in WEAK else b
        try:
            return wrap(stack.top.binary(primitive, a, b))  # type: ignore[union-attr]
        except ValueError:
            check_sizes(a, b)
            raise

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Elementwise: `numpy.{primitive.name}`."
    return call


mul = multiply = _binary("mul", p.multiply)
maximum = _binary("maximum", p.maximum)
minimum = _binary("minimum", p.minimum)


def _number_first(name: str, before: Any) -> Any:
    """The extreme that follows numbers, of equal ones the first with all of the derivative."""

    def call(input: Tensor, other: Tensor) -> Tensor:
        a, b = promoted(tensor_array(input, name), tensor_array(other, name))
        if dtype_of(a).kind == "c":
            raise NotImplementedError(f"{name} does not support complex tensors")
        first = before(a, b)
        if dtype_of(b).kind == "f":
            first = p.logical_or(first, p.isnan(b))
        return wrap(p.where(first, a, b))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Elementwise: `numpy.{name}`, with all of the derivative for the first of ties."
    return call


fmax = _number_first("fmax", p.greater_equal)
fmin = _number_first("fmin", p.less_equal)
eq = _binary("eq", p.equal)
ne = not_equal = _binary("ne", p.not_equal)
lt = less = _binary("lt", p.less)
le = less_equal = _binary("le", p.less_equal)
gt = greater = _binary("gt", p.greater)
ge = greater_equal = _binary("ge", p.greater_equal)
logical_and = _binary("logical_and", p.logical_and)
logical_or = _binary("logical_or", p.logical_or)
logical_xor = _binary("logical_xor", p.logical_xor)
bitwise_and = _binary("bitwise_and", p.bitwise_and)
bitwise_or = _binary("bitwise_or", p.bitwise_or)
bitwise_xor = _binary("bitwise_xor", p.bitwise_xor)
bitwise_left_shift = _binary("bitwise_left_shift", p.left_shift)
bitwise_right_shift = _binary("bitwise_right_shift", p.right_shift)
remainder = _binary("remainder", p.remainder)
fmod = _binary("fmod", p.fmod)
atan2 = arctan2 = _binary("atan2", p.arctan2, real=True)
hypot = _binary("hypot", p.hypot, real=True)
logaddexp = _binary("logaddexp", p.logaddexp, real=True)
logaddexp2 = _binary("logaddexp2", p.logaddexp2, real=True)
copysign = _binary("copysign", p.copysign, real=True)
nextafter = _binary("nextafter", p.nextafter, real=True)
gcd = _binary("gcd", p.gcd)
lcm = _binary("lcm", p.lcm)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below 0, 1 above, and `values` at 0."""
    a, b = tensor_array(input, "heaviside"), tensor_array(values, "heaviside")
    if "c" in (dtype_of(a).kind, dtype_of(b).kind):
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if dtype_of(a) != dtype_of(b):
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    one, zero = dtype_of(a).type(1), _zero(a)
    ans = p.where(p.greater(a, 0), one, p.where(p.equal(a, 0), b, zero))
    return derivative_free("heaviside", wrap(ans).detach().array, input, values)


def ldexp(input: Any, other: Any) -> Tensor:
    """``input * 2**other``."""
    return mul(input, pow(2.0, other))  # type: ignore[no-any-return]


def _sized(function: F) -> F:
    """The function of two tensors, with PyTorch's error for shapes that do not broadcast."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ValueError:
            tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
            for i, x in enumerate(tensors):
                for y in tensors[:i]:
                    check_sizes(y, x)
            raise

    return call  # type: ignore[return-value]


@_sized
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``input + alpha * other``."""
    a, b = promoted(unwrap(input, "add"), unwrap(other, "add"))
    return wrap(p.add(a, b if alpha == 1 else _times(b, alpha)))


def _times(b: Any, alpha: Any) -> Any:
    """An operand times a number, in its own dtype."""
    ans = p.multiply(b, alpha)
    return ans if type(b) in WEAK else cast(ans, dtype_of(b))


@_sized
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``input - alpha * other``."""
    a, b = promoted(unwrap(input, "sub"), unwrap(other, "sub"))
    truths = [type(x) is bool or dtype_of(x).kind == "b" for x in map(unwrap, (input, other))]
    if all(truths):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead."
        )
    if any(truths):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying "
            "to invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return wrap(p.subtract(a, b if alpha == 1 else _times(b, alpha)))


subtract = sub


def rsub(input: Any, other: Any) -> Tensor:
    """``other - input``."""
    return sub(other, input)


@_sized
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """``input / other``; rounded towards zero ("trunc") or down ("floor") if asked for."""
    a, b = promoted(unwrap(input, "div"), unwrap(other, "div"))
    if rounding_mode == "floor":
        return _constant(p.multiply(a, b), p.floor_divide(a, b))
    if rounding_mode == "trunc":
        if common_dtype(a, b).kind in "iu":
            return wrap(p.floor_divide(p.subtract(a, p.fmod(a, b)), b))
        quotient = p.divide(a, b)
        return _constant(quotient, p.trunc(quotient))
    if rounding_mode is not None:
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    if common_dtype(a, b).kind not in "fc":
        a, b = floating(a), floating(b)
    return wrap(p.divide(a, b))


divide = true_divide = div


def floor_divide(input: Any, other: Any) -> Tensor:
    """The quotient rounded down; PyTorch has no derivative for it."""
    return derivative_free(
        "floor_divide", div(input, other, rounding_mode="floor").detach().array, input, other
    )


@_sized
def pow(input: Any, exponent: Any) -> Tensor:
    """``input`` to the power of ``exponent``."""
    a, n = unwrap(input, "pow"), unwrap(exponent, "pow")
    if type(n) in WEAK and n == 2 and dtype_of(a).kind in "fc":
        return wrap(p.square(a))
    if type(n) is int and n < 0 and dtype_of(a).kind in "iu":
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if dtype_of(a).kind in "fc" and type(n) in WEAK and type(n) is not complex:
        return wrap(p.power(a, n))
    a, n = promoted(a, n)
    return wrap(p.power(a, n))


def float_power(input: Any, exponent: Any) -> Tensor:
    """The power in double precision."""
    kind = common_dtype(unwrap(input), unwrap(exponent)).kind
    wide = np.dtype(complex if kind == "c" else float)
    a, n = (cast(unwrap(x), wide) for x in (input, exponent))
    return wrap(p.power(wide.type(a) if type(a) in WEAK else a, n))


def xlogy(input: Any, other: Any) -> Tensor:
    """``input * log(other)``, 0 where `input` is 0."""
    a, b = promoted(unwrap(input, "xlogy"), unwrap(other, "xlogy"))
    a, b = floating(a), floating(b)
    endless = p.logical_or(p.less_equal(b, 0), p.equal(b, math.inf))
    nothing = p.logical_and(p.equal(a, 0), endless)
    return wrap(p.multiply(a, p.log(p.where(nothing, dtype_of(b).type(1), b))))


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """``input + weight * (end - input)``."""
    return add(input, mul(sub(end, input), weight))


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """``input + value * tensor1 * tensor2``."""
    return add(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """``input + value * tensor1 / tensor2``."""
    return add(input, div(tensor1, tensor2), alpha=value)


# Choices


@_sized
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, elsewhere `other`; with one argument, where it holds."""
    c = tensor_array(condition, "where")
    if input is None and other is None:
        return tuple(wrap(i) for i in np.nonzero(np.atleast_1d(c.concrete("where"))))
    if c.dtype.kind != "b":
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{dtypes.of_numpy(c.dtype)}"
        )
    a, b = promoted(unwrap(input, "where"), unwrap(other, "where"))
    dtype = common_dtype(a, b)
    a, b = (dtype.type(x) if type(x) in WEAK else x for x in (a, b))
    return wrap(p.where(c, a, b))


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """The elements between two bounds; the derivative at a bound is 1."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    a = tensor_array(input, "clamp")
    low = -math.inf if min is None else unwrap(min, "clamp")
    high = math.inf if max is None else unwrap(max, "clamp")
    if dtype_of(a).kind == "b":
        low, high = (False if min is None else low), (True if max is None else high)
        a, low, high = promoted(a, low, high)
        return wrap(p.minimum(p.maximum(a, low), high))
    if dtype_of(a).kind in "iu":
        bounds = np.iinfo(dtype_of(a))
        low = bounds.min if min is None else low
        high = bounds.max if max is None else high
    a, low, high = promoted(a, low, high)
    # NumPy's clip has derivative 1 on its bounds as well.
    return wrap(np.clip(a, low, high))


clip = clamp


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """The elements, at least `min`."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """The elements, at most `max`."""
    return clamp(input, max=max)


@_sized
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """The elements with `value` where the mask holds."""
    a, m = tensor_array(input, "masked_fill"), tensor_array(mask, "masked_fill")
    if m.dtype.kind != "b":
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype "
            f"{dtypes.of_numpy(m.dtype)}"
        )
    v = unwrap(value, "masked_fill")
    v = dtype_of(a).type(v) if type(v) in WEAK else cast(v, dtype_of(a))
    return wrap(p.where(m, v, a))


def nan_to_num(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN and infinities replaced by numbers."""
    return wrap(np.nan_to_num(tensor_array(input, "nan_to_num"), True, nan, posinf, neginf))


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Where elements are equal up to a tolerance."""
    a, b = (np.asarray(unwrap(x).concrete("isclose")) for x in (input, other))
    return wrap(np.isclose(a, b, rtol, atol, equal_nan))


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements are equal up to a tolerance."""
    return bool(isclose(input, other, rtol, atol, equal_nan).array.value.all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shape and all elements are equal."""
    a, b = unwrap(input), unwrap(other)
    return shape_of(a) == shape_of(b) and bool(
        np.array_equal(np.asarray(a.concrete("equal")), np.asarray(b.concrete("equal")))
    )


# Special functions, by SciPy


def _special(name: str, scipy_name: str) -> Any:
    def call(input: Tensor) -> Tensor:
        import scipy.special  # an extra

        return wrap(getattr(scipy.special, scipy_name)(floating(tensor_array(input, name))))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Elementwise: `scipy.special.{scipy_name}`; needs SciPy."
    return call


erf = _special("erf", "erf")
erfc = _special("erfc", "erfc")
erfinv = _special("erfinv", "erfinv")
lgamma = _special("lgamma", "gammaln")
digamma = _special("digamma", "digamma")
i0 = _special("i0", "i0")


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """``log(input / (1 - input))``, of the input clamped to ``eps`` from 0 and 1."""
    a = floating(tensor_array(input, "logit"))
    if eps is not None:
        a = clamp(wrap(a), eps, 1 - eps).array
    return wrap(p.subtract(p.log(a), p.log1p(p.negative(a))))
