"""docs/accuracy-special.md holds: no derivative of scipy.special is further off than it says."""

from __future__ import annotations

import importlib
import math
import re
import sys

import pytest

from tests.modules import ROOT

pytest.importorskip("scipy.special")
sys.path.append(str(ROOT / "docs"))  # its modules import each other; last, so they hide nothing
accuracy = importlib.import_module("accuracy_special")
sys.path.pop()


def number(bound: str) -> float:
    """A bound of the page; enormous ones hold for everything."""
    return math.inf if bound.startswith(">") else 0.0 if bound == "–" else float(bound)


STATED: dict[str, list[float]] = {}
for _line in accuracy.PAGE.read_text(encoding="utf-8").splitlines():
    if _line.startswith("| `"):
        _label, _value, _slope, _at = (cell.strip() for cell in _line.strip("| ").split("|"))
        STATED[_label] = [number(_value), number(_slope)]


def test_every_function_with_a_rule_has_a_row() -> None:
    """Give a new one its exact value in docs/special_points.py, run docs/accuracy_special.py."""
    assert accuracy.with_rules() == {n.partition("[")[0] for n in accuracy.ROWS} | set(
        accuracy.NO_ROW
    )
    written = {re.match(r"`([^`]+)`", label)[1] for label in STATED}  # type: ignore[index]
    assert written == set(accuracy.ROWS)


def test_what_is_less_accurate_is_explained() -> None:
    unexplained = {
        label: bounds
        for label, bounds in STATED.items()
        if bounds[1] > max(accuracy.FAR, 2 * bounds[0])
        and re.match(r"`([^`]+)`", label)[1] not in accuracy.REASONS  # type: ignore[index]
    }
    assert unexplained == {}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(0, len(accuracy.ROWS), 20))
def test_no_error_exceeds_its_bound(number: int) -> None:
    for name in list(accuracy.ROWS)[number : number + 20]:
        check(name)


@pytest.mark.parametrize("name", ["k1", "digamma", "spence", "gammaincinv", "ellipj[0]"])
def test_no_error_of_some_exceeds_its_bound(name: str) -> None:
    check(name)


def check(name: str) -> None:
    for label, value, slope in accuracy.lines(name):
        bounds = STATED[label]
        for found, bound in zip((value, slope.ulps), bounds, strict=True):
            assert math.isnan(found) or found <= 2 * bound + 1, (label, found, bound)


def test_a_wrong_derivative_is_measured() -> None:
    """The neighbours of k1, of which SciPy's kv(2, x) is 0 from 698 on."""
    from functrans.core.primitive import REGISTRY

    record = REGISTRY["k1"]
    rules = record.pushes, record.pulls
    try:
        record.pushes, record.pulls = REGISTRY["k0"].pushes, REGISTRY["k0"].pulls
        assert accuracy.measure("k1")[0].ulps > 1e14
    finally:
        record.pushes, record.pulls = rules
