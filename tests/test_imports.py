"""Imports point down only, and `import functrans` loads its declared dependencies only."""

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.modules import ROOT, module_files

# From the lowest to the highest. A module may import its own layer and those below.
# `functrans` itself (its __init__.py) is above them all: it may import any, none may import it.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("core", "_version"),
    ("primitives",),
    ("graph",),
    ("transforms",),
    ("compile",),
    ("control",),
    ("numpy", "scipy", "random"),
    ("nn", "optim"),
    ("extend", "testing", "debug"),
    ("torch",),
    ("torchvision",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imported_modules(tree: ast.Module, package: str) -> Iterator[tuple[int, str, str | None]]:
    """Yield (line, module, name taken from it or None) for each import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, None
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                kept = parents[: len(parents) - node.level + 1]
                base = ".".join([*kept, base] if base else kept)
            for alias in node.names:
                yield node.lineno, base, alias.name
        elif isinstance(node, ast.Call) and node.args:
            called = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
            )
            target = node.args[0]
            if called in ("import_module", "__import__") and isinstance(target, ast.Constant):
                yield node.lineno, str(target.value), None


def violations(module: str, source: str, is_package: bool = False) -> list[str]:
    """Return what `module` imports against the rule, one readable line each."""
    own = module.split(".")[1]
    if own not in RANK:
        return [f"{module} has no place in LAYERS of tests/test_imports.py"]
    package = module if is_package else module.rpartition(".")[0]
    problems = []
    for line, target, name in imported_modules(ast.parse(source), package):
        if target.split(".")[0] == "primitives":
            problems.append(f"{module}:{line} imports primitives; its name is functrans.primitives")
        if target.split(".")[0] != "functrans":
            continue
        below = target.split(".")[1:] or ([name] if name in RANK else [])
        if not below:
            problems.append(f"{module}:{line} imports from functrans itself, which is above it")
        elif below[0] not in RANK:
            problems.append(f"{module}:{line} imports {target}, which has no place in LAYERS")
        elif RANK[below[0]] > RANK[own]:
            problems.append(
                f"{module}:{line} imports functrans.{below[0]}, which is above functrans.{own}"
            )
    return problems


def test_imports_point_down() -> None:
    """No module imports from a layer above its own, and every module has a layer."""
    files = module_files()
    assert any(name.startswith("functrans.core.") for name in files)
    assert any(name.startswith("functrans.primitives.") for name in files)
    problems = []
    for module, path in files.items():
        if module != "functrans":
            source = path.read_text(encoding="utf-8")
            problems += violations(module, source, is_package=path.name == "__init__.py")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("functrans.core.tree", "from functrans.primitives import arithmetic"),
        ("functrans.core.tree", "import functrans.primitives.arithmetic as a"),
        ("functrans.core.tree", "from functrans import primitives"),
        ("functrans.core.tree", "from functrans import grad"),
        ("functrans.core.tree", "from .. import grad"),
        ("functrans.core.tree", "import functrans"),
        ("functrans.core.tree", "from ..primitives import shape"),
        ("functrans.core.tree", "def f():\n    from functrans.transforms import reverse"),
        ("functrans.core.tree", "importlib.import_module('functrans.numpy')"),
        ("functrans.core.tree", "from functrans.newfolder import x"),
        ("functrans.primitives.shape", "from functrans.graph import Graph"),
        ("functrans.primitives.shape", "import primitives.shape"),
        ("functrans.graph.passes", "from functrans.transforms.staging import make_graph"),
        ("functrans.transforms.reverse", "from functrans.compile import compile_graph"),
        ("functrans.compile.llvm.types", "from ...control import scan"),
        ("functrans.control.scan", "import functrans.numpy as fnp"),
        ("functrans.nn", "from functrans.torch import Tensor"),
        ("functrans.newfolder.x", "import math"),
    ],
)
def test_upward_import_is_found(module: str, source: str) -> None:
    """The check rejects each form that an upward import can take."""
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("functrans.core.tree", "from functrans.core.errors import TreeError\nimport numpy as np"),
        ("functrans.core.tree", "from . import errors\nfrom .errors import TreeError"),
        (
            "functrans.primitives.shape",
            "from functrans.core import kinds\nfrom .arithmetic import add",
        ),
        ("functrans.transforms.staging", "from functrans.graph import Graph"),
        ("functrans.nn", "import functrans.numpy as fnp\nfrom functrans import random"),
        ("functrans.torch.nn", "from ..nn import relu\nfrom functrans.testing import check_grads"),
    ],
)
def test_downward_import_is_accepted(module: str, source: str) -> None:
    """The check lets through what the layers allow."""
    assert violations(module, source) == []


def test_relative_import_in_package_init() -> None:
    """In an __init__.py one dot is the package itself, not its parent."""
    assert violations("functrans.core", "from .tree import flatten", is_package=True) == []
    assert len(violations("functrans.core", "from .. import grad", is_package=True)) == 1


def test_import_loads_only_declared_dependencies() -> None:
    """`import functrans` loads the standard library, NumPy and typing_extensions, no more."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        # What NumPy's own parts load is NumPy's business.
        "import numpy, numpy.fft, numpy.linalg, numpy.random, typing_extensions\n"
        "before = set(sys.modules)\n"
        "import functrans\n"
        "assert 'functrans.primitives' in sys.modules, 'the rule book was not loaded'\n"
        "assert 'primitives' not in sys.modules, 'the rule book was loaded under a second name'\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - sys.stdlib_module_names - {'functrans', 'numpy'}))\n"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_jit_loads_no_loops() -> None:
    """A jitted function without loops and branches loads no control flow; what needs some finds
    it: its functions, graphs in files, names of primitives."""
    program = (
        "import sys, pickle, numpy as np, functrans as ft\n"
        "assert ft.jit(ft.grad(lambda x: np.sin(x) * x), backend='numpy')(1.0) > 1.0\n"
        "print(*sorted(x for x in sys.modules if x.startswith('functrans.control.')))\n"
        "from functrans.core.primitive import HOMES, REGISTRY, lookup\n"
        "assert 'cond' not in REGISTRY and lookup('cond').name == 'cond'\n"
        "assert all(lookup(x).call.__module__ == HOMES[x] for x in HOMES if x != 'scan')\n"
        "assert 'scan' not in REGISTRY\n"
        "try:\n"
        "    ft.extend.elementwise('scan', np.sin, np.cos, samples=None)\n"
        "except ft.errors.RegistrationError as error:\n"
        "    assert 'registered already' in str(error)\n"
        "else:\n"
        "    raise AssertionError\n"
        "from functrans.control import scan, checkpoint_policies, map as mapped\n"
        "assert scan is ft.scan and mapped is ft.map and 'scan' in REGISTRY\n"
        "assert checkpoint_policies is ft.checkpoint_policies\n"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    loaded = {name.removeprefix("functrans.control.") for name in result.stdout.split()}
    assert "jit" in loaded
    assert not loaded & {"associative", "call", "conditional", "cond_primitive", "late", "recorded"}
    assert not [name for name in loaded if name.startswith(("rolled", "scan", "while", "repet"))]
