"""functrans.nn: activations, losses and distances against differences, at kinks and far out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans import nn
from functrans.testing import check_grads

Function = Callable[..., Any]

x = np.array([[-1.7, -0.31, 0.23], [0.9, 1.3, 2.6]])
y = np.array([[0.4, -0.8, 1.1], [-1.2, 0.7, -0.2]])
P = np.array([[0.2, 0.5, 0.3], [0.6, 0.15, 0.25]])
SIGNS = np.array([1, -1])

ACTIVATIONS: list[Function] = [
    nn.relu,
    nn.relu6,
    nn.leaky_relu,
    nn.elu,
    nn.selu,
    nn.celu,
    nn.gelu,
    lambda x: nn.gelu(x, approximate="tanh"),
    nn.silu,
    nn.mish,
    nn.sigmoid,
    nn.log_sigmoid,
    nn.tanh,
    lambda x: nn.softplus(x, beta=2.0, threshold=3.0),
    nn.softsign,
    nn.tanhshrink,
    nn.softshrink,
    nn.hardshrink,
    lambda x: nn.threshold(x, 0.5, -1.0),
    nn.hardtanh,
    nn.hardsigmoid,
    nn.hardswish,
]
SMOOTH: list[tuple[Function, tuple[Any, ...]]] = [
    *[(f, (x,)) for f in ACTIVATIONS],
    (nn.prelu, (x, np.array([0.2, 0.4, 0.1]))),
    (lambda x: nn.glu(x, axis=0), (x,)),
    (nn.softmax, (x,)),
    (lambda x: nn.softmin(x, axis=None), (x,)),
    (lambda x: nn.log_softmax(x, axis=0), (x,)),
    (nn.normalize, (x,)),
    (lambda x: nn.normalize(x, p=3.0), (x,)),
    (nn.cosine_similarity, (x, y)),
    (nn.pairwise_distance, (x, y)),
    (nn.mse_loss, (x, y)),
    (nn.l1_loss, (x, y)),
    (nn.smooth_l1_loss, (x, y)),
    (lambda x, y: nn.huber_loss(x, y, delta=0.5), (x, y)),
    (nn.binary_cross_entropy, (P, P[::-1])),
    (lambda x, y: nn.binary_cross_entropy_with_logits(x, y, pos_weight=P[0]), (x, P)),
    (nn.kl_div, (x, P)),
    (lambda x, y: nn.kl_div(x, y, log_target=True), (x, y)),
    (lambda x: nn.hinge_embedding_loss(x, SIGNS), (x[:, 0],)),
    (lambda x: nn.soft_margin_loss(x, SIGNS), (x[:, 0],)),
    (lambda x, y: nn.margin_ranking_loss(x, y, SIGNS, margin=0.2), (x[:, 0], y[:, 0])),
    (lambda x, y: nn.cosine_embedding_loss(x, y, SIGNS), (x, y)),
    (lambda x, y: nn.triplet_margin_loss(x, y, P, swap=True), (x, y)),
    (nn.gaussian_nll_loss, (x, y, P)),
    (lambda x, y: nn.poisson_nll_loss(x, y, full=True), (x, y + 2)),
    (lambda x: nn.cross_entropy(x, np.array([2, 0]), weight=P[0], label_smoothing=0.1), (x,)),
    (lambda x, y: nn.cross_entropy(x, y, weight=P[0]), (x, P)),
    (lambda x: nn.nll_loss(x, np.array([1, -100])), (x,)),
]


@pytest.mark.parametrize("i", range(len(SMOOTH)))
def test_derivatives(i: int) -> None:
    f, args = SMOOTH[i]
    check_grads(f, args, order=2)


@pytest.mark.parametrize("f", ACTIVATIONS)
def test_dtypes_and_shapes_are_kept(f: Function) -> None:
    for shape in ((), (0, 2), (3,)):
        value = f(np.ones(shape, np.float32)[()])
        assert np.shape(value) == shape and value.dtype == np.float32
    assert np.isnan(f(np.array([np.nan]))).all()
    per_example = ft.vmap(ft.grad(lambda v: np.sum(f(v))))(x)
    # NumPy's vectorised functions round differently at the ends of arrays.
    np.testing.assert_allclose(per_example, ft.grad(lambda v: np.sum(f(v)))(x), rtol=1e-14)


SLOPES: list[tuple[Function, float, float]] = [
    (nn.relu, 0.0, 0.0),
    (nn.relu6, 6.0, 0.0),
    (nn.leaky_relu, 0.0, 0.01),
    (nn.elu, 0.0, 1.0),
    (nn.hardtanh, 1.0, 0.0),
    (nn.hardtanh, -1.0, 0.0),
    (nn.softshrink, 0.5, 0.0),
    (nn.hardshrink, 0.5, 0.0),
    (nn.hardsigmoid, 3.0, 0.0),
    (nn.hardswish, 3.0, 1.0),
    (nn.hardswish, -3.0, 0.0),
    (lambda x: nn.threshold(x, 0.5, 7.0), 0.5, 0.0),
]


@pytest.mark.parametrize(("f", "point", "slope"), SLOPES)
def test_kinks(f: Function, point: float, slope: float) -> None:
    assert ft.grad(f)(point) == slope
    assert ft.jvp(f, (point,), (1.0,))[1] == slope


def exact(f: Function, at: float) -> tuple[float, float]:
    """Value and derivative in fifty digits."""
    with mpmath.workdps(50):
        return float(f(mpmath.mpf(at))), float(mpmath.diff(f, mpmath.mpf(at)))


def mp_sigmoid(v: Any) -> Any:
    return 1 / (1 + mpmath.exp(-v))


EXACT: list[tuple[Function, Function]] = [
    (nn.gelu, lambda v: v * mpmath.ncdf(v)),
    (nn.silu, lambda v: v * mp_sigmoid(v)),
    (nn.mish, lambda v: v * mpmath.tanh(mpmath.log1p(mpmath.exp(v)))),
    (nn.log_sigmoid, lambda v: -mpmath.log1p(mpmath.exp(-v))),
    (lambda v: nn.softplus(v, threshold=np.inf), lambda v: mpmath.log1p(mpmath.exp(v))),
    (nn.sigmoid, mp_sigmoid),
    (
        lambda v: nn.cross_entropy(np.array([0.0, 1.0]) * v, np.array(0)),
        lambda v: mpmath.log1p(mpmath.exp(v)),
    ),
    (
        lambda v: nn.binary_cross_entropy_with_logits(v, 0.0),
        lambda v: mpmath.log1p(mpmath.exp(v)),
    ),
]


@pytest.mark.parametrize("i", range(len(EXACT)))
@pytest.mark.parametrize("at", [-30.0, -5.5, -1e-3, 0.7, 40.0])
def test_accuracy(i: int, at: float) -> None:
    """Values and derivatives are accurate relative to themselves, however small they are."""
    f, reference = EXACT[i]
    value, slope = exact(reference, at)
    assert float(f(at)) == pytest.approx(value, rel=4e-15, abs=0)
    assert float(ft.grad(f)(at)) == pytest.approx(slope, rel=4e-14, abs=0)


@pytest.mark.parametrize("f", [f for f, _ in EXACT])
def test_far_out(f: Function) -> None:
    for at in (-1e4, 1e4):
        for derivative in (f, ft.grad(f), ft.grad(ft.grad(f))):
            assert np.isfinite(derivative(at))


def test_unselected_lanes_do_not_count() -> None:
    """What an activation did not pass on stays 0, even times infinity."""
    at = np.array([-1.0, 0.0, 4.0])
    for f in (nn.relu, lambda v: nn.threshold(v, 0.0, 0.0), lambda v: nn.hardtanh(v, 0.0, 9.0)):
        gradient = ft.grad(lambda v, f=f: np.sum(np.sqrt(f(v))))(at)
        assert gradient.tolist() == [0.0, 0.0, 0.25]
    logits = np.array([[-np.inf, 0.0, 0.0], [0.0, 0.0, -np.inf]])
    gradient = ft.grad(lambda v: nn.cross_entropy(v, np.array([1, 0])))(logits)
    assert gradient.tolist() == [[0.0, -0.25, 0.25], [-0.25, 0.25, 0.0]]
    assert nn.cross_entropy(logits, np.eye(3)[[1, 0]]) == np.log(2.0)


def test_targets_of_a_batch() -> None:
    """Class numbers may be mapped too."""
    classes = np.array([2, 0])
    each = ft.vmap(lambda v, t: nn.cross_entropy(v, t, weight=P[0]))(x, classes)
    weighted = nn.cross_entropy(x, classes, weight=P[0], reduction="none")
    np.testing.assert_allclose(each, weighted / P[0][classes])
    assert ft.vmap(lambda t: nn.one_hot(t, 3))(classes).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_mean_of_no_targets_is_nan() -> None:
    assert np.isnan(nn.cross_entropy(x, np.array([-100, -100])))
    assert nn.cross_entropy(x, np.array([-100, -100]), reduction="sum") == 0


def test_gumbel_softmax() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.2]))
    rows = np.broadcast_to(logits, (20000, 3))
    hard = nn.gumbel_softmax(rows, np.random.default_rng(0), hard=True)
    assert set(np.unique(hard)) == {0.0, 1.0} and (hard.sum(axis=1) == 1).all()
    np.testing.assert_allclose(hard.mean(axis=0), np.exp(logits), atol=0.01)

    def relaxed(v: Any, hard: bool) -> Any:
        return nn.gumbel_softmax(v, np.random.default_rng(0), tau=0.5, hard=hard)[0]

    check_grads(lambda v: relaxed(v, False), (logits,))
    gradients = [ft.grad(lambda v, h=h: relaxed(v, h))(logits) for h in (False, True)]
    assert np.array_equal(*gradients)


REFUSED: list[tuple[Function, type[Exception], str]] = [
    (lambda: nn.mse_loss(np.ones((3, 1)), np.ones(3)), ValueError, r"\(3, 1\) and target \(3,\)"),
    (lambda: nn.mse_loss(x, x, reduction="avg"), ValueError, "'none', 'mean' or 'sum'"),  # type: ignore[arg-type]
    (lambda: nn.cross_entropy(x, np.array([0, 3])), IndexError, "target 3 is no class"),
    (lambda: nn.cross_entropy(x, np.array([0, -1])), IndexError, "target -1 is no class"),
    (lambda: nn.cross_entropy(x, np.array([0])), ValueError, r"must have shape \(2,\)"),
    (lambda: nn.cross_entropy(x, np.ones(2)), ValueError, "must be integers"),
    (lambda: nn.cross_entropy(x, np.array([0, 1]), weight=np.ones(2)), ValueError, "3 classes"),
    (lambda: nn.nll_loss(x, np.ones(2)), TypeError, "must be integers"),
    (lambda: nn.cross_entropy(x, P, label_smoothing=2.0), ValueError, "from 0 to 1"),
    (lambda: nn.one_hot(np.array([0.5])), TypeError, "must be integers"),
    (lambda: nn.one_hot(np.array([3]), 3), ValueError, "do not fit 3 classes"),
    (lambda: ft.vmap(nn.one_hot)(np.array([1])), ValueError, "give num_classes"),
    (lambda: nn.glu(x), ValueError, "even length"),
    (lambda: nn.prelu(x, np.ones(2)), ValueError, "3 channels"),
    (lambda: nn.gelu(x, approximate="erf"), ValueError, "'none' or 'tanh'"),  # type: ignore[arg-type]
    (lambda: nn.hardtanh(x, 1.0, 0.0), ValueError, "is greater than"),
    (lambda: nn.softshrink(x, -1.0), ValueError, "must not be negative"),
    (lambda: nn.huber_loss(x, y, delta=0.0), ValueError, "must be positive"),
    (lambda: nn.smooth_l1_loss(x, y, beta=-1.0), ValueError, "must not be negative"),
    (lambda: nn.gaussian_nll_loss(x, y, np.ones(3)), ValueError, "var has shape"),
]


@pytest.mark.parametrize("i", range(len(REFUSED)))
def test_refusals(i: int) -> None:
    call, error, message = REFUSED[i]
    with pytest.raises(error, match=message):
        call()


def test_the_root_of_a_window_of_zeros_has_no_slope() -> None:
    x = np.array([0.0, 0.0, 3.0, -4.0])
    slope = ft.grad(lambda x: np.sum(nn.lp_pool1d(x, 2.0, 2)))(x)
    np.testing.assert_allclose(slope, [0.0, 0.0, 0.6, -0.8], rtol=1e-15)
    check_grads(
        lambda x: nn.lp_pool2d(x, 4.0, (2, 1), ceil_mode=True), (np.arange(1.0, 10).reshape(3, 3),)
    )
