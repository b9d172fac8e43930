"""Leaves, views, writes, hooks and functions in small programs, beside PyTorch."""

from __future__ import annotations

import pytest

import functrans.torch as torch
from tests.shim.programs import compare

PROGRAMS = {
    "retained gradient of a view": """
x = torch.arange(4.).requires_grad_()
y = x * 2
v = y.view(2, 2)
v.retain_grad(); y.retain_grad()
(v * v).sum().backward()
show(v.grad, y.grad, x.grad)
""",
    "masked assignment": """
x = torch.arange(4.).requires_grad_()
y = x.clone()
y[y > 1.5] = 0.
y[0] = x[3] * 2
y[[1, 2]] += 5
(y ** 2).sum().backward()
show(y, x.grad)
""",
    "operators in place on a result": """
x = torch.ones(3, requires_grad=True)
y = x * 2
y += x
y *= 3
y -= 1
y /= x
y **= 2
y.sum().backward()
show(y, x.grad)
""",
    "a leaf under no_grad": """
x = torch.ones(3, requires_grad=True)
with torch.no_grad():
    x += 2
    x[0] = 7
    x.mul_(2)
show(x, x.requires_grad, x.is_leaf, x._version)
(x * x).sum().backward()
show(x.grad)
x.grad.zero_()
show(x.grad)
x.grad = None
show(x.grad)
""",
    "detached tensors share memory and version": """
x = torch.ones(3, requires_grad=True)
y = x * 2
z = (y * y).sum()
d = y.detach()
d[0] = 9.
show(y, y._version, d._version, d.requires_grad)
z.backward()
""",
    "data is not watched": """
x = torch.ones(3, requires_grad=True)
y = x * 2
z = (y * y).sum()
y.data[0] = 9.
z.backward()
show(x.grad)
x.data = torch.zeros(3)
show(x, x.requires_grad)
""",
    "inputs of backward": """
x = torch.ones(2, requires_grad=True)
w = torch.ones(2, requires_grad=True)
y = x * w
(y * y).sum().backward(inputs=[w])
show(x.grad, w.grad)
(x * w).sum().backward(inputs=[])
""",
    "several roots": """
x = torch.ones(2, requires_grad=True)
a, b = x * 2, x * 3
torch.autograd.backward([a, b], [torch.ones(2), torch.tensor([1., 2.])])
show(x.grad)
torch.autograd.backward([x.sum(), x.prod()])
show(x.grad)
torch.autograd.backward([x * 2, x * 3])
""",
    "a hook changes gradients, another is taken away by itself": """
x = torch.ones(2, requires_grad=True)
handle = [None]
def once(g):
    handle[0].remove()
    return g * 10
y = x * 2
handle[0] = y.register_hook(once)
y.sum().backward(retain_graph=True)
show(x.grad)
x.grad = None
y.sum().backward()
show(x.grad)
""",
    "in-place on what is needed": """
x = torch.ones(2, requires_grad=True)
y = x.sigmoid()
y.add_(1)
y.sum().backward()
""",
    "in-place on what is not needed": """
x = torch.ones(2, requires_grad=True)
y = x + 1
y.mul_(2)
z = y.sum()
y.zero_()
z.backward()
show(x.grad)
""",
    "a view of a leaf": """
x = torch.ones(2, requires_grad=True)
x[0].add_(1)
""",
    "a stretched tensor": """
x = torch.ones(1, requires_grad=True).clone()
y = x.expand(3)
show(y.is_contiguous(), y.stride())
z = y * torch.tensor([1., 2., 3.])
z.sum().backward()
""",
    "second passes": """
x = torch.ones(2, requires_grad=True)
y = (x * x).sum()
g1 = torch.autograd.grad(y, x, retain_graph=True)[0]
g2 = torch.autograd.grad(y, x)[0]
show(g1, g2)
torch.autograd.grad(y, x)
""",
    "a graph shared by two results": """
x = torch.ones(2, requires_grad=True)
y = x * x
a, b = y.sum(), (y * 2).sum()
a.backward()
b.backward()
""",
    "no gradient for an unused input": """
x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
show(torch.autograd.grad((x * 2).sum(), [x, y], allow_unused=True))
show(torch.autograd.grad((x * 2).sum(), [x, y], materialize_grads=True))
torch.autograd.grad((x * 2).sum(), [x, y], allow_unused=False, materialize_grads=True)
""",
    "gradients with respect to results": """
x = torch.ones(2, requires_grad=True)
y = x * 2
z = (y ** 2).sum()
show(torch.autograd.grad(z, y, retain_graph=True), torch.autograd.grad(z, [x, y]))
""",
    "complex gradients": """
z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
(z * z).abs().sum().backward()
show(z.grad)
w = torch.tensor([1., 2.], requires_grad=True)
(w * (1 + 1j)).abs().sum().backward()
show(w.grad)
(z * 2).sum().backward()
""",
    "complex hook and retained gradient": """
z = torch.tensor([1 + 2j], requires_grad=True)
y = z * z
y.retain_grad()
y.register_hook(lambda g: show(g))
y.abs().sum().backward()
show(y.grad, z.grad)
""",
    "set_ and swap of grad": """
x = torch.ones(2, requires_grad=True)
x.grad = torch.ones(2)
show(x.grad)
try:
    x.grad = torch.ones(3)
except RuntimeError as e:
    show(type(e).__name__)
try:
    x.grad = torch.ones(2, dtype=torch.float64)
except RuntimeError as e:
    show(type(e).__name__)
try:
    x.grad = 3
except TypeError as e:
    show(type(e).__name__)
""",
    "zero dimensional": """
x = torch.tensor(2., requires_grad=True)
y = x * x
y.backward()
show(x.grad, x.grad.shape, (x * 2).item())
y = x.clone()
y.mul_(3)
y.backward()
show(x.grad)
""",
    "expanded gradient": """
x = torch.ones(2, requires_grad=True)
x.sum().backward()
x.grad[0] = 5.
show(x.grad)
y = torch.ones(2, requires_grad=True)
(y + 0).backward(torch.ones(1).expand(2))
y.grad[0] = 7.
show(y.grad)
""",
    "unbound rows": """
x = torch.ones(2, 3, requires_grad=True)
y = x * 1
a, b = y.unbind(0)
(a * 2 + b * 3).sum().backward()
show(x.grad)
""",
    "conversion and type": """
x = torch.tensor([1.7, -2.3])
show(x.int(), x.bool(), x.half().float(), x.type(torch.int16).dtype == torch.int16)
show(torch.tensor([300]).to(torch.uint8), torch.tensor([-1]).byte())
""",
    "a function that changes its input": """
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)
    @staticmethod
    def backward(ctx, g):
        return g * 2
x = torch.ones(2, requires_grad=True)
y = x * 3
z = Double.apply(y)
show(z is y, z)
z.sum().backward()
show(x.grad)
""",
    "a function that returns its input": """
class Same(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x
    @staticmethod
    def backward(ctx, g):
        return g * 5
x = torch.ones(2, requires_grad=True)
y = Same.apply(x)
show(y is x, y)
y.sum().backward()
show(x.grad)
""",
    "needs_input_grad and nondifferentiable": """
class F(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        show(ctx.needs_input_grad)
        m = x.argmax()
        ctx.mark_non_differentiable(m)
        return x * y, m
    @staticmethod
    def backward(ctx, g, _):
        return g * 2, None
x = torch.ones(2, requires_grad=True)
a, m = F.apply(x, torch.ones(2))
show(m.requires_grad, a.requires_grad)
a.sum().backward()
show(x.grad)
""",
    "threads of a program": """
x = torch.ones(2, requires_grad=True)
y = torch.nn.functional.relu(x - 1)
y.sum().backward()
show(x.grad)
""",
    "variables": """
x = torch.ones(2)
v = torch.autograd.Variable(x, requires_grad=True)
(v * 3).sum().backward()
show(v, v.grad, x.requires_grad, isinstance(x, torch.autograd.Variable))
""",
    "networks through hooks, checkpoints and detection": """
from importlib import import_module
C = import_module(torch.__name__ + ".utils.checkpoint")
m = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double()
with torch.no_grad():
    for i, p in enumerate(m.parameters()):
        p.copy_(torch.arange(1., p.numel() + 1).reshape(p.shape).double().sin() * (i + 1))
x = torch.linspace(-1, 1, 6).double().reshape(2, 3)
C.checkpoint(m, x, use_reentrant=False).sum().backward()
show([p.grad for p in m.parameters()])
with torch.autograd.graph.save_on_cpu(), torch.autograd.set_detect_anomaly(True):
    m(x).sum().backward()
show([p.grad for p in m.parameters()])
show(torch.autograd.functional.jacobian(m, x, vectorize=True))
loss = lambda w: (torch.func.functional_call(m, {"0.weight": w}, (x,)) ** 2).sum()
show(torch.func.hessian(loss)(m[0].weight.detach()))
show(torch.autograd.gradcheck(m, x.clone().requires_grad_()))
""",
    "results of a quotient may be overwritten": """
x = torch.tensor([1., 2.], requires_grad=True)
y = torch.tensor([4., 5.], requires_grad=True)
z = x / y
z += 1
v = z[0]
v.mul_(3)
z.mul_(2)
z.sum().backward()
show(z, x.grad, y.grad)
z = 1 / y
with torch.no_grad():
    z.zero_()
z.sum().backward()
show(y.grad)
""",
}


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name: str) -> None:
    compare(PROGRAMS[name])


def test_quotients_are_differentiated_twice_after_a_write() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    y = 1 / x
    y.add_(1)
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g, x)
    assert (g.item(), h.item()) == (-0.25, 0.25)
