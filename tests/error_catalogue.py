"""The page docs/messages.md: what every row of the snapshots says, by class of error.

``python -m tests.error_catalogue`` writes it anew; tests/test_errors.py compares.
"""

from __future__ import annotations

import re
import sys
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests import (
    error_snapshots,
    error_snapshots_arguments,
    error_snapshots_beginners,
    error_snapshots_control,
    error_snapshots_declared,
    error_snapshots_graphs,
    error_snapshots_numpy,
    error_snapshots_optim,
    error_snapshots_random,
    error_snapshots_seeing,
    error_snapshots_torch,
    error_snapshots_values,
)

PAGE = Path(__file__).parent.parent / "docs" / "messages.md"

MODULES = (
    error_snapshots,
    error_snapshots_arguments,
    error_snapshots_beginners,
    error_snapshots_control,
    error_snapshots_declared,
    error_snapshots_graphs,
    error_snapshots_numpy,
    error_snapshots_optim,
    error_snapshots_random,
    error_snapshots_seeing,
    error_snapshots_torch,
    error_snapshots_values,
)

SNAPSHOTS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    f"{name}, {module.__name__.rpartition('_')[2]}": row
    for module in MODULES
    for name, row in module.SNAPSHOTS.items()
}

HEAD = """\
# Messages

Every error that functrans raises on purpose, by class, as a program that makes the mistake gets
it. LINE stands for the file, line and function. What each class means, and the cures with
programs, are under [errors](errors.md).

This page is written by `python -m tests.error_catalogue` with Python 3.11 and NumPy 2.4, and the
tests compare it with what is raised.
"""


def shown(message: str) -> str:
    """A message without what differs between machines: paths, lines and addresses."""
    message = re.sub(r"[^\s(]*\.py:\d+ in (<\w+>|\w+)", "LINE", message)
    message = re.sub(r" \([^\s()]*\.py:\d+\)", "", message)
    return re.sub(r" at 0x[0-9a-f]+", "", message)


def versions() -> str:
    """Python's and NumPy's, of whose messages some quote parts."""
    numpy = np.lib.NumpyVersion(np.__version__)
    python = ".".join(map(str, sys.version_info[:2]))
    return f"Python {python} and NumPy {numpy.major}.{numpy.minor}"


def catalogue() -> str:
    """The page."""
    found: dict[str, list[str]] = {}
    for name, (call, kind, _) in SNAPSHOTS.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call()
        except kind as error:
            text = textwrap.fill(
                shown(str(error)),
                114,
                initial_indent="    ",
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
            title = name.rpartition(", ")[0]
            found.setdefault(type(error).__name__, []).append(f"{title}\n{text}")
    sections = [
        f"\n## {kind}\n\n```text\n" + "\n".join(found[kind]) + "\n```\n" for kind in sorted(found)
    ]
    return HEAD + "".join(sections)


if __name__ == "__main__":
    PAGE.write_text(catalogue(), encoding="utf-8")
