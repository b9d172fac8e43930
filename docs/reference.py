"""Write docs/reference.md from the docstrings: ``python docs/reference.py``.

The page lists every public name with its signature and the first sentence of its docstring. A test
compares it with what this makes, so that the page is right and no public name comes or goes unseen.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import GenericAlias, ModuleType
from typing import Any

PAGE = Path(__file__).with_name("reference.md")

MODULES = {
    "functrans": "The transforms.",
    "functrans.numpy": "NumPy's namespace. Its own functions, and those that NumPy does not have:",
    "functrans.nn": "The mathematics of neural networks, with the names and options of PyTorch.",
    "functrans.nn.init": "First values of parameters.",
    "functrans.optim": "Optimisers and schedules as pure functions.",
    "functrans.optim.steps": "Their mathematics for a single array.",
    "functrans.control": "Staged control flow; every name is one of `functrans` too.",
    "functrans.debug": "Looking into transformed functions: see [seeing](seeing.md).",
    "functrans.random": "Random numbers as functions of explicit keys: see [its page](random.md).",
    "functrans.tree": "Pytrees: nested containers of arrays.",
    "functrans.testing": "Checks of derivatives and of rules, for tests.",
    "functrans.extend": "What new primitives are made of: see [extending](extending.md).",
}

HEAD = """# Reference

Every public name, with the first sentence of its documentation; `help(functrans.grad)` shows all of
it. A name that is not here may change without notice.

<!-- Written by docs/reference.py. -->
"""


def module_of(name: str) -> ModuleType:
    """Return a public module, which may lie elsewhere in the package."""
    package, _, attribute = name.partition(".")
    found = importlib.import_module(package)
    if not attribute:
        return found
    return getattr(found, attribute, None) or importlib.import_module(name)


def public_names(module: ModuleType) -> list[str]:
    """Return the names that a module offers: `__all__`, or what it defines and re-exports.

    A name is re-exported if it is imported as itself (``from a import b as b``).
    """
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    assert module.__file__ is not None
    body = ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body
    found = {name for node in body for name in _offered(node)}
    return sorted(name for name in found if not name.startswith("_"))


def _offered(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname for alias in node.names if alias.asname == alias.name)
    elif isinstance(node, ast.If):  # what is loaded when it is used, for type checkers
        for inner in node.body:
            yield from _offered(inner)


def listed(module: ModuleType) -> dict[str, Any]:
    """Return the objects of a module that have a line of their own on the page."""
    objects = {name: getattr(module, name) for name in public_names(module)}
    return {name: x for name, x in objects.items() if not inspect.ismodule(x)}


def first_sentence(text: str) -> str:
    """Return the first sentence of a docstring as Markdown."""
    sentence = " ".join(re.split(r"\.\s|\n\n", text, maxsplit=1)[0].split()).rstrip(".:")
    sentence = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", sentence)
    return sentence.replace("``", "`").replace("|", r"\|")


def signature(x: object) -> str:
    """Return the signature without annotations, empty where there is none."""
    if not callable(x):
        return ""
    try:
        found = inspect.signature(x)
    except (TypeError, ValueError):
        return ""
    parameters = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    return str(found.replace(parameters=parameters, return_annotation=found.empty))


def line(name: str, x: Any) -> str:
    """Return the line of one name."""
    if isinstance(x, GenericAlias):
        return f"| `{name}` | The type of the paths of leaves |"
    if getattr(x, "__name__", name) != name:
        return f"| `{name}` | The same as `{x.__name__}` |"
    return f"| `{name}{signature(x)}` | {first_sentence(inspect.getdoc(x) or '')} |"


def page() -> str:
    """Return the text of docs/reference.md."""
    parts = [HEAD]
    for name, what in MODULES.items():
        module = module_of(name)
        rows = [line(key, x) for key, x in listed(module).items()]
        parts.append("\n".join([f"## {name}\n", what, "", "| name | |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
