"""Optimisers as pure functions over pytrees, with PyTorch's names, options and steps.

An optimiser has ``init(params) -> state`` and ``update(grads, state, params) -> (params, state)``.
Its learning rate is a number, or a function of the step such as the schedules here.

>>> import numpy as np, functrans as ft
>>> optimizer = ft.optim.adam(ft.optim.cosine_annealing_lr(0.1, 200))
>>> params = {"w": np.array([3.0, -2.0])}
>>> state = optimizer.init(params)
>>> for _ in range(200):
...     grads = ft.grad(lambda q: np.sum((q["w"] - 1.0) ** 2))(params)
...     params, state = optimizer.update(grads, state, params)
>>> bool(np.allclose(params["w"], 1.0, atol=0.01))
True
"""

from functrans.optim import steps as steps
from functrans.optim.clipping import (
    clip_by_global_norm as clip_by_global_norm,
    clip_by_value as clip_by_value,
    global_norm as global_norm,
)
from functrans.optim.lbfgs import Lbfgs as Lbfgs, LbfgsState as LbfgsState, lbfgs as lbfgs
from functrans.optim.optimizers import (
    Optimizer as Optimizer,
    OptimizerState as OptimizerState,
    adadelta as adadelta,
    adagrad as adagrad,
    adam as adam,
    adamax as adamax,
    adamw as adamw,
    asgd as asgd,
    nadam as nadam,
    radam as radam,
    rmsprop as rmsprop,
    rprop as rprop,
    sgd as sgd,
)
from functrans.optim.schedules import (
    PlateauState as PlateauState,
    ReduceOnPlateau as ReduceOnPlateau,
    constant_lr as constant_lr,
    cosine_annealing_lr as cosine_annealing_lr,
    cosine_annealing_warm_restarts as cosine_annealing_warm_restarts,
    cyclic_lr as cyclic_lr,
    exponential_lr as exponential_lr,
    lambda_lr as lambda_lr,
    linear_lr as linear_lr,
    multistep_lr as multistep_lr,
    one_cycle_lr as one_cycle_lr,
    polynomial_lr as polynomial_lr,
    step_lr as step_lr,
    warm_up as warm_up,
)
