"""Results for which PyTorch has no derivative: a backward pass that meets one raises."""

from __future__ import annotations

from typing import Any

from functrans.core.types import type_of
from functrans.torch.engine import EngineArray, mode
from functrans.torch.operation import node
from functrans.torch.tensor import Tensor, wrap


def derivative_free(name: str, values: Any, *inputs: Any) -> Tensor:
    """The tensor of `values`, which a function without a derivative made of `inputs`."""
    result = wrap(values)
    edges = [t.index for t in inputs if isinstance(t, Tensor) and t.index is not None]
    if not edges or not mode.grad or type(result.array) is not EngineArray:
        return result
    if result.array.dtype.kind not in "fc":
        return result

    def refuse(gs: Any, residuals: Any, params: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    spaces = [type_of(t.array.value) for t in inputs if isinstance(t, Tensor) and t.index]
    types = (type_of(result.array.value),)
    made = node(None, [(refuse, edges, (), {}, spaces)], None, types=types)
    made.name = "torch::autograd::NotImplemented"
    return wrap(EngineArray(result.array.value, made.output()))
