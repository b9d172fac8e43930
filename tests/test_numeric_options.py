"""Options and odd arguments of NumPy's products, spectra, polynomials, statistics and sets.

NumPy's own call is the oracle: value, dtype, shape, whether a scalar or an array, and the kind of
error, under each transform, as in `tests/test_ufunc_options.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import FunctransError, OperandError
from tests.test_ufunc_options import MASK, TRANSFORMS, differences, outcome

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning"),
]

_rng = np.random.default_rng(0)
X = _rng.uniform(0.3, 2.4, (3, 4))
SQUARE, V = _rng.uniform(0.3, 2.4, (4, 4)), _rng.uniform(0.3, 2.4, 4)
INFINITE = np.array([1.0, np.inf, 2.0])


def each(options: dict[str, list[Any]], call: Callable[..., Any]) -> dict[str, Any]:
    """A call with each value of each option."""
    return {
        f"{option}={value!r}": lambda x, k=option, v=value: call(x, **{k: v})
        for option, values in options.items()
        for value in values
    }


CALLS: dict[str, tuple[Any, dict[str, Callable[[Any], Any]]]] = {
    "norm": (
        X,
        each(
            {
                "keepdims": [True, None, np._NoValue, "x"],
                "axis": [1.0, "0", [0], [0, 1], (0, 1), (0, 0), 5],
            },
            np.linalg.norm,
        ),
    ),
    "einsum": (
        SQUARE,
        each(
            {
                "dtype": ["?", "i8", "f4", "c16", "none such"],
                "casting": ["no", "unsafe", "none such", None, 3],
                "order": ["F", "Z", None, 1],
                "optimize": ["greedy", "none such", 1, ["einsum_path", (0, 1)]],
            },
            lambda x, **options: np.einsum("ij,jk->ik", x, x, **options),
        )
        | each({"dtype": ["f4", "c16"]}, lambda x, **options: np.einsum("ii->i", x, **options)),
    ),
    "vecdot": (
        X,
        {
            "one column": lambda x: np.vecdot(x, x[:, :1]),
            "one column first": lambda x: np.linalg.vecdot(x[:, :1], x),
            "along True": lambda x: np.linalg.vecdot(x, x, axis=True),
            "along a list": lambda x: np.linalg.vecdot(x, x, axis=[0]),
        },
    ),
    "spectra": (
        X,
        {
            "n=True": lambda x: np.fft.fft(x, n=True),
            "of a number": lambda x: np.fft.fftn(x[0, 0]),
            "shift of a number": lambda x: np.fft.fftshift(x[0, 0]),
        },
    ),
    "convolutions": (
        V,
        {
            "infinite": lambda x: np.convolve(x, INFINITE),
            "both infinite": lambda x: np.convolve(x * np.array([1, np.inf, 1, 1]), INFINITE),
            "same": lambda x: np.convolve(x, INFINITE, "same"),
            "by number": lambda x: [np.convolve(x, x[:2], mode) for mode in (0, 1, 2)],
            "of a number": lambda x: np.convolve(x[0], x),
            "of a matrix": lambda x: np.convolve(x[None], x),
            "correlation with a number": lambda x: np.correlate(x, x[0]),
            "correlation with a matrix": lambda x: np.correlate(x[None], x),
        },
    ),
    "polynomials": (
        V,
        {
            "product of matrices": lambda x: np.polymul(x[None], x),
            "product of none": lambda x: np.polymul(x, x[:0]),
            "division of none": lambda x: np.polydiv(x[:0], x),
            "value of bools": lambda x: np.polyval(x > 1, x > 1),
            "zeros of a small dtype": lambda x: np.poly(x.astype("u1")),
            "derivative of a number": lambda x: np.polyder(x[0]),
            "integral of a number": lambda x: np.polyint(x[0]),
            "more constants": lambda x: np.polyint(x, 2, k=[1, 2, 3]),
            "fewer constants": lambda x: np.polyint(x, 3, k=[1, 2]),
            "order 1.0": lambda x: (np.polyder(x, 1.0), np.polyint(x, 1.0)),
            "degree 1.0": lambda x: np.polyfit(x, V, 1.0),
        },
    ),
    "cov": (
        X,
        each(
            {
                "bias": [None, 0, 1, "x"],
                "dtype": ["?", "i1", "f4"],
                "fweights": [1, [1, 2], [-1, 1, 1, 1], [1.5, 1, 1, 1], np.ones((2, 4))],
                "aweights": [1, [1, 2], [-1, 1, 1, 1], [1.5, 1, 1, 1], np.ones((2, 4))],
            },
            np.cov,
        )
        | {
            "of no variables": lambda x: np.cov(x[:0], x),
            "of a stack": lambda x: np.cov(x[None]),
            "with a stack": lambda x: np.cov(x, x[None]),
        },
    ),
    "quantiles": (
        X,
        {
            "infinite": lambda x: np.quantile(np.where(x > 1.2, np.inf, x), 0.9),
            "infinite, no NaN": lambda x: np.nanquantile(np.where(x > 1.2, np.inf, x), 0.9),
            "of bools, by bools": lambda x: np.quantile(x > 1, x[0] > 1),
            "float32": lambda x: np.nanquantile(x.astype("f4"), V.astype("f4") / 3),
            "float16": lambda x: np.nanpercentile(x.astype("f2"), V.astype("f2")),
            "by float32": lambda x: np.nanpercentile(x, V.astype("f4")),
            "of nothing": lambda x: np.nanquantile(x[:0], V / 3, axis=0),
            "of bools": lambda x: np.quantile(x > 1, 0.3),
            "of bools, middle": lambda x: np.percentile(x > 1, 30.0, method="midpoint"),
            "of bools, lower": lambda x: np.quantile(x > 1, 0.3, method="lower"),
            "of bools, no NaN": lambda x: np.nanquantile(x > 1, x[0] / 3),
            "median of nothing": lambda x: np.nanmedian(x[:0], axis=0, keepdims=True),
        },
    ),
    "histograms": (
        V,
        {
            "of weights": lambda x: np.histogram_bin_edges(x, weights=[1, 2]),
            "of weights, a number": lambda x: np.histogram_bin_edges(x, weights=0),
            "of a stack": lambda x: np.histogramdd(np.stack([x, x])[None], range=[(0, 3)] * 4),
            "of two matrices": lambda x: np.histogram2d(x[None], x[None], range=[(0, 3)] * 2),
            "of one weight": lambda x: np.histogram2d(x, x, range=[(0, 3)] * 2, weights=0),
            "of fewer weights": lambda x: np.histogram2d(x, x, range=[(0, 3)] * 2, weights=[1, 2]),
            "of complex weights": lambda x: np.histogram2d(
                x, x, range=[(0, 3)] * 2, weights=1j * x
            ),
        },
    ),
    "sets": (
        V,
        {
            "a number": lambda x: np.isin(x[0], x),
            "an array without axes": lambda x: np.isin(x[0, ...], x, invert=True),
            "a table of floats": lambda x: np.isin(x, x, kind="table"),
            "a table": lambda x: np.isin(x.astype(int), [1, 2], kind="table"),
        },
    ),
    "systems": (
        SQUARE,
        {
            "of a number": lambda x: np.linalg.solve(x, 2.0),
            "least squares of a stack": lambda x: np.linalg.lstsq(x[None], x),
            "least squares of a number": lambda x: np.linalg.lstsq(x, 2.0),
            "an old name of a mode": lambda x: np.linalg.qr(x, "full"),
        },
    ),
    "searches": (
        V,
        {
            "a sorter of another size": lambda x: np.searchsorted(np.sort(V), x, sorter=[0, 1]),
            "a sorter": lambda x: np.searchsorted(x, V, sorter=np.argsort(V)),
            "a sorter of floats": lambda x: np.searchsorted(x, V, sorter=[0.0, 1, 2, 3]),
            "a sorter of bools": lambda x: np.searchsorted(x[:2], V, sorter=[False, True]),
            "places that are bools": lambda x: np.partition(x, True),
            "places that are bools, arguments": lambda x: np.argpartition(x, [True, False]),
            "bins of complex numbers": lambda x: np.digitize(x * 1j, [0.5, 1.0]),
        },
    ),
    "grids": (
        V,
        {
            "through infinity": lambda x: np.interp(x, np.sort(V), x * np.array([1, np.inf, 1, 1])),
            "through NaN": lambda x: np.interp(x, np.sort(V), x * np.array([1, 1, np.nan, 1])),
            "all in one place": lambda x: np.interp(x * 0, x * 0, x * 0),
            "places with NaN": lambda x: np.interp(x, np.sort(V) * np.array([1, 1, 1, np.nan]), V),
            "a complex end": lambda x: np.interp(x, np.sort(V), V, left=1j),
            "ends in a list": lambda x: np.interp(x, np.sort(V), V, right=[1.0]),
            "trapezoids of a row": lambda x: np.trapezoid(x, np.stack([V, 2 * V])),
            "trapezoids of a stack": lambda x: np.trapezoid(np.stack([x, x])[None], X[:2]),
            "slopes beside infinity": lambda x: np.gradient(x * np.array([1, np.inf, 1, 1])),
            "bool steps": lambda x: np.gradient(x, True),
            "ends of order 0": lambda x: np.gradient(x, edge_order=0),
            "ends of order 3": lambda x: np.gradient(x, edge_order=3),
            "ends of no order": lambda x: np.gradient(x, edge_order="x"),
        },
    ),
}


OUTPUTS: dict[str, Callable[..., Any]] = {
    "dot": lambda x, **o: np.dot(x, SQUARE, **o),
    "multi_dot": lambda x, **o: np.linalg.multi_dot([x, SQUARE, SQUARE], **o),
    "outer": lambda x, **o: np.outer(x[0], x[1], **o),
    "einsum": lambda x, **o: np.einsum("ij,jk->ik", x, SQUARE, **o),
    "nanmedian": lambda x, **o: np.nanmedian(x, axis=0, **o),
    "nanquantile": lambda x, **o: np.nanquantile(x, 0.4, axis=0, **o),
    "quantile": lambda x, **o: np.quantile(x, 0.4, axis=0, **o),
    "hfft": np.fft.hfft,
    "ifft2": np.fft.ifft2,
    "irfft2": np.fft.irfft2,
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_results_go_into(name: str) -> None:
    function, found = OUTPUTS[name], {}
    shape, dtype = function(X).shape, function(X).dtype

    def call(x: Any, out: Any) -> Any:
        array = out[0] if isinstance(out, tuple) else out
        result = function(x, out=out)
        return result, array, np.float64(result is array)

    for wanted in ("f4", "f8", "c8", "c16"):
        words = differences(
            lambda x, d=wanted: call(x, np.zeros_like(x, dtype=d, shape=shape)), X, eps=1e-6
        )
        found[wanted] = words
    for label, size in (("more", (2, *shape)), ("fewer", shape[1:]), ("others", (7,))):
        found[label] = differences(
            lambda x, s=size: call(x, np.zeros_like(x, dtype=dtype, shape=s)), X, eps=1e-14
        )
    found["tuple"] = differences(
        lambda x: call(x, (np.zeros_like(x, dtype=dtype, shape=shape),)), X, eps=1e-14
    )
    assert {k: v for k, v in found.items() if v} == {}


@pytest.mark.parametrize(("name", "call"), [(n, c) for n, (_, cs) in CALLS.items() for c in cs])
def test_odd_calls(name: str, call: str) -> None:
    x, calls = CALLS[name]
    assert differences(calls[call], x, eps=1e-14) == {}


def test_leading_zeros_of_products() -> None:
    """They are left out as NumPy does, where they are known: not in lanes and graphs."""
    for name in ("vjp", "jvp"):
        for x in (V * [0, 0, 1, 1], V * 0):
            found = TRANSFORMS[name](lambda x: np.polymul(x, V), x)
            np.testing.assert_allclose(found, np.polymul(x, V), rtol=1e-15)
    found = TRANSFORMS["jit"](lambda x: np.polymul(x, V), V * [0, 0, 1, 1])
    np.testing.assert_allclose(found, np.convolve(V * [0, 0, 1, 1], V), rtol=1e-15)


def test_functions_of_numpy_polynomial_raise_its_errors() -> None:
    theirs, ours = np.polynomial.chebyshev, ft.numpy.polynomial.chebyshev
    days = np.arange(4).astype("M8[D]")
    for name, args in {
        "chebadd": ("x",),
        "chebmul": (days,),
        "chebdiv": ([],),
        "chebval": (),
        "chebfit": (V, "x"),
    }.items():
        expected = outcome(getattr(theirs, name), V, *args)
        assert isinstance(expected, Exception)
        for transform in ("vjp", "jvp", "vmap", "graph", "jit"):
            found = outcome(
                TRANSFORMS[transform], lambda x, n=name, a=args: getattr(ours, n)(x, *a), V
            )
            assert isinstance(found, (FunctransError, type(expected))), (name, transform, found)


def test_masks_of_points_are_kept_or_refused() -> None:
    points = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
    coefficients = np.ones((2, 2))
    ours = ft.numpy.polynomial.polynomial.polyval2d
    expected = np.polynomial.polynomial.polyval2d(points, points, coefficients)
    found = ours(points, points, coefficients)
    assert type(found) is np.ma.MaskedArray
    np.testing.assert_array_equal(found.mask, expected.mask)
    with pytest.raises(OperandError, match="the mask would be lost"):
        ft.vjp(lambda c: ours(points, points, c), coefficients)


def test_remainders_with_nan_keep_their_length() -> None:
    u = V * np.array([1, np.nan, 1, 1])
    for found, expected in zip(
        ft.vjp(lambda x: np.polydiv(x, V[:2]), u)[0], np.polydiv(u, V[:2]), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("ratio", [-1, 0, 0.5, 1, True, 2.5])
def test_least_squares_of_lanes_take_the_ratios_of_lapack(ratio: Any) -> None:
    """One that is not between 0 and 1 stands for the rounding error."""
    a, b = _rng.uniform(0.3, 2.4, (2, 4, 3)), _rng.uniform(0.3, 2.4, (2, 4))
    found = ft.vmap(lambda a, b: np.linalg.lstsq(a, b, ratio))(a, b)
    for k in range(2):
        expected = np.linalg.lstsq(a[k], b[k], ratio)
        for i in (0, 2, 3):  # the residuals of lanes are there whatever the rank is
            np.testing.assert_allclose(found[i][k], expected[i], rtol=1e-10)


def test_least_squares_of_lanes_work_in_double_precision() -> None:
    """As NumPy's do, also of a float32 matrix: the pseudoinverse was of the matrix as it came."""
    a, b = _rng.uniform(0.3, 2.4, (2, 4, 3)).astype("f4"), _rng.uniform(0.3, 2.4, (2, 4))
    found = ft.vmap(lambda a, b: np.linalg.lstsq(a, b)[0])(a, b)
    for k in range(2):
        np.testing.assert_allclose(found[k], np.linalg.lstsq(a[k], b[k])[0], rtol=1e-12)


def test_sets_tell_nans_apart() -> None:
    x = np.array([1.0, np.nan, np.nan, 2.0])
    found = ft.vjp(lambda x: np.setxor1d(x, [1.0, np.nan]), x)[0]
    np.testing.assert_array_equal(found, np.setxor1d(x, [1.0, np.nan]))


def test_histograms_of_what_has_no_order_or_no_end() -> None:
    for f in (np.histogram, np.histogram_bin_edges):
        with pytest.raises(OperandError, match="they have no order"):
            ft.vjp(lambda x, f=f: f(x * 1j), V)
        with pytest.raises(ValueError, match="not finite"):
            ft.vjp(lambda x, f=f: f(x * np.inf), V)


def test_masked_reductions_need_a_start() -> None:
    for options in ({"initial": None}, {"initial": None, "axis": 1}):
        with pytest.raises(ValueError, match="have an identity, so to use a where mask"):
            ft.vjp(lambda x, o=options: np.hypot.reduce(x, where=MASK, **o), X)
    with pytest.raises(ValueError, match="have an identity, so to use a where mask"):
        ft.vjp(lambda x: np.arctan2.reduce(x, where=MASK), X)
