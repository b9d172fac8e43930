"""Contestants in the imperative style: one program for PyTorch and for functrans.torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from benchmarks.workload import Builder, Call

MODULES = {"functrans": "functrans.torch", "torch": "torch"}


def contestants(program: Callable[..., Call], *, compiling: bool = False) -> Mapping[str, Builder]:
    """The builders of ``program(torch, *inputs)`` with each library as ``torch``; if it is also to
    be compiled, those of ``program(torch, *inputs, compiled=True)`` too."""

    def builder(module: str, **options: bool) -> Builder:
        return lambda *inputs: program(import_module(module), *inputs, **options)

    found = {name: builder(module) for name, module in MODULES.items()}
    if compiling:
        found["functrans_compiled"] = builder("functrans.torch", compiled=True)
        found["torch_compile"] = builder("torch", compiled=True)
    return found


def training_step(
    torch: Any,
    model: Any,
    optimizer: Any,
    data: Any,
    labels: Any,
    shown: list[Any],
    compiled: bool,
) -> Call:
    """One step as programs write it; returns the loss and the gradients of some parameters."""
    criterion = torch.nn.CrossEntropyLoss()
    if compiled:
        model = torch.compile(model)

    def step(data: Any, labels: Any) -> Any:
        optimizer.zero_grad()
        loss = criterion(model(data), labels)
        loss.backward()
        optimizer.step()
        return loss, [parameter.grad for parameter in shown]

    return step, (torch.tensor(data), torch.tensor(labels))


def fill(torch: Any, model: Any, draw: Callable[[tuple[int, ...]], Any]) -> None:
    """Give a model's parameters the numbers that `draw` makes for each shape, in their order."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.tensor(draw(tuple(parameter.shape))))
