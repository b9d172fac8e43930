"""The whole sweep, with figures: ``python -m tests.mutants`` (``special``: of scipy.special).

It takes a quarter of an hour or more. ``python -m tests.mutants special 100 200`` sweeps a part,
the primitives of these numbers.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections import Counter

from functrans.core.primitive import REGISTRY
from functrans.testing import rules
from functrans.testing.cases import cases_of
from tests.mutants import count_rules, fates, mutants_of, names, rows_of, unsound


def main(chosen: list[str]) -> None:
    """Run the sweep over primitives and print what docs/verification.md quotes."""
    ends: Counter[str] = Counter()
    operators: dict[str, Counter[str]] = {}
    total_rules = total_rows = 0
    start = time.perf_counter()
    for number, name in enumerate(chosen, 1):
        primitive = REGISTRY[name]
        for failure in unsound(primitive):
            print(f"not sound: {name}: {failure}", flush=True)
        total_rules += count_rules(primitive)
        total_rows += len(cases_of(primitive.call)) * len(rules.CHECKS)
        for mutant, end in fates(mutants_of(primitive), rows_of(primitive)):
            ends[end] += 1
            operators.setdefault(mutant.operator, Counter())[end.split()[0]] += 1
            if end == "survived":
                print(f"survived: {mutant}", flush=True)
        elapsed = time.perf_counter() - start
        print(f"{number}/{len(chosen)} {name} {elapsed:.0f} s", file=sys.stderr, flush=True)
    print(f"{len(chosen)} primitives, {total_rules} rules, {total_rows} rows")
    print(f"{sum(ends.values())} mutants")
    for end, count in ends.most_common():
        print(f"  {end}: {count}")
    for operator, counts in sorted(operators.items()):
        print(f"  {operator}: {dict(counts)}")


if __name__ == "__main__":
    special = "special" in sys.argv[1:]
    if special:
        importlib.import_module("functrans.primitives.special")
    main(names(special)[slice(*[int(x) for x in sys.argv[1:] if x.isdigit()] or [None])])
