"""R13: wrong rules are found. Every mutant of every rule of the rule book must be killed.

The whole sweep is slow; by default every fifteenth mutant is tried. ``python -m tests.mutants``
runs it with figures, which docs/verification.md quotes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import primitives as p
from functrans.core.primitive import REGISTRY, primitive_of
from functrans.core.types import dtype_of
from tests.mutants import fate, fates, mutants_of, names, rows_of, survivors, unsound
from tests.mutants.run import MANY, SERVES

EVERY = 15


@pytest.mark.parametrize("number", range(0, len(names()), 10))
def test_a_sample_of_mutants_is_killed(number: int) -> None:
    for i, name in enumerate(names()[number : number + 10], number):
        assert list(survivors(name, slice(i % EVERY, None, EVERY))) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_every_mutant_is_killed(name: str) -> None:
    assert list(survivors(name)) == []


@pytest.mark.parametrize(
    "name", ["multiply", *(pytest.param(n, marks=pytest.mark.slow) for n in SERVES)]
)
def test_nothing_is_killed_that_is_right(name: str) -> None:
    """A check that fails anyway would kill every mutant; ``python -m tests.mutants`` tries all."""
    assert unsound(REGISTRY[name]) == []


def test_every_rule_has_mutants() -> None:
    """Each kind of rule of a primitive that has them all is made wrong in several ways."""
    places = {mutant.place for mutant in mutants_of(primitive_of(p.einsum))}
    assert places >= {"pushes[0]", "pulls[3]", "batch", "shape", "differentiable", "impl"}
    operators = {m.operator for m in mutants_of(primitive_of(p.maximum))}
    assert {
        "times 1 + 1e-7",
        "sign flipped",
        "mask dropped",
        "broadcasting not summed",
    } <= operators


def test_a_hole_in_the_samples_is_found() -> None:
    """Without complex samples a dropped conjugate goes unseen, and with a sample at 0 alone a
    wrong partial does: the first counts as no other rule, the second as survived."""
    multiply = primitive_of(p.multiply)
    real = [c for c in rows_of(multiply) if all(dtype_of(x).kind != "c" for x in c.leaves)]
    fates = {m.operator: fate(m, real) for m in mutants_of(multiply) if m.place.endswith("[0]")}
    assert fates["partial conjugated"] == "equivalent"
    assert fates["sign flipped"].startswith("killed")
    empty = [c for c in rows_of(multiply) if c.sample.label == "empty"]
    (flipped,) = (
        m for m in mutants_of(multiply) if (m.place, m.operator) == ("batch", "lanes reversed")
    )
    assert fate(flipped, empty) != "killed by check_batching"


def test_equivalent_mutants_are_those_that_are_found_one_by_one() -> None:
    """Where there is a hole in the samples, too: those that survive are not among them."""
    primitive = REGISTRY["log"]
    real = [c for c in rows_of(primitive) if all(dtype_of(x).kind == "f" for x in c.leaves)]
    empty = [c for c in rows_of(primitive) if c.sample.label == "empty"]
    ends = set()
    for cases in (real, empty):
        mutants = mutants_of(primitive)
        found = list(fates(mutants, cases))
        assert found == [(mutant, fate(mutant, cases)) for mutant in mutants]
        ends |= {end for _, end in found}
    assert ends >= {"equivalent", "survived"} and len(mutants) >= MANY


def test_nothing_stays_planted() -> None:
    before: dict[str, Any] = {n: getattr(REGISTRY["sin"], n) for n in ("pulls", "batch", "impl")}
    list(survivors("sin"))
    assert before == {n: getattr(REGISTRY["sin"], n) for n in before}
    assert ft.grad(np.sin)(0.0) == 1.0
