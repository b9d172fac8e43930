"""Where the generic tests try a primitive: sample inputs by domain, with hard points among them.

A :class:`Sample` is one call. Numerical tests compare its derivative with differences, unless the
sample *pins* it: ``pinned`` holds, for each operand, the exact gradient of the summed output there
(None: not compared), which is how kinks, ties, poles and infinities are held to their convention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.types import Array, Shape


class Sample:
    """One call of a primitive.

    Parameters
    ----------
    *args : array_like
        The operands.
    pinned : sequence, optional
        The expected gradient of ``sum(output)`` with respect to each operand; None for "not
        compared". Such a sample is left out of the numerical comparisons. A complex output is
        pulled back from ones, without conjugation.
    smooth : bool
        False: values, shapes and batching are tested here, derivatives are not compared (at all).
    unchosen : bool
        The zeros among the pinned gradients are structural: of lanes that a choice does not take,
        or of a constant, so that they stay zero whatever is behind.
    second : bool
        False: no second derivative exists here.
    value : array_like, optional
        What the primitive returns here (a tuple for several outputs), exactly. For implementations
        that are no function of NumPy, and that no derivative would show to be wrong.
    along : callable, optional
        Makes a direction of the first operand out of a random one: those in which the function can
        be followed (Hermitian matrices). Differences are taken along these alone.
    view : callable, optional
        A function of the outputs whose derivatives are compared in place of the outputs' own, which
        are not determined (phases of eigenvectors).
    label : str
        What makes the point hard; shown by failing tests.
    **params
        The primitive's parameters.

    Examples
    --------
    >>> Sample(0.0, pinned=[0.0], label="kink")
    Sample(0.0, kink)
    """

    __slots__ = (
        "along",
        "args",
        "label",
        "params",
        "pinned",
        "second",
        "smooth",
        "unchosen",
        "value",
        "view",
    )

    def __init__(
        self,
        *args: Any,
        pinned: Any = None,
        smooth: bool = True,
        second: bool = True,
        unchosen: bool = False,
        value: Any = None,
        along: Callable[[Array], Array] | None = None,
        view: Callable[..., Any] | None = None,
        label: str = "",
        **params: Any,
    ) -> None:
        self.args: tuple[Array, ...] = args
        self.pinned = pinned
        self.smooth = smooth
        self.second = second
        self.unchosen = unchosen
        self.value = value
        self.along = along
        self.view = view
        self.label = label
        self.params = params

    def __repr__(self) -> str:
        args = [repr(a).replace("\n", "") for a in self.args]
        params = [f"{k}={v!r}" for k, v in self.params.items()]
        return f"Sample({', '.join(args + params)}{', ' + self.label if self.label else ''})"


def uniform(shape: Shape, seed: int) -> Array:
    """Fixed pseudo-random numbers in [0, 1), by splitmix64: numpy.random would double the time that
    ``import functrans`` takes."""
    size = 1
    for n in shape:
        size *= n
    x = np.arange(1, size + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x += np.uint64(seed << 32)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).reshape(shape) * 2.0**-53


def draw(shape: Shape, low: float, high: float, seed: int = 0) -> Array:
    """Fixed pseudo-random numbers between `low` and `high`."""
    return np.asarray(low + (high - low) * uniform(shape, seed))


def draw_complex(shape: Shape, low: float, high: float, seed: int = 0) -> Array:
    """Fixed pseudo-random complex numbers with both parts between `low` and `high`."""
    return draw(shape, low, high, seed) + 1j * draw(shape, low, high, seed + 1)


QUADRANTS = np.array([1, 1j, -1, -1j])
"""Turns that carry complex numbers into every quadrant."""


def draw_integers(shape: Shape, low: int, high: int, seed: int = 0) -> Array:
    """Fixed pseudo-random integers from `low` to `high`, both included."""
    return np.asarray(np.floor(draw(shape, low, high + 1, seed)).astype(np.int64))


def unary(
    low: float, high: float, *hard: Sample, complex_too: bool = True
) -> Callable[[], list[Sample]]:
    """Samples of a function of one operand on ``[low, high]``, of every shape and dtype.

    Examples
    --------
    >>> [sample.label for sample in unary(-1, 1, complex_too=False)()]
    ['0-d', 'empty', '', 'non-contiguous', 'float32']
    """

    def samples() -> list[Sample]:
        regular = [
            Sample(draw((), low, high, 1)[()], label="0-d"),
            Sample(draw((0,), low, high), label="empty"),
            Sample(draw((3,), low, high, 2)),
            Sample(draw((2, 3), low, high, 3).T, label="non-contiguous"),
            Sample(draw((3,), low, high, 4).astype(np.float32), label="float32"),
        ]
        if complex_too:
            z = draw_complex((2, 2), low, high, 5) * QUADRANTS.reshape(2, 2)
            regular.append(Sample(z, label="complex"))
        return regular + list(hard)

    return samples


def binary(
    low: float, high: float, *hard: Sample, complex_too: bool = True
) -> Callable[[], list[Sample]]:
    """Samples of a function of two operands on ``[low, high]``, broadcast in every way.

    Examples
    --------
    >>> [sample.args[0].shape for sample in binary(-1, 1)()[:4]]
    [(3,), (2, 3), (2, 1), ()]
    """

    def samples() -> list[Sample]:
        def pair(a: Shape, b: Shape, label: str) -> Sample:
            return Sample(draw(a, low, high, 1), draw(b, low, high, 2), label=label)

        single = draw((3,), low, high, 3).astype(np.float32)
        regular = [
            pair((3,), (3,), ""),
            pair((2, 3), (3,), "broadcast"),
            pair((2, 1), (1, 3), "broadcast both"),
            pair((), (3,), "0-d"),
            pair((), (), "both 0-d"),
            pair((0, 3), (3,), "empty"),
            Sample(single, draw((3,), low, high, 4), label="mixed precision"),
            Sample(single, 0.4 * low + 0.6 * high, label="float32, Python number"),
            Sample(0.6 * low + 0.4 * high, single, label="Python number, float32"),
            Sample(np.float32(0.3 * low + 0.7 * high), single[:2], label="float32"),
        ]
        if complex_too:
            z = draw_complex((3,), low, high, 7) * QUADRANTS[:3]
            regular += [
                Sample(z, draw((3,), low, high, 8), label="complex, real"),
                Sample(draw((2, 3), low, high, 9), z, label="real, complex"),
                Sample(z, z[::-1], label="complex"),
            ]
        return regular + list(hard)

    return samples


def integers(operands: int) -> Callable[[], list[Sample]]:
    """Samples of a function of small whole numbers."""

    def samples() -> list[Sample]:
        def args(*shapes: Shape) -> list[Array]:
            return [draw_integers(s, 0, 7, i) for i, s in enumerate(shapes[:operands])]

        return [
            Sample(*args((3,), (3,))),
            Sample(*args((2, 3), (3,)), label="broadcast"),
            Sample(*args((), ()), label="0-d"),
            Sample(*args((0,), (0,)), label="empty"),
        ]

    return samples
