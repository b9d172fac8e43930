"""Batching rules, shape rules, implementations and flags made wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.interpreter import under
from functrans.core.primitive import Primitive
from functrans.core.types import ArrayType, dtype_of, is_inexact, shape_of
from functrans.testing.cases import Case
from tests.mutants.derivatives import overwrite
from tests.mutants.records import Mutant, Watch
from tests.mutants.results import (
    OTHER_DTYPE,
    batch_second,
    lanes_reversed,
    over,
    retyped,
    reversed_,
    scaled,
    stopped,
    turned,
)

# Batching rules.


def batch_mutants(primitive: Primitive, keys: list[str]) -> Iterator[Mutant]:
    original = primitive.batch
    if original is None:
        return
    takes_flags = primitive.batch_takes_flags

    def wrapped(
        watch: Watch,
        before: Callable[..., Any] = lambda args, flags, params: (args, flags, params),
        after: Callable[[Any], Any] = lambda r: r,
    ) -> dict[str, Any]:
        def run(args: Any, flags: Any, params: Any) -> Any:
            given = {"batched": flags, **params} if takes_flags else params
            right = original(*args, **given) if not watch.differs else None
            args, flags, params = before(args, flags, params)
            given = {"batched": flags, **params} if takes_flags else params
            result = over(original(*args, **given), after)
            return result if right is None else watch.compare(right, result)

        def with_flags(*args: Any, batched: Any, **params: Any) -> Any:
            return run(args, batched, params)

        def without(*args: Any, **params: Any) -> Any:
            return run(args, (True,) * len(args), params)

        return {"batch": with_flags if takes_flags else without}

    def first_lane(args: Any, flags: Any, params: Any) -> Any:
        spread = [
            p.broadcast_to(x[:1], shape=shape_of(x)) if b and shape_of(x)[0] else x
            for x, b in zip(args, flags, strict=True)
        ]
        return spread, flags, params

    def no_derivative(args: Any, flags: Any, params: Any) -> Any:
        return list(stopped(args)), flags, params

    def inverted(args: Any, flags: Any, params: Any) -> Any:
        return args, tuple(not b for b in flags), params

    after = {
        "times 1 + 1e-7": scaled,
        "lanes reversed": lanes_reversed,
        "batch axis behind another": batch_second,
        "last axis reversed": reversed_,
        "other dtype": retyped,
    }
    for name, wrong in after.items():
        yield Mutant(
            primitive, "batch", name, lambda watch, wrong=wrong: wrapped(watch, after=wrong)
        )
    yield Mutant(primitive, "batch", "first lane", lambda watch: wrapped(watch, first_lane))
    if primitive.differentiable:
        yield Mutant(
            primitive,
            "batch",
            "derivative stopped",
            lambda watch: _differing(watch, wrapped(watch, no_derivative)),
        )
    if takes_flags:
        yield Mutant(primitive, "batch", "flags inverted", lambda watch: wrapped(watch, inverted))
    for key in keys:

        def other(args: Any, flags: Any, params: Any, key: str = key) -> Any:
            return args, flags, turned(params, key, max(len(shape_of(args[0])) - flags[0], 1))

        yield Mutant(
            primitive,
            "batch",
            f"parameter {key} wrong",
            lambda watch, other=other: wrapped(watch, other),
        )
    yield Mutant(primitive, "batch", "missing", lambda watch: _differing(watch, {"batch": None}))


def _differing(watch: Watch, fields: dict[str, Any]) -> dict[str, Any]:
    """Of a mutant that is another rule by construction."""
    watch.ran = watch.differs = True
    return fields


# Shape rules.

TYPES: dict[str, Callable[[ArrayType], ArrayType]] = {
    "other dtype": lambda t: ArrayType(
        t.shape,
        OTHER_DTYPE.get(t.dtype.str[1:], "i4" if t.dtype.str[1:] == "i8" else "i8"),
        t.weak,
    ),
    "one axis more": lambda t: ArrayType((*t.shape, 1), t.dtype, t.weak),
    "axes reversed": lambda t: ArrayType(t.shape[::-1], t.dtype, t.weak),
    "one element more": lambda t: ArrayType(
        (t.shape[0] + 1, *t.shape[1:]) if t.shape else (), t.dtype, t.weak
    ),
    "weak": lambda t: ArrayType(t.shape, t.dtype, not t.weak) if not t.shape else t,
}


def shape_mutants(primitive: Primitive) -> Iterator[Mutant]:
    original = primitive.shape
    if original is None:
        return
    for name, wrong in TYPES.items():

        def fields(watch: Watch, wrong: Any = wrong) -> dict[str, Any]:
            def shape(*types: Any, **params: Any) -> Any:
                right = original(*types, **params)
                return watch.compare(right, over(right, wrong))

            return {"shape": shape}

        yield Mutant(primitive, "shape", name, fields)


# Flags, and implementations that are not NumPy's own objects.


def flag_mutants(primitive: Primitive, cases: list[Case]) -> Iterator[Mutant]:
    floating = any(
        is_inexact(dtype_of(case.leaves[i])) for case in cases for i in case.arrays
    ) and any(is_inexact(dtype_of(o)) for case in cases for o in _outputs(case))
    if floating:
        yield Mutant(
            primitive,
            "differentiable",
            "flipped",
            lambda watch: _differing(watch, {"differentiable": not primitive.differentiable}),
        )


def _outputs(case: Case) -> list[Any]:
    with np.errstate(all="ignore"):
        return case.outputs(case.leaves)


IMPLEMENTATION: dict[str, Callable[[Any], Any]] = {
    "times 1 + 1e-7, or plus 1": scaled,
    "reversed along an axis": reversed_,
    "other dtype": retyped,
}


def impl_mutants(primitive: Primitive) -> Iterator[Mutant]:
    original = primitive.impl
    if isinstance(original, np.ufunc):
        return  # NumPy's own object
    for name, wrong in IMPLEMENTATION.items():

        def fields(watch: Watch, wrong: Any = wrong) -> dict[str, Any]:
            def impl(*args: Any, **params: Any) -> Any:
                right = original(*args, **params)
                with under(None):
                    return watch.compare(right, over(right, wrong))

            return {"impl": impl}

        yield Mutant(primitive, "impl", name, fields)

    def overwriting(watch: Watch) -> dict[str, Any]:
        def impl(*args: Any, **params: Any) -> Any:
            result = original(*args, **params)
            overwrite(tuple(args), watch)
            return result

        return {"impl": impl}

    yield Mutant(primitive, "impl", "overwrites operands", overwriting)
