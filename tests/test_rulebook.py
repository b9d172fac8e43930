"""Every rule of the rule book, at every sample of its primitive.

The tests loop over the registry, so a new primitive is tested by being registered. One row is
selected by name: ``pytest tests/test_rulebook.py -k exp``.
"""

import secrets
from collections.abc import Callable
from typing import Any

import pytest

import functrans  # noqa: F401  (registers the primitives)
from functrans.core.primitive import REGISTRY
from functrans.core.types import dtype_of, is_inexact
from functrans.testing import check_grads
from functrans.testing.cases import Case, cases_of
from functrans.testing.compositions import check_staged_compositions
from functrans.testing.rules import (
    CHECKS,
    check_coverage,
    check_differences,
    check_second,
    check_transpose,
)

# Those of scipy.special, which other tests may have loaded, have tests of their own.
BOOK = {n: p for n, p in REGISTRY.items() if ".special" not in p.call.__module__}
CASES = {
    name: cases_of(primitive.call)
    for name, primitive in BOOK.items()
    if primitive.samples is not None
}
EVERY = [
    pytest.param(case, id=f"{name}-{i}")
    for name, cases in CASES.items()
    for i, case in enumerate(cases)
]


def of_primitives(check: Callable[[Case], None]) -> Any:
    """The cases at which a check has something to do."""
    if check.__name__ in SELECTED:
        return [p for p in EVERY if SELECTED[check.__name__](p.values[0])]
    return EVERY


SELECTED: dict[str, Callable[[Case], bool]] = {
    "check_structure": lambda case: bool(case.primitive and case.primitive.masks and case.active),
    "check_pinned": lambda case: case.sample.pinned is not None,
    "check_refusals": lambda case: any(
        is_inexact(dtype_of(case.leaves[i])) for i in set(case.arrays) - set(case.active)
    ),
    "check_untouched": lambda case: case.sample.smooth and bool(case.active),
    **{
        name: lambda case: case.differentiable and bool(case.active)
        for name in (
            "check_differences",
            "check_transpose",
            "check_linearity",
            "check_second",
            "check_activity",
            "check_batched_derivatives",
            "check_compositions",
        )
    },
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One row for each check and case."""
    if "check" in metafunc.fixturenames:
        rows = [
            pytest.param(
                check, case.values[0], id=f"{case.id}-{check.__name__.removeprefix('check_')}"
            )
            for check in CHECKS
            for case in of_primitives(check)
        ]
        metafunc.parametrize(("check", "case"), rows)


# Values are also tried where two derivatives of the factors are undetermined, and warn of that.
@pytest.mark.filterwarnings("ignore::functrans.core.errors.DegenerateWarning")
def test_rule(check: Callable[[Case], None], case: Case) -> None:
    """One property of one primitive at one sample."""
    check(case)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, p in BOOK.items() if p.kind == "elementwise"])
def test_third_derivatives(name: str) -> None:
    """Smooth elementwise functions in all words of three modes, in every operand at once."""
    for case in CASES[name]:
        double = all(dtype_of(x).itemsize >= 8 for x in case.take(case.active))
        if case.differentiable and case.sample.second and case.active and double:
            # Loose enough for the third derivatives of steep functions, which are large.
            check_grads(case.smooth_part(case.active), case.take(case.active), order=3, rtol=1e-8)


# The other rows have the same directions in every run, so that a failure is the same for everybody.
FRESH = 1 + secrets.randbelow(2**32 - 1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::functrans.core.errors.DegenerateWarning")
@pytest.mark.parametrize("name", [n for n, p in BOOK.items() if p.differentiable and p.samples])
def test_fresh_directions(name: str) -> None:
    """Several directions of each operand, others in every run: the message names the seed, which
    check_rules takes."""
    for case in cases_of(REGISTRY[name].call, seed=FRESH, directions=3):
        for check in (check_differences, check_transpose, check_second):
            check(case)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::functrans.core.errors.DegenerateWarning")
@pytest.mark.parametrize("name", [n for n, p in BOOK.items() if p.differentiable and p.samples])
def test_compositions_by_graphs(name: str) -> None:
    """Words of batching and derivatives, staged."""
    for case in CASES[name]:
        check_staged_compositions(case)


@pytest.mark.parametrize("name", [n for n, p in BOOK.items() if p.samples is not None])
def test_every_operand_is_differentiated(name: str) -> None:
    """The samples of a primitive exercise the derivative rule of every operand."""
    check_coverage(CASES[name])


# Its rules are those of a user's function, so it has no samples of its own; tests/test_custom.py
# tries it. Operations on graphs, and the guards of paths, are tried by tests/control.
# What calls back is tried by tests/test_debug.py.
WITHOUT_SAMPLES = {"custom_call", "custom_call_with_effects", "guard"}
WITHOUT_SAMPLES |= {"debug_callback", "inspect", "io_callback", "pure_callback"}
# No two runs of what draws from a generator are the same: tests/test_random_generators.py.
DRAWING = "generator_"


def test_every_primitive_has_samples() -> None:
    """A primitive that is tried nowhere is not in the rule book."""
    without = {
        name
        for name, primitive in REGISTRY.items()
        if not name.startswith(("test_", DRAWING))  # modules of the tests declare some
        # Operations of native code alone have their tests in tests/llvm.
        and primitive.kind not in ("higher-order", "native")
        and not (primitive.samples and primitive.samples())
    }
    assert without <= WITHOUT_SAMPLES
