"""reduce, accumulate, reduceat and outer of every binary ufunc of NumPy, on traced arrays.

NumPy's own result is the oracle, error for error, but for `power` and `arctan2`: with AVX512 their
loops of NumPy 2.4 forget the running result when they reduce (``arctan2.reduce([a, b, c])`` is
``arctan2(a, c)``), so that these two are compared with the loop that NumPy documents.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.testing import check_grads

UFUNCS = {
    name: ufunc
    for name in sorted(dir(np))
    if isinstance(ufunc := getattr(np, name), np.ufunc)
    and ufunc.nin == 2
    and ufunc.nout == 1
    and ufunc.signature is None
    and ufunc.__name__ == name
}
VECTOR_LOOPS = ("power", "arctan2")

_rng = np.random.default_rng(0)
REAL = _rng.uniform(0.3, 2, (3, 4))
WHOLE = _rng.integers(1, 5, (3, 4))
WITH_NAN = np.where(np.arange(12).reshape(3, 4) == 5, np.nan, REAL)
ARRAYS = {
    "real": REAL,
    "integer": WHOLE,
    "bool": WHOLE > 2,
    "complex": REAL + 1j * REAL[::-1],
    "single": REAL.astype(np.float32),
    "int8": WHOLE.astype(np.int8),
    "with zero": np.where(REAL > 1.9, 0.0, REAL),
    "with NaN": WITH_NAN,
    "empty": REAL[:, :0],
    "vector": REAL[0],
    "0-d": REAL[0, 0],
}
MASK = np.array([[1, 0, 1, 1], [1, 1, 0, 0], [1, 1, 1, 1]], bool)

CALLS: dict[str, Any] = {
    "reduce": lambda u, x: u.reduce(x),
    "reduce, axis": lambda u, x: u.reduce(x, axis=-1),
    "reduce, all axes": lambda u, x: u.reduce(x, axis=None),
    "reduce, two axes": lambda u, x: u.reduce(x, axis=(0, 1), keepdims=True),
    "reduce, no axis": lambda u, x: u.reduce(x, axis=()),
    "reduce, initial": lambda u, x: u.reduce(x, axis=1, keepdims=True, initial=2),
    "reduce, no identity": lambda u, x: u.reduce(x, axis=0, initial=None),
    "reduce, where": lambda u, x: u.reduce(x, axis=1, where=MASK),
    "reduce, where and initial": lambda u, x: u.reduce(x, axis=1, where=MASK, initial=1),
    "reduce, dtype": lambda u, x: u.reduce(x, axis=0, dtype=np.float32),
    "accumulate": lambda u, x: u.accumulate(x, axis=-1),
    "accumulate, dtype": lambda u, x: u.accumulate(x, dtype=np.float32),
    "reduceat": lambda u, x: u.reduceat(x, [0, 2, 1, 3], axis=1),
    "reduceat, falling": lambda u, x: u.reduceat(x, [1, 0]),
    "reduceat, none": lambda u, x: u.reduceat(x, np.array([], int)),
    "reduceat, an empty range": lambda u, x: u.reduceat(x, range(0)),
    "reduceat, outside": lambda u, x: u.reduceat(x, [0, 9]),
    "outer": lambda u, x: u.outer(x, ARRAYS["vector"].astype(x.dtype)),
}


def outcome(function: Any, x: Any) -> Any:
    """What a call returns, or its exception."""
    try:
        with np.errstate(all="ignore"):
            return function(x)
    except Exception as error:
        return error


def documented(ufunc: np.ufunc) -> Any:
    """The ufunc for two arguments, whose methods NumPy carries out by Python calls."""
    return np.frompyfunc(ufunc, 2, 1)


@pytest.mark.parametrize("name", UFUNCS)
def test_values_are_numpys(name: str) -> None:
    """Value, dtype, shape and kind of error, for every dtype and every form of call."""
    ufunc = UFUNCS[name]
    for kind, x in ARRAYS.items():
        for call, method in CALLS.items():
            where = f"{name}, {kind}, {call}"
            expected = outcome(lambda x, m=method: m(ufunc, x), x)
            found = outcome(lambda x, m=method: ft.make_graph(lambda x: m(ufunc, x))(x)(x), x)
            if isinstance(expected, Exception):
                assert isinstance(found, Exception), where
                assert isinstance(expected, type(found)) or isinstance(found, type(expected)), where
                continue
            assert not isinstance(found, Exception), (where, found)
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape), where
            if name in VECTOR_LOOPS and call.startswith("reduce"):
                continue
            rtol = {"f": 1e-13, "c": 1e-13}.get(found.dtype.kind, 0)
            rtol = 1e-3 if found.dtype in (np.float16, np.float32) else rtol
            np.testing.assert_allclose(found, expected, rtol=rtol, err_msg=where)


@pytest.mark.parametrize("name", VECTOR_LOOPS)
def test_values_of_vector_loops(name: str) -> None:
    ufunc = UFUNCS[name]
    for method in (
        lambda u, x: u.reduce(x, axis=1),
        lambda u, x: u.reduce(x, initial=0.7),
        lambda u, x: u.reduceat(x, [0, 2, 1, 3], axis=1),
    ):
        expected = method(documented(ufunc), REAL).astype(float)
        found, _ = ft.vjp(lambda x, m=method: m(ufunc, x), REAL)
        np.testing.assert_allclose(found, expected, rtol=1e-13)


DIFFERENTIATED = [
    name
    for name, ufunc in UFUNCS.items()
    if not isinstance(outcome(lambda x, u=ufunc: u.accumulate(x), REAL), Exception)
    and ufunc.accumulate(REAL).dtype.kind == "f"
]


@pytest.mark.parametrize("call", [c for c in CALLS if c.startswith(("reduce", "accumulate"))])
@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_derivatives(name: str, call: str) -> None:
    """Both modes and second derivatives, for every float ufunc that NumPy reduces."""
    ufunc, method = UFUNCS[name], CALLS[call]
    if isinstance(outcome(lambda x: method(ufunc, x), REAL), Exception) or "dtype" in call:
        return
    # The graph in place of the call: plain calls of two ufuncs are wrong, see above.
    check_grads(ft.make_graph(lambda x: method(ufunc, x))(REAL), (REAL,))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", UFUNCS)
def test_batch_is_a_loop(name: str, call: str) -> None:
    ufunc, method = UFUNCS[name], CALLS[call]
    for kind in ("real", "integer"):
        batch = np.stack([ARRAYS[kind], ARRAYS[kind][::-1]])
        traced = ft.make_graph(lambda x: method(ufunc, x))
        lanes = outcome(lambda b: np.stack([traced(x)(x) for x in b]), batch)  # noqa: B023
        found = outcome(ft.vmap(lambda x: method(ufunc, x)), batch)
        assert isinstance(found, Exception) == isinstance(lanes, Exception)
        if not isinstance(lanes, Exception):
            np.testing.assert_allclose(found, lanes, rtol=1e-14)


def test_ties_share_evenly() -> None:
    """Every element that a running extremum is equal to has the same share in it."""
    x = np.array([1.0, 3.0, 3.0, 0.0, 3.0])
    for reduced in (np.maximum.accumulate(x), np.fmax.accumulate(x)):
        np.testing.assert_array_equal(reduced, [1, 3, 3, 3, 3])
    for ufunc, y in ((np.maximum, x), (np.fmax, x), (np.minimum, -x), (np.fmin, -x)):
        jacobian = ft.jacrev(ufunc.accumulate)(y)
        np.testing.assert_array_equal(jacobian, ft.jacfwd(ufunc.accumulate)(y))
        np.testing.assert_array_equal(jacobian[2], [0, 1 / 2, 1 / 2, 0, 0])
        np.testing.assert_array_equal(jacobian[4], [0, 1 / 3, 1 / 3, 0, 1 / 3])
        np.testing.assert_array_equal(jacobian[4], ft.grad(ufunc.reduce)(y))


def test_initial_and_mask_may_be_traced() -> None:
    check_grads(lambda x, s: np.subtract.reduce(x + 0 * s, axis=1, initial=s), (REAL, 0.7))
    check_grads(lambda x, s: np.hypot.reduce(x + 0 * s, axis=1, initial=s, where=MASK), (REAL, 0.7))
    check_grads(lambda x, s: np.fmax.reduce(x + 0 * s, axis=1, initial=s, where=MASK), (REAL, 0.7))
    found = ft.vmap(lambda m: np.subtract.reduce(REAL + 0 * m, 1, None, None, False, 1, m))(MASK)
    expected = [np.subtract.reduce(REAL, axis=1, initial=1, where=m) for m in MASK]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_nan_does_not_count_for_fmax() -> None:
    x = np.array([np.nan, 1.0, 2.0, np.nan])
    np.testing.assert_array_equal(ft.grad(np.fmax.reduce)(x), [0, 0, 1, 0])
    np.testing.assert_array_equal(ft.grad(np.fmin.reduce)(x), [0, 1, 0, 0])


M, N, V = (_rng.uniform(-1, 1, shape) for shape in ((3, 2, 4), (4, 5, 3), (4,)))


@pytest.mark.parametrize(
    "call",
    [
        "np.matmul(x, y, axes=[(1, 2), (0, 1), (0, 1)])",
        "np.matmul(x, y, axes=[(-2, -1), (-3, 1), (-1, -3)])",
        "np.vecdot(x, x, axis=1)",
        "np.vecdot(x, x, axes=[0, 0], keepdims=True)",
        "np.vecdot(x, z, keepdims=True)",
        "np.matvec(x, z, axes=[(0, 2), 0, 1])",
        "np.vecmat(z, y, axes=[0, (0, 2), 1])",
    ],
)
def test_ufuncs_along_axes(call: str) -> None:
    if not hasattr(np, call[3 : call.index("(")]):
        pytest.skip("younger than the installed NumPy")
    f = eval(f"lambda x, y, z: {call}", {"np": np})
    np.testing.assert_allclose(ft.vjp(f, M, N[..., :3], V)[0], f(M, N, V), rtol=1e-13)
    check_grads(f, (M, N, V))


def test_axis_of_a_matrix_product() -> None:
    for options in ({"axis": 0}, {"axis": 0, "axes": [0, 0]}):
        with pytest.raises(TypeError, match="axis"):
            ft.vjp(lambda x, o=options: np.matmul(x, x, **o), np.eye(3))
