"""Which mutants are no other rules: of all mutants of a primitive, in one run of the checks.

The run is that of the right rules. Beside each of them those of the mutants are called with the
same plain values, and what they return is compared and dropped. A mutant that always returned the
same would have had the checks do what they have done: they need not be run once more for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functrans.core.interpreter import under
from functrans.core.primitive import Primitive, Rule
from functrans.core.types import ArrayType, is_plain
from tests.mutants.records import Mutant, Watch, flat

Others = list[tuple[Watch, Any]]


def equivalents(
    primitive: Primitive, mutants: Sequence[Mutant], killer: Callable[[dict[str, Any]], str | None]
) -> list[Mutant]:
    """Those of some mutants that are equivalent; ``killer(fields)`` runs all checks with rules in
    the record, and tells which one fails."""
    watches = [Watch() for _ in mutants]
    beside: dict[str, dict[int | None, Others]] = {}
    for mutant, watch in zip(mutants, watches, strict=True):
        planted = mutant.fields(watch)
        # What writes into operands would change them for the right rule.
        if watch.differs or mutant.operator.startswith("overwrites"):
            continue
        for field, wrong in planted.items():
            places = beside.setdefault(field, {})
            held = getattr(primitive, field)
            if isinstance(wrong, tuple):
                for i, (new, old) in enumerate(zip(wrong, held, strict=True)):
                    if new is not old:
                        places.setdefault(i, []).append((watch, new))
            else:
                places.setdefault(None, []).append((watch, wrong))
    fields = {field: _field(primitive, field, places) for field, places in beside.items()}
    if killer(fields) is not None:  # mutants are looked at one by one, and tell what is wrong
        return []
    pairs = zip(mutants, watches, strict=True)
    return [mutant for mutant, watch in pairs if watch.ran and not watch.differs]


def _field(primitive: Primitive, field: str, places: dict[int | None, Others]) -> Any:
    held = getattr(primitive, field)
    if None not in places:
        return tuple([_rule(x, places[i]) if i in places else x for i, x in enumerate(held)])
    (others,) = places.values()
    if isinstance(held, Rule):
        return _rule(held, others)
    return _function(held, others, field == "batch" and primitive.batch_takes_flags)


def _rule(original: Rule, others: Others) -> Rule:
    def select(ans: Any, args: Any) -> tuple[Any, ...]:
        return original.select(ans, args), ans, args

    def apply(lead: Any, residuals: Any, params: Any) -> Any:
        kept, ans, args = residuals

        def called(rule: Rule) -> None:
            rule.apply(lead, rule.select(ans, args), params)

        _compare(others, called, (lead, ans, args))
        return original.apply(lead, kept, params)

    return Rule(apply, select)


def _function(original: Callable[..., Any], others: Others, takes_flags: bool) -> Any:
    def with_flags(*args: Any, batched: Any, **params: Any) -> Any:
        _compare(others, lambda f: f(*args, batched=batched, **params), args)
        return original(*args, batched=batched, **params)

    def without(*args: Any, **params: Any) -> Any:
        _compare(others, lambda f: f(*args, **params), args)
        return original(*args, **params)

    return with_flags if takes_flags else without


def _compare(others: Others, call: Callable[[Any], object], values: tuple[Any, ...]) -> None:
    """Have mutants compare what they return for some values, if these are plain, with what is
    right; from then on those are left out that are other rules."""
    if not all(is_plain(x) or isinstance(x, ArrayType) for x in flat(values)):
        return
    with under(None):
        for watch, other in others:
            try:
                call(other)
            except Exception:
                watch.differs = True
    others[:] = [pair for pair in others if not pair[0].differs]
