"""``torch.func``: the functional transforms on functions of tensors.

They are those of :mod:`functrans` itself: a tensor is a pytree whose leaf is its array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functrans.torch.nn.stateless import functional_call, stack_module_state
from functrans.torch.tensor import Tensor
from functrans.transforms import batching, forward, gradient, jacobian, linearize as linearizing

F = Callable[..., Any]


def grad(func: F, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> F:
    """A function that computes the gradient of a scalar function of tensors.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.func.grad(torch.sin)(torch.tensor(0.0))
    tensor(1.)
    """
    return gradient.grad(func, argnums, has_aux=has_aux)  # type: ignore[call-overload,no-any-return]


def grad_and_value(func: F, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> F:
    """A function that returns the gradient and the value (with `has_aux` a pair with it)."""
    both = gradient.value_and_grad(func, argnums, has_aux=has_aux)  # type: ignore[call-overload]

    def call(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return gradient, value

    return call


def vjp(func: F, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function, and the function that pulls a cotangent back."""
    out, pullback, *aux = gradient.vjp(func, *primals, has_aux=has_aux)  # type: ignore[call-overload]

    def pull(*cotangents: Any) -> Any:
        found = pullback(cotangents[0] if len(cotangents) == 1 else cotangents)
        return found

    return (out, pull, *aux)


def jvp(func: F, primals: Any, tangents: Any, *, has_aux: bool = False) -> Any:
    """The value of a function and its derivative along a direction."""
    return forward.jvp(func, primals, tangents, has_aux=has_aux)  # type: ignore[call-overload]


def linearize(func: F, *primals: Any) -> Any:
    """The value of a function and its derivative as a linear function."""
    return linearizing.linearize(func, *primals)


def vmap(
    func: F,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> F:
    """A function that applies `func` to each example of a batch."""
    return batching.vmap(func, in_dims, out_dims, chunk_size=chunk_size)


def jacrev(func: F, argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False) -> F:
    """The Jacobian, by reverse mode."""
    return jacobian.jacrev(func, argnums, has_aux=has_aux)


def jacfwd(func: F, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> F:
    """The Jacobian, by forward mode."""
    return jacobian.jacfwd(func, argnums, has_aux=has_aux)


def hessian(func: F, argnums: int | tuple[int, ...] = 0) -> F:
    """The matrix of second derivatives."""
    return jacobian.hessian(func, argnums)


__all__ = [
    "Tensor",
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "vjp",
    "vmap",
]
