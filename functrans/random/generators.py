"""The methods of generators that stand among the arguments of transformed functions.

Parameters may be traced. Numbers of location and scale are drawn in standard form, as NumPy does
it, and then scaled and moved; the others are drawn by primitives with derivatives of their own. The
values are NumPy's to the bit, and the generator is left as NumPy would leave it.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, NoReturn

import numpy as np

import functrans.numpy as fnp
from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.errors import MissingRuleError, RandomnessError, user_line
from functrans.core.generators import METHODS
from functrans.core.interpreter import Interpreter, stack
from functrans.core.types import Array, Shape, shape_of
from functrans.numpy.operands import contains_traced, operand
from functrans.primitives import random_generators as g
from functrans.random.arguments import check_shape
from functrans.transforms.staging import Stage, StageArray

FLOAT = np.dtype(float)
COUNT = np.dtype(np.int64)


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Enter a method under the name of its function.

    The generator's own is called where nothing is traced and no graph is made.
    """
    name = function.__name__

    def method(source: Any, *args: Any, **kwargs: Any) -> Any:
        _check_place(source)
        if isinstance(source, TracedArray) or contains_traced([*args, *kwargs.values()]):
            return function(source, *args, **kwargs)
        return getattr(source, name)(*args, **kwargs)

    METHODS[name] = method
    return function


def _check_place(source: Any) -> None:
    """Raise if a graph is being made that does not have the generator as input."""
    root = source
    while isinstance(root, TracedArray):
        root.check_active()
        if type(root) is StageArray:
            break
        root = root.underlying.source
    active: Interpreter | None = stack.top
    while active is not None and not (isinstance(active, Stage) and not active.at_once):
        active = active.parent
    if active is not None and not (type(root) is StageArray and root.interpreter is active):
        raise RandomnessError(
            f"a generator is drawn from in {active!r}, at {user_line()}, whose graph it is no "
            "input of: its numbers would be the same in every run. Draw before it and pass the "
            "numbers in, or draw with functrans.random and a key, which a loop may split or fold "
            "the step into."
        )


def _shape(size: Any, *parameters: Array) -> Shape:
    """The shape of one lane's numbers."""
    broadcast = np.broadcast_shapes(*map(shape_of, parameters))
    if size is None:
        return broadcast
    shape = check_shape("Generator", size)
    if np.broadcast_shapes(shape, broadcast) != shape:
        raise ValueError(
            f"Output size {shape} is not compatible with broadcast dimensions of inputs "
            f"{broadcast}."
        )
    return shape


def _draw(
    source: Any,
    method: str,
    parameters: tuple[Any, ...],
    shape: Shape,
    dtype: Any = FLOAT,
    options: tuple[tuple[str, Any], ...] = (),
) -> Array:
    operands = map(operand, parameters)
    return p.generator_draw(
        source, *operands, method=method, shape=shape, dtype=np.dtype(dtype), options=options
    )


def _check_scale(name: str, x: Array) -> None:
    """NumPy's error for a negative scale, as far as its value is known."""
    while isinstance(x, TracedArray):
        x = x.underlying
    if x is not None and np.any(np.less(x, 0)):
        raise ValueError(f"{name} < 0")


# Numbers without parameters.


def _standard(name: str, options: tuple[str, ...]) -> None:
    def method(source: Any, size: Any = None, dtype: Any = np.float64, **more: Any) -> Any:
        kind = np.dtype(dtype)
        given = (("dtype", kind.name), *((k, more[k]) for k in options if k in more))
        unknown = set(more) - set(options) - {"out"}
        if unknown or more.get("out") is not None:
            raise MissingRuleError(
                f"Generator.{name}: {'out' if not unknown else sorted(unknown)[0]} cannot be given "
                f"to a traced generator, at {user_line()}. Use what the method returns."
            )
        return _draw(source, name, (), _shape(size), kind, given)

    method.__name__ = name
    _method(method)


_standard("random", ())
_standard("standard_normal", ())
_standard("standard_exponential", ("method",))


@_method
def standard_cauchy(source: Any, size: Any = None) -> Any:
    return _draw(source, "standard_cauchy", (), _shape(size))


# Location and scale.


@_method
def normal(source: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    return _scaled(source, "standard_normal", (), loc, scale, size)


def _scaled(source: Any, method: str, args: Any, loc: Any, scale: Any, size: Any) -> Any:
    loc, scale = operand(loc), operand(scale)
    _check_scale("scale", scale)
    noise = _draw(source, method, args, _shape(size, loc, scale))
    return p.add(loc, p.multiply(scale, noise))


@_method
def laplace(source: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    return _scaled(source, "laplace", (0.0, 1.0), loc, scale, size)


@_method
def gumbel(source: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    return _scaled(source, "gumbel", (0.0, 1.0), loc, scale, size)


@_method
def logistic(source: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
    return _scaled(source, "logistic", (0.0, 1.0), loc, scale, size)


@_method
def uniform(source: Any, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
    low, high = operand(low), operand(high)
    width = p.subtract(high, low)
    _check_scale("high - low", width)
    return p.add(low, p.multiply(width, _draw(source, "random", (), _shape(size, low, high))))


@_method
def exponential(source: Any, scale: Any = 1.0, size: Any = None) -> Any:
    scale = operand(scale)
    _check_scale("scale", scale)
    return p.multiply(scale, _draw(source, "standard_exponential", (), _shape(size, scale)))


@_method
def rayleigh(source: Any, scale: Any = 1.0, size: Any = None) -> Any:
    scale = operand(scale)
    _check_scale("scale", scale)
    return p.multiply(scale, _draw(source, "rayleigh", (1.0,), _shape(size, scale)))


# Gamma variables and what is made of them.


@_method
def standard_gamma(
    source: Any, shape: Any, size: Any = None, dtype: Any = np.float64, out: Any = None
) -> Any:
    if np.dtype(dtype) != FLOAT or out is not None:
        raise MissingRuleError(
            f"Generator.standard_gamma: dtype and out cannot be given with a traced shape, at "
            f"{user_line()}. Use what the method returns, and its astype."
        )
    shape = operand(shape)
    return p.generator_standard_gamma(source, shape, shape=_shape(size, shape))


@_method
def gamma(source: Any, shape: Any, scale: Any = 1.0, size: Any = None) -> Any:
    shape, scale = operand(shape), operand(scale)
    _check_scale("scale", scale)
    numbers = p.generator_standard_gamma(source, shape, shape=_shape(size, shape, scale))
    return p.multiply(scale, numbers)


@_method
def chisquare(source: Any, df: Any, size: Any = None) -> Any:
    df = operand(df)
    half = p.divide(df, 2.0)
    return p.multiply(2.0, p.generator_standard_gamma(source, half, shape=_shape(size, df)))


@_method
def f(source: Any, dfnum: Any, dfden: Any, size: Any = None) -> Any:
    dfnum, dfden = operand(dfnum), operand(dfden)
    shape = _shape(size, dfnum, dfden)
    # NumPy draws numerator and denominator of one element before those of the next.
    halves = [p.broadcast_to(p.divide(x, 2.0), shape=shape) for x in (dfnum, dfden)]
    pairs = p.generator_standard_gamma(source, fnp.stack(halves, axis=-1), shape=(*shape, 2))
    top, bottom = (p.multiply(2.0, pairs[..., i]) for i in range(2))
    return p.divide(p.multiply(top, dfden), p.multiply(bottom, dfnum))


# What is drawn element by element with its parameters.


def _by_elements(name: str, *parameters: str, dtype: Any = FLOAT, **defaults: float) -> None:
    names = (*parameters, *defaults)
    signature = Signature(
        [Parameter(n, _EITHER) for n in parameters]
        + [Parameter(n, _EITHER, default=value) for n, value in defaults.items()]
        + [Parameter("size", _EITHER, default=None)]
    )
    call: Any = g.WITHOUT.get(name) or getattr(p, f"generator_{name}", None)

    def method(source: Any, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = [operand(bound.arguments[n]) for n in names]
        shape = _shape(bound.arguments["size"], *given)
        if call is None:
            return _draw(source, name, tuple(given), shape, dtype)
        return call(source, *given, shape=shape)

    method.__name__ = name
    _method(method)


_EITHER = Parameter.POSITIONAL_OR_KEYWORD
_by_elements("beta", "a", "b")
_by_elements("weibull", "a")
_by_elements("power", "a")
_by_elements("pareto", "a")
_by_elements("lognormal", mean=0.0, sigma=1.0)
_by_elements("wald", "mean", "scale")
_by_elements("triangular", "left", "mode", "right")
_by_elements("standard_t", "df")
_by_elements("vonmises", "mu", "kappa")
_by_elements("noncentral_chisquare", "df", "nonc")
_by_elements("noncentral_f", "dfnum", "dfden", "nonc")
_by_elements("binomial", "n", "p", dtype=COUNT)
_by_elements("poisson", dtype=COUNT, lam=1.0)
_by_elements("geometric", "p", dtype=COUNT)
_by_elements("negative_binomial", "n", "p", dtype=COUNT)
_by_elements("hypergeometric", "ngood", "nbad", "nsample", dtype=COUNT)
_by_elements("logseries", "p", dtype=COUNT)
_by_elements("zipf", "a", dtype=COUNT)


@_method
def integers(
    source: Any,
    low: Any,
    high: Any = None,
    size: Any = None,
    dtype: Any = np.int64,
    endpoint: bool = False,
) -> Any:
    low, high = (0, low) if high is None else (low, high)
    low, high = operand(low), operand(high)
    kind = np.dtype(dtype)
    options = (("dtype", kind.name), ("endpoint", bool(endpoint)))
    return _draw(source, "integers", (low, high), _shape(size, low, high), kind, options)


# Choices and orders.


def _pick(source: Any, method: str, arguments: tuple[Any, ...], shape: Shape) -> Array:
    return p.generator_pick(source, method=method, arguments=arguments, lanes=(), shape=shape)


@_method
def permutation(source: Any, x: Any, axis: int = 0) -> Any:
    if isinstance(x, int | np.integer):
        return _pick(source, "permutation", (int(x),), (int(x),))
    x = operand(x)
    n = shape_of(x)[axis]
    return fnp.take(x, _pick(source, "permutation", (n,), (n,)), axis=axis)


@_method
def shuffle(source: Any, x: Any, axis: int = 0) -> None:
    x[...] = permutation(source, x, axis)


@_method
def choice(
    source: Any,
    a: Any,
    size: Any = None,
    replace: bool = True,
    p: Any = None,
    axis: int = 0,
    shuffle: bool = True,
) -> Any:
    if contains_traced([p]):
        raise MissingRuleError(
            f"Generator.choice: p is traced, at {user_line()}; a choice has no derivative by its "
            "probabilities. Apply functrans.stop_gradient to p, or draw with "
            "functrans.random.choice and a key."
        )
    whole = isinstance(a, int | np.integer)
    array = None if whole else operand(a)
    n = int(a) if array is None else shape_of(array)[axis]
    shape = () if size is None else check_shape("Generator.choice", size)
    chances = None if p is None else tuple(np.asarray(p, float).tolist())
    chosen = _pick(
        source, "choice", (n, None if size is None else shape, replace, chances, 0, shuffle), shape
    )
    return chosen if array is None else fnp.take(array, chosen, axis=axis)


# What traced generators do not do.


def _refused(name: str, remedy: str) -> None:
    def method(source: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise MissingRuleError(
            f"numpy.random.Generator.{name} takes no traced parameters and cannot draw in vmap or "
            f"in a graph, at {user_line()}. {remedy}"
        )

    method.__name__ = name
    _method(method)


for _name, _remedy in {
    "multivariate_normal": "Write mean + numpy.linalg.cholesky(cov) @ rng.standard_normal(n).",
    "dirichlet": "Write g / numpy.sum(g) with g = rng.standard_gamma(alpha).",
    "multinomial": "Draw with functrans.random.multinomial and a key.",
    "multivariate_hypergeometric": "Draw with rng.hypergeometric, one kind after another.",
    "permuted": "Draw with functrans.random.permutation, independent=True and a key.",
    "bytes": "Draw with rng.integers.",
    "spawn": "Spawn generators outside and pass them as arguments.",
}.items():
    _refused(_name, _remedy)
