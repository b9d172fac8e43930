"""Samplers by rejection: gamma variables with their derivative by the shape, and counts.

Each element has a stream of its own: attempt number j takes what its index says from keys that j
makes of that of its lane. So all that were rejected try again at once, and what an element gets
depends on its key, its index and its parameters alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import user_line
from functrans.core.kinds import general, nondifferentiable
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, type_of

from .arithmetic import multiply, negative
from .gamma_quantile import gamma_shape_ratio
from .polygamma_series import excess, factorial_tail
from .random import KEY, KEYS, LONG, normal, unit
from .samples import Sample, draw
from .special_operands import double, fit
from .threefry import fold, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.kinds import Function

CHUNK = 1 << 14  # elements at a time
COUNT = np.dtype(np.int64)
LARGEST = 2.0**62  # of a mean whose counts are sure to be whole numbers of 64 bits
BOOST = (1 << 32) - 1  # the number of a key that no attempt takes


class Streams:
    """The random numbers of some elements, given by lane and index."""

    __slots__ = ("first", "index", "keys", "lane")

    def __init__(self, keys: Array, lane: Array, index: Array) -> None:
        self.first = int(lane[0])
        self.keys = keys[self.first : int(lane[-1]) + 1]
        self.lane = lane
        self.index = index

    def numbers(self, number: int, finish: Callable[[Array, Array, Array], None]) -> Array:
        """What `finish` makes of the words of key `number`."""
        subkeys = fold(self.keys, number)[self.lane - self.first]
        high, low = words((subkeys[:, 0].copy(), subkeys[:, 1].copy()), self.index)
        out = np.empty(self.lane.shape)
        finish(high, low, out)
        return out

    def uniform(self, number: int) -> Array:
        return self.numbers(number, unit)

    def normal(self, number: int) -> Array:
        return self.numbers(number, normal)


def sampled(
    key: Array,
    parameters: tuple[Array, ...],
    dtype: Any,
    attempt: Callable[..., tuple[Array, Array]],
) -> Array:
    """Elements drawn with parameters that all have the shape ``(*lanes, *shape)``.

    ``attempt(streams, number, *parameters)`` gives values and which of them are accepted.
    """
    keys = np.asarray(key).reshape(-1, 2)
    shape = parameters[0].shape
    flat = [x.reshape(-1) for x in parameters]
    values = np.empty(flat[0].size, dtype)
    size = max(values.size // max(len(keys), 1), 1)
    for start in range(0, values.size, CHUNK):
        pending = np.arange(start, min(start + CHUNK, values.size))
        number = 0
        while pending.size:
            streams = Streams(keys, pending // size, (pending % size).astype(LONG))
            found, accepted = attempt(streams, number, *(x[pending] for x in flat))
            values[pending[accepted]] = found[accepted]
            pending = pending[~accepted]
            number += 1
    return values.reshape(shape)


# Gamma variables: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).


def loggamma_attempt(streams: Streams, number: int, a: Array) -> tuple[Array, Array]:
    small = a < 1
    d = np.where(small, a + 1, a) - 1 / 3
    step = streams.normal(2 * number)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.log1p(step / np.sqrt(9 * d))
        log_v = 3 * reach
        bound = 0.5 * step * step + d * (log_v - np.expm1(log_v))
        accepted = np.log1p(-streams.uniform(2 * number + 1)) < bound
        values = np.log(d) + log_v
        if small.any():
            lift = np.log1p(-streams.uniform(BOOST)) / a
            values = np.where(small, values + lift, values)
    return values, accepted


def random_loggamma_impl(x: Array, y: Array) -> Array:
    """The logarithms of gamma variables of shapes `y`."""
    shapes = np.asarray(y)
    a = shapes.astype(float)
    plain = (a > 0) & np.isfinite(a)
    values = sampled(x, (np.where(plain, a, 1.0),), float, loggamma_attempt)
    edges = np.where(a == 0, -math.inf, np.where(np.isposinf(a), math.inf, math.nan))
    return np.where(plain, values, edges).astype(shapes.dtype)[()]


def loggamma_by_shape(g: Array, ans: Array, y: Array) -> Array:
    ratio = gamma_shape_ratio(double(y), double(ans), 1)
    return multiply(g, fit(negative(ratio), type_of(ans)))


random_loggamma: Function = general(
    "random_loggamma",
    random_loggamma_impl,
    pushes=(ZERO, loggamma_by_shape),
    pulls=(ZERO, loggamma_by_shape),
    batch=lambda x, y: random_loggamma(x, y),
    shape=lambda x, y: ArrayType(y.shape, y.dtype),
    samples=lambda: [
        Sample(
            KEY,
            np.array([0.5, 2.5]),
            value=[-1.0981715145787225, 1.1317985342525236],
            pinned=[None, [3.216097330575077, 0.3831355316696865]],
        ),
        Sample(KEY, draw((3,), 0.5, 5), smooth=False),
        Sample(KEYS, draw((2, 3), 0.1, 3).T, smooth=False, label="lanes, non-contiguous"),
        Sample(KEY, draw((3,), 0.5, 5).astype(np.float32), smooth=False, label="float32"),
        Sample(KEY, np.array([0.0, math.inf]), value=[-math.inf, math.inf], smooth=False),
        Sample(KEY, np.array(2.5), smooth=False, label="0-d"),
        Sample(KEY, np.zeros((0,)), smooth=False, label="empty"),
    ],
)


# Counts: inversion where few are expected, else transformed rejection with squeezes (Hörmann, "The
# transformed rejection method for generating Poisson random variables" and "The generation of
# binomial random variates", both 1993).

FEW = 10.0


def deviance(k: Array, mean: Array) -> Array:
    """``k * log(k / mean) + mean - k`` for k > 0."""
    return k * excess((mean - k) / k, mean / k)


def searched(u: Array, first: Array, ratio: Callable[[float, Array], Array]) -> Array:
    """The least count whose cumulated probability exceeds `u`, where count 0 has the probability
    `first`, and count k ``ratio(k, which)`` times that of the one before."""
    count = np.zeros(u.shape)
    probability, left = first.copy(), u - first
    which = np.flatnonzero(left >= 0)
    k = 0.0
    while which.size:
        k += 1
        probability[which] *= ratio(k, which)
        left[which] -= probability[which]
        count[which] = k
        # Behind 2**-60, below the resolution of `u`, only rounding errors are left to search.
        which = which[(left[which] >= 0) & (probability[which] > 2.0**-60)]
    return count


def poisson_few(streams: Streams, number: int, mean: Array) -> tuple[Array, Array]:
    counts = searched(streams.uniform(0), np.exp(-mean), lambda k, which: mean[which] / k)
    return counts, np.ones(mean.shape, bool)


def poisson_many(streams: Streams, number: int, mean: Array) -> tuple[Array, Array]:
    b = 0.931 + 2.53 * np.sqrt(mean)
    a = -0.059 + 0.02483 * b
    u, v = streams.uniform(2 * number + 1) - 0.5, 1 - streams.uniform(2 * number + 2)
    side = 0.5 - np.abs(u)
    with np.errstate(divide="ignore", invalid="ignore"):
        k = np.floor((2 * a / side + b) * u + mean + 0.43)
        accepted = (side >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))
        possible = (k >= 0) & ((side >= 0.013) | (v <= side)) & np.isfinite(k)
    i = np.flatnonzero(possible & ~accepted)
    a, b, mean = a[i], b[i], mean[i]
    height = np.log(v[i]) + np.log((1.1239 + 1.1328 / (b - 3.4)) / (a / side[i] ** 2 + b))
    accepted[i] = height <= poisson_log_density(k[i], mean)
    return k, accepted


def poisson_log_density(k: Array, mean: Array) -> Array:
    """The logarithm of the probability of the count k."""
    some = np.maximum(k, 1.0)
    values = -deviance(some, mean) - factorial_tail(some) - 0.5 * np.log(2 * math.pi * some)
    return np.where(k > 0, values, -mean)


def random_poisson_impl(x: Array, y: Array) -> Array:
    """Counts of the means `y`."""
    mean = np.asarray(y, float)
    if not ((mean >= 0) & (mean <= LARGEST)).all():
        wrong = mean[~((mean >= 0) & (mean <= LARGEST))].flat[0]
        raise ValueError(
            f"poisson: a mean (lam) is {wrong}, at {user_line()}: it must lie between 0 and 2**62"
        )
    return _by_size(x, mean < FEW, (mean,), (poisson_few, (FEW / 2,)), (poisson_many, (2 * FEW,)))


def _by_size(
    key: Array, few: Array, parameters: tuple[Array, ...], small: Any, large: Any
) -> Array:
    """Counts by one method or the other, each with harmless parameters where it is not asked."""
    counts = np.zeros(few.shape)
    for which, (attempt, harmless) in ((few, small), (~few, large)):
        if which.any():
            given = tuple(
                np.where(which, value, plain)
                for value, plain in zip(parameters, harmless, strict=True)
            )
            counts = np.where(which, sampled(key, given, float, attempt), counts)
    return counts.astype(COUNT)[()]


random_poisson: Function = nondifferentiable(
    "random_poisson",
    random_poisson_impl,
    batch=lambda x, y: random_poisson(x, y),
    shape=lambda x, y: ArrayType(y.shape, COUNT),
    samples=lambda: [
        Sample(
            KEY,
            np.array([0.0, 0.5, 3.0, 30.0, 1e6]),
            value=[0, 1, 4, 24, 1000146],
            smooth=False,
        ),
        Sample(KEYS, draw((2, 3), 0.1, 30).T, label="lanes, non-contiguous"),
        Sample(KEY, np.array(2.5), label="0-d"),
        Sample(KEY, np.zeros((0,)), label="empty"),
        Sample(KEY, np.array([0.0]), value=[0], smooth=False, label="never"),
    ],
)


def binomial_few(streams: Streams, number: int, n: Array, p: Array) -> tuple[Array, Array]:
    first = np.exp(n * np.log1p(-p))
    odds = p / (1 - p)
    counts = searched(
        streams.uniform(0), first, lambda k, which: (n[which] - k + 1) / k * odds[which]
    )
    return np.minimum(counts, n), np.ones(n.shape, bool)


def binomial_log_density(k: Array, n: Array, p: Array) -> Array:
    """The logarithm of the probability of k of n."""
    rest = n - k
    inner = (k > 0) & (rest > 0)
    a, b = np.where(inner, k, 1.0), np.where(inner, rest, 1.0)
    tails = factorial_tail(n) - factorial_tail(a) - factorial_tail(b)
    values = tails - deviance(a, n * p) - deviance(b, n * (1 - p))
    values += 0.5 * (np.log(n / a) - np.log(2 * math.pi * b))
    return np.where(inner, values, n * np.where(k > 0, np.log(p), np.log1p(-p)))


def binomial_many(streams: Streams, number: int, n: Array, p: Array) -> tuple[Array, Array]:
    spread = np.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    u, v = streams.uniform(2 * number + 1) - 0.5, 1 - streams.uniform(2 * number + 2)
    side = 0.5 - np.abs(u)
    with np.errstate(divide="ignore", invalid="ignore"):
        k = np.floor((2 * a / side + b) * u + n * p + 0.5)
        accepted = (side >= 0.07) & (v <= 0.92 - 4.2 / b)
        possible = (k >= 0) & (k <= n)
    i = np.flatnonzero(possible & ~accepted)
    a, b, n, p = a[i], b[i], n[i], p[i]
    height = np.log(v[i]) + np.log((2.83 + 5.1 / b) * spread[i] / (a / side[i] ** 2 + b))
    density = binomial_log_density(k[i], n, p)
    density -= binomial_log_density(np.floor((n + 1) * p), n, p)
    accepted[i] = height <= density
    return k, accepted & possible


def random_binomial_impl(x: Array, y: Array, z: Array) -> Array:
    """Counts of `y` trials of probability `z`."""
    n, p = np.floor(np.asarray(y, float)), np.asarray(z, float)
    for name, value, right, range_ in (
        ("n", n, (n >= 0) & (n <= LARGEST), "0 and 2**62"),
        ("p", p, (p >= 0) & (p <= 1), "0 and 1"),
    ):
        if not right.all():
            raise ValueError(
                f"binomial: {name} is {value[~right].flat[0]}, at {user_line()}: it must lie "
                f"between {range_}"
            )
    flipped = p > 0.5
    rarer = np.where(flipped, 1 - p, p)
    few = n * rarer < FEW
    counts = _by_size(
        x, few, (n, rarer), (binomial_few, (1.0, 0.5)), (binomial_many, (4 * FEW, 0.5))
    )
    return np.where(flipped, n.astype(COUNT) - counts, counts)[()]


random_binomial: Function = nondifferentiable(
    "random_binomial",
    random_binomial_impl,
    batch=lambda x, y, z: random_binomial(x, y, z),
    shape=lambda x, y, z: ArrayType(y.shape, COUNT),
    samples=lambda: [
        Sample(
            KEY,
            np.array([5.0, 40.0, 1e6, 1e6]),
            np.array([0.5, 0.9, 0.3, 0.999]),
            value=[3, 35, 300223, 999032],
            smooth=False,
        ),
        Sample(KEYS, np.full((3, 2), 30), draw((2, 3), 0.1, 0.9).T, label="lanes"),
        Sample(KEY, np.array(9), np.array(0.25), label="0-d"),
        Sample(KEY, np.zeros((0,)), np.zeros((0,)), label="empty"),
        Sample(
            KEY, np.array([7.0, 7.0, 0.0]), np.array([0.0, 1.0, 0.5]), value=[0, 7, 0], smooth=False
        ),
    ],
)
