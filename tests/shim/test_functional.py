"""`torch.autograd.functional` and `gradcheck`, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans.torch as torch
from tests.shim.programs import compare

START = """
F = torch.autograd.functional
x = torch.tensor([0.5, 2.], dtype=torch.float64)
w = torch.tensor([3., 1.], dtype=torch.float64)
z = torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128)
def f(x, w):
    return (x * w).cumsum(0) * x.sum(), w.exp()
def g(x, w):
    return (x ** 3 * w ** 2).sum() + x.prod()
"""

PROGRAMS = """
F.jacobian(f, (x, w))
F.jacobian(f, (x, w), vectorize=True)
F.jacobian(f, (x, w), vectorize=True, strategy="forward-mode")
F.jacobian(lambda x: x.sin(), x)
F.jacobian(lambda x: x.sum(), x)
F.jacobian(lambda x: torch.ones(2, dtype=torch.float64), x)
F.jacobian(lambda x: x.reshape(2, 1) * x, x, create_graph=True).requires_grad
F.jacobian(lambda x: x * w, x.requires_grad_(), create_graph=True, strict=False)
F.jacobian(lambda z: z.abs(), z)
F.jacobian(lambda z: z * z, z, vectorize=True, strategy="forward-mode")
F.hessian(g, (x, w))
F.hessian(g, (x, w), vectorize=True)
F.hessian(g, (x, w), vectorize=True, outer_jacobian_strategy="forward-mode")
F.hessian(lambda x: x.sin().sum(), x)
F.hessian(lambda x: (x.sin().sum())[None], x)
F.hessian(lambda x: x.sum(), x)
F.vjp(f, (x, w), (x, w))
F.vjp(lambda x: x.sin(), x, w)
F.vjp(lambda x: x.sum(), x)
F.vjp(lambda z: z * z, z, z)
F.vjp(lambda x: torch.ones(2), x, torch.ones(2))
F.vjp(lambda x: x * x, x, w, create_graph=True)[1].requires_grad
F.jvp(f, (x, w), (w, x))
F.jvp(lambda x: x.sin(), x, w)
F.jvp(lambda x: x * 3, x[0], None)
F.jvp(lambda z: z * z, z, z)
F.jvp(lambda x: torch.ones(2), x, w)
F.jvp(lambda x: x * x, x, w, create_graph=True)[1].requires_grad
F.vhp(g, (x, w), (w, x))
F.hvp(g, (x, w), (w, x))
F.vhp(lambda x: x.sin().sum(), x, w)
F.hvp(lambda x: x.sin().sum(), x, w)
F.hvp(lambda x: x.sum(), x, w)
F.vhp(lambda x: x.sum(), x, w)
F.hvp(lambda x: (x ** 3).sum(), x, w, create_graph=True)[1].requires_grad
F.jacobian(lambda x: x * 2, 1)
F.jacobian(lambda x: x * 2, (x, 1))
F.jacobian(lambda x: 1, x)
F.jacobian(lambda x: (x, 1), x)
F.jacobian(lambda x: torch.ones(2), x, strict=True)
F.jacobian(lambda x: x * 2, x, strict=True, create_graph=True)
F.jacobian(lambda x: x * 2, x, strict=True, vectorize=True)
F.jacobian(lambda x: x * 2, x, strategy="other")
F.jacobian(lambda x, y: x * 2, (x, w), strict=True)
F.hessian(lambda x: x * 2, x)
F.hessian(lambda x: (x.sum(), x.sum()), x)
F.hessian(lambda x: 1, x)
F.hessian(lambda x: x.sum(), x, strict=True)
F.vjp(lambda x: x * 2, x)
F.vjp(lambda x: x * 2, x, torch.ones(3))
F.vjp(lambda x: x * 2, x, (x, x))
F.vjp(f, (x, w), x)
F.vjp(lambda x: torch.ones(2), x, torch.ones(2), strict=True)
F.vjp(lambda x: x * 2, x, w, create_graph=True, strict=True)
F.jvp(lambda x: x * 2, x)
F.jvp(f, (x, w), (x,))
F.jvp(lambda x: torch.ones(2), x, x, strict=True)
F.jvp(lambda x: x * 2, x, x, create_graph=True, strict=True)
F.hvp(lambda x: x.sum(), x)
F.hvp(lambda x: x * x, x, x)
F.hvp(lambda x: x.sum(), x, w, strict=True)
F.vhp(lambda x: x.sum(), x, w, strict=True)
""".strip().split("\n")


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("call", PROGRAMS)
def test_functional(call: str) -> None:
    compare(f"{START}\nshow({call})")


def test_gradients_flow_through_a_jacobian() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for strategy in ("reverse-mode", "reverse-mode vectorized"):
        x.grad = None
        rows = torch.autograd.functional.jacobian(
            lambda x: x**3, x, create_graph=True, vectorize="vectorized" in strategy
        )
        rows.sum().backward()
        assert x.grad.tolist() == [6.0, 12.0]


@pytest.mark.parametrize("vectorize", [False, True])
def test_empty_outputs_have_empty_jacobians(vectorize: bool) -> None:
    """Where PyTorch raises."""
    found = torch.autograd.functional.jacobian(lambda x: x[:0], torch.ones(2), vectorize=vectorize)
    assert found.shape == (0, 2)


CHECKS_START = """
x = torch.tensor([0.5, 2.], dtype=torch.float64, requires_grad=True)
z = torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128, requires_grad=True)
check, check_twice = torch.autograd.gradcheck, torch.autograd.gradgradcheck
def wrong(factor):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x
        @staticmethod
        def backward(ctx, g):
            return factor * ctx.saved_tensors[0] * g
    return Wrong.apply
class Unsteady(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1
    @staticmethod
    def backward(ctx, g):
        return g * (1 + 1e-7 * torch.rand(2, dtype=torch.float64))
class Strict(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 1, x * 2
    @staticmethod
    def backward(ctx, g, h):
        return g + 2 * h
"""

CHECKS = """
check(torch.sin, (x,))
check(torch.sin, x)
check(torch.sin, z)
check(lambda z: z.abs(), z)
check(lambda x, y: (x * y, x.sum()), (x, x), check_batched_grad=True)
check(lambda x: x.sin(), x, check_forward_ad=True, check_batched_forward_grad=True)
check(lambda x: x.sin(), x, check_forward_ad=True, check_backward_ad=False)
check(torch.sin, x, fast_mode=True)
check(wrong(2), x)
check(wrong(3), x)
check(wrong(3), x, raise_exception=False)
check(wrong(3), x, raise_exception=False, fast_mode=True)
check(wrong(2.0001), x)
check(wrong(2.0001), x, rtol=1e-6, raise_exception=False)
check(wrong(2.1), x, atol=1.)
check(wrong(2), z)
check(Unsteady.apply, x)
check(Unsteady.apply, x, nondet_tol=1.)
check(torch.sin, x.detach())
check(lambda x: x.detach(), x)
check(lambda x: x.long(), x)
check(torch.sin, x, check_backward_ad=False)
check(torch.sin, x, check_grad_dtypes=True)
check_twice(torch.sin, x)
check_twice(lambda x: x.sin() * x, x, check_fwd_over_rev=True)
check_twice(torch.sin, x, torch.ones(2, dtype=torch.float64, requires_grad=True))
check_twice(lambda x, y: (x * y, y.sum()), (x, x), gen_non_contig_grad_outputs=True)
check_twice(wrong(3), x)
check_twice(torch.sin, z)
""".strip().split("\n")


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("call", CHECKS)
def test_gradcheck(call: str) -> None:
    compare(f"{CHECKS_START}\nshow({call})")


def test_undefined_gradients_are_checked() -> None:
    space: dict[str, Any] = {"torch": torch}
    exec(CHECKS_START, space)
    with pytest.raises(torch.autograd.GradcheckError, match="undefined output grads"):
        torch.autograd.gradcheck(space["Strict"].apply, space["x"])


def test_gradcheck_shows_both_matrices() -> None:
    space: dict[str, Any] = {"torch": torch}
    exec(CHECKS_START, space)
    with pytest.raises(torch.autograd.GradcheckError) as error:
        torch.autograd.gradcheck(space["wrong"](3), space["x"])
    assert str(error.value) == (
        "Jacobian mismatch for output 0 with respect to input 0,\n"
        "numerical:tensor([[1.0000, 0.0000],\n        [0.0000, 4.0000]], dtype=torch.float64)\n"
        "analytical:tensor([[1.5000, 0.0000],\n        [0.0000, 6.0000]], dtype=torch.float64)\n"
    )
    with pytest.warns(UserWarning, match="not a double precision"):
        assert torch.autograd.gradcheck(
            lambda x: 2 * x, torch.ones(1, requires_grad=True), eps=1e-2
        )
    assert np.isfinite(space["x"].detach().numpy()).all()
