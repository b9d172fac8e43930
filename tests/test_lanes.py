"""Python conditions under vmap: each lane takes its own path."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import functrans as ft
from tests.executors import same

V = np.array([0.3, 5.0, 0.9, 3.0, 17.0, 0.2])


def f(x: Any) -> Any:
    """Three paths, one of them of a length that depends on the value."""
    n = 0
    while x > 1:
        x = x / 2
        n = n + 1
    if x > 0.7:
        return x * x + n
    return np.sin(x)


VALUES = np.array([f(x) for x in V])
SLOPES = np.array([ft.grad(f)(x) for x in V])


def test_values() -> None:
    np.testing.assert_array_equal(ft.vmap(f)(V), VALUES)
    np.testing.assert_array_equal(ft.vmap(f, chunk_size=4)(V), VALUES)
    np.testing.assert_array_equal(ft.vmap(f, chunk_size=1)(V), VALUES)


def test_derivatives_in_both_orders() -> None:
    np.testing.assert_allclose(ft.vmap(ft.grad(f))(V), SLOPES)
    np.testing.assert_allclose(ft.grad(lambda v: np.sum(ft.vmap(f)(v)))(V), SLOPES)
    np.testing.assert_allclose(ft.jvp(ft.vmap(f), (V,), (V,))[1], SLOPES * V)
    curvatures = [ft.grad(ft.grad(f))(x) for x in V]
    np.testing.assert_allclose(ft.vmap(ft.hessian(f))(V), curvatures)
    hessian = ft.hessian(lambda v: np.sum(ft.vmap(f)(v)))(V)
    np.testing.assert_allclose(hessian, np.diag(curvatures))


def test_nested_batches() -> None:
    batch, wanted = V.reshape(2, 3), VALUES.reshape(2, 3)
    np.testing.assert_array_equal(ft.vmap(ft.vmap(f))(batch), wanted)
    transposed = ft.vmap(ft.vmap(f), in_axes=1, out_axes=1)(batch)
    np.testing.assert_array_equal(transposed, wanted)


def test_a_condition_on_another_transform_around() -> None:
    def total(y: Any) -> Any:
        return np.sum(ft.vmap(lambda x: x * y if x > y else y)(V))

    np.testing.assert_allclose(ft.grad(total)(1.0), np.sum(V[V > 1]) + np.sum(V <= 1))
    np.testing.assert_allclose(ft.vmap(ft.grad(total))(V), [ft.grad(total)(y) for y in V])


def test_jitted_functions() -> None:
    np.testing.assert_array_equal(ft.vmap(ft.jit(f))(V), VALUES)
    np.testing.assert_allclose(ft.vmap(ft.grad(ft.jit(f)))(V), SLOPES)
    jitted = ft.jit(f)
    ft.grad(jitted)(3.0)  # with a path of its own at hand
    np.testing.assert_array_equal(ft.vmap(jitted)(V), VALUES)


WORDS = [
    "".join(word)
    for length in (1, 2, 3)
    for word in itertools.product("jvg", repeat=length)
    if "v" in word and "j" in word
]


@pytest.mark.parametrize("word", WORDS)
def test_words_of_jit_vmap_and_grad(word: str) -> None:
    """From the outermost to the innermost: batches of lanes that take their own paths, in programs
    that are used for other lanes afterwards."""
    made: Any = f
    single: Any = f
    axes = 0
    for letter in reversed(word):
        if letter == "j":
            made = ft.jit(made)
        elif letter == "v":
            made, axes = ft.vmap(made), axes + 1
        else:
            made = ft.grad(lambda x, inner=made: np.sum(inner(x)))
            single = ft.grad(single)
    batch = np.resize(V, (2, 3, 4)[:axes][::-1] if axes > 1 else 6)
    for x in (batch, batch[::-1], np.roll(batch, 1), batch):
        wanted = np.array([single(e) for e in x.ravel()]).reshape(x.shape)
        np.testing.assert_allclose(made(x), wanted, rtol=1e-13)


def test_a_program_for_each_pattern_of_the_lanes() -> None:
    jitted = ft.jit(ft.vmap(f), max_paths=2)
    for v in (V, V[::-1], V, V * 1.01, V[::-1]):
        same(jitted(v), ft.vmap(f)(v))
    assert jitted.cache_info().size == 2
    with pytest.raises(ft.errors.ConversionError, match="Lanes of a vmap"):
        jitted(np.roll(V, 1))


def test_conditions_on_numbers_part_the_lanes_by_truth() -> None:
    def g(x: Any) -> Any:
        return x * 2.0 if x else x - 1.0

    v = np.array([0.0, 3.0, -1.0, 0.0, np.nan])
    jitted = ft.jit(ft.vmap(g))
    np.testing.assert_array_equal(jitted(v), [g(x) for x in v])
    np.testing.assert_array_equal(jitted(v[::-1]), [g(x) for x in v[::-1]])


def test_jit_keeps_to_the_strict_error_where_it_is_asked_for() -> None:
    for g in (ft.jit(ft.vmap(f), branches="error"), ft.jit(ft.vmap(f, branches="error"))):
        with pytest.raises(ft.errors.ConversionError, match="if"):
            g(V)


def test_the_program_that_is_shown_is_that_of_the_call() -> None:
    jitted = ft.jit(f)
    for x in (0.3, 5.0, 0.3):
        (made,) = jitted.lower(x).graph.evaluate([x])
        assert made == f(x)


def test_programs_with_lanes_are_saved(tmp_path: Any) -> None:
    graph = ft.jit(ft.vmap(f)).lower(V).graph
    graph.save(tmp_path / "lanes.graph")
    loaded = ft.Graph.load(tmp_path / "lanes.graph")
    np.testing.assert_array_equal(loaded.evaluate([V])[0], VALUES)


def test_pytrees_and_axes() -> None:
    def g(x: Any, w: Any) -> Any:
        return {"a": x + w, "b": np.stack([x, w]) if x > 1 else np.stack([w, x])}

    found = ft.vmap(g, in_axes=(0, None), out_axes={"a": 0, "b": -1})(V, 2.0)
    np.testing.assert_array_equal(found["a"], V + 2.0)
    np.testing.assert_array_equal(found["b"], np.stack([g(x, 2.0)["b"] for x in V], axis=-1))


def test_a_users_except_does_not_catch_it() -> None:
    def g(x: Any) -> Any:
        try:
            return x if x > 1 else -x
        except Exception:
            return 0.0 * x

    np.testing.assert_array_equal(ft.vmap(g)(V), np.where(V > 1, V, -V))


def test_arguments_written_to_are_fresh_in_each_run() -> None:
    def g(x: Any) -> Any:
        x[0] += 1.0
        return x if x[0] > 2 else -x

    batch = np.outer(V, np.ones(2))
    wanted = [g(row.copy()) for row in batch]
    np.testing.assert_array_equal(ft.vmap(g)(batch), wanted)
    np.testing.assert_array_equal(batch, np.outer(V, np.ones(2)))


def test_the_error_can_be_had() -> None:
    with pytest.raises(ft.errors.ConversionError, match=r"functrans\.cond"):
        ft.vmap(f, branches="error")(V)


def test_a_generator_is_not_drawn_from_twice() -> None:
    with pytest.raises(ft.errors.ConversionError):
        ft.vmap(lambda x, rng: x + rng.normal() if x > 1 else x)(V, np.random.default_rng(0))
