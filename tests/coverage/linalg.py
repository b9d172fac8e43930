"""The functions of numpy.linalg. K is positive definite, G and T are stacks of matrices."""

from __future__ import annotations

from tests.coverage.rows import Row, apart, works, zero

ROWS: dict[str, Row] = {
    "LinAlgError": apart("an exception"),
    "test": apart("NumPy's own tests"),
    "linalg": apart("a module, until NumPy 2.0"),
    # products
    "matmul": works({"np.linalg.matmul(x, y)": "A B C D"}),
    "outer": works({"np.linalg.outer(x, y)": "u v"}),
    "cross": works({"np.linalg.cross(x, y)": "u u Q Q", "np.linalg.cross(x, y, axis=0)": "Q Q"}),
    "vecdot": works(
        {"np.linalg.vecdot(x, y)": "A A2 Z Z", "np.linalg.vecdot(x, y, axis=0)": "A A2"}
    ),
    "tensordot": works({"np.linalg.tensordot(x, y, axes=1)": "A B"}),
    "multi_dot": works(
        {
            "np.linalg.multi_dot([x, y])": "A B",
            "np.linalg.multi_dot([x, y, x])": "A B",
            "np.linalg.multi_dot([y, x, np.ones((4, 2)), np.ones(2)])": "A u",
        }
    ),
    "matrix_power": works(
        {
            "np.linalg.matrix_power(x, 3)": "Q R",
            "np.linalg.matrix_power(x, -2)": "M T",
            "np.linalg.matrix_power(x, 0) + x": "Q",
            "np.linalg.matrix_power(x, 5)": "Q",
        }
    ),
    "diagonal": works({"np.linalg.diagonal(x, offset=1)": "A C"}),
    "trace": works(
        {
            "np.linalg.trace(x, dtype=np.float32)": "C",
            "np.linalg.trace(x)": "A C",
            "np.linalg.trace(x, offset=-1)": "Q",
        }
    ),
    "matrix_transpose": works({"np.linalg.matrix_transpose(x)": "A C"}),
    # systems and inverses
    "solve": works(
        {"np.linalg.solve(x, y)": "M u M B[:3] T Q R R", "np.linalg.solve(x, np.eye(3))": "M"}
    ),
    "inv": works({"np.linalg.inv(x)": "M T R"}),
    "pinv": works(
        {
            "np.linalg.pinv(x)": "A B M Z",
            "np.linalg.pinv(x, rcond=1e-3)": "A",
            "np.linalg.pinv(x, rtol=1e-3)": "A",
            "np.linalg.pinv(x + x.T, hermitian=True)": "M",
        }
    ),
    "lstsq": works(
        {
            "np.linalg.lstsq(x, y)[0]": "B v[:4] B A2.T",
            "np.linalg.lstsq(x, y, rcond=1e-10)": "B v[:4]",
            "np.linalg.lstsq(x, y)[0] ": "A u",
        }
    ),
    "tensorsolve": works(
        {
            "np.linalg.tensorsolve(np.reshape(x, (3, 3, 1)), y)": "M u",
            "np.linalg.tensorsolve(np.reshape(x, (3, 1, 3)), y, axes=(0,))": "M u[:,None]",
        }
    ),
    "tensorinv": works(
        {"np.linalg.tensorinv(np.reshape(x, (3, 1, 3)))": "M", "np.linalg.tensorinv(x, ind=1)": "M"}
    ),
    "det": works({"np.linalg.det(x)": "M T R Q"}),
    "slogdet": works({"np.linalg.slogdet(x)": "M T R"}),
    "cholesky": works(
        {
            "np.linalg.cholesky(x @ x.T)": "M",
            "np.linalg.cholesky(x @ x.T, upper=True)": "M",
            "np.linalg.cholesky(x @ np.conj(x).T)": "R",
        }
    ),
    # factorisations
    "qr": works(
        {
            "np.linalg.qr(x)": "M B T R",
            "np.linalg.qr(x, mode='complete')": "M",
            "np.linalg.qr(x, mode='r')": "B A",
            "np.linalg.qr(x, mode='raw')": "B A M R T",
        }
    ),
    "svd": works(
        {
            "np.linalg.svd(x)": "M",
            "np.linalg.svd(x, full_matrices=False)": "A B T",
            "np.linalg.svd(x, compute_uv=False)": "A R",
            "np.linalg.svd(x + x.T, hermitian=True)": "M",
            "np.linalg.svd(x + x.T, compute_uv=False, hermitian=True)": "M",
        }
    ),
    "svdvals": works({"np.linalg.svdvals(x)": "A T R"}),
    "eigh": works({"np.linalg.eigh(x + x.T)": "M", "np.linalg.eigh(x + x.mT, UPLO='U')": "G"}),
    "eigvalsh": works(
        {
            "np.linalg.eigvalsh(x + x.T, UPLO='U')": "M",
            "np.linalg.eigvalsh(x + x.T)": "M",
            "np.linalg.eigvalsh(x + np.conj(x).T, 'U')": "R",
        }
    ),
    "eig": works(
        {"np.abs(np.linalg.eig(x).eigenvectors)": "R"},
        by_value={"np.linalg.eig(x)": "G", "np.abs(np.linalg.eig(x).eigenvectors)": "Q"},
    ),
    "eigvals": works({"np.linalg.eigvals(x)": "R"}, by_value={"np.linalg.eigvals(x)": "G Q"}),
    # norms and numbers
    "norm": works(
        {
            "np.linalg.norm(x)": "v A C Z",
            "np.linalg.norm(x, 1)": "v A z",
            "np.linalg.norm(x, 2)": "v A",
            "np.linalg.norm(x, 3.5)": "v",
            "np.linalg.norm(x, -1)": "v A",
            "np.linalg.norm(x, -2)": "v Q",
            "np.linalg.norm(x, np.inf)": "v A Z",
            "np.linalg.norm(x, -np.inf)": "v A",
            "np.linalg.norm(x, 0)": "v",
            "np.linalg.norm(x, 'nuc')": "A",
            "np.linalg.norm(x, 'fro')": "A",
            "np.linalg.norm(x, axis=1)": "A C",
            "np.linalg.norm(x, 1, axis=1, keepdims=True)": "A",
            "np.linalg.norm(x, axis=(0, 2), keepdims=True)": "C",
            "np.linalg.norm(x, 2, axis=(1, 2))": "C",
            "np.linalg.norm(x, 'nuc', axis=(2, 0), keepdims=True)": "C",
            "np.linalg.norm(x, np.inf, axis=(-1, 0))": "C",
        }
    ),
    "vector_norm": works(
        {
            "np.linalg.vector_norm(x)": "v C Z",
            "np.linalg.vector_norm(x, axis=(0, 2), keepdims=True)": "C",
            "np.linalg.vector_norm(x, axis=1, ord=1)": "A",
            "np.linalg.vector_norm(x, axis=1, ord=np.inf)": "A",
            "np.linalg.vector_norm(x, axis=0, ord=-2.5)": "A",
            "np.linalg.vector_norm(x, ord=0)": "A",
        }
    ),
    "matrix_norm": works(
        {
            "np.linalg.matrix_norm(x)": "A C",
            "np.linalg.matrix_norm(x, ord='nuc')": "A C",
            "np.linalg.matrix_norm(x, ord=2, keepdims=True)": "C",
            "np.linalg.matrix_norm(x, ord=-2)": "Q",
            "np.linalg.matrix_norm(x, ord=1)": "C",
            "np.linalg.matrix_norm(x, ord=-np.inf)": "C",
        }
    ),
    "cond": works(
        {
            "np.linalg.cond(x)": "M A T R",
            "np.linalg.cond(x, -2)": "M",
            "np.linalg.cond(x, 1)": "M",
            "np.linalg.cond(x, np.inf)": "T",
            "np.linalg.cond(x, 'fro')": "M",
            "np.linalg.cond(x, 'nuc')": "M",
        }
    ),
    "matrix_rank": zero(
        "an integer",
        {
            "np.linalg.matrix_rank(x)": "A T v Z",
            "np.linalg.matrix_rank(x, tol=0.1)": "A",
            "np.linalg.matrix_rank(x, rtol=0.1)": "T",
            "np.linalg.matrix_rank(x + x.T, hermitian=True)": "M",
        },
    ),
}
