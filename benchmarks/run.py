"""The run: every workload at every size, checked, timed and handed to the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import fresh
from benchmarks.peers import BASELINE, check_result, require_baseline
from benchmarks.report import Outcome, draw, print_summary, print_workload, write_json
from benchmarks.table import write_table
from benchmarks.timing import Samples, time_calls, time_probes
from benchmarks.workload import AnyWorkload, Call, ProbeWorkload, Size, Workload, entrants
from benchmarks.workloads import WORKLOADS

SLICE_SECONDS = 0.005
QUICK_SLICE_SECONDS = 0.002


def chosen(names: Sequence[str] | None) -> list[AnyWorkload]:
    """Return the workloads called ``names``, or all; LookupError for a name that is none."""
    known = {workload.name: workload for workload in WORKLOADS}
    if names is None:
        return list(known.values())
    unknown = [name for name in names if name not in known]
    if unknown:
        raise LookupError(f"no workload {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names]


def checked_calls(workload: Workload, size: Size) -> tuple[dict[str, Call], dict[str, float]]:
    """Build the calls, compare every result with functrans', and time each first call.

    The first call includes what a contestant does once, such as compilation.
    """
    calls = workload.calls(size)
    first_seconds: dict[str, float] = {}
    expected: Any = None
    for name, (function, arguments) in calls.items():
        start = time.perf_counter()
        result = function(*arguments)
        first_seconds[name] = time.perf_counter() - start
        if name == BASELINE:
            expected = result
        elif name not in workload.references:
            check_result(name, result, expected)
    return calls, first_seconds


def measure(
    workload: AnyWorkload,
    size: Size,
    repetitions: int,
    slice_seconds: float,
    tick: Callable[[], Any],
) -> Outcome:
    """Measure all contestants of ``workload`` at ``size``."""
    first_seconds: dict[str, float] = {}
    samples: dict[str, Samples]
    if isinstance(workload, Workload):
        calls, first_seconds = checked_calls(workload, size)
        samples = time_calls(calls, repetitions, slice_seconds, tick)
    else:
        commands = {name: workload.command(name, size) for name in entrants(workload, size)}
        samples = time_probes(commands, repetitions, tick)
    return Outcome(workload, size, samples, first_seconds)


def rounds_of(workload: AnyWorkload, repetitions: int) -> int:
    """Return how many rounds ``workload`` gets."""
    if isinstance(workload, ProbeWorkload):
        return min(repetitions, workload.repetitions_at_most)
    return repetitions


def run(
    names: Sequence[str] | None,
    repetitions: int,
    quick: bool,
    output: Path,
    processes: bool = False,
) -> None:
    """Run the workloads called ``names`` (None: all), print tables, and write JSON and figure.

    With ``processes``, first results and memory are measured in processes of their own too.
    """
    from tqdm import tqdm

    workloads = chosen(names)
    require_baseline()
    slice_seconds = QUICK_SLICE_SECONDS if quick else SLICE_SECONDS
    plan = [(workload, workload.quick_sizes if quick else workload.sizes) for workload in workloads]
    outcomes: list[Outcome] = []
    total = sum(rounds_of(workload, repetitions) * len(sizes) for workload, sizes in plan)
    if processes:
        total += sum(len(fresh.contestants(workload, n)) for workload, sizes in plan for n in sizes)
    with tqdm(total=total, unit="round", leave=False) as progress:
        for workload, sizes in plan:
            done = []
            for size in sizes:
                progress.set_description(f"{workload.name} {size}")
                rounds = rounds_of(workload, repetitions)
                outcome = measure(workload, size, rounds, slice_seconds, progress.update)
                if processes:
                    outcome.fresh.update(fresh.measure(workload, size, progress.update))
                done.append(outcome)
            with progress.external_write_mode():
                print_workload(workload, done)
            outcomes += done
    print_summary(outcomes)
    output.mkdir(parents=True, exist_ok=True)
    settings = {
        "repetitions": repetitions,
        "slice_seconds": slice_seconds,
        "quick": quick,
        "processes": processes,
    }
    print(f"\nAll samples: {write_json(outcomes, settings, output / 'results.json')}")
    print(f"Figure:      {draw(outcomes, output / 'ratios.png')}")
    if processes:
        print(f"Table:       {write_table(outcomes, output / 'processes.md')}")
