"""The package as others get it: one version, and a wheel with the rule book inside functrans."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from functrans._version import __version__
from tests.modules import ROOT, module_files


def test_version_is_stated_once() -> None:
    """pyproject.toml and functrans/_version.py agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__


@pytest.mark.slow
def test_wheel_holds_every_module_and_nothing_else(tmp_path: Path) -> None:
    """Each module is in the wheel under its import name, and only `functrans` is at its top."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, source)
    for name in ("functrans", "primitives"):
        shutil.copytree(ROOT / name, source / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(source)],
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {"functrans/py.typed", "functrans/primitives/README.md"}
    for module, path in module_files().items():
        is_package = path.name == "__init__.py"
        expected.add(module.replace(".", "/") + ("/__init__.py" if is_package else ".py"))
    info = f"functrans-{__version__}.dist-info"
    assert {name for name in names if not name.startswith(f"{info}/")} == expected
    assert f"{info}/licenses/LICENSE" in names
