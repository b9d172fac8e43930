"""The options of ufuncs and of their methods on traced arrays: NumPy's own call is the oracle.

Value, dtype, shape, whether a scalar or an array, and the kind of error, under each transform. Each
option is tried with a few ufuncs by default, and with all of NumPy's and dtypes in the long tests.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import tree
from functrans.core.errors import FunctransError

UFUNCS: dict[str, np.ufunc] = {
    name: ufunc
    for name in sorted(dir(np))
    if isinstance(ufunc := getattr(np, name), np.ufunc)
    and ufunc.signature is None
    and ufunc.__name__ == name
    and name != "isnat"  # of dates
}
FEW = ("add", "exp", "maximum", "hypot", "modf", "divmod", "less", "bitwise_and", "negative")
FEW_BINARY = ("add", "multiply", "maximum", "fmax", "hypot", "subtract", "logical_and")
SCIPY = [
    "erf",
    "gammaln",
    "digamma",
    "expit",
    "logit",
    "xlogy",
    "ndtr",
    "betaln",
    "gammainc",
    "rel_entr",
    "entr",
    "sici",
]
DTYPES = ("?", "i1", "i8", "u1", "f2", "f4", "c8", "c16")

_rng = np.random.default_rng(0)
X, Y = _rng.uniform(0.3, 2.4, (2, 3, 4))
MASK = np.array([[1, 0, 1, 1], [1, 1, 0, 0], [0, 1, 1, 1]], bool)
ROW = MASK[0]

TRANSFORMS: dict[str, Callable[..., Any]] = {
    "vjp": lambda f, *a: ft.vjp(f, *a)[0],
    "jvp": lambda f, *a: ft.jvp(f, a, a)[0],
    "vmap": lambda f, *a: ft.vmap(f)(*[np.stack([x, 0.9 * x]) for x in a]),
    "graph": lambda f, *a: ft.make_graph(f)(*a)(*a),
    "jit": lambda f, *a: ft.jit(f, backend="numpy")(*a),
}


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    """What a call returns, or its exception."""
    try:
        with np.errstate(all="ignore"):
            return function(*args)
    except Exception as error:
        return error


def lanes(f: Callable[..., Any], *args: Any) -> Any:
    """What a batch has to give."""
    results = f(*args), f(*[0.9 * x for x in args])
    return tree.map(lambda *xs: np.stack(xs), *results)


def kinds(error: Exception) -> tuple[type[Exception], ...]:
    """The kinds of a mistake in a call; where there are two mistakes, either may be told of."""
    several = (TypeError, ValueError, IndexError)
    return several if isinstance(error, several) else (type(error),)


def difference(found: Any, expected: Any, scalars: bool, eps: float) -> str:
    """In what the outcome of a call differs from NumPy's; empty if in nothing."""
    if isinstance(expected, Exception):
        if not isinstance(found, Exception):
            return f"NumPy raises {expected!r}"
        good = isinstance(found, (FunctransError, *kinds(expected)))
        return "" if good else f"NumPy raises {expected!r}, not {found!r}"
    if isinstance(found, Exception):
        return f"raises {found!r}"
    pairs = list(zip(tree.leaves(found), tree.leaves(expected), strict=True))
    for x, y in pairs:
        if (np.shape(x), np.asarray(x).dtype) != (np.shape(y), np.asarray(y).dtype):
            return f"{np.asarray(x).dtype}{np.shape(x)} for {np.asarray(y).dtype}{np.shape(y)}"
        if scalars and isinstance(x, np.ndarray) != isinstance(y, np.ndarray):
            return f"{type(x).__name__} for {type(y).__name__}"
        exact = np.asarray(y).dtype.kind not in "fc"
        rtol = 0.0 if exact else 8 * max(eps, float(np.finfo(np.asarray(y).dtype).eps))
        if not np.allclose(x, y, rtol=rtol, atol=rtol, equal_nan=not exact):
            return f"{x} for {y}"
    return ""


def differences(f: Callable[..., Any], *args: Any, eps: float) -> Any:
    """The differences under each transform."""
    expected, found = outcome(f, *args), {}
    for name, transform in TRANSFORMS.items():
        wanted = expected
        if name == "vmap" and not isinstance(expected, Exception):
            wanted = outcome(lanes, f, *args)
        given = outcome(transform, f, *args)
        words = difference(given, wanted, scalars=name != "vmap", eps=eps)
        if words:
            found[name] = words
    return found


pytestmark = [
    pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning"),
    pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning"),
]


def targets(u: np.ufunc, x: Any, dtype: Any = None, shape: Any = None) -> Any:
    """The arrays for the results of a ufunc to go into."""
    made = tuple(np.zeros_like(x, dtype=dtype, shape=shape) for _ in range(u.nout))
    return made if u.nout > 1 else made[0]


def into(function: Any, out: Any, *args: Any, **options: Any) -> Any:
    """The result, what was written to, and whether they are the same."""
    result = function(*args, out=out, **options)
    same = result is out or isinstance(out, tuple) and all(map(lambda r, o: r is o, result, out))
    return result, out, np.float64(same)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "no option": lambda u, a: u(*a),
    "where=True": lambda u, a: u(*a, where=True),
    "where all": lambda u, a: u(*a, where=np.ones((2, 3, 4), bool)),
    "where=False": lambda u, a: into(u, targets(u, a[0], "c16"), *a, where=False),
    "where": lambda u, a: into(u, targets(u, a[0], "c16"), *a, where=MASK),
    "where, a row": lambda u, a: into(u, targets(u, a[0], "c16"), *a, where=ROW),
    "where, a list": lambda u, a: into(u, targets(u, a[0], "c16"), *a, where=MASK.tolist()),
    "where, integers": lambda u, a: into(u, targets(u, a[0], "c16"), *a, where=MASK.astype(int)),
    "where, traced": lambda u, a: into(u, targets(u, a[0], "c16"), *a, where=a[0].real > 1),
    "where, traced integers": lambda u, a: into(
        u, targets(u, a[0], "c16"), *a, where=(a[0].real > 1).astype(int)
    ),
    "out, more rows": lambda u, a: into(u, targets(u, a[0], "c16", (2, 3, 4)), *a),
    "out, too small": lambda u, a: into(u, targets(u, a[0], "c16", (3, 1)), *a),
    "out, no axes": lambda u, a: into(u, targets(u, a[0], "c16", ()), *[x[0, 0] for x in a]),
    "out, positional": lambda u, a: u(*a, *[np.zeros_like(a[0], dtype="c16")] * u.nout),
    "out, too many": lambda u, a: u(*a, out=(np.zeros_like(a[0]),) * (u.nout + 1)),
    "out, a list": lambda u, a: u(*a, out=[np.zeros_like(a[0])]),
    "out, a number": lambda u, a: u(*a, out=1.0),
    "out, scalars": lambda u, a: u(*a, out=(np.float64(1),) * u.nout),
    "signature": lambda u, a: u(*a, signature="d" * u.nin + "->" + "d" * u.nout),
    "sig, a part": lambda u, a: u(*a, sig=(None,) * (u.nargs - 1) + ("f4",)),
    "signature, too short": lambda u, a: u(*a, signature=("f4",)),
    "unknown": lambda u, a: u(*a, unknown=1),
    "axis": lambda u, a: u(*a, axis=0),
    "a list": lambda u, a: u(a[0], *[[1, 2, 3, 4] for _ in a[1:]]),
    "no axes": lambda u, a: u(*[x[0, 0] for x in a]),
    "0-d": lambda u, a: u(*[x[0, 0, ...] for x in a]),
}
for _dtype in ("?", "i4", "f4", "f8", "c16", "U3", None, "none such"):
    CALLS[f"dtype={_dtype}"] = lambda u, a, d=_dtype: u(*a, dtype=d)
    for _rule in ("no", "safe", "unsafe"):
        CALLS[f"dtype={_dtype}, {_rule}"] = lambda u, a, d=_dtype, r=_rule: u(
            *a, dtype=d, casting=r
        )
for _dtype in ("f4", "f8", "c16"):
    CALLS[f"out, {_dtype}"] = lambda u, a, d=_dtype: into(u, targets(u, a[0], d), *a)
    for _rule in ("no", "safe", "unsafe"):
        CALLS[f"out, {_dtype}, {_rule}"] = lambda u, a, d=_dtype, r=_rule: into(
            u, targets(u, a[0], d), *a, casting=r
        )
for _option, _values in {
    "casting": ("no", "equiv", "safe", "same_kind", "unsafe", "none such", None, 3),
    "subok": (True, False, 1, "x", None),
    "order": ("C", "F", "A", "K", "Z", None, 1),
}.items():
    for _value in _values:
        CALLS[f"{_option}={_value}"] = lambda u, a, k=_option, v=_value: u(*a, **{k: v})


REDUCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "keyword array": lambda u, x: (u.reduce(array=x), u.accumulate(array=x)),
    "keyword indices": lambda u, x: u.reduceat(x, indices=[0, 1]),
    "reduceat, a list of floats": lambda u, x: u.reduceat(x, [0.0, 2.0]),
    "reduceat, an array of floats": lambda u, x: u.reduceat(x, np.array([0.0, 2.0])),
    "reduceat, an empty list": lambda u, x: u.reduceat(x, []),
    "accumulate, axis in a tuple": lambda u, x: u.accumulate(x, axis=(1,)),
    "reduceat, axis in a tuple": lambda u, x: u.reduceat(x, [0, 2], axis=(1,)),
    "reduce, positional": lambda u, x: u.reduce(x, 1, None, None, True, 1, MASK),
    "reduce, one axis": lambda u, x: u.reduce(x[0]),
    "reduce, no axes": lambda u, x: u.reduce(x[0, 0], axis=None),
    "initial, a list": lambda u, x: u.reduce(x, initial=[1.0]),
    "initial, complex": lambda u, x: u.reduce(x, initial=1j),
    "initial, an array": lambda u, x: u.reduce(x, initial=np.ones(4)),
    "where, integers": lambda u, x: u.reduce(x, where=MASK.astype(int), initial=1),
    "where, traced integers": lambda u, x: u.reduce(x, where=(x.real > 1).astype(int), initial=1),
    "where, 1": lambda u, x: u.reduce(x, where=1, initial=1),
    "where, larger": lambda u, x: u.reduce(x, where=np.ones((2, 3, 4), bool), initial=1),
    "out, tuple": lambda u, x: u.reduce(x, out=(np.zeros_like(x, dtype="c16", shape=(4,)),)),
    "out, no axes": lambda u, x: into(
        u.reduce, np.zeros_like(x, dtype="c16", shape=()), x, axis=None
    ),
    "out, a list": lambda u, x: u.reduce(x, out=[1]),
    "outer, where": lambda u, x: into(
        u.outer, np.zeros_like(x, dtype="c16", shape=(3, 4, 4)), x, x[0], where=MASK[..., None]
    ),
    "order": lambda u, x: u.reduce(x, order="C"),
}
for _axis in (0, -1, 2, None, (), (0, 1), (-1, 0), (0, 0), 1.0, "0", [0], True):
    REDUCTIONS[f"axis={_axis!r}"] = lambda u, x, v=_axis: u.reduce(x, axis=v)
    REDUCTIONS[f"accumulate, axis={_axis!r}"] = lambda u, x, v=_axis: u.accumulate(x, axis=v)
for _dtype in ("?", "i1", "i8", "f4", "c16", "none such"):
    REDUCTIONS[f"dtype={_dtype}"] = lambda u, x, d=_dtype: u.reduce(x, dtype=d)
    REDUCTIONS[f"accumulate, dtype={_dtype}"] = lambda u, x, d=_dtype: u.accumulate(x, dtype=d)
    REDUCTIONS[f"reduceat, dtype={_dtype}"] = lambda u, x, d=_dtype: u.reduceat(x, [0, 1], dtype=d)
for _dtype in ("f4", "f8", "c16"):
    for _shape in ((4,), (1, 4), (5,)):
        REDUCTIONS[f"out, {_dtype}{_shape}"] = lambda u, x, d=_dtype, s=_shape: into(
            u.reduce, np.zeros_like(x, dtype=d, shape=s), x
        )
    REDUCTIONS[f"accumulate, out, {_dtype}"] = lambda u, x, d=_dtype: into(
        u.accumulate, np.zeros_like(x, dtype=d), x
    )


def operands(count: int, dtype: str) -> list[Any]:
    """Arguments of a ufunc in double precision, of which it takes those of a dtype."""
    return [x + 1j * x[::-1] if dtype[0] == "c" else x for x in (X, Y)[:count]]


def precision(dtype: str) -> float:
    """The precision in which NumPy computes."""
    kind = np.dtype(dtype)
    return float(np.finfo(kind).eps) if kind.kind in "fc" else 0.0


def tried(u: np.ufunc, dtype: str = "f8") -> dict[str, Any]:
    """What differs, by option and transform."""
    args, eps, found = operands(u.nin, dtype), precision(dtype), {}
    for call, function in CALLS.items():
        if call.startswith("where") and getattr(u, "__module__", None) != "numpy":
            continue  # SciPy's ufuncs write outside of the arrays (see below)
        words = differences(
            lambda *xs, f=function: f(u, [x.astype(dtype) for x in xs]), *args, eps=eps
        )
        if words:
            found[call] = words
    return found


def tried_methods(u: np.ufunc, dtype: str = "f8") -> dict[str, Any]:
    """The same for the methods."""
    eps, found = precision(dtype), {}
    for call, function in REDUCTIONS.items():
        words = differences(
            lambda x, f=function: f(u, x.astype(dtype)), *operands(1, dtype), eps=eps
        )
        if words:
            found[call] = words
    return found


@pytest.mark.parametrize("name", FEW)
def test_options_of_calls(name: str) -> None:
    assert tried(UFUNCS[name]) == {}


@pytest.mark.parametrize("name", FEW_BINARY)
def test_options_of_methods(name: str) -> None:
    assert tried_methods(UFUNCS[name]) == {}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ("f8", *DTYPES))
def test_options_of_all_calls(dtype: str) -> None:
    found = {name: words for name, u in UFUNCS.items() if (words := tried(u, dtype))}
    assert found == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCIPY)
def test_options_of_scipy(name: str) -> None:
    special = pytest.importorskip("scipy.special")
    assert tried(getattr(special, name)) == {}


def test_bools_beside_floats_have_angles() -> None:
    """The sign of a bool was asked for."""
    found = ft.jvp(lambda x: np.arctan2(x, True) + np.arctan2(True, x), (X,), (X,))[1]
    np.testing.assert_allclose(found, 0, atol=1e-15)


def test_masks_reach_no_loop_of_scipy() -> None:
    """SciPy's loops move NumPy's pointers, so that a mask with gaps makes them write outside of the
    arrays: a call and a reduction that handed it on would give wrong values and end the process."""
    pytest.importorskip("scipy.special")
    program = """
import numpy as np, scipy.special as special, functrans as ft
from tests.test_ufunc_options import TRANSFORMS
x = np.linspace(0.5, 2.0, 9000).reshape(3, 3000)
mask = np.arange(9000).reshape(3, 3000) % 3 != 1
wanted, start = np.where(mask, special.erf(x), 0.0), np.full(3000, 0.5)
for row, taken in zip(x, mask):
    start = np.where(taken, special.xlogy(start, row), start)
for name in ("vjp", "jvp", "graph", "jit"):
    for dtype in ("f8", "c16"):
        found = TRANSFORMS[name](
            lambda x: special.erf(x, out=np.zeros_like(x, dtype=dtype), where=mask), x
        )
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    found = TRANSFORMS[name](lambda x: special.xlogy.reduce(x, where=mask, initial=0.5), x)
    np.testing.assert_allclose(found, start, rtol=1e-12)
print("done")
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert run.stdout == "done\n", (run.returncode, run.stderr)
