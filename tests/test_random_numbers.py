"""Keys, bits and samplers: published vectors, the same numbers in every way of running, errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import random
from functrans.core.errors import FunctransError
from functrans.primitives import threefry
from tests.executors import same

KEY = random.key(2026)

# Known answers published with the generator (Random123, kat_vectors): key, counter, encryption.
VECTORS = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("key", "counter", "expected"), VECTORS)
@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("count", [1, threefry.FEW + 1])
def test_published_vectors(key: Any, counter: Any, expected: Any, single: bool, count: int) -> None:
    """With one key or one for each block; few blocks take Python's numbers, many arrays."""
    high, low = (np.full(count, c, np.uint32) for c in counter)
    scalars = tuple(np.array(key, np.uint32))
    pair = scalars if single else tuple(np.full(count, k) for k in scalars)
    threefry.encrypt(pair, high, low)  # type: ignore[arg-type]
    assert set(zip(high.tolist(), low.tolist(), strict=True)) == {expected}


# Every sampler, of scalars and of vectors, with parameters that suit it.
SAMPLERS: dict[str, Callable[..., Any]] = {
    "bits": lambda k, n: random.bits(k, n),
    "uniform": lambda k, n: random.uniform(k, n, minval=-1.0),
    "normal": lambda k, n: random.normal(k, n),
    "complex normal": lambda k, n: random.normal(k, n, complex),
    "truncated_normal": lambda k, n: random.truncated_normal(k, -1.0, 2.0, n),
    "exponential": lambda k, n: random.exponential(k, n),
    "gumbel": lambda k, n: random.gumbel(k, n),
    "laplace": lambda k, n: random.laplace(k, n),
    "logistic": lambda k, n: random.logistic(k, n),
    "cauchy": lambda k, n: random.cauchy(k, n),
    "maxwell": lambda k, n: random.maxwell(k, n),
    "double_sided_maxwell": lambda k, n: random.double_sided_maxwell(k, 1.0, 2.0, n),
    "rademacher": lambda k, n: random.rademacher(k, n),
    "lognormal": lambda k, n: random.lognormal(k, 0.5, n),
    "pareto": lambda k, n: random.pareto(k, 2.0, n),
    "rayleigh": lambda k, n: random.rayleigh(k, 2.0, n),
    "weibull_min": lambda k, n: random.weibull_min(k, 2.0, 1.5, n),
    "triangular": lambda k, n: random.triangular(k, 0.0, 0.25, 1.0, n),
    "bernoulli": lambda k, n: random.bernoulli(k, 0.25, n),
    "binomial": lambda k, n: random.binomial(k, 100, 0.3, n),
    "few of binomial": lambda k, n: random.binomial(k, 9, 0.8, n),
    "categorical": lambda k, n: random.categorical(k, np.arange(3.0), shape=n),
    "choice": lambda k, n: random.choice(k, 10, n, p=np.arange(10.0)),
    "choice of few": lambda k, n: random.choice(k, np.arange(20.0), (n,), replace=False),
    "geometric": lambda k, n: random.geometric(k, 0.2, n),
    "multinomial": lambda k, n: random.multinomial(k, 30, np.array([1.0, 2.0, 3.0]), n),
    "permutation": lambda k, n: random.permutation(k, n),
    "permutation of rows": lambda k, n: random.permutation(k, np.ones((n, 2)).cumsum(0)),
    "poisson": lambda k, n: random.poisson(k, 4.0, n),
    "many of poisson": lambda k, n: random.poisson(k, 40.0, n),
    "randint": lambda k, n: random.randint(k, n, -5, 17),
    "beta": lambda k, n: random.beta(k, 0.5, 2.0, n),
    "chisquare": lambda k, n: random.chisquare(k, 3.0, n),
    "dirichlet": lambda k, n: random.dirichlet(k, np.array([0.5, 1.0, 2.0]), n),
    "f": lambda k, n: random.f(k, 3.0, 5.0, n),
    "gamma": lambda k, n: random.gamma(k, 0.7, n),
    "loggamma": lambda k, n: random.loggamma(k, 2.5, n),
    "generalized_normal": lambda k, n: random.generalized_normal(k, 1.5, n),
    "t": lambda k, n: random.t(k, 3.0, n),
    "wald": lambda k, n: random.wald(k, 1.5, n),
    "ball": lambda k, n: random.ball(k, 3, 1.5, n),
    "orthogonal": lambda k, n: random.orthogonal(k, 3, n),
    "multivariate_normal": lambda k, n: random.multivariate_normal(
        k, np.arange(2.0), np.array([[1.0, 0.5], [0.5, 2.0]]), n
    ),
    "split": lambda k, n: random.split(k, n),
    "fold_in": lambda k, n: random.fold_in(k, n),
}
each_sampler = pytest.mark.parametrize("name", SAMPLERS)


def identical(found: Any, expected: Any) -> None:
    assert found.dtype == expected.dtype
    assert np.shape(found) == np.shape(expected)
    assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()


@each_sampler
def test_the_same_numbers_in_every_way(name: str) -> None:
    """Eager, staged, and each lane of a batch as the call with its key alone, to the bit."""
    sample = SAMPLERS[name]
    expected = sample(KEY, 5)
    identical(sample(KEY, 5), expected)
    graph = ft.make_graph(lambda key: sample(key, 5))(KEY)
    assert (graph.output_types[0].shape, graph.output_types[0].dtype) == (
        expected.shape,
        expected.dtype,
    )
    identical(graph(KEY), expected)
    keys = random.split(KEY, 3)
    batched = ft.vmap(lambda key: sample(key, 5))
    loop = np.stack([sample(key, 5) for key in keys])
    identical(batched(keys), loop)
    identical(ft.make_graph(batched)(keys)(keys), loop)
    identical(ft.vmap(lambda key: sample(key, 5), chunk_size=2)(keys), loop)
    identical(ft.vmap(ft.vmap(lambda key: sample(key, 5)))(keys[None])[0], loop)


@each_sampler
def test_keys_give_different_numbers(name: str) -> None:
    first, second = (np.asarray(SAMPLERS[name](key, 20)) for key in random.split(KEY))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("n", [1, 5, 7, 511, 512, threefry.CHUNK - 1, threefry.CHUNK + 3])
def test_numbers_do_not_depend_on_how_many_are_drawn(n: int) -> None:
    """Of uniform, normal and gamma variables, and of keys, the first are the same."""
    longest = threefry.CHUNK + 3
    for draw in (random.uniform, random.normal, random.split):
        identical(draw(KEY, n), draw(KEY, longest)[:n])
    identical(random.gamma(KEY, 0.5, n), random.gamma(KEY, 0.5, longest)[:n])


def test_lanes_do_not_depend_on_parameters_of_others() -> None:
    """A rejected element tries again for itself."""
    shapes = np.array([0.1, 1.0, 7.0, 1e4])
    together = random.gamma(KEY, shapes)
    for i, a in enumerate(shapes):
        others = np.full(4, 2.0)
        others[i] = a
        assert random.gamma(KEY, others)[i] == together[i]


def test_one_key_for_all_lanes_gives_all_the_same_numbers() -> None:
    shifts = np.arange(3.0)
    out = ft.vmap(lambda key, x: x + random.normal(key), in_axes=(None, 0))(KEY, shifts)
    identical(out, shifts + random.normal(KEY))


def test_gradients_meet_the_same_numbers() -> None:
    def value(scale: Any) -> Any:
        return np.sum(scale * random.normal(KEY, 4))

    assert ft.grad(value)(2.0) == np.sum(random.normal(KEY, 4))
    assert ft.make_graph(ft.grad(value))(2.0)(2.0) == ft.grad(value)(2.0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes(dtype: Any) -> None:
    for draw in (random.uniform, random.normal, random.exponential, random.laplace, random.maxwell):
        x = draw(KEY, 1000, dtype)  # type: ignore[operator]
        assert x.dtype == dtype
        assert np.isfinite(x).all()
    assert random.gamma(KEY, np.ones(2, dtype)).dtype == dtype
    assert random.gamma(KEY, 1.0, dtype=dtype).dtype == dtype
    assert random.gamma(KEY, 3).dtype == np.float64


def test_seeds() -> None:
    assert random.key(-1).tolist() == [2**32 - 1] * 2
    assert random.key(2**40 + 5).tolist() == [256, 5]
    assert random.PRNGKey is random.key
    identical(ft.vmap(random.key)(np.arange(3)), np.stack([random.key(i) for i in range(3)]))
    identical(random.fold_in(KEY, 2), random.split(KEY, 5)[2])
    identical(random.split(KEY, (2, 3)).reshape(6, 2), random.split(KEY, 6))


def test_integers_at_the_ends_of_their_range() -> None:
    x = random.randint(KEY, 1000, -(2**63), 2**63 - 1)
    assert x.min() < -(2**62) and x.max() > 2**62
    x = random.randint(KEY, 1000, 0, 2**64, np.uint64)
    assert x.dtype == np.uint64 and x.max() > 2**63
    assert set(random.randint(KEY, 50, 7, 8).tolist()) == {7}
    assert random.randint(KEY, 9, 250, 256, np.uint8).min() >= 250
    low = np.array([0, 10, 20])
    x = random.randint(KEY, (5, 3), low, low + 4)
    assert ((x >= low) & (x < low + 4)).all()


def test_choice_takes_nothing_of_probability_zero() -> None:
    p = np.array([0.0, 1.0, 0.0, 3.0, 0.0])
    assert set(random.choice(KEY, 5, 200, p=p).tolist()) == {1, 3}
    assert sorted(random.choice(KEY, 5, 2, replace=False, p=p).tolist()) == [1, 3]
    assert sorted(random.choice(KEY, 6, 6, replace=False).tolist()) == list(range(6))
    a = np.arange(12.0).reshape(3, 4)
    assert random.choice(KEY, a, (2, 5), axis=1).shape == (3, 2, 5)


def test_permutations() -> None:
    x = np.arange(12).reshape(3, 4)
    assert sorted(random.permutation(KEY, 100).tolist()) == list(range(100))
    columns = random.permutation(KEY, x, axis=1)
    assert sorted(map(tuple, columns.T.tolist())) == sorted(map(tuple, x.T.tolist()))
    independent = random.permutation(KEY, np.tile(np.arange(50), (4, 1)), 1, independent=True)
    assert (np.sort(independent, 1) == np.arange(50)).all()
    assert len({tuple(row) for row in independent.tolist()}) == 4
    g = ft.grad(lambda x: random.permutation(KEY, x)[0])(np.arange(5.0))
    assert sorted(g.tolist()) == [0, 0, 0, 0, 1]


def test_edges_of_parameters() -> None:
    assert random.gamma(KEY, np.array([0.0, math.inf])).tolist() == [0.0, math.inf]
    assert math.isnan(random.gamma(KEY, -1.0))
    assert random.loggamma(KEY, 1e-3) < -10  # the variable itself would underflow
    assert random.binomial(KEY, 10, 1.0) == 10
    assert random.geometric(KEY, 1.0) == 1
    assert random.poisson(KEY, 0.0) == 0
    assert random.multinomial(KEY, 10, np.array([0.0, 1.0, 0.0])).tolist() == [0, 10, 0]
    far = random.truncated_normal(KEY, 40.0, math.inf, 100)
    assert ((far > 40) & (far < 41)).all()
    everywhere = random.truncated_normal(KEY, -math.inf, math.inf, 5)
    np.testing.assert_allclose(everywhere, random.normal(KEY, 5), rtol=1e-12)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "negative size": (lambda: random.normal(KEY, (2, -1)), "cannot be negative"),
    "shape": (lambda: random.gamma(KEY, np.ones(3), (2,)), r"a has shape \(3,\)"),
    "shapes": (lambda: random.beta(KEY, np.ones(3), np.ones(2)), "broadcast to each other"),
    "nothing": (lambda: random.randint(KEY, 2, 5, 5), "greater than minval"),
    "range": (lambda: random.randint(KEY, 2, 0, 300, np.uint8), "uint8 can hold"),
    "too many": (lambda: random.choice(KEY, 3, 4, replace=False), "without replacement"),
    "too few": (lambda: random.choice(KEY, 3, 2, False, np.array([0.0, 1, 0])), "for 1 alone"),
    "p": (lambda: random.choice(KEY, 3, p=np.ones(2)), r"p has shape \(2,\)"),
    "shape of categorical": (
        lambda: random.categorical(KEY, np.ones((2, 3)), shape=(3,)),
        "must end with",
    ),
    "categories": (
        lambda: random.categorical(KEY, np.ones(3), shape=4, replace=False),
        "4 different indices of 3",
    ),
    "one category": (lambda: random.categorical(KEY, 1.0), "axis of categories"),
    "lam": (lambda: random.poisson(KEY, -1.0), "lam.* is -1"),
    "probability": (lambda: random.binomial(KEY, 3, 1.5), "p is 1.5"),
    "trials": (lambda: random.binomial(KEY, -3, 0.5), "n is -3"),
    "outcomes": (lambda: random.multinomial(KEY, 3, 0.5), "axis of outcomes"),
    "cov": (lambda: random.multivariate_normal(KEY, np.ones(2), np.eye(3)), r"cov \(3, 3\)"),
    "method": (
        lambda: random.multivariate_normal(KEY, np.ones(1), np.eye(1), method="lu"),
        "got 'lu'",
    ),
    "vectors": (
        lambda: random.multivariate_normal(KEY, np.ones((3, 2)), np.eye(2), (2,)),
        r"leading shape \(3,\)",
    ),
    "parts": (lambda: random.dirichlet(KEY, 1.0), "axis for the parts"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_values(name: str) -> None:
    """Those of other types are in tests/error_snapshots_random.py."""
    call, text = REFUSED[name]
    with pytest.raises(ValueError, match=text) as caught:
        call()
    assert "test_random_numbers.py:" in str(caught.value)


def test_counts_have_no_derivative() -> None:
    with pytest.raises(FunctransError, match="no gradient"):
        ft.grad(lambda m: random.poisson(KEY, m))(3.0)
    assert ft.grad(lambda q: random.bernoulli(KEY, q) * q)(0.999) == 1.0


def test_layers_take_keys() -> None:
    """Dropout and its kin, the same numbers eager, in a program, in lanes and in a staged loop."""
    x = np.ones((4, 6))

    def layer(key: Any, x: Any) -> Any:
        first, second, third = random.split(key, 3)
        x = ft.nn.dropout(x, 0.5, first) + ft.nn.alpha_dropout(x, 0.2, second)
        return x * ft.nn.gumbel_softmax(x, third)

    eager = layer(KEY, x)
    same(ft.jit(layer)(KEY, x), eager)
    keys = random.split(KEY, 3)
    loop = np.stack([layer(key, x) for key in keys])
    identical(ft.vmap(layer, in_axes=(0, None))(keys, x), loop)
    identical(ft.scan(lambda c, key: (c, layer(key, x)), 0.0, keys)[1], loop)
    assert 4 < (ft.nn.dropout(x, 0.5, KEY) == 0).sum() < 20
    with pytest.raises(TypeError, match=r"give rng, a .* or a key"):
        ft.nn.dropout(x)


def test_dropout_between_recurrent_layers_takes_others_in_each() -> None:
    cell = (np.eye(50), np.eye(50))
    x = np.ones((1, 50))
    out, _ = ft.nn.rnn(x, None, [cell] * 3, nonlinearity="relu", dropout=0.5, rng=KEY)
    # The same half twice would leave half of the elements, scaled twice.
    assert 0 < (out != 0).sum() < 20
    again, _ = ft.nn.rnn(x, None, [cell] * 3, nonlinearity="relu", dropout=0.5, rng=KEY)
    identical(again, out)
