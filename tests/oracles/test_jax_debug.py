"""Printing and calls back happen as in JAX: as often, with the same values, in each transform."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import functrans as ft

pytestmark = pytest.mark.oracle("jax")

X = np.array([1.0, 2.0])
PAIRS = np.array([[1.0, 2.0], [3.0, 4.0]])


def f(t: Any, x: Any) -> Any:
    y = t.np.sin(x)
    t.debug.callback(t.note, y)
    return t.np.sum(y * y)


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "eager": lambda t: f(t, X),
    "grad": lambda t: t.grad(lambda x: f(t, x))(X),
    "jvp": lambda t: t.jvp(lambda x: f(t, x), (X,), (X,)),
    "vmap": lambda t: t.vmap(lambda x: f(t, x))(X),
    "vmap of grad": lambda t: t.vmap(t.grad(lambda x: f(t, x)))(X),
    "nested vmap": lambda t: t.vmap(t.vmap(lambda x: f(t, x)))(PAIRS),
    "hessian": lambda t: t.hessian(lambda x: f(t, x))(X),
    "jacfwd": lambda t: t.jacfwd(lambda x: f(t, x))(X),
    "jacrev": lambda t: t.jacrev(lambda x: f(t, x))(X),
    "linearize": lambda t: t.linearize(lambda x: f(t, x), X)[1](X),
    "jit": lambda t: t.jit(lambda x: f(t, x))(X),
    "jit of grad": lambda t: t.jit(t.grad(lambda x: f(t, x)))(X),
    "grad of jit": lambda t: t.grad(t.jit(lambda x: f(t, x)))(X),
    "vmap of jit": lambda t: t.vmap(t.jit(lambda x: f(t, x)))(X),
    "scan": lambda t: t.scan(lambda c, x: (c, f(t, x)), 0.0, X),
    "grad of scan": lambda t: t.grad(
        lambda x: t.np.sum(t.scan(lambda c, x: (c, f(t, x)), 0.0, x)[1])
    )(X),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_often_and_with_the_same_values(name: str) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    notes: dict[str, list[Any]] = {"ours": [], "theirs": []}
    ours = SimpleNamespace(**{k: getattr(ft, k) for k in NAMES}, np=np, scan=ft.scan)
    theirs = SimpleNamespace(**{k: getattr(jax, k) for k in NAMES}, np=jax.numpy, scan=jax.lax.scan)
    ours.note = lambda y: notes["ours"].append(np.asarray(y))
    theirs.note = lambda y: notes["theirs"].append(np.asarray(y))
    PROGRAMS[name](ours)
    PROGRAMS[name](theirs)
    jax.effects_barrier()
    # Without ordered=True JAX promises no order.
    one, other = (sorted(map(np.ndarray.tolist, found)) for found in notes.values())
    assert len(one) == len(other), (one, other)
    np.testing.assert_allclose(one, other, rtol=1e-15)


NAMES = ("grad", "jvp", "vmap", "hessian", "jacfwd", "jacrev", "linearize", "jit", "debug")
