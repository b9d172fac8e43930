"""Triangular factors, solutions by them, and products of reflections, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans.torch as torch
from tests.shim.as_pytorch import compare, draw, evaluated, results

pytest.importorskip("scipy")

PROGRAMS: dict[str, tuple[tuple[int, ...], ...]] = {
    "lambda a: torch.linalg.lu(a)": ((3, 3),),
    "lambda a: torch.linalg.lu(a)[1:]": ((2, 4, 3),),
    "lambda a: torch.linalg.lu(a).U": ((3, 5),),
    "lambda a: torch.linalg.lu_factor(a).LU": ((2, 3, 3),),
    "lambda a: torch.linalg.lu_factor_ex(a)[0]": ((3, 3),),
    "lambda a, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b)": ((3, 3), (3, 2)),
    "lambda a, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b, left=False)": (
        (2, 3, 3),
        (2, 1, 3),
    ),
    "lambda a, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b, adjoint=True)": (
        (2, 3, 3),
        (3, 2),
    ),
    "lambda a, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b, left=False, adjoint=True)": (
        (3, 3),
        (2, 3),
    ),
    "lambda a: torch.lu_unpack(*torch.linalg.lu_factor(a))[1:]": ((3, 3),),
    "lambda a, t: torch.linalg.householder_product(a, t)": ((4, 3), (3,)),
    "lambda a, t: torch.linalg.householder_product(a, t) * 2": ((2, 4, 3), (2, 2)),
}


def outcome(library: Any, source: str, shapes: tuple[tuple[int, ...], ...], second: bool) -> Any:
    inputs = [draw(*shape, seed=i) for i, shape in enumerate(shapes)]
    return results(library, evaluated(library, source), inputs, [], second)


@pytest.mark.oracle("torch", "scipy")
@pytest.mark.parametrize(("source", "shapes"), PROGRAMS.items())
def test_values_and_gradients_as_pytorch(source: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    import torch as theirs

    given, expected = (outcome(library, source, shapes, True) for library in (torch, theirs))
    compare(given, expected, rtol=1e-8)


def test_the_factors_are_those_of_the_matrix() -> None:
    a = torch.tensor(draw(2, 3, 3))
    order, low, up = torch.linalg.lu(a)
    np.testing.assert_allclose((order @ low @ up).numpy(), a.numpy(), atol=1e-14)
    packed, pivots = torch.linalg.lu_factor(a)
    assert pivots.dtype == torch.int32 and pivots.shape == (2, 3)
    again = torch.lu_unpack(packed, pivots)
    for x, y in zip(again, (order, low, up), strict=True):
        np.testing.assert_array_equal(x.numpy(), y.numpy())
    z = torch.tensor(draw(3, 3) + 1j * draw(3, 3, seed=1))
    for options in ({}, {"adjoint": True}, {"left": False}, {"left": False, "adjoint": True}):
        x = torch.linalg.lu_solve(*torch.linalg.lu_factor(z), z + 1, **options)
        m = z.mH if options.get("adjoint") else z
        back = m @ x if options.get("left", True) else x @ m
        np.testing.assert_allclose(back.numpy(), (z + 1).numpy(), atol=1e-13)


def test_reflections_make_the_factor_of_qr() -> None:
    for a in (draw(4, 3), draw(2, 4, 3), draw(4, 3) + 1j * draw(4, 3, seed=1)):
        h, tau = torch.geqrf(torch.tensor(a))
        q = torch.linalg.householder_product(h, tau)
        np.testing.assert_allclose((q @ torch.triu(h)[..., :3, :]).numpy(), a, atol=1e-14)
        np.testing.assert_allclose((q.mH @ q).numpy() - np.eye(3), 0 * a[..., :3, :], atol=1e-14)


def test_singular_and_wrong_matrices() -> None:
    zeros = torch.zeros(2, 2)
    assert torch.linalg.lu_factor_ex(zeros).info.item() == 1
    assert torch.linalg.lu_factor_ex(torch.eye(2)).info.item() == 0
    with pytest.raises(RuntimeError, match=r"U\[1,1\] is zero and using it on lu_solve"):
        torch.linalg.lu_factor(zeros)
    with pytest.raises(RuntimeError, match="LU without pivoting is not implemented on the CPU"):
        torch.linalg.lu(zeros, pivot=False)
    with pytest.raises(RuntimeError, match=r"2 or more dimensions. Got size: \[2\] instead"):
        torch.linalg.lu_factor(torch.ones(2))
    with pytest.raises(RuntimeError, match="floating point or complex"):
        torch.linalg.lu(torch.ones(2, 2, dtype=torch.int64))
    with pytest.raises(RuntimeError, match="Incompatible shapes of LU and B"):
        torch.linalg.lu_solve(*torch.linalg.lu_factor(torch.eye(2)), torch.ones(3, 1))
    with pytest.raises(RuntimeError, match="greater than or equal"):
        torch.linalg.householder_product(torch.ones(2, 3), torch.ones(2))
