"""``torch.linalg``: solutions, decompositions, norms and other functions of matrices."""

from __future__ import annotations

from typing import Any

from functrans.torch.decompositions import (
    cholesky_ex as cholesky_ex,
    cond as cond,
    diagonal as diagonal,
    inv_ex as inv_ex,
    linalg_vander,
    lstsq as lstsq,
    matrix_exp as matrix_exp,
    solve_ex as solve_ex,
    solve_triangular as solve_triangular,
    tensorinv as tensorinv,
    tensorsolve as tensorsolve,
    vecdot as vecdot,
)
from functrans.torch.factorizations import (
    householder_product as householder_product,
    lu as lu,
    lu_factor as lu_factor,
    lu_factor_ex as lu_factor_ex,
    lu_solve as lu_solve,
)
from functrans.torch.linear_algebra import (
    LinAlgError as LinAlgError,
    cholesky as cholesky,
    cross as cross,
    det as det,
    eig as eig,
    eigh as eigh,
    eigvals as eigvals,
    eigvalsh as eigvalsh,
    inv as inv,
    matmul as matmul,
    matrix_norm as matrix_norm,
    matrix_power as matrix_power,
    matrix_rank as matrix_rank,
    multi_dot as multi_dot,
    norm as norm,
    pinv as pinv,
    qr as qr,
    slogdet as slogdet,
    solve as solve,
    svd as svd,
    svdvals as svdvals,
    vector_norm as vector_norm,
)
from functrans.torch.outputs import taking_out
from functrans.torch.tensor import UnsupportedError

vander = linalg_vander

_OUT = """
householder_product lu lu_factor lu_factor_ex lu_solve
cholesky cholesky_ex cond cross det eig eigh eigvals eigvalsh inv inv_ex matmul matrix_norm
matrix_power matrix_rank multi_dot norm pinv qr slogdet solve solve_ex solve_triangular svd
svdvals tensorinv tensorsolve vecdot vector_norm
"""
globals().update(taking_out(globals(), _OUT.split()))


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torch.linalg' has no attribute {name!r}")
    raise UnsupportedError(f"torch.linalg.{name} is not supported by functrans.torch")


__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "lstsq",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]
