"""The functions of ``numpy.fft``: lengths, axes, scalings and types, held to NumPy to the last bit.

The primitives below them are tried by the generic tests. Derivatives of half spectra are compared
with matrices here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.core.array import FUNCTIONS
from functrans.core.errors import InPlaceError
from functrans.testing import Sample, check_grads, check_rules

Array = Any
NORMS = ("backward", "ortho", "forward")
TO_HALF = ("rfft", "ihfft", "rfft2", "rfftn")
LINE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
PLANE = ("fft2", "ifft2", "rfft2", "irfft2")
SPACE = ("fftn", "ifftn", "rfftn", "irfftn")
TRANSFORMS = LINE + PLANE + SPACE
SHIFTS = ("fftshift", "ifftshift")
EXACT = {"rtol": 1e-14, "atol": 1e-14}  # some roundings of numbers of size 1


def draw(name: str, *shape: int, seed: int = 0) -> Array:
    """Numbers that the function `name` takes: complex unless it needs real ones."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return x if name in TO_HALF else x + 1j * rng.standard_normal(shape)


def same_bits(found: Array, expected: Array) -> None:
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert found.tobytes() == expected.tobytes()


def value_in(f: Callable[..., Any], x: Array) -> tuple[Array, Array]:
    """The value of ``f(x)`` from a traced `x`, in reverse and in forward mode."""
    return ft.vjp(f, x)[0], ft.jvp(f, (x,), (np.ones_like(x),))[0]


# Options: shape, then keywords.
LINES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((4,), {}),
    ((3, 5), {"axis": 0}),
    ((5, 2), {"axis": -2, "norm": "ortho"}),
    ((2, 5), {"n": 3, "norm": "forward"}),
    ((2, 3), {"n": 6, "norm": "backward"}),
    ((2, 3), {"n": 7}),
    ((3,), {"n": 1}),
    ((3,), {"n": 2}),
    ((0, 3), {"n": 4}),
    ((2, 0), {"n": 3}),
    ((2,), {"n": np.int32(3)}),
]
SEVERAL: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((3, 4), {}),
    ((2, 3, 2), {"norm": "ortho"}),
    ((2, 3, 4), {"axes": (0, 2), "norm": "forward"}),
    ((2, 3, 4), {"axes": [2, 0], "s": [3, 3]}),
    ((2, 3, 2), {"axes": (-1, 1), "s": (-1, 5), "norm": "ortho"}),
    ((3, 2), {"axes": (0, 0), "norm": "ortho"}),
    ((3, 2), {"axes": (0, 1, 0), "s": (4, 2, 5)}),
    ((3, 2), {"axes": (1,), "s": (1,)}),
    ((0, 4), {"axes": (1,)}),
]


def calls() -> list[Any]:
    table = [(name, case) for name in LINE for case in LINES]
    table += [(name, case) for name in PLANE + SPACE for case in SEVERAL]
    return [
        pytest.param(name, shape, options, id=f"{name}-{shape}-{options}")
        for name, (shape, options) in table
        if not (name in ("irfft", "hfft") and shape[-1] == 0)  # see test_nothing_is_padded
    ]


@pytest.mark.parametrize(("name", "shape", "options"), calls())
def test_values_are_numpys(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    """Of every precision, in both modes, in a batch, and by shape alone."""
    f = getattr(np.fft, name)
    x = draw(name, *shape)
    single = np.float32 if name in TO_HALF else np.complex64
    for a in (x, x.astype(single), x.real, x.real.astype(np.float32)):
        expected = f(a, **options)
        for found in value_in(lambda a: f(a, **options), a):
            same_bits(found, expected)
        kind = ft.eval_shape(lambda a: f(a, **options), a)
        assert (kind.shape, kind.dtype) == (expected.shape, expected.dtype)
    batch = np.stack([x, x[::-1]])
    found = ft.vmap(lambda a: f(a, **options))(batch)
    same_bits(found, np.stack([f(a, **options) for a in batch]))
    same_bits(getattr(fnp.fft, name)(x, **options), f(x, **options))


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("n", [64, 101, 2 * 499])
def test_values_are_numpys_for_every_algorithm(name: str, n: int) -> None:
    """Lengths of small and of large prime factors, shortened and lengthened."""
    f = getattr(np.fft, name)
    x = draw(name, 3, n)
    for length in (n - 1, n, n + 1):
        options = {"n": length} if name in LINE else {"s": (4, length), "axes": (0, 1)}
        for found in value_in(lambda a, o=options: f(a, **o), x):
            same_bits(found, f(x, **options))


@pytest.mark.parametrize("name", LINE)
def test_rules_along_one_axis(name: str) -> None:
    options = [{"norm": "ortho"}, {"n": 2, "axis": 0}, {"n": 5, "axis": 0, "norm": "forward"}]
    check_rules(getattr(np.fft, name), [Sample(draw(name, 3, 2), **o) for o in options])


@pytest.mark.parametrize("name", PLANE + SPACE)
def test_rules_along_several_axes(name: str) -> None:
    options = [{}, {"axes": (1, 0), "s": (3, 2), "norm": "ortho"}, {"axes": (0, 0)}]
    check_rules(getattr(np.fft, name), [Sample(draw(name, 2, 3), **o) for o in options])


# Half spectra.


def roots(n: int, m: int, sign: int) -> Array:
    """The matrix of the Fourier transform of `n` points to `m` frequencies, or of the inverse."""
    return np.exp(sign * 2j * np.pi * np.outer(np.arange(m), np.arange(n)) / n)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_half_spectra_of_odd_and_even_lengths(n: int, norm: str) -> None:
    """The middle frequencies count twice on the way back; the first and an even last one once."""
    m = n // 2 + 1
    to, back = {"backward": (1, n), "ortho": (n**0.5, n**0.5), "forward": (n, 1)}[norm]
    twice = np.array([1.0 if 2 * k in (0, n) else 2.0 for k in range(m)])
    x, g, z, h = draw("rfft", n), draw("fft", m), draw("fft", m), draw("rfft", n, seed=1)

    _, pull = ft.vjp(lambda x: np.fft.rfft(x, norm=norm), x)
    np.testing.assert_allclose(pull(g)[0], np.real(g @ roots(n, m, -1)) / to, **EXACT)
    _, pull = ft.vjp(lambda x: np.fft.ihfft(x, norm=norm), x)
    np.testing.assert_allclose(pull(g)[0], np.real(g @ roots(n, m, 1)) / back, **EXACT)
    _, pull = ft.vjp(lambda z: np.fft.irfft(z, n, norm=norm), z)
    np.testing.assert_allclose(pull(h)[0], twice * (roots(n, m, 1) @ h) / back, **EXACT)
    _, pull = ft.vjp(lambda z: np.fft.hfft(z, n, norm=norm), z)
    np.testing.assert_allclose(pull(h)[0], twice * (roots(n, m, -1) @ h) / to, **EXACT)


def test_ignored_imaginary_parts_have_derivative_0() -> None:
    """The first and an even last frequency of real points are real."""
    gradient = ft.grad(lambda y: np.sum(np.fft.irfft(1 + 1j * y, 4) * np.array([1.0, 2, 4, 8])))
    found = gradient(np.zeros(3))
    assert found[0] == 0 == found[2] and found[1] != 0


def test_parseval() -> None:
    """The energy of an ortho spectrum is that of the points, and so is its gradient."""
    x = draw("rfft", 6)
    energy = lambda x: np.sum(np.abs(np.fft.fft(x, norm="ortho")) ** 2)  # noqa: E731
    np.testing.assert_allclose(ft.grad(energy)(x), 2 * x, **EXACT)
    np.testing.assert_allclose(ft.hessian(energy)(x), 2 * np.eye(6), **EXACT)


def test_deconvolution_filter() -> None:
    """Derivatives of a program: through spectra, their magnitudes, and back, to second order."""

    def loss(x: Array, kernel: Array) -> Array:
        blurred = np.fft.irfft(np.fft.rfft(x, 8) * np.fft.rfft(kernel, 8), 8)
        return np.sum(blurred**3) + np.sum(np.abs(np.fft.fftshift(np.fft.fft(x))) ** 3)

    check_grads(loss, (draw("rfft", 5), draw("rfft", 3, seed=1)))


@pytest.mark.parametrize("name", LINE)
def test_nothing_is_padded(name: str) -> None:
    """From no elements come zeros (from NumPy's `irfft` and `hfft` whatever lies in memory)."""
    f = getattr(np.fft, name)
    value, pull = ft.vjp(lambda x: f(x, 3), draw(name, 2, 0))
    np.testing.assert_array_equal(value, np.zeros_like(f(draw(name, 2, 1), 3)))
    assert pull(value)[0].shape == (2, 0)


# Types, graphs and batches.


@pytest.mark.parametrize("name", TRANSFORMS)
def test_single_precision_stays_single(name: str) -> None:
    """Values, tangents and cotangents, and every step on the way."""
    f = lambda x: getattr(np.fft, name)(x, norm="ortho")  # noqa: E731
    x = draw(name, 3, 4)
    x = x.astype(np.float32 if name in TO_HALF else np.complex64)

    def both(x: Array, t: Array) -> Array:
        value, pull = ft.vjp(f, x)
        return value, pull(np.ones_like(value)), ft.jvp(f, (x,), (t,))[1]

    graph = ft.make_graph(both)(x, x)
    steps = {v.type.dtype for equation in graph.equations for v in equation.outputs}
    assert steps <= {np.dtype(np.float32), np.dtype(np.complex64)}
    _, (gradient,), _ = graph(x, x)
    assert gradient.dtype == x.dtype


@pytest.mark.parametrize("name", TRANSFORMS)
def test_batches_are_not_loops(name: str) -> None:
    f = getattr(np.fft, name)
    x = draw(name, 5, 3, 4)
    one = ft.make_graph(f)(x[0])
    assert len(ft.make_graph(ft.vmap(f))(x).equations) == len(one.equations)


def test_batch_along_any_axis() -> None:
    x = draw("fft", 2, 3, 4)
    found = ft.vmap(lambda a: np.fft.fftn(a, axes=(0,)), in_axes=2, out_axes=1)(x)
    np.testing.assert_array_equal(found, np.moveaxis(np.fft.fft(x, axis=0), 2, 1))
    nested = ft.vmap(ft.vmap(lambda a: np.fft.rfft(a, 6)))(x.real)
    same_bits(nested, np.fft.rfft(x.real, 6))


def test_integers_and_half_precision() -> None:
    for dtype in (bool, np.int8, np.float16):
        x = np.array([1, 0, 3]).astype(dtype)
        for name in LINE:
            f = getattr(np.fft, name)
            same_bits(ft.vmap(f)(np.stack([x, x]))[1], f(x))


# The order of frequencies.


@pytest.mark.parametrize("name", SHIFTS)
def test_shifts(name: str) -> None:
    f = getattr(np.fft, name)
    for shape, axes in [
        ((4,), None),
        ((5,), 0),
        ((3, 4), None),
        ((3, 4), -1),
        ((2, 3, 5), (0, 2)),
        ((5, 2), [0, 0]),
        ((0, 3), None),
    ]:
        x = draw(name, *shape)
        for found in value_in(lambda a, axes=axes: f(a, axes), x):
            same_bits(found, f(x, axes))
    check_rules(f, [Sample(draw(name, 3, 4)), Sample(draw(name, 3, 5), axes=(1,))])


def test_frequencies_of_a_traced_spacing() -> None:
    for f in (np.fft.fftfreq, np.fft.rfftfreq):
        np.testing.assert_array_equal(ft.vjp(lambda d, f=f: f(5, d), 0.25)[0], f(5, 0.25))
        check_grads(lambda d, f=f: f(5, d), (0.25,))
        found = ft.vmap(lambda d, f=f: f(4, d))(np.array([0.5, 2.0]))
        np.testing.assert_array_equal(found, [f(4, 0.5), f(4, 2.0)])


# Arguments.


def test_every_function_is_there_with_numpys_signature() -> None:
    ordinary = {"fftfreq", "rfftfreq"}  # made of operations that find traced arrays by themselves
    assert set(TRANSFORMS) | set(SHIFTS) | ordinary == set(np.fft.__all__)
    for name in np.fft.__all__:
        theirs = getattr(np.fft, name)
        if name in ordinary:  # ours have a dtype besides
            continue
        assert getattr(fnp.fft, name) is theirs
        ours = FUNCTIONS[theirs]
        found, expected = (inspect.signature(f).parameters.values() for f in (ours, theirs))
        assert [(p.name, p.default) for p in found] == [(p.name, p.default) for p in expected]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_out_is_refused(name: str) -> None:
    f = getattr(np.fft, name)
    x = draw(name, 3, 4)
    out = f(x)
    with pytest.raises(
        InPlaceError, match=rf"numpy\.fft\.{name}: the array to write to is a plain"
    ):
        ft.vjp(lambda x: f(x, out=out), x)


@pytest.mark.parametrize("name", TO_HALF)
def test_half_spectra_are_of_real_points(name: str) -> None:
    with pytest.raises(TypeError, match=rf"numpy\.fft\.{name} takes real arrays, got .*complex64"):
        ft.vmap(getattr(np.fft, name))(np.ones((2, 3, 4), np.complex64))


@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        *((name, (3,), {"n": 0}) for name in LINE),
        *((name, (3,), {"norm": "unitary"}) for name in LINE),
        *((name, (3,), {"n": 2.0}) for name in LINE),
        *((name, (3,), {"n": 2, "axis": 1}) for name in LINE),
        *((name, (), {}) for name in LINE),
        *((name, (1,), {}) for name in ("irfft", "hfft")),
        *((name, (0,), {}) for name in LINE),
        *((name, (3,), {}) for name in PLANE),
        *((name, (3, 3), {"s": (2,), "axes": (0, 1)}) for name in PLANE + SPACE),
        *((name, (3, 3), {"axes": 1}) for name in PLANE + SPACE),
        *((name, (3, 3), {"axes": (0, 2)}) for name in PLANE + SPACE),
        *((name, (3, 3), {"norm": "unitary"}) for name in PLANE + SPACE),
        *((name, (3, 3), {"axes": ()}) for name in ("rfftn", "irfftn")),
        *((name, (2, 3), {"axes": 2}) for name in SHIFTS),
    ],
)
def test_wrong_arguments_are_refused(
    name: str, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    """By an error of a class that NumPy's belongs to."""
    f = getattr(np.fft, name)
    with pytest.raises((ValueError, IndexError, TypeError)) as theirs:
        f(np.ones(shape), **options)
    with pytest.raises(type(theirs.value)):
        ft.vjp(lambda x: f(x, **options), np.ones(shape))


def test_no_axes_leave_everything_as_it_is() -> None:
    for f in (np.fft.fftn, np.fft.ifftn):
        for x, options in ((np.ones((2, 3)), {"s": (), "axes": ()}), (np.float64(2.0), {})):
            same_bits(ft.vjp(lambda x, f=f, o=options: f(x, **o), x)[0], f(x, **options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"s": (3, 5)}, r"fftn\(s=\) without axes"),
        ({"s": (None, 5), "axes": (0, 1)}, r"None in numpy\.fft\.fftn"),
    ],
)
def test_deprecated_lengths_warn(options: dict[str, Any], message: str) -> None:
    x = draw("fftn", 2, 4)
    with pytest.warns(DeprecationWarning, match=message) as warned:
        found = ft.vjp(lambda x: np.fft.fftn(x, **options), x)[0]
    assert warned[0].filename == __file__
    with pytest.warns(DeprecationWarning):
        same_bits(found, np.fft.fftn(x, **options))


def test_lists_of_traced_values() -> None:
    """NumPy does not look into lists, so an array is made of them first."""
    check_grads(lambda a, b: np.fft.fft(fnp.array([a, b, a * b])), (1.5, -0.5))
