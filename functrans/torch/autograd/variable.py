"""``Variable``, as old programs call a tensor that may require a gradient."""

from __future__ import annotations

from typing import Any

from functrans.torch.tensor import Tensor


class _Of(type):
    """Makes tensors, and takes every tensor for one of its own."""

    def __call__(cls, data: Tensor, requires_grad: bool = False) -> Tensor:
        return data.detach().requires_grad_(requires_grad)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_Of):
    """The same memory as a leaf that requires a gradient or not.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.autograd.Variable(torch.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """
