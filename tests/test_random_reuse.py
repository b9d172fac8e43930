"""Keys that are used twice are found where ``functrans.random.checking_keys`` is entered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import random
from functrans.core.errors import RandomnessError
from functrans.random import checking_keys

KEY = random.key(11)


def twice(key: Any, x: Any = 1.0) -> Any:
    return x * random.normal(key) + random.gamma(key, x)


def once(key: Any, x: Any = 1.0) -> Any:
    first, second = random.split(key)
    return x * random.normal(first) + random.gamma(second, x)


# Functions of a key that draw under transforms.
WAYS: dict[str, Callable[[Callable[..., Any]], Callable[[Any], Any]]] = {
    "plain": lambda f: f,
    "grad": lambda f: lambda key: ft.grad(lambda x: f(key, x))(1.5),
    "jvp": lambda f: lambda key: ft.jvp(lambda x: f(key, x), (1.5,), (1.0,)),
    "linearize": lambda f: lambda key: ft.linearize(lambda x: f(key, x), 1.5)[0],
    "hessian": lambda f: lambda key: ft.hessian(lambda x: f(key, x))(1.5),
    "vmap": lambda f: lambda key: ft.vmap(f)(random.split(key, 3)),
    "vmap of grad": lambda f: (
        lambda key: ft.vmap(ft.grad(f, argnums=1), in_axes=(0, None))(random.split(key, 3), 1.5)
    ),
    "a shared key": lambda f: lambda key: ft.vmap(f, in_axes=(None, 0))(key, np.ones(3) * 1.5),
    "graph": lambda f: lambda key: ft.make_graph(f)(key)(key),
    "graph of vmap": lambda f: (
        lambda key: ft.make_graph(ft.vmap(f))(random.split(key, 3))(
            random.split(random.fold_in(key, 7), 3)
        )
    ),
    "jit": lambda f: lambda key: ft.jit(f)(key),
    "grad of jit": lambda f: lambda key: ft.grad(lambda x: ft.jit(f)(key, x))(1.5),
    "jit of grad": lambda f: lambda key: ft.jit(ft.grad(f, argnums=1))(key, 1.5),
    "vmap of jit": lambda f: lambda key: ft.vmap(ft.jit(f))(random.split(key, 3)),
    "jit of checkpoint": lambda f: (
        lambda key: ft.jit(ft.grad(ft.checkpoint(f), argnums=1))(key, 1.5)
    ),
    "checkpoint": lambda f: lambda key: ft.grad(ft.checkpoint(lambda x: f(key, x)))(1.5),
    "checkpoint of vmap": lambda f: (
        lambda key: ft.grad(
            lambda x: np.sum(ft.vmap(ft.checkpoint(f), in_axes=(0, None))(random.split(key, 3), x))
        )(1.5)
    ),
    "inside": lambda f: lambda key: ft.grad(lambda x: _entered(f, key, x))(1.5),
    "inside vmap": lambda f: (
        lambda key: ft.vmap(lambda key: _entered(f, key, 1.5))(random.split(key, 3))
    ),
    "inside a graph": lambda f: lambda key: ft.make_graph(lambda key: _entered(f, key, 1.5))(key),
}


def _entered(f: Callable[..., Any], key: Any, x: Any) -> Any:
    with checking_keys():
        return f(key, x)


@pytest.mark.parametrize("way", WAYS)
def test_reuse_is_found_and_nothing_else(way: str) -> None:
    if not way.startswith("inside"):
        with checking_keys():
            WAYS[way](once)(KEY)
        with checking_keys(), pytest.raises(RandomnessError) as caught:
            WAYS[way](twice)(KEY)
    else:
        WAYS[way](once)(KEY)
        with pytest.raises(RandomnessError) as caught:
            WAYS[way](twice)(KEY)
    message = str(caught.value)
    line = twice.__code__.co_firstlineno + 1
    assert message.count(f"test_random_reuse.py:{line} in twice") == 2
    assert "for normal numbers" in message and "for gamma variables" in message
    assert "functrans.random.split(key)" in message
    staged = way.startswith("graph") or "jit" in way
    assert staged or message.startswith("the key in argument 'key' of type uint32")


def test_a_loop_that_forgets_to_split() -> None:
    with checking_keys(), pytest.raises(RandomnessError, match=r"uint32\[2\] and value \[0, 11\]"):
        for _ in range(2):
            random.normal(KEY)
    with checking_keys():
        key = KEY
        for _ in range(3):
            key, subkey = random.split(key)
            random.normal(subkey)
    with checking_keys():
        for i in range(3):
            random.normal(random.fold_in(KEY, i))


def same_key(key: Any, x: Any) -> Any:
    return ft.scan(lambda c, _: (c * random.normal(key), c), x, None, length=3)[0]


def key_of_step(key: Any, x: Any) -> Any:
    def step(c: Any, i: Any) -> Any:
        return c * random.normal(random.fold_in(key, i)), c

    return ft.scan(step, x, np.arange(3))[0]


def split_in_carry(key: Any, x: Any) -> Any:
    def step(carry: Any) -> Any:
        i, key, x = carry
        key, subkey = random.split(key)
        return i + 1, key, x * random.normal(subkey)

    return ft.while_loop(lambda carry: carry[0] < 3, step, (0, key, x))[2]


def either(key: Any, x: Any) -> Any:
    def draw(key: Any, x: Any) -> Any:
        return random.normal(key) * x

    return ft.cond(x > 1, draw, lambda key, x: random.uniform(key) * x, key, x)


LOOPED: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "plain": lambda f: f(KEY, 1.5),
    "grad": lambda f: ft.grad(lambda x: f(KEY, x))(1.5),
    "jit": lambda f: ft.jit(f)(KEY, 1.5),
    "vmap": lambda f: ft.vmap(f)(random.split(KEY), np.array([0.5, 1.5])),
    "a closed key in lanes": lambda f: ft.vmap(lambda x: f(KEY, x))(np.array([0.5, 1.5])),
    "jit of grad": lambda f: ft.jit(ft.grad(f, argnums=1))(KEY, 1.5),
}


@pytest.mark.parametrize("way", LOOPED)
def test_rounds_and_branches(way: str) -> None:
    """The same key in all rounds is one use too many; of branches one alone uses its key."""
    run = LOOPED[way]
    for function in (key_of_step, split_in_carry, either):
        with checking_keys():
            run(function)
    with checking_keys(), pytest.raises(RandomnessError, match="in each round of a scan"):
        run(same_key)
    graph = ft.make_graph(same_key)(KEY, 1.5)
    with checking_keys():
        graph(KEY, 1.5)  # its draw is not of the loop any more


def test_rounds_of_graphs_that_were_made_before() -> None:
    def same_key(key: Any, x: Any) -> Any:
        return ft.scan(lambda c, _: (c + random.gamma(key, c), c), x, None, length=3)[0]

    graph, jitted = ft.make_graph(same_key)(KEY, 1.5), ft.jit(same_key)
    jitted(KEY, 1.5)
    for function in (graph, jitted):
        with checking_keys(), pytest.raises(RandomnessError, match="in each round of a scan"):
            function(KEY, 1.5)


@pytest.mark.parametrize(
    "second",
    [
        lambda: random.split(KEY),
        lambda: random.fold_in(KEY, 3),
        lambda: random.normal(random.split(random.key(11))[0]),
        lambda: ft.vmap(random.normal)(np.stack([random.key(1), KEY])),
    ],
)
def test_what_counts_as_a_use(second: Callable[[], Any]) -> None:
    """Splitting, folding the same number in, and a key that was made a second time."""
    with checking_keys():
        random.split(random.key(12))
        random.fold_in(KEY, 3)
        second_use = pytest.raises(RandomnessError, match="is used twice")
        random.normal(KEY)
        with second_use:
            second()


def test_nothing_is_remembered_outside() -> None:
    for _ in range(2):
        with checking_keys():
            random.normal(KEY)
    twice(KEY)
    with checking_keys():
        random.normal(KEY)
        with checking_keys():
            once(random.key(3))
            with pytest.raises(RandomnessError):
                random.normal(KEY)


def test_jitted_functions_use_their_keys_at_each_call() -> None:
    jitted = ft.jit(once)
    with checking_keys():
        jitted(KEY)
        jitted(random.key(3))
        with pytest.raises(RandomnessError, match="for other keys at .* and for other keys at"):
            jitted(KEY)
