"""Words of transforms: any of them applied to the result of any others gives what loops give."""

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest

from functrans import tree
from tests.programs import PROGRAMS, Program
from tests.words import (
    EXTENDED,
    TRANSFORMS,
    Function,
    Word,
    by_jvp,
    check_close,
    meaning_of,
    meant,
    numeric,
    one_direction,
    transformed,
)

TOLERANCE = 1e-10  # relative to the largest element of a leaf: derivatives of up to third order
BY_NAME = {p.name: p for p in PROGRAMS}


@cache
def reference(name: str, meaning: Word) -> Any:
    """The value of the references of a word, applied to a program at its point."""
    return meant(BY_NAME[name].function, meaning)(BY_NAME[name].point)


def check_word(program: Program, word: Word) -> None:
    """The transforms of a word, the last one applied first, give what their references give."""
    found = transformed(program.function, word)(program.point)
    check_close(found, reference(program.name, meaning_of(word)), TOLERANCE)


def applies(word: Word, program: Program) -> bool:
    """A program that branches on values can be neither staged nor batched."""
    return not (program.reads_values and {"vmap", "graph"} & set(word))


def words(length: int) -> Iterator[Word]:
    return product(TRANSFORMS, repeat=length)


def rows(pairs: Iterator[tuple[Program, Word]]) -> list[Any]:
    return [pytest.param(p, word, id=f"{p.name}-{'-'.join(word)}") for p, word in pairs]


def one_program_each() -> Iterator[tuple[Program, Word]]:
    """Every word of three, each with one of the programs in turn."""
    for i, word in enumerate(words(3)):
        able = [p for p in PROGRAMS if applies(word, p)]
        yield able[i % len(able)], word


@pytest.mark.parametrize(
    ("program", "word"),
    rows((p, w) for p in PROGRAMS for n in (1, 2) for w in words(n) if applies(w, p)),
)
def test_words_of_one_and_two(program: Program, word: Word) -> None:
    check_word(program, word)


@pytest.mark.parametrize(("program", "word"), rows(one_program_each()))
def test_each_word_of_three(program: Program, word: Word) -> None:
    check_word(program, word)


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
@pytest.mark.parametrize("first", TRANSFORMS)
def test_all_words_of_three(program: Program, first: str) -> None:
    for rest in words(2):
        if applies((first, *rest), program):
            check_word(program, (first, *rest))


@pytest.mark.skipif(not EXTENDED, reason="needs a long double of more than 64 bits")
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.wide], ids=lambda p: p.name)
def test_nested_jvp_equals_differences(program: Program, order: int) -> None:
    """What every other test here is compared with."""
    exact = by_differences = program.function
    for _ in range(order):
        exact = one_direction(exact)
        by_differences = numeric(by_differences)
    wide = tree.map(np.longdouble, program.point)
    check_close(exact(program.point), by_differences(wide), TOLERANCE)


def test_a_wrong_derivative_is_found() -> None:
    """The comparison can fail: a relative error of 1e-7 in one transform is seen."""

    def slightly_wrong(f: Function) -> Function:
        return lambda x: tree.map(lambda t: t * (1 + 1e-7), by_jvp(f)(x))

    program = BY_NAME["closure"]
    with pytest.raises(AssertionError):
        check_close(
            slightly_wrong(program.function)(program.point),
            reference("closure", ("direction",)),
            TOLERANCE,
        )
