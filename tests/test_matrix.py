"""The matrix has no gaps: every written rule of every primitive runs in a row of every check that
is to prove it, on data that is not empty, with each operand batched alone.

docs/verification.md describes the matrix. The rows are those of tests/test_rulebook.py; here each
rule is watched while they run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from numpy.exceptions import ComplexWarning

from functrans.core.primitive import REGISTRY, Primitive, Rule
from functrans.core.types import dtype_of, is_inexact, shape_of
from functrans.testing import rules
from functrans.testing.cases import Case, cases_of
from tests.mutants import names
from tests.mutants.derivatives import rule_places
from tests.mutants.records import flat
from tests.mutants.run import OF_ZERO, planted

# Which checks a kind of rule must run in. A pinned sample proves first derivatives as well.
FIRST = ("check_differences", "check_pinned")
OF_DERIVATIVE = (
    FIRST,
    ("check_transpose", "check_pinned"),
    ("check_linearity", "check_pinned"),
    ("check_second",),
    ("check_activity", "check_pinned"),
    ("check_batched_derivatives", "check_pinned"),
    ("check_staging", "check_pinned"),
)

# Rules without a row of second derivatives, and why.
NO_SECOND = {
    "watched": "its second operand marks what is used, which has no derivatives",
    "known_eigh": "that of eigh is its second derivative",
    "known_eig": "that of eig is its second derivative",
    "known_svd": "that of svd is its second derivative",
    "stop_gradient": "no derivative",
    "random_loggamma": "its variables jump where a draw is refused; test_random_distributions",
    "random_wald": "its variables jump from root to root; test_random_distributions",
    "itairy": "its values are too inexact for differences; tests/mutants has a check of its own",
}


class Seen(Counter[str]):
    """How often each rule ran on data."""

    def rule(self, place: str, original: Rule) -> Rule:
        def apply(lead: Any, residuals: Any, params: Any) -> Any:
            result = original.apply(lead, residuals, params)
            self[place] += has_data(result)
            return result

        return Rule(apply, original.select)


def has_data(result: Any) -> bool:
    return any(0 not in shape_of(part) for part in flat(result) if hasattr(part, "dtype"))


def watched_fields(primitive: Primitive, seen: Seen) -> Iterator[dict[str, Any]]:
    """The rules of a primitive, each counting its runs."""
    for fields, i in rule_places(primitive):
        for field in fields:
            held = getattr(primitive, field)
            if i is None:
                yield {field: seen.rule(place(fields, i), held)}
            else:
                new = list(held)
                new[i] = seen.rule(place(fields, i), held[i])
                yield {field: tuple(new)}
    if primitive.batch is not None:
        yield {"batch": watched_batch(primitive, seen)}
    if primitive.shape is not None:
        shape = primitive.shape

        def watched_shape(*types: Any, **params: Any) -> Any:
            seen["shape"] += 1
            return shape(*types, **params)

        yield {"shape": watched_shape}


def watched_batch(primitive: Primitive, seen: Seen) -> Callable[..., Any]:
    batch = primitive.batch
    assert batch is not None
    if primitive.batch_takes_flags:

        def with_flags(*args: Any, batched: tuple[bool, ...], **params: Any) -> Any:
            result = batch(*args, batched=batched, **params)
            data = has_data(result)
            seen["batch"] += data
            if sum(batched) == 1:
                seen[f"batch of {batched.index(True)} alone"] += data
            return result

        return with_flags

    def without(*args: Any, **params: Any) -> Any:
        result = batch(*args, **params)
        seen["batch"] += has_data(result)
        return result

    return without


def place(fields: tuple[str, ...], i: int | None) -> str:
    return "+".join(fields) + ("" if i is None else f"[{i}]")


def runs(primitive: Primitive, cases: list[Case], check: str, wanted: set[str]) -> Seen:
    """Which of the `wanted` rules run in the rows of one check."""
    seen = Seen()
    function = next(c for c in rules.CHECKS if c.__name__ == check)
    with ExitStack() as stack:
        for fields in watched_fields(primitive, seen):
            stack.enter_context(planted(primitive, fields))
        for case in cases:
            if wanted <= set(+seen):
                break
            function(case)
    return seen


def gaps(primitive: Primitive, cases: list[Case]) -> list[str]:
    """The rules that some check does not try."""
    missing = []
    written = {place(*at) for at in rule_places(primitive)}
    written -= {at for name, at in OF_ZERO if name == primitive.name}
    for checks in OF_DERIVATIVE:
        wanted = {at for at in written if proves(checks, at)}
        if checks == ("check_second",) and primitive.name in NO_SECOND:
            continue
        for check in checks:
            wanted -= set(+runs(primitive, cases, check, wanted)) if wanted else set()
        missing += [f"{at} in {' or '.join(checks)}" for at in sorted(wanted)]
    wanted = {"batch"}
    if primitive.batch_takes_flags and max(len(case.sample.args) for case in cases) > 1:
        operands = {
            case.operand(i)
            for case in cases
            for i in case.arrays
            if isinstance(case.leaves[i], np.ndarray | np.generic)
        }
        wanted |= {f"batch of {i} alone" for i in operands}
    wanted -= set(+runs(primitive, cases, "check_batching", wanted))
    missing += [f"{at} in check_batching" for at in sorted(wanted)]
    if primitive.shape is not None and not runs(primitive, cases, "check_staging", {"shape"}):
        missing.append("shape in check_staging")
    return missing


def proves(checks: tuple[str, ...], at: str) -> bool:
    """Whether these checks are about a rule of this mode."""
    if checks[0] == "check_differences":  # forward mode; reverse mode is compared with it
        return "push" in at
    if checks[0] in ("check_batched_derivatives", "check_staging"):  # reverse mode alone
        return "pull" in at
    return True


@pytest.mark.filterwarnings("ignore::functrans.core.errors.DegenerateWarning")
@pytest.mark.parametrize("number", range(0, len(names()), 10))
def test_every_rule_has_its_rows(number: int) -> None:
    found = {}
    for name in names()[number : number + 10]:
        missing = gaps(REGISTRY[name], cases_of(REGISTRY[name].call))
        if missing:
            found[name] = missing
    assert found == {}


def accepts_complex(case: Case) -> bool:
    args = [
        np.asarray(x, complex)[()] if is_inexact(dtype_of(x)) else x
        for x in case.sample.args
        if hasattr(x, "dtype")
    ]
    primitive = case.primitive
    if primitive is None or len(args) != len(case.sample.args):
        return False
    with np.errstate(all="ignore"):
        try:
            primitive.impl(*args, **case.sample.params)
        except (TypeError, ValueError, ComplexWarning):
            return False
    return True


# Operands that NumPy lets be complex but that mean real numbers, and primitives whose rows are
# those of the primitive that they serve.
REAL = {
    "relu": {0},
    "softplus": {0},
    "normal_cdf": {0},
    "binary_cross_entropy": {0, 1},
    "unsettled": {1},
    "make_complex": {0, 1},
    "watched": {1},
    "settled": {1},
    "with_limit": {2},
    "zero_at_zero": {0},
    "pinv": {1},
    "tie_mean": {1},
    "share": {0, 1},
    "share2": {0, 1},
    "told_apart": {0, 1},
    "shifted_rates": {1, 4},
    "known_eigh": {0, 1, 2},
    "known_svd": {0, 1, 2, 3},
}


@pytest.mark.parametrize("name", [n for n in names() if REGISTRY[n].differentiable])
def test_complex_operands_have_rows(name: str) -> None:
    """A dropped conjugate shows only in complex samples: where they are possible, each operand has
    one."""
    cases = [c for c in cases_of(REGISTRY[name].call) if c.active]
    complex_operands = {
        c.operand(i) for c in cases for i in c.active if dtype_of(c.leaves[i]).kind == "c"
    }
    real_operands = {
        c.operand(i) for c in cases for i in c.active if dtype_of(c.leaves[i]).kind == "f"
    }
    if any(map(accepts_complex, cases)):
        assert real_operands - REAL.get(name, set()) <= complex_operands


def test_a_gap_is_found() -> None:
    multiply = REGISTRY["multiply"]
    cases = [c for c in cases_of(multiply.call) if c.sample.label in ("empty", "integers")]
    assert "pushes+pulls[0] in check_second" in gaps(multiply, cases)
