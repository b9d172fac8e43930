"""Memory that programs keep between calls, and operations spelt out as ufuncs."""

import threading
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.compile import lowering, program
from functrans.compile.buffers import Buffers
from functrans.compile.lowering import lowered
from functrans.core.primitive import REGISTRY
from functrans.graph.graph import Graph
from functrans.graph.passes import optimize
from functrans.primitives.exponential import share
from tests.executors import NATIVE, same
from tests.test_numpy_programs import check_program


def gradient_graph(f: Any, *args: Any) -> Graph:
    return optimize(ft.make_graph(ft.value_and_grad(f))(*args))


def chain(x: Any) -> Any:
    v = x
    for _ in range(4):
        v = np.exp(np.tanh(np.sin(v) * x + x))
    return np.sum(v)


def pieces(graph: Graph) -> list[Any]:
    return Buffers(graph.equations, graph.releases, graph.outputs).spaces


def test_results_in_the_middle_live_in_memory_that_stays() -> None:
    x = np.linspace(-1, 1, 100)
    graph = gradient_graph(chain, x)
    made = program(graph)
    check_program(graph, [x])
    made(x)
    pool = made.kept()
    assert len(pool) == 1
    before = [b.ctypes.data for b in pool[0]]
    made(x)
    assert [b.ctypes.data for b in made.kept()[0]] == before
    assert len(before) < len(graph.equations) / 2


def test_memory_is_used_again() -> None:
    """Of an operand that dies, in place, and of earlier values."""

    def f(x: Any) -> Any:
        for _ in range(50):
            x = np.sin(x) * 1.5 + np.cos(x)
        return x

    graph = ft.make_graph(f)(np.ones(10))
    assert len(pieces(graph)) <= 3
    check_program(graph, [np.linspace(-1, 1, 10)])


def test_views_and_outputs_do_not_live_there() -> None:
    def f(x: Any) -> Any:
        y, z = np.sin(x), np.cos(x)
        w = y[1:]
        for _ in range(3):
            x = np.tanh(x) * 2.0
        return w + x[1:], z

    graph = ft.make_graph(f)(np.ones(10))
    check_program(graph, [np.linspace(-1, 1, 10)])


def test_layouts_are_numpys() -> None:
    """A result that NumPy would not lay out in C order: the sum over it depends on it."""
    rng = np.random.default_rng(0)

    def f(x: Any) -> Any:
        return np.sum(np.sin(x) * x, axis=0), np.sum(np.exp(x.T) * 2.0), np.sum(np.cos(x[::2, 1:]))

    x = rng.standard_normal((40, 30)).astype(np.float32)
    graph = ft.make_graph(f)(x)
    for y in (x, np.asfortranarray(x), np.repeat(x, 2, 1)[:, ::2], x[::-1]):
        check_program(graph, [y])


def test_errors_leave_programs_usable() -> None:
    x = np.array([1.0, 4.0])
    graph = ft.make_graph(lambda x: np.sum(np.sqrt(np.log(x) * 2.0) + 1.0))(x)
    made = program(graph)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        made(np.array([-1.0, 1.0]))
    check_program(graph, [x])


def test_a_program_within_itself() -> None:
    """A call from a callback takes other memory than the call that it interrupts."""
    depth = 0

    def again(x: Any) -> Any:
        nonlocal depth
        if depth < 3:
            depth += 1
            made(np.asarray(x) / 4.0)
            depth -= 1
        return x

    called = ft.extend.nondifferentiable(
        "again", lambda x: np.array(again(x)), samples=lambda: [], shape=lambda x: x, effects=True
    )

    def f(x: Any) -> Any:
        y = np.sin(x) * 2.0
        z = np.cos(y) * y
        return np.sum(y * z + called(np.exp(x)))

    x = np.linspace(0, 1, 20)
    made = program(ft.make_graph(f)(x))
    expected = np.sum(np.sin(x) * 2.0 * (np.cos(np.sin(x) * 2.0) * (np.sin(x) * 2.0)) + np.exp(x))
    assert made(x) == [expected]
    assert len(made.kept()) == 4


def test_threads() -> None:
    x = np.linspace(-1, 1, 1000)
    made = program(gradient_graph(chain, x))
    expected = [made(x * k) for k in range(8)]
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(50):
            found = made(x * k)
            if not all(np.array_equal(a, b) for a, b in zip(found, expected[k], strict=True)):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_implementations_are_spelt_out() -> None:
    """In the ufuncs that they call, where that is all they do, silent where they are."""
    x = np.array([-800.0, -2.0, 0.0, np.nan, 900.0])
    for name, steps in (("sech_square", 3), ("one_minus_square", 3), ("relu", 1), ("sigmoid", 1)):
        primitive = REGISTRY[name].call
        graph = ft.make_graph(primitive)(x)
        assert len(lowered(graph).equations) == steps, name
        with np.errstate(all="warn", under="ignore"):
            check_program(graph, [x])
            check_program(ft.make_graph(lambda x, f=primitive: f(x) + 1)(x), [x])


def test_what_does_not_give_the_same_is_not_spelt_out() -> None:
    """An implementation that asks what it is given, and gives a stand-in something else."""
    cunning = ft.extend.nondifferentiable(
        "cunning",
        lambda x: np.sin(x) if isinstance(x, np.ndarray) else np.cos(x),
        samples=lambda: [],
        shape=lambda x: x,
    )
    x = np.ones(3)
    graph = ft.make_graph(cunning)(x)
    assert [e.primitive for e in lowered(graph).equations] == [graph.equations[0].primitive]
    check_program(graph, [x])


NUMBERS = (0, 1, -1, 2, 300, -129, 2**31, 2**53 + 1, 2**70, True, 0.1, -0.0, 1e300, 1e-300)
NUMBERS += (np.inf, np.nan, 1j, np.float32(0.1), np.float64(0.1), np.int8(3), np.uint8(200))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", "?bBhilefdFD")
def test_numbers_convert_as_in_the_call(dtype: str) -> None:
    """Whatever they are: the same values, dtypes, warnings and errors."""
    x = np.array([0, 1, 2, 3, 100]).astype(dtype)
    for number in NUMBERS:
        for ufunc in (np.add, np.multiply, np.power, np.less, np.maximum, np.divide, np.equal):

            def f(x: Any, ufunc: Any = ufunc, number: Any = number) -> Any:
                return ufunc(x, number), ufunc(number, x)

            try:
                with np.errstate(all="ignore"):
                    graph = ft.make_graph(f)(x)
                    graph.evaluate([x])
            except (TypeError, OverflowError, ValueError):
                continue
            check_program(graph, [x])


def test_numbers_are_converted_once() -> None:
    graph = lowered(ft.make_graph(lambda x: np.sin(x * 2.0) * 2.0 + x)(np.ones(3, np.float32)))
    one, other = (e.inputs[1] for e in graph.equations if e.primitive.name == "multiply")
    assert one is other
    assert one.dtype == np.float32


def test_reports_are_switched_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place where NumPy keeps them, or with numpy.errstate where there is no such place."""
    x = np.array([0.0, 1.0])
    for missing in (False, True):
        if missing:
            monkeypatch.setattr("functrans.core.reports._current", None)
        graph = ft.make_graph(ft.value_and_grad(lambda x: np.sum(np.sqrt(x))))(x)
        made = program(graph)
        assert ("with errstate(" in made.source) == missing
        for state in ({"all": "raise"}, {"all": "warn"}, {"divide": "raise", "under": "warn"}):
            with np.errstate(**state):
                before = np.geterr()
                value, gradient = made(x)
                assert np.geterr() == before
            assert gradient.tolist() == [np.inf, 0.5]


def test_reports_are_switched_back_after_an_error() -> None:
    inv = ft.make_graph(ft.grad(lambda x: np.sum(np.sqrt(np.linalg.inv(x)))))(np.eye(2))
    made = program(optimize(inv))
    with np.errstate(all="warn"):
        before = np.geterr()
        with pytest.raises(np.linalg.LinAlgError):
            made(np.zeros((2, 2)))
        assert np.geterr() == before


def in_place(graph: Graph) -> int:
    return program(graph).source.count("_in_place(")


def test_writes_in_place() -> None:
    """Into results in the middle that nobody needs afterwards, the first of a loop aside."""
    x = np.linspace(-1, 1, 12)

    def fill(x: Any) -> Any:
        u = np.zeros_like(x)
        u[0] = x[0]
        for t in range(11):
            u[t + 1] = np.sin(u[t]) + x[t]
        return u

    graph = ft.make_graph(fill)(x)
    assert in_place(graph) == 11
    check_program(graph, [x])
    gradient = optimize(ft.make_graph(ft.grad(lambda x: np.sum(fill(x) ** 2)))(x))
    check_program(gradient, [x])

    def by_numbers(x: Any, i: Any) -> Any:
        u = np.sin(x)
        u[i] += 2.0
        np.add.at(u, i, x[i])
        return u * 2.0

    graph = ft.make_graph(by_numbers)(x, np.array([1, 3, 1]))
    assert in_place(graph) == 2
    check_program(graph, [x, np.array([1, 3, 1])])


def test_writes_that_somebody_sees_copy() -> None:
    """Of inputs, constants and outputs, of what is needed later or looked at by a living view."""
    x = np.linspace(-1, 1, 6)
    constant = np.arange(6.0)

    def changed(y: Any) -> Any:
        z = y.copy()
        z[2] = 7.0
        return z

    cases = (
        lambda x: changed(x),
        lambda x: changed(constant) + x,
        lambda x: (y := np.sin(x), changed(y)),
        lambda x: changed(y := np.sin(x)) + np.cos(y),
        lambda x: (v := (y := np.sin(x))[1:4], changed(y), v * 2.0)[1:],
        lambda x: changed(np.sin(x)[::2]),
        lambda x: changed(np.reshape(np.sin(x), (3, 2)))[1],
        lambda x: changed(np.broadcast_to(np.sum(x), (6,))),
        lambda x: changed(np.sin(x) * 2.0),
    )
    for case in cases:
        graph = ft.make_graph(case)(x)
        check_program(graph, [x])
        check_program(optimize(graph), [x])
    assert [in_place(ft.make_graph(case)(x)) for case in cases] == [0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_arguments_in_c_order_let_more_stay_in_memory() -> None:
    """And those in another order have a program of their own, with the bits of that order."""
    rng = np.random.default_rng(0)

    def f(x: Any, w: Any, b: Any) -> Any:
        h = np.tanh(x @ w + b)
        return np.sum(h * 2.0 + np.exp(-h), axis=0), np.sum(np.sin(x) * x) + np.sum(w * w)

    x, w, b = rng.standard_normal((8, 5)), rng.standard_normal((5, 6)), rng.standard_normal(6)
    graph = ft.make_graph(f)(x, w, b)
    made = program(graph)
    assert "c_contiguous" in made.source
    for a in (x, np.asfortranarray(x), np.repeat(x, 2, 1)[:, ::2], x[::-1]):
        for v in (w, w.T.copy().T):
            check_program(graph, [a, v, b])
    gradient = optimize(
        ft.make_graph(ft.grad(lambda *p: np.sum(f(*p)[0] ** 2), (0, 1, 2)))(x, w, b)
    )
    check_program(gradient, [x, w, b])
    check_program(gradient, [np.asfortranarray(x), w, b])


def test_constants_beside_operands_are_spelt_out_too() -> None:
    x = np.linspace(-1, 1, 5)
    graph = ft.make_graph(lambda x: REGISTRY["over_cosh_square"].call(np.arange(5.0), x))(x)
    assert [e.primitive.name for e in lowered(graph).equations] == ["cosh", "divide", "divide"]
    check_program(graph, [x])


def test_donated_arrays_are_written_to() -> None:
    def f(u: Any, i: Any) -> Any:
        u[i] = np.sum(u) + 1.0
        return u, u[:2], i + 1

    graph = ft.make_graph(f)(np.zeros(5), 0)
    made = program(graph, donated=(0, 1))
    assert made is program(graph, donated=(0, 1)) and made is not program(graph)
    u = np.zeros(5)
    one, part, i = made(u, 0)
    assert one is u and u.tolist() == [1.0, 0.0, 0.0, 0.0, 0.0] and i == 1
    assert part.tolist() == [1.0, 0.0] and not np.may_share_memory(part, u)
    spread = np.zeros(10)[::2]  # a copy of it would lie otherwise
    assert made(spread, 0)[0] is not spread
    frozen = np.zeros(5)
    frozen.flags.writeable = False
    assert made(frozen, 0)[0].tolist() == u.tolist() and not frozen.any()


def test_donated_arrays_are_handed_on() -> None:
    passed = ft.make_graph(lambda x, y: (y, x, x))(np.ones(3), np.ones(3))
    x, y = np.ones(3), np.zeros(3)
    outs = program(passed, donated=(0, 1))(x, y)
    assert outs[0] is y
    assert outs[1] is not outs[2]


def test_a_loop_that_fills_an_array_writes_in_place() -> None:
    """And leaves the caller's array as it was."""
    start = np.zeros(3000)

    def body(i: Any, u: Any) -> Any:
        u[i] = np.sin(u[i - 1]) + 1.0
        return u

    found = ft.jit(lambda u: ft.fori_loop(1, 3000, body, u))(start)
    expected = np.zeros(3000)
    for i in range(1, 3000):
        body(i, expected)
    same(found, expected, ulps=20 if NATIVE else 0)  # what sine gives is rounded again and again
    assert not start.any()


def test_a_row_at_a_traced_place_is_a_view_that_writes_keep() -> None:
    def shifted(i: Any, table: Any) -> Any:
        row = table[i]
        table[i] = 0.0
        table[(i + 1) % 4] = row
        return table

    for width in (3, 4000):  # small and large arrays are written to in other ways
        table = np.arange(4.0 * width).reshape(4, width)
        graph = ft.make_graph(lambda i, t: shifted(i, t * 1.0))(np.int64(0), table)
        want = graph(np.int64(0), table)
        assert np.array_equal(want[1], table[0])
        assert np.array_equal(program(graph)(np.int64(0), table)[0], want)
        moved = ft.fori_loop(0, 4, shifted, table)
        assert np.array_equal(moved[0], table[0])
        assert not moved[1:].any()


def test_what_a_callback_has_kept_is_not_written_to() -> None:
    """A function of the user's may hold on to what it is shown; later writes leave it alone."""
    kept: list[Any] = []

    def f(x: Any) -> Any:
        u = np.sin(x)
        ft.debug.callback(kept.append, u)
        u[0] = 5.0
        kept_again = ft.debug.pure_callback(
            lambda v: kept.append(v) or np.array(v), ft.ArrayType((3,), float), u
        )
        u[1] = 7.0
        return u + kept_again

    x = np.ones(3)
    program(ft.make_graph(f)(x))(x)
    assert [np.asarray(v).tolist() for v in kept] == [
        np.sin(x).tolist(),
        [5.0, *np.sin(x[1:]).tolist()],
    ]
    kept.clear()

    def step(i: Any, u: Any) -> Any:
        ft.debug.callback(kept.append, u)
        u[i] = 1.0
        return u

    ft.jit(lambda u: ft.fori_loop(0, 3, step, u))(np.zeros(3000))
    assert [float(np.sum(v)) for v in kept] == [0.0, 1.0, 2.0]


def test_donation_beside_constant_arrays() -> None:
    """Constants among the operands are arrays, which do not compare as one."""
    table = np.arange(6.0).reshape(2, 3)
    f = ft.jit(
        lambda x, y: (np.einsum("ij,jk->ik", x, table.T @ table), y + 1.0),
        donate_argnums=(0, 1),
        backend="numpy",
    )
    x, y = np.ones((4, 3)), np.ones(5)
    assert np.array_equal(f(x.copy(), y.copy())[0], x @ table.T @ table)


def test_few_records_of_implementations_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number among the operands is part of a record: each program may bring another one."""
    monkeypatch.setattr(lowering, "KEPT", 8)
    monkeypatch.setattr(lowering, "_recipes", {})
    for i in range(30):
        graph = optimize(ft.make_graph(lambda x, i=i: share(0.5 + i, x))(np.ones(2)))
        lowered(graph)
        assert 1 <= len(lowering._recipes) <= 8
