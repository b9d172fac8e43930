"""README and documentation hold: code runs and prints what they show, links lead somewhere.

A ``text`` block right behind a ``python`` block is what that code prints, or the error with which
it ends (a warning counts as one).
"""

from __future__ import annotations

import contextlib
import io
import linecache
import re
import warnings
from pathlib import Path

import pytest

from functrans.core import errors
from functrans.core.errors import FunctransError

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "primitives" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```)?", re.MULTILINE | re.DOTALL
)
ERROR = re.compile(r"(\w+(?:Error|Warning)): (.*)", re.DOTALL)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def unwrapped(text: str) -> str:
    """A message on one line; the pages wrap it."""
    return " ".join(text.split())


def run_page(text: str, name: str) -> None:
    """Run all Python blocks of a page, in one namespace, and compare what they show."""
    namespace: dict[str, object] = {"__name__": "docs"}
    for block in BLOCK.finditer(text):
        code, shown = block["code"], block["shown"]
        error = ERROR.match(shown or "")
        if error:  # the page shows messages with the lines of the block, as of a script of its own
            with pytest.raises(Exception) as caught, warnings.catch_warnings():
                warnings.simplefilter("error")
                # Messages quote the source, which Python looks up here.
                lines = code.splitlines(keepends=True)
                linecache.cache["script.py"] = len(code), None, lines, "script.py"
                exec(compile(code, "script.py", "exec"), namespace)
            assert type(caught.value).__name__ == error[1]
            assert str(caught.value) == unwrapped(error[2])
            continue
        line = text.count("\n", 0, block.start()) + 1
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * line + code, name, "exec"), namespace)
        if shown is not None:
            assert printed.getvalue().splitlines() == shown.splitlines()


@each_page
def test_blocks_run(page: Path) -> None:
    run_page(page.read_text(encoding="utf-8"), str(page))


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize(
    "page",
    [
        "```python\nprint(1)\n```\n\n```text\n2\n```\n",
        "```python\nraise ValueError('a')\n```\n\n```text\nValueError: b\n```\n",
        "```python\nraise ValueError('a')\n```\n\n```text\nTypeError: a\n```\n",
        "```python\npass\n```\n\n```text\nTypeError: a\n```\n",
        "```python\nassert False\n```\n",
    ],
)
def test_a_wrong_page_is_found(page: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run_page(page, "page")


def test_the_catalogue_of_errors_is_complete() -> None:
    """Each error class has a section that shows it raised, and then a cure."""
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    defined = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, FunctransError | Warning)
        if value is not FunctransError
    ]
    assert len(defined) > 5
    for error in defined:
        blocks = list(BLOCK.finditer(sections[error.__name__]))
        shown = [found[1] for b in blocks if (found := ERROR.match(b["shown"] or ""))]
        assert error.__name__ in shown, error.__name__
        assert len(blocks) > len(shown), f"{error.__name__} has no cure"


def test_the_stated_sizes_are_about_right() -> None:
    """The lines of code that docs/architecture.md states, within a fifth."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    stated = re.findall(r"^\| `([\w/]+)` \| (\d+) \|", text, re.MULTILINE)
    assert len(stated) >= 9
    for folder, lines in stated:
        files = sorted((ROOT / folder).rglob("*.py"))
        found = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
        assert found == pytest.approx(int(lines), rel=0.2), folder
