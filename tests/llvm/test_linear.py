"""Linear algebra in native code against NumPy's, at hard points too, and its errors."""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.code.builder import Builder, Module, number
from functrans.compile.llvm.code.engine import load
from functrans.compile.llvm.linear.factorizing import CHOLESKY, LU, cholesky, lu
from functrans.compile.llvm.linear.substitution import SUBSTITUTION, room, substitution
from functrans.compile.llvm.linear.transposing import TRANSPOSING, transposing
from functrans.compile.llvm.plans.systems import factorized
from functrans.compile.llvm.segment import NativeFunction, supported
from functrans.graph.graph import graphs_in
from tests.llvm.native import carried_out, staged, status

SIZES = (1, 2, 3, 4, 7, 8, 9, 16, 17, 33, 40, 95, 97, 130)


def draw(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def regular(*shape: int) -> np.ndarray[Any, Any]:
    """Matrices that are not close to singular, whose pivots are not on the diagonal."""
    return draw(*shape) + 2 * np.eye(shape[-1])[::-1]


def positive(*shape: int) -> np.ndarray[Any, Any]:
    x = draw(*shape)
    return x @ x.mT + np.eye(shape[-1])


def compare(f: Callable[..., Any], *args: Any, eps: float = 1e-10) -> list[Any]:
    """Native code gives what NumPy gives, and is all there is; what it gave."""
    graph, values = staged(f, *args)
    assert all([supported(e, False) for e in graph.equations]), graph
    outs = carried_out(graph, *values)
    for out, wanted in zip(outs, graph.evaluate(values), strict=True):
        scale = np.max(np.abs(wanted), initial=1.0)
        assert out.dtype == np.asarray(wanted).dtype and out.shape == np.shape(wanted)
        np.testing.assert_allclose(out / scale, wanted / scale, rtol=eps, atol=eps)
    return outs


def text_of(f: Callable[..., Any], *args: Any) -> str:
    return NativeFunction(staged(f, *args)[0]).text


def functions() -> tuple[Any, ...]:
    """LU, Cholesky, substitution and transposition, with addresses and sizes as arguments."""
    module = Module()
    pointer, whole = ctypes.c_void_p, ctypes.c_int64
    kinds: dict[str, list[Any]] = {}
    for name, write, operands in (
        ("lu", lu, LU[:-1]),
        ("cholesky", cholesky, CHOLESKY[:-1]),
        ("substitution", substitution, SUBSTITUTION[:-2]),
        ("transposing", transposing, TRANSPOSING),
    ):
        inner = write(module, "double")
        for unit in (0, 1) if name == "substitution" else (None,):
            own = name if unit is None else f"{name}{unit}"
            result = "i1" if name in ("lu", "cholesky") else "void"
            b = Builder(module, f"run_{own}", "i32" if result == "i1" else "void", operands)
            memory = b.slot("i8", room(200, "double"))
            more = () if name == "transposing" else (memory,)
            if unit is not None:
                more = (number(unit, "i1"), *more)
            found = b.call(inner, result, *b.operands, *more)
            b.finish(b.cast("zext", found, "i32") if result == "i1" else None)
            given = [pointer if kind == "ptr" else whole for kind in operands]
            kinds[own] = [ctypes.c_int if result == "i1" else None, *given]
    addresses = load(module.text(), [f"run_{name}" for name in kinds], verify=True)
    return tuple(ctypes.CFUNCTYPE(*k)(addresses[f"run_{name}"]) for name, k in kinds.items())


def framed(x: np.ndarray[Any, Any], gap: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The matrix with a gap after each row, and the room around it, all of it NaN."""
    m, n = x.shape
    room = np.full((m + 4, n + gap), np.nan)
    view = room[2 : m + 2, :n]
    view[...] = x
    return view, room


@pytest.mark.parametrize("gap", [0, 3])
def test_kernels_on_every_processor(processor: str, gap: int) -> None:
    """Factors and solutions are right to rounding, and nothing around them is written to."""
    factorize, root, solve, solve_unit, turn = functions()
    for n in (*SIZES, 200):
        x, y = draw(n, n), draw(n, n, seed=1)
        a, room = framed(x, gap)
        row = n + gap
        order, sign, space = np.arange(n), np.ones(1), np.empty(16 * n)
        pointers = order.ctypes.data, sign.ctypes.data, space.ctypes.data
        assert factorize(a.ctypes.data, row, n, *pointers) == 0
        lower, upper = np.tril(a, -1) + np.eye(n), np.triu(a)
        np.testing.assert_allclose(lower @ upper, x[order], atol=1e-13 * n)
        assert np.abs(lower).max() <= 1
        assert sign[0] == np.rint(np.linalg.det(np.eye(n)[order]))
        assert np.isnan(room[:2]).all() and np.isnan(room[:, n:]).all()

        for m in {1, 3, 17, n}:
            wide = draw(n, m, seed=2)
            right, around = framed(wide, gap)
            solve_unit(a.ctypes.data, row, 1, right.ctypes.data, m + gap, n, m)
            np.testing.assert_allclose(lower @ right, wide, atol=1e-12 * n)
            assert np.isnan(around[:2]).all() and np.isnan(around[:, m:]).all()
            assert np.isnan(around[n + 2 :]).all()

        s = x @ x.T + np.eye(n)
        c, room = framed(np.triu(s), gap)
        assert root(c.ctypes.data, row, n, space.ctypes.data) == 0
        np.testing.assert_allclose(c.T @ c, s, rtol=1e-11, atol=1e-12 * n)
        assert not np.tril(c, -1).any()
        assert np.isnan(room[:2]).all() and np.isnan(room[:, n:]).all()
        right, _ = framed(y, gap)
        last = c.ctypes.data + 8 * (n - 1) * (row + 1), right.ctypes.data + 8 * (n - 1) * row
        solve(last[0], -row, -1, last[1], -row, n, n)  # an upper triangle, from its end
        np.testing.assert_allclose(c @ right, y, atol=1e-11 * n)
        turned, around = framed(np.zeros((n, n)), gap)
        turn(right.ctypes.data, row, turned.ctypes.data, row, n, n)
        assert np.array_equal(turned, right.T) and np.isnan(around[:, n:]).all()


@pytest.mark.parametrize("n", SIZES)
def test_sizes(n: int) -> None:
    """Each operation at sizes around those of vectors and blocks."""
    x, s = regular(n, n), positive(n, n)
    compare(lambda x: np.linalg.solve(x, x[0]), x)
    compare(np.linalg.solve, x, draw(n, 3))
    compare(lambda x, y: np.linalg.solve(x.T, y), x, draw(n, 5))
    compare(np.linalg.inv, x)
    compare(lambda x: (np.linalg.det(x / 4), *np.linalg.slogdet(x)), x)
    compare(np.linalg.cholesky, s)
    compare(lambda s: np.linalg.cholesky(s.T, upper=True), np.tril(s))


@pytest.mark.parametrize(
    "f",
    [
        np.linalg.inv,
        np.linalg.det,
        lambda x: tuple(np.linalg.slogdet(x)),
        lambda x: np.linalg.solve(x, x[..., :2]),
        lambda x: np.linalg.solve(x[:, :1], x[0, :, :, 1:]),
        lambda x: np.linalg.solve(x[0, 0], x.mT),
        lambda x: np.linalg.solve(x[..., ::2, ::2], x[0, 0, 0, ::2]),
        lambda x: np.linalg.cholesky(x @ x.mT + np.eye(5, dtype=x.dtype)),
        lambda x: np.linalg.cholesky((x @ x.mT + np.eye(5, dtype=x.dtype))[:, ::-1, ::-1, ::-1]),
    ],
    ids=["inv", "det", "slogdet", "solve", "broadcast", "one", "parts", "cholesky", "reversed"],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_stacks(f: Callable[..., Any], dtype: Any) -> None:
    """Stacks of matrices, as they lie; float32 is computed as NumPy computes it, in float64."""
    x = regular(2, 3, 5, 5).astype(dtype)
    compare(f, x, eps=1e-10 if dtype is np.float64 else 2e-6)


def test_integers_and_numbers() -> None:
    """Integers are taken as float64."""
    x = np.array([[2, 1], [1, 3]])
    compare(lambda x: np.linalg.solve(x, x[0]), x)
    compare(lambda x: (np.linalg.inv(x), np.linalg.det(x), np.linalg.cholesky(x)), x)
    compare(lambda x: np.linalg.inv(x > 0), np.array([[1, 0], [1, 1]]))


def test_float32_has_the_precision_of_numpy() -> None:
    """A matrix of condition 1e6 in float32 is solved with, since NumPy does so in float64."""
    n = 8
    u, _, v = np.linalg.svd(draw(n, n))
    x = (u * np.logspace(0, -6, n) @ v).astype(np.float32)
    compare(np.linalg.solve, x, np.ones(n, np.float32), eps=1e-6)


@pytest.mark.parametrize("n", [2, 6, 20])
def test_gradients_are_one_segment(n: int) -> None:
    """Derivatives of each operation have native code for all that they need."""
    x, s = regular(n, n) / n, positive(n, n)
    compare(ft.grad(lambda x: np.sum(np.sin(np.linalg.inv(x)))), x, eps=1e-8)
    compare(ft.grad(lambda x: np.linalg.det(x)), x, eps=1e-8)
    compare(ft.grad(lambda x: np.linalg.slogdet(x)[1]), x, eps=1e-8)
    compare(ft.grad(lambda s: np.sum(np.sin(np.linalg.cholesky(s)))), s, eps=1e-8)
    compare(ft.grad(lambda x: np.sum(np.sin(np.linalg.solve(x, x)[0] + x[0]))), x, eps=1e-8)
    compare(ft.hessian(lambda v: np.sum(np.linalg.solve(s + np.outer(v, v), v))), s[0], eps=1e-8)


def test_a_matrix_is_factorised_once() -> None:
    """Solutions, the inverse and the determinant, of its transpose too, share the factors."""

    def f(x: Any, y: Any) -> Any:
        first = np.linalg.solve(x, y)
        return np.linalg.solve(x.T, first), np.linalg.inv(x), np.linalg.slogdet(x)[1], first

    text = text_of(f, regular(5, 5), draw(5))
    assert text.count("call i1 @functrans_lu(") == 1
    compare(f, regular(5, 5), draw(5))


def test_factors_of_cholesky_are_known_as_triangles() -> None:
    """Systems with a factor, or its transpose, need no factorisation."""

    def f(s: Any, y: Any) -> Any:
        lower, upper = np.linalg.cholesky(s), np.linalg.cholesky(s, upper=True)
        solved = np.linalg.solve(lower, y), np.linalg.solve(lower.T, y.T)
        return *solved, np.linalg.solve(upper, y), np.linalg.solve(upper.T, y[0])

    text = text_of(f, positive(6, 6), draw(6, 6))
    assert "@functrans_lu(" not in text and text.count("@functrans_substitution(") > 4
    compare(f, positive(6, 6), draw(6, 6))
    stack = positive(4, 6, 6)
    compare(lambda s: np.linalg.solve(np.linalg.cholesky(s).mT, s[:1]), stack)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.linalg.inv, np.zeros((1, 1))),
        (np.linalg.inv, np.zeros((2, 2))),
        (np.linalg.inv, np.ones((9, 9))),
        (np.linalg.inv, np.stack([np.eye(3), np.zeros((3, 3)), np.eye(3)])),
        (lambda x: np.linalg.solve(x, x[0]), np.arange(16.0).reshape(4, 4)),
        (lambda x: np.linalg.solve(x.T, x[0]), np.arange(16.0).reshape(4, 4)),
        (np.linalg.cholesky, -np.eye(3)),
        (np.linalg.cholesky, np.zeros((1, 1))),
        (np.linalg.cholesky, np.ones((20, 20)) - 1e-3 * np.eye(20)),
        (lambda x: np.linalg.cholesky(x, upper=True), np.diag([1.0, 2.0, -1e-300])),
    ],
)
def test_errors_are_those_of_numpy(f: Callable[..., Any], x: np.ndarray[Any, Any]) -> None:
    """A matrix that NumPy refuses is refused with its words, within loops too."""

    def outcome(g: Callable[..., Any]) -> Any:
        try:
            return np.asarray(g(x))
        except np.linalg.LinAlgError as error:
            return str(error)

    graph, values = staged(f, x)
    assert status(graph, *values) == 1
    wanted, found = outcome(f), outcome(ft.jit(f, backend="llvm"))
    assert type(found) is type(wanted) and np.array_equal(found, wanted)

    def in_loop(x: Any) -> Any:
        return ft.scan(lambda c, _: (c + np.sum(f(x * (1 + 0 * c))), None), 0.0, length=3)[0]

    if type(wanted) is str:
        with pytest.raises(np.linalg.LinAlgError, match=wanted):
            ft.jit(in_loop, backend="llvm")(x)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (2, 1), (1, 2), (4, 4)])
def test_what_is_no_number(value: float, place: tuple[int, int]) -> None:
    """With infinities and NaN in a matrix, NumPy says what comes of it."""
    x = positive(5, 5)
    x[place] = value

    def outcome(f: Callable[..., Any]) -> Any:
        try:
            return f(x)
        except np.linalg.LinAlgError as error:
            return str(error)

    for f in (
        np.linalg.inv,
        np.linalg.det,
        np.linalg.cholesky,
        lambda x: np.linalg.solve(x, x[3]),
        lambda x: np.linalg.slogdet(x)[1],
    ):
        with np.errstate(all="ignore"):
            wanted, found = outcome(f), outcome(ft.jit(f, backend="llvm"))
        assert type(found) is type(wanted)
        if type(wanted) is not str:
            np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_right_sides_that_are_no_numbers() -> None:
    """NaN and infinities of right sides go where they go in NumPy."""
    x = np.diag([1.0, 2.0, 4.0, 8.0]) + np.tril(np.ones((4, 4)), -1)
    for value in (np.nan, np.inf):
        y = np.array([1.0, value, 1.0, 2.0])
        native = ft.jit(np.linalg.solve, backend="llvm")
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(native(x, y), np.linalg.solve(x, y))


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_sizes_of_numbers_do_not_matter(scale: float) -> None:
    """What counts as singular does not depend on units: rows, columns and all of it scaled."""
    x = regular(6, 6)
    units = scale ** np.linspace(-1, 1, 6)
    compare(lambda x: np.linalg.solve(x * scale, x[0]), x)
    compare(lambda x: np.linalg.solve(x * units, x[0]) * units, x)
    s = positive(6, 6) * units * units[:, None]
    compare(lambda s: np.linalg.cholesky(s) / units[:, None], s)
    compare(lambda x: np.linalg.slogdet(x * scale)[1], x)


def test_determinants_of_singular_matrices() -> None:
    """The determinant is 0, its logarithm minus infinity, and the gradient the cofactors."""
    x = np.array([[1.0, 2.0], [2.0, 4.0]])
    native = ft.jit(ft.value_and_grad(np.linalg.det), backend="llvm")
    value, gradient = native(x)
    assert value == 0
    np.testing.assert_allclose(gradient, [[4.0, -2.0], [-2.0, 1.0]], atol=1e-12)
    assert ft.jit(lambda x: np.linalg.slogdet(x)[1], backend="llvm")(x) == -np.inf


def test_other_threads_run_meanwhile() -> None:
    """Large matrices are factorised without Python's lock."""
    for n, long in ((20, False), (200, True)):
        function = NativeFunction(staged(np.linalg.inv, np.eye(n))[0])
        assert function.long is long


def test_residuals_of_ill_conditioned_systems() -> None:
    """Solutions are those of a matrix that differs by rounding (Hilbert's, condition 1e13)."""
    n = 10
    x = 1 / (1 + np.arange(n)[:, None] + np.arange(n))
    y = draw(n)
    graph, values = staged(np.linalg.solve, x, y)
    (found,) = carried_out(graph, *values)
    bound = np.abs(x) @ np.abs(found) + np.abs(y)
    assert np.all(np.abs(x @ found - y) <= 1e-14 * bound)


def test_empty_matrices_are_left_to_numpy() -> None:
    """Nothing to compute is no work for native code."""
    for shape in ((0, 0), (0, 2, 2), (2, 0, 0)):
        for f in (np.linalg.inv, np.linalg.det, np.linalg.cholesky):
            found, wanted = ft.jit(f, backend="llvm")(np.zeros(shape)), f(np.zeros(shape))
            assert np.array_equal(found, wanted) and found.shape == wanted.shape
    x = np.eye(3)
    assert ft.jit(np.linalg.solve, backend="llvm")(x, np.zeros((3, 0))).shape == (3, 0)


def test_exact_programs_and_complex_matrices_keep_numpy() -> None:
    """Where bits are to be NumPy's, and for complex numbers, NumPy carries it out."""
    x = regular(7, 7)
    exact = ft.jit(lambda x: np.linalg.inv(x * 2.0), exact=True, backend="llvm")
    assert exact(x).tobytes() == np.linalg.inv(x * 2.0).tobytes()
    z = x + 1j * draw(7, 7, seed=2)
    np.testing.assert_allclose(ft.jit(np.linalg.inv, backend="llvm")(z), np.linalg.inv(z))


def test_systems_within_scans() -> None:
    """A filter of many states with a system in each step is one native loop."""
    move, noise = draw(4, 4) / 4, positive(4, 4)

    def step(carry: Any, z: Any) -> tuple[Any, None]:
        state, spread = carry
        spread = move @ spread @ move.T + noise
        gain = np.linalg.solve(spread + np.eye(4), spread).T
        return (move @ state + gain @ (z - state), spread - gain @ spread), None

    def f(seen: Any, spread: Any) -> Any:
        (state, spread), _ = ft.scan(step, (seen[0], spread), seen)
        return np.sum(state) + np.linalg.slogdet(spread)[1]

    seen = draw(12, 4)
    compare(f, seen, noise, eps=1e-9)
    compare(ft.grad(f), seen, noise, eps=1e-8)
    compare(ft.vmap(f, in_axes=(0, None)), np.stack([seen, seen + 1]), noise, eps=1e-9)


def test_a_matrix_that_no_round_changes_is_factorised_before() -> None:
    """Implicit steps with one matrix, and the steps back, in loops within loops too."""

    def f(x: Any, y: Any) -> Any:
        def step(c: Any, _: Any) -> tuple[Any, Any]:
            return np.linalg.solve(x, np.sin(c)) + np.linalg.solve(x.T, c), np.sum(c)

        end, sums = ft.scan(step, y, length=7)
        return np.sum(end) + np.sum(sums**2)

    def nested(x: Any, y: Any) -> Any:
        return ft.scan(lambda c, _: (np.cos(c) * f(x, y * c), None), 1.0, length=3)[0]

    x, y = positive(6, 6), draw(6)
    for g in (f, ft.grad(f), ft.value_and_grad(nested)):
        graph = factorized(staged(g, x, y)[0])
        assert "lu_factors" in [e.primitive.name for e in graph.equations]
        bodies = [inner for e in graph.equations for inner in graphs_in(e.params)]
        assert bodies and "lu_factors" not in "".join(map(str, bodies))
        compare(g, x, y, eps=1e-8)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        ft.jit(f, backend="llvm")(np.ones((6, 6)), y)

    def never(x: Any, y: Any) -> Any:
        return ft.scan(lambda c, _: (np.linalg.solve(x, c), None), y, length=0)[0] * 2

    assert np.array_equal(ft.jit(never, backend="llvm")(np.ones((6, 6)), y), 2 * y)


def test_a_loop_ends_where_a_system_fails() -> None:
    """A loop whose condition never fails on what comes of a singular matrix raises the error."""

    def f(x: Any) -> Any:
        return ft.while_loop(
            lambda c: np.logical_not(np.sum(c) > 1e3), lambda c: np.linalg.inv(c * 0.0) + c, x
        )

    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        ft.jit(f, backend="llvm")(np.eye(3))


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("unit", [True, False])
def test_triangular_systems(lower: bool, unit: bool) -> None:
    """SciPy's solver of triangular systems, which reads one triangle, has native code."""
    pytest.importorskip("scipy")
    from functrans.primitives.triangular import solve_triangular

    def f(x: Any, y: Any) -> Any:
        return solve_triangular(x, y, lower=lower, unit=unit)

    x = np.tril(draw(9, 9), -1) / 9 + np.triu(draw(9, 9, seed=3), 1) / 9 + 2 * np.eye(9)
    compare(f, x, draw(9, 4))
    compare(lambda x, y: f(x.T, y.T), x, draw(3, 9))
    compare(f, np.stack([x, x + 1]), draw(9, 1))
    compare(f, x.astype(np.float32), draw(9, 2).astype(np.float32), eps=1e-6)
    compare(ft.grad(lambda x, y: np.sum(np.sin(f(x, y)))), x, draw(9, 2), eps=1e-9)
    if not unit:
        x[4, 4] = 0
        with pytest.raises(np.linalg.LinAlgError):
            ft.jit(f, backend="llvm")(x, draw(9, 1))


@pytest.mark.parametrize("n", [131, 260])
def test_threads_do_not_change_results(n: int) -> None:
    """Columns and blocks of rows that several threads share have the bits of one thread's."""
    x = np.random.default_rng(n).normal(size=(n, n))
    symmetric = x @ x.T + n * np.eye(n)

    def f(s: Any, x: Any) -> Any:
        lower = np.linalg.cholesky(s)
        return lower, np.linalg.solve(lower, x), np.linalg.solve(x, s[:, :100]), np.linalg.inv(x)

    program = ft.jit(f, backend="llvm")
    found = []
    before = ft.get_num_threads()
    try:
        for count in (1, 2, 4):
            ft.set_num_threads(count)
            found.append(program(symmetric, x))
    finally:
        ft.set_num_threads(before)
    for others in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], others, strict=True))
    for a, b in zip(found[0], f(symmetric, x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)
