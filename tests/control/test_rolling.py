"""Rolling: loops that Python has unrolled are found again, and compute the same to the bit."""

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import functrans as ft
from functrans.compile import program
from functrans.control.rolling import roll
from functrans.core.types import type_of
from functrans.graph.graph import Graph
from functrans.graph.passes import check, optimize
from functrans.graph.passes.layout import makes_dense, makes_scalars, makes_view
from functrans.graph.passes.periods import Period, periods

RNG = np.random.default_rng(0)
POINT = RNG.normal(size=6)
TABLE = np.asfortranarray(RNG.normal(size=(12, 6)))
SMALL = {"least": 20, "block": 1}


def scans(graph: Graph) -> list[dict[str, Any]]:
    return [e.params for e in graph.equations if e.primitive.name == "scan"]


def assert_same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    assert (type_of(a), np.asarray(a).tobytes()) == (type_of(b), np.asarray(b).tobytes())


def rolled(f: Callable[..., Any], *args: Any, **options: int) -> Graph:
    """The rolled graph of a call, after its results have been compared with the plain ones."""
    graph = optimize(ft.make_graph(f)(*args))
    small = roll(graph, **{**SMALL, **options})
    check(small)
    leaves = ft.tree.leaves(args)
    for a, b in zip(program(graph)(*leaves), program(small)(*leaves), strict=True):
        assert_same(a, b)
    for a, b in zip(ft.tree.leaves(f(*args)), program(small)(*leaves), strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
    return small


# Loops of one kind each.


def stencil(x: Any, steps: int = 8) -> Any:
    for _ in range(steps):
        total = 0.0
        for shift in range(5):
            total = total + np.roll(x, shift - 2) * (1.0 / (1 + shift))
        x = np.tanh(0.3 * total)
    return np.mean(x * x)


def slices(u: Any) -> Any:
    for _ in range(12):
        u = u + 0.1 * (u[:, :1] * 0.5 + np.concatenate([u[1:] * u[:-1], u[:1]]))
    return u.sum()


def runge_kutta(y: Any) -> Any:
    def slope(y: Any) -> Any:
        return np.stack([y[1], -np.sin(y[0]) - 0.1 * y[1]])

    for _ in range(12):
        a = slope(y)
        b = slope(y + 0.05 * a)
        c = slope(y + 0.05 * b)
        d = slope(y + 0.1 * c)
        y = y + 0.1 / 6 * (a + 2 * b + 2 * c + d)
    return y


def newton(a: Any) -> Any:
    x = a
    for _ in range(15):
        x = 0.5 * (x + a / x)
    return x


def recurrent(w: Any, u: Any, b: Any, xs: Any) -> Any:
    h = np.zeros(3)
    total = 0.0
    for x in xs:
        h = np.tanh(w @ h + u @ x + b)
        total = total + np.sum(h * h)
    return total


def learning_rates(x: Any) -> Any:
    for i in range(30):
        x = x - 0.5**i * np.sin(x)
    return x


def rows_of_constants(x: Any) -> Any:
    for row in TABLE:
        x = np.sin(x * row) + row
    return x


def history(x: Any) -> Any:
    values = []
    for _ in range(20):
        x = np.cos(x) * 1.1
        values.append(x)
    return np.stack(values)


def leapfrog(x: Any) -> Any:
    before, now = x, x * 0.9
    for _ in range(15):
        before, now = now, 2.0 * now - before - 0.01 * np.sin(now)
    return now, before


def filled(x: Any) -> Any:
    table = ft.numpy.zeros((12, 6))
    table[0] = x
    for i in range(11):
        table[i + 1] = np.sin(table[i]) + x
    return table


def halved(x: Any) -> Any:
    x = np.float32(1.0) * x
    for i in range(15):
        x = x * np.float32(0.5) + (i + 1)
    return x


LOOPS: list[tuple[Callable[..., Any], tuple[Any, ...], int]] = [
    (stencil, (POINT,), 1),
    (slices, (RNG.normal(size=(5, 4)),), 1),
    (slices, (np.asfortranarray(RNG.normal(size=(5, 4))),), 1),
    (runge_kutta, (np.array([1.0, 0.3]),), 1),
    (newton, (np.array([2.0, 3.0]),), 1),
    (newton, (2.0,), 1),
    (recurrent, tuple(RNG.normal(size=s) for s in ((3, 3), (3, 2), (3,), (15, 2))), 1),
    (learning_rates, (POINT,), 1),
    (learning_rates, (POINT.astype(np.float32),), 1),
    (rows_of_constants, (POINT,), 1),
    (history, (POINT,), 1),
    (leapfrog, (POINT,), 1),
    (filled, (POINT,), 1),
    (halved, (POINT.astype(np.float32),), 1),
]
NAMES = [f"{f.__name__}-{i}" for i, (f, _, _) in enumerate(LOOPS)]


@pytest.mark.parametrize(("f", "args", "count"), LOOPS, ids=NAMES)
def test_a_loop_is_one_equation(f: Callable[..., Any], args: Any, count: int) -> None:
    graph = rolled(f, *args)
    assert len(scans(graph)) == count


@pytest.mark.parametrize(("f", "args", "count"), LOOPS, ids=NAMES)
def test_its_gradient_is_a_loop_and_one_in_reverse(
    f: Callable[..., Any], args: Any, count: int
) -> None:
    def loss(*args: Any) -> Any:
        return sum(np.sum(y) for y in ft.tree.leaves(f(*args)))

    graph = rolled(ft.grad(loss, argnums=tuple(range(len(args)))), *args)
    found = scans(graph)
    # Of what is linear there is nothing to keep, and little to do; rows of a table that grows are
    # no arrays of their own.
    if f not in (halved, filled):
        assert len(found) >= 2
        assert found[-1]["reverse"]


def test_values_of_every_step_are_stacked() -> None:
    (params,) = scans(rolled(history, POINT))
    assert (params["length"], params["carry"], len(params["body"].outputs)) == (20, 1, 2)


def test_constants_that_differ_are_elements_of_a_sequence() -> None:
    (params,) = scans(rolled(learning_rates, POINT))
    assert len(params["body"].inputs) == 2


def test_loops_in_loops_are_loops_in_loops() -> None:
    def f(x: Any) -> Any:
        for _ in range(6):
            for _ in range(10):
                x = np.sin(x) * 0.9
            x = x - np.sum(x)
        return x

    (outer,) = scans(rolled(f, POINT, least=15))
    (inner,) = scans(outer["body"])
    assert (outer["length"], inner["length"]) == (6, 10)


def test_what_happens_once_stays_outside() -> None:
    def f(x: Any, w: Any) -> Any:
        for i in range(20):
            x = np.sin(x) * np.exp(w)  # the same in each step
            if i == 9:
                x = x + 1.0
        return x

    graph = rolled(f, POINT, POINT, least=10)
    assert [p["length"] for p in scans(graph)] in ([10, 10], [10, 9], [9, 10], [9, 9])
    assert not any(e.primitive.name == "exp" for p in scans(graph) for e in p["body"].equations)


# Near misses.


def test_steps_with_other_parameters_are_no_loop() -> None:
    def f(x: Any) -> Any:
        for i in range(5):
            x = np.sin(np.roll(x, i + 1)) * np.cumsum(x)
        return x

    assert not scans(rolled(f, POINT, least=8))


def test_steps_with_effects_are_no_loop() -> None:
    def f(x: Any) -> Any:
        for _ in range(20):
            x = np.sin(x) * 0.9
            ft.debug.callback(seen.append, np.sum(x))
        return x

    seen: list[Any] = []
    graph = roll(optimize(ft.make_graph(f)(POINT)), **SMALL)
    assert not scans(graph)
    program(graph)(POINT)
    assert len(seen) == 20


def test_operands_out_of_order_are_no_loop() -> None:
    order = random.Random(0)

    def f(x: Any, y: Any) -> Any:
        for _ in range(20):
            a, b = (x, y) if order.random() < 0.5 else (y, x)
            x, y = np.sin(a) - b, np.cos(y)
        return x

    graph = optimize(ft.make_graph(f)(POINT, POINT))
    small = roll(graph, **SMALL)
    assert sum(p["length"] for p in scans(small)) < 15
    for a, b in zip(program(graph)(POINT, POINT), program(small)(POINT, POINT), strict=True):
        assert_same(a, b)


def test_steps_that_read_from_far_back_are_no_loop() -> None:
    def f(x: Any) -> Any:
        values = [x] * 8
        for _ in range(30):
            values.append(np.sin(values[-1]) + values[-8])
        return values[-1]

    assert not scans(rolled(f, POINT))


def test_a_loop_of_which_few_steps_are_read_takes_no_stack_of_all() -> None:
    def f(x: Any) -> Any:
        kept = []
        for i in range(64):
            x = np.sin(x) * 0.9
            if i % 32 == 0:
                kept.append(x)
        return kept[0] + kept[1] + x

    graph = rolled(f, np.zeros(1 << 14))
    assert not any(len(p["body"].outputs) > p["carry"] for p in scans(graph))


def test_a_threshold_says_what_is_worth_it() -> None:
    graph = optimize(ft.make_graph(learning_rates)(POINT))
    assert roll(graph) is graph
    assert roll(graph, least=20, block=4) is graph
    assert roll(graph, least=20, block=4, long=50) is not graph


# What is rolled is a graph like others.


def long_loop(x: Any) -> Any:
    for i in range(80):
        y = x
        for j in range(9):
            y = np.sin(y) * (0.5 + i) if j else y
        x = np.tanh(y + x)
    return np.sum(x)


def test_jit_rolls_and_every_transform_goes_through() -> None:
    # The loop is chaotic: other roundings than NumPy's lead elsewhere.
    program_of = ft.jit(long_loop, backend="numpy")
    assert program_of(POINT) == long_loop(POINT)
    assert len(scans(program_of.lower(POINT).graph)) == 1
    want = ft.grad(long_loop)(POINT)
    assert_same(ft.jit(ft.grad(long_loop))(POINT), want)
    np.testing.assert_allclose(ft.grad(program_of)(POINT), want, rtol=1e-12)
    tangent = ft.jvp(program_of, (POINT,), (np.ones(6),))[1]
    np.testing.assert_allclose(tangent, want.sum(), rtol=1e-12)
    lanes = np.stack([POINT, POINT + 1.0])
    np.testing.assert_allclose(ft.vmap(program_of)(lanes), list(map(long_loop, lanes)), rtol=1e-13)
    np.testing.assert_allclose(
        ft.hessian(program_of)(POINT), ft.hessian(long_loop)(POINT), rtol=1e-9
    )


def test_native_code_gets_loops_where_it_has_all_of_them() -> None:
    pytest.importorskip("llvmlite")

    def graph_of(f: Callable[..., Any], *args: Any) -> Graph:
        jitted = ft.jit(f, backend="llvm")
        for a, b in zip(ft.tree.leaves(jitted(*args)), ft.tree.leaves(f(*args)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)
        return jitted.lower(*args).graph

    assert len(scans(graph_of(ft.grad(stencil), POINT))) == 2
    assert not scans(graph_of(newton, np.array([2.0, 3.0])))

    def filtered(x: Any) -> Any:
        for _ in range(40):
            x = np.tanh(np.fft.irfft(0.9 * np.fft.rfft(x), 6)) * 1.1
        return x

    assert not scans(graph_of(filtered, POINT))


def test_rolled_graphs_are_saved_exported_and_printed(tmp_path: Any) -> None:
    graph = rolled(ft.grad(slices), LOOPS[1][1][0])
    graph.save(tmp_path / "loop.graph")
    loaded = ft.Graph.load(tmp_path / "loop.graph")
    x = LOOPS[1][1][0]
    names: dict[str, Any] = {}
    exec(graph.export(), names)
    (want,) = program(graph)(x)
    assert_same(loaded(x), want)
    assert_same(names[graph.name](x), want)
    assert "scan(" in str(graph)


def test_ten_thousand_steps_are_staged_in_seconds() -> None:
    def f(x: Any) -> Any:
        for _ in range(10_000):
            x = x + 0.01 * (np.sin(x) - x)
        return x

    start = time.perf_counter()
    made = ft.jit(f)
    made(POINT)
    assert time.perf_counter() - start < 20
    assert len(made.lower(POINT).graph.equations) < 10


# Random programs, repeated.


UNARY = ("np.sin({})", "np.tanh({}) * 0.7", "{}[::-1]", "np.exp(-{} * {})", "np.roll({}, 1)")
BINARY = ("{} + {}", "{} - {}", "{} * {} * 0.5", "np.maximum({}, {})", "np.arctan2({}, {})")
OTHERS = (
    "{} * (0.5 + 0.1 * i)",
    "{} + table[i]",
    "{} + table[11 - i]",
    "{}.T",
    "np.concatenate([{}[1:], {}[:1] * 2.0])",
    "{} - np.sum({})",
    "{} @ {} * 0.1",
    "{} * rates[i]",
    "{} + history[-1]",
    "{} + history[-2] * 0.5",
    "{} * first",
)


def written(seed: int) -> str:
    """The text of a loop over two square arrays."""
    choose = random.Random(seed)
    lines = ["def f(a, b, table):", "    first, history, kept = a, [b, a], []"]
    lines += [f"    for i in range({choose.randint(5, 12)}):"]
    names = ["a", "b"]
    for n in range(choose.randint(1, 6)):
        text = choose.choice(choose.choice((UNARY, BINARY, OTHERS)))
        operands = [choose.choice(names) for _ in range(text.count("{}"))]
        lines.append(f"        c{n} = {text.format(*operands)}")
        names.append(f"c{n}")
    lines.append(f"        history.append({choose.choice(names)})")
    if choose.random() < 0.5:
        lines.append(f"        kept.append({choose.choice(names)})")
    if choose.random() < 0.2:
        lines.append(f"        if i == {choose.randint(0, 9)}: a = a + 1.0")
    lines.append(f"        a, b = {choose.choice(names)}, {choose.choice(names)}")
    lines.append("    return a, b, *kept")
    return "\n".join(lines)


@settings(max_examples=40)
@given(st.integers(0, 10**9))
def test_random_loops_keep_every_bit(seed: int) -> None:
    names: dict[str, Any] = {"np": np, "rates": list(RNG.normal(size=12))}
    exec(written(seed), names)
    f = names["f"]
    args = tuple(np.random.default_rng(seed).normal(size=s) for s in ((3, 3), (3, 3), (12, 3, 3)))
    if seed % 3 == 0:
        args = tuple(map(np.asfortranarray, args))

    def loss(*args: Any) -> Any:
        return sum(np.sum(np.sin(y)) for y in f(*args))

    with np.errstate(all="ignore"):
        rolled(f, *args, least=4)
        rolled(ft.grad(loss, argnums=(0, 1, 2)), *args, least=4)


# The parts.


def repeats(sequence: list[int], least: int) -> set[Period]:
    """The same as `periods`, by trying everything."""
    found = set()
    for d in range(1, len(sequence) // 3 + 1):
        i = d
        while i < len(sequence):
            stop = i
            while stop < len(sequence) and sequence[stop] == sequence[stop - d]:
                stop += 1
            block = sequence[i - d : i]
            whole = any(d % k == 0 and block == block[:k] * (d // k) for k in range(1, d))
            if stop - i >= max(least, 2 * d) and not whole:
                found.add(Period(i - d, stop, d))
            i = max(stop, i + 1)
    return found


@given(st.lists(st.integers(0, 2), max_size=8), st.integers(1, 9), st.lists(st.integers(0, 2)))
def test_periods_are_those_that_there_are(block: list[int], times: int, rest: list[int]) -> None:
    sequence = block * times + rest
    assert set(periods(sequence, 1)) == repeats(sequence, 1)
    assert set(periods(sequence, 5)) == repeats(sequence, 5)


def test_periods_of_long_sequences_take_no_time() -> None:
    start = time.perf_counter()
    (period,) = periods([*range(50)] * 4000, 100)
    assert period == Period(0, 200_000, 50)
    assert time.perf_counter() - start < 5


def test_results_lie_in_memory_as_said() -> None:
    """By the samples of all primitives, with operands in other layouts too."""
    from functrans.core.primitive import REGISTRY
    from functrans.graph.graph import Equation, Variable

    def strided(x: Any) -> Any:
        if not isinstance(x, np.ndarray) or not x.ndim:
            return x
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]

    def fortran(x: Any) -> Any:
        return np.asfortranarray(x) if isinstance(x, np.ndarray) else x

    compared = set()
    for name, primitive in REGISTRY.items():
        if primitive.kind in ("custom", "higher-order") or ".special" in primitive.call.__module__:
            continue
        for sample in primitive.samples() if callable(primitive.samples) else ():
            for change in (lambda x: x, strided, fortran):
                args = tuple(map(change, sample.args))
                inputs = tuple(Variable(type_of(x)) for x in args)
                equation = Equation(primitive, inputs, sample.params, (), "")
                if makes_view(equation) or not makes_dense(equation, 0):
                    continue
                try:
                    with np.errstate(all="ignore"):
                        made = primitive.impl(*args, **sample.params)
                except (TypeError, ValueError):  # it refuses the layout
                    continue
                for y in made if primitive.outputs is not None else (made,):
                    if not isinstance(y, np.ndarray):
                        continue
                    order = sorted(
                        range(y.ndim), key=lambda a, y=y: (-y.strides[a], y.shape[a] != 1)
                    )
                    assert y.transpose(order).flags.c_contiguous or not y.size, name
                    # One that does belongs into _MAY_SHARE there.
                    assert not any(np.may_share_memory(x, y) for x in args), name
                    assert y.ndim or not makes_scalars(equation), name
                    compared.add(name)
    assert len(compared) > 100
