"""Optimisers and schedules of functrans.optim give PyTorch's trajectories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import optim

pytestmark = pytest.mark.oracle("torch")

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("sgd", "SGD", {"lr": 0.05}),
    ("sgd", "SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}),
    ("sgd", "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("sgd", "SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.4}),
    ("adam", "Adam", {"lr": 0.02}),
    ("adam", "Adam", {"lr": 0.02, "amsgrad": True, "weight_decay": 0.1}),
    ("adamw", "AdamW", {"lr": 0.02, "weight_decay": 0.3}),
    ("adamw", "AdamW", {"lr": 0.02, "betas": (0.5, 0.7), "amsgrad": True}),
    # Rates at which the steps, all of one size, do not overshoot: there rounding would grow.
    ("rmsprop", "RMSprop", {"lr": 0.002, "weight_decay": 0.1}),
    ("rmsprop", "RMSprop", {"lr": 0.003, "centered": True, "momentum": 0.5}),
    ("adagrad", "Adagrad", {"lr": 0.1, "lr_decay": 0.05, "weight_decay": 0.1}),
    ("adagrad", "Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5}),
    ("adadelta", "Adadelta", {"lr": 0.9, "weight_decay": 0.1}),
    ("adamax", "Adamax", {"lr": 0.02, "weight_decay": 0.1}),
    ("nadam", "NAdam", {"lr": 0.02, "weight_decay": 0.1}),
    ("nadam", "NAdam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("radam", "RAdam", {"lr": 0.02, "weight_decay": 0.1}),
    ("radam", "RAdam", {"lr": 0.02, "betas": (0.5, 0.7), "decoupled_weight_decay": True}),
    ("asgd", "ASGD", {"lr": 0.05, "t0": 20.0, "lambd": 0.01, "weight_decay": 0.1}),
    ("rprop", "Rprop", {"lr": 0.02, "step_sizes": (1e-5, 0.1)}),
]

rng = np.random.default_rng(0)
W, B = rng.normal(size=(3, 4)), rng.normal(size=4)
X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 4))


def loss(params: Any, lib: Any, x: Any, y: Any) -> Any:
    return lib.mean((lib.tanh(x @ params[0] + params[1]) - y) ** 2)


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """PyTorch keeps counts and products of momenta in its default dtype."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize(("ours", "theirs", "options"), CASES)
def test_hundred_steps(ours: str, theirs: str, options: dict[str, Any]) -> None:
    import torch

    tensors = [torch.tensor(W, requires_grad=True), torch.tensor(B, requires_grad=True)]
    other = getattr(torch.optim, theirs)(tensors, **options)
    optimizer = getattr(optim, ours)(**options)
    params: Any = [W, B]
    state = optimizer.init(params)
    x, y = torch.tensor(X), torch.tensor(Y)
    for _ in range(100):
        params, state = optimizer.update(
            ft.grad(lambda q: loss(q, np, X, Y))(params), state, params
        )
        other.zero_grad()
        loss(tensors, torch, x, y).backward()
        other.step()
    for one, tensor in zip(params, tensors, strict=True):
        np.testing.assert_allclose(one, tensor.detach().numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 0.1},
        {"lr": 0.3, "max_iter": 4, "history_size": 3},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 3, "lr": 0.01},
        {"line_search_fn": "strong_wolfe", "lr": 30.0, "max_iter": 7},
        {"line_search_fn": "strong_wolfe", "max_iter": 10, "max_eval": 3},
    ],
)
def test_lbfgs(options: dict[str, Any]) -> None:
    import torch

    tensors = [torch.tensor(W, requires_grad=True), torch.tensor(B, requires_grad=True)]
    other = torch.optim.LBFGS(tensors, **options)
    optimizer = optim.lbfgs(**options)
    params: Any = [W, B]
    state = optimizer.init(params)
    x, y = torch.tensor(X), torch.tensor(Y)

    def closure() -> Any:
        other.zero_grad()
        value = loss(tensors, torch, x, y)
        value.backward()
        return value

    for _ in range(3):
        params, state = optimizer.update(
            ft.value_and_grad(lambda q: loss(q, np, X, Y)), state, params
        )
        other.step(closure)
        for one, tensor in zip(params, tensors, strict=True):
            np.testing.assert_allclose(one, tensor.detach().numpy(), rtol=1e-7, atol=1e-7)
    theirs = other.state[tensors[0]]
    assert (state.iterations, state.evaluations) == (theirs["n_iter"], theirs["func_evals"])


SCHEDULES: list[tuple[Any, str, dict[str, Any]]] = [
    (optim.step_lr, "StepLR", {"step_size": 3, "gamma": 0.5}),
    (optim.multistep_lr, "MultiStepLR", {"milestones": [2, 7], "gamma": 0.5}),
    (optim.constant_lr, "ConstantLR", {"factor": 0.3, "total_iters": 4}),
    (optim.linear_lr, "LinearLR", {"start_factor": 0.2, "end_factor": 0.9, "total_iters": 7}),
    (optim.exponential_lr, "ExponentialLR", {"gamma": 0.9}),
    (optim.polynomial_lr, "PolynomialLR", {"total_iters": 8, "power": 1.7}),
    (optim.cosine_annealing_lr, "CosineAnnealingLR", {"T_max": 12, "eta_min": 0.01}),
    (
        optim.cosine_annealing_warm_restarts,
        "CosineAnnealingWarmRestarts",
        {"T_0": 2, "T_mult": 3, "eta_min": 0.01},
    ),
    (optim.cosine_annealing_warm_restarts, "CosineAnnealingWarmRestarts", {"T_0": 4}),
    (optim.one_cycle_lr, "OneCycleLR", {"total_steps": 15, "pct_start": 0.4}),
    (
        optim.one_cycle_lr,
        "OneCycleLR",
        {"total_steps": 15, "three_phase": True, "anneal_strategy": "linear"},
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "options"), SCHEDULES)
def test_schedule(ours: Any, theirs: str, options: dict[str, Any]) -> None:
    import torch

    optimizer = torch.optim.SGD([torch.ones(1)], lr=0.7)
    first = {"max_lr": 0.7} if theirs == "OneCycleLR" else {}
    scheduler = getattr(torch.optim.lr_scheduler, theirs)(optimizer, **first, **options)
    schedule = ours(0.7, **{k.lower(): v for k, v in options.items()})
    for step in range(12):
        assert schedule(step) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-12)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_plateau(mode: Any, threshold_mode: Any) -> None:
    import torch

    options: dict[str, Any] = {
        "mode": mode,
        "threshold_mode": threshold_mode,
        "patience": 2,
        "cooldown": 1,
        "factor": 0.5,
        "threshold": 0.05,
    }
    optimizer = torch.optim.SGD([torch.ones(1)], lr=0.7)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    plateau = optim.ReduceOnPlateau(0.7, **options)
    state = plateau.init()
    for measure in np.random.default_rng(3).uniform(0.5, 1.5, 60):
        scheduler.step(measure)
        state = plateau.update(measure, state)
        assert state.lr == scheduler.get_last_lr()[0]


def test_clipping() -> None:
    import torch

    for order in (1.0, 2.0, 3.0, np.inf):
        tensors = [torch.ones(3, 4), torch.ones(4)]
        for tensor, grad in zip(tensors, (W, B), strict=True):
            tensor.grad = torch.tensor(grad)
        norm = torch.nn.utils.clip_grad_norm_(tensors, 0.7, order)
        clipped, found = optim.clip_by_global_norm([W, B], 0.7, order=order)
        assert float(found) == pytest.approx(float(norm), rel=1e-12)
        for one, tensor in zip(clipped, tensors, strict=True):
            assert tensor.grad is not None
            np.testing.assert_allclose(one, tensor.grad.numpy(), rtol=1e-12)
