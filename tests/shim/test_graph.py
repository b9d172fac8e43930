"""Hooks of nodes and tensors, saved tensors, anomaly detection and functions, beside PyTorch."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.torch as torch
from tests.shim.programs import compare

PROGRAMS = {
    "hooks of nodes": """
x = torch.tensor([1., 2.], requires_grad=True)
y = x.exp()
y.grad_fn.register_hook(lambda gi, go: (show(gi, go), (gi[0] * 2,))[1])
y.grad_fn.register_prehook(lambda go: (show(go), (go[0] * 3,))[1])
y.sum().backward(retain_graph=True)
show(x.grad)
""",
    "hooks of leaves": """
x = torch.tensor([1., 2.], requires_grad=True)
leaf = (x * 1).grad_fn.next_functions[0][0]
leaf.register_prehook(lambda go: (go[0] * 3,))
leaf.register_hook(lambda gi, go: show(gi, go, x.grad))
x.register_post_accumulate_grad_hook(lambda p: show(p.grad))
(x * 2).sum().backward()
show(x.grad)
""",
    "hooks of tensors are in the order of their making": """
x = torch.tensor([1., 2.], requires_grad=True)
y = x * 2
h = y.register_hook(lambda g: g + 1)
y.register_hook(lambda g: show(g))
(y * y).sum().backward(retain_graph=True)
h.remove()
show(x.grad)
""",
    "hooks of a node with several outputs": """
class Two(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2, x * 3
    @staticmethod
    def backward(ctx, g, h):
        return 2 * g + 3 * h
x = torch.ones(2, requires_grad=True)
y, z = Two.apply(x)
y.grad_fn.register_prehook(lambda go: (show(go), (go[0] * 5, go[1]))[1])
y.grad_fn.register_hook(lambda gi, go: show(gi, go))
(y * 7 + z).sum().backward()
show(x.grad)
""",
    "refused post accumulate hooks": """
x = torch.ones(2, requires_grad=True)
for t in (torch.ones(2), x * 2):
    try:
        t.register_post_accumulate_grad_hook(print)
    except RuntimeError as error:
        show(str(error))
""",
    "hooks of several tensors": """
x, y, z = (torch.ones(1, requires_grad=True) for _ in range(3))
torch.autograd.graph.register_multi_grad_hook([x, y, z], lambda g: show([v is None for v in g]))
torch.autograd.graph.register_multi_grad_hook([x, y], lambda g: show(g), mode="any")
(x * 2 + y).sum().backward()
(x * y * z).sum().backward()
""",
    "saved tensors in another form": """
x = torch.tensor([1., 2.], requires_grad=True)
def pack(t):
    show(t)
    return t * 10
with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t / 10):
    y = x.sin().exp()
y.sum().backward()
show(x.grad)
""",
    "saved tensors in another form, twice differentiated": """
x = torch.tensor([1., 2.], requires_grad=True)
with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
    y = (x * x).exp() * x
(g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
(h,) = torch.autograd.grad(g.sum(), x)
show(g, h)
""",
    "the innermost hooks hold": """
x = torch.tensor([1., 2.], requires_grad=True)
hooks = torch.autograd.graph.saved_tensors_hooks
with hooks(lambda t: (show("outer"), t)[1], lambda t: t):
    y = x.exp()
    with hooks(lambda t: (show("inner"), t)[1], lambda t: t):
        y = y.exp()
    y = y.tanh()
y.sum().backward()
show(x.grad)
""",
    "hooks of saved tensors refused": """
with torch.autograd.graph.disable_saved_tensors_hooks("not here"):
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        pass
""",
    "saved tensors written to": """
x = torch.tensor([1., 2.], requires_grad=True)
with torch.autograd.graph.allow_mutation_on_saved_tensors():
    y = x.exp()
    y.mul_(0)
    y.sum().backward()
show(x.grad)
""",
    "saved on the CPU": """
x = torch.tensor([1., 2.], requires_grad=True)
with torch.autograd.graph.save_on_cpu():
    y = x.exp()
y.sum().backward()
show(x.grad)
""",
    "saved attributes": """
x = torch.tensor([1., 2.], requires_grad=True)
y = x.exp()
show(y.grad_fn._saved_result, x.sin().grad_fn._saved_self, (x * 3).grad_fn.name())
z = y * x
show(z.grad_fn._saved_self, z.grad_fn._saved_other, z.grad_fn._saved_other is x)
z.sum().backward()
show(z.grad_fn._saved_self)
""",
    "NaN is found": """
x = torch.tensor([-1., 4.], requires_grad=True)
with torch.autograd.detect_anomaly():
    y = x.sqrt()
    y.sum().backward()
""",
    "NaN is found without the forward pass": """
x = torch.tensor([-1., 4.], requires_grad=True)
y = x.sqrt()
with torch.autograd.set_detect_anomaly(True):
    y.sum().backward()
""",
    "NaN is not looked for": """
x = torch.tensor([-1., 4.], requires_grad=True)
with torch.autograd.set_detect_anomaly(True, check_nan=False):
    x.sqrt().sum().backward()
show(x.grad)
""",
    "a function may get no gradient": """
class Two(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3
    @staticmethod
    def backward(ctx, g, h):
        show(g is None, h is None)
        return 2 * g
x = torch.ones(2, requires_grad=True)
Two.apply(x)[0].sum().backward()
show(x.grad)
""",
    "a function's gradient has a wrong shape": """
class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2
    @staticmethod
    def backward(ctx, g):
        return torch.ones(3)
x = torch.ones(2, requires_grad=True)
Wrong.apply(x).sum().backward()
""",
    "a function's gradients have a wrong number": """
class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        return x * y
    @staticmethod
    def backward(ctx, g):
        return g
x = torch.ones(2, requires_grad=True)
Wrong.apply(x, x).sum().backward()
""",
    "a function whose saved tensor is written to": """
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x
    @staticmethod
    def backward(ctx, g):
        return 2 * g * ctx.saved_tensors[0]
x = torch.ones(2, requires_grad=True)
y = x * 1
z = Square.apply(y)
with torch.no_grad():
    y.add_(1)
z.sum().backward()
""",
    "a function of more than tensors": """
class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor, name=None):
        ctx.factor = factor
        return x * factor, name
    @staticmethod
    def backward(ctx, g, _):
        return g * ctx.factor, None, None
x = torch.ones(2, requires_grad=True)
y, name = Scale.apply(x, 3., "three")
y.sum().backward()
show(name, x.grad)
""",
    "only what is asked for runs": """
x = torch.ones(2, requires_grad=True)
y = x * 2
y.register_hook(lambda g: show("y"))
x.register_hook(lambda g: show("x"))
z = y * y
show(torch.autograd.grad(z.sum(), y))
show(torch.autograd.grad((x * 3).sum() + 0 * z.sum().detach(), x))
""",
    "gradients of many cotangents": """
x = torch.arange(3.).requires_grad_()
y = (x ** 2).cumsum(0) * x.sum()
show(torch.autograd.grad(y, x, torch.eye(3), is_grads_batched=True, retain_graph=True))
show(torch.autograd.grad((y, x * 2), x, (torch.eye(3), torch.ones(3, 3)), is_grads_batched=True))
""",
    "modes within functional transforms": """
x = torch.tensor([1., 2.])
def f(x):
    with torch.no_grad():
        y = x * x
        with torch.enable_grad():
            z = x * x
    return (y * x + z).sum()
show(torch.func.grad(f)(x), torch.func.jvp(f, (x,), (x,)), torch.func.jacfwd(f)(x))
show(torch.func.jacrev(torch.func.jacfwd(f))(x))
with torch.no_grad():
    show(torch.func.grad(f)(x))
""",
    "modes of generators": """
@torch.no_grad()
def steps():
    show(torch.is_grad_enabled())
    got = yield 1
    show(torch.is_grad_enabled(), got)
    yield 2
it = steps()
show(next(it), torch.is_grad_enabled(), it.send(5), torch.is_grad_enabled())
@torch.set_grad_enabled(False)
def f():
    return torch.is_grad_enabled()
show(torch.is_grad_enabled(), f(), torch.is_grad_enabled())
torch.set_grad_enabled(False)
show(torch.is_grad_enabled())
torch.set_grad_enabled(True)
with torch.inference_mode():
    show(torch.is_inference_mode_enabled(), torch.is_grad_enabled())
show(torch.is_inference_mode_enabled())
""",
    "edges": """
x = torch.ones(2, requires_grad=True)
edge = torch.autograd.graph.get_gradient_edge(x * 2)
show(edge.node.name(), edge.output_nr)
torch.autograd.graph.get_gradient_edge(x.detach())
""",
}


@pytest.mark.oracle("torch")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of sqrt(-1)
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name: str) -> None:
    compare(PROGRAMS[name])


NAMES = """
x + y
x - 1
x * y
x / 2
x ** 2
x ** y
2 ** x
x @ y.T
x @ y[0]
x[0] @ y[0]
x.exp()
x.log1p()
x.sign()
x.round()
x.relu()
x.clamp(0, 1)
x.masked_fill(x > 0, 1.)
torch.where(x > 0, x, y)
torch.maximum(x, y)
x.lerp(y, 0.5)
x.sum()
x.sum(1)
x.mean()
x.mean(0)
x.prod()
x.var()
x.std()
x.max()
x.max(1).values
x.sort().values
x.topk(2).values
x.median()
x.cumsum(0)
x.norm()
x.softmax(1)
x.log_softmax(1)
x.logsumexp(1)
x.view(-1)
x.t()
x.T
x.transpose(0, 1)
x.permute(1, 0)
x.unsqueeze(0)
x.unsqueeze(0).squeeze(0)
x.expand(2, 3, 4)
x.flip(0)
x.roll(1)
x.repeat(2, 1)
x.tril()
torch.cat([x, y])
torch.stack([x, y])
x.split(2)[0]
x.chunk(2)[1]
x.unbind()[0]
x[0]
x[1:, ::2]
x[None]
x[[0, 1]]
x.narrow(0, 0, 2)
x.gather(0, torch.zeros(1, 4, dtype=torch.int64))
x.index_select(0, torch.tensor([0]))
x.scatter(0, torch.zeros(1, 4, dtype=torch.int64), y)
torch.outer(x[0], y[0])
torch.addmm(x[:, :3], x, y.T)
torch.linalg.inv(x[:, :3])
torch.linalg.det(x[:, :3])
torch.linalg.cholesky(x @ x.T)
x.float()
x.clone()
x.clone().mul_(2)
""".strip().split("\n")


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("source", NAMES)
def test_names_of_nodes(source: str) -> None:
    import torch as theirs

    values = np.random.default_rng(0).uniform(0.2, 0.9, (3, 4))
    names = []
    for library in (theirs, torch):
        x, y = (library.tensor(values, requires_grad=True) for _ in range(2))
        names.append(eval(source, {"torch": library, "x": x, "y": y}).grad_fn.name())
    assert names[0] == names[1]


def test_a_node_keeps_its_name() -> None:
    """A function that returns its argument as it is does not give it another name."""
    x = torch.ones(2, requires_grad=True) * 2
    assert torch.resolve_conj(x).grad_fn.name() == "MulBackward0"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of sqrt(-1)
def test_anomalies_show_the_line_of_the_forward_pass() -> None:
    x = torch.tensor(-1.0, requires_grad=True)
    with torch.autograd.set_detect_anomaly(True):
        line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
        y = x.sqrt()
        with (
            pytest.warns(UserWarning, match=rf"test_graph.py.*line {line}") as caught,
            pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan values in its 0th"),
        ):
            y.backward()
    assert "y = x.sqrt()" in str(caught[0].message)
    assert not torch.is_anomaly_enabled()
    x.sqrt().backward()


def test_saved_values_are_let_go() -> None:
    """With hooks nodes keep what the hooks return, and not the arrays besides."""
    x = torch.ones(1000, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: None, lambda _: torch.ones(1000)):
        y = x.exp()
    assert y.grad_fn.node.out is None
    y.sum().backward()
    assert x.grad.tolist() == [1.0] * 1000


def test_unpacked_tensors_are_checked() -> None:
    x = torch.ones(2, requires_grad=True)
    hooks = torch.autograd.graph.saved_tensors_hooks
    with hooks(lambda t: t, lambda t: t[:1]):
        y = x.exp()
    with pytest.raises(RuntimeError, match="unpack hook returned a tensor of shape"):
        y.sum().backward()
    with hooks(lambda t: t, lambda t: 3):
        y = x.exp()
    with pytest.raises(TypeError, match="expected to be a Tensor but got result of type int"):
        y.sum().backward()
    with hooks(lambda t: t, lambda t: t):
        y = x.exp()
    y.mul_(2)
    y = y.sum()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_hooks_within_functional_transforms() -> None:
    """The hooks reach what is recorded below a transform that is running."""
    w = torch.ones(2, requires_grad=True)
    packed: list[Any] = []

    def f(x: Any) -> Any:
        hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: (packed.append(1), t)[1], _same)
        with hooks:
            return (w.exp() * x * x).sum()

    g = torch.func.grad(f)(torch.ones(2))
    g.sum().backward()
    assert packed
    np.testing.assert_allclose(w.grad.numpy(), 2 * np.e * np.ones(2), rtol=1e-6)


def _same(t: Any) -> Any:
    return t


def test_functions_have_their_rules_in_functional_transforms() -> None:
    class Odd(torch.autograd.Function):
        """Its backward pass is not the derivative, to be told apart from it."""

        @staticmethod
        def forward(ctx: Any, x: Any, factor: float) -> Any:
            ctx.save_for_backward(x)
            ctx.factor = factor
            return x * x * factor

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 10 * x * g * ctx.factor, None

    def f(x: Any) -> Any:
        return Odd.apply(x, 2.0).sum()

    x = torch.tensor([1.0, 2.0])
    assert torch.func.grad(f)(x).tolist() == [20.0, 40.0]
    assert torch.func.vmap(torch.func.grad(f))(torch.stack([x, x])).tolist() == [[20.0, 40.0]] * 2
    assert torch.func.jvp(f, (x,), (torch.ones(2),))[1].item() == 60.0
    assert ft.grad(lambda a: f(torch.func.vmap(lambda t: t)(a)))(x).tolist() == [20.0, 40.0]
    assert torch.func.hessian(f)(x).tolist() == [[20.0, 0.0], [0.0, 20.0]]


def test_functions_may_have_forward_and_batching_rules() -> None:
    calls = []

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return 2 * x

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            pass

        @staticmethod
        def jvp(ctx: Any, t: Any) -> Any:
            calls.append("jvp")
            return 2 * t

        @staticmethod
        def vmap(info: Any, in_dims: Any, x: Any) -> Any:
            calls.append((info.batch_size, in_dims))
            return 2 * x, 0

    x = torch.ones(3)
    assert torch.func.jvp(Double.apply, (x,), (x,))[1].tolist() == [2.0] * 3
    assert torch.func.vmap(Double.apply)(x).tolist() == [2.0] * 3
    assert calls == ["jvp", (3, (0,))]


def test_complex_hooks_see_conjugates() -> None:
    z = torch.tensor([1.0 + 2.0j], requires_grad=True)
    seen = []
    z.register_hook(lambda g: seen.append(g.tolist()))
    (z * z.conj()).real.sum().backward()
    assert seen == [[2.0 + 4.0j]]


def test_batched_cotangents_of_a_wrong_shape() -> None:
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="interpret the first dimension of each grad_output"):
        torch.autograd.grad(x * 2, x, torch.ones(2, 2), is_grads_batched=True)


def test_warnings_of_detection() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.autograd.detect_anomaly()
    assert "Anomaly Detection has been enabled" in str(caught[0].message)
