"""The size of gradients, and bounds for it, in place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from functrans.optim import clipping
from functrans.torch import creation, pointwise
from functrans.torch.engine import grad_mode
from functrans.torch.tensor import Tensor, wrap


def _listed(tensors: Any) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: Any) -> list[Tensor]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


def get_total_norm(
    tensors: Any,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all elements of some tensors together.

    Raises
    ------
    RuntimeError
        It is not finite, and `error_if_nonfinite` is set.
    """
    arrays = [t.array for t in _listed(tensors)]
    if not arrays:
        return creation.tensor(0.0)
    total = wrap(clipping.global_norm(arrays, float(norm_type)))
    if error_if_nonfinite and not bool(pointwise.isfinite(total)):
        raise RuntimeError(
            f"The total norm of order {float(norm_type)} for gradients from `parameters` is "
            "non-finite, so it cannot be clipped. To disable this error and scale the gradients by "
            "the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Any, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients down by a norm that is known, to at most `max_norm`."""
    with grad_mode(False):
        factor = pointwise.clamp(max_norm / (total_norm + 1e-6), max=1.0)
        for g in _gradients(parameters):
            g.mul_(factor.to(g.dtype))


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients of parameters down together so that their norm is at most `max_norm`.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
    max_norm : float
    norm_type : float
        The order of the norm, or infinity.
    error_if_nonfinite : bool
    foreach : bool, optional
        Changes nothing.

    Returns
    -------
    Tensor
        The norm before.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> w = torch.nn.Parameter(torch.zeros(2))
    >>> w.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grad_norm_(w, 1.0), w.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    parameters = _listed(parameters)
    with grad_mode(False):
        total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, float(max_norm), total)
    return total


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every element of the gradients of parameters between ``-clip_value`` and it."""
    bound = float(clip_value)
    with grad_mode(False):
        for g in _gradients(parameters):
            g.clamp_(-bound, bound)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of some parameters in one vector.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> m = torch.nn.Linear(2, 1)
    >>> torch.nn.utils.parameters_to_vector(m.parameters()).size()
    torch.Size([3])
    """
    from functrans.torch.shaping import cat, reshape

    return cat([reshape(p, -1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give parameters the elements of a vector.

    Raises
    ------
    TypeError
        `vec` is no tensor.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        count = p.numel()
        p.data = vec[start : start + count].view(p.shape).data
        start += count
