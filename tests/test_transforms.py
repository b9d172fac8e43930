"""The transforms as users call them: arguments, trees, auxiliary output, results, typing of
dtypes."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

import functrans as ft
from functrans.core.garbage import no_collection

X = np.array([1.0, 2.0, 3.0])


def sum_of_sines(x: Any) -> Any:
    """Sum of sines."""
    return np.sum(np.sin(x))


class TestArguments:
    def test_default_is_the_first(self) -> None:
        assert ft.grad(lambda x, y: x * y)(2.0, 5.0) == 5.0

    def test_argnums(self) -> None:
        def f(x: Any, y: Any, z: Any) -> Any:
            return x * y**2 * z**3

        assert ft.grad(f, 1)(2.0, 3.0, 1.0) == 12.0
        assert ft.grad(f, (2, 0))(2.0, 3.0, 1.0) == (54.0, 9.0)
        assert ft.grad(f, argnums=-1)(2.0, 3.0, 1.0) == 54.0
        assert ft.grad(f, (1,))(2.0, 3.0, 1.0) == (12.0,)

    def test_argnames(self) -> None:
        def f(x: Any, *, scale: Any = 1.0, shift: Any = 0.0) -> Any:
            return scale * x**2 + shift

        assert ft.grad(f, argnames="scale")(3.0, scale=2.0) == 9.0
        assert ft.grad(f, argnames=("scale", "shift"))(3.0, scale=2.0, shift=1.0) == (9.0, 1.0)
        assert ft.grad(f, 0, argnames="scale")(3.0, scale=2.0) == (12.0, 9.0)

    def test_argname_given_by_position(self) -> None:
        assert ft.grad(lambda x, y: x * y, argnames="y")(3.0, 2.0) == 3.0

    def test_keyword_arguments_pass_through(self) -> None:
        assert ft.grad(lambda x, *, n: x**n)(3.0, n=2) == 6.0

    def test_signature_and_docstring_are_kept(self) -> None:
        transforms = (ft.grad, ft.value_and_grad, ft.jacfwd, ft.jacrev, ft.hessian, ft.vmap)
        for transform in (*transforms, ft.jacobian, ft.checkpoint, ft.make_graph, ft.custom):
            wrapped = transform(sum_of_sines)  # type: ignore[operator]
            assert wrapped.__doc__ == "Sum of sines."
            assert wrapped.__name__ == "sum_of_sines"
            assert wrapped.__wrapped__ is sum_of_sines
            assert list(inspect.signature(wrapped).parameters) == ["x"]


class TestResults:
    def test_python_numbers(self) -> None:
        g = ft.grad(lambda x: x * x)(3.0)
        assert type(g) is np.float64 and g == 6.0
        assert ft.grad(lambda x: x * x)(3) == 6.0

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
    def test_dtype_and_shape_are_the_arguments(self, dtype: Any) -> None:
        for shape in [(), (0,), (3,), (2, 3)]:
            x = np.ones(shape, dtype)
            g = ft.grad(lambda x: np.sum(x * x * np.float64(2)))(x)
            assert g.shape == shape and g.dtype == dtype

    def test_weak_numbers_do_not_widen(self) -> None:
        x = np.ones(3, np.float32)
        value, g = ft.value_and_grad(lambda x, s: np.sum(x * s), (0, 1))(x, 2.0)
        assert value.dtype == np.float32 and g[0].dtype == np.float32 and g[1].dtype == np.float64

    def test_unused_argument_has_zero_gradient(self) -> None:
        g = ft.grad(lambda x, y: x * 2.0, (0, 1))(1.0, X)
        np.testing.assert_array_equal(g[1], np.zeros(3))

    def test_value_and_grad(self) -> None:
        value, g = ft.value_and_grad(sum_of_sines)(X)
        assert value == np.sum(np.sin(X))
        np.testing.assert_allclose(g, np.cos(X), rtol=1e-15)

    def test_auxiliary_output(self) -> None:
        def f(x: Any) -> Any:
            y = np.sin(x)
            return np.sum(y), {"y": y, "name": "f", "n": 3}

        g, aux = ft.grad(f, has_aux=True)(X)
        assert type(aux["y"]) is np.ndarray and aux["name"] == "f" and aux["n"] == 3
        (value, aux), g2 = ft.value_and_grad(f, has_aux=True)(X)
        np.testing.assert_array_equal(aux["y"], np.sin(X))
        np.testing.assert_array_equal(g, g2)
        _, _, aux = ft.vjp(f, X, has_aux=True)
        assert type(aux["y"]) is np.ndarray
        _, t, aux = ft.jvp(f, (X,), (X,), has_aux=True)
        assert type(aux["y"]) is np.ndarray and t == np.sum(np.cos(X) * X)
        _, linear, aux = ft.linearize(f, X, has_aux=True)
        assert type(aux["y"]) is np.ndarray and linear(X) == np.sum(np.cos(X) * X)

    def test_results_are_ndarrays_of_their_own(self) -> None:
        x, y = np.ones(3), np.ones(3)
        a, b = ft.grad(lambda x, y: np.sum(x + y), (0, 1))(x, y)
        assert a.flags.writeable and b.flags.writeable and not np.shares_memory(a, b)
        seed = np.ones(3)
        _, pullback = ft.vjp(lambda x: x, x)
        (g,) = pullback(seed)
        assert not np.shares_memory(g, seed)
        a += 1
        np.testing.assert_array_equal(pullback(seed)[0], np.ones(3))

    def test_pullback_may_be_called_again(self) -> None:
        _, pullback = ft.vjp(lambda x: np.sin(x) * x, X)
        first, second = pullback(np.ones(3)), pullback(np.ones(3))
        np.testing.assert_array_equal(first[0], second[0])


def test_python_ints() -> None:
    """Floats where the argument was chosen; integers, as axes, where all arguments are taken."""
    assert ft.grad(lambda x: x**2)(3) == 6.0
    out, pullback = ft.vjp(np.sum, np.ones((2, 3)), 0)
    assert out.shape == (3,) and pullback(np.ones(3))[1] is None
    _, tangent = ft.jvp(np.sum, (np.ones((2, 3)), 0), (np.ones((2, 3)), None))
    np.testing.assert_array_equal(tangent, [2.0, 2.0, 2.0])
    _, linear = ft.linearize(np.sum, np.ones((2, 3)), 1)
    np.testing.assert_array_equal(linear(np.ones((2, 3)), None), [3.0, 3.0])


class Pair(NamedTuple):
    weight: Any
    bias: Any


@dataclass
class Layer:
    weight: Any
    bias: Any
    name: str = field(default="layer", metadata={"static": True})


class TestTrees:
    def test_structure_is_kept(self) -> None:
        params = {"a": [X, (2.0, None)], "b": Pair(X, 1.0), "c": Layer(X, 2.0)}

        def loss(p: Any) -> Any:
            return (
                np.sum(p["a"][0]) * p["a"][1][0]
                + np.sum(p["b"].weight) * p["b"].bias
                + np.sum(p["c"].weight) * p["c"].bias
            )

        g = ft.grad(loss)(params)
        assert ft.tree.structure(g) == ft.tree.structure(params)
        assert g["a"][1] == (6.0, None) and g["b"].bias == 6.0 and g["c"].bias == 6.0
        assert g["c"].name == "layer"

    def test_integer_leaves_with_allow_int(self) -> None:
        g = ft.grad(lambda p: p["x"] * p["n"], allow_int=True)({"x": 2.0, "n": np.arange(3)[2]})
        assert g == {"x": 2.0, "n": None}

    def test_jacobian_of_trees(self) -> None:
        def f(p: Any) -> Any:
            return {"s": p["a"] * p["b"], "t": (np.sum(p["a"]),)}

        p = {"a": X, "b": 2.0}
        for jac in (ft.jacfwd, ft.jacrev, ft.jacobian):
            j = jac(f)(p)
            np.testing.assert_array_equal(j["s"]["a"], 2 * np.eye(3))
            np.testing.assert_array_equal(j["s"]["b"], X)
            np.testing.assert_array_equal(j["t"][0]["a"], np.ones(3))
            assert j["t"][0]["b"] == 0.0

    def test_hessian_of_trees(self) -> None:
        h = ft.hessian(lambda p: np.sum(p["a"] ** 2) * p["b"])({"a": X, "b": 2.0})
        np.testing.assert_array_equal(h["a"]["a"], 4 * np.eye(3))
        np.testing.assert_array_equal(h["a"]["b"], 2 * X)
        np.testing.assert_array_equal(h["b"]["a"], 2 * X)
        assert h["b"]["b"] == 0.0


class TestJacobians:
    def test_modes_agree(self) -> None:
        def f(x: Any) -> Any:
            return np.stack([np.sum(x * x), np.prod(x)])

        expected = np.stack([2 * X, np.prod(X) / X])
        for jac in (ft.jacfwd, ft.jacrev, ft.jacobian):
            np.testing.assert_allclose(jac(f)(X), expected, rtol=1e-14)

    @pytest.mark.parametrize("chunk_size", [1, 2, 3, 7])
    def test_chunks(self, chunk_size: int) -> None:
        for jac in (ft.jacfwd, ft.jacrev, ft.jacobian, ft.hessian):
            plain, chunked = jac(np.sin)(X), jac(np.sin, chunk_size=chunk_size)(X)
            np.testing.assert_array_equal(plain, chunked)

    def test_several_arguments(self) -> None:
        jx, jy = ft.jacfwd(lambda x, y: x * y, (0, 1))(X, 2.0)
        np.testing.assert_array_equal(jx, 2 * np.eye(3))
        np.testing.assert_array_equal(jy, X)

    def test_hvp(self) -> None:
        (product,) = ft.hvp(lambda x: np.sum(x**3), (X,), (np.ones(3),))
        np.testing.assert_allclose(product, 6 * X, rtol=1e-15)

    @pytest.mark.parametrize("transform", [ft.jacfwd, ft.jacrev, ft.jacobian])
    def test_no_arrays_among_the_arguments(self, transform: Any) -> None:
        def vectors(x: Any) -> Any:
            return np.ones(3), 1.0

        assert transform(vectors)(None) == (None, None)
        assert transform(vectors)({"w": None}) == ({"w": None}, {"w": None})
        assert transform(vectors, argnums=())(1.0) == ((), ())

    def test_empty(self) -> None:
        assert ft.jacfwd(np.sin)(np.ones(0)).shape == (0, 0)
        assert ft.jacrev(np.sin)(np.ones(0)).shape == (0, 0)

    def test_holomorphic(self) -> None:
        z = np.array([1 + 2j, -0.5j])
        assert ft.grad(lambda z: z**3, holomorphic=True)(1 + 2j) == 3 * (1 + 2j) ** 2
        for jac in (ft.jacfwd, ft.jacrev, ft.jacobian):
            j = jac(np.exp, holomorphic=True)(z)
            np.testing.assert_allclose(j, np.diag(np.exp(z)), rtol=1e-15)

    def test_real_function_of_complex_argument(self) -> None:
        g = ft.grad(lambda z: np.real(z * np.conj(z)))(3 + 4j)
        assert g == 6 - 8j


class TestVmap:
    def test_axes(self) -> None:
        a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
        np.testing.assert_array_equal(ft.vmap(np.add, (0, None))(a, 1.0), a + 1)
        out = ft.vmap(lambda x, y: np.sum(x) * y, in_axes=(1, 0))(a, b)
        np.testing.assert_array_equal(out, a.sum(0)[:, None] * b)
        assert ft.vmap(np.sin, in_axes=-1, out_axes=1)(a).shape == (2, 3)
        assert ft.vmap(np.sin, in_axes=-1, out_axes=-1)(a).shape == (2, 3)

    def test_trees_of_axes(self) -> None:
        p = {"w": np.ones((3, 2)), "b": np.arange(4.0)}
        out = ft.vmap(lambda p, x: p["w"] @ x + 0 * p["b"], in_axes=({"w": None, "b": 0}, 0))(
            p, np.ones((4, 2))
        )
        assert out.shape == (4, 3)

    def test_out_axes_tree_and_unmapped_output(self) -> None:
        a = np.ones((4, 3))
        first, second = ft.vmap(lambda x: (x, 5.0), out_axes=(1, None))(a)
        assert first.shape == (3, 4) and second == 5.0
        assert ft.vmap(lambda x: 5.0)(a).shape == (4,)

    def test_axis_size(self) -> None:
        out = ft.vmap(lambda x: x, in_axes=None, axis_size=3)(2.0)
        np.testing.assert_array_equal(out, np.full(3, 2.0))

    def test_keyword_arguments_are_mapped(self) -> None:
        np.testing.assert_array_equal(ft.vmap(lambda x, *, y: x + y)(X, y=X), 2 * X)

    @pytest.mark.parametrize("chunk_size", [1, 2, 3, 5])
    def test_chunks(self, chunk_size: int) -> None:
        a = np.arange(12.0).reshape(3, 4)
        f = ft.vmap(lambda x: (x * 2, np.sum(x)), in_axes=1, out_axes=(1, 0), chunk_size=chunk_size)
        doubled, sums = f(a)
        np.testing.assert_array_equal(doubled, 2 * a)
        np.testing.assert_array_equal(sums, a.sum(0))

    def test_empty_batch(self) -> None:
        assert ft.vmap(ft.grad(lambda x: np.sum(x * x)))(np.ones((0, 3))).shape == (0, 3)

    def test_per_example_gradients(self) -> None:
        w, xs, ys = np.array([1.0, -1.0]), np.arange(6.0).reshape(3, 2), np.arange(3.0)
        g = ft.vmap(ft.grad(lambda w, x, y: (w @ x - y) ** 2), in_axes=(None, 0, 0))(w, xs, ys)
        np.testing.assert_allclose(g, 2 * (xs @ w - ys)[:, None] * xs, rtol=1e-14)


class TestStaging:
    def test_graph_computes(self) -> None:
        graph = ft.make_graph(ft.grad(sum_of_sines))(X)
        np.testing.assert_array_equal(graph(2 * X), ft.grad(sum_of_sines)(2 * X))

    def test_graph_of_trees(self) -> None:
        graph = ft.make_graph(lambda p, *, n: {"y": p["a"] * n})({"a": X}, n=2.0)
        np.testing.assert_array_equal(graph({"a": X}, n=3.0)["y"], 3 * X)

    def test_graph_is_differentiable(self) -> None:
        graph = ft.make_graph(sum_of_sines)(X)
        np.testing.assert_allclose(ft.grad(graph)(X), np.cos(X), rtol=1e-15)

    def test_unused_equations_are_left_out(self) -> None:
        def f(x: Any) -> Any:
            np.exp(x)
            return np.sin(x)

        assert [e.primitive.name for e in ft.make_graph(f)(X).equations] == ["sin"]

    def test_eval_shape_of_types(self) -> None:
        big = ft.ArrayType((10**6, 10**6), np.float32)
        assert ft.eval_shape(lambda x: {"y": np.sum(np.sin(x), axis=0)}, big) == {
            "y": ft.ArrayType((10**6,), np.float32)
        }

    def test_constants_are_computed_at_once(self) -> None:
        graph = ft.make_graph(lambda x: x * np.sum(np.sin(X)))(1.0)
        assert len(graph.equations) == 1


class TestLinearize:
    def test_equals_jvp(self) -> None:
        def f(x: Any, y: Any) -> Any:
            return {"a": np.sin(x) * y, "b": np.sum(x)}

        out, linear = ft.linearize(f, X, 2.0)
        value, tangent = ft.jvp(f, (X, 2.0), (X, 3.0))
        for a, b in ((out, value), (linear(X, 3.0), tangent)):
            np.testing.assert_array_equal(a["a"], b["a"])
            assert a["b"] == b["b"]

    def test_nonlinear_part_runs_once(self) -> None:
        calls = []

        def f(x: Any) -> Any:
            calls.append(1)
            return np.sin(x) if x[0] > 0 else x

        _, linear = ft.linearize(f, X)
        np.testing.assert_array_equal(linear(X), np.cos(X) * X)
        linear(X)
        assert len(calls) == 1

    def test_under_other_transforms(self) -> None:
        def f(x: Any) -> Any:
            return ft.linearize(np.sin, x)[1](1.0)

        assert ft.grad(f)(0.3) == pytest.approx(-np.sin(0.3), rel=1e-15)
        np.testing.assert_allclose(ft.vmap(f)(X), np.cos(X), rtol=1e-15)


class TestZeroTangents:
    def test_none_stands_for_zero(self) -> None:
        _, t = ft.jvp(lambda x, y: x * y, (2.0, 3.0), (None, 1.0))
        assert t == 2.0
        _, t = ft.jvp(lambda p: p["a"] * p["b"], ({"a": 2.0, "b": 3.0},), ({"a": 1.0, "b": None},))
        assert t == 3.0

    def test_constant_output_has_zero_tangent(self) -> None:
        _, t = ft.jvp(lambda x: np.ones(3), (1.0,), (1.0,))
        np.testing.assert_array_equal(t, np.zeros(3))

    def test_integer_output_has_none(self) -> None:
        _, t = ft.jvp(lambda x: (x, np.argmax(x)), (X,), (X,))
        assert t[1] is None


@pytest.mark.parametrize(
    "transform", [ft.vmap, ft.grad, ft.value_and_grad, ft.jacfwd, ft.jacrev, ft.hessian]
)
def test_transformed_functions_go_with_those_that_hold_them(transform: Callable[..., Any]) -> None:
    """And with them what they close over, as the graphs of linear functions: a trace of `jit` would
    take the arrays of these for the user's, and look at them in every call."""
    with no_collection():
        made = transform(lambda x: x * 2)
        gone = weakref.ref(made)
        del made
        assert gone() is None
