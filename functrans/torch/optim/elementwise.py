"""Steps that treat every element alone: the updates of functrans.optim.steps, in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from functrans.optim import steps
from functrans.torch import dtypes
from functrans.torch.engine import EngineArray
from functrans.torch.optim.optimizer import Closure, Optimizer, check_differentiable, evaluated
from functrans.torch.tensor import Tensor, wrap

BLOCK = 1 << 16
"""So many elements at once of a large parameter: what lies between stays in the cache."""

Memory = np.ndarray[Any, Any]


class ElementwiseOptimizer(Optimizer):
    """The step, for subclasses that say which update it takes."""

    rule: ClassVar[tuple[Callable[..., steps.State], Callable[..., tuple[Any, steps.State]]]]
    """Makes the first state; makes the step."""
    options: ClassVar[tuple[str, ...]]
    """Which options of a group the update takes, apart from ``lr``."""
    numbers: ClassVar[tuple[str, ...]] = ()
    """Which entries of its state are numbers."""

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        check_differentiable(defaults)
        super().__init__(params, defaults)

    def step(self, closure: Closure | None = None) -> Any:
        """Update the parameters; see `Optimizer.step`."""
        loss = evaluated(closure)
        with np.errstate(all="ignore"):
            for group in self.param_groups:
                options = {name: group[name] for name in self.options}
                options["lr"] = float(group["lr"])
                for param in group["params"]:
                    grad = param.grad
                    if grad is not None:
                        values = grad.numpy_memory()
                        if group["maximize"]:
                            values = -values
                        self._move(param, values, group, options)
        return loss

    def _move(
        self, param: Tensor, grad: Memory, group: dict[str, Any], options: dict[str, Any]
    ) -> None:
        state = self.state[param]
        if not state:
            self._start(param, group)
        memory = param.numpy_memory()
        count = _counted(state)
        arrays = {}
        numbers = {}
        for name, tensor in state.items():
            if name in self.numbers:
                numbers[name] = tensor.item()
            elif name != "step":
                arrays[name] = tensor.numpy_memory()
                tensor.array.version[0] += 1
        new = self._write(memory, grad, arrays, numbers, count, options)
        param.array.version[0] += 1
        for name in numbers:
            state[name].numpy_memory()[...] = new[name]

    def _write(
        self,
        memory: Memory,
        grad: Memory,
        arrays: dict[str, Memory],
        numbers: dict[str, float],
        count: float,
        options: dict[str, Any],
    ) -> steps.State:
        """Write the step into the memory of a parameter and of its state."""
        if memory.dtype.kind == "c":  # a pair of real parameters
            for part in (np.real, np.imag):
                parts = {name: part(x) for name, x in arrays.items()}
                new = self._write(part(memory), part(grad), parts, numbers, count, options)
            return new
        if memory.size <= BLOCK or not _flat(memory, grad, *arrays.values()):
            return self._update(memory, grad, arrays, numbers, count, options)
        flat, slope = memory.reshape(-1), grad.reshape(-1)
        rows = {name: x.reshape(-1) for name, x in arrays.items()}
        new = {}
        for start in range(0, flat.size, BLOCK):
            end = start + BLOCK
            part_of = {name: x[start:end] for name, x in rows.items()}
            new = self._update(flat[start:end], slope[start:end], part_of, numbers, count, options)
        return new

    def _update(
        self,
        memory: Memory,
        grad: Memory,
        arrays: dict[str, Memory],
        numbers: dict[str, float],
        count: float,
        options: dict[str, Any],
    ) -> steps.State:
        moved, new = self.rule[1](memory, grad, {**arrays, **numbers}, step=count, **options)
        memory[...] = moved
        for name, x in arrays.items():
            x[...] = new[name]
        return new

    def _start(self, param: Tensor, group: dict[str, Any]) -> None:
        """The first state of a parameter, with PyTorch's entries."""
        memory = param.numpy_memory()
        given = {name: group[name] for name in self.options}
        state = self.state[param]
        state["step"] = number(0.0)
        for name, x in self.rule[0](memory, **given).items():
            state[name] = number(x) if name in self.numbers else wrap(EngineArray(np.asarray(x)))


def number(x: Any) -> Tensor:
    """A number of a state, in PyTorch's dtype for those."""
    double = dtypes.get_default_dtype() is dtypes.float64
    return wrap(EngineArray(np.array(x, np.float64 if double else np.float32)))


def _counted(state: dict[str, Any]) -> float:
    """Count a step, and return how many there were with it."""
    step = state["step"]
    if not isinstance(step, Tensor):  # old checkpoints of PyTorch have a number
        step = state["step"] = number(step)
    memory = step.numpy_memory()
    memory += 1
    step.array.version[0] += 1
    return float(memory)


def _flat(*arrays: Memory) -> bool:
    return all(x.flags.c_contiguous for x in arrays)


def check_options(betas: Any = None, **given: Any) -> None:
    """Refuse options out of range, with PyTorch's errors.

    Raises
    ------
    ValueError
        An option is negative or no number; a beta is not from 0 to below 1.
    """
    for name, value in given.items():
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")
        if not value >= 0.0:
            raise ValueError(f"Invalid {_CALLED.get(name, f'{name} value')}: {value}")
    for i, beta in enumerate(betas or ()):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


_CALLED = {"lr": "learning rate", "eps": "epsilon value"}
