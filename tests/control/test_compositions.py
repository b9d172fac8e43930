"""Every composition of transforms around control flow gives what plain Python gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest

import functrans as ft
from tests.control.programs import PLAIN, PROGRAMS, STAGED, Program

SCALES = np.array([1.0, 1.5, 0.7, 2.0])

Scalar = Callable[[Any], Any]

TRANSFORMS: dict[str, Callable[[Scalar], Scalar]] = {
    "grad": ft.grad,
    "jvp": lambda f: lambda x: ft.jvp(f, (x,), (1.3,))[1],
    "stage": lambda f: lambda x: ft.make_graph(f)(x)(x),
    "jit": ft.jit,
    "linearize": lambda f: lambda x: ft.linearize(f, x)[1](1.3) + 0.0 * ft.linearize(f, x)[0],
    "vmap": lambda f: lambda x: np.sum(ft.vmap(f)(x * SCALES)),
}

# What each comes to without control flow primitives: no lanes, no graphs.
REFERENCES: dict[str, Callable[[Scalar], Scalar]] = TRANSFORMS | {
    "stage": lambda f: f,
    "jit": lambda f: f,
    "linearize": lambda f: lambda x: ft.jvp(f, (x,), (1.3,))[1],
    "vmap": lambda f: lambda x: sum(f(x * scale) for scale in SCALES),
}


def words(length: int) -> Iterator[tuple[str, ...]]:
    for n in range(length + 1):
        yield from product(TRANSFORMS, repeat=n)


def check(program: Program, length: int) -> None:
    for word in words(length):
        f: Scalar = partial(program, STAGED)
        reference: Scalar = partial(program, PLAIN)
        for name in word:
            f, reference = TRANSFORMS[name](f), REFERENCES[name](reference)
        np.testing.assert_allclose(f(1.2), reference(1.2), rtol=1e-9, err_msg=" of ".join(word))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_words_of_two(program: Program) -> None:
    check(program, 2)


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_words_of_three(program: Program) -> None:
    check(program, 3)
