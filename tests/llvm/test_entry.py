"""Builtins around native code: what they take, what they make, and what they hand on."""

import gc
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile import background
from functrans.compile.llvm.calling import entry, entry_text, memory, structs
from functrans.compile.llvm.calling.signature import Array, Donated, Number, Same
from functrans.compile.llvm.code.builder import Builder, Module, Value
from functrans.compile.llvm.code.engine import load
from functrans.core.types import ArrayType

FLOAT = np.dtype(float)


@pytest.fixture(params=["native", "foreign"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Calls by native code, and those where objects cannot be read."""
    if request.param == "foreign":
        monkeypatch.setattr(entry, "layouts", lambda: None)
    return str(request.param)


def fallback(*args: Any, **options: Any) -> Any:
    return ("fallback", args, options)


def compiled(write: Callable[[Builder, Value, Value, Value, Value], Any]) -> int:
    """The address of a body."""
    module = Module()
    b = Builder(module, "body", "i32", ["ptr", "ptr", "ptr", "ptr"])
    result = write(b, *b.operands)
    b.finish(Value("i32", "0") if result is None else result)
    return load(module.text(), ["body"], verify=True)["body"]


def pointer(b: Builder, pointers: Value, i: int) -> Value:
    return b.load("ptr", b.at(pointers, i, "ptr"))


def copying(counts: list[int], kind: str = "double") -> int:
    """A body that writes each input into the output of its number."""

    def write(b: Builder, inputs: Value, outputs: Value, *_: Value) -> None:
        for i, count in enumerate(counts):
            x, y = pointer(b, inputs, i), pointer(b, outputs, i)

            def step(k: Value, _: list[Value], x: Value = x, y: Value = y) -> list[Value]:
                b.store(b.load(kind, b.at(x, k, kind)), b.at(y, k, kind))
                return []

            b.loop(0, count, step)

    return compiled(write)


def refused(result: Any) -> bool:
    return isinstance(result, tuple) and result[:1] == ("fallback",)


def test_arrays() -> None:
    """Arrays of the signature are computed with; results are new, and of the signature."""
    a, b = ArrayType((2, 3), FLOAT), ArrayType((4,), FLOAT)
    f = entry.builtin("f", copying([6, 4]), [a, b], [a, b], fallback)
    x, y = np.arange(6.0).reshape(2, 3), np.arange(4.0)
    one, other = f(x, y)
    assert np.array_equal(one, x)
    assert np.array_equal(other, y)
    assert one is not x
    assert one.flags.c_contiguous
    assert one.flags.owndata
    assert f.__name__ == "f"


class Subclass(np.ndarray[Any, Any]):
    """Not NumPy's own class."""


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(5),
        np.zeros((4, 1)),
        np.zeros(4, np.float32),
        np.zeros(4, ">f8"),
        np.zeros(8)[::2],
        np.zeros(4).view(Subclass),
        np.zeros(33, np.uint8)[1:].view(float),
        [0.0] * 4,
        None,
        1.0,
        "text",
    ],
    ids=lambda x: f"{type(x).__name__}{getattr(x, 'shape', '')}",
)
def test_unusual_arguments(x: Any) -> None:
    """What is not of the signature goes to the fallback, as it is."""
    kind = ArrayType((4,), FLOAT)
    f = entry.builtin("f", copying([4]), [kind], kind, fallback)
    assert f(np.ones(4)).tolist() == [1.0] * 4
    name, args, options = f(x)
    assert (name, options) == ("fallback", {})
    assert args[0] is x


def test_other_calls() -> None:
    """Keywords and other numbers of arguments go to the fallback; its exceptions come through."""
    kind = ArrayType((4,), FLOAT)
    f = entry.builtin("f", copying([4]), [kind], kind, fallback)
    x = np.ones(4)
    assert f() == ("fallback", (), {})
    assert refused(f(x, x))
    assert f(x=x)[2]["x"] is x

    def broken(*args: Any) -> None:
        raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        entry.builtin("f", copying([4]), [kind], kind, broken)(1)


def test_chain() -> None:
    """The fallback of a builtin may be another: a function for several signatures."""
    f: Any = fallback
    for n in (3, 4, 5):
        kind = ArrayType((n,), FLOAT)
        f = entry.builtin("f", copying([n]), [kind], kind, f)
    for n in (3, 4, 5):
        assert np.array_equal(f(np.arange(float(n))), np.arange(float(n)))
    assert refused(f(np.zeros(6)))


@pytest.mark.parametrize("code", structs.SCALAR_CODES)
def test_scalars(code: str) -> None:
    """A scalar of NumPy comes and goes in each dtype; an array without dimensions is one too."""
    dtype = np.dtype(code)
    kind = ArrayType((), dtype)
    f = entry.builtin("f", copying([dtype.itemsize], "i8"), [kind], kind, fallback)
    x = dtype.type(1 if code == "?" else 3)
    y = f(x)
    assert type(y) is type(x)
    assert y == x
    assert type(f(np.array(x))) is type(x)
    assert refused(f(np.array([x])))
    assert refused(f(3.5))
    g = entry.builtin(
        "g",
        copying([dtype.itemsize], "i8"),
        [Array((), dtype, "array")],
        Array((), dtype, "array"),
        f,
    )
    y = g(np.array(x))
    assert type(y) is np.ndarray
    assert (y.shape, y.dtype, y[()]) == ((), dtype, x)


@pytest.mark.parametrize(
    "x", [1.5, True, False, 7, -(2**63), 2**63 - 1, 1.5 - 2j], ids=lambda x: f"{type(x).__name__}"
)
def test_numbers_of_python(x: Any) -> None:
    """A number of Python comes and goes by its class; others are another signature."""
    kind = Number(type(x))
    f = entry.builtin("f", copying([kind.dtype.itemsize], "i8"), [kind], kind, fallback)
    y = f(x)
    assert (type(y), y) == (type(x), x)
    for other in (1.0, True, 1, 1j, np.float64(1.0), np.int64(1), 2**63, -(2**63) - 1):
        usual = type(other) is type(x) and not (type(x) is int and abs(other) >= 2**63)
        assert refused(f(other)) is not usual


def test_structures() -> None:
    """Nested containers are taken apart and put together; leaves count by sorted keys."""
    one, two = ArrayType((1,), FLOAT), ArrayType((2,), FLOAT)
    signature = [{"w": one, "b": [two, None]}, (one, Number(float))]
    outputs = {"z": [two], "a": (one, {}), "m": {"q": Number(float), "p": one}, "n": None, "s": ()}
    # Arguments are b, w, the other and the number; results a, m.p, m.q and z.
    body = compiled(
        lambda b, x, y, *_: [
            b.store(b.load(k, pointer(b, x, i)), pointer(b, y, j))
            for k, i, j in [
                ("double", 1, 0), ("double", 2, 1), ("double", 3, 2), ("<2 x double>", 0, 3)
            ]
        ]
        and None
    )  # fmt: skip
    f = entry.builtin("f", body, signature, outputs, fallback)
    w, b, x = np.array([1.0]), np.array([2.0, 3.0]), np.array([4.0])
    out = f({"b": [b, None], "w": w}, (x, 0.5))
    assert list(out) == ["z", "a", "m", "n", "s"]
    assert list(out["m"]) == ["q", "p"]
    shown = (out["z"][0].tolist(), out["a"][0].tolist(), out["m"]["q"], out["m"]["p"].tolist())
    assert shown == ([2.0, 3.0], [1.0], 0.5, [4.0])
    assert (out["n"], out["s"], out["a"][1]) == (None, (), {})
    assert type(out["z"]) is list
    assert type(out["a"]) is tuple
    key = "".join(["", "w"])
    assert not refused(f({"w": w, "b": [b, None]}, (x, 0.5)))
    assert not refused(f({key.encode().decode(): w, "b": [b, None]}, (x, 0.5)))

    class Dict(dict[str, Any]):
        pass

    for first in (
        {"w": w},
        {"w": w, "b": [b, None], "c": w},
        {"w": w, "c": [b, None]},
        {"w": w, 2: [b, None]},
        {"w": w, "b": (b, None)},
        {"w": w, "b": [b, None, None]},
        {"w": w, "b": [b]},
        {"w": w, "b": [b, b]},
        {"w": b, "b": [b, None]},
        Dict(w=w, b=[b, None]),
        [w, [b, None]],
        None,
    ):
        assert refused(f(first, (x, 0.5))), first
    assert refused(f({"w": w, "b": [b, None]}, [x, 0.5]))
    assert refused(f({"w": w, "b": [b, None]}, (x, 1)))


class Pair(NamedTuple):
    """A container of a class of its own."""

    first: Any
    second: Any = None


def test_named_tuples() -> None:
    """They come and go as what they are."""
    one = ArrayType((1,), FLOAT)
    made = {"p": Pair([one], Pair(Number(float), None))}
    f = entry.builtin("f", copying([1, 1]), [Pair(one, Number(float))], made, fallback)
    x = np.array([2.0])
    out = f(Pair(x, 3.0))
    assert out == {"p": Pair([x], Pair(3.0, None))}
    assert type(out["p"]) is type(out["p"].second) is Pair
    assert refused(f((x, 3.0)))
    assert refused(f(Pair(x, 3)))


def test_keywords() -> None:
    """Arguments by keyword come behind the others, by their names, in whichever order."""
    one = ArrayType((1,), FLOAT)
    keywords = {"rate": Number(float), "b": [one]}
    f = entry.builtin("f", copying([1, 1, 1]), [one], [one] * 3, fallback, keywords=keywords)
    x, y = np.array([2.0]), np.array([3.0])
    for out in (f(x, rate=4.0, b=[y]), f(x, b=[y], rate=4.0), f(x, **{"ra" + "te": 4.0, "b": [y]})):
        assert [z.tolist() for z in out] == [[2.0], [3.0], [4.0]]
    assert refused(f(x, rate=4.0))
    assert refused(f(x, rate=4.0, c=[y]))
    assert refused(f(x, rate=4.0, b=[y], c=1))
    assert refused(f(x, [y], rate=4.0))
    assert refused(f(x, [y], 4.0))
    assert refused(f(b=[y], rate=4.0))
    g = entry.builtin("g", copying([1]), [], one, fallback, keywords={"x": one})
    assert g(x=x).tolist() == [2.0]
    assert refused(g(x))
    assert refused(g())


def test_keys_that_look_equal() -> None:
    """No code of a key runs, and a string in two encodings is found."""

    class Key(str):
        def __eq__(self, other: object) -> bool:
            raise AssertionError

        __hash__ = str.__hash__

    one = ArrayType((1,), FLOAT)
    f = entry.builtin("f", copying([1]), [{"ключ": one, "b": one}], one, lambda x: None)
    x = np.ones(1)
    made = "".join(["кл", "юч"])
    assert f({made: x, "b": x}).tolist() == [1.0]
    if entry.layouts() is not None:
        assert f({Key("ключ"): x, "b": x}) is None


def test_leaves_that_are_no_data() -> None:
    """An object stands for itself, in arguments and results."""
    marker = object()
    one = ArrayType((1,), FLOAT)
    f = entry.builtin("f", copying([1]), [Same(marker), one], [one, Same(marker)], fallback)
    assert f(marker, np.ones(1))[1] is marker
    assert refused(f(object(), np.ones(1)))
    with pytest.raises(TypeError, match="not a leaf"):
        entry.builtin("f", 0, ["text"], one, fallback)
    with pytest.raises(TypeError, match="keys of dicts"):
        entry.builtin("f", 0, [{1: one}], one, fallback)


def test_donation() -> None:
    """A result is the array of an argument, unless it overlaps with another or may not change."""
    four = ArrayType((4,), FLOAT)

    def write(b: Builder, inputs: Value, outputs: Value, *_: Value) -> None:
        x, y, out = pointer(b, inputs, 0), pointer(b, inputs, 1), pointer(b, outputs, 0)
        kind = "<4 x double>"
        b.store(b.fadd(b.load(kind, x), b.load(kind, y)), out)

    f = entry.builtin("f", compiled(write), [four, four], [Donated(0)], fallback)
    x, y = np.arange(4.0), np.ones(4)
    before = sys.getrefcount(x)
    (out,) = f(x, y)
    assert out is x
    assert sys.getrefcount(x) == before + 1
    assert x.tolist() == [1.0, 2.0, 3.0, 4.0]
    big = np.zeros(7)
    assert refused(f(x, x))
    assert refused(f(big[:4], big[3:]))
    (out,) = f(big[4:].repeat(2)[:4], y)
    assert out.tolist() == [1.0] * 4
    two = np.zeros(8)
    assert not refused(f(two[:4], two[4:]))
    x.flags.writeable = False
    assert refused(f(x, y))
    assert not refused(f(y, x))


def test_many_donations() -> None:
    """Any two arguments that overlap are found, and empty ones do not."""
    one, none = ArrayType((5,), FLOAT), ArrayType((0,), FLOAT)
    n = 21
    outputs = [Donated(i) for i in range(0, n, 2)] + [Donated(n)]
    f = entry.builtin("f", copying([]), [[one] * n, none, none], outputs, fallback)
    memory = np.zeros(6 * n + 10)
    parts = [memory[6 * i : 6 * i + 5] for i in range(n)]
    empty, other = np.zeros(0), np.zeros(0)
    assert f(parts, empty, other)[3] is parts[6]
    assert f(parts[::-1], empty, other)[-1] is empty
    for i in range(n):
        for j in {(i + 1) % n, 0, 7, n - 1} - {i}:
            again = list(parts)
            again[i] = parts[j] if i % 3 else memory[6 * j + 4 : 6 * j + 9]
            apart = not any(
                np.may_share_memory(x, again[k])
                for k in range(0, n, 2)
                for x in [*again[:k], *again[k + 1 :]]
            )
            assert refused(f(again, empty, other)) is not apart, (i, j)


def test_sizes() -> None:
    """A size has a name: it must be the same everywhere, and results follow it."""
    signature = [Array(("n", 2), FLOAT), {"m": Array(("n", "k"), FLOAT)}]
    outputs = [Array(("n",), FLOAT), Array(("k", 3, "n"), FLOAT)]

    def write(b: Builder, inputs: Value, outputs: Value, arena: Value, sizes: Value) -> None:
        n, k = (b.load("i64", b.at(sizes, i, "i64")) for i in (0, 1))
        first, other = (pointer(b, outputs, i) for i in (0, 1))
        b.store(Value("double", "2.5"), b.at(first, b.sub(n, 1), "double"))
        b.store(b.cast("sitofp", k, "double"), other)

    f = entry.builtin("f", compiled(write), signature, outputs, fallback)
    for n, k in [(1, 1), (3, 2), (2000, 1)]:
        one, other = f(np.zeros((n, 2)), {"m": np.zeros((n, k))})
        assert one.shape == (n,)
        assert one[-1] == 2.5
        assert other.shape == (k, 3, n)
        assert other[0, 0, 0] == k
    assert refused(f(np.zeros((3, 2)), {"m": np.zeros((4, 2))}))
    assert refused(f(np.zeros((3, 3)), {"m": np.zeros((3, 2))}))


def test_no_memory() -> None:
    """What cannot be allocated is an error, and what was made before is dropped."""
    outputs = [Array((2,), FLOAT), Array(("n", "n", "n"), FLOAT)]
    f = entry.builtin("f", copying([0]), [Array(("n",), np.int8)], outputs, fallback)
    with pytest.raises(MemoryError):
        f(np.zeros(30_000, np.int8))
    assert f(np.zeros(2, np.int8))[1].shape == (2, 2, 2)
    g = entry.builtin("g", copying([0]), [Array((3,), np.int8)], [], fallback, arena=1 << 60)
    with pytest.raises(MemoryError):
        g(np.zeros(3, np.int8))


def failing(b: Builder, inputs: Value, _: Value, arena: Value, sizes: Value) -> Value:
    """A body that returns the number in its argument."""
    return b.load("i32", pointer(b, inputs, 0))


def test_status() -> None:
    """A body that cannot go on says so, and the fallback is called."""
    body = compiled(failing)
    signature = [Number(int)], {"a": ArrayType((3,), FLOAT), "b": ArrayType((2,), FLOAT)}
    for arena in (0, 1000):
        f = entry.builtin("f", body, *signature, fallback, status=True, arena=arena)
        assert f(0)["a"].shape == (3,)
        assert f(7) == ("fallback", (7,), {})
    h = entry.builtin("h", body, *signature, fallback, arena=64)  # what it returns is nothing
    assert h(7)["a"].shape == (3,)


@pytest.mark.parametrize("long", [False, True])
def test_arena(long: bool) -> None:
    """Memory of its own for each call that runs, at a multiple of 64, as large as asked for."""

    def write(b: Builder, inputs: Value, outputs: Value, arena: Value, _: Value) -> None:
        x, y = pointer(b, inputs, 0), pointer(b, outputs, 0)
        address = b.emit("i64", f"ptrtoint {arena} to i64")
        b.store(b.cast("sitofp", b.both(address, 63), "double"), b.at(y, 1, "double"))
        b.store(b.load("double", x), arena)
        b.store(b.load("double", x), b.at(arena, 99_999, "double"))
        spin = b.slot("i64")

        def wait(i: Value, _: list[Value]) -> list[Value]:
            b.line(f"store volatile {i}, {spin}")
            return []

        b.loop(0, 100_000 if long else 10, wait)
        b.store(b.fsub(b.load("double", arena), b.load("double", b.at(arena, 99_999, "double"))), y)

    two = ArrayType((2,), FLOAT)
    body = compiled(write)
    f = entry.builtin("f", body, [{"x": two}], two, fallback, arena=800_000, long=long)
    g = entry.builtin("g", body, [{"x": two}], two, fallback, arena=300 << 20, long=long)
    wrong: list[Any] = []

    def call(k: int) -> None:
        for i in range(50):
            for h in (f, f, f, g) if i % 25 == 0 else (f,):
                out = h({"x": np.array([k + i / 64, 0.0])})
                if out.tolist() != [0.0, 0.0]:
                    wrong.append(out)

    threads = [threading.Thread(target=call, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_others_run_during_a_long_call() -> None:
    """The GIL is released, and arrays that are taken out of a list meanwhile stay alive."""

    def write(b: Builder, inputs: Value, outputs: Value, *_: Value) -> None:
        flag, x, out = pointer(b, inputs, 0), pointer(b, inputs, 1), pointer(b, outputs, 0)
        wait, done = b.label("wait"), b.label("set")
        b.jump(wait)
        b.start(wait)
        set_ = b.emit("i64", f"load atomic i64, {flag} acquire, align 8")
        b.fork(b.icmp("ne", set_, 0), done, wait)
        b.start(done)
        b.store(b.load("<4 x double>", x), out)

    signature = [ArrayType((1,), np.dtype(np.int64)), [ArrayType((4,), FLOAT)]]
    f = entry.builtin("f", compiled(write), signature, ArrayType((4,), FLOAT), fallback, long=True)
    flag, items = np.zeros(1, np.int64), [np.arange(4.0)]
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(f(flag, items)))
    thread.start()
    while not thread.is_alive():
        pass
    items.clear()
    keep = [np.full(4, 7.0) for _ in range(100)]
    flag[0] = 1
    thread.join(30)
    assert len(keep) == 100
    assert results[0].tolist() in ([0.0, 1.0, 2.0, 3.0], fallback(flag, items))


def test_nothing_leaks() -> None:
    """Calls of all kinds leave no memory and no references behind."""
    signature = [{"x": ArrayType((3,), FLOAT), "y": (Number(int), ArrayType((), FLOAT))}]
    outputs = {"a": ArrayType((3,), FLOAT), "b": [Number(int), ArrayType((), FLOAT), None]}
    f = entry.builtin("f", copying([3, 1, 1]), signature, outputs, fallback, arena=64)
    g = entry.builtin("g", compiled(failing), [Number(int)], outputs, lambda *_: None, status=True)
    x, number, scalar = np.ones(3), 10**12, np.float64(2.0)
    argument = {"x": x, "y": (number, scalar)}
    watched: list[Any] = [x, number, scalar, argument, FLOAT, "a", None, f, outputs]

    def calls(count: int) -> None:
        for _ in range(count):
            f(argument)
            f(x)
            g(3)

    calls(100)
    gc.collect()
    before = [sys.getrefcount(thing) for thing in watched]
    tracemalloc.start()
    calls(1000)
    start, _ = tracemalloc.get_traced_memory()
    calls(100_000 if entry.layouts() is not None else 1000)
    stop, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert stop - start < 5000
    after = [sys.getrefcount(thing) for thing in watched]
    assert max(abs(a - b) for a, b in zip(after, before, strict=True)) < 20


def test_builtins_go_with_what_they_hold() -> None:
    """A builtin keeps its fallback, and a cycle through it is collected."""

    class Slow:
        def __call__(self, *args: Any) -> Any:
            return args

    slow = Slow()
    one = ArrayType((1,), FLOAT)
    kept = Slow()
    slow.fast = entry.builtin("f", copying([1]), [one], one, slow, kept=kept)  # type: ignore[attr-defined]
    gone, kept_gone = weakref.ref(slow), weakref.ref(kept)
    del kept
    gc.collect()
    assert kept_gone() is not None
    assert slow.fast(1) == (1,)  # type: ignore[attr-defined]
    del slow
    gc.collect()
    assert gone() is kept_gone() is None


def test_native_text_is_valid() -> None:
    """LLVM accepts the native function."""
    fields = structs.layouts()
    if fields is None:
        pytest.skip("no layouts here")
    assert load(entry_text.text(fields), ["functrans_entry"], verify=True)["functrans_entry"]


def test_large_results_take_memory_of_results_that_are_gone(way: str) -> None:
    """Where NumPy would ask the C library; small ones, and those that are still there, do not."""
    if way == "foreign":
        pytest.skip("NumPy makes these results")
    double = ft.jit(lambda x: (x * 2.0, x[:8] + 1.0), backend="llvm")
    x = np.arange(float(memory.LEAST_RESULT // 8))
    double(x)
    background.finish()
    handler = np._core.multiarray.get_handler_name
    for n in (x.size, x.size + 100):  # code of its own, and code that reads the sizes
        x = np.arange(float(n))
        large, small = double(x)
        assert handler(large) == "functrans" and handler(small) == "default_allocator"
        assert large.flags.owndata and large.flags.writeable and handler() == "default_allocator"
        kept = double(x)[0]
        assert not np.shares_memory(kept, large)
        place = large.ctypes.data
        del large
        large = double(x)[0]
        assert large.ctypes.data == place
        del large
        assert np.array_equal(kept, x * 2.0) and np.array_equal(double(x)[0], kept)
    ft.clear_caches()
    assert np.array_equal(kept, x * 2.0)
    found = memory.memory()
    assert found is not None
    before = found.enter()  # somebody else's way of allocating: what there is is left as it is
    try:
        assert handler(double(x)[0]) == "functrans" and handler() == "functrans"
    finally:
        found.leave(before)
    assert handler() == "default_allocator"


def test_threads_that_ask_for_memory_at_a_time_are_given_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Native code has the address of its handler, which one that is dropped would leave dangling:
    ``Capsule must be named 'mem_handler'``."""
    together, functions = threading.Barrier(2), memory._functions

    def slowly() -> Any:
        together.wait(timeout=60)
        return functions()

    monkeypatch.setattr(memory, "_found", {})
    monkeypatch.setattr(memory, "_functions", slowly)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(memory.memory())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1] is memory.memory() is not None
