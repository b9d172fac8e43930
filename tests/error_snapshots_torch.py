"""What ``torch.compile`` refuses to stage, and the errors that say so.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

import functrans.torch as torch
from functrans.core.errors import GraphBreakError

Row = tuple[Callable[[], Any], type[Exception], str]

HIDDEN = deque([torch.ones(2)])


def compiled(f: Callable[..., Any], *args: Any) -> Any:
    return torch.compile(f, fullgraph=True)(*args)


def other_memory(x: Any) -> Any:
    x.data = torch.from_numpy(np.zeros(2, np.float32))
    return x


def over_a_gradient(x: Any, y: Any) -> Any:
    x.copy_(torch.zeros(2))
    return x * y


def twice_in_memory() -> Any:
    x = torch.ones(2)
    return compiled(lambda x, y: x.add_(1) + y, x, x.detach())


def constant_in_place_of_a_result() -> Any:
    x = torch.ones(2, requires_grad=True) * 2
    return compiled(over_a_gradient, x, torch.ones(2, requires_grad=True))


SNAPSHOTS: dict[str, Row] = {
    "torch.compile: a number": (
        lambda: compiled(lambda x: [x, (i for i in range(2))], torch.ones(2)),
        GraphBreakError,
        "it returns an object of type generator, which is no tensor, number or string",
    ),
    "torch.compile: other memory": (
        lambda: compiled(other_memory, torch.ones(2)),
        GraphBreakError,
        r"a tensor is given other memory \(by x.data = y or its like\)",
    ),
    "torch.compile: a tensor from nowhere": (
        lambda: compiled(lambda x: x + HIDDEN[0], torch.ones(2)),
        GraphBreakError,
        "a tensor is read that is no argument, nor to be found from the function's names",
    ),
    "torch.compile: shared memory": (
        twice_in_memory,
        GraphBreakError,
        "it writes to a tensor in whose memory another one lies",
    ),
    "torch.compile: a constant over a result": (
        constant_in_place_of_a_result,
        GraphBreakError,
        "it writes a constant to a tensor that has a gradient",
    ),
    "torch.compile: a disabled function": (
        lambda: compiled(torch.compiler.disable(torch.sin, reason="it is slow"), torch.ones(2)),
        GraphBreakError,
        "sin is marked by torch.compiler.disable: it is slow",
    ),
}
