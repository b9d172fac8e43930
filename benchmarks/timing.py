"""The interleaved timer: every round gives each contestant a slice, in rotating order."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.peers import settle
from benchmarks.workload import Call, Command

PROJECT = Path(__file__).resolve().parent.parent


@dataclass
class Samples:
    """The measurements of one contestant: seconds for each round, and what a probe adds."""

    seconds: list[float] = field(default_factory=list)
    calls_per_slice: int = 1
    extras: dict[str, list[float]] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The median time of one call, in seconds."""
        return median(self.seconds)

    def ratio_to(self, other: Samples) -> float:
        """The median over the rounds of this time over the other's of the same round.

        Pairing by round cancels what slows the whole machine for a while.
        """
        return median(
            mine / theirs for mine, theirs in zip(self.seconds, other.seconds, strict=True)
        )

    def as_json(self, baseline: Samples) -> dict[str, Any]:
        """Return the statistics and all samples."""
        return {
            "median_seconds": self.median,
            "minimum_seconds": min(self.seconds),
            "ratio_to_functrans": self.ratio_to(baseline),
            "calls_per_slice": self.calls_per_slice,
            "samples_seconds": self.seconds,
            **{f"median_{name}": median(values) for name, values in self.extras.items()},
        }


def rotating(names: Iterable[str], rounds: int) -> Iterator[list[str]]:
    """Yield the order of each round: the first contestant of one round is the last of the next."""
    order = list(names)
    for _ in range(rounds):
        yield order
        order = order[1:] + order[:1]


def calls_for_slice(timer: timeit.Timer, slice_seconds: float) -> int:
    """Return how many calls fill a slice (at least one)."""
    number = 1
    while True:
        elapsed = timer.timeit(number)
        if elapsed >= slice_seconds / 4:
            return max(1, round(number * slice_seconds / elapsed))
        number *= 4


def time_calls(
    calls: Mapping[str, Call],
    repetitions: int,
    slice_seconds: float,
    tick: Callable[[], Any],
) -> dict[str, Samples]:
    """Time all ``calls``, interleaved; ``tick`` is called after each round."""
    timers = {name: make_timer(*call) for name, call in calls.items()}
    settle()
    samples = {
        name: Samples(calls_per_slice=calls_for_slice(timer, slice_seconds))
        for name, timer in timers.items()
    }
    # The collector stays on, since some contestants make cycles and must pay for them. Freezing
    # what exists by now keeps a contestant from paying for the size of the other libraries.
    gc.collect()
    gc.freeze()
    try:
        for order in rotating(timers, repetitions):
            for name in order:
                settle()
                gc.collect()
                number = samples[name].calls_per_slice
                samples[name].seconds.append(timers[name].timeit(number) / number)
            tick()
    finally:
        gc.unfreeze()
    return samples


def make_timer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> timeit.Timer:
    """Return a timer of ``function(*arguments)`` with both in local variables: no wrapper."""
    names = "".join(f"argument_{position}, " for position in range(len(arguments)))
    unpack = f"function, {names} = function_and_arguments"
    return timeit.Timer(
        stmt=f"function({names})",
        setup=f"import gc; gc.enable(); {unpack}",
        globals={"function_and_arguments": (function, *arguments)},
        timer=time.perf_counter,
    )


def time_probes(
    commands: Mapping[str, Command], repetitions: int, tick: Callable[[], Any]
) -> dict[str, Samples]:
    """Run each program ``repetitions`` times, interleaved, and collect what they print."""
    samples = {name: Samples() for name in commands}
    for name in commands:  # not counted: fills the caches of bytecode and of files
        run_probe(commands[name])
    for order in rotating(commands, repetitions):
        for name in order:
            measured = run_probe(commands[name])
            samples[name].seconds.append(measured.pop("seconds"))
            for key, value in measured.items():
                samples[name].extras.setdefault(key, []).append(value)
        tick()
    return samples


def run_probe(command: Command) -> dict[str, float]:
    """Run ``python -m command`` in a fresh process and return the JSON object that it prints."""
    # A checkout must be read from bytecode, as the installed peers are: where it is not written,
    # every import of functrans would compile the sources again (four times as slow).
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    finished = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise RuntimeError(f"the probe {' '.join(command)} failed:\n{finished.stderr}")
    measured: dict[str, float] = json.loads(finished.stdout)
    return measured
