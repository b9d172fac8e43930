"""Loops, branches and programs of tensors: gradients of first and second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.torch as torch

X = np.array([1.0, 2.0])


def by_scan(sin: Any, a: Any) -> Any:
    return ft.scan(lambda c, x: (sin(c) * a * x, None), a, np.full(3, 2.0))[0]


def by_while(sin: Any, a: Any) -> Any:
    return ft.while_loop(lambda c: (c < 10).all(), lambda c: c * a + 1, a)


def by_cond(sin: Any, a: Any) -> Any:
    return ft.cond(a[0] > 0, lambda: sin(a) * a, lambda: a)


def by_jit(sin: Any, a: Any) -> Any:
    return ft.jit(lambda v: sin(v) * v * v)(a)


@pytest.mark.parametrize("f", [by_scan, by_while, by_cond, by_jit])
def test_gradients(f: Callable[[Any, Any], Any]) -> None:
    a = torch.tensor(X, requires_grad=True)
    y = f(torch.sin, a).sum()
    (slope,) = torch.autograd.grad(y, a, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), a)
    loss = lambda v: np.sum(f(np.sin, v))  # noqa: E731
    np.testing.assert_allclose(y.item(), loss(X))
    np.testing.assert_allclose(slope.detach().numpy(), ft.grad(loss)(X))
    np.testing.assert_allclose(curvature.numpy(), ft.hessian(loss)(X).sum(0))


def test_backward() -> None:
    a = torch.tensor(X, requires_grad=True)
    by_scan(torch.sin, a).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), ft.grad(lambda v: np.sum(by_scan(np.sin, v)))(X))


def test_no_grad_holds_within_programs() -> None:
    def f(x: Any) -> Any:
        with torch.no_grad():
            c = x * x
        return (c * x).sum()

    a = torch.tensor(X, requires_grad=True)
    ft.jit(f)(a).backward()
    assert a.grad.tolist() == [1, 4]
    for g in (torch.func.grad(ft.jit(f)), ft.jit(torch.func.grad(f))):
        assert g(a.detach()).tolist() == [1, 4]
    lanes = ft.jit(torch.func.vmap(torch.func.grad(lambda x: f(x[None]))))
    assert lanes(a.detach()).tolist() == [1, 4]


@pytest.mark.parametrize("f", [by_scan, by_while, by_cond, by_jit])
def test_arguments_that_are_written_to_are_an_error(f: Callable[[Any, Any], Any]) -> None:
    """Not a gradient at the new values."""
    leaf = torch.tensor(X, requires_grad=True)
    a = leaf * 1
    y = f(torch.sin, a).sum()
    with torch.no_grad():
        a.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_threads_are_those_of_native_code() -> None:
    """As many as the functional interface has; any number above is the largest."""
    before = ft.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.get_num_threads() == ft.get_num_threads() == 3
        torch.set_num_threads(10_000)
        assert ft.get_num_threads() == 256
    finally:
        ft.set_num_threads(before)
    with pytest.raises(RuntimeError, match="positive number of threads"):
        torch.set_num_threads(0)
