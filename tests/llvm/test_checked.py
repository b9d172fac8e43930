"""Accesses to memory of native code are checked: what is planted is found, and nothing else is."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans import primitives
from functrans.compile.llvm import emission, segment
from functrans.compile.llvm.code.builder import Builder
from functrans.compile.llvm.kernels import chunks, loops, products
from tests.llvm import ground
from tests.llvm.checked import Checked
from tests.llvm.ground import CALLS, checked
from tests.llvm.native import carried_out, staged, status
from tests.llvm.test_random_graphs import check


def failures(f: Callable[..., Any], *args: Any) -> list[str]:
    """What the checks find in one call of a function."""
    graph, values = staged(f, *args)
    with checked() as found:
        before = CALLS[0]
        carried_out(graph, *values)
        assert CALLS[0] == before + 1
        return list(found)


def planted(monkeypatch: pytest.MonkeyPatch, pattern: str, by: Any) -> None:
    """Change the first match in the text of every segment from now on."""
    whole = segment.Segment.__init__

    def changed(self: Any, *args: Any, **options: Any) -> None:
        whole(self, *args, **options)
        text, found = re.subn(pattern, by, self.text, count=1)
        assert found, text
        monkeypatch.setattr(self.module, "text", lambda: text)

    monkeypatch.setattr(segment.Segment, "__init__", changed)


def chain(x: Any) -> Any:
    return np.sin(x) * x


def rows(x: Any) -> Any:
    return x - np.sum(x, axis=1, keepdims=True)


def twice(x: Any) -> Any:
    """Values in the arena: a product stands between them."""
    return np.sin(np.cos(x) @ x) @ x


def carried(x: Any) -> Any:
    return ft.scan(lambda c, r: (np.tanh(c + r), c), x[0], x)


X = np.linspace(0.0, 1.0, 210).reshape(14, 15)
SQUARE = X[:, :14]
LONG = np.linspace(0.0, 1.0, 300_000).reshape(300, 1000)


@pytest.mark.parametrize("f", [chain, rows, twice, carried, np.sum])
@pytest.mark.parametrize("x", [SQUARE, SQUARE.astype("float32"), np.ones((0, 0)), LONG[:, :300]])
def test_nothing_is_found_in_what_is_right(f: Any, x: Any) -> None:
    if len(x) or f is not carried:
        assert failures(f, x) == []


@pytest.mark.parametrize(
    "block", [0, *[pytest.param(i, marks=pytest.mark.slow) for i in range(1, 11)]]
)
def test_random_graphs_touch_what_they_may(block: int) -> None:
    """With ``--checked``, the tests of random graphs are checked so, ten thousand of them."""
    with checked() as found:
        for seed in range(20_000 + 30 * block, 20_030 + 30 * block):
            check(seed)
            assert not found, (seed, found)


def test_loop_that_goes_one_too_far(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Builder.loop

    def longer(self: Any, start: Any, stop: Any, *args: Any, **options: Any) -> Any:
        more = stop + 1 if isinstance(stop, int) else self.add(stop, 1)
        return plain(self, start, more, *args, **options)

    monkeypatch.setattr(Builder, "loop", longer)
    (found,) = failures(rows, X)
    assert re.match(r"no memory at byte \d+ of the 1680 of input 0: kernel", found)


def test_mask_of_one_lane_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Builder.first_lanes

    def wider(self: Any, width: int, count: Any) -> Any:
        return plain(self, width, self.add(count, 1))

    monkeypatch.setattr(Builder, "first_lanes", wider)
    (found,) = failures(chain, np.ones(13))
    assert found.startswith("no memory at byte 104 of the 104 of input 0: kernel0: ")
    assert "masked.load" in found


@pytest.mark.parametrize("offset", [-1, 1, 1000, -1000_000_000, 1 << 45])
@pytest.mark.parametrize(
    "access", [r"(= load double, ptr )(%\w+)", r"(store double %\w+, ptr )(%\w+)"]
)
def test_wrong_addresses(access: str, offset: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearby and far away, of the first access of a kind."""

    def moved(found: re.Match[str]) -> str:
        start, rest, address = found.groups()
        away = f"%away = getelementptr double, ptr {address}, i64 {offset}"
        return f"\n{away}\n{start}{rest}%away"

    planted(monkeypatch, rf"\n(.*){access}", moved)
    (found,) = failures(lambda x: np.sum(x * 2.0), np.ones(1000))
    assert re.match("outside|no memory|read-only|undefined", found), found


def test_writing_to_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = r"(define [^\n]*@kernel0\((?s:.*?)\nstore <\d+ x double> %\w+, ptr )%\w+"
    planted(monkeypatch, pattern, r"\1%a0")
    (found,) = failures(chain, np.ones(64))
    assert re.match("read-only at byte 0 of the 512 of input 0: kernel0: store ", found)


def test_what_was_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that is left out: the next one reads what nothing has written."""
    plain = emission.Frame._nest

    def without(self: Any, builder: Any, nest: Any, at: Any) -> None:
        if nest is not self.plan.steps[0]:
            plain(self, builder, nest, at)

    monkeypatch.setattr(emission.Frame, "_nest", without)
    (found,) = failures(twice, SQUARE)
    assert "of the arena: " in found and "load" in found


def test_result_that_is_not_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, r"br i1 %\w+, label %body", "br i1 false, label %body")
    assert failures(chain, np.ones(640)) == ["not all of output 0 was written"]


def test_pieces_of_the_arena_that_are_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = ground.WatchedFrame._mark

    def shorter(self: Any, builder: Any, address: Any, size: int, shadow: int) -> None:
        plain(self, builder, address, size - 8, shadow)

    monkeypatch.setattr(ground.WatchedFrame, "_mark", shorter)
    (found,) = failures(twice, SQUARE)
    assert re.match("no memory at byte .* of the arena: ", found)


def test_pieces_of_the_arena_that_end_too_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value whose last reader is forgotten shares its memory with what comes after."""
    plain = ground.arranged

    def shortened(steps: Any, *others: Any) -> Any:
        last = {x: i for i, mentioned in enumerate(steps) for x in mentioned}
        kept = [[x for x in each if last[x] > i or i == 0] for i, each in enumerate(steps)]
        return plain(kept, *others)

    monkeypatch.setattr(ground, "arranged", shortened)
    (found,) = failures(lambda x: np.sin(np.cos(x) @ x) @ (np.cos(x) @ x), SQUARE)
    assert "of the arena: " in found


@pytest.mark.parametrize("written", [False, True])
def test_positions_that_nobody_compares(written: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the comparison with the bounds, an element behind the array is touched."""

    def f(x: Any, i: Any) -> Any:
        return primitives.setitem(x, i, x[:3]) if written else x[i]

    places = np.array([3, 14, 2])
    graph, values = staged(f, X[:, 0], places)
    with checked() as found:
        assert status(graph, *values) == 1
        assert not found
    monkeypatch.setattr(loops.Loops, "_checked", lambda self, at, extent, mask: at)
    with checked() as found:
        assert status(graph, *values) == 0
        (one,) = found
    assert re.match(f"no memory at byte 112 of the 112 of {'out' if written else 'in'}put 0", one)


def test_chunks_that_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk that writes a row of the next one too."""
    plain = chunks.Span

    def wider(first: Any, last: Any, final: Any) -> Any:
        return plain(first, last if isinstance(last, int) else later(last), final)

    def later(last: Any) -> Any:
        b = builders[-1]
        return b.intrinsic("smin", b.add(last, 1), len(LONG))

    builders: list[Builder] = []
    begun = Builder.__init__

    def remembered(self: Any, *args: Any, **options: Any) -> None:
        begun(self, *args, **options)
        builders.append(self)

    def f(x: Any) -> Any:
        return np.exp(x - np.max(x, axis=1, keepdims=True))

    assert "functrans_parallel" in segment.Segment(staged(f, LONG)[0]).text
    assert failures(f, LONG) == []
    monkeypatch.setattr(Builder, "__init__", remembered)
    monkeypatch.setattr(chunks, "Span", wider)
    (found,) = failures(f, LONG)
    assert re.match(r"race at byte \d+ of the \d+ of output 0: kernel0: ", found)


def test_copies_that_are_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Builder.copy
    monkeypatch.setattr(Builder, "copy", lambda b, source, to, size: plain(b, source, to, size + 8))

    def f(x: Any) -> Any:
        return ft.scan(lambda c, r: (primitives.setitem(c, 0, r[0]), None), x[0], x)[0]

    (found,) = failures(f, X)
    assert "llvm.memcpy" in found


def test_sizes_for_other_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """BLAS is told of a row too many."""
    plain = products.call_gemm

    def larger(b: Any, dtype: Any, sizes: Any, *others: Any) -> None:
        plain(b, dtype, (sizes[0] + 1, *sizes[1:]), *others)

    x = SQUARE + 1j
    assert failures(lambda x: x @ x, x) == []
    monkeypatch.setattr(products, "call_gemm", larger)
    (found,) = failures(lambda x: x @ x, x)
    assert re.match("no memory at byte .*: .*functrans_zgemm", found)


def test_alignment_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = r"(define [^\n]*@kernel0\((?s:.*?) = load <\d+ x double>, ptr %\w+), align 8"
    planted(monkeypatch, pattern, r"\1, align 64")
    (found,) = failures(lambda x: np.sin(x[1:]), np.ones(65))
    assert re.match(r"alignment at byte \d+ of the 520 of input 0: kernel0: ", found)


def test_accesses_that_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind of instruction or of outside function that the checks do not have is an error."""
    for line in (
        "%new = atomicrmw add ptr %a0, i64 1 seq_cst",
        "call void @somewhere(ptr %a0)",
        "call void @llvm.masked.compressstore.v4f64(<4 x double> %x, ptr %a0, <4 x i1> %m)",
    ):
        text = "\n".join(["define void @run(ptr %a0) nounwind {", "entry:", line, "ret void", "}"])
        with pytest.raises(AssertionError, match="not known|unknown"):
            Checked(text)
