"""Values, gradients and gradients of gradients of tensor functions, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans.torch as ours

pytestmark = pytest.mark.oracle("torch", "scipy")


PROGRAMS = """
x.abs()
x.neg()
x.square()
x.sign()
x.floor()
x.ceil()
x.trunc()
x.exp()
x.exp2()
x.expm1()
x.log()
x.log2()
x.log10()
x.log1p()
x.sqrt()
x.rsqrt()
x.reciprocal()
x.sin()
x.cos()
x.tan()
x.asin()
x.acos()
x.atan()
x.sinh()
x.cosh()
x.tanh()
x.asinh()
x.atanh()
x.sigmoid()
x.sinc()
x.deg2rad()
x.rad2deg()
x.frac()
x.round()
x.relu()
x.erf()
x.erfc()
x.erfinv()
x.lgamma()
x.digamma()
x.i0()
x.logit()
x.isnan()
x.isfinite()
x.logical_not()
x + y
x - y
x * y
x / y
x % y
x ** 2
x ** y
2 ** x
x ** -1.5
1 / x
3 - x
x + 1
x < y
x == x
torch.maximum(x, y)
torch.minimum(x, y)
torch.maximum(x, x)
torch.atan2(x, y)
torch.hypot(x, y)
torch.logaddexp(x, y)
torch.where(x > 0.5, x, y)
torch.lerp(x, y, 0.3)
torch.addcmul(x, y, y, value=2)
torch.addcdiv(x, y, x, value=2)
x.clamp(0.4, 0.6)
x.clamp(min=y)
x.masked_fill(x > 0.5, 7.)
x.sum()
x.sum(0)
x.sum(dim=(0, 1), keepdim=True)
x.mean()
x.mean(1, keepdim=True)
x.prod()
x.prod(1)
x.var()
x.var(0)
x.std(1, unbiased=False)
x.std()
x.logsumexp(1)
x.softmax(1)
x.log_softmax(-1)
x.amax(1)
x.amin(0, keepdim=True)
x.max()
x.max(1).values
x.max(1, keepdim=True)[0]
x.min(0)[0]
x.argmax()
x.argmax(1)
x.sort(1).values
x.sort(0, descending=True)[0]
x.argsort(1, descending=True)
x.topk(2, 1).values
x.kthvalue(2, 1)[0]
x.median()
x.median(1)[0]
x.cumsum(1)
x.cumprod(1)
x.cummax(1)[0]
x.logcumsumexp(1)
x.norm()
x.norm(1)
x.norm(2, 1)
x.norm(p=float('inf'), dim=0)
torch.dist(x, y)
x.reshape(-1)
x.view(2, 6)
x.view(-1, 2)
x.T
x.t()
x.transpose(0, 1)
x.permute(1, 0)
x.unsqueeze(0)
x.unsqueeze(-1).squeeze()
x.flatten()
x.expand(2, 3, 4)
x[0]
x[1:, ::2]
x[..., 1]
x[None]
x[[0, 2]]
x[torch.tensor([0, 0, 1])]
x[x > 0.5]
x[torch.tensor([0, 1]), torch.tensor([1, 2])]
x.flip(0)
x.flip([0, 1])
x.roll(1, 1)
x.repeat(2, 1)
x.tile(2)
x.repeat_interleave(2, 1)
x.tril()
x.triu(1)
x.diag()
x[0].diag()
torch.diag_embed(x)
x.diagonal()
torch.cat([x, y], 1)
torch.stack([x, y], 1)
torch.hstack([x, y])
torch.vstack([x, y])
x.split(2, 1)[1]
x.chunk(3, 1)[1]
x.unbind(0)[1]
x.narrow(1, 1, 2)
x.select(1, 2)
x.gather(1, torch.tensor([[0, 1], [1, 1], [3, 0]]))
x.index_select(1, torch.tensor([0, 0, 3]))
x.masked_select(x > 0.4)
x.index_add(0, torch.tensor([0, 2, 0]), y, alpha=2)
x.index_copy(0, torch.tensor([1]), y[:1])
x.index_fill(0, torch.tensor([1]), 2.)
x.take(torch.tensor([0, 5, 5]))
x.take_along_dim(x.argsort(1), 1)
x @ y.T
x.mm(y.t())
x[0] @ y[0]
x.mv(y[0])
x[0].dot(y[1])
torch.outer(x[0], y[0])
torch.addmm(x[:, :3], x, y.T, beta=0.5, alpha=2)
torch.einsum('ij,kj->ik', x, y)
torch.tensordot(x, y, ([1], [1]))
torch.bmm(x[None], y.T[None])
torch.linalg.inv(x[:, :3] + 2 * torch.eye(3, dtype=x.dtype))
torch.linalg.det(x[:, :3])
torch.linalg.slogdet(x[:, :3])[1]
torch.linalg.solve(x[:, :3] + 2 * torch.eye(3, dtype=x.dtype), y)
torch.linalg.cholesky(x @ x.T + torch.eye(3, dtype=x.dtype))
torch.linalg.eigvalsh(x @ x.T)
torch.linalg.svdvals(x)
torch.linalg.qr(x.T)[1]
torch.linalg.norm(x)
torch.linalg.vector_norm(x, 3)
torch.linalg.matrix_norm(x, 'nuc')
torch.linalg.pinv(x)
torch.linalg.multi_dot([x, y.T, x])
torch.trace(x[:, :3])
torch.cross(x[:, :3], y[:, :3], dim=1)
torch.kron(x, y)
x.nan_to_num()
torch.xlogy(x, y)
x.to(torch.float32)
x.float() * 2
x.long()
x.clone()
x.detach()
torch.meshgrid(x[0], y[0], indexing='ij')[1]
x.new_zeros(2) + x[0, :2]
torch.zeros_like(x) + x
x.type_as(y)
x.unflatten(1, (2, 2))
x.movedim(0, 1)
torch.var_mean(x, 1)[0]
x.all()
x.any(1)
x.count_nonzero()
torch.allclose(x, x)
x.isclose(y)
x.add(y, alpha=3)
x.sub(y, alpha=3)
x.div(y, rounding_mode='floor')
x.div(y, rounding_mode='trunc')
torch.fmod(x, y)
x.masked_scatter(x > .5, y)
x.diff()
x.diff(dim=0)
x.scatter(1, torch.tensor([[0, 1], [1, 2], [3, 0]]), y[:, :2])
x.scatter_add(1, torch.tensor([[0, 1], [1, 1], [3, 0]]), y[:, :2])
x.scatter(1, torch.tensor([[0], [1], [3]]), 2.0)
""".strip().split("\n")

rng = np.random.default_rng(0)
X, Y = rng.uniform(0.2, 0.9, (3, 4)), rng.uniform(0.2, 0.9, (3, 4))


def results(torch: Any, source: str) -> list[Any]:
    """The value, its dtype and shape, the gradients, and the gradients of their squares."""
    x, y = torch.tensor(X, requires_grad=True), torch.tensor(Y, requires_grad=True)
    out = eval(source, {"torch": torch, "x": x, "y": y})
    if isinstance(out, bool):
        return [out]
    found = [out.detach().numpy(), str(out.dtype), tuple(out.shape)]
    if out.requires_grad and out.dtype.is_floating_point:
        weights = np.cos(np.arange(out.numel())).reshape(tuple(out.shape))
        w = torch.tensor(weights).to(out.dtype)
        loss = (out * w).sum() + (out * out * w).sum()
        grads = torch.autograd.grad(loss, [x, y], create_graph=True, allow_unused=True)
        found += [zero_if_none(g) for g in grads]
        second = sum((g * g).sum() for g in grads if g is not None and g.requires_grad)
        again = [None, None]
        if not isinstance(second, int):
            again = torch.autograd.grad(second, [x, y], allow_unused=True)
        found += [zero_if_none(g) for g in again]
    return found


def zero_if_none(g: Any) -> Any:
    return np.zeros(X.shape) if g is None else g.detach().numpy()


@pytest.mark.parametrize("source", PROGRAMS)
def test_as_pytorch(source: str) -> None:
    import torch

    expected, given = results(torch, source), results(ours, source)
    assert len(expected) == len(given)
    for a, b in zip(expected, given, strict=True):
        if isinstance(a, np.ndarray):
            # PyTorch's and SciPy's special functions differ by a few units in the last place.
            tolerance = 1e-5 if a.dtype == np.float32 else 1e-9
            if "digamma" in source:
                tolerance = 1e-8  # PyTorch's polygamma is good to nine digits
            assert b.dtype == a.dtype
            np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)
        else:
            assert a == b


PRINTED = """
torch.tensor([1.0, 2.0])
torch.tensor([1.5, 2.25])
torch.tensor([[1, 2], [3, 4]])
torch.tensor(3)
torch.tensor(2.5)
torch.tensor([True, False])
torch.tensor([1e-5, 1.0])
torch.tensor([1e10, 1.0])
torch.tensor([float("nan"), 1.0, float("inf")])
torch.tensor([])
torch.zeros(0, 3)
torch.zeros(2, 2, dtype=torch.float64)
torch.ones(3, dtype=torch.int32)
torch.arange(30)
torch.arange(2000)
torch.arange(24.0).reshape(2, 3, 4)
torch.tensor([1.0], requires_grad=True)
torch.tensor([1.0], requires_grad=True) * 2
torch.tensor([1 + 2j])
torch.ones(100, 100)
torch.linspace(0, 1, 7)
torch.tensor([-1.0, 0.001])
""".strip().split("\n")


@pytest.mark.parametrize("source", PRINTED)
def test_printing(source: str) -> None:
    import torch

    assert repr(eval(source, {"torch": ours})) == repr(eval(source, {"torch": torch}))


PROMOTIONS = """
torch.ones(2) * torch.ones(2, dtype=torch.float64)
torch.ones(2) * torch.tensor(1.0, dtype=torch.float64)
torch.ones(2, dtype=torch.int64) * torch.tensor(1.5)
torch.ones(2, dtype=torch.int32) + 1
torch.ones(2, dtype=torch.int64) + 1.5
torch.ones(2, dtype=torch.uint8) + torch.ones(2, dtype=torch.int8)
torch.ones(2, dtype=torch.bool) + True
torch.ones(2, dtype=torch.bool) * 2
torch.ones(2, dtype=torch.int64) / 2
torch.ones(2, dtype=torch.int64).sqrt()
torch.ones(2, dtype=torch.int64) + torch.ones(2, dtype=torch.float16)
torch.ones(2) + 1j
torch.ones(2, dtype=torch.float64) + 1j
torch.ones(2, dtype=torch.int64).sum()
torch.ones(2, dtype=torch.bool).sum()
torch.ones(2, dtype=torch.int32).cumsum(0)
torch.ones(2, dtype=torch.int64) // 2
torch.ones(2) // 2
torch.tensor(1) / torch.tensor(2)
torch.tensor([1, 2]) ** 2
2.0 ** torch.tensor([1, 2])
torch.maximum(torch.ones(2), torch.ones(2, dtype=torch.float64))
torch.where(torch.tensor([True]), torch.ones(1), torch.ones(1, dtype=torch.float64))
torch.cat([torch.ones(1), torch.ones(1, dtype=torch.int64)])
torch.arange(3) < 1.5
torch.full((2,), 3)
torch.full((2,), 3.0)
torch.full((2,), True)
torch.tensor(np.ones(2))
torch.tensor([1, 2.0])
torch.arange(0, 1, 0.25)
""".strip().split("\n")


@pytest.mark.parametrize("source", PROMOTIONS)
def test_promotion(source: str) -> None:
    import torch

    a, b = (eval(source, {"torch": t, "np": np}) for t in (torch, ours))
    assert str(a.dtype) == str(b.dtype)
    np.testing.assert_array_equal(a.numpy(), b.numpy())


ERRORS = """
torch.ones(2, requires_grad=True).backward()
torch.ones(2).sum().backward()
torch.tensor([1, 2], requires_grad=True)
torch.ones(2, requires_grad=True).numpy()
torch.ones(2, requires_grad=True).add_(1)
torch.ones(2, requires_grad=True)[0].zero_()
(torch.ones(2, requires_grad=True) * 2).backward(torch.ones(3))
torch.ones(2).view(3)
torch.ones(2, 3) @ torch.ones(2, 3)
torch.ones(2).item()
bool(torch.ones(2))
len(torch.tensor(1.0))
torch.ones(2).sum(3)
torch.ones(2) - torch.ones(2, dtype=torch.bool)
torch.tensor(True) - torch.tensor(True)
torch.autograd.grad(torch.ones(2, requires_grad=True).sum(), torch.ones(2, requires_grad=True))
torch.autograd.grad(torch.ones(2, requires_grad=True).sum(), torch.ones(2))
(torch.ones(2, requires_grad=True) * 2).requires_grad_(False)
torch.ones(2).long().add_(1.5)
torch.ones(2).add_(torch.ones(3, 2))
torch.ones(2, dtype=torch.int64).mean()
torch.cat([])
torch.ones(2, 3).transpose(0, 5)
torch.ones(2, 3).t().view(6)
""".strip().split("\n")


@pytest.mark.parametrize("source", ERRORS)
def test_errors(source: str) -> None:
    """The class of the error and the start of its text."""
    import torch

    messages = []
    for t in (torch, ours):
        with pytest.raises(Exception) as error:  # noqa: B017, PT011
            eval(source, {"torch": t})
        messages.append((type(error.value).__name__, str(error.value)[:30]))
    assert messages[0] == messages[1]
