"""Checks of batching: a whole batch at once gives what a loop over its lanes gives."""

from __future__ import annotations

import warnings
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import Array, dtype_of, is_inexact, shape_of
from functrans.testing.cases import Case
from functrans.testing.differences import close, random_like, size_of, tolerance
from functrans.transforms.batching import vmap
from functrans.transforms.forward import jvp
from functrans.transforms.gradient import vjp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Axes = tuple[int | None, ...]

LANES = 3
ALL_AXES_UP_TO = 3  # operands; with more of them, each is mapped alone and all together


def check_batching(case: Case) -> None:
    """``vmap`` equals a loop for mapped and shared operands, front and back axes, sizes 0, 1 and 3,
    and nested, without falling back to a loop."""
    mapped = mappable(case)
    if not mapped:
        return
    for axes in _combinations(len(mapped)):
        _check_against_loop(case, mapped, axes, LANES)
    front = (0,) * len(mapped)
    _check_against_loop(case, mapped, front, 1)
    _check_out_axes(case, mapped)
    _check_empty(case, mapped)
    _check_nested(case, mapped)


def check_batched_derivatives(case: Case) -> None:
    """``vmap`` of JVP and VJP equals a loop, and so does the VJP of ``vmap``."""
    if not case.differentiable or not case.active:
        return
    mapped = [i for i in case.active if i in mappable(case)]
    if not mapped:
        return
    rng = case.rng()
    function = case.smooth_part(mapped)
    with np.errstate(all="ignore"):
        points = [[lane(case.leaves[i], k) for i in mapped] for k in range(LANES)]
        outs = function(*points[0])
        gs = [tuple(random_like(o, rng) for o in outs) for _ in range(LANES)]
        ts = [[random_like(x, rng) for x in points[0]] for _ in range(LANES)]
        stacked, cotangents, tangents = (_stack(columns) for columns in (points, gs, ts))

        def backward(g: Any, *xs: Array) -> Any:
            return vjp(function, *xs)[1](tuple(g))

        def forward(t: Any, *xs: Array) -> Any:
            return jvp(function, xs, t)[1]

        wanted = {
            "VJP under vmap": (
                [backward(g, *xs) for g, xs in zip(gs, points, strict=True)],
                lambda: vmap(backward)(tuple(cotangents), *stacked),
            ),
            "JVP under vmap": (
                [forward(t, *xs) for t, xs in zip(ts, points, strict=True)],
                lambda: vmap(forward)(tuple(tangents), *stacked),
            ),
        }
        wanted["VJP of vmap"] = (
            wanted["VJP under vmap"][0],
            lambda: vjp(vmap(function), *stacked)[1](tuple(cotangents)),
        )
        for name, (loop, run) in wanted.items():
            _compare(f"{case.what}: {name}", without_fallback(run), _stack(loop), 1e-12)


def mappable(case: Case) -> list[int]:
    """Arrays and NumPy scalars; a Python number has no lanes, and would become another dtype."""
    return [i for i in case.arrays if isinstance(case.leaves[i], np.ndarray | np.generic)]


def _combinations(count: int) -> Iterator[Axes]:
    if count <= ALL_AXES_UP_TO:
        yield from (
            axes
            for axes in product((0, -1, None), repeat=count)
            if any(a is not None for a in axes)
        )
        return
    yield (0,) * count
    yield (-1,) * count
    for i in range(count):
        yield tuple(0 if j == i else None for j in range(count))


def lane(x: Array, k: int) -> Array:
    """Lane `k` of a batch made of `x`: other values of the same domain."""
    if k == 0:
        return x
    if is_inexact(dtype_of(x)):
        # Towards zero: inside an interval, positive and definite stay so.
        return np.multiply(x, 1 - k / 64, dtype=dtype_of(x))[()]
    return np.roll(x, k, axis=-1) if np.ndim(x) else x


def _check_against_loop(case: Case, mapped: list[int], axes: Axes, size: int) -> None:
    def point(k: int) -> list[Array]:
        return [
            x if axis is None else lane(x, k)
            for x, axis in zip(case.take(mapped), axes, strict=True)
        ]

    function = case.function(mapped)
    with np.errstate(all="ignore"):
        points = [point(k) for k in range(size)]
        expected = _stack([function(*xs) for xs in points])
        stacked = [
            columns[0] if axis is None else np.stack(columns, axis)
            for columns, axis in zip(zip(*points, strict=True), axes, strict=True)
        ]
        found = without_fallback(lambda: vmap(function, in_axes=axes)(*stacked))
    what = f"{case.what}: vmap with in_axes={axes} on {size} lanes"
    single = case.primitive is not None and (
        case.elementwise or case.primitive.kind == "nondifferentiable"
    )
    _compare(what, found, expected, 1e-13, single)


def _check_out_axes(case: Case, mapped: list[int]) -> None:
    function = case.function(mapped)
    with np.errstate(all="ignore"):
        stacked = [np.stack([lane(x, k) for k in range(LANES)]) for x in case.take(mapped)]
        front = without_fallback(lambda: vmap(function)(*stacked))
        for axis in (-1, 1):
            if axis == 1 and any(np.ndim(o) < 2 for o in front):
                continue
            found = without_fallback(partial(vmap(function, out_axes=axis), *stacked))
            expected = [np.moveaxis(o, 0, axis) for o in front]
            _compare(f"{case.what}: vmap with out_axes={axis}", found, expected, 0.0)


def _check_empty(case: Case, mapped: list[int]) -> None:
    function = case.function(mapped)
    with np.errstate(all="ignore"):
        outs = function(*case.take(mapped))
        empty = [np.zeros((0, *shape_of(x)), dtype_of(x)) for x in case.take(mapped)]
        found = without_fallback(lambda: vmap(function)(*empty))
    expected = [np.zeros((0, *shape_of(o)), dtype_of(o)) for o in outs]
    _compare(f"{case.what}: vmap on 0 lanes", found, expected, 0.0)


def _check_nested(case: Case, mapped: list[int]) -> None:
    function = case.function(mapped)
    with np.errstate(all="ignore"):
        grid = [
            [[lane(x, 2 * i + j) for x in case.take(mapped)] for j in range(2)] for i in range(2)
        ]
        stacked = _stack([_stack(row) for row in grid])
        expected = _stack([_stack([function(*xs) for xs in row]) for row in grid])
        found = without_fallback(lambda: vmap(vmap(function))(*stacked))
        _compare(f"{case.what}: vmap of vmap", found, expected, 1e-13)
        if len(mapped) > 1:
            # One operand mapped by the inner, the others by the outer transform.
            inner = (0,) + (None,) * (len(mapped) - 1)
            outer = (None,) + (0,) * (len(mapped) - 1)
            columns = [c[0] if i == 0 else c[:, 0] for i, c in enumerate(stacked)]
            loop = [[function(grid[0][j][0], *grid[i][0][1:]) for j in range(2)] for i in range(2)]
            expected = _stack([_stack(row) for row in loop])
            found = without_fallback(
                lambda: vmap(vmap(function, in_axes=inner), in_axes=outer)(*columns)
            )
            _compare(f"{case.what}: vmap of vmap over other operands", found, expected, 1e-13)


def without_fallback(run: Callable[[], Any]) -> list[Array]:
    """The result of a run in which the fallback to a loop is an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*has no batching rule")
        try:
            return list(run())
        except UserWarning as warning:
            raise AssertionError(str(warning)) from None


def _stack(rows: Sequence[Sequence[Array]]) -> list[Array]:
    return [np.stack(column) for column in zip(*rows, strict=True)]


def _compare(
    what: str,
    found: Sequence[Array],
    expected: Sequence[Array],
    bar: float,
    single: bool = False,
) -> None:
    """`single`: elements are computed one by one, so that nothing in them cancels."""
    rtol = tolerance(bar, expected)
    for one, other in zip(found, expected, strict=True):
        if dtype_of(one) != dtype_of(other):
            raise AssertionError(f"{what}: expected dtype {dtype_of(other)}, found {dtype_of(one)}")
        close(one, other, what, rtol=rtol, atol=0 if single else rtol * size_of([other]))
