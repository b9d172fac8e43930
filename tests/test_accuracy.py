"""docs/accuracy.md holds: no value and no derivative is further off than the page says."""

from __future__ import annotations

import importlib.util
import math
import re

import numpy as np
import pytest

from functrans.core.primitive import REGISTRY
from tests.modules import ROOT

spec = importlib.util.spec_from_file_location("accuracy", ROOT / "docs" / "accuracy.py")
assert spec is not None and spec.loader is not None
accuracy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(accuracy)

CLOSE = 4.0  # ulp that need no explanation


def stated() -> dict[str, list[str]]:
    """The bounds of each line of the page, by its label."""
    found = {}
    for line in accuracy.PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            label, *bounds = (cell.strip() for cell in line.strip("| ").split("|"))
            found[label] = bounds[:4]
    return found


STATED = stated()


def number(bound: str) -> float:
    """A bound of the page; enormous ones and gaps hold for everything."""
    return math.inf if bound == "–" or bound.startswith(">") else float(bound)


def elementwise() -> set[str]:
    return {
        name
        for name, primitive in REGISTRY.items()
        if primitive.kind in ("elementwise", "chooser")
        and primitive.samples is not None
        and primitive.call.__module__.startswith("functrans.primitives.")
        and ".special" not in primitive.call.__module__
        and not primitive.call.__module__.endswith(".distribution_functions")  # of scipy.stats
    }


def test_every_elementwise_primitive_has_a_row() -> None:
    """Give a new one its exact value and derivatives in docs/accuracy.py and run that."""
    assert elementwise() == set(accuracy.ROWS) | set(accuracy.NO_ROW)
    written = {re.match(r"`(\w+)`", label)[1] for label in STATED}  # type: ignore[index]
    assert written == set(accuracy.ROWS)


def test_what_is_less_accurate_is_explained() -> None:
    """Of values, those that are our own count: the others are NumPy's."""
    unexplained = {}
    for label, bounds in STATED.items():
        name = re.match(r"`(\w+)`", label)[1]  # type: ignore[index]
        own = not isinstance(REGISTRY[name].impl, np.ufunc)
        checked = bounds if own else bounds[1::2]
        far = any(number(b) > CLOSE for b in checked if b != "–")
        if far and name not in accuracy.REASONS:
            unexplained[label] = bounds
    assert unexplained == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", accuracy.ROWS)
def test_no_error_exceeds_its_bound(name: str) -> None:
    check(name)


@pytest.mark.parametrize("name", ["tanh", "expm1", "arctanh", "hypot"])
def test_no_error_of_some_exceeds_its_bound(name: str) -> None:
    check(name)


def check(name: str) -> None:
    for label, double, single in accuracy.cells(name):
        bounds = STATED[label]
        for measured, bound in zip((*double, *single), bounds, strict=False):
            assert measured.ulps <= 2 * number(bound) + 1, (label, measured, bound)


def test_an_error_is_measured() -> None:
    """A formula that cancels is far beyond every bound of the page."""
    exact = accuracy.sech2(accuracy.mp.mpf(20))
    assert accuracy.error(1 - np.tanh(20.0) ** 2, exact, np.float64) > 1e15
    assert accuracy.error(float(exact), exact, np.float64) <= 0.5
    assert accuracy.error(np.nan, exact, np.float64) == math.inf
    assert accuracy.error(0.0, accuracy.mp.mpf("1e-310"), np.float64) > 1e12
