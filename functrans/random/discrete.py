"""Discrete distributions, choices and permutations. Their numbers have no derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import functrans.numpy as fnp
from functrans import primitives as p
from functrans.core.errors import InputTypeError, user_line
from functrans.core.types import Array, Shape, dtype_of, is_plain, shape_of, type_of
from functrans.numpy.axes import one_axis
from functrans.numpy.operands import operand
from functrans.random.arguments import (
    DOUBLE,
    check_key,
    check_shape,
    common_dtype,
    common_shape,
    in_dtype,
    keys_of,
    parameters,
    spread,
)
from functrans.random.continuous import gumbels, positive_units, units

LONG = np.dtype(np.int64)


def bernoulli(key: Any, p: Any = 0.5, shape: Any = None) -> Array:
    """Booleans that are true with probability `p`.

    Parameters
    ----------
    key : key
    p : array_like
    shape : int or tuple of int, optional
        `p` broadcasts to it; default: its shape.

    Returns
    -------
    ndarray of bool
        Without derivative: what depends on them through an expectation needs another estimator.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.bernoulli(ft.random.key(0), 0.5, 4)
    array([ True,  True, False, False])
    """
    key = check_key("bernoulli", key)
    return _below(key, *parameters("bernoulli", shape, None, p=p))


def _below(key: Array, shape: Shape, dtype: np.dtype[Any], values: list[Array]) -> Array:
    return p.less(units(key, shape, dtype), values[0])


def randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = int) -> Array:
    """Whole numbers from `minval` to below `maxval`, all equally likely.

    Parameters
    ----------
    key : key
    shape : int or tuple of int
        The bounds broadcast to it.
    minval, maxval : array_like of int
    dtype : dtype
        Of integers.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        There is no number to choose, or one that `dtype` cannot hold.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.randint(ft.random.key(0), 5, 0, 10)
    array([9, 8, 4, 5, 1])
    """
    key = check_key("randint", key)
    kind = np.dtype(dtype)
    first, end = operand(minval), operand(maxval)
    if kind.kind not in "iu" or any(dtype_of(x).kind not in "biu" for x in (first, end)):
        raise InputTypeError(
            f"random.randint: bounds of type {type_of(first)} and {type_of(end)} and dtype {kind}, "
            f"at {user_line()}; they must be integers"
        )
    shape = common_shape("randint", shape, minval=first, maxval=end)
    last = end - 1 if type(end) is int else p.subtract(in_dtype(end, _wide(end)), 1)
    return p.random_integers(
        key, *(spread(in_dtype(x, _wide(x)), shape) for x in (first, last)), dtype=kind
    )


def _wide(x: Array) -> np.dtype[Any]:
    """The dtype of 64 bits that holds a bound."""
    unsigned = x > 2**63 - 1 if type(x) is int else dtype_of(x) == np.uint64
    return np.dtype(np.uint64) if unsigned else LONG


def permutation(key: Any, x: Any, axis: int = 0, independent: bool = False) -> Array:
    """An array with its elements along an axis in random order, or the first numbers so.

    Parameters
    ----------
    key : key
    x : array_like or int
        A number n stands for ``numpy.arange(n)``.
    axis : int
    independent : bool
        Each row along the axis gets an order of its own.

    Returns
    -------
    ndarray
        Differentiable by `x`.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.permutation(ft.random.key(0), 5)
    array([1, 0, 4, 3, 2])
    """
    key = check_key("permutation", key)
    if not isinstance(x, int | np.integer):
        x = operand(x)
        if shape_of(x):
            return _permuted(key, x, one_axis(axis, len(shape_of(x))), independent)
    (n,) = check_shape("permutation", x)
    return _order(key, (n,), 0)


def _order(key: Array, shape: Shape, axis: int) -> Array:
    """Indices along an axis in random order."""
    return fnp.argsort(p.random_bits(key, shape=shape, width=64), axis=axis, stable=True)


def _permuted(key: Array, x: Array, axis: int, independent: bool) -> Array:
    shape = shape_of(x)
    if independent:
        return fnp.take_along_axis(x, _order(key, shape, axis), axis)
    return fnp.take(x, _order(key, (shape[axis],), 0), axis=axis)


def choice(
    key: Any, a: Any, shape: Any = (), replace: bool = True, p: Any = None, axis: int = 0
) -> Array:
    """Elements of an array (or of the first numbers) chosen at random.

    Parameters
    ----------
    key : key
    a : array_like or int
        A number n stands for ``numpy.arange(n)``.
    shape : int or tuple of int
    replace : bool
        An element may be chosen more than once.
    p : array_like, optional
        The probability of each element along the axis; default: all are equally likely. They need
        not sum to 1.
    axis : int

    Returns
    -------
    ndarray
        With `shape` in place of the axis. Differentiable by `a`, not by `p`.

    Raises
    ------
    ValueError
        More elements are wanted than there are, or `p` has another length.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.random.choice(ft.random.key(0), np.array([1.0, 2.0, 4.0]), 4)
    array([1., 1., 4., 2.])
    """
    key = check_key("choice", key)
    wanted = check_shape("choice", shape)
    array = None if isinstance(a, int | np.integer) else operand(a)
    if array is not None and not shape_of(array):
        raise InputTypeError(
            f"random.choice: a is {type_of(array)}, at {user_line()}; it must be an int or have an "
            "axis to choose from"
        )
    axis = 0 if array is None else one_axis(axis, len(shape_of(array)))
    n = int(a) if array is None else shape_of(array)[axis]
    chosen = _chosen(key, n, wanted, replace, None if p is None else operand(p))
    return chosen if array is None else fnp.take(array, chosen, axis=axis)


def _chosen(key: Array, n: int, shape: Shape, replace: bool, weights: Array | None) -> Array:
    """Indices below n."""
    count = math.prod(shape)
    if count == 0:
        return np.zeros(shape, LONG)
    if n <= 0 or (not replace and count > n):
        raise ValueError(
            f"random.choice: {count} elements of {n} cannot be chosen"
            f"{'' if replace or n <= 0 else ' without replacement'}, at {user_line()}"
        )
    if weights is None:
        if replace:
            return randint(key, shape, 0, n)
        return p.reshape(fnp.take(_order(key, (n,), 0), np.arange(count)), shape=shape)
    if shape_of(weights) != (n,):
        raise ValueError(
            f"random.choice: p has shape {shape_of(weights)}, at {user_line()}; it must have one "
            f"probability for each of {n} elements"
        )
    chances = in_dtype(weights, DOUBLE)
    if replace:
        # A drawn number in (0, total] lies in the step of its element, which is never one of
        # probability 0.
        ends = fnp.cumsum(chances)
        at = p.subtract(1.0, units(key, shape, DOUBLE))
        return fnp.searchsorted(ends, p.multiply(at, ends[-1]))
    possible = p.greater(chances, 0.0)
    if is_plain(possible) and possible.sum() < count:
        raise ValueError(
            f"random.choice: {count} different elements are wanted, at {user_line()}, but p is "
            f"greater than 0 for {possible.sum()} alone"
        )
    logarithms = p.where(possible, p.log(p.where(possible, chances, 1.0)), -math.inf)
    keys = p.add(gumbels(key, (n,), DOUBLE), logarithms)
    order = fnp.argsort(p.negative(keys), stable=True)
    return p.reshape(fnp.take(order, np.arange(count)), shape=shape)


def categorical(
    key: Any, logits: Any, axis: int = -1, shape: Any = None, replace: bool = True
) -> Array:
    """Indices along an axis, drawn with probabilities proportional to ``exp(logits)``.

    Parameters
    ----------
    key : key
    logits : array_like
    axis : int
        Runs over the categories.
    shape : int or tuple of int, optional
        Ends with the shape of `logits` without the axis, which is the default.
    replace : bool
        False: the indices along the axes that `shape` has in front all differ.

    Returns
    -------
    ndarray of int

    Raises
    ------
    ValueError
        A shape that does not end so, or more indices without replacement than categories.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.random.categorical(ft.random.key(0), np.log([0.1, 0.1, 0.8]), shape=6)
    array([2, 2, 2, 1, 1, 2])
    """
    key = check_key("categorical", key)
    logits = operand(logits)
    kind = common_dtype("categorical", None, (logits,))
    if not shape_of(logits):
        raise ValueError(
            f"random.categorical: logits must have an axis of categories, at {user_line()}"
        )
    axis = one_axis(axis, len(shape_of(logits)))
    rest = shape_of(logits)[:axis] + shape_of(logits)[axis + 1 :]
    wanted = rest if shape is None else check_shape("categorical", shape)
    front = wanted[: len(wanted) - len(rest)]
    if (*front, *rest) != wanted:
        raise ValueError(
            f"random.categorical: shape={shape!r} must end with {rest}, which is that of logits "
            f"without its axis {axis}, at {user_line()}"
        )
    logits = in_dtype(logits, kind)
    if replace:
        noise = gumbels(key, (*front, *shape_of(logits)), kind)
        return fnp.argmax(p.add(noise, logits), axis=len(front) + axis)
    count, categories = math.prod(front), shape_of(logits)[axis]
    if count > categories:
        raise ValueError(
            f"random.categorical: {count} different indices of {categories} categories cannot be "
            f"drawn, at {user_line()}"
        )
    scores = p.add(logits, gumbels(key, shape_of(logits), kind))
    order = fnp.moveaxis(fnp.argsort(p.negative(scores), axis=axis, stable=True), axis, 0)
    return p.reshape(fnp.take(order, np.arange(count), axis=0), shape=wanted)


def binomial(key: Any, n: Any, p: Any, shape: Any = None, dtype: Any = int) -> Array:
    """How many of `n` trials succeed, each with probability `p`.

    Parameters
    ----------
    key : key
    n : array_like
        Whole numbers from 0 to 2**62.
    p : array_like
        From 0 to 1.
    shape : int or tuple of int, optional
        The parameters broadcast to it; default: their common shape.
    dtype : dtype

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        A parameter outside of its range.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.binomial(ft.random.key(0), 100, 0.3, 4)
    array([22, 38, 33, 31])
    """
    key = check_key("binomial", key)
    shape, _, (n, p) = parameters("binomial", shape, DOUBLE, n=n, p=p)
    return _counts(_binomial(key, n, p, shape), dtype)


def _binomial(key: Array, n: Array, chance: Array, shape: Shape) -> Array:
    return p.random_binomial(key, spread(n, shape), spread(chance, shape))


def _counts(x: Array, dtype: Any) -> Array:
    return in_dtype(x, np.dtype(dtype))


def multinomial(key: Any, n: Any, p: Any, shape: Any = None, dtype: Any = int) -> Array:
    """How often each of several outcomes comes in `n` trials.

    Parameters
    ----------
    key : key
    n : array_like
        Broadcasts to the leading axes of `p`.
    p : array_like, shape (..., k)
        The probabilities of the outcomes; they need not sum to 1.
    shape : int or tuple of int, optional
        What comes before the last axis.
    dtype : dtype

    Returns
    -------
    ndarray, shape (..., k)

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.random.multinomial(ft.random.key(0), 100, np.array([0.2, 0.3, 0.5]))
    array([22, 36, 42])
    """
    key = check_key("multinomial", key)
    chances = in_dtype(operand(p), DOUBLE)
    if not shape_of(chances):
        raise ValueError(f"random.multinomial: p must have an axis of outcomes, at {user_line()}")
    trials = in_dtype(operand(n), DOUBLE)
    *inner, k = shape_of(chances)
    lead = common_shape("multinomial", shape, n=trials, p=np.empty(inner))
    return _counts(_multinomial(key, trials, chances, lead, k), dtype)


def _multinomial(key: Array, left: Array, chances: Array, shape: Shape, k: int) -> Array:
    """One outcome after another: it takes its share of the trials that those before have left."""
    # Of each outcome and those behind it, summed from the last on, so that the last share is 1.
    rest = fnp.flip(fnp.cumsum(fnp.flip(chances, -1), axis=-1), -1)
    counts = []
    for i, subkey in enumerate(keys_of(key, k)):
        behind = rest[..., i]
        nothing = p.equal(behind, 0.0)
        share = p.divide(chances[..., i], p.where(nothing, 1.0, behind))
        count = _binomial(subkey, left, p.where(nothing, 0.0, share), shape)
        counts.append(count)
        left = p.subtract(left, count)
    return fnp.stack(counts, axis=-1) if counts else np.zeros((*shape, 0), LONG)


def poisson(key: Any, lam: Any, shape: Any = None, dtype: Any = int) -> Array:
    """Counts of the Poisson distribution.

    Parameters
    ----------
    key : key
    lam : array_like
        The mean, from 0 to 2**62.
    shape : int or tuple of int, optional
        `lam` broadcasts to it; default: its shape.
    dtype : dtype

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        A mean outside of its range.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.poisson(ft.random.key(0), 4.0, 6)
    array([8, 3, 5, 9, 3, 3])
    """
    key = check_key("poisson", key)
    shape, _, (lam,) = parameters("poisson", shape, DOUBLE, lam=lam)
    return _counts(p.random_poisson(key, spread(lam, shape)), dtype)


def geometric(key: Any, p: Any, shape: Any = None, dtype: Any = int) -> Array:
    """The number of the first trial that succeeds, each with probability `p`.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.geometric(ft.random.key(0), 0.3, 5)
    array([3, 5, 1, 2, 2])
    """
    key = check_key("geometric", key)
    shape, _, values = parameters("geometric", shape, DOUBLE, p=p)
    return _counts(_first(key, shape, values[0]), dtype)


def _first(key: Array, shape: Shape, chance: Array) -> Array:
    u = positive_units(key, shape, DOUBLE)
    sure = p.equal(chance, 1.0)
    failure = p.log1p(p.negative(p.where(sure, 0.5, chance)))
    failures = p.where(sure, 0.0, p.floor(p.divide(p.log(u), failure)))
    return p.minimum(p.add(failures, 1.0), LARGEST)


LARGEST = float(2**63 - 1024)  # the last float64 that is a whole number of 64 bits
