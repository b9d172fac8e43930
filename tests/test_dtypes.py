"""R9: in every dtype that NumPy accepts, gradients have the operands' shapes and dtypes, tangents
those of the outputs, and the shape rule says what NumPy returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from functrans.core.primitive import REGISTRY
from functrans.core.types import dtype_of, shape_of, type_of
from functrans.testing.cases import Case, cases_of
from functrans.testing.differences import random_like
from functrans.transforms.forward import jvp
from functrans.transforms.gradient import vjp
from functrans.transforms.staging import make_graph
from tests.mutants import names

INEXACT = ("f2", "f4", "f8", "c8", "c16")
WHOLE = ("?", "i1", "u2", "i4", "i8")
LARGEST = 64  # elements: every dtype of large samples would tell no more


def check_dtypes(case: Case) -> None:
    """With the operands in each dtype that NumPy accepts: gradients have the operands' shapes and
    dtypes, tangents those of the outputs, and the shape rule says what NumPy returns."""
    cast = [
        i
        for i in case.arrays
        if isinstance(case.leaves[i], np.ndarray | np.generic)
        and dtype_of(case.leaves[i]) == np.float64
    ]
    if not cast or sum(np.size(case.leaves[i]) for i in cast) > LARGEST:
        return
    for code in INEXACT + (WHOLE if _is_numpys(case) else ()):
        dtype = np.dtype(code)
        if code == "f2" and not all(np.size(case.leaves[i]) for i in cast):
            continue  # LAPACK has no half precision, which NumPy notices where there are elements
        leaves = list(case.leaves)
        with np.errstate(all="ignore"):
            for i in cast:
                leaves[i] = np.asarray(leaves[i]).astype(dtype)[()]
            of_dtype = case.with_leaves(leaves)
            try:
                expected = of_dtype.outputs(leaves)
            except (TypeError, ValueError, ArithmeticError, np.exceptions.ComplexWarning):
                continue  # NumPy has no such function
            _check_types(of_dtype, expected, f"{case.what} in {dtype}")
            if dtype.kind in "fc":
                active = [i for i in case.active if i in cast]
                _check_derivatives(of_dtype, active, f"{case.what} in {dtype}")


def _is_numpys(case: Case) -> bool:
    """Whether users call it with whole numbers; helpers of rules only meet inexact ones."""
    return case.primitive is not None and callable(getattr(np, case.primitive.name, None))


def _check_types(case: Case, expected: list[Any], what: str) -> None:
    graph = make_graph(case.function(case.arrays))(*case.take(case.arrays))
    for kind, value in zip(graph.output_types, expected, strict=True):
        if (kind.shape, kind.dtype) != (shape_of(value), dtype_of(value)):
            raise AssertionError(
                f"{what}: the shape rule says {kind}, the value has type {type_of(value)}"
            )


def _check_derivatives(case: Case, active: list[int], what: str) -> None:
    if not active:
        return
    rng = np.random.default_rng(0)
    function = case.smooth_part(active)
    xs = case.take(active)
    outs, pullback = vjp(function, *xs)
    gs = tuple(random_like(o, rng) for o in outs)
    tangents: Any = jvp(function, xs, [random_like(x, rng) for x in xs])[1]
    pairs = [
        *(("cotangent", g, x) for g, x in zip(pullback(gs), xs, strict=True)),
        *(("tangent", t, o) for t, o in zip(tangents, outs, strict=True)),
    ]
    for name, found, of in pairs:
        if (shape_of(found), dtype_of(found)) != (shape_of(of), dtype_of(of)):
            raise AssertionError(
                f"{what}: expected a {name} of type {type_of(of)}, found {type_of(found)}"
            )


@pytest.mark.filterwarnings("ignore::functrans.core.errors.DegenerateWarning")
@pytest.mark.parametrize("name", names())
def test_dtypes(name: str) -> None:
    for case in cases_of(REGISTRY[name].call):
        check_dtypes(case)


def test_a_wrong_dtype_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sine = REGISTRY["sin"]
    shape = sine.shape
    assert shape is not None
    monkeypatch.setattr(sine, "shape", lambda x: shape(x) if x.dtype != np.float16 else x)
    for case in cases_of(sine.call):
        check_dtypes(case)
    monkeypatch.setattr(sine, "shape", lambda x: shape(x) if x.dtype.kind == "f" else x)
    with pytest.raises(AssertionError, match="the shape rule says"):
        for case in cases_of(sine.call):
            check_dtypes(case)
