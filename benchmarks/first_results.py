"""Contestants that stage, compile and run a gradient: what the first call of a program takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.gradients import Function, jax_arrays, waiting, with_module
from benchmarks.workload import Builder, Call


def functrans(function: Function, *arguments: Any) -> Call:
    """Return the first call under `functrans.jit`, with no program at hand."""
    import functrans as ft

    def first(*arguments: Any) -> Any:
        ft.clear_caches()
        return ft.jit(ft.grad(with_module(function, np)))(*arguments)

    return first, arguments


def functrans_eager(function: Function, *arguments: Any) -> Call:
    """Return a call of the gradient that is not staged."""
    import functrans as ft

    return ft.grad(with_module(function, np)), arguments


def jax_jit(function: Function, *arguments: Any) -> Call:
    """Return the first call under ``jax.jit``, with no program at hand."""
    import jax

    def first(*arguments: Any) -> Any:
        jax.clear_caches()
        return waiting(jax.jit(jax.grad(with_module(function, jax.numpy))))(*arguments)

    return first, jax_arrays(arguments)


FIRST_RESULTS: Mapping[str, Builder] = {
    "functrans": functrans,
    "functrans_eager": functrans_eager,
    "jax_jit": jax_jit,
}
