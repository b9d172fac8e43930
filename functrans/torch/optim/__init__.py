"""PyTorch's optimisers, in place, on the updates of `functrans.optim`.

>>> import functrans.torch as torch
>>> w = torch.tensor([3.0, -2.0], requires_grad=True)
>>> optimizer = torch.optim.Adam([w], lr=0.1)
>>> for _ in range(200):
...     optimizer.zero_grad()
...     ((w - 1) ** 2).sum().backward()
...     optimizer.step()
>>> w
tensor([1.0001, 1.0001], requires_grad=True)
"""

from __future__ import annotations

from typing import Any

from functrans.torch.optim import lr_scheduler as lr_scheduler, swa_utils as swa_utils
from functrans.torch.optim.first_order import (
    ASGD as ASGD,
    SGD as SGD,
    Adadelta as Adadelta,
    Adagrad as Adagrad,
    Adam as Adam,
    Adamax as Adamax,
    AdamW as AdamW,
    NAdam as NAdam,
    RAdam as RAdam,
    RMSprop as RMSprop,
    Rprop as Rprop,
)
from functrans.torch.optim.lbfgs import LBFGS as LBFGS
from functrans.torch.optim.optimizer import Optimizer as Optimizer
from functrans.torch.tensor import UnsupportedError


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torch.optim' has no attribute {name!r}")
    raise UnsupportedError(f"torch.optim.{name} is not supported by functrans.torch")
