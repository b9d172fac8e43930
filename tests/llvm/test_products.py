"""Matrix products of generated code, in every layout, against NumPy's."""

import ctypes
import itertools
import mmap
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from functrans.compile.llvm.code import blas as blas_module
from functrans.compile.llvm.code.blas import blas
from functrans.compile.llvm.code.builder import Builder, Module, Value, number, width_of
from functrans.compile.llvm.code.engine import load
from functrans.compile.llvm.code.threads import get_num_threads, set_num_threads
from functrans.compile.llvm.kernels import blocks, sharing, tiling
from functrans.compile.llvm.kernels.contractions import Matrices, Product
from functrans.compile.llvm.kernels.products import multiply_matrices, room_of
from functrans.compile.llvm.kernels.tiles import Epilogue, Spot
from functrans.compile.llvm.kernels.tiling import pieces, strategy, supported

DTYPES = [np.float32, np.float64]


def matrices(x: np.ndarray[Any, Any]) -> Matrices:
    *batch, row, column = (step // x.itemsize for step in x.strides)
    return Matrices(tuple(batch), row, column)


def product_of(a: Any, b: Any, out: Any) -> Product:
    """The product of arrays as they lie; the stacks are stretched already."""
    batch, (m, k), n = out.shape[:-2], a.shape[-2:], b.shape[-1]
    return Product(a.dtype, batch, m, n, k, matrices(a), matrices(b), matrices(out))


def compiled(
    products: Sequence[Product], accumulate: bool = False, relu_of: np.dtype[Any] | None = None
) -> list[Any]:
    """A function ``(a, b, out, first, last, bias, room)`` for each product."""
    module = Module()
    names = []
    for i, product in enumerate(products):
        kinds = ["ptr", "ptr", "ptr", "i64", "i64", "ptr", "ptr"]
        builder = Builder(module, f"run{i}", "void", kinds)
        a, b, out, first, last, bias, memory = builder.operands
        epilogue = Epilogue("bias_relu", [bias], bias_relu) if relu_of else None
        multiply_matrices(
            builder,
            product,
            a,
            b,
            out,
            memory,
            span=(first, last),
            accumulate=accumulate,
            epilogue=epilogue,
        )
        names.append(builder.finish())
    addresses = load(module.text(), names, verify=True)
    place, count = ctypes.c_void_p, ctypes.c_int64
    kind = ctypes.CFUNCTYPE(None, *[place] * 3, *[count] * 2, *[place] * 2)
    return [
        partial(called, kind(addresses[name]), room_of(product))
        for name, product in zip(names, products, strict=True)
    ]


def called(function: Any, size: int, *given: Any) -> None:
    """Call one with memory of just the size that it asks for, amid other bytes."""
    room = np.full(size + 128, 77, np.uint8)
    function(*given, room.ctypes.data + 64)
    assert np.all(room[:64] == 77) and np.all(room[64 + size :] == 77)


def bias_relu(
    builder: Builder, operands: Sequence[Value], spot: Spot, x: Value, lanes: Value | None
) -> Value:
    element = "float" if "float" in x.type else "double"
    place = builder.at(operands[0], spot.column, element)
    shifted = builder.fadd(x, builder.load_where(lanes, x.type, place))
    return builder.intrinsic("maxnum", shifted, 0.0)


def laid_out(x: np.ndarray[Any, Any], layout: str) -> np.ndarray[Any, Any]:
    """The same values in memory as the layout says, with NaN between them."""
    shape = x.shape
    if layout == "rows":  # C order, with a gap after each row
        room = np.full((*shape[:-1], shape[-1] + 3), np.nan, x.dtype)
        view = room[..., : shape[-1]]
    elif layout == "columns":
        room = np.full((*shape[:-2], shape[-1], shape[-2] + 2), np.nan, x.dtype)
        view = room[..., : shape[-2]].mT
    else:
        room = np.full((*shape[:-2], shape[-2] * 3, shape[-1] * 2), np.nan, x.dtype)
        view = room[..., ::3, ::2]
    view[...] = x
    return view


def check(
    a: Any,
    b: Any,
    out: Any,
    run: Any,
    product: Product,
    room: Any,
    old: Any = None,
    bias: Any = None,
) -> None:
    """Run it in pieces, and compare values, and what lies around the result."""
    count = pieces(product)
    around = room.copy()
    for piece in range(count):
        run(
            a.ctypes.data,
            b.ctypes.data,
            out.ctypes.data,
            piece,
            piece + 1,
            bias.ctypes.data if bias is not None else None,
        )
    wide = np.complex256 if a.dtype.kind == "c" else np.float64
    expected = a.astype(wide) @ b.astype(wide)
    bound = np.abs(a).astype(float) @ np.abs(b).astype(float)
    if old is not None:
        expected, bound = expected + old, bound + np.abs(old)
    if bias is not None:
        expected, bound = np.maximum(expected + bias, 0), bound + np.abs(bias)
    rounding = np.finfo(a.dtype).eps * (product.k + 2)
    assert np.all(np.abs(out - expected) <= rounding * bound), product
    out[...] = np.nan if old is None else old
    assert np.array_equal(room, around, equal_nan=True), f"written beyond the result: {product}"


def framed(shape: tuple[int, ...], dtype: Any, fill: Any = np.nan) -> tuple[Any, Any]:
    """An array in C order amid NaN, and all of it."""
    size = int(np.prod(shape))
    room = np.full(size + 64, np.nan, dtype)
    out = room[32 : 32 + size].reshape(shape)
    out[...] = fill
    return out, room


def draw(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Any:
    rng = np.random.default_rng([seed, *shape])
    x = rng.uniform(-1, 1, shape)
    return (x + 1j * rng.uniform(-1, 1, shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def run_all(
    sizes: Sequence[tuple[int, int, int]],
    dtype: Any,
    layouts: tuple[str, str],
    accumulate: bool = False,
    epilogue: bool = False,
) -> None:
    cases = []
    for m, n, k in sizes:
        a = laid_out(draw((m, k), dtype, 1), layouts[0])
        b = laid_out(draw((k, n), dtype, 2), layouts[1])
        old = draw((m, n), dtype, 3) if accumulate else None
        out, room = framed((m, n), dtype, np.nan if old is None else old)
        product = product_of(a, b, out)
        assert supported(product, epilogue)
        bias = draw((n,), dtype, 4) if epilogue else None
        cases.append((a, b, out, product, room, old, bias))
    relu = np.dtype(dtype) if epilogue else None
    runs = compiled([case[3] for case in cases], accumulate, relu)
    for run, (a, b, out, product, room, old, bias) in zip(runs, cases, strict=True):
        if product.m and product.n:
            check(a, b, out, run, product, room, old, bias)


LAYOUTS = list(itertools.product(["rows", "columns", "any"], repeat=2))
SMALL = [
    *[(1, 1, k) for k in (0, 1, 7, 8, 9, 16, 17, 64, 300)],
    *[(1, n, 5) for n in (0, 1, 2, 15, 16, 17, 31, 33, 130)],
    *[(m, 1, 19) for m in (0, 1, 2, 7, 8, 9, 40)],
    *[(m, 18, 3) for m in range(1, 20)],
    (5, 3, 1), (2, 2, 2), (4, 4, 4), (8, 32, 16), (20, 20, 20), (9, 70, 33), (33, 17, 40),
]  # fmt: skip
LARGE = [(70, 50, 530), (64, 96, 33), (65, 7, 1025), (40, 20, 64), (130, 129, 40)]


@pytest.mark.parametrize("layouts", LAYOUTS, ids="-".join)
@pytest.mark.parametrize("dtype", DTYPES)
def test_layouts(dtype: Any, layouts: tuple[str, str]) -> None:
    """Values, ends of rows, columns and sums, and nothing written beside the result."""
    run_all([*SMALL, *LARGE], dtype, layouts)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layouts", [("rows", "rows"), ("rows", "columns")], ids="-".join)
def test_processors(processor: str, dtype: Any, layouts: tuple[str, str]) -> None:
    """Shorter vectors, fewer registers, no masks, no fused operations; onto what is there.

    Where vectors are short, large products are the library's.
    """
    run_all([*SMALL, *LARGE], dtype, layouts, accumulate=True, epilogue=True)


@pytest.mark.slow
@pytest.mark.parametrize("layouts", LAYOUTS, ids="-".join)
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_small_sizes(dtype: Any, layouts: tuple[str, str]) -> None:
    """Every number of columns up to 20, with many numbers of rows and lengths of sums.

    Each layout takes two of the lengths with each pair of the others, in turn: all triples are
    tried in some layouts, and all pairs in each.
    """
    lengths = (0, 1, 5, 16, 17)
    for i, m in enumerate((0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 17, 20)):
        turn = i + LAYOUTS.index(layouts)
        sizes = [(m, n, lengths[(turn + n + j) % 5]) for n in range(21) for j in (0, 2)]
        run_all(sizes, dtype, layouts)


@pytest.mark.slow
@pytest.mark.parametrize("layouts", [("rows", "rows"), ("columns", "columns")], ids="-".join)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("processor", ["avx2", "plain"], indirect=True)
def test_small_sizes_of_processors(processor: str, dtype: Any, layouts: tuple[str, str]) -> None:
    """The same as for other processors."""
    for m in (1, 5, 8):
        run_all([(m, n, k) for n in range(21) for k in (0, 1, 5, 16, 17)], dtype, layouts)


@pytest.mark.parametrize(
    "stack",
    [((4,), (4,)), ((1,), (5,)), ((5,), (1,)), ((2, 1), (1, 3)), ((0,), (0,))],
    ids=str,
)
@pytest.mark.parametrize("dtype", [*DTYPES, np.complex64, np.complex128])
def test_batches(dtype: Any, stack: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Stacks of matrices, some of them one matrix for all."""
    if np.dtype(dtype).kind == "c" and blas() is None:
        pytest.skip("NumPy has no BLAS that is found")
    whole = np.broadcast_shapes(*stack)
    a = np.broadcast_to(draw((*stack[0], 6, 5), dtype, 1), (*whole, 6, 5))
    b = np.broadcast_to(draw((*stack[1], 5, 18), dtype, 2), (*whole, 5, 18))
    out, room = framed((*whole, 6, 18), dtype)
    product = product_of(a, b, out)
    if np.dtype(dtype).kind != "c":
        assert pieces(product) == max(np.prod(whole), 1)
    (run,) = compiled([product])
    check(a, b, out, run, product, room)


def place_within(builder: Builder, operands: Any, spot: Spot, x: Value, lanes: Any) -> Value:
    """The number of each element, its row and its column, in place of its value."""
    element = "double"
    number_of = builder.add(builder.mul(spot.row, 1000), spot.column)
    number_of = builder.add(number_of, builder.mul(spot.place, 1000_000))
    first = builder.splat(builder.cast("sitofp", number_of, element), width_of(x.type))
    steps = [number(lane * 1000_001, element) for lane in range(width_of(x.type))]
    return builder.fadd(first, builder.together(steps))


@pytest.mark.parametrize("sizes", [(40, 37, 20), (70, 200, 1030), (3, 20, 5), (1, 5, 9)])
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_epilogues_know_their_place(sizes: tuple[int, int, int], layout: str) -> None:
    """Row, column and place in the output of each element that the epilogue is given."""
    m, n, k = sizes
    a, b = draw((2, m, k), float), laid_out(draw((2, k, n), float), layout)
    out = np.empty((2, m, n))
    module = Module()
    builder = Builder(module, "run", "void", ["ptr"] * 4)
    epilogue = Epilogue("place_within", [], place_within)
    product = product_of(a, b, out)
    x, y, result, memory = builder.operands
    multiply_matrices(builder, product, x, y, result, memory, epilogue=epilogue)
    builder.finish()
    address = load(module.text(), ["run"], verify=True)["run"]
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(address)
    called(run, room_of(product), a.ctypes.data, b.ctypes.data, out.ctypes.data)
    _, rows, columns = np.indices(out.shape)
    expected = np.arange(out.size).reshape(out.shape) * 1e6 + rows * 1000 + columns
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("sizes", [(67, 150, 40), (150, 20, 80), (1, 700, 30), (100, 1, 77)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_pieces(dtype: Any, sizes: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Any division into pieces, in any order, gives the same bits."""
    m, n, k = sizes
    a, b = draw((m, k), dtype), draw((k, n), dtype)
    (run,) = compiled([product_of(a, b, np.empty((m, n), dtype))])
    whole = np.empty((m, n), dtype)
    run(a.ctypes.data, b.ctypes.data, whole.ctypes.data, 0, 1, None)
    monkeypatch.setattr(tiling, "PIECE_WORK", 1000)
    out = np.full((m, n), np.nan, dtype)
    product = product_of(a, b, out)
    count = pieces(product)
    assert count > 2
    (run,) = compiled([product])
    for first, last in [(count - 1, count), (1, count - 1), (0, 1)]:
        run(a.ctypes.data, b.ctypes.data, out.ctypes.data, first, last, None)
    assert np.array_equal(out, whole)


BLOCKED = [
    *[("here", layouts) for layouts in LAYOUTS],
    *itertools.product(
        ("avx2", "plain"), [("rows", "rows"), ("columns", "any"), ("any", "columns")]
    ),
]


@pytest.mark.parametrize(
    ("processor", "layouts"),
    BLOCKED,
    indirect=["processor"],
    ids=lambda x: x if isinstance(x, str) else "-".join(x),
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks(
    dtype: Any, layouts: tuple[str, str], monkeypatch: pytest.MonkeyPatch, processor: str
) -> None:
    """Blocks of any size, of copied rows too, and any number of threads give the same bits.

    Each operand is copied by itself, out of its own layout: for other processors, each layout of
    one is tried with one of the other.
    """
    sizes = [(70, 100, 90), (67, 131, 77), (65, 5, 130), (90, 64, 64), (66, 200, 31)]
    monkeypatch.setattr(tiling, "_copied", lambda m, size: True)
    monkeypatch.setattr(tiling, "FOR_LIBRARY", 1 << 60)
    monkeypatch.setattr(sharing, "LEAST", 0)
    cases = []
    for m, n, k in sizes:
        a, b = (laid_out(draw(s, dtype), x) for s, x in zip([(m, k), (k, n)], layouts, strict=True))
        out, room = framed((m, n), dtype)
        product = product_of(a, b, out)
        assert strategy(product) == "panels"
        cases.append((a, b, out, product, room))
    wholes = []
    before = get_num_threads()
    try:
        for threads, depth, copied, rows, far in [
            (1, 64, 1 << 22, 8, 1 << 30),
            (1, 4, 1 << 14, 4, 0),
            (2, 4, 1 << 14, 2, 1 << 30),
            (4, 2, 1 << 12, 1, 0),
        ]:
            set_num_threads(threads)
            figures = {"DEPTH": depth, "COPIED": copied, "ROWS": rows, "FAR": far}
            for name, value in {**figures, "TOGETHER": 1, "GROUP": copied}.items():
                monkeypatch.setattr(blocks, name, value)
            runs = compiled([case[3] for case in cases], relu_of=np.dtype(dtype))
            found = []
            for run, (a, b, out, product, room) in zip(runs, cases, strict=True):
                bias = draw((product.n,), dtype, 4)
                places = [x.ctypes.data for x in (a, b, out)]
                run(*places, 0, 1, bias.ctypes.data)
                found.append(out.copy())
                out[...] = np.nan
                check(a, b, out, run, product, room, bias=bias)
            wholes.append(found)
    finally:
        set_num_threads(before)
    for others in wholes[1:]:
        assert all(np.array_equal(x, y) for x, y in zip(wholes[0], others, strict=True))


@pytest.fixture
def guarded() -> Iterator[Any]:
    """Arrays at the very end of memory that may be read."""
    if sys.platform != "linux":
        pytest.skip("pages are protected by Linux's call")
    kept = []

    def guard(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        size = -(-x.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
        room = mmap.mmap(-1, size + mmap.PAGESIZE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(room))
        protect = ctypes.CDLL(None).mprotect
        protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        assert protect(start + size, mmap.PAGESIZE, 0) == 0
        kept.append(room)
        copy = np.frombuffer(room, x.dtype, x.size, size - x.nbytes).reshape(x.shape)
        copy[...] = x
        return copy

    yield guard
    kept.clear()


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_beyond_is_read(processor: str, dtype: Any, guarded: Any) -> None:
    """A read or write past the end of an operand would end the process."""
    sizes = [(7, 5, 3), (9, 33, 17), (66, 19, 21), (1, 37, 9), (21, 1, 43), (1, 1, 29), (4, 20, 18)]
    cases = []
    for (m, n, k), turned in itertools.product(sizes, [(0, 0), (0, 1), (1, 0), (1, 1)]):
        a = guarded(draw((k, m) if turned[0] else (m, k), dtype, 1))
        b = guarded(draw((n, k) if turned[1] else (k, n), dtype, 2))
        a, b = a.T if turned[0] else a, b.T if turned[1] else b
        out = guarded(np.zeros((m, n), dtype))
        cases.append((a, b, out, product_of(a, b, out), guarded(draw((n,), dtype, 4))))
    runs = compiled([case[3] for case in cases], True, np.dtype(dtype))
    for run, (a, b, out, product, bias) in zip(runs, cases, strict=True):
        check(a, b, out, run, product, out, np.zeros_like(out), bias)


@pytest.mark.parametrize("layouts", LAYOUTS[:2] + LAYOUTS[3:5], ids="-".join)
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("accumulate", [False, True])
def test_library(dtype: Any, layouts: tuple[str, str], accumulate: bool) -> None:
    """Complex products are the library's, which NumPy itself runs on."""
    if blas() is None:
        pytest.skip("NumPy has no BLAS that is found")
    run_all([(4, 5, 6), (1, 7, 3), (3, 1, 2), (1, 1, 4), (2, 3, 0)], dtype, layouts, accumulate)


def test_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real products need none, complex ones are left to NumPy; so are epilogues of complex ones."""
    a = draw((3, 3), np.complex128)
    product = product_of(a, a, a)
    assert supported(product) == (blas() is not None)
    assert not supported(product, epilogue=True)
    assert not supported(product_of(a[:, ::2], a[::2], np.empty((3, 3), complex)))
    monkeypatch.setattr(blas_module, "_SPELLINGS", ("no_such_function_{}",))
    monkeypatch.setattr("functrans.compile.llvm.kernels.tiling.blas", blas_module.blas.__wrapped__)
    assert not supported(product)
    assert strategy(product) == ""
    assert supported(product_of(a.real.copy(), a.real.copy(), np.empty((3, 3))))


def test_one_function_of_tiles_for_many_shapes() -> None:
    """A second shape of the same layout adds a function without tiles."""
    module = Module()
    for n in (32, 64, 96):
        builder = Builder(module, f"run{n}", "void", ["ptr"] * 3)
        a, b, out = np.empty((16, 24)), np.empty((24, n)), np.empty((16, n))
        multiply_matrices(builder, product_of(a, b, out), *builder.operands)
        builder.finish()
    assert sum(name.startswith("outer_products") for name in module.functions) == 1
