"""Numerical derivatives to compare with, random directions, and the comparisons themselves.

Functions here take and return flat lists of arrays. A central difference extrapolated over four
step sizes (Richardson) is right to about 1e-12 for smooth functions in float64, five decades better
than the plain difference, so that comparisons can be tight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import Array, dtype_of, is_inexact, shape_of, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Arrays = Sequence[Array]
    Function = Callable[[list[Array]], list[Array]]

LEVELS = 4
# The first step is the most accurate one for smooth functions; the others serve points near a kink
# or pole, where a large step would cross it.
STEPS = (2e-2, 2e-3, 2e-4)
COMPLEX_STEP = 1e-30


def richardson(function: Function, xs: Arrays, ts: Arrays, tolerance: float) -> list[Any]:
    """The derivative of `function` at `xs` along `ts`, by extrapolated central differences.

    Returns a pair ``(derivative, error estimate)`` for each output. Smaller first steps are tried
    where the estimate exceeds `tolerance`, and each element keeps the value with the smallest
    estimate.
    """
    best: list[Any] = []
    for step in STEPS:
        found = _extrapolated(function, xs, ts, step)
        if not best:
            best = found
        else:
            best = [
                (np.where(e < e0, d, d0), np.minimum(e, e0))
                for (d0, e0), (d, e) in zip(best, found, strict=True)
            ]
        if all(np.all(e <= tolerance * np.maximum(1, abs(d))) for d, e in best):
            break
    return best


def _extrapolated(function: Function, xs: Arrays, ts: Arrays, step: float) -> list[Any]:
    rows = [central_difference(function, xs, ts, step / 2**k) for k in range(LEVELS)]
    results = []
    with np.errstate(all="ignore"):
        for column in zip(*rows, strict=True):
            table = previous = list(column)
            for order in range(1, LEVELS):
                previous = table
                table = [
                    b + (b - a) / (4**order - 1)
                    for a, b in zip(previous[:-1], previous[1:], strict=True)
                ]
            error = abs(table[0] - previous[-1])
            results.append((table[0], np.where(np.isnan(error), np.inf, error)))
    return results


def central_difference(function: Function, xs: Arrays, ts: Arrays, h: float) -> list[Any]:
    """``(function(xs + h ts) - function(xs - h ts)) / 2h`` for each output."""
    with np.errstate(all="ignore"):
        above = function([x + h * t for x, t in zip(xs, ts, strict=True)])
        below = function([x - h * t for x, t in zip(xs, ts, strict=True)])
        return [(np.asarray(a) - b) / (2 * h) for a, b in zip(above, below, strict=True)]


def complex_step(function: Function, xs: Arrays, ts: Arrays) -> list[Any]:
    """The derivative of a real analytic function that takes complex arguments, to full precision.

    Returns pairs as :func:`richardson` does, with the error estimate 0.
    """
    outs = function([x + 1j * COMPLEX_STEP * t for x, t in zip(xs, ts, strict=True)])
    found = [np.imag(o) / COMPLEX_STEP for o in outs]
    return [(d, np.zeros(np.shape(d))) for d in found]


def random_like(x: Array, rng: np.random.Generator) -> Array:
    """A direction for `x`, of its type: parts between 1/2 and 1 in size, of either sign."""
    kind = type_of(x)

    def part() -> Any:
        size = rng.uniform(0.5, 1, kind.shape)
        return np.where(rng.integers(0, 2, kind.shape) == 0, size, -size)

    direction = part() + 1j * part() if kind.dtype.kind == "c" else part()
    return direction.astype(kind.dtype)[()]


def pairing(gs: Arrays, ts: Arrays) -> tuple[float, float]:
    """``Re(sum(g * t))`` of cotangents and tangents, and the sum of the sizes of its terms."""
    terms = [
        np.multiply(g, t, dtype=np.complex128).real.ravel() for g, t in zip(gs, ts, strict=True)
    ]
    joined = np.concatenate(terms) if terms else np.zeros(0)
    return float(joined.sum()), float(abs(joined).sum())


def widened(x: Array) -> Array:
    """A real or complex value in double precision; anything else as it is."""
    dtype = dtype_of(x)
    if (
        dtype.kind not in "fc"
        or type_of(x).weak
        or dtype.itemsize > (8 if dtype.kind == "f" else 16)
    ):
        return x
    return np.asarray(x).astype(np.result_type(dtype, np.float64))[()]


def tolerance(bar: float, arrays: Sequence[Array], factor: float = 100) -> float:
    """`bar` in double precision; `factor` units of roundoff where an array is less precise."""
    eps = [float(np.finfo(dtype_of(x)).eps) for x in arrays if is_inexact(dtype_of(x))]
    coarsest = max(eps, default=0.0)
    return bar if coarsest <= np.finfo(float).eps else max(bar, factor * coarsest)


def size_of(arrays: Sequence[Array]) -> float:
    """The largest element, at least 1: what absolute errors are compared with."""
    return max([1.0, *(float(np.max(abs(np.asarray(a)), initial=0.0)) for a in arrays)])


def close(found: Array, expected: Array, what: str, *, rtol: float, atol: float) -> None:
    """Raise unless ``|found - expected| <= atol + rtol * |expected|`` in every element."""
    if shape_of(found) != shape_of(expected):
        raise AssertionError(
            f"{what}: expected shape {shape_of(expected)}, found shape {shape_of(found)}"
        )
    if not is_inexact(dtype_of(expected)):
        identical(found, expected, what)
        return
    with np.errstate(all="ignore"):
        error = abs(np.asarray(found) - expected)
        bad = ~(error <= atol + rtol * abs(np.asarray(expected))) & ~_same_elements(found, expected)
    if np.any(bad):
        worst = float(np.max(np.where(bad, np.nan_to_num(error, nan=np.inf), 0)))
        raise AssertionError(
            f"{what}: expected {_shown(expected)}, found {_shown(found)} "
            f"(largest error {worst:.1e}, rtol {rtol:.0e}, atol {atol:.0e})"
        )


def close_to_difference(
    found: Array, difference: Any, what: str, *, rtol: float, atol: float
) -> None:
    """Raise unless `found` is close to a numerical derivative that is itself accurate enough."""
    derivative, error = difference
    if not np.all(error <= atol + rtol * abs(derivative)):
        raise AssertionError(
            f"{what}: the differences do not settle (they give {_shown(derivative)} with error "
            f"{np.max(error):.1e}; found {_shown(found)}). "
            "Is there a kink or a pole at or near this point?"
        )
    close(found, derivative, what, rtol=rtol, atol=atol)


def identical(found: Array, expected: Array, what: str) -> None:
    """Raise unless both have one dtype, shape and elements (NaN equals NaN, -0 is not 0)."""
    kinds = [(dtype_of(x), shape_of(x)) for x in (found, expected)]
    if kinds[0] != kinds[1]:
        shown = [f"{dtype}{list(shape)}" for dtype, shape in kinds]
        raise AssertionError(f"{what}: expected type {shown[1]}, found type {shown[0]}")
    same = _same_elements(found, expected)
    if kinds[0][0].kind == "f":
        same &= (np.signbit(found) == np.signbit(expected)) | np.isnan(expected)
    if not np.all(same):
        raise AssertionError(f"{what}: expected {_shown(expected)}, found {_shown(found)}")


def _same_elements(a: Array, b: Array) -> Any:
    same = np.asarray(np.equal(a, b))
    if dtype_of(a).kind in "fc" and dtype_of(b).kind in "fc":
        same |= np.isnan(a) & np.isnan(b)
    return same


def _shown(x: Array) -> str:
    text = np.array2string(np.asarray(x), threshold=20, precision=17, separator=", ")
    return " ".join(text.split())
