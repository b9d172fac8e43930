"""Inverses of scipy.special that SciPy solves for with a tolerance of 1e-8 or worse, which
differences see: their distribution functions undo them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import functrans as ft


class Inverse(NamedTuple):
    """The distribution function that is undone, the operand solved for, those that have a rule."""

    forward: Any
    solved: int
    operands: tuple[int, ...]


def inverses() -> dict[str, Inverse]:
    """By name; SciPy is optional."""
    from scipy import special as sp

    def binomial(k: Any, n: Any, p: Any) -> Any:
        return sp.betainc(n - k, k + 1, 1 - p)

    def negative_binomial(k: Any, n: Any, p: Any) -> Any:
        return sp.betainc(n, k + 1, p)

    every = (0, 1, 2)
    return {
        "bdtrik": Inverse(binomial, 0, every),
        "bdtrin": Inverse(binomial, 1, every),
        "nbdtrik": Inverse(negative_binomial, 0, every),
        "nbdtrin": Inverse(negative_binomial, 1, every),
        "fdtridfd": Inverse(sp.fdtr, 1, every),
        "ncfdtrinc": Inverse(sp.ncfdtr, 2, (2, 3)),
    }


def check_undone(name: str, call: Any, args: Any) -> None:
    """To first and second order the distribution function of the inverse is the probability, in
    double precision."""
    inverse = inverses()[name]
    place = inverse.solved

    def undone(*xs: Any) -> Any:
        return np.sum(inverse.forward(*xs[:place], call(*xs), *xs[place + 1 :]))

    active = [i for i in inverse.operands if np.asarray(args[i]).dtype.kind == "f"]
    first, second = ft.grad(undone, active)(*args), ft.hessian(undone, active)(*args)
    for i, slope, row in zip(active, first, second, strict=True):
        lanes = np.size(np.broadcast(*args)) / max(1, np.size(args[i]))
        expected = lanes * (i == place)
        expected = np.broadcast_to(expected, np.shape(slope))
        np.testing.assert_allclose(slope, expected, rtol=0, atol=1e-11)
        for block in row:
            np.testing.assert_allclose(block, np.zeros_like(block), rtol=0, atol=1e-8)
