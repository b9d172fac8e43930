"""SciPy's array-API functions on traced arrays: every call of docs/array-api.md, in one process.

SciPy reads ``SCIPY_ARRAY_API`` when it is loaded, so the calls are made in a process of their own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from functrans.core.errors import RegistrationError
from tests.modules import ROOT

pytest.importorskip("scipy", minversion="1.17", reason="the calls of the page are those of 1.17")

spec = importlib.util.spec_from_file_location("array_api", ROOT / "docs" / "array_api.py")
assert spec is not None and spec.loader is not None
array_api = importlib.util.module_from_spec(spec)
spec.loader.exec_module(array_api)

CALLS = list(array_api.calls())


def run(*arguments: str) -> str:
    """What Python prints in a process with SciPy's array-API mode."""
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_page_is_up_to_date() -> None:
    """The table has changed: run ``python docs/array_api.py``."""
    assert array_api.PAGE.read_text(encoding="utf-8") == array_api.page()


@pytest.fixture(scope="session")
def outcomes() -> dict[str, dict[str, str]]:
    """What went wrong with each call, under each transform."""
    found: dict[str, dict[str, str]] = json.loads(run("-m", "tests.scipy_array_api"))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("call", "arguments", "transforms"), CALLS, ids=[c for c, _, _ in CALLS])
def test_call(
    outcomes: dict[str, dict[str, str]], call: str, arguments: str, transforms: str
) -> None:
    """Values and derivatives are right, and the page says which other transforms work."""
    outcome = outcomes[call]
    assert not outcome.get("plain")
    assert not outcome["grad"]
    works = [name for name in ("vmap", "make_graph") if not outcome[name]]
    assert works == transforms.split()


def test_arrays_are_mixed() -> None:
    """Traced and plain arrays go together, also the special functions, and plain ones stay."""
    program = """
import numpy as np, functrans as ft, functrans.numpy as fnp, functrans.scipy
import scipy.special as sp
from scipy.integrate import trapezoid
from scipy._lib._array_api import array_namespace, np_compat
data = np.array([1.0, 2.0, 4.0])
alone = []
ft.grad(lambda x: alone.append(array_namespace(x)) or np.sum(x))(data)
assert alone == [fnp]
functrans.scipy.enable_array_api()
functrans.scipy.enable_array_api()
seen = []
def f(x):
    seen.append(array_namespace(x, data, 1.0, [1.0]))
    return trapezoid(x, data) + np.sum(sp.xlogy(data, x) + sp.gammaln(x))
gradient = ft.grad(f)(np.array([1.0, 3.0, 2.0]))
assert seen == [fnp] and np.isfinite(gradient).all()
assert array_namespace(data) is np_compat
assert fnp.special.gammaln is sp.gammaln.__wrapped__ is functrans.scipy.special.gammaln
assert sp.gammaln(data) is not None
print("right")
"""
    assert run("-c", program) == "right\n"


def test_the_mode_must_be_on() -> None:
    from scipy._lib import _array_api

    import functrans.scipy

    if _array_api.SCIPY_ARRAY_API:
        pytest.skip("it is on in this process")
    with pytest.raises(RegistrationError, match="SCIPY_ARRAY_API=1"):
        functrans.scipy.enable_array_api()


def test_an_unknown_version(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy._lib import array_api_compat

    import functrans.scipy

    monkeypatch.delattr(array_api_compat, "array_namespace")
    with pytest.raises(RegistrationError, match="this version of SciPy"):
        functrans.scipy.enable_array_api()


def test_special_functions_of_the_namespace() -> None:
    import scipy.special as sp

    import functrans.numpy as fnp

    special: Any = fnp.special
    for name in ("gammaln", "erf", "stdtr"):
        assert isinstance(getattr(special, name), np.ufunc)
    assert special.erf is sp.erf
    with pytest.raises(AttributeError):
        special.nothing  # noqa: B018
    with pytest.raises(AttributeError):
        special._private  # noqa: B018


def test_a_function_that_makes_plain_arrays() -> None:
    """The error is at the user's line, and says how SciPy's functions take traced arrays."""
    from scipy import signal, stats

    import functrans as ft
    from functrans.core.errors import ConversionError

    for call in (lambda x: signal.detrend(x)[0, 0], lambda x: stats.zscore(x)[0, 0]):
        with pytest.raises(ConversionError, match="enable_array_api") as caught:
            ft.grad(call)(np.eye(3))
        text = str(caught.value)
        assert "(by signal.detrend(x))" in text or "(by stats.zscore(x))" in text
        assert f"at {__file__}:" in text and "functrans.scipy if it has it" in text


def test_a_function_that_makes_plain_arrays_in_array_api_mode() -> None:
    program = """
import numpy as np, functrans as ft, functrans.scipy
from scipy import signal
functrans.scipy.enable_array_api()
try:
    ft.grad(lambda x: signal.detrend(x)[0, 0])(np.eye(3))
except ft.core.errors.ConversionError as error:
    print(str(error))
"""
    text = run("-c", program)
    assert "functrans.custom" in text and "enable_array_api" not in text


def test_rules_name_the_ufuncs() -> None:
    """In array-API mode the names of scipy.special are none: rules take them from one place."""
    files = [*(ROOT / "primitives").glob("*.py"), *(ROOT / "functrans/scipy/stats").glob("*.py")]
    direct = {f.name for f in files if re.search(r"^import scipy.special as", f.read_text(), re.M)}
    assert direct == set()
