"""The matrix of tests/test_matrix.py and the mutants of tests/test_mutants.py, of scipy.special.

The sweep of all its mutants takes a quarter of an hour: ``python -m tests.mutants special``. Here
every twentieth is tried, others of each primitive, in the slow tests; of those that integrate,
every hundredth.
"""

from __future__ import annotations

import pytest

from functrans.core.primitive import REGISTRY
from functrans.core.types import dtype_of
from functrans.testing.cases import cases_of
from tests.mutants import names
from tests.mutants.run import SOLVED
from tests.test_matrix import accepts_complex, gaps
from tests.test_mutants import survivors

pytest.importorskip("scipy.special")
pytest.importorskip("functrans.primitives.special")

EVERY = 20
INTEGRATED = {
    *("betainc_derivative", "betainc", "betaincc", "betaincinv", "betainccinv", "carlson", "gdtr"),
    *("gdtrc", "gammainc_by_shape", "gammainc", "gammaincc", "gammaincinv", "gammainccinv"),
    *("fdtr", "fdtrc", "fdtri", "fdtridfd", "stdtridf", "chdtri", "elliprf", "elliprj", "bdtrik"),
    *("bdtrin", "nbdtrik", "nbdtrin", "beta_density"),
}
NAMES = names(special=True)
QUICK = ["digamma", "erfcx", "jv", "kl_div", "itairy", "smirnov"]


@pytest.mark.parametrize("name", QUICK)
def test_some_rules_have_their_rows(name: str) -> None:
    assert gaps(REGISTRY[name], cases_of(REGISTRY[name].call)) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", range(0, len(NAMES), 10))
def test_every_rule_has_its_rows(number: int) -> None:
    """Of those that SciPy solves for the differences do not settle; see special_inverses.py."""
    found = {}
    for name in NAMES[number : number + 10]:
        missing = gaps(REGISTRY[name], cases_of(REGISTRY[name].call)) if name not in SOLVED else []
        if missing:
            found[name] = missing
    assert found == {}


# Operands that SciPy lets be complex, in a function that is not holomorphic.
NOT_HOLOMORPHIC = {"airye"}


@pytest.mark.parametrize("number", range(0, len(NAMES), 60))
def test_complex_operands_have_rows(number: int) -> None:
    without = []
    for name in NAMES[number : number + 60]:
        cases = [c for c in cases_of(REGISTRY[name].call) if c.active]
        kinds = {
            kind: {
                c.operand(i) for c in cases for i in c.active if dtype_of(c.leaves[i]).kind == kind
            }
            for kind in "fc"
        }
        possible = any(map(accepts_complex, cases)) and name not in NOT_HOLOMORPHIC
        if possible and not kinds["f"] <= kinds["c"]:
            without.append(name)
    assert without == []


@pytest.mark.parametrize("name", QUICK)
def test_some_mutants_are_killed(name: str) -> None:
    offset = NAMES.index(name)
    assert list(survivors(name, slice(offset % EVERY, None, EVERY))) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_mutants_is_killed(name: str) -> None:
    every = 5 * EVERY if name in INTEGRATED else EVERY
    assert list(survivors(name, slice(NAMES.index(name) % every, None, every))) == []
