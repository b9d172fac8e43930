"""The table of lowerings is that of the files it names."""

import subprocess
import sys
from importlib import import_module

import pytest

pytest.importorskip("llvmlite")

from functrans.compile.llvm.calls import FILES


@pytest.mark.parametrize("file", FILES)
def test_names(file: str) -> None:
    module = import_module(f"functrans.compile.llvm.{file}")
    assert sorted(module.LOWERINGS) == sorted(FILES[file])


def test_files_that_no_operation_asks_for_are_not_imported() -> None:
    code = f"""
import sys
import numpy as np, functrans as ft
ft.jit(ft.grad(lambda x: np.sum(np.tanh(x) * 2.0)), backend="llvm")(np.arange(5.0))
imported = [file for file in {list(FILES)} if f"functrans.compile.llvm.{{file}}" in sys.modules]
assert not imported, imported
"""
    subprocess.run([sys.executable, "-c", code], check=True)
