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


def _with_decay(
    param: Array, grad: Array, lr: Any, weight_decay: float, decoupled: bool
) -> tuple[Array, Array]:
    """Parameter and gradient with weight decay: on the gradient, or decoupled on the parameter."""
    if decoupled:
        return (param * (1 - lr * weight_decay) if weight_decay else param), grad
    return param, _decayed(grad, param, weight_decay)


def _moments(state: State, grad: Array, betas: tuple[float, float]) -> State:
    """The running averages of gradients and of their squares."""
    return {
        "exp_avg": _towards(state["exp_avg"], grad, 1 - betas[0]),
        "exp_avg_sq": _running_square(state["exp_avg_sq"], grad, betas[1]),
    }


def _running_square(average: Array, value: Array, past: float) -> Array:
    """A running average of squares, with the share of the past in it."""
    return past * average + (1 - past) * (value * value)


def _at_first(step: Any, first: Any, later: Any, like: Array) -> Any:
    """One value for the first step, another for later ones."""
    at_first = step == 1
    if isinstance(at_first, TracedArray):
        return p.astype(p.where(at_first, first, later), dtype=dtype_of(like))
    return first if at_first else later


def _towards(average: Array, value: Array, share: Any) -> Array:
    """A running average moved towards a value."""
    return average + share * (value - average)


def _root(x: Array) -> Array:
    """The square root, with derivative 0 at 0, where a gradient that vanishes leads to."""
    if not isinstance(x, TracedArray):
        return np.sqrt(x)
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
        # The first gradient enters the buffer whole.
        fresh = _at_first(step, 1.0, 1 - dampening, grad) * grad if dampening else grad
        buffer = momentum * state["momentum_buffer"] + fresh
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
    decoupled_weight_decay: bool = False,
) -> tuple[Array, State]:
    """A step of Adam, or (with decoupled weight decay) of AdamW; see `functrans.optim.adam`.

    Examples
    --------
    >>> x = np.array([1.0])
    >>> adam_step(x, x, adam_state(x), step=1, lr=0.1)[0].round(6)
    array([0.9])
    """
    param, grad = _with_decay(param, grad, lr, weight_decay, decoupled_weight_decay)
    new = _moments(state, grad, betas)
    mean, square = new.values()
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
    square = _running_square(state["square_avg"], grad, alpha)
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
    square = _running_square(state["square_avg"], grad, rho)
    move = p.sqrt(state["acc_delta"] + eps) / p.sqrt(square + eps) * grad
    moved = _running_square(state["acc_delta"], move, rho)
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
    decoupled_weight_decay: bool = False,
) -> tuple[Array, State]:
    """A step of Adam with Nesterov's momentum; see `functrans.optim.nadam`.

    Examples
    --------
    >>> x = np.array([1.0])
    >>> nadam_step(x, x, nadam_state(x), step=1, lr=0.1)[0].round(4)
    array([0.8944])
    """
    param, grad = _with_decay(param, grad, lr, weight_decay, decoupled_weight_decay)
    mu = betas[0] * (1 - 0.5 * 0.96 ** (step * momentum_decay))
    mu_next = betas[0] * (1 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
    product = state["mu_product"] * mu
    new = _moments(state, grad, betas)
    mean, square = new.values()
    size = _root(square / (1 - betas[1] ** step)) + eps
    param = param - (lr * (1 - mu) / (1 - product)) * (grad / size)
    param = param - (lr * mu_next / (1 - product * mu_next)) * (mean / size)
    return param, {**new, "mu_product": product}


def radam_state(param: Array, **options: Any) -> State:
    """The first state of `radam_step`.

    Examples
    --------
    >>> sorted(radam_state(np.ones(2)))
    ['exp_avg', 'exp_avg_sq']
    """
    return adam_state(param)


def radam_step(
    param: Array,
    grad: Array,
    state: State,
    *,
    step: Any,
    lr: Any,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled_weight_decay: bool = False,
) -> tuple[Array, State]:
    """A step of rectified Adam; see `functrans.optim.radam`.

    Examples
    --------
    >>> x = np.array([1.0])
    >>> radam_step(x, 3 * x, radam_state(x), step=1, lr=0.1)[0].round(6)
    array([0.7])
    """
    param, grad = _with_decay(param, grad, lr, weight_decay, decoupled_weight_decay)
    new = _moments(state, grad, betas)
    mean, square = new.values()
    past = betas[1] ** step
    most = 2 / (1 - betas[1]) - 1
    length = most - 2 * step * past / (1 - past)  # of the average of squares, in steps
    known = length > 5
    rate = lr / (1 - betas[0] ** step)
    if not isinstance(known, TracedArray):
        if not known:
            return param - rate * mean, new
        safe: Any = length
    else:
        safe = p.where(known, length, 6.0)
    share = (safe - 4) * (safe - 2) * most / ((most - 4) * (most - 2) * safe)
    scale = (share * (1 - past)) ** 0.5
    move = mean * (scale / (_root(square) + eps))
    return param - rate * (p.where(known, move, mean) if safe is not length else move), new


def asgd_state(param: Array, **options: Any) -> State:
    """The first state of `asgd_step`; `eta` and `mu` are numbers.

    `eta` is the rate of the next step, 0 before the first; `mu` the share of it in the average.

    Examples
    --------
    >>> asgd_state(np.ones(2))
    {'eta': 0.0, 'mu': 1.0, 'ax': array([0., 0.])}
    """
    return {"eta": 0.0, "mu": 1.0, "ax": _zeros(param)}


def asgd_step(
    param: Array,
    grad: Array,
    state: State,
    *,
    step: Any,
    lr: Any,
    lambd: float = 1e-4,
    alpha: float = 0.75,
    t0: float = 1e6,
    weight_decay: float = 0.0,
) -> tuple[Array, State]:
    """A step of averaged gradient descent; see `functrans.optim.asgd`.

    Examples
    --------
    >>> x = np.array([1.0])
    >>> asgd_step(x, x, asgd_state(x), step=1, lr=0.1, lambd=0.0)[0]
    array([0.9])
    """
    grad = _decayed(grad, param, weight_decay)
    eta = state["eta"]
    if isinstance(eta, TracedArray):
        eta = p.where(p.equal(eta, 0), lr, eta)
    elif not eta:
        eta = lr
    param = param * (1 - lambd * eta) - eta * grad
    late = step - t0
    new = {
        "eta": lr / (1 + lambd * lr * step) ** alpha,
        "mu": 1 / (p.maximum(late, 1.0) if isinstance(late, TracedArray) else max(late, 1.0)),
        "ax": _towards(state["ax"], param, state["mu"]),
    }
    return param, new


def rprop_state(param: Array, **options: Any) -> State:
    """The first state of `rprop_step`.

    Examples
    --------
    >>> sorted(rprop_state(np.ones(2)))
    ['prev', 'step_size']
    """
    return {"prev": _zeros(param), "step_size": _zeros(param)}


def rprop_step(
    param: Array,
    grad: Array,
    state: State,
    *,
    step: Any,
    lr: Any,
    etas: tuple[float, float] = (0.5, 1.2),
    step_sizes: tuple[float, float] = (1e-6, 50.0),
) -> tuple[Array, State]:
    """A step of Rprop; see `functrans.optim.rprop`.

    Examples
    --------
    >>> x = np.array([1.0])
    >>> rprop_step(x, 7 * x, rprop_state(x), step=1, lr=0.1)[0]
    array([0.9])
    """
    turn = grad * state["prev"]
    factor = p.where(turn > 0, etas[1], p.where(turn < 0, etas[0], 1.0))
    size = _at_first(step, lr + state["step_size"], state["step_size"], param)
    size = p.clip(size * p.astype(factor, dtype=dtype_of(param)), *step_sizes)
    grad = p.where(turn < 0, 0.0, grad)  # after a turn it waits for one step
    return param - p.sign(grad) * size, {"prev": grad, "step_size": size}
