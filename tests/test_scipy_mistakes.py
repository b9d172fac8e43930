"""Odd operands and options of ``functrans.scipy``: taken or refused as SciPy does.

SciPy's own call is the oracle, under each transform.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import tree
from functrans.core.array import TracedArray
from functrans.core.errors import ConversionError, OperandError
from tests.test_numeric_options import SQUARE, V, X
from tests.test_odd_arguments import judged
from tests.test_ufunc_options import TRANSFORMS, differences, lanes, outcome

scipy_linalg = pytest.importorskip("scipy.linalg")

import scipy.special  # noqa: E402

import functrans.scipy.linalg as linalg  # noqa: E402
import functrans.scipy.special as special  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning"),
]

POSITIVE = SQUARE @ SQUARE.T + np.eye(4)

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    name: args
    for names, args in {
        "inv det pinv svdvals qr rq lu lu_factor norm expm polar cosm sinm tanm coshm sinhm tanhm "
        "sqrtm logm signm orth null_space eig eigvals svd": (SQUARE,),
        "eigh eigvalsh cholesky cho_factor pinvh": (POSITIVE,),
        "solve solve_triangular lstsq": (SQUARE, V),
        "expm_frechet khatri_rao": (SQUARE, POSITIVE),
        "toeplitz circulant hankel companion fiedler fiedler_companion": (V,),
        "solve_toeplitz solve_circulant matmul_toeplitz": (V, V[::-1]),
        "leslie": (V, V[:3]),
        "block_diag": (SQUARE, X),
        "solve_sylvester": (SQUARE, POSITIVE, SQUARE),
        "solve_continuous_lyapunov solve_discrete_lyapunov": (SQUARE / 9, POSITIVE),
        "eigh_tridiagonal eigvalsh_tridiagonal": (V, V[:3]),
        "subspace_angles": (X.T, SQUARE[:, :2]),
        "orthogonal_procrustes": (X, X[::-1]),
    }.items()
    for name in names.split()
}

ODD: dict[str, Callable[[Any], Any]] = {
    "a row": lambda x: x[0],
    "a number": lambda x: x[(0,) * x.ndim],
    "no axes": lambda x: x[(0,) * x.ndim + (...,)],
    "fewer rows": lambda x: x[:2],
    "fewer columns": lambda x: x[..., :2],
    "nothing": lambda x: x[:0],
    "a text": lambda x: "x",
    "none": lambda x: None,
    "objects": lambda x: np.array([1, "x"], object),
    "a masked array": lambda x: np.ma.masked_array([[1.0, 2], [3, 4]], [[0, 1], [0, 0]]),
    "a list with text": lambda x: [x[0], "x"],
    "a ragged list": lambda x: [x[:2], x[:1]],
}


def either(ours: Any, theirs: Any) -> Callable[..., Any]:
    """Ours where an argument is traced, otherwise SciPy's."""

    def call(*args: Any, **options: Any) -> Any:
        leaves = tree.leaves((args, options))
        traced = any(issubclass(type(x), TracedArray) for x in leaves)
        return (ours if traced else theirs)(*args, **options)

    return call


def refusals(call: Callable[..., Any], args: tuple[Any, ...]) -> dict[str, str]:
    """How a call that SciPy refuses is not refused as it is, by transform."""
    expected, found = outcome(call, *args), {}
    if not isinstance(expected, Exception):
        return {}
    for name, transform in TRANSFORMS.items():
        words = judged(outcome(transform, call, *args), expected, scalars=False)
        if words:
            found[name] = f"{words}: {expected!r}"
    return found


@pytest.mark.parametrize("name", ARGUMENTS)
def test_what_scipy_refuses_is_refused(name: str) -> None:
    """By an error of SciPy's class, or by one of functrans that says why."""
    args = ARGUMENTS[name]
    call = either(getattr(linalg, name), getattr(scipy_linalg, name))
    found = {}
    for place in range(len(args)):
        for label, odd in ODD.items():
            if len(args) == 1 and label in ("a text", "none", "objects", "a masked array"):
                continue  # nothing is traced

            def with_odd(*xs: Any, i: int = place, odd: Any = odd) -> Any:
                return call(*xs[:i], odd(xs[i]), *xs[i + 1 :])

            found[f"{label} {place}"] = refusals(with_odd, args)
    found["an option that there is not"] = refusals(lambda *xs: call(*xs, unknown=1), args)
    found["one argument more"] = refusals(lambda *xs: call(*xs, *[xs[0]] * 9), args)
    assert {k: v for k, v in found.items() if v} == {}


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("solve", {"assume_a": "none such"}),
    ("solve_triangular", {"trans": []}),
    ("lstsq", {"lapack_driver": "none such"}),
    ("qr", {"mode": "none such"}),
    ("rq", {"mode": "raw"}),
    ("polar", {"side": "none such"}),
    ("pinv", {"atol": -1.0}),
    ("pinvh", {"rtol": -1.0}),
    ("svd", {"lapack_driver": "none such"}),
    ("svd", {"lapack_driver": None}),
    ("null_space", {"lapack_driver": 1}),
    ("eigh", {"driver": "none such"}),
    ("eigh", {"driver": "gvd"}),
    ("eigh", {"driver": "ev", "b": POSITIVE}),
    ("eigh", {"driver": "evd", "subset_by_index": (0, 1)}),
    ("eigh", {"type": 4, "b": POSITIVE}),
    ("eigh", {"subset_by_index": (0, 9)}),
    ("eigvalsh", {"driver": "none such"}),
    ("solve_discrete_lyapunov", {"method": "none such"}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=lambda x: str(x)[:40])
def test_options_that_scipy_refuses_are_refused(name: str, options: dict[str, Any]) -> None:
    call = either(getattr(linalg, name), getattr(scipy_linalg, name))
    assert isinstance(outcome(call, *ARGUMENTS[name], **{}), (np.ndarray, tuple))
    wrong = outcome(lambda *xs: call(*xs, **options), *ARGUMENTS[name])
    assert isinstance(wrong, Exception)
    assert refusals(lambda *xs: call(*xs, **options), ARGUMENTS[name]) == {}


TAKEN: dict[str, tuple[str, tuple[Any, ...], Callable[..., Any]]] = {
    "a matrix of one element": ("solve", (V,), lambda f, x: f(x[:1, None], x)),
    "a number for a matrix": ("solve", (V,), lambda f, x: f(x[0], x)),
    "two numbers": ("solve", (V,), lambda f, x: f(x[0], x[1])),
    "factor of a number": ("cholesky", (V,), lambda f, x: f(x[0])),
    "exponential of a number": ("expm", (V,), lambda f, x: f(x[0])),
    "equation of numbers": ("solve_continuous_lyapunov", (V,), lambda f, x: f(x[0], x[1])),
    "bools": ("toeplitz", (V,), lambda f, x: f(x > 1)),
    "factors without columns": ("lu", (SQUARE,), lambda f, x: f(x[:, :0])),
    "complex residuals": (
        "lstsq",
        (SQUARE,),
        lambda f, x: f(x + 0.5j, x[0] + 1j)[:2],
    ),
    "by another driver": ("eigvalsh", (POSITIVE,), lambda f, x: f(x, driver="evx")),
    "what is not finite": (
        "eigvalsh",
        (POSITIVE,),
        lambda f, x: np.shape(f(x, check_finite=False)),
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_scipy_takes_is_taken(name: str) -> None:
    function, args, call = TAKEN[name]
    f = either(getattr(linalg, function), getattr(scipy_linalg, function))
    assert differences(lambda *xs: call(f, *xs), *args, eps=1e-13) == {}


SPECIAL: dict[str, Callable[..., Any]] = {
    "comb of small integers": lambda f, x: f.comb((4 * x).astype("u1"), (2 * x).astype("u1")),
    "comb of bools": lambda f, x: f.comb(x > 0.5, x > 1),
    "comb with repetition": lambda f, x: f.comb((2 * x).astype(int), (x > 1) * 1, repetition=True),
    "logsumexp of small integers": lambda f, x: f.logsumexp((2 * x).astype("i1"), axis=0),
    "logsumexp of bools": lambda f, x: f.logsumexp(x > 1),
    "logsumexp with one axis left": lambda f, x: f.logsumexp(x, keepdims=1),
    "softmax at infinity": lambda f, x: f.softmax(np.where(x > 2, np.inf, x), axis=1),
    "softmax at minus infinity": lambda f, x: f.softmax(np.where(x > 1, -np.inf, x), axis=1),
    "softmax of a number": lambda f, x: f.softmax(x[0, 0]),
    "softmax of bools": lambda f, x: f.softmax(x > 1),
    "softmax of nothing": lambda f, x: f.softmax(x[:0]),
    "log_softmax of bools": lambda f, x: f.log_softmax(x > 1),
    "multigammaln with a dimension that is none": lambda f, x: f.multigammaln(x + 4, 1.5),
    "spherical_jn of a text": lambda f, x: f.spherical_jn("x", x),
    "an option that there is not": lambda f, x: f.logsumexp(x, unknown=1),
    "an axis that there is not": lambda f, x: f.softmax(x, axis=5),
}


class _Either:
    def __getattr__(self, name: str) -> Any:
        return either(getattr(special, name), getattr(scipy.special, name))


@pytest.mark.parametrize("name", SPECIAL)
def test_functions_that_scipy_writes_in_python(name: str) -> None:
    def call(x: Any) -> Any:
        return SPECIAL[name](_Either(), x)

    expected = outcome(call, X)
    for transform, apply in TRANSFORMS.items():
        batched = transform == "vmap" and not isinstance(expected, Exception)
        wanted = outcome(lanes, call, X) if batched else expected
        assert judged(outcome(apply, call, X), wanted, transform != "vmap") == "", transform


@pytest.mark.parametrize("name", ["logm", "sqrtm", "signm"])
def test_what_values_decide_is_one_kind_of_mistake(name: str) -> None:
    """Whether the result for a real matrix is real, as its eigenvalues are."""
    function = getattr(linalg, name)
    with pytest.raises(ConversionError, match=rf"^{name}: .*not known before"):
        ft.make_graph(function)(SQUARE)
    with pytest.raises(ConversionError, match="not known before"):
        ft.make_graph(np.linalg.eigvals)(SQUARE)


def test_distributions_take_real_numbers() -> None:
    """Imaginary parts were left out."""
    from functrans.scipy import stats

    calls: list[Callable[[Any], Any]] = [
        lambda x: stats.norm.logpdf(x + 1j),
        lambda x: stats.t.cdf(x, 3 + 0j * x),
        lambda x: stats.poisson.pmf(1, x, loc=1j),
        lambda x: stats.gamma.sf(np.array([1, 2, 3, 4], object), x),
    ]
    for call in calls:
        for transform in TRANSFORMS.values():
            with pytest.raises(OperandError, match="takes real numbers, got"):
                transform(call, V)


def test_values_that_scipy_refuses_are_refused_where_they_are_known() -> None:
    calls: dict[str, tuple[Any, Any]] = {
        "leading coefficient": (linalg.companion, V * [0, 1, 1, 1]),
        "too small": (lambda x: special.multigammaln(x, 9), V),
        "singular": (lambda x: linalg.solve(x[:1, None], x), V * 0),
        "not finite": (linalg.tanm, SQUARE * np.inf),
        "not finite, an equation": (lambda x: linalg.solve_sylvester(x, x, x), SQUARE * np.nan),
    }
    for name, (function, x) in calls.items():
        for transform in ("vjp", "jvp"):
            found = outcome(TRANSFORMS[transform], function, x)
            assert isinstance(found, ValueError), (name, transform, found)


def test_what_is_not_finite_may_be_let_pass() -> None:
    bad = np.where(np.eye(4) > 0, np.nan, POSITIVE)
    for f in (linalg.eigvalsh, linalg.eigvals):
        wanted = outcome(getattr(scipy_linalg, f.__name__), bad)
        assert isinstance(wanted, ValueError)
        with pytest.raises(ValueError, match="must not contain infs or NaNs"):
            ft.vjp(f, bad)
        found = outcome(ft.vjp, lambda x, f=f: f(x, check_finite=False), bad)
        assert not isinstance(found, ValueError) or isinstance(found, np.linalg.LinAlgError)
