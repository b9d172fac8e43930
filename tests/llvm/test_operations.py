"""Elementwise operations in native code have NumPy's values, bit for bit where they say so."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans  # noqa: F401  (the rule book)
from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.elements.complexes import COMPLEX, INEXACT
from functrans.compile.llvm.elements.conversions import supported
from functrans.compile.llvm.elements.integers import BOOLS, INTEGERS, UNSIGNED
from functrans.compile.llvm.elements.operations import operation
from functrans.compile.llvm.elements.reals import REALS, SEVERAL
from functrans.core.primitive import REGISTRY
from tests.llvm.elementwise import evaluated, expected

WIDTH = 8
FLOATS = [np.dtype(x) for x in "efd"]
INTS = [np.dtype(x) for x in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")]
BOOL = np.dtype(bool)
COMPLEXES = [np.dtype(x) for x in "FD"]


def points(dtype: np.dtype[Any]) -> Any:
    """Hard values of a dtype."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        near = [0, 1, 2, 3, 5, 7, 8, 31, 100, info.max, info.max - 1, info.bits - 1, info.bits]
        if dtype.kind == "i":
            near += [-1, -2, -3, -7, -100, info.min, info.min + 1]
        return np.array([x for x in near if x <= info.max], dtype)
    if dtype.kind == "c":
        parts = [0.0, -0.0, 1.0, -2.5, 1e-3, np.inf, np.nan]
        return np.array([complex(x, y) for x, y in product(parts, parts)], dtype)
    info = np.finfo(dtype)
    tiny, small, big = info.smallest_subnormal, info.tiny, info.max
    near = [0.0, 0.3, 0.5, 1.0, 1.5, 2.5, 3.0, 7.25, 1000.7, 4097.0, tiny, 5 * float(tiny), small]
    near += [small * 0.75, small * 3, big, big / 2, np.inf, 65504.0, 1 + float(info.eps)]
    near = [float(x) for x in near]
    return np.array([*near, *(-x for x in near), np.nan], dtype)


def grid(dtypes: list[np.dtype[Any]]) -> list[Any]:
    """All combinations of the hard values of several dtypes."""
    sets = [points(x) for x in dtypes]
    if len(sets) == 3:
        sets = [sets[0][::3], sets[1][::2], sets[2][::2]]
    return [x.ravel() for x in np.meshgrid(*sets, indexing="ij")]


def same(found: Any, wanted: Any, zeros: bool = True) -> Any:
    """Where values are the same: bits, with NaNs alike, and with zeros alike if told so."""
    if wanted.dtype.kind == "c":
        return same(found.real, wanted.real, zeros) & same(found.imag, wanted.imag, zeros)
    ok = found == wanted
    if wanted.dtype.kind == "f":
        ok &= (not zeros) | (np.signbit(found) == np.signbit(wanted))
        ok |= np.isnan(found) & np.isnan(wanted)
    return ok


def check(name: str, dtypes: list[np.dtype[Any]], operands: list[Any], **params: Any) -> None:
    """Compare one operation in vectors and in scalars with its primitive's implementation."""
    wanted = np.asarray(expected(REGISTRY[name], operands, params))
    if not all(map(supported, (*dtypes, wanted.dtype))):
        pytest.skip("the machine has no float16")
    found = operation(name, dtypes, wanted.dtype, params)
    if found is None and not machine().half:
        pytest.skip("the machine has no float16, which NumPy's loop takes")
    assert found is not None, "it has no native form"
    assert found.exact
    ties = name not in ("fmax", "fmin")
    for width in (WIDTH, 1):
        got = evaluated(found, operands, width)
        assert got.dtype == wanted.dtype
        ok = same(got, wanted, ties)
        worst = [(*[x[~ok][:6] for x in operands], got[~ok][:6], wanted[~ok][:6])]
        assert ok.all(), f"width {width}: operands, found, wanted: {worst}"


def arity(name: str) -> int:
    impl = REGISTRY[name].impl
    if isinstance(impl, np.ufunc):
        return impl.nin
    return {"clip": 3, "relu": 1, "exponent": 1, "one_minus_square": 1}[name]


def cases() -> Iterator[Any]:
    tables: list[tuple[Any, list[np.dtype[Any]]]] = [
        (REALS, FLOATS),
        (INTEGERS, INTS),
        (BOOLS, [BOOL]),
        (UNSIGNED, INTS[1::2]),
    ]
    for table, dtypes in tables:
        for name in table:
            for dtype in dtypes:
                if name != "ldexp" and (name not in SEVERAL or dtype.itemsize > 2):
                    yield pytest.param(name, dtype, id=f"{name}-{dtype}")


@pytest.mark.parametrize(("name", "dtype"), list(cases()))
def test_exact_operations_have_the_bits_of_numpy(name: str, dtype: np.dtype[Any]) -> None:
    """Every operation of the tables at pairs of hard values."""
    dtypes = [dtype] * arity(name)
    try:
        expected(REGISTRY[name], [np.ones(1, x) for x in dtypes], {})
    except TypeError:
        pytest.skip("NumPy has none")
    check(name, dtypes, grid(dtypes))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("exponents", [np.dtype("i4"), np.dtype("i8")])
def test_ldexp(dtype: np.dtype[Any], exponents: np.dtype[Any]) -> None:
    """Results below the normal numbers are rounded once."""
    shifts = [*range(-60, 60, 7), -1074, -1022, -2000, -200, 127, 1023, 2100, 2**31 - 1, -(2**31)]
    x = [y.ravel() for y in np.meshgrid(points(dtype), np.array(shifts, exponents))]
    check("ldexp", [dtype, exponents], x)


@pytest.mark.parametrize("name", ["fmod", "remainder", "floor_divide"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_remainders_of_random_numbers(name: str, dtype: np.dtype[Any]) -> None:
    """Quotients of all sizes, and close to whole numbers."""
    rng = np.random.default_rng(3)
    y = rng.uniform(-4, 4, 6000)
    whole = np.floor(10 ** rng.uniform(-2, 18, 6000))
    with np.errstate(all="ignore"):
        x = (y.astype(dtype) * whole.astype(dtype)).astype(np.float64)
        operands = [x.astype(dtype), y.astype(dtype)]
    for _ in range(2):
        check(name, [dtype, dtype], operands)
        with np.errstate(all="ignore"):
            operands[0] = np.nextafter(operands[0], dtype.type(0))


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("source", [BOOL, *INTS, *FLOATS, *COMPLEXES], ids=str)
@pytest.mark.parametrize("target", [BOOL, *INTS, *FLOATS, *COMPLEXES], ids=str)
def test_casts(source: np.dtype[Any], target: np.dtype[Any]) -> None:
    """``astype`` between all dtypes, where the target holds the value."""
    x = points(source)
    if source.kind in "iu":
        x = np.append(x, np.array([2**24 + 1, 2**53 + 1, 65519, 65520, 2**60 + 3]).astype(source))
    if source.kind == "f":
        more = [65519.99, 65520.0, 2049.0, 2051.0, 2**-25, 2**-25 + 1e-12, 3.0e-8, 2049.0000001]
        x = np.append(x, np.array(more).astype(source))
    if target.kind in "iu" and source.kind in "fc":
        info = np.iinfo(target)
        inside = (
            (x.real >= info.min) & (x.real < float(info.max) + 1) & (np.trunc(x.real) >= info.min)
        )
        x = x[inside]
    check("astype", [source], [x], dtype=target)


@pytest.mark.parametrize("target", INTS, ids=str)
def test_casts_of_numbers_out_of_range(target: np.dtype[Any]) -> None:
    """What x86 makes of them, which is what NumPy's vectors hold there."""
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 2.0**31, 2.0**63, -1.5, 300.7, -70000.0])
    found = operation("astype", [x.dtype], target, {"dtype": target})
    assert found is not None
    least = np.iinfo(target).min if target.kind == "i" else 2 ** (8 * target.itemsize - 1)
    got = evaluated(found, [x], WIDTH)
    if target.itemsize < 4:
        least = 0
    assert got[0] == least
    assert got[7] == np.array(-1).astype(target)
    assert got[8] == np.array(300).astype(target)


@pytest.mark.parametrize("dtype", [BOOL, *INTS[4:], *FLOATS, *COMPLEXES], ids=str)
def test_where(dtype: np.dtype[Any]) -> None:
    condition, x, y = grid([BOOL, dtype, dtype])
    check("where", [BOOL, dtype, dtype], [condition, x, y])


@pytest.mark.parametrize("dtype", COMPLEXES, ids=str)
@pytest.mark.parametrize("name", [*COMPLEX, "real", "imag"])
def test_complex_operations(name: str, dtype: np.dtype[Any]) -> None:
    """Exact ones have NumPy's bits; products and quotients those of a rounding more or less."""
    count = REGISTRY[name].impl.nin if isinstance(REGISTRY[name].impl, np.ufunc) else 1
    operands = grid([dtype] * count)
    if name not in INEXACT:
        check(name, [dtype] * count, operands)
        return
    found = operation(name, [dtype] * count, dtype)
    assert found is not None and not found.exact
    rng = np.random.default_rng(5)
    more = [(rng.normal(size=(500, 2)) @ [1, 1j]).astype(dtype) for _ in range(count)]
    for width in (WIDTH, 1):
        got, wanted = evaluated(found, more, width), expected(REGISTRY[name], more, {})
        assert np.max(np.abs(got - wanted) / np.abs(wanted)) < 4 * np.finfo(dtype).eps
        got, wanted = evaluated(found, operands, width), expected(REGISTRY[name], operands, {})
        for part, other in ((got.real, wanted.real), (got.imag, wanted.imag)):
            ok = np.isclose(part, other, rtol=1e-5, atol=1e-9, equal_nan=True)
            assert ok.all(), (operands[0][~ok], operands[-1][~ok], got[~ok], wanted[~ok])


@pytest.mark.parametrize("dtype", FLOATS[1:], ids=str)
@pytest.mark.parametrize("decimals", [0, 2, -1, 5])
def test_round(dtype: np.dtype[Any], decimals: int) -> None:
    x = np.append(points(dtype), np.random.default_rng(1).uniform(-300, 300, 300).astype(dtype))
    check("round", [dtype], [x], decimals=decimals)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_nan_to_num(dtype: np.dtype[Any]) -> None:
    check("nan_to_num", [dtype], [points(dtype)], nan=0.5, posinf=None, neginf=-3.0)


def test_operands_are_converted_as_numpy_does() -> None:
    """Mixed dtypes and Python numbers take the loop that NumPy chooses."""
    single, whole = np.dtype("f4"), np.dtype("i4")
    found = operation("multiply", [whole, single], np.dtype("f8"))
    assert found is not None and found.operands == (np.dtype("f8"),) * 2
    found = operation("multiply", [single, float], single)
    assert found is not None and found.operands == (single, single)
    found = operation("less", [whole, int], BOOL)
    assert found is not None and found.operands == (whole, whole)
    assert operation("add", [np.dtype("g")] * 2, np.dtype("g")) is None
    assert operation("power", [whole, whole], whole) is None, "negative powers are an error"
    assert operation("no such primitive", [single], single) is None


def test_remainders_without_fused_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that rounds products before it adds takes the long way."""
    monkeypatch.setattr(machine(), "fused", False)
    dtype = np.dtype("f8")
    check("remainder", [dtype, dtype], grid([dtype, dtype]))


@pytest.mark.parametrize("exponent", [0, 1, 2, -1, 0.5])
@pytest.mark.parametrize("dtype", FLOATS[1:], ids=str)
def test_powers_that_numpy_spells_out(exponent: float, dtype: np.dtype[Any]) -> None:
    """A number for an exponent takes NumPy's own short ways, bit for bit."""
    x = points(dtype)
    found = operation("power", [dtype, type(exponent)], dtype, {}, [None, exponent])
    assert found is not None and found.exact
    wanted = expected(REGISTRY["power"], [x, exponent], {})
    for width in (WIDTH, 1):
        assert same(evaluated(found, [x, np.full(x.shape, exponent)], width), wanted).all()


@pytest.mark.parametrize("exponent", [3, 4, -2])
def test_powers_by_products(exponent: int) -> None:
    """Few roundings, and no logarithm."""
    x = np.random.default_rng(1).uniform(-3, 3, 1000)
    found = operation("power", [x.dtype, int], x.dtype, {}, [None, exponent])
    assert found is not None and not found.exact
    wanted = expected(REGISTRY["power"], [x, exponent], {})
    error = np.abs(evaluated(found, [x, np.full(x.shape, exponent)], 8) - wanted)
    assert (error <= 4 * np.spacing(np.abs(wanted))).all()


@pytest.mark.parametrize("dtype", INTS, ids=str)
@pytest.mark.parametrize("exponent", [0, 1, 3, 7])
def test_powers_of_integers(exponent: int, dtype: np.dtype[Any]) -> None:
    """They wrap around; negative powers are errors of NumPy, and are left to it."""
    x = points(dtype)
    found = operation("power", [dtype, int], dtype, {}, [None, exponent])
    assert found is not None and found.exact
    wanted = expected(REGISTRY["power"], [x, exponent], {})
    assert np.array_equal(evaluated(found, [x, np.full(x.shape, exponent)], 8), wanted)
    if dtype.kind == "i":
        assert operation("power", [dtype, int], dtype, {}, [None, -1]) is None


def patterns(dtype: np.dtype[Any], count: int, seed: int) -> Any:
    """Numbers of random bits, and pairs that are alike."""
    rng = np.random.default_rng(seed)
    if dtype.kind == "b":
        return rng.integers(0, 2, count).astype(bool)
    x = rng.integers(0, 256, count * dtype.itemsize, dtype=np.uint8).view(dtype)
    near = rng.integers(-6, 6, count).astype(dtype if dtype.kind != "u" else np.int64).astype(dtype)
    return np.where(rng.integers(0, 3, count) == 0, near, x)


@pytest.mark.parametrize(("name", "dtype"), list(cases()))
def test_exact_operations_at_random_bits(name: str, dtype: np.dtype[Any]) -> None:
    """Whatever the bits are: subnormal numbers, NaNs, all exponents, all integers."""
    dtypes = [dtype] * arity(name)
    operands = [patterns(dtype, 500, i) for i in range(len(dtypes))]
    try:
        expected(REGISTRY[name], operands, {})
    except TypeError:
        pytest.skip("NumPy has none")
    check(name, dtypes, operands)
