"""What once went wrong, one test for each, named after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core import errors


def growth(make: Callable[[int], Callable[[], Any]]) -> float:
    """How many times longer a run takes that is eight times as large (the best of three each)."""

    def seconds(n: int) -> float:
        run = make(n)
        times = []
        for _ in range(3):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        return min(times)

    return seconds(4000) / seconds(500)


def many(n: int) -> dict[str, Any]:
    return {f"k{i}": np.ones(2) for i in range(n)}


def doubled(d: dict[str, Any]) -> dict[str, Any]:
    return {key: x * 2 for key, x in d.items()}


def doubled_with_rule() -> Any:
    rule = ft.custom(doubled)
    rule.defvjp(lambda d: (doubled(d), None), lambda _, g: (doubled(g),))
    return rule


QUADRATIC: dict[str, Callable[[int], Callable[[], Any]]] = {
    "pullback of many outputs": lambda n: lambda: ft.vjp(doubled, many(n))[1](many(n)),
    "vmap over many leaves": lambda n: lambda: ft.vmap(doubled)(many(n)),
    "custom rule of many leaves": lambda n: lambda: ft.jvp(
        doubled_with_rule(), (many(n),), (many(n),)
    ),
}


@pytest.mark.parametrize("name", QUADRATIC)
def test_time_is_linear_in_the_number_of_leaves(name: str) -> None:
    assert growth(QUADRATIC[name]) < 24  # 8 if linear, 64 if quadratic
