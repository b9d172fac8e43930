"""``torch.compile``: compiled functions and modules do what they do uncompiled."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.torch as torch
from functrans.core.errors import ConversionError, GraphBreakError
from functrans.torch import nn

F = nn.functional


@pytest.fixture(autouse=True)
def _strict() -> Any:
    """A function that is not compiled is an error, unless a test asks for the warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def same(a: Any, b: Any) -> None:
    """Assert that two results are equal up to rounding, and in class, dtype and requires_grad."""
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert (a.dtype, a.shape, a.requires_grad) == (b.dtype, b.shape, b.requires_grad)
        rtol = 1e-12 if a.dtype == torch.float64 else 2e-5
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=rtol, atol=rtol)
    elif isinstance(a, tuple | list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for k in a:
            same(a[k], b[k])
    else:
        assert a == b


class Net(nn.Module):
    """Layers with buffers that training writes to, and random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.3)
        self.last = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.last(self.drop(F.gelu(self.norm(self.first(x)))))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(4, 6, batch_first=True)
        self.out = nn.Linear(6, 2)

    def forward(self, x: Any, state: Any = None) -> Any:
        out, state = self.rnn(x, state)
        return {"scores": self.out(out), "state": state, "steps": x.shape[1]}


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)

    def forward(self, x: Any) -> Any:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.layer(x, src_mask=mask)


MODULES = {
    "net": (Net, (6, 5)),
    "recurrent": (Recurrent, (3, 7, 4)),
    "attention": (Attention, (2, 5, 8)),
    "convolution": (
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)),
        (3, 2, 6, 6),
    ),
}


def loss_of(out: Any) -> Any:
    if isinstance(out, dict):
        return out["scores"].square().mean() + out["state"][0].sum()
    return out.square().mean()


@pytest.mark.parametrize("backend", ["inductor", "aot_eager"])
@pytest.mark.parametrize("name", MODULES)
def test_modules_train_alike(name: str, backend: str) -> None:
    """Losses, gradients, buffers and random numbers are those of the module itself."""
    make, shape = MODULES[name]
    torch.manual_seed(0)
    plain = make()
    other = copy.deepcopy(plain)
    compiled = torch.compile(other, fullgraph=True, backend=backend)
    # Adam would make steps of gradients that are rounding: of biases before a normalisation.
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (plain, compiled)]
    for step in range(4):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(step))
        found = []
        for module, optimizer in zip((plain, compiled), optimizers, strict=True):
            torch.manual_seed(step)
            optimizer.zero_grad()
            out = module(x)
            loss_of(out).backward()
            optimizer.step()
            found.append((out, torch.rand(1)))
        same(*found)
        same(dict(plain.named_parameters()), dict(other.named_parameters()))
        same([p.grad for p in plain.parameters()], [p.grad for p in other.parameters()])
        same(dict(plain.named_buffers()), dict(other.named_buffers()))
    plain.eval()
    compiled.eval()
    assert not other.training
    with torch.no_grad():
        same(plain(x), compiled(x))


def in_place(x: Any, y: Any) -> Any:
    x.mul_(y)
    x[0] = y.sum()
    return x, x * y


def control(x: Any, y: Any) -> Any:
    if x.sum() > 0:
        return x * y
    return x - y


def made_inside(x: Any, y: Any) -> Any:
    z = torch.zeros(3)
    for i in range(3):
        z[i] = x[i] * i
    return z[torch.arange(3)] + torch.ones(3, dtype=torch.int64) * y


def partly_detached(x: Any, y: Any) -> Any:
    with torch.no_grad():
        c = x * y
    return c * x, c, y.detach(), [x, None, 2, "a"]


def aliases(x: Any, y: Any) -> Any:
    z = x * y
    return x, z, z


is_tensor = torch.is_tensor

FUNCTIONS = [in_place, control, made_inside, partly_detached, aliases]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("grads", [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("f", FUNCTIONS)
def test_functions_do_the_same(f: Callable[..., Any], grads: tuple[bool, bool], sign: int) -> None:
    compiled = torch.compile(f, fullgraph=True)
    for _ in range(3):  # staged, made ready, at once
        found = []
        for g in (f, compiled):
            leaves = [
                torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64, requires_grad=grads[0]),
                torch.tensor([3.0, 5.0, 7.0], dtype=torch.float64, requires_grad=grads[1]),
            ]
            x, y = leaves[0] * sign, leaves[1] * 1
            out = g(x, y)
            total = sum(
                t.sum() for t in (out if isinstance(out, tuple) else (out,)) if is_tensor(t)
            )
            if any(grads):
                total.backward()
            found.append((out, x, y, total, [t.grad for t in leaves]))
        same(*found)


def test_results_are_the_arguments_that_they_are() -> None:
    x, y = torch.ones(3), torch.ones(3)
    got = torch.compile(aliases, fullgraph=True)(x, y)
    assert got[0] is x and got[1] is got[2]
    got = torch.compile(in_place, fullgraph=True)(x, y)
    assert got[0] is x and x.tolist() == [3, 1, 1]


def test_second_derivatives() -> None:
    f = torch.compile(lambda x, y: (x**3 * y).sum(), fullgraph=True)
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([3.0, 5.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(f, (x, y))
    assert torch.autograd.gradgradcheck(f, (x, y))


def test_values_that_the_backward_pass_needs_must_stay() -> None:
    f = torch.compile(lambda x: x**3, fullgraph=True)
    x = torch.ones(2, requires_grad=True) * 1
    y = f(x)
    x.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    x = torch.ones(2, requires_grad=True) * 1
    y = f(x)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()


def test_leaves_that_need_gradients_are_not_written_to() -> None:
    x, y = torch.ones(2, requires_grad=True), torch.ones(2)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        torch.compile(in_place, fullgraph=True)(x, y)
    assert x.tolist() == [1, 1]


def test_parameters_are_trained_inside() -> None:
    w = nn.Parameter(torch.ones(2))

    @torch.compile(fullgraph=True)
    def step(g: Any) -> Any:
        with torch.no_grad():
            w.sub_(0.5 * g)
        return w.sum()

    assert step(torch.ones(2)).item() == 1
    assert w.tolist() == [0.5, 0.5] and w.requires_grad
    assert step(torch.ones(2)).item() == 0


def test_programs_are_made_once() -> None:
    def f(x: Any, n: int = 2, *, scale: float = 1.0) -> Any:
        return x.repeat(n) * scale

    f = torch.compile(f, fullgraph=True)
    x = torch.ones(3)
    state = lambda: sum(len(s.paths) for s in f._states.values())  # noqa: E731
    for _ in range(3):
        assert f(x).tolist() == [1.0] * 6
    assert state() == 1
    assert f(x, 3).shape == (9,) and state() == 2
    assert f(x, scale=2.0)[0].item() == 2 and state() == 3
    assert f(torch.ones(4)).shape == (8,) and state() == 4
    assert f(torch.ones(4, dtype=torch.float64)).dtype == torch.float64 and state() == 5
    assert f(x, scale=-0.0)[0].item() == 0 and f(x, scale=0.0)[0].item() == 0 and state() == 7
    torch.compiler.reset()
    assert state() == 0 and f(x).tolist() == [1.0] * 6


def test_what_a_function_reads_may_change() -> None:
    module = nn.Linear(2, 2, bias=False)
    factor = 2.0
    f = torch.compile(lambda x: module(x) * factor, fullgraph=True)
    x = torch.ones(1, 2)

    def check() -> None:
        for _ in range(2):
            same(module(x) * factor, f(x))

    check()
    factor = 3.0
    check()
    with torch.no_grad():
        module.weight.fill_(2.0)
    check()
    module.weight = nn.Parameter(torch.full((2, 2), 5.0))
    check()
    module.weight.data = torch.full((2, 2), 7.0)
    check()
    module.load_state_dict({"weight": torch.zeros(2, 2)})
    check()
    module.register_forward_hook(lambda m, args, out: out + 1)
    check()


def test_objects_among_the_arguments() -> None:
    f = torch.compile(lambda module, x: module(x), fullgraph=True)
    a, b, x = nn.Linear(2, 2), nn.Linear(2, 2), torch.ones(2)
    for _ in range(2):
        same(a(x), f(a, x))
        same(b(x), f(b, x))


def test_one_tensor_in_two_places() -> None:
    f = torch.compile(lambda x, y: (x.add_(1), y * 2)[1], fullgraph=True)
    x = torch.zeros(2)
    assert f(x, x).tolist() == [2, 2]
    assert f(torch.zeros(2), torch.zeros(2)).tolist() == [0, 0]


def test_memory_that_is_shared_is_seen() -> None:
    f = torch.compile(lambda x, y: (x.add_(1), y * 2)[1])
    x = torch.zeros(2)
    with pytest.warns(UserWarning, match="in whose memory another one lies"):
        assert f(x, x.detach()).tolist() == [2, 2]
    assert f(x, x.view(2)).tolist() == [4, 4]
    with torch.compiler.set_stance("fail_on_recompile"):  # the program is still there
        assert f(torch.zeros(2), torch.zeros(2)).tolist() == [0, 0]
    (paths,) = f._states.popitem()[1].paths.values()
    assert paths is not None


def test_views_are_written_through() -> None:
    base = torch.zeros(3)
    torch.compile(lambda x: x.add_(1), fullgraph=True)(base[1:])
    assert base.tolist() == [0, 1, 1]


def test_random_numbers_are_those_of_the_function() -> None:
    own = torch.Generator()

    def f(x: Any) -> Any:
        return torch.randn(3) + F.dropout(x, 0.5), torch.randperm(4), torch.rand(2, generator=own)

    compiled = torch.compile(f, fullgraph=True)
    found = []
    for g in (f, compiled):
        torch.manual_seed(1)
        own.manual_seed(2)
        found.append([g(torch.ones(3)) for _ in range(3)])
    same(*found)
    assert found[0][0][0].tolist() != found[0][1][0].tolist()


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: x * x.sum().item(), "its values are not known"),
        (lambda x: torch.tensor(x.numpy() + 1), ""),
        (lambda x: torch.compiler.disable(torch.sin, reason="why")(x), "sin is marked .*: why"),
        (lambda x: (x, object())[0] if x.sum() > 9 else [x, object()][0], None),
        (lambda x: iter([x]), "returns an object of type list_iterator"),
    ],
)
def test_what_cannot_be_staged_runs_as_it_is(f: Callable[..., Any], reason: str | None) -> None:
    x = torch.ones(2)
    compiled = torch.compile(f)
    if reason is None:
        same(f(x), compiled(x))
        return
    with pytest.warns(UserWarning, match=f"(?s)runs without being compiled.*{reason}"):
        first = compiled(x)
    second = compiled(x)  # no second warning
    for found in (first, second):
        if isinstance(found, torch.Tensor):
            same(f(x), found)
    with pytest.raises(Exception, match=f"(?s){reason}"):
        torch.compile(f, fullgraph=True)(x)


def test_side_effects_are_refused() -> None:
    seen: list[int] = []

    def f(x: Any) -> Any:
        seen.append(1)
        return x * 2

    with pytest.raises(ft.errors.SideEffectError, match="the elements of seen"):
        torch.compile(f, fullgraph=True)(torch.ones(1))
    seen.clear()
    with pytest.warns(UserWarning, match="the elements of seen"):
        torch.compile(f)(torch.ones(1))


def test_errors_are_those_of_the_function() -> None:
    f = torch.compile(lambda x, y: x @ y)
    with pytest.raises(RuntimeError) as plain:
        torch.ones(2, 3) @ torch.ones(2, 3)
    with pytest.raises(RuntimeError) as compiled:
        f(torch.ones(2, 3), torch.ones(2, 3))
    assert str(plain.value) == str(compiled.value)
    assert f(torch.ones(2, 3), torch.ones(3, 2)).shape == (2, 2)


def test_functional_transforms_take_the_function_itself() -> None:
    f = torch.compile(lambda x: (x**2).sum(), fullgraph=True)
    x = torch.tensor([1.0, 2.0])
    assert torch.func.grad(f)(x).tolist() == [2, 4]
    assert torch.func.vmap(f)(torch.ones(2, 3)).tolist() == [3, 3]
    assert torch.compile(lambda x: f(x) * 2, fullgraph=True)(x).item() == 10
    assert ft.jit(f)(x).item() == 5


def test_methods_and_copies() -> None:
    class Scale:
        def __init__(self, k: float) -> None:
            self.k = k

        @torch.compile(fullgraph=True)
        def __call__(self, x: Any) -> Any:
            return x * self.k

    a, b = Scale(2.0), Scale(3.0)
    for _ in range(2):
        assert a(torch.ones(1)).item() == 2 and b(torch.ones(1)).item() == 3
    module = torch.compile(nn.Linear(2, 1), fullgraph=True)
    x = torch.ones(2)
    out = module(x)
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        same(out, again(x))
        assert again.weight is not module.weight


def test_a_compiled_module_is_the_module() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    compiled = torch.compile(module, fullgraph=True)
    assert isinstance(compiled, nn.Module) and compiled._orig_mod is module
    assert list(compiled.state_dict()) == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    assert compiled[0] is module[0] and len(compiled) == 2 and list(compiled) == list(module)
    compiled.note = "n"
    assert module.note == "n" and compiled.note == "n"
    del compiled.note
    assert not hasattr(module, "note")
    x = torch.ones(1, 2)
    same(module(x), compiled(x))
    module.compile(fullgraph=True)
    same(compiled(x), module(x))
    same(list(copy.deepcopy(module)(x)), list(module(x)))


def test_stances() -> None:
    f = torch.compile(lambda x: x * 2, fullgraph=True)
    x = torch.ones(1)
    states = f._states
    with torch.compiler.set_stance("force_eager"):
        assert f(x).item() == 2 and not states
    with torch.compiler.set_stance("eager_on_recompile"):
        assert f(x).item() == 2 and not any(s.paths for s in states.values())
    with (
        torch.compiler.set_stance("fail_on_recompile"),
        pytest.raises(RuntimeError, match="fail_on_recompile"),
    ):
        f(x)
    assert f(x).item() == 2
    with torch.compiler.set_stance("fail_on_recompile"):
        assert f(x).item() == 2
    with pytest.raises(RuntimeError, match="invalid torch.compile stance"):
        torch.compiler.set_stance("fast")


def test_options() -> None:
    assert torch.compiler.list_backends() == ["aot_eager", "eager", "inductor"]
    assert not torch.compiler.is_compiling()
    f = torch.compile(
        lambda x: x + (1 if torch.compiler.is_compiling() else 0), fullgraph=True, dynamic=True
    )
    assert f(torch.zeros(1)).item() == 1
    for model in (
        torch.compile(torch.sin, backend="eager"),
        torch.compile(torch.sin, disable=True),
    ):
        assert model is torch.sin
    assert torch.compile(torch.sin, mode="max-autotune")(torch.zeros(1)).item() == 0
    with pytest.raises(RuntimeError, match="Either mode or options"):
        torch.compile(torch.sin, mode="default", options={})
    with pytest.raises(RuntimeError, match="Invalid backend"):
        torch.compile(torch.sin, backend="cuda")
    with pytest.raises(RuntimeError, match="Unrecognized mode"):
        torch.compile(torch.sin, mode="fast")
    with pytest.raises(TypeError, match="a function or a module, got int"):
        torch.compile(3)
    with pytest.raises(GraphBreakError):
        torch.compile(lambda x: torch.compiler.disable()(torch.sin)(x), fullgraph=True)(
            torch.zeros(1)
        )


def test_counting_below_a_number() -> None:
    counts = torch.compile(lambda i: torch.bincount(i, minlength=4), fullgraph=True)
    for values in ([1, 3, 3], [0, 0, 2]):
        assert counts(torch.tensor(values)).tolist() == np.bincount(values, minlength=4).tolist()
    with pytest.raises(ConversionError, match="minlength=n: programs take all"):
        counts(torch.tensor([1, 4, 3]))
