"""Linear algebra at its hard points: singular, defective, degenerate and empty matrices, by name.

Regular points of every rule are tried by the generic tests. Here, too, are the functions of
Hermitian matrices, whose derivatives only show along Hermitian directions.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from numpy.linalg import LinAlgError

import functrans as ft
from functrans import primitives as p
from functrans.primitives.contraction import column, row
from functrans.primitives.linalg import adjoint, symmetrized
from functrans.testing import Sample, check_rules

Array = Any
EXACT = {"rtol": 1e-13, "atol": 1e-13}  # some roundings of numbers of size 1


def draw(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def draw_complex(*shape: int, seed: int = 0) -> Array:
    return draw(*shape, seed=seed) + 1j * draw(*shape, seed=seed + 1)


def orthogonal(n: int, seed: int = 0) -> Array:
    return np.linalg.qr(draw(n, n, seed=seed))[0]


def both_fields(function: Callable[..., Any], *shape: int) -> None:
    """Check a composed function at a real and a complex matrix, alone and in a stack."""
    for make in (draw, draw_complex):
        check_rules(function, [Sample(make(*shape)), Sample(make(2, *shape, seed=5))])


# Determinants.


def polynomial_det(x: Array) -> Array:
    """The determinant as a sum over permutations, whose derivatives are beyond doubt."""
    n = x.shape[-1]
    total = 0.0
    for order in permutations(range(n)):
        sign = (-1) ** sum(order[i] > order[j] for i in range(n) for j in range(i + 1, n))
        term = sign
        for i in range(n):
            term = term * x[i, order[i]]
        total = total + term
    return total


def of_rank(rank: int, n: int = 4, complex_too: bool = False) -> Array:
    make = draw_complex if complex_too else draw
    return make(n, rank, seed=1) @ make(rank, n, seed=3)


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("complex_too", [False, True])
def test_first_and_second_derivatives_of_det_at_every_rank(rank: int, complex_too: bool) -> None:
    x = of_rank(rank, complex_too=complex_too)
    tangent = draw(4, 4, seed=9) + (1j * draw(4, 4, seed=8) if complex_too else 0)

    def gradient(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
        return ft.grad(lambda a: np.real(function(a)))

    found, expected = gradient(np.linalg.det)(x), gradient(polynomial_det)(x)
    # Roundings of products of three elements, which are about 3.
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    _, found = ft.jvp(gradient(np.linalg.det), (x,), (tangent,))
    _, expected = ft.jvp(gradient(polynomial_det), (x,), (tangent,))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_gradient_of_det_is_exact_where_the_inverse_is_not() -> None:
    """A matrix within rounding of a singular one: the cofactors are as accurate as elsewhere."""
    x = of_rank(3) + 1e-15 * draw(4, 4, seed=7)
    np.testing.assert_allclose(ft.grad(np.linalg.det)(x), ft.grad(polynomial_det)(x), **EXACT)


def test_det_of_a_stack_with_a_singular_lane() -> None:
    x = np.stack([draw(3, 3), np.diag([2.0, 3.0, 0.0]), np.zeros((3, 3))])
    found = ft.grad(lambda a: np.sum(np.linalg.det(a)))(x)
    np.testing.assert_allclose(found[0], np.linalg.det(x[0]) * np.linalg.inv(x[0]).T, **EXACT)
    np.testing.assert_allclose(found[1], np.diag([0.0, 0.0, 6.0]), **EXACT)
    np.testing.assert_array_equal(found[2], np.zeros((3, 3)))


def test_nan_in_one_lane_of_det_stays_there() -> None:
    x = np.stack([draw(2, 2), np.full((2, 2), np.nan)])
    with np.errstate(invalid="ignore"):  # NumPy's own warning
        found = ft.grad(lambda a: np.sum(np.linalg.det(a)))(x)
    np.testing.assert_allclose(found[0], np.linalg.det(x[0]) * np.linalg.inv(x[0]).T, **EXACT)
    assert np.isnan(found[1]).all()


def test_slogdet_where_det_overflows() -> None:
    x = 1e200 * np.diag([1.0, 2.0, 4.0])
    found = ft.grad(lambda a: np.linalg.slogdet(a).logabsdet)(x)
    np.testing.assert_allclose(found, np.diag([1e-200, 5e-201, 2.5e-201]), rtol=1e-14)


def test_a_singular_lane_of_slogdet_is_infinite_and_others_are_right() -> None:
    x = np.stack([np.zeros((1, 1)), np.full((1, 1), 4.0)])
    found = ft.grad(lambda a: np.sum(np.linalg.slogdet(a)[1]))(x)
    np.testing.assert_array_equal(found, [[[np.inf]], [[0.25]]])


# Linear systems.


def test_a_right_side_is_a_vector_only_if_it_has_one_axis() -> None:
    a, b = draw(3, 3) + 3 * np.eye(3), draw(3, 3, seed=1)
    stack = np.stack([a, 2 * a])
    for right in (b[0], b, np.stack([b, b])):
        for left in (a, stack):
            np.testing.assert_array_equal(
                ft.vjp(np.linalg.solve, left, right)[0], np.linalg.solve(left, right)
            )


def test_a_batch_of_right_sides_is_solved_with_one_factorisation() -> None:
    a = draw(3, 3) + 3 * np.eye(3)
    for right in (draw(5, 3), draw(5, 3, 2)):
        solve = ft.vmap(np.linalg.solve, in_axes=(None, 0))
        graph = ft.make_graph(solve)(a, right)
        shapes = [
            x.type.shape for e in graph.equations if e.primitive.name == "solve" for x in e.inputs
        ]
        assert shapes == [(3, 3), (3, right.size // 3)]
        expected = [np.linalg.solve(a, b) for b in right]
        np.testing.assert_allclose(solve(a, right), expected, **EXACT)


SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize(
    "function",
    [
        np.linalg.inv,
        lambda a: np.linalg.solve(a, np.ones(2)),
        lambda a: np.linalg.matrix_power(a, -2),
        lambda a: np.linalg.cholesky(-a),
        lambda a: np.linalg.det(a[:1]),
        lambda a: np.linalg.inv(a[0]),
        lambda a: np.linalg.eigh(a[:1]),
        lambda a: np.linalg.eig(a[:1]),
        lambda a: np.linalg.cholesky(a[:1]),
        lambda a: np.linalg.svd(a[0]),
        lambda a: np.linalg.qr(a[0]),
        lambda a: np.linalg.cond(a[:0]),
        lambda a: np.linalg.cond(a[:1], 1),
        lambda a: np.linalg.lstsq(a, np.ones(3)),
        lambda a: np.linalg.multi_dot([a, a[0], a]),
        lambda a: np.linalg.tensorsolve(a[:, :1], np.ones(2)),
    ],
)
def test_linalg_errors_are_those_of_numpy(function: Callable[[Array], Any]) -> None:
    with pytest.raises(LinAlgError):
        function(SINGULAR)
    with pytest.raises(LinAlgError):
        ft.vjp(function, SINGULAR)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.linalg.det(a[:1]),
        lambda a: np.linalg.eigh(a[:1]),
        lambda a: np.linalg.svd(a[0]),
        lambda a: np.linalg.solve(a[0], a),
        lambda a: np.linalg.lstsq(a, np.ones(3)),
    ],
)
def test_shapes_are_checked_before_values_are_known(function: Callable[[Array], Any]) -> None:
    with pytest.raises(LinAlgError):
        ft.make_graph(function)(SINGULAR)


def test_float16_is_refused_as_numpy_refuses_it() -> None:
    with pytest.raises(TypeError, match="float16 is unsupported in linalg"):
        ft.make_graph(np.linalg.inv)(np.eye(2, dtype=np.float16))


# Cholesky factors and eigenvalues: functions of Hermitian matrices.


def positive_definite(x: Array) -> Array:
    return p.add(p.matmul(x, adjoint(x)), np.eye(x.shape[-1]))


@pytest.mark.parametrize("upper", [False, True])
def test_cholesky_along_hermitian_directions(upper: bool) -> None:
    both_fields(lambda x: p.cholesky(positive_definite(x), upper=upper), 3, 3)


def test_the_gradient_of_cholesky_is_symmetric() -> None:
    """The derivative is that of the function of the symmetric part of the matrix."""
    a = positive_definite(draw(3, 3))
    found = ft.grad(lambda x: np.sum(np.linalg.cholesky(x)))(a)
    np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize("uplo", ["L", "U"])
def test_eigenvalues_along_hermitian_directions(uplo: str) -> None:
    both_fields(lambda x: p.eigvalsh(symmetrized(x), uplo=uplo), 3, 3)


def test_eigenvectors_along_hermitian_directions() -> None:
    def function(x: Array) -> tuple[Array, ...]:
        w, v = p.eigh(symmetrized(x), uplo="L")
        weighted = p.multiply(v, row(p.exp(w)))
        first = v[..., :, :1]
        return w, p.matmul(weighted, adjoint(v)), p.matmul(first, adjoint(first))

    both_fields(function, 3, 3)


@pytest.mark.parametrize("turn", [np.eye(3), orthogonal(3)])
def test_eigenvalues_that_are_equal_up_to_rounding(turn: Array) -> None:
    """What does not depend on the choice of eigenvectors has its derivative."""
    a = turn @ np.diag([1.0, 1.0, 3.0]) @ turn.T
    a = (a + a.T) / 2

    def symmetric_function(x: Array) -> Array:
        return np.sum(np.sin(np.linalg.eigh(x)[0]))

    def weight_of_the_pair(x: Array) -> Array:
        v = np.linalg.eigh(x)[1][:, :2]
        return np.sum(np.outer([1.0, 2.0, 4.0], [1.0, 2.0, 4.0]) * (v @ v.T))

    expected = turn @ np.diag(np.cos([1.0, 1.0, 3.0])) @ turn.T
    np.testing.assert_allclose(ft.grad(symmetric_function)(a), expected, rtol=1e-13, atol=1e-13)
    for x in (a, np.eye(3)):
        np.testing.assert_allclose(
            ft.grad(lambda x: np.sum(np.linalg.eigvalsh(x)))(x), np.eye(3), **EXACT
        )
    direction = draw(3, 3, seed=2)
    direction = direction + direction.T
    _, found = ft.jvp(weight_of_the_pair, (a,), (direction,))
    h = 1e-4
    difference = weight_of_the_pair(a + h * direction) - weight_of_the_pair(a - h * direction)
    # A central difference has an error of h**2 times the third derivative.
    np.testing.assert_allclose(found, difference / (2 * h), rtol=1e-6, atol=1e-6)
    pulled = np.sum(ft.grad(weight_of_the_pair)(a) * direction)
    np.testing.assert_allclose(pulled, found, rtol=1e-12)


def test_second_derivatives_at_equal_eigenvalues() -> None:
    hessian = ft.hessian(lambda x: np.sum(np.linalg.eigvalsh(x) ** 2))
    symmetric = np.einsum("ik,jl->ijkl", np.eye(2), np.eye(2))
    symmetric = symmetric + symmetric.transpose(0, 1, 3, 2)
    for a in (np.eye(2), np.diag([1.0, 2.0])):
        np.testing.assert_allclose(hessian(a), symmetric, **EXACT)


def test_eigenvalues_of_a_matrix_that_is_not_symmetric_of_other_scale() -> None:
    """Close is relative to the size of the matrix."""
    for scale in (1e-150, 1.0, 1e150):
        a = scale * np.array([[1.0, 1e-3], [1e-3, 1.0 + 1e-6]])
        _, (_, t_v) = ft.jvp(np.linalg.eigh, (a,), (a @ np.diag([1.0, 0.0]),))
        assert np.abs(t_v).max() > 0.1


def test_general_eigenvectors_have_length_one() -> None:
    a = draw_complex(3, 3)

    def function(x: Array) -> tuple[Array, ...]:
        w, v = p.eig(x)
        return w, p.absolute(v), p.eigvals(x)

    check_rules(function, [Sample(a), Sample(np.stack([a, a @ a]))])


def test_general_eigenvalues_of_a_real_matrix() -> None:
    a = np.diag([1.0, 2.0, 4.0]) + 0.1 * draw(3, 3)
    turning = np.array([[0.0, 1.0], [-2.0, 0.1]])
    for x in (a, turning):
        weights = np.arange(1.0, 1 + x.shape[0])

        def function(y: Array, weights: Array = weights) -> Array:
            return np.sum(weights * np.abs(np.linalg.eigvals(y)) ** 2)

        direction = draw(*x.shape, seed=4)
        h = 1e-5
        difference = function(x + h * direction) - function(x - h * direction)
        found = np.sum(ft.grad(function)(x) * direction)
        np.testing.assert_allclose(found, difference / (2 * h), rtol=1e-8)  # errors of h**2


def test_the_types_of_general_eigenvalues_are_not_known_beforehand() -> None:
    with pytest.raises(TypeError, match="complex matrix"):
        ft.make_graph(np.linalg.eig)(np.eye(2))


# QR and singular values.


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
@pytest.mark.parametrize("full", [False, True])
def test_singular_vectors(shape: tuple[int, int], full: bool) -> None:
    """All that does not depend on the phases of the vectors, nor on those beyond the values."""

    def function(x: Array) -> tuple[Array, ...]:
        u, s, vh = p.svd(x, full=full)
        k = s.shape[-1]
        first_u, first_v, rest_u, rest_v = u[..., :1], vh[..., :1, :], u[..., k:], vh[..., k:, :]
        low_rank = p.matmul(p.multiply(first_u, p.sin(s)[..., None, :1]), first_v)
        spaces = [p.matmul(z, adjoint(z)) for z in (first_u, rest_u, adjoint(rest_v))]
        return s, low_rank, *spaces

    both_fields(function, *shape)


def test_singular_values_at_ties_and_at_zero() -> None:
    """Ties share evenly; a vanishing singular value has a kink, whose derivative is 0."""
    nuclear = ft.grad(lambda x: np.linalg.norm(x, "nuc"))
    spectral = ft.grad(lambda x: np.linalg.norm(x, 2))
    u, v = orthogonal(3), orthogonal(3, seed=1)
    np.testing.assert_allclose(nuclear(u), u, **EXACT)
    np.testing.assert_allclose(nuclear(np.diag([2.0, 0.0, 1.0])), np.diag([1.0, 0, 1]), **EXACT)
    np.testing.assert_array_equal(nuclear(np.zeros((2, 3))), np.zeros((2, 3)))
    np.testing.assert_allclose(spectral(np.eye(4)), np.eye(4) / 4, **EXACT)
    np.testing.assert_array_equal(spectral(np.zeros((2, 2))), np.zeros((2, 2)))
    x = u @ np.diag([3.0, 2.0, 2.0]) @ v
    expected = u @ np.diag([6.0, 4.0, 4.0]) @ v
    found = ft.grad(lambda x: np.sum(np.linalg.svd(x)[1] ** 2))(x)
    np.testing.assert_allclose(found, expected, **EXACT)


def test_the_best_approximation_of_low_rank_at_a_matrix_of_that_rank() -> None:
    """The vectors of vanishing singular values are free; nothing here depends on them."""
    x = draw(4, 2) @ draw(2, 3, seed=1)
    weights = draw(4, 3, seed=2)

    def function(x: Array) -> Array:
        u, s, vh = np.linalg.svd(x, full_matrices=False)
        return np.sum(weights * ((u[:, :2] * s[:2]) @ vh[:2]))

    projection = np.eye(4) - x @ np.linalg.pinv(x)
    expected = weights - projection @ weights @ (np.eye(3) - np.linalg.pinv(x) @ x)
    np.testing.assert_allclose(ft.grad(function)(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 2), (3, 3), (2, 4)])
def test_complete_qr(shape: tuple[int, int]) -> None:
    def function(x: Array) -> tuple[Array, ...]:
        q, r = p.qr(x, complete=True)
        k = min(shape)
        rest = q[..., k:]
        return q[..., :k], r, p.matmul(rest, adjoint(rest))

    both_fields(function, *shape)


def test_qr_of_a_matrix_of_lower_rank_has_no_derivative() -> None:
    with pytest.raises(LinAlgError):
        ft.grad(lambda x: np.sum(np.linalg.qr(x)[1]))(np.zeros((2, 2)))


def test_pinv_of_a_matrix_of_lower_rank() -> None:
    """Along directions that keep the rank."""
    left, right = draw(4, 2), draw(2, 3, seed=1)

    def function(left: Array, right: Array) -> Array:
        return np.linalg.pinv(left @ right, rcond=1e-10)

    def factors(left: Array, right: Array) -> Array:
        return np.linalg.pinv(right) @ np.linalg.pinv(left)

    tangents = (draw(4, 2, seed=5), draw(2, 3, seed=6))
    _, found = ft.jvp(function, (left, right), tangents)
    _, expected = ft.jvp(factors, (left, right), tangents)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


# Norms.

VECTOR_ORDERS = [None, 0, 1, 2, 3, 2.5, 0.5, -1, -2, np.inf, -np.inf]
MATRIX_ORDERS = [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]


@pytest.mark.parametrize("order", VECTOR_ORDERS)
def test_derivatives_of_vector_norms_at_zero_are_zero(order: Any) -> None:
    for x in (np.zeros(3), np.zeros((2, 3)), np.zeros(3, complex)):
        found = ft.grad(lambda x: np.sum(np.linalg.norm(x, order, axis=-1)))(x)
        np.testing.assert_array_equal(found, np.zeros(x.shape))


@pytest.mark.parametrize("order", MATRIX_ORDERS)
def test_derivatives_of_matrix_norms_at_zero_are_zero(order: Any) -> None:
    for x in (np.zeros((2, 3)), np.zeros((4, 2, 2))):
        found = ft.grad(lambda x: np.sum(np.linalg.norm(x, order, axis=(-2, -1))))(x)
        np.testing.assert_array_equal(found, np.zeros(x.shape))


@pytest.mark.parametrize("order", VECTOR_ORDERS)
def test_vector_norms(order: Any) -> None:
    if order == -1 and np.lib.NumpyVersion(np.__version__) < "2.4.0":
        pytest.skip("older versions divide where ours takes a power: the last place differs")
    for x in (draw(4), draw_complex(4), draw(2, 3)):
        check_rules(lambda a: np.linalg.norm(a, order, axis=-1, keepdims=True), [Sample(x)])


@pytest.mark.parametrize("order", MATRIX_ORDERS)
def test_matrix_norms(order: Any) -> None:
    for x in (draw(3, 4), draw_complex(3, 2), draw(2, 3, 3)):
        check_rules(lambda a: np.linalg.norm(a, order, axis=(-1, -2)), [Sample(x)])


@pytest.mark.parametrize("order", [0.5, 1, 1.5, 2, 3])
def test_an_element_that_vanishes_beside_others(order: float) -> None:
    x = np.array([0.0, 3.0, -4.0])
    found = ft.grad(lambda x: np.linalg.norm(x, order))(x)
    size = np.sum(np.abs(x[1:]) ** order) ** (1 / order)
    expected = np.sign(x[1:]) * (np.abs(x[1:]) / size) ** (order - 1)
    np.testing.assert_allclose(found, [0.0, *expected], rtol=1e-13)


# Compositions.


def test_multi_dot_multiplies_in_the_cheapest_order() -> None:
    xs = [draw(1, 9), draw(9, 9), draw(9, 9), draw(9, 1)]
    graph = ft.make_graph(lambda *a: np.linalg.multi_dot(a))(*xs)
    sizes = [x.type.size for e in graph.equations for x in e.outputs]
    assert max(sizes) == 9


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 3, 4, 7])
def test_matrix_power(n: int) -> None:
    x = draw(2, 3, 3) + 2 * np.eye(3)
    function = lambda a: np.linalg.matrix_power(a, n)  # noqa: E731
    np.testing.assert_array_equal(ft.jvp(function, (x,), (x,))[0], function(x))
    if n:
        check_rules(function, [Sample(x)])


@pytest.mark.parametrize("order", [None, 2, -2, 1, -1, np.inf, "fro"])
def test_condition_numbers(order: Any) -> None:
    check_rules(lambda a: np.linalg.cond(a, order), [Sample(draw(3, 3) + 2 * np.eye(3))])
    singular, _ = ft.jvp(lambda a: np.linalg.cond(a, order), (SINGULAR,), (SINGULAR,))
    assert singular < 1e-15 if order == -2 else singular > 1e15


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigh", "eigvalsh", "svd", "qr"])
def test_single_precision_stays_single(name: str) -> None:
    a = positive_definite(draw(3, 3)).astype(np.float32)

    def function(x: Array) -> Array:
        ans = getattr(np.linalg, name)(x)
        return sum(np.sum(part) for part in (ans if isinstance(ans, tuple) else (ans,)))

    assert ft.grad(function)(a).dtype == np.float32
    assert ft.jvp(function, (a,), (a,))[1].dtype == np.float32


@pytest.mark.parametrize(
    "function",
    [
        np.linalg.inv,
        np.linalg.det,
        lambda a: np.linalg.slogdet(a)[1],
        lambda a: np.linalg.solve(a, np.ones((a.shape[-1], 2))),
        np.linalg.cholesky,
        lambda a: np.linalg.qr(a)[1],
        lambda a: np.linalg.svd(a)[0],
        np.linalg.svdvals,
        lambda a: np.linalg.eigh(a)[1],
        np.linalg.eigvalsh,
        np.linalg.pinv,
    ],
)
@pytest.mark.parametrize("shape", [(0, 0), (0, 2, 2), (2, 0, 0)])
def test_empty_matrices(function: Callable[[Array], Array], shape: tuple[int, ...]) -> None:
    x = np.zeros(shape)
    value, tangent = ft.jvp(function, (x,), (x,))
    assert value.shape == tangent.shape == function(x).shape
    assert ft.grad(lambda a: np.sum(function(a)))(x).shape == shape


def test_results_have_names() -> None:
    a = positive_definite(draw(2, 2))
    ft.vjp(lambda x: np.linalg.eigh(x).eigenvectors, a)
    ft.vjp(lambda x: np.linalg.svd(x).Vh, a)
    ft.vjp(lambda x: np.linalg.qr(x).R, a)
    ft.vjp(lambda x: np.linalg.slogdet(x).logabsdet, a)
    ft.vjp(lambda x: np.linalg.eig(x).eigenvalues, a)


@pytest.mark.oracle("jax")
@pytest.mark.parametrize(
    "function",
    [
        lambda la, a: la.cholesky(a),
        lambda la, a: la.inv(a),
        lambda la, a: la.det(a),
        lambda la, a: la.slogdet(a)[1],
        lambda la, a: la.solve(a, a[:, :2]),
        lambda la, a: la.eigvalsh(a),
        lambda la, a: abs(la.eigh(a)[1]),
        lambda la, a: abs(la.svd(a)[0]),
        lambda la, a: abs(la.qr(a)[0]),
        lambda la, a: la.pinv(a),
        lambda la, a: la.norm(a, 2),
        lambda la, a: la.matrix_power(a, -2),
    ],
)
@pytest.mark.parametrize("complex_too", [False, True])
def test_gradients_are_those_of_jax(function: Callable[..., Any], complex_too: bool) -> None:
    jax = pytest.importorskip("jax")
    a = positive_definite(draw_complex(3, 3) if complex_too else draw(3, 3))
    with jax.enable_x64(True):
        weights = np.cos(np.arange(function(np.linalg, a).size)).reshape(
            function(np.linalg, a).shape
        )
        expected = jax.grad(lambda a: (weights * function(jax.numpy.linalg, a)).real.sum())(a)
        expected = np.asarray(expected)
    found = ft.grad(lambda a: np.sum(np.real(weights * function(np.linalg, a))))(a)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def test_column_of_a_stack_of_vectors_is_no_matrix() -> None:
    """NumPy takes a right side of two axes for a matrix, batches of vectors included."""
    a, b = draw(2, 3, 3) + 3 * np.eye(3), draw(2, 3, seed=1)
    found = ft.vmap(np.linalg.solve)(a, b)
    np.testing.assert_allclose(found, np.linalg.solve(a, column(b))[..., 0], **EXACT)
