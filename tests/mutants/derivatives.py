"""Derivative rules made wrong: an operator gets the rule, what the rule gets, and the types of the
operands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import functrans as ft
from functrans.core.cotangent import Masked, Scattered
from functrans.core.primitive import ZERO, Primitive, Rule
from functrans.core.types import ArrayType, dtype_of, is_inexact, is_plain, shape_of, type_of
from functrans.testing.cases import Case
from tests.mutants.records import Mutant, Watch, flat, is_number
from tests.mutants.results import (
    conjugated,
    first_dropped,
    first_of_broadcast,
    negated,
    over,
    reversed_,
    rounded,
    scaled,
    stopped,
    transposed,
    turned,
    unmasked,
    zeroed,
)

Apply = Callable[[Any, Any, Any], Any]
Operator = Callable[[Apply, Any, Any, Any, tuple[ArrayType, ...], Watch], Any]


def _on_result(wrong: Callable[[Any], Any]) -> Operator:
    return lambda apply, g, res, params, types, watch: over(apply(g, res, params), wrong)


def _partial_conjugated(
    apply: Apply, g: Any, res: Any, params: Any, types: Any, watch: Watch
) -> Any:
    return over(apply(over(g, conjugated), res, params), conjugated)


def _swapped(apply: Apply, g: Any, res: Any, params: Any, types: Any, watch: Watch) -> Any:
    return apply(g, tuple(reversed(res)), params)


def _lead_stopped(apply: Apply, g: Any, res: Any, params: Any, types: Any, watch: Watch) -> Any:
    result = apply(stopped(g), res, params)
    watch.compare(result, over(result, negated))  # linear in g: constant only where it is zero
    return result


def _residuals_stopped(
    apply: Apply, g: Any, res: Any, params: Any, types: Any, watch: Watch
) -> Any:
    if watch.looking:
        return apply(g, res, params)
    if not watch.differs:
        watch.looking = True
        try:
            _look_for_slope(apply, g, res, params, watch)
        finally:
            watch.looking = False
    return apply(g, stopped(res), params)


def _look_for_slope(apply: Apply, g: Any, res: Any, params: Any, watch: Watch) -> None:
    """Whether a rule depends on its residuals to first order; if not, nothing was stopped."""
    leaves = ft.tree.leaves((g, [r for r in res if not isinstance(r, ArrayType)]))
    if not all(is_plain(x) or is_number(x) for x in leaves):
        return
    watch.ran = True
    varied = [i for i, r in enumerate(res) if hasattr(r, "dtype") and is_inexact(r.dtype)]
    varied = [i for i in varied if not isinstance(res[i], ArrayType)]
    if not varied:
        return

    def of_residuals(*values: Any) -> Any:
        new = list(res)
        for i, value in zip(varied, values, strict=True):
            new[i] = value
        parts = flat(apply(g, tuple(new), params))
        return tuple(x for x in parts if is_inexact(dtype_of(x)))

    values = [res[i] for i in varied]
    tangents = ft.jvp(of_residuals, values, [np.ones_like(v)[()] for v in values])[1]
    watch.differs = any(np.any(t != 0) for t in tangents)


def _lead_overwritten(apply: Apply, g: Any, res: Any, params: Any, types: Any, watch: Watch) -> Any:
    result = apply(g, res, params)
    overwrite(g, watch)
    return result


def _residuals_overwritten(
    apply: Apply, g: Any, res: Any, params: Any, types: Any, watch: Watch
) -> Any:
    result = apply(g, res, params)
    overwrite(res, watch)
    return result


def overwrite(values: Any, watch: Watch) -> None:
    for x in values if isinstance(values, tuple | list) else (values,):
        if issubclass(type(x), np.ndarray):
            watch.ran = True
            if x.size:
                watch.differs = True
                x[...] = np.nan if x.dtype.kind in "fc" else np.logical_not(x)
        elif is_plain(x) or is_number(x) or isinstance(x, ArrayType):
            watch.ran = True


def _mask_dropped(apply: Apply, g: Any, res: Any, params: Any, types: Any, watch: Watch) -> Any:
    return unmasked(apply(g, res, params))


DERIVATIVE: dict[str, Operator] = {
    "times 1 + 1e-7": _on_result(scaled),
    "sign flipped": _on_result(negated),
    "zero": _on_result(zeroed),
    "result conjugated": _on_result(conjugated),
    "partial conjugated": _partial_conjugated,
    "in single precision": _on_result(rounded),
    "first element dropped": _on_result(first_dropped),
    "reversed along an axis": _on_result(reversed_),
    "two axes transposed": _on_result(transposed),
    "operands swapped": _swapped,
    "mask dropped": _mask_dropped,
    "not differentiable in g": _lead_stopped,
    "not differentiable in operands": _residuals_stopped,
    "overwrites g": _lead_overwritten,
    "overwrites operands": _residuals_overwritten,
}


def mutated_rule(
    original: Rule, operator: Operator, watch: Watch, pulled: int | None = None
) -> Rule:
    """A rule behind an operator; `pulled` is the operand whose cotangent it returns."""

    def apply(lead: Any, residuals: Any, params: Any) -> Any:
        types, kept = residuals[0], residuals[1:]
        before = original.apply(lead, kept, params) if not watch.differs else None
        result = operator(original.apply, lead, kept, params, types, watch)
        if before is None:
            return result
        if pulled is not None and types[pulled].dtype.kind != "c":
            watch.compare(over(before, real_part), over(result, real_part))
            return result
        return watch.compare(before, result)

    return Rule(apply, lambda ans, args: (tuple(map(type_of, args)), *original.select(ans, args)))


def real_part(x: Any) -> Any:
    """What is left of the cotangent of a real operand."""
    return x.real if is_plain(x) else x


def _with_params(key: str) -> Operator:
    return lambda apply, g, res, params, types, watch: apply(
        g, res, turned(params, key, types[0].ndim)
    )


def _sliced(i: int) -> Operator:
    def operator(apply: Apply, g: Any, res: Any, params: Any, types: Any, watch: Watch) -> Any:
        result = apply(g, res, params)
        if type(result) is Masked:
            return Masked(*(first_of_broadcast(x, types[i]) for x in (result.value, result.mask)))
        return result if type(result) is Scattered else first_of_broadcast(result, types[i])

    return operator


def rule_places(primitive: Primitive) -> Iterator[tuple[tuple[str, ...], int | None]]:
    """The written derivative rules: the fields they stand in, and the operand (None: all)."""
    shared = primitive.pushes is not None and primitive.pushes is primitive.pulls
    for field in ("pulls",) if shared else ("pushes", "pulls"):
        for i, written in enumerate(getattr(primitive, field) or ()):
            if isinstance(written, Rule):
                yield (("pushes", "pulls") if shared else (field,)), i
    for field in ("push_all", "pull_all"):
        if getattr(primitive, field) is not None:
            yield (field,), None


def derivative_mutants(primitive: Primitive, keys: list[str]) -> Iterator[Mutant]:
    for fields, i in rule_places(primitive):
        rules_of_field = getattr(primitive, fields[-1])
        original: Rule = rules_of_field if i is None else rules_of_field[i]
        place = "+".join(fields) + ("" if i is None else f"[{i}]")

        def plant(wrong: Rule, fields: Any = fields, i: int | None = i) -> dict[str, Any]:
            if i is None:
                return dict.fromkeys(fields, wrong)
            new = {}
            for field in fields:
                held = list(getattr(primitive, field))
                held[i] = wrong
                new[field] = tuple(held)
            return new

        pulled = i if fields == ("pulls",) else None
        operators = dict(DERIVATIVE)
        operators |= {f"parameter {key} wrong": _with_params(key) for key in keys}
        if i is not None and "pulls" in fields and primitive.kind in ("elementwise", "chooser"):
            operators["broadcasting not summed"] = _sliced(i)
        for name, operator in operators.items():
            yield Mutant(
                primitive,
                place,
                name,
                lambda watch, o=operator, r=original, i=pulled, plant=plant: plant(
                    mutated_rule(r, o, watch, i)
                ),
            )
        for j, other in enumerate(rules_of_field if i is not None else ()):
            if j != i and isinstance(other, Rule):
                yield Mutant(
                    primitive,
                    place,
                    f"that of operand {j}",
                    lambda watch, r=original, other=other, plant=plant: plant(
                        _replaced(r, other, watch)
                    ),
                )


def _replaced(original: Rule, other: Rule, watch: Watch) -> Rule:
    def apply(lead: Any, residuals: Any, params: Any) -> Any:
        own, others = residuals
        before = original.apply(lead, own, params) if not watch.differs else None
        result = other.apply(lead, others, params)
        return result if before is None else watch.compare(before, result)

    return Rule(apply, lambda ans, args: (original.select(ans, args), other.select(ans, args)))


def zero_mutants(primitive: Primitive, cases: list[Case]) -> Iterator[Mutant]:
    """A constant operand that passes the cotangent on: of floating-point operands alone."""
    for i, written in enumerate(primitive.pulls or ()):
        floating = any(
            case.operand(j) == i and is_inexact(dtype_of(case.leaves[j]))
            for case in cases
            for j in case.arrays
        )
        if written is not ZERO or not floating:
            continue

        def fields(watch: Watch, i: int = i) -> dict[str, Any]:
            def apply(g: Any, residuals: Any, params: Any) -> Any:
                watch.compare(np.zeros(()), np.ones(()))
                kind, several = residuals
                g = g[0] if several else g
                if shape_of(g) == kind.shape:
                    return g
                return np.ones(kind.shape, kind.dtype)[()]

            wrong = Rule(apply, lambda ans, args: (type_of(args[i]), isinstance(ans, tuple)))
            new = {}
            for field in ("pushes", "pulls"):
                held = getattr(primitive, field)
                if held is not None and field == "pulls":
                    new[field] = tuple(wrong if j == i else r for j, r in enumerate(held))
                elif held is not None:
                    new[field] = tuple(None if j == i else r for j, r in enumerate(held))
            return new

        yield Mutant(primitive, f"ZERO[{i}]", "not zero", fields)
