"""The ufuncs of numpy: calls with their options; their methods are tried in ufunc_methods."""

from __future__ import annotations

from functrans.core.errors import MissingRuleError
from tests.coverage.rows import Row, refused, same_as, works, zero

STEP = "piecewise constant"
TRUTH = "true or false"
WHOLE = "a function of integers"

ROWS: dict[str, Row] = {
    # arithmetic
    "absolute": works({"np.absolute(x)": "v Z", "np.absolute(x, dtype=np.float32)": "v"}),
    "add": works(
        {
            "np.add(x, y)": "v w A s z s",
            "np.add(x, 2)": "v",
            "np.add(x, y, dtype=np.float32)": "v w",
            "np.add(x, y, casting='safe')": "v w",
            "np.add(x, 1, signature='dd->d')": "v",
            "np.add([1.0, 2.0, 3.0, 4.0], x)": "A z",
        }
    ),
    "subtract": works({"np.subtract(x, y)": "v w z z2", "np.subtract(1, x)": "v"}),
    "multiply": works(
        {"np.multiply(x, y)": "v w z z2", "np.multiply(x, [1.0, 2.0, 3.0, 4.0])": "A"}
    ),
    "divide": works({"np.divide(x, y)": "v w z z2", "np.divide(x, 3, dtype=np.float32)": "v"}),
    "floor_divide": zero(STEP, {"np.floor_divide(x, y)": "v w n m"}),
    "remainder": works({"np.remainder(x, y)": "v w", "np.remainder(x, 0.7)": "A"}),
    "fmod": works({"np.fmod(x, y)": "v w", "np.fmod(x, 0.7)": "A"}),
    "divmod": works(
        {
            "np.divmod(x, y, dtype=np.float32)": "v w",
            "np.divmod(x, 0.7)": "v",
            "np.divmod(x, y)": "v w",
        }
    ),
    "negative": works({"np.negative(x)": "v z"}),
    "positive": works({"np.positive(x)": "v z"}),
    "reciprocal": works({"np.reciprocal(x)": "v z"}),
    "square": works({"np.square(x)": "v z"}),
    "sign": zero(STEP, {"np.sign(x)": "v n"}),
    "fabs": works({"np.fabs(x)": "v"}),
    "conjugate": works({"np.conjugate(x)": "v z"}),
    "copysign": works({"np.copysign(x, y)": "v w", "np.copysign(x, -1.0)": "v"}),
    "nextafter": works({"np.nextafter(x, 5.0)": "v"}),
    "spacing": zero(STEP, {"np.spacing(x)": "v"}),
    "ldexp": works({"np.ldexp(x, 3)": "v", "np.ldexp(x, y)": "v n"}),
    "frexp": works({"np.frexp(x)[0]": "v", "np.frexp(x)": "v"}),
    "modf": works({"np.modf(x)": "v"}),
    "gcd": zero(WHOLE, {"np.gcd(x, y)": "n m", "np.gcd(x, 6)": "i"}),
    "lcm": zero(WHOLE, {"np.lcm(x, y)": "n m"}),
    # powers, exponentials and logarithms
    "power": works(
        {
            "np.power(x, y)": "p v",
            "np.power(x, 3)": "v z",
            "np.power(x, -2.5)": "p",
            "np.power(2.0, x)": "v z",
            "np.power(x, y, dtype=np.float32)": "p v",
        }
    ),
    "float_power": works({"np.float_power(x, y)": "p v", "np.float_power(x, 2)": "v z"}),
    "sqrt": works({"np.sqrt(x)": "p z"}),
    "cbrt": works({"np.cbrt(x)": "v"}),
    "exp": works({"np.exp(x)": "v z", "np.exp(x, dtype=np.float32)": "v"}),
    "exp2": works({"np.exp2(x)": "v z"}),
    "expm1": works({"np.expm1(x)": "v z"}),
    "log": works({"np.log(x)": "p z"}),
    "log2": works({"np.log2(x)": "p z"}),
    "log10": works({"np.log10(x)": "p z"}),
    "log1p": works({"np.log1p(x)": "p z"}),
    "logaddexp": works({"np.logaddexp(x, y)": "v w"}),
    "logaddexp2": works({"np.logaddexp2(x, y)": "v w"}),
    "hypot": works({"np.hypot(x, y)": "v w"}),
    # circular and hyperbolic functions
    "sin": works(
        {
            "np.sin(x, dtype=np.float32)": "v",
            "np.sin(x, signature='d->d')": "n v",
            "np.sin(x)": "v z s",
        }
    ),
    "cos": works({"np.cos(x)": "v z"}),
    "tan": works({"np.tan(x)": "v z"}),
    "arcsin": works({"np.arcsin(x)": "p z"}),
    "arccos": works({"np.arccos(x)": "p z"}),
    "arctan": works({"np.arctan(x)": "v z"}),
    "arctan2": works({"np.arctan2(x, y)": "v w", "np.arctan2(1.0, x)": "v"}),
    "sinh": works({"np.sinh(x)": "v z"}),
    "cosh": works({"np.cosh(x)": "v z"}),
    "tanh": works({"np.tanh(x)": "v z"}),
    "arcsinh": works({"np.arcsinh(x)": "v z"}),
    "arccosh": works({"np.arccosh(1 + x)": "p z"}),
    "arctanh": works({"np.arctanh(x)": "p z"}),
    "deg2rad": works({"np.deg2rad(x)": "v"}),
    "degrees": works({"np.degrees(x)": "v"}),
    "rad2deg": works({"np.rad2deg(x)": "v"}),
    "radians": works({"np.radians(x)": "v"}),
    # choice
    "maximum": works({"np.maximum(x, y)": "v w", "np.maximum(x, 0)": "A"}),
    "minimum": works({"np.minimum(x, y)": "v w", "np.minimum(0.5, x)": "A"}),
    "fmax": works({"np.fmax(x, y)": "v w N A2"}),
    "fmin": works({"np.fmin(x, y)": "v w A2 N"}),
    "heaviside": works(
        {"np.heaviside(x, y)": "v w", "np.heaviside(np.array([0.0, 1.0, -1.0]), x)": "u"}
    ),
    # rounding
    "ceil": zero(STEP, {"np.ceil(x)": "v"}),
    "floor": zero(STEP, {"np.floor(x)": "v"}),
    "trunc": zero(STEP, {"np.trunc(x)": "v"}),
    "rint": zero(STEP, {"np.rint(x)": "v z"}),
    # comparisons and truth
    "equal": zero(TRUTH, {"np.equal(x, y)": "v w z z2 n m"}),
    "not_equal": zero(TRUTH, {"np.not_equal(x, y)": "v w z z2"}),
    "greater": zero(TRUTH, {"np.greater(x, y)": "v w", "np.greater(0.5, x)": "A"}),
    "greater_equal": zero(TRUTH, {"np.greater_equal(x, y)": "v w"}),
    "less": zero(TRUTH, {"np.less(x, y)": "v w"}),
    "less_equal": zero(TRUTH, {"np.less_equal(x, y)": "v w"}),
    "isfinite": zero(TRUTH, {"np.isfinite(x)": "v z N"}),
    "isinf": zero(TRUTH, {"np.isinf(x)": "v z N"}),
    "isnan": zero(TRUTH, {"np.isnan(x)": "v z N"}),
    "signbit": zero(TRUTH, {"np.signbit(x)": "v"}),
    "logical_and": zero(TRUTH, {"np.logical_and(x, y)": "v w b c"}),
    "logical_or": zero(TRUTH, {"np.logical_or(x, y)": "v w b c"}),
    "logical_xor": zero(TRUTH, {"np.logical_xor(x, y)": "v w b c"}),
    "logical_not": zero(TRUTH, {"np.logical_not(x)": "v b"}),
    # bits
    "bitwise_and": zero(WHOLE, {"np.bitwise_and(x, y)": "n m b c"}),
    "bitwise_or": zero(WHOLE, {"np.bitwise_or(x, y)": "n m b c"}),
    "bitwise_xor": zero(WHOLE, {"np.bitwise_xor(x, y)": "n m b c"}),
    "bitwise_count": zero(WHOLE, {"np.bitwise_count(x)": "n"}),
    "invert": zero(WHOLE, {"np.invert(x)": "n b"}),
    "left_shift": zero(WHOLE, {"np.left_shift(x, y)": "n m"}),
    "right_shift": zero(WHOLE, {"np.right_shift(x, 1)": "n"}),
    # products of vectors and matrices
    "matmul": works(
        {
            "np.matmul(x, y)": "A B C D u Q z z2",
            "np.matmul(x, y, axes=[(1, 0), (1, 0), (0, 1)])": "A B",
            "np.matmul(x, y, dtype=np.float32)": "A B",
        }
    ),
    "vecdot": works(
        {
            "np.vecdot(x, y, dtype=complex)": "A A2",
            "np.vecdot(x, y)": "A A2 Z Z",
            "np.vecdot(x, y, axis=0)": "A A2",
            "np.vecdot(x, y, axes=[0, 0], keepdims=True)": "Q Q",
        }
    ),
    "matvec": works({"np.matvec(x, y)": "B u C z", "np.matvec(x, y, axes=[(1, 0), 0, 0])": "A u"}),
    "vecmat": works(
        {"np.vecmat(x, y, axes=[0, (1, 0), 0])": "z.real B.T[:,:4]", "np.vecmat(x, y)": "u A"}
    ),
    # other names
    "abs": same_as("absolute"),
    "acos": same_as("arccos"),
    "acosh": same_as("arccosh"),
    "asin": same_as("arcsin"),
    "asinh": same_as("arcsinh"),
    "atan": same_as("arctan"),
    "atan2": same_as("arctan2"),
    "atanh": same_as("arctanh"),
    "bitwise_invert": same_as("invert"),
    "bitwise_left_shift": same_as("left_shift"),
    "bitwise_not": same_as("invert"),
    "bitwise_right_shift": same_as("right_shift"),
    "conj": same_as("conjugate"),
    "mod": same_as("remainder"),
    "pow": same_as("power"),
    "true_divide": same_as("divide"),
    "isnat": refused(
        "dates are no numbers",
        {"np.isnat(x)": "v"},
        (TypeError, MissingRuleError),
        "no rule|not supported",
    ),
}
