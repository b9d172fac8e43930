"""Time and memory of a long tape, in a fresh process: both must grow in proportion, to a million.

The value and the gradient of a loop of sines and additions on 4 elements. The memory is the growth
of the process's peak while it records and walks the tape.
"""

from __future__ import annotations

from benchmarks.workload import Command, ProbeWorkload, Size


def command(contestant: str, size: Size) -> Command:
    """Return the probe that records ``size`` operations."""
    return ("benchmarks.probes.tape", contestant, str(size))


WORKLOAD = ProbeWorkload(
    name="tape",
    title="Long tape, recorded and walked",
    size_label="operations",
    sizes=(10_000, 100_000, 1_000_000),
    quick_sizes=(10_000,),
    contestants=("functrans", "torch", "autograd"),
    command=command,
    limits={"torch": 100_000, "autograd": 100_000},
    repetitions_at_most=3,
)
