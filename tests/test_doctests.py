"""Every example in a docstring of functrans and of the rule book runs and prints what it says."""

import doctest
import importlib
from types import ModuleType

import pytest

from tests.modules import module_files

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
OPTIONAL = {"llvmlite", "scipy"}
WITH_SCIPY = {"functrans.torch.factorizations"}
"""Modules that load without SciPy and whose examples need it."""


def examples(module: ModuleType) -> list[doctest.DocTest]:
    """Return the doctests of `module` and of all that it defines.

    Objects count by their `__module__`. The finder's own rule looks at a function's globals and so
    would miss what is made in another file, as the functions of the primitives are.
    """
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(module, module.__name__)
    seen = {test.name for test in found}
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__ or not hasattr(value, "__name__"):
            continue
        tests = finder.find(value, f"{module.__name__}.{name}", module=False, globs=vars(module))
        found += [test for test in tests if test.name not in seen]
    return [test for test in found if test.examples]


def run(test: doctest.DocTest) -> str:
    """Run one doctest and return the report of its failures, empty if there is none."""
    report: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append)
    return "".join(report)


@pytest.mark.parametrize("name", module_files())
def test_docstring_examples(name: str) -> None:
    """The examples of one module print what they say."""
    if name in WITH_SCIPY:
        pytest.importorskip("scipy")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name in OPTIONAL:
            pytest.skip(f"{name} needs {error.name}")
        raise
    reports = [report for report in map(run, examples(module)) if report]
    assert not reports, "\n".join(reports)


def test_wrong_example_is_found() -> None:
    """A wrong example fails, also on a function whose globals are those of another file."""
    module = ModuleType("made_elsewhere")

    def function() -> None:
        """Claim something wrong.

        >>> 1 + 1
        3
        """

    function.__module__ = module.__name__
    vars(module)["function"] = function
    (test,) = examples(module)
    assert "Expected:\n    3\nGot:\n    2" in run(test)
