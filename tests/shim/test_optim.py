"""functrans.torch.optim: groups, state dicts, hooks, refusals, and PyTorch's trajectories."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import functrans.torch as ours
from functrans.optim import steps
from functrans.torch.optim import elementwise, optimizer as base

NAMES = ["SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta"]
NAMES += ["ASGD", "Rprop"]

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.4}),
    ("SGD", {"lr": 0.001, "momentum": 0.5, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.02}),
    ("Adam", {"lr": 0.02, "amsgrad": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.002, "maximize": True}),
    ("Adam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.02, "weight_decay": 0.3, "betas": (0.5, 0.7), "amsgrad": True}),
    ("NAdam", {"lr": 0.02, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.02, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adamax", {"lr": 0.02, "weight_decay": 0.1}),
    # Rates at which the steps, all of one size, do not overshoot: there rounding would grow.
    ("RMSprop", {"lr": 0.002, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.003, "centered": True, "momentum": 0.5, "alpha": 0.9}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.05, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5}),
    ("Adadelta", {"lr": 0.9, "weight_decay": 0.1, "rho": 0.8}),
    ("ASGD", {"lr": 0.05, "t0": 20.0, "lambd": 0.01, "weight_decay": 0.1}),
    ("Rprop", {"lr": 0.02, "step_sizes": (1e-5, 0.1)}),
    ("Rprop", {"lr": 0.01, "etas": (0.4, 1.1)}),
    ("Adam", {"lr": 0.02, "eps": 1e-3, "betas": (0.8, 0.95)}),
    ("NAdam", {"lr": 0.02, "eps": 1e-3, "betas": (0.8, 0.95), "momentum_decay": 0.1}),
    ("RAdam", {"lr": 0.02, "eps": 1e-3, "betas": (0.8, 0.95)}),
    ("Adamax", {"lr": 0.02, "eps": 1e-3, "betas": (0.8, 0.95)}),
    ("RMSprop", {"lr": 0.01, "eps": 1e-2, "momentum": 0.9}),
    ("Adagrad", {"lr": 0.1, "eps": 1e-2}),
    ("Adadelta", {"eps": 1e-3}),
    ("ASGD", {"lr": 0.05, "alpha": 0.5, "lambd": 0.1, "t0": 0.0}),
    # Not Rprop: upwards it goes on until gradients vanish, and with them their signs.
    *[(name, {"lr": 1e-3, "maximize": True}) for name in NAMES if name != "Rprop"],
]

rng = np.random.default_rng(0)
W, B = rng.normal(size=(3, 4)), rng.normal(size=4)
X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 4))


def parameters(lib: Any, double: bool = True) -> list[Any]:
    dtype = lib.float64 if double else lib.float32
    return [lib.tensor(x.tolist(), dtype=dtype, requires_grad=True) for x in (W, B)]


def loss(params: Any, lib: Any) -> Any:
    dtype = params[0].dtype
    x, y = (lib.tensor(a.tolist(), dtype=dtype) for a in (X, Y))
    return ((lib.tanh(x @ params[0] + params[1]) - y) ** 2).mean()


def train(lib: Any, optimizer: Any, params: Any, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        loss(params, lib).backward()
        optimizer.step()


def values(params: Any) -> list[Any]:
    return [p.detach().numpy().copy() for p in params]


# By itself


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_falls_in_place(name: str) -> None:
    params = parameters(ours)
    optimizer = getattr(ours.optim, name)(params, lr=0.02)
    memory, version, before = params[0].detach().numpy(), params[0]._version, loss(params, ours)
    train(ours, optimizer, params, 3)
    assert loss(params, ours) < before
    assert params[0]._version == version + 3
    assert np.shares_memory(memory, params[0].detach().numpy())
    assert params[0].is_leaf and params[0].dtype is ours.float64


@pytest.mark.parametrize("name", NAMES)
def test_state_goes_on_where_it_was(name: str) -> None:
    """Five steps, saved and loaded, and five more are ten."""
    straight, first, second = (parameters(ours) for _ in range(3))
    make = getattr(ours.optim, name)
    train(ours, make(straight, lr=0.02), straight, 10)
    optimizer = make(first, lr=0.02)
    train(ours, optimizer, first, 5)
    saved = pickle.loads(pickle.dumps(optimizer.state_dict()))
    for p, q in zip(first, second, strict=True):
        q.data.copy_(p.detach())
    again = make(second, lr=0.5)
    again.load_state_dict(saved)
    assert again.param_groups[0]["lr"] == 0.02
    train(ours, again, second, 5)
    for p, q in zip(values(straight), values(second), strict=True):
        np.testing.assert_array_equal(p, q)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Rprop", "ASGD"])
def test_large_parameters_go_in_blocks(name: str) -> None:
    n = 2 * elementwise.BLOCK + 7
    start, slope = rng.normal(size=n), rng.normal(size=n)
    options = {"momentum": 0.9} if name == "SGD" else {}
    results = []
    for shape in ((n,), (1, n)):
        for order in "CF":  # an array that is not contiguous is not cut up
            whole = np.array(start.reshape(shape))
            if order == "F":
                whole = np.repeat(whole, 2, axis=-1)[..., ::2]
            p = ours.from_numpy(whole).requires_grad_()
            optimizer = getattr(ours.optim, name)([p], lr=0.1, **options)
            for _ in range(3):
                p.grad = ours.from_numpy(np.array(slope.reshape(shape)))
                optimizer.step()
            results.append(whole.reshape(-1))
    for result in results[1:]:
        np.testing.assert_array_equal(results[0], result)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [options for name, options in CASES if name == "SGD"])
def test_sgd_in_place_has_the_bits_of_the_step(options: dict[str, Any], dtype: str) -> None:
    """SGD writes where its arrays lie what `functrans.optim.steps.sgd_step` returns."""
    known = {k: v for k, v in options.items() if k != "maximize"}
    sign = -1 if options.get("maximize") else 1
    values = W.astype(dtype)
    p = ours.tensor(values).requires_grad_()
    optimizer = ours.optim.SGD([p], **options)
    state = steps.sgd_state(values, momentum=options.get("momentum", 0.0))
    for count in range(1, 5):
        slope = rng.normal(size=W.shape).astype(dtype)
        p.grad = ours.tensor(slope)
        optimizer.step()
        np.testing.assert_array_equal(p.grad.numpy(), slope)
        values, state = steps.sgd_step(values, sign * slope, state, step=count, **known)
        np.testing.assert_array_equal(p.detach().numpy(), values, strict=True)


def test_groups() -> None:
    w, b, c = (ours.ones(2, requires_grad=True) for _ in range(3))
    optimizer = ours.optim.SGD([{"params": [w]}, {"params": b, "lr": 1.0}], lr=0.5)
    optimizer.add_param_group({"params": [c], "lr": 0.0})
    for p in (w, b, c):
        p.grad = ours.ones(2)
    optimizer.step()
    assert [p.tolist() for p in (w, b, c)] == [[0.5, 0.5], [0.0, 0.0], [1.0, 1.0]]
    assert repr(optimizer).startswith("SGD (\nParameter Group 0\n    dampening: 0\n")
    named = ours.optim.SGD([("w", w), ("b", b)], lr=0.1)
    assert named.param_groups[0]["param_names"] == ["w", "b"]
    assert named.state_dict()["param_groups"][0]["params"] == [0, 1]


def test_zero_grad() -> None:
    w = ours.ones(2, requires_grad=True)
    optimizer = ours.optim.SGD([w], lr=0.5)
    (w * w).sum().backward()
    kept = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is not None and w.grad.tolist() == [0.0, 0.0] == kept.tolist()
    optimizer.zero_grad()
    assert w.grad is None
    optimizer.step()  # what has no gradient stays
    assert w.tolist() == [1.0, 1.0] and not optimizer.state


def test_a_step_is_a_write() -> None:
    """A value that a backward pass needs is noticed to have changed."""
    w = ours.ones(2, requires_grad=True)
    value = (w * w).sum()
    value.backward(retain_graph=True)
    ours.optim.SGD([w], lr=0.5).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()


def test_closure_and_hooks() -> None:
    w = ours.ones(2, requires_grad=True)
    optimizer = ours.optim.Adam([w])
    seen: list[str] = []
    handles = [
        optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("before")),
        optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("after")),
        base.register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append("first")),
        base.register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append("all")),
        optimizer.register_state_dict_post_hook(lambda o, d: {**d, "more": 1}),
        optimizer.register_load_state_dict_pre_hook(lambda o, d: seen.append(f"{d['more']}")),
    ]

    def closure() -> Any:
        seen.append("closure")
        optimizer.zero_grad()
        value = (w * w).sum()
        value.backward()
        return value

    with ours.no_grad():
        assert optimizer.step(closure).item() == 2.0
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen == ["first", "before", "closure", "after", "all", "1"]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(seen) == 6 and "more" not in optimizer.state_dict()
    twin = copy.deepcopy(optimizer)
    assert twin.param_groups[0]["params"][0] is not w and len(twin.state) == 1


def test_an_optimizer_of_ones_own() -> None:
    class Signs(ours.optim.Optimizer):
        def __init__(self, params: Any, lr: Any = base.required) -> None:
            super().__init__(params, {"lr": lr})

        @ours.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad.sign(), alpha=-group["lr"])

    w = ours.ones(2, requires_grad=True)
    w.grad = ours.tensor([3.0, -2.0])
    optimizer = Signs([w], 0.5)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: o.zero_grad(set_to_none=False))
    optimizer.step()
    assert w.tolist() == [1.0, 1.0] and optimizer.steps_called == 1
    with pytest.raises(ValueError, match="required optimization parameter lr"):
        Signs([w])


def test_the_step_of_a_class_above_is_part_of_one() -> None:
    class Twice(ours.optim.SGD):
        def step(self, closure: Any = None) -> None:
            super().step(closure)
            super().step(closure)

    w = ours.ones(1, requires_grad=True)
    w.grad = ours.ones(1)
    optimizer = Twice([w], lr=0.25)
    seen: list[Any] = []
    optimizer.register_step_pre_hook(lambda *args: seen.append(args))
    optimizer.step()
    assert w.item() == 0.5 and len(seen) == 1


def test_options_that_old_checkpoints_do_not_have() -> None:
    w = ours.ones(1, requires_grad=True)
    w.grad = ours.ones(1)
    optimizer = ours.optim.SGD([w], lr=0.5)
    group = {"lr": 0.25, "params": [0], "momentum": 0.9}
    optimizer.load_state_dict({"state": {0: {"momentum_buffer": None}}, "param_groups": [group]})
    optimizer.step()
    assert w.item() == 0.75 and optimizer.state[w]["momentum_buffer"].item() == 1.0


X1 = ours.ones(1, requires_grad=True)
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: ours.optim.SGD([X1], lr=-0.1), ValueError, "Invalid learning rate: -0.1"),
    (lambda: ours.optim.SGD([X1], momentum=-1), ValueError, "Invalid momentum value: -1"),
    (lambda: ours.optim.SGD([X1], nesterov=True), ValueError, "Nesterov momentum requires"),
    (lambda: ours.optim.Adam([X1], lr=float("nan")), ValueError, "Invalid learning rate: nan"),
    (lambda: ours.optim.Adam([X1], betas=(0.9, 1.0)), ValueError, "parameter at index 1: 1.0"),
    (lambda: ours.optim.Adam([X1], eps=-1), ValueError, "Invalid epsilon value: -1"),
    (lambda: ours.optim.Adadelta([X1], rho=2.0), ValueError, "Invalid rho value: 2.0"),
    (lambda: ours.optim.Rprop([X1], etas=(1.5, 2)), ValueError, "Invalid eta values: 1.5, 2"),
    (lambda: ours.optim.Adam([X1], differentiable=True), NotImplementedError, "functrans.optim"),
    (lambda: ours.optim.SGD(X1, lr=0.1), TypeError, "but got torch.FloatTensor"),
    (lambda: ours.optim.SGD([], lr=0.1), ValueError, "empty parameter list"),
    (lambda: ours.optim.SGD([1.0], lr=0.1), TypeError, "one of the params is float"),
    (lambda: ours.optim.SGD([X1 * 2], lr=0.1), ValueError, "can't optimize a non-leaf Tensor"),
    (lambda: ours.optim.SGD([("x", X1), X1], lr=0.1), ValueError, "names are missing"),
    (lambda: ours.optim.SGD([{"params": {X1}}], lr=0.1), TypeError, "ordered collections"),
    (lambda: ours.optim.SGD([{"params": X1}] * 2, lr=0.1), ValueError, "more than one"),
    (lambda: ours.optim.LBFGS([X1]).step(), RuntimeError, "needs a closure"),
    (
        lambda: ours.optim.LBFGS([{"params": X1}, {"params": ours.ones(1)}]),
        ValueError,
        "doesn't support per-parameter options",
    ),
    (
        lambda: ours.optim.SGD([X1]).load_state_dict({"state": {}, "param_groups": []}),
        ValueError,
        "different number of parameter groups",
    ),
    (
        lambda: ours.optim.SGD([X1]).load_state_dict(
            {"state": {}, "param_groups": [{"params": [0, 1]}]}
        ),
        ValueError,
        "doesn't match the size",
    ),
    (lambda: ours.optim.SparseAdam, NotImplementedError, "torch.optim.SparseAdam"),
]


@pytest.mark.parametrize("i", range(len(REFUSED)))
def test_refusals(i: int) -> None:
    call, error, message = REFUSED[i]
    with pytest.raises(error, match=message):
        call()


def test_one_parameter_twice_in_a_group_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="duplicate parameters"):
        ours.optim.SGD([X1, X1], lr=0.1)


# Beside PyTorch


@pytest.fixture
def double_precision() -> Iterator[None]:
    """PyTorch keeps counts and products of momenta in its default dtype, and rounds to it."""
    import torch as theirs

    for lib in (ours, theirs):
        lib.set_default_dtype(lib.float64)
    yield
    for lib in (ours, theirs):
        lib.set_default_dtype(lib.float32)


@pytest.mark.oracle("torch")
def test_printing() -> None:
    import torch as theirs

    shown = []
    for lib in (ours, theirs):
        w, b = parameters(lib)
        optimizer = lib.optim.RMSprop([{"params": w, "lr": 0.5}, {"params": b, "name": "bias"}])
        lib.optim.lr_scheduler.StepLR(optimizer, 1)
        shown.append(repr(optimizer))
    assert shown[0] == shown[1]


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("name", NAMES)
def test_dtypes_of_states(name: str) -> None:
    import torch as theirs

    found = []
    for lib in (ours, theirs):
        params = parameters(lib)
        optimizer = getattr(lib.optim, name)(params)
        train(lib, optimizer, params, 1)
        found.append({k: str(x.dtype) for k, x in optimizer.state[params[0]].items()})
    assert found[0] == found[1]


@pytest.mark.oracle("torch")
@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize(("name", "options"), CASES)
def test_hundred_steps(name: str, options: dict[str, Any]) -> None:
    """Values and states agree; afterwards each goes on from the state of the other."""
    import torch as theirs

    runs = {}
    for lib in (ours, theirs):
        params = parameters(lib)
        optimizer = getattr(lib.optim, name)(params, **options)
        train(lib, optimizer, params, 100)
        runs[lib] = params, optimizer
    for p, q in zip(*(values(runs[lib][0]) for lib in runs), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-10, atol=1e-10)
    mine, other = (runs[lib][1].state_dict() for lib in runs)
    assert mine["param_groups"] == other["param_groups"]
    assert repr(runs[ours][1]) == repr(runs[theirs][1])
    assert mine["state"].keys() == other["state"].keys()
    for i, entries in other["state"].items():
        assert mine["state"][i].keys() == entries.keys()
        for key, x in entries.items():
            assert str(mine["state"][i][key].dtype) == str(x.dtype)
            np.testing.assert_allclose(mine["state"][i][key].numpy(), x.numpy(), 1e-9, 1e-9)

    # Where the other's state dict is loaded, the next steps are the same.
    tensors = converted(other, lambda x: ours.from_numpy(x.numpy().copy()), theirs.Tensor)
    params, optimizer = runs[ours]
    optimizer.load_state_dict(tensors)
    train(ours, optimizer, params, 3)
    train(theirs, runs[theirs][1], runs[theirs][0], 3)
    for p, q in zip(*(values(runs[lib][0]) for lib in runs), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-10, atol=1e-10)


def converted(x: Any, convert: Callable[[Any], Any], kind: type) -> Any:
    if isinstance(x, kind):
        return convert(x)
    if isinstance(x, dict):
        return {k: converted(v, convert, kind) for k, v in x.items()}
    if isinstance(x, list):
        return [converted(v, convert, kind) for v in x]
    return x


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("name", NAMES)
def test_complex_parameters(name: str) -> None:
    import torch as theirs

    ends = []
    for lib in (ours, theirs):
        z = lib.tensor([1 + 2j, -0.5j, 3.0], dtype=lib.complex128, requires_grad=True)
        optimizer = getattr(lib.optim, name)([z], lr=0.01)
        for _ in range(20):
            optimizer.zero_grad()
            ((z * z).real ** 2 + z.imag).sum().backward()
            optimizer.step()
        ends.append(z.detach().numpy())
    np.testing.assert_allclose(*ends, rtol=1e-10)


@pytest.mark.oracle("torch")
@pytest.mark.parametrize(
    "options", [{"max_iter": 4, "lr": 0.5}, {"line_search_fn": "strong_wolfe", "max_iter": 4}]
)
def test_hundred_steps_of_lbfgs(options: dict[str, Any]) -> None:
    """Where the minimum is well determined they agree to 1e-10, too."""
    import torch as theirs

    found = []
    for lib in (ours, theirs):
        w = lib.zeros(3, dtype=lib.float64, requires_grad=True)
        x, y = lib.from_numpy(X), lib.from_numpy(Y[:, 0].copy())
        optimizer = lib.optim.LBFGS([w], **options)

        def closure(optimizer: Any = optimizer, w: Any = w, x: Any = x, y: Any = y) -> Any:
            optimizer.zero_grad()
            value = ((x @ w - y) ** 2).mean() + 0.1 * (w**4).sum()
            value.backward()
            return value

        path = []
        for _ in range(100):
            optimizer.step(closure)
            path.append(w.detach().numpy().copy())
        found.append(path)
    np.testing.assert_allclose(*found, rtol=1e-10, atol=1e-10)


@pytest.mark.oracle("torch")
@pytest.mark.parametrize(
    "options",
    [
        {"lr": 0.1},
        {"lr": 0.3, "max_iter": 4, "history_size": 3},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 3, "lr": 0.01},
        {"line_search_fn": "strong_wolfe", "max_iter": 10, "max_eval": 3},
    ],
)
def test_lbfgs(options: dict[str, Any]) -> None:
    import torch as theirs

    runs: dict[Any, Any] = {}
    for lib in (ours, theirs):
        params = parameters(lib)
        optimizer = lib.optim.LBFGS(params, **options)

        def closure(lib: Any = lib, params: Any = params, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            value = loss(params, lib)
            value.backward()
            return value

        losses = [optimizer.step(closure).item() for _ in range(4)]
        runs[lib] = params, optimizer, losses
    np.testing.assert_allclose(runs[ours][2], runs[theirs][2], rtol=1e-10)
    for p, q in zip(*(values(runs[lib][0]) for lib in runs), strict=True):
        # Steps near the minimum divide small differences: rounding grows to 1e-9 there.
        np.testing.assert_allclose(p, q, rtol=1e-8, atol=1e-8)
    mine, other = (runs[lib][1].state_dict()["state"][0] for lib in runs)
    assert (mine["n_iter"], mine["func_evals"]) == (other["n_iter"], other["func_evals"])
    assert mine.keys() <= other.keys() and len(mine["ro"]) == len(other["ro"])

    # PyTorch goes on from our state, and we from its.
    packed = runs[ours][1].state_dict()
    runs[theirs][1].load_state_dict(
        converted(packed, lambda x: theirs.tensor(x.numpy()), ours.Tensor)
    )
    tensors = converted(other, lambda x: ours.from_numpy(x.numpy().copy()), theirs.Tensor)
    again = ours.optim.LBFGS(runs[ours][0], **options)
    again.load_state_dict({**packed, "state": {0: tensors}})
    ends = []
    for lib, optimizer in ((ours, again), (theirs, runs[theirs][1])):
        params = runs[lib][0]

        def evaluate(lib: Any = lib, params: Any = params, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            value = loss(params, lib)
            value.backward()
            return value

        optimizer.step(evaluate)
        ends.append([loss(params, lib).item(), optimizer.state_dict()["state"][0]["n_iter"]])
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)
