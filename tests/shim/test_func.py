"""`torch.func`, random numbers and `checkpoint`, beside PyTorch's."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.torch as torch
from functrans.core.errors import InPlaceError, RandomnessError
from functrans.torch.utils.checkpoint import CheckpointError, checkpoint
from tests.shim.programs import compare

START = """
F = torch.func
x = torch.tensor([1., 2.])
w = torch.tensor([3., 5.])
z = torch.tensor([1 + 2j, 3 - 1j])
"""

CALLS = """
F.grad(lambda x: (x * w).sin().sum())(x)
F.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(x, w)
F.grad(lambda x, y: (x * y).sum(), argnums=1)(x, w)
F.grad(lambda d: (d["a"] * d["b"]).sum())({"a": x, "b": w})["a"]
F.grad(lambda x: (x.sum(), x * 2), has_aux=True)(x)
F.grad(lambda z: (z * z.conj()).real.sum())(z)
F.grad(F.grad(lambda x: (x ** 3).sum()))(x[0])
F.grad(lambda x: x)(x)
F.grad(lambda x: 3)(x)
F.grad(lambda x: x.sum(), has_aux=True)(x)
F.grad_and_value(lambda x: (x * w).sum())(x)
F.grad_and_value(lambda x: (x.sum(), x), has_aux=True)(x)
F.vjp(lambda x: x * x, x)[0]
F.vjp(lambda x: x * x, x)[1](w)
F.vjp(lambda x, y: (x * y, y), x, w)[1]((x, w))
F.vjp(lambda x: (x * x, x), x, has_aux=True)[2]
F.vjp(lambda z: z * z, z)[1](z)
F.jvp(lambda x: x * x, (x,), (w,))
F.jvp(lambda x, y: (x * y, y), (x, w), (w, x))
F.jvp(lambda x: (x * x, x), (x,), (w,), has_aux=True)
F.jvp(lambda x: torch.ones(2), (x,), (w,))
F.jvp(lambda z: z * z, (z,), (z,))
F.jvp(lambda x: x, x, w)
F.jacrev(lambda x: x * x.sum())(x)
F.jacrev(lambda x, y: (x * y, x.sum()), argnums=(0, 1))(x, w)
F.jacrev(lambda x: (x * x, x), has_aux=True)(x)
F.jacrev(lambda x: x * x, chunk_size=1)(x)
F.jacfwd(lambda x: x * x.sum())(x)
F.jacfwd(lambda x: (x * x, x), has_aux=True)(x)
F.jacfwd(lambda x, y: (x * y, x.sum()), argnums=(0, 1))(x, w)
F.hessian(lambda x: (x ** 3).sum() + x.prod())(x)
F.hessian(lambda x, y: (x ** 2 * y).sum(), argnums=(0, 1))(x, w)
F.vmap(lambda x, y: x * y.sum(), in_dims=(0, None))(x, w)
F.vmap(lambda x: (x, x + 1), out_dims=(0, 1))(torch.ones(2, 3))
F.vmap(lambda d: d["a"] * d["b"], in_dims=({"a": 0, "b": None},))({"a": x, "b": w})
F.vmap(F.vmap(torch.dot, (None, 0)), (0, None))(torch.ones(3, 2), torch.ones(4, 2))
F.vmap(F.grad(lambda x: x.sin()))(x)
F.vmap(lambda x: x * 2, chunk_size=1)(x)
F.vmap(lambda x: torch.rand(2) + x)(x)
F.vmap(lambda x: torch.rand(2), randomness="same", out_dims=None)(x).shape
F.vmap(lambda x: torch.rand(3) + x, randomness="different")(x).shape
F.vmap(lambda x: x, randomness="other")(x)
torch.vmap(lambda x: x + 1)(x)
F.jacrev(F.vmap(lambda x: x ** 2))(x)
F.vmap(F.jacfwd(lambda x: x ** 2))(torch.ones(3, 2))
""".strip().split("\n")


@pytest.mark.parametrize(
    "made",
    ["zeros(3)", "full((3,), 0.0)", "tensor([0.0, 0.0, 0.0])", "randn(3) * 0", "eye(3)[0] * 0"],
)
def test_new_tensors_take_values_of_transforms(made: str) -> None:
    """A tensor that a transformed function makes can be written to."""

    def f(x: Any) -> Any:
        z = eval(f"torch.{made}")
        z[0] = x
        z.add_(x)
        return (z**2).sum()

    x = torch.tensor(2.0)
    assert torch.func.grad(f)(x).item() == 24
    lanes = torch.func.vmap(f, randomness="same")
    with pytest.raises(InPlaceError):  # as in PyTorch: it is one tensor for all lanes
        lanes(torch.stack([x, x]))
    assert torch.func.jvp(f, (x,), (x,))[1].item() == 48
    if "randn" in made:
        with pytest.raises(RandomnessError, match="would be the same in every run"):
            ft.jit(f)(x)
    else:
        assert ft.jit(f)(x).item() == 24


def test_new_tensors_in_memory_of_others_stay_there() -> None:
    """Inside a transform too."""
    memory = np.zeros(2)

    def f(x: Any) -> Any:
        torch.as_tensor(memory)[0] = 1.0
        return x

    torch.func.grad(f)(torch.tensor(2.0))
    assert memory.tolist() == [1, 0]


@pytest.mark.oracle("torch")
@pytest.mark.filterwarnings("ignore")  # PyTorch's linearize warns of its own parts
@pytest.mark.parametrize("call", CALLS)
def test_as_pytorch(call: str) -> None:
    compare(f"{START}\nshow({call})")


PROGRAMS = {
    "checkpoint": """
from importlib import import_module
C = import_module(torch.__name__ + ".utils.checkpoint")
x = torch.tensor([1., 2.], requires_grad=True)
w = torch.tensor([3., 5.], requires_grad=True)
def f(x):
    show("run")
    return (x * w).sin().exp()
y = C.checkpoint(f, x, use_reentrant=False)
show(y, y.requires_grad)
y.sum().backward()
show(x.grad, w.grad)
with torch.no_grad():
    show(C.checkpoint(f, x, use_reentrant=False).requires_grad)
""",
    "checkpoints in checkpoints": """
from importlib import import_module
C = import_module(torch.__name__ + ".utils.checkpoint")
x = torch.tensor([0.1, 0.2], requires_grad=True)
def f(x):
    return C.checkpoint(lambda x: (x * x).sin(), x.exp(), use_reentrant=False).cos()
(g,) = torch.autograd.grad(C.checkpoint(f, x, use_reentrant=False).sum(), x, create_graph=True)
show(g, torch.autograd.grad(g.sum(), x))
""",
    "a second run that differs": """
from importlib import import_module
C = import_module(torch.__name__ + ".utils.checkpoint")
x = torch.tensor([1., 2.], requires_grad=True)
runs = []
def f(x):
    runs.append(1)
    return x.sin() if len(runs) == 1 else x.reshape(1, 2).sin().reshape(2)
y = C.checkpoint(f, x, use_reentrant=False)
try:
    y.sum().backward()
except C.CheckpointError as error:
    show(str(error).split("\\n")[0])
""",
    "sequences": """
from importlib import import_module
C = import_module(torch.__name__ + ".utils.checkpoint")
x = torch.tensor([1., 2.], requires_grad=True)
fs = [torch.sin, torch.exp, torch.tanh, torch.sin, torch.exp]
y = C.checkpoint_sequential(fs, 2, x, use_reentrant=False)
y.sum().backward()
show(y, x.grad)
""",
    "states of random numbers": """
g = torch.Generator().manual_seed(5)
state = g.get_state()
a = torch.rand(3, generator=g)
g.set_state(state)
show(bool((torch.rand(3, generator=g) == a).all()), state.dtype == torch.uint8)
torch.manual_seed(7)
state = torch.get_rng_state()
a = torch.randn(3)
torch.set_rng_state(state)
show(bool((torch.randn(3) == a).all()), torch.initial_seed(), g.initial_seed())
with torch.random.fork_rng():
    torch.manual_seed(1)
show(torch.initial_seed())
""",
    "devices": """
d = torch.device("cpu")
show(repr(d), str(d), d == torch.ones(1).device, repr(torch.device("cuda", 1)), d.type, d.index)
show(str(torch.device("cuda:1")), torch.ones(1).to(d).tolist(), torch.zeros(1, device=d).tolist())
show(torch.get_default_device() == d)
torch.device("nowhere")
""",
}


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_as_pytorch(name: str) -> None:
    compare(PROGRAMS[name])


def test_lanes_draw_as_they_are_told() -> None:
    x = torch.zeros(3)
    for draw in (
        lambda x: torch.rand(2) + x,
        lambda x: torch.randn(2) + x,
        lambda x: torch.randint(0, 1000, (2,)) + x,
        lambda x: torch.bernoulli(0.5 + torch.zeros(40)) + x,
        lambda x: torch.randperm(10) + x,
        lambda x: torch.empty(2).uniform_() + x if False else torch.rand_like(torch.ones(2)) + x,
    ):
        rows = torch.vmap(draw, randomness="different")(x).tolist()
        assert rows[0] != rows[1] and rows[1] != rows[2]
        rows = torch.vmap(draw, randomness="same")(x).tolist()
        assert rows[0] == rows[1] == rows[2]
        with pytest.raises(RuntimeError, match="randomness error mode"):
            torch.vmap(draw)(x)
    inner = torch.vmap(lambda x: torch.rand(()) + x, randomness="different")
    assert (
        len(set(torch.vmap(inner, randomness="same")(torch.zeros(2, 3)).reshape(-1).tolist())) == 3
    )
    assert (
        len(set(torch.vmap(inner, randomness="different")(torch.zeros(2, 3)).reshape(-1).tolist()))
        == 6
    )


def test_lanes_of_noise_are_differentiated() -> None:
    g = torch.func.grad(
        lambda s: torch.vmap(lambda x: torch.rand(()) * s + x, randomness="different")(
            torch.zeros(4)
        ).sum()
    )(torch.tensor(2.0))
    assert 0 < g.item() < 4


def test_generators_are_copied_and_pickled() -> None:
    g = torch.Generator().manual_seed(3)
    torch.rand(5, generator=g)
    for h in (copy.deepcopy(g), pickle.loads(pickle.dumps(g)), g.clone_state()):
        state = g.get_state()
        a, b = torch.rand(3, generator=g), torch.rand(3, generator=h)
        assert a.tolist() == b.tolist()
        g.set_state(state)


def test_checkpoints_draw_the_same_numbers_again() -> None:
    x = torch.ones(100, requires_grad=True)
    y = checkpoint(lambda x: (x * torch.rand(100)).exp().log(), x, use_reentrant=False)
    y.sum().backward()
    # The logarithm of an exponential near 1 has few digits left: the error is absolute.
    np.testing.assert_allclose(x.grad.numpy(), y.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_checkpoints_keep_nothing() -> None:
    x = torch.ones(1000, requires_grad=True)
    y = checkpoint(lambda x: x.exp().exp(), x, use_reentrant=False)
    node = y.grad_fn.node
    assert node.out is None
    assert node.links[0][1].node.out is None


def test_a_checkpoint_whose_second_run_stops_early() -> None:
    runs: list[int] = []

    def f(x: Any) -> Any:
        runs.append(1)
        return x.sin() if len(runs) == 1 else x * 1

    x = torch.ones(2, requires_grad=True)
    y = checkpoint(f, x, use_reentrant=False)
    with pytest.raises(CheckpointError, match="different number of tensors"):
        y.sum().backward()


def test_checkpoints_within_functional_transforms() -> None:
    f = lambda x: checkpoint(lambda x: x.sin().exp(), x, use_reentrant=False).sum()  # noqa: E731
    x = torch.tensor([1.0, 2.0])
    expected = torch.func.grad(lambda x: x.sin().exp().sum())(x)
    assert torch.func.grad(f)(x).tolist() == expected.tolist()


def test_a_state_of_another_source_is_refused() -> None:
    with pytest.raises(RuntimeError, match="RNG state is wrong size"):
        torch.set_rng_state(torch.zeros(3, dtype=torch.uint8))


def test_functionalize_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="functionalize"):
        torch.func.functionalize(torch.sin)
