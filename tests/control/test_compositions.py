"""Every composition of transforms around control flow gives what plain Python gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np
import pytest

import functrans as ft
from tests.control.programs import PLAIN, PROGRAMS, STAGED, Program

SCALES = np.array([1.0, 1.5, 0.7, 2.0])

Scalar = Callable[[Any], Any]
Word = tuple[str, ...]
"""Names of transforms, the one that is applied first at the front."""

TRANSFORMS: dict[str, Callable[[Scalar], Scalar]] = {
    "grad": ft.grad,
    "jvp": lambda f: lambda x: ft.jvp(f, (x,), (1.3,))[1],
    "stage": lambda f: lambda x: ft.make_graph(f)(x)(x),
    "jit": ft.jit,
    "linearize": lambda f: lambda x: ft.linearize(f, x)[1](1.3) + 0.0 * ft.linearize(f, x)[0],
    "vmap": lambda f: lambda x: np.sum(ft.vmap(f)(x * SCALES)),
}

# What they mean without control flow primitives: no lanes, no graphs.
MEANINGS: dict[str, Word] = {"stage": (), "jit": (), "linearize": ("jvp",)}
REFERENCES: dict[str, Callable[[Scalar], Scalar]] = {
    "grad": TRANSFORMS["grad"],
    "jvp": TRANSFORMS["jvp"],
    "vmap": lambda f: lambda x: sum(f(x * scale) for scale in SCALES),
}


@cache
def reference(program: Program, meaning: Word) -> Any:
    f: Scalar = partial(program, PLAIN)
    for name in meaning:
        f = REFERENCES[name](f)
    return f(1.2)


def check(program: Program, words: Iterable[Word]) -> None:
    for word in words:
        f: Scalar = partial(program, STAGED)
        for name in word:
            f = TRANSFORMS[name](f)
        expected = reference(program, sum([MEANINGS.get(name, (name,)) for name in word], ()))
        np.testing.assert_allclose(f(1.2), expected, rtol=1e-9, err_msg=" of ".join(word))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_words_of_two(program: Program) -> None:
    check(program, [word for n in (0, 1, 2) for word in product(TRANSFORMS, repeat=n)])


@pytest.mark.slow
@pytest.mark.parametrize("last", TRANSFORMS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_words_of_three(program: Program, last: str) -> None:
    check(program, [(*word, last) for word in product(TRANSFORMS, repeat=2)])
