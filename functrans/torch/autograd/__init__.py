"""PyTorch's ``torch.autograd``: backward passes, gradient modes, functions with rules of their own,
derivatives as functions, and checks of gradients."""

from __future__ import annotations

from typing import Any

from functrans.torch.autograd import functional as functional, graph as graph
from functrans.torch.autograd.anomaly_mode import (
    detect_anomaly as detect_anomaly,
    set_detect_anomaly as set_detect_anomaly,
)
from functrans.torch.autograd.function import (
    Function as Function,
    FunctionCtx as FunctionCtx,
    once_differentiable as once_differentiable,
)
from functrans.torch.autograd.grad_mode import (
    enable_grad as enable_grad,
    grad_mode as grad_mode,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from functrans.torch.autograd.gradcheck import (
    GradcheckError as GradcheckError,
    gradcheck as gradcheck,
    gradgradcheck as gradgradcheck,
)
from functrans.torch.autograd.passes import backward as backward, grad as grad
from functrans.torch.autograd.variable import Variable as Variable
from functrans.torch.tensor import UnsupportedError


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torch.autograd' has no attribute {name!r}")
    raise UnsupportedError(f"torch.autograd.{name} is not supported by functrans.torch")


__all__ = [
    "Function",
    "FunctionCtx",
    "GradcheckError",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]
