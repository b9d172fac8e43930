"""S4: random programs go through words of transforms and come out as loops of nested jvp do.

Control flow, closures, recursion, containers, shared subexpressions and transforms inside; forward
and reverse mode, batching, staging, checkpoints, and all pairs of them. The explore profile tries
many more.
"""

from __future__ import annotations

import ast
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, seed, settings, strategies as st

import functrans as ft
from functrans import tree
from tests.programs import Program
from tests.random_programs import programs
from tests.words import (
    EXTENDED,
    TRANSFORMS,
    Word,
    check_close,
    meaning_of,
    meant,
    numeric,
    one_direction,
    transformed,
)

TOLERANCE = 1e-10  # relative to the largest element: second derivatives of steep programs
DIFFERENCES = 1e-7  # steep programs need smaller steps than the differences take

words = st.lists(st.sampled_from(sorted(TRANSFORMS)), min_size=1, max_size=2).map(tuple)
slow_to_draw = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def check(program: Program, word: Word) -> None:
    note(program.name)
    if program.reads_values and {"vmap", "graph"} & set(word):
        word = tuple(part for part in word if part not in ("vmap", "graph"))
    with np.errstate(all="ignore"):
        found = transformed(program.function, word)(program.point)
        check_close(found, meant(program.function, meaning_of(word))(program.point), TOLERANCE)


@slow_to_draw
@given(programs(), words)
def test_words_of_transforms(program: Program, word: Word) -> None:
    check(program, word)


@slow_to_draw
@given(programs())
def test_second_derivatives_in_all_words_of_modes(program: Program) -> None:
    for first in ("jvp", "vjp"):
        for second in ("jvp", "vjp"):
            check(program, (second, first))


@pytest.mark.skipif(not EXTENDED, reason="needs a long double of more than 64 bits")
@slow_to_draw
@given(programs(length=4))
def test_derivatives_are_those_of_differences(program: Program) -> None:
    note(program.name)
    f = program.function
    wide = tree.map(np.longdouble, program.point)
    with np.errstate(all="ignore"):
        check_close(one_direction(f)(program.point), numeric(f)(wide), DIFFERENCES)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(6))
def test_long_programs(part: int) -> None:
    """The parts draw other programs each, and end at about the same time."""
    of_a_part = settings(slow_to_draw, max_examples=250)
    seed(part)(of_a_part(given(programs(length=12), words)(check)))()


def test_programs_are_of_every_kind() -> None:
    """What is generated holds loops, closures, recursion, containers and transforms."""
    found: Counter[str] = Counter()

    @settings(slow_to_draw, max_examples=300, database=None)
    @given(programs())
    def collect(program: Program) -> None:
        kinds = {type(node).__name__ for node in ast.walk(ast.parse(program.name))}
        found.update(kinds)
        found["reads values"] += program.reads_values
        found["long"] += len(program.name.splitlines()) > 10
        for name in ("grad", "jvp", "vmap", "checkpoint"):
            found[name] += f"ft.{name}(" in program.name

    collect()
    wanted = {"For", "While", "Lambda", "FunctionDef", "Dict", "IfExp", "long", "reads values"}
    wanted |= {"grad", "jvp", "vmap", "checkpoint"}
    assert {name for name in wanted if not found[name]} == set()


def test_a_wrong_derivative_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in the rule of one common function fails some program."""
    sine = ft.extend.primitive_of(np.sin)
    cosine = sine.pulls[0]
    assert isinstance(cosine, ft.extend.Rule) or hasattr(cosine, "apply")
    slip = type(cosine)(
        lambda g, residuals, params: cosine.apply(g, residuals, params) * (1 + 1e-7),
        cosine.select,
    )
    monkeypatch.setattr(sine, "pulls", (slip,))

    @settings(slow_to_draw, max_examples=200, database=None)
    @given(programs())
    def attempt(program: Program) -> None:
        check(program, ("vjp",))

    with pytest.raises(AssertionError):
        attempt()
