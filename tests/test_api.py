"""The public interface: its names and signatures are those of the reference, all are explained,
and what has NumPy's name has NumPy's parameters."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.core.array import FUNCTIONS
from functrans.core.errors import RegistrationError
from tests.modules import ROOT

spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
assert spec is not None and spec.loader is not None
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)

DOCUMENTED = [
    pytest.param(x, id=f"{name}.{key}")
    for name in reference.MODULES
    for key, x in reference.listed(reference.module_of(name)).items()
    if inspect.isclass(x) or inspect.isroutine(x)
]


def test_the_reference_is_up_to_date() -> None:
    """A name, a signature or a summary has changed: run ``python docs/reference.py`` and look."""
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page()


@pytest.mark.parametrize("x", DOCUMENTED)
def test_every_public_name_has_an_example(x: Any) -> None:
    text = inspect.getdoc(x) or ""
    assert text.splitlines()[0].endswith((".", ",", ":")) or "\n" in text
    _, heading, examples = text.partition("Examples\n--------\n")
    assert heading, "its docstring has no section of examples"
    assert ">>> " in examples


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def takes_everything(ours: list[inspect.Parameter]) -> bool:
    return {p.kind for p in ours} >= {
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    }


def is_sentinel(default: object) -> bool:
    """Whether a default says "not given" and has no meaning of its own."""
    return default is np._NoValue or type(default) is object


NOT_TAKEN = {("array", "ndmax"), ("corrcoef", "bias"), ("corrcoef", "ddof")}
NOT_TAKEN |= {
    (name + how, "interpolation") for name in ("", "nan") for how in ("quantile", "percentile")
}
"""Parameters that we have no use for: `ndmax` is about arrays of objects, and the others are gone
from younger versions of NumPy, after years of warnings."""

STANDARD_NAMES = {"clip"}
"""Functions whose parameters have the names of the array API standard (tests/test_array_api.py)."""


def differences(
    theirs: list[inspect.Parameter], ours: list[inspect.Parameter], name: str = ""
) -> list[str]:
    """What a call of NumPy's function could do that ours cannot."""
    own = {p.name: p for p in ours}
    keywords = any(p.kind is p.VAR_KEYWORD for p in ours)
    found = []
    for p in theirs:
        mine = own.get(p.name)
        if mine is None:
            if (name, p.name) not in NOT_TAKEN and not (keywords and p.kind is p.KEYWORD_ONLY):
                found.append(f"{p.name} is missing")
            continue
        if mine.kind is not p.kind and p.kind is not p.POSITIONAL_ONLY:
            found.append(f"{p.name} is {mine.kind.description}, not {p.kind.description}")
        defaults = p.default, mine.default
        if p.default is p.empty or any(map(is_sentinel, defaults)):
            continue
        if repr(p.default) != repr(mine.default):
            found.append(f"{p.name} has the default {mine.default!r}, not {p.default!r}")
    names = [p.name for p in theirs if p.kind is not p.KEYWORD_ONLY]
    order = [p.name for p in ours if p.name in names]
    if order != [name for name in names if name in own]:
        found.append(f"the order is {order}, not {names}")
    return found


PAIRS = [pytest.param(f, g, id=f"{f.__module__}.{f.__name__}") for f, g in FUNCTIONS.items()] + [
    pytest.param(getattr(np, name), getattr(fnp, name), id=f"functrans.numpy.{name}")
    for name in sorted(np.__all__)  # NumPy builds it from sets, and workers must agree on the order
    if callable(getattr(np, name))
    and getattr(fnp, name, None) is not getattr(np, name)
    and name not in STANDARD_NAMES
]


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_parameters_are_numpys(theirs: Any, ours: Any) -> None:
    wanted, given = parameters(theirs), parameters(ours)
    if wanted is None:
        pytest.skip("NumPy does not tell its signature")
    if theirs is np.reshape and [p.name for p in wanted] == ["a", "newshape", "order"]:
        pytest.skip("NumPy 2.0 says newshape where we say shape, and take newshape by keyword")
    assert given is not None
    if not takes_everything(given):
        assert differences(wanted, given, theirs.__name__) == []


def test_differences_are_found() -> None:
    def theirs(a: Any, axis: Any = None, *, keepdims: Any = False) -> None: ...
    def ours(axis: Any, a: Any = 0, keepdims: Any = False) -> None: ...
    def fewer(a: Any) -> None: ...

    wanted, given, short = map(parameters, (theirs, ours, fewer))
    assert wanted is not None and given is not None and short is not None
    assert differences(wanted, wanted) == []
    assert len(differences(wanted, short)) == 2
    assert len(differences(wanted, given)) == 3


def test_a_function_is_implemented_once() -> None:
    with pytest.raises(RegistrationError, match="numpy.sum has an implementation"):
        ft.extend.implements(np.sum)(lambda x: x)
