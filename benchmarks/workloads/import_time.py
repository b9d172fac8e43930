"""What ``import functrans`` adds to ``import numpy``, in a fresh process each time."""

from __future__ import annotations

from benchmarks.peers import PEERS
from benchmarks.workload import Command, ProbeWorkload, Size, Target


def command(contestant: str, size: Size) -> Command:
    """Return the probe that imports the contestant's module."""
    del size  # there is one only
    return ("benchmarks.probes.import_time", PEERS[contestant].module)


WORKLOAD = ProbeWorkload(
    name="import_time",
    title="Import time, in addition to NumPy's own",
    size_label="",
    sizes=("import",),
    quick_sizes=("import",),
    contestants=("functrans", "torch", "jax_jit", "autograd", "numpy"),
    command=command,
    targets=(Target(at_most=0.050),),
)
