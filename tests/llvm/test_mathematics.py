"""Mathematical functions in native code are accurate, and special values are NumPy's."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from functrans.compile.llvm.code import engine
from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.elements.operations import operation
from functrans.compile.llvm.mathematics import FUNCTIONS
from functrans.compile.llvm.segment import Segment
from functrans.core.primitive import REGISTRY
from tests.llvm.elementwise import evaluated, expected
from tests.llvm.native import carried_out, staged
from tests.modules import ROOT

spec = importlib.util.spec_from_file_location("native", ROOT / "docs" / "native_accuracy.py")
assert spec is not None and spec.loader is not None
accuracy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(accuracy)

LARGEST = 4.0  # ulp
DTYPES = accuracy.DTYPES
ALL = [pytest.param(name, dtype, id=f"{name}-{dtype}") for name in FUNCTIONS for dtype in DTYPES]


@pytest.fixture(params=[True, False], ids=["fused", "unfused"])
def fused(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """Both kinds of machines, as far as this one can be the other."""
    if request.param and not machine().fused:
        pytest.skip("the machine rounds products before it adds")
    monkeypatch.setattr(machine(), "fused", request.param)
    monkeypatch.setattr(machine(), "scales", machine().scales and request.param)
    yield request.param


def hard(dtype: np.dtype[Any]) -> Any:
    """Special values, thresholds, and where formulas change."""
    info = np.finfo(dtype)
    eps, least, small = (float(x) for x in (info.eps, info.smallest_subnormal, info.tiny))
    x = [0.0, 0.3, 0.5, 1.0, 1 + eps, 1 - eps / 2, 2.0, 3.0, least, 3 * least, small, small * 0.75]
    x += [
        float(info.max),
        np.inf,
        1e-20,
        20.0,
        100.0,
        709.78,
        710.47,
        710.48,
        745.13,
        745.14,
        746.0,
    ]
    x += [
        88.72,
        89.41,
        89.42,
        103.97,
        104.0,
        1e10,
        1e20,
        1e22,
        1e30,
        26.54,
        27.23,
        38.5,
        9.19,
        10.06,
    ]
    x += [14.2, 2.0**23 + 1, 2.0**52 + 1, 1 / 3, 127.0, 128.0, 149.0, 150.0, 1023.0, 1024.0, 1074.0]
    return np.array([*x, *(-y for y in x), np.nan], dtype)


def reference(name: str) -> Any:
    """NumPy's function, or the implementation of the primitive, or SciPy's function."""
    if name in ("erf", "erfc", "gammaln", "digamma", "i0", "i1", "i0e", "i1e"):
        return getattr(pytest.importorskip("scipy.special"), name)
    return REGISTRY[name].impl


def _wrong_in_scipy(name: str, x: Any) -> Any:
    """Where SciPy 1.17 gives infinity for the logarithm of a subnormal number, overflows where
    exponentials do and not the function, or has no limit at infinity."""
    if name == "gammaln":
        return (x != 0) & (np.abs(x) < np.finfo(x.dtype).tiny)
    if name in ("i0", "i1"):
        return np.abs(x) > np.log(np.finfo(x.dtype).max)
    return np.isinf(x) & (name in ("i0e", "i1e"))


@pytest.mark.parametrize(("name", "dtype"), ALL)
def test_special_values(name: str, dtype: np.dtype[Any], fused: bool) -> None:
    """Zeros with their signs, infinities and NaNs are NumPy's; everything else is close to it."""
    grids = np.meshgrid(*[hard(dtype)] * FUNCTIONS[name])
    xs = [x.ravel() for x in grids]
    with np.errstate(all="ignore"):
        wanted = reference(name)(*xs)
    for width in (None, 1):
        found = accuracy.native(name, dtype, xs, width)
        special = ~np.isfinite(wanted) | (wanted == 0) | ~np.isfinite(found)
        # where a result is the least number or vanishes, either is right
        special &= np.maximum(np.abs(found), np.abs(wanted)) != np.finfo(dtype).smallest_subnormal
        same = (found == wanted) & (np.signbit(found) == np.signbit(wanted))
        same |= np.isnan(found) & np.isnan(wanted)
        if name in accuracy.CANCELLING:
            special &= wanted != 0
        special &= ~_wrong_in_scipy(name, xs[0])
        wrong = special & ~same
        where = np.flatnonzero(wrong)[:5]
        assert not wrong.any(), [(*[x[i] for x in xs], found[i], wanted[i]) for i in where]
        signs = (np.signbit(found) == np.signbit(wanted)) | np.isnan(wanted)
        if name not in accuracy.CANCELLING:
            assert signs.all(), [x[~signs][:5] for x in xs]


@pytest.mark.parametrize(("name", "dtype"), ALL)
def test_errors_are_at_most_four_ulps(name: str, dtype: np.dtype[Any], fused: bool) -> None:
    """At some random points; the slow tests take many more."""
    found = accuracy.measure(name, dtype, 150, seed=1)
    assert found.ulps <= LARGEST, found


@pytest.mark.parametrize(("name", "dtype"), ALL)
def test_errors_at_hard_points(name: str, dtype: np.dtype[Any]) -> None:
    """Near thresholds and zeros, against mpmath."""
    points = hard(dtype)
    points = points[np.isfinite(points)][:: 1 if FUNCTIONS[name] == 1 else 4]
    xs = [x.ravel() for x in np.meshgrid(*[points] * FUNCTIONS[name])]
    if FUNCTIONS[name] == 2:  # poles, branch points and powers of zero are special values
        keep = (xs[0] > 0) & (xs[1] != 0)
    else:
        low, high = {
            "log1p": (-0.999, np.inf),
            "arccosh": (1, np.inf),
            "digamma": (float(np.finfo(dtype).smallest_subnormal), np.inf),
        }.get(name, (-np.inf, np.inf))
        if name.startswith("log") and name != "log1p":
            low = float(np.finfo(dtype).smallest_subnormal)
        if name in ("arcsin", "arccos", "arctanh"):
            low, high = -0.9999, 0.9999
        keep = (xs[0] >= low) & (xs[0] <= high)
    xs = [x[keep] for x in xs]
    found = accuracy.native(name, dtype, xs)
    ulps = accuracy.errors(name, dtype, xs, found, accuracy.exactly(name, xs))
    assert ulps.max() <= LARGEST, accuracy.worst(ulps, xs)


def test_the_page_states_what_is_measured() -> None:
    """docs/native-accuracy.md has a line for each function, none above 4 ulp; where products are
    fused, as where it was written, errors are no larger than stated."""
    text = accuracy.PAGE.read_text(encoding="utf-8")
    stated = {
        name: (float(double), float(single))
        for name, double, single in re.findall(
            r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \|", text, re.M
        )
    }
    assert list(stated) == list(FUNCTIONS)
    assert all(max(bounds) <= LARGEST for bounds in stated.values())
    if machine().fused:
        for name in ("exp", "log", "sin", "tanh", "arctan2", "power"):
            for dtype, bound in zip(DTYPES, stated[name], strict=True):
                assert accuracy.measure(name, dtype, 60).ulps <= bound + 0.5, (name, dtype)


def test_float16_is_rounded_once() -> None:
    """All numbers of float16: computed in float32, and rounded as NumPy rounds its own result."""
    dtype = np.dtype("f2")
    x = np.arange(2**16, dtype=np.uint16).view(dtype)
    found = operation("exp", [dtype], dtype)
    if found is None:
        pytest.skip("the machine has no float16")
    got, wanted = evaluated(found, [x], 16), expected(REGISTRY["exp"], [x], {})
    assert np.array_equal(np.isnan(got), np.isnan(wanted))
    finite = np.isfinite(wanted)
    assert np.array_equal(np.isinf(got), np.isinf(wanted))
    x, got, wanted = x[finite], got[finite], wanted[finite]
    error = np.abs(got - np.exp(x.astype(np.float64))) / np.spacing(wanted)
    assert error.max() < 0.502


def test_logarithms_of_powers_are_whole() -> None:
    """log2 of powers of two and log10 of powers of ten, as NumPy has them."""
    twos = 2.0 ** np.arange(-1074, 1024)
    assert np.array_equal(accuracy.native("log2", DTYPES[0], [twos]), np.arange(-1074, 1024.0))
    tens = 10.0 ** np.arange(0, 23)
    assert np.array_equal(accuracy.native("log10", DTYPES[0], [tens]), np.arange(0, 23.0))


def test_lanes_of_large_angles_leave_the_others_alone() -> None:
    """One lane takes the long way; the vector's other lanes have what they have without it."""
    x = np.linspace(-3, 3, 16)
    mixed = x.copy()
    mixed[5] = 1e300
    for name in ("sin", "cos", "tan"):
        plain = accuracy.native(name, DTYPES[0], [x], 16)
        found = accuracy.native(name, DTYPES[0], [mixed], 16)
        assert np.array_equal(np.delete(found, 5), np.delete(plain, 5))
        assert found[5] == pytest.approx(getattr(np, name)(1e300), rel=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_sine_and_cosine_together_are_those_alone(dtype: np.dtype[Any], size: int) -> None:
    """Where a kernel has both of one value, one function computes them, with the same bits."""
    x = np.linspace(-9, 9, size).astype(dtype)
    x[::7] = 1e30
    both, _ = staged(lambda x: (np.cos(x), np.sin(x) + np.sin(2 * x)), x)
    functions = set(re.findall(r"define[^@]*@((?:sin|cos)_\w+)", Segment(both).text))
    assert {name.partition("_")[0] for name in functions} == {"sin"}
    assert any(name.startswith("sin_cos_") for name in functions)
    graphs = [both, *[staged(f, x)[0] for f in (np.cos, lambda x: np.sin(x) + np.sin(2 * x))]]
    engine.forget()  # another graph may have the same code
    quick, whole = [
        [out for graph in graphs for out in carried_out(graph, x, quick=quick)]
        for quick in (True, False)
    ]
    for cosine, total, *others in (quick, whole):
        assert all(map(np.array_equal, others, (cosine, total)))
        assert np.array_equal(cosine, whole[0]) and np.array_equal(total, whole[1])


@pytest.mark.parametrize(("name", "dtype"), ALL)
def test_results_do_not_depend_on_the_width(name: str, dtype: np.dtype[Any]) -> None:
    """An element has the same bits in vectors of any width, and alone: at the end of an array."""
    xs = accuracy.operands(name, dtype, 400, seed=4)
    xs[0][:100] = np.linspace(1.4142132, 1.4142135, 100)  # where logarithms part powers of two
    wide = accuracy.native(name, dtype, xs)
    for width in (1, 4):
        found = accuracy.native(name, dtype, xs, width)
        same = (found == wide) | (np.isnan(found) & np.isnan(wide))
        assert same.all(), [(*[x[i] for x in xs], found[i], wide[i]) for i in np.flatnonzero(~same)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype"), ALL)
def test_a_million_points(name: str, dtype: np.dtype[Any], fused: bool) -> None:
    """Against wider numbers of the C library where these have more digits, otherwise mpmath."""
    wide = np.longdouble if dtype.itemsize == 8 else np.float64
    function = accuracy.ROWS[name].wide
    if function is None or np.finfo(wide).nmant < np.finfo(dtype).nmant + 8:
        found = accuracy.measure(name, dtype, 5000, seed=2)
        assert found.ulps <= LARGEST, found
        return
    xs = accuracy.operands(name, dtype, 2**18, seed=3)
    with np.errstate(all="ignore"):
        wanted = function(*[x.astype(wide) for x in xs])
    found = accuracy.worst(
        accuracy.errors(name, dtype, xs, accuracy.native(name, dtype, xs), wanted), xs
    )
    assert found.ulps <= LARGEST, found
