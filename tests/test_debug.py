"""functrans.debug: printing and calling back under every transform and nesting."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import debug
from functrans.core.errors import MissingRuleError

X = np.array([1.0, 2.0])


def shown(capsys: Any) -> list[str]:
    return capsys.readouterr().out.splitlines()  # type: ignore[no-any-return]


def f(x: Any) -> Any:
    y = np.sin(x)
    debug.print("y {:.3f}", y)
    return np.sum(y * y)


SCALAR = 0.5
LINE = f"y {np.sin(SCALAR):.3f}"
LANES = [f"y {np.sin(x):.3f}" for x in X]
BOTH = ["y [0.841 0.909]"]

PROGRAMS: dict[str, tuple[Any, list[str]]] = {
    "eager": (lambda: f(SCALAR), [LINE]),
    "grad": (lambda: ft.grad(f)(SCALAR), [LINE]),
    "value_and_grad": (lambda: ft.value_and_grad(f)(X), BOTH),
    "vjp": (lambda: ft.vjp(f, SCALAR)[1](1.0), [LINE]),
    "jvp": (lambda: ft.jvp(f, (SCALAR,), (1.0,)), [LINE]),
    "vmap": (lambda: ft.vmap(f)(X), LANES),
    "vmap of grad": (lambda: ft.vmap(ft.grad(f))(X), LANES),
    "grad of vmap": (lambda: ft.grad(lambda x: np.sum(ft.vmap(f)(x)))(X), LANES),
    "vmap in chunks": (lambda: ft.vmap(f, chunk_size=1)(X), LANES),
    "nested vmap": (lambda: ft.vmap(ft.vmap(f))(np.stack([X, X])), LANES * 2),
    "vmap over nothing": (lambda: ft.vmap(lambda x: f(SCALAR) + x)(X), [LINE]),
    "empty vmap": (lambda: ft.vmap(f)(np.zeros(0)), []),
    "grad of grad": (lambda: ft.grad(ft.grad(f))(SCALAR), [LINE]),
    "hessian": (lambda: ft.hessian(f)(X), BOTH),
    "jacfwd": (lambda: ft.jacfwd(f)(X), BOTH),
    "jacrev": (lambda: ft.jacrev(f)(X), BOTH),
    "hvp": (lambda: ft.hvp(f, (X,), (X,)), BOTH),
    "linearize": (lambda: ft.linearize(f, SCALAR)[1](1.0), [LINE]),
    "value under checkpoint": (lambda: ft.checkpoint(f)(SCALAR), [LINE]),
    "grad of checkpoint": (lambda: ft.grad(ft.checkpoint(f))(SCALAR), [LINE] * 2),
    "custom": (lambda: ft.grad(ft.custom(f))(SCALAR), [LINE]),
    "make_graph": (lambda: ft.make_graph(f)(SCALAR), []),
    "eval_shape": (lambda: ft.eval_shape(f, SCALAR), []),
    "graph": (lambda: ft.make_graph(f)(SCALAR)(SCALAR), [LINE]),
    "graph of vmap": (lambda: ft.make_graph(ft.vmap(f))(X)(X), LANES),
    "vmap of graph": (lambda: ft.vmap(ft.make_graph(f)(SCALAR))(X), LANES),
    "graph of grad": (lambda: ft.make_graph(ft.grad(f))(X)(X), BOTH),
    "grad of graph": (lambda: ft.grad(ft.make_graph(f)(X))(X), BOTH),
    "jit": (lambda: ft.jit(f)(SCALAR), [LINE]),
    "jit again": (lambda: [ft.jit(f)(SCALAR) for _ in range(2)], [LINE] * 2),
    "grad of jit": (lambda: ft.grad(ft.jit(f))(SCALAR), [LINE]),
    "jit of grad": (lambda: ft.jit(ft.grad(f))(SCALAR), [LINE]),
    "vmap of jit": (lambda: ft.vmap(ft.jit(f))(X), LANES),
    "jit of vmap of grad": (lambda: ft.jit(ft.vmap(ft.grad(f)))(X), LANES),
    "scan": (lambda: ft.scan(lambda c, x: (c, f(x)), 0.0, X), LANES),
    "jit of scan": (lambda: ft.jit(lambda x: ft.map(f, x))(X), LANES),
    "grad of scan": (lambda: ft.grad(lambda x: np.sum(ft.map(f, x)))(X), LANES),
    "cond": (lambda: ft.cond(SCALAR > 0, f, lambda x: x, SCALAR), [LINE]),
    "vmap of cond": (lambda: ft.vmap(lambda x: ft.cond(x > 1, f, np.cos, x))(X), LANES[1:]),
    "graph of vmap of grad": (lambda: ft.make_graph(ft.vmap(ft.grad(f)))(X)(X), LANES),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_print(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    program, lines = PROGRAMS[name]
    program()
    assert shown(capsys) == lines


def test_effects_of_functions_with_rules_stay_in_graphs(capsys: pytest.CaptureFixture[str]) -> None:
    @ft.custom
    def g(x: Any) -> Any:
        debug.print("g {}", x)
        return 2.0 * x

    g.defvjp(lambda x: (g(x), None), lambda residuals, ct: (2.0 * ct,))

    def unused(x: Any) -> Any:
        g(x)
        return x

    for graph in (ft.make_graph(unused)(1.0), ft.make_graph(ft.grad(g))(1.0)):
        assert graph.effects and shown(capsys) == []
        graph(3.0)
        assert shown(capsys) == ["g 3.0"]
    plain = ft.custom(lambda x: 2.0 * x)
    assert not ft.make_graph(plain)(1.0).effects


def test_derivatives_are_those_without_it() -> None:
    def plain(x: Any) -> Any:
        return np.sum(np.sin(x) ** 2)

    for transform in (ft.grad, ft.hessian, ft.jacfwd, lambda g: ft.grad(ft.checkpoint(g))):
        np.testing.assert_allclose(transform(f)(X), transform(plain)(X), rtol=1e-15)


def test_prints_stay_in_the_order_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    def g(x: Any) -> Any:
        debug.print("start")
        for k in range(3):
            debug.print("step {k}: {x}", k=k, x=x)
            x = 2.0 * x
        debug.print("{p[a]} {names}, {p[a].shape}", p={"a": x}, names=("a", None))
        return x

    graph = ft.make_graph(g)(1.0)
    assert shown(capsys) == []
    graph(1.0)
    expected = ["start", "step 0: 1.0", "step 1: 2.0", "step 2: 4.0", "8.0 ('a', None), ()"]
    assert shown(capsys) == expected
    ft.grad(g)(1.0)
    assert shown(capsys) == expected


def test_texts(capsys: pytest.CaptureFixture[str]) -> None:
    debug.print("{0} {1!r} {{}} {2:>6}", np.float32(0.1), np.array([1, 2]), 0.1)
    debug.print("{:.1e}", np.array([[1.0, 2j]]))
    debug.print("{x[1]:d} {y:b}", x=np.arange(3), y=5)
    assert shown(capsys) == [
        "0.1 array([1, 2]) {}    0.1",
        "[[1.0e+00+0.0e+00j 0.0e+00+2.0e+00j]]",
        "1 101",
    ]


def test_what_a_callback_gets() -> None:
    """Plain arrays of its own, which it may keep and write to; no transform is active."""
    seen: list[Any] = []

    def look(x: Any, *, scale: Any, name: str) -> None:
        assert type(x) is type(scale["s"]) is np.ndarray
        x *= 2.0
        seen.append((x, name, ft.grad(np.sin)(0.0), ft.core.interpreter.stack.top))

    def g(x: Any) -> Any:
        debug.callback(look, x, scale={"s": x}, name="n")
        return np.sum(x)

    x = X.copy()
    for program in (g, ft.grad(g), ft.make_graph(g)(x), ft.vmap(lambda y: g(y * X))):
        program(x)
    assert len(seen) == 5
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(seen[1][0], 2 * X)
    np.testing.assert_array_equal(seen[4][0], 4 * X)
    assert all(row[1:3] == ("n", 1.0) for row in seen)


def test_tensors(capsys: pytest.CaptureFixture[str]) -> None:
    import functrans.torch as torch

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    debug.print("{}", x * 2)
    y = debug.inspect(x * 2, "y")
    y.sum().backward()
    assert shown(capsys) == ["tensor([2., 4.])", "y[0], value: [2. 4.]", "y[0], cotangent: [1. 1.]"]
    assert x.grad.tolist() == [2.0, 2.0]


class TestInspect:
    def test_what_passes(self, capsys: pytest.CaptureFixture[str]) -> None:
        def g(x: Any) -> Any:
            p = debug.inspect({"a": x, "n": None}, "p")
            return p["a"] ** 2

        assert ft.vmap(ft.grad(g))(X).tolist() == [2.0, 4.0]
        ft.jvp(g, (1.0,), (3.0,))
        lines = [f"p['a'], value: {x}" for x in X] + [
            "p['a'], cotangent: 2.0",
            "p['a'], cotangent: 4.0",
        ]
        assert shown(capsys) == [*lines, "p['a'], value: 1.0", "p['a'], tangent: 3.0"]

    def test_second_derivatives_and_graphs(self) -> None:
        seen: list[Any] = []

        def g(x: Any) -> Any:
            return debug.inspect(np.sin(x), fun=lambda kind, y: seen.append((kind, float(y)))) ** 2

        assert ft.grad(ft.grad(g))(0.3) == pytest.approx(2 * math.cos(0.6), rel=1e-14)
        del seen[:]
        graph = ft.make_graph(ft.grad(g))(0.3)
        assert seen == []
        graph(0.3)
        assert seen == [("value", np.sin(0.3)), ("cotangent", 2 * np.sin(0.3))]

    def test_structural_zeros_stay(self) -> None:
        def g(x: Any) -> Any:
            return np.where(x > 0, debug.inspect(np.log(x), fun=lambda kind, y: None), 0.0)

        with np.errstate(divide="ignore"):
            assert ft.grad(g)(0.0) == 0.0


class TestAnswers:
    def gamma(self, x: Any, **options: Any) -> Any:
        def compute(x: Any) -> Any:
            return {"g": np.vectorize(math.gamma)(x) if x.size else x}

        kind = ft.ArrayType(x.shape, float)
        return debug.pure_callback(compute, {"g": kind}, x, **options)["g"]

    @pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
    def test_lanes(self, method: str) -> None:
        x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        g = ft.vmap(ft.vmap(lambda x: self.gamma(x, vmap_method=method)))
        expected = [[1.0, 1.0, 2.0], [6.0, 24.0, 120.0]]
        assert g(x).tolist() == expected
        assert ft.make_graph(g)(x)(x).tolist() == expected
        assert ft.vmap(lambda x: self.gamma(x, vmap_method=method))(np.zeros((0, 2))).shape == (
            0,
            2,
        )

    def test_lanes_of_one_operand(self) -> None:
        def g(x: Any, y: Any, method: Any) -> Any:
            kind = ft.ArrayType((), float)
            return debug.pure_callback(lambda x, y: x + y, kind, x, y, vmap_method=method)

        for method in ("sequential", "expand_dims", "broadcast_all"):
            mapped = ft.vmap(partial(g, y=np.float64(1.0), method=method))
            assert mapped(X).tolist() == [2.0, 3.0]

    def test_no_derivative_but_a_declared_one(self) -> None:
        with pytest.raises(MissingRuleError, match="functrans.custom"):
            ft.grad(self.gamma)(np.array(2.0))
        with pytest.raises(MissingRuleError, match="functrans.custom"):
            ft.jvp(self.gamma, (np.array(2.0),), (np.array(1.0),))
        assert ft.grad(lambda x: x * self.gamma(ft.stop_gradient(x)))(np.float64(3.0)) == 2.0

        @ft.custom
        def cube(x: Any) -> Any:
            return debug.pure_callback(lambda x: x**3, ft.ArrayType((), float), x)

        cube.defjvp(lambda primals, tangents: (cube(*primals), 3 * primals[0] ** 2 * tangents[0]))
        assert ft.grad(ft.grad(lambda x: cube(x)))(2.0) == 12.0
        assert ft.vmap(ft.grad(cube))(X).tolist() == [3.0, 12.0]

    def test_effects_happen_whether_their_result_is_used_or_not(self) -> None:
        calls: list[float] = []

        def g(x: Any) -> Any:
            def note(x: Any) -> Any:
                calls.append(float(x))
                return len(calls)

            debug.io_callback(note, ft.ArrayType((), int), x)
            debug.pure_callback(note, ft.ArrayType((), int), x)
            return x * debug.io_callback(note, ft.ArrayType((), int), 2 * x)

        graph = ft.make_graph(g)(1.0)
        assert calls == []
        assert graph(1.0) == 2.0
        assert calls == [1.0, 2.0]
        assert ft.grad(graph)(1.0) == 4.0
        assert ft.vmap(graph)(X).tolist() == [7.0, 16.0]
