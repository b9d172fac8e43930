"""The errors of calls that SciPy refuses too: SciPy's own, found as those of NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.numpy.mistakes import telling

if TYPE_CHECKING:
    from types import ModuleType


def told(package: str, names: dict[str, Any], theirs: ModuleType) -> dict[str, Any]:
    """Those functions of a namespace that are written in `package`, with the errors of SciPy's
    functions of their names."""
    return {
        name: telling(own, getattr(theirs, name))
        for name, own in names.items()
        if getattr(own, "__module__", "").startswith(package)
        and not name.startswith("_")
        and hasattr(own, "__code__")
        and not hasattr(own, "reason")  # one without a rule, which is SciPy's already
        and hasattr(theirs, name)
    }
