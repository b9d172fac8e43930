"""Write docs/coverage.md from the table of the tests: ``python docs/coverage.py``.

The table is ``tests/coverage``. ``tests/test_coverage.py`` runs its calls and compares the page
with what this makes.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.coverage import NAMESPACES
from tests.coverage.rows import Namespace, Row

PAGE = Path(__file__).with_name("coverage.md")

HEAD = """# Coverage of NumPy

What becomes of every public name of NumPy inside a transformed function, from plain calls:

* **works**: under `grad`, `jvp`, `vjp`, `vmap` and staging (`make_graph`), in any nesting.
* **zero**: the same, and the derivative is zero by mathematics wherever there is one; the reason is
  given.
* **apart**: no array of numbers goes in, or none comes out; there is nothing to differentiate.
* **refused**: an error that gives the reason and says what to write instead.

"By value" marks results whose shape or dtype depends on the values of elements: they are
differentiated, but `vmap` and staging, which do not know these, refuse them. "Calls" is the number
of calls with their options that the tests run: each is compared with NumPy's value, its derivatives
of first and second order with differences, its batch with a loop and its graph with the call.

NumPy hands over where it looks for traced arrays: `np.pad(x, 1, constant_values=y)` looks at `x`
only, and so does a method of a plain array (`a.dot(y)`); where only `y` is traced,
`functrans.numpy` has the function.

<!-- Written by docs/coverage.py from tests/coverage. -->
"""


def line(name: str, row: Row) -> str:
    """Return the line of one name."""
    if row.status == "same":
        return f"| `{name}` | | | the same as `{row.reason}` |"
    notes = [row.reason] if row.reason else []
    if row.by_value:
        notes.append("by value in some calls" if row.calls else "by value")
    calls = len(row.calls) + len(row.by_value)
    return f"| `{name}` | {row.status} | {calls or ''} | {'; '.join(notes)} |"


def section(namespace: Namespace) -> str:
    """Return the table of one namespace."""
    names = sorted(namespace.rows, key=lambda name: (name.strip("_").lower(), name))
    note = [namespace.note + "\n"] if namespace.note else []
    head = [f"## {namespace.title}\n", *note, "| name | | calls | |", "|---|---|---:|---|"]
    return "\n".join([*head, *(line(name, namespace.rows[name]) for name in names), ""])


def summary() -> str:
    """Return the numbers of names and calls."""
    rows = [
        "| namespace | works | zero | apart | refused | calls |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for namespace in NAMESPACES:
        count = Counter(row.status for row in namespace.rows.values())
        calls = sum(len(row.calls) + len(row.by_value) for row in namespace.rows.values())
        numbers = [count[status] for status in ("works", "zero", "apart", "refused")] + [calls]
        rows.append(f"| {namespace.title} | {' | '.join(map(str, numbers))} |")
    return "\n".join([*rows, ""])


def page() -> str:
    """Return the text of docs/coverage.md."""
    return "\n".join([HEAD, summary(), *map(section, NAMESPACES)])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
