"""Programs for fresh processes that find, or leave, records of native code.

``python -m tests.llvm.recorded_programs NAME...`` runs them and prints a JSON object: a digest of
the bits of each result, and modules of the compiler that were loaded for them. With
``--unfinished`` the process ends before there is optimised code, with ``--again`` that gives the
results once more.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans import random
from functrans.compile import background
from functrans.core import tree

TABLE = np.linspace(-1.0, 1.0, 40)
WEIGHTS = np.linspace(-1.0, 1.0, 20).reshape(4, 5)[:, ::-1]


def chain(x: Any) -> Any:
    for _ in range(4):
        x = np.sin(x) * 1.5 + np.tanh(x)
    return np.sum(x)


def mlp(params: Any, x: Any) -> Any:
    for w, b in params:
        x = np.tanh(x @ w + b)
    return np.mean(x * x)


def bits(x: Any) -> str:
    leaves, _ = tree.flatten(x)
    parts = [(type(y).__name__, np.asarray(y).dtype.str, np.shape(y)) for y in leaves]
    found = hashlib.sha256(repr(parts).encode())
    for y in leaves:
        found.update(np.asarray(y).tobytes())
    return found.hexdigest()


X = np.linspace(-2.0, 3.0, 37)
PARAMS = [(np.full((8, 8), 0.125), np.zeros(8)), (np.eye(8), np.ones(8))]


def collatz(n: Any) -> Any:
    def step(c: Any) -> Any:
        n, count = c
        return np.where(n % 2 == 0, n // 2, 3 * n + 1), count + 1

    return ft.while_loop(lambda c: c[0] > 1, step, (n, 0))


def decay(x: Any) -> Any:
    return ft.scan(lambda c, row: (c * 0.5 + row, c), x[0] * 0.0, x)


def donating(x: Any, y: Any) -> Any:
    return x * 2.0 + y, np.sum(y)


def spectrum(x: Any) -> Any:
    y = np.fft.fft(np.sin(x) * TABLE[:37] + np.cos(x))
    return (
        np.abs(y) * 0.5,
        np.real(np.fft.ifft(y * np.exp(-0.1j * np.arange(37)))) + x,
        TABLE[3] * 2,
    )


def eigenvalues(a: Any) -> Any:
    w, v = np.linalg.eigh(a + a.T)
    return np.exp(-w) @ np.abs(v) + np.linalg.svd(np.tanh(a), compute_uv=False)


def filters(rows: Any) -> Any:
    def step(c: Any, row: Any) -> Any:
        c = np.real(np.fft.ifft(np.fft.fft(c) * np.cos(row))) * 0.5 + row
        return c, np.sum(c * c)

    return ft.scan(step, rows[0], rows)


def condition(x: Any) -> Any:
    return ft.cond(
        np.sum(x) > 0.0,
        lambda x: np.real(np.fft.fft(x * 2.0 + np.sin(x))) + 1.0,
        lambda x: np.cos(x) * 0.25,
        x,
    )


PROGRAMS: dict[str, Callable[[], Any]] = {
    "chain": lambda: ft.jit(chain)(X),
    "number": lambda: ft.jit(lambda x: np.sin(x) * np.exp(x) + x)(1.5),
    "slope": lambda: ft.jit(ft.grad(chain))(X),
    "single": lambda: ft.jit(lambda x: np.exp(x) / (1 + x * x))(X.astype(np.float32)),
    "complex": lambda: ft.jit(lambda x: x * np.conj(x) + np.exp(x))(X + 1j * X[::-1]),
    "mlp": lambda: ft.jit(ft.value_and_grad(mlp))(PARAMS, np.ones((16, 8))),
    "hessian": lambda: ft.jit(ft.hessian(lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2)))(X[:9]),
    "table": lambda: ft.jit(lambda x: x[:5] @ WEIGHTS.T + TABLE[3] * x[:4] + TABLE[:4])(X),
    "exact": lambda: ft.jit(lambda x: np.sqrt(np.abs(x)) * x + 1.0, exact=True)(X),
    "loop": lambda: ft.jit(collatz)(np.int64(27)),
    "scan": lambda: ft.jit(decay)(np.ones((20, 3))),
    "donated": lambda: ft.jit(donating, donate_argnums=0)(np.ones((300, 3)), np.ones((300, 3))),
    "keywords": lambda: ft.jit(lambda a, *, b: {"sum": a["x"] + b, "x": a["x"] * 2})(
        {"x": X}, b=X[::-1].copy()
    ),
    "parallel": lambda: ft.jit(lambda x: np.sin(x) * np.cos(x))(np.linspace(0.0, 1e6, 1 << 18)),
    "sizes": lambda: [ft.jit(lambda x: np.sin(x) * x + 0.75)(np.ones(n)) for n in (60, 70, 80)],
    "sort": lambda: ft.jit(lambda x: np.sort(x * -1.0))(X),
    "solve": lambda: ft.jit(np.linalg.solve)(np.eye(6) * 3.0 + 0.5, np.ones(6)),
    "random": lambda: ft.jit(lambda k: random.normal(k, (50,)))(random.key(3)),
    "spectrum": lambda: ft.jit(spectrum)(X),
    "eigenvalues": lambda: ft.jit(eigenvalues)(np.diag(X[:6]) + 0.5),
    "filters": lambda: ft.jit(filters)(np.ones((6, 8))),
    "conditions": lambda: [ft.jit(condition)(x) for x in (X, X - 9.0)],
    "given up": lambda: ft.jit(spectrum, donate_argnums=0)(X.copy()),
    "exact spectrum": lambda: ft.jit(spectrum, exact=True)(X),
    "none": lambda: ft.jit(np.fft.fft)(X),
    "spectra": lambda: [
        ft.jit(lambda x: np.real(np.fft.fft(np.sin(x) * x + 0.75)) * 2.0 + x)(np.ones(n))
        for n in (60, 70, 80)
    ],
}

PLANNING = ("plans", "emission", "kernels", "elements", "segment", "planned", "cutting", "families")


def main() -> None:
    """Run the programs that the command line names."""
    background.CALM = 1e6  # so that no thread plans anything before modules are looked at
    names = [x for x in sys.argv[1:] if not x.startswith("-")]
    found = {name: bits(PROGRAMS[name]()) for name in names}
    prefixes = tuple(f"functrans.compile.llvm.{part}" for part in PLANNING)
    loaded = [x for x in sys.modules if x == "llvmlite" or x.startswith(prefixes)]
    if "--unfinished" in sys.argv:
        background._calm_jobs.clear()
    elif "--again" in sys.argv:
        background.finish()
        again = {name: bits(PROGRAMS[name]()) for name in names}
        assert again == found
    background.finish()
    print(json.dumps({"bits": found, "loaded": sorted(loaded)}))


if __name__ == "__main__":
    main()
