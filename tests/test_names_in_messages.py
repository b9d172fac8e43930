"""A message names the function that the user has called, and none that this is made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft

X = np.array([1.0, 2.0, 3.0])

CALLS: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "grad": lambda f: ft.grad(f)(X),
    "value_and_grad": lambda f: ft.value_and_grad(f)(X),
    "vjp": lambda f: ft.vjp(f, X),
    "jvp": lambda f: ft.jvp(f, (X,), (X,)),
    "linearize": lambda f: ft.linearize(f, X),
    "jacfwd": lambda f: ft.jacfwd(f)(X),
    "jacrev": lambda f: ft.jacrev(f)(X),
    "jacobian": lambda f: ft.jacobian(f)(X),
    "hessian": lambda f: ft.hessian(f)(X),
    "hvp": lambda f: ft.hvp(f, (X,), (X,)),
    "vmap": lambda f: ft.vmap(f)(X),
    "jit": lambda f: ft.jit(f)(X),
    "make_graph": lambda f: ft.make_graph(f)(X),
    "scan": lambda f: ft.scan(lambda c, x: (f(c), x), X, X),
    "map": lambda f: ft.map(f, X),
    "while_loop": lambda f: ft.while_loop(lambda x: np.sum(x) < 9, f, X),
    "fori_loop": lambda f: ft.fori_loop(0, 3, lambda i, x: f(x), X),
    "cond": lambda f: ft.cond(True, f, f, X),
    "switch": lambda f: ft.switch(1, [f, f], X),
    "associative_scan": lambda f: ft.associative_scan(lambda x, y: f(x), X),
}
"""Each transform of a function of one array."""

COUNTED: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "fori_loop": lambda f: ft.jit(lambda n: ft.fori_loop(0, n, lambda i, x: f(x), X))(3),
}

MISTAKES: dict[str, Callable[[Any], Any]] = {
    "a text": lambda x: "text",
    "a text within": lambda x: {"a": {"b": "text"}},
    "an object": lambda x: object(),
    "another structure": lambda x: (x, x),
    "another shape": lambda x: np.stack([x, x]),
    "a number of Python": lambda x: x * float(np.sum(x)),
    "a plain array": lambda x: np.asarray([np.sum(x), 1.0]),
    "a masked array": lambda x: np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0]) * x,
}


def others(name: str, message: str) -> list[str]:
    """The names of other transforms that stand where a message says what was called."""
    names = "|".join(sorted(CALLS, key=len, reverse=True))
    return [n for n in re.findall(rf"\b({names})(?=\(<|\([a-z]+ \()", message) if n != name]


@pytest.mark.parametrize("name", CALLS)
def test_messages_name_what_was_called(name: str) -> None:
    raised = 0
    calls = [CALLS[name], COUNTED[name]] if name in COUNTED else [CALLS[name]]
    for call in calls:
        for what, mistake in MISTAKES.items():
            try:
                call(mistake)
            except Exception as error:
                raised += 1
                assert others(name, str(error)) == [], (what, error)
                assert f"{name}(" in str(error), (what, error)
    assert raised >= 3


@pytest.mark.parametrize("name", ["jacfwd", "jacrev", "jacobian", "hessian"])
def test_a_wrong_number_of_directions_is_refused_by_name(name: str) -> None:
    for wrong in (0, "x", 1.5):
        with pytest.raises(ft.core.errors.AxisError, match=rf"^{name}\(.*chunk_size must be"):
            getattr(ft, name)(lambda x: x * x, chunk_size=wrong)(X)


def test_places_in_the_carry_are_those_that_the_user_sees() -> None:
    """A counted loop carries its counter too, of which the user knows nothing."""
    start = {"w": X, "n": 0}
    for run in (
        lambda body: ft.fori_loop(0, 3, body, start),
        lambda body: ft.jit(lambda n: ft.fori_loop(0, n, body, start))(3),
    ):
        with pytest.raises(ft.core.errors.OutputTypeError, match=r"^fori_loop\(.*at \['w'\] has"):
            run(lambda i, s: {"w": s["w"][:2], "n": s["n"] + i})
        with pytest.raises(ft.core.errors.OutputTypeError, match=r"a str at \['w'\]; it has to"):
            run(lambda i, s: {"w": "text", "n": s["n"]})
        with pytest.raises(ft.core.errors.TreeError, match="at the root"):
            run(lambda i, s: s["w"])
