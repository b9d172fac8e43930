"""Programs found on the disk by their graph: nothing is planned, and nothing else is found."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pytest

import functrans as ft
from functrans.compile import background
from functrans.compile.llvm import native, planned, recorded, records
from functrans.compile.llvm.code import cache, engine, sources
from functrans.compile.llvm.recorded import RecordedProgram
from functrans.compile.llvm.records import key_of
from functrans.control import fori_loop
from functrans.core import primitive
from functrans.graph.files.identity import Identity, graph_of as read
from functrans.graph.files.values import Unsupported
from functrans.graph.graph import Equation, Graph
from tests.llvm.recorded_programs import PROGRAMS, X, bits
from tests.modules import ROOT

pytest.importorskip("llvmlite")

LIBRARIES = ("random", "solve")
"""Programs that call functions which are compiled once, whose modules are imported for that."""


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the cache, and native code as users have it."""
    monkeypatch.setenv("FUNCTRANS_CACHE", "1")
    monkeypatch.setenv("FUNCTRANS_CACHE_DIR", str(tmp_path / "objects"))
    monkeypatch.setenv("FUNCTRANS_BACKEND", "llvm")
    monkeypatch.setenv("FUNCTRANS_QUICK", "1")
    return tmp_path / "objects"


def process(names: Sequence[str], *flags: str, **environment: str) -> dict[str, Any]:
    """What a fresh process prints that runs these programs."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.llvm.recorded_programs", *names, *flags],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert not done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def again(function: Callable[[], Any]) -> Any:
    """What a function gives with nothing at hand but the disk."""
    ft.clear_caches()
    engine.forget()
    return function()


def program_of(jitted: Any, *args: Any) -> Any:
    """What carries a jitted function out."""
    graph = jitted.lower(*args).graph
    (found,) = [x for place, x in graph.derived.items() if place[0] == "program"]
    return found


@pytest.mark.parametrize("left", ["optimised", "quick"])
def test_second_process_plans_nothing(where: Path, left: str) -> None:
    """It has the same bits, of code with all optimisations or without, and imports neither the
    planning nor LLVM."""
    plain = [name for name in PROGRAMS if name not in LIBRARIES]
    if left == "quick":  # code for several sizes is found when it is optimised
        plain = [name for name in plain if name not in ("sizes", "spectra")]
    flags = ["--unfinished"] if left == "quick" else []
    first = process(list(PROGRAMS), *flags)
    assert "functrans.compile.llvm.segment" in first["loaded"]
    second = process(plain, "--unfinished")
    assert second["bits"] == {name: first["bits"][name] for name in plain}
    assert second["loaded"] == []
    others = process(LIBRARIES, "--unfinished")
    assert others["bits"] == {name: first["bits"][name] for name in LIBRARIES}
    assert not [x for x in others["loaded"] if ".plans." in x or "segment" in x or x == "llvmlite"]
    if left == "quick":  # which a thread replaces by optimised code, with the same bits
        third = process(plain, "--again")
        assert third["bits"] == second["bits"]


def test_first_process_without_cache_gives_the_same(where: Path) -> None:
    """The bits are those of programs that were planned in the process itself."""
    kept, fresh = process(list(PROGRAMS)), process(list(PROGRAMS), FUNCTRANS_CACHE="0")
    assert fresh["bits"] == kept["bits"]
    assert process(list(PROGRAMS))["bits"] == kept["bits"]


def test_program_that_was_found_tells_all(where: Path) -> None:
    """Its text is written when somebody asks, and its fallback is the same graph by NumPy."""

    def step(x: Any) -> Any:
        return np.cos(x) * 0.375 + x

    first = ft.jit(step, exact=False)(X)
    background.finish()
    jitted = ft.jit(step)
    assert bits(again(lambda: jitted(X))) == bits(first)
    found = program_of(jitted, X)
    assert isinstance(found, RecordedProgram)
    assert "define " in jitted.lower(X).native
    assert not jitted.lower(X).source
    np.testing.assert_array_equal(jitted(np.repeat(X, 2)[::2]), first)
    assert repr(found) == "<native program of graph step>"


def test_call_that_native_code_declines(where: Path) -> None:
    """A singular matrix is NumPy's to refuse, with the user's line."""

    def solved(a: Any) -> Any:
        return np.linalg.solve(a, np.ones(3)) * 2.0

    good, singular = np.eye(3) * 2.0, np.ones((3, 3))
    wanted = ft.jit(solved)(good)
    background.finish()
    jitted = ft.jit(solved)
    np.testing.assert_array_equal(again(lambda: jitted(good)), wanted)
    assert isinstance(program_of(jitted, good), RecordedProgram)
    with pytest.raises(np.linalg.LinAlgError):
        jitted(singular)


def graph_of(f: Callable[..., Any], *args: Any) -> Graph:
    return ft.make_graph(f)(*args)


def test_key_is_the_same_for_the_same(where: Path) -> None:
    """Lines of the user's code decide about nothing."""
    names = []
    for _ in range(2):
        graph = graph_of(lambda x: np.sin(x) * X + 2.0, X)
        key = key_of(graph, ((), False))
        assert key is not None and len(key.arrays) == 1
        names.append(key.name)
    for equation in graph.equations:
        equation.line = "elsewhere:1"
    changed = key_of(graph, ((), False))
    assert changed is not None
    assert {*names, changed.name} == {names[0]}


PAIRS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "primitive": (np.sin, np.cos),
    "parameter": (lambda x: np.sum(x, axis=0), lambda x: np.sum(x, axis=1)),
    "sign of zero": (lambda x: x * 0.0, lambda x: x * -0.0),
    "payload": (
        lambda x: x * float(np.frombuffer(b"\1\0\0\0\0\0\xf8\x7f")[0]),
        lambda x: x * float(np.frombuffer(b"\2\0\0\0\0\0\xf8\x7f")[0]),
    ),
    "class of number": (lambda x: x * 1, lambda x: x * 1.0),
    "scalar": (lambda x: x * np.float64(2), lambda x: x * np.float32(2)),
    "operands": (lambda x: x - x[0], lambda x: x[0] - x),
    "outputs": (lambda x: (x + 1, x + 2), lambda x: (x + 2, x + 1)),
    "array": (lambda x: x + np.arange(3.0), lambda x: x + np.arange(1.0, 4.0)),
    "dtype of array": (
        lambda x: x + np.arange(3, dtype=np.int32),
        lambda x: x + np.arange(3, dtype=np.uint32),
    ),
    "layout of array": (
        lambda x: x @ np.arange(9.0).reshape(3, 3),
        lambda x: x @ np.arange(9.0).reshape(3, 3).T.copy().T,
    ),
    "nested": (
        lambda x: fori_loop(0, 9, lambda i, c: np.sin(c), x),
        lambda x: fori_loop(0, 9, lambda i, c: np.cos(c), x),
    ),
    "length": (
        lambda x: fori_loop(0, 9, lambda i, c: np.sin(c), x),
        lambda x: fori_loop(0, 8, lambda i, c: np.sin(c), x),
    ),
}


@pytest.mark.parametrize("what", PAIRS)
def test_graphs_have_keys_of_their_own(where: Path, what: str) -> None:
    """Whatever they differ in."""
    one, other = PAIRS[what]
    x = np.ones((3, 3))
    keys = [key_of(graph_of(lambda x, f=f: f(x), x), ()) for f in (one, other)]
    assert keys[0] is not None and keys[1] is not None
    assert keys[0].name != keys[1].name


def test_types_of_inputs_are_part_of_the_key(where: Path) -> None:
    """Dtype, shape, and whether it is a number of Python."""
    inputs = [1.0, np.float64(1), np.float32(1), np.ones(1), np.ones(2), np.ones((1, 2)), 1, True]
    inputs += [np.ones(1, "longlong"), np.ones(1, "long")]
    names = {key.name for x in inputs if (key := key_of(graph_of(lambda x: x * x, x), ()))}
    assert len(names) == len(inputs)


def test_errors_that_are_asked_for_are_part_of_the_key(where: Path) -> None:
    """Which of them, of each equation."""
    names = set()
    for how in ("ignore", "raise"):
        graph = graph_of(lambda x: x / x, X)
        (e,) = graph.equations
        told = Equation(e.primitive, e.inputs, e.params, e.outputs, e.line, {"divide": how})
        key = key_of(Graph(graph.name, graph.inputs, [told], graph.outputs), ())
        assert key is not None
        names.add(key.name)
    assert len(names) == 2


def test_all_around_is_part_of_the_key(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options, environment, sources, versions, processor."""
    graph = graph_of(lambda x: np.sin(x) * 2.0, X)

    def name(options: tuple[Any, ...] = ((), False)) -> str:
        key = key_of(graph, options)
        assert key is not None
        return key.name

    own = name()
    found = {own, name(((0,), False)), name(((), True)), name(((0,), True))}
    processor = engine.machine().processor
    changes: list[tuple[object, str, object]] = [
        (sys, "version", "3.99"),
        (sys, "platform", "plan9"),
        (np, "__version__", "3.0"),
        (records, "fingerprint", lambda: "other sources"),
        (records, "_FORMAT", "record 0"),
        (cache, "__version__", "99"),
        (engine.machine(), "processor", processor._replace(name="other")),
        (engine.machine(), "processor", processor._replace(features="")),
        (engine.machine(), "processor", processor._replace(version="other")),
    ]
    for owner, attribute, value in changes:
        with monkeypatch.context() as patch:
            patch.setattr(owner, attribute, value)
            found.add(name())
    with monkeypatch.context() as patch:
        patch.setenv("FUNCTRANS_QUICK", "0")
        found.add(name())
    assert len(found) == 4 + len(changes) + 1
    monkeypatch.setenv("FUNCTRANS_NUM_THREADS", "1")  # on which no code depends
    assert name() == own


def test_sources_are_told_by_their_contents(tmp_path: Path) -> None:
    """A file that is changed, new, or under another name; what is changed later is not told."""
    folder = tmp_path / "package" / "inner"
    folder.mkdir(parents=True)
    path = folder / "one.py"
    path.write_text("1\n")
    (folder / "notes.txt").write_text("1\n")

    def told() -> str | None:
        return sources.told([str(tmp_path / "package")], time.time() + 10)

    found = [told()]
    assert found[0] == told() is not None
    (folder / "notes.txt").write_text("2\n")
    assert told() == found[0]
    status = path.stat()
    time.sleep(0.05)
    path.write_text("2\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    if sys.platform != "win32":  # where the time of the entry is that of its making
        found.append(told())
    (folder / "two.py").write_text("1\n")
    found.append(told())
    (folder / "two.py").rename(folder / "three.py")
    found.append(told())
    assert len(set(found)) == len(found)
    assert sources.told([str(folder)], time.time() - 100) is None
    assert sources.told([str(tmp_path / "nowhere")], time.time()) is None
    assert sources.fingerprint() == sources.now()


def test_nothing_is_left_by_other_sources(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that was changed while the process ran."""
    monkeypatch.setattr(records, "now", lambda: "other sources")
    monkeypatch.setattr(records, "_looked_at", 0)
    monkeypatch.setattr(recorded, "recorded", lambda *_: pytest.fail("it was found"))
    for _ in range(2):
        again(lambda: ft.jit(lambda x: np.sin(x) * 0.8125)(X))
    monkeypatch.undo()
    assert records._as_loaded()
    monkeypatch.setattr(records, "now", lambda: pytest.fail("they were looked at again"))
    assert records._as_loaded()  # as no module was loaded since


def test_graphs_that_are_not_told_have_no_key(where: Path) -> None:
    """Primitives of others, whose rules may change, and constants that are large."""
    large = np.ones(records.LARGEST // 8 + 1)
    assert key_of(graph_of(lambda x: x + large, 1.0), ()) is None
    twice = ft.extend.elementwise(
        "twice_recorded", lambda x: 2.0 * x, lambda x: 2.0, samples=ft.extend.unary(-3, 3)
    )
    graph = graph_of(lambda x: twice(x) + 1.0, X)
    with pytest.raises(Unsupported, match="twice_recorded"):
        Identity(graph, 1000)
    assert key_of(graph, ()) is None


def test_constants_of_the_planning_are_limited(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the graph stand there by their places, whatever their size."""
    rows = np.arange(24.0).reshape(4, 6)
    graph = graph_of(lambda x: x + rows, rows)
    key = key_of(graph, ())
    assert key is not None
    (kept,) = key.arrays
    monkeypatch.setattr(records, "LARGEST", 100)
    assert records.stored([kept, np.arange(3.0)], key) == [
        0,
        ("<f8", (3,), np.arange(3.0).tobytes()),
    ]
    assert records.stored([kept, np.arange(30.0)], key) is None


def test_cache_that_is_off_costs_nothing(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key is made."""
    monkeypatch.setenv("FUNCTRANS_CACHE", "0")
    monkeypatch.setattr(records, "Identity", lambda *_: pytest.fail("a key was made"))
    monkeypatch.setattr(records, "fingerprint", lambda: pytest.fail("sources were looked at"))
    ft.jit(lambda x: np.sin(x) * 0.9375)(X)
    assert not where.exists()


def sinc(x: Any) -> Any:
    return np.sin(x) * 0.6875 / x


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "of another graph", "no code"])
def test_damaged_records_are_not_read(
    where: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """The program is planned anew, and left again."""
    names: list[str] = []
    find = records.find
    monkeypatch.setattr(records, "find", lambda key: names.append(key.name) or find(key))
    first = again(lambda: ft.jit(sinc)(X))
    background.finish()
    path = where / f"{names[0]}.object"
    content = path.read_bytes()
    changed = bytearray(content)
    changed[-3] ^= 1
    if damage == "of another graph":
        again(lambda: ft.jit(lambda x: np.sin(x) * 0.65625)(X))
        os.replace(where / f"{names[-1]}.object", path)
    elif damage == "no code":
        for other in where.iterdir():
            if other != path:
                other.unlink()
    else:
        path.write_bytes({"cut": content[:-1], "flipped": bytes(changed), "empty": b""}[damage])
    made: list[Any] = []
    plan = planned.PlannedProgram
    monkeypatch.setattr(planned, "PlannedProgram", lambda *a: made.append(plan(*a)) or made[-1])
    monkeypatch.setattr(engine, "_loaded", WeakValueDictionary())
    assert bits(again(lambda: ft.jit(sinc)(X))) == bits(first)
    assert len(made) == 1
    background.finish()
    assert bits(again(lambda: ft.jit(sinc)(X))) == bits(first)
    assert len(made) == 1
    cache.clear_cache()
    assert not list(where.iterdir())


def test_programs_that_were_found_have_families(where: Path) -> None:
    """The code of another size is what it would be if they had been planned, and products have the
    same bits; they are planned where code for several sizes may add up in another order."""

    def rows(x: Any) -> Any:
        return np.tanh(x @ x.T) * 0.71875

    sizes = [np.linspace(0.0, 1.0, 40 * n).reshape(n, 40) for n in (9, 10, 11)]
    step = ft.jit(rows)
    wanted = [bits(step(x)) for x in sizes]
    background.finish()
    alone, shared, _ = [native_of(step, x) for x in sizes]
    assert "%numbers" in shared and "%numbers" not in alone
    step = ft.jit(rows)
    again(lambda: step(sizes[0]))
    assert isinstance(program_of(step, sizes[0]), RecordedProgram)
    assert [bits(step(x)) for x in sizes] == wanted
    found = program_of(step, sizes[1])
    assert not isinstance(found, RecordedProgram) and found.native == shared


def native_of(step: Any, x: Any) -> str:
    text: str = step.lower(x).native
    return text


def test_program_of_the_background(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a thread has made is left too, and found at once where a thread was asked for."""

    def long(x: Any) -> Any:
        for i in range(native.AT_ONCE):
            x = np.sin(x) * (1.0 + i / 8)
        return x

    jitted = ft.jit(long, background=True)
    jitted(X)
    background.finish()
    wanted = jitted(X)
    jitted = ft.jit(long, background=True)
    assert bits(again(lambda: jitted(X))) == bits(wanted)
    assert isinstance(program_of(jitted, X), RecordedProgram)


def test_defects_of_optimised_code_are_told(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be made, the quick code stays, and a warning says so."""
    monkeypatch.setattr(background, "CALM", 1e6)  # until it is asked for
    first = again(lambda: ft.jit(lambda x: np.tanh(x) * 0.59375)(X))
    background._calm_jobs.clear()  # the process ends
    jitted = ft.jit(lambda x: np.tanh(x) * 0.59375)

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no memory")

    monkeypatch.setattr(recorded.RecordedFunction, "optimize", broken)
    again(lambda: jitted(X))
    with pytest.warns(RuntimeWarning, match="goes on without: no memory"):
        background.finish()
    assert bits(jitted(X)) == bits(first)


CUT = (
    "spectrum",
    "eigenvalues",
    "filters",
    "conditions",
    "given up",
    "exact spectrum",
    "none",
    "spectra",
)


def test_cut_programs_are_found(where: Path) -> None:
    """Programs with operations of NumPy between native ones, in loops and branches too: none of
    them is planned again, and they have the same text."""
    first = process(CUT)
    made = len(list(where.iterdir()))
    assert "functrans.compile.llvm.cutting" in first["loaded"]
    second = process(CUT, "--unfinished")
    assert second == {"bits": first["bits"], "loaded": []}
    assert len(list(where.iterdir())) == made
    assert process(CUT, FUNCTRANS_CACHE="0")["bits"] == first["bits"]

    def f(x: Any) -> Any:
        return np.real(np.fft.fft(np.sin(x) * 0.59375)) + x

    wanted, source = ft.jit(f)(X), ft.jit(f).lower(X).source
    background.finish()
    jitted = ft.jit(f)
    assert bits(again(lambda: jitted(X))) == bits(wanted)
    found = program_of(jitted, X)
    assert isinstance(found, RecordedProgram) and found.segment is None
    assert source.partition("\n#")[0] == found.source.partition("\n#")[0]
    assert found.native.count("define ") > 1


def test_cut_programs_name_lines_of_their_own(where: Path) -> None:
    """Where the same graph has been left by other lines of a user; which equations have the same
    line is part of the key."""

    def one(a: Any) -> Any:
        b = np.sin(a) * 0.53125 + 1j
        return np.linalg.cholesky(b) * 2.0

    def other(a: Any) -> Any:
        b = np.sin(a) * 0.53125 + 1j

        return np.linalg.cholesky(b) * 2.0

    def together(a: Any) -> Any:
        return np.linalg.cholesky(np.sin(a) * 0.53125 + 1j) * 2.0

    names = set()
    for f in (one, other, together):
        f.__name__ = "f"
        graph = graph_of(f, np.ones((3, 3)))
        key = key_of(graph, ())
        assert key is not None
        names.add(key.name)
    assert len(names) == 2
    lines = []
    for f in (one, other):
        jitted = ft.jit(f)
        with pytest.raises(np.linalg.LinAlgError) as caught:
            again(lambda jitted=jitted: jitted(np.ones((3, 3))))
        background.finish()
        (note,) = caught.value.__notes__
        lines.append(int(note.rpartition(":")[2].partition(" ")[0]))
    assert isinstance(program_of(jitted, np.ones((3, 3))), RecordedProgram)
    assert lines[1] - lines[0] == other.__code__.co_firstlineno - one.__code__.co_firstlineno + 1


def test_segment_that_native_code_declines(where: Path) -> None:
    """A singular matrix is NumPy's to refuse, with the line of this process."""

    def one(a: Any) -> Any:
        return np.fft.fft(np.linalg.solve(a, np.ones(3)) * 0.71875)

    def other(a: Any) -> Any:
        return np.fft.fft(np.linalg.solve(a, np.ones(3)) * 0.71875)

    good, singular = np.eye(3) * 2.0, np.ones((3, 3))
    wanted, lines = None, []
    for f in (one, other):
        f.__name__ = "f"
        jitted = ft.jit(f)
        out = again(lambda jitted=jitted: jitted(good))
        np.testing.assert_array_equal(out, out if wanted is None else wanted)
        wanted = out
        background.finish()
        with pytest.raises(np.linalg.LinAlgError) as caught:
            jitted(singular)
        (note,) = caught.value.__notes__
        lines.append(int(note.rpartition(":")[2].partition(" ")[0]))
    assert isinstance(program_of(jitted, good), RecordedProgram)
    assert lines[1] - lines[0] == other.__code__.co_firstlineno - one.__code__.co_firstlineno


@pytest.mark.parametrize("name", PROGRAMS)
def test_graphs_are_made_again_of_their_identity(
    where: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """They have the same text, lines and constants."""
    met: list[Graph] = []
    monkeypatch.setattr(native, "_found", lambda graph, *_: met.append(graph))
    again(PROGRAMS[name])
    assert met
    for graph in met:
        told = Identity(graph, 1 << 20)
        made = read(told.written, told.lines, told.arrays)
        found = Identity(made, 1 << 20)
        assert (found.text, found.lines) == (told.text, told.lines)
        assert all([x is y for x, y in zip(found.arrays, told.arrays, strict=True)])
        assert made.text(lines=True) == graph.text(lines=True)


def test_cut_programs_that_are_not_told_have_no_record(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where reading gives another graph, or a line is from elsewhere."""

    def f(x: Any) -> Any:
        return np.real(np.fft.fft(np.sin(x) * 0.46875)) + x

    graph = graph_of(f, X)
    key = key_of(graph, ((), False))
    assert key is not None
    made = planned.PlannedProgram(graph, (), False)
    assert isinstance(made.record(key), records.CutRecord)
    with monkeypatch.context() as patch:
        patch.setattr(records, "graph_of", lambda *_: graph)
        assert made.record(key) is None
    key.lines[:] = ["elsewhere:1"]
    assert made.record(key) is None


def test_rules_of_users_leave_and_find_nothing(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Derivatives of loops are made with the program, by whatever rules there are then."""
    monkeypatch.setattr(primitive, "OVERRIDDEN", set())
    monkeypatch.setattr(records, "OVERRIDDEN", primitive.OVERRIDDEN)
    monkeypatch.setattr(ft.extend, "OVERRIDDEN", primitive.OVERRIDDEN)
    graph = graph_of(lambda x: np.sin(x) * 2.0, X)
    assert key_of(graph, ()) is not None
    cube = ft.extend.elementwise(
        "cube_recorded",
        lambda x: x**3,
        lambda x: x * x,
        samples=ft.extend.unary(-2, 2),
        shape=lambda x: x,
    )
    ft.extend.override(cube, pull={0: lambda g, x: 3 * g * x * x})
    assert key_of(graph, ()) is None
