"""docs/scipy.md says what the rule book holds."""

import importlib.util
from pathlib import Path

import pytest

scipy = pytest.importorskip("scipy")
ROOT = Path(__file__).parent.parent


def test_the_page_is_up_to_date() -> None:
    """A rule, reason or function has changed: run ``python docs/scipy_functions.py`` and look."""
    if tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 17):
        pytest.skip("the page lists the functions of SciPy 1.17")
    spec = importlib.util.spec_from_file_location(
        "scipy_page", ROOT / "docs" / "scipy_functions.py"
    )
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert made.PAGE.read_text(encoding="utf-8") == made.page()
