"""Values, gradients and second derivatives equal those of JAX (64-bit), but for listed exceptions.

Where the two part on purpose, at kinks and other hard points, the exception stands here with its
reason.
"""

from collections.abc import Callable
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import tree
from functrans.core.primitive import REGISTRY
from functrans.core.types import dtype_of, is_inexact
from functrans.testing.cases import Case, cases_of
from functrans.testing.differences import close, random_like, size_of, tolerance
from tests.programs import PROGRAMS, Program

pytestmark = pytest.mark.oracle("jax")

# Names that JAX has too, but that are not compared.
NOT_COMPARED = {
    "argpartition": "the order within the parts is free",
    "cumprod": "with parameters that JAX does not have; lax.cumprod is wrong at zeros",
    "eig": "eigenvectors of another phase",
    "eigvals": "no order is defined; test_linalg compares products",
    "lexsort": "other argument conventions, and no derivative",
    "lstsq": "JAX differentiates the solution only at full rank",
    "nextafter": "no derivative in JAX",
    "partition": "the order within the parts is free",
    "pinv": "the sample passes factors",
    "qr": "the sign of the factors is free",
    "spacing": "no derivative in JAX",
    "svd": "the sign of the factors is free",
}

# What is not compared at single samples, and why: (primitive, label or number of the sample).
EXCEPTIONS: dict[tuple[str, str | int], str] = {
    ("absolute", "the kink"): "0 here, 1 in JAX",
    ("fabs", "the kink"): "0 here, 1 in JAX",
    ("copysign", "the kink"): "0 here, the sign of the other operand in JAX",
    ("clip", "at the bounds"): "1 here, 1/2 in JAX",
    ("clip", "equal bounds"): "1 here, 1/4 in JAX",
    ("fmax", "ties"): "split here, 0 in JAX",
    ("fmin", "ties"): "split here, 0 in JAX",
    ("maximum", "NaN"): "the NaN is the one chosen here; JAX chooses none",
    ("minimum", "NaN"): "the NaN is the one chosen here; JAX chooses none",
    ("max", "NaN"): "the NaN is the one chosen here; NaN in JAX",
    ("min", "NaN"): "the NaN is the one chosen here; NaN in JAX",
    ("angle", "real"): "0 here, NaN at 0 in JAX",
    ("angle", "the origin"): "0 here, NaN in JAX",
    ("arctan2", "the origin"): "0 here, NaN in JAX",
    ("arctan2", "infinity"): "0 here, NaN in JAX",
    ("hypot", "the origin"): "0 here, 1/2 in JAX",
    ("hypot", "huge"): "overflows in JAX",
    ("hypot", "tiny"): "underflows in JAX",
    ("hypot", "infinity"): "NaN in JAX",
    ("logaddexp", "both infinite"): "1/2 here, NaN in JAX",
    ("logaddexp", "one infinite"): "wrong in JAX",
    ("logaddexp", "huge"): "inexact in JAX",
    ("logaddexp2", "both infinite"): "1/2 here, NaN in JAX",
    ("logsumexp", "all -inf"): "1/n here, NaN in JAX",
    ("logsumexp", "one +inf"): "1 here, NaN in JAX",
    ("logsumexp", "two +inf"): "1/2 here, NaN in JAX",
    ("logsumexp", "small integers"): "single precision in JAX",
    ("softmax", "all -inf"): "1/n here, NaN in JAX",
    ("softmax", "+inf"): "1 here, NaN in JAX",
    ("softmax", "small integers"): "single precision in JAX",
    ("log_softmax", "all -inf"): "-log(n) here, NaN in JAX",
    ("log_softmax", "+inf"): "0 here, NaN in JAX",
    ("log_softmax", "small integers"): "single precision in JAX",
    ("relu", "far out"): "the NaN is passed on here; JAX passes on none",
    ("standardize", "far from 0"): "the rounding of the mean",
    ("standardize", "empty"): "no mean here, NaN in JAX",
    ("norm", "zero"): "0 here, NaN in JAX",
    ("norm", "complex zero"): "0 here, NaN in JAX",
    ("norm", "zero beside others"): "0 here, NaN in JAX",
    ("norm", "huge"): "overflows in JAX",
    ("power", "x**0"): "0 here, NaN in JAX",
    ("power", "0**y"): "0 at y = 0 here, NaN in JAX",
    ("power", "infinity"): "0 here, NaN in JAX",
    ("sinc", "near the origin"): "inexact in JAX",
    ("svdvals", "zero"): "0 here; JAX takes some subgradient",
    ("svdvals", "rank n - 1"): "0 for the zero singular value here; JAX takes some subgradient",
    ("slogdet", "det underflows"): "the sign is lost in JAX",
    ("det", "0 x 0"): "refused by JAX",
    ("sign", "complex"): "x / |x| has a derivative; JAX takes 0",
    ("arccosh", "complex"): "JAX takes the other branch of the root in the derivative",
    ("arccosh", "the branch cut"): "JAX drops the sign of the zero",
    ("arccos", "the branch cuts"): "JAX drops the sign of the zero",
    ("arcsin", "the branch cuts"): "JAX drops the sign of the zero",
    ("arcsinh", "the branch cuts"): "JAX drops the sign of the zero",
    ("sqrt", "below the branch cut"): "JAX drops the sign of the zero",
    ("clip", "complex"): "refused by JAX",
    ("round", 3): "decimals < 0 of integers is refused by JAX",
    ("searchsorted", 5): "several sorted rows are refused by JAX",
}


def test_names_that_jax_has_are_compared_or_excused() -> None:
    from tests.oracles.jax_counterparts import counterpart, known_by_name

    # tests/test_special.py compares scipy.special, whose rules may have been loaded since, and
    # tests/control compares control flow.
    names = [
        n
        for n, q in REGISTRY.items()
        if ".special" not in q.call.__module__ and q.kind != "higher-order"
    ]
    left_out = {n for n in names if known_by_name(n) and counterpart(n) is None}
    assert left_out <= set(NOT_COMPARED)


def test_exceptions_name_samples() -> None:
    for name, sample in EXCEPTIONS:
        cases = cases_of(REGISTRY[name].call)
        labels = {case.sample.label for case in cases} | set(range(len(cases)))
        assert sample in labels, (name, sample)


COMPARED = [n for n, q in REGISTRY.items() if n not in NOT_COMPARED and q.kind != "higher-order"]


@pytest.mark.parametrize("name", COMPARED)
def test_primitive(name: str) -> None:
    """Value, VJP and Hessian-vector product at every sample."""
    from tests.oracles.jax_counterparts import counterpart

    theirs = counterpart(name)
    if theirs is None:
        pytest.skip("JAX has no such function")
    for i, case in enumerate(cases_of(REGISTRY[name].call)):
        if (name, case.sample.label) not in EXCEPTIONS and (name, i) not in EXCEPTIONS:
            check_case(case, Case(theirs, case.sample, i))


def check_case(case: Case, theirs: Case) -> None:
    import jax

    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        outs = case.outputs(case.leaves)
        precision = [a for a in (*case.take(case.arrays), *outs) if is_inexact(dtype_of(a))]
        compare(theirs.outputs(case.leaves), outs, f"{case}: value", tolerance(1e-13, precision))
        if not case.active or not case.sample.smooth:
            return
        xs = case.take(case.active)
        f, g = smooth_part(case, case.active), smooth_part(theirs, case.active)
        ours = f(*xs)
        if case.sample.pinned is None:
            gs = tuple(random_like(o, rng) for o in ours)
        else:
            gs = tuple(np.ones_like(o)[()] for o in ours)
        typed = tuple(
            jax.numpy.asarray(a, o.dtype) for a, o in zip(gs, g(*xs), strict=True)
        )  # JAX promotes integers with float32 to float32
        gradient = ft.vjp(f, *xs)[1](gs)
        their_gradient = jax.vjp(g, *xs)[1](typed)
        # Of a function of Hermitian matrices only the derivatives along such are defined.
        along = case.sample.along or (lambda x: x)
        compare(
            map(along, map(np.asarray, their_gradient)),
            map(along, gradient),
            f"{case}: VJP",
            tolerance(1e-12, precision),
        )
        if case.differentiable and case.sample.second:
            ts = tuple(np.asarray(along(random_like(x, rng)), dtype_of(x))[()] for x in xs)
            second = ft.jvp(lambda *ys: ft.vjp(f, *ys)[1](gs), xs, ts)[1]
            their_second = jax.jvp(lambda *ys: jax.vjp(g, *ys)[1](typed), tuple(xs), ts)[1]
            compare(
                map(along, map(np.asarray, their_second)),
                map(along, second),
                f"{case}: second derivative",
                tolerance(1e-11, precision),
            )


def smooth_part(case: Case, active: list[int]) -> Callable[..., Any]:
    """The floating-point outputs as a function of some operands."""
    function = case.function(active)
    return lambda *ys: tuple(o for o in function(*ys) if is_inexact(np.dtype(o.dtype)))


def compare(theirs: Any, ours: Any, what: str, rtol: float) -> None:
    for other, one in zip(theirs, ours, strict=True):
        other = np.asarray(other)
        close(one, other.astype(dtype_of(one)), what, rtol=rtol, atol=rtol * size_of([other]))


# Whole programs.


def in_jax(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with JAX in place of NumPy and functrans."""
    from tests.oracles.jax_counterparts import jax

    names = {"np": jax.numpy, "ft": SimpleNamespace(grad=jax.grad)}
    assert isinstance(function, FunctionType)
    return FunctionType(
        function.__code__, {**function.__globals__, **names}, closure=function.__closure__
    )


def total(f: Callable[..., Any], np: Any) -> Callable[..., Any]:
    """A scalar made of all outputs."""

    def scalar(x: Any) -> Any:
        return sum(np.sum(np.cos(leaf)) for leaf in tree.leaves(f(x)))

    return scalar


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_program(program: Program) -> None:
    """Value, gradient and Hessian."""
    from tests.oracles.jax_counterparts import jax

    f, g = program.function, in_jax(program.function)
    x = program.point
    compare(tree.leaves(g(x)), tree.leaves(f(x)), "value", 1e-13)
    f, g = total(f, np), total(g, jax.numpy)
    compare(tree.leaves(jax.grad(g)(x)), tree.leaves(ft.grad(f)(x)), "gradient", 1e-12)
    theirs = jax.jacfwd(jax.grad(g))(x) if not program.reads_values else by_columns(g, x, jax)
    compare(tree.leaves(theirs), tree.leaves(ft.hessian(f)(x)), "Hessian", 1e-11)


def by_columns(g: Callable[..., Any], x: Any, jax: Any) -> Any:
    """The Hessian without vmap, for a function of one array that branches on values."""
    columns = [jax.jvp(jax.grad(g), (x,), (t.reshape(np.shape(x)),))[1] for t in np.eye(np.size(x))]
    return np.stack(columns, axis=-1).reshape(np.shape(x) * 2)
