"""One step of each optimiser for a single array: the mathematics, without trees and without memory.

A step is ``step(param, grad, state, *, step, lr, ...) -> (param, state)``: `step` counts from 1,
and `state` is a dict of arrays of the parameter's shape, at first as ``<name>_state`` makes it. The
names of its entries are those of PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.types import Array, dtype_of, shape_of

State = dict[str, Array]


def _zeros(param: Array) -> Array:
    return np.zeros(shape_of(param), dtype_of(param))


def _decayed(grad: Array, param: Array, weight_decay: float) -> Array:
    """The gradient with that of ``weight_decay / 2 * param**2`` added."""
    return grad + weight_decay * param if weight_decay else grad


def _towards(average: Array, value: Array, share: Any) -> Array:
    """A running average moved towards a value."""
    return average + share * (value - average)


def _root(x: Array) -> Array:
    """The square root, with derivative 0 at 0, where a gradient that vanishes leads to."""
    zero = p.equal(x, 0)
    return p.where(zero, 0.0, p.sqrt(p.where(zero, 1.0, x)))


def sgd_state(param: Array, *, momentum: float = 0.0, **options: Any) -> State:
    """The first state of `sgd_step`.

    Examples
    --------
    >>> sgd_state(np.ones(2), momentum=0.9)
    {'momentum_buffer': array([0., 0.])}
    """
    return {"momentum_buffer": _zeros(param)} if momentum else {}


def sgd_step(
    param: Array,
    grad: Array,
    state: State,
    *,
    step: Any,
    lr: Any,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> tuple[Array, State]:
    """A step of gradient descent; see `functrans.optim.sgd`.

    Examples
    --------
    >>> sgd_step(np.array([1.0]), np.array([2.0]), {}, step=1, lr=0.1)
    (array([0.8]), {})
    """
    grad = _decayed(grad, param, weight_decay)
    if momentum:
        share: Any = 1 - dampening
        if dampening:  # the first gradient enters the buffer whole
            first = step == 1
            if isinstance(first, TracedArray):
                share = p.astype(p.where(first, 1.0, share), dtype=dtype_of(grad))
            elif first:
                share = 1.0
        buffer = momentum * state["momentum_buffer"] + share * grad
        state = {"momentum_buffer": buffer}
        grad = grad + momentum * buffer if nesterov else buffer
    return param - lr * grad, state


def adam_state(param: Array, *, amsgrad: bool = False, **options: Any) -> State:
    """The first state of `adam_step`.

    Examples
    --------
    >>> sorted(adam_state(np.ones(2)))
    ['exp_avg', 'exp_avg_sq']
    """
    names = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if amsgrad else [])]
    return {name: _zeros(param) for name in names}


def adam_step(
    param: Array,
    grad: Array,
    state: State,
    *,
    step: Any,
    lr: Any,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
    decoupled: bool = False,
) -> tuple[Array, State]:
    """A step of Adam, or (with `decoupled` weight decay) of AdamW; see `functrans.optim.adam`.

    Examples
    --------
    >>> x = np.array([1.0])
    >>> adam_step(x, x, adam_state(x), step=1, lr=0.1)[0].round(6)
    array([0.9])
    """
    if decoupled:
        param = param * (1 - lr * weight_decay) if weight_decay else param
    else:
        grad = _decayed(grad, param, weight_decay)
    mean = _towards(state["exp_avg"], grad, 1 - betas[0])
    square = betas[1] * state["exp_avg_sq"] + (1 - betas[1]) * (grad * grad)
    new = {"exp_avg": mean, "exp_avg_sq": square}
    if amsgrad:
        square = new["max_exp_avg_sq"] = p.maximum(state["max_exp_avg_sq"], square)
    size = _root(square) / (1 - betas[1] ** step) ** 0.5 + eps
    return param - (lr / (1 - betas[0] ** step)) * (mean / size), new


def rmsprop_state(
    param: Array, *, momentum: float = 0.0, centered: bool = False, **options: Any
) -> State:
    """The first state of `rmsprop_step`.

    Examples
    --------
    >>> sorted(rmsprop_state(np.ones(2), centered=True))
    ['grad_avg', 'square_avg']
    """
    names = ["square_avg"]
    names += ["momentum_buffer"] if momentum else []
    names += ["grad_avg"] if centered else []
    return {name: _zeros(param) for name in names}


def rmsprop_step(
    param: Array,
    grad: Array,
    state: State,
    *,
    step: Any,
    lr: Any,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
) -> tuple[Array, State]:
    """A step of RMSprop; see `functrans.optim.rmsprop`.

    Examples
    --------
    >>> x = np.array([1.0])
    >>> rmsprop_step(x, x, rmsprop_state(x), step=1, lr=0.01)[0].round(6)
    array([0.9])
    """
    grad = _decayed(grad, param, weight_decay)
    square = alpha * state["square_avg"] + (1 - alpha) * (grad * grad)
    new = {"square_avg": square}
    if centered:
        mean = _towards(state["grad_avg"], grad, 1 - alpha)
        new["grad_avg"] = mean
        square = square - mean * mean
    move = grad / (_root(square) + eps)
    if momentum:
        move = new["momentum_buffer"] = momentum * state["momentum_buffer"] + move
    return param - lr * move, new


def adagrad_state(param: Array, *, initial_accumulator_value: float = 0.0, **options: Any) -> State:
    """The first state of `adagrad_step`.

    Examples
    --------
    >>> adagrad_state(np.ones(2), initial_accumulator_value=0.5)
    {'sum': array([0.5, 0.5])}
    """
    return {"sum": np.full(shape_of(param), initial_accumulator_value, dtype_of(param))}


def adagrad_step(
    param: Array,
    grad: Array,
    state: State,
    *,
    step: Any,
    lr: Any,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: float = 1e-10,
) -> tuple[Array, State]:
    """A step of Adagrad; see `functrans.optim.adagrad`.

    Examples
    --------
    >>> x = np.array([1.0])
    >>> adagrad_step(x, 3 * x, adagrad_state(x), step=1, lr=0.1)[0].round(6)
    array([0.9])
    """
    grad = _decayed(grad, param, weight_decay)
    total = state["sum"] + grad * grad
    rate = lr / (1 + (step - 1) * lr_decay)
    return param - rate * (grad / (_root(total) + eps)), {"sum": total}


def adadelta_state(param: Array, **options: Any) -> State:
    """The first state of `adadelta_step`.

    Examples
    --------
    >>> sorted(adadelta_state(np.ones(2)))
    ['acc_delta', 'square_avg']
    """
    return {"square_avg": _zeros(param), "acc_delta": _zeros(param)}


def adadelta_step(
    param: Array,
    grad: Array,
    state: State,
    *,
    step: Any,
    lr: Any,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
) -> tuple[Array, State]:
    """A step of Adadelta; see `functrans.optim.adadelta`.

    Examples
    --------
    >>> x = np.array([1.0])
    >>> adadelta_step(x, x, adadelta_state(x), step=1, lr=1.0)[0].round(6)
    array([0.996838])
    """
    grad = _decayed(grad, param, weight_decay)
    square = rho * state["square_avg"] + (1 - rho) * (grad * grad)
    move = p.sqrt(state["acc_delta"] + eps) / p.sqrt(square + eps) * grad
    moved = rho * state["acc_delta"] + (1 - rho) * (move * move)
    return param - lr * move, {"square_avg": square, "acc_delta": moved}


def adamax_state(param: Array, **options: Any) -> State:
    """The first state of `adamax_step`.

    Examples
    --------
    >>> sorted(adamax_state(np.ones(2)))
    ['exp_avg', 'exp_inf']
    """
    return {"exp_avg": _zeros(param), "exp_inf": _zeros(param)}


def adamax_step(
    param: Array,
    grad: Array,
    state: State,
    *,
    step: Any,
    lr: Any,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> tuple[Array, State]:
    """A step of Adamax; see `functrans.optim.adamax`.

    Examples
    --------
    >>> x = np.array([1.0])
    >>> adamax_step(x, x, adamax_state(x), step=1, lr=0.1)[0].round(6)
    array([0.9])
    """
    grad = _decayed(grad, param, weight_decay)
    mean = _towards(state["exp_avg"], grad, 1 - betas[0])
    size = p.maximum(betas[1] * state["exp_inf"], abs(grad) + eps)
    rate = lr / (1 - betas[0] ** step)
    return param - rate * (mean / size), {"exp_avg": mean, "exp_inf": size}


def nadam_state(param: Array, **options: Any) -> State:
    """The first state of `nadam_step`; its `mu_product` is a number.

    Examples
    --------
    >>> sorted(nadam_state(np.ones(2)))
    ['exp_avg', 'exp_avg_sq', 'mu_product']
    """
    return {"exp_avg": _zeros(param), "exp_avg_sq": _zeros(param), "mu_product": 1.0}


def nadam_step(
    param: Array,
    grad: Array,
    state: State,
    *,
    step: Any,
    lr: Any,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum_decay: float = 4e-3,
    decoupled: bool = False,
) -> tuple[Array, State]:
    """A step of Adam with Nesterov's momentum; see `functrans.optim.nadam`.

    Examples
    --------
    >>> x = np.array([1.0])
    >>> nadam_step(x, x, nadam_state(x), step=1, lr=0.1)[0].round(4)
    array([0.8944])
    """
    if decoupled:
        param = param * (1 - lr * weight_decay) if weight_decay else param
    else:
        grad = _decayed(grad, param, weight_decay)
    mu = betas[0] * (1 - 0.5 * 0.96 ** (step * momentum_decay))
    mu_next = betas[0] * (1 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
    product = state["mu_product"] * mu
    mean = _towards(state["exp_avg"], grad, 1 - betas[0])
    square = betas[1] * state["exp_avg_sq"] + (1 - betas[1]) * (grad * grad)
    size = _root(square / (1 - betas[1] ** step)) + eps
    param = param - (lr * (1 - mu) / (1 - product)) * (grad / size)
    param = param - (lr * mu_next / (1 - product * mu_next)) * (mean / size)
    return param, {"exp_avg": mean, "exp_avg_sq": square, "mu_product": product}
