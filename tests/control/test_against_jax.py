"""Control flow against ``jax.lax``: values, first and second derivatives, and lanes.

JAX has no reverse mode through ``while_loop``, so its derivatives are those of forward mode.
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import functrans as ft
from tests.control import programs
from tests.control.programs import PROGRAMS, STAGED, Constructs, Program

pytestmark = pytest.mark.oracle("jax")

POINTS = np.array([1.2, 0.7, 2.3])


def in_jax(program: Program, jax: Any) -> Any:
    """The program as a function of JAX's arrays."""
    lax = jax.lax

    def scan(f: Any, init: Any, xs: Any = None, length: Any = None, **options: Any) -> Any:
        options.pop("checkpoint", None)
        return lax.scan(f, init, xs, length, **options)

    constructs = Constructs(scan, lax.while_loop, lax.fori_loop, lax.cond, lax.switch)
    return partial(program, constructs)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_derivatives_are_those_of_jax(program: Program) -> None:
    import jax

    ours = partial(program, STAGED)
    found = {
        "values": ft.vmap(ours)(POINTS),
        "gradients": ft.vmap(ft.grad(ours))(POINTS),
        "jitted gradients": ft.jit(ft.vmap(ft.grad(ours)))(POINTS),
        "second derivatives": np.array([ft.grad(ft.grad(ours))(x) for x in POINTS]),
        "hessians": np.array([ft.jit(ft.hessian(ours))(x) for x in POINTS]),
    }
    slope = jax.jacfwd(in_jax(program, jax))
    with jax.enable_x64(True), pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "np", jax.numpy)
        namespace = SimpleNamespace(stop_gradient=jax.lax.stop_gradient, binomial=ft.binomial)
        patch.setattr(programs, "ft", namespace)
        values = jax.vmap(in_jax(program, jax))(POINTS)
        slopes = np.array([slope(x) for x in POINTS])
        curvatures = np.array([jax.jacfwd(slope)(x) for x in POINTS])
    wanted = {
        "values": values,
        "gradients": slopes,
        "jitted gradients": slopes,
        "second derivatives": curvatures,
        "hessians": curvatures,
    }
    for name, value in found.items():
        np.testing.assert_allclose(value, wanted[name], rtol=1e-9, atol=1e-12, err_msg=name)
