"""What functions with several results return: named tuples that print as PyTorch's."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def _results(name: str, *fields: str) -> Any:
    """The type of the results of a function of this name."""

    class Results(namedtuple(name, fields)):  # type: ignore[misc]  # mypy wants literal fields
        __slots__ = ()

        def __repr__(self) -> str:
            values: Any = self
            pairs = zip(fields, values, strict=True)
            parts = ",\n".join(f"{field}={value!r}" for field, value in pairs)
            return f"torch.return_types.{name}(\n{parts})"

    Results.__name__ = Results.__qualname__ = name
    return Results


aminmax = _results("aminmax", "min", "max")
cummax = _results("cummax", "values", "indices")
cummin = _results("cummin", "values", "indices")
frexp = _results("frexp", "mantissa", "exponent")
geqrf = _results("geqrf", "a", "tau")
histogram = _results("histogram", "hist", "bin_edges")
kthvalue = _results("kthvalue", "values", "indices")
linalg_cholesky_ex = _results("linalg_cholesky_ex", "L", "info")
linalg_eig = _results("linalg_eig", "eigenvalues", "eigenvectors")
linalg_eigh = _results("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_inv_ex = _results("linalg_inv_ex", "inverse", "info")
linalg_lstsq = _results("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
linalg_lu = _results("linalg_lu", "P", "L", "U")
linalg_lu_factor = _results("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex = _results("linalg_lu_factor_ex", "LU", "pivots", "info")
linalg_qr = _results("linalg_qr", "Q", "R")
linalg_slogdet = _results("linalg_slogdet", "sign", "logabsdet")
linalg_solve_ex = _results("linalg_solve_ex", "result", "info")
linalg_svd = _results("linalg_svd", "U", "S", "Vh")
lu_unpack = _results("lu_unpack", "P", "L", "U")
max = _results("max", "values", "indices")
median = _results("median", "values", "indices")
min = _results("min", "values", "indices")
mode = _results("mode", "values", "indices")
nanmedian = _results("nanmedian", "values", "indices")
sort = _results("sort", "values", "indices")
svd = _results("svd", "U", "S", "V")
topk = _results("topk", "values", "indices")
