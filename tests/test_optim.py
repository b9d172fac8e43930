"""functrans.optim: steps against their formulas, inside transforms, on trees, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import optim
from functrans.testing import check_grads

OPTIMIZERS: list[optim.Optimizer] = [
    optim.sgd(0.1),
    optim.sgd(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    optim.sgd(0.1, momentum=0.9, dampening=0.3),
    optim.adam(0.1, amsgrad=True),
    optim.adamw(0.1),
    optim.nadam(0.1),
    optim.adamax(0.1),
    optim.rmsprop(0.05, momentum=0.5, centered=True),
    optim.adagrad(0.5, lr_decay=0.01),
    optim.adadelta(1.0),
    optim.radam(0.1, betas=(0.9, 0.9), weight_decay=0.01),
    optim.asgd(0.05, t0=2.0),
    optim.rprop(0.05),
]


def loss(params: Any) -> Any:
    return np.sum((params["w"] - 1.0) ** 2) + 2 * np.sum(params["b"][0] ** 4)


def start(dtype: Any = float) -> Any:
    return {"w": np.array([[3.0, -2.0]], dtype), "b": [np.array(0.5, dtype)[()], None]}


def run(optimizer: Any, steps: int, params: Any) -> Any:
    state = optimizer.init(params)
    for _ in range(steps):
        params, state = optimizer.update(ft.grad(loss)(params), state, params)
    return params, state


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_a_loss_falls_and_inputs_stay(optimizer: optim.Optimizer) -> None:
    params = start()
    new, state = run(optimizer, 50, params)
    assert loss(new) < 0.9 * loss(params)
    assert params["w"].tolist() == [[3.0, -2.0]] and params["b"][1] is None
    assert state.step == 50 and ft.tree.structure(new) == ft.tree.structure(params)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_single_precision_is_kept(optimizer: optim.Optimizer) -> None:
    new, state = run(optimizer, 3, start(np.float32))
    kept = [
        *ft.tree.leaves(new),
        *(x for own in state.leaves for k, x in own.items() if k[:2] not in ("mu", "et")),
    ]
    assert {np.asarray(x).dtype for x in kept} == {np.dtype(np.float32)}


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_derivatives_through_steps(optimizer: optim.Optimizer) -> None:
    """How two steps end is differentiated by where they begin and by the gradients' scale."""

    def end(w: Any, scale: Any) -> Any:
        params = {"w": w}
        state = optimizer.init(params)
        for _ in range(2):
            grads = ft.grad(lambda q: scale * np.sum(np.cosh(q["w"])))(params)
            params, state = optimizer.update(grads, state, params)
        return params["w"]

    check_grads(end, (np.array([0.7, -1.1]), 0.5), order=1, rtol=1e-7)
    # A parameter whose gradient is 0 must not turn the derivative into NaN.
    assert np.isfinite(ft.jacobian(lambda w: end(w, 0.5))(np.array([0.0, 0.3]))).all()


def test_learning_a_learning_rate() -> None:
    def after(lr: Any) -> Any:
        return loss(run(optim.sgd(lambda step: lr / (1 + step)), 3, start())[0])

    check_grads(after, (0.05,), order=1)
    batch = ft.vmap(after)(np.array([0.01, 0.05]))
    np.testing.assert_allclose(batch, [after(0.01), after(0.05)], rtol=1e-12)


def test_a_traced_step() -> None:
    """The step may be traced, as it is inside of loops that are staged."""
    for optimizer in OPTIMIZERS:
        params = start()
        state = optimizer.init(params)
        grads = ft.grad(loss)(params)
        expected = optimizer.update(grads, state, params)

        def update(step: Any, optimizer: Any, grads: Any, params: Any) -> Any:
            at = optimizer.init(params)._replace(step=step)
            return optimizer.update(grads, at, params)[0]

        steps = np.array([0, 3])
        found = ft.vmap(partial(update, optimizer=optimizer, grads=grads, params=params))(steps)
        for one, other in zip(ft.tree.leaves(found), ft.tree.leaves(expected[0]), strict=True):
            np.testing.assert_allclose(one[0], other, rtol=1e-12)


def test_what_is_no_parameter_stays() -> None:
    params = {"w": np.ones(2), "n": np.arange(3), "name": "layer"}
    optimizer = optim.adam()
    grads = {"w": np.ones(2), "n": None, "name": None}
    new, _ = optimizer.update(grads, optimizer.init(params), params)
    assert new["n"] is params["n"] and new["name"] == "layer" and (new["w"] < 1).all()


def test_clipping() -> None:
    grads = {"w": np.array([3.0, -4.0], np.float32), "b": np.zeros(0), "n": 7}
    assert optim.global_norm(grads) == 5.0
    assert optim.global_norm(grads, np.inf) == 4.0
    assert optim.global_norm(grads, 1.0) == pytest.approx(7.0)
    assert optim.global_norm([]) == 0.0
    clipped, norm = optim.clip_by_global_norm(grads, 1.0)
    assert norm == 5.0 and clipped["w"].dtype == np.float32 and clipped["n"] == 7
    np.testing.assert_allclose(clipped["w"], [0.6, -0.8], rtol=1e-6)
    assert optim.clip_by_global_norm(grads, 9.0)[0]["w"].tolist() == [3.0, -4.0]
    assert optim.clip_by_value(grads, 3.5)["w"].tolist() == [3.0, -3.5]
    check_grads(lambda g: optim.clip_by_global_norm([g], 1.0)[0], (np.array([3.0, 4.0]),))
    assert ft.grad(lambda g: optim.global_norm([g]))(np.zeros(2)).tolist() == [0.0, 0.0]


def rosenbrock(params: Any) -> Any:
    x, y = params["x"], params["y"]
    return np.sum(100 * (y - x**2) ** 2 + (1 - x) ** 2)


@pytest.mark.parametrize("line_search_fn", [None, "strong_wolfe"])
def test_lbfgs(line_search_fn: Any) -> None:
    params = {"x": np.array([-1.2, 0.5]), "y": np.array([1.0, -0.3])}
    rate = 1.0 if line_search_fn else 0.1
    optimizer = optim.lbfgs(rate, max_iter=300, line_search_fn=line_search_fn, tolerance_change=0.0)
    state = optimizer.init(params)
    closure = ft.value_and_grad(rosenbrock)
    for _ in range(3):
        params, state = optimizer.update(closure, state, params)
    np.testing.assert_allclose(params["x"], 1.0, atol=1e-5)
    assert state.iterations > 10 and state.evaluations >= state.iterations


def test_lbfgs_keeps_dtypes_and_ends_at_a_minimum() -> None:
    optimizer = optim.lbfgs(line_search_fn="strong_wolfe")
    params = [np.array([3.0, 4.0], np.float32), np.float64(1.0)]
    closure = ft.value_and_grad(lambda q: np.sum(q[0] ** 2) + q[1] ** 2)
    new, state = optimizer.update(closure, optimizer.init(params), params)
    assert new[0].dtype == np.float32 and abs(new[0]).max() < 1e-6
    again, after = optimizer.update(closure, state, new)
    assert again is new and after.iterations == state.iterations


def test_schedules_may_be_traced() -> None:
    for schedule in (
        optim.step_lr(0.5, 3),
        optim.multistep_lr(0.5, [2, 6]),
        optim.constant_lr(0.5),
        optim.linear_lr(0.5),
        optim.exponential_lr(0.5, 0.9),
        optim.polynomial_lr(0.5, 4, 2.0),
        optim.cosine_annealing_lr(0.5, 5),
        optim.cosine_annealing_warm_restarts(0.5, 3, 2),
        optim.cosine_annealing_warm_restarts(0.5, 3),
        optim.one_cycle_lr(0.5, 12, three_phase=True),
        optim.cyclic_lr(0.1, 0.5, 3, 2, mode="exp_range", gamma=0.9),
        optim.cyclic_lr(0.1, 0.5, 3, mode="triangular2"),
        optim.cyclic_lr(0.1, 0.5, 3, scale_fn=lambda cycle: 1 / cycle),
        optim.lambda_lr(0.5, lambda step: 1 / (1 + step)),
        optim.warm_up(optim.exponential_lr(0.5, 0.9), 4),
    ):
        plain = [schedule(step) for step in range(10)]
        assert all(type(rate) is float for rate in plain)
        np.testing.assert_allclose(ft.vmap(schedule)(np.arange(10)), plain, rtol=1e-12)


REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: optim.sgd(-0.1), ValueError, "lr must not be negative"),
    (lambda: optim.sgd(0.1, nesterov=True), ValueError, "needs a momentum"),
    (lambda: optim.adam(betas=(0.9, 1.0)), ValueError, "betas"),
    (lambda: optim.adadelta(rho=2.0), ValueError, "rho"),
    (
        lambda: optim.sgd(0.1).update([np.ones(2)], optim.sgd(0.1).init([1.0]), [1.0]),
        ValueError,
        r"grads\[0\] has shape \(2,\)",
    ),
    (lambda: optim.rprop(etas=(1.5, 1.2)), ValueError, "either side of 1"),
    (lambda: optim.adam().init([1j]), TypeError, "real and imaginary parts"),
    (lambda: optim.lbfgs(0.0), ValueError, "must be positive"),
    (lambda: optim.lbfgs(line_search_fn="armijo"), ValueError, "strong_wolfe"),  # type: ignore[arg-type]
    (lambda: optim.lbfgs().init([1]), TypeError, r"params\[0\] must be a real"),
    (lambda: optim.one_cycle_lr(1.0, 5)(5), ValueError, "beyond the 5"),
    (lambda: optim.one_cycle_lr(1.0, 5, anneal_strategy="sin"), ValueError, "'cos'"),  # type: ignore[arg-type]
    (lambda: optim.ReduceOnPlateau(1.0, factor=2.0), ValueError, "below 1"),
    (lambda: optim.ReduceOnPlateau(1.0, mode="low"), ValueError, "'min' or 'max'"),  # type: ignore[arg-type]
    (lambda: optim.cosine_annealing_warm_restarts(1.0, 0), ValueError, "at least 1"),
    (lambda: optim.cyclic_lr(0.0, 1.0, mode="square"), ValueError, "triangular2"),  # type: ignore[arg-type]
    (lambda: optim.warm_up(1.0, 0), ValueError, "at least 1"),
    (lambda: optim.clip_by_value([1.0], -1.0), ValueError, "negative"),
]


@pytest.mark.parametrize("i", range(len(REFUSED)))
def test_refusals(i: int) -> None:
    call, error, message = REFUSED[i]
    with pytest.raises(error, match=message):
        call()
