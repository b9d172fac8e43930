"""Dtypes and options of ``functrans.scipy.linalg``: SciPy's own call is the oracle."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans import tree
from tests.test_numeric_options import SQUARE, V
from tests.test_ufunc_options import TRANSFORMS

scipy_linalg = pytest.importorskip("scipy.linalg")

import functrans.scipy.linalg as linalg  # noqa: E402

SMALL = ("?", "i1", "u2", "i4", "f2", "f4")


@pytest.mark.parametrize(
    "name",
    [
        *("inv", "cholesky", "lu", "qr", "svd", "svdvals", "polar", "eigvalsh", "lu_factor", "det"),
        *("expm", "pinv", "norm", "solve_toeplitz", "solve", "solve_triangular"),
    ],
)
def test_functions_of_scipy_work_in_its_dtypes(name: str) -> None:
    """Small integers are float32 to LAPACK, other functions take double precision of anything."""
    ours, theirs = getattr(linalg, name), getattr(scipy_linalg, name)
    two = name.startswith("solve")
    a = np.eye(3)[0] if name == "solve_toeplitz" else 2 * np.eye(3)
    for dtype in SMALL:
        x = a.astype(dtype)
        args = (x, np.ones(3, dtype)) if two else (x,)
        expected = tree.leaves(theirs(*args))
        found = tree.leaves(ft.make_graph(ours)(*args)(*args))
        assert [np.asarray(y).dtype for y in found] == [np.asarray(y).dtype for y in expected]


def test_functions_of_scipy_refuse_what_is_not_finite() -> None:
    bad = np.where(np.eye(4) > 0, np.nan, SQUARE)
    for name in ("inv", "det", "lu", "qr", "cholesky", "lu_factor", "norm", "svdvals"):
        f = getattr(linalg, name)
        for transform in ("vjp", "jvp", "vmap"):
            with pytest.raises(ValueError, match="must not contain infs or NaNs"):
                TRANSFORMS[transform](f, bad)
    with pytest.raises(ValueError, match="must not contain infs or NaNs"):
        ft.vjp(lambda b: linalg.solve(SQUARE, b), V * np.inf)
    with np.errstate(invalid="ignore"):
        assert np.isnan(ft.vjp(lambda x: linalg.det(x, check_finite=False), bad)[0])


def test_least_squares_of_scipy_by_each_driver() -> None:
    for driver in (None, "gelsd", "gelss", "gelsy"):
        found = ft.vjp(lambda b, d=driver: linalg.lstsq(SQUARE, b, lapack_driver=d)[:3], V)[0]
        expected = scipy_linalg.lstsq(SQUARE, V, lapack_driver=driver)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-10)
        assert np.asarray(found[2]).dtype == np.asarray(expected[2]).dtype
    found = linalg.lstsq(SQUARE, V, lapack_driver="gelsy")
    assert found[3] is None
    with pytest.raises(ValueError, match="lapack_driver is 'gesdd'"):
        linalg.lstsq(SQUARE, V, lapack_driver="gesdd")
