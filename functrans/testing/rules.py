"""``check_rules``: whether the rules of a primitive or custom function are right and agree.

Each ``check_...`` function proves one property at one case and raises AssertionError otherwise.
"""

from __future__ import annotations

from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.primitive import Rule
from functrans.core.types import Array, dtype_of, is_inexact, shape_of, type_of
from functrans.testing.batching import check_batched_derivatives, check_batching
from functrans.testing.cases import Case, cases_of
from functrans.testing.compositions import check_compositions
from functrans.testing.differences import (
    close,
    close_to_difference,
    identical,
    pairing,
    random_like,
    richardson,
    size_of,
    tolerance,
)
from functrans.testing.layouts import check_layouts
from functrans.testing.pinned import check_pinned
from functrans.testing.refusals import check_refusals
from functrans.testing.staging import check_staging
from functrans.testing.structure import check_structure
from functrans.transforms.forward import jvp
from functrans.transforms.gradient import vjp
from functrans.transforms.jacobian import jacfwd, jacrev
from functrans.transforms.linearize import linearize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SMALL = 64  # the largest Jacobian (in elements) that is compared as a whole


def check_rules(
    function: Callable[..., Any],
    samples: Sequence[Any] | None = None,
    *,
    seed: int = 0,
    directions: int = 1,
) -> None:
    """Raise unless all rules of a primitive or of a :class:`functrans.custom` function are right.

    At every sample: values, JVP against extrapolated differences, VJP against JVP, linearity, the
    four second derivatives, batching against a loop, words of batching and derivatives, staging and
    the shape rule, memory layouts, every subset of differentiated operands, structural zeros, and
    pinned gradients.

    Parameters
    ----------
    function : callable
        A primitive's public function (its own samples are used unless others are given), or a
        function with custom rules.
    samples : sequence of Sample or tuple, optional
        Where to check: :class:`Sample` objects or tuples of arguments.
    seed : int
        Of the random directions, tangents and cotangents. Messages name any other than 0.
    directions : int
        Along how many of them each operand's JVP is compared with differences.

    Raises
    ------
    AssertionError
        A rule is wrong or missing. The message names the sample, the operand, the property, and the
        values expected and found.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> from functrans.testing import check_rules
    >>> check_rules(ft.primitives.sin)
    >>> @ft.custom
    ... def cube(x):
    ...     return x * x * x
    >>> cube.defvjp(lambda x: (cube(x), x), lambda x, g: (3 * g * x * x,))
    >>> check_rules(cube, [(2.0,), (np.array([1.0, -0.5]),)])
    """
    cases = cases_of(function, samples, seed, directions)
    check_coverage(cases)
    for case in cases:
        for check in CHECKS:
            check(case)


def check_coverage(cases: Sequence[Case]) -> None:
    """Every operand with a derivative rule is differentiated at some sample."""
    primitive = cases[0].primitive if cases else None
    if not cases:
        raise AssertionError("check_rules: the list of samples is empty")
    if primitive is None or not primitive.differentiable:
        return
    covered = {
        case.operand(i)
        for case in cases
        for i in case.active
        if case.sample.smooth
        and np.size(case.leaves[i])
        and (case.sample.pinned is None or case.sample.pinned[case.operand(i)] is not None)
    }
    wanted = {
        i
        for rules in (primitive.pushes, primitive.pulls)
        for i, rule in enumerate(rules or ())
        if isinstance(rule, Rule)
    }
    if primitive.push_all or primitive.pull_all:
        wanted.add(0)
    given = set(range(max(len(case.sample.args) for case in cases)))  # einsum takes any number
    missing = sorted(wanted & given - covered)
    if missing:
        raise AssertionError(
            f"{primitive.name}: no sample differentiates operand {missing[0]}, which has a rule"
        )


def check_value(case: Case) -> None:
    """Values under each interpreter are those of plain NumPy, in dtype, shape and every element."""
    with np.errstate(all="ignore"):
        expected = case.outputs(case.leaves)
        if case.primitive is not None:
            plain = case.primitive.impl(*case.sample.args, **case.sample.params)
            for o, value in zip(
                expected, plain if isinstance(plain, tuple) else (plain,), strict=True
            ):
                identical(o, value, f"{case.what}: value")
        if case.sample.value is not None:
            stated = case.sample.value if len(expected) > 1 else (case.sample.value,)
            for o, value in zip(expected, stated, strict=True):
                pin = np.broadcast_to(np.asarray(value, dtype_of(o)), shape_of(o))[()]
                if not is_inexact(dtype_of(o)):
                    identical(o, pin, f"{case.what}: stated value")
                rtol = tolerance(1e-14, [o], factor=8)
                close(o, pin, f"{case.what}: stated value", rtol=rtol, atol=rtol * size_of([pin]))
        if not case.active:
            return
        inner: list[Any] = []

        def function(*values: Array) -> tuple[Array, ...]:
            outs: tuple[Array, ...] = case.function(case.active)(*values)
            inner[:] = [type_of(o) for o in outs]
            return outs

        xs = case.take(case.active)
        ts = [random_like(x, case.rng()) for x in xs]
        found: dict[str, Callable[[], Any]] = {
            "jvp": lambda: jvp(function, xs, ts)[0],
            "vjp": lambda: vjp(function, *xs)[0],
            "linearize": lambda: linearize(function, *xs)[0],
            "jvp of jvp": lambda: jvp(lambda *ys: jvp(function, ys, ts)[0], xs, ts)[0],
            "vjp of vjp": lambda: vjp(lambda *ys: vjp(function, *ys)[0], *xs)[0],
        }
        for transform, run in found.items():
            outs = run()
            for o, value, kind in zip(outs, expected, inner, strict=True):
                what = f"{case.what}: value under {transform}"
                identical(o, value, what)
                if isinstance(o, np.ndarray) != isinstance(value, np.ndarray):
                    raise AssertionError(f"{what}: expected a {type(value)}, found a {type(o)}")
                if (kind.shape, kind.dtype) != (shape_of(value), dtype_of(value)):
                    raise AssertionError(
                        f"{what}: the traced array has type {kind}, its value {type_of(value)}"
                    )


def check_differences(case: Case) -> None:
    """The JVP along directions of each operand is what extrapolated differences give."""
    if not case.differentiable:
        return
    rng = case.rng()
    wide = case.widened()
    with np.errstate(all="ignore"):
        size = size_of(case.smooth_part(())())
        for i in [i for i in case.active for _ in range(case.directions)]:
            t = case.direction(i, wide[i], rng)
            function = case.smooth_part((i,), wide)
            found = jvp(function, (wide[i],), (t,))[1]
            rtol = tolerance(1e-9, found, factor=1e3)
            expected = richardson(lambda x, f=function: list(f(*x)), [wide[i]], [t], rtol / 10)  # type: ignore[misc]
            what = f"{case.label(i)}: JVP"
            for one, other in zip(found, expected, strict=True):
                close_to_difference(one, other, what, rtol=rtol, atol=rtol * size)
            if dtype_of(wide[i]) != dtype_of(case.leaves[i]):
                _check_narrow(case, i, t)


def _check_narrow(case: Case, i: int, t: Array) -> None:
    """In lower precision the JVP is that of double precision, rounded."""
    x = case.leaves[i]
    t = np.asarray(t, dtype_of(x))[()]
    found = jvp(case.smooth_part((i,)), (x,), (t,))[1]
    wide = [np.asarray(v, np.result_type(v, float))[()] for v in (x, t)]
    expected = jvp(case.smooth_part((i,), case.widened()), wide[:1], wide[1:])[1]
    rtol = tolerance(1e-9, (*found, x), factor=100)
    for one, other in zip(found, expected, strict=True):
        atol = rtol * size_of([other])
        close(one, other, f"{case.label(i)}: JVP in {dtype_of(x)}", rtol=rtol, atol=atol)


def check_transpose(case: Case) -> None:
    """``<g, J t> = <J^T g, t>`` for each operand; a small Jacobian is the same in both modes."""
    if not case.differentiable or not case.active:
        return
    rng = case.rng()
    xs = case.take(case.active)
    function = case.smooth_part(case.active)
    with np.errstate(all="ignore"):
        outs, pullback = vjp(function, *xs)
        gs = tuple(random_like(o, rng) for o in outs)
        cotangents = pullback(gs)
        for i, x, g in zip(case.active, xs, cotangents, strict=True):
            if type_of(g) != type_of(x) and not type_of(x).weak:
                raise AssertionError(
                    f"{case.label(i)}: the VJP returns {type_of(g)} for an operand of type "
                    f"{type_of(x)}"
                )
            t = random_like(x, rng)
            tangents = jvp(case.smooth_part((i,)), (x,), (t,))[1]
            found, found_size = pairing([g], [t])
            expected, size = pairing(gs, tangents)
            bound = tolerance(1e-12, (*outs, *xs)) * max(1.0, found_size, size, size_of(outs))
            what = f"{case.label(i)}: VJP against JVP, <J^T g, t> against <g, J t>"
            close(found, expected, what, rtol=0, atol=bound)
        _check_jacobians(case, function, xs, outs)


def _check_jacobians(case: Case, function: Any, xs: list[Array], outs: Sequence[Array]) -> None:
    elements = sum(type_of(o).size for o in outs) * sum(type_of(x).size for x in xs)
    real = all(dtype_of(a).kind == "f" for a in (*xs, *outs))
    if not real or not outs or elements > SMALL:
        return
    argnums = range(len(xs))
    by_columns = jacfwd(function, argnums)(*xs)
    by_rows = jacrev(function, argnums)(*xs)
    rtol = tolerance(1e-12, (*xs, *outs))
    for columns, rows in zip(by_columns, by_rows, strict=True):
        for i, a, b in zip(case.active, columns, rows, strict=True):
            close(
                b, a, f"{case.label(i)}: jacrev against jacfwd", rtol=rtol, atol=rtol * size_of([a])
            )


def check_linearity(case: Case) -> None:
    """Tangents and cotangents go through linearly, and zeros give exact zeros.

    Each of the two linear maps, differentiated in its argument, is the other.
    """
    if not case.differentiable or not case.active:
        return
    rng = case.rng()
    xs = case.take(case.active)
    function = case.smooth_part(case.active)
    with np.errstate(all="ignore"):
        outs, linear = linearize(function, *xs)
        pullback = vjp(function, *xs)[1]
        us, vs = ([random_like(x, rng) for x in xs] for _ in range(2))
        rtol = tolerance(1e-13, (*xs, *outs), factor=10)
        for one, other in zip(linear(*us), jvp(function, xs, us)[1], strict=True):
            what = f"{case.what}: linearize against jvp"
            close(one, other, what, rtol=rtol, atol=rtol * size_of([other]))
        _check_linear(f"{case.what}: the linear function", lambda *ts: linear(*ts), us, vs, rtol)
        gs, hs = ([random_like(o, rng) for o in outs] for _ in range(2))
        _check_linear(f"{case.what}: the pullback", lambda *gs: pullback(gs), gs, hs, rtol)
        transposed = {
            "JVP transposed": (
                vjp(lambda *ts: jvp(function, xs, ts)[1], *us)[1],
                gs,
                pullback(tuple(gs)),
            ),
            "linearize transposed": (vjp(linear, *us)[1], gs, pullback(tuple(gs))),
            "VJP transposed": (vjp(lambda *gs: pullback(gs), *gs)[1], us, linear(*us)),
        }
        for name, (back, given, expected) in transposed.items():
            for one, other in zip(back(tuple(given)), expected, strict=True):
                close(one, other, f"{case.what}: {name}", rtol=rtol, atol=rtol * size_of([other]))


def _check_linear(what: str, function: Any, us: list[Array], vs: list[Array], rtol: float) -> None:
    # 3 and 1/2 scale without rounding that could not be told from an error in the low digits.
    mixed = [np.asarray(3 * u + v / 2, dtype_of(u))[()] for u, v in zip(us, vs, strict=True)]
    parts = zip(function(*mixed), function(*us), function(*vs), strict=True)
    for found, u, v in parts:
        bound = rtol * (3 * size_of([u]) + size_of([v]))
        close(found, 3 * u + v / 2, f"{what} of 3 u + v / 2", rtol=rtol, atol=bound)
    for found in function(*[np.zeros_like(u)[()] for u in us]):
        if np.any(found):
            raise AssertionError(f"{what} of zero: expected exact zero, found {found}")


def check_second(case: Case) -> None:
    """Second derivatives agree in all four words of modes, and with differences of the first."""
    if not case.differentiable or not case.active or not case.sample.second:
        return
    rng = case.rng()
    xs = case.take(case.active)
    function = case.smooth_part(case.active)
    with np.errstate(all="ignore"):
        gs = tuple(random_like(o, rng) for o in function(*xs))
        ts, us = (
            [case.direction(i, x, rng) for i, x in zip(case.active, xs, strict=True)]
            for _ in range(2)
        )

        def gradient(*ys: Array) -> Any:
            return vjp(function, *ys)[1](gs)

        def tangent(*ys: Array) -> Any:
            return jvp(function, ys, ts)[1]

        hessian = {
            "forward over reverse": jvp(gradient, xs, ts)[1],
            "reverse over forward": vjp(tangent, *xs)[1](gs),
            "reverse over reverse": vjp(gradient, *xs)[1](tuple(ts)),
        }
        first = hessian["forward over reverse"]
        rtol = tolerance(1e-11, (*xs, *gs), factor=1e3)
        size = size_of(first)
        # They are linear in their direction, which is no more than that they can be derived again.
        hessian["forward over forward over reverse"] = jvp(
            lambda *us: jvp(gradient, xs, us)[1], us, ts
        )[1]
        hessian["forward over reverse over reverse"] = jvp(
            lambda *us: vjp(gradient, *xs)[1](us), us, ts
        )[1]
        for name, products in hessian.items():
            for i, one, other in zip(case.active, products, first, strict=True):
                what = f"{case.label(i)}: second derivative, {name} against forward over reverse"
                close(one, other, what, rtol=rtol, atol=rtol * size)
        found, found_size = pairing(gs, jvp(tangent, xs, us)[1])
        expected, expected_size = pairing(first, us)
        bound = rtol * max(1.0, found_size, expected_size)
        what = f"{case.what}: second derivative, forward over forward against forward over reverse"
        close(found, expected, what, rtol=0, atol=bound)
        if tolerance(1e-11, (*xs, *gs)) == 1e-11:  # in lower precision differences tell nothing
            numeric = richardson(lambda ys: list(gradient(*ys)), xs, ts, 1e-8)
            for i, one, other in zip(case.active, first, numeric, strict=True):
                what = f"{case.label(i)}: second derivative"
                close_to_difference(one, other, what, rtol=1e-7, atol=1e-7 * size)


def check_untouched(case: Case) -> None:
    """Inputs, outputs, tangents and cotangents stay as they were.

    Cotangents share no memory with inputs or each other, and a pullback can be called again.
    """
    if not case.sample.smooth or not case.active:
        return
    rng = case.rng()
    xs = case.take(case.active)
    before = [np.array(x) for x in case.take(case.arrays)]
    function = case.smooth_part(case.active)
    with np.errstate(all="ignore"):
        outs, pullback = vjp(function, *xs)
        gs = tuple(random_like(o, rng) for o in outs)
        ts = [random_like(x, rng) for x in xs]
        given = [*outs, *gs, *ts]
        kept = [np.array(x) for x in given]
        _check_apart(case, [*pullback(gs)], [*case.take(case.arrays), *gs])
        jvp(function, xs, ts)
        # A second operation that needs the operands tells whether the rule has changed them.
        _, pullback = vjp(lambda *ys: (function(*ys), tuple(map(np.square, ys))), *xs)
        beside = (gs, tuple(map(np.ones_like, xs)))
        first = pullback(beside)
        for i, g, again in zip(case.active, first, pullback(beside), strict=True):
            identical(again, g, f"{case.label(i)}: the pullback called again")
    for i, old, x in zip(case.arrays, before, case.take(case.arrays), strict=True):
        identical(np.asarray(x), old, f"{case.label(i)} was changed")
    for old, x in zip(kept, given, strict=True):
        identical(np.asarray(x), old, f"{case.what}: an output, tangent or cotangent was changed")


def check_activity(case: Case) -> None:
    """Every subset of the operands can be differentiated."""
    if not case.differentiable or not case.active:
        return
    rng = case.rng()
    xs = case.take(case.active)
    with np.errstate(all="ignore"):
        outs, pullback = vjp(case.smooth_part(case.active), *xs)
        gs = tuple(random_like(o, rng) for o in outs)
        whole = dict(zip(case.active, pullback(gs), strict=True))
        ts = {i: random_like(x, rng) for i, x in zip(case.active, xs, strict=True)}
        single = {i: jvp(case.smooth_part((i,)), case.take((i,)), (ts[i],))[1] for i in case.active}
        rtol = tolerance(1e-12, (*xs, *outs))
        for subset in _subsets(case.active):
            what = f"{case.what}: differentiated in operands {[case.operand(i) for i in subset]}"
            part = case.smooth_part(subset)
            found = vjp(part, *case.take(subset))[1](gs)
            for i, g in zip(subset, found, strict=True):
                close(g, whole[i], f"{what}: VJP", rtol=rtol, atol=rtol * size_of([whole[i]]))
            sums = [sum(parts) for parts in zip(*(single[i] for i in subset), strict=True)]
            tangents = jvp(part, case.take(subset), [ts[i] for i in subset])[1]
            for one, other in zip(tangents, sums, strict=True):
                close(one, other, f"{what}: JVP", rtol=rtol, atol=rtol * size_of([other]))
        _check_single_outputs(case, outs, pullback, gs, rtol)


def _check_single_outputs(
    case: Case, outs: Sequence[Array], pullback: Any, gs: tuple[Array, ...], rtol: float
) -> None:
    """An output that is not used, one whose cotangent is None, and one whose cotangent is zero are
    the same."""
    if len(outs) == 1:
        return
    xs = case.take(case.active)
    for k, g in enumerate(gs):
        part = case.smooth_part(case.active)
        ways = {
            "the only one used": vjp(lambda *ys, k=k, part=part: part(*ys)[k], *xs)[1](g),
            "others None": pullback(tuple(g if j == k else None for j in range(len(gs)))),
        }
        zeros = pullback(tuple(h if j == k else np.zeros_like(h)[()] for j, h in enumerate(gs)))
        for way, found in ways.items():
            for i, one, other in zip(case.active, found, zeros, strict=True):
                what = f"{case.label(i)}: VJP of output {k}, {way}"
                close(one, other, what, rtol=rtol, atol=rtol * size_of([other]))


def _check_apart(case: Case, results: list[Array], given: list[Array]) -> None:
    for one, other in chain(combinations(results, 2), ((r, g) for r in results for g in given)):
        arrays = isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
        if arrays and np.shares_memory(one, other):
            raise AssertionError(
                f"{case.what}: a cotangent shares memory with another one or with an input"
            )


def _subsets(indices: list[int]) -> Any:
    """The subsets that are neither empty nor everything; of many operands, the single ones."""
    largest = len(indices) if len(indices) <= 3 else 2
    return chain.from_iterable(combinations(indices, n) for n in range(1, largest))


CHECKS: tuple[Callable[[Case], None], ...] = (
    check_value,
    check_differences,
    check_transpose,
    check_linearity,
    check_second,
    check_untouched,
    check_activity,
    check_layouts,
    check_batching,
    check_batched_derivatives,
    check_compositions,
    check_staging,
    check_structure,
    check_pinned,
    check_refusals,
)
