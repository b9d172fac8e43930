"""Hard points of reductions and sorting that the generic rule tests cannot state."""

import numpy as np
import pytest

from functrans import grad, hessian, jacfwd, jit, jvp, primitives as p, value_and_grad, vjp, vmap


def total(y):
    return p.sum(y, axes=tuple(range(y.ndim)))


# Values


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i8", "f2", "f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("axes", [(), (0,), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    "name", ["sum", "prod", "max", "min", "any", "all", "count_nonzero", "var"]
)
def test_values_are_numpys_to_the_last_bit(name, dtype, axes, keepdims):
    x = (np.random.default_rng(0).normal(size=(3, 4, 5)) * 2).astype(dtype).transpose(2, 0, 1)
    ans = getattr(p, name)(x, axes=axes, keepdims=keepdims)
    expected = np.asarray(getattr(np, name)(x, axis=axes, keepdims=keepdims))
    assert ans.dtype == expected.dtype
    np.testing.assert_array_equal(ans, expected, strict=ans.ndim > 0)


@pytest.mark.parametrize("dtype", ["i4", "f4", "f8", "c16"])
@pytest.mark.parametrize("axes", [None, (0,), (1,), (0, 1)])
def test_norm_is_numpys_to_the_last_bit(dtype, axes):
    x = (np.random.default_rng(0).normal(size=(5, 7)) * 3).astype(dtype)
    ans = p.norm(x, axes=(0, 1) if axes is None else axes)
    expected = np.linalg.norm(x, axis=axes if axes is None or len(axes) > 1 else axes[0])
    assert ans.dtype == expected.dtype
    # NumPy sums in another order when all axes are named than when none is.
    tolerance = 4 * np.finfo(ans.dtype).eps if axes == (0, 1) else 0
    np.testing.assert_allclose(ans, expected, rtol=tolerance)


def test_norm_where_the_squares_leave_the_range():
    x = np.array([[3e200, 3e-200, 3.0, 0.0, np.inf], [4e200, 4e-200, 4.0, 0.0, 1.0]])
    np.testing.assert_allclose(p.norm(x, axes=(0,)), [5e200, 5e-200, 5.0, 0.0, np.inf], rtol=1e-15)
    np.testing.assert_allclose(p.norm(x[:, 0] * (1 + 1j), axes=(0,)), 5e200 * 2**0.5, rtol=1e-15)
    assert np.isnan(p.norm(np.array([np.nan, 1e200]), axes=(0,)))


def test_logsumexp_sees_what_is_far_below_the_largest():
    assert p.logsumexp(np.array([0.0, -40.0]), axes=(0,)) == np.log1p(np.exp(-40.0))
    assert p.logsumexp(np.array([1e4, 1e4]), axes=(0,)) == 1e4 + np.log(2)
    assert p.logsumexp(np.array([-np.inf, -np.inf]), axes=(0,)) == -np.inf
    assert p.logsumexp(np.array([np.inf, 0.0]), axes=(0,)) == np.inf
    assert p.logsumexp(np.zeros(0), axes=(0,)) == -np.inf
    assert np.isnan(p.logsumexp(np.array([np.nan, 0.0]), axes=(0,)))


# Products with zeros


def hessian_of_product(x):
    """Entry (i, j) by multiplying out all elements but those two."""
    n = len(x)
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                out[i, j] = np.prod([x[k] for k in range(n) if k not in (i, j)])
    return out


@pytest.mark.parametrize(
    "x",
    [[2.0, 3.0, 5.0], [2.0, 0.0, 5.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 7.0]],
    ids=str,
)
@pytest.mark.parametrize("transform", [hessian, lambda f: jacfwd(jacfwd(f))], ids=["rev", "fwd"])
def test_second_derivative_of_prod_is_exact_at_zeros(x, transform):
    x = np.array(x)
    ans = transform(lambda v: p.prod(v, axes=(0,)))(x)
    np.testing.assert_array_equal(ans, hessian_of_product(x))


@pytest.mark.parametrize("x", [[0.0, 0.0, 0.0], [2.0, 0.0, 3.0]], ids=str)
def test_third_derivative_of_prod_is_exact_at_zeros(x):
    ans = jacfwd(hessian(lambda v: p.prod(v, axes=(0,))))(np.array(x))
    expected = np.zeros((3, 3, 3))
    for i, j, k in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]:
        expected[i, j, k] = 1
    np.testing.assert_array_equal(ans, expected)


def test_prod_over_several_axes_keeps_each_element_in_its_place():
    x = np.arange(24.0).reshape(2, 3, 4) / 8
    g = grad(lambda v: total(p.prod(v, axes=(0, 2))))(x)
    for i, j, k in np.ndindex(2, 3, 4):
        others = np.delete(x[:, j].ravel(), 4 * i + k)
        np.testing.assert_allclose(g[i, j, k], np.prod(others), rtol=1e-14)


def test_derivative_of_prod_beside_an_infinity():
    # Backward only: forward, the infinite entry meets the tangent 0 of the other element.
    x = np.array([2.0, np.inf])
    np.testing.assert_array_equal(grad(lambda v: p.prod(v, axes=(0,)))(x), [np.inf, 2.0])


def test_derivative_of_prod_where_the_product_underflows():
    x = np.array([1e-200, 1e-200, 1e150])
    np.testing.assert_allclose(
        grad(lambda v: p.prod(v, axes=(0,)))(x), [1e-50, 1e-50, 0.0], rtol=1e-15
    )


@pytest.mark.parametrize("x", [[2.0, 0.0, 5.0, 0.0], [0.0, 0.0, 3.0], [1.0, 2.0, 3.0]], ids=str)
def test_derivatives_of_cumprod_are_exact_at_zeros(x):
    x = np.array(x)
    n = len(x)
    second = hessian(lambda v: p.cumprod(v, axis=0))(x)
    for k in range(n):
        expected = np.zeros((n, n))
        expected[: k + 1, : k + 1] = hessian_of_product(x[: k + 1])
        np.testing.assert_array_equal(second[k], expected)


def test_recurrence_is_the_same_by_column_and_by_row():
    # Narrow arrays run through Python's floats, wide ones through NumPy.
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 6, 30))
    for reverse in (False, True):
        for lag in (0, 1):
            wide = p.recurrence(x, y, axis=0, reverse=reverse, lag=lag)
            narrow = p.recurrence(x[:, :3], y[:, :3], axis=0, reverse=reverse, lag=lag)
            np.testing.assert_allclose(wide[:, :3], narrow, rtol=1e-14)


# Extrema


@pytest.mark.parametrize("reduce", [p.max, p.min], ids=["max", "min"])
def test_ties_share_alike_forward_and_backward(reduce):
    x = np.array([[1.0, 1.0, 2.0], [1.0, 3.0, 3.0]])
    t, g = np.random.default_rng(0).normal(size=(2, 2, 3))

    def f(v):
        return reduce(v, axes=(1,))

    _, tangent = jvp(f, (x,), (t,))
    _, pull = vjp(f, x)
    np.testing.assert_allclose(g[:, 0] @ tangent, np.sum(pull(g[:, 0])[0] * t), rtol=1e-14)


def test_unchosen_elements_do_not_count_even_where_their_derivative_is_infinite():
    x = np.array([0.0, 4.0])
    np.testing.assert_array_equal(grad(lambda v: p.max(p.sqrt(v), axes=(0,)))(x), [0.0, 0.25])
    _, t = jvp(lambda v: p.max(p.sqrt(v), axes=(0,)), (x,), (np.ones(2),))
    assert t == 0.25


def test_gradient_of_max_keeps_single_precision():
    x = np.array([1.0, 2.0, 2.0], np.float32)
    _, pull = vjp(lambda v: p.max(v, axes=(0,)), x)
    (g,) = pull(np.float32(1))
    assert g.dtype == np.float32


# Softmax, norms and variances


def test_second_derivative_of_logsumexp_is_that_of_softmax():
    x = np.array([0.0, -40.0, 1.0])
    s = np.exp(x) / np.sum(np.exp(x))
    expected = np.diag(s) - np.outer(s, s)
    ans = hessian(lambda v: p.logsumexp(v, axes=(0,)))(x)
    np.testing.assert_allclose(ans, expected, rtol=1e-12, atol=1e-32)


def test_derivative_of_logsumexp_at_large_arguments_loses_no_digits():
    x = np.array([1e6, 1e6 - 1])
    expected = np.array([1, np.exp(-1.0)]) / (1 + np.exp(-1.0))
    np.testing.assert_allclose(grad(lambda v: p.logsumexp(v, axes=(0,)))(x), expected, rtol=1e-15)


def test_infinite_logits_share_evenly():
    np.testing.assert_array_equal(p.softmax(np.full(4, -np.inf), axes=(0,)), [0.25] * 4)
    np.testing.assert_array_equal(
        p.softmax(np.array([np.inf, 0, np.inf]), axes=(0,)), [0.5, 0, 0.5]
    )
    assert np.isnan(p.softmax(np.array([np.nan, 0.0]), axes=(0,))).all()


def test_second_derivative_of_norm():
    x = np.array([3.0, 4.0])
    expected = (np.eye(2) - np.outer(x, x) / 25) / 5
    np.testing.assert_allclose(hessian(lambda v: p.norm(v, axes=(0,)))(x), expected, rtol=1e-14)
    at_zero = hessian(lambda v: p.norm(v, axes=(0,)))(np.zeros(2))
    np.testing.assert_array_equal(at_zero, np.zeros((2, 2)))


def test_norm_of_zeros_does_not_spoil_its_neighbours():
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    ans = hessian(lambda v: total(p.norm(v, axes=(1,))))(x)
    np.testing.assert_array_equal(ans[0], np.zeros((2, 2, 2)))
    np.testing.assert_allclose(ans[1, :, 1], [[0.128, -0.096], [-0.096, 0.072]], rtol=1e-13)


def test_second_derivative_of_var_far_from_zero():
    x = 1e8 + np.array([-1.0, 0.0, 1.0])
    expected = (np.eye(3) - 1 / 3) * 2 / 2
    ans = hessian(lambda v: p.var(v, axes=(0,), ddof=1))(x)
    np.testing.assert_allclose(ans, expected, rtol=1e-14)


# Sorting


def test_tied_elements_average_what_their_places_receive():
    weights = np.array([1.0, 10.0, 100.0, 1000.0])

    def f(x):
        return p.sum(p.multiply(weights, p.sort(x, axis=0)), axes=(0,))

    x = np.array([2.0, 1.0, 2.0, 1.0])
    np.testing.assert_array_equal(grad(f)(x), [550.0, 5.5, 550.0, 5.5])
    for i, t in enumerate(np.eye(4)):
        assert jvp(f, (x,), (t,))[1] == grad(f)(x)[i]


def test_partition_moves_derivatives_as_it_moves_values():
    rng = np.random.default_rng(0)
    x = rng.permutation(40.0 * np.arange(50)).reshape(5, 10)
    t = rng.normal(size=x.shape)
    ans, tangent = jvp(lambda v: p.partition(v, kth=(3, 6), axis=1), (x,), (t,))
    np.testing.assert_array_equal(ans, np.partition(x, (3, 6), axis=1))
    for row in range(5):
        by_value = dict(zip(x[row], t[row], strict=True))
        np.testing.assert_array_equal(tangent[row], [by_value[v] for v in ans[row]])


def test_elements_sorted_out_of_sight_do_not_count():
    x = np.array([0.0, 4.0, 1.0])

    def largest(v):
        return p.index_(p.sort(p.sqrt(v), axis=0), index=p.Index((-1,)))

    np.testing.assert_array_equal(grad(largest)(x), [0.0, 0.25, 0.0])


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)], ids=str)
@pytest.mark.parametrize("shape", [(), (2, 3)], ids=str)
def test_searchsorted_in_lanes_of_either_operand(axes, shape):
    rng = np.random.default_rng(0)
    x = np.sort(rng.normal(size=(4, 6) if axes[0] == 0 else (6,)), axis=-1)
    y = rng.normal(size=(4, *shape) if axes[1] == 0 else shape)
    ans = vmap(lambda a, v: p.searchsorted(a, v, side="right"), in_axes=axes)(x, y)
    for i in range(4):
        own = np.searchsorted(x[i] if axes[0] == 0 else x, y[i] if axes[1] == 0 else y, "right")
        np.testing.assert_array_equal(ans[i], own)


WITHOUT_DIMENSIONS = {
    "choose": lambda x: np.choose(1, [x[0, 0], x[1, 1]]),
    "cond": lambda x: np.linalg.cond(x[:, :2]),
    "interp": lambda x: np.interp(x[0, 0], np.arange(3.0), np.arange(3.0)),
    "logaddexp": lambda x: np.logaddexp.reduce(x[0]),
    "median": np.median,
    "nanmax": np.nanmax,
    "nanmedian": np.nanmedian,
    "nanquantile": lambda x: np.nanquantile(x, 0.3),
    "nanstd": np.nanstd,
    "nanvar": np.nanvar,
    "norm": np.linalg.norm,
    "norm of order 3": lambda x: np.linalg.norm(x[0], 3),
    "percentile": lambda x: np.percentile(x, 30),
    "quantile": lambda x: np.quantile(x, 0.3),
    "std": lambda x: x.std(),
    "var": np.var,
    "where": lambda x: np.where(x[0, 0] > 0, x[0, 0], x[1, 1]),
}


@pytest.mark.parametrize("name", WITHOUT_DIMENSIONS)
def test_results_without_dimensions_are_scalars_where_those_of_numpy_are(name):
    """An array without dimensions is another thing: it has no hash, and prints otherwise."""
    function = WITHOUT_DIMENSIONS[name]
    x = np.array([[0.5, 1.5, 4.0], [2.5, -1.0, 0.25]])
    wanted = type(function(x))
    assert type(jit(function)(x)) is wanted
    assert type(value_and_grad(function)(x)[0]) is wanted
