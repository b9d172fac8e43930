"""``torch.func``: the functional transforms on functions of tensors.

They are those of :mod:`functrans` itself: a tensor is a pytree whose leaf is its array. Complex
gradients are conjugated, as all of PyTorch's are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from functrans.core import tree
from functrans.core.interpreter import stack
from functrans.core.types import is_array
from functrans.torch.nn.stateless import functional_call, stack_module_state
from functrans.torch.random import lanes_draw
from functrans.torch.tensor import Tensor, conjugated
from functrans.transforms import batching, forward, gradient, jacobian, linearize as linearizing

F = Callable[..., Any]


def _conjugate(x: Any) -> Any:
    return tree.map(lambda a: conjugated(a) if is_array(a) else a, x)


def _checked_scalar(func: F, has_aux: bool) -> F:
    """The function, with PyTorch's errors for outputs that have no gradient."""

    @wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = func(*args, **kwargs)
        out = result
        if has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(
                    f"{WHO}: output of function f should be a tuple: (output, aux) if has_aux is "
                    "True"
                )
            out = result[0]
        if not isinstance(out, Tensor):
            raise RuntimeError(f"{WHO}: Expected f(*args) to return a Tensor, got {type(out)}")
        if out.ndim:
            raise RuntimeError(
                f"{WHO}: Expected f(*args) to return a scalar Tensor, got tensor with {out.ndim} "
                "dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        return result

    return call


WHO = "grad_and_value(f)(*args)"
"""How PyTorch's messages call both `grad` and `grad_and_value`."""


def grad(func: F, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> F:
    """A function that computes the gradient of a scalar function of tensors.

    Parameters
    ----------
    func : callable
        Returns a tensor with one element and no dimensions; with `has_aux` a pair of it and
        anything else.
    argnums : int or tuple of int
        The arguments to differentiate; with a tuple the gradients come as one.
    has_aux : bool

    Raises
    ------
    RuntimeError
        The function returns something else.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.func.grad(torch.sin)(torch.tensor(0.0))
    tensor(1.)
    """
    checked = _checked_scalar(func, has_aux)
    transform = gradient.grad(checked, argnums, has_aux=has_aux)  # type: ignore[call-overload]

    @wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        found = transform(*args, **kwargs)
        return (_conjugate(found[0]), found[1]) if has_aux else _conjugate(found)

    return call


def grad_and_value(func: F, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> F:
    """A function that returns the gradient and the value (with `has_aux` a pair with it).

    Parameters and errors are those of `grad`.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.func.grad_and_value(torch.exp)(torch.tensor(0.0))
    (tensor(1.), tensor(1.))
    """
    checked = _checked_scalar(func, has_aux)
    both = gradient.value_and_grad(checked, argnums, has_aux=has_aux)  # type: ignore[call-overload]

    @wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return _conjugate(found), value

    return call


def vjp(func: F, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function, and the function that pulls a cotangent back.

    Returns
    -------
    output, vjp_fn : pytree, callable
        With `has_aux` also the auxiliary output. ``vjp_fn(cotangent)`` returns a tuple with a
        gradient for each of `primals`.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> out, pull = torch.func.vjp(torch.sin, torch.zeros(2))
    >>> pull(torch.ones(2))
    (tensor([1., 1.]),)
    """
    out, pullback, *aux = gradient.vjp(func, *primals, has_aux=has_aux)  # type: ignore[call-overload]

    def pull(*cotangents: Any) -> Any:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        return _conjugate(pullback(_conjugate(given)))

    return (out, pull, *aux)


def jvp(
    func: F, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> Any:
    """The value of a function and its derivative along a direction.

    Parameters
    ----------
    primals, tangents : tuple
        The arguments, and the direction.
    strict : bool
        For PyTorch's sake: an output that does not depend on the arguments has derivative 0.
    has_aux : bool

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.func.jvp(torch.sin, (torch.zeros(2),), (torch.ones(2),))
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to "
            "call f(*primals)."
        )
    return forward.jvp(func, primals, tangents, has_aux=has_aux)  # type: ignore[call-overload]


def linearize(func: F, *primals: Any) -> Any:
    """The value of a function and its derivative as a linear function.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> out, push = torch.func.linearize(torch.sin, torch.zeros(2))
    >>> push(torch.ones(2))
    tensor([1., 1.])
    """
    return linearizing.linearize(func, *primals)


def vmap(
    func: F,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> F:
    """A function that applies `func` to each example of a batch, all at once.

    Parameters
    ----------
    func : callable
        Takes and returns pytrees of tensors; written for one example.
    in_dims, out_dims : int, None or pytree
        The dimensions that run over the examples.
    randomness : "error", "different" or "same"
        Whether random operations raise, draw other numbers for each example, or the same.
    chunk_size : int, optional
        Carry out at most this many examples at a time.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.func.vmap(torch.dot)(torch.ones(3, 2), torch.ones(3, 2))
    tensor([2., 2., 2.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )

    @wraps(func)
    def lane(*args: Any, **kwargs: Any) -> Any:
        assert stack.top is not None, "the batch is running"
        lanes_draw(stack.top, randomness)
        return func(*args, **kwargs)

    return batching.vmap(lane, in_dims, out_dims, chunk_size=chunk_size)


def jacrev(
    func: F,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> F:
    """A function that computes the Jacobian, one row a reverse pass.

    Parameters
    ----------
    func : callable
    argnums : int or tuple of int
        The arguments to differentiate.
    has_aux : bool
        The function returns a pair of its output and anything else.
    chunk_size : int, optional
        Compute at most this many rows at a time.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.func.jacrev(torch.sin)(torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    rows = jacobian.jacrev(func, argnums, has_aux=has_aux, chunk_size=chunk_size)

    @wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        found = rows(*args, **kwargs)
        return (_conjugate(found[0]), found[1]) if has_aux else _conjugate(found)

    return call


def jacfwd(
    func: F, argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, randomness: str = "error"
) -> F:
    """A function that computes the Jacobian, one column a forward pass.

    Parameters are those of `jacrev`. The function runs once, so `randomness` makes no difference.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.func.jacfwd(torch.sin)(torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return jacobian.jacfwd(func, argnums, has_aux=has_aux)


def hessian(func: F, argnums: int | tuple[int, ...] = 0) -> F:
    """The matrix of second derivatives.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.func.hessian(lambda x: (x**3).sum())(torch.ones(2))
    tensor([[6., 0.],
            [0., 6.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def functionalize(func: F, *, remove: str = "mutations") -> NoReturn:
    """Refused: functrans traces writes into tensors as they are."""
    raise NotImplementedError(
        "torch.func.functionalize is not supported by functrans.torch, whose transforms take "
        "functions that write into tensors as they are"
    )


__all__ = [
    "functional_call",
    "functionalize",
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
