"""functrans.torch.optim.lr_scheduler: the sequences of PyTorch, saving, warnings and refusals."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import functrans.torch as ours
from functrans.torch.optim import lr_scheduler

EPOCHS = 14


class Halving:
    """A function that is an object."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, epoch: int) -> float:
        self.calls += 1
        return 0.5**epoch


SCHEDULERS: dict[str, Callable[[Any, Any], Any]] = {
    "lambda": lambda s, o: s.LambdaLR(o, [lambda epoch: 1 / (1 + epoch), Halving()]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9 + 0.01 * epoch),
    "step": lambda s, o: s.StepLR(o, 3, gamma=0.3),
    "multistep": lambda s, o: s.MultiStepLR(o, [2, 7, 7, 11], gamma=0.5),
    "constant": lambda s, o: s.ConstantLR(o, factor=0.3, total_iters=4),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.9, total_iters=7),
    "linear to zero": lambda s, o: s.LinearLR(o, 1.0, 0.0, total_iters=7),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, total_iters=8, power=1.7),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=5, eta_min=0.01),
    "warm restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 3, eta_min=0.01),
    "equal restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4),
    "one cycle": lambda s, o: s.OneCycleLR(o, max_lr=[1.0, 0.5], total_steps=EPOCHS),
    "three phases": lambda s, o: s.OneCycleLR(
        o, 1.0, epochs=2, steps_per_epoch=8, three_phase=True, anneal_strategy="linear"
    ),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.1, [1.0, 0.5], step_size_up=3, step_size_down=2),
    "cyclic, halved": lambda s, o: s.CyclicLR(o, 0.1, 1.0, step_size_up=3, mode="triangular2"),
    "cyclic, decaying": lambda s, o: s.CyclicLR(
        o, 0.1, 1.0, step_size_up=3, mode="exp_range", gamma=0.9, cycle_momentum=False
    ),
    "cyclic, scaled": lambda s, o: s.CyclicLR(
        o, 0.1, 1.0, step_size_up=3, scale_fn=lambda x: 1 / (1 + x), scale_mode="iterations"
    ),
    "chained": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, 3), s.CosineAnnealingLR(o, 4, 0.02), s.ExponentialLR(o, 0.9)]
    ),
    "sequential": lambda s, o: s.SequentialLR(
        o,
        [s.LinearLR(o, 0.1, total_iters=4), s.CosineAnnealingLR(o, 6), s.StepLR(o, 2)],
        milestones=[4, 10],
    ),
    "nested": lambda s, o: s.ChainedScheduler(
        [
            s.SequentialLR(o, [s.ConstantLR(o, 0.1), s.PolynomialLR(o, 6)], milestones=[3]),
            s.ExponentialLR(o, 0.9),
        ]
    ),
}


def groups(lib: Any, kind: str = "SGD") -> Any:
    options = {"momentum": 0.9} if kind == "SGD" else {}
    params = [lib.ones(1, requires_grad=True) for _ in range(2)]
    return getattr(lib.optim, kind)(
        [{"params": params[:1]}, {"params": params[1:], "lr": 0.3}], lr=0.7, **options
    )


def sequence(scheduler: Any, optimizer: Any, epochs: int = EPOCHS) -> list[Any]:
    """Rates and momenta of all groups."""
    found = []
    for _ in range(epochs):
        for group, rate in zip(optimizer.param_groups, scheduler.get_last_lr(), strict=True):
            assert group["lr"] == rate
            found += [rate, group["betas"][0] if "betas" in group else group["momentum"]]
        optimizer.step()
        scheduler.step()
    return found


# PyTorch itself warns where schedulers are parts of others.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.oracle("torch")
@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_as_pytorch(name: str, kind: str) -> None:
    import torch as theirs

    results = []
    for lib in (ours, theirs):
        optimizer = groups(lib, kind)
        scheduler = SCHEDULERS[name](lib.optim.lr_scheduler, optimizer)
        results.append(sequence(scheduler, optimizer))
    assert results[0] == pytest.approx(results[1], rel=1e-12, abs=1e-15)


@pytest.mark.oracle("torch")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["step", "linear", "cosine", "warm restarts", "exponential"])
def test_rates_changed_by_hand_and_given_epochs(name: str) -> None:
    import torch as theirs

    results = []
    for lib in (ours, theirs):
        optimizer = groups(lib)
        scheduler = SCHEDULERS[name](lib.optim.lr_scheduler, optimizer)
        found = sequence(scheduler, optimizer, 2)
        optimizer.param_groups[0]["lr"] = 0.9
        for _ in range(5):
            optimizer.step()
            scheduler.step()
            found += scheduler.get_last_lr()
        scheduler.step(9)
        found += scheduler.get_last_lr()
        scheduler.step()
        results.append(found + scheduler.get_last_lr())
    assert results[0] == pytest.approx(results[1], rel=1e-12)


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("name", ["step", "multistep", "linear", "cosine", "exponential", "lambda"])
def test_resumed_at_an_epoch(name: str) -> None:
    import torch as theirs

    results = []
    for lib in (ours, theirs):
        optimizer = groups(lib)
        for group in optimizer.param_groups:
            group["initial_lr"] = 0.7
        options = {
            "step": ("StepLR", {"step_size": 3}),
            "multistep": ("MultiStepLR", {"milestones": [3, 5]}),
            "linear": ("LinearLR", {"total_iters": 7}),
            "cosine": ("CosineAnnealingLR", {"T_max": 5}),
            "exponential": ("ExponentialLR", {"gamma": 0.9}),
            "lambda": ("LambdaLR", {"lr_lambda": lambda epoch: 1 / (1 + epoch)}),
        }
        kind, given = options[name]
        scheduler = getattr(lib.optim.lr_scheduler, kind)(optimizer, **given, last_epoch=2)
        results.append(sequence(scheduler, optimizer, 6))
    assert results[0] == pytest.approx(results[1], rel=1e-12)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_state_goes_on_where_it_was(name: str) -> None:
    straight = groups(ours)
    expected = sequence(SCHEDULERS[name](lr_scheduler, straight), straight, 10)
    optimizer = groups(ours)
    scheduler = SCHEDULERS[name](lr_scheduler, optimizer)
    found = sequence(scheduler, optimizer, 4)
    saved = pickle.loads(pickle.dumps((scheduler.state_dict(), optimizer.state_dict())))
    optimizer = groups(ours)
    scheduler = SCHEDULERS[name](lr_scheduler, optimizer)
    scheduler.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    assert found + sequence(scheduler, optimizer, 6) == expected


def test_state_of_a_plateau() -> None:
    runs = []
    for interrupted in (False, True):
        optimizer = groups(ours)
        options: dict[str, Any] = {"patience": 1, "cooldown": 1, "factor": 0.5}
        scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        rates = []
        for i, measure in enumerate([3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.5, 1.2, 1.1]):
            if interrupted and i == 4:
                state = scheduler.state_dict()
                scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, **options)
                scheduler.load_state_dict(state)
            optimizer.step()
            scheduler.step(ours.tensor(measure))
            rates += scheduler.get_last_lr()
        runs.append(rates)
    assert runs[0] == runs[1] and runs[0][-2:] == [0.175, 0.075]


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_plateau_as_pytorch(mode: str, threshold_mode: str) -> None:
    import random

    import torch as theirs

    options = {"patience": 2, "cooldown": 1, "factor": 0.5, "threshold": 0.05}
    options |= {"min_lr": [0.01, 0.1], "mode": mode, "threshold_mode": threshold_mode}
    results = []
    for lib in (ours, theirs):
        optimizer = groups(lib)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        source = random.Random(3)
        found = []
        for _ in range(60):
            scheduler.step(source.uniform(0.5, 1.5))
            found += [*scheduler.get_last_lr(), scheduler.in_cooldown]
        results.append(found)
    assert results[0] == results[1]


def test_rates_that_are_tensors() -> None:
    rate = ours.tensor(0.5)
    optimizer = ours.optim.SGD([ours.ones(1, requires_grad=True)], lr=rate)
    scheduler = lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    optimizer.step()
    scheduler.step()
    assert rate.item() == 0.25 and optimizer.param_groups[0]["initial_lr"].item() == 0.5


def test_warnings() -> None:
    optimizer = groups(ours)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(1)
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()


SGD = groups(ours)
PLAIN = ours.optim.Adagrad([ours.ones(1, requires_grad=True)])
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: lr_scheduler.StepLR(None, 1), TypeError, "NoneType is not an Optimizer"),  # type: ignore[arg-type]
    (lambda: lr_scheduler.StepLR(groups(ours), 1, last_epoch=3), KeyError, "initial_lr"),
    (lambda: lr_scheduler.ConstantLR(SGD, 1.5), ValueError, "between 0 and 1"),
    (lambda: lr_scheduler.LinearLR(SGD, 0.0), ValueError, "greater than 0"),
    (lambda: lr_scheduler.LinearLR(SGD, 0.5, 2.0), ValueError, "Ending multiplicative"),
    (lambda: lr_scheduler.LambdaLR(SGD, [abs]), ValueError, "Expected 2 lr_lambdas, but got 1"),
    (lambda: lr_scheduler.MultiplicativeLR(SGD, 0.5), TypeError, "should be a function"),  # type: ignore[arg-type]
    (lambda: lr_scheduler.CosineAnnealingWarmRestarts(SGD, 0), ValueError, "integer T_0"),
    (lambda: lr_scheduler.CosineAnnealingWarmRestarts(SGD, 1, 0), ValueError, "T_mult >= 1"),
    (lambda: lr_scheduler.OneCycleLR(SGD, 1.0), ValueError, "either total_steps OR"),
    (lambda: lr_scheduler.OneCycleLR(SGD, 1.0, 0), ValueError, "positive integer total_steps"),
    (lambda: lr_scheduler.OneCycleLR(SGD, 1.0, 5, pct_start=2.0), ValueError, "between 0 and 1"),
    (lambda: lr_scheduler.OneCycleLR(SGD, [1.0], 5), ValueError, "max_lr has 1 values"),
    (lambda: lr_scheduler.OneCycleLR(PLAIN, 1.0, 5), ValueError, "support momentum or beta1"),
    (lambda: lr_scheduler.CyclicLR(SGD, 0.1, 1.0, mode="x"), ValueError, "mode is invalid"),  # type: ignore[arg-type]
    (lambda: lr_scheduler.ReduceLROnPlateau(SGD, factor=1.0), ValueError, "should be < 1.0"),
    (lambda: lr_scheduler.ReduceLROnPlateau(SGD, "low"), ValueError, "mode low is unknown"),  # type: ignore[arg-type]
    (lambda: lr_scheduler.ReduceLROnPlateau(SGD, min_lr=[0.0]), ValueError, "expected 2 min_lrs"),
    (lambda: lr_scheduler.SequentialLR(SGD, [], []), ValueError, "at least one scheduler"),
    (
        lambda: lr_scheduler.SequentialLR(SGD, [lr_scheduler.StepLR(SGD, 1)], [3]),
        ValueError,
        "one more than",
    ),
    (
        lambda: lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(SGD)]),
        ValueError,
        "does not support `ReduceLROnPlateau`",
    ),
    (
        lambda: lr_scheduler.ChainedScheduler([lr_scheduler.StepLR(SGD, 1)], PLAIN),
        ValueError,
        "the same optimizer",
    ),
]


@pytest.mark.parametrize("i", range(len(REFUSED)))
def test_refusals(i: int) -> None:
    call, error, message = REFUSED[i]
    with pytest.raises(error, match=message):
        call()


def test_a_cycle_ends() -> None:
    scheduler = lr_scheduler.OneCycleLR(groups(ours), 1.0, total_steps=2)
    scheduler.optimizer.step()
    scheduler.step()
    scheduler.step()
    with pytest.raises(ValueError, match="Tried to step 3 times"):
        scheduler.step()
