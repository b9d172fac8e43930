"""Code that is made quickly, and replaced by optimised code: the same bits, whenever that is."""

import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile import background
from functrans.compile.llvm import segment
from functrans.compile.llvm.code import engine
from functrans.compile.llvm.compiled import Compiled
from functrans.compile.llvm.plans.cost import effort
from functrans.compile.llvm.segment import NativeFunction, Segment, supported
from functrans.graph.graph import Graph
from tests.llvm.native import called, carried_out, staged
from tests.llvm.processes import run
from tests.llvm.random_graphs import RandomGraph

X = np.linspace(-2.0, 2.0, 50)


@pytest.fixture(autouse=True)
def waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Optimised code comes when a test asks for it."""
    background.finish()
    monkeypatch.setattr(background, "CALM", 1e6)
    monkeypatch.setenv("FUNCTRANS_QUICK", "1")
    yield
    background.finish()


def waves(x: Any) -> Any:
    return np.sum(np.tanh(np.sin(x) * x) + np.exp(-x * x) / (1.0 + x * x))


def functions() -> list[NativeFunction]:
    return [x for x in gc.get_objects() if isinstance(x, NativeFunction)]


def same_bits(x: Any, y: Any) -> bool:
    """What a NaN has in its other bits is nobody's promise."""
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype.kind in "fc":
        parts = [(x.real, y.real), (x.imag, y.imag)] if x.dtype.kind == "c" else [(x, y)]
        return all(
            np.where(np.isnan(a), np.nan, a).tobytes() == np.where(np.isnan(b), np.nan, b).tobytes()
            for a, b in parts
        )
    return x.tobytes() == y.tobytes()


def check(seed: int) -> bool:
    """Compare both codes of one random graph; whether all of it has native code."""
    found = RandomGraph(seed)
    with np.errstate(all="ignore"):
        graph, values = staged(found.call, *found.inputs)
    if not all([supported(e, False) for e in graph.equations]):
        return False
    if np.isinf(effort(graph).delay):  # what may take long is not compiled quickly
        return False
    engine.forget()  # another graph may have the same code
    slow = carried_out(graph, *values, quick=True)
    background._calm_jobs.clear()
    pairs = zip(slow, carried_out(graph, *values), strict=True)
    assert all([same_bits(x, y) for x, y in pairs]), seed
    return True


def test_same_bits() -> None:
    """Optimisations change no bit of a result; tests/llvm/test_random_graphs.py tries many more."""
    assert sum(map(check, range(200, 216))) >= 8


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x @ np.sin(x),
        lambda x: ft.scan(lambda c, y: (np.cos(c) * y, c + y), 1.0, x),
        lambda x: np.linalg.norm(np.outer(x, x) @ np.outer(x, x)),
        lambda x: np.sort(x)[3] + np.cumsum(x)[-1],
    ],
)
def test_same_bits_of_calls(function: Any) -> None:
    """Products, loops and running sums too."""
    step = ft.jit(ft.value_and_grad(lambda x: np.sum(ft.tree.leaves(function(x))[0])))
    before = step(X)
    background.finish()
    after = step(X)
    assert all(map(same_bits, before, after))


def test_what_is_in_no_hurry_waits_for_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that compiles would share the processor with a first call that lasts."""
    monkeypatch.setattr(background, "CALM", 0.0)
    done = threading.Event()

    def call(seconds: float) -> bool:
        background.when_calm(done.set)
        return done.wait(seconds)

    assert not background.undisturbed(call, 0.05)
    assert done.wait(10)
    done.clear()
    monkeypatch.setattr(background, "PATIENCE", 0.0)
    assert background.undisturbed(call, 10.0)


def test_code_is_replaced() -> None:
    """The first call runs quick code; the builtin stays, what it calls does not."""
    gc.collect()
    known = set(map(id, functions()))
    step = ft.jit(waves, backend="llvm")
    first = step(X)
    made = [x for x in functions() if id(x) not in known]
    assert made and not any([x.optimized for x in made])
    address = made[0].address
    assert same_bits(step(X), first)
    run = step._run
    background.finish()
    assert all([x.optimized for x in made]) and made[0].address != address
    assert step._run is run and same_bits(step(X), first)


def test_functions_are_compiled_once() -> None:
    """Programs call the mathematics of one another, which stays when its program goes."""

    def wave(x: Any, k: float) -> Any:
        return np.arcsinh(np.log1p(x * x) + k)

    steps = [ft.jit(lambda x, k=k: wave(x, k), backend="llvm") for k in (1.0, 2.0)]
    first = steps[0](X)
    assert same_bits(steps[0](X), first)
    texts = {name for name in engine.SYMBOLS if name.startswith(("arcsinh_", "log1p_"))}
    assert len(texts) >= 2
    del steps[0], first
    ft.clear_caches()
    gc.collect()
    found = steps[0](X)
    assert {x for x in engine.SYMBOLS if x.startswith(("arcsinh_", "log1p_"))} == texts
    background.finish()
    assert same_bits(steps[0](X), found)
    np.testing.assert_allclose(found, wave(X, 2.0), rtol=1e-14)


def test_plain_code_takes_one_element_at_a_time() -> None:
    """Where that changes no bit: sums have the order that vectors give them."""

    def slopes(x: Any) -> Any:
        return np.tanh(np.sin(x) * x)

    graph, _ = staged(slopes, X)
    assert "<" in Segment(graph).text and "<" not in Segment(graph, plain=np.inf).text
    assert "<" not in compiled_quickly(graph) and "<" in NativeFunction(graph, quick=True).text
    graph, _ = staged(lambda x: np.sum(slopes(x)), X)
    plain, whole = Segment(graph, plain=np.inf).text, Segment(graph).text
    assert plain.count(" x double>") == whole.count(" x double>") > 0
    graph, _ = staged(slopes, np.ones(100_000))
    assert "<" in compiled_quickly(graph)


def test_plain_code_has_its_walks_in_one_function() -> None:
    """A function costs LLVM more than the few lines of a walk; of many walks, some are alike."""

    def walks(x: Any, count: int) -> Any:
        return [np.sum(np.sin(x[i:])) for i in range(count)]

    for count, together in ((3, True), (30, False)):
        graph, (x,) = staged(lambda x, n=count: walks(x, n), X)
        module = Segment(graph, plain=np.inf).module
        assert ("kernel0" not in module.functions) is together
        assert "kernel0" in Segment(graph).module.functions
        engine.forget()
        first = carried_out(graph, x, quick=True)
        assert all(map(same_bits, first, carried_out(graph, x)))


def test_small_loops_beside_large_ones_are_plain() -> None:
    """A few loops that pay for vectors leave the others as they are compiled soonest."""

    def few(x: Any, y: Any) -> Any:
        for i in range(8):
            x = np.sin(x[1:]) * x[:-1] + np.cumsum(x)[i]
        return x, y * x[0]

    for turns in (
        lambda x, y: few(x, y),
        lambda x, y: ft.fori_loop(0, 2, lambda i, y: few(x, y)[1], y),
    ):
        graph, values = staged(turns, X, np.ones(1_000_000))
        plain, whole = compiled_quickly(graph), Segment(graph).text
        assert 0 < plain.count(" x double>") < whole.count(" x double>") / 2
        function = NativeFunction(graph, quick=True)
        assert not function.optimized
        first, _ = called(function, graph, *values)
        background.finish()
        assert function.optimized
        assert all(map(same_bits, called(function, graph, *values)[0], first))


def compiled_quickly(graph: Graph) -> str:
    """The text of which the first code of a graph is made."""
    engine.forget()
    return NativeFunction(graph, quick=True).code._text


def test_code_is_known_by_its_plain_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process has optimised is not even written as text."""
    monkeypatch.setenv("FUNCTRANS_CACHE", "1")
    monkeypatch.setenv("FUNCTRANS_CACHE_DIR", str(tmp_path))
    graph, (x,) = staged(lambda x: np.tanh(np.sin(x) * x) + 1.125, X)
    function = NativeFunction(graph, quick=True)
    first, _ = called(function, graph, x)
    background.finish()
    engine.forget()
    monkeypatch.setattr(segment, "whole_module", lambda *_: pytest.fail("it was written"))
    function = NativeFunction(graph, quick=True)
    assert function.optimized and not background._calm_jobs
    assert all(map(same_bits, called(function, graph, x)[0], first))


def test_codes_that_work_in_other_memory_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of the planning is not run."""
    step = ft.jit(lambda x: np.tanh(np.sin(x) * x) - 1.125, backend="llvm")
    first = step(X)

    class Other(Segment):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.arena += 64

    monkeypatch.setattr(segment, "Segment", Other)
    with pytest.warns(RuntimeWarning, match="works in other memory"):
        background.finish()
    assert same_bits(step(X), first)


def test_large_work_is_optimised_at_once() -> None:
    """A first call is to take no longer than it saves; of some loops nobody knows."""

    def work(f: Any, *args: Any) -> float:
        return effort(staged(f, *args)[0]).delay

    matrix = np.ones((1000, 1000))
    assert work(waves, X) < 1e4
    assert work(lambda x: x @ x, matrix) > 1e8
    assert work(lambda x: ft.while_loop(lambda c: c < 3.0, lambda c: c + 1.0, x), 1.0) == np.inf
    turns = ft.fori_loop
    twice = [work(lambda x, n=n: turns(0, n, lambda i, c: np.sin(c), x), X) for n in (100, 200)]
    assert 1.5 < twice[1] / twice[0] < 2.5
    graph, _ = staged(lambda x: x @ x, matrix)
    assert NativeFunction(graph, quick=True).optimized


def test_what_stays_in_registers_costs_less() -> None:
    """Vectors that go from one operation to the next do not wait; what is carried from element to
    element does, by memory."""
    x = np.linspace(-1.0, 1.0, 1_000_000)
    graph, _ = staged(waves, x)
    assert not NativeFunction(graph, quick=True).optimized
    one, total, running = [effort(staged(f, x)[0]).delay for f in (np.sin, np.sum, np.cumsum)]
    assert one < total / 5 and total < running / 2
    graph, _ = staged(lambda x: np.cumsum(x) * 2.5, x)
    assert NativeFunction(graph, quick=True).optimized


def test_long_functions_are_optimised_at_once() -> None:
    """Otherwise all their values would lie on the stack."""

    def long(x: Any) -> Any:
        for _ in range(200):
            x = np.sqrt(np.abs(x * x - 1.0) + 2.0) / (x * x + 3.0) + np.minimum(x, 0.5)
        return x

    graph, _ = staged(long, X)
    assert NativeFunction(graph, quick=True).optimized


def test_quick_code_can_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """FUNCTRANS_QUICK=0."""
    monkeypatch.setenv("FUNCTRANS_QUICK", "0")
    ft.jit(lambda x: waves(x) + 1.5, backend="llvm")(X)
    assert not background._calm_jobs


def test_code_on_the_disk_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was optimised once is not made quickly again; what was not, is found too."""
    ft.jit(waves, backend="llvm")(X)  # whose functions are called by what follows
    monkeypatch.setenv("FUNCTRANS_CACHE", "1")
    monkeypatch.setenv("FUNCTRANS_CACHE_DIR", str(tmp_path))
    graph, _ = staged(lambda x: waves(x) * 3.25, X)

    def made() -> NativeFunction:
        engine.forget()
        return NativeFunction(graph, quick=True)

    assert not made().optimized
    background._calm_jobs.clear()  # the process ends
    function = made()
    assert not function.optimized
    assert len(list(tmp_path.glob("*.object"))) == 1
    background.finish()
    assert function.optimized
    assert made().optimized
    assert not background._calm_jobs


def test_defects_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """If optimised code cannot be made, the other stays, and a warning says so."""
    step = ft.jit(lambda x: waves(x) - 0.5, backend="llvm")
    first = step(X)

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no memory")

    monkeypatch.setattr("functrans.compile.llvm.compiled.load", broken)
    with pytest.warns(RuntimeWarning, match="goes on without: no memory"):
        background.finish()
    assert same_bits(step(X), first)


def test_what_nobody_has_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its name waits."""
    graph, _ = staged(lambda x: waves(x) * 7.0, X)
    monkeypatch.setattr(Compiled, "optimize", lambda self: pytest.fail("it was compiled"))
    NativeFunction(graph, quick=True)
    gc.collect()
    background.finish()


def test_threads_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls from many threads, while the code is replaced again and again."""
    steps = [ft.jit(lambda x, k=k: waves(x * k) + k, backend="llvm") for k in range(4)]
    first = [step(X) for step in steps]
    wrong: list[int] = []
    end = threading.Event()

    def call() -> None:
        while not end.is_set():
            for k, step in enumerate(steps):
                if not same_bits(step(X), first[k]):
                    wrong.append(k)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    background.finish()
    for function in functions():
        function.code.optimize()
    end.set()
    for thread in threads:
        thread.join()
    assert not wrong


PROCESS = """
import os, time, numpy as np, functrans as ft
from functrans.compile import background
from tests.llvm.test_tiers import waves, functions, X
steps = [ft.jit(lambda x, k=k: waves(x * k), backend="llvm") for k in range(3)]
first = [step(X) for step in steps]
"""


def test_process_ends_meanwhile() -> None:
    """What waits is dropped."""
    assert run(PROCESS + "print('done')", "-W", "error") == (0, "done\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_fork_meanwhile() -> None:
    """Parent and child each go on with what waits; no thread runs while the process is forked."""
    code = """
child = os.fork()
while not all([x.optimized for x in functions()]):
    time.sleep(0.01)
assert [step(X) for step in steps] == first
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    assert run(PROCESS + code, "-W", "error") == (0, "", "")
