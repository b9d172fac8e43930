"""functrans.torch.optim.swa_utils: averages of models beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans.torch as ours
from functrans.torch.optim import swa_utils


def trained(lib: Any, **options: Any) -> tuple[Any, Any, list[float]]:
    """A small model that is trained and averaged on the way."""
    model = lib.nn.Sequential(
        lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4), lib.nn.Tanh(), lib.nn.Linear(4, 1)
    ).double()
    source = np.random.default_rng(0)
    for p in model.parameters():
        p.data.copy_(lib.from_numpy(source.normal(size=tuple(p.shape))))
    x, y = (lib.from_numpy(source.normal(size=shape)) for shape in ((12, 3), (12, 1)))
    optimizer = lib.optim.SGD(model.parameters(), lr=0.3)
    scheduler = lib.optim.swa_utils.SWALR(
        optimizer, swa_lr=0.05, anneal_epochs=4, anneal_strategy=options.pop("strategy", "cos")
    )
    averaged = lib.optim.swa_utils.AveragedModel(model, **options)
    rates = []
    for _ in range(7):
        optimizer.zero_grad()
        ((model(x) - y) ** 2).mean().backward()
        optimizer.step()
        averaged.update_parameters(model)
        scheduler.step()
        rates += scheduler.get_last_lr()
    return averaged, [[x[i : i + 4], y[i : i + 4]] for i in (0, 4, 8)], rates


OPTIONS: dict[str, Any] = {
    "plain": lambda u: {},
    "linear": lambda u: {"strategy": "linear", "use_buffers": True},
    "exponential": lambda u: {"multi_avg_fn": u.get_ema_multi_avg_fn(0.9)},
    "one by one": lambda u: {"avg_fn": u.get_ema_avg_fn(0.8), "use_buffers": True},
    "own": lambda u: {"avg_fn": lambda average, value, count: (average + value) / 2},
}


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("name", OPTIONS)
def test_as_pytorch(name: str) -> None:
    import torch as theirs

    states, rates = [], []
    for lib in (ours, theirs):
        averaged, batches, found = trained(lib, **OPTIONS[name](lib.optim.swa_utils))
        states.append(averaged.state_dict())
        rates.append(found)
        if name == "plain":
            lib.optim.swa_utils.update_bn(batches, averaged)
            states[-1] = averaged.state_dict()
            assert averaged.module[1].momentum == 0.1 and averaged.training
    assert rates[0] == pytest.approx(rates[1], rel=1e-12)
    assert states[0].keys() == states[1].keys()
    for key, value in states[1].items():
        np.testing.assert_allclose(states[0][key].numpy(), value.numpy(), 1e-9, 1e-12, err_msg=key)


def test_averages() -> None:
    averaged, _, rates = trained(ours)
    assert averaged.n_averaged.item() == 7 and rates[-1] == 0.05
    assert not any(a.requires_grad is False for a in averaged.parameters())
    assert averaged(ours.ones(2, 3).double()).shape == (2, 1)
    swa_utils.update_bn([], ours.nn.Linear(1, 1))  # nothing to do
    at_once = ours.optim.SGD(averaged.parameters(), lr=1.0)
    assert swa_utils.SWALR(at_once, 0.5, anneal_epochs=0).get_last_lr() == [0.5]


def test_refusals() -> None:
    model = ours.nn.Linear(1, 1)
    optimizer = ours.optim.SGD(model.parameters(), lr=1.0)
    with pytest.raises(ValueError, match="Invalid decay value 2"):
        swa_utils.get_ema_avg_fn(2)
    with pytest.raises(AssertionError, match="Only one of"):
        swa_utils.AveragedModel(
            model, avg_fn=swa_utils.get_swa_avg_fn(), multi_avg_fn=swa_utils.get_swa_multi_avg_fn()
        )
    with pytest.raises(ValueError, match="'cos' or 'linear'"):
        swa_utils.SWALR(optimizer, 0.1, anneal_strategy="step")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="equal or greater than 0"):
        swa_utils.SWALR(optimizer, 0.1, anneal_epochs=-1)
