"""Parameters and buffers: tensors that a module registers when they become its attributes."""

from __future__ import annotations

from typing import Any

from functrans.core import tree
from functrans.core.types import CONTAINERS
from functrans.torch.creation import empty
from functrans.torch.engine import EngineArray
from functrans.torch.tensor import Tensor, _flatten, _unflatten, wrap


def _alias(new: Any, data: Tensor | None) -> Any:
    """Give a new tensor the memory of another."""
    data = empty(0) if data is None else data
    if not isinstance(data, Tensor):
        raise TypeError(f"a parameter or buffer is made of a Tensor, not of {type(data).__name__}")
    if type(data.array) is EngineArray:
        new.array = EngineArray(data.numpy_memory(), None, data.array.version)
    else:
        new.array = data.detach().array  # inside of a functional transform
    return new


class Parameter(Tensor):
    """A tensor that needs a gradient, and that a module lists among its parameters.

    Parameters
    ----------
    data : Tensor
        Its memory becomes that of the parameter.
    requires_grad : bool

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.nn.Parameter(torch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Any:
        return _alias(Tensor.__new__(cls), data).requires_grad_(requires_grad)

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        pass

    def __repr__(self) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that belongs to the state of a module and is no parameter.

    Parameters
    ----------
    data : Tensor
    persistent : bool
        Whether it is part of ``state_dict()``.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> m = torch.nn.Module()
    >>> m.count = torch.nn.Buffer(torch.zeros(1))
    >>> dict(m.named_buffers())
    {'count': tensor([0.])}
    """

    __slots__ = ("persistent",)

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        new = _alias(Tensor.__new__(cls), data)
        new.persistent = persistent
        return new

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        pass


class UninitializedParameter:
    """Not supported: a parameter whose shape is not known yet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "torch.nn.parameter.UninitializedParameter is not supported by functrans.torch"
        )


for _cls in (Parameter, Buffer):
    tree.register(_cls, _flatten, _unflatten)
    CONTAINERS[_cls] = wrap
