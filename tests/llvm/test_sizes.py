"""Programs that differ in sizes share native code: the same bits as code of their own, and nothing
is compiled for a third size."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm import compiled, segment
from functrans.compile.llvm.code.engine import load
from functrans.compile.llvm.code.templates import LITERAL, Number, Template, arranged, table
from functrans.compile.llvm.code.varying import Varying, marking, seen, varies
from functrans.compile.llvm.plans.dynamic_shapes import GraphSignature, varying
from functrans.compile.llvm.segment import NativeFunction, supported
from tests.llvm.ground import CALLS, CheckedCode, checked
from tests.llvm.native import called, staged
from tests.llvm.random_graphs import RandomGraph
from tests.llvm.test_random_graphs import close

RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


def recurrent(h: Any, xs: Any, w: Any) -> Any:
    """A scan over the leading axis."""

    def step(h: Any, x: Any) -> Any:
        h = np.tanh(h @ w + x)
        return h, h

    return ft.scan(step, h, xs)


CASES: dict[str, tuple[Callable[..., Any], Callable[[int], tuple[Any, ...]]]] = {
    "chain": (lambda x, y: np.exp(-x * x) * y, lambda n: (normal(n, 5), normal(5))),
    "line": (lambda x: np.exp(-x * x), lambda n: (normal(n),)),
    "softmax": (
        lambda x: np.log(np.sum(np.exp(x - np.max(x, axis=1, keepdims=True)), axis=1)),
        lambda n: (normal(n, 40),),
    ),
    "normalise": (
        lambda x: (x - np.mean(x, -1, keepdims=True)) / np.sqrt(np.var(x, -1, keepdims=True) + 1),
        lambda n: (normal(n, 64),),
    ),
    "full": (lambda x: np.sum(x * x) + np.max(x), lambda n: (normal(n, 7),)),
    "mean": (lambda x: np.mean(x**2), lambda n: (normal(n),)),
    "columns": (lambda x: np.sum(np.tanh(x), axis=0), lambda n: (normal(n, 33),)),
    "product": (lambda x, w: np.tanh(x @ w), lambda n: (normal(n, 24), normal(24, 40))),
    "gram": (lambda x: x.T @ x, lambda n: (normal(n, 12),)),
    "batch": (lambda x, y: x @ y, lambda n: (normal(n, 6, 8), normal(n, 8, 5))),
    "rows": (lambda x, i: x[i] ** 2, lambda n: (normal(50, 6), RNG.integers(0, 50, n))),
    "picked": (
        lambda x, i: x[np.arange(x.shape[0]), i],
        lambda n: (normal(n, 6), RNG.integers(0, 6, n)),
    ),
    "scan": (recurrent, lambda n: (normal(8), normal(n, 8), normal(8, 8))),
    "batch in a scan": (recurrent, lambda n: (normal(n, 8), normal(10, n, 8), normal(8, 8))),
    "running": (lambda x: np.cumsum(x, axis=0) * 2, lambda n: (normal(n, 4),)),
    "turned": (lambda x: np.concatenate([x[1:], x[:1]]), lambda n: (normal(n, 4),)),
    "differences": (lambda x: (x[1:] - x[:-1]) ** 2, lambda n: (normal(n),)),
    "backwards": (lambda x: x[::-1] * np.arange(x.shape[0]), lambda n: (normal(n),)),
    "transposed": (lambda x: np.exp(x.T) + 1, lambda n: (normal(n, 5),)),
}


def gradient(f: Callable[..., Any], *args: Any) -> Any:
    """The gradient of a sum of the results by all real arguments."""

    def total(*given: Any) -> Any:
        return sum([np.sum(np.sin(x)) for x in ft.tree.leaves(f(*given))])

    places = tuple([i for i, x in enumerate(args) if x.dtype.kind == "f"])
    return ft.grad(total, argnums=places)(*args)


def same_bits(f: NativeFunction, graph: Any, values: list[Any]) -> None:
    """Code that is shared does what code of a program's own does."""
    outs, status = called(f, graph, *values)
    own, wanted = called(NativeFunction(graph, alone=True), graph, *values)
    assert status == wanted
    for x, y in zip(outs, own, strict=True):
        assert status or x.tobytes() == y.tobytes()


@pytest.mark.parametrize("derived", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_a_third_size_finds_its_code(name: str, derived: bool) -> None:
    """The second size makes the code, further ones take it, with the same bits."""
    f, make = CASES[name]
    made: list[NativeFunction] = []
    for n in (32, 33, 48, 21):
        args = make(n)
        g: Any = (lambda *a: gradient(f, *a)) if derived else f
        graph, values = staged(g, *args)
        made.append(NativeFunction(graph, verify=True))
        if len(made) == 3:
            same_bits(made[-1], graph, values)
    assert [x.numbers is None for x in made] == [True, False, False, False]
    assert len({x.code for x in made[1:]}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("derived", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_all_sizes_have_the_same_bits(name: str, derived: bool) -> None:
    """Small, odd and large ones, with threads or without: they share what they can.

    Products that are inner products add up in an order that depends on the number of rows.
    """
    f, make = CASES[name]
    kept = []
    for n in (32, 100, 3, 0, 1, 2, 5, 64, 200, 1000, 4097, 129):
        args = make(n)
        g: Any = (lambda *a: gradient(f, *a)) if derived else f
        try:
            graph, values = staged(g, *args)
        except ValueError:  # of an empty array there is no largest element
            continue
        if not all([supported(e, False) for e in graph.equations]):
            continue
        kept.append(NativeFunction(graph, verify=True))
        if name != "product" or not derived:
            same_bits(kept[-1], graph, values)


def touched(first: Any, graph: Any, values: list[Any]) -> list[str]:
    """What code in whose text sizes vary touches that it may not, each access looked at."""
    with checked() as failures:
        copy, sizes = varying(graph, GraphSignature(first).sizes)
        with marking(sizes):
            made = segment.Segment(copy)
        if made.constants:  # whose addresses are numbers
            return []
        template = Template(made.module)
        text = template.module([LITERAL] * len(template.numbers)).text()
        code = CheckedCode(made, text + "define void @bind(ptr %a0) {\nentry:\nret void\n}\n", True)
        function: Any = SimpleNamespace(address=code["run"], arena=int(made.arena), numbers=None)
        before = CALLS[0]
        called(function, graph, *values)
        assert CALLS[0] == before + 1
        return list(failures)


@pytest.mark.parametrize("name", CASES)
def test_code_of_any_size_touches_what_it_may(name: str) -> None:
    """Of gradients; the ends of its loops too, at sizes that fill vectors and tiles and do not."""
    f, make = CASES[name]
    first, *others = [staged(lambda *a: gradient(f, *a), *make(n)) for n in (32, 33, 64, 47, 500)]
    for graph, values in others[: 2 if name == "batch in a scan" else 4]:
        assert not touched(first[0], graph, values)


class Awaited(compiled.Compiled):
    """Code that is compiled when it is to run: of programs that share none, none does."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._make: Any = partial(super().__init__, *args, **options)

    @property
    def address(self) -> int:
        if self._make is not None:
            self._make()
            self._make = None
        return super().address


def near_numpy(f: NativeFunction, graph: Any, values: list[Any], seed: int) -> None:
    """Code that is shared does what NumPy does, where products may add up in another order."""
    outs, status = called(f, graph, *values)
    if status:
        return
    with np.errstate(all="ignore"):
        wanted = graph.evaluate(values)
    for out, x in zip(outs, map(np.asarray, wanted), strict=True):
        assert out.dtype == x.dtype and out.shape == x.shape, seed
        if x.dtype.kind in "fc":
            close(out, x, graph, seed)
        else:
            np.testing.assert_array_equal(out, x, err_msg=str(seed))


@patch.object(segment, "Compiled", Awaited)
def check(seed: int) -> int:
    """A random graph with one of its extents at several values; how many of them share code."""
    rng = np.random.default_rng(seed)
    found = RandomGraph(seed)
    extents = [n for x in found.inputs for n in x.shape if n > 1]
    if not extents:
        return 0
    old = int(rng.choice(extents))
    kept = []
    for n in (old, *rng.choice([0, 1, 2, 3, 7, 16, 17, 31, 33, 64, 70, 129, 300], 5, False)):
        inputs = []
        for x in found.inputs:
            shape = tuple([int(n) if m == old else m for m in x.shape])
            full = x.size and np.prod(shape)
            inputs.append(np.resize(x, shape) if full else np.zeros(shape, x.dtype))
        with np.errstate(all="ignore"):
            graph, values = staged(found.call, *inputs)
        if not all([supported(e, False) for e in graph.equations]):
            continue
        kept.append(NativeFunction(graph, verify=True))
        if kept[-1].numbers is None:
            continue
        if any([e.primitive.name == "matmul" for e in graph.equations]):
            near_numpy(kept[-1], graph, values, seed)
        else:
            same_bits(kept[-1], graph, values)
    return sum([x.numbers is not None for x in kept])


@pytest.mark.parametrize("block", range(3))
def test_random_graphs_of_other_sizes(block: int) -> None:
    """Shared code reads and writes where its program lies, and nowhere else."""
    assert sum([check(seed) for seed in range(8 * block, 8 * block + 8)]) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("block", range(40))
def test_many_random_graphs_of_other_sizes(block: int) -> None:
    assert sum([check(seed) for seed in range(5000 + 25 * block, 5025 + 25 * block)]) >= 10


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are compiled from now on."""
    texts: list[str] = []

    def noted(text: str, *args: Any, **options: Any) -> Any:
        texts.append(text)
        return load(text, *args, **options)

    monkeypatch.setattr(compiled, "load", noted)
    return texts


def network(p: dict[str, Any], x: Any, y: Any) -> Any:
    """A step of training."""

    def loss(p: dict[str, Any]) -> Any:
        z = np.tanh(x @ p["w"] + p["b"]) @ p["v"]
        z = z - np.max(z, axis=1, keepdims=True)
        return np.mean(np.log(np.sum(np.exp(z), axis=1)) - z[np.arange(len(y)), y])

    value, slope = ft.value_and_grad(loss)(p)
    return value, {name: p[name] - 0.1 * slope[name] for name in p}


def parameters() -> dict[str, Any]:
    return {"w": normal(30, 40), "b": normal(40), "v": normal(40, 10)}


def test_jit_compiles_nothing_for_a_third_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a step of training; earlier sizes go on as they were."""
    texts = counted(monkeypatch)
    step = ft.jit(network, backend="llvm")
    plain = ft.jit(network, backend="numpy")
    p = parameters()
    compiled = []
    for n in (32, 33, 48, 40, 32, 48, 33):
        x, y = normal(n, 30), RNG.integers(0, 10, n)
        value, new = step(p, x, y)
        wanted, others = plain(p, x, y)
        np.testing.assert_allclose(value, wanted, rtol=1e-12)
        for name in p:
            np.testing.assert_allclose(new[name], others[name], rtol=1e-9, atol=1e-12)
        compiled.append(len(texts))
    assert compiled == [1, 2, 2, 2, 2, 2, 2]


def test_given_up_arguments_take_the_results_of_shared_code() -> None:
    """Each size for itself."""
    f = ft.jit(lambda x, y: x * 2.0 + y, donate_argnums=0, backend="llvm")
    for n in (20, 30, 40, 50):
        x, y = normal(n), normal(n)
        wanted = x * 2.0 + y
        address = x.ctypes.data
        out = f(x, y)
        assert np.array_equal(out, wanted) and out.ctypes.data == address


def test_positions_out_of_bounds_are_told_at_every_size() -> None:
    """Shared code checks positions against the extent of its call."""
    f = ft.jit(lambda x, i: x[i] * 2.0, backend="llvm")
    for n in (20, 30, 40, 50):
        x = normal(n)
        assert np.array_equal(f(x, np.array([n - 1, -n])), x[[n - 1, -n]] * 2.0)
        for wrong in (n, -n - 1):
            with pytest.raises(IndexError):
                f(x, np.array([0, wrong]))


def test_threads_share_code_of_several_sizes() -> None:
    """Chunks find the numbers of their call, while others call with theirs."""
    f = ft.jit(lambda x: np.sum(np.exp(np.sin(x)) * np.tanh(x), axis=1), backend="llvm")
    sizes = [3000, 3100, 3501, 4000]
    arrays = [normal(n, 50) for n in sizes]
    before = ft.get_num_threads()
    try:
        ft.set_num_threads(3)
        wanted = [f(x) for x in arrays]
        wrong = []

        def work(i: int) -> None:
            for _ in range(10):
                if f(arrays[i]).tobytes() != wanted[i].tobytes():
                    wrong.append(i)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(sizes))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
    finally:
        ft.set_num_threads(before)
    for x, y in zip(arrays, wanted, strict=True):
        np.testing.assert_allclose(y, np.sum(np.exp(np.sin(x)) * np.tanh(x), axis=1), rtol=1e-12)


def test_code_goes_with_the_programs_that_share_it() -> None:
    """A family keeps nothing alive."""
    graphs = [staged(np.sin, normal(n))[0] for n in (50, 60, 70)]
    functions = [NativeFunction(graph) for graph in graphs]
    shared = weakref.ref(functions[1].code)
    assert functions[2].code is functions[1].code
    del functions[1:]
    gc.collect()
    assert shared() is None
    functions.append(NativeFunction(graphs[2]))
    assert functions[-1].numbers is not None


def test_numbers_that_turn_out_to_vary_make_new_code() -> None:
    """Where a third program differs in numbers that were alike in two."""
    graphs = [
        staged(lambda x, y: np.sum(np.exp(x)) + np.sum(y), normal(m), normal(n))[0]
        for m, n in ((40, 100), (50, 120), (60, 140))
    ]
    functions = [NativeFunction(graph, verify=True) for graph in graphs]
    assert functions[1].code is functions[2].code
    samples = [[Number("i64", a, ""), Number("i64", b, "")] for a, b in (("1", "1"), ("2", "2"))]
    places = arranged(samples)
    assert places == [0, 0] and table(samples[0], places, samples[0], []) == [1]
    other = [Number("i64", "3", ""), Number("i64", "4", "")]
    assert table(other, places, samples[0], []) is None
    assert table(other, arranged([*samples, other]), samples[0], []) == [3, 4]


@pytest.mark.parametrize(
    ("kind", "text", "x"),
    [
        ("i64", "-5", np.int64(-5)),
        ("i64", "18446744073709551615", np.uint64(2**64 - 1)),
        ("i8", "-5", np.int8(-5)),
        ("double", "0x3FB999999999999A", np.float64(0.1)),
        ("float", "0x3FB99999A0000000", np.float32(0.1)),
        ("half", "0xH2E66", np.float16(0.1)),
    ],
)
def test_words_hold_numbers_of_every_type(kind: str, text: str, x: Any) -> None:
    """Their bits are the low ones of 64."""
    word = np.array([Number(kind, text, "").word([])], np.int64)
    assert word.view(np.uint8)[: x.nbytes].tobytes() == x.tobytes()


def test_texts_with_marks_are_the_text_where_nothing_varies() -> None:
    """Marks only stand around numbers."""
    graph, _ = staged(lambda x: np.sum(np.exp(x) * 2.0, axis=1), normal(6, 20))
    with marking([]):
        module = segment.Segment(graph).module
    template = Template(module)
    assert "`" in module.text()
    text = template.module([LITERAL] * len(template.numbers)).text()
    assert "`" not in text and "%numbers" in text.partition("@run(")[2]
    load(text, ["run"], verify=True, kept=False)


def test_common_functions_of_shared_code_are_those_of_others() -> None:
    """Quick code finds them by their content, which has no marks left in it."""

    def f(x: Any, w: Any) -> Any:
        return np.tanh(x @ w)

    first, second = [staged(f, normal(n, 24), normal(24, 40))[0] for n in (32, 48)]
    own = segment.Segment(second).module
    copy, found = varying(second, GraphSignature(first).sizes)
    with marking(found):
        module = segment.Segment(copy).module
    template = Template(module)
    shared = template.module(arranged([template.numbers]))
    names = set(own.text_without(())[1])
    assert names and names <= set(shared.text_without(())[1])


def test_what_is_computed_from_sizes_varies() -> None:
    """In whatever order, and told apart by how."""
    n = Varying(12, 1)
    for x in (n + 1, 1 + n, n - 1, 1 - n, n * 2, 2 * n, n // 5, n % 5, -n, 100 // n, 100 % n):
        assert varies(x)
    assert (n + 1).key == (1 + n).key and (n * 2).key != (n + 2).key
    assert n * 1 is n and n + 0 is n and type(n * 0) is int
    assert divmod(n, 5) == (2, 2) and sum([n, n]) == 24 and [0] * n == [0] * 12
    assert seen((12, 3)) == (12, 3)
    with marking([n]):
        assert [varies(x) for x in seen((12, 3))] == [True, False]


def test_outlines_tell_graphs_apart_that_differ_in_more_than_sizes() -> None:
    """Those of operations, dtypes and ranks; sizes within loops count."""
    first = GraphSignature(staged(recurrent, *CASES["scan"][1](5))[0])
    second = GraphSignature(staged(recurrent, *CASES["scan"][1](9))[0])
    assert first.key == second.key and first.pattern(second) is not None
    assert first.pattern(first) is None
    keys = [
        GraphSignature(staged(f, x)[0]).key
        for f, x in (
            (np.sin, normal(5)),
            (np.cos, normal(5)),
            (np.sin, normal(5).astype("f4")),
            (np.sin, normal(5, 5)),
        )
    ]
    assert len(set(keys)) == 4
    graph, _ = staged(lambda x: np.sum(x, axis=0), normal(4, 9))
    copy, found = varying(
        graph, GraphSignature(staged(lambda x: np.sum(x, axis=0), normal(7, 9))[0]).sizes
    )
    assert set(map(int, found)) == {4} and varies(copy.inputs[0].type.shape[0])
    assert not varies(copy.inputs[0].type.shape[1])
