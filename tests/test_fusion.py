"""Groups of elementwise operations that run block by block give the bits of whole arrays."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import functrans as ft
from functrans.compile import fusion, program
from functrans.compile.fusion import Group, grouped
from functrans.compile.lowering import lowered
from functrans.core.primitive import BY_UFUNC
from functrans.graph.graph import Graph
from functrans.graph.passes import optimize
from tests.test_numpy_programs import bits, check_program, run
from tests.test_passes import HARD


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of small arrays already, and blocks of 64 elements."""
    monkeypatch.setattr(fusion, "LARGE", 100)
    monkeypatch.setattr(fusion, "SMALLEST", 64)
    monkeypatch.setattr(fusion, "GREATEST", 64)


def groups(graph: Graph) -> list[int]:
    """The number of operations in each group."""
    return [len(s.equations) for s in grouped(lowered(graph)) if isinstance(s, Group)]


def check_same(graph: Graph, values: Any) -> None:
    """As `check_program`, but for the number of times that one warning comes."""
    with np.errstate(all="ignore"):
        check_program(graph, values)


def chain(x: Any, y: Any) -> Any:
    for _ in range(3):
        x = np.exp(np.tanh(np.sin(x) * y + x) / 2) + np.where(x > y, x, np.clip(y, -1, 0.5))
    return x


def layouts(x: np.ndarray[Any, Any]) -> list[Any]:
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return [x, np.asfortranarray(x), wide[..., ::2], x[::-1], x[..., ::-1].copy()[..., ::-1]]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("shape", [(1003,), (64, 5), (37, 29), (4, 5, 33), (2, 700), (129,)])
def test_layouts(shape: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    y = rng.standard_normal(shape).astype(dtype)
    graph = ft.make_graph(lambda x, y: (chain(x, y), np.sum(np.sin(x) * 2.0)))(x, y)
    assert groups(graph)
    for a in layouts(x):
        for b in layouts(y)[:2]:
            check_same(graph, [a, b])


@pytest.mark.parametrize("other", [(29,), (37, 1), (1, 29), (1, 1), (), (37, 29)])
def test_broadcasting(other: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((37, 29)), rng.standard_normal(other)[()]
    graph = ft.make_graph(chain)(x, y)
    assert groups(graph)
    for a in (x, x.T.copy().T, x[::-1]):
        check_same(graph, [a, y])
    column, row = np.arange(37.0)[:, None], np.arange(29.0)
    graph = ft.make_graph(lambda a, b: np.sin(a + b) * 2.0 - np.exp(-a * b))(column, row)
    check_same(graph, [column, row])
    stretched = np.broadcast_to(row, (37, 29))
    graph = ft.make_graph(chain)(stretched, x)
    check_same(graph, [stretched, x])
    check_same(graph, [stretched, stretched])
    check_same(graph, [np.broadcast_to(0.5, (37, 29)), x])


UFUNCS = [
    p.impl
    for p in BY_UFUNC.values()
    if p.impl.signature is None
    and p.outputs is None
    and getattr(np, p.impl.__name__, None) is p.impl
]


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda u: u.__name__)
def test_every_ufunc(ufunc: Any) -> None:
    """At hard points, in each dtype that it takes, in blocks whose last one is small."""
    rng, compared = np.random.default_rng(0), ""
    for dtype in "fdFDilb?":
        x = np.concatenate([np.resize(HARD, 60), rng.standard_normal(247) * 3])
        with np.errstate(all="ignore"):
            x = (x + 1j * x[::-1] if dtype in "FD" else np.nan_to_num(x) % 50).astype(dtype)
            x = np.concatenate([np.resize(HARD, 60), x[60:]]).astype(dtype) if dtype in "fd" else x
            args = [np.roll(x, 7 * i) for i in range(ufunc.nin)]
            try:
                graph = ft.make_graph(lambda *xs: np.add(ufunc(*xs), ufunc(*xs[::-1])))(*args)
                expected = graph.evaluate(args)
            except (TypeError, ValueError):  # not in this dtype
                continue
            found = program(graph)(*args)
        assert groups(graph) or ufunc(*args).dtype == object
        assert [bits(o) for o in found] == [bits(o) for o in expected], f"{ufunc} of {dtype}"
        compared += dtype
    assert compared


def test_what_does_not_depend_on_a_group_moves_before_it() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x) * 2.0
        total = np.sum(y)
        other = np.max(x)
        z = np.cos(y) + x
        return z * 2.0, total, other, np.exp(z) * total

    x = np.linspace(0, 1, 200)
    graph = ft.make_graph(f)(x)
    assert groups(graph) == [6]
    names = [getattr(s, "primitive", None) and s.primitive.name for s in grouped(graph)]
    assert names == ["max", None, "sum", "multiply"]
    check_same(graph, [x])


def test_effects_keep_their_order() -> None:
    seen: list[float] = []

    def note(x: Any) -> Any:
        seen.append(float(np.ravel(x)[0]))
        return np.array(x)

    noted = ft.extend.nondifferentiable(
        "fusion_noted", note, samples=lambda: [], shape=lambda x: x, effects=True
    )

    def f(x: Any) -> Any:
        y = np.sin(x) * 2.0
        noted(y)
        noted(x)
        return np.cos(y) + 1.0

    x = np.full(200, 0.5)
    made = program(ft.make_graph(f)(x))
    seen.clear()
    made(x)
    assert seen == [np.sin(0.5) * 2.0, 0.5]


def test_many_results_do_not_wait_for_one_group() -> None:
    """A loop over terms that are summed: not all terms are alive at once."""

    def f(x: Any) -> Any:
        return sum(np.sum(np.sin(x * k) + 1.0) for k in range(200))

    graph = ft.make_graph(f)(np.ones(200))
    found = [s for s in grouped(graph) if isinstance(s, Group)]
    assert max(len(g.outputs) for g in found) <= fusion.WAITING
    check_same(graph, [np.linspace(0, 1, 200)])


def test_errors_and_warnings_name_the_line() -> None:
    def f(x: Any) -> Any:
        return np.log(x) * 2.0

    x = np.ones(300)
    made = program(ft.make_graph(f)(x))
    x[170] = -1.0
    with np.errstate(all="raise"), pytest.raises(FloatingPointError) as caught:
        made(x)
    assert "in graph f, at " in caught.value.__notes__[0] and __file__ in caught.value.__notes__[0]
    with np.errstate(all="warn"), pytest.warns(RuntimeWarning, match="invalid value .* in log"):
        made(x)


def test_gradients() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 30, 40))
    graph = optimize(
        ft.make_graph(ft.value_and_grad(lambda x, y: np.sum(chain(x, y)), (0, 1)))(x, y)
    )
    assert groups(graph)
    check_same(graph, [x, y])
    assert run(program(graph), [x, y]) == run(program(graph), [x, y])


STEPS = (
    lambda a, b: np.sin(a),
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: np.where(a > b, a, b),
    lambda a, b: np.sum(a, axis=0, keepdims=True) * 0.1 + b,
    lambda a, b: a[::-1],
    lambda a, b: np.sum(a) * 0.01 + b,
    lambda a, b: np.maximum(a, 0.25),
    lambda a, b: (a > 0.5) * b,
    lambda a, b: a.astype(np.float32),
)


@settings(max_examples=60)
@given(st.data())
def test_random_chains(data: st.DataObject) -> None:
    """Straight-line programs of elementwise operations, sums and views between them."""
    shape = data.draw(st.sampled_from([(300,), (20, 15), (3, 10, 11)]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    inputs = [rng.standard_normal(shape) for _ in range(2)]
    steps = data.draw(
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99), st.integers(0, 99)), max_size=25)
    )
    returned = data.draw(st.lists(st.integers(0, 99), min_size=1, max_size=4))

    def f(*inputs: Any) -> Any:
        known = list(inputs)
        for kind, i, j in steps:
            known.append(STEPS[kind](known[i % len(known)], known[j % len(known)]))
        return [known[i % len(known)] for i in returned]

    with np.errstate(all="ignore"):
        graph = ft.make_graph(f)(*inputs)
    check_same(graph, inputs)
    check_same(optimize(graph), inputs)
