"""Composed operations in native code agree with the implementations of the rule book."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from functrans.compile.llvm.elements.composites import COMPLEX_COMPOSITES, COMPOSITES, SAME
from functrans.compile.llvm.elements.operations import operation
from functrans.core.primitive import REGISTRY
from tests.llvm.elementwise import evaluated, expected

LINE = [0.0, 1.0, 0.5, 0.3, 2.0, 1.5, 7.0, 20.0, 40.0, 1e-10, 1e-300, 1e300, 700.0, 800.0, np.inf]
SIGNED = [*LINE, *(-x for x in LINE), np.nan]
FLOATS = [np.dtype("f8"), np.dtype("f4")]


def needed(name: str) -> Any:
    """The primitive; those of scipy.special are registered on use."""
    if name not in REGISTRY:
        pytest.importorskip("scipy")
        import functrans.scipy.special  # noqa: F401
    return REGISTRY[name]


def near(found: Any, wanted: Any, size: Any, ulps: int) -> Any:
    """Where numbers agree: both NaN, equal, or within ulps of a size."""
    with np.errstate(all="ignore"):
        close = np.abs(found - wanted) <= ulps * np.spacing(size)
    return (found == wanted) | (np.isnan(found) & np.isnan(wanted)) | close


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", [*COMPOSITES, *SAME])
def test_composites(name: str, dtype: np.dtype[Any]) -> None:
    """At all pairs of hard points; both sides round a few times."""
    primitive = needed(name)
    if name in SAME and name != "float_power":
        count = 1
    else:
        count = 2 if name == "float_power" else COMPOSITES[name].__code__.co_argcount - 1
    with np.errstate(all="ignore"):
        line = np.array(SIGNED).astype(dtype)
    xs = [x.ravel() for x in np.meshgrid(*[line] * count)]
    wanted = np.asarray(expected(primitive, xs, {}))
    found = operation(name, [dtype] * count, wanted.dtype)
    assert found is not None and not found.exact
    for width in (8, 1):
        got = evaluated(found, xs, width)
        # SciPy's ndtr rounds the square in its exponent: it is further off than ours.
        ok = near(got, wanted, np.abs(wanted), 500 if name == "ndtr" else 8)
        assert ok.all(), [(*[x[i] for x in xs], got[i], wanted[i]) for i in np.flatnonzero(~ok)[:5]]


@pytest.mark.parametrize("dtype", ["c16", "c8"])
@pytest.mark.parametrize("name", [x for x in COMPLEX_COMPOSITES if x != "power"])
def test_complex_functions(name: str, dtype: str) -> None:
    """The grid of hard parts, infinite and NaN ones too; errors count by the modulus."""
    part = np.dtype("f8" if dtype == "c16" else "f4")
    line = np.array([x for x in SIGNED if not 1e200 < abs(x) < np.inf]).astype(part)
    z = np.empty(line.size**2, dtype)
    re, im = np.meshgrid(line, line)
    z.real, z.imag = re.ravel(), im.ravel()
    wanted = np.asarray(expected(REGISTRY[name], [z], {}))
    found = operation(name, [z.dtype], wanted.dtype)
    assert found is not None and not found.exact
    got = evaluated(found, [z], 8)
    size = np.where(np.isfinite(wanted), np.abs(wanted), 1)
    ok = near(got.real, wanted.real, size, 8) & near(got.imag, wanted.imag, size, 8)
    assert ok.all(), [(z[i], got[i], wanted[i]) for i in np.flatnonzero(~ok)[:5]]


@pytest.mark.parametrize("dtype", ["c16", "c8"])
def test_complex_powers(dtype: str) -> None:
    """Moderate ones to a few roundings of the exponent, and those of zero."""
    rng = np.random.default_rng(2)
    x, y = [(rng.normal(size=(400, 2)) @ [1, 1j]).astype(dtype) for _ in range(2)]
    x[:6] = 0
    y[:6] = [1, 0, 2 + 1j, 0.5, 3, 1e-3]
    y[6:12] = [0, 1, 2, -1, 0.5, 3]
    found = operation("power", [x.dtype] * 2, x.dtype)
    assert found is not None
    wanted = expected(REGISTRY["power"], [x, y], {})
    assert np.allclose(evaluated(found, [x, y], 8), wanted, 40 * np.finfo(x.dtype).eps, 0)


def test_one_minus_square_and_constants_pass() -> None:
    """What is exact by its definition."""
    dtype = np.dtype("f8")
    x = np.array(SIGNED)
    for name in ("one_minus_square", "stop_gradient"):
        found = operation(name, [dtype], dtype)
        assert found is not None and found.exact
        wanted = expected(REGISTRY[name], [x], {})
        assert np.array_equal(evaluated(found, [x], 8), wanted, equal_nan=True)
