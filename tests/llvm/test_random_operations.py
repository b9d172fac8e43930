"""Kernels outside of jit compute what NumPy computes: random operations, and random programs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile import eager
from functrans.compile.llvm.eager.operations import Operations
from functrans.transforms.accelerated import hook
from tests.llvm.random_graphs import RandomGraph
from tests.llvm.random_operations import RandomOperation, operations

NAMES = operations()

CAST = "overflow encountered in cast"
"""What NumPy says of a Python number that becomes infinite in the dtype of the others; kernels say
what becomes of results."""


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[Operations]:
    """All kernels for all sizes, and for those of transforms."""
    monkeypatch.setattr(hook, "least", 0)
    made = Operations(exact=False, least=0)
    monkeypatch.setattr(eager, "_operations", {False: made})
    with ft.eager_backend("llvm"):
        yield made


def told(call: Callable[[], Any]) -> tuple[Any, set[str]]:
    """The result of a call, and what it warned of."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        out = call()
    return out, {str(w.message) for w in found}


def check_value(seed: int, kernels: Operations) -> bool:
    """Compare the output of one operation; whether a kernel has made it."""
    drawn = RandomOperation(seed, NAMES)
    primitive, args = drawn.primitive, drawn.args
    before = [np.array(x) for x in args]
    out, warned = told(lambda: kernels.value(primitive, args, {}))
    if out is None:
        return False
    wanted, expected = told(lambda: primitive.impl(*args))
    where = f"{seed}: {primitive.name}"
    assert type(out) is type(wanted) and out.dtype == wanted.dtype, where
    assert out.shape == wanted.shape, where
    assert warned <= expected, where
    # Formulas of several steps may warn in between, and NumPy's comparisons of NaN sometimes do.
    if isinstance(primitive.impl, np.ufunc) and not any([np.isnan(x).any() for x in args]):
        assert warned == expected - {CAST}, where
    for x, y in zip(before, args, strict=True):
        assert not np.shares_memory(out, y), where
        np.testing.assert_array_equal(x, y, err_msg=where)
    close(out, wanted, 64 * rounding(wanted, *args), where)
    return True


def rounding(*arrays: Any) -> float:
    """The unit of rounding of the narrowest of these: NumPy may round its part of a formula so."""
    dtypes = [x.dtype for x in arrays if hasattr(x, "dtype")]
    return max([float(np.finfo(d).eps) for d in dtypes if d.kind in "fc"], default=0.0)


def close(x: Any, y: Any, eps: float, where: str) -> None:
    """That much of an element, or of 1."""
    if x.dtype.kind not in "fc":
        np.testing.assert_array_equal(x, y, err_msg=where)
        return
    with np.errstate(all="ignore"):  # a tolerance for the largest numbers may overflow
        np.testing.assert_allclose(x, y, rtol=eps, atol=eps, err_msg=where)


def check_rules(seed: int) -> None:
    """Compare the tangents and cotangents of one operation."""
    drawn = RandomOperation(seed, NAMES, hard=0.0)
    primitive, args = drawn.primitive, drawn.args
    places = [i for i, x in enumerate(args) if getattr(x, "dtype", np.dtype(int)).kind in "fc"]
    if not primitive.differentiable or not places or not all(primitive.pulls or (None,)):
        return

    def function(*given: Any) -> Any:
        rest = dict(zip(places, given, strict=True))
        return primitive.call(*[rest.get(i, x) for i, x in enumerate(args)])

    given = tuple(args[i] for i in places)
    tangents = tuple([np.cos(drawn.rng.normal(size=x.shape)).astype(x.dtype) for x in given])

    def derivatives() -> list[Any]:
        with np.errstate(all="ignore"):
            out, moved = ft.jvp(function, given, tangents)
            if out.dtype.kind not in "fc":
                return [out, moved]
            return [out, moved, *ft.vjp(function, *given)[1](np.ones_like(out))]

    found = derivatives()
    with ft.eager_backend("numpy"):
        wanted = derivatives()
    eps = rounding(*args, *wanted)
    for x, y in zip(found, wanted, strict=True):
        where = f"{seed}: {primitive.name}"
        assert type(x) is type(y) and x.dtype == y.dtype and x.shape == y.shape, where
        scale = max(1.0, float(np.max(np.abs(y[np.isfinite(y)]), initial=0.0)))
        close(x, y, 200 * eps * scale, where)


def check_program(seed: int) -> None:
    """Compare a random function, its tangents and its gradients."""
    found = RandomGraph(seed, steps=10)
    inputs = found.inputs
    places = [i for i, x in enumerate(inputs) if x.dtype.kind == "f" and x.dtype.itemsize > 2]
    rng = np.random.default_rng(seed)

    def function(*given: Any) -> list[Any]:
        rest = dict(zip(places, given, strict=True))
        return found.call(*[rest.get(i, x) for i, x in enumerate(inputs)])

    def total(*given: Any) -> Any:
        """A number that depends on all results, and no more on the large ones."""
        parts = [np.tanh(np.abs(x) * 0.1) for x in function(*given) if x.dtype.kind in "fc"]
        return sum([np.sum(x) for x in parts], np.float64(0.0) * np.sum(given[0]))

    given = tuple(inputs[i] for i in places)
    tangents = tuple([np.cos(rng.normal(size=x.shape)).astype(x.dtype) for x in given])

    def results() -> list[Any]:
        with np.errstate(all="ignore"):
            out = ft.jvp(function, given, tangents) if places else found.call(*inputs)
            slopes = ft.grad(total, argnums=tuple(range(len(given))))(*given) if places else ()
        return [*ft.tree.leaves(out), *slopes]

    ours = results()
    with ft.eager_backend("numpy"):
        wanted = results()
    eps = 2000 * max([float(np.finfo(d).eps) for d in found.dtypes if d.kind in "fc"], default=0)
    for x, y in zip(map(np.asarray, ours), map(np.asarray, wanted), strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape, seed
        if x.dtype.kind not in "fc":
            np.testing.assert_array_equal(x, y, err_msg=str(seed))
            continue
        finite = np.isfinite(x) & np.isfinite(y)
        scale = max(1.0, float(np.max(np.abs(y[finite]), initial=0.0)))
        assert float(np.max(np.abs(x[finite] - y[finite]), initial=0.0)) <= eps * scale, seed
        assert np.array_equal(np.isnan(x), np.isnan(y)), seed


CHECKS: dict[str, Callable[[int, Operations], object]] = {
    "values": check_value,
    "rules": lambda seed, _: check_rules(seed),
    "programs": lambda seed, _: check_program(seed),
}


@pytest.mark.parametrize("check", CHECKS)
def test_random_operations(kernels: Operations, check: str) -> None:
    for seed in range(25):
        CHECKS[check](seed, kernels)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
@pytest.mark.parametrize("check", CHECKS)
def test_many_random_operations(kernels: Operations, check: str, block: int) -> None:
    """Two thousand of each."""
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        CHECKS[check](seed, kernels)


def test_most_random_operations_have_kernels(kernels: Operations) -> None:
    assert sum([check_value(seed, kernels) for seed in range(100, 140)]) >= 20


@pytest.mark.parametrize("check", CHECKS)
def test_wrong_kernels_are_found(
    kernels: Operations, monkeypatch: pytest.MonkeyPatch, check: str
) -> None:
    """Results that are off by a hundredth, of operations and of rules, are among the first."""
    value, partial = Operations.value, Operations.partial

    def wrong(out: Any) -> Any:
        return out if out is None or out.dtype.kind not in "fc" else out * out.dtype.type(1.01)

    monkeypatch.setattr(Operations, "value", lambda *args: wrong(value(*args)))
    with pytest.raises(AssertionError):
        for seed in range(40):
            CHECKS[check](seed, kernels)
    if check != "values":
        monkeypatch.setattr(Operations, "value", value)
        monkeypatch.setattr(Operations, "partial", lambda *args: wrong(partial(*args)))
        with pytest.raises(AssertionError):
            for seed in range(40):
                CHECKS[check](seed, kernels)
