"""Lanes are arrays of their own: what NumPy and SciPy refuse of one example, `vmap` and graphs
refuse too, though a batch of vectors has the shape of a matrix."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import functrans as ft

X = np.random.default_rng(0).normal(size=(3, 3, 3))

OF_MATRICES = {
    **{
        name: (lambda f: lambda v: f(v))(getattr(np.linalg, name))
        for name in (
            *("inv", "pinv", "det", "slogdet", "cholesky", "qr", "svd", "svdvals"),
            *("eigh", "eigvalsh", "eig", "eigvals", "matrix_norm", "matrix_transpose"),
        )
    },
    "solve": lambda v: np.linalg.solve(v, np.ones(3)),
    "lstsq": lambda v: np.linalg.lstsq(v, np.ones(3)),
    "matrix_power": lambda v: np.linalg.matrix_power(v, 2),
    "matvec": lambda v: np.matvec(v, v),
    "vecmat": lambda v: np.vecmat(v, v),
    "trace": np.trace,
    "diagonal": np.diagonal,
    "mT": lambda v: v.mT,
}
OF_VECTORS = {
    "matmul": lambda v: v @ v[0],
    "matmul of a number": lambda v: v @ 2.0,
    "vecdot": lambda v: np.vecdot(v[0], v),
    "sort": lambda v: np.sort(v[0]),
}


@pytest.mark.parametrize("name", [*OF_MATRICES, *OF_VECTORS])
def test_vectors_are_no_matrices_and_numbers_no_vectors(name: str) -> None:
    function: Any = (OF_MATRICES | OF_VECTORS)[name]
    if name in ("matvec", "vecmat") and not hasattr(np, name):
        pytest.skip("NumPy 2.2 has it")

    def first(x: Any) -> Any:
        result = function(x[0])
        return result[0] if isinstance(result, tuple) else result

    with pytest.raises(ValueError):
        first(X[0])
    for transformed in (ft.vmap(first), lambda x: ft.make_graph(first)(x[0])):
        with pytest.raises(ValueError):
            transformed(X)


@pytest.mark.oracle("scipy")
@pytest.mark.parametrize(
    "name",
    [
        *("expm", "sqrtm", "logm", "sinm", "cosm", "signm", "svd", "svdvals", "qr", "eig"),
        *("eigvals", "eigh", "cholesky", "inv", "polar", "null_space", "orth", "lu"),
    ],
)
def test_scipy_vectors_are_no_matrices(name: str) -> None:
    function = getattr(importlib.import_module("functrans.scipy.linalg"), name)
    with pytest.raises(ValueError):
        ft.vmap(lambda x: np.sum(np.abs(function(x[0])[0])))(X)


def test_arguments_that_numpy_refuses() -> None:
    x = np.arange(12.0).reshape(3, 4)
    for function, error in (
        (lambda x: np.partition(x, 1.5), TypeError),
        (lambda x: np.cov(x, fweights=[1.5] * 4), TypeError),
        (lambda x: np.cov(x, ddof=1.5), ValueError),
    ):
        for call in (function, ft.grad(lambda x, f=function: np.sum(f(x))), ft.jit(function)):
            with pytest.raises(error):
                call(x)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("function", [np.max, np.min, np.ptp, np.argmax, np.argmin])
def test_extrema_of_nothing(function: Any, backend: Any) -> None:
    """Native code has no extremum of no elements, and leaves the error to NumPy."""
    if backend == "llvm":
        pytest.importorskip("llvmlite")
    for axis in (0, None):
        jitted = ft.jit(lambda x, axis=axis: function(x[:0] * 2.0, axis=axis), backend=backend)
        with pytest.raises(ValueError, match=r"zero-size|empty sequence"):
            jitted(np.ones((3, 4)))
    kept = ft.jit(lambda x: function(x[:, :0] * 2.0, axis=0), backend=backend)(np.ones((3, 4)))
    assert kept.shape == (0,)
