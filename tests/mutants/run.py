"""All mutants of a primitive, and what becomes of each."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import functrans as ft
from functrans.core.errors import DegenerateWarning
from functrans.core.primitive import REGISTRY, Primitive
from functrans.core.types import dtype_of
from functrans.primitives.gamma_quantile import gamma_shape_ratio
from functrans.primitives.random_wald import tail_moment
from functrans.testing import check_grads, rules
from functrans.testing.cases import Case, cases_of
from functrans.testing.differences import close
from tests.mutants.derivatives import derivative_mutants, rule_places, zero_mutants
from tests.mutants.equivalents import equivalents
from tests.mutants.other_rules import batch_mutants, flag_mutants, impl_mutants, shape_mutants
from tests.mutants.records import Mutant, Watch
from tests.special_inverses import check_undone

MANY = 30
"""Mutants of a primitive from which on those that are equivalent are found together: of fewer there
is hardly one."""

FREE = {"optimize"}  # parameters that change the order of operations, not what they mean

# Steps of other primitives, written for their rules. These show what is wrong with them.
SERVES = {
    "unsettled": ("eigh", "svd"),
    "watched": ("eigh", "svd"),
    "known_eigh": ("eigh",),
    "known_eig": ("eig",),
    "known_svd": ("svd", "svdvals"),
}

# Rules of a mark, which carries no number: it is zero, as its tangent is, and its cotangent says
# "used" by being anything but zero.
OF_ZERO = {("watched", "pushes[1]"), ("watched", "pulls[1]")}

# Zeros whose derivative is zero too, unless a transform tells how singular values part from zero:
# what their lanes are is seen in tests/test_degenerate_second.py.
OF_ZERO |= {("nulled", "batch"), ("nulled", "differentiable")}

# The rule differs for a result without elements alone, of whose cotangent the backward walk makes
# zeros itself, whatever shape it has.
OF_NOTHING = {("broadcast_to", "pulls[0]", "parameter shape wrong")}


def mutants_of(primitive: Primitive) -> list[Mutant]:
    """All mutants of a primitive."""
    cases = cases_of(primitive.call)
    keys = sorted({key for case in cases for key in case.sample.params} - FREE)
    found = [
        *derivative_mutants(primitive, keys),
        *zero_mutants(primitive, cases),
        *batch_mutants(primitive, keys),
        *shape_mutants(primitive),
        *flag_mutants(primitive, cases),
        *impl_mutants(primitive),
    ]
    return [
        mutant
        for mutant in found
        if (primitive.name, mutant.place) not in OF_ZERO
        and (primitive.name, mutant.place, mutant.operator) not in OF_NOTHING
    ]


@contextmanager
def planted(primitive: Primitive, fields: dict[str, Any]) -> Iterator[None]:
    """Put wrong rules into a record for the length of a ``with`` block."""
    before = {name: getattr(primitive, name) for name in (*fields, "batch_takes_flags")}
    cells = [
        cell
        for cell in primitive.call.__closure__ or ()
        if "impl" in fields and cell.cell_contents is primitive.impl
    ]
    try:
        for name, value in fields.items():
            if name == "batch":
                primitive.set_batch(value)
            else:
                setattr(primitive, name, value)
        for cell in cells:
            cell.cell_contents = fields["impl"]
        yield
    finally:
        for name, value in before.items():
            setattr(primitive, name, value)
        for cell in cells:
            cell.cell_contents = before["impl"]


FIRST = {
    "batch": ("check_batching", "check_batched_derivatives"),
    "shape": ("check_staging",),
    "differentiable": ("check_differences",),
    "pulls": ("check_transpose", "check_linearity"),
    "pull_all": ("check_transpose", "check_linearity"),
}


def checks_for(place: str, name: str) -> list[Callable[[Case], None]]:
    """The checks, with those first that most often find an error in this place."""
    first = FIRST.get(place.partition("[")[0], ())
    checks = sorted(rules.CHECKS, key=lambda check: check.__name__ not in first)
    if name in SERVES:
        checks.append(check_third)
    if name in OWN_CHECKS:
        checks.append(OWN_CHECKS[name])
    if name in SOLVED:
        of_differences = (rules.check_differences, rules.check_second)
        checks = [check_solved, *(check for check in checks if check not in of_differences)]
    return checks


def check_third(case: Case) -> None:
    """Third derivatives, in which the rules of second ones are differentiated."""
    double = all(np.finfo(dtype_of(x)).eps < 1e-10 for x in case.take(case.active))
    if not (case.differentiable and case.sample.second and case.active and double):
        return
    function, along = case.smooth_part(case.active), case.sample.along

    def inside(x: Any, *others: Any) -> Any:
        return function(x if along is None else along(x), *others)

    check_grads(inside, case.take(case.active), order=3, rtol=1e-7)


def check_itairy(case: Case) -> None:
    """SciPy's values are good to 1e-6, so that differences show nothing. The slopes are Airy
    functions, here times weights; their own slopes are what airy returns beside them."""
    (x,), airy = case.sample.args, REGISTRY["airy"].call
    weights = np.arange(1.0, 1 + 4 * np.size(x)).reshape(4, *np.shape(x))

    def first(y: Any) -> Any:
        def weighted(z: Any) -> Any:
            outs = case.call(z)
            return sum(np.sum(w * o) for w, o in zip(weights, outs, strict=True))

        return ft.grad(weighted)(y)

    (_, slope_a, _, slope_b), (_, back_a, _, back_b) = airy(x), airy(np.negative(x))
    slopes = (slope_a, slope_b, -back_a, -back_b)
    expected = sum(w * s for w, s in zip(weights, slopes, strict=True))
    t = np.arange(2.0, 2 + np.size(x)).reshape(np.shape(x))[()]
    close = {"rtol": 1e-13, "atol": 0}
    np.testing.assert_allclose(ft.jvp(first, (x,), (t,))[1], t * expected, **close)
    np.testing.assert_allclose(ft.vjp(first, x)[1](t)[0], t * expected, **close)

    def along(y: Any) -> Any:
        return ft.jvp(case.call, (y,), (t,))[1]

    pulled = ft.vjp(along, x)[1](tuple(weights))[0]
    np.testing.assert_allclose(pulled, t * expected, **close)
    # Both are linear maps: the derivative along what they are given is what they give.
    pullback, gs = ft.vjp(case.call, x)[1], tuple(weights)
    np.testing.assert_allclose(*ft.jvp(lambda *g: pullback(g)[0], gs, gs), **close)
    outs, tangents = ft.jvp(lambda s: ft.jvp(case.call, (x,), (s,))[1], (t,), (t,))
    np.testing.assert_allclose(tangents, outs, **close)


def check_solved(case: Case) -> None:
    """See special_inverses.py."""
    if all(np.size(x) and np.asarray(x).dtype != np.float32 for x in case.sample.args):
        check_undone(case.name, case.call, case.sample.args)


def gamma_motion(a: Any, w: Any) -> Any:
    return np.negative(gamma_shape_ratio(a, w, 1))


def wald_motion(mean: Any, z: Any) -> Any:
    return 2 * z**1.5 / mean**2 * tail_moment(np.sqrt(z) / mean + 1 / np.sqrt(z), 0)


MOTIONS = {"random_loggamma": gamma_motion, "random_wald": wald_motion}


def check_motion(case: Case) -> None:
    """A variable that moves with its parameter as ``dz/da = motion(a, z)``, along which no
    difference of its formula can be taken: derivatives of both orders, in all modes."""
    key, a = case.sample.args
    if dtype_of(a) != np.float64 or not np.size(a):
        return
    motion, call = MOTIONS[case.name], case.call
    z = call(key, a)
    slope, curve = ft.jvp(motion, (a, z), (np.ones_like(a), motion(a, z)))

    def pull(a: Any, g: Any) -> Any:
        return ft.vjp(lambda a: call(key, a), a)[1](g)[0]

    def push(a: Any, t: Any) -> Any:
        return ft.jvp(lambda a: call(key, a), (a,), (t,))[1]

    g = np.arange(1.0, 1 + np.size(a)).reshape(np.shape(a))[()]
    for derivative in (pull, push):
        of_a, of_g = (
            ft.jvp(derivative, (a, g), pair)[1] for pair in ((g, None), (None, np.ones_like(a)))
        )
        expected = (g * slope, g * g * curve, slope)
        for one, other in zip((derivative(a, g), of_a, of_g), expected, strict=True):
            close(one, other, case.what, rtol=1e-10, atol=0)


OWN_CHECKS: dict[str, Callable[[Case], None]] = {
    "itairy": check_itairy,
    **dict.fromkeys(MOTIONS, check_motion),
}
SOLVED = {"bdtrik", "bdtrin", "nbdtrik", "nbdtrin", "fdtridfd", "ncfdtrinc"}


def rows_of(primitive: Primitive) -> list[Case]:
    """The cases that have to find what is wrong with a primitive."""
    served = [REGISTRY[name].call for name in SERVES.get(primitive.name, ())]
    return [case for call in (primitive.call, *served) for case in cases_of(call)]


def unsound(primitive: Primitive) -> list[str]:
    """The checks that fail although nothing is wrong: these would kill every mutant."""
    failed = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for check in checks_for("", primitive.name):
            for case in copy.deepcopy(rows_of(primitive)):
                try:
                    check(case)
                except AssertionError as error:
                    failed.append(f"{check.__name__}: {error}")
    return failed


def killer(
    primitive: Primitive, fields: dict[str, Any], checks: list[Callable[[Case], None]], cases: Any
) -> str | None:
    """The first check that fails with these rules in the record, or what they raise."""
    with planted(primitive, fields), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DegenerateWarning)  # of samples with equal values
        try:
            for check in checks:
                # Mutants overwrite operands, which samples and other checks share.
                for case in copy.deepcopy(cases):
                    check(case)
        except AssertionError:
            return check.__name__
        except Exception as error:
            return type(error).__name__
    return None


def fate(mutant: Mutant, cases: list[Case]) -> str:
    """``"killed by ..."``, ``"equivalent"`` or ``"survived"``."""
    watch = Watch()
    primitive = mutant.primitive
    checks = checks_for(mutant.place, primitive.name)
    found = killer(primitive, mutant.fields(watch), checks, cases)
    if found is not None:
        return f"killed by {found}"
    return "equivalent" if watch.ran and not watch.differs else "survived"


def fates(mutants: Sequence[Mutant], cases: list[Case]) -> Iterator[tuple[Mutant, str]]:
    """Mutants of one primitive, with what becomes of each.

    Of a mutant that differs where only traced values meet it this may say that it is equivalent,
    though a check would kill it; `fate` does not. Neither calls one equivalent that survives.
    """
    same: list[Mutant] = []
    if len(mutants) >= MANY:
        primitive = mutants[0].primitive
        checks = checks_for("", primitive.name)
        same = equivalents(primitive, mutants, lambda f: killer(primitive, f, checks, cases))
    for mutant in mutants:
        yield mutant, "equivalent" if mutant in same else fate(mutant, cases)


def survivors(name: str, chosen: slice = slice(None)) -> Iterator[Mutant]:
    """Those of some mutants of a primitive that no check finds."""
    primitive = REGISTRY[name]
    for mutant, end in fates(mutants_of(primitive)[chosen], rows_of(primitive)):
        if end == "survived":
            yield mutant


def names(special: bool = False) -> list[str]:
    """The primitives of the rule book, or those of scipy.special, that have samples."""
    return [
        name
        for name, primitive in REGISTRY.items()
        if primitive.samples is not None
        and (".special" in primitive.call.__module__) == special
        and primitive.call.__module__.startswith("functrans.")
    ]


def count_rules(primitive: Primitive) -> int:
    """The written derivative rules, value, batching rule and shape rule."""
    return (
        sum(1 for _ in rule_places(primitive))
        + 1
        + (primitive.batch is not None)
        + (primitive.shape is not None)
    )
