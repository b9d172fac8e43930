"""Where the modules of functrans lie, for the tests that look at all of them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"functrans": ROOT / "functrans", "functrans.primitives": ROOT / "primitives"}


def module_files() -> dict[str, Path]:
    """Return the file of every module of functrans by its dotted name, the rule book included."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found[".".join((package, *parts))] = path
    return found
