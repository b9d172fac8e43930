"""Programs at their hard points, with the exact first and second derivatives.

Each entry is a program of `x` (as users write it, a scalar or an array whose elements are summed)
and its points: ``(x, first, second)``. The derivatives are mathematics, written out by hand or
evaluated with mpmath; none was read off the output of functrans. ``first`` has the shape of `x`,
``second`` that of `x` twice; for a function of single elements ``second`` has the shape of `x` as
well and stands for the diagonal. None: no value is claimed (a kink, where no limit exists).
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np

inf, nan, pi = np.inf, np.nan, np.pi
LOG2, TINY = 0.6931471805599453, 4.248354255291589e-18
"""The logarithm of 2, and exp(-40)."""

I2 = np.eye(2)

X = [-1.0, 0.0, 4.0]
"""The point at which lanes are selected: outside a domain, at its edge, inside."""

Point = tuple[Any, Any, Any]

SELECTION: dict[str, list[Point]] = {
    "np.where(x > 0, np.log(x), 0)": [(X, [0, 0, 1 / 4], [0, 0, -1 / 16])],
    "np.where(x > 0, np.sqrt(x), x)": [(X, [1, 1, 1 / 4], [0, 0, -1 / 32])],
    "np.where(x > 0, np.sqrt(x * x * x), 0) * 1.0": [(X, [0, 0, 3], [0, 0, 0.375])],
    "np.where(x > 0, x**-0.5, 0)": [(X, [0, 0, -1 / 16], [0, 0, 3 / 128])],
    "np.where(x > 0, 1 / x, 0)": [(X, [0, 0, -1 / 16], [0, 0, 1 / 32])],
    "np.where(x > 0, x * np.log(x), 0)": [(X, [0, 0, 2.386294361119891], [0, 0, 1 / 4])],
    "np.where(x > 0, np.log(np.where(x > 0, x, 1)), 0)": [(X, [0, 0, 1 / 4], [0, 0, -1 / 16])],
    "np.where(x > 0, np.exp(np.log(np.where(x > 0, x, 0))), 0)": [(X, [0, 0, 1], [0, 0, 0])],
    "np.where(x > 0, np.log(np.sqrt(x)), 0)": [(X, [0, 0, 1 / 8], [0, 0, -1 / 32])],
    "np.where(x == 0, 1, np.sin(x) / x)": [(0.0, 0, 0)],
    "np.where(np.abs(x) < 1, np.sqrt(1 - x**2), 0)": [
        (0.6, -0.75, -1.953125),
        (1.0, 0, 0),
        (-2.0, 0, 0),
    ],
    "np.where(x >= 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x)))": [
        ([-800.0, 0.0, 800.0], [0, 0.25, 0], [0, 0, 0]),
        (-40.0, TINY, TINY),
        (40.0, TINY, -TINY),
    ],
    "np.select([x > 0, x == 0], [np.log(x), 2 * x], -x)": [(X, [-1, 2, 1 / 4], [0, 0, -1 / 16])],
    "np.piecewise(x, [x > 0, x < 0], [np.log, lambda t: -t, 7])": [
        (X, [-1, 0, 1 / 4], [0, 0, -1 / 16])
    ],
    "np.choose((x > 0).astype(int), [2 * x, np.log(x)], mode='clip')": [
        (X, [2, 2, 1 / 4], [0, 0, -1 / 16])
    ],
    "np.nan_to_num(np.log(x))": [(X, [0, 0, 1 / 4], [0, 0, -1 / 16])],
    "np.sqrt(np.maximum(x, 0.0))": [(-1.0, 0, 0), (4.0, 1 / 4, -1 / 32)],
    "np.sqrt(np.fmax(0.0, x))": [(-1.0, 0, 0), (4.0, 1 / 4, -1 / 32)],
    "np.sqrt(np.clip(x, 0, None))": [(-1.0, 0, 0), (4.0, 1 / 4, -1 / 32)],
    "np.sqrt(np.maximum(x, 1e-300) * (x > 0))": [(X, [0, 0, 1 / 4], [0, 0, -1 / 32])],
    "np.log(np.clip(x, 1.0, None))": [(X, [0, 0, 1 / 4], [0, 0, -1 / 16])],
    "np.minimum(np.sqrt(x), 1.0)": [(4.0, 0, 0), (0.25, 1, -2)],
    "np.fmin(np.log(x), 5.0)": [(-1.0, 0, 0), (4.0, 1 / 4, -1 / 16)],
    "np.sum(np.log(x), where=x > 0)": [(X, [0, 0, 1 / 4], np.diag([0, 0, -1 / 16]))],
    "np.mean(np.sqrt(x), where=x > 0)": [(X, [0, 0, 1 / 4], np.diag([0, 0, -1 / 32]))],
    "np.prod(np.sqrt(x), where=x > 0)": [(X, [0, 0, 1 / 4], np.diag([0, 0, -1 / 32]))],
    "np.max(np.sqrt(x), where=x > 0, initial=1.0)": [(X, [0, 0, 1 / 4], np.diag([0, 0, -1 / 32]))],
    "np.nansum(np.log(x))": [([-1.0, 4.0], [0, 1 / 4], np.diag([0, -1 / 16]))],
    "np.nanmean(np.sqrt(x))": [([-1.0, 4.0], [0, 1 / 4], np.diag([0, -1 / 32]))],
    "np.nanmax(np.sqrt(x))": [([-1.0, 4.0], [0, 1 / 4], np.diag([0, -1 / 32]))],
    "np.nanprod(np.sqrt(x))": [([-1.0, 4.0], [0, 1 / 4], np.diag([0, -1 / 32]))],
    "np.nanvar(np.log(x))": [
        ([-1.0, 4.0, 4.0], [0, 0, 0], [[0] * 3, [0, 1 / 32, -1 / 32], [0, -1 / 32, 1 / 32]])
    ],
    "np.nanstd(np.log(x))": [([-1.0, 4.0, 4.0], [0, 0, 0], None)],
    "np.nanmedian(np.sqrt(x))": [([-1.0, 4.0], [0, 1 / 4], np.diag([0, -1 / 32]))],
    # The distances of all pairs, without those of a point to itself.
    "np.where(np.eye(2) > 0, 0, np.sqrt((x[:, None] - x) ** 2))": [
        ([1.0, 4.0], [-2, 2], np.zeros((2, 2)))
    ],
    "np.where(np.sum(x**2, 1) > 0, np.sqrt(np.sum(x**2, 1)), 0)": [
        ([[0.0, 0.0], [3.0, 4.0]], [[0, 0], [0.6, 0.8]], None)
    ],
    "np.where(np.isfinite(x), x**2, 0)": [([inf, nan, 3.0], [0, 0, 6], [0, 0, 2])],
}

LENGTHS: dict[str, list[Point]] = {  # a selection whose number of elements the values decide
    "np.sum(np.sqrt(x)[x > 0])": [(X, [0, 0, 1 / 4], np.diag([0, 0, -1 / 32]))],
    "np.sum(np.log(x[x > 0]))": [(X, [0, 0, 1 / 4], np.diag([0, 0, -1 / 16]))],
    "np.sum(np.log(np.sqrt(x))[np.flatnonzero(x > 0)])": [
        (X, [0, 0, 1 / 8], np.diag([0, 0, -1 / 32]))
    ],
    "np.sum(np.extract(x > 0, np.log(x)))": [(X, [0, 0, 1 / 4], np.diag([0, 0, -1 / 16]))],
    "np.sum(np.compress(x > 0, np.log(x)))": [(X, [0, 0, 1 / 4], np.diag([0, 0, -1 / 16]))],
    "np.sum(np.take(np.log(x), np.flatnonzero(x > 0)))": [
        (X, [0, 0, 1 / 4], np.diag([0, 0, -1 / 16]))
    ],
    "np.prod(np.sqrt(x)[x > 0])": [(X, [0, 0, 1 / 4], np.diag([0, 0, -1 / 32]))],
    "np.linalg.norm(np.sqrt(x)[x > 0])": [(X, [0, 0, 1 / 4], np.diag([0, 0, -1 / 32]))],
    "np.sum(np.delete(np.log(x), [0, 1]))": [(X, [0, 0, 1 / 4], np.diag([0, 0, -1 / 16]))],
}


def sphere(*x: float) -> Any:
    """The second derivative of the norm: ``(1 - u u^T) / r``."""
    r = np.hypot.reduce(x)
    return (np.eye(len(x)) - np.outer(x, x) / r**2) / r


def centering(n: int, scale: float) -> Any:
    """The second derivative of a variance."""
    return scale * (np.eye(n) - 1 / n)


NORMS: dict[str, list[Point]] = {
    "np.abs(x)": [(0.0, 0, 0), (-2.0, -1, 0), (-inf, -1, 0)],
    "np.abs(x) * x": [(0.0, 0, 0), (-2.0, 4, -2)],
    "np.abs(x) ** 3": [(0.0, 0, 0), (-2.0, -12, 12)],
    "np.linalg.norm(x)": [
        ([0.0, 0.0], [0, 0], np.zeros((2, 2))),
        ([3.0, 0.0, 4.0], [0.6, 0, 0.8], sphere(3, 0, 4)),
        ([0.0, -2.0], [0, -1], [[0.5, 0], [0, 0]]),
        ([[0.0, 0.0], [0.0, 0.0]], np.zeros((2, 2)), np.zeros((2, 2, 2, 2))),
        ([3e-200, 4e-200], [0.6, 0.8], None),
        ([3e200, 4e200], [0.6, 0.8], sphere(3, 4) * 1e-200),
    ],
    "np.linalg.norm(x, axis=1)": [([[0.0, 0.0], [3.0, 4.0]], [[0, 0], [0.6, 0.8]], None)],
    "np.linalg.norm(x, 1)": [([0.0, -2.0], [0, -1], np.zeros((2, 2)))],
    "np.linalg.norm(x, 1.5)": [
        ([0.0, 0.0], [0, 0], None),
        ([0.0, -2.0], [0, -1], None),
    ],
    "np.linalg.norm(x, 3)": [
        ([0.0, 0.0], [0, 0], np.zeros((2, 2))),
        ([0.0, -2.0], [0, -1], np.zeros((2, 2))),
    ],
    "np.linalg.norm(x, 4)": [
        ([0.0, 0.0], [0, 0], np.zeros((2, 2))),
        ([0.0, -2.0], [0, -1], np.zeros((2, 2))),
    ],
    "np.linalg.norm(x, np.inf)": [
        ([0.0, 0.0], [0, 0], np.zeros((2, 2))),
        ([2.0, -2.0, 1.0], [0.5, -0.5, 0], np.zeros((3, 3))),
    ],
    "np.linalg.norm(x, -np.inf)": [
        ([0.0, 0.0], [0, 0], np.zeros((2, 2))),
        ([2.0, -2.0, 3.0], [0.5, -0.5, 0], np.zeros((3, 3))),
    ],
    "np.linalg.norm(x, 0)": [([0.0, -2.0], [0, 0], np.zeros((2, 2)))],
    "np.linalg.norm(x, -1)": [([2.0, -2.0], [1 / 4, -1 / 4], [[-1 / 8, -1 / 8], [-1 / 8, -1 / 8]])],
    "np.linalg.vector_norm(x, keepdims=True)": [([0.0, 0.0], [0, 0], np.zeros((2, 2)))],
    "np.linalg.norm(x, 'fro')": [(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2, 2, 2, 2)))],
    "np.linalg.norm(x, 'nuc')": [(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2,) * 4))],
    "np.linalg.norm(x, 2)": [
        ([0.0, 0.0], [0, 0], np.zeros((2, 2))),
        (np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2,) * 4)),
        ([[2.0, 0.0], [0.0, 0.0]], [[1, 0], [0, 0]], None),
    ],
    "np.linalg.norm(x, -2)": [
        (np.zeros((2, 2)), np.zeros((2, 2)), None),
        ([[2.0, 0.0], [0.0, 0.0]], np.zeros((2, 2)), None),
    ],
    "np.std(x)": [
        ([1.0, 1.0, 1.0], [0, 0, 0], np.zeros((3, 3))),
        ([5.0], [0], [[0]]),
        ([-1.0, 1.0], [-0.5, 0.5], np.zeros((2, 2))),
    ],
    "np.var(x)": [
        ([1.0, 1.0, 1.0], [0, 0, 0], centering(3, 2 / 3)),
        ([5.0], [0], [[0]]),
        ([1e8 - 1, 1e8 + 1], [-1, 1], centering(2, 1)),
    ],
    "np.std(x, ddof=1)": [([1.0, 1.0, 1.0], [0, 0, 0], np.zeros((3, 3)))],
    "np.std(x, axis=1)": [([[2.0, 2.0], [-1.0, 1.0]], [[0, 0], [-0.5, 0.5]], None)],
    "np.nanstd(x)": [([1.0, nan, 1.0], [0, 0, 0], np.zeros((3, 3)))],
    "np.hypot(x[0], x[1])": [
        ([0.0, 0.0], [0, 0], np.zeros((2, 2))),
        ([0.0, -2.0], [0, -1], [[0.5, 0], [0, 0]]),
        ([3.0, 4.0], [0.6, 0.8], sphere(3, 4)),
        ([3e200, 4e200], [0.6, 0.8], sphere(3, 4) * 1e-200),
        ([inf, 1.0], [1, 0], np.zeros((2, 2))),
    ],
    "np.arctan2(x[0], x[1])": [
        ([0.0, 0.0], [0, 0], np.zeros((2, 2))),
        ([0.0, 2.0], [0.5, 0], [[0, -0.25], [-0.25, 0]]),
        ([0.0, -2.0], [-0.5, 0], [[0, -0.25], [-0.25, 0]]),
        ([2.0, 0.0], [0, -0.5], [[0, 0.25], [0.25, 0]]),
        ([1.0, inf], [0, 0], np.zeros((2, 2))),
        ([3e200, 4e200], [1.6e-201, -1.2e-201], np.zeros((2, 2))),
    ],
    "np.hypot(np.hypot(x[0], x[1]), x[2])": [([0.0, 0.0, 2.0], [0, 0, 1], None)],
}

FAR: dict[str, list[Point]] = {
    "np.sinc(x)": [
        (0.0, 0, -(pi**2) / 3),
        (1e-9, -3.289868133696453e-9, -(pi**2) / 3),
        (-1.1102230246251565e-16, 3.65248735001039479e-16, -(pi**2) / 3),
        (0.01, -0.0328954344817123987, -3.28889410001019583),
        (1.0, -1, 2),
        (inf, nan, nan),
    ],
    "np.sin(x) / x": [(2.0, -0.43539777497999166, -0.01925093843284925)],
    "np.expm1(x)": [
        (0.0, 1, 1),
        (-40.0, TINY, TINY),
        (-inf, 0, 0),
    ],
    "np.log1p(x)": [(0.0, 1, -1), (-1.0, inf, -inf), (1e300, 1e-300, 0), (inf, 0, 0)],
    "np.tanh(x)": [
        (0.0, 1, 0),
        (20.0, 1.6993417021166355e-17, -3.398683404233271e-17),
        (-20.0, 1.6993417021166355e-17, 3.398683404233271e-17),
        ([400.0, -800.0, inf, -inf], [1.4697582116808e-347, 0, 0, 0], [0, 0, 0, 0]),
    ],
    "np.arctan(x)": [(1e200, 0, 0), (-inf, 0, 0), (0.0, 1, 0)],
    "np.arcsinh(x)": [(1e200, 1e-200, 0), (0.0, 1, 0), (inf, 0, 0)],
    "np.exp(x)": [(-inf, 0, 0), (-800.0, 0, 0)],
    "np.exp(-(x**2))": [(0.0, 0, -2), (30.0, 0, 0), (1e100, 0, 0)],
    "np.log(x)": [(0.0, inf, -inf), (inf, 0, 0), (1e-200, 1e200, -inf)],
    "np.sqrt(x)": [(0.0, inf, -inf), (inf, 0, 0), (1e-300, 5e149, -inf)],
    "np.cbrt(x)": [  # the sign of a zero tells the side, as for the reciprocal
        (0.0, inf, -inf),
        (-0.0, inf, inf),
        (-8.0, 1 / 12, 1 / 144),
    ],
    "np.logaddexp(x[0], x[1])": [
        ([0.0, 0.0], [0.5, 0.5], [[0.25, -0.25], [-0.25, 0.25]]),
        ([-inf, -inf], [0.5, 0.5], np.zeros((2, 2))),  # a tie, as of maximum
        ([inf, inf], [0.5, 0.5], np.zeros((2, 2))),
        ([-inf, 1.0], [0, 1], np.zeros((2, 2))),
        ([inf, 1.0], [1, 0], np.zeros((2, 2))),
        ([-inf, inf], [0, 1], np.zeros((2, 2))),
        ([800.0, 0.0], [1, 0], np.zeros((2, 2))),
        (
            [-40.0, 0.0],
            [TINY, 1],
            TINY * np.array([[1, -1], [-1, 1]]),
        ),
    ],
    "np.logaddexp2(x[0], x[1])": [
        ([0.0, 0.0], [0.5, 0.5], LOG2 * np.array([[0.25, -0.25], [-0.25, 0.25]])),
        ([-inf, 1.0], [0, 1], np.zeros((2, 2))),
        ([2000.0, 0.0], [1, 0], np.zeros((2, 2))),
    ],
    "np.logaddexp(0, x)": [  # softplus
        ([-800.0, 0.0, 800.0], [0, 0.5, 1], [0, 0.25, 0]),
        (-40.0, TINY, TINY),
        (40.0, 1, TINY),
        ([-inf, inf], [0, 1], [0, 0]),
    ],
    "np.exp(-np.logaddexp(0, -x))": [  # a sigmoid
        ([-800.0, 0.0, 800.0], [0, 0.25, 0], [0, 0, 0]),
        (40.0, TINY, -TINY),
        ([-inf, inf], [0, 0], [0, 0]),
    ],
    "0.5 * (1 + np.tanh(0.5 * x))": [
        ([-800.0, 0.0, 800.0], [0, 0.25, 0], [0, 0, 0]),
        (40.0, TINY, -TINY),
        ([-inf, inf], [0, 0], [0, 0]),
    ],
    "1 / (1 + np.exp(-x))": [
        ([0.0, 800.0, inf], [0.25, 0, 0], [0, 0, 0]),
        (40.0, TINY, -TINY),
        (-40.0, TINY, TINY),
    ],
    "ft.numpy.logsumexp(x)": [
        ([1000.0, 1000.0], [0.5, 0.5], [[0.25, -0.25], [-0.25, 0.25]]),
        ([1000.0, -1000.0], [1, 0], np.zeros((2, 2))),
        ([-inf, 0.0], [0, 1], np.zeros((2, 2))),
        ([-inf, -inf], [0.5, 0.5], None),
        ([inf, 0.0], [1, 0], np.zeros((2, 2))),
    ],
    "np.logaddexp.reduce(x)": [([1000.0, 1000.0], [0.5, 0.5], [[0.25, -0.25], [-0.25, 0.25]])],
    "np.max(x) + np.log(np.sum(np.exp(x - np.max(x))))": [
        ([1000.0, 1000.0], [0.5, 0.5], [[0.25, -0.25], [-0.25, 0.25]]),
        ([1000.0, -1000.0], [1, 0], np.zeros((2, 2))),
    ],
    "(np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))))[0]": [  # softmax
        ([1000.0, 1000.0], [0.25, -0.25], np.zeros((2, 2))),
        ([1000.0, -1000.0], [0, 0], np.zeros((2, 2))),
        ([-1000.0, 1000.0], [0, 0], np.zeros((2, 2))),
    ],
    "(x - ft.numpy.logsumexp(x))[0]": [  # log_softmax
        ([1000.0, -1000.0], [0, 0], np.zeros((2, 2))),
        ([-1000.0, 1000.0], [1, -1], np.zeros((2, 2))),
    ],
}


def products(x: Any) -> tuple[Any, Any]:
    """All products that leave one element out, and all that leave two out."""
    n = len(x)
    first = [np.prod([x[k] for k in range(n) if k != i]) for i in range(n)]
    second = [
        [0 if i == j else np.prod([x[k] for k in range(n) if k not in (i, j)]) for j in range(n)]
        for i in range(n)
    ]
    return first, second


def product_points(*points: list[float]) -> list[Point]:
    return [(x, *products(x)) for x in points]


def running(x: list[float], weights: list[float]) -> Point:
    """The point of a weighted sum of running products."""
    n = len(x)
    first, second = np.zeros(n), np.zeros((n, n))
    for k in range(n):
        d, dd = products(x[: k + 1])
        first[: k + 1] += weights[k] * np.array(d)
        second[: k + 1, : k + 1] += weights[k] * np.array(dd)
    return x, first, second


ZEROS = ([2.0, 3.0, 5.0], [0.0, 2.0, 3.0], [2.0, 0.0, 0.0, 3.0], [0.0, 5.0, 0.0, 0.0], [0.0] * 5)
WEIGHTS = [1.0, -2.0, 3.0, 0.5, 7.0]

PRODUCTS: dict[str, list[Point]] = {
    "np.prod(x)": [*product_points(*ZEROS, [0.0], [0.0, 0.0])],
    "np.multiply.reduce(x)": product_points(*ZEROS),
    "np.prod(x, initial=2.0)": [
        (x, 2 * np.array(products(x)[0]), 2 * np.array(products(x)[1])) for x in ZEROS
    ],
    "np.prod(x.reshape(2, 2))": product_points([2.0, 0.0, 0.0, 3.0], [0.0, 5.0, 0.0, 0.0]),
    "np.nanprod(x)": [
        ([nan, *x], [0, *products(x)[0]], np.pad(products(x)[1], (1, 0))) for x in ZEROS
    ],
    "np.cumprod(x) @ w[: len(x)]": [running(x, WEIGHTS) for x in ZEROS],
    "np.multiply.accumulate(x) @ w[: len(x)]": [running(x, WEIGHTS) for x in ZEROS],
    "np.cumulative_prod(x) @ w[: len(x)]": [running(x, WEIGHTS) for x in ZEROS],
    "np.nancumprod(x) @ w[: len(x)]": [running(x, WEIGHTS) for x in ZEROS],
    "x[0] * x[1] * x[2]": product_points([0.0, 2.0, 3.0], [0.0, 0.0, 0.0]),
    "np.exp(np.sum(np.log(x)))": product_points([2.0, 3.0, 5.0]),
}

POWERS: dict[str, list[Point]] = {
    **{
        f"x**{n}": [
            (0.0, 0, 0),
            (-2.0, 0, 0),
            (inf, 0, 0),
        ]
        for n in ("0", "0.0", "np.zeros(())")
    },
    **{f"x**{n}": [(0.0, 1, 0), (-2.0, 1, 0)] for n in ("1", "1.0", "np.ones(())")},
    **{
        f"{p}": [(0.0, 0, 2), (-3.0, -6, 2), (1e-200, 2e-200, 2)]
        for p in (
            "x**2",
            "x**2.0",
            "x ** np.array(2)",
            "np.square(x)",
            "np.power(x, 2)",
            "x * x",
            "np.float_power(x, 2)",
        )
    },
    **{f"x**{n}": [(0.0, 0, 0), (-2.0, 12, -12)] for n in ("3", "3.0", "np.array(3.0)")},
    "x**4": [(0.0, 0, 0), (-2.0, -32, 48)],
    "x**0.5": [(0.0, inf, -inf)],
    "x**1.5": [(0.0, 0, inf), (4.0, 3, 0.375)],
    "x**2.5": [(0.0, 0, 0), (4.0, 20, 7.5), (-1.0, nan, nan)],
    "x**-1": [(0.0, -inf, inf), (-2.0, -1 / 4, -1 / 4), (inf, 0, 0)],
    "x**-2": [(-2.0, 1 / 4, 3 / 8), (inf, 0, 0)],
    "x**-0.5": [(4.0, -1 / 16, 3 / 128), (0.0, -inf, inf)],
    "0.0**x": [(0.0, 0, 0), (2.0, 0, 0), (-1.0, -inf, inf)],
    "1.0**x": [(0.0, 0, 0), (inf, 0, 0)],
    "2.0**x": [(0.0, LOG2, LOG2**2), (-inf, 0, 0)],
    "x[0] ** x[1]": [
        ([0.0, 2.0], [0, 0], [[2, 0], [0, 0]]),
        ([0.0, 3.0], [0, 0], np.zeros((2, 2))),
        ([0.0, 1.0], [1, 0], None),
        ([0.0, 0.0], [0, 0], None),
        ([1.0, 0.0], [0, 0], [[0, 1], [1, 0]]),
        ([2.0, 0.0], [0, LOG2], [[0, 0.5], [0.5, LOG2**2]]),
    ],
    "np.sum(x ** np.array([0, 1, 2, 3]))": [
        ([0.0] * 4, [0, 1, 0, 0], np.diag([0, 0, 2, 0])),
        ([-2.0] * 4, [0, 1, -4, 12], np.diag([0, 0, 2, -12])),
    ],
    "np.sum(x ** np.array([0.0, 1.0, 2.0, 3.0]))": [
        ([0.0] * 4, [0, 1, 0, 0], np.diag([0, 0, 2, 0])),
        ([-2.0] * 4, [0, 1, -4, 12], np.diag([0, 0, 2, -12])),
    ],
    "np.sum(np.array([0.0, 1.0, 2.0]) ** x)": [
        ([1.0, 1.0, 1.0], [0, 0, 2 * LOG2], np.diag([0, 0, 2 * LOG2**2]))
    ],
    "np.polyval([3.0, 2.0, 1.0], x)": [(0.0, 2, 6)],
    "np.reciprocal(x)": [(0.0, -inf, inf), (inf, 0, 0), (-2.0, -1 / 4, -1 / 4)],
}

PAIR = [[0.5, 0.5], [0.5, 0.5]]

TIES: dict[str, list[Point]] = {
    "np.maximum(x[0], x[1])": [([1.0, 1.0], [0.5, 0.5], np.zeros((2, 2)))],
    "np.minimum(x[0], x[1]) ** 2": [([1.0, 1.0], [1, 1], PAIR)],
    "np.fmax(x[0], x[1]) ** 2": [([1.0, 1.0], [1, 1], PAIR)],
    "np.max(x)": [([1.0, 1.0, 0.0], [0.5, 0.5, 0], np.zeros((3, 3)))],
    "np.max(x) ** 2": [([1.0, 1.0], [1, 1], PAIR)],
    "np.max(x**2)": [([-1.0, 1.0], [-1, 1], np.eye(2)), ([0.0, 0.0], [0, 0], np.eye(2))],
    "np.min(x**2)": [([-1.0, 1.0], [-1, 1], np.eye(2))],
    "np.ptp(x)": [([1.0, 1.0, 0.0], [0.5, 0.5, -1], np.zeros((3, 3))), ([1.0], [0], [[0]])],
    "np.sort(x) @ w[:3]": [
        ([2.0, 1.0, 1.0], [3, -0.5, -0.5], np.zeros((3, 3))),
        ([1.0, 1.0, 1.0], [2 / 3] * 3, np.zeros((3, 3))),
    ],
    "np.sort(x**2) @ w[:2]": [([1.0, -1.0], [-1, 1], -np.eye(2))],
    "x[np.argsort(x, kind='stable')] @ w[:3]": [([2.0, 1.0, 1.0], [3, 1, -2], np.zeros((3, 3)))],
    "np.take_along_axis(x, np.argsort(x, kind='stable'), 0) @ w[:3]": [
        ([2.0, 1.0, 1.0], [3, 1, -2], np.zeros((3, 3)))
    ],
    "x[np.argmax(x)]": [([1.0, 1.0], [1, 0], np.zeros((2, 2)))],
    "np.median(x)": [
        ([1.0, 1.0, 2.0], [0.5, 0.5, 0], np.zeros((3, 3))),
        ([1.0, 2.0, 2.0, 3.0], [0, 0.5, 0.5, 0], np.zeros((4, 4))),
        ([1.0, 1.0, 1.0, 1.0], [0.25] * 4, np.zeros((4, 4))),
    ],
    "np.nanmedian(x)": [([1.0, nan, 1.0, 2.0], [0.5, 0, 0.5, 0], np.zeros((4, 4)))],
    "np.quantile(x, 0.5) ** 2": [([1.0, 1.0, 2.0], [1, 1, 0], np.pad(PAIR, (0, 1)))],
    "np.quantile(x, 0.25)": [([1.0, 1.0, 2.0], [0.5, 0.5, 0], np.zeros((3, 3)))],
    "np.percentile(x, 75)": [
        ([1.0, 2.0, 2.0], [0, 0.5, 0.5], np.zeros((3, 3))),
    ],
    "np.nanquantile(x, 0.5)": [([1.0, nan, 1.0, 2.0], [0.5, 0, 0.5, 0], np.zeros((4, 4)))],
    "np.partition(x, 1)[1]": [([2.0, 1.0, 2.0], [0.5, 0, 0.5], np.zeros((3, 3)))],
    "np.clip(x, 0, 1)": [([-1.0, 0.0, 0.5, 1.0, 2.0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0])],
    "np.maximum(x, 0.0) ** 2": [(0.0, 0, 0.5), (-1.0, 0, 0), (2.0, 4, 2)],
    "np.cumsum(np.sort(x))[1]": [([1.0, 1.0, 1.0], [2 / 3] * 3, np.zeros((3, 3)))],
}


def leibniz(a: Any) -> Point:
    """A determinant's derivatives, from the sum over permutations: exact at any rank."""
    a = np.array(a)
    n = len(a)
    first, second = np.zeros((n, n)), np.zeros((n, n, n, n))
    for order in permutations(range(n)):
        sign = np.linalg.det(np.eye(n)[list(order)])
        places = list(enumerate(order))
        for p in places:
            first[p] += sign * np.prod([a[r] for r in places if r != p])
            for q in places:
                if q != p:
                    second[p + q] += sign * np.prod([a[r] for r in places if r not in (p, q)])
    return a, first, second


def spectral(values: list[float], rate: list[float], table: list[list[float]]) -> Point:
    """The trace of ``h(A)`` at a diagonal matrix: `rate` is h', `table` its divided differences.

    The derivatives are those of the function of the Hermitian part.
    """
    d = np.eye(len(values))
    half = np.einsum("ik,jl->ijkl", d, d) + np.einsum("il,jk->ijkl", d, d)
    return np.diag(values), np.diag(rate), np.array(table)[:, :, None, None] * half / 2


def nuclear(values: list[float]) -> Point:
    """The nuclear norm at a diagonal matrix: its second derivative turns left against right."""
    s = np.array(values)
    d = np.eye(len(s))
    turn = np.einsum("ik,jl->ijkl", d, d) - np.einsum("il,jk->ijkl", d, d)
    return np.diag(s), d, turn / (s[:, None] + s)[:, :, None, None]


def inverse_corner(a: Any) -> Point:
    """``inv(A)[0, 0]`` at a diagonal matrix: ``-B t B``, then ``B t B t B`` twice, at 0, 0."""
    b = 1 / np.diag(a)
    n = len(b)
    first, second = np.zeros((n, n)), np.zeros((n, n, n, n))
    first[0, 0] = -(b[0] ** 2)
    for i in range(n):
        second[0, i, i, 0] += b[0] ** 2 * b[i]
        second[i, 0, 0, i] += b[0] ** 2 * b[i]
    return np.array(a), first, second


E, E2, GAP = np.e, np.e**2, np.e**2 - np.e
ILL = [[1e-8, 0.0], [0.0, 1.0]]
GRAM = np.einsum("ik,jl->ijkl", I2, I2)
"""The second derivative of half the sum of the squares."""

MATRICES: dict[str, list[Point]] = {
    "np.linalg.det(x)": [
        leibniz([[2.0, 0.0], [0.0, 0.0]]),
        leibniz([[1.0, 2.0], [2.0, 4.0]]),
        leibniz(np.zeros((2, 2))),
        leibniz(np.diag([2.0, 0.0, 0.0])),
        leibniz(np.ones((3, 3))),
        leibniz(np.zeros((3, 3))),
        leibniz(np.diag([1e-9, 1.0, 1.0])),
        leibniz([[0.0]]),
    ],
    "np.linalg.slogdet(x)[1]": [
        ([[0.0]], [[inf]], None),
        (np.diag([1e-200, 1e-200]), np.diag([1e200, 1e200]), None),
        (
            [[1e-8, 0.0], [0.0, 1.0]],
            [[1e8, 0], [0, 1]],
            [[[[-1e16, 0], [0, 0]], [[0, 0], [-1e8, 0]]], [[[0, -1e8], [0, 0]], [[0, 0], [0, -1]]]],
        ),
    ],
    "np.linalg.inv(x)[0, 0]": [inverse_corner(ILL)],
    "np.linalg.matrix_power(x, -1)[0, 0]": [inverse_corner(ILL)],
    "np.linalg.solve(x, np.eye(2))[0, 0]": [inverse_corner(ILL)],
    "np.linalg.pinv(x)[0, 0]": [inverse_corner(ILL)],
    "np.linalg.pinv(x)[1, 0]": [([[2.0, 0.0], [0.0, 0.0]], [[0, 0.25], [0, 0]], None)],
    "np.linalg.matrix_power(x, 2)[0, 1]": [(np.zeros((2, 2)), np.zeros((2, 2)), None)],
    "np.linalg.cholesky(x)[1, 1]": [
        (
            [[1.0, 0.0], [0.0, 1e-16]],
            [[0, 0], [0, 5e7]],
            [
                [[[0, 0], [0, 0]], [[0, -2.5e7], [-2.5e7, 0]]],
                [[[0, -2.5e7], [-2.5e7, 0]], [[0, 0], [0, -2.5e23]]],
            ],
        )
    ],
    "np.linalg.norm(x, 'fro')": [([[0.0, 3.0], [4.0, 0.0]], [[0, 0.6], [0.8, 0]], None)],
    "np.linalg.norm(x, 'nuc')": [
        nuclear([1.0, 1.0]),
        nuclear([2.0, 2.0, 1.0]),
        nuclear([3.0, 1.0]),
        ([[2.0, 0.0], [0.0, 0.0]], [[1, 0], [0, 0]], None),
    ],
    "np.linalg.norm(x, 2)": [
        ([[1.0, 0.0], [0.0, 1.0]], [[0.5, 0], [0, 0.5]], None),
        ([[0.0, 2.0], [0.0, 0.0]], [[0, 1], [0, 0]], None),
    ],
    "np.linalg.norm(x, 1)": [
        ([[1.0, 0.0], [0.0, -1.0]], [[0.5, 0], [0, -0.5]], np.zeros((2,) * 4))
    ],
    "np.linalg.cond(x)": [([[2.0, 0.0], [0.0, 1.0]], [[1, 0], [0, -2]], None)],
    "np.trace(ft.numpy.linalg.eigh_function(np.exp, x))": [
        spectral([1.0, 1.0], [E, E], [[E, E], [E, E]]),
        spectral([0.0, 0.0], [1, 1], [[1, 1], [1, 1]]),
        spectral(
            [1.0, 1.0, 2.0], [E, E, E2], [[E, E, E2 - E], [E, E, E2 - E], [E2 - E, E2 - E, E2]]
        ),
    ],
    "np.sum(np.linalg.eigvalsh(x))": [(I2, I2, None), (np.zeros((2, 2)), I2, None)],
    "np.sum(np.exp(np.linalg.eigvalsh(x)))": [
        (I2, E * I2, None),
        (np.diag([1.0, 1.0, 2.0]), np.diag([E, E, E2]), None),
        spectral([1.0, 2.0], [E, E2], [[E, GAP], [GAP, E2]]),
    ],
    "np.prod(np.linalg.eigvalsh(x))": [(np.diag([0.0, 0.0, 3.0]), np.zeros((3, 3)), None)],
    "np.sum(np.linalg.svdvals(x) ** 2)": [
        ([[3.0, 0.0], [0.0, 1.0]], [[6, 0], [0, 2]], 2 * GRAM),
        (2 * I2, 4 * I2, None),
        (np.zeros((2, 2)), np.zeros((2, 2)), None),
    ],
}

ENDS = [-inf, inf]

INFINITY: dict[str, list[Point]] = {
    "np.cbrt(x)": [(ENDS, 0, [0, 0])],
    "np.arccosh(x)": [(inf, 0, 0), (1e200, 1e-200, 0)],
    "np.arcsinh(x)": [(ENDS, 0, [0, 0])],
    "special.cbrt(x)": [(ENDS, 0, [0, 0])],
    "special.erf(x)": [(ENDS, 0, [0, 0]), ([-200.0, 1e200], 0, [0, 0])],
    "special.erfc(x)": [(ENDS, 0, [0, 0])],
    "special.ndtr(x)": [(ENDS, 0, [0, 0]), ([-1e300, 150.0], 0, [0, 0])],
    "special.log_ndtr(x)": [(-inf, inf, -1), (inf, 0, 0), (-1e30, 1e30, -1)],
    "special.ndtri_exp(x)": [(-inf, 0, 0)],
    "special.kolmogorov(x)": [(ENDS, 0, [0, 0])],
    "special.rgamma(x)": [(inf, 0, 0), (1e4, 0, 0)],
    "ft.grad(special.erf)(x)": [(inf, 0, 0)],
    "ft.grad(special.log_ndtr)(x)": [(-inf, -1, 0), (inf, 0, 0)],
}

TABLES = {
    "selection": SELECTION,
    "lengths": LENGTHS,
    "norms": NORMS,
    "far out": FAR,
    "products": PRODUCTS,
    "powers": POWERS,
    "ties": TIES,
    "matrices": MATRICES,
    "infinity": INFINITY,
}
