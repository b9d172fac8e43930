"""Gradients of tensors at equal eigenvalues and singular values, of functions of the matrix."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.torch as torch
from functrans.core.errors import DegenerateWarning
from functrans.torch.autograd import functional
from functrans.torch.engine import ENGINE, Engine
from functrans.torch.noting import Noting
from functrans.torch.utils.checkpoint import checkpoint
from tests.degenerate import (
    APART,
    IDENTITY,
    LOW,
    PAIR,
    SYMMETRIC,
    TIE,
    TURNED,
    WEIGHTS,
    Array,
    eigh_function,
    hermitian,
    noisy,
    squares,
    turned,
)

W = torch.tensor(WEIGHTS)


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """No node outlives its test, and the engine is as it was."""
    yield
    if type(ENGINE) is not Engine:  # an exception may hold on to frames
        gc.collect()
    assert type(ENGINE) is Engine


def through_eigh(h: Callable[[Any], Any], a: Any) -> Any:
    w, v = torch.linalg.eigh(a)
    return (v * h(w)[..., None, :]) @ v.mT


def through_eig(a: Any) -> Any:
    w, v = torch.linalg.eig(a)
    return ((v * torch.exp(w)) @ torch.linalg.inv(v)).real


def polar(a: Any) -> Any:
    u, _, vh = torch.linalg.svd(a)
    return u @ vh


def inverse_root(a: Any) -> Any:
    w, v = torch.linalg.eigh(a)
    scaled = v / w.sqrt()
    scaled = scaled * 1.0
    scaled *= 2.0
    return scaled @ v.T / 2


def exponential(a: Array) -> Array:
    """That of a small matrix, by its series."""
    term = total = np.eye(len(a))
    for k in range(1, 40):
        term = term @ a / k
        total = total + term
    return total


FUNCTIONS = {
    "exponential": (
        lambda a: (W * through_eigh(torch.exp, a)).sum(),
        lambda a: np.sum(WEIGHTS * eigh_function(np.exp, a)),
        [IDENTITY, PAIR, TURNED],
    ),
    "inverse root, written in place": (
        lambda a: (W * inverse_root(a)).sum(),
        lambda a: np.sum(WEIGHTS * eigh_function(lambda w: w**-0.5, a)),
        [IDENTITY, PAIR, TURNED],
    ),
    "cubes of eigenvalues": (
        lambda a: (torch.linalg.eigvalsh(a) ** 3).sum(),
        lambda a: np.trace(hermitian(a) @ hermitian(a) @ hermitian(a)),
        [IDENTITY, PAIR, TURNED],
    ),
    "polar factor": (
        lambda a: (W * polar(a)).sum(),
        lambda a: np.sum(WEIGHTS * (a @ eigh_function(lambda w: w**-0.5, a.T @ a))),
        [IDENTITY, TURNED, TIE],
    ),
    "squares of singular values that vanish": (
        lambda a: (torch.linalg.svdvals(a) ** 2).sum() + (torch.linalg.svd(a)[1] ** 2).sum(),
        lambda a: 2 * squares(a),
        [LOW, np.zeros((3, 3)), TIE],
    ),
    "exponential of a general matrix": (
        lambda a: (W * through_eig(a)).sum(),
        lambda a: np.sum(WEIGHTS * exponential(a)),
        [IDENTITY, TURNED],
    ),
    "logarithm of an exponential": (
        lambda a: (W * through_eigh(torch.log, through_eigh(torch.exp, a)) ** 2).sum(),
        lambda a: np.sum(WEIGHTS * hermitian(a) ** 2),
        [IDENTITY, PAIR, TURNED],
    ),
}
CASES = [
    pytest.param(f, plain, a, id=f"{name}-{i}")
    for name, (f, plain, points) in FUNCTIONS.items()
    for i, a in enumerate(points)
]


def tensor(a: Array) -> Any:
    return torch.tensor(a, requires_grad=True)


@pytest.mark.parametrize(("function", "plain", "a"), CASES)
def test_gradients(function: Any, plain: Any, a: Array) -> None:
    expected = ft.grad(plain)(a)
    x = tensor(a)
    function(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), expected, atol=1e-12)
    (g,) = torch.autograd.grad(function(x), x)
    np.testing.assert_allclose(g.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(("function", "plain", "a"), CASES)
def test_gradients_of_gradients(function: Any, plain: Any, a: Array) -> None:
    x = tensor(a)
    (g,) = torch.autograd.grad(function(x), x, create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), ft.grad(plain)(a), atol=1e-12)
    (W * g + g**2).sum().backward()
    slope = ft.grad(plain)
    expected = ft.grad(lambda a: np.sum(WEIGHTS * slope(a)) + squares(slope(a)))(a)
    np.testing.assert_allclose(x.grad.numpy(), expected, atol=1e-10)


def test_hessians() -> None:
    function, plain, _ = FUNCTIONS["exponential"]
    found = functional.hessian(function, tensor(TURNED)).numpy()
    np.testing.assert_allclose(found, ft.hessian(plain)(TURNED), atol=1e-10)


def further(mixed: Callable[..., Any]) -> None:
    """Compare the gradient of a function of a matrix and its first and second derivatives."""
    function, plain, _ = FUNCTIONS["exponential"]
    x = tensor(TURNED)
    (g,) = torch.autograd.grad(function(x), x, create_graph=True)
    (h,) = torch.autograd.grad((W * g).sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(mixed(function(x), g, h), x)
    slope = ft.grad(plain)
    change = ft.grad(lambda a: np.sum(WEIGHTS * slope(a)))
    expected = ft.grad(lambda a: mixed(plain(a), slope(a), change(a)))(TURNED)
    np.testing.assert_allclose(third.numpy(), expected, rtol=1e-9, atol=1e-9)


def test_third_derivatives_and_mixtures_of_orders() -> None:
    further(lambda f, g, h: (g * h).sum() + f * g[0, 1])


@pytest.mark.slow
def test_products_that_need_more_orders() -> None:
    further(lambda f, g, h: (h * h).sum() + f * g[0, 1])


def test_stacks_in_which_some_values_are_equal() -> None:
    stack = np.stack([APART, TURNED, IDENTITY])
    x = tensor(stack)
    (W * through_eigh(torch.exp, x)).sum().backward()
    expected = [ft.grad(FUNCTIONS["exponential"][1])(a) for a in stack]
    np.testing.assert_allclose(x.grad.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("gap", [1e-15, 1e-13, 1e-10, 1e-7, 1e-4])
def test_near_values(gap: float) -> None:
    function, plain, _ = FUNCTIONS["exponential"]
    a = turned(1.0, 1.0 + gap, 2.0)
    x = tensor(a)
    (g,) = torch.autograd.grad(function(x), x, create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), ft.grad(plain)(a), atol=1e-10)
    (h,) = torch.autograd.grad((W * g).sum(), x)
    expected = ft.grad(lambda a: np.sum(WEIGHTS * ft.grad(plain)(a)))(a)
    np.testing.assert_allclose(h.numpy(), expected, atol=1e-7)


def test_what_has_no_derivative_warns() -> None:
    x = tensor(TURNED)
    with pytest.warns(DegenerateWarning):
        torch.linalg.eigh(x)[0][0].backward()
    assert np.isfinite(x.grad.numpy()).all()
    (g,) = torch.autograd.grad(torch.linalg.eigvalsh(x)[2], x, create_graph=True)
    assert not noisy(lambda: torch.autograd.grad(g[0, 0], x))
    with pytest.warns(DegenerateWarning):
        (g,) = torch.autograd.grad(torch.linalg.eigvalsh(x)[0], x, create_graph=True)
    with pytest.warns(DegenerateWarning):
        assert np.isnan(torch.autograd.grad(g[0, 0], x)[0].numpy()).any()


def test_values_that_vanish_up_to_rounding_have_a_kink_too() -> None:
    """The rules alone take any value that is not zero as it is."""
    u, s, vh = np.linalg.svd(LOW)
    assert 0 < s[2] < 1e-14
    x = tensor(LOW)
    torch.linalg.svd(x)[1].sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), u[:, :2] @ vh[:2], atol=1e-12)


def test_by_tensors_between() -> None:
    """The values themselves, the matrix before it was made symmetric, and what has no part."""
    x, y = tensor(TURNED), tensor(SYMMETRIC)
    a = (x + x.T) / 2
    w, v = torch.linalg.eigh(a)
    loss = (W * ((v * w.exp()) @ v.T) * y).sum() + y.sum()
    slopes = torch.autograd.grad(loss, [w, x, y, a, loss], retain_graph=True)
    by_values = np.exp(w.detach().numpy()) * np.diag(
        v.detach().numpy().T @ (WEIGHTS * SYMMETRIC) @ v.detach().numpy()
    )
    np.testing.assert_allclose(slopes[0].numpy(), by_values, atol=1e-12)
    plain = lambda a: np.sum(WEIGHTS * SYMMETRIC * eigh_function(np.exp, a))  # noqa: E731
    np.testing.assert_allclose(slopes[1].numpy(), ft.grad(plain)(TURNED), atol=1e-12)
    expected = 1 + WEIGHTS * np.asarray(eigh_function(np.exp, TURNED))
    np.testing.assert_allclose(slopes[2].numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(slopes[3].numpy(), ft.grad(plain)(TURNED), atol=1e-12)
    assert slopes[4].item() == 1
    (by_y,) = torch.autograd.grad(loss, y, retain_graph=True)  # through no decomposition
    np.testing.assert_allclose(by_y.numpy(), expected, atol=1e-12)
    loss.backward(inputs=[x])
    np.testing.assert_allclose(x.grad.numpy(), ft.grad(plain)(TURNED), atol=1e-12)
    assert y.grad is None


def test_several_cotangents_at_once() -> None:
    x = tensor(TURNED)
    y = through_eigh(torch.exp, x)
    (rows,) = torch.autograd.grad(
        y, x, torch.eye(9, dtype=torch.float64).reshape(9, 3, 3), is_grads_batched=True
    )
    matrix = lambda a: eigh_function(np.exp, a)  # noqa: E731
    expected = ft.jacobian(matrix)(TURNED).reshape(9, 3, 3)
    np.testing.assert_allclose(rows.numpy(), expected, atol=1e-12)
    found = functional.jacobian(
        lambda a: through_eigh(torch.exp, a), x, create_graph=True, vectorize=True
    )
    np.testing.assert_allclose(found.detach().numpy().reshape(9, 3, 3), expected, atol=1e-12)
    (found**3).sum().backward()
    slope = ft.grad(lambda a: np.sum(ft.jacobian(matrix)(a) ** 3))(TURNED)
    np.testing.assert_allclose(x.grad.numpy(), slope, rtol=1e-10)
    function, plain, _ = FUNCTIONS["exponential"]
    found = functional.hessian(function, x, vectorize=True)
    np.testing.assert_allclose(found.numpy(), ft.hessian(plain)(TURNED), atol=1e-10)


def test_graphs_are_let_go() -> None:
    x = tensor(TURNED)
    y = (W * through_eigh(torch.exp, x)).sum()
    assert type(ENGINE) is Noting
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()
    z = torch.linalg.eigh(tensor(APART))[0].sum()
    del y
    gc.collect()
    assert type(ENGINE) is Engine
    z.backward()


def test_what_was_written_to_is_not_run_again() -> None:
    x, scale = tensor(TURNED), torch.tensor(2.0, dtype=torch.float64)
    y = (W * through_eigh(torch.exp, x)).sum() + scale
    scale.add_(1)  # which no rule needs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)
        y.backward()
    assert x.grad is not None
    y = (W * through_eigh(torch.exp, x)).sum() * scale
    scale.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_hooks() -> None:
    seen: list[Any] = []

    def see(g: Any) -> None:
        seen.append(g.detach().numpy().copy())

    function, plain, _ = FUNCTIONS["exponential"]
    slope = ft.grad(plain)(TURNED)
    for create_graph in (False, True):
        seen.clear()
        x = tensor(TURNED)
        x.register_hook(see)
        w, v = torch.linalg.eigh(x)
        w.retain_grad()
        v.register_hook(see)
        y = (v * w.exp()) @ v.T
        y.register_hook(see)
        loss = (W * y).sum()
        loss.backward(create_graph=create_graph)
        np.testing.assert_allclose(x.grad.detach().numpy(), slope, atol=1e-12)
        inner = v.detach().numpy().T @ WEIGHTS @ v.detach().numpy()
        exponentials = np.exp(w.detach().numpy())
        np.testing.assert_allclose(w.grad.detach().numpy(), np.diag(inner) * exponentials)
        np.testing.assert_allclose(seen[0], WEIGHTS)
        by_vectors = 2 * SYMMETRIC / 2 @ v.detach().numpy() * exponentials
        np.testing.assert_allclose(seen[1], by_vectors)
        np.testing.assert_allclose(seen[2], slope, atol=1e-12)
        assert len(seen) == 3


@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_replace_gradients(create_graph: bool) -> None:
    """Those of a matrix leave what goes on one of a function of a matrix."""
    x = tensor(TURNED)
    y = through_eigh(torch.exp, x)
    y.register_hook(lambda g: 3 * g)
    z = y + 0
    z.register_hook(lambda g: g * g)
    loss = (W * z).sum()
    (g,) = torch.autograd.grad(loss, x, create_graph=create_graph)
    slope = ft.grad(lambda a: np.sum(3 * WEIGHTS**2 * eigh_function(np.exp, a)))
    np.testing.assert_allclose(g.detach().numpy(), slope(TURNED), atol=1e-12)
    if create_graph:
        (h,) = torch.autograd.grad((W * g).sum(), x)
        expected = ft.grad(lambda a: np.sum(WEIGHTS * slope(a)))(TURNED)
        np.testing.assert_allclose(h.numpy(), expected, atol=1e-11)


def test_hooks_of_nodes_see_the_rules() -> None:
    x = tensor(TURNED)
    y = through_eigh(torch.exp, x)
    y.grad_fn.register_prehook(lambda gs: None)
    with pytest.warns(DegenerateWarning):
        (W * y).sum().backward()


def test_anomaly_detection() -> None:
    function, plain, _ = FUNCTIONS["exponential"]
    x = tensor(TURNED)
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly(check_nan=True):
        function(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), ft.grad(plain)(TURNED), atol=1e-12)


class Cube(torch.autograd.Function):
    """Of the second operand, times the number."""

    @staticmethod
    def forward(ctx: Any, scale: float, x: Any, y: Any) -> Any:
        ctx.save_for_backward(x, y)
        ctx.scale = scale
        return scale * x * y**3, y * x

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        x, y = ctx.saved_tensors
        return None, g * ctx.scale * y**3 + h * y, g * ctx.scale * 3 * x * y**2 + h * x


def test_functions_with_rules() -> None:
    x = tensor(TURNED)
    w, v = torch.linalg.eigh(x)
    cubes, values = Cube.apply(2.0, torch.ones(3, dtype=torch.float64), w)
    loss = (W * ((v * (cubes + values)) @ v.T)).sum()
    (g,) = torch.autograd.grad(loss, x, create_graph=True)
    plain = lambda a: np.sum(WEIGHTS * eigh_function(lambda w: 2 * w**3 + w, a))  # noqa: E731
    np.testing.assert_allclose(g.detach().numpy(), ft.grad(plain)(TURNED), atol=1e-11)
    (h,) = torch.autograd.grad((W * g).sum(), x)
    expected = ft.grad(lambda a: np.sum(WEIGHTS * ft.grad(plain)(a)))(TURNED)
    np.testing.assert_allclose(h.numpy(), expected, atol=1e-10)


class Outside(torch.autograd.Function):
    """A function that leaves tensors for arrays."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.x = x.detach().numpy()
        return torch.tensor(ctx.x**3)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * torch.tensor(3 * ctx.x**2)


def test_functions_that_do_not_run_under_transforms_see_the_rules() -> None:
    x = tensor(TURNED)
    w, v = torch.linalg.eigh(x)
    with pytest.warns(DegenerateWarning):
        (W * ((v * Outside.apply(w)) @ v.T)).sum().backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_checkpoints() -> None:
    function, plain, _ = FUNCTIONS["exponential"]
    x = tensor(TURNED)
    checkpoint(function, x, use_reentrant=False).backward()
    np.testing.assert_allclose(x.grad.numpy(), ft.grad(plain)(TURNED), atol=1e-12)


def test_nothing_is_noted_where_values_are_apart() -> None:
    x = tensor(APART)
    y = (W * through_eigh(torch.exp, x)).sum()
    assert type(ENGINE) is Engine
    assert y.index.node.note is None
