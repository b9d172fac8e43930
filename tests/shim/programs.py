"""Programs that are run with functrans.torch and with PyTorch, and must say the same."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import functrans.torch as ours


def said(torch: Any, program: str) -> list[Any]:
    """What a program passes to `show`, and the error or the warnings that it ends with."""
    found: list[Any] = []

    def show(*values: Any) -> None:
        found.extend(map(plain, values))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(program, {"torch": torch, "show": show, "np": np})
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}".splitlines()[0])
    for w in caught:
        if w.category is UserWarning:
            found.append(str(w.message).split("\n")[0].split(" (Triggered")[0])
    return found


def plain(x: Any) -> Any:
    """A result without its library: arrays in place of tensors."""
    if hasattr(x, "detach"):
        return np.array(x.detach().resolve_conj() if hasattr(x, "resolve_conj") else x.detach())
    if isinstance(x, tuple | list):
        return [plain(v) for v in x]
    return x


def same(a: Any, b: Any, rtol: float = 1e-6) -> None:
    """Assert that two results are equal up to rounding, in dtype and shape exactly."""
    if isinstance(a, np.ndarray):
        assert isinstance(b, np.ndarray)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(b, a, rtol=rtol, atol=rtol)
    elif isinstance(a, list):
        assert isinstance(b, list) and len(a) == len(b), (a, b)
        for x, y in zip(a, b, strict=True):
            same(x, y, rtol)
    else:
        assert a == b


def compare(program: str) -> None:
    """Assert that both libraries say the same."""
    import torch

    same(said(torch, program), said(ours, program))
