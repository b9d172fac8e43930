"""Contestants that stage, compile and run a function: what the first call of a program takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.gradients import Function, jax_arrays, waiting, with_module
from benchmarks.peers import settle
from benchmarks.workload import Builder, Call


@dataclass(frozen=True)
class Transformed:
    """A function of each library, made anew for every first call and not compiled yet."""

    functrans: Callable[[], Function]
    jax: Callable[[], Function]


def gradient(function: Function) -> Transformed:
    """Return the gradient of ``function(xp, variables, *data)``."""

    def functrans() -> Function:
        import functrans as ft

        return ft.grad(with_module(function, np))

    def jax() -> Function:
        import jax

        return jax.grad(with_module(function, jax.numpy))

    return Transformed(functrans, jax)


def value_and_gradient(function: Function) -> Transformed:
    """Return the value and the gradient of ``function(xp, variables, *data)``."""

    def functrans() -> Function:
        import functrans as ft

        return ft.value_and_grad(with_module(function, np))

    def jax() -> Function:
        import jax

        return jax.value_and_grad(with_module(function, jax.numpy))

    return Transformed(functrans, jax)


def loop_gradient(function: Function) -> Transformed:
    """Return the gradient of ``function(xp, scan, variables, *data)``."""

    def functrans() -> Function:
        import functrans as ft

        return ft.grad(partial(function, np, ft.scan))

    def jax() -> Function:
        import jax

        return jax.grad(partial(function, jax.numpy, jax.lax.scan))

    return Transformed(functrans, jax)


def functrans(made: Transformed, *arguments: Any) -> Call:
    """Return the first call under `functrans.jit` on NumPy, with no program at hand."""
    import functrans as ft

    def first(*arguments: Any) -> Any:
        ft.clear_caches()
        return ft.jit(made.functrans(), backend="numpy")(*arguments)

    return first, arguments


def functrans_native(made: Transformed, *arguments: Any) -> Call:
    """Return the same with native code, none of which is at hand."""
    return _native(made, arguments, cached=False, background=False)


def functrans_background(made: Transformed, *arguments: Any) -> Call:
    """Return the same where NumPy carries large programs out for as long as they are compiled."""
    return _native(made, arguments, cached=False, background=True)


def functrans_cached(made: Transformed, *arguments: Any) -> Call:
    """Return the same where another process has left its native code on the disk."""
    first, arguments = _native(made, arguments, cached=True, background=False)
    first(*arguments)
    settle()
    return first, arguments


def _native(
    made: Transformed, arguments: tuple[Any, ...], *, cached: bool, background: bool
) -> Call:
    import functrans as ft
    from functrans.compile.llvm.code import engine

    def first(*arguments: Any) -> Any:
        ft.clear_caches()
        engine.forget()
        with patch.dict(os.environ, FUNCTRANS_CACHE=str(int(cached))):
            return ft.jit(made.functrans(), backend="llvm", background=background)(*arguments)

    return first, arguments


def functrans_eager(made: Transformed, *arguments: Any) -> Call:
    """Return a call of the function that is not staged."""
    return made.functrans(), arguments


def jax_jit(made: Transformed, *arguments: Any) -> Call:
    """Return the first call under ``jax.jit``, with no program at hand."""
    import jax

    def first(*arguments: Any) -> Any:
        jax.clear_caches()
        return waiting(jax.jit(made.jax()))(*arguments)

    return first, jax_arrays(arguments)


FIRST_RESULTS: Mapping[str, Builder] = {
    "functrans": functrans,
    "functrans_native": functrans_native,
    "functrans_background": functrans_background,
    "functrans_cached": functrans_cached,
    "functrans_eager": functrans_eager,
    "jax_jit": jax_jit,
}
