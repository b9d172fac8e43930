"""Pulls that are not written: by transposing the push, which is linear in the tangent; and the
links of the tape to the operands that an operation depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core.cotangent import Cotangents, dense, settle, zeros
from functrans.core.errors import missing_derivative
from functrans.core.primitive import ZERO, Primitive, Rule, select_all
from functrans.core.types import Array, ArrayType, type_of
from functrans.transforms.walk import pull_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def links_of(
    recorder: Any,
    primitive: Primitive,
    args: Any,
    values: Sequence[Array],
    mine: list[int],
    params: dict[str, Any],
    ans: Any,
) -> list[Any]:
    """The links of an operation to those of its operands that are `mine`.

    ``recorder.residuals(pull, ans, args, values, mine)`` gives what a rule needs, as it is kept.
    """
    residuals = recorder.residuals
    if primitive.pull_all is not None:
        pull = primitive.pull_all
        own = set(mine)
        indices = [x.index if i in own else None for i, x in enumerate(args)]
        spaces = [type_of(x) for x in values]
        return [(pull.apply, indices, residuals(pull, ans, args, values, mine), params, spaces)]
    return [
        (rule.apply, args[i].index, residuals(rule, ans, args, values, mine), params, type_of(x))
        for i, rule, x in pulls_of(primitive, values, mine)
    ]


def pulls_of(
    primitive: Primitive, values: Sequence[Array], mine: list[int]
) -> Iterator[tuple[int, Rule, Array]]:
    """The operands among `mine` that the output depends on, with their pulls and values."""
    for i in mine:
        rule = pull_of(primitive, i)
        if rule is not None:
            yield i, rule, values[i]


def pull_of(primitive: Primitive, i: int) -> Rule | None:
    """The pull of an operand; None if the output does not depend on it."""
    written: Any = primitive.pulls[i] if primitive.pulls else None
    return None if written is ZERO else written or derived_pull(primitive, i)


def transpose_linear(
    function: Callable[..., Any], spaces: tuple[ArrayType, ...], g: Any
) -> tuple[Array, ...]:
    """The transpose of a linear function, applied to a cotangent of its output (a value or a
    tuple).

    The function runs once, on zeros of the types `spaces`, under a tape of its own.
    """
    from functrans.transforms.reverse import Reverse  # which imports this module

    with Reverse(function, "transposition") as reverse:
        out = function(*[reverse.variable(zeros(space)) for space in spaces])
    cotangents = Cotangents(len(reverse.tape))
    outs, gs = (out, g) if isinstance(out, tuple) else ((out,), (g,))
    for o, part in zip(outs, gs, strict=True):
        if reverse.owns(o) and part is not None:
            kind = type_of(o.value)
            cotangents.add(o.index, settle(part, kind), kind)
    pull_back(reverse.tape, cotangents, keep=False)
    return tuple(
        zeros(space) if result is None else dense(result, space)
        for result, space in zip(cotangents.values, spaces, strict=False)
    )


def derived_pull(primitive: Primitive, i: int) -> Rule:
    """The pull of operand `i`, derived by transposing its push."""
    push: Any = primitive.pushes[i] if primitive.pushes else None
    push_all = primitive.push_all
    if push is None and push_all is None:
        raise missing_derivative(primitive.name, i)

    def pull(g: Any, residuals: tuple[Any, ...], params: dict[str, Any]) -> Any:
        ans, *args = residuals

        def tangent(t: Any) -> Any:
            if push is not None:
                return push(t, ans, args, params)
            ts = tuple(t if j == i else zeros(type_of(x)) for j, x in enumerate(args))
            return push_all(ts, ans, args, params)  # type: ignore[misc]

        return transpose_linear(tangent, (type_of(args[i]),), g)[0]

    return Rule(pull, select_all)
