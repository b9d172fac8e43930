"""Loops and branches in native functions compute what NumPy's programs do."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.cutting import cut, native
from functrans.compile.llvm.segment import Segment, supported
from functrans.compile.lowering import lowered
from functrans.control.call import call
from tests.llvm.native import carried_out, staged

DTYPES = ("float64", "float32", "float16", "int64", "int8", "bool", "complex128")


def drawn(shape: Any, dtype: str = "float64", seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(scale=2, size=shape)
    if dtype.startswith("c"):
        x = x + 1j * rng.normal(size=shape)
    return (x > 0 if dtype == "bool" else x).astype(dtype)


def compare(f: Callable[..., Any], *args: Any, rounded: bool = False) -> Segment:
    """Native results are NumPy's, up to rounding if `rounded`."""
    graph, values = staged(f, *args)
    assert all([supported(equation, not rounded) for equation in graph.equations]), graph
    with np.errstate(all="ignore"):
        expected = graph.evaluate(values)
    for out, x in zip(carried_out(graph, *values), expected, strict=True):
        x = np.asarray(x)
        assert out.dtype == x.dtype and out.shape == x.shape
        if rounded and x.dtype.kind in "fc":
            spread = np.finfo(x.dtype).eps * 400
            scale = np.max(np.abs(x), initial=1.0)
            np.testing.assert_allclose(out, x, rtol=spread, atol=spread * scale)
        else:
            np.testing.assert_array_equal(out, x)
    return Segment(graph)


def unusual(x: Any) -> Any:
    """What is left to NumPy."""
    return np.sort(x, kind="heapsort")


@pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 4), (0,)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_scan_of_every_dtype(dtype: str, shape: tuple[int, ...]) -> None:
    """Carries and sequences of single elements, arrays and nothing, of even and odd lengths."""

    def f(start: Any, xs: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            made = np.where(x == c, x, c + x)
            return made, (c, made * x)

        return ft.scan(step, start, xs)

    for length in (0, 1, 2, 3, 6):
        rounded = dtype == "complex128"  # its products are
        compare(f, drawn(shape, dtype), drawn((length, *shape), dtype, 1), rounded=rounded)


@pytest.mark.parametrize("length", [0, 1, 2, 5])
@pytest.mark.parametrize("reverse", [False, True])
def test_directions(length: int, reverse: bool) -> None:
    """Sequences are read and written where they lie, from either end."""
    x = drawn((length, 3))

    def f(x: Any) -> Any:
        return ft.scan(lambda c, r: (c - r, c * 2.0), np.zeros(3), x, reverse=reverse)

    compare(f, x)
    compare(lambda x: f(x[::-1]), x)
    compare(lambda x: f(x.T), drawn((3, length)))
    compare(lambda x: f(x * 2.0 + 1.0), x)


@pytest.mark.parametrize("shape", [(), (4,)])
@pytest.mark.parametrize("length", [0, 1, 2, 3, 4])
def test_carries_change_places(length: int, shape: tuple[int, ...]) -> None:
    """Each round sees the values before it, whoever gets them."""
    a, b, c = drawn(shape), drawn(shape, seed=1), drawn(shape, seed=2)

    def f(a: Any, b: Any, c: Any) -> Any:
        return ft.scan(
            lambda s, i: ((s[1], s[0], s[2], s[1] - s[0]), (s[0], s[3], s[0])),
            (a, b, c, c),
            np.arange(length),
        )

    compare(f, a, b, c)
    compare(lambda a, b: ft.fori_loop(0, length, lambda i, s: (s[1], s[0]), (a, b)), a, b)
    compare(lambda a: ft.fori_loop(0, length, lambda i, s: (s[1], s[0]), (a, a)), a)


def test_outputs_that_are_operands_and_constants() -> None:
    """Constants, elements of sequences, and closed-over arrays as carries and outputs."""
    x, table = drawn((3, 2)), np.arange(2.0)

    def f(x: Any, y: Any) -> Any:
        def step(c: Any, r: Any) -> Any:
            return (r, c[0], 3.0), (np.float64(2.0), table, y, r, r, c[2])

        return ft.scan(step, (table, table, 1.0), x)

    compare(f, x, drawn((3,)))
    compare(lambda x: ft.scan(lambda c, r: (None, r * 2.0), None, x)[1], x)
    compare(lambda: ft.scan(lambda c, _: (c + 1, c), 0, None, length=4))
    compare(lambda x: ft.map(lambda r: r + 1.0, x), x)


def test_written_in_place() -> None:
    """An array that a round only writes into stays where it is; the operand stays as it was."""
    x = drawn((6,))

    def f(x: Any) -> Any:
        def step(i: Any, c: Any) -> Any:
            y = c[0].copy()
            y[1:3] = 2.0 * c[1]
            y[0] = c[1]
            return y, c[1] * 2.0 + i

        return ft.fori_loop(0, 4, step, (x, 1.0)), x + 1.0

    segment = compare(f, x)
    assert "llvm.memcpy" in segment.text
    assert segment.arena == 0  # no second place for the array

    def taken(x: Any) -> Any:
        """The first carry is written into for the second, and read again."""

        def step(i: Any, c: Any) -> Any:
            y = c[0].copy()
            y[0] = 5.0
            return c[1] * 2.0, y

        return ft.fori_loop(0, 3, step, (x, x + 1.0))

    compare(taken, x)


def test_nested_loops() -> None:
    """Loops in branches in loops, with carries of their own."""

    def f(x: Any, table: Any) -> Any:
        def inner(c: Any, r: Any) -> Any:
            def many(v: Any) -> Any:
                return ft.scan(lambda a, b: (a + b, a), v, table)[0]

            return ft.cond(np.sum(r) > 0.0, many, lambda v: v * 0.5, c), np.sum(c)

        def outer(s: Any) -> Any:
            i, c = s
            c, ys = ft.scan(inner, c, table)
            return i + 1, c + np.sum(ys)

        return ft.while_loop(lambda s: s[0] < 3, outer, (0, x))

    compare(f, drawn((4,)), drawn((5, 4)), rounded=True)
    compare(f, np.float64(0.3), drawn((5,)), rounded=True)


@pytest.mark.parametrize("rounds", [0, 1, 2, 5])
def test_while_loops(rounds: int) -> None:
    """How many rounds there are is seen on the way."""

    def f(n: Any, x: Any) -> Any:
        return ft.while_loop(
            lambda s: s[0] < n, lambda s: (s[0] + 1, s[2], s[1] - s[2]), (0, x, x * 2.0)
        )

    for x in (drawn(()), drawn((5,)), drawn((2, 3), "float32")):
        compare(f, np.int64(rounds), x)
    compare(f, np.int64(rounds), drawn((3,), "complex64"), rounded=True)
    compare(lambda n, x: ft.fori_loop(0, n, lambda i, c: c * 2.0 + i, x), rounds, drawn((3,)))
    compare(
        lambda x: ft.while_loop(lambda c: np.sum(c) < 100.0, lambda c: c + 1.0, x),
        np.ones(2),
        rounded=True,
    )


@pytest.mark.parametrize("index", [-3, 0, 1, 2, 9])
def test_branches(index: int) -> None:
    """An index outside counts as the nearest; each branch has outputs of its own."""

    def f(i: Any, x: Any, y: Any) -> Any:
        branches = [
            lambda x, y: (x, y, 1.0),
            lambda x, y: (y, x, np.sum(x)),
            lambda x, y: (x * y, x - y, 2.0),
        ]
        return ft.switch(i, branches, x, y)

    for dtype in ("int64", "int8", "uint16"):
        if index >= 0 or dtype[0] == "i":
            compare(f, np.dtype(dtype).type(index), drawn(4), drawn(4, seed=1), rounded=True)
    compare(f, np.int64(index), drawn(()), drawn((), seed=1), rounded=True)
    compare(lambda p, x: ft.cond(p, lambda x: x + 1.0, lambda x: x, x), index > 0, drawn(3))
    compare(
        lambda p, x: ft.cond(p > 0, lambda x: (x, x), lambda x: (2.0, x), x), np.int64(index), 3.0
    )


def test_calls() -> None:
    """Graphs that are called, more than once."""

    def inner(x: Any, y: Any) -> Any:
        return x * 2.0 - y[0], y, np.max(x)

    x, y = drawn(4), drawn(4, seed=1)
    graph = ft.make_graph(inner)(x, y)

    def f(x: Any, y: Any) -> Any:
        return *call(x, y, graph=graph), *call(y, x, graph=graph), *call(x + 1.0, y, graph=graph)

    outer = lowered(ft.make_graph(f)(x, y))
    assert [e.primitive.name for e in outer.equations].count("call") == 3
    assert all([supported(e, True) for e in outer.equations])
    for out, expected in zip(carried_out(outer, x, y), outer.evaluate([x, y]), strict=True):
        np.testing.assert_array_equal(out, expected)


def squashed(x: Any) -> Any:
    return x / (1.0 + np.abs(x))


def network(parameters: Any, xs: Any, start: Any) -> Any:
    w, u, b = parameters

    def step(state: Any, x: Any) -> Any:
        state = squashed(x @ w + state @ u + b)
        return state, np.sum(state)

    state, sums = ft.scan(step, start, xs)
    return np.mean(state * state) + np.sum(sums)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("length", [0, 1, 7])
def test_recurrent_network(length: int, dtype: str) -> None:
    """A recurrent network and its gradient."""
    parameters = tuple(
        [drawn(s, dtype, k) * np.dtype(dtype).type(0.2) for k, s in enumerate([(3, 5), (5, 5), 5])]
    )
    xs, start = drawn((length, 4, 3), dtype), drawn((4, 5), dtype)
    compare(network, parameters, xs, start, rounded=True)
    compare(ft.value_and_grad(network, (0, 1, 2)), parameters, xs, start, rounded=True)


def solved(variables: Any, times: Any) -> Any:
    birth, eaten, death, grown, prey, predators = variables

    def slope(x: Any, y: Any) -> Any:
        return birth * x - eaten * x * y, grown * x * y - death * y

    def step(state: Any, t: Any) -> Any:
        x, y = state
        a, b = slope(x, y)
        c, d = slope(x + 0.05 * a, y + 0.05 * b)
        return (x + 0.1 * c, y + 0.1 * d), (x * t, y)

    (x, y), ys = ft.scan(step, (prey, predators), times)
    return x * x + y * y + np.sum(ys[0] * ys[1])


def test_differential_equation() -> None:
    """Scalars alone: their carries are in registers."""
    variables = tuple([np.float64(v) for v in (1.1, 0.4, 0.4, 0.1, 10.0, 5.0)])
    times = np.arange(20) * 0.1
    compare(ft.value_and_grad(solved), variables, times, rounded=True)
    compare(ft.hessian(solved), variables, times, rounded=True)
    graph, _ = staged(ft.grad(solved), variables, times)
    assert Segment(graph).text.count("define internal") == 1  # the last product and its sum


def test_gradient_of_nested_scans() -> None:
    """Residuals of residuals."""

    def f(x: Any, w: Any) -> Any:
        def inner(c: Any, r: Any) -> Any:
            return c * r + squashed(c), c

        def outer(c: Any, r: Any) -> Any:
            c, ys = ft.scan(inner, c, w * r)
            return c, np.sum(ys, 0)

        c, ys = ft.scan(outer, x, w)
        return np.sum(c) + np.sum(ys)

    for shape in ((), (3,)):
        compare(ft.grad(f, (0, 1)), drawn(shape) * 0.1, drawn((4, *shape)) * 0.1, rounded=True)


def test_what_has_no_native_form() -> None:
    """Loops within those of lanes, and bodies with anything else."""
    x = drawn((3,))

    def loops(f: Any, *args: Any) -> list[bool]:
        graph, _ = staged(f, *args)
        higher = [e for e in graph.equations if e.primitive.kind == "higher-order"]
        assert higher
        return [supported(e, False) for e in higher]

    def halved(v: Any) -> Any:
        return ft.while_loop(lambda c: np.abs(c) > 1.0, lambda c: c / 2.0, v)

    assert not any(loops(ft.vmap(lambda v: ft.cond(v > 0, halved, np.negative, v)), x))
    assert not any(loops(lambda x: ft.scan(lambda c, r: (unusual(c), r), x, x)[0], x))


def test_loops_go_into_segments_whole() -> None:
    """A loop that is native is not cut; one that is not has its body cut."""

    def f(x: Any) -> Any:
        return ft.scan(lambda c, r: (np.abs(c) * r + 1.0, r), x, x)

    def g(x: Any) -> Any:
        return ft.scan(lambda c, r: (unusual(c * 2.0 + 1.0) * r - 1.0, r), x, x)

    for function, whole in ((f, True), (g, False)):
        graph, _ = staged(function, drawn((3,)))
        found = cut(graph, lambda e: supported(e, False), lambda s: s)
        assert any([e.primitive is native for e in found.equations]) == whole
        assert "native" in str(found)


def test_code_grows_with_bodies_not_with_rounds() -> None:
    """Loops of any length have code of one length, and alike kernels of a body are one."""

    def f(x: Any, n: int) -> Any:
        def step(c: Any, _: Any) -> Any:
            for _ in range(5):
                c = (c - np.sum(c)) / (c * 2.0 + 1.0)
            return c, None

        return ft.scan(step, x, None, length=n)[0]

    texts = [Segment(staged(lambda x, n=n: f(x, n), np.ones(50))[0]).text for n in (10, 1000)]
    assert len(texts[0].splitlines()) == len(texts[1].splitlines())
    assert texts[0].count("define internal void @kernel") <= 5


def test_positions_that_rounds_choose() -> None:
    """Elements at positions that are data are read and written in each round."""

    def f(x: Any, places: Any) -> Any:
        def step(i: Any, c: Any) -> Any:
            y = c.copy()
            y[places[i]] = x[i] * 2.0
            return y

        return ft.fori_loop(0, 4, step, x), ft.scan(lambda c, p: (c + x[p], x[p]), x[0], places)

    for shape in ((5,), (5, 3)):
        segment = compare(f, drawn(shape), np.array([3, 0, -1, 3]), rounded=True)
        assert segment.checked


def test_rows_made_of_rows_before() -> None:
    """A loop that fills an array from what is in it writes a row, not the array."""

    def filled(u: Any) -> Any:
        def step(t: Any, u: Any) -> Any:
            u = u.copy()
            row = u[t]
            u[t + 1] = row[::-1] * 2.0 + u[t, 0]
            u[0] += row
            return u

        return ft.fori_loop(0, 5, step, u)

    u = drawn((6, 40))
    segment = compare(filled, u, rounded=True)
    assert segment.arena < u.nbytes
    assert "copy" not in segment.text.replace("memcpy", "")

    def straight(x: Any) -> Any:
        y = x * 2.0
        z = y.copy()
        first, whole = z[:3], z[::-1]
        z[1:4] = first + 1.0
        z[2] = z[1] + z[3]
        seen = np.reshape(z, (2, 10))
        z[:5] = whole[5:10]
        z[5:] += z[:15] * first[0]
        seen[0] = seen[1] + z[0]
        return z, seen, whole[2:], y[:2]

    compare(straight, drawn(20))
    graph, _ = staged(straight, drawn(20))
    compare(
        ft.grad(lambda x: np.sum(straight(x)[0] * straight(x)[1].ravel())), drawn(20), rounded=True
    )


def turned(kind: int, inner: list[Any], values: list[Any], i: Any, a: int, b: int, n: int) -> Any:
    """The values after a loop or branch of other functions of them."""
    g, h = inner
    state = tuple(values)
    if kind == 0:
        out, ys = ft.scan(lambda c, k: (tuple(g(c, k)), (c[a], c[b])), state, np.arange(n))
        found = list(out)
        if n:
            found[a] = ys[0][-1]
        return found
    if kind == 1:
        branches = [lambda v: tuple(g(v, i)), lambda v: tuple(h(v, i))]
        return list(ft.cond(np.max(values[a]) > 0.5, *branches, state))
    start = (0, state)
    test = lambda s: (s[0] < n) & (np.max(s[1][b]) < 1e3)  # noqa: E731
    return list(ft.while_loop(test, lambda s: (s[0] + 1, tuple(h(s[1], s[0]))), start)[1])


def random_function(rng: np.random.Generator, depth: int) -> Callable[..., Any]:
    """A function of three scalars, two vectors and a matrix that gives such values: operations,
    swaps, writes, and loops and branches of such functions."""
    kinds = [(), (), (), (4,), (4,), (3, 4)]
    plan = [
        (int(rng.integers(10)), rng.integers(6, size=3).tolist(), int(rng.integers(4)))
        for _ in range(int(rng.integers(2, 7)))
    ]
    inner = [random_function(rng, depth - 1) for _ in range(2)] if depth else []

    def f(given: Any, i: Any) -> Any:
        values = list(given)
        for kind, (a, b, c), n in plan:
            x, y = values[a], values[b]
            if kind < 3 and inner:
                values = turned(kind, inner, values, i, a, b, n)
            elif kind == 3 and kinds[a] == kinds[b]:
                values[a], values[b] = y, x
            elif kind == 4:
                values[a] = np.maximum(x, np.min(y)) - x * 0.5
            elif kind in (5, 6) and kinds[a]:
                z = x.copy()
                z[n % 3] = z[i % 3] - (values[3] if kinds[a] == (3, 4) else values[c % 3])
                z[:1] = z[2:3] * 0.25
                values[a] = z
            elif kind == 7:
                values[a] = np.minimum(x + np.max(values[c]) * 0.125, 1.5)
            elif kind == 8:
                values[3] = values[5][n % 3] + values[4][::-1]
        return values

    return f


@pytest.mark.parametrize("seed", range(8))
def test_random_loops(seed: int) -> None:
    """Loops in branches in loops, of everything at once."""
    f = random_function(np.random.default_rng(seed), 2)
    values = [drawn(shape, seed=k) for k, shape in enumerate([(), (), (), 4, 4, (3, 4)])]
    compare(lambda *v: ft.fori_loop(0, 3, lambda i, c: tuple(f(c, i)), v), *values)


@pytest.mark.parametrize("lanes", [1, 5, 40])
def test_branches_and_loops_of_lanes(lanes: int) -> None:
    """All lanes at once, of which each keeps what is its own."""
    x, y, z = drawn(lanes), drawn((lanes, 3)), drawn(3)

    def branch(v: Any, w: Any, z: Any) -> Any:
        index = np.clip(np.floor(v).astype(int), -1, 1) + 1
        branches = [
            lambda: (v * 2.0, w + z, 1.0),
            lambda: (v - 1.0, z, v),
            lambda: (np.max(w), w * v, 2.0),
        ]
        return ft.switch(index, branches), ft.cond(v > 0.0, lambda: z, lambda: w)

    def loop(v: Any, w: Any, z: Any) -> Any:
        def step(s: Any) -> Any:
            n, a, b = s
            return n + 1, a * 0.5, b + z * a

        return ft.while_loop(lambda s: (np.abs(s[1]) > 0.5) & (s[0] < 3), step, (0, v, w))

    for f in (branch, loop):
        for axes in ((0, 0, None), (0, None, None), (0, 0, 0)):
            args = [v if a == 0 else v[0] for v, a in zip((x, y), axes, strict=False)]
            last = z if axes[2] is None else np.stack([z] * lanes)
            compare(ft.vmap(f, in_axes=axes), *args, last)
    compare(ft.vmap(ft.grad(lambda v: ft.cond(v > 0.0, lambda: v * v, lambda: 3.0 * v))), x)
    graph, _ = staged(ft.vmap(loop, in_axes=(0, 0, None)), x, y, z)
    assert [e.params.get("lanes") for e in graph.equations] == [None] * len(graph.equations)


def test_lanes_that_read_beyond_an_array() -> None:
    """What a branch would do wrongly in lanes that do not take it is no error."""
    table, places = np.arange(4.0), np.array([0, 3, 7, -9, 2])

    def f(i: Any, table: Any) -> Any:
        return ft.cond((i >= 0) & (i < 4), lambda i, t: t[i], lambda i, t: -1.0, i, table)

    jitted = ft.jit(ft.vmap(f, in_axes=(0, None)), backend="llvm")
    for _ in range(2):
        np.testing.assert_array_equal(jitted(places, table), [0.0, 3.0, -1.0, -1.0, 2.0])
    np.testing.assert_array_equal(jitted(places % 4, table), places % 4)
