"""What type checkers see of the transforms; read by mypy and pyright (``.ci/types``), never run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np

import functrans as ft


def loss(params: dict[str, float], x: float, *, scale: float = 1.0) -> np.float64:
    return np.float64(params["w"] * x * scale)


def with_aux(x: float) -> tuple[float, str]:
    return x, "aux"


def check_types() -> None:
    params = {"w": 1.0}
    ft.grad(loss)(params, 1.0, scale=2.0)
    assert_type(ft.value_and_grad(loss)(params, 1.0), tuple[np.float64, Any])
    assert_type(ft.grad(with_aux, has_aux=True)(1.0), tuple[Any, str])
    assert_type(ft.value_and_grad(with_aux, has_aux=True)(1.0), tuple[tuple[float, str], Any])
    assert_type(ft.vmap(loss)(params, 1.0), np.float64)
    assert_type(ft.checkpoint(loss)(params, 1.0), np.float64)
    assert_type(ft.make_graph(loss)(params, 1.0), ft.Graph)
    assert_type(ft.stop_gradient(params), dict[str, float])
    out, pullback = ft.vjp(loss, params, 1.0)
    assert_type(out, np.float64)
    assert_type(pullback, Callable[[Any], tuple[Any, ...]])
    value, tangent = ft.jvp(loss, (params, 1.0), (params, 1.0))
    assert_type(value, np.float64)
    _, linear = ft.linearize(with_aux, 1.0)
    assert_type(linear(1.0), tuple[float, str])
    assert_type(ft.custom(loss)(params, 1.0), np.float64)


def check_wrong_calls() -> None:
    ft.grad(loss)("text", 1.0)  # type: ignore[arg-type]
    ft.hessian(loss)({"w": 1.0}, 1.0, scle=2.0)  # type: ignore[call-arg]
    ft.vmap(loss)()  # type: ignore[call-arg]
