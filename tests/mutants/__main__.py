"""The whole sweep, with figures: ``python -m tests.mutants`` (``special``: of scipy.special)."""

from __future__ import annotations

import importlib
import sys
import time
from collections import Counter

from functrans.core.primitive import REGISTRY
from functrans.testing import rules
from functrans.testing.cases import cases_of
from tests.mutants import count_rules, fate, mutants_of, names, rows_of, unsound


def main(special: bool) -> None:
    """Run the whole sweep and print what docs/verification.md quotes."""
    fates: Counter[str] = Counter()
    operators: dict[str, Counter[str]] = {}
    total_rules = total_rows = 0
    chosen = names(special)
    start = time.perf_counter()
    for number, name in enumerate(chosen, 1):
        primitive = REGISTRY[name]
        cases = rows_of(primitive)
        for failure in unsound(primitive):
            print(f"not sound: {name}: {failure}", flush=True)
        total_rules += count_rules(primitive)
        total_rows += len(cases_of(primitive.call)) * len(rules.CHECKS)
        for mutant in mutants_of(primitive):
            end = fate(mutant, cases)
            fates[end] += 1
            operators.setdefault(mutant.operator, Counter())[end.split()[0]] += 1
            if end == "survived":
                print(f"survived: {mutant}", flush=True)
        elapsed = time.perf_counter() - start
        print(f"{number}/{len(chosen)} {name} {elapsed:.0f} s", file=sys.stderr, flush=True)
    print(f"{len(chosen)} primitives, {total_rules} rules, {total_rows} rows")
    print(f"{sum(fates.values())} mutants")
    for end, count in fates.most_common():
        print(f"  {end}: {count}")
    for operator, counts in sorted(operators.items()):
        print(f"  {operator}: {dict(counts)}")


if __name__ == "__main__":
    if "special" in sys.argv[1:]:
        importlib.import_module("functrans.primitives.special")
    main("special" in sys.argv[1:])
