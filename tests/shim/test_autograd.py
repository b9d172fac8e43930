"""Backward passes, graphs, views and writes of tensors."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.torch as torch


def test_introduction() -> None:
    a = torch.tensor([2.0, 3.0], requires_grad=True)
    b = torch.tensor([6.0, 4.0], requires_grad=True)
    q = 3 * a**3 - b**2
    q.backward(gradient=torch.tensor([1.0, 1.0]))
    assert (9 * a**2 == a.grad).all()
    assert (-2 * b == b.grad).all()
    a.grad = b.grad = None
    (3 * a**3 - b**2).sum().backward()
    assert (9 * a**2 == a.grad).all()


def test_gradients_are_added_up() -> None:
    x = torch.ones(2, requires_grad=True)
    for _ in range(3):
        (2 * x).sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]
    (x + x).sum().backward(inputs=[x])
    assert x.grad.tolist() == [8.0, 8.0]


def test_second_backward() -> None:
    x = torch.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()
    z = (x + 1).sum()  # nothing was saved
    z.backward()
    z.backward()


def test_create_graph() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    (g,) = torch.autograd.grad(x**4, x, create_graph=True)
    (h,) = torch.autograd.grad(g, x, create_graph=True)
    h.backward()
    assert (g.item(), h.item(), x.grad.item()) == (32.0, 48.0, 48.0)


def test_modified_in_place() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation.*FloatTensor \[2\]"):
        z.sum().backward()
    y = (x * 2).exp()
    y.mul_(2)
    y.sum().backward  # noqa: B018
    w = (x * 2).exp()
    w.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        w.sum().backward()


def test_views_and_writes() -> None:
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 1
    row = y[0]
    row.mul_(10.0)
    y[1, 2] = x[0, 1] * 7
    flat = y.view(-1)
    flat[3] = 0.0
    assert y.detach().numpy().tolist() == [[0.0, 10.0, 20.0], [0.0, 4.0, 7.0]]
    (y * y).sum().backward()
    # y = [[10 x00, 10 x01, 10 x02], [0, x11, 7 x01]]
    expected = [[0.0, 200.0 + 98.0, 400.0], [0.0, 8.0, 0.0]]
    assert x.grad.tolist() == expected
    assert row._version == y._version == flat._version > 0


def test_memory_is_shared() -> None:
    a = np.zeros(3)
    t = torch.from_numpy(a)
    t[1:].add_(2)
    assert a.tolist() == [0.0, 2.0, 2.0]
    a[0] = 5.0
    assert t.tolist() == [5.0, 2.0, 2.0]
    assert t.numpy() is a or np.shares_memory(t.numpy(), a)
    assert np.from_dlpack(t).tolist() == torch.from_dlpack(a).tolist() == [5.0, 2.0, 2.0]


def test_parameters_are_updated_without_recording() -> None:
    w = torch.ones(2, requires_grad=True)
    (w * w).sum().backward()
    with torch.no_grad():
        w -= 0.25 * w.grad
        w.data.mul_(2)
    assert w.requires_grad and w.is_leaf and w.tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        w += 1


def test_modes() -> None:
    x = torch.ones(1, requires_grad=True)
    with torch.no_grad():
        assert not (x * 2).requires_grad
        with torch.enable_grad():
            assert (x * 2).requires_grad
    with torch.set_grad_enabled(False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()

    @torch.no_grad()
    def f() -> Any:
        return x * 2

    assert not f().requires_grad
    with torch.inference_mode():
        assert not (x * 2).requires_grad
    assert not x.detach().requires_grad


def test_hooks_and_retained_gradients() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 3
    y.retain_grad()
    seen = []
    handle = y.register_hook(lambda g: (seen.append(g.tolist()), g * 2)[1])
    (y * y).sum().backward()
    assert seen == [[6.0, 6.0]]
    assert y.grad.tolist() == [6.0, 6.0]
    assert x.grad.tolist() == [36.0, 36.0]
    handle.remove()
    x.register_hook(lambda g: torch.zeros(2))
    (x * 3).sum().backward()
    assert x.grad.tolist() == [36.0, 36.0]


def test_graph_is_shown() -> None:
    x = torch.ones(2, requires_grad=True)
    y = (x * 2 + 1).mean()
    assert repr(y) == "tensor(3., grad_fn=<MeanBackward0>)"
    names = []
    node = y.grad_fn
    while node is not None:
        names.append(node.name())
        node = node.next_functions[0][0] if node.next_functions else None
    assert names[-3:] == ["AddBackward0", "MulBackward0", "AccumulateGrad"]
    assert (x * 1).grad_fn.next_functions[0][0].variable is x


def test_unused_inputs() -> None:
    x, y = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    with pytest.raises(RuntimeError, match="allow_unused=True"):
        torch.autograd.grad((x * 1).sum(), [x, y])
    assert torch.autograd.grad((x * 1).sum(), [x, y], allow_unused=True)[1] is None
    found = torch.autograd.grad((x * 1).sum(), [x, y], materialize_grads=True)
    assert found[1].tolist() == [0.0]


def test_batched_gradients() -> None:
    x = torch.arange(3.0).requires_grad_()
    (rows,) = torch.autograd.grad(x**2, x, torch.eye(3), is_grads_batched=True)
    assert rows.tolist() == [[0.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 4.0]]


def test_function() -> None:
    class Scale(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, factor: float) -> Any:
            ctx.save_for_backward(x)
            ctx.factor = factor
            return x * factor

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            assert ctx.needs_input_grad == (True, False)
            return g * ctx.factor * x / x, None

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    Scale.apply(x, 3.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x * x

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * ctx.saved_tensors[0] * g

    (g,) = torch.autograd.grad(Square.apply(x).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert (g.tolist(), h.tolist()) == ([2.0, 4.0], [2.0, 2.0])


@pytest.mark.parametrize("f", [torch.linalg.eigh, lambda a: torch.linalg.slogdet(a)[::-1]])
def test_operations_of_several_outputs_are_freed(f: Any) -> None:
    """A second pass is an error, not one without their gradients."""
    a = torch.eye(2, requires_grad=True)
    first = f(a)[0]
    first.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        first.sum().backward()


class Exponential(torch.autograd.Function):
    """Saves its output, as functions do whose derivative is a formula of it."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        out = x.exp()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (out,) = ctx.saved_tensors
        return g * out


class ExponentialInPlace(Exponential):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        out = x.exp_()
        ctx.mark_dirty(x)
        ctx.save_for_backward(out)
        return out


@pytest.mark.parametrize("hooked", [False, True])
@pytest.mark.parametrize("function", [Exponential, ExponentialInPlace])
def test_a_saved_output_has_a_derivative(function: Any, hooked: bool) -> None:
    """The second derivative goes through an output that the backward pass reads."""
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(), torch.tensor)
    with hooks if hooked else nullcontext():
        y = function.apply(x * 1.0)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(h.sum(), x)
    for found in (g, h, third):
        np.testing.assert_allclose(found.detach().numpy(), np.exp([0.0, 1.0]), rtol=1e-6)


def test_a_function_that_saves_its_output_goes_with_it() -> None:
    y = Exponential.apply(torch.ones(2, requires_grad=True))
    node = weakref.ref(y.array.index.node)
    gc.disable()
    try:
        del y
        assert node() is None
    finally:
        gc.enable()


def test_a_saved_output_is_not_to_be_written_to() -> None:
    y = Exponential.apply(torch.ones(2, requires_grad=True))
    y.detach().mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_complex_gradients_are_conjugated() -> None:
    z = torch.tensor([1.0 + 2.0j], requires_grad=True)
    (z * z.conj()).real.sum().backward()
    assert z.grad.tolist() == [2.0 + 4.0j]


def test_deep_graph() -> None:
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(50_000):
        y = y + 1
    y.backward()
    assert x.grad.tolist() == [1.0]
    del y
    gc.collect()


def test_graph_goes_with_its_last_tensor() -> None:
    x = torch.ones(1000, requires_grad=True)
    y = x * 2
    node = weakref.ref(y.grad_fn.node)
    del y
    gc.collect()
    assert node() is None


def test_copies_and_pickles() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert y.requires_grad and y.is_leaf and y.tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)


def test_functional_transforms_of_tensor_code() -> None:
    def f(x: Any) -> Any:
        return (x.sin() * x).sum()

    x = torch.arange(3.0)
    g = torch.func.grad(f)(x)
    y = x.clone().requires_grad_()
    f(y).backward()
    np.testing.assert_allclose(g.numpy(), y.grad.numpy(), rtol=1e-6)
    batch = torch.func.vmap(torch.func.grad(f))(torch.stack([x, x + 1]))
    assert batch.shape == (2, 3)
    np.testing.assert_allclose(
        torch.func.hessian(f)(x).numpy(),
        torch.func.jacrev(torch.func.grad(f))(x).numpy(),
        rtol=1e-6,
    )


def test_backward_through_functional_transforms() -> None:
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    g = torch.func.grad(lambda x: (w * x**3).sum())(torch.ones(2))
    assert g.tolist() == [3.0, 6.0]
    g.sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]
    plain = ft.grad(lambda x: (w.detach() * x**2).sum())(np.ones(2))
    assert type(plain) is np.ndarray and plain.tolist() == [2.0, 4.0]


def test_plain_arrays_are_not_touched_by_the_import() -> None:
    """The engine lies below all transforms, and plain arrays pass through it."""
    assert type(ft.grad(np.sin)(1.0)) is np.float64
    assert type(ft.numpy.zeros(2)) is np.ndarray
    assert type(ft.vmap(np.sin)(np.ones(2))) is np.ndarray


def test_unsupported() -> None:
    with pytest.raises(NotImplementedError, match="torch.lobpcg"):
        torch.lobpcg(1)
    with pytest.raises(NotImplementedError, match=r"Tensor\.to_sparse"):
        torch.ones(1).to_sparse()
    assert not hasattr(torch, "lobpcg")


def test_what_an_operation_in_place_needs_is_kept() -> None:
    """And a write into the result afterwards is seen."""
    x = torch.tensor([0.5, 2.0], requires_grad=True)
    y = x.clone()
    y.square_().sin_()
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy() * np.cos([0.25, 4.0]), 1e-6)
    z = x.exp()
    z.add_(1)
    with pytest.raises(RuntimeError, match="output 0 of Exp, is at version 1; expected version 0"):
        z.sum().backward()
    w = x.exp()
    alias = w.detach()
    alias.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        w.sum().backward()


def test_gradients_share_memory_with_nothing() -> None:
    """A gradient that nothing else holds is taken over without a copy; every other is copied."""
    kept: list[Any] = []

    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            made = g * 2
            kept.append(made)
            return made, made

    a, b, c, d = (torch.ones(3, requires_grad=True) for _ in range(4))
    given = torch.ones(3)
    (Same.apply(a, b) + c + d).backward(given)
    view = torch.ones(4, requires_grad=True)
    row = torch.ones(3)
    (view[1:] * row).backward(given)
    grads = [t.grad.numpy() for t in (a, b, c, d, view)]
    others = [given.numpy(), kept[0].numpy(), row.numpy()]
    for i, g in enumerate(grads):
        assert g.flags.writeable
        assert not any(np.shares_memory(g, other) for other in (*grads[:i], *others))
    a.grad.add_(1.0)
    assert [g.tolist() for g in grads[:3]] == [[3.0] * 3, [2.0] * 3, [1.0] * 3]
