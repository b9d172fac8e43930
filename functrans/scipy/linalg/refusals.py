"""Functions of ``scipy.linalg`` without a rule: SciPy's own, which say why where a traced array
comes."""

from __future__ import annotations

import scipy.linalg as sl

from functrans.scipy.refusals import refused

SCHUR = (
    "the triangle depends on the order that the algorithm puts the eigenvalues in; use eig, or a "
    "function of the matrix (expm, sqrtm, logm)"
)
PENCIL = "the order of the eigenvalues is the algorithm's choice; use eig(a, b)"
UPDATE = "it is an update of a factorisation; factorise the changed matrix with qr"

schur = refused(sl.schur, SCHUR)
rsf2csf = refused(sl.rsf2csf, SCHUR)
hessenberg = refused(sl.hessenberg, "its reflections are the algorithm's choice; use qr or eig")
qz = refused(sl.qz, PENCIL)
ordqz = refused(sl.ordqz, PENCIL)
cdf2rdf = refused(sl.cdf2rdf, "it sorts values into pairs; use the complex eigenvalues of eig")
cossin = refused(sl.cossin, "its factors are not unique; use svd of the blocks")
ldl = refused(
    sl.ldl,
    "the blocks of its diagonal depend on pivots; use cholesky, lu, or solve(assume_a='sym')",
)
matrix_balance = refused(
    sl.matrix_balance, "the scales are powers of 2, chosen by comparisons: steps, not slopes"
)
funm = refused(
    sl.funm,
    "the derivatives of an arbitrary function are not known; use expm, logm, sqrtm, or "
    "functrans.numpy.linalg.eigh_function",
)
expm_cond = refused(sl.expm_cond, "it is an estimate by an iteration")
qr_multiply = refused(sl.qr_multiply, "multiply by the factor of qr(a, mode='economic')")
qr_delete = refused(sl.qr_delete, UPDATE)  # pyright: ignore[reportAttributeAccessIssue]
qr_insert = refused(sl.qr_insert, UPDATE)  # pyright: ignore[reportAttributeAccessIssue]
qr_update = refused(sl.qr_update, UPDATE)  # pyright: ignore[reportAttributeAccessIssue]
clarkson_woodruff_transform = refused(
    sl.clarkson_woodruff_transform, "multiply by a sketching matrix of your own: sketch @ a"
)
bandwidth = refused(sl.bandwidth, "it counts diagonals; its value is an integer")
issymmetric = refused(sl.issymmetric, "it is a comparison; compare a and a.T with numpy.all")
ishermitian = refused(sl.ishermitian, "it is a comparison; compare a and a.conj().T with numpy.all")
