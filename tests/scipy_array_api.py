"""Calls of SciPy's functions on traced arrays, compared with plain calls and with differences.

Run in a process of its own, since SciPy reads ``SCIPY_ARRAY_API`` when it is loaded:
``SCIPY_ARRAY_API=1 python -m tests.scipy_array_api`` prints what each call of the table in
docs/array_api.py does, as JSON; with the name of a file, what its lines do (to find new ones).
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import functrans as ft
import functrans.numpy as fnp
from functrans import tree
from functrans.testing import check_grads
from tests.modules import ROOT

_A = np.array([[0.3, -1.2, 0.8, 0.45], [1.7, 0.4, -0.6, -0.1], [0.9, 2.1, -1.5, 0.25]])
_P = np.array([0.7, 1.9, 1.1, 0.4, 2.6, 3.1, 0.9, 1.45])
_SOS = np.array([[0.2, 0.4, 0.2, 1.0, -0.3, 0.1], [0.5, 0.1, 0.3, 1.0, 0.2, -0.1]])
ARRAYS: dict[str, Any] = {
    "s": np.array(0.6),
    "v": np.array([0.2, 1.9, 1.1, -0.7, 0.6, 2.4, -1.3, 0.85]),
    "w": np.array([1.2, 0.4, -0.9, 0.3, 1.6, -0.2, 0.7, -1.1]),
    "p": _P,
    "r": _P[::-1] * 0.9 + 0.05,
    "c": np.array([1.0, 0.5, -0.3]),
    "d": np.array([0.2, -0.4, 0.9]),
    "q": np.array([0.5, -0.3, 0.6, 0.8]),
    "e": np.array([0.1, 0.3, -0.2, 0.5, 0.9, -0.4]),
    "A": _A,
    "B": _A[::-1] * 0.7 + 0.31,
    "P": np.abs(_A) + 0.5,
    "U": (np.abs(_A) + 0.1) / 2.5,
    "Q": np.array([[2.0, 0.3, -0.4], [0.1, 1.5, 0.2], [0.5, -0.2, 1.8]]),
    "S": _SOS,
    "A3": _A[:2, :3],
}
"""What ``x``, ``y`` of a call are."""

CONSTANTS: dict[str, Any] = {
    "np": np,
    "fnp": fnp,
    "T": np.array([0.0, 0.4, 0.7, 1.3, 1.9, 2.2, 3.0, 3.3]),
    "C": np.array([[0.4, 0.7, -0.2, 0.1], [1.1, -0.3, 0.2, 0.6], [0.5, 0.8, -1.1, 0.9]]),
    "V": ARRAYS["w"],
    "FIR": np.array([0.2, 0.5, 0.3]),
    "IIR": np.array([1.0, -0.4, 0.2]),
    "SOS": _SOS,
    "N": np.linspace(0, 1, 8)[:, None] ** 1.3,
}
"""What else a call may name, besides the modules of SciPy: plain arrays."""

MODULES = (
    *("cluster.vq", "constants", "differentiate", "fft", "integrate", "interpolate", "linalg"),
    *("ndimage", "optimize.elementwise", "signal", "spatial.distance", "spatial.transform"),
    *("special", "stats", "stats.mstats"),
)


def namespace() -> dict[str, Any]:
    """The names in a call."""
    names = dict(CONSTANTS)
    for module in MODULES:
        importlib.import_module(f"scipy.{module}")
        top = module.partition(".")[0]
        names[top] = importlib.import_module(f"scipy.{top}")
    return names


def same(found: Any, expected: Any) -> None:
    """Raise unless the leaves have equal shapes and values."""
    a, b = tree.leaves(found), tree.leaves(expected)
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert np.shape(x) == np.shape(y), (np.shape(x), np.shape(y))
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)


def attempt(check: Callable[[], None]) -> str:
    """What went wrong, empty if nothing did."""
    try:
        check()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def outcome(call: str, arguments: str, names: dict[str, Any]) -> dict[str, str]:
    """What went wrong with a call under each transform."""
    args = [ARRAYS[name] for name in arguments.split()]
    f = eval(f"lambda x, y=None: {call}", names)
    smaller = [x * 0.9 for x in args]

    def derivatives() -> None:
        same(ft.vjp(f, *args)[0], expected)
        check_grads(f, args, order=1)

    def batches() -> None:
        lanes = tree.map(lambda *xs: np.stack(xs), expected, f(*smaller))
        same(ft.vmap(f)(*[np.stack(pair) for pair in zip(args, smaller, strict=True)]), lanes)

    def stages() -> None:
        same(ft.make_graph(f)(*args)(*smaller), f(*smaller))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's own, of roundings and of deprecations
        try:
            expected = f(*args)
        except Exception as error:
            return {"plain": f"{type(error).__name__}: {error}"}
        checks = {"grad": derivatives, "vmap": batches, "make_graph": stages}
        return {name: attempt(check) for name, check in checks.items()}


def table(path: Path | None = None) -> list[tuple[str, str]]:
    """The calls and the names of their arguments: of the page, or of a file."""
    if path is not None:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [(c.strip(), a.strip()) for c, _, a in (x.rpartition("|") for x in lines) if c]
    spec = importlib.util.spec_from_file_location("array_api", ROOT / "docs" / "array_api.py")
    assert spec is not None and spec.loader is not None
    page: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    return [(call, arguments) for call, arguments, _ in page.calls()]


if __name__ == "__main__":
    import functrans.scipy

    functrans.scipy.enable_array_api()
    found = namespace()
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    json.dump({call: outcome(call, args, found) for call, args in table(given)}, sys.stdout)
