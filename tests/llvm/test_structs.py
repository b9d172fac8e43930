"""Layouts of objects are found out, and where one is not as expected native code reads none."""

import ctypes
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from functrans.compile.llvm.calling import structs


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    structs.layouts.cache_clear()
    yield
    structs.layouts.cache_clear()


def test_layouts_of_this_python() -> None:
    """Fields hold what they should; this Python has them all."""
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        pytest.skip("no layouts here")
    found = structs.layouts()
    assert found is not None
    x = np.zeros((3, 4), np.float32)
    where = id(x)
    assert ctypes.c_size_t.from_address(where + found.type).value == id(np.ndarray)
    assert ctypes.c_size_t.from_address(where + found.array_data).value == x.ctypes.data
    assert ctypes.c_int.from_address(where + found.array_ndim).value == 2
    assert ctypes.c_size_t.from_address(where + found.array_descr).value == id(x.dtype)
    number = np.float64(2.5)
    assert ctypes.c_double.from_address(id(number) + found.values["d"]).value == 2.5


def test_a_field_must_be_in_one_place() -> None:
    """Neither none nor two places will do."""
    with pytest.raises(structs.LayoutError, match="lie at"):
        structs.field([1.5], [np.float64(2.5).tobytes()], 0, 24)
    pair = [1.5 + 1.5j]
    with pytest.raises(structs.LayoutError, match="lie at"):
        structs.field(pair, [np.float64(1.5).tobytes()], 0, complex.__basicsize__)
    with pytest.raises(structs.LayoutError, match="pointed to"):
        structs.pointed([np.zeros((3, 4))], [b"no such shape..."], 16, np.ndarray.__basicsize__)


def _moved(*_: Any) -> Any:
    raise structs.LayoutError("elsewhere")


@pytest.mark.parametrize(
    "name", ["_array_fields", "_number_fields", "_container_fields", "_scalars", "_table"]
)
def test_a_failing_probe_turns_native_reading_off(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(structs, name, _moved)
    assert structs.layouts() is None


def test_other_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    """A free-threaded Python has no layouts, nor has another implementation."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
        assert structs.layouts() is None
    with monkeypatch.context() as patch:
        patch.setattr(structs, "PYTHON_FUNCTIONS", ("PyNobody_Knows",))
        assert structs.layouts() is None
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    assert structs.layouts() is None
