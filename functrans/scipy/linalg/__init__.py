"""``scipy.linalg`` with derivatives, in every transform, real and complex, on stacks of matrices.

Functions have SciPy's names, arguments and values. What they have no rule for says so. Constants,
such as ``hilbert(n)``, are SciPy's own.
"""

import scipy.linalg as _scipy_linalg
from scipy.linalg import (
    LinAlgError as LinAlgError,
    LinAlgWarning as LinAlgWarning,
    dft as dft,
    hadamard as hadamard,
    helmert as helmert,
    hilbert as hilbert,
    invhilbert as invhilbert,
    invpascal as invpascal,
    pascal as pascal,
)

from functrans.scipy.linalg.equations import (
    solve_continuous_are as solve_continuous_are,
    solve_continuous_lyapunov as solve_continuous_lyapunov,
    solve_discrete_are as solve_discrete_are,
    solve_discrete_lyapunov as solve_discrete_lyapunov,
    solve_lyapunov as solve_lyapunov,
    solve_sylvester as solve_sylvester,
)
from functrans.scipy.linalg.factorizations import (
    cho_factor as cho_factor,
    cholesky as cholesky,
    cholesky_banded as cholesky_banded,
    lu as lu,
    lu_factor as lu_factor,
    null_space as null_space,
    orth as orth,
    orthogonal_procrustes as orthogonal_procrustes,
    polar as polar,
    qr as qr,
    rq as rq,
    subspace_angles as subspace_angles,
    svd as svd,
    svdvals as svdvals,
)
from functrans.scipy.linalg.functions import (
    coshm as coshm,
    cosm as cosm,
    expm as expm,
    expm_frechet as expm_frechet,
    fractional_matrix_power as fractional_matrix_power,
    logm as logm,
    signm as signm,
    sinhm as sinhm,
    sinm as sinm,
    sqrtm as sqrtm,
    tanhm as tanhm,
    tanm as tanm,
)
from functrans.scipy.linalg.refusals import (
    bandwidth as bandwidth,
    cdf2rdf as cdf2rdf,
    clarkson_woodruff_transform as clarkson_woodruff_transform,
    cossin as cossin,
    expm_cond as expm_cond,
    funm as funm,
    hessenberg as hessenberg,
    ishermitian as ishermitian,
    issymmetric as issymmetric,
    ldl as ldl,
    matrix_balance as matrix_balance,
    ordqz as ordqz,
    qr_delete as qr_delete,
    qr_insert as qr_insert,
    qr_multiply as qr_multiply,
    qr_update as qr_update,
    qz as qz,
    rsf2csf as rsf2csf,
    schur as schur,
)
from functrans.scipy.linalg.special_matrices import (
    block_diag as block_diag,
    circulant as circulant,
    companion as companion,
    convolution_matrix as convolution_matrix,
    diagsvd as diagsvd,
    fiedler as fiedler,
    fiedler_companion as fiedler_companion,
    hankel as hankel,
    khatri_rao as khatri_rao,
    kron as kron,
    leslie as leslie,
    matmul_toeplitz as matmul_toeplitz,
    toeplitz as toeplitz,
)
from functrans.scipy.linalg.spectral import (
    eig as eig,
    eig_banded as eig_banded,
    eigh as eigh,
    eigh_tridiagonal as eigh_tridiagonal,
    eigvals as eigvals,
    eigvals_banded as eigvals_banded,
    eigvalsh as eigvalsh,
    eigvalsh_tridiagonal as eigvalsh_tridiagonal,
)
from functrans.scipy.linalg.systems import (
    cho_solve as cho_solve,
    cho_solve_banded as cho_solve_banded,
    det as det,
    inv as inv,
    lstsq as lstsq,
    lu_solve as lu_solve,
    norm as norm,
    pinv as pinv,
    pinvh as pinvh,
    solve as solve,
    solve_banded as solve_banded,
    solve_circulant as solve_circulant,
    solve_toeplitz as solve_toeplitz,
    solve_triangular as solve_triangular,
    solveh_banded as solveh_banded,
)
from functrans.scipy.mistakes import told as _told

globals().update(_told(__name__, globals(), _scipy_linalg))
