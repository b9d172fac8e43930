"""scipy.linalg: its rules at every sample; its functions against SciPy's, and in all modes."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import ConversionError, MissingRuleError
from functrans.core.primitive import REGISTRY
from functrans.testing import check_grads
from functrans.testing.rules import check_rules
from tests.mutants import survivors

sl = pytest.importorskip("scipy.linalg")
fl = pytest.importorskip("functrans.scipy.linalg")
special = pytest.importorskip("scipy.special")
stats = pytest.importorskip("scipy.stats")
interpolate = pytest.importorskip("scipy.interpolate")

FILES = ("triangular", "matrix_equations", "primary_functions", "structured_systems")
RULES = [
    name
    for name, primitive in REGISTRY.items()
    if primitive.call.__module__.removeprefix("functrans.primitives.") in FILES
]


@pytest.mark.parametrize("name", RULES)
def test_rules(name: str) -> None:
    """Values, both modes, second derivatives, batching, staging at every sample."""
    check_rules(REGISTRY[name].call)


UNCHANGED = ("mask dropped", "parameter exponent wrong")
"""What changes nothing of these rules, which cannot be measured: SciPy's logarithms and powers of
one matrix differ in their last bits from call to call."""


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_every_mutant_is_killed(name: str) -> None:
    left = [str(mutant) for mutant in survivors(name)]
    if name in ("logm", "fractional_matrix_power"):
        left = [mutant for mutant in left if not mutant.endswith(UNCHANGED)]
    assert left == []


rng = np.random.default_rng(7)


def matrix(*shape: int) -> Any:
    return rng.normal(size=shape)


A = matrix(3, 3) + 3 * np.eye(3)
C = A + 1j * matrix(3, 3)
S = A @ A.T
H = C @ C.conj().T
TALL, WIDE = matrix(4, 2), matrix(2, 4)
B, V = matrix(3, 2), matrix(3)
BANDS = np.array([[0.0, 0.3, 0.4], [4.0, 5.0, 6.0], [0.5, 0.6, 0.0]])
COLUMN, ROW = np.array([4.0, 1.0, 0.5]), np.array([4.0, 0.3, 0.2])
PLANT = (A / 4, matrix(3, 2), S, np.eye(2) * 1.5)

# The name, arguments that are differentiated, and the rest.
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("expm", (A / 3,), {}),
    ("expm", (C / 3,), {}),
    ("expm_frechet", (A / 3, S / 9), {}),
    ("logm", (A,), {}),
    ("logm", (C,), {}),
    ("sqrtm", (A,), {}),
    ("signm", (A,), {}),
    ("fractional_matrix_power", (A,), {"t": 0.4}),
    ("fractional_matrix_power", (A,), {"t": 3}),
    *((name, (A / 3,), {}) for name in ("cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")),
    ("solve_sylvester", (A, S, A), {}),
    ("solve_continuous_lyapunov", (C, S), {}),
    ("solve_discrete_lyapunov", (A / 9, S), {}),
    ("solve_continuous_are", PLANT, {}),
    ("solve_discrete_are", PLANT, {}),
    ("solve", (A, B), {}),
    ("solve", (A, V), {"transposed": True}),
    ("solve", (A, V), {"assume_a": "sym"}),
    ("solve", (C, B), {"assume_a": "her", "lower": True}),
    ("solve", (S, V), {"assume_a": "pos"}),
    ("solve", (A, V), {"assume_a": "upper triangular"}),
    ("solve", (A, V), {"assume_a": "diagonal"}),
    ("solve", (A, V), {"assume_a": "tridiagonal"}),
    ("solve_triangular", (A, V), {}),
    ("solve_triangular", (A, B), {"lower": True, "trans": "T"}),
    ("solve_triangular", (C, B), {"trans": 2, "unit_diagonal": True}),
    ("solve_banded", (BANDS, V), {"l_and_u": (1, 1)}),
    ("solveh_banded", (BANDS[:2], B), {}),
    ("solveh_banded", (BANDS[1:], V), {"lower": True}),
    ("solve_toeplitz", ((COLUMN, ROW), V), {}),
    ("solve_toeplitz", (COLUMN + 0.5j, B), {}),
    ("solve_circulant", (COLUMN, V), {}),
    ("matmul_toeplitz", ((COLUMN, ROW), B), {}),
    ("lstsq", (TALL, matrix(4)), {}),
    ("lstsq", (TALL, matrix(4, 2)), {}),
    ("inv", (A,), {}),
    ("det", (C,), {}),
    ("pinv", (TALL,), {}),
    ("pinv", (WIDE,), {"atol": 1e-12}),
    ("pinvh", (S,), {"lower": False}),
    ("norm", (A,), {}),
    ("norm", (A,), {"ord": "nuc"}),
    ("cholesky", (S,), {}),
    ("cholesky", (H,), {"lower": True}),
    ("cho_factor", (S,), {}),
    ("cholesky_banded", (BANDS[:2],), {}),
    ("cholesky_banded", (BANDS[1:],), {"lower": True}),
    ("lu", (A[::-1],), {}),
    ("lu", (TALL,), {"permute_l": True}),
    ("lu", (WIDE,), {"p_indices": True}),
    ("lu_factor", (C,), {}),
    ("qr", (A,), {}),
    ("qr", (TALL,), {"mode": "economic"}),
    ("qr", (A,), {"mode": "r"}),
    ("rq", (A,), {}),
    ("rq", (WIDE,), {"mode": "economic"}),
    ("svdvals", (TALL,), {}),
    ("diagsvd", (V,), {"M": 3, "N": 4}),
    ("polar", (A,), {}),
    ("polar", (TALL,), {"side": "left"}),
    ("polar", (WIDE,), {}),
    ("polar", (WIDE + 1j,), {"side": "left"}),
    ("orthogonal_procrustes", (TALL, matrix(4, 2)), {}),
    ("subspace_angles", (matrix(5, 2), matrix(5, 3)), {}),
    ("eigvalsh", (S,), {}),
    ("eigvalsh", (S, H.real), {"subset_by_index": (1, 2)}),
    ("eigvalsh", (S, H.real), {"type": 2}),
    ("eigvals", (C,), {}),
    ("eigvals", (C, S), {}),
    ("eigvals_banded", (BANDS[1:],), {"lower": True}),
    ("eigvalsh_tridiagonal", (V, V[:2]), {"select": "i", "select_range": (0, 1)}),
    ("toeplitz", (COLUMN, ROW[:2]), {}),
    ("toeplitz", (COLUMN + 1j,), {}),
    ("circulant", (V,), {}),
    ("hankel", (V, ROW), {}),
    ("hankel", (V,), {}),
    ("companion", (COLUMN,), {}),
    ("fiedler", (V,), {}),
    *(("fiedler_companion", (np.arange(1.0, n),), {}) for n in (3, 4, 5, 6, 7)),
    ("leslie", (V, V[:2]), {}),
    *(("convolution_matrix", (V,), {"n": n, "mode": m}) for n in (2, 4) for m in ("full", "same")),
    ("convolution_matrix", (V,), {"n": 5, "mode": "valid"}),
    ("block_diag", (A, V, TALL), {}),
    ("khatri_rao", (B, TALL), {}),
]


def ids(call: Any) -> str:
    name, _, options = call
    return "-".join([name, *map(str, options.values())])


def called(namespace: Any, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    if name == "solve_banded":  # whose option comes first
        return namespace.solve_banded(options["l_and_u"], *args)
    return getattr(namespace, name)(*args, **options)


def outputs(found: Any) -> list[Any]:
    """The outputs that carry a derivative."""
    leaves = found if isinstance(found, tuple | list) else [found]
    return [x for x in leaves if not isinstance(x, bool) and np.asarray(x).dtype.kind in "fc"]


# Their derivative is that of the function of the Hermitian part.
HERMITIAN = ("cholesky", "cho_factor", "eigvalsh")


def differentiated(name: str, options: dict[str, Any]) -> Callable[..., Any]:
    def function(*args: Any) -> Any:
        if name in HERMITIAN:
            args = tuple((x + np.conj(x).T) / 2 for x in args)
        found = called(fl, name, args, options)
        leaves = found if isinstance(found, tuple | list) else [found]
        return [x for x in leaves if getattr(x, "dtype", np.dtype(bool)).kind in "fc"]

    return function


@pytest.mark.parametrize("call", CALLS, ids=ids)
def test_values(call: Any) -> None:
    """SciPy's values, dtypes and shapes."""
    name, args, options = call
    expected, found = called(sl, name, args, options), called(fl, name, args, options)
    for one, other in zip(outputs(found), outputs(expected), strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert one.shape == other.shape
        if name in ("eigvals",):
            one, other = np.sort_complex(one), np.sort_complex(other)
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13 * (1 + np.abs(other).max()))


@pytest.mark.parametrize("call", CALLS, ids=ids)
def test_derivatives(call: Any) -> None:
    """Both modes against differences, to second order; batches against loops; staging."""
    name, args, options = call
    function = differentiated(name, options)
    check_grads(function, args, order=1 if len(args) > 3 else 2, rtol=1e-8)
    several = ft.tree.map(lambda x: np.stack([x, x + 0.01 * np.ones_like(x)]), args)
    found = ft.vmap(function)(*several)
    for i in range(2):
        expected = function(*ft.tree.map(lambda x, i=i: x[i], several))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one[i], other, rtol=1e-10, atol=1e-12)


STAGED = [c for c in CALLS if c[0] not in ("logm", "sqrtm", "signm", "fractional_matrix_power")]


@pytest.mark.parametrize("call", STAGED[::3], ids=ids)
def test_staging(call: Any) -> None:
    """The graph computes what the function does, with the types that it states."""
    name, args, options = call
    function = differentiated(name, options)
    if name == "eigvals":
        pytest.skip("whether eigenvalues of a real matrix are real is not known there")
    graph = ft.make_graph(function)(*args)
    for one, other in zip(graph(*ft.tree.leaves(args)), function(*args), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_factors_solve(which: int) -> None:
    """lu_solve and cho_solve with factors of any kind."""
    for trans in (0, 1, 2):
        matrix = [C, C.T, C.conj().T][trans]
        x = fl.lu_solve(fl.lu_factor(C), [V, B, B + 1j][which], trans)
        np.testing.assert_allclose(matrix @ x, [V, B, B + 1j][which], atol=1e-12)
    for lower in (False, True):
        factor = fl.cho_factor(H, lower)
        np.testing.assert_allclose(H @ fl.cho_solve(factor, B), B, atol=1e-11)
        banded = fl.cholesky_banded(BANDS[1:] if lower else BANDS[:2], lower=lower)
        expected = sl.cho_solve_banded((banded, lower), B)
        np.testing.assert_allclose(fl.cho_solve_banded((banded, lower), B), expected, atol=1e-13)
    check_grads(lambda a, b: fl.lu_solve(fl.lu_factor(a), b), (A, V))
    check_grads(lambda a, b: fl.cho_solve(fl.cho_factor(a @ a.T), b), (A, V))
    check_grads(
        lambda ab: fl.cho_solve_banded((fl.cholesky_banded(ab, lower=True), True), B), (BANDS[1:],)
    )


def test_generalised_eigenvectors() -> None:
    """They solve the problem that `type` states, with SciPy's normalisation."""
    for kind in (1, 2, 3):
        w, v = fl.eigh(S, H.real, type=kind)
        left = [S @ v, S @ H.real @ v, H.real @ S @ v][kind - 1]
        right = [H.real @ v * w, v * w, v * w][kind - 1]
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)
        expected = sl.eigh(S, H.real, type=kind)[1]
        np.testing.assert_allclose(np.abs(v), np.abs(expected), rtol=1e-9)

        def sizes(a: Any, b: Any, kind: int = kind) -> Any:
            return np.abs(fl.eigh(a + a.T, b @ b.T, type=kind)[1])

        check_grads(sizes, (S, A + np.diag([0.0, 1.0, 2.0])), order=1, rtol=1e-7)
    w, v = fl.eig(C, S)
    np.testing.assert_allclose(C @ v, S @ v * w, atol=1e-12)


def test_subspaces() -> None:
    """Projectors on range and null space, whose bases are free to turn."""
    low = TALL @ WIDE  # of rank 2

    def projector(basis: Any) -> Any:
        return basis @ basis.T

    for ours, theirs in ((fl.orth, sl.orth), (fl.null_space, sl.null_space)):
        np.testing.assert_allclose(projector(ours(low)), projector(theirs(low)), atol=1e-13)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ft.core.errors.DegenerateWarning)
        check_grads(lambda a: projector(fl.orth(a)), (TALL,), order=1, rtol=1e-8)
        check_grads(lambda a: projector(fl.null_space(a)), (WIDE,), order=1, rtol=1e-8)
    with pytest.raises(MissingRuleError, match="depends on values"):
        ft.vmap(fl.orth)(np.stack([low, low]))


def test_roots_of_real_matrices_may_be_complex() -> None:
    """As SciPy has it; staging, which cannot know, says what to do."""
    turned = np.diag([-1.0, -4.0])
    np.testing.assert_allclose(fl.sqrtm(turned), np.diag([1j, 2j]), atol=1e-15)
    slope = ft.jvp(lambda a: np.imag(np.trace(fl.sqrtm(a))), (turned,), (np.eye(2),))[1]
    np.testing.assert_allclose(slope, -0.75)
    with pytest.raises(TypeError, match=r"logm a complex matrix"):
        ft.make_graph(fl.logm)(A)


def test_refusals_name_the_reason() -> None:
    with pytest.raises(MissingRuleError, match=r"scipy\.linalg\.schur has no rule.*sqrtm, logm"):
        ft.grad(lambda a: fl.schur(a)[0][0, 0])(A)
    assert fl.schur(A)[0].shape == (3, 3)
    with pytest.raises(MissingRuleError, match=r"permute the columns"):
        ft.grad(lambda a: fl.qr(a, pivoting=True)[1][0, 0])(A)
    with pytest.raises(MissingRuleError, match=r"expm\(t \* logm"):
        ft.grad(lambda t: fl.fractional_matrix_power(A, t)[0, 0])(0.5)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda x: sl.expm(x * A), r"write functrans\.scipy\.linalg\.expm, which"),
        (lambda x: sl.solve(x * A, V), r"write functrans\.scipy\.linalg\.solve, which"),
        (lambda x: sl.schur(x * A), r"scipy\.linalg\.schur has no rule \(the triangle depends"),
        (lambda x: special.softmax(x * V), r"write functrans\.scipy\.special\.softmax, which"),
        (lambda x: stats.norm.logpdf(x), r"write functrans\.scipy\.stats\.norm\.logpdf, which"),
        (lambda x: stats.norm(0, x).cdf(1), r"write functrans\.scipy\.stats\.norm\.cdf, which"),
        (
            lambda x: stats.multivariate_normal.logpdf(x * V, V),
            r"write functrans\.scipy\.stats\.multivariate_normal\.logpdf, which",
        ),
        (lambda x: sl.hilbert(x), r"Instead take the function from functrans\.scipy"),
        (
            lambda x: interpolate.CubicSpline(np.arange(5.0), x * np.ones(5))(2.5),
            r"Instead take the function from functrans\.scipy",
        ),
    ],
)
def test_plain_calls_name_the_remedy(call: Callable[..., Any], remedy: str) -> None:
    """A plain call of a function that converts its arguments is an error at the user's line."""
    with pytest.raises(ConversionError, match=remedy) as caught:
        ft.grad(lambda x: np.sum(call(x)))(1.0)
    assert "test_scipy_linalg.py" in str(caught.value)
    assert "site-packages" not in str(caught.value)


# What is no function of arrays: LAPACK's own interfaces, and the names of modules.
NO_FUNCTIONS = {"test", "find_best_blas_type", "get_blas_funcs", "get_lapack_funcs"}
CONSTANTS = {
    *("dft", "hadamard", "helmert", "hilbert", "invhilbert", "invpascal", "pascal"),
    *("LinAlgError", "LinAlgWarning"),
}
ELSEWHERE = {  # tested by name above
    *("eigh", "eig", "eig_banded", "eigh_tridiagonal", "svd", "orth", "null_space", "lu_solve"),
    *("cho_solve", "cho_solve_banded", "solve_lyapunov"),
}


def test_no_silent_gap() -> None:
    """Every function of scipy.linalg has derivatives that are tested, or says why it has none."""
    public = {n for n in dir(sl) if callable(getattr(sl, n)) and not n.startswith("_")}
    tested = {name for name, _, _ in CALLS} | ELSEWHERE
    for name in sorted(public - NO_FUNCTIONS - CONSTANTS):
        ours = getattr(fl, name, None)
        assert ours is not None, f"functrans.scipy.linalg has no {name}"
        assert name in tested or getattr(ours, "reason", None), name
        assert ours.__module__.startswith("functrans.") or ours.reason


@pytest.mark.oracle("jax")
@pytest.mark.parametrize("name", ["expm", "solve_triangular", "lu", "toeplitz"])
def test_against_jax(name: str) -> None:
    """Gradients of a weighted sum of all outputs."""
    import jax

    with jax.enable_x64(True):
        args = {"solve_triangular": (A, B), "toeplitz": (COLUMN, ROW)}.get(name, (A / 3,))
        theirs = getattr(jax.scipy.linalg, name)

        def total(function: Any, sine: Any) -> Callable[..., Any]:
            return lambda *xs: sum(sine(o).sum() for o in outputs_of(function(*xs)))

        def outputs_of(found: Any) -> Any:
            return list(found) if isinstance(found, tuple | list) else [found]

        found = ft.grad(total(getattr(fl, name), np.sin), tuple(range(len(args))))(*args)
        expected = jax.grad(total(theirs, jax.numpy.sin), tuple(range(len(args))))(*args)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["logm", "signm", "fractional_matrix_power", "sqrtm"])
def test_whole_derivatives_of_functions_that_may_be_complex(name: str) -> None:
    """Whether they are real is known of the matrix, though not of the directions of a Jacobian."""
    function = getattr(fl, name)
    more = (0.3,) if name == "fractional_matrix_power" else ()

    def f(a: Any) -> Any:
        return function(a, *more)

    def total(a: Any) -> Any:
        return np.sum(np.cos(f(a).real))

    for a in (A, np.diag([-1.0, 2.0])):
        forward = ft.jacfwd(lambda a: (f(a).real, f(a).imag))(a)
        reverse = ft.jacrev(lambda a: (f(a).real, f(a).imag))(a)
        directions = np.eye(a.size).reshape(-1, *a.shape)
        along = ft.vmap(lambda t, a=a: ft.jvp(ft.grad(total), (a,), (t,))[1])(directions)
        np.testing.assert_allclose(ft.hessian(total)(a).reshape(along.shape), along, atol=1e-12)
        for x, y in zip(forward, reverse, strict=True):
            np.testing.assert_allclose(x, y, atol=1e-12)
