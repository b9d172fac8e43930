"""Optimisers over pytrees: pure functions from parameters, gradients and state to new ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from functrans import primitives as p
from functrans.core import tree
from functrans.core.array import TracedArray
from functrans.core.errors import TreeError, user_line
from functrans.core.types import Array, dtype_of, is_array, is_inexact, shape_of
from functrans.numpy.operands import operand
from functrans.optim import steps

Rate = float | Callable[[Any], Any]
"""A learning rate, or a schedule: a function of the number of steps that were taken before."""


class OptimizerState(NamedTuple):
    """How many steps were taken, and what each parameter's next step needs to know.

    Parameters
    ----------
    step : int
    leaves : tuple of dict
        A dict of arrays for each parameter, in the order of ``functrans.tree.leaves``.

    Examples
    --------
    >>> import numpy as np
    >>> sgd(0.1).init(np.ones(2))
    OptimizerState(step=0, leaves=({},))
    """

    step: Any
    leaves: tuple[dict[str, Array], ...]


class Optimizer:
    """An optimiser: ``init(params) -> state``, ``update(grads, state, params) -> (params, state)``.

    Neither changes its arguments, and both work inside transforms. Parameters are any pytree of
    arrays; what is no floating-point array stays as it is.

    Parameters
    ----------
    name : str
    lr : float or callable
        The learning rate, or a function of the number of steps taken before.
    first : callable
        ``first(param, **options) -> state`` of one array.
    step : callable
        ``step(param, grad, state, step=, lr=, **options) -> (param, state)`` of one array.
    options : dict

    Examples
    --------
    >>> import numpy as np
    >>> import functrans as ft
    >>> optimizer = adam(0.1)
    >>> params = {"w": np.array([1.0, -2.0])}
    >>> state = optimizer.init(params)
    >>> for _ in range(100):
    ...     grads = ft.grad(lambda q: np.sum(q["w"] ** 2))(params)
    ...     params, state = optimizer.update(grads, state, params)
    >>> bool(np.all(abs(params["w"]) < 0.1))
    True
    """

    def __init__(
        self,
        name: str,
        lr: Rate,
        first: Callable[..., dict[str, Array]],
        step: Callable[..., tuple[Array, dict[str, Array]]],
        options: dict[str, Any],
    ) -> None:
        if not callable(lr):
            _check(name, lr=lr)
        self.name = name
        self.lr = lr
        self.options = options
        self._first = first
        self._step = step

    def __repr__(self) -> str:
        options = [f"{k}={v!r}" for k, v in {"lr": self.lr, **self.options}.items()]
        return f"{self.name}({', '.join(options)})"

    def init(self, params: Any) -> OptimizerState:
        """The state before the first step.

        Parameters
        ----------
        params : pytree of arrays
        """
        leaves = tree.leaves(params)
        states = [self._first(x, **self.options) if self._moves(x) else {} for x in leaves]
        return OptimizerState(0, tuple(states))

    def _moves(self, param: Any) -> bool:
        """Whether a leaf is a parameter that steps change."""
        if not is_array(param) or not is_inexact(dtype_of(param)):
            return False
        if dtype_of(param).kind == "c":
            raise TypeError(
                f"{self.name}: a parameter is complex ({dtype_of(param)}); optimise its real and "
                "imaginary parts as two arrays"
            )
        return True

    def update(self, grads: Any, state: OptimizerState, params: Any) -> tuple[Any, OptimizerState]:
        """One step.

        Parameters
        ----------
        grads : pytree of arrays
            The gradients, in the containers of `params`.
        state : OptimizerState
        params : pytree of arrays

        Returns
        -------
        params : pytree of arrays
        state : OptimizerState

        Raises
        ------
        TreeError
            `grads` has other containers than `params`, or `state` belongs to other ones.
        ValueError
            A gradient has another shape than its parameter.
        """
        pairs, treedef = tree.flatten_with_path(params), tree.structure(params)
        leaves, given = tree.flatten(grads, lambda x: x is None)
        if given != treedef:
            leaves, given = tree.flatten(grads)
            if given != treedef:
                names = ("params", "grads")
                difference = tree.explain_difference(treedef, given, names=names)
                raise TreeError(
                    f"{self.name}: grads must match params, at {user_line()}: {difference}"
                )
        if len(state.leaves) != len(leaves):
            raise TreeError(
                f"{self.name}: the state is that of {len(state.leaves)} parameters, params has "
                f"{len(leaves)}, at {user_line()}; make one by init(params)"
            )
        lr = self.lr(state.step) if callable(self.lr) else self.lr
        if not isinstance(lr, TracedArray):
            lr = float(lr)  # a NumPy scalar would make float64 of float32
        count = state.step + 1
        params_new, states_new = [], []
        for (path, param), grad, own in zip(pairs, leaves, state.leaves, strict=True):
            if grad is not None and self._moves(param):
                param, own = self._moved(path, param, operand(grad), own, count, lr)
            params_new.append(param)
            states_new.append(own)
        return tree.unflatten(treedef, params_new), OptimizerState(count, tuple(states_new))

    def _moved(
        self, path: Any, param: Array, grad: Array, state: dict[str, Array], step: Any, lr: Any
    ) -> tuple[Array, dict[str, Array]]:
        if shape_of(grad) != shape_of(param):
            raise ValueError(
                f"{self.name}: grads{tree.key_string(path)} has shape {shape_of(grad)}, its "
                f"parameter {shape_of(param)}"
            )
        new, own = self._step(param, grad, state, step=step, lr=lr, **self.options)
        return _as(new, param), {k: _as(v, state[k]) for k, v in own.items()}


def _as(new: Array, old: Array) -> Array:
    """In the dtype that it had: a traced learning rate or gradients may be in double precision."""
    dtype = dtype_of(old)
    return new if dtype_of(new) == dtype else p.astype(new, dtype=dtype)


def _check(name: str, *, betas: tuple[float, float] = (0.0, 0.0), **given: float) -> None:
    for option, value in given.items():
        if value < 0:
            raise ValueError(f"{name}: {option} must not be negative, got {value}")
    if not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"{name}: betas must be from 0 to below 1, got {betas}")


def sgd(
    lr: Rate,
    *,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> Optimizer:
    """Gradient descent.

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a schedule. So in all optimisers.
    momentum : float
        The share of the last step that goes on.
    dampening : float
        By how much a gradient is weighted less in the momentum.
    weight_decay : float
        The factor of half the squared parameters, whose gradient is added.
    nesterov : bool
        Take the gradient ahead of the momentum; needs momentum and no dampening.

    Raises
    ------
    ValueError
        An option is out of range. So in all optimisers.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = sgd(0.1, momentum=0.9)
    >>> params, state = optimizer.update(np.ones(2), optimizer.init(np.ones(2)), np.ones(2))
    >>> params
    array([0.9, 0.9])
    """
    _check("sgd", momentum=momentum, weight_decay=weight_decay)
    if nesterov and (momentum <= 0 or dampening != 0):
        raise ValueError("sgd: nesterov needs a momentum and no dampening")
    options = {
        "momentum": momentum,
        "dampening": dampening,
        "weight_decay": weight_decay,
        "nesterov": nesterov,
    }
    return Optimizer("sgd", lr, steps.sgd_state, steps.sgd_step, options)


def adam(
    lr: Rate = 1e-3,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
) -> Optimizer:
    """Adam (Kingma and Ba, 2014): steps scaled by running averages of squared gradients.

    Parameters
    ----------
    lr : float or callable
    betas : pair of float
        The share of the past in the averages of gradients and of their squares.
    eps : float
        Added to the root of the latter.
    weight_decay : float
        As in `sgd`. `adamw` is the one that shrinks parameters instead.
    amsgrad : bool
        Divide by the greatest average so far.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = adam(0.1)
    >>> optimizer.update(np.full(1, 7.0), optimizer.init(np.ones(1)), np.ones(1))[0].round(6)
    array([0.9])
    """
    _check("adam", betas=betas, eps=eps, weight_decay=weight_decay)
    options = {"betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
    return Optimizer("adam", lr, steps.adam_state, steps.adam_step, options)


def adamw(
    lr: Rate = 1e-3,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    amsgrad: bool = False,
) -> Optimizer:
    """`adam` with decoupled weight decay (Loshchilov and Hutter, 2017).

    Every step first multiplies the parameters by ``1 - lr * weight_decay``.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = adamw(0.1, weight_decay=0.5)
    >>> optimizer.update(np.zeros(1), optimizer.init(np.ones(1)), np.ones(1))[0]
    array([0.95])
    """
    _check("adamw", betas=betas, eps=eps, weight_decay=weight_decay)
    options = {"betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
    return Optimizer("adamw", lr, steps.adam_state, _decoupled(steps.adam_step), options)


def _decoupled(step: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: step(*args, decoupled_weight_decay=True, **options)


def nadam(
    lr: Rate = 2e-3,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum_decay: float = 4e-3,
    decoupled_weight_decay: bool = False,
) -> Optimizer:
    """`adam` with Nesterov's momentum (Dozat, 2016).

    Parameters
    ----------
    lr, betas, eps, weight_decay
        As in `adam`.
    momentum_decay : float
        How fast the momentum grows to its full size.
    decoupled_weight_decay : bool
        Weight decay as in `adamw`.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = nadam(0.1)
    >>> optimizer.update(np.ones(1), optimizer.init(np.ones(1)), np.ones(1))[0].round(4)
    array([0.8944])
    """
    _check("nadam", betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
    options = {
        "betas": betas,
        "eps": eps,
        "weight_decay": weight_decay,
        "momentum_decay": momentum_decay,
        "decoupled_weight_decay": decoupled_weight_decay,
    }
    return Optimizer("nadam", lr, steps.nadam_state, steps.nadam_step, options)


def radam(
    lr: Rate = 1e-3,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled_weight_decay: bool = False,
) -> Optimizer:
    """`adam` that moves by plain averages until those of squares are known (Liu and others, 2019).

    Parameters
    ----------
    lr, betas, eps, weight_decay
        As in `adam`.
    decoupled_weight_decay : bool
        Weight decay as in `adamw`.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = radam(0.1)
    >>> optimizer.update(np.full(1, 3.0), optimizer.init(np.ones(1)), np.ones(1))[0].round(6)
    array([0.7])
    """
    _check("radam", betas=betas, eps=eps, weight_decay=weight_decay)
    options = {
        "betas": betas,
        "eps": eps,
        "weight_decay": weight_decay,
        "decoupled_weight_decay": decoupled_weight_decay,
    }
    return Optimizer("radam", lr, steps.radam_state, steps.radam_step, options)


def adamax(
    lr: Rate = 2e-3,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> Optimizer:
    """`adam` with a decaying maximum in place of the average of squares (Kingma and Ba, 2014).

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = adamax(0.1)
    >>> optimizer.update(np.ones(1), optimizer.init(np.ones(1)), np.ones(1))[0].round(6)
    array([0.9])
    """
    _check("adamax", betas=betas, eps=eps, weight_decay=weight_decay)
    options = {"betas": betas, "eps": eps, "weight_decay": weight_decay}
    return Optimizer("adamax", lr, steps.adamax_state, steps.adamax_step, options)


def rmsprop(
    lr: Rate = 1e-2,
    *,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
) -> Optimizer:
    """RMSprop (Hinton, 2012): gradients divided by the root of their running mean square.

    Parameters
    ----------
    lr : float or callable
    alpha : float
        The share of the past in the running averages.
    eps : float
        Added to the root.
    weight_decay, momentum : float
        As in `sgd`.
    centered : bool
        Divide by the running deviation instead.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = rmsprop(0.1, alpha=0.75)
    >>> optimizer.update(np.ones(1), optimizer.init(np.ones(1)), np.ones(1))[0].round(6)
    array([0.8])
    """
    _check("rmsprop", alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
    options = {
        "alpha": alpha,
        "eps": eps,
        "weight_decay": weight_decay,
        "momentum": momentum,
        "centered": centered,
    }
    return Optimizer("rmsprop", lr, steps.rmsprop_state, steps.rmsprop_step, options)


def adagrad(
    lr: Rate = 1e-2,
    *,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: float = 1e-10,
) -> Optimizer:
    """Adagrad (Duchi and others, 2011): gradients divided by the root of their summed squares.

    Parameters
    ----------
    lr : float or callable
    lr_decay : float
        After n steps the learning rate is divided by ``1 + n * lr_decay``.
    weight_decay : float
        As in `sgd`.
    initial_accumulator_value : float
        Where the sums begin.
    eps : float
        Added to the root.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = adagrad(0.1)
    >>> optimizer.update(np.full(1, 7.0), optimizer.init(np.ones(1)), np.ones(1))[0].round(6)
    array([0.9])
    """
    _check(
        "adagrad",
        lr_decay=lr_decay,
        weight_decay=weight_decay,
        initial_accumulator_value=initial_accumulator_value,
        eps=eps,
    )
    options = {
        "lr_decay": lr_decay,
        "weight_decay": weight_decay,
        "initial_accumulator_value": initial_accumulator_value,
        "eps": eps,
    }
    return Optimizer("adagrad", lr, steps.adagrad_state, steps.adagrad_step, options)


def adadelta(
    lr: Rate = 1.0, *, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0
) -> Optimizer:
    """Adadelta (Zeiler, 2012): steps as large as the last ones, for gradients as large as these.

    Parameters
    ----------
    lr : float or callable
    rho : float
        The share of the past in the running averages.
    eps : float
        Added to these under the roots.
    weight_decay : float
        As in `sgd`.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = adadelta()
    >>> optimizer.update(np.ones(1), optimizer.init(np.ones(1)), np.ones(1))[0].round(6)
    array([0.996838])
    """
    _check("adadelta", eps=eps, weight_decay=weight_decay)
    if not 0 <= rho <= 1:
        raise ValueError(f"adadelta: rho must be from 0 to 1, got {rho}")
    options = {"rho": rho, "eps": eps, "weight_decay": weight_decay}
    return Optimizer("adadelta", lr, steps.adadelta_state, steps.adadelta_step, options)


def asgd(
    lr: Rate = 1e-2,
    *,
    lambd: float = 1e-4,
    alpha: float = 0.75,
    t0: float = 1e6,
    weight_decay: float = 0.0,
) -> Optimizer:
    """Gradient descent that averages where it was (Polyak and Juditsky, 1992).

    The average is ``ax`` in its state.

    Parameters
    ----------
    lr : float or callable
    lambd : float
        Every step multiplies the parameters by one minus this times the rate.
    alpha : float
        After n steps the rate is divided by ``(1 + lambd * lr * n)**alpha``.
    t0 : float
        From this step on the average is one over all steps since then.
    weight_decay : float
        As in `sgd`.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = asgd(0.1, lambd=0.0)
    >>> optimizer.update(np.ones(1), optimizer.init(np.ones(1)), np.ones(1))[0]
    array([0.9])
    """
    _check("asgd", weight_decay=weight_decay)
    options = {"lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay}
    return Optimizer("asgd", lr, steps.asgd_state, steps.asgd_step, options)


def rprop(
    lr: Rate = 1e-2,
    *,
    etas: tuple[float, float] = (0.5, 1.2),
    step_sizes: tuple[float, float] = (1e-6, 50.0),
) -> Optimizer:
    """Rprop (Riedmiller and Braun, 1993): steps by the signs of gradients, for whole batches.

    Parameters
    ----------
    lr : float or callable
        The size of the first step.
    etas : pair of float
        By what a parameter's step shrinks where its gradient has turned, and grows where not.
    step_sizes : pair of float
        The least and the greatest step.

    Examples
    --------
    >>> import numpy as np
    >>> optimizer = rprop(0.1)
    >>> optimizer.update(np.full(1, 7.0), optimizer.init(np.ones(1)), np.ones(1))[0]
    array([0.9])
    """
    if not 0 < etas[0] < 1 < etas[1]:
        raise ValueError(f"rprop: etas must lie on either side of 1, got {etas}")
    options = {"etas": etas, "step_sizes": step_sizes}
    return Optimizer("rprop", lr, steps.rprop_state, steps.rprop_step, options)
